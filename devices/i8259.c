/* SPDX-License-Identifier: MIT */
/*
 * 8259A programmable interrupt controller, two of them cascaded (Intel 8259A datasheet, 231468; the
 * ELCR from the PIIX3 datasheet, 290550 §2.5).
 *
 * A request is an edge latched in IRR or, where ELCR (or ICW1's LTIM) says level, the input itself.
 * An edge whose input falls before it is acknowledged is lost and the acknowledge yields IR7: the
 * spurious interrupt. The cascade input of the first chip always follows the second chip's output.
 *
 * Everything there is in 8086 mode: fully nested, special fully nested, special mask, automatic
 * EOI, both rotations, poll. Not there: MCS-80/85 mode (CALL on the bus) and buffered mode, which a
 * PC cannot use: their bits are kept and have no effect.
 */
#include "devices/i8259.h"

enum { ICW1_IC4 = 1, ICW1_SNGL = 2, ICW1_LTIM = 8, ICW1 = 0x10, OCW3 = 8 };
enum { ICW4_AEOI = 2, ICW4_SFNM = 0x10 };
enum { MASTER, SLAVE };
#define CASCADE 2u
/* IRQ 0, 1, 2, 8 and 13 are edge-triggered whatever is written to ELCR. */
static const u8 elcr_writable[2] = {0xf8, 0xde};

static bool is_level(const struct pic_chip *c, unsigned n)
{
    return (c->icw1 & ICW1_LTIM) || (c->elcr >> n & 1);
}

/* Rank of input n: 0 is served first. */
static unsigned rank(const struct pic_chip *c, unsigned n)
{
    return (n - c->lowest - 1) & 7;
}

/* The best-ranked input of a set; -1: empty. */
static int best(const struct pic_chip *c, u8 set)
{
    for (unsigned r = 0; r < 8; r++) {
        unsigned n = (c->lowest + 1 + r) & 7;

        if (set >> n & 1)
            return (int)n;
    }
    return -1;
}

/* The request that the chip would have served now; -1: none. */
static int requested(const struct pic_chip *c)
{
    int n = best(c, c->irr & ~c->imr);
    u8 blocking = c->special_mask ? c->isr & ~c->imr : c->isr;
    int serving;

    if (n < 0)
        return -1;
    /* Special fully nested: the slave may interrupt its own service. */
    if ((c->icw4 & ICW4_SFNM) && !(c->icw1 & ICW1_SNGL) && n == (int)CASCADE)
        blocking &= (u8) ~(1u << CASCADE);
    if (c->special_mask)
        return blocking >> n & 1 ? -1 : n;
    serving = best(c, blocking);
    return serving < 0 || rank(c, (unsigned)n) < rank(c, (unsigned)serving) ? n : -1;
}

/* Drive both INT outputs from the present state. */
static void update(struct i8259 *pic)
{
    struct pic_chip *m = &pic->chip[MASTER], *s = &pic->chip[SLAVE];
    bool out;

    s->out = !s->init && requested(s) >= 0;
    m->irr = (u8)((m->irr & ~(1u << CASCADE)) | (unsigned)s->out << CASCADE);
    m->lines = (u8)((m->lines & ~(1u << CASCADE)) | (unsigned)s->out << CASCADE);
    out = !m->init && requested(m) >= 0;
    if (out != m->out) {
        m->out = out;
        irq_line_set(&pic->intr, out);
    }
}

void i8259_set_irq(void *dev, unsigned n, bool level)
{
    struct i8259 *pic = dev;
    struct pic_chip *c = &pic->chip[n >> 3 & 1];
    u8 bit = (u8)(1u << (n & 7));

    if (n == CASCADE)
        return;
    if (!level)
        c->irr &= (u8)~bit;
    else if (!(c->lines & bit) || is_level(c, n & 7))
        c->irr |= bit;
    c->lines = level ? c->lines | bit : c->lines & (u8)~bit;
    update(pic);
}

