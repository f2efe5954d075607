/* SPDX-License-Identifier: MIT */
/*
 * A 32-bit protected-mode program that walks through segmentation, gates, privilege levels, task switches and
 * virtual-8086 mode, and writes what it sees to a result area. tests/unit/test_segment.c runs it on the simulated CPU and
 * compares the results with those of a real one, recorded under KVM (sys_expected.h).
 *
 * It is loaded at PROG, starts there in real mode (CS = PROG >> 4, IP = 0), and ends with HLT at CPL 0. Faults are expected:
 * TRY says where to go on after one, and the handler records vector, error code, CS and distance of EIP from the TRY.
 */
#define PROG 0x10000
#define A(x) ((x) - start + PROG)
#define PTR 0x7ff0      /* next result */
#define RESUME 0x7fe0   /* where a fault goes on */
#define TRYAT 0x7fe4    /* where the TRY was */
#define SAVESP 0x7fe8
#define RESULT 0x8000
#define IDT 0x6000
#define TSS 0x7000
#define TSS2 0x7100
#define TSS3 0x7200     /* 16-bit */
#define STACK0 0x5000
#define STACK3 0x4000
#define STACK2 0x3000   /* second task */
#define LDT 0x7300

    .section .rodata.sys_prog32, "a"
    .globl sys_prog32_start, sys_prog32_end

.macro REC value        /* record a register or immediate */
    pushl %eax
    pushl %edi
    pushfl
    movl 8(%esp), %eax
    movl \value, %eax
    movl %ss:PTR, %edi
    movl %eax, %ss:(%edi)
    addl $4, %ss:PTR
    popfl
    popl %edi
    popl %eax
.endm
.macro TRY label
    movl $A(\label), %ss:RESUME
    movl $A(9f), %ss:TRYAT
    movl %esp, %ss:SAVESP
9:
.endm
.macro DESC base, limit, access, flags
    .word (\limit) & 0xffff, (\base) & 0xffff
    .byte ((\base) >> 16) & 0xff, \access, ((\limit) >> 16) & 15 | (\flags) << 4, ((\base) >> 24) & 0xff
.endm
.macro GATE sel, off, access, count
    .word (\off) & 0xffff, \sel
    .byte \count, \access
    .word ((\off) >> 16) & 0xffff
.endm

    .code16
sys_prog32_start:
start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movl $STACK0, %esp
    movl $RESULT, PTR
    /* Real mode: the IVT, flags, an unreal segment, INTO, BOUND, divide error. */
    movw $A(real_int) - PROG, 0x40 * 4
    movw $PROG >> 4, 0x40 * 4 + 2
    movl $0x246 | 0x4000 | 0x3000, %eax
    pushl %eax
    popfl
    int $0x40
    movl %ss:PTR, %edi
    movl %eax, (%edi)
    movl %ebx, 4(%edi)
    movl %ecx, 8(%edi)
    pushfl
    popl %eax
    movl %eax, 12(%edi)
    addl $16, PTR
    pushw $2
    popfw
    /* far call and return with operand size 32 */
    lcalll $PROG >> 4, $A(real_far) - PROG
    movl PTR, %edi
    movl %eax, (%edi)
    addl $4, PTR
    smsw %eax
    movl PTR, %edi
    movl %eax, (%edi)
    addl $4, PTR
    lgdtl %cs:A(gdtr) - PROG
    lidtl %cs:A(idtr) - PROG
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $0x08, $A(prot)

real_int:
    movw %sp, %bp
    movzwl 4(%bp), %eax
    movzwl 2(%bp), %ebx
    pushfl
    popl %ecx
    iretw
real_far:
    movw %sp, %bp
    movl 4(%bp), %eax
    lretl

    .balign 8
gdtr:
    .word gdt_end - gdt - 1
    .long A(gdt)
idtr:
    .word 0x7ff
    .long IDT
    .balign 8
