/* SPDX-License-Identifier: MIT */
/*
 * The model-specific registers of msr.def, and the functions behind those that are more than storage.
 *
 * Memory types (MTRR, PAT) are kept and checked, and change nothing: memory has one type here. Machine-check banks
 * exist and never report. The time stamp counter is the guest clock plus an offset, so writing it changes the
 * offset, and TSC_ADJUST with it.
 * AMD APM vol. 2 §3.2, §7.7, §9; Intel SDM vol. 3 §11.11, §17.17.3.
 */
#include "cpu/msr.h"

#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/digest.h"
#include "cpu/exec.h"
#include "cpu/lapic.h"
#include "cpu/run.h"

#define MCE_BANKS 4

/* --- Time --------------------------------------------------------------------------------------- */

static u64 get_tsc(struct vcpu *v, u32 index)
{
    (void)index;
    return vcpu_rdtsc(v);
}

static void move_tsc(struct vcpu *v, u64 by)
{
    v->tsc_offset += by;
    v->tsc_adjust += by;
}

static bool set_tsc(struct vcpu *v, u32 index, u64 value)
{
    (void)index;
    move_tsc(v, value - vcpu_rdtsc(v));
    return true;
}

static u64 get_tsc_adjust(struct vcpu *v, u32 index)
{
    (void)index;
    return v->tsc_adjust;
}

static bool set_tsc_adjust(struct vcpu *v, u32 index, u64 value)
{
    (void)index;
    move_tsc(v, value - v->tsc_adjust);
    return true;
}

static u64 get_tsc_aux(struct vcpu *v, u32 index)
{
    (void)index;
    return v->tsc_aux;
}

static bool set_tsc_aux(struct vcpu *v, u32 index, u64 value)
{
    (void)index;
    if (value >> 32)
        return false;
    v->tsc_aux = value;
    return true;
}

/* --- Local APIC --------------------------------------------------------------------------------- */

/* Faults are raised by the APIC itself, which takes the holds it needs first. */
static u64 get_lapic(struct vcpu *v, u32 index)
{
    return vcpu_lapic_msr_read(v, index);
}

static bool set_lapic(struct vcpu *v, u32 index, u64 value)
{
    vcpu_lapic_msr_write(v, index, value);
    return true;
}

/* --- Memory types ------------------------------------------------------------------------------- */

