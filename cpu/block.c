/* SPDX-License-Identifier: MIT */
/*
 * The block cache: what a vCPU has decoded, kept coherent by `code` traces on the pages it came from.
 *
 * Losing the trace on a page takes away the right to enter its blocks, not the blocks: each is compared with memory
 * when it is wanted again (its page's epoch has moved on) and falls only if its bytes differ. A small direct-mapped
 * table in front maps the linear address to the block; it and the links between blocks are valid for one MMU
 * generation, which moves on whenever a code mapping may have changed or a code trace is lost.
 *
 * Memory is an arena that is emptied as a whole when full. Limits: BLOCK_INSNS_MAX instructions, one page.
 */
#include "cpu/block.h"

#include <errno.h>
#include <stdlib.h>

#include "cpu/address.h"
#include "cpu/check.h"
#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "cpu/exec.h"
#include "cpu/lift.h"
#include "cpu/uops.h"
#include "src/base/check.h"
#include "src/base/memory.h"
#include "trace/directory.h"

enum {
    ARENA = 64 << 20,
    BUCKETS = 1 << 16,
    JUMPS = 1 << 14,
    PAGES = 1 << 10,
    PAGE_RECORDS = 1 << 14
};

struct code_page {
    struct code_page *next;
    u64 gfn;
    u64 lines;    /* traced */
    u64 epoch;    /* moves on when the trace is lost */
    u64 verified; /* the epoch in which all its blocks were last compared with memory */
    struct block *blocks;
};

struct jump {
    u64 lin, gen;
    u32 key;
    struct block *block;
};

struct block_cache {
    struct jump jump[JUMPS];
    struct block *bucket[BUCKETS];
    struct code_page *page[PAGES];
    struct code_page *pages; /* records, PAGE_RECORDS */
    unsigned n_pages;
    u8 *arena;
    size_t used;
    u64 built, verified, uops, insns, emptied;
};

int block_cache_create(struct vcpu *v)
{
    struct block_cache *c = memory_map_lazy(sizeof(*c));

    if (!c)
        return -ENOMEM;
    c->arena = memory_map_lazy(ARENA);
    c->pages = memory_map_lazy(PAGE_RECORDS * sizeof(*c->pages));
    v->blocks = c;
    return c->arena && c->pages ? 0 : -ENOMEM;
}

void block_cache_destroy(struct vcpu *v)
{
    if (!v->blocks)
        return;
    memory_unmap(v->blocks->arena, ARENA);
    memory_unmap(v->blocks->pages, PAGE_RECORDS * sizeof(struct code_page));
    memory_unmap(v->blocks, sizeof(struct block_cache));
    v->blocks = NULL;
}

static struct code_page *find_page(struct block_cache *c, u64 gfn)
{
    struct code_page *p = c->page[gfn % PAGES];

    while (p && p->gfn != gfn)
        p = p->next;
    return p;
}

static void lose(struct code_page *p)
{
    if (!p->lines)
        return;
    p->lines = 0;
    p->epoch++;
}

void block_drop_page(struct vcpu *v, u64 gfn)
{
    struct block_cache *c = v->blocks;
    struct code_page *p;

    if (gfn != ~(u64)0) {
        p = find_page(c, gfn);
        if (p)
            lose(p);
        return;
    }
    for (unsigned i = 0; i < c->n_pages; i++)
        lose(&c->pages[i]);
}

void block_wrote(struct vcpu *v, u64 gpa, unsigned size)
{
    struct code_page *p = find_page(v->blocks, gpa >> 12);
    u64 lines = 0;

    if (!p)
        return;
    for (u64 a = gpa; a <= gpa + size - 1; a = (a | 63) + 1)
        lines |= BIT((a & 0xfff) >> 6);
    if (!(p->lines & lines))
        return;
    lose(p);
    mmu_forget_code(&v->mmu);
    directory_underive(&v->p, TRACE_CODE, gpa >> 12);
}

