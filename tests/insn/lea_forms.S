/* SPDX-License-Identifier: MIT */
/* LEA: all parts of an address, cut to the operand and address size. */
#include "tests/insn/case.h"

CASE(lea_forms)
EXPECT(rax, 0x1122)
EXPECT(rbx, 0xfffffff8)
EXPECT(rcx, 0xffff0004)
BEGIN
    mov edx, 0x1000
    mov esi, 0x20
    lea rax, [rdx + rsi * 8 + 0x22]
    lea ebx, [rdi - 8]
    mov ecx, 0xffff0000
    mov edx, 0xffffffff
    lea cx, [edx + 5]
END
