/* SPDX-License-Identifier: MIT */
/*
 * The digest of a vCPU (see digest.h). What is left out is either derived from the rest (mode, caches) or not a function
 * of the position: whether an armed MONITOR line has been written yet, wake-ups, statistics.
 */
#include "cpu/digest.h"

#include "cpu/lapic.h"
#include "cpu/msr.h"

static u64 fold_segment(u64 h, const struct segreg *s)
{
    u64 attributes = s->type | (u64)s->dpl << 8 | s->l << 10 | s->db << 11 | s->g << 12 |
                     s->p << 13 | s->avl << 14;

    h = digest_fold(h, s->sel | (u64)s->limit << 32);
    h = digest_fold(h, s->base);
    return digest_fold(h, s->usable ? attributes | BIT(32) : 0);
}

static u64 fold_fpu(u64 h, const struct fpu *f)
{
    for (unsigned i = 0; i < 8; i++)
        h = digest_fold(digest_fold(h, f->st[i].mant), f->st[i].se);
    h = digest_fold(h, f->top | f->tag << 8 | (u64)f->cw << 16 | (u64)f->sw << 32 |
                           (u64)f->opcode << 48);
    h = digest_fold(digest_fold(h, f->ip), f->dp);
    h = digest_fold(digest_fold(h, f->cs | (u64)f->ds << 16 | (u64)f->mxcsr << 32), f->ferr);
    for (unsigned i = 0; i < 16; i++)
        h = digest_fold(digest_fold(h, f->xmm[i].q[0]), f->xmm[i].q[1]);
    return h;
}

u64 vcpu_digest(const struct vcpu *v)
{
    u64 h = v->id + 1;

    for (unsigned i = 0; i < 16; i++)
        h = digest_fold(h, v->r[i]);
    h = digest_fold(digest_fold(h, v->rip), vcpu_flags(v));
    for (unsigned i = 0; i <= SEG_TR; i++)
        h = fold_segment(h, &v->seg[i]);
    h = digest_fold(digest_fold(digest_fold(h, v->cr0), v->cr2), v->cr3);
    h = digest_fold(digest_fold(digest_fold(h, v->cr4), v->cr8), v->xcr0);
    h = digest_fold(h, v->pkru);
    h = digest_fold(digest_fold(h, v->gdt.base), v->gdt.limit);
    h = digest_fold(digest_fold(h, v->idt.base), v->idt.limit);
    for (unsigned i = 0; i < 4; i++)
        h = digest_fold(h, v->dr[i]);
    h = digest_fold(digest_fold(h, v->dr6), v->dr7);
    h = fold_fpu(h, &v->fpu);
    h = msr_digest(v, h);
    h = digest_fold(h, v->cpl | v->shadow << 8 | v->nmi_blocked << 9 | v->nmi_pending << 10 |
                           v->shadow_ss << 11 | v->fault_pending << 12 | (u64)v->activity << 16);
    h = digest_fold(h, v->pending_db);
    return lapic_digest(v, h);
}
