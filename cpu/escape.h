/* SPDX-License-Identifier: MIT */
/*
 * Catching an escape. An accessor or a check that cannot go on long-jumps to vcpu->escape. Whoever must know
 * (event delivery, which turns a fault in a delivery into a double fault; a task switch, which tries the new address space)
 * runs the doubtful part through vcpu_try() and gives back what is not his with vcpu_rethrow().
 */
#ifndef CPU_ESCAPE_H
#define CPU_ESCAPE_H

#include "cpu/vcpu.h"

/* Call fn(v, arg). Returns ESCAPE_NONE, or why it was abandoned (vcpu->exc, mmu.missing tell more). */
enum escape vcpu_try(struct vcpu *v, void (*fn)(struct vcpu *v, void *arg), void *arg);
/* Escape to the outer catcher for the same reason. */
_Noreturn void vcpu_rethrow(struct vcpu *v, enum escape why);

#endif
