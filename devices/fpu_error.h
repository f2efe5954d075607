/* SPDX-License-Identifier: MIT */
/*
 * The PC's answer to FERR# (ISA interrupt 13), and ports 0xf0 and 0xf1, which clear it.
 */
#ifndef DEVICES_FPU_ERROR_H
#define DEVICES_FPU_ERROR_H

#include "devices/device.h"
#include "mmu/region.h"

struct fpu_error {
    struct device dev;
    bool latched;
    struct irq_line irq;
};

extern const struct region_ops fpu_error_ops;

struct fpu_error *fpu_error_create(struct machine_io *io);
/* A CPU asserts FERR#. I/O hold. */
void fpu_error_raise(struct fpu_error *d);

#endif
