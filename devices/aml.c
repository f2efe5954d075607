/* SPDX-License-Identifier: MIT */
/*
 * The AML assembler (see aml.h). Op codes: ACPI 6.4 §20.2.5; resource descriptors: §6.4.2 (small),
 * §6.4.3 (large). A buffer's size is a term inside the buffer, so a resource template patches that
 * as well.
 */
#include "devices/aml.h"

#include "src/base/check.h"

enum {
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_EXT = 0x5b,
    OP_ARG0 = 0x68,
    OP_STORE = 0x70,
    OP_IF = 0xa0,
    OP_RETURN = 0xa4,
    OP_EXT_DEVICE = 0x82,
};

static void put_bytes(struct aml *a, const void *bytes, size_t n)
{
    CHECK(a->n + n <= a->cap);
    memcpy(a->buf + a->n, bytes, n);
    a->n += n;
}

static void put_byte(struct aml *a, u8 value)
{
    put_bytes(a, &value, 1);
}

static void word(struct aml *a, u16 value)
{
    put_bytes(a, &value, 2);
}

static void dword(struct aml *a, u32 value)
{
    put_bytes(a, &value, 4);
}

/* A name segment of at most 4 letters, or a path that begins with a backslash and is one segment. */
static void put_path(struct aml *a, const char *name)
{
    char segment[4] = {'_', '_', '_', '_'};

    if (*name == '\\') {
        put_byte(a, '\\');
        name++;
    }
    CHECK(strlen(name) <= 4);
    memcpy(segment, name, strlen(name));
    put_bytes(a, segment, 4);
}

void aml_integer(struct aml *a, u64 value)
{
    if (value <= 1) {
        put_byte(a, (u8)value);
    } else if (value <= 0xff) {
        put_byte(a, OP_BYTE);
        put_byte(a, (u8)value);
    } else if (value <= 0xffff) {
        put_byte(a, OP_WORD);
        word(a, (u16)value);
    } else if (value <= 0xffffffff) {
        put_byte(a, OP_DWORD);
        dword(a, (u32)value);
    } else {
        put_byte(a, OP_QWORD);
        put_bytes(a, &value, 8);
    }
}

void aml_string(struct aml *a, const char *text)
{
    put_byte(a, OP_STRING);
    put_bytes(a, text, strlen(text) + 1);
}

static unsigned hex_digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

/* Three letters of five bits and four hex digits, most significant byte first. */
void aml_eisa_id(struct aml *a, const char *id)
{
    u32 value = (u32)(id[0] - 0x40) << 26 | (u32)(id[1] - 0x40) << 21 | (u32)(id[2] - 0x40) << 16;

    for (unsigned i = 0; i < 4; i++)
        value |= hex_digit(id[3 + i]) << (12 - 4 * i);
    put_byte(a, OP_DWORD);
    dword(a, __builtin_bswap32(value));
}

void aml_name(struct aml *a, const char *name)
{
    put_byte(a, OP_NAME);
    put_path(a, name);
}

void aml_name_integer(struct aml *a, const char *name, u64 value)
{
    aml_name(a, name);
    aml_integer(a, value);
}

static aml_pos begin(struct aml *a)
{
    aml_pos pos = a->n;

    put_bytes(a, "\0\0", 3);
    return pos;
}

void aml_end(struct aml *a, aml_pos pos)
{
    size_t length = a->n - pos;

    a->buf[pos] = (u8)(0x80 | (length & 15));
    a->buf[pos + 1] = (u8)(length >> 4);
    a->buf[pos + 2] = (u8)(length >> 12);
}

aml_pos aml_begin_scope(struct aml *a, const char *name)
{
    aml_pos pos;

    put_byte(a, OP_SCOPE);
    pos = begin(a);
    put_path(a, name);
    return pos;
}

aml_pos aml_begin_device(struct aml *a, const char *name)
{
    aml_pos pos;

    put_byte(a, OP_EXT);
    put_byte(a, OP_EXT_DEVICE);
    pos = begin(a);
    put_path(a, name);
    return pos;
}

aml_pos aml_begin_method(struct aml *a, const char *name, unsigned args)
{
    aml_pos pos;

    put_byte(a, OP_METHOD);
    pos = begin(a);
    put_path(a, name);
    put_byte(a, (u8)args);
    return pos;
}

aml_pos aml_begin_package(struct aml *a, u8 elements)
{
    aml_pos pos;

    put_byte(a, OP_PACKAGE);
    pos = begin(a);
    put_byte(a, elements);
    return pos;
}

aml_pos aml_begin_if_name(struct aml *a, const char *name)
{
    aml_pos pos;

    put_byte(a, OP_IF);
    pos = begin(a);
    put_path(a, name);
    return pos;
}

void aml_return_name(struct aml *a, const char *name)
{
    put_byte(a, OP_RETURN);
    put_path(a, name);
}

void aml_store_arg0(struct aml *a, const char *name)
{
    put_byte(a, OP_STORE);
    put_byte(a, OP_ARG0);
    put_path(a, name);
}

struct aml_crs aml_begin_crs(struct aml *a)
{
    struct aml_crs crs;

    aml_name(a, "_CRS");
    put_byte(a, OP_BUFFER);
    crs.package = begin(a);
    put_byte(a, OP_WORD);
    crs.size_at = a->n;
    word(a, 0);
    return crs;
}

void aml_end_crs(struct aml *a, struct aml_crs crs)
{
    static const u8 end_tag[2] = {0x79, 0}; /* checksum 0: not used */

    put_bytes(a, end_tag, 2);
    store_le16(a->buf + crs.size_at, (u16)(a->n - crs.size_at - 2));
    aml_end(a, crs.package);
}

void aml_io(struct aml *a, u16 port, u8 count)
{
    put_byte(a, 0x47);
    put_byte(a, 1); /* decodes 16 bits */
    word(a, port);
    word(a, port);
    put_byte(a, 1);
    put_byte(a, count);
}

void aml_irq(struct aml *a, unsigned irq)
{
    put_byte(a, 0x22); /* edge, active high, not shared */
    word(a, (u16)(1u << irq));
}

void aml_memory_fixed(struct aml *a, u32 base, u32 size)
{
    put_byte(a, 0x86);
    word(a, 9);
    put_byte(a, 1); /* writable */
    dword(a, base);
    dword(a, size);
}

/* Word address space descriptor of a producer, minimum and maximum fixed. */
static void word_window(struct aml *a, u8 type, u8 specific, u16 first, u16 last)
{
    put_byte(a, 0x88);
    word(a, 13);
    put_byte(a, type);
    put_byte(a, 0x0c);
    put_byte(a, specific);
    word(a, 0);
    word(a, first);
    word(a, last);
    word(a, 0);
    word(a, (u16)(last - first + 1));
}

void aml_bus_window(struct aml *a, u16 first, u16 last)
{
    word_window(a, 2, 0, first, last);
}

void aml_io_window(struct aml *a, u16 first, u16 last)
{
    word_window(a, 1, 3, first, last);
}

void aml_memory_window(struct aml *a, u32 first, u32 last, bool cacheable)
{
    put_byte(a, 0x87);
    word(a, 23);
    put_byte(a, 0);
    put_byte(a, 0x0c);
    put_byte(a, cacheable ? 3 : 1);
    dword(a, 0);
    dword(a, first);
    dword(a, last);
    dword(a, 0);
    dword(a, last - first + 1);
}
