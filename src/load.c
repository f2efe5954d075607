/* SPDX-License-Identifier: MIT */
/*
 * Loading a guest: the memory map, finding out which boot protocol a kernel wants, and what the two
 * protocols share (see load.h, load_protocol.h). There is no firmware: what it would have left
 * behind and kernels still look at is written here: the first words of the BIOS data area, and
 * interrupt vectors for those that go back to real mode to ask a BIOS (Xen does).
 *
 * Memory map as e820 reports it (ACPI §15): conventional memory to 639 KiB, then the extended BIOS
 * data area; nothing at 640 to 960 KiB; 960 KiB to 1 MiB reserved for firmware; RAM to at most 3
 * GiB; the rest from 4 GiB on.
 */
#include "src/load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "src/base/check.h"
#include "src/load_protocol.h"

#define MIB ((u64)1 << 20)

u64 load_low_ram(u64 ram)
{
    return MIN(ram, LOAD_LOW_RAM_MAX);
}

static void add_range(struct load_map *map, gpa_t base, gpa_t end, u32 type)
{
    if (base >= end)
        return;
    CHECK(map->count < LOAD_RANGES_MAX);
    map->range[map->count++] = (struct load_range){.base = base, .size = end - base, .type = type};
}

void load_memory_map(struct load_map *map, u64 ram, gpa_t acpi_base, u64 acpi_size)
{
    gpa_t low = load_low_ram(ram);
    bool has_acpi = acpi_size && acpi_base >= LOAD_HOLE_END && acpi_base + acpi_size <= low;

    map->count = 0;
    add_range(map, 0, LOAD_EBDA, LOAD_RAM);
    add_range(map, LOAD_EBDA, 0xa0000, LOAD_RESERVED);
    add_range(map, LOAD_FIRMWARE, LOAD_HOLE_END, LOAD_RESERVED);
    if (has_acpi) {
        add_range(map, LOAD_HOLE_END, acpi_base, LOAD_RAM);
        add_range(map, acpi_base, acpi_base + acpi_size, LOAD_ACPI);
        add_range(map, acpi_base + acpi_size, low, LOAD_RAM);
    } else {
        add_range(map, LOAD_HOLE_END, low, LOAD_RAM);
    }
    add_range(map, LOAD_HIGH_RAM, LOAD_HIGH_RAM + (ram - low), LOAD_RAM);
}

int load_fail(const struct load_error *e, int code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(e->text, e->size, fmt, args);
    va_end(args);
    return code;
}

int load_fail_memory(const struct load_error *e, const struct load_request *rq, u64 need,
                     const char *for_what)
{
    u64 mib = (need + MIB - 1) / MIB;

    if (need > LOAD_LOW_RAM_MAX)
        return load_fail(e, -ENOSPC,
                         "%s cannot be loaded: it needs %" PRIu64
                         " MiB below 4 GiB, and no machine has more than %" PRIu64 " there",
                         for_what, mib, LOAD_LOW_RAM_MAX / MIB);
    return load_fail(e, -ENOSPC,
                     "-m: %" PRIu64 " MiB of memory are too small for %s; "
                     "at least -m %" PRIu64 " is needed",
                     rq->ram / MIB, for_what, mib);
}

void load_write_gdt(const struct load_request *rq, struct load_result *rs, gpa_t gpa, bool is_long)
{
    u8 gdt[LOAD_GDT_BYTES] = {0};

    /* Present, DPL 0, accessed; code: execute/read and L or D; data: read/write, 32-bit. */
    store_le64(gdt + LOAD_CS, is_long ? 0x00af9b000000ffffull : 0x00cf9b000000ffffull);
    store_le64(gdt + LOAD_DS, 0x00cf93000000ffffull);
    rq->write(rq->ctx, gpa, gdt, sizeof(gdt));
    rs->gdt = gpa;
    rs->gdt_limit = sizeof(gdt) - 1;
    rs->cs = LOAD_CS;
    rs->ds = LOAD_DS;
}

void load_write_zeros(const struct load_request *rq, gpa_t gpa, u64 n)
{
    static const u8 zeros[65536];

    while (n) {
        u64 part = MIN(n, sizeof(zeros));

        rq->write(rq->ctx, gpa, zeros, part);
        gpa += part;
        n -= part;
    }
}

gpa_t load_usable_end(const struct load_request *rq)
{
    gpa_t low = load_low_ram(rq->ram);

    if (rq->acpi_size && rq->acpi_base >= LOAD_HOLE_END && rq->acpi_base < low)
        return rq->acpi_base;
    return low;
}

