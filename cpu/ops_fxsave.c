/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE, FXRSTOR, and their part of XSAVE's area.
 *
 * The area is laid out as SDM vol. 1 table 10-2. The whole of it is probed before anything is read or written. Bytes
 * that the layout does not define stay untouched, but for the six after each x87 register, which
 * are stored as zeros, as CPUs do. Choices: error pointers are always saved (not only while ES is
 * set). With CR4.OSFXSR = 0, FXSAVE and FXRSTOR leave out MXCSR and XMM (AMD). Outside 64-bit code
 * XMM8 to XMM15 are neither saved, restored nor looked at. Misalignment is #GP, never #AC.
 * SDM vol. 1 §10.5; vol. 2 FXSAVE.
 */
#include "cpu/fxsave.h"

#include "cpu/uops.h"
#include "cpu/x87.h"

/* --- The two components ----------------------------------------------------------------------- */

/* x87 in bytes 0..23 and 32..159 of the area image. */
static void put_x87(const struct vcpu *v, u8 *image, bool wide)
{
    const struct fpu *f = &v->fpu;

    memset(image, 0, OFF_XMM);
    store_le16(image, f->cw);
    store_le16(image + 2, fpu_status(f));
    image[4] = f->tag;
    store_le16(image + 6, f->opcode);
    store_le64(image + 8, wide ? f->ip : (u32)f->ip | (u64)f->cs << 32);
    store_le64(image + 16, wide ? f->dp : (u32)f->dp | (u64)f->ds << 32);
    for (unsigned i = 0; i < 8; i++)
        memcpy(image + OFF_ST + 16 * i, &f->st[(f->top + i) & 7], 10);
}

void fx_get_x87(struct vcpu *v, const u8 *image, bool wide)
{
    struct fpu *f = &v->fpu;

    fpu_set_control(f, load_le16(image));
    fpu_set_status(f, load_le16(image + 2));
    f->tag = image[4];
    f->opcode = load_le16(image + 6) & 0x7ff;
    f->ip = wide ? load_le64(image + 8) : load_le32(image + 8);
    f->dp = wide ? load_le64(image + 16) : load_le32(image + 16);
    f->cs = wide ? 0 : load_le16(image + 12);
    f->ds = wide ? 0 : load_le16(image + 20);
    for (unsigned i = 0; i < 8; i++)
        memcpy(&f->st[(f->top + i) & 7], image + OFF_ST + 16 * i, 10);
}

void fx_write_x87(struct vcpu *v, const struct uop *u, gla_t a)
{
    u8 image[OFF_XMM];

    put_x87(v, image, u->osize == 8);
    mmu_write_bytes(&v->mmu, a, image, OFF_MXCSR, u);
    mmu_write_bytes(&v->mmu, a + OFF_ST, image + OFF_ST, OFF_XMM - OFF_ST, u);
}

void fx_write_mxcsr(struct vcpu *v, const struct uop *u, gla_t a)
{
    const u32 words[2] = {v->fpu.mxcsr, FPU_MXCSR_MASK};

    mmu_write_bytes(&v->mmu, a + OFF_MXCSR, words, sizeof(words), u);
}

void fx_write_xmm(struct vcpu *v, const struct uop *u, gla_t a)
{
    mmu_write_bytes(&v->mmu, a + OFF_XMM, v->fpu.xmm, 16 * fx_registers(v), u);
}

gla_t fx_area(struct vcpu *v, const struct uop *u, unsigned size, unsigned align,
              enum mmu_access access)
{
    gla_t a = vcpu_address(v, u, size, access);

    if (a & (align - 1))
        vcpu_raise_err(v, VEC_GP, 0);
    mmu_probe(&v->mmu, a, size, access, u);
    return a;
}

/* --- FXSAVE, FXRSTOR -------------------------------------------------------------------------- */

static void begin_fx(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    if (v->cr0 & (CR0_EM | CR0_TS))
        vcpu_raise(v, VEC_NM);
}

void uop_fxsave(struct vcpu *v, const struct uop *u)
{
    begin_fx(v, u);
    gla_t a = fx_area(v, u, AREA_FX, 16, MMU_WRITE);
    fx_write_x87(v, u, a);
    if (v->cr4 & CR4_OSFXSR) {
        fx_write_mxcsr(v, u, a);
        fx_write_xmm(v, u, a);
    }
    uop_next(v, u);
}

void uop_fxrstor(struct vcpu *v, const struct uop *u)
{
    u8 image[AREA_FX];

    begin_fx(v, u);
    gla_t a = fx_area(v, u, AREA_FX, 16, MMU_READ);
    mmu_read_bytes(&v->mmu, a, image, AREA_FX, u);
    if (v->cr4 & CR4_OSFXSR) {
        u32 mxcsr = load_le32(image + OFF_MXCSR);
        if (mxcsr & ~FPU_MXCSR_MASK)
            vcpu_raise_err(v, VEC_GP, 0);
        v->fpu.mxcsr = mxcsr;
        memcpy(v->fpu.xmm, image + OFF_XMM, 16 * fx_registers(v));
    }
    fx_get_x87(v, image, u->osize == 8);
    uop_next(v, u);
}
