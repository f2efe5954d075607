/* SPDX-License-Identifier: MIT */
/*
 * Translating one block: its micro-ops in order, each lowered or called, then what lies out of line. A translation starts
 * with the one test that every block makes, whether the budget covers it and nobody asks for attention, and charges its
 * length; from then on it runs to its end unless something goes wrong half-way.
 */
#include "bt/watch.h"
#include "src/base/check.h"

/* The two halves of the budget's word are looked at apart: one load of both, right behind the store of one, would wait for
 * that store to leave the store buffer. */
static void emit_entry(struct trans *t)
{
    const u64 *count = t->is_trace ? NULL : bt_profile_counter(t);
    struct emitter *e = &t->e;

    if (t->is_trace) {
        bt_trace_entry(t);
        bt_windows_check(t, true);
        bt_lend_begin(t);
    } else if (t->bb->second_id) {
        emit_xm(e, 4, 0x81, 7, bt_page_slot(t, bt_second_page(t->b) << 12));
        emit32(e, t->bb->second_id);
        t->second = emit_jcc(e, 5, NULL);
        t->bb->past = (u32)(e->p - t->bb->code);
    }
    t->loop_head = e->p;
    if (t->is_trace)
        bt_windows_check(t, false);
    emit_alu_mi(e, 4, 5, VCPU_AT(p.budget.left), t->n_insns);
    t->budget[0] = emit_jcc(e, 2, NULL);
    emit_alu_mi(e, 4, 7, VCPU_AT(p.budget.stop), 0);
    t->budget[1] = emit_jcc(e, 5, NULL);
    if (count) {
        emit_mov_imm(e, H_AX, (u64)(uintptr_t)count);
        emit8(e, 0xf0); /* LOCK: other vCPUs count there too */
        emit_xm(e, 8, 0xff, 0, host_at(H_AX, 0));
    }
}

static void emit_out(struct trans *t, u32 number, u32 kind)
{
    emit_mov_imm(&t->e, H_AX, number << 8 | kind);
    emit_jmp(&t->e, t->bt->leave);
}

/* Branches out of a trace: what its own code has put off is made good, flags and budget, and then they are exits like
 * others. */
static void emit_sides(struct trans *t)
{
    struct emitter *e = &t->e;

    for (unsigned i = 0; i < t->n_side; i++) {
        unsigned after = t->after[t->side[i].block];

        emit_patch(t->side[i].jump, e->p);
        if (t->side[i].store)
            bt_flags_store(t, (enum flag_shape)t->side[i].shape);
        if (after)
            emit_alu_mi(e, 4, 0, VCPU_AT(p.budget.left), after);
        bt_lend_end(t);
        t->b = t->blocks[t->side[i].block];
        bt_exit_direct(t, t->side[i].rip);
    }
}

/* Stubs of exits, of the budget test, of slow paths. */
static void emit_out_of_line(struct trans *t)
{
    struct emitter *e = &t->e;

    bt_lend_slow(t);
    bt_emit_missed(t);
    bt_emit_windows(t);
    bt_emit_elsewhere(t);
    emit_sides(t);
    for (unsigned i = 0; i < t->n_outs; i++) {
        struct bt_exit *x = &t->bt->exits[t->outs[i].exit];

        if (!x->stub) {
            x->stub = e->p;
            emit_out(t, t->outs[i].exit, LEFT_LINK);
        }
        emit_patch(t->outs[i].jump, x->stub);
    }
    emit_patch(t->budget[0], e->p);
    emit_patch(t->budget[1], e->p);
    emit_alu_mi(e, 4, 0, VCPU_AT(p.budget.left), t->n_insns);
    bt_lend_end(t);
    if (t->is_trace)
        emit_jmp(e, t->bb->code);
    else
        emit_out(t, (u32)(t->bb - t->bt->blocks), LEFT_BUDGET);
    if (t->second) { /* whose dispatcher knows the page only when it has come here */
        emit_patch(t->second, e->p);
        emit_mov_imm(e, H_AX, t->b->rip);
        emit_rm(e, 8, 0x89, H_AX, VCPU_AT(rip));
        emit_out(t, 0, LEFT_JUMP);
    }
    for (unsigned i = 0; i < t->n_forward; i++) {
        emit_patch(t->forward[i].jump, e->p);
        bt_emit_slow(t, t->forward[i].point);
    }
}

bool bt_leaves_block(const struct uop *u)
{
    switch ((enum low_kind)bt_low[u->op].kind) {
    case LOW_JCC:
    case LOW_JMP:
    case LOW_CALL:
    case LOW_RET:
    case LOW_END: return true;
    default: return false;
    }
}

static bool only_stores(const struct low *l)
{
    switch ((enum low_kind)l->kind) {
    case LOW_MOV: return l->form == FORM_MR || l->form == FORM_MI;
    case LOW_SSE: return bt_sse_stores(l);
    case LOW_AVX: return bt_avx_stores(l);
    default: return false;
    }
}

