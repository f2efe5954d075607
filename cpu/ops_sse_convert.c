/* SPDX-License-Identifier: MIT */
/*
 * SSE conversions to and from general and MMX registers, and compares into EFLAGS; all under MXCSR.
 * Conversions within XMM registers are in cpu/sse_ops.def.
 *
 * The forms that name an MMX register first report pending x87 exceptions and at last enter MMX
 * state. As on AMD, CVTPI2PS and CVTPI2PD from memory do neither (APM vol. 5). DEVIATION: where
 * CVTPS2PI and the like raise #XM, CPUs have entered MMX state already; here a raising instruction
 * changes MXCSR's flags alone. SDM vol. 2; vol. 1 §11.6.
 */
#include "cpu/fpu.h"
#include "cpu/ops_avx.h"
#include "cpu/sse_fp.h"
#include "cpu/uops.h"

#define FROM_INT_KIND SSE_KIND(SSE_OP_FROMINT, SSE_F32, 1)
#define TO_INT_KIND(fmt, n) SSE_KIND(SSE_OP_TOINT, SSE_##fmt, n)

/* --- Integer from a general register or memory --- */

#define FROM_INT(name, insn, type)                                                                 \
    static inline __m128i do_##name(__m128i a, __m128i b, unsigned imm)                            \
    {                                                                                              \
        (void)imm;                                                                                 \
        __asm__ volatile(#insn " %1, %0" : "+x"(a) : "r"((type)sse_to64(b)));                      \
        return a;                                                                                  \
    }
FROM_INT(si2ss32, cvtsi2ssl, u32)
FROM_INT(si2ss64, cvtsi2ssq, u64)
FROM_INT(si2sd32, cvtsi2sdl, u32)
FROM_INT(si2sd64, cvtsi2sdq, u64)

#define FROM_INT_OPS(name, f32, f64)                                                               \
    static inline void name(struct vcpu *v, const struct uop *u, u64 x)                            \
    {                                                                                              \
        __m128i *d = sse_reg(v, u->dst);                                                           \
                                                                                                   \
        if (u->osize == 8)                                                                         \
            *d = sse_fp(v, u, *d, sse_low64(x), 0, f64, FROM_INT_KIND);                            \
        else                                                                                       \
            *d = sse_fp(v, u, *d, sse_low64(x), 0, f32, FROM_INT_KIND);                            \
    }                                                                                              \
    void op_sse_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        name(v, u, v->r[u->src]);                                                                  \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_sse_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        name(v, u, sse_load_int(v, u, u->osize));                                                  \
        uop_next(v, u);                                                                            \
    }
/* VEX-encoded: the other elements come from the first source. */
#define VEX_FROM_INT(name, f32, f64)                                                               \
    static inline void vex_##name(struct vcpu *v, const struct uop *u, u64 x)                      \
    {                                                                                              \
        __m128i a = *sse_reg(v, u->aux);                                                           \
                                                                                                   \
        if (u->osize == 8)                                                                         \
            avx_put128(v, u, sse_fp(v, u, a, sse_low64(x), 0, f64, FROM_INT_KIND));                \
        else                                                                                       \
            avx_put128(v, u, sse_fp(v, u, a, sse_low64(x), 0, f32, FROM_INT_KIND));                \
    }                                                                                              \
    void op_avx_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        vex_##name(v, u, v->r[u->src]);                                                            \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_avx_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        vex_##name(v, u, sse_load_int(v, u, u->osize));                                            \
        uop_next(v, u);                                                                            \
    }
VEX_FROM_INT(cvtsi2ss, do_si2ss32, do_si2ss64)
VEX_FROM_INT(cvtsi2sd, do_si2sd32, do_si2sd64)
FROM_INT_OPS(cvtsi2ss, do_si2ss32, do_si2ss64)
FROM_INT_OPS(cvtsi2sd, do_si2sd32, do_si2sd64)

/* --- Integer to a general register ---
 * The mnemonics carry their size: gcc 12 folds functions whose asm differs in the operands' type
 * alone.
 */

