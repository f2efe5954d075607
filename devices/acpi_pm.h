/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware: power management timer, PM1 event and control registers, one general-purpose
 * event block.
 */
#ifndef DEVICES_ACPI_PM_H
#define DEVICES_ACPI_PM_H

#include "devices/device.h"
#include "mmu/region.h"

#define ACPI_PM_TIMER_HZ 3579545u
/* SLP_TYP of the soft-off state, as the DSDT's \_S5 says. With PM1a at 0x600 this is the 0x2000 to
 * port 0x604 that small kernels power off with. */
#define ACPI_PM_S5_TYPE 0u

struct acpi_pm {
    struct device dev;
    u16 status, enable, control; /* PM1a */
    u16 gpe_status, gpe_enable;
    u64 carries; /* changes of the timer's top bit up to which TMR_STS is accounted for */
    struct irq_line sci;
    struct dev_timer timer;
    void (*poweroff)(void *opaque); /* the guest entered S5 */
    void *opaque;
    u8 timer_bits; /* 24 or 32 (constant) */
};

/* 8 ports: PM1a event block (4), control block (2). */
extern const struct region_ops acpi_pm1_ops;
/* 4 ports: the timer; a pure clock read. dev may be any struct acpi_pm. */
extern const struct region_ops acpi_pm_timer_ops;
/* 4 ports: GPE0 status and enable, 16 events. */
extern const struct region_ops acpi_gpe_ops;

struct acpi_pm *acpi_pm_create(struct machine_io *io);
/* The power button was pressed. I/O agent. */
void acpi_pm_press_button(struct acpi_pm *pm);
/* General-purpose event n (0 to 15) happened. I/O hold. */
void acpi_pm_raise_gpe(struct acpi_pm *pm, unsigned n);

#endif
