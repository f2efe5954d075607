/* SPDX-License-Identifier: MIT */
/*
 * x87 basic arithmetic, comparison and the simple functions of ST(0).
 *
 * The rounding operations run on the host (x87_host.c); comparisons, FRNDINT and FXTRACT are exact
 * and done with integers. Where vendors differ, AMD's way is taken, as the CPUID vendor is AMD:
 * comparisons set the condition codes (or EFLAGS) even when an unmasked IE or DE stops the pops,
 * and FCOMI changes C1 for stack faults only. Condition codes that arithmetic leaves undefined keep
 * their value. Intel SDM vol. 2 FADD to FXTRACT; vol. 1 §8.3.5 to §8.3.8, §8.5.
 */
#include "cpu/uops.h"
#include "cpu/x87.h"

/* --- Addition to division --------------------------------------------------------------------- */

/* Deliver an operation's result to ST(i). Returns whether the instruction completes (and pops). */
static bool deliver(struct vcpu *v, unsigned i, struct f80 r, unsigned flags)
{
    if (!x87_raise(v, flags))
        return false;
    x87_set(v, i, r);
    return true;
}

static bool deliver_underflow(struct vcpu *v, unsigned i)
{
    return deliver(v, i, f80_indefinite(), X87_UNDERFLOW);
}

/* ST(dst) = ST(dst) op ST(other) */
static bool arith_reg(struct vcpu *v, const struct uop *u, unsigned dst, unsigned other,
                      unsigned op)
{
    x87_begin(v, u);
    x87_note(v, u);
    if (x87_is_empty(v, dst) || x87_is_empty(v, other))
        return deliver_underflow(v, dst);
    return x87_raise(v, x87_host_arith(x87_st(v, dst), x87_st(v, other), op, &v->fpu));
}

/* The register forms of DC and DE name the reversed operation. */
static unsigned reversed(unsigned op)
{
    return op >= ARITH_SUB ? op ^ 1 : op;
}

void uop_x87_arith_st0(struct vcpu *v, const struct uop *u)
{
    arith_reg(v, u, 0, u->src, u->aux);
    uop_next(v, u);
}

void uop_x87_arith_sti(struct vcpu *v, const struct uop *u)
{
    arith_reg(v, u, u->src, 0, reversed(u->aux));
    uop_next(v, u);
}

void uop_x87_arith_sti_pop(struct vcpu *v, const struct uop *u)
{
    if (arith_reg(v, u, u->src, 0, reversed(u->aux)))
        x87_pop(v);
    uop_next(v, u);
}

typedef unsigned host_arith_mem(struct f80 *r, u64 b, unsigned size, enum x87_arith op,
                                const struct fpu *f);

static inline void arith_mem(struct vcpu *v, const struct uop *u, unsigned size,
                             host_arith_mem *host)
{
    x87_begin(v, u);
    u64 b = mmu_read(&v->mmu, vcpu_address(v, u, size, MMU_READ), size, u);
    x87_note_mem(v, u);
    if (x87_is_empty(v, 0)) {
        deliver_underflow(v, 0);
        return;
    }
    x87_raise(v, host(x87_st(v, 0), b, size, u->aux, &v->fpu));
}

void uop_x87_arith_m32(struct vcpu *v, const struct uop *u)
{
    arith_mem(v, u, 4, x87_host_arith_real);
    uop_next(v, u);
}

void uop_x87_arith_m64(struct vcpu *v, const struct uop *u)
{
    arith_mem(v, u, 8, x87_host_arith_real);
    uop_next(v, u);
}

void uop_x87_arith_i16(struct vcpu *v, const struct uop *u)
{
    arith_mem(v, u, 2, x87_host_arith_int);
    uop_next(v, u);
}

void uop_x87_arith_i32(struct vcpu *v, const struct uop *u)
{
    arith_mem(v, u, 4, x87_host_arith_int);
    uop_next(v, u);
}

/* --- Comparison ------------------------------------------------------------------------------- */

/* The result of a comparison as C3, C2, C0: greater 000, less 001, equal 100, unordered 111. *flags
 * gains IE and DE. */
static unsigned compare(struct f80 a, struct f80 b, bool quiet, unsigned *flags)
{
    enum f80_class ca = f80_classify(a), cb = f80_classify(b);

    if (MAX(ca, cb) >= F80_QNAN) {
        if (!quiet || MAX(ca, cb) > F80_QNAN)
            *flags = SW_IE;
        else
            *flags = 0;
        return SW_C3 | SW_C2 | SW_C0;
    }
    if (ca == F80_DENORMAL || cb == F80_DENORMAL)
        *flags |= SW_DE;
    int order = f80_compare(a, b);
    return order > 0 ? 0 : order < 0 ? SW_C0 : SW_C3;
}

enum { CMP_QUIET = 1, CMP_EFLAGS = 2 };

/* EFLAGS as FCOMI sets them; OF, SF, AF are cleared. */
static u32 flags_from_cc(unsigned cc)
{
    return (cc & SW_C0 ? CC_CF : 0) | (cc & SW_C2 ? CC_PF : 0) | (cc & SW_C3 ? CC_ZF : 0);
}

