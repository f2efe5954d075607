/* SPDX-License-Identifier: MIT */
/*
 * What the integer lifters share: the values that rows of insn_int.def pass as arguments, and how
 * operands of the manual's notation (Eb, Gv, ...) become fields of a micro-op.
 */
#ifndef CPU_LIFT_INT_H
#define CPU_LIFT_INT_H

#include "cpu/lift.h"
#include "cpu/uops.h"
#include "cpu/vcpu.h"

/* String instructions. */
enum string_op { STR_MOVS, STR_CMPS, STR_STOS, STR_LODS, STR_SCAS, STR_INS, STR_OUTS };
/* Software interrupts. */
enum int_op { INT_N, INT_3, INT_O, INT_1 };
/* Bit scans and counts: offsets into FAM_BITS in steps of 6. */
enum bits_op { BITS_BSF, BITS_BSR, BITS_TZCNT, BITS_LZCNT, BITS_POPCNT };

/* XCHG with the accumulator, which PAUSE is with REX.B. */
void lift_xchg_Z(struct lift_state *l, const struct insn_row *row);

static inline bool lift_is_code64(const struct lift_state *l)
{
    return (l->key & KEY_CODE) == CODE_64;
}

/* Operand size of an opcode whose bit 0 chooses between byte and word/dword/qword. */
static inline unsigned lift_size(const struct insn *in)
{
    return in->opcode & 1 ? in->osize : 1;
}

/* Register n as a micro-op names it: AH, CH, DH, BH without REX. */
static inline u8 lift_reg(const struct insn *in, unsigned n, unsigned size)
{
    if (size != 1)
        return n;
    return !in->rex && n >= 4 && n < 8 ? (n - 4) * 8 + 1 : n * 8;
}

static inline bool lift_is_mem(const struct insn *in)
{
    return in->mod != 3;
}

/* Operand size of near branches, PUSH and POP: 64 bits in 64-bit code, unless 66 makes it 16. */
static inline unsigned lift_size_default64(const struct lift_state *l)
{
    return lift_is_code64(l) ? l->in->p66 && !(l->in->rex & 8) ? 2 : 8 : l->in->osize;
}

/* Which of the three variants (64, F32, G) of a micro-op that uses the stack fits an operand size.
 */
static inline unsigned lift_stack_kind(const struct lift_state *l, unsigned size)
{
    if (lift_is_code64(l))
        return size == 8 ? 0 : 2;
    return (l->key & KEY_FLAT) && (l->key & KEY_SS32) && size == 4 ? 1 : 2;
}

#endif
