/* SPDX-License-Identifier: MIT */
/*
 * Acquiring and giving up rights: the one protocol behind recorded order, brackets around writes to derived-from
 * memory, and derivation itself.
 *
 * The requester stands at an instruction boundary, takes a ticket and parks, so whoever needs something of it
 * meanwhile takes it on its behalf. Then, under the object's lock, it looks at who is in its way: the
 * parked it serves itself, at the positions where they parked; of the running it asks (participant->requests and a
 * kick) and sleeps until somebody wakes it. When nobody is in the way it takes the right, logs the edges, and the object is
 * claimed: kept until the waiting instruction has retired. A claim yields only to an older ticket (wound-wait), and
 * only while its owner is not running, so the instruction that waited longest always gets through.
 *
 * A running holder acknowledges in hold_serve(), at a boundary. It may put a release off for WINDOW instructions
 * from the grant, so that a contended page moves after some work and not at every access.
 */
#include <stdlib.h>

#include "src/base/check.h"
#include "src/host/host.h"
#include "trace/lines.h"

enum { WINDOW = 5000 };

/* ---- Giving up ---------------------------------------------------------------------------------------------- */

static u64 *read_positions(struct dir_entry *e)
{
    if (!e->read_pos) {
        e->read_pos = calloc(PARTICIPANTS_MAX, sizeof(u64));
        CHECK(e->read_pos);
    }
    return e->read_pos;
}

/* Take from c what stands in the way of `right`, at c->position. Entry and c locked; c is parked or is the caller. */
static void release_ordered(struct directory *d, struct dir_entry *e, u64 object, struct participant *c,
                            unsigned right)
{
    bool page = object < d->n_pages;

    if (e->writer == c->id) {
        /* A hold that is lost where it was granted was never used: the object's history stays what it was. An edge from
         * here would not order the next holder behind it either, since a replay lets c's position be known before c has
         * waited for the edges of its grant. */
        bool used = e->grant_pos != c->position;

        e->writer = NOBODY;
        if (!used && e->from_lines) {
            lines_resume_locked(e);
            right = RIGHT_WRITE; /* nobody holds such a page */
        } else if (used) {
            e->last_writer = (u8)c->id;
            e->last_write_pos = c->position;
            e->from_lines = false;
            if (e->read_pos)
                memset(e->read_pos, 0, PARTICIPANTS_MAX * sizeof(u64));
        }
    }
    if (right & RIGHT_WRITE) {
        if ((e->readers & PMASK(c->id)) && e->last_writer != c->id)
            read_positions(e)[c->id] = c->position + 1; /* 0 means: none */
        else if (e->readers & PMASK(c->id))
            e->last_write_pos = c->position;
        e->readers &= ~PMASK(c->id);
        c->rights[object] = 0;
        if (page) {
            c->drop(c, object, DROP_ALL);
            directory_remove_nodes_locked(e, c->id, 1u << TRACE_CODE | 1u << TRACE_MMU | 1u << TRACE_DESC);
        }
    } else {
        c->rights[object] &= (u8)~RIGHT_WRITE;
        if (page)
            c->drop(c, object, DROP_WRITE);
    }
}

/* The same in a plain run: cached write permission, or what was derived from the bytes that are to change. */
static void release_plain(struct dir_entry *e, u64 gfn, struct participant *c, unsigned right, unsigned kinds)
{
    unsigned what = 0;

    if (right & RIGHT_READ) {
        e->wcached &= ~PMASK(c->id);
        c->drop(c, gfn, DROP_WRITE);
        return;
    }
    for (unsigned k = 0; k < TRACE_KINDS; k++)
        if (kinds & 1u << k)
            what |= directory_drop_of_kind[k];
    c->drop(c, gfn, what);
    if (right & RIGHT_WRITE)
        directory_remove_nodes_locked(e, c->id, kinds & ~(1u << TRACE_WATCH));
}

/* ---- Who is in the way ---------------------------------------------------------------------------------------- */

static pmask_t conflicts(struct directory *d, struct dir_entry *e, const struct participant *p, unsigned *kinds)
{
    unsigned self;

    *kinds = 0;
    if (d->order) {
        if (p->want_right & RIGHT_WRITE)
            return e->readers & ~PMASK(p->id);
        return e->writer != NOBODY && e->writer != p->id ? PMASK(e->writer) : 0;
    }
    if (p->want_right & RIGHT_READ)
        return e->wcached & ~PMASK(p->id);
    *kinds = directory_kinds_with(d, 1u << (p->want_right & RIGHT_ANNOUNCE ? TRACE_PRE_DATA : TRACE_BRACKET));
    return directory_consumers_locked(d, e, p->id, TRACE_WRITE, p->want_gpa, p->want_size, *kinds, &self);
}

