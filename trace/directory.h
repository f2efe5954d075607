/* SPDX-License-Identifier: MIT */
/*
 * The directory: one entry for each object (guest page, the I/O space, the APIC map, the A20 gate), which knows who holds what
 * there and who must be told before a write takes effect.
 *
 * Plain runs: a page without consumers costs nothing; the entry knows who may have write permission cached (wcached). A
 * participant derives something (code, translations, descriptors) only while nobody else may write unseen, and a write
 * to what others derived goes through the directory under the kind's semantics. Recorded runs: every page is concurrent
 * read, exclusive write; deriving needs the read hold, and losing it drops what was derived.
 *
 * A participant that lacks a right abandons its instruction and calls hold_acquire() at the boundary (trace/holds.c).
 * All state of an entry is under its lock (hashed: directory_lock_of()), which is taken before any participant's lock.
 */
#ifndef TRACE_DIRECTORY_H
#define TRACE_DIRECTORY_H

#include "trace/participant.h"
#include "trace/sched.h"

enum trace_semantics {
    TRACE_BRACKET,
    TRACE_POST_SYNC,
    TRACE_POST_ASYNC,
    TRACE_PRE_DATA,
    TRACE_DEFERRED
};
enum trace_access { TRACE_READ = 1, TRACE_WRITE = 2 };

struct trace_range {
    u64 start, end;
};

/* One participant's interest in a page, of one kind. */
struct trace_node {
    struct trace_node *next;
    u8 participant, kind, access;
    bool
        marks; /* entries in which an accessed or dirty bit would be another: setting one concerns it too */
    u64 lines; /* 64-byte lines concerned */
    struct trace_range
        *ranges; /* exact byte ranges (trace_add); NULL: whole lines, of what was derived */
    unsigned n_ranges;
};

#define NOBODY 0xff
/* As a wanted object: nothing to acquire, try again in a moment. */
#define WANT_RETRY (~(u64)0)

struct line_state;

struct dir_entry {
    pmask_t
        readers; /* recorded run: who has the read hold; of the A20 gate in every run: who remembers it */
    pmask_t
        wcached; /* who may have write permission cached; recorded run: who did since he got his hold */
    pmask_t waiters; /* whom to wake when something is released */
    struct trace_node *nodes;
    u64 traced_lines; /* the nodes' lines together: most writes to such a page touch none of them */
    u64 *
        read_pos; /* [participants]: where each released its read hold since the last write; 0: no */
    u64 last_write_pos;
    u64 grant_pos; /* recorded run: where the writer got its hold; released there, it was never used */
    u64 claim;     /* ticket of the waiting instruction the object is kept for; 0: none */
    struct line_state *lines; /* trace/lines.c; kept when the page goes back to page ordering */
    u64 heat_at;
    u32 heat; /* lately transferred so often, halved with age: what makes a page hot */
    u8 claimer;
    u8 writer;      /* participant with the write hold, NOBODY */
    u8 last_writer; /* NOBODY: never held */
    u8 announcing; /* participant + 1 that waits for acknowledgements within an access to it; 0: none */
    u8 stay;       /* doublings of how long a release of it may be put off: trace/lines.c */
    u8 migrates; /* how often in a row a reader went on to write: makes it MIGRATES, and the next is taken for one */
    bool guessed; /* the writer asked to read */
    bool touched;
    bool
        from_lines; /* the writer's hold was made of the page's lines, whose history is kept until it is used */
    _Atomic bool lined; /* ordered by 64-byte line, nobody holds it */
};

#define DIRECTORY_LOCKS 1024

/* Counters of one kind: docs/traces.md. */
struct trace_counters {
    _Atomic u64 events, notifications, acks, broadcast;
};

struct directory {
    u64 n_pages; /* objects 0..n_pages-1 are guest pages */
    u64 n_objects;
    struct dir_entry *entries;
    pthread_mutex_t locks[DIRECTORY_LOCKS];
    struct participant *who[PARTICIPANTS_MAX];
    unsigned n_vcpus;
    bool order;       /* holds on every object, edges logged */
    bool precise_mmu; /* page tables are traced: the TLB is invisible */
    u8 semantics[TRACE_KINDS];
    _Atomic u64 tickets;
    pthread_mutex_t split_lock; /* LOCKed operands in two pages, plain runs */
    struct sched sched;
    struct journal *journal;
    struct trace_counters count[TRACE_KINDS];
    _Atomic u64 transfers, handshakes, on_behalf, waits, waited_ns, line_pages, deferred, recalls;
    _Atomic u32 read_watches; /* pages and participants with read traces */
};

