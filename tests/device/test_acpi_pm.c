/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware: timer and its overflow status, SCI, power button, soft off, general-purpose
 * events.
 */
#include "devices/acpi_pm.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

static struct fixture f;
static struct acpi_pm *pm;
static struct line sci;
static unsigned offs;

static void count_off(void *opaque)
{
    (void)opaque;
    offs++;
}

static void begin(void)
{
    fixture_begin(&f);
    pm = acpi_pm_create(&f.io);
    pm->sci = line_to(&sci);
    pm->poweroff = count_off;
    offs = 0;
    device_reset_all(&f.io);
    f.now = 0;
}

static u16 get(unsigned reg)
{
    return (u16)rd(&acpi_pm1_ops, pm, reg, 2);
}

static void put(unsigned reg, u16 value)
{
    wr(&acpi_pm1_ops, pm, reg, 2, value);
}

static u32 timer(void)
{
    return (u32)rd(&acpi_pm_timer_ops, pm, 0, 4);
}

static void timer_runs_at_its_rate_and_wraps(void)
{
    begin();
    CU_ASSERT_EQUAL(timer(), 0);
    fixture_skip(&f, SEC);
    CU_ASSERT_EQUAL(timer(), 3579545);
    fixture_skip(&f, 4 * SEC);
    CU_ASSERT_EQUAL(timer(), 5 * 3579545 % (1 << 24));
    pm->timer_bits = 32;
    CU_ASSERT_EQUAL(timer(), 5 * 3579545);
    CU_ASSERT_TRUE(acpi_pm_timer_ops.no_hold);
    wr(&acpi_pm_timer_ops, pm, 0, 4, 0); /* read-only */
    CU_ASSERT_EQUAL(timer(), 5 * 3579545);
    fixture_end(&f);
}

static void overflow_sets_status_and_interrupts(void)
{
    u64 half = dev_ticks_to_ns(1 << 23, ACPI_PM_TIMER_HZ);

    begin();
    fixture_skip(&f, half - 1);
    CU_ASSERT_EQUAL(get(0) & 1, 0);
    fixture_skip(&f, 1);
    CU_ASSERT_EQUAL(get(0) & 1, 1);
    CU_ASSERT_FALSE(sci.level);
    put(0, 1);
    CU_ASSERT_EQUAL(get(0) & 1, 0);
    put(2, 1);
    fixture_advance(&f, half - 2);
    CU_ASSERT_FALSE(sci.level);
    fixture_advance(&f, 4);
    CU_ASSERT_TRUE(sci.level);
    put(0, 1);
    CU_ASSERT_FALSE(sci.level);
    fixture_advance(&f, half);
    CU_ASSERT_EQUAL(sci.rises, 2);
    fixture_end(&f);
}

static void power_button_raises_sci(void)
{
    begin();
    acpi_pm_press_button(pm);
    CU_ASSERT_FALSE(sci.level);
    CU_ASSERT_EQUAL(get(0), 0x100);
    put(2, 0x100);
    CU_ASSERT_TRUE(sci.level);
    put(0, 0x20); /* clears only what is written as one */
    CU_ASSERT_TRUE(sci.level);
    wr(&acpi_pm1_ops, pm, 1, 1, 0x01); /* as a byte */
    CU_ASSERT_FALSE(sci.level);
    CU_ASSERT_EQUAL(get(2), 0x100);
    fixture_end(&f);
}

static void soft_off_needs_enable_and_type(void)
{
    begin();
    CU_ASSERT_EQUAL(get(4) & 1, 1); /* always in ACPI mode */
    put(4, 0x0001);
    CU_ASSERT_EQUAL(offs, 0);
    put(4, 0x2401); /* another type */
    CU_ASSERT_EQUAL(offs, 0);
    CU_ASSERT_EQUAL(get(4) & 0x2000, 0); /* SLP_EN reads zero */
    put(4, 0x2001);
    CU_ASSERT_EQUAL(offs, 1);
    fixture_end(&f);
}

static void general_purpose_events(void)
{
    begin();
    acpi_pm_raise_gpe(pm, 9);
    CU_ASSERT_FALSE(sci.level);
    wr(&acpi_gpe_ops, pm, 3, 1, 0x02);
    CU_ASSERT_TRUE(sci.level);
    CU_ASSERT_EQUAL(rd(&acpi_gpe_ops, pm, 0, 4), 0x02000200);
    wr(&acpi_gpe_ops, pm, 1, 1, 0x02);
    CU_ASSERT_FALSE(sci.level);
    fixture_end(&f);
}

TEST_SUITE(acpi_pm, TEST(timer_runs_at_its_rate_and_wraps),
           TEST(overflow_sets_status_and_interrupts), TEST(power_button_raises_sci),
           TEST(soft_off_needs_enable_and_type), TEST(general_purpose_events));
