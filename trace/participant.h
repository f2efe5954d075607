/* SPDX-License-Identifier: MIT */
/*
 * Participants: everyone who can touch guest memory or devices. Each vCPU is one, and the I/O agent is one.
 *
 * A participant owns a logical clock (icount, see docs/architecture.md), a set of rights on objects and a
 * stop word through which others ask for its attention. It is RUNNING while its thread executes guest code and
 * PARKED otherwise (halted, waiting, without a run token); whoever needs something from a parked
 * participant does it on its behalf under participant->lock, so nobody ever waits for a sleeping thread.
 *
 * The stop word packs the instruction budget (low half, written by the owner alone) and the stop request
 * (high half, written by others): "word < length of the block" is the one test at a block's entry, because a
 * stop request makes the word negative.
 */
#ifndef TRACE_PARTICIPANT_H
#define TRACE_PARTICIPANT_H

#include <pthread.h>
#include <stdatomic.h>

#include "replay/journal.h"
#include "src/base/types.h"

#define PARTICIPANT_VCPUS_MAX 64
#define PARTICIPANTS_MAX 65
/* The I/O agent's participant number, whatever the number of vCPUs. */
#define PARTICIPANT_AGENT 64

/* A set of participants; bit n is participant n. */
typedef unsigned __int128 pmask_t;
#define PMASK(id) ((pmask_t)1 << (id))

/* The participants of a mask, lowest first: `for (int i = -1; (i = pmask_next(mask, i)) >= 0;)`. */
static inline int pmask_next(pmask_t mask, int after)
{
    u64 low, high;

    if (after >= 127)
        return -1;
    mask = mask >> (after + 1) << (after + 1);
    low = (u64)mask;
    high = (u64)(mask >> 64);
    return low ? __builtin_ctzll(low) : high ? 64 + __builtin_ctzll(high) : -1;
}

#define STOP_REQUEST 0x80000000u

union stop_word {
    _Atomic i64 word;
    struct {
        _Atomic u32 left; /* instructions until the owner must look; < 2^31 */
        _Atomic u32 stop; /* 0 or STOP_REQUEST */
    };
};

/* Rights on an object. A recorded run: standing holds. A plain run: only RIGHT_WRITE of special objects. */
enum { RIGHT_READ = 1, RIGHT_WRITE = 2 };

/* What a participant must drop of a page. */
enum {
    DROP_WRITE = 1,    /* cached write permission */
    DROP_READ = 2,     /* cached read permission */
    DROP_CODE = 4,     /* the right to enter code decoded from it */
    DROP_MMU = 8,      /* translations made from it as a page table */
    DROP_DESC = 16,    /* shadow descriptors */
    DROP_MONITOR = 32, /* the line that MONITOR armed */
    DROP_A20 = 64,     /* what it knows of the A20 gate, and so all translations */
    DROP_ALL = 127,
};

enum trace_kind {
    TRACE_CODE,
    TRACE_MMU,
    TRACE_DESC,
    TRACE_MMIO,
    TRACE_ORDER,
    TRACE_DIRTY,
    TRACE_SHARE,
    TRACE_WATCH,
    TRACE_KINDS
};

#define PARTICIPANT_CLAIMS 24
#define PARTICIPANT_POSTS 256
#define PARTICIPANT_GRANTS 16
#define PARTICIPANT_LINES 64

struct directory;
struct ipi_box;

/* What a consumer is told of an access that a trace of it concerns. */
struct trace_event {
    u8 kind,
        access; /* enum trace_kind; TRACE_READ, TRACE_WRITE or both. Kind TRACE_KINDS: events were lost, look at all */
    u8 actor;   /* participant number */
    bool before; /* the access is to come (bracket, pre-data) */
    bool over;   /* the access announced before is over (bracket) */
    u64 gpa;
    u32 size;
    u64 value; /* written or read (up to 8 bytes); 0 when it is not known yet */
};

/* A notification left for a running consumer. */
struct trace_post {
    struct trace_event ev; /* gpa: the page, when there is only something to drop */
    u8 what;               /* DROP_* */
    bool watch;            /* goes to p->notify */
    bool sync;             /* counted as acknowledged at receipt */
};

/* A line locked for the running instruction (trace/lines.c). */
struct line_held {
    u64 gfn;
    u8 line;
    bool write;
};

struct participant {
    unsigned id;
    union stop_word budget;
    u64 horizon;  /* icount at which `left` reaches 0; owner only */
    u64 position; /* icount at the last boundary stop or journaled access; under lock while parked */
    struct directory *dir; /* NULL: alone, without directory (unit tests) */
    struct journal_stream *stream;
    struct ipi_box *box; /* messages for this vCPU (trace/ipi.c) */

    /* Lock order: object lock (directory) before participant lock; never two participant locks. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool parked;            /* under lock */
    _Atomic u32 wake_count; /* bumped under lock at each wake */
    pmask_t requests;       /* under lock: participants whose acquisition waits for us */
    struct trace_post posts[PARTICIPANT_POSTS]; /* under lock */
    unsigned n_posts,
        n_received; /* n_received: their events have been received within an instruction */
    bool posts_overflow;
    bool within; /* under lock: waits within an instruction (trace/watch.c), receives posts there */
    u64 posted, acked; /* under lock: notifications left, and acknowledged */
    u8 *rights;        /* RIGHT_* per object; changed under the object's lock and this one */

