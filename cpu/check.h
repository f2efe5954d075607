/* SPDX-License-Identifier: MIT */
/*
 * Debugging aid of `-check N` (cpu/check.c): proof, instruction by instruction, that one that is given up leaves no trace.
 */
#ifndef CPU_CHECK_H
#define CPU_CHECK_H

#include "cpu/vcpu.h"
#include "mmu/check.h"

/* Check v: on average one of `one_in` checks of a right fails (0: none). `exact`: every access is seen, which takes an engine
 * that executes single instructions. 0 or -ENOMEM. */
int check_start(struct vcpu *v, u32 one_in, bool exact);
void check_destroy(struct vcpu *v);

/* One instruction begins, alone. / It has retired. / It ended in an escape, nothing has been delivered yet. Owner. */
void check_begin_slow(struct vcpu *v);
void check_done_slow(struct vcpu *v);
void check_escaped_slow(struct vcpu *v, enum escape why);
/* How many traces were found. */
u64 check_reports(const struct vcpu *v);
/* At a boundary. Owner. */
void check_boundary_slow(struct vcpu *v);

static inline void check_begin(struct vcpu *v)
{
    if (unlikely(v->check != NULL))
        check_begin_slow(v);
}

static inline void check_done(struct vcpu *v)
{
    if (unlikely(v->check != NULL))
        check_done_slow(v);
}

static inline void check_escaped(struct vcpu *v, enum escape why)
{
    if (unlikely(v->check != NULL))
        check_escaped_slow(v, why);
}

/* Something of the outside was consumed: a clock value, entropy, a port. */
static inline void check_consumed(struct vcpu *v)
{
    if (unlikely(v->mmu.check != NULL))
        v->mmu.check->stores++;
}

#endif
