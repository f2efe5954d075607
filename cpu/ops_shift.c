/* SPDX-License-Identifier: MIT */
/*
 * Handlers of shifts, rotates and double shifts.
 *
 * Computed in C on 64-bit (once 128-bit) values, because the manual leaves much undefined and the
 * choice must not be the host's. Fixed here: OF after a count other than 1 follows the rule for 1
 * applied to the last step (SHL, RCL, ROL: sign of the result XOR CF; SHR, ROR, RCR: the two top
 * bits of the result differ; SAR: 0); AF is 0 after shifts; CF after SHL/SHR by more than the
 * operand's width is 0. 16-bit SHLD/SHRD by more than 16 shift the 48 bits dst:src:dst. A count
 * that is 0 after masking changes no flag; rotates through carry whose count is a multiple of width
 * + 1 only recompute OF. Intel SDM vol. 2, RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD, SHRD.
 */
#include "cpu/operand.h"
#include "cpu/uops.h"

enum shift { ROL, ROR, RCL, RCR, SHL, SHR, SAR };

/* OF where it is the difference of the result's two top bits. */
ALWAYS_INLINE u32 top_differs(u64 res, unsigned bits)
{
    return ((res >> (bits - 1)) ^ (res >> (bits - 2))) & 1;
}

ALWAYS_INLINE u32 sign(u64 res, unsigned bits)
{
    return (res >> (bits - 1)) & 1;
}

/* SHL, SHR, SAR of a (zero-extended) by 1 <= count < 64. */
ALWAYS_INLINE u64 shift_plain(enum shift op, u64 a, unsigned count, unsigned bits, u32 *cc)
{
    u64 res;
    u32 cf, of;

    switch (op) {
    case SHL:
        cf = count <= bits ? (a >> (bits - count)) & 1 : 0;
        res = a << count;
        of = sign(res, bits) ^ cf;
        break;
    case SHR:
        cf = (a >> (count - 1)) & 1;
        res = a >> count;
        of = top_differs(res, bits);
        break;
    default:
        a = sext64(a, bits);
        cf = ((i64)a >> (count - 1)) & 1;
        res = (u64)((i64)a >> count);
        of = 0;
        break;
    }
    *cc = cc_szp(res, bits / 8) | cf << 8 | of;
    return res;
}

/* ROL, ROR: only CF and OF change. */
ALWAYS_INLINE u64 rotate(enum shift op, u64 a, unsigned count, unsigned bits, u32 *cc)
{
    unsigned n = count & (bits - 1);
    u64 res = a;
    u32 cf, of;

    if (op == ROL) {
        if (n)
            res = (a << n | a >> (bits - n)) & mask64(bits);
        cf = res & 1;
        of = sign(res, bits) ^ cf;
    } else {
        if (n)
            res = (a >> n | a << (bits - n)) & mask64(bits);
        cf = sign(res, bits);
        of = top_differs(res, bits);
    }
    *cc = (*cc & ~(u32)(CC_CF | CC_OF)) | cf << 8 | of;
    return res;
}

/* RCL, RCR: rotates of bits + 1 bits, CF on top. */
ALWAYS_INLINE u64 rotate_carry(enum shift op, u64 a, unsigned count, unsigned bits, u32 *cc)
{
    unsigned __int128 wide = (unsigned __int128)!!(*cc & CC_CF) << bits | a;
    unsigned n = count % (bits + 1);
    u64 res;
    u32 cf;

    if (n && op == RCL)
        wide = wide << n | wide >> (bits + 1 - n);
    else if (n)
        wide = wide >> n | wide << (bits + 1 - n);
    res = (u64)wide & mask64(bits);
    cf = (u32)(wide >> bits) & 1;
    *cc = (*cc & ~(u32)(CC_CF | CC_OF)) | cf << 8 |
          (op == RCL ? sign(res, bits) ^ cf : top_differs(res, bits));
    return res;
}

/* One shift; a is zero-extended, count masked; *cc holds the flags before and after. */
ALWAYS_INLINE u64 shift(enum shift op, u64 a, unsigned count, unsigned bits, u32 *cc)
{
    if (op == ROL || op == ROR)
        return rotate(op, a, count, bits, cc);
    if (op == RCL || op == RCR)
        return rotate_carry(op, a, count, bits, cc);
    return shift_plain(op, a, count, bits, cc);
}

/* The same without flags, where that is cheaper. */
ALWAYS_INLINE u64 shift_nf(enum shift op, u64 a, unsigned count, unsigned bits, u32 cc)
{
    switch (op) {
    case SHL: return a << count;
    case SHR: return a >> count;
    case SAR: return (u64)((i64)sext64(a, bits) >> count);
    default: return shift(op, a, count, bits, &cc);
    }
}

ALWAYS_INLINE u64 shift_any(enum shift op, u64 a, unsigned count, unsigned bits, bool flags,
                            u32 *cc)
{
    return flags ? shift(op, a, count, bits, cc) : shift_nf(op, a, count, bits, *cc);
}

ALWAYS_INLINE unsigned count_of_cl(const struct vcpu *v, unsigned bits)
{
    return v->r[R_CX] & (bits == 64 ? 63 : 31);
}

