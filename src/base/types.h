/* SPDX-License-Identifier: MIT */
/*
 * Fixed-width types and the few bit helpers that every layer uses.
 *
 * The two guest address types are distinct names so that a reader sees which space a value lives
 * in: a linear address (after segmentation, before paging) and a guest-physical one. Host addresses
 * are ordinary pointers. C gives no checking here; the names are the discipline.
 *
 * Values wider than the guest's current address size are always stored zero-extended in u64, except
 * where a comment says sign-extended (canonical linear addresses).
 */
#ifndef X86SIM_BASE_TYPES_H
#define X86SIM_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

/* Guest linear address: what segmentation yields and paging takes. */
typedef u64 gla_t;
/* Is it one that 48 bits of linear address can name? */
static inline bool gla_is_canonical(gla_t a)
{
    return (u64)((i64)(a << 16) >> 16) == a;
}

/* Guest-physical address: what paging yields and the physical map takes. */
typedef u64 gpa_t;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/*
 * The smaller and the larger in the operands' common type. Each operand is evaluated once: where it is a call or what another
 * thread writes, a second look may answer otherwise.
 */
#define MIN(a, b) PICK_(a, b, <, PASTE_(min_a_, __COUNTER__), PASTE_(min_b_, __COUNTER__))
#define MAX(a, b) PICK_(a, b, >, PASTE_(max_a_, __COUNTER__), PASTE_(max_b_, __COUNTER__))
#define PASTE_(a, b) PASTE_2_(a, b)
#define PASTE_2_(a, b) a##b
#define PICK_(a, b, is, x, y)                                                                      \
    ({                                                                                             \
        const __typeof__(1 ? (a) : (b)) x = (a), y = (b);                                          \
        x is y ? x : y;                                                                            \
    })
#define BIT(n) (1ull << (n))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The low `bits` bits set; bits is 0 to 64. */
static inline u64 mask64(unsigned bits)
{
    return bits >= 64 ? ~0ull : (1ull << bits) - 1;
}

/* The low `bits` bits of value, sign-extended to 64; bits is 1 to 64. */
static inline u64 sext64(u64 value, unsigned bits)
{
    unsigned shift = 64 - bits;
    return (u64)((i64)(value << shift) >> shift);
}

/* `count` bits of value from bit `low` up, at bit 0 of the result. */
static inline u64 bits64(u64 value, unsigned low, unsigned count)
{
    return (value >> low) & mask64(count);
}

static inline bool is_pow2(u64 value)
{
    return value && !(value & (value - 1));
}

/* Round to a multiple of align, which is a power of two. */
static inline u64 align_down(u64 value, u64 align)
{
    return value & ~(align - 1);
}

static inline u64 align_up(u64 value, u64 align)
{
    return (value + align - 1) & ~(align - 1);
}

/*
 * Unaligned little-endian access to plain host bytes (tables, file headers). Not for guest memory
 * that other threads touch: that goes through mmu/. The host is x86-64, so no byte swap is needed.
 */
static inline u16 load_le16(const void *p)
{
    u16 v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline u32 load_le32(const void *p)
{
    u32 v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline u64 load_le64(const void *p)
{
    u64 v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void store_le16(void *p, u16 v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void store_le32(void *p, u32 v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void store_le64(void *p, u64 v)
{
    memcpy(p, &v, sizeof(v));
}

#endif
