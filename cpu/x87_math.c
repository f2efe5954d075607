/* SPDX-License-Identifier: MIT */
/*
 * Transcendental functions, correctly rounded to 64 bits in the guest's rounding direction, with
 * exact inexact, overflow and underflow flags: the same bits on every host, within 1 ulp of real
 * x87s. Arguments of the trigonometric functions beyond pi/4 are reduced with the 66-bit pi that
 * all x87s use and SDM vol. 1 §8.3.8 documents, exactly; correct rounding is that of the function
 * of the reduced argument.
 *
 * MPFR rounds sin, cos, tan and atan2 correctly by itself. y*log2(x), y*log2(x+1) and 2^x-1 are
 * evaluated at a growing precision until the rounding is certain (Ziv's strategy); that ends,
 * because outside the exact cases, which are handled first, the values are irrational.
 *
 * The 64-bit result with an unbounded exponent and MPFR's ternary value then determine the 80-bit
 * one: tininess is detected after rounding (SDM vol. 1 §4.9.1.5), a denormal result is rounded
 * again with the ternary value as sticky bit. MPFR keeps constants in a cache of each thread; a
 * thread-specific key frees it when the thread ends.
 */
#define MPFR_USE_INTMAX_T
#include <stdint.h>

#include <mpfr.h>
#include <pthread.h>

#include "cpu/x87.h"
#include "src/base/check.h"

static pthread_key_t cache_key;
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;

static void free_cache(void *unused)
{
    (void)unused;
    mpfr_free_cache2(MPFR_FREE_LOCAL_CACHE);
}

static void make_cache_key(void)
{
    CHECK(pthread_key_create(&cache_key, free_cache) == 0);
}

static void use_cache(void)
{
    pthread_once(&cache_once, make_cache_key);
    if (!pthread_getspecific(cache_key))
        pthread_setspecific(cache_key, &cache_key);
}

/* f is a 64-bit mpfr number; exact. */
static void from_f80(mpfr_t f, struct f80 a)
{
    int e;
    u64 mant = f80_normalize(a, &e);

    mpfr_set_uj_2exp(f, mant, e - 63, MPFR_RNDN);
    if (f80_sign(a))
        mpfr_neg(f, f, MPFR_RNDN);
}

/* Shift a 64-bit mantissa right by k (1 or more) and round. `inexact`: the sign of (mant - true
 * magnitude). */
static u64 denormalize(u64 mant, int k, bool sign, int inexact, enum f80_rounding rc,
                       bool *is_inexact, bool *up)
{
    u64 whole = k < 64 ? mant >> k : 0;
    u64 rest = k < 64 ? mant << (64 - k) : k == 64 ? mant : 1;
    bool above = rest > F80_INTEGER_BIT || (rest == F80_INTEGER_BIT && inexact < 0);
    bool tie = rest == F80_INTEGER_BIT && !inexact;

    *is_inexact = rest || inexact;
    switch (rc) {
    case RC_NEAREST: *up = above || (tie && (whole & 1)); break;
    /* A directed rounding of the mantissa went the same way before. */
    case RC_DOWN: *up = sign && rest; break;
    case RC_UP: *up = !sign && rest; break;
    default: *up = false; break;
    }
    whole += *up;
    *up = *up || (!rest && inexact > 0);
    return whole;
}

/* The 80-bit number for a mantissa (bit 63 set), an exponent and the rounding error's sign (of
 * magnitudes). */
