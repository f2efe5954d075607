/* SPDX-License-Identifier: MIT */
/*
 * The page walk: 32-bit (4K, 4M with PSE), PAE, 4-level and 5-level paging, Intel SDM vol. 3 §4.3 to §4.7. The walk itself has
 * no effect. Accessed and dirty bits are written afterwards by whoever commits the access (mmu_owed_write), with a
 * compare-and-exchange against what was read, since other processors may write the slot meanwhile.
 *
 * PAE: the four page-directory-pointer entries are read at each walk, as AMD's processors do, rather than loaded at MOV CR3
 * (DEVIATION: SDM vol. 3 §4.4.1 lets a processor keep them in registers until CR3 is written), and so a reserved bit in one is a
 * page fault of whoever uses it (AMD APM vol. 2 §5.3.3, §5.6.1).
 *
 * Address line 20 is the machine's (the A20 gate): while the gate is shut, every address that goes out here has bit 20 clear, of
 * slots and of pages. What the gate is a vCPU looks up at its first walk and remembers until somebody moves it
 * (trace/setting.c), so with what is in the TLB the gate costs nothing.
 */
#include <errno.h>

#include "mmu/check.h"
#include "mmu/internal.h"

enum { A20 = 1 << 20 };
enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };
#define PTE_NX (1ull << 63)
/* Physical addresses are 40 bits wide, as CPUID 0x80000008 says. */
#define PTE_ADDRESS 0x000000fffffff000ull
#define PTE_RESERVED_HIGH 0x000fff0000000000ull
/* Of a PAE page-directory-pointer entry. */
#define PDPTE_RESERVED 0xffffff00000001e6ull

/* How is the A20 gate? 0, or -EAGAIN: it is being moved (noted). */
static int look_up_lines(struct mmu *m)
{
    if (m->dir && setting_remember(m->p, directory_a20_object(m->dir)))
        return -EAGAIN;
    m->lines = m->io && m->io->a20_shut ? ~(u64)A20 : ~(u64)0;
    return 0;
}

/* Read one slot. 0, or -EAGAIN: no read hold. */
static int read_slot(struct mmu *m, u64 gpa, unsigned size, u64 *value)
{
    const u8 *host = physmem_host(m->mem, gpa);

    *value = 0;
    if (!host)
        return 0; /* not RAM: nothing is mapped through it */
    if (m->dir && !directory_has(m->p, gpa >> 12, RIGHT_READ)) {
        directory_want(m->p, gpa >> 12, RIGHT_READ, gpa, size);
        return -EAGAIN;
    }
    if (m->dir && mmu_check_fails(m, gpa >> 12, RIGHT_READ))
        return -EAGAIN;
    *value = ram_load(host, size);
    return 0;
}

static u64 pdpt_of(const struct mmu *m)
{
    return m->cr3 & 0xffffffe0 & m->lines;
}

/* A slot whose accessed or dirty bit is owed is also one of the four page-directory-pointer entries, where those bits are reserved:
 * what was made through it is gone with the bit. Where tables are traced that is at once, and the TLB must not know better. */
static void beware_pdpte(struct mmu *m, struct walk *w, u64 gpa, u64 value)
{
    if (!m->pae || m->lma || (gpa & ~(u64)31) != pdpt_of(m) ||
        (value & (PTE_A | PTE_D)) == (PTE_A | PTE_D))
        return;
    mmu_drop_all(m);
    w->unkept = true;
}

/* Take one level: reads the slot and folds its rights into w. Returns as mmu_walk(), *value is the slot. */
static int step(struct mmu *m, struct walk *w, u64 gpa, unsigned size, bool may_be_large,
                u64 reserved, u64 *value, u32 *error)
{
    int err;
    bool large;

    gpa &= m->lines;
    /* Traced before it is read, so that no write is missed. */
    w->table[w->n] = NULL;
    if (mmu_is_precise(m) && physmem_host(m->mem, gpa)) {
        err = mmu_table_trace(m, gpa, size, &w->table[w->n]);
        if (err)
            return err;
    }
    err = read_slot(m, gpa, size, value);
    if (err)
        return err;
    if (!(*value & PTE_P)) {
        *error = 0;
        return 1;
    }
    large = may_be_large && (*value & PTE_PS);
    if (size == 8) {
        reserved |= PTE_RESERVED_HIGH | (m->nxe ? 0 : PTE_NX);
        if (!m->lma)
            reserved |= 0x7ff0000000000000ull;
        if (large)
            reserved |= (w->page_size - 1) & PTE_ADDRESS & ~0x1000ull;
    }
    if (*value & reserved) {
        *error = 9; /* P, RSVD */
        return 1;
    }
    w->user &= !!(*value & PTE_U);
    w->writable &= !!(*value & PTE_W);
    w->nx |= size == 8 && m->nxe && (*value & PTE_NX);
    beware_pdpte(m, w, gpa, *value);
    w->step[w->n++] = (struct mmu_owed){gpa, (u8)size, *value & PTE_A ? 0 : PTE_A, *value};
    w->slot = gpa;
    return 0;
}

