/* SPDX-License-Identifier: MIT */
/*
 * What the SSE micro-op handlers (cpu/ops_sse_*.c) share: registers as host vectors and memory
 * operands.
 *
 * A handler holds its operands as __m128i values, executes the guest's instruction itself in an asm
 * statement and stores the result. Asm rather than intrinsics, because a compiler may commute, fold
 * or move what an intrinsic stands for, and NaN operands, MXCSR and the order of operands are the
 * guest's. It also needs no target option: the host must have what the guest's CPUID announces
 * (x86-64-v2).
 *
 * Handlers come from the rows of cpu/sse_ops.def: op_sse_X_r (register source), op_sse_X_m (memory
 * source). In a micro-op `dst` is the destination and first source, `src` the second. Memory
 * operands of 16 bytes must be aligned, or #GP(0); the few instructions that say otherwise use the
 * functions that end in u (SDM vol. 2 §2.7).
 */
#ifndef CPU_OPS_SSE_H
#define CPU_OPS_SSE_H

#include <emmintrin.h>

#include "cpu/address.h"
#include "cpu/fpu.h"
#include "cpu/mem128.h"
#include "cpu/uop.h"
#include "cpu/vcpu.h"

/* An operation on vector values: (first operand, second operand, immediate) to result. A result
 * that goes to a general register or the flags is in the low 64 bits. */
typedef __m128i sse_fn(__m128i a, __m128i b, unsigned imm);

static inline __m128i *sse_reg(struct vcpu *v, unsigned n)
{
    return (__m128i *)&v->fpu.xmm[n];
}

static inline __m128i sse_low64(u64 x)
{
    return _mm_cvtsi64_si128((long long)x);
}

static inline union xmm sse_union(__m128i x)
{
    union xmm r;

    _mm_store_si128((__m128i *)&r, x);
    return r;
}

static inline __m128i sse_vector(const union xmm *x)
{
    return _mm_load_si128((const __m128i *)x);
}

static inline u64 sse_to64(__m128i x)
{
    return (u64)_mm_cvtsi128_si64(x);
}

/* Linear address of u's aligned 16-byte operand. */
static inline gla_t sse_address128(struct vcpu *v, const struct uop *u, enum mmu_access access)
{
    gla_t a = vcpu_address(v, u, 16, access);

    if (unlikely(a & 15))
        uop_raise_err(v, u, VEC_GP, 0);
    return a;
}

static inline __m128i sse_load128(struct vcpu *v, const struct uop *u)
{
    return mmu_read128(&v->mmu, sse_address128(v, u, MMU_READ), u);
}

static inline __m128i sse_load128u(struct vcpu *v, const struct uop *u)
{
    return mmu_read128(&v->mmu, vcpu_address(v, u, 16, MMU_READ), u);
}

static inline void sse_store128(struct vcpu *v, const struct uop *u, __m128i x)
{
    mmu_write128(&v->mmu, sse_address128(v, u, MMU_WRITE), x, u);
}

static inline void sse_store128u(struct vcpu *v, const struct uop *u, __m128i x)
{
    mmu_write128(&v->mmu, vcpu_address(v, u, 16, MMU_WRITE), x, u);
}

static inline u64 sse_load_int(struct vcpu *v, const struct uop *u, unsigned size)
{
    return mmu_read(&v->mmu, vcpu_address(v, u, size, MMU_READ), size, u);
}

static inline void sse_store_int(struct vcpu *v, const struct uop *u, unsigned size, u64 x)
{
    mmu_write(&v->mmu, vcpu_address(v, u, size, MMU_WRITE), size, x, u);
}

/* Memory source of `size` bytes (a constant): zero-extended, or 16 aligned bytes. */
static inline __m128i sse_load(struct vcpu *v, const struct uop *u, unsigned size)
{
    return size == 16 ? sse_load128(v, u) : sse_low64(sse_load_int(v, u, size));
}

/* First step of an instruction with an MMX operand: pending x87 exceptions. The last is
 * fpu_enter_mmx(). */
static inline void sse_check_mmx(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    fpu_check_mmx(v);
}

/* The register and the memory form of an operation: SSE_OP(X) { ... } with the second source as `b`, then SSE_FORMS(X, the source in
 * memory). */
#define SSE_OP(name)                                                                               \
    static inline __attribute__((always_inline)) void sse_##name(struct vcpu *v,                   \
                                                                 const struct uop *u, __m128i b)
#define SSE_FORMS(name, load)                                                                      \
    void op_sse_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        sse_##name(v, u, *sse_reg(v, u->src));                                                     \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_sse_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        sse_##name(v, u, load);                                                                    \
        uop_next(v, u);                                                                            \
    }

#endif