    /* The acquisition this participant waits for; set under lock. */
    u64 want_object;
    u64 want_gpa;
    u32 want_size;
    u8 want_right;
    bool want_guessed; /* to write as well was nobody's wish, but is likely; owner only */
    u16 want_kinds;    /* kinds whose event this acquisition has counted; under the object's lock */
    pmask_t want_told
        [TRACE_KINDS]; /* of those kinds: who was told in the last such event; under the object's lock */
    u16 event_kinds;    /* kinds whose event the present access has counted; owner only */
    _Atomic u64 ticket; /* of the instruction that could not go on; 0: none */
    u64 claims
        [PARTICIPANT_CLAIMS]; /* objects kept until that instruction has retired; owner only */
    u16 claim_kinds[PARTICIPANT_CLAIMS]; /* want_kinds of its acquisition */
    unsigned n_claims;
    u64 await[PARTICIPANTS_MAX]; /* acknowledgements owed by others before we go on */
    pmask_t awaiting;
    /* Objects lately granted, and when: a release may be put off for a bounded number of instructions. */
    struct {
        u64 object, icount, window;
    } grants[PARTICIPANT_GRANTS];
    unsigned n_grants;
    struct line_held lines[PARTICIPANT_LINES]; /* owner only */
    unsigned n_lines;
    u32 retries;

    /* Replay. */
    _Atomic u64 published;       /* everything before this position has taken effect */
    u64 watch[PARTICIPANTS_MAX]; /* under lock: positions of ours that others wait for; 0: none */
    _Atomic u64 watch_min;       /* the least of them, ~0: none */
    _Atomic u32 waits_for;       /* participant + 1 whose position we wait for; 0: none */
    _Atomic u32 waits;           /* how often we began to wait */
    _Atomic u64 waits_pos;
    bool ended; /* under lock: goes no further (end of the log, failure) */

    bool has_token;
    _Atomic bool token_granted; /* set under the scheduler's lock */
    pthread_cond_t token;
    struct participant *token_next;

    /* Drop what was derived from guest page gfn (DROP_*). Called with p->lock held, by the owner at a boundary (or
     * in its own access), or by others while it is parked. */
    void (*drop)(struct participant *p, u64 gfn, unsigned what);
    /* The owner itself wrote to traced memory it derived something from, in those kinds (a bit each). */
    void (*wrote)(struct participant *p, u64 gpa, unsigned size, unsigned kinds);
    /* Consumer of an exact trace (trace_add; may be NULL): called when it acknowledges, as drop is, and by itself within
     * its own access. p->lock is held: it may note what it hears and kick, not call trace/. */
    void (*notify)(struct participant *p, const struct trace_event *ev);
    void *owner; /* struct vcpu or the agent */

    u64 stat_waits;
};

/* Prepare p as number id. */
void participant_create(struct participant *p, unsigned id, struct directory *dir,
                        struct journal_stream *stream);
void participant_destroy(struct participant *p);

/* The participant's icount at a block boundary. Owner only. */
static inline u64 participant_icount(const struct participant *p)
{
    return p->horizon - atomic_load_explicit(&p->budget.left, memory_order_relaxed);
}

/* Set the icount and the number of instructions until the next look. Owner only. */
static inline void participant_set_budget(struct participant *p, u64 icount, u64 left)
{
    u32 n = (u32)MIN(left, 0x7fffffff);

    p->horizon = icount + n;
    atomic_store_explicit(&p->budget.left, n, memory_order_relaxed);
}

/* Ask p to look up at its next block boundary. Any thread. */
static inline void participant_kick(struct participant *p)
{
    atomic_store_explicit(&p->budget.stop, STOP_REQUEST, memory_order_release);
}

/* Wake p if it sleeps in participant_sleep() or an acquisition; it looks again. Any thread; takes p->lock. */
void participant_wake(struct participant *p);
void participant_wake_locked(struct participant *p);

/* Park at p->position: from here others serve p's holds on its behalf. / Go on. Owner only, at a boundary. */
void participant_park(struct participant *p);
void participant_unpark(struct participant *p);
/* While parked: sleep until wake_count differs from `seen` or the host time `deadline` (~0: never). Gives the run token
 * away while it sleeps longer than a short spin, and has it again at return if it had it before. */
void participant_sleep(struct participant *p, u32 seen, u64 deadline);

/* Replay: wait until `src` has published `pos`. False: it never will, because it ended before, or because it waits, itself or
 * through others, for p (no recording holds such a circle, but a log is input from strangers). p is at a boundary. */
bool participant_wait_edge(struct participant *p, struct participant *src, u64 pos);
/* Replay: p stands at boundary p->position: let those go on who wait for it. */
void participant_publish(struct participant *p);
/* p goes no further; whoever waits for a later position of it is told. */
void participant_end(struct participant *p);

#endif
