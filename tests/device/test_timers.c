/* SPDX-License-Identifier: MIT */
/*
 * devices/device.c: order of timers, creation order of devices, and digests that see every state
 * field.
 */
#include "devices/i8254.h"
#include "devices/post_port.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

struct probe {
    unsigned order[4], n;
};
struct numbered {
    struct probe *probe;
    unsigned number;
    u64 rearm;
    struct dev_timer timer;
};

static void note(void *dev, u64 now_ns)
{
    struct numbered *t = dev;

    t->probe->order[t->probe->n++ & 3] = t->number;
    if (t->rearm)
        dev_timer_arm(&t->timer, now_ns + t->rearm);
}

static void due_timers_run_by_deadline_then_number(void)
{
    struct fixture f;
    struct probe probe = {.n = 0};
    struct numbered t[3];

    fixture_begin(&f);
    for (unsigned i = 0; i < 3; i++) {
        t[i] = (struct numbered){.probe = &probe, .number = i};
        dev_timer_init(&t[i].timer, &f.io, note, &t[i]);
    }
    CU_ASSERT(dev_timer_next(&f.io) == DEV_TIMER_OFF);
    dev_timer_arm(&t[2].timer, 500);
    dev_timer_arm(&t[1].timer, 700);
    dev_timer_arm(&t[0].timer, 700);
    CU_ASSERT_EQUAL(dev_timer_next(&f.io), 500);
    CU_ASSERT_PTR_NULL(dev_timer_due(&f.io, 499));
    for (struct dev_timer *due; (due = dev_timer_due(&f.io, 1000));)
        dev_timer_fire(due, 1000);
    CU_ASSERT_EQUAL(probe.n, 3);
    CU_ASSERT_EQUAL(probe.order[0], 2);
    CU_ASSERT_EQUAL(probe.order[1], 0);
    CU_ASSERT_EQUAL(probe.order[2], 1);
    f.io.timers = NULL;
    fixture_end(&f);
}

static unsigned wakes;

static void count_wake(struct machine_io *io)
{
    (void)io;
    wakes++;
}

static void only_an_earlier_deadline_wakes_the_agent(void)
{
    struct fixture f;
    struct probe probe = {.n = 0};
    struct numbered a = {.probe = &probe}, b = {.probe = &probe, .number = 1};

    fixture_begin(&f);
    f.io.timers_changed = count_wake;
    dev_timer_init(&a.timer, &f.io, note, &a);
    dev_timer_init(&b.timer, &f.io, note, &b);
    wakes = 0;
    dev_timer_arm(&a.timer, 5000);
    CU_ASSERT_EQUAL(wakes, 1);
    dev_timer_arm(&b.timer, 6000);
    CU_ASSERT_EQUAL(wakes, 1);
    dev_timer_arm(&b.timer, 4000);
    CU_ASSERT_EQUAL(wakes, 2);
    dev_timer_cancel(&b.timer);
    CU_ASSERT_EQUAL(dev_timer_next(&f.io), 5000);
    f.io.timers = NULL;
    fixture_end(&f);
}

static void digest_changes_with_each_byte_of_state(void)
{
    struct fixture f;
    struct post_port *post;
    struct i8254 *pit;
    u64 before;

    fixture_begin(&f);
    post = post_port_create(&f.io);
    pit = i8254_create(&f.io);
    device_reset_all(&f.io);
    before = device_digest_all(&f.io, 1);
    CU_ASSERT_EQUAL(device_digest_all(&f.io, 1), before);
    CU_ASSERT_NOT_EQUAL(device_digest_all(&f.io, 2), before);
    out8(&post_port_ops, post, 15, 1);
    CU_ASSERT_NOT_EQUAL(device_digest_all(&f.io, 1), before);
    out8(&post_port_ops, post, 15, 0);
    CU_ASSERT_EQUAL(device_digest_all(&f.io, 1), before);
    pit->ch[2].held++;
    CU_ASSERT_NOT_EQUAL(device_digest_all(&f.io, 1), before);
    pit->ch[2].held--;
    pit->timer.deadline = 5;
    CU_ASSERT_NOT_EQUAL(device_digest_all(&f.io, 1), before);
    fixture_end(&f);
}

static void tick_conversion_round_trips_without_drift(void)
{
    for (u64 ticks = 1; ticks < 40000000000ull; ticks = ticks * 3 + 1) {
        u64 ns = dev_ticks_to_ns(ticks, 1193182);

        CU_ASSERT_EQUAL(dev_ns_to_ticks(ns, 1193182), ticks);
        CU_ASSERT_EQUAL(dev_ns_to_ticks(ns - 1, 1193182), ticks - 1);
    }
    CU_ASSERT_EQUAL(dev_ns_to_ticks(SEC, 3579545), 3579545);
    /* Far beyond 2^64 / hz: 128-bit arithmetic inside. */
    CU_ASSERT_EQUAL(dev_ns_to_ticks(100000 * SEC, 100000000), 10000000000000ull);
}

TEST_SUITE(timers, TEST(due_timers_run_by_deadline_then_number),
           TEST(only_an_earlier_deadline_wakes_the_agent),
           TEST(digest_changes_with_each_byte_of_state),
           TEST(tick_conversion_round_trips_without_drift));
