/* SPDX-License-Identifier: MIT */
/*
 * What device tests run on: a machine_io with one participant whose clock stands still until the
 * test moves it, and lines that remember what was done to them. No guest code, no threads, no host
 * time.
 */
#ifndef X86SIM_TESTS_DEVICE_FIXTURE_H
#define X86SIM_TESTS_DEVICE_FIXTURE_H

#include "devices/device.h"
#include "mmu/region.h"
#include "replay/journal.h"
#include "trace/participant.h"

#define US 1000ull
#define MS 1000000ull
#define SEC 1000000000ull

struct line {
    bool level;
    unsigned rises, falls, sets;
    unsigned last_n; /* number passed with the last call */
};

struct fixture {
    struct journal journal;
    struct participant p;
    struct machine_io io;
    u64 now;        /* ns */
    unsigned fired; /* timers run so far */
};

void fixture_begin(struct fixture *f);
/* Destroys the devices. */
void fixture_end(struct fixture *f);
/* Move the clock on by ns, running each timer at its deadline, or `late` ns after it. */
void fixture_advance(struct fixture *f, u64 ns);
void fixture_advance_late(struct fixture *f, u64 ns, u64 late);
/* Move the clock without running timers. */
void fixture_skip(struct fixture *f, u64 ns);

/* Register access as the I/O space would do it. */
u64 rd(const struct region_ops *ops, void *dev, u64 offset, unsigned size);
void wr(const struct region_ops *ops, void *dev, u64 offset, unsigned size, u64 value);
u8 in8(const struct region_ops *ops, void *dev, u64 offset);
void out8(const struct region_ops *ops, void *dev, u64 offset, u8 value);

/* An irq_line that drives `line`. */
struct irq_line line_to(struct line *line);

#endif
