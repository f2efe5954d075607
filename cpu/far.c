/* SPDX-License-Identifier: MIT */
/*
 * Far transfers of the program's own: JMP, CALL and RET between segments, through call gates and to tasks, and IRET.
 *
 * All follow one order: read what the stack or the operand holds, check descriptors, probe the pushes, then commit. The checks
 * stand in the order of the manual's pseudocode, because the first that fails decides the exception.
 * In 64-bit code a far CALL or RET has 32-bit operands unless REX.W says otherwise.
 * Intel SDM vol. 2 JMP, CALL, RET, IRET; vol. 3 §5.8, §7.3, §20.2.
 */
#include "cpu/address.h"
#include "cpu/escape.h"
#include "cpu/gate.h"
#include "cpu/sys.h"
#include "cpu/task.h"
#include "cpu/vme.h"

static bool is_real_like(const struct vcpu *v)
{
    return !vcpu_is_pe(v) || vcpu_is_v86(v);
}

static void set_cs(struct vcpu *v, const struct segment_plan *cs, unsigned cpl, u64 rip)
{
    segment_commit(v, SEG_CS, cs);
    v->seg[SEG_CS].sel = (v->seg[SEG_CS].sel & ~3u) | cpl;
    v->cpl = cpl;
    v->rip = rip;
}

/* Is `rip` a possible target in code segment cs? Raises #GP(0). */
static void check_rip(struct vcpu *v, const struct descriptor *cs, u64 rip)
{
    bool ok = vcpu_is_lma(v) && cs->l ? vcpu_is_canonical(v, rip) : rip <= cs->limit;

    if (!ok)
        vcpu_raise_err(v, VEC_GP, 0);
}

/* What a transfer to a plain code segment needs, given its descriptor. */
static void check_code(struct vcpu *v, u16 sel, const struct descriptor *cs)
{
    u32 error = selector_error(sel);

    if (vcpu_is_lma(v) && cs->l && cs->db)
        vcpu_raise_err(v, VEC_GP, error);
    if (descriptor_is_conforming(cs) ? cs->dpl > v->cpl : (sel & 3u) > v->cpl || cs->dpl != v->cpl)
        vcpu_raise_err(v, VEC_GP, error);
    if (!cs->p)
        vcpu_raise_err(v, VEC_NP, error);
}

/* --- Real and virtual-8086 mode --------------------------------------------------------------- */

static void far_real(struct vcpu *v, u16 sel, u64 rip, unsigned osize, bool call)
{
    struct frame f;

    if (call) {
        frame_begin(v, &f, 0);
        frame_push(v, &f, v->seg[SEG_CS].sel, osize);
        frame_push(v, &f, vcpu_next_rip(v, v->cur), osize);
    }
    if (rip > v->seg[SEG_CS].limit)
        vcpu_raise_err(v, VEC_GP, 0);
    if (call) {
        frame_commit(v, &f);
        v->r[R_SP] = frame_sp(&f, v->r[R_SP]);
    }
    segment_set_real(&v->seg[SEG_CS], sel, vcpu_is_v86(v));
    v->rip = rip;
}

/* --- Gates and tasks -------------------------------------------------------------------------- */

/* CALL through a gate to more privilege: new stack, parameters copied. */
static void call_inner(struct vcpu *v, const struct descriptor *gate, const struct descriptor *cs,
                       unsigned size)
{
    struct segment_plan csp, ss;
    struct frame f, old;
    u64 param[32];
    unsigned n = size == 8 ? 0 : gate->params;

    gate_inner_stack(v, cs->dpl, 0, 0, &f, &ss);
    frame_begin(v, &old, 0);
    for (unsigned i = 0; i < n; i++)
        param[i] = frame_pop(v, &old, size);
    frame_push(v, &f, v->seg[SEG_SS].sel, size);
    frame_push(v, &f, v->r[R_SP], size);
    while (n-- > 0)
        frame_push(v, &f, param[n], size);
    frame_push(v, &f, v->seg[SEG_CS].sel, size);
    frame_push(v, &f, vcpu_next_rip(v, v->cur), size);
    check_rip(v, cs, gate->base);
    segment_plan_descriptor(v, gate->sel, cs, &csp);

    frame_commit(v, &f);
    segment_commit(v, SEG_SS, &ss);
    v->r[R_SP] = frame_sp(&f, f.sp);
    set_cs(v, &csp, cs->dpl, gate->base);
}

