/* SPDX-License-Identifier: MIT */
/*
 * Who is meant by a logical destination, while everybody changes that: each CPU moves its own APIC to other logical ids, switches
 * it off and on, and sends interrupts to sets of logical ids, fixed and lowest priority. How many arrive where depends on
 * who was first each time, so a recording has to know the order of writes to the APIC map and of sends. The counts go
 * into the output.
 *
 * Command line: rounds=N of each CPU (3000). Needs xAPIC mode (a CPU model without x2APIC). Intel SDM vol. 3 §11.6.2.
 */
#include "roms/kit/kit.h"

#define VECTOR 0x60
#define APIC(offset) (*(volatile uint32_t *)(uintptr_t)(0xfee00000u + (offset)))
#define LDR 0xd0
#define SVR 0xf0
#define ICR_LOW 0x300
#define ICR_HIGH 0x310
#define ICR_PENDING (1u << 12)
#define ICR_LOGICAL (1u << 11)
#define ICR_LOWEST (1u << 8)
#define SVR_ENABLE (1u << 8)

static uint64_t rounds, arrived[KIT_MAX_CPUS], sums[KIT_MAX_CPUS];

static void on_interrupt(struct trap_frame *frame)
{
    (void)frame;
    arrived[this_cpu()->index]++;
    apic_eoi();
}

static void send(uint32_t ids, uint32_t mode)
{
    uint64_t flags = irq_save();

    APIC(ICR_HIGH) = ids << 24;
    APIC(ICR_LOW) = VECTOR | ICR_LOGICAL | mode;
    while (APIC(ICR_LOW) & ICR_PENDING)
        cpu_pause();
    irq_restore(flags);
}

static void play(struct cpu *cpu)
{
    uint64_t random = cpu->index + 1, sum = 0;

    APIC(LDR) = 1u << (24 + cpu->index % 8);
    irq_enable();
    for (uint64_t i = 0; i < rounds; i++) {
        uint32_t r;

        random = random * 6364136223846793005u + 1442695040888963407u;
        r = (uint32_t)(random >> 32);
        switch (r & 7) {
        case 0:
        case 1: APIC(LDR) = 1u << (24 + (r >> 8 & 7)); break;
        case 2:
            APIC(SVR) &= ~SVR_ENABLE;
            APIC(SVR) |= SVR_ENABLE;
            break;
        default: send(r >> 8 & 0xff, r & 0x10000 ? ICR_LOWEST : 0); break;
        }
        sum = (sum ^ arrived[cpu->index]) * 0x9e3779b97f4a7c15u;
    }
    sums[cpu->index] = sum;
}

int guest_main(void)
{
    rounds = cmdline_number("rounds", 3000);
    if (apic_is_x2apic()) {
        print("apicmap: FAILED: this wants a CPU model without x2APIC\n");
        return 1;
    }
    trap_set_handler(VECTOR, on_interrupt);
    smp_run(play);
    for (unsigned i = 0; i < cpu_count; i++)
        print("apicmap: CPU %u got %lu interrupts, checksum %lx\n", i, arrived[i], sums[i]);
    print("apicmap: done\n");
    return 0;
}
