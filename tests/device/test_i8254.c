/* SPDX-License-Identifier: MIT */
/*
 * The 8254, against the datasheet's mode diagrams; times are in periods of its 1193182 Hz clock.
 */
#include "devices/i8254.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

static struct fixture f;
static struct i8254 *pit;
static struct line irq;

static void begin(void)
{
    fixture_begin(&f);
    pit = i8254_create(&f.io);
    pit->irq = line_to(&irq);
    device_reset_all(&f.io);
    f.now = SEC;
}

/* Move to `ticks` clock ticks after second 1, running timers on the way. */
static void at_tick(u64 ticks)
{
    fixture_advance(&f, dev_ticks_to_ns(I8254_HZ + ticks, I8254_HZ) - f.now);
}

static void control(u8 value)
{
    out8(&i8254_ops, pit, 3, value);
}

static void count(unsigned channel, u16 value)
{
    out8(&i8254_ops, pit, channel, (u8)value);
    out8(&i8254_ops, pit, channel, (u8)(value >> 8));
}

static u16 read16(unsigned channel)
{
    u8 low = in8(&i8254_ops, pit, channel);

    return (u16)(low | in8(&i8254_ops, pit, channel) << 8);
}

static u16 latched(unsigned channel)
{
    control((u8)(channel << 6));
    return read16(channel);
}

/* OUT, from the status that the read-back command latches. */
static bool out(unsigned channel)
{
    control((u8)(0xe0 | 2 << channel));
    return in8(&i8254_ops, pit, channel) >> 7;
}

static void mode0_rises_once_at_terminal_count(void)
{
    begin();
    control(0x30);
    CU_ASSERT_FALSE(irq.level);
    count(0, 100);
    at_tick(40);
    CU_ASSERT_EQUAL(latched(0), 60);
    at_tick(99);
    CU_ASSERT_FALSE(irq.level);
    CU_ASSERT_FALSE(out(0));
    at_tick(100);
    CU_ASSERT_TRUE(irq.level);
    CU_ASSERT_TRUE(out(0));
    at_tick(100000);
    CU_ASSERT_EQUAL(irq.rises, 1);
    CU_ASSERT_EQUAL(latched(0), (u16)(100 - 100000 % 65536 + 65536)); /* it counts on */
    count(0, 50);
    CU_ASSERT_FALSE(irq.level);
    fixture_end(&f);
}

static void mode0_first_byte_stops_the_count(void)
{
    begin();
    control(0x30);
    count(0, 100);
    at_tick(10);
    out8(&i8254_ops, pit, 0, 30);
    at_tick(200);
    CU_ASSERT_FALSE(irq.level);
    out8(&i8254_ops, pit, 0, 0);
    at_tick(229);
    CU_ASSERT_FALSE(irq.level);
    at_tick(230);
    CU_ASSERT_TRUE(irq.level);
    fixture_end(&f);
}

static void mode2_divides_and_never_drifts(void)
{
    begin();
    control(0x34);
    count(0, 11932); /* 100 Hz and a bit */
    CU_ASSERT_TRUE(irq.level);
    irq.rises = 0;
    at_tick(11932ull * 1000 - 1);
    CU_ASSERT_EQUAL(irq.rises, 999);
    at_tick(11932ull * 1000);
    CU_ASSERT_EQUAL(irq.rises, 1000);
    CU_ASSERT_EQUAL(latched(0), 11932);
    at_tick(11932ull * 1000 + 11931);
    CU_ASSERT_EQUAL(latched(0), 1);
    CU_ASSERT_FALSE(out(0)); /* low for the last clock */
    fixture_end(&f);
}

static void mode2_takes_new_count_at_end_of_period(void)
{
    begin();
    control(0x34);
    count(0, 1000);
    at_tick(300);
    count(0, 200);
    CU_ASSERT_EQUAL(latched(0), 700);
    irq.rises = 0;
    at_tick(999);
    CU_ASSERT_EQUAL(irq.rises, 0);
    at_tick(1000);
    CU_ASSERT_EQUAL(irq.rises, 1);
    CU_ASSERT_EQUAL(latched(0), 200);
    at_tick(1400);
    CU_ASSERT_EQUAL(irq.rises, 3);
    fixture_end(&f);
}

