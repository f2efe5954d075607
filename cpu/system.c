/* SPDX-License-Identifier: MIT */
/*
 * Instructions about segmentation: the table registers, LDTR and TR, moves to and from segment registers, and the
 * queries LAR, LSL, VERR, VERW, ARPL.
 *
 * A far pointer operand is at most 16:32, also with REX.W, as on AMD's processors. SGDT and SIDT always store the full base.
 * UMIP makes SGDT, SIDT, SLDT, STR and SMSW privileged.
 * Intel SDM vol. 2; vol. 3 §2.4, §5.10, §5.8.7.
 */
#include "cpu/address.h"
#include "cpu/cpuid.h"
#include "cpu/segment.h"
#include "cpu/sys.h"

static void check_umip(struct vcpu *v)
{
    if ((v->cr4 & CR4_UMIP) && v->cpl != 0)
        vcpu_raise_err(v, VEC_GP, 0);
}

/* --- GDTR, IDTR --------------------------------------------------------------------------------- */

static void load_table(struct vcpu *v, const struct uop *u, struct dtable *t)
{
    bool wide = vcpu_is_code64(v);
    unsigned size = wide ? 10 : 6;
    u8 m[10];
    u64 base;

    sys_need_cpl0(v);
    mmu_read_bytes(&v->mmu, vcpu_address(v, u, size, MMU_READ), m, size, u);
    base = wide ? load_le64(m + 2) : load_le32(m + 2);
    if (wide && !vcpu_can_hold(v, base))
        vcpu_raise_err(v, VEC_GP, 0);
    if (!wide && u->osize == 2)
        base &= 0xffffff;
    t->limit = load_le16(m);
    t->base = base;
}

void sys_lgdt(struct vcpu *v, const struct uop *u)
{
    load_table(v, u, &v->gdt);
}

void sys_lidt(struct vcpu *v, const struct uop *u)
{
    load_table(v, u, &v->idt);
}

static void store_table(struct vcpu *v, const struct uop *u, const struct dtable *t)
{
    unsigned size = vcpu_is_code64(v) ? 10 : 6;
    u8 m[10];

    check_umip(v);
    store_le16(m, t->limit);
    store_le64(m + 2, t->base);
    mmu_write_bytes(&v->mmu, vcpu_address(v, u, size, MMU_WRITE), m, size, u);
}

void sys_sgdt(struct vcpu *v, const struct uop *u)
{
    store_table(v, u, &v->gdt);
}

void sys_sidt(struct vcpu *v, const struct uop *u)
{
    store_table(v, u, &v->idt);
}

/* --- LDTR, TR ----------------------------------------------------------------------------------- */

/* A 16-bit source: register, or memory if aux says so. Begins a peek, which the caller ends. */
static u16 read_source16(struct vcpu *v, const struct uop *u)
{
    mmu_peek_begin(&v->mmu);
    if (u->aux & SYS_MEM)
        return mmu_read(&v->mmu, vcpu_address(v, u, 2, MMU_READ), 2, u);
    return v->r[u->src];
}

/* A 16-bit result: memory takes 16 bits, a register its operand size, zero-extended. */
static void write_result16(struct vcpu *v, const struct uop *u, u16 value)
{
    if (u->aux & SYS_MEM)
        mmu_write(&v->mmu, vcpu_address(v, u, 2, MMU_WRITE), 2, value, u);
    else
        sys_set_reg(v, u->src, value, u->osize);
}

/* The GDT descriptor for LLDT or LTR. */
static void find_system(struct vcpu *v, u16 sel, struct descriptor *d)
{
    u32 error = selector_error(sel);

    if ((sel & 4) || !descriptor_fetch(v, sel, d) || d->short_table || d->bad_upper)
        vcpu_raise_err(v, VEC_GP, error);
}

/* It has the right type: may it be loaded? */
static void check_loadable(struct vcpu *v, u16 sel, const struct descriptor *d)
{
    if (!d->p)
        vcpu_raise_err(v, VEC_NP, selector_error(sel));
    if (vcpu_is_lma(v) && !gla_is_canonical(d->base))
        vcpu_raise_err(v, VEC_GP, selector_error(sel));
}

void sys_lldt(struct vcpu *v, const struct uop *u)
{
    struct descriptor d;
    u16 sel;

    sys_need_cpl0(v);
    sel = read_source16(v, u);
    if (selector_is_null(sel)) {
        segment_set_null(&v->seg[SEG_LDTR], sel);
        mmu_peek_end(&v->mmu);
        return;
    }
    find_system(v, sel, &d);
    if (d.type != DT_LDT)
        vcpu_raise_err(v, VEC_GP, selector_error(sel));
    check_loadable(v, sel, &d);
    segment_from_descriptor(&v->seg[SEG_LDTR], sel, &d);
    mmu_peek_end(&v->mmu);
}

