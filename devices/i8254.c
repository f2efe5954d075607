/* SPDX-License-Identifier: MIT */
/*
 * 8254 programmable interval timer (Intel 8254 datasheet, 231164) and the PC's port 0x61 (system
 * control port B).
 *
 * A channel is never ticked: its count and output are computed from the guest clock when somebody
 * looks. Only channel 0, whose output is an interrupt line, has a timer, and only when its mode has
 * a rising edge to come. The low phase before that edge is not driven separately: the line falls
 * and rises at the edge, so that it stays high as long as possible for an edge-triggered
 * controller.
 *
 * A new count takes effect where the datasheet says: at once in modes 0 and 4, at the end of the
 * period in 2 and 3, at the trigger in 1 and 5. Gates of channels 0 and 1 are wired high; channel
 * 2's is port 0x61 bit 0. In BCD the count runs modulo 10000. There is no sound: bit 1 of port 0x61
 * is kept only.
 */
#include "devices/i8254.h"

static u64 now_ticks(const struct i8254 *pit)
{
    return dev_ns_to_ticks(dev_now(pit->dev.io), I8254_HZ);
}

static bool is_periodic(const struct pit_channel *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool is_triggered(const struct pit_channel *c)
{
    return c->mode == 1 || c->mode == 5;
}

/* Ticks counted at `now` since the present count was taken up. */
static u64 elapsed(const struct pit_channel *c, u64 now)
{
    return c->held + (c->running && now > c->start ? now - c->start : 0);
}

/* Take up a new period's count if the period before it is over. */
static void settle(struct pit_channel *c, u64 now)
{
    u64 passed;

    if (!c->next_count || !is_periodic(c) || !c->running)
        return;
    passed = elapsed(c, now);
    if (passed < c->count)
        return;
    c->start += c->count;
    c->count = c->next_count;
    c->next_count = 0;
}

/* Have the present period begin where it does, not some periods earlier: a new count waits for its end. */
static void begin_at_period(struct pit_channel *c, u64 now)
{
    u64 passed = elapsed(c, now);

    c->start += passed - passed % c->count;
}

static bool output(const struct pit_channel *c, u64 now)
{
    u64 d = elapsed(c, now);

    switch (c->mode) {
    case 0: return c->loaded && d >= c->count;
    case 1: return !c->running || d >= c->count;
    case 2: return !c->running || d % c->count != c->count - 1;
    case 3: return !c->running || d % c->count < (c->count + 1) / 2;
    default: return !c->running || d != c->count;
    }
}

/* The counting element, as two bytes that the guest reads. */
static u16 current_count(const struct pit_channel *c, u64 now)
{
    u64 d = elapsed(c, now), modulus = c->bcd ? 10000 : 65536, value;

    if (c->mode == 2) {
        value = c->count - d % c->count;
    } else if (c->mode == 3) {
        u64 phase = d % c->count, half = (c->count + 1) / 2;

        value = (c->count & ~1ull) - 2 * (phase < half ? phase : phase - half);
    } else {
        value = (c->count + modulus - d % modulus) % modulus;
    }
    value %= modulus;
    if (!c->bcd)
        return (u16)value;
    return (u16)(value / 1000 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10);
}

static u32 count_from_written(const struct pit_channel *c, u16 raw)
{
    u32 value = raw;

    if (c->bcd)
        value = (raw >> 12) * 1000u + (raw >> 8 & 15) * 100u + (raw >> 4 & 15) * 10u + (raw & 15);
    return value ? value : c->bcd ? 10000 : 65536;
}

/* The tick of channel 0's next rising edge after `now`; ~0: none to come. */
static u64 next_edge(const struct pit_channel *c, u64 now)
{
    u64 d = elapsed(c, now);

    if (!c->running)
        return ~0ull;
    switch (c->mode) {
    case 0:
    case 1: return d < c->count ? now + c->count - d : ~0ull;
    case 2:
    case 3: return now + c->count - d % c->count;
    default: return d <= c->count ? now + c->count - d + 1 : ~0ull;
    }
}

/* Drive channel 0's line and plan its next edge. */
static void update_line(struct i8254 *pit, u64 now)
{
    u64 edge = next_edge(&pit->ch[0], now);

    irq_line_set(&pit->irq, output(&pit->ch[0], now));
    if (edge == ~0ull)
        dev_timer_cancel(&pit->timer);
    else
        dev_timer_arm(&pit->timer, dev_ticks_to_ns(edge, I8254_HZ));
}

/* Late firing loses the edges between: they would have been one request anyway. */
static void fire(void *dev, u64 now_ns)
{
    struct i8254 *pit = dev;
    u64 now = dev_ns_to_ticks(now_ns, I8254_HZ), edge;

    settle(&pit->ch[0], now);
    irq_line_set(&pit->irq, false);
    irq_line_set(&pit->irq, true);
    edge = next_edge(&pit->ch[0], now);
    if (edge != ~0ull)
        dev_timer_arm(&pit->timer, dev_ticks_to_ns(edge, I8254_HZ));
}

static void load_count(struct pit_channel *c, u16 raw, u64 now)
{
    u32 count = count_from_written(c, raw);

    if (is_triggered(c)) {
        if (c->running)
            c->next_count = count;
        else
            c->count = count;
    } else if (is_periodic(c) && c->loaded) {
        if (c->running) {
            begin_at_period(c, now);
            c->next_count = count;
        } else {
            c->count = count;
        }
    } else {
        c->count = count;
        c->start = now;
        c->held = 0;
        c->running = c->gate;
    }
    c->loaded = true;
}

static void write_count(struct i8254 *pit, unsigned n, u8 value)
{
    struct pit_channel *c = &pit->ch[n];
    u64 now = now_ticks(pit);

    settle(c, now);
    if (c->access == 3 && !c->high_next) {
        c->low = value;
        c->high_next = true;
        if (c->mode == 0) {
            /* The first byte stops the count and takes OUT low. */
            c->running = c->loaded = false;
            c->held = 0;
        }
    } else {
        c->high_next = false;
        load_count(c,
                   c->access == 3   ? (u16)(value << 8 | c->low)
                   : c->access == 2 ? (u16)(value << 8)
                                    : value,
                   now);
    }
    if (n == 0)
        update_line(pit, now);
}

static void latch_count(struct pit_channel *c, u64 now)
{
    if (c->latched)
        return;
    settle(c, now);
    c->latch = current_count(c, now);
    c->latched = c->access == 3 ? 2 : 1;
}

static void latch_status(struct pit_channel *c, u64 now)
{
    if (c->status_latched)
        return;
    settle(c, now);
    c->status = (u8)(output(c, now) << 7 | (!c->loaded || c->next_count) << 6 | c->access << 4 |
                     c->mode << 1 | c->bcd);
    c->status_latched = true;
}

static void read_back(struct i8254 *pit, u8 value)
{
    u64 now = now_ticks(pit);

    for (unsigned n = 0; n < 3; n++) {
        if (!(value >> (n + 1) & 1))
            continue;
        if (!(value & 0x20))
            latch_count(&pit->ch[n], now);
        if (!(value & 0x10))
            latch_status(&pit->ch[n], now);
    }
}

static void write_control(struct i8254 *pit, u8 value)
{
    unsigned n = value >> 6;
    struct pit_channel *c = &pit->ch[n % 3];
    u64 now = now_ticks(pit);

    if (n == 3) {
        read_back(pit, value);
        return;
    }
    if (!(value & 0x30)) {
        latch_count(c, now);
        return;
    }
    *c = (struct pit_channel){.access = value >> 4 & 3,
                              .mode = (value >> 1 & 7) > 5 ? value >> 1 & 3 : value >> 1 & 7,
                              .bcd = value & 1,
                              .gate = c->gate,
                              .count = c->count,
                              .start = now};
    if (n == 0)
        update_line(pit, now);
}

static u8 read_count(struct i8254 *pit, struct pit_channel *c)
{
    u64 now = now_ticks(pit);
    u16 value;

    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (c->latched) {
        value = c->latch;
        if (c->access == 3)
            return c->latched-- == 2 ? (u8)value : (u8)(value >> 8);
        c->latched = 0;
        return c->access == 2 ? (u8)(value >> 8) : (u8)value;
    }
    settle(c, now);
    value = current_count(c, now);
    if (c->access == 3) {
        c->read_high = !c->read_high;
        return c->read_high ? (u8)value : (u8)(value >> 8);
    }
    return c->access == 2 ? (u8)(value >> 8) : (u8)value;
}

static void trigger(struct pit_channel *c, u64 now)
{
    if (c->next_count) {
        c->count = c->next_count;
        c->next_count = 0;
    }
    c->start = now;
    c->held = 0;
    c->running = c->loaded;
}

static void set_gate(struct pit_channel *c, bool gate, u64 now)
{
    if (gate == c->gate)
        return;
    settle(c, now);
    if (is_triggered(c)) {
        if (gate)
            trigger(c, now);
    } else if (is_periodic(c)) {
        if (gate)
            trigger(c, now);
        else
            c->running = false; /* OUT goes high at once */
    } else if (gate) {
        c->start = now;
        c->running = c->loaded;
    } else {
        c->held = elapsed(c, now);
        c->running = false;
    }
    c->gate = gate;
}

static u64 pit_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    struct i8254 *pit = dev;

    (void)by;
    (void)size;
    return offset < 3 ? read_count(pit, &pit->ch[offset]) : 0xff;
}

