/* SPDX-License-Identifier: MIT */
/* x87 instructions, opcodes D8 to DB. */
#include "tests/insn/case.h"
#include "tests/insn/x87.inc"

CASE(x87_d8_fadd)
EXPECT(r8, 0x275da7699ccfc658)
EXPECT(r9, 0x2765ae299ccfc658)
EXPECT(r10, 0x2765a9999ccfc6d8)
EXPECT(r11, 0x81c446419669fdea)
EXPECT(r12, 0x2765aaa99ccfc658)
EXPECT(r13, 0x275daaa99ccfc658)
EXPECT(r14, 0xf432744661989334)
EXPECT(r15, 0x992cc950b9418e84)
BEGIN
    X87_OPERANDS
    X87 r8, fadd dword ptr [rsi + 32]
    X87 r9, fmul dword ptr [rsi + 32]
    X87 r10, fcom dword ptr [rsi + 32]
    X87 r11, fcomp dword ptr [rsi + 32]
    X87 r12, fsub dword ptr [rsi + 32]
    X87 r13, fsubr dword ptr [rsi + 32]
    X87 r14, fdiv dword ptr [rsi + 32]
    X87 r15, fdivr dword ptr [rsi + 32]
END

CASE(x87_d8_fadd_2)
EXPECT(r8, 0x2765af799ccfc658)
EXPECT(r9, 0x2765b2999ccfc658)
EXPECT(r10, 0x2765a9999ccfc6d8)
EXPECT(r11, 0x81c446419669fdea)
EXPECT(r12, 0x2765b5999ccfc658)
EXPECT(r13, 0x275db5999ccfc658)
EXPECT(r14, 0x2765af899ccfc658)
EXPECT(r15, 0x7cbb0cceea251cbd)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    .byte 0xd8, 0xc1 /* fadd st,st(1) */
    X87_FOLD r8
    X87_BEGIN
    .byte 0xd8, 0xc9 /* fmul st,st(1) */
    X87_FOLD r9
    X87_BEGIN
    .byte 0xd8, 0xd1 /* fcom st,st(1) */
    X87_FOLD r10
    X87_BEGIN
    .byte 0xd8, 0xd9 /* fcomp st,st(1) */
    X87_FOLD r11
    X87_BEGIN
    .byte 0xd8, 0xe1 /* fsub st,st(1) */
    X87_FOLD r12
    X87_BEGIN
    .byte 0xd8, 0xe9 /* fsubr st,st(1) */
    X87_FOLD r13
    X87_BEGIN
    .byte 0xd8, 0xf1 /* fdiv st,st(1) */
    X87_FOLD r14
    X87_BEGIN
    .byte 0xd8, 0xf9 /* fdivr st,st(1) */
    X87_FOLD r15
END

CASE(x87_d9_fld)
EXPECT(r8, 0x45c4188000008eff)
EXPECT(r9, 0x2765ab19bccfc658)
EXPECT(r10, 0x81c447c1b669fd6a)
EXPECT(r11, 0x2765ab19bccfc658)
EXPECT(r12, 0x2765ab19bccec658)
EXPECT(r13, 0x2765ab19bccfc658)
EXPECT(r14, 0x2765ab19bcd6c458)
EXPECT(r15, 0x45c41df020078cff)
BEGIN
    X87_OPERANDS
    X87 r8, fld dword ptr [rsi + 32]
    X87 r9, fst dword ptr [rdi + 256]
    X87 r10, fstp dword ptr [rdi + 256]
    X87_BEGIN
    fnstenv [rdi + 512]
    fninit
    fldenv [rdi + 512]
    X87_FOLD r11
    X87 r12, fldcw [rsi + 60]
    X87_BEGIN
    mov word ptr [rdi + 516], 0x1234
    fnstenv [rdi + 512]
    fldenv [rdi + 512]
    X87_FOLD r13
    X87 r14, fnstcw [rdi + 256]
    X87_BEGIN
    .byte 0xd9, 0xc1 /* fld st(1) */
    X87_FOLD r15
