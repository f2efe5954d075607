/* SPDX-License-Identifier: MIT */
/*
 * Lifters of branches, stack and string instructions, and software interrupts.
 *
 * A direct branch gets its target here, already cut to the operand size. Whether it needs a check
 * when taken is decided here too: in flat code no 32-bit target can be outside CS, and in 64-bit
 * code a target is canonical or not once and for all; what remains takes the checking micro-op.
 */
#include "cpu/address.h"
#include "cpu/exec_int.h"
#include "cpu/lift_int.h"

/* --- Branches -------------------------------------------------------------------------------- */

static u64 branch_target(const struct lift_state *l)
{
    return vcpu_cut(l->next_rip + l->in->imm, lift_size_default64(l));
}

static bool target_is_safe(const struct lift_state *l, u64 target)
{
    if (lift_is_code64(l))
        return gla_is_canonical(target);
    return l->key & KEY_FLAT;
}

/* Emit a micro-op that ends the block, with target and fallthrough. */
static struct uop *emit_branch(struct lift_state *l, unsigned op)
{
    struct uop *u = lift_emit(l, op);

    u->imm = branch_target(l);
    u->imm2 = l->next_rip;
    u->osize = lift_size_default64(l);
    u->ss = true; /* if it accesses memory at all, and has no operand of its own there */
    l->end = true;
    return u;
}

void lift_jcc(struct lift_state *l, const struct insn_row *row)
{
    unsigned cond = l->in->opcode & 15;
    bool safe = target_is_safe(l, branch_target(l));

    (void)row;
    emit_branch(l, safe ? UOP_JO + cond : UOP_JCC_CHECK)->aux = cond;
}

void lift_jmp_J(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    emit_branch(l, target_is_safe(l, branch_target(l)) ? UOP_JMP_J : UOP_JMP_CHECK);
}

/* row->arg: LOOPNE, LOOPE, LOOP, JrCXZ. */
void lift_loop(struct lift_state *l, const struct insn_row *row)
{
    emit_branch(l, UOP_LOOP)->aux = row->arg;
}

void lift_call_J(struct lift_state *l, const struct insn_row *row)
{
    unsigned kind = lift_stack_kind(l, lift_size_default64(l));

    (void)row;
    if (!target_is_safe(l, branch_target(l)))
        kind = 2;
    emit_branch(l, UOP_CALL_J_64 + kind);
}

static void indirect(struct lift_state *l, unsigned reg_op, unsigned mem_op)
{
    const struct insn *in = l->in;
    bool mem = lift_is_mem(in);
    struct uop *u = emit_branch(l, mem ? mem_op : reg_op);

    if (mem)
        lift_address(l, u);
    else
        u->src = in->rm;
}

void lift_jmp_E(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    indirect(l, UOP_JMP_R, UOP_JMP_M);
}

void lift_call_E(struct lift_state *l, const struct insn_row *row)
{
    unsigned kind = lift_stack_kind(l, lift_size_default64(l));

    (void)row;
    indirect(l, UOP_CALL_R_64 + kind, UOP_CALL_M_64 + kind);
}

void lift_ret(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = emit_branch(l, UOP_RET_64 + lift_stack_kind(l, lift_size_default64(l)));

    (void)row;
    u->imm = l->in->opcode == 0xc2 ? l->in->imm : 0;
}

/* --- Stack ----------------------------------------------------------------------------------- */

/* op64: the first of the three kinds. */
static struct uop *emit_stack(struct lift_state *l, unsigned op64)
{
    unsigned size = lift_size_default64(l);
    struct uop *u = lift_emit(l, op64 + lift_stack_kind(l, size));

    u->osize = size;
    u->ss = true;
    return u;
}

void lift_push_Z(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    emit_stack(l, UOP_PUSH_R_64)->src = (l->in->opcode & 7) | (l->in->rex & 1) << 3;
}

