/* SPDX-License-Identifier: MIT */
/*
 * Slow paths of the typed accessors: translation with its faults, holds, device regions, page crossings, traced
 * pages. Every path first makes sure of everything (resolve), then sets accessed and dirty bits, then touches
 * memory: an escape leaves no trace. See mmu.h.
 */
#include <errno.h>

#include "mmu/check.h"
#include "mmu/internal.h"
#include "trace/lines.h"

_Noreturn void mmu_page_fault(struct mmu *m, gla_t a, u32 error)
{
    m->fault_gla = a;
    m->fault_error = error;
    m->escape(m->owner, MMU_ESCAPE_PF);
}

_Noreturn void mmu_miss(struct mmu *m)
{
    m->escape(m->owner, MMU_ESCAPE_MISS);
}

static void walk_or_fault(struct mmu *m, unsigned set, gla_t a, enum mmu_access access,
                          struct walk *w)
{
    u32 error;
    int r;

    if (m->lma && !mmu_is_canonical(m, a))
        m->escape(m->owner, MMU_ESCAPE_NONCANONICAL);
    r = mmu_walk(m, a, w, &error);
    if (!r)
        r = mmu_walk_permits(m, w, set, access, &error);
    if (r < 0)
        mmu_miss(m);
    if (r)
        mmu_page_fault(m, a, error | (access & MMU_WRITE ? 2 : 0) | (set == MMU_USER ? 4 : 0));
}

static void take_lines(struct mmu *m, gpa_t gpa, unsigned size, bool write)
{
    if (!m->careful)
        m->escape(m->owner, MMU_ESCAPE_CAREFUL);
    m->locate(m->owner, m->where);
    if (!lines_take(m->p, gpa, size, write))
        mmu_miss(m);
}

/* Check all that one access within a page needs, with no effect. For RAM under order that includes the hold. */
static void resolve(struct mmu *m, unsigned set, gla_t a, unsigned size, enum mmu_access access,
                    struct mmu_place *at)
{
    unsigned right = access & MMU_WRITE ? RIGHT_WRITE : RIGHT_READ;
    gpa_t page;

    walk_or_fault(m, set, a, access, &at->w);
    page = at->w.gpa & MMU_PAGE_MASK;
    at->local = page == m->local_gpa;
    at->io = NULL;
    at->host = at->local ? NULL : physmem_host(m->mem, at->w.gpa);
    if (!at->host && m->exact_io && !m->careful)
        m->escape(m->owner, MMU_ESCAPE_CAREFUL);
    if (!at->host && !at->local) {
        at->io = io_find_mmio(m->io, at->w.gpa);
        if (at->io && m->dir && !(at->io->ops->no_hold && !(access & MMU_WRITE)) &&
            !directory_has(m->p, directory_io_object(m->dir), RIGHT_WRITE)) {
            directory_want(m->p, directory_io_object(m->dir), RIGHT_WRITE, 0, 0);
            mmu_miss(m);
        }
        if (at->io && m->dir && mmu_check_fails(m, directory_io_object(m->dir), RIGHT_WRITE))
            mmu_miss(m);
    }
    at->lined = false;
    at->watched = at->host && m->dir && trace_reads_watched(m->dir, page >> 12);
    if (at->watched && !m->careful)
        m->escape(m->owner, MMU_ESCAPE_CAREFUL);
    if (at->host && m->dir && !directory_has(m->p, page >> 12, right)) {
        at->lined = lines_ordered(m->dir, page >> 12);
        if (!at->lined) {
            directory_want(m->p, page >> 12, right, at->w.gpa, size);
            mmu_miss(m);
        }
        take_lines(m, at->w.gpa, size, access & MMU_WRITE);
    }
    if (at->host && !at->lined && mmu_check_fails(m, page >> 12, right))
        mmu_miss(m);
    if (mmu_owed_check(m, &at->w, access & MMU_WRITE) < 0)
        mmu_miss(m);
}

