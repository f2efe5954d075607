/* SPDX-License-Identifier: MIT */
/*
 * What the four semantics promise when consumers run: the main thread is the consumer, which stands still until the test
 * lets it reach its next boundary, while a thread of its own is the actor. At every moment that the semantics speaks of it is
 * known who may have gone on, and what memory holds.
 */
#include <pthread.h>
#include <sched.h>

#include "tests/lib/suite.h"
#include "tests/unit/trace_fixture.h"

enum { A, B, C, VCPUS };

static struct stage s;

/* ---- An actor with a thread of its own ------------------------------------------------------------------------- */

struct actor {
    pthread_t thread;
    unsigned who;
    u64 gpa, value;
    u32 size;
    u64 times;
    unsigned access;
    _Atomic bool done;
};

static void *act(void *arg)
{
    struct actor *a = arg;

    stage_enter(&s, a->who);
    for (u64 i = 0; i < a->times; i++) {
        hold_serve(&s.party[a->who].p, true);
        if (a->access == TRACE_READ)
            stage_read(&s, a->who, a->gpa, a->size);
        else
            stage_write(&s, a->who, a->gpa, a->size, a->value + i);
    }
    stage_leave(&s, a->who);
    a->done = true;
    return NULL;
}

static void start(struct actor *a, unsigned who, u64 gpa, u32 size, u64 value, u64 times)
{
    *a = (struct actor){.who = who,
                        .gpa = gpa,
                        .size = size,
                        .value = value,
                        .times = times,
                        .access = TRACE_WRITE};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&a->thread, NULL, act, a), 0);
}

static void join(struct actor *a)
{
    pthread_join(a->thread, NULL);
}

static bool is_asked(unsigned who)
{
    return atomic_load(&s.party[who].p.budget.stop) != 0;
}

static void await_asked(unsigned who)
{
    while (!is_asked(who))
        sched_yield();
}

/* The consumer's next boundary. */
static void boundary(unsigned who)
{
    struct participant *p = &s.party[who].p;

    p->position++;
    atomic_exchange(&p->budget.stop, 0);
    hold_serve(p, true);
}

/* It gets there again and again until the actor is through. */
static void boundaries_until_done(unsigned who, struct actor *a)
{
    while (!a->done) {
        boundary(who);
        sched_yield();
    }
    join(a);
}

static void await_parked(unsigned who)
{
    struct participant *p = &s.party[who].p;
    bool parked = false;

    while (!parked) {
        pthread_mutex_lock(&p->lock);
        parked = p->parked;
        pthread_mutex_unlock(&p->lock);
        sched_yield();
    }
}

/* ---- One actor, one consumer ------------------------------------------------------------------------------------ */

#define OLD 0x1111111111111111
#define NEW 0x2222222222222222

static void set_up(enum trace_kind kind, enum trace_semantics sem, bool derive)
{
    stage_begin(&s, VCPUS, false);
    s.dir.semantics[kind] = (u8)sem;
    stage_write(&s, A, 0x2000, 8, OLD);
    if (derive) {
        CU_ASSERT_EQUAL(stage_derive(&s, B, kind, 0x2000, 64), OLD);
    } else {
        CU_ASSERT_EQUAL(trace_add(&s.party[B].p, kind, TRACE_WRITE, 0x2004, 0x2005), 0);
    }
    stage_forget(&s);
    stage_enter(&s, B);
}

static void tear_down(void)
{
    stage_leave(&s, B);
    stage_end(&s);
}

/* At the moment of the write the consumer has acknowledged and lost what it derived; it cannot derive anew before the
 * write is done, and then it sees the new value. */
static void bracket_derived(void)
{
    struct actor a;
    struct participant *b;

    set_up(TRACE_CODE, TRACE_BRACKET, true);
    b = &s.party[B].p;
    start(&a, A, 0x2000, 8, NEW, 1);
    await_asked(B);
    await_parked(A);
    CU_ASSERT_EQUAL(stage_load(&s, 0x2000, 8), OLD);
    CU_ASSERT_FALSE(a.done);
    CU_ASSERT_EQUAL(s.party[B].n_dropped, 0);
    boundary(B);
    CU_ASSERT_EQUAL(s.party[B].n_dropped, 1);
    CU_ASSERT_EQUAL(s.party[B].dropped_memory, OLD);
    /* The page is kept for the actor: there is no way back to the old value. */
    while (directory_derive(b, TRACE_CODE, 0x2000, 64) < 0)
        hold_acquire(b);
    CU_ASSERT_EQUAL(stage_load(&s, 0x2000, 8), NEW);
    hold_retire(b);
    boundaries_until_done(B, &a);
    CU_ASSERT(stage_counts(&s, TRACE_CODE, 1, 1, 1, VCPUS - 1));
    CU_ASSERT_EQUAL(s.dir.handshakes, 1);
    tear_down();
}

