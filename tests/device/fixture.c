/* SPDX-License-Identifier: MIT */
/*
 * The device tests' machine (see fixture.h): a live journal whose source of time is a variable.
 */
#include "tests/device/fixture.h"

static u64 fixture_now(void *ctx, unsigned id, u64 pos)
{
    (void)id;
    (void)pos;
    return ((struct fixture *)ctx)->now;
}

void fixture_begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    journal_create(&f->journal, JOURNAL_LIVE, 1);
    f->journal.now = fixture_now;
    f->journal.now_ctx = f;
    participant_create(&f->p, 0, NULL, journal_stream(&f->journal, 0));
    f->io.by = &f->p;
    f->now = 1000;
}

void fixture_end(struct fixture *f)
{
    device_destroy_all(&f->io);
    participant_destroy(&f->p);
    journal_destroy(&f->journal);
}

void fixture_advance_late(struct fixture *f, u64 ns, u64 late)
{
    u64 end = f->now + ns, next;

    while ((next = dev_timer_next(&f->io)) != DEV_TIMER_OFF && next + late <= end) {
        f->now = MAX(f->now, next + late);
        dev_timer_fire(dev_timer_due(&f->io, f->now), f->now);
        if (++f->fired > 1000000)
            return;
    }
    f->now = end;
}

void fixture_advance(struct fixture *f, u64 ns)
{
    fixture_advance_late(f, ns, 0);
}

void fixture_skip(struct fixture *f, u64 ns)
{
    f->now += ns;
}

u64 rd(const struct region_ops *ops, void *dev, u64 offset, unsigned size)
{
    return ops->read(dev, ((struct device *)dev)->io->by, offset, size);
}

void wr(const struct region_ops *ops, void *dev, u64 offset, unsigned size, u64 value)
{
    ops->write(dev, ((struct device *)dev)->io->by, offset, size, value);
}

u8 in8(const struct region_ops *ops, void *dev, u64 offset)
{
    return (u8)rd(ops, dev, offset, 1);
}

void out8(const struct region_ops *ops, void *dev, u64 offset, u8 value)
{
    wr(ops, dev, offset, 1, value);
}

static void line_set(void *dev, unsigned n, bool level)
{
    struct line *line = dev;

    line->sets++;
    line->rises += level && !line->level;
    line->falls += !level && line->level;
    line->level = level;
    line->last_n = n;
}

struct irq_line line_to(struct line *line)
{
    *line = (struct line){.level = false};
    return (struct irq_line){line_set, line, 0};
}