gdt:
    .quad 0
    DESC 0, 0xfffff, 0x9a, 0xc             /* 08 code 0 */
    DESC 0, 0xfffff, 0x92, 0xc             /* 10 data 0 */
    DESC 0, 0xfffff, 0xfa, 0xc             /* 18 code 3 */
    DESC 0, 0xfffff, 0xf2, 0xc             /* 20 data 3 */
    DESC TSS, 0x87, 0x89, 0                /* 28 TSS */
    DESC 0x1000, 0xfff, 0x90, 4            /* 30 read-only data, limit fff */
    DESC 0, 0xfffff, 0x12, 0xc             /* 38 data, not present */
    DESC 0, 0xfffff, 0x98, 0xc             /* 40 execute-only */
    DESC 0x1000, 0xfff, 0x96, 4            /* 48 expand-down, 32-bit, limit fff */
    DESC 0x1000, 0xfff, 0x96, 0            /* 50 expand-down, 16-bit */
    DESC 0, 0xfffff, 0x9e, 0xc             /* 58 conforming code 0 */
    DESC 0, 0xfffff, 0x1a, 0xc             /* 60 code, not present */
    DESC TSS2, 0x67, 0x89, 0               /* 68 second TSS */
    DESC TSS3, 0x2b, 0x81, 0               /* 70 16-bit TSS */
    DESC LDT, 0xf, 0x82, 0                 /* 78 LDT */
    GATE 0x08, A(gate0), 0xec, 2           /* 80 call gate 32, DPL 3, two parameters */
    GATE 0x08, A(gate0), 0x6c, 0           /* 88 not present */
    GATE 0x10, A(gate0), 0xec, 0           /* 90 target is data */
    GATE 0x68, 0, 0xe5, 0                  /* 98 task gate, DPL 3 */
    GATE 0xb0, gate16-start, 0xe4, 1          /* a0 call gate 16, DPL 3 */
    DESC 0, 0xfffff, 0x92, 0x8             /* a8 data 0, 16-bit stack */
    DESC PROG, 0xffff, 0x9a, 0             /* b0 code 16 at PROG */
    DESC TSS2, 0x66, 0x89, 0               /* b8 TSS, limit too small */
    DESC TSS2, 0x67, 0x09, 0               /* c0 TSS, not present */
    DESC 0x1ff8, 0x7, 0xf2, 4              /* c8 data 3, eight bytes */
    GATE 0x58, A(gateconf), 0xec, 0        /* d0 call gate to conforming code */
    DESC 0, 0xfffff, 0x92, 0xc             /* d8 scratch */
gdt_end:

    .code32
prot:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $STACK0, %esp
    /* IDT: 32-bit interrupt gates for all, DPL 0; 0x30 DPL 3, 0x31 trap gate DPL 3, 0x32 16-bit, 0x33 task gate */
    movl $IDT, %edi
    movl $A(stubs), %eax
    movl $64, %ecx
1:  movl %eax, %ebx
    andl $0xffff, %ebx
    orl $0x80000, %ebx
    movl %ebx, (%edi)
    movl %eax, %ebx
    andl $0xffff0000, %ebx
    orl $0x8e00, %ebx
    movl %ebx, 4(%edi)
    addl $8, %edi
    addl $16, %eax
    loop 1b
    movb $0xee, IDT + 0x30 * 8 + 5
    movb $0xef, IDT + 0x31 * 8 + 5
    movl $int16 - start, %eax
    movw %ax, IDT + 0x32 * 8
    movw $0xe600, IDT + 0x32 * 8 + 4
    movw $0xb0, IDT + 0x32 * 8 + 2
    movl $0x680000, IDT + 0x33 * 8
    movl $0xe500, IDT + 0x33 * 8 + 4
    /* TSS: stack 0, I/O map at 0x68: port 0x80 allowed, the next refused */
    movl $STACK0 - 0x200, TSS + 4
    movl $0x10, TSS + 8
    movl $0x680000, TSS + 0x64
    movl $TSS + 0x68, %edi
    movl $0x20, %ecx