static void leaf(struct mmu *m, struct walk *w, u64 value, gla_t a, u64 base)
{
    w->global = m->pge && (value & PTE_G);
    w->dirty = value & PTE_D;
    w->key = m->pke && w->user ? value >> 59 & 15 : MMU_NO_KEY;
    w->gpa = (base | (a & (w->page_size - 1))) & m->lines;
}

static int walk32(struct mmu *m, gla_t a, struct walk *w, u32 *error)
{
    u64 v;
    int r;

    w->page_size = 4 << 20;
    r = step(m, w, (m->cr3 & 0xfffff000) + (a >> 22) * 4, 4, m->pse, 0, &v, error);
    if (r)
        return r;
    if (m->pse && (v & PTE_PS)) {
        /* PSE-36: bits 20:13 are physical address bits 39:32 (bit 21 reserved). */
        if (v & 1 << 21) {
            *error = 9;
            return 1;
        }
        leaf(m, w, v, a, (v & 0xffc00000) | (v >> 13 & 0xff) << 32);
        return 0;
    }
    w->page_size = 4096;
    r = step(m, w, (v & 0xfffff000) + (a >> 12 & 1023) * 4, 4, false, 0, &v, error);
    if (!r)
        leaf(m, w, v, a, v & 0xfffff000);
    return r;
}

/* From the page directory down: common to PAE and 4-level paging. */
static int walk_pd(struct mmu *m, gla_t a, struct walk *w, u64 pd, u32 *error)
{
    u64 v;
    int r;

    w->page_size = 2 << 20;
    r = step(m, w, pd + (a >> 21 & 511) * 8, 8, true, 0, &v, error);
    if (r)
        return r;
    if (v & PTE_PS) {
        leaf(m, w, v, a, v & PTE_ADDRESS & ~(u64)0x1fffff);
        return 0;
    }
    w->page_size = 4096;
    r = step(m, w, (v & PTE_ADDRESS) + (a >> 12 & 511) * 8, 8, false, 0, &v, error);
    if (!r)
        leaf(m, w, v, a, v & PTE_ADDRESS);
    return r;
}

static int walk_pae(struct mmu *m, gla_t a, struct walk *w, u32 *error)
{
    u64 gpa = pdpt_of(m) + (a >> 30 & 3) * 8, v;
    bool tracked = mmu_is_precise(m) && physmem_host(m->mem, gpa);
    struct mmu_table *t = NULL;
    int r = tracked ? mmu_table_trace(m, gpa, 8, &t) : 0;

    if (r)
        return r;
    if (tracked && !t->marked) {
        directory_note_marks(m->p, gpa);
        t->marked = true;
    }
    r = read_slot(m, gpa, 8, &v);
    if (r)
        return r;
    *error = 0;
    if (!(v & PTE_P))
        return 1;
    if (v & PDPTE_RESERVED) {
        *error = 9; /* P, RSVD */
        return 1;
    }
    w->slot = gpa;
    r = walk_pd(m, a, w, v & PTE_ADDRESS, error);
    if (!r && tracked)
        mmu_table_note_top(m, t, gpa, mmu_sort_of(m, a), true);
    return r;
}

static int walk64(struct mmu *m, gla_t a, struct walk *w, u32 *error)
{
    u64 v = m->cr3;
    int r;

    if (m->la57) {
        w->page_size = 1ull << 48;
        r = step(m, w, (v & PTE_ADDRESS) + (a >> 48 & 511) * 8, 8, false, PTE_PS, &v, error);
        if (r)
            return r;
    }
    w->page_size = 1ull << 39;
    r = step(m, w, (v & PTE_ADDRESS) + (a >> 39 & 511) * 8, 8, false, PTE_PS, &v, error);
    if (r)
        return r;
    w->page_size = 1ull << 30;
    r = step(m, w, (v & PTE_ADDRESS) + (a >> 30 & 511) * 8, 8, m->huge, m->huge ? 0 : PTE_PS, &v,
             error);
    if (r)
        return r;
    if (v & PTE_PS) {
        leaf(m, w, v, a, v & PTE_ADDRESS & ~(u64)0x3fffffff);
        return 0;
    }
    return walk_pd(m, a, w, v & PTE_ADDRESS, error);
}

