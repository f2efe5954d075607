/* SPDX-License-Identifier: MIT */
/*
 * Reading and decoding descriptors, and the shadow descriptor cache (see descriptor.h).
 *
 * The cache is direct mapped by address and length: one slot per 8-byte step of a 4 KiB stretch, so a
 * GDT and an IDT in different pages share slots, which is harmless: a miss reads memory again. An entry is decoded for
 * its length: a 16-byte one is long mode's form of a gate, TSS or LDT.
 *
 * The type field (accessed and busy bits) is written as one byte, where hardware makes a locked access of
 * the doubleword or more. DEVIATION: in a plain parallel run two CPUs that change different bits of one descriptor's type
 * byte in the same moment could lose one; software never shares a TSS descriptor so, and an accessed bit is set again.
 * Intel SDM vol. 3 §3.4.5, §7.2.2.
 */
#include "cpu/descriptor.h"

#include <errno.h>
#include <stdlib.h>

#define CACHE_SLOTS 512

struct slot {
    gpa_t gpa; /* of the first byte; ~0: empty */
    u8 size;   /* 8 or 16 */
    struct descriptor d;
};

struct desc_cache {
    u64 hits, misses, drops;
    struct slot slot[CACHE_SLOTS];
};

static void decode(struct descriptor *d, u64 lo, u64 hi, bool wide)
{
    u32 up = lo >> 32;

    memset(d, 0, sizeof(*d));
    d->type = (up >> 8) & 0x1f;
    d->dpl = (up >> 13) & 3;
    d->p = up >> 15 & 1;
    d->avl = up >> 20 & 1;
    d->l = up >> 21 & 1;
    d->db = up >> 22 & 1;
    d->g = up >> 23 & 1;
    d->rights = up & 0x00ffff00;
    d->bad_upper = wide && ((hi >> 40) & 0x1f);
    if (!(d->type & DT_S) && (d->type & 4)) { /* a gate */
        d->sel = lo >> 16;
        d->params = up & 0x1f;
        d->ist = up & 7;
        d->base = (lo & 0xffff) | (up & 0xffff0000);
        if (d->type < 8)
            d->base &= 0xffff;
    } else {
        d->base = bits64(lo, 16, 24) | (up & 0xff000000);
        d->limit = (u32)(lo & 0xffff) | (up & 0xf0000);
        if (d->g)
            d->limit = d->limit << 12 | 0xfff;
    }
    if (wide)
        d->base |= hi << 32;
}

static void read_raw(struct vcpu *v, gla_t gla, bool wide, struct descriptor *d)
{
    u64 lo = mmu_sys_read(&v->mmu, gla, 8, v->cur);
    u64 hi = wide ? mmu_sys_read(&v->mmu, gla + 8, 8, v->cur) : 0;

    decode(d, lo, hi, wide);
}

/* The entry for `gla`, if it is there and the translation is in the TLB (so the page is readable and its accessed bit is set). Where an
 * entry is, its page's hold is. */
static struct slot *cached(struct vcpu *v, gla_t gla, unsigned size)
{
    const struct tlb_entry *e = &v->mmu.sets[MMU_SUPER][(gla >> 12) & (MMU_TLB_SIZE - 1)];
    gpa_t gpa = e->gpa | (gla & 0xfff);
    struct slot *s = &v->desc->slot[(gpa >> 3) % CACHE_SLOTS];

    return e->rtag == (gla & MMU_PAGE_MASK) && s->gpa == gpa && s->size == size ? s : NULL;
}

static void fetch(struct vcpu *v, gla_t gla, bool wide, struct descriptor *d)
{
    struct desc_cache *c = v->desc;
    u8 size = wide ? 16 : 8;
    struct slot *s;
    gpa_t gpa;

    if (!c || (gla & 0xfff) + size > 0x1000) {
        read_raw(v, gla, wide, d);
        d->gla = gla;
        return;
    }
    s = cached(v, gla, size);
    if (likely(s)) {
        c->hits++;
    } else {
        c->misses++;
        gpa = mmu_sys_translate(&v->mmu, gla, MMU_READ, v->cur);
        s = &c->slot[(gpa >> 3) % CACHE_SLOTS];
        s->gpa = ~(gpa_t)0; /* reading may escape */
        read_raw(v, gla, wide, &s->d);
        s->gpa = gpa;
        s->size = size;
    }
    *d = s->d;
    d->gla = gla;
}