2:  movb $0, (%edi)
    incl %edi
    loop 2b
    movb $0x06, TSS + 0x68 + 0x10
    movb $0xff, TSS + 0x87
    /* LDT: 4 data 3, c code 3 */
    movl $0x0000ffff, LDT
    movl $0x00cff200, LDT + 4
    movl $0x0000ffff, LDT + 8
    movl $0x00cffa00, LDT + 12
    movl $0x28, %eax
    ltr %ax
    TRY r0
    ltr %ax                                /* busy */
r0: TRY r1
    movl $0x78, %eax
    lldt %ax
    sldt %ebx
    REC %ebx
    str %ebx
    REC %ebx
    movl $0x68, %eax
    lldt %ax
r1:

/* --- Segment loads: every selector into DS and SS; LAR, LSL, VERR, VERW ------------------------ */
    xorl %esi, %esi
loads:
    TRY loads_ds
    movl %esi, %ds
    movl %ds, %eax
    movl $0x10, %ebx
    movl %ebx, %ds
    REC %eax
loads_ds:
    movl $0x10, %ebx
    movl %ebx, %ds
    TRY loads_ss
    movl %esi, %ss
    movl $0x10, %ebx
    movl %ebx, %ss
    REC $0x55
loads_ss:
    movl $0x10, %ebx
    movl %ebx, %ss
    movl $0x12345678, %eax
    lar %esi, %eax
    REC %eax
    pushfl
    popl %eax
    andl $0x40, %eax
    REC %eax
    movl $0x12345678, %eax
    lsl %esi, %eax
    REC %eax
    verr %si
    pushfl
    popl %eax
    verw %si
    pushfl
    popl %ebx
    andl $0x40, %eax
    andl $0x40, %ebx
    shll $8, %ebx
    orl %ebx, %eax
    REC %eax
    addl $4, %esi
    cmpl $0xe8, %esi
    jb loads
    movl $0x33, %esi                       /* with RPL 3 */
    TRY l1
    movl %esi, %es
    REC $1
l1: movl $0x23, %esi
    movl %esi, %es
    movl %es, %eax
    REC %eax
    movl A(gdt) + 0x48 + 4 - 0, %eax       /* accessed bits */
    REC %eax
    movl A(gdt) + 0x38 + 4, %eax
    REC %eax

/* --- Limits and types ------------------------------------------------------------------------- */
    movl $0x30, %eax
    movl %eax, %es
    movl %es:0xffc, %eax
    REC %eax
    TRY t1
    movl %es:0xffd, %eax
    REC $1
t1: TRY t2
    movb $1, %es:0
    REC $1
t2: movl $0x48, %eax
    movl %eax, %es
    movl $0x11, %es:0x1000
    TRY t3
    movl $0x11, %es:0xfff
    REC $1
t3: TRY t4
    movl $0x11, %es:0xfffffffd
    REC $1
t4: movl $0x50, %eax
    movl %eax, %es
    movl $0x11, %es:0xfffc
    TRY t5
    movl $0x11, %es:0xfffd
    REC $1
t5: xorl %eax, %eax
    movl %eax, %es
    TRY t6
    movl %es:0, %eax
    REC $1
t6: TRY t7
    movb $1, %cs:A(start)
    REC $1
t7: movl $0xc8, %eax
    movl %eax, %es
    TRY t8
    movl %es:5, %eax
    REC $1
t8: TRY t9
    movl $0xa8, %eax                       /* 16-bit stack: wraps, keeps the upper half */
    movl %esp, %ebp
    movl %eax, %ss
    movl $0x12340002, %esp
    pushl $0x77
    movl %esp, %eax
    movl $0x10, %ebx
    movl %ebx, %ss
    movl %ebp, %esp
    REC %eax
    jmp t10
t9: movl $0x10, %ebx
    movl %ebx, %ss
    movl %ss:SAVESP, %esp
t10:

/* --- Far transfers ----------------------------------------------------------------------------- */
    movl $A(fars), %esi
far_next:
    movl (%esi), %eax
    cmpl $-1, %eax
    je far_done
    pushl %eax
    pushl $A(far_here)
    TRY far_call
    ljmpl *(%esp)
far_here:
    movl %cs, %eax
    REC %eax
