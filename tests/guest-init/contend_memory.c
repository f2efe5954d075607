/* SPDX-License-Identifier: MIT
 *
 * Events of contend (see contend.c) that need no system call: races and locks in user memory, and
 * code that is rewritten while it runs.
 *
 * The orders asserted are those of Intel SDM vol. 3A §9.2 (writes are seen in order; locked
 * operations are atomic whatever their alignment, §9.1.2) and self-modifying code through the same
 * linear address (§9.1.3). Store buffering, which it allows, is only counted.
 */
#include "tests/guest-init/contend.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

static volatile uint64_t racy_counter;
static uint64_t exact_counter[4];
static uint64_t broken;

static void setup_counters(const struct contest *contest)
{
    (void)contest;
    racy_counter = 0;
    memset(exact_counter, 0, sizeof(exact_counter));
    broken = 0;
}

static uint64_t operations(const struct contest *contest)
{
    return (uint64_t)contest->count * contest->threads;
}

/* racy: an unlocked counter; its final value tells which updates were lost. */
static uint64_t work_racy(const struct contest *contest, unsigned me)
{
    (void)me;
    for (unsigned i = 0; i < contest->count; i++)
        racy_counter = racy_counter + 1;
    return racy_counter;
}

static bool check_racy(const struct contest *contest, uint64_t *racy)
{
    *racy = mix(*racy, racy_counter);
    return racy_counter >= 1 && racy_counter <= operations(contest);
}

/* mutex: two counters under one pthread mutex, so that futexes put threads to sleep. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static uint64_t work_mutex(const struct contest *contest, unsigned me)
{
    uint64_t seen = me;

    for (unsigned i = 0; i < contest->count; i++) {
        pthread_mutex_lock(&mutex);
        exact_counter[0]++;
        racy_counter = racy_counter * 3 + me;
        exact_counter[1]++;
        pthread_mutex_unlock(&mutex);
        if (i % 64 == 0)
            seen = mix(seen, racy_counter);
    }
    return seen;
}

static bool check_two(const struct contest *contest, uint64_t *racy)
{
    *racy = mix(*racy, racy_counter);
    return exact_counter[0] == operations(contest) && exact_counter[1] == operations(contest);
}

/* spin: the same under a test-and-set lock. */
static volatile uint32_t spin_word;

static uint64_t work_spin(const struct contest *contest, unsigned me)
{
    unsigned spins = 0;

    for (unsigned i = 0; i < contest->count; i++) {
        while (__atomic_exchange_n(&spin_word, 1, __ATOMIC_ACQUIRE) != 0)
            while (spin_word != 0)
                wait_a_little(&spins);
        exact_counter[0]++;
        racy_counter = racy_counter * 3 + me;
        exact_counter[1]++;
        __atomic_store_n(&spin_word, 0, __ATOMIC_RELEASE);
    }
    return spins;
}

/* share: each thread counts in its own word of one cache line and looks at its neighbour's. */
static volatile uint32_t shared_line[MAX_THREADS] __attribute__((aligned(64)));

static void setup_share(const struct contest *contest)
{
    setup_counters(contest);
    for (unsigned i = 0; i < MAX_THREADS; i++)
        shared_line[i] = 0;
}

static uint64_t work_share(const struct contest *contest, unsigned me)
{
    uint64_t seen = 0;

    for (unsigned i = 0; i < contest->count; i++) {
        shared_line[me] = shared_line[me] + 1;
        if (i % 8 == 0)
            seen = mix(seen, shared_line[(me + 1) % contest->threads]);
    }
    return seen;
}

static bool check_share(const struct contest *contest, uint64_t *racy)
{
    (void)racy;
    for (unsigned i = 0; i < contest->threads; i++)
        if (shared_line[i] != contest->count)
            return false;
    return true;
}

