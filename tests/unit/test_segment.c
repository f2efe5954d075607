/* SPDX-License-Identifier: MIT */
/*
 * Segmentation, gates, privilege levels, tasks, virtual-8086 mode: the program sys_prog32.S, and the shadow descriptors. Intel SDM
 * vol. 3 ch. 5 to 7, 20.
 */
#include "cpu/descriptor.h"
#include "tests/lib/bare.h"
#include "tests/lib/suite.h"
#include "tests/unit/sys_results.h"

static void protected_mode_program(void)
{
    sys_program_check(&sys_prog32, false);
}

static void protected_mode_program_restarts(void)
{
    sys_program_check(&sys_prog32, true);
}

static void limits_and_stacks(void)
{
    sys_program_check(&sys_seg32, false);
}

static void limits_and_stacks_restart(void)
{
    sys_program_check(&sys_seg32, true);
}

static void tasks(void)
{
    sys_program_check(&sys_task32, false);
}

static void tasks_restart(void)
{
    sys_program_check(&sys_task32, true);
}

static void legacy_paging(void)
{
    sys_program_check(&sys_page32, false);
}

static void legacy_paging_restarts(void)
{
    sys_program_check(&sys_page32, true);
}

#define GDT 0x1000u

/* A protected-mode CPU with a GDT of its own at GDT; 8: data segment with the given base. */
static void set_up(struct bare *b, u64 base)
{
    u64 desc = 0x00cf92000000ffff | (base & 0xffffff) << 16;

    CU_ASSERT_FATAL(bare_create(b, 1 << 20, 0x10000, "x86-64-v2"));
    memcpy(b->mem.ram + GDT + 8, &desc, 8);
    b->v->gdt = (struct dtable){.base = GDT, .limit = 15};
    b->v->cr0 |= CR0_PE;
    vcpu_update_mode(b->v);
}

static u64 loaded_base(struct bare *b)
{
    struct descriptor d;

    CU_ASSERT_FATAL(descriptor_fetch(b->v, 8, &d));
    return d.base;
}

/* The second fetch is a hit; a write to the descriptor by the guest is seen by the next. */
static void shadow_follows_memory(void)
{
    struct bare b;
    u64 hits, misses, drops;

    set_up(&b, 0x1234);
    if (setjmp(b.v->escape)) {
        CU_FAIL("escape");
        return;
    }
    b.v->mmu.careful = true;
    CU_ASSERT_EQUAL(loaded_base(&b), 0x1234);
    CU_ASSERT_EQUAL(loaded_base(&b), 0x1234);
    desc_cache_stats(b.v, &hits, &misses, &drops);
    CU_ASSERT_EQUAL(hits, 1);
    CU_ASSERT_EQUAL(misses, 1);
    mmu_sys_write(&b.v->mmu, GDT + 8 + 2, 2, 0x5678, NULL);
    CU_ASSERT_EQUAL(loaded_base(&b), 0x5678);
    desc_cache_stats(b.v, &hits, &misses, &drops);
    CU_ASSERT_EQUAL(misses, 2);
    CU_ASSERT_EQUAL(drops, 1);
    bare_destroy(&b);
}

static void shadow_drops_exact_range(void)
{
    struct bare b;
    u64 hits, misses, drops;

    set_up(&b, 0);
    if (setjmp(b.v->escape)) {
        CU_FAIL("escape");
        return;
    }
    loaded_base(&b);
    desc_cache_drop_range(b.v, GDT, 8);
    desc_cache_drop_range(b.v, GDT + 16, 64);
    loaded_base(&b);
    desc_cache_stats(b.v, &hits, &misses, &drops);
    CU_ASSERT_EQUAL(hits, 1);
    desc_cache_drop_range(b.v, GDT + 15, 1);
    CU_ASSERT_FALSE(desc_cache_has_page(b.v, GDT >> 12));
    loaded_base(&b);
    CU_ASSERT_TRUE(desc_cache_has_page(b.v, GDT >> 12));
    desc_cache_drop_page(b.v, GDT >> 12);
    CU_ASSERT_FALSE(desc_cache_has_page(b.v, GDT >> 12));
    bare_destroy(&b);
}

TEST_SUITE(segment, TEST(protected_mode_program), TEST(protected_mode_program_restarts),
           TEST(limits_and_stacks), TEST(limits_and_stacks_restart), TEST(tasks),
           TEST(tasks_restart), TEST(legacy_paging), TEST(legacy_paging_restarts),
           TEST(shadow_follows_memory), TEST(shadow_drops_exact_range));
