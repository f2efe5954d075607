/* SPDX-License-Identifier: MIT */
/*
 * SYSENTER and SYSEXIT in legacy mode: from every CPL and from virtual-8086 mode, selectors by SYSENTER_CS with every RPL and with
 * none, fixed contents of the segments whatever the GDT holds, every flag, TF, RF. (Long mode: syscalls.c; real mode: real32.c.)
 *
 * Intel SDM vol. 2 SYSENTER, SYSEXIT; vol. 3 §5.8.7; AMD APM vol. 3.
 */
#include "tests/system/kit/machine32.h"

#define MSR_SYSENTER_CS 0x174u
#define MSR_SYSENTER_ESP 0x175u
#define MSR_SYSENTER_EIP 0x176u
#define K_RING1 (K_FREE + 0) /* code and data of CPL 1, then of CPL 2 */
#define CODE_AT 0x9000
#define PAIRS 0x80 /* what the GDT has at 80, 88, 90, 98 is something else */

CODE(enter, "sysenter\n int $0x30");
CODE(leave, "sysexit\n int $0x30");
/* What is loaded: selectors, flags, and that code and stack are flat 32-bit segments. */
CODE(landed, "mov %cs, %eax\n mov %ss, %ebx\n pushfl\n pop %edx\n mov %ss:0x100000, %esi\n "
             "mov %cs:0x100000, %edi\n int $0x30");

static uint8_t *low(unsigned at)
{
    uint8_t *p = (uint8_t *)(uintptr_t)at;

    __asm__("" : "+r"(p)); /* an address, not an object of the program */
    return p;
}

static void set_msrs(uint32_t cs)
{
    wrmsr(MSR_SYSENTER_CS, cs);
    wrmsr(MSR_SYSENTER_ESP, stack_top(sys_stack_spare[0]));
    wrmsr(MSR_SYSENTER_EIP, (uintptr_t)landed);
}

/* At `cpl`, going to ip. */
static void level(struct context *c, unsigned cpl, word ip)
{
    sys_kernel(c, ip);
    if (cpl == 3) {
        sys_user(c, ip);
    } else if (cpl) {
        c->cs = (K_RING1 + (cpl - 1) * 16) | cpl;
        c->ss = c->ds = c->es = (c->cs & ~3u) + 8 + cpl;
        c->fs = c->gs = c->ds;
        c->r[RSP] = stack_top(sys_stack_spare[cpl]);
    }
}

static void set_levels(void)
{
    for (unsigned cpl = 1; cpl < 3; cpl++) {
        unsigned slot = GDT_SLOT(K_RING1 + (cpl - 1) * 16);

        sys_gdt[slot] = sys_segment(0, 0xfffff, (uint8_t)(0x9b | cpl << 5), 0xc);
        sys_gdt[slot + 1] = sys_segment(0, 0xfffff, (uint8_t)(0x93 | cpl << 5), 0xc);
    }
    for (unsigned i = 0; i < 4; i++) /* B is what the kit asks for */
        sys_gdt[GDT_SLOT(PAIRS) + i] = sys_segment(0x12345678, 0, 0x93, 0x4);
}

static bool flat(const struct context *c)
{
    word first = *(volatile word *)(void *)low(0x100000);

    return c->r[RSI] == first && c->r[RDI] == first;
}

static void check_entered(const char *from, struct context *c, word cs, word flags)
{
    check(c->vector == DONE && c->r[RAX] == (cs & 0xfffc) && c->r[RBX] == (cs & 0xfffc) + 8 &&
              c->frame == stack_top(sys_stack_spare[0]) - 12 && flat(c),
          "SYSENTER from %s, CS %lx: vector %lu error %lx, CS %lx SS %lx, frame %lx", from, cs,
          c->vector, c->error, c->r[RAX], c->r[RBX], c->frame);
    check_but(flags & (FL_VIF | FL_VIP) ? ON_TCG : 0, "SDM vol. 2 IRET (VIF, VIP)",
              c->r[RDX] == ((flags & ~(word)(FL_IF | FL_RF | FL_VM)) | FL_FIXED),
              "SYSENTER from %s with flags %lx: %lx", from, flags, c->r[RDX]);
}

