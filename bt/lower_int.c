/* SPDX-License-Identifier: MIT */
/*
 * Lowering of integer micro-ops. A micro-op has x86's own meaning, so most become the host instruction of the same name on
 * the registers that hold the guest's; what the manual leaves undefined and cpu/ops_*.c fixes is said here again only in
 * that flags nobody may see differently are cleared (bt/flags.c), and whatever would take more is left to the
 * interpreter's routine: bt_is_lowered() says which.
 */
#include "bt/internal.h"

enum { MUL_MUL, MUL_IMUL, MUL_DIV, MUL_IDIV };
enum {
    LOCK_ADD,
    LOCK_OR,
    LOCK_ADC,
    LOCK_SBB,
    LOCK_AND,
    LOCK_SUB,
    LOCK_XOR,
    LOCK_INC,
    LOCK_DEC,
    LOCK_NEG,
    LOCK_NOT,
    LOCK_BTS
};

/* ---- What is lowered ------------------------------------------------------------------------------------------------ */

static bool has_memory(const struct low *l)
{
    return l->form == FORM_M || l->form == FORM_RM || l->form == FORM_MR || l->form == FORM_MI ||
           l->form == FORM_MC || l->form == FORM_L;
}

bool bt_is_lowered(const struct uop *u)
{
    const struct low *l = &bt_low[u->op];
    bool high = bt_is_high(u->dst, l->size);

    if (has_memory(l) && !bt_can_address(u))
        return false;
    switch ((enum low_kind)l->kind) {
    case LOW_NONE:
    case LOW_LEAVES:
    case LOW_HELPER: return false;
    case LOW_ALU:
        return !high || has_memory(l) == (l->form != FORM_RM) ||
               (l->op != OP_ADC && l->op != OP_SBB);
    case LOW_SHIFT: return (!high || has_memory(l)) && bt_shift_is_lowered(u, l);
    case LOW_DSHIFT: return l->size >= 4;
    case LOW_BIT: return true;
    case LOW_MUL: return l->size >= 4;
    case LOW_BITS: return bt_bits_is_lowered(l);
    case LOW_XCHG: return !(l->form == FORM_R && high) && !bt_is_high(u->src, l->size);
    case LOW_CMPXCHG: return l->form != FORM_R;
    case LOW_XADD: return l->form != FORM_R && !bt_is_high(u->src, l->size);
    case LOW_LOCK: return l->op != LOCK_ADC && l->op != LOCK_SBB;
    case LOW_LEA: return l->size >= 4 && u->asize >= 4;
    case LOW_MOV:
    case LOW_MOVX:
    case LOW_CMOV:
    case LOW_JMP:
    case LOW_SSE: return true;
    case LOW_AVX: return bt_avx_is_lowered(u);
    case LOW_X87: return bt_x87_is_lowered(u);
    case LOW_MMX: return bt_mmx_is_lowered(u);
    case LOW_SET:
    case LOW_UNARY: return !(high && !has_memory(l));
    default: return true;
    }
}

/* ---- Arithmetic ----------------------------------------------------------------------------------------------------- */

static enum flag_shape alu_shape(unsigned op)
{
    return op == OP_OR || op == OP_AND || op == OP_XOR || op == OP_TEST ? SHAPE_LOGIC : SHAPE_HOST;
}

static void alu_rr(struct trans *t, const struct low *l, unsigned dst, unsigned src)
{
    if (l->op == OP_TEST)
        emit_rr(&t->e, l->size, 0x85, src, dst);
    else
        emit_rr(&t->e, l->size, l->op << 3 | 1, src, dst);
}

static void alu_ri(struct trans *t, const struct low *l, unsigned dst, u64 imm)
{
    if (l->op == OP_TEST) {
        emit_xr(&t->e, l->size, 0xf7, 0, dst);
        emit_imm(&t->e, l->size, imm);
    } else {
        emit_alu_ri(&t->e, l->size, l->op, dst, imm);
    }
}

/* For a destination that is AH or its like: its register in DX, so that DH takes its place and no flag is touched on the way
 * back; the source, if it is none of the instruction's bytes, in CL. */
