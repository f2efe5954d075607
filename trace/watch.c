/* SPDX-License-Identifier: MIT */
/*
 * Exact traces: byte ranges of guest memory that a participant wants to hear about, of any kind, for reads, writes or both.
 *
 * They are nodes of the directory's entries, one for each page, participant, kind and access, with a sorted list of ranges. Once
 * the node is there the directory sees to it that nobody caches permission to access the page unseen; what
 * somebody has cached before is recalled, and trace_add() returns when nobody has it any more. Who may have cached write
 * permission is known (wcached), so a write trace bothers those alone; a read trace has to ask everybody.
 */
#include <errno.h>
#include <stdlib.h>

#include "src/base/check.h"
#include "trace/lines.h"

/* ---- Ranges ------------------------------------------------------------------------------------------------------- */

static struct trace_node *find_watch(struct dir_entry *e, unsigned id, unsigned kind,
                                     unsigned access)
{
    struct trace_node *n;

    for (n = e->nodes; n; n = n->next)
        if (n->participant == id && n->kind == kind && n->access == access && n->ranges)
            return n;
    return NULL;
}

static void set_lines(struct trace_node *n)
{
    n->lines = 0;
    for (unsigned i = 0; i < n->n_ranges; i++)
        n->lines |=
            directory_lines_of(n->ranges[i].start, (u32)(n->ranges[i].end - n->ranges[i].start));
}

/* Unite [start, end) with the node's ranges, which stay sorted and apart. */
static void unite(struct trace_node *n, u64 start, u64 end)
{
    struct trace_range *now = malloc((n->n_ranges + 1) * sizeof(*now));
    unsigned k = 0, i = 0;

    CHECK(now);
    for (; i < n->n_ranges && n->ranges[i].end < start; i++)
        now[k++] = n->ranges[i];
    for (; i < n->n_ranges && n->ranges[i].start <= end; i++) {
        start = MIN(start, n->ranges[i].start);
        end = MAX(end, n->ranges[i].end);
    }
    now[k++] = (struct trace_range){start, end};
    for (; i < n->n_ranges; i++)
        now[k++] = n->ranges[i];
    free(n->ranges);
    n->ranges = now;
    n->n_ranges = k;
    set_lines(n);
}

/* Take [start, end) out of the node's ranges. */
static void subtract(struct trace_node *n, u64 start, u64 end)
{
    struct trace_range *now = malloc((n->n_ranges + 1) * sizeof(*now));
    unsigned k = 0;

    CHECK(now);
    for (unsigned i = 0; i < n->n_ranges; i++) {
        struct trace_range r = n->ranges[i];

        if (r.start < MIN(r.end, start))
            now[k++] = (struct trace_range){r.start, MIN(r.end, start)};
        if (MAX(r.start, end) < r.end)
            now[k++] = (struct trace_range){MAX(r.start, end), r.end};
    }
    free(n->ranges);
    n->ranges = now;
    n->n_ranges = k;
    set_lines(n);
}

static void add_locked(struct directory *d, struct dir_entry *e, unsigned id, unsigned kind,
                       unsigned access, u64 start, u64 end)
{
    struct trace_node *n = find_watch(e, id, kind, access);

    if (!n) {
        n = calloc(1, sizeof(*n));
        CHECK(n);
        n->participant = (u8)id;
        n->kind = (u8)kind;
        n->access = (u8)access;
        n->next = e->nodes;
        e->nodes = n;
        if (access == TRACE_READ)
            atomic_fetch_add_explicit(&d->read_watches, 1, memory_order_release);
    }
    unite(n, start, end);
    e->traced_lines |= n->lines;
}

