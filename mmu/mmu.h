/* SPDX-License-Identifier: MIT */
/*
 * The memory management unit of one vCPU: page walk, soft TLB and the typed accessors through which, alone,
 * guest RAM is touched.
 *
 * A TLB entry is a cached grant: translation, permission, and the holds (trace/directory.h) the vCPU has on
 * the page. It may vanish at any time. rtag/wtag hold the page's linear address when plain reads/writes may go
 * straight to memory, else an impossible value; a tag compare that includes the low address bits sends
 * unaligned accesses to the slow path as well.
 *
 * Accessors never return on a fault or a missing hold: they record it and call mmu->escape, which
 * long-jumps. `where` identifies the micro-op for the owner. An instruction with several accesses probes all of
 * them first (mmu_probe): a probe checks everything, takes nothing, writes no accessed/dirty bit; after successful
 * probes the accesses themselves cannot escape. Accessed/dirty bits are set by the access.
 * Intel SDM vol. 3 §4.
 */
#ifndef MMU_MMU_H
#define MMU_MMU_H

#include <string.h>

#include "mmu/ram.h"
#include "src/base/types.h"

struct participant;
struct physmem;
struct io_space;
struct directory;

enum mmu_access { MMU_READ = 1, MMU_WRITE = 2, MMU_EXEC = 4, MMU_RMW = MMU_READ | MMU_WRITE };

#define MMU_TLB_BITS 12
#define MMU_TLB_SIZE (1u << MMU_TLB_BITS)
#define MMU_PAGE_MASK (~(u64)0xfff)

struct tlb_entry {
    u64 rtag, wtag;
    uintptr_t addend; /* host address = linear address + addend */
    u64 gpa;          /* guest-physical page address, valid when either tag is */
};

/* What a TLB entry was derived from; kept apart from the hot part (mmu/tlb.c). */
struct tlb_origin;
struct mmu_check;

/* One set of entries per privilege under which rights differ. */
enum mmu_index { MMU_USER, MMU_SUPER, MMU_SUPER_AC, MMU_INDEXES };

/* Why an accessor escaped. */
enum mmu_escape {
    MMU_ESCAPE_PF,
    MMU_ESCAPE_NONCANONICAL,
    MMU_ESCAPE_MISS,
    MMU_ESCAPE_CAREFUL,
    MMU_ESCAPE_ALIGN
};

struct mmu {
    struct tlb_entry *tlb; /* current set */
    const void *where;     /* set by slow paths */
    struct participant *p;
    struct directory *dir;
    struct physmem *mem;
    struct io_space *io;
    u8 index;     /* enum mmu_index of `tlb` */
    bool careful; /* this instruction runs alone: effects on traced memory allowed */
    bool paging, pae, lma, wp, nxe, smep, smap, pge, pse, la57, pke;
    bool
        huge; /* there are 1 GiB pages; set by mmu_create(), cleared by the owner if the model has none */
    u64 cr3;
    u64 lines; /* of the address bus: all, or all but line 20 while the A20 gate is shut; 0: to be looked up */
    u32 pkru; /* two bits for each protection key: AD, WD */

    /* The fault an escape reports; a missing right is noted in the participant. */
    u64 fault_gla;
    u32 fault_error; /* #PF error code */

    /* RMW in progress that needs an end (mmu_rmw_begin). */
    u8 rmw_kind;
    u8 rmw_size;
    u64 rmw_gla;
    u64 rmw_bounce[2] __attribute__((aligned(16)));
    u64 rmw_gpa;
    void *rmw_host;

    u64 local_gpa; /* the vCPU's own APIC page; ~0: none */
    u64 (*local_read)(void *owner, u32 offset, unsigned size);
    /* May escape before it has any effect. */
    void (*local_write)(void *owner, u32 offset, unsigned size, u64 value);
    void (*escape)(void *owner, enum mmu_escape why) __attribute__((noreturn));
    /* Sets p->position to the running instruction's, before anything that is journaled. */
    void (*locate)(void *owner, const void *where);
    void *owner; /* struct vcpu */
    bool
        exact_io; /* device accesses run alone: their timers and interrupts take effect right behind */
    bool align_check; /* CR0.AM, EFLAGS.AC and CPL 3: unaligned data accesses raise #AC */
    bool peek;        /* reads put their accessed bits off (mmu_peek_begin) */
    bool
        lost; /* grants were taken back since the owner cleared this, also such as had no entry any more */
    bool watch_data; /* data breakpoints armed: every access takes the slow path */
    void (*watch)(void *owner, gla_t a, unsigned size, enum mmu_access access);

    struct tlb_entry sets[MMU_INDEXES][MMU_TLB_SIZE];
    struct mmu_private *priv; /* mmu/internal.h */
    struct mmu_check *check;  /* debugging: mmu/check.h; NULL: off */
    u64 generation
        [2]; /* of supervisor and user code: bumped when what is mapped, or may be entered, may have changed */
    u64 stat_walks, stat_slow, stat_flushes;
};

