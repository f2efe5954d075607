/* SPDX-License-Identifier: MIT */
/*
 * The code cache as two vCPUs share it: one block for both, rights apart, pages that become fine, and room that is used
 * again only when everybody has looked up. Everything happens on one thread; what matters is who has looked when.
 */
#include <stdlib.h>
#include <time.h>

#include "cpu/code_cache.h"
#include "src/base/memory.h"
#include "tests/lib/bare.h"
#include "tests/lib/suite.h"

#define CODE 0x10000u

/* Two vCPUs of one machine, both in real mode at CODE. */
struct pair {
    struct bare b;
    struct vcpu *v, *w;
};

static void stand_at(struct vcpu *v, u32 at)
{
    v->seg[SEG_CS].sel = CODE >> 4;
    v->seg[SEG_CS].base = CODE;
    v->rip = at;
}

static struct vcpu *second(struct bare *b)
{
    struct vcpu *w = aligned_alloc(64, (sizeof(*w) + 63) & ~(size_t)63);

    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    memset(w, 0, sizeof(*w));
    CU_ASSERT_EQUAL_FATAL(vcpu_create(w, 1, b->dir, NULL, &b->mem, b->v->model, &b->env), 0);
    directory_add(b->dir, &w->p);
    memset(w->p.rights, RIGHT_READ | RIGHT_WRITE, b->dir->n_objects);
    vcpu_reset(w, false);
    return w;
}

static void create(struct pair *p)
{
    CU_ASSERT_FATAL(bare_create(&p->b, 1 << 20, CODE, "x86-64-v2"));
    p->v = p->b.v;
    p->w = second(&p->b);
    memset((u8 *)p->b.mem.ram + CODE, 0x90, 0x10000); /* NOP */
    stand_at(p->v, 0);
    stand_at(p->w, 0);
}

static void destroy(struct pair *p)
{
    memory_unmap(p->w->p.rights, p->b.dir->n_objects);
    p->b.dir->who[1] = NULL;
    vcpu_destroy(p->w);
    free(p->w);
    bare_destroy(&p->b);
}

static struct block *find(struct vcpu *v, u32 at)
{
    bool first = false;

    v->rip = at;
    if (setjmp(v->escape))
        return NULL;
    return code_cache_find(v, vcpu_run_key(v), &first);
}

/* Somebody else wrote a byte: v is told, as it would be at a boundary. */
static void write_byte(struct pair *p, struct vcpu *told, u32 at, u8 byte)
{
    *((u8 *)p->b.mem.ram + CODE + at) = byte;
    told->p.drop(&told->p, (CODE + at) >> 12, DROP_CODE);
}

static void one_block_for_both(void)
{
    struct pair p;
    struct block *b;

    create(&p);
    b = find(p.v, 0x100);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_PTR_EQUAL(find(p.w, 0x100), b);
    CU_ASSERT_EQUAL(p.v->code->shared->built, 1);

    /* Bytes beside it changed: it stays. Its own: it falls for both, at each one's look-up. */
    write_byte(&p, p.v, 0x80, 0xf4);
    p.w->p.drop(&p.w->p, CODE >> 12, DROP_CODE);
    CU_ASSERT_PTR_EQUAL(find(p.w, 0x100), b);
    CU_ASSERT_PTR_EQUAL(find(p.v, 0x100), b);
    write_byte(&p, p.v, 0x102, 0xf4);
    p.w->p.drop(&p.w->p, CODE >> 12, DROP_CODE);
    CU_ASSERT_PTR_NOT_EQUAL(find(p.w, 0x100), b);
    CU_ASSERT_TRUE(b->gone);
    CU_ASSERT_EQUAL(find(p.w, 0x100)->n_insns, 3);
    CU_ASSERT_PTR_EQUAL(find(p.v, 0x100), find(p.w, 0x100));
    destroy(&p);
}

/* An instruction that ends in the next page falls when that is entered, as a chain may lead to it from there on. */
static void falls_with_its_second_page(void)
{
    static const u8 mov_ax[] = {0xb8, 0x34, 0x12}; /* the last byte is the next page's first */
    struct block *b;
    struct pair p;

    create(&p);
    memcpy((u8 *)p.b.mem.ram + CODE + 0xffe, mov_ax, sizeof(mov_ax));
    b = find(p.v, 0xffe);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(b->gpa2, CODE + 0x1000);
    write_byte(&p, p.v, 0x1800, 0);
    find(p.v, 0x1400);
    CU_ASSERT_FALSE(b->gone);
    write_byte(&p, p.v, 0x1000, 0x56);
    find(p.v, 0x1400);
    CU_ASSERT_TRUE(b->gone);
    CU_ASSERT_PTR_NOT_EQUAL(find(p.v, 0xffe), b);
    CU_ASSERT_EQUAL(block_bytes(find(p.v, 0xffe))[2], 0x56);
    destroy(&p);
}

