/* SPDX-License-Identifier: MIT */
/*
 * DMA by the I/O agent (see dma.h). A piece is what an instruction is to a vCPU: the right is acquired at a boundary,
 * the piece then cannot fail, and what it writes is told to consumers like any other write. In a replay the edges that
 * the piece waited for stand in the agent's stream at its position.
 */
#include "mmu/dma.h"

#include <errno.h>

#include "mmu/mmu.h"
#include "trace/directory.h"

/* Bytes up to the page's end; RAM is copied as vCPUs access it, so that each aligned piece is one access. */
static void copy_from_ram(u8 *to, const u8 *ram, unsigned n)
{
    for (unsigned i = 0, k; i < n; i += k) {
        u64 v;

        k = n - i >= 8 && !((uintptr_t)(ram + i) & 7) ? 8 : 1;
        v = ram_load(ram + i, k);
        memcpy(to + i, &v, k);
    }
}

static void copy_to_ram(u8 *ram, const u8 *from, unsigned n)
{
    for (unsigned i = 0, k; i < n; i += k) {
        u64 v = 0;

        k = n - i >= 8 && !((uintptr_t)(ram + i) & 7) ? 8 : 1;
        memcpy(&v, from + i, k);
        ram_store(ram + i, k, v);
    }
}

/* Stand at the piece's position with everybody behind it that has to be. */
static int begin_piece(struct participant *p)
{
    struct journal_event ev;

    participant_publish(p);
    while (journal_take_edge(p->stream, p->position, &ev))
        if (!participant_wait_edge(p, p->dir->who[ev.v[0]], ev.v[1]))
            return -EPIPE;
    participant_unpark(p);
    return 0;
}

static void end_piece(struct participant *p)
{
    p->position++;
    hold_retire(p);
    participant_publish(p);
    participant_park(p);
}

static void acquire(struct participant *p, u64 gpa, unsigned n, unsigned right)
{
    while (!directory_has(p, gpa >> 12, right)) {
        directory_want(p, gpa >> 12, right, gpa, n);
        hold_acquire(p);
    }
}

static void write_piece(struct participant *p, u8 *ram, u64 gpa, const u8 *from, unsigned n)
{
    enum write_grant grant;

    for (;;) {
        acquire(p, gpa, n, RIGHT_WRITE);
        grant = directory_want_write(p, gpa, n, 0, WRITE_IS_CAREFUL);
        if (grant != WRITE_MISS)
            break;
        hold_acquire(p);
    }
    copy_to_ram(ram, from, n);
    if (grant == WRITE_LOCKED)
        directory_wrote(p, gpa, n, 0, WRITE_IS_CAREFUL);
}

int dma_read(struct participant *p, struct physmem *mem, gpa_t from, void *to, u64 n)
{
    for (u64 done = 0, k; done < n; done += k) {
        const u8 *ram = physmem_host(mem, from + done);
        int err;

        k = MIN(n - done, 0x1000 - ((from + done) & 0xfff));
        if (!ram) {
            memset((u8 *)to + done, 0xff, k);
            continue;
        }
        err = begin_piece(p);
        if (err)
            return err;
        acquire(p, from + done, (unsigned)k, RIGHT_READ);
        copy_from_ram((u8 *)to + done, ram, (unsigned)k);
        end_piece(p);
    }
    return 0;
}

int dma_write(struct participant *p, struct physmem *mem, gpa_t to, const void *from, u64 n)
{
    for (u64 done = 0, k; done < n; done += k) {
        u8 *ram = physmem_host(mem, to + done);
        int err;

        k = MIN(n - done, 0x1000 - ((to + done) & 0xfff));
        if (!ram)
            continue;
        err = begin_piece(p);
        if (err)
            return err;
        write_piece(p, ram, to + done, (const u8 *)from + done, (unsigned)k);
        end_piece(p);
    }
    return 0;
}
