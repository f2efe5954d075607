/* SPDX-License-Identifier: MIT */
/*
 * SSE floating point under the guest's MXCSR.
 *
 * The operation is executed by the host's own instruction, so results, NaNs and flags are exact
 * once the host's MXCSR agrees with the guest's. Between micro-ops the host's control bits are the
 * C environment's (round to nearest, everything masked, no DAZ, no FTZ): nothing else in the
 * process may be disturbed, and a longjmp finds nothing to undo. Three cases, by the guest's MXCSR:
 *   - control bits as in C: no LDMXCSR. Flags are sticky, so host flags that the guest has already
 *     do no harm; others are cleared first. What is set afterwards is the guest's.
 *   - another rounding mode, DAZ or FTZ: loaded before, reset after (sse_fp_strict).
 *   - some exception unmasked: sse_fp_strict() decides element by element (cpu/sse_except.c).
 * SDM vol. 1 §10.2.3, §11.5.
 */
#ifndef CPU_SSE_FP_H
#define CPU_SSE_FP_H

#include "cpu/ops_sse.h"

enum {
    MXCSR_IE = 1 << 0,
    MXCSR_DE = 1 << 1,
    MXCSR_ZE = 1 << 2,
    MXCSR_OE = 1 << 3,
    MXCSR_UE = 1 << 4,
    MXCSR_PE = 1 << 5,
    MXCSR_FLAGS = 0x3f,
    MXCSR_DAZ = 1 << 6,
    MXCSR_MASKS = 0x1f80,
    MXCSR_MASK_SHIFT = 7,
    MXCSR_RC = 3 << 13,
    MXCSR_FTZ = 1 << 15,
    MXCSR_DEFAULT = 0x1f80,
};

/* What sse_fp_strict() must know of an operation: which one, the elements' format, how many there
 * are. Those that can neither overflow nor underflow are SSE_OP_NONE. */
enum sse_op {
    SSE_OP_NONE,
    SSE_OP_ADD,
    SSE_OP_SUB,
    SSE_OP_MUL,
    SSE_OP_DIV,
    SSE_OP_NARROW,
    SSE_OP_ADDSUB,
    SSE_OP_HADD,
    SSE_OP_HSUB
};
enum { SSE_F32 = 0, SSE_F64 = 0x10 };
#define SSE_KIND(op, fmt, n) ((op) | (fmt) | (n) << 8)
#define SSE_KIND_OP(kind) ((kind)&0xf)
#define SSE_KIND_IS64(kind) ((kind)&SSE_F64)
#define SSE_KIND_N(kind) ((kind) >> 8)

/* The host's MXCSR, by way of *scratch (in struct vcpu: an addressable local would cost handlers
 * their tail call). */
static inline u32 sse_get_csr(u32 *scratch)
{
    __asm__ volatile("stmxcsr %0" : "=m"(*scratch));
    return *scratch;
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

/* The result of fn(a, b, imm) under the guest's MXCSR, whose flags are updated. No access that can
 * escape may follow in the instruction. kind: SSE_KIND(). */
static inline __attribute__((always_inline)) __m128i sse_fp(struct vcpu *v, const struct uop *u,
                                                            __m128i a, __m128i b, unsigned imm,
                                                            sse_fn *fn, unsigned kind)
{
    u32 csr = v->fpu.mxcsr;
    __m128i r;

    if (unlikely((csr & ~(u32)MXCSR_FLAGS) != MXCSR_DEFAULT))
        return sse_fp_strict(v, u, a, b, imm, fn, kind);
    if (unlikely(sse_get_csr(&v->host_csr) & ~csr))
        sse_reset_csr();
    r = fn(a, b, imm);
    v->fpu.mxcsr = csr | (sse_get_csr(&v->host_csr) & MXCSR_FLAGS);
    return r;
}

#endif
