/* SPDX-License-Identifier: MIT
 *
 * The memory set: chase-l1, chase-l2, chase-ram (a random cycle through 16 KiB, 256 KiB and 8 MiB, one
 * load per step), copy (2 MiB to and fro with 16-byte loads and stores, as a C library without AVX
 * copies), rep-movs and rep-stos (the same with REP MOVSB and REP STOSB), triad (a = b + s * c over
 * 6 MiB) and triad-2m (the same with arrays that begin 2 MiB apart, as static arrays of such sizes do; a
 * look-up by the low bits of the page number finds them all in one place).
 */
#include "tests/bench/guest/bench.h"

#include <emmintrin.h>
#include <string.h>

struct link {
    struct link *next;
    uint64_t number, unused[6];
};

/* One cycle through 'count' links, in a random order (Sattolo). */
static void *make_cycle(uint64_t count)
{
    struct link *links = obtain(count * sizeof(*links));
    uint32_t *order = obtain(count * sizeof(*order));
    uint64_t seed = 5772156649;

    for (uint64_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (uint64_t i = count - 1; i > 0; i--) {
        uint64_t other = next_random(&seed) % i;
        uint32_t kept = order[i];

        order[i] = order[other];
        order[other] = kept;
    }
    for (uint64_t i = 0; i < count; i++) {
        links[order[i]].next = &links[order[(i + 1) % count]];
        links[order[i]].number = order[i];
    }
    return links;
}

static void *chase_l1_setup(uint64_t work)
{
    (void)work;
    return make_cycle((16 << 10) / sizeof(struct link));
}

static void *chase_l2_setup(uint64_t work)
{
    (void)work;
    return make_cycle((256 << 10) / sizeof(struct link));
}

static void *chase_ram_setup(uint64_t work)
{
    (void)work;
    return make_cycle((8 << 20) / sizeof(struct link));
}

static uint64_t chase_run(void *state, uint64_t work)
{
    const struct link *at = state;

    for (uint64_t i = 0; i < work; i++)
        at = at->next;
    return mix(0, at->number);
}

#define COPIED (2 << 20)
#define SECOND (COPIED + 5 * 4096) /* where the second half begins */

static void *copy_setup(uint64_t work)
{
    uint64_t *bytes = obtain(SECOND + COPIED);
    uint64_t seed = 14142135623;

    (void)work;
    for (unsigned i = 0; i < COPIED / 8; i++)
        bytes[i] = next_random(&seed);
    return bytes;
}

static uint64_t sum_of(const uint64_t *words, unsigned count)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i += 61)
        sum = mix(sum, words[i]);
    return sum;
}

/* Copies to and fro, a byte further each time, so that loads or stores are unaligned mostly. */
static uint64_t copy_run(void *state, uint64_t work)
{
    char *halves = state;

    for (uint64_t i = 0; i < work; i++) {
        char *from = halves + i % 2 * SECOND + i % 16, *to = halves + (i + 1) % 2 * SECOND;

        for (unsigned at = 0; at < COPIED - 64; at += 64) {
            __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(from + at));
            __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(from + at + 16));
            __m128i c = _mm_loadu_si128((const __m128i *)(const void *)(from + at + 32));
            __m128i d = _mm_loadu_si128((const __m128i *)(const void *)(from + at + 48));

            _mm_storeu_si128((__m128i *)(void *)(to + at), a);
            _mm_storeu_si128((__m128i *)(void *)(to + at + 16), b);
            _mm_storeu_si128((__m128i *)(void *)(to + at + 32), c);
            _mm_storeu_si128((__m128i *)(void *)(to + at + 48), d);
        }
    }
    return sum_of(state, (SECOND + COPIED) / 8);
}

static uint64_t rep_movs_run(void *state, uint64_t work)
{
    char *halves = state;

    for (uint64_t i = 0; i < work; i++) {
        char *from = halves + i % 2 * SECOND + i % 16, *to = halves + (i + 1) % 2 * SECOND;
        size_t count = COPIED - 16;

        __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
    }
    return sum_of(state, (SECOND + COPIED) / 8);
}

static uint64_t rep_stos_run(void *state, uint64_t work)
{
    char *halves = state;

    for (uint64_t i = 0; i < work; i++) {
        char *to = halves + i % 2 * SECOND + i % 16;
        size_t count = COPIED - 16;

        __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"((uint8_t)i) : "memory");
    }
    return sum_of(state, (SECOND + COPIED) / 8);
}

#define LENGTH (256 << 10)

struct vectors {
    double *a, *b, *c;
};

/* Three arrays, each 'gap' bytes after the one before. */
static struct vectors *make_vectors(size_t gap)
{
    struct vectors *v = obtain(sizeof(*v));
    size_t step = LENGTH * sizeof(double) + gap;
    char *memory = obtain(3 * step);

    v->a = (double *)(void *)memory;
    v->b = (double *)(void *)(memory + step);
    v->c = (double *)(void *)(memory + 2 * step);
    for (unsigned i = 0; i < LENGTH; i++) {
        v->b[i] = i % 1000;
        v->c[i] = i % 77 + 0.5;
    }
    return v;
}

static void *triad_setup(uint64_t work)
{
    (void)work;
    return make_vectors(5 * 4096);
}

static void *triad_2m_setup(uint64_t work)
{
    (void)work;
    return make_vectors(0);
}

static uint64_t triad_run(void *state, uint64_t work)
{
    const struct vectors *v = state;
    double *restrict a = v->a;
    const double *restrict b = v->b, *restrict c = v->c;
    uint64_t sum = 0, bits;

    for (uint64_t n = 0; n < work; n++) {
        double factor = (double)(n % 10) / 4;

        for (unsigned i = 0; i < LENGTH; i++)
            a[i] = b[i] + factor * c[i];
        memcpy(&bits, &a[n * 4099 % LENGTH], sizeof(bits));
        sum = mix(sum, bits);
    }
    return sum;
}

const struct program memory_programs[] = {
    {"chase-l1", "memory", 150000000, chase_l1_setup, chase_run},
    {"chase-l2", "memory", 50000000, chase_l2_setup, chase_run},
    {"chase-ram", "memory", 2500000, chase_ram_setup, chase_run},
    {"copy", "memory", 2000, copy_setup, copy_run},
    {"rep-movs", "memory", 2000, copy_setup, rep_movs_run},
    {"rep-stos", "memory", 2000, copy_setup, rep_stos_run},
    {"triad", "memory", 1500, triad_setup, triad_run},
    {"triad-2m", "memory", 500, triad_2m_setup, triad_run},
    {NULL, NULL, 0, NULL, NULL},
};
