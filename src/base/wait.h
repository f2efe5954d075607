/* SPDX-License-Identifier: MIT */
/*
 * How a thread waits for another: a condition with a deadline, a spin hint, giving the core away.
 *
 * None of this lets the host's time into a run: a deadline is a number that came from the journal or the host layer,
 * and a wait returns nothing that tells how long it took. Only src/host and replay/ read clocks.
 */
#ifndef X86SIM_BASE_WAIT_H
#define X86SIM_BASE_WAIT_H

#include <pthread.h>

#include "src/base/types.h"

/* A deadline that never comes. */
#define WAIT_FOREVER (~(u64)0)

/* Make a condition for wait_until(). Destroyed with pthread_cond_destroy(). */
void wait_init(pthread_cond_t *c);
/* Wait on c, whose mutex m is held, until it is signalled, for no reason at all, or until `deadline`: nanoseconds of
 * CLOCK_MONOTONIC, as of host_clock_ns(). Any thread. */
void wait_until(pthread_cond_t *c, pthread_mutex_t *m, u64 deadline);

/* In a spin loop: leave the core's resources to its other thread for a moment. */
static inline void wait_relax(void)
{
    __builtin_ia32_pause();
}
/* In a spin loop that has taken too long: let another thread have the core. */
void wait_yield(void);

#endif
