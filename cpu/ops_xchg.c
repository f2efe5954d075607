/* SPDX-License-Identifier: MIT */
/*
 * Handlers of exchanges and of read-modify-writes under LOCK.
 *
 * A locked operation is the host's own locked instruction on the guest's memory (mmu_rmw_begin
 * returns where it lies), so it is atomic against every other vCPU. What is not locked loads and
 * stores. CMPXCHG writes its destination in either case, as the manual says; flags are computed
 * before the commit and set after it. Intel SDM vol. 3 §9.1.2.
 */
#include "cpu/exec_int.h"
#include "cpu/operand.h"
#include "cpu/uops.h"

/* Atomic operations on a host operand of 1, 2, 4, 8 bytes; they return what was there. */
#define LOCKED(name, type_builtin, ordered_result)                                                 \
    ALWAYS_INLINE u64 name(void *p, u64 b, unsigned size)                                          \
    {                                                                                              \
        if (ram_is_ordered()) {                                                                    \
            u64 old = ram_load(p, size);                                                           \
            ram_store(p, size, ordered_result);                                                    \
            return old;                                                                            \
        }                                                                                          \
        switch (size) {                                                                            \
        case 1: return type_builtin((u8 *)p, (u8)b, __ATOMIC_SEQ_CST);                             \
        case 2: return type_builtin((u16 *)p, (u16)b, __ATOMIC_SEQ_CST);                           \
        case 4: return type_builtin((u32 *)p, (u32)b, __ATOMIC_SEQ_CST);                           \
        default: return type_builtin((u64 *)p, b, __ATOMIC_SEQ_CST);                               \
        }                                                                                          \
    }
LOCKED(locked_xchg, __atomic_exchange_n, b)
LOCKED(locked_add, __atomic_fetch_add, old + b)
#undef LOCKED

