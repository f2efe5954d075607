/* SPDX-License-Identifier: MIT */
/*
 * The steps of AES, of multiplication without carries and of SHA as their instructions do them, in plain C.
 * FIPS 197, FIPS 180-4; Intel SDM vol. 1 §12.13, vol. 2.
 */
#ifndef CPU_CRYPTO_H
#define CPU_CRYPTO_H

#include <emmintrin.h>

#include "src/base/types.h"

/* Operands as the instructions have them: a the first, b the second; SHA256RNDS2's third, XMM0, is `wk`. */
__m128i crypto_aesenc(__m128i a, __m128i b, unsigned imm);
__m128i crypto_aesenclast(__m128i a, __m128i b, unsigned imm);
__m128i crypto_aesdec(__m128i a, __m128i b, unsigned imm);
__m128i crypto_aesdeclast(__m128i a, __m128i b, unsigned imm);
__m128i crypto_aesimc(__m128i a, __m128i b, unsigned imm);
__m128i crypto_aeskeygenassist(__m128i a, __m128i b, unsigned imm);
__m128i crypto_pclmulqdq(__m128i a, __m128i b, unsigned imm);
__m128i crypto_sha1rnds4(__m128i a, __m128i b, unsigned imm);
__m128i crypto_sha1nexte(__m128i a, __m128i b, unsigned imm);
__m128i crypto_sha1msg1(__m128i a, __m128i b, unsigned imm);
__m128i crypto_sha1msg2(__m128i a, __m128i b, unsigned imm);
__m128i crypto_sha256msg1(__m128i a, __m128i b, unsigned imm);
__m128i crypto_sha256msg2(__m128i a, __m128i b, unsigned imm);
__m128i crypto_sha256rnds2(__m128i a, __m128i b, __m128i wk);

#endif
