/* SPDX-License-Identifier: MIT */
/*
 * Floating-point exceptions as the system sees them: unmasked x87 errors pending until the next waiting instruction (#MF with
 * CR0.NE), which wait and which do not, the last instruction's pointers; unmasked SSE errors at once (#XM, or #UD without
 * CR4.OSXMMEXCPT), nothing written (Intel SDM vol. 1 §8.4, §8.6, §8.7, §11.5, §13.5; vol. 3 §6.15 vectors 16 and 19).
 * Errors as interrupt 13 (NE clear) are tests/guests/ferr.c.
 */
#include "tests/system/kit/machine64.h"

static double operand[8] __attribute__((aligned(64)));
static uint8_t area[512] __attribute__((aligned(64)));
static uint16_t control;

/* --- x87 ----------------------------------------------------------------------------------------------------- */

/* Errors, each left pending by the instruction at its label; then the instruction at RBX. */
CODE(x_ie, "fninit\n fldcw (%rdi)\n fldz\n fldz\n x_ie_at: fdivp\n jmp *%rbx");
CODE(x_ze, "fninit\n fldcw (%rdi)\n fld1\n fldz\n x_ze_at: fdivrp\n jmp *%rbx");
CODE(x_de, "fninit\n fldcw (%rdi)\n x_de_at: fldl (%rsi)\n jmp *%rbx");
CODE(x_oe, "fninit\n fldcw (%rdi)\n fldl 8(%rsi)\n x_oe_at: fstps 32(%rsi)\n jmp *%rbx");
CODE(x_ue, "fninit\n fldcw (%rdi)\n fldl 16(%rsi)\n x_ue_at: fstps 32(%rsi)\n jmp *%rbx");
CODE(x_pe, "fninit\n fldcw (%rdi)\n fldl 24(%rsi)\n x_pe_at: frndint\n jmp *%rbx");
CODE(x_stack, "fninit\n fldcw (%rdi)\n x_stack_at: fstp %st(0)\n jmp *%rbx");
extern const uint8_t x_ie_at[], x_ze_at[], x_de_at[], x_oe_at[], x_ue_at[], x_pe_at[], x_stack_at[];

CODE(w_fwait, "fwait\n int $0x30");
CODE(w_fnop, "fnop\n int $0x30");
CODE(w_fld1, "fld1\n int $0x30");
CODE(w_fstcw, "fstcw 40(%rsi)\n int $0x30"); /* WAIT, then FNSTCW */
CODE(w_fldcw, "fldcw (%rdi)\n int $0x30");
CODE(w_frstor, "frstor (%rdx)\n int $0x30");
CODE(w_pxor, "pxor %mm0, %mm0\n int $0x30");
CODE(w_emms, "emms\n int $0x30");
CODE(w_fninit, "fninit\n int $0x30");
CODE(w_fnstsw, "fnstsw %ax\n int $0x30");
CODE(w_fnstcw, "fnstcw 40(%rsi)\n int $0x30");
CODE(w_fnclex, "fnclex\n int $0x30");
CODE(w_fnstenv, "fnstenv (%rdx)\n int $0x30");
CODE(w_fnsave, "fnsave (%rdx)\n int $0x30");
CODE(w_fxsave, "fxsave (%rdx)\n int $0x30");
CODE(w_movaps, "movaps %xmm0, %xmm1\n int $0x30");
CODE(w_mov, "mov %eax, %ecx\n int $0x30");

static const struct {
    const uint8_t *code, *at;
    const char *name;
    unsigned bit;
} errors[] = {
    {x_ie, x_ie_at, "invalid", 0},          {x_de, x_de_at, "denormal", 1},
    {x_ze, x_ze_at, "division by zero", 2}, {x_oe, x_oe_at, "overflow", 3},
    {x_ue, x_ue_at, "underflow", 4},        {x_pe, x_pe_at, "precision", 5},
    {x_stack, x_stack_at, "stack", 0},
};

static const struct {
    const uint8_t *code;
    const char *name;
    bool waits;
} nexts[] = {
    {w_fwait, "FWAIT", true},      {w_fnop, "FNOP", true},      {w_fld1, "FLD1", true},
    {w_fstcw, "FSTCW", true},      {w_fldcw, "FLDCW", true},    {w_frstor, "FRSTOR", true},
    {w_pxor, "PXOR MM", true},     {w_emms, "EMMS", true},      {w_fninit, "FNINIT", false},
    {w_fnstsw, "FNSTSW", false},   {w_fnstcw, "FNSTCW", false}, {w_fnclex, "FNCLEX", false},
    {w_fnstenv, "FNSTENV", false}, {w_fnsave, "FNSAVE", false}, {w_fxsave, "FXSAVE", false},
    {w_movaps, "MOVAPS", false},   {w_mov, "MOV", false},
};

