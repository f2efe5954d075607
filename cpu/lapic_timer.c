/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer (Intel SDM vol. 3 §11.5.4): one-shot, periodic and TSC-deadline.
 *
 * The input clock is 1 GHz, so counts times divisor are nanoseconds of the vCPU's own guest clock.
 * Nothing counts: a deadline is kept, and the current count follows from it. The vCPU asks
 * lapic_next_deadline() and calls lapic_timer_expire() at a position that the journal knows. A
 * periodic timer that expires late skips the expiries it missed: they would have been one bit in
 * IRR.
 *
 * While the LVT entry is masked there is no next deadline; what passed meanwhile is made up for
 * when the guest looks or unmasks. TSC and clock differ by v->tsc_offset.
 */
#include "cpu/lapic.h"
#include "cpu/lapic_internal.h"
#include "replay/journal.h"

#define OFF (~(u64)0)

enum timer_mode { ONE_SHOT, PERIODIC, TSC_DEADLINE };

static enum timer_mode mode_of(u32 lvt)
{
    return (enum timer_mode)(lvt >> 17 & 3);
}

static u64 divisor(const struct lapic *l)
{
    unsigned code = (l->divide & 3) | (l->divide >> 1 & 4);

    return code == 7 ? 1 : 2u << code;
}

static u64 period(const struct lapic *l)
{
    return l->initial * divisor(l);
}

/* When the timer expires next, whether or not anybody will hear of it. */
static u64 expiry(const struct vcpu *v)
{
    u64 at;

    if (mode_of(v->lapic->lvt[LVT_TIMER]) != TSC_DEADLINE)
        return v->lapic->deadline;
    if (!v->tsc_deadline)
        return OFF;
    /* A deadline before the clock began has passed already. */
    at = v->tsc_deadline - v->tsc_offset;
    return (i64)v->tsc_offset > 0 && v->tsc_deadline < v->tsc_offset ? 0 : at;
}

u64 lapic_next_deadline(const struct vcpu *v)
{
    return v->lapic->lvt[LVT_TIMER] & LVT_MASKED ? OFF : expiry(v);
}

/* The timer expired at or before `now`: go on to the next period or stop. */
static void advance(struct vcpu *v, u64 now)
{
    struct lapic *l = v->lapic;

    switch (mode_of(l->lvt[LVT_TIMER])) {
    case PERIODIC: l->deadline += ((now - l->deadline) / period(l) + 1) * period(l); break;
    case TSC_DEADLINE: v->tsc_deadline = 0; break;
    default: l->deadline = OFF; break;
    }
}

/* Account for an expiry that is due. */
static void catch_up(struct vcpu *v, u64 now)
{
    if (expiry(v) == OFF || expiry(v) > now)
        return;
    advance(v, now);
    if (!(v->lapic->lvt[LVT_TIMER] & LVT_MASKED))
        lapic_raise_lvt(v, LVT_TIMER);
}

bool lapic_timer_expire(struct vcpu *v, u64 now)
{
    u64 at = lapic_next_deadline(v);

    catch_up(v, now);
    return at != OFF && at <= now;
}

static bool is_armed(const struct vcpu *v)
{
    return expiry(v) != OFF;
}

void lapic_timer_write_lvt(struct vcpu *v, u32 value)
{
    struct lapic *l = v->lapic;
    bool was_deadline = mode_of(l->lvt[LVT_TIMER]) == TSC_DEADLINE;
    bool is_deadline = mode_of(value) == TSC_DEADLINE;

    if (is_armed(v))
        catch_up(v, journal_clock_ns(&v->p));
    if (was_deadline != is_deadline) {
        l->deadline = OFF;
        l->initial = 0;
        v->tsc_deadline = 0;
    }
    l->lvt[LVT_TIMER] = value;
}

void lapic_timer_write_initial(struct vcpu *v, u32 value)
{
    struct lapic *l = v->lapic;

    if (mode_of(l->lvt[LVT_TIMER]) == TSC_DEADLINE)
        return;
    l->initial = value;
    l->deadline = value ? journal_clock_ns(&v->p) + period(l) : OFF;
}

static u32 current_at(const struct lapic *l, u64 now)
{
    if (l->deadline == OFF || l->deadline <= now)
        return 0;
    return (u32)((l->deadline - now + divisor(l) - 1) / divisor(l));
}

/* Like the count, the deadline of a running timer is kept in units of the divisor. */
void lapic_timer_write_divide(struct vcpu *v, u32 value)
{
    struct lapic *l = v->lapic;
    u64 now;
    u32 left;

    if (l->deadline == OFF) {
        l->divide = value & 11;
        return;
    }
    now = journal_clock_ns(&v->p);
    catch_up(v, now);
    left = current_at(l, now);
    l->divide = value & 11;
    if (l->deadline != OFF)
        l->deadline = now + left * divisor(l);
}

u32 lapic_timer_current(struct vcpu *v)
{
    struct lapic *l = v->lapic;
    u64 now;

    if (l->deadline == OFF)
        return 0;
    now = journal_clock_ns(&v->p);
    catch_up(v, now);
    return current_at(l, now);
}

u64 lapic_timer_read_tsc_deadline(struct vcpu *v)
{
    if (mode_of(v->lapic->lvt[LVT_TIMER]) != TSC_DEADLINE || !v->tsc_deadline)
        return 0;
    catch_up(v, journal_clock_ns(&v->p));
    return v->tsc_deadline;
}

void lapic_timer_write_tsc_deadline(struct vcpu *v, u64 value)
{
    if (mode_of(v->lapic->lvt[LVT_TIMER]) == TSC_DEADLINE)
        v->tsc_deadline = value;
}
