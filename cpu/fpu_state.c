/* SPDX-License-Identifier: MIT */
/*
 * The x87 state as a whole: reset, status and tag words, and the checks before x87, MMX and SSE
 * instructions.
 *
 * TOP and the tags live apart from the status word, because every instruction uses them. One tag
 * bit per physical register says "not empty"; the other values of the tag word are computed when it
 * is stored, as all CPUs since the 486 do. ES and B are kept equal, and equal to "an unmasked
 * exception bit is set". Intel SDM vol. 1 §8.1, appendix D (FERR#), vol. 3 §2.5 (CR0.EM,
 * MP, TS, NE), table 9-1.
 */
#include "cpu/escape.h"
#include "cpu/exec.h"
#include "cpu/x87.h"

/* Bits of the control word that can be written; bit 6 always reads 1. */
#define CW_WRITABLE 0x1f3f
#define CW_FIXED 0x0040

void fpu_reset(struct fpu *f)
{
    memset(f, 0, sizeof(*f));
    f->cw = CW_FIXED;
    f->tag = 0xff; /* tag word 5555: eight zeros */
    f->mxcsr = FPU_MXCSR_INIT;
}

void fpu_init(struct fpu *f)
{
    f->cw = FPU_CW_INIT;
    f->sw = 0;
    f->top = 0;
    f->tag = 0;
    f->opcode = 0;
    f->ip = f->dp = 0;
    f->cs = f->ds = 0;
    f->ferr = false;
}

static void update_summary(struct fpu *f)
{
    f->sw &= ~(SW_ES | SW_B);
    if (f->sw & ~f->cw & SW_EXCEPTIONS)
        f->sw |= SW_ES | SW_B;
    else
        f->ferr = false;
}

u16 fpu_status(const struct fpu *f)
{
    return (u16)(f->sw | f->top << 11);
}

void fpu_set_status(struct fpu *f, u16 sw)
{
    f->top = sw >> 11 & 7;
    f->sw = sw & (SW_EXCEPTIONS | SW_SF | SW_CC);
    update_summary(f);
}

void fpu_set_control(struct fpu *f, u16 cw)
{
    f->cw = (cw & CW_WRITABLE) | CW_FIXED;
    update_summary(f);
}

u16 fpu_tag_word(const struct fpu *f)
{
    unsigned word = 0;

    for (unsigned i = 0; i < 8; i++) {
        enum f80_class c = f80_classify(f->st[i]);
        unsigned tag = c == F80_NORMAL ? 0 : c == F80_ZERO ? 1 : 2;
        word |= (f->tag >> i & 1 ? tag : 3) << 2 * i;
    }
    return (u16)word;
}

void fpu_set_tag_word(struct fpu *f, u16 word)
{
    f->tag = 0;
    for (unsigned i = 0; i < 8; i++)
        f->tag |= (u8)(((word >> 2 * i & 3) != 3) << i);
}

/* Without CR0.NE the first waiting instruction that meets the error asserts FERR# and is given up, so that the interrupt comes
 * before it. From then until the error is cleared x87 instructions go on, as with IGNNE# asserted: what the handler asserts on a
 * PC by writing to port 0xf0. DEVIATION: a processor whose interrupts are off would stay frozen. */
void fpu_pending(struct vcpu *v)
{
    if (v->cr0 & CR0_NE)
        vcpu_raise(v, VEC_MF);
    if (!v->ferr || v->fpu.ferr)
        return;
    v->ferr(v);
    v->fpu.ferr = true;
    vcpu_rethrow(v, ESCAPE_FROZEN);
}

void fpu_check_mmx(struct vcpu *v)
{
    if (v->cr0 & CR0_EM)
        vcpu_raise(v, VEC_UD);
    if (v->cr0 & CR0_TS)
        vcpu_raise(v, VEC_NM);
    if (v->fpu.sw & SW_ES)
        fpu_pending(v);
}

void fpu_check_sse(struct vcpu *v)
{
    if ((v->cr0 & CR0_EM) || !(v->cr4 & CR4_OSFXSR))
        vcpu_raise(v, VEC_UD);
    if (v->cr0 & CR0_TS)
        vcpu_raise(v, VEC_NM);
}

/* Without SSE state in XCR0 there is no AVX state. */
void fpu_check_avx(struct vcpu *v)
{
    if (!(v->cr4 & CR4_OSXSAVE) || !(v->xcr0 & XCR0_AVX))
        vcpu_raise(v, VEC_UD);
    if (v->cr0 & CR0_TS)
        vcpu_raise(v, VEC_NM);
}
