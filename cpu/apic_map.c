/* SPDX-License-Identifier: MIT */
/*
 * Destination matching of interrupt messages (Intel SDM vol. 3 §11.6.2: physical, logical flat and
 * cluster; §11.12.9, §11.12.10: x2APIC).
 *
 * A word holds the APIC id in its low half, the xAPIC logical id above it, and the mode bits. Words
 * are read with acquire order: a sender that learned of another CPU's setup through memory sees its
 * word.
 *
 * DEVIATION: lowest priority is arbitrated by vector, not by the processors' live priorities
 * (§11.6.2.4): another vCPU's state at this moment would be different in a replay.
 */
#include "cpu/apic_map.h"

#include "cpu/lapic.h"
#include "cpu/vcpu.h"

#define WORD_LDR_SHIFT 32
#define WORD_ENABLED BIT(40)    /* IA32_APIC_BASE */
#define WORD_SW_ENABLED BIT(41) /* spurious vector register */
#define WORD_X2APIC BIT(42)
#define WORD_CLUSTER BIT(43) /* xAPIC cluster model, else flat */

void apic_map_update(struct vcpu *v)
{
    const struct lapic *l = v->lapic;
    u64 word = v->id | (u64)l->ldr << WORD_LDR_SHIFT;

    if (lapic_is_enabled(v))
        word |= WORD_ENABLED;
    if (l->svr & LAPIC_SVR_ENABLED)
        word |= WORD_SW_ENABLED;
    if (lapic_is_x2apic(v))
        word |= WORD_X2APIC;
    if (l->dfr >> 28 != 15)
        word |= WORD_CLUSTER;
    atomic_store_explicit(&l->map->word[v->id], word, memory_order_release);
}

static bool matches_logical_xapic(u64 word, u32 dest)
{
    u8 ldr = (u8)(word >> WORD_LDR_SHIFT);

    if (dest > 0xff)
        return false;
    if (!(word & WORD_CLUSTER))
        return ldr & dest;
    return (dest >> 4 == 15 || dest >> 4 == (u32)ldr >> 4) && (ldr & dest & 15);
}

static bool matches(u64 word, u32 dest, bool logical, bool wide)
{
    u32 id = (u32)word;
    u32 ldr = lapic_x2apic_ldr(id);

    if (!(word & WORD_ENABLED))
        return false;
    if (dest == (wide ? 0xffffffffu : 0xffu))
        return true;
    if (!logical)
        return id == dest;
    if (!(word & WORD_X2APIC))
        return matches_logical_xapic(word, dest);
    return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
}

pmask_t apic_map_match(const struct apic_map *map, u32 dest, bool logical, bool wide)
{
    pmask_t set = 0;

    for (unsigned i = 0; i < map->n; i++)
        if (matches(atomic_load_explicit(&map->word[i], memory_order_acquire), dest, logical, wide))
            set |= PMASK(i);
    return set;
}

pmask_t apic_map_all(const struct apic_map *map)
{
    return apic_map_match(map, 0xffffffffu, false, true);
}

pmask_t apic_map_arbitrate(const struct apic_map *map, pmask_t set, u8 vector)
{
    unsigned candidates[PARTICIPANT_VCPUS_MAX], n = 0;

    for (unsigned i = 0; i < map->n; i++)
        if ((set & PMASK(i)) &&
            (atomic_load_explicit(&map->word[i], memory_order_acquire) & WORD_SW_ENABLED))
            candidates[n++] = i;
    return n ? PMASK(candidates[vector % n]) : 0;
}

void apic_map_send(const struct apic_map *map, struct participant *from, pmask_t set,
                   const struct ipi *msg)
{
    struct ipi copy = *msg;

    if (copy.mode == IPI_LOWEST) {
        set = apic_map_arbitrate(map, set, copy.vector);
        copy.mode = IPI_FIXED;
    }
    for (unsigned i = 0; i < map->n; i++)
        if (set & PMASK(i))
            ipi_send(from, map->p[i], &copy);
}
