/* SPDX-License-Identifier: MIT */
/*
 * CPU models, and CPUID as cpuid.def describes it.
 *
 * Vendor and family are AMD's, chosen so that systems neither force page-table isolation nor apply errata. No
 * hypervisor is announced. What depends on the run (APIC enabled, CR4.OSXSAVE, APIC id, number of vCPUs) is computed at each
 * query; nothing comes from the host.
 */
#include "cpu/cpuid.h"

#include "cpu/lapic.h"

#define F(x) BIT(FEAT_##x)

/* The x86-64 psABI's baseline, with what every 64-bit processor also has. */
#define FEATURES_X86_64                                                                            \
    (F(BASE) | F(FPU) | F(CMOV) | F(CX8) | F(MMX) | F(FXSR) | F(SSE) | F(SSE2) | F(CLFLUSH) |      \
     F(SYSCALL) | F(SEP) | F(LM) | F(PAE) | F(PGE) | F(NX) | F(PREFETCHW))
#define FEATURES_X86_64_V2                                                                         \
    (FEATURES_X86_64 | F(SSE3) | F(SSSE3) | F(SSE41) | F(SSE42) | F(POPCNT) | F(CX16) |            \
     F(LAHF64) | F(MOVBE) | F(XSAVE) | F(RDRAND) | F(RDSEED) | F(RDTSCP) | F(FSGSBASE) | F(SMEP) | \
     F(SMAP) | F(PCID) | F(INVPCID) | F(X2APIC) | F(TSC_DEADLINE) | F(TSC_ADJUST) | F(PDPE1GB) |   \
     F(UMIP))

static const struct cpu_model models[] = {
    {"x86-64", FEATURES_X86_64, "the baseline: SSE2, no SSE3, no x2APIC"},
    {"x86-64-v2", FEATURES_X86_64_V2, "SSE4.2, POPCNT, CMPXCHG16B, SMEP, SMAP, x2APIC (default)"},
    {"x86-64-v2-mwait", FEATURES_X86_64_V2 | F(MONITOR), "x86-64-v2 with MONITOR and MWAIT"},
};

const struct cpu_model *cpu_model_find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
        if (!strcmp(models[i].name, name))
            return &models[i];
    return NULL;
}

const struct cpu_model *cpu_model_at(unsigned i)
{
    return i < ARRAY_SIZE(models) ? &models[i] : NULL;
}

void cpuid_set_count(struct vcpu *v, unsigned count)
{
    v->cpu_count = count;
}

static unsigned cpu_count(const struct vcpu *v)
{
    return MAX(v->cpu_count, 1u);
}

/* Bits of the APIC id that number the cores. */
static unsigned core_id_bits(const struct vcpu *v)
{
    unsigned bits = 0;

    while ((1u << bits) < cpu_count(v))
        bits++;
    return bits;
}

static u32 brand_word(unsigned i)
{
    static const char brand[48] = "x86sim virtual CPU";

    return load_le32(brand + i * 4);
}

enum { ANY_SUBLEAF = -1, OTHER_SUBLEAF = -2 };

/* Does a row for `want` apply? OTHER: no row of its own, which for the one leaf that uses it means from 2 up. */
static bool sub_matches(int want, u32 subleaf)
{
    if (want == ANY_SUBLEAF)
        return true;
    return want == OTHER_SUBLEAF ? subleaf >= 2 : (u32)want == subleaf;
}

struct cpuid_regs cpuid_query(const struct vcpu *v, u32 leaf, u32 subleaf)
{
    enum {
        EAX,
        EBX,
        ECX,
        EDX,
        SUB_ANY = ANY_SUBLEAF,
        SUB_OTHER = OTHER_SUBLEAF,
        SUB_0 = 0,
        SUB_1 = 1
    };
    u32 r[4] = {0};

#define CPUID_BIT(l, sub, reg, bit, feature)                                                       \
    if (leaf == (l) && sub_matches(SUB_##sub, subleaf) && cpu_has(v->model, feature))              \
        r[reg] |= 1u << (bit);
#define CPUID_VALUE(l, sub, reg, value)                                                            \
    if (leaf == (l) && sub_matches(SUB_##sub, subleaf))                                            \
        r[reg] |= (value);
#include "cpu/cpuid.def"
#undef CPUID_BIT
#undef CPUID_VALUE
    return (struct cpuid_regs){.eax = r[EAX], .ebx = r[EBX], .ecx = r[ECX], .edx = r[EDX]};
}
