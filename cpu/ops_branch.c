/* SPDX-License-Identifier: MIT */
/*
 * Handlers that end a block with a near branch, and software interrupts.
 *
 * A handler sets rip and tells the run loop by `taken` which link to follow. A target outside the
 * CS limit, or not canonical in 64-bit code, raises #GP(0) at the branch itself, before the stack
 * pointer moves. Intel SDM vol. 1 §7.3.8, vol. 2, Jcc, CALL, RET, LOOP, INT n.
 */
#include "cpu/deliver.h"
#include "cpu/exec_int.h"
#include "cpu/lift_int.h"
#include "cpu/stack.h"
#include "cpu/uops.h"
#include "cpu/vme.h"

ALWAYS_INLINE bool is_target(const struct vcpu *v, const struct uop *u, u64 target)
{
    return u->stack == 8 ? vcpu_is_canonical(v, target) : target <= v->seg[SEG_CS].limit;
}

ALWAYS_INLINE void check_target(struct vcpu *v, const struct uop *u, u64 target)
{
    if (unlikely(!is_target(v, u, target)))
        uop_raise_err(v, u, VEC_GP, 0);
}

ALWAYS_INLINE void leave_to(struct vcpu *v, u64 rip, unsigned taken)
{
    v->rip = rip;
    v->taken = taken;
}

ALWAYS_INLINE void leave_if(struct vcpu *v, const struct uop *u, bool taken)
{
    leave_to(v, taken ? u->imm : u->imm2, taken);
}

#define HANDLER(NAME, COND, RD)                                                                    \
    void uop_J##NAME(struct vcpu *v, const struct uop *u)                                          \
    {                                                                                              \
        leave_if(v, u, cc_holds(v->cc, COND));                                                     \
    }
FAM_CONDS(HANDLER)
#undef HANDLER

void uop_jcc_check(struct vcpu *v, const struct uop *u)
{
    bool taken = cc_holds(v->cc, u->aux);

    if (taken)
        check_target(v, u, u->imm);
    leave_if(v, u, taken);
}

void uop_jmp_j(struct vcpu *v, const struct uop *u)
{
    leave_to(v, u->imm, 1);
}

void uop_jmp_check(struct vcpu *v, const struct uop *u)
{
    check_target(v, u, u->imm);
    leave_to(v, u->imm, 1);
}

void uop_jmp_r(struct vcpu *v, const struct uop *u)
{
    u64 target = vcpu_cut(v->r[u->src], u->osize);

    check_target(v, u, target);
    leave_to(v, target, 2);
}

void uop_jmp_m(struct vcpu *v, const struct uop *u)
{
    u64 target = u->osize == 8   ? mem_get(v, u, 8)
                 : u->osize == 4 ? mem_get(v, u, 4)
                                 : mem_get(v, u, 2);

    check_target(v, u, target);
    leave_to(v, target, 2);
}

/* aux: LOOPNE, LOOPE, LOOP, JrCXZ. The address size chooses the counter. */
void uop_loop(struct vcpu *v, const struct uop *u)
{
    u64 count = v->r[R_CX];
    bool zf = v->cc & CC_ZF, taken;

    if (u->aux == 3) {
        taken = vcpu_cut(count, u->asize) == 0;
    } else {
        count = vcpu_cut(count - 1, u->asize);
        taken = count && (u->aux == 2 || zf == (u->aux == 1));
    }
    if (taken)
        check_target(v, u, u->imm);
    if (u->aux != 3)
        v->r[R_CX] = u->asize == 2 ? (v->r[R_CX] & ~(u64)0xffff) | count : count;
    leave_if(v, u, taken);
}

/* --- CALL and RET ---------------------------------------------------------------------------- */

/* Each returns whether it was done (see TWO_SPEEDS). */
ALWAYS_INLINE bool call_J(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast)
{
    if (k == ST_G && !fast)
        check_target(v, u, u->imm);
    if (!try_push(v, u, k, u->imm2, fast))
        return false;
    leave_to(v, u->imm, 1);
    return true;
}

ALWAYS_INLINE bool call_to(struct vcpu *v, const struct uop *u, u64 target, enum stack_kind k,
                           bool fast)
{
    if (!fast)
        check_target(v, u, target);
    else if (unlikely(!is_target(v, u, target)))
        return false;
    if (!try_push(v, u, k, u->imm2, fast))
        return false;
    leave_to(v, target, 2);
    return true;
}

ALWAYS_INLINE bool call_R(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast)
{
    return call_to(v, u, vcpu_cut(v->r[u->src], stack_osize(u, k)), k, fast);
}

ALWAYS_INLINE bool call_M(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast)
{
    unsigned size = stack_osize(u, k);
    gla_t a;

    if (fast)
        return false;
    a = vcpu_address(v, u, size, MMU_READ);
    mmu_probe(&v->mmu, a, size, MMU_READ, u);
    stack_probe_push(v, u, k);
    return call_to(v, u, mmu_read(&v->mmu, a, size, u), k, false);
}

/* imm: bytes of parameters to release. */
ALWAYS_INLINE bool ret(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast)
{
    u64 target;

    if (!try_top(v, u, k, fast, &target))
        return false;
    if (!fast)
        check_target(v, u, target);
    else if (unlikely(!is_target(v, u, target)))
        return false;
    stack_set(v, u, k, stack_get(v, u, k) + stack_osize(u, k) + u->imm);
    leave_to(v, target, 2);
    return true;
}

#define KIND_64 ST_64
#define KIND_F32 ST_F32
#define KIND_G ST_G
#define DO_CALL_J call_J
#define DO_CALL_R call_R
#define DO_CALL_M call_M
#define DO_RET ret
#define HANDLER(OP, KIND) TWO_SPEEDS_LAST(uop_##OP##_##KIND, DO_##OP(v, u, KIND_##KIND, fast))
FAM_STACK_BRANCH(HANDLER)

/* --- Interrupts and PAUSE -------------------------------------------------------------------- */

void uop_pause(struct vcpu *v, const struct uop *u)
{
    leave_to(v, u->imm, 0);
    vcpu_pause(v);
}

/* INT3, INTO, INT1 never look at IOPL; INT n in virtual-8086 mode does, and may stay there. The
 * handler is entered inside the instruction, so a fault on the way is the instruction's own. */
void help_int(struct vcpu *v, const struct uop *u)
{
    u64 next = vcpu_next_rip(v, u);

    switch (u->aux) {
    case INT_3: deliver_software(v, VEC_BP, next, false); break;
    case INT_O:
        if (v->cc & CC_OF)
            deliver_software(v, VEC_OF, next, false);
        else
            v->rip = next;
        break;
    case INT_1: deliver_software(v, VEC_DB, next, true); break;
    default:
        if (!vcpu_is_v86(v) || !vme_int(v, (u8)u->imm, next))
            deliver_software(v, (u8)u->imm, next, false);
        break;
    }
}
