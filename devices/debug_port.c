/* SPDX-License-Identifier: MIT */
/*
 * The debug console of Bochs and QEMU at port 0xE9 (see debug_port.h). It has no state: a write of
 * any size hands its bytes to the sink, lowest first, and a read returns 0xE9 in the low byte.
 */
#include "devices/debug_port.h"

static u64 debug_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    (void)dev;
    (void)by;
    (void)offset;
    (void)size;
    return 0xe9;
}

static void debug_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    const struct debug_port *d = dev;
    u8 bytes[8];

    (void)by;
    (void)offset;
    store_le64(bytes, value);
    if (d->output)
        d->output(d->opaque, bytes, size);
}

const struct region_ops debug_port_ops = {debug_read, debug_write, .max_size = 1};

static const struct dev_class debug_port_class = {.name = "debug_port",
                                                  .size = sizeof(struct debug_port)};

struct debug_port *debug_port_create(struct machine_io *io)
{
    return device_create(io, &debug_port_class);
}
