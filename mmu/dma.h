/* SPDX-License-Identifier: MIT */
/*
 * DMA: a device that wants data moved posts an event, and the I/O agent moves it, a page at a time, with the page's hold
 * and coherent with whatever was derived from it. Each piece within one page counts one of the agent's icount; between
 * pieces others may have the pages.
 */
#ifndef MMU_DMA_H
#define MMU_DMA_H

#include "mmu/physmem.h"
#include "src/base/types.h"

struct participant;

/* Copy n bytes between a buffer and guest-physical memory. By the I/O agent, between its events: parked, p->position
 * current. Where no RAM is, reads give all ones and writes nothing. 0, or -EPIPE: a replay's log ends before. */
int dma_read(struct participant *p, struct physmem *mem, gpa_t from, void *to, u64 n);
int dma_write(struct participant *p, struct physmem *mem, gpa_t to, const void *from, u64 n);

#endif