static bool is_mtrr_type(unsigned type)
{
    return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

static u64 get_mtrr_var(struct vcpu *v, u32 index)
{
    return v->mtrr_var[index - 0x200];
}

static bool set_mtrr_var(struct vcpu *v, u32 index, u64 value)
{
    u64 phys = mask64(CPUID_PHYS_BITS) & ~0xfffull;

    if (index & 1 ? value & ~(phys | 0x800)
                  : (value & ~(phys | 0xff)) || !is_mtrr_type(value & 0xff))
        return false;
    v->mtrr_var[index - 0x200] = value;
    return true;
}

static unsigned fixed_slot(u32 index)
{
    return index == 0x250 ? 0 : index < 0x260 ? index - 0x258 + 1 : index - 0x268 + 3;
}

static u64 get_mtrr_fixed(struct vcpu *v, u32 index)
{
    return v->mtrr_fixed[fixed_slot(index)];
}

static bool set_mtrr_fixed(struct vcpu *v, u32 index, u64 value)
{
    /* AMD: bits 3 and 4 of each type are RdMem and WrMem, where SYSCFG shows them. */
    u64 types = v->syscfg & 0x80000 ? value & ~0x1818181818181818ull : value;

    for (unsigned i = 0; i < 8; i++)
        if (!is_mtrr_type((types >> (i * 8)) & 0xff))
            return false;
    v->mtrr_fixed[fixed_slot(index)] = value;
    return true;
}

static u64 get_mtrr_def(struct vcpu *v, u32 index)
{
    (void)index;
    return v->mtrr_def_type;
}

static bool set_mtrr_def(struct vcpu *v, u32 index, u64 value)
{
    (void)index;
    if ((value & ~0xcffull) || !is_mtrr_type(value & 0xff))
        return false;
    v->mtrr_def_type = value;
    return true;
}

static u64 get_pat(struct vcpu *v, u32 index)
{
    (void)index;
    return v->pat;
}

static bool set_pat(struct vcpu *v, u32 index, u64 value)
{
    (void)index;
    for (unsigned i = 0; i < 8; i++) {
        unsigned type = (value >> (i * 8)) & 0xff;
        if (!is_mtrr_type(type) && type != 7)
            return false;
    }
    v->pat = value;
    return true;
}

/* --- Machine check ------------------------------------------------------------------------------ */

static u64 get_mc_bank(struct vcpu *v, u32 index)
{
    return (index & 3) == 0 ? v->mc_ctl[(index - 0x400) / 4] : 0;
}

/* CTL is kept; STATUS and ADDR can only be cleared. */
static bool set_mc_bank(struct vcpu *v, u32 index, u64 value)
{
    if ((index & 3) == 0)
        v->mc_ctl[(index - 0x400) / 4] = value;
    return (index & 3) == 0 || (index & 3) == 3 || value == 0;
}

/* --- Performance counters ----------------------------------------------------------------------- */

/* Four event selectors, then four 48-bit counters, as on every AMD processor since the K7. DEVIATION: they count nothing. */
static u64 get_perf(struct vcpu *v, u32 index)
{
    return v->perf[index - 0xc0010000];
}

static bool set_perf(struct vcpu *v, u32 index, u64 value)
{
    v->perf[index - 0xc0010000] = index & 4 ? value & mask64(48) : value;
    return true;
}

/* --- EFER --------------------------------------------------------------------------------------- */

static u64 get_efer(struct vcpu *v, u32 index)
{
    (void)index;
    return v->efer;
}

static bool set_efer(struct vcpu *v, u32 index, u64 value)
{
    u64 allowed = EFER_LMA;

    (void)index;
    if (cpu_has(v->model, FEAT_SYSCALL))
        allowed |= EFER_SCE;
    if (cpu_has(v->model, FEAT_LM))
        allowed |= EFER_LME;
    if (cpu_has(v->model, FEAT_NX))
        allowed |= EFER_NXE;
    if (value & ~allowed)
        return false;
    if (((value ^ v->efer) & EFER_LME) && (v->cr0 & CR0_PG))
        return false;
    value = (value & ~(u64)EFER_LMA) | (v->efer & EFER_LMA);
    if ((value ^ v->efer) & EFER_NXE) {
        v->efer = value;
        vcpu_update_mode(v);
        mmu_drop_all(&v->mmu);
    }
    v->efer = value;
    vcpu_update_mode(v);
    return true;
}

/* --- The table ---------------------------------------------------------------------------------- */

/* It cannot read these macros. */
/* clang-format off */

static bool read_range(struct vcpu *v, u32 index, u64 *value)
{
#define MSR_RANGE(first, last, name, get, set) \
    if (index >= (first) && index <= (last)) { \
        *value = get(v, index); \
        return true; \
    }
#include "cpu/msr.def"
    return false;
}

bool msr_read(struct vcpu *v, u32 index, u64 *value)
{
    switch (index) {
#define MSR(i, name, get, set) case i: *value = get(v, i); return true;
#define MSR_FIELD(i, name, field, mask) case i: *value = v->field; return true;
#define MSR_CANON(i, name, field) case i: *value = v->field; return true;
#define MSR_CONST(i, name, val) case i: *value = (val); return true;
#include "cpu/msr.def"
    default: return read_range(v, index, value);
    }
}

static bool write_range(struct vcpu *v, u32 index, u64 value)
{
#define MSR_RANGE(first, last, name, get, set) \
    if (index >= (first) && index <= (last)) \
        return set(v, index, value);
#include "cpu/msr.def"
    return false;
}

static bool set_field(u64 *field, u64 value, u64 mask)
{
    if (value & ~mask)
        return false;
    *field = value;
    return true;
}

static bool set_canon(const struct vcpu *v, u64 *field, u64 value)
{
    if (!vcpu_can_hold(v, value))
        return false;
    *field = value;
    return true;
}

bool msr_write(struct vcpu *v, u32 index, u64 value)
{
    switch (index) {
#define MSR(i, name, get, set) case i: return set(v, i, value);
#define MSR_FIELD(i, name, field, mask) case i: return set_field(&v->field, value, mask);
#define MSR_CANON(i, name, field) case i: return set_canon(v, &v->field, value);
#define MSR_CONST(i, name, val) case i: return true;
#include "cpu/msr.def"
    default: return write_range(v, index, value);
    }
}

const char *msr_name(u32 index)
{
#define MSR(i, name, get, set) if (index == (i)) return #name;
#define MSR_FIELD(i, name, field, mask) if (index == (i)) return #name;
#define MSR_CANON(i, name, field) if (index == (i)) return #name;
#define MSR_CONST(i, name, val) if (index == (i)) return #name;
#define MSR_RANGE(first, last, name, get, set) if (index >= (first) && index <= (last)) return #name;
#include "cpu/msr.def"
    return NULL;
}

static u64 fold_row(u64 h, const u64 *row, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        h = digest_fold(h, row[i]);
    return h;
}

u64 msr_digest(const struct vcpu *v, u64 h)
{
#define MSR_FIELD(i, name, field, mask) h = digest_fold(h, v->field);
#define MSR_CANON(i, name, field) h = digest_fold(h, v->field);
#include "cpu/msr.def"
    h = digest_fold(digest_fold(digest_fold(h, v->efer), v->pat), v->mtrr_def_type);
    h = digest_fold(digest_fold(digest_fold(h, v->tsc_aux), v->tsc_offset), v->tsc_adjust);
    h = fold_row(h, v->mtrr_fixed, ARRAY_SIZE(v->mtrr_fixed));
    h = fold_row(h, v->mtrr_var, ARRAY_SIZE(v->mtrr_var));
    h = fold_row(h, v->mc_ctl, ARRAY_SIZE(v->mc_ctl));
    return fold_row(h, v->perf, ARRAY_SIZE(v->perf));
}

/* clang-format on */

void msr_reset(struct vcpu *v)
{
    v->efer = v->star = v->lstar = v->cstar = v->sfmask = v->kernel_gs_base = v->tsc_aux = 0;
    v->sysenter_cs = v->sysenter_esp = v->sysenter_eip = 0;
    v->pat = 0x0007040600070406;
    v->mtrr_def_type = 0;
    memset(v->mtrr_fixed, 0, sizeof(v->mtrr_fixed));
    memset(v->mtrr_var, 0, sizeof(v->mtrr_var));
    v->tsc_deadline = v->tsc_adjust = v->debugctl = 0;
    v->mcg_status = v->mcg_ctl = 0;
    memset(v->mc_ctl, 0, sizeof(v->mc_ctl));
    memset(v->perf, 0, sizeof(v->perf));
    v->hwcr = 1u << 24; /* TscFreqSel: the TSC counts at the nominal frequency */
    v->syscfg = v->top_mem = v->top_mem2 = v->nb_cfg = 0;
    v->ls_cfg = v->ic_cfg = v->dc_cfg = v->bu_cfg = 0;
    v->de_cfg = 2; /* LFENCE is serialising */
}
