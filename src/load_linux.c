/* SPDX-License-Identifier: MIT */
/*
 * The Linux boot protocol for bzImage kernels, version 2.06 and later, as
 * Documentation/arch/x86/boot.rst and zero-page.rst of the kernel describe it. No real-mode code is
 * run: the setup header is copied from the file into the "zero page", completed, and the kernel's
 * protected-mode part is entered directly, at its 64-bit entry where it has one (xloadflags bit 0),
 * else at the 32-bit one.
 *
 * Where things go (all in conventional memory except the kernel and the RAM disk):
 *     0x1000   GDT                  0x10000  zero page
 *     0x2000   page tables, 64-bit  0x20000  command line
 *     pref_address (or 1 MiB)       the kernel, init_size bytes from there
 *     as high as the kernel and the RAM below 4 GiB allow: the RAM disk
 *
 * The page tables map the first 4 GiB one to one with 2 MiB pages, which every 64-bit processor
 * has. Limits: zImage (loaded low) and protocols before 2.06 are refused; nothing is put above 4
 * GiB.
 */
#include <inttypes.h>

#include "src/load_protocol.h"

#define KIB ((u64)1024)
#define MIB (KIB * KIB)

#define GDT_AT 0x1000u
#define TABLES_AT 0x2000u
#define ZERO_PAGE_AT 0x10000u
#define COMMAND_LINE_AT 0x20000u
#define COMMAND_LINE_MAX 0xffffu
#define MAPPED_GIB 4u

/* Offsets in the file's first sectors and in the zero page alike. */
enum {
    HDR_START = 0x1f1,
    HDR_SETUP_SECTS = 0x1f1,
    HDR_SYSSIZE = 0x1f4,
    HDR_BOOT_FLAG = 0x1fe,
    HDR_JUMP_OFFSET = 0x201,
    HDR_MAGIC = 0x202,
    HDR_VERSION = 0x206,
    HDR_TYPE_OF_LOADER = 0x210,
    HDR_LOADFLAGS = 0x211,
    HDR_CODE32_START = 0x214,
    HDR_RAMDISK_IMAGE = 0x218,
    HDR_RAMDISK_SIZE = 0x21c,
    HDR_CMD_LINE_PTR = 0x228,
    HDR_INITRD_ADDR_MAX = 0x22c,
    HDR_KERNEL_ALIGNMENT = 0x230,
    HDR_RELOCATABLE = 0x234,
    HDR_XLOADFLAGS = 0x236,
    HDR_CMDLINE_SIZE = 0x238,
    HDR_PREF_ADDRESS = 0x258,
    HDR_INIT_SIZE = 0x260,
    HDR_END_MAX = 0x290,
};

/* Offsets in the zero page only. */
enum {
    ZP_EXT_MEM_K = 0x002,
    ZP_ACPI_RSDP = 0x070,
    ZP_ALT_MEM_K = 0x1e0,
    ZP_E820_ENTRIES = 0x1e8,
    ZP_E820_TABLE = 0x2d0,
    ZP_E820_ROW = 20,
    ZP_SIZE = 4096,
};

#define BOOT_FLAG 0xaa55
#define VERSION_MIN 0x206
#define LOADED_HIGH 0x01
#define XLF_KERNEL_64 0x01
#define LOADER_UNDEFINED 0xff /* type_of_loader without an assigned number */

/* The setup header's fields that loading depends on, with what older versions imply. */
struct setup {
    u16 version;
    u64 header_end; /* of the setup header, in the file */
    u64 payload;    /* where the protected-mode part begins in the file */
    u64 payload_size;
    gpa_t load_at;  /* where it goes */
    u64 init_size;  /* memory it needs from there on */
    u64 initrd_max; /* the highest address a RAM disk's byte may have */
    u32 cmdline_max;
    bool is_long;
};

bool load_is_linux(const struct image *kernel)
{
    return kernel->size >= HDR_END_MAX && load_le16(kernel->bytes + HDR_BOOT_FLAG) == BOOT_FLAG &&
           !memcmp(kernel->bytes + HDR_MAGIC, "HdrS", 4);
}

/* Where the kernel wants to be, and how much memory it takes there. */
static void choose_place(struct setup *s, const u8 *hdr)
{
    s->load_at = MIB;
    s->init_size = s->payload_size;
    if (s->version >= 0x20a) {
        u32 init_size = load_le32(hdr + HDR_INIT_SIZE);

        /* A relocatable kernel that is loaded below pref_address moves itself there, so it may as
         * well be put there; one that is not relocatable runs there only. */
        s->load_at = load_le64(hdr + HDR_PREF_ADDRESS);
        s->init_size = MAX(init_size, s->payload_size);
    }
}

