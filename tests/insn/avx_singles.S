/* SPDX-License-Identifier: MIT */
/* AVX: single precision, 256 and 128 bits. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(avx_singles_vmovups)
NEEDS("avx")
EXPECT(r8, 0x5585f1a46b854774)
EXPECT(r9, 0x1fa000000000000)
EXPECT(r10, 0x43730b259f99bccb)
EXPECT(r11, 0xf8640fb20d0eb687)
EXPECT(r12, 0x427d04a2d13a3a2f)
EXPECT(r13, 0x43730b259f99bccb)
EXPECT(r14, 0x477ba4bf339a3ccb)
EXPECT(r15, 0x477ba4bf339a3ccb)
BEGIN
    OPERANDS_AVX singles
    VM r8, vmovups
    vmovaps ymm4, ymm2
    vmovss xmm4, dword ptr [rsi + 32]
    FOLD_Y r9, ymm4
    vmovaps ymm4, ymm2
    vmovss xmm4, xmm0, xmm1
    FOLD_Y r10, ymm4
    VSTORE r11, vmovups, xmm1
    VSTORE r11, vmovups, ymm0
    VSTORE r12, vmovss, xmm1
    vmovaps ymm4, ymm2
    .byte 0xc5, 0xfa, 0x11, 0xcc /* vmovss xmm4, xmm0, xmm1 */
    FOLD_Y r13, ymm4
    vmovaps ymm4, ymm2
    vmovlps xmm4, xmm0, [rsi + 40]
    FOLD_Y r14, ymm4
    vmovaps ymm4, ymm2
    vmovhlps xmm4, xmm0, xmm1
    FOLD_Y r15, ymm4
END

CASE(avx_singles_vmovlps)
NEEDS("avx")
EXPECT(r8, 0xe28104a2d5817c01)
EXPECT(r9, 0x80be0df113820a58)
EXPECT(r10, 0xbc9cfa87ea85953c)
EXPECT(r11, 0x201014cd2cd8080)
EXPECT(r12, 0x1fefd0006038040)
EXPECT(r13, 0xd2994fd601fa9284)
EXPECT(r14, 0x5585f1a46b854774)
EXPECT(r15, 0xf8640fb20d0eb687)
BEGIN
    OPERANDS_AVX singles
    VSTORE r8, vmovlps, xmm0
    VRM r9, vunpcklps
    VRM r10, vunpckhps
    vmovaps ymm4, ymm2
    vmovhps xmm4, xmm0, [rsi + 40]
    FOLD_Y r11, ymm4
    vmovaps ymm4, ymm2
    vmovlhps xmm4, xmm0, xmm1
    FOLD_Y r12, ymm4
    VSTORE r13, vmovhps, xmm0
    VM r14, vmovaps
    VSTORE r15, vmovaps, xmm1
    VSTORE r15, vmovaps, ymm0
END

CASE(avx_singles_vmovntps)
NEEDS("avx")
EXPECT(r8, 0xb666baacdb0e7940)
EXPECT(r9, 0x2)
EXPECT(r10, 0x202)
EXPECT(r11, 0x1040)
EXPECT(r12, 0x1040)
EXPECT(r13, 0x446)
EXPECT(r14, 0x100e1522f1a8c623)
EXPECT(r15, 0xc312d7d9ced94910)
BEGIN
    OPERANDS_AVX singles
    VSTORE r8, vmovntps, ymm0
    VSTORE r8, vmovntps, xmm1
    vcvttss2si ecx, xmm1
    FOLD_GPR r9, rcx
    vcvttss2si rcx, [rsi + 64]
    FOLD_GPR r9, rcx
    vcvtss2si ecx, xmm1
    FOLD_GPR r10, rcx
    vcvtss2si rcx, [rsi + 64]
    FOLD_GPR r10, rcx
    COMPARE r11, vucomiss
    COMPARE r12, vcomiss
    mov ecx, 0x5a5a5a5a
    vmovmskps ecx, xmm0
    FOLD_GPR r13, rcx
    vmovmskps ecx, ymm1
    FOLD_GPR r13, rcx
    VM r14, vsqrtps
    VRM_X r15, vsqrtss
END

