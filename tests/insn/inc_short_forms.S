/* SPDX-License-Identifier: MIT */
/* 40..4F are INC and DEC outside 64-bit code. */
#include "tests/insn/case.h"

CASE32(inc_short_forms)
EXPECT(rax, 1)
EXPECT(rbx, -1)
EXPECT(rsi, 0x10000)
BEGIN
    mov esi, 0x1ffff
    .byte 0x40
    .byte 0x4b
    .byte 0x66, 0x46
END
