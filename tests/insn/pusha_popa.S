/* SPDX-License-Identifier: MIT */
/* PUSHA stores the old ESP, POPA ignores it. */
#include "tests/insn/case.h"

CASE32(pusha_popa)
EXPECT(rax, 1)
EXPECT(rbx, 2)
EXPECT(rsp, 0x101ff000)
EXPECT(rsi, 0x101ff000)
BEGIN
    mov eax, 1
    mov ebx, 2
    pusha
    mov esi, [esp + 12]
    mov [esp + 4], esi
    mov dword ptr [esp + 12], 0
    mov eax, 7
    mov ebx, 8
    popa
END
