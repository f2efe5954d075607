/* SPDX-License-Identifier: MIT */
/*
 * The soft TLB: direct-mapped by linear page, one set for each privilege, entries chained by guest page so that a lost
 * right clears every alias. A flush clears only sets that were used. See mmu.h.
 *
 * Protection keys: an entry keeps what its page allows beside the tags, which are what page and PKRU allow together, and is in a list
 * of its key. So writing PKRU sets the tags of those entries anew whose key's bits changed, and nothing is walked again; who looks
 * up, translated code too, sees tags as ever.
 */
#include <stdlib.h>

#include "mmu/internal.h"

/* The tag of entry i that no access meets. Translated code subtracts the tag and looks whether the difference is the offset
 * of an operand in a page, so it has to be far from every address that is looked up in the entry: the number of another
 * one's page. All ones is far from all but the addresses 0 and ~0, which belong to the first and the last entry. */
#define NO_TAG(i) ((i) == 0 || (i) == MMU_TLB_SIZE - 1 ? (u64)0x5000 : ~(u64)0)

void mmu_tlb_clear(struct mmu *m)
{
    for (unsigned set = 0; set < MMU_INDEXES; set++)
        for (unsigned i = 0; i < MMU_TLB_SIZE; i++)
            m->sets[set][i].rtag = m->sets[set][i].wtag = NO_TAG(i);
}

static void unlink_key(struct mmu_private *pr, struct tlb_origin *o)
{
    if (o->key == MMU_NO_KEY)
        return;
    if (o->key_prev)
        pr->origin[o->key_prev - 1].key_next = o->key_next;
    else
        pr->keyed[o->key] = o->key_next;
    if (o->key_next)
        pr->origin[o->key_next - 1].key_prev = o->key_prev;
}

static void link_key(struct mmu_private *pr, unsigned k)
{
    struct tlb_origin *o = &pr->origin[k];

    if (o->key == MMU_NO_KEY)
        return;
    o->key_prev = 0;
    o->key_next = pr->keyed[o->key];
    if (o->key_next)
        pr->origin[o->key_next - 1].key_prev = (u16)(k + 1);
    pr->keyed[o->key] = (u16)(k + 1);
}

