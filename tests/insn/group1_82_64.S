/* SPDX-License-Identifier: MIT */
/* 82 is no instruction in 64-bit code. */
#include "tests/insn/case.h"

CASE(group1_82_64)
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    .byte 0x82, 0xc0, 0x02
    mov ebx, 1
END
