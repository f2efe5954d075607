/* SPDX-License-Identifier: MIT */
/* The sign spreads into DX, EDX, RDX. */
#include "tests/insn/case.h"

CASE(cwd_family)
EXPECT(rbx, 0x1111ffff)
EXPECT(rcx, 0xffffffff)
EXPECT(rdx, 0)
BEGIN
    mov edx, 0x11110000
    mov ax, 0x8000
    cwd
    mov ebx, edx
    mov eax, 0x80000000
    mov rdx, -1
    cdq
    mov rcx, rdx
    mov rax, 1
    cqo
END