far_call:
    movl %ss:SAVESP, %esp
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl $A(far_called), (%esp)
    TRY far_after
    lcalll *(%esp)
    REC $0x66
    jmp far_after
far_called:
    movl %esp, %eax
    REC 4(%eax)
    lretl
far_after:
    movl %ss:SAVESP, %esp
    ljmpl $8, $A(1f)
1:  addl $8, %esp
    addl $4, %esi
    jmp far_next
fars: .long 0x08, 0, 0x10, 0x18, 0x40, 0x58, 0x60, 0x88, 0x90, 0xd0, 0x0b, 0x5b, 0xf8, 0x04, 0x0c, 0x78, 0xb8, 0xc0, -1
gateconf:
    REC 4(%esp)
    lretl
far_done:

/* --- Ring 3 ------------------------------------------------------------------------------------ */
    TRY ring0a
    pushl $0x23
    pushl $STACK3
    pushl $0x3202                          /* IOPL 3 */
    pushl $0x1b
    pushl $A(user1)
    iretl
user1:                                     /* data segments of level 0 became null */
    movl %ds, %eax
    movl %es, %ebx
    movl $0x23, %ecx
    movl %ecx, %ds
    REC %eax
    REC %ebx
    cli
    pushfl
    popl %eax
    REC %eax
    sti
    outb %al, $0x81                        /* IOPL 3: allowed */
    pushl $0x0                             /* POPF cannot change IOPL */
    popfl
    pushfl
    popl %eax
    REC %eax
    int $0x30                              /* comes back to ring0a by the handler */
    REC $1
ring0a:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    /* user code again, IOPL 0: a table of refused instructions */
    movl $A(refused), %esi
ref_next:
    cmpl $0, (%esi)
    je ref_done
    TRY ref_after
    pushl $0x23
    pushl $STACK3
    pushl $0x202
    pushl $0x1b
    pushl (%esi)
    iretl
ref_after:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    addl $4, %esi
    jmp ref_next
refused:
    .long A(u_cli), A(u_hlt), A(u_cr0), A(u_lgdt), A(u_in80), A(u_in81), A(u_inw80), A(u_int31), A(u_int20), A(u_int32)
    .long A(u_clts), A(u_rdmsr), A(u_invlpg), A(u_ds0), A(u_far0), A(u_gate), A(u_gate16), A(u_gatenp), A(u_retf), A(u_iret)
    .long A(u_smsw), A(u_conf), A(u_ltr), A(u_dr), A(u_popss), A(u_ac), A(u_wbinvd), A(u_into), A(u_int3), A(u_ud), A(u_bound)
    .long A(u_ldt), A(u_verr), A(u_popf), 0
u_cli: cli
u_hlt: hlt
u_cr0: movl %cr0, %eax
u_lgdt: lgdtl %cs:A(gdtr)
u_in80: inb $0x80, %al
    xorl %eax, %eax
    int $0x30
u_in81: inb $0x81, %al
u_inw80: inw $0x80, %ax
u_int31: int $0x31
u_int20: int $0x20
u_int32: int $0x32
u_clts: clts
u_rdmsr: rdmsr
u_invlpg: invlpg %ss:0
u_ds0: movl $0x10, %eax
    movl %eax, %ds
u_far0: ljmpl $0x08, $A(start)
u_gate: pushl $0x1111
    pushl $0x2222
    lcalll $0x80, $0
    REC %esp
    REC $0x99
    int $0x30
u_gate16: movl $0x20, %eax
    movl %eax, %ds
    pushl $0x3333
    lcalll $0xa3, $0
    REC %esp
    int $0x30
u_gatenp: lcalll $0x8b, $0
u_retf: pushl $0x08
    pushl $A(start)
    lretl
u_iret: pushl $0x3202
    pushl $0x18
    pushl $A(start)
    iretl
u_smsw: smsw %eax
    REC %eax
    int $0x30
u_conf: ljmpl $0x58, $A(u_conf2)
u_conf2: movl %cs, %eax
    REC %eax
    lretl $4
u_ltr: ltr %ax
u_dr: movl %eax, %dr7
u_popss: pushl $0x10
    popl %ss
