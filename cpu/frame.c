/* SPDX-License-Identifier: MIT */
/*
 * Stack frames of the processor (see frame.h). The width of the stack pointer comes from the stack segment's B
 * flag, or is 64 bits; a 16- or 32-bit stack pointer wraps within its width, and a value that would lie across
 * the wrap is a limit violation.
 * Intel SDM vol. 3 §6.12.1, §6.14.2-§6.14.4.
 */
#include "cpu/frame.h"

#include "src/base/check.h"

void frame_begin_at(struct frame *f, const struct segreg *ss, u64 sp, bool wide, unsigned cpl,
                    u32 error)
{
    f->ss = *ss;
    f->sp = sp;
    f->wide = wide;
    f->user = cpl == 3;
    f->error = error;
    f->n = 0;
}

void frame_begin(struct vcpu *v, struct frame *f, u32 error)
{
    frame_begin_at(f, &v->seg[SEG_SS], v->r[R_SP], vcpu_is_code64(v), v->cpl, error);
}

static u64 cut(const struct frame *f, u64 sp)
{
    return f->wide ? sp : f->ss.db ? (u32)sp : (u16)sp;
}

/* Linear address of [sp, sp + size) on the frame's stack. */
static gla_t address(struct vcpu *v, const struct frame *f, u64 sp, unsigned size,
                     enum mmu_access access)
{
    const struct segreg *s = &f->ss;
    u64 last = sp + size - 1;
    bool ok;

    if (f->wide) {
        if (!vcpu_is_canonical(v, sp) || !vcpu_is_canonical(v, last))
            vcpu_raise_err(v, VEC_SS, f->error);
        return sp;
    }
    if (!s->usable)
        ok = false;
    else if ((s->type & 0xc) == 4) /* expand-down data */
        ok = sp > s->limit && last <= (s->db ? 0xffffffffu : 0xffffu);
    else
        ok = last <= s->limit;
    if (ok && access == MMU_WRITE && vcpu_is_pe(v) && !vcpu_is_v86(v))
        ok = (s->type & 0xa) == 2;
    if (!ok)
        vcpu_raise_err(v, VEC_SS, f->error);
    return (u32)(s->base + sp);
}

void frame_push(struct vcpu *v, struct frame *f, u64 value, unsigned size)
{
    u64 sp = cut(f, f->sp - size);
    gla_t a = address(v, f, sp, size, MMU_WRITE);

    CHECK(f->n < FRAME_MAX);
    mmu_as_probe(&v->mmu, f->user, a, size, MMU_WRITE, v->cur);
    f->push[f->n].gla = a;
    f->push[f->n].value = value & mask64(size * 8);
    f->push[f->n].size = size;
    f->n++;
    f->sp = sp;
}

u64 frame_pop(struct vcpu *v, struct frame *f, unsigned size)
{
    u64 sp = cut(f, f->sp);
    u64 value = mmu_as_read(&v->mmu, f->user, address(v, f, sp, size, MMU_READ), size, v->cur);

    f->sp = cut(f, sp + size);
    return value;
}

void frame_skip(struct frame *f, unsigned bytes)
{
    f->sp = cut(f, f->sp + bytes);
}

void frame_commit(struct vcpu *v, const struct frame *f)
{
    for (unsigned i = 0; i < f->n; i++)
        mmu_as_write(&v->mmu, f->user, f->push[i].gla, f->push[i].size, f->push[i].value, v->cur);
}

u64 frame_sp(const struct frame *f, u64 old)
{
    if (f->wide)
        return f->sp;
    return f->ss.db ? (u32)f->sp : (old & ~0xffffull) | (u16)f->sp;
}
