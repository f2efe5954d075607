/* SPDX-License-Identifier: MIT */
/*
 * VEX-encoded integer, logical and shuffle micro-ops that do to each lane what SSE does to 128 bits, shifts, and widening moves.
 * Intel SDM vol. 2.
 */
#include "cpu/ops_avx.h"
#include "cpu/sse_lane.h"
#include "cpu/uops.h"

/* --- Operations that AVX and AVX2 brought ----------------------------------------------------- */

/* Elements of a type by the counts in b. */
#define EACH(name, type, part, expr)                                                               \
    static inline __m128i do_##name(__m128i a, __m128i b)                                          \
    {                                                                                              \
        union xmm x = sse_union(a), y = sse_union(b);                                              \
                                                                                                   \
        for (unsigned i = 0; i < sizeof(x) / sizeof(type); i++) {                                  \
            type n = y.part[i], e = x.part[i];                                                     \
            y.part[i] = expr;                                                                      \
        }                                                                                          \
        return sse_vector(&y);                                                                     \
    }
EACH(psrlvd, u32, d, n < 32 ? e >> n : 0)
EACH(psllvd, u32, d, n < 32 ? e << n : 0)
EACH(psravd, u32, d, (u32)((i32)e >> MIN(n, 31u)))
EACH(psrlvq, u64, q, n < 64 ? e >> n : 0)
EACH(psllvq, u64, q, n < 64 ? e << n : 0)

static inline __m128i do_permilps(__m128i a, __m128i b)
{
    union xmm x = sse_union(a), y = sse_union(b);

    return gather32(x.d[y.d[0] & 3], x.d[y.d[1] & 3], x.d[y.d[2] & 3], x.d[y.d[3] & 3]);
}

static inline __m128i do_permilpd(__m128i a, __m128i b)
{
    union xmm x = sse_union(a), y = sse_union(b);

    return gather64(x.q[y.q[0] >> 1 & 1], x.q[y.q[1] >> 1 & 1]);
}

static inline __m128i permilps_i(__m128i a, __m128i b, unsigned imm)
{
    return pshufd(a, b, imm);
}

static inline __m128i permilpd_i(__m128i a, __m128i b, unsigned imm)
{
    (void)a;
    return shufpd(b, b, imm);
}

/* --- Lanes ------------------------------------------------------------------------------------ */

#define AVX_LANE(name)                                                                             \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        struct v256 a = avx_get(v, u->aux);                                                        \
                                                                                                   \
        a.lo = do_##name(a.lo, b.lo);                                                              \
        if (avx_is_wide(u))                                                                        \
            a.hi = do_##name(a.hi, b.hi);                                                          \
        avx_put(v, u, a, avx_is_wide(u));                                                          \
    }                                                                                              \
    AVX_PAIR(name, avx_load(v, u))

#define AVX_IMM(name, step)                                                                        \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        struct v256 a = avx_get(v, u->aux);                                                        \
                                                                                                   \
        a.lo = name(a.lo, b.lo, (unsigned)u->imm);                                                 \
        if (avx_is_wide(u))                                                                        \
            a.hi = name(a.hi, b.hi, (unsigned)u->imm >> (step));                                   \
        avx_put(v, u, a, avx_is_wide(u));                                                          \
    }                                                                                              \
    AVX_PAIR(name, avx_load(v, u))

/* By immediate the register in VEX.vvvv is the destination, ModRM.rm the source. */
#define AVX_SHIFT(name)                                                                            \
    static inline void shift_##name(struct vcpu *v, const struct uop *u, unsigned from, __m128i n) \
    {                                                                                              \
        struct v256 a = avx_get(v, from);                                                          \
                                                                                                   \
        a.lo = do_##name(a.lo, n);                                                                 \
        a.hi = do_##name(a.hi, n);                                                                 \
        avx_put(v, u, a, avx_is_wide(u));                                                          \
    }                                                                                              \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        shift_##name(v, u, u->aux, b.lo);                                                          \
    }                                                                                              \
    AVX_PAIR(name, avx_low(sse_load128u(v, u)))                                                    \
    void op_avx_##name##_i(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        shift_##name(v, u, u->src, sse_low64(u->imm));                                             \
        uop_next(v, u);                                                                            \
    }

