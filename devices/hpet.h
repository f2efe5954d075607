/* SPDX-License-Identifier: MIT */
/*
 * The High Precision Event Timer block: a 64-bit counter and three comparators.
 */
#ifndef DEVICES_HPET_H
#define DEVICES_HPET_H

#include "devices/device.h"
#include "mmu/region.h"

#define HPET_HZ 100000000u
#define HPET_TIMERS 3u

struct hpet_timer {
    u64 config;
    u64 comparator;
    u64 period;
};

struct hpet {
    struct device dev;
    u64 config;
    u64 status;
    u64 counter; /* the main counter at tick `start`, or where it was halted */
    u64 start;   /* clock ticks when the counter was enabled */
    struct hpet_timer t[HPET_TIMERS];
    struct dev_timer timer[HPET_TIMERS];
    /* Interrupt inputs of the I/O APIC by number; ISA interrupts 0 and 8 in legacy replacement
     * mode. */
    struct irq_line gsi; /* `n` is ignored, the timer's route is passed */
    struct irq_line isa; /* the same */
    u32 routes;          /* I/O APIC inputs that timers may drive (the board's, constant) */
};

/* 1 KB of registers; 4- and 8-byte accesses. */
extern const struct region_ops hpet_ops;

struct hpet *hpet_create(struct machine_io *io);
/* Has the block taken over ISA interrupts 0 and 8? Then the board cuts the 8254 and the RTC off. */
bool hpet_is_legacy(const struct hpet *h);
/* The capabilities' upper half: counter period in femtoseconds; the lower: what the ACPI table
 * repeats. */
u64 hpet_capabilities(void);

#endif
