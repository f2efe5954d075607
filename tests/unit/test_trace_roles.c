/* SPDX-License-Identifier: MIT */
/*
 * Who is told: actors, consumers and bystanders, for exact byte ranges, for what was derived by lines, for reads and
 * writes, for overlapping ranges of several participants and kinds, in every semantics; and that each is counted once.
 * Everybody is parked here, so all is told on their behalf; tests with running consumers are in test_trace_semantics.c.
 */
#include "tests/lib/suite.h"
#include "tests/unit/trace_fixture.h"

enum { A, B, C, D, E, VCPUS };

static struct stage s;

static const enum trace_semantics all_semantics[] = {TRACE_BRACKET, TRACE_POST_SYNC,
                                                     TRACE_POST_ASYNC, TRACE_PRE_DATA};

static void access_by(unsigned who, unsigned access, u64 gpa, u32 size)
{
    if (access == TRACE_WRITE)
        stage_write(&s, who, gpa, size, 0x1122334455667788);
    else
        stage_read(&s, who, gpa, size);
}

/* How often did the party hear of accesses (a bracket's end is not another one)? */
static unsigned heard(unsigned who)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s.party[who].n_heard; i++)
        n += !s.party[who].heard[i].ev.over;
    return n;
}

/* Exactly those of the mask heard, once each, of this access. */
static void expect_heard(pmask_t who, unsigned actor, unsigned access, u64 gpa, u32 size)
{
    for (unsigned i = 0; i <= VCPUS; i++) {
        const struct party *party = &s.party[i];

        CU_ASSERT_EQUAL(heard(i), who & PMASK(i) ? 1 : 0);
        for (unsigned k = 0; k < party->n_heard; k++) {
            CU_ASSERT_EQUAL(party->heard[k].ev.actor, actor);
            CU_ASSERT_EQUAL(party->heard[k].ev.access, access);
            CU_ASSERT_EQUAL(party->heard[k].ev.gpa, gpa);
            CU_ASSERT_EQUAL(party->heard[k].ev.size, size);
        }
    }
}

static u64 bits(pmask_t m)
{
    return (u64)__builtin_popcountll((u64)m);
}

/* One access; who consumes it, and what is counted. */
static void check(enum trace_kind kind, unsigned actor, unsigned access, u64 gpa, u32 size,
                  pmask_t consumers)
{
    u64 others = bits(consumers & ~PMASK(actor));
    bool acks = s.dir.semantics[kind] != TRACE_POST_ASYNC;

    stage_forget(&s);
    access_by(actor, access, gpa, size);
    expect_heard(consumers, actor, access, gpa, size);
    CU_ASSERT(stage_counts(&s, kind, consumers ? 1 : 0, others, acks ? others : 0,
                           consumers ? VCPUS - 1 : 0));
    CU_ASSERT_EQUAL(s.dir.on_behalf >= others, 1);
}

/* Addresses of the examples: odd, and across pages. */
#define M1 0x1ff3
#define M2 0x3005
#define M3 0x3005
#define M4 0x3107
#define M5 0x4001
#define M6 0x4002

/* (1) CPUs a and c trace [m1,m2), b traces [m3,m4): a write by e into [m1,m2) notifies a and c, never b; a write there by
 * a itself makes a actor and consumer. */
static void example_one(unsigned access, enum trace_semantics sem, enum trace_kind kind)
{
    unsigned other = access ^ (TRACE_READ | TRACE_WRITE);

    stage_begin(&s, VCPUS, false);
    s.dir.semantics[kind] = (u8)sem;
    CU_ASSERT_EQUAL(trace_add(&s.party[A].p, kind, access, M1, M2), 0);
    CU_ASSERT_EQUAL(trace_add(&s.party[C].p, kind, access, M1, M2), 0);
    CU_ASSERT_EQUAL(trace_add(&s.party[B].p, kind, access, M3, M4), 0);
    for (unsigned actor = E; actor != VCPUS + 1; actor = actor == E   ? A
                                                         : actor == A ? D
                                                                      : VCPUS + 1) {
        check(kind, actor, access, M1, 1, PMASK(A) | PMASK(C));
        check(kind, actor, access, 0x2000, 8, PMASK(A) | PMASK(C));
        check(kind, actor, access, M2 - 1, 1, PMASK(A) | PMASK(C));
        check(kind, actor, access, M1 - 4, 4, 0);
        check(kind, actor, access, M1 - 4, 5, PMASK(A) | PMASK(C));
        check(kind, actor, access, M3, 1, PMASK(B));
        check(kind, actor, access, M2 - 2, 4, PMASK(A) | PMASK(B) | PMASK(C));
        check(kind, actor, access, M4 - 1, 2, PMASK(B));
        check(kind, actor, access, M4, 8, 0);
        check(kind, actor, access, 0x5000, 8, 0);
        check(kind, actor, other, M1, 1, 0);
    }
    /* b as the actor in its own range, and as the actor that concerns the others. */
    check(kind, B, access, M3 + 1, 2, PMASK(B));
    check(kind, B, access, M1 + 1, 1, PMASK(A) | PMASK(C));
    stage_end(&s);
}

