/* SPDX-License-Identifier: MIT */
/* VEX-encoded AES and PCLMULQDQ; F16C. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(avx_crypto_vcvtph2ps)
NEEDS("f16c")
EXPECT(r8, 0x86c78248be1c5235)
BEGIN
    OPERANDS_AVX integers
    VM1 r8, vcvtph2ps, ymm4, xmm1
    VM1 r8, vcvtph2ps, ymm4, [rsi + 96]
    VM1 r8, vcvtph2ps, xmm4, xmm1
END

CASE(avx_crypto_vaesimc)
NEEDS("aes")
EXPECT(r8, 0x8cfa599821c9a84)
EXPECT(r9, 0xe06a9bc4ba112bf7)
EXPECT(r10, 0x10b4faba046d74f3)
EXPECT(r11, 0x69f448ef156a17d2)
EXPECT(r12, 0xc95d1e9c399026a6)
EXPECT(r13, 0x35ee4df9f20df0ed)
BEGIN
    OPERANDS_AVX integers
    VM_X r8, vaesimc
    VRM_X r9, vaesenc
    VRM_X r10, vaesenclast
    VRM_X r11, vaesdec
    VRM_X r12, vaesdeclast
    VMI_X r13, vaeskeygenassist, 54
END

CASE(avx_crypto_vcvtps2ph)
NEEDS("f16c")
EXPECT(r8, 0xfeda37266c202692)
BEGIN
    OPERANDS_AVX singles
    VMI1 r8, vcvtps2ph, xmm4, ymm1, 1
    VMI1 r8, vcvtps2ph, xmm4, xmm1, 2
    vmovups [rdi], ymm2
    vcvtps2ph [rdi], ymm1, 0
    FOLD_MEMORY r8, 4
END

CASE(avx_crypto_vpclmulqdq)
NEEDS("pclmulqdq")
EXPECT(r8, 0x7dceb96b0b58d292)
BEGIN
    OPERANDS_AVX integers
    VRMI_X r8, vpclmulqdq, 16
END
