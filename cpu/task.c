/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switch, with 16- and 32-bit task state segments.
 *
 * The manual has a point of no return: faults before it belong to the old task, faults after it (wrong segments in the new
 * TSS) to the new one, whose registers are loaded by then. A switch must still be all or nothing for missing holds. So it goes:
 * read and probe everything that belongs to the old address space; try the new task's segments in its own address space
 * (under vcpu_try(), nothing written); return to the old one; commit. A fault found by the trial is left in
 * vcpu->fault and delivered at the boundary behind the switch, in the new task, before its first instruction.
 *
 * FS and GS become null when the new TSS is a 16-bit one, upper register halves 0.
 * Intel SDM vol. 3 §7.2 to §7.4, §7.6 (16-bit TSS).
 */
#include "cpu/task.h"

#include "cpu/debug.h"
#include "cpu/escape.h"
#include "cpu/frame.h"
#include "cpu/segment.h"
#include "cpu/vme.h"

enum { NEW_GPRS = 8, NEW_SEGS = SEG_COUNT };

/* What a TSS holds, and what comes of it. */
struct task {
    struct descriptor tss;
    bool wide; /* 32-bit */
    u32 cr3, eip, flags;
    u32 gpr[NEW_GPRS];
    u16 sel[NEW_SEGS];
    u16 ldt_sel;
    bool trap;

    const struct task_request *req;
    struct segreg ldt;
    struct segment_plan seg[NEW_SEGS];
    unsigned cpl;
    struct frame f; /* of the error code */
    bool push;
};

void task_find(struct vcpu *v, u16 sel, bool busy, u32 ext, struct descriptor *tss)
{
    u32 error = selector_error(sel) | ext;
    enum vector bad = busy ? VEC_TS : VEC_GP;
    unsigned want = busy ? DT_TSS16_BUSY : DT_TSS16;

    if (selector_is_null(sel) || (sel & 4) || !descriptor_fetch(v, sel, tss))
        vcpu_raise_err(v, bad, error);
    if ((tss->type & ~8u) != want)
        vcpu_raise_err(v, bad, error);
    if (!tss->p)
        vcpu_raise_err(v, VEC_NP, error);
    if (tss->limit < (tss->type & 8 ? 0x67u : 0x2bu))
        vcpu_raise_err(v, VEC_TS, error);
}

static u32 tss_read(struct vcpu *v, const struct task *t, u32 offset, unsigned size)
{
    return mmu_sys_read(&v->mmu, (u32)(t->tss.base + offset), size, v->cur);
}

static void read_task(struct vcpu *v, struct task *t)
{
    unsigned size = t->wide ? 4 : 2;
    u32 at = t->wide ? 0x20 : 0x0e;

    if (t->wide)
        t->cr3 = tss_read(v, t, 0x1c, 4);
    t->eip = tss_read(v, t, at, size);
    t->flags = tss_read(v, t, at + size, size);
    for (unsigned i = 0; i < NEW_GPRS; i++)
        t->gpr[i] = tss_read(v, t, at + (2 + i) * size, size);
    for (unsigned i = 0; i < (t->wide ? 6u : 4u); i++)
        t->sel[i] = tss_read(v, t, at + (10 + i) * size, 2);
    t->ldt_sel = tss_read(v, t, t->wide ? 0x60 : 0x2a, 2);
    t->trap = t->wide && (tss_read(v, t, 0x64, 2) & 1);
}

/* The part of the old TSS that a switch writes. */
static u32 save_area(bool wide, u32 *size)
{
    *size = wide ? 0x60 - 0x20 : 0x2a - 0x0e;
    return wide ? 0x20 : 0x0e;
}

static bool old_is_wide(const struct vcpu *v)
{
    return v->seg[SEG_TR].type & 8;
}

