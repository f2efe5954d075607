/* SPDX-License-Identifier: MIT */
/*
 * Protection keys and 5-level paging in the MMU: every combination of page rights, key rights, privilege and CR0.WP against the rule
 * of the manual, stated again here; that PKRU and privilege move without a walk; the fifth level and its canonical addresses.
 * Intel SDM vol. 3 §4.5, §4.6.2, §4.7.
 */
#include "cpu/cpuid.h"
#include "mmu/internal.h"
#include "tests/lib/bare.h"
#include "tests/lib/suite.h"

enum { ROOT = 0x2000, PDPT = 0x3000, PD = 0x4000, PT = 0x5000, TOP = 0x6000, PAGE = 0x8000 };
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_PK = 0x20, FINE = 0x100 };

static struct bare b;

static void put(u64 at, u64 value)
{
    memcpy(b.mem.ram + at, &value, 8);
}

/* Four levels down to PT; linear page n is n * 4096. */
static void begin(u64 cr0, u64 cr4)
{
    CU_ASSERT_FATAL(bare_create(&b, 1 << 20, 0x10000, "max"));
    put(TOP, ROOT | 0x27);
    put(ROOT, PDPT | 0x27);
    put(PDPT, PD | 0x27);
    put(PD, PT | 0x27);
    mmu_configure(&b.v->mmu, CR0_PE | CR0_PG | cr0, cr4 & CR4_LA57 ? TOP : ROOT, CR4_PAE | cr4,
                  EFER_LMA | EFER_LME | EFER_NXE);
}

static u32 access_error(gla_t a, bool write)
{
    volatile u32 result = FINE;

    if (setjmp(b.v->escape))
        result = b.v->mmu.fault_error;
    else if (write)
        mmu_write(&b.v->mmu, a, 8, 1, NULL);
    else
        mmu_read(&b.v->mmu, a, 8, NULL);
    return result;
}

/* What the manual says of an access to the page. */
static u32 expected(bool user, bool write, bool wp, bool page_user, bool page_write, unsigned ad,
                    unsigned wd)
{
    bool key = page_user && (ad || (wd && write && (user || wp)));
    bool page = user ? page_user && (!write || page_write) : !write || page_write || !wp;

    if (page && !key)
        return FINE;
    return PF_P | (write ? PF_W : 0) | (user ? PF_U : 0) | (key ? PF_PK : 0);
}

/* Pages 0 to 63: key by key, each with the four page rights. */
static void map_keys(void)
{
    for (unsigned n = 0; n < 64; n++)
        put(PT + 8 * n, PAGE | 0x61 | (n & 1 ? 2 : 0) | (n & 2 ? 4 : 0) | (u64)(n >> 2) << 59);
}

static void rights(void)
{
    u32 pkru = 0x9c6b1f24; /* every pair of bits, with keys of different rights side by side */

    for (unsigned wp = 0; wp < 2; wp++) {
        begin(wp ? CR0_WP : 0, CR4_PKE);
        map_keys();
        for (unsigned round = 0; round < 200; round++) {
            vcpu_set_pkru(b.v, pkru);
            for (unsigned i = 0; i < 256; i++) {
                unsigned n = (i * 37 + round) % 64, key = n >> 2;
                bool user = i & 64, write = i & 128;

                mmu_set_privilege(&b.v->mmu, user, false);
                CU_ASSERT_EQUAL(access_error(n * 4096 + 8, write),
                                expected(user, write, wp, n & 2, n & 1, pkru >> 2 * key & 1,
                                         pkru >> (2 * key + 1) & 1));
            }
            pkru = pkru * 0x9e3779b1 + 0x7f4a7c15;
        }
        bare_destroy(&b);
    }
}

