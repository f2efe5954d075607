/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher. It finds the block at the present position, has it translated when it has run a few times, notes what
 * branches to it may go straight to (jumps, page ids, chains), and enters it; whenever translated code does not know how
 * to go on it comes back here and says why.
 *
 * What makes a direct branch into another page valid is the number in vcpu->t.page_id: it stands for "this linear page,
 * mapped to that guest page, in this mode, whose blocks are what memory holds", is put there by the dispatcher alone, and
 * is gone as soon as the MMU's generation moves on, as it does whenever a mapping of code or the right to enter it may
 * have changed. Nothing of the kind can happen while translated code runs: what could cause it ends a block and comes
 * back here.
 */
#include <errno.h>
#include <stdlib.h>

#include "bt/watch.h"
#include "cpu/address.h"
#include "cpu/run.h"
#include "src/base/memory.h"

/* ---- Tables ----------------------------------------------------------------------------------------------------------- */

/* Host code and all that leads to it is forgotten; the blocks stay. */
static void empty(struct vcpu *v)
{
    struct bt *bt = v->t.bt;

    for (unsigned i = 0; i < bt->n_blocks; i++)
        if (bt->blocks[i].b)
            bt->blocks[i].b->bt = NULL;
    bt->n_points = bt->n_exits = bt->n_blocks = bt->n_copies = bt->n_notes = bt->n_traces =
        bt->n_sites = 0;
    bt_clear_sites(v);
    bt->recorder.head = NULL;
    bt->used = bt->fixed;
    memset(bt->pages, 0, BT_IDS * sizeof(*bt->pages));
    bt->n_pages = 0;
    memset(v->t.page_id, 0, sizeof(v->t.page_id));
    memset(v->t.jump, 0, sizeof(v->t.jump));
    bt->from = NULL;
    bt->stats.emptied++;
    bt_symbols_empty(bt);
}

/* The number of b's page as it is mapped now. 0: there is no room for another. */
static u32 page_id(struct bt *bt, const struct block *b)
{
    u64 page = b->rip >> 12, gfn = b->gpa >> 12;
    u32 i = (u32)((page * 0x9e3779b97f4a7c15u ^ gfn * 0xc2b2ae3d27d4eb4fu ^ b->key) >> 20);

    for (;; i++) {
        struct bt_page *p = &bt->pages[i % BT_IDS];

        if (p->id && p->page == page && p->gfn == gfn && p->key == b->key)
            return p->id;
        if (p->id)
            continue;
        if (bt->n_pages >= BT_IDS / 2)
            return 0;
        *p = (struct bt_page){page, gfn, b->key, ++bt->n_pages};
        return p->id;
    }
}

static void unlink_exit(struct bt_exit *x)
{
    emit_patch(x->jump, x->stub);
    if (x->id)
        __atomic_store_n((u32 *)x->id, 0, __ATOMIC_RELEASE);
    x->to = NULL;
}

/* Memory holds something else: nothing may lead to its translation. What the translation itself leads to is found in the
 * lists of those blocks, and harmless. */
static void block_gone(struct vcpu *v, struct block *b)
{
    struct bt_block *bb = b->bt;

    if (!bb)
        return;
    bt_traces_gone(v, bb);
    for (struct bt_exit *x = bb->in; x; x = x->next)
        unlink_exit(x);
    bb->in = NULL;
    bb->b = NULL;
    b->bt = NULL;
}

static bool is_crossing(const struct block *b)
{
    return b->page2;
}

static void link_exit(struct bt *bt, struct bt_exit *x, struct bt_block *to)
{
    if (x->to || is_crossing(to->b) || bt->options->no_chain)
        return;
    if (x->id) {
        if (!to->page_id)
            return;
        __atomic_store_n((u32 *)x->id, to->page_id, __ATOMIC_RELEASE);
    }
    emit_patch(x->jump, bt_entry_of(to));
    x->to = to;
    x->next = to->in;
    to->in = x;
    bt->stats.linked++;
}

