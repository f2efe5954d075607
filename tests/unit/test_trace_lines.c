/* SPDX-License-Identifier: MIT */
/*
 * Who waits for a line goes on serving: the line's owner may itself wait, within its instruction, for the waiting one to
 * acknowledge a write to what that traces.
 */
#include <pthread.h>
#include <unistd.h>

#include "tests/lib/suite.h"
#include "tests/unit/trace_fixture.h"
#include "trace/lines.h"

enum { A, B, PARTIES };

static struct stage s;

static void *wait_for_line(void *arg)
{
    struct participant *p = &s.party[B].p;

    (void)arg;
    stage_enter(&s, B);
    while (!directory_has(p, 0, RIGHT_WRITE) && !lines_take(p, 0, 8, true))
        hold_acquire(p);
    p->position++;
    lines_release(p, true);
    hold_retire(p);
    stage_leave(&s, B);
    return NULL;
}

static bool waits_for_line(struct participant *p)
{
    bool waits;

    pthread_mutex_lock(&p->lock);
    waits = p->want_object == WANT_RETRY;
    pthread_mutex_unlock(&p->lock);
    return waits;
}

static void waiting_for_a_line_serves(void)
{
    struct participant *a = &s.party[A].p;
    struct dir_entry *e;
    pthread_t thread;

    stage_begin(&s, PARTIES, true);
    s.dir.semantics[TRACE_WATCH] = TRACE_PRE_DATA;
    CU_ASSERT_EQUAL_FATAL(trace_add(&s.party[B].p, TRACE_WATCH, TRACE_WRITE, 0x1000, 0x1008), 0);
    stage_enter(&s, A);
    stage_hold(&s, A, 1, RIGHT_WRITE);
    stage_hold(&s, A, 0, RIGHT_WRITE);
    e = &s.dir.entries[0];
    pthread_mutex_lock(directory_lock_of(&s.dir, 0));
    lines_begin_locked(&s.dir, e, a, 0);
    pthread_mutex_unlock(directory_lock_of(&s.dir, 0));
    CU_ASSERT_FATAL(lines_take(a, 0, 8, true));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, wait_for_line, NULL), 0);
    while (!waits_for_line(&s.party[B].p))
        usleep(1000);
    usleep(20000);
    alarm(20); /* a deadlock ends the program */
    CU_ASSERT_EQUAL(directory_want_write(a, 0x1000, 8, 1, WRITE_IS_CAREFUL), WRITE_LOCKED);
    directory_wrote(a, 0x1000, 8, 1, WRITE_IS_CAREFUL);
    a->position++;
    lines_release(a, true);
    hold_retire(a);
    pthread_join(thread, NULL);
    alarm(0);
    CU_ASSERT(s.party[B].n_heard >= 1); /* announced; that it is over need not be told */
    stage_leave(&s, A);
    stage_end(&s);
}

TEST_SUITE(trace_lines, TEST(waiting_for_a_line_serves));