CASE(avx_singles_vrsqrtps)
NEEDS("avx")
EXPECT(r8, 0xfffffffffffffffe)
EXPECT(r9, 0x1fffffffe00)
EXPECT(r10, 0xfffffffffffffffe)
EXPECT(r11, 0x1fffffffe00)
EXPECT(r12, 0x4d3d212dc212aba5)
EXPECT(r13, 0x848d076a9729bcf)
EXPECT(r14, 0x3b24096e8011d79b)
EXPECT(r15, 0xeda6f840bdff2bf5)
BEGIN
    OPERANDS_AVX singles
    RATIOS
    vandps xmm5, xmm0, [rip + 9920b]
    vxorps xmm4, xmm4, xmm4
    vrsqrtps xmm4, xmm5
    vmulps xmm4, xmm4, xmm4
    vmulps xmm4, xmm4, xmm5
    vcmpps xmm6, xmm4, [rip + 9921b], 1
    vcmpps xmm7, xmm4, [rip + 9922b], 1
    FOLD r8, xmm6
    FOLD r8, xmm7
    vandps xmm5, xmm0, [rip + 9920b]
    vxorps xmm4, xmm4, xmm4
    vrsqrtss xmm4, xmm5, xmm5
    vmulps xmm4, xmm4, xmm4
    vmulps xmm4, xmm4, xmm5
    vcmpps xmm6, xmm4, [rip + 9921b], 1
    vcmpps xmm7, xmm4, [rip + 9922b], 1
    FOLD r9, xmm6
    FOLD r9, xmm7
    vandps xmm5, xmm0, [rip + 9920b]
    vxorps xmm4, xmm4, xmm4
    vrcpps xmm4, xmm5
    vmulps xmm4, xmm4, xmm5
    vcmpps xmm6, xmm4, [rip + 9921b], 1
    vcmpps xmm7, xmm4, [rip + 9922b], 1
    FOLD r10, xmm6
    FOLD r10, xmm7
    vandps xmm5, xmm0, [rip + 9920b]
    vxorps xmm4, xmm4, xmm4
    vrcpss xmm4, xmm5, xmm5
    vmulps xmm4, xmm4, xmm5
    vcmpps xmm6, xmm4, [rip + 9921b], 1
    vcmpps xmm7, xmm4, [rip + 9922b], 1
    FOLD r11, xmm6
    FOLD r11, xmm7
    VRM r12, vandps
    VRM r13, vandnps
    VRM r14, vorps
    VRM r15, vxorps
END

CASE(avx_singles_vaddps)
NEEDS("avx")
EXPECT(r8, 0x382071cd2cebfeed)
EXPECT(r9, 0x3d0cd7d9cf326f25)
EXPECT(r10, 0x3c3314c2f4766c5a)
EXPECT(r11, 0x4112d7d9cef26f25)
EXPECT(r12, 0xb0d4cb0e7e43c85c)
EXPECT(r13, 0xfac0d7d9af296f24)
EXPECT(r14, 0xe73b5eface081127)
EXPECT(r15, 0x5f3d6eface08109f)
BEGIN
    OPERANDS_AVX singles
    VRM r8, vaddps
    VRM_X r9, vaddss
    VRM r10, vmulps
    VRM_X r11, vmulss
    VM1 r12, vcvtps2pd, ymm4, xmm1
    VM1 r12, vcvtps2pd, ymm4, [rsi + 96]
    VM1 r12, vcvtps2pd, xmm4, xmm1
    VRM_X r13, vcvtss2sd
    VM r14, vcvtps2dq
    VM r15, vcvttps2dq
END

CASE(avx_singles_vsubps)
NEEDS("avx")
EXPECT(r8, 0x34a23f3a5ee755d1)
EXPECT(r9, 0x3d15d7d9ceca6f25)
EXPECT(r10, 0x6a89c7166e919703)
EXPECT(r11, 0x4110d7d9ceca6f25)
EXPECT(r12, 0xca4da412b4a30302)
EXPECT(r13, 0x4112d7d9cf2a6f25)
EXPECT(r14, 0x1dd76385cb92ea3d)
EXPECT(r15, 0x3d12d7d9cf0a6f25)
BEGIN
    OPERANDS_AVX singles
    VRM r8, vsubps
    VRM_X r9, vsubss
    VRM r10, vminps
    VRM_X r11, vminss
    VRM r12, vdivps
    VRM_X r13, vdivss
    VRM r14, vmaxps
    VRM_X r15, vmaxss
END

