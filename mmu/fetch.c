/* SPDX-License-Identifier: MIT */
/*
 * Instruction fetch: from a linear code address to where its bytes are. Execute entries are few and cold (the block
 * cache is what is hot). The accessed bits of a first fetch belong to the commit of the first instruction fetched
 * that way, not to the fetch: they are noted here and written by mmu_fetch_commit().
 */
#include <errno.h>

#include "mmu/internal.h"

static void owe(struct mmu *m, const struct walk *w)
{
    struct mmu_private *pr = m->priv;

    for (unsigned i = 0; i < w->n; i++)
        if (w->step[i].bits && pr->n_owed < ARRAY_SIZE(pr->owed))
            pr->owed[pr->n_owed++] = w->step[i];
}

struct mmu_code mmu_fetch(struct mmu *m, gla_t a, bool *first)
{
    bool user = m->index == MMU_USER;
    unsigned i = (a >> 12) % MMU_EXEC_SIZE;
    struct exec_entry *e = &m->priv->exec[user][i];
    struct mmu_code code = {0, NULL};
    struct walk w;
    u32 error;
    int r;

    if (e->tag == ((a & MMU_PAGE_MASK) | 1) && e->epoch == m->priv->exec_epoch[user]) {
        code.gpa = e->gpa | (a & 0xfff);
        code.host = e->host ? e->host + (a & 0xfff) : NULL;
        return code;
    }
    if (m->lma && !mmu_is_canonical(m, a))
        m->escape(m->owner, MMU_ESCAPE_NONCANONICAL);
    r = mmu_walk(m, a, &w, &error);
    if (!r)
        r = mmu_walk_permits(m, &w, m->index, MMU_EXEC, &error);
    if (r < 0 || (!r && mmu_owed_check(m, &w, false) < 0))
        mmu_miss(m);
    if (r)
        mmu_page_fault(m, a, error | (user ? 4 : 0) | ((m->nxe && m->pae) || m->smep ? 16 : 0));
    code.gpa = w.gpa;
    code.host = physmem_host(m->mem, w.gpa);
    if (mmu_owed_check(m, &w, false) == 0) {
        unsigned owed = m->priv->n_owed;

        owe(m, &w);
        if (m->priv->n_owed != owed) {
            *first = true; /* no entry until the bits are set: the next fetch walks again */
            return code;
        }
    }
    mmu_tlb_note_size(m, a, &w);
    if (e->tag && e->epoch == m->priv->exec_epoch[user])
        mmu_exec_note_evicted(m, user, e);
    m->priv->exec_local |= !user && !mmu_stays(m, a, &w);
    *e = (struct exec_entry){(a & MMU_PAGE_MASK) | 1, m->priv->exec_epoch[user],
                             w.gpa & MMU_PAGE_MASK, w.slot,
                             code.host ? code.host - (w.gpa & 0xfff) : NULL};
    return code;
}

void mmu_fetch_commit(struct mmu *m)
{
    for (unsigned i = 0; i < m->priv->n_owed; i++)
        mmu_write_owed(m, &m->priv->owed[i]); /* a slot that has changed meanwhile owes nothing */
    m->priv->n_owed = 0;
}

void mmu_fetch_abandon(struct mmu *m)
{
    m->priv->n_owed = 0;
}
