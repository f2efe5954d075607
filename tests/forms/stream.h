/* SPDX-License-Identifier: MIT */
/*
 * Streams: some sixty random instructions in a row, each drawn from the rows of cpu/insn.def with operands of every kind
 * (encode.h), run natively without single-stepping and then by the interpreter and by the translator, in blocks, from the same
 * state over the same memory. Registers, flags, x87 and vector registers, memory and the exception that ends them
 * are compared. Stream i of a seed is made from these two numbers alone.
 */
#ifndef X86SIM_TESTS_FORMS_STREAM_H
#define X86SIM_TESTS_FORMS_STREAM_H

#include "tests/forms/forms.h"

/* Run streams `first` to first + count - 1, or as many as `seconds` allow if that is not 0; adds up in *p. A stream that fails
 * is shrunk and printed. form_create() first. Returns 0. */
int stream_run(struct form_progress *p, cpu_features_t features, u64 seed, u64 first, u64 count,
               u64 seconds);

#endif
