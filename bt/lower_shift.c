/* SPDX-License-Identifier: MIT */
/*
 * Lowering of shifts, rotates and double shifts of 32 and 64 bits, and of shorter ones by a constant below the width.
 *
 * The host does the operation. Of its flags CF, ZF, SF and PF are the guest's for every count here; OF, which the manual
 * defines for a count of 1 alone, and AF follow cpu/ops_shift.c: the sign's change in the last step, and 0. A count in CL
 * may be 0, and then no flag changes: so where flags are wanted everything is jumped over, and flag analysis has those of
 * before stored (bt_is_by_cl). Rotates through carry are left to the interpreter. SDM vol. 2, SAL/SAR/SHL/SHR, SHLD.
 */
#include "bt/internal.h"

static const u8 shift_ext[] = {
    [OP_ROL] = 0, [OP_ROR] = 1, [OP_SHL] = 4, [OP_SHR] = 5, [OP_SAR] = 7};

bool bt_shift_is_lowered(const struct uop *u, const struct low *l)
{
    if (l->op == OP_RCL || l->op == OP_RCR)
        return false;
    if (bt_is_by_cl(l))
        return l->size >= 4;
    if ((l->op == OP_ROL || l->op == OP_ROR) && !(u->imm & (8u * l->size - 1)))
        return false;
    return l->size >= 4 || u->imm < 8u * l->size;
}

/* The count into CL. `flags`: jump where it is 0; returns the jump's displacement. */
static u8 *load_count(struct trans *t, unsigned size, bool flags)
{
    struct emitter *e = &t->e;

    emit_rr(e, 4, 0x8b, H_CX, bt_pinned(t, R_CX));
    if (!flags)
        return NULL;
    emit_xr(e, 1, 0xf7, 0, H_CX);
    emit8(e, size == 8 ? 63 : 31);
    return emit_jcc(e, 4, NULL);
}

/* ---- By a constant ------------------------------------------------------------------------------------------------- */

static enum flag_shape shift_shape(const struct uop *u, const struct low *l)
{
    if (u->imm == 1)
        return SHAPE_SHIFT1;
    return l->op == OP_SHL ? SHAPE_SHL : SHAPE_SHR;
}

static void shift_by_constant(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    u32 opcode = u->imm == 1 ? 0xd1 : 0xc1;
    struct emitter *e = &t->e;

    if (l->form == FORM_MI) {
        struct host_mem m = bt_access(t, l->size, MMU_RMW, true);

        emit_xm(e, l->size, opcode, shift_ext[l->op], m);
        if (u->imm != 1)
            emit8(e, (unsigned)u->imm);
    } else {
        int dst = bt_use_operand(t, u->dst, l->size, H_DX);

        bt_flags_before(t);
        emit_xr(e, l->size, opcode, shift_ext[l->op], (unsigned)dst);
        if (u->imm != 1)
            emit8(e, (unsigned)u->imm);
        if (dst == H_DX)
            bt_define(t, u->dst, l->size, dst);
    }
    t->host_flags = 0;
    if (l->flags)
        bt_flags_after(t, shift_shape(u, l));
}

/* ---- By CL --------------------------------------------------------------------------------------------------------- */

/* CF as the host left it and OF from the result, which is in RDX; the others stay. */
static void store_rotated(struct trans *t, const struct low *l)
{
    struct host_mem cc = VCPU_AT(cc);
    struct emitter *e = &t->e;

    emit_xr(e, 1, 0x0f92 | EMIT_FIXED, 0, H_CX);
    emit_rr(e, 8, 0x8b, H_AX, H_DX);
    emit_xr(e, l->size, 0xc1, 5, H_AX);
    emit8(e, 8u * l->size - (l->op == OP_ROL ? 1 : 2));
    if (l->op == OP_ROL) {
        emit_rr(e, 4, 0x33, H_AX, H_CX);
    } else {
        emit_rr(e, 4, 0x8b, H_DX, H_AX);
        emit_xr(e, 4, 0xc1, 5, H_DX);
        emit8(e, 1);
        emit_rr(e, 4, 0x33, H_AX, H_DX);
    }
    emit_alu_ri(e, 4, 4, H_AX, 1);
    emit_rm(e, 1, 0x89, H_AX, cc);
    cc.disp++;
    emit_alu_mi(e, 1, 4, cc, 0xfe);
    emit_rm(e, 1, 0x09, H_CX, cc);
}

