/* SPDX-License-Identifier: MIT */
/*
 * PCI bus 0 of a 440FX with PIIX (PCI Local Bus 2.3 §3.2.2.3.2 configuration mechanism 1, §6
 * configuration space; Intel 440FX datasheet, 290549; PIIX3, 290550; PIIX4, 290562).
 *
 * The bridges' chip-specific registers can be written and read back; of these only the PIRQ routing
 * (ISA bridge 0x60 to 0x63) means anything, to the board. Since there is no firmware under a
 * directly loaded kernel, the host assigns BARs itself (pci_host_assign), and a reset returns to
 * that assignment.
 *
 * Port 0xCF9 is the reset control register: it shares its place with CONFIG_ADDRESS, which takes
 * 4-byte accesses only. DEVIATION: the power management function's base register is fixed. Limits:
 * one bus, no MSI yet, no PCI Express configuration window.
 */
#include "devices/pci_host.h"

#include <errno.h>

#include "src/base/check.h"

enum {
    CFG_VENDOR = 0,
    CFG_DEVICE = 2,
    CFG_COMMAND = 4,
    CFG_STATUS = 6,
    CFG_REVISION = 8,
    CFG_HEADER = 0xe,
    CFG_BAR = 0x10,
    CFG_LINE = 0x3c,
    CFG_PIN = 0x3d,
    CFG_PIRQ = 0x60,
};
enum { COMMAND_IO = 1, COMMAND_MEM = 2, COMMAND_MASTER = 4 };
enum { RESET_CPU = 4 };

static u64 bar_address(const struct pci_function *f, unsigned bar)
{
    u64 low = load_le32(f->config + CFG_BAR + 4 * bar);

    switch (f->bar_kind[bar]) {
    case PCI_BAR_IO: return low & 0xfffc;
    case PCI_BAR_MEM32: return low & ~15ull;
    case PCI_BAR_MEM64:
        return (low & ~15ull) | (u64)load_le32(f->config + CFG_BAR + 4 * bar + 4) << 32;
    }
    return 0;
}

static bool is_decoding(const struct pci_function *f, unsigned bar)
{
    return f->config[CFG_COMMAND] & (f->bar_kind[bar] == PCI_BAR_IO ? COMMAND_IO : COMMAND_MEM);
}

u64 pci_function_bar(const struct pci_function *f, unsigned bar)
{
    return bar < PCI_BARS && is_decoding(f, bar) ? bar_address(f, bar) : 0;
}

static void tell_bars(struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_BARS && f->bar_moved; i++)
        if (f->bar_kind[i] != PCI_BAR_NONE)
            f->bar_moved(f, i, bar_address(f, i), is_decoding(f, i));
}

void pci_function_reset(struct pci_function *f)
{
    memcpy(f->config, f->at_reset, sizeof(f->config));
    f->intx = 0;
    tell_bars(f);
}

void pci_function_set_intx(struct pci_function *f, bool level)
{
    struct pci_host *host = f->host;
    unsigned n = (unsigned)((f->devfn >> 3) + f->config[CFG_PIN] - 1) & 3;
    bool was = host->asserting[n];

    if (!f->config[CFG_PIN] || level == f->intx)
        return;
    f->intx = level;
    host->asserting[n] = (u8)(host->asserting[n] + (level ? 1 : -1));
    if (was != (host->asserting[n] > 0))
        irq_line_set(&(struct irq_line){host->pirq.set, host->pirq.dev, n}, host->asserting[n] > 0);
}

static void write_config(struct pci_function *f, unsigned offset, unsigned size, u64 value)
{
    for (unsigned i = 0; i < size; i++) {
        u8 byte = (u8)(value >> 8 * i), *at = &f->config[offset + i];

        *at = (u8)((*at & ~f->writable[offset + i]) | (byte & f->writable[offset + i]));
        *at &= (u8) ~(byte & f->clearable[offset + i]);
    }
    if (offset < CFG_BAR + 4 * PCI_BARS && offset + size > CFG_COMMAND)
        tell_bars(f);
    if (f->config_written)
        f->config_written(f, offset, size);
}

