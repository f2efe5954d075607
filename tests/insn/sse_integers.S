/* SPDX-License-Identifier: MIT */
/* SSE2: integers, moves, conversions, MXCSR and fences. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(sse_integers_cvtpi2ps)
EXPECT(r8, 0xad5c4b8f5d0b5c86)
EXPECT(r9, 0xeb113cf7460c261b)
EXPECT(r10, 0x2f7be3dd2688a714)
EXPECT(r11, 0x3740400025313ddd)
EXPECT(r12, 0xdd35038a7e015e9b)
EXPECT(r13, 0x17ea36f35e8f473c)
EXPECT(r14, 0xe74207066140a022)
EXPECT(r15, 0xea0d4d581ffd9a48)
BEGIN
    OPERANDS integers
    movq mm1, [rsi + 40]
    movaps xmm4, xmm0
    cvtpi2ps xmm4, mm1
    FOLD r8, xmm4
    cvtpi2ps xmm4, [rsi + 64]
    FOLD r8, xmm4
    movq mm1, [rsi + 40]
    movaps xmm4, xmm0
    cvtpi2pd xmm4, mm1
    FOLD r9, xmm4
    cvtpi2pd xmm4, [rsi + 64]
    FOLD r9, xmm4
    mov rcx, 0x123456789abcdef1
    movaps xmm4, xmm0
    cvtsi2ss xmm4, ecx
    FOLD r10, xmm4
    cvtsi2ss xmm4, rcx
    FOLD r10, xmm4
    cvtsi2ss xmm4, dword ptr [rsi + 64]
    FOLD r10, xmm4
    mov rcx, 0x123456789abcdef1
    movaps xmm4, xmm0
    cvtsi2sd xmm4, ecx
    FOLD r11, xmm4
    cvtsi2sd xmm4, rcx
    FOLD r11, xmm4
    cvtsi2sd xmm4, dword ptr [rsi + 64]
    FOLD r11, xmm4
    RM r12, cvtdq2ps
    RM r13, punpcklbw
    RM r14, punpcklwd
    RM r15, punpckldq
END

CASE(sse_integers_packsswb)
EXPECT(r8, 0x758978857c7e7a79)
EXPECT(r9, 0x6fa0007f809f500)
EXPECT(r10, 0xfa00fe00000007fe)
EXPECT(r11, 0xffffffff)
EXPECT(r12, 0xf80ff608fa020000)
EXPECT(r13, 0x9b5bb6483636cdfe)
EXPECT(r14, 0x71ad8882fdee19fd)
EXPECT(r15, 0x7c36b7cec0221df4)
BEGIN
    OPERANDS integers
    RM r8, packsswb
    RM r9, pcmpgtb
    RM r10, pcmpgtw
    RM r11, pcmpgtd
    RM r12, packuswb
    RM r13, punpckhbw
    RM r14, punpckhwd
    RM r15, punpckhdq
END

CASE(sse_integers_packssdw)
EXPECT(r8, 0x7cfe7afe83018500)
EXPECT(r9, 0x1821395a7d6e8d86)
EXPECT(r10, 0x465b47d4d8ecfe96)
EXPECT(r11, 0xe63b9bb5932d3b9)
EXPECT(r12, 0xfa8d7c99b2e4111f)
EXPECT(r13, 0xfa8d7c99b2e4111f)
EXPECT(r14, 0x3d6886d66aedd507)
EXPECT(r15, 0x383176b3d3fcba48)
BEGIN
    OPERANDS integers
    RM r8, packssdw
    RM r9, punpcklqdq
    RM r10, punpckhqdq
    mov rcx, 0x8877665544332211
    movaps xmm4, xmm2
    movd xmm4, ecx
    FOLD r11, xmm4
    movq xmm4, rcx
    FOLD r11, xmm4
    movd xmm4, dword ptr [rsi + 64]
    FOLD r11, xmm4
    RM r12, movdqa
    RM r13, movdqu
    RMI r14, pshufd, 27
    RMI r15, pshufhw, 147
END

CASE(sse_integers_pshuflw)
EXPECT(r8, 0xba49383176b3d3fc)
EXPECT(r9, 0x501fc8a3c140efff)
EXPECT(r10, 0x301fca63c140efff)
EXPECT(r11, 0x1f82af870411008)
EXPECT(r12, 0x1407fa28f07043ff)
EXPECT(r13, 0xc07fc18f07043ff)
EXPECT(r14, 0x1fe8a5e0c1104020)
EXPECT(r15, 0x1407fa38f8702bf)
BEGIN
    OPERANDS integers
    RMI r8, pshuflw, 57
    movaps xmm4, xmm1
    psrlw xmm4, 3
    FOLD r9, xmm4
    movaps xmm4, xmm1
    psraw xmm4, 3
    FOLD r10, xmm4
    movaps xmm4, xmm1
    psllw xmm4, 3
    FOLD r11, xmm4
    movaps xmm4, xmm1
    psrld xmm4, 5
    FOLD r12, xmm4
    movaps xmm4, xmm1
    psrad xmm4, 5
    FOLD r13, xmm4
    movaps xmm4, xmm1
    pslld xmm4, 5
    FOLD r14, xmm4
    movaps xmm4, xmm1
    psrlq xmm4, 9
    FOLD r15, xmm4
END

CASE(sse_integers_psrldq)
EXPECT(r8, 0xfffe0280ff471f0c)
EXPECT(r9, 0xfe8e3e1c1103fe01)
EXPECT(r10, 0x1f0e0881ff010082)
EXPECT(r11, 0x7f80003fffc03f8)
EXPECT(r12, 0x3fffc0000)
EXPECT(r13, 0)
EXPECT(r14, 0xe40d49df02020128)
EXPECT(r15, 0x4c5e90bae4ef1a1e)
BEGIN
    OPERANDS integers
    movaps xmm4, xmm1
    psrldq xmm4, 3
    FOLD r8, xmm4
    movaps xmm4, xmm1
    psllq xmm4, 9
    FOLD r9, xmm4
    movaps xmm4, xmm1
    pslldq xmm4, 3
    FOLD r10, xmm4
    RM r11, pcmpeqb
    RM r12, pcmpeqw
    RM r13, pcmpeqd
    movd ecx, xmm0
    FOLD_GPR r14, rcx
    .byte 0x66, 0x48, 0x0f, 0x7e, 0xc1 /* movq rcx, xmm0 */
    FOLD_GPR r14, rcx
    STORE r14, movd, xmm1
    movaps xmm4, xmm2
    movq xmm4, xmm0
    FOLD r15, xmm4
    movq xmm4, qword ptr [rsi + 64]
    FOLD r15, xmm4
