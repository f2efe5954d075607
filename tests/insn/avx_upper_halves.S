/* SPDX-License-Identifier: MIT */
/* SSE keeps bits 255:128, VEX.128 and scalars zero them, VZEROUPPER zeroes all. */
#include "tests/insn/case.h"

CASE(avx_upper_halves)
NEEDS("avx2")
EXPECT(rax, 0xffffffffffffffff)
EXPECT(rbx, 0)
EXPECT(rcx, 0)
EXPECT(rdx, 0)
EXPECT(rsi, 0xffffffffffffffff)
BEGIN
    vpcmpeqb ymm0, ymm0, ymm0
    vmovdqa ymm1, ymm0
    vmovdqa ymm2, ymm0
    vmovdqa ymm3, ymm0
    paddb xmm0, xmm0
    vpaddb xmm1, xmm1, xmm1
    vaddss xmm2, xmm2, xmm2
    vextracti128 xmm4, ymm0, 1
    vmovq rax, xmm4
    vextracti128 xmm4, ymm1, 1
    vmovq rbx, xmm4
    vextracti128 xmm4, ymm2, 1
    vmovq rcx, xmm4
    vzeroupper
    vmovq rsi, xmm3
    vextracti128 xmm4, ymm3, 1
    vmovq rdx, xmm4
END
