/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM as ThreadSanitizer is to see it (see ram.h); nothing of this is in other builds.
 */
#include "mmu/ram.h"

#ifdef RAM_TSAN

bool ram_ordered;

static u64 load_atomic(const void *h, unsigned size)
{
    switch (size) {
    case 1: return __atomic_load_n((const u8 *)h, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((const u16 *)h, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((const u32 *)h, __ATOMIC_RELAXED);
    default: return __atomic_load_n((const u64 *)h, __ATOMIC_RELAXED);
    }
}

static void store_atomic(void *h, unsigned size, u64 value)
{
    switch (size) {
    case 1: __atomic_store_n((u8 *)h, (u8)value, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((u16 *)h, (u16)value, __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((u32 *)h, (u32)value, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((u64 *)h, value, __ATOMIC_RELAXED); break;
    }
}

u64 ram_load(const void *h, unsigned size)
{
    u64 value = 0;

    if (ram_ordered)
        memcpy(&value, h, size);
    else if (!((uintptr_t)h & (size - 1)))
        value = load_atomic(h, size);
    else
        for (unsigned i = 0; i < size; i++)
            value |= load_atomic((const u8 *)h + i, 1) << 8 * i;
    return value;
}

void ram_store(void *h, unsigned size, u64 value)
{
    if (ram_ordered)
        memcpy(h, &value, size);
    else if (!((uintptr_t)h & (size - 1)))
        store_atomic(h, size, value);
    else
        for (unsigned i = 0; i < size; i++)
            store_atomic((u8 *)h + i, 1, value >> 8 * i);
}

#endif