void lift_pop_Z(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    emit_stack(l, UOP_POP_R_64)->dst = (l->in->opcode & 7) | (l->in->rex & 1) << 3;
}

void lift_push_I(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    emit_stack(l, UOP_PUSH_I_64);
}

void lift_push_E(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u;

    (void)row;
    if (!lift_is_mem(l->in)) {
        emit_stack(l, UOP_PUSH_R_64)->src = l->in->rm;
        return;
    }
    u = emit_stack(l, UOP_PUSH_M_64);
    lift_address(l, u);
}

void lift_pop_E(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u;

    (void)row;
    if (!lift_is_mem(l->in)) {
        emit_stack(l, UOP_POP_R_64)->dst = l->in->rm;
        return;
    }
    u = emit_stack(l, UOP_POP_M_64);
    lift_address(l, u);
}

void lift_leave(struct lift_state *l, const struct insn_row *row)
{
    (void)row;
    emit_stack(l, UOP_LEAVE_64);
}

/* A helper that works on the stack. */
static struct uop *call_stack(struct lift_state *l, const struct insn_row *row, uop_fn *fn,
                              bool exits)
{
    struct uop *u = exits ? lift_call_exit(l, row, fn) : lift_call(l, row, fn);

    u->osize = lift_size_default64(l);
    u->ss = true;
    return u;
}

void lift_enter(struct lift_state *l, const struct insn_row *row)
{
    call_stack(l, row, help_enter, false)->aux = l->in->imm2 & 31;
}

void lift_push_seg(struct lift_state *l, const struct insn_row *row)
{
    call_stack(l, row, help_push_seg, false);
}

void lift_pop_seg(struct lift_state *l, const struct insn_row *row)
{
    call_stack(l, row, help_pop_seg, true);
}

void lift_pusha(struct lift_state *l, const struct insn_row *row)
{
    call_stack(l, row, help_pusha, false);
}

void lift_popa(struct lift_state *l, const struct insn_row *row)
{
    call_stack(l, row, help_popa, false);
}

void lift_pushf(struct lift_state *l, const struct insn_row *row)
{
    call_stack(l, row, help_pushf, false);
}

void lift_popf(struct lift_state *l, const struct insn_row *row)
{
    call_stack(l, row, help_popf, true);
}

/* --- Strings --------------------------------------------------------------------------------- */

/* A REP string instruction ends its block, because it may stop half-way; so does port I/O. */
void lift_string(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    bool port = row->arg == STR_INS || row->arg == STR_OUTS;
    bool rep = in->pf2 || in->pf3;
    struct uop *u = lift_emit(l, rep ? UOP_REP_STRING : UOP_STRING);
    struct insn es = *in;

    u->osize = lift_size(in);
    if (port && u->osize == 8)
        u->osize = 4;
    u->aux = row->arg;
    u->aux2 = in->pf2 ? 2 : in->pf3 ? 1 : 0;
    lift_address(l, u); /* no base: leaves the source segment */
    u->imm2 = l->next_rip;

    /* The destination is always in ES: its reduced form goes to src. */
    struct uop to = *u;
    es.seg = SEG_ES;
    l->in = &es;
    lift_address(l, &to);
    l->in = in;
    u->src = to.seg;

    l->end = rep;
    if (port && !rep) {
        lift_emit(l, UOP_END)->imm = l->next_rip;
        l->end = true;
    }
}

/* --- Others ---------------------------------------------------------------------------------- */

void lift_pause(struct lift_state *l, const struct insn_row *row)
{
    if (l->in->rex & 1) { /* XCHG R8, rAX: F3 means nothing to it */
        lift_xchg_Z(l, row);
        return;
    }
    lift_emit(l, UOP_PAUSE)->imm = l->next_rip;
    l->end = true;
}

void lift_int(struct lift_state *l, const struct insn_row *row)
{
    lift_call_jump(l, row, help_int);
}
