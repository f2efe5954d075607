/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 (Multiboot Specification 0.6.96): a kernel with a header in its first 8 KiB, as an
 * ELF file or as any file whose header gives the addresses. It is entered in 32-bit flat protected
 * mode with EAX = 0x2badb002 and EBX = the information structure.
 *
 * ELF segments go to their physical addresses; an entry point inside a segment's virtual range is
 * translated with it. 64-bit ELF files are taken too (their entry is 32-bit code below 4 GiB). The
 * first word of the kernel's command line is its file's name, a module's command line is what the
 * user wrote for it: both as QEMU has them.
 *
 * Modules go on page boundaries behind the kernel. The information structure, with the GDT, memory
 * map and strings, is one block in conventional memory at 64 KiB, or behind the modules where the
 * kernel has loaded itself there. Limits: no symbols, drives, APM or video information.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "src/load_protocol.h"

#define MIB ((u64)1 << 20)
#define PAGE 4096ull

#define HEADER_SEARCH 8192
#define HEADER_MAGIC 0x1badb002u
#define ENTRY_MAGIC 0x2badb002u
#define FLAGS_UNKNOWN 0xfff8u     /* bits 3 to 15: features that the kernel cannot do without */
#define FLAG_ADDRESSES (1u << 16) /* the header's address fields are valid */

#define BLOCK_AT 0x10000u
#define LOADER_NAME "x86sim"

/* Offsets in the information structure, and the bits of its first word. */
enum {
    MBI_MEM_LOWER = 4,
    MBI_MEM_UPPER = 8,
    MBI_CMDLINE = 16,
    MBI_MODS_COUNT = 20,
    MBI_MODS_ADDR = 24,
    MBI_MMAP_LENGTH = 44,
    MBI_MMAP_ADDR = 48,
    MBI_LOADER_NAME = 64,
    MBI_BYTES = 120,
    MBI_HAS_MEM = 1 << 0,
    MBI_HAS_CMDLINE = 1 << 2,
    MBI_HAS_MODS = 1 << 3,
    MBI_HAS_MMAP = 1 << 6,
    MBI_HAS_NAME = 1 << 9,
    MMAP_ROW = 24,
    MODULE_ROW = 16,
};

enum { PT_LOAD = 1, EM_386 = 3, EM_X86_64 = 62, ELF_SEGMENTS_MAX = 64 };

/* A piece of the kernel: where it comes from and goes to. */
struct piece {
    u64 from;      /* offset in the file */
    u64 file_size; /* bytes there */
    gpa_t to;
    u64 size; /* bytes in memory; the rest is zeroed */
    u64 virt; /* what the file calls that address */
};

struct kernel {
    struct piece piece[ELF_SEGMENTS_MAX];
    unsigned pieces;
    u64 entry;
    gpa_t start, end;
};

/* The offset of the Multiboot header; -1: none. */
static i64 find_header(const struct image *k)
{
    u64 end = MIN(k->size, (u64)HEADER_SEARCH);

    for (u64 at = 0; at + 12 <= end; at += 4) {
        const u8 *p = k->bytes + at;

        if (load_le32(p) == HEADER_MAGIC && load_le32(p) + load_le32(p + 4) + load_le32(p + 8) == 0)
            return (i64)at;
    }
    return -1;
}

bool load_is_multiboot(const struct image *kernel)
{
    return find_header(kernel) >= 0;
}

/* ---- what the file says ---- */

static int bad_file(const struct load_request *rq, const struct load_error *e, const char *what)
{
    return load_fail(e, -EINVAL, "the Multiboot kernel '%s' is damaged: %s", rq->kernel->name,
                     what);
}

/* The addresses in the header itself: one piece. */
static int read_addresses(const struct load_request *rq, struct kernel *k, u64 at,
                          const struct load_error *e)
{
    const struct image *im = rq->kernel;
    const u8 *h = im->bytes + at;
    u32 header_addr, load_addr, load_end, bss_end;
    struct piece *p = &k->piece[0];

    if (at + 32 > im->size)
        return bad_file(rq, e, "its header is cut short");
    header_addr = load_le32(h + 12);
    load_addr = load_le32(h + 16);
    load_end = load_le32(h + 20);
    bss_end = load_le32(h + 24);
    if (header_addr < load_addr || header_addr - load_addr > at)
        return bad_file(rq, e, "its load address does not fit its header's place in the file");
    p->from = at - (header_addr - load_addr);
    p->to = p->virt = load_addr;
    p->file_size = load_end ? (u64)load_end - load_addr : im->size - p->from;
    if ((load_end && load_end < load_addr) || p->file_size > im->size - p->from)
        return bad_file(rq, e, "its load_end_addr lies beyond the file or before its start");
    p->size = p->file_size;
    if (bss_end && (u64)bss_end - load_addr > p->size && bss_end > load_addr)
        p->size = (u64)bss_end - load_addr;
    k->pieces = 1;
    k->entry = load_le32(h + 28);
    return 0;
}

