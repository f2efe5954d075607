/* SPDX-License-Identifier: MIT */
/*
 * Handlers of the two-operand and one-operand arithmetic and logic micro-ops.
 *
 * One inline function for each form (alu.h); the families' X-macros make a handler of every
 * combination. Intel SDM vol. 1 §7.3.2, vol. 2.
 */
#include "cpu/alu.h"
#include "cpu/uops.h"

#define HANDLERS(OP, FORM, SIZE, RD, WR)                                                           \
    TWO_SPEEDS(uop_##OP##_##FORM##SIZE, ALU_##FORM(OP, SIZE / 8, true))                            \
    TWO_SPEEDS(uop_##OP##_##FORM##SIZE##_NF, ALU_##FORM(OP, SIZE / 8, false))
FAM_ALU(HANDLERS)
#undef HANDLERS

enum unary { INC, DEC, NEG, NOT };

ALWAYS_INLINE u64 unary(enum unary op, u64 a, unsigned size, bool flags, u32 *cc)
{
    if (flags && op != NOT) {
        u64 r = a;
        *cc = op == INC   ? host_inc(&r, *cc, size)
              : op == DEC ? host_dec(&r, *cc, size)
                          : host_neg(&r, 0, size);
        return r;
    }
    switch (op) {
    case INC: return a + 1;
    case DEC: return a - 1;
    case NEG: return -a;
    default: return ~a;
    }
}

ALWAYS_INLINE bool unary_R(struct vcpu *v, const struct uop *u, enum unary op, unsigned size,
                           bool flags, bool fast)
{
    (void)fast;
    reg_set(v, u->dst, size, unary(op, reg_get(v, u->dst, size), size, flags, &v->cc));
    return true;
}

ALWAYS_INLINE bool unary_M(struct vcpu *v, const struct uop *u, enum unary op, unsigned size,
                           bool flags, bool fast)
{
    u32 cc = v->cc;
    void *p;

    if (!try_rmw(v, u, size, fast, &p))
        return false;
    ram_store(p, size, unary(op, ram_load(p, size), size, flags, &cc));
    end_rmw(v, fast);
    if (flags)
        v->cc = cc;
    return true;
}

#define HANDLERS(OP, FORM, SIZE, RD, WR)                                                           \
    TWO_SPEEDS(uop_##OP##_##FORM##SIZE, unary_##FORM(v, u, OP, SIZE / 8, true, fast))              \
    TWO_SPEEDS(uop_##OP##_##FORM##SIZE##_NF, unary_##FORM(v, u, OP, SIZE / 8, false, fast))
FAM_UNARY(HANDLERS)
