/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables (ACPI 6.4 §5.2; HPET specification 1.0a §3.2.4): RSDP, RSDT and XSDT, FADT, FACS,
 * DSDT, MADT, HPET, and the MP table behind them. They are made for one machine description and one
 * address; nothing in them changes while the machine runs but the FACS's lock.
 *
 * The FADT is revision 3 (ACPI 2.0 to 4.0): fixed hardware, legacy devices, reset register 0xCF9,
 * no SMI command port, so the system is in ACPI mode from the start.
 */
#include "devices/acpi_tables.h"

#include "src/base/check.h"

#define TABLE_HEADER 36u
#define RSDP_SIZE 36u

struct builder {
    const struct acpi_config *config;
    u8 *buf;
    gpa_t base;
    size_t n;
    gpa_t tables[8]; /* what RSDT and XSDT list */
    unsigned n_tables;
};

static u8 checksum(const u8 *bytes, size_t n)
{
    u8 sum = 0;

    while (n--)
        sum = (u8)(sum + *bytes++);
    return (u8)-sum;
}

/* Zeroed room at an alignment; returns where. */
static u8 *take(struct builder *b, size_t size, size_t align)
{
    u8 *at;

    b->n = (size_t)align_up(b->n, align);
    CHECK(b->n + size <= ACPI_BUILD_MAX);
    at = b->buf + b->n;
    memset(at, 0, size);
    b->n += size;
    return at;
}

static gpa_t address(const struct builder *b, const u8 *at)
{
    return b->base + (gpa_t)(at - b->buf);
}

/* Fill in the common header, and the checksum over what is there. */
static void finish_table(u8 *table, const char *signature, u8 revision, size_t length)
{
    memcpy(table, signature, 4);
    store_le32(table + 4, (u32)length);
    table[8] = revision;
    table[9] = 0;
    memcpy(table + 10, "X86SIM", 6);
    memcpy(table + 16, "X86SIMPC", 8);
    store_le32(table + 24, 1);
    memcpy(table + 28, "X86S", 4);
    store_le32(table + 32, 1);
    table[9] = checksum(table, length);
}

static void list(struct builder *b, const u8 *table)
{
    CHECK(b->n_tables < ARRAY_SIZE(b->tables));
    b->tables[b->n_tables++] = address(b, table);
}

/* Generic address structure of `bytes` ports or of memory. */
static void put_gas(u8 *at, bool is_port, unsigned bits, u8 access, u64 where)
{
    at[0] = is_port;
    at[1] = (u8)bits;
    at[3] = access;
    store_le64(at + 4, where);
}

static gpa_t build_facs(struct builder *b)
{
    u8 *facs = take(b, 64, 64);

    memcpy(facs, "FACS", 4);
    store_le32(facs + 4, 64);
    facs[32] = 2; /* version */
    return address(b, facs);
}

static gpa_t build_dsdt(struct builder *b)
{
    u8 *dsdt = take(b, TABLE_HEADER, 16);
    size_t length =
        TABLE_HEADER + acpi_build_dsdt(b->config, dsdt + TABLE_HEADER, ACPI_BUILD_MAX - b->n);

    b->n += length - TABLE_HEADER;
    finish_table(dsdt, "DSDT", 2, length);
    return address(b, dsdt);
}

/* The fixed hardware's places, in their old 32-bit form and as generic addresses. */
static void put_blocks(u8 *fadt, const struct acpi_config *c)
{
    store_le32(fadt + 56, c->pm_base);
    store_le32(fadt + 64, c->pm_base + 4u);
    store_le32(fadt + 76, c->pm_base + 8u);
    store_le32(fadt + 80, c->pm_base + 12u);
    fadt[88] = 4; /* lengths */
    fadt[89] = 2;
    fadt[91] = 4;
    fadt[92] = 4;
    put_gas(fadt + 148, true, 32, 2, c->pm_base);
    put_gas(fadt + 172, true, 16, 2, c->pm_base + 4u);
    put_gas(fadt + 208, true, 32, 3, c->pm_base + 8u);
    put_gas(fadt + 220, true, 32, 1, c->pm_base + 12u);
}