#define TO_INT(name, insn, type)                                                                   \
    static inline __m128i do_##name(__m128i a, __m128i b, unsigned imm)                            \
    {                                                                                              \
        type x;                                                                                    \
                                                                                                   \
        (void)a;                                                                                   \
        (void)imm;                                                                                 \
        __asm__ volatile(#insn " %1, %0" : "=r"(x) : "x"(b));                                      \
        return sse_low64(x);                                                                       \
    }

#define TO_INT_OPS(insn, bytes)                                                                    \
    TO_INT(insn##32, insn##l, u32)                                                                 \
    TO_INT(insn##64, insn##q, u64)                                                                 \
    SSE_OP(insn)                                                                                   \
    {                                                                                              \
        __m128i r;                                                                                 \
                                                                                                   \
        if (u->osize == 8)                                                                         \
            r = sse_fp(v, u, b, b, 0, do_##insn##64, TO_INT_KIND(F64, 1));                         \
        else                                                                                       \
            r = sse_fp(v, u, b, b, 0, do_##insn##32, TO_INT_KIND(F32, 1));                         \
        v->r[u->dst] = sse_to64(r);                                                                \
    }                                                                                              \
    SSE_FORMS(insn, sse_load(v, u, bytes))
TO_INT_OPS(cvtss2si, 4)
TO_INT_OPS(cvttss2si, 4)
TO_INT_OPS(cvtsd2si, 8)
TO_INT_OPS(cvttsd2si, 8)

/* --- Compares into EFLAGS --- */

#define COMPARE_KIND(bytes) SSE_KIND(SSE_OP_COMPARE, (bytes) == 8 ? SSE_F64 : SSE_F32, 1)
#define COMPARE(insn, bytes)                                                                       \
    static inline __m128i do_##insn(__m128i a, __m128i b, unsigned imm)                            \
    {                                                                                              \
        bool z, p, c;                                                                              \
                                                                                                   \
        (void)imm;                                                                                 \
        __asm__ volatile(#insn " %4, %3" : "=@ccz"(z), "=@ccp"(p), "=@ccc"(c) : "x"(a), "x"(b));   \
        return sse_low64((z ? CC_ZF : 0) | (p ? CC_PF : 0) | (c ? CC_CF : 0));                     \
    }                                                                                              \
    SSE_OP(insn)                                                                                   \
    {                                                                                              \
        __m128i a = *sse_reg(v, u->dst);                                                           \
                                                                                                   \
        v->cc = (u32)sse_to64(sse_fp(v, u, a, b, 0, do_##insn, COMPARE_KIND(bytes)));              \
    }                                                                                              \
    SSE_FORMS(insn, sse_load(v, u, bytes))
COMPARE(comiss, 4)
COMPARE(ucomiss, 4)
COMPARE(comisd, 8)
COMPARE(ucomisd, 8)

/* --- MMX registers ---
 * The host's MMX registers stay out of it: two 32-bit integers convert in an XMM register with the
 * same results and flags. (The upper elements of the operand are zeroed: they raise nothing.)
 */

static inline __m128i do_pi2ps(__m128i a, __m128i b, unsigned imm)
{
    (void)a;
    (void)imm;
    __asm__ volatile("cvtdq2ps %0, %0" : "+x"(b));
    return b;
}

static inline __m128i do_pi2pd(__m128i a, __m128i b, unsigned imm)
{
    (void)a;
    (void)imm;
    __asm__ volatile("cvtdq2pd %0, %0" : "+x"(b));
    return b;
}

static inline void pi2ps(struct vcpu *v, const struct uop *u, u64 x)
{
    __m128i b = sse_low64(x);

    v->fpu.xmm[u->dst].q[0] = sse_to64(sse_fp(v, u, b, b, 0, do_pi2ps, FROM_INT_KIND));
}

void op_sse_cvtpi2ps_r(struct vcpu *v, const struct uop *u)
{
    sse_check_mmx(v, u);
    pi2ps(v, u, v->fpu.st[u->src & 7].mant);
    fpu_enter_mmx(v);
    uop_next(v, u);
}

void op_sse_cvtpi2ps_m(struct vcpu *v, const struct uop *u)
{
    pi2ps(v, u, sse_load_int(v, u, 8));
    uop_next(v, u);
}

static inline void pi2pd(struct vcpu *v, const struct uop *u, u64 x)
{
    __m128i b = sse_low64(x);

    *sse_reg(v, u->dst) = sse_fp(v, u, b, b, 0, do_pi2pd, FROM_INT_KIND);
}

void op_sse_cvtpi2pd_r(struct vcpu *v, const struct uop *u)
{
    sse_check_mmx(v, u);
    pi2pd(v, u, v->fpu.st[u->src & 7].mant);
    fpu_enter_mmx(v);
    uop_next(v, u);
}

void op_sse_cvtpi2pd_m(struct vcpu *v, const struct uop *u)
{
    pi2pd(v, u, sse_load_int(v, u, 8));
    uop_next(v, u);
}

#define TO_MMX(name, insn, bytes)                                                                  \
    static inline __m128i do_##name(__m128i a, __m128i b, unsigned imm)                            \
    {                                                                                              \
        (void)a;                                                                                   \
        (void)imm;                                                                                 \
        __asm__ volatile(#insn " %0, %0" : "+x"(b));                                               \
        return b;                                                                                  \
    }                                                                                              \
    static inline void name(struct vcpu *v, const struct uop *u, __m128i b)                        \
    {                                                                                              \
        u64 x = sse_to64(sse_fp(v, u, b, b, 0, do_##name, TO_INT_KIND(F32, 2)));                   \
                                                                                                   \
        fpu_enter_mmx(v);                                                                          \
        fpu_set_mm(v, u->dst, x);                                                                  \
    }                                                                                              \
    void op_sse_##name##_r(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        __m128i b = *sse_reg(v, u->src);                                                           \
                                                                                                   \
        sse_check_mmx(v, u);                                                                       \
        name(v, u, (bytes) == 8 ? _mm_move_epi64(b) : b);                                          \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_sse_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        sse_check_mmx(v, u);                                                                       \
        name(v, u, sse_load(v, u, bytes));                                                         \
        uop_next(v, u);                                                                            \
    }
TO_MMX(cvtps2pi, cvtps2dq, 8)
TO_MMX(cvttps2pi, cvttps2dq, 8)
TO_MMX(cvtpd2pi, cvtpd2dq, 16)
TO_MMX(cvttpd2pi, cvttpd2dq, 16)
