/* SPDX-License-Identifier: MIT */
/*
 * Handlers of the two-operand and one-operand arithmetic and logic micro-ops.
 *
 * One inline function for each form, with operation, size and "with flags" as constants; the families'
 * X-macros make a handler of every combination. Flags are what the host's own instruction leaves, except AF
 * after AND, OR, XOR, TEST, which is undefined in the manual and 0 here.
 * Intel SDM vol. 1 §7.3.2, vol. 2.
 */
#include "cpu/operand.h"
#include "cpu/uops.h"

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

ALWAYS_INLINE void alu_to_reg(struct vcpu *v, const struct uop *u, enum alu op, u64 b, unsigned size, bool flags)
{
    u64 r = alu(op, reg_get(v, u->dst, size), b, size, flags, &v->cc);

    if (alu_writes(op))
        reg_set(v, u->dst, size, r);
}

ALWAYS_INLINE void alu_to_mem(struct vcpu *v, const struct uop *u, enum alu op, u64 b, unsigned size, bool flags)
{
    if (!alu_writes(op)) {
        alu(op, mem_get(v, u, size), b, size, flags, &v->cc);
        return;
    }
    void *p = mem_rmw(v, u, size);
    u32 cc = v->cc;
    ram_store(p, size, alu(op, ram_load(p, size), b, size, flags, &cc));
    mmu_rmw_end(&v->mmu);
    if (flags)
        v->cc = cc;
}

ALWAYS_INLINE void alu_RR(struct vcpu *v, const struct uop *u, enum alu op, unsigned size, bool flags)
{
    alu_to_reg(v, u, op, reg_get(v, u->src, size), size, flags);
}

ALWAYS_INLINE void alu_RI(struct vcpu *v, const struct uop *u, enum alu op, unsigned size, bool flags)
{
    alu_to_reg(v, u, op, u->imm, size, flags);
}

ALWAYS_INLINE void alu_RM(struct vcpu *v, const struct uop *u, enum alu op, unsigned size, bool flags)
{
    alu_to_reg(v, u, op, mem_get(v, u, size), size, flags);
}

ALWAYS_INLINE void alu_MR(struct vcpu *v, const struct uop *u, enum alu op, unsigned size, bool flags)
{
    alu_to_mem(v, u, op, reg_get(v, u->src, size), size, flags);
}

ALWAYS_INLINE void alu_MI(struct vcpu *v, const struct uop *u, enum alu op, unsigned size, bool flags)
{
    alu_to_mem(v, u, op, u->imm, size, flags);
}

#define HANDLERS(OP, FORM, SIZE, RD, WR)                                                           \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        alu_##FORM(v, u, OP, SIZE / 8, true);                                                      \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void uop_##OP##_##FORM##SIZE##_NF(struct vcpu *v, const struct uop *u)                         \
    {                                                                                              \
        alu_##FORM(v, u, OP, SIZE / 8, false);                                                     \
        uop_next(v, u);                                                                            \
    }
FAM_ALU(HANDLERS)
#undef HANDLERS

enum unary { INC, DEC, NEG, NOT };

ALWAYS_INLINE u64 unary(enum unary op, u64 a, unsigned size, bool flags, u32 *cc)
{
    if (flags && op != NOT) {
        u64 r = a;
        *cc = op == INC ? host_inc(&r, *cc, size) : op == DEC ? host_dec(&r, *cc, size) : host_neg(&r, 0, size);
        return r;
    }
    switch (op) {
    case INC: return a + 1;
    case DEC: return a - 1;
    case NEG: return -a;
    default: return ~a;
    }
}

ALWAYS_INLINE void unary_R(struct vcpu *v, const struct uop *u, enum unary op, unsigned size, bool flags)
{
    reg_set(v, u->dst, size, unary(op, reg_get(v, u->dst, size), size, flags, &v->cc));
}

ALWAYS_INLINE void unary_M(struct vcpu *v, const struct uop *u, enum unary op, unsigned size, bool flags)
{
    void *p = mem_rmw(v, u, size);
    u32 cc = v->cc;

    ram_store(p, size, unary(op, ram_load(p, size), size, flags, &cc));
    mmu_rmw_end(&v->mmu);
    if (flags)
        v->cc = cc;
}

#define HANDLERS(OP, FORM, SIZE, RD, WR)                                                           \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        unary_##FORM(v, u, OP, SIZE / 8, true);                                                    \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void uop_##OP##_##FORM##SIZE##_NF(struct vcpu *v, const struct uop *u)                         \
    {                                                                                              \
        unary_##FORM(v, u, OP, SIZE / 8, false);                                                   \
        uop_next(v, u);                                                                            \
    }
FAM_UNARY(HANDLERS)
