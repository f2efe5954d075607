/* SPDX-License-Identifier: MIT */
/*
 * Lowering of string instructions whose operands are in segments without a base: single MOVS, STOS, LODS, SCAS and CMPS,
 * and REP MOVS and STOS, upwards. Whatever is out of the ordinary is the interpreter's, from the same registers: DF set, a
 * miss in the TLB, a page's end, other segments.
 *
 * REP does all its iterations with the host's REP, if they stay within one page of each operand and the budget covers
 * them. Nobody is served meanwhile: that takes microseconds at the worst (a page, byte by byte, where the operands
 * overlap), and the next block looks. Everything longer is done by the interpreter's routine, page by page, which looks
 * between two.
 *
 * Indexes of 32 bits are read and written as such: what the guest's registers have above does not count, and is 0 behind a
 * write. Flag analysis takes all of these for calls, so what a comparison finds goes to vcpu->cc. SDM vol. 1 §7.3.9.
 */
#include "bt/internal.h"
#include "cpu/lift_int.h"

static bool is_flat(unsigned seg)
{
    return seg == SEG_NONE || seg == SEG_FLAT32;
}

static bool reads_si(const struct uop *u)
{
    return u->aux == STR_MOVS || u->aux == STR_LODS || u->aux == STR_CMPS;
}

static bool uses_di(const struct uop *u)
{
    return u->aux != STR_LODS;
}

static bool string_is_lowered(const struct uop *u)
{
    if (u->aux != STR_MOVS && u->aux != STR_STOS && u->aux != STR_LODS && u->aux != STR_SCAS &&
        u->aux != STR_CMPS)
        return false;
    return u->asize >= 4 && (!reads_si(u) || is_flat(u->seg)) && (!uses_di(u) || is_flat(u->src));
}

static void need_upwards(struct trans *t, u32 point)
{
    emit_xm(&t->e, 4, 0xf7, 0, VCPU_AT(rflags));
    emit32(&t->e, FL_DF);
    bt_slow_if(t, 5, point);
}

/* The element at index register g, checked. RCX is part of it if indexes have 32 bits. */
static struct host_mem element(struct trans *t, unsigned g, unsigned access, u32 point)
{
    const struct uop *u = t->u;
    int reg = bt_home[g];

    if (u->asize == 4) {
        emit_rr(&t->e, 4, 0x8b, H_CX, (unsigned)reg);
        reg = H_CX;
    }
    return bt_access_at(t, reg, u->osize, access, point);
}

/* ---- One element ---------------------------------------------------------------------------------------------------- */

static void step_over(struct trans *t, unsigned g)
{
    unsigned home = (unsigned)bt_home[g];

    emit_rm(&t->e, t->u->asize, 0x8d | EMIT_FIXED, home, host_at((enum host_reg)home, t->u->osize));
}

/* The element at RSI to vcpu->t.target. */
static void take_source(struct trans *t, u32 point)
{
    emit_rm(&t->e, t->u->osize, 0x8b, H_DX, element(t, R_SI, MMU_READ, point));
    emit_rm(&t->e, 8, 0x89, H_DX, VCPU_AT(t.target));
}

bool bt_lower_string(struct trans *t)
{
    const struct uop *u = t->u;
    unsigned size = u->osize, ax = (unsigned)bt_home[R_AX];
    struct emitter *e = &t->e;
    struct host_mem m;
    u32 point;

    if (!string_is_lowered(u))
        return false;
    point = bt_point(t, 0, 0);
    need_upwards(t, point);
    if (reads_si(u))
        take_source(t, point);
    if (uses_di(u))
        m = element(t, R_DI, u->aux == STR_MOVS || u->aux == STR_STOS ? MMU_WRITE : MMU_READ,
                    point);
    switch (u->aux) {
    case STR_LODS: bt_define(t, 0, size, H_DX); break;
    case STR_STOS: emit_rm(e, size, 0x89, ax, m); break;
    case STR_SCAS: emit_rm(e, size, 0x3b, ax, m); break;
    default:
        emit_rm(e, 8, 0x8b, H_DX, VCPU_AT(t.target));
        emit_rm(e, size, u->aux == STR_MOVS ? 0x89 : 0x3b, H_DX, m);
        break;
    }
    if (u->aux == STR_SCAS || u->aux == STR_CMPS)
        bt_flags_store(t, SHAPE_HOST);
    t->host_flags = 0;
    if (reads_si(u))
        step_over(t, R_SI);
    if (uses_di(u))
        step_over(t, R_DI);
    return true;
}

