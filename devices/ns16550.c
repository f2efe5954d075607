/* SPDX-License-Identifier: MIT */
/*
 * 16550A UART (National Semiconductor PC16550D datasheet).
 *
 * The transmitter takes no time: a byte written goes to the sink at once, THRE and TEMT always read
 * set, and the transmitter interrupt becomes pending again with each byte. Reception is as fast as
 * the agent delivers. The one timer is the receiver's character timeout: four character times at
 * the programmed rate without a byte read or received, with the FIFO on and fewer bytes than the
 * trigger level.
 *
 * The modem lines look as if a terminal were connected: CTS, DSR and DCD on. In loopback mode the
 * transmitter feeds the receiver and the modem outputs the inputs. DEVIATION: OUT2 does not gate
 * the interrupt line, because small kernels written for other emulators forget to set it.
 */
#include "devices/ns16550.h"

enum { IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8 };
enum {
    IIR_NONE = 1,
    IIR_MODEM = 0,
    IIR_TX = 2,
    IIR_RX = 4,
    IIR_LINE = 6,
    IIR_TIMEOUT = 12,
    IIR_FIFO = 0xc0
};
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4 };
enum { LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum {
    LSR_DR = 1,
    LSR_OE = 2,
    LSR_PE = 4,
    LSR_FE = 8,
    LSR_BI = 0x10,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,
    LSR_FIFO_ERROR = 0x80,
    LSR_BYTE_ERRORS = LSR_PE | LSR_FE | LSR_BI
};
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80, MSR_TERI = 4 };
#define CLOCK_HZ 1843200u

static unsigned capacity(const struct ns16550 *u)
{
    return u->fcr & FCR_ENABLE ? NS16550_FIFO : 1;
}

static unsigned trigger_level(const struct ns16550 *u)
{
    static const u8 levels[4] = {1, 4, 8, 14};

    return u->fcr & FCR_ENABLE ? levels[u->fcr >> 6] : 1;
}

/* Four characters of the programmed length and rate. */
static u64 timeout_ns(const struct ns16550 *u)
{
    unsigned bits = 1 + 5 + (u->lcr & 3) + (u->lcr >> 3 & 1) + 1 + (u->lcr >> 2 & 1);
    u64 divisor = u->divisor ? u->divisor : 65536;

    return 4ull * bits * divisor * 16 * 1000000000u / CLOCK_HZ;
}

/* The pending interrupt of the highest priority that is enabled. */
static u8 identify(const struct ns16550 *u)
{
    if ((u->ier & IER_LINE) && (u->lsr & (LSR_OE | LSR_BYTE_ERRORS)))
        return IIR_LINE;
    if ((u->ier & IER_RX) && u->fifo_count >= trigger_level(u))
        return IIR_RX;
    if ((u->ier & IER_RX) && u->timed_out)
        return IIR_TIMEOUT;
    if ((u->ier & IER_TX) && u->thre_pending)
        return IIR_TX;
    if ((u->ier & IER_MODEM) && (u->msr & 15))
        return IIR_MODEM;
    return IIR_NONE;
}

static void update(struct ns16550 *u)
{
    irq_line_set(&u->irq, identify(u) != IIR_NONE);
}

/* The line status errors are those of the byte at the top of the FIFO. */
static void show_errors(struct ns16550 *u)
{
    if (u->fifo_count)
        u->lsr |= u->fifo_errors[u->fifo_first];
}

/* Start the character timeout anew if bytes lie below the trigger level. */
static void restart_timeout(struct ns16550 *u)
{
    u->timed_out = false;
    if ((u->fcr & FCR_ENABLE) && u->fifo_count)
        dev_timer_arm(&u->timeout, dev_now(u->dev.io) + timeout_ns(u));
    else
        dev_timer_cancel(&u->timeout);
}

static void fire(void *dev, u64 now_ns)
{
    struct ns16550 *u = dev;

    (void)now_ns;
    u->timed_out = u->fifo_count > 0;
    update(u);
}

