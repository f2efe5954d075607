/* SPDX-License-Identifier: MIT */
/*
 * The DSDT: which devices there are that cannot be discovered, which resources they use, how PCI
 * interrupts are routed, and how to switch the machine off (ACPI 6.4 §5.2.11.1, §6.1, §6.2,
 * §7.4.2).
 *
 * The namespace: \_S5, \_PIC and \PICF (which interrupt controller the system uses), \_SB.PCI0 with
 * the ISA bridge and its chips below it, \_SB.HPET, \_SB.MBRD (ports and memory nobody may move
 * devices to), and one processor device per CPU. The power button is a fixed-hardware one and needs
 * no object.
 *
 * PCI interrupts: slot s, pin p is PIRQ (s + p) mod 4; PIRQs lead to ISA interrupts with the 8259s,
 * and to inputs of their own at the I/O APIC.
 */
#include "devices/acpi_tables.h"
#include "devices/aml.h"

#define SLOTS 32u

static void build_s5(struct aml *a, u8 type)
{
    aml_pos package;

    aml_name(a, "\\_S5");
    package = aml_begin_package(a, 4);
    aml_integer(a, type);
    aml_integer(a, type);
    aml_integer(a, 0);
    aml_integer(a, 0);
    aml_end(a, package);
}

static void build_pic(struct aml *a)
{
    aml_pos method;

    aml_name_integer(a, "\\PICF", 0);
    method = aml_begin_method(a, "\\_PIC", 1);
    aml_store_arg0(a, "PICF");
    aml_end(a, method);
}

/* The routing of all slots to four interrupts. */
static void build_routes(struct aml *a, const char *name, const u8 irq[4])
{
    aml_pos table, row;

    aml_name(a, name);
    table = aml_begin_package(a, (SLOTS - 1) * 4);
    for (unsigned i = 4; i < SLOTS * 4; i++) {
        row = aml_begin_package(a, 4);
        aml_integer(a, i / 4 << 16 | 0xffff);
        aml_integer(a, i % 4);
        aml_integer(a, 0);
        aml_integer(a, irq[(i / 4 + i % 4) & 3]);
        aml_end(a, row);
    }
    aml_end(a, table);
}

static void build_routing(struct aml *a, const struct acpi_config *c)
{
    aml_pos method, condition;

    build_routes(a, "PRTP", c->pci_irq);
    build_routes(a, "PRTA", c->pci_gsi);
    method = aml_begin_method(a, "_PRT", 0);
    condition = aml_begin_if_name(a, "PICF");
    aml_return_name(a, "PRTA");
    aml_end(a, condition);
    aml_return_name(a, "PRTP");
    aml_end(a, method);
}

static void build_pci_windows(struct aml *a, const struct acpi_config *c)
{
    struct aml_crs crs = aml_begin_crs(a);

    aml_bus_window(a, 0, 0xff);
    aml_io(a, 0xcf8, 8);
    aml_io_window(a, 0, 0xcf7);
    aml_io_window(a, 0xd00, 0xffff);
    aml_memory_window(a, 0xa0000, 0xbffff, true);
    aml_memory_window(a, c->pci_mem_first, c->pci_mem_last, false);
    aml_end_crs(a, crs);
}

/* A chip on the ISA bus: up to three port ranges and one interrupt (-1: none). */
struct isa_chip {
    const char *name, *id;
    struct {
        u16 port;
        u8 count;
    } io[3];
    int irq;
    int uid; /* -1: none */
};

static const struct isa_chip isa_chips[] = {
    {"PIC", "PNP0000", {{0x20, 2}, {0xa0, 2}, {0x4d0, 2}}, 2, -1},
    {"TIMR", "PNP0100", {{0x40, 4}}, 0, -1},
    {"SPKR", "PNP0800", {{0x61, 1}}, -1, -1},
    {"RTC", "PNP0B00", {{0x70, 2}}, 8, -1},
    {"KBD", "PNP0303", {{0x60, 1}, {0x64, 1}}, 1, -1},
    {"MOU", "PNP0F13", {{0}}, 12, -1},
    {"COM1", "PNP0501", {{0x3f8, 8}}, 4, 1},
};

