/* SPDX-License-Identifier: MIT */
/*
 * Segment registers: what may be loaded into them, and what a loaded one allows. A load is made in two steps, so that
 * an instruction with several of them (far transfers, IRET, task switches) commits nothing before everything is known
 * to be right: plan (checks, may escape), commit (cannot escape).
 * Intel SDM vol. 3 ch. 5, vol. 2 MOV; AMD APM vol. 2 ch. 4.
 */
#ifndef CPU_SEGMENT_H
#define CPU_SEGMENT_H

#include "cpu/descriptor.h"

struct segment_plan {
    struct segreg reg;
    struct descriptor d;
    bool mark; /* the accessed bit is to be set */
};

/* The hidden part as the descriptor says; accessed bit set. */
void segment_from_descriptor(struct segreg *s, u16 sel, const struct descriptor *d);
/* A null selector's register. */
void segment_set_null(struct segreg *s, u16 sel);
/* Real and virtual-8086 mode: base from the selector. Real mode keeps limit and attributes ("unreal" mode); v86 sets them. */
void segment_set_real(struct segreg *s, u16 sel, bool v86);

/* Data segment or SS at privilege `cpl` in protected mode: 0 if `sel` may be loaded, else the vector (VEC_GP, VEC_NP, VEC_SS)
 * that the load raises with error code sel & ~3. The LDT is given. May escape. */
unsigned segment_plan_data(struct vcpu *v, enum seg seg, u16 sel, unsigned cpl,
                           const struct segreg *ldt, struct segment_plan *p);
/* Fill `p` from a checked descriptor, and make sure that the accessed bit can be written. */
void segment_plan_descriptor(struct vcpu *v, u16 sel, const struct descriptor *d,
                             struct segment_plan *p);
/* Put it into effect. The caller runs vcpu_update_mode() afterwards. */
void segment_commit(struct vcpu *v, enum seg seg, const struct segment_plan *p);

/* After a change to an outer level: data segments that the new CPL may not use become null. */
void segment_drop_inner(struct vcpu *v);

/* Error code of a selector. */
static inline u32 selector_error(u16 sel)
{
    return sel & 0xfffcu;
}
static inline bool selector_is_null(u16 sel)
{
    return (sel & 0xfffc) == 0;
}

#endif
