/* SPDX-License-Identifier: MIT */
/*
 * The ACPI and MP tables as an operating system reads them: found by scanning, checksums, the
 * values a boot depends on. What the AML says is checked by ACPICA's own compiler: iasl (package
 * acpica-tools) takes it apart, and compiles the result again without a complaint.
 */
#include "devices/acpi_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/suite.h"

#define BASE 0xf0000u

static u8 image[ACPI_BUILD_MAX + 64];
static size_t size;

static const struct acpi_config config = {.n_cpus = 5,
                                          .lapic_base = 0xfee00000,
                                          .ioapic_base = 0xfec00000,
                                          .ioapic_version = 0x20,
                                          .hpet_base = 0xfed00000,
                                          .hpet_id = 0x8086a201,
                                          .pm_base = 0x600,
                                          .sci_irq = 9,
                                          .s5_type = 3,
                                          .pci_mem_first = 0xc0000000,
                                          .pci_mem_last = 0xfebfffff,
                                          .pci_irq = {10, 11, 10, 11},
                                          .pci_gsi = {16, 17, 18, 19},
                                          .cpu_signature = 0x600f12,
                                          .cpu_features = 0x178bfbff};

static void build(void)
{
    memset(image, 0xcc, sizeof(image));
    size = acpi_build(&config, image, BASE);
}

static u8 sum(const u8 *at, size_t n)
{
    u8 total = 0;

    while (n--)
        total = (u8)(total + *at++);
    return total;
}

static const u8 *at_address(u64 address)
{
    return address >= BASE && address < BASE + size ? image + (address - BASE) : NULL;
}

/* By way of the XSDT, as a 64-bit system does. */
static const u8 *find(const char *signature)
{
    const u8 *xsdt = at_address(load_le64(image + 24));

    for (u32 at = 36; at < load_le32(xsdt + 4); at += 8) {
        const u8 *table = at_address(load_le64(xsdt + at));

        if (!memcmp(table, signature, 4))
            return table;
    }
    return NULL;
}

static void roots_have_good_checksums_and_agree(void)
{
    const u8 *rsdt, *xsdt;

    build();
    CU_ASSERT(size < ACPI_BUILD_MAX);
    CU_ASSERT_EQUAL(image[size], 0xcc); /* nothing beyond what it says */
    CU_ASSERT_EQUAL(memcmp(image, "RSD PTR ", 8), 0);
    CU_ASSERT_EQUAL(sum(image, 20), 0);
    CU_ASSERT_EQUAL(sum(image, 36), 0);
    CU_ASSERT_EQUAL(image[15], 2);
    rsdt = at_address(load_le32(image + 16));
    xsdt = at_address(load_le64(image + 24));
    CU_ASSERT_EQUAL(load_le32(rsdt + 4), 36 + 3 * 4);
    for (unsigned i = 0; i < 3; i++) {
        const u8 *table = at_address(load_le32(rsdt + 36 + 4 * i));

        CU_ASSERT_EQUAL(load_le64(xsdt + 36 + 8 * i), load_le32(rsdt + 36 + 4 * i));
        CU_ASSERT_EQUAL(sum(table, load_le32(table + 4)), 0);
    }
    CU_ASSERT_EQUAL(sum(rsdt, load_le32(rsdt + 4)), 0);
    CU_ASSERT_EQUAL(sum(xsdt, load_le32(xsdt + 4)), 0);
}