/* ---- Slow paths ------------------------------------------------------------------------------------------------------- */

static gla_t address_of(const struct vcpu *v, const struct uop *u, unsigned size)
{
    u64 a;

    switch ((enum low_kind)bt_low[u->op].kind) {
    case LOW_PUSH:
    case LOW_CALL: a = v->r[R_SP] - size; break;
    case LOW_POP:
    case LOW_RET: a = v->r[R_SP]; break;
    case LOW_LEAVE: a = v->r[R_BP]; break;
    default:
        a = vcpu_offset_raw(v, u);
        if (u->seg == SEG_FLAT32)
            return (u32)a;
        return u->seg == SEG_NONE ? a : a + v->seg[u->seg].base;
    }
    return size == 8 ? a : (u32)a;
}

static bool filled(struct vcpu *v, const struct bt_point *pt, const struct uop *u)
{
    u64 generation = mmu_generation(&v->mmu);
    gla_t a = address_of(v, u, pt->size);

    if ((a & 0xfff) + pt->size > 0x1000)
        return false;
    return mmu_fill(&v->mmu, a, pt->size, pt->access, u) && mmu_generation(&v->mmu) == generation;
}

/* Called by the stub `slow`, with the guest's registers in memory. Returns where to try again, or 0 when the interpreter
 * has done the rest of the block. May escape. */
u64 bt_slow_path(struct vcpu *v, u32 point)
{
    struct bt *bt = v->t.bt;
    const struct bt_point *pt = &bt->points[point];
    const struct uop *u = &pt->b->u[pt->uop];

    v->blk = pt->b;
    v->cur = u;
    vcpu_refund(v, pt->refund);
    bt_recover_flags(v, pt);
    bt_x87_recover(v, pt);
    if (pt->site)
        bt_site_missed(v, pt->site - 1u);
    if (pt->access && filled(v, pt, u) && !(v->mmu.lost && pt->windows)) {
        bt->stats.filled++;
        vcpu_refund(v, -(i32)pt->refund);
        if (v->mmu.lost)
            bt_clear_sites(v);
        return (u64)(uintptr_t)bt_exec(bt, bt->write + pt->resume);
    }
    bt->stats.interpreted++;
    bt_count_rest(bt, u->op);
    u->fn(v, u);
    return 0;
}

/* The tag of the entries of vcpu->t.jump that hold now. */
static u32 present_tag(const struct vcpu *v)
{
    return vcpu_run_key(v) | v->t.jump_epoch[v->mmu.index == MMU_USER] << 11;
}

const void *bt_next_code(struct vcpu *v)
{
    unsigned user = v->mmu.index == MMU_USER, i = bt_jump_index(v->rip);
    u32 tag;

    if ((v->taken >= 2 && vcpu_must_look(v)) || vcpu_is_due(v) || v->t.bt->recorder.head ||
        v->t.generation[user] != v->mmu.generation[user])
        return NULL;
    tag = present_tag(v);
    if (v->t.jump[i].lin != v->rip || v->t.jump[i].tag != tag)
        return NULL;
    v->blk = NULL;
    v->t.jump_tag = tag;
    return v->t.jump[i].code;
}

/* ---- The loop --------------------------------------------------------------------------------------------------------- */

static bool is_worth(const struct bt *bt, struct block *b)
{
    if (!(b->key & KEY_FLAT) || (b->key & KEY_STEP) ||
        (b->key & (KEY_USER | KEY_AC)) == (KEY_USER | KEY_AC)) /* alignment checks */
        return false;
    return b->heat >= bt->options->threshold || ++b->heat > bt->options->threshold;
}

static struct bt_block *translation(struct vcpu *v, struct block *b)
{
    struct bt *bt = v->t.bt;
    u32 id;

