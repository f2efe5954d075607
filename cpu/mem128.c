/* SPDX-License-Identifier: MIT */
/*
 * The slow halves of 16-byte guest accesses: whatever cpu/mem128.h cannot do with one tag compare.
 * They exist as functions of their own so that no address of a local variable is taken in a
 * micro-op handler (that would cost it the tail call).
 */
#include "cpu/mem128.h"

static void check_alignment(struct mmu *m, gla_t a, const void *where)
{
    if (likely(!m->align_check || m->index != MMU_USER || !(a & 15)))
        return;
    if (m->lma &&
        (sext64(a, 48) != a || sext64(a + 15, 48) != a + 15)) /* the access itself will say so */
        return;
    m->where = where;
    m->escape(m->owner, MMU_ESCAPE_ALIGN);
}

__m128i mmu_read128_slow(struct mmu *m, gla_t a, const void *where)
{
    u8 b[16];

    check_alignment(m, a, where);
    mmu_read_bytes(m, a, b, sizeof(b), where);
    return _mm_loadu_si128((const __m128i *)b);
}

void mmu_write128_slow(struct mmu *m, gla_t a, __m128i x, const void *where)
{
    u8 b[16];

    check_alignment(m, a, where);
    _mm_storeu_si128((__m128i *)b, x);
    mmu_write_bytes(m, a, b, sizeof(b), where);
}
