/* SPDX-License-Identifier: MIT */
/*
 * Fast system calls: SYSCALL and SYSRET as AMD defines them (in every mode), SYSENTER and SYSEXIT, which AMD's
 * processors know in legacy mode alone. Segments get fixed contents; no descriptor is read.
 *
 * SYSRET leaves SS's attributes as they are, as AMD's processors do, and does not check RCX: a non-canonical one
 * faults at the next fetch.
 * AMD APM vol. 3 SYSCALL, SYSRET, SYSENTER, SYSEXIT; vol. 2 §6.1.
 */
#include "cpu/debug.h"
#include "cpu/gate.h"
#include "cpu/sys.h"

/* A flat segment of 4 GiB. */
static void set_flat(struct segreg *s, u16 sel, unsigned type, unsigned dpl, bool l)
{
    *s = (struct segreg){
        .sel = sel,
        .usable = true,
        .type = DT_S | DT_ACCESSED | type,
        .dpl = dpl,
        .l = l,
        .db = !l,
        .g = true,
        .p = true,
        .limit = 0xffffffff,
    };
}

/* Where SYSCALL masks the flags and SYSRET restores them, TF counts as it is behind the instruction: a masked one owes no trap, a
 * restored one owes it at once. */
static void settle_tf(struct vcpu *v)
{
    v->step_tf = false;
    if (!(v->rflags & FL_TF))
        return;
    v->pending_db |= DR6_BS;
    v->debugctl &= ~(u64)DEBUGCTL_BTF;
}

static void set_level(struct vcpu *v, unsigned cpl, u64 rip)
{
    v->cpl = cpl;
    v->rip = rip;
    vcpu_update_mode(v);
}

void sys_syscall(struct vcpu *v, const struct uop *u)
{
    u16 cs = v->star >> 32;
    u64 rip;

    if (!(v->efer & EFER_SCE))
        vcpu_raise(v, VEC_UD);
    if (vcpu_is_lma(v)) {
        rip = vcpu_is_code64(v) ? v->lstar : v->cstar;
        v->r[R_CX] = vcpu_next_rip(v, u);
        v->r[11] = vcpu_flags(v) & ~(u32)FL_RF;
        vcpu_set_flags(v, vcpu_flags(v) & ~(u32)(v->sfmask | FL_RF));
        settle_tf(v);
    } else {
        rip = (u32)v->star;
        v->r[R_CX] = (u32)vcpu_next_rip(v, u);
        v->rflags &= ~(u32)(FL_VM | FL_IF | FL_RF);
    }
    set_flat(&v->seg[SEG_CS], cs & 0xfffc, DT_CODE | DT_RW, 0, vcpu_is_lma(v));
    set_flat(&v->seg[SEG_SS], (cs & 0xfffc) + 8, DT_RW, 0, false);
    set_level(v, 0, rip);
}

void sys_sysret(struct vcpu *v, const struct uop *u)
{
    u16 base = v->star >> 48;
    bool wide = vcpu_is_code64(v) && u->osize == 8;
    u64 rip = wide ? v->r[R_CX] : (u32)v->r[R_CX];

    if (!(v->efer & EFER_SCE))
        vcpu_raise(v, VEC_UD);
    if (!vcpu_is_pe(v) || v->cpl != 0)
        vcpu_raise_err(v, VEC_GP, 0);
    if (vcpu_is_code64(v)) {
        vcpu_set_flags(v, v->r[11] & 0x3c7fd7); /* RF = VM = 0 */
        settle_tf(v);
    } else {
        v->rflags |= FL_IF;
    }
    set_flat(&v->seg[SEG_CS], (wide ? base + 16 : base) | 3, DT_CODE | DT_RW, 3, wide);
    v->seg[SEG_SS].sel = (base + 8) | 3;
    set_level(v, 3, rip);
}

void sys_sysenter(struct vcpu *v, const struct uop *u)
{
    u16 cs = v->sysenter_cs & 0xfffc;

    (void)u;
    if (vcpu_is_lma(v))
        vcpu_raise(v, VEC_UD);
    if (!vcpu_is_pe(v) || !cs)
        vcpu_raise_err(v, VEC_GP, 0);
    v->rflags &= ~(u32)(FL_VM | FL_IF | FL_RF);
    v->r[R_SP] = (u32)v->sysenter_esp;
    set_flat(&v->seg[SEG_CS], cs, DT_CODE | DT_RW, 0, false);
    set_flat(&v->seg[SEG_SS], cs + 8, DT_RW, 0, false);
    set_level(v, 0, (u32)v->sysenter_eip);
}

void sys_sysexit(struct vcpu *v, const struct uop *u)
{
    u16 cs = v->sysenter_cs & 0xfffc;

    (void)u;
    /* AMD's processors, which have it in legacy mode only, look at the privilege first. */
    if (!vcpu_is_pe(v) || v->cpl != 0)
        vcpu_raise_err(v, VEC_GP, 0);
    if (vcpu_is_lma(v))
        vcpu_raise(v, VEC_UD);
    if (!cs)
        vcpu_raise_err(v, VEC_GP, 0);
    v->r[R_SP] = (u32)v->r[R_CX];
    set_flat(&v->seg[SEG_CS], (cs + 16) | 3, DT_CODE | DT_RW, 3, false);
    set_flat(&v->seg[SEG_SS], (cs + 24) | 3, DT_RW, 3, false);
    set_level(v, 3, (u32)v->r[R_DX]);
}