static void fadt_points_at_hardware_and_dsdt(void)
{
    const u8 *fadt, *dsdt, *facs;

    build();
    fadt = find("FACP");
    CU_ASSERT_EQUAL(load_le16(fadt + 46), 9);
    CU_ASSERT_EQUAL(load_le32(fadt + 48), 0); /* no SMI command port: always ACPI */
    CU_ASSERT_EQUAL(load_le32(fadt + 56), 0x600);
    CU_ASSERT_EQUAL(load_le32(fadt + 64), 0x604);
    CU_ASSERT_EQUAL(load_le32(fadt + 76), 0x608);
    CU_ASSERT_EQUAL(load_le32(fadt + 80), 0x60c);
    CU_ASSERT_EQUAL(load_le32(fadt + 112) & 0x500, 0x400); /* reset register; 24-bit timer */
    CU_ASSERT_EQUAL(load_le32(fadt + 112) & 0x100000, 0);  /* not hardware-reduced */
    CU_ASSERT_EQUAL(fadt[116], 1);
    CU_ASSERT_EQUAL(load_le64(fadt + 120), 0xcf9);
    CU_ASSERT_EQUAL(fadt[128], 6);
    CU_ASSERT_EQUAL(load_le64(fadt + 212), 0x608);
    dsdt = at_address(load_le64(fadt + 140));
    CU_ASSERT_PTR_EQUAL(dsdt, at_address(load_le32(fadt + 40)));
    CU_ASSERT_EQUAL(memcmp(dsdt, "DSDT", 4), 0);
    CU_ASSERT_EQUAL(sum(dsdt, load_le32(dsdt + 4)), 0);
    facs = at_address(load_le32(fadt + 36));
    CU_ASSERT_EQUAL(memcmp(facs, "FACS", 4), 0);
    CU_ASSERT_EQUAL((facs - image) % 64, 0);
}

static void madt_lists_cpus_and_overrides(void)
{
    const u8 *madt;
    unsigned cpus = 0, overrides = 0;
    u32 at = 44;

    build();
    madt = find("APIC");
    CU_ASSERT_EQUAL(load_le32(madt + 36), 0xfee00000);
    for (; at < load_le32(madt + 4); at += madt[at + 1]) {
        const u8 *e = madt + at;

        if (e[0] == 0)
            CU_ASSERT(e[3] == cpus && ++cpus && load_le32(e + 4) == 1);
        if (e[0] == 1)
            CU_ASSERT_EQUAL(load_le32(e + 4), 0xfec00000);
        if (e[0] == 2 && ++overrides) {
            CU_ASSERT((e[3] == 0 && load_le32(e + 4) == 2 && load_le16(e + 8) == 0) ||
                      (e[3] == 9 && load_le32(e + 4) == 9 && load_le16(e + 8) == 0xd));
        }
    }
    CU_ASSERT_EQUAL(at, load_le32(madt + 4));
    CU_ASSERT_EQUAL(cpus, 5);
    CU_ASSERT_EQUAL(overrides, 2);
}

static void hpet_table_repeats_the_chip(void)
{
    const u8 *hpet;

    build();
    hpet = find("HPET");
    CU_ASSERT_EQUAL(load_le32(hpet + 36), 0x8086a201);
    CU_ASSERT_EQUAL(hpet[40], 0);
    CU_ASSERT_EQUAL(load_le64(hpet + 44), 0xfed00000);
}

/* \_S5 found by its bytes, as small kernels do: Name, optional root, _S5_, Package, length, 4
 * elements, byte prefix. */
static void s5_is_found_by_its_bytes(void)
{
    const u8 *fadt, *dsdt;
    bool found = false;

    build();
    fadt = find("FACP");
    dsdt = at_address(load_le64(fadt + 140));
    for (u32 i = 36; i + 12 < load_le32(dsdt + 4) && !found; i++) {
        if (memcmp(dsdt + i, "_S5_\x12", 5))
            continue;
        found = true;
        i += 5 + 1 + (dsdt[i + 5] >> 6); /* package length */
        CU_ASSERT_EQUAL(dsdt[i], 4);
        CU_ASSERT_EQUAL(dsdt[i + 1], 0x0a);
        CU_ASSERT_EQUAL(dsdt[i + 2], 3);
    }
    CU_ASSERT_TRUE(found);
}

