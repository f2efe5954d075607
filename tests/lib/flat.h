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
#include "cpu/lift.h"
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
/* For tests of tests: what becomes of an instruction when it is lifted. row: what describes it, NULL: it is #UD. */
enum flat_change { FLAT_AS_IT_IS, FLAT_DOES_NOTHING, FLAT_IS_UNDEFINED };
typedef enum flat_change flat_filter(const struct insn_row *row);
/* Ask `filter` of each instruction that the interpreter lifts; a run then ends (with -1) after 65536 blocks. NULL: no more. */
void flat_set_filter(flat_filter *filter);
/* For other modes: the vCPU itself (flat_create first; flat_set_mode gives the state of
 * flat_run_guest). */
struct vcpu *flat_vcpu(void);
void flat_set_mode(bool code32);
/* Run from rip at most `blocks` blocks of at most max_insns instructions. Returns the vector of the
 * exception that ended it, rip being the instruction's, or -1. */
int flat_execute(unsigned blocks, unsigned max_insns, cpu_features_t features);

/* From here on blocks that were lifted are used again, until the next call: the code may not change between two calls, nor
 * the features. Without it each block is lifted whenever it is executed. */
void flat_keep_blocks(void);

/* The features that the host has: for comparing with it. */
cpu_features_t flat_host_features(void);

/* Does the host run 32-bit code? */
bool flat_host_has_code32(void);

#endif
