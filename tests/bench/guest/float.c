/* SPDX-License-Identifier: MIT
 *
 * The float set's SSE2 programs: nbody (five bodies, square roots and divisions), matmul (double, with
 * the inner loop over a row, which the compiler may vectorise) and mandel (iterations of z*z + c).
 * Every operation is one IEEE double operation in a fixed order: no fused multiply-add, no library.
 */
#include "tests/bench/guest/bodies.h"

#include <math.h>

static void *nbody_setup(uint64_t work)
{
    (void)work;
    return make_bodies(31415926535, 4.0, 500.0);
}

static void attract(struct body *a, struct body *b, double step)
{
    double d[3], distance2 = 0, factor;

    for (unsigned i = 0; i < 3; i++) {
        d[i] = a->place[i] - b->place[i];
        distance2 += d[i] * d[i];
    }
    factor = step / (distance2 * sqrt(distance2));
    for (unsigned i = 0; i < 3; i++) {
        a->speed[i] -= d[i] * b->mass * factor;
        b->speed[i] += d[i] * a->mass * factor;
    }
}

static uint64_t nbody_run(void *state, uint64_t work)
{
    struct body *body = state;

    for (uint64_t step = 0; step < work; step++) {
        for (unsigned i = 0; i < BODIES; i++)
            for (unsigned j = i + 1; j < BODIES; j++)
                attract(&body[i], &body[j], 0.01);
        for (unsigned i = 0; i < BODIES; i++)
            for (unsigned d = 0; d < 3; d++)
                body[i].place[d] += 0.01 * body[i].speed[d];
    }
    return sum_of_places(body);
}

#define ORDER 160

struct matrices {
    double a[ORDER][ORDER], b[ORDER][ORDER], c[ORDER][ORDER];
};

static void *matmul_setup(uint64_t work)
{
    struct matrices *m = obtain(sizeof(*m));
    uint64_t seed = 27182818;

    (void)work;
    for (unsigned i = 0; i < ORDER; i++)
        for (unsigned j = 0; j < ORDER; j++) {
            m->a[i][j] = (double)(next_random(&seed) % 2000) / 1000.0 - 1.0;
            m->b[i][j] = (double)(next_random(&seed) % 2000) / 160000.0;
        }
    return m;
}

/* c = a * b, then a = c with something on the diagonal, 'work' times. */
static uint64_t matmul_run(void *state, uint64_t work)
{
    struct matrices *m = state;
    uint64_t sum = 0;

    for (uint64_t n = 0; n < work; n++) {
        for (unsigned i = 0; i < ORDER; i++) {
            for (unsigned j = 0; j < ORDER; j++)
                m->c[i][j] = i == j;
            for (unsigned k = 0; k < ORDER; k++) {
                double factor = m->a[i][k];

                for (unsigned j = 0; j < ORDER; j++)
                    m->c[i][j] += factor * m->b[k][j];
            }
        }
        for (unsigned i = 0; i < ORDER; i++)
            for (unsigned j = 0; j < ORDER; j++)
                m->a[i][j] = m->c[i][j];
    }
    for (unsigned i = 0; i < ORDER; i++)
        sum = mix(sum, bits_of(m->c[i][(7 * i) % ORDER]));
    return sum;
}

/* 'work' rows of 256 points, in a mixed order, at most 200 iterations each. */
static uint64_t mandel_run(void *state, uint64_t work)
{
    uint64_t sum = 0;

    (void)state;
    for (uint64_t row = 0; row < work; row++) {
        double y = -1.25 + 2.5 * (double)(row * 197 % 509) / 509.0;

        for (unsigned column = 0; column < 256; column++) {
            double x = -2.0 + 2.5 * column / 256.0, a = 0, b = 0, a2 = 0, b2 = 0;
            unsigned i = 0;

            for (; i < 200 && a2 + b2 < 4.0; i++) {
                b = 2.0 * a * b + y;
                a = a2 - b2 + x;
                a2 = a * a;
                b2 = b * b;
            }
            sum += i * (uint64_t)(column + 1);
        }
        sum = mix(sum, row);
    }
    return sum;
}

const struct program float_programs[] = {
    {"nbody", "float", 1500000, nbody_setup, nbody_run},
    {"matmul", "float", 100, matmul_setup, matmul_run},
    {"mandel", "float", 3000, NULL, mandel_run},
    {NULL, NULL, 0, NULL, NULL},
};
