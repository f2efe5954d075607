/* SPDX-License-Identifier: MIT */
/*
 * SSE floating point under the guest's MXCSR.
 *
 * The operation is executed by the host's own instruction, so results, NaNs and flags are exact
 * once the host's MXCSR agrees with the guest's. Between micro-ops the host's control bits are the
 * C environment's (round to nearest, everything masked, no DAZ, no FTZ) and its flags mean nothing:
 * nothing else in the process is disturbed, and a longjmp finds nothing to undo.
 *
 * LDMXCSR and above all STMXCSR cost more than the operation. The usual guest has default control
 * bits and the inexact flag, which is sticky, set since long ago. Then the instruction is executed
 * as it is, and a look at operands and result shows that no other flag can have been raised: no
 * NaN, infinity or denormal about. Only if there may be one, or with another MXCSR, the operation
 * is done (again) by sse_fp_strict(), which loads and reads MXCSR (cpu/sse_except.c).
 * SDM vol. 1 §10.2.3, §11.5.
 */
#ifndef CPU_SSE_FP_H
#define CPU_SSE_FP_H

#include "cpu/mxcsr.h"
#include "cpu/ops_sse.h"

/* What has to be known of an operation beside its function: which one, the elements' format, how
 * many there are. The first group can overflow or underflow. */
enum sse_op {
    SSE_OP_ADD,
    SSE_OP_SUB,
    SSE_OP_ADDSUB,
    SSE_OP_HADD,
    SSE_OP_HSUB,
    SSE_OP_MUL,
    SSE_OP_DIV,
    SSE_OP_NARROW,  /* double to float; the format is the source's */
    SSE_OP_COMPARE, /* MIN, MAX and all compares */
    SSE_OP_SQRT,
    SSE_OP_ROUND,
    SSE_OP_WIDEN,   /* float to double; the format is the source's */
    SSE_OP_TOINT,   /* the format is that of an integer of the same size */
    SSE_OP_FROMINT, /* any format */
};
enum { SSE_F32 = 0, SSE_F64 = 0x10 };
#define SSE_KIND(op, fmt, n) ((op) | (fmt) | (n) << 8)
#define SSE_KIND_OP(kind) ((kind)&0xf)
#define SSE_KIND_IS64(kind) ((kind)&SSE_F64)
#define SSE_KIND_N(kind) ((kind) >> 8)

static inline u32 sse_get_csr(void)
{
    u32 x;

    __asm__ volatile("stmxcsr %0" : "=m"(x));
    return x;
}

static inline void sse_set_csr(u32 x)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(x));
}

/* Back to the environment of C. */
static inline void sse_reset_csr(void)
{
    static const u32 csr = MXCSR_DEFAULT;

    __asm__ volatile("ldmxcsr %0" : : "m"(csr));
}

/* Any MXCSR that the fast path of sse_fp() does not cover. Updates the flags; raises #XM (#UD
 * without CR4.OSXMMEXCPT) with the flags set and no other effect. vCPU's thread, inside an
 * instruction. */
__m128i sse_fp_strict(struct vcpu *v, const struct uop *u, __m128i a, __m128i b, unsigned imm,
                      sse_fn *fn, unsigned kind);

/* The operation raised these flags: adds them to MXCSR; raises #XM (#UD without CR4.OSXMMEXCPT) if one is unmasked. */
void sse_raise_flags(struct vcpu *v, const struct uop *u, u32 flags);

/* For each element, all ones or 0: |x| above the smallest normal number (which a tiny result may
 * have been rounded up to); |x| at most the largest; x = 0; the first or that. */
static inline __m128i sse_is_big(__m128i x, bool is64)
{
    __m128d d = _mm_andnot_pd(_mm_set1_pd(-0.0), _mm_castsi128_pd(x));
    __m128 f = _mm_andnot_ps(_mm_set1_ps(-0.0f), _mm_castsi128_ps(x));

    return is64 ? _mm_castpd_si128(_mm_cmpgt_pd(d, _mm_set1_pd(__DBL_MIN__)))
                : _mm_castps_si128(_mm_cmpgt_ps(f, _mm_set1_ps(__FLT_MIN__)));
}

static inline __m128i sse_is_finite(__m128i x, bool is64)
{
    __m128d d = _mm_andnot_pd(_mm_set1_pd(-0.0), _mm_castsi128_pd(x));
    __m128 f = _mm_andnot_ps(_mm_set1_ps(-0.0f), _mm_castsi128_ps(x));

    return is64 ? _mm_castpd_si128(_mm_cmple_pd(d, _mm_set1_pd(__DBL_MAX__)))
                : _mm_castps_si128(_mm_cmple_ps(f, _mm_set1_ps(__FLT_MAX__)));
}

