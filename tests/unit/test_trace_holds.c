/* SPDX-License-Identifier: MIT */
/*
 * Holds in a recorded run: which edges are logged, where parked and running holders are served, claims and the older
 * ticket, the window in which a release may be put off, run tokens.
 */
#include <pthread.h>
#include <sched.h>

#include "tests/lib/suite.h"
#include "tests/unit/trace_fixture.h"
#include "trace/ipi_box.h"

enum { A, B, C, D, VCPUS };

static struct stage s;

/* The stream of a party holds exactly these edges. */
#define EXPECT_EDGES(who, ...)                                                                     \
    expect_edges(who, (const struct edge[]){{0, 0, 0, 0}, __VA_ARGS__},                            \
                 sizeof((const struct edge[]){{0, 0, 0, 0}, __VA_ARGS__}) / sizeof(struct edge) -  \
                     1)

static void expect_edges(unsigned who, const struct edge *expected, unsigned n)
{
    struct edge e[32];
    unsigned got = stage_edges(&s, who, e, ARRAY_SIZE(e));

    CU_ASSERT_EQUAL(got, n);
    for (unsigned i = 0; i < got && i < n; i++) {
        CU_ASSERT_EQUAL(e[i].pos, expected[i + 1].pos);
        CU_ASSERT_EQUAL(e[i].source, expected[i + 1].source);
        CU_ASSERT_EQUAL(e[i].source_pos, expected[i + 1].source_pos);
        CU_ASSERT_EQUAL(e[i].object, expected[i + 1].object);
    }
}

static unsigned rights(unsigned who, u64 object)
{
    return s.party[who].p.rights[object];
}

/* ---- Edges ------------------------------------------------------------------------------------------------------ */

static void first_touch_logs_nothing(void)
{
    stage_begin(&s, VCPUS, true);
    stage_write(&s, A, 0x1000, 8, 1);
    stage_read(&s, B, 0x2000, 8); /* exclusive all the same: its write needs no transfer */
    CU_ASSERT_EQUAL(rights(B, 2), RIGHT_READ | RIGHT_WRITE);
    stage_write(&s, B, 0x2000, 8, 1);
    stage_write(&s, A, 0x1000, 8, 2);
    EXPECT_EDGES(A);
    EXPECT_EDGES(B);
    CU_ASSERT_EQUAL(s.dir.transfers, 2);
    CU_ASSERT(stage_counts(&s, TRACE_ORDER, 0, 0, 0, 0));
    stage_end(&s);
}

static void readers_follow_the_last_writer(void)
{
    stage_begin(&s, VCPUS, true);
    s.party[A].p.position = 10;
    stage_write(&s, A, 0x1000, 8, 1); /* instruction 10 */
    s.party[B].p.position = 20;
    stage_read(&s, B, 0x1000, 8); /* A's hold is taken at 11, where it stands */
    CU_ASSERT_EQUAL(rights(A, 1), RIGHT_READ);
    CU_ASSERT_EQUAL(rights(B, 1), RIGHT_READ);
    s.party[C].p.position = 30;
    stage_read(&s, C, 0x1000, 8); /* joins: no transfer, but the same edge */
    CU_ASSERT(stage_counts(&s, TRACE_ORDER, 1, 1, 1, VCPUS - 1));
    stage_read(&s, B, 0x1000, 8); /* has it */
    EXPECT_EDGES(A);
    EXPECT_EDGES(B, {20, A, 11, 1});
    EXPECT_EDGES(C, {30, A, 11, 1});
    stage_end(&s);
}

