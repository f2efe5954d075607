/* SPDX-License-Identifier: MIT */
/*
 * The directory: one entry for each object (guest page, the I/O space, the APIC map), which knows who holds what
 * there and who must be told before a write takes effect.
 *
 * Plain runs: a page without consumers costs nothing; the entry knows who may have write permission cached (wcached). A
 * participant derives something (code, translations, descriptors) only while nobody else may write unseen, and a write
 * to what others derived goes through the directory under the kind's semantics. Recorded runs: every page is concurrent
 * read, exclusive write; deriving needs the read hold, and losing it drops what was derived.
 *
 * A participant that lacks a right abandons its instruction and calls hold_acquire() at the boundary (trace/holds.c).
 * All state of an entry is under its lock (hashed: directory_lock()), which is taken before any participant's lock.
 */
#ifndef TRACE_DIRECTORY_H
#define TRACE_DIRECTORY_H

#include "trace/participant.h"
#include "trace/sched.h"

enum trace_kind {
    TRACE_CODE, TRACE_MMU, TRACE_DESC, TRACE_MMIO, TRACE_ORDER, TRACE_DIRTY, TRACE_SHARE, TRACE_WATCH, TRACE_KINDS
};
enum trace_semantics { TRACE_BRACKET, TRACE_POST_SYNC, TRACE_POST_ASYNC, TRACE_PRE_DATA, TRACE_DEFERRED };
enum trace_access { TRACE_READ = 1, TRACE_WRITE = 2 };

/* What a consumer is told. */
struct trace_event {
    u8 kind, access;
    u8 actor;       /* participant number */
    bool before;    /* announced, not yet written (bracket, pre-data) */
    u64 gpa;
    u32 size;
    u64 value;      /* pre-data: what will be written (up to 8 bytes) */
};

struct trace_range { u64 start, end; };

/* One participant's interest in a page, of one kind. */
struct trace_node {
    struct trace_node *next;
    u8 participant, kind, access;
    u64 lines;                  /* 64-byte lines concerned */
    struct trace_range *ranges; /* exact byte ranges; NULL: whole lines */
    unsigned n_ranges;
};

#define NOBODY 0xff
/* As a wanted object: nothing to acquire, try again in a moment. */
#define WANT_RETRY (~(u64)0)

struct line_state;

struct dir_entry {
    pmask_t readers;   /* recorded run: who has the read hold */
    pmask_t wcached;   /* plain run: who may have write permission cached */
    pmask_t waiters;   /* whom to wake when something is released */
    struct trace_node *nodes;
    u64 *read_pos;     /* [participants]: where each released its read hold since the last write; 0: did not */
    u64 last_write_pos;
    u64 grant_pos;     /* recorded run: where the writer got its hold; released there, it was never used */
    u64 claim;         /* ticket of the waiting instruction the object is kept for; 0: none */
    struct line_state *lines; /* trace/lines.c; kept when the page goes back to page ordering */
    u64 heat_at;
    u32 heat;          /* lately transferred so often, halved with age: what makes a page hot */
    u8 claimer;
    u8 writer;         /* participant with the write hold, NOBODY */
    u8 last_writer;    /* NOBODY: never held */
    bool touched;
    bool from_lines;   /* the writer's hold was made of the page's lines, whose history is kept until it is used */
    _Atomic bool lined; /* ordered by 64-byte line, nobody holds it */
};

#define DIRECTORY_LOCKS 1024

/* Counters of one kind. */
struct trace_counters { _Atomic u64 events, notifications, acks, broadcast; };

struct directory {
    u64 n_pages;          /* objects 0..n_pages-1 are guest pages */
    u64 n_objects;
    struct dir_entry *entries;
    pthread_mutex_t locks[DIRECTORY_LOCKS];
    struct participant *who[PARTICIPANTS_MAX];
    unsigned n_vcpus;
    bool order;           /* holds on every object, edges logged */
    bool precise_mmu;     /* page tables are traced: the TLB is invisible */
    u8 semantics[TRACE_KINDS];
    _Atomic u64 tickets;
    pthread_mutex_t split_lock; /* LOCKed operands in two pages, plain runs */
    struct sched sched;
    struct journal *journal;
    struct trace_counters count[TRACE_KINDS];
    _Atomic u64 transfers, handshakes, on_behalf, waits, line_pages, deferred;
};

