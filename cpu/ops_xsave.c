/* SPDX-License-Identifier: MIT */
/*
 * XSAVE, XSAVEOPT, XSAVEC, XRSTOR, XGETBV, XSETBV.
 *
 * The area begins as FXSAVE's; a header of 64 bytes follows, then the other components, in the standard format at the places that
 * CPUID leaf 0xD tells, in the compacted one behind each other. Only the parts that belong to a requested component are accessed,
 * and all of them are probed before anything is read or written.
 *
 * Choices: XINUSE of a component says whether it differs from its initial state; XSAVEOPT and XSAVEC skip components that do
 * not, and nothing else. MXCSR does not count for XINUSE, but XSAVEC saves the SSE component for it. Outside 64-bit code registers 8
 * to 15 are neither saved, restored nor looked at. PKRU lies where AMD has it. Misalignment is #GP, never #AC.
 * SDM vol. 1 §13; vol. 2 XSAVE to XSETBV.
 */
#include "cpu/cpuid.h"
#include "cpu/fxsave.h"
#include "cpu/uops.h"
#include "cpu/x87.h"

enum { AREA_X = 576, AREA_HEADER = 512 };
#define COMPACTED (1ull << 63)

/* --- Components ------------------------------------------------------------------------------- */

static bool x87_in_use(const struct vcpu *v)
{
    const struct fpu *f = &v->fpu;
    static const struct f80 zero[8];

    return f->cw != FPU_CW_INIT || f->sw || f->top || f->tag || f->opcode || f->ip || f->dp ||
           f->cs || f->ds || memcmp(f->st, zero, sizeof(zero));
}

/* Of xmm or ymmh. */
static bool vectors_in_use(const struct vcpu *v, const union xmm *x)
{
    u64 any = 0;

    for (unsigned i = 0; i < fx_registers(v); i++)
        any |= x[i].q[0] | x[i].q[1];
    return any;
}

static u64 in_use(const struct vcpu *v)
{
    return (x87_in_use(v) ? XCR0_X87 : 0) | (vectors_in_use(v, v->fpu.xmm) ? XCR0_SSE : 0) |
           (vectors_in_use(v, v->fpu.ymmh) ? XCR0_AVX : 0) | (v->pkru ? XCR0_PKRU : 0);
}

/* Where component `which` (AVX and above) lies in an area with the components of `layout`; 0 for the standard format. */
static unsigned component_offset(u64 which, u64 layout)
{
    if (which == XCR0_AVX)
        return AREA_X;
    if (!layout)
        return XSAVE_PKRU;
    return AREA_X + (layout & XCR0_AVX ? XSAVE_AVX_SIZE : 0);
}

/* --- Saving ----------------------------------------------------------------------------------- */

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

/* The area, probed as far as the components of `which` reach. */
static gla_t begin_area(struct vcpu *v, const struct uop *u, u64 which, u64 layout,
                        enum mmu_access access)
{
    gla_t a = fx_area(v, u, AREA_X, 64, access);

    if (which & XCR0_AVX)
        mmu_probe(&v->mmu, a + component_offset(XCR0_AVX, layout), XSAVE_AVX_SIZE, access, u);
    if (which & XCR0_PKRU)
        mmu_probe(&v->mmu, a + component_offset(XCR0_PKRU, layout), XSAVE_PKRU_SIZE, access, u);
    return a;
}

static void write_extended(struct vcpu *v, const struct uop *u, gla_t a, u64 which, u64 layout)
{
    if (which & XCR0_AVX)
        mmu_write_bytes(&v->mmu, a + component_offset(XCR0_AVX, layout), v->fpu.ymmh,
                        16 * fx_registers(v), u);
    if (which & XCR0_PKRU)
        mmu_write(&v->mmu, a + component_offset(XCR0_PKRU, layout), 8, v->pkru, u);
}

