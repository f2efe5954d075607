/* SPDX-License-Identifier: MIT */
/*
 * Runs the system programs and compares what they recorded with sys_expected.h. Values there that are not Bochs's own (its
 * model ryzen), by index:
 *   32-bit 1490: RF in the flags of a general-detect fault is 1 (SDM vol. 3 §17.3.1.1).
 *   64-bit 565, 574: #SS for a non-canonical stack pointer from the TSS has error code EXT (SDM vol. 2, INT).
 *   64-bit 979: SYSENTER in compatibility mode is #UD on AMD (APM vol. 3).
 *   64-bit 1176 on: UMIP, which that model lacks.
 *   debug32 20: DR6.BT is kept like BD and BS. 34: RF is 1 between two iterations of a REP that began with it. 122 to 125: the trap
 *   of a data breakpoint at MOV SS, held off until INT has entered its handler. 234: as 32-bit 1490. 240: bit 11 of DR7 is reserved on AMD.
 *   more64 35 to 37, 91 to 94: no trap behind a SYSCALL that masks TF; SYSRET with TF in R11 traps at once (as QEMU has it, and as
 *   Linux's entry code relies on). 153: IRET in 64-bit code pops SS:ESP with 32-bit operands too (SDM vol. 2, IRET).
 */
#include "tests/unit/sys_results.h"

#include <stdio.h>

#include "tests/lib/bare.h"
#include "tests/lib/suite.h"
#include "tests/unit/sys_expected.h"
#include "tests/unit/sys_expected_more.h"

#define PROG 0x10000
#define POINTER 0x7ff0
#define RESULT 0x8000
#define STEPS_MAX 1000000

#define PROGRAM(name, expected)                                                                    \
    extern const u8 sys_##name##_start[], sys_##name##_end[];                                      \
    const struct sys_program sys_##name = {"sys_" #name, sys_##name##_start, sys_##name##_end,     \
                                           expected, ARRAY_SIZE(expected)};

PROGRAM(prog32, expected32)
PROGRAM(debug32, expected_debug32)
PROGRAM(seg32, expected_seg32)
PROGRAM(page32, expected_page32)
PROGRAM(task32, expected_task32)
PROGRAM(prog64, expected64)
PROGRAM(more64, expected_more64)

static void compare(const struct sys_program *p, const u8 *ram)
{
    unsigned n = (load_le32(ram + POINTER) - RESULT) / 4, bad = 0;

    CU_ASSERT_EQUAL(n, p->n_expected);
    for (unsigned i = 0; i < MIN(n, p->n_expected); i++) {
        u32 got = load_le32(ram + RESULT + i * 4);
        if (got != p->expected[i] && bad++ < 5)
            printf("    %s: result %u is %08x, should be %08x\n", p->name, i, got, p->expected[i]);
    }
    CU_ASSERT_EQUAL(bad, 0);
}

void sys_program_check(const struct sys_program *p, bool misses)
{
    struct bare b;

    CU_ASSERT_FATAL(bare_create(&b, 16 << 20, PROG, "x86-64-v2"));
    CU_ASSERT_FATAL(!physmem_write(&b.mem, PROG, p->code, (u64)(p->code_end - p->code)));
    if (misses)
        bare_set_misses(&b);
    bare_run(&b, STEPS_MAX);
    CU_ASSERT_EQUAL(b.v->activity, CPU_HALTED);
    CU_ASSERT_FALSE(b.reset);
    CU_ASSERT_EQUAL(b.torn, 0);
    if (misses)
        CU_ASSERT(b.n_misses > 1000);
    compare(p, b.mem.ram);
    bare_destroy(&b);
}
