/* SPDX-License-Identifier: MIT */
/*
 * The pair of 8259A interrupt controllers of a PC: the second one's INT drives IR2 of the first.
 */
#ifndef DEVICES_I8259_H
#define DEVICES_I8259_H

#include "devices/device.h"
#include "mmu/region.h"

struct pic_chip {
    u8 irr;    /* requests: a latched edge, or a level */
    u8 isr;    /* in service */
    u8 imr;    /* masked */
    u8 lines;  /* the inputs as they are */
    u8 elcr;   /* level-triggered inputs (a register of the chip set) */
    u8 base;   /* ICW2: vector of IR0 */
    u8 lowest; /* the input with the lowest priority now */
    u8 init;   /* the ICW expected next: 2, 3, 4; 0: initialised */
    u8 icw1, icw3, icw4;
    bool read_isr, poll, special_mask, rotate_on_aeoi;
    bool out; /* the INT output */
};

struct i8259 {
    struct device dev;
    struct pic_chip chip[2];
    struct irq_line intr; /* to the CPU; n is passed through */
};

/* Two ports each. */
extern const struct region_ops i8259_master_ops, i8259_slave_ops, i8259_elcr_ops;

struct i8259 *i8259_create(struct machine_io *io);
/* irq_line's `set`: dev is struct i8259, n is 0 to 15 (2 is the cascade and has no effect). I/O
 * hold. */
void i8259_set_irq(void *dev, unsigned n, bool level);
/* The CPU's interrupt acknowledge: the vector, of IR7 of either chip if no request is left
 * (spurious). The INTR output drops without a call of `intr`, and rises again through it if there
 * is more. I/O hold. */
u8 i8259_acknowledge(struct i8259 *pic);
/* What i8259_acknowledge() would return now; changes nothing. I/O hold. */
u8 i8259_peek(const struct i8259 *pic);
/* Which of the 16 inputs are level-triggered, as firmware sets it up. */
void i8259_set_elcr(struct i8259 *pic, u16 levels);

#endif