/* Without CR4.PKE the bits are ignored; instruction fetches never look at them. */
static void off_and_code(void)
{
    bool first = false;

    begin(CR0_WP, 0);
    map_keys();
    vcpu_set_pkru(b.v, ~0u);
    mmu_set_privilege(&b.v->mmu, true, false);
    CU_ASSERT_EQUAL(access_error(7 * 4096, true), FINE);
    bare_destroy(&b);
    begin(CR0_WP, CR4_PKE);
    map_keys();
    vcpu_set_pkru(b.v, ~0u);
    mmu_set_privilege(&b.v->mmu, true, false);
    CU_ASSERT_EQUAL(access_error(7 * 4096, false), PF_P | PF_U | PF_PK);
    if (setjmp(b.v->escape)) {
        CU_FAIL("a fetch looked at the key");
    } else {
        CU_ASSERT_EQUAL(mmu_fetch(&b.v->mmu, 7 * 4096, &first).gpa, PAGE);
    }
    bare_destroy(&b);
}

/* What was walked once is not walked again, however PKRU and the privilege move. */
static void nothing_is_flushed(void)
{
    u64 walks;

    begin(CR0_WP, CR4_PKE);
    map_keys();
    for (unsigned i = 0; i < 4; i++) {
        mmu_set_privilege(&b.v->mmu, i & 1, false);
        CU_ASSERT_EQUAL(access_error(7 * 4096, true), FINE);
        CU_ASSERT_EQUAL(access_error(63 * 4096, true), FINE);
    }
    walks = b.v->mmu.stat_walks;
    for (unsigned i = 0; i < 100; i++) {
        vcpu_set_pkru(b.v, 0x5555555c & ~(3u << 2) & ~(3u << 30));
        mmu_set_privilege(&b.v->mmu, i & 1, false);
        CU_ASSERT_EQUAL(access_error(7 * 4096, true), FINE);
        CU_ASSERT_EQUAL(access_error(63 * 4096, false), FINE);
        vcpu_set_pkru(b.v, 2u << 2 | 3u << 30);
        CU_ASSERT_EQUAL(access_error(7 * 4096, false), FINE);
        vcpu_set_pkru(b.v, 0);
    }
    CU_ASSERT_EQUAL(b.v->mmu.stat_walks, walks);
    /* An entry that was dropped while its key denied it stays dropped. */
    vcpu_set_pkru(b.v, 3u << 2);
    mmu_flush_page(&b.v->mmu, 7 * 4096);
    put(PT + 8 * 7, 0);
    vcpu_set_pkru(b.v, 0);
    CU_ASSERT_EQUAL(access_error(7 * 4096, false), PF_U);
    bare_destroy(&b);
}

static void fifth_level(void)
{
    const gla_t high = (gla_t)5 << 48;

    begin(CR0_WP, CR4_LA57);
    put(PT, PAGE | 0x67);
    CU_ASSERT_EQUAL(access_error(8, true), FINE);
    CU_ASSERT_EQUAL(access_error(high, false), 0);
    put(TOP + 5 * 8, ROOT | 0x27);
    CU_ASSERT_EQUAL(access_error(high, false), FINE);
    put(TOP + 6 * 8, ROOT | 0xa7); /* PS is reserved there */
    CU_ASSERT_EQUAL(access_error((gla_t)6 << 48, false), PF_P | 8);
    put(TOP + 511 * 8, ROOT | 0x27);
    CU_ASSERT_EQUAL(access_error(0xffff000000000000, false), FINE);
    CU_ASSERT_TRUE(vcpu_is_canonical(b.v, 0x00ffffffffffffff));
    CU_ASSERT_FALSE(vcpu_is_canonical(b.v, 0x0100000000000000));
    CU_ASSERT_TRUE(vcpu_is_canonical(b.v, 0xff00000000000000));
    CU_ASSERT_FALSE(vcpu_is_canonical(b.v, 0xfeffffffffffffff));
    bare_destroy(&b);
    begin(CR0_WP, 0);
    CU_ASSERT_FALSE(vcpu_is_canonical(b.v, 0x0000800000000000));
    CU_ASSERT_TRUE(vcpu_can_hold(b.v, 0x0000800000000000)); /* as a base: the model's 57 bits */
    CU_ASSERT_FALSE(vcpu_can_hold(b.v, 0x0100000000000000));
    bare_destroy(&b);
}

TEST_SUITE(pkeys, TEST(rights), TEST(off_and_code), TEST(nothing_is_flushed), TEST(fifth_level));
