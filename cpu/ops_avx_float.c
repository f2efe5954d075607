/* SPDX-License-Identifier: MIT */
/*
 * VEX-encoded floating point: SSE's operations on each lane under the guest's MXCSR, scalars whose other elements come from the
 * first source, compares with 32 predicates, dot products, conversions between formats of different sizes.
 *
 * An exception of any element belongs to the whole instruction, so both lanes go through avx_fp() together (cpu/sse_except.c).
 * SDM vol. 1 §14.4, vol. 2.
 */
#include "cpu/ops_avx_fp.h"
#include "cpu/sse_lane.h"
#include "cpu/sse_lane_fp.h"
#include "cpu/uops.h"

/* --- Compares --------------------------------------------------------------------------------- */

/* Predicates 0 to 7 are SSE's. For the others the relation of each pair is found out with instructions that raise what a quiet
 * compare raises, and a signalling one adds its own. Bits: unordered, less, greater, equal. */
enum { REL_UN = 1, REL_LT = 2, REL_GT = 4, REL_EQ = 8 };

static inline unsigned relations(unsigned predicate)
{
    static const u8 of[16] = {
        REL_EQ,
        REL_LT,
        REL_LT | REL_EQ,
        REL_UN,
        REL_UN | REL_LT | REL_GT,
        REL_UN | REL_GT | REL_EQ,
        REL_UN | REL_GT,
        REL_LT | REL_GT | REL_EQ,
        REL_UN | REL_EQ,
        REL_UN | REL_LT,
        REL_UN | REL_LT | REL_EQ,
        0,
        REL_LT | REL_GT,
        REL_GT | REL_EQ,
        REL_GT,
        REL_UN | REL_LT | REL_GT | REL_EQ,
    };

    return of[predicate & 15];
}

/* Does the predicate raise IE for quiet NaNs? In the first 16 those that order do; the others are the opposite of those. */
static inline bool is_signalling(unsigned predicate)
{
    return (0x6666 >> (predicate & 15) & 1) != (predicate >> 4 & 1);
}

static inline __m128i pick(__m128i x, bool wanted)
{
    return wanted ? x : _mm_setzero_si128();
}