/* Set the accessed (dirty) bits that the resolved access owes. False: the tables changed, resolve again. */
bool mmu_settle(struct mmu *m, const struct mmu_place *at, bool write)
{
    return !mmu_owed_write(m, &at->w, write);
}

/* While peeking: put the accessed bits of a read off. False: it owes none, or there is no room. */
static bool put_off(struct mmu *m, const struct mmu_place *at)
{
    struct mmu_private *pr = m->priv;
    bool owes = false;

    for (unsigned i = 0; i < at->w.n; i++)
        owes |= at->w.step[i].bits != 0;
    if (!m->peek || !owes || pr->n_peeked + at->w.n > MMU_PEEKED_MAX)
        return false;
    for (unsigned i = 0; i < at->w.n; i++)
        if (at->w.step[i].bits)
            pr->peeked[pr->n_peeked++] = at->w.step[i];
    return true;
}

void mmu_peek_end_slow(struct mmu *m)
{
    /* A slot that has changed since (or was noted twice) stays as it is. */
    for (unsigned i = 0; i < m->priv->n_peeked; i++) {
        mmu_check_marked(m);
        mmu_write_owed(m, &m->priv->peeked[i]);
    }
    mmu_peek_forget(m);
}

void mmu_peek_forget(struct mmu *m)
{
    m->peek = false;
    m->priv->n_peeked = 0;
}

/* The device is the one consumer of an access to its memory; it acts within the access, whatever the semantics. */
static void count_mmio(struct mmu *m)
{
    if (!m->dir)
        return;
    trace_count_event(m->dir, TRACE_MMIO, m->p->id);
    trace_count_notification(m->dir, TRACE_MMIO, PARTICIPANT_AGENT, true);
}

static u64 device_read(struct mmu *m, const struct mmu_place *at, unsigned size)
{
    u64 value;

    m->locate(m->owner, m->where);
    if (at->local)
        return m->local_read(m->owner, (u32)(at->w.gpa & 0xfff), size);
    if (!at->io)
        return mask64(8 * size);
    count_mmio(m);
    mmu_check_stored(m);
    m->io->begin(m->io->ctx, m->p);
    value = io_region_read(at->io, m->p, at->w.gpa, size);
    m->io->end(m->io->ctx, m->p);
    return value;
}

static void device_write(struct mmu *m, const struct mmu_place *at, unsigned size, u64 value)
{
    m->locate(m->owner, m->where);
    if (at->local) {
        m->local_write(m->owner, (u32)(at->w.gpa & 0xfff), size, value);
        mmu_check_stored(m);
        return;
    }
    if (!at->io)
        return;
    count_mmio(m);
    mmu_check_stored(m);
    m->io->begin(m->io->ctx, m->p);
    io_region_write(at->io, m->p, at->w.gpa, size, value);
    m->io->end(m->io->ctx, m->p);
}

/* ---- Reads ------------------------------------------------------------------------------------------------------ */

/* Of the 1 to 8 bytes of an operand that lie in one page. */
static u64 load_part(const u8 *host, unsigned size)
{
    u64 v = 0;

    if (likely(!(size & (size - 1))))
        return ram_load(host, size);
    for (unsigned i = 0; i < size; i++)
        v |= ram_load(host + i, 1) << 8 * i;
    return v;
}

