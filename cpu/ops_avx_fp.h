/* SPDX-License-Identifier: MIT */
/*
 * Floating point of 256 bits under the guest's MXCSR: cpu/sse_fp.h for two lanes at once.
 */
#ifndef CPU_OPS_AVX_FP_H
#define CPU_OPS_AVX_FP_H

#include "cpu/ops_avx.h"
#include "cpu/sse_fp.h"

/* As sse_fp_strict(); without `wide` the upper lane is left out and comes back as 0. */
struct v256 avx_fp_strict(struct vcpu *v, const struct uop *u, struct v256 a, struct v256 b,
                          unsigned imm, sse_fn *fn, unsigned kind, bool wide);

/* As sse_fp(): the result of fn on the lanes. */
static inline __attribute__((always_inline)) struct v256 avx_fp(struct vcpu *v, const struct uop *u,
                                                                struct v256 a, struct v256 b,
                                                                unsigned imm, sse_fn *fn,
                                                                unsigned kind, bool wide)
{
    u32 others = MXCSR_FLAGS & ~MXCSR_PE;

    if (likely((v->fpu.mxcsr & ~others) == (MXCSR_DEFAULT | MXCSR_PE))) {
        struct v256 r = avx_low(fn(a.lo, b.lo, imm));

        if (wide)
            r.hi = fn(a.hi, b.hi, imm);
        if (likely(sse_is_quiet(kind, a.lo, b.lo, r.lo) &&
                   (!wide || sse_is_quiet(kind, a.hi, b.hi, r.hi))))
            return r;
    }
    return avx_fp_strict(v, u, a, b, imm, fn, kind, wide);
}

#endif
