/* SPDX-License-Identifier: MIT */
/*
 * 4 KiB mappings, for the kernels that play with page tables. The boot tables in entry.S map the
 * first 4 GiB in 2 MiB pages; addresses from 512 GiB up are free for these. Tables come from a
 * small fixed pool and are never given back. Intel SDM vol. 3 §4.5.
 */
#include "roms/kit/kit.h"

#define POOL_PAGES 16

static uint64_t pool[POOL_PAGES][512] __attribute__((aligned(4096)));
static unsigned pool_used;

static uint64_t *next_table(uint64_t *entry)
{
    if (!(*entry & PTE_P)) {
        if (pool_used == POOL_PAGES)
            panic("paging: no table pages left");
        *entry = (uintptr_t)pool[pool_used++] | PTE_P | PTE_W;
    }
    return (uint64_t *)(uintptr_t)(*entry & 0x000ffffffffff000u);
}

uint64_t *paging_entry(uint64_t va)
{
    uint64_t *table = boot_pml4;

    for (unsigned shift = 39; shift > 12; shift -= 9)
        table = next_table(&table[va >> shift & 511]);
    return &table[va >> 12 & 511];
}