    if (b->bt || !is_worth(bt, b))
        return b->bt;
    id = page_id(bt, b);
    if (!id || !bt_has_room(bt)) {
        empty(v);
        id = page_id(bt, b);
    }
    b->bt = bt_translate(bt, v, b);
    if (!b->bt) {
        b->heat = 0;
        return NULL;
    }
    b->bt->page_id = id;
    b->bt->page_slot = (u16)((b->rip >> 12) % BT_PAGES);
    return b->bt;
}

/* What translated code believes is brought up to date. */
static void follow_generation(struct vcpu *v)
{
    unsigned user = v->mmu.index == MMU_USER;

    if (v->t.generation[user] != v->mmu.generation[user]) {
        v->t.generation[user] = v->mmu.generation[user];
        memset(v->t.page_id[user], 0, sizeof(v->t.page_id[user]));
        v->t.jump_epoch[user] = (v->t.jump_epoch[user] + 1) % (1u << 21);
        if (!v->t.jump_epoch[user])
            memset(v->t.jump, 0, sizeof(v->t.jump));
    }
    v->t.jump_tag = present_tag(v);
}

static void note_entry(struct vcpu *v, const struct bt_block *bb)
{
    u64 rip = bb->b->rip;
    unsigned i = bt_jump_index(rip);

    if (!is_crossing(bb->b))
        v->t.page_id[!!(bb->b->key & KEY_USER)][bb->page_slot] = bb->page_id;
    v->t.jump[i].lin = rip;
    v->t.jump[i].tag = v->t.jump_tag;
    v->t.jump[i].code = bt_exec(v->t.bt, bt_entry_of(bb));
}

/* Interpret b. False: the budget does not cover it. */
static bool interpret(struct vcpu *v, struct block *b)
{
    if (!vcpu_charge(v, b))
        return false;
    v->blk = b;
    b->u[0].fn(v, b->u);
    v->blk = NULL;
    return true;
}

static u64 enter(struct vcpu *v, const struct bt_block *bb)
{
    struct bt *bt = v->t.bt;
    u64 (*fn)(struct vcpu *, const void *) =
        (u64(*)(struct vcpu *, const void *))(uintptr_t)bt_exec(bt, bt->enter);
    u64 left;

    bt->stats.entered++;
    left = fn(v, bt_exec(bt, bt_entry_of(bb)));
    v->blk = NULL;
    return left;
}

/* Run b, translated or not. Returns why it is over. */
static unsigned run_one_block(struct vcpu *v, struct block *b)
{
    struct bt *bt = v->t.bt;
    struct bt_block *bb = translation(v, b);
    struct bt_exit *from = bt->from;
    u64 left;

    bt->from = NULL;
    follow_generation(v);
    if (unlikely(bt->recorder.head) && bt_record(v, b))
        bb = NULL;
    if (!bb)
        return interpret(v, b) ? LEFT_TAKEN : LEFT_BUDGET;
    if (from)
        link_exit(bt, from, bb);
    note_entry(v, bb);
    left = enter(v, bb);
    if ((left & 0xff) == LEFT_LINK) {
        bt->from = &bt->exits[left >> 8];
        v->rip = bt->from->rip;
    } else if ((left & 0xff) == LEFT_BUDGET) {
        v->rip = bt->blocks[left >> 8].b->rip;
        bt_sample(bt, &bt->blocks[left >> 8]);
    } else if ((left & 0xff) == LEFT_MISSED) {
        v->rip = bt->owners[left >> 8].head->b->rip;
        bt_site_missed(v, (unsigned)(left >> 8));
    }
    return left & 0xff;
}

void bt_run_alone(struct vcpu *v, struct block *b)
{
    struct bt *bt = v->t.bt;
    u64 left;

    bt->n_points = bt->n_exits = bt->n_blocks = bt->n_copies = bt->n_notes = 0;
    bt->used = bt->fixed;
    v->t.jump_tag = 1; /* nothing is known */
    left = enter(v, bt_translate(bt, v, b));
    if ((left & 0xff) == LEFT_LINK)
        v->rip = bt->exits[left >> 8].rip;
    vcpu_settle_shadow(v);
}