static void clear_fifo(struct ns16550 *u)
{
    u->fifo_count = u->fifo_first = 0;
    u->timed_out = false;
    dev_timer_cancel(&u->timeout);
}

unsigned ns16550_room(const struct ns16550 *u)
{
    return u->mcr & MCR_LOOP ? 0 : capacity(u) - MIN(capacity(u), u->fifo_count);
}

static void receive(struct ns16550 *u, u8 byte, u8 errors)
{
    unsigned at;

    if (u->fifo_count >= capacity(u)) {
        u->lsr |= LSR_OE;
        if (!(u->fcr & FCR_ENABLE)) /* the new byte overwrites the old */
            u->fifo[u->fifo_first] = byte;
        update(u);
        return;
    }
    at = (u->fifo_first + u->fifo_count) % NS16550_FIFO;
    u->fifo[at] = byte;
    u->fifo_errors[at] = errors;
    if (u->fifo_count++ == 0)
        show_errors(u);
    restart_timeout(u);
    update(u);
}

void ns16550_receive(struct ns16550 *u, u8 byte)
{
    if (!(u->mcr & MCR_LOOP))
        receive(u, byte, 0);
}

void ns16550_receive_break(struct ns16550 *u)
{
    if (!(u->mcr & MCR_LOOP))
        receive(u, 0, LSR_BI);
}

static u8 read_byte(struct ns16550 *u)
{
    u8 byte = u->fifo[u->fifo_first];

    if (!u->fifo_count)
        return 0;
    u->fifo_errors[u->fifo_first] = 0;
    u->fifo_first = (u8)((u->fifo_first + 1) % NS16550_FIFO);
    u->fifo_count--;
    show_errors(u);
    restart_timeout(u);
    update(u);
    if (u->room)
        u->room(u->opaque);
    return byte;
}

static void write_byte(struct ns16550 *u, u8 byte)
{
    u->thre_pending = true;
    if (u->mcr & MCR_LOOP)
        receive(u, byte & (u8)mask64(5 + (u->lcr & 3)), 0);
    else if (u->output)
        u->output(u->opaque, &byte, 1);
    update(u);
}

