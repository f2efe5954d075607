/* SPDX-License-Identifier: MIT */
/*
 * Debug registers, single-stepping and RF. While any of them matters (TF, RF, BTF or an enabled breakpoint), the CPU's key has
 * KEY_STEP: every instruction is a block of its own, and the run loop brackets it with debug_begin_insn() and
 * debug_end_insn(). So nothing of this costs anything otherwise.
 * Intel SDM vol. 3 ch. 17; AMD APM vol. 2 ch. 13.
 */
#ifndef CPU_DEBUG_H
#define CPU_DEBUG_H

#include "cpu/vcpu.h"

enum {
    DR6_BD = 1 << 13,
    DR6_BS = 1 << 14,
    DR6_BT = 1 << 15,
    DR6_TRAPS = 0xe00f,
    DR6_BREAKPOINTS = 0xf,
    DR7_ENABLES = 0xff,
    DR7_GD = 1 << 13,
};
#define DR6_FIXED 0xffff0ff0u
#define DR7_FIXED 0x00000400u
#define DR7_WRITABLE 0xffff23ffu
#define DEBUGCTL_BTF 2u

/* Does the present state need KEY_STEP? */
static inline bool debug_is_active(const struct vcpu *v)
{
    return (v->rflags & (FL_TF | FL_RF)) || (v->dr7 & DR7_ENABLES);
}

/* Before an instruction of a KEY_STEP block at v->rip. True: an instruction breakpoint hits, v->exc is the #DB to be delivered
 * instead. vCPU's thread, at a boundary. */
bool debug_begin_insn(struct vcpu *v);
/* After that instruction has retired: RF falls, a single-step trap becomes pending in v->pending_db. `start` is its address,
 * `fall` the one behind it (for BTF: did it branch?). Not called for an instruction that faulted or was abandoned. */
void debug_end_insn(struct vcpu *v, u64 start, u64 fall);
/* At a boundary with v->pending_db != 0: makes the #DB exception of it and clears it. */
void debug_take_pending(struct vcpu *v, struct exception *e);

/* Is a data breakpoint enabled? Then every data access takes the MMU's slow path, which calls debug_watch() (mmu.watch; `owner` is
 * the vCPU): matching breakpoints become pending traps. */
bool debug_has_data(const struct vcpu *v);
void debug_watch(void *owner, gla_t a, unsigned size, enum mmu_access access);
/* The same for I/O breakpoints (CR4.DE): IN, OUT, INS, OUTS call it after the access. */
void debug_check_port(struct vcpu *v, u16 port, unsigned size);

#endif
