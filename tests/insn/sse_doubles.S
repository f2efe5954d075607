/* SPDX-License-Identifier: MIT */
/* SSE2: double precision. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(sse_doubles_movupd)
EXPECT(r8, 0x28c2d4f2c31c386b)
EXPECT(r9, 0x800000005fe4088)
EXPECT(r10, 0xb00200000000007f)
EXPECT(r11, 0xb0f86a000000007f)
EXPECT(r12, 0xb5b1e535795e907c)
EXPECT(r13, 0xb0f86a000000007f)
EXPECT(r14, 0x3004000001febe1f)
EXPECT(r15, 0x24c2d4f2c321096b)
BEGIN
    OPERANDS doubles
    RM r8, movupd
    RM r9, movsd
    STORE r10, movupd, xmm0
    STORE r11, movsd, xmm0
    movaps xmm4, xmm0
    movlpd xmm4, [rsi + 40]
    FOLD r12, xmm4
    STORE r13, movlpd, xmm0
    RM r14, unpcklpd
    RM r15, unpckhpd
END

CASE(sse_doubles_movhpd)
EXPECT(r8, 0x2e7ad7f29abcafc7)
EXPECT(r9, 0xc4f86a0000000180)
EXPECT(r10, 0x28c2d4f2c31c386b)
EXPECT(r11, 0xb00200000000007f)
EXPECT(r12, 0xb00200000000007f)
EXPECT(r13, 0xfffe796000000002)
EXPECT(r14, 0x2)
EXPECT(r15, 0xfffe7b5ffffffe02)
BEGIN
    OPERANDS doubles
    movaps xmm4, xmm0
    movhpd xmm4, [rsi + 40]
    FOLD r8, xmm4
    STORE r9, movhpd, xmm0
    RM r10, movapd
    STORE r11, movapd, xmm0
    STORE r12, movntpd, xmm0
    cvttpd2pi mm4, xmm1
    FOLD_MM r13, mm4
    cvttpd2pi mm4, [rsi + 64]
    FOLD_MM r13, mm4
    cvttsd2si ecx, xmm1
    FOLD_GPR r14, rcx
    cvttsd2si rcx, [rsi + 64]
    FOLD_GPR r14, rcx
    cvtpd2pi mm4, xmm1
    FOLD_MM r15, mm4
    cvtpd2pi mm4, [rsi + 64]
    FOLD_MM r15, mm4
END

CASE(sse_doubles_cvtsd2si)
EXPECT(r8, 0x1fffffffe02)
EXPECT(r9, 0x1040)
EXPECT(r10, 0x1040)
EXPECT(r11, 0x2)
EXPECT(r12, 0xd840578125636352)
EXPECT(r13, 0xb29ab075bcb56687)
EXPECT(r14, 0xc000000001ff4008)
EXPECT(r15, 0x68c2d4f2c120f863)
BEGIN
    OPERANDS doubles
    cvtsd2si ecx, xmm1
    FOLD_GPR r8, rcx
    cvtsd2si rcx, [rsi + 64]
    FOLD_GPR r8, rcx
    COMPARE r9, ucomisd
    COMPARE r10, comisd
    mov ecx, 0x5a5a5a5a
    movmskpd ecx, xmm0
    FOLD_GPR r11, rcx
    RM r12, sqrtpd
    RM r13, sqrtsd
    RM r14, andpd
    RM r15, andnpd
END

CASE(sse_doubles_orpd)
EXPECT(r8, 0x18c4d4f2c31fb8eb)
EXPECT(r9, 0x58c4d4f2c12078e3)
EXPECT(r10, 0xe0f834741cca4088)
EXPECT(r11, 0xe002000001fe4088)
EXPECT(r12, 0x28cf2f911ac28ab8)
EXPECT(r13, 0xdc02000005fe9088)
EXPECT(r14, 0x349a0080419eb58c)
EXPECT(r15, 0xb5fc008041fec087)
BEGIN
    OPERANDS doubles
    RM r8, orpd
    RM r9, xorpd
    RM r10, addpd
    RM r11, addsd
    RM r12, mulpd
    RM r13, mulsd
    RM r14, cvtpd2ps
    RM r15, cvtsd2ss
END

CASE(sse_doubles_subpd)
EXPECT(r8, 0x20f89f8be7371187)
EXPECT(r9, 0xa002000002031187)
EXPECT(r10, 0xb0f86a0005fe4087)
EXPECT(r11, 0xb002000005fe4087)
EXPECT(r12, 0xda05fe32a6694064)
EXPECT(r13, 0x866866666c696687)
EXPECT(r14, 0x27cc6af2bf1cb86b)
EXPECT(r15, 0xc802000001fec088)
BEGIN
    OPERANDS doubles
    RM r8, subpd
    RM r9, subsd
    RM r10, minpd
    RM r11, minsd
    RM r12, divpd
    RM r13, divsd
    RM r14, maxpd
    RM r15, maxsd
END

CASE(sse_doubles_cmppd)
EXPECT(r8, 0xfffffffffffffdff)
EXPECT(r9, 0xc00200000002fe08)
EXPECT(r10, 0x4404000006030f20)
EXPECT(r11, 0xfcf2c000000005ff)
EXPECT(r12, 0x4f2bffff8000400)
BEGIN
    OPERANDS doubles
    RMI r8, cmppd, 2
    RMI r9, cmpsd, 1
    RMI r10, shufpd, 1
    RM r11, cvttpd2dq
    RM r12, cvtpd2dq
END
