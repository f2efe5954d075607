/* SPDX-License-Identifier: MIT */
/*
 * Read-modify-writes that the soft TLB does not grant: the operation gets an operand to work on, in place or as a copy,
 * and what it made of it is settled when it is done.
 *
 *   in place   RAM of an untraced page; a traced page whose consumers are told afterwards (its entry stays locked between)
 *   a copy     whose consumers are told before: they hear the result; device memory; operands in two pages
 *
 * See mmu.h for the interface and access.c for what makes sure that nothing can fail on the way.
 */
#include "mmu/check.h"
#include "mmu/internal.h"

enum { RMW_NONE, RMW_BOUNCE, RMW_LOCKED, RMW_ANNOUNCED, RMW_SPLIT };

static pthread_mutex_t *split_lock(struct mmu *m)
{
    return m->dir ? &m->dir->split_lock : NULL;
}

/* How much of an operand to take in one access. */
static unsigned part_of(gla_t a, unsigned left)
{
    return MIN(MIN(left, 8), mmu_left_in_page(a));
}

/* A copy that is written back at the end: device memory, or an operand in two pages (which is atomic against other
 * such operands only in plain runs; holds make it atomic in recorded ones. DEVIATION: SDM vol. 3 §9.1.2.2). */
static void *rmw_bounce(struct mmu *m, gla_t a, unsigned size, bool split)
{
    mmu_probe_any(m, m->index, a, size, MMU_RMW);
    if (split && split_lock(m))
        trace_lock_receiving(m->p, split_lock(m));
    m->rmw_kind = split ? RMW_SPLIT : RMW_BOUNCE;
    m->rmw_gla = a;
    m->rmw_size = (u8)size;
    memset(m->rmw_bounce, 0, sizeof(m->rmw_bounce));
    for (unsigned i = 0, n; i < size; i += n) {
        u64 v;

        n = part_of(a + i, size - i);
        v = mmu_read_in_page(m, m->index, a + i, n);
        memcpy((u8 *)m->rmw_bounce + i, &v, n);
    }
    return m->rmw_bounce;
}

static void *rmw_any(struct mmu *m, gla_t a, unsigned size)
{
    const struct tlb_entry *e;
    struct mmu_place at;
    enum write_grant g;

    mmu_check_alignment(m, a, size, size, m->where);
    if (mmu_crosses_page(a, size))
        return rmw_bounce(m, a, size, true);
    e = mmu_tlb_hit(m, m->index, a, true);
    if (e)
        return (u8 *)(a + e->addend);
    for (;;) {
        g = mmu_grant_write(m, m->index, a, size, 0, true, &at);
        if (mmu_settle(m, &at, true))
            break;
        if (g == WRITE_LOCKED)
            directory_cancel_write(m->p, at.w.gpa, size);
    }
    if (!at.host)
        return rmw_bounce(m, a, size, false);
    mmu_check_stored(m);
    if (g == WRITE_LOCKED) {
        m->rmw_kind = RMW_LOCKED;
        m->rmw_gpa = at.w.gpa;
        m->rmw_host = at.host;
        m->rmw_size = (u8)size;
        if (directory_must_announce(m->p, at.w.gpa, size)) {
            m->rmw_kind = RMW_ANNOUNCED;
            memset(m->rmw_bounce, 0, sizeof(m->rmw_bounce));
            for (unsigned i = 0; i < size; i += MIN(size, 8))
                ram_store((u8 *)m->rmw_bounce + i, MIN(size, 8),
                          ram_load(at.host + i, MIN(size, 8)));
            return m->rmw_bounce;
        }
    } else if (mmu_may_cache(m, &at)) {
        mmu_tlb_install(m, m->index, a, &at.w, at.host, true, true);
    }
    return at.host;
}

void *mmu_rmw_slow(struct mmu *m, gla_t a, unsigned size, const void *where)
{
    void *operand;

    m->where = where;
    m->stat_slow++;
    operand = rmw_any(m, a, size);
    mmu_watch(m, a, size, MMU_RMW);
    return operand;
}

/* The entry of the operand's page is locked. */
static void end_traced_rmw(struct mmu *m, bool announced)
{
    unsigned n = MIN(m->rmw_size, 8);
    u8 *host = m->rmw_host;

    if (announced) {
        directory_announce(m->p, m->rmw_gpa, m->rmw_size, m->rmw_bounce[0]);
        for (unsigned i = 0; i < m->rmw_size; i += n)
            ram_store(host + i, n, ram_load((const u8 *)m->rmw_bounce + i, n));
    }
    directory_wrote(m->p, m->rmw_gpa, m->rmw_size, ram_load(host, n), WRITE_IS_UPDATE);
}

void mmu_rmw_end_slow(struct mmu *m)
{
    unsigned kind = m->rmw_kind;

    m->rmw_kind = RMW_NONE;
    if (kind == RMW_LOCKED || kind == RMW_ANNOUNCED) {
        end_traced_rmw(m, kind == RMW_ANNOUNCED);
        return;
    }
    for (unsigned i = 0, n; i < m->rmw_size; i += n) {
        u64 v = 0;

        n = part_of(m->rmw_gla + i, m->rmw_size - i);
        memcpy(&v, (u8 *)m->rmw_bounce + i, n);
        mmu_write_in_page(m, m->index, m->rmw_gla + i, n, v);
    }
    if (kind == RMW_SPLIT && split_lock(m))
        pthread_mutex_unlock(split_lock(m));
}
