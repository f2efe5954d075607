/* SPDX-License-Identifier: MIT */
/* The product is not rounded: (1 + 2^-27)^2 - 1 - 2^-26 is 2^-54. */
#include "tests/insn/case.h"

CASE(fma_fused)
NEEDS("fma")
EXPECT(rax, 0x3c90000000000000)
EXPECT(rbx, 0xbc90000000000000)
BEGIN
    mov rdi, 0x3ff0000002000000
    vmovq xmm0, rdi
    vmovq xmm1, rdi
    mov rdi, 0xbff0000004000000
    vmovq xmm2, rdi
    vmovq xmm3, rdi
    vfmadd231sd xmm2, xmm0, xmm1
    vmovq rax, xmm2
    vpcmpeqq xmm4, xmm4, xmm4
    vpsllq xmm4, xmm4, 63
    vpxor xmm3, xmm3, xmm4
    vfnmadd213sd xmm0, xmm1, xmm3
    vmovq rbx, xmm0
END
