/* SPDX-License-Identifier: MIT
 *
 * bench.h: what the groups of benchmark programs give to bench.c.
 *
 * A program is a fixed amount of work with a result that is the same on every correct machine. What
 * it needs is made by setup(), outside the measured time; everything it changes hangs off that state,
 * so that several threads can run the same program side by side. Hot loops call nothing of the C
 * library but system calls: its string functions choose their code by the processor they find, and the
 * same code is to run on the host, in QEMU and in x86sim.
 */
#ifndef TESTS_BENCH_GUEST_BENCH_H
#define TESTS_BENCH_GUEST_BENCH_H

#include <stddef.h>
#include <stdint.h>

struct program {
    const char *name; /* NULL ends a list */
    const char *set;
    uint64_t work;                 /* what run() gets at a scale of 100 */
    void *(*setup)(uint64_t work); /* the state, from obtain(), or NULL; may itself be NULL */
    uint64_t (*run)(void *state, uint64_t work); /* its result */
};

extern const struct program integer_programs[];
extern const struct program float_programs[];
extern const struct program x87_programs[];
extern const struct program memory_programs[];
extern const struct program system_programs[];
extern const struct program smp_programs[];
extern const struct program sort_programs[];
extern const struct program vector_programs[];

/* Ends the process with a message when 'what' failed. */
void give_up(const char *what) __attribute__((noreturn));

/* 'size' zeroed bytes, aligned to a page and present until the program ends; in setup() only. */
void *obtain(size_t size);

/* The program of this name; gives up when there is none. */
const struct program *find_program(const char *name);

/* The processors that this process may use, and pinning the calling thread to the n-th of them. */
unsigned count_cpus(void);
void pin_to(unsigned n);

/* One step of a checksum. */
static inline uint64_t mix(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 29;
}

/* A pseudo-random number (xorshift); *seed is not 0. */
static inline uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

#endif
