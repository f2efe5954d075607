/* SPDX-License-Identifier: MIT */
/*
 * Handlers of multiplication and division.
 *
 * Undefined flags, fixed here: multiplication sets SF, ZF and PF from the low half of the result
 * and clears AF; division changes no flag. #DE is raised before anything changes. Intel SDM vol. 2,
 * MUL, IMUL, DIV, IDIV.
 */
#include "cpu/operand.h"
#include "cpu/uops.h"

typedef unsigned __int128 u128;
typedef __int128 i128;

ALWAYS_INLINE u32 cc_of_product(u64 low, bool overflow, unsigned size)
{
    return cc_szp(low, size) | (overflow ? CC_CF | CC_OF : 0);
}

/* The high and low halves of a product into (E/R)DX and (E/R)AX, or AX for 8 bits. */
ALWAYS_INLINE void set_pair(struct vcpu *v, u64 high, u64 low, unsigned size)
{
    if (size == 1) {
        reg_set(v, R_AX, 2, (low & 0xff) | (high & 0xff) << 8);
        return;
    }
    reg_set(v, R_AX, size, low);
    reg_set(v, R_DX, size, high);
}

ALWAYS_INLINE void mul_any(struct vcpu *v, const struct uop *u, u64 b, unsigned size)
{
    unsigned bits = size * 8;
    u128 p = (u128)reg_get(v, R_AX, size) * b;
    u64 high = (u64)(p >> bits) & mask64(bits);

    (void)u;
    set_pair(v, high, (u64)p, size);
    v->cc = cc_of_product((u64)p, high != 0, size);
}

ALWAYS_INLINE void imul_any(struct vcpu *v, const struct uop *u, u64 b, unsigned size)
{
    unsigned bits = size * 8;
    i128 p = (i128)(i64)sext64(reg_get(v, R_AX, size), bits) * (i64)sext64(b, bits);

    (void)u;
    set_pair(v, (u64)((u128)p >> bits), (u64)p, size);
    v->cc = cc_of_product((u64)p, p != (i64)sext64((u64)p, bits), size);
}

/* The dividend: AX, or the pair of registers. */
ALWAYS_INLINE u128 dividend(const struct vcpu *v, unsigned size)
{
    if (size == 1)
        return reg_get(v, R_AX, 2);
    return (u128)reg_get(v, R_DX, size) << size * 8 | reg_get(v, R_AX, size);
}

ALWAYS_INLINE void div_any(struct vcpu *v, const struct uop *u, u64 b, unsigned size)
{
    u128 a = dividend(v, size);
    u64 q, rem;

    if (!b || (u64)(a >> size * 8) >= b)
        uop_raise(v, u, VEC_DE);
    if (size == 8) {
        asm("divq %4" : "=a"(q), "=d"(rem) : "0"((u64)a), "1"((u64)(a >> 64)), "r"(b) : "cc");
    } else {
        q = (u64)a / b;
        rem = (u64)a % b;
    }
    set_pair(v, rem, q, size);
}

ALWAYS_INLINE void idiv_any(struct vcpu *v, const struct uop *u, u64 b, unsigned size)
{
    unsigned bits = size * 8;
    i64 d = (i64)sext64(b, bits);
    i128 q, rem;

    if (!d)
        uop_raise(v, u, VEC_DE);
    if (size == 8) {
        i128 a = (i128)dividend(v, size);
        /* -2^127 / -1 does not fit even 128 bits. */
        if (d == -1 && a == (i128)((u128)1 << 127))
            uop_raise(v, u, VEC_DE);
        q = a / d;
        rem = a % d;
    } else {
        i64 a = (i64)sext64((u64)dividend(v, size), 2 * bits);
        if (d == -1 && a == INT64_MIN)
            uop_raise(v, u, VEC_DE);
        q = a / d;
        rem = a % d;
    }
    if (q != (i64)sext64((u64)q, bits))
        uop_raise(v, u, VEC_DE);
    set_pair(v, (u64)rem, (u64)q, size);
}

#define SOURCE_R(SIZE) reg_get(v, u->src, SIZE / 8)
#define SOURCE_M(SIZE) mem_get(v, u, SIZE / 8)
#define OF_MUL mul_any
#define OF_IMUL imul_any
#define OF_DIV div_any
#define OF_IDIV idiv_any
#define HANDLER(OP, FORM, SIZE, RD, WR)                                                            \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        OF_##OP(v, u, SOURCE_##FORM(SIZE), SIZE / 8);                                              \
        uop_next(v, u);                                                                            \
    }
FAM_MULDIV(HANDLER)
#undef HANDLER

/* dst = a * b with the flags of a truncated signed product. */
ALWAYS_INLINE void imul_to_reg(struct vcpu *v, const struct uop *u, u64 a, u64 b, unsigned size,
                               bool flags)
{
    unsigned bits = size * 8;

    if (flags) {
        i128 p = (i128)(i64)sext64(a, bits) * (i64)sext64(b, bits);
        v->cc = cc_of_product((u64)p, p != (i64)sext64((u64)p, bits), size);
    }
    reg_set(v, u->dst, size, a * b);
}

#define SECOND_IMUL2(SIZE) reg_get(v, u->dst, SIZE / 8)
#define SECOND_IMUL3(SIZE) u->imm
#define HANDLERS(OP, FORM, SIZE, RD, WR)                                                           \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        imul_to_reg(v, u, SOURCE_##FORM(SIZE), SECOND_##OP(SIZE), SIZE / 8, true);                 \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void uop_##OP##_##FORM##SIZE##_NF(struct vcpu *v, const struct uop *u)                         \
    {                                                                                              \
        imul_to_reg(v, u, SOURCE_##FORM(SIZE), SECOND_##OP(SIZE), SIZE / 8, false);                \
        uop_next(v, u);                                                                            \
    }
FAM_IMUL(HANDLERS)
