/* SPDX-License-Identifier: MIT */
/*
 * The soft TLB: direct-mapped by linear page, one set for each privilege, entries chained by guest page so that a lost
 * right clears every alias. A flush clears only sets that were used. See mmu.h.
 */
#include <stdlib.h>

#include "mmu/internal.h"

/* The tag of entry i that no access meets. Translated code subtracts the tag and looks whether the difference is the offset
 * of an operand in a page, so it has to be far from every address that is looked up in the entry: the number of another
 * one's page. All ones is far from all but the addresses 0 and ~0, which belong to the first and the last entry. */
#define NO_TAG(i) ((i) == 0 || (i) == MMU_TLB_SIZE - 1 ? (u64)0x5000 : ~(u64)0)

static void clear_set(struct tlb_entry *set)
{
    memset(set, 0xff, MMU_TLB_SIZE * sizeof(*set));
    set[0].rtag = set[0].wtag = NO_TAG(0);
    set[MMU_TLB_SIZE - 1].rtag = set[MMU_TLB_SIZE - 1].wtag = NO_TAG(MMU_TLB_SIZE - 1);
}

static void unlink_entry(struct mmu_private *pr, unsigned k, u64 gpa)
{
    struct tlb_origin *o = &pr->origin[k];

    if (o->prev)
        pr->origin[o->prev - 1].next = o->next;
    else
        pr->chain[(gpa >> 12) % MMU_CHAINS] = o->next;
    if (o->next)
        pr->origin[o->next - 1].prev = o->prev;
    o->used = false;
}

void mmu_tlb_drop_entry(struct mmu *m, unsigned set, unsigned i)
{
    struct tlb_entry *e = &m->sets[set][i];

    if (m->priv->origin[set * MMU_TLB_SIZE + i].used)
        unlink_entry(m->priv, set * MMU_TLB_SIZE + i, e->gpa);
    e->rtag = e->wtag = NO_TAG(i);
}

void mmu_tlb_install(struct mmu *m, unsigned set, gla_t a, const struct walk *w, u8 *host,
                     bool read, bool write)
{
    unsigned i = mmu_tlb_slot(a), k = set * MMU_TLB_SIZE + i;
    struct mmu_private *pr = m->priv;
    struct tlb_entry *e = &m->sets[set][i];
    struct tlb_origin *o = &pr->origin[k];
    u64 page = a & MMU_PAGE_MASK, gpa = w->gpa & MMU_PAGE_MASK;
    u16 *head = &pr->chain[(gpa >> 12) % MMU_CHAINS];

    if (o->used)
        unlink_entry(pr, k, e->gpa);
    e->rtag = read ? page : NO_TAG(i);
    e->wtag = write ? page : NO_TAG(i);
    e->addend = (uintptr_t)host - (uintptr_t)a;
    e->gpa = gpa;
    *o = (struct tlb_origin){w->slot, *head, 0, true, w->global};
    if (*head)
        pr->origin[*head - 1].prev = (u16)(k + 1);
    *head = (u16)(k + 1);
    pr->filled[set]++;
    pr->large |= w->page_size > 4096;
}

void mmu_tlb_drop_slot(struct mmu *m, u64 slot)
{
    /* A 4K leaf's slot number is the low part of the linear page number, which the TLB is indexed by. */
    unsigned low = m->pae || m->lma ? (slot & 0xfff) >> 3 : (slot & 0xfff) >> 2;
    unsigned step = m->pae || m->lma ? 512 : 1024, copies = m->pae || m->lma ? 1 : 2;

    for (unsigned c = 0; c < copies; c++, low++)
        for (unsigned set = 0; set < MMU_INDEXES; set++)
            for (unsigned i = low; i < MMU_TLB_SIZE; i += step) {
                const struct tlb_origin *o = &m->priv->origin[set * MMU_TLB_SIZE + i];

                if (o->used && (o->slot & ~7ull) == (slot & ~7ull))
                    mmu_tlb_drop_entry(m, set, i);
            }
    for (unsigned user = 0; user < 2; user++)
        for (unsigned i = 0; i < MMU_EXEC_SIZE; i++)
            if ((m->priv->exec[user][i].slot & ~7ull) == (slot & ~7ull))
                m->priv->exec[user][i].tag = 0;
    m->generation++;
}

void mmu_tlb_flush(struct mmu *m)
{
    struct mmu_private *pr = m->priv;

    for (unsigned set = 0; set < MMU_INDEXES; set++) {
        if (!pr->filled[set])
            continue;
        clear_set(m->sets[set]);
        memset(&pr->origin[set * MMU_TLB_SIZE], 0, MMU_TLB_SIZE * sizeof(pr->origin[0]));
        pr->filled[set] = 0;
    }
    memset(pr->chain, 0, sizeof(pr->chain));
    memset(pr->exec, 0, sizeof(pr->exec));
    pr->large = false;
    m->generation++;
    m->stat_flushes++;
    mmu_tables_forget(m);
}

void mmu_flush_all(struct mmu *m)
{
    mmu_tlb_flush(m);
}

void mmu_flush_nonglobal(struct mmu *m)
{
    if (!m->pge || (m->dir && m->dir->precise_mmu)) {
        mmu_tlb_flush(m);
        return;
    }
    for (unsigned set = 0; set < MMU_INDEXES; set++)
        for (unsigned i = 0; m->priv->filled[set] && i < MMU_TLB_SIZE; i++) {
            const struct tlb_origin *o = &m->priv->origin[set * MMU_TLB_SIZE + i];

            if (o->used && !o->global)
                mmu_tlb_drop_entry(m, set, i);
        }
    memset(m->priv->exec, 0, sizeof(m->priv->exec));
    m->generation++;
    m->stat_flushes++;
}

void mmu_flush_page(struct mmu *m, gla_t a)
{
    u64 page = a >> 12;

    if (m->priv->large) {
        mmu_tlb_flush(m);
        return;
    }
    for (unsigned set = 0; set < MMU_INDEXES; set++) {
        struct tlb_entry *e = &m->sets[set][mmu_tlb_slot(a)];

        if (e->rtag == page << 12 || e->wtag == page << 12)
            mmu_tlb_drop_entry(m, set, mmu_tlb_slot(a));
    }
    for (unsigned user = 0; user < 2; user++)
        m->priv->exec[user][page % MMU_EXEC_SIZE].tag = 0;
    m->generation++;
}

void mmu_drop(struct mmu *m, u64 gfn, unsigned what)
{
    struct mmu_private *pr = m->priv;

    if (gfn == ~(u64)0) {
        mmu_tlb_flush(m);
        return;
    }
    if (what & (DROP_READ | DROP_WRITE))
        for (u16 k = pr->chain[gfn % MMU_CHAINS], next; k; k = next) {
            unsigned set = (k - 1u) / MMU_TLB_SIZE, i = (k - 1u) % MMU_TLB_SIZE;
            struct tlb_entry *e = &m->sets[set][i];

            next = pr->origin[k - 1].next;
            if (e->gpa >> 12 != gfn)
                continue;
            e->wtag = NO_TAG(i);
            if (what & DROP_READ)
                mmu_tlb_drop_entry(m, set, i);
        }
    if (what & DROP_MMU)
        mmu_table_lost(m, gfn);
    if (what & DROP_CODE)
        m->generation++;
}
