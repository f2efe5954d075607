/* SPDX-License-Identifier: MIT */
/*
 * What everything includes: src/base/types.h.
 */
#include "src/base/types.h"

#include "tests/lib/suite.h"

static int calls;

/* As what another thread writes does: answers otherwise each time. */
static int next(void)
{
    return ++calls;
}

static void min_and_max_look_once(void)
{
    calls = 0;
    CU_ASSERT_EQUAL(MIN(next(), 5), 1);
    CU_ASSERT_EQUAL(MIN(5, next()), 2);
    CU_ASSERT_EQUAL(MAX(next(), 0), 3);
    CU_ASSERT_EQUAL(MAX(0, next()), 4);
    CU_ASSERT_EQUAL(MIN(MIN(next(), 9), MAX(next(), 0)), 5);
    CU_ASSERT_EQUAL(calls, 6);
}

static void min_and_max_compare_in_the_common_type(void)
{
    CU_ASSERT_EQUAL(MIN((u64)1 << 40, 7), 7);
    CU_ASSERT_EQUAL(MAX((u8)200, -3), 200);
    CU_ASSERT_EQUAL(sizeof(MIN((u32)1, (u64)2)), 8);
}

static void masks_have_all_widths(void)
{
    CU_ASSERT_EQUAL(mask64(0), 0);
    CU_ASSERT_EQUAL(mask64(1), 1);
    CU_ASSERT_EQUAL(mask64(63), ~(u64)0 >> 1);
    CU_ASSERT_EQUAL(mask64(64), ~(u64)0);
}

TEST_SUITE(base, TEST(min_and_max_look_once), TEST(min_and_max_compare_in_the_common_type),
           TEST(masks_have_all_widths));