static void build_fadt(struct builder *b, gpa_t facs, gpa_t dsdt)
{
    enum { LENGTH = 244 };
    enum {
        WBINVD = 1,
        PROC_C1 = 4,
        NO_SLEEP_BUTTON = 0x20,
        NO_FIXED_RTC = 0x40,
        TIMER_32BIT = 0x100,
        RESET = 0x400
    };
    enum { BOOT_LEGACY = 1, BOOT_8042 = 2, BOOT_NO_VGA = 4 };
    const struct acpi_config *c = b->config;
    u8 *fadt = take(b, LENGTH, 16);

    store_le32(fadt + 36, (u32)facs);
    store_le32(fadt + 40, (u32)dsdt);
    fadt[45] = 1; /* desktop */
    store_le16(fadt + 46, c->sci_irq);
    put_blocks(fadt, c);
    store_le16(fadt + 96, 0xfff); /* no C2, no C3 */
    store_le16(fadt + 98, 0xfff);
    fadt[108] = 0x32; /* the century's byte in CMOS */
    store_le16(fadt + 109, BOOT_LEGACY | BOOT_8042 | BOOT_NO_VGA);
    store_le32(fadt + 112, WBINVD | PROC_C1 | NO_SLEEP_BUTTON | NO_FIXED_RTC | RESET |
                               (c->pm_timer_32bit ? TIMER_32BIT : 0));
    put_gas(fadt + 116, true, 8, 1, 0xcf9);
    fadt[128] = 6;
    store_le64(fadt + 140, dsdt);
    finish_table(fadt, "FACP", 3, LENGTH);
    list(b, fadt);
}

static void build_madt(struct builder *b)
{
    const struct acpi_config *c = b->config;
    size_t length = TABLE_HEADER + 8 + 8 * c->n_cpus + 12 + 2 * 10 + 6;
    u8 *madt = take(b, length, 16), *at = madt + TABLE_HEADER;

    store_le32(at, c->lapic_base);
    store_le32(at + 4, 1); /* there are 8259s too */
    at += 8;
    for (unsigned i = 0; i < c->n_cpus; i++, at += 8) {
        const u8 cpu[8] = {0, 8, (u8)i, (u8)i, 1};

        memcpy(at, cpu, 8);
    }
    memcpy(at, (const u8[4]){1, 12, c->ioapic_id, 0}, 4);
    store_le32(at + 4, c->ioapic_base);
    /* Overrides: ISA 0 is at input 2; the system control interrupt is level, active high. Then NMI
     * at every LINT1. */
    memcpy(at + 12, (const u8[10]){2, 10, 0, 0, 2}, 10);
    memcpy(at + 22, (const u8[10]){2, 10, 0, c->sci_irq, c->sci_irq, 0, 0, 0, 0x0d, 0}, 10);
    memcpy(at + 32, (const u8[6]){4, 6, 0xff, 0, 0, 1}, 6);
    finish_table(madt, "APIC", 3, length);
    list(b, madt);
}

static void build_hpet(struct builder *b)
{
    enum { LENGTH = 56 };
    u8 *hpet = take(b, LENGTH, 16);

    store_le32(hpet + 36, b->config->hpet_id);
    put_gas(hpet + 40, false, 64, 0, b->config->hpet_base);
    store_le16(hpet + 53, 0x80); /* smallest periodic tick without lost interrupts */
    finish_table(hpet, "HPET", 1, LENGTH);
    list(b, hpet);
}

/* RSDT (entries of 4 bytes) or XSDT (8). */
static gpa_t build_root(struct builder *b, const char *signature, size_t entry)
{
    size_t length = TABLE_HEADER + b->n_tables * entry;
    u8 *root = take(b, length, 16);

    for (unsigned i = 0; i < b->n_tables; i++)
        memcpy(root + TABLE_HEADER + i * entry, &b->tables[i], entry);
    finish_table(root, signature, 1, length);
    return address(b, root);
}

static void finish_rsdp(u8 *rsdp, gpa_t rsdt, gpa_t xsdt)
{
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "X86SIM", 6);
    rsdp[15] = 2;
    store_le32(rsdp + 16, (u32)rsdt);
    store_le32(rsdp + 20, RSDP_SIZE);
    store_le64(rsdp + 24, xsdt);
    rsdp[8] = checksum(rsdp, 20);
    rsdp[32] = checksum(rsdp, RSDP_SIZE);
}

size_t acpi_build(const struct acpi_config *config, u8 *buf, gpa_t base)
{
    struct builder b = {.config = config, .buf = buf, .base = base};
    u8 *rsdp = take(&b, RSDP_SIZE, 16), *mp;
    gpa_t facs = build_facs(&b), dsdt = build_dsdt(&b), rsdt, xsdt;

    build_fadt(&b, facs, dsdt);
    build_madt(&b);
    if (config->hpet_base)
        build_hpet(&b);
    rsdt = build_root(&b, "RSDT", 4);
    xsdt = build_root(&b, "XSDT", 8);
    finish_rsdp(rsdp, rsdt, xsdt);
    mp = take(&b, 0, 16);
    b.n += mp_table_build(config, mp, address(&b, mp), ACPI_BUILD_MAX - b.n);
    return b.n;
}