/* JMP or CALL through a gate without change of privilege. */
static void gate_same(struct vcpu *v, const struct descriptor *gate, const struct descriptor *cs,
                      unsigned size, bool call)
{
    struct segment_plan csp;
    struct frame f;

    frame_begin(v, &f, 0);
    if (call) {
        f.wide = size == 8;
        frame_push(v, &f, v->seg[SEG_CS].sel, size);
        frame_push(v, &f, vcpu_next_rip(v, v->cur), size);
    }
    check_rip(v, cs, gate->base);
    segment_plan_descriptor(v, gate->sel, cs, &csp);
    if (call) {
        frame_commit(v, &f);
        v->r[R_SP] = frame_sp(&f, v->r[R_SP]);
    }
    set_cs(v, &csp, v->cpl, gate->base);
}

static void far_gate(struct vcpu *v, const struct descriptor *gate, bool call)
{
    unsigned size = vcpu_is_lma(v) ? 8 : gate->type == DT_CALL32 ? 4 : 2;
    struct descriptor cs;

    gate_target(v, gate->sel, 0, !call, &cs);
    if (call && !descriptor_is_conforming(&cs) && cs.dpl < v->cpl)
        call_inner(v, gate, &cs, size);
    else
        gate_same(v, gate, &cs, size, call);
}

static void far_task(struct vcpu *v, u16 sel, bool call)
{
    struct descriptor tss;
    struct task_request t = {
        .cause = call ? TASK_CALL : TASK_JMP,
        .sel = sel,
        .rip = vcpu_next_rip(v, v->cur),
        .flags = vcpu_flags(v) & ~(u32)FL_RF,
    };

    task_find(v, sel, false, 0, &tss);
    task_switch(v, &t, &tss);
}

/* A system descriptor as target. */
static void far_system(struct vcpu *v, u16 sel, const struct descriptor *d, bool call)
{
    u32 error = selector_error(sel);
    bool lma = vcpu_is_lma(v);
    bool ok;

    switch (d->type) {
    case DT_CALL32: ok = !d->short_table && !d->bad_upper; break;
    case DT_CALL16:
    case DT_TASK:
    case DT_TSS16:
    case DT_TSS32: ok = !lma; break;
    default: ok = false; break;
    }
    if (!ok || d->dpl < v->cpl || d->dpl < (sel & 3))
        vcpu_raise_err(v, VEC_GP, error);
    if (d->type == DT_TSS16 || d->type == DT_TSS32) {
        far_task(v, sel, call);
        return;
    }
    if (!d->p)
        vcpu_raise_err(v, VEC_NP, error);
    if (d->type == DT_TASK)
        far_task(v, d->sel, call);
    else
        far_gate(v, d, call);
}

/* --- JMP and CALL ----------------------------------------------------------------------------- */

static void far_code(struct vcpu *v, u16 sel, u64 rip, unsigned osize, bool call,
                     const struct descriptor *cs)
{
    struct segment_plan csp;
    struct frame f;

    check_code(v, sel, cs);
    if (call) {
        frame_begin(v, &f, 0);
        frame_push(v, &f, v->seg[SEG_CS].sel, osize);
        frame_push(v, &f, vcpu_next_rip(v, v->cur), osize);
    }
    check_rip(v, cs, rip);
    segment_plan_descriptor(v, sel, cs, &csp);
    if (call) {
        frame_commit(v, &f);
        v->r[R_SP] = frame_sp(&f, v->r[R_SP]);
    }
    set_cs(v, &csp, v->cpl, rip);
}

static void far_transfer(struct vcpu *v, u16 sel, u64 rip, unsigned osize, bool call)
{
    struct descriptor d;

    mmu_peek_begin(&v->mmu);
    if (is_real_like(v)) {
        far_real(v, sel, rip, osize, call);
    } else {
        if (selector_is_null(sel))
            vcpu_raise_err(v, VEC_GP, 0);
        if (!descriptor_fetch(v, sel, &d))
            vcpu_raise_err(v, VEC_GP, selector_error(sel));
        if (descriptor_is_code(&d))
            far_code(v, sel, rip, osize, call, &d);
        else
            far_system(v, sel, &d, call);
    }
    mmu_peek_end(&v->mmu);
    vcpu_update_mode(v);
}

void sys_far_direct(struct vcpu *v, const struct uop *u)
{
    far_transfer(v, u->imm >> 32, (u32)u->imm, u->osize, u->aux);
}

void sys_far_memory(struct vcpu *v, const struct uop *u)
{
    unsigned size = MIN(u->osize, 4); /* AMD: no 64-bit offset, even with REX.W */
    u32 rip = 0;
    u8 m[6];

    mmu_peek_begin(&v->mmu);
    mmu_read_bytes(&v->mmu, vcpu_address(v, u, size + 2, MMU_READ), m, size + 2, u);
    memcpy(&rip, m, size);
    far_transfer(v, load_le16(m + size), rip, u->osize, u->aux & ~SYS_MEM);
}

/* --- Returns ---------------------------------------------------------------------------------- */

