/* SPDX-License-Identifier: MIT */
/* Counts of a zero operand are its width, with CF. */
#include "tests/insn/case.h"

CASE(tzcnt_lzcnt)
EXPECT(rax, 32)
EXPECT(rbx, 16)
EXPECT(rcx, 3)
EXPECT(rdx, 60)
EXPECT_FLAGS(NONE, CF | ZF)
BEGIN
    xor esi, esi
    tzcnt eax, esi
    lzcnt bx, si
    mov esi, 8
    tzcnt rcx, rsi
    lzcnt rdx, rsi
END
