/* SPDX-License-Identifier: MIT */
/*
 * The directory's entries: nodes (who derived what from which lines), derivation and write grants. The acquisition
 * protocol is in holds.c, exact watches in watch.c. See directory.h for the rules.
 */
#include "trace/directory.h"

#include <errno.h>
#include <stdlib.h>

#include "src/base/check.h"
#include "src/host/host.h"
#include "trace/lines.h"

int directory_create(struct directory *d, u64 n_pages, unsigned n_vcpus, struct journal *journal, bool order,
                     bool precise_mmu)
{
    memset(d, 0, sizeof(*d));
    d->n_pages = n_pages;
    d->n_objects = n_pages + 2;
    d->n_vcpus = n_vcpus;
    d->journal = journal;
    d->order = order;
    d->precise_mmu = precise_mmu;
    d->entries = host_map_lazy(d->n_objects * sizeof(*d->entries));
    if (!d->entries)
        return -ENOMEM;
    for (unsigned i = 0; i < DIRECTORY_LOCKS; i++)
        pthread_mutex_init(&d->locks[i], NULL);
    if (!precise_mmu)
        d->semantics[TRACE_MMU] = TRACE_DEFERRED;
    pthread_mutex_init(&d->split_lock, NULL);
    sched_create(&d->sched, MIN(host_cpus(), n_vcpus));
    return 0;
}

void directory_destroy(struct directory *d)
{
    for (unsigned i = 0; i < PARTICIPANTS_MAX; i++)
        if (d->who[i])
            host_unmap(d->who[i]->rights, d->n_objects);
    for (u64 i = 0; d->entries && i < d->n_objects; i++) {
        struct dir_entry *e = &d->entries[i];

        while (e->nodes) {
            struct trace_node *n = e->nodes;

            e->nodes = n->next;
            free(n->ranges);
            free(n);
        }
        free(e->read_pos);
        lines_free(e);
    }
    host_unmap(d->entries, d->n_objects * sizeof(*d->entries));
    for (unsigned i = 0; i < DIRECTORY_LOCKS; i++)
        pthread_mutex_destroy(&d->locks[i]);
    sched_destroy(&d->sched);
}

void directory_add(struct directory *d, struct participant *p)
{
    d->who[p->id] = p;
    if (d->order) {
        p->rights = host_map_lazy(d->n_objects);
        CHECK(p->rights);
    }
}

void directory_want(struct participant *p, u64 object, unsigned right, u64 gpa, u32 size)
{
    pthread_mutex_lock(&p->lock);
    p->want_object = object;
    p->want_right = (u8)right;
    p->want_gpa = gpa;
    p->want_size = size;
    pthread_mutex_unlock(&p->lock);
}

static u64 lines_of(u64 gpa, u32 len)
{
    unsigned first = (gpa & 0xfff) >> 6, last = (unsigned)MIN(((gpa & 0xfff) + len - 1) >> 6, 63);

    return (~(u64)0 >> (63 - last)) & (~(u64)0 << first);
}

static struct trace_node *find_node(struct dir_entry *e, unsigned id, unsigned kind)
{
    struct trace_node *n;

    for (n = e->nodes; n; n = n->next)
        if (n->participant == id && n->kind == kind && !n->ranges)
            return n;
    return NULL;
}

const u8 directory_drop_of_kind[TRACE_KINDS] = {
    [TRACE_CODE] = DROP_CODE, [TRACE_MMU] = DROP_MMU, [TRACE_DESC] = DROP_DESC,
};

/* Is the entry kept for somebody else's instruction? */
static bool claimed_by_other(const struct dir_entry *e, const struct participant *p)
{
    return e->claim && e->claimer != p->id;
}

int directory_derive(struct participant *p, enum trace_kind kind, u64 gpa, u32 len)
{
    struct directory *d = p->dir;
    u64 gfn = gpa >> 12, lines = lines_of(gpa, len);
    struct dir_entry *e;
    struct trace_node *n;
    int err = 0;

    if (!d || gfn >= d->n_pages || d->semantics[kind] == TRACE_DEFERRED)
        return 0;
    e = &d->entries[gfn];
    pthread_mutex_lock(directory_lock_of(d, gfn));
    if (d->order ? !(p->rights[gfn] & RIGHT_READ)
                 : (e->wcached & ~PMASK(p->id)) || claimed_by_other(e, p)) {
        directory_want(p, gfn, RIGHT_READ, gpa, len);
        err = -EAGAIN;
        goto out;
    }
    n = find_node(e, p->id, kind);
    if (!n) {
        n = calloc(1, sizeof(*n));
        CHECK(n);
        n->participant = (u8)p->id;
        n->kind = (u8)kind;
        n->access = TRACE_WRITE;
        n->next = e->nodes;
        e->nodes = n;
    }
    n->lines |= lines;
    e->wcached &= ~PMASK(p->id);
    pthread_mutex_lock(&p->lock);
    p->drop(p, gfn, DROP_WRITE);
    pthread_mutex_unlock(&p->lock);
out:
    pthread_mutex_unlock(directory_lock_of(d, gfn));
    return err;
}

