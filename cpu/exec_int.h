/* SPDX-License-Identifier: MIT */
/*
 * The C helpers behind `call` micro-ops of integer instructions: rare, or too long for a handler.
 * All have the type lift_helper (cpu/lift.h), read their operands from the micro-op, and may raise
 * before their first commit.
 */
#ifndef CPU_EXEC_INT_H
#define CPU_EXEC_INT_H

#include "cpu/uop.h"
#include "src/base/types.h"

uop_fn help_cmpxchg8b, help_cmpxchg16b;
uop_fn help_crc32_reg, help_crc32_mem;
uop_fn help_bcd; /* aux: DAA DAS AAA AAS AAM AAD SALC */
uop_fn help_bound;
uop_fn help_xlat;
uop_fn help_push_seg; /* aux: segment */
uop_fn help_pop_seg;
uop_fn help_pusha, help_popa;
uop_fn help_pushf, help_popf;
uop_fn help_enter;
uop_fn help_int; /* aux: enum int_op */

/* Provided by the run loop (cpu/run.c). */
struct vcpu;
/* How many further iterations of a REP instruction may be done before the vCPU has to look up; 0
 * also when a stop request is pending. */
u64 vcpu_rep_allowance(struct vcpu *v);
/* Account for k finished iterations of the REP instruction being executed, besides the one charged
 * at block entry. */
void vcpu_rep_done(struct vcpu *v, u64 k);
/* The guest executed PAUSE: others may have our run token. */
void vcpu_pause(struct vcpu *v);

#endif
