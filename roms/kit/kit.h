/* SPDX-License-Identifier: MIT */
/*
 * The kit: what the bare-metal guest kernels (the demo, and the test kernels in tests/guests)
 * share. A kernel is one or two C files with a guest_main(), run on the boot CPU once all CPUs are
 * up.
 *
 * The environment: long mode, ring 0, the first 4 GiB mapped to themselves and everything writable
 * and executable; interrupts enabled; COM1 for output; APIC ids below 256, at most 64 CPUs. Nothing
 * is preempted: an interrupt handler runs with interrupts off on the stack of what it interrupted.
 */
#ifndef ROMS_KIT_KIT_H
#define ROMS_KIT_KIT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "roms/kit/layout.h"
#include "roms/kit/trap_frame.h"

#define PTE_P 0x001u
#define PTE_W 0x002u
#define PTE_A 0x020u
#define PTE_D 0x040u
#define PTE_G 0x100u

/* One per CPU, in the MADT's order with the boot CPU first; GS points at the CPU's own. */
struct cpu {
    struct cpu *self;
    unsigned index;
    unsigned apic_id;
    volatile bool online;
} __attribute__((aligned(64)));

/* What ACPI told us. Zero: not found. */
struct platform {
    uint64_t lapic_base;
    uint64_t ioapic_base;
    unsigned ioapic_gsi_base;
    unsigned pit_gsi; /* where ISA interrupt 0 arrives */
    unsigned pm1a_cnt, pm1b_cnt;
    unsigned pm_timer;
    unsigned smi_cmd, acpi_enable;
    unsigned s5_type_a, s5_type_b;
    bool has_s5;
    bool has_acpi;
};

struct barrier {
    unsigned arrived;
    unsigned generation;
};

extern struct cpu cpus[KIT_MAX_CPUS];
extern unsigned cpu_count;
extern struct platform platform;
extern uint64_t boot_pml4[512];

/* The kernel itself, on the boot CPU. The result is machine_exit()'s argument. */
int guest_main(void);

/* ---- instructions ---- */

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* EBX in the low half, ECX in the high one. */
static inline uint64_t cpuid_ebx_ecx(uint32_t leaf)
{
    uint32_t a = leaf, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
    return (uint64_t)c << 32 | b;
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline void irq_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void irq_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}

/* Enables interrupts and halts in one: no interrupt is lost in between. Returns with them disabled.
 */
static inline void irq_halt(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

static inline unsigned long irq_save(void)
{
    unsigned long flags;
    __asm__ volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
    return flags;
}

static inline void irq_restore(unsigned long flags)
{
    __asm__ volatile("push %0; popf" : : "r"(flags) : "memory", "cc");
}

static inline void tlb_flush_page(uint64_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void tlb_flush_all(void)
{
    uint64_t cr3;
    __asm__ volatile("movq %%cr3, %0; movq %0, %%cr3" : "=r"(cr3) : : "memory");
}

static inline struct cpu *this_cpu(void)
{
    struct cpu *cpu;
    __asm__("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

/* ---- console.c: COM1 and printing; any CPU, one line at a time ---- */

void console_init(void);
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_args(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
/* Prints why, and ends the run as failed. */
void panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- cmdline.c: the words of the Multiboot command line ---- */

void cmdline_init(uint32_t multiboot_info);
bool cmdline_has(const char *word);
/* The number after "key=" (decimal, or hexadecimal after 0x), or `fallback`. */
uint64_t cmdline_number(const char *key, uint64_t fallback);
/* Whether "key=value" was given. */
bool cmdline_is(const char *key, const char *value);

/* ---- acpi.c ---- */

/* Fills `platform`, cpus[].apic_id and cpu_count from the tables; one CPU when there are none. */
void acpi_init(void);
/* Busy-waits by the PM timer, or by port 0x80 when there is none. */
void delay_us(unsigned microseconds);
/* Ends the run: 0 powers off; anything else, or exit=N on the command line, goes to isa-debug-exit
 * first. */
void machine_exit(int code) __attribute__((noreturn));

/* ---- trap.c ---- */

void trap_init(void);     /* boot CPU: fills the table, loads it */
void trap_init_cpu(void); /* the others: loads it */
/* Handlers run with interrupts off; the end-of-interrupt is sent after they return. */
void trap_set_handler(unsigned vector, void (*handler)(struct trap_frame *frame));

/* ---- apic.c: local APIC, I/O APIC, 8259 pair, 8254 ---- */

enum ipi_to { IPI_SELF = 1, IPI_ALL = 2, IPI_OTHERS = 3 };

void apic_init(void);     /* boot CPU; every interrupt source masked */
void apic_init_cpu(void); /* every CPU */
void apic_eoi(void);
bool apic_is_x2apic(void);
void apic_set_tpr(unsigned priority);
void apic_send(struct cpu *to, unsigned vector);
void apic_send_nmi(struct cpu *to);
void apic_send_group(enum ipi_to group, unsigned vector);
void apic_send_init(struct cpu *to);
void apic_send_startup(struct cpu *to, unsigned page);
/* Own timer, divided by 16, on VEC_LAPIC_TIMER; count 0 stops it. */
void apic_timer_start(uint32_t count, bool periodic);
uint32_t apic_timer_read(void);
/* The PIT's channel 0 at `hz`, to VEC_PIT on CPU `to` (by I/O APIC) or on the boot CPU (by 8259).
 */
void pit_start(unsigned hz, struct cpu *to);
void pit_stop(void);
uint16_t pit_read(void);
/* "I/O APIC pin 2" or "8259 IRQ 0": how the PIT's interrupt travels. */
const char *pit_route(void);

/* ---- smp.c ---- */

void smp_start(void);
/* Runs fn on every CPU, the caller (the boot CPU) included, and returns when all have returned. */
void smp_run(void (*fn)(struct cpu *cpu));
/* Returns when every CPU has called it. Spins a little, then halts until the last one wakes it. */
void barrier_wait(struct barrier *barrier);

/* ---- paging.c ---- */

/* The 4 KiB page-table entry for va (at or above 512 GiB); makes missing tables. Boot CPU only. */
uint64_t *paging_entry(uint64_t va);

/* ---- string.c ---- */

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

#endif
