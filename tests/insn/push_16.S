/* SPDX-License-Identifier: MIT */
/* A 16-bit push moves RSP by 2. */
#include "tests/insn/case.h"

CASE(push_16)
EXPECT(rax, 2)
EXPECT(rbx, 0x1234)
BEGIN
    mov ebx, 0x1234
    mov rax, rsp
    push bx
    sub rax, rsp
    mov ebx, 0
    pop bx
END
