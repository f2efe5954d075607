/* SPDX-License-Identifier: MIT */
/*
 * Many threads take random holds at once, recorded. Checked is what holds are for:
 *
 * - exclusion: never a writer beside another holder, in the directory and in what instructions really do to plain memory
 *   (under ThreadSanitizer a missing happens-before is a report of its own);
 * - progress: every thread does its share, however the others contend, in bounded time;
 * - order: the edges of the log alone, executed by a small replayer that knows nothing else, never get stuck and put
 *   every two conflicting accesses in the order in which they were made.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/check.h"
#include "tests/lib/suite.h"
#include "tests/unit/trace_fixture.h"

enum { THREADS = 6, OBJECTS = 5, OPS = 2000, EDGES_MAX = 2 * OPS * THREADS, SECONDS_MAX = 300 };

struct op {
    u64 pos, object, seq;
    bool write;
};

struct thread {
    pthread_t thread;
    unsigned who;
    u64 random;
    struct op op[2 * OPS];
    unsigned n_ops;
    unsigned violations;
};

static struct stage s;
static struct thread threads[THREADS];
static struct {
    u64 a, pad[15], b;
} data[OBJECTS]; /* plain memory: a == b whenever nobody writes */
static _Atomic u64 sequence;
static pthread_barrier_t start_line;

static u64 next_random(struct thread *t)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return t->random;
}

/* The directory's own account: a writer is the only holder, and rights say the same. */
static bool is_crew(u64 object)
{
    struct dir_entry *e = &s.dir.entries[object];
    bool ok = true;

    pthread_mutex_lock(directory_lock_of(&s.dir, object));
    if (e->touched && e->writer != NOBODY)
        ok = e->readers == PMASK(e->writer);
    for (unsigned i = 0; i < THREADS && e->touched; i++) {
        struct participant *p = &s.party[i].p;
        unsigned right;

        pthread_mutex_lock(&p->lock);
        right = p->rights[object];
        pthread_mutex_unlock(&p->lock);
        ok = ok && (right & RIGHT_READ) == (e->readers & PMASK(i) ? RIGHT_READ : 0) &&
             (right & RIGHT_WRITE) == (e->writer == i ? RIGHT_WRITE : 0);
    }
    pthread_mutex_unlock(directory_lock_of(&s.dir, object));
    return ok;
}

static void access_object(struct thread *t, u64 object, bool write)
{
    struct participant *p = &s.party[t->who].p;
    u64 a = data[object].a;

    if (a != data[object].b)
        t->violations++;
    if (write) {
        data[object].a = a + 1;
        for (unsigned spin = (unsigned)(next_random(t) % 64); spin; spin--)
            __asm__ volatile("pause");
        data[object].b = a + 1;
    }
    t->op[t->n_ops++] = (struct op){p->position, object, atomic_fetch_add(&sequence, 1), write};
}

/* One instruction on one or two objects, of which it has all before it touches any. */
static void instruction(struct thread *t)
{
    struct participant *p = &s.party[t->who].p;
    u64 object[2] = {next_random(t) % OBJECTS, next_random(t) % OBJECTS};
    bool write[2] = {next_random(t) % 3 == 0, next_random(t) % 3 == 0};
    unsigned n = 1 + (object[0] != object[1] && next_random(t) % 4 == 0);

    for (unsigned i = 0; i < n; i++) {
        unsigned right = write[i] ? RIGHT_WRITE : RIGHT_READ;

        if (directory_has(p, object[i], right))
            continue;
        directory_want(p, object[i], right, object[i] << 12, 1);
        hold_acquire(p);
        i = ~0u;
    }
    for (unsigned i = 0; i < n; i++)
        access_object(t, object[i], write[i]);
    p->position++;
    hold_retire(p);
    if (!is_crew(object[0]))
        t->violations++;
}

static void *work(void *arg)
{
    struct thread *t = arg;
    struct participant *p = &s.party[t->who].p;

    pthread_barrier_wait(&start_line);
    stage_enter(&s, t->who);
    for (unsigned i = 0; i < OPS; i++) {
        instruction(t);
        if (i % 64 == t->who)
            sched_yield();
        if (next_random(t) % 8 == 0 || atomic_load(&p->budget.stop)) {
            atomic_exchange(&p->budget.stop, 0);
            p->position += next_random(t) % 4; /* instructions that touch nothing */
            hold_serve(p, next_random(t) % 2);
        }
        if (next_random(t) % 32 == 0) { /* halts for a moment */
            stage_leave(&s, t->who);
            if (next_random(t) % 2)
                sched_yield();
            stage_enter(&s, t->who);
        }
    }
    stage_leave(&s, t->who);
    return NULL;
}

/* ---- The replayer ------------------------------------------------------------------------------------------------ */

struct clock {
    u64 at[THREADS];
};

struct replayed {
    struct edge edges[EDGES_MAX];
    unsigned n_edges, next_edge;
    unsigned next_op;
    u64 position; /* everything before it has been executed */
    struct clock now;
    struct clock
        *past; /* [position] what had happened before the instruction there and those before it */
};

