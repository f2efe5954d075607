/* SPDX-License-Identifier: MIT */
/*
 * Random integer and x87 programs for the lockstep test: a list of items, each an instruction or a few that
 * belong together, followed by the instructions that clear the flags it leaves undefined. Any
 * sublist of a program is a program too, which is what shrinking needs. Registers that hold
 * pointers (RBP, R12, R13, R15, the index R14, RSP) are never a destination.
 */
#ifndef X86SIM_TESTS_LOCKSTEP_GEN_H
#define X86SIM_TESTS_LOCKSTEP_GEN_H

#include "src/base/types.h"

#define GEN_ITEMS_MAX 64
#define GEN_ITEM_BYTES 128

struct gen_item {
    u8 bytes[GEN_ITEM_BYTES];
    unsigned len;
    u32 undefined; /* EFLAGS bits this item leaves undefined; cleared by its own last instructions
                    */
};

struct gen_program {
    struct gen_item item[GEN_ITEMS_MAX];
    unsigned n;
    bool code32;
};

struct gen_random {
    u64 state;
};

u64 gen_random(struct gen_random *r);

/* One item. `keep`: the flags that it leaves undefined stay as they come, for comparing x86sim with itself. */
void gen_make_item(struct gen_item *it, struct gen_random *r, bool code32, bool keep);

/* A program of n items. */
void gen_program(struct gen_program *p, struct gen_random *r, unsigned n, bool code32);

#endif
