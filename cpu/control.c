/* SPDX-License-Identifier: MIT */
/*
 * Control and debug registers, the interrupt and alignment flags, and the instructions that stop or flush.
 *
 * CR8 lives in the local APIC as its task priority. PCIDs are accepted and checked, and change nothing: the soft TLB keeps
 * one address space and drops it at every load of CR3, which the architecture allows; so INVPCID flushes what there is.
 * PAE page-directory pointers are walked when needed, as AMD does, not loaded with CR3.
 * Intel SDM vol. 3 §2.5, §4.1.2, §4.10; vol. 2 MOV CR; AMD APM vol. 2 §3.1.
 */
#include "cpu/address.h"
#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/descriptor.h"
#include "cpu/lapic.h"
#include "cpu/monitor.h"
#include "cpu/sys.h"
#include "cpu/vme.h"

#define CR0_KNOWN                                                                                  \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD |     \
     CR0_PG)

/* --- CR0 ---------------------------------------------------------------------------------------- */

static void check_cr0(struct vcpu *v, u64 cr0)
{
    bool pg = cr0 & CR0_PG, was_pg = v->cr0 & CR0_PG;
    bool bad = cr0 >> 32 || (pg && !(cr0 & CR0_PE)) || ((cr0 & CR0_NW) && !(cr0 & CR0_CD));

    if (pg && !was_pg && (v->efer & EFER_LME))
        bad = bad || !(v->cr4 & CR4_PAE) || v->seg[SEG_CS].l || !(v->seg[SEG_TR].type & 8);
    if (!pg && was_pg)
        bad = bad || vcpu_is_code64(v) || (v->cr4 & CR4_PCIDE);
    if (bad)
        vcpu_raise_err(v, VEC_GP, 0);
}

static void set_cr0(struct vcpu *v, u64 cr0)
{
    u64 changed;

    check_cr0(v, cr0);
    cr0 = (cr0 & CR0_KNOWN) | CR0_ET;
    changed = cr0 ^ v->cr0;
    v->cr0 = cr0;
    if (changed & CR0_PG) {
        if ((cr0 & CR0_PG) && (v->efer & EFER_LME))
            v->efer |= EFER_LMA;
        else
            v->efer &= ~(u64)EFER_LMA;
        desc_cache_drop_all(v);
    }
    vcpu_update_mode(v);
    if (changed & (CR0_PG | CR0_PE))
        mmu_flush_all(&v->mmu);
}

void sys_clts(struct vcpu *v, const struct uop *u)
{
    (void)u;
    sys_need_cpl0(v);
    v->cr0 &= ~(u64)CR0_TS;
    vcpu_update_mode(v);
}

void sys_smsw(struct vcpu *v, const struct uop *u)
{
    if ((v->cr4 & CR4_UMIP) && v->cpl != 0)
        vcpu_raise_err(v, VEC_GP, 0);
    if (u->aux & SYS_MEM)
        mmu_write(&v->mmu, vcpu_address(v, u, 2, MMU_WRITE), 2, (u16)v->cr0, u);
    else
        sys_set_reg(v, u->src, v->cr0, u->osize);
}

void sys_lmsw(struct vcpu *v, const struct uop *u)
{
    u64 value;

    sys_need_cpl0(v);
    if (u->aux & SYS_MEM)
        value = mmu_read(&v->mmu, vcpu_address(v, u, 2, MMU_READ), 2, u);
    else
        value = v->r[u->src];
    value = (v->cr0 & ~0xeull) | (value & 0xf); /* can set PE, not clear it */
    set_cr0(v, value);
}

/* --- CR3, CR4 ----------------------------------------------------------------------------------- */

static void set_cr3(struct vcpu *v, u64 value)
{
    if (vcpu_is_lma(v)) {
        if (v->cr4 & CR4_PCIDE) /* bit 63: keep this PCID's entries; none are kept */
            value &= ~(1ull << 63);
        if (value >> CPUID_PHYS_BITS)
            vcpu_raise_err(v, VEC_GP, 0);
    }
    v->cr3 = value;
    vcpu_update_mode(v);
    mmu_flush_nonglobal(&v->mmu);
}

