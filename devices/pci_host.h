/* SPDX-License-Identifier: MIT */
/*
 * PCI: configuration mechanism 1, a host bridge, and what other devices need in order to be PCI
 * functions on bus 0.
 */
#ifndef DEVICES_PCI_HOST_H
#define DEVICES_PCI_HOST_H

#include "devices/device.h"
#include "mmu/region.h"

#define PCI_DEVFN(slot, function) ((u8)((slot) << 3 | (function)))
#define PCI_BARS 6u

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64 };

struct pci_host;

/* First member of every device that is a PCI function. */
struct pci_function {
    struct device dev;
    u8 config[256];
    u8 at_reset[256];  /* configuration after firmware's work (constant once the machine runs) */
    u8 writable[256];  /* bits that the guest may write (constant) */
    u8 clearable[256]; /* bits that writing one clears (constant) */
    u64 bar_size[PCI_BARS];
    u8 bar_kind[PCI_BARS]; /* enum pci_bar_kind; the upper half of a 64-bit BAR is PCI_BAR_NONE */
    u8 devfn;
    u8 intx; /* the level of its interrupt pin */
    struct pci_host *host;
    /* A BAR decodes at another place now; enabled: with the command register's consent. I/O hold.
     * May be NULL. */
    void (*bar_moved)(struct pci_function *f, unsigned bar, u64 address, bool enabled);
    /* Configuration bytes [offset, offset+size) were written. I/O hold. May be NULL. */
    void (*config_written)(struct pci_function *f, unsigned offset, unsigned size);
};

struct pci_host {
    struct device dev;
    u32 address;      /* CONFIG_ADDRESS */
    u8 reset_control; /* port 0xCF9 */
    u8 asserting[4];  /* functions that assert each of PIRQA to PIRQD */
    struct pci_function *functions[256];
    struct irq_line pirq;        /* n: 0 to 3 for PIRQA to PIRQD */
    void (*reset)(void *opaque); /* through port 0xCF9 */
    void *opaque;
    struct pci_function *bridge, *isa, *pm; /* 0:0.0, 0:1.0, 0:1.3 */
    u64 io_next, mem_next, io_end, mem_end; /* windows from which BARs get their addresses */
};

/* 8 ports from 0xCF8. */
extern const struct region_ops pci_host_ops;

/* The host with its bridge, a PIIX3 ISA bridge and a PIIX4 power management function whose
 * registers lie at pm_base. */
struct pci_host *pci_host_create(struct machine_io *io, u16 pm_base);

/* Put a created device on the bus. class_code: base, sub, interface. Before the machine runs.
 * -EBUSY: devfn is taken. */
int pci_function_add(struct pci_host *host, struct pci_function *f, u8 devfn, u16 vendor,
                     u16 device, u32 class_code, u8 revision);
/* Give a function a BAR of size (a power of two, at least 4 for I/O and 16 for memory). */
void pci_function_add_bar(struct pci_function *f, unsigned bar, enum pci_bar_kind kind, u64 size);
/* Use interrupt pin INTA. */
void pci_function_use_intx(struct pci_function *f);
/* What firmware does: give all BARs addresses from the windows, enable decoding, keep the result
 * for resets. -ENOSPC: a window is too small. */
int pci_host_assign(struct pci_host *host, u64 io_first, u64 io_end, u64 mem_first, u64 mem_end);
/* Drive the function's interrupt pin. I/O hold. */
void pci_function_set_intx(struct pci_function *f, bool level);
/* Back to the configuration after assignment: call from the reset of a class that embeds a
 * function. */
void pci_function_reset(struct pci_function *f);
/* Where BAR n decodes now; 0: nowhere. */
u64 pci_function_bar(const struct pci_function *f, unsigned bar);

#endif
