/* SPDX-License-Identifier: MIT */
/*
 * The x87 items of random programs; inside tests/lockstep only.
 */
#ifndef X86SIM_TESTS_LOCKSTEP_GEN_X87_H
#define X86SIM_TESTS_LOCKSTEP_GEN_X87_H

#include "tests/lockstep/emit.h"

/* Append one to four x87 instructions. */
void gen_x87(struct gen *g);

#endif
