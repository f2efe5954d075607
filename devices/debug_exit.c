/* SPDX-License-Identifier: MIT */
/*
 * QEMU's isa-debug-exit device: writing v ends the run with exit status (v << 1) | 1, so a guest
 * can never claim the 0 that means success of the emulator itself. Reads give 0. No state.
 * Bare-metal test guests use it at port 0xf4.
 */
#include "devices/debug_exit.h"

static u64 exit_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    (void)dev;
    (void)by;
    (void)offset;
    (void)size;
    return 0;
}

static void exit_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    const struct debug_exit *d = dev;

    (void)by;
    (void)offset;
    (void)size;
    if (d->exit)
        d->exit(d->opaque, (int)((value << 1 | 1) & 0xff));
}

const struct region_ops debug_exit_ops = {exit_read, exit_write, .max_size = 4};

static const struct dev_class debug_exit_class = {.name = "debug_exit",
                                                  .size = sizeof(struct debug_exit)};

struct debug_exit *debug_exit_create(struct machine_io *io)
{
    return device_create(io, &debug_exit_class);
}
