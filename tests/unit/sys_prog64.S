/* SPDX-License-Identifier: MIT */
/*
 * A long-mode program: paging faults and their error codes, interrupt stacks, SYSCALL and SYSRET, compatibility mode, call gates,
 * canonical addresses, FS and GS bases, control registers, faults during delivery. Run and recorded like sys_prog32.S.
 */
    .section .rodata.sys_prog64, "a"
    .globl sys_prog64_start, sys_prog64_end
sys_prog64_start:
#include "tests/unit/sys_setup64.inc"

/* --- LAR and LSL ---------------------------------------------------------------------------------- */
    xorl %esi, %esi
2:  movl $0x12345678, %eax
    lar %esi, %eax
    pushfq
    popq %rbx
    andl $0x40, %ebx
    REC %eax
    REC %ebx
    movl $0x12345678, %eax
    lsl %esi, %eax
    REC %eax
    addl $8, %esi
    cmpl $0xc0, %esi
    jb 2b

/* --- Paging --------------------------------------------------------------------------------------- */
    movl $A(touches), %esi
    movl $7, %r14d                         /* pages of the window */
    movl $WIN, %r15d
pages:
    TRY p1
    movl (%r15), %eax
    REC $1
p1: TRY p2
    movl %eax, 4(%r15)
    REC $2
p2: TRY p2b
    movb $0xc3, 8(%r15)
p2b: TRY p3
    leaq 8(%r15), %rax
    call *%rax
    REC $3
p3: movq SAVESP, %rsp
    TRY p4
    movl %r15d, %ebx
    USERGO u_read, 0x202
u_read: movl (%rbx), %eax
    int $0x30
p4: TRY p5
    movl %r15d, %ebx
    USERGO u_write, 0x202
u_write: movl %eax, 16(%rbx)
    int $0x30
p5: TRY p6
    movl %r15d, %ebx
    USERGO u_exec, 0x202
u_exec: leaq 8(%rbx), %rax
    call *%rax
    int $0x30
p6: addl $0x1000, %r15d
    decl %r14d
    jnz pages
    REC PT
    REC PT + 8
    REC PT + 16
    REC PT + 24
    REC PT + 40
    REC PD + 8
    REC PDPT
    REC PML4
    nop
touches:
    /* WP, SMEP, SMAP */
    movq %cr0, %rax
    orl $0x10000, %eax
    movq %rax, %cr0
    TRY w1
    movl %eax, WIN + 0x2004
    REC $1
w1: TRY w2
    movl %eax, WIN + 0x3004
    REC $1
w2: movq %cr4, %rax
    orl $0x300000, %eax
    movq %rax, %cr4
    TRY w3
    movl WIN + 0x1000, %eax
    REC $1
w3: stac
    movl WIN + 0x1000, %eax
    clac
    TRY w4
    movl $WIN + 0x1008, %eax
    call *%rax
    REC $1
w4: movq SAVESP, %rsp
    TRY w5
    USERGO u_ac, 0x40202                   /* AC of user mode does not matter inside a handler */
u_ac: int $0x30
w5: movq %cr4, %rax
    andl $~0x300000, %eax
    movq %rax, %cr4
    TRY w6
    movabsq $0x800000000000, %rax
    movl (%rax), %ebx
w6: TRY w7
    movabsq $0x7ffffffffffe, %rax
    movl (%rax), %ebx
w7: TRY w8
    movabsq $0x800000000000, %rbp
    movl (%rbp), %ebx
w8: TRY w9
    movabsq $0x800000000000, %rsp
    pushq %rax
w9: TRY w10
    movabsq $0x800000000000, %rax
    jmp *%rax
w10: TRY w11
    movl WIN + 0x3ffe, %eax                /* crosses into a page that is not there */
    movl %eax, WIN + 0x3ffe
w11:

/* --- Interrupts ------------------------------------------------------------------------------------ */
    .irp n, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x40
    TRY i_\n
    movl $STACK0 - 0x113, %esp             /* odd: gets aligned */
    int $\n
i_\n: movq SAVESP, %rsp
    TRY j_\n
    USERGO u_int\n, 0x202
u_int\n: int $\n
j_\n:
    .endr
    TRY b1
    int3
b1: TRY b2
    USERGO u_int3, 0x3202
u_int3: int3
b2: TRY b3
    .byte 0x0f, 0xff, 0xc0                 /* UD0 */
b3: TRY b4
    xorl %ecx, %ecx
    divl %ecx
b4: TRY b5
    pushq $0x100
    popfq
    nop
    REC $1
b5: movq %dr6, %rax
    REC %eax
    movl $0, %eax
    movq %rax, %dr6

/* --- Faults during delivery ------------------------------------------------------------------------- */
    TRY f1
    movl $WIN + 0x4ff8, %esp               /* a stack that is not there: page fault, again: double fault */
    ud2