/* One program header, of either class. */
static int read_segment(const struct load_request *rq, struct kernel *k, const u8 *ph, bool is_64,
                        const struct load_error *e)
{
    const struct image *im = rq->kernel;
    struct piece p;

    if (load_le32(ph) != PT_LOAD)
        return 0;
    if (is_64)
        p = (struct piece){load_le64(ph + 8), load_le64(ph + 32), load_le64(ph + 24),
                           load_le64(ph + 40), load_le64(ph + 16)};
    else
        p = (struct piece){load_le32(ph + 4), load_le32(ph + 16), load_le32(ph + 12),
                           load_le32(ph + 20), load_le32(ph + 8)};
    if (!p.size)
        return 0;
    if (p.from > im->size || p.file_size > im->size - p.from || p.file_size > p.size)
        return bad_file(rq, e, "a segment lies beyond the end of the file");
    if (k->pieces == ELF_SEGMENTS_MAX)
        return bad_file(rq, e, "it has more than 64 segments");
    k->piece[k->pieces++] = p;
    return 0;
}

/* A virtual entry point becomes physical with its segment; a physical one stays. */
static int translate_entry(const struct load_request *rq, struct kernel *k,
                           const struct load_error *e)
{
    for (unsigned i = 0; i < k->pieces; i++) {
        const struct piece *p = &k->piece[i];

        if (k->entry - p->virt < p->size) {
            k->entry = k->entry - p->virt + p->to;
            return 0;
        }
    }
    for (unsigned i = 0; i < k->pieces; i++) {
        if (k->entry - k->piece[i].to < k->piece[i].size)
            return 0;
    }
    return bad_file(rq, e, "its entry point lies in no segment");
}

static int read_elf(const struct load_request *rq, struct kernel *k, const struct load_error *e)
{
    const struct image *im = rq->kernel;
    const u8 *b = im->bytes;
    bool is_64 = im->size > 4 && b[4] == 2;
    u64 table, row_size, rows;

    if (im->size < 64 || memcmp(b, "\177ELF", 4))
        return load_fail(e, -EINVAL,
                         "the Multiboot kernel '%s' is no ELF file and its header gives "
                         "no addresses; it must have one of the two",
                         im->name);
    if (b[5] != 1 || (load_le16(b + 18) != EM_386 && load_le16(b + 18) != EM_X86_64))
        return load_fail(e, -EINVAL, "the kernel '%s' is for another processor; it must be for x86",
                         im->name);
    k->entry = is_64 ? load_le64(b + 24) : load_le32(b + 24);
    table = is_64 ? load_le64(b + 32) : load_le32(b + 28);
    row_size = load_le16(b + (is_64 ? 54 : 42));
    rows = load_le16(b + (is_64 ? 56 : 44));
    if (row_size < (is_64 ? 56u : 32u) || table > im->size || rows * row_size > im->size - table)
        return bad_file(rq, e, "its program headers lie beyond the end of the file");
    for (u64 i = 0; i < rows; i++) {
        int error = read_segment(rq, k, b + table + i * row_size, is_64, e);

        if (error)
            return error;
    }
    return translate_entry(rq, k, e);
}

static int read_kernel(const struct load_request *rq, struct kernel *k, const struct load_error *e)
{
    i64 at = find_header(rq->kernel);
    u32 flags = load_le32(rq->kernel->bytes + at + 4);
    int error;

    if (flags & FLAGS_UNKNOWN)
        return load_fail(e, -EINVAL,
                         "the Multiboot kernel '%s' demands features %#x that Multiboot "
                         "1 does not have",
                         rq->kernel->name, flags & FLAGS_UNKNOWN);
    error = flags & FLAG_ADDRESSES ? read_addresses(rq, k, (u64)at, e) : read_elf(rq, k, e);
    if (!error && k->entry > UINT32_MAX)
        return bad_file(rq, e, "its entry point lies above 4 GiB");
    return error;
}

/* ---- the kernel and its modules in memory ---- */

