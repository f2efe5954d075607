/* SPDX-License-Identifier: MIT */
/*
 * Gates: target code segment and inner stack (see gate.h). The TSS is not shadowed: it is read where it lies.
 * Intel SDM vol. 3 §5.8.5 (stack switching), §7.2.1, §7.7 (64-bit TSS); vol. 2 INT, CALL.
 */
#include "cpu/gate.h"

void gate_target(struct vcpu *v, u16 sel, u32 ext, bool jump, struct descriptor *cs)
{
    if (selector_is_null(sel))
        vcpu_raise_err(v, VEC_GP, ext);
    if (!descriptor_fetch(v, sel, cs) || !descriptor_is_code(cs) || cs->dpl > v->cpl)
        vcpu_raise_err(v, VEC_GP, selector_error(sel) | ext);
    if (jump && !descriptor_is_conforming(cs) && cs->dpl != v->cpl)
        vcpu_raise_err(v, VEC_GP, selector_error(sel));
    if (vcpu_is_lma(v) && (!cs->l || cs->db))
        vcpu_raise_err(v, VEC_GP, selector_error(sel) | ext);
    if (!cs->p)
        vcpu_raise_err(v, VEC_NP, selector_error(sel) | ext);
}

static void inner_stack64(struct vcpu *v, unsigned cpl, unsigned ist, u32 ext, struct frame *f,
                          struct segment_plan *ss)
{
    const struct segreg *tr = &v->seg[SEG_TR];
    u32 offset = ist ? 36 + (ist - 1) * 8 : 4 + cpl * 8;
    u64 sp;

    if (!tr->usable || offset + 7 > tr->limit)
        vcpu_raise_err(v, VEC_TS, selector_error(tr->sel) | ext);
    sp = mmu_sys_read(&v->mmu, tr->base + offset, 8, v->cur);
    if (!vcpu_is_canonical(v, sp))
        vcpu_raise_err(v, VEC_SS, ext);
    ss->mark = false;
    segment_set_null(&ss->reg, cpl);
    ss->reg.dpl = cpl;
    frame_begin_at(f, &ss->reg, sp, true, cpl, ext);
}

void gate_inner_stack(struct vcpu *v, unsigned cpl, unsigned ist, u32 ext, struct frame *f,
                      struct segment_plan *ss)
{
    const struct segreg *tr = &v->seg[SEG_TR];
    bool wide = (tr->type & 8) != 0;
    u32 offset = wide ? 4 + cpl * 8 : 2 + cpl * 4;
    struct descriptor d;
    u64 sp;
    u16 sel;

    if (vcpu_is_lma(v)) {
        inner_stack64(v, cpl, ist, ext, f, ss);
        return;
    }
    if (!tr->usable || offset + (wide ? 5 : 3) > tr->limit)
        vcpu_raise_err(v, VEC_TS, selector_error(tr->sel) | ext);
    sp = mmu_sys_read(&v->mmu, (u32)(tr->base + offset), wide ? 4 : 2, v->cur);
    sel = mmu_sys_read(&v->mmu, (u32)(tr->base + offset + (wide ? 4 : 2)), 2, v->cur);
    if (selector_is_null(sel))
        vcpu_raise_err(v, VEC_TS, ext);
    if (!descriptor_fetch(v, sel, &d) || (sel & 3u) != cpl || d.dpl != cpl ||
        !descriptor_is_writable_data(&d))
        vcpu_raise_err(v, VEC_TS, selector_error(sel) | ext);
    if (!d.p)
        vcpu_raise_err(v, VEC_SS, selector_error(sel) | ext);
    segment_plan_descriptor(v, sel, &d, ss);
    frame_begin_at(f, &ss->reg, sp, false, cpl, selector_error(sel) | ext);
}
