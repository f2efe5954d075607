/* SPDX-License-Identifier: MIT */
/*
 * AES, PCLMULQDQ and SHA micro-ops: cpu/crypto.c on registers and memory. SDM vol. 2.
 *
 * Memory operands of the SHA instructions need no alignment, as on AMD. DEVIATION from the SDM, which has them raise #GP(0) (vol. 2
 * table 2-21).
 */
#include "cpu/crypto.h"
#include "cpu/ops_avx.h"
#include "cpu/uops.h"

#define LEGACY(name, load)                                                                         \
    void op_sse_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        __m128i *d = sse_reg(v, u->dst);                                                           \
                                                                                                   \
        *d = crypto_##name(*d, *sse_reg(v, u->src), (unsigned)u->imm);                             \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_sse_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        __m128i *d = sse_reg(v, u->dst), b = load;                                                 \
                                                                                                   \
        *d = crypto_##name(*d, b, (unsigned)u->imm);                                               \
        uop_next(v, u);                                                                            \
    }
#define VEX(name)                                                                                  \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        avx_put128(v, u, crypto_##name(*sse_reg(v, u->aux), b.lo, (unsigned)u->imm));              \
    }                                                                                              \
    AVX_PAIR(name, avx_low(sse_load128u(v, u)))
#define SSE_CRYPTO(name, vex) vex(name)
#define WITH_VEX(name) LEGACY(name, sse_load128(v, u)) VEX(name)
#define WITHOUT_VEX(name) LEGACY(name, sse_load128u(v, u))
#include "cpu/sse_ops.def"

static __m128i crypto_sha256rnds2_xmm0(struct vcpu *v, __m128i a, __m128i b)
{
    return crypto_sha256rnds2(a, b, *sse_reg(v, 0));
}

void op_sse_sha256rnds2_r(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = crypto_sha256rnds2_xmm0(v, *sse_reg(v, u->dst), *sse_reg(v, u->src));
    uop_next(v, u);
}

void op_sse_sha256rnds2_m(struct vcpu *v, const struct uop *u)
{
    __m128i b = sse_load128u(v, u);

    *sse_reg(v, u->dst) = crypto_sha256rnds2_xmm0(v, *sse_reg(v, u->dst), b);
    uop_next(v, u);
}
