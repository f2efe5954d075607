/* SPDX-License-Identifier: MIT */
/* VCVTPS2PH rounds as its immediate says; VCVTPH2PS is exact. */
#include "tests/insn/case.h"

CASE(f16c_rounding)
NEEDS("f16c")
EXPECT(rax, 0x3c013c003c003c01)
EXPECT(rbx, 0x3f8020003f802000)
BEGIN
    mov edi, 0x3f801001
    vmovd xmm0, edi
    vshufps xmm0, xmm0, xmm0, 0
    vcvtps2ph xmm1, xmm0, 2
    vcvtps2ph xmm2, xmm0, 1
    vpextrw eax, xmm1, 0
    vpextrw ecx, xmm2, 0
    shl rcx, 16
    or rax, rcx
    shl rcx, 16
    or rax, rcx
    vpextrw ecx, xmm1, 0
    shl rcx, 48
    or rax, rcx
    vcvtph2ps xmm3, xmm1
    vmovq rbx, xmm3
END
