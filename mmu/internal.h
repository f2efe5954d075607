/* SPDX-License-Identifier: MIT */
/*
 * What the files of mmu/ share: the page walk's result, the origins of TLB entries, the table of walked page-table
 * slots. See mmu.h.
 */
#ifndef MMU_INTERNAL_H
#define MMU_INTERNAL_H

#include "mmu/check.h"
#include "mmu/mmu.h"
#include "mmu/physmem.h"
#include "trace/directory.h"

#define MMU_ENTRIES (MMU_INDEXES * MMU_TLB_SIZE)
#define MMU_CHAINS 1024
#define MMU_EXEC_SIZE 1024
#define MMU_TABLE_HASH 256
#define EVICTED_BITS 16384

#define MMU_PEEKED_MAX 64

/* The cold part of a TLB entry: its chain of entries for the same guest page, and the leaf slot it came from. A user page under
 * protection keys is in the list of its key besides, and remembers what the page itself allows: the tags are that, less what PKRU
 * denies at present. */
struct tlb_origin {
    u64 slot;               /* gpa of the leaf page-table slot; 0: none (no paging) */
    u64 page;               /* linear address */
    u16 next, prev;         /* index + 1 of neighbours in the chain */
    u16 key_next, key_prev; /* and in the list of the key */
    u8 key;                 /* MMU_NO_KEY: in none */
    bool may_read, may_write;
    bool
        told; /* it may be written, but each write is told (the page is traced): no tag grants it */
    bool used;
    bool stays; /* an ordinary flush (mmu_flush_nonglobal, another CR3) leaves it */
    u8 listed;  /* bit 0, 1: in mmu_private.filled[set][0], [1] */
};

#define MMU_KEYS 16
#define MMU_NO_KEY 0xff

struct exec_entry {
    u64 tag; /* linear page | 1 if valid */
    u64 epoch;
    u64 gpa; /* guest-physical page */
    u64 slot;
    const u8 *host;
};

/* Where page tables are traced, what is derived from them is of two sorts, by linear address: of the low part, which
 * most processes have for themselves, and of the high part, which is the kernel's and the same in all (tables.c). */
enum { MMU_LOW = 1, MMU_HIGH = 2 };

/* A page-table page of which slots were walked. Slots are 8 bytes wide here (two of the 4-byte kind share one). */
struct mmu_table {
    struct mmu_table *next;
    struct mmu_table *next_low, **low_at; /* in mmu_private.low_tables, if `sorts` has MMU_LOW */
    u64 gfn;
    u64 walked[8];  /* bit per slot: something is derived from it */
    u64 inner[8];   /* bit per slot: it was walked as a non-leaf (or large) entry */
    u64 lines;      /* lines traced in the directory */
    u8 sorts;       /* of what is derived from the page */
    bool below_top; /* it was walked as something other than a top-level table */
    bool marked;    /* directory_note_marks() knows of it */
};

/* An accessed bit (or dirty bit) that an instruction owes. */
struct mmu_owed {
    u64 gpa;
    u8 size;
    u8 bits;
    u64 seen;
};

struct mmu_private {
    struct tlb_origin origin[MMU_ENTRIES];
    u16 chain[MMU_CHAINS]; /* by guest page: index + 1 of the first */
    u16 keyed[MMU_KEYS];   /* by protection key */
    /* Entries of each set that were filled since it was last empty: what a flush has to look at. */
    /* [0]: of those that an ordinary flush leaves, [1]: of the others; an entry that was both may be in both. */
    u16 filled[MMU_INDEXES][2][MMU_TLB_SIZE];
    unsigned n_filled[MMU_INDEXES][2];
    /* Regions of 2 MiB and of 1 GiB, hashed, that entries of large pages lie in: there INVLPG must look farther. */
    u64 large[16], huge;
    struct exec_entry exec[2][MMU_EXEC_SIZE];
    u64 exec_epoch[2]; /* by privilege: entries of an older one are gone */
    /* Pages (traced page tables: leaf slots), hashed, whose entry made room for another since the generation moved on. */
    u64 exec_evicted[2][EVICTED_BITS / 64];
    bool any_evicted[2];
    bool exec_moved[2]; /* something that the generation stands for has changed */
    bool exec_local;    /* there is an entry of supervisor code that an ordinary flush drops */
    struct mmu_table *table[MMU_TABLE_HASH];
    struct mmu_table *free_tables, *low_tables;
    /* Top-level slots of the high part that were walked, by their number. */
    u64 top[1024 / 64];
    struct mmu_owed owed[10];
    unsigned n_owed;
    struct mmu_owed peeked[MMU_PEEKED_MAX];
    unsigned n_peeked;
};