/* Does a name a place, with as many bits as linear addresses have in this mode? */
static inline bool mmu_is_canonical(const struct mmu *m, gla_t a)
{
    return m->la57 ? (u64)((i64)(a << 7) >> 7) == a : gla_is_canonical(a);
}

/* The generation that counts for code of the present privilege. */
static inline u64 mmu_generation(const struct mmu *m)
{
    return m->generation[m->index == MMU_USER];
}

/* Whatever was concluded from mappings or contents of code is void; of user's or supervisor's code alone. Owner, or on its behalf. */
static inline void mmu_forget_code(struct mmu *m)
{
    m->generation[0]++;
    m->generation[1]++;
}
static inline void mmu_forget_code_of(struct mmu *m, bool user)
{
    m->generation[user]++;
}

u64 mmu_read_slow(struct mmu *m, gla_t a, unsigned size, const void *where);
void mmu_write_slow(struct mmu *m, gla_t a, unsigned size, u64 value, const void *where);
void mmu_probe_slow(struct mmu *m, gla_t a, unsigned size, enum mmu_access access,
                    const void *where);
void *mmu_rmw_slow(struct mmu *m, gla_t a, unsigned size, const void *where);
void mmu_rmw_end_slow(struct mmu *m);

/* Read `size` (1, 2, 4, 8) bytes at linear address a with the current privilege. */
static inline u64 mmu_read(struct mmu *m, gla_t a, unsigned size, const void *where)
{
    const struct tlb_entry *e = &m->tlb[(a >> 12) & (MMU_TLB_SIZE - 1)];

    if (likely(e->rtag == (a & (MMU_PAGE_MASK | (size - 1)))))
        return ram_load((const void *)(a + e->addend), size);
    return mmu_read_slow(m, a, size, where);
}

static inline void mmu_write(struct mmu *m, gla_t a, unsigned size, u64 value, const void *where)
{
    const struct tlb_entry *e = &m->tlb[(a >> 12) & (MMU_TLB_SIZE - 1)];

    if (likely(e->wtag == (a & (MMU_PAGE_MASK | (size - 1)))))
        ram_store((void *)(a + e->addend), size, value);
    else
        mmu_write_slow(m, a, size, value, where);
}

/* Make sure that the coming access(es) to [a, a+size) can neither fault nor miss. size <= 4096, any alignment. */
static inline void mmu_probe(struct mmu *m, gla_t a, unsigned size, enum mmu_access access,
                             const void *where)
{
    const struct tlb_entry *e = &m->tlb[(a >> 12) & (MMU_TLB_SIZE - 1)];
    u64 page = a & MMU_PAGE_MASK;

    if (likely((a & 0xfff) + size <= 0x1000 && (!(access & MMU_READ) || e->rtag == page) &&
               (!(access & MMU_WRITE) || e->wtag == page)))
        return;
    mmu_probe_slow(m, a, size, access, where);
}

/* Have the TLB grant plain accesses of the kind to [a, a+size), which lies in one page and is about to be accessed so and
 * cannot fail otherwise: sets the accessed (dirty) bits of that access. False: such an access cannot be plain (a device, a
 * traced or watched page), nothing was done. Escapes as the access would. vCPU's thread. */
bool mmu_fill(struct mmu *m, gla_t a, unsigned size, enum mmu_access access, const void *where);

/* Begin a read-modify-write of `size` (1, 2, 4, 8, 16) bytes: checks write permission first, returns where the
 * operand is (guest RAM itself, so host LOCK instructions are the guest's, or a copy). Nothing else is accessed until
 * mmu_rmw_end(). Under LOCK semantics use host locked instructions on the result. */
static inline void *mmu_rmw_begin(struct mmu *m, gla_t a, unsigned size, const void *where)
{
    const struct tlb_entry *e = &m->tlb[(a >> 12) & (MMU_TLB_SIZE - 1)];

    if (likely(e->wtag == (a & (MMU_PAGE_MASK | (size - 1))) && e->rtag == e->wtag))
        return (void *)(a + e->addend);
    return mmu_rmw_slow(m, a, size, where);
}

static inline void mmu_rmw_end(struct mmu *m)
{
    if (unlikely(m->rmw_kind))
        mmu_rmw_end_slow(m);
}

/* #AC(0), if that is armed, for an operand at no multiple of `align` (a power of two). One that is not canonical is left to the
 * access itself, which says so. */
static inline void mmu_check_alignment(struct mmu *m, gla_t a, unsigned size, unsigned align,
                                       const void *where)
{
    if (likely(!m->align_check || !(a & (align - 1))) ||
        (m->lma && !(mmu_is_canonical(m, a) && mmu_is_canonical(m, a + size - 1))))
        return;
    m->where = where;
    m->escape(m->owner, MMU_ESCAPE_ALIGN);
}

