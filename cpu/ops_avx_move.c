/* SPDX-License-Identifier: MIT */
/*
 * VEX-encoded moves: whole registers, scalars and halves merged with a first source, general registers, inserts and extracts,
 * broadcasts, permutations across lanes; VZEROUPPER and VZEROALL, MXCSR; conversions to and from general registers, compares into
 * flags, string compares and approximations, which are SSE's own. SDM vol. 2.
 */
#include "cpu/fpu.h"
#include "cpu/ops_avx_fp.h"
#include "cpu/sse_lane.h"
#include "cpu/uops.h"

/* --- Whole registers -------------------------------------------------------------------------- */

#define MOVE(name)                                                                                 \
    void op_avx_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        avx_put(v, u, avx_get(v, u->src), avx_is_wide(u));                                         \
        uop_next(v, u);                                                                            \
    }
MOVE(mova)
MOVE(movu)
MOVE(mova_st)
MOVE(movu_st)

static inline struct v256 load_aligned(struct vcpu *v, const struct uop *u)
{
    gla_t a = avx_address_aligned(v, u, MMU_READ);

    return avx_is_wide(u) ? mmu_read256(&v->mmu, a, u) : avx_low(mmu_read128(&v->mmu, a, u));
}

void op_avx_mova_m(struct vcpu *v, const struct uop *u)
{
    avx_put(v, u, load_aligned(v, u), avx_is_wide(u));
    uop_next(v, u);
}

void op_avx_movu_m(struct vcpu *v, const struct uop *u)
{
    avx_put(v, u, avx_load(v, u), avx_is_wide(u));
    uop_next(v, u);
}

void op_avx_mova_st_m(struct vcpu *v, const struct uop *u)
{
    gla_t a = avx_address_aligned(v, u, MMU_WRITE);
    struct v256 x = avx_get(v, u->src);

    if (avx_is_wide(u))
        mmu_write256(&v->mmu, a, x, u);
    else
        mmu_write128(&v->mmu, a, x.lo, u);
    uop_next(v, u);
}

void op_avx_movu_st_m(struct vcpu *v, const struct uop *u)
{
    avx_store(v, u, avx_get(v, u->src));
    uop_next(v, u);
}

void op_avx_zeroupper(struct vcpu *v, const struct uop *u)
{
    memset(v->fpu.ymmh, 0, u->aux * sizeof(v->fpu.ymmh[0]));
    uop_next(v, u);
}

void op_avx_zeroall(struct vcpu *v, const struct uop *u)
{
    memset(v->fpu.xmm, 0, u->aux * sizeof(v->fpu.xmm[0]));
    memset(v->fpu.ymmh, 0, u->aux * sizeof(v->fpu.ymmh[0]));
    uop_next(v, u);
}

/* --- Scalars and halves ----------------------------------------------------------------------- */

/* The lowest 4 or 8 bytes of b, the others of a. */
static inline __m128i low32_of(__m128i a, __m128i b)
{
    return choose(a, b, _mm_set_epi32(0, 0, 0, -1));
}

static inline __m128i low64_of(__m128i a, __m128i b)
{
    return gather64(sse_to64(b), sse_to64(psrldq(a, 8)));
}