/* Unlink p's nodes of the kinds. Entry locked. */
void directory_remove_nodes_locked(struct dir_entry *e, unsigned id, unsigned kinds)
{
    struct trace_node **at = &e->nodes;

    while (*at) {
        struct trace_node *n = *at;

        if (n->participant == id && (kinds & 1u << n->kind) && !n->ranges) {
            *at = n->next;
            free(n);
        } else {
            at = &n->next;
        }
    }
}

void directory_underive(struct participant *p, enum trace_kind kind, u64 gfn)
{
    struct directory *d = p->dir;

    if (!d || gfn >= d->n_pages)
        return;
    pthread_mutex_lock(directory_lock_of(d, gfn));
    directory_remove_nodes_locked(&d->entries[gfn], p->id, 1u << kind);
    pthread_mutex_unlock(directory_lock_of(d, gfn));
}

static bool node_meets(const struct trace_node *n, u64 gpa, u32 size, u64 lines)
{
    if (!(n->lines & lines))
        return false;
    if (!n->ranges)
        return true;
    for (unsigned i = 0; i < n->n_ranges; i++)
        if (n->ranges[i].start < gpa + size && gpa < n->ranges[i].end)
            return true;
    return false;
}

pmask_t directory_consumers_locked(struct directory *d, struct dir_entry *e, unsigned actor, unsigned access,
                                   u64 gpa, u32 size, unsigned kinds, unsigned *self_kinds)
{
    u64 lines = lines_of(gpa, size);
    pmask_t who = 0;

    (void)d;
    *self_kinds = 0;
    for (struct trace_node *n = e->nodes; n; n = n->next) {
        if (!(n->access & access) || !(kinds & 1u << n->kind) || !node_meets(n, gpa, size, lines))
            continue;
        if (n->participant == actor)
            *self_kinds |= 1u << n->kind;
        else
            who |= PMASK(n->participant);
    }
    return who;
}

/* Kinds whose semantics is one of the set. */
unsigned directory_kinds_with(const struct directory *d, unsigned semantics)
{
    unsigned kinds = 0;

    for (unsigned k = 0; k < TRACE_KINDS; k++)
        if (semantics & 1u << d->semantics[k])
            kinds |= 1u << k;
    return kinds;
}

#define ALL_KINDS ((1u << TRACE_KINDS) - 1)
/* Own translations are dropped within the instruction; all other own consumers need it to run alone. */
#define CAREFUL_KINDS (ALL_KINDS & ~(1u << TRACE_MMU))

static bool is_announced(const struct participant *p, u64 gpa, u32 size, u64 value)
{
    return p->announced && p->want_gpa == gpa && p->want_size == size && p->want_value == value;
}

/* Keep the entry for p until its instruction has retired. Entry locked. */
void directory_claim_locked(struct dir_entry *e, u64 object, struct participant *p)
{
    if (e->claim && e->claimer == p->id)
        return;
    if (p->n_claims == PARTICIPANT_CLAIMS)
        return;
    if (!atomic_load_explicit(&p->ticket, memory_order_relaxed))
        atomic_store_explicit(&p->ticket, 1 + atomic_fetch_add(&p->dir->tickets, 1), memory_order_relaxed);
    e->claim = atomic_load_explicit(&p->ticket, memory_order_relaxed);
    e->claimer = (u8)p->id;
    p->claims[p->n_claims++] = object;
}