/* Copy of n (1..4096) bytes, any alignment; probes itself, so it is atomic as the single access of an
 * instruction; after other probes it needs one of its own before the first commit. */
void mmu_read_bytes(struct mmu *m, gla_t a, void *to, unsigned n, const void *where);
void mmu_write_bytes(struct mmu *m, gla_t a, const void *from, unsigned n, const void *where);

/* System accesses (descriptor tables, TSS, stacks of an inner level): supervisor whatever the CPL. After a change of
 * CPL inside an instruction use mmu_as_read() and its like for stack accesses of the new level. */
u64 mmu_sys_read(struct mmu *m, gla_t a, unsigned size, const void *where);
void mmu_sys_write(struct mmu *m, gla_t a, unsigned size, u64 value, const void *where);
void mmu_sys_probe(struct mmu *m, gla_t a, unsigned size, enum mmu_access access,
                   const void *where);

/* Access as CPL 3 (user) or not, whatever the current privilege. */
void mmu_as_probe(struct mmu *m, bool user, gla_t a, unsigned size, enum mmu_access access,
                  const void *where);
u64 mmu_as_read(struct mmu *m, bool user, gla_t a, unsigned size, const void *where);
void mmu_as_write(struct mmu *m, bool user, gla_t a, unsigned size, u64 value, const void *where);

/* Between these two, reads set no accessed bits; the end sets them. For operations that have to read one thing to know what
 * to read next (descriptors, gates, stacks, task states), so that an attempt which misses a hold leaves no trace. The end
 * cannot escape; it belongs behind the commit. A fault leaves the peek open: the accessed bits are then set when the fault has been
 * delivered. An escape with a miss forgets them. */
void mmu_peek_end_slow(struct mmu *m);
void mmu_peek_forget(struct mmu *m);

static inline void mmu_peek_begin(struct mmu *m)
{
    m->peek = true;
}

static inline void mmu_peek_end(struct mmu *m)
{
    if (m->peek)
        mmu_peek_end_slow(m);
}

/* Translate for a system read and return the guest-physical address, with the page's read hold taken for kind
 * `desc` derivation (see trace/directory.h): what the shadow descriptors are keyed by. Escapes as a read would. */
gpa_t mmu_sys_translate(struct mmu *m, gla_t a, enum mmu_access access, const void *where);
/* Trace the 64-byte line of a for MONITOR (kind `watch`): the guest-physical address of the line, ~0 if it is not RAM. A
 * write to it by others drops DROP_MONITOR of its page. Escapes as a read would. */
#define MMU_LINE 64
gpa_t mmu_sys_monitor(struct mmu *m, gla_t a, const void *where);

/* Prepare for participant p (its own thread may differ). 0 or -ENOMEM. */
int mmu_create(struct mmu *m, struct participant *p, struct physmem *mem, struct io_space *io);
void mmu_destroy(struct mmu *m);

/* Where the code at linear address a is. Escapes on a fault or miss. An accessed bit that is still to be set is noted
 * and written by mmu_fetch_commit(), when the first instruction has retired or faulted: `*first` tells so. */
struct mmu_code {
    gpa_t gpa;      /* of the byte at a */
    const u8 *host; /* the same byte; NULL: not RAM */
};
struct mmu_code mmu_fetch(struct mmu *m, gla_t a, bool *first);
void mmu_fetch_commit(struct mmu *m);
void mmu_fetch_abandon(struct mmu *m);

/* A participant's drop callback for the MMU's part of DROP_*; p->lock held. gfn ~0: everything. */
void mmu_drop(struct mmu *m, u64 gfn, unsigned what);
/* The vCPU itself wrote to a page table that is traced for it. */
void mmu_wrote(struct mmu *m, gpa_t gpa, unsigned size);

/* Tell the MMU of new control registers; drops what may not be kept. cr3 in the architectural form (PCID and bit 63
 * already removed by the caller). */
void mmu_configure(struct mmu *m, u64 cr0, u64 cr3, u64 cr4, u64 efer);
/* User/supervisor and EFLAGS.AC (SMAP) changed. Cheap. */
void mmu_set_privilege(struct mmu *m, bool user, bool ac);
/* PKRU is written: rights of user pages change by their keys, nothing is dropped. vCPU's thread. */
void mmu_set_pkru(struct mmu *m, u32 pkru);
/* Flush on the guest's order: everything (global too), all non-global, or one page. Nothing is done where page tables are
 * traced: what is there follows from the tables as they are. Owner. */
void mmu_flush_all(struct mmu *m);
void mmu_flush_nonglobal(struct mmu *m);
void mmu_flush_page(struct mmu *m, gla_t a);
/* Drop all entries, since something other than page tables and control registers has changed. Owner. */
void mmu_drop_all(struct mmu *m);

#endif
