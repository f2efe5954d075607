/* SPDX-License-Identifier: MIT */
/*
 * Blocks: straight-line runs of lifted instructions, a structure derived from the code page they come from. A block never
 * leaves its page, except that one whose first instruction crosses the page end consists of that instruction alone. All
 * vCPUs of a machine share them; what each has of its own is the right to enter those of a page (cpu/code_cache.h).
 */
#ifndef CPU_BLOCK_H
#define CPU_BLOCK_H

#include "cpu/uop.h"

#define BLOCK_INSNS_MAX 32
#define BLOCK_UOPS_MAX                                                                             \
    80 /* BLOCK_INSNS_MAX instructions; lifting stops when fewer than 16 are left */

/* Bits of a block's key: what lifting depends on besides the bytes. vcpu->key holds the present ones. */
enum {
    KEY_CODE = 3,      /* enum code_mode */
    KEY_SS32 = 1 << 2, /* 32-bit stack (SS.B); in 64-bit code the stack is 64 bits wide */
    KEY_FLAT =
        1
        << 3, /* DS ES SS CS: base 0, limit 4G, usable: no segment checks (always set in 64-bit code) */
    KEY_FPU = 1 << 4,  /* x87/MMX usable: CR0.EM = CR0.TS = 0 */
    KEY_SSE = 1 << 5,  /* SSE usable: CR0.EM = CR0.TS = 0, CR4.OSFXSR = 1 */
    KEY_V86 = 1 << 6,  /* virtual-8086 mode */
    KEY_PE = 1 << 7,   /* protected mode (CR0.PE) */
    KEY_STEP = 1 << 8, /* one instruction only */
    KEY_USER = 1 << 9, /* CPL 3: fetched with user rights */
    KEY_AC = 1 << 10,  /* supervisor accesses to user pages are allowed: EFLAGS.AC */
    KEY_AVX = 1 << 11, /* AVX usable: CR0.TS = 0, CR4.OSXSAVE = 1, XCR0 has SSE and AVX state */
    KEY_BITS = 12,
};

struct code_page;
struct bt_block;

struct block {
    u64 rip;  /* of the first instruction, relative to CS */
    u64 gpa;  /* guest-physical address of its first byte */
    u64 gpa2; /* of the second page's first byte if the single instruction crosses; else 0 */
    u32 key;
    u32 room; /* bytes that it takes in the cache, copy of the code included */
    u16 n_insns, n_uops;
    u16 len;  /* bytes */
    u16 seen; /* bytes that decoding depended on: more, where the last instruction is none */
    struct code_page *page, *page2;       /* page2: of the second page if it crosses, else NULL */
    _Atomic(struct block *) hash_next;    /* read without the lock */
    struct block *page_next, *page2_next; /* in code_page.blocks and .seconds */
    struct block **page_at, **page2_at;   /* what leads to it there */
    _Atomic bool gone; /* not what memory holds, or its room is wanted: not to be entered again */
    bool transient;    /* belongs to one vCPU, until that looks for the next: there was no room */
    _Atomic u8 heat;   /* how often it was interpreted, until it is worth translating */
    _Atomic(struct bt_block *) bt; /* its translation; NULL: none */
    struct uop u[];
};

/* The copy of its code, `seen` bytes, behind the micro-ops. */
static inline u8 *block_bytes(const struct block *b)
{
    return (u8 *)(b->u + b->n_uops);
}

/* Room for the largest. */
#define BLOCK_BYTES_MAX (BLOCK_INSNS_MAX * 6)
#define BLOCK_ROOM_MAX                                                                             \
    (sizeof(struct block) + BLOCK_UOPS_MAX * sizeof(struct uop) + BLOCK_BYTES_MAX + 64)

struct vcpu;

/* Build the block of v->rip, with `key`, from the n bytes of code at `bytes`, into `blk` (BLOCK_ROOM_MAX). False: its first
 * instruction needs more bytes than there are. vCPU's thread. */
bool block_build(struct vcpu *v, struct block *blk, u32 key, u64 gpa, const u8 *bytes, unsigned n);

#endif
