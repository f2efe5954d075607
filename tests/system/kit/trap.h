/* SPDX-License-Identifier: MIT */
/*
 * Between core*.S, trap.c and machine*.c: the ways to a register state and back. Tests use system.h.
 */
#ifndef TESTS_SYSTEM_KIT_TRAP_H
#define TESTS_SYSTEM_KIT_TRAP_H

#include "tests/system/kit/system.h"

/* core*.S: goes to the state; returns after the trap that ends it. */
void sys_enter(const struct context *c);
/* Called by core*.S with the mode's frame, the handler's flags and the stack segment that it came in with. Returns whether
 * to go on with what is in the frame; otherwise sys_enter() returns. */
int sys_trap(void *frame, word flags, word ss);

/* machine*.c: the registers of a frame, its vector, error code and address. */
void sys_frame_take(struct context *c, const void *frame);
/* The way back, for a hook that changed them. */
void sys_frame_give(const struct context *c, void *frame);

#endif