/* ---- REP ------------------------------------------------------------------------------------------------------------ */

/* Not beyond the end of the page that register `g` points into; the count is in RCX. */
static void check_page(struct trans *t, unsigned g, unsigned shift, u32 point)
{
    emit_rr(&t->e, 4, 0x8b, H_AX, (unsigned)bt_home[g]);
    emit_alu_ri(&t->e, 4, 4, H_AX, 0xfff);
    emit_rm(&t->e, 8, 0x8d | EMIT_FIXED, H_AX, (struct host_mem){H_AX, H_CX, (u8)shift, 0});
    emit_alu_ri(&t->e, 8, 7, H_AX, 0x1000);
    bt_slow_if(t, 7, point);
}

static void load_count(struct trans *t)
{
    emit_rr(&t->e, t->u->asize, 0x8b, H_CX, (unsigned)bt_home[R_CX]);
}

static void move_on(struct trans *t, unsigned g, unsigned shift)
{
    unsigned home = (unsigned)bt_home[g];

    emit_rm(&t->e, t->u->asize, 0x8d | EMIT_FIXED, home,
            (struct host_mem){(i8)home, H_CX, (u8)shift, 0});
}

/* The host's REP, with RDX the destination, vcpu->t.target the source, and RCX the count. */
static void repeat(struct trans *t, unsigned size, bool moves)
{
    struct emitter *e = &t->e;

    emit_rr(e, 8, 0x87, H_DX, H_DI);
    if (moves)
        emit_rm(e, 8, 0x8b, H_SI, VCPU_AT(t.target));
    else
        emit_rr(e, 8, 0x8b, H_AX, (unsigned)bt_home[R_AX]);
    emit8(e, 0xf3);
    emit_opcode(e, size, moves ? 0xa5 : 0xab, 0, 0, 0, false, false);
    emit_rr(e, 8, 0x8b, H_DI, H_DX);
    emit_rr(e, 4, 0x33, (unsigned)bt_home[R_CX], (unsigned)bt_home[R_CX]);
}

/* The whole of it at once. The block was charged one iteration. */
bool bt_lower_rep_string(struct trans *t)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    unsigned size = u->osize, shift = size == 8 ? 3 : size / 2;
    bool moves = u->aux == STR_MOVS;
    u32 point;
    u8 *none;

    if ((!moves && u->aux != STR_STOS) || !string_is_lowered(u))
        return false;
    point = bt_point(t, 0, 0);
    need_upwards(t, point);
    load_count(t);
    emit_rr(e, 8, 0x85, H_CX, H_CX);
    none = emit_jcc(e, 4, NULL);
    emit_alu_ri(e, 8, 7, H_CX, 0x1000 >> shift);
    bt_slow_if(t, 7, point);
    emit_rm(e, 4, 0x3b, H_CX, VCPU_AT(p.budget.left));
    bt_slow_if(t, 7, point);
    check_page(t, R_DI, shift, point);
    if (moves) {
        check_page(t, R_SI, shift, point);
        emit_rm(e, 8, 0x8d | EMIT_FIXED, H_DX, element(t, R_SI, MMU_READ, point));
        emit_rm(e, 8, 0x89, H_DX, VCPU_AT(t.target));
    }
    emit_rm(e, 8, 0x8d | EMIT_FIXED, H_DX, element(t, R_DI, MMU_WRITE, point));
    if (u->asize == 4)
        load_count(t);
    emit_rm(e, 4, 0x8d | EMIT_FIXED, H_AX, host_at(H_CX, -1));
    emit_rm(e, 4, 0x29, H_AX, VCPU_AT(p.budget.left));
    move_on(t, R_DI, shift);
    if (moves)
        move_on(t, R_SI, shift);
    repeat(t, size, moves);
    emit_patch(none, e->p);
    bt_exit_direct(t, u->imm2);
    return true;
}
