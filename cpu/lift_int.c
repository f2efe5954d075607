/* SPDX-License-Identifier: MIT */
/*
 * Lifters of arithmetic, logic, shift, bit and move instructions.
 *
 * Each turns one form of operands into one micro-op of the right size; the micro-op families of
 * uops_families.h lie in the table in the order that the arithmetic on their ids here relies on.
 */
#include "cpu/lift_int.h"

#include "cpu/exec_int.h"

void lift_ud(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    lift_undefined(l);
}

void lift_nop(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    lift_emit(l, UOP_NOP);
}

void lift_simple(struct lift_state *l, const struct insn_row *row)
{
    lift_emit(l, row->arg);
}

/* A locked read-modify-write; `src` register or immediate. */
static void emit_lock(struct lift_state *l, unsigned add8, unsigned size, bool imm)
{
    struct uop *u = lift_emit(l, add8 + size_log(size));

    lift_address(l, u);
    u->src = lift_reg(l->in, l->in->reg, size);
    u->aux = imm;
}

/* The locked form of an ALU micro-op (its RR8), or 0. */
static unsigned lock_alu(unsigned rr8)
{
    switch (rr8) {
    case UOP_ADD_RR8: return UOP_LOCK_ADD8;
    case UOP_OR_RR8: return UOP_LOCK_OR8;
    case UOP_ADC_RR8: return UOP_LOCK_ADC8;
    case UOP_SBB_RR8: return UOP_LOCK_SBB8;
    case UOP_AND_RR8: return UOP_LOCK_AND8;
    case UOP_SUB_RR8: return UOP_LOCK_SUB8;
    case UOP_XOR_RR8: return UOP_LOCK_XOR8;
    default: return 0;
    }
}

/* An ALU instruction whose destination is E: source register or immediate. */
static void alu_to_E(struct lift_state *l, unsigned rr8, bool imm)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);

    if (in->lock) {
        if (lock_alu(rr8))
            emit_lock(l, lock_alu(rr8), size, imm);
        else
            lift_undefined(l);
        return;
    }
    if (lift_is_mem(in)) {
        struct uop *u = lift_emit(l, alu_op(rr8, imm ? ALU_MI : ALU_MR, size));
        lift_address(l, u);
        u->src = lift_reg(in, in->reg, size);
    } else {
        struct uop *u = lift_emit(l, alu_op(rr8, imm ? ALU_RI : ALU_RR, size));
        u->dst = lift_reg(in, in->rm, size);
        u->src = lift_reg(in, in->reg, size);
    }
}

void lift_alu_EG(struct lift_state *l, const struct insn_row *row)
{
    alu_to_E(l, row->arg, false);
}

void lift_alu_EI(struct lift_state *l, const struct insn_row *row)
{
    alu_to_E(l, row->arg, true);
}

void lift_alu_GE(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);
    bool mem = lift_is_mem(in);
    struct uop *u;

    if (in->lock) {
        lift_undefined(l);
        return;
    }
    u = lift_emit(l, alu_op(row->arg, mem ? ALU_RM : ALU_RR, size));
    u->dst = lift_reg(in, in->reg, size);
    if (mem)
        lift_address(l, u);
    else
        u->src = lift_reg(in, in->rm, size);
}

void lift_alu_AI(struct lift_state *l, const struct insn_row *row)
{
    unsigned size = lift_size(l->in);

    lift_emit(l, alu_op(row->arg, ALU_RI, size))->dst = 0;
}

void lift_incdec_Z(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;

    lift_emit(l, row->arg + size_log(in->osize) * 2)->dst = in->opcode & 7;
}

static unsigned lock_unary(unsigned r8)
{
    switch (r8) {
    case UOP_INC_R8: return UOP_LOCK_INC8;
    case UOP_DEC_R8: return UOP_LOCK_DEC8;
    case UOP_NEG_R8: return UOP_LOCK_NEG8;
    default: return UOP_LOCK_NOT8;
    }
}

/* row->arg: the R8 micro-op of the operation; M8 is 8 further on. */
void lift_unary_E(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);
    struct uop *u;

    if (in->lock) {
        emit_lock(l, lock_unary(row->arg), size, false);
    } else if (lift_is_mem(in)) {
        u = lift_emit(l, row->arg + 8 + size_log(size) * 2);
        lift_address(l, u);
    } else {
        u = lift_emit(l, row->arg + size_log(size) * 2);
        u->dst = lift_reg(in, in->rm, size);
    }
}

