/* SPDX-License-Identifier: MIT */
/*
 * Superblocks over hot paths. Where the budget runs out is, most often, where most instructions are executed: a block met
 * there a few times is the head of a path worth having as one piece. The path is recorded by executing it once more, block
 * by block in the interpreter, until it comes back to its head (a loop), to a block it already holds, or to something that
 * no trace can hold (an indirect branch, a helper). A block that leads to itself a few times is held as often; if it does so more often,
 * the trace ends before it.
 *
 * A trace is translated as one sequence of micro-ops: its budget is charged at once, its branches leave only where they go
 * the other way, flags die across them, calls and their returns become a push and a comparison. What it puts off is made good
 * out of line where it is left. All its pages are checked at its entry, once: nothing can change while it runs (bt/runtime.c).
 * Where the budget does not cover the whole of it, its first block's own translation is entered instead. A trace falls with
 * any of its blocks.
 */
#include "bt/watch.h"

enum {
    SAMPLES = 3,
    WAIT_MAX = 400,
    TRIES = 12,
    VISITS = 8,
    REPEATS_MAX = 8,
    ROUNDS_MAX = 8,
    ROUNDS_UOPS = 64
};

/* ---- Recording --------------------------------------------------------------------------------------------------------- */

void bt_sample(struct vcpu *v, struct bt_block *bb)
{
    const struct bt *bt = v->t.bt;
    unsigned samples = atomic_load_explicit(&bb->samples, memory_order_relaxed);

    if (bb->trace || v->t.own->recorder.head || bt->options->no_traces || bt->profile ||
        samples >= TRIES * SAMPLES)
        return;
    atomic_store_explicit(&bb->samples, (u8)++samples, memory_order_relaxed);
    if (samples % SAMPLES)
        return;
    v->t.own->recorder = (struct bt_recorder){.head = bb->b};
}

static const struct uop *last_uop(const struct block *b)
{
    return &b->u[b->n_uops - 1];
}

static bool can_hold(const struct bt_recorder *r, const struct block *b)
{
    const struct bt_block *bb = atomic_load_explicit(&b->bt, memory_order_acquire);

    if (!bb || !bb->page_id || b->key != r->head->key || r->n_uops + b->n_uops >= BT_SEQ_MAX ||
        r->n == BT_TRACE_BLOCKS)
        return false;
    for (unsigned i = 0; i < b->n_uops; i++)
        if (!bt_is_lowered(&b->u[i]))
            return false;
    return true;
}

/* Can the path lead from its last block to rip in a trace? Indirect branches and returns are compared with where they went. */
static bool leads_to(const struct bt_recorder *r, u64 rip)
{
    const struct uop *u = last_uop(r->blocks[r->n - 1]);
    const struct low *l = &bt_low[u->op];

    switch ((enum low_kind)l->kind) {
    case LOW_JCC: return rip == u->imm || rip == u->imm2;
    case LOW_END: return rip == u->imm;
    case LOW_JMP:
    case LOW_CALL: return l->form != FORM_RI || rip == u->imm;
    case LOW_RET: return true;
    default: return false;
    }
}

static void make(struct vcpu *v, bool loops);

static void stop(struct vcpu *v, bool loops)
{
    struct bt *bt = v->t.bt;

    if (loops || v->t.own->recorder.n >= 2) {
        bt_lock(bt);
        make(v, loops);
        bt_unlock(bt);
    }
    v->t.own->recorder.head = NULL;
}

/* May it lead to itself? */
static bool is_loop(const struct block *b)
{
    const struct uop *u = last_uop(b);

    return bt_low[u->op].kind == LOW_JCC && (u->imm == b->rip || u->imm2 == b->rip);
}

/* A head that may lead to itself is watched first: how a path through it goes that is recorded once depends on which round of the loop
 * that happens to be. True: not for long enough yet. */
