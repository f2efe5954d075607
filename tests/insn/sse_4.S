/* SPDX-License-Identifier: MIT */
/* What SSE4.1 and SSE4.2 added to vectors of 128 bits. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(sse_4_pblendvb)
NEEDS("sse4.1")
EXPECT(r8, 0xf4c6a2f41af090f8)
EXPECT(r9, 0x1)
EXPECT(r10, 0xba11ee1b00360848)
EXPECT(r11, 0x1ffcf05108071066)
EXPECT(r12, 0xfffffffc100b1076)
EXPECT(r13, 0x14aadd400cf3433c)
EXPECT(r14, 0x1c04f76566)
EXPECT(r15, 0xfff814c8ea154343)
BEGIN
    OPERANDS integers
    RM r8, pblendvb
    COMPARE r9, ptest
    RM r10, pmovsxbw
    RM r11, pmovsxbd
    RM r12, pmovsxbq
    RM r13, pmovsxwd
    RM r14, pmovsxwq
    RM r15, pmovsxdq
END

CASE(sse_4_pmovzxbw)
NEEDS("sse4.1")
EXPECT(r8, 0xba11e622f6400848)
EXPECT(r9, 0x1bfcee5908091066)
EXPECT(r10, 0x4080d1077)
EXPECT(r11, 0x14aadd4004f34b3c)
EXPECT(r12, 0x2004f76566)
EXPECT(r13, 0x7f814c8e2154344)
EXPECT(r14, 0x2bd679e10f82390f)
EXPECT(r15, 0)
BEGIN
    OPERANDS integers
    RM r8, pmovzxbw
    RM r9, pmovzxbd
    RM r10, pmovzxbq
    RM r11, pmovzxwd
    RM r12, pmovzxwq
    RM r13, pmovzxdq
    RM r14, pmuldq
    RM r15, pcmpeqq
END

CASE(sse_4_movntdqa)
NEEDS("sse4.1")
EXPECT(r8, 0x80ff471f0e088201)
EXPECT(r9, 0x1fff7fcfe000803)
EXPECT(r10, 0xd38dc9dce7f213fb)
EXPECT(r11, 0xdb2ea6ece50191f7)
EXPECT(r12, 0xd3c71eece5ec9bfb)
EXPECT(r13, 0xfac6d2fce5f38f1f)
EXPECT(r14, 0xf325f5ece8e41323)
EXPECT(r15, 0xfa8d7dece7f9071f)
BEGIN
    OPERANDS integers
    movaps xmm4, xmm0
    movntdqa xmm4, [rsi + 32]
    FOLD r8, xmm4
    RM r9, packusdw
    RM r10, pminsb
    RM r11, pminuw
    RM r12, pminud
    RM r13, pmaxsb
    RM r14, pmaxuw
    RM r15, pmaxud
END

CASE(sse_4_pmulld)
NEEDS("sse4.1")
EXPECT(r8, 0xa78bc34a11729c5b)
EXPECT(r9, 0x180806224400)
EXPECT(r10, 0xd97bd084e50a071f)
EXPECT(r11, 0x1fd03)
EXPECT(r12, 0xffffffffffffff02)
EXPECT(r13, 0x800210364acd81ff)
EXPECT(r14, 0xefefecc02a9d8767)
EXPECT(r15, 0x16790ae6285019cf)
BEGIN
    OPERANDS integers
    RM r8, pmulld
    RM r9, phminposuw
    RMI r10, pblendw, 90
    pextrb ecx, xmm0, 3
    FOLD_GPR r11, rcx
    mov qword ptr [rdi], -1
    pextrb [rdi], xmm1, 1
    FOLD_MEMORY r11, 1
    mov qword ptr [rdi], -1
    pextrw [rdi], xmm1, 1
    FOLD_MEMORY r12, 1
    pextrd ecx, xmm0, 3
    FOLD_GPR r13, rcx
    mov qword ptr [rdi], -1
    pextrd [rdi], xmm1, 1
    FOLD_MEMORY r13, 1
    pextrq rcx, xmm0, 1
    FOLD_GPR r13, rcx
    mov rcx, 0x8877665544332211
    movaps xmm4, xmm2
    pinsrb xmm4, ecx, 1
    FOLD r14, xmm4
    pinsrb xmm4, byte ptr [rsi + 64], 2
    FOLD r14, xmm4
    mov rcx, 0x8877665544332211
    movaps xmm4, xmm2
    pinsrd xmm4, ecx, 1
    FOLD r15, xmm4
    pinsrd xmm4, dword ptr [rsi + 64], 2
    FOLD r15, xmm4
    pinsrq xmm4, rcx, 1
    FOLD r15, xmm4
END

CASE(sse_4_mpsadbw)
NEEDS("sse4.1")
EXPECT(r8, 0x9d8157cc0b556785)
BEGIN
    OPERANDS integers
    RMI r8, mpsadbw, 5
END

CASE(sse_4_blendvps)
NEEDS("sse4.1")
EXPECT(r8, 0xe23534036263239f)
EXPECT(r9, 0x417f0180c701017f)
EXPECT(r10, 0xb2a7dc03e26322b1)
EXPECT(r11, 0xe2372a2b13d5bd39)
EXPECT(r12, 0x9e25b0bc00)
EXPECT(r13, 0x99ff0ba56263fe7f)
EXPECT(r14, 0x2096b2062096b006)
BEGIN
    OPERANDS singles
    RM r8, blendvps
    RMI r9, roundps, 2
    RMI r10, roundss, 0
    RMI r11, blendps, 6
    extractps ecx, xmm0, 3
    FOLD_GPR r12, rcx
    mov qword ptr [rdi], -1
    extractps [rdi], xmm1, 1
    FOLD_MEMORY r12, 1
    RMI r13, insertps, 152
    RMI r14, dpps, 115
END

CASE(sse_4_blendvpd)
NEEDS("sse4.1")
EXPECT(r8, 0x10c2d4f2bf1cb86b)
EXPECT(r9, 0xb0046af2c31e4087)
EXPECT(r10, 0x28c06a0001fcb86b)
EXPECT(r11, 0xc0f86a0005ff8080)
EXPECT(r12, 0xc002000004030088)
EXPECT(r13, 0x10c2d4f2bf1cb86b)
EXPECT(r14, 0x18d1eb0ee5ff9082)
BEGIN
    OPERANDS doubles
    RM r8, blendvpd
    RM r9, pminsd
    RM r10, pmaxsd
    RMI r11, roundpd, 1
    RMI r12, roundsd, 3
    RMI r13, blendpd, 2
    RMI r14, dppd, 49
END

CASE(sse_4_pcmpgtq)
NEEDS("sse4.2")
EXPECT(r8, 0)
EXPECT(r9, 0xffffff80028f7fff)
EXPECT(r10, 0x2000004)
EXPECT(r11, 0xffffff80028dffff)
EXPECT(r12, 0x2000004)
BEGIN
    OPERANDS integers
    RM r8, pcmpgtq
    mov eax, 5
    mov edx, 7
    movaps xmm6, xmm0
    movaps xmm7, xmm1
    pcmpestrm xmm6, xmm7, 0x44
    FOLD r9, xmm0
    FOLD_FLAGS r9
    mov edx, 6
    pcmpestrm xmm7, [rsi + 64], 0x08
    FOLD r9, xmm0
    movups xmm0, [rsi]
    mov eax, 5
    mov edx, 7
    pcmpestri xmm0, xmm1, 0x0c
    FOLD_GPR r10, rcx
    mov edx, 7
    pcmpestri xmm0, [rsi + 64], 0x1a
    FOLD_GPR r10, rcx
    FOLD_FLAGS r10
    mov eax, 5
    mov edx, 7
    movaps xmm6, xmm0
    movaps xmm7, xmm1
    pcmpistrm xmm6, xmm7, 0x44
    FOLD r11, xmm0
    FOLD_FLAGS r11
    mov edx, 6
    pcmpistrm xmm7, [rsi + 64], 0x08
    FOLD r11, xmm0
    movups xmm0, [rsi]
    mov eax, 5
    mov edx, 7
    pcmpistri xmm0, xmm1, 0x0c
    FOLD_GPR r12, rcx
    mov edx, 7
    pcmpistri xmm0, [rsi + 64], 0x1a
    FOLD_GPR r12, rcx
    FOLD_FLAGS r12
END
