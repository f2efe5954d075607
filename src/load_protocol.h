/* SPDX-License-Identifier: MIT */
/*
 * What the two boot protocols share: error lines, the GDT of the first processor, memory checks.
 * Only src/load*.c includes this.
 */
#ifndef X86SIM_LOAD_PROTOCOL_H
#define X86SIM_LOAD_PROTOCOL_H

#include <errno.h>

#include "src/load.h"

/* Selectors of the initial GDT, where Linux's boot protocol wants them. */
#define LOAD_CS 0x10
#define LOAD_DS 0x18
#define LOAD_GDT_BYTES 32

struct load_error {
    char *text;
    size_t size;
};

/* Writes the line and returns `code`. */
int load_fail(const struct load_error *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* -ENOSPC, saying that rq's memory is too small and that `need` bytes below 4 GiB would do. */
int load_fail_memory(const struct load_error *e, const struct load_request *rq, u64 need,
                     const char *for_what);

/* Write the flat GDT (code 64-bit or 32-bit) at gpa and note it in *rs. */
void load_write_gdt(const struct load_request *rq, struct load_result *rs, gpa_t gpa, bool is_long);

/* Write n zero bytes. */
void load_write_zeros(const struct load_request *rq, gpa_t gpa, u64 n);

/* The end of the RAM below 4 GiB that images may use: ACPI tables at its top are left alone. */
gpa_t load_usable_end(const struct load_request *rq);

int load_linux(const struct load_request *rq, struct load_result *rs, const struct load_error *e);
int load_multiboot(const struct load_request *rq, struct load_result *rs,
                   const struct load_error *e);

/* Is this a Linux kernel's setup header / is there a Multiboot header? */
bool load_is_linux(const struct image *kernel);
bool load_is_multiboot(const struct image *kernel);

#endif
