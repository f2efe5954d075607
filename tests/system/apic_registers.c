/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's registers: what they keep and what they refuse, errors, software and global disable, the transitions between
 * its modes, and which registers there are in x2APIC mode (Intel SDM vol. 3 §11.4, §11.5, §11.12).
 */
#include "tests/system/kit/apic.h"

/* --- Registers, errors ------------------------------------------------------------------------------------ */

static uint32_t errors(void)
{
    set(ESR, 0);
    return get(ESR);
}

static void registers(void)
{
    static const struct {
        uint8_t reg;
        uint32_t may; /* bits that keep what is written */
        const char *name;
    } cases[] = {
        {LVT_TIMER, 0x300ff | MASKED, "LVT timer"},
        {LVT_LINT0, 0x1a7ff, "LVT LINT0"},
        {LVT_LINT1, 0x1a7ff, "LVT LINT1"},
        {LVT_ERROR, 0x100ff, "LVT error"},
        {DIVIDE, 0xb, "divide"},
    };

    check((get(VERSION) & 0xff) >= 0x10 && (get(VERSION) >> 16 & 0xff) >= 3, "version %x",
          get(VERSION));
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned b = 0; b < 32; b++) {
            uint32_t before = get(cases[i].reg),
                     value = (1u << b) |
                             (cases[i].reg >= LVT_TIMER && cases[i].reg <= LVT_ERROR ? MASKED : 0);

            if (cases[i].reg == LVT_TIMER && (b == 18 || b == 17))
                continue; /* modes: below */
            if (apic_x2 && (value & ~cases[i].may))
                continue; /* refused */
            if (!apic_x2 && (cases[i].reg == LVT_LINT0 || cases[i].reg == LVT_LINT1) &&
                (b == 12 || b == 14))
                continue; /* read-only */
            set(cases[i].reg, value);
            check_but(ON_TCG, "SDM vol. 3 11.5.1 (reserved bits)",
                      (get(cases[i].reg) & ~0x5000u) == (value & cases[i].may),
                      "%s: wrote %x, reads %x", cases[i].name, value, get(cases[i].reg));
            set(cases[i].reg, before);
        }
    errors();
    check(errors() == 0, "no errors: %x", errors());
    /* A vector below 16 cannot be sent. */
    send(0, SELF | ASSERT | 5);
    check_but(ON_TCG, "SDM vol. 3 11.5.3 (send illegal vector)", errors() & 0x20,
              "ESR after an illegal vector: %x", get(ESR));
    check_but(ON_TCG, "SDM vol. 3 11.5.3", !any(IRR), "which does not arrive");
    errors();
    set(LVT_ERROR, 0x66);
    send(0, SELF | ASSERT | 5);
    run(window);
    check_but(ON_TCG, "SDM vol. 3 11.5.3", saw(1, 0x66, 0, 0, 0), "the error's own interrupt: %u",
              n_seen);
    set(LVT_ERROR, MASKED | 0x66);
    errors();
    errors();
    check(get(ESR) == 0, "ESR is cleared by a second write: %x", get(ESR));
    if (apic_x2)
        return;
    (void)get(4); /* no register there */
    check_but(ON_TCG, "SDM vol. 3 11.5.3 (illegal register address)", errors() == 0x80,
              "ESR after an illegal address: %x", get(ESR));
    errors();
}

static void software_disable(void)
{
    set(LVT_LINT0, 0x700);
    set(LVT_ERROR, 0x66);
    self(0x50);
    set(SVR, 0xff);
    check_but(ON_TCG, "SDM vol. 3 11.4.7.2",
              get(LVT_LINT0) & MASKED && get(LVT_ERROR) & MASKED && get(LVT_TIMER) & MASKED,
              "software disable masks the LVT");
    set(LVT_ERROR, 0x66);
    check_but(ON_TCG, "SDM vol. 3 11.4.7.2", get(LVT_ERROR) & MASKED, "and keeps it so: %x",
              get(LVT_ERROR));
    check(bit(IRR, 0x50), "what is requested stays");
    self(0x51);
    check_but(ON_TCG, "SDM vol. 3 11.4.7.2", !bit(IRR, 0x51), "and nothing new comes");
    send_from_case(SELF | NMI | ASSERT, note);
    check_but(ON_TCG, "SDM vol. 3 11.4.7.2", n_seen == 1 && seen[0] == V_NMI, "but NMI: %u",
              n_seen);
    set(SVR, 0x1ff);
    set(LVT_ERROR, MASKED);
    set(LVT_LINT0, MASKED);
    run(window);
    check_but(ON_TCG, "SDM vol. 3 11.4.7.2", saw(1, 0x50, 0, 0, 0), "after enabling: %u: %x",
              n_seen, seen[0]);
}

/* --- Modes ------------------------------------------------------------------------------------------------ */

