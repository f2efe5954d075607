/* SPDX-License-Identifier: MIT */
/*
 * Single steps over SYSCALL and SYSRET, IRET and RET of every size, long mode off and on, reserved bits of page tables, SMAP, bits of
 * CR4 and MSRs that must not be set, flags, alignment. Run and recorded like sys_prog32.S.
 */
    .section .rodata.sys_more64, "a"
    .globl sys_more64_start, sys_more64_end
sys_more64_start:
#include "tests/unit/sys_setup64.inc"

    movl $0, MODE
    movl $0xc0000081, %ecx
    xorl %eax, %eax
    movl $0x00180008, %edx
    wrmsr
    incl %ecx
    movl $A(sysc), %eax
    xorl %edx, %edx
    wrmsr
    incl %ecx
    movl $A(sysc), %eax
    wrmsr
    incl %ecx
    movl $0x700, %eax                      /* TF IF DF */
    wrmsr
    /* a single step into SYSCALL ends with it; back, it is owed at once */
    movl $1, MODE
    TRY t1
    movl $0x10, %eax
    movl %eax, %ds
    USERGO u_t1, 0x302
u_t1: nop
    syscall
    nop
    nop
    int $0x30
sysc:
    nop
    nop
    sysretq
t1: movl $0, MODE
    REC $0x77777777
    /* TF is not masked */
    movl $0xc0000084, %ecx
    movl $0x600, %eax
    xorl %edx, %edx
    wrmsr
    movl $1, MODE
    TRY t2
    USERGO u_t2, 0x302
u_t2: nop
    syscall
    nop
    int $0x30
t2: movl $0, MODE
    REC $0x77777777
    /* SYSRET with TF from code that does not step */
    movl $1, MODE
    TRY t3
    movl $A(u_t3)+USER, %ecx
    movl $0x102, %r11d
    sysretq
u_t3: nop
    int $0x30
t3: movl $0, MODE
    REC $0x77777777
    /* steps over IRETQ, REP, MOV SS, LSS */
    movl $1, MODE
    TRY t4
    movl $0x10, %ebx
    pushq $0x102
    popfq
    movl %ebx, %ss
    nop
    lss A(farp), %esp
    pushq $0x10
    pushq $STACK0
    pushq $0x102
    pushq $8
    pushq $A(1f)
    iretq
1:  nop
    pushq $2
    popfq
    nop
t4: movl $0, MODE
    REC $0x77777777
    jmp 2f
farp: .long STACK0 - 0x100
    .word 0x10
2:
/* --- IRET with other operand sizes; stacks */
    movq %rsp, %r12
    TRY i1
    movabsq $0x1234500000000000, %rax
    pushq %rax
    movq %rsp, %rbp
    subq $20, %rsp
    movl $A(1f), (%rsp)
    movl $8, 4(%rsp)
    movl $2, 8(%rsp)
    movl $STACK0 - 0x40, 12(%rsp)
    movl $0x10, 16(%rsp)
    .byte 0xcf                              /* IRETD: pops SS:ESP too */
1:  REC %esp
i1: movq %r12, %rsp
    TRY i2
    subq $10, %rsp
    movw $0x5000, 6(%rsp)
    movw $0x10, 8(%rsp)
    movw $2, 4(%rsp)
    movw $8, 2(%rsp)
    movw $0x8, (%rsp)                       /* no code there */
    movb $0xf4, 8
    jmp i2
i2: movq %r12, %rsp
i3: movq %r12, %rsp
    /* far returns */
    TRY r1
    pushq $0x10
    pushq $STACK0 - 0x80
    pushq $8
    pushq $A(1f)
    lretq $16
1:  REC %esp
r1: movq %r12, %rsp
    TRY r2
    pushq $0x23
    pushq $STACK3+USER
    pushq $0
    pushq $0
    pushq $0x2b
    pushq $A(u_r2)+USER
    lretq $16
u_r2: movq %rsp, %rax
    int $0x30
r2: movq %r12, %rsp
    TRY r3
    pushq $0                                /* null SS: not for level 3 */
    pushq $STACK3+USER
    pushq $0x2b
    pushq $A(u_r2)+USER
    lretq
