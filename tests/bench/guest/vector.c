/* SPDX-License-Identifier: MIT
 *
 * The avx set: code for x86-64-v3 with intrinsics. axpy (fused multiplication and addition over arrays in the first cache),
 * mandel-avx2 (registers alone), find (bytes compared 32 at a time, as in a C library's memchr, with VZEROUPPER behind each call), dot8
 * (bytes multiplied and added up), gather (VPGATHERDD and VGATHERQPD from a table of 64 KiB), sha-ni and aes-ni. Left out where the processor has not what they need.
 */
#include "tests/bench/guest/bench.h"

#include <immintrin.h>

#define FLOATS 2048

struct arrays {
    float x[FLOATS], y[FLOATS];
};

static void *axpy_setup(uint64_t work)
{
    struct arrays *a = obtain(sizeof(*a));
    uint64_t seed = 161803398;

    (void)work;
    for (unsigned i = 0; i < FLOATS; i++) {
        a->x[i] = (float)(next_random(&seed) % 1000) / 1000.0f;
        a->y[i] = (float)(next_random(&seed) % 1000) / 1000.0f;
    }
    return a;
}

__attribute__((target("avx2,fma"))) static uint64_t axpy_run(void *state, uint64_t work)
{
    struct arrays *a = state;
    uint64_t sum = 0;

    for (uint64_t round = 0; round < work; round++) {
        __m256 factor = _mm256_set1_ps(round & 1 ? -0.5f : 0.5f);

        for (unsigned i = 0; i < FLOATS; i += 8)
            _mm256_storeu_ps(a->y + i, _mm256_fmadd_ps(factor, _mm256_loadu_ps(a->x + i),
                                                       _mm256_loadu_ps(a->y + i)));
    }
    for (unsigned i = 0; i < FLOATS; i++)
        sum = mix(sum, (uint64_t)(int64_t)(a->y[i] * 65536.0f));
    return sum;
}

__attribute__((target("avx2,fma"))) static uint64_t mandel_run(void *state, uint64_t work)
{
    uint64_t sum = 0;

    (void)state;
    for (uint64_t line = 0; line < work; line++) {
        __m256d re = _mm256_set_pd(-1.5, -0.75, -0.1, 0.3);
        __m256d im = _mm256_set1_pd((double)(line % 64) / 64.0);
        __m256d x = re, y = im, count = _mm256_setzero_pd();

        for (unsigned n = 0; n < 64; n++) {
            __m256d x2 = _mm256_mul_pd(x, x), y2 = _mm256_mul_pd(y, y);
            __m256d in = _mm256_cmp_pd(_mm256_add_pd(x2, y2), _mm256_set1_pd(4.0), _CMP_LT_OQ);

            if (!_mm256_movemask_pd(in))
                break;
            count = _mm256_add_pd(count, _mm256_and_pd(in, _mm256_set1_pd(1.0)));
            y = _mm256_fmadd_pd(_mm256_add_pd(x, x), y, im);
            x = _mm256_add_pd(_mm256_sub_pd(x2, y2), re);
        }
        sum = mix(sum, (uint64_t)_mm256_cvtsd_f64(count));
    }
    return sum;
}

#define TEXT 65536

static void *text_setup(uint64_t work)
{
    uint8_t *text = obtain(TEXT + 64);
    uint64_t seed = 57721566;

    (void)work;
    for (unsigned i = 0; i < TEXT; i++)
        text[i] = (uint8_t)(next_random(&seed) >> 17 | 1);
    for (unsigned i = 0; i < TEXT; i += 1 + next_random(&seed) % 400)
        text[i] = 0;
    text[TEXT] = 0;
    return text;
}

/* The distance to the next zero byte. */
__attribute__((target("avx2"), noinline)) static unsigned find_zero(const uint8_t *at)
{
    const uint8_t *from = at;

    for (;; at += 32) {
        __m256i chunk = _mm256_loadu_si256((const __m256i *)at);
        unsigned zeros =
            (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(chunk, _mm256_setzero_si256()));

        if (zeros != 0)
            return (unsigned)(at - from) + (unsigned)__builtin_ctz(zeros);
    }
}

static uint64_t find_run(void *state, uint64_t work)
{
    const uint8_t *text = state;
    uint64_t sum = 0;

    for (uint64_t round = 0; round < work; round++)
        for (unsigned at = 0; at < TEXT;) {
            unsigned n = find_zero(text + at);

            sum = mix(sum, n);
            at += n + 1;
        }
    return sum;
}