/* atomic: XADD, a CMPXCHG loop, CMPXCHG16B, and locked adds that cross a line and a page. */
static uint8_t crossing[2 * PAGE] __attribute__((aligned(PAGE)));
static uint64_t pair[2] __attribute__((aligned(16)));

static void setup_atomic(const struct contest *contest)
{
    setup_counters(contest);
    memset(crossing, 0, sizeof(crossing));
    memset(pair, 0, sizeof(pair));
}

static void locked_increment(void *address)
{
    __asm__ volatile("lock incl %0" : "+m"(*(uint32_t *)address) : : "memory", "cc");
}

/* Adds one to both halves of 'pair' at once; the number of attempts. */
static unsigned increment_pair(void)
{
#ifdef __x86_64__
    uint64_t low = pair[0], high = pair[1];
    unsigned attempts = 0;
    bool done;

    do {
        attempts++;
        __asm__ volatile("lock cmpxchg16b %1"
                         : "=@ccz"(done), "+m"(pair), "+a"(low), "+d"(high)
                         : "b"(low + 1), "c"(high + 1)
                         : "memory");
    } while (!done);
    return attempts;
#else
    __atomic_add_fetch(&pair[0], 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&pair[1], 1, __ATOMIC_SEQ_CST);
    return 1;
#endif
}