static bool still_in_the_way(struct directory *d, struct dir_entry *e, const struct participant *asker,
                             unsigned id, unsigned *kinds)
{
    return conflicts(d, e, asker, kinds) & PMASK(id);
}

static void count_notification(struct directory *d, unsigned kinds)
{
    unsigned kind = d->order ? TRACE_ORDER : kinds ? (unsigned)__builtin_ctz(kinds) : TRACE_CODE;

    atomic_fetch_add_explicit(&d->count[kind].notifications, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&d->count[kind].acks, 1, memory_order_relaxed);
}

/* Which of the kinds asked for does participant id really consume here? */
static unsigned kinds_of(struct dir_entry *e, unsigned id, unsigned kinds)
{
    unsigned of = 0;

    for (struct trace_node *n = e->nodes; n; n = n->next)
        if (n->participant == id)
            of |= 1u << n->kind;
    return of & kinds;
}

/* Take from c for p. Entry and c locked. */
static void release(struct directory *d, struct dir_entry *e, struct participant *c, const struct participant *p,
                    unsigned kinds)
{
    if (d->order) {
        release_ordered(d, e, p->want_object, c, p->want_right);
    } else {
        kinds = kinds_of(e, c->id, kinds);
        if (c->notify && (kinds & 1u << TRACE_WATCH)) {
            struct trace_event ev = { TRACE_WATCH, TRACE_WRITE, (u8)p->id, true, p->want_gpa, p->want_size,
                                      p->want_value };
            c->notify(c, &ev);
        }
        release_plain(e, p->want_object, c, p->want_right, kinds);
    }
    count_notification(d, kinds);
}

/* ---- Acquiring ---------------------------------------------------------------------------------------------- */

/* Does c keep the object for an instruction that is older than p's? */
static bool is_kept_from(const struct dir_entry *e, const struct participant *p)
{
    return e->claim && e->claimer != p->id &&
           e->claim < atomic_load_explicit(&p->ticket, memory_order_relaxed);
}

static void log_edge(struct participant *p, unsigned source, u64 pos, u64 object)
{
    if (source == p->id || p->stream->known[source] >= pos)
        return;
    journal_put(p->stream, JOURNAL_EDGE, p->position, source, pos, object, 0);
    p->stat_transfers++;
}

/* p has what it wants: state, rights, edges. Entry locked. */
static void grant_ordered(struct directory *d, struct dir_entry *e, struct participant *p)
{
    unsigned right = p->want_right;
    u64 object = p->want_object;

    pthread_mutex_lock(&p->lock); /* the stream may be flushed on p's behalf */
    if (e->touched && e->last_writer != NOBODY)
        log_edge(p, e->last_writer, e->last_write_pos, object);
    if ((right & RIGHT_WRITE) && e->read_pos) {
        for (unsigned i = 0; i < PARTICIPANTS_MAX; i++)
            if (e->read_pos[i])
                log_edge(p, i, e->read_pos[i] - 1, object);
    }
    if (!e->touched) {
        right |= RIGHT_WRITE; /* first touch: exclusive, whatever was asked for */
        e->last_writer = NOBODY;
        e->touched = true;
    }
    e->readers |= PMASK(p->id);
    if (right & RIGHT_WRITE) {
        e->writer = (u8)p->id;
        e->grant_pos = p->position;
    }
    p->rights[object] |= (u8)(right | RIGHT_READ);
    pthread_mutex_unlock(&p->lock);
    atomic_fetch_add_explicit(&d->transfers, 1, memory_order_relaxed);
}

static void remember_grant(struct participant *p)
{
    unsigned i = p->n_grants++ % PARTICIPANT_GRANTS;

    p->grants[i].object = p->want_object;
    p->grants[i].icount = p->position;
}

static void init_entry(struct dir_entry *e)
{
    if (!e->touched && !e->readers)
        e->writer = e->last_writer = NOBODY;
}

/* What a look at the object came to. */
enum attempt { GOT, WAIT, AGAIN };