END

CASE(x87_d9_fxch)
EXPECT(r8, 0x2b5db6099ccfc658)
EXPECT(r9, 0x2765a9999ccfc658)
EXPECT(r10, 0x81cc40519669fd6a)
EXPECT(r11, 0x275da9999ccfc658)
EXPECT(r12, 0x275da9999ccfc658)
EXPECT(r13, 0x2765a9999ccfc6d8)
EXPECT(r14, 0x2765a9999ccfc958)
EXPECT(r15, 0x45c4147000008eff)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    .byte 0xd9, 0xc9 /* fxch st(1) */
    X87_FOLD r8
    X87_BEGIN
    .byte 0xd9, 0xd0 /* fnop */
    X87_FOLD r9
    X87_BEGIN
    .byte 0xd9, 0xd9 /* fstpnce st(1) */
    X87_FOLD r10
    X87_BEGIN
    .byte 0xd9, 0xe0 /* fchs */
    X87_FOLD r11
    X87_BEGIN
    .byte 0xd9, 0xe1 /* fabs */
    X87_FOLD r12
    X87_BEGIN
    .byte 0xd9, 0xe4 /* ftst */
    X87_FOLD r13
    X87_BEGIN
    .byte 0xd9, 0xe5 /* fxam */
    X87_FOLD r14
    X87_BEGIN
    .byte 0xd9, 0xe8 /* fld1 */
    X87_FOLD r15
END

CASE(x87_d9_fldl2t)
EXPECT(r8, 0xb723df134f0e08a2)
EXPECT(r9, 0x43db9b854769ba82)
EXPECT(r10, 0x5e0abda1fb54d32c)
EXPECT(r11, 0x44b7379413552e79)
EXPECT(r12, 0x34f99a8e43038939)
EXPECT(r13, 0x85c0048000008eff)
EXPECT(r14, 0x2765aa16ccc67d68)
EXPECT(r15, 0x2765aa19dc332468)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    .byte 0xd9, 0xe9 /* fldl2t */
    X87_FOLD r8
    X87_BEGIN
    .byte 0xd9, 0xea /* fldl2e */
    X87_FOLD r9
    X87_BEGIN
    .byte 0xd9, 0xeb /* fldpi */
    X87_FOLD r10
    X87_BEGIN
    .byte 0xd9, 0xec /* fldlg2 */
    X87_FOLD r11
    X87_BEGIN
    .byte 0xd9, 0xed /* fldln2 */
    X87_FOLD r12
    X87_BEGIN
    .byte 0xd9, 0xee /* fldz */
    X87_FOLD r13
    X87_BEGIN
    fld qword ptr [rsi + 24]
    f2xm1
    fstp dword ptr [rdi + 256]
    X87_FOLD r14
    X87_BEGIN
    fld qword ptr [rsi + 24]
    fld qword ptr [rsi + 16]
    fyl2x
    fstp dword ptr [rdi + 256]
    X87_FOLD r15
END

CASE(x87_d9_fptan)
EXPECT(r8, 0xba7882189ccfc6e5)
EXPECT(r9, 0xba78821084e9a2e5)
EXPECT(r10, 0xd4dee666e81a6b7c)
EXPECT(r11, 0xba7087f084e9c2d5)
EXPECT(r12, 0x98deeee6e81a6b7d)
EXPECT(r13, 0x14d71eb87e83d9e5)
EXPECT(r14, 0xba7887f084e9a3d5)
EXPECT(r15, 0xba78821ccea82fe5)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    fld qword ptr [rsi + 24]
    fptan
    fstp dword ptr [rdi + 256]
    fstp dword ptr [rdi + 260]
    X87_FOLD r8
    X87_BEGIN
    fld qword ptr [rsi + 24]
    fld qword ptr [rsi + 16]
    fpatan
    fstp dword ptr [rdi + 256]
    X87_FOLD r9
    X87_BEGIN
    .byte 0xd9, 0xf4 /* fxtract */
    X87_FOLD r10
    X87_BEGIN
    .byte 0xd9, 0xf5 /* fprem1 */
    X87_FOLD r11
    X87_BEGIN
    .byte 0xd9, 0xf6 /* fdecstp */
    X87_FOLD r12
    X87_BEGIN
    .byte 0xd9, 0xf7 /* fincstp */
    X87_FOLD r13
    X87_BEGIN
    .byte 0xd9, 0xf8 /* fprem */
    X87_FOLD r14
    X87_BEGIN
    fld qword ptr [rsi + 16]
    fld qword ptr [rsi + 24]
    fmul st, st
    fyl2xp1
    fstp dword ptr [rdi + 256]
    X87_FOLD r15
