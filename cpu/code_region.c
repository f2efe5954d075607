/* SPDX-License-Identifier: MIT */
/*
 * Room for blocks, and how it is had back while vCPUs execute without a lock.
 *
 * A vCPU is online between code_cache_begin() and _end(). To retire a region all its blocks are discarded, so that nothing
 * new leads to them, and the counter `retired` moves on. Who looks for a block next sees that and forgets what it has noted
 * (code_cache_find()); who is offline will see it when it comes back, before it uses anything it has noted: its store to
 * `online` and load of `retired`, and the store and loads here, are in one order for all. When all have, nobody can
 * reach the memory. This is reclamation by quiescent states; nobody waits for it to come about.
 */
#include "cpu/code_cache.h"
#include "cpu/vcpu.h"

u64 code_retire(struct code_cache *c)
{
    return atomic_fetch_add(&c->retired, 1) + 1;
}

bool code_is_forgotten(struct vcpu *v, u64 number)
{
    const struct code_cache *c = v->code->shared;
    bool all = true;

    for (unsigned i = 0; i < c->n_views; i++) {
        u64 online = atomic_load(&c->view[i]->online);

        if (!online || online > number)
            continue;
        if (c->view[i]->v != v)
            participant_kick(&c->view[i]->v->p);
        all = false;
    }
    return all;
}

static void discard_region(struct code_cache *c, unsigned region)
{
    u8 *at = c->region[region].arena, *end = at + c->region[region].used;

    while (at < end) {
        struct block *b = (struct block *)at;

        at += b->room;
        if (!b->gone)
            code_cache_discard_locked(c, b);
    }
}

struct block *code_region_take(struct vcpu *v, size_t room)
{
    struct code_cache *c = v->code->shared;
    unsigned other = c->current ^ 1;
    struct block *b;

    if (c->region[c->current].used + room > CODE_REGION_BYTES) {
        if (!c->retiring) {
            discard_region(c, other);
            c->retiring = code_retire(c);
        }
        if (!code_is_forgotten(v, c->retiring))
            return NULL;
        c->retiring = 0;
        c->region[other].used = 0;
        c->current = other;
    }
    b = (struct block *)(c->region[c->current].arena + c->region[c->current].used);
    c->region[c->current].used += room;
    return b;
}