r3: movq %r12, %rsp
    TRY r4
    pushq $0x70                             /* CS with L and D */
    pushq $A(u_r2)
    lretq
r4: movq %r12, %rsp
    TRY r5
    pushq $0x10
    pushq $STACK0
    pushq $2
    pushq $0x60                             /* 32-bit code of level 0, and back */
    pushq $A(comp0)
    iretq
    .code32
comp0:
    movl %esp, %ecx
    pushl $0x11223344
    ljmpl $8, $A(back0)
    .code64
back0:
    REC %ecx
    popq %rax
    REC %eax
r5: movq %r12, %rsp
    /* interrupt from compatibility mode at level 0: aligned, 64-bit frame */
    TRY r6
    pushq $0x10
    pushq $STACK0 - 4
    pushq $2
    pushq $0x60
    pushq $A(comp1)
    iretq
    .code32
comp1:
    int $0x30
    .code64
r6: movq %r12, %rsp
    /* long mode off and on again */
    TRY r7
    pushq $0x10
    pushq $STACK0
    pushq $2
    pushq $0x60
    pushq $A(comp2)
    iretq
    .code32
comp2:
    movl %cr0, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
    movl $0xc0000080, %ecx
    rdmsr
    movl %eax, %ebx
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    rdmsr
    ljmpl $8, $A(back2)
    .code64
back2:
    REC %eax
    REC %ebx
r7: movq %r12, %rsp
/* --- Paging: reserved bits, large pages */
    movl $0x83, PDPT + 8                    /* 1 GiB at 0x40000000 */
    movl $0x2083, PDPT + 16                 /* reserved bit 13 */
    movl $PD + 0x87, PDPT + 24
    movl $PDPT + 0x87, PML4 + 8             /* PS in the PML4 */
    movl $0x2083, PD + 40
    movl $0x83, PD + 48
    movl $0x7ff00000, PD + 52               /* bits 62:52 are ignored */
    movl $0x83, PD + 56
    movl $0x1000, PD + 60                   /* bit 44: not an address here, is one on a larger processor */
    movl $PT + 3, PD + 64                   /* supervisor directory, user pages */
    movl $PT + 5, PD + 72                   /* read-only directory */
    movl $PT + 7, PD + 80                   /* NX directory */
    movl $0x80000000, PD + 84
    movq %cr3, %rax
    movq %rax, %cr3
    movl $A(list), %r13d
look:
    movq (%r13), %r15
    cmpq $-1, %r15
    je looked
    TRY k1
    movl (%r15), %eax
    REC $1
k1: TRY k2
    movl %r15d, %eax
    movl $0xc3, 0x10(%r15)
    REC $2
k2: TRY k3
    leaq 0x10(%r15), %rax
    call *%rax
    REC $3
k3: TRY k4
    USERGO u_k, 0x202
u_k: movl (%r15), %eax
    int $0x30
k4: TRY k5
    USERGO u_kw, 0x202
u_kw: movl $0xc3, 0x10(%r15)
    int $0x30
k5: TRY k6
    USERGO u_kx, 0x202
u_kx: leaq 0x10(%r15), %rax
    call *%rax
    int $0x30
k6: addl $8, %r13d
    jmp look
list: .quad 0x40050000, 0x80000000, 0x8000000000, 0xa50000, 0xc50000, 0x1001000, 0x1201000, 0x1401000, -1
looked:
    REC PDPT + 8
    REC PD + 48
    REC PD + 64
    REC PD + 72
    REC PD + 80
    /* NX reserved when it is off */
    movl $0xc0000080, %ecx
    rdmsr
    andl $~0x800, %eax
    wrmsr
    movq %cr3, %rax
    movq %rax, %cr3
    TRY n1
    movl WIN + 0x5000, %eax
    REC $1
n1: TRY n2
    movl $WIN + 0x4000, %eax
    call *%rax
n2: movq %r12, %rsp
    movq %cr4, %rax
    orl $0x100000, %eax                     /* SMEP: fetches are told apart again */
    movq %rax, %cr4
    TRY n3
    movl $WIN + 0x4000, %eax
    call *%rax
n3: movq %r12, %rsp
    TRY n4
    movl $WIN + 0x1008, %eax
    call *%rax