static int check_place(const struct load_request *rq, const struct piece *p,
                       const struct load_error *e)
{
    gpa_t end = p->to + p->size;

    if (end < p->to || (p->to < LOAD_HOLE_END && end > LOAD_EBDA))
        return load_fail(e, -EINVAL,
                         "the kernel '%s' has a segment at %#" PRIx64 " to %#" PRIx64
                         ", where no RAM is",
                         rq->kernel->name, p->to, end);
    if (end > load_usable_end(rq))
        return load_fail_memory(e, rq, end + (load_low_ram(rq->ram) - load_usable_end(rq)),
                                "this kernel");
    return 0;
}

static int write_kernel(const struct load_request *rq, struct kernel *k, const struct load_error *e)
{
    k->start = ~0ull;
    for (unsigned i = 0; i < k->pieces; i++) {
        const struct piece *p = &k->piece[i];
        int error = check_place(rq, p, e);

        if (error)
            return error;
        k->start = MIN(k->start, p->to);
        k->end = MAX(k->end, p->to + p->size);
    }
    for (unsigned i = 0; i < k->pieces; i++) {
        const struct piece *p = &k->piece[i];

        load_write_zeros(rq, p->to + p->file_size, p->size - p->file_size);
    }
    for (unsigned i = 0; i < k->pieces; i++) {
        const struct piece *p = &k->piece[i];

        rq->write(rq->ctx, p->to, rq->kernel->bytes + p->from, p->file_size);
    }
    return 0;
}

/* Modules on page boundaries behind the kernel, above 1 MiB. starts[]: where each is. */
static int write_modules(const struct load_request *rq, struct load_result *rs, u32 *starts,
                         const struct load_error *e)
{
    gpa_t at = align_up(MAX(rs->kernel_end, MIB), PAGE);
    gpa_t usable = load_usable_end(rq), end = at;

    for (unsigned i = 0; i < rq->modules; i++)
        end = align_up(end + rq->module[i].size, PAGE);
    if (rq->modules && end > usable)
        return load_fail_memory(e, rq, end + (load_low_ram(rq->ram) - usable),
                                "this kernel and its modules");
    rs->module_start = rq->modules ? at : 0;
    for (unsigned i = 0; i < rq->modules; i++) {
        starts[i] = (u32)at;
        rq->write(rq->ctx, at, rq->module[i].bytes, rq->module[i].size);
        rs->module_end = at + rq->module[i].size;
        at = align_up(rs->module_end, PAGE);
    }
    return 0;
}

/* ---- the information block ---- */

/* Bytes that will stand at `at` in guest memory, built on the host. */
struct blob {
    u8 *bytes;
    u64 size, room;
    gpa_t at;
};

/* Takes n bytes (8-aligned) of the block; returns their offset. */
static u64 blob_take(struct blob *b, u64 n)
{
    u64 offset = align_up(b->size, 8);

    b->size = offset + n;
    return offset;
}

/* Adds up to two strings with a space between; returns the guest address. */
static u32 blob_string(struct blob *b, const char *first, const char *second)
{
    size_t n = strlen(first), m = second && second[0] ? strlen(second) : 0;
    u64 offset = blob_take(b, n + m + 2);

    memcpy(b->bytes + offset, first, n);
    if (m) {
        b->bytes[offset + n] = ' ';
        memcpy(b->bytes + offset + n + 1, second, m);
    }
    return (u32)(b->at + offset);
}

static u64 block_bytes(const struct load_request *rq, const struct load_map *map)
{
    u64 n = LOAD_GDT_BYTES + MBI_BYTES + map->count * (u64)MMAP_ROW + 64;

    n +=
        strlen(rq->kernel->name) + (rq->append ? strlen(rq->append) : 0) + sizeof(LOADER_NAME) + 32;
    for (unsigned i = 0; i < rq->modules; i++)
        n += MODULE_ROW + 16 + (rq->text && rq->text[i] ? strlen(rq->text[i]) : 0);
    return align_up(n, PAGE);
}

/* Where the block goes: at 64 KiB, or behind everything if the kernel or its size is in the way. */
static int place_block(struct blob *b, const struct load_request *rq, const struct kernel *k,
                       const struct load_result *rs, const struct load_error *e)
{
    bool free_low = BLOCK_AT + b->room <= LOAD_EBDA;

    for (unsigned i = 0; i < k->pieces; i++) {
        const struct piece *p = &k->piece[i];

        if (p->to < BLOCK_AT + b->room && p->to + p->size > BLOCK_AT)
            free_low = false;
    }
    b->at = BLOCK_AT;
    if (free_low)
        return 0;
    b->at = align_up(MAX(MAX(rs->kernel_end, rs->module_end), MIB), PAGE);
    if (b->at + b->room > load_usable_end(rq))
        return load_fail_memory(e, rq,
                                b->at + b->room + (load_low_ram(rq->ram) - load_usable_end(rq)),
                                "this kernel and its command line");
    return 0;
}

