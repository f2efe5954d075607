/* SPDX-License-Identifier: MIT */
/*
 * Loading guests (src/load*.c, src/image.c) into memory that is a plain buffer: fabricated bzImage
 * and Multiboot kernels, where everything ends up, and which kernels and memories are refused with
 * which words. tests/boot does the same with Debian's kernels.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/load.h"
#include "src/load_images.h"
#include "tests/lib/bare.h"
#include "tests/lib/suite.h"

#define MIB ((u64)1 << 20)
#define RAM (64 * MIB)

static u8 *ram;
static bool outside; /* something was written beyond RAM */
static u8 file[1 << 20];
static struct image kernel, module[2];
static struct load_request rq;
static struct load_result rs;
static char err[512];

static void write_ram(void *ctx, u64 gpa, const void *from, u64 n)
{
    (void)ctx;
    if (gpa > RAM || n > RAM - gpa)
        outside = true;
    else
        memcpy(ram + gpa, from, n);
}

/* An empty machine of 64 MiB and an empty file. */
static void begin(u64 file_size)
{
    free(ram);
    ram = malloc(RAM);
    memset(ram, 0xcc, RAM);
    outside = false;
    memset(file, 0, sizeof(file));
    kernel = (struct image){.name = "dir/k.elf", .bytes = file, .size = file_size};
    rq = (struct load_request){.ram = RAM, .kernel = &kernel, .write = write_ram};
    err[0] = '\0';
}

static int load(void)
{
    int error = load_guest(&rq, &rs, err, sizeof(err));

    CU_ASSERT_FALSE(outside);
    return error;
}

static void refuse(int error, const char *word, const char *other)
{
    int got = load();
    bool named = strstr(err, word) && (!other || strstr(err, other));

    if (got != error || !named)
        printf("    %d '%s' lacks '%s' or '%s'\n", got, err, word, other);
    CU_ASSERT_EQUAL(got, error);
    CU_ASSERT_TRUE(named);
    CU_ASSERT_PTR_NULL(strchr(err, '\n'));
}

/* ---- the memory map ---- */

static void map_is_ascending(void)
{
    static const u64 sizes[] = {1, 2, 512, 3072, 3073, 4096, 65536};
    struct load_map map;

    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        u64 total = 0, end = 0;

        load_memory_map(&map, sizes[i] * MIB, 0, 0);
        for (unsigned j = 0; j < map.count; j++) {
            CU_ASSERT_TRUE(map.range[j].base >= end);
            end = map.range[j].base + map.range[j].size;
            total += map.range[j].type == LOAD_RAM ? map.range[j].size : 0;
            CU_ASSERT_FALSE(map.range[j].base < LOAD_HIGH_RAM && end > LOAD_LOW_RAM_MAX);
        }
        CU_ASSERT_EQUAL(total, sizes[i] * MIB - (LOAD_HOLE_END - LOAD_EBDA));
    }
}

static void map_has_acpi(void)
{
    struct load_map map;
    bool found = false;

    load_memory_map(&map, RAM, RAM - 65536, 65536);
    for (unsigned i = 0; i < map.count; i++)
        found |= map.range[i].type == LOAD_ACPI && map.range[i].base == RAM - 65536 &&
                 map.range[i].size == 65536;
    CU_ASSERT_TRUE(found);
}

/* ---- what a BIOS would have left ---- */

static void write_bare(void *ctx, u64 gpa, const void *from, u64 n)
{
    struct bare *b = ctx;

    if (gpa + n <= MIB)
        physmem_write(&b->mem, gpa, from, n);
}

/* A function that is not there says so; the handlers of hardware interrupts and hooks change nothing. */
static void real_mode_vectors(void)
{
    static const u8 code[] = {0xcd, 0x13, /* int 13h */
                              0xcd, 0x08, /* int 8 */
                              0xcd, 0x70, /* int 70h */
                              0xcd, 0x1c, /* int 1ch */
                              0xf4};      /* hlt */
    struct bare b;
    struct vcpu *v;

    begin(1024);
    CU_ASSERT_FATAL(bare_create(&b, MIB, 0x8000, "x86-64-v2"));
    memcpy(file, "\2\260\255\33\0\0\0\0\376\117\122\344", 12);
    rq.ctx = &b;
    rq.write = write_bare;
    load_guest(&rq, &rs, err, sizeof(err));
    physmem_write(&b.mem, 0x8000, code, sizeof(code));
    v = b.v;
    v->r[4] = 0x7000;
    v->r[0] = 0x1234;
    vcpu_set_flags(v, 2);
    bare_run(&b, 7);
    CU_ASSERT_EQUAL(v->rip, 2);
    CU_ASSERT_EQUAL(v->r[0] & 0xffff, 0x8634);
    CU_ASSERT_TRUE(vcpu_flags(v) & 1);
    vcpu_set_flags(v, 2);
    bare_run(&b, 100);
    CU_ASSERT_EQUAL(v->rip, 9);
    CU_ASSERT_EQUAL(v->r[0] & 0xffff, 0x8634);
    CU_ASSERT_EQUAL(v->r[4] & 0xffff, 0x7000);
    CU_ASSERT_FALSE(vcpu_flags(v) & 1);
    bare_destroy(&b);
}

