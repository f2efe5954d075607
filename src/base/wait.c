/* SPDX-License-Identifier: MIT */
/*
 * Waiting. Conditions are timed by CLOCK_MONOTONIC, so that setting the host's clock neither wakes nor delays anybody.
 */
#include "src/base/wait.h"

#include <sched.h>

void wait_init(pthread_cond_t *c)
{
    pthread_condattr_t a;

    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(c, &a);
    pthread_condattr_destroy(&a);
}

void wait_until(pthread_cond_t *c, pthread_mutex_t *m, u64 deadline)
{
    struct timespec t = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)};

    if (deadline == WAIT_FOREVER)
        pthread_cond_wait(c, m);
    else
        pthread_cond_timedwait(c, m, &t);
}

void wait_yield(void)
{
    sched_yield();
}