/* What the slow path has stored goes on here. */
static void note_stored(struct trans *t, unsigned first_point)
{
    struct bt *bt = t->bt;

    for (unsigned i = first_point; i < bt->now.n_points; i++)
        if (bt->points[i].access)
            bt->points[i].stored = (u32)(t->e.p - bt->write);
}

static void lower(struct trans *t)
{
    const struct low *l = &bt_low[t->u->op];

    if (bt_leaves_block(t->u))
        bt_x87_flush(t);
    if (t->is_trace && bt_lower_within(t, l))
        return;
    if (bt_is_lowered(t->u) &&
        (bt_lower_int(t, l) || bt_lower_bmi(t, l) || bt_lower_flow(t, l) || bt_lower_sse(t, l) ||
         bt_lower_avx(t, l) || bt_lower_x87(t, l) || bt_lower_mmx(t, l)))
        return;
    CHECK(!t->is_trace); /* a call gives nothing back of what was charged behind its block */
    bt_x87_flush(t);
    if (bt_lower_sys(t))
        return;
    bt_lower_call(t, t->i + 1u == t->n_seq);
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

void bt_begin(struct bt *bt, struct vcpu *v, struct bt_block *bb)
{
    struct trans *t = &bt->trans;

    memset(t, 0, offsetof(struct trans, code));
    t->bt = bt;
    t->v = v;
    t->bb = bb;
    memcpy(t->lend.home, bt_home, sizeof(t->lend.home));
}

void bt_add_uop(struct trans *t, const struct uop *u)
{
    t->seq[t->n_seq] = u;
    t->of[t->n_seq++] = (u8)(t->n_blocks - 1);
}

void bt_add_block(struct trans *t, struct block *b)
{
    t->blocks[t->n_blocks++] = b;
    for (unsigned i = 0; i + 1 < t->n_blocks; i++)
        t->after[i] += b->n_insns;
    t->n_insns += b->n_insns;
}

static void emit_all(struct trans *t)
{
    struct bt *bt = t->bt;
    u8 *start = bt->write + bt->now.used;
    unsigned first_point = bt->now.n_points, first;

    memset(&t->code, 0, offsetof(struct trans, forward) - offsetof(struct trans, code));
    t->n_forward = t->n_outs = t->n_side = t->n_missed = t->n_elsewhere = 0;
    t->e = (struct emitter){start, start + BT_BLOCK_MAX, false};
    t->second = NULL;
    t->home = bt_home;
    if (t->is_trace) {
        bt_guards_plan(t);
        bt_windows_plan(t);
        bt_lend_windows(t);
    }
    bt_flags_analyse(t);
    t->b = t->blocks[0];
    emit_entry(t);
    for (t->i = 0; t->i < t->n_seq; t->i++) {
        t->u = t->seq[t->i];
        t->b = t->blocks[t->of[t->i]];
        t->at[t->i] = (u32)(t->e.p - start);
        first = bt->now.n_points;
        lower(t);
        if (only_stores(&bt_low[t->u->op]))
            note_stored(t, first);
    }
    t->at[t->i] = (u32)(t->e.p - start);
    if (t->loops) {
        bt_x87_flush(t);
        emit_jmp(&t->e, t->loop_head);
    }
    emit_out_of_line(t);
    bt_lend_resume(t, first_point);
    t->b = t->blocks[0];
    t->code = start;
    t->code_size = (u32)(t->e.p - start);
}

/* The code of what was added; NULL: it is too long. */
u8 *bt_finish(struct trans *t)
{
    struct bt *bt = t->bt;
    const struct bt_fill before = bt->now;

    emit_all(t);
    if (bt_lend_plan(t)) {
        bt->now = before;
        emit_all(t);
    }
    if (t->e.full && bt_lend_nothing(t)) {
        bt->now = before;
        emit_all(t);
    }
    if (t->e.full)
        return NULL;
    bt->now.used = align_up((size_t)(t->e.p - bt->write), 16);
    return t->code;
}

struct bt_block *bt_translate(struct bt *bt, struct vcpu *v, struct block *b)
{
    struct trans *t = &bt->trans;
    struct bt_block *bb;

    bb = &bt->blocks[bt->now.n_blocks++];
    *bb = (struct bt_block){.b = b,
                            .code = bt->write + bt->now.used,
                            .page_id = bt_page_id(bt, b),
                            .second_id = bt_second_id(bt, b)};
    bt_begin(bt, v, bb);
    bt_add_block(t, b);
    for (unsigned i = 0; i < b->n_uops; i++)
        bt_add_uop(t, &b->u[i]);
    if (!bt_finish(t)) { /* too long for any room: never translated */
        bt->now.n_blocks--;
        return NULL;
    }
    bb->code_size = (u32)(t->e.p - bb->code);
    bt->stats.translated++;
    bt->stats.host_bytes += bb->code_size;
    bt->stats.insns += b->n_insns;
    tell(t);
    bt_publish(bt);
    return bb;
}
