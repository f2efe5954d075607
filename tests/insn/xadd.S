/* SPDX-License-Identifier: MIT */
/* XADD: the old value comes back, also with both operands the same. */
#include "tests/insn/case.h"

CASE(xadd)
EXPECT(rax, 5)
EXPECT(rbx, 8)
EXPECT(rcx, 12)
EXPECT_FLAGS(PF, CF | OF | ZF | SF | PF)
BEGIN
    mov rsi, DATA
    mov dword ptr [rsi], 5
    mov eax, 3
    lock xadd [rsi], eax
    mov ebx, [rsi]
    mov ecx, 6
    xadd ecx, ecx
END
