/* SPDX-License-Identifier: MIT
 *
 * The SMP set: a thread pinned to each processor.
 *
 *     one-X, all-X   program X by one thread, and by every thread at once with data of its own: how
 *                    independent work scales is N * one-X / all-X
 *     counter        every thread adds to one counter with LOCK ADD
 *     lock           every thread takes a test-and-set lock and counts under it
 *     sharing        every thread counts in a word of its own in one 64-byte line (false sharing)
 *     ring           pairs of threads, one filling a ring of 256 words that the other empties
 *
 * Work is per thread. Who waits spins with PAUSE and yields now and then: the host, or the guest's
 * kernel, may have put two threads on one processor.
 */
#include "tests/bench/guest/bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define MAX_THREADS 64

struct team;

struct worker {
    struct team *team;
    unsigned index;
    void *state;
    uint64_t result;
    pthread_t thread;
};

/* A job for all workers: run() on each, on shared data or on the worker's own state. */
struct team {
    uint64_t (*run)(struct worker *worker, uint64_t work);
    uint64_t work;
    unsigned count;
    const struct program *program;
    void *shared;
    pthread_barrier_t start;
    struct worker worker[MAX_THREADS];
};

static void wait_a_little(unsigned *spins)
{
    __builtin_ia32_pause();
    if (++*spins % 256 == 0)
        sched_yield();
}

static void *worker_main(void *opaque)
{
    struct worker *worker = opaque;

    pin_to(worker->index);
    pthread_barrier_wait(&worker->team->start);
    worker->result = worker->team->run(worker, worker->team->work);
    return NULL;
}

/* Threads are started by setup() and wait at the barrier, so only the work is measured. */
static struct team *start_team(uint64_t (*run)(struct worker *, uint64_t), uint64_t work,
                               unsigned count, const struct program *program)
{
    struct team *team = obtain(sizeof(*team));

    team->run = run;
    team->work = work;
    team->count = count < MAX_THREADS ? count : MAX_THREADS;
    team->program = program;
    team->shared = obtain(MAX_THREADS * 4096);
    pthread_barrier_init(&team->start, NULL, team->count + 1);
    for (unsigned i = 0; i < team->count; i++) {
        struct worker *worker = &team->worker[i];

        worker->team = team;
        worker->index = i;
        if (program != NULL && program->setup != NULL)
            worker->state = program->setup(work);
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
            give_up("pthread_create");
    }
    return team;
}

static uint64_t run_team(void *state, uint64_t work)
{
    struct team *team = state;
    uint64_t sum = 0;

    (void)work;
    pthread_barrier_wait(&team->start);
    for (unsigned i = 0; i < team->count; i++) {
        pthread_join(team->worker[i].thread, NULL);
        sum = mix(sum, team->worker[i].result);
    }
    return sum;
}

static uint64_t run_own(struct worker *worker, uint64_t work)
{
    return worker->team->program->run(worker->state, work);
}