u_ac: pushl $0x40202
    popfl
    movl %ss:1, %eax
    int $0x30
u_wbinvd: wbinvd
u_into: movb $0x7f, %al
    incb %al
    into
u_int3: int3
u_ud: ud2
u_bound: movl $5, %eax
    bound %eax, %ss:RESULT
u_ldt: movl $0x07, %eax                    /* LDT is the bad one or none */
    movl %eax, %es
u_verr: movl $0x10, %eax
    verr %ax
    pushfl
    popl %eax
    REC %eax
    movl $0x12345678, %ebx
    movl $0x18, %eax
    lar %eax, %ebx
    REC %ebx
    movl $0x08, %eax
    lsl %eax, %ebx
    REC %ebx
    int $0x30
u_popf: pushl $0x247fd7
    popfl
    pushfl
    popl %eax
    REC %eax
    pushl $0
    popfl
    int $0x30
gate0:                                     /* from ring 3, two parameters */
    movl %esp, %ebp
    REC (%ebp)
    REC 4(%ebp)
    REC 8(%ebp)
    REC 12(%ebp)
    REC 16(%ebp)
    REC 20(%ebp)
    REC %ebp
    lretl $8
    .code16
gate16:
    movl %esp, %ebp
    movl %ss:PTR, %edi
    movl %ss:(%ebp), %eax
    movl %eax, %ss:(%edi)
    movl %ss:4(%ebp), %eax
    movl %eax, %ss:4(%edi)
    movl %ss:8(%ebp), %eax
    movl %eax, %ss:8(%edi)
    movl %esp, %ss:12(%edi)
    addl $16, %ss:PTR
    lretw $2
    .code32
ref_done:

/* --- Tasks ------------------------------------------------------------------------------------- */
    movl $A(task2), TSS2 + 0x20
    movl $0x2, TSS2 + 0x24
    movl $STACK2, TSS2 + 0x38
    movl $0x11111111, TSS2 + 0x28
    movl $0x22222222, TSS2 + 0x2c
    movl $0x10, TSS2 + 0x48
    movl $0x08, TSS2 + 0x4c
    movl $0x10, TSS2 + 0x50
    movl $0x10, TSS2 + 0x54
    movl $0, TSS2 + 0x58
    movl $0x23, TSS2 + 0x5c
    movl $0x78, TSS2 + 0x60
    movl $0xabcd, %edx
    TRY k1
    lcalll $0x68, $0                       /* task 2 returns by IRET */
    REC $0xca11
    pushfl
    popl %eax
    REC %eax
    movl A(gdt) + 0x28 + 4, %eax
    REC %eax
    movl A(gdt) + 0x68 + 4, %eax
    REC %eax
    REC TSS2 + 0x20
    lcalll $0x9b, $0                       /* again through a task gate; it goes on behind its IRET */
    REC $0xca12
    int $0x33                              /* and through the IDT */
    REC $0xca13
    ljmpl $0x68, $0                        /* JMP: no link */
    REC $0xca14
    movl A(gdt) + 0x28 + 4, %eax
    REC %eax
k1: movl %cr0, %eax
    REC %eax
    clts
    TRY k2
    lcalll $0xb8, $0                       /* TSS too small */
k2: TRY k3
    lcalll $0xc0, $0                       /* not present */
k3: TRY k4
    lcalll $0x28, $0                       /* busy */
k4: /* a 16-bit task */
    movw $task16 - start, TSS3 + 0x0e
    movw $2, TSS3 + 0x10
    movw $0x1616, TSS3 + 0x12
    movw $STACK2, TSS3 + 0x1a
    movw $0x10, TSS3 + 0x22
    movw $0xb0, TSS3 + 0x24
    movw $0x10, TSS3 + 0x26
    movw $0x10, TSS3 + 0x28
    movw $0, TSS3 + 0x2a
    movl $0xdeadbeef, %ebx
    TRY k5
    lcalll $0x70, $0
    REC $0x1616
    REC %ebx
k5: jmp v86