static void unlink_entry(struct mmu_private *pr, unsigned k, u64 gpa)
{
    struct tlb_origin *o = &pr->origin[k];

    unlink_key(pr, o);

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

/* User and kernel addresses never meet in one word of the map. */
static unsigned region_of(gla_t a)
{
    return (unsigned)((a >> 21) % 512 + (a >> 63) * 512);
}

void mmu_tlb_note_size(struct mmu *m, gla_t a, const struct walk *w)
{
    if (likely(w->page_size <= 4096))
        return;
    if (w->page_size > 4u << 20)
        m->priv->huge |= BIT((a >> 30) % 64);
    else if (w->page_size > 2u << 20)
        m->priv->large[region_of(a) / 64] |= 3ull << (region_of(a) % 64 & 62);
    else
        m->priv->large[region_of(a) / 64] |= BIT(region_of(a) % 64);
}

/* The tags of entry k: what its page allows, less what its key is denied. */
static void set_tags(struct mmu *m, unsigned k)
{
    const struct tlb_origin *o = &m->priv->origin[k];
    unsigned set = k / MMU_TLB_SIZE, i = k % MMU_TLB_SIZE, denied = mmu_key_denies(m, set, o->key);
    struct tlb_entry *e = &m->sets[set][i];

    e->rtag = o->may_read && !(denied & MMU_READ) ? o->page : NO_TAG(i);
    e->wtag = o->may_write && !(denied & MMU_WRITE) ? o->page : NO_TAG(i);
}

void mmu_set_pkru(struct mmu *m, u32 pkru)
{
    u32 changed = pkru ^ m->pkru;

    m->pkru = pkru;
    if (!m->pke || !changed || !m->priv)
        return;
    m->lost = true;
    for (unsigned key = 0; key < MMU_KEYS; key++) {
        if (!(changed >> 2 * key & 3))
            continue;
        for (u16 k = m->priv->keyed[key]; k; k = m->priv->origin[k - 1].key_next)
            set_tags(m, k - 1u);
    }
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
    bool goes = !mmu_stays(m, a, w);

    if (o->used)
        unlink_entry(pr, k, e->gpa);
    e->addend = (uintptr_t)host - (uintptr_t)a;
    e->gpa = gpa;
    if (!(o->listed & 1u << goes))
        pr->filled[set][goes][pr->n_filled[set][goes]++] = (u16)i;
    *o = (struct tlb_origin){.slot = w->slot,
                             .page = page,
                             .next = *head,
                             .key = w->key,
                             .may_read = read,
                             .may_write = write,
                             .used = true,
                             .stays = !goes,
                             .listed = (u8)(o->listed | 1u << goes)};
    link_key(pr, k);
    set_tags(m, k);
    if (*head)
        pr->origin[*head - 1].prev = (u16)(k + 1);
    *head = (u16)(k + 1);
    mmu_tlb_note_size(m, a, w);
}

void mmu_tlb_note_told(struct mmu *m, unsigned set, gla_t a, const struct mmu_place *at)
{
    struct tlb_origin *o = &m->priv->origin[set * MMU_TLB_SIZE + mmu_tlb_slot(a)];
    u64 gpa = m->sets[set][mmu_tlb_slot(a)].gpa;

    if (!o->used || o->page != (a & MMU_PAGE_MASK) || gpa != (at->w.gpa & MMU_PAGE_MASK))
        mmu_tlb_install(m, set, a, &at->w, at->host,
                        !mmu_walk_permits(m, &at->w, set, MMU_READ, &(u32){0}), false);
    o->told = true;
}

bool mmu_tlb_is_told(const struct mmu *m, unsigned set, gla_t a, struct mmu_place *at)
{
    unsigned i = mmu_tlb_slot(a);
    const struct tlb_origin *o = &m->priv->origin[set * MMU_TLB_SIZE + i];
    const struct tlb_entry *e = &m->sets[set][i];

    if (!o->used || !o->told || o->page != (a & MMU_PAGE_MASK) || m->check ||
        (mmu_key_denies(m, set, o->key) & MMU_WRITE))
        return false;
    *at = (struct mmu_place){
        .w.gpa = e->gpa | (a & 0xfff), .w.slot = o->slot, .host = (u8 *)(a + e->addend)};
    return true;
}

static unsigned page_hash(u64 page)
{
    return (unsigned)(page * 0x9e3779b97f4a7c15u >> 32) % EVICTED_BITS;
}

/* Pages are what INVLPG names; where page tables are traced, it is slots that are named. */
void mmu_exec_note_evicted(struct mmu *m, unsigned user, const struct exec_entry *e)
{
    unsigned h = page_hash(mmu_is_precise(m) ? e->slot >> 3 : e->tag >> 12);

    m->priv->exec_evicted[user][h / 64] |= BIT(h % 64);
    m->priv->any_evicted[user] = true;
}

static bool was_evicted(const struct mmu *m, unsigned user, u64 what)
{
    unsigned h = page_hash(what);

    return m->priv->exec_evicted[user][h / 64] & BIT(h % 64);
}

static void move_on(struct mmu *m, unsigned user)
{
    m->generation[user]++;
    if (m->priv->any_evicted[user])
        memset(m->priv->exec_evicted[user], 0, sizeof(m->priv->exec_evicted[user]));
    m->priv->any_evicted[user] = false;
    m->priv->exec_moved[user] = false;
}

static void drop_exec(struct mmu *m, unsigned user, unsigned i)
{
    m->priv->exec[user][i].tag = 0;
    m->priv->exec_moved[user] = true;
}

static void settle_generations(struct mmu *m)
{
    for (unsigned user = 0; user < 2; user++)
        if (m->priv->exec_moved[user])
            move_on(m, user);
}

void mmu_tlb_drop_slot(struct mmu *m, u64 slot)
{
    /* A 4K leaf's slot number is the low part of the linear page number, which the TLB is indexed by. */
    unsigned low = m->pae || m->lma ? (slot & 0xfff) >> 3 : (slot & 0xfff) >> 2;
    unsigned step = m->pae || m->lma ? 512 : 1024, copies = m->pae || m->lma ? 1 : 2;

    m->lost = true;
    for (unsigned c = 0; c < copies; c++, low++) {
        for (unsigned set = 0; set < MMU_INDEXES; set++)
            for (unsigned i = low; i < MMU_TLB_SIZE; i += step) {
                const struct tlb_origin *o = &m->priv->origin[set * MMU_TLB_SIZE + i];

                if (o->used && (o->slot & ~7ull) == (slot & ~7ull))
                    mmu_tlb_drop_entry(m, set, i);
            }
        for (unsigned user = 0; user < 2; user++)
            for (unsigned i = low; i < MMU_EXEC_SIZE; i += step)
                if ((m->priv->exec[user][i].slot & ~7ull) == (slot & ~7ull))
                    drop_exec(m, user, i);
    }
    /* What has no entry now may have had one from this slot. */
    for (unsigned user = 0; user < 2; user++)
        m->priv->exec_moved[user] |= was_evicted(m, user, slot >> 3);
    settle_generations(m);
}

/* Empty a set of the entries that an ordinary flush leaves (0) or of the others (1). */
static void flush_set(struct mmu *m, unsigned set, bool goes)
{
    struct mmu_private *pr = m->priv;

    for (unsigned n = 0; n < pr->n_filled[set][goes]; n++) {
        unsigned i = pr->filled[set][goes][n];
        struct tlb_origin *o = &pr->origin[set * MMU_TLB_SIZE + i];

        if (o->used && o->stays == !goes)
            mmu_tlb_drop_entry(m, set, i);
        o->listed &= (u8) ~(1u << goes);
    }
    pr->n_filled[set][goes] = 0;
}

static void flush_exec(struct mmu *m, unsigned user)
{
    m->priv->exec_epoch[user]++;
    if (!user)
        m->priv->exec_local = false;
    move_on(m, user);
}

void mmu_tlb_flush(struct mmu *m)
{
    m->lost = true;
    for (unsigned set = 0; set < MMU_INDEXES; set++) {
        flush_set(m, set, false);
        flush_set(m, set, true);
    }
    flush_exec(m, 0);
    flush_exec(m, 1);
    memset(m->priv->large, 0, sizeof(m->priv->large));
    m->priv->huge = 0;
    m->stat_flushes++;
    mmu_tables_forget(m);
}

/* Most supervisor code stays as a rule; then what is known of it stays good. */
void mmu_tlb_flush_ordinary(struct mmu *m)
{
    m->lost = true;
    for (unsigned set = 0; set < MMU_INDEXES; set++)
        flush_set(m, set, true);
    flush_exec(m, 1);
    if (m->priv->exec_local)
        flush_exec(m, 0);
    m->stat_flushes++;
    mmu_tables_forget_low(m);
}

void mmu_flush_all(struct mmu *m)
{
    if (!mmu_is_precise(m))
        mmu_tlb_flush(m);
}

void mmu_drop_all(struct mmu *m)
{
    mmu_tlb_flush(m);
}

void mmu_flush_nonglobal(struct mmu *m)
{
    if (mmu_is_precise(m))
        return;
    if (m->pge)
        mmu_tlb_flush_ordinary(m);
    else
        mmu_tlb_flush(m);
}

static void flush_entry(struct mmu *m, u64 page)
{
    m->lost = true;
    for (unsigned set = 0; set < MMU_INDEXES; set++) {
        const struct tlb_origin *o = &m->priv->origin[set * MMU_TLB_SIZE + page % MMU_TLB_SIZE];

        if (o->used && o->page == page << 12) /* its tags may be denied at present */
            mmu_tlb_drop_entry(m, set, page % MMU_TLB_SIZE);
    }
    for (unsigned user = 0; user < 2; user++) {
        if (m->priv->exec[user][page % MMU_EXEC_SIZE].tag == (page << 12 | 1))
            drop_exec(m, user, page % MMU_EXEC_SIZE);
        m->priv->exec_moved[user] |= was_evicted(m, user, page);
    }
}

void mmu_flush_page(struct mmu *m, gla_t a)
{
    if (mmu_is_precise(m))
        return;
    if (m->priv->huge & BIT((a >> 30) % 64)) {
        mmu_tlb_flush(m);
        return;
    }
    if (m->priv->large[region_of(a) / 64] & BIT(region_of(a) % 64)) {
        u64 first = a >> 22 << 10; /* of 4 MiB: the largest that this can be */

        for (u64 page = first; page < first + 1024; page++)
            flush_entry(m, page);
    } else {
        flush_entry(m, a >> 12);
    }
    settle_generations(m);
}

void mmu_drop(struct mmu *m, u64 gfn, unsigned what)
{
    struct mmu_private *pr = m->priv;

    if (what & DROP_A20)
        m->lines = 0;
    if (gfn == ~(u64)0 || (what & DROP_A20)) {
        mmu_tlb_flush(m);
        return;
    }
    if (what & (DROP_READ | DROP_WRITE)) {
        m->lost = true;
        for (u16 k = pr->chain[gfn % MMU_CHAINS], next; k; k = next) {
            unsigned set = (k - 1u) / MMU_TLB_SIZE, i = (k - 1u) % MMU_TLB_SIZE;
            struct tlb_entry *e = &m->sets[set][i];

            next = pr->origin[k - 1].next;
            if (e->gpa >> 12 != gfn)
                continue;
            e->wtag = NO_TAG(i);
            pr->origin[k - 1].may_write = pr->origin[k - 1].told = false;
            if (what & DROP_READ)
                mmu_tlb_drop_entry(m, set, i);
        }
    }
    if (what & DROP_MMU)
        mmu_table_lost(m, gfn);
}
