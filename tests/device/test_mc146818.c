/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock: dates from an independent calendar (values worked out with date(1)),
 * formats, alarms, and the three interrupts.
 */
#include "devices/mc146818.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

static struct fixture f;
static struct mc146818 *rtc;
static struct line irq;

static u8 get(unsigned index)
{
    out8(&mc146818_ops, rtc, 0, (u8)index);
    return in8(&mc146818_ops, rtc, 1);
}

static void put(unsigned index, u8 value)
{
    out8(&mc146818_ops, rtc, 0, (u8)index);
    out8(&mc146818_ops, rtc, 1, value);
}

static void begin(i64 base)
{
    fixture_begin(&f);
    rtc = mc146818_create(&f.io, base);
    rtc->irq = line_to(&irq);
    device_reset_all(&f.io);
    f.now = 0;
}

/* century, year, month, day, weekday, hour, minute, second as BCD bytes. */
static bool date_is(const u8 bcd[8])
{
    static const u8 index[8] = {0x32, 9, 8, 7, 6, 4, 2, 0};

    for (unsigned i = 0; i < 8; i++)
        if (get(index[i]) != bcd[i])
            return false;
    return true;
}

static void dates_match_the_calendar(void)
{
    static const struct {
        i64 seconds;
        u8 bcd[8];
    } cases[] = {
        {0, {0x19, 0x70, 0x01, 0x01, 0x05, 0x00, 0x00, 0x00}},
        {951782399, {0x20, 0x00, 0x02, 0x28, 0x02, 0x23, 0x59, 0x59}},
        {951782400, {0x20, 0x00, 0x02, 0x29, 0x03, 0x00, 0x00, 0x00}},
        {1709210096, {0x20, 0x24, 0x02, 0x29, 0x05, 0x12, 0x34, 0x56}},
        {4107542400, {0x21, 0x00, 0x03, 0x01, 0x02, 0x00, 0x00, 0x00}}, /* 2100 has no leap day */
        {1798761599, {0x20, 0x26, 0x12, 0x31, 0x05, 0x23, 0x59, 0x59}},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        begin(cases[i].seconds);
        CU_ASSERT_TRUE(date_is(cases[i].bcd));
        fixture_end(&f);
    }
}

static void clock_runs_with_guest_time(void)
{
    static const u8 later[8] = {0x20, 0x24, 0x03, 0x01, 0x06, 0x00, 0x00, 0x01};

    begin(1709210096);
    fixture_skip(&f, (11 * 3600 + 25 * 60 + 5) * SEC);
    CU_ASSERT_TRUE(date_is(later));
    fixture_end(&f);
}

static void binary_and_twelve_hours(void)
{
    begin(1709210096); /* 12:34:56 */
    put(0x0b, 0x06);
    CU_ASSERT_EQUAL(get(4), 12);
    CU_ASSERT_EQUAL(get(2), 34);
    CU_ASSERT_EQUAL(get(9), 24);
    put(0x0b, 0x00); /* BCD, 12 hours */
    CU_ASSERT_EQUAL(get(4), 0x92);
    fixture_skip(&f, 12 * 3600 * SEC);
    CU_ASSERT_EQUAL(get(4), 0x12); /* 00:34 is 12 AM */
    fixture_skip(&f, 13 * 3600 * SEC);
    CU_ASSERT_EQUAL(get(4), 0x81); /* 1 PM */
    fixture_end(&f);
}

static void set_stops_and_starts(void)
{
    static const u8 set[8] = {0x20, 0x31, 0x12, 0x31, 0x04, 0x23, 0x59, 0x58};
    static const u8 after[8] = {0x20, 0x32, 0x01, 0x01, 0x05, 0x00, 0x00, 0x00};

    begin(1709210096);
    put(0x0b, 0x92);
    CU_ASSERT_EQUAL(get(0x0b), 0x82); /* SET clears UIE */
    fixture_skip(&f, 10 * SEC);
    CU_ASSERT_EQUAL(get(0), 0x56);
    put(9, 0x31);
    put(8, 0x12);
    put(7, 0x31);
    put(4, 0x23);
    put(2, 0x59);
    put(0, 0x58);
    put(0x0b, 0x02);
    CU_ASSERT_TRUE(date_is(set));
    fixture_skip(&f, 2 * SEC);
    CU_ASSERT_TRUE(date_is(after));
    fixture_end(&f);
}

