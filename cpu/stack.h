/* SPDX-License-Identifier: MIT */
/*
 * Stack accesses of handlers, in three kinds that lifting chooses between: 64 (64-bit code), F32
 * (flat 32-bit stack, 32-bit operands) and G (everything else: 16-bit stacks, segments that matter,
 * 66 prefixes). Nothing here changes the stack pointer before stack_set(). Intel SDM vol. 1 §6.2.
 */
#ifndef CPU_STACK_H
#define CPU_STACK_H

#include "cpu/operand.h"

enum stack_kind { ST_64, ST_F32, ST_G };

ALWAYS_INLINE unsigned stack_osize(const struct uop *u, enum stack_kind k)
{
    return k == ST_64 ? 8 : k == ST_F32 ? 4 : u->osize;
}

/* The stack pointer, cut to the stack's width. */
ALWAYS_INLINE u64 stack_get(const struct vcpu *v, const struct uop *u, enum stack_kind k)
{
    return k == ST_64 ? v->r[R_SP] : k == ST_F32 ? (u32)v->r[R_SP] : vcpu_cut(v->r[R_SP], u->stack);
}

/* What RSP is when the stack pointer becomes sp. */
ALWAYS_INLINE u64 stack_rsp(const struct vcpu *v, const struct uop *u, enum stack_kind k, u64 sp)
{
    if (k == ST_64 || (k == ST_G && u->stack == 8))
        return sp;
    if (k == ST_F32 || u->stack == 4)
        return (u32)sp;
    return (v->r[R_SP] & ~(u64)0xffff) | (u16)sp;
}

ALWAYS_INLINE void stack_set(struct vcpu *v, const struct uop *u, enum stack_kind k, u64 sp)
{
    v->r[R_SP] = stack_rsp(v, u, k, sp);
}

/* Linear address of `size` bytes at stack offset sp (cut here). */
ALWAYS_INLINE gla_t stack_address(struct vcpu *v, const struct uop *u, enum stack_kind k, u64 sp,
                                  unsigned size, enum mmu_access access)
{
    if (k == ST_64)
        return sp;
    if (k == ST_F32)
        return (u32)sp;
    if (u->stack == 8)
        return sp;
    v->cur = u;
    return vcpu_linear(v, SEG_SS, vcpu_cut(sp, u->stack), size, access);
}

/* Write `value` below the stack pointer and move it: a whole push. Its write is the last access.
 * try_: see TWO_SPEEDS; only the kinds 64 and F32 have a fast one. */
ALWAYS_INLINE bool try_push(struct vcpu *v, const struct uop *u, enum stack_kind k, u64 value,
                            bool fast)
{
    unsigned size = stack_osize(u, k);
    u64 sp = stack_get(v, u, k) - size;

    if (fast && k == ST_G)
        return false;
    if (!try_write(v, u, stack_address(v, u, k, sp, size, MMU_WRITE), size, fast, value))
        return false;
    stack_set(v, u, k, sp);
    return true;
}

ALWAYS_INLINE void stack_push(struct vcpu *v, const struct uop *u, enum stack_kind k, u64 value)
{
    try_push(v, u, k, value, false);
}

/* Make sure that a push will succeed. */
ALWAYS_INLINE void stack_probe_push(struct vcpu *v, const struct uop *u, enum stack_kind k)
{
    unsigned size = stack_osize(u, k);
    u64 sp = stack_get(v, u, k) - size;

    mmu_probe(&v->mmu, stack_address(v, u, k, sp, size, MMU_WRITE), size, MMU_WRITE, u);
}

/* The value at the top of the stack; the pointer stays. */
ALWAYS_INLINE bool try_top(struct vcpu *v, const struct uop *u, enum stack_kind k, bool fast,
                           u64 *value)
{
    unsigned size = stack_osize(u, k);

    if (fast && k == ST_G)
        return false;
    return try_read(v, u, stack_address(v, u, k, stack_get(v, u, k), size, MMU_READ), size, fast,
                    value);
}

ALWAYS_INLINE u64 stack_top(struct vcpu *v, const struct uop *u, enum stack_kind k)
{
    u64 value;

    try_top(v, u, k, false, &value);
    return value;
}

#endif
