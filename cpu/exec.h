/* SPDX-License-Identifier: MIT */
/*
 * What instruction helpers need of the rest of the CPU: memory by segment, control transfer, events. All run
 * on the vCPU's own thread inside an instruction and may escape (vcpu->escape) before the first commit.
 */
#ifndef CPU_EXEC_H
#define CPU_EXEC_H

#include "cpu/vcpu.h"

/* Linear address of `size` bytes at an offset in a segment, for string instructions, stacks and far pointers: segment base, limit
 * and type checks (#GP, #SS). cpu/address.c; operands of micro-ops are in cpu/address.h. */
gla_t vcpu_linear(struct vcpu *v, enum seg seg, u64 offset, unsigned size, enum mmu_access access);

/* Segment loads with all checks of the manual (cpu/segment.c). Real and v86 mode too. */
void segment_load(struct vcpu *v, enum seg seg, u16 selector);
/* Is [offset, offset+size) of the segment accessible? Raises #GP(0) or #SS(0). */
void segment_check(struct vcpu *v, enum seg seg, u64 offset, unsigned size, enum mmu_access access);

/* Deliver an exception, interrupt or NMI at the present boundary (cpu/deliver.c): pushes, gate checks, double and triple
 * faults. v->rip is where it is taken from (the faulting instruction's). Counts one. May escape with a miss (then nothing
 * has happened); nested faults are handled inside. `software`: INT n and friends; rip already points behind it. */
void deliver_exception(struct vcpu *v, const struct exception *e);
void deliver_interrupt(struct vcpu *v, u8 vector);
void deliver_nmi(struct vcpu *v);

/* SSE usable right now? Raises #NM or #UD as CR0.EM/TS and CR4.OSFXSR say. */
void fpu_check_sse(struct vcpu *v);
/* The same for AVX: CR4.OSXSAVE, XCR0, CR0.TS. */
void fpu_check_avx(struct vcpu *v);

/* Port permission: IOPL or the TSS bitmap. Raises #GP(0). (cpu/ioport.c) */
void ioport_check(struct vcpu *v, u16 port, unsigned size);

/* Device access from IN/OUT, with the I/O hold (taken or escaped for). */
u64 vcpu_port_read(struct vcpu *v, u16 port, unsigned size);
void vcpu_port_write(struct vcpu *v, u16 port, unsigned size, u64 value);

/* Guest TSC, at the position of the running instruction; a journal value. */
u64 vcpu_rdtsc(struct vcpu *v);
/* A fault while a double fault was to be delivered: shuts the CPU down and asks the board for a reset (cpu/run.c). Returns. */
void vcpu_triple_fault(struct vcpu *v);
/* 64 random bits; a journal value. */
u64 vcpu_entropy(struct vcpu *v);

#endif