f1: movq %cr2, %rax
    REC %eax
    movb $2, IDT + 14 * 16 + 4             /* now the page fault's handler too */
    TRY f2
    movl $WIN + 0x4ff8, %esp
    ud2
f2: movq %cr2, %rax
    REC %eax
    movb $0, IDT + 14 * 16 + 4
    TRY f3
    movabsq $0x800000000000, %rsp          /* stack fault in delivery: benign, so #SS; its stack is bad too */
    ud2
f3: TRY f4
    movabsq $0x800000000000, %rsp
    movb $0x0e, IDT + 12 * 16 + 5          /* #SS, then #NP: double fault */
    ud2
f4: movb $0x8e, IDT + 12 * 16 + 5

/* --- Far transfers ----------------------------------------------------------------------------------- */
    movl $A(fars), %esi
3:  movzwl (%rsi), %eax
    cmpl $0xffff, %eax
    je 4f
    subq $16, %rsp
    movl $A(far_here), (%rsp)
    movw %ax, 4(%rsp)
    movq %rsp, %rbx
    TRY far1
    ljmpl *(%rbx)
far_here:
    movl %cs, %ebx
    REC %ebx
far1: movl $A(far_called), (%rsp)
    TRY far2
    lcalll *(%rsp)
    REC $0x66
far2: movq SAVESP, %rsp
    addq $16, %rsp
    addl $2, %esi
    jmp 3b
far_called:
    REC (%rsp)
    lretl
fars: .word 8, 0, 0x10, 0x28, 0x50, 0x68, 0x6b, 0x70, 0x78, 0x80, 0x90, 0x30, 0xa0, 0xf8, -1
gate0:
    movq %rsp, %rax
    REC %eax
    REC (%rax)
    REC 8(%rax)
    lretq
4:  TRY g1
    USERGO u_gate, 0x202
u_gate: lcalll *A(gatep)+USER
    movl %cs, %eax
    int $0x30
gatep: .long 0
    .word 0x53
g1: /* far return and IRET to strange places */
    TRY g2
    pushq $0x10
    pushq $A(start)
    lretq
g2: movq SAVESP, %rsp
    TRY g3
    pushq $8
    movabsq $0x800000000000, %rax
    pushq %rax
    lretq
g3: movq SAVESP, %rsp
    TRY g4
    pushq $0                               /* null SS at CPL 0: allowed */
    pushq $STACK0 - 0x40
    pushq $2
    pushq $8
    pushq $A(5f)
    iretq
5:  movl %ss, %eax
    REC %eax
    REC %esp
    movl $0x10, %eax
    movl %eax, %ss
g4: movl $0x10, %eax
    movl %eax, %ss
    movq SAVESP, %rsp
    TRY g5
    pushq $3                               /* null SS for user code: not */
    pushq $STACK3+USER
    pushq $2
    pushq $0x2b
    pushq $A(start)
    iretq
g5: movq SAVESP, %rsp
    TRY g6
    pushfq
    orl $0x4000, (%rsp)
    popfq
    iretq                                  /* NT */
g6: movq SAVESP, %rsp
    TRY g7
    pushq $0x23                            /* to compatibility mode */
    pushq $STACK3+USER
    pushq $0x3202
    pushq $0x1b
    pushq $A(compat)+USER
    iretq
    .code32
compat:
    pushl $0x1234
    movl %esp, %ebx
    movl $0xb3, %eax
    movl %eax, %ds
    movl %ds:0xffc, %ecx
    movl %ds:0xffd, %ecx
    .code64
g7: TRY g8
    pushq $0x23
    pushq $STACK3+USER
    pushq $0x202
    pushq $0x1b
    pushq $A(compat2)+USER
    iretq
    .code32
compat2:
    movl $0x20, %eax
    movl %eax, %ds
    lcalll $0x53, $0                       /* call gate: to 64-bit code and back */
    movl %esp, %eax
    int $0x30
    .code64
g8: TRY g9
    pushq $0x23
    pushq $STACK3+USER
    pushq $0x202
    pushq $0x1b
    pushq $A(compat3)+USER
    iretq
    .code32
compat3:
    sysenter                               /* not in long mode */
    .code64
g9:

/* --- SYSCALL ---------------------------------------------------------------------------------------- */
    movl $0xc0000081, %ecx
    xorl %eax, %eax
    movl $0x00180008, %edx
    wrmsr
    incl %ecx
    movl $A(sysc), %eax
    xorl %edx, %edx
    wrmsr
    incl %ecx
    movl $A(sysc32), %eax
    wrmsr
    incl %ecx
    movl $0x600, %eax
    wrmsr
    TRY s1
    movl $0x10, %eax
    movl %eax, %ds
    USERGO u_sysc, 0x606