static struct replayed *replayed;
static struct clock op_clock[THREADS][2 * OPS];

static void join_clock(struct clock *to, const struct clock *from)
{
    for (unsigned i = 0; i < THREADS; i++)
        to->at[i] = MAX(to->at[i], from->at[i]);
}

/* Execute one instruction of a thread if its edges allow it. False: it waits, or is through. */
static bool replay_step(unsigned who)
{
    struct replayed *r = &replayed[who];

    if (r->position >= s.party[who].p.position)
        return false;
    for (; r->next_edge < r->n_edges && r->edges[r->next_edge].pos <= r->position; r->next_edge++) {
        const struct edge *e = &r->edges[r->next_edge];

        if (replayed[e->source].position < e->source_pos)
            return false;
        join_clock(&r->now, &replayed[e->source].past[e->source_pos]);
        r->now.at[e->source] = MAX(r->now.at[e->source], e->source_pos);
    }
    while (r->next_op < threads[who].n_ops && threads[who].op[r->next_op].pos == r->position)
        op_clock[who][r->next_op++] = r->now;
    r->position++;
    r->now.at[who] = r->position;
    r->past[r->position] = r->now;
    return true;
}

static void replay_all(void)
{
    bool moved = true;

    replayed = calloc(THREADS, sizeof(*replayed));
    CHECK(replayed);
    for (unsigned i = 0; i < THREADS; i++) {
        replayed[i].n_edges = stage_edges(&s, i, replayed[i].edges, EDGES_MAX);
        replayed[i].past = calloc(s.party[i].p.position + 1, sizeof(struct clock));
        CHECK(replayed[i].past);
    }
    while (moved) {
        moved = false;
        for (unsigned i = 0; i < THREADS; i++)
            while (replay_step(i))
                moved = true;
    }
    for (unsigned i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL(replayed[i].position, s.party[i].p.position);
}

struct seen {
    const struct op *op;
    unsigned who, index;
};

static int by_sequence(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;

    return x->op->seq < y->op->seq ? -1 : 1;
}

/* Had `before` happened, for what the replayer knows, when `after` was executed? */
static bool is_ordered(const struct seen *before, const struct seen *after)
{
    return before->who == after->who ||
           op_clock[after->who][after->index].at[before->who] > before->op->pos;
}

/* Each access comes after the last write of its object, each write also after the reads since. Returns what does not. */
static unsigned count_unordered(void)
{
    struct seen *all = calloc((size_t)THREADS * 2 * OPS, sizeof(*all));
    struct seen write[OBJECTS] = {{NULL, 0, 0}}, read[OBJECTS][THREADS];
    unsigned n = 0, unordered = 0;

    CHECK(all);
    memset(read, 0, sizeof(read));
    for (unsigned i = 0; i < THREADS; i++)
        for (unsigned k = 0; k < threads[i].n_ops; k++)
            all[n++] = (struct seen){&threads[i].op[k], i, k};
    qsort(all, n, sizeof(*all), by_sequence);
    for (unsigned i = 0; i < n; i++) {
        u64 object = all[i].op->object;

        unordered += write[object].op && !is_ordered(&write[object], &all[i]);
        for (unsigned k = 0; k < THREADS && all[i].op->write; k++)
            unordered += read[object][k].op && !is_ordered(&read[object][k], &all[i]);
        if (all[i].op->write) {
            write[object] = all[i];
            memset(read[object], 0, sizeof(read[object]));
        } else {
            read[object][all[i].who] = all[i];
        }
    }
    free(all);
    return unordered;
}

static void random_holds(void)
{
    u64 writes = 0, sum = 0;

    pthread_barrier_init(&start_line, NULL, THREADS);
    stage_begin(&s, THREADS, true);
    memset(data, 0, sizeof(data));
    alarm(SECONDS_MAX); /* progress: ends the program */
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.who = i, .random = 0x9e3779b97f4a7c15u * (i + 1)};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i].thread, NULL, work, &threads[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i].thread, NULL);
    alarm(0);
    pthread_barrier_destroy(&start_line);
    for (unsigned i = 0; i < THREADS; i++) {
        CU_ASSERT_EQUAL(threads[i].violations, 0);
        CU_ASSERT(threads[i].n_ops >= OPS);
        for (unsigned k = 0; k < threads[i].n_ops; k++)
            writes += threads[i].op[k].write;
    }
    for (unsigned i = 0; i < OBJECTS; i++)
        sum += data[i].a;
    CU_ASSERT_EQUAL(sum, writes);
    CU_ASSERT(s.dir.waits > 0); /* they did meet */
    replay_all();
    CU_ASSERT_EQUAL(count_unordered(), 0);
    /* The check can fail: without its edges the same run is not ordered. */
    memset(op_clock, 0, sizeof(op_clock));
    CU_ASSERT(count_unordered() > 0);
    for (unsigned i = 0; i < THREADS; i++)
        free(replayed[i].past);
    free(replayed);
    stage_end(&s);
}