/* The function that CONFIG_ADDRESS selects; NULL: none, reads give all ones. */
static struct pci_function *selected(const struct pci_host *host)
{
    if (!(host->address >> 31) || (host->address >> 16 & 0xff))
        return NULL;
    return host->functions[host->address >> 8 & 0xff];
}

static u64 host_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    struct pci_host *host = dev;
    const struct pci_function *f = selected(host);
    unsigned reg = (host->address & 0xfc) + (offset & 3);
    u64 value = 0;

    (void)by;
    if (offset < 4) {
        if (size == 4)
            return host->address;
        return size == 1 && offset == 1 ? host->reset_control : mask64(size * 8);
    }
    if (!f || reg + size > 256)
        return mask64(size * 8);
    for (unsigned i = 0; i < size; i++)
        value |= (u64)f->config[reg + i] << 8 * i;
    return value;
}

/* A 0 to 1 change of the CPU reset bit resets the platform, hard or soft. */
static void write_reset_control(struct pci_host *host, u8 value)
{
    bool resets = !(host->reset_control & RESET_CPU) && (value & RESET_CPU);

    host->reset_control = value & 0x0e;
    if (resets && host->reset)
        host->reset(host->opaque);
}

static void host_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct pci_host *host = dev;
    struct pci_function *f = selected(host);
    unsigned reg = (host->address & 0xfc) + (offset & 3);

    (void)by;
    if (offset < 4) {
        if (size == 4)
            host->address = (u32)value & 0x80fffffc;
        else if (size == 1 && offset == 1)
            write_reset_control(host, (u8)value);
    } else if (f && reg + size <= 256) {
        write_config(f, reg, size, value);
    }
}

const struct region_ops pci_host_ops = {host_read, host_write, .max_size = 4};

int pci_function_add(struct pci_host *host, struct pci_function *f, u8 devfn, u16 vendor,
                     u16 device, u32 class_code, u8 revision)
{
    if (host->functions[devfn])
        return -EBUSY;
    host->functions[devfn] = f;
    f->host = host;
    f->devfn = devfn;
    store_le16(f->config + CFG_VENDOR, vendor);
    store_le16(f->config + CFG_DEVICE, device);
    store_le32(f->config + CFG_REVISION, class_code << 8 | revision);
    f->writable[CFG_COMMAND] = COMMAND_IO | COMMAND_MEM | COMMAND_MASTER | 0x40;
    f->writable[CFG_COMMAND + 1] = 5; /* SERR#, interrupt disable */
    f->clearable[CFG_STATUS + 1] = 0xf9;
    f->writable[CFG_LINE] = 0xff;
    return 0;
}

void pci_function_add_bar(struct pci_function *f, unsigned bar, enum pci_bar_kind kind, u64 size)
{
    u8 *config = f->config + CFG_BAR + 4 * bar, *writable = f->writable + CFG_BAR + 4 * bar;
    u64 mask = ~(size - 1);

    CHECK(is_pow2(size) && bar < PCI_BARS && (kind != PCI_BAR_MEM64 || bar + 1 < PCI_BARS));
    f->bar_size[bar] = size;
    f->bar_kind[bar] = (u8)kind;
    store_le32(writable, (u32)mask & (kind == PCI_BAR_IO ? ~3u : ~15u));
    if (kind == PCI_BAR_MEM64)
        store_le32(writable + 4, (u32)(mask >> 32));
    store_le32(config, kind == PCI_BAR_IO ? 1 : kind == PCI_BAR_MEM64 ? 4 : 0);
}

void pci_function_use_intx(struct pci_function *f)
{
    f->config[CFG_PIN] = 1;
}

static int assign_bar(struct pci_host *host, struct pci_function *f, unsigned bar)
{
    bool is_io = f->bar_kind[bar] == PCI_BAR_IO;
    u64 *next = is_io ? &host->io_next : &host->mem_next,
        end = is_io ? host->io_end : host->mem_end;
    u64 at = align_up(*next, f->bar_size[bar]);
    u8 *config = f->config + CFG_BAR + 4 * bar;

    if (at + f->bar_size[bar] > end)
        return -ENOSPC;
    *next = at + f->bar_size[bar];
    store_le32(config, (u32)at | (load_le32(config) & 15));
    if (f->bar_kind[bar] == PCI_BAR_MEM64)
        store_le32(config + 4, (u32)(at >> 32));
    f->config[CFG_COMMAND] |= is_io ? COMMAND_IO : COMMAND_MEM;
    return 0;
}