static void example_one_for_writes(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(all_semantics); i++)
        for (unsigned kind = TRACE_CODE; kind < TRACE_KINDS; kind++)
            example_one(TRACE_WRITE, all_semantics[i], (enum trace_kind)kind);
}

static void example_one_for_reads(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(all_semantics); i++)
        for (unsigned kind = TRACE_CODE; kind < TRACE_KINDS; kind++)
            example_one(TRACE_READ, all_semantics[i], (enum trace_kind)kind);
}

/* (2) a traces [m1,m3), b traces [m2,m4), c traces [m5,m6): exactly a in [m1,m2), a and b in [m2,m3), b in [m3,m4), c in
 * [m5,m6). Every byte there is. */
static void example_two(unsigned access, enum trace_semantics sem)
{
    const u64 m1 = 0x1ff0, m2 = 0x2003, m3 = 0x2045, m4 = 0x2081, m5 = 0x20c0, m6 = 0x20c9;

    stage_begin(&s, VCPUS, false);
    s.dir.semantics[TRACE_WATCH] = (u8)sem;
    trace_add(&s.party[A].p, TRACE_WATCH, access, m1, m3);
    trace_add(&s.party[B].p, TRACE_WATCH, access, m2, m4);
    trace_add(&s.party[C].p, TRACE_WATCH, access, m5, m6);
    for (u64 m = m1 - 16; m < m6 + 16; m++) {
        pmask_t who = (m >= m1 && m < m3 ? PMASK(A) : 0) | (m >= m2 && m < m4 ? PMASK(B) : 0) |
                      (m >= m5 && m < m6 ? PMASK(C) : 0);

        check(TRACE_WATCH, E, access, m, 1, who);
        check(TRACE_WATCH, B, access, m, 1, who);
    }
    stage_end(&s);
}

static void example_two_for_writes(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(all_semantics); i++)
        example_two(TRACE_WRITE, all_semantics[i]);
}

static void example_two_for_reads(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(all_semantics); i++)
        example_two(TRACE_READ, all_semantics[i]);
}

/* The same roles for what is derived: by lines, and lost with the first write. */
static void derived_structures_have_the_same_roles(void)
{
    static const struct {
        enum trace_kind kind;
        unsigned drop;
    } kinds[] = {{TRACE_CODE, DROP_CODE}, {TRACE_MMU, DROP_MMU}, {TRACE_DESC, DROP_DESC}};

    for (unsigned i = 0; i < ARRAY_SIZE(all_semantics); i++)
        for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
            bool acks = all_semantics[i] != TRACE_POST_ASYNC;

            stage_begin(&s, VCPUS, false);
            s.dir.semantics[kinds[k].kind] = (u8)all_semantics[i];
            stage_derive(&s, A, kinds[k].kind, 0x2000, 64);
            stage_derive(&s, C, kinds[k].kind, 0x2000, 64);
            stage_derive(&s, B, kinds[k].kind, 0x2040, 64);
            stage_forget(&s);
            stage_write(&s, E, 0x2010, 8, 1);
            CU_ASSERT_EQUAL(s.party[A].dropped[2], kinds[k].drop);
            CU_ASSERT_EQUAL(s.party[C].dropped[2], kinds[k].drop);
            CU_ASSERT_EQUAL(s.party[B].dropped[2], 0);
            CU_ASSERT_EQUAL(s.party[D].dropped[2] | s.party[E].dropped[2], 0);
            CU_ASSERT(stage_counts(&s, kinds[k].kind, 1, 2, acks ? 2 : 0, VCPUS - 1));
            /* Told once: they derive nothing there now. */
            stage_forget(&s);
            stage_write(&s, E, 0x2010, 8, 2);
            CU_ASSERT_EQUAL(s.party[A].dropped[2] | s.party[B].dropped[2] | s.party[C].dropped[2],
                            0);
            CU_ASSERT(stage_counts(&s, kinds[k].kind, 0, 0, 0, 0));
            /* Actor and consumer: c is told, a hears of its own write itself. */
            stage_derive(&s, A, kinds[k].kind, 0x2000, 64);
            stage_derive(&s, C, kinds[k].kind, 0x2000, 64);
            stage_forget(&s);
            stage_write(&s, A, 0x2010, 8, 3);
            CU_ASSERT_EQUAL(s.party[A].n_wrote, 1);
            CU_ASSERT_EQUAL(s.party[A].dropped[2], 0);
            CU_ASSERT_EQUAL(s.party[C].dropped[2], kinds[k].drop);
            CU_ASSERT(stage_counts(&s, kinds[k].kind, 1, 1, acks ? 1 : 0, VCPUS - 1));
            /* b's line still is its own. */
            stage_forget(&s);
            stage_write(&s, B, 0x207f, 1, 4);
            CU_ASSERT_EQUAL(s.party[B].n_wrote, 1);
            CU_ASSERT(stage_counts(&s, kinds[k].kind, 1, 0, 0, VCPUS - 1));
            stage_end(&s);
        }
}

