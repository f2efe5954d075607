/* SPDX-License-Identifier: MIT */
/*
 * Interrupt hardware: the local APIC (memory-mapped; x2APIC when it is already on, or when the command
 * line says "x2apic" and CPUID has it), the first I/O APIC, the 8259 pair, and channel 0 of the 8254.
 * The PIT's interrupt travels through the I/O APIC, or, when there is none or the command line says
 * "pic", through the 8259 and LINT0 of the boot CPU.
 *
 * Intel SDM vol. 3 §10.4-10.12; 82093AA I/O APIC §3; 8259A and 8254 data sheets.
 */
#include "roms/kit/kit.h"

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2 0x400u
#define APIC_BASE_ENABLE 0x800u
#define MSR_X2APIC 0x800u
#define CPUID_X2APIC (1u << 21) /* leaf 1, ECX */

/* Register numbers; times 16 for the memory-mapped offset. */
enum apic_reg {
    APIC_TPR = 0x08,
    APIC_EOI = 0x0b,
    APIC_SVR = 0x0f,
    APIC_ICR_LOW = 0x30,
    APIC_ICR_HIGH = 0x31,
    APIC_LVT_TIMER = 0x32,
    APIC_LVT_LINT0 = 0x35,
    APIC_LVT_LINT1 = 0x36,
    APIC_LVT_ERROR = 0x37,
    APIC_TIMER_INITIAL = 0x38,
    APIC_TIMER_CURRENT = 0x39,
    APIC_TIMER_DIVIDE = 0x3e,
};

#define LVT_MASKED 0x10000u
#define LVT_PERIODIC 0x20000u
#define DELIVERY_NMI 0x400u
#define DELIVERY_INIT 0x500u
#define DELIVERY_STARTUP 0x600u
#define DELIVERY_EXTINT 0x700u
#define ICR_PENDING 0x1000u
#define ICR_ASSERT 0x4000u

#define PIT_HZ 1193182u

static bool x2apic;
static bool pit_on_pic;

static uint32_t apic_read(enum apic_reg reg)
{
    if (x2apic)
        return (uint32_t)rdmsr(MSR_X2APIC + reg);
    return *(volatile uint32_t *)(uintptr_t)(platform.lapic_base + reg * 16u);
}

static void apic_write(enum apic_reg reg, uint32_t value)
{
    if (x2apic)
        wrmsr(MSR_X2APIC + reg, value);
    else
        *(volatile uint32_t *)(uintptr_t)(platform.lapic_base + reg * 16u) = value;
}

/* Interrupts off in between: a handler may send, too. A handler for NMI must not. */
static void send(uint32_t apic_id, uint32_t low)
{
    if (x2apic) {
        __asm__ volatile("mfence" : : : "memory"); /* WRMSR to the ICR orders nothing by itself */
        wrmsr(MSR_X2APIC + APIC_ICR_LOW, (uint64_t)apic_id << 32 | low);
        return;
    }
    uint64_t flags = irq_save();
    apic_write(APIC_ICR_HIGH, apic_id << 24);
    apic_write(APIC_ICR_LOW, low);
    while (apic_read(APIC_ICR_LOW) & ICR_PENDING)
        cpu_pause();
    irq_restore(flags);
}

void apic_send(struct cpu *to, unsigned vector)
{
    send(to->apic_id, ICR_ASSERT | vector);
}

void apic_send_nmi(struct cpu *to)
{
    send(to->apic_id, ICR_ASSERT | DELIVERY_NMI);
}

void apic_send_group(enum ipi_to group, unsigned vector)
{
    send(0, (uint32_t)group << 18 | ICR_ASSERT | vector);
}

void apic_send_init(struct cpu *to)
{
    send(to->apic_id, ICR_ASSERT | DELIVERY_INIT);
}