static void run(struct vcpu *v)
{
    bool first = false;
    struct block *b = block_find(v, vcpu_run_key(v), &first);

    v->t.bt->from = NULL;
    while (!first) {
        unsigned left = run_one_block(v, b);

        if (left == LEFT_BUDGET)
            break;
        if (left == LEFT_TAKEN && v->taken >= 2 && vcpu_must_look(v))
            return;
        if (vcpu_is_due(v))
            return;
        b = block_find(v, vcpu_run_key(v), &first);
    }
    vcpu_stop_blocks(v, b, first);
}

/* ---- Lifetime --------------------------------------------------------------------------------------------------------- */

static int make_tables(struct bt *bt)
{
    bt->points = memory_map_lazy(BT_POINTS_MAX * sizeof(*bt->points));
    bt->exits = memory_map_lazy(BT_EXITS_MAX * sizeof(*bt->exits));
    bt->blocks = memory_map_lazy(BT_BLOCKS_MAX * sizeof(*bt->blocks));
    bt->copies = memory_map_lazy(BT_COPIES_MAX * sizeof(*bt->copies));
    bt->notes = memory_map_lazy(BT_NOTES_MAX * sizeof(*bt->notes));
    bt->pages = memory_map_lazy(BT_IDS * sizeof(*bt->pages));
    bt->traces = memory_map_lazy(BT_TRACES_MAX * sizeof(*bt->traces));
    bt->owners = memory_map_lazy(BT_SITES * sizeof(*bt->owners));
    if (!bt->points || !bt->exits || !bt->blocks || !bt->copies || !bt->notes || !bt->pages ||
        !bt->traces || !bt->owners)
        return -ENOMEM;
    return bt_counts_create(bt);
}

int bt_create(struct vcpu *v, const struct bt_options *o)
{
    struct bt *bt = calloc(1, sizeof(*bt));
    int err;

    if (!bt)
        return -ENOMEM;
    v->t.bt = bt;
    bt->options = o;
    bt_low_init();
    err = make_tables(bt);
    if (!err)
        err = bt_code_map(bt, align_up(o->size ? o->size : BT_SIZE_DEFAULT, 4096));
    if (err)
        return err;
    bt_make_stubs(bt);
    err = bt_symbols_create(bt);
    if (err)
        return err;
    v->t.host_mxcsr = 0x1f80;
    v->t.run = run;
    v->t.block_gone = block_gone;
    v->t.all_gone = empty;
    return 0;
}

void bt_destroy(struct vcpu *v)
{
    struct bt *bt = v->t.bt;

    if (!bt)
        return;
    memory_unmap(bt->points, BT_POINTS_MAX * sizeof(*bt->points));
    memory_unmap(bt->exits, BT_EXITS_MAX * sizeof(*bt->exits));
    memory_unmap(bt->blocks, BT_BLOCKS_MAX * sizeof(*bt->blocks));
    memory_unmap(bt->copies, BT_COPIES_MAX * sizeof(*bt->copies));
    memory_unmap(bt->notes, BT_NOTES_MAX * sizeof(*bt->notes));
    memory_unmap(bt->pages, BT_IDS * sizeof(*bt->pages));
    memory_unmap(bt->traces, BT_TRACES_MAX * sizeof(*bt->traces));
    memory_unmap(bt->owners, BT_SITES * sizeof(*bt->owners));
    bt_code_unmap(bt);
    bt_symbols_destroy(bt);
    bt_profile_destroy(bt);
    bt_counts_destroy(bt);
    free(bt);
    v->t = (struct translated){.bt = NULL};
}

void bt_get_stats(const struct vcpu *v, struct bt_stats *s)
{
    const struct bt *bt = v->t.bt;

    *s = bt ? bt->stats : (struct bt_stats){0};
}
