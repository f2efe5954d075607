/* SPDX-License-Identifier: MIT */
/*
 * How far the x87's transcendental instructions are from the exact results: over the documented domains (SDM vol. 2), in
 * all four rounding directions, judged by the power series of series.h. The largest error of each is printed, in units in
 * the last place; 1 is the limit, and rounding to nearest has to be within a half.
 *
 * For the trigonometric functions the exact result is that of the argument less a multiple of the 66-bit pi/2, which is what
 * the manual promises (near multiples of pi that is far from the function of the argument itself, on every x87); up to pi/4
 * nothing is reduced, and the exact function is the judge. Arguments of 2^63 and more set C2 and are left alone.
 */
#include <stdio.h>

#include "cpu/f80.h"
#include "tests/lib/suite.h"
#include "tests/unit/fpu_fixture.h"
#include "tests/unit/series.h"

enum {
    F2XM1 = 0xf0,
    FYL2X = 0xf1,
    FPTAN = 0xf2,
    FPATAN = 0xf3,
    FYL2XP1 = 0xf9,
    FSINCOS = 0xfb,
    FSIN = 0xfe,
    FCOS = 0xff
};

/* Exponents of arguments. */
struct domain {
    u8 modrm;
    const char *name;
    int low, high;     /* 2^low <= |x| < 2^high */
    int y_low, y_high; /* of ST(1), if there is one */
    bool positive;     /* x is */
};

static const struct domain domains[] = {
    {F2XM1, "F2XM1, |x| < 2^-60", -16382, -60, 0, 0, false},
    {F2XM1, "F2XM1", -60, 0, 0, 0, false},
    {FYL2X, "FYL2X", -16382, 16384, -300, 300, true},
    {FYL2X, "FYL2X, 1/2 <= x < 2", -1, 1, -300, 300, true},
    {FYL2XP1, "FYL2XP1", -16000, -2, -300, 300, false},
    {FYL2XP1, "FYL2XP1, 1/16 <= |x| < 1/4", -4, -2, -300, 300, false},
    {FPATAN, "FPATAN", -8000, 8000, -8000, 8000, false},
    {FPATAN, "FPATAN, near the diagonals", -2, 2, -2, 2, false},
    {FPTAN, "FPTAN", -16000, 63, 0, 0, false},
    {FPTAN, "FPTAN, 1/2 <= |x| < 2^63", -1, 63, 0, 0, false},
    {FSINCOS, "FSINCOS", -1, 63, 0, 0, false},
    {FSIN, "FSIN", -16000, 63, 0, 0, false},
    {FSIN, "FSIN, 1/2 <= |x| < 2^63", -1, 63, 0, 0, false},
    {FCOS, "FCOS", -70, 63, 0, 0, false},
    {FCOS, "FCOS, 1/2 <= |x| < 2^63", -1, 63, 0, 0, false},
};

static void to_mpf(mpf_t m, struct f80 a)
{
    long e = (long)(f80_exp(a) ? f80_exp(a) : 1) - F80_BIAS - 63;

    mpf_set_ui(m, a.mant);
    if (e >= 0)
        mpf_mul_2exp(m, m, (unsigned long)e);
    else
        mpf_div_2exp(m, m, (unsigned long)-e);
    if (f80_sign(a))
        mpf_neg(m, m);
}

/* |got - exact| in units in the last place of the exact value. */
static double error_in_ulps(const mpf_t exact, struct f80 got)
{
    mpf_t d;
    long e;
    double error;

    mpf_init2(d, SERIES_BITS);
    to_mpf(d, got);
    mpf_sub(d, d, exact);
    mpf_abs(d, d);
    mpf_get_d_2exp(&e, exact);
    e = MAX(e - 1, 1 - F80_BIAS) - 63;
    if (e < 0)
        mpf_mul_2exp(d, d, (unsigned long)-e);
    else
        mpf_div_2exp(d, d, (unsigned long)e);
    error = mpf_get_d(d);
    mpf_clear(d);
    return error;
}

/* --- Arguments -------------------------------------------------------------------------------- */

static struct f80 random_number(int low, int high, bool positive)
{
    unsigned exp = (unsigned)(F80_BIAS + low + (int)(fpu_random() % (unsigned)(high - low)));
    u64 mant = fpu_random();

    switch (fpu_random() % 8) {
    case 0: mant = 0; break;
    case 1: mant = ~0ull; break;
    case 2: mant = fpu_random() % 64; break;
    case 3: mant = 0 - fpu_random() % 64; break;
    default: break;
    }
    return f80_make(exp | (positive ? 0 : (fpu_random() & 1) << 15), mant | F80_INTEGER_BIT);
}

