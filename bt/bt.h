/* SPDX-License-Identifier: MIT */
/*
 * The binary translator: blocks of micro-ops become x86-64 host code. docs/bt.md walks one through.
 *
 * It takes the place of the loop over blocks in cpu/run.c (vcpu->t.run) and shares everything around it: the block cache,
 * boundaries, escapes. A block that was not translated, cannot be, or has to be given up half-way is interpreted, from the
 * same micro-ops and the same state. cpu/ never includes this folder.
 */
#ifndef BT_BT_H
#define BT_BT_H

#include <stddef.h>
#include <stdio.h>

#include "src/base/types.h"

struct vcpu;

struct bt_options {
    size_t size;        /* bytes of room for host code; 0: BT_SIZE_DEFAULT */
    unsigned threshold; /* a block is interpreted so often before it is translated */
    bool no_traces;     /* no superblocks */
    bool no_chain;      /* every block returns to the dispatcher */
    bool count;         /* count the micro-ops that are not lowered, by how often they run */
    bool profile;       /* count the executions of each block: bt_print_profile() */
    bool gdb;           /* tell GDB about translated code */
    unsigned log;       /* BT_LOG_*: written to log_to for each block that is translated */
    FILE *log_to;       /* shared by all vCPUs; blocks do not mix */
    bool perf; /* write lines "address size name" to perf_map, which is line-buffered and shared */
    FILE
        *perf_map; /* like log_to it may be set later than bt_create(), until the first vCPU runs */
};
enum { BT_LOG_IN_ASM = 1, BT_LOG_UOPS = 2, BT_LOG_OUT_ASM = 4 };
#define BT_SIZE_DEFAULT (64u << 20)
#define BT_SIZE_MIN (256u << 10)
#define BT_THRESHOLD 3

struct block;
/* Translate the finished block b afresh, nothing else being translated, and run it once; v->rip is then where it went. For
 * tests. May escape. */
void bt_run_alone(struct vcpu *v, struct block *b);

struct bt_stats {
    u64 translated; /* blocks */
    u64 insns;      /* guest instructions in them */
    u64 host_bytes;
    u64 emptied;       /* how often half of it fell, to make room */
    u64 traces, loops; /* superblocks made, and how many of them lead back to their head */
    u64 entered;       /* from the dispatcher */
    u64 filled;        /* slow paths that had the TLB filled and went on */
    u64 stored;        /* slow paths that stored and went on, or would have */
    u64 interpreted;   /* slow paths that left the rest of the block to the interpreter */
    u64 linked;        /* branches chained */
};

/* Let v run translated code, which it shares with the other vCPUs of its machine: `o` is the first one's, and stays. 0 or
 * -ENOMEM. Main thread, before any of them runs. */
int bt_create(struct vcpu *v, const struct bt_options *o);
/* Nobody executes it any more. A vCPU without a translator is allowed. */
void bt_destroy(struct vcpu *v);
/* Of n vCPUs of one machine together. */
void bt_get_stats(struct vcpu *const *v, unsigned n, struct bt_stats *s);

/* How often something ran. */
struct bt_count {
    char name[40]; /* of the micro-op; of one that calls a helper, with the guest's mnemonic */
    u64 n;
};
enum bt_count_kind {
    BT_UNLOWERED, /* micro-ops without lowering: the interpreter's routine was called */
    BT_REST,      /* micro-ops at which the rest of a block was left to the interpreter */
};
/* The counts of v's machine, which need bt_options.count, the highest first: up to `max` into to[]. Returns how many.
 * *total: the sum of all, those too that had no room. While no vCPU runs. */
unsigned bt_get_counts(const struct vcpu *v, enum bt_count_kind kind, struct bt_count *to,
                       unsigned max, u64 *total);
/* Print the blocks that were translated for v's machine, which needs bt_options.profile, by the instructions executed in
 * each; the first ones with their instructions. `executed`: all instructions of the run. 0 or -ENOMEM. While no vCPU
 * runs. */
int bt_print_profile(FILE *to, const struct vcpu *v, u64 executed);

#endif
