/* SPDX-License-Identifier: MIT */
/* x87 instructions, opcodes DC to DF. */
#include "tests/insn/case.h"
#include "tests/insn/x87.inc"

CASE(x87_dc_fadd)
EXPECT(r8, 0x2765b5899ccfc658)
EXPECT(r9, 0x2765b2799ccfc658)
EXPECT(r10, 0x2765a9999ccfc6d8)
EXPECT(r11, 0x81c446419669fdea)
EXPECT(r12, 0x2765ac999ccfc658)
EXPECT(r13, 0x275dac999ccfc658)
EXPECT(r14, 0x2765afa99ccfc658)
EXPECT(r15, 0x7cbb0caeea251cbd)
BEGIN
    X87_OPERANDS
    X87 r8, fadd qword ptr [rsi + 24]
    X87 r9, fmul qword ptr [rsi + 24]
    X87 r10, fcom qword ptr [rsi + 24]
    X87 r11, fcomp qword ptr [rsi + 24]
    X87 r12, fsub qword ptr [rsi + 24]
    X87 r13, fsubr qword ptr [rsi + 24]
    X87 r14, fdiv qword ptr [rsi + 24]
    X87 r15, fdivr qword ptr [rsi + 24]
END

CASE(x87_dc_fadd_2)
EXPECT(r8, 0x2b65a1999ccfc658)
EXPECT(r9, 0x2b65b2599ccfc658)
EXPECT(r10, 0x2765a9999ccfc6d8)
EXPECT(r11, 0x81c446419669fdea)
EXPECT(r12, 0x2b65b3199ccfc658)
EXPECT(r13, 0x2765b3199ccfc658)
EXPECT(r14, 0x2b65a9999ccfc658)
EXPECT(r15, 0xd615a0f9977a7212)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    .byte 0xdc, 0xc1 /* fadd st(1),st */
    X87_FOLD r8
    X87_BEGIN
    .byte 0xdc, 0xc9 /* fmul st(1),st */
    X87_FOLD r9
    X87_BEGIN
    .byte 0xdc, 0xd1 /* fcom2 st,st(1) */
    X87_FOLD r10
    X87_BEGIN
    .byte 0xdc, 0xd9 /* fcomp3 st,st(1) */
    X87_FOLD r11
    X87_BEGIN
    .byte 0xdc, 0xe1 /* fsubr st(1),st */
    X87_FOLD r12
    X87_BEGIN
    .byte 0xdc, 0xe9 /* fsub st(1),st */
    X87_FOLD r13
    X87_BEGIN
    .byte 0xdc, 0xf1 /* fdivr st(1),st */
    X87_FOLD r14
    X87_BEGIN
    .byte 0xdc, 0xf9 /* fdiv st(1),st */
    X87_FOLD r15
END

CASE(x87_dd_fld)
EXPECT(r8, 0x45c41c5000008eff)
EXPECT(r9, 0x81c446419669f97a)
EXPECT(r10, 0x2b65a9999ccfc7d8)
EXPECT(r11, 0x85c446419669fcea)
EXPECT(r12, 0x2b65a9999ccfc7d8)
EXPECT(r13, 0xffc0000000037e5f)
EXPECT(r14, 0x2765a9999d1fc778)
EXPECT(r15, 0x2765a9999d1fc784)
BEGIN
    X87_OPERANDS
    X87 r8, fld qword ptr [rsi + 24]
    X87 r9, fisttp qword ptr [rdi + 256]
    X87 r10, fst qword ptr [rdi + 256]
    X87 r11, fstp qword ptr [rdi + 256]
    X87_BEGIN
    fnsave [rdi + 512]
    frstor [rdi + 512]
    X87_FOLD r12
    X87_BEGIN
    fnsave [rdi + 512]
    mov rcx, [rdi + 540]
    mov [rdi + 256], rcx
    X87_FOLD r13
    X87 r14, fnstsw [rdi + 256]
    X87_BEGIN
    .byte 0xdd, 0xc1 /* ffree st(1) */
    X87_FOLD r15
END

CASE(x87_dd_fxch4)
EXPECT(r8, 0x2b5db6099ccfc658)
EXPECT(r9, 0x2b65b0199ccfc658)
EXPECT(r10, 0x81cc40519669fd6a)
EXPECT(r11, 0x2765a9999ccfc6d8)
EXPECT(r12, 0x81c446419669fdea)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    .byte 0xdd, 0xc9 /* fxch4 st(1) */
    X87_FOLD r8
    X87_BEGIN
    .byte 0xdd, 0xd1 /* fst st(1) */
    X87_FOLD r9
    X87_BEGIN
    .byte 0xdd, 0xd9 /* fstp st(1) */
    X87_FOLD r10
    X87_BEGIN
    .byte 0xdd, 0xe1 /* fucom st,st(1) */
    X87_FOLD r11
    X87_BEGIN
    .byte 0xdd, 0xe9 /* fucomp st,st(1) */
    X87_FOLD r12
