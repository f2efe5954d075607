/* SPDX-License-Identifier: MIT */
/*
 * All CPUs: starting them by INIT and two start-up IPIs, handing them work, and meeting at a
 * barrier.
 *
 * The other CPUs idle in HLT and are woken by VEC_WAKE; the boot CPU posts one job at a time and
 * halts until the last of them reports. Every idle wait re-checks its condition with interrupts off
 * before STI; HLT, so no wake-up is lost. Intel SDM vol. 3 §8.4.4.1 (the start-up protocol).
 */
#include "roms/kit/kit.h"

#define MSR_GS_BASE 0xc0000101
#define START_TIMEOUT_US 10000000u
#define BARRIER_SPINS 300

extern const uint8_t trampoline_begin[], trampoline_end[];
void start_bsp(uint32_t multiboot_info) __attribute__((noreturn));
void start_ap(unsigned index) __attribute__((noreturn));

uint8_t apic_to_index[256]; /* entry.S finds a CPU's stack by it */

/* The job at hand. Written by the boot CPU before `generation`. */
static struct {
    unsigned generation;
    unsigned unfinished;
    void (*fn)(struct cpu *cpu);
} job;

static void set_this_cpu(struct cpu *cpu)
{
    cpu->self = cpu;
    wrmsr(MSR_GS_BASE, (uintptr_t)cpu);
}

static void ignore(struct trap_frame *frame)
{
    (void)frame;
}

void start_bsp(uint32_t multiboot_info)
{
    set_this_cpu(&cpus[0]);
    cmdline_init(multiboot_info);
    console_init();
    trap_init();
    acpi_init();
    apic_init();
    trap_set_handler(VEC_WAKE, ignore);
    irq_enable();
    smp_start();
    machine_exit(guest_main());
}

void start_ap(unsigned index)
{
    struct cpu *cpu = &cpus[index];
    unsigned seen = 0;

    set_this_cpu(cpu);
    trap_init_cpu();
    apic_init_cpu();
    __atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
    for (;;) {
        irq_disable();
        while (__atomic_load_n(&job.generation, __ATOMIC_ACQUIRE) == seen)
            irq_halt();
        irq_enable();
        seen++;
        job.fn(cpu);
        if (__atomic_sub_fetch(&job.unfinished, 1, __ATOMIC_ACQ_REL) == 0)
            apic_send(&cpus[0], VEC_WAKE);
    }
}

static bool all_online(void)
{
    for (unsigned i = 1; i < cpu_count; i++)
        if (!__atomic_load_n(&cpus[i].online, __ATOMIC_ACQUIRE))
            return false;
    return true;
}

void smp_start(void)
{
    void *page = (void *)TRAMPOLINE;

    cpus[0].online = true;
    __asm__("" : "+r"(page)); /* an address, not an object of the program */
    memcpy(page, trampoline_begin, (size_t)(trampoline_end - trampoline_begin));
    for (unsigned i = 0; i < cpu_count; i++)
        apic_to_index[cpus[i].apic_id] = (uint8_t)i;
    for (unsigned i = 1; i < cpu_count; i++)
        apic_send_init(&cpus[i]);
    if (cpu_count > 1)
        delay_us(10000);
    for (unsigned i = 1; i < cpu_count; i++)
        apic_send_startup(&cpus[i], TRAMPOLINE >> 12);
    if (cpu_count > 1)
        delay_us(200);
    for (unsigned i = 1; i < cpu_count; i++)
        if (!cpus[i].online)
            apic_send_startup(&cpus[i], TRAMPOLINE >> 12);
    for (unsigned us = 0; us < START_TIMEOUT_US && !all_online(); us += 100)
        delay_us(100);
    for (unsigned i = 1; i < cpu_count; i++)
        if (!cpus[i].online)
            panic("cpu %u (APIC id %u) did not start", i, cpus[i].apic_id);
}

void smp_run(void (*fn)(struct cpu *cpu))
{
    job.fn = fn;
    __atomic_store_n(&job.unfinished, cpu_count - 1, __ATOMIC_RELEASE);
    __atomic_fetch_add(&job.generation, 1, __ATOMIC_ACQ_REL);
    if (cpu_count > 1)
        apic_send_group(IPI_OTHERS, VEC_WAKE);
    fn(&cpus[0]);
    irq_disable();
    while (__atomic_load_n(&job.unfinished, __ATOMIC_ACQUIRE))
        irq_halt();
    irq_enable();
}

void barrier_wait(struct barrier *barrier)
{
    unsigned generation = __atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE);

    if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == cpu_count) {
        barrier->arrived = 0;
        __atomic_store_n(&barrier->generation, generation + 1, __ATOMIC_RELEASE);
        if (cpu_count > 1)
            apic_send_group(IPI_OTHERS, VEC_WAKE);
        return;
    }
    for (unsigned i = 0; i < BARRIER_SPINS; i++) {
        if (__atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE) != generation)
            return;
        cpu_pause();
    }
    irq_disable();
    while (__atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE) == generation)
        irq_halt();
    irq_enable();
}