/* The BIOS data area: the first serial port, the EBDA's segment, KiB of conventional memory. */
static void write_bios_data(const struct load_request *rq)
{
    u8 com1[2], ebda[2], kib[2], ebda_kib = 1;

    store_le16(com1, 0x3f8);
    store_le16(ebda, LOAD_EBDA >> 4);
    store_le16(kib, LOAD_EBDA >> 10);
    rq->write(rq->ctx, 0x400, com1, 2);
    rq->write(rq->ctx, 0x40e, ebda, 2);
    rq->write(rq->ctx, 0x413, kib, 2);
    rq->write(rq->ctx, LOAD_EBDA, &ebda_kib, 1);
}

/* Real mode's interrupt vectors. Every BIOS function fails as one that is not there does (AH = 86h, carry); hardware
 * interrupts are ended at the controllers; exceptions, and the vectors that software may hook, return. */
static void write_vectors(const struct load_request *rq)
{
    static const u8 fails[] = {0x55,                   /* push bp */
                               0x89, 0xe5,             /* mov  bp, sp */
                               0x80, 0x4e, 0x06, 0x01, /* or   byte [bp+6], 1: CF of the caller */
                               0x5d,                   /* pop  bp */
                               0xb4, 0x86,             /* mov  ah, 86h */
                               0xcf};                  /* iret */
    static const u8 ends[] = {0x50,                    /* push ax */
                              0xb0, 0x20,              /* mov  al, 20h */
                              0xe6, 0xa0,              /* out  0a0h, al: second controller */
                              0xe6, 0x20,              /* out  20h, al: first controller */
                              0x58,                    /* pop  ax */
                              0xcf};                   /* iret */
    enum { FAILS = LOAD_HANDLERS, ENDS = FAILS + 16, ENDS_FIRST = ENDS + 16, RETURNS = ENDS + 8 };
    u8 vectors[256 * 4];

    for (unsigned n = 0; n < 256; n++) {
        bool ignored = n < 8 || n == 0x1b || n == 0x1c || n == 0x4a;
        gpa_t handler = n >= 8 && n < 16     ? ENDS_FIRST
                        : (n & 0xf8) == 0x70 ? ENDS
                        : ignored            ? RETURNS
                                             : FAILS;

        store_le16(vectors + 4 * n, (u16)(handler - LOAD_FIRMWARE));
        store_le16(vectors + 4 * n + 2, LOAD_FIRMWARE >> 4);
    }
    rq->write(rq->ctx, 0, vectors, sizeof(vectors));
    rq->write(rq->ctx, FAILS, fails, sizeof(fails));
    rq->write(rq->ctx, ENDS, ends, sizeof(ends));
    rq->write(rq->ctx, ENDS_FIRST, ends, 3);
    rq->write(rq->ctx, ENDS_FIRST + 3, ends + 5, 4);
}

/* What a file that is no kernel seems to be, so that the message helps. */
static const char *looks_like(const struct image *im)
{
    static const struct {
        u8 n;
        char magic[7];
        const char *what;
    } known[] = {
        {4, "\177ELF", "an ELF file without a Multiboot header"},
        {2, "\037\213", "compressed with gzip"},
        {6, "\3757zXZ", "compressed with xz"},
        {4, "\050\265\057\375", "compressed with zstd"},
        {7, "!<arch>", "an archive or Debian package"},
        {2, "#!", "a script"},
    };

    if (!im->size)
        return "empty";
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        if (im->size >= known[i].n && !memcmp(im->bytes, known[i].magic, known[i].n))
            return known[i].what;
    }
    return "something else";
}

enum load_kind load_detect(const struct image *kernel, char *err, size_t err_size)
{
    if (load_is_linux(kernel))
        return LOAD_LINUX;
    if (load_is_multiboot(kernel))
        return LOAD_MULTIBOOT;
    snprintf(err, err_size,
             "the kernel '%s' is %s; it must be a Linux bzImage or have a Multiboot 1 header",
             kernel->name, looks_like(kernel));
    return LOAD_UNKNOWN;
}

int load_guest(const struct load_request *rq, struct load_result *rs, char *err, size_t err_size)
{
    struct load_error e = {.text = err, .size = err_size};
    int error;

    *rs = (struct load_result){.kind = load_detect(rq->kernel, err, err_size)};
    if (rs->kind == LOAD_UNKNOWN)
        return -EINVAL;
    if (rq->ram < MIB)
        return load_fail_memory(&e, rq, MIB, "any kernel");
    write_bios_data(rq);
    write_vectors(rq);
    error = rs->kind == LOAD_LINUX ? load_linux(rq, rs, &e) : load_multiboot(rq, rs, &e);
    return error;
}
