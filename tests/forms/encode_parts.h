/* SPDX-License-Identifier: MIT */
/*
 * Between encode.c, which writes one instruction of a row, and encode_helpers.c, which knows what stands before and behind
 * instructions that need it.
 */
#ifndef X86SIM_TESTS_FORMS_ENCODE_PARTS_H
#define X86SIM_TESTS_FORMS_ENCODE_PARTS_H

#include "tests/forms/encode.h"

enum { NO_REG = 0xff };

struct encoding {
    struct stream_item *it;
    const struct insn_row *row;
    bool code32;
    u64 at; /* the item's address */
    bool vex;
    unsigned osize, l, w;
    bool p66, p67, lock;
    u8 rep, seg; /* prefixes, 0: none */
    bool no_rex, need_rex;
    bool has_modrm, mem, sib, vsib, rip_relative;
    unsigned reg, rm, vvvv, low; /* low: register in the opcode */
    unsigned base, index, scale;
    u64 target; /* of the memory operand */
    u64 imm[3];
    u8 imm_size[3], n_imm;
    unsigned exact; /* 0, or the length that the instruction has to have */
    bool filler;    /* one byte behind, which a branch jumps over */
};

u64 encode_random(void);
void encode_byte(struct encoding *e, unsigned b);
void encode_value(struct encoding *e, u64 v, unsigned size);

/* Helpers before the instruction, for what was drawn; may change that (e->lock, e->rep, the address). False: draw again. */
bool encode_before(struct encoding *e);
/* Helpers behind it. */
void encode_after(struct encoding *e);

#endif
