/* SPDX-License-Identifier: MIT */
/*
 * Micro-ops: what lifting produces and every engine executes.
 *
 * A micro-op is coarse (a register-memory form carries its whole address expression) and shaped for an x86
 * host. The interpreter runs a block as a chain of handlers: each handler does its work and ends in
 * `uop_next(v, u)`, a tail call to the handler of u[1]; the last handler of a block just returns. Blocks are
 * bounded (BLOCK_UOPS_MAX), so correctness never depends on the tail call being optimised.
 *
 * Registers are named by index into vcpu->r[] (0..15 GPRs, UREG_ZERO reads as 0, UREG_T0.. are temporaries
 * within one instruction); 8-bit operands by byte offset into that array (`AH` is 0*8+1).
 * Rule of atomicity (architecture §4.2): in one instruction no commit comes before an access that can fault or
 * miss; instructions with several accesses probe all of them first.
 */
#ifndef CPU_UOP_H
#define CPU_UOP_H

#include "src/base/types.h"

struct vcpu;
struct uop;

typedef void uop_fn(struct vcpu *v, const struct uop *u);

enum { UREG_ZERO = 16, UREG_T0 = 17, UREG_T1 = 18, UREG_COUNT = 20 };

/* Segment of a memory operand; SEG_NONE: base known to be 0, no limit, 64-bit address;
 * SEG_FLAT32: the same, cut to 32 bits. In both the address needs no more work. */
enum seg {
    SEG_ES,
    SEG_CS,
    SEG_SS,
    SEG_DS,
    SEG_FS,
    SEG_GS,
    SEG_COUNT,
    SEG_LDTR = SEG_COUNT,
    SEG_TR,
    SEG_NONE,
    SEG_FLAT32
};

struct uop {
    uop_fn *fn; /* interpreter handler */
    u64 imm;    /* immediate, sign-extended; branch target; table pointer for `call` micro-ops */
    i64 disp; /* displacement of the address expression; RIP-relative ones hold the absolute address */
    u16 op;      /* enum uop_id, uops.def */
    u8 dst, src; /* register index, or byte offset for 8-bit operands, or XMM/x87/MMX number */
    u8 base, index, shift; /* address = r[base] + (r[index] << shift) + disp, then cut to asize */
    u8 seg;                /* enum seg */
    u8 asize;              /* address size in bytes: 2, 4, 8 */
    u8 osize;     /* operand size in bytes, for handlers that are not specialised by size */
    u8 idx;       /* ordinal of the instruction in its block: its position is entry + idx */
    u8 ilen;      /* length of the instruction in bytes */
    u16 rip_off;  /* start of the instruction relative to the block's rip */
    u8 aux, aux2; /* condition code, sub-operation, flags: by op */
    bool ss;      /* the memory operand is on the stack segment: a bad address is #SS, not #GP */
    u8 stack;     /* width of the stack pointer in bytes (2, 4, 8): instructions that push or pop */
    union {
        uop_fn *helper; /* the C function of a `call` micro-op */
        u64 imm2;       /* second immediate: fallthrough target of a conditional branch, ... */
    };
};

/* Go on with the next micro-op of the block. Tail call. */
static inline void uop_next(struct vcpu *v, const struct uop *u)
{
    u[1].fn(v, u + 1);
}

#endif