static void pit_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    (void)by;
    (void)size;
    if (offset < 3)
        write_count(dev, (unsigned)offset, (u8)value);
    else
        write_control(dev, (u8)value);
}

/* Bit 4 toggles with every memory refresh of the original PC, about each 15 us; software delays by
 * it. */
static u64 port61_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    struct i8254 *pit = dev;
    u64 ns = dev_now(pit->dev.io), now = dev_ns_to_ticks(ns, I8254_HZ);

    (void)by;
    (void)offset;
    (void)size;
    settle(&pit->ch[2], now);
    return pit->port61 | (ns / 15085 & 1) << 4 | (u64)output(&pit->ch[2], now) << 5;
}

static void port61_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct i8254 *pit = dev;

    (void)by;
    (void)offset;
    (void)size;
    pit->port61 = value & 3;
    set_gate(&pit->ch[2], value & 1, now_ticks(pit));
}

const struct region_ops i8254_ops = {pit_read, pit_write, .max_size = 1};
const struct region_ops i8254_port61_ops = {port61_read, port61_write, .max_size = 1};

/* The datasheet leaves the state at power-on undefined; this one counts nothing and its outputs are
 * high. */
static void reset(void *dev)
{
    struct i8254 *pit = dev;

    for (unsigned n = 0; n < 3; n++)
        pit->ch[n] = (struct pit_channel){.mode = 3, .access = 3, .gate = n != 2, .count = 65536};
    pit->port61 = 0;
    dev_timer_cancel(&pit->timer);
}