static uint16_t status(void)
{
    uint16_t s;
    __asm__ volatile("fnstsw %0" : "=m"(s));
    return s;
}

static void x87(void)
{
    static const uint64_t values[4] = {1, 0x7fe0000000000000, 0x0010000000000000,
                                       0x3ff8000000000000};
    struct context c;

    memcpy(operand, values,
           sizeof values); /* a denormal, the largest power, the smallest normal, 1.5 */
    for (unsigned masked = 0; masked < 2; masked++)
        for (unsigned i = 0; i < sizeof errors / sizeof *errors; i++)
            for (unsigned k = 0; k < sizeof nexts / sizeof *nexts; k++)
                for (unsigned user = 0; user < 2; user++) {
                    bool wants = !masked && nexts[k].waits;
                    word base = user ? USER_ALIAS : 0;

                    control = masked ? 0x37f : 0x37f & ~(1u << errors[i].bit);
                    __asm__ volatile("fninit; fnsave %0; fninit" : "=m"(area));
                    (user ? sys_user : sys_kernel)(&c, (uintptr_t)errors[i].code);
                    c.r[RDI] = (uintptr_t)&control + base;
                    c.r[RSI] = (uintptr_t)operand + base;
                    c.r[RDX] = (uintptr_t)area + base;
                    c.r[RBX] = (uintptr_t)nexts[k].code + base;
                    sys_go(&c);
                    check_but(nexts[k].waits ? ON_TCG : 0, "SDM vol. 1 8.6",
                              c.vector == (word)(wants ? V_MF : DONE) && c.error == 0,
                              "%s, masked %u, then %s: vector %lu", errors[i].name, masked,
                              nexts[k].name, c.vector);
                    if (wants && c.vector == V_MF) {
                        unsigned at = status();
                        struct {
                            uint16_t control, r0, status, r1, tag, r2;
                            uint32_t ip;
                            uint16_t cs, op;
                            uint32_t dp;
                            uint16_t ds, r3;
                        } env;

                        check_but(ON_TCG, "SDM vol. 3 17.3.1.1 (RF)",
                                  c.ip == (uintptr_t)nexts[k].code + base && (c.flags & FL_RF),
                                  "%s: #MF before it: %lx", nexts[k].name, c.ip);
                        check((at & (0x80 | 1u << errors[i].bit)) == (0x80 | 1u << errors[i].bit),
                              "status %x after %s", at, errors[i].name);
                        __asm__ volatile("fnstenv %0" : "=m"(env));
                        check_but(ON_TCG, "SDM vol. 1 8.1.8",
                                  env.ip == (uint32_t)((uintptr_t)errors[i].at + base),
                                  "pointer to %s: %x", errors[i].name, env.ip);
                    }
                    __asm__ volatile("fninit");
                }
}

/* --- SSE ----------------------------------------------------------------------------------------------------- */

CODE(s_div, "ldmxcsr (%rdi)\n movsd (%rsi), %xmm0\n s_div_at: divsd 8(%rsi), %xmm0\n int $0x30");
CODE(s_mul, "ldmxcsr (%rdi)\n movsd (%rsi), %xmm0\n s_mul_at: mulsd 8(%rsi), %xmm0\n int $0x30");
CODE(s_add, "ldmxcsr (%rdi)\n movsd (%rsi), %xmm0\n s_add_at: addsd 8(%rsi), %xmm0\n int $0x30");
CODE(s_packed,
     "ldmxcsr (%rdi)\n movapd (%rsi), %xmm0\n s_packed_at: divpd 16(%rsi), %xmm0\n int $0x30");
extern const uint8_t s_div_at[], s_mul_at[], s_add_at[], s_packed_at[];
static uint32_t mxcsr;

