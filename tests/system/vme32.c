/* SPDX-License-Identifier: MIT */
/*
 * Virtual interrupts. CR4.VME: CLI, STI, PUSHF, POPF, IRET and INT n of virtual-8086 code at every IOPL, with every VIF and VIP,
 * every flag in the image and either bit of the redirection bitmap; a TSS too short for the bitmap; both flags loaded by IRET and by
 * a task switch. CR4.PVI: CLI and STI of protected-mode code at every CPL and IOPL, and what PVI is not about.
 *
 * Intel SDM vol. 3 §20.3.2, §20.3.3, §20.4 and table 20-2; vol. 2 CLI, STI, PUSHF, POPF, INT n; of IRET AMD APM vol. 3.
 */
#include "tests/system/kit/machine32.h"

#define CODE_AT 0x9000
#define CS16 (CODE_AT >> 4)
#define STACK_SEG 0x0800
#define STACK_SP 0x0f00
#define V_GATE 0x60
#define CR4_PVI 0x2u
#define HANDLER_CS 0x0950
#define HANDLER_IP 0x20
#define K_TASK K_FREE
#define PUSHED(i) (*(volatile uint16_t *)(void *)low(STACK_SEG * 16 + STACK_SP - 6 + (i)*2))

static uint8_t *low(unsigned at)
{
    uint8_t *p = (uint8_t *)(uintptr_t)at;

    __asm__("" : "+r"(p)); /* an address, not an object of the program */
    return p;
}

/* The instruction at CS16:0, and UD2 behind it: the end that no IOPL refuses. */
static void set_code(const uint8_t *bytes, unsigned n)
{
    memcpy(low(CODE_AT), bytes, n);
    memcpy(low(CODE_AT + n), (const uint8_t[]){0x0f, 0x0b}, 2);
}

static void v86(struct context *c, unsigned iopl, word flags)
{
    memset(c, 0, sizeof *c);
    c->flags = FL_FIXED | FL_VM | iopl << 12 | flags;
    c->cs = CS16;
    c->ss = STACK_SEG;
    c->r[RSP] = STACK_SP;
}

static bool ended(const struct context *c, unsigned ip)
{
    return c->vector == V_UD && c->cs == CS16 && c->ip == ip;
}

static bool refused(const struct context *c)
{
    return c->vector == V_GP && c->error == 0 && c->ip == 0 && c->cs == CS16 &&
           (c->r[RSP] & 0xffff) == STACK_SP;
}

static word virtual_flags(unsigned i)
{
    return (i & 1 ? FL_VIF : 0) | (i & 2 ? FL_VIP : 0) | (i & 4 ? FL_IF : 0);
}

/* Entering with VIF and VIP would be the #GP of pending(). */
static bool may_enter(word flags)
{
    return (flags & (FL_VIF | FL_VIP)) != (FL_VIF | FL_VIP);
}

static void set_vme(bool on)
{
    write_cr4(on ? read_cr4() | CR4_VME : read_cr4() & ~(word)CR4_VME);
}

/* --- Flags ------------------------------------------------------------------------------------------------ */

static void cli_sti(bool on, unsigned iopl, word flags)
{
    word change = iopl == 3 ? FL_IF : FL_VIF;
    struct context c;

    for (unsigned sti = 0; sti < 2; sti++) {
        bool bad = iopl < 3 && (!on || (sti && (flags & FL_VIP)));
        word want;

        set_code((const uint8_t[]){sti ? 0xfb : 0xfa}, 1);
        v86(&c, iopl, flags);
        want = sti ? c.flags | change : c.flags & ~change;
        sys_go(&c);
        check(bad ? refused(&c) : ended(&c, 1) && (c.flags & ~(word)FL_RF) == want,
              "VME %u: %s, IOPL %u, flags %lx: vector %lu at %lx, flags %lx", on,
              sti ? "STI" : "CLI", iopl, flags, c.vector, c.ip, c.flags);
    }
}

