/* SPDX-License-Identifier: MIT */
/*
 * The slow halves of 16- and 32-byte guest accesses: whatever cpu/mem128.h and cpu/mem256.h cannot do with one tag compare.
 * They exist as functions of their own so that no address of a local variable is taken in a
 * micro-op handler (that would cost it the tail call).
 */
#include "cpu/mem256.h"

__m128i mmu_read128_slow(struct mmu *m, gla_t a, const void *where)
{
    u8 b[16];

    mmu_check_alignment(m, a, sizeof(b), sizeof(b), where);
    mmu_read_bytes(m, a, b, sizeof(b), where);
    return _mm_loadu_si128((const __m128i *)b);
}

void mmu_write128_slow(struct mmu *m, gla_t a, __m128i x, const void *where)
{
    u8 b[16];

    mmu_check_alignment(m, a, sizeof(b), sizeof(b), where);
    _mm_storeu_si128((__m128i *)b, x);
    mmu_write_bytes(m, a, b, sizeof(b), where);
}

struct v256 mmu_read256_slow(struct mmu *m, gla_t a, const void *where)
{
    struct v256 x;
    u8 b[32];

    mmu_check_alignment(m, a, sizeof(b), 16, where);
    mmu_read_bytes(m, a, b, sizeof(b), where);
    x.lo = _mm_loadu_si128((const __m128i *)b);
    x.hi = _mm_loadu_si128((const __m128i *)(b + 16));
    return x;
}

void mmu_write256_slow(struct mmu *m, gla_t a, struct v256 x, const void *where)
{
    u8 b[32];

    mmu_check_alignment(m, a, sizeof(b), 16, where);
    _mm_storeu_si128((__m128i *)b, x.lo);
    _mm_storeu_si128((__m128i *)(b + 16), x.hi);
    mmu_write_bytes(m, a, b, sizeof(b), where);
}