/* Mark the slots that were passed as ones something is derived from. */
static void remember_slots(struct mmu *m, gla_t a, const struct walk *w)
{
    unsigned sort = mmu_sort_of(m, a);

    for (unsigned i = 0; i < w->n; i++) {
        bool inner = i + 1 < w->n || w->page_size > 4096;

        if (!i && (m->lma || !m->pae)) /* a PAE walk has noted its top-level slot */
            mmu_table_note_top(m, w->table[i], w->step[i].gpa, sort, inner);
        else
            mmu_table_note(m, w->table[i], w->step[i].gpa, sort, inner);
    }
}

int mmu_walk(struct mmu *m, gla_t a, struct walk *w, u32 *error)
{
    int r;

    memset(w, 0, sizeof(*w));
    w->user = w->writable = true;
    if (unlikely(!m->lines) && look_up_lines(m))
        return -EAGAIN;
    if (!m->paging) {
        w->gpa = a & 0xffffffff & m->lines;
        w->page_size = 4096;
        w->dirty = true;
        w->key = MMU_NO_KEY;
        return 0;
    }
    m->stat_walks++;
    r = m->lma   ? walk64(m, a, w, error)
        : m->pae ? walk_pae(m, a & 0xffffffff, w, error)
                 : walk32(m, a & 0xffffffff, w, error);
    if (!r && mmu_is_precise(m))
        remember_slots(m, a, w);
    return r;
}

/* SDM vol. 3 §4.6.2: WD holds for supervisors only where CR0.WP does. */
unsigned mmu_key_denies(const struct mmu *m, unsigned set, u8 key)
{
    u32 bits = key == MMU_NO_KEY ? 0 : m->pkru >> 2 * key & 3;

    if (bits & 1)
        return MMU_READ | MMU_WRITE;
    return (bits & 2) && (set == MMU_USER || m->wp) ? MMU_WRITE : 0;
}

int mmu_walk_permits(const struct mmu *m, const struct walk *w, unsigned set,
                     enum mmu_access access, u32 *error)
{
    bool user = set == MMU_USER, ok = true;

    if (!m->paging)
        return 0;
    if (user)
        ok = w->user && (!(access & MMU_WRITE) || w->writable);
    else if (access & MMU_EXEC)
        ok = !(w->user && m->smep);
    else if (w->user && m->smap && set == MMU_SUPER)
        ok = false;
    else if (access & MMU_WRITE)
        ok = w->writable || !m->wp;
    if ((access & MMU_EXEC) && w->nx)
        ok = false;
    if (!(access & MMU_EXEC) && (mmu_key_denies(m, set, w->key) & access)) {
        *error = 0x21; /* P, PK: whether the page itself allows it or not */
        return 1;
    }
    *error = 1;
    return !ok;
}

/* Without order nobody need be told of an accessed bit, but of one in a page-directory-pointer entry. */
static bool marks_matter(struct mmu *m, u64 gpa)
{
    return !m->dir->order && m->dir->semantics[TRACE_MMU] == TRACE_BRACKET &&
           directory_marks_matter(m->p, gpa);
}

int mmu_owed_check(struct mmu *m, const struct walk *w, bool dirty)
{
    if (!m->dir || (!m->dir->order && !m->check && !m->dir->precise_mmu))
        return 0;
    for (unsigned i = 0; i < w->n; i++) {
        bool needs = w->step[i].bits || (dirty && i + 1 == w->n && !w->dirty);

        if (needs && (!directory_has(m->p, w->step[i].gpa >> 12, RIGHT_WRITE) ||
                      marks_matter(m, w->step[i].gpa))) {
            directory_want(m->p, w->step[i].gpa >> 12, RIGHT_WRITE, w->step[i].gpa,
                           w->step[i].size);
            return -EAGAIN;
        }
        if (needs && mmu_check_fails(m, w->step[i].gpa >> 12, RIGHT_WRITE))
            return -EAGAIN;
    }
    return 0;
}

bool mmu_write_owed(struct mmu *m, const struct mmu_owed *o)
{
    u8 *host = physmem_host(m->mem, o->gpa);
    u32 seen32 = (u32)o->seen;
    u64 seen = o->seen;

    if (ram_is_ordered()) {
        if (ram_load(host, o->size) != seen)
            return false;
        ram_store(host, o->size, seen | o->bits);
        return true;
    }
    if (o->size == 4)
        return __atomic_compare_exchange_n((u32 *)host, &seen32, seen32 | o->bits, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    return __atomic_compare_exchange_n((u64 *)host, &seen, seen | o->bits, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

int mmu_owed_write(struct mmu *m, const struct walk *w, bool dirty)
{
    for (unsigned i = 0; i < w->n; i++) {
        struct mmu_owed o = w->step[i];

        if (dirty && i + 1 == w->n && !w->dirty)
            o.bits |= PTE_D;
        if (!o.bits)
            continue;
        mmu_check_marked(m);
        if (!mmu_write_owed(m, &o))
            return 1;
    }
    return 0;
}