/* ---- Linux ---- */

#define LINUX_SIZE (5 * 512 + 8192)

/* A bzImage of protocol 2.15 with four setup sectors and 8 KiB of kernel, 64-bit entry. */
static void begin_linux(void)
{
    begin(LINUX_SIZE);
    file[0x1f1] = 4;
    store_le32(file + 0x1f4, 8192 / 16);
    store_le16(file + 0x1fe, 0xaa55);
    file[0x201] = 0x6a; /* the header ends at 0x26c */
    memcpy(file + 0x202, "HdrS", 4);
    store_le16(file + 0x206, 0x20f);
    file[0x211] = 1;
    store_le32(file + 0x22c, 0x7fffffff);
    store_le32(file + 0x230, 2 * MIB);
    file[0x234] = 1;
    store_le16(file + 0x236, 1);
    store_le32(file + 0x238, 2047);
    store_le64(file + 0x258, 16 * MIB);
    store_le32(file + 0x260, 20 * MIB);
    memset(file + 0x270, 0x77, 0x20); /* behind the header: not to be copied */
    memset(file + 5 * 512, 0x90, 8192);
}

static void linux_64(void)
{
    u8 *zp;

    begin_linux();
    rq.append = "console=ttyS0";
    rq.acpi_rsdp = 0xf0000;
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_EQUAL(rs.kind, LOAD_LINUX);
    CU_ASSERT_TRUE(rs.is_long);
    CU_ASSERT_EQUAL(rs.ip, 16 * MIB + 0x200);
    CU_ASSERT_EQUAL(rs.cr0, 0x80000011);
    CU_ASSERT_EQUAL(rs.cr4, 0x20);
    CU_ASSERT_EQUAL(rs.efer, 0x500);
    CU_ASSERT_EQUAL(rs.cs, 0x10);
    CU_ASSERT_EQUAL(rs.ds, 0x18);
    CU_ASSERT_EQUAL(load_le64(ram + rs.gdt + 0x10), 0x00af9b000000ffff);
    CU_ASSERT_EQUAL(load_le64(ram + rs.gdt + 0x18), 0x00cf93000000ffff);
    CU_ASSERT_EQUAL(ram[16 * MIB], 0x90);
    CU_ASSERT_EQUAL(ram[16 * MIB + 8191], 0x90);
    CU_ASSERT_EQUAL(ram[16 * MIB + 8192], 0xcc);
    zp = ram + rs.esi;
    CU_ASSERT_EQUAL(load_le32(zp + 0x202), 0x53726448);
    CU_ASSERT_EQUAL(zp[0x210], 0xff);
    CU_ASSERT_EQUAL(load_le32(zp + 0x214), 16 * MIB);
    CU_ASSERT_EQUAL(load_le64(zp + 0x70), 0xf0000);
    CU_ASSERT_EQUAL(zp[0x1ef], 0); /* the sentinel: fields outside the header can be trusted */
    CU_ASSERT_EQUAL(zp[0x270], 0);
    CU_ASSERT_STRING_EQUAL((char *)ram + load_le32(zp + 0x228), "console=ttyS0");
    CU_ASSERT_EQUAL(zp[0x1e8], 4);
    CU_ASSERT_EQUAL(load_le64(zp + 0x2d0 + 3 * 20), MIB);
    CU_ASSERT_EQUAL(load_le64(zp + 0x2d0 + 3 * 20 + 8), RAM - MIB);
    CU_ASSERT_EQUAL(load_le16(ram + 0x40e), 0x9fc0);
}