u_sysc: syscall
after1: movl %cs, %eax
    movl %ss, %ebx
    shll $16, %ebx
    orl %ebx, %eax
    pushfq
    popq %rbx
    int $0x30
sysc:
    movq %rsp, %r8
    movl $STACK0, %esp
    REC %ecx
    REC %r11d
    movl %cs, %eax
    REC %eax
    movl %ss, %eax
    REC %eax
    pushfq
    popq %rax
    REC %eax
    movq %r8, %rsp
    sysretq
s1: REC %ebx
    TRY s2
    pushq $0x23
    pushq $STACK3+USER
    pushq $0x202
    pushq $0x1b
    pushq $A(compat4)+USER
    iretq
    .code32
compat4:
    syscall
    movl %cs, %eax
    int $0x30
    .code64
sysc32:
    movq %rsp, %r8
    movl $STACK0, %esp
    REC %ecx
    movl %cs, %eax
    REC %eax
    movq %r8, %rsp
    sysretl
s2: TRY s3
    USERGO u_sysret, 0x202
u_sysret: sysretq
s3: TRY s4
    movl $0xc0000082, %ecx
    xorl %eax, %eax
    movl $0x8000, %edx
    wrmsr                                  /* not canonical */
s4: TRY s5
    movl $0xc0000080, %ecx
    rdmsr
    REC %eax
    andl $~0x100, %eax
    wrmsr                                  /* LME with paging on */
s5: TRY s6
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x20000, %eax
    wrmsr
s6: TRY s7
    movl $0x12345678, %ecx
    rdmsr
s7:

/* --- FS and GS --------------------------------------------------------------------------------------- */
    TRY x1
    rdfsbase %rax                          /* CR4.FSGSBASE is clear */
x1: movq %cr4, %rax
    orl $0x10000, %eax
    movq %rax, %cr4
    movabsq $0x123456789abc, %rax
    wrfsbase %rax
    xorl %eax, %eax
    rdfsbase %eax
    REC %eax
    movl $0xc0000100, %ecx
    rdmsr
    REC %edx
    TRY x2
    movabsq $0x800000000000, %rax
    wrgsbase %rax
x2: movl $0x1111, %eax
    wrgsbase %rax
    swapgs
    rdgsbase %rax
    REC %eax
    swapgs
    rdgsbase %rax
    REC %eax
    movl $0xb0, %eax
    movl %eax, %gs
    rdgsbase %rax
    REC %eax
    xorl %eax, %eax
    movl %eax, %gs
    movl $0x2222, %eax
    wrgsbase %rax
    TRY x3
    USERGO u_swapgs, 0x202
u_swapgs: rdgsbase %rbx
    swapgs
x3: REC %ebx
    rdgsbase %rax
    REC %eax

/* --- Control registers --------------------------------------------------------------------------------- */
    TRY c1
    movq %cr0, %rax
    andl $0x7fffffff, %eax
    movq %rax, %cr0
c1: TRY c2
    movq %cr4, %rax
    andl $~0x20, %eax
    movq %rax, %cr4
c2: TRY c3
    movq %cr0, %rax
    btsq $32, %rax
    movq %rax, %cr0
c3: TRY c4
    movq %cr3, %rax
    btsq $60, %rax
    movq %rax, %cr3
c4: TRY c5
    movl $16, %eax
    movq %rax, %cr8
c5: TRY c6
    movq %cr3, %rax
    orl $5, %eax
    movq %rax, %cr3
    movq %cr4, %rax
    orl $0x20000, %eax                     /* PCIDE with a PCID already in CR3 */
    movq %rax, %cr4
c6: movl $PML4, %eax
    movq %rax, %cr3
    TRY c7
    movq %dr7, %rax
    btsq $32, %rax
    movq %rax, %dr7
c7: TRY c8
    movq %cr4, %rax
    orl $8, %eax
    movq %rax, %cr4
    movq %dr4, %rax
c8: TRY c9
    USERGO u_sgdt, 0x202
u_sgdt: sgdt -16(%rsp)
    movzwl -16(%rsp), %eax
    int $0x30
c9: TRY c10
    movq %cr4, %rax
    orl $0x800, %eax
    movq %rax, %cr4
    USERGO u_umip, 0x202
u_umip: smsw %eax
c10: TRY c11
    movq %cr4, %rax
    orl $4, %eax
    movq %rax, %cr4                        /* TSD */
    USERGO u_tsc, 0x202
u_tsc: rdtsc
c11: TRY c12
    lidt A(zero)                              /* no IDT: the fault becomes a shutdown; so restore it */
    lidt A(idtr)
    REC $0x1d7
c12:
#include "tests/unit/sys_end64.inc"
sys_prog64_end:
    .section .note.GNU-stack, "", @progbits