static void empty_cache(struct vcpu *v)
{
    struct block_cache *c = v->blocks;

    if (v->t.all_gone)
        v->t.all_gone(v);
    for (unsigned i = 0; i < c->n_pages; i++)
        if (c->pages[i].lines)
            directory_underive(&v->p, TRACE_CODE, c->pages[i].gfn);
    memset(c->jump, 0, sizeof(c->jump));
    memset(c->bucket, 0, sizeof(c->bucket));
    memset(c->page, 0, sizeof(c->page));
    memset(c->pages, 0, c->n_pages * sizeof(*c->pages));
    c->n_pages = 0;
    c->used = 0;
    c->emptied++;
    mmu_forget_code(&v->mmu);
}

static struct code_page *get_page(struct block_cache *c, u64 gfn)
{
    struct code_page *p = find_page(c, gfn);

    if (p)
        return p;
    p = &c->pages[c->n_pages++];
    p->gfn = gfn;
    p->epoch = p->verified = 1;
    p->next = c->page[gfn % PAGES];
    c->page[gfn % PAGES] = p;
    return p;
}

/* Have the lines of [gpa, gpa+len) traced, all in one page; escapes if a hold is missing. */
static void trace_lines(struct vcpu *v, struct code_page *p, u64 gpa, unsigned len)
{
    u64 lines = 0;

    for (u64 a = gpa; a <= gpa + len - 1; a = (a | 63) + 1)
        lines |= BIT((a & 0xfff) >> 6);
    if (!(lines & ~p->lines))
        return;
    if (directory_derive(&v->p, TRACE_CODE, gpa, len) < 0 ||
        mmu_check_fails(&v->mmu, gpa >> 12, RIGHT_READ))
        v->mmu.escape(v, MMU_ESCAPE_MISS);
    p->lines |= lines;
}