static void a_writer_follows_all_readers(void)
{
    stage_begin(&s, VCPUS, true);
    stage_write(&s, A, 0x1000, 8, 1);
    stage_read(&s, B, 0x1000, 8);
    stage_read(&s, C, 0x1000, 8);
    s.party[B].p.position = 7; /* where they are when the writer comes */
    s.party[C].p.position = 8;
    s.party[D].p.position = 40;
    stage_write(&s, D, 0x1000, 8, 2);
    CU_ASSERT_EQUAL(rights(A, 1) | rights(B, 1) | rights(C, 1), 0);
    CU_ASSERT_EQUAL(rights(D, 1), RIGHT_READ | RIGHT_WRITE);
    CU_ASSERT(stage_counts(&s, TRACE_ORDER, 2, 4, 4, 2 * (VCPUS - 1)));
    EXPECT_EDGES(D, {40, A, 1, 1}, {40, B, 7, 1}, {40, C, 8, 1});
    stage_end(&s);
}

static void a_reader_that_writes_follows_the_others(void)
{
    stage_begin(&s, VCPUS, true);
    stage_write(&s, A, 0x1000, 8, 1);
    stage_read(&s, B, 0x1000, 8);
    stage_read(&s, C, 0x1000, 8);
    stage_write(&s, B, 0x1000, 8, 2); /* A's write is known already */
    EXPECT_EDGES(B, {0, A, 1, 1}, {1, C, 1, 1});
    stage_end(&s);
}

/* Position 1 of A is known to B from page 1, so page 2, written before it, needs no edge; what A does later does. */
static void implied_edges_are_dropped(void)
{
    stage_begin(&s, VCPUS, true);
    stage_write(&s, A, 0x2000, 8, 1);
    stage_write(&s, A, 0x1000, 8, 1);
    stage_read(&s, B, 0x1000, 8);
    stage_read(&s, B, 0x2000, 8);
    stage_write(&s, A, 0x3000, 8, 1);
    stage_read(&s, B, 0x3000, 8);
    EXPECT_EDGES(B, {0, A, 2, 1}, {2, A, 3, 3});
    stage_end(&s);
}

static void the_io_space_is_an_object(void)
{
    u64 io;

    stage_begin(&s, VCPUS, true);
    io = directory_io_object(&s.dir);
    stage_hold(&s, A, io, RIGHT_WRITE);
    stage_hold(&s, VCPUS, io, RIGHT_WRITE); /* the agent */
    stage_hold(&s, A, io, RIGHT_WRITE);
    CU_ASSERT_EQUAL(s.party[A].dropped[1], 0);
    /* A broadcast to the vCPUs would not have had to reach the agent. */
    CU_ASSERT(stage_counts(&s, TRACE_ORDER, 2, 2, 2, VCPUS + (VCPUS - 1 + 1)));
    EXPECT_EDGES(A, {1, PARTICIPANT_AGENT, 1, io});
    EXPECT_EDGES(VCPUS, {0, A, 1, io});
    stage_end(&s);
}

/* What the machine sets for all at once: who remembers it forgets it before another changes it, and only the change is waited for. */
static void a_setting_is_changed_alone(void)
{
    for (unsigned order = 0; order < 2; order++) {
        u64 setting;

        stage_begin(&s, VCPUS, order);
        setting = directory_a20_object(&s.dir);
        for (unsigned i = A; i <= C; i++) {
            struct participant *p = &s.party[i].p;

            while (setting_remember(p, setting))
                hold_acquire(p);
            hold_retire(p);
            p->position++;
            participant_park(p);
        }
        CU_ASSERT(setting_change(&s.party[B].p, setting) < 0);
        hold_acquire(&s.party[B].p);
        CU_ASSERT_EQUAL(setting_change(&s.party[B].p, setting), 0);
        CU_ASSERT_EQUAL(s.party[A].n_settings, 1);
        CU_ASSERT_EQUAL(s.party[B].n_settings, 0);
        CU_ASSERT_EQUAL(s.party[C].n_settings, 1);
        CU_ASSERT_EQUAL(s.party[D].n_settings, 0);
        CU_ASSERT(setting_remember(&s.party[A].p, setting) < 0); /* not before it is done */
        CU_ASSERT_EQUAL(setting_remember(&s.party[B].p, setting), 0);
        hold_retire(&s.party[B].p);
        s.party[B].p.position++;
        participant_park(&s.party[B].p);
        hold_acquire(&s.party[A].p);
        CU_ASSERT_EQUAL(setting_remember(&s.party[A].p, setting), 0);
        stage_end(&s);
    }
}