void apic_send_startup(struct cpu *to, unsigned page)
{
    send(to->apic_id, ICR_ASSERT | DELIVERY_STARTUP | page);
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

bool apic_is_x2apic(void)
{
    return x2apic;
}

void apic_set_tpr(unsigned priority)
{
    apic_write(APIC_TPR, priority);
}

void apic_timer_start(uint32_t count, bool periodic)
{
    apic_write(APIC_TIMER_DIVIDE, 0x3); /* by 16 */
    apic_write(APIC_LVT_TIMER,
               (count ? 0 : LVT_MASKED) | (periodic ? LVT_PERIODIC : 0) | VEC_LAPIC_TIMER);
    apic_write(APIC_TIMER_INITIAL, count);
}

uint32_t apic_timer_read(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}

static void pic_init(void)
{
    static const uint8_t steps[][2] = {
        {0x20, 0x11},    {0xa0, 0x11},        /* ICW1: cascade, ICW4 follows */
        {0x21, VEC_PIC}, {0xa1, VEC_PIC + 8}, /* ICW2: vectors */
        {0x21, 0x04},    {0xa1, 0x02},        /* ICW3: the second on line 2 */
        {0x21, 0x01},    {0xa1, 0x01},        /* ICW4: 8086 */
        {0x21, 0xff},    {0xa1, 0xff},        /* all masked */
    };

    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++)
        outb(steps[i][0], steps[i][1]);
}

static uint32_t ioapic_read(unsigned reg)
{
    volatile uint32_t *ioapic = (volatile uint32_t *)(uintptr_t)platform.ioapic_base;

    ioapic[0] = reg;
    return ioapic[4];
}

static void ioapic_write(unsigned reg, uint32_t value)
{
    volatile uint32_t *ioapic = (volatile uint32_t *)(uintptr_t)platform.ioapic_base;

    ioapic[0] = reg;
    ioapic[4] = value;
}

static void ioapic_route(unsigned pin, uint32_t low, uint32_t apic_id)
{
    ioapic_write(0x10 + pin * 2, LVT_MASKED);
    ioapic_write(0x11 + pin * 2, apic_id << 24);
    ioapic_write(0x10 + pin * 2, low);
}

void apic_init_cpu(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    wrmsr(MSR_APIC_BASE, base);
    if (x2apic)
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_LINT1, LVT_MASKED);
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_SVR, 0x100 | VEC_SPURIOUS);
}

void apic_init(void)
{
    x2apic = (cmdline_has("x2apic") && (cpuid_ebx_ecx(1) >> 32 & CPUID_X2APIC)) ||
             (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2);
    apic_init_cpu();
    pic_init();
    if (!platform.ioapic_base)
        return;
    for (unsigned pin = 0; pin <= (ioapic_read(1) >> 16 & 0xff); pin++)
        ioapic_route(pin, LVT_MASKED, 0);
}

void pit_start(unsigned hz, struct cpu *to)
{
    unsigned divisor = PIT_HZ / hz;

    pit_on_pic = !platform.ioapic_base || cmdline_has("pic");
    outb(0x43, 0x34); /* channel 0, low then high byte, mode 2 */
    outb(0x40, (uint8_t)divisor);
    outb(0x40, (uint8_t)(divisor >> 8));
    if (pit_on_pic) {
        apic_write(APIC_LVT_LINT0, DELIVERY_EXTINT);
        outb(0x21, 0xfe);
    } else {
        ioapic_route(platform.pit_gsi - platform.ioapic_gsi_base, VEC_PIT, to->apic_id);
    }
}

void pit_stop(void)
{
    if (pit_on_pic)
        outb(0x21, 0xff);
    else
        ioapic_route(platform.pit_gsi - platform.ioapic_gsi_base, LVT_MASKED, 0);
}

uint16_t pit_read(void)
{
    uint64_t flags = irq_save();
    outb(0x43, 0x00); /* latch channel 0 */
    uint8_t low = inb(0x40);
    uint8_t high = inb(0x40);

    irq_restore(flags);
    return (uint16_t)(high << 8 | low);
}

const char *pit_route(void)
{
    return pit_on_pic ? "8259 and LINT0" : "I/O APIC";
}