#define COMPARE(name)                                                                              \
    static inline __m128i do_v##name(__m128i a, __m128i b, unsigned imm)                           \
    {                                                                                              \
        unsigned want = relations(imm);                                                            \
        __m128i un = do_##name(a, b, 3), lt, gt, eq;                                               \
                                                                                                   \
        if (is_signalling(imm))                                                                    \
            do_##name(a, b, 1);                                                                    \
        a = _mm_andnot_si128(un, a);                                                               \
        b = _mm_andnot_si128(un, b);                                                               \
        lt = _mm_andnot_si128(un, do_##name(a, b, 1));                                             \
        gt = _mm_andnot_si128(un, do_##name(b, a, 1));                                             \
        eq = _mm_andnot_si128(un, do_##name(a, b, 0));                                             \
        lt = _mm_or_si128(pick(lt, want & REL_LT), pick(gt, want & REL_GT));                       \
        return _mm_or_si128(lt, _mm_or_si128(pick(eq, want & REL_EQ), pick(un, want & REL_UN)));   \
    }
COMPARE(cmpps)
COMPARE(cmppd)

/* The same of the lowest elements; the others are zeros, which raise nothing, or a's. */
static inline __m128i do_vcmpss(__m128i a, __m128i b, unsigned imm)
{
    const __m128i low = _mm_set_epi32(0, 0, 0, -1);

    return choose(a, do_vcmpps(_mm_and_si128(a, low), _mm_and_si128(b, low), imm), low);
}

static inline __m128i do_vcmpsd(__m128i a, __m128i b, unsigned imm)
{
    const __m128i low = _mm_set_epi32(0, 0, -1, -1);

    return choose(a, do_vcmppd(_mm_and_si128(a, low), _mm_and_si128(b, low), imm), low);
}

#define do_vroundps do_roundps
#define do_vroundpd do_roundpd
#define do_vroundss do_roundss
#define do_vroundsd do_roundsd

/* --- Lanes and scalars ------------------------------------------------------------------------ */

#define AVX_FP(name, op, fmt, n)                                                                   \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        avx_put(v, u,                                                                              \
                avx_fp(v, u, avx_get(v, u->aux), b, 0, do_##name,                                  \
                       SSE_KIND(SSE_OP_##op, SSE_##fmt, n), avx_is_wide(u)),                       \
                avx_is_wide(u));                                                                   \
    }                                                                                              \
    AVX_PAIR(name, avx_load(v, u))
#define AVX_FPI(name, op, fmt, n)                                                                  \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        avx_put(v, u,                                                                              \
                avx_fp(v, u, avx_get(v, u->aux), b, (unsigned)u->imm, do_v##name,                  \
                       SSE_KIND(SSE_OP_##op, SSE_##fmt, n), avx_is_wide(u)),                       \
                avx_is_wide(u));                                                                   \
    }                                                                                              \
    AVX_PAIR(name, avx_load(v, u))
#define AVX_FPS(name, bytes, op, fmt)                                                              \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        avx_put128(v, u,                                                                           \
                   sse_fp(v, u, *sse_reg(v, u->aux), b.lo, 0, do_##name,                           \
                          SSE_KIND(SSE_OP_##op, SSE_##fmt, 1)));                                   \
    }                                                                                              \
    AVX_PAIR(name, avx_low(avx_load_n(v, u, bytes)))
#define AVX_FPSI(name, bytes, op, fmt)                                                             \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        avx_put128(v, u,                                                                           \
                   sse_fp(v, u, *sse_reg(v, u->aux), b.lo, (unsigned)u->imm, do_v##name,           \
                          SSE_KIND(SSE_OP_##op, SSE_##fmt, 1)));                                   \
    }                                                                                              \
    AVX_PAIR(name, avx_low(avx_load_n(v, u, bytes)))
#include "cpu/avx_ops.def"

/* --- Conversions that change the size --------------------------------------------------------- */

#define WIDEN(name, kind)                                                                          \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        b.hi = psrldq(b.lo, 8);                                                                    \
        b = avx_fp(v, u, b, b, 0, do_##name, kind, avx_is_wide(u));                                \
        avx_put(v, u, b, avx_is_wide(u));                                                          \
    }                                                                                              \
    AVX_PAIR(name, avx_low(avx_load_part(v, u, 8)))
WIDEN(cvtps2pd, SSE_KIND(SSE_OP_WIDEN, SSE_F32, 2))
WIDEN(cvtdq2pd, SSE_KIND(SSE_OP_FROMINT, SSE_F64, 2))

/* A lane gives 64 bits, and both together fill one. */
#define NARROW(name, kind)                                                                         \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        b = avx_fp(v, u, b, b, 0, do_##name, kind, avx_is_wide(u));                                \
        avx_put128(v, u, avx_is_wide(u) ? _mm_unpacklo_epi64(b.lo, b.hi) : b.lo);                  \
    }                                                                                              \
    AVX_PAIR(name, avx_load(v, u))
NARROW(cvtpd2ps, SSE_KIND(SSE_OP_NARROW, SSE_F64, 2))
NARROW(cvtpd2dq, SSE_KIND(SSE_OP_TOINT, SSE_F32, 2))
NARROW(cvttpd2dq, SSE_KIND(SSE_OP_TOINT, SSE_F32, 2))

/* --- Dot products: stages as in cpu/ops_sse_float.c ------------------------------------------- */

static inline struct v256 map(struct v256 x, __m128i (*fn)(__m128i))
{
    return (struct v256){fn(x.lo), fn(x.hi)};
}

static inline __m128i even(__m128i x)
{
    return _mm_and_si128(_mm_shuffle_epi32(x, 0x08), mask32(3));
}

static inline __m128i odd(__m128i x)
{
    return _mm_and_si128(_mm_shuffle_epi32(x, 0x0d), mask32(3));
}

static inline __m128i second(__m128i x)
{
    return _mm_shuffle_epi32(x, 0x01);
}

AVX_OP(dpps)
{
    __m128i in = mask32((unsigned)u->imm >> 4), out = mask32((unsigned)u->imm & 15);
    struct v256 a = avx_get(v, u->aux), t;
    bool wide = avx_is_wide(u);

    a = (struct v256){_mm_and_si128(a.lo, in), _mm_and_si128(a.hi, in)};
    b = (struct v256){_mm_and_si128(b.lo, in), _mm_and_si128(b.hi, in)};
    t = avx_fp(v, u, a, b, 0, do_mulps, SSE_KIND(SSE_OP_MUL, SSE_F32, 4), wide);
    t = avx_fp(v, u, map(t, even), map(t, odd), 0, do_addps, SSE_KIND(SSE_OP_ADD, SSE_F32, 2),
               wide);
    t = avx_fp(v, u, t, map(t, second), 0, do_addss, SSE_KIND(SSE_OP_ADD, SSE_F32, 1), wide);
    t.lo = _mm_and_si128(_mm_shuffle_epi32(t.lo, 0), out);
    t.hi = _mm_and_si128(_mm_shuffle_epi32(t.hi, 0), out);
    avx_put(v, u, t, wide);
}
AVX_PAIR(dpps, avx_load(v, u))

AVX_OP(dppd)
{
    __m128i in = mask64x2((unsigned)u->imm >> 4), out = mask64x2((unsigned)u->imm);
    __m128i t = sse_fp(v, u, _mm_and_si128(*sse_reg(v, u->aux), in), _mm_and_si128(b.lo, in), 0,
                       do_mulpd, SSE_KIND(SSE_OP_MUL, SSE_F64, 2));

    t = sse_fp(v, u, t, _mm_shuffle_epi32(t, 0x4e), 0, do_addsd, SSE_KIND(SSE_OP_ADD, SSE_F64, 1));
    avx_put128(v, u, _mm_and_si128(_mm_shuffle_epi32(t, 0x44), out));
}
AVX_PAIR(dppd, avx_low(sse_load128u(v, u)))
