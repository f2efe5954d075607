/* SPDX-License-Identifier: MIT */
/*
 * The two PS/2 peripherals behind an i8042: keyboard and mouse. They are part of the controller's
 * state and have no registers of their own: bytes go in from the controller and queue up for it.
 */
#ifndef DEVICES_PS2_H
#define DEVICES_PS2_H

#include "src/base/types.h"

#define PS2_QUEUE 32u

/* What a peripheral wants to send. */
struct ps2_queue {
    u8 bytes[PS2_QUEUE];
    u8 first, count;
};

struct ps2_keyboard {
    struct ps2_queue out;
    u8 command; /* whose argument comes next; 0: none */
    u8 leds, rate;
    u8 set;       /* scan code set, 1 or 2 */
    u8 last;      /* last byte sent, for Resend */
    bool enabled; /* scanning */
};

struct ps2_mouse {
    struct ps2_queue out;
    u8 command;
    u8 resolution, rate, buttons, last;
    i16 dx, dy; /* movement not yet reported */
    bool enabled, remote, wrap, scale2;
};

static inline void ps2_clear(struct ps2_queue *q)
{
    q->first = q->count = 0;
}

/* Append n bytes, all or (if they do not fit) none. */
bool ps2_put(struct ps2_queue *q, const u8 *bytes, unsigned n);
/* Take the first byte of a queue that is not empty. */
u8 ps2_take(struct ps2_queue *q);

void ps2_keyboard_reset(struct ps2_keyboard *k);
/* A byte from the controller. */
void ps2_keyboard_write(struct ps2_keyboard *k, u8 byte);
/* See i8042_key(). */
void ps2_keyboard_key(struct ps2_keyboard *k, u8 code, bool down);
/* The controller's translation: the set 1 code for a set 2 code. */
u8 ps2_translate(u8 code);

void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_write(struct ps2_mouse *m, u8 byte);
void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, u8 buttons);

#endif