/* one_X_setup and all_X_setup. The work is scaled already: X's own number for it stands in the table. */
#define INDEPENDENT(NAME)                                                                          \
    static void *one_##NAME##_setup(uint64_t work)                                                 \
    {                                                                                              \
        return start_team(run_own, work, 1, find_program(#NAME));                                  \
    }                                                                                              \
    static void *all_##NAME##_setup(uint64_t work)                                                 \
    {                                                                                              \
        return start_team(run_own, work, count_cpus(), find_program(#NAME));                       \
    }
INDEPENDENT(sha256)
INDEPENDENT(hash)
INDEPENDENT(vm)
INDEPENDENT(nbody)
#undef INDEPENDENT

static uint64_t run_counter(struct worker *worker, uint64_t work)
{
    uint64_t *counter = worker->team->shared;

    for (uint64_t i = 0; i < work; i++)
        __asm__ volatile("lock addq $1, %0" : "+m"(*counter) : : "cc", "memory");
    return work;
}

/* The sums of what threads did together are added by the last of them to arrive here. */
static uint64_t run_counter_total(struct worker *worker, uint64_t work)
{
    struct team *team = worker->team;
    uint64_t *shared = team->shared;

    run_counter(worker, work);
    if (__atomic_add_fetch(&shared[512], 1, __ATOMIC_SEQ_CST) == team->count &&
        shared[0] != work * team->count)
        give_up("counter");
    return work;
}

static void *counter_setup(uint64_t work)
{
    return start_team(run_counter_total, work, count_cpus(), NULL);
}

static uint64_t run_lock(struct worker *worker, uint64_t work)
{
    uint32_t *lock = worker->team->shared;
    volatile uint64_t *counts = (uint64_t *)worker->team->shared + 8;
    unsigned spins = 0;

    for (uint64_t i = 0; i < work; i++) {
        while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) != 0)
            while (__atomic_load_n(lock, __ATOMIC_RELAXED) != 0)
                wait_a_little(&spins);
        counts[0] = counts[0] + 1;
        counts[1] = counts[1] + counts[0] % 3;
        __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
    }
    if (__atomic_add_fetch((uint64_t *)worker->team->shared + 512, 1, __ATOMIC_SEQ_CST) ==
            worker->team->count &&
        counts[0] != work * worker->team->count)
        give_up("lock");
    return work;
}

static void *lock_setup(uint64_t work)
{
    return start_team(run_lock, work, count_cpus(), NULL);
}

static uint64_t run_sharing(struct worker *worker, uint64_t work)
{
    volatile uint32_t *word =
        (uint32_t *)worker->team->shared + worker->index % 16 + worker->index / 16 * 1024;

    for (uint64_t i = 0; i < work; i++)
        *word = *word * 3 + 1;
    return *word;
}

static void *sharing_setup(uint64_t work)
{
    return start_team(run_sharing, work, count_cpus(), NULL);
}

#define RING 256

struct ring {
    volatile uint64_t filled __attribute__((aligned(64)));
    volatile uint64_t emptied __attribute__((aligned(64)));
    volatile uint64_t word[RING] __attribute__((aligned(64)));
};

static uint64_t run_ring(struct worker *worker, uint64_t work)
{
    struct ring *ring = (void *)((char *)worker->team->shared + worker->index / 2 * 4096);
    uint64_t sum = 0;
    unsigned spins = 0;

    if ((worker->index ^ 1) >= worker->team->count)
        return 0;
    for (uint64_t i = 0; i < work; i++) {
        if (worker->index % 2 == 0) {
            while (i - __atomic_load_n(&ring->emptied, __ATOMIC_ACQUIRE) >= RING)
                wait_a_little(&spins);
            ring->word[i % RING] = mix(worker->index, i);
            __atomic_store_n(&ring->filled, i + 1, __ATOMIC_RELEASE);
        } else {
            while (__atomic_load_n(&ring->filled, __ATOMIC_ACQUIRE) <= i)
                wait_a_little(&spins);
            sum = mix(sum, ring->word[i % RING]);
            __atomic_store_n(&ring->emptied, i + 1, __ATOMIC_RELEASE);
        }
    }
    return sum;
}

static void *ring_setup(uint64_t work)
{
    return start_team(run_ring, work, count_cpus(), NULL);
}

const struct program smp_programs[] = {
    {"one-sha256", "smp", 1000, one_sha256_setup, run_team},
    {"all-sha256", "smp", 1000, all_sha256_setup, run_team},
    {"one-hash", "smp", 2500, one_hash_setup, run_team},
    {"all-hash", "smp", 2500, all_hash_setup, run_team},
    {"one-vm", "smp", 30000, one_vm_setup, run_team},
    {"all-vm", "smp", 30000, all_vm_setup, run_team},
    {"one-nbody", "smp", 1500000, one_nbody_setup, run_team},
    {"all-nbody", "smp", 1500000, all_nbody_setup, run_team},
    {"counter", "smp", 20000000, counter_setup, run_team},
    {"lock", "smp", 5000000, lock_setup, run_team},
    {"sharing", "smp", 100000000, sharing_setup, run_team},
    {"ring", "smp", 20000000, ring_setup, run_team},
    {NULL, NULL, 0, NULL, NULL},
};