static void load_for_high(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    int src, dst;

    if (l->form == FORM_RM) {
        struct host_mem m = bt_access(t, 1, MMU_READ, true);

        emit_rm(e, 1, 0x8b, H_CX, m);
    } else if (l->form == FORM_RR) {
        src = bt_use_operand(t, u->src, 1, H_CX);
        if (src != H_CX)
            emit_rr(e, 8, 0x8b, H_CX, (unsigned)src);
    }
    dst = bt_use(t, u->dst >> 3, H_DX);
    if (dst != H_DX)
        emit_rr(e, 8, 0x8b, H_DX, (unsigned)dst);
}

static void alu_high(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    const unsigned dh = H_DX + 4;

    load_for_high(t, l);
    if (l->form == FORM_RI) {
        emit8(e, 0x80);
        emit8(e, 0xc0u | (unsigned)l->op << 3 | dh);
        emit8(e, (u8)u->imm);
    } else { /* OP DH, CL */
        emit8(e, (unsigned)l->op << 3);
        emit8(e, 0xc0 | H_CX << 3 | dh);
    }
    bt_define(t, u->dst >> 3, 8, H_DX);
    bt_flags_after(t, alu_shape(l->op));
}

static void alu_reg(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    bool writes = l->op != OP_CMP && l->op != OP_TEST;
    int dst, src = H_NONE;

    if (l->form == FORM_RR)
        src = bt_use_operand(t, u->src, l->size, H_CX);
    dst = bt_use_operand(t, u->dst, l->size, H_DX);
    bt_flags_before(t);
    if (l->op == OP_ADC || l->op == OP_SBB)
        bt_load_carry(t);
    if (l->form == FORM_RR)
        alu_rr(t, l, (unsigned)dst, (unsigned)src);
    else
        alu_ri(t, l, (unsigned)dst, u->imm);
    if (writes && dst == H_DX)
        bt_define(t, u->dst, l->size, dst);
    bt_flags_after(t, alu_shape(l->op));
}

static void alu_from_memory(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct host_mem m = bt_access(t, l->size, MMU_READ, true);
    int dst = bt_use_operand(t, u->dst, l->size, H_DX);

    bt_flags_before(t);
    if (l->op == OP_ADC || l->op == OP_SBB)
        bt_load_carry(t);
    if (l->op == OP_TEST)
        emit_rm(&t->e, l->size, 0x85, (unsigned)dst, m);
    else
        emit_rm(&t->e, l->size, l->op << 3 | 3, (unsigned)dst, m);
    if (l->op != OP_CMP && l->op != OP_TEST && dst == H_DX)
        bt_define(t, u->dst, l->size, dst);
    bt_flags_after(t, alu_shape(l->op));
}

static void alu_to_memory(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    bool writes = l->op != OP_CMP && l->op != OP_TEST;
    struct host_mem m = bt_access(t, l->size, writes ? MMU_RMW : MMU_READ, true);
    int src = l->form == FORM_MR ? bt_use_operand(t, u->src, l->size, H_DX) : H_NONE;

    if (l->op == OP_ADC || l->op == OP_SBB)
        bt_load_carry(t);
    if (l->form == FORM_MR) {
        emit_rm(&t->e, l->size, l->op == OP_TEST ? 0x85 : l->op << 3 | 1, (unsigned)src, m);
    } else if (l->op == OP_TEST) {
        emit_xm(&t->e, l->size, 0xf7, 0, m);
        emit_imm(&t->e, l->size, u->imm);
    } else {
        emit_alu_mi(&t->e, l->size, l->op, m, u->imm);
    }
    bt_flags_after(t, alu_shape(l->op));
}

