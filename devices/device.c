/* SPDX-License-Identifier: MIT */
/*
 * The life of devices and their timers: what device.h declares.
 *
 * Devices form a list in creation order, which is also the order of resets and of digests, so both
 * are functions of the machine description alone. Timers are numbered in the order they were set
 * up; when several are due at once, the earliest deadline goes first and the lower number among
 * equals.
 *
 * Everything runs under the I/O space's hold; nothing here locks.
 */
#include "devices/device.h"

#include <stdlib.h>

#include "replay/journal.h"
#include "src/base/check.h"

void *device_create(struct machine_io *io, const struct dev_class *class)
{
    struct device *dev = calloc(1, class->size);

    CHECK(dev && class->size >= sizeof(struct device));
    dev->class = class;
    dev->io = io;
    if (!io->devices_tail)
        io->devices_tail = &io->devices;
    *io->devices_tail = dev;
    io->devices_tail = &dev->next;
    return dev;
}

void device_reset_all(struct machine_io *io)
{
    for (struct device *d = io->devices; d; d = d->next)
        if (d->class->reset)
            d->class->reset(d);
}

void device_destroy_all(struct machine_io *io)
{
    struct device *next;

    for (struct device *d = io->devices; d; d = next) {
        next = d->next;
        if (d->class->destroy)
            d->class->destroy(d);
        free(d);
    }
    io->devices = NULL;
    io->devices_tail = &io->devices;
    io->timers = NULL;
    io->n_timers = 0;
}

/* A multiply-xorshift step: any change of any bit so far changes the result. */
static u64 fold(u64 digest, u64 value)
{
    digest = (digest ^ value) * 0x9e3779b97f4a7c15u;
    return digest ^ digest >> 29;
}

static u64 load_sized(const u8 *at, u32 size)
{
    switch (size) {
    case 1: return *at;
    case 2: return load_le16(at);
    case 4: return load_le32(at);
    case 8: return load_le64(at);
    }
    CHECK_UNREACHABLE();
}

static u64 digest_device(const struct device *d, u64 digest)
{
    for (const struct dev_field *f = d->class->state; f && f->name; f++)
        for (u32 i = 0; i < f->count; i++)
            digest = fold(digest, load_sized((const u8 *)d + f->offset + i * f->size, f->size));
    return fold(digest, 0x5eed);
}

u64 device_digest_all(const struct machine_io *io, u64 seed)
{
    for (const struct device *d = io->devices; d; d = d->next)
        seed = digest_device(d, seed);
    return seed;
}

u64 dev_now(const struct machine_io *io)
{
    return journal_clock_ns(io->by);
}

void dev_timer_init(struct dev_timer *t, struct machine_io *io, void (*fire)(void *dev, u64 now_ns),
                    void *dev)
{
    struct dev_timer **at = &io->timers;

    while (*at)
        at = &(*at)->next;
    *at = t;
    *t = (struct dev_timer){
        .deadline = DEV_TIMER_OFF, .fire = fire, .dev = dev, .number = io->n_timers++, .io = io};
}

u64 dev_timer_next(const struct machine_io *io)
{
    u64 next = DEV_TIMER_OFF;

    for (const struct dev_timer *t = io->timers; t; t = t->next)
        next = MIN(next, t->deadline);
    return next;
}

void dev_timer_arm(struct dev_timer *t, u64 deadline_ns)
{
    u64 before = dev_timer_next(t->io);

    t->deadline = deadline_ns;
    if (deadline_ns < before && t->io->timers_changed)
        t->io->timers_changed(t->io);
}

/* The agent may wake for nothing at the old deadline; that is cheaper than waking it now. */
void dev_timer_cancel(struct dev_timer *t)
{
    t->deadline = DEV_TIMER_OFF;
}

struct dev_timer *dev_timer_due(const struct machine_io *io, u64 now_ns)
{
    struct dev_timer *due = NULL;

    for (struct dev_timer *t = io->timers; t; t = t->next)
        if (t->deadline != DEV_TIMER_OFF && t->deadline <= now_ns &&
            (!due || t->deadline < due->deadline))
            due = t;
    return due;
}

void dev_timer_fire(struct dev_timer *t, u64 now_ns)
{
    t->deadline = DEV_TIMER_OFF;
    t->fire(t->dev, now_ns);
}

u64 dev_ns_to_ticks(u64 ns, u64 hz)
{
    return (u64)((unsigned __int128)ns * hz / 1000000000u);
}

u64 dev_ticks_to_ns(u64 ticks, u64 hz)
{
    unsigned __int128 ns = ((unsigned __int128)ticks * 1000000000u + hz - 1) / hz;

    return ns >= DEV_TIMER_OFF ? DEV_TIMER_OFF - 1 : (u64)ns;
}
