/* SPDX-License-Identifier: MIT */
/*
 * A PC as Linux and small kernels know it: 440FX and PIIX with ACPI, an I/O APIC, an HPET, one
 * serial port, a keyboard controller.
 *
 *   8259 INTR    message to vCPU 0's LINT0 (virtual wire)
 *   ISA n        8259 input n, and I/O APIC input n; ISA 0 is I/O APIC input 2
 *   PIRQ A..D    8259 inputs as the ISA bridge routes them, and I/O APIC inputs 16 to 19 (active
 * low) HPET         ISA 0 and 8 in legacy replacement mode, in which the 8254 and the RTC are cut
 * off; else I/O APIC inputs 20 to 23 (active low), 2 and 8 SCI          ISA 9, level
 *
 * There is no firmware: what one would leave (ELCR, PCI assignment, CMOS memory sizes, virtual wire
 * mode) is set up here, at creation and at each reset.
 */
#include "src/board_pc.h"

#include "cpu/lapic.h"
#include "cpu/vcpu.h"
#include "devices/acpi_pm.h"
#include "devices/acpi_tables.h"
#include "devices/debug_exit.h"
#include "devices/debug_port.h"
#include "devices/fpu_error.h"
#include "devices/hpet.h"
#include "devices/i8042.h"
#include "devices/i8254.h"
#include "devices/i8259.h"
#include "devices/ioapic.h"
#include "devices/mc146818.h"
#include "devices/ns16550.h"
#include "devices/pci_host.h"
#include "devices/port92.h"
#include "devices/post_port.h"
#include "mmu/physmem.h"

enum {
    IRQ_TIMER = 0,
    IRQ_KEYBOARD = 1,
    IRQ_COM1 = 4,
    IRQ_RTC = 8,
    IRQ_SCI = 9,
    IRQ_MOUSE = 12,
    IRQ_FPU = 13
};
enum { GSI_TIMER = 2, GSI_PIRQ = 16, ISA_PIRQ_ROUTE = 0x60 };
/* Firmware's choice of level-triggered ISA interrupts: SCI and what PIRQs are routed to. */
#define ELCR_LEVELS (1u << 9 | 1u << 10 | 1u << 11)
#define IOAPIC_WIRED_LOW 0xff0000u
#define HPET_ROUTES (0xf00000u | 1u << 2 | 1u << 8)

/* --- Interrupt lines
 * ------------------------------------------------------------------------------- */

static void set_isa(void *opaque, unsigned irq, bool level)
{
    struct board *b = opaque;

    i8259_set_irq(b->pic, irq, level);
    ioapic_set_irq(b->ioapic, irq == IRQ_TIMER ? GSI_TIMER : irq, level);
}

/* The 8254's and the RTC's lines, which the HPET may have taken over. */
static void set_timer_isa(void *opaque, unsigned irq, bool level)
{
    struct board *b = opaque;

    if (!b->hpet || !hpet_is_legacy(b->hpet))
        set_isa(b, irq, level);
}

static void set_hpet_gsi(void *opaque, unsigned gsi, bool level)
{
    struct board *b = opaque;

    ioapic_set_irq(b->ioapic, gsi, level);
}

/* ISA interrupt `irq` is the OR of the PCI interrupts routed to it. */
static void drive_routed(struct board *b, u8 irq)
{
    bool level = false;

    if (irq & 0x80)
        return;
    for (unsigned n = 0; n < 4; n++)
        level |= b->pirq_route[n] == irq && b->pci->asserting[n];
    i8259_set_irq(b->pic, irq & 15, level);
}

static void set_pirq(void *opaque, unsigned n, bool level)
{
    struct board *b = opaque;

    ioapic_set_irq(b->ioapic, GSI_PIRQ + n, level);
    drive_routed(b, b->pirq_route[n]);
}

static void read_pirq_routes(struct board *b)
{
    for (unsigned n = 0; n < 4; n++)
        b->pirq_route[n] = b->pci->isa->config[ISA_PIRQ_ROUTE + n] & 0x8f;
}