#define CHANNEL(n)                                                                                 \
    DEV_FIELD(i8254, ch[n].mode), DEV_FIELD(i8254, ch[n].access), DEV_FIELD(i8254, ch[n].bcd),     \
        DEV_FIELD(i8254, ch[n].gate), DEV_FIELD(i8254, ch[n].high_next),                           \
        DEV_FIELD(i8254, ch[n].read_high), DEV_FIELD(i8254, ch[n].low),                            \
        DEV_FIELD(i8254, ch[n].latched), DEV_FIELD(i8254, ch[n].status_latched),                   \
        DEV_FIELD(i8254, ch[n].status), DEV_FIELD(i8254, ch[n].latch),                             \
        DEV_FIELD(i8254, ch[n].loaded), DEV_FIELD(i8254, ch[n].running),                           \
        DEV_FIELD(i8254, ch[n].count), DEV_FIELD(i8254, ch[n].next_count),                         \
        DEV_FIELD(i8254, ch[n].start), DEV_FIELD(i8254, ch[n].held)

static const struct dev_field state[] = {
    CHANNEL(0), CHANNEL(1), CHANNEL(2), DEV_FIELD(i8254, port61), DEV_FIELD(i8254, timer.deadline),
    DEV_END};

static const struct dev_class i8254_class = {
    .name = "i8254", .size = sizeof(struct i8254), .state = state, .reset = reset};

struct i8254 *i8254_create(struct machine_io *io)
{
    struct i8254 *pit = device_create(io, &i8254_class);

    dev_timer_init(&pit->timer, io, fire, pit);
    return pit;
}