static void update_in_progress_precedes_each_second(void)
{
    begin(0);
    CU_ASSERT_EQUAL(get(0x0a), 0x26);
    fixture_skip(&f, SEC - 245 * US);
    CU_ASSERT_EQUAL(get(0x0a) & 0x80, 0);
    fixture_skip(&f, 2 * US);
    CU_ASSERT_EQUAL(get(0x0a) & 0x80, 0x80);
    fixture_skip(&f, 243 * US);
    CU_ASSERT_EQUAL(get(0x0a) & 0x80, 0);
    CU_ASSERT_EQUAL(get(0), 0x01);
    fixture_end(&f);
}

static void update_interrupt_each_second_until_acknowledged(void)
{
    begin(0);
    put(0x0b, 0x12);
    fixture_advance(&f, SEC - 1);
    CU_ASSERT_FALSE(irq.level);
    fixture_advance(&f, 1);
    CU_ASSERT_TRUE(irq.level);
    fixture_advance(&f, 5 * SEC);
    CU_ASSERT_EQUAL(irq.rises, 1);
    CU_ASSERT_EQUAL(get(0x0c), 0xd0); /* PF counts along */
    CU_ASSERT_FALSE(irq.level);
    CU_ASSERT_EQUAL(get(0x0c), 0);
    fixture_advance(&f, SEC);
    CU_ASSERT_EQUAL(irq.rises, 2);
    fixture_end(&f);
}

static void periodic_rate_is_exact(void)
{
    unsigned n = 0;

    begin(0);
    put(0x0a, 0x26); /* 1024 Hz */
    put(0x0b, 0x42);
    for (unsigned i = 0; i < 4000; i++) {
        fixture_advance(&f, SEC / 4000);
        if (irq.level) {
            CU_ASSERT_EQUAL(get(0x0c) & 0xc0, 0xc0);
            n++;
        }
    }
    CU_ASSERT_EQUAL(n, 1024);
    put(0x0a, 0x2f); /* 2 Hz */
    irq.rises = 0;
    fixture_advance(&f, 499 * MS);
    CU_ASSERT_EQUAL(irq.rises, 0);
    fixture_advance(&f, MS);
    CU_ASSERT_EQUAL(irq.rises, 1);
    fixture_end(&f);
}

static void flags_are_set_without_interrupts(void)
{
    begin(0);
    CU_ASSERT_EQUAL(get(0x0c) & 0x50, 0);
    fixture_skip(&f, 1001 * MS);
    CU_ASSERT_EQUAL(get(0x0c), 0x50); /* PF and UF, no IRQF */
    CU_ASSERT_FALSE(irq.level);
    fixture_end(&f);
}

static void alarm_at_time_and_with_wildcards(void)
{
    begin(1709210096); /* 12:34:56 */
    put(1, 0x10);
    put(3, 0x35);
    put(5, 0x12);
    put(0x0b, 0x22);
    fixture_advance(&f, 13 * SEC);
    CU_ASSERT_FALSE(irq.level);
    fixture_advance(&f, SEC);
    CU_ASSERT_TRUE(irq.level);
    CU_ASSERT_EQUAL(get(0x0c) & 0xa0, 0xa0);
    fixture_advance(&f, 86399 * SEC);
    CU_ASSERT_FALSE(irq.level);
    fixture_advance(&f, SEC);
    CU_ASSERT_TRUE(irq.level);
    get(0x0c);
    put(3, 0xc0); /* any minute, any hour */
    put(5, 0xff);
    irq.rises = 0;
    fixture_advance(&f, 60 * SEC);
    CU_ASSERT_EQUAL(irq.rises, 1);
    fixture_end(&f);
}

static void memory_is_kept_and_readonly_registers_stay(void)
{
    begin(0);
    for (unsigned i = 0x0e; i < 0x80; i++)
        if (i != 0x32)
            put(i, (u8)(i * 3));
    for (unsigned i = 0x0e; i < 0x80; i++)
        if (i != 0x32)
            CU_ASSERT_EQUAL(get(i), (u8)(i * 3));
    put(0x0d, 0);
    put(0x0c, 0xff);
    CU_ASSERT_EQUAL(get(0x0d), 0x80);
    CU_ASSERT_EQUAL(get(0x0c), 0);
    device_reset_all(&f.io);
    CU_ASSERT_EQUAL(get(0x40), 0xc0);
    fixture_end(&f);
}

TEST_SUITE(mc146818, TEST(dates_match_the_calendar), TEST(clock_runs_with_guest_time),
           TEST(binary_and_twelve_hours), TEST(set_stops_and_starts),
           TEST(update_in_progress_precedes_each_second),
           TEST(update_interrupt_each_second_until_acknowledged), TEST(periodic_rate_is_exact),
           TEST(flags_are_set_without_interrupts), TEST(alarm_at_time_and_with_wildcards),
           TEST(memory_is_kept_and_readonly_registers_stay));
