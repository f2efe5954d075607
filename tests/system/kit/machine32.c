/* SPDX-License-Identifier: MIT */
/*
 * Setting up the 32-bit tests' world, and its frames of traps. Also the divisions of 64-bit numbers
 * that 32-bit compilers call for.
 */
#include "tests/system/kit/machine32.h"

#include "tests/system/kit/trap.h"

struct frame32 {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, esp_here, ebx, edx, ecx, eax;
    uint32_t vector, error;
    uint32_t eip, cs, eflags;
    uint32_t esp, ss;
    uint32_t v_es, v_ds, v_fs, v_gs;
};

extern uint32_t trap_ss, trap_sp;

void start32(uint32_t multiboot_info) __attribute__((noreturn));
uint64_t __udivdi3(uint64_t a, uint64_t b);
uint64_t __umoddi3(uint64_t a, uint64_t b);
uint64_t __udivmoddi4(uint64_t a, uint64_t b, uint64_t *rest);

uint64_t __udivmoddi4(uint64_t a, uint64_t b, uint64_t *rest)
{
    uint64_t q = 0, r = 0;

    for (int i = 63; i >= 0; i--) {
        r = r << 1 | (a >> i & 1);
        if (r >= b) {
            r -= b;
            q |= 1ull << i;
        }
    }
    if (rest)
        *rest = r;
    return q;
}

uint64_t __udivdi3(uint64_t a, uint64_t b)
{
    return __udivmoddi4(a, b, NULL);
}

uint64_t __umoddi3(uint64_t a, uint64_t b)
{
    uint64_t rest;
    __udivmoddi4(a, b, &rest);
    return rest;
}

void sys_frame_take(struct context *c, const void *frame)
{
    const struct frame32 *f = frame;
    bool v86 = f->eflags & FL_VM, outer = v86 || (f->cs & 3); /* handlers run at CPL 0 */
    const word r[8] = {f->eax, f->ecx, f->edx, f->ebx, 0, f->ebp, f->esi, f->edi};

    for (unsigned i = 0; i < 8; i++)
        c->r[i] = r[i];
    c->frame = trap_sp + offsetof(struct frame32, eip);
    /* Of an inner frame: where the stack was before the trap, if the error code is one or is none. */
    c->r[RSP] = outer ? f->esp : c->frame + 12;
    c->ss = outer ? f->ss : trap_ss;
    c->ip = f->eip;
    c->cs = f->cs;
    c->flags = f->eflags;
    c->ds = v86 ? f->v_ds : f->ds;
    c->es = v86 ? f->v_es : f->es;
    c->fs = v86 ? f->v_fs : f->fs;
    c->gs = v86 ? f->v_gs : f->gs;
    c->vector = f->vector;
    c->error = f->error;
}

void sys_frame_give(const struct context *c, void *frame)
{
    struct frame32 *f = frame;

    f->eax = c->r[RAX], f->ecx = c->r[RCX], f->edx = c->r[RDX], f->ebx = c->r[RBX];
    f->ebp = c->r[RBP], f->esi = c->r[RSI], f->edi = c->r[RDI];
    f->eip = c->ip, f->cs = c->cs, f->eflags = c->flags;
    if (c->cs & 3)
        f->esp = c->r[RSP], f->ss = c->ss;
}

void sys_kernel(struct context *c, word ip)
{
    memset(c, 0, sizeof(*c));
    c->ip = ip;
    c->flags = FL_FIXED;
    c->cs = K_CODE;
    c->ss = c->ds = c->es = c->fs = c->gs = K_DATA;
    c->r[RSP] = stack_top(sys_stack_test);
}

void sys_user(struct context *c, word ip)
{
    sys_kernel(c, ip);
    c->cs = U_CODE;
    c->ss = c->ds = c->es = c->fs = c->gs = U_DATA;
    c->r[RSP] = stack_top(sys_stack_user);
}

void at_level(struct context *c, unsigned cpl, const uint8_t *code)
{
    if (cpl == 0) {
        sys_kernel(c, (uintptr_t)code);
        return;
    }
    sys_user(c, (uintptr_t)code); /* data segments that no level loses */
    c->cs = SEL_PLAIN(cpl) | cpl;
    c->ss = SEL_STACK(cpl) | cpl;
    if (cpl < 3)
        c->r[RSP] = stack_top(sys_stack_test);
}

void sys_set_gate(unsigned vector, uint16_t sel, word offset, uint8_t access, uint8_t ist)
{
    sys_idt[vector] = sys_gate(sel, offset, access, ist);
}

static void set_segments(void)
{
    struct sys_pointer gdtr = {sizeof sys_gdt - 1, (uintptr_t)sys_gdt};
    struct sys_pointer idtr = {256 * 8 - 1, (uintptr_t)sys_idt};
    struct tss32 *tss = main_tss();

    sys_gdt[GDT_SLOT(K_CODE)] = sys_segment(0, 0xfffff, 0x9b, 0xc);
    sys_gdt[GDT_SLOT(K_DATA)] = sys_segment(0, 0xfffff, 0x93, 0xc);
    sys_gdt[GDT_SLOT(U_CODE)] = sys_segment(0, 0xfffff, 0xfb, 0xc);
    sys_gdt[GDT_SLOT(U_DATA)] = sys_segment(0, 0xfffff, 0xf3, 0xc);
    sys_gdt[GDT_SLOT(K_TSS)] = sys_segment((uintptr_t)sys_tss, 0x2068, 0x89, 0);
    for (unsigned d = 0; d < 4; d++) {
        sys_gdt[GDT_SLOT(SEL_PLAIN(d))] = sys_segment(0, 0xfffff, 0x9b | d << 5, 0xc);
        sys_gdt[GDT_SLOT(SEL_STACK(d))] = sys_segment(0, 0xfffff, 0x93 | d << 5, 0xc);
    }
    tss->ss0 = K_DATA;
    tss->esp0 = stack_top(sys_stack_ring0);
    tss->io_map = 0x68;
    memset(sys_tss + 0x68, 0xff, 0x2001);
    for (unsigned i = 0; i < 256; i++)
        sys_set_gate(i, K_CODE, sys_stub(i), i == DONE ? 0xee : 0x8e, 0);
    __asm__ volatile("lgdt %0; lidt %1" : : "m"(gdtr), "m"(idtr));
    __asm__ volatile("mov %0, %%ss; mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs"
                     :
                     : "r"(K_DATA));
    __asm__ volatile("ljmp %0, $1f; 1:" : : "i"(K_CODE));
    __asm__ volatile("ltr %w0; lldt %w1"
                     :
                     : "r"(K_TSS), "r"(0)); /* after a reset LDTR is not null */
}

void machine_exit(int code)
{
    outl(0xf4, (uint32_t)code);
    for (;;)
        __asm__ volatile("cli; hlt");
}

void start32(uint32_t multiboot_info)
{
    cmdline_init(multiboot_info);
    console_init();
    outb(0x21, 0xff); /* both 8259s masked */
    outb(0xa1, 0xff);
    set_segments();
    system_main();
    machine_exit(1);
}
