/* SPDX-License-Identifier: MIT */
/*
 * HPET (IA-PC HPET specification 1.0a): main counter at 100 MHz, three 64-bit comparators that can
 * all be periodic, legacy replacement routing, edge and level interrupts.
 *
 * The counter is computed from the guest clock. A comparator has a timer only while the block and
 * its interrupt are enabled. A match that is served late makes one interrupt, and a periodic
 * comparator then moves on to the first match in the future.
 *
 * An edge interrupt drives its line low and high; the line stays high until the next one.
 * Comparators of 32-bit timers match on the counter's low half. Reads of the counter take the I/O
 * hold like all others, because they depend on registers; the platform's cheap clocks are the TSC
 * and the PM timer. No FSB (message) delivery: the capability bit says so.
 */
#include "devices/hpet.h"

enum { REG_CAPS = 0, REG_CONFIG = 0x10, REG_STATUS = 0x20, REG_COUNTER = 0xf0, REG_TIMERS = 0x100 };
enum { CONFIG_ENABLE = 1, CONFIG_LEGACY = 2 };
enum {
    T_LEVEL = 2,
    T_ENABLE = 4,
    T_PERIODIC = 8,
    T_PERIODIC_CAP = 0x10,
    T_64_CAP = 0x20,
    T_VALUE_SET = 0x40,
    T_32BIT = 0x100,
    T_ROUTE_SHIFT = 9
};
#define T_WRITABLE 0x3f4eull
#define TICK_NS (1000000000u / HPET_HZ)
#define TICK_FS (1000000u * TICK_NS)

u64 hpet_capabilities(void)
{
    /* 64-bit counter, legacy replacement, revision 1, an unremarkable vendor id. */
    return (u64)TICK_FS << 32 | 0x8086u << 16 | 1u << 15 | 1u << 13 | (HPET_TIMERS - 1) << 8 | 1;
}

bool hpet_is_legacy(const struct hpet *h)
{
    return h->config & CONFIG_LEGACY;
}

static bool is_enabled(const struct hpet *h)
{
    return h->config & CONFIG_ENABLE;
}

static u64 counter_at(const struct hpet *h, u64 now_ns)
{
    return is_enabled(h) ? h->counter + (now_ns / TICK_NS - h->start) : h->counter;
}

/* A timer counts in 32 bits when told to. */
static u64 width_mask(const struct hpet_timer *t)
{
    return t->config & T_32BIT ? 0xffffffffu : ~0ull;
}

/* Move a periodic comparator to its first match after the counter's present value. */
static void advance(struct hpet_timer *t, u64 counter)
{
    u64 mask = width_mask(t), behind = (counter - t->comparator) & mask;

    if (!(t->config & T_PERIODIC) || !t->period || behind > mask / 2)
        return;
    t->comparator = (t->comparator + (behind / t->period + 1) * t->period) & mask;
}

/* Arm the timer for the next match; a match now counts unless it has just been served. */
static void plan(struct hpet *h, unsigned i, u64 now_ns, bool served)
{
    struct hpet_timer *t = &h->t[i];
    u64 mask = width_mask(t), away = (t->comparator - counter_at(h, now_ns)) & mask;
    u64 at_tick = now_ns / TICK_NS;

    if (!is_enabled(h) || !(t->config & T_ENABLE)) {
        dev_timer_cancel(&h->timer[i]);
        return;
    }
    if (!away && served)
        away = mask == ~0ull ? mask : mask + 1; /* once around */
    if (away > BIT(58))
        dev_timer_cancel(&h->timer[i]);
    else
        dev_timer_arm(&h->timer[i], (at_tick + away) * TICK_NS);
}

