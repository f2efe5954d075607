/* SPDX-License-Identifier: MIT */
/*
 * 16550A serial port.
 */
#ifndef DEVICES_NS16550_H
#define DEVICES_NS16550_H

#include "devices/device.h"
#include "mmu/region.h"

#define NS16550_FIFO 16u

struct ns16550 {
    struct device dev;
    u8 ier, fcr, lcr, mcr, msr, scr;
    u8 lsr; /* error and break bits; DR, THRE and TEMT are computed */
    u16 divisor;
    bool thre_pending; /* the transmitter's interrupt waits */
    bool timed_out;    /* the character timeout's interrupt waits */
    u8 fifo[NS16550_FIFO];
    u8 fifo_errors[NS16550_FIFO]; /* LSR bits that came with each byte */
    u8 fifo_count;
    u8 fifo_first;
    struct irq_line irq;
    struct dev_timer timeout;
    void (*output)(void *opaque, const u8 *bytes, size_t n); /* I/O hold */
    void (*room)(void *opaque); /* the guest read a byte: input that waited may go on. I/O hold. May
                                   be NULL */
    void *opaque;
};

/* 8 ports. */
extern const struct region_ops ns16550_ops;

struct ns16550 *ns16550_create(struct machine_io *io);
/* How many bytes the receiver takes without an overrun. I/O hold. */
unsigned ns16550_room(const struct ns16550 *u);
/* A byte arrives on the line; with no room it is lost and the guest sees an overrun. I/O agent, I/O
 * hold. */
void ns16550_receive(struct ns16550 *u, u8 byte);
/* A break condition arrives. */
void ns16550_receive_break(struct ns16550 *u);

#endif
