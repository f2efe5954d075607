/* SPDX-License-Identifier: MIT */
/*
 * System control port A of the PS/2 and its heirs. Bit 0: a 0 to 1 change resets; bit 1: A20 gate,
 * open at power-on.
 *
 * DEVIATION: the gate is where this port or the keyboard controller has put it last, as in QEMU and
 * Bochs; chip sets open it if either says so (82371AB datasheet, port 92). What is read back is what
 * was written here.
 */
#include "devices/port92.h"

enum { FAST_RESET = 1, A20 = 2 };

static u64 port92_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    const struct port92 *d = dev;

    (void)by;
    (void)offset;
    (void)size;
    return d->value;
}

static void port92_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct port92 *d = dev;
    bool resets = !(d->value & FAST_RESET) && (value & FAST_RESET);

    (void)by;
    (void)offset;
    (void)size;
    d->value = (u8)value;
    if (resets && d->reset)
        d->reset(d->opaque);
}

static int port92_a20(const void *dev, u64 offset, u8 value)
{
    (void)dev;
    (void)offset;
    return !!(value & A20);
}

const struct region_ops port92_ops = {port92_read, port92_write, .a20 = port92_a20, .max_size = 1};

static void reset(void *dev)
{
    ((struct port92 *)dev)->value = A20;
}

static const struct dev_field state[] = {DEV_FIELD(port92, value), DEV_END};

static const struct dev_class port92_class = {
    .name = "port92", .size = sizeof(struct port92), .state = state, .reset = reset};

struct port92 *port92_create(struct machine_io *io)
{
    return device_create(io, &port92_class);
}
