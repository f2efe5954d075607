/* SPDX-License-Identifier: MIT */
/*
 * Which page-table slots something is derived from, per page-table page and slot: what makes the TLB invisible
 * (architecture §4.3). A write to a slot that was walked drops what came from it, and nothing else; a page from which
 * nothing is derived any more is released at the next write to it.
 *
 * So nothing need be flushed because the guest says so. Another value of CR3 makes other tables count, but what was derived
 * for the high part of the address space goes on to hold as long as the new top-level table has the same entries there: they
 * are compared, and walked from then on. Nothing is remembered of an address space that was left: its tables may be freed
 * without anybody being bothered.
 */
#include <errno.h>
#include <stdlib.h>

#include "mmu/internal.h"
#include "src/base/check.h"

static struct mmu_table **bucket(struct mmu *m, u64 gfn)
{
    return &m->priv->table[gfn % MMU_TABLE_HASH];
}

static struct mmu_table *find(struct mmu *m, u64 gfn)
{
    struct mmu_table *t = *bucket(m, gfn);

    while (t && t->gfn != gfn)
        t = t->next;
    return t;
}

static void list_low(struct mmu *m, struct mmu_table *t)
{
    t->next_low = m->priv->low_tables;
    t->low_at = &m->priv->low_tables;
    if (t->next_low)
        t->next_low->low_at = &t->next_low;
    m->priv->low_tables = t;
}

static void unlist_low(struct mmu_table *t)
{
    *t->low_at = t->next_low;
    if (t->next_low)
        t->next_low->low_at = t->low_at;
}

static struct mmu_table *create(struct mmu *m, u64 gfn)
{
    struct mmu_table *t = m->priv->free_tables, **b = bucket(m, gfn);

    if (t) {
        m->priv->free_tables = t->next;
        memset(t, 0, sizeof(*t));
    } else {
        t = calloc(1, sizeof(*t));
        CHECK(t);
    }
    t->gfn = gfn;
    t->next = *b;
    *b = t;
    return t;
}

static void destroy(struct mmu *m, struct mmu_table *t)
{
    struct mmu_table **at = bucket(m, t->gfn);

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    if (t->sorts & MMU_LOW)
        unlist_low(t);
    t->next = m->priv->free_tables;
    m->priv->free_tables = t;
}

int mmu_table_trace(struct mmu *m, u64 slot, unsigned size, struct mmu_table **of)
{
    struct mmu_table *t = find(m, slot >> 12);
    u64 line = BIT((slot & 0xfff) >> 6);
    int err;

    *of = t;
    if (t && (t->lines & line))
        return 0;
    err = directory_derive(m->p, TRACE_MMU, slot, size);
    if (err)
        return err;
    if (!t)
        *of = t = create(m, slot >> 12);
    t->lines |= line;
    return 0;
}

static void note(struct mmu *m, struct mmu_table *t, u64 slot, unsigned sort, bool inner)
{
    unsigned n = (slot & 0xfff) >> 3;

    CHECK(t); /* it was traced in this walk */
    if (!(t->walked[n / 64] & BIT(n % 64)))
        t->inner[n / 64] &= ~BIT(n % 64);
    t->walked[n / 64] |= BIT(n % 64);
    if (inner)
        t->inner[n / 64] |= BIT(n % 64);
    if (!(t->sorts & MMU_LOW) && sort == MMU_LOW)
        list_low(m, t);
    t->sorts |= (u8)sort;
}

void mmu_table_note(struct mmu *m, struct mmu_table *t, u64 slot, unsigned sort, bool inner)
{
    note(m, t, slot, sort, inner);
    t->below_top = true;
}

/* ---- Top-level tables ----------------------------------------------------------------------------------------------- */

static u64 top_table(const struct mmu *m, u64 cr3)
{
    return cr3 & m->lines & (m->lma ? 0x000000fffffff000 : m->pae ? 0xffffffe0 : 0xfffff000);
}

static unsigned top_size(const struct mmu *m)
{
    return m->lma || m->pae ? 8 : 4;
}

void mmu_table_note_top(struct mmu *m, struct mmu_table *t, u64 slot, unsigned sort, bool inner)
{
    unsigned n = (unsigned)(slot - top_table(m, m->cr3)) / top_size(m);

    note(m, t, slot, sort, inner);
    if (sort == MMU_HIGH)
        m->priv->top[n / 64] |= BIT(n % 64);
}

/* The slot of a top-level table, if it may be read and goes on to be traced. NULL: it may not. */
static const u8 *traced_slot(struct mmu *m, u64 slot, struct mmu_table **t)
{
    const u8 *host = physmem_host(m->mem, slot);

    if (!host || m->check || !directory_has(m->p, slot >> 12, RIGHT_READ))
        return NULL;
    if (!mmu_table_trace(m, slot, top_size(m), t))
        return host;
    directory_want_nothing(m->p);
    return NULL;
}

/* Would walks through slot n of the new table come to the same as through the old one's? The accessed bit is among what is
 * compared: the old one's is set if anything was kept that came through it. */
static bool is_same_slot(struct mmu *m, u64 was, u64 is, unsigned n)
{
    unsigned size = top_size(m);
    struct mmu_table *t;
    const u8 *host = traced_slot(m, is + (u64)n * size, &t);

    return host &&
           ram_load(host, size) == ram_load(physmem_host(m->mem, was + (u64)n * size), size);
}

