/* SPDX-License-Identifier: MIT */
/* ADD of each size: 32 bits clear the upper half, 8 and 16 leave the rest. */
#include "tests/insn/case.h"

CASE(add_sizes)
EXPECT(rax, 0x1111111111111100)
EXPECT(rbx, 0x2222222222220000)
EXPECT(rcx, 0)
EXPECT(rdx, 0)
EXPECT_FLAGS(CF | ZF | PF | AF, ALL)
BEGIN
    mov rax, 0x11111111111111ff
    add al, 1
    mov rbx, 0x222222222222ffff
    add bx, 1
    mov rcx, -1
    add ecx, 1
    mov rdx, -1
    add rdx, 1
END
