/* SPDX-License-Identifier: MIT
 *
 * bench: the benchmark programs that run on the host, in QEMU and in x86sim alike.
 *
 *     bench [--scale PERCENT] [NAME...]      a NAME is a set, a program, or several with commas between
 *     bench --list [NAME...]                 "SET PROGRAM" for each that this processor can run
 *
 * Sets: integer, float, memory, system, smp, avx; default: all of them. Each program prints one line
 *
 *     bench: NAME SECONDS CHECK
 *
 * SECONDS is CLOCK_MONOTONIC's time for its fixed amount of work, CHECK a checksum of its results,
 * which depends on the scale and (smp) the number of processors and on nothing else. At a scale of 100
 * a program takes some tenths of a second on a host of 2023. Programs run on the first processor that
 * the process may use; those of the set smp use all and are left out where there is only one,
 * those of the set avx where the processor is none of x86-64-v3, or has not what they need besides.
 */
#include "tests/bench/guest/bench.h"

#include <cpuid.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const struct program *const groups[] = {
    integer_programs, sort_programs,   float_programs, x87_programs,
    memory_programs,  system_programs, smp_programs,   vector_programs,
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static cpu_set_t usable;
static uint64_t scale = 100;

void give_up(const char *what)
{
    printf("bench: %s failed\n", what);
    fflush(stdout);
    _exit(1);
}

/* What obtain() gave to the running program, which would make the next one's forks slower. */
static struct {
    void *memory;
    size_t size;
} obtained[256];
static unsigned obtained_count;

void *obtain(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED || obtained_count == sizeof(obtained) / sizeof(obtained[0]))
        give_up("mmap");
    obtained[obtained_count].memory = memory;
    obtained[obtained_count++].size = size;
    return memory;
}

static void release_all(void)
{
    while (obtained_count > 0) {
        obtained_count--;
        munmap(obtained[obtained_count].memory, obtained[obtained_count].size);
    }
}

unsigned count_cpus(void)
{
    return (unsigned)CPU_COUNT(&usable);
}

void pin_to(unsigned n)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &usable) && n-- == 0)
            CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof(one), &one) < 0)
        give_up("sched_setaffinity");
}

const struct program *find_program(const char *name)
{
    for (size_t g = 0; g < GROUPS; g++)
        for (const struct program *p = groups[g]; p->name != NULL; p++)
            if (strcmp(p->name, name) == 0)
                return p;
    give_up(name);
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_program(const struct program *program)
{
    uint64_t work = program->work * scale / 100;
    uint64_t check;
    double start, end;
    void *state;

    if (work == 0)
        work = 1;
    pin_to(0);
    state = program->setup != NULL ? program->setup(work) : NULL;
    start = seconds_now();
    check = program->run(state, work);
    end = seconds_now();
    printf("bench: %s %.6f %016llx\n", program->name, end - start, (unsigned long long)check);
    fflush(stdout);
    release_all();
}

/* Whether 'name' is one of the words of 'list', which have commas between them. */
static bool is_in_list(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = list; (at = strstr(at, name)) != NULL; at++)
        if ((at == list || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
            return true;
    return false;
}

static bool is_wanted(const struct program *program, char **names)
{
    if (*names == NULL)
        return true;
    for (; *names != NULL; names++)
        if (is_in_list(*names, program->set) || is_in_list(*names, program->name))
            return true;
    return false;
}

static bool has_sha(void)
{
    unsigned a, b = 0, c, d;

    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}

static bool can_run(const struct program *program)
{
    if (strcmp(program->set, "smp") == 0)
        return count_cpus() > 1;
    if (strcmp(program->set, "avx") != 0)
        return true;
    if (strcmp(program->name, "sha-ni") == 0 && !has_sha())
        return false;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("aes");
}

int main(int argc, char **argv)
{
    char **names = argv + 1;
    bool list = false;
    unsigned found = 0;

    for (; *names != NULL && strncmp(*names, "--", 2) == 0; names++) {
        if (strcmp(*names, "--list") == 0) {
            list = true;
        } else if (strcmp(*names, "--scale") == 0 && names + 1 < argv + argc) {
            scale = strtoull(*++names, NULL, 10);
        } else {
            fprintf(stderr, "usage: bench [--list] [--scale PERCENT] [SET|PROGRAM[,...]]...\n");
            return 2;
        }
    }
    if (sched_getaffinity(0, sizeof(usable), &usable) < 0)
        give_up("sched_getaffinity");
    for (size_t g = 0; g < GROUPS; g++)
        for (const struct program *p = groups[g]; p->name != NULL; p++) {
            if (!is_wanted(p, names))
                continue;
            found++;
            if (!can_run(p))
                continue;
            if (list)
                printf("%s %s\n", p->set, p->name);
            else
                run_program(p);
        }
    if (found == 0) {
        fprintf(stderr, "bench: no set or program of that name; bench --list shows them\n");
        return 2;
    }
    return 0;
}