static void probe_old(struct vcpu *v, const struct task *t, const struct descriptor *old)
{
    enum task_cause cause = t->req->cause;
    u32 size, at = save_area(old_is_wide(v), &size);

    mmu_sys_probe(&v->mmu, (u32)(v->seg[SEG_TR].base + at), size, MMU_WRITE, v->cur);
    if (old)
        descriptor_probe_type(v, old);
    if (cause != TASK_IRET)
        descriptor_probe_type(v, &t->tss);
    if (cause == TASK_CALL || cause == TASK_GATE)
        mmu_sys_probe(&v->mmu, (u32)t->tss.base, 2, MMU_WRITE, v->cur);
}

static void save_old(struct vcpu *v, const struct task *t)
{
    bool wide = old_is_wide(v);
    unsigned size = wide ? 4 : 2;
    u32 area, at = save_area(wide, &area);
    u64 base = v->seg[SEG_TR].base;

    mmu_sys_write(&v->mmu, (u32)(base + at), size, (u32)t->req->rip, v->cur);
    mmu_sys_write(&v->mmu, (u32)(base + at + size), size, t->req->flags, v->cur);
    for (unsigned i = 0; i < 8; i++)
        mmu_sys_write(&v->mmu, (u32)(base + at + (2 + i) * size), size, (u32)v->r[i], v->cur);
    for (unsigned i = 0; i < (wide ? 6u : 4u); i++)
        mmu_sys_write(&v->mmu, (u32)(base + at + (10 + i) * size), 2, v->seg[i].sel, v->cur);
}

/* --- The new task's segments, in its own address space ------------------------------------------ */

static void plan_ldt(struct vcpu *v, struct task *t)
{
    struct descriptor d;

    segment_set_null(&t->ldt, t->ldt_sel);
    if (selector_is_null(t->ldt_sel))
        return;
    if ((t->ldt_sel & 4) || !descriptor_fetch(v, t->ldt_sel, &d) || d.type != DT_LDT || !d.p)
        vcpu_raise_err(v, VEC_TS, selector_error(t->ldt_sel) | t->req->ext);
    segment_from_descriptor(&t->ldt, t->ldt_sel, &d);
}

static void plan_cs(struct vcpu *v, struct task *t)
{
    u16 sel = t->sel[SEG_CS];
    u32 error = selector_error(sel) | t->req->ext;
    struct descriptor d;

    if (selector_is_null(sel) || !descriptor_fetch_ldt(v, &t->ldt, sel, &d) ||
        !descriptor_is_code(&d))
        vcpu_raise_err(v, VEC_TS, error);
    if (descriptor_is_conforming(&d) ? d.dpl > (sel & 3) : d.dpl != (sel & 3))
        vcpu_raise_err(v, VEC_TS, error);
    if (!d.p)
        vcpu_raise_err(v, VEC_NP, error);
    segment_plan_descriptor(v, sel, &d, &t->seg[SEG_CS]);
}

static void plan_data(struct vcpu *v, struct task *t, enum seg seg)
{
    unsigned vec = segment_plan_data(v, seg, t->sel[seg], t->cpl, &t->ldt, &t->seg[seg]);

    if (vec) {
        segment_set_null(&t->seg[seg].reg, t->sel[seg]);
        t->seg[seg].mark = false;
        vcpu_raise_err(v, vec == VEC_GP ? VEC_TS : vec, selector_error(t->sel[seg]) | t->req->ext);
    }
}

static void plan_new(struct vcpu *v, void *arg)
{
    struct task *t = arg;

    plan_ldt(v, t);
    if (t->flags & FL_VM) {
        for (unsigned i = 0; i < NEW_SEGS; i++)
            segment_set_real(&t->seg[i].reg, t->sel[i], true);
    } else {
        plan_cs(v, t);
        plan_data(v, t, SEG_SS);
        plan_data(v, t, SEG_ES);
        plan_data(v, t, SEG_DS);
        plan_data(v, t, SEG_FS);
        plan_data(v, t, SEG_GS);
    }
    if (t->req->has_error) {
        frame_begin_at(&t->f, &t->seg[SEG_SS].reg, t->gpr[R_SP], false, t->cpl, t->req->ext);
        frame_push(v, &t->f, t->req->error, t->wide ? 4 : 2);
        t->push = true;
    }
    if (t->eip > t->seg[SEG_CS].reg.limit)
        vcpu_raise_err(v, VEC_GP, t->req->ext);
}

