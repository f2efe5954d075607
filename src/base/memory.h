/* SPDX-License-Identifier: MIT */
/*
 * Large tables: zeroed memory that takes no room until touched. Every layer below the devices has some (guest RAM, the
 * directory's entries, the block cache), sized for the largest guest, so a 64 GiB guest costs only what it uses.
 */
#ifndef X86SIM_BASE_MEMORY_H
#define X86SIM_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory of `bytes`, rounded up to whole pages and page aligned, committed on first touch. NULL: not to be had.
 * The caller gives it back with memory_unmap(). Any thread. */
void *memory_map_lazy(size_t bytes);
/* Give back what memory_map_lazy(bytes) returned. NULL is allowed. Any thread. */
void memory_unmap(void *at, size_t bytes);

/* Ask for large host pages under a mapping that is used all over: fewer host TLB misses. Only a wish. Any thread. */
void memory_prefer_large_pages(void *at, size_t bytes);

/* Which pages of a lazy mapping have been touched: sets touched[i] for page i of `pages` at `at` (page aligned). Where the
 * host does not say, all are. */
void memory_touched(const void *at, size_t pages, bool *touched);

#endif
