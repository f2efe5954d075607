/* SPDX-License-Identifier: MIT */
/*
 * The end of a code segment, stacks of other widths, parameters of gates, conforming code, data segments after a return, the
 * I/O permission map. Intel SDM vol. 3 ch. 5, 6; vol. 1 §19.5.
 */
    .section .rodata.sys_seg32, "a"
    .globl sys_seg32_start, sys_seg32_end
sys_seg32_start:
#include "tests/unit/sys_setup32.inc"

/* --- Limits of code ------------------------------------------------------------------------- */
    movl $A(lim_end) - 1, %eax
    movw %ax, A(gdt) + 0x40
    shrl $16, %eax
    orb %al, A(gdt) + 0x46
    TRY c1
    ljmpl $0x40, $A(1f)
1:  nop
    nop
    movl $0x12345678, %eax                 /* the limit is inside of it */
    .set lim_end, . - 2
    REC $1
c1: ljmpl $8, $A(1f)
1:  TRY c2
    ljmpl $0x40, $A(lim_end)
c2: TRY c3
    ljmpl $0x40, $A(1f)
1:  jmp lim_end
c3: ljmpl $8, $A(1f)
1:

/* --- Stacks --------------------------------------------------------------------------------- */
    /* IRET and RETF to a 16-bit stack keep the upper half of ESP */
    movl %esp, %ebp
    movl $A(gate0), %eax
    movw %ax, A(gdt) + 0x78
    movw %ax, A(gdt) + 0xa0
    shrl $16, %eax
    movw %ax, A(gdt) + 0x7e
    movw %ax, A(gdt) + 0xa6
    movl $A(gatec), %eax
    movw %ax, A(gdt) + 0x80
    shrl $16, %eax
    movw %ax, A(gdt) + 0x86
    TRY s1
    pushl $0x4b
    pushl $0x12344000
    pushl $2
    pushl $0x1b
    pushl $A(1f)
    iretl
1:  movl %esp, %eax
    int $0x30
s1: movl %eax, %ebx
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    REC %ebx
    TRY s2
    pushl $0x4b
    pushl $0x12344000
    pushl $0x1b
    pushl $A(1f)
    lretl
1:  movl %esp, %eax
    int $0x30
s2: movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    /* 16-bit far return to 16-bit code of level 3 */
    TRY s3
    pushw $0x23
    pushw $STACK3
    pushw $0x73
    pushw $A(1f) - PROG
    lretw
1:  .code16
    movl %esp, %eax
    int $0x30
    .code32
s3: movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    /* inner stacks that are wrong: interrupt and call gate from level 3 */
    movl $A(ss_list), %esi
ss_next:
    movl (%esi), %eax
    cmpl $-1, %eax
    je ss_done
    movl %eax, TSS + 8
    movl 4(%esi), %eax
    movl %eax, TSS + 4
    TRY ss_after
    pushl $0x23
    pushl $STACK3
    pushl $0x3002
    pushl $0x1b
    pushl $A(u_stack)
    iretl
u_stack:
    int $0x30
ss_after:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    addl $8, %esi
    jmp ss_next
ss_list:
    .long 0x10, STACK0 - 0x200, 0x50, 0x56784e00, -1
ss_done:
    movl $STACK0 - 0x200, TSS + 4
    movl $0x10, TSS + 8
    /* a gate with 31 parameters */
    movl $STACK3 - 200, %edi
    movl $50, %ecx
1:  movl %ecx, (%edi)
    addl $4, %edi
    loop 1b
    TRY s4
    pushl $0x23
    pushl $STACK3 - 200
    pushl $0x3002
    pushl $0x1b
    pushl $A(u_31)
    iretl
u_31: lcalll $0xa0, $0
s4: movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    /* call gate to conforming code of another level: no change of level */
    TRY s5
    pushl $0x23
    pushl $STACK3
    pushl $0x3002
    pushl $0x1b
    pushl $A(u_conf)
    iretl
u_conf: lcalll $0x80, $0
    int $0x30
gatec: movl %cs, %eax
    int $0x30
s5: movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    /* FS, GS after return to an outer level: conforming ones stay, inner ones go */
    TRY s6
    movl $0x10, %eax
    movl %eax, %fs
    movl $0x98, %eax
    movl %eax, %gs
    movl $0x23, %eax
    movl %eax, %ds
    movl $0x98, %eax
    movl %eax, %es
    pushl $0x23
    pushl $STACK3
    pushl $0x3002
    pushl $0x1b
    pushl $A(u_segs)
    iretl
u_segs:
    movl %fs, %eax
    movl %gs, %ebx
    shll $16, %ebx
    orl %ebx, %eax
    int $0x30
s6: movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es

/* --- I/O map ---------------------------------------------------------------------------------- */
    movl $A(io_list), %esi
io_next:
    cmpl $-1, (%esi)
    je io_done
    movl 4(%esi), %eax
    movw %ax, TSS + 0x66
    TRY io_after
    movl (%esi), %edx
    pushl $0x23
    pushl $STACK3
    pushl $2
    pushl $0x1b
    pushl $A(u_io)
    iretl
u_io: btl $31, %edx
    jc 1f
    inb %dx, %al
    xorl %eax, %eax
    int $0x30
1:  btl $30, %edx
    jc 1f
    inw %dx, %ax
    xorl %eax, %eax
    int $0x30
1:  inl %dx, %eax
    xorl %eax, %eax
    int $0x30
io_after:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    addl $8, %esi
    jmp io_next
io_list:
    .long 0xfe, 0x68, 0xff, 0x68, 0x800000fe, 0x68, 0x800000fd, 0x68, 0xc00000fc, 0x68, 0xc00000f9, 0x68, 0xf8, 0x68
    .long 0xffff, 0x68, 0x8000ffff, 0x68, 0xfff7, 0x67, 0xfff8, 0x2081 - 0x1fff + 0x6, 0x80, 0x2087, 0x80, 0xffff, -1
io_done:
    movw $0x68, TSS + 0x66
    jmp seg_done
gate0: leal 4(%esp), %eax
    movl 8(%esp), %ebx
    movl 128(%esp), %ecx
    REC %ebx
    REC %ecx
    REC 132(%esp)
    REC 136(%esp)
    int $0x30
seg_done:
#include "tests/unit/sys_end32.inc"
sys_seg32_end:
    .section .note.GNU-stack, "", @progbits
