/* SPDX-License-Identifier: MIT */
/*
 * SSE moves: whole registers, halves, scalars, to and from general and MMX registers, inserts and
 * extracts, non-temporal stores (here ordinary ones), MXCSR, fences and CLFLUSH.
 *
 * MASKMOVDQU stores nothing and raises nothing if its mask is empty; else the bytes from the first
 * to the last selected one are checked as one access (the manual leaves both open). Fences: the
 * interpreter's own accesses are in order but for store buffering, so only MFENCE needs a host
 * fence. SDM vol. 2.
 */
#include "cpu/fpu.h"
#include "cpu/ops_sse.h"
#include "cpu/sse_fp.h"
#include "cpu/sse_lane.h"
#include "cpu/uops.h"

/* --- Whole registers --- */

static inline void move(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = *sse_reg(v, u->src);
    uop_next(v, u);
}

void op_sse_mova_r(struct vcpu *v, const struct uop *u)
{
    move(v, u);
}

void op_sse_movu_r(struct vcpu *v, const struct uop *u)
{
    move(v, u);
}

void op_sse_mova_st_r(struct vcpu *v, const struct uop *u)
{
    move(v, u);
}

void op_sse_movu_st_r(struct vcpu *v, const struct uop *u)
{
    move(v, u);
}

void op_sse_mova_m(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = sse_load128(v, u);
    uop_next(v, u);
}

void op_sse_movu_m(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = sse_load128u(v, u);
    uop_next(v, u);
}

void op_sse_mova_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store128(v, u, *sse_reg(v, u->src));
    uop_next(v, u);
}

void op_sse_movu_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store128u(v, u, *sse_reg(v, u->src));
    uop_next(v, u);
}

/* --- Scalars and halves --- */

void op_sse_movss_r(struct vcpu *v, const struct uop *u)
{
    v->fpu.xmm[u->dst].d[0] = v->fpu.xmm[u->src].d[0];
    uop_next(v, u);
}

void op_sse_movss_m(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = sse_load(v, u, 4);
    uop_next(v, u);
}

void op_sse_movsd_r(struct vcpu *v, const struct uop *u)
{
    v->fpu.xmm[u->dst].q[0] = v->fpu.xmm[u->src].q[0];
    uop_next(v, u);
}

void op_sse_movsd_m(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = sse_load(v, u, 8);
    uop_next(v, u);
}

void op_sse_movss_st_r(struct vcpu *v, const struct uop *u)
{
    v->fpu.xmm[u->dst].d[0] = v->fpu.xmm[u->src].d[0];
    uop_next(v, u);
}

void op_sse_movss_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 4, v->fpu.xmm[u->src].d[0]);
    uop_next(v, u);
}

void op_sse_movsd_st_r(struct vcpu *v, const struct uop *u)
{
    v->fpu.xmm[u->dst].q[0] = v->fpu.xmm[u->src].q[0];
    uop_next(v, u);
}

void op_sse_movsd_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 8, v->fpu.xmm[u->src].q[0]);
    uop_next(v, u);
}

/* MOVHLPS */
void op_sse_movlps_r(struct vcpu *v, const struct uop *u)
{
    v->fpu.xmm[u->dst].q[0] = v->fpu.xmm[u->src].q[1];
    uop_next(v, u);
}

void op_sse_movlps_m(struct vcpu *v, const struct uop *u)
{
    v->fpu.xmm[u->dst].q[0] = sse_load_int(v, u, 8);
    uop_next(v, u);
}

/* MOVLHPS */
void op_sse_movhps_r(struct vcpu *v, const struct uop *u)
{
    v->fpu.xmm[u->dst].q[1] = v->fpu.xmm[u->src].q[0];
    uop_next(v, u);
}

void op_sse_movhps_m(struct vcpu *v, const struct uop *u)
{
    v->fpu.xmm[u->dst].q[1] = sse_load_int(v, u, 8);
    uop_next(v, u);
}

