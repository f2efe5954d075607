/* SPDX-License-Identifier: MIT */
/*
 * Ports 0x80 to 0x8f. In a PC these are the DMA page registers; 0x80 belongs to no channel, and
 * firmware writes its progress there, while kernels write to it to lose about a microsecond. There
 * is no DMA controller here, so all of them only keep a byte. 0x92 lies outside and is port92.c.
 */
#include "devices/post_port.h"

static u64 post_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    const struct post_port *d = dev;

    (void)by;
    (void)size;
    return d->pages[offset & 15];
}

static void post_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct post_port *d = dev;

    (void)by;
    (void)size;
    d->pages[offset & 15] = (u8)value;
}

const struct region_ops post_port_ops = {post_read, post_write, .max_size = 1};

static void reset(void *dev)
{
    memset(((struct post_port *)dev)->pages, 0, sizeof(((struct post_port *)dev)->pages));
}

static const struct dev_field state[] = {DEV_ARRAY(post_port, pages), DEV_END};

static const struct dev_class post_port_class = {
    .name = "post_port", .size = sizeof(struct post_port), .state = state, .reset = reset};

struct post_port *post_port_create(struct machine_io *io)
{
    return device_create(io, &post_port_class);
}
