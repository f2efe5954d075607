/* SPDX-License-Identifier: MIT */
/*
 * x87 arithmetic by the host's x87: basic operations, square root, scale, rounding to single and
 * double. IEEE 754 and the manuals define these completely, so any x86 host gives the same bits,
 * precision control, denormals, unsupported encodings and NaN selection included.
 *
 * Each operation runs under the guest's control word with its exception masks as they are. An
 * unmasked exception is therefore handled by the host as the guest wants it (faults leave the
 * operand alone, overflow and underflow scale the exponent); FNSTSW and FNCLEX, which do not wait,
 * take the flags away before the host could raise #MF. With all exceptions masked, which is nearly
 * always so, the host's flags may stay where they are: they only must not hold one that the guest's
 * status word does not, so the slow FNCLEX is seldom needed. The x87 stack is empty between any two
 * statements of C, and the control word is the ABI's 037F. Intel SDM vol. 1 §8.4, §8.5.
 */
#include "cpu/x87.h"

#define CW_HOST 0x037f

static const u16 cw_host = CW_HOST;

/* The control word for the host. Precision control 01 is reserved; all hosts are told 11 (64 bits).
 */
static u16 control_for(const struct fpu *f)
{
    return (f->cw & 0x300) == 0x100 ? f->cw | 0x300 : f->cw;
}

static bool all_masked(const struct fpu *f)
{
    return (f->cw & SW_EXCEPTIONS) == SW_EXCEPTIONS;
}

/* Before an operation: flags that f does not have are clear, the control word is f's. */
static inline void begin(const struct fpu *f)
{
    u16 sw, cw = control_for(f);

    __asm__ volatile("fnstsw %0" : "=a"(sw));
    if (sw & SW_EXCEPTIONS & (all_masked(f) ? ~f->sw : ~0))
        __asm__ volatile("fnclex");
    if (unlikely(cw != CW_HOST))
        __asm__ volatile("fldcw %0" : : "m"(cw));
}

static inline unsigned end(const struct fpu *f, u16 sw)
{
    if (unlikely(control_for(f) != CW_HOST))
        __asm__ volatile("fldcw %0" : : "m"(cw_host));
    return sw & (SW_EXCEPTIONS | SW_C1);
}

/* With `load` operands on the stack, ST(0) being *r: run `insn`, get the status, `clear` it, store
 * the result and drop the rest. */
#define HOST_OP_CLEAR(load, insn, clear, drop, ...)                                                \
    __asm__ volatile(load insn "\n\tfnstsw %[status]\n\t" clear "fstpt %[result]\n\t" drop         \
                     : [result] "+m"(*r), [status] "=a"(sw)                                        \
                     : __VA_ARGS__                                                                 \
                     : "st", "st(1)", "st(2)")

#define HOST_OP(load, insn, drop, ...)                                                             \
    do {                                                                                           \
        if (likely(all_masked(f)))                                                                 \
            HOST_OP_CLEAR(load, insn, "", drop, __VA_ARGS__);                                      \
        else                                                                                       \
            HOST_OP_CLEAR(load, insn, "fnclex\n\t", drop, __VA_ARGS__);                            \
    } while (0)

#define LOAD1 "fldt %[result]\n\t"
#define LOAD2 "fldt %[y]\n\tfldt %[result]\n\t"
#define DROP1 "fstp %%st(0)"

unsigned x87_host_arith(struct f80 *r, const struct f80 *b, enum x87_arith op, const struct fpu *f)
{
    u16 sw = 0;

    begin(f);
#define ARITH(insn) HOST_OP(LOAD2, insn, DROP1, [y] "m"(*b))
    switch (op) {
    case ARITH_ADD: ARITH("fadd %%st(1), %%st"); break;
    case ARITH_MUL: ARITH("fmul %%st(1), %%st"); break;
    case ARITH_SUB: ARITH("fsub %%st(1), %%st"); break;
    case ARITH_SUBR: ARITH("fsubr %%st(1), %%st"); break;
    case ARITH_DIV: ARITH("fdiv %%st(1), %%st"); break;
    case ARITH_DIVR: ARITH("fdivr %%st(1), %%st"); break;
    }
#undef ARITH
    return end(f, sw);
}

#define ARITH(insn) HOST_OP(LOAD1, insn, "", [y] "m"(*operand))
#define ARITH_SWITCH(prefix, suffix)                                                               \
    switch (op) {                                                                                  \
    case ARITH_ADD: ARITH(prefix "add" suffix " %[y]"); break;                                     \
    case ARITH_MUL: ARITH(prefix "mul" suffix " %[y]"); break;                                     \
    case ARITH_SUB: ARITH(prefix "sub" suffix " %[y]"); break;                                     \
    case ARITH_SUBR: ARITH(prefix "subr" suffix " %[y]"); break;                                   \
    case ARITH_DIV: ARITH(prefix "div" suffix " %[y]"); break;                                     \
    case ARITH_DIVR: ARITH(prefix "divr" suffix " %[y]"); break;                                   \
    }

unsigned x87_host_arith_real(struct f80 *r, u64 b, unsigned size, enum x87_arith op,
                             const struct fpu *f)
{
    u16 sw = 0;

    begin(f);
    if (size == 4) {
        const u32 value = (u32)b, *operand = &value;
        ARITH_SWITCH("f", "s")
    } else {
        const u64 *operand = &b;
        ARITH_SWITCH("f", "l")
    }
    return end(f, sw);
}

unsigned x87_host_arith_int(struct f80 *r, u64 b, unsigned size, enum x87_arith op,
                            const struct fpu *f)
{
    u16 sw = 0;

    begin(f);
    if (size == 2) {
        const u16 value = (u16)b, *operand = &value;
        ARITH_SWITCH("fi", "s")
    } else {
        const u32 value = (u32)b, *operand = &value;
        ARITH_SWITCH("fi", "l")
    }
    return end(f, sw);
}

unsigned x87_host_sqrt(struct f80 *r, const struct fpu *f)
{
    u16 sw = 0;

    begin(f);
    HOST_OP(LOAD1, "fsqrt", "", "m"(*r));
    return end(f, sw);
}

unsigned x87_host_scale(struct f80 *r, const struct f80 *b, const struct fpu *f)
{
    u16 sw = 0;

    begin(f);
    HOST_OP(LOAD2, "fscale", DROP1, [y] "m"(*b));
    return end(f, sw);
}

/* FST without a pop, so that the stack is the same whether it stores or not. */
#define HOST_STORE(suffix, clear, out)                                                             \
    __asm__ volatile("fldt %[x]\n\tfst" suffix " %[to]\n\tfnstsw %[status]\n\t" clear              \
                     "fstp %%st(0)"                                                                \
                     : [to] "+m"(out), [status] "=a"(sw)                                           \
                     : [x] "m"(*a)                                                                 \
                     : "st")

unsigned x87_host_store(u64 *r, const struct f80 *a, unsigned size, const struct fpu *f)
{
    u64 out64 = 0;
    u32 out32 = 0;
    u16 sw = 0;

    begin(f);
    if (size == 4 && all_masked(f))
        HOST_STORE("s", "", out32);
    else if (size == 4)
        HOST_STORE("s", "fnclex\n\t", out32);
    else if (all_masked(f))
        HOST_STORE("l", "", out64);
    else
        HOST_STORE("l", "fnclex\n\t", out64);
    *r = size == 4 ? out32 : out64;
    return end(f, sw);
}
