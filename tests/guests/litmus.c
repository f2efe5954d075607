/* SPDX-License-Identifier: MIT */
/*
 * Litmus tests: which outcomes of a few racing loads and stores this machine shows, counted.
 *
 * Each test has two to four threads, one per CPU, and runs over many cells; a cell's variables x
 * and y lie in cache lines of their own. Threads go through the cells in step (a handshake per
 * batch and a short random delay per cell). For every outcome the table prints how often it came
 * and whether x86-TSO allows it: an outcome that it forbids fails the run. SB without fences is the
 * one relaxed outcome that x86 shows; a sequentially consistent machine never does, which is no
 * failure.
 *
 * Command line: cells=N per test (10000), only=TEST. Tests that need more CPUs than there are are
 * reported as not run. Sources of the expected outcomes: Intel SDM vol. 3 §8.2.3; Owens, Sarkar,
 * Sewell, "A better x86 memory model: x86-TSO" (2009).
 */
#include "roms/kit/kit.h"

#define BATCH 500 /* cells between two handshakes */
#define THREADS 4
#define OUTCOMES 16

struct cell {
    volatile uint32_t x __attribute__((aligned(64)));
    volatile uint32_t y __attribute__((aligned(64)));
    uint32_t seen[THREADS][2] __attribute__((aligned(64))); /* what each thread loaded */
};

struct litmus {
    const char *name;
    unsigned threads;
    void (*thread[THREADS])(struct cell *cell);
    unsigned bits; /* of an outcome */
    unsigned (*outcome)(const struct cell *cell);
    uint32_t forbidden;   /* bit N: x86-TSO forbids outcome N */
    uint32_t interesting; /* bit N: relaxed, but allowed */
    const char *labels;   /* what the outcome's digits are, most significant first */
};

static struct cell cells[BATCH];
static const struct litmus *test;
static uint32_t batches;
static uint64_t counts[OUTCOMES];
static unsigned arrived;

static void mfence(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

/* SB, store buffering: x=1; r=y || y=1; r=x. Both 0 needs a store delayed past a load. */
static void sb_0(struct cell *c)
{
    c->x = 1;
    c->seen[0][0] = c->y;
}

static void sb_1(struct cell *c)
{
    c->y = 1;
    c->seen[1][0] = c->x;
}

static void sb_fence_0(struct cell *c)
{
    c->x = 1;
    mfence();
    c->seen[0][0] = c->y;
}

static void sb_fence_1(struct cell *c)
{
    c->y = 1;
    mfence();
    c->seen[1][0] = c->x;
}

static void sb_xchg_0(struct cell *c)
{
    __atomic_exchange_n(&c->x, 1, __ATOMIC_SEQ_CST);
    c->seen[0][0] = c->y;
}

static void sb_xchg_1(struct cell *c)
{
    __atomic_exchange_n(&c->y, 1, __ATOMIC_SEQ_CST);
    c->seen[1][0] = c->x;
}

/* MP, message passing: x=1; y=1 || r0=y; r1=x. r0=1, r1=0 is forbidden. */
static void mp_0(struct cell *c)
{
    c->x = 1;
    c->y = 1;
}

static void mp_1(struct cell *c)
{
    c->seen[1][0] = c->y;
    c->seen[1][1] = c->x;
}

/* LB, load buffering: r=x; y=1 || r=y; x=1. Both 1 is forbidden. */
static void lb_0(struct cell *c)
{
    c->seen[0][0] = c->x;
    c->y = 1;
}

static void lb_1(struct cell *c)
{
    c->seen[1][0] = c->y;
    c->x = 1;
}

/* IRIW: x=1 || y=1 || r0=x; r1=y || r2=y; r3=x. Readers must agree on the order of the writes. */
static void iriw_0(struct cell *c)
{
    c->x = 1;
}

static void iriw_1(struct cell *c)
{
    c->y = 1;
}

static void iriw_2(struct cell *c)
{
    c->seen[2][0] = c->x;
    c->seen[2][1] = c->y;
}

static void iriw_3(struct cell *c)
{
    c->seen[3][0] = c->y;
    c->seen[3][1] = c->x;
}

/* CoRR: x=1 || r0=x; r1=x. One location never goes back: r0=1, r1=0 is forbidden. */
static void corr_1(struct cell *c)
{
    c->seen[1][0] = c->x;
    c->seen[1][1] = c->x;
}

/* WRC: x=1 || r0=x; y=1 || r1=y; r2=x. r0=1, r1=1, r2=0 is forbidden: causality. */
static void wrc_1(struct cell *c)
{
    uint32_t seen = c->x;

    c->seen[1][0] = seen;
    c->y = seen;
}

static void wrc_2(struct cell *c)
{
    c->seen[2][0] = c->y;
    c->seen[2][1] = c->x;
}

/* 2+2W: x=1; y=2 || y=1; x=2. Both ending at 1 is forbidden. */
static void w22_0(struct cell *c)
{
    c->x = 1;
    c->y = 2;
}

static void w22_1(struct cell *c)
{
    c->y = 1;
    c->x = 2;
}

static unsigned outcome_two_threads(const struct cell *c)
{
    return c->seen[0][0] << 1 | c->seen[1][0];
}

static unsigned outcome_thread_1(const struct cell *c)
{
    return c->seen[1][0] << 1 | c->seen[1][1];
}

static unsigned outcome_iriw(const struct cell *c)
{
    return c->seen[2][0] << 3 | c->seen[2][1] << 2 | c->seen[3][0] << 1 | c->seen[3][1];
}

static unsigned outcome_wrc(const struct cell *c)
{
    return c->seen[1][0] << 2 | c->seen[2][0] << 1 | c->seen[2][1];
}

/* Final values; 2 counts as 1, 1 as 0. */
static unsigned outcome_w22(const struct cell *c)
{
    return (c->x == 2) << 1 | (c->y == 2);
}

static const struct litmus tests[] = {
    {"SB", 2, {sb_0, sb_1}, 2, outcome_two_threads, 0, 1u << 0, "r0(y) r1(x)"},
    {"SB+mfence", 2, {sb_fence_0, sb_fence_1}, 2, outcome_two_threads, 1u << 0, 0, "r0(y) r1(x)"},
    {"SB+xchg", 2, {sb_xchg_0, sb_xchg_1}, 2, outcome_two_threads, 1u << 0, 0, "r0(y) r1(x)"},
    {"MP", 2, {mp_0, mp_1}, 2, outcome_thread_1, 1u << 2, 0, "r0(y) r1(x)"},
    {"LB", 2, {lb_0, lb_1}, 2, outcome_two_threads, 1u << 3, 0, "r0(x) r1(y)"},
    {"CoRR", 2, {iriw_0, corr_1}, 2, outcome_thread_1, 1u << 2, 0, "r0(x) r1(x)"},
    {"2+2W", 2, {w22_0, w22_1}, 2, outcome_w22, 1u << 0, 0, "x=2 y=2"},
    {"WRC", 3, {iriw_0, wrc_1, wrc_2}, 3, outcome_wrc, 1u << 6, 0, "r0(x) r1(y) r2(x)"},
    {"IRIW",
     4,
     {iriw_0, iriw_1, iriw_2, iriw_3},
     4,
     outcome_iriw,
     1u << 10,
     0,
     "r0(x) r1(y) r2(y) r3(x)"},
};
#define TESTS (sizeof tests / sizeof tests[0])

/* Every thread of the test, and nobody asleep: waking would take longer than a batch. */
static void meet(unsigned *rounds_met)
{
    unsigned target = ++*rounds_met * test->threads;

    __atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < target)
        cpu_pause();
}

