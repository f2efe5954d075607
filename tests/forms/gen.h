/* SPDX-License-Identifier: MIT */
/*
 * Makes the cases of forms.c: bytes that are perhaps an instruction, a register state and memory,
 * all from one number. Operands are biased to what matters: addresses in and around the mapped
 * pages, their borders and non-canonical ones, small and extreme integers, special floating-point
 * values, every rounding mode and exception mask.
 */
#ifndef X86SIM_TESTS_FORMS_GEN_H
#define X86SIM_TESTS_FORMS_GEN_H

#include "tests/forms/machine.h"

#define FORM_BYTES 16

/* Which opcode, out of the sweep that has each: map 0 to 3 (one byte, 0F, 0F38, 0F3A), opcode,
 * ModRM.reg, memory or register, mandatory prefix; for x87 all ModRM bytes. */
#define FORM_SWEEP_LEGACY (2u * 4 * 256 * 16 * 4 + 2u * 8 * 64)
/* VEX: four times map, opcode, pp, L, W, memory or register, in both modes. */
#define FORM_SWEEP_VEX (4u * 3 * 256 * 4 * 2 * 2 * 2 * 2)
#define FORM_SWEEP (FORM_SWEEP_LEGACY + FORM_SWEEP_VEX)

struct form_case {
    u8 bytes[FORM_BYTES];
    bool code32;
    struct form_state s;
    u8 memory[FORM_DATA_SIZE + FORM_STACK_SIZE];
    u8 constant[FORM_CONST_SIZE];
    u64 memory_id; /* changes with memory and constant */
};

/* Case `index` of `seed`. Below FORM_SWEEP: that row of the sweep; else: anything. Afterwards
 * form_gen_state(). */
void form_gen_bytes(struct form_case *c, u64 seed, u64 index);
/* Registers and memory for the instruction at c->bytes, whose displacement may be changed. */
void form_gen_state(struct form_case *c, u64 seed, u64 index);

#endif
