/* SPDX-License-Identifier: MIT */
/* VEX.vvvv must be 1111b where it names nothing. */
#include "tests/insn/case.h"

CASE(avx_vvvv_unused)
NEEDS("avx")
EXPECT_VECTOR(UD)
EXPECT(rax, 0)
BEGIN
    .byte 0xc5, 0xf0, 0x28, 0xc1
    mov eax, 1
END
