/* SPDX-License-Identifier: MIT */
/*
 * The page walk where sys_page32.S and sys_more64.S do not reach: what differs between processors,
 * and between CPU models. AMD APM vol. 2 §5.3, §5.6; Intel SDM vol. 3 §4.7.
 */
#include "mmu/internal.h"
#include "tests/lib/bare.h"
#include "tests/lib/suite.h"

enum { ROOT = 0x2000, TABLE = 0x3000, FINE = 0x100 };

static struct bare b;

static void put(u64 at, u64 value)
{
    memcpy(b.mem.ram + at, &value, 8);
}

/* The error of a walk, FINE if there is none. */
static u32 walk(gla_t a)
{
    struct walk w;
    u32 error = 0;
    int r = mmu_walk(&b.v->mmu, a, &w, &error);

    CU_ASSERT(r >= 0);
    return r ? error : FINE;
}

static void begin(const char *model, u64 cr4, u64 efer)
{
    CU_ASSERT_FATAL(bare_create(&b, 1 << 20, 0x10000, model));
    mmu_configure(&b.v->mmu, CR0_PE | CR0_PG, ROOT, cr4, efer);
}

/* Bits 2:1, 8:5 and all above the physical address must be 0 in a PAE page-directory pointer that
 * is present. */
static void pae_pointers(void)
{
    begin("x86-64-v2", CR4_PAE, EFER_NXE);
    put(TABLE, 0x83);
    put(ROOT, TABLE | 1);
    CU_ASSERT_EQUAL(walk(0), FINE);
    put(ROOT, TABLE | 0xe19);
    CU_ASSERT_EQUAL(walk(0), FINE);
    for (unsigned bit = 1; bit < 64; bit = bit == 8 ? 40 : bit + 1) {
        if (bit == 3 || bit == 4)
            continue;
        put(ROOT, TABLE | 1 | BIT(bit));
        CU_ASSERT_EQUAL(walk(0), 9);
        put(ROOT, TABLE | BIT(bit));
        CU_ASSERT_EQUAL(walk(0), 0);
    }
    bare_destroy(&b);
}

/* PS is reserved in a page-directory-pointer entry where the model has no 1 GiB pages. */
static void huge_pages(void)
{
    for (unsigned has = 0; has < 2; has++) {
        begin(has ? "x86-64-v2" : "x86-64", CR4_PAE, EFER_LMA | EFER_LME | EFER_NXE);
        put(ROOT, TABLE | 7);
        put(TABLE, 0x87);
        CU_ASSERT_EQUAL(walk(0x1234), has ? FINE : 9);
        bare_destroy(&b);
    }
}

static u32 fetch_error(u64 cr4, u64 efer)
{
    bool first = false;
    volatile u32 error = ~0u;

    begin("x86-64-v2", cr4, efer);
    if (!setjmp(b.v->escape))
        mmu_fetch(&b.v->mmu, 0x400000, &first);
    else
        error = b.v->mmu.fault_error;
    bare_destroy(&b);
    return error;
}

/* A fetch is told from a read when there is NX, which needs PAE, or SMEP. */
static void fetches(void)
{
    CU_ASSERT_EQUAL(fetch_error(0, 0), 0);
    CU_ASSERT_EQUAL(fetch_error(0, EFER_NXE), 0);
    CU_ASSERT_EQUAL(fetch_error(CR4_PAE, 0), 0);
    CU_ASSERT_EQUAL(fetch_error(CR4_PAE, EFER_NXE), 16);
    CU_ASSERT_EQUAL(fetch_error(CR4_SMEP, 0), 16);
}

static gpa_t fetched_from(gla_t a)
{
    bool first = false;
    gpa_t gpa;

    if (setjmp(b.v->escape)) {
        CU_FAIL("a fetch failed");
        return 0;
    }
    gpa = mmu_fetch(&b.v->mmu, a, &first).gpa;
    CU_ASSERT_FALSE(first);
    return gpa;
}

/* INVLPG with an address in a large page takes all translations of that page, those of code too. */
static void large_code_page(void)
{
    begin("x86-64-v2", CR4_PAE, EFER_NXE);
    put(ROOT, TABLE | 1);
    put(TABLE, 0xa3);
    CU_ASSERT_EQUAL(fetched_from(0x1234), 0x1234);
    put(TABLE, 0x2000a3);
    mmu_flush_page(&b.v->mmu, 0x5000);
    CU_ASSERT_EQUAL(fetched_from(0x1234), 0x201234);
    bare_destroy(&b);
}

/* PSE-36: bits 20 to 13 of a 4 MiB entry are bits 39 to 32 of its address, bit 21 is reserved. */
static void wide_large_pages(void)
{
    const u32 entry = 0x00c00083 | 0xa5u << 13;
    struct walk w;
    u32 error;

    begin("x86-64-v2", CR4_PSE, 0);
    put(ROOT, entry);
    CU_ASSERT_EQUAL(mmu_walk(&b.v->mmu, 0x12345, &w, &error), 0);
    CU_ASSERT_EQUAL(w.gpa, 0xa500c12345);
    CU_ASSERT_EQUAL(w.page_size, 4 << 20);
    put(ROOT, entry | 1u << 21);
    CU_ASSERT_EQUAL(walk(0x12345), 9);
    bare_destroy(&b);
}

/* How many walks a read needs after a load of CR3. */
static u64 walks_behind_cr3(u64 cr4)
{
    volatile u64 before = 0;

    begin("x86-64-v2", CR4_PAE | cr4, EFER_LMA | EFER_LME);
    put(ROOT, TABLE | 0x23);
    put(TABLE, (TABLE + 0x1000) | 0x23);
    put(TABLE + 0x1000, 0x1e3); /* 2 MiB, global */
    if (setjmp(b.v->escape)) {
        CU_FAIL("a read failed");
        return 0;
    }
    mmu_read(&b.v->mmu, 0x9000, 8, NULL);
    mmu_flush_nonglobal(&b.v->mmu);
    before = b.v->mmu.stat_walks;
    mmu_read(&b.v->mmu, 0x9000, 8, NULL);
    before = b.v->mmu.stat_walks - before;
    bare_destroy(&b);
    return before;
}

static void global_pages(void)
{
    CU_ASSERT_EQUAL(walks_behind_cr3(CR4_PGE), 0);
    CU_ASSERT_EQUAL(walks_behind_cr3(0), 1); /* G means nothing without CR4.PGE */
}

TEST_SUITE(walk, TEST(wide_large_pages), TEST(global_pages), TEST(large_code_page),
           TEST(pae_pointers), TEST(huge_pages), TEST(fetches));
