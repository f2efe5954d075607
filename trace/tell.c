/* SPDX-License-Identifier: MIT */
/*
 * Telling consumers of an access, around it, in the semantics of each kind. What participants derive (code, translations,
 * descriptors) is traced by whole 64-byte lines and one-shot: who is told loses it and derives anew. An exact trace
 * (trace/watch.c) stays and calls participant->notify.
 *
 *              before the access                 after it
 *   bracket    told, acknowledged                told that it is over (not counted as a notification)
 *   pre-data   told with the value, acknowledged
 *   post-sync                                    told; the actor acknowledges its next boundary only with all receipts
 *   post-async                                   told
 *
 * Brackets around what was derived go by abandoning the instruction (trace/holds.c). All other waiting before an
 * access happens here, within the instruction: the actor gives up the entry's lock, with the entry marked `announcing`, so
 * that nobody writes or derives meanwhile. While it waits it takes receipt of what others tell it; its own rights stay
 * untouched until its next boundary. So two actors that announce to each other do not wait for ever.
 *
 * Limits: accessed and dirty bits set by the page walk, the walk's own reads and instruction fetches are not reported.
 */
#include "src/base/wait.h"
#include "trace/directory.h"

/* What one participant has at stake in one kind. */
enum { STAKE_DERIVED = 1, STAKE_WATCH = 2 };

#define BEFORE_SEMANTICS (1u << TRACE_BRACKET | 1u << TRACE_PRE_DATA)

/* ---- Counting ------------------------------------------------------------------------------------------------- */

static bool is_vcpu(unsigned id)
{
    return id < PARTICIPANT_VCPUS_MAX;
}

void trace_count_event(struct directory *d, unsigned kind, unsigned actor)
{
    atomic_fetch_add_explicit(&d->count[kind].events, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&d->count[kind].broadcast, d->n_vcpus - is_vcpu(actor),
                              memory_order_relaxed);
}

void trace_count_notification(struct directory *d, unsigned kind, unsigned consumer,
                              bool acknowledged)
{
    atomic_fetch_add_explicit(&d->count[kind].notifications, 1, memory_order_relaxed);
    if (!is_vcpu(consumer)) /* a broadcast to all vCPUs would have had to tell it as well */
        atomic_fetch_add_explicit(&d->count[kind].broadcast, 1, memory_order_relaxed);
    if (acknowledged)
        atomic_fetch_add_explicit(&d->count[kind].acks, 1, memory_order_relaxed);
}

/* Count the access of the actor once for a kind, also if its bracket was counted when it was acquired. */
static void count_access(struct participant *p, u64 object, unsigned kind)
{
    u16 bit = (u16)(1u << kind);

    if (p->event_kinds & bit)
        return;
    p->event_kinds |= bit;
    for (unsigned i = 0; i < p->n_claims; i++)
        if (p->claims[i] == object && (p->claim_kinds[i] & bit)) {
            p->claim_kinds[i] &= (u16)~bit;
            return;
        }
    trace_count_event(p->dir, kind, p->id);
}

void trace_count_own(struct participant *p, u64 object, unsigned kinds)
{
    for (unsigned k = 0; k < TRACE_KINDS; k++)
        if (kinds & 1u << k)
            count_access(p, object, k);
    p->event_kinds = 0;
}

/* ---- Receiving ------------------------------------------------------------------------------------------------ */

/* Take receipt of a post: the consumer's own callback. c->lock held. */
static void receive(struct participant *c, const struct trace_post *post)
{
    if (post->watch && c->notify)
        c->notify(c, &post->ev);
    if (post->sync)
        atomic_fetch_add_explicit(&c->dir->count[post->ev.kind].acks, 1, memory_order_relaxed);
}

