/* SPDX-License-Identifier: MIT */
/*
 * RCPPS, RCPSS, RSQRTPS, RSQRTSS.
 *
 * The manual allows any result within a relative error of 1.5 * 2^-12, and CPUs differ. So that a
 * run is the same on every host the result here is 1/x or 1/sqrt(x) correctly rounded (to nearest)
 * to 12 significant bits, a relative error of at most 2^-12, computed with integers. Denormal
 * sources count as zeros, results that would be denormal become zeros; MXCSR is neither read nor
 * written. Special values are the manual's:
 *   RCP:    +-0 -> +-inf, +-inf -> +-0, NaN -> the quiet NaN
 *   RSQRT:  +-0 -> +-inf, +inf -> +0, NaN -> the quiet NaN, other negatives -> the default NaN
 * Intel SDM vol. 2, RCPPS and RSQRTPS.
 */
#include "cpu/ops_avx.h"
#include "cpu/uops.h"

#define F32_SIGN 0x80000000u
#define F32_INF 0x7f800000u
#define F32_QUIET 0x00400000u
#define F32_DEFAULT_NAN 0xffc00000u

/* The float sign | q * 2^(exp - 11), where 2^11 <= q <= 2^12. */
static u32 pack12(u32 sign, int exp, u32 q)
{
    if (q >> 12) {
        q >>= 1;
        exp++;
    }
    if (exp < -126)
        return sign;
    return sign | (u32)(exp + 127) << 23 | (q & 0x7ff) << 12;
}

static u32 rcp(u32 x)
{
    u32 sign = x & F32_SIGN, m = (x & 0x7fffff) | 0x800000;
    int exp = (int)(x >> 23 & 0xff);
    u32 q;

    if (exp == 0xff)
        return x & 0x7fffff ? x | F32_QUIET : sign;
    if (exp == 0)
        return sign | F32_INF;
    /* x = m * 2^(exp - 150); 1/x = (2^35 / m) * 2^(115 - exp), the quotient in (2^11, 2^12]. No
     * ties: for a tie m would have to divide a power of two. */
    q = (u32)(((1ull << 36) / m + 1) >> 1);
    return pack12(sign, 126 - exp, q);
}

static u32 rsqrt(u32 x)
{
    u32 sign = x & F32_SIGN;
    u64 m = (x & 0x7fffff) | 0x800000;
    int exp = (int)(x >> 23 & 0xff), e;
    u32 q = 0;

    if (exp == 0xff && (x & 0x7fffff))
        return x | F32_QUIET;
    if (exp == 0)
        return sign | F32_INF;
    if (sign)
        return F32_DEFAULT_NAN;
    if (exp == 0xff)
        return 0;
    /* x = m * 2^(e - 23) with even e and m in [2^23, 2^25). q becomes the largest number with
     * q^2 * m <= 2^47, that is floor(2^12 / sqrt(m * 2^-23)), then is rounded by its next bit. */
    e = exp - 127;
    if (e & 1) {
        m <<= 1;
        e--;
    }
    for (u32 bit = 1u << 12; bit; bit >>= 1) {
        if ((u64)(q | bit) * (q | bit) * m <= 1ull << 47)
            q |= bit;
    }
    if ((u64)(2 * q + 1) * (2 * q + 1) * m <= 1ull << 49)
        q++;
    return pack12(0, -e / 2 - 1, q);
}

#define APPROX(name, fn)                                                                           \
    static inline __m128i name##ps(__m128i a)                                                      \
    {                                                                                              \
        union xmm x = sse_union(a);                                                                \
                                                                                                   \
        for (unsigned i = 0; i < 4; i++)                                                           \
            x.d[i] = fn(x.d[i]);                                                                   \
        return sse_vector(&x);                                                                     \
    }                                                                                              \
    SSE_OP(name##ps)                                                                               \
    {                                                                                              \
        *sse_reg(v, u->dst) = name##ps(b);                                                         \
    }                                                                                              \
    SSE_FORMS(name##ps, sse_load128(v, u))                                                         \
    SSE_OP(name##ss)                                                                               \
    {                                                                                              \
        v->fpu.xmm[u->dst].d[0] = fn((u32)sse_to64(b));                                            \
    }                                                                                              \
    SSE_FORMS(name##ss, sse_load(v, u, 4))
APPROX(rcp, rcp)
APPROX(rsqrt, rsqrt)

/* VEX-encoded. */
#define VEX_APPROX(name, fn)                                                                       \
    AVX_OP(name##ps)                                                                               \
    {                                                                                              \
        b.lo = name##ps(b.lo);                                                                     \
        b.hi = name##ps(b.hi);                                                                     \
        avx_put(v, u, b, avx_is_wide(u));                                                          \
    }                                                                                              \
    AVX_PAIR(name##ps, avx_load(v, u))                                                             \
    AVX_OP(name##ss)                                                                               \
    {                                                                                              \
        union xmm x = v->fpu.xmm[u->aux];                                                          \
                                                                                                   \
        x.d[0] = fn((u32)sse_to64(b.lo));                                                          \
        avx_put128(v, u, sse_vector(&x));                                                          \
    }                                                                                              \
    AVX_PAIR(name##ss, avx_low(avx_load_n(v, u, 4)))
VEX_APPROX(rcp, rcp)
VEX_APPROX(rsqrt, rsqrt)
