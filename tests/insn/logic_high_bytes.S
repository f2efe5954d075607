/* SPDX-License-Identifier: MIT */
/* AH, CH, DH, BH as operands of logic. */
#include "tests/insn/case.h"

CASE(logic_high_bytes)
EXPECT(rax, 0xf0f0)
EXPECT(rbx, 0xff00)
EXPECT(rcx, 0x0f00)
EXPECT_FLAGS(ZF | PF, ALL - AF)
BEGIN
    mov eax, 0xf0f0
    mov ecx, 0x0f00
    mov ebx, 0xf000
    or bh, ch
    and ah, bh
    xor dh, dh
END
