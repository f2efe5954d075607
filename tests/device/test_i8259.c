/* SPDX-License-Identifier: MIT */
/*
 * The 8259A pair, against the datasheet's behaviour: initialisation, priorities, cascade, EOI
 * commands, rotation, special mask, polling, level and edge requests, spurious interrupts.
 */
#include "devices/i8259.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

static struct fixture f;
static struct i8259 *pic;
static struct line intr;

/* Both chips as a PC sets them up: vectors 0x20 and 0x28, 8086 mode, with `icw4` bits added to the
 * first. */
static void initialise(u8 icw1, u8 icw4)
{
    out8(&i8259_master_ops, pic, 0, 0x11 | icw1);
    out8(&i8259_master_ops, pic, 1, 0x20);
    out8(&i8259_master_ops, pic, 1, 0x04);
    out8(&i8259_master_ops, pic, 1, 0x01 | icw4);
    out8(&i8259_slave_ops, pic, 0, 0x11 | icw1);
    out8(&i8259_slave_ops, pic, 1, 0x28);
    out8(&i8259_slave_ops, pic, 1, 0x02);
    out8(&i8259_slave_ops, pic, 1, 0x01);
}

static void begin(u8 icw1, u8 icw4)
{
    fixture_begin(&f);
    pic = i8259_create(&f.io);
    pic->intr = line_to(&intr);
    device_reset_all(&f.io);
    initialise(icw1, icw4);
}

static void pulse(unsigned n)
{
    i8259_set_irq(pic, n, false);
    i8259_set_irq(pic, n, true);
}

/* The acknowledge; the CPU takes note that INTR fell with it. */
static u8 ack(void)
{
    u8 peeked = i8259_peek(pic), vector;

    intr.level = false;
    vector = i8259_acknowledge(pic);
    CU_ASSERT_EQUAL(peeked, vector);
    return vector;
}

static u8 isr(const struct region_ops *ops)
{
    out8(ops, pic, 0, 0x0b);
    return in8(ops, pic, 0);
}

static u8 irr(const struct region_ops *ops)
{
    out8(ops, pic, 0, 0x0a);
    return in8(ops, pic, 0);
}

static void nothing_passes_before_initialisation(void)
{
    fixture_begin(&f);
    pic = i8259_create(&f.io);
    pic->intr = line_to(&intr);
    device_reset_all(&f.io);
    i8259_set_irq(pic, 1, true);
    CU_ASSERT_FALSE(intr.level);
    fixture_end(&f);
}

static void acknowledge_gives_vector_and_sets_isr(void)
{
    begin(0, 0);
    pulse(3);
    CU_ASSERT_TRUE(intr.level);
    CU_ASSERT_EQUAL(irr(&i8259_master_ops), 0x08);
    CU_ASSERT_EQUAL(ack(), 0x23);
    CU_ASSERT_FALSE(intr.level);
    CU_ASSERT_EQUAL(irr(&i8259_master_ops), 0);
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0x08);
    out8(&i8259_master_ops, pic, 0, 0x20);
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0);
    fixture_end(&f);
}

static void lower_input_waits_higher_interrupts(void)
{
    begin(0, 0);
    pulse(4);
    CU_ASSERT_EQUAL(ack(), 0x24);
    pulse(5);
    CU_ASSERT_FALSE(intr.level);
    pulse(1);
    CU_ASSERT_TRUE(intr.level);
    CU_ASSERT_EQUAL(ack(), 0x21);
    /* A non-specific EOI ends the service of the highest, which is input 1. */
    out8(&i8259_master_ops, pic, 0, 0x20);
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0x10);
    CU_ASSERT_FALSE(intr.level);
    out8(&i8259_master_ops, pic, 0, 0x20);
    CU_ASSERT_TRUE(intr.level);
    CU_ASSERT_EQUAL(ack(), 0x25);
    fixture_end(&f);
}