static void pushf(bool on, unsigned iopl, word flags)
{
    struct context c;

    for (unsigned wide = 0; wide < 2; wide++) {
        bool virtual = iopl < 3, bad = virtual && (!on || wide);
        word want;

        set_code(wide ? (const uint8_t[]){0x66, 0x9c} : (const uint8_t[]){0x90, 0x9c}, 2);
        v86(&c, iopl, flags | FL_CF);
        want = FL_FIXED | FL_CF | FL_IOPL3 | ((flags & (virtual ? FL_VIF : FL_IF)) ? FL_IF : 0);
        memset(low(STACK_SEG * 16 + STACK_SP - 4), 0, 4);
        sys_go(&c);
        if (bad)
            check(c.vector == V_GP && c.error == 0 && c.ip == !wide, "PUSHF%s refused",
                  wide ? "D" : "");
        else
            check(ended(&c, 2) && (c.r[RSP] & 0xffff) == STACK_SP - (wide ? 4u : 2) &&
                      *(uint16_t *)(void *)low(STACK_SEG * 16 + STACK_SP - (wide ? 4 : 2)) == want,
                  "VME %u: PUSHF%s, IOPL %u, flags %lx: vector %lu, expected %lx", on,
                  wide ? "D" : "", iopl, flags, c.vector, want);
    }
}

/* The flags behind a POPF or IRET of `image` that is allowed. */
static word popped(word before, word image, unsigned iopl, bool wide)
{
    word may = 0x4cd5u | FL_TF | (wide ? FL_AC | FL_ID : 0) | (iopl == 3 ? FL_IF : 0);
    word after = (before & ~may) | (image & may);

    if (iopl < 3)
        after = (after & ~(word)FL_VIF) | (image & FL_IF ? FL_VIF : 0);
    return after;
}

static bool image_is_bad(word image, word flags)
{
    return (image & FL_TF) || ((image & FL_IF) && (flags & FL_VIP));
}

static void popf(bool on, unsigned iopl, word flags, word image)
{
    struct context c;

    for (unsigned wide = 0; wide < 2; wide++) {
        bool bad = iopl < 3 && (!on || wide || image_is_bad(image, flags));
        word before;

        if (iopl == 3 && (image & FL_TF))
            continue; /* would trap: tests/system/debug.c */
        set_code(wide ? (const uint8_t[]){0x66, 0x9d} : (const uint8_t[]){0x9d, 0x90}, 2);
        memcpy(low(STACK_SEG * 16 + STACK_SP), &image, 4);
        v86(&c, iopl, flags);
        before = c.flags;
        sys_go(&c);
        check(bad ? refused(&c)
                  : ended(&c, 2) && (c.r[RSP] & 0xffff) == STACK_SP + (wide ? 4u : 2) &&
                        (c.flags & ~(word)FL_RF) == popped(before, image, iopl, wide),
              "VME %u: POPF%s of %lx, IOPL %u, flags %lx: vector %lu at %lx, flags %lx", on,
              wide ? "D" : "", image, iopl, flags, c.vector, c.ip, c.flags);
    }
}

static void iret(bool on, unsigned iopl, word flags, word image)
{
    struct context c;

    for (unsigned wide = 0; wide < 2; wide++) {
        bool bad = iopl < 3 && (!on || wide || image_is_bad(image, flags));
        word before;

        if ((iopl == 3 && (image & FL_TF)) || (image & FL_RF))
            continue;
        set_code(wide ? (const uint8_t[]){0x66, 0xcf} : (const uint8_t[]){0xcf, 0x90}, 2);
        if (wide)
            memcpy(low(STACK_SEG * 16 + STACK_SP),
                   (const uint32_t[]){HANDLER_IP, HANDLER_CS, (uint32_t)image}, 12);
        else
            memcpy(low(STACK_SEG * 16 + STACK_SP),
                   (const uint16_t[]){HANDLER_IP, HANDLER_CS, (uint16_t)image}, 6);
        v86(&c, iopl, flags);
        before = c.flags;
        sys_go(&c);
        check(bad ? refused(&c)
                  : c.vector == V_UD && c.cs == HANDLER_CS && c.ip == HANDLER_IP &&
                        (c.r[RSP] & 0xffff) == STACK_SP + (wide ? 12u : 6) &&
                        (c.flags & ~(word)FL_RF) == popped(before, image, iopl, wide),
              "VME %u: IRET%s to %lx, IOPL %u, flags %lx: vector %lu at %lx:%lx, flags %lx", on,
              wide ? "D" : "", image, iopl, flags, c.vector, c.cs, c.ip, c.flags);
    }
}

