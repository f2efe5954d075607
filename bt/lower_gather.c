/* SPDX-License-Identifier: MIT */
/*
 * Lowering of gathers: each selected element is looked up in the soft TLB like an operand of its own and inserted.
 *
 * Until the last element is there the guest has to find everything as it was, since any of them may fault or miss: so destination,
 * mask and index are put aside first. The destination's register collects its lower half; the mask's, which ends as 0 anyway, the upper
 * one. If an element is not at hand both get back what they held, and the interpreter does the instruction from its beginning, with what a
 * fault half-way leaves (cpu/ops_avx_masked.c); that fills the TLB, too.
 *
 * In 64-bit code, without a segment base. The host's own gather is no use: its addresses are not the guest's. Intel SDM vol. 2 VPGATHERDD.
 */
#include "bt/internal.h"

enum { ASIDE_TO, ASIDE_MASK, ASIDE_INDEX };
enum { PP_66 = 1, PP_F3 = 2 };

struct gather {
    unsigned size, index_size, n, low; /* elements, and how many of them make 16 bytes */
};

static struct gather gather_of(const struct uop *u)
{
    bool index64 = u->op == UOP_AVX_gatherqd_m || u->op == UOP_AVX_gatherqq_m;
    bool data64 = u->op == UOP_AVX_gatherdq_m || u->op == UOP_AVX_gatherqq_m;
    struct gather g = {.size = data64 ? 8 : 4, .index_size = index64 ? 8 : 4};

    g.n = (u->aux2 ? 32 : 16) / MAX(g.size, g.index_size);
    g.low = 16 / g.size;
    return g;
}

static struct host_mem aside(unsigned which, unsigned byte)
{
    struct host_mem m = VCPU_AT(t.aside);

    m.disp += (i32)(which * sizeof(((struct translated *)0)->aside[0]) + byte);
    return m;
}

/* VMOVDQU of the whole register, 7f to memory or 6f from there. */
static void move_aside(struct emitter *e, u8 opcode, unsigned reg, unsigned which)
{
    emit_vex_rm(e, (struct vex){.op = opcode, .map = 1, .pp = PP_F3, .l = 1}, reg, aside(which, 0));
}

static void emit_rr_imm(struct emitter *e, struct vex x, unsigned reg, unsigned rm, unsigned imm)
{
    emit_vex_rr(e, x, reg, rm);
    emit8(e, imm);
}

/* The address of element i into RCX. */
static void element_address(struct trans *t, const struct gather *g, unsigned i)
{
    const struct uop *u = t->u;
    struct host_mem m = {H_NONE, H_CX, u->shift, (i32)u->disp};

    emit_rm(&t->e, 8, g->index_size == 4 ? 0x63 : 0x8b, H_CX,
            aside(ASIDE_INDEX, i * g->index_size));
    if (u->base != UREG_ZERO)
        m.base = (i8)bt_use(t, u->base, H_AX);
    emit_rm(&t->e, 8, 0x8d | EMIT_FIXED, H_CX, m);
}

/* Element i, if it is selected. Returns the jump that is taken if it is not at hand. */
static u8 *one_element(struct trans *t, const struct gather *g, unsigned i)
{
    const struct uop *u = t->u;
    unsigned to = i < g->low ? u->dst : u->aux;
    struct emitter *e = &t->e;
    u8 *over, *fails;

    emit_alu_mi(e, 4, 7, aside(ASIDE_MASK, i * g->size + g->size - 4), 0);
    over = emit_jcc(e, 9, NULL);
    element_address(t, g, i);
    fails = bt_tlb_compare(t, H_CX, g->size, MMU_READ);
    emit_rm(e, 8, 0x8b, H_AX, bt_tlb_addend(t));
    emit_vex_rm(e, /* VPINSRD, VPINSRQ */
                (struct vex){.op = 0x22, .map = 3, .pp = PP_66, .w = g->size == 8, .vvvv = (u8)to},
                to, (struct host_mem){H_CX, H_AX, 0, 0});
    emit8(e, i % g->low);
    emit_patch(over, e->p);
    return fails;
}

/* The parts of the destination together, what lies above them cleared; and the mask. */
static void finish(struct trans *t, const struct gather *g)
{
    const u8 dst = t->u->dst, mask = t->u->aux;
    struct emitter *e = &t->e;

    if (g->n > g->low) /* VINSERTI128 */
        emit_rr_imm(e, (struct vex){.op = 0x38, .map = 3, .pp = PP_66, .l = 1, .vvvv = dst}, dst,
                    mask, 1);
    else if (g->n * g->size == 16) /* VMOVDQA */
        emit_vex_rr(e, (struct vex){.op = 0x6f, .map = 1, .pp = PP_66}, dst, dst);
    else /* VMOVQ */
        emit_vex_rr(e, (struct vex){.op = 0x7e, .map = 1, .pp = PP_F3}, dst, dst);
    emit_vex_rr(e, (struct vex){.op = 0xef, .map = 1, .pp = PP_66, .vvvv = mask}, mask, mask);
}

bool bt_gather_is_lowered(const struct uop *u)
{
    return u->seg == SEG_NONE && u->disp == (i32)u->disp;
}

void bt_lower_gather(struct trans *t)
{
    const struct uop *u = t->u;
    const struct gather g = gather_of(u);
    struct emitter *e = &t->e;
    u8 *fails[8], *done;

    move_aside(e, 0x7f, u->dst, ASIDE_TO);
    move_aside(e, 0x7f, u->aux, ASIDE_MASK);
    move_aside(e, 0x7f, u->index, ASIDE_INDEX);
    if (g.n > g.low) /* VEXTRACTI128 */
        emit_rr_imm(e, (struct vex){.op = 0x39, .map = 3, .pp = PP_66, .l = 1}, u->dst, u->aux, 1);
    for (unsigned i = 0; i < g.n; i++)
        fails[i] = one_element(t, &g, i);
    finish(t, &g);
    done = emit_jmp(e, NULL);
    for (unsigned i = 0; i < g.n; i++)
        emit_patch(fails[i], e->p);
    move_aside(e, 0x6f, u->dst, ASIDE_TO);
    move_aside(e, 0x6f, u->aux, ASIDE_MASK);
    bt_slow_if(t, -1, bt_point(t, 0, 0));
    emit_patch(done, e->p);
    t->host_flags = 0;
}