void trace_take_posts_locked(struct participant *p)
{
    for (unsigned i = 0; i < p->n_posts; i++) {
        const struct trace_post *post = &p->posts[i];

        if (post->what)
            p->drop(p, post->ev.gpa >> 12, post->what);
        if (i >= p->n_received)
            receive(p, post);
    }
    if (p->posts_overflow) {
        struct trace_event lost = {.kind = TRACE_KINDS, .gpa = ~(u64)0};

        p->drop(p, ~(u64)0, DROP_ALL);
        if (p->notify)
            p->notify(p, &lost);
    }
    p->n_posts = p->n_received = 0;
    p->posts_overflow = false;
    p->acked = p->posted;
}

/* Keep what is to be dropped at the boundary, once for each page; p->lock held. */
static void keep_drop(struct participant *p, const struct trace_post *post)
{
    for (unsigned i = 0; i < p->n_received; i++)
        if (p->posts[i].ev.gpa >> 12 == post->ev.gpa >> 12) {
            p->posts[i].what |= post->what;
            return;
        }
    p->posts[p->n_received++] = *post;
}

/* Within an instruction: acknowledge what was posted, but drop nothing yet. */
static void receive_within(struct participant *p)
{
    pmask_t who;

    pthread_mutex_lock(&p->lock);
    for (unsigned i = p->n_received; i < p->n_posts; i++) {
        struct trace_post post = p->posts[i];

        receive(p, &post);
        if (post.what)
            keep_drop(p, &post);
    }
    p->n_posts = p->n_received;
    p->acked = p->posted;
    who = p->requests; /* stay: what they ask for is served at the boundary */
    pthread_mutex_unlock(&p->lock);
    directory_wake(p->dir, who);
}

static void set_within(struct participant *p, bool within)
{
    pthread_mutex_lock(&p->lock);
    p->within = within;
    pthread_mutex_unlock(&p->lock);
}

/* Has c acknowledged what p posted? If not it is asked to wake p when it has. */
static bool has_acknowledged(struct participant *p, struct participant *c)
{
    bool done;

    pthread_mutex_lock(&c->lock);
    done = c->acked >= p->await[c->id] || c->parked;
    if (!done) {
        c->requests |= PMASK(p->id);
        participant_kick(c);
    }
    pthread_mutex_unlock(&c->lock);
    return done;
}

/* Wait for the acknowledgements of `who`. p is parked, or within an instruction. */
static void await(struct participant *p, pmask_t who, bool within)
{
    if (within)
        set_within(p, true);
    while (who) {
        u32 seen = atomic_load_explicit(&p->wake_count, memory_order_acquire);

        if (within)
            receive_within(p);
        for (int i = -1; (i = pmask_next(who, i)) >= 0;)
            if (has_acknowledged(p, p->dir->who[i]))
                who &= ~PMASK(i);
        if (who)
            participant_sleep(p, seen, ~(u64)0);
    }
    if (within)
        set_within(p, false);
}

void trace_await_receipts(struct participant *p)
{
    pmask_t who = p->awaiting;
    bool was_parked;

    p->awaiting = 0;
    pthread_mutex_lock(&p->lock);
    was_parked = p->parked;
    pthread_mutex_unlock(&p->lock);
    if (!was_parked)
        participant_park(p);
    await(p, who, false);
    if (!was_parked)
        participant_unpark(p);
}

void trace_lock_receiving(struct participant *p, pthread_mutex_t *lock)
{
    if (!pthread_mutex_trylock(lock))
        return;
    for (unsigned spins = 1; pthread_mutex_trylock(lock); spins++) {
        receive_within(p);
        if (spins % 64)
            wait_relax();
        else
            wait_yield();
    }
}

/* There is no room: c will be told that it has missed something, and drops all. c->lock held. */
static void lose_post(struct participant *c, const struct trace_post *post)
{
    c->posts_overflow = true;
    if (post->sync)
        atomic_fetch_add_explicit(&c->dir->count[post->ev.kind].acks, 1, memory_order_relaxed);
}

/* ---- Telling -------------------------------------------------------------------------------------------------- */