task2:
    movl %eax, %ebx
    REC %ebx
    REC %ecx
    REC TSS2
    pushfl
    popl %eax
    REC %eax
    str %eax
    REC %eax
    sldt %eax
    REC %eax
    movl %cr0, %eax
    REC %eax
    clts
    iretl
    REC $0x72
    REC TSS2
    iretl
    REC $0x73
    iretl
    REC $0x74
    pushfl
    popl %eax
    REC %eax
    ljmpl $0x28, $0
    .code16
task16:
    iretw
    .code32

/* 16-bit interrupt gate, from ring 3 */
    .code16
int16:
    movl %esp, %ebp
    movl %ss:PTR, %edi
    movl %ss:(%ebp), %eax
    movl %eax, %ss:(%edi)
    movl %ss:4(%ebp), %eax
    movl %eax, %ss:4(%edi)
    movl %ss:8(%ebp), %eax
    movl %eax, %ss:8(%edi)
    movl %esp, %ss:12(%edi)
    addl $16, %ss:PTR
    movl %ss:RESUME, %eax
    movl %ss:SAVESP, %esp
    pushl $8
    pushl %eax
    lretl
    .code32

/* --- Virtual-8086 mode ------------------------------------------------------------------------- */
v86:
    movl $A(v86_list), %esi
v86_next:
    cmpl $0, (%esi)
    je v86_done
    TRY v86_after
    pushl $0x1005                          /* GS FS DS ES */
    pushl $0x1004
    pushl $0x1003
    pushl $0x1002
    pushl $0x300                           /* SS */
    pushl $0x800
    pushl 4(%esi)
    pushl $PROG >> 4
    pushl (%esi)
    iretl
v86_after:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    addl $8, %esi
    jmp v86_next
v86_list:
    .long v_int30 - start, 0x23202, v_int30 - start, 0x20202, v_cli - start, 0x20202, v_cli3 - start, 0x23202
    .long v_hlt - start, 0x23202, v_in - start, 0x20202, v_in81 - start, 0x23202, v_pushf - start, 0x23202
    .long v_pushf - start, 0x20202, v_iret - start, 0x23202, v_seg - start, 0x20202, v_limit - start, 0x20202
    .long v_int3 - start, 0x20202, v_lar - start, 0x20202, v_cr0 - start, 0x20202, 0
    .code16
v_int30: int $0x30
v_cli: cli
v_cli3: cli
    sti
    cli
    hlt
v_hlt: hlt
v_in: inb $0x80, %al
    xorl %eax, %eax
    inb $0x81, %al
v_in81: inb $0x81, %al
    hlt
v_pushf: pushfl
    popl %eax
    hlt
v_iret: pushw $0x7fd7
    pushw $PROG >> 4
    pushw $v_iret2 - start
    iretw
v_iret2: hlt
v_seg: movw $0x2345, %ax
    movw %ax, %ds
    movw %ds, %bx
    movb $1, %ds:0
    hlt
v_limit: movl $0x10000, %eax
    movb (%eax), %bl
    hlt
v_int3: int3
v_lar: lar %ax, %ax
v_cr0: movl %cr0, %eax
    .code32
v86_done:

/* --- Double fault, single step, breakpoints ----------------------------------------------------- */
    movb $0x0e, IDT + 13 * 8 + 5           /* #GP's gate is not present: #NP, contributory: double fault */
    TRY d1
    movl $0xf8, %eax
    movl %eax, %ds
    REC $1
d1: movb $0x8e, IDT + 13 * 8 + 5
    movl $0x10, %eax
    movl %eax, %ds
    movb $0x0e, IDT + 6 * 8 + 5            /* #UD's gate: #NP alone */
    TRY d2
    ud2
d2: movb $0x8e, IDT + 6 * 8 + 5
    TRY d3
    int $0x7f                              /* beyond nothing, but not set up: type 0 */
d3: TRY d4
    pushfl
    orl $0x100, (%esp)
    popfl
    nop
    REC $1
d4: movl %dr6, %eax
    REC %eax
    xorl %eax, %eax
    movl %eax, %dr6
    movl $A(bp1), %eax
    movl %eax, %dr0
    movl $0x402, %eax
    movl %eax, %dr7
    TRY d5
    nop