static void xsave(struct vcpu *v, const struct uop *u, bool skip_initial)
{
    u64 rfbm = begin_x(v, u);
    gla_t a = begin_area(v, u, rfbm, 0, MMU_RMW);
    u64 xstate_bv = mmu_read(&v->mmu, a + AREA_HEADER, 8, u), used = in_use(v);
    u64 written = skip_initial ? rfbm & used : rfbm;

    if (written & XCR0_X87)
        fx_write_x87(v, u, a);
    if (rfbm & (XCR0_SSE | XCR0_AVX))
        fx_write_mxcsr(v, u, a);
    if (written & XCR0_SSE)
        fx_write_xmm(v, u, a);
    write_extended(v, u, a, written, 0);
    mmu_write(&v->mmu, a + AREA_HEADER, 8, (xstate_bv & ~rfbm) | (used & rfbm), u);
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

void uop_xsavec(struct vcpu *v, const struct uop *u)
{
    u64 rfbm = begin_x(v, u), written = rfbm & in_use(v);
    gla_t a = begin_area(v, u, rfbm, rfbm, MMU_WRITE);

    if (v->fpu.mxcsr != FPU_MXCSR_INIT)
        written |= rfbm & XCR0_SSE;
    if (written & XCR0_X87)
        fx_write_x87(v, u, a);
    if (written & XCR0_SSE) {
        fx_write_mxcsr(v, u, a);
        fx_write_xmm(v, u, a);
    }
    write_extended(v, u, a, written, rfbm);
    mmu_write(&v->mmu, a + AREA_HEADER, 8, written, u);
    mmu_write(&v->mmu, a + AREA_HEADER + 8, 8, rfbm | COMPACTED, u);
    uop_next(v, u);
}

/* --- Restoring -------------------------------------------------------------------------------- */

static void restore_x87(struct vcpu *v, const u8 *image, bool present, bool wide)
{
    if (present) {
        fx_get_x87(v, image, wide);
    } else {
        fpu_init(&v->fpu);
        memset(v->fpu.st, 0, sizeof(v->fpu.st));
    }
}

static void restore_vectors(union xmm *to, const u8 *from, bool present, unsigned size)
{
    if (present)
        memcpy(to, from, size);
    else
        memset(to, 0, size);
}

/* The header's checks: XCOMP_BV is 0 or, with XSAVEC, says what a compacted area has; all else is reserved. Returns XCOMP_BV's
 * components, 0: standard format. */
static u64 check_header(struct vcpu *v, const u8 *header)
{
    u64 xstate_bv = load_le64(header), xcomp_bv = load_le64(header + 8), reserved = 0;
    bool compacted = (xcomp_bv & COMPACTED) && cpu_has(v->model, FEAT_XSAVEC);
    u64 components = xcomp_bv & ~COMPACTED;

    for (unsigned i = 16; i < (compacted ? 64u : 24u); i += 8)
        reserved |= load_le64(header + i);
    if (compacted)
        reserved |= (components & ~v->xcr0) | (xstate_bv & ~components);
    else
        reserved |= xcomp_bv | (xstate_bv & ~v->xcr0);
    if (reserved)
        vcpu_raise_err(v, VEC_GP, 0);
    return compacted ? components | COMPACTED : 0;
}

/* Ends its block: PKRU decides about the next access. */
void op_xrstor(struct vcpu *v, const struct uop *u)
{
    u8 image[AREA_X + XSAVE_AVX_SIZE];
    u64 rfbm = begin_x(v, u), xstate_bv, layout, present, pkru = 0;
    gla_t a = begin_area(v, u, 0, 0, MMU_READ);
    bool with_mxcsr;
    u32 mxcsr;

    mmu_read_bytes(&v->mmu, a, image, AREA_X, u);
    layout = check_header(v, image + AREA_HEADER);
    xstate_bv = load_le64(image + AREA_HEADER);
    present = rfbm & xstate_bv;
    begin_area(v, u, present, layout, MMU_READ);
    if (present & XCR0_AVX)
        mmu_read_bytes(&v->mmu, a + component_offset(XCR0_AVX, layout), image + AREA_X,
                       XSAVE_AVX_SIZE, u);
    if (present & XCR0_PKRU)
        pkru = mmu_read(&v->mmu, a + component_offset(XCR0_PKRU, layout), 8, u);

    mxcsr = load_le32(image + OFF_MXCSR);
    with_mxcsr = layout ? rfbm & XCR0_SSE : rfbm & (XCR0_SSE | XCR0_AVX);
    if (layout && !(xstate_bv & XCR0_SSE))
        mxcsr = FPU_MXCSR_INIT;
    if (with_mxcsr && (mxcsr & ~FPU_MXCSR_MASK))
        vcpu_raise_err(v, VEC_GP, 0);

    if (with_mxcsr)
        v->fpu.mxcsr = mxcsr;
    if (rfbm & XCR0_SSE)
        restore_vectors(v->fpu.xmm, image + OFF_XMM, present & XCR0_SSE, 16 * fx_registers(v));
    if (rfbm & XCR0_AVX)
        restore_vectors(v->fpu.ymmh, image + AREA_X, present & XCR0_AVX, 16 * fx_registers(v));
    if (rfbm & XCR0_X87)
        restore_x87(v, image, present & XCR0_X87, u->osize == 8);
    if (rfbm & XCR0_PKRU)
        vcpu_set_pkru(v, (u32)pkru);
}

/* --- XCR0 ------------------------------------------------------------------------------------- */

/* ECX 1, if CPUID announces it: the components of XCR0 that are in use. */
void uop_xgetbv(struct vcpu *v, const struct uop *u)
{
    u64 value = v->xcr0;

    v->cur = u;
    if (!(v->cr4 & CR4_OSXSAVE))
        vcpu_raise(v, VEC_UD);
    if ((u32)v->r[R_CX] == 1 && cpu_has(v->model, FEAT_XGETBV1))
        value &= in_use(v);
    else if ((u32)v->r[R_CX])
        vcpu_raise_err(v, VEC_GP, 0);
    v->r[R_AX] = (u32)value;
    v->r[R_DX] = value >> 32;
    uop_next(v, u);
}

void op_xsetbv(struct vcpu *v, const struct uop *u)
{
    u64 value = (u32)v->r[R_AX] | v->r[R_DX] << 32;

    (void)u;
    if (!(v->cr4 & CR4_OSXSAVE))
        vcpu_raise(v, VEC_UD);
    if (v->cpl || (u32)v->r[R_CX] || !(value & XCR0_X87) || (value & ~cpuid_xcr0(v->model)) ||
        ((value & XCR0_AVX) && !(value & XCR0_SSE)))
        vcpu_raise_err(v, VEC_GP, 0);
    v->xcr0 = value;
    vcpu_update_mode(v);
}