END

CASE(x87_d9_fsqrt)
EXPECT(r8, 0xa769af899ccfc65a)
EXPECT(r9, 0x9e75d018793b45e5)
EXPECT(r10, 0x9e75ce18793b44e5)
EXPECT(r11, 0x9e75d028793b44d5)
EXPECT(r12, 0x9e75d015f55968e5)
EXPECT(r13, 0x9e75d0189583afe5)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    .byte 0xd9, 0xfa /* fsqrt */
    X87_FOLD r8
    X87_BEGIN
    fld qword ptr [rsi + 24]
    fsincos
    fstp dword ptr [rdi + 256]
    fstp dword ptr [rdi + 260]
    X87_FOLD r9
    X87_BEGIN
    .byte 0xd9, 0xfc /* frndint */
    X87_FOLD r10
    X87_BEGIN
    .byte 0xd9, 0xfd /* fscale */
    X87_FOLD r11
    X87_BEGIN
    fld qword ptr [rsi + 16]
    fsin
    fstp dword ptr [rdi + 256]
    X87_FOLD r12
    X87_BEGIN
    fld qword ptr [rsi + 16]
    fcos
    fstp dword ptr [rdi + 256]
    X87_FOLD r13
END

CASE(x87_da_fiadd)
EXPECT(r8, 0x2765abb99ccfc658)
EXPECT(r9, 0x275dada19ccfc658)
EXPECT(r10, 0x2765a9999ccfc6d8)
EXPECT(r11, 0x81c446419669fdea)
EXPECT(r12, 0x275daa999ccfc658)
EXPECT(r13, 0x2765aa999ccfc658)
EXPECT(r14, 0x5c8f9515a2183f18)
EXPECT(r15, 0xee7a28f60e96e3d9)
BEGIN
    X87_OPERANDS
    X87 r8, fiadd dword ptr [rsi + 48]
    X87 r9, fimul dword ptr [rsi + 48]
    X87 r10, ficom dword ptr [rsi + 52]
    X87 r11, ficomp dword ptr [rsi + 52]
    X87 r12, fisub dword ptr [rsi + 48]
    X87 r13, fisubr dword ptr [rsi + 48]
    X87 r14, fidiv dword ptr [rsi + 48]
    X87 r15, fidivr dword ptr [rsi + 48]
END

CASE(x87_da_fcmovb)
EXPECT(r8, 0x275daf899ccfc658)
EXPECT(r9, 0x275daf899ccfc658)
EXPECT(r10, 0x275daf899ccfc658)
EXPECT(r11, 0x275daf899ccfc658)
EXPECT(r12, 0xccc4197cccd0685c)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    SET_FLAGS 0x47
    .byte 0xda, 0xc1 /* fcmovb st,st(1) */
    SET_FLAGS 0x02
    .byte 0xda, 0xc2 /* fcmovb st,st(2) */
    X87_FOLD r8
    X87_BEGIN
    SET_FLAGS 0x47
    .byte 0xda, 0xc9 /* fcmove st,st(1) */
    SET_FLAGS 0x02
    .byte 0xda, 0xca /* fcmove st,st(2) */
    X87_FOLD r9
    X87_BEGIN
    SET_FLAGS 0x47
    .byte 0xda, 0xd1 /* fcmovbe st,st(1) */
    SET_FLAGS 0x02
    .byte 0xda, 0xd2 /* fcmovbe st,st(2) */
    X87_FOLD r10
    X87_BEGIN
    SET_FLAGS 0x47
    .byte 0xda, 0xd9 /* fcmovu st,st(1) */
    SET_FLAGS 0x02
    .byte 0xda, 0xda /* fcmovu st,st(2) */
    X87_FOLD r11
    X87_BEGIN
    .byte 0xda, 0xe9 /* fucompp */
    X87_FOLD r12