static void fill_modules(struct blob *b, const struct load_request *rq, u8 *mbi, const u32 *starts)
{
    u64 table = blob_take(b, rq->modules * (u64)MODULE_ROW);

    for (unsigned i = 0; i < rq->modules; i++) {
        u8 *row = b->bytes + table + i * (u64)MODULE_ROW;
        const char *text = rq->text && rq->text[i] ? rq->text[i] : "";

        store_le32(row, starts[i]);
        store_le32(row + 4, (u32)(starts[i] + rq->module[i].size));
        store_le32(row + 8, blob_string(b, text, NULL));
    }
    store_le32(mbi + MBI_MODS_COUNT, rq->modules);
    store_le32(mbi + MBI_MODS_ADDR, (u32)(b->at + table));
}

static void fill_memory(struct blob *b, const struct load_request *rq, u8 *mbi,
                        const struct load_map *map)
{
    u64 table = blob_take(b, map->count * (u64)MMAP_ROW);

    for (unsigned i = 0; i < map->count; i++) {
        u8 *row = b->bytes + table + i * (u64)MMAP_ROW;

        store_le32(row, MMAP_ROW - 4);
        store_le64(row + 4, map->range[i].base);
        store_le64(row + 12, map->range[i].size);
        store_le32(row + 20, map->range[i].type);
    }
    store_le32(mbi + MBI_MEM_LOWER, LOAD_EBDA / 1024);
    store_le32(mbi + MBI_MEM_UPPER, (u32)((load_usable_end(rq) - MIB) / 1024));
    store_le32(mbi + MBI_MMAP_LENGTH, map->count * MMAP_ROW);
    store_le32(mbi + MBI_MMAP_ADDR, (u32)(b->at + table));
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int write_block(const struct load_request *rq, struct load_result *rs,
                       const struct kernel *k, const u32 *starts, const struct load_error *e)
{
    struct load_map map;
    struct blob b = {0};
    u64 gdt, info;
    u8 *mbi;
    int error;

    load_memory_map(&map, rq->ram, rq->acpi_base, rq->acpi_size);
    b.room = block_bytes(rq, &map);
    error = place_block(&b, rq, k, rs, e);
    if (error)
        return error;
    b.bytes = calloc(1, (size_t)b.room);
    if (!b.bytes)
        return load_fail(e, -ENOMEM, "no memory left");
    gdt = blob_take(&b, LOAD_GDT_BYTES);
    info = blob_take(&b, MBI_BYTES);
    mbi = b.bytes + info;
    store_le32(mbi, MBI_HAS_MEM | MBI_HAS_CMDLINE | MBI_HAS_MODS | MBI_HAS_MMAP | MBI_HAS_NAME);
    store_le32(mbi + MBI_CMDLINE, blob_string(&b, base_name(rq->kernel->name), rq->append));
    store_le32(mbi + MBI_LOADER_NAME, blob_string(&b, LOADER_NAME, NULL));
    fill_memory(&b, rq, mbi, &map);
    fill_modules(&b, rq, mbi, starts);
    rq->write(rq->ctx, b.at, b.bytes, b.size);
    load_write_gdt(rq, rs, b.at + gdt, false);
    rs->ebx = (u32)(b.at + info);
    free(b.bytes);
    return 0;
}

int load_multiboot(const struct load_request *rq, struct load_result *rs,
                   const struct load_error *e)
{
    enum { PE = 1, ET = 1 << 4 };
    struct kernel *k = calloc(1, sizeof(*k));
    u32 *starts = calloc(rq->modules + 1, sizeof(*starts));
    int error = k && starts ? read_kernel(rq, k, e) : load_fail(e, -ENOMEM, "no memory left");

    if (!error)
        error = write_kernel(rq, k, e);
    if (!error) {
        rs->kernel_start = k->start;
        rs->kernel_end = k->end;
        error = write_modules(rq, rs, starts, e);
    }
    if (!error)
        error = write_block(rq, rs, k, starts, e);
    if (!error) {
        rs->ip = k->entry;
        rs->eax = ENTRY_MAGIC;
        rs->cr0 = PE | ET;
    }
    free(k);
    free(starts);
    return error;
}
