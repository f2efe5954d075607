/* SPDX-License-Identifier: MIT */
/*
 * Lowering of what looks at bits: BT and its like, scans, POPCNT, CRC32.
 *
 * A bit number in a register moves the address of a memory operand: that part is computed here, and then the element is a
 * memory operand like others. What a scan of 0 gives, and flags that the manual leaves undefined, are as in cpu/ops_bit.c.
 * Every host has SSE4.2 and POPCNT (src/host/cpu.c). TZCNT and LZCNT, which not every host has, are left to the
 * interpreter. SDM vol. 2, BT, BSF, POPCNT, CRC32.
 */
#include "bt/internal.h"

enum { BITS_BSF, BITS_BSR, BITS_TZCNT, BITS_LZCNT, BITS_POPCNT };

bool bt_bits_is_lowered(const struct low *l)
{
    return l->size >= 4 && l->op != BITS_TZCNT && l->op != BITS_LZCNT;
}

/* ---- One bit ------------------------------------------------------------------------------------------------------- */

/* CF alone changes in vcpu->cc. */
void bt_replace_carry(struct trans *t)
{
    struct host_mem cc = VCPU_AT(cc);

    cc.disp++;
    emit_xr(&t->e, 1, 0x0f92 | EMIT_FIXED, 0, H_AX);
    emit_alu_mi(&t->e, 1, 4, cc, 0xfe);
    emit_rm(&t->e, 1, 0x09, H_AX, cc);
    t->host_flags = 0;
}

static void carry_after(struct trans *t)
{
    t->host_flags = UF_C;
    if (bt_fate(t) == FLAGS_STORE) {
        bt_replace_carry(t);
        bt_flags_are_stored(t);
    } else {
        bt_flags_after(t, SHAPE_HOST);
    }
}

/* The element that the bit number in register u->src leads to, in RAX and RCX; RDX is free. */
static struct host_mem distant(struct trans *t, unsigned size, unsigned access)
{
    static const u8 bits_log2[] = {[2] = 4, [4] = 5, [8] = 6};
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    u32 point = bt_point(t, 0, 0);
    int src;

    bt_offset(t, u, H_CX, bt_offset_size(u));
    src = bt_use(t, u->src, H_AX);
    if (size == 2) {
        emit_rr(e, 8, 0x0fbf | EMIT_FIXED, H_AX, (unsigned)src); /* MOVSX */
    } else if (size == 4) {
        emit_rr(e, 8, 0x63, H_AX, (unsigned)src);
    } else if (src != H_AX) {
        emit_rr(e, 8, 0x8b, H_AX, (unsigned)src);
    }
    emit_xr(e, 8, 0xc1, 7, H_AX);
    emit8(e, bits_log2[size]);
    emit_rm(e, bt_offset_size(u), 0x8d | EMIT_FIXED, H_CX,
            (struct host_mem){H_CX, H_AX, size == 8 ? 3 : size / 2, 0});
    bt_add_segment(t, size);
    return bt_access_at(t, H_CX, size, access, point);
}

static void bit_in_distance(struct trans *t, const struct low *l)
{
    struct host_mem m = distant(t, l->size, l->op ? MMU_RMW : MMU_READ);
    struct emitter *e = &t->e;
    int src;

    emit_rm(e, 8, 0x8d | EMIT_FIXED, H_CX, m);
    m = host_at(H_CX, 0);
    src = bt_use(t, t->u->src, H_AX);
    emit_rm(e, l->size, 0x8b, H_DX, m);
    emit_rr(e, l->size, (0x0fa3 + 8u * l->op) | EMIT_FIXED, (unsigned)src, H_DX);
    if (l->op)
        emit_rm(e, l->size, 0x89, H_DX, m);
}

static void bit_in_register(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    int dst = bt_use(t, u->dst, H_DX);
    struct emitter *e = &t->e;

    bt_flags_before(t);
    if (l->form == FORM_RI) {
        emit_xr(e, l->size, 0x0fba | EMIT_FIXED, 4u + l->op, (unsigned)dst);
        emit8(e, u->imm & (8u * l->size - 1));
    } else {
        int src = bt_use(t, u->src, H_CX);

        emit_rr(e, l->size, (0x0fa3 + 8u * l->op) | EMIT_FIXED, (unsigned)src, (unsigned)dst);
    }
    if (l->op != 0 && dst == H_DX)
        bt_define(t, u->dst, l->size, dst);
}

