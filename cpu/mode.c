/* SPDX-License-Identifier: MIT */
/*
 * What follows from the control registers, the code and stack segments and the flags: the key under which code is
 * lifted, and what the MMU has to know. Recomputed after every change of any of them; cheap when nothing changed.
 *
 * Flatness (KEY_FLAT) is a property of protected-mode code alone: DS, ES and SS writable, expand-up, 4 GiB at base 0, and
 * CS readable likewise. Real mode never counts as flat, so that its segment loads leave the key alone.
 * Intel SDM vol. 3 §2.2, §3.2.1, §17.3; vol. 1 §3.6.
 */
#include "cpu/block.h"
#include "cpu/debug.h"
#include "cpu/descriptor.h"
#include "cpu/fpu.h"
#include "cpu/vcpu.h"

static bool is_flat(const struct segreg *s, unsigned mask, unsigned type)
{
    return s->usable && s->base == 0 && s->limit == 0xffffffff && (s->type & mask) == type;
}

static bool all_flat(const struct vcpu *v)
{
    const struct segreg *s = v->seg;
    unsigned mask = DT_S | DT_CODE | DT_DOWN | DT_RW, data = DT_S | DT_RW;

    return is_flat(&s[SEG_DS], mask, data) && is_flat(&s[SEG_SS], mask, data) &&
           is_flat(&s[SEG_ES], mask, data) &&
           is_flat(&s[SEG_CS], DT_S | DT_CODE | DT_RW, DT_S | DT_CODE | DT_RW);
}

static u32 code_key(const struct vcpu *v)
{
    const struct segreg *cs = &v->seg[SEG_CS];
    u32 key;

    if (vcpu_is_code64(v))
        return CODE_64 | KEY_FLAT | KEY_PE;
    key = cs->db ? CODE_32 : CODE_16;
    if (v->seg[SEG_SS].db)
        key |= KEY_SS32;
    if (!vcpu_is_pe(v))
        return key;
    if (vcpu_is_v86(v))
        return CODE_16 | KEY_PE | KEY_V86;
    return key | KEY_PE | (all_flat(v) ? KEY_FLAT : 0);
}

static void update_mmu(struct vcpu *v)
{
    if (v->seen[0] != v->cr0 || v->seen[1] != v->cr3 || v->seen[2] != v->cr4 ||
        v->seen[3] != v->efer) {
        mmu_configure(&v->mmu, v->cr0, v->cr4 & CR4_PCIDE ? v->cr3 & ~0xfffull : v->cr3, v->cr4,
                      v->efer);
        v->seen[0] = v->cr0;
        v->seen[1] = v->cr3;
        v->seen[2] = v->cr4;
        v->seen[3] = v->efer;
    }
    mmu_set_privilege(&v->mmu, v->cpl == 3, v->rflags & FL_AC);
    v->mmu.align_check = v->cpl == 3 && (v->rflags & FL_AC) && (v->cr0 & CR0_AM);
}

/* Data breakpoints: no access may go straight to memory. */
static void update_watch(struct vcpu *v)
{
    bool watch = (v->dr7 & DR7_ENABLES) && debug_has_data(v);

    if (watch == v->mmu.watch_data)
        return;
    v->mmu.watch_data = watch;
    v->mmu.watch = debug_watch;
    mmu_drop_all(&v->mmu);
}

void vcpu_update_mode(struct vcpu *v)
{
    u32 key = code_key(v);

    if (!(v->cr0 & (CR0_EM | CR0_TS))) {
        key |= KEY_FPU;
        if (v->cr4 & CR4_OSFXSR)
            key |= KEY_SSE;
    }
    if (!(v->cr0 & CR0_TS) && (v->cr4 & CR4_OSXSAVE) && (v->xcr0 & XCR0_AVX))
        key |= KEY_AVX;
    if (debug_is_active(v))
        key |= KEY_STEP;
    v->key = key;
    update_mmu(v);
    update_watch(v);
}
