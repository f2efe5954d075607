/* SPDX-License-Identifier: MIT */
/*
 * x87 arithmetic by the host's x87: basic operations, square root, scale, rounding to single and
 * double. IEEE 754 and the manuals define these completely, so any x86 host gives the same bits,
 * precision control, denormals, unsupported encodings and NaN selection included.
 *
 * Each function loads the guest's control word with its exception masks as they are. An unmasked
 * exception is therefore handled by the host as the guest wants it (faults leave the operand alone,
 * overflow and underflow scale the exponent); FNSTSW and FNCLEX, which do not wait, take the flags
 * away before the host could raise #MF. The x87 stack is empty between any two statements of C, and
 * the control word is the ABI's 037F. Intel SDM vol. 1 §8.4, §8.5.
 */
#include "cpu/x87.h"

#define CW_HOST 0x037f

static const u16 cw_host = CW_HOST;

/* With `load` operands on the stack, ST(0) being the destination: run `insn`, collect flags, drop
 * `drop` more. */
#define HOST_OP(load, insn, drop, r, sw, cw, ...)                                                  \
    __asm__ volatile("fnclex\n\tfldcw %[control]\n\t" load insn                                    \
                     "\n\tfnstsw %[status]\n\tfnclex\n\t"                                          \
                     "fldcw %[host]\n\tfstpt %[result]\n\t" drop                                   \
                     : [result] "=m"(r), [status] "=a"(sw)                                         \
                     : [control] "m"(cw), [host] "m"(cw_host), __VA_ARGS__                         \
                     : "st", "st(1)", "st(2)")

#define LOAD1 "fldt %[x]\n\t"
#define LOAD2 "fldt %[y]\n\tfldt %[x]\n\t"
#define DROP1 "fstp %%st(0)"

/* Precision control 01 is reserved; all hosts are told 11 (64 bits). */
static u16 defined_precision(u16 cw)
{
    return (cw & 0x300) == 0x100 ? cw | 0x300 : cw;
}

static unsigned flags_of(u16 sw)
{
    return sw & (SW_EXCEPTIONS | SW_C1);
}

unsigned x87_host_arith(struct f80 *r, struct f80 a, struct f80 b, enum x87_arith op, u16 cw)
{
    u16 sw = 0;

    cw = defined_precision(cw);
#define ARITH(insn) HOST_OP(LOAD2, insn, DROP1, *r, sw, cw, [x] "m"(a), [y] "m"(b))
    switch (op) {
    case ARITH_ADD: ARITH("fadd %%st(1), %%st"); break;
    case ARITH_MUL: ARITH("fmul %%st(1), %%st"); break;
    case ARITH_SUB: ARITH("fsub %%st(1), %%st"); break;
    case ARITH_SUBR: ARITH("fsubr %%st(1), %%st"); break;
    case ARITH_DIV: ARITH("fdiv %%st(1), %%st"); break;
    case ARITH_DIVR: ARITH("fdivr %%st(1), %%st"); break;
    }
#undef ARITH
    return flags_of(sw);
}

#define ARITH(insn) HOST_OP(LOAD1, insn, "", *r, sw, cw, [x] "m"(a), [y] "m"(*operand))
#define ARITH_SWITCH(prefix, suffix)                                                               \
    switch (op) {                                                                                  \
    case ARITH_ADD: ARITH(prefix "add" suffix " %[y]"); break;                                     \
    case ARITH_MUL: ARITH(prefix "mul" suffix " %[y]"); break;                                     \
    case ARITH_SUB: ARITH(prefix "sub" suffix " %[y]"); break;                                     \
    case ARITH_SUBR: ARITH(prefix "subr" suffix " %[y]"); break;                                   \
    case ARITH_DIV: ARITH(prefix "div" suffix " %[y]"); break;                                     \
    case ARITH_DIVR: ARITH(prefix "divr" suffix " %[y]"); break;                                   \
    }

unsigned x87_host_arith_real(struct f80 *r, struct f80 a, u64 b, unsigned size, enum x87_arith op,
                             u16 cw)
{
    u16 sw = 0;

    cw = defined_precision(cw);
    if (size == 4) {
        const u32 value = (u32)b, *operand = &value;
        ARITH_SWITCH("f", "s")
    } else {
        const u64 *operand = &b;
        ARITH_SWITCH("f", "l")
    }
    return flags_of(sw);
}

unsigned x87_host_arith_int(struct f80 *r, struct f80 a, u64 b, unsigned size, enum x87_arith op,
                            u16 cw)
{
    u16 sw = 0;

    cw = defined_precision(cw);
    if (size == 2) {
        const u16 value = (u16)b, *operand = &value;
        ARITH_SWITCH("fi", "s")
    } else {
        const u32 value = (u32)b, *operand = &value;
        ARITH_SWITCH("fi", "l")
    }
    return flags_of(sw);
}

unsigned x87_host_sqrt(struct f80 *r, struct f80 a, u16 cw)
{
    u16 sw = 0;

    cw = defined_precision(cw);
    HOST_OP(LOAD1, "fsqrt", "", *r, sw, cw, [x] "m"(a));
    return flags_of(sw);
}

unsigned x87_host_scale(struct f80 *r, struct f80 a, struct f80 b, u16 cw)
{
    u16 sw = 0;

    cw = defined_precision(cw);
    HOST_OP(LOAD2, "fscale", DROP1, *r, sw, cw, [x] "m"(a), [y] "m"(b));
    return flags_of(sw);
}

unsigned x87_host_store(u64 *r, struct f80 a, unsigned size, u16 cw)
{
    struct f80 unused;
    u64 out64 = 0;
    u32 out32 = 0;
    u16 sw = 0;

    cw = defined_precision(cw);
    if (size == 4) {
        __asm__ volatile("fnclex\n\tfldcw %[control]\n\tfldt %[x]\n\tfsts %[out]\n\tfnstsw "
                         "%[status]\n\tfnclex\n\t"
                         "fldcw %[host]\n\tfstpt %[unused]"
                         : [out] "+m"(out32), [unused] "=m"(unused), [status] "=a"(sw)
                         : [control] "m"(cw), [host] "m"(cw_host), [x] "m"(a)
                         : "st");
        *r = out32;
    } else {
        __asm__ volatile("fnclex\n\tfldcw %[control]\n\tfldt %[x]\n\tfstl %[out]\n\tfnstsw "
                         "%[status]\n\tfnclex\n\t"
                         "fldcw %[host]\n\tfstpt %[unused]"
                         : [out] "+m"(out64), [unused] "=m"(unused), [status] "=a"(sw)
                         : [control] "m"(cw), [host] "m"(cw_host), [x] "m"(a)
                         : "st");
        *r = out64;
    }
    return flags_of(sw);
}