static void count_batch(void)
{
    for (unsigned i = 0; i < BATCH; i++)
        counts[test->outcome(&cells[i])]++;
    memset(cells, 0, sizeof cells);
}

static void run_thread(struct cpu *cpu)
{
    uint32_t random = 12345 + cpu->index * 6789;
    unsigned met = 0;

    if (cpu->index >= test->threads)
        return;
    for (uint32_t b = 0; b < batches; b++) {
        meet(&met);
        for (unsigned i = 0; i < BATCH; i++) {
            random = random * 1664525u + 1013904223u;
            for (unsigned delay = random >> 28; delay; delay--)
                __asm__ volatile("" : : : "memory");
            test->thread[cpu->index](&cells[i]);
        }
        meet(&met);
        if (cpu->index == 0)
            count_batch();
    }
}

static void print_outcome(unsigned outcome, const char *note)
{
    char digits[8];

    for (unsigned i = 0; i < test->bits; i++)
        digits[i] = (char)('0' + (outcome >> (test->bits - 1 - i) & 1));
    digits[test->bits] = '\0';
    print("litmus: %-9s %-4s %7lu%s\n", test->name, digits, counts[outcome], note);
}

/* Prints the table; whether no forbidden outcome came. */
static bool report(void)
{
    bool good = true;

    print("litmus: %-9s outcomes are %s\n", test->name, test->labels);
    for (unsigned i = 0; i < 1u << test->bits; i++) {
        bool forbidden = test->forbidden >> i & 1, interesting = test->interesting >> i & 1;
        if (counts[i] || forbidden || interesting)
            print_outcome(i, forbidden     ? "  forbidden"
                             : interesting ? "  relaxed, allowed by TSO"
                                           : "");
        if (forbidden && counts[i])
            good = false;
    }
    return good;
}

int guest_main(void)
{
    bool good = true;

    batches = (uint32_t)((cmdline_number("cells", 10000) + BATCH - 1) / BATCH);
    print("litmus: %u CPUs, %u cells per test\n", cpu_count, batches * BATCH);
    for (unsigned i = 0; i < TESTS; i++) {
        test = &tests[i];
        if (cmdline_has("only") && !cmdline_is("only", test->name))
            continue;
        if (cpu_count < test->threads) {
            print("litmus: %-9s not run: needs %u CPUs\n", test->name, test->threads);
            continue;
        }
        memset(counts, 0, sizeof counts);
        memset(cells, 0, sizeof cells);
        arrived = 0;
        smp_run(run_thread);
        good = report() && good;
    }
    print(good ? "litmus: passed\n" : "litmus: FAILED\n");
    return good ? 0 : 1;
}