/* Who is told of an accessed bit: whoever has said that it means something else to him, and nobody else. */
static void marks_matter_to_others(void)
{
    stage_begin(&s, VCPUS, false);
    stage_derive(&s, A, TRACE_MMU, 0x1000, 8);
    stage_derive(&s, B, TRACE_MMU, 0x1000, 8);
    CU_ASSERT_FALSE(directory_marks_matter(&s.party[B].p, 0x1000));
    directory_note_marks(&s.party[A].p, 0x1000);
    CU_ASSERT_TRUE(directory_marks_matter(&s.party[B].p, 0x1008)); /* of the same line */
    CU_ASSERT_FALSE(directory_marks_matter(&s.party[B].p, 0x1040));
    CU_ASSERT_FALSE(directory_marks_matter(&s.party[A].p, 0x1000));
    stage_write(&s, B, 0x1000, 8, 1);
    CU_ASSERT_FALSE(directory_marks_matter(&s.party[B].p, 0x1000));
    stage_end(&s);
}

/* Who loses a page loses what it derived from it, and its TLB entries; who loses the right to write keeps the rest. */
static void losing_a_hold_drops_what_was_derived(void)
{
    stage_begin(&s, VCPUS, true);
    stage_read(&s, A, 0x1000, 8);
    stage_derive(&s, A, TRACE_CODE, 0x1000, 64);
    stage_forget(&s);
    stage_read(&s, B, 0x1000, 8);
    CU_ASSERT_EQUAL(s.party[A].dropped[1], DROP_WRITE);
    stage_derive(&s, B, TRACE_MMU, 0x1000, 8);
    stage_write(&s, C, 0x1ff8, 8, 1); /* anywhere in the page */
    CU_ASSERT_EQUAL(s.party[A].dropped[1], DROP_READ | DROP_WRITE | DROP_CODE);
    CU_ASSERT_EQUAL(s.party[B].dropped[1], DROP_READ | DROP_WRITE | DROP_MMU);
    CU_ASSERT_PTR_NULL(s.dir.entries[1].nodes);
    CU_ASSERT_EQUAL(s.party[C].dropped[1] | s.party[D].dropped[1], 0);
    /* Deriving needs the hold. */
    CU_ASSERT(directory_derive(&s.party[A].p, TRACE_CODE, 0x1000, 64) < 0);
    stage_end(&s);
}

/* Who reads and then writes, time after time, gets both at once while one vCPU runs at a time, until somebody had no use for it. */
static void migrating_data_is_got_at_once(void)
{
    u64 before;

    for (unsigned tokens = 1; tokens <= 2; tokens++) {
        stage_begin(&s, VCPUS, true);
        s.dir.sched.k = tokens;
        stage_write(&s, A, 0x1000, 8, 1);
        for (unsigned i = 0; i < 6; i++) {
            unsigned who = i % 2 ? A : B;

            before = s.dir.transfers;
            stage_read(&s, who, 0x1000, 8);
            s.party[who].p.position++;
            stage_write(&s, who, 0x1000, 8, i);
            s.party[who].p.position++;
            CU_ASSERT_EQUAL(s.dir.transfers - before, i < 2 || tokens > 1 ? 2 : 1);
        }
        for (unsigned who = B; who <= D; who++) { /* these read only */
            stage_read(&s, who, 0x1000, 8);
            s.party[who].p.position++;
        }
        before = s.dir.transfers;
        for (unsigned who = B; who <= D; who++)
            stage_read(&s, who, 0x1000, 8);
        CU_ASSERT_EQUAL(s.dir.transfers - before, tokens > 1 ? 0 : 1); /* of B alone */
        stage_end(&s);
    }
}

/* ---- Waiting ---------------------------------------------------------------------------------------------------- */

struct taker {
    pthread_t thread;
    unsigned who;
    u64 object[2];
    unsigned n;
    _Atomic bool done;
};

