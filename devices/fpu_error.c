/* SPDX-License-Identifier: MIT */
/*
 * How a PC reports x87 errors to systems that leave CR0.NE clear: FERR# sets a latch that drives ISA interrupt 13; any write
 * to port 0xf0 or 0xf1 clears it.
 *
 * A CPU asserts FERR# once for each error; what IGNNE# would tell it, it knows itself (fpu_pending() in cpu/fpu_state.c).
 * Intel SDM vol. 1 appendix D; PIIX4 datasheet, coprocessor error register.
 */
#include "devices/fpu_error.h"

static u64 fpu_error_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    (void)dev, (void)by, (void)offset;
    return mask64(8 * size);
}

static void fpu_error_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct fpu_error *d = dev;

    (void)by, (void)offset, (void)size, (void)value;
    d->latched = false;
    irq_line_set(&d->irq, false);
}

const struct region_ops fpu_error_ops = {fpu_error_read, fpu_error_write, .max_size = 1};

void fpu_error_raise(struct fpu_error *d)
{
    d->latched = true;
    irq_line_set(&d->irq, true);
}

static void reset(void *dev)
{
    struct fpu_error *d = dev;

    d->latched = false;
    irq_line_set(&d->irq, false);
}

static const struct dev_field state[] = {DEV_FIELD(fpu_error, latched), DEV_END};

static const struct dev_class fpu_error_class = {
    .name = "fpu-error", .size = sizeof(struct fpu_error), .state = state, .reset = reset};

struct fpu_error *fpu_error_create(struct machine_io *io)
{
    return device_create(io, &fpu_error_class);
}
