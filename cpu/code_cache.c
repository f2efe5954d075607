/* SPDX-License-Identifier: MIT */
/*
 * Finding blocks: by linear address in a table of each vCPU's own, which holds for one MMU generation (it moves on
 * whenever a code mapping may have changed or a code trace is lost); behind it by guest-physical address in the shared
 * cache. Nothing here waits for another vCPU but for the lock, which is held to insert, to discard and to compare.
 *
 * Why a vCPU with the right to a coarse page may enter any block of it, also one that another has just inserted: the block was
 * made from what memory held while its maker had a trace on these bytes; both have one now, so nobody has written since
 * without telling both; and blocks that were there before were compared when the right was had. With semantics that
 * tell after the write, old code may run until the telling, as those promise no more.
 *
 * code_cache.h says what is shared and what is not.
 */
#include "cpu/code_cache.h"

#include <errno.h>

#include "cpu/address.h"
#include "cpu/check.h"
#include "cpu/exec.h"
#include "cpu/run.h"
#include "src/base/check.h"
#include "src/base/memory.h"
#include "trace/directory.h"

/* ---- Lifetime --------------------------------------------------------------------------------------------------------- */

static struct code_cache *create(const struct vcpu *v)
{
    struct code_cache *c = memory_map_lazy(sizeof(*c));
    u64 pages = v->p.dir ? v->p.dir->n_pages : 0;

    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    c->n_pages = MAX(pages, (u64)1 << 20); /* ROM lies below 4 GiB */
    c->hot = CODE_HOT;
    c->pages = memory_map_lazy(c->n_pages * sizeof(*c->pages));
    for (unsigned i = 0; i < CODE_REGIONS; i++)
        c->region[i].arena = memory_map_lazy(CODE_REGION_BYTES);
    return c;
}

static void destroy(struct code_cache *c)
{
    for (unsigned i = 0; i < CODE_REGIONS; i++)
        memory_unmap(c->region[i].arena, CODE_REGION_BYTES);
    memory_unmap(c->pages, c->n_pages * sizeof(*c->pages));
    pthread_mutex_destroy(&c->lock);
    memory_unmap(c, sizeof(*c));
}

