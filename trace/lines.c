/* SPDX-License-Identifier: MIT */
/*
 * Line ordering of hot pages.
 *
 * When a page changes hands all the time (locks, counters, false sharing), asking its holder and waiting for a boundary costs
 * more than the accesses. Such a page is switched, by somebody who holds it exclusively: from then on nobody holds it, no
 * TLB entry grants it, and every access to it locks the 64-byte lines it touches, from its instruction's first access to
 * the end of the instruction. Such an instruction runs alone, so its end is a boundary. A line that is locked by
 * somebody else makes the instruction start over: nobody waits while he holds a line.
 *
 * Each line remembers the position behind its last write and behind each participant's last read since, and an access logs edges
 * from those that are not its own and not implied. An instruction that faults counts as having read what it
 * locked, since the fault may depend on it. Locking is a locked operation, so two line accesses of one CPU are never
 * reordered.
 *
 * A page goes back to page ordering when something wants to be derived from it (code, page tables), or when one
 * participant alone has used it for a while. Or when its users access it every few instructions, each: then lines cost more
 * than they gain, and the page is held for longer whenever it has moved (dir_entry.stay), twice as long each time that is
 * found again. That ends when the page has been ordered by line, some time later, and was not used so.
 */
#include "trace/lines.h"

#include <stdlib.h>

#include "src/base/check.h"

enum { LINES = 64, HOT = 96, COOL_TRANSFERS = 2048, ALONE = 400 };
enum { DENSE_INSNS = 32, DENSE = 256, STAY_FIRST = 4, STAY_MAX = 7 };

struct line {
    _Atomic u8 owner; /* participant + 1 who has it locked; 0: free */
    u8 last_writer;
    u64 write_pos;
};

struct line_state {
    struct line line[LINES];
    _Atomic u32 alone; /* accesses in a row by the same participant */
    _Atomic u8 user;
    /* Accesses that came within DENSE_INSNS of the same participant's last, less the others; between -DENSE and DENSE. */
    _Atomic i32 dense;
    u64 last_pos[PARTICIPANTS_MAX]; /* where its last access was; each its own */
    /* [LINES][PARTICIPANTS_MAX], position behind the last read since the last write; 0: none. */
    u64 *read_pos;
};

static u64 *readers_of(struct line_state *s, unsigned line)
{
    return s->read_pos + (size_t)line * PARTICIPANTS_MAX;
}

static void log_edge(struct participant *p, unsigned source, u64 pos, u64 object)
{
    if (source == p->id || source == NOBODY || p->stream->known[source] >= pos)
        return;
    pthread_mutex_lock(&p->lock);
    journal_put(p->stream, JOURNAL_EDGE, p->position, source, pos, object, 0);
    pthread_mutex_unlock(&p->lock);
}

static void log_line_edges(struct participant *p, struct line_state *s, u64 gfn, unsigned line,
                           bool write)
{
    u64 *read_pos = readers_of(s, line);

    log_edge(p, s->line[line].last_writer, s->line[line].write_pos, LINE_OBJECT(gfn, line));
    for (unsigned i = 0; write && i < PARTICIPANTS_MAX; i++)
        if (read_pos[i])
            log_edge(p, i, read_pos[i], LINE_OBJECT(gfn, line));
}

void lines_free(struct dir_entry *e)
{
    if (e->lines)
        free(e->lines->read_pos);
    free(e->lines);
}

/* ---- Switching ---------------------------------------------------------------------------------------------------- */

bool lines_wanted_locked(struct directory *d, struct dir_entry *e, u64 object)
{
    u64 now = atomic_load_explicit(&d->transfers, memory_order_relaxed),
        age = (now - e->heat_at) / COOL_TRANSFERS;

    e->heat = age > 31 ? 0 : e->heat >> age;
    if (age)
        e->heat_at = now;
    return object < d->n_pages && ++e->heat > HOT && !e->nodes && !sched_alone(&d->sched);
}

void lines_begin_locked(struct directory *d, struct dir_entry *e, struct participant *p, u64 gfn)
{
    struct line_state *s = e->lines;

    if (!s) {
        s = e->lines = calloc(1, sizeof(*s));
        CHECK(s);
        s->read_pos = calloc(LINES * PARTICIPANTS_MAX, sizeof(u64));
        CHECK(s->read_pos);
    }
    /* What p has just waited for counts from its next position on only, so the page's own history is what others have to wait
     * for; of p, what it read before. */
    for (unsigned i = 0; i < LINES; i++) {
        u64 *read_pos = readers_of(s, i);

        s->line[i].last_writer = e->last_writer;
        s->line[i].write_pos = e->last_write_pos;
        for (unsigned k = 0; k < PARTICIPANTS_MAX; k++)
            read_pos[k] = e->read_pos && e->read_pos[k] ? e->read_pos[k] - 1 : 0;
        read_pos[p->id] = p->position;
        /* Who still believes that the page is ordered by line may lock this one from now on, and reads what is above. */
        atomic_store_explicit(&s->line[i].owner, 0, memory_order_release);
    }
    atomic_store_explicit(&s->alone, 0, memory_order_relaxed);
    atomic_store_explicit(&s->dense, 0, memory_order_relaxed);
    e->heat = 0;
    e->readers = 0;
    e->writer = NOBODY;
    e->from_lines = false;
    pthread_mutex_lock(&p->lock);
    p->rights[gfn] = 0;
    p->drop(p, gfn, DROP_READ | DROP_WRITE); /* nothing is derived from it */
    pthread_mutex_unlock(&p->lock);
    atomic_store_explicit(&e->lined, true, memory_order_release);
    atomic_fetch_add_explicit(&d->line_pages, 1, memory_order_relaxed);
}

