/* SPDX-License-Identifier: MIT */
/*
 * What all vCPUs of a machine share of the translator: code, its tables, what leads from block to block; and how that
 * falls with the blocks it was made of. Everything here runs under the code cache's lock, on any vCPU's thread, while others
 * execute what it changes.
 *
 * That is why a change is one aligned store: a jump's displacement, or the number in the page check before it. A vCPU may be
 * anywhere while it is made. Between the check and the jump it may find the jump changed already, so an exit is never
 * chained to blocks of two different pages: the number it was given first stays its only one.
 *
 * Translations are not freed singly. Code memory and tables have two regions, of which one is filled. When it is full, all
 * translations of the other fall, and it is filled next, as soon as every vCPU has forgotten what it knew of it. Until
 * then blocks are interpreted. The blocks themselves stay (cpu/code_cache.h does the same with those, at its own time).
 */
#include <errno.h>
#include <stdlib.h>

#include "bt/watch.h"
#include "src/base/memory.h"

/* ---- Room ------------------------------------------------------------------------------------------------------------- */

static size_t region_start(const struct bt *bt, unsigned region)
{
    return align_up(bt->fixed + region * ((bt->size - bt->fixed) / BT_REGIONS), 64);
}

static size_t region_end(const struct bt *bt, unsigned region)
{
    return region + 1 == BT_REGIONS ? bt->size : region_start(bt, region + 1);
}

static bool has_room(const struct bt *bt)
{
    const struct bt_fill *n = &bt->now;

    return region_end(bt, bt->region) - n->used > BT_BLOCK_MAX &&
           bt_fits(bt, n->n_points, 2 * BT_FORWARD_MAX, BT_POINTS_MAX) &&
           bt_fits(bt, n->n_exits, 4 * BT_TRACE_BLOCKS, BT_EXITS_MAX) &&
           bt_fits(bt, n->n_blocks, 0, BT_BLOCKS_MAX) &&
           bt_fits(bt, n->n_copies, BLOCK_UOPS_MAX, BT_COPIES_MAX) &&
           bt_fits(bt, n->n_notes, BT_SEQ_MAX, BT_NOTES_MAX) &&
           bt_fits(bt, n->n_traces, 0, BT_TRACES_MAX);
}

/* The first free place of each table in a region. */
static struct bt_fill empty_region(const struct bt *bt, unsigned region)
{
    return (struct bt_fill){.used = region_start(bt, region),
                            .n_points = region * (BT_POINTS_MAX / BT_REGIONS),
                            .n_exits = region * (BT_EXITS_MAX / BT_REGIONS),
                            .n_blocks = region * (BT_BLOCKS_MAX / BT_REGIONS),
                            .n_copies = region * (BT_COPIES_MAX / BT_REGIONS),
                            .n_notes = region * (BT_NOTES_MAX / BT_REGIONS),
                            .n_traces = region * (BT_TRACES_MAX / BT_REGIONS),
                            .n_sites = region * (BT_SITES / BT_REGIONS)};
}

static struct bt_fill fill_of(const struct bt *bt, unsigned region)
{
    return region == bt->region ? bt->now : bt->filled[region];
}

/* ---- Numbers of pages --------------------------------------------------------------------------------------------------- */

static struct bt_page *place_of(struct bt *bt, u64 page, u64 gfn, u32 key)
{
    u32 i = (u32)((page * 0x9e3779b97f4a7c15u ^ gfn * 0xc2b2ae3d27d4eb4fu ^ key) >> 20);

    for (;; i++) {
        struct bt_page *p = &bt->pages[i % BT_IDS];

        if (!p->id || (p->page == page && p->gfn == gfn && p->key == key))
            return p;
    }
}

/* Numbers are never given twice, so the table can be made afresh at any time. */
static u32 id_of(struct bt *bt, u64 page, u64 gfn, u32 key)
{
    struct bt_page *p = place_of(bt, page, gfn, key);

    if (p->id || bt->n_pages >= BT_IDS / 2 || bt->last_id == ~0u)
        return p->id;
    bt->n_pages++;
    *p = (struct bt_page){page, gfn, key, ++bt->last_id};
    return p->id;
}

static bool is_coarse(const struct code_page *p)
{
    return p && !atomic_load_explicit(&p->fine, memory_order_relaxed);
}

u32 bt_second_id(struct bt *bt, const struct block *b)
{
    return b->gpa2 && is_coarse(b->page2) ? id_of(bt, bt_second_page(b), b->gpa2 >> 12, b->key) : 0;
}

u32 bt_page_id(struct bt *bt, const struct block *b)
{
    if (!is_coarse(b->page) || (b->gpa2 && !bt_second_id(bt, b)))
        return 0;
    return id_of(bt, b->rip >> 12, b->gpa >> 12, b->key);
}

static void keep_id(struct bt *bt, u64 page, u64 gfn, u32 key, u32 id)
{
    struct bt_page *p = place_of(bt, page, gfn, key);

    if (!id || bt->n_pages >= BT_IDS / 2)
        return;
    bt->n_pages += !p->id;
    *p = (struct bt_page){page, gfn, key, id};
}