static void drive(struct hpet *h, unsigned i, bool level)
{
    const struct hpet_timer *t = &h->t[i];
    unsigned route = (unsigned)(t->config >> T_ROUTE_SHIFT) & 31;

    if ((h->config & CONFIG_LEGACY) && i < 2) {
        if (h->isa.set)
            h->isa.set(h->isa.dev, i ? 8 : 0, level);
    } else if (h->gsi.set && (h->routes >> route & 1)) {
        h->gsi.set(h->gsi.dev, route, level);
    }
}

static void fire_timer(struct hpet *h, unsigned i, u64 now_ns)
{
    struct hpet_timer *t = &h->t[i];

    advance(t, counter_at(h, now_ns));
    if (t->config & T_LEVEL) {
        h->status |= 1u << i;
        drive(h, i, true);
    } else {
        drive(h, i, false);
        drive(h, i, true);
    }
    plan(h, i, now_ns, true);
}

static void fire0(void *dev, u64 now_ns)
{
    fire_timer(dev, 0, now_ns);
}

static void fire1(void *dev, u64 now_ns)
{
    fire_timer(dev, 1, now_ns);
}

static void fire2(void *dev, u64 now_ns)
{
    fire_timer(dev, 2, now_ns);
}

static void plan_all(struct hpet *h, u64 now_ns)
{
    for (unsigned i = 0; i < HPET_TIMERS; i++)
        plan(h, i, now_ns, false);
}

static void write_config(struct hpet *h, u64 value, u64 now_ns)
{
    u64 changed = h->config ^ (value & (CONFIG_ENABLE | CONFIG_LEGACY));

    if (changed & CONFIG_ENABLE) {
        h->counter = counter_at(h, now_ns);
        h->start = now_ns / TICK_NS;
    }
    if (changed & CONFIG_LEGACY)
        for (unsigned i = 0; i < 2; i++)
            drive(h, i, false);
    h->config ^= changed;
    plan_all(h, now_ns);
}

static void write_status(struct hpet *h, u64 value)
{
    for (unsigned i = 0; i < HPET_TIMERS; i++)
        if ((value >> i & 1) && (h->status >> i & 1)) {
            h->status &= ~BIT(i);
            drive(h, i, false);
        }
}

static void write_timer_config(struct hpet *h, unsigned i, u64 value, u64 now_ns)
{
    struct hpet_timer *t = &h->t[i];
    u64 fixed = t->config & ~T_WRITABLE;

    advance(t, counter_at(h, now_ns));
    if (((t->config ^ value) & T_WRITABLE & ~(u64)T_VALUE_SET) && (t->config & T_LEVEL) &&
        (h->status >> i & 1)) {
        h->status &= ~BIT(i);
        drive(h, i, false);
    }
    t->config = fixed | (value & T_WRITABLE);
    t->comparator &= width_mask(t);
    t->period &= width_mask(t);
    plan(h, i, now_ns, false);
}

static void write_comparator(struct hpet *h, unsigned i, u64 value, u64 now_ns)
{
    struct hpet_timer *t = &h->t[i];

    value &= width_mask(t);
    advance(t, counter_at(h, now_ns));
    if (!(t->config & T_PERIODIC) || (t->config & T_VALUE_SET))
        t->comparator = value;
    if (t->config & T_PERIODIC)
        t->period = value;
    t->config &= ~(u64)T_VALUE_SET;
    plan(h, i, now_ns, false);
}

static u64 read_timer(struct hpet *h, unsigned i, u64 reg, u64 now_ns)
{
    switch (reg) {
    case 0: return h->t[i].config;
    case 8: advance(&h->t[i], counter_at(h, now_ns) - 1); return h->t[i].comparator;
    }
    return 0;
}

/* All registers are 64 bits wide; a 4-byte access takes one half. */
static u64 read_wide(struct hpet *h, u64 reg, u64 now_ns)
{
    switch (reg) {
    case REG_CAPS: return hpet_capabilities();
    case REG_CONFIG: return h->config;
    case REG_STATUS: return h->status;
    case REG_COUNTER: return counter_at(h, now_ns);
    }
    if (reg >= REG_TIMERS && (reg - REG_TIMERS) / 0x20 < HPET_TIMERS)
        return read_timer(h, (unsigned)(reg - REG_TIMERS) / 0x20, reg & 0x1f, now_ns);
    return 0;
}

