/* SPDX-License-Identifier: MIT */
/*
 * CPUID as features.def and cpuid.def describe it.
 *
 * Vendor and family are AMD's, chosen so that systems neither force page-table isolation nor apply errata. No
 * hypervisor is announced. What depends on the run (APIC enabled, CR4.OSXSAVE, APIC id, number of vCPUs) is computed at each
 * query; nothing comes from the host.
 */
#include "cpu/cpuid.h"

#include "cpu/lapic.h"

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
#define FEATURE(name, text, other, l, sub, reg, bit, since, needs)                                 \
    CPUID_BIT(l, sub, reg, bit, FEAT_##name)
#include "cpu/cpuid.def"
#include "cpu/features.def"
#undef CPUID_BIT
#undef CPUID_VALUE
    return (struct cpuid_regs){.eax = r[EAX], .ebx = r[EBX], .ecx = r[ECX], .edx = r[EDX]};
}
