/* SPDX-License-Identifier: MIT */
/*
 * i8042 keyboard controller with a PS/2 keyboard and a PS/2 mouse.
 */
#ifndef DEVICES_I8042_H
#define DEVICES_I8042_H

#include "devices/device.h"
#include "devices/ps2.h"
#include "mmu/region.h"

struct i8042 {
    struct device dev;
    u8 status;         /* port 0x64 */
    u8 output;         /* the byte in the output buffer */
    u8 command;        /* controller command whose argument comes next; 0: none */
    u8 outport;        /* bits 0, 1: reset line, A20 gate; others computed */
    u8 ram[32];        /* internal memory; byte 0 is the command byte */
    u8 own, own_state; /* an answer of the controller itself; 0: none, 1: keyboard's place, 2:
                          mouse's */
    bool after_break;  /* translation: the next code is a break code */
    struct ps2_keyboard kbd;
    struct ps2_mouse mouse;
    struct irq_line kbd_irq, mouse_irq;
    void (*reset)(void *opaque); /* the CPU reset pulse. I/O hold. */
    void *opaque;
};

/* Data port 0x60 and command/status port 0x64: one port each. */
extern const struct region_ops i8042_data_ops, i8042_command_ops;

struct i8042 *i8042_create(struct machine_io *io);
/* A key goes down (or repeats) or up. `code` is its set 1 make code, plus 0x80 where that has an E0
 * prefix: 0x1c is Enter, 0x9c the keypad's Enter, 0xb7 Print Screen, 0xc6 Pause. I/O agent, I/O
 * hold. */
void i8042_key(struct i8042 *k, u8 code, bool down);
/* The mouse moved dx to the right and dy up; buttons: bit 0 left, 1 right, 2 middle. I/O agent, I/O
 * hold. */
void i8042_mouse(struct i8042 *k, int dx, int dy, u8 buttons);

#endif
