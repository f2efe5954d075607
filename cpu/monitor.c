/* SPDX-License-Identifier: MIT */
/*
 * MONITOR and MWAIT: the armed line is one more thing derived from a page, of kind `watch`. A write to it by another
 * participant (in a recorded run: the loss of the page's hold) takes the trace away, which wakes the CPU.
 *
 * When MWAIT ends is logged as a WAKE event at the position behind it, so a replay needs no trace. Waking too often is
 * allowed: any delivery disarms, so MWAIT does not wait without a MONITOR of its own, and in a recorded run any write to the
 * page counts. A CPU's own writes do not wake it. Intel SDM vol. 2 MONITOR, MWAIT; vol. 3 §8.10.
 */
#include "cpu/monitor.h"

#include "cpu/lapic.h"
#include "trace/directory.h"

void monitor_arm(struct vcpu *v, u64 gpa)
{
    if (gpa >> 12 != v->monitor_gpa >> 12)
        monitor_disarm(v);
    v->monitor_gpa = gpa;
    v->monitor_hit = false;
}

void monitor_disarm_slow(struct vcpu *v)
{
    directory_underive(&v->p, TRACE_WATCH, v->monitor_gpa >> 12);
    v->monitor_gpa = ~(u64)0;
    v->monitor_hit = false;
    v->mwait_break = false;
}

void monitor_drop(struct vcpu *v, u64 gfn)
{
    if (v->monitor_gpa == ~(u64)0 || (gfn != ~(u64)0 && gfn != v->monitor_gpa >> 12))
        return;
    v->monitor_hit = true;
    participant_wake_locked(&v->p);
}

unsigned monitor_wakes(const struct vcpu *v)
{
    if (v->monitor_hit)
        return MONITOR_WRITTEN;
    return v->mwait_break && lapic_pending(v) != -1 ? MONITOR_INTERRUPT : MONITOR_SLEEPS;
}
