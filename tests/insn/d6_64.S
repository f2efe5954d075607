/* SPDX-License-Identifier: MIT */
/* D6 is no instruction in 64-bit code. */
#include "tests/insn/case.h"

CASE(d6_64)
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    .byte 0xd6
    mov ebx, 1
END
