/* SPDX-License-Identifier: MIT */
/*
 * See series.h. A series ends when a term is 2^-SERIES_BITS of its sum or less; the arguments are such that terms shrink
 * by two bits or more each.
 */
#include "tests/unit/series.h"

static void init(mpf_t a)
{
    mpf_init2(a, SERIES_BITS + 64);
}

/* Has the sum what it can hold? */
static bool is_done(const mpf_t sum, const mpf_t term)
{
    long s, t;

    if (!mpf_sgn(term))
        return true;
    mpf_get_d_2exp(&s, sum);
    mpf_get_d_2exp(&t, term);
    return t < s - SERIES_BITS;
}

/* z = x + x^3/3 + x^5/5 + ... or, alternating, x - x^3/3 + x^5/5 - ... */
static void odd_powers(mpf_t z, const mpf_t x, bool alternating)
{
    mpf_t power, square, term;

    init(power);
    init(square);
    init(term);
    mpf_mul(square, x, x);
    if (alternating)
        mpf_neg(square, square);
    mpf_set(power, x);
    mpf_set(z, x);
    mpf_set(term, x);
    for (unsigned k = 3; mpf_sgn(x) && !is_done(z, term); k += 2) {
        mpf_mul(power, power, square);
        mpf_div_ui(term, power, k);
        mpf_add(z, z, term);
    }
    mpf_clear(power);
    mpf_clear(square);
    mpf_clear(term);
}

/* z = 1 - x^2/2! + x^4/4! ... (from = 0) or x - x^3/3! + ... (from = 1) */
static void circular(mpf_t z, const mpf_t x, unsigned from)
{
    mpf_t square, term;

    init(square);
    init(term);
    mpf_mul(square, x, x);
    mpf_neg(square, square);
    if (from)
        mpf_set(term, x);
    else
        mpf_set_ui(term, 1);
    mpf_set(z, term);
    for (unsigned k = from + 2; mpf_sgn(term); k += 2) {
        mpf_mul(term, term, square);
        mpf_div_ui(term, term, k * (k - 1));
        mpf_add(z, z, term);
        if (is_done(z, term))
            break;
    }
    mpf_clear(square);
    mpf_clear(term);
}

/* pi = 16 atan(1/5) - 4 atan(1/239) */
static void compute_half_pi(mpf_t r)
{
    mpf_t x, t;

    init(x);
    init(t);
    mpf_set_ui(x, 1);
    mpf_div_ui(x, x, 5);
    odd_powers(r, x, true);
    mpf_mul_ui(r, r, 8);
    mpf_set_ui(x, 1);
    mpf_div_ui(x, x, 239);
    odd_powers(t, x, true);
    mpf_mul_ui(t, t, 2);
    mpf_sub(r, r, t);
    mpf_clear(x);
    mpf_clear(t);
}

void series_half_pi(mpf_t r)
{
    static mpf_t half_pi;
    static bool known;

    if (!known) {
        init(half_pi);
        compute_half_pi(half_pi);
    }
    known = true;
    mpf_set(r, half_pi);
}

void series_half_pi66(mpf_t r)
{
    mpf_t whole;

    init(whole);
    series_half_pi(r);
    mpf_mul_2exp(r, r, 65); /* its first bit is 1's */
    mpf_floor(whole, r);
    mpf_div_2exp(r, whole, 65);
    mpf_clear(whole);
}

unsigned series_reduce(mpf_t r, const mpf_t x, const mpf_t half_pi)
{
    mpf_t n, rest;
    unsigned quadrant;

    init(n);
    init(rest);
    mpf_div(n, x, half_pi);
    mpf_set_d(rest, 0.5);
    mpf_add(n, n, rest);
    mpf_floor(n, n);
    mpf_mul(rest, n, half_pi);
    mpf_sub(r, x, rest);
    /* n modulo 4, n being of either sign. */
    mpf_div_2exp(rest, n, 2);
    mpf_floor(rest, rest);
    mpf_mul_2exp(rest, rest, 2);
    mpf_sub(n, n, rest);
    quadrant = (unsigned)mpf_get_ui(n);
    mpf_clear(n);
    mpf_clear(rest);
    return quadrant;
}

