/* SPDX-License-Identifier: MIT */
/*
 * Lifting, the common part: finding an instruction's row and the helpers that all lifters share.
 *
 * Rows are chained by map and opcode in the order of the tables; the first that fits the prefixes,
 * the ModRM byte, the mode and the CPU's features wins. So a row that needs a feature stands before
 * the one that describes what older CPUs do with the same bytes (TZCNT before BSF).
 */
#include "cpu/lift.h"

#include "cpu/lift_int.h"
#include "cpu/lift_sys.h"
#include "cpu/uops.h"
#include "cpu/vcpu.h"

#define INSN(map, op, pfx, ext, mod, mode, NAME, opnds, lifter, arg, feat)                         \
    void lifter(struct lift_state *l, const struct insn_row *row);
#include "cpu/insn.def"
#undef INSN

#define INSN(map, op, pfx, ext, mod, mode, NAME, opnds, lifter, arg, feat)                         \
    {map, op, pfx, ext, mod, mode, #NAME, opnds, lifter, arg, feat},
static const struct insn_row rows[] = {
#include "cpu/insn.def"
};
#undef INSN

/* first[map][opcode]: index + 1 of the first row; next[i]: index + 1 of the one after rows[i]; 0:
 * none. */
static u16 first[M_COUNT][256];
static u16 next[ARRAY_SIZE(rows)];

__attribute__((constructor)) static void build_index(void)
{
    for (unsigned i = ARRAY_SIZE(rows); i-- > 0;) {
        u16 *head = &first[rows[i].map][rows[i].opcode];
        next[i] = *head;
        *head = i + 1;
    }
}

static bool matches_prefix(const struct insn_row *row, const struct insn *in)
{
    switch (row->pfx) {
    case NP: return !in->p66 && !in->pf2 && !in->pf3;
    case P66: return in->p66 && !in->pf2 && !in->pf3;
    case PF3: return in->pf3;
    case PF2: return in->pf2;
    default: return true;
    }
}

static bool matches_modrm(const struct insn_row *row, const struct insn *in)
{
    if (row->mod != ANYMOD && (row->mod == REG) != (in->mod == 3))
        return false;
    if (row->ext == XX)
        return true;
    return row->ext >= 0xc0 ? row->ext == in->modrm : row->ext == ((in->modrm >> 3) & 7);
}

static bool matches_vex(const struct insn_row *row, const struct lift_state *l)
{
    const struct insn *in = l->in;

    if (!(l->key & KEY_PE) || (l->key & KEY_V86))
        return false;
    if (!(row->mode & (in->vex_l ? VEX_L1 : VEX_L0)))
        return false;
    if (in->vex_l && (row->mode & VEX_L1_AVX2) && !(l->features & cpu_feature_bit(FEAT_AVX2)))
        return false;
    if (in->vex_w && (row->mode & VEX_W1_O64) && (l->key & KEY_CODE) != CODE_64)
        return false;
    return !(row->mode & (in->vex_w ? VEX_W0 : VEX_W1));
}

static bool matches_mode(const struct insn_row *row, const struct lift_state *l)
{
    bool code64 = (l->key & KEY_CODE) == CODE_64;

    if (l->in->vex)
        return matches_vex(row, l);

    switch (row->mode) {
    case I64: return !code64;
    case O64: return code64;
    case PEONLY: return (l->key & KEY_PE) && !(l->key & KEY_V86);
    default: return true;
    }
}

const struct insn_row *insn_rows(unsigned *n)
{
    *n = ARRAY_SIZE(rows);
    return rows;
}

const struct insn_row *lift_find(const struct lift_state *l)
{
    const struct insn *in = l->in;

    if (in->lock && (!in->has_modrm || in->mod == 3))
        return NULL;
    for (unsigned i = first[in->map][in->opcode]; i; i = next[i - 1]) {
        const struct insn_row *row = &rows[i - 1];

        if (matches_prefix(row, in) && matches_modrm(row, in) && matches_mode(row, l) &&
            (row->feature == FEAT_BASE || (l->features & cpu_feature_bit(row->feature))))
            return row;
    }
    return NULL;
}

void lift_insn(struct lift_state *l)
{
    const struct insn_row *row = lift_find(l);

    l->n = 0;
    l->end = false;
    if (row)
        row->lift(l, row);
    else
        lift_undefined(l);
}

/* Width in bytes of the stack pointer. */
static unsigned stack_width(u32 key)
{
    return (key & KEY_CODE) == CODE_64 ? 8 : key & KEY_SS32 ? 4 : 2;
}

struct uop *lift_emit(struct lift_state *l, unsigned op)
{
    struct uop *u = l->out++;

    memset(u, 0, sizeof(*u));
    u->op = op;
    u->base = u->index = UREG_ZERO;
    u->seg = SEG_NONE;
    u->imm = l->in->imm;
    u->osize = l->in->osize;
    u->asize = l->in->asize;
    u->stack = stack_width(l->key);
    u->ilen = l->in->len;
    l->n++;
    return u;
}

/* The segment of an address expression as execution needs it: reduced where base and limit cannot
 * matter. */
static unsigned reduced_segment(u32 key, unsigned seg, unsigned asize)
{
    if ((key & KEY_CODE) == CODE_64) {
        if (seg == SEG_FS || seg == SEG_GS)
            return seg;
        return asize == 8 ? SEG_NONE : SEG_FLAT32;
    }
    /* Not CS: it cannot be written, and that has to be checked. */
    if ((key & KEY_FLAT) && asize == 4 && (seg == SEG_DS || seg == SEG_ES || seg == SEG_SS))
        return SEG_FLAT32;
    return seg;
}

void lift_address(struct lift_state *l, struct uop *u)
{
    const struct insn *in = l->in;

    u->base = in->base;
    u->index = in->index;
    u->shift = in->shift;
    u->disp = in->rip_relative ? (i64)(l->next_rip + (u64)in->disp) : in->disp;
    u->seg = reduced_segment(l->key, in->seg, in->asize);
    u->ss = in->seg == SEG_SS;
    u->asize = in->asize;
}

void lift_address_di(struct lift_state *l, struct uop *u)
{
    lift_address(l, u);
    u->base = R_DI;
    u->index = UREG_ZERO;
    u->shift = 0;
    u->disp = 0;
}

void lift_undefined(struct lift_state *l)
{
    lift_emit(l, UOP_UNDEFINED);
    l->end = true;
}

static struct uop *emit_call(struct lift_state *l, const struct insn_row *row, lift_helper *fn,
                             unsigned op)
{
    struct uop *u = lift_emit(l, op);

    u->helper = fn;
    u->dst = l->in->reg;
    u->src = l->in->rm;
    u->aux = row->arg;
    if (l->in->has_modrm && l->in->mod != 3)
        lift_address(l, u);
    return u;
}

struct uop *lift_call(struct lift_state *l, const struct insn_row *row, lift_helper *fn)
{
    return emit_call(l, row, fn, UOP_CALL);
}

struct uop *lift_call_exit(struct lift_state *l, const struct insn_row *row, lift_helper *fn)
{
    l->end = true;
    return emit_call(l, row, fn, UOP_CALL_EXIT);
}

struct uop *lift_call_jump(struct lift_state *l, const struct insn_row *row, lift_helper *fn)
{
    l->end = true;
    return emit_call(l, row, fn, UOP_CALL_JUMP);
}
