/* SPDX-License-Identifier: MIT */
/* A REP that crosses pages of both operands at different places. */
#include "tests/insn/case.h"

CASE(rep_pages)
EXPECT(rax, 0x1111111111111111)
EXPECT(rbx, 0)
EXPECT(rcx, 0)
BEGIN
    mov edi, DATA
    mov eax, 0x11111111
    mov ecx, 0x500
    rep stosd
    mov esi, DATA + 0x123
    mov edi, DATA + 0x2001
    mov ecx, 0x1100
    rep movsb
    mov rax, [DATA + 0x2001 + 0x10f8 - 0x300]
    mov rbx, [DATA + 0x2001 + 0x1400 - 0x123]
END
