/* SPDX-License-Identifier: MIT */
/*
 * Handlers and helpers of PUSH, POP and the instructions made of them.
 *
 * The stack pointer moves after the last access. Instructions with more than one access probe all
 * of them in the order in which a CPU would find faults, then do them. DEVIATION: PUSH of a segment
 * register writes the whole operand, zero-extended (AMD); some Intel CPUs write 16 bits only. Intel
 * SDM vol. 2, PUSH, POP, ENTER, PUSHA, PUSHF, POPF; vol. 3 §21.3 (virtual-8086), §21.4
 * (protected-mode virtual interrupts).
 */
#include "cpu/exec_int.h"
#include "cpu/stack.h"
#include "cpu/uops.h"
#include "cpu/vme.h"

/* Each returns whether it was done (see TWO_SPEEDS). */
ALWAYS_INLINE bool push_R(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast)
{
    return try_push(v, u, k, v->r[u->src], fast);
}

ALWAYS_INLINE bool push_I(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast)
{
    return try_push(v, u, k, u->imm, fast);
}

ALWAYS_INLINE bool push_M(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast)
{
    unsigned size = stack_osize(u, k);
    gla_t a;

    if (fast)
        return false;
    a = vcpu_address(v, u, size, MMU_READ);
    mmu_probe(&v->mmu, a, size, MMU_READ, u);
    stack_probe_push(v, u, k);
    stack_push(v, u, k, mmu_read(&v->mmu, a, size, u));
    return true;
}

ALWAYS_INLINE bool pop_R(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast)
{
    unsigned size = stack_osize(u, k);
    u64 value;

    if (!try_top(v, u, k, fast, &value))
        return false;
    stack_set(v, u, k, stack_get(v, u, k) + size);
    if (k == ST_64)
        v->r[u->dst] = value;
    else if (k == ST_F32)
        v->r[u->dst] = (u32)value;
    else
        reg_set(v, u->dst, size, value);
    return true;
}

/* An address expression with RSP in it uses the pointer's value after the pop. */
ALWAYS_INLINE bool pop_M(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast)
{
    unsigned size = stack_osize(u, k);
    u64 sp = stack_get(v, u, k);
    u64 offset = vcpu_offset_raw(v, u);
    gla_t from, to;

    if (fast)
        return false;
    from = stack_address(v, u, k, sp, size, MMU_READ);
    if (u->base == R_SP)
        offset += stack_rsp(v, u, k, sp + size) - v->r[R_SP];
    mmu_probe(&v->mmu, from, size, MMU_READ, u);
    to = vcpu_address_at(v, u, offset, size, MMU_WRITE);
    mmu_probe(&v->mmu, to, size, MMU_WRITE, u);
    mmu_write(&v->mmu, to, size, mmu_read(&v->mmu, from, size, u), u);
    stack_set(v, u, k, sp + size);
    return true;
}

ALWAYS_INLINE bool leave(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast)
{
    unsigned size = stack_osize(u, k);
    u64 frame = k == ST_G ? vcpu_cut(v->r[R_BP], u->stack) : v->r[R_BP], value;

    if (fast && k == ST_G)
        return false;
    if (!try_read(v, u, stack_address(v, u, k, frame, size, MMU_READ), size, fast, &value))
        return false;
    stack_set(v, u, k, frame + size);
    reg_set(v, R_BP, size, value);
    return true;
}

#define KIND_64 ST_64
#define KIND_F32 ST_F32
#define KIND_G ST_G
#define DO_PUSH_R push_R
#define DO_PUSH_I push_I
#define DO_PUSH_M push_M
#define DO_POP_R pop_R
#define DO_POP_M pop_M
#define DO_LEAVE leave
#define HANDLER(OP, KIND) TWO_SPEEDS(uop_##OP##_##KIND, DO_##OP(v, u, KIND_##KIND, fast))
FAM_STACK(HANDLER)

/* --- Helpers --------------------------------------------------------------------------------- */

void help_push_seg(struct vcpu *v, const struct uop *u)
{
    stack_push(v, u, ST_G, v->seg[u->aux].sel);
}

void help_pop_seg(struct vcpu *v, const struct uop *u)
{
    u64 sp = stack_get(v, u, ST_G), rsp = stack_rsp(v, u, ST_G, sp + u->osize);

    mmu_peek_begin(&v->mmu); /* the stack's accessed bits belong to the commit */
    segment_load(v, u->aux, (u16)stack_top(v, u, ST_G));
    mmu_peek_end(&v->mmu);
    v->r[R_SP] = rsp;
    if (u->aux == SEG_SS)
        v->shadow = v->shadow_ss = true;
}