/* All flags, after a shift by CL, which was not 0; the result is in RDX. */
static void store_shifted(struct trans *t, const struct low *l)
{
    struct emitter *e = &t->e;

    if (l->op != OP_SHR) {
        bt_flags_store(t, l->op == OP_SHL ? SHAPE_SHL : SHAPE_SHR);
        return;
    }
    /* The top bit is 0 now: the two top bits differ where the one below is not. */
    emit8(e, 0x9f);
    emit_alu_ri(e, 4, 4, H_AX, 0xc500);
    emit_xr(e, l->size, 0xc1, 5, H_DX);
    emit8(e, 8u * l->size - 2);
    emit_rr(e, 4, 0x0b, H_AX, H_DX);
    emit_rm(e, 4, 0x89, H_AX, VCPU_AT(cc));
}

static void store_by_cl(struct trans *t, const struct low *l)
{
    if (l->op == OP_ROL || l->op == OP_ROR)
        store_rotated(t, l);
    else
        store_shifted(t, l);
}

static struct host_mem upper_half(unsigned g)
{
    struct host_mem m = bt_slot(g);

    m.disp += 4;
    return m;
}

/* A 32-bit result clears the upper half, whatever the count. */
static void clear_upper(struct trans *t, unsigned g, int reg, unsigned size)
{
    if (size == 4 && bt_home_of(t, g) >= 0)
        emit_rr(&t->e, 4, 0x8b, (unsigned)reg, (unsigned)reg);
    else if (size == 4)
        emit_mov_mi(&t->e, 4, upper_half(g), 0);
}

static void shift_by_cl(struct trans *t, const struct low *l)
{
    bool flags = l->flags && bt_fate(t) != FLAGS_DEAD;
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    u8 *none;

    if (l->form == FORM_MC) {
        struct host_mem m = bt_access(t, l->size, MMU_RMW, true);

        emit_rm(e, 8, 0x8d | EMIT_FIXED, H_AX, m); /* RCX is part of the address */
        none = load_count(t, l->size, flags);
        emit_xm(e, l->size, 0xd3, shift_ext[l->op], host_at(H_AX, 0));
        if (flags)
            emit_rm(e, l->size, 0x8b, H_DX, host_at(H_AX, 0));
    } else {
        int dst = bt_use(t, u->dst, H_DX);

        clear_upper(t, u->dst, dst, l->size);
        none = load_count(t, l->size, flags);
        emit_xr(e, l->size, 0xd3, shift_ext[l->op], (unsigned)dst);
        if (dst == H_DX)
            bt_define(t, u->dst, l->size, dst);
        else if (flags)
            emit_rr(e, 8, 0x8b, H_DX, (unsigned)dst);
    }
    t->host_flags = 0;
    if (flags) {
        store_by_cl(t, l);
        emit_patch(none, e->p);
        bt_flags_are_stored(t);
    }
}

/* A rotate by a constant whose CF and OF are stored. */
static void stored_rotate(struct trans *t, const struct low *l)
{
    struct emitter *e = &t->e;

    if (l->form == FORM_MI) {
        struct host_mem m = bt_access(t, l->size, MMU_RMW, true);

        emit_rm(e, 8, 0x8d | EMIT_FIXED, H_AX, m);
        emit_xm(e, l->size, 0xc1, shift_ext[l->op], host_at(H_AX, 0));
        emit8(e, (unsigned)t->u->imm);
        emit_rm(e, l->size, 0x8b, H_DX, host_at(H_AX, 0));
    } else {
        int dst = bt_use_operand(t, t->u->dst, l->size, H_DX);

        emit_xr(e, l->size, 0xc1, shift_ext[l->op], (unsigned)dst);
        emit8(e, (unsigned)t->u->imm);
        if (dst == H_DX)
            bt_define(t, t->u->dst, l->size, dst);
        else
            emit_rr(e, 8, 0x8b, H_DX, (unsigned)dst);
    }
    store_rotated(t, l);
    bt_flags_are_stored(t);
}