bp1:
    nop
    REC $1
d5: movl %dr6, %eax
    REC %eax
    xorl %eax, %eax
    movl %eax, %dr6
    movl $0x1800, %eax
    movl %eax, %dr1
    movl $0x00d00408, %eax                 /* write, 4 bytes */
    movl %eax, %dr7
    TRY d6
    movl 0x1800, %ebx
    movb $1, 0x1803
    REC $1
d6: movl %dr6, %eax
    REC %eax
    xorl %eax, %eax
    movl %eax, %dr6
    movl $0x2400, %eax                     /* general detect */
    movl %eax, %dr7
    TRY d7
    movl %dr0, %eax
    REC $1
d7: movl %dr7, %eax
    REC %eax
    movl %dr6, %eax
    REC %eax
    xorl %eax, %eax
    movl %eax, %dr7
    movl %eax, %dr6
    TRY d8
    .byte 0xf1                             /* INT1 */
    REC $1
d8: TRY d9
    movl $0x80000000, %eax
    movl %eax, %cr0
    REC $1
d9: TRY d10
    movl $0x20000011, %eax
    movl %eax, %cr0
    REC $1
d10: TRY d11
    movl %cr4, %eax
    orl $0x80000000, %eax
    movl %eax, %cr4
    REC $1
d11:

/* --- Fast system calls in legacy mode ------------------------------------------------------------ */
    movl $0x174, %ecx
    movl $0, %eax
    movl $0, %edx
    wrmsr
    TRY s1
    sysenter
s1: movl $0x174, %ecx
    movl $0x08, %eax
    movl $0, %edx
    wrmsr
    movl $0x175, %ecx
    movl $STACK0 - 0x300, %eax
    wrmsr
    movl $0x176, %ecx
    movl $A(s2), %eax
    wrmsr
    sysenter
s2: movl %cs, %eax
    REC %eax
    movl %ss, %eax
    REC %eax
    REC %esp
    movl $RESULT, %esi                     /* for recording elsewhere: the results, to port E9 */
1:  lodsb
    outb %al, $0xe9
    cmpl PTR, %esi
    jb 1b
    hlt

/* --- Handlers ------------------------------------------------------------------------------------ */
    .balign 16
stubs:
    .set i, 0
    .rept 64
    .balign 16
    .if i == 8 || (i >= 10 && i <= 14) || i == 17
    .byte 0x90, 0x90
    .else
    pushl $0
    .endif
    .byte 0x6a, i
    .byte 0xe9
    .long common - . - 4
    .set i, i + 1
    .endr
common:
    pushal
    movl %esp, %ebp
    movl $0x10, %eax
    movl %eax, %ds
    movl $0x10, %ebx
    movl PTR, %edi
    movl 32(%ebp), %eax                    /* vector, error code */
    shll $24, %eax
    orl 36(%ebp), %eax
    movl %eax, (%edi)
    movl 40(%ebp), %eax                    /* EIP, relative to the TRY if near */
    movl %eax, %ecx
    subl TRYAT, %ecx
    cmpl $0x1000, %ecx
    jae 1f
    movl %ecx, %eax
1:  cmpl $PROG, %eax
    jb 2f
    subl $PROG, %eax
2:  movl %eax, 4(%edi)
    movl 44(%ebp), %eax                    /* CS */
    movl %eax, 8(%edi)
    movl 48(%ebp), %eax                    /* flags */
    movl %eax, 12(%edi)
    leal 52(%ebp), %eax                    /* where the frame ends */
    movl %eax, 16(%edi)
    movl 28(%ebp), %eax                    /* EAX at the fault */
    movl %eax, 20(%edi)
    addl $24, %edi
    movl %edi, PTR
    movl RESUME, %eax
    movl SAVESP, %esp
    movl 0(%ebp), %edi
    movl 4(%ebp), %esi
    movl 8(%ebp), %ebp
    pushl $2
    popfl
    jmp *%eax
sys_prog32_end:

    .section .note.GNU-stack, "", @progbits