/* A participant that derives asks those alone who may write unseen. */
static void deriving_bothers_no_bystander(void)
{
    stage_begin(&s, VCPUS, false);
    stage_write(&s, A, 0x2000, 8, 1); /* may now write the page without asking */
    stage_write(&s, B, 0x3000, 8, 1);
    stage_forget(&s);
    stage_derive(&s, C, TRACE_CODE, 0x2000, 64);
    CU_ASSERT_EQUAL(s.party[A].dropped[2], DROP_WRITE);
    CU_ASSERT_EQUAL(s.party[B].dropped[2] | s.party[D].dropped[2] | s.party[E].dropped[2], 0);
    CU_ASSERT_EQUAL(s.dir.recalls, 1);
    CU_ASSERT_EQUAL(s.party[C].missed, 1);
    /* No write was made, so it is no event. */
    CU_ASSERT(stage_counts(&s, TRACE_CODE, 0, 0, 0, 0));
    /* A trace that is added asks them too, and gets what is written from then on. */
    stage_forget(&s);
    trace_add(&s.party[D].p, TRACE_WATCH, TRACE_WRITE, 0x3004, 0x3005);
    CU_ASSERT_EQUAL(s.party[B].dropped[3], DROP_WRITE);
    CU_ASSERT_EQUAL(s.party[A].dropped[3] | s.party[C].dropped[3] | s.party[E].dropped[3], 0);
    check(TRACE_WATCH, B, TRACE_WRITE, 0x3000, 8, PMASK(D));
    stage_end(&s);
}

/* Ranges of different kinds overlap: each kind has its own semantics, notification and counters; ranges of one kind and
 * participant are one trace. */
static void kinds_are_told_apart(void)
{
    stage_begin(&s, VCPUS, false);
    s.dir.semantics[TRACE_WATCH] = TRACE_PRE_DATA;
    s.dir.semantics[TRACE_DIRTY] = TRACE_POST_ASYNC;
    s.dir.semantics[TRACE_SHARE] = TRACE_BRACKET;
    trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE, 0x1000, 0x1010);
    trace_add(&s.party[A].p, TRACE_DIRTY, TRACE_WRITE, 0x1008, 0x1018);
    trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE, 0x1004, 0x100c); /* within its first */
    trace_add(&s.party[B].p, TRACE_SHARE, TRACE_WRITE | TRACE_READ, 0x1000, 0x2000);
    stage_derive(&s, C, TRACE_CODE, 0x1000, 64);
    stage_forget(&s);
    stage_write(&s, E, 0x1008, 4, 7);
    CU_ASSERT_EQUAL(heard(A), 2);
    CU_ASSERT_EQUAL(heard(B), 1);
    CU_ASSERT_EQUAL(s.party[C].dropped[1], DROP_CODE);
    CU_ASSERT(stage_counts(&s, TRACE_WATCH, 1, 1, 1, VCPUS - 1));
    CU_ASSERT(stage_counts(&s, TRACE_DIRTY, 1, 1, 0, VCPUS - 1));
    CU_ASSERT(stage_counts(&s, TRACE_SHARE, 1, 1, 1, VCPUS - 1));
    CU_ASSERT(stage_counts(&s, TRACE_CODE, 1, 1, 1, VCPUS - 1));
    CU_ASSERT_EQUAL(s.party[A].heard[0].ev.kind, TRACE_WATCH);
    CU_ASSERT_TRUE(s.party[A].heard[0].ev.before);
    CU_ASSERT_EQUAL(s.party[A].heard[1].ev.kind, TRACE_DIRTY);
    CU_ASSERT_FALSE(s.party[A].heard[1].ev.before);
    stage_forget(&s);
    stage_read(&s, E, 0x1008, 4);
    CU_ASSERT_EQUAL(heard(A), 0);
    CU_ASSERT_EQUAL(heard(B), 1);
    CU_ASSERT(stage_counts(&s, TRACE_SHARE, 1, 1, 1, VCPUS - 1));
    stage_end(&s);
}