static unsigned hash(u64 gpa, u64 rip, u32 key)
{
    u64 h = (gpa ^ rip << 20 ^ (u64)key << 44) * 0x9e3779b97f4a7c15u;

    return (unsigned)(h >> 48) % BUCKETS;
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

/* ---- Building --------------------------------------------------------------------------------------------------- */

static void raise_too_long(struct vcpu *v, const struct uop *u)
{
    (void)u;
    vcpu_raise_err(v, VEC_GP, 0);
}

struct build {
    struct vcpu *v;
    struct lift_state l;
    struct insn in;
    const u8 *bytes; /* of the page, from the block's start */
    unsigned n;      /* readable there */
    u64 rip;
    unsigned len, seen, insns;
    u32 key;
};

static u64 cut_rip(u32 key, u64 rip)
{
    return (key & KEY_CODE) == CODE_64 ? rip : (key & KEY_CODE) == CODE_32 ? (u32)rip : (u16)rip;
}

/* Lift the instruction at b->len. False: it needs bytes beyond what is readable. */
static bool add_insn(struct build *b, struct uop *first)
{
    struct uop *from = b->l.out;
    int err =
        insn_decode(&b->in, (enum code_mode)(b->key & KEY_CODE), b->bytes + b->len, b->n - b->len);

    if (err == -EAGAIN)
        return false;
    b->seen = b->len + (err ? MIN(INSN_LEN_MAX, b->n - b->len) : b->in.len);
    if (err)
        b->in.len = 1;
    b->l.rip = cut_rip(b->key, b->rip + b->len);
    b->l.next_rip = cut_rip(b->key, b->rip + b->len + b->in.len);
    b->l.n = 0;
    if (err == -E2BIG)
        lift_call_jump(&b->l, &(struct insn_row){.name = "too long"}, raise_too_long);
    else if (err)
        lift_undefined(&b->l);
    else
        lift_insn(&b->l);
    for (struct uop *u = from; u < b->l.out; u++) {
        u->idx = (u8)b->insns;
        u->ilen = b->in.len;
        u->rip_off = (u16)b->len;
    }
    (void)first;
    b->len += b->in.len;
    b->insns++;
    return true;
}

/* Make the block whose bytes start at `bytes` (n readable), in the arena. NULL: the first instruction needs more
 * bytes than there are. */
static struct block *build(struct vcpu *v, u32 key, u64 gpa, const u8 *bytes, unsigned n)
{
    struct block_cache *c = v->blocks;
    struct block *blk = (struct block *)(c->arena + c->used);
    struct build b = {.v = v, .bytes = bytes, .n = n, .rip = v->rip, .key = key};
    unsigned max = key & KEY_STEP ? 1 : v->block_max ? v->block_max : BLOCK_INSNS_MAX, uops;

    memset(blk, 0, sizeof(*blk));
    b.l.in = &b.in;
    b.l.key = key;
    b.l.features = v->model->features;
    b.l.out = blk->u;
    while (!b.l.end && b.insns < max && b.l.out - blk->u < BLOCK_UOPS_MAX - 17 && b.len < n)
        if (!add_insn(&b, blk->u))
            break;
    if (!b.insns)
        return NULL;
    if (!b.l.end) {
        struct uop *end = b.l.out;

        b.l.out = lift_end(b.l.out, cut_rip(key, b.rip + b.len));
        end->idx = (u8)b.insns;
    }
    uops = (unsigned)(b.l.out - blk->u);
    lift_finish(blk->u, uops);
    blk->rip = v->rip;
    blk->gpa = gpa;
    blk->key = key;
    blk->n_insns = (u16)b.insns;
    blk->n_uops = (u16)uops;
    blk->len = (u16)b.len;
    blk->seen = (u16)b.seen;
    blk->bytes = (u8 *)(blk->u + uops);
    copy_code(blk->bytes, bytes, b.seen);
    c->used = align_up((size_t)(blk->bytes + b.seen - c->arena), 64);
    c->built++;
    c->uops += uops;
    c->insns += b.insns;
    return blk;
}

static void insert(struct block_cache *c, struct block *b)
{
    struct block **at = &c->bucket[hash(b->gpa, b->rip, b->key)];

    b->hash_next = *at;
    *at = b;
    b->page_next = b->page->blocks;
    b->page->blocks = b;
}

static void discard(struct vcpu *v, struct block *b)
{
    struct block **at = &v->blocks->bucket[hash(b->gpa, b->rip, b->key)];

    while (*at != b)
        at = &(*at)->hash_next;
    *at = b->hash_next;
    for (at = &b->page->blocks; *at != b; at = &(*at)->page_next)
        ;
    *at = b->page_next;
    b->gone = true;
    if (v->t.block_gone)
        v->t.block_gone(v, b);
}

/* ---- Finding ---------------------------------------------------------------------------------------------------- */

/* The part of an instruction behind the page's end, for a block that consists of it. */
struct second_half {
    struct mmu_code code;
    struct code_page *page;
    gla_t lin;
};

static void fetch_second(struct vcpu *v, gla_t lin, struct second_half *h, bool *first)
{
    h->lin = (lin & MMU_PAGE_MASK) + 0x1000;
    if (!vcpu_is_code64(v))
        h->lin = (u32)h->lin;
    h->code = mmu_fetch(&v->mmu, h->lin, first);
    if (!h->code.host)
        vcpu_raise(v, VEC_UD);
    h->page = get_page(v->blocks, h->code.gpa >> 12);
    trace_lines(v, h->page, h->code.gpa, 16);
}

static unsigned in_first_page(const struct block *b)
{
    return MIN(b->seen, 0x1000 - (unsigned)(b->gpa & 0xfff));
}

/* The trace on a page was lost, and one of its blocks is wanted: all are traced again and compared with memory, and those
 * that differ go. So what chains lead to within a page is what memory holds once the page was entered. `host`: any byte of
 * the page. */
static void verify_page(struct vcpu *v, struct code_page *p, const u8 *host)
{
    const u8 *start = (const u8 *)((uintptr_t)host & ~(uintptr_t)0xfff);
    struct block *b, *next;

    for (b = p->blocks; b; b = b->page_next)
        trace_lines(v, p, b->gpa, in_first_page(b));
    for (b = p->blocks; b; b = next) {
        next = b->page_next;
        v->blocks->verified++;
        if (!same_code(b->bytes, start + (b->gpa & 0xfff), in_first_page(b)))
            discard(v, b);
    }
    p->verified = p->epoch;
}

/* Is the second half of block b what memory holds now? */
static bool is_second_current(struct vcpu *v, struct block *b, gla_t lin, bool *first)
{
    struct second_half h;
    unsigned in_page = in_first_page(b);

    if (!b->page2)
        return true;
    fetch_second(v, lin, &h, first);
    if (h.page != b->page2 || (b->epoch2 != h.page->epoch &&
                               !same_code(b->bytes + in_page, h.code.host, b->seen - in_page)))
        return false;
    b->epoch2 = h.page->epoch;
    return true;
}

static struct block *make(struct vcpu *v, u32 key, const struct mmu_code *code, gla_t lin,
                          bool *first)
{
    struct block_cache *c = v->blocks;
    unsigned left = 0x1000 - (unsigned)(lin & 0xfff);
    struct code_page *page = get_page(c, code->gpa >> 12);
    struct second_half h = {.page = NULL};
    struct block *b;
    unsigned n = MIN(left, BLOCK_INSNS_MAX * 6);
    u8 bytes[BLOCK_INSNS_MAX * 6], both[32];

    trace_lines(v, page, code->gpa, n);
    /* What is decoded and what is kept to compare with is one copy: unless `code` has brackets, somebody may write now. */
    copy_code(bytes, code->host, n);
    b = build(v, key, code->gpa, bytes, n);
    if (!b) {
        left = MIN(left, 15);
        fetch_second(v, lin, &h, first);
        copy_code(both, code->host, left);
        copy_code(both + left, h.code.host, 16);
        b = build(v, key | KEY_STEP, code->gpa, both, left + 16);
        CHECK(b);
        b->key = key;
        b->gpa2 = h.code.gpa;
        b->page2 = h.page;
        b->epoch2 = h.page->epoch;
    }
    b->page = page;
    insert(c, b);
    return b;
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
static struct block *find_by_address(struct vcpu *v, u32 key, gla_t lin, const struct jump *j,
                                     bool *first)
{
    struct block_cache *c = v->blocks;
    struct mmu_code code = mmu_fetch(&v->mmu, lin, first);
    struct code_page *page;
    struct block *b;

    if (!code.host)
        vcpu_raise(v, VEC_UD); /* nothing but RAM holds code */
    if (c->used > ARENA - (1 << 16) || c->n_pages > PAGE_RECORDS - 4)
        empty_cache(v);
    page = find_page(c, code.gpa >> 12);
    if (page && page->verified != page->epoch)
        verify_page(v, page, code.host);
    b = j->lin == lin && j->key == key ? j->block : NULL;
    if (b && !b->gone && b->gpa == code.gpa && b->rip == v->rip &&
        is_second_current(v, b, lin, first))
        return b;
    for (b = c->bucket[hash(code.gpa, v->rip, key)]; b; b = b->hash_next)
        if (b->gpa == code.gpa && b->rip == v->rip && b->key == key)
            break;
    if (b && is_second_current(v, b, lin, first))
        return b;
    if (b)
        discard(v, b);
    return make(v, key, &code, lin, first);
}

static bool is_beyond_limit(const struct vcpu *v, const struct block *b)
{
    return !vcpu_is_code64(v) && b->rip + b->len - 1 > v->seg[SEG_CS].limit;
}

/* A block that reaches beyond the code segment's limit gives way to one of a single instruction, and that one is #GP. The limit
 * is not looked at again until the MMU's generation moves on, as it does whenever CS changes. */
static struct block *find_slow(struct vcpu *v, u32 key, gla_t lin, const struct jump *j,
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

struct block *block_find(struct vcpu *v, u32 key, bool *first)
{
    gla_t lin = code_address(v);
    struct jump *j = &v->blocks->jump[(lin ^ lin >> 13 ^ key << 7) % JUMPS];

    if (likely(j->lin == lin && j->key == key && j->gen == mmu_generation(&v->mmu)))
        return j->block;
    j->block = find_slow(v, key, lin, j, first);
    j->lin = lin;
    j->key = key;
    j->gen = *first ? ~(u64)0 : mmu_generation(&v->mmu);
    return j->block;
}

u64 block_cache_age(const struct vcpu *v)
{
    return v->blocks->emptied;
}

void block_stats(const struct vcpu *v, u64 *built, u64 *verified, u64 *uops, u64 *insns)
{
    *built = v->blocks->built;
    *verified = v->blocks->verified;
    *uops = v->blocks->uops;
    *insns = v->blocks->insns;
}
