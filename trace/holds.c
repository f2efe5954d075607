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
 * Data that goes from one to the next (what a lock protects) is mostly read first and then written, which would be two
 * acquisitions. So where readers have gone on to write MIGRATES times in a row, a reader gets the exclusive hold at once, until
 * one is found who had no use for it. That is for when one vCPU runs at a time: others that run may be reading too.
 *
 * A running holder acknowledges in hold_serve(), at a boundary. It may put a release off for WINDOW instructions
 * from the grant, so that a contended page moves after some work and not at every access. Of a page that was found to be
 * accessed all the time by several (trace/lines.c) it is more: to move it costs as much as tens of thousands of instructions.
 */
#include <stdlib.h>

#include "src/base/check.h"
#include "src/base/wait.h"
#include "trace/lines.h"

enum { WINDOW = 5000, MIGRATES = 2 };

/* ---- Giving up ---------------------------------------------------------------------------------------------- */

static u64 *read_positions(struct dir_entry *e)
{
    if (!e->read_pos) {
        e->read_pos = calloc(PARTICIPANTS_MAX, sizeof(u64));
        CHECK(e->read_pos);
    }
    return e->read_pos;
}

/* What a participant has to drop of what it has derived from the page. Most pages have nothing derived from them, and to drop
 * code or tables that were never there would cost it all that it has found out about where its code is. */
static unsigned derived_by(const struct dir_entry *e, unsigned id)
{
    unsigned what = 0;

    for (const struct trace_node *n = e->nodes; n; n = n->next)
        if (n->participant == id && !n->ranges)
            what |= directory_drop_of_kind[n->kind];
    return what;
}

/* Take from c what stands in the way of `right`, at c->position. Entry and c locked; c is parked or is the caller. */
static void release_ordered(struct directory *d, struct dir_entry *e, u64 object,
                            struct participant *c, unsigned right)
{
    bool page = object < d->n_pages;

    if (e->writer == c->id) {
        /* A hold that is lost where it was granted was never used: the object's history stays what it was. An edge from
         * here would not order the next holder behind it either, since a replay lets c's position be known before c has
         * waited for the edges of its grant. */
        bool used = e->grant_pos != c->position;

        e->writer = NOBODY;
        if (e->guessed && used && !(e->wcached & PMASK(c->id)))
            e->migrates = 0;
        e->guessed = false;
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
            c->drop(c, object, DROP_READ | DROP_WRITE | derived_by(e, c->id));
            directory_remove_nodes_locked(e, c->id,
                                          1u << TRACE_CODE | 1u << TRACE_MMU | 1u << TRACE_DESC |
                                              1u << TRACE_WATCH);
        } else if (object == directory_a20_object(d)) {
            c->drop(c, object, DROP_A20);
        }
    } else {
        c->rights[object] &= (u8)~RIGHT_WRITE;
        if (page)
            c->drop(c, object, DROP_WRITE);
    }
}

/* The same in a plain run: cached write permission, or what was derived from the bytes that are to change. */
static void release_plain(struct dir_entry *e, u64 gfn, struct participant *c, unsigned right,
                          unsigned kinds)
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
    directory_remove_nodes_locked(e, c->id, kinds);
}

/* ---- Who is in the way ---------------------------------------------------------------------------------------- */

static pmask_t conflicts(struct directory *d, struct dir_entry *e, const struct participant *p,
                         unsigned *kinds)
{
    *kinds = 0;
    if (d->order) {
        if (p->want_right & RIGHT_WRITE)
            return e->readers & ~PMASK(p->id);
        return e->writer != NOBODY && e->writer != p->id ? PMASK(e->writer) : 0;
    }
    if (p->want_object == directory_a20_object(d))
        return p->want_right & RIGHT_WRITE ? e->readers & ~PMASK(p->id) : 0;
    if (p->want_right & RIGHT_READ)
        return e->wcached & ~PMASK(p->id);
    *kinds = directory_kinds_with(d, 1u << TRACE_BRACKET);
    return directory_derived_locked(e, p->id, p->want_gpa, p->want_size, *kinds);
}

static bool still_in_the_way(struct directory *d, struct dir_entry *e,
                             const struct participant *asker, unsigned id, unsigned *kinds)
{
    return conflicts(d, e, asker, kinds) & PMASK(id);
}

/* Count what p takes from a consumer: one notification and its acknowledgement for each kind; the event at its first. A
 * consumer with an older ticket may derive anew before p gets through, and is told again: that begins another event.
 * Entry locked. */
static void count(struct directory *d, struct participant *p, unsigned consumer, unsigned kinds)
{
    for (unsigned k = 0; k < TRACE_KINDS; k++) {
        u16 bit = (u16)(1u << k);

        if (!(kinds & bit))
            continue;
        if (!(p->want_kinds & bit) || (p->want_told[k] & PMASK(consumer))) {
            trace_count_event(d, k, p->id);
            p->want_told[k] = 0;
        }
        p->want_kinds |= bit;
        p->want_told[k] |= PMASK(consumer);
        trace_count_notification(d, k, consumer, true);
    }
}

