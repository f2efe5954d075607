/* SPDX-License-Identifier: MIT */
/*
 * Translating one block: its micro-ops in order, each lowered or called, then what lies out of line. A translation starts
 * with the one test that every block makes, whether the budget covers it and nobody asks for attention, and charges its
 * length; from then on it runs to its end unless something goes wrong half-way.
 */
#include "bt/watch.h"

static void emit_entry(struct trans *t)
{
    struct emitter *e = &t->e;
    unsigned n = t->b->n_insns;
    const u64 *count = bt_profile_counter(t);

    emit_alu_mi(e, 8, 7, VCPU_AT(p.budget.word), n);
    t->budget = emit_jcc(e, 12, NULL);
    emit_alu_mi(e, 4, 5, VCPU_AT(p.budget.left), n);
    if (count) {
        emit_mov_imm(e, H_AX, (u64)(uintptr_t)count);
        emit_xm(e, 8, 0xff, 0, host_at(H_AX, 0));
    }
}

static void emit_out(struct trans *t, u32 number, u32 kind)
{
    emit_mov_imm(&t->e, H_AX, number << 8 | kind);
    emit_jmp(&t->e, t->bt->leave);
}

/* Stubs of exits, of the budget test, of slow paths. */
static void emit_out_of_line(struct trans *t)
{
    struct emitter *e = &t->e;

    for (unsigned i = 0; i < t->n_outs; i++) {
        struct bt_exit *x = &t->bt->exits[t->outs[i].exit];

        if (!x->stub) {
            x->stub = e->p;
            emit_out(t, t->outs[i].exit, LEFT_LINK);
        }
        emit_patch(t->outs[i].jump, x->stub);
    }
    emit_patch(t->budget, e->p);
    emit_out(t, (u32)(t->bb - t->bt->blocks), LEFT_BUDGET);
    for (unsigned i = 0; i < t->n_forward; i++) {
        emit_patch(t->forward[i].jump, e->p);
        emit_mov_imm(e, H_AX, t->forward[i].point);
        emit_jmp(e, t->bt->slow);
    }
}

static void lower(struct trans *t)
{
    const struct low *l = &bt_low[t->u->op];
    bool last = t->i + 1u == t->b->n_uops;

    if (bt_is_lowered(t->u) &&
        (bt_lower_int(t, l) || bt_lower_flow(t, l) || bt_lower_sse(t, l)))
        return;
    bt_lower_call(t, last);
}

static bool has_room(const struct bt *bt)
{
    return bt->size - bt->used > BT_BLOCK_MAX && bt->n_points + BT_FORWARD_MAX < BT_POINTS_MAX &&
           bt->n_exits + 8 < BT_EXITS_MAX && bt->n_blocks < BT_BLOCKS_MAX &&
           bt->n_copies + BLOCK_UOPS_MAX < BT_COPIES_MAX;
}

static void tell(struct trans *t)
{
    const struct bt *bt = t->bt;

    if (unlikely(bt->profile != NULL))
        bt_profile_block(t);
    if (unlikely(bt->symbols != NULL))
        bt_symbols_block(t);
    if (unlikely(bt->options->log))
        bt_dump_block(t);
}

struct bt_block *bt_translate(struct bt *bt, struct vcpu *v, struct block *b)
{
    struct trans *t = &bt->trans;
    u8 *start = bt->write + bt->used;

    if (!has_room(bt))
        return NULL;
    memset(t, 0, offsetof(struct trans, forward));
    t->n_forward = t->n_outs = 0;
    t->e = (struct emitter){start, start + BT_BLOCK_MAX, false};
    t->bt = bt;
    t->v = v;
    t->b = b;
    t->bb = &bt->blocks[bt->n_blocks++];
    *t->bb = (struct bt_block){.b = b, .code = start};
    bt_flags_analyse(t);
    emit_entry(t);
    for (t->i = 0; t->i < b->n_uops; t->i++) {
        t->u = &b->u[t->i];
        t->at[t->i] = (u32)(t->e.p - start);
        lower(t);
    }
    t->at[t->i] = (u32)(t->e.p - start);
    emit_out_of_line(t);
    if (t->e.full) { /* too long for any room: never translated */
        bt->n_blocks--;
        return NULL;
    }
    t->bb->code_size = (u32)(t->e.p - start);
    bt->used = align_up((size_t)(t->e.p - bt->write), 16);
    bt->stat_translated++;
    bt->stat_bytes += t->bb->code_size;
    bt->stat_insns += b->n_insns;
    tell(t);
    return t->bb;
}
