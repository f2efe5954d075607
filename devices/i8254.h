/* SPDX-License-Identifier: MIT */
/*
 * The 8254 interval timer of a PC and port 0x61, which gates and shows its third channel.
 */
#ifndef DEVICES_I8254_H
#define DEVICES_I8254_H

#include "devices/device.h"
#include "mmu/region.h"

#define I8254_HZ 1193182u

struct pit_channel {
    u8 mode;   /* 0 to 5 */
    u8 access; /* RW bits: 1 low byte, 2 high byte, 3 both */
    bool bcd, gate;
    bool high_next; /* access 3: the next write is the high byte */
    bool read_high; /* access 3: the next read is the high byte */
    u8 low;         /* access 3: the low byte written */
    u8 latched;     /* latched count bytes left to read: 0, 1, 2 */
    bool status_latched;
    u8 status;
    u16 latch;
    bool loaded;    /* a count has been written since the mode */
    bool running;   /* counting (or, in modes 1 and 5, triggered) since `start` */
    u32 count;      /* 1 to 65536 */
    u32 next_count; /* modes 1, 2, 3, 5: taken up at the next period or trigger; 0: none */
    u64 start;      /* tick at which the present count was taken up */
    u64 held;       /* modes 0 and 4: ticks counted before the gate closed */
};

struct i8254 {
    struct device dev;
    struct pit_channel ch[3];
    u8 port61;           /* bits 0, 1 as written */
    struct irq_line irq; /* channel 0's output */
    struct dev_timer timer;
};

/* Ports 0 to 3 of the timer; port 0x61. */
extern const struct region_ops i8254_ops, i8254_port61_ops;

struct i8254 *i8254_create(struct machine_io *io);

#endif
