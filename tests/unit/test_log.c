/* SPDX-License-Identifier: MIT */
/*
 * The log file: what the writer wrote is what the reader finds; a file that was cut anywhere is read up to there; a
 * file with any bit flipped is refused, or was never different; foreign files, other versions and malformed headers are
 * refused with one line; a disk that is full leaves a log that can be read. docs/replay.md has the format.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "replay/log.h"
#include "tests/lib/suite.h"

enum { HEADER = 20, CHUNK = 24 };

static const char *const options[] = {"x86sim=0", "append=console=ttyS0 a=b", "empty="};
#define N_OPTIONS 3u

/* A name for a log that nobody else uses. */
static const char *new_path(void)
{
    static char path[64];
    int fd;

    snprintf(path, sizeof(path), "/tmp/x86sim-test-log-XXXXXX");
    fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    return path;
}

static u8 *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    u8 *bytes = malloc(1 << 20);

    CU_ASSERT_FATAL(f && bytes);
    *n = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    return bytes;
}

/* Bytes that do not compress away. */
static void fill(u8 *to, size_t n, u64 x)
{
    for (size_t i = 0; i < n; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        to[i] = (u8)(x >> 56);
    }
}

static const u32 sizes[] = {0, 1, 100, 1000, 3, LOG_CHUNK_MAX};
#define N_CHUNKS (sizeof(sizes) / sizeof(sizes[0]))

/* A log with chunks of the sizes above, of streams 0, 1, 64, 0, 1, 64. */
static u8 *make_log(size_t *n, bool finished)
{
    static u8 events[LOG_CHUNK_MAX];
    const char *path = new_path();
    struct log_writer *w;
    u8 *bytes;

    CU_ASSERT_EQUAL_FATAL(log_create(&w, path, options, N_OPTIONS), 0);
    for (u32 i = 0; i < N_CHUNKS; i++) {
        fill(events, sizes[i], i);
        CU_ASSERT_EQUAL(log_append(w, i % 3 == 2 ? 64 : (u8)(i % 3), 1000 * i, events, sizes[i]),
                        0);
    }
    CU_ASSERT_EQUAL(log_close(w, finished), 0);
    bytes = read_file(path, n);
    unlink(path);
    return bytes;
}

static int open_bytes(struct log_reader **r, const u8 *bytes, size_t n, char *err)
{
    /* Of exact size, so that a sanitizer sees a read past the end. */
    u8 *copy = malloc(n ? n : 1);
    int rc;

    CU_ASSERT_FATAL(copy != NULL);
    memcpy(copy, bytes, n);
    *r = NULL;
    *err = 0;
    rc = log_open_memory(r, copy, n, err, 256);
    if (!rc) {
        const struct log_chunk *list;
        static u8 raw[LOG_CHUNK_MAX];
        u64 chunks = log_chunks(*r, &list);

        for (u64 i = 0; i < chunks; i++)
            CU_ASSERT(list[i].offset + list[i].packed <= n && (log_unpack(*r, i, raw) == 0));
        log_reader_destroy(*r);
    }
    free(copy);
    return rc;
}

static void round_trip(void)
{
    static u8 expected[LOG_CHUNK_MAX], found[LOG_CHUNK_MAX];
    const struct log_chunk *list;
    const char *const *all;
    struct log_reader *r;
    char err[256];
    size_t n;
    u8 *bytes = make_log(&n, true);

    CU_ASSERT_EQUAL_FATAL(log_open_memory(&r, bytes, n, err, sizeof(err)), 0);
    CU_ASSERT(log_finished(r));
    CU_ASSERT_EQUAL(log_reader_size(r), n);
    CU_ASSERT_EQUAL(log_options(r, &all), N_OPTIONS);
    CU_ASSERT_STRING_EQUAL(log_option(r, "append"), "console=ttyS0 a=b");
    CU_ASSERT_STRING_EQUAL(log_option(r, "empty"), "");
    CU_ASSERT_PTR_NULL(log_option(r, "appen"));
    CU_ASSERT_PTR_NULL(log_option(r, "a"));
    CU_ASSERT_EQUAL_FATAL(log_chunks(r, &list), N_CHUNKS);
    for (u32 i = 0; i < N_CHUNKS; i++) {
        CU_ASSERT_EQUAL(list[i].raw, sizes[i]);
        CU_ASSERT_EQUAL(list[i].stream, i % 3 == 2 ? 64 : i % 3);
        CU_ASSERT_EQUAL(list[i].complete, 1000 * i);
        CU_ASSERT_EQUAL_FATAL(log_unpack(r, i, found), 0);
        fill(expected, sizes[i], i);
        CU_ASSERT_EQUAL(memcmp(expected, found, sizes[i]), 0);
    }
    log_reader_destroy(r);
    free(bytes);
}