/* An instruction that needs all its objects at once. */
static void *take(void *arg)
{
    struct taker *t = arg;
    struct participant *p = &s.party[t->who].p;

    stage_enter(&s, t->who);
    for (unsigned i = 0; i < t->n; i++)
        if (!directory_has(p, t->object[i], RIGHT_WRITE)) {
            directory_want(p, t->object[i], RIGHT_WRITE, t->object[i] << 12, 1);
            hold_acquire(p);
            i = ~0u; /* from the start */
        }
    p->position++;
    hold_retire(p);
    stage_leave(&s, t->who);
    t->done = true;
    return NULL;
}

static void start(struct taker *t, unsigned who, u64 first, u64 second)
{
    *t = (struct taker){.who = who, .object = {first, second}, .n = second ? 2 : 1};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&t->thread, NULL, take, t), 0);
}

static void await(bool (*is_so)(unsigned who), unsigned who)
{
    while (!is_so(who))
        sched_yield();
}

static bool is_asked(unsigned who)
{
    struct participant *p = &s.party[who].p;
    bool asked;

    pthread_mutex_lock(&p->lock);
    asked = p->requests != 0;
    pthread_mutex_unlock(&p->lock);
    return asked;
}

static bool waits_for_second(unsigned who)
{
    struct participant *p = &s.party[who].p;
    bool waits;

    pthread_mutex_lock(&p->lock);
    waits = p->parked && p->want_object == 2 && p->want_right;
    pthread_mutex_unlock(&p->lock);
    return waits && is_asked(D);
}

static bool waits_for_first(unsigned who)
{
    u64 waiting;

    pthread_mutex_lock(directory_lock_of(&s.dir, 1));
    waiting = (u64)s.dir.entries[1].waiters;
    pthread_mutex_unlock(directory_lock_of(&s.dir, 1));
    return waiting >> who & 1;
}

static u64 boundary(unsigned who, u64 instructions, bool now)
{
    struct participant *p = &s.party[who].p;

    p->position += instructions;
    atomic_exchange(&p->budget.stop, 0);
    return hold_serve(p, now);
}

/* A running holder gives up at its next boundary, and the edge says where that was. */
static void a_running_holder_serves(void)
{
    struct taker b;

    stage_begin(&s, VCPUS, true);
    stage_enter(&s, D);
    stage_write(&s, D, 0x1000, 8, 1);
    start(&b, B, 1, 0);
    await(is_asked, D);
    CU_ASSERT_EQUAL(rights(D, 1), RIGHT_READ | RIGHT_WRITE);
    CU_ASSERT_FALSE(b.done);
    CU_ASSERT_EQUAL(boundary(D, 99, true), ~(u64)0);
    CU_ASSERT_EQUAL(rights(D, 1), 0);
    pthread_join(b.thread, NULL);
    CU_ASSERT_EQUAL(s.dir.handshakes, 1);
    CU_ASSERT_EQUAL(s.dir.on_behalf, 0);
    CU_ASSERT_EQUAL(s.dir.waits, 1);
    stage_leave(&s, D);
    EXPECT_EDGES(B, {0, D, 100, 1});
    stage_end(&s);
}

/* A holder may keep what it was granted lately, for a bounded number of its instructions, and no longer. */
static void a_release_is_put_off_for_a_bounded_window(void)
{
    struct taker b;
    u64 left;

    stage_begin(&s, VCPUS, true);
    stage_enter(&s, D);
    stage_write(&s, D, 0x1000, 8, 1);
    start(&b, B, 1, 0);
    await(is_asked, D);
    left = boundary(D, 0, false);
    CU_ASSERT(left > 0 && left <= 100000);
    CU_ASSERT_EQUAL(boundary(D, 1, false), left - 1);
    CU_ASSERT_EQUAL(rights(D, 1), RIGHT_READ | RIGHT_WRITE);
    CU_ASSERT_FALSE(b.done);
    CU_ASSERT(is_asked(D));
    CU_ASSERT_EQUAL(s.dir.deferred, 2);
    CU_ASSERT_EQUAL(boundary(D, left - 1, false), ~(u64)0);
    CU_ASSERT_EQUAL(rights(D, 1), 0);
    pthread_join(b.thread, NULL);
    stage_leave(&s, D);
    stage_end(&s);
}

