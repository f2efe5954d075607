/* SPDX-License-Identifier: MIT */
/*
 * Debug registers, breakpoints, single steps and RF; LMSW and SMSW; flags by IRET and POPF. What is recorded under TRACE is the
 * sequence of #DB with DR6 and the flags at each. Intel SDM vol. 3 ch. 17; AMD APM vol. 2 §13.1.
 */
    .section .rodata.sys_debug32, "a"
    .globl sys_debug32_start, sys_debug32_end
sys_debug32_start:
#include "tests/unit/sys_setup32.inc"

/* --- LMSW, SMSW -------------------------------------------------------------------------- */
    xorl %eax, %eax
    lmsw %ax
    smsw %eax
    REC %eax
    movl $0xffff, %eax
    lmsw %ax
    smsw %ebx
    REC %ebx
    movl %cr0, %eax
    andl $~0xe, %eax
    movl %eax, %cr0
    movl $-1, %eax
    smsw %ax
    REC %eax

/* --- Flags ------------------------------------------------------------------------------- */
    TRY fl1
    pushl $0x3d3ed7                        /* IRET at CPL 0: but VM, TF */
    pushl $0x08
    pushl $A(1f)
    iretl
1:  pushfl
    popl %eax
    REC %eax
    pushl $0x3c3ed7
    popfl
    pushfl
    popl %eax
    REC %eax
    pushl $2
    pushl $0x08
    pushl $A(1f)
    iretl
1:  pushfl
    popl %eax
    REC %eax
    pushl $0x180002                        /* VIF and VIP by IRET, then POPF */
    pushl $0x08
    pushl $A(1f)
    iretl
1:  pushfl
    popl %eax
    REC %eax
    pushl $2
    popfl
    pushfl
    popl %eax
    REC %eax
    pushw $0x3ed7
    popfw
    pushfl
    popl %eax
    REC %eax
    pushl $2
    pushl $8
    pushl $A(fl1)
    iretl
fl1:

/* --- Debug registers ----------------------------------------------------------------------- */
    DR 7, $0
    DR 6, $-1
    movl %dr6, %eax
    REC %eax
    DR 6, $0
    movl %dr6, %eax
    REC %eax
    movl %dr4, %eax
    REC %eax
    /* bits 13 to 15 stay, 0 to 3 do not */
    DR 0, $A(bp1)
    DR 6, $0xe00e
    DR 7, $2
    TRY d1
    nop
bp1: nop
    REC $1
d1: movl %dr6, %eax
    andl $0xe001, %eax
    REC %eax
    /* RF holds for all of a REP */
    DR 6, $0
    DR 0, $A(bp2)
    DR 7, $2
    movl $3, %ecx
    movl $0x1000, %edi
    movl $0x1100, %esi
    TRACE
bp2: rep movsb
    nop
    TRACED
    REC %ecx
    /* TF in REP */
    DR 7, $0
    movl $3, %ecx
    movl $0x1000, %edi
    TRACE
    pushl $0x102
    popfl
    rep stosb
    movl $0, %ecx
    rep stosb
    nop
    pushl $2
    popfl
    nop
    TRACED
    /* TF and MOV SS, POP SS, INT, PUSHF */
    movl $0x10, %ebx
    TRACE
    pushl $0x102
    popfl
    movl %ebx, %ss
    nop
    nop
    pushl %ss
    popl %ss
    nop
    pushfl
    popl %edx
    int $0x3f
    nop
    cli
    sti
    nop
    cli
    pushl $2
    popfl
    TRACED
    REC %edx
    /* a data breakpoint at MOV SS waits for the next instruction */
    DR 0, $0x1000
    movl $0x10, 0x1000
    DR 7, $0x000f0002
    TRACE
    movw 0x1000, %ss
    nop
    nop
    movw 0x1000, %ss
    int $0x3f
    nop
    TRACED
    /* REP with a data breakpoint in the middle */
    DR 0, $0x1002
    DR 7, $0x00010002
    movl $5, %ecx
    movl $0x1000, %edi
    TRACE
    rep stosb
    nop
    TRACED
    /* instruction breakpoint behind MOV SS, POP SS */
    DR 0, $A(bp3)
    DR 1, $A(bp4)
    DR 7, $0xa
    movl $0x10, %ebx
    TRACE
    movl %ebx, %ss
bp3: nop
    sti
bp4: nop
    cli
    TRACED
    /* two at once, one of them not enabled; breakpoint and TF */
    DR 0, $A(bp5)
    DR 1, $A(bp5)
    DR 7, $0x2
    TRACE
    pushl $0x102
    popfl
bp5: nop
    nop
    pushl $2
    popfl
    TRACED
    /* RF by IRET */
    DR 0, $A(bp6)
    DR 7, $0x2
    TRACE
    pushl $0x10002
    pushl $8
    pushl $A(bp6)
    iretl
bp6: nop
    jmp 1f
1:  pushl $0x10002
    popfl
    pushfl
    popl %edx
    TRACED
    REC %edx
    DR 0, $A(bp7)
    TRACE
    movl $3, %ecx
bp7: loop bp7
    TRACED
    /* lengths */
    DR 0, $0x1003
    DR 7, $0x000d0002                      /* write, 4 bytes: 1000 to 1003 */
    TRACE
    movb $1, 0x1000
    movb $1, 0x1004
    movw $1, 0x0fff
    movl $1, 0x1002
    movl 0x1000, %edx
    incl 0x1000
    xchgl %edx, 0x1000
    pushl 0x1000
    popl 0x1000
    TRACED
    /* ports */
    movl %cr4, %eax
    orl $8, %eax
    movl %eax, %cr4
    DR 0, $0x80
    DR 7, $0x00020002
    movl $0x1000, %esi
    movl $0x1000, %edi
    movl $0x80, %edx
    TRACE
    outb %al, $0x80
    outb %al, %dx
    inb %dx, %al
    inb $0x81, %al
    outsb
    movl $2, %ecx
    rep outsb
    insb
    TRACED
    movl %cr4, %eax
    andl $~8, %eax
    movl %eax, %cr4
    /* general detect, at a MOV to DR7; CPL is checked first, undefined registers too */
    DR 7, $0x2000
    TRY d8
    xorl %eax, %eax
    movl %eax, %dr7
    REC $1
d8: movl %dr7, %eax
    REC %eax
    DR 7, $0xffffdfff
    movl %dr7, %eax
    REC %eax
    DR 7, $0
    DR 6, $0
#include "tests/unit/sys_end32.inc"
sys_debug32_end:
    .section .note.GNU-stack, "", @progbits