/* INTA (or a poll) for input n. */
static void begin_service(struct pic_chip *c, unsigned n)
{
    if (!is_level(c, n))
        c->irr &= (u8) ~(1u << n);
    if (!(c->icw4 & ICW4_AEOI))
        c->isr |= (u8)(1u << n);
    else if (c->rotate_on_aeoi)
        c->lowest = (u8)n;
}

/* What one chip puts on the bus: its best request, taken into service, or 7. */
static unsigned acknowledge_chip(struct pic_chip *c)
{
    int n = requested(c);

    if (n < 0)
        return 7;
    begin_service(c, (unsigned)n);
    return (unsigned)n;
}

u8 i8259_acknowledge(struct i8259 *pic)
{
    struct pic_chip *m = &pic->chip[MASTER], *s = &pic->chip[SLAVE];
    unsigned n = acknowledge_chip(m);
    u8 vector = (u8)(m->base + n);

    if (n == CASCADE)
        vector = (u8)(s->base + acknowledge_chip(s));
    m->out = false;
    update(pic);
    return vector;
}

u8 i8259_peek(const struct i8259 *pic)
{
    const struct pic_chip *m = &pic->chip[MASTER], *s = &pic->chip[SLAVE];
    int n = requested(m), second;

    if (n != (int)CASCADE)
        return (u8)(m->base + (n < 0 ? 7 : n));
    second = requested(s);
    return (u8)(s->base + (second < 0 ? 7 : second));
}

void i8259_set_elcr(struct i8259 *pic, u16 levels)
{
    for (unsigned i = 0; i < 2; i++)
        pic->chip[i].elcr = (u8)(levels >> 8 * i) & elcr_writable[i];
}

static void end_service(struct pic_chip *c, int n, bool rotate)
{
    if (n < 0)
        return;
    c->isr &= (u8) ~(1u << n);
    if (rotate)
        c->lowest = (u8)n;
}

/* OCW2: R, SL, EOI in bits 7 to 5. */
static void command_eoi(struct pic_chip *c, u8 value)
{
    /* In special mask mode a non-specific EOI leaves masked inputs in service. */
    int current = best(c, c->special_mask ? c->isr & ~c->imr : c->isr);
    int named = value & 7;

    switch (value >> 5) {
    case 0: c->rotate_on_aeoi = false; break;
    case 1: end_service(c, current, false); break;
    case 2: break;
    case 3: end_service(c, named, false); break;
    case 4: c->rotate_on_aeoi = true; break;
    case 5: end_service(c, current, true); break;
    case 6: c->lowest = (u8)named; break;
    case 7: end_service(c, named, true); break;
    }
}

static void command_mode(struct pic_chip *c, u8 value)
{
    if (value & 4)
        c->poll = true;
    if (value & 2)
        c->read_isr = value & 1;
    if (value & 0x40)
        c->special_mask = value >> 5 & 1;
}

static void initialise(struct pic_chip *c, u8 icw1)
{
    c->icw1 = icw1;
    c->icw4 = 0;
    c->init = 2;
    c->irr = c->isr = c->imr = 0;
    c->lowest = 7;
    c->read_isr = c->poll = c->special_mask = c->rotate_on_aeoi = false;
    if (c->icw1 & ICW1_LTIM)
        c->irr = c->lines;
    else
        c->irr = c->lines & c->elcr;
}

/* ICW2 to ICW4, in that order; ICW3 only when cascaded, ICW4 only when announced. */
static void initialise_next(struct pic_chip *c, u8 value)
{
    switch (c->init) {
    case 2:
        c->base = value & 0xf8;
        c->init = !(c->icw1 & ICW1_SNGL) ? 3 : c->icw1 & ICW1_IC4 ? 4 : 0;
        break;
    case 3:
        c->icw3 = value;
        c->init = c->icw1 & ICW1_IC4 ? 4 : 0;
        break;
    default:
        c->icw4 = value;
        c->init = 0;
        break;
    }
}