/* Common end: ST(0) against b, which has its conversion flags; pops registers afterwards. `empty`:
 * an operand is. The condition codes are set whatever happens; an unmasked fault prevents the pops.
 * FCOMI leaves C1 alone but for stack faults. */
static void finish_compare(struct vcpu *v, bool empty, struct f80 b, unsigned flags, unsigned how,
                           unsigned pops)
{
    unsigned cc = SW_C3 | SW_C2 | SW_C0, c1 = v->fpu.sw & SW_C1;

    if (empty)
        flags = X87_UNDERFLOW;
    else
        cc = compare(*x87_st(v, 0), b, how & CMP_QUIET, &flags);
    bool completes = x87_raise(v, flags);
    if (how & CMP_EFLAGS) {
        v->cc = flags_from_cc(cc);
        v->fpu.sw |= empty ? 0 : c1;
    } else {
        v->fpu.sw = (u16)((v->fpu.sw & ~(SW_C0 | SW_C2 | SW_C3)) | cc);
    }
    while (completes && pops--)
        x87_pop(v);
}

static inline void compare_reg(struct vcpu *v, const struct uop *u, unsigned i, unsigned how,
                               unsigned pops)
{
    x87_begin(v, u);
    x87_note(v, u);
    finish_compare(v, x87_is_empty(v, 0) || x87_is_empty(v, i), *x87_st(v, i), 0, how, pops);
}

void uop_x87_fcom(struct vcpu *v, const struct uop *u)
{
    compare_reg(v, u, u->src, 0, 0);
    uop_next(v, u);
}

void uop_x87_fcomp(struct vcpu *v, const struct uop *u)
{
    compare_reg(v, u, u->src, 0, 1);
    uop_next(v, u);
}

void uop_x87_fcompp(struct vcpu *v, const struct uop *u)
{
    compare_reg(v, u, 1, 0, 2);
    uop_next(v, u);
}

void uop_x87_fucom(struct vcpu *v, const struct uop *u)
{
    compare_reg(v, u, u->src, CMP_QUIET, 0);
    uop_next(v, u);
}

void uop_x87_fucomp(struct vcpu *v, const struct uop *u)
{
    compare_reg(v, u, u->src, CMP_QUIET, 1);
    uop_next(v, u);
}

void uop_x87_fucompp(struct vcpu *v, const struct uop *u)
{
    compare_reg(v, u, 1, CMP_QUIET, 2);
    uop_next(v, u);
}

void uop_x87_fcomi(struct vcpu *v, const struct uop *u)
{
    compare_reg(v, u, u->src, CMP_EFLAGS, 0);
    uop_next(v, u);
}

void uop_x87_fcomip(struct vcpu *v, const struct uop *u)
{
    compare_reg(v, u, u->src, CMP_EFLAGS, 1);
    uop_next(v, u);
}

void uop_x87_fucomi(struct vcpu *v, const struct uop *u)
{
    compare_reg(v, u, u->src, CMP_EFLAGS | CMP_QUIET, 0);
    uop_next(v, u);
}

void uop_x87_fucomip(struct vcpu *v, const struct uop *u)
{
    compare_reg(v, u, u->src, CMP_EFLAGS | CMP_QUIET, 1);
    uop_next(v, u);
}

void uop_x87_ftst(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    finish_compare(v, x87_is_empty(v, 0), f80_zero(false), 0, 0, 0);
    uop_next(v, u);
}

static inline void compare_real(struct vcpu *v, const struct uop *u, unsigned size)
{
    unsigned flags = 0;

    x87_begin(v, u);
    u64 raw = mmu_read(&v->mmu, vcpu_address(v, u, size, MMU_READ), size, u);
    struct f80 b = size == 4 ? f80_from_f32((u32)raw, &flags) : f80_from_f64(raw, &flags);
    x87_note_mem(v, u);
    finish_compare(v, x87_is_empty(v, 0), b, flags, 0, u->aux == 3);
}

static inline void compare_int(struct vcpu *v, const struct uop *u, unsigned size)
{
    x87_begin(v, u);
    u64 raw = mmu_read(&v->mmu, vcpu_address(v, u, size, MMU_READ), size, u);
    x87_note_mem(v, u);
    finish_compare(v, x87_is_empty(v, 0), f80_from_int((i64)sext64(raw, size * 8)), 0, 0,
                   u->aux == 3);
}

void uop_x87_fcom_m32(struct vcpu *v, const struct uop *u)
{
    compare_real(v, u, 4);
    uop_next(v, u);
}

void uop_x87_fcom_m64(struct vcpu *v, const struct uop *u)
{
    compare_real(v, u, 8);
    uop_next(v, u);
}

void uop_x87_ficom_i16(struct vcpu *v, const struct uop *u)
{
    compare_int(v, u, 2);
    uop_next(v, u);
}

void uop_x87_ficom_i32(struct vcpu *v, const struct uop *u)
{
    compare_int(v, u, 4);
    uop_next(v, u);
}