/* A hole in a range; the rest of it stays; other kinds and other participants keep theirs. */
static void removing_is_exact(void)
{
    stage_begin(&s, VCPUS, false);
    s.dir.semantics[TRACE_WATCH] = TRACE_POST_SYNC;
    trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE | TRACE_READ, 0x1ff0, 0x2010);
    trace_add(&s.party[B].p, TRACE_WATCH, TRACE_WRITE, 0x1ff0, 0x2010);
    trace_remove(&s.party[A].p, TRACE_WATCH, 0x1ffe, 0x2003);
    for (u64 m = 0x1fe8; m < 0x2018; m++) {
        bool in_b = m >= 0x1ff0 && m < 0x2010, in_a = in_b && !(m >= 0x1ffe && m < 0x2003);

        check(TRACE_WATCH, E, TRACE_WRITE, m, 1, (in_a ? PMASK(A) : 0) | (in_b ? PMASK(B) : 0));
        check(TRACE_WATCH, E, TRACE_READ, m, 1, in_a ? PMASK(A) : 0);
    }
    trace_remove(&s.party[A].p, TRACE_DIRTY, 0, STAGE_PAGES * 4096); /* has none */
    check(TRACE_WATCH, E, TRACE_READ, 0x1ff0, 1, PMASK(A));
    trace_remove(&s.party[A].p, TRACE_WATCH, 0, STAGE_PAGES * 4096);
    check(TRACE_WATCH, E, TRACE_READ, 0x1ff0, 1, 0);
    check(TRACE_WATCH, E, TRACE_WRITE, 0x1ff0, 1, PMASK(B));
    trace_remove(&s.party[B].p, TRACE_WATCH, 0x1ff0, 0x2010);
    check(TRACE_WATCH, E, TRACE_WRITE, 0x1ff0, 1, 0);
    CU_ASSERT_FALSE(trace_reads_watched(&s.dir, 1));
    CU_ASSERT_PTR_NULL(s.dir.entries[1].nodes);
    CU_ASSERT_PTR_NULL(s.dir.entries[2].nodes);
    stage_end(&s);
}

static void wrong_ranges_are_refused(void)
{
    stage_begin(&s, VCPUS, false);
    CU_ASSERT(trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE, 0x1000, 0x1000) < 0);
    CU_ASSERT(trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE, 0x1001, 0x1000) < 0);
    CU_ASSERT(trace_add(&s.party[A].p, TRACE_WATCH, 0, 0x1000, 0x1001) < 0);
    CU_ASSERT(trace_add(&s.party[A].p, TRACE_KINDS, TRACE_WRITE, 0x1000, 0x1001) < 0);
    CU_ASSERT(trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE, 0, STAGE_PAGES * 4096 + 1) < 0);
    CU_ASSERT_EQUAL(trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE, 0, STAGE_PAGES * 4096), 0);
    check(TRACE_WATCH, E, TRACE_WRITE, STAGE_PAGES * 4096 - 1, 1, PMASK(A));
    stage_end(&s);
}