/* Walks the page tables as a processor would. */
static u64 translate(u64 at)
{
    u64 pml4e = load_le64(ram + rs.cr3 + (at >> 39 & 511) * 8);
    u64 pdpte, pde;

    if (!(pml4e & 1))
        return ~0ull;
    pdpte = load_le64(ram + (pml4e & ~0xfffull) + (at >> 30 & 511) * 8);
    if (!(pdpte & 1))
        return ~0ull;
    pde = load_le64(ram + (pdpte & ~0xfffull) + (at >> 21 & 511) * 8);
    if ((pde & 0x83) != 0x83)
        return ~0ull;
    return (pde & ~0x1fffffull) + (at & 0x1fffff);
}

static void linux_maps_four_gib(void)
{
    begin_linux();
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    for (u64 at = 0; at < 4096 * MIB; at += MIB + 4095)
        CU_ASSERT_EQUAL(translate(at), at);
    CU_ASSERT_EQUAL(translate(4096 * MIB - 1), 4096 * MIB - 1);
    CU_ASSERT_EQUAL(translate(4096 * MIB), ~0ull);
    CU_ASSERT_EQUAL(translate(1ull << 39), ~0ull);
}

static void linux_32(void)
{
    begin_linux();
    store_le16(file + 0x236, 0);
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_FALSE(rs.is_long);
    CU_ASSERT_EQUAL(rs.ip, 16 * MIB);
    CU_ASSERT_EQUAL(rs.cr0, 0x11);
    CU_ASSERT_EQUAL(load_le64(ram + rs.gdt + 0x10), 0x00cf9b000000ffff);
    begin_linux();
    store_le16(file + 0x206, 0x206); /* before pref_address and xloadflags */
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_FALSE(rs.is_long);
    CU_ASSERT_EQUAL(rs.ip, MIB);
}

static void linux_ramdisk(void)
{
    static const u8 disk[10000] = {1, 2, 3};

    begin_linux();
    module[0] = (struct image){.name = "rd", .bytes = disk, .size = sizeof(disk)};
    rq.module = module;
    rq.modules = 1;
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_EQUAL(rs.module_start, RAM - 3 * 4096);
    CU_ASSERT_EQUAL(load_le32(ram + rs.esi + 0x218), rs.module_start);
    CU_ASSERT_EQUAL(load_le32(ram + rs.esi + 0x21c), sizeof(disk));
    CU_ASSERT_EQUAL(memcmp(ram + rs.module_start, disk, sizeof(disk)), 0);
    rq.acpi_base = RAM - 65536; /* tables at the top are left alone */
    rq.acpi_size = 65536;
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_TRUE(rs.module_end <= RAM - 65536);
    store_le32(file + 0x22c, 40 * MIB - 1);
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_TRUE(rs.module_end <= 40 * MIB);
    rq.modules = 2;
    refuse(-EINVAL, "-initrd", "one RAM disk");
}

static void linux_refusals(void)
{
    static char text[3000];

    begin_linux();
    store_le16(file + 0x206, 0x205);
    refuse(-EINVAL, "2.05", "2.06");
    begin_linux();
    file[0x211] = 0;
    refuse(-EINVAL, "zImage", "bzImage");
    begin_linux();
    kernel.size -= 1000;
    refuse(-EINVAL, "cut short", "dir/k.elf");
    begin_linux();
    store_le64(file + 0x258, 0x123456789000);
    refuse(-EINVAL, "address", NULL);
    begin_linux();
    memset(text, 'a', 2048);
    rq.append = text;
    refuse(-EINVAL, "-append", "2047");
    text[2047] = '\0';
    CU_ASSERT_EQUAL(load(), 0);
}

static void linux_memory_too_small(void)
{
    begin_linux();
    rq.ram = 32 * MIB;
    refuse(-ENOSPC, "-m", "-m 36");
    rq.ram = 36 * MIB;
    CU_ASSERT_EQUAL(load(), 0);
    module[0] = (struct image){.name = "rd", .bytes = file, .size = MIB};
    rq.module = module;
    rq.modules = 1;
    refuse(-ENOSPC, "initrd", "-m 37");
    rq.ram = 37 * MIB;
    CU_ASSERT_EQUAL(load(), 0);
    CU_ASSERT_TRUE(rs.module_start >= rs.kernel_end);
    store_le32(file + 0x22c, 36 * MIB + 4096);
    refuse(-EINVAL, "too big", "rd");
    begin_linux();
    store_le32(file + 0x260, 0xf0000000);
    refuse(-ENOSPC, "4 GiB", NULL);
}

/* ---- Multiboot ---- */