void op_sse_movlps_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 8, v->fpu.xmm[u->src].q[0]);
    uop_next(v, u);
}

void op_sse_movhps_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 8, v->fpu.xmm[u->src].q[1]);
    uop_next(v, u);
}

void op_sse_movq_st_r(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = sse_low64(v->fpu.xmm[u->src].q[0]);
    uop_next(v, u);
}

void op_sse_movq_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 8, v->fpu.xmm[u->src].q[0]);
    uop_next(v, u);
}

/* --- General registers --- */

void op_sse_movd_r(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = sse_low64(v->r[u->src] & mask64(8u * u->osize));
    uop_next(v, u);
}

void op_sse_movd_m(struct vcpu *v, const struct uop *u)
{
    *sse_reg(v, u->dst) = sse_low64(sse_load_int(v, u, u->osize));
    uop_next(v, u);
}

void op_sse_movd_st_r(struct vcpu *v, const struct uop *u)
{
    v->r[u->dst] = v->fpu.xmm[u->src].q[0] & mask64(8u * u->osize);
    uop_next(v, u);
}

void op_sse_movd_st_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, u->osize, v->fpu.xmm[u->src].q[0]);
    uop_next(v, u);
}

void op_sse_movnti_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, u->osize, v->r[u->src]);
    uop_next(v, u);
}

/* Element u->imm of `size` bytes of the source register. */
static inline u64 element(const struct vcpu *v, const struct uop *u, unsigned size)
{
    const union xmm *x = &v->fpu.xmm[u->src];

    switch (size) {
    case 1: return x->b[u->imm & 15];
    case 2: return x->w[u->imm & 7];
    case 4: return x->d[u->imm & 3];
    default: return x->q[u->imm & 1];
    }
}

void op_sse_pextrb_r(struct vcpu *v, const struct uop *u)
{
    v->r[u->dst] = element(v, u, 1);
    uop_next(v, u);
}

void op_sse_pextrb_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 1, element(v, u, 1));
    uop_next(v, u);
}

void op_sse_pextrw_r(struct vcpu *v, const struct uop *u)
{
    v->r[u->dst] = element(v, u, 2);
    uop_next(v, u);
}

void op_sse_pextrw_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 2, element(v, u, 2));
    uop_next(v, u);
}

void op_sse_pextrd_r(struct vcpu *v, const struct uop *u)
{
    v->r[u->dst] = element(v, u, u->osize);
    uop_next(v, u);
}

void op_sse_pextrd_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, u->osize, element(v, u, u->osize));
    uop_next(v, u);
}

void op_sse_extractps_r(struct vcpu *v, const struct uop *u)
{
    v->r[u->dst] = element(v, u, 4);
    uop_next(v, u);
}

void op_sse_extractps_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 4, element(v, u, 4));
    uop_next(v, u);
}

static inline void insert(struct vcpu *v, const struct uop *u, unsigned size, u64 value)
{
    insert_element(&v->fpu.xmm[u->dst], size, (unsigned)u->imm, value);
}

void op_sse_pinsrb_r(struct vcpu *v, const struct uop *u)
{
    insert(v, u, 1, v->r[u->src]);
    uop_next(v, u);
}

void op_sse_pinsrb_m(struct vcpu *v, const struct uop *u)
{
    insert(v, u, 1, sse_load_int(v, u, 1));
    uop_next(v, u);
}

void op_sse_pinsrw_r(struct vcpu *v, const struct uop *u)
{
    insert(v, u, 2, v->r[u->src]);
    uop_next(v, u);
}

void op_sse_pinsrw_m(struct vcpu *v, const struct uop *u)
{
    insert(v, u, 2, sse_load_int(v, u, 2));
    uop_next(v, u);
}

void op_sse_pinsrd_r(struct vcpu *v, const struct uop *u)
{
    insert(v, u, u->osize, v->r[u->src]);
    uop_next(v, u);
}

