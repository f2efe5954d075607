/* SPDX-License-Identifier: MIT */
/*
 * The journal: every event that is recorded comes back in a replay at its position with its values, across chunks; the
 * horizon and the end are where the log has them; guest time is monotonic for each stream and by causality across
 * streams, and a replay gives the same values; entropy comes back; what is malformed or does not fit is a divergence.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "replay/journal.h"
#include "replay/log.h"
#include "tests/lib/suite.h"

static struct journal rec, rep;
static struct log_reader *reader;
static char path[64];
static unsigned divergences;
static char divergence[2048];
static u64 divergence_pos;
static u64 live_ns;

static void on_diverged(void *ctx, unsigned id, u64 pos, const char *what)
{
    (void)ctx;
    (void)id;
    divergences++;
    divergence_pos = pos;
    snprintf(divergence, sizeof(divergence), "%s", what);
}

static u64 test_now(void *ctx, unsigned id, u64 pos)
{
    (void)ctx;
    (void)id;
    (void)pos;
    return live_ns;
}

static void begin_recording(void)
{
    int fd;

    snprintf(path, sizeof(path), "/tmp/x86sim-test-journal-XXXXXX");
    fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    journal_create(&rec, JOURNAL_RECORD, 3);
    rec.now = test_now;
    rec.path = path;
    live_ns = 0;
    CU_ASSERT_EQUAL_FATAL(log_create(&rec.writer, path, NULL, 0), 0);
}

static void begin_replay(void)
{
    char err[256];

    CU_ASSERT_EQUAL_FATAL(log_open(&reader, path, err, sizeof(err)), 0);
    journal_create(&rep, JOURNAL_REPLAY, 3);
    rep.reader = reader;
    rep.diverged = on_diverged;
    divergences = 0;
}

/* Close the recording, each stream complete up to `pos`, and open it for a replay. */
static void end_recording(u64 pos)
{
    for (unsigned i = 0; i < JOURNAL_STREAMS_MAX; i++)
        journal_flush(journal_stream(&rec, i), pos);
    CU_ASSERT_EQUAL(log_close(rec.writer, true), 0);
    begin_replay();
}

static void end_replay(void)
{
    journal_destroy(&rec);
    journal_destroy(&rep);
    log_reader_destroy(reader);
    unlink(path);
}

static const u8 values_of[JOURNAL_TYPES] = {
#define EVENT(name, number, values, text) [number] = values,
#include "replay/events.def"
#undef EVENT
};

static bool is_type(unsigned t)
{
    static const bool is[JOURNAL_TYPES] = {
#define EVENT(name, number, values, text) [number] = true,
#include "replay/events.def"
#undef EVENT
    };

    return is[t];
}

static bool is_of_instruction(unsigned t)
{
    return t == JOURNAL_CLOCK || t == JOURNAL_ENTROPY;
}

