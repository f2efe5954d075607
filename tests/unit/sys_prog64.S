/* SPDX-License-Identifier: MIT */
/*
 * A long-mode program: paging faults and their error codes, interrupt stacks, SYSCALL and SYSRET, compatibility mode, call gates,
 * canonical addresses, FS and GS bases, control registers, faults during delivery. Run and recorded like sys_prog32.S.
 *
 * Kernel view: the first 2 MiB at 0, supervisor. User view of the same memory: at USER. A window of 4 KiB pages at WIN shows
 * every kind of page.
 */
#define PROG 0x10000
#define A(x) ((x) - start + PROG)
#define PTR 0x7ff0
#define RESUME 0x7fe0
#define TRYAT 0x7fe4
#define SAVESP 0x7fe8
#define RESULT 0x8000
#define IDT 0x6000
#define TSS 0x7000
#define STACK0 0x5000
#define STACK3 0x4000
#define IST1 0x4800
#define PML4 0x1000
#define PDPT 0x2000
#define PD 0xd000
#define PT 0xe000
#define USER 0x800000
#define WIN 0x200000
#define LDT 0x7300

    .section .rodata.sys_prog64, "a"
    .globl sys_prog64_start, sys_prog64_end

.macro REC value
    pushq %rax
    movl \value, %eax
    pushq %rdi
    pushfq
    movl PTR, %edi
    movl %eax, (%rdi)
    addl $4, PTR
    popfq
    popq %rdi
    popq %rax
.endm
.macro TRY label
    movl $A(\label), RESUME
    movl $A(9f), TRYAT
    movq %rsp, SAVESP
9:
.endm
.macro USERGO label, flags
    pushq $0x23
    pushq $STACK3+USER
    pushq $\flags
    pushq $0x2b
    pushq $A(\label)+USER
    iretq
.endm
.macro DESC base, limit, access, flags
    .word (\limit) & 0xffff, (\base) & 0xffff
    .byte ((\base) >> 16) & 0xff, \access, ((\limit) >> 16) & 15 | (\flags) << 4, ((\base) >> 24) & 0xff
.endm
.macro GATE sel, off, access, ist, hi
    .word (\off) & 0xffff, \sel
    .byte \ist, \access
    .word ((\off) >> 16) & 0xffff
    .long \hi, 0
.endm

    .code16
sys_prog64_start:
start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movl $STACK0, %esp
    movl $RESULT, PTR
    movl $PDPT + 7, PML4
    movl $PD + 7, PDPT
    movl $0x83, PD
    movl $PT + 7, PD + 8
    movl $0x87, PD + 32
    /* the window: page i of PT shows physical 0x50000 + i * 0x1000 with these rights */
    movl $0x50003, PT                      /* 0 supervisor rw */
    movl $0x51007, PT + 8                  /* 1 user rw */
    movl $0x52001, PT + 16                 /* 2 supervisor ro */
    movl $0x53005, PT + 24                 /* 3 user ro */
    movl $0x54000, PT + 32                 /* 4 not present */
    movl $0x55007, PT + 40                 /* 5 user rw nx */
    movl $0x80000000, PT + 44
    movl $0x56007, PT + 48                 /* 6 reserved bit 51 */
    movl $0x00080000, PT + 52
    lgdtl %cs:A(gdtr) - PROG
    lidtl %cs:A(idtr) - PROG
    /* what must not be set */
    movl $PML4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    movl $0x901, %eax                      /* SCE LME NXE */
    xorl %edx, %edx
    wrmsr
    movl $0x620, %eax                      /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0x80000011, %eax
    movl %eax, %cr0
    ljmpl $0x08, $A(long)

    .balign 8
gdtr:
    .word gdt_end - gdt - 1
    .long A(gdt), 0
idtr:
    .word 0x3ff
    .long IDT, 0
    .balign 8
gdt:
    .quad 0
    DESC 0, 0xfffff, 0x9a, 0xa             /* 08 code64 0 */
    DESC 0, 0xfffff, 0x92, 0xc             /* 10 data 0 */
    DESC 0, 0xfffff, 0xfa, 0xc             /* 18 code32 3 */
    DESC 0, 0xfffff, 0xf2, 0xc             /* 20 data 3 */
    DESC 0, 0xfffff, 0xfa, 0xa             /* 28 code64 3 */
    DESC TSS, 0x87, 0x89, 0                /* 30 TSS */
    .quad 0
    DESC LDT, 0xf, 0x82, 0                 /* 40 LDT */
    .quad 0
    GATE 0x08, A(gate0), 0xec, 0, 0        /* 50 call gate, DPL 3 */
    DESC 0, 0xfffff, 0x9a, 0xc             /* 60 code32 0 */
    DESC 0, 0xfffff, 0x9e, 0xa             /* 68 conforming code64 */
    DESC 0, 0xfffff, 0x9a, 0xe             /* 70 code with L and D */
    DESC 0, 0xfffff, 0x1a, 0xa             /* 78 code64, not present */
    GATE 0x08, A(gate0), 0xec, 0, 0        /* 80 call gate, upper type set below */
    GATE 0x60, A(gate0), 0xec, 0, 0        /* 90 call gate to 32-bit code */
    DESC TSS, 0x67, 0x81, 0                /* a0 16-bit TSS */
    .quad 0
    DESC 0x8000, 0xfff, 0xf2, 4            /* b0 data 3 with base and limit */
    DESC TSS, 0x67, 0x89, 0                /* b8 TSS whose upper half is beyond the table */
