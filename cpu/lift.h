/* SPDX-License-Identifier: MIT */
/*
 * Lifting: from a decoded instruction to micro-ops. The instruction tables (insn_*.def) hold one row for each
 * form in the manual's notation; a row names the lifter that knows the form and an argument for it (mostly a
 * micro-op id). Rows of one opcode are tried in order; the first that matches prefix, ModRM, mode and
 * CPU features is the instruction; none: #UD.
 */
#ifndef CPU_LIFT_H
#define CPU_LIFT_H

#include "cpu/block.h"
#include "cpu/features.h"
#include "cpu/uop.h"
#include "src/base/types.h"

/* V0F, V38, V3A: VEX-encoded. */
enum insn_map { M1, M0F, M38, M3A, V0F, V38, V3A, M_COUNT };
/* Mandatory prefix; ANY: 66 means operand size, F2/F3 as is. */
enum insn_pfx { ANY, NP, P66, PF3, PF2 };
/* ModRM.mod */
enum insn_mod { ANYMOD, MEM, REG };
/* I64: not in 64-bit code, O64: only there, PEONLY: not real/v86. */
enum insn_mode { ALL, I64, O64, PEONLY };
/* The same column of VEX rows: which VEX.L and VEX.W there are. Real and virtual-8086 mode have none of them. */
enum insn_vex {
    VEX_L0 = 1,
    VEX_L1 = 2,
    VEX_L1_AVX2 = 4, /* 256 bits are AVX2's, whatever feature the row names */
    VEX_W0 = 8,
    VEX_W1 = 16,
    VEX_W1_O64 = 32,      /* W = 1 in 64-bit code only */
    VX = VEX_L0 | VEX_L1, /* both lengths, W ignored */
    VX_W0 = VX | VEX_W0,
    VX_W1 = VX | VEX_W1,
    VX2 = VEX_L0 | VEX_L1 | VEX_L1_AVX2,
    V128 = VEX_L0,
    V128_Q = VEX_L0 | VEX_W1_O64,
    V256_W0 = VEX_L1 | VEX_W0,
    V256_W1 = VEX_L1 | VEX_W1,
};
#define XX (-1) /* ext: any; 0..7: ModRM.reg; 0xC0..0xFF: whole ModRM byte */

/* A decoded instruction, independent of what it means. */
struct insn {
    u8 len, map, opcode;
    bool p66, p67, pf2, pf3, lock; /* prefixes there are; of F2 and F3 the last */
    u8 rex;                        /* whole REX byte, 0: none; of VEX what would be in it */
    bool vex;
    u8 vex_l, vex_w, vvvv; /* vvvv: register number */
    bool has_modrm;
    u8 modrm, mod, reg, rm; /* reg, rm with REX.R, REX.B */
    u8 osize, asize;        /* effective sizes in bytes (osize 2, 4, 8 after REX.W and 66) */
    /* Memory operand, if mod != 3 (or moffs). base/index are UREG_ZERO where absent. */
    u8 base, index, shift, seg; /* seg: enum seg, after override and default */
    bool rip_relative;
    i64 disp;
    /* Sign-extended as the manual says of the form; imm2: second of ENTER, far pointers. */
    u64 imm, imm2;
    u16 mnemonic; /* ZydisMnemonic, for disassembly and checks */
};

struct lift_state;

struct insn_row {
    u8 map, opcode, pfx;
    i16 ext;
    u8 mod, mode;
    const char *name, *operands;
    void (*lift)(struct lift_state *l, const struct insn_row *row);
    u16 arg;
    u8 feature;
};

struct lift_state {
    const struct insn *in;
    u32 key; /* KEY_* of the block */
    cpu_features_t features;
    u64 rip, next_rip; /* of this instruction, relative to CS, cut to the code size */
    struct uop *out;   /* next free micro-op */
    unsigned n;        /* micro-ops emitted for this instruction */
    bool end;          /* set by a lifter: the block ends with this instruction */
};

/* Emit one micro-op, zeroed but for op and the instruction's common fields; the caller fills in the rest. */
struct uop *lift_emit(struct lift_state *l, unsigned op);
/* Fill u's address expression from the instruction's memory operand (RIP-relative becomes absolute, segment is reduced to
 * SEG_NONE / SEG_FLAT32 where the key allows). */
void lift_address(struct lift_state *l, struct uop *u);
/* The same for the masked moves that store to [DS:rDI], DS overridden or not, and have no memory operand in ModRM. */
void lift_address_di(struct lift_state *l, struct uop *u);
/* The instruction raises #UD (at execution). */
void lift_undefined(struct lift_state *l);
/* A C helper does the whole instruction. lift_call: goes on with the next instruction; lift_call_exit: the block
 * ends, rip is the next instruction; lift_call_jump: the block ends and the helper sets v->rip itself. The
 * returned micro-op carries the address expression if the instruction has a memory operand, dst = ModRM.reg, src = ModRM.rm, osize, imm,
 * aux = row->arg. Helpers find it in v->cur as well. */
typedef void lift_helper(struct vcpu *v, const struct uop *u);
struct uop *lift_call(struct lift_state *l, const struct insn_row *row, lift_helper *fn);
struct uop *lift_call_exit(struct lift_state *l, const struct insn_row *row, lift_helper *fn);
struct uop *lift_call_jump(struct lift_state *l, const struct insn_row *row, lift_helper *fn);

/* All rows of the instruction tables, *n of them, in the tables' order: for tests. */
const struct insn_row *insn_rows(unsigned *n);
/* The row that describes l->in under l->key and l->features; NULL: there is none, #UD. */
const struct insn_row *lift_find(const struct lift_state *l);

/* Lift one decoded instruction into at most 16 micro-ops at l->out (advanced behind them). l->in, key, features, rip and
 * next_rip are set by the caller, and so are u->idx, ilen and rip_off of the new micro-ops, afterwards. */
void lift_insn(struct lift_state *l);
/* Append what ends a block whose last instruction did not (l->end is false): sets rip to next_rip. One micro-op;
 * returns the next free one. */
struct uop *lift_end(struct uop *out, u64 next_rip);
/* The last step, over a whole block: drops dead flags and sets u->fn of all n micro-ops. Returns n. */
unsigned lift_finish(struct uop *u, unsigned n);

#endif
