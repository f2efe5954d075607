/* SPDX-License-Identifier: MIT */
/*
 * Run tokens: at most k participants execute guest code at a time, k <= host CPUs, so that nobody waits for a
 * thread that the host has descheduled. Tokens change hands at boundaries, first come first served. When
 * waiting dominates k falls (trace/sched.c).
 */
#ifndef TRACE_SCHED_H
#define TRACE_SCHED_H

#include <pthread.h>
#include <stdatomic.h>

#include "src/base/types.h"

struct participant;

struct sched {
    pthread_mutex_t lock;
    unsigned k_max;
    _Atomic unsigned k;
    bool fixed;        /* k stays what it is */
    unsigned cpus;     /* of the host */
    unsigned spinning; /* waiting for a token on a CPU that nobody else needs */
    _Atomic u32 running;
    struct participant *head, *tail; /* waiting for a token */
    _Atomic u32 waiting;
    /* For the choice of k: totals at the last look. */
    u64 seen_waits, seen_icount, hold_off;
    u64 stat_lowered, stat_switches;
};

void sched_create(struct sched *s, unsigned k);
void sched_destroy(struct sched *s);
/* Get a run token; waits. p is parked. / Give it away. */
void sched_enter(struct sched *s, struct participant *p);
void sched_leave(struct sched *s, struct participant *p);
/* Is somebody waiting for a token? */
static inline bool sched_contended(struct sched *s)
{
    return atomic_load_explicit(&s->waiting, memory_order_relaxed) != 0;
}
/* Does one vCPU run at a time? */
static inline bool sched_alone(struct sched *s)
{
    return atomic_load_explicit(&s->k, memory_order_relaxed) == 1;
}
/* p has executed `icount` instructions and waited `waits` times in all: adjust k. */
void sched_account(struct sched *s, u64 icount, u64 waits);

#endif
