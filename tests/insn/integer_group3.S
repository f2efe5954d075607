/* SPDX-License-Identifier: MIT */
/* Unary operations, multiplications and divisions; INC and DEC; exchanges. */
#include "tests/insn/case.h"
#include "tests/insn/integer.inc"

CASE(integer_unary)
EXPECT(r8, 0x52d5f0feb3890ee)
EXPECT(r9, 0xd2d5f0fd33696f2)
EXPECT(r10, 0x54c1f0feb36977e)
EXPECT(r11, 0x52d610feb369382)
EXPECT(r12, 0x52d5f0feb3698ee)
EXPECT(r13, 0x52d5f1feb3696ee)
EXPECT(r14, 0xc52d5f0feb369771)
EXPECT(r15, 0x52d5f0feb369572)
BEGIN
    I r8, (ALL), not byte ptr [rdi]
    I r9, (ALL), not rbx
    I r10, (ALL), neg cl
    I r11, (ALL), neg qword ptr [rdi]
    I r12, (ALL), inc byte ptr [rdi]
    I r13, (ALL), inc rdx
    I r14, (ALL), dec ah
    I r15, (ALL), dec dword ptr [rdi]
END

CASE(integer_multiply)
EXPECT(r8, 0x852d5f0feb3696b1)
EXPECT(r9, 0x71af46857be12303)
EXPECT(r10, 0x972d5f0feb3696b1)
EXPECT(r11, 0x71af467d7be1230b)
EXPECT(r12, 0x52d5f0d9063552e)
EXPECT(r13, 0x5ab55cebacce2441)
EXPECT(r14, 0x364becebacce8441)
EXPECT(r15, 0x5366e8feb369eee)
BEGIN
    I r8, (CF | OF), mul byte ptr [rdi]
    I r9, (CF | OF), mul rbx
    I r10, (CF | OF), imul cl
    I r11, (CF | OF), imul qword ptr [rdi]
    I r12, (CF | OF), imul rdx, [rdi]
    I r13, (CF | OF), imul ecx, ebx, 0x12345
    I r14, (CF | OF), imul rcx, [rdi], -7
    I r15, (CF | OF), imul dx, ax
END

CASE(integer_divide)
EXPECT(r8, 0x808b38a54443618d)
EXPECT(r9, 0x3daf70155d04cb84)
EXPECT(r10, 0xa2ad5f0feb3696b1)
EXPECT(r11, 0x98c3824cdbfb3969)
EXPECT(r12, 0x9a8381d44a608db1)
EXPECT(r13, 0x80b5a8afeb3696b1)
EXPECT(r14, 0x850b38a544436171)
BEGIN
    I_BEGIN
    mov eax, 0x234
    div cl
    mov ah, 0
    div dl
    I_END r8, NONE
    I_BEGIN
    xor edx, edx
    div rcx
    I_END r9, NONE
    I_BEGIN
    mov ax, -600
    idiv cl
    I_END r10, NONE
    I_BEGIN
    cqo
    idiv qword ptr [rdi]
    I_END r11, NONE
    I_BEGIN
    mov edx, 3
    div dword ptr [rdi]
    I_END r12, NONE
    I_BEGIN
    cwd
    idiv cx
    I_END r13, NONE
    I_BEGIN
    cbw
    cwde
    cdqe
    I_END r14, NONE
END

CASE(integer_exchanges)
EXPECT(r8, 0xed5f0feb3696f1)
EXPECT(r9, 0xed5f0feb378531)
EXPECT(r10, 0xbd45923bf8f64ed3)
EXPECT(r11, 0x52cdf0feb36a0f1)
EXPECT(r12, 0x8be1402dae26bdbe)
EXPECT(r13, 0x364cdcebacce0c40)
EXPECT(r14, 0x364efcebacce0c40)
EXPECT(r15, 0x80c3e57ab2eb387b)
BEGIN
    I r8, (ALL), cmpxchg [rdi], cl
    I_BEGIN
    mov al, 1
    cmpxchg [rdi], dl
    I_END r9, ALL
    I_BEGIN
    mov rax, rbx
    cmpxchg [rdi], rdx
    I_END r10, ALL
    I r11, (ALL), xadd [rdi], cl
    I r12, (ALL), xadd [rdi], rdx
    I r13, (NONE), movsx rcx, word ptr [rdi]
    I r14, (NONE), movsx ecx, al
    I_BEGIN
    movzx edx, word ptr [rdi]
    movzx ecx, ah
    I_END r15, NONE
END

CASE(integer_bswap)
EXPECT(r8, 0xe28ff45cb7724a18)
EXPECT(r9, 0x23175cebacce0d74)
EXPECT(r10, 0x1258a87687e969f1)
EXPECT(r11, 0x112d5f0bdf3e9702)
EXPECT(r12, 0x80a6856ac1ed2b7c)
EXPECT(r13, 0x5255f0feb3e936e)
EXPECT(r14, 0x364cc6f3aad20e41)
EXPECT(r15, 0x364cbcec2ed00c45)
BEGIN
    I r8, (ALL), bswap rax
    I r9, (ALL), bswap ecx
    I r10, (ALL), bswap rdx
    I r11, (ALL), bswap rbx
    I_BEGIN
    mov rcx, rsp
    bswap rsp
    mov rdx, rsp
    mov rsp, rcx
    mov ecx, 3
    I_END r12, ALL
    I r13, (ALL), bswap rbp
    I_BEGIN
    mov rsi, 0x1020304050
    bswap rsi
    mov rcx, rsi
    I_END r14, ALL
    I_BEGIN
    bswap rdi
    mov rcx, rdi
    bswap rdi
    mov rdi, DATA + 0x400
    I_END r15, ALL
END

CASE(integer_movbe)
NEEDS("movbe")
EXPECT(r8, 0x363c9d0bacde2c41)
EXPECT(r9, 0x52d5f00bdeb2af2)
EXPECT(r10, 0xf66cbf0feb3696fd)
EXPECT(r11, 0x52d5f0fec27676e)
BEGIN
    I r8, (ALL), movbe rcx, [rdi]
    I r9, (ALL), movbe [rdi], edx
    I r10, (ALL), movbe cx, [rdi]
    I r11, (ALL), movbe [rdi], dx
END

CASE(integer_flags)
EXPECT(r8, 0x52d5f0feb3696ed)
EXPECT(r9, 0x52d5f0feb3696f1)
EXPECT(r10, 0x52d5f0feb3696fe)
EXPECT(r11, 0x52d5f0feb3696ee)
EXPECT(r12, 0x5087079ef953c52e)
EXPECT(r13, 0x5087077ef953e72e)
EXPECT(r14, 0xc52d5f0feb36976b)
EXPECT(r15, 0x452d5f0feb369753)
BEGIN
    I r8, (ALL), clc
    I r9, (ALL), cmc
    I_BEGIN
    clc
    cmc
    I_END r10, ALL
    I r11, (ALL), stc
    I_BEGIN
    mov esi, DATA + 0x400
    std
    cld
    movsb
    mov rdx, rdi
    mov edi, DATA + 0x400
    I_END r12, ALL
    I_BEGIN
    std
    stosb
    cld
    mov rdx, rdi
    mov edi, DATA + 0x400
    I_END r13, ALL
    I_BEGIN
    mov ah, 0x95
    sahf
    I_END r14, ALL
    I r15, (ALL), lahf
END

CASE32(integer_lahf_sahf_32)
EXPECT(rsi, 0xa7bb67a2)
BEGIN
    mov esi, 0
    I32 ALL, lahf
    I32 ALL, sahf
END
