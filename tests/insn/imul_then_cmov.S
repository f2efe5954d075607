/* SPDX-License-Identifier: MIT */
/* A condition reads what IMUL says, though its flags are overwritten soon behind and the block can be left in between. */
#include "tests/insn/case.h"

CASE(imul_then_cmov)
EXPECT(rcx, -42)
EXPECT(rdx, 0x1234)
EXPECT(rsi, 5)
BEGIN
    mov rdx, 5
    mov rsi, 5
    mov r11, 0x1234
    mov rbx, 3
    mov al, 127
    add al, 1               /* OF */
    jmp 1f
1:  imul rcx, rbx, -14
    cmovno rdx, r11
    cmovo rsi, r11
    push rax
    pop rax
    test eax, eax
END