END

CASE(sse_integers_movdqa)
EXPECT(r8, 0x82ff1432030385ff)
EXPECT(r9, 0x82ff1432030385ff)
EXPECT(r10, 0x17f8000007fa1)
EXPECT(r11, 0x1f80)
EXPECT(r12, 0x1)
EXPECT(r13, 0x1)
EXPECT(r14, 0x1)
EXPECT(r15, 0x5a)
BEGIN
    OPERANDS integers
    STORE r8, movdqa, xmm0
    STORE r9, movdqu, xmm0
    mov dword ptr [rdi], 0x7fa1
    ldmxcsr [rdi]
    mov dword ptr [rdi], 0
    stmxcsr [rdi]
    FOLD_MEMORY r10, 1
    mov dword ptr [rdi], 0x1f80
    ldmxcsr [rdi]
    mov qword ptr [rdi], 0
    stmxcsr [rdi]
    FOLD_MEMORY r11, 1
    lfence
    add r12, 1
    mfence
    add r13, 1
    sfence
    add r14, 1
    mov qword ptr [rdi], 0x5a
    clflush [rdi]
    FOLD_MEMORY r15, 1
END

CASE(sse_integers_movnti)
EXPECT(r8, 0xde32ffaa2f02bc78)
EXPECT(r9, 0xeeddcf893d698767)
EXPECT(r10, 0x7f80)
EXPECT(r11, 0xda36c922013d307e)
EXPECT(r12, 0xda36ea2581bd517e)
EXPECT(r13, 0xda38ea65a1bd517e)
EXPECT(r14, 0xce549cd9cde1a31a)
EXPECT(r15, 0x1f786baef50d3722)
BEGIN
    OPERANDS integers
    mov rcx, 0x8877665544332211
    movups [rdi], xmm2
    movnti [rdi], ecx
    FOLD_MEMORY r8, 2
    movnti [rdi + 8], rcx
    FOLD_MEMORY r8, 2
    mov rcx, 0x8877665544332211
    movaps xmm4, xmm2
    pinsrw xmm4, ecx, 1
    FOLD r9, xmm4
    pinsrw xmm4, word ptr [rsi + 64], 2
    FOLD r9, xmm4
    pextrw ecx, xmm0, 2
    FOLD_GPR r10, rcx
    movups xmm5, [rsi + 96]
    movaps xmm4, xmm0
    psrlw xmm4, xmm5
    FOLD r11, xmm4
    movaps xmm4, xmm1
    psrlw xmm4, [rsi + 96]
    FOLD r11, xmm4
    movups xmm5, [rsi + 96]
    movaps xmm4, xmm0
    psrld xmm4, xmm5
    FOLD r12, xmm4
    movaps xmm4, xmm1
    psrld xmm4, [rsi + 96]
    FOLD r12, xmm4
    movups xmm5, [rsi + 96]
    movaps xmm4, xmm0
    psrlq xmm4, xmm5
    FOLD r13, xmm4
    movaps xmm4, xmm1
    psrlq xmm4, [rsi + 96]
    FOLD r13, xmm4
    RM r14, paddq
    RM r15, pmullw