static void store_part(u8 *host, unsigned size, u64 value)
{
    if (likely(!(size & (size - 1)))) {
        ram_store(host, size, value);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        ram_store(host + i, 1, value >> 8 * i);
}

static u64 device_read_part(struct mmu *m, struct mmu_place *at, unsigned size)
{
    u64 v = 0;

    if (!(size & (size - 1)))
        return device_read(m, at, size);
    for (unsigned i = 0; i < size; i++, at->w.gpa++)
        v |= device_read(m, at, 1) << 8 * i;
    return v;
}

static void device_write_part(struct mmu *m, struct mmu_place *at, unsigned size, u64 value)
{
    if (!(size & (size - 1))) {
        device_write(m, at, size, value);
        return;
    }
    for (unsigned i = 0; i < size; i++, at->w.gpa++)
        device_write(m, at, 1, value >> 8 * i & 0xff);
}

static u64 read_watched(struct mmu *m, const struct mmu_place *at, unsigned size)
{
    u64 v;

    trace_read_begin(m->p, at->w.gpa, size);
    v = load_part(at->host, size);
    trace_read_end(m->p, at->w.gpa, size, v);
    return v;
}

/* A read of 1 to 8 bytes within a page. */
u64 mmu_read_in_page(struct mmu *m, unsigned set, gla_t a, unsigned size)
{
    const struct tlb_entry *e = mmu_tlb_hit(m, set, a, false);
    struct mmu_place at;
    bool later;

    if (e)
        return load_part((const u8 *)(a + e->addend), size);
    do {
        resolve(m, set, a, size, MMU_READ, &at);
        later = put_off(m, &at);
    } while (!later && !mmu_settle(m, &at, false));
    if (!at.host)
        return device_read_part(m, &at, size);
    if (mmu_may_cache(m, &at) && !later)
        mmu_tlb_install(m, set, a, &at.w, at.host, true, false);
    return at.watched ? read_watched(m, &at, size) : load_part(at.host, size);
}

static unsigned how_to_write(const struct mmu *m)
{
    return m->careful ? WRITE_IS_CAREFUL : 0;
}

static void probe_in_page(struct mmu *m, unsigned set, gla_t a, unsigned size,
                          enum mmu_access access)
{
    struct mmu_place at;

    if (access & MMU_WRITE ? mmu_tlb_hit(m, set, a, true) : mmu_tlb_hit(m, set, a, false))
        return;
    resolve(m, set, a, size, access, &at);
    if (!at.host || at.lined || !(access & MMU_WRITE))
        return;
    switch (directory_want_write(m->p, at.w.gpa, size, 0, how_to_write(m) | WRITE_IS_PROBE)) {
    case WRITE_MISS: mmu_miss(m);
    case WRITE_CAREFUL: m->escape(m->owner, MMU_ESCAPE_CAREFUL);
    default: break;
    }
}

void mmu_probe_any(struct mmu *m, unsigned set, gla_t a, unsigned size, enum mmu_access access)
{
    unsigned first = (unsigned)MIN(size, 0x1000 - (a & 0xfff));

    if (first < size && m->lma && !mmu_is_canonical(m, a + size - 1))
        m->escape(m->owner, MMU_ESCAPE_NONCANONICAL);
    probe_in_page(m, set, a, first, access);
    if (first < size)
        probe_in_page(m, set, a + first, size - first, access);
}

static u64 read_in_two_pages(struct mmu *m, unsigned set, gla_t a, unsigned size)
{
    unsigned n = mmu_left_in_page(a);
    u64 v = mmu_read_in_page(m, set, a, n);

    return v | mmu_read_in_page(m, set, a + n, size - n) << 8 * n;
}

static u64 read_any(struct mmu *m, unsigned set, gla_t a, unsigned size)
{
    u64 v;

    if (set == MMU_USER)
        mmu_check_alignment(m, a, size, size, m->where);
    if (likely(!mmu_crosses_page(a, size))) {
        v = mmu_read_in_page(m, set, a, size);
    } else {
        mmu_probe_any(m, set, a, size, MMU_READ);
        v = read_in_two_pages(m, set, a, size);
    }
    mmu_watch(m, a, size, MMU_READ);
    return v;
}

/* ---- Writes ----------------------------------------------------------------------------------------------------- */

enum write_grant mmu_grant_write(struct mmu *m, unsigned set, gla_t a, unsigned size, u64 value,
                                 bool update, struct mmu_place *at)
{
    bool told = mmu_tlb_is_told(m, set, a, at);
    enum write_grant g;

    if (!told)
        resolve(m, set, a, size, MMU_WRITE, at);
    if (!at->host || at->lined)
        return WRITE_FAST;
    g = directory_want_write(m->p, at->w.gpa, size, value,
                             how_to_write(m) | (update ? WRITE_IS_UPDATE : 0));
    if (g == WRITE_MISS)
        mmu_miss(m);
    if (g == WRITE_CAREFUL)
        m->escape(m->owner, MMU_ESCAPE_CAREFUL);
    if (told && g == WRITE_FAST) /* not traced any more: who caches that wants all of the walk */
        resolve(m, set, a, size, MMU_WRITE, at);
    return g;
}

void mmu_write_in_page(struct mmu *m, unsigned set, gla_t a, unsigned size, u64 value)
{
    const struct tlb_entry *e = mmu_tlb_hit(m, set, a, true);
    struct mmu_place at;
    enum write_grant g;

    if (e) {
        mmu_check_stored(m);
        store_part((u8 *)(a + e->addend), size, value);
        return;
    }
    for (;;) {
        g = mmu_grant_write(m, set, a, size, value, false, &at);
        if (mmu_settle(m, &at, true))
            break;
        if (g == WRITE_LOCKED)
            directory_cancel_write(m->p, at.w.gpa, size);
    }
    if (!at.host) {
        device_write_part(m, &at, size, value);
        return;
    }
    mmu_check_stored(m);
    store_part(at.host, size, value);
    if (g == WRITE_LOCKED) {
        if (mmu_may_cache(m, &at))
            mmu_tlb_note_told(m, set, a, &at);
        directory_wrote(m->p, at.w.gpa, size, value, 0);
    } else if (mmu_may_cache(m, &at))
        mmu_tlb_install(m, set, a, &at.w, at.host,
                        !mmu_walk_permits(m, &at.w, set, MMU_READ, &(u32){0}), true);
}

static void write_in_two_pages(struct mmu *m, unsigned set, gla_t a, unsigned size, u64 value)
{
    unsigned n = mmu_left_in_page(a);

    mmu_write_in_page(m, set, a, n, value & mask64(8 * n));
    mmu_write_in_page(m, set, a + n, size - n, value >> 8 * n);
}

static void write_any(struct mmu *m, unsigned set, gla_t a, unsigned size, u64 value)
{
    if (set == MMU_USER)
        mmu_check_alignment(m, a, size, size, m->where);
    if (likely(!mmu_crosses_page(a, size))) {
        mmu_write_in_page(m, set, a, size, value);
    } else {
        mmu_probe_any(m, set, a, size, MMU_WRITE);
        write_in_two_pages(m, set, a, size, value);
    }
    mmu_watch(m, a, size, MMU_WRITE);
}

bool mmu_fill(struct mmu *m, gla_t a, unsigned size, enum mmu_access access, const void *where)
{
    bool write = access & MMU_WRITE;
    struct mmu_place at;

    m->where = where;
    m->stat_slow++;
    if (m->check || m->watch_data)
        return false;
    do {
        resolve(m, m->index, a, size, access, &at);
        if (!at.host || !mmu_may_cache(m, &at) ||
            (write && m->dir && !directory_may_write_plainly(m->p, at.w.gpa)))
            return false;
    } while (!mmu_settle(m, &at, write));
    mmu_tlb_install(m, m->index, a, &at.w, at.host, true, write);
    return true;
}

/* ---- The interface ---------------------------------------------------------------------------------------------- */

u64 mmu_read_slow(struct mmu *m, gla_t a, unsigned size, const void *where)
{
    m->where = where;
    m->stat_slow++;
    return read_any(m, m->index, a, size);
}

void mmu_write_slow(struct mmu *m, gla_t a, unsigned size, u64 value, const void *where)
{
    m->where = where;
    m->stat_slow++;
    write_any(m, m->index, a, size, value);
}

void mmu_probe_slow(struct mmu *m, gla_t a, unsigned size, enum mmu_access access,
                    const void *where)
{
    m->where = where;
    mmu_probe_any(m, m->index, a, size, access);
}

static unsigned piece(gla_t a, unsigned left)
{
    unsigned n = 8;

    while (n > left || (a & (n - 1)))
        n /= 2;
    return n;
}

void mmu_read_bytes(struct mmu *m, gla_t a, void *to, unsigned n, const void *where)
{
    m->where = where;
    if (mmu_crosses_page(a, n))
        mmu_probe_any(m, m->index, a, n, MMU_READ);
    for (unsigned i = 0, k; i < n; i += k) {
        u64 v;

        k = piece(a + i, n - i);
        v = mmu_read_in_page(m, m->index, a + i, k);
        memcpy((u8 *)to + i, &v, k);
    }
    mmu_watch(m, a, n, MMU_READ);
}

void mmu_write_bytes(struct mmu *m, gla_t a, const void *from, unsigned n, const void *where)
{
    m->where = where;
    mmu_probe_any(m, m->index, a, n, MMU_WRITE);
    for (unsigned i = 0, k; i < n; i += k) {
        u64 v = 0;

        k = piece(a + i, n - i);
        memcpy(&v, (const u8 *)from + i, k);
        mmu_write_in_page(m, m->index, a + i, k, v);
    }
    mmu_watch(m, a, n, MMU_WRITE);
}

u64 mmu_sys_read(struct mmu *m, gla_t a, unsigned size, const void *where)
{
    m->where = where;
    return read_any(m, MMU_SUPER, a, size);
}

void mmu_sys_write(struct mmu *m, gla_t a, unsigned size, u64 value, const void *where)
{
    m->where = where;
    write_any(m, MMU_SUPER, a, size, value);
}

void mmu_sys_probe(struct mmu *m, gla_t a, unsigned size, enum mmu_access access, const void *where)
{
    m->where = where;
    mmu_probe_any(m, MMU_SUPER, a, size, access);
}

/* The set for an access of a level: as now when it is the present one, else without AC's privilege. */
static unsigned set_of(const struct mmu *m, bool user)
{
    return user ? MMU_USER : m->index == MMU_USER ? MMU_SUPER : m->index;
}

void mmu_as_probe(struct mmu *m, bool user, gla_t a, unsigned size, enum mmu_access access,
                  const void *where)
{
    m->where = where;
    mmu_probe_any(m, set_of(m, user), a, size, access);
}

u64 mmu_as_read(struct mmu *m, bool user, gla_t a, unsigned size, const void *where)
{
    m->where = where;
    return read_any(m, set_of(m, user), a, size);
}

void mmu_as_write(struct mmu *m, bool user, gla_t a, unsigned size, u64 value, const void *where)
{
    m->where = where;
    write_any(m, set_of(m, user), a, size, value);
}

/* Translate for a system read of `size` bytes, and trace them for the kind. NULL host: not RAM. */
static void translate(struct mmu *m, gla_t a, unsigned size, enum mmu_access access,
                      enum trace_kind kind, struct mmu_place *at)
{
    do
        resolve(m, MMU_SUPER, a, size, access, at);
    while (!put_off(m, at) && !mmu_settle(m, at, access & MMU_WRITE));
    if (at->host && m->dir &&
        (directory_derive(m->p, kind, at->w.gpa, size) < 0 ||
         mmu_check_fails(m, at->w.gpa >> 12, RIGHT_READ)))
        mmu_miss(m);
}

gpa_t mmu_sys_translate(struct mmu *m, gla_t a, enum mmu_access access, const void *where)
{
    struct mmu_place at;

    m->where = where;
    translate(m, a, 16, access, TRACE_DESC, &at);
    return at.w.gpa;
}

gpa_t mmu_sys_monitor(struct mmu *m, gla_t a, const void *where)
{
    struct mmu_place at;

    m->where = where;
    translate(m, a, 1, MMU_READ, TRACE_WATCH, &at);
    return at.host ? at.w.gpa & ~(gpa_t)(MMU_LINE - 1) : ~(gpa_t)0;
}
