/* SPDX-License-Identifier: MIT */
/* 0F 0D with memory is a prefetch, of every kind, and does nothing; nothing is there to fault. */
#include "tests/insn/case.h"

CASE(prefetch_0d)
EXPECT(rbx, 0)
EXPECT_FLAGS(CF, ALL)
BEGIN
    stc
    .byte 0x0f, 0x0d, 0x03
    .byte 0x0f, 0x0d, 0x0b
    .byte 0x0f, 0x0d, 0x33
END
