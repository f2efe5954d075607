/* SPDX-License-Identifier: MIT */
/*
 * System control port A (0x92): fast A20 gate and fast CPU reset.
 */
#ifndef DEVICES_PORT92_H
#define DEVICES_PORT92_H

#include "devices/device.h"
#include "mmu/region.h"

struct port92 {
    struct device dev;
    u8 value;
    void (*reset)(void *opaque); /* bit 0 went from 0 to 1. I/O hold. */
    void *opaque;
};

extern const struct region_ops port92_ops;

struct port92 *port92_create(struct machine_io *io);

#endif
