/* SPDX-License-Identifier: MIT */
/*
 * The cache of decoded code: one for all vCPUs of a machine, found in without a lock.
 *
 * What is shared is what the code is: blocks by guest-physical address, and what an engine makes of them. What each vCPU has
 * of its own is the right to enter the blocks of a page: the lines of it that it has a `code` trace on. Losing the trace
 * takes the right away, not the blocks; who wants to enter the page again traces it again and compares its blocks with
 * memory, and those that differ fall, for all.
 *
 *   a page is `coarse`   traced as a whole: whoever has the right may go from block to block within it, by chains too
 *             `fine`     traced by lines: its right was lost again and again, so it holds data beside code, or code that is
 *                        rewritten. Each block is compared when it is looked up, nothing is chained to it
 *
 * Room is had in two regions, of which one is filled. When it is full all of the other falls (first in, first out), and is
 * filled next, as soon as every vCPU that is executing has looked up since (code_cache_find()) and so forgotten what it
 * knew of it. Until then nothing is waited for: a block without room is built for one use. An engine does the same with
 * room of its own (code_retire(), code_is_forgotten()).
 *
 * Lock order: this lock; the directory's locks and participants' are never taken under it.
 */
#ifndef CPU_CODE_CACHE_H
#define CPU_CODE_CACHE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cpu/block.h"
#include "trace/participant.h"

enum {
    CODE_HOT = 64,
    CODE_REGIONS = 2,
    CODE_REGION_BYTES = 64 << 20,
    CODE_BUCKETS = 1 << 16,
    CODE_JUMPS = 1 << 14
};

/* What is known of a guest page, for all vCPUs. */
struct code_page {
    struct block *blocks;  /* under the lock */
    struct block *seconds; /* those of the page before that end in this one; under the lock */
    _Atomic u64
        entered_at; /* code_cache.clock when somebody entered it last after losing the right */
    u8 heat;        /* how often lately */
    _Atomic bool fine;
};

/* What a vCPU may enter. Owner, or on its behalf while it is parked. */
struct code_right {
    u64 lines;    /* traced */
    u32 next;     /* page + 1: all that ever had lines */
    bool entered; /* its blocks were compared: whoever is in may go from one to the next */
    bool known
        [2]; /* [user]: something was found there since the right was had, and is known to hold while the MMU's
                      generation lasts */
    bool listed, lost;
};

struct code_cache;
struct bt;

/* What an engine derives from blocks. The first two are called under the cache's lock, on any vCPU's thread. */
struct code_hooks {
    void (*block_gone)(struct bt *bt, struct block *b); /* it is not to be entered again */
    void (*unchain)(struct bt *bt,
                    struct block *b); /* its page is fine now: nothing may lead to it */
    void (*forget)(struct vcpu *v);   /* v: forget whatever leads to code. Owner */
};

struct code_jump {
    u64 lin, gen;
    u32 key;
    struct block *block;
};

/* A vCPU's part. */
struct code_view {
    struct code_cache *shared;
    struct vcpu *v;
    _Atomic u64 online;       /* 0: it executes nothing, and holds no block; else `seen` + 1 */
    u64 seen;                 /* code_cache.retired, when it last forgot */
    struct code_right *right; /* by guest page */
    u32 rights;               /* the first listed, page + 1 */
    struct block *transient;
    struct code_jump jump[CODE_JUMPS];
};

struct code_cache {
    pthread_mutex_t lock;
    _Atomic(struct block *) bucket[CODE_BUCKETS];
    u64 n_pages;
    struct code_page *pages;
    unsigned
        hot; /* a page that is entered anew so often, each time lately, becomes fine until it holds no block; CODE_HOT */
    u64 clock; /* the highest icount of those who entered pages: what "lately" means to all */
    struct {
        u8 *arena;
        size_t used;
    } region[CODE_REGIONS];
    unsigned current;
    u64 retiring; /* the other region fell with that number, and may still be known to somebody; 0: no */
    _Atomic u64 retired; /* how often something has fallen that vCPUs may know of */
    struct code_view *view[PARTICIPANT_VCPUS_MAX];
    unsigned n_views;
    /* The engine that derives from blocks, if there is one. */
    struct bt *bt;
    const struct code_hooks *hooks;
    u64 built, verified, uops, insns, fine_pages;
};

/* v's part of the cache of its machine (v->env), which is made with the first. 0 or -ENOMEM. Main thread. */
int code_cache_join(struct vcpu *v);
void code_cache_leave(struct vcpu *v);
/* v begins to execute, and may hold blocks; it does not any more. Between them a block that was found is good until the
 * next is looked for. vCPU's thread. */
void code_cache_begin(struct vcpu *v);
void code_cache_end(struct vcpu *v);
/* The block at v->rip for `key` (KEY_*), found, checked against memory or made. May escape (fetch faults, missing holds).
 * *first: accessed bits are owed, the block's first instruction must be run alone. vCPU's thread. */
struct block *code_cache_find(struct vcpu *v, u32 key, bool *first);
/* What was decoded from guest page gfn (~0: anything) must be compared with memory before v enters it again. By the owner,
 * or on its behalf. */
void code_cache_drop(struct vcpu *v, u64 gfn);
/* The vCPU wrote to memory that it has a code trace on. */
void code_cache_wrote(struct vcpu *v, u64 gpa, unsigned size);

struct code_stats {
    u64 built, verified, uops, insns, fine_pages, retired;
};
/* While no vCPU runs, or roughly. */
void code_cache_stats(const struct vcpu *v, struct code_stats *s);

/* ---- cpu/code_region.c: under the lock. ---- */

/* Room for a block of `room` bytes that v has made, or NULL. */
struct block *code_region_take(struct vcpu *v, size_t room);
/* Nothing that is kept leads to what is about to be used again, but vCPUs may know of it. Returns a number for that. */
u64 code_retire(struct code_cache *c);
/* Do they not any more? Who still may is asked to come to a boundary, but for v, which will by itself. */
bool code_is_forgotten(struct vcpu *v, u64 number);
/* ---- cpu/code_cache.c, for that. ---- */
void code_cache_discard_locked(struct code_cache *c, struct block *b);

#endif
