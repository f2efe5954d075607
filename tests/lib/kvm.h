/* SPDX-License-Identifier: MIT */
/*
 * Running a small program on the real processor under KVM, to record what a test expects. The tests themselves
 * need no KVM.
 */
#ifndef X86SIM_TESTS_LIB_KVM_H
#define X86SIM_TESTS_LIB_KVM_H

#include "src/base/types.h"

/* Run `code` loaded at `at` of a machine with `size` bytes of RAM, in real mode from CS = at >> 4, IP = 0, until HLT. RAM is left in
 * `ram`. 0; -errno: no KVM; 1: it ended otherwise (a message says how). */
int kvm_run(u8 *ram, u64 size, u64 at, const void *code, u64 len);

#endif
