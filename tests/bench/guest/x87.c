/* SPDX-License-Identifier: MIT
 *
 * The float set's x87 programs: nbody87 (as nbody, but in long double
 * arithmetic over doubles in memory, as -mfpmath=387 compiles) and series87 (sums of long double terms
 * with division and square root, which stay on the register stack).
 */
#include "tests/bench/guest/bodies.h"

#include <math.h>

static void *nbody87_setup(uint64_t work)
{
    (void)work;
    return make_bodies(1618033988, 5.0, 400.0);
}

static void attract(struct body *a, struct body *b, long double step)
{
    long double x = (long double)a->place[0] - b->place[0];
    long double y = (long double)a->place[1] - b->place[1];
    long double z = (long double)a->place[2] - b->place[2];
    long double distance2 = x * x + y * y + z * z;
    long double factor = step / (distance2 * sqrtl(distance2));
    long double of_a = a->mass * factor, of_b = b->mass * factor;

    a->speed[0] = (double)(a->speed[0] - x * of_b);
    a->speed[1] = (double)(a->speed[1] - y * of_b);
    a->speed[2] = (double)(a->speed[2] - z * of_b);
    b->speed[0] = (double)(b->speed[0] + x * of_a);
    b->speed[1] = (double)(b->speed[1] + y * of_a);
    b->speed[2] = (double)(b->speed[2] + z * of_a);
}

static uint64_t nbody87_run(void *state, uint64_t work)
{
    struct body *body = state;

    for (uint64_t step = 0; step < work; step++) {
        for (unsigned i = 0; i < BODIES; i++)
            for (unsigned j = i + 1; j < BODIES; j++)
                attract(&body[i], &body[j], 0.01L);
        for (unsigned i = 0; i < BODIES; i++)
            for (unsigned d = 0; d < 3; d++)
                body[i].place[d] = (double)(body[i].place[d] + 0.01L * body[i].speed[d]);
    }
    return sum_of_places(body);
}

static uint64_t series87_run(void *state, uint64_t work)
{
    long double basel = 0, roots = 0, product = 1, k = 0;

    (void)state;
    for (uint64_t i = 0; i < work; i++) {
        k += 1;
        basel += 1 / (k * k);
        roots += sqrtl(k) - roots / 16;
        product = product * (1 - 0.25L / (k * k)) + 0.125L;
        if (product > 1000)
            product -= 999.5L;
    }
    return mix(mix(bits_of((double)basel), bits_of((double)roots)), bits_of((double)product));
}

const struct program x87_programs[] = {
    {"nbody87", "float", 400000, nbody87_setup, nbody87_run},
    {"series87", "float", 10000000, NULL, series87_run},
    {NULL, NULL, 0, NULL, NULL},
};
