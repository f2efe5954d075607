/* SPDX-License-Identifier: MIT */
/*
 * The transcendental functions of the x87 by their power series, to about 400 bits, with nothing but GMP's additions,
 * multiplications, divisions and square roots: a judge that shares no code with what cpu/x87_math.c computes with. Slow,
 * short, and for finite arguments only.
 */
#ifndef X86SIM_TESTS_UNIT_SERIES_H
#define X86SIM_TESTS_UNIT_SERIES_H

#include <gmp.h>

#include "src/base/types.h"

enum { SERIES_BITS = 448 };

/* r = pi / 2, and the 66 bits of it with which x87s reduce arguments (SDM vol. 1 §8.3.8). */
void series_half_pi(mpf_t r);
void series_half_pi66(mpf_t r);
/* x, |x| < 2^63, less a multiple n of half_pi, at most half_pi / 2 away from 0; returns n modulo 4. */
unsigned series_reduce(mpf_t r, const mpf_t x, const mpf_t half_pi);
/* sin, cos and tan of the angle that series_reduce() made r and n of. */
void series_sin(mpf_t z, const mpf_t r, unsigned n);
void series_cos(mpf_t z, const mpf_t r, unsigned n);
void series_tan(mpf_t z, const mpf_t r, unsigned n);
/* The angle of the point (x, y), not both 0. */
void series_atan2(mpf_t z, const mpf_t y, const mpf_t x);
/* 2^x - 1, |x| <= 1 */
void series_exp2m1(mpf_t z, const mpf_t x);
/* log2(x), x > 0 */
void series_log2(mpf_t z, const mpf_t x);
/* log2(1 + x), |x| <= 1/2 */
void series_log2p1(mpf_t z, const mpf_t x);

#endif
