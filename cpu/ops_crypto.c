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
    SSE_OP(name)                                                                                   \
    {                                                                                              \
        __m128i *d = sse_reg(v, u->dst);                                                           \
                                                                                                   \
        *d = crypto_##name(*d, b, (unsigned)u->imm);                                               \
    }                                                                                              \
    SSE_FORMS(name, load)
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

SSE_OP(sha256rnds2)
{
    __m128i *d = sse_reg(v, u->dst);

    *d = crypto_sha256rnds2(*d, b, *sse_reg(v, 0));
}
SSE_FORMS(sha256rnds2, sse_load128u(v, u))
