/* SPDX-License-Identifier: MIT */
/*
 * CPUID and the CPU models. AMD APM vol. 3 app. E.
 */
#include <cpuid.h>
#include <stdio.h>
#include <string.h>

#include "cpu/cpuid.h"
#include "cpu/lapic.h"
#include "tests/lib/suite.h"

static void start(struct vcpu *v, const char *model, unsigned id, unsigned count)
{
    memset(v, 0, sizeof(*v));
    v->model = cpu_model_find(model);
    v->id = id;
    v->apic_base = APIC_BASE_ENABLE;
    CU_ASSERT_PTR_NOT_NULL_FATAL(v->model);
    cpuid_set_count(v, count);
}

static struct vcpu v;

static void models(void)
{
    CU_ASSERT_PTR_NULL(cpu_model_find("pentium"));
    CU_ASSERT_PTR_NOT_NULL(cpu_model_find(CPU_MODEL_DEFAULT));
    for (unsigned i = 0; cpu_model_at(i); i++)
        CU_ASSERT_TRUE(cpu_has(cpu_model_at(i), FEAT_BASE) && cpu_has(cpu_model_at(i), FEAT_SSE2));
    CU_ASSERT_FALSE(cpu_has(cpu_model_find("x86-64"), FEAT_SSE3));
    CU_ASSERT_TRUE(cpu_has(cpu_model_find("x86-64-v2"), FEAT_SSE42));
}

/* Each feature's leaf, register and bit, as the host's kernel names them: what /proc/cpuinfo lists, the host's CPUID has where
 * the table says. (Not the reverse: a kernel hides what it does not use.) */
static void bits_are_the_kernels(void)
{
    static const struct {
        const char *name;
        u32 leaf, sub;
        u8 reg, bit;
    } rows[] = {
#define ANY 0
#define FEATURE(name, text, other, leaf, sub, reg, bit, since, needs)                              \
    {text, leaf, sub, REG_##reg, bit}, {other, leaf, sub, REG_##reg, bit},
#define REG_EAX 0
#define REG_EBX 1
#define REG_ECX 2
#define REG_EDX 3
#include "cpu/features.def"
#undef ANY
    };
    static char line[16384];
    unsigned compared = 0;
    FILE *f = fopen("/proc/cpuinfo", "r");

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    while (fgets(line, sizeof(line), f) && strncmp(line, "flags", 5))
        ;
    fclose(f);
    for (char *word = strtok(line, " \t\n:"); word; word = strtok(NULL, " \t\n:")) {
        for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
            u32 r[4] = {0};

            if (!rows[i].name[0] || strcmp(rows[i].name, word))
                continue;
            CU_ASSERT_TRUE(
                __get_cpuid_count(rows[i].leaf, rows[i].sub, &r[0], &r[1], &r[2], &r[3]));
            CU_ASSERT_TRUE(r[rows[i].reg] >> rows[i].bit & 1);
            compared++;
        }
    }
    CU_ASSERT_TRUE(compared > 20); /* any x86-64's are more */
}

/* Every feature is shown by some bit of CPUID, and without it is not. */
static void features_show_their_bit(void)
{
    static const u32 leaves[] = {1, 6, 7, 0xd, 0x80000001, 0x80000007, 0x80000008};
    struct cpu_model with = *cpu_model_find("max"), without;

    for (unsigned f = FEAT_BASE + 1; f < FEAT_COUNT; f++) {
        unsigned differences = 0;

        start(&v, "max", 0, 1);
        with.features |= cpu_feature_bit(f);
        without = with;
        without.features &= ~cpu_feature_bit(f);
        for (unsigned i = 0; i < ARRAY_SIZE(leaves) * 2; i++) {
            struct cpuid_regs a, b;

            v.model = &with;
            a = cpuid_query(&v, leaves[i / 2], i & 1);
            v.model = &without;
            b = cpuid_query(&v, leaves[i / 2], i & 1);
            differences += memcmp(&a, &b, sizeof(a)) != 0;
        }
        CU_ASSERT_TRUE(differences > 0);
    }
}

static void vendor_and_brand(void)
{
    char text[49] = "";
    struct cpuid_regs r;

    start(&v, "x86-64-v2", 0, 1);
    r = cpuid_query(&v, 0, 0);
    memcpy(text, &r.ebx, 4);
    memcpy(text + 4, &r.edx, 4);
    memcpy(text + 8, &r.ecx, 4);
    CU_ASSERT_STRING_EQUAL(text, "AuthenticAMD");
    for (unsigned i = 0; i < 3; i++) {
        r = cpuid_query(&v, 0x80000002 + i, 0);
        memcpy(text + i * 16, &r, 16);
    }
    CU_ASSERT_STRING_EQUAL(text, "x86sim virtual CPU");
    r = cpuid_query(&v, 1, 0);
    CU_ASSERT_EQUAL(((r.eax >> 8) & 15) + ((r.eax >> 20) & 0xff), 0x11);
}

