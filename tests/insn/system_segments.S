/* SPDX-License-Identifier: MIT */
/* Segment registers and far jumps, with the three selectors that user mode has (Linux's: 23 and 33 code, 2B data); tables and identity. */
#include "tests/insn/case.h"

CASE(segment_moves)
EXPECT(rax, 0x2b)
EXPECT(rcx, 0x33)
EXPECT(rbx, 0x2b)
EXPECT(rsi, 0x33)
EXPECT(r8, 0x7)
BEGIN
    mov eax, -1
    mov eax, ss
    mov ecx, -1
    mov ecx, cs
    mov edx, 0x2b
    mov es, edx
    mov ebx, es
    mov edi, DATA
    mov [rdi], cs
    mov esi, [rdi]
    xor edx, edx
    mov es, edx
    mov r8d, es
    add r8d, 7
END

CASE(segment_gs)
EXPECT(rax, 0)
EXPECT(rcx, 0x2b)
EXPECT(rdx, 0x12345)
EXPECT(rbx, 0x7)
BEGIN
    mov edi, DATA
    mov eax, 5
    mov qword ptr [rsp], 99
    push gs
    pop rax
    push 0x2b
    pop gs
    mov ecx, gs
    mov word ptr [rdi + 4], 0
    mov dword ptr [rdi], 0x12345
    lgs edx, [rdi]
    mov ebx, gs
    add ebx, 7
END

/* The host keeps its thread in FS: it is put back. */
CASE(segment_fs)
NEEDS("fsgsbase")
EXPECT(rax, 0)
EXPECT(rcx, 0x2b)
EXPECT(rdx, 0x12345)
EXPECT(rbx, 0x7)
EXPECT(r9, 0x123456789a)
BEGIN
    rdfsbase r15
    mov edi, DATA
    mov eax, 5
    mov qword ptr [rsp], 99
    push fs
    pop rax
    push 0x2b
    pop fs
    mov ecx, fs
    mov word ptr [rdi + 4], 0
    mov dword ptr [rdi], 0x12345
    lfs edx, [rdi]
    mov ebx, fs
    add ebx, 7
    mov r8, 0x123456789a
    wrfsbase r8
    rdfsbase r9
    wrfsbase r15
    xor r15, r15
END

CASE(segment_gs_base)
NEEDS("fsgsbase")
EXPECT(rcx, 0x123456789a)
EXPECT(rbx, 0x7)
BEGIN
    mov rax, 0x123456789a
    wrgsbase rax
    rdgsbase rcx
    xor edx, edx
    wrgsbase rdx
    rdgsbase rbx
    add rbx, 7
END

CASE(segment_lss)
EXPECT(rbx, 0x12345)
EXPECT(rcx, 0x2b)
BEGIN
    mov edi, DATA
    mov word ptr [rdi + 4], 0x2b
    mov dword ptr [rdi], 0x12345
    lss ebx, [rdi]
    mov ecx, ss
END

CASE32(segment_les_lds)
EXPECT(rax, 0x12345)
EXPECT(rcx, 0x1)
EXPECT(rdx, 0x54321)
EXPECT(rbx, 0x2b)
BEGIN
    mov edi, DATA
    mov dword ptr [edi], 0x12345
    mov word ptr [edi + 4], 0
    .byte 0xc4, 0x07 /* les eax, [edi] */
    mov ecx, es
    add ecx, 1
    mov word ptr [edi + 4], 0x2b
    mov dword ptr [edi], 0x54321
    .byte 0xc5, 0x17 /* lds edx, [edi] */
    mov ebx, ds
    mov ebp, 0x2b
    mov es, ebp
END

CASE(segment_checks)
EXPECT(rcx, 0xcff300)
EXPECT(rdx, 0xaffb00)
EXPECT(rsi, 0xffffffff)
EXPECT(r8, 0x1)
EXPECT(r9, 0x1)
EXPECT(r10, 0x4)
EXPECT(r11, 0)
EXPECT(r12, 0x4)
BEGIN
    mov eax, 0x2b
    lar ecx, eax
    mov ebx, 0x33
    lar edx, ebx
    lsl esi, eax
    verw ax
    setz r8b
    verw bx
    setz r10b
    verr bx
    setz r9b
    lar r11d, r14d
    setz r12b
    add r12d, 4
    add r10d, 4
END

CASE32(segment_arpl)
EXPECT(rax, 0x2b)
EXPECT(rdx, 0x401)
BEGIN
    mov eax, 0x28
    mov ecx, 3
    arpl ax, cx
    setz dl
    arpl ax, cx
    setz dh
    add dh, 4
END

CASE(far_jump)
EXPECT(rcx, 0x4)
EXPECT(rdx, 0x33)
EXPECT(rax, 0x3)
BEGIN
    mov edi, DATA
    lea rax, [rip + 1f]
    mov [rdi], eax
    mov word ptr [rdi + 4], 0x33
    jmp fword ptr [rdi]
    add ecx, 1
