/* SPDX-License-Identifier: MIT */
/*
 * The 16550A: registers, FIFO, interrupt identification and priorities, timeout, errors, loopback.
 */
#include "devices/ns16550.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

static struct fixture f;
static struct ns16550 *uart;
static struct line irq;
static u8 sent[64];
static unsigned n_sent, rooms;

static void sink(void *opaque, const u8 *bytes, size_t n)
{
    (void)opaque;
    for (size_t i = 0; i < n && n_sent < sizeof(sent); i++)
        sent[n_sent++] = bytes[i];
}

static void room(void *opaque)
{
    (void)opaque;
    rooms++;
}

static void begin(void)
{
    fixture_begin(&f);
    uart = ns16550_create(&f.io);
    uart->irq = line_to(&irq);
    uart->output = sink;
    uart->room = room;
    n_sent = rooms = 0;
    device_reset_all(&f.io);
}

static u8 get(unsigned reg)
{
    return in8(&ns16550_ops, uart, reg);
}

static void put(unsigned reg, u8 value)
{
    out8(&ns16550_ops, uart, reg, value);
}

static void reset_values(void)
{
    begin();
    CU_ASSERT_EQUAL(get(1), 0);
    CU_ASSERT_EQUAL(get(2), 0x01);
    CU_ASSERT_EQUAL(get(3), 0);
    CU_ASSERT_EQUAL(get(4), 0);
    CU_ASSERT_EQUAL(get(5), 0x60);
    CU_ASSERT_EQUAL(get(6) & 0x0f, 0);
    put(7, 0x5a);
    CU_ASSERT_EQUAL(get(7), 0x5a);
    put(1, 0xff);
    CU_ASSERT_EQUAL(get(1), 0x0f);
    fixture_end(&f);
}

static void divisor_hides_behind_dlab(void)
{
    begin();
    put(3, 0x83);
    put(0, 1);
    put(1, 2);
    CU_ASSERT_EQUAL(get(0), 1);
    CU_ASSERT_EQUAL(get(1), 2);
    put(3, 0x03);
    CU_ASSERT_EQUAL(get(1), 0);
    CU_ASSERT_EQUAL(n_sent, 0);
    CU_ASSERT_EQUAL(uart->divisor, 0x201);
    fixture_end(&f);
}

static void transmits_in_order(void)
{
    begin();
    put(0, 'h');
    put(0, 'i');
    CU_ASSERT_EQUAL(n_sent, 2);
    CU_ASSERT_EQUAL(memcmp(sent, "hi", 2), 0);
    CU_ASSERT_EQUAL(get(5) & 0x60, 0x60);
    fixture_end(&f);
}

static void transmitter_interrupt_follows_the_datasheet(void)
{
    begin();
    put(1, 0x02); /* enabling it while empty makes one */
    CU_ASSERT_TRUE(irq.level);
    CU_ASSERT_EQUAL(get(2), 0x02);
    CU_ASSERT_FALSE(irq.level); /* reading IIR cleared it */
    CU_ASSERT_EQUAL(get(2), 0x01);
    put(0, 'x');
    CU_ASSERT_TRUE(irq.level);
    CU_ASSERT_EQUAL(irq.rises, 2);
    put(1, 0x00);
    CU_ASSERT_FALSE(irq.level);
    fixture_end(&f);
}

static void receives_without_fifo(void)
{
    begin();
    put(1, 0x01);
    CU_ASSERT_EQUAL(ns16550_room(uart), 1);
    ns16550_receive(uart, 'a');
    CU_ASSERT_TRUE(irq.level);
    CU_ASSERT_EQUAL(get(2), 0x04);
    CU_ASSERT_EQUAL(get(5), 0x61);
    CU_ASSERT_EQUAL(ns16550_room(uart), 0);
    ns16550_receive(uart, 'b'); /* overrun: the newer byte stays */
    CU_ASSERT_EQUAL(get(5), 0x63);
    CU_ASSERT_EQUAL(get(5), 0x61);
    CU_ASSERT_EQUAL(get(0), 'b');
    CU_ASSERT_FALSE(irq.level);
    CU_ASSERT_EQUAL(rooms, 1);
    fixture_end(&f);
}

static void fifo_triggers_at_level(void)
{
    static const u8 levels[4] = {1, 4, 8, 14};

    for (unsigned i = 0; i < 4; i++) {
        begin();
        put(2, (u8)(0x07 | i << 6));
        put(1, 0x01);
        for (unsigned n = 1; n <= 16; n++) {
            ns16550_receive(uart, (u8)n);
            CU_ASSERT_EQUAL(irq.level, n >= levels[i]);
        }
        CU_ASSERT_EQUAL(get(2), 0xc4);
        ns16550_receive(uart, 99); /* the FIFO keeps the old ones */
        CU_ASSERT_EQUAL(get(5) & 0x02, 0x02);
        for (unsigned n = 1; n <= 16; n++)
            CU_ASSERT_EQUAL(get(0), n);
        CU_ASSERT_EQUAL(get(5) & 1, 0);
        fixture_end(&f);
    }
}

