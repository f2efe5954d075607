/* SPDX-License-Identifier: MIT */
/*
 * The embedded guest of x86sim --demo: a small SMP kernel that shows, on the serial line, what
 * makes parallel runs differ (races, interrupts, timers) beside what must never differ (locks,
 * exact counts, coherent code). Numbers after "racy" and the timer rates change from run to run; a
 * replay of one recorded run prints every byte again.
 *
 * Command line: iterations=N (increments per CPU in the race, 300000), only=STEP (race ipi timer smc
 * xmc lock), quiet (result lines only, and a race of 20000), exit=N (leave through isa-debug-exit
 * with N), x2apic, pic.
 * Works with 1 to 64 CPUs; any Multiboot loader starts it (docs: Multiboot 1).
 */
#include "roms/demo.h"

/* Longer than the host takes to give every CPU's thread its turn: shorter races often have no losers. */
#define RACE_ITERATIONS 300000
#define RACE_ITERATIONS_QUIET 20000
#define RACE_WORK 6
#define RING_LAPS 25
#define BROADCASTS 20
#define NMIS 10
#define TICKS 20
#define TICK_HZ 250
#define LOCK_TURNS 400
#define SHARING_INCREMENTS 5000

#define VEC_RING VEC_USER
#define VEC_BROADCAST (VEC_USER + 1)

static unsigned failures;
static unsigned at_start_line;

void demo_check(bool holds, const char *what)
{
    if (holds)
        return;
    failures++;
    print("FAILED: %s\n", what);
}

/* All CPUs go at once: nobody sleeps here, for waking takes longer than a race. */
static void start_together(void)
{
    unsigned round = __atomic_fetch_add(&at_start_line, 1, __ATOMIC_ACQ_REL) / cpu_count + 1;

    while (__atomic_load_n(&at_start_line, __ATOMIC_ACQUIRE) < round * cpu_count)
        cpu_pause();
}

/* ---- race: the same counter without a lock and with one ---- */

static uint64_t iterations;
static volatile uint64_t racy_counter __attribute__((aligned(64)));
static uint64_t locked_counter __attribute__((aligned(64)));

/* Load, a little work, store: what two CPUs do at once counts once. */
static void race_unlocked(struct cpu *cpu)
{
    start_together();
    for (uint64_t i = 0; i < iterations; i++) {
        uint64_t value = racy_counter;
        uint64_t work = value ^ cpu->index;
        for (unsigned j = 0; j < RACE_WORK; j++)
            __asm__ volatile("imulq $3, %0" : "+r"(work) : : "cc");
        racy_counter = value + 1;
    }
}

static void race_locked(struct cpu *cpu)
{
    (void)cpu;
    start_together();
    for (uint64_t i = 0; i < iterations; i++)
        __atomic_fetch_add(&locked_counter, 1, __ATOMIC_RELAXED);
}

static void step_race(void)
{
    uint64_t all = iterations * cpu_count;

    smp_run(race_unlocked);
    print("racy counter: %lu of %lu (lost %lu)\n", racy_counter, all, all - racy_counter);
    smp_run(race_locked);
    print("locked counter: %lu of %lu\n", locked_counter, all);
    demo_check(racy_counter <= all && racy_counter >= (iterations != 0),
               "racy counter out of range");
    demo_check(cpu_count > 1 || racy_counter == all, "one CPU alone lost an increment");
    demo_check(locked_counter == all, "a locked increment was lost");
}

/* ---- ipi: a ring, broadcasts, NMIs ---- */

static unsigned ring_hops_left;
static unsigned ring_count[KIT_MAX_CPUS], broadcast_count[KIT_MAX_CPUS], nmi_count[KIT_MAX_CPUS];
static unsigned broadcasts_received;

static void on_ring(struct trap_frame *frame)
{
    struct cpu *cpu = this_cpu();

    (void)frame;
    ring_count[cpu->index]++;
    if (__atomic_sub_fetch(&ring_hops_left, 1, __ATOMIC_ACQ_REL))
        apic_send(&cpus[(cpu->index + 1) % cpu_count], VEC_RING);
}

static void on_broadcast(struct trap_frame *frame)
{
    (void)frame;
    broadcast_count[this_cpu()->index]++;
    __atomic_fetch_add(&broadcasts_received, 1, __ATOMIC_ACQ_REL);
}

static void on_nmi(struct trap_frame *frame)
{
    (void)frame;
    __atomic_fetch_add(&nmi_count[this_cpu()->index], 1, __ATOMIC_ACQ_REL);
}

static bool all_equal(const unsigned *count, unsigned from, unsigned value)
{
    for (unsigned i = from; i < cpu_count; i++)
        if (count[i] != value)
            return false;
    return true;
}