/* Forget the numbers of pages that have no translations any more. */
static void renew_ids(struct bt *bt)
{
    memset(bt->pages, 0, BT_IDS * sizeof(*bt->pages));
    bt->n_pages = 0;
    for (unsigned r = 0; r < BT_REGIONS; r++) {
        const struct bt_fill n = fill_of(bt, r);

        for (unsigned i = empty_region(bt, r).n_blocks; i < n.n_blocks; i++) {
            const struct bt_block *bb = &bt->blocks[i];

            if (bb->gone)
                continue;
            keep_id(bt, bb->b->rip >> 12, bb->b->gpa >> 12, bb->b->key, bb->page_id);
            keep_id(bt, bt_second_page(bb->b), bb->b->gpa2 >> 12, bb->b->key, bb->second_id);
        }
    }
}

/* ---- Chains ------------------------------------------------------------------------------------------------------------- */

void bt_link(struct bt *bt, struct bt_exit *x, struct bt_block *to)
{
    u32 id = to->page_id;

    if (x->to || x->gone || to->gone || !id)
        return;
    if (x->id) {
        if (x->only_id && x->only_id != id)
            return;
        x->only_id = id;
        __atomic_store_n((u32 *)x->id, id, __ATOMIC_RELEASE);
    }
    emit_patch(x->jump, bt_entry_of(to));
    x->next = to->in;
    if (x->next)
        x->next->at = &x->next;
    x->at = &to->in;
    to->in = x;
    x->to = to;
    bt->stats.linked++;
    bt_publish(bt);
}

static void unlink_exit(struct bt_exit *x)
{
    emit_patch(x->jump, x->stub);
    if (x->id)
        __atomic_store_n((u32 *)x->id, 0, __ATOMIC_RELEASE);
    *x->at = x->next;
    if (x->next)
        x->next->at = x->at;
    x->to = NULL;
}

static void unlink_all(struct bt_block *bb)
{
    while (bb->in)
        unlink_exit(bb->in);
}

void bt_redirect(struct bt_block *head)
{
    const u8 *code = bt_entry_of(head);

    for (struct bt_exit *x = head->in; x; x = x->next)
        emit_patch(x->jump, code);
}

/* ---- Falling ------------------------------------------------------------------------------------------------------------ */

/* Nothing may lead to the block's translation. What that itself leads to is found in the lists of those blocks, and
 * harmless. */
static void block_gone(struct bt *bt, struct block *b)
{
    struct bt_block *bb = b->bt;

    if (!bb)
        return;
    bt_traces_gone(bt, bb);
    unlink_all(bb);
    bb->gone = true;
    b->bt = NULL;
    b->heat = 0;
}

/* It may be entered through the jump tables only, which each vCPU fills when it has compared it. */
static void unchain(struct bt *bt, struct block *b)
{
    struct bt_block *bb = b->bt;

    if (!bb)
        return;
    bt_traces_gone(bt, bb);
    bb->page_id = 0;
    unlink_all(bb);
}

/* What was translated into the region falls: superblocks, blocks; and exits that lead to others. */
static void retire(struct bt *bt, unsigned region)
{
    const struct bt_fill from = empty_region(bt, region), to = fill_of(bt, region);

    for (unsigned i = from.n_traces; i < to.n_traces; i++)
        bt_trace_gone(&bt->traces[i]);
    for (unsigned i = from.n_blocks; i < to.n_blocks; i++)
        if (!bt->blocks[i].gone)
            block_gone(bt, bt->blocks[i].b);
    for (unsigned i = from.n_exits; i < to.n_exits; i++) {
        struct bt_exit *x = &bt->exits[i];

        if (x->to)
            unlink_exit(x);
        x->gone = true;
    }
    bt->stats.emptied++;
}

static void reuse(struct bt *bt, unsigned region)
{
    bt->filled[bt->region] = bt->now;
    bt->region = region;
    bt->now = empty_region(bt, region);
    bt_symbols_forget(bt, bt->write + region_start(bt, region), bt->write + region_end(bt, region));
    renew_ids(bt);
}

bool bt_make_room(struct vcpu *v)
{
    struct bt *bt = v->t.bt;
    unsigned other = bt->region ^ 1;

    if (has_room(bt))
        return true;
    if (!v->code)
        return false;
    if (!bt->retiring) {
        retire(bt, other);
        bt->retiring = code_retire(bt->cache);
    }
    if (!code_is_forgotten(v, bt->retiring))
        return false;
    bt->retiring = 0;
    reuse(bt, other);
    return true;
}

static void forget(struct vcpu *v)
{
    memset(v->t.jump, 0, sizeof(v->t.jump));
    v->t.generation[0] = v->t.generation[1] = ~(u64)0;
    bt_clear_sites(v);
    v->t.own->from = NULL;
    v->t.own->recorder.head = NULL;
    v->t.own->missed = 0;
}

const struct code_hooks bt_hooks = {block_gone, unchain, forget};

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

struct bt *bt_shared_create(const struct bt_options *o, struct code_cache *cache)
{
    struct bt *bt = calloc(1, sizeof(*bt));

    if (!bt)
        return NULL;
    bt->options = o;
    bt->cache = cache;
    bt_low_init();
    if (make_tables(bt) || bt_code_map(bt, align_up(o->size ? o->size : BT_SIZE_DEFAULT, 4096)))
        goto out_destroy;
    bt_make_stubs(bt);
    for (unsigned r = 0; r < BT_REGIONS; r++)
        bt->filled[r] = empty_region(bt, r);
    bt->now = bt->filled[0];
    if (bt_symbols_create(bt))
        goto out_destroy;
    return bt;

out_destroy:
    bt_shared_destroy(bt);
    return NULL;
}

void bt_shared_destroy(struct bt *bt)
{
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
}