/* The guest programs the ISA bridge: PIRQs may go elsewhere now. */
static void isa_config_written(struct pci_function *f, unsigned offset, unsigned size)
{
    struct board *b = f->dev.io->machine;
    u8 before[4];

    if (offset >= ISA_PIRQ_ROUTE + 4 || offset + size <= ISA_PIRQ_ROUTE)
        return;
    memcpy(before, b->pirq_route, 4);
    read_pirq_routes(b);
    for (unsigned n = 0; n < 4; n++) {
        drive_routed(b, before[n]);
        drive_routed(b, b->pirq_route[n]);
    }
}

static void set_intr(void *opaque, unsigned n, bool level)
{
    struct board *b = opaque;
    struct ipi msg = {.mode = level ? IPI_EXTINT : IPI_EXTINT_LOW, .level = level};

    (void)n;
    if (b->io.by)
        ipi_send(b->io.by, &b->config.vcpus[0]->p, &msg);
}

static void send_from_ioapic(void *opaque, struct ipi msg, u8 dest, bool logical)
{
    struct board *b = opaque;

    apic_map_send(&b->map, b->io.by, apic_map_match(&b->map, dest, logical, false), &msg);
}

static void broadcast_eoi(void *opaque, struct participant *by, u8 vector)
{
    struct board *b = opaque;

    b->io.by = by;
    ioapic_eoi(b->ioapic, vector);
}

/* --- What devices ask of the machine
 * ----------------------------------------------------------------- */

static void timers_changed(struct machine_io *io)
{
    struct board *b = io->machine;

    if (b->config.timers_changed)
        b->config.timers_changed(b->config.opaque);
}

static void reset_machine(void *opaque)
{
    struct board *b = opaque;

    if (b->config.reset)
        b->config.reset(b->config.opaque);
}

/* --- Chips and their places
 * ---------------------------------------------------------------------------- */

static struct irq_line isa_line(struct board *b, unsigned irq)
{
    return (struct irq_line){set_isa, b, irq};
}

static void create_interrupt_chips(struct board *b)
{
    b->pic = i8259_create(&b->io);
    b->pic->intr = (struct irq_line){set_intr, b, 0};
    b->ioapic = ioapic_create(&b->io);
    b->ioapic->wired_low = IOAPIC_WIRED_LOW;
    b->ioapic->send = send_from_ioapic;
    b->ioapic->opaque = b;
}

static void create_timers(struct board *b)
{
    b->pit = i8254_create(&b->io);
    b->pit->irq = (struct irq_line){set_timer_isa, b, IRQ_TIMER};
    b->rtc = mc146818_create(&b->io, b->config.rtc_base);
    b->rtc->irq = (struct irq_line){set_timer_isa, b, IRQ_RTC};
    if (b->config.no_hpet)
        return;
    b->hpet = hpet_create(&b->io);
    b->hpet->routes = HPET_ROUTES;
    b->hpet->gsi = (struct irq_line){set_hpet_gsi, b, 0};
    b->hpet->isa = (struct irq_line){set_isa, b, 0};
}

static void create_ports(struct board *b)
{
    b->com1 = ns16550_create(&b->io);
    b->com1->irq = isa_line(b, IRQ_COM1);
    b->com1->output = b->config.serial_output;
    b->com1->room = b->config.serial_room;
    b->com1->opaque = b->config.opaque;
    b->fpu_error = fpu_error_create(&b->io);
    b->fpu_error->irq = isa_line(b, IRQ_FPU);
    b->kbc = i8042_create(&b->io);
    b->kbc->kbd_irq = isa_line(b, IRQ_KEYBOARD);
    b->kbc->mouse_irq = isa_line(b, IRQ_MOUSE);
    b->kbc->reset = reset_machine;
    b->kbc->opaque = b;
}

static void create_bridges(struct board *b)
{
    b->pci = pci_host_create(&b->io, BOARD_PM_BASE);
    b->pci->pirq = (struct irq_line){set_pirq, b, 0};
    b->pci->reset = reset_machine;
    b->pci->opaque = b;
    b->pci->isa->config_written = isa_config_written;
    b->pm = acpi_pm_create(&b->io);
    b->pm->sci = isa_line(b, IRQ_SCI);
    b->pm->poweroff = b->config.poweroff;
    b->pm->opaque = b->config.opaque;
}

struct place {
    u16 port, count;
    const char *name;
    const struct region_ops *ops;
    void *dev;
};

