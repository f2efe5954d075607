/* SPDX-License-Identifier: MIT */
/* DF = 1 copies downwards. */
#include "tests/insn/case.h"

CASE(rep_movs_down)
EXPECT(rax, 0x0807060504030201)
EXPECT(rsi, DATA - 8)
EXPECT(rdi, DATA)
BEGIN
    mov rax, 0x0807060504030201
    mov [DATA], rax
    mov esi, DATA
    mov edi, DATA + 8
    mov ecx, 1
    std
    rep movsq
    cld
    mov rax, [DATA + 8]
END