static void flags_of_v86(void)
{
    for (unsigned on = 0; on < 2; on++)
        for (unsigned iopl = 0; iopl < 4; iopl++)
            for (unsigned i = 0; i < 8; i++) {
                word flags = virtual_flags(i);

                if (on && iopl < 3 && !may_enter(flags))
                    continue;
                set_vme(on);
                cli_sti(on, iopl, flags);
                pushf(on, iopl, flags);
                for (unsigned bit = 0; bit < 22; bit++) {
                    popf(on, iopl, flags, 1ul << bit);
                    iret(on, iopl, flags, 1ul << bit);
                }
                popf(on, iopl, flags, 0);
                iret(on, iopl, flags, 0);
            }
    set_vme(false);
}

/* --- INT n ------------------------------------------------------------------------------------------------ */

/* The redirection bitmap lies below the I/O map: all bits set but perhaps the vector's, or the other way round. */
static void set_bitmap(unsigned vector, bool bit, bool others)
{
    main_tss()->io_map = 0x68 + 32;
    memset(sys_tss + 0x68, others ? 0xff : 0, 32);
    sys_tss[0x68 + vector / 8] &= (uint8_t) ~(1u << vector % 8);
    sys_tss[0x68 + vector / 8] |= (uint8_t)(bit << vector % 8);
}

static void int_n(unsigned vector, unsigned iopl, bool bit, bool others, word flags)
{
    struct context c;
    word before;

    set_bitmap(vector, bit, others);
    set_code((const uint8_t[]){0xcd, (uint8_t)vector}, 2);
    memcpy(low(vector * 4), (const uint16_t[]){HANDLER_IP, HANDLER_CS}, 4);
    sys_set_gate(vector, K_CODE, sys_stub(vector), 0xee, 0);
    v86(&c, iopl, flags | FL_NT | FL_CF);
    before = c.flags;
    sys_go(&c);
    if (bit) {
        check(iopl == 3 ? c.vector == vector && c.ip == 2 && c.cs == CS16 : refused(&c),
              "INT %x, IOPL %u, bit set: vector %lu at %lx", vector, iopl, c.vector, c.ip);
    } else {
        word was = iopl == 3 ? flags & FL_IF : flags & FL_VIF;
        word image = FL_FIXED | FL_NT | FL_CF | FL_IOPL3 | (was ? FL_IF : 0);
        word want = before & ~(word)(iopl == 3 ? FL_IF : FL_VIF);

        check(c.vector == V_UD && c.cs == HANDLER_CS && c.ip == HANDLER_IP &&
                  (c.r[RSP] & 0xffff) == STACK_SP - 6 && PUSHED(0) == 2 && PUSHED(1) == CS16 &&
                  PUSHED(2) == image && (c.flags & ~(word)FL_RF) == want,
              "INT %x redirected, IOPL %u, flags %lx: vector %lu at %lx:%lx, pushed %x:%x %x, "
              "flags %lx",
              vector, iopl, flags, c.vector, c.cs, c.ip, PUSHED(1), PUSHED(0), PUSHED(2), c.flags);
    }
    sys_set_gate(vector, K_CODE, sys_stub(vector), 0x8e, 0);
}