static bool watch_head(struct bt_recorder *r, const struct block *b)
{
    if (!is_loop(r->head) || r->visits == VISITS)
        return false;
    r->again += r->at_head && b == r->head;
    r->at_head = b == r->head;
    r->visits += r->at_head;
    return r->visits < VISITS;
}

/* The path ends in the midst of a loop of one block: without it. */
static void drop_repeated(struct bt_recorder *r)
{
    const struct block *b = r->blocks[r->n - 1];

    while (r->repeats && r->n && r->blocks[r->n - 1] == b)
        r->n_uops -= r->blocks[--r->n]->n_uops;
}

bool bt_record(struct vcpu *v, struct block *b)
{
    struct bt_recorder *r = &v->t.own->recorder;

    if (!r->n) {
        if (watch_head(r, b)) {
            if (++r->waited > WAIT_MAX)
                r->head = NULL;
            return r->head;
        }
        if (b != r->head) {
            if (++r->waited > WAIT_MAX)
                r->head = NULL;
            return r->head;
        }
        if (!can_hold(r, b)) {
            r->head = NULL;
            return false;
        }
    } else {
        bool follows = leads_to(r, b->rip);

        if (follows && b == r->head) {
            stop(v, true);
            return false;
        }
        if (follows && b == r->blocks[r->n - 1]) {
            if (++r->repeats == REPEATS_MAX)
                follows = false;
        } else {
            r->repeats = 0;
            for (unsigned i = 0; i < r->n; i++)
                follows = follows && r->blocks[i] != b;
        }
        if (!follows || !can_hold(r, b)) {
            drop_repeated(r);
            stop(v, false);
            return false;
        }
    }
    r->blocks[r->n++] = b;
    r->n_uops += b->n_uops;
    if (r->n == 1 && 2 * r->again >= VISITS) {
        stop(v, true);
        return false;
    }
    return true;
}

/* ---- Making ------------------------------------------------------------------------------------------------------------ */

/* Look whether the page may be entered, unless that was looked at. */
static void need_page(struct trans *t, u64 page, u32 id, u32 *ids, unsigned *n)
{
    for (unsigned k = 0; k < *n; k++)
        if (ids[k] == id)
            return;
    ids[(*n)++] = id;
    emit_xm(&t->e, 4, 0x81, 7, bt_page_slot(t, page << 12));
    emit32(&t->e, id);
    emit_jcc(&t->e, 5, t->bb->code);
}

/* Every page of the trace has to be enterable as it was. */
void bt_trace_entry(struct trans *t)
{
    struct emitter *e = &t->e;
    u32 ids[2 * BT_TRACE_BLOCKS];
    unsigned n = 0;
    u8 *good;

    emit_alu_mi(e, 1, 7, VCPU_AT(mmu.lost), 0);
    good = emit_jcc(e, 4, NULL);
    emit_call(e, t->bt->clear_sites);
    emit_patch(good, e->p);
    for (unsigned i = 0; i < t->n_blocks; i++) {
        const struct bt_block *bb = t->blocks[i]->bt;

        if (i)
            need_page(t, t->blocks[i]->rip >> 12, bb->page_id, ids, &n);
        else
            ids[n++] = bb->page_id;
        if (bb->second_id)
            need_page(t, bt_second_page(bb->b), bb->second_id, ids, &n);
    }
}

/* A short loop is laid out several times in a row: what each round costs beside its work (budget, flags kept over the
 * jump back) is then paid once for all. */
static unsigned rounds(const struct bt_recorder *r, bool loops)
{
    unsigned n = 1;

    while (loops && n < ROUNDS_MAX && (n + 1) * r->n <= BT_TRACE_BLOCKS &&
           (n + 1) * r->n_uops <= ROUNDS_UOPS)
        n++;
    return n;
}

