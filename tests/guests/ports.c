/* SPDX-License-Identifier: MIT */
/*
 * Device registers under fire: all CPUs read and write ports and HPET registers of all widths at random, split and misaligned
 * ones among them, and mix what they read into a checksum. Nothing of that makes sense to a device, and nothing may
 * differ in a replay: a recording that gets one question about the time wrong shows here.
 *
 * Before that, a local APIC timer whose period is shorter than anything can be must not keep its CPU from getting on.
 *
 * Command line: rounds=N accesses of each CPU (5000), seed=N.
 */
#include "roms/kit/kit.h"

#define HPET 0xfed00000ul
#define HPET_BYTES 0x400

/* Timers, clocks, interrupt controllers, serial port, keyboard data, PCI configuration, nothing. Not what resets the machine or
 * switches it off (port 0x64 can; 0x61 is reached from below). */
static const uint16_t ports[] = {0x40,  0x41,  0x42,  0x43,  0x5f,  0x5e,  0x70,  0x71,  0x20,  0x21,  0xa0,
                                 0xa1,  0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x608, 0x608,
                                 0x608, 0x40,  0x42,  0x43,  0x70,  0x71,  0xcfc, 0x80,  0x4d0, 0x60c};

static uint64_t sums[KIT_MAX_CPUS], rounds, seed;

static uint32_t read_some(uint16_t port, unsigned width)
{
    return width == 1 ? inb(port) : width == 2 ? inw(port) : inl(port);
}

static void write_some(uint16_t port, unsigned width, uint32_t value)
{
    if (width == 1)
        outb(port, (uint8_t)value);
    else if (width == 2)
        outw(port, (uint16_t)value);
    else
        outl(port, value);
}

static uint32_t access(uint32_t random)
{
    uint16_t port = (uint16_t)(ports[random >> 8 & 31] + (random >> 13 & 3));
    volatile uint8_t *hpet = (volatile uint8_t *)HPET + (random >> 8) % HPET_BYTES;

    switch (random >> 29) {
    case 0: write_some(port, 1, random >> 15); return 0;
    case 1: write_some(port, 2, random >> 13); return 0;
    case 2: return *(volatile uint32_t *)(void *)hpet;
    case 3: *(volatile uint32_t *)(uintptr_t)((uintptr_t)hpet & ~3ul) = random; return 0;
    default: return read_some(port, 1u << (random >> 27) % 3);
    }
}

static void fire(struct cpu *cpu)
{
    uint64_t sum = 0, random = seed + cpu->index * 7919;

    irq_disable();
    for (uint64_t i = 0; i < rounds; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        sum = (sum ^ access((uint32_t)(random >> 32))) * 0x9e3779b97f4a7c15u;
    }
    sums[cpu->index] = sum;
}

int guest_main(void)
{
    uint64_t sum = 0;

    rounds = cmdline_number("rounds", 5000);
    seed = cmdline_number("seed", 1);
    irq_disable();
    apic_timer_start(1, true);
    for (volatile unsigned i = 0; i < 100000; i++)
        ;
    apic_timer_start(0, false);
    print("ports: %u CPUs, %lu rounds, seed %lu\n", cpu_count, rounds, seed);
    smp_run(fire);
    for (unsigned i = 0; i < cpu_count; i++)
        sum = (sum ^ sums[i]) * 0x9e3779b97f4a7c15u;
    console_init();
    print("\nports: checksum %lx\n", sum);
    return 0;
}
