/* SPDX-License-Identifier: MIT */
/*
 * One instruction, from one whole user-level state, executed on the host CPU and by the
 * interpreter's handlers: the two executors that forms.c compares.
 *
 * Both see the same memory at the same addresses: the arena of tests/lib/flat.h, of which only the
 * pages below are mapped for the instruction; everything around them faults. On the host that is
 * mprotect() and single-stepping with TF, in the guest 4-level page tables inside the arena, CPL 3.
 * One thread only.
 */
#ifndef X86SIM_TESTS_FORMS_MACHINE_H
#define X86SIM_TESTS_FORMS_MACHINE_H

#include "src/base/types.h"
#include "tests/lib/flat.h"
#include "tests/lib/native.h"

/* Two writable pages, then one that is not; none before, none behind. Code cannot be written either. */
#define FORM_DATA FLAT_DATA
#define FORM_DATA_SIZE 0x2000u
#define FORM_CONST (FORM_DATA + FORM_DATA_SIZE)
#define FORM_CONST_SIZE 0x1000u
#define FORM_STACK (FLAT_STACK - 0x1000)
#define FORM_STACK_SIZE 0x1000u
#define FORM_CODE (FLAT_CODE + 0x800)
/* The guest's page tables. */
#define FORM_TABLES (FLAT_BASE + 0x300000)
#define FORM_TABLES_SIZE 0x5000u
/* REP iterations after which both give up; more than fit between an address and the next hole. */
#define FORM_REPEATS_MAX 20000u

struct form_state {
    u64 gpr[16];
    u64 rip, flags; /* flags: the whole register, TF is always set at the start */
    u64 fs_base, gs_base;
    /* XSAVE's area: what FXSAVE stores, a header, the upper halves of the YMM registers. */
    struct native_fx fx __attribute__((aligned(64)));
    u64 header[8];
    struct {
        u64 q[2];
    } ymmh[16];
};

struct form_outcome {
    struct form_state s;
    int vector; /* -1: none */
    u32 error;
    u64 cr2;
    u8 memory[FORM_DATA_SIZE + FORM_STACK_SIZE];
};

/* Map everything; false: the host refuses (address taken, no FSGSBASE). */
bool form_create(void);
/* Put code at FORM_CODE, in a page that instructions cannot write: n bytes. */
void form_write_code(const u8 *bytes, unsigned n);
/* Fill the other page that they cannot write. */
void form_fill_const(const u8 *bytes);

/* Execute the bytes at FORM_CODE over `memory` (data, then stack) from o->s. `repeats`: REP string
 * instruction, of which TF lets one iteration be executed at a time. Fills the rest of o. */
void form_run_host(struct form_outcome *o, const u8 *memory, bool code32, bool repeats);
void form_run_guest(struct form_outcome *o, const u8 *memory, bool code32, bool repeats,
                    cpu_features_t features);
/* The same for a whole stream, which ends with an exception (a UD2 stands behind it); no single-stepping. max_insns: the
 * length of blocks. */
void form_stream_host(struct form_outcome *o, const u8 *memory, bool code32);
void form_stream_guest(struct form_outcome *o, const u8 *memory, bool code32, unsigned max_insns,
                       cpu_features_t features);
/* Is it #UD whatever the state: does lifting refuse it? */
bool form_is_undefined(const u8 *bytes, bool code32, cpu_features_t features);

#endif
