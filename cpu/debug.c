/* SPDX-License-Identifier: MIT */
/*
 * Breakpoints, single-stepping, RF (see debug.h).
 *
 * An instruction breakpoint compares the linear address of the instruction's first byte and is a fault, which RF and the
 * instruction before being MOV SS or POP SS hold off; data and I/O breakpoints and
 * single-stepping are traps, gathered in vcpu->pending_db and taken at the boundary behind the instruction. RF holds
 * instruction breakpoints off for one instruction; the trap of TF is decided by TF as it was when the instruction began.
 * With DEBUGCTL.BTF only taken branches trap.
 * Intel SDM vol. 3 §17.2, §17.3.1; AMD APM vol. 2 §13.1.
 */
#include "cpu/debug.h"

#include "cpu/lift.h"

/* What a breakpoint waits for: DR7.R/W, and its length in bytes (DR7.LEN). */
enum { BP_EXEC, BP_WRITE, BP_PORT, BP_ACCESS };

static unsigned bp_kind(const struct vcpu *v, unsigned i)
{
    return v->dr7 >> (16 + i * 4) & 3;
}

static unsigned bp_length(const struct vcpu *v, unsigned i)
{
    static const u8 length[4] = {1, 2, 8, 4};

    return length[v->dr7 >> (18 + i * 4) & 3];
}

static bool bp_enabled(const struct vcpu *v, unsigned i)
{
    return v->dr7 >> (i * 2) & 3;
}

/* Does [a, a+size) touch breakpoint i's range? Breakpoints are aligned to their length. */
static bool bp_overlaps(const struct vcpu *v, unsigned i, u64 a, unsigned size)
{
    unsigned length = bp_length(v, i);
    u64 base = v->dr[i] & ~(u64)(length - 1);

    return a < base + length && base < a + size;
}

bool debug_begin_insn(struct vcpu *v)
{
    u64 linear = v->rip, hits = 0;
    bool enabled = false;

    v->step_tf = v->rflags & FL_TF;
    v->rf_loaded = false;
    if ((v->rflags & FL_RF) || v->shadow_ss)
        return false;
    if (!vcpu_is_code64(v))
        linear = (u32)(linear + v->seg[SEG_CS].base);
    for (unsigned i = 0; i < 4; i++) {
        if (bp_kind(v, i) != BP_EXEC || v->dr[i] != linear)
            continue;
        hits |= 1u << i;
        enabled |= bp_enabled(v, i);
    }
    if (!enabled)
        return false;
    v->exc = (struct exception){.vector = VEC_DB, .dr6 = hits};
    return true;
}

/* A direct branch is one wherever it leads; a REP that has iterations left is none. */
static bool branched(const struct vcpu *v, u64 start, u64 fall)
{
    bool repeats = v->rf_loaded && v->taken == 2 && v->rip == start;

    return v->taken == 1 || (v->rip != fall && !repeats);
}

void debug_end_insn(struct vcpu *v, u64 start, u64 fall)
{
    if (!v->rf_loaded)
        v->rflags &= ~(u32)FL_RF;
    if (v->step_tf && !v->shadow_ss &&
        (!(v->debugctl & DEBUGCTL_BTF) || branched(v, start, fall))) {
        v->pending_db |= DR6_BS;
        v->debugctl &= ~(u64)DEBUGCTL_BTF;
    }
    v->step_tf = false;
    vcpu_update_mode(v);
}

void debug_take_pending(struct vcpu *v, struct exception *e)
{
    *e = (struct exception){.vector = VEC_DB, .dr6 = v->pending_db};
    v->pending_db = 0;
}

bool debug_has_data(const struct vcpu *v)
{
    for (unsigned i = 0; i < 4; i++)
        if (bp_enabled(v, i) && (bp_kind(v, i) & 1))
            return true;
    return false;
}

/* A breakpoint that is not enabled sets its bit as well when another one hits (as above); only enabled ones make a trap. */
static void note_hits(struct vcpu *v, u64 a, unsigned size,
                      bool (*wanted)(unsigned kind, enum mmu_access access), enum mmu_access access)
{
    u64 hits = 0, enabled = 0;

    for (unsigned i = 0; i < 4; i++) {
        if (!wanted(bp_kind(v, i), access) || !bp_overlaps(v, i, a, size))
            continue;
        hits |= 1u << i;
        if (bp_enabled(v, i))
            enabled |= 1u << i;
    }
    if (enabled)
        v->pending_db |= hits;
}

static bool wants_data(unsigned kind, enum mmu_access access)
{
    return kind == BP_ACCESS || (kind == BP_WRITE && (access & MMU_WRITE));
}

static bool wants_port(unsigned kind, enum mmu_access access)
{
    (void)access;
    return kind == BP_PORT;
}

void debug_watch(void *owner, gla_t a, unsigned size, enum mmu_access access)
{
    note_hits(owner, a, size, wants_data, access);
}

void debug_check_port(struct vcpu *v, u16 port, unsigned size)
{
    if (unlikely((v->dr7 & DR7_ENABLES) && (v->cr4 & CR4_DE)))
        note_hits(v, port, size, wants_port, MMU_RMW);
}