/* The objects that are not pages. */
static inline u64 directory_io_object(const struct directory *d)
{
    return d->n_pages;
}
static inline u64 directory_apic_object(const struct directory *d)
{
    return d->n_pages + 1;
}
static inline u64 directory_a20_object(const struct directory *d)
{
    return d->n_pages + 2;
}

/* Directory for n_pages guest pages and n_vcpus participants plus the agent, of which at most n_tokens run at once (the
 * host's CPUs). 0 or -ENOMEM. */
int directory_create(struct directory *d, u64 n_pages, unsigned n_vcpus, unsigned n_tokens,
                     struct journal *journal, bool order, bool precise_mmu);
/* Participants that were added are destroyed before, but their memory is still there. */
void directory_destroy(struct directory *d);
/* With order, p->rights stays null when there is no memory; p is of no use then. */
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

/* p goes on without it after all. Owner. */
void directory_want_nothing(struct participant *p);

/* p is about to keep something derived from [gpa, gpa+len) (within a page). 0: traced from now on; -EAGAIN: p lacks
 * the right (noted), abandon and acquire. Drops p's own cached write permission. Owner. */
int directory_derive(struct participant *p, enum trace_kind kind, u64 gpa, u32 len);
/* What p has derived from the line as a page table depends on its accessed bits too (directory_derive() has traced it). Owner. */
void directory_note_marks(struct participant *p, u64 gpa);
/* Has somebody else noted that? p is about to set one. Owner. */
bool directory_marks_matter(struct participant *p, u64 gpa);
/* Nothing of the kind is derived from the page any more. Owner, or on its behalf under p->lock... of its own pages. */
void directory_underive(struct participant *p, enum trace_kind kind, u64 gfn);

/* What a write may do. */
enum write_grant {
    WRITE_FAST,    /* permission may be cached; no lock held */
    WRITE_LOCKED,  /* once, now: the entry is locked until directory_wrote() */
    WRITE_MISS,    /* noted; abandon and acquire */
    WRITE_CAREFUL, /* only in an instruction that runs alone */
};
enum write_how {
    WRITE_IS_CAREFUL = 1, /* the instruction runs alone */
    WRITE_IS_PROBE =
        2, /* the entry is never left locked: WRITE_LOCKED means that a coming write cannot miss */
    WRITE_IS_UPDATE =
        4, /* read-modify-write: the value is not known, nobody is told before (directory_announce) */
};
/* p wants to write [gpa, gpa+size) within a page. Owner; may wait for consumers' acknowledgements. */
enum write_grant directory_want_write(struct participant *p, u64 gpa, u32 size, u64 value,
                                      unsigned how);
/* Would directory_want_write() say WRITE_FAST? Then the permission may be cached, as after that. Owner. */
bool directory_may_write_plainly(struct participant *p, u64 gpa);
/* Within a WRITE_LOCKED grant of a WRITE_IS_UPDATE: is somebody to be told before it takes effect? Then make it on a copy
 * and call directory_announce() with the result before it is stored. Owner. */
bool directory_must_announce(struct participant *p, u64 gpa, u32 size);
void directory_announce(struct participant *p, u64 gpa, u32 size, u64 value);
/* The write of a WRITE_LOCKED grant is done: unlocks, tells consumers. `how` as it was asked for. Owner. */
void directory_wrote(struct participant *p, u64 gpa, u32 size, u64 value, unsigned how);
/* It will not be done: unlocks. Owner. */
void directory_cancel_write(struct participant *p, u64 gpa, u32 size);

/* ---- setting.c: what the machine sets for all at once, and each participant remembers: the A20 gate ---- */

/* p is about to look at the setting and to rely on it until p->drop (DROP_A20). 0, or -EAGAIN: somebody is changing it (noted),
 * abandon and acquire. Owner. */
int setting_remember(struct participant *p, u64 object);
/* p is about to change it. 0: nobody else remembers it, nor will until p's instruction has retired. -EAGAIN: noted, abandon and
 * acquire. Owner. */
int setting_change(struct participant *p, u64 object);
/* c forgets it, for somebody who changes it; plain runs. Entry and c locked. */
void setting_release_locked(struct dir_entry *e, u64 object, struct participant *c);

