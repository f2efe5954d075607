/* SPDX-License-Identifier: MIT */
/*
 * From a row of the instruction tables to an instruction for a stream (stream.h): random operands of every kind that the
 * row's notation allows, random sizes, prefixes and immediates.
 *
 * What would lead out of the stream's memory or end it in most cases is made harmless by helpers before the instruction
 * (a pointer for MOVS, a divisor that is not 0, a control word that masks), most of the time. RSP, RBP, R12, R13, R15 hold
 * pointers and R14 a small index: they are nobody's destination; what changes RBP all the same is followed by a
 * helper that sets it again. Flags that the manual leaves undefined are cleared behind the instruction.
 */
#ifndef X86SIM_TESTS_FORMS_ENCODE_H
#define X86SIM_TESTS_FORMS_ENCODE_H

#include "cpu/lift.h"
#include "tests/forms/forms.h"

/* What RBP, R12, R13 and R15 hold: the middle of the data pages. */
#define STREAM_POINTER (FORM_DATA + 0x1000)
/* FS and GS bases: displacements that add up to a data address. */
#define STREAM_FS 0x340
#define STREAM_GS 0x1f8

struct stream_item {
    const struct insn_row *row;
    u8 bytes[96];
    unsigned len;
    unsigned from, to; /* the instruction itself: bytes[from] to bytes[to - 1] */
    struct form_class class;
    bool is_off; /* left out: shrinking */
};

/* What follows is drawn for stream `index` of `seed`. */
void encode_seed(u64 seed, u64 index);
/* n random bits' worth of choice: 0 to n - 1. */
unsigned encode_below(unsigned n);

/* Can the row stand in a stream, and where? 0: no: the host is not asked, or differs by design; 1: at the end, since it is
 * privileged or leaves the process's world; 2: anywhere. */
unsigned encode_place(const struct insn_row *row);

/* One item for address `at`. False: what was drawn is no such instruction (in this mode, of this CPU): draw again. */
bool encode_item(struct stream_item *it, const struct insn_row *row, bool code32, u64 at,
                 cpu_features_t features);

#endif
