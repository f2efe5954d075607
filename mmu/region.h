/* SPDX-License-Identifier: MIT */
/*
 * Regions: device registers in memory and port space. A device sees the offset into its region and the size,
 * never an address. A callback runs under the exclusive hold of the I/O space (a region with `no_hold` does not:
 * pure clock reads); it never touches guest RAM and never blocks.
 */
#ifndef MMU_REGION_H
#define MMU_REGION_H

#include "src/base/types.h"

struct participant;
struct io_space;

struct region_ops {
    /* size is 1, 2, 4 or 8; wider or unaligned accesses are split, narrower than min_size widened, by the caller. */
    u64 (*read)(void *dev, struct participant *by, u64 offset, unsigned size);
    void (*write)(void *dev, struct participant *by, u64 offset, unsigned size, u64 value);
    /* The level that a write of this byte drives the A20 gate to: 1 open, 0 shut, -1 as it is. Changes nothing; whoever writes then
     * makes sure that he is alone with the gate before he makes the write. Ports only; NULL: none of them has to do with it. */
    int (*a20)(const void *dev, u64 offset, u8 value);
    u8 max_size;  /* 0: 4 */
    bool no_hold; /* reads are pure functions of the reader's clock */
};

/* Add a port range / an MMIO range (page granular use, any size). Before the machine runs.
 * -EBUSY: overlaps another one. `name` and `ops` must outlive the space. */
int io_space_add_ports(struct io_space *io, u16 first, u32 count, const char *name,
                       const struct region_ops *ops, void *dev);
int io_space_add_mmio(struct io_space *io, u64 gpa, u64 size, const char *name,
                      const struct region_ops *ops, void *dev);

/* Port access by a participant that holds the I/O space (mmu/physmem.c). Unclaimed ports read all ones. */
u64 io_port_read(struct io_space *io, struct participant *by, u16 port, unsigned size);
void io_port_write(struct io_space *io, struct participant *by, u16 port, unsigned size, u64 value);
/* Would that write move the A20 gate? By a participant that holds the I/O space. */
bool io_port_moves_a20(const struct io_space *io, u16 port, u64 value);
/* Is the port's read free of the hold? */
bool io_port_no_hold(const struct io_space *io, u16 port);

#endif