static inline __m128i sse_is_zero(__m128i x, bool is64)
{
    return is64 ? _mm_castpd_si128(_mm_cmpeq_pd(_mm_castsi128_pd(x), _mm_setzero_pd()))
                : _mm_castps_si128(_mm_cmpeq_ps(_mm_castsi128_ps(x), _mm_setzero_ps()));
}

static inline __m128i sse_is_big_or_zero(__m128i x, bool is64)
{
    return _mm_or_si128(sse_is_big(x, is64), sse_is_zero(x, is64));
}

/* Is it certain that the operation raised nothing but PE? With control bits as in C. */
static inline __attribute__((always_inline)) bool sse_is_quiet(unsigned kind, __m128i a, __m128i b,
                                                               __m128i r)
{
    bool is64 = SSE_KIND_IS64(kind);
    unsigned all = (1u << SSE_KIND_N(kind)) - 1, good;
    __m128i ok;

    switch ((enum sse_op)SSE_KIND_OP(kind)) {
    case SSE_OP_ADD:
    case SSE_OP_SUB:
    case SSE_OP_ADDSUB:
    case SSE_OP_HADD:
    case SSE_OP_HSUB: /* a tiny sum is exact: no UE */
        ok = _mm_and_si128(sse_is_big_or_zero(a, is64), sse_is_big_or_zero(b, is64));
        ok = _mm_and_si128(ok, sse_is_finite(r, is64));
        break;
    case SSE_OP_MUL: /* a zero is no underflow if an operand is zero */
        ok = _mm_or_si128(sse_is_zero(a, is64), sse_is_zero(b, is64));
        ok = _mm_and_si128(_mm_or_si128(ok, sse_is_big(r, is64)), sse_is_finite(r, is64));
        ok = _mm_and_si128(ok, sse_is_big_or_zero(a, is64));
        ok = _mm_and_si128(ok, sse_is_big_or_zero(b, is64));
        break;
    case SSE_OP_DIV: /* NaN, infinite and zero operands show in the result */
        ok = _mm_and_si128(sse_is_big(a, is64), sse_is_big(b, is64));
        ok = _mm_and_si128(ok, _mm_and_si128(sse_is_big(r, is64), sse_is_finite(r, is64)));
        break;
    case SSE_OP_NARROW: /* denormal doubles give a zero */
        ok = _mm_and_si128(sse_is_big(r, false), sse_is_finite(r, false));
        is64 = false;
        break;
    case SSE_OP_COMPARE:
        ok = _mm_and_si128(sse_is_big_or_zero(a, is64), sse_is_big_or_zero(b, is64));
        break;
    case SSE_OP_SQRT:
        ok = _mm_and_si128(sse_is_big_or_zero(b, is64), sse_is_finite(r, is64));
        break;
    case SSE_OP_ROUND:
        ok = is64 ? _mm_castpd_si128(_mm_cmpord_pd(_mm_castsi128_pd(b), _mm_castsi128_pd(b)))
                  : _mm_castps_si128(_mm_cmpord_ps(_mm_castsi128_ps(b), _mm_castsi128_ps(b)));
        break;
    case SSE_OP_WIDEN: ok = sse_is_big_or_zero(b, is64); break;
    case SSE_OP_TOINT: /* IE gives the integer indefinite */
        if (is64)
            return sse_to64(r) != 1ull << 63;
        ok = _mm_cmpeq_epi32(r, _mm_set1_epi32((int)0x80000000));
        return !((unsigned)_mm_movemask_ps(_mm_castsi128_ps(ok)) & all);
    case SSE_OP_FROMINT: return true;
    default: return false;
    }
    good = is64 ? (unsigned)_mm_movemask_pd(_mm_castsi128_pd(ok))
                : (unsigned)_mm_movemask_ps(_mm_castsi128_ps(ok));
    return (good & all) == all;
}

/* The result of fn(a, b, imm) under the guest's MXCSR, whose flags are updated; fn may be called
 * twice. No access that can escape may follow in the instruction. kind: SSE_KIND(). */
static inline __attribute__((always_inline)) __m128i sse_fp(struct vcpu *v, const struct uop *u,
                                                            __m128i a, __m128i b, unsigned imm,
                                                            sse_fn *fn, unsigned kind)
{
    u32 others = MXCSR_FLAGS & ~MXCSR_PE;

    if (likely((v->fpu.mxcsr & ~others) == (MXCSR_DEFAULT | MXCSR_PE))) {
        __m128i r = fn(a, b, imm);

        if (likely(sse_is_quiet(kind, a, b, r)))
            return r;
    }
    return sse_fp_strict(v, u, a, b, imm, fn, kind);
}

#endif
