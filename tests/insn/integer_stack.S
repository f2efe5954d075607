/* SPDX-License-Identifier: MIT */
/* PUSH, POP, INC and DEC of each register; segments on the stack; strings; jumps. */
#include "tests/insn/case.h"
#include "tests/insn/integer.inc"

CASE(integer_push_registers)
EXPECT(r8, 0x4d)
EXPECT(r9, 0x737374757636b706)
BEGIN
    mov rax, 0x1111111111111101
    mov rcx, 0x2222222222222202
    mov rdx, 0x3333333333333303
    mov rbx, 0x4444444444444404
    mov rbp, 0x5555555555555505
    mov rsi, 0x6666666666666606
    mov rdi, 0x7777777777777707
    push rax
    pop r8
    FOLD_GPR r9, r8
    push rcx
    pop r8
    FOLD_GPR r9, r8
    push rdx
    pop r8
    FOLD_GPR r9, r8
    push rbx
    pop r8
    FOLD_GPR r9, r8
    push rbp
    pop r8
    FOLD_GPR r9, r8
    push rsi
    pop r8
    FOLD_GPR r9, r8
    push rdi
    pop r8
    FOLD_GPR r9, r8
    mov r10, rsp
    push rsp
    pop r8
    sub r8, r10
    add r8, 77
END

CASE(integer_pop_registers)
EXPECT(rax, 0x1000)
EXPECT(rcx, 0x1001)
EXPECT(rdx, 0x1002)
EXPECT(rbx, 0x1003)
EXPECT(rbp, 0x1004)
EXPECT(rsi, 0x1005)
EXPECT(rdi, 0x1006)
EXPECT(r8, 0)
EXPECT(r9, 0x40)
BEGIN
    mov r8, rsp
    push 4096
    pop rax
    push 4097
    pop rcx
    push 4098
    pop rdx
    push 4099
    pop rbx
    push 4100
    pop rbp
    push 4101
    pop rsi
    push 4102
    pop rdi
    mov r9, rsp
    lea r10, [rsp - 64]
    push r10
    pop rsp
    mov r10, rsp
    mov rsp, r9
    sub r9, r10
    sub r8, rsp
END

CASE32(integer_inc_dec_32)
EXPECT(rsi, 0x7dd56b2d)
BEGIN
    mov esi, 0
    I32 ALL, inc eax
    I32 ALL, inc ecx
    I32 ALL, inc edx
    I32 ALL, inc ebx
    I32 ALL, inc ebp
    I32 ALL, inc edi
    I32 ALL, dec eax
    I32 ALL, dec ecx
    I32 ALL, dec edx
    I32 ALL, dec ebx
    I32 ALL, dec ebp
    I32 ALL, dec edi
    inc esi
    dec esi
    FOLD32 ebx
    mov eax, esp
    inc esp
    sub eax, esp
    FOLD32 eax
    dec esp
    mov eax, esp
    dec esp
    dec esp
    sub eax, esp
    add esp, 2
    FOLD32 eax
END

CASE32(integer_segments_32)
EXPECT(rsi, 0x8b7162c1)
BEGIN
    mov esi, 0
    push cs
    pop eax
    FOLD32 eax
    push ss
    pop eax
    FOLD32 eax
    mov eax, ds
    push eax
    mov eax, 0
    mov es, eax
    pop es
    push es
    pop eax
    FOLD32 eax
    push 0x2b
    pop ds
    push ds
    pop eax
    FOLD32 eax
    mov edx, esp
    push ds
    pop ss
    sub edx, esp
    FOLD32 edx
    mov esp, DATA + 0x3000
    mov eax, ss
    FOLD32 eax
    push 0
    pop es
    push es
    pop eax
    FOLD32 eax
    push 0
    pop ds
    mov ecx, ds
    FOLD32 ecx
    mov eax, 0x2b
    mov ds, eax
    mov es, eax
END

CASE(integer_strings)
EXPECT(r8, 0x1115a0c30660d)
EXPECT(r9, 0x5a5a9b4f0fff0e5a)
EXPECT(r10, 0x8808800818900806)
EXPECT(r11, 0x8900820b10a0e)
EXPECT(r12, 0x3366da0d00576588)
BEGIN
    mov edi, DATA
    mov rcx, 0x1122334455667788
    mov [rdi], rcx
    mov [rdi + 16], rcx
    mov byte ptr [rdi + 18], 0
    mov rsi, rdi
    lodsb
    FOLD_GPR r8, rax
    lodsd
    FOLD_GPR r8, rax
    lodsq
    FOLD_GPR r8, rax
    FOLD_GPR r8, rsi
    mov eax, 0x5a5a5a5a
    lea rdi, [rsi + 32]
    stosb
    stosw
    stosd
    stosq
    FOLD_GPR r9, rdi
    FOLD_GPR r9, [rdi - 8]
    FOLD_GPR r9, [rdi - 15]
    mov esi, DATA
    mov edi, DATA + 16
    cmpsb
    FOLD_FLAGS r10
    cmpsb
    FOLD_FLAGS r10
    cmpsb
    FOLD_FLAGS r10
    cmpsd
    FOLD_FLAGS r10
    sub esi, 5
    cmpsd
    FOLD_FLAGS r10
    FOLD_GPR r10, rsi
    mov edi, DATA
    mov eax, 0x88
    scasb
    FOLD_FLAGS r11
    scasb
    FOLD_FLAGS r11
    scasd
    FOLD_FLAGS r11
    scasq
    FOLD_FLAGS r11
    FOLD_GPR r11, rdi
    mov esi, DATA
    mov edi, DATA + 64
    movsb
    movsq
    FOLD_GPR r12, rsi
    FOLD_GPR r12, [rdi - 8]
    FOLD_GPR r12, [rdi - 9]
END

CASE(integer_jumps)
EXPECT(r8, 0x80600)
EXPECT(r9, 0x3)
BEGIN
    mov ecx, 5
    xor eax, eax
1:
    inc eax
    cmp eax, 3
    loopne 1b
    FOLD_GPR r8, rcx
    FOLD_GPR r8, rax
    lea rax, [rip + 1f]
    jmp rax
    inc r9
1:
    lea rax, [rip + 1f]
    mov edi, DATA
    mov [rdi], rax
    jmp [rdi]
    inc r9
1:
    lea rax, [rip + 1f]
    call rax
1:
    pop rdx
    sub rax, rdx
    FOLD_GPR r8, rax
    add r9, 3
END

CASE(integer_hints)
EXPECT(r8, 0x5)
BEGIN
    mov edi, DATA
    .byte 0x0f, 0x19, 0x07
    .byte 0x0f, 0x1a, 0x07
    .byte 0x0f, 0x1b, 0x07
    .byte 0x0f, 0x1c, 0x07
    .byte 0x0f, 0x1d, 0x07
    .byte 0x0f, 0x1f, 0x07
    prefetchw [rdi]
    prefetch [rdi]
    prefetcht0 [rdi]
    pause
    nop dword ptr [rdi]
    mov r8d, 5
END
