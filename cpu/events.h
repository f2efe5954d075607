/* SPDX-License-Identifier: MIT */
/*
 * What happens between blocks: the boundary (cpu/events.c).
 */
#ifndef CPU_EVENTS_H
#define CPU_EVENTS_H

#include "cpu/run.h"

/* At a boundary: serve others, take events, deliver, wait while halted, set the budget. False: leave the loop. */
bool vcpu_boundary(struct vcpu *v);
/* The end of the loop: what is left to be said to journal and others. */
void vcpu_leave(struct vcpu *v);
/* A delivery (exception, interrupt, INIT, ...) has happened: it counts one. */
void vcpu_count_delivery(struct vcpu *v);

/* When the local APIC's timer has to be looked at next, ~0: not before something else happens. v's thread, or v is parked. */
u64 vcpu_timer_deadline(const struct vcpu *v);

#endif