void op_sse_pinsrd_m(struct vcpu *v, const struct uop *u)
{
    insert(v, u, u->osize, sse_load_int(v, u, u->osize));
    uop_next(v, u);
}

void op_sse_insertps_r(struct vcpu *v, const struct uop *u)
{
    insertps(&v->fpu.xmm[u->dst], v->fpu.xmm[u->src].d[(u->imm >> 6) & 3], (unsigned)u->imm);
    uop_next(v, u);
}

void op_sse_insertps_m(struct vcpu *v, const struct uop *u)
{
    insertps(&v->fpu.xmm[u->dst], (u32)sse_load_int(v, u, 4), (unsigned)u->imm);
    uop_next(v, u);
}

/* --- MMX registers --- */

void op_sse_movq2dq(struct vcpu *v, const struct uop *u)
{
    sse_check_mmx(v, u);
    *sse_reg(v, u->dst) = sse_low64(v->fpu.st[u->src & 7].mant);
    fpu_enter_mmx(v);
    uop_next(v, u);
}

void op_sse_movdq2q(struct vcpu *v, const struct uop *u)
{
    sse_check_mmx(v, u);
    fpu_enter_mmx(v);
    fpu_set_mm(v, u->dst, v->fpu.xmm[u->src].q[0]);
    uop_next(v, u);
}

/* --- The rest --- */

/* The part of MASKMOVDQU after the mask is known not to be empty: bytes first..last of the operand.
 */
static __attribute__((noinline)) void store_masked(struct vcpu *v, const struct uop *u,
                                                   unsigned mask)
{
    unsigned low = (unsigned)__builtin_ctz(mask), high = 31 - (unsigned)__builtin_clz(mask);
    const union xmm *x = &v->fpu.xmm[u->dst];
    u64 offset = vcpu_offset_raw(v, u) + low;
    gla_t a = vcpu_address_at(v, u, offset, high - low + 1, MMU_WRITE);

    mmu_probe(&v->mmu, a, high - low + 1, MMU_WRITE, u);
    for (unsigned i = low; i <= high; i++) {
        if (mask >> i & 1)
            mmu_write(&v->mmu, a + (i - low), 1, x->b[i], u);
    }
}

/* #AC off an 8-byte boundary, as on AMD's processors even with an empty mask. */
void op_sse_maskmovdqu(struct vcpu *v, const struct uop *u)
{
    unsigned mask = (unsigned)_mm_movemask_epi8(*sse_reg(v, u->src));

    if (unlikely(v->mmu.align_check)) {
        v->cur = u;
        mmu_check_alignment(&v->mmu, vcpu_address(v, u, 8, MMU_WRITE), 8, 8, u);
    }
    if (mask)
        store_masked(v, u, mask);
    uop_next(v, u);
}

void op_sse_ldmxcsr_m(struct vcpu *v, const struct uop *u)
{
    u32 x = (u32)sse_load_int(v, u, 4);

    if (x & ~FPU_MXCSR_MASK)
        uop_raise_err(v, u, VEC_GP, 0);
    v->fpu.mxcsr = x;
    uop_next(v, u);
}

void op_sse_stmxcsr_m(struct vcpu *v, const struct uop *u)
{
    sse_store_int(v, u, 4, v->fpu.mxcsr);
    uop_next(v, u);
}

/* LFENCE, SFENCE */
void op_sse_lfence(struct vcpu *v, const struct uop *u)
{
    uop_next(v, u);
}

void op_sse_mfence(struct vcpu *v, const struct uop *u)
{
    __asm__ volatile("mfence" ::: "memory");
    uop_next(v, u);
}

/* There are no caches; what remains is the check of a byte read. */
void op_sse_clflush_m(struct vcpu *v, const struct uop *u)
{
    mmu_probe(&v->mmu, vcpu_address(v, u, 1, MMU_READ), 1, MMU_READ, u);
    uop_next(v, u);
}
