/* SPDX-License-Identifier: MIT */
/*
 * x87 control instructions: the control, status and tag words, FSTENV and FSAVE in their four
 * layouts, FWAIT.
 *
 * The layout depends on the operand size and on protected mode (64-bit code uses the 32-bit
 * protected one, whatever REX.W). The instructions without a wait do not look at pending faults.
 * FNSTENV and FNSAVE write their whole area in one access, so nothing is committed if it faults.
 * Unused upper halves read as ones, as CPUs store them. In real and virtual-8086 mode FIP and FDP
 * are linear addresses. Intel SDM vol. 1 §8.1.10, fig. 8-9 to 8-12.
 */
#include "cpu/uops.h"
#include "cpu/x87.h"

enum { ENV_MAX = 28, SAVE_REGS = 80 };

/* x87 instructions in code whose key lacks KEY_FPU: #NM. */
void uop_x87_unavailable(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    if (v->cr0 & (CR0_EM | CR0_TS))
        vcpu_raise(v, VEC_NM);
    uop_next(v, u);
}

void uop_x87_fwait(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    if ((v->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
        vcpu_raise(v, VEC_NM);
    if (v->fpu.sw & SW_ES)
        fpu_pending(v);
    uop_next(v, u);
}

void uop_x87_fninit(struct vcpu *v, const struct uop *u)
{
    fpu_init(&v->fpu);
    uop_next(v, u);
}

void uop_x87_fnclex(struct vcpu *v, const struct uop *u)
{
    fpu_set_status(&v->fpu, fpu_status(&v->fpu) & ~(SW_EXCEPTIONS | SW_SF));
    uop_next(v, u);
}

void uop_x87_fldcw(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    u64 cw = mmu_read(&v->mmu, vcpu_address(v, u, 2, MMU_READ), 2, u);
    fpu_set_control(&v->fpu, (u16)cw);
    uop_next(v, u);
}

void uop_x87_fnstcw(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    mmu_write(&v->mmu, vcpu_address(v, u, 2, MMU_WRITE), 2, v->fpu.cw, u);
    uop_next(v, u);
}

void uop_x87_fnstsw_m16(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    mmu_write(&v->mmu, vcpu_address(v, u, 2, MMU_WRITE), 2, fpu_status(&v->fpu), u);
    uop_next(v, u);
}

void uop_x87_fnstsw_ax(struct vcpu *v, const struct uop *u)
{
    v->r[R_AX] = (v->r[R_AX] & ~0xffffull) | fpu_status(&v->fpu);
    uop_next(v, u);
}

/* FNENI, FNDISI, FNSETPM: the 8087's and 287's, ignored without a wait since the 387. */
void uop_x87_fnnop(struct vcpu *v, const struct uop *u)
{
    uop_next(v, u);
}

/* --- The environment -------------------------------------------------------------------------- */

static bool is_protected(const struct vcpu *v)
{
    return vcpu_is_pe(v) && !vcpu_is_v86(v);
}

/* Pointer as the real-mode layouts hold it. */
static u32 real_pointer(u16 sel, u64 offset)
{
    return (u32)(((u32)sel << 4) + offset);
}

/* Write the environment at e; returns its size: 14 or 28. */
static unsigned put_environment(const struct vcpu *v, u8 *e, unsigned osize)
{
    const struct fpu *f = &v->fpu;
    u16 tags = fpu_tag_word(f), status = fpu_status(f);
    u32 ip = real_pointer(f->cs, f->ip), dp = real_pointer(f->ds, f->dp);

    if (osize == 2) {
        const u16 words[7] = {f->cw, status, tags, (u16)f->ip, f->cs, (u16)f->dp, f->ds};
        memcpy(e, words, sizeof(words));
        if (!is_protected(v)) {
            store_le16(e + 6, (u16)ip);
            store_le16(e + 8, (u16)((ip >> 16 & 15) << 12 | f->opcode));
            store_le16(e + 10, (u16)dp);
            store_le16(e + 12, (u16)((dp >> 16 & 15) << 12));
        }
        return 14;
    }
    const u32 words[7] = {
        0xffff0000u | f->cw,          0xffff0000u | status, 0xffff0000u | tags,  (u32)f->ip,
        (u32)f->opcode << 16 | f->cs, (u32)f->dp,           0xffff0000u | f->ds,
    };
    memcpy(e, words, sizeof(words));
    if (!is_protected(v)) {
        store_le32(e + 12, 0xffff0000u | (ip & 0xffff));
        store_le32(e + 16, (ip >> 16) << 12 | f->opcode);
        store_le32(e + 20, 0xffff0000u | (dp & 0xffff));
        store_le32(e + 24, (dp >> 16) << 12);
    }
    return 28;
}

static void get_pointers16(struct vcpu *v, const u8 *e)
{
    struct fpu *f = &v->fpu;

    f->ip = load_le16(e + 6);
    f->dp = load_le16(e + 10);
    f->cs = load_le16(e + 8);
    f->ds = load_le16(e + 12);
    if (!is_protected(v)) {
        f->opcode = f->cs & 0x7ff;
        f->ip |= (u32)(f->cs >> 12) << 16;
        f->dp |= (u32)(f->ds >> 12) << 16;
        f->cs = f->ds = 0;
    }
}

static void get_pointers32(struct vcpu *v, const u8 *e)
{
    struct fpu *f = &v->fpu;

    if (is_protected(v)) {
        f->ip = load_le32(e + 12);
        f->dp = load_le32(e + 20);
        f->cs = load_le16(e + 16);
        f->ds = load_le16(e + 24);
        f->opcode = load_le16(e + 18) & 0x7ff;
    } else {
        f->ip = load_le16(e + 12) | (load_le32(e + 16) >> 12 & 0xffff) << 16;
        f->dp = load_le16(e + 20) | (load_le32(e + 24) >> 12 & 0xffff) << 16;
        f->opcode = load_le16(e + 16) & 0x7ff;
        f->cs = f->ds = 0;
    }
}

static void get_environment(struct vcpu *v, const u8 *e, unsigned osize)
{
    unsigned step = osize == 2 ? 2 : 4;

    fpu_set_control(&v->fpu, load_le16(e));
    fpu_set_status(&v->fpu, load_le16(e + step));
    fpu_set_tag_word(&v->fpu, load_le16(e + 2 * step));
    if (osize == 2)
        get_pointers16(v, e);
    else
        get_pointers32(v, e);
}

static unsigned environment_size(const struct uop *u)
{
    return u->osize == 2 ? 14 : 28;
}

void uop_x87_fnstenv(struct vcpu *v, const struct uop *u)
{
    u8 image[ENV_MAX];

    v->cur = u;
    unsigned n = put_environment(v, image, u->osize);
    mmu_write_bytes(&v->mmu, vcpu_address(v, u, n, MMU_WRITE), image, n, u);
    fpu_set_control(&v->fpu, v->fpu.cw | SW_EXCEPTIONS);
    uop_next(v, u);
}

void uop_x87_fldenv(struct vcpu *v, const struct uop *u)
{
    u8 image[ENV_MAX];

    x87_begin(v, u);
    unsigned n = environment_size(u);
    mmu_read_bytes(&v->mmu, vcpu_address(v, u, n, MMU_READ), image, n, u);
    get_environment(v, image, u->osize);
    uop_next(v, u);
}

void uop_x87_fnsave(struct vcpu *v, const struct uop *u)
{
    u8 image[ENV_MAX + SAVE_REGS];

    v->cur = u;
    unsigned n = put_environment(v, image, u->osize);
    for (unsigned i = 0; i < 8; i++)
        memcpy(image + n + 10 * i, x87_st(v, i), 10);
    n += SAVE_REGS;
    mmu_write_bytes(&v->mmu, vcpu_address(v, u, n, MMU_WRITE), image, n, u);
    fpu_init(&v->fpu);
    uop_next(v, u);
}

void uop_x87_frstor(struct vcpu *v, const struct uop *u)
{
    u8 image[ENV_MAX + SAVE_REGS];

    x87_begin(v, u);
    unsigned n = environment_size(u);
    mmu_read_bytes(&v->mmu, vcpu_address(v, u, n + SAVE_REGS, MMU_READ), image, n + SAVE_REGS, u);
    get_environment(v, image, u->osize);
    for (unsigned i = 0; i < 8; i++)
        memcpy(x87_st(v, i), image + n + 10 * i, 10);
    uop_next(v, u);
}