/* The actor does not get the page by asking; nor does it while its consumers make way and come back. */
static void bracket_waits_for_all(void)
{
    struct actor a;

    set_up(TRACE_CODE, TRACE_BRACKET, true);
    stage_derive(&s, C, TRACE_CODE, 0x2000, 64);
    stage_enter(&s, C);
    stage_forget(&s);
    start(&a, A, 0x2000, 8, NEW, 1);
    await_asked(B);
    await_asked(C);
    boundary(B);
    await_parked(A);
    CU_ASSERT_EQUAL(directory_derive(&s.party[B].p, TRACE_CODE, 0x2000, 64) < 0, 1);
    CU_ASSERT_EQUAL(stage_load(&s, 0x2000, 8), OLD);
    CU_ASSERT_FALSE(a.done);
    boundaries_until_done(C, &a);
    CU_ASSERT_EQUAL(stage_load(&s, 0x2000, 8), NEW);
    CU_ASSERT_EQUAL(s.party[C].dropped_memory, OLD);
    CU_ASSERT(stage_counts(&s, TRACE_CODE, 1, 2, 2, VCPUS - 1));
    stage_leave(&s, C);
    tear_down();
}

/* A consumer that parks instead of serving is served where it parked. */
static void bracket_and_a_consumer_that_parks(void)
{
    struct actor a;

    set_up(TRACE_CODE, TRACE_BRACKET, true);
    start(&a, A, 0x2000, 8, NEW, 1);
    await_asked(B);
    stage_leave(&s, B);
    join(&a);
    CU_ASSERT_EQUAL(s.party[B].dropped_memory, OLD);
    CU_ASSERT_EQUAL(s.dir.on_behalf, 1);
    CU_ASSERT_EQUAL(s.dir.handshakes, 0);
    CU_ASSERT(stage_counts(&s, TRACE_CODE, 1, 1, 1, VCPUS - 1));
    stage_enter(&s, B);
    tear_down();
}

static void bracket_exact(void)
{
    struct actor a;
    const struct heard *h = s.party[B].heard;

    set_up(TRACE_WATCH, TRACE_BRACKET, false);
    start(&a, A, 0x2000, 8, NEW, 1);
    await_asked(B);
    CU_ASSERT_EQUAL(stage_load(&s, 0x2000, 8), OLD);
    CU_ASSERT_EQUAL(s.party[B].n_heard, 0);
    boundaries_until_done(B, &a);
    boundary(B);
    CU_ASSERT_EQUAL(s.party[B].n_heard, 2);
    CU_ASSERT(h[0].ev.before && !h[0].ev.over && h[0].memory == OLD);
    CU_ASSERT(!h[1].ev.before && h[1].ev.over && h[1].memory == NEW && h[1].ev.value == NEW);
    CU_ASSERT(stage_counts(&s, TRACE_WATCH, 1, 1, 1, VCPUS - 1));
    tear_down();
}

/* The actor has written but goes on only when the consumer has received. */
static void post_sync(enum trace_kind kind, bool derive)
{
    struct actor a;

    set_up(kind, TRACE_POST_SYNC, derive);
    start(&a, A, 0x2000, 8, NEW, 1);
    await_asked(B);
    await_parked(A); /* where it waits for the receipt */
    CU_ASSERT_EQUAL(stage_load(&s, 0x2000, 8), NEW);
    CU_ASSERT_FALSE(a.done);
    CU_ASSERT_EQUAL(s.party[B].n_heard + s.party[B].n_dropped, 0);
    CU_ASSERT(stage_counts(&s, kind, 1, 1, 0, VCPUS - 1));
    boundary(B);
    CU_ASSERT_EQUAL(derive ? s.party[B].n_dropped : s.party[B].n_heard, 1);
    if (!derive)
        CU_ASSERT(s.party[B].heard[0].ev.value == NEW && !s.party[B].heard[0].ev.before);
    boundaries_until_done(B, &a);
    CU_ASSERT(stage_counts(&s, kind, 1, 1, 1, VCPUS - 1));
    tear_down();
}

static void post_sync_derived(void)
{
    post_sync(TRACE_CODE, true);
}