/* Replace `old` by `new` if it is there; *old becomes what was there. */
ALWAYS_INLINE bool locked_cmpxchg(void *p, u64 *old, u64 new, unsigned size)
{
    bool ok;

    if (ram_is_ordered()) {
        u64 there = ram_load(p, size);

        ok = there == (*old & mask64(8 * size));
        *old = there;
        if (ok)
            ram_store(p, size, new);
        return ok;
    }
    switch (size) {
    case 1: {
        u8 o = (u8)*old;
        ok = __atomic_compare_exchange_n((u8 *)p, &o, (u8) new, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
        *old = o;
        return ok;
    }
    case 2: {
        u16 o = (u16)*old;
        ok = __atomic_compare_exchange_n((u16 *)p, &o, (u16) new, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
        *old = o;
        return ok;
    }
    case 4: {
        u32 o = (u32)*old;
        ok = __atomic_compare_exchange_n((u32 *)p, &o, (u32) new, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
        *old = o;
        return ok;
    }
    default:
        return __atomic_compare_exchange_n((u64 *)p, old, new, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    }
}

/* --- XCHG, XADD, CMPXCHG --------------------------------------------------------------------- */

ALWAYS_INLINE void xchg_R(struct vcpu *v, const struct uop *u, unsigned size)
{
    u64 a = reg_get(v, u->dst, size), b = reg_get(v, u->src, size);

    reg_set(v, u->dst, size, b);
    reg_set(v, u->src, size, a);
}

ALWAYS_INLINE void xchg_L(struct vcpu *v, const struct uop *u, unsigned size)
{
    void *p = mem_rmw(v, u, size);
    u64 a = locked_xchg(p, reg_get(v, u->src, size), size);

    mmu_rmw_end(&v->mmu);
    reg_set(v, u->src, size, a);
}

ALWAYS_INLINE void xadd_R(struct vcpu *v, const struct uop *u, unsigned size)
{
    u64 a = reg_get(v, u->dst, size), sum = a;

    v->cc = host_add(&sum, reg_get(v, u->src, size), 0, size);
    reg_set(v, u->src, size, a);
    reg_set(v, u->dst, size, sum);
}

ALWAYS_INLINE void xadd_mem(struct vcpu *v, const struct uop *u, unsigned size, bool lock)
{
    void *p = mem_rmw(v, u, size);
    u64 b = reg_get(v, u->src, size), a, sum;

    if (lock) {
        a = locked_add(p, b, size);
    } else {
        a = ram_load(p, size);
        ram_store(p, size, a + b);
    }
    mmu_rmw_end(&v->mmu);
    sum = a;
    v->cc = host_add(&sum, b, 0, size);
    reg_set(v, u->src, size, a);
}

ALWAYS_INLINE void xadd_M(struct vcpu *v, const struct uop *u, unsigned size)
{
    xadd_mem(v, u, size, false);
}

ALWAYS_INLINE void xadd_L(struct vcpu *v, const struct uop *u, unsigned size)
{
    xadd_mem(v, u, size, true);
}

/* What is left of CMPXCHG when the destination held `old`: flags, and the accumulator if it
 * differed. */
ALWAYS_INLINE void cmpxchg_finish(struct vcpu *v, u64 old, unsigned size)
{
    u64 acc = reg_get(v, R_AX, size), diff = acc;

    v->cc = host_sub(&diff, old, 0, size);
    if (acc != old)
        reg_set(v, R_AX, size, old);
}

ALWAYS_INLINE void cmpxchg_R(struct vcpu *v, const struct uop *u, unsigned size)
{
    u64 old = reg_get(v, u->dst, size);
    bool equal = reg_get(v, R_AX, size) == old;
    u64 value = equal ? reg_get(v, u->src, size) : old;

    cmpxchg_finish(v, old, size);
    /* The destination is written in the equal case alone: AL may be the destination too. */
    if (equal)
        reg_set(v, u->dst, size, value);
}

ALWAYS_INLINE void cmpxchg_M(struct vcpu *v, const struct uop *u, unsigned size)
{
    void *p = mem_rmw(v, u, size);
    u64 old = ram_load(p, size);

    ram_store(p, size, reg_get(v, R_AX, size) == old ? reg_get(v, u->src, size) : old);
    mmu_rmw_end(&v->mmu);
    cmpxchg_finish(v, old, size);
}

ALWAYS_INLINE void cmpxchg_L(struct vcpu *v, const struct uop *u, unsigned size)
{
    void *p = mem_rmw(v, u, size);
    u64 old = reg_get(v, R_AX, size);

    locked_cmpxchg(p, &old, reg_get(v, u->src, size), size);
    mmu_rmw_end(&v->mmu);
    cmpxchg_finish(v, old, size);
}

/* Register names are stored in one byte each: 8-bit accumulators are named by offset 0, which is
 * R_AX too. */
#define OF_XCHG xchg
#define OF_CMPXCHG cmpxchg
#define OF_XADD xadd
#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)
#define HANDLER(OP, FORM, SIZE, RD, WR)                                                            \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        JOIN(OF_##OP, FORM)(v, u, SIZE / 8);                                                       \
        uop_next(v, u);                                                                            \
    }
FAM_XCHG(HANDLER)
#undef HANDLER

/* --- LOCK ADD and its like ------------------------------------------------------------------- */

enum alu { ADD, OR, ADC, SBB, AND, SUB, XOR, INC, DEC, NEG, NOT };

ALWAYS_INLINE u64 locked_result(enum alu op, u64 a, u64 b, unsigned size, u32 *cc)
{
    switch (op) {
    case ADD: *cc = host_add(&a, b, 0, size); break;
    case OR: *cc = host_or(&a, b, 0, size) & ~CC_AF; break;
    case ADC: *cc = host_adc(&a, b, *cc, size); break;
    case SBB: *cc = host_sbb(&a, b, *cc, size); break;
    case AND: *cc = host_and(&a, b, 0, size) & ~CC_AF; break;
    case SUB: *cc = host_sub(&a, b, 0, size); break;
    case XOR: *cc = host_xor(&a, b, 0, size) & ~CC_AF; break;
    case INC: *cc = host_inc(&a, *cc, size); break;
    case DEC: *cc = host_dec(&a, *cc, size); break;
    case NEG: *cc = host_neg(&a, 0, size); break;
    default: a = ~a; break;
    }
    return a;
}

/* Compute, and replace what was there if it is still there, until it is. */
ALWAYS_INLINE void locked_op(struct vcpu *v, const struct uop *u, enum alu op, unsigned size)
{
    void *p = mem_rmw(v, u, size);
    u64 b = u->aux ? u->imm : reg_get(v, u->src, size);
    u64 old = ram_load(p, size), new;
    u32 cc;

    do {
        cc = v->cc;
        new = locked_result(op, old, b, size, &cc);
    } while (!locked_cmpxchg(p, &old, new, size));
    mmu_rmw_end(&v->mmu);
    v->cc = cc;
}

#define HANDLER(OP, SIZE)                                                                          \
    void uop_LOCK_##OP##SIZE(struct vcpu *v, const struct uop *u)                                  \
    {                                                                                              \
        locked_op(v, u, OP, SIZE / 8);                                                             \
        uop_next(v, u);                                                                            \
    }
#define HANDLERS(OP)                                                                               \
    HANDLER(OP, 8)                                                                                 \
    HANDLER(OP, 16)                                                                                \
    HANDLER(OP, 32)                                                                                \
    HANDLER(OP, 64)
HANDLERS(ADD)
HANDLERS(OR)
HANDLERS(ADC)
HANDLERS(SBB)
HANDLERS(AND)
HANDLERS(SUB)
HANDLERS(XOR)
HANDLERS(INC)
HANDLERS(DEC)
HANDLERS(NEG)
HANDLERS(NOT)

/* --- CMPXCHG8B, CMPXCHG16B -------------------------------------------------------------------
     */

/* Always done as a locked access: nobody can tell the difference. */
void help_cmpxchg8b(struct vcpu *v, const struct uop *u)
{
    u64 old = (u32)v->r[R_AX] | v->r[R_DX] << 32;
    u64 new = (u32)v->r[R_BX] | v->r[R_CX] << 32;
    void *p = mmu_rmw_begin(&v->mmu, vcpu_address(v, u, 8, MMU_RMW), 8, u);
    bool equal = locked_cmpxchg(p, &old, new, 8);

    mmu_rmw_end(&v->mmu);
    v->cc = (v->cc & ~(u32)CC_ZF) | (equal ? CC_ZF : 0);
    if (!equal) {
        v->r[R_AX] = (u32)old;
        v->r[R_DX] = old >> 32;
    }
}

void help_cmpxchg16b(struct vcpu *v, const struct uop *u)
{
    gla_t a = vcpu_address(v, u, 16, MMU_RMW);
    u64 low = v->r[R_AX], high = v->r[R_DX];
    bool equal;
    void *p;

    if (a & 15)
        uop_raise_err(v, u, VEC_GP, 0);
    p = mmu_rmw_begin(&v->mmu, a, 16, u);
    if (ram_is_ordered()) { /* to be seen */
        ram_store(p, 8, ram_load(p, 8));
        ram_store((u8 *)p + 8, 8, ram_load((u8 *)p + 8, 8));
    }
    asm volatile("lock cmpxchg16b %1"
                 : "=@ccz"(equal), "+m"(*(unsigned __int128 *)p), "+a"(low), "+d"(high)
                 : "b"(v->r[R_BX]), "c"(v->r[R_CX])
                 : "memory");
    mmu_rmw_end(&v->mmu);
    v->cc = (v->cc & ~(u32)CC_ZF) | (equal ? CC_ZF : 0);
    if (!equal) {
        v->r[R_AX] = low;
        v->r[R_DX] = high;
    }
}
