/* SPDX-License-Identifier: MIT */
/*
 * Parking, waking and, in a replay, publishing positions (see participant.h).
 *
 * A participant that waits is parked first, at a boundary, so whatever others need of it they take themselves.
 * Positions are published only at stops: whoever waits for one leaves a watch, and the source limits its budget to
 * it, so that it stops exactly there.
 */
#include "trace/participant.h"

#include <stdlib.h>

#include "src/base/wait.h"
#include "trace/directory.h"

enum { SPINS = 3000 };

void participant_create(struct participant *p, unsigned id, struct directory *dir,
                        struct journal_stream *stream)
{
    memset(p, 0, sizeof(*p));
    p->id = id;
    p->dir = dir;
    p->stream = stream;
    p->parked = true;
    atomic_store(&p->watch_min, ~(u64)0);
    pthread_mutex_init(&p->lock, NULL);
    wait_init(&p->wake);
    wait_init(&p->token);
    if (dir)
        directory_add(dir, p);
}

void participant_destroy(struct participant *p)
{
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->token);
}

void participant_wake_locked(struct participant *p)
{
    atomic_fetch_add_explicit(&p->wake_count, 1, memory_order_release);
    pthread_cond_broadcast(&p->wake);
}

void participant_wake(struct participant *p)
{
    pthread_mutex_lock(&p->lock);
    participant_wake_locked(p);
    pthread_mutex_unlock(&p->lock);
}

void participant_park(struct participant *p)
{
    pmask_t who;

    pthread_mutex_lock(&p->lock);
    p->parked = true;
    trace_take_posts_locked(p);
    who = p->requests;
    p->requests = 0;
    pthread_mutex_unlock(&p->lock);
    if (who) /* those who wait for our acknowledgement look again: we are parked now */
        directory_wake(p->dir, who);
}

void participant_unpark(struct participant *p)
{
    pthread_mutex_lock(&p->lock);
    p->parked = false;
    trace_take_posts_locked(p);
    pthread_mutex_unlock(&p->lock);
}

static bool spin(struct participant *p, u32 seen)
{
    for (unsigned i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->wake_count, memory_order_acquire) != seen)
            return true;
        wait_relax();
    }
    return false;
}

void participant_sleep(struct participant *p, u32 seen, u64 deadline)
{
    struct sched *s = p->dir ? &p->dir->sched : NULL;
    bool had = p->has_token;

    if (had && atomic_load_explicit(&s->running, memory_order_relaxed) > 1 && deadline == ~(u64)0 &&
        !sched_contended(s) && spin(p, seen))
        return;
    if (had)
        sched_leave(s, p);
    pthread_mutex_lock(&p->lock);
    while (atomic_load_explicit(&p->wake_count, memory_order_relaxed) == seen) {
        wait_until(&p->wake, &p->lock, deadline);
        if (deadline != ~(u64)0)
            break;
    }
    pthread_mutex_unlock(&p->lock);
    if (had)
        sched_enter(s, p);
}

/* ---- Replay: positions ---------------------------------------------------------------------------------------- */

static void set_watch_min(struct participant *p)
{
    u64 min = ~(u64)0;

    for (unsigned i = 0; i < PARTICIPANTS_MAX; i++)
        if (p->watch[i])
            min = MIN(min, p->watch[i]);
    atomic_store(&p->watch_min, min);
}

/* Follow who waits for whom from p; true: back to p. Compares, or notes, which waits these are. */
static bool leads_back(struct participant *p, u32 *waits, bool compare)
{
    struct participant *q = p;

    for (unsigned i = 0; i < PARTICIPANTS_MAX; i++) {
        u32 n = atomic_load(&q->waits), id = atomic_load(&q->waits_for);
        u64 pos = atomic_load(&q->waits_pos);

        if (!id || (compare && waits[i] != n))
            return false;
        waits[i] = n;
        q = p->dir->who[id - 1];
        if (atomic_load(&q->published) >= pos)
            return false;
        if (q == p)
            return true;
    }
    return false;
}

/* Does p wait for itself? Nobody in such a circle ever moves, so what was seen twice was so at one time; and the last who
 * joins it sees all of it. */
static bool waits_in_circle(struct participant *p)
{
    u32 waits[PARTICIPANTS_MAX];

    return leads_back(p, waits, false) && leads_back(p, waits, true);
}

bool participant_wait_edge(struct participant *p, struct participant *src, u64 pos)
{
    bool ok;

    if (atomic_load_explicit(&src->published, memory_order_acquire) >= pos)
        return true;
    participant_publish(p);
    participant_park(p);
    atomic_store(&p->waits_pos, pos);
    atomic_fetch_add(&p->waits, 1);
    atomic_store(&p->waits_for, src->id + 1);
    for (;;) {
        u32 seen = atomic_load_explicit(&p->wake_count, memory_order_acquire);
        bool ended;

        /* The watch first, then the position; participant_publish() does it the other way round (both seq_cst). */
        pthread_mutex_lock(&src->lock);
        src->watch[p->id] = pos;
        set_watch_min(src);
        ok = atomic_load(&src->published) >= pos;
        ended = src->ended || waits_in_circle(p);
        if (ok || ended) {
            src->watch[p->id] = 0;
            set_watch_min(src);
        } else {
            participant_kick(src);
        }
        pthread_mutex_unlock(&src->lock);
        if (ok || ended)
            break;
        participant_sleep(p, seen, ~(u64)0);
    }
    atomic_store(&p->waits_for, 0);
    participant_unpark(p);
    return ok;
}

void participant_publish(struct participant *p)
{
    pmask_t who = 0;

    atomic_store(&p->published, p->position);
    if (atomic_load(&p->watch_min) > p->position)
        return;
    pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < PARTICIPANTS_MAX; i++)
        if (p->watch[i] && p->watch[i] <= p->position) {
            p->watch[i] = 0;
            who |= PMASK(i);
        }
    set_watch_min(p);
    pthread_mutex_unlock(&p->lock);
    directory_wake(p->dir, who);
}

void participant_end(struct participant *p)
{
    pmask_t who = 0;

    pthread_mutex_lock(&p->lock);
    p->ended = true;
    for (unsigned i = 0; i < PARTICIPANTS_MAX; i++)
        if (p->watch[i])
            who |= PMASK(i);
    pthread_mutex_unlock(&p->lock);
    directory_wake(p->dir, who);
}

u64 journal_clock_ns(struct participant *p)
{
    return journal_clock(p->stream, p->position);
}
