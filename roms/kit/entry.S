/* SPDX-License-Identifier: MIT */
/*
 * Where a guest kernel begins: the Multiboot header, the way from 32-bit protected mode (boot CPU)
 * or real mode (the others, by SIPI) to long mode, and the 256 interrupt entries.
 *
 * The image is linked as ELF64 and then re-wrapped as ELF32, since Multiboot loaders (QEMU's among
 * them) take nothing else; so every address here fits in 32 bits. Both ways meet in enter_long.
 * The trampoline is copied to TRAMPOLINE, below 1 MiB, before the first SIPI.
 *
 * Multiboot 1 §3.1-3.2; Intel SDM vol. 3 §9.8.5 (entering IA-32e mode), §8.4.4 (MP start-up),
 * §6.14 (64-bit interrupt frames).
 */
#include "roms/kit/layout.h"
#include "roms/kit/trap_frame.h"

#define MB_MAGIC 0x1badb002
#define MB_FLAGS 0x3                /* page-aligned modules, memory information */
#define CR0_LONG 0x80010033         /* PG WP NE ET MP PE; caches on */
#define CR4_LONG 0x620              /* PAE OSFXSR OSXMMEXCPT */
#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900

    .section .multiboot, "a"
    .balign 4
    .long MB_MAGIC
    .long MB_FLAGS
    .long -(MB_MAGIC + MB_FLAGS)

/* ---- boot CPU: 32-bit protected mode, flat segments, EAX magic, EBX multiboot information ---- */
    .section .text.entry, "ax"
    .code32
    .globl _start
_start:
    cli
    cld
    mov %ebx, %esi                  /* kept for start_bsp() */
    mov $__bss_start, %edi
    mov $__bss_end, %ecx
    sub %edi, %ecx
    shr $2, %ecx
    xor %eax, %eax
    rep stosl
    lgdt gdt_pointer
    ljmp $SEL_CODE32, $1f
1:  mov $SEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss

    /* The first 4 GiB map to themselves in 2 MiB pages; the last 32 MiB, the APICs', uncached. */
    movl $boot_pdpt + 0x3, boot_pml4
    mov $boot_pd + 0x3, %eax
    mov $boot_pdpt, %edi
    mov $4, %ecx
2:  mov %eax, (%edi)
    add $0x1000, %eax
    add $8, %edi
    loop 2b
    mov $0x83, %eax                 /* present, writable, 2 MiB */
    mov $boot_pd, %edi
    mov $2048, %ecx
3:  cmp $0xfe000000, %eax
    jb 4f
    or $0x18, %eax                  /* PWT, PCD */
4:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 3b

    xor %ebp, %ebp                  /* CPU index 0 */
    jmp enter_long

/* ---- every CPU: EBP = CPU index, ESI = multiboot information (boot CPU) ---- */
enter_long:
    mov $CR4_LONG, %eax
    mov %eax, %cr4
    mov $boot_pml4, %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME_NXE, %eax
    wrmsr
    mov $CR0_LONG, %eax
    mov %eax, %cr0
    ljmp $SEL_CODE64, $long_mode

    .code64
long_mode:
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov %ebp, %edi
    inc %ebp
    imul $STACK_BYTES, %rbp, %rsp
    add $stacks, %rsp
    xor %ebp, %ebp
    test %edi, %edi
    jnz 1f
    mov %esi, %edi
    call start_bsp
1:  call start_ap
2:  hlt
    jmp 2b

/* ---- other CPUs: EBP from the APIC id, by way of apic_to_index[] ---- */
    .code32
ap_protected:
    mov $SEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $1, %eax
    cpuid
    shr $24, %ebx
    movzbl apic_to_index(%ebx), %ebp
    jmp enter_long

    .code16
    .globl trampoline_begin, trampoline_end
trampoline_begin:
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    lgdtl gdt_pointer_copy - trampoline_begin
    mov %cr0, %eax
    and $0x9fffffff, %eax           /* CD, NW off */
    or $1, %eax
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $ap_protected
    .balign 4
gdt_pointer_copy:
    .word gdt_end - gdt - 1
    .long gdt
trampoline_end:

/* ---- interrupts and exceptions: one 16-byte entry per vector, then struct trap_frame ---- */
    .code64
    .text
    trap_entries trap_entries, trap_common

trap_common:
    push_registers
    cld
    mov %rsp, %rdi
    call trap_dispatch
    pop_registers
    add $16, %rsp                   /* vector, error code */
    iretq

    .section .rodata
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff        /* SEL_CODE32 */
    .quad 0x00cf93000000ffff        /* SEL_DATA */
    .quad 0x00af9b000000ffff        /* SEL_CODE64 */
gdt_end:
    .balign 4
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt

    .section .bss
    .balign 4096
    .globl boot_pml4
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_pd:
    .skip 4 * 4096

    .section .noinit, "aw", @nobits
    .balign 4096
stacks:
    .skip KIT_MAX_CPUS * STACK_BYTES

    .section .note.GNU-stack, "", @progbits
