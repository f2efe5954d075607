/* SPDX-License-Identifier: MIT */
/* ASCII adjustment touches AH. */
#include "tests/insn/case.h"

CASE32(aaa_aas)
EXPECT(rax, 0x0105)
EXPECT(rbx, 0xfe08)
BEGIN
    mov ax, 0x0007
    add al, 8
    aaa
    mov ebx, eax
    mov ax, 0x0003
    sub al, 5
    aas
    xchg eax, ebx
    mov bh, 0xfe
END
