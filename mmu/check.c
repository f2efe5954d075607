/* SPDX-License-Identifier: MIT */
/*
 * Failing checks of rights on purpose (see check.h).
 */
#include "mmu/check.h"

#include <errno.h>
#include <stdlib.h>

#include "mmu/internal.h"

int mmu_check_start(struct mmu *m, u64 seed, u32 one_in, bool cacheless)
{
    m->check = calloc(1, sizeof(*m->check));
    if (!m->check)
        return -ENOMEM;
    m->check->prng = seed;
    m->check->one_in = one_in;
    m->check->cacheless = cacheless;
    return 0;
}

void mmu_check_again(struct mmu *m)
{
    if (m->check)
        m->check->n_found = 0;
}

void mmu_check_forget(struct mmu *m)
{
    if (!m->check)
        return;
    for (unsigned set = 0; set < MMU_INDEXES; set++)
        for (unsigned i = 0;
             i < MMU_TLB_SIZE && (m->priv->n_filled[set][0] || m->priv->n_filled[set][1]); i++)
            mmu_tlb_drop_entry(m, set, i);
    memset(m->priv->exec, 0, sizeof(m->priv->exec));
    m->lost = true;
    mmu_forget_code(m);
}

static u64 next_random(struct mmu_check *c)
{
    c->prng ^= c->prng << 13;
    c->prng ^= c->prng >> 7;
    c->prng ^= c->prng << 17;
    return c->prng >> 20;
}

/* The position of the instruction that is being tried. */
static u64 position_now(struct mmu *m)
{
    u64 was = m->p->position, now;

    m->locate(m->owner, m->where);
    now = m->p->position;
    m->p->position = was;
    return now;
}

bool mmu_check_fails_slow(struct mmu *m, u64 object, unsigned right)
{
    struct mmu_check *c = m->check;
    u64 position;

    if (!c->one_in)
        return false;
    if (right & RIGHT_WRITE)
        right |= RIGHT_READ; /* as rights on pages do */
    position = position_now(m);
    if (position != c->position)
        c->n_found = 0;
    c->position = position;
    for (unsigned i = 0; i < c->n_found; i++)
        if (c->found[i].object == object && (c->found[i].right & right) == right)
            return false;
    if (c->n_found < MMU_CHECK_FOUND && next_random(c) % c->one_in == 0) {
        c->n_found = 0;
        c->stat_failed++;
        directory_want(m->p, WANT_RETRY, 0, 0, 0);
        return true;
    }
    if (c->n_found < MMU_CHECK_FOUND) {
        c->found[c->n_found].object = object;
        c->found[c->n_found++].right = right;
    }
    return false;
}