END

CASE(sse_integers_movq)
EXPECT(r8, 0x9ca9bdcadff30500)
EXPECT(r9, 0x286421402ffff00)
EXPECT(r10, 0x1007f01ff020381)
EXPECT(r11, 0x8518)
EXPECT(r12, 0xf8e47d4c00110902)
EXPECT(r13, 0xf898795336000003)
EXPECT(r14, 0xdae2a2f41af088f8)
EXPECT(r15, 0x90de12c408f082f8)
BEGIN
    OPERANDS integers
    STORE r8, movq, xmm0
    movq mm1, [rsi + 40]
    movaps xmm4, xmm0
    movq2dq xmm4, mm1
    FOLD r9, xmm4
    movdq2q mm4, xmm1
    FOLD_MM r10, mm4
    mov ecx, 0x5a5a5a5a
    pmovmskb ecx, xmm0
    FOLD_GPR r11, rcx
    RM r12, psubusb
    RM r13, psubusw
    RM r14, pminub
    RM r15, pand
END

CASE(sse_integers_paddusb)
EXPECT(r8, 0xac5c9c2ac8f7201a)
EXPECT(r9, 0xacb97c30fde12412)
EXPECT(r10, 0xf371f9e5b2f51c22)
EXPECT(r11, 0x69af69d5a9f39027)
EXPECT(r12, 0x6eac52f0e8785590)
EXPECT(r13, 0xc136cae20140b07e)
EXPECT(r14, 0xc136ebe581c0d17e)
EXPECT(r15, 0x6c2c526ce7f3558f)
BEGIN
    OPERANDS integers
    RM r8, paddusb
    RM r9, paddusw
    RM r10, pmaxub
    RM r11, pandn
    RM r12, pavgb
    movups xmm5, [rsi + 96]
    movaps xmm4, xmm0
    psraw xmm4, xmm5
    FOLD r13, xmm4
    movaps xmm4, xmm1
    psraw xmm4, [rsi + 96]
    FOLD r13, xmm4
    movups xmm5, [rsi + 96]
    movaps xmm4, xmm0
    psrad xmm4, xmm5
    FOLD r14, xmm4
    movaps xmm4, xmm1
    psrad xmm4, [rsi + 96]
    FOLD r14, xmm4
    RM r15, pavgw