/* row->arg: RI8 of the operation; RC, MI, MC follow in steps of 8. */
static void shift(struct lift_state *l, unsigned ri8, bool by_cl, u64 count)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);
    bool mem = lift_is_mem(in);
    struct uop *u;

    if (in->lock) {
        lift_undefined(l);
        return;
    }
    count &= size == 8 ? 63 : 31;
    if (!by_cl && !count) {
        /* Nothing but the write itself: of the register (which clears the upper half), or to
         * memory. */
        u = lift_emit(l, mem ? UOP_OR_MI8_NF + size_log(size) * 2 : UOP_MOV_RR8 + size_log(size));
        u->src = lift_reg(in, in->rm, size);
    } else {
        u = lift_emit(l, ri8 + (mem ? 16 : 0) + (by_cl ? 8 : 0) + size_log(size) * 2);
    }
    u->imm = count;
    if (mem)
        lift_address(l, u);
    else
        u->dst = lift_reg(in, in->rm, size);
}

void lift_shift_EI(struct lift_state *l, const struct insn_row *row)
{
    shift(l, row->arg, false, l->in->imm);
}

void lift_shift_E1(struct lift_state *l, const struct insn_row *row)
{
    shift(l, row->arg, false, 1);
}

void lift_shift_EC(struct lift_state *l, const struct insn_row *row)
{
    shift(l, row->arg, true, 0);
}

/* row->arg: RI16 of the operation; RC, MI, MC follow in steps of 6. Odd opcodes count by CL. */
void lift_shld(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    bool mem = lift_is_mem(in), by_cl = in->opcode & 1;
    unsigned size = in->osize;
    u64 count = in->imm & (size == 8 ? 63 : 31);
    struct uop *u;

    if (in->lock) {
        lift_undefined(l);
        return;
    }
    if (!by_cl && !count) {
        u = lift_emit(l, mem ? UOP_OR_MI8_NF + size_log(size) * 2 : UOP_MOV_RR8 + size_log(size));
        u->src = in->rm;
    } else {
        u = lift_emit(l, row->arg + (mem ? 12 : 0) + (by_cl ? 6 : 0) + (size_log(size) - 1) * 2);
        u->src = in->reg;
    }
    u->imm = count;
    if (mem)
        lift_address(l, u);
    else
        u->dst = in->rm;
}

static unsigned lock_bit(unsigned rr16)
{
    switch (rr16) {
    case UOP_BTS_RR16: return UOP_LOCK_BTS16;
    case UOP_BTR_RR16: return UOP_LOCK_BTR16;
    case UOP_BTC_RR16: return UOP_LOCK_BTC16;
    default: return 0;
    }
}

/* rr16: first of the family; RI, MR, MI follow in steps of 3. */
static void bit_test(struct lift_state *l, unsigned rr16, bool imm)
{
    const struct insn *in = l->in;
    unsigned log = size_log(in->osize) - 1;
    bool mem = lift_is_mem(in);
    struct uop *u;

    if (in->lock && !lock_bit(rr16)) {
        lift_undefined(l);
        return;
    }
    if (in->lock)
        u = lift_emit(l, lock_bit(rr16) + log);
    else
        u = lift_emit(l, rr16 + (mem ? 6 : 0) + (imm ? 3 : 0) + log);
    u->src = in->reg;
    u->aux = imm;
    if (mem)
        lift_address(l, u);
    else
        u->dst = in->rm;
}

void lift_bt_EG(struct lift_state *l, const struct insn_row *row)
{
    bit_test(l, row->arg, false);
}

void lift_bt_EI(struct lift_state *l, const struct insn_row *row)
{
    bit_test(l, row->arg, true);
}

/* The common shape "Gv,Ev": register form `r16`, memory form `m16`, sizes 16, 32, 64 at distance
 * `step`. */
static struct uop *emit_GE(struct lift_state *l, unsigned r16, unsigned m16, unsigned step)
{
    const struct insn *in = l->in;
    unsigned at = (size_log(in->osize) - 1) * step;
    struct uop *u = lift_emit(l, (lift_is_mem(in) ? m16 : r16) + at);

    u->dst = in->reg;
    if (lift_is_mem(in))
        lift_address(l, u);
    else
        u->src = in->rm;
    return u;
}

