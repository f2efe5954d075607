/* SPDX-License-Identifier: MIT */
/*
 * CPU models and CPUID. A model is a name and a set of features (enum cpu_feature, cpu/lift.h); cpuid.def says which bit of which
 * leaf shows a feature and what the other leaves hold. What a model does not announce raises #UD.
 * AMD APM vol. 3 app. E; Intel SDM vol. 2 CPUID.
 */
#ifndef CPU_CPUID_H
#define CPU_CPUID_H

#include "cpu/lift.h"
#include "cpu/vcpu.h"

/* Physical and linear address bits, as leaf 0x80000008 says. */
#define CPUID_PHYS_BITS 40
#define CPUID_LINEAR_BITS 48
/* State components that XCR0 can enable: x87 and SSE. Their XSAVE area is 512 + 64 bytes. */
#define CPUID_XCR0 3u
#define CPUID_XSAVE_SIZE 576u
/* Family, model and stepping as in leaf 1 EAX, also EDX after RESET: family 0x11 (a Turion X2 Ultra's), for which systems apply
 * no errata and no mitigations beyond the generic. */
#define CPUID_SIGNATURE 0x00200f31u

struct cpu_model {
    const char *name;
    u64 features;        /* bit per enum cpu_feature */
    const char *summary; /* for --cpu help */
};

struct cpuid_regs {
    u32 eax, ebx, ecx, edx;
};

static inline bool cpu_has(const struct cpu_model *m, enum cpu_feature f)
{
    return m->features >> f & 1;
}

/* The model of that name, NULL: none. The default is cpu_model_find(CPU_MODEL_DEFAULT). */
#define CPU_MODEL_DEFAULT "x86-64-v2"
const struct cpu_model *cpu_model_find(const char *name);
/* The i-th model, NULL: no more. */
const struct cpu_model *cpu_model_at(unsigned i);

/* How many vCPUs the machine has, for the topology leaves; set once before the machine runs. */
void cpuid_set_count(struct vcpu *v, unsigned count);

/* CPUID as vCPU v sees it now. */
struct cpuid_regs cpuid_query(const struct vcpu *v, u32 leaf, u32 subleaf);

#endif