/* ---- watch.c, tell.c ---- */

/* Trace [start, end), any bytes, for accesses (TRACE_READ, TRACE_WRITE or both) of all participants: p->notify is called
 * in the semantics of the kind, once for each access that touches a traced byte (however many ranges of p it touches). Ranges
 * may overlap. When it returns nobody can access the range unseen. 0 or -EINVAL (empty, not guest pages). p's own thread
 * at a boundary, or another while p's has not been started; may wait. */
int trace_add(struct participant *p, enum trace_kind kind, unsigned access, u64 start, u64 end);
/* No more, for both accesses. What was posted before may still arrive. Any thread. */
void trace_remove(struct participant *p, enum trace_kind kind, u64 start, u64 end);
/* Is a read of the page to be reported? Then each goes between trace_read_begin(), which may wait and leaves the entry
 * locked, and trace_read_end(). Owner, in an instruction that runs alone. */
bool trace_reads_watched(struct directory *d, u64 gfn);
void trace_read_begin(struct participant *p, u64 gpa, u32 size);
void trace_read_end(struct participant *p, u64 gpa, u32 size, u64 value);

/* Before and after an access, entry locked. before: unlocks and locks again while it waits. after: `done` false: the access
 * was given up. */
bool trace_tells_before_locked(const struct directory *d, const struct dir_entry *e,
                               const struct trace_event *about);
void trace_before_locked(struct participant *p, struct dir_entry *e,
                         const struct trace_event *about);
void trace_after_locked(struct participant *p, struct dir_entry *e, const struct trace_event *about,
                        bool done);
/* Wait while another announces an access to the entry's page. Entry locked; unlocks and locks again. */
void trace_await_announcer_locked(struct participant *p, struct dir_entry *e, u64 object);
static inline bool trace_announced_by_other(const struct dir_entry *e, const struct participant *p)
{
    return e->announcing && e->announcing != p->id + 1;
}
/* Tell c, which must not be actor, or do it on its behalf if it is parked. *owed gets c if the actor has to wait for its
 * acknowledgement: because it `waits`, or because c does not keep up. Entry locked. */
void trace_post_locked(struct participant *actor, struct participant *c,
                       const struct trace_post *post, bool waits, pmask_t *owed);
/* Acknowledge what was posted. p->lock held; owner at a boundary. */
void trace_take_posts_locked(struct participant *p);
/* Wait for what p->awaiting says. Owner, at a boundary. */
void trace_await_receipts(struct participant *p);
/* Lock something that others hold while they wait for acknowledgements within an instruction. Owner. */
void trace_lock_receiving(struct participant *p, pthread_mutex_t *lock);

/* Count the write of p to what it alone has derived something from, in those kinds. Entry locked. */
void trace_count_own(struct participant *p, u64 object, unsigned kinds);
void trace_count_event(struct directory *d, unsigned kind, unsigned actor);
void trace_count_notification(struct directory *d, unsigned kind, unsigned consumer,
                              bool acknowledged);

/* ---- For trace/ itself: entry locked. ---- */

/* Who but the actor has derived something, in kinds asked for, from the lines of [gpa, gpa+size). */
pmask_t directory_derived_locked(const struct dir_entry *e, unsigned actor, u64 gpa, u32 size,
                                 unsigned kinds);
/* In which of the kinds has participant id? */
unsigned directory_derived_kinds_locked(const struct dir_entry *e, unsigned id, u64 gpa, u32 size,
                                        unsigned kinds);
bool trace_node_meets(const struct trace_node *n, unsigned access, u64 gpa, u32 size);
u64 directory_lines_of(u64 gpa, u32 len);
/* Is any of these bytes' lines in any node? / To be called when the lines of a node have become fewer. */
static inline bool directory_traces_locked(const struct dir_entry *e, u64 gpa, u32 size)
{
    return e->traced_lines & directory_lines_of(gpa, size);
}
void directory_unite_lines_locked(struct dir_entry *e);
/* Who waits for a release, and need not be told again. / Wake all of a set. */
static inline pmask_t directory_take_waiters_locked(struct dir_entry *e)
{
    pmask_t who = e->waiters;

    e->waiters = 0;
    return who;
}
static inline void directory_wake(struct directory *d, pmask_t who)
{
    for (int i = -1; (i = pmask_next(who, i)) >= 0;)
        participant_wake(d->who[i]);
}
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
