/* SPDX-License-Identifier: MIT */
/*
 * Conversions, rounding to integers and comparison of 80-bit numbers, in integer arithmetic: exact,
 * and cheaper than a round through the host's FPU with its control word changed. Intel SDM vol. 1
 * §4.2, §4.8.
 */
#include "cpu/f80.h"

struct f80 f80_from_f32(u32 x, unsigned *flags)
{
    unsigned sign = (x >> 31) << 15, e = (x >> 23) & 0xff;
    u64 mant = (u64)(x & 0x7fffff) << 40;

    if (e == 0xff)
        return f80_make(sign | 0x7fff, F80_INTEGER_BIT | mant);
    if (e)
        return f80_make(sign | (e - 127 + F80_BIAS), F80_INTEGER_BIT | mant);
    if (!mant)
        return f80_make(sign, 0);
    *flags |= SW_DE;
    int shift = __builtin_clzll(mant);
    return f80_make(sign | (unsigned)(F80_BIAS - 126 - shift), mant << shift);
}

struct f80 f80_from_f64(u64 x, unsigned *flags)
{
    unsigned sign = (unsigned)(x >> 63) << 15, e = (x >> 52) & 0x7ff;
    u64 mant = (x & mask64(52)) << 11;

    if (e == 0x7ff)
        return f80_make(sign | 0x7fff, F80_INTEGER_BIT | mant);
    if (e)
        return f80_make(sign | (e - 1023 + F80_BIAS), F80_INTEGER_BIT | mant);
    if (!mant)
        return f80_make(sign, 0);
    *flags |= SW_DE;
    int shift = __builtin_clzll(mant);
    return f80_make(sign | (unsigned)(F80_BIAS - 1022 - shift), mant << shift);
}

struct f80 f80_from_int(i64 x)
{
    u64 magnitude = x < 0 ? -(u64)x : (u64)x;

    if (!x)
        return f80_zero(false);
    int shift = __builtin_clzll(magnitude);
    return f80_make((x < 0) << 15 | (unsigned)(F80_BIAS + 63 - shift), magnitude << shift);
}

/* Does the magnitude go up? `rest`: what is cut off, as a fraction of 2^64; `sticky`: less than
 * that is cut off. */
static bool rounds_up(enum f80_rounding rc, bool sign, bool odd, u64 rest, bool sticky)
{
    switch (rc) {
    case RC_NEAREST: return rest > F80_INTEGER_BIT || (rest == F80_INTEGER_BIT && odd);
    case RC_DOWN: return sign && (rest || sticky);
    case RC_UP: return !sign && (rest || sticky);
    default: return false;
    }
}

u64 f80_to_magnitude(struct f80 a, enum f80_rounding rc, unsigned *flags)
{
    enum f80_class c = f80_classify(a);
    u64 whole = 0, rest = 0;
    bool sticky = false;
    int e;

    if (c == F80_ZERO)
        return 0;
    if (c > F80_NORMAL) {
        *flags = SW_IE;
        return 0;
    }
    u64 mant = f80_normalize(a, &e);
    if (e > 63) {
        *flags = SW_IE;
        return 0;
    }
    if (e == 63)
        return mant;
    if (e >= 0) {
        whole = mant >> (63 - e);
        rest = mant << (e + 1);
    } else if (e == -1) {
        rest = mant;
    } else {
        sticky = true;
    }
    if (rest || sticky)
        *flags |= SW_PE;
    if (rounds_up(rc, f80_sign(a), whole & 1, rest, sticky)) {
        *flags |= SW_C1;
        whole++;
    }
    return whole;
}

int f80_compare(struct f80 a, struct f80 b)
{
    /* Pseudo-denormals have the value of exponent 1. */
    unsigned ea = f80_exp(a), eb = f80_exp(b);
    bool sa = f80_sign(a), sb = f80_sign(b);
    int order;

    ea += !ea && (a.mant & F80_INTEGER_BIT);
    eb += !eb && (b.mant & F80_INTEGER_BIT);
    if (!(ea | a.mant) && !(eb | b.mant))
        return 0;
    if (sa != sb)
        return sa ? -1 : 1;
    if (ea != eb)
        order = ea < eb ? -1 : 1;
    else
        order = a.mant == b.mant ? 0 : a.mant < b.mant ? -1 : 1;
    return sa ? -order : order;
}
