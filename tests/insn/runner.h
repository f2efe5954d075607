/* SPDX-License-Identifier: MIT */
/*
 * The cases that the assembly files put together (case.h), as C sees them; and what rows.c asks the runner.
 */
#ifndef X86SIM_TESTS_INSN_RUNNER_H
#define X86SIM_TESTS_INSN_RUNNER_H

#include "src/base/types.h"

/* One record in section insn_cases, laid out by END in case.h. */
struct insn_case {
    const char *name;
    const u8 *code, *end;
    u64 reg[16];
    u64 registers, flags, flags_mask, vector, bits, host_differs;
    u64 to_end;                  /* it ends at the UD2 that END adds, no earlier */
    const char *needs, *without; /* features */
};

extern const struct insn_case __start_insn_cases[], __stop_insn_cases[];

/* Run the case on the interpreter, an instruction at a time: does it end as it says? Prints nothing. */
bool insn_case_passes(const struct insn_case *c);

/* Is there a case for each row? Prints the rows that have none; returns the exit status. */
int insn_check_rows(void);

#endif