static void write_chip(struct i8259 *pic, struct pic_chip *c, u64 offset, u8 value)
{
    if (offset) {
        if (c->init)
            initialise_next(c, value);
        else
            c->imr = value;
    } else if (value & ICW1) {
        initialise(c, value);
    } else if (value & OCW3) {
        command_mode(c, value);
    } else {
        command_eoi(c, value);
    }
    update(pic);
}

static u8 read_chip(struct i8259 *pic, struct pic_chip *c, u64 offset)
{
    if (c->poll) {
        int n = requested(c);
        u8 answer = n < 0 ? 7 : (u8)(0x80 | n);

        c->poll = false;
        if (n >= 0)
            begin_service(c, (unsigned)n);
        update(pic);
        return answer;
    }
    if (offset)
        return c->imr;
    return c->read_isr ? c->isr : c->irr;
}

static u64 master_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    struct i8259 *pic = dev;

    (void)by;
    (void)size;
    return read_chip(pic, &pic->chip[MASTER], offset);
}

static void master_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct i8259 *pic = dev;

    (void)by;
    (void)size;
    write_chip(pic, &pic->chip[MASTER], offset, (u8)value);
}

static u64 slave_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    struct i8259 *pic = dev;

    (void)by;
    (void)size;
    return read_chip(pic, &pic->chip[SLAVE], offset);
}

static void slave_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct i8259 *pic = dev;

    (void)by;
    (void)size;
    write_chip(pic, &pic->chip[SLAVE], offset, (u8)value);
}

static u64 elcr_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    const struct i8259 *pic = dev;

    (void)by;
    (void)size;
    return pic->chip[offset & 1].elcr;
}

static void elcr_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct i8259 *pic = dev;
    struct pic_chip *c = &pic->chip[offset & 1];

    (void)by;
    (void)size;
    c->elcr = (u8)value & elcr_writable[offset & 1];
    c->irr |= c->lines & c->elcr;
    update(pic);
}

const struct region_ops i8259_master_ops = {master_read, master_write, .max_size = 1};
const struct region_ops i8259_slave_ops = {slave_read, slave_write, .max_size = 1};
const struct region_ops i8259_elcr_ops = {elcr_read, elcr_write, .max_size = 1};

/* Until a chip is initialised it has no base vector worth having: all inputs are masked. The CPU
 * that INTR leads to is reset with the platform, so INTR is not driven. */
static void reset(void *dev)
{
    struct i8259 *pic = dev;

    for (unsigned i = 0; i < 2; i++) {
        u8 lines = pic->chip[i].lines;

        pic->chip[i] = (struct pic_chip){.lines = lines, .lowest = 7, .imr = 0xff};
    }
}

#define CHIP(i)                                                                                    \
    DEV_FIELD(i8259, chip[i].irr), DEV_FIELD(i8259, chip[i].isr), DEV_FIELD(i8259, chip[i].imr),   \
        DEV_FIELD(i8259, chip[i].lines), DEV_FIELD(i8259, chip[i].elcr),                           \
        DEV_FIELD(i8259, chip[i].base), DEV_FIELD(i8259, chip[i].lowest),                          \
        DEV_FIELD(i8259, chip[i].init), DEV_FIELD(i8259, chip[i].icw1),                            \
        DEV_FIELD(i8259, chip[i].icw3), DEV_FIELD(i8259, chip[i].icw4),                            \
        DEV_FIELD(i8259, chip[i].read_isr), DEV_FIELD(i8259, chip[i].poll),                        \
        DEV_FIELD(i8259, chip[i].special_mask), DEV_FIELD(i8259, chip[i].rotate_on_aeoi),          \
        DEV_FIELD(i8259, chip[i].out)

static const struct dev_field state[] = {CHIP(MASTER), CHIP(SLAVE), DEV_END};

static const struct dev_class i8259_class = {
    .name = "i8259", .size = sizeof(struct i8259), .state = state, .reset = reset};

struct i8259 *i8259_create(struct machine_io *io)
{
    return device_create(io, &i8259_class);
}