/* Take from c for p. Entry and c locked. */
static void release(struct directory *d, struct dir_entry *e, struct participant *c,
                    struct participant *p, unsigned kinds)
{
    if (d->order) {
        release_ordered(d, e, p->want_object, c, p->want_right);
        count(d, p, c->id, 1u << TRACE_ORDER);
    } else if (p->want_object == directory_a20_object(d)) {
        setting_release_locked(e, p->want_object, c);
    } else if (p->want_right & RIGHT_READ) {
        release_plain(e, p->want_object, c, p->want_right, 0);
        atomic_fetch_add_explicit(&d->recalls, 1, memory_order_relaxed);
    } else {
        kinds = directory_derived_kinds_locked(e, c->id, p->want_gpa, p->want_size, kinds);
        release_plain(e, p->want_object, c, p->want_right, kinds);
        count(d, p, c->id, kinds);
    }
}

/* ---- Acquiring ---------------------------------------------------------------------------------------------- */

/* Is the object kept for another's instruction? One that is older than p's, or that runs now: it may have made sure
 * that its write cannot miss. Entry locked. */
static bool is_kept_from(struct directory *d, struct dir_entry *e, struct participant *p)
{
    struct participant *c;
    bool runs;

    if (trace_announced_by_other(e, p))
        return true;
    if (!e->claim || e->claimer == p->id)
        return false;
    if (e->claim < atomic_load_explicit(&p->ticket, memory_order_relaxed))
        return true;
    c = d->who[e->claimer];
    pthread_mutex_lock(&c->lock);
    runs = !c->parked;
    if (runs) {
        c->requests |= PMASK(p->id);
        participant_kick(c);
    }
    pthread_mutex_unlock(&c->lock);
    return runs;
}

static void log_edge(struct participant *p, unsigned source, u64 pos, u64 object)
{
    if (source == p->id || p->stream->known[source] >= pos)
        return;
    journal_put(p->stream, JOURNAL_EDGE, p->position, source, pos, object, 0);
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
    if ((right & RIGHT_WRITE) && (p->rights[object] & RIGHT_READ) && e->last_writer != p->id)
        e->migrates = (u8)MIN(e->migrates + 1, MIGRATES);
    e->wcached &= ~PMASK(p->id);
    if (!e->touched) {
        right |= RIGHT_WRITE; /* first touch: exclusive, whatever was asked for */
        e->last_writer = NOBODY;
        e->touched = true;
    }
    e->readers |= PMASK(p->id);
    if (right & RIGHT_WRITE) {
        e->writer = (u8)p->id;
        e->guessed = p->want_guessed;
        e->grant_pos = p->position;
    }
    p->rights[object] |= (u8)(right | RIGHT_READ);
    pthread_mutex_unlock(&p->lock);
    atomic_fetch_add_explicit(&d->transfers, 1, memory_order_relaxed);
}

static void remember_grant(struct participant *p, const struct dir_entry *e)
{
    unsigned i = p->n_grants++ % PARTICIPANT_GRANTS;

    p->grants[i].object = p->want_object;
    p->grants[i].icount = p->position;
    p->grants[i].window = (u64)WINDOW << e->stay;
}

static void init_entry(struct dir_entry *e)
{
    if (!e->touched && !e->readers)
        e->writer = e->last_writer = NOBODY;
}

static void want_more(struct participant *p, unsigned right)
{
    pthread_mutex_lock(&p->lock);
    p->want_right |= (u8)right;
    pthread_mutex_unlock(&p->lock);
}

/* p has got what it wanted: nobody need serve that any more. Entry locked. */
static void want_nothing(struct participant *p, u64 object)
{
    for (unsigned i = 0; i < p->n_claims; i++)
        if (p->claims[i] == object)
            p->claim_kinds[i] |= p->want_kinds;
    pthread_mutex_lock(&p->lock);
    p->want_right = 0;
    pthread_mutex_unlock(&p->lock);
}

/* What a look at the object came to. */
enum attempt { GOT, WAIT, AGAIN };

/* p has just been granted a page that keeps changing hands: from now on its lines are ordered, not the page. That takes
 * the exclusive hold first. Entry locked. */
static enum attempt switch_to_lines(struct directory *d, struct dir_entry *e, struct participant *p)
{
    if (!(p->want_right & RIGHT_WRITE)) {
        want_more(p, RIGHT_WRITE);
        return AGAIN;
    }
    lines_begin_locked(d, e, p, p->want_object);
    return GOT;
}