static int read_setup(struct setup *s, const struct image *k, const struct load_error *e)
{
    const u8 *hdr = k->bytes;
    u64 sectors = hdr[HDR_SETUP_SECTS] ? hdr[HDR_SETUP_SECTS] : 4, announced;

    s->version = load_le16(hdr + HDR_VERSION);
    if (s->version < VERSION_MIN)
        return load_fail(e, -EINVAL,
                         "the kernel '%s' has boot protocol %u.%02u; at least 2.06 is "
                         "needed (Linux 2.6.22)",
                         k->name, s->version >> 8, s->version & 0xff);
    if (!(hdr[HDR_LOADFLAGS] & LOADED_HIGH))
        return load_fail(e, -EINVAL, "the kernel '%s' is a zImage; it must be a bzImage", k->name);
    s->header_end = MIN((u64)HDR_MAGIC + hdr[HDR_JUMP_OFFSET], (u64)HDR_END_MAX);
    s->payload = (sectors + 1) * 512;
    announced = load_le32(hdr + HDR_SYSSIZE) * 16ull; /* rounded up */
    if (k->size <= s->payload || k->size - s->payload + 16 <= announced)
        return load_fail(e, -EINVAL, "the kernel '%s' is cut short: %" PRIu64 " bytes of %" PRIu64,
                         k->name, k->size, s->payload + announced);
    s->payload_size = k->size - s->payload;
    s->cmdline_max = MIN(load_le32(hdr + HDR_CMDLINE_SIZE), COMMAND_LINE_MAX);
    s->initrd_max = load_le32(hdr + HDR_INITRD_ADDR_MAX);
    s->is_long = s->version >= 0x20c && (load_le16(hdr + HDR_XLOADFLAGS) & XLF_KERNEL_64);
    choose_place(s, hdr);
    if (s->load_at < MIB || s->load_at >= LOAD_LOW_RAM_MAX)
        return load_fail(e, -EINVAL,
                         "the kernel '%s' wants to be at address %#" PRIx64
                         "; it must lie from 1 MiB to 3 GiB",
                         k->name, s->load_at);
    return 0;
}

static int place_kernel(const struct load_request *rq, struct load_result *rs,
                        const struct setup *s, const struct load_error *e)
{
    rs->kernel_start = s->load_at;
    rs->kernel_end = s->load_at + s->init_size;
    if (rs->kernel_end > load_usable_end(rq))
        return load_fail_memory(
            e, rq, rs->kernel_end + (load_low_ram(rq->ram) - load_usable_end(rq)), "this kernel");
    rq->write(rq->ctx, s->load_at, rq->kernel->bytes + s->payload, s->payload_size);
    return 0;
}

/* The RAM disk goes as high as it may, whole pages, so that it is out of the kernel's way. */
static int place_ramdisk(const struct load_request *rq, struct load_result *rs,
                         const struct setup *s, const struct load_error *e)
{
    gpa_t top = MIN(load_usable_end(rq), s->initrd_max + 1);
    u64 size = rq->modules ? rq->module[0].size : 0;

    if (rq->modules > 1)
        return load_fail(e, -EINVAL, "-initrd: a Linux kernel takes one RAM disk, not %u files",
                         rq->modules);
    if (!size)
        return 0;
    if (s->initrd_max + 1 < rs->kernel_end || s->initrd_max + 1 - rs->kernel_end < size)
        return load_fail(e, -EINVAL,
                         "the initrd '%s' is too big: %" PRIu64
                         " MiB do not fit below this kernel's limit of %" PRIu64 " MiB",
                         rq->module[0].name, (size + MIB - 1) / MIB, (s->initrd_max + 1) / MIB);
    if (top < align_up(rs->kernel_end, 4096) + align_up(size, 4096))
        return load_fail_memory(e, rq,
                                align_up(rs->kernel_end, 4096) + align_up(size, 4096) +
                                    (load_low_ram(rq->ram) - load_usable_end(rq)),
                                "this kernel and its initrd");
    rs->module_start = align_down(top - size, 4096);
    rs->module_end = rs->module_start + size;
    rq->write(rq->ctx, rs->module_start, rq->module[0].bytes, size);
    return 0;
}