static void put_header(unsigned at, u32 flags)
{
    store_le32(file + at, 0x1badb002);
    store_le32(file + at + 4, flags);
    store_le32(file + at + 8, -(0x1badb002 + flags));
}

/* An ELF32 kernel: one segment of 0x1000 bytes from offset 0x1000 at 2 MiB, bss 0x3000 bytes. */
static void begin_elf32(void)
{
    begin(0x2000);
    memcpy(file, "\177ELF\1\1\1", 7);
    store_le16(file + 16, 2);
    store_le16(file + 18, 3);
    store_le32(file + 24, 0xc0200010); /* entry, virtual */
    store_le32(file + 28, 52);
    store_le16(file + 42, 32);
    store_le16(file + 44, 1);
    store_le32(file + 52, 1);
    store_le32(file + 56, 0x1000);
    store_le32(file + 60, 0xc0200000);
    store_le32(file + 64, 0x200000);
    store_le32(file + 68, 0x1000);
    store_le32(file + 72, 0x4000);
    put_header(0x100, 3);
    memset(file + 0x1000, 0x90, 0x1000);
}

static void multiboot_elf32(void)
{
    u8 *mbi;

    begin_elf32();
    rq.append = "a b=c";
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_EQUAL(rs.kind, LOAD_MULTIBOOT);
    CU_ASSERT_FALSE(rs.is_long);
    CU_ASSERT_EQUAL(rs.eax, 0x2badb002);
    CU_ASSERT_EQUAL(rs.ip, 0x200010);
    CU_ASSERT_EQUAL(rs.cr0, 0x11);
    CU_ASSERT_EQUAL(load_le64(ram + rs.gdt + rs.cs), 0x00cf9b000000ffff);
    CU_ASSERT_EQUAL(ram[0x1fffff], 0xcc);
    CU_ASSERT_EQUAL(ram[0x200fff], 0x90);
    CU_ASSERT_EQUAL(ram[0x201000], 0);
    CU_ASSERT_EQUAL(ram[0x203fff], 0);
    CU_ASSERT_EQUAL(ram[0x204000], 0xcc);
    mbi = ram + rs.ebx;
    CU_ASSERT_EQUAL(load_le32(mbi), 1 | 4 | 8 | 64 | 512);
    CU_ASSERT_EQUAL(load_le32(mbi + 4), 639);
    CU_ASSERT_EQUAL(load_le32(mbi + 8), 63 * 1024);
    CU_ASSERT_STRING_EQUAL((char *)ram + load_le32(mbi + 16), "k.elf a b=c");
    CU_ASSERT_STRING_EQUAL((char *)ram + load_le32(mbi + 64), "x86sim");
    CU_ASSERT_EQUAL(load_le32(mbi + 44), 4 * 24);
    CU_ASSERT_EQUAL(load_le32(ram + load_le32(mbi + 48)), 20);
    CU_ASSERT_EQUAL(load_le64(ram + load_le32(mbi + 48) + 3 * 24 + 4), MIB);
}

static void multiboot_entry_is_physical(void)
{
    begin_elf32();
    store_le32(file + 24, 0x200020);
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_EQUAL(rs.ip, 0x200020);
    store_le32(file + 24, 0x300000);
    refuse(-EINVAL, "entry", NULL);
}

static void multiboot_modules(void)
{
    static const char *const text[] = {"one x=1", NULL};
    const u8 *mbi, *row;

    begin_elf32();
    module[0] = (struct image){.name = "one", .bytes = (const u8 *)"ONE", .size = 3};
    module[1] = (struct image){.name = "two", .bytes = (const u8 *)"TWO!", .size = 4};
    rq.module = module;
    rq.text = text;
    rq.modules = 2;
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    mbi = ram + rs.ebx;
    CU_ASSERT_EQUAL(load_le32(mbi + 20), 2);
    row = ram + load_le32(mbi + 24);
    CU_ASSERT_EQUAL(load_le32(row), 0x204000);
    CU_ASSERT_EQUAL(load_le32(row + 4), 0x204003);
    CU_ASSERT_STRING_EQUAL((char *)ram + load_le32(row + 8), "one x=1");
    CU_ASSERT_EQUAL(load_le32(row + 16), 0x205000);
    CU_ASSERT_STRING_EQUAL((char *)ram + load_le32(row + 24), "");
    CU_ASSERT_EQUAL(memcmp(ram + 0x205000, "TWO!", 4), 0);
    module[1].size = 63 * MIB;
    refuse(-ENOSPC, "modules", "-m");
}