n4: movq %r12, %rsp
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x800, %eax
    wrmsr
/* --- SMAP */
    movq %cr4, %rax
    orl $0x200000, %eax
    movq %rax, %cr4
    TRY m1
    movl %eax, WIN + 0x1000
    REC $1
m1: TRY m2
    pushq $0x40002
    popfq
    movl %eax, WIN + 0x1000
    REC $2
    movl WIN + 0x3000, %eax
    REC $3
    pushq $2
    popfq
m2: pushq $2
    popfq
    TRY m4
    movl $WIN + 0x1ff8, %esp                /* a user page as stack */
    int $0x30
m4: movq %r12, %rsp
    TRY m5
    movl $WIN + 0x1ff8, %esp
    pushfq
m5: movq %r12, %rsp
    TRY m6
    USERGO u_stac, 0x202
u_stac: stac
m6: TRY m7
    USERGO u_clac, 0x202
u_clac: clac
m7: movq %cr4, %rax
    andl $~0x300000, %eax
    movq %rax, %cr4
/* --- Bits that must not be set */
    movl $A(crlist), %r13d
cr_next:
    movq (%r13), %r14
    testq %r14, %r14
    jz cr_done
    TRY cr_after
    movq %cr4, %rax
    movq %rax, %rbx
    orq %r14, %rax
    movq %rax, %cr4
    movq %rbx, %cr4
    REC $1
cr_after:
    addl $8, %r13d
    jmp cr_next
crlist: .quad 1 << 13, 1 << 12, 1 << 14, 1 << 15, 1 << 19, 1 << 25, 1 << 32, 1 << 63, 0
cr_done:
    movl $A(msrlist), %r13d
msr_next:
    movl (%r13), %ecx
    testl %ecx, %ecx
    jz msr_done
    TRY msr_after
    movl 4(%r13), %eax
    movl 8(%r13), %edx
    wrmsr
    REC $1
msr_after:
    addl $12, %r13d
    jmp msr_next
msrlist:
    .long 0xc0000101, 0, 0x8000, 0xc0000100, 0xffffffff, 0xffffffff, 0xc0000102, 0, 0xffff7fff, 0xc0000083, 0, 0x8000
    .long 0x277, 0x02060407, 0x00070406, 0x277, 0x00070406, 0x00070406, 0x277, 0x08070406, 0x00070406
    .long 0x200, 2, 0, 0x200, 7, 0, 0x2ff, 0xc02, 0, 0x2ff, 0xc06, 0, 0x2ff, 0x1006, 0, 0x250, 0x06060602, 0
    .long 0x1b, 0xfee00400, 0, 0x1b, 0xfee00901, 0
    .long 0x175, 0, 0x8000, 0x176, 0, 0x8000, 0
msr_done:
    /* flags: IRETQ at level 0, POPFQ, what cannot be changed at level 3 */
    TRY fl1
    pushq $0x10
    pushq $STACK0
    pushq $0x3c3ed7
    pushq $8
    pushq $A(1f)
    iretq
1:  pushfq
    popq %rax
    pushq $2
    popfq
    REC %eax
fl1: movq %r12, %rsp
    TRY fl2
    USERGO u_fl, 0x202
u_fl: pushq $0x23
    pushq $STACK3+USER
    pushq $0x3c7cd7
    pushq $0x2b
    pushq $A(1f)+USER
    iretq
1:  pushfq
    popq %rax
    int $0x30
fl2:
    /* alignment */
    movq %cr0, %rax
    orl $0x40000, %eax
    movq %rax, %cr0
    TRY al1
    USERGO u_al, 0x40202
u_al: movl WIN + 0x1001, %eax
al1: TRY al2
    USERGO u_al2, 0x40202
u_al2: movb WIN + 0x1001, %al
    movw WIN + 0x1002, %ax
    movq WIN + 0x1004, %rax
al2: TRY al3
    USERGO u_al3, 0x40202
u_al3: movl WIN + 0x4001, %eax              /* not there and not aligned */
al3:
    jmp over
gate0: int $0x30
over:
#include "tests/unit/sys_end64.inc"
sys_more64_end:
    .section .note.GNU-stack, "", @progbits