static void slave_comes_through_cascade(void)
{
    begin(0, 0);
    pulse(12);
    pulse(8);
    CU_ASSERT_EQUAL(irr(&i8259_master_ops), 0x04);
    CU_ASSERT_EQUAL(ack(), 0x28);
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0x04);
    CU_ASSERT_EQUAL(isr(&i8259_slave_ops), 0x01);
    /* After both EOIs the slave's other request comes. */
    out8(&i8259_slave_ops, pic, 0, 0x20);
    CU_ASSERT_FALSE(intr.level);
    out8(&i8259_master_ops, pic, 0, 0x20);
    CU_ASSERT_TRUE(intr.level);
    CU_ASSERT_EQUAL(ack(), 0x2c);
    fixture_end(&f);
}

static void special_fully_nested_lets_slave_nest(void)
{
    begin(0, 0x10);
    pulse(12);
    CU_ASSERT_EQUAL(ack(), 0x2c);
    pulse(8);
    CU_ASSERT_TRUE(intr.level);
    CU_ASSERT_EQUAL(ack(), 0x28);
    fixture_end(&f);
    /* And without it, not. */
    begin(0, 0);
    pulse(12);
    CU_ASSERT_EQUAL(ack(), 0x2c);
    pulse(8);
    CU_ASSERT_FALSE(intr.level);
    fixture_end(&f);
}

static void mask_holds_request_back(void)
{
    begin(0, 0);
    out8(&i8259_master_ops, pic, 1, 0x02);
    CU_ASSERT_EQUAL(in8(&i8259_master_ops, pic, 1), 0x02);
    pulse(1);
    CU_ASSERT_FALSE(intr.level);
    CU_ASSERT_EQUAL(irr(&i8259_master_ops), 0x02);
    out8(&i8259_master_ops, pic, 1, 0);
    CU_ASSERT_TRUE(intr.level);
    fixture_end(&f);
}

static void masked_after_intr_is_spurious_without_isr(void)
{
    begin(0, 0);
    pulse(1);
    out8(&i8259_master_ops, pic, 1, 0x02);
    CU_ASSERT_FALSE(intr.level);
    CU_ASSERT_EQUAL(ack(), 0x27);
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0);
    fixture_end(&f);
}

static void request_that_falls_is_spurious_on_its_chip(void)
{
    begin(0, 0);
    pulse(1);
    i8259_set_irq(pic, 1, false);
    CU_ASSERT_FALSE(intr.level);
    CU_ASSERT_EQUAL(ack(), 0x27);
    /* The slave withdraws between the first chip's decision and its own. */
    pulse(9);
    CU_ASSERT_TRUE(intr.level);
    pic->chip[1].imr = 0xff;
    CU_ASSERT_EQUAL(ack(), 0x2f);
    CU_ASSERT_EQUAL(isr(&i8259_slave_ops), 0);
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0x04);
    fixture_end(&f);
}

static void edge_counts_once_level_again(void)
{
    begin(0, 0);
    pulse(5);
    CU_ASSERT_EQUAL(ack(), 0x25);
    out8(&i8259_master_ops, pic, 0, 0x20);
    CU_ASSERT_FALSE(intr.level); /* the input is still high: no new edge */
    out8(&i8259_elcr_ops, pic, 0, 0xff);
    CU_ASSERT_EQUAL(in8(&i8259_elcr_ops, pic, 0), 0xf8); /* 0 to 2 stay edges */
    CU_ASSERT_TRUE(intr.level);
    CU_ASSERT_EQUAL(ack(), 0x25);
    out8(&i8259_master_ops, pic, 0, 0x20);
    CU_ASSERT_TRUE(intr.level);
    i8259_set_irq(pic, 5, false);
    CU_ASSERT_FALSE(intr.level);
    fixture_end(&f);
}

