/* SPDX-License-Identifier: MIT */
/*
 * A stage for tests of trace/: a directory, participants that no vCPU belongs to, and a few pages of memory.
 *
 * Everybody starts parked, so one thread can play all of them: stage_write() and stage_read() do what the MMU does
 * for one instruction of a participant. A participant of which a thread of its own is to be waited for is taken on
 * stage with stage_enter() and serves with hold_serve(). What a party is told it writes down with what memory held at
 * that moment.
 */
#ifndef TESTS_UNIT_TRACE_FIXTURE_H
#define TESTS_UNIT_TRACE_FIXTURE_H

#include "replay/log.h"
#include "trace/directory.h"

enum { STAGE_PAGES = 8, STAGE_PARTIES = 8, HEARD_MAX = 64 };

struct heard {
    struct trace_event ev;
    u64 memory; /* the bytes of ev.gpa, ev.size then */
};

struct stage;

struct party {
    struct participant p;
    struct stage *stage;
    struct heard heard[HEARD_MAX];
    _Atomic unsigned n_heard;   /* all, also those that were not kept */
    _Atomic unsigned n_dropped; /* calls of drop for something derived */
    u32 dropped[STAGE_PAGES];   /* DROP_* since the last look */
    u64 dropped_memory;         /* first 8 bytes of the page at the last drop */
    unsigned n_wrote;           /* calls of wrote */
    bool wrote[STAGE_PAGES];    /* in which pages */
    u64 missed;                 /* accesses that had to be begun again */
    unsigned n_settings;        /* calls of drop for a setting */
};

struct stage {
    struct directory dir;
    struct journal journal;
    struct party party[STAGE_PARTIES];
    unsigned n;
    u8 *memory; /* STAGE_PAGES pages */
    char log[64];
};

/* n vCPUs and the agent (party n). `order`: holds on everything, into a log. */
void stage_begin(struct stage *s, unsigned n, bool order);
void stage_end(struct stage *s);

/* Load and store `size` (1 to 8) bytes of memory, without anybody's notice. */
u64 stage_load(struct stage *s, u64 gpa, u32 size);

/* The party runs guest code from here on. / It is parked again. Its own thread. */
void stage_enter(struct stage *s, unsigned who);
void stage_leave(struct stage *s, unsigned who);

/* One instruction of a party that writes (reads) within a page. Its own thread, or it is parked. */
void stage_write(struct stage *s, unsigned who, u64 gpa, u32 size, u64 value);
u64 stage_read(struct stage *s, unsigned who, u64 gpa, u32 size);
/* Derive something from the lines of [gpa, gpa+size) and return the first 8 bytes. */
u64 stage_derive(struct stage *s, unsigned who, enum trace_kind kind, u64 gpa, u32 size);
/* Take the hold for one instruction. */
void stage_hold(struct stage *s, unsigned who, u64 object, unsigned right);

/* Counters of a kind are these? */
bool stage_counts(struct stage *s, enum trace_kind kind, u64 events, u64 notifications, u64 acks,
                  u64 broadcast);
/* Forget what was heard, dropped and counted. */
void stage_forget(struct stage *s);

/* Close the log of an ordered stage and read the edges of one stream. Returns how many. */
struct edge {
    u64 pos, source, source_pos, object;
};
unsigned stage_edges(struct stage *s, unsigned who, struct edge *edges, unsigned max);

#endif
