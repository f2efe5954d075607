/* SPDX-License-Identifier: MIT */
/*
 * The directory's entries: nodes (who derived what from which lines), derivation and write grants. The acquisition
 * protocol is in holds.c, exact watches in watch.c. See directory.h for the rules.
 */
#include "trace/directory.h"

#include <errno.h>
#include <stdlib.h>

#include "src/base/check.h"
#include "src/base/memory.h"
#include "trace/lines.h"

int directory_create(struct directory *d, u64 n_pages, unsigned n_vcpus, unsigned n_tokens,
                     struct journal *journal, bool order, bool precise_mmu)
{
    memset(d, 0, sizeof(*d));
    d->n_pages = n_pages;
    d->n_objects = n_pages + 3;
    d->n_vcpus = n_vcpus;
    d->journal = journal;
    d->order = order;
    d->precise_mmu = precise_mmu;
    d->entries = memory_map_lazy(d->n_objects * sizeof(*d->entries));
    if (!d->entries)
        return -ENOMEM;
    for (unsigned i = 0; i < DIRECTORY_LOCKS; i++)
        pthread_mutex_init(&d->locks[i], NULL);
    if (!precise_mmu)
        d->semantics[TRACE_MMU] = TRACE_DEFERRED;
    pthread_mutex_init(&d->split_lock, NULL);
    sched_create(&d->sched, MIN(n_tokens, n_vcpus));
    return 0;
}

void directory_destroy(struct directory *d)
{
    for (unsigned i = 0; i < PARTICIPANTS_MAX; i++)
        if (d->who[i])
            memory_unmap(d->who[i]->rights, d->n_objects);
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
    memory_unmap(d->entries, d->n_objects * sizeof(*d->entries));
    for (unsigned i = 0; i < DIRECTORY_LOCKS; i++)
        pthread_mutex_destroy(&d->locks[i]);
    sched_destroy(&d->sched);
}

void directory_add(struct directory *d, struct participant *p)
{
    d->who[p->id] = p;
    if (d->order)
        p->rights = memory_map_lazy(d->n_objects); /* null: whoever creates p gives up */
}

void directory_want(struct participant *p, u64 object, unsigned right, u64 gpa, u32 size)
{
    pthread_mutex_lock(&p->lock);
    p->want_object = object;
    p->want_right = (u8)right;
    p->want_gpa = gpa;
    p->want_size = size;
    p->want_kinds = 0;
    p->want_guessed = false;
    pthread_mutex_unlock(&p->lock);
}

void directory_want_nothing(struct participant *p)
{
    pthread_mutex_lock(&p->lock);
    p->want_right = 0;
    pthread_mutex_unlock(&p->lock);
}

u64 directory_lines_of(u64 gpa, u32 len)
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
    [TRACE_CODE] = DROP_CODE,
    [TRACE_MMU] = DROP_MMU,
    [TRACE_DESC] = DROP_DESC,
    [TRACE_WATCH] = DROP_MONITOR,
};

/* Is the entry kept for somebody else's instruction? */
static bool claimed_by_other(const struct dir_entry *e, const struct participant *p)
{
    return e->claim && e->claimer != p->id;
}

