/* SPDX-License-Identifier: MIT */
/*
 * I/O APIC (Intel 82093AA datasheet, 290566; the EOI register at 0x40 as in later chip sets'
 * version 0x20).
 *
 * An edge is sent when it comes, and lost while its entry is masked. A level is sent when it is
 * active, its entry is not masked and remote IRR is clear; fixed and lowest-priority messages then
 * set remote IRR until the EOI of their vector. Polarity counts: a source is wired active high or
 * low by the board, and an entry programmed for the other polarity sees the input inverted, as it
 * would in a real machine.
 *
 * Writing an entry back to edge mode clears its remote IRR, which old kernels rely on for a forced
 * EOI. Limits: delivery status always reads idle (messages leave at once), no interrupt remapping.
 */
#include "devices/ioapic.h"

enum { REG_SELECT = 0, REG_WINDOW = 0x10, REG_EOI = 0x40 };
enum { INDEX_ID = 0, INDEX_VERSION = 1, INDEX_ARBITRATION = 2, INDEX_REDIR = 0x10 };

#define REDIR_LOGICAL BIT(11)
#define REDIR_STATUS BIT(12)
#define REDIR_LOW BIT(13)
#define REDIR_REMOTE_IRR BIT(14)
#define REDIR_LEVEL BIT(15)
#define REDIR_MASKED BIT(16)
#define REDIR_WRITABLE (0xff00000000000000u | 0x1ffffu)

static enum ipi_mode mode_of(u64 redir)
{
    return (enum ipi_mode)(redir >> 8 & 7);
}

/* SMI, NMI, INIT and ExtINT messages are edges even where an entry says level. */
static bool sets_remote_irr(u64 redir)
{
    return (redir & REDIR_LEVEL) && (mode_of(redir) == IPI_FIXED || mode_of(redir) == IPI_LOWEST);
}

static void send(struct ioapic *a, unsigned n)
{
    u64 *r = &a->redir[n];
    struct ipi msg = {.mode = (u8)mode_of(*r), .vector = (u8)*r, .level = sets_remote_irr(*r)};

    /* Modes 3 and 6 are reserved in a redirection entry. */
    if (msg.mode == 3 || msg.mode == IPI_SIPI || !a->send)
        return;
    if (msg.level)
        *r |= REDIR_REMOTE_IRR;
    a->send(a->opaque, msg, (u8)(*r >> 56), *r & REDIR_LOGICAL);
}

static void send_level(struct ioapic *a, unsigned n)
{
    u64 r = a->redir[n];

    if ((a->active >> n & 1) && sets_remote_irr(r) && !(r & (REDIR_MASKED | REDIR_REMOTE_IRR)))
        send(a, n);
}

/* Look at input n again after its source or its polarity changed. */
static void sample(struct ioapic *a, unsigned n)
{
    u64 r = a->redir[n];
    bool high = (a->asserted ^ a->wired_low) >> n & 1;
    bool active = high != !!(r & REDIR_LOW), was = a->active >> n & 1;

    a->active = (a->active & ~(1u << n)) | (u32)active << n;
    if (sets_remote_irr(r))
        send_level(a, n);
    else if (active && !was && !(r & REDIR_MASKED))
        send(a, n);
}

void ioapic_set_irq(void *dev, unsigned n, bool level)
{
    struct ioapic *a = dev;

    if (n >= IOAPIC_PINS)
        return;
    a->asserted = (a->asserted & ~(1u << n)) | (u32)level << n;
    sample(a, n);
}

static void end_of_interrupt(struct ioapic *a, unsigned n)
{
    a->redir[n] &= ~REDIR_REMOTE_IRR;
    send_level(a, n);
}

void ioapic_eoi(struct ioapic *a, u8 vector)
{
    for (unsigned n = 0; n < IOAPIC_PINS; n++)
        if ((u8)a->redir[n] == vector && (a->redir[n] & REDIR_REMOTE_IRR))
            end_of_interrupt(a, n);
}

/* Programming an entry never makes an edge of its own: a polarity change moves what counts as
 * active first. */
static void write_redir(struct ioapic *a, unsigned n, u64 value)
{
    u64 r = (value & REDIR_WRITABLE & ~(REDIR_STATUS | REDIR_REMOTE_IRR)) |
            (a->redir[n] & REDIR_REMOTE_IRR);
    bool high = (a->asserted ^ a->wired_low) >> n & 1;

    if (!(r & REDIR_LEVEL))
        r &= ~REDIR_REMOTE_IRR;
    a->redir[n] = r;
    a->active = (a->active & ~(1u << n)) | (u32)(high != !!(r & REDIR_LOW)) << n;
    send_level(a, n);
}

static u32 read_index(const struct ioapic *a)
{
    unsigned n = (a->select - INDEX_REDIR) / 2u;

    switch (a->select) {
    case INDEX_ID:
    case INDEX_ARBITRATION: return (u32)a->id << 24;
    case INDEX_VERSION: return a->version | (IOAPIC_PINS - 1) << 16;
    }
    if (a->select < INDEX_REDIR || n >= IOAPIC_PINS)
        return 0;
    return a->select & 1 ? (u32)(a->redir[n] >> 32) : (u32)a->redir[n];
}

static void write_index(struct ioapic *a, u32 value)
{
    unsigned n = (a->select - INDEX_REDIR) / 2u;

    if (a->select == INDEX_ID) {
        a->id = value >> 24 & 15;
    } else if (a->select >= INDEX_REDIR && n < IOAPIC_PINS) {
        u64 r = a->redir[n];

        if (a->select & 1)
            write_redir(a, n, (u64)value << 32 | (u32)r);
        else
            write_redir(a, n, (r & ~0xffffffffull) | value);
    }
}

static u64 ioapic_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    const struct ioapic *a = dev;

    (void)by;
    (void)size;
    switch (offset) {
    case REG_SELECT: return a->select;
    case REG_WINDOW: return read_index(a);
    }
    return 0;
}

static void ioapic_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct ioapic *a = dev;

    (void)by;
    (void)size;
    switch (offset) {
    case REG_SELECT: a->select = (u8)value; break;
    case REG_WINDOW: write_index(a, (u32)value); break;
    case REG_EOI:
        if (a->version >= 0x20)
            ioapic_eoi(a, (u8)value);
        break;
    }
}

const struct region_ops ioapic_ops = {ioapic_read, ioapic_write, .max_size = 4};

static void reset(void *dev)
{
    struct ioapic *a = dev;

    a->id = a->select = 0;
    a->active = a->asserted ^ a->wired_low;
    for (unsigned n = 0; n < IOAPIC_PINS; n++)
        a->redir[n] = REDIR_MASKED;
}

static const struct dev_field state[] = {DEV_FIELD(ioapic, id),       DEV_FIELD(ioapic, select),
                                         DEV_FIELD(ioapic, asserted), DEV_FIELD(ioapic, active),
                                         DEV_ARRAY(ioapic, redir),    DEV_END};

static const struct dev_class ioapic_class = {
    .name = "ioapic", .size = sizeof(struct ioapic), .state = state, .reset = reset};

struct ioapic *ioapic_create(struct machine_io *io)
{
    struct ioapic *a = device_create(io, &ioapic_class);

    a->version = 0x20;
    return a;
}