#define SCALAR_MOVE(name, merge, bytes)                                                            \
    void op_avx_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        avx_put128(v, u, merge(*sse_reg(v, u->aux), *sse_reg(v, u->src)));                         \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_avx_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        avx_put128(v, u, avx_load_n(v, u, bytes));                                                 \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_avx_##name##_st_r(struct vcpu *v, const struct uop *u)                                 \
    {                                                                                              \
        avx_put128(v, u, merge(*sse_reg(v, u->aux), *sse_reg(v, u->src)));                         \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_avx_##name##_st_m(struct vcpu *v, const struct uop *u)                                 \
    {                                                                                              \
        sse_store_int(v, u, bytes, sse_to64(*sse_reg(v, u->src)));                                 \
        uop_next(v, u);                                                                            \
    }
SCALAR_MOVE(movss, low32_of, 4)
SCALAR_MOVE(movsd, low64_of, 8)

/* VMOVHLPS */
void op_avx_movlps_r(struct vcpu *v, const struct uop *u)
{
    avx_put128(v, u, low64_of(*sse_reg(v, u->aux), psrldq(*sse_reg(v, u->src), 8)));
    uop_next(v, u);
}

void op_avx_movlps_m(struct vcpu *v, const struct uop *u)
{
    avx_put128(v, u, low64_of(*sse_reg(v, u->aux), avx_load_n(v, u, 8)));
    uop_next(v, u);
}

/* VMOVLHPS */
void op_avx_movhps_r(struct vcpu *v, const struct uop *u)
{
    avx_put128(v, u, _mm_unpacklo_epi64(*sse_reg(v, u->aux), *sse_reg(v, u->src)));
    uop_next(v, u);
}

void op_avx_movhps_m(struct vcpu *v, const struct uop *u)
{
    avx_put128(v, u, _mm_unpacklo_epi64(*sse_reg(v, u->aux), avx_load_n(v, u, 8)));
    uop_next(v, u);
}

void op_avx_movlps_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 8, v->fpu.xmm[u->src].q[0]);
    uop_next(v, u);
}

void op_avx_movhps_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 8, v->fpu.xmm[u->src].q[1]);
    uop_next(v, u);
}

AVX_OP(movq)
{
    avx_put128(v, u, _mm_move_epi64(b.lo));
}
AVX_PAIR(movq, avx_low(avx_load_n(v, u, 8)))

void op_avx_movq_st_r(struct vcpu *v, const struct uop *u)
{
    avx_put128(v, u, _mm_move_epi64(*sse_reg(v, u->src)));
    uop_next(v, u);
}

void op_avx_movq_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 8, v->fpu.xmm[u->src].q[0]);
    uop_next(v, u);
}

/* 8 bytes of memory with VEX.L = 0, all 32 with VEX.L = 1. */
AVX_OP(movddup)
{
    b = (struct v256){_mm_shuffle_epi32(b.lo, 0x44), _mm_shuffle_epi32(b.hi, 0x44)};
    avx_put(v, u, b, avx_is_wide(u));
}
AVX_PAIR(movddup, avx_is_wide(u) ? avx_load(v, u) : avx_low(avx_load_n(v, u, 8)))

/* --- General registers ------------------------------------------------------------------------ */

void op_avx_movd_r(struct vcpu *v, const struct uop *u)
{
    avx_put128(v, u, sse_low64(v->r[u->src] & mask64(8u * u->osize)));
    uop_next(v, u);
}

void op_avx_movd_m(struct vcpu *v, const struct uop *u)
{
    avx_put128(v, u, sse_low64(sse_load_int(v, u, u->osize)));
    uop_next(v, u);
}

#define INSERT(name, size)                                                                         \
    static inline void name(struct vcpu *v, const struct uop *u, u64 value)                        \
    {                                                                                              \
        union xmm x = v->fpu.xmm[u->aux];                                                          \
                                                                                                   \
        insert_element(&x, size, (unsigned)u->imm, value);                                         \
        avx_put128(v, u, sse_vector(&x));                                                          \
    }                                                                                              \
    void op_avx_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        name(v, u, v->r[u->src]);                                                                  \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_avx_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        name(v, u, sse_load_int(v, u, size));                                                      \
        uop_next(v, u);                                                                            \
    }
INSERT(pinsrb, 1)
INSERT(pinsrw, 2)
INSERT(pinsrd, u->osize)

static inline void insert_single(struct vcpu *v, const struct uop *u, u32 value)
{
    union xmm x = v->fpu.xmm[u->aux];

    insertps(&x, value, (unsigned)u->imm);
    avx_put128(v, u, sse_vector(&x));
}

void op_avx_insertps_r(struct vcpu *v, const struct uop *u)
{
    insert_single(v, u, v->fpu.xmm[u->src].d[u->imm >> 6 & 3]);
    uop_next(v, u);
}

