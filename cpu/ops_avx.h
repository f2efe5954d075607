/* SPDX-License-Identifier: MIT */
/*
 * What the handlers of VEX-encoded instructions share: registers of 256 bits as two lanes of 128, and memory operands.
 *
 * A lane is a host vector as in cpu/ops_sse.h, and mostly the two lanes of a result are two results of the SSE operation
 * (cpu/sse_lane.h). So handlers need nothing of the host but what SSE needs, and results are the same on every host.
 * Every VEX-encoded instruction that writes a vector register writes all 256 bits: with VEX.L = 0, and for scalars, the upper
 * lane becomes 0 (SDM vol. 1 §14.1.3). Memory operands need no alignment but where an instruction says so (vol. 2 §2.4).
 *
 * In a micro-op `dst` is the destination, `aux` the register in VEX.vvvv, `src` ModRM.rm, `aux2` VEX.L.
 */
#ifndef CPU_OPS_AVX_H
#define CPU_OPS_AVX_H

#include "cpu/mem256.h"
#include "cpu/ops_sse.h"

static inline bool avx_is_wide(const struct uop *u)
{
    return u->aux2;
}

static inline struct v256 avx_get(struct vcpu *v, unsigned n)
{
    return (struct v256){*(__m128i *)&v->fpu.xmm[n], *(__m128i *)&v->fpu.ymmh[n]};
}

static inline struct v256 avx_low(__m128i x)
{
    return (struct v256){x, _mm_setzero_si128()};
}

/* The same as an array of elements. */
union v256_elements {
    union xmm x[2];
    u32 d[8];
    u64 q[4];
};

static inline union v256_elements avx_unpack(struct v256 x)
{
    return (union v256_elements){.x = {sse_union(x.lo), sse_union(x.hi)}};
}

static inline struct v256 avx_pack(const union v256_elements *e)
{
    return (struct v256){sse_vector(&e->x[0]), sse_vector(&e->x[1])};
}

/* The destination; without `wide` the upper lane becomes 0. */
static inline void avx_put(struct vcpu *v, const struct uop *u, struct v256 x, bool wide)
{
    *(__m128i *)&v->fpu.xmm[u->dst] = x.lo;
    *(__m128i *)&v->fpu.ymmh[u->dst] = wide ? x.hi : _mm_setzero_si128();
}

static inline void avx_put128(struct vcpu *v, const struct uop *u, __m128i x)
{
    *(__m128i *)&v->fpu.xmm[u->dst] = x;
    *(__m128i *)&v->fpu.ymmh[u->dst] = _mm_setzero_si128();
}

/* Memory source of so many bytes (a constant up to 16): zero-extended, any alignment. */
static inline __m128i avx_load_n(struct vcpu *v, const struct uop *u, unsigned bytes)
{
    return bytes == 16 ? sse_load128u(v, u) : sse_low64(sse_load_int(v, u, bytes));
}

/* As wide as VEX.L says. */
static inline struct v256 avx_load(struct vcpu *v, const struct uop *u)
{
    if (!avx_is_wide(u))
        return avx_low(sse_load128u(v, u));
    return mmu_read256(&v->mmu, vcpu_address(v, u, 32, MMU_READ), u);
}

/* `bytes` with VEX.L = 0, twice that with VEX.L = 1; at most 16. */
static inline __m128i avx_load_part(struct vcpu *v, const struct uop *u, unsigned bytes)
{
    return avx_is_wide(u) ? avx_load_n(v, u, 2 * bytes) : avx_load_n(v, u, bytes);
}

static inline void avx_store(struct vcpu *v, const struct uop *u, struct v256 x)
{
    if (avx_is_wide(u))
        mmu_write256(&v->mmu, vcpu_address(v, u, 32, MMU_WRITE), x, u);
    else
        sse_store128u(v, u, x.lo);
}

/* The address of an operand that has to be aligned to its size, or #GP(0). */
static inline gla_t avx_address_aligned(struct vcpu *v, const struct uop *u, enum mmu_access access)
{
    unsigned size = avx_is_wide(u) ? 32 : 16;
    gla_t a = vcpu_address(v, u, size, access);

    if (unlikely(a & (size - 1)))
        uop_raise_err(v, u, VEC_GP, 0);
    return a;
}

/* The register and the memory form of an operation: avx_X(v, u, second source as struct v256). */
#define AVX_PAIR(name, load)                                                                       \
    void op_avx_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        avx_##name(v, u, avx_get(v, u->src));                                                      \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_avx_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        avx_##name(v, u, load);                                                                    \
        uop_next(v, u);                                                                            \
    }
#define AVX_OP(name)                                                                               \
    static inline __attribute__((always_inline)) void avx_##name(                                  \
        struct vcpu *v, const struct uop *u, struct v256 b)

#endif
