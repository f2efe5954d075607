/* SPDX-License-Identifier: MIT */
/*
 * Setting up the 64-bit tests' world on top of roms/kit: tables of descriptors and pages; its frames of traps.
 */
#include "tests/system/kit/machine64.h"

#include "tests/system/kit/trap.h"

uint64_t sys_pml4[512] __attribute__((aligned(4096)));
static uint64_t user_pd[512] __attribute__((aligned(4096)));

void sys_frame_take(struct context *c, const void *frame)
{
    const struct trap_frame *f = frame;
    const word r[16] = {f->rax, f->rcx, f->rdx, f->rbx, f->rsp, f->rbp, f->rsi, f->rdi,
                        f->r8,  f->r9,  f->r10, f->r11, f->r12, f->r13, f->r14, f->r15};

    for (unsigned i = 0; i < 16; i++)
        c->r[i] = r[i];
    c->ip = f->rip;
    c->flags = f->rflags;
    c->cs = f->cs;
    c->ss = f->ss;
    c->vector = f->vector;
    /* Vectors without an error code have the stub's zero there. */
    c->error = f->error;
    c->frame = (uintptr_t)&f->rip;
}

void sys_frame_give(const struct context *c, void *frame)
{
    struct trap_frame *f = frame;

    f->rax = c->r[RAX], f->rcx = c->r[RCX], f->rdx = c->r[RDX], f->rbx = c->r[RBX];
    f->rsp = c->r[RSP], f->rbp = c->r[RBP], f->rsi = c->r[RSI], f->rdi = c->r[RDI];
    f->r8 = c->r[R8], f->r9 = c->r[R9], f->r10 = c->r[R10], f->r11 = c->r[R11];
    f->r12 = c->r[R12], f->r13 = c->r[R13], f->r14 = c->r[R14], f->r15 = c->r[R15];
    f->rip = c->ip;
    f->rflags = c->flags;
    f->cs = c->cs;
    f->ss = c->ss;
}

void sys_kernel(struct context *c, word ip)
{
    memset(c, 0, sizeof(*c));
    c->ip = ip;
    c->flags = FL_FIXED;
    c->cs = K_CODE64;
    c->ss = K_DATA;
    c->r[RSP] = stack_top(sys_stack_test);
}

void sys_user(struct context *c, word ip)
{
    memset(c, 0, sizeof(*c));
    c->ip = ip + USER_ALIAS;
    c->flags = FL_FIXED;
    c->cs = U_CODE64;
    c->ss = U_DATA;
    c->r[RSP] = stack_top(sys_stack_user) + USER_ALIAS;
}

void at_level(struct context *c, unsigned cpl, const uint8_t *code)
{
    if (cpl == 3) {
        sys_user(c, (uintptr_t)code);
        return;
    }
    sys_kernel(c, (uintptr_t)code);
    if (cpl) {
        c->cs = SEL_PLAIN(cpl) | cpl;
        c->ss = SEL_STACK(cpl) | cpl;
    }
}

void sys_set_gate(unsigned vector, uint16_t sel, word offset, uint8_t access, uint8_t ist)
{
    sys_idt[vector * 2] = sys_gate(sel, offset, access, ist);
    sys_idt[vector * 2 + 1] = offset >> 32;
}

static void set_segments(void)
{
    uint64_t tss = (uintptr_t)sys_tss;
    struct sys_pointer gdtr = {sizeof sys_gdt - 1, (uintptr_t)sys_gdt};
    struct sys_pointer idtr = {256 * 16 - 1, (uintptr_t)sys_idt};

    sys_gdt[GDT_SLOT(K_CODE64)] = sys_segment(0, 0xfffff, 0x9b, 0xa);
    sys_gdt[GDT_SLOT(K_CODE32)] = sys_segment(0, 0xfffff, 0x9b, 0xc);
    sys_gdt[GDT_SLOT(K_CODE64C)] = sys_segment(0, 0xfffff, 0x9f, 0xa);
    sys_gdt[GDT_SLOT(K_DATA)] = sys_segment(0, 0xfffff, 0x93, 0xc);
    sys_gdt[GDT_SLOT(U_CODE32)] = sys_segment(0, 0xfffff, 0xfb, 0xc);
    sys_gdt[GDT_SLOT(U_DATA)] = sys_segment(0, 0xfffff, 0xf3, 0xc);
    sys_gdt[GDT_SLOT(U_CODE64)] = sys_segment(0, 0xfffff, 0xfb, 0xa);
    sys_gdt[GDT_SLOT(K_TSS)] = sys_segment((uint32_t)tss, 0x2068, 0x89, 0);
    sys_gdt[GDT_SLOT(K_TSS) + 1] = tss >> 32;
    for (unsigned d = 0; d < 4; d++) {
        sys_gdt[GDT_SLOT(SEL_PLAIN(d))] = sys_segment(0, 0xfffff, 0x9b | d << 5, 0xa);
        sys_gdt[GDT_SLOT(SEL_STACK(d))] = sys_segment(0, 0xfffff, 0x93 | d << 5, 0xc);
    }
    sys_tss[0x66] = 0x68;
    memset(sys_tss + 0x68, 0xff, 0x2001);
    tss_set_rsp0(stack_top(sys_stack_ring0));
    for (unsigned i = 1; i <= 4; i++)
        tss_set_ist(i, stack_top(sys_stack_spare[i - 1]));
    for (unsigned i = 0; i < 256; i++)
        sys_set_gate(i, K_CODE64, sys_stub(i), i == DONE ? 0xee : 0x8e, 0);
    sys_set_gate(V_DF, K_CODE64, sys_stub(V_DF), 0x8e, 1);
    __asm__ volatile("lgdt %0; lidt %1" : : "m"(gdtr), "m"(idtr));
    __asm__ volatile("ltr %w0" : : "r"(K_TSS));
    __asm__ volatile("mov %0, %%ss; mov %0, %%ds; mov %0, %%es" : : "r"(K_DATA));
    __asm__ volatile("pushq %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:"
                     :
                     : "i"(K_CODE64)
                     : "rax", "memory");
}

static void set_pages(void)
{
    memcpy(sys_pml4, boot_pml4, sizeof sys_pml4);
    for (unsigned i = 0; i < 32; i++)
        user_pd[i] = i * 0x200000ull + (PTE_P | PTE_W | PTE_U | PTE_PS | PTE_A | PTE_D);
    sys_pml4[0] |= PTE_U; /* the alias is in the same 512 GiB */
    ((uint64_t *)(uintptr_t)(sys_pml4[0] & 0xfffff000))[USER_ALIAS >> 30 & 511] =
        (uintptr_t)user_pd + (PTE_P | PTE_W | PTE_U | PTE_A);
    write_cr3((uintptr_t)sys_pml4);
}

int guest_main(void)
{
    irq_disable();
    set_segments();
    set_pages();
    system_main();
    return 1;
}