static void multiboot_elf64(void)
{
    begin_elf32();
    memset(file, 0, 0x100);
    memcpy(file, "\177ELF\2\1\1", 7);
    store_le16(file + 18, 62);
    store_le64(file + 24, 0x200004);
    store_le64(file + 32, 64);
    store_le16(file + 54, 56);
    store_le16(file + 56, 1);
    store_le32(file + 64, 1);
    store_le64(file + 72, 0x1000);
    store_le64(file + 80, 0x200000);
    store_le64(file + 88, 0x200000);
    store_le64(file + 96, 0x1000);
    store_le64(file + 104, 0x2000);
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_EQUAL(rs.ip, 0x200004);
    CU_ASSERT_FALSE(rs.is_long);
    store_le64(file + 88, 0x200000000);
    refuse(-EINVAL, "entry point", "4 GiB");
    store_le64(file + 80, 0x200000000);
    store_le64(file + 24, 0);
    refuse(-EINVAL, "entry point", "no segment");
}

/* Addresses in the header: the kernel loads itself over the place of the information block. */
static void multiboot_addresses(void)
{
    begin(0x1000);
    memset(file, 0x90, 0x1000);
    put_header(0x20, 1u << 16);
    store_le32(file + 0x2c, 0x10020); /* header_addr */
    store_le32(file + 0x30, 0x10010); /* load_addr: offset 0x10 of the file */
    store_le32(file + 0x34, 0x10810);
    store_le32(file + 0x38, 0x12000);
    store_le32(file + 0x3c, 0x10100);
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_EQUAL(rs.ip, 0x10100);
    CU_ASSERT_EQUAL(ram[0x1000f], 0xcc);
    CU_ASSERT_EQUAL(ram[0x10010], 0x90);
    CU_ASSERT_EQUAL(ram[0x1080f], 0x90);
    CU_ASSERT_EQUAL(ram[0x10810], 0);
    CU_ASSERT_EQUAL(ram[0x11fff], 0);
    CU_ASSERT_EQUAL(ram[0x12000], 0xcc);
    CU_ASSERT_TRUE(rs.ebx >= MIB && rs.gdt >= MIB);
    store_le32(file + 0x34, 0); /* through the end of the file */
    CU_ASSERT_EQUAL_FATAL(load(), 0);
    CU_ASSERT_EQUAL(ram[0x10fff], 0x90);
    store_le32(file + 0x34, 0x20000);
    refuse(-EINVAL, "load_end_addr", NULL);
    store_le32(file + 0x30, 0x10000 - 8);
    refuse(-EINVAL, "load address", NULL);
}

static void multiboot_refusals(void)
{
    begin_elf32();
    put_header(0x100, 0x10);
    refuse(-EINVAL, "features", "0x10");
    begin_elf32();
    store_le32(file + 68, 0x100000);
    refuse(-EINVAL, "segment", "end of the file");
    begin_elf32();
    store_le16(file + 44, 0xffff);
    refuse(-EINVAL, "program headers", NULL);
    begin_elf32();
    store_le16(file + 18, 40);
    refuse(-EINVAL, "another processor", "x86");
    begin_elf32();
    store_le32(file + 64, 0x9f000);
    refuse(-EINVAL, "no RAM", NULL);
    begin_elf32();
    store_le32(file + 72, 0x10000000);
    refuse(-ENOSPC, "-m", NULL);
    begin_elf32();
    memset(file, 0, 4);
    refuse(-EINVAL, "no ELF", NULL);
    begin_elf32();
    memset(file + 0x100, 0, 12);
    refuse(-EINVAL, "dir/k.elf", "without a Multiboot header");
}

/* ---- images ---- */

static void digests(void)
{
    u8 bytes[64] = {0};
    u64 empty = image_digest(bytes, 0), all = image_digest(bytes, 64);

    CU_ASSERT_NOT_EQUAL(empty, image_digest(bytes, 1));
    CU_ASSERT_NOT_EQUAL(image_digest(bytes, 7), image_digest(bytes, 8));
    for (unsigned bit = 0; bit < 512; bit++) {
        bytes[bit / 8] ^= (u8)(1 << bit % 8);
        CU_ASSERT_NOT_EQUAL(image_digest(bytes, 64), all);
        bytes[bit / 8] ^= (u8)(1 << bit % 8);
    }
    CU_ASSERT_EQUAL(image_digest(bytes, 64), all);
}

