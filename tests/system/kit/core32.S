/* SPDX-License-Identifier: MIT */
/*
 * The 32-bit tests' beginning (Multiboot 1 §3.1), going to a register state (sys_enter) and coming
 * back by 256 stubs. A trap may come on any stack, one that C could not use among them, so the frame
 * is copied from SS:ESP to trap_frame, and C runs on a stack of its own.
 */
#include "tests/system/kit/machine32.h"

#define MB_MAGIC 0x1badb002
#define MB_FLAGS 0x3
#define FRAME_WORDS 17          /* GS FS ES DS, PUSHA, vector, error, EIP, CS, flags */
#define FRAME_OUTER 6           /* ESP, SS, and of virtual-8086 mode ES DS FS GS */

    .section .multiboot, "a"
    .balign 4
    .long MB_MAGIC
    .long MB_FLAGS
    .long -(MB_MAGIC + MB_FLAGS)

    .section .text.entry, "ax"
    .globl _start
_start:
    cli
    cld
    mov $__bss_start, %edi
    mov $__bss_end, %ecx
    sub %edi, %ecx
    shr $2, %ecx
    xor %eax, %eax
    rep stosl
    mov $c_stack + 16384, %esp
    pushl $2
    popfl
    push %ebx
    call start32
1:  hlt
    jmp 1b

    .text
    .globl sys_enter
sys_enter:                              /* struct context: r[16], ip, flags, cs, ss, ds, es, fs, gs */
    push %ebx
    push %ebp
    push %esi
    push %edi
    mov 20(%esp), %eax
    mov %esp, saved_sp
    testl $0x20000, 68(%eax)
    jnz 1f
    testl $3, 72(%eax)
    jnz 2f
    /* The same privilege: all of it on the stack that it shall have. */
    mov 76(%eax), %ecx
    mov %ecx, pointer + 4
    mov 16(%eax), %ecx
    mov %ecx, pointer
    lss pointer, %esp
    jmp 3f
1:  push 92(%eax)
    push 88(%eax)
    push 80(%eax)
    push 84(%eax)
2:  push 76(%eax)
    push 16(%eax)
3:  push 68(%eax)
    push 72(%eax)
    push 64(%eax)
    push 0(%eax)
    push 4(%eax)
    push 8(%eax)
    push 12(%eax)
    push 16(%eax)
    push 20(%eax)
    push 24(%eax)
    push 28(%eax)
    testl $0x20000, 68(%eax)
    jnz 4f
    mov 92(%eax), %ecx
    mov %ecx, %gs
    mov 88(%eax), %ecx
    mov %ecx, %fs
    mov 84(%eax), %ecx
    mov %ecx, %es
    mov 80(%eax), %ecx
    mov %ecx, %ds
4:  popal
    iretl

    .balign 16
    .globl sys_stubs
sys_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17)
    pushl $0
    .endif
    pushl $vector
    jmp common
    .set vector, vector + 1
    .endr

    .balign 16
common:
    pushal
    push %ds
    push %es
    push %fs
    push %gs
    pushfl
    pop %edx
    cld
    mov $K_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %ss, %ecx
    lar %ecx, %eax
    mov %esp, %esi
    test $0x400000, %eax
    jnz 1f
    movzwl %si, %esi                    /* a 16-bit stack */
1:  mov %ecx, trap_ss
    mov %esi, trap_sp
    mov %esi, %ebx
    mov $trap_frame, %edi
    mov $FRAME_WORDS, %ecx
    rep movsl %ss:(%esi), %es:(%edi)
    testl $0x20000, trap_frame + 64
    jnz 2f
    mov %cs, %eax
    xor trap_frame + 60, %eax
    test $3, %al
    jz 3f
2:  mov $FRAME_OUTER, %ecx
    rep movsl %ss:(%esi), %es:(%edi)
3:  mov $K_DATA, %eax
    mov %eax, %ss
    mov $trap_stack + 16384, %esp
    pushl trap_ss
    push %edx
    push $trap_frame
    call sys_trap
    test %eax, %eax
    jz finish
    /* On with it. */
    mov trap_ss, %ss
    mov trap_sp, %esp
    mov $trap_frame, %esi
    mov %ebx, %edi
    mov $FRAME_WORDS, %ecx
    mov %ss, %eax
    mov %eax, %es
    rep movsl
    testl $3, trap_frame + 60
    jz 4f
    mov $2, %ecx
    rep movsl
4:  pop %gs
    pop %fs
    pop %es
    pop %ds
    popal
    add $8, %esp
    iretl
finish:
    mov saved_sp, %esp
    pushl $2
    popfl
    mov $K_DATA, %eax
    mov %eax, %fs
    mov %eax, %gs
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
    ret

    .bss
    .balign 16
    .globl trap_frame, trap_ss, trap_sp
trap_frame:
    .skip 4 * (FRAME_WORDS + FRAME_OUTER)
trap_ss:
    .long 0
trap_sp:
    .long 0
saved_sp:
    .long 0
pointer:
    .skip 8
c_stack:
    .skip 16384
trap_stack:
    .skip 16384
    .section .note.GNU-stack, "", @progbits
