/* SPDX-License-Identifier: MIT */
/*
 * Lifting of SSE instructions: one micro-op each, in a register and a memory form.
 *
 * Whether SSE may be used (CR0.EM, CR0.TS, CR4.OSFXSR) is part of the block's key; where it may
 * not, a call that raises #UD or #NM stands before the micro-op, which is then never reached. SDM
 * vol. 3 §13.1, vol. 2 §2.4.
 */
#include "cpu/exec.h"
#include "cpu/lift.h"
#include "cpu/uops.h"
#include "cpu/vcpu.h"

static void check_usable(struct vcpu *v, const struct uop *u)
{
    (void)u;
    fpu_check_sse(v);
}

/* Operand size of the general register or memory operand of MOVD, CVTSI2SD, ...: the 66 prefix
 * plays no role. */
static unsigned gpr_size(const struct insn *in)
{
    return in->rex & 8 ? 8 : 4;
}

static struct uop *emit(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    bool mem = in->mod != 3;
    struct uop *u = lift_emit(l, row->arg + (mem && row->mod == ANYMOD));

    u->imm = in->imm & 0xff;
    u->osize = gpr_size(in);
    if (mem)
        lift_address(l, u);
    return u;
}

static void emit_check(struct lift_state *l)
{
    if (!(l->key & KEY_SSE))
        lift_emit(l, UOP_CALL)->helper = check_usable;
}

/* Destination in ModRM.reg, source in ModRM.rm or memory. */
void lift_sse_rm(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u;

    emit_check(l);
    u = emit(l, row);
    u->dst = l->in->reg;
    u->src = l->in->rm;
}

/* Destination in ModRM.rm or memory, source in ModRM.reg. */
void lift_sse_mr(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u;

    emit_check(l);
    u = emit(l, row);
    u->dst = l->in->rm;
    u->src = l->in->reg;
}

/* As lift_sse_mr, for instructions that do not touch SSE state: MOVNTI and the fences work whatever
 * CR0 says. */
void lift_sse_any(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = emit(l, row);

    u->dst = l->in->rm;
    u->src = l->in->reg;
}

/* MASKMOVDQU mm, mask: stores to DS:rDI (or the overriding segment) without a memory operand in
 * ModRM. */
void lift_sse_maskmov(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u;

    emit_check(l);
    u = emit(l, row);
    lift_address_di(l, u);
    u->dst = l->in->reg;
    u->src = l->in->rm;
}