static void lower_alu(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;

    if (bt_is_high(u->dst, l->size) && l->op != OP_CMP && l->op != OP_TEST &&
        (l->form == FORM_RM || l->form == FORM_RR || l->form == FORM_RI)) {
        alu_high(t, l);
    } else if (l->form == FORM_RM) {
        alu_from_memory(t, l);
    } else if (l->form == FORM_MR || l->form == FORM_MI) {
        alu_to_memory(t, l);
    } else {
        /* XOR r, r: no need of the old value. */
        if (l->op == OP_XOR && l->form == FORM_RR && l->size >= 4 && u->src == u->dst &&
            bt_home_of(t, u->dst) < 0 && bt_fate(t) == FLAGS_DEAD) {
            emit_mov_mi(&t->e, 8, bt_slot(u->dst), 0);
            return;
        }
        alu_reg(t, l);
    }
}

static void lower_unary(struct trans *t, const struct low *l)
{
    static const u8 ext[] = {[OP_INC] = 0, [OP_DEC] = 1, [OP_NEG] = 3, [OP_NOT] = 2};
    u32 opcode = l->op == OP_INC || l->op == OP_DEC ? 0xff : 0xf7;
    bool carry = (l->op == OP_INC || l->op == OP_DEC) && bt_fate(t) == FLAGS_STORE;

    if (l->form == FORM_M) {
        struct host_mem m = bt_access(t, l->size, MMU_RMW, true);

        if (carry)
            bt_load_carry(t);
        emit_xm(&t->e, l->size, opcode, ext[l->op], m);
    } else {
        int dst = bt_use_operand(t, t->u->dst, l->size, H_DX);

        bt_flags_before(t);
        if (carry)
            bt_load_carry(t);
        emit_xr(&t->e, l->size, opcode, ext[l->op], (unsigned)dst);
        if (dst == H_DX)
            bt_define(t, t->u->dst, l->size, dst);
    }
    if (l->op != OP_NOT)
        bt_flags_after(t, SHAPE_HOST);
}

/* ---- Moves ---------------------------------------------------------------------------------------------------------- */

/* To AH or its like, by way of DH. Touches no flags but for a source that is such a byte too, or memory. */
static void mov_high(struct trans *t, const struct low *l)
{
    const unsigned dh = H_DX + 4;
    const struct uop *u = t->u;
    struct emitter *e = &t->e;

    load_for_high(t, l);
    if (l->form == FORM_RI) {
        emit8(e, 0xb0 | dh);
        emit8(e, (u8)u->imm);
    } else { /* MOV DH, CL */
        emit8(e, 0x88);
        emit8(e, 0xc0 | H_CX << 3 | dh);
    }
    bt_define(t, u->dst >> 3, 8, H_DX);
}

static void lower_mov(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    unsigned g = bt_gpr(u->dst, l->size);
    struct emitter *e = &t->e;
    struct host_mem m;
    int home;

    if (bt_is_high(u->dst, l->size) && l->form != FORM_MR && l->form != FORM_MI) {
        mov_high(t, l);
        return;
    }
    switch ((enum low_form)l->form) {
    case FORM_RR: bt_define(t, u->dst, l->size, bt_use_operand(t, u->src, l->size, H_CX)); break;
    case FORM_RI:
        home = bt_home_of(t, g);
        if (home >= 0 && l->size >= 4) {
            emit_mov_imm(e, (unsigned)home, l->size == 4 ? (u32)u->imm : u->imm);
        } else if (home >= 0) {
            emit_xr(e, l->size, 0xc7, 0, (unsigned)home);
            emit_imm(e, l->size, u->imm);
        } else {
            emit_mov_imm(e, H_CX, l->size == 4 ? (u32)u->imm : u->imm);
            bt_define(t, u->dst, l->size, H_CX);
        }
        break;
    case FORM_RM:
        m = bt_access(t, l->size, MMU_READ, true);
        home = bt_home_of(t, g);
        if (home >= 0) {
            emit_rm(e, l->size, 0x8b, (unsigned)home, m);
        } else {
            emit_rm(e, l->size, 0x8b, H_DX, m);
            bt_define(t, u->dst, l->size, H_DX);
        }
        break;
    case FORM_MR: {
        int src;

        m = bt_access(t, l->size, MMU_WRITE, true);
        src = bt_use_operand(t, u->src, l->size, H_DX);
        emit_rm(e, l->size, 0x89, (unsigned)src, m);
        break;
    }
    default: emit_mov_mi(e, l->size, bt_access(t, l->size, MMU_WRITE, true), u->imm); break;
    }
}

