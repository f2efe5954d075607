/* SPDX-License-Identifier: MIT */
/*
 * Interrupt messages: what one participant sends to a vCPU's local APIC. A message has a sender position
 * and a delivery position; the receiver alone changes its APIC, when it takes the message at a boundary.
 */
#ifndef TRACE_IPI_H
#define TRACE_IPI_H

#include "src/base/types.h"

struct participant;

/* Delivery modes, Intel SDM vol. 3 table 10-1 (ICR bits 10:8), and a line that is no ICR mode. */
enum ipi_mode {
    IPI_FIXED = 0,
    IPI_LOWEST = 1,
    IPI_SMI = 2,
    IPI_NMI = 4,
    IPI_INIT = 5,
    IPI_SIPI = 6,
    IPI_EXTINT = 7,
    IPI_EXTINT_LOW = 9, /* the 8259's INTR line went low */
};

struct ipi {
    u8 mode; /* enum ipi_mode */
    u8 vector;
    bool level; /* trigger mode level: sets TMR, EOI is broadcast */
};

/* Put a message into vCPU `to`'s mailbox, from `from` at its present position, and make `to` look. Any
 * participant thread; during a replay the mailbox keeps it until the logged delivery position. */
void ipi_send(struct participant *from, struct participant *to, const struct ipi *msg);

#endif
