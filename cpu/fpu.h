/* SPDX-License-Identifier: MIT */
/*
 * The x87 state as a whole: reset values, the words that are kept in parts, the memory images of
 * FXSAVE and XSAVE, and what the SSE side needs to touch MMX registers. Intel SDM vol. 1 §8.1,
 * §9.5, §10.5, §13.
 */
#ifndef CPU_FPU_H
#define CPU_FPU_H

#include "cpu/vcpu.h"
#include "src/base/types.h"

#define FPU_CW_INIT 0x037f
#define FPU_MXCSR_INIT 0x1f80u
#define FPU_MXCSR_MASK 0xffffu /* no MISALIGNSSE */

enum { XCR0_X87 = 1 << 0, XCR0_SSE = 1 << 1, XCR0_AVX = 1 << 2, XCR0_PKRU = 1 << 9 };

/* Power-up and RESET (SDM vol. 3 table 9-1); INIT leaves all of it alone. */
void fpu_reset(struct fpu *f);
/* What FNINIT does. */
void fpu_init(struct fpu *f);

/* The status word with TOP in it, and back. Setting recomputes ES and B from the exception bits and
 * f->cw, so set the control word first. */
u16 fpu_status(const struct fpu *f);
void fpu_set_status(struct fpu *f, u16 sw);
/* The control word; reserved bits get their fixed values, ES follows. */
void fpu_set_control(struct fpu *f, u16 cw);
/* The 16-bit tag word of FNSTENV (00 valid, 01 zero, 10 special, 11 empty), and back. */
u16 fpu_tag_word(const struct fpu *f);
void fpu_set_tag_word(struct fpu *f, u16 word);

/* A waiting x87 or MMX instruction, v->cur, found ES set: #MF with CR0.NE, else v->ferr and an escape, or
 * on when that was done before. */
void fpu_pending(struct vcpu *v);
/* MMX usable? #UD for CR0.EM, #NM for CR0.TS, then pending x87 faults. */
void fpu_check_mmx(struct vcpu *v);

/* Commit of every MMX instruction but EMMS: TOP = 0, no register empty. Cannot fail. */
static inline void fpu_enter_mmx(struct vcpu *v)
{
    v->fpu.top = 0;
    v->fpu.tag = 0xff;
}

/* Write an MMX register (after fpu_enter_mmx). */
static inline void fpu_set_mm(struct vcpu *v, unsigned reg, u64 value)
{
    v->fpu.st[reg & 7] = (struct f80){.mant = value, .se = 0xffff};
}

#endif