END

CASE(sse_integers_pmulhuw)
EXPECT(r8, 0x680c362958dc6179)
EXPECT(r9, 0x46730d4b8bdde176)
EXPECT(r10, 0x8b249df74a088240)
EXPECT(r11, 0x82ff1432030385ff)
EXPECT(r12, 0xe24734b15a2083e1)
EXPECT(r13, 0xe13eaba7721e7fdf)
EXPECT(r14, 0xdb2f51d8f7f110f8)
EXPECT(r15, 0x3d768a15c4f52222)
BEGIN
    OPERANDS integers
    RM r8, pmulhuw
    RM r9, pmulhw
    RM r10, cvtdq2pd
    STORE r11, movntdq, xmm0
    RM r12, psubsb
    RM r13, psubsw
    RM r14, pminsw
    RM r15, por
END

CASE(sse_integers_paddsb)
EXPECT(r8, 0x2cee95d7cce2a122)
EXPECT(r9, 0x1c4510d7cde6a122)
EXPECT(r10, 0xf3254b00d5f49422)
EXPECT(r11, 0xac987751bc049f2a)
EXPECT(r12, 0x50388b5d302157ea)
EXPECT(r13, 0x563a8b6930246fea)
EXPECT(r14, 0x8e3a996930246fea)
EXPECT(r15, 0x19c509e0177251e6)
BEGIN
    OPERANDS integers
    RM r8, paddsb
    RM r9, paddsw
    RM r10, pmaxsw
    RM r11, pxor
    movups xmm5, [rsi + 96]
    movaps xmm4, xmm0
    psllw xmm4, xmm5
    FOLD r12, xmm4
    movaps xmm4, xmm1
    psllw xmm4, [rsi + 96]
    FOLD r12, xmm4
    movups xmm5, [rsi + 96]
    movaps xmm4, xmm0
    pslld xmm4, xmm5
    FOLD r13, xmm4
    movaps xmm4, xmm1
    pslld xmm4, [rsi + 96]
    FOLD r13, xmm4
    movups xmm5, [rsi + 96]
    movaps xmm4, xmm0
    psllq xmm4, xmm5
    FOLD r14, xmm4
    movaps xmm4, xmm1
    psllq xmm4, [rsi + 96]
    FOLD r14, xmm4
    RM r15, pmuludq
END

CASE(sse_integers_pmaddwd)
EXPECT(r8, 0x120101e23c25285e)
EXPECT(r9, 0x80d398a71)
EXPECT(r10, 0xc51145cbaadd0621)
EXPECT(r11, 0xda46acb1722084e1)
EXPECT(r12, 0xe13eaba7721e80df)
EXPECT(r13, 0xe13da3a7701d7edb)
EXPECT(r14, 0xd939a3a6701d7edb)
EXPECT(r15, 0xc65495d9c8e0a31a)
BEGIN
    OPERANDS integers
    RM r8, pmaddwd
    RM r9, psadbw
    movups [rdi], xmm2
    maskmovdqu xmm0, xmm1
    FOLD_MEMORY r10, 2
    RM r11, psubb
    RM r12, psubw
    RM r13, psubd
    RM r14, psubq
    RM r15, paddb
END

CASE(sse_integers_paddw)
EXPECT(r8, 0xc6549ad9cde0a31a)
EXPECT(r9, 0xc6549ad9cde1a31a)
BEGIN
    OPERANDS integers
    RM r8, paddw
    RM r9, paddd
END

CASE(sse_integers_clwb)
NEEDS("clwb")
EXPECT(r8, 0x5a)
BEGIN
    OPERANDS integers
    mov qword ptr [rdi], 0x5a
    clwb [rdi]
    FOLD_MEMORY r8, 1
END

CASE(sse_integers_clflushopt)
NEEDS("clflushopt")
EXPECT(r8, 0x5a)
BEGIN
    OPERANDS integers
    mov qword ptr [rdi], 0x5a
    clflushopt [rdi]
    FOLD_MEMORY r8, 1
END