static void write_file(const char *name, const void *from, size_t n)
{
    FILE *f = fopen(name, "wb");

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(from, 1, n, f), n);
    fclose(f);
}

static const char *get(const void *ctx, const char *key)
{
    for (char *const *list = ctx; *list; list++) {
        if (!strncmp(*list, key, strlen(key)) && (*list)[strlen(key)] == '=')
            return *list + strlen(key) + 1;
    }
    return NULL;
}

/* Reads what the words name, then once more as a replay of the log's options. */
static int open_twice(char **words, int n, struct load_images *im, void (*between)(void))
{
    char *replay[] = {"x86sim", "-replay", "log"}, **list = NULL;
    struct options o;
    int error = options_parse(&o, n, words, err, sizeof(err));

    if (!error)
        error = load_images_open(im, &o, err, sizeof(err));
    if (!error)
        error = options_to_log(&o, &list, NULL);
    options_destroy(&o);
    if (error)
        return error;
    load_images_close(im);
    if (between)
        between();
    CU_ASSERT_EQUAL_FATAL(options_parse(&o, 3, replay, err, sizeof(err)), 0);
    CU_ASSERT_EQUAL_FATAL(options_from_log(&o, get, list, err, sizeof(err)), 0);
    error = load_images_open(im, &o, err, sizeof(err));
    CU_ASSERT_EQUAL(error || im->modules + 1 == o.images, 1);
    for (unsigned i = 0; i < im->modules; i++) {
        char *copy = im->text[i] ? strdup(im->text[i]) : NULL;

        im->text[i] = copy; /* outlives the options; the test frees it */
    }
    options_free_list(list);
    options_destroy(&o);
    return error;
}

static char folder[] = "/tmp/x86sim-load-XXXXXX";

static void change_module(void)
{
    write_file("m,1", "XNE", 3);
}

static void remove_module(void)
{
    unlink("m,1");
}

static void images_of_a_replay(void)
{
    char *words[] = {"x86sim", "-kernel", "k.elf", "-initrd", "m,,1 a=1 b,k.elf"};
    struct load_images im;
    char *here = getcwd(NULL, 0);

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_EQUAL_FATAL(chdir(folder), 0);
    begin_elf32();
    write_file("k.elf", file, kernel.size);
    write_file("m,1", "ONE", 3);
    CU_ASSERT_EQUAL(open_twice(words, 5, &im, NULL), 0);
    CU_ASSERT_EQUAL(im.kind, LOAD_MULTIBOOT);
    CU_ASSERT_EQUAL_FATAL(im.modules, 2);
    CU_ASSERT_STRING_EQUAL(im.text[0], "m,1 a=1 b");
    CU_ASSERT_STRING_EQUAL(im.text[1], "k.elf");
    CU_ASSERT_EQUAL(im.module[0].size, 3);
    CU_ASSERT_EQUAL(im.module[1].size, kernel.size);
    free((char *)im.text[0]);
    free((char *)im.text[1]);
    load_images_close(&im);
    CU_ASSERT_EQUAL(open_twice(words, 5, &im, change_module), -ESTALE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, "m,1' has changed"));
    CU_ASSERT_EQUAL(open_twice(words, 5, &im, remove_module), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, "m,1"));
    words[3] = "-m"; /* what does not fit is known before anything starts */
    words[4] = "2M";
    CU_ASSERT_EQUAL(open_twice(words, 5, &im, NULL), -ENOSPC);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, "-m 3"));
    words[3] = "-initrd";
    words[4] = ".";
    CU_ASSERT_EQUAL(open_twice(words, 5, &im, NULL), -EISDIR);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, "folder"));
    words[2] = "/dev/null";
    CU_ASSERT_EQUAL(open_twice(words, 3, &im, NULL), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, "regular file"));
    unlink("k.elf");
    CU_ASSERT_EQUAL(chdir(here), 0);
    rmdir(folder);
    free(here);
    free(ram);
    ram = NULL;
}

TEST_SUITE(load, TEST(map_is_ascending), TEST(map_has_acpi), TEST(linux_64),
           TEST(linux_maps_four_gib), TEST(linux_32), TEST(linux_ramdisk), TEST(linux_refusals),
           TEST(linux_memory_too_small), TEST(real_mode_vectors), TEST(multiboot_elf32),
           TEST(multiboot_entry_is_physical), TEST(multiboot_modules), TEST(multiboot_elf64),
           TEST(multiboot_addresses), TEST(multiboot_refusals), TEST(digests),
           TEST(images_of_a_replay));