/* A page whose code is rewritten again and again is traced by lines, and its blocks are compared one by one. */
static void hot_pages_become_fine(void)
{
    struct pair p;
    struct block *b;

    create(&p);
    for (unsigned i = 0; i < 2 * CODE_HOT; i++) {
        write_byte(&p, p.v, 0x800, (u8)i); /* data */
        b = find(p.v, 0x100);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        CU_ASSERT_EQUAL(b->page->fine, i >= CODE_HOT);
    }
    CU_ASSERT_EQUAL(p.v->code->shared->built, 1);
    CU_ASSERT_EQUAL(p.v->code->right[CODE >> 12].lines & BIT(0x800 >> 6), 0);
    write_byte(&p, p.v, 0x101, 0xf4);
    CU_ASSERT_EQUAL(find(p.v, 0x100)->n_insns, 2);

    /* And coarse again, when its blocks are gone. */
    write_byte(&p, p.v, 0x100, 0xf4);
    CU_ASSERT_FALSE(find(p.v, 0x100)->page->fine);
    destroy(&p);
}

/* Make blocks, all of the same bytes at other addresses, until one finds no room. */
static void fill_region(struct vcpu *v)
{
    for (u32 i = 0;; i++) {
        v->seg[SEG_CS].base =
            CODE + 16 * (i / 2048); /* the same address at another IP is another block */
        mmu_forget_code(&v->mmu);
        if (find(v, i % 2048 * 16)->transient)
            break;
    }
    stand_at(v, 0);
    mmu_forget_code(&v->mmu);
}

static void room_is_used_again_when_all_have_looked(void)
{
    struct code_cache *c;
    struct block *kept;
    struct pair p;

    create(&p);
    c = p.v->code->shared;
    code_cache_begin(p.w);
    kept = find(p.w, 0x40);
    CU_ASSERT_PTR_NOT_NULL_FATAL(kept);

    /* The first time nothing has to fall, but everybody has to look up all the same. */
    fill_region(p.v);
    CU_ASSERT_EQUAL(c->current, 0);
    CU_ASSERT_TRUE(find(p.v, 0x8008)->transient);
    CU_ASSERT_FALSE(kept->gone);
    CU_ASSERT_TRUE(vcpu_is_due(p.w)); /* asked to */
    CU_ASSERT_PTR_EQUAL(find(p.w, 0x40), kept);
    CU_ASSERT_FALSE(find(p.v, 0x8008)->transient);
    CU_ASSERT_EQUAL(c->current, 1);

    /* The second time the first half falls, and is not used while w may be in a block of it. */
    fill_region(p.v);
    CU_ASSERT_TRUE(kept->gone);
    CU_ASSERT_EQUAL(c->current, 1);
    CU_ASSERT_EQUAL(kept->n_insns, BLOCK_INSNS_MAX);
    CU_ASSERT_TRUE(find(p.v, 0x8018)->transient);
    code_cache_end(p.w);
    CU_ASSERT_FALSE(find(p.v, 0x8018)->transient);
    CU_ASSERT_EQUAL(c->current, 0);
    destroy(&p);
}

/* Make blocks until one finds no room, all of them in one page, as code of a library that was mapped at ever other addresses. Returns their number. */
static unsigned fill_with_page(struct vcpu *v)
{
    unsigned n = 0;

    for (u32 alias = 0;; alias++) {
        v->seg[SEG_CS].base = CODE - 16 * alias;
        mmu_forget_code(&v->mmu);
        for (u32 at = 0; at < 0xf00; at += 16) {
            if (find(v, 16 * alias + at)->transient)
                return n;
            n++;
        }
    }
}

/* Room is had back in a time that follows from the number of blocks, whatever pages they are of: going through the page's
 * blocks for each would take minutes here, in which no vCPU would go on. */
static void many_blocks_of_one_page_fall(void)
{
    struct pair p;
    struct code_cache *c;
    unsigned n, m;
    clock_t from;

    create(&p);
    c = p.v->code->shared;
    code_cache_begin(p.w);
    memset((u8 *)p.b.mem.ram + CODE, 0xf4, 0x1000); /* HLT: blocks of one instruction */
    n = fill_with_page(p.v);
    CU_ASSERT_TRUE(n > 50000);
    CU_ASSERT_PTR_NOT_NULL(find(p.w, 0));
    for (u32 i = 0; i < 2; i++) {
        /* Not in that page, so that nothing that was kept stands in the way. */
        stand_at(p.v, 0x8000 + 64 * i);
        mmu_forget_code(&p.v->mmu);
        CU_ASSERT_EQUAL(find(p.v, 0x8000 + 64 * i)->transient, false);
    }
    CU_ASSERT_EQUAL(c->current, 1);
    from = clock();
    m = 0;
    for (u32 alias = 0; c->retiring == 0; alias++) {
        p.v->seg[SEG_CS].base = CODE - 16 * alias - 8;
        mmu_forget_code(&p.v->mmu);
        for (u32 at = 0; at < 0xf00 && !c->retiring; at += 16, m++)
            find(p.v, 16 * alias + 8 + at);
    }
    CU_ASSERT_TRUE(m > 50000);
    CU_ASSERT_TRUE((double)(clock() - from) / CLOCKS_PER_SEC < 20);
    destroy(&p);
}

TEST_SUITE(code_cache, TEST(one_block_for_both), TEST(falls_with_its_second_page),
           TEST(hot_pages_become_fine), TEST(room_is_used_again_when_all_have_looked),
           TEST(many_blocks_of_one_page_fall));