/* What has to fail: bitmaps beyond the TSS. INT3 and INTO never look. */
static void bitmap_limits(void)
{
    static const struct {
        uint32_t limit;
        uint16_t map;
        bool good;
    } cases[] = {{0x2068, 0x88, true}, {0x67, 0x88, false},     {0x73, 0x88, false},
                 {0x74, 0x88, true},   {0x2068, 0x2089, false}, {0x2068, 0x20, true},
                 {0x2068, 0x1f, true}, {0x2068, 0x13, false},   {0x65, 0x88, false},
                 {0x66, 0x20, false}};
    struct context c;

    memset(sys_tss + 0x68, 0, 0x40);
    memcpy(low(V_GATE * 4), (const uint16_t[]){HANDLER_IP, HANDLER_CS}, 4);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        sys_gdt[GDT_SLOT(K_TSS)] =
            sys_segment((uintptr_t)sys_tss, cases[i].limit, 0x89, 0); /* V_GATE's byte: 0x74 */
        __asm__ volatile("ltr %w0" : : "r"(K_TSS));
        main_tss()->io_map = cases[i].map;
        set_code((const uint8_t[]){0xcd, V_GATE}, 2);
        v86(&c, 0, 0);
        sys_go(&c);
        check(cases[i].good ? c.vector == V_UD && c.cs == HANDLER_CS : refused(&c),
              "bitmap for %x, TSS limit %x: vector %lu at %lx:%lx", cases[i].map, cases[i].limit,
              c.vector, c.cs, c.ip);
    }
    sys_gdt[GDT_SLOT(K_TSS)] = sys_segment((uintptr_t)sys_tss, 0x2068, 0x89, 0);
    __asm__ volatile("ltr %w0" : : "r"(K_TSS));
    set_bitmap(V_BP, false, false);
    sys_set_gate(V_BP, K_CODE, sys_stub(V_BP), 0xee, 0);
    set_code((const uint8_t[]){0xcc}, 1);
    v86(&c, 0, 0);
    sys_go(&c);
    check(c.vector == V_BP && c.ip == 1, "INT3 is not redirected: vector %lu", c.vector);
    sys_set_gate(V_BP, K_CODE, sys_stub(V_BP), 0x8e, 0);
}

static void interrupts(void)
{
    static const uint8_t vectors[] = {V_GATE, 0x00, 0x07, 0x80, 0xff};

    set_vme(true);
    for (unsigned k = 0; k < sizeof vectors; k++)
        for (unsigned iopl = 0; iopl < 4; iopl++)
            for (unsigned i = 0; i < 8; i++)
                for (unsigned bits = 0; bits < 4; bits++)
                    if (iopl == 3 ? !(virtual_flags(i) & FL_VIP) : may_enter(virtual_flags(i)))
                        int_n(vectors[k], iopl, bits & 1, bits & 2, virtual_flags(i));
    bitmap_limits();
    set_vme(false);
    main_tss()->io_map = 0x68;
    memset(sys_tss + 0x68, 0xff, 64);
}

/* --- Both flags at once ----------------------------------------------------------------------------------- */

static struct tss32 task;
CODE(to_task, "ljmp $0x30, $0");

/* IRET and task switches that load VIF and VIP: #GP before the first instruction. */
static void pending(void)
{
    struct context c;

    for (unsigned on = 0; on < 2; on++)
        for (unsigned iopl = 0; iopl < 4; iopl++)
            for (unsigned by_task = 0; by_task < 2; by_task++) {
                set_vme(on);
                set_code((const uint8_t[]){0x90}, 1);
                v86(&c, iopl, FL_VIF | FL_VIP);
                if (by_task) {
                    memset(&task, 0, sizeof task);
                    task.eip = 0;
                    task.cs = CS16;
                    task.ss = STACK_SEG;
                    task.r[4] = STACK_SP;
                    task.eflags = (uint32_t)c.flags;
                    task.ss0 = K_DATA;
                    task.esp0 = stack_top(sys_stack_ring0);
                    task.io_map = 0x68;
                    sys_gdt[GDT_SLOT(K_TASK)] = sys_segment((uintptr_t)&task, 0x67, 0x89, 0);
                    sys_kernel(&c, (uintptr_t)to_task);
                }
                sys_go(&c);
                check(on && iopl < 3 ? c.vector == V_GP && c.error == 0 && c.ip == 0 && c.cs == CS16
                                     : ended(&c, 1),
                      "VIF and VIP %s, VME %u, IOPL %u: vector %lu at %lx:%lx",
                      by_task ? "by a task switch" : "by IRET", on, iopl, c.vector, c.cs, c.ip);
                if (by_task) {
                    sys_gdt[GDT_SLOT(K_TSS)] = sys_segment((uintptr_t)sys_tss, 0x2068, 0x89, 0);
                    __asm__ volatile("ltr %w0" : : "r"(K_TSS));
                }
            }
    set_vme(false);
}

/* --- PVI ---------------------------------------------------------------------------------------------------- */

CODE(p_cli, "cli\n int $0x30");
CODE(p_sti, "sti\n int $0x30");
CODE(p_pushf, "pushfl\n pop %eax\n int $0x30");
CODE(p_popf, "push %eax\n popfl\n int $0x30");

