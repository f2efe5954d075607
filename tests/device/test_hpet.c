/* SPDX-License-Identifier: MIT */
/*
 * The HPET: capabilities, counter, one-shot and periodic comparators, routing, legacy replacement,
 * level interrupts.
 */
#include "devices/hpet.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

#define T(n) (0x100 + 0x20 * (n))

static struct fixture f;
static struct hpet *hpet;
static struct line gsi, isa;

static void begin(void)
{
    fixture_begin(&f);
    hpet = hpet_create(&f.io);
    hpet->routes = 0xf00104;
    hpet->gsi = line_to(&gsi);
    hpet->isa = line_to(&isa);
    device_reset_all(&f.io);
    f.now = 10000;
}

static u64 get(u64 reg)
{
    return rd(&hpet_ops, hpet, reg, 8);
}

static void put(u64 reg, u64 value)
{
    wr(&hpet_ops, hpet, reg, 8, value);
}

static void capabilities_say_what_there_is(void)
{
    u64 caps;

    begin();
    caps = get(0);
    CU_ASSERT_EQUAL(caps >> 32, 10000000); /* fs: 100 MHz */
    CU_ASSERT_EQUAL(caps >> 8 & 31, 2);    /* last timer */
    CU_ASSERT_EQUAL(caps >> 13 & 1, 1);
    CU_ASSERT_EQUAL(caps >> 15 & 1, 1);
    CU_ASSERT_NOT_EQUAL(caps & 0xff, 0);
    CU_ASSERT_EQUAL(rd(&hpet_ops, hpet, 4, 4), 10000000);
    CU_ASSERT_EQUAL(get(T(1)) >> 32, 0xf00104);
    CU_ASSERT_EQUAL(get(T(1)) & 0x8030, 0x30); /* periodic, 64 bits, no FSB */
    put(T(1), ~0ull);
    CU_ASSERT_EQUAL(get(T(1)) >> 32, 0xf00104);
    fixture_end(&f);
}

static void counter_stands_until_enabled(void)
{
    begin();
    fixture_skip(&f, MS);
    CU_ASSERT_EQUAL(get(0xf0), 0);
    put(0x10, 1);
    fixture_skip(&f, MS);
    CU_ASSERT_EQUAL(get(0xf0), 100000);
    put(0x10, 0);
    fixture_skip(&f, MS);
    CU_ASSERT_EQUAL(get(0xf0), 100000);
    put(0xf0, 0xfffffffffffffff0u);
    put(0x10, 1);
    fixture_skip(&f, 200);
    CU_ASSERT_EQUAL(get(0xf0), 4);   /* wraps */
    wr(&hpet_ops, hpet, 0xf4, 4, 7); /* one half, the other as it is */
    CU_ASSERT_EQUAL(get(0xf0), 0x700000004ull);
    fixture_end(&f);
}

static void one_shot_fires_once(void)
{
    begin();
    put(T(2), 0x4 | 20 << 9);
    put(T(2) + 8, 500);
    put(0x10, 1);
    fixture_advance(&f, 4999);
    CU_ASSERT_EQUAL(gsi.rises, 0);
    fixture_advance(&f, 1);
    CU_ASSERT_EQUAL(gsi.rises, 1);
    CU_ASSERT_EQUAL(gsi.last_n, 20);
    fixture_advance(&f, SEC);
    CU_ASSERT_EQUAL(gsi.rises, 1);
    CU_ASSERT_EQUAL(get(0x20), 0); /* edges have no status */
    fixture_end(&f);
}

static void periodic_repeats_exactly(void)
{
    begin();
    put(0x10, 1);
    put(T(0), 0x4c | 21 << 9);
    put(T(0) + 8, 1000);
    gsi.rises = 0;
    fixture_advance(&f, MS);
    CU_ASSERT_EQUAL(gsi.rises + 0u, 100);
    CU_ASSERT_EQUAL(get(T(0) + 8), 101000);
    /* Without VALUE_SET a write changes the period alone. */
    put(T(0) + 8, 2000);
    fixture_advance(&f, 10 * US);
    CU_ASSERT_EQUAL(get(T(0) + 8), 103000);
    fixture_end(&f);
}

static void late_periodic_skips_what_was_missed(void)
{
    begin();
    put(0x10, 1);
    put(T(0), 0x4c | 21 << 9);
    put(T(0) + 8, 1000);
    fixture_skip(&f, 55500);
    fixture_advance(&f, 0);
    CU_ASSERT_EQUAL(hpet->t[0].comparator, 6000);
    CU_ASSERT_EQUAL(dev_timer_next(&f.io), 10000 + 60000);
    fixture_end(&f);
}

static void level_interrupt_until_status_is_cleared(void)
{
    begin();
    put(T(1), 0x6 | 22 << 9);
    put(T(1) + 8, 100);
    put(0x10, 1);
    fixture_advance(&f, 1000);
    CU_ASSERT_TRUE(gsi.level);
    CU_ASSERT_EQUAL(get(0x20), 2);
    put(0x20, 1);
    CU_ASSERT_TRUE(gsi.level);
    put(0x20, 2);
    CU_ASSERT_FALSE(gsi.level);
    CU_ASSERT_EQUAL(get(0x20), 0);
    fixture_end(&f);
}

static void legacy_replacement_takes_isa_interrupts(void)
{
    begin();
    CU_ASSERT_FALSE(hpet_is_legacy(hpet));
    put(0x10, 3);
    CU_ASSERT_TRUE(hpet_is_legacy(hpet));
    put(T(0), 0x4 | 20 << 9);
    put(T(0) + 8, get(0xf0) + 10);
    put(T(1), 0x4 | 21 << 9);
    put(T(1) + 8, get(0xf0) + 20);
    fixture_advance(&f, 100);
    CU_ASSERT_EQUAL(isa.rises, 1);
    CU_ASSERT_EQUAL(isa.last_n, 0);
    fixture_advance(&f, 100);
    CU_ASSERT_EQUAL(isa.last_n, 8);
    CU_ASSERT_EQUAL(gsi.sets, 0);
    fixture_end(&f);
}

static void unroutable_inputs_stay_silent(void)
{
    begin();
    put(T(2), 0x4 | 5 << 9);
    put(T(2) + 8, 10);
    put(0x10, 1);
    fixture_advance(&f, 1000);
    CU_ASSERT_EQUAL(gsi.sets + isa.sets, 0);
    fixture_end(&f);
}

static void thirty_two_bit_mode_wraps(void)
{
    begin();
    put(0xf0, 0xfffffff0);
    put(T(2), 0x104 | 20 << 9);
    put(T(2) + 8, 0x10);
    put(0x10, 1);
    fixture_advance(&f, 310);
    CU_ASSERT_EQUAL(gsi.rises, 0);
    fixture_advance(&f, 10);
    CU_ASSERT_EQUAL(gsi.rises, 1);
    /* And again one wrap of 2^32 ticks later. */
    fixture_advance(&f, 42949672960ull - 10);
    CU_ASSERT_EQUAL(gsi.rises, 1);
    fixture_advance(&f, 10);
    CU_ASSERT_EQUAL(gsi.rises, 2);
    fixture_end(&f);
}

TEST_SUITE(hpet, TEST(capabilities_say_what_there_is), TEST(counter_stands_until_enabled),
           TEST(one_shot_fires_once), TEST(periodic_repeats_exactly),
           TEST(late_periodic_skips_what_was_missed), TEST(level_interrupt_until_status_is_cleared),
           TEST(legacy_replacement_takes_isa_interrupts), TEST(unroutable_inputs_stay_silent),
           TEST(thirty_two_bit_mode_wraps));
