/* SPDX-License-Identifier: MIT */
/*
 * MSR access, time stamps, random numbers, CPUID, PKRU and the bases of FS and GS.
 *
 * RDRAND and RDSEED always succeed; their bits and the time stamp come through the journal. RDPMC reads the four
 * performance counters of msr.def, C001_0004 to 7.
 * Intel SDM vol. 2 RDMSR, WRMSR, RDTSC, RDTSCP, RDPMC, RDRAND, CPUID, SWAPGS, RDFSBASE.
 */
#include "cpu/address.h"
#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "cpu/sys.h"

static void set_edx_eax(struct vcpu *v, u64 value)
{
    v->r[R_AX] = (u32)value;
    v->r[R_DX] = value >> 32;
}

void sys_rdmsr(struct vcpu *v, const struct uop *u)
{
    u64 value;

    (void)u;
    sys_need_cpl0(v);
    if (!msr_read(v, (u32)v->r[R_CX], &value))
        vcpu_raise_err(v, VEC_GP, 0);
    set_edx_eax(v, value);
}

void sys_wrmsr(struct vcpu *v, const struct uop *u)
{
    (void)u;
    sys_need_cpl0(v);
    if (!msr_write(v, (u32)v->r[R_CX], (u64)(u32)v->r[R_DX] << 32 | (u32)v->r[R_AX]))
        vcpu_raise_err(v, VEC_GP, 0);
}

static void check_tsd(struct vcpu *v)
{
    if ((v->cr4 & CR4_TSD) && v->cpl != 0)
        vcpu_raise_err(v, VEC_GP, 0);
}

void sys_rdtsc(struct vcpu *v, const struct uop *u)
{
    (void)u;
    check_tsd(v);
    set_edx_eax(v, vcpu_rdtsc(v));
}

void sys_rdtscp(struct vcpu *v, const struct uop *u)
{
    (void)u;
    check_tsd(v);
    set_edx_eax(v, vcpu_rdtsc(v));
    v->r[R_CX] = (u32)v->tsc_aux;
}

void sys_rdpid(struct vcpu *v, const struct uop *u)
{
    sys_set_reg(v, u->src, (u32)v->tsc_aux, vcpu_is_code64(v) ? 8 : 4);
}

/* CR4.PKE makes the instructions: the paging mode does not matter. */
static void check_pkru(struct vcpu *v, bool zero)
{
    if (!(v->cr4 & CR4_PKE))
        vcpu_raise(v, VEC_UD);
    if (!zero)
        vcpu_raise_err(v, VEC_GP, 0);
}

void sys_rdpkru(struct vcpu *v, const struct uop *u)
{
    (void)u;
    check_pkru(v, !(u32)v->r[R_CX]);
    set_edx_eax(v, v->pkru);
}

void sys_wrpkru(struct vcpu *v, const struct uop *u)
{
    (void)u;
    check_pkru(v, !(u32)v->r[R_CX] && !(u32)v->r[R_DX]);
    vcpu_set_pkru(v, (u32)v->r[R_AX]);
}

void sys_rdpmc(struct vcpu *v, const struct uop *u)
{
    u32 index = (u32)v->r[R_CX];
    u64 value;

    (void)u;
    if ((!(v->cr4 & CR4_PCE) && vcpu_is_pe(v) && v->cpl != 0) || index > 3 ||
        !msr_read(v, 0xc0010004 + index, &value))
        vcpu_raise_err(v, VEC_GP, 0);
    set_edx_eax(v, value);
}

static void random_number(struct vcpu *v, const struct uop *u)
{
    sys_set_reg(v, u->src, vcpu_entropy(v), u->osize);
    v->cc = CC_CF;
}

void sys_rdrand(struct vcpu *v, const struct uop *u)
{
    random_number(v, u);
}

void sys_rdseed(struct vcpu *v, const struct uop *u)
{
    random_number(v, u);
}

void sys_cpuid(struct vcpu *v, const struct uop *u)
{
    struct cpuid_regs r = cpuid_query(v, (u32)v->r[R_AX], (u32)v->r[R_CX]);

    (void)u;
    v->r[R_AX] = r.eax;
    v->r[R_BX] = r.ebx;
    v->r[R_CX] = r.ecx;
    v->r[R_DX] = r.edx;
}

void sys_swapgs(struct vcpu *v, const struct uop *u)
{
    u64 base = v->seg[SEG_GS].base;

    (void)u;
    sys_need_cpl0(v);
    v->seg[SEG_GS].base = v->kernel_gs_base;
    v->kernel_gs_base = base;
}

static void check_fsgsbase(struct vcpu *v)
{
    if (!(v->cr4 & CR4_FSGSBASE))
        vcpu_raise(v, VEC_UD);
}

void sys_rdbase(struct vcpu *v, const struct uop *u)
{
    check_fsgsbase(v);
    sys_set_reg(v, u->src, v->seg[u->aux].base, MAX(u->osize, 4));
}

void sys_wrbase(struct vcpu *v, const struct uop *u)
{
    u64 base = u->osize == 8 ? v->r[u->src] : (u32)v->r[u->src];

    check_fsgsbase(v);
    if (!vcpu_can_hold(v, base))
        vcpu_raise_err(v, VEC_GP, 0);
    v->seg[u->aux].base = base;
}