void lift_imul2(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    emit_GE(l, UOP_IMUL2_R16, UOP_IMUL2_M16, 2);
}

void lift_imul3(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    emit_GE(l, UOP_IMUL3_R16, UOP_IMUL3_M16, 2);
}

/* row->arg: R8; M8 is 4 further on. */
void lift_muldiv(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);
    struct uop *u = lift_emit(l, row->arg + (lift_is_mem(in) ? 4 : 0) + size_log(size));

    if (lift_is_mem(in))
        lift_address(l, u);
    else
        u->src = lift_reg(in, in->rm, size);
}

void lift_bitcount(struct lift_state *l, const struct insn_row *row)
{
    emit_GE(l, UOP_BSF_R16 + row->arg * 6, UOP_BSF_M16 + row->arg * 6, 1);
}

void lift_cmov(struct lift_state *l, const struct insn_row *row)
{
    unsigned at = (l->in->opcode & 15) * 6;

    (void)row;
    emit_GE(l, UOP_CMOVO_R16 + at, UOP_CMOVO_M16 + at, 1);
}

void lift_setcc(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned cond = in->opcode & 15;
    struct uop *u = lift_emit(l, lift_is_mem(in) ? UOP_SETO_M + cond : UOP_SETO_R + cond);

    (void)row;
    if (lift_is_mem(in))
        lift_address(l, u);
    else
        u->dst = lift_reg(in, in->rm, 1);
}

/* --- Moves ----------------------------------------------------------------------------------- */

void lift_mov_EG(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);
    struct uop *u = lift_emit(l, (lift_is_mem(in) ? UOP_MOV_MR8 : UOP_MOV_RR8) + size_log(size));

    (void)row;
    u->src = lift_reg(in, in->reg, size);
    if (lift_is_mem(in))
        lift_address(l, u);
    else
        u->dst = lift_reg(in, in->rm, size);
}

void lift_mov_GE(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);
    struct uop *u = lift_emit(l, (lift_is_mem(in) ? UOP_MOV_RM8 : UOP_MOV_RR8) + size_log(size));

    (void)row;
    u->dst = lift_reg(in, in->reg, size);
    if (lift_is_mem(in))
        lift_address(l, u);
    else
        u->src = lift_reg(in, in->rm, size);
}

void lift_mov_EI(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);
    struct uop *u = lift_emit(l, (lift_is_mem(in) ? UOP_MOV_MI8 : UOP_MOV_RI8) + size_log(size));

    (void)row;
    if (lift_is_mem(in))
        lift_address(l, u);
    else
        u->dst = lift_reg(in, in->rm, size);
}

void lift_mov_ZI(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned size = in->opcode & 8 ? in->osize : 1;
    unsigned n = (in->opcode & 7) | (in->rex & 1) << 3;

    (void)row;
    lift_emit(l, UOP_MOV_RI8 + size_log(size))->dst = lift_reg(in, n, size);
}

void lift_mov_moffs(struct lift_state *l, const struct insn_row *row)
{
    unsigned size = lift_size(l->in);
    struct uop *u = lift_emit(l, (row->arg ? UOP_MOV_MR8 : UOP_MOV_RM8) + size_log(size));

    lift_address(l, u);
    u->dst = u->src = 0;
}

/* row->arg: 0 MOVZX, 1 MOVSX. */
void lift_movx(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned from = in->opcode & 1 ? 2 : 1;
    bool mem = lift_is_mem(in);
    unsigned op;
    struct uop *u;

    if (in->osize == 2 && from == 2) /* 66 0F B7/BF: a plain 16-bit move */
        op = mem ? UOP_MOV_RM16 : UOP_MOV_RR16;
    else if (row->arg)
        op = from == 1 ? (in->osize == 2   ? UOP_MOVSX_R16_8
                          : in->osize == 4 ? UOP_MOVSX_R32_8
                                           : UOP_MOVSX_R64_8)
                       : (in->osize == 4 ? UOP_MOVSX_R32_16 : UOP_MOVSX_R64_16);
    else
        op = from == 1 ? (in->osize == 2 ? UOP_MOVZX_R16_8 : UOP_MOVZX_R32_8) : UOP_MOVZX_R32_16;
    if (mem && op != UOP_MOV_RM16)
        op += UOP_MOVZX_M16_8 - UOP_MOVZX_R16_8;
    u = lift_emit(l, op);
    u->dst = in->reg;
    if (mem)
        lift_address(l, u);
    else
        u->src = lift_reg(in, in->rm, from);
}

