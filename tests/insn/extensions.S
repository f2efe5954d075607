/* SPDX-License-Identifier: MIT */
/* MOVZX, MOVSX, MOVSXD and the accumulator's own. */
#include "tests/insn/case.h"

CASE(extensions)
EXPECT(rax, 0xffffffffffffff80)
EXPECT(rbx, 0x80)
EXPECT(rcx, 0xffffff80)
EXPECT(rdx, 0xffffffff80000000)
EXPECT(rdi, 0xffff)
EXPECT(rsi, 0x8000)
BEGIN
    mov al, 0x80
    movzx ebx, al
    movsx ecx, al
    mov esi, 0x80000000
    movsxd rdx, esi
    mov edi, -1
    movzx edi, di
    shr esi, 16
    cbw
    cwde
    cdqe
END
