/* SPDX-License-Identifier: MIT */
/*
 * Transcendental instructions. Against the host: results within one unit in the last place inside
 * the argument ranges in which hosts promise that, and everything else (registers, tags, exceptions
 * but PE and UE, memory) equal; special operands bit for bit. Against the definition: correct
 * rounding is checked with MPFR at a far higher precision, in all four directions, which also fixes
 * PE and C1.
 */
#include <stdio.h>
#include <stdlib.h>

#define MPFR_USE_INTMAX_T
#include <stdint.h>

#include <mpfr.h>

#include "cpu/f80.h"
#include "tests/lib/suite.h"
#include "tests/unit/fpu_fixture.h"

static const struct function {
    const char *name;
    u8 modrm;
    bool binary, trigonometric, pushes;
} functions[] = {
    {"F2XM1", 0xf0, false, false, false},  {"FYL2X", 0xf1, true, false, false},
    {"FPTAN", 0xf2, false, true, true},    {"FPATAN", 0xf3, true, false, false},
    {"FYL2XP1", 0xf9, true, false, false}, {"FSINCOS", 0xfb, false, true, true},
    {"FSIN", 0xfe, false, true, false},    {"FCOS", 0xff, false, true, false},
};

static struct f80 get_st(const struct native_state *s, unsigned i)
{
    return f80_make(s->fx.st[i].se, s->fx.st[i].mant);
}

static void set_st(struct native_state *s, unsigned i, struct f80 a)
{
    s->fx.st[i].se = a.se;
    s->fx.st[i].mant = a.mant;
}

/* Distance in units in the last place, huge for different signs. */
static u64 distance(struct f80 a, struct f80 b)
{
    if (a.se == b.se)
        return a.mant > b.mant ? a.mant - b.mant : b.mant - a.mant;
    if (a.se == b.se + 1 && a.mant == F80_INTEGER_BIT && b.mant == ~0ull)
        return 1;
    if (b.se == a.se + 1 && b.mant == F80_INTEGER_BIT && a.mant == ~0ull)
        return 1;
    return ~0ull;
}

/* A number of magnitude 2^low to 2^high. */
static struct f80 number(int low, int high)
{
    unsigned exp = (unsigned)(F80_BIAS + low + (int)(fpu_random() % (unsigned)(high - low)));

    return f80_make(exp | (fpu_random() & 1) << 15, fpu_random() | F80_INTEGER_BIT);
}

static void in_range_operands(const struct function *f, struct native_state *s)
{
    switch (f->modrm) {
    case 0xf0: set_st(s, 0, number(-70, 0)); break;
    case 0xf1:
        set_st(s, 0, number(-200, 200));
        s->fx.st[0].se &= 0x7fff;
        set_st(s, 1, number(-100, 100));
        break;
    case 0xf9:
        set_st(s, 0, number(-70, -2));
        set_st(s, 1, number(-100, 100));
        break;
    case 0xf3:
        set_st(s, 0, number(-40, 40));
        set_st(s, 1, number(-40, 40));
        break;
    default: set_st(s, 0, number(-60, 62)); break;
    }
}

/* Hosts set PE (and for denormals UE) for all functions but the trivial ones, we for inexact
 * results. */
static bool exact_result(const struct fpu_outcome *ours, const struct fpu_outcome *host)
{
    return !(ours->s.fx.fsw & SW_PE) && (host->s.fx.fsw & SW_PE) &&
           !distance(get_st(&ours->s, 0), get_st(&host->s, 0));
}

static bool close_to_host(const struct fpu_outcome *ours, const struct fpu_outcome *host)
{
    struct fpu_outcome o = *ours, h = *host;

    for (unsigned i = 0; i < 2; i++) {
        if (distance(get_st(&o.s, i), get_st(&h.s, i)) <= 1)
            set_st(&o.s, i, get_st(&h.s, i));
    }
    if (exact_result(ours, host)) {
        h.s.fx.fsw &= (u16) ~(SW_PE | SW_UE | SW_ES | SW_B);
        o.s.fx.fsw &= (u16) ~(SW_UE | SW_ES | SW_B);
    }
    o.s.fx.fsw &= (u16)~SW_C1;
    h.s.fx.fsw &= (u16)~SW_C1;
    return fpu_same(&o, &h);
}

/* Operands for which the manuals define nothing. */
static bool is_undefined(const struct function *f, const struct native_state *s)
{
    struct f80 x = get_st(s, 0);

    return f->modrm == 0xf9 && f80_exp(x) > F80_BIAS - 2 && f80_exp(x) < 0x7fff;
}