int pci_host_assign(struct pci_host *host, u64 io_first, u64 io_end, u64 mem_first, u64 mem_end)
{
    host->io_next = io_first;
    host->io_end = io_end;
    host->mem_next = mem_first;
    host->mem_end = mem_end;
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        struct pci_function *f = host->functions[devfn];
        int error;

        if (!f)
            continue;
        for (unsigned bar = 0; bar < PCI_BARS; bar++)
            if (f->bar_kind[bar] != PCI_BAR_NONE && (error = assign_bar(host, f, bar)))
                return error;
        if (f->config[CFG_PIN])
            f->config[CFG_LINE] =
                host->isa->config[CFG_PIRQ + (((devfn >> 3) + f->config[CFG_PIN] - 1u) & 3)];
        memcpy(f->at_reset, f->config, sizeof(f->config));
        tell_bars(f);
    }
    return 0;
}

static void reset_function(void *dev)
{
    pci_function_reset(dev);
}

static const struct dev_field function_state[] = {DEV_ARRAY(pci_function, config),
                                                  DEV_FIELD(pci_function, intx), DEV_END};

static const struct dev_class function_class = {.name = "pci_function",
                                                .size = sizeof(struct pci_function),
                                                .state = function_state,
                                                .reset = reset_function};

static struct pci_function *create_bridge(struct machine_io *io, struct pci_host *host, u8 devfn,
                                          u16 device, u32 class_code, u8 revision)
{
    struct pci_function *f = device_create(io, &function_class);
    int error = pci_function_add(host, f, devfn, 0x8086, device, class_code, revision);

    CHECK(!error);
    memset(f->writable + 0x40, 0xff, sizeof(f->writable) - 0x40);
    return f;
}

/* Registers as the platform's firmware leaves them. */
static void set_firmware_state(struct pci_host *host, u16 pm_base)
{
    static const u8 pirq[4] = {10, 11, 10, 11};

    host->bridge->config[CFG_COMMAND] = COMMAND_MEM | COMMAND_MASTER;
    host->isa->config[CFG_HEADER] = 0x80; /* has functions */
    host->isa->config[CFG_COMMAND] = COMMAND_IO | COMMAND_MEM | COMMAND_MASTER;
    memcpy(host->isa->config + CFG_PIRQ, pirq, sizeof(pirq));
    host->pm->config[CFG_COMMAND] = COMMAND_IO;
    store_le32(host->pm->config + 0x40, pm_base | 1u);
    host->pm->config[0x80] = 1; /* registers at that base are enabled */
    memset(host->pm->writable + 0x40, 0, 4);
    host->pm->writable[0x80] = 0;
}

static void reset(void *dev)
{
    struct pci_host *host = dev;

    host->address = 0;
    host->reset_control = 0;
    memset(host->asserting, 0, sizeof(host->asserting));
}

static const struct dev_field state[] = {DEV_FIELD(pci_host, address),
                                         DEV_FIELD(pci_host, reset_control),
                                         DEV_ARRAY(pci_host, asserting), DEV_END};

static const struct dev_class pci_host_class = {
    .name = "pci_host", .size = sizeof(struct pci_host), .state = state, .reset = reset};

struct pci_host *pci_host_create(struct machine_io *io, u16 pm_base)
{
    struct pci_host *host = device_create(io, &pci_host_class);

    host->bridge = create_bridge(io, host, PCI_DEVFN(0, 0), 0x1237, 0x060000, 2);
    host->isa = create_bridge(io, host, PCI_DEVFN(1, 0), 0x7000, 0x060100, 0);
    host->pm = create_bridge(io, host, PCI_DEVFN(1, 3), 0x7113, 0x068000, 3);
    set_firmware_state(host, pm_base);
    return host;
}