static void post_sync_exact(void)
{
    post_sync(TRACE_WATCH, false);
}

/* The actor goes on at once. */
static void post_async(enum trace_kind kind, bool derive)
{
    struct actor a;

    set_up(kind, TRACE_POST_ASYNC, derive);
    start(&a, A, 0x2000, 8, NEW, 3);
    join(&a);
    CU_ASSERT_EQUAL(stage_load(&s, 0x2000, 8), NEW + 2);
    CU_ASSERT_EQUAL(s.party[B].n_heard + s.party[B].n_dropped, 0);
    CU_ASSERT(is_asked(B));
    boundary(B);
    /* What was derived is lost with the first write; an exact trace hears of all three. */
    CU_ASSERT_EQUAL(derive ? s.party[B].n_dropped : s.party[B].n_heard, derive ? 1 : 3);
    for (unsigned i = 0; i < s.party[B].n_heard; i++)
        CU_ASSERT_EQUAL(s.party[B].heard[i].ev.value, NEW + i);
    CU_ASSERT(
        stage_counts(&s, kind, derive ? 1 : 3, derive ? 1 : 3, 0, (derive ? 1 : 3) * (VCPUS - 1)));
    tear_down();
}

static void post_async_derived(void)
{
    post_async(TRACE_CODE, true);
}

static void post_async_exact(void)
{
    post_async(TRACE_WATCH, false);
}

/* A consumer that never comes to a boundary does not make an asynchronous actor's news pile up for ever, nor get lost. */
static void post_async_waits_for_who_lags(void)
{
    struct actor a;
    enum { MANY = 5 * PARTICIPANT_POSTS };

    set_up(TRACE_WATCH, TRACE_POST_ASYNC, false);
    start(&a, A, 0x2000, 8, NEW, MANY);
    await_parked(A);
    boundaries_until_done(B, &a);
    boundary(B);
    CU_ASSERT_EQUAL(s.party[B].n_heard, MANY);
    CU_ASSERT_FALSE(s.party[B].p.posts_overflow);
    CU_ASSERT(stage_counts(&s, TRACE_WATCH, MANY, MANY, 0, MANY * (VCPUS - 1)));
    tear_down();
}

/* The consumer sees address, size and value before memory changes. */
static void pre_data(enum trace_kind kind, bool derive)
{
    struct actor a;
    const struct heard *h = s.party[B].heard;

    set_up(kind, TRACE_PRE_DATA, derive);
    start(&a, A, 0x2002, 4, 0xabcdef01, 1);
    await_asked(B);
    CU_ASSERT_EQUAL(stage_load(&s, 0x2000, 8), OLD);
    CU_ASSERT_FALSE(a.done);
    if (derive) /* nor can it derive the old value again */
        CU_ASSERT(directory_derive(&s.party[C].p, kind, 0x2000, 64) < 0);
    boundaries_until_done(B, &a);
    if (derive) {
        CU_ASSERT_EQUAL(s.party[B].n_dropped, 1);
        CU_ASSERT_EQUAL(s.party[B].dropped_memory, OLD);
    } else {
        CU_ASSERT_EQUAL(s.party[B].n_heard, 1);
        CU_ASSERT(h[0].ev.before && h[0].ev.gpa == 0x2002 && h[0].ev.size == 4 &&
                  h[0].ev.value == 0xabcdef01);
        CU_ASSERT_EQUAL(h[0].memory, OLD & 0xffffffff);
    }
    CU_ASSERT_EQUAL(stage_load(&s, 0x2002, 4), 0xabcdef01);
    CU_ASSERT(stage_counts(&s, kind, 1, 1, 1, VCPUS - 1));
    tear_down();
}

static void pre_data_derived(void)
{
    pre_data(TRACE_CODE, true);
}

static void pre_data_exact(void)
{
    pre_data(TRACE_WATCH, false);
}

/* A second writer waits until the first one's announced write is done. */
static void announced_writes_do_not_overtake(void)
{
    struct actor a, c;

    set_up(TRACE_WATCH, TRACE_PRE_DATA, false);
    start(&a, A, 0x2000, 8, NEW, 1);
    await_asked(B);
    start(&c, C, 0x2ff8, 8, 3, 1); /* another place of the page */
    for (unsigned i = 0; i < 1000; i++)
        sched_yield();
    CU_ASSERT_FALSE(c.done);
    CU_ASSERT_EQUAL(stage_load(&s, 0x2ff8, 8), 0);
    boundaries_until_done(B, &a);
    join(&c);
    CU_ASSERT_EQUAL(stage_load(&s, 0x2000, 8), NEW);
    CU_ASSERT_EQUAL(stage_load(&s, 0x2ff8, 8), 3);
    CU_ASSERT(stage_counts(&s, TRACE_WATCH, 1, 1, 1, VCPUS - 1));
    tear_down();
}

