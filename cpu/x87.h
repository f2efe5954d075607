/* SPDX-License-Identifier: MIT */
/*
 * What the x87 handlers share (ops_x87_*.c): the register stack, exception flags, last-instruction
 * pointers. Inside cpu/ only.
 *
 * Shape of a handler: x87_begin (pending #MF), memory accesses, computation on locals, then the
 * commit: x87_note (pointers), x87_raise (flags, decides whether the result is delivered),
 * registers. Nothing is changed before the last access that can escape.
 */
#ifndef CPU_X87_H
#define CPU_X87_H

#include "cpu/address.h"
#include "cpu/exec.h"
#include "cpu/f80.h"
#include "cpu/fpu.h"
#include "cpu/vcpu.h"

/* Arithmetic operations in the order of ModRM.reg of D8; 2 and 3 are comparisons. */
enum x87_arith {
    ARITH_ADD = 0,
    ARITH_MUL = 1,
    ARITH_SUB = 4,
    ARITH_SUBR = 5,
    ARITH_DIV = 6,
    ARITH_DIVR = 7
};

/* Micro-op fields beyond the address: imm = the 11 bits of FOP, src = i of ST(i), aux = ModRM.reg,
 * aux2 = segment register of the memory operand before it was reduced. */

static inline struct f80 *x87_st(struct vcpu *v, unsigned i)
{
    return &v->fpu.st[(v->fpu.top + i) & 7];
}

static inline bool x87_is_empty(const struct vcpu *v, unsigned i)
{
    return !(v->fpu.tag >> ((v->fpu.top + i) & 7) & 1);
}

static inline void x87_set(struct vcpu *v, unsigned i, struct f80 value)
{
    unsigned reg = (v->fpu.top + i) & 7;
    v->fpu.st[reg] = value;
    v->fpu.tag |= 1 << reg;
}

static inline void x87_free(struct vcpu *v, unsigned i)
{
    v->fpu.tag &= ~(1 << ((v->fpu.top + i) & 7));
}

static inline void x87_pop(struct vcpu *v)
{
    x87_free(v, 0);
    v->fpu.top = (v->fpu.top + 1) & 7;
}

static inline void x87_push(struct vcpu *v, struct f80 value)
{
    v->fpu.top = (v->fpu.top - 1) & 7;
    x87_set(v, 0, value);
}

static inline enum f80_rounding x87_rc(const struct vcpu *v)
{
    return v->fpu.cw >> 10 & 3;
}

/* Start of every waiting instruction. */
static inline void x87_begin(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    if (unlikely(v->fpu.sw & SW_ES))
        fpu_pending(v);
}

/* Commit of a non-control instruction: opcode and instruction pointer; the data pointer keeps its
 * value without a memory operand. They change on every such instruction, faulting or not (DEVIATION
 * from AMD, which reports them in FXSAVE only while ES is set). */
static inline void x87_note(struct vcpu *v, const struct uop *u)
{
    v->fpu.opcode = (u16)u->imm;
    v->fpu.ip = vcpu_insn_rip(v, u);
    v->fpu.cs = v->seg[SEG_CS].sel;
}

static inline void x87_note_mem(struct vcpu *v, const struct uop *u)
{
    x87_note(v, u);
    v->fpu.dp = vcpu_cut(vcpu_offset_raw(v, u), u->asize);
    v->fpu.ds = v->seg[u->aux2].sel;
}

/* Merge an operation's SW_* exception bits, SF and C1 into the status word (C1 is cleared first)
 * and set ES for unmasked ones. False: an unmasked fault that is detected before the computation
 * (IE, DE, ZE): operands stay. */
static inline bool x87_raise(struct vcpu *v, unsigned flags)
{
    struct fpu *f = &v->fpu;
    unsigned unmasked = flags & ~(unsigned)f->cw & SW_EXCEPTIONS;

    f->sw = (u16)((f->sw & ~SW_C1) | flags);
    if (unlikely(unmasked))
        f->sw |= SW_ES | SW_B;
    return !(unmasked & (SW_IE | SW_DE | SW_ZE));
}

/* Stack underflow and overflow as flags for x87_raise. */
enum { X87_UNDERFLOW = SW_IE | SW_SF, X87_OVERFLOW = SW_IE | SW_SF | SW_C1 };

/* --- x87_host.c: operations that the host's FPU executes under the guest's control word
 * ----------- */

/* *r = *r op *b. Returns exception flags and C1; flags that f->sw has already may be among them. An
 * unmasked fault leaves *r alone. r and b may point into f. */
unsigned x87_host_arith(struct f80 *r, const struct f80 *b, enum x87_arith op, const struct fpu *f);
/* The second operand from its memory form. size: 4 or 8 bytes, real or integer (2, 4). */
unsigned x87_host_arith_real(struct f80 *r, u64 b, unsigned size, enum x87_arith op,
                             const struct fpu *f);
unsigned x87_host_arith_int(struct f80 *r, u64 b, unsigned size, enum x87_arith op,
                            const struct fpu *f);
unsigned x87_host_sqrt(struct f80 *r, const struct fpu *f);
unsigned x87_host_scale(struct f80 *r, const struct f80 *b, const struct fpu *f);
/* *a rounded to a single or double in *r; undefined for an unmasked IE, OE or UE. */
unsigned x87_host_store(u64 *r, const struct f80 *a, unsigned size, const struct fpu *f);

/* --- x87_math.c: transcendental functions, correctly rounded to 64 bits
 * --------------------------- */

enum x87_function { X87_SIN, X87_COS, X87_TAN, X87_ATAN, X87_EXP2M1, X87_YLOG2, X87_YLOG2P1 };

/* *r = f(x) or f(x, y) for finite nonzero operands inside the domain, rounded as cw says (never
 * reduced precision). Returns SW_OE, SW_UE, SW_PE, SW_C1 as they apply; unmasked OE and UE scale
 * the exponent by 24576. */
unsigned x87_math(struct f80 *r, enum x87_function f, struct f80 x, struct f80 y, u16 cw);

#endif
