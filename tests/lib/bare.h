/* SPDX-License-Identifier: MIT */
/*
 * A bare machine for tests of the processor: one vCPU, RAM, a directory (so that code and descriptors stay
 * coherent), no devices, no recording. It starts as after RESET, but
 * in real mode at a given address, and is driven one instruction at a time on the caller's thread.
 */
#ifndef X86SIM_TESTS_LIB_BARE_H
#define X86SIM_TESTS_LIB_BARE_H

#include "cpu/run.h"
#include "cpu/vcpu.h"
#include "mmu/physmem.h"
#include "trace/directory.h"

struct bare {
    struct vcpu *v;
    struct physmem mem;
    struct io_space io;
    struct directory *dir;
    struct vcpu_env env;
    bool reset; /* a triple fault asked for one */
    bool
        misses; /* every page's hold is missing when a step begins, and is granted when it is wanted (bare_set_misses) */
    u64 n_misses;
    u64 torn; /* attempts given up that had left a trace in registers or low memory */
    u8 *before;
    bool faulted; /* vcpu->exc waits for its delivery */
};

/* `bytes` of RAM and a CPU of model `model` at CS = entry >> 4, IP = 0. False: out of memory. */
bool bare_create(struct bare *b, u64 bytes, u64 entry, const char *model);
void bare_destroy(struct bare *b);

/* Execute until the CPU is no longer running, or `max` steps. Returns the number of steps: instructions, and deliveries. */
u64 bare_run(struct bare *b, u64 max);
/* One step: what is pending at this boundary, or an instruction, or the delivery of its fault. */
void bare_step(struct bare *b);
/* From now on nothing is held at the beginning of a step: each access of the step is refused until its hold has been granted, one
 * after the other, and after each refusal the state has to be what it was (else `torn` counts). */
void bare_set_misses(struct bare *b);
/* Deliver an external interrupt now. */
void bare_interrupt(struct bare *b, u8 vector);

#endif
