/* SPDX-License-Identifier: MIT */
/*
 * MONITOR and MWAIT (cpu/monitor.c).
 */
#ifndef CPU_MONITOR_H
#define CPU_MONITOR_H

#include "cpu/vcpu.h"

/* MONITOR: the traced line; ~0: nothing is armed. Owner, inside the instruction. */
void monitor_arm(struct vcpu *v, u64 gpa);
/* Something happened behind which software arms anew: a wake-up, any delivery. Owner, at a boundary. */
void monitor_disarm_slow(struct vcpu *v);
/* The vCPU lost its trace in page gfn (~0: anywhere). v->p.lock held. */
void monitor_drop(struct vcpu *v, u64 gfn);

/* Why a CPU in MWAIT goes on though nothing is delivered: the value of a WAKE event. */
enum { MONITOR_SLEEPS, MONITOR_WRITTEN, MONITOR_INTERRUPT };
/* One of them. Owner, or while v is parked. */
unsigned monitor_wakes(const struct vcpu *v);

static inline void monitor_disarm(struct vcpu *v)
{
    if (unlikely(v->monitor_gpa != ~(u64)0))
        monitor_disarm_slow(v);
}

#endif
