/* SPDX-License-Identifier: MIT */
/*
 * FMA and F16C. Both are done element by element in integers (cpu/soft_float.h), so that they are the same on hosts that
 * have these instructions and on those that do not. The flags of all elements count together: if an unmasked one was found
 * before computing (IE, DE), only such flags are reported. SDM vol. 1 §11.5, §14.5, vol. 2.
 */
#include "cpu/ops_avx_fp.h"
#include "cpu/soft_float.h"
#include "cpu/uops.h"

/* Which operands are multiplied, in the manual's numbering: 1 destination, 2 VEX.vvvv, 3 ModRM.rm. In the order in which NaNs
 * win. */
enum { FMA_132, FMA_213, FMA_231 };
enum { FMA_ADD, FMA_SUB, FMA_NADD, FMA_NSUB, FMA_ADDSUB, FMA_SUBADD };

static u32 reported(u32 csr, u32 flags)
{
    u32 pre = MXCSR_IE | MXCSR_DE, unmasked = ~(csr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;

    return flags & unmasked & pre ? flags & pre : flags;
}

struct fma {
    unsigned order, op, n;
    bool is64;
};

static u64 fma_element(const struct fma *f, unsigned i, u64 e1, u64 e2, u64 e3, u32 csr, u32 *flags)
{
    bool negate_product = f->op == FMA_NADD || f->op == FMA_NSUB;
    bool negate_z = f->op == FMA_SUB || f->op == FMA_NSUB || (f->op == FMA_ADDSUB && !(i & 1)) ||
                    (f->op == FMA_SUBADD && (i & 1));
    u64 x = f->order == FMA_132 ? e1 : e2, y = f->order == FMA_213 ? e1 : e3;
    u64 z = f->order == FMA_132 ? e2 : f->order == FMA_213 ? e3 : e1;

    return soft_fma(f->is64, x, y, z, negate_product, negate_z, csr, flags);
}

/* The first f->n elements; the others are those of the destination. */
static __attribute__((noinline)) struct v256 do_fma(struct vcpu *v, const struct uop *u,
                                                    struct v256 third, const struct fma *f)
{
    union v256_elements a = avx_unpack(avx_get(v, u->dst)), b = avx_unpack(avx_get(v, u->aux)),
                        c = avx_unpack(third);
    u32 flags = 0, csr = v->fpu.mxcsr;

    for (unsigned i = 0; i < f->n; i++) {
        if (f->is64)
            a.q[i] = fma_element(f, i, a.q[i], b.q[i], c.q[i], csr, &flags);
        else
            a.d[i] = (u32)fma_element(f, i, a.d[i], b.d[i], c.d[i], csr, &flags);
    }
    sse_raise_flags(v, u, reported(csr, flags));
    return avx_pack(&a);
}

#define AVX_FMA(name, order, op, fmt)                                                              \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        const bool is64 = SSE_##fmt != 0;                                                          \
        const struct fma f = {FMA_##order, FMA_##op, (is64 ? 2u : 4u) << avx_is_wide(u), is64};    \
                                                                                                   \
        avx_put(v, u, do_fma(v, u, b, &f), avx_is_wide(u));                                        \
    }                                                                                              \
    AVX_PAIR(name, avx_load(v, u))
#define AVX_FMAS(name, order, op, fmt)                                                             \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        static const struct fma f = {FMA_##order, FMA_##op, 1, SSE_##fmt != 0};                    \
                                                                                                   \
        avx_put(v, u, do_fma(v, u, b, &f), false);                                                 \
    }                                                                                              \
    AVX_PAIR(name, avx_low(avx_load_n(v, u, SSE_##fmt ? 8 : 4)))
#include "cpu/avx_ops.def"

/* --- Half precision --------------------------------------------------------------------------- */

AVX_OP(cvtph2ps)
{
    union xmm h = sse_union(b.lo);
    union v256_elements r = {.q = {0}};
    u32 flags = 0;

    for (unsigned i = 0; i < (avx_is_wide(u) ? 8 : 4); i++)
        r.d[i] = soft_from_half(h.w[i], &flags);
    sse_raise_flags(v, u, flags);
    avx_put(v, u, avx_pack(&r), avx_is_wide(u));
}
AVX_PAIR(cvtph2ps, avx_low(avx_load_part(v, u, 8)))

/* imm[2]: by MXCSR.RC rather than imm[1:0]. Sets *flags. */
static __attribute__((noinline)) __m128i to_half(struct vcpu *v, const struct uop *u, u32 *flags)
{
    union v256_elements x = avx_unpack(avx_get(v, u->src));
    union xmm r = {.q = {0, 0}};
    u32 csr = v->fpu.mxcsr, raised = 0;
    unsigned rc = u->imm & 4 ? csr >> MXCSR_RC_SHIFT & 3 : u->imm & 3;

    for (unsigned i = 0; i < (avx_is_wide(u) ? 8 : 4); i++)
        r.w[i] = soft_to_half(x.d[i], rc, csr, &raised);
    *flags = reported(csr, raised);
    return sse_vector(&r);
}

void op_avx_cvtps2ph_r(struct vcpu *v, const struct uop *u)
{
    u32 flags;
    __m128i x = to_half(v, u, &flags);

    sse_raise_flags(v, u, flags);
    avx_put128(v, u, x);
    uop_next(v, u);
}

/* The store may be given up: flags come behind it, but an exception comes before. */
void op_avx_cvtps2ph_m(struct vcpu *v, const struct uop *u)
{
    unsigned size = avx_is_wide(u) ? 16 : 8;
    gla_t a = vcpu_address(v, u, size, MMU_WRITE);
    u32 flags, unmasked = ~(v->fpu.mxcsr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
    __m128i x = to_half(v, u, &flags);

    mmu_check_alignment(&v->mmu, a, size, size, u);
    mmu_probe(&v->mmu, a, size, MMU_WRITE, u);
    if (flags & unmasked)
        sse_raise_flags(v, u, flags);
    if (size == 16)
        mmu_write128(&v->mmu, a, x, u);
    else
        mmu_write(&v->mmu, a, 8, sse_to64(x), u);
    v->fpu.mxcsr |= flags;
    uop_next(v, u);
}
