/* SPDX-License-Identifier: MIT */
/*
 * The guest-physical map: RAM below the hole and above 4 GiB, device regions, ports. RAM is one host mapping, committed
 * when touched; the hole (3 GiB to 4 GiB) is where device memory lives. Fixed before the machine runs.
 */
#ifndef MMU_PHYSMEM_H
#define MMU_PHYSMEM_H

#include "mmu/region.h"
#include "src/base/types.h"

#define PHYSMEM_HOLE 0xc0000000ull /* RAM below stops here at the latest */
#define PHYSMEM_HIGH 0x100000000ull

struct physmem {
    u8 *ram;
    u64 low, high; /* bytes of RAM from 0, and from 4 GiB */
};

/* RAM of `bytes` (whole pages). 0 or -ENOMEM. */
int physmem_create(struct physmem *m, u64 bytes);
void physmem_destroy(struct physmem *m);

/* Host address of a guest-physical RAM address, NULL: not RAM. Good to the end of the page. */
static inline u8 *physmem_host(const struct physmem *m, u64 gpa)
{
    if (gpa < m->low)
        return m->ram + gpa;
    if (gpa - PHYSMEM_HIGH < m->high)
        return m->ram + m->low + (gpa - PHYSMEM_HIGH);
    return NULL;
}

/* Guest page frames, holes included: numbers below this may be RAM. */
static inline u64 physmem_frames(const struct physmem *m)
{
    return (m->high ? PHYSMEM_HIGH + m->high : m->low) >> 12;
}

/* Copy into RAM before the machine runs (loader). 0 or -EFAULT. */
int physmem_write(struct physmem *m, u64 gpa, const void *from, u64 n);
/* 64-bit digest of all RAM; nobody runs. Pages of zeros that were never touched stay untouched. */
u64 physmem_digest(const struct physmem *m);

struct io_region {
    u64 first, last; /* addresses or ports */
    const char *name;
    const struct region_ops *ops;
    void *dev;
};

#define IO_REGIONS_MAX 128

struct io_space {
    struct io_region mmio[IO_REGIONS_MAX];
    struct io_region port[IO_REGIONS_MAX];
    unsigned n_mmio, n_ports;
    /* The A20 gate of the IBM AT, a latch that the keyboard controller and port 92 write: vCPUs' addresses have bit 20 clear. Written
     * under the hold of the I/O space by who is alone with directory_a20_object(), read by who remembers that (trace/setting.c). */
    bool a20_shut;
    u8 port_map[65536]; /* index + 1 into port[] */
    /* One access at a time; in recorded runs the I/O object's hold comes first. */
    void (*begin)(void *ctx, struct participant *by);
    void (*end)(void *ctx, struct participant *by);
    void *ctx;
};

void io_space_create(struct io_space *io);
const struct io_region *io_find_mmio(const struct io_space *io, u64 gpa);
/* Access of 1, 2, 4 or 8 bytes within a region, split to what the device can do. The I/O space is held and begun. */
u64 io_region_read(const struct io_region *r, struct participant *by, u64 address, unsigned size);
void io_region_write(const struct io_region *r, struct participant *by, u64 address, unsigned size,
                     u64 value);

#endif
