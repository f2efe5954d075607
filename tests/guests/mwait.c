/* SPDX-License-Identifier: MIT */
/*
 * MONITOR and MWAIT on bare metal; needs a CPU model that has them (x86sim --cpu x86-64-v2-mwait).
 *
 * CPUs pass a ball round: each waits for its own word with MONITOR and MWAIT, interrupts off, and
 * writes the next one's. Words lie in lines of one page or in pages of their own, so that writes to
 * neighbouring lines happen too. A wake-up that gets lost ends the game: the run hangs. Then: an
 * interrupt ends MWAIT, with interrupts on, and with them off where ECX bit 0 says so; MWAIT without
 * MONITOR does not wait. Time stamps of all wake-ups go into a checksum, which a replay must repeat.
 *
 * Command line: rounds=N (200). Ends with "mwait: passed" or "mwait: FAILED".
 */
#include "roms/kit/kit.h"

#define STRIDE_LINE 64
#define STRIDE_PAGE 4096

static uint8_t arena[KIT_MAX_CPUS * STRIDE_PAGE] __attribute__((aligned(4096)));
static uint64_t rounds, stride;
static uint64_t waits[KIT_MAX_CPUS], sums[KIT_MAX_CPUS];
static volatile unsigned ticks;

static volatile uint64_t *word_of(unsigned index)
{
    return (volatile uint64_t *)(arena + index * stride);
}

static void monitor(volatile void *at)
{
    __asm__ volatile("monitor" : : "a"(at), "c"(0), "d"(0) : "memory");
}

static void mwait(unsigned extensions)
{
    __asm__ volatile("mwait" : : "a"(0), "c"(extensions) : "memory");
}

static void play(struct cpu *cpu)
{
    volatile uint64_t *own = word_of(cpu->index), *next = word_of((cpu->index + 1) % cpu_count);
    uint64_t flags = irq_save();

    for (uint64_t round = 1; round <= rounds; round++) {
        if (cpu->index == 0)
            *next = round; /* the ball starts here, and comes back */
        while (*own != round) {
            monitor(own);
            if (*own == round)
                break;
            mwait(0);
            waits[cpu->index]++;
            sums[cpu->index] = (sums[cpu->index] ^ rdtsc()) * 0x9e3779b97f4a7c15u;
        }
        if (cpu->index != 0)
            *next = round;
    }
    irq_restore(flags);
}

static void on_tick(struct trap_frame *frame)
{
    (void)frame;
    ticks++;
}

/* An interrupt comes while the CPU waits; nobody writes. */
static bool wakes_by_interrupt(bool enabled)
{
    static uint64_t quiet[8] __attribute__((aligned(64)));
    unsigned before = ticks, seen;

    irq_disable();
    apic_timer_start(10000, false);
    monitor(quiet);
    if (enabled)
        __asm__ volatile("sti; mwait" : : "a"(0), "c"(0) : "memory");
    else
        mwait(1);
    seen = ticks;
    irq_enable(); /* takes what only woke the CPU */
    while (ticks == before)
        cpu_pause();
    return enabled ? seen == before + 1 : seen == before;
}

static bool play_all(uint64_t apart, const char *name)
{
    uint64_t all = 0, sum = 0;

    stride = apart;
    for (unsigned i = 0; i < cpu_count; i++) {
        *word_of(i) = 0;
        waits[i] = 0;
    }
    smp_run(play);
    for (unsigned i = 0; i < cpu_count; i++) {
        all += waits[i];
        sum = (sum ^ sums[i]) * 0x9e3779b97f4a7c15u;
    }
    print("mwait: %s: waited %lu times, checksum %lx\n", name, all, sum);
    return cpu_count == 1 || all != 0;
}

int guest_main(void)
{
    bool good = true;

    rounds = cmdline_number("rounds", 200);
    print("mwait: %u CPUs, %lu rounds\n", cpu_count, rounds);
    if (!(cpuid_ebx_ecx(1) >> (32 + 3) & 1)) {
        print("mwait: FAILED: this CPU has no MONITOR\n");
        return 1;
    }
    trap_set_handler(VEC_LAPIC_TIMER, on_tick);
    good = play_all(STRIDE_LINE, "words in lines of one page") && good;
    good = play_all(STRIDE_PAGE, "words in pages of their own") && good;
    good = wakes_by_interrupt(true) && good;
    good = wakes_by_interrupt(false) && good;
    mwait(0); /* nothing is armed */
    print(good ? "mwait: passed\n" : "mwait: FAILED\n");
    return good ? 0 : 1;
}