/* The ring ends at the boot CPU, which therefore may sleep until it does. */
static void ring(void)
{
    ring_hops_left = RING_LAPS * cpu_count;
    irq_disable();
    apic_send(&cpus[1 % cpu_count], VEC_RING);
    while (__atomic_load_n(&ring_hops_left, __ATOMIC_ACQUIRE))
        irq_halt();
    irq_enable();
    print("IPI ring: %u hops, %u on each CPU\n", RING_LAPS * cpu_count, ring_count[0]);
    demo_check(all_equal(ring_count, 0, RING_LAPS), "an IPI of the ring was lost or doubled");
}

static void broadcast(void)
{
    for (unsigned i = 1; i <= BROADCASTS; i++) {
        if (cpu_count > 1)
            apic_send_group(IPI_OTHERS, VEC_BROADCAST);
        while (__atomic_load_n(&broadcasts_received, __ATOMIC_ACQUIRE) < i * (cpu_count - 1))
            cpu_pause();
    }
    print("IPI broadcast: %u sent, %u received (by all but the sender)\n", BROADCASTS,
          broadcasts_received);
    demo_check(broadcast_count[0] == 0, "a broadcast to the others came back to its sender");
    demo_check(all_equal(broadcast_count, 1, BROADCASTS), "a broadcast IPI was lost or doubled");
}

static void nmi(void)
{
    struct cpu *to = &cpus[cpu_count - 1];

    for (unsigned i = 1; i <= NMIS; i++) {
        apic_send_nmi(to);
        while (__atomic_load_n(&nmi_count[to->index], __ATOMIC_ACQUIRE) < i)
            cpu_pause();
    }
    print("NMI: %u sent to cpu %u, %u received\n", NMIS, to->index, nmi_count[to->index]);
    demo_check(nmi_count[to->index] == NMIS, "an NMI was doubled");
    demo_check(to->index == 0 || nmi_count[0] == 0, "an NMI went to the wrong CPU");
}

static void step_ipi(void)
{
    trap_set_handler(VEC_RING, on_ring);
    trap_set_handler(VEC_BROADCAST, on_broadcast);
    trap_set_handler(VEC_NMI, on_nmi);
    ring();
    broadcast();
    nmi();
}

/* ---- timer: the PIT on the boot CPU, then every CPU's own APIC timer ---- */

static unsigned pit_ticks;
static struct {
    uint32_t apic;
    uint64_t tsc;
} first_tick, last_tick;
static uint32_t apic_count_per_tick;
static unsigned apic_ticks[KIT_MAX_CPUS];

static void on_pit(struct trap_frame *frame)
{
    (void)frame;
    if (pit_ticks == TICKS)
        return;
    pit_ticks++;
    if (pit_ticks == 1) {
        first_tick.apic = apic_timer_read();
        first_tick.tsc = rdtsc();
    } else if (pit_ticks == TICKS) {
        last_tick.apic = apic_timer_read();
        last_tick.tsc = rdtsc();
        pit_stop();
    }
}

static void on_apic_timer(struct trap_frame *frame)
{
    unsigned me = this_cpu()->index;

    (void)frame;
    if (apic_ticks[me] < TICKS && ++apic_ticks[me] == TICKS)
        apic_timer_start(0, false);
}

static void count_apic_ticks(struct cpu *cpu)
{
    irq_disable();
    apic_timer_start(apic_count_per_tick, true);
    while (*(volatile unsigned *)&apic_ticks[cpu->index] < TICKS)
        irq_halt();
    irq_enable();
}

static void step_timer(void)
{
    unsigned sum = 0;

    trap_set_handler(VEC_PIT, on_pit);
    trap_set_handler(VEC_PIC, on_pit);
    trap_set_handler(VEC_LAPIC_TIMER, on_apic_timer);
    irq_disable();
    apic_timer_start(UINT32_MAX, false);
    pit_start(TICK_HZ, &cpus[0]);
    while (*(volatile unsigned *)&pit_ticks < TICKS)
        irq_halt();
    apic_timer_start(0, false);
    irq_enable();
    print("PIT: %u of %u ticks at %u Hz, through %s\n", pit_ticks, TICKS, TICK_HZ, pit_route());

    apic_count_per_tick = (first_tick.apic - last_tick.apic) / (TICKS - 1);
    uint64_t tsc_per_tick = (last_tick.tsc - first_tick.tsc) / (TICKS - 1);
    print("rates seen: APIC timer %lu kHz (before division by 16), TSC %lu kHz\n",
          (uint64_t)apic_count_per_tick * 16 * TICK_HZ / 1000, tsc_per_tick * TICK_HZ / 1000);
    demo_check(apic_count_per_tick > 0, "the APIC timer stands still");
    demo_check(tsc_per_tick > 0, "the TSC stands still");
    if (apic_count_per_tick == 0)
        return;
    smp_run(count_apic_ticks);
    for (unsigned i = 0; i < cpu_count; i++)
        sum += apic_ticks[i];
    print("APIC timers: %u of %u ticks, %u on each CPU\n", sum, TICKS * cpu_count, TICKS);
    demo_check(sum == TICKS * cpu_count, "an APIC timer's ticks are not exact");
}