void op_avx_insertps_m(struct vcpu *v, const struct uop *u)
{
    insert_single(v, u, (u32)sse_load_int(v, u, 4));
    uop_next(v, u);
}

/* --- Across lanes ----------------------------------------------------------------------------- */

#define BROADCAST(name, bytes, set)                                                                \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        b.lo = b.hi = set;                                                                         \
        avx_put(v, u, b, avx_is_wide(u));                                                          \
    }                                                                                              \
    AVX_PAIR(name, avx_low(avx_load_n(v, u, bytes)))
BROADCAST(broadcastb, 1, _mm_set1_epi8((char)sse_to64(b.lo)))
BROADCAST(broadcastw, 2, _mm_set1_epi16((short)sse_to64(b.lo)))
BROADCAST(broadcastd, 4, _mm_shuffle_epi32(b.lo, 0))
BROADCAST(broadcastq, 8, _mm_shuffle_epi32(b.lo, 0x44))
BROADCAST(broadcast128, 16, b.lo)

/* Element i of eight or of four. */
static inline u32 element32(const union xmm *x, u32 i)
{
    return x[i >> 2 & 1].d[i & 3];
}

static inline u64 element64(const union xmm *x, unsigned i)
{
    return x[i >> 1 & 1].q[i & 1];
}

/* VPERMD, VPERMPS: the indices are the first source. */
AVX_OP(permd)
{
    union xmm x[2] = {sse_union(b.lo), sse_union(b.hi)};
    struct v256 a = avx_get(v, u->aux);
    union xmm lo = sse_union(a.lo), hi = sse_union(a.hi);

    a.lo = gather32(element32(x, lo.d[0]), element32(x, lo.d[1]), element32(x, lo.d[2]),
                    element32(x, lo.d[3]));
    a.hi = gather32(element32(x, hi.d[0]), element32(x, hi.d[1]), element32(x, hi.d[2]),
                    element32(x, hi.d[3]));
    avx_put(v, u, a, true);
}
AVX_PAIR(permd, avx_load(v, u))

/* VPERMQ, VPERMPD */
AVX_OP(permq)
{
    union xmm x[2] = {sse_union(b.lo), sse_union(b.hi)};
    unsigned imm = (unsigned)u->imm;

    b.lo = gather64(element64(x, imm & 3), element64(x, imm >> 2 & 3));
    b.hi = gather64(element64(x, imm >> 4 & 3), element64(x, imm >> 6 & 3));
    avx_put(v, u, b, true);
}
AVX_PAIR(permq, avx_load(v, u))

/* One of the four lanes, or zeros. */
static inline __m128i lane_of(struct v256 a, struct v256 b, unsigned imm)
{
    struct v256 x = imm & 2 ? b : a;

    return imm & 8 ? _mm_setzero_si128() : imm & 1 ? x.hi : x.lo;
}

AVX_OP(perm2x128)
{
    struct v256 a = avx_get(v, u->aux), r;

    r.lo = lane_of(a, b, (unsigned)u->imm);
    r.hi = lane_of(a, b, (unsigned)u->imm >> 4);
    avx_put(v, u, r, true);
}
AVX_PAIR(perm2x128, avx_load(v, u))

AVX_OP(insert128)
{
    struct v256 a = avx_get(v, u->aux);

    if (u->imm & 1)
        a.hi = b.lo;
    else
        a.lo = b.lo;
    avx_put(v, u, a, true);
}
AVX_PAIR(insert128, avx_low(sse_load128u(v, u)))

void op_avx_extract128_r(struct vcpu *v, const struct uop *u)
{
    struct v256 x = avx_get(v, u->src);

    avx_put128(v, u, u->imm & 1 ? x.hi : x.lo);
    uop_next(v, u);
}

void op_avx_extract128_m(struct vcpu *v, const struct uop *u)
{
    struct v256 x = avx_get(v, u->src);

    sse_store128u(v, u, u->imm & 1 ? x.hi : x.lo);
    uop_next(v, u);
}