/* A file that was cut at any byte: nothing behind the header is an error, and whole chunks are there. */
static void cut_anywhere(void)
{
    size_t n, header = HEADER;
    u8 *bytes = make_log(&n, true);
    unsigned bad = 0;
    u64 before = 0;

    for (unsigned i = 0; i < N_OPTIONS; i++)
        header += 2 + strlen(options[i]);
    for (size_t k = 0; k < n; k += k < 4000 || n - k < 100 ? 1 : 37) {
        const struct log_chunk *list;
        struct log_reader *r;
        char err[256] = "";
        int rc = log_open_memory(&r, bytes, k, err, sizeof(err));

        if (k < header) {
            bad += rc != -EINVAL || !*err;
            continue;
        }
        if (rc) {
            bad++;
            continue;
        }
        bad += log_finished(r) || log_chunks(r, &list) < before;
        before = log_chunks(r, &list);
        log_reader_destroy(r);
    }
    CU_ASSERT_EQUAL(bad, 0);
    CU_ASSERT_EQUAL(before, N_CHUNKS);
    free(bytes);
}

/* Every bit of a small log, flipped alone: refused, or taken for a log that ends early (a length that now points beyond
 * the end), but never read as something else. */
static void flipped_bits(void)
{
    const char *path = new_path();
    struct log_writer *w;
    u8 events[60], *bytes, original[3][60];
    unsigned accepted = 0, silent = 0;
    size_t n;

    CU_ASSERT_EQUAL_FATAL(log_create(&w, path, options, N_OPTIONS), 0);
    for (u32 i = 0; i < 3; i++) {
        fill(events, sizeof(events), 77 + i);
        memcpy(original[i], events, sizeof(events));
        log_append(w, (u8)i, i, events, sizeof(events));
    }
    CU_ASSERT_EQUAL(log_close(w, true), 0);
    bytes = read_file(path, &n);
    unlink(path);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        const struct log_chunk *list;
        struct log_reader *r;
        char err[256] = "";
        u8 raw[LOG_CHUNK_MAX];

        bytes[bit / 8] ^= (u8)(1 << bit % 8);
        if (log_open_memory(&r, bytes, n, err, sizeof(err))) {
            silent += !*err;
        } else {
            u64 chunks = log_chunks(r, &list);

            accepted += log_finished(r); /* then nothing may have changed */
            for (u64 i = 0; i < chunks; i++)
                accepted += i >= 3 || log_unpack(r, i, raw) || memcmp(raw, original[i], 60);
            log_reader_destroy(r);
        }
        bytes[bit / 8] ^= (u8)(1 << bit % 8);
    }
    CU_ASSERT_EQUAL(accepted, 0);
    CU_ASSERT_EQUAL(silent, 0);
    free(bytes);
}

static void refuses(const u8 *bytes, size_t n, const char *word)
{
    struct log_reader *r;
    char err[256];

    CU_ASSERT_EQUAL(open_bytes(&r, bytes, n, err), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, word));
    CU_ASSERT_PTR_NULL(strchr(err, '\n'));
}

static void put32(u8 *at, u32 v)
{
    store_le32(at, v);
}

/* A header that is right in itself, over this body. */
static size_t make_header(u8 *to, u32 version, const void *body, u32 len)
{
    memcpy(to, "x86simRL", 8);
    put32(to + 8, version);
    put32(to + 12, len);
    put32(to + 16, (u32)crc32(0, body, len));
    memcpy(to + HEADER, body, len);
    return HEADER + len;
}

static void foreign_and_malformed(void)
{
    u8 b[200] = {0};
    size_t n, all;
    u8 *bytes = make_log(&all, true);

    refuses(b, 0, "not a log");
    refuses((const u8 *)"\177ELF\2\1\1aaaaaaaaaaaaaaaaaaaaa", 28, "not a log");
    refuses(bytes, 19, "not a log");
    n = make_header(b, LOG_VERSION + 1, "", 0);
    refuses(b, n, "version 3");
    n = make_header(b, LOG_VERSION, "\5\0ab", 4); /* longer than the body */
    refuses(b, n, "malformed");
    n = make_header(b, LOG_VERSION, "\2\0ab\1", 5); /* half a length */
    refuses(b, n, "malformed");
    n = make_header(b, LOG_VERSION, "\2\0ab", 4);
    b[HEADER + 3] ^= 1;
    refuses(b, n, "header is damaged");
    n = make_header(b, LOG_VERSION, "\2\0ab", 4);
    put32(b + 12, 0xffffffff);
    refuses(b, n, "header is damaged");
    /* No chunk where one should be; bytes behind the end. */
    n = make_header(b, LOG_VERSION, "", 0);
    memset(b + n, 'x', CHUNK);
    refuses(b, n + CHUNK, "not a chunk");
    bytes[all] = 0;
    refuses(bytes, all + 1, "behind its end");
    free(bytes);
}

