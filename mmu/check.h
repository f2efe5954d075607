/* SPDX-License-Identifier: MIT */
/*
 * Debugging aid of `-check`: an instruction that is abandoned must leave no trace. Here checks of rights fail now and then
 * although the right is there (the owner abandons its instruction and starts over), the TLB is forgotten so that there are
 * many such checks, and everything that reaches memory or devices is counted. cpu/check.c compares the rest.
 *
 * Within one attempt at an instruction a right that was found stays found, as in a real run, where rights are lost at
 * boundaries alone: so a probe is a promise here too. What fails comes from a generator with a fixed seed.
 */
#ifndef MMU_CHECK_H
#define MMU_CHECK_H

#include "mmu/mmu.h"

#define MMU_CHECK_FOUND 64

struct mmu_check {
    u64 prng;
    u32 one_in;     /* on average one of so many checks fails; 0: none does */
    bool cacheless; /* the TLB stays empty, so that every access is counted */
    u64 stores;     /* bytes written and devices accessed, so many times */
    u64 marks;      /* accessed and dirty bits set */
    u64 position;   /* of the attempt that the list below belongs to */
    unsigned n_found;
    struct {
        u64 object;
        unsigned right;
    } found[MMU_CHECK_FOUND];
    u64 stat_failed;
};

/* Begin to check m; the seed must not be 0. 0 or -ENOMEM. mmu_destroy() ends it. */
int mmu_check_start(struct mmu *m, u64 seed, u32 one_in, bool cacheless);
/* Another attempt begins. Owner. */
void mmu_check_again(struct mmu *m);
/* Forget what the TLB holds. Owner, at a boundary. */
void mmu_check_forget(struct mmu *m);

bool mmu_check_fails_slow(struct mmu *m, u64 object, unsigned right);

/* A right on the object was found. True: say that it is missing; that has been noted in the participant. */
static inline bool mmu_check_fails(struct mmu *m, u64 object, unsigned right)
{
    return unlikely(m->check != NULL) && mmu_check_fails_slow(m, object, right);
}

static inline void mmu_check_stored(struct mmu *m)
{
    if (unlikely(m->check != NULL))
        m->check->stores++;
}

static inline void mmu_check_marked(struct mmu *m)
{
    if (unlikely(m->check != NULL))
        m->check->marks++;
}

#endif
