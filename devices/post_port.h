/* SPDX-License-Identifier: MIT */
/*
 * Port 0x80: the byte a POST card would show.
 */
#ifndef DEVICES_POST_PORT_H
#define DEVICES_POST_PORT_H

#include "devices/device.h"
#include "mmu/region.h"

struct post_port {
    struct device dev;
    u8 pages[16]; /* the DMA page registers' places; [0] is the POST code */
};

/* 16 ports from 0x80. */
extern const struct region_ops post_port_ops;

struct post_port *post_port_create(struct machine_io *io);

#endif
