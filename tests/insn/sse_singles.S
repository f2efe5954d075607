/* SPDX-License-Identifier: MIT */
/* SSE: single precision. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(sse_singles_movups)
EXPECT(r8, 0x90a859cd93d580ee)
EXPECT(r9, 0x43730ba59f99bccb)
EXPECT(r10, 0x6f32d0ddc2c967e6)
EXPECT(r11, 0x8eab58804108006e)
EXPECT(r12, 0x8f32d1dee92fcce6)
EXPECT(r13, 0x8f32d1dee92fcce6)
EXPECT(r14, 0x5f20008041080180)
EXPECT(r15, 0x3928c66c420900c0)
BEGIN
    OPERANDS singles
    RM r8, movups
    RM r9, movss
    STORE r10, movups, xmm0
    STORE r11, movss, xmm0
    movaps xmm4, xmm0
    movlps xmm4, [rsi + 40]
    FOLD r12, xmm4
    movaps xmm4, xmm0
    movhlps xmm4, xmm1
    FOLD r13, xmm4
    STORE r14, movlps, xmm0
    RM r15, unpcklps
END

CASE(sse_singles_unpckhps)
EXPECT(r8, 0xe9378884597b37f9)
EXPECT(r9, 0x60200080405334b3)
EXPECT(r10, 0xe010007fbf400180)
EXPECT(r11, 0xa4c0bc8653d4cc9e)
EXPECT(r12, 0x90a859cd93d580ee)
EXPECT(r13, 0x6f32d0ddc2c967e6)
EXPECT(r14, 0x6f32d0ddc2c967e6)
EXPECT(r15, 0xfffffc0000000201)
BEGIN
    OPERANDS singles
    RM r8, unpckhps
    movaps xmm4, xmm0
    movhps xmm4, [rsi + 40]
    FOLD r9, xmm4
    movaps xmm4, xmm0
    movlhps xmm4, xmm1
    FOLD r10, xmm4
    STORE r11, movhps, xmm0
    RM r12, movaps
    STORE r13, movaps, xmm0
    STORE r14, movntps, xmm0
    cvttps2pi mm4, xmm1
    FOLD_MM r15, mm4
    cvttps2pi mm4, [rsi + 64]
    FOLD_MM r15, mm4
END

CASE(sse_singles_cvttss2si)
EXPECT(r8, 0x2)
EXPECT(r9, 0xfffffc0000000401)
EXPECT(r10, 0x202)
EXPECT(r11, 0x1040)
EXPECT(r12, 0x1040)
EXPECT(r13, 0x2)
EXPECT(r14, 0x6acdbde129c8e5a0)
EXPECT(r15, 0xb2a6c9a2046d08b1)
BEGIN
    OPERANDS singles
    cvttss2si ecx, xmm1
    FOLD_GPR r8, rcx
    cvttss2si rcx, [rsi + 64]
    FOLD_GPR r8, rcx
    cvtps2pi mm4, xmm1
    FOLD_MM r9, mm4
    cvtps2pi mm4, [rsi + 64]
    FOLD_MM r9, mm4
    cvtss2si ecx, xmm1
    FOLD_GPR r10, rcx
    cvtss2si rcx, [rsi + 64]
    FOLD_GPR r10, rcx
    COMPARE r11, ucomiss
    COMPARE r12, comiss
    mov ecx, 0x5a5a5a5a
    movmskps ecx, xmm0
    FOLD_GPR r13, rcx
    RM r14, sqrtps
    RM r15, sqrtss
END

CASE(sse_singles_rsqrtps)
EXPECT(r8, 0xfffffffffffffffe)
EXPECT(r9, 0xf800000007fbfdfe)
EXPECT(r10, 0xfffffffffffffffe)
EXPECT(r11, 0xf800000007fbfdfe)
EXPECT(r12, 0x111b0104ce918080)
EXPECT(r13, 0x7f8d58c8c544006e)
EXPECT(r14, 0x323734cc27a7231f)
EXPECT(r15, 0x211c33c75915a29f)
BEGIN
    OPERANDS singles
    RATIOS
    movaps xmm5, xmm0
    andps xmm5, [rip + 9920b]
    xorps xmm4, xmm4
    rsqrtps xmm4, xmm5
    mulps xmm4, xmm4
    mulps xmm4, xmm5
    movaps xmm6, xmm4
    cmpps xmm6, [rip + 9921b], 1
    cmpps xmm4, [rip + 9922b], 1
    FOLD r8, xmm6
    FOLD r8, xmm4
    movaps xmm5, xmm0
    andps xmm5, [rip + 9920b]
    xorps xmm4, xmm4
    rsqrtss xmm4, xmm5
    mulps xmm4, xmm4
    mulps xmm4, xmm5
    movaps xmm6, xmm4
    cmpps xmm6, [rip + 9921b], 1
    cmpps xmm4, [rip + 9922b], 1
    FOLD r9, xmm6
    FOLD r9, xmm4
    movaps xmm5, xmm0
    andps xmm5, [rip + 9920b]
    xorps xmm4, xmm4
    rcpps xmm4, xmm5
    mulps xmm4, xmm5
    movaps xmm6, xmm4
    cmpps xmm6, [rip + 9921b], 1
    cmpps xmm4, [rip + 9922b], 1
    FOLD r10, xmm6
    FOLD r10, xmm4
    movaps xmm5, xmm0
    andps xmm5, [rip + 9920b]
    xorps xmm4, xmm4
    rcpss xmm4, xmm5
    mulps xmm4, xmm5
    movaps xmm6, xmm4
    cmpps xmm6, [rip + 9921b], 1
    cmpps xmm4, [rip + 9922b], 1
    FOLD r11, xmm6
    FOLD r11, xmm4
    RM r12, andps
    RM r13, andnps
    RM r14, orps
    RM r15, xorps
END

CASE(sse_singles_addps)
EXPECT(r8, 0xb2ac07ea3bee22b1)
EXPECT(r9, 0xb2ac5c04a26322b1)
EXPECT(r10, 0xdc33d78fe5144bb9)
EXPECT(r11, 0xb2a85c04626322b1)
EXPECT(r12, 0x3ee4f8b581fe4088)
EXPECT(r13, 0x90abdb83de5de3b1)
EXPECT(r14, 0xf00c00020ff403f7)
EXPECT(r15, 0xf00c000107f403f7)
BEGIN
    OPERANDS singles
    RM r8, addps
    RM r9, addss
    RM r10, mulps
    RM r11, mulss
    RM r12, cvtps2pd
    RM r13, cvtss2sd
    RM r14, cvtps2dq
    RM r15, cvttps2dq
END

CASE(sse_singles_subps)
EXPECT(r8, 0xb2a6311c42dba2b1)
EXPECT(r9, 0xb2a5dd01e26322b1)
EXPECT(r10, 0x611d01cd13d58000)
EXPECT(r11, 0xb2a5dc03626322b1)
EXPECT(r12, 0x3d661567bf5ac959)
EXPECT(r13, 0xb2abdc02626322b1)
EXPECT(r14, 0xe2353403e263239f)
EXPECT(r15, 0xb2a9dc03e26322b1)
BEGIN
    OPERANDS singles
    RM r8, subps
    RM r9, subss
    RM r10, minps
    RM r11, minss
    RM r12, divps
    RM r13, divss
    RM r14, maxps
    RM r15, maxss
END

CASE(sse_singles_cmpps)
EXPECT(r8, 0xffffffffffffffff)
EXPECT(r9, 0xb8abdb83da6322b1)
EXPECT(r10, 0x8edfca6505456361)
BEGIN
    OPERANDS singles
    RMI r8, cmpps, 1
    RMI r9, cmpss, 6
    RMI r10, shufps, 78
END
