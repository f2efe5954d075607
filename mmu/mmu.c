/* SPDX-License-Identifier: MIT */
/*
 * Lifetime and configuration of a vCPU's MMU (see mmu.h).
 */
#include "mmu/mmu.h"

#include <errno.h>
#include <stdlib.h>

#include "mmu/check.h"
#include "mmu/internal.h"

enum {
    CR0_WP = 1 << 16,
    CR4_PSE = 1 << 4,
    CR4_PAE = 1 << 5,
    CR4_PGE = 1 << 7,
    CR4_LA57 = 1 << 12,
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
    CR4_PKE = 1 << 22,
    EFER_LMA = 1 << 10,
    EFER_NXE = 1 << 11
};
#define CR0_PG (1u << 31)

int mmu_create(struct mmu *m, struct participant *p, struct physmem *mem, struct io_space *io)
{
    m->p = p;
    m->dir = p->dir;
    m->mem = mem;
    m->io = io;
    m->local_gpa = ~(u64)0;
    m->huge = true;
    m->priv = calloc(1, sizeof(*m->priv));
    if (!m->priv)
        return -ENOMEM;
    m->index = MMU_SUPER;
    m->tlb = m->sets[m->index];
    mmu_tlb_clear(m);
    mmu_tlb_flush(m);
    return 0;
}

static void free_tables(struct mmu_table *t)
{
    while (t) {
        struct mmu_table *next = t->next;

        free(t);
        t = next;
    }
}

void mmu_destroy(struct mmu *m)
{
    if (!m->priv)
        return;
    for (unsigned b = 0; b < MMU_TABLE_HASH; b++)
        free_tables(m->priv->table[b]);
    free_tables(m->priv->free_tables);
    free(m->check);
    m->check = NULL;
    free(m->priv);
    m->priv = NULL;
}

void mmu_configure(struct mmu *m, u64 cr0, u64 cr3, u64 cr4, u64 efer)
{
    bool paging = cr0 & CR0_PG, wp = cr0 & CR0_WP, pae = cr4 & CR4_PAE, pge = cr4 & CR4_PGE,
         pse = cr4 & CR4_PSE, smep = cr4 & CR4_SMEP, smap = cr4 & CR4_SMAP, lma = efer & EFER_LMA,
         nxe = efer & EFER_NXE, la57 = lma && (cr4 & CR4_LA57), pke = lma && (cr4 & CR4_PKE);
    bool changed = m->pse != (pse || pae) || m->paging != paging || m->wp != wp || m->pae != pae ||
                   (m->pge != pge && !mmu_is_precise(m)) || m->smep != smep || m->smap != smap ||
                   m->lma != lma || m->nxe != nxe || m->la57 != la57 || m->pke != pke;
    u64 old = m->cr3;
    bool moved = old != cr3;

    m->paging = paging;
    m->wp = wp;
    m->pae = pae;
    m->pge = pge;
    m->pse = pse || pae;
    m->smep = smep;
    m->smap = smap;
    m->lma = lma;
    m->nxe = nxe;
    m->la57 = la57;
    m->pke = pke;
    m->cr3 = cr3;
    if (!m->priv)
        return;
    if (changed)
        mmu_drop_all(m);
    else if (moved && mmu_is_precise(m))
        mmu_tables_moved(m, old);
    else if (moved)
        mmu_flush_nonglobal(m);
}

void mmu_set_privilege(struct mmu *m, bool user, bool ac)
{
    m->index = user ? MMU_USER : ac ? MMU_SUPER_AC : MMU_SUPER;
    m->tlb = m->sets[m->index];
}
