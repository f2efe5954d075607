/* SPDX-License-Identifier: MIT */
/*
 * What lies on the stack while a trap is handled, as C sees it and as assembly puts it there: the two halves of one layout.
 * In assembly: trap_entries NAME, TO makes the 256 entries; what they jump to begins with push_registers and ends with
 * pop_registers, after which the vector and the error code are still on the stack. Intel SDM vol. 3 §6.14.
 */
#ifndef ROMS_KIT_TRAP_FRAME_H
#define ROMS_KIT_TRAP_FRAME_H

#ifdef __ASSEMBLER__
/* clang-format off */

/* 16 bytes for each vector, in order from NAME on. Some exceptions have an error code of their own. */
.macro trap_entries name, to
    .balign 16
    .globl \name
\name:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    pushq $0
    .endif
    pushq $vector
    jmp \to
    .set vector, vector + 1
    .endr
    .balign 16
.endm

.macro push_registers
    .irp reg, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    push %\reg
    .endr
.endm

.macro pop_registers
    .irp reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
    pop %\reg
    .endr
.endm

/* clang-format on */
#else

#include <stdint.h>

/* Lowest address first. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

#endif
#endif
