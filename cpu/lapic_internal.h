/* SPDX-License-Identifier: MIT */
/*
 * Between the files of the local APIC: lapic.c (acceptance), lapic_regs.c (registers),
 * lapic_timer.c. The owner's thread.
 */
#ifndef CPU_LAPIC_INTERNAL_H
#define CPU_LAPIC_INTERNAL_H

#include "cpu/lapic.h"

#define LVT_MASKED 0x10000u
#define LVT_LEVEL 0x8000u

/* Error status register, SDM vol. 3 figure 11-9. */
enum { ESR_SEND_ILLEGAL = 1 << 5, ESR_RECEIVE_ILLEGAL = 1 << 6, ESR_ILLEGAL_REGISTER = 1 << 7 };

/* Registers as INIT leaves them. */
void lapic_reset_registers(struct vcpu *v);
/* Put the APIC page where IA32_APIC_BASE says, if the mode has one; drops translations of the old
 * and new place. */
void lapic_place_page(struct vcpu *v);
/* Gather an ESR bit and raise the error entry. */
void lapic_raise_error(struct vcpu *v, u32 bit);
/* PPR. */
u8 lapic_processor_priority(const struct lapic *l);
/* A write to EOI. */
void lapic_end_of_interrupt(struct vcpu *v);
/* A write to ICR, in its x2APIC or xAPIC form as the mode says. */
void lapic_send_ipi(struct vcpu *v, u64 icr);

/* An LVT entry's interrupt happens. */
void lapic_raise_lvt(struct vcpu *v, enum lapic_lvt n);

/* lapic_timer.c: accesses to the timer's registers. */
void lapic_timer_write_lvt(struct vcpu *v, u32 value);
void lapic_timer_write_initial(struct vcpu *v, u32 value);
void lapic_timer_write_divide(struct vcpu *v, u32 value);
u32 lapic_timer_current(struct vcpu *v);
u64 lapic_timer_read_tsc_deadline(struct vcpu *v);
void lapic_timer_write_tsc_deadline(struct vcpu *v, u64 value);

#endif