/* ---- lock: a ticket lock under contention; words that share cache lines ---- */

static struct {
    unsigned next __attribute__((aligned(64)));
    unsigned serving __attribute__((aligned(64)));
    volatile unsigned inside __attribute__((aligned(64)));
    volatile unsigned turns, overlaps;
} ticket;
static volatile uint32_t shared_words[KIT_MAX_CPUS] __attribute__((aligned(64)));

static unsigned turns_per_cpu(void)
{
    return LOCK_TURNS / cpu_count > 4 ? LOCK_TURNS / cpu_count : 4;
}

static void take_turns(struct cpu *cpu)
{
    start_together();
    for (unsigned i = turns_per_cpu(); i; i--) {
        unsigned mine = __atomic_fetch_add(&ticket.next, 1, __ATOMIC_RELAXED);
        while (__atomic_load_n(&ticket.serving, __ATOMIC_ACQUIRE) != mine)
            cpu_pause();
        if (ticket.inside)
            ticket.overlaps++;
        ticket.inside = cpu->index + 1;
        ticket.turns++;
        if (ticket.inside != cpu->index + 1)
            ticket.overlaps++;
        ticket.inside = 0;
        __atomic_store_n(&ticket.serving, mine + 1, __ATOMIC_RELEASE);
    }
}

static void share_lines(struct cpu *cpu)
{
    start_together();
    for (unsigned i = 0; i < SHARING_INCREMENTS; i++)
        shared_words[cpu->index]++;
}

static void step_lock(void)
{
    unsigned all = turns_per_cpu() * cpu_count;
    uint64_t kept = 0;

    smp_run(take_turns);
    print("ticket lock: %u of %u turns, %u overlaps\n", ticket.turns, all, ticket.overlaps);
    demo_check(ticket.turns == all && ticket.overlaps == 0, "the ticket lock let two CPUs in");
    smp_run(share_lines);
    for (unsigned i = 0; i < cpu_count; i++)
        kept += shared_words[i];
    print("false sharing: %lu of %u increments kept, %u words in shared lines\n", kept,
          SHARING_INCREMENTS * cpu_count, cpu_count);
    demo_check(kept == (uint64_t)SHARING_INCREMENTS * cpu_count,
               "a neighbour's word was overwritten");
}

/* ---- the whole ---- */

static const struct {
    const char *name;
    void (*run)(void);
    const char *heading;
} steps[] = {
    {"race", step_race, "all CPUs add to one counter, first without a lock, then with one"},
    {"ipi", step_ipi, "CPUs interrupt each other: in a ring, all at once, and unmaskably"},
    {"timer", step_timer, "the board's timer ticks on one CPU, then each CPU's own"},
    {"smc", demo_step_smc, "every CPU patches an instruction of its own and runs it"},
    {"xmc", demo_step_xmc, "one CPU patches code while the others run it"},
    {"lock", step_lock, "all CPUs want the same lock; all CPUs write to the same cache lines"},
};
#define STEPS (sizeof steps / sizeof steps[0])

static void print_banner(void)
{
    print("x86sim demo guest: %u CPU%s up, %s, %s, %s\n", cpu_count, cpu_count == 1 ? "" : "s",
          apic_is_x2apic() ? "x2APIC" : "xAPIC", platform.ioapic_base ? "I/O APIC" : "no I/O APIC",
          platform.has_acpi ? "ACPI" : "no ACPI");
}

int guest_main(void)
{
    bool quiet = cmdline_has("quiet");
    unsigned ran = 0;

    iterations = cmdline_number("iterations", quiet ? RACE_ITERATIONS_QUIET : RACE_ITERATIONS);
    print_banner();
    for (unsigned i = 0; i < STEPS; i++) {
        if (cmdline_has("only") && !cmdline_is("only", steps[i].name))
            continue;
        if (!quiet)
            print("\n-- %s: %s\n", steps[i].name, steps[i].heading);
        steps[i].run();
        ran++;
    }
    if (!ran) {
        print("demo: only= takes one of race, ipi, timer, smc, xmc, lock\n");
        return 2;
    }
    if (!quiet)
        print("\n");
    if (failures)
        print("demo: %u checks FAILED\n", failures);
    else
        print("demo: %u step%s, all checks passed\n", ran, ran == 1 ? "" : "s");
    return failures ? 1 : 0;
}
