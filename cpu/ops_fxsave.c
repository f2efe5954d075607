/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE, FXRSTOR, XSAVE, XSAVEOPT, XRSTOR, XGETBV, XSETBV.
 *
 * The area is laid out as SDM vol. 1 table 10-2; XSAVE adds a header of 64 bytes (standard format,
 * components x87 and SSE only). The whole area is probed before anything is read or written. Bytes
 * that the layout does not define stay untouched, but for the six after each x87 register, which
 * are stored as zeros, as CPUs do. Choices: error pointers are always saved (not only while ES is
 * set). With CR4.OSFXSR = 0, FXSAVE and FXRSTOR leave out MXCSR and XMM (AMD). XINUSE of a
 * component says whether it differs from its initial state; XSAVEOPT skips components that do not,
 * and nothing else. MXCSR belongs to the SSE component but not to its XINUSE. Outside 64-bit code
 * XMM8 to XMM15 are neither saved, restored nor looked at. Misalignment is #GP, never #AC.
 * SDM vol. 1 §10.5, §13; vol. 2 FXSAVE to XSETBV.
 */
#include "cpu/uops.h"
#include "cpu/x87.h"

enum { AREA_FX = 512, AREA_X = 576, AREA_HEADER = 512 };
enum { OFF_MXCSR = 24, OFF_ST = 32, OFF_XMM = 160 };

static unsigned visible_xmm(const struct vcpu *v)
{
    return vcpu_is_code64(v) ? 16 : 8;
}

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

static void get_x87(struct vcpu *v, const u8 *image, bool wide)
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

static bool x87_in_use(const struct vcpu *v)
{
    const struct fpu *f = &v->fpu;
    static const struct f80 zero[8];

    return f->cw != FPU_CW_INIT || f->sw || f->top || f->tag || f->opcode || f->ip || f->dp ||
           f->cs || f->ds || memcmp(f->st, zero, sizeof(zero));
}

static bool sse_in_use(const struct vcpu *v)
{
    u64 any = 0;

    for (unsigned i = 0; i < visible_xmm(v); i++)
        any |= v->fpu.xmm[i].q[0] | v->fpu.xmm[i].q[1];
    return any;
}

static void write_x87(struct vcpu *v, const struct uop *u, gla_t a)
{
    u8 image[OFF_XMM];

    put_x87(v, image, u->osize == 8);
    mmu_write_bytes(&v->mmu, a, image, OFF_MXCSR, u);
    mmu_write_bytes(&v->mmu, a + OFF_ST, image + OFF_ST, OFF_XMM - OFF_ST, u);
}

static void write_mxcsr(struct vcpu *v, const struct uop *u, gla_t a)
{
    const u32 words[2] = {v->fpu.mxcsr, FPU_MXCSR_MASK};

    mmu_write_bytes(&v->mmu, a + OFF_MXCSR, words, sizeof(words), u);
}

static void write_xmm(struct vcpu *v, const struct uop *u, gla_t a)
{
    mmu_write_bytes(&v->mmu, a + OFF_XMM, v->fpu.xmm, 16 * visible_xmm(v), u);
}

/* Address of the area; checked for alignment and access. */
static gla_t area(struct vcpu *v, const struct uop *u, unsigned size, unsigned align,
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
    gla_t a = area(v, u, AREA_FX, 16, MMU_WRITE);
    write_x87(v, u, a);
    if (v->cr4 & CR4_OSFXSR) {
        write_mxcsr(v, u, a);
        write_xmm(v, u, a);
    }
    uop_next(v, u);
}

void uop_fxrstor(struct vcpu *v, const struct uop *u)
{
    u8 image[AREA_FX];

    begin_fx(v, u);
    gla_t a = area(v, u, AREA_FX, 16, MMU_READ);
    mmu_read_bytes(&v->mmu, a, image, AREA_FX, u);
    if (v->cr4 & CR4_OSFXSR) {
        u32 mxcsr = load_le32(image + OFF_MXCSR);
        if (mxcsr & ~FPU_MXCSR_MASK)
            vcpu_raise_err(v, VEC_GP, 0);
        v->fpu.mxcsr = mxcsr;
        memcpy(v->fpu.xmm, image + OFF_XMM, 16 * visible_xmm(v));
    }
    get_x87(v, image, u->osize == 8);
    uop_next(v, u);
}