static void remove_locked(struct directory *d, struct dir_entry *e, unsigned id, unsigned kind,
                          unsigned access, u64 start, u64 end)
{
    struct trace_node *n = find_watch(e, id, kind, access), **at = &e->nodes;

    if (!n)
        return;
    subtract(n, start, end);
    if (!n->n_ranges) {
        while (*at != n)
            at = &(*at)->next;
        *at = n->next;
        free(n->ranges);
        free(n);
        if (access == TRACE_READ)
            atomic_fetch_sub_explicit(&d->read_watches, 1, memory_order_release);
    }
    directory_unite_lines_locked(e);
}

/* Nobody shall access the page unseen: have cached permissions dropped, of all who may have them. Entry locked. */
static pmask_t recall_locked(struct participant *p, struct dir_entry *e, u64 gfn, unsigned access)
{
    struct directory *d = p->dir;
    struct trace_post post = {.ev = {.kind = TRACE_KINDS, .gpa = gfn << 12}};
    pmask_t owed = 0;

    post.what = access & TRACE_READ ? DROP_READ | DROP_WRITE : DROP_WRITE;
    for (unsigned i = 0; i < PARTICIPANTS_MAX; i++) {
        struct participant *c = d->who[i];

        if (!c || (!(access & TRACE_READ) && !(e->wcached & PMASK(i))))
            continue;
        if (c == p) {
            pthread_mutex_lock(&p->lock);
            p->drop(p, gfn, post.what);
            pthread_mutex_unlock(&p->lock);
            continue;
        }
        trace_post_locked(p, c, &post, true, &owed);
        atomic_fetch_add_explicit(&d->recalls, 1, memory_order_relaxed);
    }
    e->wcached = 0;
    return owed;
}

/* A page that is ordered by line has no place for traces: make it a page again. */
static void leave_lines(struct participant *p, u64 gfn)
{
    bool was_parked;

    pthread_mutex_lock(&p->lock);
    was_parked = p->parked;
    pthread_mutex_unlock(&p->lock);
    while (lines_ordered(p->dir, gfn)) {
        directory_want(p, gfn, RIGHT_WRITE, gfn << 12, 1);
        hold_acquire(p);
    }
    if (was_parked)
        participant_park(p);
}

int trace_add(struct participant *p, enum trace_kind kind, unsigned access, u64 start, u64 end)
{
    struct directory *d = p->dir;

    if (start >= end || (end - 1) >> 12 >= d->n_pages || !(access & (TRACE_READ | TRACE_WRITE)) ||
        kind >= TRACE_KINDS)
        return -EINVAL;
    for (u64 gfn = start >> 12; gfn <= (end - 1) >> 12; gfn++) {
        struct dir_entry *e = &d->entries[gfn];
        u64 from = MAX(start, gfn << 12), to = MIN(end, (gfn + 1) << 12);
        bool claimed = lines_ordered(d, gfn);

        if (claimed)
            leave_lines(p, gfn);
        pthread_mutex_lock(directory_lock_of(d, gfn));
        for (unsigned a = TRACE_READ; a <= TRACE_WRITE; a <<= 1)
            if (access & a)
                add_locked(d, e, p->id, kind, a, from, to);
        p->awaiting |= recall_locked(p, e, gfn, access);
        pthread_mutex_unlock(directory_lock_of(d, gfn));
        if (claimed)
            hold_retire(p);
    }
    if (p->awaiting)
        trace_await_receipts(p);
    return 0;
}

void trace_remove(struct participant *p, enum trace_kind kind, u64 start, u64 end)
{
    struct directory *d = p->dir;

    if (start >= end || kind >= TRACE_KINDS)
        return;
    for (u64 gfn = start >> 12; gfn <= (end - 1) >> 12 && gfn < d->n_pages; gfn++) {
        u64 from = MAX(start, gfn << 12), to = MIN(end, (gfn + 1) << 12);

        pthread_mutex_lock(directory_lock_of(d, gfn));
        remove_locked(d, &d->entries[gfn], p->id, kind, TRACE_READ, from, to);
        remove_locked(d, &d->entries[gfn], p->id, kind, TRACE_WRITE, from, to);
        pthread_mutex_unlock(directory_lock_of(d, gfn));
    }
}
