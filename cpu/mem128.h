/* SPDX-License-Identifier: MIT */
/*
 * 16-byte guest memory operands of the SSE instructions.
 *
 * The fast path is one tag compare and one 16-byte host access, of any alignment, when the operand
 * lies inside one page; everything else (page crossing, miss, fault, device, traced page) goes
 * through mmu_read_bytes() and mmu_write_bytes(), which probe by themselves and so are atomic as
 * the only access of an instruction. The host access is an asm statement, because that is the only
 * way to say "exactly one MOVDQU" to every compiler; on hosts with AVX an aligned one is a
 * single-copy atomic access (SDM vol. 3 §8.1.1), elsewhere it is two of 8 bytes.
 *
 * Alignment that an instruction demands (#GP(0)) is the caller's: see cpu/ops_sse.h. For the others
 * any operand off a 16-byte boundary is #AC where alignment checking is on, as on AMD (SDM vol. 3
 * §6.15 leaves it open). The slow halves are out of line so that handlers keep their tail call.
 */
#ifndef CPU_MEM128_H
#define CPU_MEM128_H

#include <emmintrin.h>

#include "mmu/mmu.h"

struct mem128_bytes {
    u8 b[16];
};

/* The slow halves (cpu/mem128.c); escape as mmu_read_bytes and mmu_write_bytes do. */
__m128i mmu_read128_slow(struct mmu *m, gla_t a, const void *where);
void mmu_write128_slow(struct mmu *m, gla_t a, __m128i x, const void *where);

/* Inside one page, and nobody wants to hear of bad alignment. */
static inline bool mem128_is_plain(const struct mmu *m, gla_t a)
{
#ifdef RAM_TSAN
    return false; /* to be seen */
#endif
    return (a & 0xfff) <= 0xff0 && !((a & 15) && m->align_check);
}

/* Read 16 bytes at linear address a, any alignment, with the current privilege. vCPU's thread; may
 * escape. */
static inline __m128i mmu_read128(struct mmu *m, gla_t a, const void *where)
{
    const struct tlb_entry *e = &m->tlb[(a >> 12) & (MMU_TLB_SIZE - 1)];

    if (likely(e->rtag == (a & MMU_PAGE_MASK) && mem128_is_plain(m, a))) {
        const struct mem128_bytes *h = (const struct mem128_bytes *)(a + e->addend);
        __m128i x;

        __asm__ volatile("movdqu %1, %0" : "=x"(x) : "m"(*h));
        return x;
    }
    return mmu_read128_slow(m, a, where);
}

/* Write 16 bytes at linear address a, any alignment. vCPU's thread; may escape, then nothing is
 * written. */
static inline void mmu_write128(struct mmu *m, gla_t a, __m128i x, const void *where)
{
    const struct tlb_entry *e = &m->tlb[(a >> 12) & (MMU_TLB_SIZE - 1)];

    if (likely(e->wtag == (a & MMU_PAGE_MASK) && mem128_is_plain(m, a))) {
        struct mem128_bytes *h = (struct mem128_bytes *)(a + e->addend);

        __asm__ volatile("movdqu %1, %0" : "=m"(*h) : "x"(x));
        return;
    }
    mmu_write128_slow(m, a, x, where);
}

#endif
