/* SPDX-License-Identifier: MIT */
/* Destination, index and mask must be three registers. */
#include "tests/insn/case.h"

CASE(avx2_gather_same_register)
NEEDS("avx2")
EXPECT_VECTOR(UD)
EXPECT(rax, 0)
BEGIN
    .byte 0xc4, 0xe2, 0x69, 0x90, 0x14, 0x0e
    mov eax, 1
END