static int map_ports(struct board *b, struct debug_port *debug, struct debug_exit *debug_exit,
                     struct port92 *port92, struct post_port *post)
{
    const struct place places[] = {
        {0x20, 2, "pic1", &i8259_master_ops, b->pic},
        {0x40, 4, "pit", &i8254_ops, b->pit},
        {0x60, 1, "kbd-data", &i8042_data_ops, b->kbc},
        {0x61, 1, "port61", &i8254_port61_ops, b->pit},
        {0x64, 1, "kbd-command", &i8042_command_ops, b->kbc},
        {0x70, 2, "rtc", &mc146818_ops, b->rtc},
        {0x80, 16, "post", &post_port_ops, post},
        {0x92, 1, "port92", &port92_ops, port92},
        {0xa0, 2, "pic2", &i8259_slave_ops, b->pic},
        {0xe9, 1, "debug-port", &debug_port_ops, debug},
        {0xf0, 2, "fpu-error", &fpu_error_ops, b->fpu_error},
        {0xf4, 4, "debug-exit", &debug_exit_ops, debug_exit},
        {0x3f8, 8, "com1", &ns16550_ops, b->com1},
        {0x4d0, 2, "elcr", &i8259_elcr_ops, b->pic},
        {BOARD_PM_BASE, 8, "acpi-pm1", &acpi_pm1_ops, b->pm},
        {BOARD_PM_BASE + 8, 4, "acpi-timer", &acpi_pm_timer_ops, b->pm},
        {BOARD_PM_BASE + 12, 4, "acpi-gpe0", &acpi_gpe_ops, b->pm},
        {0xcf8, 8, "pci", &pci_host_ops, b->pci},
    };
    int error = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(places) && !error; i++)
        error = io_space_add_ports(b->config.space, places[i].port, places[i].count, places[i].name,
                                   places[i].ops, places[i].dev);
    return error;
}

static int create_and_map_ports(struct board *b)
{
    struct debug_port *debug = debug_port_create(&b->io);
    struct debug_exit *debug_exit = debug_exit_create(&b->io);
    struct port92 *port92 = port92_create(&b->io);

    debug->output = b->config.debug_output;
    debug->opaque = b->config.opaque;
    debug_exit->exit = b->config.exit;
    debug_exit->opaque = b->config.opaque;
    port92->reset = reset_machine;
    port92->opaque = b;
    return map_ports(b, debug, debug_exit, port92, post_port_create(&b->io));
}

static int map_memory(struct board *b)
{
    int error = io_space_add_mmio(b->config.space, BOARD_IOAPIC_BASE, 0x1000, "ioapic", &ioapic_ops,
                                  b->ioapic);

    if (!error && b->hpet)
        error =
            io_space_add_mmio(b->config.space, BOARD_HPET_BASE, 0x1000, "hpet", &hpet_ops, b->hpet);
    return error;
}

/* --- Firmware's work
 * --------------------------------------------------------------------------------------- */

static void set_cmos16(struct board *b, unsigned index, u64 value)
{
    value = MIN(value, 0xffffu);
    mc146818_set_cmos(b->rtc, index, (u8)value);
    mc146818_set_cmos(b->rtc, index + 1, (u8)(value >> 8));
}

/* Memory sizes and the like, where PC firmware keeps them. */
static void set_cmos(struct board *b)
{
    u64 low = b->config.ram_low, extended = low > 0x100000 ? low - 0x100000 : 0;
    u64 above16 = low > 0x1000000 ? low - 0x1000000 : 0, high = b->config.ram_high >> 16;
    unsigned sum = 0;

    mc146818_set_cmos(b->rtc, 0x14, 0x06); /* FPU, mouse; no diskette */
    set_cmos16(b, 0x15, MIN(low >> 10, 640u));
    set_cmos16(b, 0x17, extended >> 10);
    set_cmos16(b, 0x30, extended >> 10);
    set_cmos16(b, 0x34, above16 >> 16);
    for (unsigned i = 0; i < 3; i++)
        mc146818_set_cmos(b->rtc, 0x5b + i, (u8)(high >> 8 * i));
    mc146818_set_cmos(b->rtc, 0x5f, (u8)(b->config.n_vcpus - 1));
    for (unsigned i = 0x10; i <= 0x2d; i++)
        sum += b->rtc->cmos[i];
    mc146818_set_cmos(b->rtc, 0x2e, (u8)(sum >> 8));
    mc146818_set_cmos(b->rtc, 0x2f, (u8)sum);
}

