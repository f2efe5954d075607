/* SPDX-License-Identifier: MIT */
/*
 * FPREM and FPREM1: the exact remainder, at most 63 quotient bits at a time.
 *
 * With D = exponent(ST0) - exponent(ST1): D < 64 completes and gives the low three bits of the
 * quotient in C0, C3, C1 (C2 = 0). Otherwise the operand is reduced by N = 32 + (D mod 32) quotient
 * bits and C2 = 1; the manuals leave N to the implementation (32 to 63), this is AMD's. Both
 * instructions truncate in a partial step. The result is always exact, so the only exceptions are
 * IE, DE and, when unmasked, UE (which scales the exponent by 24576). Intel SDM vol. 2 FPREM,
 * FPREM1; AMD APM vol. 5 FPREM.
 */
#include "cpu/uops.h"
#include "cpu/x87.h"

/* m * 2^(e - 63), exactly representable. */
static struct f80 pack(struct vcpu *v, bool sign, u64 m, int e, unsigned *flags)
{
    if (!m)
        return f80_zero(sign);
    int shift = __builtin_clzll(m);
    m <<= shift;
    e -= shift;
    if (e >= 1 - F80_BIAS)
        return f80_make((unsigned)sign << 15 | (unsigned)(e + F80_BIAS), m);
    if (!(v->fpu.cw & SW_UE)) {
        *flags |= SW_UE;
        return f80_make((unsigned)sign << 15 | (unsigned)(e + F80_BIAS + 24576), m);
    }
    return f80_make((unsigned)sign << 15, m >> (1 - F80_BIAS - e));
}

/* Remainder of two finite nonzero numbers. */
static struct f80 reduce(struct vcpu *v, struct f80 a, struct f80 b, bool nearest, unsigned *flags)
{
    bool sign = f80_sign(a), carry = false;
    unsigned quotient = 0;
    int ea, eb;
    u64 ma = f80_normalize(a, &ea), mb = f80_normalize(b, &eb);
    int d = ea - eb;

    if (d < (nearest ? -1 : 0))
        return pack(v, sign, ma, ea, flags);
    if (d >= 64) {
        int n = 32 + d % 32;
        *flags |= SW_C2;
        eb += d - n;
        d = n;
    }
    /* Long division, one quotient bit a step; carry is bit 64 of the remainder. */
    u64 r = ma;
    for (int i = d; i >= 0; i--) {
        bool bit = carry || r >= mb;
        quotient = quotient << 1 | bit;
        r -= bit ? mb : 0;
        carry = i && r >> 63;
        r <<= i ? 1 : 0;
    }
    if (*flags & SW_C2)
        return pack(v, sign, r, eb, flags);
    if (nearest) {
        /* With d = -1 the remainder is still ma at half of mb's weight. */
        bool up;
        if (d < 0) {
            up = r > mb;
            if (!up)
                return pack(v, sign, ma, ea, flags);
            r = mb - (r - mb); /* (2 mb - ma) at a's weight */
            eb = ea;
        } else {
            u64 other = mb - r;
            up = r > other || (r == other && (quotient & 1));
            r = up ? other : r;
        }
        if (up) {
            sign = !sign;
            quotient++;
        }
    }
    *flags |= (quotient & 4 ? SW_C0 : 0) | (quotient & 2 ? SW_C3 : 0) | (quotient & 1 ? SW_C1 : 0);
    return pack(v, r ? sign : f80_sign(a), r, eb, flags);
}

static struct f80 remainder_of(struct vcpu *v, struct f80 a, struct f80 b, bool nearest,
                               unsigned *flags)
{
    enum f80_class ca = f80_classify(a), cb = f80_classify(b);

    if (MAX(ca, cb) >= F80_QNAN) {
        /* An addition propagates NaNs and refuses unsupported operands in the same way. */
        *flags = x87_host_arith(&a, &b, ARITH_ADD, &v->fpu);
        return a;
    }
    if (ca == F80_INF || cb == F80_ZERO) {
        *flags = SW_IE;
        return f80_indefinite();
    }
    if (ca == F80_DENORMAL || cb == F80_DENORMAL)
        *flags |= SW_DE;
    /* An unmasked DE stops here. */
    if (ca == F80_ZERO || (*flags & ~(unsigned)v->fpu.cw & SW_DE))
        return a;
    if (cb == F80_INF) {
        int e;
        u64 m = f80_normalize(a, &e);
        return pack(v, f80_sign(a), m, e, flags);
    }
    return reduce(v, a, b, nearest, flags);
}

/* Without a quotient (invalid operands, NaNs, faults) C0 and C3 stay and C2 is cleared. */
static void remainder_op(struct vcpu *v, const struct uop *u, bool nearest)
{
    struct f80 r = f80_indefinite();
    unsigned flags = 0, replaced = SW_C2;

    x87_begin(v, u);
    x87_note(v, u);
    if (x87_is_empty(v, 0) || x87_is_empty(v, 1))
        flags = X87_UNDERFLOW;
    else
        r = remainder_of(v, *x87_st(v, 0), *x87_st(v, 1), nearest, &flags);
    bool completes = x87_raise(v, flags & ~(unsigned)SW_CC);
    if (completes && f80_classify(r) < F80_QNAN)
        replaced = SW_CC;
    v->fpu.sw = (u16)((v->fpu.sw & ~replaced) | (flags & replaced));
    if (completes)
        x87_set(v, 0, r);
}

void uop_x87_fprem(struct vcpu *v, const struct uop *u)
{
    remainder_op(v, u, false);
    uop_next(v, u);
}

void uop_x87_fprem1(struct vcpu *v, const struct uop *u)
{
    remainder_op(v, u, true);
    uop_next(v, u);
}