/* p wants to read what it will most likely write next. Entry locked. */
static void guess(struct directory *d, struct dir_entry *e, struct participant *p)
{
    if (p->want_object >= d->n_pages || (p->want_right & RIGHT_WRITE) || e->migrates < MIGRATES ||
        !sched_alone(&d->sched))
        return;
    want_more(p, RIGHT_WRITE);
    p->want_guessed = true;
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
    if (is_kept_from(d, e, p)) {
        e->waiters |= PMASK(p->id);
        result = WAIT;
        goto out;
    }
    if (atomic_load_explicit(&e->lined, memory_order_relaxed)) {
        if (!lines_end_locked(d, e, p, object)) {
            result = AGAIN;
            goto out;
        }
        want_more(p, RIGHT_WRITE);
    }
    if (d->order)
        guess(d, e, p);
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
    if (result ==
        WAIT) { /* kept for p from now on, so that who has made way does not come back before it */
        if (e->claim && e->claimer != p->id)
            e->claim = 0;
        directory_claim_locked(e, object, p);
    }
    if (result == GOT && atomic_load_explicit(&e->lined, memory_order_relaxed))
        result = AGAIN; /* it fell back to its lines */
    if (result == GOT) {
        if (d->order)
            grant_ordered(d, e, p);
        if (e->claim && e->claimer != p->id)
            e->claim = 0; /* an older ticket takes it over */
        directory_claim_locked(e, object, p);
        remember_grant(p, e);
        if (d->order && who && lines_wanted_locked(d, e, object))
            result = switch_to_lines(d, e, p);
    }
    if (result == GOT)
        want_nothing(p, object);
out:
    pthread_mutex_unlock(directory_lock_of(d, object));
    return result;
}

/* For the statistics alone. */
static u64 waiting_clock(struct directory *d, const struct participant *p)
{
    return d->journal ? journal_live_ns(d->journal, p->id, p->position) : 0;
}

void hold_acquire(struct participant *p)
{
    struct directory *d = p->dir;
    enum attempt result;
    bool waited = false;
    u64 since;

    if (p->want_object == WANT_RETRY) {
        for (unsigned i = 0; i < 20 + 7 * p->id; i++)
            wait_relax();
        if (sched_contended(&d->sched) || ++p->retries % 64 == 0)
            wait_yield();
        /* Whoever has the line may wait, within his instruction, for us to acknowledge something. */
        if (atomic_load_explicit(&p->budget.stop, memory_order_relaxed))
            hold_serve(p, true);
        return;
    }

    if (!atomic_load_explicit(&p->ticket, memory_order_relaxed))
        atomic_store_explicit(&p->ticket, 1 + atomic_fetch_add(&d->tickets, 1),
                              memory_order_relaxed);
    participant_park(p);
    since = waiting_clock(d, p);
    for (;;) {
        u32 seen = atomic_load_explicit(&p->wake_count, memory_order_acquire);

        result = try_acquire(d, p);
        if (result == GOT)
            break;
        if (result == AGAIN) { /* a line of the page is in use; its owner may be off its core */
            if (++p->retries % 64)
                wait_relax();
            else
                wait_yield();
            continue;
        }
        waited = true;
        participant_sleep(p, seen, ~(u64)0);
    }
    participant_unpark(p);
    if (waited) {
        p->stat_waits++;
        atomic_fetch_add_explicit(&d->waits, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&d->waited_ns, waiting_clock(d, p) - since, memory_order_relaxed);
    }
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
            who = directory_take_waiters_locked(e);
        }
        pthread_mutex_unlock(directory_lock_of(d, object));
        directory_wake(d, who & ~PMASK(p->id));
    }
    p->n_claims = 0;
    atomic_store_explicit(&p->ticket, 0, memory_order_relaxed);
    if (p->awaiting)
        trace_await_receipts(p);
}

/* ---- Serving ------------------------------------------------------------------------------------------------ */

/* How many more instructions may p keep an object it was granted lately? */
static u64 window_left(const struct participant *p, u64 object)
{
    for (unsigned i = 0; i < PARTICIPANT_GRANTS && i < p->n_grants; i++)
        if (p->grants[i].object == object &&
            p->position - p->grants[i].icount < p->grants[i].window)
            return p->grants[i].window - (p->position - p->grants[i].icount);
    return 0;
}

/* Acknowledge one asker. True: done; false: put off for *left instructions. */
static bool serve(struct participant *p, struct participant *asker, bool now, u64 *left)
{
    struct directory *d = p->dir;
    struct dir_entry *e;
    u64 object;
    unsigned kinds;
    bool wants;
    pmask_t who;

    pthread_mutex_lock(&asker->lock);
    object = asker->want_object;
    wants = asker->want_right;
    pthread_mutex_unlock(&asker->lock);
    if (!wants) { /* not any more, or it waits for receipts only */
        participant_wake(asker);
        return true;
    }
    e = &d->entries[object];
    if (!now && d->order && (*left = window_left(p, object)))
        return false;
    pthread_mutex_lock(directory_lock_of(d, object));
    pthread_mutex_lock(&asker->lock);
    wants = asker->want_right && asker->want_object == object && asker->parked &&
            still_in_the_way(d, e, asker, p->id, &kinds);
    pthread_mutex_unlock(&asker->lock);
    if (wants) { /* and goes on wanting it while the entry is locked */
        pthread_mutex_lock(&p->lock);
        release(d, e, p, asker, kinds);
        pthread_mutex_unlock(&p->lock);
        atomic_fetch_add_explicit(&d->handshakes, 1, memory_order_relaxed);
    }
    who = directory_take_waiters_locked(e);
    pthread_mutex_unlock(directory_lock_of(d, object));
    directory_wake(d, (who | PMASK(asker->id)) & ~PMASK(p->id));
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
    trace_take_posts_locked(p);
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
