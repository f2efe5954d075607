/* SPDX-License-Identifier: MIT */
/*
 * See soft_float.h. A finite number is taken apart into an integer significand and a power of two, the exact result is made in 128
 * bits, below which one sticky bit stands for all that was shifted out, and rounded once.
 *
 * A product of doubles has 106 bits. With the leading bits of product and addend both at bit 126 and the smaller one shifted to
 * the right, nothing is lost while they are up to 20 places apart; beyond, at most one leading bit cancels, so the sticky bit
 * lies far below the rounding position. Tininess is detected after rounding, as x86 does. SDM vol. 1 §4.9.1, §11.5.2, §14.5.2
 * (table of NaN operands), vol. 2 VCVTPS2PH; IEEE 754-2008 §7.
 */
#include "cpu/soft_float.h"

#include "cpu/mxcsr.h"

typedef unsigned __int128 u128;

/* A binary format: bits of the fraction, exponent field of infinities, exponent of the smallest normal number. */
struct soft_format {
    unsigned fraction, exp_max;
    int exp_min;
};

static const struct soft_format half = {10, 0x1f, -14}, single = {23, 0xff, -126},
                                binary64 = {52, 0x7ff, -1022};

enum { RC_NEAREST, RC_DOWN, RC_UP, RC_ZERO };

/* An operand; finite: (-1)^sign * m * 2^exp. */
struct number {
    bool sign, is_nan, is_signalling, is_inf, is_denormal;
    u64 m;
    int exp;
    u64 bits;
};

static bool is_masked(u32 csr, u32 flag)
{
    return csr & flag << MXCSR_MASK_SHIFT;
}

static unsigned sign_bit(const struct soft_format *f)
{
    return f->fraction + (unsigned)__builtin_popcount(f->exp_max);
}

static struct number unpack(const struct soft_format *f, u64 x, bool daz)
{
    unsigned exp = (unsigned)(x >> f->fraction) & f->exp_max;
    u64 m = x & mask64(f->fraction);
    struct number n = {.sign = x >> sign_bit(f) & 1, .bits = x};

    if (exp == f->exp_max) {
        n.is_inf = !m;
        n.is_nan = m;
        n.is_signalling = m && !(m >> (f->fraction - 1));
    } else if (exp) {
        n.m = m | 1ull << f->fraction;
        n.exp = (int)exp - 1 + f->exp_min - (int)f->fraction;
    } else if (!daz) {
        n.is_denormal = m;
        n.m = m;
        n.exp = f->exp_min - (int)f->fraction;
    }
    return n;
}

static u64 zero(const struct soft_format *f, bool sign)
{
    return (u64)sign << sign_bit(f);
}

static u64 infinity(const struct soft_format *f, bool sign)
{
    return zero(f, sign) | (u64)f->exp_max << f->fraction;
}

static u64 quiet(const struct soft_format *f, u64 nan)
{
    return nan | 1ull << (f->fraction - 1);
}

static u64 default_nan(const struct soft_format *f)
{
    return quiet(f, infinity(f, true));
}

/* x / 2^n, what is lost being or-ed into the lowest bit. */
static u128 shift_sticky(u128 x, unsigned n)
{
    if (!n)
        return x;
    if (n > 127)
        return x != 0;
    return x >> n | ((x << (128 - n)) != 0);
}

/* x without its lowest n bits (1..127), rounded. */
static u64 round_off(u128 x, unsigned n, bool sign, unsigned rc, bool *inexact)
{
    u128 rest = x & (((u128)1 << n) - 1), tie = (u128)1 << (n - 1);
    u64 r = (u64)(x >> n);
    bool up = false;

    *inexact = rest != 0;
    switch (rc) {
    case RC_NEAREST: up = rest > tie || (rest == tie && (r & 1)); break;
    case RC_DOWN: up = sign && rest; break;
    case RC_UP: up = !sign && rest; break;
    default: break;
    }
    return r + up;
}

static u64 overflow(const struct soft_format *f, bool sign, unsigned rc)
{
    bool to_max = rc == RC_ZERO || (rc == RC_DOWN && !sign) || (rc == RC_UP && sign);

    return infinity(f, sign) - to_max;
}

/* (-1)^sign * m * 2^exp, m not 0, in format f. */
static u64 round_pack(const struct soft_format *f, bool sign, u128 m, int exp, unsigned rc, u32 csr,
                      u32 *flags)
{
    unsigned lead, drop = 126 - f->fraction;
    int top;
    bool inexact;
    u64 r;

    lead = m >> 64 ? 127 - (unsigned)__builtin_clzll((u64)(m >> 64))
                   : 63 - (unsigned)__builtin_clzll((u64)m);
    m = lead <= 126 ? m << (126 - lead) : shift_sticky(m, 1);
    top = exp + (int)lead; /* the exponent */
    r = round_off(m, drop, sign, rc, &inexact);
    if (r >> (f->fraction + 1))
        top++;
    if (top < f->exp_min) { /* tiny */
        unsigned more = (unsigned)(f->exp_min - (exp + (int)lead));

        if (!is_masked(csr, MXCSR_UE)) {
            *flags |= MXCSR_UE | (inexact ? MXCSR_PE : 0);
            return zero(f, sign);
        }
        if (csr & MXCSR_FTZ) {
            *flags |= MXCSR_UE | MXCSR_PE;
            return zero(f, sign);
        }
        r = round_off(shift_sticky(m, more), drop, sign, rc, &inexact);
        *flags |= inexact ? MXCSR_UE | MXCSR_PE : 0;
        return zero(f, sign) | r;
    }
    if (top - f->exp_min + 1 >= (int)f->exp_max) {
        *flags |= MXCSR_OE | (inexact || is_masked(csr, MXCSR_OE) ? MXCSR_PE : 0);
        return overflow(f, sign, rc);
    }
    *flags |= inexact ? MXCSR_PE : 0;
    /* A carry out of the fraction has left it 0. */
    return zero(f, sign) | (u64)(top - f->exp_min + 1) << f->fraction | (r & mask64(f->fraction));
}

