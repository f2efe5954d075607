/* SPDX-License-Identifier: MIT */
/*
 * Ways for a guest to end, and ways never to: what x86sim's exit status and its signals are tested
 * against. It prints "ends: ready" when all CPUs are up and then does what its command line says:
 *   end=poweroff      by ACPI; exit=N goes to isa-debug-exit first
 *   end=reset         by the keyboard controller
 *   end=triple        an exception with an empty IDT
 *   end=halt          all CPUs halted for good, interrupts off
 *   end=spin          all CPUs in a jump to itself, interrupts off
 *   end=string        all CPUs in string instructions of billions of steps, interrupts off
 *   end=print         lines without end
 *   end=debug         a line to port 0xe9, then as poweroff
 *   end=echo          what comes on COM1 goes back, "q" powers off
 * Anything else ends it with status 2.
 */
#include "roms/kit/kit.h"

#define COM1 0x3f8
#define LSR_DATA_READY 0x01
#define LSR_THR_EMPTY 0x20

static void halt_for_good(struct cpu *cpu)
{
    (void)cpu;
    for (;;)
        __asm__ volatile("cli; hlt");
}

static void spin_for_good(struct cpu *cpu)
{
    (void)cpu;
    __asm__ volatile("cli; 1: jmp 1b");
    __builtin_unreachable();
}

/* Reads everything below the I/O APIC, one byte a step. */
static void string_for_good(struct cpu *cpu)
{
    (void)cpu;
    irq_disable();
    for (;;) {
        uint64_t from = 0, count = 0xf0000000;
        __asm__ volatile("rep lodsb" : "+S"(from), "+c"(count) : : "rax", "memory");
    }
}

static void triple_fault(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) empty = {0, 0};

    __asm__ volatile("lidt %0; ud2" : : "m"(empty));
}

static void debug(void)
{
    for (const char *c = "ends: debug\n"; *c; c++)
        outb(0xe9, (uint8_t)*c);
}

static void echo(void)
{
    uint8_t c;

    do {
        while (!(inb(COM1 + 5) & LSR_DATA_READY))
            cpu_pause();
        c = inb(COM1);
        while (!(inb(COM1 + 5) & LSR_THR_EMPTY))
            cpu_pause();
        outb(COM1, c);
    } while (c != 'q');
}

int guest_main(void)
{
    print("ends: ready\n");
    if (cmdline_is("end", "halt"))
        smp_run(halt_for_good);
    if (cmdline_is("end", "spin"))
        smp_run(spin_for_good);
    if (cmdline_is("end", "string"))
        smp_run(string_for_good);
    if (cmdline_is("end", "triple"))
        triple_fault();
    if (cmdline_is("end", "reset"))
        outb(0x64, 0xfe);
    if (cmdline_is("end", "print"))
        for (uint64_t i = 0;; i++)
            print("ends: line %lu\n", i);
    if (cmdline_is("end", "echo"))
        echo();
    else if (cmdline_is("end", "debug"))
        debug();
    else if (!cmdline_is("end", "poweroff"))
        return 2;
    return 0;
}
