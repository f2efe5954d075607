/* SPDX-License-Identifier: MIT */
/*
 * The I/O APIC: 24 interrupt inputs, each with a redirection entry that turns it into a message.
 */
#ifndef DEVICES_IOAPIC_H
#define DEVICES_IOAPIC_H

#include "devices/device.h"
#include "mmu/region.h"
#include "trace/ipi.h"

#define IOAPIC_PINS 24u

struct ioapic {
    struct device dev;
    u8 id;
    u8 select;
    u32 asserted; /* inputs that their sources assert */
    u32 active;   /* inputs that are active as the redirection entries' polarity reads them */
    u64 redir[IOAPIC_PINS];
    u32 wired_low; /* inputs whose sources are active low (the board's, constant) */
    u8 version;    /* 0x11: 82093AA; 0x20: with EOI register (constant) */
    /* Deliver a message to the local APICs that `dest` names. */
    void (*send)(void *opaque, struct ipi msg, u8 dest, bool logical);
    void *opaque;
};

/* 4 KB of registers; 4-byte accesses. */
extern const struct region_ops ioapic_ops;

struct ioapic *ioapic_create(struct machine_io *io);
/* irq_line's `set`: the source of input n asserts it or not, whatever its electrical level. I/O
 * hold. */
void ioapic_set_irq(void *dev, unsigned n, bool level);
/* A local APIC ended the service of a level-triggered interrupt. I/O hold. */
void ioapic_eoi(struct ioapic *a, u8 vector);

#endif
