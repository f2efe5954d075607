/* SPDX-License-Identifier: MIT */
/*
 * Handlers of moves, conditional moves and sets, address computation, byte swaps, and the small
 * instructions that only touch flags. None of them computes arithmetic flags. Intel SDM vol. 1
 * §7.3.1.
 */
#include "cpu/operand.h"
#include "cpu/uops.h"

ALWAYS_INLINE bool mov_to_reg(struct vcpu *v, const struct uop *u, u64 value, unsigned size)
{
    reg_set(v, u->dst, size, value);
    return true;
}

/* Load of `from` bytes into a register of `to` bytes, sign-extended or not. */
ALWAYS_INLINE bool load(struct vcpu *v, const struct uop *u, unsigned to, unsigned from,
                        bool is_signed, bool fast)
{
    u64 value;

    return try_get(v, u, from, fast, &value) &&
           mov_to_reg(v, u, is_signed ? sext64(value, from * 8) : value, to);
}

#define MOV_RR(SIZE) mov_to_reg(v, u, reg_get(v, u->src, SIZE), SIZE)
#define MOV_RI(SIZE) mov_to_reg(v, u, u->imm, SIZE)
#define MOV_RM(SIZE) load(v, u, SIZE, SIZE, false, fast)
#define MOV_MR(SIZE) try_set(v, u, SIZE, fast, reg_get(v, u->src, SIZE))
#define MOV_MI(SIZE) try_set(v, u, SIZE, fast, u->imm)
#define HANDLER(OP, FORM, SIZE, RD, WR) TWO_SPEEDS(uop_##OP##_##FORM##SIZE, MOV_##FORM(SIZE / 8))
FAM_MOV(HANDLER)
#undef HANDLER