static void entering(void)
{
    static const char *const names[] = {"CPL 0", "CPL 1", "CPL 2", "CPL 3"};
    struct context c;

    for (unsigned cpl = 0; cpl < 4; cpl++) {
        for (unsigned rpl = 0; rpl < 4; rpl++)
            for (unsigned wide = 0; wide < 2; wide++) { /* bits 31:16 are not looked at */
                set_msrs((PAIRS + rpl) | (wide ? 0xabcd0000 : 0));
                level(&c, cpl, (uintptr_t)enter);
                sys_go(&c);
                check_entered(names[cpl], &c, PAIRS, FL_FIXED);
            }
        for (unsigned bit = 0; bit < 22; bit++) {
            word set = 1u << bit;

            if (!(set & 0x3f7fd7) || set == FL_TF || set == FL_VM)
                continue;
            set_msrs(PAIRS);
            level(&c, cpl, (uintptr_t)enter);
            c.flags |= set;
            sys_go(&c);
            check_entered(names[cpl], &c, PAIRS, FL_FIXED | set);
        }
        for (unsigned rpl = 0; rpl < 4; rpl++)
            for (unsigned wide = 0; wide < 2; wide++) {
                set_msrs(rpl | (wide ? 0xabcd0000 : 0));
                level(&c, cpl, (uintptr_t)enter);
                sys_go(&c);
                check_but(rpl || wide ? ON_TCG : 0,
                          "SDM vol. 2 SYSENTER (IA32_SYSENTER_CS[15:2] = 0)",
                          c.vector == V_GP && c.error == 0 && c.ip == (uintptr_t)enter,
                          "SYSENTER from %s, CS MSR null with RPL %u: vector %lu", names[cpl], rpl,
                          c.vector);
            }
        set_msrs(PAIRS);
        level(&c, cpl, (uintptr_t)enter);
        c.flags |= FL_TF;
        sys_go(&c);
        check(c.vector == V_DB && c.ip == (uintptr_t)landed && (c.flags & FL_TF),
              "SYSENTER from %s with TF: vector %lu at %lx", names[cpl], c.vector, c.ip);
        write_dr6(0);
    }
}

static void from_v86(void)
{
    struct context c;

    for (unsigned iopl = 0; iopl < 4; iopl++)
        for (unsigned null = 0; null < 2; null++)
            for (unsigned exit = 0; exit < 2; exit++) {
                memcpy(low(CODE_AT), (const uint8_t[]){0x0f, exit ? 0x35 : 0x34}, 2);
                set_msrs(null ? 3 : PAIRS);
                memset(&c, 0, sizeof c);
                c.flags = FL_FIXED | FL_VM | FL_IF | FL_CF | iopl << 12;
                c.cs = CODE_AT >> 4;
                c.ss = 0x800;
                c.r[RSP] = 0xf00;
                sys_go(&c);
                if (exit || null)
                    check_but(ON_TCG, "SDM vol. 2 SYSENTER, SYSEXIT",
                              c.vector == V_GP && c.error == 0 && c.ip == 0 && (c.flags & FL_VM),
                              "SYS%s of V86 code: vector %lu", exit ? "EXIT" : "ENTER", c.vector);
                else
                    check_entered("V86", &c, PAIRS, FL_FIXED | FL_CF | iopl << 12);
            }
}

static void leaving(void)
{
    struct context c;

    for (unsigned cpl = 0; cpl < 4; cpl++)
        for (unsigned rpl = 0; rpl < 4; rpl++)
            for (unsigned null = 0; null < 2; null++) {
                word cs = null ? 0 : PAIRS;

                set_msrs(cs | rpl);
                level(&c, cpl, (uintptr_t)leave);
                c.flags |= FL_CF | FL_NT;
                c.r[RDX] = (uintptr_t)landed;
                c.r[RCX] = stack_top(sys_stack_user);
                sys_go(&c);
                if (cpl || null)
                    check_but(null && rpl ? ON_TCG : 0, "SDM vol. 2 SYSEXIT",
                              c.vector == V_GP && c.error == 0 && c.ip == (uintptr_t)leave,
                              "SYSEXIT at CPL %u, CS %lx: vector %lu", cpl, cs, c.vector);
                else
                    check(c.vector == DONE && c.r[RAX] == cs + 16 + 3 && c.r[RBX] == cs + 24 + 3 &&
                              (c.cs & 3) == 3 && c.r[RSP] == stack_top(sys_stack_user) &&
                              flat(&c) && (c.r[RDX] & (FL_CF | FL_NT)) == (FL_CF | FL_NT),
                          "SYSEXIT, CS %lx: vector %lu, CS %lx SS %lx, SP %lx", cs, c.vector,
                          c.r[RAX], c.r[RBX], c.r[RSP]);
            }
    set_msrs(PAIRS);
    level(&c, 0, (uintptr_t)leave);
    c.flags |= FL_TF;
    c.r[RDX] = (uintptr_t)landed;
    c.r[RCX] = stack_top(sys_stack_user);
    sys_go(&c);
    check(c.vector == V_DB && c.ip == (uintptr_t)landed && (c.cs & 3) == 3,
          "SYSEXIT with TF: vector %lu at %lx", c.vector, c.ip);
    write_dr6(0);
}

void system_main(void)
{
    set_levels();
    entering();
    from_v86();
    leaving();
    set_msrs(0);
    report("sysenter32");
}