static u64 random_state;
static u64 next_random(void)
{
    u64 z = random_state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* A value of any magnitude. */
static u64 random_value(void)
{
    return next_random() >> (next_random() & 63);
}

/* Event number i of a long random stream: every type, with values of all sizes; those that name a participant name one. */
static void make_event(struct journal_event *ev, u64 *pos, u64 *clock)
{
    do
        ev->type = (u8)(next_random() % JOURNAL_TYPES);
    while (!is_type(ev->type) || is_of_instruction(ev->type));
    *pos += next_random() & 3 ? next_random() & 1023 : random_value() >> 16;
    *clock += next_random() & 0xfffff;
    ev->pos = *pos;
    for (unsigned i = 0; i < 4; i++)
        ev->v[i] = i < values_of[ev->type] ? random_value() : 0;
    if (ev->type == JOURNAL_EDGE || ev->type == JOURNAL_MESSAGE)
        ev->v[0] = (u64[]){0, 1, 2, 64}[next_random() & 3];
    if (ev->type == JOURNAL_LAPIC_TIMER)
        ev->v[0] = *clock;
    if (ev->type == JOURNAL_DEV_TIMER)
        ev->v[1] = *clock;
}

static void every_event_comes_back(void)
{
    enum { N = 60000 }; /* several chunks of each stream */
    static const unsigned ids[] = {0, 2, 64};
    unsigned wrong = 0, seen[JOURNAL_TYPES] = {0};

    begin_recording();
    for (unsigned k = 0; k < 3; k++) {
        u64 pos = 0, clock = 0;

        random_state = k;
        for (unsigned i = 0; i < N; i++) {
            struct journal_event ev;

            make_event(&ev, &pos, &clock);
            journal_put(journal_stream(&rec, ids[k]), ev.type, ev.pos, ev.v[0], ev.v[1], ev.v[2],
                        ev.v[3]);
        }
    }
    end_recording(~(u64)0 >> 1);
    for (unsigned k = 0; k < 3; k++) {
        struct journal_stream *s = journal_stream(&rep, ids[k]);
        u64 pos = 0, clock = 0, before = 0;

        random_state = k;
        for (unsigned i = 0; i < N; i++) {
            struct journal_event expected, ev;

            make_event(&expected, &pos, &clock);
            wrong += journal_horizon(s) != expected.pos;
            if (expected.pos > before)
                wrong += journal_next(s, expected.pos - 1, NULL, NULL, &ev); /* not yet */
            before = expected.pos;
            if (!journal_next(s, expected.pos, NULL, NULL, &ev)) {
                wrong++;
                break;
            }
            wrong += ev.type != expected.type || ev.pos != expected.pos ||
                     memcmp(ev.v, expected.v, sizeof(ev.v));
            seen[ev.type]++;
        }
        CU_ASSERT(!journal_at_end(s, pos));
        CU_ASSERT(journal_at_end(s, ~(u64)0 >> 1));
        CU_ASSERT_EQUAL(journal_horizon(s), ~(u64)0 >> 1);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(divergences, 0);
    for (unsigned t = 0; t < JOURNAL_TYPES; t++)
        CU_ASSERT(!is_type(t) || is_of_instruction(t) || seen[t] > 100);
    end_replay();
}

/* A stream without events ends where the log says that it was complete; one that is not in the log ends at once. */
static void empty_streams(void)
{
    struct journal_event ev;

    begin_recording();
    journal_put(journal_stream(&rec, 0), JOURNAL_WAKE, 5, 1, 0, 0, 0);
    journal_flush(journal_stream(&rec, 0), 9);
    CU_ASSERT_EQUAL(log_close(rec.writer, false), 0);
    begin_replay();
    CU_ASSERT(!journal_at_end(journal_stream(&rep, 0), 5));
    CU_ASSERT(journal_next(journal_stream(&rep, 0), 5, NULL, NULL, &ev));
    CU_ASSERT(!journal_next(journal_stream(&rep, 0), 5, NULL, NULL, &ev));
    CU_ASSERT(!journal_at_end(journal_stream(&rep, 0), 8));
    CU_ASSERT_EQUAL(journal_horizon(journal_stream(&rep, 0)), 9);
    CU_ASSERT(journal_at_end(journal_stream(&rep, 0), 9));
    CU_ASSERT(journal_at_end(journal_stream(&rep, 1), 0));
    CU_ASSERT_EQUAL(divergences, 0);
    end_replay();
}

/* Guest time: what one stream was told is never later than what another, who may have heard of it, is told afterwards; the
 * replay repeats every value. */
static void clock_line(void)
{
    enum { READS = 20000 };
    static u64 told[READS], at[READS];
    static u8 by[READS];
    u64 pos[3] = {0}, latest = 0;
    unsigned wrong = 0, backwards = 0;

    begin_recording();
    random_state = 42;
    for (unsigned i = 0; i < READS; i++) {
        unsigned id = (unsigned)(next_random() % 3);

        /* Host time stands still, creeps, or jumps; positions too. */
        live_ns += (u64[]){0, 3, 100, 40000, 5000000}[next_random() % 5];
        pos[id] += next_random() & 1 ? next_random() & 15 : next_random() & 0xffff;
        by[i] = (u8)id;
        at[i] = pos[id]++;
        told[i] = journal_clock(journal_stream(&rec, id), at[i]);
        backwards += told[i] < latest;
        latest = told[i] > latest ? told[i] : latest;
    }
    CU_ASSERT_EQUAL(backwards, 0);
    CU_ASSERT(atomic_load(&rec.events) < READS); /* a read seldom costs an event */
    end_recording(1 << 30);
    for (unsigned i = 0; i < READS; i++)
        wrong += journal_clock(journal_stream(&rep, by[i]), at[i]) != told[i];
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(divergences, 0);
    end_replay();
}

/* Polling costs little: a guest that reads the clock each 20 instructions at a thousand per microsecond. */
static void polling_is_cheap(void)
{
    begin_recording();
    for (u64 i = 0; i < 1000000; i += 20) {
        live_ns = i;
        journal_clock(journal_stream(&rec, 0), i);
    }
    CU_ASSERT(atomic_load(&rec.events) < 200);
    end_recording(1000000);
    end_replay();
}

/* A timer event carries a time that is not before what anybody was told, and the stream goes on from it. */
static void timers_and_clock(void)
{
    struct journal_stream *a, *b;
    u64 told, ns;

    begin_recording();
    a = journal_stream(&rec, 0);
    b = journal_stream(&rec, 1);
    live_ns = 1000000;
    told = journal_clock(a, 10);
    live_ns = 999000; /* as another host thread may see it */
    ns = journal_clock_sync(b, 3);
    CU_ASSERT(ns >= told);
    journal_put(b, JOURNAL_LAPIC_TIMER, 3, ns, 0, 0, 0);
    journal_clock_set(b, 3, ns);
    told = journal_clock(b, 4);
    CU_ASSERT(told >= ns);
    end_recording(100);
    b = journal_stream(&rep, 1);
    {
        struct journal_event ev;

        CU_ASSERT(journal_next(b, 3, NULL, NULL, &ev));
        CU_ASSERT_EQUAL(ev.v[0], ns);
        journal_clock_set(b, 3, ev.v[0]);
        CU_ASSERT_EQUAL(journal_clock(b, 4), told);
    }
    end_replay();
}

static void entropy(void)
{
    u64 first, second;

    begin_recording();
    first = journal_entropy(journal_stream(&rec, 0), 7);
    second = journal_entropy(journal_stream(&rec, 0), 7); /* twice in one instruction */
    CU_ASSERT_NOT_EQUAL(first, second);
    end_recording(100);
    CU_ASSERT_EQUAL(journal_entropy(journal_stream(&rep, 0), 7), first);
    CU_ASSERT_EQUAL(journal_entropy(journal_stream(&rep, 0), 7), second);
    CU_ASSERT_EQUAL(divergences, 0);
    journal_entropy(journal_stream(&rep, 0), 8);
    CU_ASSERT_EQUAL(divergences, 1);
    CU_ASSERT_EQUAL(divergence_pos, 8);
    end_replay();
    /* From a seed: the same in every run, not the same everywhere. */
    journal_create(&rec, JOURNAL_LIVE, 3);
    rec.prng = 99;
    first = journal_entropy(journal_stream(&rec, 0), 7);
    CU_ASSERT_EQUAL(journal_entropy(journal_stream(&rec, 0), 7), first);
    CU_ASSERT_NOT_EQUAL(journal_entropy(journal_stream(&rec, 1), 7), first);
    CU_ASSERT_NOT_EQUAL(journal_entropy(journal_stream(&rec, 0), 8), first);
    journal_destroy(&rec);
}

static bool say_wake(void *ctx, struct journal_event *ev)
{
    unsigned *left = ctx;

    if (!*left)
        return false;
    --*left;
    ev->type = JOURNAL_WAKE;
    ev->v[0] = *left;
    return true;
}

/* The same code asks a live source, logs its answer, and gets it back. */
static void live_source(void)
{
    unsigned left = 3, got = 0;
    struct journal_event ev;

    begin_recording();
    while (journal_next(journal_stream(&rec, 1), 50, say_wake, &left, &ev))
        CU_ASSERT(ev.type == JOURNAL_WAKE && ev.v[0] == left && ev.pos == 50);
    end_recording(100);
    while (journal_next(journal_stream(&rep, 1), 50, say_wake, &left, &ev))
        CU_ASSERT_EQUAL(ev.v[0], 2 - got++);
    CU_ASSERT_EQUAL(got, 3);
    end_replay();
}

/* What the log has is not what happens: each is reported with what was expected, and the events before it. */
static void divergences_are_reported(void)
{
    struct journal_event ev;

    begin_recording();
    for (u64 i = 0; i < 40; i++)
        journal_put(journal_stream(&rec, 0), JOURNAL_WAKE, 100 + i, i, 0, 0, 0);
    journal_put(journal_stream(&rec, 1), JOURNAL_CLOCK, 10, 5, 0, 0, 0);
    journal_put(journal_stream(&rec, 1), JOURNAL_WAKE, 20, 5, 0, 0, 0);
    end_recording(1000);
    for (u64 i = 0; i < 30; i++)
        CU_ASSERT(journal_next(journal_stream(&rep, 0), 100 + i, NULL, NULL, &ev));
    CU_ASSERT(!journal_next(journal_stream(&rep, 0), 133, NULL, NULL, &ev));
    CU_ASSERT_EQUAL(divergences, 1);
    CU_ASSERT_EQUAL(divergence_pos, 133);
    CU_ASSERT_PTR_NOT_NULL(strstr(divergence, "expected WAKE at 130"));
    CU_ASSERT_PTR_NOT_NULL(strstr(divergence, "before it: at 129 WAKE 29"));
    CU_ASSERT_PTR_NULL(strstr(divergence, "at 113 ")); /* the last sixteen */
    /* A clock value that no instruction asked for is in the way. */
    CU_ASSERT(!journal_next(journal_stream(&rep, 1), 20, NULL, NULL, &ev));
    CU_ASSERT_EQUAL(divergences, 2);
    end_replay();
}

/* Bytes as events of stream 0, under right checksums. */
static void malformed(const void *bytes, u32 n)
{
    struct journal_event ev;

    begin_recording();
    CU_ASSERT_EQUAL(log_append(rec.writer, 0, 1000, bytes, n), 0);
    end_recording(0);
    for (unsigned i = 0; i < 100 && !divergences; i++)
        journal_next(journal_stream(&rep, 0), journal_horizon(journal_stream(&rep, 0)), NULL, NULL,
                     &ev);
    CU_ASSERT(divergences == 1 && strstr(divergence, "malformed"));
    end_replay();
}

static void malformed_events(void)
{
    malformed("\x80", 1);                             /* half a number */
    malformed("\x00", 1);                             /* type 0 */
    malformed("\x0f", 1);                             /* a type that is none */
    malformed("\x11\x00", 2);                         /* an edge without its values */
    malformed("\x11\x05\x00\x00", 4);                 /* a participant that this machine has not */
    malformed("\x11\xff\xff\xff\xff\x0f\x00\x00", 8); /* or nobody could have */
    malformed("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12); /* more than 64 bits */
}

/* Run with standard error in a file; returns how many lines came, the last in `last`. */
static unsigned count_messages(void (*run)(void), char *last, size_t size)
{
    FILE *f = tmpfile();
    int saved = dup(2);
    unsigned lines = 0;

    CU_ASSERT_FATAL(f && saved >= 0);
    dup2(fileno(f), 2);
    run();
    dup2(saved, 2);
    close(saved);
    rewind(f);
    while (fgets(last, (int)size, f))
        lines++;
    fclose(f);
    return lines;
}

static void fill_the_disk(void)
{
    for (u64 i = 0; i < 100000; i++)
        journal_put(journal_stream(&rec, (unsigned)(i % 3)), JOURNAL_WAKE, i, random_value(), 0, 0,
                    0);
}

/* The disk is full: one message that names the log, the events up to then are there, nothing is logged any more. A limit on
 * the file's size stands for the disk. */
static void full_disk(void)
{
    struct rlimit was, now;
    struct journal_event ev;
    char line[256];
    u64 events = 0;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    now = was;
    now.rlim_cur = 200000;
    begin_recording();
    setrlimit(RLIMIT_FSIZE, &now);
    CU_ASSERT_EQUAL(count_messages(fill_the_disk, line, sizeof(line)), 1);
    setrlimit(RLIMIT_FSIZE, &was);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, path));
    CU_ASSERT(atomic_load(&rec.failed));
    CU_ASSERT_EQUAL(log_close(rec.writer, false), 0);
    begin_replay();
    CU_ASSERT(!log_finished(reader));
    for (unsigned id = 0; id < 3; id++)
        for (u64 i = id; journal_next(journal_stream(&rep, id), i, NULL, NULL, &ev); i += 3)
            events++;
    CU_ASSERT(events > 10000 && events < 100000);
    CU_ASSERT_EQUAL(divergences, 0);
    end_replay();
}

TEST_SUITE(journal, TEST(every_event_comes_back), TEST(empty_streams), TEST(clock_line),
           TEST(polling_is_cheap), TEST(timers_and_clock), TEST(entropy), TEST(live_source),
           TEST(divergences_are_reported), TEST(malformed_events), TEST(full_disk));
