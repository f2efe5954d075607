/* SPDX-License-Identifier: MIT */
/*
 * MC146818 real-time clock with 128 bytes of CMOS memory.
 */
#ifndef DEVICES_MC146818_H
#define DEVICES_MC146818_H

#include "devices/device.h"
#include "mmu/region.h"

struct mc146818 {
    struct device dev;
    u8 cmos[128]; /* registers and memory; the clock's bytes are current only while SET is on */
    u8 index;
    i64 base;         /* seconds since 1970 at guest time `phase` */
    u64 phase;        /* ns; the clock's seconds change at phase + n s */
    u64 seen_seconds; /* seconds since phase when register C was last read or brought up to date */
    u64 rate_start;   /* ns at which the periodic divider was started */
    u64 seen_periods; /* since rate_start */
    struct irq_line irq;
    struct dev_timer timer;
};

/* Two ports: index (bit 7, the NMI mask, is accepted) and data. */
extern const struct region_ops mc146818_ops;

/* rtc_base: the date at guest time 0, in seconds since 1970 UTC. */
struct mc146818 *mc146818_create(struct machine_io *io, i64 rtc_base);
/* Set a byte of CMOS memory, for the firmware's fields. Before the machine runs; survives resets.
 */
void mc146818_set_cmos(struct mc146818 *rtc, unsigned index, u8 value);

#endif
