/* SPDX-License-Identifier: MIT */
/*
 * x87 transcendental instructions: special operands by the manual's tables, all others by
 * x87_math.c.
 *
 * Choices where the manuals leave one: C1 is the rounding of the value that is computed last (the
 * cosine of FSINCOS, the tangent of FPTAN); F2XM1 outside [-1, 1] leaves a finite operand unchanged
 * and sets PE; FYL2XP1 is y*log2(x+1) for every x > -1. FSIN and its like set C2 and do nothing for
 * |x| >= 2^63. Intel SDM vol. 2 tables 3-21 (F2XM1), 3-30 (FPATAN), 3-57, 3-58 (FYL2X, FYL2XP1),
 * FSIN, FCOS, FPTAN.
 */
#include "cpu/uops.h"
#include "cpu/x87.h"

/* Operands that no function computes with: NaNs, unsupported ones. An addition on the host yields
 * the manual's result. */
static bool propagates(struct vcpu *v, struct f80 *r, struct f80 a, struct f80 b, unsigned *flags)
{
    if (MAX(f80_classify(a), f80_classify(b)) < F80_QNAN)
        return false;
    *r = a;
    *flags = x87_host_arith(r, &b, ARITH_ADD, &v->fpu);
    return true;
}

static unsigned invalid(struct f80 *r)
{
    *r = f80_indefinite();
    return SW_IE;
}

static unsigned denormal_flag(struct f80 a)
{
    return f80_classify(a) == F80_DENORMAL ? SW_DE : 0;
}

/* Would the operand's DE be an unmasked fault? Then nothing else is to be computed or flagged. */
static bool denormal_faults(const struct vcpu *v, unsigned flags)
{
    return flags & ~(unsigned)v->fpu.cw & SW_DE;
}

/* --- FSIN, FCOS, FSINCOS, FPTAN --------------------------------------------------------------- */

/* |a| >= 2^63, finite. */
static bool is_out_of_range(struct f80 a)
{
    return f80_exp(a) >= F80_BIAS + 63 && f80_classify(a) == F80_NORMAL;
}

static unsigned trigonometric(struct vcpu *v, struct f80 *r, enum x87_function f, struct f80 a)
{
    unsigned flags;

    if (propagates(v, r, a, a, &flags))
        return flags;
    switch (f80_classify(a)) {
    case F80_INF: return invalid(r);
    case F80_ZERO: *r = f == X87_COS ? f80_one(false) : a; return 0;
    default: break;
    }
    flags = denormal_flag(a);
    if (denormal_faults(v, flags))
        return flags;
    return flags | x87_math(r, f, a, a, v->fpu.cw);
}

/* The functions with one result (second: none) or two: ST(0) becomes the first, the second is
 * pushed. */
static void trigonometric_op(struct vcpu *v, const struct uop *u, enum x87_function f, bool two)
{
    struct f80 a = *x87_st(v, 0), first, second = f80_one(false);
    unsigned flags;

    x87_begin(v, u);
    x87_note(v, u);
    if (x87_is_empty(v, 0) || (two && !x87_is_empty(v, 7))) {
        flags = x87_is_empty(v, 0) ? X87_UNDERFLOW : X87_OVERFLOW;
        first = second = f80_indefinite();
    } else if (is_out_of_range(a)) {
        x87_raise(v, 0);
        v->fpu.sw |= SW_C2;
        return;
    } else {
        flags = trigonometric(v, &first, f, a);
        if (f80_classify(first) >= F80_QNAN && (flags & SW_IE || f80_classify(a) == F80_QNAN)) {
            second = first;
        } else if (two && f == X87_SIN) {
            flags &= ~(unsigned)SW_C1;
            flags |= trigonometric(v, &second, X87_COS, a);
        }
    }
    v->fpu.sw &= ~SW_C2;
    if (!x87_raise(v, flags))
        return;
    x87_set(v, 0, first);
    if (two)
        x87_push(v, second);
}

void uop_x87_fsin(struct vcpu *v, const struct uop *u)
{
    trigonometric_op(v, u, X87_SIN, false);
    uop_next(v, u);
}

void uop_x87_fcos(struct vcpu *v, const struct uop *u)
{
    trigonometric_op(v, u, X87_COS, false);
    uop_next(v, u);
}

void uop_x87_fsincos(struct vcpu *v, const struct uop *u)
{
    trigonometric_op(v, u, X87_SIN, true);
    uop_next(v, u);
}

void uop_x87_fptan(struct vcpu *v, const struct uop *u)
{
    trigonometric_op(v, u, X87_TAN, true);
    uop_next(v, u);
}

/* --- F2XM1 ------------------------------------------------------------------------------------ */

static unsigned exp2m1(struct vcpu *v, struct f80 *r, struct f80 a)
{
    unsigned flags;

    if (propagates(v, r, a, a, &flags))
        return flags;
    *r = a;
    if (f80_classify(a) == F80_INF) {
        *r = f80_sign(a) ? f80_one(true) : a;
        return 0;
    }
    if (f80_exp(a) >= F80_BIAS) {
        bool one = f80_exp(a) == F80_BIAS && a.mant == F80_INTEGER_BIT;
        if (one && f80_sign(a))
            r->se--; /* 2^-1 - 1 */
        return one ? 0 : SW_PE;
    }
    if (f80_classify(a) == F80_ZERO)
        return 0;
    flags = denormal_flag(a);
    if (denormal_faults(v, flags))
        return flags;
    return flags | x87_math(r, X87_EXP2M1, a, a, v->fpu.cw);
}