void board_reset(struct board *b)
{
    device_reset_all(&b->io);
    i8259_set_elcr(b->pic, ELCR_LEVELS);
    read_pirq_routes(b);
}

static int create_lapics(struct board *b)
{
    for (unsigned i = 0; i < b->config.n_vcpus; i++) {
        struct vcpu *v = b->config.vcpus[i];
        int error = lapic_create(v, &b->map);

        if (error)
            return error;
        v->lapic->eoi_broadcast = broadcast_eoi;
        v->lapic->opaque = b;
        lapic_reset(v, i == 0);
    }
    return 0;
}

int board_create(struct board *b, const struct board_config *config)
{
    int error;

    *b = (struct board){.config = *config};
    b->io.space = config->space;
    b->io.machine = b;
    b->io.timers_changed = timers_changed;
    error = create_lapics(b);
    if (error)
        goto out_destroy;
    create_interrupt_chips(b);
    create_timers(b);
    create_ports(b);
    create_bridges(b);
    error = create_and_map_ports(b);
    if (!error)
        error = map_memory(b);
    if (!error)
        error = pci_host_assign(b->pci, 0xc000, 0x10000, BOARD_PCI_MEM_FIRST, BOARD_PCI_MEM_LAST);
    if (error)
        goto out_destroy;
    set_cmos(b);
    board_reset(b);
    return 0;

out_destroy:
    board_destroy(b);
    return error;
}

void board_destroy(struct board *b)
{
    device_destroy_all(&b->io);
    for (unsigned i = 0; i < b->config.n_vcpus; i++)
        if (b->config.vcpus[i])
            lapic_destroy(b->config.vcpus[i]);
}

size_t board_build_tables(const struct board *b, u8 *buf)
{
    struct acpi_config c = {.n_cpus = b->config.n_vcpus,
                            .lapic_base = LAPIC_BASE_DEFAULT,
                            .ioapic_base = BOARD_IOAPIC_BASE,
                            .ioapic_version = b->ioapic->version,
                            .hpet_base = b->hpet ? BOARD_HPET_BASE : 0,
                            .hpet_id = (u32)hpet_capabilities(),
                            .pm_base = BOARD_PM_BASE,
                            .pm_timer_32bit = b->pm->timer_bits == 32,
                            .sci_irq = IRQ_SCI,
                            .s5_type = ACPI_PM_S5_TYPE,
                            .pci_mem_first = BOARD_PCI_MEM_FIRST,
                            .pci_mem_last = BOARD_PCI_MEM_LAST,
                            .cpu_signature = b->config.cpu_signature,
                            .cpu_features = b->config.cpu_features};

    for (unsigned n = 0; n < 4; n++) {
        c.pci_irq[n] = b->pirq_route[n];
        c.pci_gsi[n] = (u8)(GSI_PIRQ + n);
    }
    return acpi_build(&c, buf, BOARD_TABLES_BASE);
}

/* --- From the outside
 * ---------------------------------------------------------------------------------------- */

unsigned board_serial_room(const struct board *b)
{
    return ns16550_room(b->com1);
}

void board_serial_input(struct board *b, u8 byte)
{
    ns16550_receive(b->com1, byte);
}

void board_serial_break(struct board *b)
{
    ns16550_receive_break(b->com1);
}

void board_key(struct board *b, u8 code, bool down)
{
    i8042_key(b->kbc, code, down);
}

void board_power_button(struct board *b)
{
    acpi_pm_press_button(b->pm);
}

void board_fpu_error(struct board *b)
{
    fpu_error_raise(b->fpu_error);
}

u8 board_peek_pic(const struct board *b)
{
    return i8259_peek(b->pic);
}

u8 board_ack_pic(struct board *b)
{
    return i8259_acknowledge(b->pic);
}

u64 board_next_deadline(const struct board *b)
{
    return dev_timer_next(&b->io);
}

bool board_run_timer(struct board *b, u64 now_ns)
{
    struct dev_timer *t = dev_timer_due(&b->io, now_ns);

    if (t)
        dev_timer_fire(t, now_ns);
    return t != NULL;
}

u64 board_digest(const struct board *b, u64 seed)
{
    return device_digest_all(&b->io, seed ^ b->config.space->a20_shut);
}
