/* SPDX-License-Identifier: MIT */
/*
 * A small assembler for AML, ACPI's byte code, enough for a DSDT: names, packages, buffers,
 * devices, methods and resource templates.
 *
 * The caller's order of calls is the order of bytes. What has a length is opened with a begin and
 * closed with aml_end(), which fills the length in; lengths always take three bytes, so nothing
 * moves. ACPI 6.4 §20.2 (encoding), §6.4 (resources).
 */
#ifndef DEVICES_AML_H
#define DEVICES_AML_H

#include "src/base/types.h"

/* An open package: where its length goes. */
typedef size_t aml_pos;

struct aml {
    u8 *buf;
    size_t n, cap; /* running over cap is a broken invariant */
};

void aml_integer(struct aml *a, u64 value);
void aml_string(struct aml *a, const char *text);
/* A compressed EISA id such as "PNP0A03". */
void aml_eisa_id(struct aml *a, const char *id);
/* Name(name, ...): the object follows. A name, here and below, is a segment of at most 4 letters, or a path that begins with a
 * backslash and is one segment. */
void aml_name(struct aml *a, const char *name);
void aml_name_integer(struct aml *a, const char *name, u64 value);

aml_pos aml_begin_scope(struct aml *a, const char *name);
aml_pos aml_begin_device(struct aml *a, const char *name);
aml_pos aml_begin_method(struct aml *a, const char *name, unsigned args);
aml_pos aml_begin_package(struct aml *a, u8 elements);
/* If (the named integer is not 0). */
aml_pos aml_begin_if_name(struct aml *a, const char *name);
void aml_end(struct aml *a, aml_pos pos);
void aml_return_name(struct aml *a, const char *name);
/* Store(Arg0, name). */
void aml_store_arg0(struct aml *a, const char *name);

/* Name(_CRS, ResourceTemplate): resources follow, then aml_end_crs(). */
struct aml_crs {
    aml_pos package;
    size_t size_at;
};
struct aml_crs aml_begin_crs(struct aml *a);
void aml_end_crs(struct aml *a, struct aml_crs crs);
void aml_io(struct aml *a, u16 port, u8 count);
void aml_irq(struct aml *a, unsigned irq);
void aml_memory_fixed(struct aml *a, u32 base, u32 size);
/* Producer windows of a bridge: bus numbers, ports, 32-bit memory. */
void aml_bus_window(struct aml *a, u16 first, u16 last);
void aml_io_window(struct aml *a, u16 first, u16 last);
void aml_memory_window(struct aml *a, u32 first, u32 last, bool cacheable);

#endif