/* p has just been granted a page that keeps changing hands: from now on its lines are ordered, not the page. That takes
 * the exclusive hold first. Entry locked. */
static enum attempt switch_to_lines(struct directory *d, struct dir_entry *e, struct participant *p)
{
    if (!(p->want_right & RIGHT_WRITE)) {
        p->want_right |= RIGHT_WRITE;
        return AGAIN;
    }
    lines_begin_locked(d, e, p, p->want_object);
    return GOT;
}

/* One look at the object. */
static enum attempt try_acquire(struct directory *d, struct participant *p)
{
    u64 object = p->want_object;
    struct dir_entry *e = &d->entries[object];
    pmask_t who;
    unsigned kinds;
    enum attempt result = GOT;

    pthread_mutex_lock(directory_lock_of(d, object));
    init_entry(e);
    if (is_kept_from(e, p)) {
        e->waiters |= PMASK(p->id);
        result = WAIT;
        goto out;
    }
    if (atomic_load_explicit(&e->lined, memory_order_relaxed)) {
        if (!lines_end_locked(d, e, p, object)) {
            result = AGAIN;
            goto out;
        }
        p->want_right |= RIGHT_WRITE;
    }
    who = conflicts(d, e, p, &kinds);
    for (int i = -1; (i = pmask_next(who, i)) >= 0;) {
        struct participant *c = d->who[i];

        pthread_mutex_lock(&c->lock);
        if (c->parked) {
            release(d, e, c, p, kinds);
            atomic_fetch_add_explicit(&d->on_behalf, 1, memory_order_relaxed);
        } else {
            c->requests |= PMASK(p->id);
            participant_kick(c);
            e->waiters |= PMASK(p->id);
            result = WAIT;
        }
        pthread_mutex_unlock(&c->lock);
    }
    if (result == GOT && atomic_load_explicit(&e->lined, memory_order_relaxed))
        result = AGAIN; /* it fell back to its lines */
    if (result == GOT) {
        if (d->order)
            grant_ordered(d, e, p);
        if (p->want_right & RIGHT_ANNOUNCE)
            p->announced = true;
        if (e->claim && e->claimer != p->id)
            e->claim = 0; /* an older ticket takes it over */
        directory_claim_locked(e, object, p);
        remember_grant(p);
        if (d->order && who && lines_wanted_locked(d, e, object))
            result = switch_to_lines(d, e, p);
    }
out:
    pthread_mutex_unlock(directory_lock_of(d, object));
    return result;
}

void hold_acquire(struct participant *p)
{
    struct directory *d = p->dir;
    enum attempt result;
    bool waited = false;

    if (p->want_object == WANT_RETRY) {
        for (unsigned i = 0; i < 20 + 7 * p->id; i++)
            host_relax();
        if (sched_contended(&d->sched) || ++p->retries % 64 == 0)
            host_thread_yield();
        return;
    }

    if (!atomic_load_explicit(&p->ticket, memory_order_relaxed))
        atomic_store_explicit(&p->ticket, 1 + atomic_fetch_add(&d->tickets, 1), memory_order_relaxed);
    participant_park(p);
    for (;;) {
        u32 seen = atomic_load_explicit(&p->wake_count, memory_order_acquire);

        result = try_acquire(d, p);
        if (result == GOT)
            break;
        if (result == AGAIN) {
            host_relax();
            continue;
        }
        waited = true;
        participant_sleep(p, seen, ~(u64)0);
    }
    participant_unpark(p);
    if (waited) {
        p->stat_waits++;
        atomic_fetch_add_explicit(&d->waits, 1, memory_order_relaxed);
    }
}

static void wake_waiters(struct directory *d, pmask_t who)
{
    for (int i = -1; (i = pmask_next(who, i)) >= 0;)
        participant_wake(d->who[i]);
}

/* Take and clear the entry's list of waiters. Locked. */
static pmask_t take_waiters(struct dir_entry *e)
{
    pmask_t who = e->waiters;

    e->waiters = 0;
    return who;
}

static void await_acks(struct participant *p)
{
    struct directory *d = p->dir;

    participant_park(p);
    while (p->awaiting) {
        u32 seen = atomic_load_explicit(&p->wake_count, memory_order_acquire);
        bool all = true;

        for (int i = -1; (i = pmask_next(p->awaiting, i)) >= 0;) {
            struct participant *c = d->who[i];

            pthread_mutex_lock(&c->lock);
            if (c->acked >= p->await[i] || c->parked) {
                p->awaiting &= ~PMASK(i);
            } else {
                c->requests |= PMASK(p->id);
                participant_kick(c);
                all = false;
            }
            pthread_mutex_unlock(&c->lock);
        }
        if (!all)
            participant_sleep(p, seen, ~(u64)0);
    }
    participant_unpark(p);
}

