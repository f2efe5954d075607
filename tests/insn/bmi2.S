/* SPDX-License-Identifier: MIT */
/* BMI2: none but BZHI writes flags; MULX with both results in one register keeps the upper half. */
#include "tests/insn/case.h"

CASE(bmi2)
NEEDS("bmi2")
EXPECT(rax, 0x78)
EXPECT(rbx, 0x10000003)
EXPECT(rcx, 0x05)
EXPECT(rdi, 0x2)
EXPECT(r8, 0x1)
EXPECT(r9, 0x80000000)
EXPECT(r10, 0xffffffffffffffff)
EXPECT(r11, 0x10000)
EXPECT(r12, 0x7fffffffffffffff)
EXPECT_FLAGS(CF | ZF | PF, ALL)
BEGIN
    mov esi, 0x12345678
    mov edi, 8
    bzhi eax, esi, edi
    mov edi, 0x13
    mov ebp, 0xf000000f
    pdep ebx, edi, ebp
    mov edi, 0x50000003
    mov ebp, 0xf0000000
    pext ecx, edi, ebp
    mov edx, 0x80000000
    mov esi, 4
    xor ebp, ebp
    mulx edi, ebp, esi
    mov edx, -1
    mov esi, 2
    mulx r8d, r8d, esi
    mov esi, 1
    rorx r9d, esi, 33
    mov r14, 1
    shl r14, 63
    mov r13d, 127
    sarx r10, r14, r13
    mov r13d, 0x30
    shlx r11d, esi, r13d
    mov rdx, -1
    mov r13d, 65
    shrx r12, rdx, r13
    xor esi, esi
    stc
END
