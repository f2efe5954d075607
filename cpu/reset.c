/* SPDX-License-Identifier: MIT */
/*
 * RESET, INIT and start-up.
 *
 * INIT leaves x87, SSE, the MSRs, the time stamp and the cache bits of CR0 alone. Intel SDM vol. 3 §9.1, table 9-1;
 * AMD APM vol. 2 §14.1.3. TR after RESET is a busy 32-bit TSS at 0, marked as never loaded.
 */
#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/descriptor.h"
#include "cpu/fpu.h"
#include "cpu/lapic.h"
#include "cpu/msr.h"

static void reset_segments(struct vcpu *v)
{
    struct segreg data = {
        .usable = true,
        .type = DT_S | DT_RW | DT_ACCESSED,
        .p = true,
        .limit = 0xffff,
    };

    for (unsigned i = 0; i < SEG_COUNT; i++)
        v->seg[i] = data;
    v->seg[SEG_CS].type |= DT_CODE;
    v->seg[SEG_CS].sel = 0xf000;
    v->seg[SEG_CS].base = 0xffff0000;
    v->seg[SEG_LDTR] = (struct segreg){.type = DT_LDT, .limit = 0xffff};
    v->seg[SEG_TR] = (struct segreg){.type = DT_TSS32_BUSY, .limit = 0xffff};
    v->gdt = v->idt = (struct dtable){.base = 0, .limit = 0xffff};
}

/* What RESET and INIT have in common. */
static void reset_core(struct vcpu *v)
{
    memset(v->r, 0, sizeof(v->r));
    v->r[R_DX] = CPUID_SIGNATURE;
    v->rip = 0xfff0;
    v->cc = 0;
    v->rflags = 2;
    v->cpl = 0;
    v->cr2 = v->cr3 = v->cr4 = v->cr8 = 0;
    v->efer = 0;
    memset(v->dr, 0, sizeof(v->dr));
    v->dr6 = DR6_FIXED;
    v->dr7 = DR7_FIXED;
    v->shadow = v->shadow_ss = false;
    v->nmi_blocked = v->nmi_pending = false;
    v->init_pending = v->sipi_pending = false;
    v->pending_db = 0;
    v->step_tf = v->rf_loaded = v->fault_pending = false;
    v->monitor_gpa = ~0ull;
    reset_segments(v);
    desc_cache_drop_all(v);
}

static void finish(struct vcpu *v, bool bsp)
{
    v->activity = bsp ? CPU_RUNNING : CPU_WAIT_SIPI;
    vcpu_update_mode(v);
    mmu_drop_all(&v->mmu);
}

void vcpu_reset(struct vcpu *v, bool bsp)
{
    reset_core(v);
    fpu_reset(&v->fpu);
    v->cr0 = CR0_CD | CR0_NW | CR0_ET;
    v->xcr0 = 1;
    vcpu_set_pkru(v, 0);
    msr_reset(v);
    if (v->lapic)
        lapic_reset(v, bsp);
    finish(v, bsp);
}

void vcpu_init_signal(struct vcpu *v)
{
    u64 cache = v->cr0 & (CR0_CD | CR0_NW);

    reset_core(v);
    v->cr0 = cache | CR0_ET;
    if (v->lapic)
        lapic_init_signal(v);
    finish(v, v->apic_base & APIC_BASE_BSP);
}
