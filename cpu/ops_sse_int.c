/* SPDX-License-Identifier: MIT */
/*
 * SSE integer, logical and shuffle micro-ops: cpu/sse_lane.h on registers and memory. SDM vol. 2.
 */
#include "cpu/sse_lane.h"
#include "cpu/uops.h"

#define SSE_INT(name, bytes)                                                                       \
    SSE_OP(name)                                                                                   \
    {                                                                                              \
        *sse_reg(v, u->dst) = do_##name(*sse_reg(v, u->dst), b);                                   \
    }                                                                                              \
    SSE_FORMS(name, sse_load(v, u, bytes))

#define SSE_SHIFT(name)                                                                            \
    void op_sse_##name##_i(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        *sse_reg(v, u->dst) = do_##name(*sse_reg(v, u->dst), sse_low64(u->imm));                   \
        uop_next(v, u);                                                                            \
    }

#define SSE_BLENDV(name)                                                                           \
    SSE_OP(name)                                                                                   \
    {                                                                                              \
        __m128i *d = sse_reg(v, u->dst), mask = *sse_reg(v, 0);                                    \
                                                                                                   \
        __asm__(#name " %%xmm0, %1, %0" : "+x"(*d) : "x"(b), "Yz"(mask));                          \
    }                                                                                              \
    SSE_FORMS(name, sse_load128(v, u))
#include "cpu/sse_ops.def"

#define SSE_IMM(name)                                                                              \
    SSE_OP(name)                                                                                   \
    {                                                                                              \
        __m128i *d = sse_reg(v, u->dst);                                                           \
                                                                                                   \
        *d = name(*d, b, (unsigned)u->imm);                                                        \
    }                                                                                              \
    SSE_FORMS(name, sse_load128(v, u))
#include "cpu/sse_ops.def"

void op_sse_psrldq_i(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = psrldq(*sse_reg(v, u->dst), (unsigned)u->imm);
    uop_next(v, u);
}

void op_sse_pslldq_i(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = pslldq(*sse_reg(v, u->dst), (unsigned)u->imm);
    uop_next(v, u);
}

SSE_OP(ptest)
{
    v->cc = do_ptest(*sse_reg(v, u->dst), b);
}
SSE_FORMS(ptest, sse_load128(v, u))

/* Sign bits to a general register; the upper 32 bits become 0. */
#define SSE_MASK(name)                                                                             \
    void op_sse_##name(struct vcpu *v, const struct uop *u)                                        \
    {                                                                                              \
        u32 x;                                                                                     \
                                                                                                   \
        __asm__(#name " %1, %0" : "=r"(x) : "x"(*sse_reg(v, u->src)));                             \
        v->r[u->dst] = x;                                                                          \
        uop_next(v, u);                                                                            \
    }
SSE_MASK(movmskps)
SSE_MASK(movmskpd)
SSE_MASK(pmovmskb)
