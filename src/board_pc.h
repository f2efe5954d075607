/* SPDX-License-Identifier: MIT */
/*
 * The PC board: which chip sits where and how interrupt lines run. Everything below is called with
 * the I/O space held and io.by set to the caller, except creation and destruction, which happen
 * while nothing runs.
 */
#ifndef X86SIM_BOARD_PC_H
#define X86SIM_BOARD_PC_H

#include "cpu/apic_map.h"
#include "devices/device.h"
#include "src/base/types.h"

struct vcpu;

/* Where the board's tables go (board_build_tables). */
#define BOARD_TABLES_BASE 0xf0000u
#define BOARD_PM_BASE 0x600u
#define BOARD_IOAPIC_BASE 0xfec00000u
#define BOARD_HPET_BASE 0xfed00000u
#define BOARD_PCI_MEM_FIRST 0xc0000000u
#define BOARD_PCI_MEM_LAST 0xfebfffffu

struct board_config {
    struct io_space *space;
    struct vcpu **vcpus; /* created, ids 0 to n_vcpus - 1, without local APICs */
    unsigned n_vcpus;
    u64 ram_low, ram_high; /* bytes from 0, and from 4 GiB */
    i64 rtc_base;          /* the date at guest time 0, seconds since 1970 UTC */
    bool no_hpet;
    u32 cpu_signature, cpu_features; /* CPUID leaf 1 EAX, EDX: for the MP table */

    /* Callbacks, with `opaque`; on the thread that holds the I/O space. */
    void *opaque;
    void (*serial_output)(void *opaque, const u8 *bytes, size_t n);
    void (*serial_room)(void *opaque); /* board_serial_room() may have grown; may be NULL */
    void (*debug_output)(void *opaque, const u8 *bytes, size_t n);
    void (*poweroff)(void *opaque);
    void (*reset)(void *opaque); /* the guest resets the machine */
    void (*exit)(void *opaque, int status);
    void (*timers_changed)(void *opaque); /* board_next_deadline() may have become earlier */
};

struct board {
    struct machine_io io;
    struct apic_map map;
    struct board_config config;
    u8 pirq_route[4]; /* ISA interrupt of each PCI interrupt; bit 7: none (follows the ISA bridge)
                       */
    struct i8259 *pic;
    struct ioapic *ioapic;
    struct i8254 *pit;
    struct mc146818 *rtc;
    struct ns16550 *com1;
    struct i8042 *kbc;
    struct fpu_error *fpu_error;
    struct pci_host *pci;
    struct acpi_pm *pm;
    struct hpet *hpet; /* NULL: none */
};

/* Create the local APICs of all vCPUs and all devices, map them, and reset them. 0 or -errno. */
int board_create(struct board *b, const struct board_config *config);
void board_destroy(struct board *b);
/* Reset all devices and leave them as firmware would. Local APICs are reset with their vCPUs. */
void board_reset(struct board *b);

/* ACPI and MP tables for BOARD_TABLES_BASE into buf of ACPI_BUILD_MAX bytes; the RSDP comes first.
 * Returns the size. */
size_t board_build_tables(const struct board *b, u8 *buf);

/* Serial input. A byte beyond the room is lost (overrun). I/O agent. */
unsigned board_serial_room(const struct board *b);
void board_serial_input(struct board *b, u8 byte);
void board_serial_break(struct board *b);
/* A key (see i8042_key()). I/O agent. */
void board_key(struct board *b, u8 code, bool down);
/* The power button. I/O agent. */
void board_power_button(struct board *b);
/* A CPU asserts FERR#. I/O hold. */
void board_fpu_error(struct board *b);

/* The 8259's answer to an interrupt acknowledge: without effect, and with. vCPU 0, for
 * LAPIC_EXTINT; lapic_begin_extint() goes with the acknowledge. */
u8 board_peek_pic(const struct board *b);
u8 board_ack_pic(struct board *b);

/* Device timers: earliest deadline in ns (~0: none), and running the earliest of those that are due
 * at now_ns as one event of the agent. False: none was due. */
u64 board_next_deadline(const struct board *b);
bool board_run_timer(struct board *b, u64 now_ns);

/* Digest of all device state. */
u64 board_digest(const struct board *b, u64 seed);

#endif
