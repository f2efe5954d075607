/* SPDX-License-Identifier: MIT */
/*
 * Faults in task switches (which task they belong to, what was saved), tasks as handlers, the trap bit, virtual-8086 tasks. Intel
 * SDM vol. 3 ch. 7, §20.3.
 */
    .section .rodata.sys_task32, "a"
    .globl sys_task32_start, sys_task32_end
sys_task32_start:
#include "tests/unit/sys_setup32.inc"

/* --- Faults in task switches --------------------------------------------------------------------------- */
tasks:
    movl $TSS3, %edi
    xorl %eax, %eax
    movl $26, %ecx
    rep stosl
    movl $A(fault_task), TSS3 + 0x20
    movl $2, TSS3 + 0x24
    movl $STACK2, TSS3 + 0x38
    movl $0x10, TSS3 + 0x48
    movl $0x08, TSS3 + 0x4c
    movl $0x10, TSS3 + 0x50
    movl $0x10, TSS3 + 0x54
    /* IRET with NT and a bad link */
    movl $A(links), %ebx
link_next:
    movl (%ebx), %eax
    cmpl $-1, %eax
    je links_done
    movw %ax, TSS
    TRY link_after
    pushl $0x4002
    popfl
    iretl
link_after:
    addl $4, %ebx
    jmp link_next
links: .long 0, 0xf8, 0x10, 0x30, 0x04, -1
links_done:
    /* #DF, #TS, #NP and #SS by task */
    .irp v, 8, 10, 11, 12
    movl $0x380000, IDT + \v * 8
    movl $0x8500, IDT + \v * 8 + 4
    .endr
    movl $A(cases), %ebx
case_next:
    movl (%ebx), %eax
    cmpl $-1, %eax
    je cases_done
    REC %eax
    call fresh
    movl (%ebx), %eax
    movl 4(%ebx), %ecx
    movw %cx, TSS2(%eax)
    TRY case_after
    movl %ebx, 0x7fd0
    lcalll $0x30, $0
case_after:
    movl 0x7fd0, %ebx
    call tidy
    addl $8, %ebx
    jmp case_next
cases:
    .long 0x4c, 0xf8, 0x4c, 0x10, 0x4c, 0, 0x4c, 0x1b, 0x4c, 0x18, 0x50, 0, 0x50, 0x88, 0x50, 0x60, 0x50, 0x23, 0x54, 0x60, 0x54, 0xf8
    .long 0x5c, 0x28, 0x60, 0x10, 0x60, 0xf8, 0x60, 0x04, 0x4c, 0x98, 0x48, 0x68, -1
fresh:                                     /* TSS2: a task that is fine */
    movl $TSS2, %edi
    xorl %eax, %eax
    movl $26, %ecx
    rep stosl
    movl $A(task2), TSS2 + 0x20
    movl $2, TSS2 + 0x24
    movl $STACK2 - 0x400, TSS2 + 0x38
    movl $0x10, TSS2 + 0x48
    movl $0x08, TSS2 + 0x4c
    movl $0x10, TSS2 + 0x50
    movl $0x10, TSS2 + 0x54
    movl $STACK0 - 0x200, TSS2 + 4
    movl $0x10, TSS2 + 8
    ret
tidy:                                      /* back to TSS, whatever the present task is */
    clts
    movb $0x89, A(gdt) + 0x2d
    movb $0x89, A(gdt) + 0x35
    movb $0x89, A(gdt) + 0x3d
    movl $0x28, %eax
    ltr %ax
    pushl $2
    popfl
    ret
task2:
    REC $0x7a52
    REC TSS2
    movl $A(task2), TSS2 + 0x20
    int $0x30
fault_task:
    REC (%esp)
    REC TSS3
    REC TSS2 + 0x20
    REC TSS2 + 0x24
    REC TSS2 + 0x38
    REC TSS2 + 0x48
    REC TSS2 + 0x4c
    REC TSS2 + 0x50
    REC TSS2 + 0x54
    REC TSS2 + 0x5c
    movl %cr0, %eax
    REC %eax
    pushfl
    popl %eax
    REC %eax
    movl A(gdt) + 0x2c, %eax
    REC %eax
    movl A(gdt) + 0x34, %eax
    REC %eax
    movl $A(fault_task), TSS3 + 0x20
    movl $STACK2, TSS3 + 0x38
    movl SAVESP, %esp
    jmp *RESUME
cases_done:
    /* EIP beyond the limit: #GP in the new task */
    call fresh
    movl $0x40, TSS2 + 0x4c
    movl $0xfffff, TSS2 + 0x20
    TRY e1
    lcalll $0x30, $0
e1: call tidy
    /* the trap bit */
    call fresh
    movl $1, TSS2 + 0x64
    xorl %eax, %eax
    movl %eax, %dr6
    TRY e2
    lcalll $0x30, $0
e2: call tidy
    movl %dr6, %eax
    REC %eax
    /* a double fault by task */
    movb $0x0e, IDT + 13 * 8 + 5
    TRY e3
    movl $0xf8, %eax
    movl %eax, %fs
e3: call tidy
    movb $0x8e, IDT + 13 * 8 + 5
    REC TSS + 0x20
    /* a virtual-8086 task */
    call fresh
    movl $A(vtask) - PROG, TSS2 + 0x20
    movl $0x23002, TSS2 + 0x24
    movl $PROG >> 4, TSS2 + 0x4c
    movl $0x300, TSS2 + 0x50
    movl $0x1234, TSS2 + 0x54
    TRY e4
    lcalll $0x30, $0
    .code16
vtask: movw %ds, %ax
    pushw %ax
    int $0x30
    .code32
e4: call tidy
    /* from virtual-8086 mode to a task and back */
    movl $0x300000, IDT + 0x32 * 8
    movl $0xe500, IDT + 0x32 * 8 + 4
    call fresh
    movl $A(task_back), TSS2 + 0x20
    TRY e5
    pushl $0x1005
    pushl $0x1004
    pushl $0x1003
    pushl $0x1002
    pushl $0x300
    pushl $0x800
    pushl $0x23002
    pushl $PROG >> 4
    pushl $A(vcode) - PROG
    iretl
    .code16
vcode: int $0x32
    movw %ds, %ax
    movw %cs, %bx
    int $0x30
    .code32
task_back:
    REC TSS
    REC TSS + 0x20
    REC TSS + 0x24
    REC TSS + 0x54
    clts
    iretl
e5: call tidy
    /* JMP to a task clears the old one's busy bit; a single step is not owed over it */
    call fresh
    TRY e6
    ljmpl $0x30, $0
e6: movl A(gdt) + 0x2c, %eax
    REC %eax
    movl A(gdt) + 0x34, %eax
    REC %eax
    call tidy
#include "tests/unit/sys_end32.inc"
sys_task32_end:
    .section .note.GNU-stack, "", @progbits