/* A trace holds from the moment trace_add() returns, also for who had permission to write in its hands. */
static void adding_waits_for_who_writes_unseen(void)
{
    struct actor a;

    stage_begin(&s, VCPUS, false);
    s.dir.semantics[TRACE_WATCH] = TRACE_POST_SYNC;
    start(&a, A, 0x2000, 8, 1, 1);
    join(&a);
    stage_enter(&s, A);
    a.done = false;
    CU_ASSERT(s.dir.entries[2].wcached & PMASK(A));
    trace_add(&s.party[C].p, TRACE_WATCH, TRACE_WRITE, 0x3000, 0x3001); /* not A's page: at once */
    CU_ASSERT_FALSE(is_asked(A));
    stage_leave(&s, A);
    trace_add(&s.party[C].p, TRACE_WATCH, TRACE_WRITE, 0x2000, 0x2001);
    CU_ASSERT(s.party[A].dropped[2] & DROP_WRITE);
    CU_ASSERT_FALSE(s.dir.entries[2].wcached & PMASK(A));
    stage_write(&s, A, 0x2000, 8, 2);
    CU_ASSERT_EQUAL(s.party[C].n_heard, 1);
    stage_end(&s);
}

/* ---- Everybody at once ------------------------------------------------------------------------------------------ */

/* Each traces the others' words and writes its own: all announce to all at the same time. Nobody waits for ever, and
 * everybody hears of every write. */
static void mutual(enum trace_semantics sem, unsigned access)
{
    enum { TIMES = 300 };
    struct actor a[VCPUS];

    stage_begin(&s, VCPUS, false);
    s.dir.semantics[TRACE_WATCH] = (u8)sem;
    for (unsigned i = 0; i < VCPUS; i++)
        for (unsigned k = 0; k < VCPUS; k++)
            if (i != k)
                trace_add(&s.party[i].p, TRACE_WATCH, TRACE_READ | TRACE_WRITE, 0x1000 * k + 8,
                          0x1000 * k + 9);
    stage_forget(&s);
    for (unsigned i = 0; i < VCPUS; i++) {
        a[i] = (struct actor){
            .who = i, .gpa = 0x1000 * i + 8, .size = 8, .times = TIMES, .access = access};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&a[i].thread, NULL, act, &a[i]), 0);
    }
    for (unsigned i = 0; i < VCPUS; i++)
        join(&a[i]);
    for (unsigned i = 0; i < VCPUS; i++)
        CU_ASSERT_EQUAL(s.party[i].n_heard, (sem == TRACE_BRACKET ? 2 : 1) * TIMES * (VCPUS - 1));
    CU_ASSERT(stage_counts(&s, TRACE_WATCH, VCPUS * TIMES, VCPUS * (VCPUS - 1) * TIMES,
                           sem == TRACE_POST_ASYNC ? 0 : VCPUS * (VCPUS - 1) * TIMES,
                           VCPUS * (VCPUS - 1) * TIMES));
    stage_end(&s);
}

static void all_announce_to_all(void)
{
    mutual(TRACE_BRACKET, TRACE_WRITE);
    mutual(TRACE_PRE_DATA, TRACE_WRITE);
    mutual(TRACE_POST_SYNC, TRACE_WRITE);
    mutual(TRACE_POST_ASYNC, TRACE_WRITE);
}

static void all_tell_all_of_reads(void)
{
    mutual(TRACE_BRACKET, TRACE_READ);
    mutual(TRACE_PRE_DATA, TRACE_READ);
    mutual(TRACE_POST_SYNC, TRACE_READ);
}

TEST_SUITE(trace_semantics, TEST(bracket_derived), TEST(bracket_waits_for_all),
           TEST(bracket_and_a_consumer_that_parks), TEST(bracket_exact), TEST(post_sync_derived),
           TEST(post_sync_exact), TEST(post_async_derived), TEST(post_async_exact),
           TEST(post_async_waits_for_who_lags), TEST(pre_data_derived), TEST(pre_data_exact),
           TEST(announced_writes_do_not_overtake), TEST(adding_waits_for_who_writes_unseen),
           TEST(all_announce_to_all), TEST(all_tell_all_of_reads));
