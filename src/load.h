/* SPDX-License-Identifier: MIT */
/*
 * Putting a kernel into guest memory and saying how the first processor starts it.
 *
 * Two protocols: Linux's for bzImage kernels (src/load_linux.c) and Multiboot 1
 * (src/load_multiboot.c). Both write guest RAM through the caller's function and return the state
 * of vCPU 0; neither knows struct machine. Guest memory: RAM from 0 to load_low_ram(ram), the rest
 * from 4 GiB on.
 */
#ifndef X86SIM_LOAD_H
#define X86SIM_LOAD_H

#include "src/base/types.h"
#include "src/image.h"

/* RAM below 4 GiB ends here at the latest; PCI, APICs and firmware have the addresses above. */
#define LOAD_LOW_RAM_MAX ((u64)3 << 30)
#define LOAD_HIGH_RAM ((u64)4 << 30)

/* The legacy hole: the extended BIOS data area, video memory, option ROMs, firmware. */
#define LOAD_EBDA 0x9fc00u
#define LOAD_FIRMWARE 0xf0000u /* RSDP and tables may be from here to 1 MiB */
#define LOAD_HANDLERS 0xfff00u /* of real mode's interrupt vectors */
#define LOAD_HOLE_END 0x100000u

enum load_kind { LOAD_UNKNOWN, LOAD_LINUX, LOAD_MULTIBOOT };

/* e820 types; Multiboot uses the same numbers. */
enum load_range_type { LOAD_RAM = 1, LOAD_RESERVED = 2, LOAD_ACPI = 3, LOAD_ACPI_NVS = 4 };

struct load_range {
    gpa_t base;
    u64 size;
    u32 type;
};

#define LOAD_RANGES_MAX 16
struct load_map {
    unsigned count;
    struct load_range range[LOAD_RANGES_MAX];
};

struct load_request {
    u64 ram; /* bytes, a multiple of 4 KiB */
    const struct image *kernel;
    const struct image *module; /* the RAM disk, or Multiboot modules */
    const char *const *text;    /* their command lines (Multiboot); may be null */
    unsigned modules;
    const char *append; /* null: none */
    gpa_t acpi_rsdp;    /* where the RSDP is; 0: nothing known */
    gpa_t acpi_base;    /* ACPI tables outside of the firmware area: reported as such; */
    u64 acpi_size;      /* 0: none */
    /* Writes n bytes to guest RAM at gpa, which lies in RAM (or in the legacy hole's firmware). */
    void (*write)(void *ctx, u64 gpa, const void *from, u64 n);
    void *ctx;
};

/* The state of vCPU 0 at the kernel's first instruction; what is not named is as after a reset. */
struct load_result {
    enum load_kind kind;
    bool is_long; /* 64-bit code with paging on; else 32-bit flat protected mode, paging off */
    u64 ip;
    u32 eax, ebx;
    u64 esi; /* RSI in 64-bit mode */
    u64 cr0, cr3, cr4, efer;
    gpa_t gdt; /* also written to guest memory; IDT: limit 0; interrupts off */
    u16 gdt_limit;
    u16 cs, ds;                     /* ds: DS, ES, FS, GS, SS; base 0, limit 4 GiB */
    gpa_t kernel_start, kernel_end; /* memory that the kernel needs from its first instruction on */
    gpa_t module_start, module_end; /* 0: none */
};

/* How much RAM lies below 4 GiB. */
u64 load_low_ram(u64 ram);

/* The memory map of a machine with `ram` bytes, ascending, without overlaps. */
void load_memory_map(struct load_map *map, u64 ram, gpa_t acpi_base, u64 acpi_size);

/* Which protocol an image wants. LOAD_UNKNOWN: one line in err says what it is instead. */
enum load_kind load_detect(const struct image *kernel, char *err, size_t err_size);

/*
 * Load what rq names and fill *rs. 0, or -EINVAL (the kernel or its arguments) or -ENOSPC (memory
 * too small) with one line in err; guest memory may have been written then. Any thread, before
 * vCPUs run.
 */
int load_guest(const struct load_request *rq, struct load_result *rs, char *err, size_t err_size);

#endif