static void mp_table_is_found_and_sound(void)
{
    const u8 *mp = NULL, *table, *e;
    unsigned cpus = 0, ioapics = 0, timer = 0, local = 0;

    build();
    for (size_t i = 0; i < size && !mp; i += 16)
        if (!memcmp(image + i, "_MP_", 4) && !sum(image + i, 16))
            mp = image + i;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mp);
    table = at_address(load_le32(mp + 4));
    CU_ASSERT_EQUAL(memcmp(table, "PCMP", 4), 0);
    CU_ASSERT_EQUAL(sum(table, load_le16(table + 4)), 0);
    CU_ASSERT_EQUAL(load_le32(table + 36), 0xfee00000);
    e = table + 44;
    for (unsigned i = load_le16(table + 34); i; i--) {
        if (e[0] == 0)
            CU_ASSERT(e[1] == cpus && (e[3] & 2) == (cpus == 0) << 1 && ++cpus);
        ioapics += e[0] == 2 && load_le32(e + 4) == 0xfec00000;
        timer += e[0] == 3 && e[4] == 1 && e[5] == 0 && e[7] == 2;
        local += e[0] == 4;
        e += e[0] == 0 ? 20 : 8;
    }
    CU_ASSERT_PTR_EQUAL(e, table + load_le16(table + 4));
    CU_ASSERT_EQUAL(cpus, 5);
    CU_ASSERT_EQUAL(ioapics, 1);
    CU_ASSERT_EQUAL(timer, 1);
    CU_ASSERT_EQUAL(local, 2);
}

static bool write_file(const char *dir, const char *name, const u8 *bytes, size_t n)
{
    char path[256];
    FILE *file;
    bool good;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "wb");
    if (!file)
        return false;
    good = fwrite(bytes, 1, n, file) == n;
    return fclose(file) == 0 && good;
}

/* Run a shell command in dir; does its exit status say success? */
static bool run_in(const char *dir, const char *command)
{
    char line[512];

    snprintf(line, sizeof(line), "cd '%s' && %s", dir, command);
    return system(line) == 0;
}

static void iasl_finds_nothing_to_complain_about(void)
{
    char dir[] = "/tmp/acpi-tables-XXXXXX";
    const u8 *fadt, *dsdt;

    build();
    fadt = find("FACP");
    dsdt = at_address(load_le64(fadt + 140));
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    CU_ASSERT_TRUE(write_file(dir, "dsdt.dat", dsdt, load_le32(dsdt + 4)));
    CU_ASSERT_TRUE(write_file(dir, "fadt.dat", fadt, load_le32(fadt + 4)));
    CU_ASSERT_TRUE(write_file(dir, "madt.dat", find("APIC"), load_le32(find("APIC") + 4)));
    CU_ASSERT_TRUE(write_file(dir, "hpet.dat", find("HPET"), load_le32(find("HPET") + 4)));
    CU_ASSERT_TRUE(
        run_in(dir, "iasl -d dsdt.dat fadt.dat madt.dat hpet.dat >disassemble.log 2>&1"));
    CU_ASSERT_FALSE(run_in(dir, "grep -Eiq 'error|warning|invalid|incorrect' disassemble.log"));
    CU_ASSERT_FALSE(run_in(dir, "grep -Eiq 'invalid|incorrect|unknown' *.dsl"));
    CU_ASSERT_TRUE(run_in(dir, "iasl -p again dsdt.dsl >compile.log 2>&1"));
    CU_ASSERT_TRUE(run_in(dir, "grep -q ' 0 Errors, 0 Warnings, 0 Remarks' compile.log"));
    CU_ASSERT_TRUE(run_in(dir, "grep -q 'EisaId (\"PNP0501\")' dsdt.dsl"));
    CU_ASSERT_TRUE(run_in(dir, "grep -q 'Reset Register Supported (V2) : 1' fadt.dsl"));
    CU_ASSERT_TRUE(run_in(dir, "rm -f -- * && rmdir \"$PWD\""));
}

static void largest_machine_fits(void)
{
    struct acpi_config big = config;

    big.n_cpus = 64;
    CU_ASSERT(acpi_build(&big, image, BASE) <= ACPI_BUILD_MAX);
}

TEST_SUITE(acpi_tables, TEST(roots_have_good_checksums_and_agree),
           TEST(fadt_points_at_hardware_and_dsdt), TEST(madt_lists_cpus_and_overrides),
           TEST(hpet_table_repeats_the_chip), TEST(s5_is_found_by_its_bytes),
           TEST(mp_table_is_found_and_sound), TEST(iasl_finds_nothing_to_complain_about),
           TEST(largest_machine_fits));