#define WALK_LEVELS 5

/* Outcome of a page walk. */
struct walk {
    gpa_t gpa; /* of the byte */
    u64 slot;  /* leaf slot's gpa; 0 without paging */
    u64 page_size;
    bool user, writable, nx, global, dirty;
    bool unkept; /* nothing is to be kept of it */
    u8 key;      /* protection key; MMU_NO_KEY: none applies */
    unsigned n;
    struct mmu_owed step[WALK_LEVELS];    /* slots passed; bits: 0x20 if A is clear */
    struct mmu_table *table[WALK_LEVELS]; /* the pages of those slots, if they are traced */
};

/* Where one access within a page goes. */
struct mmu_place {
    struct walk w;
    u8 *host;                   /* RAM */
    const struct io_region *io; /* else a device, or neither: nothing there */
    bool local;                 /* the vCPU's own APIC page */
    bool watched;               /* RAM with read traces: nothing is cached, reads are reported */
    bool
        lined; /* RAM ordered by line: its lines are locked for this instruction, nothing is cached */
};

/* Walk for `a`. Reads of slots need read holds (missing: returns -EAGAIN, noted). 0: present at all levels; 1: not,
 * or reserved bits are set: *error has those bits of the #PF code (P, RSVD). */
int mmu_walk(struct mmu *m, gla_t a, struct walk *w, u32 *error);
/* Does the walked page allow `access` from the set? Returns 0 or 1 with the #PF error code's bits. */
int mmu_walk_permits(const struct mmu *m, const struct walk *w, unsigned set,
                     enum mmu_access access, u32 *error);
/* What PKRU denies to accesses of the set that the page itself allows: MMU_READ, MMU_WRITE or both. */
unsigned mmu_key_denies(const struct mmu *m, unsigned set, u8 key);
/* Check that owed A (and D, if dirty) bits can be written: 0 or -EAGAIN (noted). */
int mmu_owed_check(struct mmu *m, const struct walk *w, bool dirty);
/* Write them. 0, or 1: a slot has changed under us, walk again. */
int mmu_owed_write(struct mmu *m, const struct walk *w, bool dirty);
bool mmu_write_owed(struct mmu *m, const struct mmu_owed *o);

/* tlb.c: every entry empty, whatever was there. */
void mmu_tlb_clear(struct mmu *m);
/* An entry for a was made from a page of the walk's size. */
void mmu_tlb_note_size(struct mmu *m, gla_t a, const struct walk *w);
/* The entry makes room; it may still be relied upon. */
void mmu_exec_note_evicted(struct mmu *m, unsigned user, const struct exec_entry *e);

/* Are page tables traced, so that nothing derived from them need ever be flushed? */
static inline bool mmu_is_precise(const struct mmu *m)
{
    return m->dir && m->dir->precise_mmu;
}

/* MMU_LOW or MMU_HIGH. The border is where 64-bit addresses are not canonical, else where Linux and others have it; nothing
 * but speed depends on it. */
static inline unsigned mmu_sort_of(const struct mmu *m, gla_t a)
{
    return (m->lma ? a >> 63 : (u32)a >= 0xc0000000) ? MMU_HIGH : MMU_LOW;
}

/* Does an ordinary flush leave what was derived by the walk of a? */
static inline bool mmu_stays(const struct mmu *m, gla_t a, const struct walk *w)
{
    return mmu_is_precise(m) ? mmu_sort_of(m, a) == MMU_HIGH : w->global;
}