/* What a chunk unpacks to is checked against what its header says. */
static void unpacking_is_checked(void)
{
    static u8 raw[LOG_CHUNK_MAX];
    u8 b[300], body[200];
    uLongf packed = sizeof(body);
    struct log_reader *r;
    char err[256];
    size_t n;

    memset(raw, 'a', 1000);
    CU_ASSERT_EQUAL(compress2(body, &packed, raw, 1000, 9), Z_OK);
    for (u32 says = 999; says <= 1001; says++) {
        n = make_header(b, LOG_VERSION, "", 0);
        memcpy(b + n, "CK\1\0", 4);
        put32(b + n + 4, (u32)packed);
        put32(b + n + 8, says);
        put32(b + n + 12, 0);
        memset(b + n + 16, 0, 8);
        memcpy(b + n + CHUNK, body, packed);
        put32(b + n + 12, (u32)crc32(0, b + n, (uInt)(CHUNK + packed)));
        CU_ASSERT_EQUAL_FATAL(log_open_memory(&r, b, n + CHUNK + packed, err, sizeof(err)), 0);
        CU_ASSERT_EQUAL(log_unpack(r, 0, raw), says == 1000 ? 0 : -EINVAL);
        log_reader_destroy(r);
    }
}

static void files_that_are_none(void)
{
    struct log_reader *r;
    struct log_writer *w;
    char err[256];

    CU_ASSERT(log_open(&r, "/nowhere/at.all", err, sizeof(err)) < 0 && *err);
    *err = 0;
    CU_ASSERT(log_open(&r, "/tmp", err, sizeof(err)) < 0 && *err);
    CU_ASSERT_EQUAL(log_create(&w, "/nowhere/at.all", options, N_OPTIONS), -ENOENT);
    CU_ASSERT_EQUAL(log_create(&w, "/tmp", options, N_OPTIONS), -EISDIR);
    CU_ASSERT_EQUAL(log_create(&w, "/dev/full", options, N_OPTIONS), -ENOSPC);
}

/* A limit on the file's size stands for a full disk: the error is reported, stays, and leaves whole chunks alone. */
static void full_disk(void)
{
    static u8 events[20000];
    struct rlimit was, now;
    const struct log_chunk *list;
    const char *path = new_path();
    struct log_writer *w;
    struct log_reader *r;
    struct stat st;
    char err[256];
    int rc = 0, chunks = 0;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    now = was;
    now.rlim_cur = 100000;
    CU_ASSERT_EQUAL_FATAL(log_create(&w, path, options, N_OPTIONS), 0);
    setrlimit(RLIMIT_FSIZE, &now);
    while (!rc && chunks < 100) {
        fill(events, sizeof(events), (u64)chunks);
        rc = log_append(w, 0, (u64)chunks, events, sizeof(events));
        chunks += !rc;
    }
    CU_ASSERT_EQUAL(rc, -EFBIG);
    setrlimit(RLIMIT_FSIZE, &was);
    CU_ASSERT_EQUAL(log_append(w, 0, 1, events, 1),
                    -EFBIG); /* also when there would be room again */
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL((u64)st.st_size, log_size(w));
    CU_ASSERT_EQUAL(log_close(w, false), 0);
    CU_ASSERT_EQUAL_FATAL(log_open(&r, path, err, sizeof(err)), 0);
    CU_ASSERT(!log_finished(r));
    CU_ASSERT_EQUAL(log_chunks(r, &list), (u64)chunks);
    CU_ASSERT(chunks >= 4);
    log_reader_destroy(r);
    unlink(path);
}

TEST_SUITE(log, TEST(round_trip), TEST(cut_anywhere), TEST(flipped_bits),
           TEST(foreign_and_malformed), TEST(unpacking_is_checked), TEST(files_that_are_none),
           TEST(full_disk));
