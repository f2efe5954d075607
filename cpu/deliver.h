/* SPDX-License-Identifier: MIT */
/*
 * Event delivery, what is not in cpu/exec.h: software interrupts. (deliver_exception() and its kin are declared there.)
 */
#ifndef CPU_DELIVER_H
#define CPU_DELIVER_H

#include "cpu/debug.h"
#include "cpu/vcpu.h"

/* INT n, INT3, INTO (icebp: INT1), inside the instruction: enters the handler, with next_rip as return address, or escapes
 * with a fault of the instruction. DPL of the gate is checked, except for INT1. */
void deliver_software(struct vcpu *v, u8 vector, u64 next_rip, bool icebp);

#endif
