/* SPDX-License-Identifier: MIT */
/*
 * Lifting of x87, MMX, FXSAVE and XSAVE instructions: one micro-op each, whose id is the row's
 * argument.
 *
 * Whether the FPU is usable is part of the block's key (KEY_FPU), so usable code pays no check of
 * CR0; elsewhere a micro-op in front raises #NM or #UD. Pending x87 faults are state, not mode:
 * each handler looks at ES.
 */
#include "cpu/lift.h"
#include "cpu/uops.h"
#include "cpu/vcpu.h"

void lift_x87(struct lift_state *l, const struct insn_row *row);
void lift_x87_control(struct lift_state *l, const struct insn_row *row);
void lift_mmx(struct lift_state *l, const struct insn_row *row);
void lift_maskmovq(struct lift_state *l, const struct insn_row *row);
void lift_xsetbv(struct lift_state *l, const struct insn_row *row);
void op_xsetbv(struct vcpu *v, const struct uop *u);
void lift_xrstor(struct lift_state *l, const struct insn_row *row);
void op_xrstor(struct vcpu *v, const struct uop *u);

static struct uop *emit(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    struct uop *u = lift_emit(l, row->arg);

    if (in->has_modrm && in->mod != 3)
        lift_address(l, u);
    u->dst = in->reg;
    u->src = in->rm;
    return u;
}

/* FWAIT, FXSAVE and the like: they check CR0 themselves. */
void lift_x87_control(struct lift_state *l, const struct insn_row *row)
{
    emit(l, row);
}

void lift_x87(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;

    if (!(l->key & KEY_FPU))
        lift_emit(l, UOP_X87_UNAVAILABLE);
    struct uop *u = emit(l, row);
    u->src = in->rm & 7;
    u->aux = in->reg & 7;
    u->aux2 = in->seg;
    u->imm = (in->opcode & 7) << 8 | in->modrm;
}

/* In the micro-op aux2 says that the source is in memory. */
void lift_mmx(struct lift_state *l, const struct insn_row *row)
{
    if (!(l->key & KEY_FPU))
        lift_emit(l, UOP_MMX_UNAVAILABLE);
    struct uop *u = emit(l, row);
    u->aux2 = l->in->has_modrm && l->in->mod != 3;
}

/* The store goes to [DS:rDI], DS may be overridden. */
void lift_maskmovq(struct lift_state *l, const struct insn_row *row)
{
    if (!(l->key & KEY_FPU))
        lift_emit(l, UOP_MMX_UNAVAILABLE);
    lift_address_di(l, emit(l, row));
}

void lift_xsetbv(struct lift_state *l, const struct insn_row *row)
{
    lift_call_exit(l, row, op_xsetbv);
}

void lift_xrstor(struct lift_state *l, const struct insn_row *row)
{
    lift_call_exit(l, row, op_xrstor);
}