/* Widening opcodes: MOVZX 0f b6/b7, MOVSX 0f be/bf, MOVSXD 63. */
static u32 widen_opcode(const struct low *l)
{
    bool sign = l->op != 0;

    if (l->from == 4)
        return 0x63 | EMIT_FIXED;
    return EMIT_FIXED | ((sign ? 0x0fbe : 0x0fb6) + (l->from == 2));
}

static void lower_movx(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    int home = bt_home_of(t, u->dst), to = home >= 0 ? home : H_DX;
    struct emitter *e = &t->e;

    if (l->form == FORM_M) {
        struct host_mem m = bt_access(t, l->from, MMU_READ, true);

        emit_rm(e, l->size, widen_opcode(l), (unsigned)to, m);
    } else {
        int src = bt_use_operand(t, u->src, l->from, H_CX);

        emit_opcode(e, l->size, widen_opcode(l), (unsigned)to, 0, (unsigned)src, false,
                    l->from == 1);
        emit8(e, 0xc0 | (to & 7) << 3 | (src & 7));
    }
    if (home < 0)
        bt_define(t, u->dst, l->size, to);
}

static void lower_set(struct trans *t, const struct low *l)
{
    unsigned cond;
    int home;
    struct emitter *e = &t->e;

    if (l->form == FORM_M) {
        struct host_mem m = bt_access(t, 1, MMU_WRITE, true);

        /* The condition may take RAX, which is part of the address. */
        emit_rm(e, 8, 0x8d | EMIT_FIXED, H_DX, m);
        cond = bt_condition(t, l->op);
        emit_xm(e, 1, (0x0f90 + cond) | EMIT_FIXED, 0, host_at(H_DX, 0));
        return;
    }
    cond = bt_condition(t, l->op);
    home = bt_home_of(t, t->u->dst >> 3);
    if (home >= 0) {
        emit_xr(e, 1, (0x0f90 + cond) | EMIT_FIXED, 0, (unsigned)home);
    } else {
        emit_xr(e, 1, (0x0f90 + cond) | EMIT_FIXED, 0, H_CX);
        bt_define(t, t->u->dst, 1, H_CX);
    }
}

/* The source is read, and a 32-bit destination cleared in its upper half, whether the condition holds or not. */
static void lower_cmov(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    unsigned cond;
    int dst, src = H_CX;

    if (l->form == FORM_M) {
        struct host_mem m = bt_access(t, l->size, MMU_READ, true);

        emit_rm(e, l->size, 0x8b, H_CX, m);
    } else {
        src = bt_use(t, u->src, H_CX);
    }
    cond = bt_condition(t, l->op);
    dst = bt_use(t, u->dst, H_DX);
    emit_rr(e, l->size, (0x0f40 + cond) | EMIT_FIXED, (unsigned)dst, (unsigned)src);
    if (dst == H_DX)
        bt_define(t, u->dst, l->size, dst);
}

/* ---- Multiplication and division -------------------------------------------------------------------------------------- */

/* SF, ZF, PF of the low half; CF and OF as the host set them just now (they are in CL). */
static void product_flags(struct trans *t, unsigned low, unsigned size)
{
    struct emitter *e = &t->e;

    emit_rr(e, 4, 0x0fb6 | EMIT_FIXED, H_CX, H_CX);
    emit_rr(e, size, 0x85, low, low);
    emit8(e, 0x9f);
    emit_alu_ri(e, 4, 4, H_AX, 0xc400);
    emit_rr(e, 4, 0x0b, H_AX, H_CX);
    emit_xr(e, 4, 0xc1, 4, H_CX);
    emit8(e, 8);
    emit_rr(e, 4, 0x0b, H_AX, H_CX);
    emit_rm(e, 4, 0x89, H_AX, VCPU_AT(cc));
    bt_flags_are_stored(t);
}