/* The same when many periods have passed since the first count. */
static void a_new_count_waits_for_the_present_period(void)
{
    begin();
    control(0x34);
    count(0, 1000);
    at_tick(10300);
    count(0, 300);
    CU_ASSERT_EQUAL(latched(0), 700);
    irq.rises = 0;
    at_tick(10999);
    CU_ASSERT_EQUAL(latched(0), 1);
    CU_ASSERT_EQUAL(irq.rises, 0);
    at_tick(11000);
    CU_ASSERT_EQUAL(latched(0), 300);
    CU_ASSERT_EQUAL(irq.rises, 1);
    at_tick(11300);
    CU_ASSERT_EQUAL(irq.rises, 2);
    fixture_end(&f);
}

static void mode3_counts_by_two_and_halves(void)
{
    begin();
    control(0x36);
    count(0, 1000);
    at_tick(100);
    CU_ASSERT_EQUAL(latched(0), 800);
    at_tick(499);
    CU_ASSERT_TRUE(out(0));
    at_tick(500);
    CU_ASSERT_FALSE(out(0));
    CU_ASSERT_EQUAL(latched(0), 1000);
    at_tick(999);
    CU_ASSERT_FALSE(out(0));
    at_tick(1000);
    CU_ASSERT_TRUE(out(0));
    /* An odd count is high one clock longer than low. */
    control(0x36);
    count(0, 5);
    at_tick(1002);
    CU_ASSERT_TRUE(out(0));
    at_tick(1003);
    CU_ASSERT_FALSE(out(0));
    at_tick(1005);
    CU_ASSERT_TRUE(out(0));
    fixture_end(&f);
}

static void mode4_strobes_once(void)
{
    begin();
    control(0x38);
    CU_ASSERT_TRUE(out(0));
    count(0, 20);
    irq.rises = irq.falls = 0;
    at_tick(20);
    CU_ASSERT_FALSE(out(0));
    at_tick(21);
    CU_ASSERT_TRUE(out(0));
    CU_ASSERT_EQUAL(irq.rises, 1);
    at_tick(70000);
    CU_ASSERT_EQUAL(irq.rises, 1);
    fixture_end(&f);
}

static void mode1_waits_for_the_gate(void)
{
    begin();
    control(0xb2);
    count(2, 100);
    at_tick(500);
    CU_ASSERT_TRUE(out(2));
    out8(&i8254_port61_ops, pit, 0, 1);
    CU_ASSERT_FALSE(out(2));
    at_tick(599);
    CU_ASSERT_FALSE(out(2));
    at_tick(600);
    CU_ASSERT_TRUE(out(2));
    /* A new trigger restarts it. */
    out8(&i8254_port61_ops, pit, 0, 0);
    out8(&i8254_port61_ops, pit, 0, 1);
    CU_ASSERT_FALSE(out(2));
    fixture_end(&f);
}

static void gate_pauses_mode0_and_port61_shows_out(void)
{
    begin();
    out8(&i8254_port61_ops, pit, 0, 1);
    control(0xb0);
    count(2, 100);
    at_tick(40);
    out8(&i8254_port61_ops, pit, 0, 0);
    at_tick(500);
    CU_ASSERT_EQUAL(latched(2), 60);
    out8(&i8254_port61_ops, pit, 0, 1);
    at_tick(559);
    CU_ASSERT_EQUAL(in8(&i8254_port61_ops, pit, 0) & 0x23, 0x01);
    at_tick(560);
    CU_ASSERT_EQUAL(in8(&i8254_port61_ops, pit, 0) & 0x23, 0x21);
    fixture_end(&f);
}