/* Is that so of all slots of the high part that were walked? */
static bool all_same(struct mmu *m, u64 was, u64 is)
{
    for (unsigned w = 0; w < ARRAY_SIZE(m->priv->top); w++)
        for (u64 left = m->priv->top[w]; left; left &= left - 1)
            if (!is_same_slot(m, was, is, w * 64 + (unsigned)__builtin_ctzll(left)))
                return false;
    return true;
}

static void note_all(struct mmu *m, u64 is)
{
    unsigned size = top_size(m);

    for (unsigned w = 0; w < ARRAY_SIZE(m->priv->top); w++)
        for (u64 left = m->priv->top[w]; left; left &= left - 1) {
            u64 slot = is + (u64)(w * 64 + (unsigned)__builtin_ctzll(left)) * size;

            note(m, find(m, slot >> 12), slot, MMU_HIGH, true);
        }
}

/* Nothing follows from a top-level table any more. One that was also walked as another level may still be needed. */
static void leave(struct mmu *m, u64 was)
{
    struct mmu_table *t = find(m, was >> 12);

    if (!t || t->below_top)
        return;
    memset(t->walked, 0, sizeof(t->walked));
    memset(t->inner, 0, sizeof(t->inner));
    t->sorts &= MMU_LOW; /* that one says which list it is in */
}

void mmu_tables_moved(struct mmu *m, u64 old)
{
    u64 was = top_table(m, old), is = top_table(m, m->cr3);

    if (!m->paging || was == is)
        return;
    if (!all_same(m, was, is)) {
        mmu_tlb_flush(m);
        return;
    }
    leave(m, was);
    mmu_tlb_flush_ordinary(m);
    note_all(m, is);
}

/* ---- Forgetting ----------------------------------------------------------------------------------------------------- */

static void forget(struct mmu_table *t)
{
    memset(t->walked, 0, sizeof(t->walked));
    memset(t->inner, 0, sizeof(t->inner));
    t->sorts = 0;
    t->below_top = false;
}

void mmu_tables_forget_low(struct mmu *m)
{
    for (struct mmu_table *t = m->priv->low_tables; t; t = t->next_low)
        if (t->sorts & MMU_HIGH)
            t->sorts = MMU_HIGH; /* no telling what of it */
        else
            forget(t);
    m->priv->low_tables = NULL;
}

void mmu_tables_forget(struct mmu *m)
{
    for (unsigned b = 0; b < MMU_TABLE_HASH; b++)
        for (struct mmu_table *t = m->priv->table[b]; t; t = t->next)
            forget(t);
    m->priv->low_tables = NULL;
    memset(m->priv->top, 0, sizeof(m->priv->top));
}

static bool is_empty(const struct mmu_table *t)
{
    u64 any = 0;

    for (unsigned i = 0; i < 8; i++)
        any |= t->walked[i];
    return !any;
}

/* Of what sorts can be what follows from slot n? Only a top-level table's slots are told from each other. */
static unsigned sorts_of(const struct mmu *m, const struct mmu_table *t, unsigned n)
{
    if (t->below_top)
        return t->sorts;
    return n % (m->pae && !m->lma ? 4 : 512) >= (m->lma   ? 256
                                                 : m->pae ? 3
                                                          : 384)
               ? MMU_HIGH
               : MMU_LOW;
}

static void drop_sorts(struct mmu *m, unsigned sorts)
{
    if (sorts == MMU_LOW)
        mmu_tlb_flush_ordinary(m);
    else
        mmu_tlb_flush(m);
}

void mmu_wrote(struct mmu *m, gpa_t gpa, unsigned size)
{
    struct mmu_table *t = find(m, gpa >> 12);
    unsigned last;

    if (!t)
        return;
    last = (unsigned)MIN(((gpa & 0xfff) + size - 1) >> 3, 511);
    for (unsigned n = (gpa & 0xfff) >> 3; n <= last; n++) {
        u64 bit = BIT(n % 64);

        if (!(t->walked[n / 64] & bit))
            continue;
        t->walked[n / 64] &= ~bit;
        if (t->inner[n / 64] & bit)
            drop_sorts(m, sorts_of(m, t, n));
        else
            mmu_tlb_drop_slot(m, (t->gfn << 12) + n * 8);
    }
    if (is_empty(t)) {
        directory_underive(m->p, TRACE_MMU, t->gfn);
        destroy(m, t);
    }
}

/* The page is somebody else's now: its traces are gone already. */
void mmu_table_lost(struct mmu *m, u64 gfn)
{
    struct mmu_table *t = find(m, gfn);
    unsigned sorts = 0;

    if (!t)
        return;
    for (unsigned n = 0; n < 512; n++) {
        if (!(t->walked[n / 64] & BIT(n % 64)))
            continue;
        if (t->inner[n / 64] & BIT(n % 64))
            sorts |= sorts_of(m, t, n);
        else
            mmu_tlb_drop_slot(m, (gfn << 12) + n * 8);
    }
    destroy(m, t);
    if (sorts)
        drop_sorts(m, sorts);
}
