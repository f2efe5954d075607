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

/* Translated code may go on: behind its block it is charged for again, and what its sites know is still so. */
static u64 resume(struct vcpu *v, const struct bt_point *pt, u32 at)
{
    struct bt *bt = v->t.bt;

    vcpu_refund(v, -(i32)pt->refund);
    if (v->mmu.lost)
        bt_clear_sites(v);
    return (u64)(uintptr_t)bt_exec(bt, bt->write + at);
}

/* The interpreter's routine stores, once. Most such stores are to traced pages, page tables above all, and come again. */
static u64 store(struct vcpu *v, const struct bt_point *pt, const struct uop *u)
{
    u64 generation = mmu_generation(&v->mmu);

    u->fn(v, bt_alone(v->t.own->alone, u));
    v->t.own->stored++;
    if (mmu_generation(&v->mmu) == generation && !(v->mmu.lost && pt->windows))
        return resume(v, pt, pt->stored);
    u[1].fn(v, &u[1]);
    return 0;
}

/* Called by the stub `slow`, with the guest's registers in memory. Returns where to go on, or 0 when the interpreter
 * has done the rest of the block. May escape. */
u64 bt_slow_path(struct vcpu *v, u32 point)
{
    struct bt *bt = v->t.bt;
    const struct bt_point *pt = &bt->points[point];
    const struct uop *u;

    bt_published(bt);
    u = &pt->b->u[pt->uop];
    v->blk = pt->b;
    v->cur = u;
    vcpu_refund(v, pt->refund);
    bt_recover_flags(v, pt);
    bt_x87_recover(v, pt);
    if (pt->site)
        bt_site_missed(v, pt->site - 1u);
    if (pt->stored)
        return store(v, pt, u);
    if (pt->access && filled(v, pt, u) && !(v->mmu.lost && pt->windows)) {
        v->t.own->filled++;
        return resume(v, pt, pt->resume);
    }
    v->t.own->interpreted++;
    bt_count_rest(bt, u->op);
    u->fn(v, u);
    return bt_leaves_block(u) ? (u64)(uintptr_t)bt_next_code(v) : 0;
}

/* The tag of the entries of vcpu->t.jump that hold now. */
static u32 present_tag(const struct vcpu *v)
{
    return vcpu_run_key(v) | v->t.jump_epoch[v->mmu.index == MMU_USER] << KEY_BITS;
}

static u32 *known_page(struct vcpu *v, u32 key, u64 page)
{
    return &v->t.page_id[!!(key & KEY_USER)][page % BT_PAGES];
}

/* The MMU's generation has moved on since entry i of vcpu->t.jump was made. Have its pages been entered again? */
static bool still_holds(struct vcpu *v, unsigned i)
{
    const struct bt_block *to = v->t.jump[i].to;
    u32 id;

    if (!to || to->gone || to->b->key != vcpu_run_key(v))
        return false;
    id = atomic_load_explicit(&to->page_id, memory_order_relaxed);
    return id && *known_page(v, to->b->key, v->rip >> 12) == id &&
           (!to->second_id || *known_page(v, to->b->key, bt_second_page(to->b)) == to->second_id);
}

const void *bt_next_code(struct vcpu *v)
{
    unsigned user = v->mmu.index == MMU_USER, i = bt_jump_index(v->rip);
    u32 tag;

    if ((v->taken >= 2 && vcpu_must_look(v)) || vcpu_is_due(v) || v->t.own->recorder.head ||
        v->t.generation[user] != v->mmu.generation[user])
        return NULL;
    tag = present_tag(v);
    if (v->t.jump[i].lin != v->rip)
        return NULL;
    if (v->t.jump[i].tag != tag) {
        if (!still_holds(v, i))
            return NULL;
        v->t.jump[i].tag = tag;
        v->t.jump[i].code = bt_exec(v->t.bt, bt_start_of(v->t.jump[i].to));
    }
    v->blk = NULL;
    v->t.jump_tag = tag;
    return v->t.jump[i].code;
}

/* ---- The loop --------------------------------------------------------------------------------------------------------- */

static bool is_worth(const struct bt *bt, struct block *b)
{
    unsigned heat = atomic_load_explicit(&b->heat, memory_order_relaxed);

    if (!(b->key & KEY_FLAT) || (b->key & KEY_STEP) || b->transient ||
        (b->key & (KEY_USER | KEY_AC)) == (KEY_USER | KEY_AC)) /* alignment checks */
        return false;
    if (heat >= bt->options->threshold)
        return true;
    atomic_store_explicit(&b->heat, (u8)(heat + 1), memory_order_relaxed);
    return heat + 1 > bt->options->threshold;
}

/* Translate b, unless somebody else just has, or there is no room yet. */
static struct bt_block *translate(struct vcpu *v, struct block *b)
{
    struct bt *bt = v->t.bt;
    struct bt_block *bb = NULL;

    bt_lock(bt);
    if (b->bt || b->gone) {
        bb = b->bt;
    } else if (bt_make_room(v) && !b->gone) {
        bb = bt_translate(bt, v, b);
        if (!bb)
            b->heat = 0;
        else
            atomic_store_explicit(&b->bt, bb, memory_order_release);
    }
    bt_unlock(bt);
    return bb;
}

static struct bt_block *translation(struct vcpu *v, struct block *b)
{
    struct bt_block *bb = atomic_load_explicit(&b->bt, memory_order_acquire);

    return bb || !is_worth(v->t.bt, b) ? bb : translate(v, b);
}