bool descriptor_fetch_ldt(struct vcpu *v, const struct segreg *ldt, u16 sel, struct descriptor *d)
{
    u64 base = v->gdt.base, limit = v->gdt.limit;
    u32 index = sel & ~7u;

    if (sel & 4) {
        if (!ldt->usable)
            return false;
        base = ldt->base;
        limit = ldt->limit;
    }
    if (index + 7 > limit)
        return false;
    if (!vcpu_is_lma(v)) {
        fetch(v, (u32)(base + index), false, d);
        return true;
    }
    fetch(v, base + index, false, d);
    if (d->type & DT_S)
        return true;
    if (index + 15 > limit)
        d->short_table = true;
    else
        fetch(v, base + index, true, d);
    return true;
}

bool descriptor_fetch(struct vcpu *v, u16 sel, struct descriptor *d)
{
    return descriptor_fetch_ldt(v, &v->seg[SEG_LDTR], sel, d);
}

bool descriptor_fetch_gate(struct vcpu *v, unsigned vector, struct descriptor *d)
{
    bool wide = vcpu_is_lma(v);
    unsigned size = wide ? 16 : 8;
    u64 gla = v->idt.base + (u64)vector * size;

    if (vector * size + size - 1 > v->idt.limit)
        return false;
    fetch(v, wide ? gla : (u32)gla, wide, d);
    return true;
}

void descriptor_probe_type(struct vcpu *v, const struct descriptor *d)
{
    mmu_sys_probe(&v->mmu, d->gla + 5, 1, MMU_WRITE, v->cur);
}

void descriptor_write_type(struct vcpu *v, const struct descriptor *d, u8 type)
{
    u8 byte = (type & 0x1f) | d->dpl << 5 | d->p << 7;

    mmu_sys_write(&v->mmu, d->gla + 5, 1, byte, v->cur);
    if (v->desc && (d->gla & 0xfff) + 8 <= 0x1000)
        desc_cache_drop_range(v, mmu_sys_translate(&v->mmu, d->gla, MMU_READ, v->cur), 8);
}

int desc_cache_create(struct vcpu *v)
{
    v->desc = calloc(1, sizeof(*v->desc));
    if (!v->desc)
        return -ENOMEM;
    desc_cache_drop_all(v);
    return 0;
}

void desc_cache_destroy(struct vcpu *v)
{
    free(v->desc);
    v->desc = NULL;
}

void desc_cache_drop_all(struct vcpu *v)
{
    if (!v->desc)
        return;
    for (unsigned i = 0; i < CACHE_SLOTS; i++)
        v->desc->slot[i].gpa = ~(gpa_t)0;
}

void desc_cache_drop_range(struct vcpu *v, gpa_t gpa, u64 size)
{
    struct desc_cache *c = v->desc;
    gpa_t end = gpa + size;

    if (!c)
        return;
    /* An entry that overlaps starts less than 16 bytes before; its slot follows from its address. */
    if (size >= 4096) {
        for (unsigned i = 0; i < CACHE_SLOTS; i++)
            if (c->slot[i].gpa != ~(gpa_t)0 && c->slot[i].gpa < end &&
                c->slot[i].gpa + c->slot[i].size > gpa) {
                c->slot[i].gpa = ~(gpa_t)0;
                c->drops++;
            }
        return;
    }
    for (gpa_t a = (gpa & ~(gpa_t)7) < 16 ? 0 : (gpa & ~(gpa_t)7) - 16; a < end; a += 8) {
        struct slot *s = &c->slot[(a >> 3) % CACHE_SLOTS];
        if (s->gpa != ~(gpa_t)0 && s->gpa < end && s->gpa + s->size > gpa) {
            s->gpa = ~(gpa_t)0;
            c->drops++;
        }
    }
}

void desc_cache_drop_page(struct vcpu *v, u64 gfn)
{
    desc_cache_drop_range(v, gfn << 12, 4096);
}

bool desc_cache_has_page(const struct vcpu *v, u64 gfn)
{
    for (unsigned i = 0; v->desc && i < CACHE_SLOTS; i++)
        if (v->desc->slot[i].gpa >> 12 == gfn)
            return true;
    return false;
}

void desc_cache_stats(const struct vcpu *v, u64 *hits, u64 *misses, u64 *drops)
{
    *hits = v->desc ? v->desc->hits : 0;
    *misses = v->desc ? v->desc->misses : 0;
    *drops = v->desc ? v->desc->drops : 0;
}
