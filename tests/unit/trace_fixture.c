/* SPDX-License-Identifier: MIT */
/*
 * See trace_fixture.h.
 */
#include "tests/unit/trace_fixture.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mmu/mmu.h"
#include "src/base/check.h"

u64 stage_load(struct stage *s, u64 gpa, u32 size)
{
    u64 v = 0;

    for (u32 i = 0; i < size && gpa + i < STAGE_PAGES * 4096; i++)
        v |= ram_load(s->memory + gpa + i, 1) << 8 * i;
    return v;
}

static void store(struct stage *s, u64 gpa, u32 size, u64 value)
{
    for (u32 i = 0; i < size; i++)
        ram_store(s->memory + gpa + i, 1, value >> 8 * i);
}

static void on_drop(struct participant *p, u64 gfn, unsigned what)
{
    struct party *party = p->owner;

    party->n_settings += (what & DROP_A20) && gfn == directory_a20_object(p->dir);
    if (gfn >= STAGE_PAGES)
        return;
    party->dropped[gfn] |= what;
    if (what & ~(unsigned)(DROP_READ | DROP_WRITE)) {
        party->n_dropped++;
        party->dropped_memory = stage_load(party->stage, gfn << 12, 8);
    }
}

static void on_notify(struct participant *p, const struct trace_event *ev)
{
    struct party *party = p->owner;

    if (party->n_heard < HEARD_MAX)
        party->heard[party->n_heard] =
            (struct heard){*ev, stage_load(party->stage, ev->gpa, MIN(ev->size, 8))};
    party->n_heard++;
}

static void on_wrote(struct participant *p, u64 gpa, unsigned size, unsigned kinds)
{
    struct party *party = p->owner;

    (void)size, (void)kinds;
    party->n_wrote++;
    party->wrote[gpa >> 12] = true;
}

static unsigned id_of(const struct stage *s, unsigned who)
{
    return who == s->n ? PARTICIPANT_AGENT : who;
}

void stage_begin(struct stage *s, unsigned n, bool order)
{
    memset(s, 0, sizeof(*s));
    s->n = n;
    s->memory = calloc(STAGE_PAGES, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->memory);
    journal_create(&s->journal, order ? JOURNAL_RECORD : JOURNAL_LIVE, n);
    if (order) {
        int fd;

        snprintf(s->log, sizeof(s->log), "/tmp/x86sim-test-trace-XXXXXX");
        fd = mkstemp(s->log);
        CU_ASSERT_FATAL(fd >= 0);
        close(fd);
        s->journal.path = s->log;
        CU_ASSERT_EQUAL_FATAL(log_create(&s->journal.writer, s->log, NULL, 0), 0);
    }
    CU_ASSERT_EQUAL_FATAL(directory_create(&s->dir, STAGE_PAGES, n, n, &s->journal, order, true),
                          0);
    for (unsigned i = 0; i <= n; i++) {
        struct participant *p = &s->party[i].p;

        participant_create(p, id_of(s, i), &s->dir, journal_stream(&s->journal, id_of(s, i)));
        p->owner = &s->party[i];
        p->drop = on_drop;
        p->notify = on_notify;
        p->wrote = on_wrote;
        s->party[i].stage = s;
    }
}

static void close_log(struct stage *s)
{
    for (unsigned i = 0; i <= s->n; i++)
        journal_flush(journal_stream(&s->journal, id_of(s, i)), s->party[i].p.position);
    CU_ASSERT_EQUAL(log_close(s->journal.writer, true), 0);
    s->journal.writer = NULL;
}

void stage_end(struct stage *s)
{
    directory_destroy(&s->dir);
    for (unsigned i = 0; i <= s->n; i++)
        participant_destroy(&s->party[i].p);
    if (s->log[0]) {
        if (s->journal.writer)
            log_close(s->journal.writer, true);
        unlink(s->log);
    }
    journal_destroy(&s->journal);
    free(s->memory);
}

void stage_enter(struct stage *s, unsigned who)
{
    sched_enter(&s->dir.sched, &s->party[who].p);
    participant_unpark(&s->party[who].p);
}

void stage_leave(struct stage *s, unsigned who)
{
    participant_park(&s->party[who].p);
    sched_leave(&s->dir.sched, &s->party[who].p);
}

/* The boundary behind an instruction. */
static void retire(struct participant *p)
{
    p->position++;
    hold_retire(p);
}

static void acquire(struct party *party)
{
    party->missed++;
    hold_acquire(&party->p);
}

