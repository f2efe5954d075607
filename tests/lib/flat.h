/* SPDX-License-Identifier: MIT */
/*
 * A machine for tests of instructions: one arena of memory at a fixed low address, where code runs
 * either on the interpreter or natively on the host CPU, from the same registers, at the same
 * addresses, over the same bytes.
 *
 * Guest memory is identity-mapped (paging off, linear = physical = host address), 64-bit or flat
 * 32-bit code, CPL 3. A run ends with the first exception, so a program ends in UD2. One thread
 * only.
 */
#ifndef X86SIM_TESTS_LIB_FLAT_H
#define X86SIM_TESTS_LIB_FLAT_H

#include "cpu/features.h"
#include "cpu/vcpu.h"
#include "src/base/types.h"

#define FLAT_BASE 0x10000000ull
#define FLAT_CODE FLAT_BASE
#define FLAT_DATA (FLAT_BASE + 0x100000)
#define FLAT_DATA_SIZE 0x4000u
#define FLAT_STACK (FLAT_BASE + 0x200000) /* top; grows down over FLAT_STACK_SIZE */
#define FLAT_STACK_SIZE 0x4000u

struct flat_state {
    u64 gpr[16];
    u64 rip;
    u64 flags; /* arithmetic flags and DF */
};

/* Map the arena and make the vCPU; once. False: the host refuses the address. */
bool flat_create(void);

/* Run until an exception; returns its vector, state as at the faulting instruction. code32: 32-bit
 * code. Host: -1 if the host cannot run 32-bit code. */
int flat_run_host(struct flat_state *s, bool code32);
/* From here on flat_run_guest and flat_execute use the translator (or the interpreter again). */
void flat_translate(bool on);
/* Guest: blocks of at most `max_insns` instructions. features: what the CPU has. */
int flat_run_guest(struct flat_state *s, bool code32, unsigned max_insns, cpu_features_t features);
/* For other modes: the vCPU itself (flat_create first; flat_set_mode gives the state of
 * flat_run_guest). */
struct vcpu *flat_vcpu(void);
void flat_set_mode(bool code32);
/* Run from rip at most `blocks` blocks of at most max_insns instructions. Returns the vector of the
 * exception that ended it, rip being the instruction's, or -1. */
int flat_execute(unsigned blocks, unsigned max_insns, cpu_features_t features);

/* The features that the host has: for comparing with it. */
cpu_features_t flat_host_features(void);

/* Does the host run 32-bit code? */
bool flat_host_has_code32(void);

#endif