static void protected_mode(void)
{
    struct context c;

    for (unsigned on = 0; on < 2; on++)
        for (unsigned user = 0; user < 2; user++)
            for (unsigned iopl = 0; iopl < 4; iopl++)
                for (unsigned i = 0; i < 8; i++) {
                    word flags = virtual_flags(i) & ~(word)FL_IF;
                    bool has_iopl = !user || iopl == 3, virtual = !has_iopl && on;

                    write_cr4(on ? read_cr4() | CR4_PVI : read_cr4() & ~(word)CR4_PVI);
                    for (unsigned sti = 0; sti < 2; sti++) {
                        bool bad = !has_iopl && (!on || (sti && (flags & FL_VIP)));
                        word bit = has_iopl ? FL_IF : FL_VIF, want;

                        if (user && on && !may_enter(flags))
                            continue;
                        (user ? sys_user : sys_kernel)(&c, (uintptr_t)(sti ? p_sti : p_cli));
                        c.flags |= flags | iopl << 12 | (sti ? 0 : FL_IF);
                        want = sti ? c.flags | bit : c.flags & ~bit;
                        sys_go(&c);
                        check(bad ? c.vector == V_GP && c.error == 0 &&
                                        c.ip == (uintptr_t)(sti ? p_sti : p_cli)
                                  : c.vector == DONE && (c.flags & ~(word)FL_RF) == want,
                              "PVI %u: %s at CPL %u, IOPL %u, flags %lx: vector %lu, flags %lx", on,
                              sti ? "STI" : "CLI", user * 3, iopl, flags, c.vector, c.flags);
                    }
                    if (!virtual || !may_enter(flags))
                        continue;
                    sys_user(&c, (uintptr_t)p_pushf); /* these are about IF as ever */
                    c.flags |= flags | iopl << 12 | FL_IF;
                    sys_go(&c);
                    check(c.vector == DONE && (c.r[RAX] & (FL_IF | FL_IOPL3 | FL_VIF | FL_VIP)) ==
                                                  (FL_IF | iopl << 12 | flags),
                          "PVI: PUSHF: vector %lu, %lx", c.vector, c.r[RAX]);
                    sys_user(&c, (uintptr_t)p_popf);
                    c.flags |= flags | iopl << 12;
                    c.r[RAX] = FL_FIXED | FL_IF | FL_CF | FL_VIF;
                    sys_go(&c);
                    check(c.vector == DONE &&
                              (c.flags & (FL_IF | FL_CF | FL_VIF | FL_VIP)) == (FL_CF | flags),
                          "PVI: POPF: vector %lu, flags %lx", c.vector, c.flags);
                }
    write_cr4(read_cr4() | CR4_PVI);
    sys_user(&c, (uintptr_t)p_cli);
    c.flags |= FL_VIF | FL_VIP;
    sys_go(&c);
    check(c.vector == V_GP && c.error == 0 && c.ip == (uintptr_t)p_cli,
          "PVI: VIF and VIP by IRET: vector %lu at %lx", c.vector, c.ip);
    write_cr4(read_cr4() & ~(word)CR4_PVI);
}

/* --- */

CODE(set_cr4, "mov %eax, %cr4\n int $0x30");

void system_main(void)
{
    bool there = sys_cpuid(1, 0).edx >> 1 & 1;
    struct context c;

    for (unsigned i = 1; i < 4; i++) {
        sys_kernel(&c, (uintptr_t)set_cr4);
        c.r[RAX] = read_cr4() | i;
        sys_go(&c);
        check_but(ON_TCG, "SDM vol. 2 MOV CR (reserved bits)",
                  c.vector == (there ? (word)DONE : (word)V_GP), "CR4 with bits %x: vector %lu", i,
                  c.vector);
        write_cr4(read_cr4() & ~(word)(CR4_VME | CR4_PVI));
    }
    memcpy(low(HANDLER_CS * 16 + HANDLER_IP), (const uint8_t[]){0x0f, 0x0b}, 2);
    if (there) {
        flags_of_v86();
        interrupts();
        pending();
        protected_mode();
    } else {
        absent("VME");
        check(!(read_cr4() & (CR4_VME | CR4_PVI)), "CR4 without VME: %lx", read_cr4());
    }
    report("vme32");
}
