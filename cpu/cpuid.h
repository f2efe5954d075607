/* SPDX-License-Identifier: MIT */
/*
 * CPUID: features.def says which bit of which leaf shows a feature, cpuid.def what else the leaves hold. What a processor does not
 * announce raises #UD, or is what the same bytes were before.
 * AMD APM vol. 3 app. E; Intel SDM vol. 2 CPUID.
 */
#ifndef CPU_CPUID_H
#define CPU_CPUID_H

#include "cpu/features.h"
#include "cpu/vcpu.h"

/* Physical and linear address bits, as leaf 0x80000008 says. */
#define CPUID_PHYS_BITS 40
static inline unsigned cpuid_linear_bits(const struct cpu_model *m)
{
    return cpu_has(m, FEAT_LA57) ? 57 : 48;
}
/* State components that XCR0 can enable: x87 and SSE. Their XSAVE area is 512 + 64 bytes. */
#define CPUID_XCR0 3u
#define CPUID_XSAVE_SIZE 576u
/* Family, model and stepping as in leaf 1 EAX, also EDX after RESET: family 0x11 (a Turion X2 Ultra's), for which systems apply
 * no errata and no mitigations beyond the generic. */
#define CPUID_SIGNATURE 0x00200f31u

/* May a register hold a as a base or an entry point? That goes by what the processor can do, not by the present mode (SDM vol. 3
 * §4.5.1's note on canonicality). */
static inline bool vcpu_can_hold(const struct vcpu *v, gla_t a)
{
    unsigned above = 64 - cpuid_linear_bits(v->model);

    return (u64)((i64)(a << above) >> above) == a;
}

struct cpuid_regs {
    u32 eax, ebx, ecx, edx;
};

/* How many vCPUs the machine has, for the topology leaves; set once before the machine runs. */
void cpuid_set_count(struct vcpu *v, unsigned count);

/* CPUID as vCPU v sees it now. */
struct cpuid_regs cpuid_query(const struct vcpu *v, u32 leaf, u32 subleaf);

#endif