/* What translated code believes is brought up to date. */
static void follow_generation(struct vcpu *v)
{
    unsigned user = v->mmu.index == MMU_USER;

    if (v->t.generation[user] != v->mmu.generation[user]) {
        v->t.generation[user] = v->mmu.generation[user];
        memset(v->t.page_id[user], 0, sizeof(v->t.page_id[user]));
        v->t.jump_epoch[user] = (v->t.jump_epoch[user] + 1) % (1u << (32 - KEY_BITS));
        if (!v->t.jump_epoch[user])
            memset(v->t.jump, 0, sizeof(v->t.jump));
    }
    v->t.jump_tag = present_tag(v);
}

static void note_entry(struct vcpu *v, const struct bt_block *bb)
{
    u32 id = atomic_load_explicit(&bb->page_id, memory_order_relaxed);
    u64 rip = bb->b->rip;
    unsigned i = bt_jump_index(rip);

    if (id)
        *known_page(v, bb->b->key, rip >> 12) = id;
    if (id && bb->second_id)
        *known_page(v, bb->b->key, bt_second_page(bb->b)) = bb->second_id;
    v->t.jump[i].lin = rip;
    v->t.jump[i].tag = v->t.jump_tag;
    v->t.jump[i].to = bb;
    v->t.jump[i].code = bt_exec(v->t.bt, bt_start_of(bb));
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

    v->t.own->entered++;
    left = fn(v, bt_exec(bt, bt_start_of(bb)));
    bt_published(bt);
    v->blk = NULL;
    return left;
}

static void chain(struct bt *bt, struct bt_exit *from, struct bt_block *to)
{
    const struct block *b = to->b;

    if (from->to || bt->options->no_chain ||
        atomic_load_explicit(&b->page->fine, memory_order_relaxed))
        return;
    bt_lock(bt);
    bt_link(bt, from, to);
    bt_unlock(bt);
}

/* Run b, translated or not. Returns why it is over. */
static unsigned run_one_block(struct vcpu *v, struct block *b)
{
    struct bt *bt = v->t.bt;
    struct bt_own *own = v->t.own;
    struct bt_exit *from = own->from;
    struct bt_block *bb;
    u64 left;

    if (unlikely(own->missed))
        bt_settle_missed(v);
    bb = translation(v, b);
    own->from = NULL;
    follow_generation(v);
    if (unlikely(own->recorder.head) && bt_record(v, b))
        bb = NULL;
    if (!bb)
        return interpret(v, b) ? LEFT_TAKEN : LEFT_BUDGET;
    if (from)
        chain(bt, from, bb);
    note_entry(v, bb);
    left = enter(v, bb);
    if ((left & 0xff) == LEFT_LINK) {
        own->from = &bt->exits[left >> 8];
        v->rip = own->from->rip;
    } else if ((left & 0xff) == LEFT_BUDGET) {
        v->rip = bt->blocks[left >> 8].b->rip;
        bt_sample(v, &bt->blocks[left >> 8]);
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

    bt->now = bt->filled[0];
    v->t.jump_tag = 1; /* nothing is known */
    left = enter(v, bt_translate(bt, v, b));
    if ((left & 0xff) == LEFT_LINK)
        v->rip = bt->exits[left >> 8].rip;
    vcpu_settle_shadow(v);
}

static void run(struct vcpu *v)
{
    bool first = false;
    struct block *b = code_cache_find(v, vcpu_run_key(v), &first);

    v->t.own->from = NULL;
    while (!first) {
        unsigned left = run_one_block(v, b);

        if (left == LEFT_BUDGET)
            break;
        if (left == LEFT_TAKEN && v->taken >= 2 && vcpu_must_look(v))
            return;
        if (vcpu_is_due(v))
            return;
        b = code_cache_find(v, vcpu_run_key(v), &first);
    }
    vcpu_stop_blocks(v, b, first);
}

/* ---- Lifetime --------------------------------------------------------------------------------------------------------- */

int bt_create(struct vcpu *v, const struct bt_options *o)
{
    struct code_cache *cache = v->code ? v->code->shared : NULL;
    struct bt *bt = cache ? cache->bt : NULL;

    if (!bt)
        bt = bt_shared_create(o, cache);
    if (!bt)
        return -ENOMEM;
    if (cache) {
        cache->bt = bt;
        cache->hooks = &bt_hooks;
    }
    bt->users++;
    v->t.bt = bt;
    v->t.own = calloc(1, sizeof(*v->t.own));
    v->t.host_mxcsr = 0x1f80;
    v->t.run = run;
    return v->t.own ? 0 : -ENOMEM;
}

void bt_destroy(struct vcpu *v)
{
    struct bt *bt = v->t.bt;

    if (!bt)
        return;
    free(v->t.own);
    memset(&v->t, 0, sizeof(v->t));
    if (--bt->users)
        return;
    if (bt->cache) {
        bt->cache->bt = NULL;
        bt->cache->hooks = NULL;
    }
    bt_shared_destroy(bt);
}

void bt_get_stats(struct vcpu *const *v, unsigned n, struct bt_stats *s)
{
    *s = n && v[0]->t.bt ? v[0]->t.bt->stats : (struct bt_stats){0};
    for (unsigned i = 0; i < n; i++)
        if (v[i]->t.own) {
            s->entered += v[i]->t.own->entered;
            s->filled += v[i]->t.own->filled;
            s->stored += v[i]->t.own->stored;
            s->interpreted += v[i]->t.own->interpreted;
        }
}