/* The 80-bit number next to a multiple of pi/4, or a few off. */
static struct f80 near_quarter_turn(void)
{
    mpf_t x;
    long e;
    u64 mant;
    struct f80 a;

    mpf_init2(x, SERIES_BITS);
    if (fpu_random() & 1)
        series_half_pi(x);
    else
        series_half_pi66(x);
    mpf_mul_ui(x, x, fpu_random() >> (2 + fpu_random() % 60) | 1);
    mpf_get_d_2exp(&e, x);
    if (e < 64)
        mpf_mul_2exp(x, x, (unsigned long)(64 - e));
    else
        mpf_div_2exp(x, x, (unsigned long)(e - 64));
    mant = mpf_get_ui(x);
    a = f80_make((unsigned)(e - 2 + F80_BIAS + (int)(fpu_random() & 1)), mant);
    a.mant += fpu_random() % 5 - 2;
    a.mant |= F80_INTEGER_BIT;
    if (f80_exp(a) >= F80_BIAS + 63)
        a.se = F80_BIAS + 62;
    a.se |= (fpu_random() & 1) << 15;
    mpf_clear(x);
    return a;
}

static bool is_trigonometric(u8 modrm)
{
    return modrm == FPTAN || modrm == FSINCOS || modrm == FSIN || modrm == FCOS;
}

static void arguments(const struct domain *d, struct native_state *s, unsigned n)
{
    struct f80 x = random_number(d->low, d->high, d->positive), y = x;

    if (is_trigonometric(d->modrm) && d->low == -1 && n % 2)
        x = near_quarter_turn();
    if (d->y_high)
        y = random_number(d->y_low, d->y_high, false);
    if (d->modrm == FPATAN && n % 4 == 3) { /* |y| next to |x| */
        y = x;
        y.mant = (y.mant + fpu_random() % 3 - 1) | F80_INTEGER_BIT;
        y.se ^= (fpu_random() & 1) << 15;
    }
    s->fx.st[0].se = x.se;
    s->fx.st[0].mant = x.mant;
    s->fx.st[1].se = y.se;
    s->fx.st[1].mant = y.mant;
}

/* --- Judging ---------------------------------------------------------------------------------- */

/* What the instruction should leave in ST(0), and, if it leaves two results, in ST(1). */
static void define(mpf_t st0, mpf_t st1, u8 modrm, const mpf_t x, const mpf_t y,
                   const mpf_t half_pi)
{
    mpf_t r;
    unsigned n;

    mpf_init2(r, SERIES_BITS);
    n = is_trigonometric(modrm) ? series_reduce(r, x, half_pi) : 0;
    switch (modrm) {
    case F2XM1: series_exp2m1(st0, x); break;
    case FYL2X:
        series_log2(st0, x);
        mpf_mul(st0, st0, y);
        break;
    case FYL2XP1:
        series_log2p1(st0, x);
        mpf_mul(st0, st0, y);
        break;
    case FPATAN: series_atan2(st0, y, x); break;
    case FPTAN:
        mpf_set_ui(st0, 1);
        series_tan(st1, r, n);
        break;
    case FSINCOS:
        series_cos(st0, r, n);
        series_sin(st1, r, n);
        break;
    case FSIN: series_sin(st0, r, n); break;
    default: series_cos(st0, r, n); break;
    }
    mpf_clear(r);
}

static struct f80 st_of(const struct native_state *s, unsigned i)
{
    return f80_make(s->fx.st[i].se, s->fx.st[i].mant);
}

struct worst {
    double nearest, directed;
};

static double worse_of(const struct native_state *before, const struct native_state *after,
                       const struct domain *d, bool exact_pi)
{
    mpf_t x, y, st0, st1, half_pi;
    double error;

    mpf_init2(x, SERIES_BITS);
    mpf_init2(y, SERIES_BITS);
    mpf_init2(st0, SERIES_BITS);
    mpf_init2(st1, SERIES_BITS);
    mpf_init2(half_pi, SERIES_BITS);
    if (exact_pi)
        series_half_pi(half_pi);
    else
        series_half_pi66(half_pi);
    to_mpf(x, st_of(before, 0));
    to_mpf(y, st_of(before, 1));
    define(st0, st1, d->modrm, x, y, half_pi);
    error = error_in_ulps(st0, st_of(after, 0));
    if (d->modrm == FPTAN || d->modrm == FSINCOS)
        error = MAX(error, error_in_ulps(st1, st_of(after, 1)));
    mpf_clear(x);
    mpf_clear(y);
    mpf_clear(st0);
    mpf_clear(st1);
    mpf_clear(half_pi);
    return error;
}