void trace_post_locked(struct participant *actor, struct participant *c,
                       const struct trace_post *post, bool waits, pmask_t *owed)
{
    pthread_mutex_lock(&c->lock);
    if (c->parked) {
        if (post->what)
            c->drop(c, post->ev.gpa >> 12, post->what);
        receive(c, post);
        atomic_fetch_add_explicit(&actor->dir->on_behalf, 1, memory_order_relaxed);
    } else {
        if (c->n_posts < PARTICIPANT_POSTS)
            c->posts[c->n_posts++] = *post;
        else
            lose_post(c, post);
        c->posted++;
        /* A consumer that does not keep up makes even asynchronous actors wait, at their next boundary. */
        if (waits || c->n_posts > PARTICIPANT_POSTS / 2) {
            actor->await[c->id] = c->posted;
            *owed |= PMASK(c->id);
        }
        participant_kick(c);
        if (c->within)
            participant_wake_locked(c);
    }
    pthread_mutex_unlock(&c->lock);
}

/* What of participant id the access concerns, in a kind; *access becomes what it asked for of it. */
static unsigned stake_of(const struct dir_entry *e, unsigned id, unsigned kind,
                         const struct trace_event *about, u8 *access)
{
    unsigned stake = 0;

    *access = 0;
    for (const struct trace_node *n = e->nodes; n; n = n->next)
        if (n->participant == id && n->kind == kind &&
            trace_node_meets(n, about->access, about->gpa, about->size)) {
            stake |= n->ranges ? STAKE_WATCH : STAKE_DERIVED;
            *access |= n->access & about->access;
        }
    return stake;
}

static pmask_t parties(const struct dir_entry *e, unsigned kind, const struct trace_event *about)
{
    pmask_t who = 0;

    for (const struct trace_node *n = e->nodes; n; n = n->next)
        if (n->kind == kind && trace_node_meets(n, about->access, about->gpa, about->size))
            who |= PMASK(n->participant);
    return who;
}

static void tell_self(struct participant *p, const struct trace_event *ev)
{
    pthread_mutex_lock(&p->lock);
    if (p->notify)
        p->notify(p, ev);
    pthread_mutex_unlock(&p->lock);
}

/* Tell the parties of one kind that are not in *told. `over`: only that what they were told before is over. Returns whose
 * acknowledgement is to come. Entry locked. */
static pmask_t tell_kind(struct participant *p, struct dir_entry *e, unsigned kind,
                         const struct trace_event *about, pmask_t *told, bool over)
{
    struct directory *d = p->dir;
    pmask_t who = parties(e, kind, about) & ~*told, owed = 0;
    bool sync =
        !over && d->semantics[kind] != TRACE_POST_ASYNC && d->semantics[kind] != TRACE_DEFERRED;

    *told |= who;
    if (who && !over)
        count_access(p, about->gpa >> 12, kind);
    for (int i = -1; (i = pmask_next(who, i)) >= 0;) {
        struct trace_post post = {.ev = *about, .sync = sync};
        unsigned stake = stake_of(e, (unsigned)i, kind, about, &post.ev.access);

        post.ev.kind = (u8)kind;
        post.ev.over = over;
        post.watch = stake & STAKE_WATCH;
        if (i == (int)p->id) {
            if (post.watch)
                tell_self(p, &post.ev);
            continue;
        }
        if (over && !post.watch)
            continue;
        if (stake & STAKE_DERIVED) {
            post.what = directory_drop_of_kind[kind];
            directory_remove_nodes_locked(e, (unsigned)i, 1u << kind);
        }
        if (!over)
            trace_count_notification(d, kind, (unsigned)i, false);
        trace_post_locked(p, d->who[i], &post, sync, &owed);
    }
    return owed;
}

void trace_await_announcer_locked(struct participant *p, struct dir_entry *e, u64 object)
{
    if (!trace_announced_by_other(e, p))
        return;
    set_within(p, true);
    while (trace_announced_by_other(e, p)) {
        u32 seen = atomic_load_explicit(&p->wake_count, memory_order_acquire);

        e->waiters |= PMASK(p->id);
        pthread_mutex_unlock(directory_lock_of(p->dir, object));
        receive_within(p);
        participant_sleep(p, seen, ~(u64)0);
        pthread_mutex_lock(directory_lock_of(p->dir, object));
    }
    set_within(p, false);
}

