/* SPDX-License-Identifier: MIT */
/*
 * isa-debug-exit: a write ends the program with a status of the guest's choice.
 */
#ifndef DEVICES_DEBUG_EXIT_H
#define DEVICES_DEBUG_EXIT_H

#include "devices/device.h"
#include "mmu/region.h"

struct debug_exit {
    struct device dev;
    /* The guest wrote `value`: status is (value << 1 | 1), in the low 8 bits that an exit status
     * has. I/O hold. */
    void (*exit)(void *opaque, int status);
    void *opaque;
};

/* 4 ports. */
extern const struct region_ops debug_exit_ops;

struct debug_exit *debug_exit_create(struct machine_io *io);

#endif