static void run(const struct function *f, bool special, unsigned limit)
{
    const char *only = getenv("X87_ROW");
    unsigned failed = 0;

    if (only && strcmp(only, f->name))
        return;
    for (unsigned n = 0; n < fpu_case_count(); n++) {
        const u8 insn[2] = {0xd9, f->modrm};
        struct native_state before;
        struct fpu_outcome ours, host;
        u8 memory[sizeof(ours.memory)] = {0};

        fpu_random_state(&before);
        if (!special) {
            in_range_operands(f, &before);
            before.fx.fcw |= SW_EXCEPTIONS;
            before.fx.ftw = 0xff;
            if (f->pushes)
                before.fx.ftw &= (u8) ~(1 << ((before.fx.fsw >> 11 & 7) + 7) % 8);
        }
        if (is_undefined(f, &before))
            continue;
        fpu_run_both(insn, 2, &before, &ours, &host);
        if (!close_to_host(&ours, &host) && failed++ < limit)
            fpu_report(f->name, insn, 2, &before, memory, &ours, &host);
    }
    if (failed)
        printf("%s: %u of %u differ\n", f->name, failed, fpu_case_count());
    CU_ASSERT_EQUAL(failed, 0);
}

static void within_an_ulp_of_the_host(void)
{
    fpu_defaults();
    fpu_random_seed(3);
    for (unsigned i = 0; i < ARRAY_SIZE(functions); i++)
        run(&functions[i], false, 2);
}

static void any_operands(void)
{
    fpu_defaults();
    fpu_random_seed(4);
    for (unsigned i = 0; i < ARRAY_SIZE(functions); i++)
        run(&functions[i], true, 2);
}

/* --- Correct rounding ------------------------------------------------------------------------- */

static void to_mpfr(mpfr_t m, struct f80 a)
{
    mpfr_set_uj_2exp(m, a.mant, (int)f80_exp(a) - F80_BIAS - 63, MPFR_RNDN);
    mpfr_setsign(m, m, f80_sign(a), MPFR_RNDN);
}

enum { PREC_DEFINITION = 600 };

/* t = f(x, y) by its definition, to about 500 bits. */
static void define(mpfr_t t, const struct function *f, mpfr_t x, mpfr_t y)
{
    mpfr_t u;

    mpfr_init2(u, PREC_DEFINITION);
    switch (f->modrm) {
    case 0xf0:
        mpfr_exp2(t, x, MPFR_RNDN);
        mpfr_sub_ui(t, t, 1, MPFR_RNDN);
        break;
    case 0xf1:
    case 0xf9:
        mpfr_add_ui(u, x, f->modrm == 0xf9, MPFR_RNDN);
        mpfr_log2(t, u, MPFR_RNDN);
        mpfr_mul(t, t, y, MPFR_RNDN);
        break;
    case 0xf2: mpfr_tan(t, x, MPFR_RNDN); break;
    case 0xf3: mpfr_atan2(t, y, x, MPFR_RNDN); break;
    case 0xff: mpfr_cos(t, x, MPFR_RNDN); break;
    default: mpfr_sin(t, x, MPFR_RNDN); break;
    }
    mpfr_clear(u);
}

static void check_rounding(const struct function *f, const struct native_state *before,
                           const struct native_state *after)
{
    static const mpfr_rnd_t directions[4] = {MPFR_RNDN, MPFR_RNDD, MPFR_RNDU, MPFR_RNDZ};
    mpfr_t x, y, t, r, got;

    mpfr_inits2(PREC_DEFINITION, x, y, t, got, (mpfr_ptr)NULL);
    mpfr_init2(r, 64);
    to_mpfr(x, get_st(before, 0));
    to_mpfr(y, get_st(before, 1));
    define(t, f, x, y);
    mpfr_set(r, t, directions[before->fx.fcw >> 10 & 3]);
    to_mpfr(got, get_st(after, f->pushes ? 1 : 0));
    CU_ASSERT(mpfr_equal_p(got, r));
    if (f->modrm != 0xfb) {
        bool exact = mpfr_equal_p(r, t);
        CU_ASSERT_EQUAL(!exact, !!(after->fx.fsw & SW_PE));
        CU_ASSERT_EQUAL(!exact && mpfr_cmpabs(r, t) > 0, !!(after->fx.fsw & SW_C1));
    }
    mpfr_clears(x, y, t, r, got, (mpfr_ptr)NULL);
}

static void correctly_rounded(void)
{
    fpu_defaults();
    fpu_random_seed(5);
    for (unsigned i = 0; i < ARRAY_SIZE(functions); i++) {
        for (unsigned n = 0; n < fpu_case_count() / 4; n++) {
            const u8 insn[2] = {0xd9, functions[i].modrm};
            struct native_state before, after;

            fpu_random_state(&before);
            in_range_operands(&functions[i], &before);
            /* Beyond pi/4 the definition is that of the reduced argument. */
            if (functions[i].trigonometric)
                set_st(&before, 0, number(-60, -1));
            before.fx.fcw |= SW_EXCEPTIONS;
            before.fx.ftw =
                (u8)(functions[i].pushes ? ~(1 << ((before.fx.fsw >> 11 & 7) + 7) % 8) : 0xff);
            before.fx.fsw &= (u16)~SW_PE;
            after = before;
            CU_ASSERT_EQUAL(fpu_fixture_run(insn, 2, &after), -1);
            check_rounding(&functions[i], &before, &after);
        }
    }
}

TEST_SUITE(x87_trans, TEST(within_an_ulp_of_the_host), TEST(any_operands), TEST(correctly_rounded));
