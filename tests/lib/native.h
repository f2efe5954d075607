/* SPDX-License-Identifier: MIT */
/*
 * Runs one instruction on the host CPU itself: the oracle for tests of single instructions.
 *
 * The bytes are put into an executable page and called with all general registers but RSP, the
 * arithmetic flags and the FXSAVE image loaded from a struct native_state, which afterwards holds
 * what the instruction made of them. An exception is caught (as a signal) and reported as the CPU's
 * vector, with the state at that point. The instruction must not branch, use the stack or touch
 * memory that the test does not own. One thread only.
 */
#ifndef X86SIM_TESTS_LIB_NATIVE_H
#define X86SIM_TESTS_LIB_NATIVE_H

#include "src/base/types.h"

/* FXSAVE image in 64-bit mode, SDM vol. 1 table 10-2. */
struct native_fx {
    u16 fcw, fsw;
    u8 ftw, reserved0;
    u16 fop;
    u64 fip, fdp;
    u32 mxcsr, mxcsr_mask;
    struct {
        u64 mant;
        u16 se, reserved[3];
    } st[8];
    struct {
        u64 q[2];
    } xmm[16];
    u8 reserved1[96];
};

struct native_state {
    u64 gpr[16]; /* AX CX DX BX - BP SI DI R8..R15; [4] is not used */
    u64 flags;   /* arithmetic flags only */
    u64 pad[7];
    struct native_fx fx;
};

/* Run the instruction. Returns -1, or the vector of the exception that it raised. */
int native_run(const u8 *insn, unsigned len, struct native_state *s);

#endif
