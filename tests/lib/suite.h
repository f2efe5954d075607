/* SPDX-License-Identifier: MIT */
/*
 * How a test file tells the test program about its tests.
 *
 * Every .c file in tests/unit (tests/device, ...) is linked into one program. A file writes its
 * tests as static functions that take and return nothing, uses CUnit's assertions in them, and
 * names them once, at its end:
 *
 *     TEST_SUITE(directory, TEST(first_touch_logs_nothing), TEST(reader_joins));
 *
 * The suite registers itself before main() runs. The program in cunit_main.c runs suites in the
 * order of their names and ends with "unit: 12 passed, 0 failed". An argument runs only the suites
 * and tests ("directory/reader_joins") whose name contains it.
 */
#ifndef X86SIM_TESTS_LIB_SUITE_H
#define X86SIM_TESTS_LIB_SUITE_H

#include <CUnit/CUnit.h>
#include <stddef.h>

struct suite_test {
    const char *name;
    void (*run)(void);
};

struct suite {
    const char *name;
    const struct suite_test *tests;
    size_t test_count;
    struct suite *next;
};

/* Adds a suite that stays valid; called before main() by TEST_SUITE(). */
void suite_register(struct suite *suite);

#define TEST(function)                                                                             \
    {                                                                                              \
        .name = #function, .run = function                                                         \
    }

#define TEST_SUITE(id, ...)                                                                        \
    static const struct suite_test id##_suite_tests[] = {__VA_ARGS__};                             \
    static struct suite id##_suite = {                                                             \
        .name = #id,                                                                               \
        .tests = id##_suite_tests,                                                                 \
        .test_count = sizeof(id##_suite_tests) / sizeof(id##_suite_tests[0]),                      \
    };                                                                                             \
    __attribute__((constructor)) static void id##_suite_register(void)                             \
    {                                                                                              \
        suite_register(&id##_suite);                                                               \
    }                                                                                              \
    struct suite

#endif