bool trace_tells_before_locked(const struct directory *d, const struct dir_entry *e,
                               const struct trace_event *about)
{
    unsigned kinds = directory_kinds_with(d, BEFORE_SEMANTICS);

    if (!directory_traces_locked(e, about->gpa, about->size))
        return false;
    for (const struct trace_node *n = e->nodes; n; n = n->next)
        if ((kinds & 1u << n->kind) && (n->participant != about->actor || n->ranges) &&
            trace_node_meets(n, about->access, about->gpa, about->size))
            return true;
    return false;
}

void trace_before_locked(struct participant *p, struct dir_entry *e,
                         const struct trace_event *about)
{
    struct directory *d = p->dir;
    unsigned kinds = directory_kinds_with(d, BEFORE_SEMANTICS);
    pmask_t told[TRACE_KINDS] = {0};
    struct trace_event ev = *about;
    u64 object = about->gpa >> 12;

    ev.before = true;
    for (;;) {
        pmask_t owed = 0;

        for (unsigned k = 0; k < TRACE_KINDS; k++)
            if (kinds & 1u << k) {
                if (d->semantics[k] != TRACE_PRE_DATA)
                    ev.value = 0;
                owed |= tell_kind(p, e, k, &ev, &told[k], false);
                ev.value = about->value;
            }
        if (!owed)
            break;
        e->announcing = (u8)(p->id + 1);
        pthread_mutex_unlock(directory_lock_of(d, object));
        await(p, owed, true);
        pthread_mutex_lock(directory_lock_of(d, object));
        e->announcing = 0;
        directory_wake(d, directory_take_waiters_locked(e) & ~PMASK(p->id));
    }
}

void trace_after_locked(struct participant *p, struct dir_entry *e, const struct trace_event *about,
                        bool done)
{
    struct directory *d = p->dir;

    for (unsigned k = 0; k < TRACE_KINDS && directory_traces_locked(e, about->gpa, about->size);
         k++) {
        bool before = 1u << d->semantics[k] & BEFORE_SEMANTICS;
        pmask_t told = 0;

        if (before && (parties(e, k, about) & PMASK(p->id)) && done)
            count_access(p, about->gpa >> 12, k); /* its own derived structures: told by p->wrote */
        if (d->semantics[k] == TRACE_BRACKET)
            tell_kind(p, e, k, about, &told, true);
        else if (!before && done)
            p->awaiting |= tell_kind(p, e, k, about, &told, false);
    }
    p->event_kinds = 0;
}

/* ---- Reads ---------------------------------------------------------------------------------------------------- */

bool trace_reads_watched(struct directory *d, u64 gfn)
{
    bool watched = false;

    if (!atomic_load_explicit(&d->read_watches, memory_order_acquire) || gfn >= d->n_pages)
        return false;
    pthread_mutex_lock(directory_lock_of(d, gfn));
    for (const struct trace_node *n = d->entries[gfn].nodes; n; n = n->next)
        watched |= (n->access & TRACE_READ) != 0;
    pthread_mutex_unlock(directory_lock_of(d, gfn));
    return watched;
}

void trace_read_begin(struct participant *p, u64 gpa, u32 size)
{
    struct trace_event about = {.access = TRACE_READ, .actor = (u8)p->id, .gpa = gpa, .size = size};

    pthread_mutex_lock(directory_lock_of(p->dir, gpa >> 12));
    trace_before_locked(p, &p->dir->entries[gpa >> 12], &about);
}

void trace_read_end(struct participant *p, u64 gpa, u32 size, u64 value)
{
    struct trace_event about = {
        .access = TRACE_READ, .actor = (u8)p->id, .gpa = gpa, .size = size, .value = value};

    trace_after_locked(p, &p->dir->entries[gpa >> 12], &about, true);
    pthread_mutex_unlock(directory_lock_of(p->dir, gpa >> 12));
}
