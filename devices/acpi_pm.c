/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware as in a PIIX4 (ACPI 6.4 §4.8.3, §4.8.4; PIIX4 datasheet, 290562 §7.2).
 *
 * The machine is always in ACPI mode: there is no SMI command port and SCI_EN reads one. SLP_EN
 * with the S5 type powers the machine off; other sleep types, which the DSDT does not offer, have
 * no effect. The power button is the fixed-hardware one.
 *
 * The PM timer is a pure function of the guest clock. TMR_STS is set at each change of its top bit;
 * it is accounted for when somebody reads the status, and a timer runs only while its interrupt is
 * enabled.
 */
#include "devices/acpi_pm.h"

#include "replay/journal.h"

enum {
    STS_TIMER = 1,
    STS_GLOBAL = 1 << 5,
    STS_BUTTON = 1 << 8,
    STS_RTC = 1 << 10,
    STS_WAKE = 1 << 15
};
enum { CNT_SCI_EN = 1, CNT_SLP_EN = 1 << 13, CNT_WRITABLE = 7 << 10 | 6 };
#define EN_ALL (STS_TIMER | STS_GLOBAL | STS_BUTTON | 1 << 9 | STS_RTC)

static u64 carries_at(const struct acpi_pm *pm, u64 now_ns)
{
    return dev_ns_to_ticks(now_ns, ACPI_PM_TIMER_HZ) >> (pm->timer_bits - 1);
}

static void update(struct acpi_pm *pm, u64 now_ns)
{
    u64 carries = carries_at(pm, now_ns);

    if (carries != pm->carries) {
        pm->carries = carries;
        pm->status |= STS_TIMER;
    }
    irq_line_set(&pm->sci, (pm->status & pm->enable) || (pm->gpe_status & pm->gpe_enable));
    if ((pm->enable & STS_TIMER) && !(pm->status & STS_TIMER))
        dev_timer_arm(&pm->timer,
                      dev_ticks_to_ns((carries + 1) << (pm->timer_bits - 1), ACPI_PM_TIMER_HZ));
    else
        dev_timer_cancel(&pm->timer);
}

static void fire(void *dev, u64 now_ns)
{
    update(dev, now_ns);
}

static void write_control(struct acpi_pm *pm, u16 value)
{
    pm->control = (value & CNT_WRITABLE) | CNT_SCI_EN;
    if ((value & CNT_SLP_EN) && (value >> 10 & 7) == ACPI_PM_S5_TYPE && pm->poweroff)
        pm->poweroff(pm->opaque);
}

/* The value of the 16-bit register at `reg` with the bytes that an access covers replaced. */
static u16 merge(u16 old, u64 offset, unsigned size, u64 value)
{
    if (size >= 2)
        return (u16)value;
    return offset & 1 ? (u16)((old & 0xff) | value << 8) : (u16)((old & 0xff00) | (value & 0xff));
}

static u64 pm1_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    struct acpi_pm *pm = dev;
    u64 all;

    (void)by;
    update(pm, dev_now(pm->dev.io));
    all = pm->status | (u64)pm->enable << 16 | (u64)pm->control << 32;
    return all >> offset * 8 & mask64(size * 8);
}

static void pm1_write_word(struct acpi_pm *pm, u64 offset, unsigned size, u64 value)
{
    switch (offset & ~1ull) {
    case 0: pm->status &= (u16)~merge(0, offset, size, value); break;
    case 2: pm->enable = merge(pm->enable, offset, size, value) & EN_ALL; break;
    case 4: write_control(pm, merge(pm->control, offset, size, value)); break;
    }
}

static void pm1_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct acpi_pm *pm = dev;
    u64 now_ns = dev_now(pm->dev.io);

    (void)by;
    update(pm, now_ns);
    if (size == 4) {
        pm1_write_word(pm, offset, 2, value & 0xffff);
        pm1_write_word(pm, offset + 2, 2, value >> 16);
    } else {
        pm1_write_word(pm, offset, size, value);
    }
    update(pm, now_ns);
}

static u64 timer_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    const struct acpi_pm *pm = dev;
    u64 ticks = dev_ns_to_ticks(journal_clock_ns(by), ACPI_PM_TIMER_HZ) & mask64(pm->timer_bits);

    return ticks >> offset * 8 & mask64(size * 8);
}

static void timer_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    (void)dev;
    (void)by;
    (void)offset;
    (void)size;
    (void)value;
}

static u64 gpe_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    const struct acpi_pm *pm = dev;

    (void)by;
    return (pm->gpe_status | (u64)pm->gpe_enable << 16) >> offset * 8 & mask64(size * 8);
}

static void gpe_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct acpi_pm *pm = dev;

    (void)by;
    if (size == 4) {
        pm->gpe_status &= (u16)~value;
        pm->gpe_enable = (u16)(value >> 16);
    } else if (offset < 2) {
        pm->gpe_status &= (u16)~merge(0, offset, size, value);
    } else {
        pm->gpe_enable = merge(pm->gpe_enable, offset, size, value);
    }
    update(pm, dev_now(pm->dev.io));
}

const struct region_ops acpi_pm1_ops = {pm1_read, pm1_write, .max_size = 4};
const struct region_ops acpi_pm_timer_ops = {timer_read, timer_write, .max_size = 4,
                                             .no_hold = true};
const struct region_ops acpi_gpe_ops = {gpe_read, gpe_write, .max_size = 4};

void acpi_pm_press_button(struct acpi_pm *pm)
{
    pm->status |= STS_BUTTON;
    update(pm, dev_now(pm->dev.io));
}

void acpi_pm_raise_gpe(struct acpi_pm *pm, unsigned n)
{
    pm->gpe_status |= (u16)(1u << (n & 15));
    update(pm, dev_now(pm->dev.io));
}

static void reset(void *dev)
{
    struct acpi_pm *pm = dev;

    pm->status = pm->enable = pm->gpe_status = pm->gpe_enable = 0;
    pm->control = CNT_SCI_EN;
    dev_timer_cancel(&pm->timer);
}

static const struct dev_field state[] = {
    DEV_FIELD(acpi_pm, status),         DEV_FIELD(acpi_pm, enable),
    DEV_FIELD(acpi_pm, control),        DEV_FIELD(acpi_pm, gpe_status),
    DEV_FIELD(acpi_pm, gpe_enable),     DEV_FIELD(acpi_pm, carries),
    DEV_FIELD(acpi_pm, timer.deadline), DEV_END};

static const struct dev_class acpi_pm_class = {
    .name = "acpi_pm", .size = sizeof(struct acpi_pm), .state = state, .reset = reset};

struct acpi_pm *acpi_pm_create(struct machine_io *io)
{
    struct acpi_pm *pm = device_create(io, &acpi_pm_class);

    pm->timer_bits = 24;
    dev_timer_init(&pm->timer, io, fire, pm);
    return pm;
}
