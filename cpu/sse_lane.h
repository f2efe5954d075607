/* SPDX-License-Identifier: MIT */
/*
 * What SSE's integer, logical and shuffle instructions do to 128 bits; those of AVX and AVX2 do the same to each lane. Regular
 * ones are the host's instruction; those with an immediate are written in C, because the host's wants it in its code. SDM vol. 2.
 */
#ifndef CPU_SSE_LANE_H
#define CPU_SSE_LANE_H

#include "cpu/ops_sse.h"

#define SSE_INT(name, bytes)                                                                       \
    static inline __m128i do_##name(__m128i a, __m128i b)                                          \
    {                                                                                              \
        __asm__(#name " %1, %0" : "+x"(a) : "x"(b));                                               \
        return a;                                                                                  \
    }
#include "cpu/sse_ops.def"

/* --- With an immediate ---
 * Results are put together in registers: reading 16 bytes back from smaller stores would stall.
 */

static inline __m128i gather32(u32 e0, u32 e1, u32 e2, u32 e3)
{
    return _mm_set_epi32((int)e3, (int)e2, (int)e1, (int)e0);
}

static inline __m128i gather64(u64 e0, u64 e1)
{
    return _mm_set_epi64x((long long)e1, (long long)e0);
}

static inline __m128i pshufd(__m128i a, __m128i b, unsigned imm)
{
    union xmm x = sse_union(b);

    (void)a;
    return gather32(x.d[imm & 3], x.d[(imm >> 2) & 3], x.d[(imm >> 4) & 3], x.d[(imm >> 6) & 3]);
}

/* The four words of q, picked by imm. */
static inline u64 shuffle_words(u64 q, unsigned imm)
{
    u64 r = 0;

    for (unsigned i = 0; i < 4; i++)
        r |= (q >> 16 * ((imm >> 2 * i) & 3) & 0xffff) << 16 * i;
    return r;
}

static inline __m128i pshuflw(__m128i a, __m128i b, unsigned imm)
{
    union xmm x = sse_union(b);

    (void)a;
    return gather64(shuffle_words(x.q[0], imm), x.q[1]);
}

static inline __m128i pshufhw(__m128i a, __m128i b, unsigned imm)
{
    union xmm x = sse_union(b);

    (void)a;
    return gather64(x.q[0], shuffle_words(x.q[1], imm));
}

static inline __m128i shufps(__m128i a, __m128i b, unsigned imm)
{
    union xmm x = sse_union(a), y = sse_union(b);

    return gather32(x.d[imm & 3], x.d[(imm >> 2) & 3], y.d[(imm >> 4) & 3], y.d[(imm >> 6) & 3]);
}

static inline __m128i shufpd(__m128i a, __m128i b, unsigned imm)
{
    union xmm x = sse_union(a), y = sse_union(b);

    return gather64(x.q[imm & 1], y.q[(imm >> 1) & 1]);
}

/* 16 bytes of b (low) and a (high) from byte imm; zeros come in behind a. */
static inline __m128i palignr(__m128i a, __m128i b, unsigned imm)
{
    __m128i both[4] = {b, a, _mm_setzero_si128(), _mm_setzero_si128()};

    return _mm_loadu_si128((const __m128i *)((const u8 *)both + MIN(imm, 32u)));
}

/* Bits of b where mask is set, of a elsewhere. */
static inline __m128i choose(__m128i a, __m128i b, __m128i mask)
{
    return _mm_or_si128(_mm_andnot_si128(mask, a), _mm_and_si128(mask, b));
}

static inline __m128i pblendw(__m128i a, __m128i b, unsigned imm)
{
    const __m128i bit = _mm_set_epi16(128, 64, 32, 16, 8, 4, 2, 1);

    return choose(a, b, _mm_cmpeq_epi16(_mm_and_si128(_mm_set1_epi16((short)imm), bit), bit));
}

static inline __m128i blendps(__m128i a, __m128i b, unsigned imm)
{
    const __m128i bit = _mm_set_epi32(8, 4, 2, 1);

    return choose(a, b, _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int)imm), bit), bit));
}

static inline __m128i blendpd(__m128i a, __m128i b, unsigned imm)
{
    return choose(a, b, gather64(-(u64)(imm & 1), -(u64)(imm >> 1 & 1)));
}

/* PINSRB and its like: `value` to element n of `size` bytes. */
static inline void insert_element(union xmm *x, unsigned size, unsigned n, u64 value)
{
    switch (size) {
    case 1: x->b[n & 15] = (u8)value; break;
    case 2: x->w[n & 7] = (u16)value; break;
    case 4: x->d[n & 3] = (u32)value; break;
    default: x->q[n & 1] = value; break;
    }
}

/* INSERTPS: `value` to element imm[5:4], then elements in imm[3:0] become 0. */
static inline void insertps(union xmm *x, u32 value, unsigned imm)
{
    x->d[(imm >> 4) & 3] = value;
    for (unsigned i = 0; i < 4; i++) {
        if (imm >> i & 1)
            x->d[i] = 0;
    }
}

/* Eight sums of absolute differences of four bytes: b's block is fixed, a's slides. */
static inline __m128i mpsadbw(__m128i a, __m128i b, unsigned imm)
{
    unsigned oa = imm & 4, ob = (imm & 3) * 4;
    union xmm x = sse_union(a), y = sse_union(b), r;

    for (unsigned i = 0; i < 8; i++) {
        unsigned sum = 0;

        for (unsigned k = 0; k < 4; k++) {
            int d = x.b[oa + i + k] - y.b[ob + k];
            sum += (unsigned)(d < 0 ? -d : d);
        }
        r.w[i] = (u16)sum;
    }
    return sse_vector(&r);
}

/* ZF: no bit of b set where a has one; CF: none where a has none. */
static inline u32 do_ptest(__m128i a, __m128i b)
{
    bool z, c;

    __asm__("ptest %3, %2" : "=@ccz"(z), "=@ccc"(c) : "x"(a), "x"(b));
    return (z ? CC_ZF : 0) | (c ? CC_CF : 0);
}

static inline __m128i psrldq(__m128i a, unsigned n)
{
    __m128i both[2] = {a, _mm_setzero_si128()};

    return _mm_loadu_si128((const __m128i *)((const u8 *)both + MIN(n, 16u)));
}

static inline __m128i pslldq(__m128i a, unsigned n)
{
    __m128i both[2] = {_mm_setzero_si128(), a};

    return _mm_loadu_si128((const __m128i *)((const u8 *)both + 16 - MIN(n, 16u)));
}

#endif
