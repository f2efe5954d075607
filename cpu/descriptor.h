/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of the GDT, LDT and IDT, decoded, and the shadow descriptors: a cache of decoded entries kept
 * by guest-physical address. It is a structure derived from the pages that hold the tables: mmu_sys_translate()
 * takes the hold, and who loses the hold or sees the memory change drops the entries (desc_cache_drop_*).
 * A descriptor that lies across two pages is never cached.
 * Intel SDM vol. 3 §3.4.5, §3.5, §6.11, §6.14.1.
 */
#ifndef CPU_DESCRIPTOR_H
#define CPU_DESCRIPTOR_H

#include "cpu/vcpu.h"

/* Descriptor types as struct segreg and struct descriptor hold them: S (code or data) is bit 4. SDM vol. 3 tables 3-1, 3-2. */
enum {
    DT_TSS16 = 1,
    DT_LDT = 2,
    DT_TSS16_BUSY = 3,
    DT_CALL16 = 4,
    DT_TASK = 5,
    DT_INT16 = 6,
    DT_TRAP16 = 7,
    DT_TSS32 = 9,
    DT_TSS32_BUSY = 11,
    DT_CALL32 = 12,
    DT_INT32 = 14,
    DT_TRAP32 = 15,
    DT_S = 0x10,
    DT_ACCESSED = 1,
    DT_RW = 2,
    DT_DOWN = 4,
    DT_CONFORMING = 4,
    DT_CODE = 8,
    DT_BUSY = 2,
};

struct descriptor {
    gla_t gla;      /* where it was read from */
    u64 base;       /* segment: base. Gate: target offset */
    u32 limit;      /* segment: in bytes */
    u32 rights;     /* high doubleword & 0x00ffff00, as LAR wants it */
    u16 sel;        /* gate: target selector */
    u8 params, ist; /* gate: parameter count, IST index */
    u8 type, dpl;
    bool p, avl, l, db, g;
    bool short_table; /* a 16-byte descriptor whose second half is beyond the table's limit */
    bool bad_upper;   /* the second half's type field is not 0 */
};

static inline bool descriptor_is_code(const struct descriptor *d)
{
    return (d->type & (DT_S | DT_CODE)) == (DT_S | DT_CODE);
}
static inline bool descriptor_is_conforming(const struct descriptor *d)
{
    return (d->type & (DT_S | DT_CODE | DT_CONFORMING)) == (DT_S | DT_CODE | DT_CONFORMING);
}
static inline bool descriptor_is_writable_data(const struct descriptor *d)
{
    return (d->type & (DT_S | DT_CODE | DT_RW)) == (DT_S | DT_RW);
}
static inline bool descriptor_is_readable(const struct descriptor *d)
{
    return (d->type & DT_S) && (!(d->type & DT_CODE) || (d->type & DT_RW));
}

/* Read the descriptor that `sel` names (GDT or LDT; system descriptors are 16 bytes in long mode). False: beyond the
 * table, or in an LDT that is not there. `sel` must not be null. May escape; changes nothing. */
bool descriptor_fetch(struct vcpu *v, u16 sel, struct descriptor *d);
/* The same with the LDT given, for a task switch that is about to load it. */
bool descriptor_fetch_ldt(struct vcpu *v, const struct segreg *ldt, u16 sel, struct descriptor *d);
/* The IDT's gate of `vector` in protected mode. False: beyond the limit. */
bool descriptor_fetch_gate(struct vcpu *v, unsigned vector, struct descriptor *d);

/* Make sure that the type field's byte can be written, and write it. */
void descriptor_probe_type(struct vcpu *v, const struct descriptor *d);
void descriptor_write_type(struct vcpu *v, const struct descriptor *d, u8 type);

/* Shadow descriptors of one vCPU. -ENOMEM. */
struct desc_cache;
int desc_cache_create(struct vcpu *v);
void desc_cache_destroy(struct vcpu *v);
/* Forget what was derived from guest page gfn / from [gpa, gpa + size). By the vCPU's thread, or on its behalf while it is
 * parked. */
void desc_cache_drop_page(struct vcpu *v, u64 gfn);
void desc_cache_drop_range(struct vcpu *v, gpa_t gpa, u64 size);
void desc_cache_drop_all(struct vcpu *v);
/* Is anything derived from page gfn still there? (The hold may be given back if not.) */
bool desc_cache_has_page(const struct vcpu *v, u64 gfn);
/* Counters for --stats. */
void desc_cache_stats(const struct vcpu *v, u64 *hits, u64 *misses, u64 *drops);

#endif