static void judge(const struct domain *d, unsigned n, bool exact_pi, struct worst *w)
{
    const u8 insn[2] = {0xd9, d->modrm};
    struct native_state before, after;
    double error;

    fpu_random_state(&before);
    arguments(d, &before, n);
    before.fx.fcw = (u16)(0x37f | (n & 3) << 10);
    before.fx.fsw &= 0x3800;
    before.fx.ftw = 0xff;
    if (d->modrm == FPTAN || d->modrm == FSINCOS)
        before.fx.ftw &= (u8) ~(1 << ((before.fx.fsw >> 11 & 7) + 7) % 8);
    after = before;
    CU_ASSERT_EQUAL_FATAL(fpu_fixture_run(insn, 2, &after), -1);
    CU_ASSERT(!(after.fx.fsw & SW_C2));
    /* An overflowing product has no error in units in the last place. */
    if (f80_classify(st_of(&after, 0)) == F80_INF || after.fx.fsw & SW_OE)
        return;
    error = worse_of(&before, &after, d, exact_pi);
    if (n & 3)
        w->directed = MAX(w->directed, error);
    else
        w->nearest = MAX(w->nearest, error);
}

static void within_an_ulp(void)
{
    fpu_defaults();
    fpu_random_seed(6);
    for (unsigned i = 0; i < ARRAY_SIZE(domains); i++) {
        struct worst w = {0};
        unsigned count = 4 * fpu_case_count();

        for (unsigned n = 0; n < count; n++)
            judge(&domains[i], n, false, &w);
        printf("    %-28s %u arguments: at most %.6f ulp to nearest, %.6f directed\n",
               domains[i].name, count, w.nearest, w.directed);
        CU_ASSERT(w.nearest <= 0.5001);
        CU_ASSERT(w.directed > 0.9 && w.directed <= 1);
    }
}

/* Up to pi/4 nothing is reduced: there the results are those of the exact functions. */
static void small_angles_are_exact(void)
{
    static const struct domain small[] = {{FSIN, "", -60, -1, 0, 0, false},
                                          {FCOS, "", -60, -1, 0, 0, false},
                                          {FPTAN, "", -60, -1, 0, 0, false},
                                          {FSINCOS, "", -60, -1, 0, 0, false}};

    fpu_defaults();
    fpu_random_seed(7);
    for (unsigned i = 0; i < ARRAY_SIZE(small); i++) {
        struct worst w = {0};

        for (unsigned n = 0; n < 500; n++)
            judge(&small[i], n, true, &w);
        CU_ASSERT(w.nearest <= 0.5001 && w.directed > 0.9 && w.directed <= 1);
    }
}

static void beyond_2_63_sets_c2(void)
{
    static const u8 functions[] = {FSIN, FCOS, FPTAN, FSINCOS};
    static const struct f80 far[] = {{1ull << 63, F80_BIAS + 63},
                                     {~0ull, F80_BIAS + 63},
                                     {1ull << 63, F80_BIAS + 64},
                                     {~0ull, 0x7ffe}};

    fpu_defaults();
    for (unsigned i = 0; i < ARRAY_SIZE(functions) * ARRAY_SIZE(far) * 2; i++) {
        const u8 insn[2] = {0xd9, functions[i % 4]};
        struct f80 x = far[i / 4 % 4];
        struct native_state before, after;

        x.se |= (u16)(i / 16 << 15);
        fpu_random_state(&before);
        before.fx.fcw = 0x37f;
        before.fx.fsw = 0x3800;
        before.fx.ftw = 0x80; /* ST(0) alone */
        before.fx.st[0].se = x.se;
        before.fx.st[0].mant = x.mant;
        after = before;
        CU_ASSERT_EQUAL(fpu_fixture_run(insn, 2, &after), -1);
        CU_ASSERT_EQUAL(after.fx.fsw & (SW_C2 | SW_EXCEPTIONS | 0x3800), SW_C2 | 0x3800);
        CU_ASSERT(st_of(&after, 0).se == x.se && st_of(&after, 0).mant == x.mant);
        /* The next smaller number is in range. */
        before.fx.st[0].se = (u16)((x.se & 0x8000) | (F80_BIAS + 62));
        before.fx.st[0].mant = ~0ull;
        after = before;
        CU_ASSERT_EQUAL(fpu_fixture_run(insn, 2, &after), -1);
        CU_ASSERT(!(after.fx.fsw & SW_C2));
    }
}

TEST_SUITE(x87_accuracy, TEST(within_an_ulp), TEST(small_angles_are_exact),
           TEST(beyond_2_63_sets_c2));
