/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers. msr.def lists them all. AMD APM vol. 2 app. A; Intel SDM vol. 4.
 */
#ifndef CPU_MSR_H
#define CPU_MSR_H

#include "cpu/vcpu.h"

/* Read or write MSR `index`. False: there is none, or the value is not allowed (the caller raises #GP(0)). On the vCPU's
 * thread; the local APIC's registers may escape before they have an effect. */
bool msr_read(struct vcpu *v, u32 index, u64 *value);
bool msr_write(struct vcpu *v, u32 index, u64 value);
/* Its name; NULL: no such MSR. */
const char *msr_name(u32 index);
/* Fold those that hold a value of their own into a digest. Not the local APIC's: lapic_digest(). */
u64 msr_digest(const struct vcpu *v, u64 h);
/* Values at power-on. */
void msr_reset(struct vcpu *v);

#endif
