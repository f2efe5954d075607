/* SPDX-License-Identifier: MIT */
/*
 * The little of ACPI that a small kernel needs: which CPUs there are and where the APICs sit
 * (MADT), the PM timer for delays and the PM1 control registers for switching off (FADT), and the
 * value that means S5 (the \_S5 package, found by its name in the DSDT's bytes: no AML interpreter
 * here).
 *
 * Without ACPI: one CPU, delays by port 0x80, and the end of the run through isa-debug-exit or the
 * power-off ports that virtual machines commonly have.
 *
 * ACPI 6.4 §5.2.5 (RSDP), §5.2.9 (FADT), §5.2.12 (MADT), §7.4.2 (\_S5), §4.8.3 (PM1, PM timer).
 */
#include "roms/kit/kit.h"

#define PM1_SCI_EN 0x0001u
#define PM1_SLP_EN 0x2000u
#define PM_TIMER_HZ 3579545u
#define PM_TIMER_MASK 0xffffffu

struct platform platform;
struct cpu cpus[KIT_MAX_CPUS];
unsigned cpu_count;

static uint32_t read32(const uint8_t *at)
{
    uint32_t value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t read64(const uint8_t *at)
{
    return read32(at) | (uint64_t)read32(at + 4) << 32;
}

static bool checksum_is_good(const uint8_t *at, size_t bytes)
{
    uint8_t sum = 0;
    while (bytes--)
        sum = (uint8_t)(sum + *at++);
    return sum == 0;
}

static const uint8_t *scan_rsdp(uintptr_t from, uintptr_t to)
{
    for (; from + 20 <= to; from += 16) {
        const uint8_t *at = (const uint8_t *)from;
        if (!memcmp(at, "RSD PTR ", 8) && checksum_is_good(at, 20))
            return at;
    }
    return NULL;
}

static const uint8_t *find_rsdp(void)
{
    uint16_t segment;
    const uint8_t *rsdp = NULL;

    __asm__("movw 0x40e, %0" : "=r"(segment)); /* the BIOS's pointer to the EBDA */
    uintptr_t ebda = (uintptr_t)segment << 4;
    if (ebda >= 0x80000 && ebda < 0xa0000)
        rsdp = scan_rsdp(ebda, ebda + 1024);
    return rsdp ? rsdp : scan_rsdp(0xe0000, 0x100000);
}

/* The table with this signature, by way of the XSDT or, without one, the RSDT. */
static const uint8_t *find_table(const uint8_t *rsdp, const char *signature)
{
    bool wide = rsdp[15] >= 2 && read64(rsdp + 24);
    uint64_t root = wide ? read64(rsdp + 24) : read32(rsdp + 16);
    const uint8_t *list = (const uint8_t *)(uintptr_t)root;
    unsigned step = wide ? 8 : 4;

    for (uint32_t at = 36; at + step <= read32(list + 4); at += step) {
        uint64_t address = wide ? read64(list + at) : read32(list + at);
        const uint8_t *table = (const uint8_t *)(uintptr_t)address;
        if (!memcmp(table, signature, 4) && checksum_is_good(table, read32(table + 4)))
            return table;
    }
    return NULL;
}

static void add_cpu(uint32_t apic_id)
{
    if (apic_id == cpus[0].apic_id)
        return;
    if (cpu_count == KIT_MAX_CPUS || apic_id > 254) {
        print("CPU with APIC id %u left out: at most %u CPUs, ids below 255\n", apic_id,
              KIT_MAX_CPUS);
        return;
    }
    cpus[cpu_count].index = cpu_count;
    cpus[cpu_count].apic_id = apic_id;
    cpu_count++;
}

static void parse_madt(const uint8_t *madt)
{
    uint32_t length = read32(madt + 4);

    platform.lapic_base = read32(madt + 36);
    for (uint32_t at = 44; at + 2 <= length && madt[at + 1] >= 2; at += madt[at + 1]) {
        const uint8_t *entry = madt + at;
        switch (entry[0]) {
        case 0: /* local APIC: enabled? */
            if (read32(entry + 4) & 1)
                add_cpu(entry[3]);
            break;
        case 1: /* I/O APIC; the first serves */
            if (!platform.ioapic_base) {
                platform.ioapic_base = read32(entry + 4);
                platform.ioapic_gsi_base = read32(entry + 8);
            }
            break;
        case 2: /* interrupt source override: ISA interrupt 0 */
            if (entry[3] == 0)
                platform.pit_gsi = read32(entry + 4);
            break;
        case 5: /* local APIC address override */ platform.lapic_base = read64(entry + 4); break;
        case 9: /* local x2APIC */
            if (read32(entry + 8) & 1)
                add_cpu(read32(entry + 4));
            break;
        }
    }
}

/* One AML integer of the \_S5 package; moves past it. */
static unsigned aml_integer(const uint8_t **at)
{
    unsigned op = *(*at)++;

    if (op == 0x0a) /* BytePrefix */
        return *(*at)++;
    return op == 1 ? 1 : 0; /* OneOp, ZeroOp */
}

static void parse_s5(const uint8_t *dsdt)
{
    uint32_t length = read32(dsdt + 4);

    for (uint32_t i = 36; i + 12 < length; i++) {
        const uint8_t *at = dsdt + i;
        if (memcmp(at, "_S5_\x12", 5))
            continue;
        at += 5;
        at += 1 + (*at >> 6); /* package length: 1 to 4 bytes */
        at++;                 /* number of elements */
        platform.s5_type_a = aml_integer(&at);
        platform.s5_type_b = aml_integer(&at);
        platform.has_s5 = true;
        return;
    }
}

static void parse_fadt(const uint8_t *fadt)
{
    uint32_t length = read32(fadt + 4);
    uint64_t dsdt = read32(fadt + 40);

    platform.smi_cmd = read32(fadt + 48);
    platform.acpi_enable = fadt[52];
    platform.pm1a_cnt = read32(fadt + 64);
    platform.pm1b_cnt = read32(fadt + 68);
    platform.pm_timer = read32(fadt + 76);
    if (length >= 148 && read64(fadt + 140))
        dsdt = read64(fadt + 140);
    if (!platform.pm1a_cnt && length >= 184)
        platform.pm1a_cnt = (unsigned)read64(fadt + 176);
    if (!platform.pm_timer && length >= 220)
        platform.pm_timer = (unsigned)read64(fadt + 212);
    if (dsdt)
        parse_s5((const uint8_t *)(uintptr_t)dsdt);
}

void acpi_init(void)
{
    const uint8_t *rsdp = find_rsdp();

    cpus[0].apic_id = (uint32_t)cpuid_ebx_ecx(1) >> 24;
    cpu_count = 1;
    platform.lapic_base = 0xfee00000;
    if (!rsdp)
        return;
    const uint8_t *madt = find_table(rsdp, "APIC");
    const uint8_t *fadt = find_table(rsdp, "FACP");
    platform.has_acpi = true;
    if (madt)
        parse_madt(madt);
    if (fadt)
        parse_fadt(fadt);
}

void delay_us(unsigned microseconds)
{
    if (!platform.pm_timer) {
        while (microseconds--)
            (void)inb(0x80);
        return;
    }
    uint64_t ticks = (uint64_t)microseconds * PM_TIMER_HZ / 1000000 + 1;
    uint64_t passed = 0;
    uint32_t last = inl((uint16_t)platform.pm_timer);
    while (passed < ticks) {
        cpu_pause();
        uint32_t now = inl((uint16_t)platform.pm_timer);
        passed += (now - last) & PM_TIMER_MASK;
        last = now;
    }
}

static void power_off(void)
{
    uint16_t pm1a = (uint16_t)platform.pm1a_cnt, pm1b = (uint16_t)platform.pm1b_cnt;

    if (platform.smi_cmd && platform.acpi_enable && !(inw(pm1a) & PM1_SCI_EN)) {
        outb((uint16_t)platform.smi_cmd, (uint8_t)platform.acpi_enable);
        for (unsigned i = 0; i < 1000 && !(inw(pm1a) & PM1_SCI_EN); i++)
            delay_us(10);
    }
    outw(pm1a, (uint16_t)(platform.s5_type_a << 10 | PM1_SLP_EN));
    if (pm1b)
        outw(pm1b, (uint16_t)(platform.s5_type_b << 10 | PM1_SLP_EN));
    delay_us(2000000); /* the power may stay on a little longer */
}

void machine_exit(int code)
{
    irq_disable();
    code = (int)cmdline_number("exit", (uint64_t)code);
    if (code) {
        outl(0xf4, (uint32_t)code);  /* isa-debug-exit where kernels usually put it */
        outw(0x501, (uint16_t)code); /* and at its default place */
    }
    if (platform.pm1a_cnt && platform.has_s5)
        power_off();
    outw(0x604, PM1_SLP_EN); /* no ACPI: the PM1a control of QEMU's q35 */
    outl(0xf4, (uint32_t)code);
    for (;;)
        __asm__ volatile("cli; hlt");
}