/* ---- A writer among readers -------------------------------------------------------------------------------------- */

enum { WRITES = 200 };

static _Atomic bool written;

static void *read_always(void *arg)
{
    struct thread *t = arg;

    stage_enter(&s, t->who);
    while (!written) {
        struct participant *p = &s.party[t->who].p;

        stage_read(&s, t->who, 0x1000, 8);
        if (atomic_load(&p->budget.stop)) {
            atomic_exchange(&p->budget.stop, 0);
            hold_serve(p, true);
        }
    }
    stage_leave(&s, t->who);
    return NULL;
}

/* However many readers come back at once, a writer gets its turn. */
static void a_writer_does_not_starve(void)
{
    stage_begin(&s, THREADS, true);
    written = false;
    alarm(SECONDS_MAX);
    for (unsigned i = 1; i < THREADS; i++) {
        threads[i] = (struct thread){.who = i};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i].thread, NULL, read_always, &threads[i]),
                              0);
    }
    stage_enter(&s, 0);
    for (unsigned i = 0; i < WRITES; i++) {
        stage_write(&s, 0, 0x1000, 8, i);
        hold_serve(&s.party[0].p, true);
    }
    stage_leave(&s, 0);
    written = true;
    for (unsigned i = 1; i < THREADS; i++)
        pthread_join(threads[i].thread, NULL);
    alarm(0);
    CU_ASSERT_EQUAL(stage_load(&s, 0x1000, 8), WRITES - 1);
    stage_end(&s);
}

/* ---- Plain runs: what is derived never outlives a write ----------------------------------------------------------- */

static _Atomic u64 newest[OBJECTS]; /* M: what somebody has seen in the page, told without a lock */

/* Does the party still have what it derived? */
static bool has_derived(struct party *party, u64 page)
{
    return !(party->dropped[page] & DROP_CODE) && !party->wrote[page];
}

static void *derive_and_check(void *arg)
{
    struct thread *t = arg;
    struct party *party = &s.party[t->who];
    u64 copy[OBJECTS] = {0};

    for (unsigned i = 0; i < OBJECTS; i++)
        party->dropped[i] = DROP_CODE;
    pthread_barrier_wait(&start_line);
    stage_enter(&s, t->who);
    for (unsigned i = 0; i < 4 * OPS; i++) {
        u64 page = next_random(t) % OBJECTS, seen;

        if (next_random(t) % 16 == 0) {
            /* A number that only grows, so older is older: the page's writers are told apart by whose turn it is. */
            if (page % THREADS == t->who)
                stage_write(&s, t->who, page << 12, 8, stage_load(&s, page << 12, 8) + 1);
        } else {
            seen = newest[page];
            if (!has_derived(party, page)) {
                party->dropped[page] = 0;
                party->wrote[page] = false;
                copy[page] = stage_derive(&s, t->who, TRACE_CODE, page << 12, 64);
            }
            /* Having seen the new M, never again the old L. */
            if (copy[page] < seen)
                t->violations++;
            while (copy[page] > seen &&
                   !atomic_compare_exchange_weak(&newest[page], &seen, copy[page]))
                ;
        }
        if (i % 32 == t->who)
            sched_yield();
        party->p.position++;
        atomic_exchange(&party->p.budget.stop, 0);
        hold_serve(&party->p, true);
    }
    stage_leave(&s, t->who);
    return NULL;
}

static void cross_modification(void)
{
    static const enum trace_semantics safe[] = {TRACE_BRACKET, TRACE_PRE_DATA};

    for (unsigned k = 0; k < ARRAY_SIZE(safe); k++) {
        const struct trace_counters *c;

        pthread_barrier_init(&start_line, NULL, THREADS);
        stage_begin(&s, THREADS, false);
        s.dir.semantics[TRACE_CODE] = (u8)safe[k];
        memset((void *)newest, 0, sizeof(newest));
        alarm(SECONDS_MAX);
        for (unsigned i = 0; i < THREADS; i++) {
            threads[i] = (struct thread){.who = i, .random = 0x9e3779b97f4a7c15u * (i + 7)};
            CU_ASSERT_EQUAL_FATAL(
                pthread_create(&threads[i].thread, NULL, derive_and_check, &threads[i]), 0);
        }
        for (unsigned i = 0; i < THREADS; i++) {
            pthread_join(threads[i].thread, NULL);
            CU_ASSERT_EQUAL(threads[i].violations, 0);
        }
        alarm(0);
        pthread_barrier_destroy(&start_line);
        CU_ASSERT(s.dir.handshakes + s.dir.on_behalf > 0);
        c = &s.dir.count[TRACE_CODE];
        CU_ASSERT(c->events > 0);
        CU_ASSERT_EQUAL(c->acks, c->notifications);
        CU_ASSERT(c->broadcast >= c->notifications);
        CU_ASSERT_EQUAL(c->broadcast, c->events * (THREADS - 1));
        stage_end(&s);
    }
}

TEST_SUITE(trace_stress, TEST(random_holds), TEST(a_writer_does_not_starve),
           TEST(cross_modification));