/* --- XSAVE, XSAVEOPT, XRSTOR ------------------------------------------------------------------ */

/* Checks of all XSAVE instructions; returns the requested-feature bitmap. */
static u64 begin_x(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    if (!(v->cr4 & CR4_OSXSAVE))
        vcpu_raise(v, VEC_UD);
    if (v->cr0 & CR0_TS)
        vcpu_raise(v, VEC_NM);
    return v->xcr0 & ((u32)v->r[R_AX] | v->r[R_DX] << 32);
}

static void xsave(struct vcpu *v, const struct uop *u, bool skip_initial)
{
    u64 rfbm = begin_x(v, u);
    gla_t a = area(v, u, AREA_X, 64, MMU_RMW);
    u64 xstate_bv = mmu_read(&v->mmu, a + AREA_HEADER, 8, u);
    u64 in_use = (x87_in_use(v) ? XCR0_X87 : 0) | (sse_in_use(v) ? XCR0_SSE : 0);
    u64 written = skip_initial ? rfbm & in_use : rfbm;

    if (written & XCR0_X87)
        write_x87(v, u, a);
    if (rfbm & XCR0_SSE)
        write_mxcsr(v, u, a);
    if (written & XCR0_SSE)
        write_xmm(v, u, a);
    mmu_write(&v->mmu, a + AREA_HEADER, 8, (xstate_bv & ~rfbm) | (in_use & rfbm), u);
}

void uop_xsave(struct vcpu *v, const struct uop *u)
{
    xsave(v, u, false);
    uop_next(v, u);
}

void uop_xsaveopt(struct vcpu *v, const struct uop *u)
{
    xsave(v, u, true);
    uop_next(v, u);
}

static void restore_x87(struct vcpu *v, const u8 *image, bool present, bool wide)
{
    if (present) {
        get_x87(v, image, wide);
    } else {
        fpu_init(&v->fpu);
        memset(v->fpu.st, 0, sizeof(v->fpu.st));
    }
}

void uop_xrstor(struct vcpu *v, const struct uop *u)
{
    u8 image[AREA_X];
    u64 rfbm = begin_x(v, u);
    gla_t a = area(v, u, AREA_X, 64, MMU_READ);

    mmu_read_bytes(&v->mmu, a, image, AREA_X, u);
    u64 xstate_bv = load_le64(image + AREA_HEADER);
    u32 mxcsr = load_le32(image + OFF_MXCSR);
    /* XCOMP_BV (no compacted format) and the next 8 bytes must be 0. */
    if ((xstate_bv & ~v->xcr0) || load_le64(image + AREA_HEADER + 8) ||
        load_le64(image + AREA_HEADER + 16))
        vcpu_raise_err(v, VEC_GP, 0);
    if ((rfbm & XCR0_SSE) && (mxcsr & ~FPU_MXCSR_MASK))
        vcpu_raise_err(v, VEC_GP, 0);

    if (rfbm & XCR0_SSE) {
        unsigned size = 16 * visible_xmm(v);
        v->fpu.mxcsr = mxcsr;
        if (xstate_bv & XCR0_SSE)
            memcpy(v->fpu.xmm, image + OFF_XMM, size);
        else
            memset(v->fpu.xmm, 0, size);
    }
    if (rfbm & XCR0_X87)
        restore_x87(v, image, xstate_bv & XCR0_X87, u->osize == 8);
    uop_next(v, u);
}

/* --- XCR0 ------------------------------------------------------------------------------------- */

void uop_xgetbv(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    if (!(v->cr4 & CR4_OSXSAVE))
        vcpu_raise(v, VEC_UD);
    if ((u32)v->r[R_CX])
        vcpu_raise_err(v, VEC_GP, 0);
    v->r[R_AX] = (u32)v->xcr0;
    v->r[R_DX] = v->xcr0 >> 32;
    uop_next(v, u);
}

void op_xsetbv(struct vcpu *v, const struct uop *u)
{
    u64 value = (u32)v->r[R_AX] | v->r[R_DX] << 32;

    (void)u;
    if (!(v->cr4 & CR4_OSXSAVE))
        vcpu_raise(v, VEC_UD);
    if (v->cpl || (u32)v->r[R_CX] || !(value & XCR0_X87) || (value & ~(u64)XCR0_SUPPORTED))
        vcpu_raise_err(v, VEC_GP, 0);
    v->xcr0 = value;
}
