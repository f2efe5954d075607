/* SPDX-License-Identifier: MIT */
/*
 * The journal: the one door for everything that is not a function of the machine's own state: host time, entropy,
 * input, deliveries, edges between participants. Callers ask it for a value or for the next event at a position
 * and get the live one (which it logs when the run is recorded) or the recorded one. Nobody else knows which.
 *
 * There is one stream per participant. A stream is used by its participant's thread; flushing one of a parked
 * participant is done by others under the participant's lock. docs/replay.md has the log format and the rules for
 * device authors.
 */
#ifndef REPLAY_JOURNAL_H
#define REPLAY_JOURNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "src/base/types.h"

enum journal_mode { JOURNAL_LIVE, JOURNAL_RECORD, JOURNAL_REPLAY };

enum journal_type {
#define EVENT(name, number, values, text) JOURNAL_##name = number,
#include "replay/events.def"
#undef EVENT
    JOURNAL_TYPES = 16
};

#define JOURNAL_STREAMS_MAX 65
#define JOURNAL_NEVER (~(u64)0)

struct journal_event {
    u8 type; /* enum journal_type */
    u64 pos; /* the stream's participant is at this icount */
    u64 v[4];
};

struct journal;
struct log_writer;
struct log_reader;

struct journal_stream {
    struct journal *j;
    unsigned id;

    /* Guest time as this participant sees it: base + 2 ns per instruction, capped, until the next CLOCK event. */
    u64 clock_base, clock_pos, clock_last;
    u64 clock_asked; /* position + 1 at which it was last told; 0: not since it was set */

    /* Recording: events since the last chunk. */
    u8 *buf;
    size_t len;
    u64 last_pos; /* of the last event written or read: positions are stored as differences */
    u64 last_object;
    u64 last_clock;
    u64 known[JOURNAL_STREAMS_MAX]; /* positions of others that the last edges reached */

    /* Replay: decoded chunk and the event that comes next. */
    u8 *chunk;
    size_t chunk_len, chunk_at;
    u64 next_chunk; /* index into the reader's chunk table */
    struct journal_event next;
    bool has_next;
    u64 complete;                    /* the log is complete for this stream up to this position */
    struct journal_event recent[16]; /* ring of the last events, for divergence reports */
    unsigned n_recent;
};

struct journal {
    enum journal_mode mode;
    unsigned n_streams; /* vCPUs; the agent's stream is number 64 */
    struct journal_stream stream[JOURNAL_STREAMS_MAX];
    struct log_writer *writer;
    const char *path; /* of the log that is written, for messages */
    struct log_reader *reader;
    _Atomic u64 clock_max; /* latest guest time anyone was told */
    u64 epoch;             /* host_clock_ns() at guest time 0 */
    /* Source of live guest time; NULL: the host's clock since epoch. */
    u64 (*now)(void *ctx, unsigned id, u64 pos);
    void *now_ctx;
    u64 prng; /* deterministic runs: seed of the entropy, 0: the host's */
    _Atomic u64 events, bytes, edges;
    _Atomic bool failed; /* recording ended early (disk full) */
    /* A replay diverged: report and end the program (exit status 3). Set by the machine. */
    void (*diverged)(void *ctx, unsigned id, u64 pos, const char *what);
    void *diverged_ctx;
};

/* Prepare for vCPUs 0..n-1 and the agent. */
void journal_create(struct journal *j, enum journal_mode mode, unsigned n_vcpus);
void journal_destroy(struct journal *j);
struct journal_stream *journal_stream(struct journal *j, unsigned id);

/* Record: append an event (no-op in other modes). The stream's participant, at position pos. */
void journal_put(struct journal_stream *s, enum journal_type type, u64 pos, u64 a, u64 b, u64 c,
                 u64 d);

/* Guest time in ns at position pos: monotonic for the stream and, by causality, across streams. */
u64 journal_clock(struct journal_stream *s, u64 pos);
/* The live time behind it, unlogged: only to decide whether something is due, never shown to the guest. */
u64 journal_live_ns(struct journal *j, unsigned id, u64 pos);
/* Make guest time at pos at least the live time; what a timer event carries. Returns it. */
u64 journal_clock_sync(struct journal_stream *s, u64 pos);
/* A timer event at pos carried this time (live or logged): the stream's guest time goes on from it. Returns that time. */
u64 journal_clock_set(struct journal_stream *s, u64 pos, u64 ns);
u64 journal_entropy(struct journal_stream *s, u64 pos);

/* The next event due at boundary `pos`: in a live or recorded run `live` is asked (it returns false when there is
 * nothing; it fills type and values) and its answer logged unless the type is 0; in a replay the log is. CLOCK and ENTROPY
 * events belong to instructions and are never returned. */
typedef bool journal_source(void *ctx, struct journal_event *ev);
bool journal_next(struct journal_stream *s, u64 pos, journal_source *live, void *ctx,
                  struct journal_event *ev);

/* Replay: take the next event if it is an edge at pos. For whoever passes several positions within one event. */
bool journal_take_edge(struct journal_stream *s, u64 pos, struct journal_event *ev);

/* Position of the next logged event of a replay, JOURNAL_NEVER in other modes and at the end of a live stream;
 * for an ended stream the position up to which it is complete. */
u64 journal_horizon(const struct journal_stream *s);
/* Replay: nothing is left and pos has reached what the log is complete to. */
bool journal_at_end(const struct journal_stream *s, u64 pos);

/* Replay: say that a value differs from the log's. Does not return in a program; tests may return. */
void journal_diverge(struct journal_stream *s, u64 pos, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Record: write what is buffered as a chunk that is complete up to pos. */
void journal_flush(struct journal_stream *s, u64 pos);

struct participant;
/* Guest time as p sees it at p->position. p's own thread (trace/participant.c). */
u64 journal_clock_ns(struct participant *p);

#endif