void uop_x87_f2xm1(struct vcpu *v, const struct uop *u)
{
    struct f80 r = f80_indefinite();
    unsigned flags = X87_UNDERFLOW;

    x87_begin(v, u);
    x87_note(v, u);
    if (!x87_is_empty(v, 0))
        flags = exp2m1(v, &r, *x87_st(v, 0));
    if (x87_raise(v, flags))
        x87_set(v, 0, r);
    uop_next(v, u);
}

/* --- FPATAN, FYL2X, FYL2XP1: x in ST(0), y in ST(1) ------------------------------------------- */

typedef unsigned binary_function(struct vcpu *v, struct f80 *r, struct f80 x, struct f80 y);

/* atan2 of a few exact ratios, scaled to be finite: for infinities (|y| or |x| infinite) 1 stands
 * for infinity and 0 for what is finite beside it. */
static unsigned arctangent(struct vcpu *v, struct f80 *r, struct f80 x, struct f80 y)
{
    unsigned flags = denormal_flag(x) | denormal_flag(y);

    if (f80_classify(x) == F80_INF || f80_classify(y) == F80_INF) {
        x = f80_classify(x) == F80_INF ? f80_one(f80_sign(x)) : f80_zero(f80_sign(x));
        y = f80_classify(y) == F80_INF ? f80_one(f80_sign(y)) : f80_zero(f80_sign(y));
    }
    if (denormal_faults(v, flags))
        return flags;
    if (f80_classify(y) == F80_ZERO && !f80_sign(x)) {
        *r = f80_zero(f80_sign(y));
        return flags;
    }
    return flags | x87_math(r, X87_ATAN, x, y, v->fpu.cw);
}

/* y * l, where l = log2 of something is infinite or an exact zero. */
static unsigned times_special(struct f80 *r, struct f80 y, bool infinite, bool negative)
{
    enum f80_class c = f80_classify(y);
    bool sign = f80_sign(y) ^ negative;

    if (c == (infinite ? F80_ZERO : F80_INF))
        return invalid(r);
    *r = infinite ? f80_inf(sign) : f80_zero(sign);
    return denormal_flag(y);
}

/* y * log2(z), z finite, positive, not 1; `above`: z > 1. */
static unsigned times_log(struct vcpu *v, struct f80 *r, enum x87_function f, struct f80 x,
                          struct f80 y, bool above)
{
    unsigned flags = denormal_flag(x) | denormal_flag(y);
    enum f80_class c = f80_classify(y);

    if (c == F80_INF || c == F80_ZERO) {
        bool sign = f80_sign(y) ^ !above;
        *r = c == F80_INF ? f80_inf(sign) : f80_zero(sign);
        return flags;
    }
    if (denormal_faults(v, flags))
        return flags;
    return flags | x87_math(r, f, x, y, v->fpu.cw);
}

/* y * log2(0): a division by zero for a finite y. */
static unsigned times_log_of_zero(struct vcpu *v, struct f80 *r, struct f80 y)
{
    unsigned flags = times_special(r, y, true, true);

    (void)v;
    if (f80_classify(y) == F80_NORMAL || f80_classify(y) == F80_DENORMAL)
        flags = SW_ZE;
    return flags;
}

static unsigned ylog2(struct vcpu *v, struct f80 *r, struct f80 x, struct f80 y)
{
    if (f80_classify(x) == F80_ZERO)
        return times_log_of_zero(v, r, y);
    if (f80_sign(x))
        return invalid(r);
    if (f80_classify(x) == F80_INF)
        return times_special(r, y, true, false);
    int order = f80_compare(x, f80_one(false));
    if (!order)
        return times_special(r, y, false, false);
    return times_log(v, r, X87_YLOG2, x, y, order > 0);
}

static unsigned ylog2p1(struct vcpu *v, struct f80 *r, struct f80 x, struct f80 y)
{
    if (f80_classify(x) == F80_ZERO)
        return times_special(r, y, false, f80_sign(x));
    if (f80_classify(x) == F80_INF)
        return f80_sign(x) ? invalid(r) : times_special(r, y, true, false);
    int order = f80_compare(x, f80_one(true));
    if (order < 0)
        return invalid(r);
    if (order == 0)
        return times_log_of_zero(v, r, y);
    return times_log(v, r, X87_YLOG2P1, x, y, !f80_sign(x));
}

static void binary_op(struct vcpu *v, const struct uop *u, binary_function *f)
{
    struct f80 r = f80_indefinite();
    unsigned flags = X87_UNDERFLOW;

    x87_begin(v, u);
    x87_note(v, u);
    if (!x87_is_empty(v, 0) && !x87_is_empty(v, 1)) {
        struct f80 x = *x87_st(v, 0), y = *x87_st(v, 1);
        if (!propagates(v, &r, x, y, &flags))
            flags = f(v, &r, x, y);
    }
    if (!x87_raise(v, flags))
        return;
    x87_set(v, 1, r);
    x87_pop(v);
}

void uop_x87_fpatan(struct vcpu *v, const struct uop *u)
{
    binary_op(v, u, arctangent);
    uop_next(v, u);
}

void uop_x87_fyl2x(struct vcpu *v, const struct uop *u)
{
    binary_op(v, u, ylog2);
    uop_next(v, u);
}

void uop_x87_fyl2xp1(struct vcpu *v, const struct uop *u)
{
    binary_op(v, u, ylog2p1);
    uop_next(v, u);
}
