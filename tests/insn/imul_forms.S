/* SPDX-License-Identifier: MIT */
/* IMUL with one, two and three operands. */
#include "tests/insn/case.h"

CASE(imul_forms)
EXPECT(rax, -6)
EXPECT(rdx, -1)
EXPECT(rbx, -21)
EXPECT(rcx, 0x7ffffffe)
EXPECT_FLAGS(NONE, CF | OF)
BEGIN
    mov rax, 3
    mov rsi, -2
    imul rsi
    mov ebx, -3
    movsxd rbx, ebx
    imul rbx, rbx, 7
    mov ecx, 0x3fffffff
    imul ecx, ecx, 2
END
