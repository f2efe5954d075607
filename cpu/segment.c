/* SPDX-License-Identifier: MIT */
/*
 * Segment loads and segment checks (see segment.h).
 *
 * Loading a null selector clears the base. DEVIATION from old AMD parts, which keep it; newer ones (CPUID
 * Fn8000_0021_EAX[6]) and Intel's do as here. In real mode a load changes selector and base alone, so limits that were set in
 * protected mode stay: that is "unreal" mode.
 * Intel SDM vol. 3 §5.3 (limits), §5.4 (types), §5.5-§5.7 (privilege), §20.1.1 and §20.2.1 (real, virtual-8086).
 */
#include "cpu/segment.h"

#include "cpu/exec.h"

void segment_from_descriptor(struct segreg *s, u16 sel, const struct descriptor *d)
{
    s->sel = sel;
    s->usable = true;
    s->type = d->type & DT_S ? d->type | DT_ACCESSED : d->type;
    s->dpl = d->dpl;
    s->l = d->l;
    s->db = d->db;
    s->g = d->g;
    s->p = d->p;
    s->avl = d->avl;
    s->base = d->base;
    s->limit = d->limit;
}

void segment_set_null(struct segreg *s, u16 sel)
{
    memset(s, 0, sizeof(*s));
    s->sel = sel;
}

void segment_set_real(struct segreg *s, u16 sel, bool v86)
{
    s->sel = sel;
    s->base = (u32)sel << 4;
    if (v86) {
        s->limit = 0xffff;
        s->type = DT_S | DT_RW | DT_ACCESSED;
        s->dpl = 3;
        s->l = s->db = s->g = s->avl = false;
        s->usable = s->p = true;
    } else if (!s->usable) { /* a null selector from protected mode: its limit was kept as 0 */
        s->type = DT_S | DT_RW | DT_ACCESSED;
        s->usable = s->p = true;
        s->limit = MAX(s->limit, 0xffffu);
    }
}

void segment_plan_descriptor(struct vcpu *v, u16 sel, const struct descriptor *d,
                             struct segment_plan *p)
{
    p->d = *d;
    p->mark = (d->type & DT_S) && !(d->type & DT_ACCESSED);
    segment_from_descriptor(&p->reg, sel, d);
    if (p->mark)
        descriptor_probe_type(v, d);
}

static unsigned check_stack(const struct descriptor *d, u16 sel, unsigned cpl)
{
    if ((sel & 3) != cpl || !descriptor_is_writable_data(d) || d->dpl != cpl)
        return VEC_GP;
    return d->p ? 0 : VEC_SS;
}

static unsigned check_data(const struct descriptor *d, u16 sel, unsigned cpl)
{
    if (!descriptor_is_readable(d))
        return VEC_GP;
    if (!descriptor_is_conforming(d) && ((sel & 3u) > d->dpl || cpl > d->dpl))
        return VEC_GP;
    return d->p ? 0 : VEC_NP;
}

unsigned segment_plan_data(struct vcpu *v, enum seg seg, u16 sel, unsigned cpl,
                           const struct segreg *ldt, struct segment_plan *p)
{
    struct descriptor d;
    unsigned vec;

    p->mark = false;
    segment_set_null(&p->reg, sel);
    if (selector_is_null(sel)) {
        if (seg == SEG_SS && !(vcpu_is_code64(v) && cpl < 3 && (sel & 3u) == cpl))
            return VEC_GP;
        p->reg.dpl = cpl;
        return 0;
    }
    if (!descriptor_fetch_ldt(v, ldt, sel, &d))
        return VEC_GP;
    vec = seg == SEG_SS ? check_stack(&d, sel, cpl) : check_data(&d, sel, cpl);
    if (vec)
        return vec;
    segment_plan_descriptor(v, sel, &d, p);
    return 0;
}

void segment_commit(struct vcpu *v, enum seg seg, const struct segment_plan *p)
{
    if (p->mark)
        descriptor_write_type(v, &p->d, p->d.type | DT_ACCESSED);
    v->seg[seg] = p->reg;
}

void segment_load(struct vcpu *v, enum seg seg, u16 sel)
{
    struct segment_plan p;
    unsigned vec;

    if (!vcpu_is_pe(v) || vcpu_is_v86(v)) {
        segment_set_real(&v->seg[seg], sel, vcpu_is_v86(v));
        return;
    }
    mmu_peek_begin(&v->mmu);
    vec = segment_plan_data(v, seg, sel, v->cpl, &v->seg[SEG_LDTR], &p);
    if (vec)
        vcpu_raise_err(v, vec, selector_error(sel));
    segment_commit(v, seg, &p);
    mmu_peek_end(&v->mmu);
    vcpu_update_mode(v);
}

void segment_drop_inner(struct vcpu *v)
{
    static const u8 data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

    for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
        struct segreg *s = &v->seg[data[i]];
        bool conforming = (s->type & (DT_CODE | DT_CONFORMING)) == (DT_CODE | DT_CONFORMING);

        if (s->usable && s->dpl < v->cpl && !conforming)
            segment_set_null(s, 0);
    }
}

static bool allows(const struct vcpu *v, const struct segreg *s, u64 offset, unsigned size,
                   enum mmu_access access)
{
    u64 last = offset + size - 1;

    if (!s->usable)
        return false;
    if (vcpu_is_pe(v) && !vcpu_is_v86(v)) {
        bool code = s->type & DT_CODE, rw = s->type & DT_RW;
        if ((access & MMU_WRITE) && (code || !rw))
            return false;
        if ((access & MMU_READ) && code && !rw)
            return false;
    }
    if ((s->type & (DT_CODE | DT_DOWN)) == DT_DOWN)
        return offset > s->limit && last <= (s->db ? 0xffffffffu : 0xffffu);
    return last <= s->limit && last >= offset;
}

void segment_check(struct vcpu *v, enum seg seg, u64 offset, unsigned size, enum mmu_access access)
{
    bool ok;

    if (vcpu_is_code64(v)) {
        u64 base = seg == SEG_FS || seg == SEG_GS ? v->seg[seg].base : 0;
        u64 a = base + offset, last = a + size - 1;
        ok = vcpu_is_canonical(v, a) && vcpu_is_canonical(v, last);
    } else {
        ok = allows(v, &v->seg[seg], offset, size, access);
    }
    if (!ok)
        vcpu_raise_err(v, seg == SEG_SS ? VEC_SS : VEC_GP, 0);
}
