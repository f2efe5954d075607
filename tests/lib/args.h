/* SPDX-License-Identifier: MIT */
/*
 * Options of test programs that have a main() of their own: "--seed 7".
 */
#ifndef X86SIM_TESTS_LIB_ARGS_H
#define X86SIM_TESTS_LIB_ARGS_H

#include "src/base/types.h"

/* The number behind `name` on the command line; `otherwise` where it is not given. */
u64 args_number(int argc, char **argv, const char *name, u64 otherwise);

#endif
