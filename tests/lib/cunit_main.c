/* SPDX-License-Identifier: MIT */
/*
 * main() of the CUnit test programs (tests/unit, tests/device): runs what suite.h collected.
 *
 * CUnit counts assertions; people count tests, so a test passes when none of its assertions failed.
 * Failed assertions are printed with file and line as each suite ends. The last line is what
 * tests/run-all adds up: "NAME: P passed, F failed", NAME being the program's. The exit status is 1
 * when something failed or when nothing ran.
 */
#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"

static struct suite *suites;

/* Keeps the list ordered by name, so that the order does not depend on the linker's. */
void suite_register(struct suite *suite)
{
    struct suite **at = &suites;

    while (*at && strcmp((*at)->name, suite->name) < 0)
        at = &(*at)->next;
    suite->next = *at;
    *at = suite;
}

static void print_failures(const CU_pFailureRecord first)
{
    for (CU_pFailureRecord f = first; f; f = f->pNext)
        printf("    %s:%u: %s\n", f->strFileName ? f->strFileName : "?", f->uiLineNumber,
               f->strCondition ? f->strCondition : "");
}

static void on_test_complete(const CU_pTest test, const CU_pSuite suite,
                             const CU_pFailureRecord failure)
{
    if (failure) {
        printf("FAIL %s/%s\n", suite->pName, test->pName);
        print_failures(failure);
        fflush(stdout);
    }
}

static void on_suite_complete(const CU_pSuite suite, const CU_pFailureRecord failure)
{
    (void)failure;
    printf("  %s: %u tests\n", suite->pName, suite->uiNumberOfTests);
    fflush(stdout);
}

/* Adds the tests whose "suite/test" contains filter (null: all). Returns false on CUnit's refusal.
 */
static bool add_suite(const struct suite *suite, const char *filter)
{
    CU_pSuite added = NULL;

    for (size_t i = 0; i < suite->test_count; i++) {
        char name[256];
        snprintf(name, sizeof(name), "%s/%s", suite->name, suite->tests[i].name);
        if (filter && !strstr(name, filter))
            continue;
        if (!added)
            added = CU_add_suite(suite->name, NULL, NULL);
        if (!added || !CU_add_test(added, suite->tests[i].name, suite->tests[i].run))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    const char *filter = argc > 1 ? argv[1] : NULL;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    for (const struct suite *suite = suites; suite; suite = suite->next) {
        if (!add_suite(suite, filter)) {
            printf("%s: CUnit refuses suite %s: %s\n", name, suite->name, CU_get_error_msg());
            return 1;
        }
    }
    CU_set_test_complete_handler(on_test_complete);
    CU_set_suite_complete_handler(on_suite_complete);
    CU_run_all_tests();

    unsigned run = CU_get_number_of_tests_run();
    unsigned failed = CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    printf("%s: %u passed, %u failed\n", name, run - failed, failed);
    return failed || !run ? EXIT_FAILURE : EXIT_SUCCESS;
}
