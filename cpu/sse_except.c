/* SPDX-License-Identifier: MIT */
/*
 * SSE floating point when flags have to be looked at, or the guest's MXCSR is not the usual one:
 * other rounding, DAZ, FTZ, and above all unmasked exceptions.
 *
 * The host always runs with everything masked, and what an unmasked exception would have changed is
 * worked out from the flags:
 *   - Conditions found before computing (IE, DE, ZE): if one of them is unmasked, nothing is
 *     computed: of all elements only these three flags are set.
 *   - Overflow unmasked: PE of that element says whether the result is inexact with an unbounded
 *     exponent, not that the masked response (an infinity) is.
 *   - Underflow unmasked: UE means tiny, exact or not, and PE as above; FTZ is ignored.
 * So with OE or UE unmasked each element is executed by itself, and one that overflows or is tiny
 * once more with its exponents moved to the middle, where PE tells what we want to know. Checked
 * against the host CPU in tests/unit/test_sse.c. SDM vol. 1 §4.9.1, §11.5.2 to 11.5.4; IEEE
 * 754-2008 §7.
 */
#include "cpu/ops_avx_fp.h"

#define PRE_FLAGS ((u32)(MXCSR_IE | MXCSR_DE | MXCSR_ZE))

/* A binary floating-point format. */
struct format {
    unsigned mant_bits, exp_max, bias;
};

static const struct format f32 = {23, 0xff, 0x7f}, f64 = {52, 0x7ff, 0x3ff};

static unsigned exponent(const struct format *f, u64 x)
{
    return (unsigned)(x >> f->mant_bits) & f->exp_max;
}

static u64 mantissa(const struct format *f, u64 x)
{
    return x & mask64(f->mant_bits);
}

static bool is_denormal(const struct format *f, u64 x)
{
    return exponent(f, x) == 0 && mantissa(f, x);
}

/* One element of an operation. */
struct element {
    enum sse_op op; /* ADD, SUB, MUL, DIV, NARROW */
    bool is64;
    u64 x, y;
};