void series_sin(mpf_t z, const mpf_t r, unsigned n)
{
    circular(z, r, !(n & 1));
    if (n & 2)
        mpf_neg(z, z);
}

void series_cos(mpf_t z, const mpf_t r, unsigned n)
{
    series_sin(z, r, (n + 1) & 3);
}

void series_tan(mpf_t z, const mpf_t r, unsigned n)
{
    mpf_t c;

    init(c);
    series_sin(z, r, n);
    series_cos(c, r, n);
    mpf_div(z, z, c);
    mpf_clear(c);
}

/* atan(x), 0 <= x <= 1: twice atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))), then the series. */
static void arctangent(mpf_t z, const mpf_t x)
{
    mpf_t t, s;

    init(t);
    init(s);
    mpf_set(t, x);
    for (unsigned i = 0; i < 2; i++) {
        mpf_mul(s, t, t);
        mpf_add_ui(s, s, 1);
        mpf_sqrt(s, s);
        mpf_add_ui(s, s, 1);
        mpf_div(t, t, s);
    }
    odd_powers(z, t, true);
    mpf_mul_2exp(z, z, 2);
    mpf_clear(t);
    mpf_clear(s);
}

void series_atan2(mpf_t z, const mpf_t y, const mpf_t x)
{
    mpf_t ax, ay, half_pi;

    init(ax);
    init(ay);
    init(half_pi);
    series_half_pi(half_pi);
    mpf_abs(ax, x);
    mpf_abs(ay, y);
    if (mpf_cmp(ay, ax) <= 0) {
        mpf_div(ay, ay, ax);
        arctangent(z, ay);
    } else {
        mpf_div(ax, ax, ay);
        arctangent(z, ax);
        mpf_sub(z, half_pi, z);
    }
    if (mpf_sgn(x) < 0) {
        mpf_mul_2exp(half_pi, half_pi, 1);
        mpf_sub(z, half_pi, z);
    }
    if (mpf_sgn(y) < 0)
        mpf_neg(z, z);
    mpf_clear(ax);
    mpf_clear(ay);
    mpf_clear(half_pi);
}

/* 2 atanh(1/3) */
static void ln2(mpf_t r)
{
    static mpf_t value;
    static bool known;

    if (!known) {
        mpf_t third;

        init(value);
        init(third);
        mpf_set_ui(third, 1);
        mpf_div_ui(third, third, 3);
        odd_powers(value, third, false);
        mpf_mul_2exp(value, value, 1);
        mpf_clear(third);
    }
    known = true;
    mpf_set(r, value);
}

void series_exp2m1(mpf_t z, const mpf_t x)
{
    mpf_t t, term;

    init(t);
    init(term);
    ln2(t);
    mpf_mul(t, t, x);
    mpf_set(term, t);
    mpf_set(z, t);
    for (unsigned k = 2; mpf_sgn(x) && !is_done(z, term); k++) {
        mpf_mul(term, term, t);
        mpf_div_ui(term, term, k);
        mpf_add(z, z, term);
    }
    mpf_clear(t);
    mpf_clear(term);
}

/* log2(1 + x) = 2 atanh(x / (2 + x)) / ln 2 */
void series_log2p1(mpf_t z, const mpf_t x)
{
    mpf_t s;

    init(s);
    mpf_add_ui(s, x, 2);
    mpf_div(s, x, s);
    odd_powers(z, s, false);
    mpf_mul_2exp(z, z, 1);
    ln2(s);
    mpf_div(z, z, s);
    mpf_clear(s);
}

void series_log2(mpf_t z, const mpf_t x)
{
    mpf_t m, exponent;
    long e;
    double first = mpf_get_d_2exp(&e, x);

    init(m);
    init(exponent);
    if (first < 0.70710678)
        e--;
    if (e > 0)
        mpf_div_2exp(m, x, (unsigned long)e);
    else
        mpf_mul_2exp(m, x, (unsigned long)-e);
    mpf_sub_ui(m, m, 1);
    series_log2p1(z, m);
    mpf_set_si(exponent, e);
    mpf_add(z, z, exponent);
    mpf_clear(m);
    mpf_clear(exponent);
}
