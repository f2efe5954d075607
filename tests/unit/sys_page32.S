/* SPDX-License-Identifier: MIT */
/*
 * Paging without and with PAE: every kind of page, read, written and executed at both levels, without and with CR0.WP; then what
 * became of the entries. Intel SDM vol. 3 §4.3, §4.4, §4.6, §4.7.
 */
    .section .rodata.sys_page32, "a"
    .globl sys_page32_start, sys_page32_end
sys_page32_start:
#include "tests/unit/sys_setup32.inc"

/* --- Paging: 32-bit, with 4 MiB pages ------------------------------------------------------------- */
#define USER 0x400000
.macro PUT at, value
    movl $\value, \at
.endm
    cld
    movl $PDIR, %edi
    xorl %eax, %eax
    movl $0x1800, %ecx
    rep stosl
    PUT PDIR, 0x83
    PUT PDIR + 4, 0x87                     /* user view of 0 */
    PUT PDIR + 8, 0x2000e7                 /* 800000: reserved bit 21 */
    PUT PDIR + 12, PT + 7                  /* c00000: 4 KiB pages */
    PUT PDIR + 16, 0x20a7                  /* 1000000: above 4 GiB */
    PUT PDIR + 20, PT + 3                  /* 1400000: directory says supervisor */
    PUT PDIR + 24, PT + 5                  /* 1800000: directory says read-only */
    PUT PDIR + 32, 0xa5                    /* 2000000: 4 MiB, user, read-only */
    PUT PT, 0x300003
    PUT PT + 4, 0x301007
    PUT PT + 8, 0x302001
    PUT PT + 12, 0x303005
    PUT PT + 16, 0x304000
    PUT PT + 20, 0x305087
    movl $PDIR, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x10, %eax
    movl %eax, %cr4
    movl $A(list32), %ebx
    call paged
    movl $0x80010011, %eax                 /* WP */
    movl %eax, %cr0
    call look
    /* without PSE, a 4 MiB entry is a table's address: phys 0 is the table */
    movl $A(listtab), %ebx
    call record_list
    movl $0x11, %eax
    movl %eax, %cr0
    jmp pae
list32: .long 0xc00000, 0xc01000, 0xc02000, 0xc03000, 0xc04000, 0xc05000, 0x800000, 0x1401000, 0x1801000, 0x1c00000, 0x2000000, -1
listtab: .long PDIR, PDIR + 4, PDIR + 8, PDIR + 12, PDIR + 16, PDIR + 20, PDIR + 24, PDIR + 32, PT, PT + 4, PT + 8, PT + 12, PT + 16, PT + 20, -1

record_list:
1:  movl (%ebx), %edx
    cmpl $-1, %edx
    je 2f
    REC (%edx)
    addl $4, %ebx
    jmp 1b
2:  ret

paged:                                     /* with paging, WP clear; then all accesses for the list at EBX */
    movl $0x80000011, %eax
    movl %eax, %cr0
look:
    pushl %ebx
look_next:
    movl (%ebx), %edx
    cmpl $-1, %edx
    je look_done
    REC %edx
    TRY l1
    movl (%edx), %eax
    REC $1
l1: TRY l2
    movl (%ebx), %edx
    movl $0xc3, (%edx)
    REC $2
l2: TRY l3
    movl (%ebx), %edx
    call *%edx
    REC $3
l3: TRY l4
    movl (%ebx), %edx
    movl $0x23, %eax
    movl %eax, %ds
    pushl $0x23
    pushl $STACK3 + USER
    pushl $2
    pushl $0x1b
    pushl $A(ul) + USER
    iretl
ul: movl (%edx), %eax
    xorl %eax, %eax
    int $0x30
l4: TRY l5
    movl (%ebx), %edx
    movl $0x23, %eax
    movl %eax, %ds
    pushl $0x23
    pushl $STACK3 + USER
    pushl $2
    pushl $0x1b
    pushl $A(uw) + USER
    iretl
uw: movl $0xc3, (%edx)
    xorl %eax, %eax
    int $0x30
l5: TRY l6
    movl (%ebx), %edx
    movl $0x23, %eax
    movl %eax, %ds
    pushl $0x23
    pushl $STACK3 + USER
    pushl $2
    pushl $0x1b
    pushl $A(ux) + USER
    iretl
ux: call *%edx
    xorl %eax, %eax
    int $0x30
l6: addl $4, %ebx
    jmp look_next
look_done:
    popl %ebx
    ret

/* --- Paging: PAE ------------------------------------------------------------------------------------- */
pae:
    PUT PDPT, PD + 1
    PUT PD, 0x83
    PUT PD + 8, 0x200083
    PUT PD + 16, 0x87                      /* user view */
    PUT PD + 24, 0x20a7                    /* 600000: reserved bit 13 */
    PUT PD + 32, 0xa7                      /* 800000: 2 MiB NX */
    PUT PD + 36, 0x80000000
    PUT PD + 40, PT + 7                    /* a00000 */
    PUT PD + 48, PT + 7                    /* c00000: reserved bit 52 */
    PUT PD + 52, 0x00100000
    PUT PD + 56, PT + 7                    /* e00000: NX above */
    PUT PD + 60, 0x80000000
    movl $PT, %edi
    xorl %eax, %eax
    movl $64, %ecx
    rep stosl
    PUT PT, 0x300003
    PUT PT + 8, 0x301007
    PUT PT + 16, 0x302001
    PUT PT + 24, 0x303005
    PUT PT + 32, 0x304000
    PUT PT + 40, 0x305087
    PUT PT + 48, 0x306007
    PUT PT + 52, 0x80000000
    PUT PT + 56, 0x307007
    PUT PT + 60, 0x8000                    /* bit 47: beyond the physical address */
    PUT PT + 64, 0x308007
    PUT PT + 68, 0x40000000
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x800, %eax
    wrmsr
    movl %cr4, %eax
    orl $0x20, %eax
    movl %eax, %cr4
    movl $PDPT, %eax
    movl %eax, %cr3
    movl $A(listpae), %ebx
    call paged
    movl $0x80010011, %eax
    movl %eax, %cr0
    call look
    movl $A(listtab2), %ebx
    call record_list
    movl $0xc0000080, %ecx                 /* NX is reserved now, and fetches are not told apart */
    rdmsr
    andl $~0x800, %eax
    wrmsr
    movl %cr3, %eax
    movl %eax, %cr3
    movl $A(listnx), %ebx
    call look
    movl $0x11, %eax
    movl %eax, %cr0
    movl %cr4, %eax
    andl $~0x30, %eax
    movl %eax, %cr4
    jmp pae_done
listpae: .long 0xa00000, 0xa01000, 0xa02000, 0xa03000, 0xa04000, 0xa05000, 0xa06000, 0xa07000, 0xa08000, 0x600000, 0x800000, 0xc01000
    .long 0xe01000, 0x40000000, -1
listnx: .long 0xa01000, 0xa06000, 0x800000, 0xa04000, -1
listtab2: .long PD, PD + 8, PD + 16, PD + 24, PD + 32, PD + 40, PD + 48, PD + 56, PT, PT + 8, PT + 16, PT + 24, PT + 40, PT + 48, PT + 56, -1

pae_done:
#include "tests/unit/sys_end32.inc"
sys_page32_end:
    .section .note.GNU-stack, "", @progbits