void hold_retire(struct participant *p)
{
    struct directory *d = p->dir;

    if (!d)
        return;
    for (unsigned i = 0; i < p->n_claims; i++) {
        u64 object = p->claims[i];
        struct dir_entry *e = &d->entries[object];
        pmask_t who = 0;

        pthread_mutex_lock(directory_lock_of(d, object));
        if (e->claim && e->claimer == p->id) {
            e->claim = 0;
            who = take_waiters(e);
        }
        pthread_mutex_unlock(directory_lock_of(d, object));
        wake_waiters(d, who & ~PMASK(p->id));
    }
    p->n_claims = 0;
    p->announced = false;
    atomic_store_explicit(&p->ticket, 0, memory_order_relaxed);
    if (p->awaiting)
        await_acks(p);
}

/* ---- Serving ------------------------------------------------------------------------------------------------ */

/* How many more instructions may p keep an object it was granted lately? */
static u64 window_left(const struct participant *p, u64 object)
{
    for (unsigned i = 0; i < PARTICIPANT_GRANTS && i < p->n_grants; i++)
        if (p->grants[i].object == object && p->position - p->grants[i].icount < WINDOW)
            return WINDOW - (p->position - p->grants[i].icount);
    return 0;
}

/* Acknowledge one asker. True: done; false: put off for *left instructions. */
static bool serve(struct participant *p, struct participant *asker, bool now, u64 *left)
{
    struct directory *d = p->dir;
    struct dir_entry *e;
    u64 object;
    unsigned kinds;
    pmask_t who;

    pthread_mutex_lock(&asker->lock);
    object = asker->want_object;
    pthread_mutex_unlock(&asker->lock);
    e = &d->entries[object];
    if (!now && d->order && (*left = window_left(p, object)))
        return false;
    pthread_mutex_lock(directory_lock_of(d, object));
    pthread_mutex_lock(&asker->lock);
    if (asker->want_object == object && asker->parked && still_in_the_way(d, e, asker, p->id, &kinds)) {
        struct participant wants = { .id = asker->id, .want_object = object, .want_right = asker->want_right,
                                     .want_gpa = asker->want_gpa, .want_size = asker->want_size,
                                     .want_value = asker->want_value };

        pthread_mutex_unlock(&asker->lock);
        pthread_mutex_lock(&p->lock);
        release(d, e, p, &wants, kinds);
        pthread_mutex_unlock(&p->lock);
        atomic_fetch_add_explicit(&d->handshakes, 1, memory_order_relaxed);
    } else {
        pthread_mutex_unlock(&asker->lock);
    }
    who = take_waiters(e);
    pthread_mutex_unlock(directory_lock_of(d, object));
    wake_waiters(d, (who | PMASK(asker->id)) & ~PMASK(p->id));
    return true;
}

u64 hold_serve(struct participant *p, bool now)
{
    u64 soonest = ~(u64)0;
    pmask_t who, put_off = 0;

    if (!p->dir)
        return soonest;
    pthread_mutex_lock(&p->lock);
    who = p->requests;
    p->requests = 0;
    if (p->n_posts) {
        for (unsigned i = 0; i < p->n_posts; i++)
            p->drop(p, p->posts[i].gfn, p->posts[i].what);
        if (p->posts_overflow)
            p->drop(p, ~(u64)0, DROP_ALL);
        p->n_posts = 0;
        p->posts_overflow = false;
    }
    p->acked = p->posted;
    pthread_mutex_unlock(&p->lock);
    for (int i = -1; (i = pmask_next(who, i)) >= 0;) {
        u64 left = 0;

        if (serve(p, p->dir->who[i], now, &left))
            continue;
        put_off |= PMASK(i);
        soonest = MIN(soonest, left);
    }
    if (put_off) {
        pthread_mutex_lock(&p->lock);
        p->requests |= put_off;
        pthread_mutex_unlock(&p->lock);
        atomic_fetch_add_explicit(&p->dir->deferred, 1, memory_order_relaxed);
    }
    return soonest;
}