/* The objects that are not pages. */
static inline u64 directory_io_object(const struct directory *d) { return d->n_pages; }
static inline u64 directory_apic_object(const struct directory *d) { return d->n_pages + 1; }

/* Directory for n_pages guest pages and n_vcpus participants plus the agent. 0 or -ENOMEM. */
int directory_create(struct directory *d, u64 n_pages, unsigned n_vcpus, struct journal *journal, bool order,
                     bool precise_mmu);
void directory_destroy(struct directory *d);
void directory_add(struct directory *d, struct participant *p);

static inline pthread_mutex_t *directory_lock_of(struct directory *d, u64 object)
{
    return &d->locks[(object ^ object >> 10) % DIRECTORY_LOCKS];
}

/* Does p hold `right` on the object? Always true in runs without order. */
static inline bool directory_has(const struct participant *p, u64 object, unsigned right)
{
    return !p->dir->order || (p->rights[object] & right) == right;
}

/* Note what p could not get; the caller then abandons its instruction. Owner. */
void directory_want(struct participant *p, u64 object, unsigned right, u64 gpa, u32 size);

/* p is about to keep something derived from [gpa, gpa+len) (within a page). 0: traced from now on; -EAGAIN: p lacks
 * the right (noted), abandon and acquire. Drops p's own cached write permission. Owner. */
int directory_derive(struct participant *p, enum trace_kind kind, u64 gpa, u32 len);
/* Nothing of the kind is derived from the page any more. Owner, or on its behalf under p->lock... of its own pages. */
void directory_underive(struct participant *p, enum trace_kind kind, u64 gfn);

/* What a write may do. */
enum write_grant {
    WRITE_FAST,    /* permission may be cached; no lock held */
    WRITE_LOCKED,  /* once, now: the entry is locked until directory_wrote() */
    WRITE_MISS,    /* noted; abandon and acquire */
    WRITE_CAREFUL, /* only in an instruction that runs alone */
};
/* p wants to write [gpa, gpa+size) within a page. With `probe` the entry is never left locked: WRITE_LOCKED then means
 * that a coming write cannot miss. Owner. */
enum write_grant directory_want_write(struct participant *p, u64 gpa, u32 size, u64 value, bool careful, bool probe);
/* The write of a WRITE_LOCKED grant is done: unlocks, tells consumers. Owner. */
void directory_wrote(struct participant *p, u64 gpa, u32 size, u64 value);

/* Watches: exact byte ranges on behalf of a participant, which is notified through p->notify. Any kind, read or write
 * access. Adding waits until nobody can access unseen: p parked or not running guest code. */
int trace_add(struct participant *p, enum trace_kind kind, unsigned access, u64 start, u64 end);
void trace_remove(struct participant *p, enum trace_kind kind, u64 start, u64 end);
/* Is a read of the page to be reported? Then call trace_read_event() for each read. */
bool trace_reads_watched(struct directory *d, u64 gfn);
void trace_read_event(struct participant *p, u64 gpa, u32 size);

/* Who is concerned by a write or read of [gpa, gpa+size) by `actor`: consumers other than the actor; *self tells whether the
 * actor is one too. Entry locked. kinds: mask of kinds asked for. */
pmask_t directory_consumers_locked(struct directory *d, struct dir_entry *e, unsigned actor, unsigned access,
                                   u64 gpa, u32 size, unsigned kinds, unsigned *self_kinds);

/* For trace/ itself: entry locked. */
extern const u8 directory_drop_of_kind[TRACE_KINDS];
unsigned directory_kinds_with(const struct directory *d, unsigned semantics);
void directory_remove_nodes_locked(struct dir_entry *e, unsigned id, unsigned kinds);
void directory_claim_locked(struct dir_entry *e, u64 object, struct participant *p);

/* ---- holds.c ---- */

/* Get what directory_want() noted. p is at a boundary (p->position set), with a run token. Returns with the object
 * claimed for p until hold_retire(). */
void hold_acquire(struct participant *p);
/* The instruction that waited has retired: give up its claims, wait for owed acknowledgements. Owner, at a boundary. */
void hold_retire(struct participant *p);
/* Acknowledge what others asked of p. Owner, at a boundary (p->position set). Returns the number of instructions p
 * may go on before it must serve again because a release is put off, ~0: nothing is owed. `now`: put nothing off. */
u64 hold_serve(struct participant *p, bool now);

#endif