END

CASE(x87_de_fiadd)
EXPECT(r8, 0x2765b4a99ccfc658)
EXPECT(r9, 0x275dae399ccfc658)
EXPECT(r10, 0x2765a9999ccfc6d8)
EXPECT(r11, 0x81c446419669fdea)
EXPECT(r12, 0x275dad999ccfc658)
EXPECT(r13, 0x2765ad999ccfc658)
EXPECT(r14, 0xf42a743661989334)
EXPECT(r15, 0x9924c960b9418e84)
BEGIN
    X87_OPERANDS
    X87 r8, fiadd word ptr [rsi + 56]
    X87 r9, fimul word ptr [rsi + 56]
    X87 r10, ficom word ptr [rsi + 58]
    X87 r11, ficomp word ptr [rsi + 58]
    X87 r12, fisub word ptr [rsi + 56]
    X87 r13, fisubr word ptr [rsi + 56]
    X87 r14, fidiv word ptr [rsi + 56]
    X87 r15, fidivr word ptr [rsi + 56]
END

CASE(x87_de_faddp)
EXPECT(r8, 0x81cc46319669fd6a)
EXPECT(r9, 0x81cc49519669fd6a)
EXPECT(r10, 0x81c446419669fdea)
EXPECT(r11, 0xccc4197cccd0685c)
EXPECT(r12, 0x81cc4c519669fd6a)
EXPECT(r13, 0x81c44c519669fd6a)
EXPECT(r14, 0x81cc46419669fd6a)
EXPECT(r15, 0xd721a386ebbf53cf)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    .byte 0xde, 0xc1 /* faddp st(1),st */
    X87_FOLD r8
    X87_BEGIN
    .byte 0xde, 0xc9 /* fmulp st(1),st */
    X87_FOLD r9
    X87_BEGIN
    .byte 0xde, 0xd1 /* fcomp5 st,st(1) */
    X87_FOLD r10
    X87_BEGIN
    .byte 0xde, 0xd9 /* fcompp */
    X87_FOLD r11
    X87_BEGIN
    .byte 0xde, 0xe1 /* fsubrp st(1),st */
    X87_FOLD r12
    X87_BEGIN
    .byte 0xde, 0xe9 /* fsubp st(1),st */
    X87_FOLD r13
    X87_BEGIN
    .byte 0xde, 0xf1 /* fdivrp st(1),st */
    X87_FOLD r14
    X87_BEGIN
    .byte 0xde, 0xf9 /* fdivp st(1),st */
    X87_FOLD r15
END

CASE(x87_df_fild)
EXPECT(r8, 0x45cc189000008eff)
EXPECT(r9, 0x81c446419869f97a)
EXPECT(r10, 0x2765a9999ecfc268)
EXPECT(r11, 0x81c446419869f97a)
EXPECT(r12, 0x5f2e207438d08d65)
EXPECT(r13, 0x45c41d7ee2e632ff)
EXPECT(r14, 0x81c44641966a817a)
EXPECT(r15, 0x81c44641966a797a)
BEGIN
    X87_OPERANDS
    X87 r8, fild word ptr [rsi + 56]
    X87 r9, fisttp word ptr [rdi + 256]
    X87 r10, fist word ptr [rdi + 256]
    X87 r11, fistp word ptr [rdi + 256]
    X87 r12, fbld tbyte ptr [rsi + 80]
    X87 r13, fild qword ptr [rsi + 40]
    X87 r14, fbstp tbyte ptr [rdi + 256]
    X87 r15, fistp qword ptr [rdi + 256]
END

CASE(x87_df_ffreep)
EXPECT(r8, 0x81c446419669fd76)
EXPECT(r9, 0x2b5db6099ccfc658)
EXPECT(r10, 0x81cc40519669fd6a)
EXPECT(r11, 0x81cc40519669fd6a)
EXPECT(r12, 0x27678997eccfc658)
EXPECT(r13, 0x81c44641966bfd6a)
EXPECT(r14, 0x81c44641966bfd6a)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    .byte 0xdf, 0xc1 /* ffreep st(1) */
    X87_FOLD r8
    X87_BEGIN
    .byte 0xdf, 0xc9 /* fxch7 st(1) */
    X87_FOLD r9
    X87_BEGIN
    .byte 0xdf, 0xd1 /* fstp8 st(1) */
    X87_FOLD r10
    X87_BEGIN
    .byte 0xdf, 0xd9 /* fstp9 st(1) */
    X87_FOLD r11
    X87_BEGIN
    mov eax, -1
    fnstsw ax
    FOLD_GPR r12, rax
    X87_FOLD r12
    X87_BEGIN
    .byte 0xdf, 0xe9 /* fucomip st,st(1) */
    FOLD_FLAGS r13
    X87_FOLD r13
    X87_BEGIN
    .byte 0xdf, 0xf1 /* fcomip st,st(1) */
    FOLD_FLAGS r14
    X87_FOLD r14
END