static void character_timeout_after_four_characters(void)
{
    begin();
    put(3, 0x83);
    put(0, 12); /* 9600 baud, 8N1: a character takes 1041.67 us */
    put(1, 0);
    put(3, 0x03);
    put(2, 0xc7);
    put(1, 0x01);
    ns16550_receive(uart, 'q');
    fixture_advance(&f, 4 * MS);
    CU_ASSERT_FALSE(irq.level);
    fixture_advance(&f, 200 * US);
    CU_ASSERT_TRUE(irq.level);
    CU_ASSERT_EQUAL(get(2), 0xcc);
    CU_ASSERT_EQUAL(get(0), 'q');
    CU_ASSERT_FALSE(irq.level);
    CU_ASSERT_EQUAL(get(2), 0xc1);
    /* Another byte meanwhile starts it anew. */
    ns16550_receive(uart, 'r');
    fixture_advance(&f, 3 * MS);
    ns16550_receive(uart, 's');
    fixture_advance(&f, 3 * MS);
    CU_ASSERT_FALSE(irq.level);
    fixture_advance(&f, 2 * MS);
    CU_ASSERT_TRUE(irq.level);
    fixture_end(&f);
}

static void interrupts_are_identified_by_priority(void)
{
    begin();
    put(1, 0x0f);
    put(4, 0x10); /* loopback with DTR, RTS off: CTS, DSR and DCD fall */
    put(4, 0x00);
    ns16550_receive_break(uart);
    CU_ASSERT_EQUAL(get(2), 0x06);
    CU_ASSERT_EQUAL(get(5), 0x71);
    CU_ASSERT_EQUAL(get(2), 0x04);
    CU_ASSERT_EQUAL(get(0), 0);
    CU_ASSERT_EQUAL(get(2), 0x02);
    CU_ASSERT_EQUAL(get(2), 0x00);
    CU_ASSERT_EQUAL(get(6) & 0x0f, 0x0b);
    CU_ASSERT_EQUAL(get(2), 0x01);
    CU_ASSERT_FALSE(irq.level);
    fixture_end(&f);
}

static void error_belongs_to_its_byte(void)
{
    begin();
    put(2, 0x07);
    ns16550_receive(uart, 'a');
    ns16550_receive_break(uart);
    ns16550_receive(uart, 'c');
    CU_ASSERT_EQUAL(get(5), 0xe1); /* an error somewhere in the FIFO, not at the top */
    CU_ASSERT_EQUAL(get(0), 'a');
    CU_ASSERT_EQUAL(get(5), 0xf1);
    CU_ASSERT_EQUAL(get(5), 0x61);
    CU_ASSERT_EQUAL(get(0), 0);
    CU_ASSERT_EQUAL(get(0), 'c');
    fixture_end(&f);
}

static void loopback_joins_both_ends(void)
{
    begin();
    put(3, 0x03);
    put(4, 0x1f);
    CU_ASSERT_EQUAL(get(6) & 0xf0, 0xf0);
    put(4, 0x1a); /* RTS, OUT2 -> CTS, DCD */
    CU_ASSERT_EQUAL(get(6) & 0xf0, 0x90);
    put(0, 0xa5);
    CU_ASSERT_EQUAL(n_sent, 0);
    CU_ASSERT_EQUAL(get(5) & 1, 1);
    CU_ASSERT_EQUAL(get(0), 0xa5);
    ns16550_receive(uart, 'z'); /* the line is cut off */
    CU_ASSERT_EQUAL(get(5) & 1, 0);
    CU_ASSERT_EQUAL(ns16550_room(uart), 0);
    fixture_end(&f);
}

static void ring_indicator_counts_its_trailing_edge(void)
{
    begin();
    put(4, 0x10);
    get(6);
    put(4, 0x14); /* OUT1 -> RI on */
    CU_ASSERT_EQUAL(get(6), 0x40);
    put(4, 0x10);
    CU_ASSERT_EQUAL(get(6), 0x04);
    fixture_end(&f);
}

static void fcr_clears_and_switching_fifo_clears(void)
{
    begin();
    put(2, 0x01);
    ns16550_receive(uart, 1);
    put(2, 0x03);
    CU_ASSERT_EQUAL(get(5) & 1, 0);
    ns16550_receive(uart, 1);
    put(2, 0x00);
    CU_ASSERT_EQUAL(get(5) & 1, 0);
    CU_ASSERT_EQUAL(get(2), 0x01);
    fixture_end(&f);
}

TEST_SUITE(ns16550, TEST(reset_values), TEST(divisor_hides_behind_dlab), TEST(transmits_in_order),
           TEST(transmitter_interrupt_follows_the_datasheet), TEST(receives_without_fifo),
           TEST(fifo_triggers_at_level), TEST(character_timeout_after_four_characters),
           TEST(interrupts_are_identified_by_priority), TEST(error_belongs_to_its_byte),
           TEST(loopback_joins_both_ends), TEST(ring_indicator_counts_its_trailing_edge),
           TEST(fcr_clears_and_switching_fifo_clears));