static unsigned pack(struct f80 *r, bool sign, u64 mant, long e, int inexact, u16 cw)
{
    enum f80_rounding rc = cw >> 10 & 3;
    unsigned flags = (inexact ? SW_PE : 0) | (inexact > 0 ? SW_C1 : 0);

    if (e > F80_BIAS) {
        if (!(cw & SW_OE)) {
            *r = f80_make((unsigned)sign << 15 | ((unsigned)(e - 24576 + F80_BIAS) & 0x7fff), mant);
            return flags | SW_OE;
        }
        bool to_inf = rc == RC_NEAREST || rc == (sign ? RC_DOWN : RC_UP);
        *r = to_inf ? f80_inf(sign) : f80_make((unsigned)sign << 15 | 0x7ffe, ~0ull);
        return SW_OE | SW_PE | (to_inf ? SW_C1 : 0);
    }
    if (e >= 1 - F80_BIAS) {
        *r = f80_make((unsigned)sign << 15 | (unsigned)(e + F80_BIAS), mant);
        return flags;
    }
    if (!(cw & SW_UE)) {
        *r = f80_make((unsigned)sign << 15 | ((unsigned)(e + 24576 + F80_BIAS) & 0x7fff), mant);
        return flags | SW_UE;
    }
    bool is_inexact, up;
    long shift = MIN(1 - F80_BIAS - e, 100);
    mant = denormalize(mant, (int)shift, sign, inexact, rc, &is_inexact, &up);
    /* The smallest normal number has its integer bit and then exponent 1. */
    *r = f80_make((unsigned)sign << 15 | (unsigned)(mant >> 63), mant);
    return (is_inexact ? SW_PE | SW_UE : 0) | (up ? SW_C1 : 0);
}

/* f rounded to 64 bits with ternary value t. */
static unsigned result(struct f80 *r, mpfr_t f, int t, u16 cw)
{
    bool sign = mpfr_signbit(f);

    if (mpfr_zero_p(f)) {
        *r = f80_zero(sign);
        return 0;
    }
    mpfr_exp_t e = mpfr_get_exp(f);
    MPFR_DECL_INIT(m, 64);
    mpfr_mul_2si(m, f, 64 - e, MPFR_RNDN);
    mpfr_abs(m, m, MPFR_RNDN);
    return pack(r, sign, mpfr_get_uj(m, MPFR_RNDN), e - 1, sign ? -t : t, cw);
}

/* Is a (finite, nonzero) a power of two with a positive sign? */
static bool is_power_of_two(mpfr_t a)
{
    return mpfr_sgn(a) > 0 && mpfr_min_prec(a) == 1;
}

enum { PREC_FIRST = 160, PREC_MAX = 1 << 20 };

/* One evaluation at precision `prec`: t approximates the value with an error of at most 2^(exponent
 * - prec + 8). */
static void evaluate(mpfr_t t, enum x87_function f, mpfr_t x, mpfr_t y, mpfr_prec_t prec)
{
    mpfr_t ln2;

    mpfr_init2(ln2, prec);
    mpfr_const_log2(ln2, MPFR_RNDN);
    switch (f) {
    case X87_EXP2M1:
        mpfr_mul(t, x, ln2, MPFR_RNDN);
        mpfr_expm1(t, t, MPFR_RNDN);
        break;
    case X87_YLOG2:
        mpfr_log(t, x, MPFR_RNDN);
        mpfr_div(t, t, ln2, MPFR_RNDN);
        mpfr_mul(t, t, y, MPFR_RNDN);
        break;
    default:
        mpfr_log1p(t, x, MPFR_RNDN);
        mpfr_div(t, t, ln2, MPFR_RNDN);
        mpfr_mul(t, t, y, MPFR_RNDN);
        break;
    }
    mpfr_clear(ln2);
}

static int evaluate_rounded(mpfr_t r, enum x87_function f, mpfr_t x, mpfr_t y, mpfr_rnd_t rnd)
{
    int ternary = 0;

    for (mpfr_prec_t prec = PREC_FIRST; prec <= PREC_MAX; prec *= 2) {
        mpfr_t t;

        mpfr_init2(t, prec);
        evaluate(t, f, x, y, prec);
        /* RNDZ with one bit more tells directed and nearest results, and the ternary value, apart.
         */
        bool done = mpfr_can_round(t, prec - 10, MPFR_RNDN, MPFR_RNDZ, 64 + (rnd == MPFR_RNDN));
        if (done)
            ternary = mpfr_set(r, t, rnd);
        mpfr_clear(t);
        if (done)
            break;
    }
    return ternary;
}

/* y * log2(z) for z = x or x + 1 a power of two: exact but for the multiplication. True if it was
 * one. */