void sys_ltr(struct vcpu *v, const struct uop *u)
{
    struct descriptor d;
    u16 sel;

    sys_need_cpl0(v);
    sel = read_source16(v, u);
    if (selector_is_null(sel))
        vcpu_raise_err(v, VEC_GP, 0);
    find_system(v, sel, &d);
    if (d.type != DT_TSS32 && (d.type != DT_TSS16 || vcpu_is_lma(v)))
        vcpu_raise_err(v, VEC_GP, selector_error(sel));
    check_loadable(v, sel, &d);
    descriptor_probe_type(v, &d);
    descriptor_write_type(v, &d, d.type | DT_BUSY);
    segment_from_descriptor(&v->seg[SEG_TR], sel, &d);
    v->seg[SEG_TR].type |= DT_BUSY;
    mmu_peek_end(&v->mmu);
}

void sys_sldt(struct vcpu *v, const struct uop *u)
{
    check_umip(v);
    write_result16(v, u, v->seg[SEG_LDTR].sel);
}

void sys_str(struct vcpu *v, const struct uop *u)
{
    check_umip(v);
    write_result16(v, u, v->seg[SEG_TR].sel);
}

/* --- Segment registers -------------------------------------------------------------------------- */

void sys_mov_from_seg(struct vcpu *v, const struct uop *u)
{
    unsigned seg = u->dst & 7;

    if (seg > SEG_GS)
        vcpu_raise(v, VEC_UD);
    write_result16(v, u, v->seg[seg].sel);
}

void sys_mov_to_seg(struct vcpu *v, const struct uop *u)
{
    unsigned seg = u->dst & 7;

    if (seg > SEG_GS || seg == SEG_CS)
        vcpu_raise(v, VEC_UD);
    segment_load(v, seg, read_source16(v, u));
    mmu_peek_end(&v->mmu);
    if (seg == SEG_SS)
        v->shadow = v->shadow_ss = true;
}

void sys_load_far_pointer(struct vcpu *v, const struct uop *u)
{
    unsigned size = MIN(u->osize, 4);
    u32 offset = 0;
    u8 m[6];

    mmu_peek_begin(&v->mmu);
    mmu_read_bytes(&v->mmu, vcpu_address(v, u, size + 2, MMU_READ), m, size + 2, u);
    memcpy(&offset, m, size);
    segment_load(v, u->aux & ~SYS_MEM, load_le16(m + size));
    mmu_peek_end(&v->mmu);
    sys_set_reg(v, u->dst, offset, u->osize);
}

/* --- Queries ------------------------------------------------------------------------------------ */

static void set_zf(struct vcpu *v, bool on)
{
    mmu_peek_end(&v->mmu);
    v->cc = on ? v->cc | CC_ZF : v->cc & ~(u32)CC_ZF;
}

/* The descriptor of `sel`, if the program may see it. */
static bool find_visible(struct vcpu *v, u16 sel, struct descriptor *d)
{
    if (selector_is_null(sel) || !descriptor_fetch(v, sel, d) || d->short_table || d->bad_upper)
        return false;
    return descriptor_is_conforming(d) || (d->dpl >= v->cpl && d->dpl >= (sel & 3));
}

void sys_lar(struct vcpu *v, const struct uop *u)
{
    static const u16 legacy =
        1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 9 | 1 << 11 | 1 << 12;
    static const u16 longmode = 1 << 2 | 1 << 9 | 1 << 11 | 1 << 12;
    struct descriptor d;
    bool ok = find_visible(v, read_source16(v, u), &d);

    if (ok && !(d.type & DT_S))
        ok = (vcpu_is_lma(v) ? longmode : legacy) >> d.type & 1;
    if (ok)
        sys_set_reg(v, u->dst, d.rights, u->osize);
    set_zf(v, ok);
}

void sys_lsl(struct vcpu *v, const struct uop *u)
{
    static const u16 legacy = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 9 | 1 << 11;
    static const u16 longmode = 1 << 2 | 1 << 9 | 1 << 11;
    struct descriptor d;
    bool ok = find_visible(v, read_source16(v, u), &d);

    if (ok && !(d.type & DT_S))
        ok = (vcpu_is_lma(v) ? longmode : legacy) >> d.type & 1;
    if (ok)
        sys_set_reg(v, u->dst, d.limit, u->osize);
    set_zf(v, ok);
}

void sys_verr(struct vcpu *v, const struct uop *u)
{
    struct descriptor d;

    set_zf(v, find_visible(v, read_source16(v, u), &d) && descriptor_is_readable(&d));
}

void sys_verw(struct vcpu *v, const struct uop *u)
{
    struct descriptor d;

    set_zf(v, find_visible(v, read_source16(v, u), &d) && descriptor_is_writable_data(&d));
}

void sys_arpl(struct vcpu *v, const struct uop *u)
{
    u16 rpl = v->r[u->dst] & 3;
    gla_t at;
    u16 dst;

    if (!(u->aux & SYS_MEM)) {
        dst = v->r[u->src];
        set_zf(v, (dst & 3) < rpl);
        if ((dst & 3) < rpl)
            sys_set_reg(v, u->src, (dst & ~3u) | rpl, 2);
        return;
    }
    at = vcpu_address(v, u, 2, MMU_READ);
    dst = (u16)mmu_read(&v->mmu, at, 2, u);
    if ((dst & 3) < rpl)
        mmu_write(&v->mmu, vcpu_address(v, u, 2, MMU_WRITE), 2, (dst & ~3u) | rpl, u);
    set_zf(v, (dst & 3) < rpl);
}
