/* SPDX-License-Identifier: MIT */
/* AVX: double precision, 256 and 128 bits. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(avx_doubles_vmovupd)
NEEDS("avx")
EXPECT(r8, 0x62c89a01a9871173)
EXPECT(r9, 0x5ff4000)
EXPECT(r10, 0x5fe4008)
EXPECT(r11, 0x3f9d1402e3dca34e)
EXPECT(r12, 0x20b999999f97dbfb)
EXPECT(r13, 0x5fe4008)
EXPECT(r14, 0x94d5e57a41f2d6c7)
EXPECT(r15, 0x20b999999b985bfb)
BEGIN
    OPERANDS_AVX doubles
    VM r8, vmovupd
    vmovaps ymm4, ymm2
    vmovsd xmm4, qword ptr [rsi + 32]
    FOLD_Y r9, ymm4
    vmovaps ymm4, ymm2
    vmovsd xmm4, xmm0, xmm1
    FOLD_Y r10, ymm4
    VSTORE r11, vmovupd, xmm1
    VSTORE r11, vmovupd, ymm0
    VSTORE r12, vmovsd, xmm1
    vmovaps ymm4, ymm2
    .byte 0xc5, 0xfb, 0x11, 0xcc /* vmovsd xmm4, xmm0, xmm1 */
    FOLD_Y r13, ymm4
    vmovaps ymm4, ymm2
    vmovlpd xmm4, xmm0, [rsi + 40]
    FOLD_Y r14, ymm4
    VSTORE r15, vmovlpd, xmm0
END

CASE(avx_doubles_vunpcklpd)
NEEDS("avx")
EXPECT(r8, 0x680e61d9d05b7044)
EXPECT(r9, 0x56bf158425dcf36e)
EXPECT(r10, 0x5fca6af2bf1cb9eb)
EXPECT(r11, 0x20b999999f9cabfb)
EXPECT(r12, 0x62c89a01a9871173)
EXPECT(r13, 0x3f9d1402e3dca34e)
EXPECT(r14, 0x9209ad1398b90e5b)
EXPECT(r15, 0x2)
BEGIN
    OPERANDS_AVX doubles
    VRM r8, vunpcklpd
    VRM r9, vunpckhpd
    vmovaps ymm4, ymm2
    vmovhpd xmm4, xmm0, [rsi + 40]
    FOLD_Y r10, ymm4
    VSTORE r11, vmovhpd, xmm0
    VM r12, vmovapd
    VSTORE r13, vmovapd, xmm1
    VSTORE r13, vmovapd, ymm0
    VSTORE r14, vmovntpd, ymm0
    VSTORE r14, vmovntpd, xmm1
    vcvttsd2si ecx, xmm1
    FOLD_GPR r15, rcx
    vcvttsd2si rcx, [rsi + 64]
    FOLD_GPR r15, rcx
END

CASE(avx_doubles_vcvtsd2si)
NEEDS("avx")
EXPECT(r8, 0x1fffffffe02)
EXPECT(r9, 0x1040)
EXPECT(r10, 0x1040)
EXPECT(r11, 0x401)
EXPECT(r12, 0x5635b6f4c3d3584)
EXPECT(r13, 0xd077427a49feef7f)
EXPECT(r14, 0xbd148584cbc8482a)
EXPECT(r15, 0xe614147ce1bac848)
BEGIN
    OPERANDS_AVX doubles
    vcvtsd2si ecx, xmm1
    FOLD_GPR r8, rcx
    vcvtsd2si rcx, [rsi + 64]
    FOLD_GPR r8, rcx
    COMPARE r9, vucomisd
    COMPARE r10, vcomisd
    mov ecx, 0x5a5a5a5a
    vmovmskpd ecx, xmm0
    FOLD_GPR r11, rcx
    vmovmskpd ecx, ymm1
    FOLD_GPR r11, rcx
    VM r12, vsqrtpd
    VRM_X r13, vsqrtsd
    VRM r14, vandpd
    VRM r15, vandnpd
END

CASE(avx_doubles_vorpd)
NEEDS("avx")
EXPECT(r8, 0x4b7c519c7b4e667f)
EXPECT(r9, 0xe87cc0fb3861e54)
EXPECT(r10, 0x97c4d9e3a71b1d26)
EXPECT(r11, 0x1fe400800203a008)
EXPECT(r12, 0xcdc66c435128cd11)
EXPECT(r13, 0x5fe900800203a808)
EXPECT(r14, 0x96f0eced5541b8ad)
EXPECT(r15, 0x21ef0080599ec008)
BEGIN
    OPERANDS_AVX doubles
    VRM r8, vorpd
    VRM r9, vxorpd
    VRM r10, vaddpd
    VRM_X r11, vaddsd
    VRM r12, vmulpd
    VRM_X r13, vmulsd
    VM1 r14, vcvtpd2ps, xmm4, ymm1
    VM1 r14, vcvtpd2ps, xmm4, xmm1
    VM1 r14, vcvtpd2ps, xmm4, "ymmword ptr [rsi + 96]"
    VRM_X r15, vcvtsd2ss
END

