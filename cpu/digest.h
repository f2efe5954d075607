/* SPDX-License-Identifier: MIT */
/*
 * Folding a vCPU's state into 64 bits, which a recording keeps every so many instructions and a replay compares.
 */
#ifndef CPU_DIGEST_H
#define CPU_DIGEST_H

#include "cpu/vcpu.h"

static inline u64 digest_fold(u64 h, u64 x)
{
    h = (h ^ x) * 0x9fb21c651e98df25u;
    return h ^ h >> 29;
}

/* Everything that the guest can read back and that does not depend on when it is looked at: registers with their hidden parts,
 * MSRs, what is pending, the local APIC. The value is part of the log format. At a boundary; owner. */
u64 vcpu_digest(const struct vcpu *v);

#endif