#define SIGNED_MOVZX(x, FROM) (x)
#define SIGNED_MOVSX(x, FROM) sext64(x, FROM)
#define IS_SIGNED_MOVZX false
#define IS_SIGNED_MOVSX true
#define MOVX_R(OP, TO, FROM)                                                                       \
    mov_to_reg(v, u, SIGNED_##OP(reg_get(v, u->src, FROM / 8), FROM), TO / 8)
#define MOVX_M(OP, TO, FROM) load(v, u, TO / 8, FROM / 8, IS_SIGNED_##OP, fast)
#define HANDLER(OP, FORM, TO, FROM)                                                                \
    TWO_SPEEDS(uop_##OP##_##FORM##TO##_##FROM, MOVX_##FORM(OP, TO, FROM))
FAM_MOVX(HANDLER)
#undef HANDLER

/* CMOV reads its source and, with 32 bits, clears the upper half whether the condition holds or
 * not. */
ALWAYS_INLINE bool cmov(struct vcpu *v, const struct uop *u, u64 value, unsigned cond,
                        unsigned size)
{
    reg_set(v, u->dst, size, cc_holds(v->cc, cond) ? value : reg_get(v, u->dst, size));
    return true;
}

ALWAYS_INLINE bool cmov_mem(struct vcpu *v, const struct uop *u, unsigned cond, unsigned size,
                            bool fast)
{
    u64 value;

    return try_get(v, u, size, fast, &value) && cmov(v, u, value, cond, size);
}

#define CMOV_R(NAME, COND, SIZE)                                                                   \
    TWO_SPEEDS(uop_CMOV##NAME##_R##SIZE, cmov(v, u, reg_get(v, u->src, SIZE / 8), COND, SIZE / 8))
#define CMOV_M(NAME, COND, SIZE)                                                                   \
    TWO_SPEEDS(uop_CMOV##NAME##_M##SIZE, cmov_mem(v, u, COND, SIZE / 8, fast))
#define HANDLER(NAME, COND, RD)                                                                    \
    CMOV_R(NAME, COND, 16)                                                                         \
    CMOV_R(NAME, COND, 32)                                                                         \
    CMOV_R(NAME, COND, 64) CMOV_M(NAME, COND, 16) CMOV_M(NAME, COND, 32) CMOV_M(NAME, COND, 64)
FAM_CONDS(HANDLER)
#undef HANDLER

#define HANDLER(NAME, COND, RD)                                                                    \
    TWO_SPEEDS(uop_SET##NAME##_R, mov_to_reg(v, u, cc_holds(v->cc, COND), 1))                      \
    TWO_SPEEDS(uop_SET##NAME##_M, try_set(v, u, 1, fast, cc_holds(v->cc, COND)))
FAM_CONDS(HANDLER)
#undef HANDLER

void uop_nop(struct vcpu *v, const struct uop *u)
{
    uop_next(v, u);
}

void uop_lea16(struct vcpu *v, const struct uop *u)
{
    reg_set(v, u->dst, 2, vcpu_offset_raw(v, u));
    uop_next(v, u);
}

void uop_lea32(struct vcpu *v, const struct uop *u)
{
    reg_set(v, u->dst, 4, vcpu_cut(vcpu_offset_raw(v, u), u->asize));
    uop_next(v, u);
}

void uop_lea64(struct vcpu *v, const struct uop *u)
{
    reg_set(v, u->dst, 8, vcpu_cut(vcpu_offset_raw(v, u), u->asize));
    uop_next(v, u);
}

/* The 16-bit form is undefined; it clears the register here, as CPUs of both vendors do. */
void uop_bswap16(struct vcpu *v, const struct uop *u)
{
    reg_set(v, u->dst, 2, 0);
    uop_next(v, u);
}

void uop_bswap32(struct vcpu *v, const struct uop *u)
{
    reg_set(v, u->dst, 4, __builtin_bswap32((u32)v->r[u->dst]));
    uop_next(v, u);
}

void uop_bswap64(struct vcpu *v, const struct uop *u)
{
    v->r[u->dst] = __builtin_bswap64(v->r[u->dst]);
    uop_next(v, u);
}

#define MOVBE(SIZE)                                                                                \
    void uop_movbe_rm##SIZE(struct vcpu *v, const struct uop *u)                                   \
    {                                                                                              \
        reg_set(v, u->dst, SIZE / 8, __builtin_bswap##SIZE(mem_get(v, u, SIZE / 8)));              \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void uop_movbe_mr##SIZE(struct vcpu *v, const struct uop *u)                                   \
    {                                                                                              \
        mem_set(v, u, SIZE / 8, __builtin_bswap##SIZE(reg_get(v, u->src, SIZE / 8)));              \
        uop_next(v, u);                                                                            \
    }
MOVBE(16)
MOVBE(32)
MOVBE(64)

void uop_cwd16(struct vcpu *v, const struct uop *u)
{
    reg_set(v, R_DX, 2, (i16)v->r[R_AX] < 0 ? 0xffff : 0);
    uop_next(v, u);
}

void uop_cwd32(struct vcpu *v, const struct uop *u)
{
    reg_set(v, R_DX, 4, (i32)v->r[R_AX] < 0 ? 0xffffffff : 0);
    uop_next(v, u);
}

void uop_cwd64(struct vcpu *v, const struct uop *u)
{
    v->r[R_DX] = (i64)v->r[R_AX] < 0 ? ~0ull : 0;
    uop_next(v, u);
}

void uop_lahf(struct vcpu *v, const struct uop *u)
{
    *vcpu_reg8(v, 1) = (cc_to_flags(v->cc) & 0xd5) | 2;
    uop_next(v, u);
}

void uop_sahf(struct vcpu *v, const struct uop *u)
{
    v->cc = (v->cc & CC_OF) | (u32)(*vcpu_reg8(v, 1) & 0xd5) << 8;
    uop_next(v, u);
}

void uop_clc(struct vcpu *v, const struct uop *u)
{
    v->cc &= ~(u32)CC_CF;
    uop_next(v, u);
}

void uop_stc(struct vcpu *v, const struct uop *u)
{
    v->cc |= CC_CF;
    uop_next(v, u);
}

void uop_cmc(struct vcpu *v, const struct uop *u)
{
    v->cc ^= CC_CF;
    uop_next(v, u);
}

void uop_cld(struct vcpu *v, const struct uop *u)
{
    v->rflags &= ~(u32)FL_DF;
    uop_next(v, u);
}

void uop_std(struct vcpu *v, const struct uop *u)
{
    v->rflags |= FL_DF;
    uop_next(v, u);
}
