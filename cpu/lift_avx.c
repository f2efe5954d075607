/* SPDX-License-Identifier: MIT */
/*
 * Lifting of VEX-encoded vector instructions: one micro-op each, in a register and a memory form.
 *
 * Whether they may be used (CR4.OSXSAVE, XCR0, CR0.TS; CR0.EM and CR4.OSFXSR play no role) is part of the block's key, as for SSE:
 * where they may not, a call that raises stands before the micro-op. SDM vol. 1 §14.8, vol. 2 table 2-14 ff.
 */
#include "cpu/exec.h"
#include "cpu/lift.h"
#include "cpu/uops.h"

static void check_usable(struct vcpu *v, const struct uop *u)
{
    (void)u;
    fpu_check_avx(v);
}

/* vvvv is the first source, or the mask. */
static struct uop *emit(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    bool mem = in->has_modrm && in->mod != 3;
    struct uop *u;

    if (!(l->key & KEY_AVX))
        lift_emit(l, UOP_CALL)->helper = check_usable;
    u = lift_emit(l, row->arg + (mem && row->mod == ANYMOD));
    u->imm = in->imm & 0xff;
    if ((l->key & KEY_CODE) != CODE_64 && strchr(row->operands, 'L'))
        u->imm &= 0x7f; /* the number of one of eight registers */
    u->aux = in->vvvv;
    u->aux2 = in->vex_l;
    if (mem)
        lift_address(l, u);
    return u;
}

/* Destination in ModRM.reg, source in ModRM.rm or memory. */
void lift_avx_rm(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = emit(l, row);

    u->dst = l->in->reg;
    u->src = l->in->rm;
}

/* Destination in ModRM.rm or memory, source in ModRM.reg. */
void lift_avx_mr(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = emit(l, row);

    u->dst = l->in->rm;
    u->src = l->in->reg;
}

/* Shifts by immediate: destination in VEX.vvvv, source in ModRM.rm. */
void lift_avx_shift(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = emit(l, row);

    u->dst = l->in->vvvv;
    u->src = l->in->rm;
}

/* VZEROUPPER, VZEROALL: the number of registers in `aux`. */
void lift_avx_any(struct lift_state *l, const struct insn_row *row)
{
    emit(l, row)->aux = (l->key & KEY_CODE) == CODE_64 ? 16 : 8;
}

/* Destination, index and mask must be three registers, and there must be a SIB byte. */
void lift_avx_gather(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    struct uop *u;

    if ((in->modrm & 7) != 4 || in->reg == in->vvvv || in->reg == in->index ||
        in->index == in->vvvv) {
        lift_undefined(l);
        return;
    }
    u = emit(l, row);
    u->dst = in->reg;
}

/* VMASKMOVDQU: stores to DS:rDI (or the overriding segment) without a memory operand in ModRM. */
void lift_avx_maskmov(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = emit(l, row);

    lift_address_di(l, u);
    u->dst = l->in->reg;
    u->src = l->in->rm;
}