static uint64_t work_atomic(const struct contest *contest, unsigned me)
{
    uint64_t attempts = me;

    for (unsigned i = 0; i < contest->count; i++) {
        uint64_t old = __atomic_fetch_add(&exact_counter[0], 1, __ATOMIC_SEQ_CST);
        uint64_t expected = exact_counter[1];

        while (!__atomic_compare_exchange_n(&exact_counter[1], &expected, expected + 1, false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            attempts++;
        attempts += increment_pair();
        if (i % 16 == 0) {
            locked_increment(crossing + 62);
            locked_increment(crossing + PAGE - 2);
            attempts = mix(attempts, old);
        }
    }
    return attempts;
}

static bool check_atomic(const struct contest *contest, uint64_t *racy)
{
    uint64_t some = (uint64_t)((contest->count + 15) / 16) * contest->threads;
    uint32_t line, page;

    memcpy(&line, crossing + 62, sizeof(line));
    memcpy(&page, crossing + PAGE - 2, sizeof(page));
    return check_two(contest, racy) && pair[0] == operations(contest) && pair[1] == pair[0] &&
           line == some && page == some;
}

/* order: two threads a pair; message passing must hold, store buffering is counted. */
struct duel {
    volatile uint32_t arrived[2];
    volatile uint32_t written[2];
    volatile uint32_t read[2][2];
    volatile uint32_t data, flag;
} __attribute__((aligned(512)));

static struct duel duels[MAX_THREADS / 2];

static void setup_order(const struct contest *contest)
{
    setup_counters(contest);
    memset(duels, 0, sizeof(duels));
}

/* A meeting of the two: both have arrived at 'round' when it returns. */
static void meet(struct duel *duel, unsigned side, uint32_t round, unsigned *spins)
{
    duel->arrived[side] = round;
    while ((int32_t)(duel->arrived[!side] - round) < 0)
        wait_a_little(spins);
}

static uint64_t work_order(const struct contest *contest, unsigned me)
{
    struct duel *duel = &duels[me / 2];
    unsigned side = me % 2, spins = 0;
    uint64_t buffered = 0;

    if ((me ^ 1) >= contest->threads)
        return 0;
    for (uint32_t i = 1; i <= contest->count; i++) {
        meet(duel, side, i, &spins);
        if (i > 1 && side == 0 && duel->read[0][!(i % 2)] != i - 1 &&
            duel->read[1][!(i % 2)] != i - 1)
            buffered++;
        duel->written[side] = i;
        duel->read[side][i % 2] = duel->written[!side];
        if (side == 0) {
            duel->data = i;
            duel->flag = i;
        } else {
            uint32_t flag = duel->flag, data = duel->data;

            if (data < flag)
                __atomic_add_fetch(&broken, 1, __ATOMIC_SEQ_CST);
            buffered = mix(buffered, flag);
        }
    }
    return buffered;
}

static bool check_unbroken(const struct contest *contest, uint64_t *racy)
{
    (void)contest;
    (void)racy;
    return broken == 0;
}

/* copy: half of the threads fill a buffer with REP STOS while the others REP MOVS it away. */
static uint32_t copied[3 * PAGE / 4] __attribute__((aligned(PAGE)));
#define COPIED (sizeof(copied) / sizeof(copied[0]))

static uint64_t work_copy(const struct contest *contest, unsigned me)
{
    static uint32_t away[MAX_THREADS][COPIED];
    uint64_t seen = 0;

    for (uint32_t i = 0; i < contest->count; i++) {
        void *to = me % 2 ? away[me] : copied + 1, *from = copied + 1;
        unsigned long n = COPIED - 1;

        if (me % 2 == 0) {
            __asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(i) : "memory");
            continue;
        }
        __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        for (unsigned k = 0; k < COPIED - 1; k += 256)
            seen = mix(seen, away[me][k]);
        for (unsigned k = 0; k < COPIED - 1; k += 256)
            if (away[me][k] > contest->count)
                __atomic_add_fetch(&broken, 1, __ATOMIC_SEQ_CST);
    }
    return seen;
}

/*
 * code: MOV EAX, imm32; RET. Worker 0 rewrites the immediate of a function that the others call:
 * the values one of them sees never go back. Each worker also rewrites a function of its own and
 * must see that at once.
 */
static uint8_t *code_page;

static void setup_code(const struct contest *contest)
{
    (void)contest;
    setup_counters(contest);
    if (!code_page)
        code_page = mmap(NULL, (MAX_THREADS + 1) * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code_page == MAP_FAILED)
        give_up("mmap of code");
    for (unsigned i = 0; i <= MAX_THREADS; i++) {
        uint8_t *at = code_page + i * PAGE;

        memset(at, 0, 16);
        at[3] = 0xb8;
        at[8] = 0xc3;
    }
}

static void code_write(unsigned page, uint32_t value)
{
    __atomic_store_n((uint32_t *)(void *)(code_page + page * PAGE + 4), value, __ATOMIC_RELEASE);
}

static uint32_t code_call(unsigned page)
{
    uint32_t (*function)(void);
    uint8_t *at = code_page + page * PAGE + 3;

    memcpy(&function, &at, sizeof(function));
    return function();
}

static uint64_t work_code(const struct contest *contest, unsigned me)
{
    uint64_t seen = 0;
    uint32_t last = 0;

    for (uint32_t i = 1; i <= contest->count; i++) {
        uint32_t now;

        if (me == 0) {
            code_write(MAX_THREADS, i);
        } else {
            now = code_call(MAX_THREADS);
            if (now < last)
                __atomic_add_fetch(&broken, 1, __ATOMIC_SEQ_CST);
            last = now;
            seen = mix(seen, now);
        }
        if (i % 4 == 0) {
            code_write(me, i);
            if (code_call(me) != i)
                __atomic_add_fetch(&broken, 1, __ATOMIC_SEQ_CST);
        }
    }
    return seen;
}

const struct event memory_events[] = {
    {"racy", 6000000, setup_counters, work_racy, check_racy},
    {"mutex", 400000, setup_counters, work_mutex, check_two},
    {"spin", 400000, setup_counters, work_spin, check_two},
    {"share", 4000000, setup_share, work_share, check_share},
    {"atomic", 1000000, setup_atomic, work_atomic, check_atomic},
    {"order", 100000, setup_order, work_order, check_unbroken},
    {"copy", 8000, setup_counters, work_copy, check_unbroken},
    {"code", 1000000, setup_code, work_code, check_unbroken},
};
const unsigned memory_event_count = sizeof(memory_events) / sizeof(memory_events[0]);
