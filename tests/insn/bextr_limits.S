/* SPDX-License-Identifier: MIT */
/* BEXTR: a start beyond the operand gives 0, a length beyond it all that there is, a length of 0 nothing. */
#include "tests/insn/case.h"

CASE(bextr_limits)
NEEDS("bmi1")
EXPECT(rax, 0)
EXPECT(rbx, 0xffffffff)
EXPECT(rcx, 0)
EXPECT(rdx, 0xff)
EXPECT_FLAGS(NONE, CF | ZF | OF)
BEGIN
    mov rsi, -1
    mov edi, 0x0820
    bextr eax, esi, edi
    mov edi, 0xff00
    bextr ebx, esi, edi
    mov edi, 0x0010
    bextr rcx, rsi, rdi
    mov edi, 0xff38
    bextr rdx, rsi, rdi
END