gdt_end:

    .code64
long:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $STACK0, %esp
    movb $0x1f, A(gdt) + 0x80 + 13
    movl $IDT, %edi
    movl $A(stubs), %eax
    movl $64, %ecx
1:  movl %eax, %ebx
    andl $0xffff, %ebx
    orl $0x80000, %ebx
    movl %ebx, (%rdi)
    movl %eax, %ebx
    andl $0xffff0000, %ebx
    orl $0x8e00, %ebx
    movl %ebx, 4(%rdi)
    addl $16, %edi
    addl $16, %eax
    loop 1b
    movb $0xee, IDT + 0x30 * 16 + 5
    movb $0xef, IDT + 0x31 * 16 + 5
    movb $1, IDT + 0x31 * 16 + 4           /* IST 1 */
    movb $0xe6, IDT + 0x32 * 16 + 5        /* no such type here */
    movl $0x8000, IDT + 0x33 * 16 + 8      /* not canonical */
    movb $0xee, IDT + 0x33 * 16 + 5
    movb $7, IDT + 0x34 * 16 + 4           /* IST 7: not canonical */
    movb $0xee, IDT + 0x34 * 16 + 5
    movw $0x60, IDT + 0x35 * 16 + 2        /* 32-bit code */
    movb $0xee, IDT + 0x35 * 16 + 5
    movq $STACK0 - 0x200, TSS + 4
    movq $IST1, TSS + 36
    movq $IST1 - 0x100, TSS + 44
    movb $2, IDT + 8 * 16 + 4
    movb $2, IDT + 12 * 16 + 4
    movl $0x8000, TSS + 36 + 48 + 4
    movw $0x68, TSS + 0x66
    movb $0xff, TSS + 0x87
    movb $0x06, TSS + 0x68 + 0x10
    movq $0x00cff2000000ffff - 0x0, %rax
    movq %rax, LDT
    TRY a1
    movl $0xa0, %eax
    ltr %ax
a1: TRY a2
    movl $0xb8, %eax
    ltr %ax
a2: TRY a3
    movl $0x30, %eax
    ltr %ax
    str %rbx
    REC %ebx
    ltr %ax
a3: REC A(gdt) + 0x34
    TRY a4
    movl $0x40, %eax
    lldt %ax
    movl $0x07, %eax
    movl %eax, %es
    REC $0x1d
a4: movl $0x10, %eax
    movl %eax, %es

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
    movl $RESULT, %esi                     /* for recording elsewhere: the results, to port E9 */
6:  lodsb
    outb %al, $0xe9
    cmpl PTR, %esi
    jb 6b
    hlt
    .balign 8
zero: .long 0, 0, 0, 0

/* --- Handlers -------------------------------------------------------------------------------------------- */
    .balign 16
stubs:
    .set i, 0
    .rept 64
    .balign 16
    .if i == 8 || (i >= 10 && i <= 14) || i == 17
    .byte 0x90, 0x90
    .else
    pushq $0
    .endif
    .byte 0x6a, i
    .byte 0xe9
    .long common - . - 4
    .set i, i + 1
    .endr
common:
    pushq %rax
    pushq %rdi
    movl $0x10, %eax
    movl PTR, %edi
    movl 16(%rsp), %eax
    shll $24, %eax
    orl 24(%rsp), %eax
    movl %eax, (%rdi)
    movl 32(%rsp), %eax
    movl %eax, 4(%rdi)
    subl TRYAT, %eax
    cmpl $0x1000, %eax
    jae 1f
    movl %eax, 4(%rdi)
1:  movl 40(%rsp), %eax
    movl %eax, 8(%rdi)
    movl 48(%rsp), %eax
    movl %eax, 12(%rdi)
    movl 56(%rsp), %eax
    movl %eax, 16(%rdi)
    movl 64(%rsp), %eax
    movl %eax, 20(%rdi)
    movl 8(%rsp), %eax
    movl %eax, 24(%rdi)
    movl %esp, 28(%rdi)
    movl $0, 32(%rdi)
    cmpl $14, 16(%rsp)
    jne 2f
    movq %cr2, %rax
    movl %eax, 32(%rdi)
2:  addl $36, %edi
    movl %edi, PTR
    popq %rdi
    movl $0x10, %eax
    movl %eax, %ss
    movl RESUME, %eax
    movq SAVESP, %rsp
    pushq $2
    popfq
    jmp *%rax
sys_prog64_end:

    .section .note.GNU-stack, "", @progbits