#define AVX_WIDEN(name, bytes)                                                                     \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        b.hi = do_##name(b.lo, psrldq(b.lo, bytes));                                               \
        b.lo = do_##name(b.lo, b.lo);                                                              \
        avx_put(v, u, b, avx_is_wide(u));                                                          \
    }                                                                                              \
    AVX_PAIR(name, avx_low(avx_load_part(v, u, bytes)))
#include "cpu/avx_ops.def"

#define SHIFT_BYTES(name)                                                                          \
    void op_avx_##name##_i(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        struct v256 a = avx_get(v, u->src);                                                        \
                                                                                                   \
        a.lo = name(a.lo, (unsigned)u->imm);                                                       \
        a.hi = name(a.hi, (unsigned)u->imm);                                                       \
        avx_put(v, u, a, avx_is_wide(u));                                                          \
        uop_next(v, u);                                                                            \
    }
SHIFT_BYTES(psrldq)
SHIFT_BYTES(pslldq)

AVX_OP(phminposuw)
{
    avx_put128(v, u, do_phminposuw(b.lo, b.lo));
}
AVX_PAIR(phminposuw, avx_low(sse_load128u(v, u)))

/* --- Blends by a register (immediate bits 7:4) ------------------------------------------------ */

static inline __m128i signs8(__m128i m)
{
    return _mm_cmpgt_epi8(_mm_setzero_si128(), m);
}

static inline __m128i signs32(__m128i m)
{
    return _mm_srai_epi32(m, 31);
}

static inline __m128i signs64(__m128i m)
{
    return _mm_srai_epi32(_mm_shuffle_epi32(m, 0xf5), 31);
}

#define BLENDV(name, signs)                                                                        \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        struct v256 a = avx_get(v, u->aux), m = avx_get(v, (u->imm >> 4) & 15);                    \
                                                                                                   \
        a.lo = choose(a.lo, b.lo, signs(m.lo));                                                    \
        a.hi = choose(a.hi, b.hi, signs(m.hi));                                                    \
        avx_put(v, u, a, avx_is_wide(u));                                                          \
    }                                                                                              \
    AVX_PAIR(name, avx_load(v, u))
BLENDV(pblendvb, signs8)
BLENDV(blendvps, signs32)
BLENDV(blendvpd, signs64)

/* --- Tests: flags alone ----------------------------------------------------------------------- */

/* ZF: b has no bit of `which` where a has one; CF: none where a has none. `dst` is the first source. */
static inline void test(struct vcpu *v, const struct uop *u, struct v256 b, __m128i which)
{
    struct v256 a = avx_get(v, u->dst);
    u32 cc = do_ptest(a.lo, _mm_and_si128(b.lo, which));

    if (avx_is_wide(u))
        cc &= do_ptest(a.hi, _mm_and_si128(b.hi, which));
    v->cc = cc;
}

#define TEST(name, which)                                                                          \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        test(v, u, b, which);                                                                      \
    }                                                                                              \
    AVX_PAIR(name, avx_load(v, u))
TEST(ptest, _mm_set1_epi32(-1))
TEST(testps, _mm_set1_epi32((int)0x80000000))
TEST(testpd, _mm_set1_epi64x((long long)(1ull << 63)))

/* --- Signs to a general register -------------------------------------------------------------- */

#define MASK(name, bits)                                                                           \
    void op_avx_##name(struct vcpu *v, const struct uop *u)                                        \
    {                                                                                              \
        struct v256 x = avx_get(v, u->src);                                                        \
        u32 lo, hi;                                                                                \
                                                                                                   \
        __asm__(#name " %1, %0" : "=r"(lo) : "x"(x.lo));                                           \
        __asm__(#name " %1, %0" : "=r"(hi) : "x"(x.hi));                                           \
        v->r[u->dst] = avx_is_wide(u) ? lo | hi << (bits) : lo;                                    \
        uop_next(v, u);                                                                            \
    }
MASK(movmskps, 4)
MASK(movmskpd, 2)
MASK(pmovmskb, 16)