int directory_derive(struct participant *p, enum trace_kind kind, u64 gpa, u32 len)
{
    struct directory *d = p->dir;
    u64 gfn = gpa >> 12, lines = directory_lines_of(gpa, len);
    struct dir_entry *e;
    struct trace_node *n;
    int err = 0;

    if (!d || gfn >= d->n_pages || d->semantics[kind] == TRACE_DEFERRED)
        return 0;
    e = &d->entries[gfn];
    pthread_mutex_lock(directory_lock_of(d, gfn));
    if (trace_announced_by_other(e, p) ||
        (d->order ? !(p->rights[gfn] & RIGHT_READ)
                  : (e->wcached & ~PMASK(p->id)) || claimed_by_other(e, p))) {
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
    e->traced_lines |= lines;
    e->wcached &= ~PMASK(p->id);
    pthread_mutex_lock(&p->lock);
    p->drop(p, gfn, DROP_WRITE);
    pthread_mutex_unlock(&p->lock);
out:
    pthread_mutex_unlock(directory_lock_of(d, gfn));
    return err;
}

void directory_note_marks(struct participant *p, u64 gpa)
{
    struct directory *d = p->dir;
    u64 gfn = gpa >> 12;
    struct trace_node *n;

    pthread_mutex_lock(directory_lock_of(d, gfn));
    n = find_node(&d->entries[gfn], p->id, TRACE_MMU);
    if (n)
        n->marks = true;
    pthread_mutex_unlock(directory_lock_of(d, gfn));
}

bool directory_marks_matter(struct participant *p, u64 gpa)
{
    struct directory *d = p->dir;
    u64 gfn = gpa >> 12, line = directory_lines_of(gpa, 1);
    bool matter = false;

    pthread_mutex_lock(directory_lock_of(d, gfn));
    for (const struct trace_node *n = d->entries[gfn].nodes; n; n = n->next)
        matter |= n->marks && (n->lines & line) && n->participant != p->id;
    pthread_mutex_unlock(directory_lock_of(d, gfn));
    return matter;
}

void directory_unite_lines_locked(struct dir_entry *e)
{
    e->traced_lines = 0;
    for (const struct trace_node *n = e->nodes; n; n = n->next)
        e->traced_lines |= n->lines;
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
    directory_unite_lines_locked(e);
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

bool trace_node_meets(const struct trace_node *n, unsigned access, u64 gpa, u32 size)
{
    if (!(n->access & access) || !(n->lines & directory_lines_of(gpa, size)))
        return false;
    if (!n->ranges)
        return true;
    for (unsigned i = 0; i < n->n_ranges; i++)
        if (n->ranges[i].start < gpa + size && gpa < n->ranges[i].end)
            return true;
    return false;
}

pmask_t directory_derived_locked(const struct dir_entry *e, unsigned actor, u64 gpa, u32 size,
                                 unsigned kinds)
{
    pmask_t who = 0;

    if (!directory_traces_locked(e, gpa, size))
        return 0;
    for (const struct trace_node *n = e->nodes; n; n = n->next)
        if (!n->ranges && (kinds & 1u << n->kind) && n->participant != actor &&
            trace_node_meets(n, TRACE_WRITE, gpa, size))
            who |= PMASK(n->participant);
    return who;
}

unsigned directory_derived_kinds_locked(const struct dir_entry *e, unsigned id, u64 gpa, u32 size,
                                        unsigned kinds)
{
    unsigned of = 0;

    if (!directory_traces_locked(e, gpa, size))
        return 0;
    for (const struct trace_node *n = e->nodes; n; n = n->next)
        if (!n->ranges && n->participant == id && trace_node_meets(n, TRACE_WRITE, gpa, size))
            of |= 1u << n->kind;
    return of & kinds;
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

/* Keep the entry for p until its instruction has retired. Entry locked. */
void directory_claim_locked(struct dir_entry *e, u64 object, struct participant *p)
{
    if (e->claim && e->claimer == p->id)
        return;
    if (p->n_claims == PARTICIPANT_CLAIMS)
        return;
    if (!atomic_load_explicit(&p->ticket, memory_order_relaxed))
        atomic_store_explicit(&p->ticket, 1 + atomic_fetch_add(&p->dir->tickets, 1),
                              memory_order_relaxed);
    e->claim = atomic_load_explicit(&p->ticket, memory_order_relaxed);
    e->claimer = (u8)p->id;
    p->claim_kinds[p->n_claims] = 0;
    p->claims[p->n_claims++] = object;
}

/* Whose traces an access concerns. */
struct stakes {
    bool others, own_exact;
    unsigned own; /* kinds of the actor's, exact or not */
};

static struct stakes stakes_of(const struct dir_entry *e, const struct trace_event *about)
{
    struct stakes s = {false, false, 0};

    if (!directory_traces_locked(e, about->gpa, about->size))
        return s;
    for (const struct trace_node *n = e->nodes; n; n = n->next) {
        if (!trace_node_meets(n, about->access, about->gpa, about->size))
            continue;
        if (n->participant != about->actor) {
            s.others = true;
        } else {
            s.own |= 1u << n->kind;
            s.own_exact |= n->ranges != NULL;
        }
    }
    return s;
}

static struct trace_event about_write(const struct participant *p, u64 gpa, u32 size, u64 value,
                                      unsigned how)
{
    return (struct trace_event){.access =
                                    how & WRITE_IS_UPDATE ? TRACE_READ | TRACE_WRITE : TRACE_WRITE,
                                .actor = (u8)p->id,
                                .gpa = gpa,
                                .size = size,
                                .value = value};
}

static enum write_grant want_traced_write(struct participant *p, struct dir_entry *e, u64 gpa,
                                          u32 size, u64 value, unsigned how)
{
    struct trace_event about = about_write(p, gpa, size, value, how);
    bool probe = how & WRITE_IS_PROBE;
    struct stakes s;

    if (!probe && (how & WRITE_IS_CAREFUL))
        trace_await_announcer_locked(p, e, gpa >> 12);
    s = stakes_of(e, &about);
    if (!(how & WRITE_IS_CAREFUL) &&
        (s.others || (s.own & CAREFUL_KINDS) || probe || e->announcing))
        return WRITE_CAREFUL;
    if (s.others && directory_derived_locked(e, p->id, gpa, size,
                                             directory_kinds_with(p->dir, 1u << TRACE_BRACKET))) {
        directory_want(p, gpa >> 12, RIGHT_WRITE, gpa, size);
        return WRITE_MISS;
    }
    if (probe)
        directory_claim_locked(e, gpa >> 12, p);
    else if (!(how & WRITE_IS_UPDATE) && (s.others || s.own_exact))
        trace_before_locked(p, e, &about);
    return WRITE_LOCKED;
}

/* Nobody is concerned by writes of p to the page: its permission may be cached, and counts as cached from now on. Who waits for
 * the page does not want that, unless p has a hold, whose release takes the permission along. */
static bool grant_plainly(struct participant *p, struct dir_entry *e)
{
    if (e->nodes || e->announcing || (!p->dir->order && claimed_by_other(e, p)))
        return false;
    e->wcached |= PMASK(p->id);
    return true;
}

enum write_grant directory_want_write(struct participant *p, u64 gpa, u32 size, u64 value,
                                      unsigned how)
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
    } else if (grant_plainly(p, e)) {
        grant = WRITE_FAST;
    } else {
        grant = want_traced_write(p, e, gpa, size, value, how);
    }
    if (grant != WRITE_LOCKED || (how & WRITE_IS_PROBE))
        pthread_mutex_unlock(directory_lock_of(d, gfn));
    return grant;
}

bool directory_may_write_plainly(struct participant *p, u64 gpa)
{
    struct directory *d = p->dir;
    u64 gfn = gpa >> 12;
    bool plain;

    if (gfn >= d->n_pages)
        return true;
    pthread_mutex_lock(directory_lock_of(d, gfn));
    plain = (!d->order || (p->rights[gfn] & RIGHT_WRITE)) && grant_plainly(p, &d->entries[gfn]);
    pthread_mutex_unlock(directory_lock_of(d, gfn));
    return plain;
}

bool directory_must_announce(struct participant *p, u64 gpa, u32 size)
{
    struct trace_event about = about_write(p, gpa, size, 0, WRITE_IS_UPDATE);

    return trace_tells_before_locked(p->dir, &p->dir->entries[gpa >> 12], &about);
}

void directory_announce(struct participant *p, u64 gpa, u32 size, u64 value)
{
    struct trace_event about = about_write(p, gpa, size, value, WRITE_IS_UPDATE);

    trace_before_locked(p, &p->dir->entries[gpa >> 12], &about);
}

void directory_wrote(struct participant *p, u64 gpa, u32 size, u64 value, unsigned how)
{
    struct trace_event about = about_write(p, gpa, size, value, how);
    struct dir_entry *e = &p->dir->entries[gpa >> 12];
    struct stakes s = stakes_of(e, &about);
    unsigned own = s.own;

    if (s.others || s.own_exact) {
        own = directory_derived_kinds_locked(e, p->id, gpa, size, ALL_KINDS);
        trace_after_locked(p, e, &about, true);
    } else {
        trace_count_own(p, gpa >> 12, own); /* whoever was told before has lost what he derived */
    }
    pthread_mutex_unlock(directory_lock_of(p->dir, gpa >> 12));
    if (own && p->wrote)
        p->wrote(p, gpa, size, own);
}

void directory_cancel_write(struct participant *p, u64 gpa, u32 size)
{
    struct trace_event about = about_write(p, gpa, size, 0, 0);

    trace_after_locked(p, &p->dir->entries[gpa >> 12], &about, false);
    pthread_mutex_unlock(directory_lock_of(p->dir, gpa >> 12));
}