/* Try the new task's segments. Returns whether the new task begins with a fault, which is then in *fault. */
static bool try_new(struct vcpu *v, struct task *t, struct exception *fault)
{
    bool paging = v->cr0 & CR0_PG;
    struct exception saved = v->exc;
    enum escape why;

    t->cpl = t->flags & FL_VM ? 3 : t->sel[SEG_CS] & 3;
    for (unsigned i = 0; i < NEW_SEGS; i++) { /* until it is known better: not validated */
        segment_set_null(&t->seg[i].reg, t->sel[i]);
        t->seg[i].mark = false;
    }
    segment_set_null(&t->ldt, t->ldt_sel);
    if (paging && t->wide)
        mmu_configure(&v->mmu, v->cr0, t->cr3, v->cr4, v->efer);
    why = vcpu_try(v, plan_new, t);
    if (paging && t->wide)
        mmu_configure(&v->mmu, v->cr0, v->cr3, v->cr4, v->efer);
    if (why == ESCAPE_MISS || why == ESCAPE_CAREFUL)
        vcpu_rethrow(v, why);
    *fault = v->exc;
    v->exc = saved;
    return why == ESCAPE_EXCEPTION;
}

/* --- Commit ------------------------------------------------------------------------------------- */

static void load_new(struct vcpu *v, struct task *t)
{
    if ((v->cr0 & CR0_PG) && t->wide) {
        v->cr3 = t->cr3;
        mmu_configure(&v->mmu, v->cr0, v->cr3, v->cr4, v->efer);
        mmu_flush_nonglobal(&v->mmu);
    }
    v->cr0 |= CR0_TS;
    v->dr7 &= ~0x155ull; /* local breakpoints */
    for (unsigned i = 0; i < NEW_GPRS; i++)
        v->r[i] = t->gpr[i];
    v->rip = t->eip;
    v->cpl = t->cpl;
    vcpu_set_flags(v, t->flags & (t->wide ? 0x3f7fd7u : 0x7fd7u));
    v->rf_loaded = true;
    v->seg[SEG_LDTR] = t->ldt;
    for (unsigned i = 0; i < NEW_SEGS; i++)
        segment_commit(v, i, &t->seg[i]);
    if (t->push) {
        frame_commit(v, &t->f);
        v->r[R_SP] = frame_sp(&t->f, v->r[R_SP]);
    }
    if (t->trap)
        v->pending_db |= DR6_BT;
}

void task_switch(struct vcpu *v, const struct task_request *req, const struct descriptor *tss)
{
    struct task t = {.tss = *tss, .wide = tss->type & 8, .req = req};
    bool linked = req->cause == TASK_CALL || req->cause == TASK_GATE;
    u16 old_sel = v->seg[SEG_TR].sel;
    struct descriptor old;
    struct exception fault;
    bool has_old = !linked && descriptor_fetch(v, old_sel, &old);
    bool faults;

    if (!v->seg[SEG_TR].usable)
        vcpu_raise_err(v, VEC_TS, selector_error(old_sel) | req->ext);
    read_task(v, &t);
    probe_old(v, &t, has_old ? &old : NULL);
    faults = try_new(v, &t, &fault);
    probe_old(v, &t, has_old ? &old : NULL);

    save_old(v, &t);
    if (has_old)
        descriptor_write_type(v, &old, old.type & ~(unsigned)DT_BUSY);
    if (linked) {
        mmu_sys_write(&v->mmu, (u32)tss->base, 2, old_sel, v->cur);
        t.flags |= FL_NT;
    }
    if (req->cause != TASK_IRET)
        descriptor_write_type(v, tss, tss->type | DT_BUSY);
    segment_from_descriptor(&v->seg[SEG_TR], req->sel, tss);
    v->seg[SEG_TR].type |= DT_BUSY;
    load_new(v, &t);
    vcpu_update_mode(v);
    vme_check_pending(v);
    if (faults) {
        v->fault = fault;
        v->fault_pending = true;
        participant_kick(&v->p);
    }
}
