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
    size_t size;        /* bytes of host code before all is thrown away and begun anew; 0: BT_SIZE_DEFAULT */
    unsigned threshold; /* a block is interpreted so often before it is translated */
    bool no_chain;      /* every block returns to the dispatcher */
    bool count;         /* count the micro-ops that are not lowered, by how often they run */
};
#define BT_SIZE_DEFAULT (64u << 20)
#define BT_SIZE_MIN (256u << 10)
#define BT_THRESHOLD 3

struct block;
/* Translate the finished block b afresh, nothing else being translated, and run it once; v->rip is then where it went. For
 * tests. May escape. */
void bt_run_alone(struct vcpu *v, struct block *b);

struct bt_stats {
    u64 translated, host_bytes, emptied, entered, filled, interpreted, linked;
};

/* Let v run translated code. `o` stays. 0 or -errno. Main thread, before v runs. */
int bt_create(struct vcpu *v, const struct bt_options *o);
/* Nobody executes it any more. A vCPU without a translator is allowed. */
void bt_destroy(struct vcpu *v);
void bt_get_stats(const struct vcpu *v, struct bt_stats *s);
/* How often each micro-op ran that has no lowering, added to counts[UOP_COUNT]. */
void bt_get_unlowered(const struct vcpu *v, u64 *counts);

#endif
