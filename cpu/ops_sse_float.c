/* SPDX-License-Identifier: MIT */
/*
 * SSE floating-point arithmetic, compares to masks, rounding and dot products: the host's
 * instruction under the guest's MXCSR (cpu/sse_fp.h). Conversions between XMM registers are regular
 * as well and come from the same table.
 *
 * DPPS and DPPD are made of one multiplication and additions in the manual's order; each stage
 * raises as an instruction of its own would, as the manual says ("exceptions are determined for
 * each add and multiply").
 */
#include "cpu/sse_fp.h"
#include "cpu/sse_lane_fp.h"
#include "cpu/uops.h"

#define ARITHMETIC(name, bytes, imm, kind)                                                         \
    SSE_OP(name)                                                                                   \
    {                                                                                              \
        __m128i *d = sse_reg(v, u->dst);                                                           \
                                                                                                   \
        *d = sse_fp(v, u, *d, b, imm, do_##name, kind);                                            \
    }                                                                                              \
    SSE_FORMS(name, sse_load(v, u, bytes))

#define SSE_FP(name, bytes, op, fmt, n)                                                            \
    ARITHMETIC(name, bytes, 0, SSE_KIND(SSE_OP_##op, SSE_##fmt, n))
#include "cpu/sse_ops.def"

#define SSE_FPI(name, bytes, op, fmt, n)                                                           \
    ARITHMETIC(name, bytes, (unsigned)u->imm, SSE_KIND(SSE_OP_##op, SSE_##fmt, n))
#include "cpu/sse_ops.def"

/* --- Dot products --- */

SSE_OP(dpps)
{
    __m128i a = *sse_reg(v, u->dst);
    __m128i in = mask32((unsigned)u->imm >> 4), out = mask32((unsigned)u->imm & 15);
    __m128i t, even, odd;

    t = sse_fp(v, u, _mm_and_si128(a, in), _mm_and_si128(b, in), 0, do_mulps,
               SSE_KIND(SSE_OP_MUL, SSE_F32, 4));
    even = _mm_and_si128(_mm_shuffle_epi32(t, 0x08), mask32(3)); /* t0, t2 */
    odd = _mm_and_si128(_mm_shuffle_epi32(t, 0x0d), mask32(3));  /* t1, t3 */
    t = sse_fp(v, u, even, odd, 0, do_addps, SSE_KIND(SSE_OP_ADD, SSE_F32, 2));
    t = sse_fp(v, u, t, _mm_shuffle_epi32(t, 0x01), 0, do_addss, SSE_KIND(SSE_OP_ADD, SSE_F32, 1));
    *sse_reg(v, u->dst) = _mm_and_si128(_mm_shuffle_epi32(t, 0), out);
}
SSE_FORMS(dpps, sse_load128(v, u))

SSE_OP(dppd)
{
    __m128i a = *sse_reg(v, u->dst);
    __m128i in = mask64x2((unsigned)u->imm >> 4), out = mask64x2((unsigned)u->imm);
    __m128i t;

    t = sse_fp(v, u, _mm_and_si128(a, in), _mm_and_si128(b, in), 0, do_mulpd,
               SSE_KIND(SSE_OP_MUL, SSE_F64, 2));
    t = sse_fp(v, u, t, _mm_shuffle_epi32(t, 0x4e), 0, do_addsd, SSE_KIND(SSE_OP_ADD, SSE_F64, 1));
    *sse_reg(v, u->dst) = _mm_and_si128(_mm_shuffle_epi32(t, 0x44), out);
}
SSE_FORMS(dppd, sse_load128(v, u))
