/* SPDX-License-Identifier: MIT */
/*
 * A driver for the fuzz targets where there is no libFuzzer: seeded, so every run can be repeated.
 *
 * Inputs are random bytes of random length, or mutations of the seed files named on the command
 * line (bit flips, interesting values, copies, cuts, splices of two seeds). Input i of seed s is
 * always the same bytes, so "-s S -i I" runs a failing one alone. On a crash the input is written
 * to crash-NAME in the current folder before the process dies, and naming that file alone with
 * "-r" runs it again. There is no coverage feedback: this finds shallow defects quickly, libFuzzer
 * (make fuzz-X with clang) the deep ones.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/base/types.h"

#define INPUT_MAX_SIZE 65536
#define MAX_SEEDS 4096

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct seed {
    u8 *bytes;
    size_t size;
};

static struct seed seeds[MAX_SEEDS];
static size_t seed_count;

/* What is being run, for the crash handler. */
static u8 input[INPUT_MAX_SIZE];
static size_t input_size;
static u64 input_index;
static u64 run_seed = 1;
static char crash_path[256];

/* --- Random numbers: SplitMix64, one stream per input ------------------------------------------
 */

static u64 random_state;

static u64 random_u64(void)
{
    u64 z = random_state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static size_t random_below(size_t limit)
{
    return limit ? (size_t)(random_u64() % limit) : 0;
}

/* --- Crashes -----------------------------------------------------------------------------------
 */

static void on_crash(int signal_number)
{
    char text[160];
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd >= 0) {
        ssize_t written = write(fd, input, input_size);
        (void)written;
        close(fd);
    }
    int n = snprintf(text, sizeof(text), "signal %d; repeat with: -s %llu -i %llu\n", signal_number,
                     (unsigned long long)run_seed, (unsigned long long)input_index);
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
        _exit(1);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void catch_crashes(const char *name)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM};

    snprintf(crash_path, sizeof(crash_path), "crash-%s", name);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        signal(signals[i], on_crash);
}

/* --- Seeds -------------------------------------------------------------------------------------
 */

static bool read_seed(const char *path)
{
    FILE *file = fopen(path, "rb");
    u8 *bytes = malloc(INPUT_MAX_SIZE);
    bool ok = file && bytes && seed_count < MAX_SEEDS;

    if (ok) {
        size_t size = fread(bytes, 1, INPUT_MAX_SIZE, file);
        seeds[seed_count++] = (struct seed){bytes, size};
    } else {
        free(bytes);
    }
    if (file)
        fclose(file);
    return ok;
}

