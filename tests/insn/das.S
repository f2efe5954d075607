/* SPDX-License-Identifier: MIT */
/* Decimal subtraction with borrow: 35 - 47. */
#include "tests/insn/case.h"

CASE32(das)
EXPECT(rax, 0x88)
EXPECT_FLAGS(CF | AF | SF | PF, CF | AF | PF | ZF | SF)
BEGIN
    mov al, 0x35
    sub al, 0x47
    das
END
