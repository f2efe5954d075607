/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers: storage, what they refuse, and that Linux finds those it reads unguarded. AMD APM vol. 2 app. A.
 */
#include "cpu/msr.h"
#include "tests/lib/bare.h"
#include "tests/lib/suite.h"

static struct bare b;

static struct vcpu *start(void)
{
    CU_ASSERT_FATAL(bare_create(&b, 1 << 20, 0x10000, "x86-64-v2"));
    return b.v;
}

static void storage(void)
{
    static const u32 plain[] = {0x174,      0x175,      0x176,      0x200,      0x20f,
                                0xc0000081, 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101,
                                0xc0000102, 0xc0000103, 0xc001001f, 0xc0011029, 0x400,
                                0x17b,      0xc0010000, 0xc0010007};
    struct vcpu *v = start();
    u64 value;

    for (unsigned i = 0; i < ARRAY_SIZE(plain); i++) {
        u64 want = 0x1000u * i;
        CU_ASSERT_TRUE(msr_write(v, plain[i], want));
        CU_ASSERT_TRUE(msr_read(v, plain[i], &value));
        CU_ASSERT_EQUAL(value, want);
        CU_ASSERT_PTR_NOT_NULL(msr_name(plain[i]));
    }
    CU_ASSERT_EQUAL(v->seg[SEG_FS].base, 0x8000);
    bare_destroy(&b);
}

static void refusals(void)
{
    struct vcpu *v = start();
    u64 value;

    CU_ASSERT_FALSE(msr_read(v, 0x12345678, &value));
    CU_ASSERT_FALSE(msr_read(v, 0x48, &value)); /* SPEC_CTRL is not announced */
    CU_ASSERT_PTR_NULL(msr_name(0x48));
    CU_ASSERT_FALSE(msr_write(v, 0xc0000082, 0x800000000000)); /* not canonical */
    CU_ASSERT_TRUE(msr_write(v, 0xc0000082, 0xffff800000000000));
    CU_ASSERT_FALSE(msr_write(v, 0xc0000103, 1ull << 32));
    CU_ASSERT_FALSE(msr_write(v, 0x277, 0x0007040600070402)); /* type 2 */
    CU_ASSERT_TRUE(msr_write(v, 0x277, 0x0007010600070106));
    CU_ASSERT_FALSE(msr_write(v, 0x2ff, 0x1000));
    CU_ASSERT_FALSE(msr_write(v, 0x201, 1ull << 40)); /* beyond the physical addresses */
    CU_ASSERT_FALSE(msr_write(v, 0x250, 0x0202020202020202));
    CU_ASSERT_FALSE(msr_write(v, 0x401, 1)); /* a bank's status can only be cleared */
    CU_ASSERT_TRUE(msr_write(v, 0x401, 0));
    bare_destroy(&b);
}

/* RDPMC reads the counters; at CPL 3 only with CR4.PCE. */
static void counters(void)
{
    static const u8 code[] = {0x0f, 0x33, 0xf4}; /* rdpmc; hlt */
    struct vcpu *v = start();

    physmem_write(&b.mem, 0x10000, code, sizeof(code));
    CU_ASSERT_TRUE(msr_write(v, 0xc0010006, 0x123456789abcdef0));
    v->r[R_CX] = 2;
    bare_run(&b, 1);
    CU_ASSERT_EQUAL(v->r[R_AX], 0x9abcdef0);
    CU_ASSERT_EQUAL(v->r[R_DX], 0x5678);
    v->rip = 0;
    v->r[R_CX] = 4; /* there is none */
    bare_step(&b);
    CU_ASSERT_TRUE(b.faulted || v->rip != 2);
    bare_destroy(&b);
}

static void efer(void)
{
    struct vcpu *v = start();
    u64 value;

    CU_ASSERT_FALSE(msr_write(v, 0xc0000080, 1 << 12)); /* no SVM */
    CU_ASSERT_TRUE(msr_write(v, 0xc0000080, 0xd01));
    CU_ASSERT_TRUE(msr_read(v, 0xc0000080, &value));
    CU_ASSERT_EQUAL(value, 0x901); /* LMA follows paging alone */
    v->cr0 |= CR0_PG | CR0_PE;
    CU_ASSERT_FALSE(msr_write(v, 0xc0000080, 0x801)); /* LME with paging on */
    CU_ASSERT_TRUE(msr_write(v, 0xc0000080, 0x900));
    bare_destroy(&b);
}

/* The MSRs that Linux 6.1 reads without a fault handler on an AMD processor of this family. */
static void linux_reads(void)
{
    static const u32 unguarded[] = {
        0x8b,  0xfe, 0x179, 0x1d9,      0x250,      0x258,      0x268,      0x26f,      0x277,
        0x2ff, 0x3b, 0x400, 0xc0000080, 0xc0010010, 0xc0010015, 0xc001001a, 0xc001001d, 0xc001001f};
    struct vcpu *v = start();
    u64 value;

    for (unsigned i = 0; i < ARRAY_SIZE(unguarded); i++)
        CU_ASSERT_TRUE(msr_read(v, unguarded[i], &value));
    CU_ASSERT_TRUE(msr_read(v, 0xc0010015, &value));
    CU_ASSERT_TRUE(value & 1 << 24); /* the TSC counts at the nominal frequency */
    CU_ASSERT_TRUE(msr_read(v, 0xfe, &value));
    CU_ASSERT_EQUAL(value & 0xff, 8);
    bare_destroy(&b);
}

TEST_SUITE(msr, TEST(storage), TEST(counters), TEST(refusals), TEST(efer), TEST(linux_reads));