void uop_x87_fxam(struct vcpu *v, const struct uop *u)
{
    static const u16 codes[] = {
        [F80_ZERO] = SW_C3,    [F80_DENORMAL] = SW_C3 | SW_C2,
        [F80_NORMAL] = SW_C2,  [F80_INF] = SW_C2 | SW_C0,
        [F80_QNAN] = SW_C0,    [F80_SNAN] = SW_C0,
        [F80_UNSUPPORTED] = 0,
    };

    x87_begin(v, u);
    x87_note(v, u);
    struct f80 a = *x87_st(v, 0);
    unsigned cc = x87_is_empty(v, 0) ? SW_C3 | SW_C0 : codes[f80_classify(a)];
    v->fpu.sw = (u16)((v->fpu.sw & ~SW_CC) | cc | (f80_sign(a) ? SW_C1 : 0));
    uop_next(v, u);
}

/* --- Functions of ST(0) ----------------------------------------------------------------------- */

/* FCHS, FABS: any encoding, only the sign. */
static inline void change_sign(struct vcpu *v, const struct uop *u, unsigned and, unsigned xor)
{
    x87_begin(v, u);
    x87_note(v, u);
    if (x87_is_empty(v, 0)) {
        deliver_underflow(v, 0);
        return;
    }
    x87_raise(v, 0);
    x87_st(v, 0)->se = (u16)((x87_st(v, 0)->se & and) ^ xor);
}

void uop_x87_fchs(struct vcpu *v, const struct uop *u)
{
    change_sign(v, u, 0xffff, 0x8000);
    uop_next(v, u);
}

void uop_x87_fabs(struct vcpu *v, const struct uop *u)
{
    change_sign(v, u, 0x7fff, 0);
    uop_next(v, u);
}

void uop_x87_fsqrt(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    if (x87_is_empty(v, 0))
        deliver_underflow(v, 0);
    else
        x87_raise(v, x87_host_sqrt(x87_st(v, 0), &v->fpu));
    uop_next(v, u);
}

void uop_x87_fscale(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    if (x87_is_empty(v, 0) || x87_is_empty(v, 1))
        deliver_underflow(v, 0);
    else
        x87_raise(v, x87_host_scale(x87_st(v, 0), x87_st(v, 1), &v->fpu));
    uop_next(v, u);
}

static struct f80 round_to_integer(struct f80 a, enum f80_rounding rc, bool de_faults,
                                   unsigned *flags)
{
    enum f80_class c = f80_classify(a);

    if (c == F80_UNSUPPORTED) {
        *flags = SW_IE;
        return f80_indefinite();
    }
    if (c == F80_SNAN) {
        *flags = SW_IE;
        return f80_quiet(a);
    }
    if (c == F80_DENORMAL) {
        *flags |= SW_DE;
        if (de_faults)
            return a;
    }
    if (c > F80_NORMAL || c == F80_ZERO || f80_exp(a) >= F80_BIAS + 63)
        return a;
    struct f80 r = f80_from_int((i64)f80_to_magnitude(a, rc, flags));
    /* 2^63 as i64 is negative, but its magnitude is right. */
    r.se = (u16)((r.se & 0x7fff) | (a.se & 0x8000));
    return r;
}

void uop_x87_frndint(struct vcpu *v, const struct uop *u)
{
    unsigned flags = 0;

    x87_begin(v, u);
    x87_note(v, u);
    if (x87_is_empty(v, 0)) {
        deliver_underflow(v, 0);
    } else {
        struct f80 r = round_to_integer(*x87_st(v, 0), x87_rc(v), !(v->fpu.cw & SW_DE), &flags);
        deliver(v, 0, r, flags);
    }
    uop_next(v, u);
}

/* ST(0) becomes the exponent, the significand is pushed. */
static void extract(struct vcpu *v)
{
    struct f80 a = *x87_st(v, 0), exponent = a, significand = a;
    unsigned flags = 0;
    int e;

    if (x87_is_empty(v, 0) || !x87_is_empty(v, 7)) {
        flags = x87_is_empty(v, 0) ? X87_UNDERFLOW : X87_OVERFLOW;
        exponent = significand = f80_indefinite();
    } else {
        switch (f80_classify(a)) {
        case F80_ZERO:
            flags = SW_ZE;
            exponent = f80_inf(true);
            break;
        case F80_INF: exponent = f80_inf(false); break;
        case F80_QNAN: break;
        case F80_SNAN:
            flags = SW_IE;
            exponent = significand = f80_quiet(a);
            break;
        case F80_UNSUPPORTED:
            flags = SW_IE;
            exponent = significand = f80_indefinite();
            break;
        default:
            if (f80_classify(a) == F80_DENORMAL)
                flags = SW_DE;
            significand.mant = f80_normalize(a, &e);
            significand.se = (u16)((a.se & 0x8000) | F80_BIAS);
            exponent = f80_from_int(e);
            break;
        }
    }
    if (!x87_raise(v, flags))
        return;
    x87_set(v, 0, exponent);
    x87_push(v, significand);
}

void uop_x87_fxtract(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    extract(v);
    uop_next(v, u);
}