void lift_movsxd(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    bool mem = lift_is_mem(in);
    unsigned op;
    struct uop *u;

    (void)row;
    if (in->osize == 8)
        op = mem ? UOP_MOVSX_M64_32 : UOP_MOVSX_R64_32;
    else
        op = (mem ? UOP_MOV_RM8 : UOP_MOV_RR8) + size_log(in->osize);
    u = lift_emit(l, op);
    u->dst = in->reg;
    if (mem)
        lift_address(l, u);
    else
        u->src = in->rm;
}

void lift_lea(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = lift_emit(l, UOP_LEA16 + size_log(l->in->osize) - 1);

    (void)row;
    lift_address(l, u);
    u->dst = l->in->reg;
}

/* AL into AX, AX into EAX, EAX into RAX. */
void lift_cbw(struct lift_state *l, const struct insn_row *row)
{
    unsigned size = l->in->osize;

    (void)row;
    lift_emit(l, size == 2 ? UOP_MOVSX_R16_8 : size == 4 ? UOP_MOVSX_R32_16 : UOP_MOVSX_R64_32);
}

void lift_cwd(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    lift_emit(l, UOP_CWD16 + size_log(l->in->osize) - 1);
}

/* --- Exchanges ------------------------------------------------------------------------------- */

void lift_xchg(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);
    struct uop *u = lift_emit(l, (lift_is_mem(in) ? UOP_XCHG_L8 : UOP_XCHG_R8) + size_log(size));

    (void)row;
    u->src = lift_reg(in, in->reg, size);
    if (lift_is_mem(in))
        lift_address(l, u);
    else
        u->dst = lift_reg(in, in->rm, size);
}

/* 90 without REX.B is NOP, not XCHG EAX,EAX: it does not clear the upper half of RAX. */
void lift_xchg_Z(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned n = (in->opcode & 7) | (in->rex & 1) << 3;
    struct uop *u;

    (void)row;
    if (n == 0) {
        lift_emit(l, UOP_NOP);
        return;
    }
    u = lift_emit(l, UOP_XCHG_R8 + size_log(in->osize));
    u->dst = n;
    u->src = R_AX;
}

/* r8: register form; memory and locked forms are 4 and 8 further on. */
static void exchange(struct lift_state *l, unsigned r8)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);
    struct uop *u = lift_emit(l, r8 + (lift_is_mem(in) ? in->lock ? 8 : 4 : 0) + size_log(size));

    u->src = lift_reg(in, in->reg, size);
    if (lift_is_mem(in))
        lift_address(l, u);
    else
        u->dst = lift_reg(in, in->rm, size);
}

void lift_cmpxchg(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    exchange(l, UOP_CMPXCHG_R8);
}

void lift_xadd(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    exchange(l, UOP_XADD_R8);
}

void lift_cmpxchg8b(struct lift_state *l, const struct insn_row *row)
{
    if (l->in->osize == 8 && !(l->features & cpu_feature_bit(FEAT_CX16)))
        lift_undefined(l);
    else
        lift_call(l, row, l->in->osize == 8 ? help_cmpxchg16b : help_cmpxchg8b);
}

void lift_bswap(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    lift_emit(l, UOP_BSWAP16 + size_log(l->in->osize) - 1)->dst =
        (l->in->opcode & 7) | (l->in->rex & 1) << 3;
}

/* row->arg: 0 load, 1 store. */
void lift_movbe(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u =
        lift_emit(l, (row->arg ? UOP_MOVBE_MR16 : UOP_MOVBE_RM16) + size_log(l->in->osize) - 1);

    lift_address(l, u);
    u->dst = u->src = l->in->reg;
}

void lift_crc32(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    unsigned size = lift_size(in);
    struct uop *u = lift_call(l, row, lift_is_mem(in) ? help_crc32_mem : help_crc32_reg);

    u->osize = size;
    u->aux2 = in->osize;
    u->src = lift_reg(in, in->rm, size);
}

void lift_bcd(struct lift_state *l, const struct insn_row *row)
{
    lift_call(l, row, help_bcd);
}

void lift_bound(struct lift_state *l, const struct insn_row *row)
{
    lift_call(l, row, help_bound);
}

void lift_xlat(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = lift_call(l, row, help_xlat);

    lift_address(l, u);
    u->base = R_BX;
}
