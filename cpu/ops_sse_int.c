/* SPDX-License-Identifier: MIT */
/*
 * SSE integer, logical and shuffle micro-ops: cpu/sse_lane.h on registers and memory. SDM vol. 2.
 */
#include "cpu/sse_lane.h"
#include "cpu/uops.h"

#define SSE_INT(name, bytes)                                                                       \
    void op_sse_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        *sse_reg(v, u->dst) = do_##name(*sse_reg(v, u->dst), *sse_reg(v, u->src));                 \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_sse_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        *sse_reg(v, u->dst) = do_##name(*sse_reg(v, u->dst), sse_load(v, u, bytes));               \
        uop_next(v, u);                                                                            \
    }

#define SSE_SHIFT(name)                                                                            \
    void op_sse_##name##_i(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        *sse_reg(v, u->dst) = do_##name(*sse_reg(v, u->dst), sse_low64(u->imm));                   \
        uop_next(v, u);                                                                            \
    }

#define SSE_BLENDV(name)                                                                           \
    static inline __m128i do_##name(struct vcpu *v, __m128i a, __m128i b)                          \
    {                                                                                              \
        __m128i mask = *sse_reg(v, 0);                                                             \
                                                                                                   \
        __asm__(#name " %%xmm0, %1, %0" : "+x"(a) : "x"(b), "Yz"(mask));                           \
        return a;                                                                                  \
    }                                                                                              \
    void op_sse_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        *sse_reg(v, u->dst) = do_##name(v, *sse_reg(v, u->dst), *sse_reg(v, u->src));              \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_sse_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        *sse_reg(v, u->dst) = do_##name(v, *sse_reg(v, u->dst), sse_load128(v, u));                \
        uop_next(v, u);                                                                            \
    }
#include "cpu/sse_ops.def"

#define SSE_IMM(name)                                                                              \
    void op_sse_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        __m128i *d = sse_reg(v, u->dst);                                                           \
                                                                                                   \
        *d = name(*d, *sse_reg(v, u->src), (unsigned)u->imm);                                      \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_sse_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        __m128i *d = sse_reg(v, u->dst), b = sse_load128(v, u);                                    \
                                                                                                   \
        *d = name(*d, b, (unsigned)u->imm);                                                        \
        uop_next(v, u);                                                                            \
    }
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

void op_sse_ptest_r(struct vcpu *v, const struct uop *u)
{
    v->cc = do_ptest(*sse_reg(v, u->dst), *sse_reg(v, u->src));
    uop_next(v, u);
}

void op_sse_ptest_m(struct vcpu *v, const struct uop *u)
{
    v->cc = do_ptest(*sse_reg(v, u->dst), sse_load128(v, u));
    uop_next(v, u);
}

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