/* What an instruction has got is kept for it while it waits for the rest: from the younger, not from the older. */
static void claims_yield_to_the_older_ticket(void)
{
    struct taker a, b, c;

    stage_begin(&s, VCPUS, true);
    stage_enter(&s, D);
    stage_write(&s, D, 0x2000, 8, 1);
    atomic_store(&s.party[C].p.ticket,
                 1 + atomic_fetch_add(&s.dir.tickets, 1)); /* C waits since before all others */
    start(&a, A, 1, 2);
    await(waits_for_second, A);
    CU_ASSERT_EQUAL(rights(A, 1), RIGHT_READ | RIGHT_WRITE);
    CU_ASSERT_EQUAL(s.dir.entries[1].claimer, A);
    start(&b, B, 1, 0);
    await(waits_for_first, B);
    CU_ASSERT_EQUAL(rights(A, 1),
                    RIGHT_READ | RIGHT_WRITE); /* though A is parked and could be served */
    start(&c, C, 1, 0);
    pthread_join(c.thread, NULL);
    CU_ASSERT_FALSE(a.done);
    boundary(D, 1, true);
    pthread_join(a.thread, NULL);
    pthread_join(b.thread, NULL);
    stage_leave(&s, D);
    CU_ASSERT_EQUAL(s.dir.entries[1].claim, 0);
    CU_ASSERT_EQUAL(s.dir.entries[2].claim, 0);
    stage_end(&s);
}

static void *write_traced(void *unused)
{
    (void)unused;
    stage_enter(&s, A);
    stage_write(&s, A, 0x1000, 8, 1);
    stage_leave(&s, A);
    return NULL;
}

/* C, told once, has waited longer, so it may derive anew before A gets through; that it is told again is a second event. */
static void a_consumer_told_twice_is_two_events(void)
{
    pthread_t a;

    stage_begin(&s, VCPUS, false);
    stage_derive(&s, C, TRACE_CODE, 0x1000, 64);
    stage_enter(&s, D);
    stage_derive(&s, D, TRACE_CODE, 0x1000, 64);
    atomic_store(&s.party[C].p.ticket, 1 + atomic_fetch_add(&s.dir.tickets, 1));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&a, NULL, write_traced, NULL), 0);
    await(waits_for_first, A);
    CU_ASSERT(stage_counts(&s, TRACE_CODE, 1, 1, 1, VCPUS - 1));
    stage_derive(&s, C, TRACE_CODE, 0x1000, 64);
    boundary(D, 1, true);
    pthread_join(a, NULL);
    stage_leave(&s, D);
    CU_ASSERT(stage_counts(&s, TRACE_CODE, 2, 3, 3, 2 * (VCPUS - 1)));
    stage_end(&s);
}

/* Two that need the same two pages in opposite order get through, again and again. */
static void crossed_wants_end(void)
{
    struct taker a, b;

    stage_begin(&s, VCPUS, true);
    for (unsigned i = 0; i < 200; i++) {
        start(&a, A, 1, 2);
        start(&b, B, 2, 1);
        pthread_join(a.thread, NULL);
        pthread_join(b.thread, NULL);
    }
    CU_ASSERT_EQUAL(s.party[A].p.position, 200);
    CU_ASSERT_EQUAL(s.party[B].p.position, 200);
    stage_end(&s);
}

/* ---- Messages ------------------------------------------------------------------------------------------------------ */

