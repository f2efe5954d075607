/* SPDX-License-Identifier: MIT */
/*
 * The x87 80-bit format: classes, constants, exact conversions. Pure functions of values; nothing
 * here knows of a vCPU. Encodings follow Intel SDM vol. 1 §4.2 and §8.2.2: the integer bit is
 * explicit, so there are encodings that no present FPU produces. Those with a nonzero exponent and
 * integer bit 0 (unnormals, pseudo-NaNs, pseudo-infinities) are unsupported operands; a zero
 * exponent with integer bit 1 (pseudo-denormal) is a denormal whose value is that of exponent 1.
 */
#ifndef CPU_F80_H
#define CPU_F80_H

#include "cpu/vcpu.h"
#include "src/base/types.h"

/* x87 status word; C0..C3 are the condition codes. */
enum {
    SW_IE = 1 << 0,
    SW_DE = 1 << 1,
    SW_ZE = 1 << 2,
    SW_OE = 1 << 3,
    SW_UE = 1 << 4,
    SW_PE = 1 << 5,
    SW_SF = 1 << 6,
    SW_ES = 1 << 7,
    SW_C0 = 1 << 8,
    SW_C1 = 1 << 9,
    SW_C2 = 1 << 10,
    SW_C3 = 1 << 14,
    SW_B = 1 << 15,
    SW_EXCEPTIONS = 0x3f,
    SW_CC = SW_C0 | SW_C1 | SW_C2 | SW_C3,
};

/* Rounding control, bits 10 and 11 of the control word. */
enum f80_rounding { RC_NEAREST, RC_DOWN, RC_UP, RC_ZERO };

enum f80_class { F80_ZERO, F80_DENORMAL, F80_NORMAL, F80_INF, F80_QNAN, F80_SNAN, F80_UNSUPPORTED };

#define F80_BIAS 16383
#define F80_INTEGER_BIT (1ull << 63)
#define F80_QUIET_BIT (1ull << 62)

static inline struct f80 f80_make(unsigned se, u64 mant)
{
    return (struct f80){.mant = mant, .se = (u16)se};
}

static inline struct f80 f80_zero(bool sign)
{
    return f80_make(sign << 15, 0);
}
static inline struct f80 f80_one(bool sign)
{
    return f80_make(sign << 15 | F80_BIAS, F80_INTEGER_BIT);
}
static inline struct f80 f80_inf(bool sign)
{
    return f80_make(sign << 15 | 0x7fff, F80_INTEGER_BIT);
}
/* The QNaN floating-point indefinite. */
static inline struct f80 f80_indefinite(void)
{
    return f80_make(0xffff, F80_INTEGER_BIT | F80_QUIET_BIT);
}

static inline bool f80_sign(struct f80 a)
{
    return a.se >> 15;
}
static inline unsigned f80_exp(struct f80 a)
{
    return a.se & 0x7fff;
}

static inline enum f80_class f80_classify(struct f80 a)
{
    unsigned e = f80_exp(a);

    if (e == 0)
        return a.mant ? F80_DENORMAL : F80_ZERO;
    if (!(a.mant & F80_INTEGER_BIT))
        return F80_UNSUPPORTED;
    if (e != 0x7fff)
        return F80_NORMAL;
    if (a.mant == F80_INTEGER_BIT)
        return F80_INF;
    return a.mant & F80_QUIET_BIT ? F80_QNAN : F80_SNAN;
}

static inline struct f80 f80_quiet(struct f80 a)
{
    a.mant |= F80_QUIET_BIT;
    return a;
}

/* A finite nonzero value as exponent and mantissa with bit 63 set: |a| = mant * 2^(exp - 63). */
static inline u64 f80_normalize(struct f80 a, int *exp)
{
    int e = f80_exp(a) ? (int)f80_exp(a) : 1;
    int shift = __builtin_clzll(a.mant);

    *exp = e - F80_BIAS - shift;
    return a.mant << shift;
}

/* Exact conversions to the 80-bit format. A denormal operand sets SW_DE in *flags; a signalling NaN
 * stays one. */
struct f80 f80_from_f32(u32 x, unsigned *flags);
struct f80 f80_from_f64(u64 x, unsigned *flags);
struct f80 f80_from_int(i64 x);

/* Round a to an integer of magnitude at most 2^63 in direction rc. Flags: SW_PE (and SW_C1 if the
 * magnitude grew), or SW_IE alone for what is not finite or larger. The magnitude is the result;
 * its sign is a's. */
u64 f80_to_magnitude(struct f80 a, enum f80_rounding rc, unsigned *flags);

/* -1, 0, 1: order of two numbers (no NaN, not unsupported). */
int f80_compare(struct f80 a, struct f80 b);

#endif
