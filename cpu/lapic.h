/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of a vCPU, xAPIC and x2APIC. It belongs to its vCPU alone: everything here is
 * called on that vCPU's thread (or by whoever owns the stopped machine). Others send it messages,
 * which arrive through lapic_accept().
 */
#ifndef CPU_LAPIC_H
#define CPU_LAPIC_H

#include "cpu/apic_map.h"
#include "cpu/vcpu.h"
#include "src/base/types.h"
#include "trace/ipi.h"

#define LAPIC_BASE_DEFAULT 0xfee00000u
#define LAPIC_SVR_ENABLED 0x100u

/* IA32_APIC_BASE. */
enum { APIC_BASE_BSP = 1 << 8, APIC_BASE_X2APIC = 1 << 10, APIC_BASE_ENABLE = 1 << 11 };

enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

struct lapic {
    struct apic_map *map;
    u32 irr[8], isr[8], tmr[8];
    u32 lvt[LVT_COUNT];
    u64 icr; /* as in x2APIC: destination in the upper half */
    u32 svr, dfr;
    u8 ldr, tpr;     /* xAPIC logical id; v->cr8 is tpr >> 4 */
    u32 esr, errors; /* as read; gathered since */
    u32 divide, initial;
    u64 deadline; /* one-shot and periodic: ns of the next expiry, ~0: stopped */
    bool lint0;   /* the 8259's INTR line */
    bool extint;  /* an ExtINT message waits */
    /* An EOI of a level-triggered vector goes to the I/O APICs. Called with the I/O hold (see
     * lapic_eoi_is_level). */
    void (*eoi_broadcast)(void *opaque, struct participant *by, u8 vector);
    void *opaque;
};

/* Allocate v->lapic and enter v into the map. -ENOMEM. lapic_reset() comes next. */
int lapic_create(struct vcpu *v, struct apic_map *map);
void lapic_destroy(struct vcpu *v);
/* RESET: all registers and IA32_APIC_BASE. The rest of the platform's state is the caller's. */
void lapic_reset(struct vcpu *v, bool bsp);
/* INIT: all registers but the id and IA32_APIC_BASE (SDM vol. 3 §11.4.7.3). */
void lapic_init_signal(struct vcpu *v);
/* What firmware sets up on the boot processor: enabled, LINT0 ExtINT (virtual wire), LINT1 NMI. For
 * kernels that are loaded without firmware. */
void lapic_set_virtual_wire(struct vcpu *v);

static inline bool lapic_is_enabled(const struct vcpu *v)
{
    return v->apic_base & APIC_BASE_ENABLE;
}

static inline bool lapic_is_x2apic(const struct vcpu *v)
{
    return (v->apic_base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) ==
           (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
}

static inline u32 lapic_x2apic_ldr(u32 id)
{
    return (id >> 4) << 16 | 1u << (id & 15);
}

/* xAPIC registers in the APIC page. Accesses of other sizes than 4 and offsets between registers
 * have no effect and read 0. A write to offset 0xB0 (EOI) needs the I/O hold if
 * lapic_eoi_is_level(). */
u64 lapic_mmio_read(struct vcpu *v, u32 offset, unsigned size);
void lapic_mmio_write(struct vcpu *v, u32 offset, unsigned size, u64 value);

/* IA32_APIC_BASE, IA32_TSC_DEADLINE and 0x800 to 0x8FF. Raise #GP(0) for what the mode or the register does not allow; then nothing has changed. A write
 * to 0x80B needs the I/O hold if lapic_eoi_is_level(). */
u64 lapic_msr_read(struct vcpu *v, u32 msr);
void lapic_msr_write(struct vcpu *v, u32 msr, u64 value);

/* CR8, the upper half of the task priority. The value was checked. */
void lapic_set_cr8(struct vcpu *v, u64 cr8);

/* Would an EOI now be broadcast? Then the caller takes the I/O hold before it writes EOI. */
bool lapic_eoi_is_level(const struct vcpu *v);

/* The time in ns at which the timer makes its next interrupt; ~0: it will not. Changes only by
 * instructions and lapic_timer_expire(). */
u64 lapic_next_deadline(const struct vcpu *v);
/* The deadline has passed, it is `now`, in ns: make the interrupt, reload or stop. At a journaled
 * position. False: it has not. */
bool lapic_timer_expire(struct vcpu *v, u64 now);

/* A message arrives. Fixed ones set IRR; NMI, INIT and SIPI set v->nmi_pending, v->init_pending,
 * v->sipi_pending. */
void lapic_accept(struct vcpu *v, const struct ipi *msg);

enum { LAPIC_NONE = -1, LAPIC_EXTINT = -2 };
/* The vector to deliver now if IF allows: above PPR; LAPIC_NONE; or LAPIC_EXTINT: ask the 8259
 * (board_ack_pic). */
int lapic_pending(const struct vcpu *v);
/* Delivery of that vector begins: IRR to ISR. */
void lapic_begin_service(struct vcpu *v, u8 vector);
/* The 8259 has been acknowledged for LAPIC_EXTINT. */
void lapic_begin_extint(struct vcpu *v);

/* A 64-bit digest of the APIC's state. */
u64 lapic_digest(const struct vcpu *v, u64 seed);

#endif