__attribute__((target("avx2"))) static uint64_t dot8_run(void *state, uint64_t work)
{
    const uint8_t *text = state;
    uint64_t sum = 0;

    for (uint64_t round = 0; round < work; round++) {
        __m256i total = _mm256_setzero_si256();

        for (unsigned i = 0; i < TEXT; i += 64) {
            __m256i a = _mm256_loadu_si256((const __m256i *)(text + i)),
                    b = _mm256_loadu_si256((const __m256i *)(text + i + 32));
            __m256i p = _mm256_maddubs_epi16(_mm256_srli_epi16(a, 4), b);

            total = _mm256_add_epi32(total, _mm256_madd_epi16(p, _mm256_set1_epi16(1)));
            total = _mm256_xor_si256(total, _mm256_shuffle_epi8(a, b));
        }
        sum = mix(sum, (uint64_t)_mm256_extract_epi64(total, 0));
        sum = mix(sum, (uint64_t)_mm256_extract_epi64(total, 3));
    }
    return sum;
}

/* Each round's indexes come from what the round before found. */
__attribute__((target("avx2"))) static uint64_t gather_run(void *state, uint64_t work)
{
    const uint8_t *text = state;
    __m256i at = _mm256_setr_epi32(1, 2000, 3, 4000, 5, 6000, 7, 8000), total = at;
    __m256d sum = _mm256_setzero_pd();

    for (uint64_t round = 0; round < work; round++) {
        __m256i found = _mm256_i32gather_epi32((const int *)text, at, 4);
        __m256d wide = _mm256_i64gather_pd((const double *)text, _mm256_srli_epi64(at, 51), 8);

        total = _mm256_add_epi32(total, found);
        sum = _mm256_xor_pd(sum, wide);
        at = _mm256_srli_epi32(_mm256_add_epi32(found, at), 18);
    }
    total = _mm256_xor_si256(total, _mm256_castpd_si256(sum));
    return mix((uint64_t)_mm256_extract_epi64(total, 0), (uint64_t)_mm256_extract_epi64(total, 3));
}

__attribute__((target("sha,sse4.1"))) static uint64_t sha_run(void *state, uint64_t work)
{
    const __m128i *text = state;
    __m128i abef = _mm_set_epi32(1, 2, 3, 4), cdgh = _mm_set_epi32(5, 6, 7, 8);
    uint64_t sum = 0;

    for (uint64_t round = 0; round < work; round++)
        for (unsigned i = 0; i < TEXT / 16; i += 4) {
            __m128i w0 = text[i], w1 = text[i + 1], w2 = text[i + 2], w3 = text[i + 3];

            for (unsigned k = 0; k < 16; k++) {
                cdgh = _mm_sha256rnds2_epu32(cdgh, abef, w0);
                abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(w0, 0x0e));
                w0 = _mm_sha256msg2_epu32(
                    _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4)), w3);
                __m128i first = w0;
                w0 = w1;
                w1 = w2;
                w2 = w3;
                w3 = first;
            }
        }
    sum = mix(sum, (uint64_t)_mm_cvtsi128_si64(abef));
    return mix(sum, (uint64_t)_mm_cvtsi128_si64(cdgh));
}

__attribute__((target("aes,sse4.1"))) static uint64_t aes_run(void *state, uint64_t work)
{
    const __m128i *text = state;
    __m128i a = _mm_setzero_si128(), b = a, c = a, d = a;
    uint64_t sum = 0;

    for (uint64_t round = 0; round < work; round++)
        for (unsigned i = 0; i < TEXT / 16; i += 4) {
            a = _mm_aesenc_si128(a, text[i]);
            b = _mm_aesenc_si128(b, text[i + 1]);
            c = _mm_aesdec_si128(c, text[i + 2]);
            d = _mm_aesdec_si128(d, text[i + 3]);
        }
    sum = mix(sum, (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(a, b)));
    return mix(sum, (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(c, d)));
}

const struct program vector_programs[] = {
    {"axpy", "avx", 600000, axpy_setup, axpy_run},
    {"mandel-avx2", "avx", 400000, NULL, mandel_run},
    {"find", "avx", 30000, text_setup, find_run},
    {"dot8", "avx", 60000, text_setup, dot8_run},
    {"gather", "avx", 10000000, text_setup, gather_run},
    {"sha-ni", "avx", 2000, text_setup, sha_run},
    {"aes-ni", "avx", 60000, text_setup, aes_run},
    {NULL, NULL, 0, NULL, NULL},
};