/* The code segment that a return leads to. */
static void find_return_cs(struct vcpu *v, u16 sel, u64 rip, struct descriptor *cs)
{
    u32 error = selector_error(sel);
    unsigned rpl = sel & 3;

    if (selector_is_null(sel))
        vcpu_raise_err(v, VEC_GP, 0);
    if (!descriptor_fetch(v, sel, cs) || !descriptor_is_code(cs) || rpl < v->cpl)
        vcpu_raise_err(v, VEC_GP, error);
    if (vcpu_is_lma(v) && cs->l && cs->db)
        vcpu_raise_err(v, VEC_GP, error);
    if (descriptor_is_conforming(cs) ? cs->dpl > rpl : cs->dpl != rpl)
        vcpu_raise_err(v, VEC_GP, error);
    if (!cs->p)
        vcpu_raise_err(v, VEC_NP, error);
    check_rip(v, cs, rip);
}

static void plan_return_ss(struct vcpu *v, u16 sel, unsigned cpl, bool long_cs,
                           struct segment_plan *ss)
{
    unsigned vec;

    if (selector_is_null(sel)) {
        if (!long_cs || cpl == 3)
            vcpu_raise_err(v, VEC_GP, 0);
        ss->mark = false;
        segment_set_null(&ss->reg, sel);
        ss->reg.dpl = cpl;
        return;
    }
    vec = segment_plan_data(v, SEG_SS, sel, cpl, &v->seg[SEG_LDTR], ss);
    if (vec)
        vcpu_raise_err(v, vec, selector_error(sel));
}

/* The stack pointer after a return to another stack. */
static u64 return_sp(const struct vcpu *v, const struct segreg *ss, bool long_cs, u64 sp)
{
    if (long_cs)
        return sp;
    return ss->db ? (u32)sp : (v->r[R_SP] & ~0xffffull) | (u16)sp;
}

/* Finish a return (RET, IRET) to protected mode: frame f stands behind RIP, CS and for IRET the flags. `with_ss`: SS:RSP is popped
 * even without change of privilege. Everything that can fail comes first. */
static void return_protected(struct vcpu *v, struct frame *f, u64 rip, u16 sel, unsigned osize,
                             unsigned skip, bool with_ss)
{
    struct descriptor cs;
    struct segment_plan csp, ss;
    unsigned cpl = sel & 3;
    bool outer, long_cs;
    u64 sp;

    find_return_cs(v, sel, rip, &cs);
    outer = cpl > v->cpl;
    long_cs = vcpu_is_lma(v) && cs.l;
    frame_skip(f, skip);
    if (outer || with_ss) {
        u64 new_sp = frame_pop(v, f, osize);
        u16 new_ss = frame_pop(v, f, osize);
        plan_return_ss(v, new_ss, cpl, long_cs, &ss);
        sp = return_sp(v, &ss.reg, long_cs, new_sp + skip);
    } else {
        sp = frame_sp(f, v->r[R_SP]);
    }
    segment_plan_descriptor(v, sel, &cs, &csp);

    if (outer || with_ss)
        segment_commit(v, SEG_SS, &ss);
    v->r[R_SP] = sp;
    set_cs(v, &csp, cpl, rip);
    if (outer)
        segment_drop_inner(v);
}

static void return_real(struct vcpu *v, const struct frame *f, u64 rip, u16 sel)
{
    if (rip > v->seg[SEG_CS].limit)
        vcpu_raise_err(v, VEC_GP, 0);
    v->r[R_SP] = frame_sp(f, v->r[R_SP]);
    segment_set_real(&v->seg[SEG_CS], sel, vcpu_is_v86(v));
    v->rip = rip;
}

void sys_far_ret(struct vcpu *v, const struct uop *u)
{
    unsigned skip = u->aux ? (u16)u->imm : 0;
    struct frame f;
    u64 rip;
    u16 sel;

    mmu_peek_begin(&v->mmu);
    frame_begin(v, &f, 0);
    rip = frame_pop(v, &f, u->osize);
    sel = frame_pop(v, &f, u->osize);
    if (is_real_like(v)) {
        frame_skip(&f, skip);
        return_real(v, &f, rip, sel);
    } else {
        return_protected(v, &f, rip, sel, u->osize, skip, false);
    }
    mmu_peek_end(&v->mmu);
    vcpu_update_mode(v);
}

/* --- IRET ------------------------------------------------------------------------------------- */