static int place_command_line(const struct load_request *rq, const struct setup *s,
                              const struct load_error *e)
{
    const char *text = rq->append ? rq->append : "";
    size_t n = strlen(text);

    if (n > s->cmdline_max)
        return load_fail(e, -EINVAL,
                         "-append: the text has %zu characters; this kernel takes at "
                         "most %u",
                         n, s->cmdline_max);
    rq->write(rq->ctx, COMMAND_LINE_AT, text, n + 1);
    return 0;
}

static void fill_e820(u8 *zp, const struct load_request *rq)
{
    struct load_map map;
    u64 high_kib = (load_usable_end(rq) - MIN(load_usable_end(rq), MIB)) / KIB;

    load_memory_map(&map, rq->ram, rq->acpi_base, rq->acpi_size);
    for (unsigned i = 0; i < map.count; i++) {
        u8 *row = zp + ZP_E820_TABLE + i * ZP_E820_ROW;

        store_le64(row, map.range[i].base);
        store_le64(row + 8, map.range[i].size);
        store_le32(row + 16, map.range[i].type);
    }
    zp[ZP_E820_ENTRIES] = (u8)map.count;
    store_le16(zp + ZP_EXT_MEM_K, (u16)MIN(high_kib, 0xffff));
    store_le32(zp + ZP_ALT_MEM_K, (u32)high_kib);
}

/* The zero page. screen_info stays zero: there is no screen, and Linux then uses its dummy console.
 */
static void write_zero_page(const struct load_request *rq, const struct load_result *rs,
                            const struct setup *s)
{
    u8 zp[ZP_SIZE] = {0};

    memcpy(zp + HDR_START, rq->kernel->bytes + HDR_START, (size_t)(s->header_end - HDR_START));
    zp[HDR_TYPE_OF_LOADER] = LOADER_UNDEFINED;
    store_le32(zp + HDR_CODE32_START, (u32)s->load_at);
    store_le32(zp + HDR_RAMDISK_IMAGE, (u32)rs->module_start);
    store_le32(zp + HDR_RAMDISK_SIZE, (u32)(rs->module_end - rs->module_start));
    store_le32(zp + HDR_CMD_LINE_PTR, COMMAND_LINE_AT);
    store_le64(zp + ZP_ACPI_RSDP, rq->acpi_rsdp);
    fill_e820(zp, rq);
    rq->write(rq->ctx, ZERO_PAGE_AT, zp, sizeof(zp));
}

/* One PML4 page, one PDPT, a page directory for each GiB. */
static gpa_t write_page_tables(const struct load_request *rq)
{
    enum { PRESENT_WRITE = 0x3, LARGE = 0x80 };
    u8 table[4096] = {0};
    gpa_t pdpt = TABLES_AT + 4096, directory = TABLES_AT + 2 * 4096;

    store_le64(table, pdpt | PRESENT_WRITE);
    rq->write(rq->ctx, TABLES_AT, table, sizeof(table));
    for (unsigned i = 0; i < MAPPED_GIB; i++)
        store_le64(table + i * 8, (directory + i * 4096) | PRESENT_WRITE);
    rq->write(rq->ctx, pdpt, table, sizeof(table));
    for (unsigned i = 0; i < MAPPED_GIB; i++) {
        for (u64 j = 0; j < 512; j++)
            store_le64(table + j * 8, (i * 512 + j) * 2 * MIB | PRESENT_WRITE | LARGE);
        rq->write(rq->ctx, directory + i * 4096, table, sizeof(table));
    }
    return TABLES_AT;
}

int load_linux(const struct load_request *rq, struct load_result *rs, const struct load_error *e)
{
    enum { PE = 1, ET = 1 << 4, PAE = 1 << 5, LME = 1 << 8, LMA = 1 << 10 };
    const u64 pg = 1ull << 31;
    struct setup s;
    int error = read_setup(&s, rq->kernel, e);

    if (!error)
        error = place_kernel(rq, rs, &s, e);
    if (!error)
        error = place_ramdisk(rq, rs, &s, e);
    if (!error)
        error = place_command_line(rq, &s, e);
    if (error)
        return error;
    write_zero_page(rq, rs, &s);
    load_write_gdt(rq, rs, GDT_AT, s.is_long);
    rs->is_long = s.is_long;
    rs->esi = ZERO_PAGE_AT;
    rs->ip = s.load_at;
    rs->cr0 = PE | ET;
    if (s.is_long) {
        rs->ip += 0x200;
        rs->cr0 |= pg;
        rs->cr3 = write_page_tables(rq);
        rs->cr4 = PAE;
        rs->efer = LME | LMA;
    }
    return 0;
}