static void specific_and_rotating_eoi(void)
{
    begin(0, 0);
    pulse(2 + 4);
    CU_ASSERT_EQUAL(ack(), 0x26);
    pulse(1);
    CU_ASSERT_EQUAL(ack(), 0x21);
    out8(&i8259_master_ops, pic, 0, 0x66); /* specific EOI of 6 */
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0x02);
    /* Rotate on non-specific EOI: input 1 becomes the lowest, 3 comes before 0. */
    out8(&i8259_master_ops, pic, 0, 0xa0);
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0);
    pulse(0);
    pulse(3);
    CU_ASSERT_EQUAL(ack(), 0x23);
    out8(&i8259_master_ops, pic, 0, 0xe3); /* rotate on specific EOI: 3 lowest */
    pulse(3);
    CU_ASSERT_EQUAL(ack(), 0x20);
    out8(&i8259_master_ops, pic, 0, 0x20);
    out8(&i8259_master_ops, pic, 0, 0xc7); /* set priority: 7 lowest again */
    pulse(0);
    CU_ASSERT_EQUAL(ack(), 0x20);
    fixture_end(&f);
}

static void automatic_eoi_with_and_without_rotation(void)
{
    begin(0, 0x02);
    pulse(4);
    CU_ASSERT_EQUAL(ack(), 0x24);
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0);
    out8(&i8259_master_ops, pic, 0, 0x80); /* rotate in automatic EOI mode */
    pulse(4);
    CU_ASSERT_EQUAL(ack(), 0x24);
    pulse(4);
    pulse(5);
    CU_ASSERT_EQUAL(ack(), 0x25);
    fixture_end(&f);
}

static void special_mask_lets_lower_through(void)
{
    begin(0, 0);
    pulse(1);
    CU_ASSERT_EQUAL(ack(), 0x21);
    pulse(6);
    CU_ASSERT_FALSE(intr.level);
    out8(&i8259_master_ops, pic, 1, 0x02);
    CU_ASSERT_FALSE(intr.level);
    out8(&i8259_master_ops, pic, 0, 0x68);
    CU_ASSERT_TRUE(intr.level);
    CU_ASSERT_EQUAL(ack(), 0x26);
    /* A non-specific EOI leaves the masked input 1 in service. */
    out8(&i8259_master_ops, pic, 0, 0x20);
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0x02);
    out8(&i8259_master_ops, pic, 0, 0x48);
    pulse(6);
    CU_ASSERT_FALSE(intr.level);
    fixture_end(&f);
}

static void poll_acknowledges(void)
{
    begin(0, 0);
    out8(&i8259_master_ops, pic, 0, 0x0c);
    CU_ASSERT_EQUAL(in8(&i8259_master_ops, pic, 0) & 0x80, 0);
    pulse(5);
    out8(&i8259_master_ops, pic, 0, 0x0c);
    CU_ASSERT_EQUAL(in8(&i8259_master_ops, pic, 0), 0x85);
    CU_ASSERT_FALSE(intr.level);
    CU_ASSERT_EQUAL(isr(&i8259_master_ops), 0x20);
    fixture_end(&f);
}

static void initialisation_forgets_edges_and_masks(void)
{
    begin(0, 0);
    out8(&i8259_master_ops, pic, 1, 0xf0);
    pulse(1);
    initialise(0, 0);
    CU_ASSERT_EQUAL(in8(&i8259_master_ops, pic, 1), 0);
    CU_ASSERT_FALSE(intr.level);
    /* LTIM: inputs are levels, so the one that is high asks again. */
    initialise(0x08, 0);
    CU_ASSERT_TRUE(intr.level);
    CU_ASSERT_EQUAL(ack(), 0x21);
    fixture_end(&f);
}

TEST_SUITE(i8259, TEST(nothing_passes_before_initialisation),
           TEST(acknowledge_gives_vector_and_sets_isr), TEST(lower_input_waits_higher_interrupts),
           TEST(slave_comes_through_cascade), TEST(special_fully_nested_lets_slave_nest),
           TEST(mask_holds_request_back), TEST(masked_after_intr_is_spurious_without_isr),
           TEST(request_that_falls_is_spurious_on_its_chip), TEST(edge_counts_once_level_again),
           TEST(specific_and_rotating_eoi), TEST(automatic_eoi_with_and_without_rotation),
           TEST(special_mask_lets_lower_through), TEST(poll_acknowledges),
           TEST(initialisation_forgets_edges_and_masks));
