/* SPDX-License-Identifier: MIT */
/*
 * Typed host accesses to guest RAM: one relaxed atomic access per naturally aligned operand.
 *
 * ThreadSanitizer sees guest accesses through these alone, which decides what it can find. In a plain run guests may
 * race, so all are atomic there, and an unaligned one is made of bytes, because it knows no unaligned atomics. In
 * recorded runs and replays nothing may race: holds, or edges, put every two accesses that conflict in order. There
 * (ram_ordered) they are plain accesses, LOCKed ones too, so that it reports whatever the order forgot, and a guest's own
 * locks do not hide that. In other builds ram_is_ordered() is false, and all this costs nothing.
 */
#ifndef MMU_RAM_H
#define MMU_RAM_H

#include "src/base/types.h"

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define RAM_TSAN 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define RAM_TSAN 1
#endif

#ifdef RAM_TSAN

/* All guest accesses are ordered. Set before vCPUs run. */
extern bool ram_ordered;

u64 ram_load(const void *h, unsigned size);
void ram_store(void *h, unsigned size, u64 value);

static inline bool ram_is_ordered(void)
{
    return ram_ordered;
}

static inline void ram_set_ordered(bool ordered)
{
    ram_ordered = ordered;
}

#else

static inline u64 ram_load(const void *h, unsigned size)
{
    switch (size) {
    case 1: return __atomic_load_n((const u8 *)h, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((const u16 *)h, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((const u32 *)h, __ATOMIC_RELAXED);
    default: return __atomic_load_n((const u64 *)h, __ATOMIC_RELAXED);
    }
}

static inline void ram_store(void *h, unsigned size, u64 value)
{
    switch (size) {
    case 1: __atomic_store_n((u8 *)h, (u8)value, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((u16 *)h, (u16)value, __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((u32 *)h, (u32)value, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((u64 *)h, value, __ATOMIC_RELAXED); break;
    }
}

static inline bool ram_is_ordered(void)
{
    return false;
}

static inline void ram_set_ordered(bool ordered)
{
    (void)ordered;
}

#endif
#endif
