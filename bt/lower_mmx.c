/* SPDX-License-Identifier: MIT */
/*
 * Lowering of MMX micro-ops: the host's instruction of the same opcode, on the host's register of the same number.
 *
 * MMX registers are the mantissas of the x87 registers, which the host's x87 unit holds while vcpu->t.x87_live is set
 * (bt/lower_x87.c): so the host's MMX instruction finds its operands there, and does to TOP, tags and exponents what the
 * guest's does (TOP = 0, all valid, FFFF above what is written; EMMS: all empty). Unlike x87 instructions they leave the
 * pointers to the last instruction alone, and none of them can raise anything in the states that are loaded. Memory
 * operands need no alignment. The opcodes come from the rows of the instruction table.
 *
 * MASKMOVQ is called, and so are the conversions between MMX and SSE. SDM vol. 1 §9.5, vol. 3 §12.2.
 */
#include "bt/internal.h"
#include "cpu/lift.h"

/* What stands where in the host's instruction. */
enum mmx_shape {
    MMX_NOT,
    MMX_PQ,     /* mm, mm/m */
    MMX_STORE,  /* mm/m, mm */
    MMX_SHIFT,  /* mm by immediate, opcode extension */
    MMX_FROM_G, /* mm, r/m */
    MMX_ST_G,   /* r/m, mm */
    MMX_TO_G,   /* r, mm */
    MMX_EMMS,
};

struct mmx_row {
    u16 uop;
    u8 map, opcode;
    i16 ext;
    const char *operands;
};

#define INSN(map, op, pfx, ext, mod, mode, NAME, opnds, lifter, arg, feat)                         \
    {arg, map, op, ext, opnds},
static const struct mmx_row rows[] = {
#include "cpu/insn_mmx.def"
};
#undef INSN

/* Operands as the table writes them; bytes of memory, 0: 4, or 8 with REX.W. */
static const struct {
    const char *operands;
    u8 shape, bytes;
} shapes[] = {
    {"Pq,Qq", MMX_PQ, 8},      {"Pq,Qd", MMX_PQ, 4},
    {"Pq,Qq,Ib", MMX_PQ, 8},   {"Qq,Pq", MMX_STORE, 8},
    {"Nq,Ib", MMX_SHIFT, 0},   {"Pq,Ey", MMX_FROM_G, 0},
    {"Ey,Pq", MMX_ST_G, 0},    {"Pq,RdMw,Ib", MMX_FROM_G, 2},
    {"Gd,Nq,Ib", MMX_TO_G, 0}, {"Gd,Nq", MMX_TO_G, 0},
    {"", MMX_EMMS, 0},
};

void bt_low_init_mmx(void)
{
    static const u32 map[] = {[M0F] = 0x0f00, [M38] = 0x0f3800, [M3A] = 0x0f3a00};

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        for (unsigned k = 0; k < ARRAY_SIZE(shapes); k++)
            if (!strcmp(rows[i].operands, shapes[k].operands))
                bt_low[rows[i].uop] = (struct low){
                    .kind = LOW_MMX,
                    .form = FORM_R, /* or memory: the micro-op says so itself */
                    .host = EMIT_FIXED | map[rows[i].map] | rows[i].opcode,
                    .sse = shapes[k].shape,
                    .from = shapes[k].bytes,
                    .size = strstr(rows[i].operands, "Ib") ? 1 : 0, /* an immediate byte follows */
                    .op = (u8)(rows[i].ext == XX ? 0 : rows[i].ext),
                };
}

bool bt_mmx_is_lowered(const struct uop *u)
{
    return !u->aux2 || bt_can_address(u);
}

u32 bt_mmx_defines(const struct uop *u)
{
    switch ((enum mmx_shape)bt_low[u->op].sse) {
    case MMX_ST_G: return u->aux2 ? 0 : (u32)BIT(u->src);
    case MMX_TO_G: return BIT(u->dst);
    default: return 0;
    }
}

/* ---- Emission -------------------------------------------------------------------------------------------------------- */

/* Bytes of the general operand. */
static unsigned general_size(const struct trans *t, const struct low *l)
{
    return t->u->osize == 8 && !l->from ? 8 : 4;
}

static void to_general(struct trans *t, const struct low *l, unsigned size, unsigned g, bool store)
{
    int home = bt_home_of(t, g);
    unsigned to = home >= 0 ? (unsigned)home : H_DX;

    if (store)
        emit_rr(&t->e, size, l->host, t->u->dst & 7, to);
    else
        emit_rr(&t->e, size, l->host, to, t->u->src & 7);
    if (l->size)
        emit8(&t->e, (unsigned)t->u->imm);
    if (home < 0)
        bt_define(t, g, 8, H_DX);
}

static void with_registers(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;

    switch ((enum mmx_shape)l->sse) {
    case MMX_ST_G: to_general(t, l, general_size(t, l), u->src, true); return;
    case MMX_TO_G: to_general(t, l, 4, u->dst, false); return;
    case MMX_FROM_G:
        emit_rr(e, general_size(t, l), l->host, u->dst & 7, (unsigned)bt_use(t, u->src, H_CX));
        break;
    case MMX_SHIFT: emit_xr(e, 4, l->host, l->op, u->src & 7); break;
    default: emit_rr(e, 4, l->host, u->dst & 7, u->src & 7); break;
    }
    if (l->size)
        emit8(e, (unsigned)u->imm);
}

static void with_memory(struct trans *t, const struct low *l)
{
    unsigned size = l->sse == MMX_FROM_G || l->sse == MMX_ST_G ? general_size(t, l) : 4;
    bool writes = l->sse == MMX_STORE || l->sse == MMX_ST_G;
    struct host_mem m = bt_access(t, l->from ? l->from : size, writes ? MMU_WRITE : MMU_READ, true);

    emit_rm(&t->e, size, l->host, t->u->dst & 7, m);
    if (l->size)
        emit8(&t->e, (unsigned)t->u->imm);
}

bool bt_lower_mmx(struct trans *t, const struct low *l)
{
    if (l->kind != LOW_MMX)
        return false;
    bt_need_x87(t);
    if (l->sse == MMX_EMMS) {
        emit8(&t->e, 0x0f);
        emit8(&t->e, 0x77);
    } else if (t->u->aux2) {
        with_memory(t, l);
    } else {
        with_registers(t, l);
    }
    return true;
}
