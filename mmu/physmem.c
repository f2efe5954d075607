/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM and the map of device regions (see physmem.h). Accesses that no region claims read all ones and write
 * nothing, as on a bus without an answer.
 */
#include "mmu/physmem.h"

#include <errno.h>
#include <string.h>

#include "src/base/memory.h"

int physmem_create(struct physmem *m, u64 bytes)
{
    m->low = MIN(bytes, PHYSMEM_HOLE);
    m->high = bytes - m->low;
    m->ram = memory_map_lazy(bytes);
    if (!m->ram)
        return -ENOMEM;
    memory_prefer_large_pages(m->ram, bytes);
    return 0;
}

void physmem_destroy(struct physmem *m)
{
    memory_unmap(m->ram, m->low + m->high);
    m->ram = NULL;
}

int physmem_write(struct physmem *m, u64 gpa, const void *from, u64 n)
{
    const u8 *p = from;

    while (n) {
        u64 part = MIN(n, 0x1000 - (gpa & 0xfff));
        u8 *to = physmem_host(m, gpa);

        if (!to)
            return -EFAULT;
        memcpy(to, p, part);
        gpa += part;
        p += part;
        n -= part;
    }
    return 0;
}

static u64 mix(u64 h, u64 word)
{
    h = (h ^ word) * 0x9fb21c651e98df25u;
    return h ^ h >> 32;
}

enum { PAGE_WORDS = 512, LANES = 4 };

/* In lanes, as one multiplication would wait for the other. 0: the page is all zeroes. */
static u64 fold_page(u64 page, const u64 *words)
{
    u64 lane[LANES], any = 0;

    for (unsigned k = 0; k < LANES; k++)
        lane[k] = page * LANES + k;
    for (unsigned i = 0; i < PAGE_WORDS; i += LANES)
        for (unsigned k = 0; k < LANES; k++) {
            any |= words[i + k];
            lane[k] = mix(lane[k], words[i + k]);
        }
    for (unsigned k = 1; k < LANES; k++)
        lane[0] = mix(lane[0], lane[k]);
    return any ? lane[0] : 0;
}

u64 physmem_digest(const struct physmem *m)
{
    enum { GROUP = 1 << 15 };
    u64 pages = (m->low + m->high) >> 12, h = 0;
    bool touched[GROUP];

    for (u64 from = 0; from < pages; from += GROUP) {
        u64 n = MIN(pages - from, GROUP);

        memory_touched(m->ram + (from << 12), n, touched);
        for (u64 i = 0; i < n; i++)
            if (touched[i])
                h ^= fold_page(from + i, (const u64 *)(m->ram + ((from + i) << 12)));
    }
    return h;
}

/* ---- Regions ---------------------------------------------------------------------------------------------------- */

void io_space_create(struct io_space *io)
{
    memset(io, 0, sizeof(*io));
}

static int add(struct io_region *list, unsigned *n, u64 first, u64 count, const char *name,
               const struct region_ops *ops, void *dev)
{
    if (!count || *n == IO_REGIONS_MAX)
        return -EINVAL;
    for (unsigned i = 0; i < *n; i++)
        if (list[i].first <= first + count - 1 && first <= list[i].last)
            return -EBUSY;
    list[(*n)++] = (struct io_region){first, first + count - 1, name, ops, dev};
    return 0;
}

int io_space_add_ports(struct io_space *io, u16 first, u32 count, const char *name,
                       const struct region_ops *ops, void *dev)
{
    int err =
        first + count > 65536 ? -EINVAL : add(io->port, &io->n_ports, first, count, name, ops, dev);

    for (u32 i = 0; !err && i < count; i++)
        io->port_map[first + i] = (u8)io->n_ports;
    return err;
}

int io_space_add_mmio(struct io_space *io, u64 gpa, u64 size, const char *name,
                      const struct region_ops *ops, void *dev)
{
    return add(io->mmio, &io->n_mmio, gpa, size, name, ops, dev);
}

const struct io_region *io_find_mmio(const struct io_space *io, u64 gpa)
{
    for (unsigned i = 0; i < io->n_mmio; i++)
        if (gpa >= io->mmio[i].first && gpa <= io->mmio[i].last)
            return &io->mmio[i];
    return NULL;
}

/* The largest piece of an access at `address` that the device takes at once. */
static unsigned piece_of(const struct io_region *r, u64 address, unsigned size)
{
    unsigned max = r->ops->max_size ? r->ops->max_size : 4, piece = MIN(size, max);

    while ((address & (piece - 1)) || address + piece - 1 > r->last)
        piece /= 2;
    return piece;
}

u64 io_region_read(const struct io_region *r, struct participant *by, u64 address, unsigned size)
{
    u64 value = 0;

    for (unsigned done = 0, piece; done < size; done += piece) {
        if (address + done > r->last) {
            value |= mask64(8 * (size - done)) << 8 * done;
            break;
        }
        piece = piece_of(r, address + done, size - done);
        while (piece & (piece - 1))
            piece &= piece - 1;
        value |= (r->ops->read(r->dev, by, address + done - r->first, piece) & mask64(8 * piece))
                 << 8 * done;
    }
    return value;
}

void io_region_write(const struct io_region *r, struct participant *by, u64 address, unsigned size,
                     u64 value)
{
    for (unsigned done = 0, piece; done < size && address + done <= r->last; done += piece) {
        piece = piece_of(r, address + done, size - done);
        while (piece & (piece - 1))
            piece &= piece - 1;
        r->ops->write(r->dev, by, address + done - r->first, piece,
                      value >> 8 * done & mask64(8 * piece));
    }
}

/* An access of any size gives the port its low byte. */
static int a20_driven(const struct io_space *io, u16 port, u64 value)
{
    const struct io_region *r = io->port_map[port] ? &io->port[io->port_map[port] - 1] : NULL;

    return r && r->ops->a20 ? r->ops->a20(r->dev, port - r->first, (u8)value) : -1;
}

bool io_port_moves_a20(const struct io_space *io, u16 port, u64 value)
{
    return a20_driven(io, port, value) == io->a20_shut;
}

bool io_port_no_hold(const struct io_space *io, u16 port)
{
    return io->port_map[port] && io->port[io->port_map[port] - 1].ops->no_hold;
}

u64 io_port_read(struct io_space *io, struct participant *by, u16 port, unsigned size)
{
    unsigned i = io->port_map[port];

    return i ? io_region_read(&io->port[i - 1], by, port, size) : mask64(8 * size);
}

void io_port_write(struct io_space *io, struct participant *by, u16 port, unsigned size, u64 value)
{
    unsigned i = io->port_map[port];
    bool moves = io_port_moves_a20(io, port, value);

    if (i)
        io_region_write(&io->port[i - 1], by, port, size, value);
    if (moves)
        io->a20_shut = !io->a20_shut;
}
