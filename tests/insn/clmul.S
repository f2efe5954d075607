/* SPDX-License-Identifier: MIT */
/* Products without carries of all four halves. */
#include "tests/insn/case.h"

CASE(clmul)
NEEDS("pclmulqdq")
EXPECT(rax, 15)
EXPECT(rbx, 0x5555555555555555)
EXPECT(rcx, 0x5555555555555555)
BEGIN
    mov edi, 3
    vmovq xmm0, rdi
    mov edi, 5
    vmovq xmm1, rdi
    pclmulqdq xmm0, xmm1, 0
    vmovq rax, xmm0
    mov rdi, -1
    vmovq xmm2, rdi
    vpclmulqdq xmm3, xmm2, xmm2, 0
    vmovq rbx, xmm3
    vpextrq rcx, xmm3, 1
END
