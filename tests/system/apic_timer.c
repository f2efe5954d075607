/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer in its three modes: one-shot by every divisor, periodic, TSC deadline; counting, stopping, masking; how
 * fast it counts by each divisor (Intel SDM vol. 3 §11.5.4).
 */
#include "tests/system/kit/apic.h"

/* The divide register for 1, 2, 4 ... 128. */
static const uint32_t divide[8] = {0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa};

/* The count and the time, read together. */
static uint32_t sample(uint64_t *tsc)
{
    for (;;) {
        uint64_t before = rdtsc();
        uint32_t count = get(CURRENT);

        *tsc = rdtsc();
        if (*tsc - before < 100000)
            return count;
    }
}

/* How much faster the timer counts by divisor 1 than by each other one. */
static void divisors(void)
{
    uint64_t one = 0;

    set(LVT_TIMER, 0x61 | MASKED);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t from, to, per;
        uint32_t a, b;

        set(DIVIDE, divide[i]);
        set(INITIAL, 0xffffffff);
        a = sample(&from);
        do
            b = sample(&to);
        while (to - from < 2000000);        /* long against what lies between the readings */
        per = ((to - from) << 8) / (a - b); /* cycles for 256 counts */
        if (i == 0)
            one = per;
        check(per * 4 > (one << i) * 3 && per * 4 < (one << i) * 5,
              "divisor %u: %lu cycles for 256 counts, 1: %lu", 1u << i, per, one);
    }
    set(INITIAL, 0);
}

static void one_shot(void)
{
    stop_at = 1;
    for (unsigned i = 0; i < 8; i++) { /* one shot, each divisor */
        set(DIVIDE, divide[i]);
        set(LVT_TIMER, 0x61);
        set(INITIAL, 20000 >> i);
        run(wait_hlt);
        check(n_seen == 1 && seen[0] == 0x61 && get(CURRENT) == 0 && get(INITIAL) == (20000u >> i),
              "one shot by divisor %x: %u", divide[i], n_seen);
        set(EOI, 0);
    }
}

static void counting(void)
{
    uint32_t a, b;

    set(DIVIDE, 0xb);
    set(INITIAL, 0xffffffff);
    a = get(CURRENT);
    for (unsigned i = 0; i < 1000; i++)
        cpu_pause();
    b = get(CURRENT);
    check(a > b && b != 0, "the count goes down: %x %x", a, b);
    set(INITIAL, 0);
    check(get(CURRENT) == 0, "0 stops it: %x", get(CURRENT));

    set(LVT_TIMER, 0x61 | 0x20000); /* periodic */
    stop_at = 5;
    set(INITIAL, 200000);
    run(wait_hlt);
    check(n_seen == 5 && seen[4] == 0x61 && get(CURRENT) <= 200000, "periodic: %u", n_seen);
    set(INITIAL, 0);
    if (bit(ISR, 0x61))
        set(EOI, 0);
    stop_at = 0;
    run(window);
    run(window);
    check(n_seen == 0, "stopped: %u", n_seen);

    /* Masked: it counts, and nobody hears. */
    set(LVT_TIMER, 0x61 | MASKED);
    set(INITIAL, 1000);
    while (get(CURRENT))
        cpu_pause();
    check(!bit(IRR, 0x61), "a masked timer");
    set(LVT_TIMER, 0x61);
    run(window);
    check(n_seen == 0, "is not made up for: %u", n_seen);
}

static void deadline(void)
{
    if (!(sys_cpuid(1, 0).ecx >> 24 & 1)) {
        absent("TSC deadline");
        return;
    }
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000);
    check(rdmsr(MSR_TSC_DEADLINE) == 0, "the deadline is nothing in another mode: %lx",
          rdmsr(MSR_TSC_DEADLINE));
    set(LVT_TIMER, 0x62 | 0x40000);
    stop_at = 1;
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 100000);
    run(wait_hlt);
    check(n_seen == 1 && seen[0] == 0x62 && rdmsr(MSR_TSC_DEADLINE) == 0, "TSC deadline: %u, %lx",
          n_seen, rdmsr(MSR_TSC_DEADLINE));
    set(EOI, 0);
    wrmsr(MSR_TSC_DEADLINE, 1); /* long ago: at once */
    run(wait_hlt);
    check(n_seen == 1 && seen[0] == 0x62, "a deadline that has passed: %u", n_seen);
    set(EOI, 0);
    stop_at = 0;
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 200000000000ul);
    set(INITIAL, 1000);
    check(get(INITIAL) == 0 && get(CURRENT) == 0, "the count is nothing in this mode: %x",
          get(INITIAL));
    wrmsr(MSR_TSC_DEADLINE, 0);
    run(window);
    check(n_seen == 0 && rdmsr(MSR_TSC_DEADLINE) == 0, "0 disarms: %u", n_seen);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 200000000000ul);
    set(LVT_TIMER, 0x61 | MASKED);
    check(rdmsr(MSR_TSC_DEADLINE) == 0, "leaving the mode disarms");
}

static void in_this_mode(void)
{
    divisors();
    one_shot();
    counting();
    deadline();
}

void system_main(void)
{
    in_both_modes(in_this_mode);
    report("apic_timer");
}