static u64 cr4_allowed(const struct vcpu *v)
{
    static const struct {
        u8 feature;
        u32 bits;
    } by_feature[] = {
        {FEAT_BASE, CR4_PSE | CR4_MCE | CR4_PCE},
        {FEAT_VME, CR4_VME | CR4_PVI},
        {FEAT_TSC, CR4_TSD},
        {FEAT_DE, CR4_DE},
        {FEAT_PAE, CR4_PAE},
        {FEAT_PGE, CR4_PGE},
        {FEAT_FXSR, CR4_OSFXSR},
        {FEAT_SSE, CR4_OSXMMEXCPT},
        {FEAT_UMIP, CR4_UMIP},
        {FEAT_FSGSBASE, CR4_FSGSBASE},
        {FEAT_PCID, CR4_PCIDE},
        {FEAT_XSAVE, CR4_OSXSAVE},
        {FEAT_SMEP, CR4_SMEP},
        {FEAT_SMAP, CR4_SMAP},
        {FEAT_LA57, CR4_LA57},
        {FEAT_PKU, CR4_PKE},
    };
    u64 bits = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(by_feature); i++)
        if (cpu_has(v->model, by_feature[i].feature))
            bits |= by_feature[i].bits;
    return bits;
}

static void set_cr4(struct vcpu *v, u64 cr4)
{
    u64 changed = cr4 ^ v->cr4;
    bool bad = cr4 & ~cr4_allowed(v);

    if (vcpu_is_lma(v) && (!(cr4 & CR4_PAE) || (changed & CR4_LA57)))
        bad = true;
    if ((changed & cr4 & CR4_PCIDE) && (!vcpu_is_lma(v) || (v->cr3 & 0xfff)))
        bad = true;
    if (bad)
        vcpu_raise_err(v, VEC_GP, 0);
    v->cr4 = cr4;
    vcpu_update_mode(v);
    if (changed & (CR4_PAE | CR4_PSE | CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_PCIDE))
        mmu_flush_all(&v->mmu);
}

/* --- MOV CRn ------------------------------------------------------------------------------------ */

void sys_mov_from_cr(struct vcpu *v, const struct uop *u)
{
    u64 value;

    switch (u->dst) {
    case 0: value = v->cr0; break;
    case 2: value = v->cr2; break;
    case 3: value = v->cr3; break;
    case 4: value = v->cr4; break;
    case 8: value = v->cr8; break;
    default: vcpu_raise(v, VEC_UD);
    }
    sys_need_cpl0(v);
    sys_set_reg(v, u->src, value, vcpu_is_code64(v) ? 8 : 4);
}

void sys_mov_to_cr(struct vcpu *v, const struct uop *u)
{
    u64 value = vcpu_is_code64(v) ? v->r[u->src] : (u32)v->r[u->src];
    unsigned cr = u->dst;

    if (cr != 0 && cr != 2 && cr != 3 && cr != 4 && cr != 8)
        vcpu_raise(v, VEC_UD);
    sys_need_cpl0(v);
    switch (cr) {
    case 0: set_cr0(v, value); break;
    case 2: v->cr2 = value; break;
    case 3: set_cr3(v, value); break;
    case 4: set_cr4(v, value); break;
    default:
        if (value & ~0xfull)
            vcpu_raise_err(v, VEC_GP, 0);
        lapic_set_cr8(v, value);
        participant_kick(&v->p); /* an interrupt may be above the priority now */
        break;
    }
}

/* --- Debug registers ---------------------------------------------------------------------------- */

/* DR4 and DR5 are DR6 and DR7, or nothing. */
static unsigned debug_register(struct vcpu *v, unsigned dr)
{
    if (dr > 7 || ((dr == 4 || dr == 5) && (v->cr4 & CR4_DE)))
        vcpu_raise(v, VEC_UD);
    sys_need_cpl0(v);
    if (v->dr7 & DR7_GD)
        vcpu_raise_exc(v, &(struct exception){.vector = VEC_DB, .dr6 = DR6_BD});
    return dr == 4 || dr == 5 ? dr + 2 : dr;
}

void sys_mov_from_dr(struct vcpu *v, const struct uop *u)
{
    unsigned dr = debug_register(v, u->dst);
    u64 value = dr == 6 ? v->dr6 : dr == 7 ? v->dr7 : v->dr[dr];

    sys_set_reg(v, u->src, value, vcpu_is_code64(v) ? 8 : 4);
}