static bool try_lock(struct line *l, unsigned id)
{
    u8 free = 0;

    return atomic_compare_exchange_strong_explicit(&l->owner, &free, (u8)(id + 1),
                                                   memory_order_seq_cst, memory_order_relaxed);
}

bool lines_end_locked(struct directory *d, struct dir_entry *e, struct participant *p, u64 gfn)
{
    struct line_state *s = e->lines;
    i32 dense = atomic_load_explicit(&s->dense, memory_order_relaxed);
    unsigned locked;

    (void)d;
    for (locked = 0; locked < LINES; locked++)
        if (!try_lock(&s->line[locked], p->id))
            break;
    if (locked < LINES) {
        while (locked--)
            atomic_store_explicit(&s->line[locked].owner, 0, memory_order_release);
        return false;
    }
    if (dense == DENSE)
        e->stay = (u8)MIN(MAX(e->stay + 1, STAY_FIRST), STAY_MAX);
    else if (dense == -DENSE)
        e->stay = 0;
    atomic_store_explicit(&e->lined, false, memory_order_release);
    for (unsigned i = 0; i < LINES; i++)
        log_line_edges(p, s, gfn, i, true);
    /* The lines stay locked: whoever still tries one looks at `lined` again. */
    e->last_writer = NOBODY;
    e->touched = e->from_lines = true;
    if (e->read_pos)
        memset(e->read_pos, 0, PARTICIPANTS_MAX * sizeof(u64));
    return true;
}

void lines_resume_locked(struct dir_entry *e)
{
    e->from_lines = false;
    e->readers = 0;
    e->writer = NOBODY;
    atomic_store_explicit(&e->lined, true, memory_order_release);
    for (unsigned i = 0; i < LINES; i++)
        atomic_store_explicit(&e->lines->line[i].owner, 0, memory_order_release);
}

/* ---- Accesses ------------------------------------------------------------------------------------------------------ */

static struct line_held *find_held(struct participant *p, u64 gfn, unsigned line)
{
    for (unsigned i = 0; i < p->n_lines; i++)
        if (p->lines[i].gfn == gfn && p->lines[i].line == line)
            return &p->lines[i];
    return NULL;
}

/* Is one participant alone with the page for long enough? */
static bool is_alone(struct line_state *s, unsigned id)
{
    if (atomic_load_explicit(&s->user, memory_order_relaxed) != id) {
        atomic_store_explicit(&s->user, (u8)id, memory_order_relaxed);
        atomic_store_explicit(&s->alone, 0, memory_order_relaxed);
        return false;
    }
    return atomic_fetch_add_explicit(&s->alone, 1, memory_order_relaxed) > ALONE;
}

/* Is the page accessed all the time? An instruction that waits for a line tries again and again, and counts once. */
static bool is_dense(struct line_state *s, const struct participant *p)
{
    u64 since = p->position - s->last_pos[p->id];
    bool soon = since <= DENSE_INSNS;
    i32 dense = atomic_load_explicit(&s->dense, memory_order_relaxed);

    if (!since)
        return false;
    s->last_pos[p->id] = p->position;
    dense = soon ? MIN(dense + 1, DENSE) : MAX(dense - 1, -DENSE);
    atomic_store_explicit(&s->dense, dense, memory_order_relaxed);
    return dense == DENSE;
}

bool lines_take(struct participant *p, u64 gpa, u32 size, bool write)
{
    u64 gfn = gpa >> 12;
    struct dir_entry *e = &p->dir->entries[gfn];
    struct line_state *s = e->lines;
    unsigned first = (gpa & 0xfff) >> 6,
             last = (unsigned)MIN(((gpa & 0xfff) + size - 1) >> 6, LINES - 1);

    if (!p->n_lines && (is_alone(s, p->id) | is_dense(s, p))) {
        directory_want(p, gfn, RIGHT_WRITE, gpa, size);
        return false;
    }
    for (unsigned i = first; i <= last; i++) {
        struct line_held *h = find_held(p, gfn, i);

        if (!h) {
            if (p->n_lines == PARTICIPANT_LINES) {
                directory_want(p, gfn, RIGHT_WRITE, gpa, size); /* too many: as a page */
                return false;
            }
            if (!try_lock(&s->line[i], p->id)) {
                /* There is somebody else. */
                atomic_store_explicit(&s->alone, 0, memory_order_relaxed);
                directory_want(p, WANT_RETRY, 0, gpa, size);
                return false;
            }
            h = &p->lines[p->n_lines++];
            *h = (struct line_held){gfn, (u8)i, false};
            log_line_edges(p, s, gfn, i, write);
        } else if (write && !h->write) {
            log_line_edges(p, s, gfn, i, true);
        }
        h->write |= write;
    }
    return true;
}

void lines_release_slow(struct participant *p, bool done)
{
    for (unsigned i = 0; i < p->n_lines; i++) {
        const struct line_held *h = &p->lines[i];
        struct line_state *s = p->dir->entries[h->gfn].lines;
        struct line *l = &s->line[h->line];
        u64 *read_pos = readers_of(s, h->line);

        if (done && h->write) {
            memset(read_pos, 0, PARTICIPANTS_MAX * sizeof(u64));
            l->last_writer = (u8)p->id;
            l->write_pos = p->position + 1;
        } else if (done) {
            read_pos[p->id] = p->position + 1;
        }
        atomic_exchange_explicit(&l->owner, 0, memory_order_seq_cst);
    }
    p->n_lines = 0;
}
