/* SPDX-License-Identifier: MIT */
/* FXSAVE, XSAVE and their like. */
#include "tests/insn/case.h"
#include "tests/insn/x87.inc"

CASE(x87_save_fxsave)
EXPECT(r8, 0x2805a9a798cce658)
EXPECT(r9, 0x2765a9999ccfc658)
BEGIN
    X87_OPERANDS
    X87_BEGIN
    fxsave [rdi + 512]
    mov edx, [rdi + 512]
    FOLD_GPR r8, rdx
    FOLD_GPR r8, [rdi + 544]
    X87_FOLD r8
    X87_BEGIN
    fxsave [rdi + 512]
    fninit
    fxrstor [rdi + 512]
    X87_FOLD r9
END

CASE(x87_save_xsave)
NEEDS("xsave")
EXPECT(r8, 0x9745b29ba890c658)
EXPECT(r9, 0x2765a9999dcf265c)
BEGIN
    X87_OPERANDS
    push rdi
    add edi, 512
    xor eax, eax
    mov ecx, 80
    rep stosq
    pop rdi
    X87_BEGIN
    movups xmm0, [rsi]
    mov eax, 3
    xor edx, edx
    xsave [rdi + 512]
    mov edx, [rdi + 512]
    FOLD_GPR r8, rdx
    FOLD_GPR r8, [rdi + 544]
    FOLD_GPR r8, [rdi + 672]
    FOLD_GPR r8, [rdi + 1024]
    FOLD_GPR r8, [rdi + 1032]
    X87_FOLD r8
    push rdi
    add edi, 512
    xor eax, eax
    mov ecx, 80
    rep stosq
    pop rdi
    X87_BEGIN
    movups xmm0, [rsi]
    mov eax, 3
    xor edx, edx
    xsave [rdi + 512]
    fninit
    pxor xmm0, xmm0
    xrstor [rdi + 512]
    FOLD r9, xmm0
    X87_FOLD r9
END

CASE(x87_save_xsaveopt)
NEEDS("xsaveopt")
EXPECT(r8, 0x9745b29ba890c658)
BEGIN
    X87_OPERANDS
    push rdi
    add edi, 512
    xor eax, eax
    mov ecx, 80
    rep stosq
    pop rdi
    X87_BEGIN
    movups xmm0, [rsi]
    mov eax, 3
    xor edx, edx
    xsaveopt [rdi + 512]
    mov edx, [rdi + 512]
    FOLD_GPR r8, rdx
    FOLD_GPR r8, [rdi + 544]
    FOLD_GPR r8, [rdi + 672]
    FOLD_GPR r8, [rdi + 1024]
    FOLD_GPR r8, [rdi + 1032]
    X87_FOLD r8
END

CASE(x87_save_xsavec)
NEEDS("xsavec")
EXPECT(r8, 0x9745b29ba899c658)
BEGIN
    X87_OPERANDS
    push rdi
    add edi, 512
    xor eax, eax
    mov ecx, 80
    rep stosq
    pop rdi
    X87_BEGIN
    movups xmm0, [rsi]
    mov eax, 3
    xor edx, edx
    xsavec [rdi + 512]
    mov edx, [rdi + 512]
    FOLD_GPR r8, rdx
    FOLD_GPR r8, [rdi + 544]
    FOLD_GPR r8, [rdi + 672]
    FOLD_GPR r8, [rdi + 1024]
    FOLD_GPR r8, [rdi + 1032]
    X87_FOLD r8
END

CASE(x87_save_xgetbv)
NEEDS("avx")
EXPECT(r8, 0xe00)
BEGIN
    X87_OPERANDS
    xor ecx, ecx
    mov edx, -1
    xgetbv
    and eax, 7
    FOLD_GPR r8, rax
    FOLD_GPR r8, rdx
END