static void add_blocks(struct trans *t, const struct bt_recorder *r, bool loops)
{
    unsigned n = r->n * rounds(r, loops);

    for (unsigned k = 0; k < n; k++) {
        struct block *b = r->blocks[k % r->n];

        bt_add_block(t, b);
        for (unsigned i = 0; i < b->n_uops; i++) {
            const struct low *l = &bt_low[b->u[i].op];
            bool goes_on = loops || k + 1 < n;

            if (goes_on && (l->kind == LOW_END || (l->kind == LOW_JMP && l->form == FORM_RI)))
                continue;
            bt_add_uop(t, &b->u[i]);
        }
    }
}

/* May the path that was recorded still be had as one piece? Under the lock. */
static bool is_still_good(const struct bt_recorder *r)
{
    for (unsigned i = 0; i < r->n; i++)
        if (r->blocks[i]->gone || !r->blocks[i]->bt || !r->blocks[i]->bt->page_id)
            return false;
    return !r->head->bt->trace;
}

static void make(struct vcpu *v, bool loops)
{
    struct bt *bt = v->t.bt;
    struct bt_recorder *r = &v->t.own->recorder;
    struct trans *t = &bt->trans;
    struct bt_trace *tr;
    unsigned i = bt_jump_index(r->head->rip);

    if (!bt_make_room(v) || !is_still_good(r))
        return;
    tr = &bt->traces[bt->now.n_traces];
    *tr = (struct bt_trace){.n = r->n, .loops = loops, .first_site = bt->now.n_sites};
    bt_begin(bt, v, r->head->bt);
    t->is_trace = true;
    t->loops = loops;
    add_blocks(t, r, loops);
    tr->code = bt_finish(t);
    if (!tr->code)
        return;
    tr->end_site = bt->now.n_sites;
    bt->now.n_traces++;
    for (unsigned k = 0; k < r->n; k++) {
        tr->blocks[k] = r->blocks[k]->bt;
        tr->blocks[k]->traced = true;
    }
    bt_publish(bt);
    atomic_store_explicit(&tr->blocks[0]->trace, tr, memory_order_release);
    bt->stats.traces++;
    bt->stats.loops += loops;
    bt_redirect(tr->blocks[0]);
    if (v->t.jump[i].lin == r->head->rip)
        v->t.jump[i].tag = 0;
    if (unlikely(bt->symbols != NULL))
        bt_symbols_block(t);
    if (unlikely(bt->options->log))
        bt_dump_block(t);
}

/* Under the lock. */
void bt_remake(struct vcpu *v, struct bt_block *head)
{
    const struct bt_trace *old = head->trace;
    struct bt_recorder r = {.head = head->b, .n = old->n};

    for (unsigned i = 0; i < old->n; i++) {
        r.blocks[i] = old->blocks[i]->b;
        r.n_uops += r.blocks[i]->n_uops;
    }
    v->t.own->recorder = r;
    bt_trace_gone(head->trace);
    make(v, old->loops);
    v->t.own->recorder.head = NULL;
}

void bt_clear_sites(struct vcpu *v)
{
    v->mmu.lost = false;
    while (v->t.n_sites)
        v->t.site[v->t.sites[--v->t.n_sites]].limit = 0;
}

void bt_trace_gone(struct bt_trace *tr)
{
    if (tr->gone)
        return;
    tr->gone = true;
    atomic_store_explicit(&tr->blocks[0]->trace, NULL, memory_order_release);
    bt_redirect(tr->blocks[0]);
}

static bool holds(const struct bt_trace *tr, const struct bt_block *bb)
{
    for (unsigned i = 0; i < tr->n && !tr->gone; i++)
        if (tr->blocks[i] == bb)
            return true;
    return false;
}

void bt_traces_gone(struct bt *bt, struct bt_block *bb)
{
    for (unsigned r = 0; bb->traced && r < BT_REGIONS; r++) {
        unsigned end = r == bt->region ? bt->now.n_traces : bt->filled[r].n_traces;

        for (unsigned i = r * (BT_TRACES_MAX / BT_REGIONS); i < end; i++)
            if (holds(&bt->traces[i], bb))
                bt_trace_gone(&bt->traces[i]);
    }
    bb->traced = false;
}