int code_cache_join(struct vcpu *v)
{
    struct code_cache *c = v->env->code;
    struct code_view *w;

    if (!c)
        c = v->env->code = create(v);
    if (!c)
        return -ENOMEM;
    w = memory_map_lazy(sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->shared = c;
    w->v = v;
    c->view[c->n_views++] = w;
    v->code = w;
    w->right = memory_map_lazy(c->n_pages * sizeof(*w->right));
    w->transient = memory_map_lazy(BLOCK_ROOM_MAX);
    return w->right && w->transient && c->pages && c->region[0].arena && c->region[1].arena
               ? 0
               : -ENOMEM;
}

void code_cache_leave(struct vcpu *v)
{
    struct code_view *w = v->code;
    struct code_cache *c;

    if (!w)
        return;
    c = w->shared;
    for (unsigned i = 0; i < c->n_views; i++)
        if (c->view[i] == w)
            c->view[i--] = c->view[--c->n_views];
    memory_unmap(w->right, c->n_pages * sizeof(*w->right));
    memory_unmap(w->transient, BLOCK_ROOM_MAX);
    memory_unmap(w, sizeof(*w));
    v->code = NULL;
    if (c->n_views)
        return;
    destroy(c);
    v->env->code = NULL;
}

/* ---- Rights ----------------------------------------------------------------------------------------------------------- */

static void lose(struct vcpu *v, struct code_right *r)
{
    if (!r->lines)
        return;
    r->lines = 0;
    r->entered = false;
    r->lost = true;
    for (unsigned user = 0; user < 2; user++)
        if (r->known[user])
            mmu_forget_code_of(&v->mmu, user);
    r->known[0] = r->known[1] = false;
}

void code_cache_drop(struct vcpu *v, u64 gfn)
{
    struct code_view *w = v->code;

    if (gfn < w->shared->n_pages)
        lose(v, &w->right[gfn]);
    else if (gfn == ~(u64)0)
        for (u32 i = w->rights; i; i = w->right[i - 1].next)
            lose(v, &w->right[i - 1]);
}

void code_cache_wrote(struct vcpu *v, u64 gpa, unsigned size)
{
    struct code_right *r;

    if (gpa >> 12 >= v->code->shared->n_pages)
        return;
    r = &v->code->right[gpa >> 12];
    if (!(r->lines & directory_lines_of(gpa, size)))
        return;
    lose(v, r);
    directory_underive(&v->p, TRACE_CODE, gpa >> 12);
}

/* Have the lines of [gpa, gpa+len) traced, all in one page; escapes if a hold is missing. */
static void trace_lines(struct vcpu *v, u64 gpa, unsigned len)
{
    struct code_view *w = v->code;
    struct code_right *r = &w->right[gpa >> 12];
    u64 lines = directory_lines_of(gpa, len);

    if (!(lines & ~r->lines))
        return;
    if (directory_derive(&v->p, TRACE_CODE, gpa, len) < 0 ||
        mmu_check_fails(&v->mmu, gpa >> 12, RIGHT_READ))
        v->mmu.escape(v, MMU_ESCAPE_MISS);
    r->lines |= lines;
    if (!r->listed) {
        r->listed = true;
        r->next = w->rights;
        w->rights = (u32)(gpa >> 12) + 1;
    }
}

static bool has_blocks(const struct code_page *p)
{
    return __atomic_load_n(&p->blocks, __ATOMIC_RELAXED) ||
           __atomic_load_n(&p->seconds, __ATOMIC_RELAXED);
}

/* Pages that hold no block any more need no trace: it makes writes to them slow. */
static void give_up_rights(struct vcpu *v)
{
    struct code_view *w = v->code;

    for (u32 i = w->rights; i; i = w->right[i - 1].next) {
        struct code_right *r = &w->right[i - 1];

        if (!r->lines || has_blocks(&w->shared->pages[i - 1]))
            continue;
        r->lines = 0;
        r->entered = false;
        directory_underive(&v->p, TRACE_CODE, i - 1);
    }
}

/* Blocks have fallen because their room is wanted: forget all that leads to any. */
static void forget(struct vcpu *v)
{
    struct code_view *w = v->code;
    u64 retired = atomic_load(&w->shared->retired);

    memset(w->jump, 0, sizeof(w->jump));
    if (w->shared->hooks)
        w->shared->hooks->forget(v);
    give_up_rights(v);
    mmu_forget_code(&v->mmu);
    w->seen = retired;
    if (atomic_load_explicit(&w->online, memory_order_relaxed))
        atomic_store(&w->online, retired + 1);
}

void code_cache_begin(struct vcpu *v)
{
    atomic_store(&v->code->online, v->code->seen + 1);
}

void code_cache_end(struct vcpu *v)
{
    atomic_store_explicit(&v->code->online, 0, memory_order_release);
}

/* ---- Blocks of a page ------------------------------------------------------------------------------------------------- */

static unsigned hash(u64 gpa, u64 rip, u32 key)
{
    u64 h = (gpa ^ rip << 20 ^ (u64)key << 44) * 0x9e3779b97f4a7c15u;

    return (unsigned)(h >> 48) % CODE_BUCKETS;
}

/* Copies of code bytes. The page is traced: a write to it is told, in the semantics of `code`. */
static void copy_code(u8 *to, const u8 *from, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        to[i] = (u8)ram_load(from + i, 1);
}

static bool same_code(const u8 *kept, const u8 *now, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (kept[i] != (u8)ram_load(now + i, 1))
            return false;
    return true;
}

static unsigned in_first_page(const struct block *b)
{
    return MIN(b->seen, 0x1000 - (unsigned)(b->gpa & 0xfff));
}

static bool is_at(const struct block *b, u64 gpa, u64 rip, u32 key)
{
    return b->gpa == gpa && b->rip == rip && b->key == key;
}

static void insert_locked(struct code_cache *c, struct block *b)
{
    _Atomic(struct block *) *at = &c->bucket[hash(b->gpa, b->rip, b->key)];

    atomic_store_explicit(&b->hash_next, atomic_load_explicit(at, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(at, b, memory_order_release);
    b->page_next = b->page->blocks;
    __atomic_store_n(&b->page->blocks, b, __ATOMIC_RELAXED);
    if (!b->page2)
        return;
    b->page2_next = b->page2->seconds;
    __atomic_store_n(&b->page2->seconds, b, __ATOMIC_RELAXED);
}

static void calm_if_empty(struct code_page *p)
{
    if (has_blocks(p))
        return;
    p->heat = 0;
    p->fine = false;
}

void code_cache_discard_locked(struct code_cache *c, struct block *b)
{
    _Atomic(struct block *) *at = &c->bucket[hash(b->gpa, b->rip, b->key)];
    struct block **in_page = &b->page->blocks, **in_second = b->page2 ? &b->page2->seconds : NULL;

    while (atomic_load_explicit(at, memory_order_relaxed) != b)
        at = &atomic_load_explicit(at, memory_order_relaxed)->hash_next;
    atomic_store_explicit(at, atomic_load_explicit(&b->hash_next, memory_order_relaxed),
                          memory_order_release);
    while (*in_page != b)
        in_page = &(*in_page)->page_next;
    __atomic_store_n(in_page, b->page_next, __ATOMIC_RELAXED);
    while (in_second && *in_second != b)
        in_second = &(*in_second)->page2_next;
    if (in_second)
        __atomic_store_n(in_second, b->page2_next, __ATOMIC_RELAXED);
    atomic_store_explicit(&b->gone, true, memory_order_release);
    calm_if_empty(b->page);
    if (b->page2)
        calm_if_empty(b->page2);
    if (c->hooks)
        c->hooks->block_gone(c->bt, b);
}

static void discard(struct code_cache *c, struct block *b)
{
    pthread_mutex_lock(&c->lock);
    if (!b->gone)
        code_cache_discard_locked(c, b);
    pthread_mutex_unlock(&c->lock);
}

enum { HOT_WITHIN = 200000 }; /* instructions */

static void note_entry_locked(struct vcpu *v, struct code_page *p)
{
    struct code_cache *c = v->code->shared;

    c->clock = MAX(c->clock, participant_icount(&v->p));
    p->heat = c->clock - p->entered_at < HOT_WITHIN ? (u8)MIN(p->heat + 1, 0xfe) : p->heat / 2;
    p->entered_at = c->clock;
    if (p->heat < c->hot)
        return;
    atomic_store_explicit(&p->fine, true, memory_order_release);
    c->fine_pages++;
    for (struct block *b = p->blocks; c->hooks && b; b = b->page_next)
        c->hooks->unchain(c->bt, b);
    for (struct block *b = p->seconds; c->hooks && b; b = b->page2_next)
        c->hooks->unchain(c->bt, b);
}

/* Get the right to a coarse page: it is traced as a whole, and blocks that are not what it holds fall. So what chains lead to
 * within it is what memory holds. */
static void enter_page(struct vcpu *v, struct code_page *p, const struct mmu_code *code)
{
    const u8 *start = (const u8 *)((uintptr_t)code->host & ~(uintptr_t)0xfff);
    struct code_right *r = &v->code->right[code->gpa >> 12];
    struct code_cache *c = v->code->shared;

    trace_lines(v, code->gpa & ~(u64)0xfff, 0x1000);
    pthread_mutex_lock(&c->lock);
    if (r->lost && has_blocks(p))
        note_entry_locked(v, p);
    r->lost = false;
    r->entered = true;
    for (struct block *b = p->blocks, *next; b; b = next) {
        next = b->page_next;
        c->verified++;
        if (!same_code(block_bytes(b), start + (b->gpa & 0xfff), in_first_page(b)))
            code_cache_discard_locked(c, b);
    }
    for (struct block *b = p->seconds, *next; b; b = next) {
        unsigned n = in_first_page(b);

        next = b->page2_next;
        if (!same_code(block_bytes(b) + n, start, b->seen - n))
            code_cache_discard_locked(c, b);
    }
    pthread_mutex_unlock(&c->lock);
}

static bool is_fine(const struct code_page *p)
{
    return atomic_load_explicit(&p->fine, memory_order_acquire);
}

/* Have the right to n bytes of code. A block found there has still to be compared if the page is fine. */
static void need_right(struct vcpu *v, const struct mmu_code *code, unsigned n)
{
    struct code_page *p = &v->code->shared->pages[code->gpa >> 12];
    struct code_right *r = &v->code->right[code->gpa >> 12];

    r->known[v->mmu.index == MMU_USER] = true;
    if (is_fine(p))
        trace_lines(v, code->gpa, n);
    else if (!r->entered)
        enter_page(v, p, code);
}

/* ---- Finding and making ----------------------------------------------------------------------------------------------- */

/* The part of an instruction behind the page's end, for a block that consists of it. */
static struct mmu_code fetch_second(struct vcpu *v, gla_t lin, bool *first)
{
    gla_t second = (lin & MMU_PAGE_MASK) + 0x1000;
    struct mmu_code code;

    if (!vcpu_is_code64(v))
        second = (u32)second;
    code = mmu_fetch(&v->mmu, second, first);
    if (!code.host || code.gpa >> 12 >= v->code->shared->n_pages)
        vcpu_raise(v, VEC_UD);
    need_right(v, &code, 16);
    return code;
}

enum found { CURRENT, STALE, ELSEWHERE };

/* Is b, which was found for this address, what memory holds? Elsewhere: its second page is another one. */
static enum found examine(struct vcpu *v, const struct block *b, const struct mmu_code *code,
                          gla_t lin, bool *first)
{
    unsigned in_page = in_first_page(b);
    struct mmu_code second;

    if (is_fine(b->page)) {
        trace_lines(v, b->gpa, in_page);
        if (!same_code(block_bytes(b), code->host, in_page))
            return STALE;
    }
    if (!b->gpa2)
        return CURRENT;
    second = fetch_second(v, lin, first);
    if (second.gpa != b->gpa2)
        return ELSEWHERE;
    return same_code(block_bytes(b) + in_page, second.host, b->seen - in_page) ? CURRENT : STALE;
}

/* Put the new block into the cache, unless somebody else just did. Without room it stays where it is, for one use. */
static struct block *publish(struct vcpu *v, struct block *made)
{
    struct code_cache *c = v->code->shared;
    struct block *b;

    made->room = (u32)align_up((size_t)(block_bytes(made) + made->seen - (u8 *)made), 64);
    made->transient = true;
    pthread_mutex_lock(&c->lock);
    for (b = c->bucket[hash(made->gpa, made->rip, made->key)]; b; b = b->hash_next)
        if (is_at(b, made->gpa, made->rip, made->key) && b->gpa2 == made->gpa2 &&
            b->seen == made->seen && !memcmp(block_bytes(b), block_bytes(made), b->seen))
            goto out;
    b = code_region_take(v, made->room);
    if (!b) {
        b = made;
        goto out;
    }
    memcpy(b, made, made->room);
    b->transient = false;
    b->page = &c->pages[b->gpa >> 12];
    b->page2 = b->gpa2 ? &c->pages[b->gpa2 >> 12] : NULL;
    insert_locked(c, b);
    c->built++;
    c->uops += b->n_uops;
    c->insns += b->n_insns;
out:
    pthread_mutex_unlock(&c->lock);
    return b;
}

static struct block *make(struct vcpu *v, u32 key, const struct mmu_code *code, gla_t lin,
                          bool *first)
{
    unsigned left = 0x1000 - (unsigned)(lin & 0xfff), n = MIN(left, BLOCK_BYTES_MAX);
    struct block *b = v->code->transient;
    u8 bytes[BLOCK_BYTES_MAX], both[32];
    struct mmu_code second;

    /* What is decoded and what is kept to compare with is one copy: unless `code` has brackets, somebody may write now. */
    need_right(v, code, n);
    copy_code(bytes, code->host, n);
    if (block_build(v, b, key, code->gpa, bytes, n))
        return publish(v, b);
    left = MIN(left, 15);
    second = fetch_second(v, lin, first);
    copy_code(both, code->host, left);
    copy_code(both + left, second.host, 16);
    CHECK(block_build(v, b, key | KEY_STEP, code->gpa, both, left + 16));
    b->key = key;
    b->gpa2 = second.gpa;
    return publish(v, b);
}

/* Code beyond the segment's limit, or an IP that is not canonical, is #GP before anything is fetched. */
static gla_t code_address(struct vcpu *v)
{
    if (vcpu_is_code64(v)) {
        if (!vcpu_is_canonical(v, v->rip))
            vcpu_raise_err(v, VEC_GP, 0);
        return v->rip;
    }
    if (v->rip > v->seg[SEG_CS].limit)
        vcpu_raise_err(v, VEC_GP, 0);
    return (u32)(v->rip + v->seg[SEG_CS].base);
}

/* j: the slot of lin in the jump table. After a change of generation it mostly still names the right block, which saves
 * the walk through a bucket. */
static struct block *find_by_address(struct vcpu *v, u32 key, gla_t lin, const struct code_jump *j,
                                     bool *first)
{
    struct mmu_code code = mmu_fetch(&v->mmu, lin, first);
    struct code_cache *c = v->code->shared;
    struct block *b, *next;

    if (!code.host || code.gpa >> 12 >= c->n_pages)
        vcpu_raise(v, VEC_UD); /* nothing but memory holds code */
    need_right(v, &code, 1);
    b = j->lin == lin ? j->block : NULL;
    if (b && !b->gone && is_at(b, code.gpa, v->rip, key) &&
        examine(v, b, &code, lin, first) == CURRENT)
        return b;
    for (b = atomic_load_explicit(&c->bucket[hash(code.gpa, v->rip, key)], memory_order_acquire); b;
         b = next) {
        next = atomic_load_explicit(&b->hash_next, memory_order_acquire);
        if (b->gone || !is_at(b, code.gpa, v->rip, key))
            continue;
        switch (examine(v, b, &code, lin, first)) {
        case CURRENT: return b;
        case STALE: discard(c, b); break;
        case ELSEWHERE: break;
        }
    }
    return make(v, key, &code, lin, first);
}

static bool is_beyond_limit(const struct vcpu *v, const struct block *b)
{
    return !vcpu_is_code64(v) && b->rip + b->len - 1 > v->seg[SEG_CS].limit;
}

/* A block that reaches beyond the code segment's limit gives way to one of a single instruction, and that one is #GP. The limit
 * is not looked at again until the MMU's generation moves on, as it does whenever CS changes. */
static struct block *find_slow(struct vcpu *v, u32 key, gla_t lin, const struct code_jump *j,
                               bool *first)
{
    struct block *b = find_by_address(v, key, lin, j, first);

    if (likely(!is_beyond_limit(v, b)))
        return b;
    b = find_by_address(v, key | KEY_STEP, lin, j, first);
    if (is_beyond_limit(v, b))
        vcpu_raise_err(v, VEC_GP, 0);
    return b;
}

struct block *code_cache_find(struct vcpu *v, u32 key, bool *first)
{
    struct code_view *w = v->code;
    gla_t lin = code_address(v);
    struct code_jump *j = &w->jump[(lin ^ lin >> 13 ^ key << 7) % CODE_JUMPS];
    struct block *b;

    if (unlikely(atomic_load(&w->shared->retired) != w->seen))
        forget(v);
    if (likely(j->lin == lin && j->key == key && j->gen == mmu_generation(&v->mmu)))
        return j->block;
    b = find_slow(v, key, lin, j, first);
    *j = (struct code_jump){.lin = lin, .key = key, .block = b};
    j->gen = *first || b->transient ? ~(u64)0 : mmu_generation(&v->mmu);
    if (b->transient)
        j->block = NULL;
    return b;
}

void code_cache_stats(const struct vcpu *v, struct code_stats *s)
{
    const struct code_cache *c = v->code->shared;

    *s = (struct code_stats){.built = c->built,
                             .verified = c->verified,
                             .uops = c->uops,
                             .insns = c->insns,
                             .fine_pages = c->fine_pages,
                             .retired = atomic_load(&c->retired)};
}