static void lower_product(struct trans *t, const struct low *l, int src)
{
    struct emitter *e = &t->e;

    emit_rr(e, 8, 0x8b, H_AX, bt_pinned(t, R_AX));
    emit_xr(e, l->size, 0xf7, l->op == MUL_MUL ? 4 : 5, (unsigned)src);
    t->host_flags = 0;
    if (bt_fate(t) != FLAGS_DEAD)
        emit_xr(e, 1, 0x0f90 | EMIT_FIXED, 0, H_CX);
    bt_define(t, R_AX, l->size, H_AX);
    bt_define(t, R_DX, l->size, H_DX);
    if (bt_fate(t) != FLAGS_DEAD)
        product_flags(t, bt_pinned(t, R_AX), l->size);
}

/* What cannot be divided for certain goes to the interpreter: a divisor of 0, a quotient that may not fit. */
static void lower_quotient(struct trans *t, const struct low *l, int src, u32 point)
{
    unsigned ax = bt_pinned(t, R_AX), dx = bt_pinned(t, R_DX);
    struct emitter *e = &t->e;

    if (l->op == MUL_DIV) {
        emit_rr(e, l->size, 0x3b, dx, (unsigned)src);
        bt_slow_if(t, 3, point);
    } else {
        /* The dividend is a sign-extended half, and the divisor neither 0 nor -1. */
        emit_rr(e, l->size, 0x8b, H_AX, ax);
        emit_xr(e, l->size, 0xc1, 7, H_AX);
        emit8(e, 8u * l->size - 1);
        emit_rr(e, l->size, 0x3b, H_AX, dx);
        bt_slow_if(t, 5, point);
        emit_rm(e, l->size, 0x8d | EMIT_FIXED, H_AX, host_at((enum host_reg)src, 1));
        emit_alu_ri(e, l->size, 7, H_AX, 1);
        bt_slow_if(t, 6, point);
    }
    emit_rr(e, 8, 0x8b, H_AX, ax);
    emit_rr(e, 8, 0x8b, H_DX, dx);
    emit_xr(e, l->size, 0xf7, l->op == MUL_DIV ? 6 : 7, (unsigned)src);
    bt_define(t, R_AX, l->size, H_AX);
    bt_define(t, R_DX, l->size, H_DX);
    t->host_flags = 0;
}

static void lower_mul(struct trans *t, const struct low *l)
{
    u32 point = 0;
    int src;

    if (l->form == FORM_M) {
        struct host_mem m = bt_access(t, l->size, MMU_READ, true);

        emit_rm(&t->e, l->size, 0x8b, H_CX, m);
        src = H_CX;
    } else {
        src = bt_use(t, t->u->src, H_CX);
    }
    if (l->op >= MUL_DIV) {
        point = bt_point(t, 0, 0);
        lower_quotient(t, l, src, point);
    } else {
        lower_product(t, l, src);
    }
}

static void lower_imul(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    bool three = l->op == 1;
    struct host_mem m = {H_NONE, H_NONE, 0, 0};
    int src = H_NONE, dst, home = bt_home_of(t, u->dst);

    if (l->form == FORM_M)
        m = bt_access(t, l->size, MMU_READ, true);
    else
        src = bt_use(t, u->src, H_CX);
    if (three)
        dst = home >= 0 ? home : H_DX;
    else
        dst = bt_use(t, u->dst, H_DX);
    bt_flags_before(t);
    if (three && l->form == FORM_M)
        emit_rm(e, l->size, 0x69 | EMIT_FIXED, (unsigned)dst, m);
    else if (three)
        emit_rr(e, l->size, 0x69 | EMIT_FIXED, (unsigned)dst, (unsigned)src);
    else if (l->form == FORM_M)
        emit_rm(e, l->size, 0x0faf | EMIT_FIXED, (unsigned)dst, m);
    else
        emit_rr(e, l->size, 0x0faf | EMIT_FIXED, (unsigned)dst, (unsigned)src);
    if (three)
        emit_imm(e, l->size, u->imm);
    t->host_flags = 0;
    if (!l->flags) {
        if (home < 0)
            bt_define(t, u->dst, l->size, dst);
        return;
    }
    if (bt_fate(t) == FLAGS_STORE || bt_fate(t) == FLAGS_HOST)
        emit_xr(e, 1, 0x0f90 | EMIT_FIXED, 0, H_CX);
    if (home < 0)
        bt_define(t, u->dst, l->size, dst);
    if (bt_fate(t) == FLAGS_STORE || bt_fate(t) == FLAGS_HOST)
        product_flags(t, (unsigned)dst, l->size);
    else
        bt_flags_after(t, SHAPE_HOST);
    t->host_flags &=
        UF_C | UF_O; /* who looks at once finds these; the host's others mean nothing */
}

