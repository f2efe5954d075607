/* SPDX-License-Identifier: MIT */
/*
 * The MP configuration table (Intel MultiProcessor Specification 1.4, ch. 4): what told systems
 * about CPUs and interrupt wiring before ACPI, and still does for teaching kernels.
 *
 * Sixteen bytes of floating pointer, then the table: processors, PCI and ISA buses, the I/O APIC,
 * its ISA and PCI interrupts and the local ones. PCI interrupts are given for the slots a small
 * system may use.
 */
#include "devices/acpi_tables.h"

#include "src/base/check.h"

enum { ENTRY_CPU, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_IO_INT, ENTRY_LOCAL_INT };
enum { INT_VECTORED = 0, INT_NMI = 1, INT_EXTINT = 3 };
enum { BUS_PCI = 0, BUS_ISA = 1 };
#define HEADER 44u
#define POINTER 16u
#define PCI_SLOTS 32u

struct writer {
    u8 *buf;
    size_t n, cap;
    unsigned entries;
};

static void put(struct writer *w, const void *bytes, size_t n)
{
    CHECK(w->n + n <= w->cap);
    memcpy(w->buf + w->n, bytes, n);
    w->n += n;
    w->entries++;
}

static u8 checksum(const u8 *bytes, size_t n)
{
    u8 sum = 0;

    while (n--)
        sum = (u8)(sum + *bytes++);
    return (u8)-sum;
}

static void put_cpu(struct writer *w, const struct acpi_config *c, unsigned id)
{
    u8 e[20] = {ENTRY_CPU, (u8)id, 0x14, (u8)(1 | (id == 0) << 1)};

    store_le32(e + 4, c->cpu_signature);
    store_le32(e + 8, c->cpu_features);
    put(w, e, sizeof(e));
}

static void put_bus(struct writer *w, u8 id, const char *name)
{
    u8 e[8] = {ENTRY_BUS, id, ' ', ' ', ' ', ' ', ' ', ' '};

    memcpy(e + 2, name, strlen(name));
    put(w, e, sizeof(e));
}

static void put_interrupt(struct writer *w, u8 entry, u8 type, u16 flags, u8 bus, u8 source,
                          u8 dest, u8 pin)
{
    u8 e[8] = {entry, type, (u8)flags, (u8)(flags >> 8), bus, source, dest, pin};

    put(w, e, sizeof(e));
}

static void put_entries(struct writer *w, const struct acpi_config *c)
{
    u8 ioapic[8] = {ENTRY_IOAPIC, c->ioapic_id, c->ioapic_version, 1};

    for (unsigned i = 0; i < c->n_cpus; i++)
        put_cpu(w, c, i);
    put_bus(w, BUS_PCI, "PCI");
    put_bus(w, BUS_ISA, "ISA");
    store_le32(ioapic + 4, c->ioapic_base);
    put(w, ioapic, sizeof(ioapic));
    /* ISA: edge, active high by default; the timer sits at input 2, the system control interrupt is
     * a level. */
    for (u8 irq = 0; irq < 16; irq++)
        if (irq != 2)
            put_interrupt(w, ENTRY_IO_INT, INT_VECTORED, irq == c->sci_irq ? 0xd : 0, BUS_ISA, irq,
                          c->ioapic_id, irq ? irq : 2);
    for (unsigned i = 4; i < PCI_SLOTS * 4; i++)
        put_interrupt(w, ENTRY_IO_INT, INT_VECTORED, 0, BUS_PCI, (u8)i, c->ioapic_id,
                      c->pci_gsi[(i / 4 + i % 4) & 3]);
    put_interrupt(w, ENTRY_LOCAL_INT, INT_EXTINT, 0, BUS_ISA, 0, 0xff, 0);
    put_interrupt(w, ENTRY_LOCAL_INT, INT_NMI, 0, BUS_ISA, 0, 0xff, 1);
}

size_t mp_table_build(const struct acpi_config *c, u8 *buf, gpa_t base, size_t cap)
{
    struct writer w = {.buf = buf, .n = POINTER + HEADER, .cap = cap};
    u8 *pointer = buf, *table = buf + POINTER;
    size_t length;

    CHECK(cap >= w.n);
    memset(buf, 0, w.n);
    put_entries(&w, c);
    length = w.n - POINTER;
    memcpy(table, "PCMP", 4);
    store_le16(table + 4, (u16)length);
    table[6] = 4;
    memcpy(table + 8, "X86SIM  PC          ", 20);
    store_le16(table + 34, (u16)w.entries);
    store_le32(table + 36, c->lapic_base);
    table[7] = checksum(table, length);
    memcpy(pointer, "_MP_", 4);
    store_le32(pointer + 4, (u32)base + POINTER);
    pointer[8] = 1;
    pointer[9] = 4;
    pointer[10] = checksum(pointer, POINTER);
    return w.n;
}
