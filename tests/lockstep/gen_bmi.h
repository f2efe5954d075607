/* SPDX-License-Identifier: MIT */
/*
 * BMI1, BMI2 and ADX for the random programs of gen.c: the VEX-encoded instructions on general registers, with 32 and 64 bits,
 * register and memory operands.
 */
#ifndef X86SIM_TESTS_LOCKSTEP_GEN_BMI_H
#define X86SIM_TESTS_LOCKSTEP_GEN_BMI_H

struct gen;

/* Append one. The host must have them: gen_has_bmi(). */
void gen_bmi(struct gen *g);
_Bool gen_has_bmi(void);

#endif