#define SCALAR(name, insn)                                                                         \
    static __m128i name(__m128i a, __m128i b)                                                      \
    {                                                                                              \
        __asm__ volatile(#insn " %1, %0" : "+x"(a) : "x"(b));                                      \
        return a;                                                                                  \
    }
SCALAR(add32, addss)
SCALAR(sub32, subss)
SCALAR(mul32, mulss)
SCALAR(div32, divss)
SCALAR(add64, addsd)
SCALAR(sub64, subsd)
SCALAR(mul64, mulsd)
SCALAR(div64, divsd)
SCALAR(narrow, cvtsd2ss)

/* Execute e under `csr` (everything masked); returns the bits of the result and the flags. */
static u64 execute(const struct element *e, u32 csr, u32 *flags)
{
    __m128i a = sse_low64(e->x), b = sse_low64(e->y), r;

    sse_set_csr(csr);
    switch (e->op) {
    case SSE_OP_ADD: r = e->is64 ? add64(a, b) : add32(a, b); break;
    case SSE_OP_SUB: r = e->is64 ? sub64(a, b) : sub32(a, b); break;
    case SSE_OP_MUL: r = e->is64 ? mul64(a, b) : mul32(a, b); break;
    case SSE_OP_DIV: r = e->is64 ? div64(a, b) : div32(a, b); break;
    default: r = narrow(a, b); break;
    }
    *flags = sse_get_csr() & MXCSR_FLAGS;
    sse_reset_csr();
    return sse_to64(r);
}

/* x, finite and not zero, with its exponent changed so that 1 <= x < 2. */
static u64 normalise(const struct format *f, u64 x)
{
    u64 m = mantissa(f, x);

    if (exponent(f, x) == 0)
        m <<= f->mant_bits - (63 - (unsigned)__builtin_clzll(m));
    return (u64)f->bias << f->mant_bits | (m & mask64(f->mant_bits));
}

/* Is the sum or difference that overflows inexact? Scaled down by 16; an operand too small for that
 * is far below the last place of the other, so any but zero makes the sum inexact. */
static bool is_sum_inexact(const struct element *e, const struct format *f, u32 csr)
{
    struct element s = *e;
    u64 scale = 4ull << f->mant_bits;
    bool small_x = exponent(f, e->x) < f->bias / 2, small_y = exponent(f, e->y) < f->bias / 2;
    u32 flags;

    if (small_x || small_y) {
        u64 z = small_x ? e->x : e->y;

        return mantissa(f, z) || exponent(f, z) ? !(is_denormal(f, z) && (csr & MXCSR_DAZ)) : false;
    }
    s.x -= scale;
    s.y -= scale;
    execute(&s, MXCSR_DEFAULT, &flags);
    return flags & MXCSR_PE;
}

/* Is the result of e, which overflows or is tiny, inexact where exponents are unbounded? */
static bool is_inexact_unbounded(const struct element *e, const struct format *f, u32 csr,
                                 bool overflow)
{
    struct element s = *e;
    u32 flags;

    switch (e->op) {
    case SSE_OP_ADD:
    case SSE_OP_SUB: return overflow && is_sum_inexact(e, f, csr); /* a tiny sum is exact */
    case SSE_OP_NARROW: s.y = normalise(f, e->y); break;
    default:
        s.x = normalise(f, e->x);
        s.y = normalise(f, e->y);
        break;
    }
    execute(&s, MXCSR_DEFAULT, &flags);
    return flags & MXCSR_PE;
}

/* All flags of one element under the guest's csr, given that no unmasked condition stops it before
 * computing. */
static u32 element_flags(const struct element *e, u32 csr)
{
    const struct format *f = e->is64 ? &f64 : &f32;
    u32 control = (csr & (MXCSR_RC | MXCSR_DAZ)) | MXCSR_MASKS, flags;
    bool traps_over = !(csr & MXCSR_OE << MXCSR_MASK_SHIFT),
         traps_under = !(csr & MXCSR_UE << MXCSR_MASK_SHIFT);
    bool over, tiny;
    u64 r;

    if (!traps_under)
        control |= csr & MXCSR_FTZ;
    r = execute(e, control, &flags);
    over = traps_over && (flags & MXCSR_OE);
    tiny = traps_under && ((flags & MXCSR_UE) || is_denormal(e->op == SSE_OP_NARROW ? &f32 : f, r));
    if (!over && !tiny)
        return flags;
    flags &= ~(u32)MXCSR_PE;
    if (tiny)
        flags |= MXCSR_UE;
    if (is_inexact_unbounded(e, f, csr, over))
        flags |= MXCSR_PE;
    return flags;
}

static u64 get_element(const union xmm *x, bool is64, unsigned i)
{
    return is64 ? x->q[i] : x->d[i];
}

/* The i-th element of an operation of the given kind. */
static struct element get_operation(unsigned kind, const union xmm *a, const union xmm *b,
                                    unsigned i)
{
    struct element e = {.op = SSE_KIND_OP(kind), .is64 = SSE_KIND_IS64(kind)};
    unsigned half = e.is64 ? 1 : 2;

    switch (e.op) {
    case SSE_OP_HADD:
    case SSE_OP_HSUB:
        e.op = e.op == SSE_OP_HADD ? SSE_OP_ADD : SSE_OP_SUB;
        if (i >= half)
            a = b;
        e.x = get_element(a, e.is64, i % half * 2);
        e.y = get_element(a, e.is64, i % half * 2 + 1);
        return e;
    case SSE_OP_ADDSUB: e.op = i & 1 ? SSE_OP_ADD : SSE_OP_SUB; break;
    default: break;
    }
    e.x = get_element(a, e.is64, i);
    e.y = get_element(b, e.is64, i);
    return e;
}

/* The flags of a whole operation with overflow or underflow unmasked. */
static u32 exact_flags(unsigned kind, __m128i a, __m128i b, u32 csr)
{
    union xmm x = sse_union(a), y = sse_union(b);
    u32 flags = 0;

    for (unsigned i = 0; i < SSE_KIND_N(kind); i++) {
        struct element e = get_operation(kind, &x, &y, i);

        flags |= element_flags(&e, csr);
    }
    return flags;
}

void sse_raise_flags(struct vcpu *v, const struct uop *u, u32 flags)
{
    u32 unmasked = ~(v->fpu.mxcsr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;

    v->fpu.mxcsr |= flags;
    if (flags & unmasked)
        uop_raise(v, u, v->cr4 & CR4_OSXMMEXCPT ? VEC_XM : VEC_UD);
}

struct v256 avx_fp_strict(struct vcpu *v, const struct uop *u, struct v256 a, struct v256 b,
                          unsigned imm, sse_fn *fn, unsigned kind, bool wide)
{
    u32 csr = v->fpu.mxcsr, flags;
    u32 unmasked = ~(csr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
    u32 control = csr & (MXCSR_RC | MXCSR_DAZ | MXCSR_FTZ);
    struct v256 r;

    sse_set_csr(control | MXCSR_MASKS);
    r = avx_low(fn(a.lo, b.lo, imm));
    if (wide)
        r.hi = fn(a.hi, b.hi, imm);
    flags = sse_get_csr() & MXCSR_FLAGS;
    if (control)
        sse_reset_csr();

    if (flags & unmasked & PRE_FLAGS) {
        flags &= PRE_FLAGS;
    } else if ((unmasked & (MXCSR_OE | MXCSR_UE)) && SSE_KIND_OP(kind) <= SSE_OP_NARROW) {
        flags = exact_flags(kind, a.lo, b.lo, csr);
        if (wide)
            flags |= exact_flags(kind, a.hi, b.hi, csr);
    }
    sse_raise_flags(v, u, flags);
    return r;
}

__m128i sse_fp_strict(struct vcpu *v, const struct uop *u, __m128i a, __m128i b, unsigned imm,
                      sse_fn *fn, unsigned kind)
{
    return avx_fp_strict(v, u, avx_low(a), avx_low(b), imm, fn, kind, false).lo;
}
