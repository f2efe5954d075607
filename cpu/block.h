/* SPDX-License-Identifier: MIT */
/*
 * Cached blocks: straight-line runs of lifted instructions, a structure derived from the code page they come
 * from. A block never leaves its page, except that one whose first instruction crosses the page end consists of that
 * instruction alone. Each vCPU has blocks of its own (cpu/block.c).
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
    u16 n_insns, n_uops;
    u16 len;  /* bytes */
    u16 seen; /* bytes that decoding depended on: more, where the last instruction is none */
    struct code_page *page, *page2; /* page2: NULL unless it crosses */
    u64 epoch2; /* of the second page when the bytes were last compared with memory */
    struct block *hash_next, *page_next;
    bool gone;             /* not what memory holds: never to be entered again */
    u8 heat;               /* how often it was interpreted, until it is worth translating */
    struct bt_block *bt;   /* its translation; NULL: none */
    struct block *link[2]; /* chained successors: fallthrough, taken */
    u64 link_gen[2];
    u8 *bytes; /* copy of the code, `seen` bytes, after the micro-ops */
    struct uop u[];
};

struct vcpu;

/* A vCPU's cache of blocks. 0 or -ENOMEM. */
int block_cache_create(struct vcpu *v);
void block_cache_destroy(struct vcpu *v);
/* The block at v->rip for `key` (KEY_*), found, checked against memory or made. May escape (fetch faults, missing holds).
 * *first: accessed bits are owed, the block's first instruction must be run alone. vCPU's thread. */
struct block *block_find(struct vcpu *v, u32 key, bool *first);
/* How often the cache has been emptied: a pointer to a block that was had before is good while this stays the same. */
u64 block_cache_age(const struct vcpu *v);
/* What was decoded from guest page gfn (~0: anything) must be compared with memory before it is entered again. By the owner,
 * or on its behalf. */
void block_drop_page(struct vcpu *v, u64 gfn);
/* The vCPU wrote to code it has decoded. */
void block_wrote(struct vcpu *v, u64 gpa, unsigned size);
void block_stats(const struct vcpu *v, u64 *built, u64 *verified, u64 *uops, u64 *insns);

#endif
