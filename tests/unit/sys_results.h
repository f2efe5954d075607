/* SPDX-License-Identifier: MIT */
/*
 * The system programs (sys_*32.S, sys_*64.S) and what they have to find.
 */
#ifndef X86SIM_TESTS_SYS_RESULTS_H
#define X86SIM_TESTS_SYS_RESULTS_H

#include "src/base/types.h"

struct sys_program {
    const char *name;
    const u8 *code, *code_end;
    const u32 *expected;
    unsigned n_expected;
};

extern const struct sys_program sys_prog32, sys_debug32, sys_seg32, sys_page32, sys_task32,
    sys_prog64, sys_more64;

/* Run it and compare; with `misses`, every hold is missing at first (tests/lib/bare.h). Uses CUnit's assertions. */
void sys_program_check(const struct sys_program *p, bool misses);

#endif
