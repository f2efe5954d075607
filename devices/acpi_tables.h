/* SPDX-License-Identifier: MIT */
/*
 * The tables that tell an operating system what the machine has: ACPI, and the older MP table.
 */
#ifndef DEVICES_ACPI_TABLES_H
#define DEVICES_ACPI_TABLES_H

#include "src/base/types.h"

/* What acpi_build() may write at most. */
#define ACPI_BUILD_MAX 0x8000u

struct acpi_config {
    unsigned n_cpus; /* APIC ids 0 to n_cpus - 1 */
    u32 lapic_base;
    u32 ioapic_base;
    u8 ioapic_id, ioapic_version;
    u32 hpet_base; /* 0: no HPET */
    u32 hpet_id;   /* low half of its capabilities */
    u16 pm_base;   /* PM1a event at +0, control at +4, timer at +8, GPE0 at +12 */
    bool pm_timer_32bit;
    u8 sci_irq;
    u8 s5_type; /* SLP_TYP of soft off */
    u32 pci_mem_first, pci_mem_last;
    u8 pci_irq[4];                   /* ISA interrupts of PIRQA to PIRQD when the 8259s are used */
    u8 pci_gsi[4];                   /* and the I/O APIC's inputs */
    u32 cpu_signature, cpu_features; /* CPUID leaf 1 EAX, EDX, for the MP table */
};

/* Write all tables into buf (ACPI_BUILD_MAX bytes), for guest-physical address `base`, which is
 * 64-byte aligned and lies where systems look for the RSDP and the MP floating pointer: from
 * 0xF0000 up. The RSDP comes first. Returns the number of bytes. */
size_t acpi_build(const struct acpi_config *config, u8 *buf, gpa_t base);

/* Parts of it: the AML of the DSDT without its header; the MP floating pointer and table. */
size_t acpi_build_dsdt(const struct acpi_config *config, u8 *buf, size_t cap);
size_t mp_table_build(const struct acpi_config *config, u8 *buf, gpa_t base, size_t cap);

#endif