END

CASE(x87_db_fild)
EXPECT(r8, 0x45cc181000008eff)
EXPECT(r9, 0x81c448419669f97a)
EXPECT(r10, 0x2765ab999ccfc268)
EXPECT(r11, 0x81c448419669f97a)
EXPECT(r12, 0x5e0abfa1fb54cf2c)
EXPECT(r13, 0x81c44641966abc8a)
EXPECT(r14, 0x275daf899cd08778)
EXPECT(r15, 0x275daf899cd08778)
BEGIN
    X87_OPERANDS
    X87 r8, fild dword ptr [rsi + 48]
    X87 r9, fisttp dword ptr [rdi + 256]
    X87 r10, fist dword ptr [rdi + 256]
    X87 r11, fistp dword ptr [rdi + 256]
    X87 r12, fld tbyte ptr [rsi + 64]
    X87 r13, fstp tbyte ptr [rdi + 256]
    X87_BEGIN
    SET_FLAGS 0x02
    .byte 0xdb, 0xc1 /* fcmovnb st,st(1) */
    SET_FLAGS 0x47
    .byte 0xdb, 0xc2 /* fcmovnb st,st(2) */
    X87_FOLD r14
    X87_BEGIN
    SET_FLAGS 0x02
    .byte 0xdb, 0xc9 /* fcmovne st,st(1) */
    SET_FLAGS 0x47
    .byte 0xdb, 0xca /* fcmovne st,st(2) */
    X87_FOLD r15
END

CASE(x87_db_fcmovnbe)
EXPECT(r8, 0x275daf899ccfc658)
EXPECT(r9, 0x275daf899ccfc658)
EXPECT(r10, 0x2765a9999ccfc658)
EXPECT(r11, 0x2765a9999ccfc658)
EXPECT(r12, 0x2769af899ccfc65a)
EXPECT(r13, 0xffc0000000037f3f)
EXPECT(r14, 0x2765a9999ccfc658)
EXPECT(r15, 0x2765a9999cd1c658)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    SET_FLAGS 0x02
    .byte 0xdb, 0xd1 /* fcmovnbe st,st(1) */
    SET_FLAGS 0x47
    .byte 0xdb, 0xd2 /* fcmovnbe st,st(2) */
    X87_FOLD r8
    X87_BEGIN
    SET_FLAGS 0x02
    .byte 0xdb, 0xd9 /* fcmovnu st,st(1) */
    SET_FLAGS 0x47
    .byte 0xdb, 0xda /* fcmovnu st,st(2) */
    X87_FOLD r9
    X87_BEGIN
    .byte 0xdb, 0xe0 /* fneni */
    X87_FOLD r10
    X87_BEGIN
    .byte 0xdb, 0xe1 /* fndisi */
    X87_FOLD r11
    X87_BEGIN
    fsqrt
    fnclex
    X87_FOLD r12
    X87_BEGIN
    .byte 0xdb, 0xe3 /* fninit */
    X87_FOLD r13
    X87_BEGIN
    .byte 0xdb, 0xe4 /* fnsetpm */
    X87_FOLD r14
    X87_BEGIN
    .byte 0xdb, 0xe9 /* fucomi st,st(1) */
    FOLD_FLAGS r15
    X87_FOLD r15
END

CASE(x87_db_fcomi)
EXPECT(r8, 0x2765a9999cd1c658)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    .byte 0xdb, 0xf1 /* fcomi st,st(1) */
    FOLD_FLAGS r8
    X87_FOLD r8
END