/* ---- Exchanges and LOCK ------------------------------------------------------------------------------------------------ */

static void lower_xchg(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;

    if (l->form == FORM_L) {
        struct host_mem m = bt_access(t, l->size, MMU_RMW, true);
        int src = bt_use_operand(t, u->src, l->size, H_DX);

        emit_rm(e, l->size, 0x87, (unsigned)src, m);
        if (src == H_DX || l->size == 4)
            bt_define(t, u->src, l->size, src);
    } else {
        int a = bt_use_operand(t, u->dst, l->size, H_CX),
            b = bt_use_operand(t, u->src, l->size, H_DX);

        emit_rr(e, 8, 0x8b, H_AX, (unsigned)a);
        bt_define(t, u->dst, l->size, b);
        bt_define(t, u->src, l->size, H_AX);
    }
}

static void lower_cmpxchg(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    struct host_mem m = bt_access(t, l->size, MMU_RMW, true);
    int src;

    emit_rm(e, 8, 0x8d | EMIT_FIXED, H_CX, m);
    src = bt_use_operand(t, u->src, l->size, H_DX);
    emit_rr(e, 8, 0x8b, H_AX, bt_pinned(t, R_AX));
    if (l->form == FORM_L)
        emit8(e, 0xf0);
    emit_rm(e, l->size, 0x0fb1, (unsigned)src, host_at(H_CX, 0));
    /* AX keeps its upper half where nothing was loaded. */
    if (l->size == 4) {
        emit_rr(e, 8, 0x0f45 | EMIT_FIXED, bt_pinned(t, R_AX), H_AX);
    } else {
        bt_define(t, R_AX, l->size, H_AX);
    }
    bt_flags_after(t, SHAPE_HOST);
}

static void lower_xadd(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct host_mem m = bt_access(t, l->size, MMU_RMW, true);
    int src = bt_use_operand(t, u->src, l->size, H_DX);

    if (l->form == FORM_L)
        emit8(&t->e, 0xf0);
    emit_rm(&t->e, l->size, 0x0fc1, (unsigned)src, m);
    if (src == H_DX || l->size == 4)
        bt_define(t, u->src, l->size, src);
    bt_flags_after(t, SHAPE_HOST);
}

static void lower_lock(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    struct host_mem m;
    int src = H_NONE;

    if (l->op >= LOCK_BTS) {
        bt_lower_locked_bit(t, l, 1u + l->op - LOCK_BTS);
        return;
    }
    m = bt_access(t, l->size, MMU_RMW, true);
    if (l->op <= LOCK_XOR && !u->aux)
        src = bt_use_operand(t, u->src, l->size, H_DX);
    if ((l->op == LOCK_INC || l->op == LOCK_DEC) && bt_fate(t) == FLAGS_STORE)
        bt_load_carry(t);
    if (l->op == LOCK_NEG) { /* the host's own is the only way to have both result and flags */
        emit8(e, 0xf0);
        emit_xm(e, l->size, 0xf7, 3, m);
    } else if (l->op > LOCK_XOR) {
        emit8(e, 0xf0);
        emit_xm(e, l->size, l->op == LOCK_NOT ? 0xf7 : 0xff,
                l->op == LOCK_NOT ? 2 : l->op - LOCK_INC, m);
    } else {
        emit8(e, 0xf0);
        if (u->aux)
            emit_alu_mi(e, l->size, l->op, m, u->imm);
        else
            emit_rm(e, l->size, l->op << 3 | 1, (unsigned)src, m);
    }
    if (l->op != LOCK_NOT)
        bt_flags_after(t, l->op == LOCK_OR || l->op == LOCK_AND || l->op == LOCK_XOR ? SHAPE_LOGIC
                                                                                     : SHAPE_HOST);
}