/* Whoever sends a message to itself looks up behind the instruction, as it does when single-stepped. */
static void a_message_to_oneself_is_due_at_once(void)
{
    const struct ipi msg = {.mode = 0, .vector = 0x21};
    struct ipi_mail mail;
    struct participant *p;

    stage_begin(&s, VCPUS, false);
    p = &s.party[A].p;
    CU_ASSERT_EQUAL_FATAL(ipi_box_create(p), 0);
    p->position = 10;
    ipi_send(p, p, &msg);
    CU_ASSERT_EQUAL(p->budget.stop, STOP_REQUEST);
    CU_ASSERT_FALSE(ipi_take_first(p, &mail)); /* it exists when the instruction has retired */
    p->position = 11;
    CU_ASSERT(ipi_take_first(p, &mail));
    CU_ASSERT_EQUAL(mail.pos, 11);
    ipi_box_destroy(p);
    stage_end(&s);
}

/* ---- Run tokens ------------------------------------------------------------------------------------------------- */

static struct {
    struct sched sched;
    struct participant p[6];
    _Atomic unsigned running, most, turns[6];
} tokens;

static void *take_turns(void *arg)
{
    struct participant *p = arg;

    for (unsigned i = 0; i < 200; i++) {
        unsigned now, most;

        sched_enter(&tokens.sched, p);
        now = 1 + atomic_fetch_add(&tokens.running, 1);
        most = atomic_load(&tokens.most);
        while (now > most && !atomic_compare_exchange_weak(&tokens.most, &most, now))
            ;
        atomic_fetch_add(&tokens.turns[p->id], 1);
        if (i % 16 == 0)
            sched_yield();
        atomic_fetch_sub(&tokens.running, 1);
        sched_leave(&tokens.sched, p);
    }
    return NULL;
}

static void never_more_run_than_there_are_tokens(void)
{
    for (unsigned k = 1; k <= 3; k++) {
        pthread_t thread[ARRAY_SIZE(tokens.p)];

        memset(&tokens, 0, sizeof(tokens));
        sched_create(&tokens.sched, k);
        for (unsigned i = 0; i < ARRAY_SIZE(tokens.p); i++) {
            participant_create(&tokens.p[i], i, NULL, NULL);
            CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, take_turns, &tokens.p[i]), 0);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(tokens.p); i++) {
            pthread_join(thread[i], NULL);
            CU_ASSERT_EQUAL(tokens.turns[i], 200);
            participant_destroy(&tokens.p[i]);
        }
        CU_ASSERT(tokens.most >= 1 && tokens.most <= k);
        CU_ASSERT_EQUAL(tokens.sched.running, 0);
        sched_destroy(&tokens.sched);
    }
}

static void the_limit_falls_and_rises_again(void)
{
    struct sched k;

    sched_create(&k, 4);
    sched_account(&k, 100000000, 10); /* hardly a wait */
    CU_ASSERT_EQUAL(k.k, 4);
    for (unsigned i = 0; i < 20 && k.k == 4; i++)
        sched_account(&k, 4000000, 4000000 / 100);
    CU_ASSERT_EQUAL(k.k, 1);
    CU_ASSERT_EQUAL(k.stat_lowered, 1);
    for (unsigned i = 0; i < 1000 && k.k == 1; i++)
        sched_account(&k, 4000000, 0);
    CU_ASSERT_EQUAL(k.k, 4);
    sched_destroy(&k);
}

TEST_SUITE(trace_holds, TEST(first_touch_logs_nothing), TEST(readers_follow_the_last_writer),
           TEST(a_writer_follows_all_readers), TEST(a_reader_that_writes_follows_the_others),
           TEST(implied_edges_are_dropped), TEST(the_io_space_is_an_object),
           TEST(a_setting_is_changed_alone), TEST(marks_matter_to_others),
           TEST(losing_a_hold_drops_what_was_derived), TEST(migrating_data_is_got_at_once),
           TEST(a_running_holder_serves), TEST(a_release_is_put_off_for_a_bounded_window),
           TEST(claims_yield_to_the_older_ticket), TEST(a_consumer_told_twice_is_two_events),
           TEST(crossed_wants_end), TEST(a_message_to_oneself_is_due_at_once),
           TEST(never_more_run_than_there_are_tokens), TEST(the_limit_falls_and_rises_again));
