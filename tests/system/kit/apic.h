/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the local APIC share (apic, apic_registers, apic_timer): its registers in either mode, and windows of enabled
 * interrupts with what was delivered in them. Intel SDM vol. 3 ch. 11.
 */
#ifndef TESTS_SYSTEM_KIT_APIC_H
#define TESTS_SYSTEM_KIT_APIC_H

#include "tests/system/kit/machine64.h"

/* Registers: numbers of x2APIC, 16 bytes apart in xAPIC. */
enum {
    ID = 2,
    VERSION = 3,
    TPR = 8,
    PPR = 10,
    EOI = 11,
    LDR = 13,
    DFR = 14,
    SVR = 15,
    ISR = 16,
    TMR = 24,
    IRR = 32,
    ESR = 40,
    ICR = 48,
    ICR_HIGH = 49,
    LVT_TIMER = 50,
    LVT_PERF = 52,
    LVT_LINT0 = 53,
    LVT_LINT1 = 54,
    LVT_ERROR = 55,
    INITIAL = 56,
    CURRENT = 57,
    DIVIDE = 62
};

#define APIC_BASE 0xfee00000ul
#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC 0x800
#define MSR_TSC_DEADLINE 0x6e0
#define BASE_ENABLE 0x800u
#define BASE_X2 0x400u
#define MASKED 0x10000u
#define SELF 0x40000u
#define ALL 0x80000u
#define OTHERS 0xc0000u
#define NMI 0x400u
#define LOGICAL 0x800u
#define LOWEST 0x100u
#define ASSERT 0x4000u

/* Which mode it is in: enable() sets it. */
extern bool apic_x2;

static inline uint32_t get(unsigned reg)
{
    return apic_x2 ? (uint32_t)rdmsr(MSR_X2APIC + reg)
                   : *(volatile uint32_t *)(APIC_BASE + reg * 16ul);
}

static inline void set(unsigned reg, uint32_t value)
{
    if (apic_x2)
        wrmsr(MSR_X2APIC + reg, value);
    else
        *(volatile uint32_t *)(APIC_BASE + reg * 16ul) = value;
}

static inline void send(uint32_t to, uint32_t low)
{
    if (apic_x2) {
        wrmsr(MSR_X2APIC + ICR, (uint64_t)to << 32 | low);
        return;
    }
    set(ICR_HIGH, to << 24);
    set(ICR, low);
    while (get(ICR) & 0x1000)
        cpu_pause();
}

static inline bool bit(unsigned reg, unsigned vector)
{
    return get(reg + vector / 32) >> (vector % 32) & 1;
}

static inline bool any(unsigned reg)
{
    for (unsigned i = 0; i < 8; i++)
        if (get(reg + i))
            return true;
    return false;
}

/* On, in that mode, with everything masked and nothing requested. */
void enable(bool as_x2);
/* The test in xAPIC mode, and in x2APIC mode if there is that. Returns whether there is. */
bool in_both_modes(void (*test)(void));

/* --- What is delivered ---------------------------------------------------------------------------------- */

/* Of the last run: vectors, where they came, PPR in the handler (0xbad: not in service); and how many. */
#define SEEN 32
extern unsigned seen[SEEN], n_seen;
extern word where[SEEN];
extern uint32_t ppr_seen[SEEN];
/* For the next runs: handlers do not write EOI; interrupts after which a run ends, 0: it ends with its code. */
extern bool no_eoi;
extern unsigned stop_at;

CODE(window, "sti\n nop\n nop\n nop\n cli\n int $0x30");
CODE(wait_hlt, "1: sti\n hlt\n cli\n jmp 1b");

/* A hook: notes interrupts and NMIs, and lets the code go on. */
bool note(struct context *c);
struct context run(const uint8_t *code);
/* Writes ICR from within a case, since an NMI does not wait for it. */
struct context send_from_case(uint32_t low, bool (*hook)(struct context *c));
/* Were just these n of the vectors seen, in this order? */
bool saw(unsigned n, unsigned a, unsigned b, unsigned c, unsigned d);

static inline void self(unsigned vector)
{
    send(0, SELF | ASSERT | vector);
}

#endif
