/* SPDX-License-Identifier: MIT */
/*
 * The device interface: a class names a chip, its state table and its lifetime; region operations
 * (mmu/region.h) are its registers.
 *
 * Rules for device authors: all mutable state stands in state[]; time comes from
 * journal_clock_ns(by) alone and timers are struct dev_timer; nothing here asks whether a run is
 * recorded. Everything below is called with the I/O hold taken by `by` (or, for timers and input,
 * by the I/O agent).
 */
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include <stddef.h>

#include "src/base/types.h"

struct participant;
struct journal;

/* One mutable field: drives digests, checkpoints and the monitor. */
struct dev_field {
    const char *name;
    u32 offset, size, count; /* count elements of size (1, 2, 4, 8) bytes */
};
#define DEV_FIELD(type, f)                                                                         \
    {                                                                                              \
#f, offsetof(struct type, f), sizeof(((struct type *)0)->f), 1                             \
    }
#define DEV_ARRAY(type, f)                                                                         \
    {                                                                                              \
#f, offsetof(struct type, f), sizeof(((struct type *)0)->f[0]),                            \
            ARRAY_SIZE(((struct type *)0)->f)                                                      \
    }
#define DEV_END                                                                                    \
    {                                                                                              \
        NULL, 0, 0, 0                                                                              \
    }

struct dev_class {
    const char *name;
    size_t size;
    const struct dev_field *state;
    void (*reset)(void *dev);
    void (*destroy)(void *dev); /* frees what create got beyond the struct; may be NULL */
};

/* First member of every device. */
struct device {
    const struct dev_class *class;
    struct machine_io *io;
    struct device *next; /* all devices of the machine, in creation order */
};

/* What devices share: list of devices, timers, who is acting. Belongs to the I/O space's hold. */
struct machine_io {
    struct device *devices, **devices_tail;
    struct dev_timer *timers; /* registered, by number */
    unsigned n_timers;
    struct io_space *space;
    struct participant *by; /* whoever holds the I/O space now; set before any callback */
    void (*timers_changed)(
        struct machine_io *io); /* wake the agent: the earliest deadline may have moved */
    void *machine;
};

/* Allocate a zeroed device of the class and link it. Aborts on no memory (before the machine runs).
 */
void *device_create(struct machine_io *io, const struct dev_class *class);
void device_reset_all(struct machine_io *io);
void device_destroy_all(struct machine_io *io);
/* Fold every state[] field of every device, in order, into a 64-bit digest. */
u64 device_digest_all(const struct machine_io *io, u64 seed);

/* A line from a chip to its interrupt controller: set by the board, driven by the chip. */
struct irq_line {
    void (*set)(void *dev, unsigned n, bool level);
    void *dev;
    unsigned n;
};
static inline void irq_line_set(const struct irq_line *l, bool level)
{
    if (l->set)
        l->set(l->dev, l->n, level);
}

/* A timer on guest time (ns since power-on). Run by the I/O agent, who holds the I/O space, at a
 * journaled position. `deadline` is device state: list it in state[] as DEV_FIELD(x,
 * timer.deadline). ~0: not armed. */
struct dev_timer {
    u64 deadline;
    void (*fire)(void *dev, u64 now_ns); /* now_ns >= deadline; may re-arm */
    void *dev;
    unsigned number;
    struct machine_io *io;
    struct dev_timer *next;
};
#define DEV_TIMER_OFF (~(u64)0)
void dev_timer_init(struct dev_timer *t, struct machine_io *io, void (*fire)(void *dev, u64 now_ns),
                    void *dev);
void dev_timer_arm(struct dev_timer *t, u64 deadline_ns);
void dev_timer_cancel(struct dev_timer *t);
/* Earliest deadline of all, ~0 if none. */
u64 dev_timer_next(const struct machine_io *io);
/* The timer with the earliest deadline that is due at now_ns (the lower number first among equals),
 * NULL if none. */
struct dev_timer *dev_timer_due(const struct machine_io *io, u64 now_ns);
/* Disarm a due timer and call its function. One event of the I/O agent. */
void dev_timer_fire(struct dev_timer *t, u64 now_ns);
/* ticks of a clock of hz in ns nanoseconds, rounded down; and the first ns at which it has made
 * `ticks` ticks. */
u64 dev_ns_to_ticks(u64 ns, u64 hz);
u64 dev_ticks_to_ns(u64 ticks, u64 hz);
/* Guest time in ns as the acting participant sees it. */
u64 dev_now(const struct machine_io *io);

#endif