static void sse(void)
{
    static const struct {
        const uint8_t *code, *at;
        const char *name;
        uint64_t a, b;
        unsigned flags; /* that the operation raises with everything masked */
    } cases[] = {
        {s_div, s_div_at, "0/0", 0, 0, 0x01},
        {s_div, s_div_at, "1/0", 0x3ff0000000000000, 0, 0x04},
        {s_add, s_add_at, "denormal", 1, 0x3ff0000000000000, 0x22},
        {s_mul, s_mul_at, "overflow", 0x7fe0000000000000, 0x7fe0000000000000, 0x28},
        {s_mul, s_mul_at, "underflow", 0x0010000000000000, 0x3fd5555555555555, 0x30},
        {s_div, s_div_at, "1/3", 0x3ff0000000000000, 0x4008000000000000, 0x20},
        {s_add, s_add_at, "signalling NaN", 0x7ff4000000000000, 0, 0x01},
    };
    word cr4 = read_cr4();
    struct context c;

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned open = 0; open < 64; open++)
            for (unsigned os = 0; os < 2; os++) {
                unsigned raised = cases[i].flags, flags = raised;
                bool fails;
                uint64_t left;

                /* Unmasked underflow comes for tiny results, exact or not: here they are inexact too. */
                fails = raised & open;
                /* Errors before the operation hide those after it. */
                if (fails && (raised & open & 7))
                    flags = raised & 7;
                memcpy(operand, (const uint64_t[]){cases[i].a, cases[i].b}, 16);
                mxcsr = 0x1f80 & ~(open << 7);
                write_cr4(os ? cr4 | 0x400 : cr4 & ~(word)0x400);
                sys_kernel(&c, (uintptr_t)cases[i].code);
                c.r[RDI] = (uintptr_t)&mxcsr;
                c.r[RSI] = (uintptr_t)operand;
                sys_go(&c);
                write_cr4(cr4);
                check_but(fails ? ON_TCG : 0, "SDM vol. 1 11.5.2 (#XM, #UD without OSXMMEXCPT)",
                          c.vector == (word)(!fails ? DONE
                                             : os   ? V_XM
                                                    : V_UD) &&
                              (!fails || c.ip == (uintptr_t)cases[i].at),
                          "%s, open %x, OSXMMEXCPT %u: vector %lu at %lx", cases[i].name, open, os,
                          c.vector, c.ip);
                __asm__ volatile("stmxcsr %0; movsd %%xmm0, %1" : "=m"(mxcsr), "=m"(left));
                if (fails && c.vector == V_XM) {
                    check(left == cases[i].a, "%s, open %x: the destination is as it was: %lx",
                          cases[i].name, open, left);
                    check((mxcsr & 0x3f & flags) && !(mxcsr & 0x3f & ~flags),
                          "%s, open %x: flags %x, of %x", cases[i].name, open, mxcsr & 0x3f, flags);
                }
                if (!fails)
                    check_but(ON_TCG, "SDM vol. 1 11.5.1", (mxcsr & 0x3f) == raised,
                              "%s, open %x: flags %x, expected %x", cases[i].name, open,
                              mxcsr & 0x3f, raised);
            }
    /* Packed: flags of all elements, exception if any. */
    memcpy(operand, (const uint64_t[]){0x3ff0000000000000, 0, 0, 0}, 32); /* 1/0, 0/0 */
    mxcsr = 0x1f80 & ~(4u << 7);
    sys_kernel(&c, (uintptr_t)s_packed);
    c.r[RDI] = (uintptr_t)&mxcsr;
    c.r[RSI] = (uintptr_t)operand;
    sys_go(&c);
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    check_but(ON_TCG, "SDM vol. 1 11.5.2",
              c.vector == V_XM && c.ip == (uintptr_t)s_packed_at && (mxcsr & 0x3f) == 5,
              "packed: vector %lu, flags %x", c.vector, mxcsr & 0x3f);
    /* Reserved bits of MXCSR. */
    for (unsigned bit = 0; bit < 32; bit++) {
        mxcsr = 0x1f80 ^ 1u << bit;
        memcpy(operand, (const uint64_t[]){0x3ff0000000000000, 0x3ff0000000000000}, 16);
        sys_kernel(&c, (uintptr_t)s_div);
        c.r[RDI] = (uintptr_t)&mxcsr;
        c.r[RSI] = (uintptr_t)operand;
        sys_go(&c);
        if (bit >= 16 && bit != 17)
            check_but(ON_TCG, "SDM vol. 2 LDMXCSR", c.vector == V_GP && c.error == 0,
                      "LDMXCSR with bit %u: vector %lu", bit, c.vector);
        else if (bit < 16)
            check(c.vector == DONE, "LDMXCSR with bit %u: vector %lu", bit, c.vector);
    }
    mxcsr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

void system_main(void)
{
    write_cr0((read_cr0() | CR0_NE | CR0_MP) & ~(word)(CR0_EM | CR0_TS));
    write_cr4(read_cr4() | 0x600);
    x87();
    sse();
    report("fpu");
}