void bt_lower_bit(struct trans *t, const struct low *l)
{
    if (l->form == FORM_MR) {
        bit_in_distance(t, l);
    } else if (l->form == FORM_MI) {
        struct host_mem m = bt_access(t, l->size, l->op ? MMU_RMW : MMU_READ, true);

        emit_xm(&t->e, l->size, 0x0fba | EMIT_FIXED, 4u + l->op, m);
        emit8(&t->e, t->u->imm & (8u * l->size - 1));
    } else {
        bit_in_register(t, l);
    }
    carry_after(t);
}

void bt_lower_locked_bit(struct trans *t, const struct low *l, unsigned op)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    struct host_mem m;

    if (u->aux) {
        m = bt_access(t, l->size, MMU_RMW, true);
        emit8(e, 0xf0);
        emit_xm(e, l->size, 0x0fba | EMIT_FIXED, 4 + op, m);
        emit8(e, u->imm & (8u * l->size - 1));
    } else {
        m = distant(t, l->size, MMU_RMW);
        emit_rr(e, 4, 0x8b, H_DX, (unsigned)bt_use(t, u->src, H_DX));
        emit_alu_ri(e, 4, 4, H_DX, 8u * l->size - 1); /* the host's stays in the element, too */
        emit8(e, 0xf0);
        emit_rm(e, l->size, (0x0fa3 + 8u * op) | EMIT_FIXED, H_DX, m);
    }
    carry_after(t);
}

/* ---- Scans and counts ---------------------------------------------------------------------------------------------- */

/* Flags: all clear but ZF. The destination stays if the source is 0; 32 bits then keep their upper half. */
static void lower_scan(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    u32 opcode = l->op == BITS_BSF ? 0x0fbc | EMIT_FIXED : 0x0fbd | EMIT_FIXED;
    int dst;

    if (l->form == FORM_M) {
        struct host_mem m = bt_access(t, l->size, MMU_READ, true);

        emit_rm(e, l->size, 0x8b, H_CX, m);
    } else {
        int src = bt_use(t, u->src, H_CX);

        if (src != H_CX)
            emit_rr(e, 8, 0x8b, H_CX, (unsigned)src);
    }
    dst = bt_use(t, u->dst, H_DX);
    emit_rr(e, l->size, opcode, H_AX, H_CX);
    emit_rr(e, 8, 0x0f44 | EMIT_FIXED, H_AX, (unsigned)dst); /* CMOVZ */
    if (bt_fate(t) != FLAGS_DEAD) {
        emit_xr(e, 1, 0x0f94 | EMIT_FIXED, 0, H_CX);
        emit_rr(e, 4, 0x0fb6 | EMIT_FIXED, H_CX, H_CX);
        emit_xr(e, 4, 0xc1, 4, H_CX);
        emit8(e, 14);
        emit_rm(e, 4, 0x89, H_CX, VCPU_AT(cc));
        bt_flags_are_stored(t);
    }
    bt_define(t, u->dst, 8, H_AX);
    t->host_flags = 0;
}

static void lower_popcnt(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    int home = bt_home_of(t, u->dst);
    unsigned to = home >= 0 ? (unsigned)home : H_DX;
    u32 opcode = EMIT_F3 | EMIT_FIXED | 0x0fb8;

    if (l->form == FORM_M)
        emit_rm(&t->e, l->size, opcode, to, bt_access(t, l->size, MMU_READ, true));
    else
        emit_rr(&t->e, l->size, opcode, to, (unsigned)bt_use(t, u->src, H_CX));
    if (home < 0)
        bt_define(t, u->dst, 8, H_DX);
    bt_flags_after(t, SHAPE_HOST);
}

void bt_lower_bits(struct trans *t, const struct low *l)
{
    if (l->op == BITS_POPCNT)
        lower_popcnt(t, l);
    else
        lower_scan(t, l);
}

void bt_lower_crc32(struct trans *t, bool memory)
{
    const struct uop *u = t->u;
    int home = bt_home_of(t, u->dst);
    unsigned to = home >= 0 ? (unsigned)home : H_DX;
    u32 opcode = EMIT_F2 | 0x0f38f1;
    struct emitter *e = &t->e;

    if (memory) {
        struct host_mem m = bt_access(t, u->osize, MMU_READ, true);

        bt_use(t, u->dst, H_DX);
        emit_rm(e, u->osize, opcode, to, m);
    } else {
        int src = bt_use_operand(t, u->src, u->osize, H_CX);

        bt_use(t, u->dst, H_DX);
        emit_opcode(e, u->osize, opcode, to, 0, (unsigned)src, false, u->osize == 1);
        emit8(e, 0xc0 | (to & 7) << 3 | ((unsigned)src & 7));
    }
    if (home < 0)
        bt_define(t, u->dst, 8, H_DX);
    t->host_flags = 0;
}
