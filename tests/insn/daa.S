/* SPDX-License-Identifier: MIT */
/* Decimal addition: 79 + 35 is 114. */
#include "tests/insn/case.h"

CASE32(daa)
EXPECT(rax, 0x14)
EXPECT_FLAGS(CF | AF | PF, CF | AF | PF | ZF | SF)
BEGIN
    mov al, 0x79
    add al, 0x35
    daa
END