CODE(read_msr, "rdmsr\n int $0x30");
CODE(write_msr, "wrmsr\n int $0x30");

static word try_msr(uint32_t msr, bool write, uint64_t value)
{
    struct context c;

    sys_kernel(&c, (uintptr_t)(write ? write_msr : read_msr));
    c.r[RCX] = msr;
    c.r[RAX] = (uint32_t)value;
    c.r[RDX] = value >> 32;
    sys_go(&c);
    return c.vector;
}

/* The transitions that IA32_APIC_BASE allows (SDM vol. 3 figure 11-27). */
static void transitions(void)
{
    static const uint32_t mode[] = {0, BASE_ENABLE, BASE_ENABLE | BASE_X2, BASE_X2};
    uint64_t base = rdmsr(MSR_APIC_BASE) & ~(uint64_t)(BASE_ENABLE | BASE_X2);

    for (unsigned from = 0; from < 3; from++)
        for (unsigned to = 0; to < 4; to++) {
            bool good = to != 3 && !(from == 0 && to == 2) && !(from == 2 && to == 1);
            word vector;

            wrmsr(MSR_APIC_BASE, base);
            if (from)
                wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
            if (from == 2)
                wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2);
            vector = try_msr(MSR_APIC_BASE, true, base | mode[to]);
            check_but(ON_TCG, "SDM vol. 3 11.12.5", vector == (word)(good ? DONE : V_GP),
                      "APIC mode %u to %u: vector %lu", from, to, vector);
            if (vector == DONE)
                check_but(ON_TCG, "SDM vol. 3 11.4.3", (sys_cpuid(1, 0).edx >> 9 & 1) == (to != 0),
                          "CPUID says so in mode %u", to);
        }
    wrmsr(MSR_APIC_BASE, base);
    wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
}

static void x2apic_registers(void)
{
    /* Which exist, and which may be read and written (SDM vol. 3 table 11-6); 0 is a value that all take. */
    for (unsigned reg = 0; reg < 0x100; reg++) {
        bool readable = reg == ID || reg == VERSION || reg == TPR || reg == PPR || reg == LDR ||
                        reg == SVR || (reg >= ISR && reg < ESR) || reg == ESR || reg == ICR ||
                        (reg >= LVT_TIMER && reg <= CURRENT) || reg == DIVIDE;
        bool writable = reg == TPR || reg == EOI || reg == SVR || reg == ESR ||
                        (reg >= LVT_TIMER && reg <= INITIAL) || reg == DIVIDE;

        if (reg == 0x2f || reg == 0x33 || reg == ICR ||
            reg == 0x3f) /* CMCI, thermal: may be there; sends */
            continue;
        check_but(ON_TCG, "SDM vol. 3 table 11-6",
                  try_msr(MSR_X2APIC + reg, false, 0) == (word)(readable ? DONE : V_GP),
                  "RDMSR %x: vector %lu", MSR_X2APIC + reg, try_msr(MSR_X2APIC + reg, false, 0));
        if (reg != SVR)
            check_but(ON_TCG, "SDM vol. 3 table 11-6",
                      try_msr(MSR_X2APIC + reg, true,
                              reg >= LVT_TIMER && reg <= LVT_ERROR ? MASKED : 0) ==
                          (word)(writable ? DONE : V_GP),
                      "WRMSR %x: vector %lu", MSR_X2APIC + reg,
                      try_msr(MSR_X2APIC + reg, true, MASKED));
    }
    check_but(ON_TCG, "SDM vol. 3 11.12.1.3", try_msr(MSR_X2APIC + EOI, true, 1) == V_GP,
              "EOI takes 0 only");
    check_but(ON_TCG, "SDM vol. 3 11.12.1.3", try_msr(MSR_X2APIC + ESR, true, 1) == V_GP,
              "ESR takes 0 only");
    check_but(ON_TCG, "SDM vol. 3 11.12.1.3", try_msr(MSR_X2APIC + TPR, true, 0x100) == V_GP,
              "TPR has 8 bits");
    /* SELF IPI. */
    wrmsr(MSR_X2APIC + 0x3f, 0x88);
    check_but(ON_TCG, "SDM vol. 3 11.12.11", bit(IRR, 0x88), "SELF IPI");
    run(window);
    check_but(ON_TCG, "SDM vol. 3 11.12.11", saw(1, 0x88, 0, 0, 0), "SELF IPI is delivered: %u",
              n_seen);
    check_but(ON_TCG, "SDM vol. 3 table 11-6", try_msr(MSR_X2APIC + 0x3f, false, 0) == V_GP,
              "SELF IPI is not to be read");
}

static void in_this_mode(void)
{
    registers();
    software_disable();
}

void system_main(void)
{
    if (in_both_modes(in_this_mode)) {
        transitions();
        enable(true);
        x2apic_registers();
    }
    report("apic_registers");
}
