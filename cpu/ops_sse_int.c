/* SPDX-License-Identifier: MIT */
/*
 * SSE integer, logical and shuffle micro-ops. Regular ones are the host's instruction; those with
 * an immediate are written in C, because the host's wants it in its code. SDM vol. 2.
 */
#include "cpu/ops_sse.h"
#include "cpu/uops.h"

#define SSE_INT(name, bytes)                                                                       \
    static inline __m128i do_##name(__m128i a, __m128i b)                                          \
    {                                                                                              \
        __asm__(#name " %1, %0" : "+x"(a) : "x"(b));                                               \
        return a;                                                                                  \
    }                                                                                              \
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

/* --- With an immediate ---
 * Operands come by value as unions, which the compiler keeps in registers or on the stack as it
 * likes.
 */

static inline union xmm pshufd(union xmm a, union xmm b, unsigned imm)
{
    for (unsigned i = 0; i < 4; i++)
        a.d[i] = b.d[(imm >> (2 * i)) & 3];
    return a;
}

static inline union xmm pshuflw(union xmm a, union xmm b, unsigned imm)
{
    a.q[1] = b.q[1];
    for (unsigned i = 0; i < 4; i++)
        a.w[i] = b.w[(imm >> (2 * i)) & 3];
    return a;
}

static inline union xmm pshufhw(union xmm a, union xmm b, unsigned imm)
{
    a.q[0] = b.q[0];
    for (unsigned i = 0; i < 4; i++)
        a.w[4 + i] = b.w[4 + ((imm >> (2 * i)) & 3)];
    return a;
}

static inline union xmm shufps(union xmm a, union xmm b, unsigned imm)
{
    union xmm r;

    r.d[0] = a.d[imm & 3];
    r.d[1] = a.d[(imm >> 2) & 3];
    r.d[2] = b.d[(imm >> 4) & 3];
    r.d[3] = b.d[(imm >> 6) & 3];
    return r;
}

static inline union xmm shufpd(union xmm a, union xmm b, unsigned imm)
{
    a.q[0] = a.q[imm & 1];
    a.q[1] = b.q[(imm >> 1) & 1];
    return a;
}

/* 16 bytes of b (low) and a (high) from byte imm; zeros come in behind a. */
static inline union xmm palignr(union xmm a, union xmm b, unsigned imm)
{
    union xmm both[4] = {b, a};
    union xmm r;

    memcpy(&r, (u8 *)both + MIN(imm, 32u), 16);
    return r;
}

static inline union xmm pblendw(union xmm a, union xmm b, unsigned imm)
{
    for (unsigned i = 0; i < 8; i++)
        a.w[i] = imm >> i & 1 ? b.w[i] : a.w[i];
    return a;
}

static inline union xmm blendps(union xmm a, union xmm b, unsigned imm)
{
    for (unsigned i = 0; i < 4; i++)
        a.d[i] = imm >> i & 1 ? b.d[i] : a.d[i];
    return a;
}

static inline union xmm blendpd(union xmm a, union xmm b, unsigned imm)
{
    for (unsigned i = 0; i < 2; i++)
        a.q[i] = imm >> i & 1 ? b.q[i] : a.q[i];
    return a;
}

/* Eight sums of absolute differences of four bytes: b's block is fixed, a's slides. */
static inline union xmm mpsadbw(union xmm a, union xmm b, unsigned imm)
{
    unsigned oa = imm & 4, ob = (imm & 3) * 4;
    union xmm r;

    for (unsigned i = 0; i < 8; i++) {
        unsigned sum = 0;

        for (unsigned k = 0; k < 4; k++) {
            int d = a.b[oa + i + k] - b.b[ob + k];
            sum += (unsigned)(d < 0 ? -d : d);
        }
        r.w[i] = (u16)sum;
    }
    return r;
}

#define SSE_IMM(name)                                                                              \
    void op_sse_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        v->fpu.xmm[u->dst] = name(v->fpu.xmm[u->dst], v->fpu.xmm[u->src], (unsigned)u->imm);       \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_sse_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        union xmm b = sse_union(sse_load128(v, u));                                                \
                                                                                                   \
        v->fpu.xmm[u->dst] = name(v->fpu.xmm[u->dst], b, (unsigned)u->imm);                        \
        uop_next(v, u);                                                                            \
    }
#include "cpu/sse_ops.def"

void op_sse_psrldq_i(struct vcpu *v, const struct uop *u)
{
    union xmm both[2] = {v->fpu.xmm[u->dst], {.q = {0, 0}}};
    unsigned n = MIN((unsigned)u->imm, 16u);

    memcpy(&v->fpu.xmm[u->dst], (u8 *)both + n, 16);
    uop_next(v, u);
}

void op_sse_pslldq_i(struct vcpu *v, const struct uop *u)
{
    union xmm both[2] = {{.q = {0, 0}}, v->fpu.xmm[u->dst]};
    unsigned n = MIN((unsigned)u->imm, 16u);

    memcpy(&v->fpu.xmm[u->dst], (u8 *)both + 16 - n, 16);
    uop_next(v, u);
}

/* ZF: no bit of b set where a has one; CF: none where a has none. */
static inline u32 do_ptest(__m128i a, __m128i b)
{
    bool z, c;

    __asm__("ptest %3, %2" : "=@ccz"(z), "=@ccc"(c) : "x"(a), "x"(b));
    return (z ? CC_ZF : 0) | (c ? CC_CF : 0);
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