/* What the psABI's x86-64-v2 promises, bit by bit; and what must not be there. */
static void v2_features(void)
{
    struct cpuid_regs r;

    start(&v, "x86-64-v2", 0, 1);
    r = cpuid_query(&v, 1, 0);
    CU_ASSERT_EQUAL(r.ecx & (1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23),
                    1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23);
    CU_ASSERT_EQUAL(r.ecx & (1u << 31 | 1u << 28 | 1u << 12 | 1u << 3),
                    0); /* hypervisor, AVX, FMA, MONITOR */
    CU_ASSERT_EQUAL(r.edx & 0x07808151, 0x07808151);
    CU_ASSERT_TRUE(r.ecx & 1u << 21); /* x2APIC */
    CU_ASSERT_TRUE(r.ecx & 1u << 24); /* TSC deadline */
    r = cpuid_query(&v, 7, 0);
    CU_ASSERT_EQUAL(r.ebx & (1u << 3 | 1u << 5 | 1u << 8), 0); /* BMI1, AVX2, BMI2 */
    CU_ASSERT_EQUAL(r.ebx & (1u << 7 | 1u << 20), 1u << 7 | 1u << 20);
    r = cpuid_query(&v, 7, 1);
    CU_ASSERT_EQUAL(r.eax | r.ebx | r.ecx | r.edx, 0);
    r = cpuid_query(&v, 0x80000001, 0);
    CU_ASSERT_TRUE(r.ecx & 1);
    CU_ASSERT_EQUAL(r.edx & (1u << 11 | 1u << 20 | 1u << 26 | 1u << 29),
                    1u << 11 | 1u << 20 | 1u << 26 | 1u << 29);
    r = cpuid_query(&v, 0x80000007, 0);
    CU_ASSERT_EQUAL(r.edx, 1u << 8);
    r = cpuid_query(&v, 0xd, 0);
    CU_ASSERT_EQUAL(r.eax, 3);
    CU_ASSERT_EQUAL(r.ebx, 576);
}

static void topology(void)
{
    struct cpuid_regs r;

    start(&v, "x86-64-v2", 5, 6);
    r = cpuid_query(&v, 1, 0);
    CU_ASSERT_EQUAL(r.ebx, 5u << 24 | 6u << 16 | 8u << 8);
    CU_ASSERT_TRUE(r.edx & 1u << 28);
    r = cpuid_query(&v, 0xb, 0);
    CU_ASSERT_EQUAL(r.ebx, 1);
    CU_ASSERT_EQUAL(r.ecx, 0x100);
    CU_ASSERT_EQUAL(r.edx, 5);
    r = cpuid_query(&v, 0xb, 1);
    CU_ASSERT_EQUAL(r.eax, 3);
    CU_ASSERT_EQUAL(r.ebx, 6);
    CU_ASSERT_EQUAL(r.ecx, 0x201);
    r = cpuid_query(&v, 0xb, 2);
    CU_ASSERT_EQUAL(r.ebx, 0);
    CU_ASSERT_EQUAL(r.ecx, 2);
    r = cpuid_query(&v, 0x80000008, 0);
    CU_ASSERT_EQUAL(r.eax, 0x3028);
    CU_ASSERT_EQUAL(r.ecx, 3 << 12 | 5);
    start(&v, "x86-64-v2", 0, 1);
    CU_ASSERT_FALSE(cpuid_query(&v, 1, 0).edx & 1u << 28);
}

/* Bits that follow the state of the CPU. */
static void dynamic_bits(void)
{
    start(&v, "x86-64-v2", 0, 1);
    CU_ASSERT_FALSE(cpuid_query(&v, 1, 0).ecx & 1u << 27);
    v.cr4 |= CR4_OSXSAVE;
    CU_ASSERT_TRUE(cpuid_query(&v, 1, 0).ecx & 1u << 27);
    CU_ASSERT_TRUE(cpuid_query(&v, 1, 0).edx & 1u << 9);
    v.apic_base = 0;
    CU_ASSERT_FALSE(cpuid_query(&v, 1, 0).edx & 1u << 9);
    CU_ASSERT_FALSE(cpuid_query(&v, 0x80000001, 0).edx & 1u << 9);
}

TEST_SUITE(cpuid, TEST(models), TEST(bits_are_the_kernels), TEST(features_show_their_bit),
           TEST(vendor_and_brand), TEST(v2_features), TEST(topology), TEST(dynamic_bits));
