/* SPDX-License-Identifier: MIT */
/*
 * Going to a register state and coming back, in long mode: sys_enter(state) and 256 stubs. The state is a struct context
 * (system.h), what C is told of a trap a struct trap_frame. Intel SDM vol. 3 §6.14.
 */
#include "roms/kit/trap_frame.h"

    .text
    .globl sys_enter
sys_enter:                              /* RDI: r[16], ip, flags, cs, ss */
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, saved_sp
    pushq 152(%rdi)                     /* SS */
    pushq 32(%rdi)                      /* RSP */
    pushq 136(%rdi)                     /* flags */
    pushq 144(%rdi)                     /* CS */
    pushq 128(%rdi)                     /* RIP */
    mov 0(%rdi), %rax
    mov 8(%rdi), %rcx
    mov 16(%rdi), %rdx
    mov 24(%rdi), %rbx
    mov 40(%rdi), %rbp
    mov 48(%rdi), %rsi
    mov 64(%rdi), %r8
    mov 72(%rdi), %r9
    mov 80(%rdi), %r10
    mov 88(%rdi), %r11
    mov 96(%rdi), %r12
    mov 104(%rdi), %r13
    mov 112(%rdi), %r14
    mov 120(%rdi), %r15
    mov 56(%rdi), %rdi
    iretq

    trap_entries sys_stubs, common

common:
    push_registers
    pushfq
    pop %rsi
    mov %ss, %edx
    cld
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call sys_trap
    mov %rbx, %rsp
    test %eax, %eax
    jz finish
    pop_registers
    add $16, %rsp
    iretq
    /* Out of whatever it was, back to who called sys_enter. */
finish:
    mov saved_sp, %rsp
    mov $0x20, %eax
    mov %eax, %ss
    mov %eax, %ds
    mov %eax, %es
    pushq $2
    popfq
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .bss
    .balign 8
saved_sp:
    .quad 0
    .section .note.GNU-stack, "", @progbits