/* tables.c: have the slot's line traced, before the slot is read. 0 (and the table) or -EAGAIN (noted). */
int mmu_table_trace(struct mmu *m, u64 slot, unsigned size, struct mmu_table **t);
/* The walk of an address of a sort has succeeded: something is derived from the slot, which was traced. */
void mmu_table_note(struct mmu *m, struct mmu_table *t, u64 slot, unsigned sort, bool inner);
/* The same of the top-level slot, which is an inner one as a rule. */
void mmu_table_note_top(struct mmu *m, struct mmu_table *t, u64 slot, unsigned sort, bool inner);
/* Nothing is derived any more: of the low part, or at all. */
void mmu_tables_forget_low(struct mmu *m);
void mmu_tables_forget(struct mmu *m);
void mmu_table_lost(struct mmu *m, u64 gfn);
/* CR3 was `old`, and m->cr3 is the new one. Drops what does not follow from the new tables as well. */
void mmu_tables_moved(struct mmu *m, u64 old);

/* tlb.c */
static inline unsigned mmu_tlb_slot(gla_t a)
{
    return (a >> 12) & (MMU_TLB_SIZE - 1);
}
void mmu_tlb_drop_entry(struct mmu *m, unsigned set, unsigned i);
void mmu_tlb_install(struct mmu *m, unsigned set, gla_t a, const struct walk *w, u8 *host,
                     bool read, bool write);
/* The write that `at` describes was granted, and such writes to the page go on to be until the entry falls. */
void mmu_tlb_note_told(struct mmu *m, unsigned set, gla_t a, const struct mmu_place *at);
/* Is that known of a's page? Then *at is what resolving the write would come to; it owes no bits. */
bool mmu_tlb_is_told(const struct mmu *m, unsigned set, gla_t a, struct mmu_place *at);
/* Drop what came from this leaf slot. */
void mmu_tlb_drop_slot(struct mmu *m, u64 slot);
void mmu_tlb_flush(struct mmu *m);
/* The same but for what mmu_stays(). */
void mmu_tlb_flush_ordinary(struct mmu *m);

_Noreturn void mmu_page_fault(struct mmu *m, gla_t a, u32 error);
_Noreturn void mmu_miss(struct mmu *m);

/* ---- access.c: one access within a page; rmw.c builds on it ---- */

static inline bool mmu_crosses_page(gla_t a, unsigned size)
{
    return (a & 0xfff) + size > 0x1000;
}

static inline unsigned mmu_left_in_page(gla_t a)
{
    return 0x1000 - (unsigned)(a & 0xfff);
}

static inline struct tlb_entry *mmu_tlb_hit(struct mmu *m, unsigned set, gla_t a, bool write)
{
    struct tlb_entry *e = &m->sets[set][mmu_tlb_slot(a)];

    return (write ? e->wtag : e->rtag) == (a & MMU_PAGE_MASK) ? e : NULL;
}

static inline void mmu_watch(struct mmu *m, gla_t a, unsigned size, enum mmu_access access)
{
    if (unlikely(m->watch_data))
        m->watch(m->owner, a, size, access);
}

static inline bool mmu_may_cache(const struct mmu *m, const struct mmu_place *at)
{
    return !m->watch_data && !at->lined && !at->watched && !at->w.unkept &&
           !(m->check && m->check->cacheless);
}

/* What an access that has been resolved still owes before it is made: accessed and dirty bits. False: a page table has
 * changed under us, resolve again. */
bool mmu_settle(struct mmu *m, const struct mmu_place *at, bool write);
/* Make sure that the coming access, in one page or two, neither faults nor misses. */
void mmu_probe_any(struct mmu *m, unsigned set, gla_t a, unsigned size, enum mmu_access access);
/* Resolve a write to RAM and settle its grant; leaves the entry locked if the result is WRITE_LOCKED. */
enum write_grant mmu_grant_write(struct mmu *m, unsigned set, gla_t a, unsigned size, u64 value,
                                 bool update, struct mmu_place *at);
u64 mmu_read_in_page(struct mmu *m, unsigned set, gla_t a, unsigned size);
void mmu_write_in_page(struct mmu *m, unsigned set, gla_t a, unsigned size, u64 value);

#endif
