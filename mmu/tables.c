/* SPDX-License-Identifier: MIT */
/*
 * Which page-table slots something is derived from, per page-table page and slot: what makes the TLB invisible
 * (architecture §4.3). A write to a slot that was walked drops what came from it, and nothing else; a page from which
 * nothing is derived any more is released at the next write to it.
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
    t->next = m->priv->free_tables;
    m->priv->free_tables = t;
}

int mmu_table_trace(struct mmu *m, u64 slot, unsigned size)
{
    struct mmu_table *t = find(m, slot >> 12);
    u64 line = BIT((slot & 0xfff) >> 6);
    int err;

    if (t && (t->lines & line))
        return 0;
    err = directory_derive(m->p, TRACE_MMU, slot, size);
    if (err)
        return err;
    if (!t)
        t = create(m, slot >> 12);
    t->lines |= line;
    return 0;
}

void mmu_table_note(struct mmu *m, u64 slot, bool inner)
{
    struct mmu_table *t = find(m, slot >> 12);
    unsigned n = (slot & 0xfff) >> 3;

    CHECK(t); /* it was traced in this walk */
    t->walked[n / 64] |= BIT(n % 64);
    if (inner)
        t->inner[n / 64] |= BIT(n % 64);
}

void mmu_tables_forget(struct mmu *m)
{
    for (unsigned b = 0; b < MMU_TABLE_HASH; b++)
        for (struct mmu_table *t = m->priv->table[b]; t; t = t->next) {
            memset(t->walked, 0, sizeof(t->walked));
            memset(t->inner, 0, sizeof(t->inner));
        }
}

static bool is_empty(const struct mmu_table *t)
{
    u64 any = 0;

    for (unsigned i = 0; i < 8; i++)
        any |= t->walked[i];
    return !any;
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
        if (t->inner[n / 64] & bit) {
            mmu_tlb_flush(m);
            break;
        }
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
    bool inner = false;

    if (!t)
        return;
    for (unsigned i = 0; i < 8; i++)
        inner |= t->inner[i] != 0;
    if (inner) {
        destroy(m, t);
        mmu_tlb_flush(m);
        return;
    }
    for (unsigned n = 0; n < 512; n++)
        if (t->walked[n / 64] & BIT(n % 64))
            mmu_tlb_drop_slot(m, (gfn << 12) + n * 8);
    destroy(m, t);
}
