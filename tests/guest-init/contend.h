/* SPDX-License-Identifier: MIT
 *
 * What the parts of the test guest's program contend share: see contend.c.
 */
#ifndef TESTS_GUEST_INIT_CONTEND_H
#define TESTS_GUEST_INIT_CONTEND_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stdint.h>

#define MAX_THREADS 64

/* One event's conditions, the same for all of its workers. */
struct contest {
    unsigned cpus;    /* online processors */
    unsigned threads; /* workers, at least two; worker i is pinned to processor i modulo cpus */
    unsigned count;   /* operations for each worker */
};

/* One kind of contention. Workers run at once, between a common start and a common end. */
struct event {
    const char *name;
    unsigned total; /* operations of all workers together at 100 rounds */
    void (*setup)(const struct contest *);
    /* Worker 'me'; its return value is part of the racy results. */
    uint64_t (*work)(const struct contest *, unsigned me);
    /* After all workers: whether what must hold holds; may replace the racy result. */
    bool (*check)(const struct contest *, uint64_t *racy);
};

extern const struct event memory_events[];
extern const unsigned memory_event_count;
extern const struct event kernel_events[];
extern const unsigned kernel_event_count;
extern const struct event keys_event;

/* Prints "contend: " and the message, and exits with status 1. */
void give_up(const char *what) __attribute__((noreturn));

/* Mixes a value into a running hash. */
static inline uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

static inline void relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

/* One step of a waiting loop: pauses, and lets others run now and then. */
void wait_a_little(unsigned *spins);

#endif