CASE(avx_doubles_vsubpd)
NEEDS("avx")
EXPECT(r8, 0x3e91cd245fff30d5)
EXPECT(r9, 0x2031008006030008)
EXPECT(r10, 0xd0a03346cccb4e24)
EXPECT(r11, 0x5fe4008001fec008)
EXPECT(r12, 0x51557a6407aa411b)
EXPECT(r13, 0x170b6e36d9fddb76)
EXPECT(r14, 0x77f0a3da82536084)
EXPECT(r15, 0x1fec008002036008)
BEGIN
    OPERANDS_AVX doubles
    VRM r8, vsubpd
    VRM_X r9, vsubsd
    VRM r10, vminpd
    VRM_X r11, vminsd
    VRM r12, vdivpd
    VRM_X r13, vdivsd
    VRM r14, vmaxpd
    VRM_X r15, vmaxsd
END

CASE(avx_doubles_vhaddpd)
NEEDS("avx")
EXPECT(r8, 0x53c120bdd2a24fde)
EXPECT(r9, 0x12aa318bcc9267c)
EXPECT(r10, 0xffbfeff7f7fdfeff)
EXPECT(r11, 0x30007ff8030008)
EXPECT(r12, 0xed1361ddd8abc184)
EXPECT(r13, 0x1811cd247740b15a)
EXPECT(r14, 0xc802000023ffffff)
EXPECT(r15, 0x4801fff8ac000007)
BEGIN
    OPERANDS_AVX doubles
    VRM r8, vhaddpd
    VRM r9, vhsubpd
    VRMI r10, vcmppd, 2
    VRMI_X r11, vcmpsd, 1
    VRMI r12, vshufpd, 1
    VRM r13, vaddsubpd
    VM1 r14, vcvttpd2dq, xmm4, ymm1
    VM1 r14, vcvttpd2dq, xmm4, xmm1
    VM1 r14, vcvttpd2dq, xmm4, "ymmword ptr [rsi + 96]"
    VM1 r15, vcvtpd2dq, xmm4, ymm1
    VM1 r15, vcvtpd2dq, xmm4, xmm1
    VM1 r15, vcvtpd2dq, xmm4, "ymmword ptr [rsi + 96]"
END

CASE(avx_doubles_vpermilpd)
NEEDS("avx")
EXPECT(r8, 0x6b9565393d68babf)
EXPECT(r9, 0x40001001040)
EXPECT(r10, 0xc402000006031188)
EXPECT(r11, 0xd20f9eb9fae5ef2b)
EXPECT(r12, 0x12cb2057287f0d27)
EXPECT(r13, 0xb5a222e552241a5b)
EXPECT(r14, 0x8be450205404cad)
EXPECT(r15, 0x4030008002034008)
BEGIN
    OPERANDS_AVX doubles
    VRM r8, vpermilpd
    COMPARE r9, vtestpd
    vtestpd ymm0, ymm1
    FOLD_FLAGS r9
    VM1 r10, vbroadcastsd, ymm4, [rsi + 8]
    VM1 r11, vmaskmovpd, ymm4, "ymm0, [rsi + 32]"
    VM1 r11, vmaskmovpd, xmm4, "xmm1, [rsi + 32]"
    VSTORE r12, vmaskmovpd, "ymm0, ymm1"
    VSTORE r12, vmaskmovpd, "xmm1, xmm0"
    VMI r13, vpermilpd, 5
    VMI r14, vroundpd, 1
    VRMI_X r15, vroundsd, 3
END

CASE(avx_doubles_vblendpd)
NEEDS("avx")
EXPECT(r8, 0x972611523ce9f6af)
EXPECT(r9, 0x5ff900001834b3ee)
EXPECT(r10, 0x8b6526cd42a54989)
BEGIN
    OPERANDS_AVX doubles
    VRMI r8, vblendpd, 2
    VRMI_X r9, vdppd, 49
    VM1 r10, vblendvpd, ymm4, "ymm0, ymm1, ymm2"
    VM1 r10, vblendvpd, xmm4, "xmm0, [rsi + 96], xmm1"
END

CASE(avx_doubles_vbroadcastsd)
NEEDS("avx2")
EXPECT(r8, 0x8fe8000005fe3f1f)
EXPECT(r9, 0x97209a01a61451b0)
EXPECT(r10, 0x69262846f7ab7971)
EXPECT(r11, 0xdf6aaeda576d3537)
EXPECT(r12, 0xb985820743ff3a55)
EXPECT(r13, 0xb965860743ff3a55)
EXPECT(r14, 0x9d0120b41cf3c75f)
BEGIN
    OPERANDS_AVX doubles
    VM1 r8, vbroadcastsd, ymm4, xmm1
    VM r9, vpabsd
    VRM r10, vpminsd
    VRM r11, vpmaxsd
    mov rcx, 0x0000001000000003
    vmovq xmm5, rcx
    vinsertf128 ymm5, ymm5, xmm5, 1
    vmovaps ymm6, ymm2
    vmovaps ymm4, ymm0
    vgatherdpd ymm4, [rsi + xmm5 * 2], ymm6
    FOLD_Y r12, ymm4
    FOLD_Y r12, ymm6
    mov rcx, 0x0000000000000018
    vmovq xmm5, rcx
    vinsertf128 ymm5, ymm5, xmm5, 1
    vmovaps ymm6, ymm2
    vmovaps ymm4, ymm0
    vgatherqpd ymm4, [rsi + ymm5 * 2], ymm6
    FOLD_Y r13, ymm4
    FOLD_Y r13, ymm6
    VMI_Y r14, vpermpd, 78
END
