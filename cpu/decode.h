/* SPDX-License-Identifier: MIT */
/*
 * From bytes to struct insn (cpu/lift.h), and from bytes to text.
 */
#ifndef CPU_DECODE_H
#define CPU_DECODE_H

#include "cpu/lift.h"
#include "cpu/vcpu.h"
#include "src/base/types.h"

#define INSN_LEN_MAX 15

/* Decode the instruction at `bytes`, of which n are readable. Any thread. Returns 0, or
 *   -EILSEQ  no CPU that we model has such an instruction: #UD;
 *   -E2BIG   longer than 15 bytes: #GP(0);
 *   -EAGAIN  the n bytes are a prefix of an instruction: more are needed (n < 15).
 * in->len is valid only after 0. */
int insn_decode(struct insn *in, enum code_mode mode, const u8 *bytes, unsigned n);

/* Intel-syntax text of the instruction into text[size], always terminated; "(bad)" where there is
 * none. Branch targets are absolute, rip being the address of the instruction. Returns the length
 * in bytes, 1 for (bad). */
unsigned insn_disassemble(char *text, size_t size, enum code_mode mode, const u8 *bytes, unsigned n,
                          u64 rip);

#endif