static enum write_grant want_traced_write(struct participant *p, struct dir_entry *e, u64 gpa, u32 size, u64 value,
                                          bool careful, bool probe)
{
    struct directory *d = p->dir;
    unsigned self, unused;
    pmask_t others = directory_consumers_locked(d, e, p->id, TRACE_WRITE, gpa, size, ALL_KINDS, &self);

    if (!careful && (others || (self & CAREFUL_KINDS) || probe))
        return WRITE_CAREFUL;
    if (others && directory_consumers_locked(d, e, p->id, TRACE_WRITE, gpa, size,
                                             directory_kinds_with(d, 1u << TRACE_BRACKET), &unused)) {
        directory_want(p, gpa >> 12, RIGHT_WRITE, gpa, size);
        return WRITE_MISS;
    }
    if (others && !probe && !is_announced(p, gpa, size, value) &&
        directory_consumers_locked(d, e, p->id, TRACE_WRITE, gpa, size, directory_kinds_with(d, 1u << TRACE_PRE_DATA),
                                   &unused)) {
        directory_want(p, gpa >> 12, RIGHT_ANNOUNCE, gpa, size);
        p->want_value = value;
        return WRITE_MISS;
    }
    if (probe)
        directory_claim_locked(e, gpa >> 12, p);
    return WRITE_LOCKED;
}

enum write_grant directory_want_write(struct participant *p, u64 gpa, u32 size, u64 value, bool careful, bool probe)
{
    struct directory *d = p->dir;
    u64 gfn = gpa >> 12;
    enum write_grant grant;
    struct dir_entry *e;

    if (!d || gfn >= d->n_pages)
        return WRITE_FAST;
    e = &d->entries[gfn];
    pthread_mutex_lock(directory_lock_of(d, gfn));
    if (d->order && !(p->rights[gfn] & RIGHT_WRITE)) {
        directory_want(p, gfn, RIGHT_WRITE, gpa, size);
        grant = WRITE_MISS;
    } else if (!e->nodes && !claimed_by_other(e, p)) {
        e->wcached |= PMASK(p->id);
        grant = WRITE_FAST;
    } else if (!e->nodes) {
        grant = WRITE_LOCKED;
    } else {
        grant = want_traced_write(p, e, gpa, size, value, careful, probe);
    }
    if (grant != WRITE_LOCKED || probe)
        pthread_mutex_unlock(directory_lock_of(d, gfn));
    return grant;
}

/* Leave a notification for a running consumer, or drop on behalf of a parked one. Entry locked. */
static void post(struct participant *actor, struct participant *c, u64 gfn, unsigned what,
                 const struct trace_event *ev, bool sync)
{
    pthread_mutex_lock(&c->lock);
    if (c->notify && ev->kind == TRACE_WATCH)
        c->notify(c, ev);
    if (c->parked) {
        c->drop(c, gfn, what);
    } else {
        if (c->n_posts == PARTICIPANT_POSTS)
            c->posts_overflow = true;
        else
            c->posts[c->n_posts++] = (struct trace_post){ gfn, what };
        c->posted++;
        if (sync) {
            actor->await[c->id] = c->posted;
            actor->awaiting |= PMASK(c->id);
        }
        participant_kick(c);
    }
    pthread_mutex_unlock(&c->lock);
}

/* Tell each consumer but the actor that [gpa, gpa+size) was written, and forget their nodes where they must derive
 * anew. Entry locked. */
static void post_all(struct participant *p, struct dir_entry *e, u64 gpa, u32 size, u64 value)
{
    struct directory *d = p->dir;
    u64 gfn = gpa >> 12;

    for (unsigned kind = 0; kind < TRACE_KINDS; kind++) {
        unsigned self;
        pmask_t who = directory_consumers_locked(d, e, p->id, TRACE_WRITE, gpa, size, 1u << kind, &self);
        struct trace_event ev = { (u8)kind, TRACE_WRITE, (u8)p->id, false, gpa, size, value };

        if (!who && !self)
            continue;
        atomic_fetch_add_explicit(&d->count[kind].events, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&d->count[kind].broadcast, d->n_vcpus - 1, memory_order_relaxed);
        for (int i = -1; (i = pmask_next(who, i)) >= 0;) {
            post(p, d->who[i], gfn, directory_drop_of_kind[kind], &ev, d->semantics[kind] == TRACE_POST_SYNC);
            if (directory_drop_of_kind[kind])
                directory_remove_nodes_locked(e, (unsigned)i, 1u << kind);
            atomic_fetch_add_explicit(&d->count[kind].notifications, 1, memory_order_relaxed);
        }
    }
}

void directory_wrote(struct participant *p, u64 gpa, u32 size, u64 value)
{
    struct directory *d = p->dir;
    u64 gfn = gpa >> 12;
    struct dir_entry *e = &d->entries[gfn];
    unsigned self;

    post_all(p, e, gpa, size, value);
    directory_consumers_locked(d, e, p->id, TRACE_WRITE, gpa, size, ALL_KINDS, &self);
    pthread_mutex_unlock(directory_lock_of(d, gfn));
    p->announced = false;
    if (self && p->wrote)
        p->wrote(p, gpa, size);
}