void sys_mov_to_dr(struct vcpu *v, const struct uop *u)
{
    unsigned dr = debug_register(v, u->dst);
    u64 value = vcpu_is_code64(v) ? v->r[u->src] : (u32)v->r[u->src];

    if (dr >= 6 && value >> 32)
        vcpu_raise_err(v, VEC_GP, 0);
    if (dr == 6)
        v->dr6 = (value & DR6_TRAPS) | DR6_FIXED;
    else if (dr == 7)
        v->dr7 = (value & DR7_WRITABLE) | DR7_FIXED;
    else
        v->dr[dr] = value;
    vcpu_update_mode(v);
}

/* --- Flags -------------------------------------------------------------------------------------- */

void sys_cli(struct vcpu *v, const struct uop *u)
{
    (void)u;
    v->rflags &= ~vme_interrupt_flag(v);
}

void sys_sti(struct vcpu *v, const struct uop *u)
{
    u32 flag = vme_interrupt_flag(v);

    (void)u;
    if (flag == FL_VIF && (v->rflags & FL_VIP))
        vcpu_raise_err(v, VEC_GP, 0);
    if (!(v->rflags & FL_IF) && flag == FL_IF)
        v->shadow = true;
    v->rflags |= flag;
}

static void set_ac(struct vcpu *v, bool on)
{
    if (v->cpl != 0)
        vcpu_raise(v, VEC_UD);
    v->rflags = on ? v->rflags | FL_AC : v->rflags & ~(u32)FL_AC;
    mmu_set_privilege(&v->mmu, false, on);
}

void sys_clac(struct vcpu *v, const struct uop *u)
{
    (void)u;
    set_ac(v, false);
}

void sys_stac(struct vcpu *v, const struct uop *u)
{
    (void)u;
    set_ac(v, true);
}

/* --- Stopping ----------------------------------------------------------------------------------- */

void sys_hlt(struct vcpu *v, const struct uop *u)
{
    (void)u;
    sys_need_cpl0(v);
    v->activity = CPU_HALTED;
}

void sys_monitor(struct vcpu *v, const struct uop *u)
{
    u64 offset = vcpu_cut(v->r[R_AX], u->asize);
    gla_t a;

    if (v->cpl != 0)
        vcpu_raise(v, VEC_UD);
    if (v->r[R_CX])
        vcpu_raise_err(v, VEC_GP, 0);
    a = vcpu_linear(v, u->seg, offset, 1, MMU_READ);
    monitor_arm(v, mmu_sys_monitor(&v->mmu, a, u));
}

void sys_mwait(struct vcpu *v, const struct uop *u)
{
    (void)u;
    if (v->cpl != 0)
        vcpu_raise(v, VEC_UD);
    if (v->r[R_CX] & ~1ull)
        vcpu_raise_err(v, VEC_GP, 0);
    if (v->monitor_gpa == ~0ull)
        return;
    v->activity = CPU_MWAIT;
    v->mwait_break = v->r[R_CX] & 1;
}

/* --- Caches ------------------------------------------------------------------------------------- */

void sys_wbinvd(struct vcpu *v, const struct uop *u)
{
    (void)u;
    sys_need_cpl0(v);
}

void sys_invlpg(struct vcpu *v, const struct uop *u)
{
    u64 a = vcpu_cut(vcpu_offset_raw(v, u), u->asize);

    sys_need_cpl0(v);
    if (u->seg < SEG_COUNT)
        a += v->seg[u->seg].base;
    if (!vcpu_is_code64(v))
        a = (u32)a;
    if (vcpu_is_canonical(v, a))
        mmu_flush_page(&v->mmu, a);
}

void sys_invpcid(struct vcpu *v, const struct uop *u)
{
    u64 type = vcpu_is_code64(v) ? v->r[u->dst] : (u32)v->r[u->dst];
    u64 pcid, a;
    u8 m[16];

    sys_need_cpl0(v);
    mmu_read_bytes(&v->mmu, vcpu_address(v, u, 16, MMU_READ), m, 16, u);
    pcid = load_le64(m);
    a = load_le64(m + 8);
    if (type > 3 || pcid >> 12 || (type <= 1 && pcid && !(v->cr4 & CR4_PCIDE)) ||
        (type == 0 && !vcpu_can_hold(v, a)))
        vcpu_raise_err(v, VEC_GP, 0);
    if (type == 0)
        mmu_flush_page(&v->mmu, a);
    else if (type == 2)
        mmu_flush_all(&v->mmu);
    else
        mmu_flush_nonglobal(&v->mmu);
}