static void build_isa_chip(struct aml *a, const struct isa_chip *chip)
{
    aml_pos device = aml_begin_device(a, chip->name);
    struct aml_crs crs;

    aml_name(a, "_HID");
    aml_eisa_id(a, chip->id);
    if (chip->uid >= 0)
        aml_name_integer(a, "_UID", (u64)chip->uid);
    crs = aml_begin_crs(a);
    for (unsigned i = 0; i < 3 && chip->io[i].count; i++)
        aml_io(a, chip->io[i].port, chip->io[i].count);
    if (chip->irq >= 0)
        aml_irq(a, (unsigned)chip->irq);
    aml_end_crs(a, crs);
    aml_end(a, device);
}

static void build_pci(struct aml *a, const struct acpi_config *c)
{
    aml_pos pci = aml_begin_device(a, "PCI0"), isa;

    aml_name(a, "_HID");
    aml_eisa_id(a, "PNP0A03");
    aml_name_integer(a, "_UID", 0);
    aml_name_integer(a, "_BBN", 0);
    build_pci_windows(a, c);
    build_routing(a, c);
    isa = aml_begin_device(a, "ISA");
    aml_name_integer(a, "_ADR", 0x10000);
    for (unsigned i = 0; i < ARRAY_SIZE(isa_chips); i++)
        build_isa_chip(a, &isa_chips[i]);
    aml_end(a, isa);
    aml_end(a, pci);
}

static void build_hpet(struct aml *a, u32 base)
{
    aml_pos device = aml_begin_device(a, "HPET");
    struct aml_crs crs;

    aml_name(a, "_HID");
    aml_eisa_id(a, "PNP0103");
    aml_name_integer(a, "_UID", 0);
    crs = aml_begin_crs(a);
    aml_memory_fixed(a, base, 0x400);
    aml_end_crs(a, crs);
    aml_end(a, device);
}

/* Ports and memory of the platform itself. */
static void build_motherboard(struct aml *a, const struct acpi_config *c)
{
    aml_pos device = aml_begin_device(a, "MBRD");
    struct aml_crs crs;

    aml_name(a, "_HID");
    aml_eisa_id(a, "PNP0C02");
    aml_name_integer(a, "_UID", 0);
    crs = aml_begin_crs(a);
    aml_io(a, 0x80, 16);
    aml_io(a, 0x92, 1);
    aml_io(a, c->pm_base, 64);
    aml_memory_fixed(a, c->ioapic_base, 0x1000);
    aml_memory_fixed(a, c->lapic_base, 0x1000);
    aml_end_crs(a, crs);
    aml_end(a, device);
}

static void build_cpu(struct aml *a, unsigned n)
{
    static const char hex[] = "0123456789ABCDEF";
    char name[5] = {'C', '0', hex[n >> 4 & 15], hex[n & 15], 0};
    aml_pos device = aml_begin_device(a, name);

    aml_name(a, "_HID");
    aml_string(a, "ACPI0007");
    aml_name_integer(a, "_UID", n);
    aml_end(a, device);
}

size_t acpi_build_dsdt(const struct acpi_config *c, u8 *buf, size_t cap)
{
    struct aml aml = {.buf = buf, .cap = cap}, *a = &aml;
    aml_pos scope;

    build_s5(a, c->s5_type);
    build_pic(a);
    scope = aml_begin_scope(a, "\\_SB");
    build_pci(a, c);
    if (c->hpet_base)
        build_hpet(a, c->hpet_base);
    build_motherboard(a, c);
    for (unsigned i = 0; i < c->n_cpus; i++)
        build_cpu(a, i);
    aml_end(a, scope);
    return a->n;
}