static bool read_seeds(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return false;
    if (!S_ISDIR(st.st_mode))
        return read_seed(path);

    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        return false;
    bool ok = true;
    for (int i = 0; i < count; i++) {
        char name[4096];
        snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            ok = ok && read_seed(name);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

/* --- Inputs ------------------------------------------------------------------------------------
 */

/* Lengths are mostly short: an instruction is 15 bytes, a log header some dozens. */
static void make_random_input(void)
{
    static const size_t limits[] = {4, 16, 16, 64, 64, 512, 4096};

    input_size = random_below(limits[random_below(ARRAY_SIZE(limits))]) + 1;
    for (size_t i = 0; i < input_size; i++)
        input[i] = (u8)random_u64();
}

static void overwrite_number(void)
{
    static const u64 values[] = {0,          1,           0x7f,      0x80,       0xff,
                                 0x7fff,     0x8000,      0xffff,    0x7fffffff, 0x80000000,
                                 0xffffffff, 0x100000000, INT64_MAX, UINT64_MAX};
    size_t width = (size_t)1 << random_below(4);
    u64 value = values[random_below(ARRAY_SIZE(values))];

    if (input_size >= width)
        memcpy(input + random_below(input_size - width + 1), &value, width);
}

/* Copies a piece of from over a place of the input that may reach beyond its end. */
static void splice_piece(const u8 *from, size_t from_size)
{
    size_t start = random_below(from_size);
    size_t length = random_below(from_size - start) + 1;
    size_t to = random_below(input_size + 1);

    if (!from_size)
        return;
    length = MIN(length, INPUT_MAX_SIZE - to);
    memmove(input + to, from + start, length);
    input_size = MAX(input_size, to + length);
}

static void mutate_once(void)
{
    size_t at = random_below(input_size);

    switch (random_below(7)) {
    case 0: input[at] ^= (u8)(1u << random_below(8)); break;
    case 1: input[at] = (u8)random_u64(); break;
    case 2: overwrite_number(); break;
    case 3: input[at] = (u8)(input[at] + random_below(9) - 4); break;
    case 4: input_size = at + 1; break;
    case 5: splice_piece(input, input_size); break;
    case 6:
        if (seed_count) {
            const struct seed *other = &seeds[random_below(seed_count)];
            splice_piece(other->bytes, other->size);
        }
        break;
    }
}

static void make_input(u64 index)
{
    input_index = index;
    random_state = run_seed * 0xd1342543de82ef95ull + index;
    make_random_input();
    if (!seed_count || random_below(8) == 0)
        return;

    const struct seed *seed = &seeds[random_below(seed_count)];
    if (!seed->size)
        return;
    memcpy(input, seed->bytes, seed->size);
    input_size = seed->size;
    for (size_t n = random_below(6); n; n--)
        mutate_once();
}

static void run_input(void)
{
    /* A copy of exact size, so that a sanitizer sees a read past the end. */
    u8 *copy = malloc(input_size ? input_size : 1);

    if (!copy)
        abort();
    memcpy(copy, input, input_size);
    alarm(20); /* an input that takes longer hangs */
    LLVMFuzzerTestOneInput(copy, input_size);
    alarm(0);
    free(copy);
}

static int run_files(char **paths)
{
    for (; *paths; paths++) {
        if (!read_seed(*paths)) {
            fprintf(stderr, "cannot read %s: %s\n", *paths, strerror(errno));
            return 2;
        }
        const struct seed *seed = &seeds[seed_count - 1];
        memcpy(input, seed->bytes, seed->size);
        input_size = seed->size;
        run_input();
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    u64 count = 100000, only = UINT64_MAX;
    time_t seconds = 0;
    bool files = false;
    int option;

    while ((option = getopt(argc, argv, "n:s:i:t:r")) != -1) {
        switch (option) {
        case 'n': count = strtoull(optarg, NULL, 0); break;
        case 's': run_seed = strtoull(optarg, NULL, 0); break;
        case 'i': only = strtoull(optarg, NULL, 0); break;
        case 't': seconds = (time_t)strtoull(optarg, NULL, 0); break;
        case 'r': files = true; break;
        default:
            fprintf(stderr,
                    "usage: %s [-n COUNT (0: no limit)] [-s SEED] [-t SECONDS] [-i INDEX] "
                    "[SEED FILE OR FOLDER...]\n       %s -r INPUT...\n",
                    name, name);
            return 2;
        }
    }
    catch_crashes(name);
    if (files)
        return run_files(argv + optind);
    for (int i = optind; i < argc; i++) {
        if (!read_seeds(argv[i])) {
            fprintf(stderr, "%s: cannot read seeds in %s\n", name, argv[i]);
            return 2;
        }
    }

    time_t end = seconds ? time(NULL) + seconds : 0;
    u64 done = 0;
    if (only != UINT64_MAX) {
        make_input(only);
        run_input();
        return 0;
    }
    for (; !count || done < count; done++) {
        if (end && (done & 63) == 0 && time(NULL) >= end)
            break;
        make_input(done);
        run_input();
    }
    printf("%s: %llu inputs, seed %llu\n", name, (unsigned long long)done,
           (unsigned long long)run_seed);
    return 0;
}
