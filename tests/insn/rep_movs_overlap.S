/* SPDX-License-Identifier: MIT */
/* REP MOVSB with the destination just above the source repeats a pattern. */
#include "tests/insn/case.h"

CASE(rep_movs_overlap)
EXPECT(rax, 0x6162616261626162)
EXPECT(rcx, 0)
EXPECT(rdi, DATA + 10)
BEGIN
    mov rsi, DATA
    mov word ptr [rsi], 0x6162
    lea rdi, [rsi + 2]
    mov ecx, 8
    rep movsb
    mov rax, [DATA + 2]
END
