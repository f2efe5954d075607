/* SPDX-License-Identifier: MIT */
/*
 * Line ordering: a page whose transfers are frequent is ordered by 64-byte line instead (recorded runs only). See
 * trace/lines.c.
 */
#ifndef TRACE_LINES_H
#define TRACE_LINES_H

#include "trace/directory.h"

/* Object number of a line in the log: apart from all page numbers. */
#define LINE_OBJECT(gfn, line) (1ull << 62 | (gfn) << 6 | (line))

/* Is the page ordered by line now? Any thread; may change at any time while no line of it is locked. */
static inline bool lines_ordered(struct directory *d, u64 gfn)
{
    return atomic_load_explicit(&d->entries[gfn].lined, memory_order_acquire);
}

/* Lock the lines of [gpa, gpa+size) (within a page) for the rest of p's instruction and log the edges that its access needs.
 * False: what it waits for has been noted (directory_want), abandon and hold_acquire(). Owner. */
bool lines_take(struct participant *p, u64 gpa, u32 size, bool write);
/* The instruction is over: `done` or abandoned. Owner; cheap when no line is held. */
void lines_release_slow(struct participant *p, bool done);
static inline void lines_release(struct participant *p, bool done)
{
    if (unlikely(p->n_lines))
        lines_release_slow(p, done);
}

void lines_free(struct dir_entry *e);

/* Entry locked. Is the page of e hot enough, and free to be switched? p holds it exclusively. */
bool lines_wanted_locked(struct directory *d, struct dir_entry *e, u64 object);
/* Switch it: the page's history becomes that of every line. */
void lines_begin_locked(struct directory *d, struct dir_entry *e, struct participant *p, u64 gfn);
/* Switch back to a page that p is about to hold exclusively; logs p's edges. False: a line is locked just now. */
bool lines_end_locked(struct directory *d, struct dir_entry *e, struct participant *p, u64 gfn);
/* The hold that was made of the lines is given up before it was used: back to the lines, as they were. */
void lines_resume_locked(struct dir_entry *e);

#endif
