/* SPDX-License-Identifier: MIT */
/*
 * What SSE's floating-point instructions do to 128 bits, under the MXCSR that the host has at that moment; those of AVX do the
 * same to each lane. The host's own instructions. SDM vol. 2.
 */
#ifndef CPU_SSE_LANE_FP_H
#define CPU_SSE_LANE_FP_H

#include "cpu/ops_sse.h"

#define SSE_FP(name, bytes, op, fmt, n)                                                            \
    static inline __m128i do_##name(__m128i a, __m128i b, unsigned imm)                            \
    {                                                                                              \
        (void)imm;                                                                                 \
        __asm__ volatile(#name " %1, %0" : "+x"(a) : "x"(b));                                      \
        return a;                                                                                  \
    }
#include "cpu/sse_ops.def"

/* clang-format off */
/* One case of an instruction whose immediate selects what it does. */
#define CASE(name, value)                                                                          \
    case value: __asm__ volatile(#name " $" #value ", %1, %0" : "+x"(a) : "x"(b)); break;

#define COMPARE(name)                                                                              \
    static inline __m128i do_##name(__m128i a, __m128i b, unsigned imm)                            \
    {                                                                                              \
        switch (imm & 7) {                                                                         \
            CASE(name, 0) CASE(name, 1) CASE(name, 2) CASE(name, 3)                                \
            CASE(name, 4) CASE(name, 5) CASE(name, 6) CASE(name, 7)                                \
        }                                                                                          \
        return a;                                                                                  \
    }

/* imm[2]: by MXCSR.RC rather than imm[1:0]; imm[3]: no inexact flag. */
#define ROUND(name)                                                                                \
    static inline __m128i do_##name(__m128i a, __m128i b, unsigned imm)                            \
    {                                                                                              \
        switch (imm & 4 ? imm & 12 : imm & 11) {                                                   \
            CASE(name, 0) CASE(name, 1) CASE(name, 2) CASE(name, 3) CASE(name, 4)                  \
            CASE(name, 8) CASE(name, 9) CASE(name, 10) CASE(name, 11) CASE(name, 12)               \
        }                                                                                          \
        return a;                                                                                  \
    }
/* clang-format on */
COMPARE(cmpps)
COMPARE(cmppd)
COMPARE(cmpss)
COMPARE(cmpsd)

ROUND(roundps)
ROUND(roundpd)
ROUND(roundss)
ROUND(roundsd)

#undef CASE
#undef COMPARE
#undef ROUND

/* --- Masks of dot products --- */

/* All ones in the 32-bit elements whose bit in `bits` is set. */
static inline __m128i mask32(unsigned bits)
{
    const __m128i bit = _mm_set_epi32(8, 4, 2, 1);

    return _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int)bits), bit), bit);
}

static inline __m128i mask64x2(unsigned bits)
{
    return _mm_set_epi64x(-(long long)(bits >> 1 & 1), -(long long)(bits & 1));
}

#endif
