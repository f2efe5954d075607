/* SPDX-License-Identifier: MIT */
/*
 * What call gates and the IDT's gates have in common: the code segment they name and the stack of an inner level.
 * `ext` is the error codes' EXT bit (1: the event is not of the program's making).
 * Intel SDM vol. 3 §5.8.3-§5.8.5, §6.12, §6.14.
 */
#ifndef CPU_GATE_H
#define CPU_GATE_H

#include "cpu/frame.h"
#include "cpu/segment.h"

/* Read and check the code segment `sel` that a gate leads to: #GP, #NP. */
void gate_target(struct vcpu *v, u16 sel, u32 ext, bool jump, struct descriptor *cs);

/* Find the stack for privilege level `cpl` in the TSS (long mode: IST `ist` if not 0), check it, and begin a frame there: #TS, #SS.
 * `ss` is what SS becomes; in long mode a null selector. */
void gate_inner_stack(struct vcpu *v, unsigned cpl, unsigned ist, u32 ext, struct frame *f,
                      struct segment_plan *ss);

#endif