static bool exact_log(mpfr_t r, int *ternary, enum x87_function f, mpfr_t x, mpfr_t y,
                      mpfr_rnd_t rnd)
{
    MPFR_DECL_INIT(z, 160);
    int lost = f == X87_YLOG2 ? mpfr_set(z, x, MPFR_RNDN) : mpfr_add_ui(z, x, 1, MPFR_RNDN);

    if (lost || !is_power_of_two(z))
        return false;
    *ternary = mpfr_mul_si(r, y, (long)mpfr_get_exp(z) - 1, rnd);
    return true;
}

/* --- Trigonometric functions ------------------------------------------------------------------ */

enum { PREC_REDUCED = 256 };

/* r = x - n * (pi / 2), |r| <= pi / 4, exact; returns the low bits of n. x is below 2^63. */
static unsigned reduce(mpfr_t r, mpfr_t x)
{
    MPFR_DECL_INIT(half_pi, 66);
    MPFR_DECL_INIT(n, PREC_REDUCED);

    mpfr_set_uj_2exp(half_pi, 0xc90fdaa22168c234, -63, MPFR_RNDN);
    mpfr_set_uj_2exp(n, 3, -65, MPFR_RNDN);
    mpfr_add(half_pi, half_pi, n, MPFR_RNDN);
    mpfr_div(n, x, half_pi, MPFR_RNDN);
    mpfr_rint(n, n, MPFR_RNDN);
    intmax_t quadrant = mpfr_get_sj(n, MPFR_RNDN);
    mpfr_mul(n, n, half_pi, MPFR_RNDN);
    mpfr_sub(r, x, n, MPFR_RNDN);
    return (unsigned)quadrant & 3;
}

/* Minus the cosine, rounded in direction rnd. */
static int minus_cos(mpfr_t z, mpfr_t r, mpfr_rnd_t rnd)
{
    int ternary = mpfr_cos(z, r, rnd == MPFR_RNDU ? MPFR_RNDD : rnd == MPFR_RNDD ? MPFR_RNDU : rnd);

    mpfr_neg(z, z, MPFR_RNDN);
    return -ternary;
}

static int trigonometric(mpfr_t z, enum x87_function f, mpfr_t x, mpfr_rnd_t rnd)
{
    MPFR_DECL_INIT(r, PREC_REDUCED);
    unsigned n = 0;

    mpfr_set(r, x, MPFR_RNDN);
    if (mpfr_get_exp(x) >= 0)
        n = reduce(r, x);
    if (f == X87_TAN) {
        if (!(n & 1))
            return mpfr_tan(z, r, rnd);
        mpfr_neg(r, r, MPFR_RNDN);
        return mpfr_cot(z, r, rnd);
    }
    if (f == X87_COS)
        n++; /* cos x = sin(x + pi / 2) */
    if (n & 1)
        return n & 2 ? minus_cos(z, r, rnd) : mpfr_cos(z, r, rnd);
    if (n & 2)
        mpfr_neg(r, r, MPFR_RNDN);
    return mpfr_sin(z, r, rnd);
}

unsigned x87_math(struct f80 *r, enum x87_function f, struct f80 a, struct f80 b, u16 cw)
{
    static const mpfr_rnd_t directions[4] = {MPFR_RNDN, MPFR_RNDD, MPFR_RNDU, MPFR_RNDZ};
    mpfr_rnd_t rnd = directions[cw >> 10 & 3];
    int ternary = 0;
    MPFR_DECL_INIT(x, 64);
    MPFR_DECL_INIT(y, 64);
    MPFR_DECL_INIT(z, 64);

    use_cache();
    if (a.mant)
        from_f80(x, a);
    else
        mpfr_set_zero(x, f80_sign(a) ? -1 : 1);
    if (b.mant)
        from_f80(y, b);
    else
        mpfr_set_zero(y, f80_sign(b) ? -1 : 1);
    switch (f) {
    case X87_SIN:
    case X87_COS:
    case X87_TAN: ternary = trigonometric(z, f, x, rnd); break;
    case X87_ATAN: ternary = mpfr_atan2(z, y, x, rnd); break;
    case X87_EXP2M1: ternary = evaluate_rounded(z, f, x, y, rnd); break;
    default:
        if (!exact_log(z, &ternary, f, x, y, rnd))
            ternary = evaluate_rounded(z, f, x, y, rnd);
        break;
    }
    return result(r, z, ternary, cw);
}