void bt_lower_shift(struct trans *t, const struct low *l)
{
    bool rotates = l->op == OP_ROL || l->op == OP_ROR;

    if (bt_is_by_cl(l))
        shift_by_cl(t, l);
    else if (rotates && l->flags && bt_fate(t) == FLAGS_STORE)
        stored_rotate(t, l);
    else
        shift_by_constant(t, l);
}

/* ---- Double shifts ------------------------------------------------------------------------------------------------- */

/* OF says whether the sign changed, for any count: the old value is in vcpu->t.target, the new one in RDX. */
static void store_double(struct trans *t, unsigned size)
{
    struct emitter *e = &t->e;

    emit8(e, 0x9f);
    emit_alu_ri(e, 4, 4, H_AX, 0xc500);
    emit_rm(e, 8, 0x33, H_DX, VCPU_AT(t.target));
    emit_xr(e, size, 0xc1, 5, H_DX);
    emit8(e, 8u * size - 1);
    emit_rr(e, 4, 0x0b, H_AX, H_DX);
    emit_rm(e, 4, 0x89, H_AX, VCPU_AT(cc));
}

static void double_in_memory(struct trans *t, const struct low *l, u32 opcode, bool flags)
{
    struct host_mem m = bt_access(t, l->size, MMU_RMW, true);
    struct emitter *e = &t->e;
    u8 *none = NULL;
    int src;

    emit_rm(e, 8, 0x8d | EMIT_FIXED, H_AX, m);
    m = host_at(H_AX, 0);
    if (flags) {
        emit_rm(e, l->size, 0x8b, H_DX, m);
        emit_rm(e, 8, 0x89, H_DX, VCPU_AT(t.target));
    }
    src = bt_use(t, t->u->src, H_DX);
    if (bt_is_by_cl(l))
        none = load_count(t, l->size, flags);
    emit_rm(e, l->size, opcode, (unsigned)src, m);
    if (!bt_is_by_cl(l))
        emit8(e, (unsigned)t->u->imm);
    if (flags) {
        emit_rm(e, l->size, 0x8b, H_DX, m);
        store_double(t, l->size);
    }
    if (none)
        emit_patch(none, e->p);
}

static void double_in_register(struct trans *t, const struct low *l, u32 opcode, bool flags)
{
    int dst = bt_use(t, t->u->dst, H_DX), src = bt_use(t, t->u->src, H_AX);
    struct emitter *e = &t->e;
    u8 *none = NULL;

    clear_upper(t, t->u->dst, dst, l->size);
    if (flags)
        emit_rm(e, 8, 0x89, (unsigned)dst, VCPU_AT(t.target));
    if (bt_is_by_cl(l))
        none = load_count(t, l->size, flags);
    emit_rr(e, l->size, opcode, (unsigned)src, (unsigned)dst);
    if (!bt_is_by_cl(l))
        emit8(e, (unsigned)t->u->imm);
    if (dst == H_DX)
        bt_define(t, t->u->dst, l->size, dst);
    if (flags) {
        if (dst != H_DX)
            emit_rr(e, 8, 0x8b, H_DX, (unsigned)dst);
        store_double(t, l->size);
    }
    if (none)
        emit_patch(none, e->p);
}

void bt_lower_double_shift(struct trans *t, const struct low *l)
{
    bool left = t->u->op < UOP_SHRD_RI16, flags = l->flags && bt_fate(t) != FLAGS_DEAD;
    u32 opcode = EMIT_FIXED | ((left ? 0x0fa4 : 0x0fac) + bt_is_by_cl(l));

    if (l->form == FORM_MI || l->form == FORM_MC)
        double_in_memory(t, l, opcode, flags);
    else
        double_in_register(t, l, opcode, flags);
    t->host_flags = 0;
    if (flags)
        bt_flags_are_stored(t);
}