/* Who plays a parked party unparks it for as long as the instruction takes. */
static bool begin(struct participant *p)
{
    bool parked = p->parked;

    if (parked)
        participant_unpark(p);
    return parked;
}

static void end(struct participant *p, bool parked)
{
    retire(p);
    if (parked)
        participant_park(p);
}

void stage_write(struct stage *s, unsigned who, u64 gpa, u32 size, u64 value)
{
    struct participant *p = &s->party[who].p;
    bool parked = begin(p);
    enum write_grant g;

    while ((g = directory_want_write(p, gpa, size, value, WRITE_IS_CAREFUL)) == WRITE_MISS)
        acquire(&s->party[who]);
    CHECK(g == WRITE_FAST || g == WRITE_LOCKED);
    store(s, gpa, size, value);
    if (g == WRITE_LOCKED)
        directory_wrote(p, gpa, size, value, 0);
    end(p, parked);
}

u64 stage_read(struct stage *s, unsigned who, u64 gpa, u32 size)
{
    struct participant *p = &s->party[who].p;
    bool parked = begin(p);
    u64 v;

    while (!directory_has(p, gpa >> 12, RIGHT_READ)) {
        directory_want(p, gpa >> 12, RIGHT_READ, gpa, size);
        acquire(&s->party[who]);
    }
    if (trace_reads_watched(&s->dir, gpa >> 12)) {
        trace_read_begin(p, gpa, size);
        v = stage_load(s, gpa, size);
        trace_read_end(p, gpa, size, v);
    } else {
        v = stage_load(s, gpa, size);
    }
    end(p, parked);
    return v;
}

u64 stage_derive(struct stage *s, unsigned who, enum trace_kind kind, u64 gpa, u32 size)
{
    struct participant *p = &s->party[who].p;
    bool parked = begin(p);
    u64 v;

    while (directory_derive(p, kind, gpa, size) < 0)
        acquire(&s->party[who]);
    v = stage_load(s, gpa, MIN(size, 8));
    end(p, parked);
    return v;
}

void stage_hold(struct stage *s, unsigned who, u64 object, unsigned right)
{
    struct participant *p = &s->party[who].p;
    bool parked = begin(p);

    while (!directory_has(p, object, right)) {
        directory_want(p, object, right, object << 12, 1);
        acquire(&s->party[who]);
    }
    end(p, parked);
}

bool stage_counts(struct stage *s, enum trace_kind kind, u64 events, u64 notifications, u64 acks,
                  u64 broadcast)
{
    const struct trace_counters *c = &s->dir.count[kind];

    if (c->events == events && c->notifications == notifications && c->acks == acks &&
        c->broadcast == broadcast)
        return true;
    printf("    kind %u: events %llu notifications %llu acks %llu broadcast %llu\n", kind,
           (unsigned long long)c->events, (unsigned long long)c->notifications,
           (unsigned long long)c->acks, (unsigned long long)c->broadcast);
    return false;
}

void stage_forget(struct stage *s)
{
    for (unsigned i = 0; i <= s->n; i++) {
        struct party *party = &s->party[i];

        party->n_heard = party->n_dropped = party->n_wrote = 0;
        party->missed = 0;
        memset(party->dropped, 0, sizeof(party->dropped));
    }
    memset(s->dir.count, 0, sizeof(s->dir.count));
    s->dir.on_behalf = s->dir.handshakes = s->dir.recalls = s->dir.transfers = 0;
}

static bool no_live_event(void *ctx, struct journal_event *ev)
{
    (void)ctx, (void)ev;
    return false;
}

unsigned stage_edges(struct stage *s, unsigned who, struct edge *edges, unsigned max)
{
    struct journal replay;
    struct log_reader *reader;
    struct journal_event ev;
    char err[256];
    unsigned n = 0;

    if (s->journal.writer)
        close_log(s);
    CU_ASSERT_EQUAL_FATAL(log_open(&reader, s->log, err, sizeof(err)), 0);
    journal_create(&replay, JOURNAL_REPLAY, s->n);
    replay.reader = reader;
    while (!journal_at_end(journal_stream(&replay, id_of(s, who)), s->party[who].p.position)) {
        struct journal_stream *stream = journal_stream(&replay, id_of(s, who));
        u64 pos = journal_horizon(stream);

        if (!journal_next(stream, pos, no_live_event, NULL, &ev))
            break;
        if (ev.type == JOURNAL_EDGE && n < max)
            edges[n++] = (struct edge){ev.pos, ev.v[0], ev.v[1], ev.v[2]};
    }
    journal_destroy(&replay);
    log_reader_destroy(reader);
    return n;
}
