/* SPDX-License-Identifier: MIT */
/*
 * The checker behind `-check N`: an instruction that escapes (a right is missing, it has to run alone, an exception) must
 * have had no effect. An instruction that runs alone is compared with what the vCPU was at its start: every register from
 * r[] to the MSRs, mode, local APIC; and nothing may have reached memory, devices or the journal. Exceptions are allowed
 * what the manual gives them: accessed bits of the access that faulted, MXCSR's flags for an unmasked SIMD exception.
 *
 * With N > 0 checks of rights fail that would succeed (mmu/check.h), so that every instruction is abandoned at every
 * place at which it can be; in translated code at the accesses that the TLB does not know, which is often, since it is
 * forgotten at each boundary and never filled for translated code alone. What the guest computes must not change. Limits:
 * inside a block of several instructions, translated or not, the comparison has no start to compare with; there, equal
 * results have to do. Architecture: docs/architecture.md.
 */
#include "cpu/check.h"

#include <errno.h>
#include <stdlib.h>

#include "cpu/lapic.h"
#include "src/base/msg.h"

/* Reports of one vCPU that are printed. */
enum { REPORTS = 10 };

/* From the first register to the last MSR, as they lie in struct vcpu. */
#define STATE_START offsetof(struct vcpu, r)
#define STATE_END offsetof(struct vcpu, key)

struct vcpu_check {
    bool begun;
    u8 state[STATE_END - STATE_START];
    u32 key;
    u64 lapic, stores, marks, pending_db, monitor_gpa, position;
    u8 cpl, activity;
    bool nmi_blocked, nmi_pending, fault_pending;
    u64 reports;
};

int check_start(struct vcpu *v, u32 one_in, bool exact)
{
    v->check = calloc(1, sizeof(*v->check));
    if (!v->check)
        return -ENOMEM;
    return mmu_check_start(&v->mmu, 0x9e3779b97f4a7c15u * (v->id + 1), one_in, exact);
}

void check_destroy(struct vcpu *v)
{
    free(v->check);
    v->check = NULL;
}

static const u8 *state_of(const struct vcpu *v)
{
    return (const u8 *)v + STATE_START;
}

void check_begin_slow(struct vcpu *v)
{
    struct vcpu_check *c = v->check;

    memcpy(c->state, state_of(v), sizeof(c->state));
    c->begun = true;
    c->key = v->key;
    c->cpl = v->cpl;
    c->activity = v->activity;
    c->nmi_blocked = v->nmi_blocked;
    c->nmi_pending = v->nmi_pending;
    c->fault_pending = v->fault_pending;
    c->pending_db = v->pending_db;
    c->monitor_gpa = v->monitor_gpa;
    c->lapic = lapic_digest(v, 0);
    c->stores = v->mmu.check->stores;
    c->marks = v->mmu.check->marks;
    c->position = participant_icount(&v->p);
}

void check_done_slow(struct vcpu *v)
{
    v->check->begun = false;
}

/* The first byte of the register file that differs; -1: none. */
static long first_difference(struct vcpu *v, enum escape why)
{
    const u8 *now = state_of(v), *was = v->check->state;
    size_t mxcsr = offsetof(struct vcpu, fpu.mxcsr) - STATE_START;

    for (size_t i = 0; i < sizeof(v->check->state); i++) {
        if (now[i] == was[i])
            continue;
        if (i == mxcsr && why == ESCAPE_EXCEPTION && v->exc.vector == VEC_XM &&
            !((now[i] ^ was[i]) & ~0x3f))
            continue;
        return (long)(i + STATE_START);
    }
    return -1;
}

static const char *escape_name(enum escape why)
{
    return why == ESCAPE_MISS      ? "a missing right"
           : why == ESCAPE_CAREFUL ? "having to run alone"
                                   : "an exception";
}

static void report(struct vcpu *v, enum escape why, const char *what, long at)
{
    if (v->check->reports++ >= REPORTS)
        return;
    msg_error("check: vCPU %u at %llu, %04x:%llx: ended in %s (%u), but %s (%ld)", v->id,
              (unsigned long long)v->check->position, v->seg[SEG_CS].sel,
              (unsigned long long)v->rip, escape_name(why),
              why == ESCAPE_EXCEPTION ? v->exc.vector : 0, what, at);
}

void check_escaped_slow(struct vcpu *v, enum escape why)
{
    const struct vcpu_check *c = v->check;
    long at;

    mmu_check_again(&v->mmu);
    if (!c->begun)
        return;
    v->check->begun = false;
    at = first_difference(v, why);
    if (at >= 0)
        report(v, why, "the byte of the registers at this offset changed", at);
    if (c->key != v->key || c->cpl != v->cpl || c->activity != v->activity)
        report(v, why, "the mode, privilege or activity changed", 0);
    if (c->nmi_blocked != v->nmi_blocked || c->nmi_pending != v->nmi_pending ||
        c->fault_pending != v->fault_pending || c->pending_db != v->pending_db ||
        c->monitor_gpa != v->monitor_gpa)
        report(v, why, "what is pending changed", 0);
    if (c->lapic != lapic_digest(v, 0))
        report(v, why, "the local APIC changed", 0);
    if (c->stores != v->mmu.check->stores)
        report(v, why, "memory, a device or the journal was accessed",
               (long)(v->mmu.check->stores - c->stores));
    if (why != ESCAPE_EXCEPTION && c->marks != v->mmu.check->marks)
        report(v, why, "accessed or dirty bits were set", (long)(v->mmu.check->marks - c->marks));
    if (c->position != participant_icount(&v->p))
        report(v, why, "the position moved", (long)(participant_icount(&v->p) - c->position));
}

void check_boundary_slow(struct vcpu *v)
{
    mmu_check_forget(&v->mmu);
}

u64 check_reports(const struct vcpu *v)
{
    return v->check ? v->check->reports : 0;
}
