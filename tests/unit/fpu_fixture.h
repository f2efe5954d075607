/* SPDX-License-Identifier: MIT */
/*
 * For tests of x87, MMX and FXSAVE instructions: a vCPU in flat 64-bit mode that executes single
 * instructions the way blocks are executed (decode, lift, micro-ops), and state in the host's
 * FXSAVE form, so that the same case can be handed to the host CPU (tests/lib/native.h). Memory
 * operands are in fpu_data, at the same address for both.
 */
#ifndef X86SIM_TESTS_UNIT_FPU_FIXTURE_H
#define X86SIM_TESTS_UNIT_FPU_FIXTURE_H

#include "cpu/vcpu.h"
#include "tests/lib/native.h"

#define FPU_DATA 1024
/* Linear address at which fpu_data appears a second time, for code with 16- and 32-bit addresses.
 */
#define FPU_LOW_PAGE 0x5000

/* The memory that instructions may touch: page-aligned, linear address = host address. */
extern u8 fpu_data[4096];

/* The vCPU, reset to defaults by each fpu_fixture_run. Created at first use. */
struct vcpu *fpu_vcpu(void);

/* Run one instruction from state s with CR0, CR4 and the code mode as they are in fpu_vcpu()
 * (defaults: fpu_defaults). Returns -1 or the vector of the exception it raised; -2: it does not
 * decode. */
int fpu_fixture_run(const u8 *insn, unsigned len, struct native_state *s);
/* The same without loading and storing the state: what is in the vCPU counts. */
int fpu_fixture_step(const u8 *insn, unsigned len);
void fpu_defaults(void);

/* Random numbers, the same in every run. */
u64 fpu_random(void);
void fpu_random_seed(u64 seed);

/* A random register or 80-bit memory value, mostly a special one. */
void fpu_random_f80(u8 *to);
u64 fpu_random_f64(void);
u32 fpu_random_f32(void);
/* A random state: FXSAVE image with consistent words, registers that point into fpu_data where base
 * registers are needed (rsi, rdi). */
void fpu_random_state(struct native_state *s);

/* What one case left behind. */
struct fpu_outcome {
    int vector;
    struct native_state s;
    u8 memory[576];
};

/* Run a case on the vCPU and on the host, both from state `before` and the memory at fpu_data +
 * FPU_DATA. */
void fpu_run_both(const u8 *insn, unsigned len, const struct native_state *before,
                  struct fpu_outcome *ours, struct fpu_outcome *host);
/* Are they equal in everything (x87 pointers apart)? */
bool fpu_same(const struct fpu_outcome *a, const struct fpu_outcome *b);
/* Print a case that differs. `memory`: before it. */
void fpu_report(const char *name, const u8 *insn, unsigned len, const struct native_state *before,
                const u8 *memory, const struct fpu_outcome *ours, const struct fpu_outcome *host);
/* Is the host's vendor AMD? What the manuals leave to the implementation follows AMD here. */
bool fpu_host_is_amd(void);
/* Cases of each kind to run: few, or many with LEVEL=all. */
unsigned fpu_case_count(void);

#endif
