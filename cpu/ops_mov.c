/* SPDX-License-Identifier: MIT */
/*
 * Handlers of moves, conditional moves and sets, address computation, byte swaps, and the small instructions that
 * only touch flags. None of them computes arithmetic flags. Intel SDM vol. 1 §7.3.1.
 */
#include "cpu/operand.h"
#include "cpu/uops.h"

#define MOV_HANDLERS_RR(SIZE) reg_set(v, u->dst, SIZE / 8, reg_get(v, u->src, SIZE / 8))
#define MOV_HANDLERS_RI(SIZE) reg_set(v, u->dst, SIZE / 8, u->imm)
#define MOV_HANDLERS_RM(SIZE) reg_set(v, u->dst, SIZE / 8, mem_get(v, u, SIZE / 8))
#define MOV_HANDLERS_MR(SIZE) mem_set(v, u, SIZE / 8, reg_get(v, u->src, SIZE / 8))
#define MOV_HANDLERS_MI(SIZE) mem_set(v, u, SIZE / 8, u->imm)
#define HANDLER(OP, FORM, SIZE, RD, WR)                                                            \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        MOV_HANDLERS_##FORM(SIZE);                                                                 \
        uop_next(v, u);                                                                            \
    }
FAM_MOV(HANDLER)
#undef HANDLER

#define EXTEND_MOVZX(x, TO, FROM) (x)
#define EXTEND_MOVSX(x, TO, FROM) sext64(x, FROM)
#define SOURCE_R(FROM) reg_get(v, u->src, FROM / 8)
#define SOURCE_M(FROM) mem_get(v, u, FROM / 8)
#define HANDLER(OP, FORM, TO, FROM)                                                                \
    void uop_##OP##_##FORM##TO##_##FROM(struct vcpu *v, const struct uop *u)                       \
    {                                                                                              \
        reg_set(v, u->dst, TO / 8, EXTEND_##OP(SOURCE_##FORM(FROM), TO, FROM));                    \
        uop_next(v, u);                                                                            \
    }
FAM_MOVX(HANDLER)
#undef HANDLER

/* CMOV reads its source and, with 32 bits, clears the upper half whether the condition holds or not. */
ALWAYS_INLINE void cmov(struct vcpu *v, const struct uop *u, u64 value, unsigned cond, unsigned size)
{
    reg_set(v, u->dst, size, cc_holds(v->cc, cond) ? value : reg_get(v, u->dst, size));
}

#define CMOV_HANDLER(NAME, COND, FORM, SIZE)                                                       \
    void uop_CMOV##NAME##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                        \
    {                                                                                              \
        cmov(v, u, SOURCE_##FORM(SIZE), COND, SIZE / 8);                                           \
        uop_next(v, u);                                                                            \
    }
#define HANDLER(NAME, COND, RD)                                                                    \
    CMOV_HANDLER(NAME, COND, R, 16) CMOV_HANDLER(NAME, COND, R, 32) CMOV_HANDLER(NAME, COND, R, 64) \
    CMOV_HANDLER(NAME, COND, M, 16) CMOV_HANDLER(NAME, COND, M, 32) CMOV_HANDLER(NAME, COND, M, 64)
FAM_CONDS(HANDLER)
#undef HANDLER

#define HANDLER(NAME, COND, RD)                                                                    \
    void uop_SET##NAME##_R(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        reg_set(v, u->dst, 1, cc_holds(v->cc, COND));                                              \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void uop_SET##NAME##_M(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        mem_set(v, u, 1, cc_holds(v->cc, COND));                                                   \
        uop_next(v, u);                                                                            \
    }
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