static void write_wide(struct hpet *h, u64 reg, u64 value, u64 now_ns)
{
    unsigned i = (unsigned)(reg - REG_TIMERS) / 0x20;

    switch (reg) {
    case REG_CONFIG: write_config(h, value, now_ns); return;
    case REG_STATUS: write_status(h, value); return;
    case REG_COUNTER:
        h->counter = value;
        h->start = now_ns / TICK_NS;
        plan_all(h, now_ns);
        return;
    }
    if (reg < REG_TIMERS || i >= HPET_TIMERS)
        return;
    if ((reg & 0x1f) == 0)
        write_timer_config(h, i, value, now_ns);
    else if ((reg & 0x1f) == 8)
        write_comparator(h, i, value, now_ns);
}

/* What a 4-byte write leaves in the other half of a register. */
static u64 other_half(struct hpet *h, u64 reg, u64 now_ns)
{
    bool is_comparator = reg >= REG_TIMERS && (reg & 0x1f) == 8;
    unsigned i = (unsigned)(reg - REG_TIMERS) / 0x20;

    if (reg == REG_STATUS)
        return 0;
    if (is_comparator && i < HPET_TIMERS && (h->t[i].config & T_PERIODIC) &&
        !(h->t[i].config & T_VALUE_SET))
        return h->t[i].period;
    return read_wide(h, reg, now_ns);
}

static u64 hpet_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    struct hpet *h = dev;
    u64 value = read_wide(h, offset & ~7ull, dev_now(h->dev.io));

    (void)by;
    return size == 8 ? value : (u32)(value >> (offset & 4) * 8);
}

static void hpet_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct hpet *h = dev;
    u64 now_ns = dev_now(h->dev.io), reg = offset & ~7ull;
    unsigned shift = (unsigned)(offset & 4) * 8;

    (void)by;
    if (size < 4)
        return;
    if (size == 4)
        value = (other_half(h, reg, now_ns) & ~(0xffffffffull << shift)) | (u64)(u32)value << shift;
    write_wide(h, reg, value, now_ns);
}

const struct region_ops hpet_ops = {hpet_read, hpet_write, .max_size = 8};

static void reset(void *dev)
{
    struct hpet *h = dev;

    h->config = h->status = h->counter = h->start = 0;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        h->t[i] = (struct hpet_timer){.config = (u64)h->routes << 32 | T_PERIODIC_CAP | T_64_CAP,
                                      .comparator = ~0ull};
        dev_timer_cancel(&h->timer[i]);
    }
}

#define TIMER(i)                                                                                   \
    DEV_FIELD(hpet, t[i].config), DEV_FIELD(hpet, t[i].comparator), DEV_FIELD(hpet, t[i].period),  \
        DEV_FIELD(hpet, timer[i].deadline)

static const struct dev_field state[] = {DEV_FIELD(hpet, config),
                                         DEV_FIELD(hpet, status),
                                         DEV_FIELD(hpet, counter),
                                         DEV_FIELD(hpet, start),
                                         TIMER(0),
                                         TIMER(1),
                                         TIMER(2),
                                         DEV_END};

static const struct dev_class hpet_class = {
    .name = "hpet", .size = sizeof(struct hpet), .state = state, .reset = reset};

struct hpet *hpet_create(struct machine_io *io)
{
    static void (*const fire[HPET_TIMERS])(void *, u64) = {fire0, fire1, fire2};
    struct hpet *h = device_create(io, &hpet_class);

    for (unsigned i = 0; i < HPET_TIMERS; i++)
        dev_timer_init(&h->timer[i], io, fire[i], h);
    return h;
}
