/* SPDX-License-Identifier: MIT */
/*
 * The two-operand arithmetic and logic operations, as inline functions with operation, size and
 * "with flags" as constants: what the handlers of ops_alu.c, the fused compare-and-branch handlers
 * of ops_fused.c and the locked ones of ops_xchg.c are made of. Flags are what the host's own
 * instruction leaves, except AF after AND, OR, XOR, TEST, which is undefined in the manual and 0
 * here. Intel SDM vol. 1 §7.3.2.
 */
#ifndef CPU_ALU_H
#define CPU_ALU_H

#include "cpu/operand.h"

enum alu { ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST };

/* a OP b, and the flags into *cc, which holds those before. CMP and TEST return a. */
ALWAYS_INLINE u64 alu_flags(enum alu op, u64 a, u64 b, unsigned size, u32 *cc)
{
    u64 r = a;

    switch (op) {
    case ADD: *cc = host_add(&r, b, 0, size); return r;
    case OR: *cc = host_or(&r, b, 0, size) & ~CC_AF; return r;
    case ADC: *cc = host_adc(&r, b, *cc, size); return r;
    case SBB: *cc = host_sbb(&r, b, *cc, size); return r;
    case AND: *cc = host_and(&r, b, 0, size) & ~CC_AF; return r;
    case SUB: *cc = host_sub(&r, b, 0, size); return r;
    case XOR: *cc = host_xor(&r, b, 0, size) & ~CC_AF; return r;
    case CMP: *cc = host_sub(&r, b, 0, size); return a;
    default: *cc = host_and(&r, b, 0, size) & ~CC_AF; return a;
    }
}

ALWAYS_INLINE u64 alu_plain(enum alu op, u64 a, u64 b, u32 cc)
{
    switch (op) {
    case ADD: return a + b;
    case OR: return a | b;
    case ADC: return a + b + !!(cc & CC_CF);
    case SBB: return a - b - !!(cc & CC_CF);
    case AND: return a & b;
    case SUB: return a - b;
    case XOR: return a ^ b;
    default: return a;
    }
}

ALWAYS_INLINE u64 alu(enum alu op, u64 a, u64 b, unsigned size, bool flags, u32 *cc)
{
    return flags ? alu_flags(op, a, b, size, cc) : alu_plain(op, a, b, *cc);
}

ALWAYS_INLINE bool alu_writes(enum alu op)
{
    return op != CMP && op != TEST;
}

/* Each form returns whether it was done (see TWO_SPEEDS). */
ALWAYS_INLINE bool alu_to_reg(struct vcpu *v, const struct uop *u, enum alu op, u64 b,
                              unsigned size, bool flags)
{
    u64 r = alu(op, reg_get(v, u->dst, size), b, size, flags, &v->cc);

    if (alu_writes(op))
        reg_set(v, u->dst, size, r);
    return true;
}

ALWAYS_INLINE bool alu_to_mem(struct vcpu *v, const struct uop *u, enum alu op, u64 b,
                              unsigned size, bool flags, bool fast)
{
    u32 cc = v->cc;
    u64 a;
    void *p;

    if (!alu_writes(op)) {
        if (!try_get(v, u, size, fast, &a))
            return false;
        alu(op, a, b, size, flags, &v->cc);
        return true;
    }
    if (!try_rmw(v, u, size, fast, &p))
        return false;
    ram_store(p, size, alu(op, ram_load(p, size), b, size, flags, &cc));
    end_rmw(v, fast);
    if (flags)
        v->cc = cc;
    return true;
}

ALWAYS_INLINE bool alu_from_mem(struct vcpu *v, const struct uop *u, enum alu op, unsigned size,
                                bool flags, bool fast)
{
    u64 b;

    return try_get(v, u, size, fast, &b) && alu_to_reg(v, u, op, b, size, flags);
}

/* The forms, for use in TWO_SPEEDS: v, u and `fast` are the handler's. */
#define ALU_RR(OP, SIZE, FLAGS) alu_to_reg(v, u, OP, reg_get(v, u->src, SIZE), SIZE, FLAGS)
#define ALU_RI(OP, SIZE, FLAGS) alu_to_reg(v, u, OP, u->imm, SIZE, FLAGS)
#define ALU_RM(OP, SIZE, FLAGS) alu_from_mem(v, u, OP, SIZE, FLAGS, fast)
#define ALU_MR(OP, SIZE, FLAGS) alu_to_mem(v, u, OP, reg_get(v, u->src, SIZE), SIZE, FLAGS, fast)
#define ALU_MI(OP, SIZE, FLAGS) alu_to_mem(v, u, OP, u->imm, SIZE, FLAGS, fast)

#endif
