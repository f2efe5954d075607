/* SPDX-License-Identifier: MIT */
/*
 * See apic.h.
 */
#include "tests/system/kit/apic.h"

bool apic_x2;
unsigned seen[SEEN], n_seen, stop_at;
word where[SEEN];
uint32_t ppr_seen[SEEN];
bool no_eoi;

void enable(bool as_x2)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) & ~(uint64_t)(BASE_ENABLE | BASE_X2);

    wrmsr(MSR_APIC_BASE, base);
    wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
    if (as_x2)
        wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2);
    apic_x2 = as_x2;
    set(SVR, 0x1ff);
    set(TPR, 0);
    set(LVT_TIMER, MASKED);
    set(LVT_LINT0, MASKED);
    set(LVT_LINT1, MASKED);
    set(LVT_ERROR, MASKED);
}

bool in_both_modes(void (*test)(void))
{
    bool has_x2 = sys_cpuid(1, 0).ecx >> 21 & 1;

    enable(false);
    test();
    if (has_x2) {
        enable(true);
        test();
    } else {
        absent("x2APIC");
    }
    return has_x2;
}

bool note(struct context *c)
{
    if (c->vector < 0x20 && c->vector != V_NMI)
        return false;
    if (c->vector == DONE || n_seen >= SEEN)
        return false;
    where[n_seen] = c->ip;
    if (c->vector >= 0x40) {
        ppr_seen[n_seen] = get(PPR);
        if (!bit(ISR, (unsigned)c->vector) && c->vector != 0xff)
            ppr_seen[n_seen] = 0xbad;
        if (!no_eoi && c->vector != 0xff)
            set(EOI, 0);
    }
    seen[n_seen++] = (unsigned)c->vector;
    return n_seen != stop_at;
}

struct context run(const uint8_t *code)
{
    struct context c;

    n_seen = 0;
    sys_kernel(&c, (uintptr_t)code);
    sys_hook = note;
    sys_go(&c);
    sys_hook = NULL;
    return c;
}

bool saw(unsigned n, unsigned a, unsigned b, unsigned c, unsigned d)
{
    const unsigned want[] = {a, b, c, d};

    for (unsigned i = 0; i < n; i++)
        if (seen[i] != want[i])
            return false;
    return n_seen == n;
}

CODE(icr_mmio, "mov %eax, (%rdi)\n nop\n nop\n int $0x30");
CODE(icr_msr, "wrmsr\n nop\n nop\n int $0x30");

struct context send_from_case(uint32_t low, bool (*hook)(struct context *c))
{
    struct context c;

    n_seen = 0;
    sys_kernel(&c, (uintptr_t)(apic_x2 ? icr_msr : icr_mmio));
    c.r[RAX] = low;
    c.r[RCX] = MSR_X2APIC + ICR;
    c.r[RDI] = APIC_BASE + ICR * 16ul;
    sys_hook = hook;
    sys_go(&c);
    sys_hook = NULL;
    return c;
}