static u8 read_iir(struct ns16550 *u)
{
    u8 iir = identify(u);

    if (iir == IIR_TX) {
        u->thre_pending = false;
        update(u);
    }
    return iir | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static bool has_errors_in_fifo(const struct ns16550 *u)
{
    for (unsigned i = 0; i < u->fifo_count; i++)
        if (u->fifo_errors[(u->fifo_first + i) % NS16550_FIFO])
            return true;
    return false;
}

static u8 read_lsr(struct ns16550 *u)
{
    u8 lsr = u->lsr | LSR_THRE | LSR_TEMT | (u->fifo_count ? LSR_DR : 0);

    if ((u->fcr & FCR_ENABLE) && has_errors_in_fifo(u))
        lsr |= LSR_FIFO_ERROR;
    u->lsr = 0;
    if (u->fifo_count)
        u->fifo_errors[u->fifo_first] = 0;
    update(u);
    return lsr;
}

static u8 modem_inputs(const struct ns16550 *u)
{
    if (!(u->mcr & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_DCD;
    return (u8)((u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
                (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

/* Bring the modem inputs up to date and note what changed; of RI only the falling edge counts. */
static void update_modem(struct ns16550 *u)
{
    u8 inputs = modem_inputs(u), changed = (u->msr ^ inputs) & 0xf0;

    if (inputs & MSR_RI)
        changed &= (u8)~MSR_RI;
    u->msr = (u8)(inputs | (u->msr & 15) | changed >> 4);
    update(u);
}

static u8 read_msr(struct ns16550 *u)
{
    u8 msr = u->msr;

    u->msr &= 0xf0;
    update(u);
    return msr;
}

static void write_ier(struct ns16550 *u, u8 value)
{
    /* Enabling the transmitter's interrupt while it is empty makes one. */
    if ((value & IER_TX) && !(u->ier & IER_TX))
        u->thre_pending = true;
    u->ier = value & 15;
    update(u);
}

static void write_fcr(struct ns16550 *u, u8 value)
{
    if ((value ^ u->fcr) & FCR_ENABLE)
        clear_fifo(u);
    if (!(value & FCR_ENABLE)) /* other bits are written only together with it */
        value = 0;
    if (value & FCR_CLEAR_RX)
        clear_fifo(u);
    if (value & FCR_CLEAR_TX)
        u->thre_pending = true;
    u->fcr = value & 0xc9;
    update(u);
}

static u64 uart_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    struct ns16550 *u = dev;
    bool dlab = u->lcr & LCR_DLAB;

    (void)by;
    (void)size;
    switch (offset) {
    case 0: return dlab ? u->divisor & 0xff : read_byte(u);
    case 1: return dlab ? u->divisor >> 8 : u->ier;
    case 2: return read_iir(u);
    case 3: return u->lcr;
    case 4: return u->mcr;
    case 5: return read_lsr(u);
    case 6: return read_msr(u);
    default: return u->scr;
    }
}

static void uart_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct ns16550 *u = dev;
    bool dlab = u->lcr & LCR_DLAB;
    u8 byte = (u8)value;

    (void)by;
    (void)size;
    switch (offset) {
    case 0:
        if (dlab)
            u->divisor = (u->divisor & 0xff00) | byte;
        else
            write_byte(u, byte);
        break;
    case 1:
        if (dlab)
            u->divisor = (u16)((u->divisor & 0xff) | byte << 8);
        else
            write_ier(u, byte);
        break;
    case 2: write_fcr(u, byte); break;
    case 3:
        /* In loopback a break that begins is received. */
        if ((u->mcr & MCR_LOOP) && (byte & ~u->lcr & LCR_BREAK))
            receive(u, 0, LSR_BI);
        u->lcr = byte;
        break;
    case 4:
        u->mcr = byte & 0x1f;
        update_modem(u);
        if (!(u->mcr & MCR_LOOP) && u->room)
            u->room(u->opaque);
        break;
    case 7: u->scr = byte; break;
    default: break; /* LSR and MSR are read-only */
    }
}

const struct region_ops ns16550_ops = {uart_read, uart_write, .max_size = 1};

static void reset(void *dev)
{
    struct ns16550 *u = dev;

    u->ier = u->fcr = u->lcr = u->mcr = u->lsr = u->scr = 0;
    u->divisor = 12; /* 9600 baud; the datasheet leaves it undefined */
    u->msr = modem_inputs(u);
    u->thre_pending = false;
    clear_fifo(u);
}

static const struct dev_field state[] = {DEV_FIELD(ns16550, ier),
                                         DEV_FIELD(ns16550, fcr),
                                         DEV_FIELD(ns16550, lcr),
                                         DEV_FIELD(ns16550, mcr),
                                         DEV_FIELD(ns16550, msr),
                                         DEV_FIELD(ns16550, scr),
                                         DEV_FIELD(ns16550, lsr),
                                         DEV_FIELD(ns16550, divisor),
                                         DEV_FIELD(ns16550, thre_pending),
                                         DEV_FIELD(ns16550, timed_out),
                                         DEV_ARRAY(ns16550, fifo),
                                         DEV_ARRAY(ns16550, fifo_errors),
                                         DEV_FIELD(ns16550, fifo_count),
                                         DEV_FIELD(ns16550, fifo_first),
                                         DEV_FIELD(ns16550, timeout.deadline),
                                         DEV_END};

static const struct dev_class ns16550_class = {
    .name = "ns16550", .size = sizeof(struct ns16550), .state = state, .reset = reset};

struct ns16550 *ns16550_create(struct machine_io *io)
{
    struct ns16550 *u = device_create(io, &ns16550_class);

    dev_timer_init(&u->timeout, io, fire, u);
    return u;
}