/* Flags that IRET may change at the present privilege. */
static u32 iret_mask(const struct vcpu *v, unsigned osize)
{
    u32 mask = FL_ARITH | FL_TF | FL_DF | FL_NT;
    unsigned iopl = (v->rflags & FL_IOPL) >> 12;

    if (osize >= 4)
        mask |= FL_RF | FL_AC | FL_ID;
    if (!vcpu_is_pe(v))
        return mask | FL_IF | FL_IOPL;
    if (v->cpl == 0)
        mask |= osize >= 4 ? FL_IOPL | FL_VIF | FL_VIP : FL_IOPL;
    if (v->cpl <= iopl)
        mask |= FL_IF;
    return mask;
}

static void set_flags(struct vcpu *v, u32 flags, u32 mask)
{
    vcpu_set_flags(v, (vcpu_flags(v) & ~mask) | (flags & mask));
    v->nmi_blocked = false;
    v->rf_loaded = true;
}

/* IRET from CPL 0 to virtual-8086 mode. */
static void iret_to_v86(struct vcpu *v, struct frame *f, u64 rip, u16 cs, u32 flags)
{
    static const u8 order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    u16 sel[5];
    u64 sp;

    if (rip > 0xffff)
        vcpu_raise_err(v, VEC_GP, 0);
    sp = frame_pop(v, f, 4);
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
        sel[i] = frame_pop(v, f, 4);

    segment_set_real(&v->seg[SEG_CS], cs, true);
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
        segment_set_real(&v->seg[order[i]], sel[i], true);
    v->r[R_SP] = (u32)sp;
    v->rip = rip;
    v->cpl = 3;
    vcpu_set_flags(v, (flags & 0x3f7fd7) | FL_VM);
    v->nmi_blocked = false;
    v->rf_loaded = true;
}

/* IRET with NT: back to the task that the present TSS links to. */
static void iret_task(struct vcpu *v)
{
    struct descriptor tss;
    struct task_request t = {
        .cause = TASK_IRET,
        .rip = vcpu_next_rip(v, v->cur),
        .flags = vcpu_flags(v) & ~(u32)(FL_NT | FL_RF),
    };

    t.sel = mmu_sys_read(&v->mmu, (u32)v->seg[SEG_TR].base, 2, v->cur);
    task_find(v, t.sel, true, 0, &tss);
    task_switch(v, &t, &tss);
    v->nmi_blocked = false;
}

/* IRET within real or virtual-8086 mode. virtual_if: VIF is what the image's IF is about. */
static void iret_real(struct vcpu *v, const struct frame *f, u64 rip, u16 cs, u32 flags, u32 mask,
                      bool virtual_if)
{
    if (vcpu_is_v86(v))
        mask &= ~(u32)FL_IOPL;
    if (virtual_if) {
        flags = vme_popped(v, flags);
        mask |= FL_VIF;
    }
    return_real(v, f, rip, cs);
    set_flags(v, flags, mask);
}

static void iret(struct vcpu *v, const struct uop *u)
{
    struct frame f;
    unsigned osize = u->osize;
    bool virtual_if = vme_flags_are_virtual(v, osize);
    u32 mask, flags;
    u64 rip;
    u16 cs;

    if (!is_real_like(v) && (v->rflags & FL_NT)) {
        if (vcpu_is_lma(v))
            vcpu_raise_err(v, VEC_GP, 0);
        mmu_peek_begin(&v->mmu);
        iret_task(v);
        mmu_peek_end(&v->mmu);
        vcpu_update_mode(v);
        return;
    }
    mask = iret_mask(v, osize);
    mmu_peek_begin(&v->mmu);
    frame_begin(v, &f, 0);
    rip = frame_pop(v, &f, osize);
    cs = frame_pop(v, &f, osize);
    flags = frame_pop(v, &f, osize);
    if (is_real_like(v)) {
        iret_real(v, &f, rip, cs, flags, mask, virtual_if);
    } else if ((flags & FL_VM) && v->cpl == 0 && !vcpu_is_lma(v) && osize == 4) {
        iret_to_v86(v, &f, rip, cs, flags);
    } else {
        return_protected(v, &f, rip, cs, osize, 0, vcpu_is_code64(v));
        set_flags(v, flags, mask);
    }
    mmu_peek_end(&v->mmu);
    vcpu_update_mode(v);
    vme_check_pending(v);
}

static void try_iret(struct vcpu *v, void *u)
{
    iret(v, u);
}

/* An IRET that faults has unblocked NMI all the same, before the fault's handler (SDM vol. 3 §6.7.1). */
void sys_iret(struct vcpu *v, const struct uop *u)
{
    enum escape why;

    if (likely(!v->nmi_blocked)) {
        iret(v, u);
        return;
    }
    why = vcpu_try(v, try_iret, (void *)(uintptr_t)u);
    if (why == ESCAPE_EXCEPTION)
        v->nmi_blocked = false;
    if (why != ESCAPE_NONE)
        vcpu_rethrow(v, why);
}