static void refresh_bit_toggles(void)
{
    unsigned changes = 0;
    u8 last;

    begin();
    last = in8(&i8254_port61_ops, pit, 0) & 0x10;
    for (unsigned i = 0; i < 1000; i++) {
        u8 now;

        fixture_skip(&f, US);
        now = in8(&i8254_port61_ops, pit, 0) & 0x10;
        changes += now != last;
        last = now;
    }
    CU_ASSERT_EQUAL(changes, 66); /* each 15.085 us */
    fixture_end(&f);
}

static void latch_holds_until_read_and_ignores_second(void)
{
    begin();
    control(0x34);
    count(0, 1000);
    at_tick(100);
    control(0x00);
    at_tick(200);
    control(0x00);
    CU_ASSERT_EQUAL(read16(0), 900);
    CU_ASSERT_EQUAL(read16(0), 800);
    fixture_end(&f);
}

static void read_back_gives_status_then_count(void)
{
    begin();
    control(0x34);
    control(0xe2);
    CU_ASSERT_EQUAL(in8(&i8254_ops, pit, 0), 0x80 | 0x40 | 0x34); /* null count: none written */
    count(0, 1000);
    at_tick(1);
    control(0xc2);
    CU_ASSERT_EQUAL(in8(&i8254_ops, pit, 0), 0x80 | 0x34);
    CU_ASSERT_EQUAL(read16(0), 999);
    fixture_end(&f);
}

static void single_byte_access_and_bcd(void)
{
    begin();
    control(0x14); /* low byte only */
    out8(&i8254_ops, pit, 0, 200);
    at_tick(50);
    CU_ASSERT_EQUAL(in8(&i8254_ops, pit, 0), 150);
    control(0x24); /* high byte only: 0x0300 */
    out8(&i8254_ops, pit, 0, 3);
    at_tick(50 + 0x100);
    CU_ASSERT_EQUAL(in8(&i8254_ops, pit, 0), 2);
    control(0x35); /* BCD: 0x1000 is one thousand */
    count(0, 0x1000);
    at_tick(50 + 0x100 + 1);
    CU_ASSERT_EQUAL(latched(0), 0x0999);
    fixture_end(&f);
}

static void count_zero_is_65536(void)
{
    begin();
    control(0x34);
    count(0, 0);
    irq.rises = 0;
    at_tick(65535);
    CU_ASSERT_EQUAL(irq.rises, 0);
    CU_ASSERT_EQUAL(latched(0), 1);
    at_tick(65536);
    CU_ASSERT_EQUAL(irq.rises, 1);
    fixture_end(&f);
}

static void late_timer_coalesces_and_keeps_phase(void)
{
    begin();
    control(0x34);
    count(0, 1000);
    irq.rises = 0;
    fixture_skip(&f, dev_ticks_to_ns(10500, I8254_HZ));
    fixture_advance(&f, 0);
    CU_ASSERT_EQUAL(irq.rises, 1);
    at_tick(10999);
    CU_ASSERT_EQUAL(irq.rises, 1);
    at_tick(11000);
    CU_ASSERT_EQUAL(irq.rises, 2);
    fixture_end(&f);
}

TEST_SUITE(i8254, TEST(mode0_rises_once_at_terminal_count), TEST(mode0_first_byte_stops_the_count),
           TEST(mode2_divides_and_never_drifts), TEST(mode2_takes_new_count_at_end_of_period),
           TEST(a_new_count_waits_for_the_present_period), TEST(mode3_counts_by_two_and_halves),
           TEST(mode4_strobes_once), TEST(mode1_waits_for_the_gate),
           TEST(gate_pauses_mode0_and_port61_shows_out), TEST(refresh_bit_toggles),
           TEST(latch_holds_until_read_and_ignores_second), TEST(read_back_gives_status_then_count),
           TEST(single_byte_access_and_bcd), TEST(count_zero_is_65536),
           TEST(late_timer_coalesces_and_keeps_phase));
