/* SPDX-License-Identifier: MIT */
/*
 * 32-byte guest memory operands of the AVX instructions, as cpu/mem128.h does those of 16: a tag compare and two host accesses
 * inside one page; everything else through functions that probe by themselves. No processor promises that the whole is one
 * access (SDM vol. 3 §8.1.1). Where alignment checking is on, any operand off a 16-byte boundary is #AC, as on AMD.
 */
#ifndef CPU_MEM256_H
#define CPU_MEM256_H

#include "cpu/mem128.h"

/* The value of a vector register: bits 127:0 and 255:128. */
struct v256 {
    __m128i lo, hi;
};

/* The slow halves (cpu/mem128.c); escape as mmu_read_bytes and mmu_write_bytes do. */
struct v256 mmu_read256_slow(struct mmu *m, gla_t a, const void *where);
void mmu_write256_slow(struct mmu *m, gla_t a, struct v256 x, const void *where);

static inline bool mem256_is_plain(const struct mmu *m, gla_t a)
{
#ifdef RAM_TSAN
    return false; /* to be seen */
#endif
    return (a & 0xfff) <= 0xfe0 && !((a & 15) && m->align_check);
}

/* Read 32 bytes at linear address a, any alignment, with the current privilege. vCPU's thread; may
 * escape. */
static inline struct v256 mmu_read256(struct mmu *m, gla_t a, const void *where)
{
    const struct tlb_entry *e = &m->tlb[(a >> 12) & (MMU_TLB_SIZE - 1)];

    if (likely(e->rtag == (a & MMU_PAGE_MASK) && mem256_is_plain(m, a))) {
        const struct mem128_bytes *h = (const struct mem128_bytes *)(a + e->addend);
        struct v256 x;

        __asm__ volatile("movdqu %1, %0" : "=x"(x.lo) : "m"(h[0]));
        __asm__ volatile("movdqu %1, %0" : "=x"(x.hi) : "m"(h[1]));
        return x;
    }
    return mmu_read256_slow(m, a, where);
}

/* Write 32 bytes at linear address a, any alignment. vCPU's thread; may escape, then nothing is
 * written. */
static inline void mmu_write256(struct mmu *m, gla_t a, struct v256 x, const void *where)
{
    const struct tlb_entry *e = &m->tlb[(a >> 12) & (MMU_TLB_SIZE - 1)];

    if (likely(e->wtag == (a & MMU_PAGE_MASK) && mem256_is_plain(m, a))) {
        struct mem128_bytes *h = (struct mem128_bytes *)(a + e->addend);

        __asm__ volatile("movdqu %1, %0" : "=m"(h[0]) : "x"(x.lo));
        __asm__ volatile("movdqu %1, %0" : "=m"(h[1]) : "x"(x.hi));
        return;
    }
    mmu_write256_slow(m, a, x, where);
}

#endif
