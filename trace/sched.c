/* SPDX-License-Identifier: MIT */
/*
 * Run tokens (see sched.h). The queue is first in, first out; a token is handed over directly, so a waiter that
 * was woken has it. k adapts to contention: when fewer than BUSY_INSNS instructions are executed for each wait
 * for another's acknowledgement, running in parallel gains nothing and k is lowered to one, for a period that
 * doubles each time the next attempt fails.
 */
#include "trace/sched.h"

#include "src/base/wait.h"
#include "trace/participant.h"

enum { PERIOD_INSNS = 4000000, BUSY_INSNS = 6000, HOLD_OFF_MAX = 64, SPINS = 3000 };

void sched_create(struct sched *s, unsigned k)
{
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    s->k = s->k_max = s->cpus = MAX(k, 1);
}

void sched_destroy(struct sched *s)
{
    pthread_mutex_destroy(&s->lock);
}

/* Somebody whose position others wait for (in a replay) goes first. */
static void enqueue(struct sched *s, struct participant *p)
{
    bool first = atomic_load_explicit(&p->watch_min, memory_order_relaxed) != ~(u64)0;

    p->token_granted = false;
    p->token_next = first ? s->head : NULL;
    if (!s->head)
        s->head = s->tail = p;
    else if (first)
        s->head = p;
    else
        s->tail = s->tail->token_next = p;
}

/* Wait for the token, on the CPU for a while if there is one for that: to be woken takes longer than most turns. Locked. */
static void await_token(struct sched *s, struct participant *p)
{
    if (s->running + s->spinning < s->cpus) {
        s->spinning++;
        pthread_mutex_unlock(&s->lock);
        for (unsigned i = 0;
             i < SPINS && !atomic_load_explicit(&p->token_granted, memory_order_acquire); i++)
            wait_relax();
        pthread_mutex_lock(&s->lock);
        s->spinning--;
    }
    while (!p->token_granted)
        pthread_cond_wait(&p->token, &s->lock);
}

void sched_enter(struct sched *s, struct participant *p)
{
    pthread_mutex_lock(&s->lock);
    if (s->running < s->k && !s->head) {
        s->running++;
    } else {
        enqueue(s, p);
        atomic_fetch_add_explicit(&s->waiting, 1, memory_order_relaxed);
        await_token(s, p);
    }
    p->has_token = true;
    pthread_mutex_unlock(&s->lock);
}

/* Give tokens to waiters while there are any to give. */
static void hand_out(struct sched *s)
{
    while (s->head && s->running < s->k) {
        struct participant *p = s->head;

        s->head = p->token_next;
        atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
        s->running++;
        s->stat_switches++;
        p->token_granted = true;
        pthread_cond_signal(&p->token);
    }
}

void sched_leave(struct sched *s, struct participant *p)
{
    if (!p->has_token)
        return;
    pthread_mutex_lock(&s->lock);
    p->has_token = false;
    s->running--;
    hand_out(s);
    pthread_mutex_unlock(&s->lock);
}

void sched_account(struct sched *s, u64 icount, u64 waits)
{
    u64 period;

    if (s->fixed)
        return;
    pthread_mutex_lock(&s->lock);
    /* An attempt that fails again is to be a short one. */
    period = s->k > 1 && s->hold_off ? PERIOD_INSNS / 4 : PERIOD_INSNS;
    s->seen_icount += icount;
    s->seen_waits += waits;
    if (MAX(s->seen_icount, s->seen_waits * BUSY_INSNS) >= period) {
        bool busy = s->seen_waits * BUSY_INSNS > s->seen_icount;

        if (s->k > 1 && busy) {
            s->k = 1;
            s->stat_lowered++;
            s->hold_off = MIN(s->hold_off ? s->hold_off * 2 : 2, HOLD_OFF_MAX);
            s->seen_icount = 0;
        } else if (s->k < s->k_max && s->seen_icount >= s->hold_off * PERIOD_INSNS) {
            s->k = s->k_max;
            s->seen_icount = 0;
            hand_out(s);
        } else if (s->k == s->k_max) {
            s->hold_off /= 2;
            s->seen_icount = 0;
        }
        if (!s->seen_icount)
            s->seen_waits = 0;
    }
    pthread_mutex_unlock(&s->lock);
}