1:
    add ecx, 4
    lea rax, [rip + 1f]
    mov [rdi], eax
    call fword ptr [rdi]
    add ecx, 1
1:
    mov edx, [rsp + 4]
    sub eax, [rsp]
    add rsp, 8
END

CASE(far_return)
EXPECT(rcx, 0x8)
EXPECT(rdx, 0)
EXPECT(rbx, 0x8d5)
EXPECT(r8, 0x7)
BEGIN
    mov r8, rsp
    push 0x33
    lea rax, [rip + 1f]
    push rax
    .byte 0x48, 0xcb /* retfq */
    add ecx, 1
1:
    add ecx, 4
    push 0
    push 0x33
    lea rax, [rip + 1f]
    push rax
    .byte 0x48, 0xca, 8, 0 /* retfq 8 */
    add ecx, 1
1:
    add ecx, 4
    sub r8, rsp
    mov rdx, rsp
    push 0x2b
    push rdx
    push 0xad7
    lea rax, [rip + 1f]
    push 0x33
    push rax
    mov rax, rsp
    iretq
    add ecx, 1
1:
    pushfq
    pop rbx
    and ebx, ALL
    sub rdx, rsp
    add r8, 7
END

CASE32(far_jump_32)
EXPECT(rcx, 0x4)
EXPECT(rdx, 0x23)
EXPECT(rax, 0x14)
BEGIN
    .byte 0xea /* ljmp 23, label */
    .long 1f - 9902b + 0x10000000
    .word 0x23
    add ecx, 1
1:
    add ecx, 4
    .byte 0x9a /* lcall 23, label */
    .long 1f - 9902b + 0x10000000
    .word 0x23
    add ecx, 1
1:
    mov edx, [esp + 4]
    pop eax
    sub eax, 0x10000000
    add esp, 4
END

/* The host's tables are elsewhere, and it may hide them (UMIP). */
CASE(system_tables)
HOST_DIFFERS
EXPECT(rcx, 0x103ff000003f)
EXPECT(rdx, 0)
EXPECT(rbx, 7)
EXPECT(rsi, 7)
EXPECT(r8, 0x40023)
BEGIN
    mov edi, DATA
    mov rax, -1
    mov [rdi], rax
    mov [rdi + 8], rax
    mov [rdi + 16], rax
    mov [rdi + 24], rax
    sgdt [rdi]
    sidt [rdi + 16]
    mov rcx, [rdi]
    mov rdx, [rdi + 16]
    mov ebx, -1
    sldt ebx
    mov esi, -1
    str esi
    mov r8d, -1
    smsw r8d
    add ebx, 7
    add esi, 7
END

/* The vendor that the model names. */
CASE(system_cpuid)
HOST_DIFFERS
EXPECT(rbx, 0x68747541)
EXPECT(rdx, 0x69746e65)
EXPECT(rcx, 0x444d4163)
BEGIN
    xor eax, eax
    cpuid
END

/* Neither what the registers were, nor less than before. */
CASE(system_rdtsc)
EXPECT(r8, 0x1)
EXPECT(r9, 0x1)
BEGIN
    mov edx, -1
    mov eax, -1
    rdtsc
    shl rdx, 32
    or rdx, rax
    mov r10, rdx
    cmp rdx, -1
    setne r8b
    rdtsc
    shl rdx, 32
    or rdx, rax
    cmp rdx, r10
    setae r9b
    mov eax, 0
    mov edx, 0
    mov r10d, 0
END

CASE(system_rdtscp)
NEEDS("rdtscp")
EXPECT(r8, 0x1)
EXPECT(r9, 0x1)
BEGIN
    mov edx, -1
    mov eax, -1
    mov ecx, -1
    rdtscp
    shl rdx, 32
    or rdx, rax
    cmp rdx, -1
    setne r8b
    cmp ecx, -1
    setne r9b
    mov eax, 0
    mov edx, 0
    mov ecx, 0
END

CASE(system_random)
NEEDS("rdrand")
EXPECT(r8, 0x1)
EXPECT(r9, 0x1)
BEGIN
    mov rcx, -1
1:
    rdrand rcx
    jnc 1b
    xor rcx, -1
    setnz r8b
1:
    rdrand dx
    jnc 1b
    setc r9b
    mov edx, 0
    mov ecx, 0
END

CASE(system_seed)
NEEDS("rdseed")
EXPECT(r8, 0x1)
EXPECT(r9, 0x1)
BEGIN
    mov rcx, -1
1:
    rdseed rcx
    jnc 1b
    xor rcx, -1
    setnz r8b
    clc
1:
    rdseed dx
    jnc 1b
    setc r9b
    mov edx, 0
    mov ecx, 0
END