/* Each form returns whether it was done (see TWO_SPEEDS). */
ALWAYS_INLINE bool shift_reg(struct vcpu *v, const struct uop *u, enum shift op, unsigned count,
                             unsigned bits, bool flags, bool fast)
{
    u64 a = reg_get(v, u->dst, bits / 8);

    (void)fast;
    if (count)
        a = shift_any(op, a, count, bits, flags, &v->cc);
    reg_set(v, u->dst, bits / 8, a);
    return true;
}

ALWAYS_INLINE bool shift_mem(struct vcpu *v, const struct uop *u, enum shift op, unsigned count,
                             unsigned bits, bool flags, bool fast)
{
    u32 cc = v->cc;
    void *p;
    u64 a;

    if (!try_rmw(v, u, bits / 8, fast, &p))
        return false;
    a = ram_load(p, bits / 8);
    if (count)
        a = shift_any(op, a, count, bits, flags, &cc);
    ram_store(p, bits / 8, a);
    end_rmw(v, fast);
    if (flags)
        v->cc = cc;
    return true;
}

/* Counts of RI and MI forms are masked and not 0 (lifting sees to it). */
#define CALL_RI(F, OP, SIZE, FLAGS) F##_reg(v, u, OP, (unsigned)u->imm, SIZE, FLAGS, fast)
#define CALL_RC(F, OP, SIZE, FLAGS) F##_reg(v, u, OP, count_of_cl(v, SIZE), SIZE, FLAGS, fast)
#define CALL_MI(F, OP, SIZE, FLAGS) F##_mem(v, u, OP, (unsigned)u->imm, SIZE, FLAGS, fast)
#define CALL_MC(F, OP, SIZE, FLAGS) F##_mem(v, u, OP, count_of_cl(v, SIZE), SIZE, FLAGS, fast)
#define HANDLERS(OP, FORM, SIZE, RD, WR)                                                           \
    TWO_SPEEDS(uop_##OP##_##FORM##SIZE, CALL_##FORM(shift, OP, SIZE, true))                        \
    TWO_SPEEDS(uop_##OP##_##FORM##SIZE##_NF, CALL_##FORM(shift, OP, SIZE, false))
FAM_SHIFT(HANDLERS)
#undef HANDLERS

enum dshift { SHLD, SHRD };

/* SHLD, SHRD of a by 1 <= count < 64, bits from b; both zero-extended. */
ALWAYS_INLINE u64 dshift_any(enum dshift op, u64 a, u64 b, unsigned count, unsigned bits, u32 *cc)
{
    u64 res;
    u32 cf;

    if (op == SHLD) {
        if (bits == 16) {
            u64 wide = a << 32 | b << 16 | a;
            res = (wide << count >> 32) & 0xffff;
            cf = (u32)(wide << count >> 48) & 1;
        } else {
            res = (a << count | b >> (bits - count)) & mask64(bits);
            cf = (u32)(a >> (bits - count)) & 1;
        }
        *cc = cc_szp(res, bits / 8) | cf << 8 | (sign(res, bits) ^ sign(a, bits));
    } else {
        if (bits == 16) {
            u64 wide = a << 32 | b << 16 | a;
            res = (wide >> count) & 0xffff;
            cf = (u32)(wide >> (count - 1)) & 1;
        } else {
            res = (a >> count | b << (bits - count)) & mask64(bits);
            cf = (u32)(a >> (count - 1)) & 1;
        }
        *cc = cc_szp(res, bits / 8) | cf << 8 | (sign(res, bits) ^ sign(a, bits));
    }
    return res;
}

ALWAYS_INLINE bool dshift_reg(struct vcpu *v, const struct uop *u, enum dshift op, unsigned count,
                              unsigned bits, bool flags, bool fast)
{
    u64 a = reg_get(v, u->dst, bits / 8);
    u32 cc = v->cc;

    (void)fast;
    if (count)
        a = dshift_any(op, a, reg_get(v, u->src, bits / 8), count, bits, &cc);
    if (flags)
        v->cc = cc;
    reg_set(v, u->dst, bits / 8, a);
    return true;
}

ALWAYS_INLINE bool dshift_mem(struct vcpu *v, const struct uop *u, enum dshift op, unsigned count,
                              unsigned bits, bool flags, bool fast)
{
    u32 cc = v->cc;
    void *p;
    u64 a;

    if (!try_rmw(v, u, bits / 8, fast, &p))
        return false;
    a = ram_load(p, bits / 8);
    if (count)
        a = dshift_any(op, a, reg_get(v, u->src, bits / 8), count, bits, &cc);
    ram_store(p, bits / 8, a);
    end_rmw(v, fast);
    if (flags)
        v->cc = cc;
    return true;
}

#define HANDLERS(OP, FORM, SIZE, RD, WR)                                                           \
    TWO_SPEEDS(uop_##OP##_##FORM##SIZE, CALL_##FORM(dshift, OP, SIZE, true))                       \
    TWO_SPEEDS(uop_##OP##_##FORM##SIZE##_NF, CALL_##FORM(dshift, OP, SIZE, false))
FAM_DSHIFT(HANDLERS)