/* What a parked consumer sees in memory when it is told. */
static void the_time_of_telling(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(all_semantics); i++) {
        enum trace_semantics sem = all_semantics[i];
        bool before = sem == TRACE_BRACKET || sem == TRACE_PRE_DATA;
        const struct heard *h = s.party[A].heard;

        stage_begin(&s, VCPUS, false);
        stage_write(&s, E, 0x1000, 4, 0x11111111);
        s.dir.semantics[TRACE_WATCH] = (u8)sem;
        trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE, 0x1000, 0x1004);
        for (unsigned actor = A; actor <= B; actor++) {
            u64 old = stage_load(&s, 0x1000, 4), new = 0x22222222 + actor;

            stage_forget(&s);
            stage_write(&s, actor, 0x1000, 4, new);
            CU_ASSERT_EQUAL(s.party[A].n_heard, sem == TRACE_BRACKET ? 2 : 1);
            CU_ASSERT_EQUAL(h[0].ev.before, before);
            CU_ASSERT_EQUAL(h[0].memory, before ? old : new);
            CU_ASSERT_EQUAL(h[0].ev.value, sem == TRACE_BRACKET ? 0 : new);
            if (sem == TRACE_BRACKET) {
                CU_ASSERT_TRUE(h[1].ev.over && !h[1].ev.before);
                CU_ASSERT_EQUAL(h[1].memory, new);
                CU_ASSERT_EQUAL(h[1].ev.value, new);
            }
        }
        stage_end(&s);
    }
}

/* The agent is a participant like any other; a broadcast to the vCPUs would have had to reach it as well. */
static void the_agent_takes_part(void)
{
    stage_begin(&s, VCPUS, false);
    s.dir.semantics[TRACE_WATCH] = TRACE_POST_SYNC;
    trace_add(&s.party[VCPUS].p, TRACE_WATCH, TRACE_WRITE, 0x1000, 0x1001);
    trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE, 0x1001, 0x1002);
    stage_forget(&s);
    stage_write(&s, A, 0x1000, 1, 5);
    CU_ASSERT_EQUAL(heard(VCPUS), 1);
    CU_ASSERT(stage_counts(&s, TRACE_WATCH, 1, 1, 1, VCPUS - 1 + 1));
    stage_forget(&s);
    stage_write(&s, VCPUS, 0x1001, 1, 5);
    CU_ASSERT_EQUAL(heard(A), 1);
    CU_ASSERT_EQUAL(s.party[A].heard[0].ev.actor, PARTICIPANT_AGENT);
    CU_ASSERT(stage_counts(&s, TRACE_WATCH, 1, 1, 1, VCPUS));
    stage_end(&s);
}

/* In a recorded run the write hold is taken besides; exact traces are told all the same. */
static void ordered_runs_tell_too(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(all_semantics); i++) {
        stage_begin(&s, VCPUS, true);
        s.dir.semantics[TRACE_WATCH] = (u8)all_semantics[i];
        trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE | TRACE_READ, 0x1004, 0x1006);
        for (unsigned actor = A; actor <= E; actor++) {
            check(TRACE_WATCH, actor, TRACE_WRITE, 0x1000, 8, PMASK(A));
            check(TRACE_WATCH, actor, TRACE_READ, 0x1005, 1, PMASK(A));
            check(TRACE_WATCH, actor, TRACE_WRITE, 0x1000, 4, 0);
        }
        stage_end(&s);
    }
}

/* Who was told has lost what he derived, so at its end an announced write may concern nobody any more; the next one is another
 * event all the same. */
static void each_write_is_an_event(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(all_semantics); i++)
        for (unsigned own = 0; own < 2; own++) {
            stage_begin(&s, VCPUS, false);
            s.dir.semantics[TRACE_CODE] = (u8)all_semantics[i];
            for (unsigned n = 1; n <= 3; n++) {
                unsigned told = n * (own ? 0 : 2);

                for (unsigned who = A; !own && who <= B; who++)
                    stage_derive(&s, who, TRACE_CODE, 0x1000, 64);
                stage_derive(&s, own ? E : C, TRACE_CODE, own ? 0x1000 : 0x1040, 64);
                stage_write(&s, E, 0x1008, 4, n);
                CU_ASSERT(stage_counts(&s, TRACE_CODE, n, told,
                                       all_semantics[i] == TRACE_POST_ASYNC ? 0 : told,
                                       n * (VCPUS - 1)));
            }
            stage_end(&s);
        }
}

TEST_SUITE(trace_roles, TEST(example_one_for_writes), TEST(example_one_for_reads),
           TEST(example_two_for_writes), TEST(example_two_for_reads),
           TEST(derived_structures_have_the_same_roles), TEST(deriving_bothers_no_bystander),
           TEST(kinds_are_told_apart), TEST(removing_is_exact), TEST(wrong_ranges_are_refused),
           TEST(the_time_of_telling), TEST(each_write_is_an_event), TEST(the_agent_takes_part),
           TEST(ordered_runs_tell_too));