CASE(avx_singles_vhaddps)
NEEDS("avx")
EXPECT(r8, 0x44b10322b970a9f4)
EXPECT(r9, 0x45bbe0dda6092b2)
EXPECT(r10, 0xf7e1ff00001deff7)
EXPECT(r11, 0xc314d7da272a6f24)
EXPECT(r12, 0xdb6b9d87ff9884e1)
EXPECT(r13, 0x5cea49a4c49e9569)
EXPECT(r14, 0xe09fbf114ed8f2f6)
EXPECT(r15, 0x40001000)
BEGIN
    OPERANDS_AVX singles
    VRM r8, vhaddps
    VRM r9, vhsubps
    VRMI r10, vcmpps, 1
    VRMI_X r11, vcmpss, 6
    VRMI r12, vshufps, 78
    VRM r13, vaddsubps
    VRM r14, vpermilps
    COMPARE r15, vtestps
    vtestps ymm0, ymm1
    FOLD_FLAGS r15
END

CASE(avx_singles_vbroadcastss)
NEEDS("avx")
EXPECT(r8, 0x2ce772672ce77267)
EXPECT(r9, 0xc258e152d5a41610)
EXPECT(r10, 0x9ce6abb892215416)
EXPECT(r11, 0xd28d9f7395ee2e02)
EXPECT(r12, 0x732696f30b984bb8)
EXPECT(r13, 0x4110d7d9ceea6f25)
EXPECT(r14, 0xa61098bcbf0b9172)
EXPECT(r15, 0x9e25b0bc00)
BEGIN
    OPERANDS_AVX singles
    VM1 r8, vbroadcastss, ymm4, [rsi + 4]
    VM1 r8, vbroadcastss, xmm4, [rsi + 8]
    VM1 r9, vmaskmovps, ymm4, "ymm0, [rsi + 32]"
    VM1 r9, vmaskmovps, xmm4, "xmm1, [rsi + 32]"
    VSTORE r10, vmaskmovps, "ymm0, ymm1"
    VSTORE r10, vmaskmovps, "xmm1, xmm0"
    VMI r11, vpermilps, 147
    VMI r12, vroundps, 2
    VRMI_X r13, vroundss, 0
    VRMI r14, vblendps, 6
    vextractps ecx, xmm0, 3
    FOLD_GPR r15, rcx
    mov qword ptr [rdi], -1
    vextractps [rdi], xmm1, 1
    FOLD_MEMORY r15, 1
END

CASE(avx_singles_vinsertps)
NEEDS("avx")
EXPECT(r8, 0xfba8a4bf3784b259)
EXPECT(r9, 0xeca7a0cdecc5a0cd)
EXPECT(r10, 0x4aa0b9046e17d87d)
BEGIN
    OPERANDS_AVX singles
    VRMI_X r8, vinsertps, 152
    VRMI r9, vdpps, 115
    VM1 r10, vblendvps, ymm4, "ymm0, ymm1, ymm2"
    VM1 r10, vblendvps, xmm4, "xmm0, [rsi + 96], xmm1"
END

CASE(avx_singles_vpermps)
NEEDS("avx2")
EXPECT(r8, 0x3c3ec59a198148cb)
EXPECT(r9, 0x15aad4ec15aad4ec)
EXPECT(r10, 0x3a69b89938c036e5)
EXPECT(r11, 0xfbdbccb4376ea0c4)
BEGIN
    OPERANDS_AVX singles
    VRM_Y r8, vpermps
    VM1 r9, vbroadcastss, ymm4, xmm1
    VM1 r9, vbroadcastss, xmm4, xmm1
    mov rcx, 0x0000001000000003
    vmovq xmm5, rcx
    vinsertf128 ymm5, ymm5, xmm5, 1
    vmovaps ymm6, ymm2
    vmovaps ymm4, ymm0
    vgatherdps ymm4, [rsi + ymm5 * 2], ymm6
    FOLD_Y r10, ymm4
    FOLD_Y r10, ymm6
    mov rcx, 0x0000000000000018
    vmovq xmm5, rcx
    vinsertf128 ymm5, ymm5, xmm5, 1
    vmovaps ymm6, ymm2
    vmovaps ymm4, ymm0
    vgatherqps xmm4, [rsi + ymm5 * 2], xmm6
    FOLD_Y r11, ymm4
    FOLD_Y r11, ymm6
END