/* The sum of the product p * 2^p_exp and z, neither being 0. */
static u64 add_product(const struct soft_format *f, bool p_sign, u128 p, int p_exp,
                       const struct number *z, bool z_sign, u32 csr, u32 *flags)
{
    unsigned rc = csr >> MXCSR_RC_SHIFT & 3;
    unsigned p_lead = p >> 64 ? (unsigned)__builtin_clzll((u64)(p >> 64))
                              : 64 + (unsigned)__builtin_clzll((u64)p);
    unsigned z_lead = 64 + (unsigned)__builtin_clzll(z->m);
    u128 a = p << (p_lead - 1), b = (u128)z->m << (z_lead - 1);
    int a_exp = p_exp - (int)p_lead + 1, b_exp = z->exp - (int)z_lead + 1;
    bool sign = p_sign;

    if (a_exp >= b_exp) {
        b = shift_sticky(b, (unsigned)(a_exp - b_exp));
    } else {
        a = shift_sticky(a, (unsigned)(b_exp - a_exp));
        a_exp = b_exp;
    }
    if (p_sign == z_sign) {
        a += b;
    } else if (a >= b) {
        a -= b;
    } else {
        a = b - a;
        sign = z_sign;
    }
    if (!a)
        return zero(f, rc == RC_DOWN);
    return round_pack(f, sign, a, a_exp, rc, csr, flags);
}

/* Operands of which one is a NaN or an infinity, or *special stays false. */
static u64 special_operands(const struct soft_format *f, const struct number *x,
                            const struct number *y, const struct number *z, bool p_sign,
                            bool z_sign, u32 *flags, bool *special)
{
    bool p_inf = x->is_inf || y->is_inf;
    bool p_invalid = (x->is_inf && !y->is_nan && !y->is_inf && !y->m) ||
                     (y->is_inf && !x->is_nan && !x->is_inf && !x->m);

    *special = true;
    if (x->is_signalling || y->is_signalling || z->is_signalling)
        *flags |= MXCSR_IE;
    if (x->is_nan)
        return quiet(f, x->bits);
    if (y->is_nan)
        return quiet(f, y->bits);
    if (z->is_nan)
        return quiet(f, z->bits);
    if (p_invalid || (p_inf && z->is_inf && p_sign != z_sign)) {
        *flags |= MXCSR_IE;
        return default_nan(f);
    }
    if (x->is_denormal || y->is_denormal || z->is_denormal)
        *flags |= MXCSR_DE;
    if (p_inf)
        return infinity(f, p_sign);
    if (z->is_inf)
        return infinity(f, z_sign);
    *special = false;
    return 0;
}

u64 soft_fma(bool is64, u64 x, u64 y, u64 z, bool negate_product, bool negate_z, u32 csr,
             u32 *flags)
{
    const struct soft_format *f = is64 ? &binary64 : &single;
    bool daz = csr & MXCSR_DAZ, special, p_sign, z_sign;
    struct number a = unpack(f, x, daz), b = unpack(f, y, daz), c = unpack(f, z, daz);
    unsigned rc = csr >> MXCSR_RC_SHIFT & 3;
    u64 r;

    p_sign = a.sign ^ b.sign ^ negate_product;
    z_sign = c.sign ^ negate_z;
    r = special_operands(f, &a, &b, &c, p_sign, z_sign, flags, &special);
    if (special)
        return r;
    if (!a.m || !b.m) {
        if (!c.m)
            return zero(f, p_sign == z_sign ? p_sign : rc == RC_DOWN);
        return round_pack(f, z_sign, c.m, c.exp, rc, csr, flags);
    }
    if (!c.m)
        return round_pack(f, p_sign, (u128)a.m * b.m, a.exp + b.exp, rc, csr, flags);
    return add_product(f, p_sign, (u128)a.m * b.m, a.exp + b.exp, &c, z_sign, csr, flags);
}

u32 soft_from_half(u16 x, u32 *flags)
{
    struct number n = unpack(&half, x, false);

    if (n.is_signalling)
        *flags |= MXCSR_IE;
    if (n.is_nan)
        return (u32)(infinity(&single, n.sign) | quiet(&half, x & mask64(10)) << 13);
    if (n.is_inf)
        return (u32)infinity(&single, n.sign);
    if (!n.m)
        return (u32)zero(&single, n.sign);
    return (u32)round_pack(&single, n.sign, n.m, n.exp, RC_NEAREST, MXCSR_MASKS, flags);
}

u16 soft_to_half(u32 x, unsigned rc, u32 csr, u32 *flags)
{
    struct number n = unpack(&single, x, csr & MXCSR_DAZ);

    if (n.is_signalling)
        *flags |= MXCSR_IE;
    if (n.is_nan)
        return (u16)(infinity(&half, n.sign) | quiet(&half, x >> 13 & mask64(10)));
    if (n.is_denormal)
        *flags |= MXCSR_DE;
    if (n.is_inf)
        return (u16)infinity(&half, n.sign);
    if (!n.m)
        return (u16)zero(&half, n.sign);
    return (u16)round_pack(&half, n.sign, n.m, n.exp, rc, csr & ~(u32)MXCSR_FTZ, flags);
}
