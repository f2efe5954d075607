/* SPDX-License-Identifier: MIT */
/* Newer hints are NOPs that still have their operands decoded. */
#include "tests/insn/case.h"

CASE(hint_space)
EXPECT(rax, 1)
BEGIN
    .byte 0xf3, 0x0f, 0x1e, 0xfa
    .byte 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
    .byte 0x0f, 0x1c, 0x00
    prefetcht0 [rbx]
    pause
    inc eax
END
