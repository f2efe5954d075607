/* SPDX-License-Identifier: MIT */
/*
 * Which local APICs a destination means: one word per vCPU, written by its owner, read by every
 * sender.
 *
 * The table holds what software sets up once (id, logical id, mode, enabled), never what changes as
 * interrupts come and go, so arbitration can be the same in every replay.
 */
#ifndef CPU_APIC_MAP_H
#define CPU_APIC_MAP_H

#include <stdatomic.h>

#include "src/base/types.h"
#include "trace/ipi.h"
#include "trace/participant.h"

struct vcpu;

struct apic_map {
    unsigned n;                                   /* vCPUs */
    struct participant *p[PARTICIPANT_VCPUS_MAX]; /* by vCPU number */
    _Atomic u64 word[PARTICIPANT_VCPUS_MAX];      /* packed by apic_map_update() */
};

/* Publish vCPU v's APIC id, logical id and mode. v's own thread. */
void apic_map_update(struct vcpu *v);

/* The vCPUs that a destination means. `dest` has 8 bits (I/O APIC, xAPIC ICR) or, from an x2APIC
 * ICR (`wide`), 32. Any participant. */
pmask_t apic_map_match(const struct apic_map *map, u32 dest, bool logical, bool wide);
/* All vCPUs whose APIC is enabled. */
pmask_t apic_map_all(const struct apic_map *map);
/* The one of a set that takes a lowest-priority message: the (vector mod n)th of the n that are
 * software enabled, so vectors spread over the set. Empty for an empty set. */
pmask_t apic_map_arbitrate(const struct apic_map *map, pmask_t set, u8 vector);
/* ipi_send() to every member of a set; IPI_LOWEST is arbitrated first and becomes IPI_FIXED. */
void apic_map_send(const struct apic_map *map, struct participant *from, pmask_t set,
                   const struct ipi *msg);

#endif