/* ---- The rest -------------------------------------------------------------------------------------------------------- */

static void lower_lea(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    int home = bt_home_of(t, u->dst);
    unsigned size = l->size == 4 || u->asize == 4 ? 4 : 8;

    bt_offset(t, u, home >= 0 ? (unsigned)home : H_CX, size);
    if (home < 0)
        bt_define(t, u->dst, 8, H_CX);
}

static void lower_bswap(struct trans *t, const struct low *l)
{
    int dst = bt_use(t, t->u->dst, H_CX);

    emit_opcode(&t->e, l->size, (0x0fc8 | ((unsigned)dst & 7)) | EMIT_FIXED, 0, 0, (unsigned)dst,
                false, false);
    if (dst == H_CX)
        bt_define(t, t->u->dst, l->size, dst);
}

static void lower_cwd(struct trans *t, const struct low *l)
{
    unsigned dx = bt_pinned(t, R_DX);

    emit_rr(&t->e, l->size, 0x8b, dx, bt_pinned(t, R_AX));
    emit_xr(&t->e, l->size, 0xc1, 7, dx);
    emit8(&t->e, 8u * l->size - 1);
    t->host_flags = 0;
}

/* CLC, STC, CMC. */
static void lower_carry(struct trans *t, const struct low *l)
{
    static const u8 ext[] = {[CARRY_CLEAR] = 4, [CARRY_SET] = 1, [CARRY_TURN] = 6};
    static const u8 same[] = {[CARRY_CLEAR] = 0xf8, [CARRY_SET] = 0xf9, [CARRY_TURN] = 0xf5};
    struct host_mem cc = VCPU_AT(cc);

    if (bt_fate(t) == FLAGS_STORE) {
        cc.disp++;
        emit_alu_mi(&t->e, 1, ext[l->op], cc, l->op == CARRY_CLEAR ? 0xfe : 1);
        t->host_flags = 0;
    } else if (bt_fate(t) != FLAGS_DEAD) {
        if (l->op == CARRY_TURN)
            bt_load_carry(t);
        emit8(&t->e, same[l->op]);
        bt_flags_after(t, SHAPE_HOST);
    }
}

bool bt_lower_int(struct trans *t, const struct low *l)
{
    switch ((enum low_kind)l->kind) {
    case LOW_ALU: lower_alu(t, l); break;
    case LOW_UNARY: lower_unary(t, l); break;
    case LOW_SHIFT: bt_lower_shift(t, l); break;
    case LOW_DSHIFT: bt_lower_double_shift(t, l); break;
    case LOW_BIT: bt_lower_bit(t, l); break;
    case LOW_BITS: bt_lower_bits(t, l); break;
    case LOW_MOV: lower_mov(t, l); break;
    case LOW_MOVX: lower_movx(t, l); break;
    case LOW_SET: lower_set(t, l); break;
    case LOW_CMOV: lower_cmov(t, l); break;
    case LOW_MUL: lower_mul(t, l); break;
    case LOW_IMUL: lower_imul(t, l); break;
    case LOW_XCHG: lower_xchg(t, l); break;
    case LOW_CMPXCHG: lower_cmpxchg(t, l); break;
    case LOW_XADD: lower_xadd(t, l); break;
    case LOW_LOCK: lower_lock(t, l); break;
    case LOW_LEA: lower_lea(t, l); break;
    case LOW_BSWAP: lower_bswap(t, l); break;
    case LOW_CWD: lower_cwd(t, l); break;
    case LOW_CARRY: lower_carry(t, l); break;
    case LOW_DIRECTION:
        emit_alu_mi(&t->e, 4, l->op ? 1 : 4, VCPU_AT(rflags), l->op ? FL_DF : ~(u32)FL_DF);
        t->host_flags = 0;
        break;
    case LOW_NOP: break;
    default: return false;
    }
    return true;
}
