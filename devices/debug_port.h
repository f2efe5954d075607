/* SPDX-License-Identifier: MIT */
/*
 * Port 0xE9: every byte written is output for whoever debugs the guest; it reads 0xE9, so guests
 * can find it.
 */
#ifndef DEVICES_DEBUG_PORT_H
#define DEVICES_DEBUG_PORT_H

#include "devices/device.h"
#include "mmu/region.h"

struct debug_port {
    struct device dev;
    void (*output)(void *opaque, const u8 *bytes, size_t n); /* I/O hold; may be NULL */
    void *opaque;
};

extern const struct region_ops debug_port_ops;

struct debug_port *debug_port_create(struct machine_io *io);

#endif
