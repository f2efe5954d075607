/* SPDX-License-Identifier: MIT */
/* PUSH and POP of registers, immediates, memory and RSP itself. */
#include "tests/insn/case.h"

CASE(push_pop)
EXPECT(rax, -5)
EXPECT(rbx, 0x101ff000)
EXPECT(rcx, 0x77)
EXPECT(rsp, 0x101ff000)
EXPECT(rdx, 0x77)
BEGIN
    push -5
    pop rax
    push rsp
    pop rbx
    mov rsi, DATA
    mov qword ptr [rsi], 0x77
    push qword ptr [rsi]
    pop qword ptr [rsi + 8]
    mov rcx, [rsi + 8]
    push rcx
    push 1
    mov [rsp], rsp
    pop rsp
    add rsp, 8
    pop rdx
END
