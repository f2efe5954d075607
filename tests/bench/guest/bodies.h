/* SPDX-License-Identifier: MIT
 *
 * The planetary system of nbody and nbody87: random places around a heavy body, and its mark in a checksum.
 */
#ifndef X86SIM_TESTS_BENCH_BODIES_H
#define X86SIM_TESTS_BENCH_BODIES_H

#include "tests/bench/guest/bench.h"

#include <string.h>

#define BODIES 5

struct body {
    double place[3], speed[3], mass;
};

static inline uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* The bodies stand `spacing` apart, give or take 1000 / divisor. */
static inline struct body *make_bodies(uint64_t seed, double spacing, double divisor)
{
    struct body *body = obtain(BODIES * sizeof(*body));

    for (unsigned i = 0; i < BODIES; i++) {
        for (unsigned d = 0; d < 3; d++) {
            body[i].place[d] = i * spacing + (double)(next_random(&seed) % 1000) / divisor;
            body[i].speed[d] = (double)(next_random(&seed) % 1000) / 10000.0 - 0.05;
        }
        body[i].mass = i == 0 ? 1.0 : 0.001 * (double)(next_random(&seed) % 100 + 1);
    }
    return body;
}

static inline uint64_t sum_of_places(const struct body *body)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < BODIES; i++)
        for (unsigned d = 0; d < 3; d++)
            sum = mix(sum, bits_of(body[i].place[d]));
    return sum;
}

#endif
