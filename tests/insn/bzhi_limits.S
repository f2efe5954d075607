/* SPDX-License-Identifier: MIT */
/* BZHI by the low byte of the index: 64 and more leave the operand and set CF. */
#include "tests/insn/case.h"

CASE(bzhi_limits)
NEEDS("bmi2")
EXPECT(rax, -1)
EXPECT(rbx, 0)
EXPECT(rcx, 1)
EXPECT(rdx, ZF)
EXPECT_FLAGS(CF | SF, CF | ZF | SF | OF)
BEGIN
    mov rsi, -1
    xor edi, edi
    bzhi rbx, rsi, rdi
    pushfq
    pop rdx
    and edx, CF | ZF | SF | OF
    mov edi, 0x101
    bzhi rcx, rsi, rdi
    mov edi, 64
    bzhi rax, rsi, rdi
END