void help_pusha(struct vcpu *v, const struct uop *u)
{
    unsigned size = u->osize;
    u64 sp = stack_get(v, u, ST_G), old = v->r[R_SP];

    for (unsigned i = 1; i <= 8; i++)
        mmu_probe(&v->mmu, stack_address(v, u, ST_G, sp - i * size, size, MMU_WRITE), size,
                  MMU_WRITE, u);
    for (unsigned i = 0; i < 8; i++) {
        u64 value = i == R_SP ? old : v->r[i];
        gla_t a = stack_address(v, u, ST_G, sp - (i + 1) * size, size, MMU_WRITE);
        mmu_write(&v->mmu, a, size, value, u);
    }
    stack_set(v, u, ST_G, sp - 8 * size);
}

void help_popa(struct vcpu *v, const struct uop *u)
{
    unsigned size = u->osize;
    u64 sp = stack_get(v, u, ST_G), value[8];

    for (unsigned i = 0; i < 8; i++)
        mmu_probe(&v->mmu, stack_address(v, u, ST_G, sp + i * size, size, MMU_READ), size, MMU_READ,
                  u);
    for (unsigned i = 0; i < 8; i++)
        value[i] =
            mmu_read(&v->mmu, stack_address(v, u, ST_G, sp + i * size, size, MMU_READ), size, u);
    for (unsigned i = 0; i < 8; i++) {
        if (7 - i != R_SP)
            reg_set(v, 7 - i, size, value[i]);
    }
    stack_set(v, u, ST_G, sp + 8 * size);
}

/* imm: bytes of locals; aux: nesting level. */
void help_enter(struct vcpu *v, const struct uop *u)
{
    unsigned size = u->osize, level = u->aux;
    u64 sp = stack_get(v, u, ST_G), bp = vcpu_cut(v->r[R_BP], u->stack);
    u64 frame = sp - size;
    u64 end = sp - size * (level + 1) - u->imm;
    unsigned pushes = level ? level + 1 : 1;

    if (!level)
        end = frame - u->imm;
    for (unsigned i = 1; i < level; i++)
        mmu_probe(&v->mmu, stack_address(v, u, ST_G, bp - i * size, size, MMU_READ), size, MMU_READ,
                  u);
    for (unsigned i = 1; i <= pushes; i++)
        mmu_probe(&v->mmu, stack_address(v, u, ST_G, sp - i * size, size, MMU_WRITE), size,
                  MMU_WRITE, u);
    /* The final stack pointer must be writable, though nothing is written there. */
    mmu_probe(&v->mmu, stack_address(v, u, ST_G, end, size, MMU_WRITE), size, MMU_WRITE, u);

    mmu_write(&v->mmu, stack_address(v, u, ST_G, sp - size, size, MMU_WRITE), size, v->r[R_BP], u);
    for (unsigned i = 1; i < level; i++) {
        u64 link =
            mmu_read(&v->mmu, stack_address(v, u, ST_G, bp - i * size, size, MMU_READ), size, u);
        mmu_write(&v->mmu, stack_address(v, u, ST_G, sp - (i + 1) * size, size, MMU_WRITE), size,
                  link, u);
    }
    if (level) {
        gla_t a = stack_address(v, u, ST_G, sp - (level + 1) * size, size, MMU_WRITE);
        mmu_write(&v->mmu, a, size, stack_rsp(v, u, ST_G, frame), u);
    }
    reg_set(v, R_BP, size, stack_rsp(v, u, ST_G, frame));
    stack_set(v, u, ST_G, end);
}

void help_pushf(struct vcpu *v, const struct uop *u)
{
    bool virtual_if = vme_flags_are_virtual(v, u->osize);
    u32 fl = vcpu_flags(v) & ~(u32)(FL_RF | FL_VM);

    if (virtual_if)
        fl = (fl & ~(u32)FL_IF) | FL_IOPL | (fl & FL_VIF ? FL_IF : 0);
    stack_push(v, u, ST_G, fl);
}

void help_popf(struct vcpu *v, const struct uop *u)
{
    bool virtual_if = vme_flags_are_virtual(v, u->osize);
    u32 old = vcpu_flags(v), popped = (u32)stack_top(v, u, ST_G), fl;
    u32 change = FL_ARITH | FL_TF | FL_DF | FL_NT;

    if (u->osize != 2)
        change |= FL_AC | FL_ID;
    if (virtual_if) {
        popped = vme_popped(v, popped);
        change |= FL_VIF;
    } else {
        if (v->cpl == 0)
            change |= FL_IOPL;
        if (v->cpl <= (old & FL_IOPL) >> 12)
            change |= FL_IF;
    }
    fl = (old & ~change) | (popped & change);
    fl &= ~(u32)FL_RF;
    stack_set(v, u, ST_G, stack_get(v, u, ST_G) + u->osize);
    vcpu_set_flags(v, fl);
    if ((fl ^ old) & (FL_AC | FL_TF | FL_RF))
        vcpu_update_mode(v);
}
