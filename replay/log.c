/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing the log file (see log.h and docs/replay.md). Everything is written field by field, little-endian.
 *
 * File:   magic[8] version:u32 body_len:u32 body_crc:u32, body: { len:u16 "key=value" }*
 * Chunk:  'C' 'K' kind:u8 stream:u8 packed:u32 raw:u32 crc:u32 complete:u64, packed bytes. The CRC covers the
 *         fields before and after it and the bytes. The kind is 1 for events, 2 for the end of a finished recording.
 * A file that ends inside a chunk was cut short (the recorder was killed): the chunks before are good. A chunk whose
 * CRC is wrong means that the file was damaged, and nothing of it is used.
 */
#include "replay/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "src/host/host.h"

static const char log_magic[8] = {'x', '8', '6', 's', 'i', 'm', 'R', 'L'};

enum { FILE_HEADER = 20, CHUNK_HEADER = 24, KIND_EVENTS = 1, KIND_END = 2, OPTIONS_MAX = 4096 };

struct log_writer {
    int fd;
    pthread_mutex_t lock;
    _Atomic u64 size;
    int error;
    u8 packed[CHUNK_HEADER + LOG_CHUNK_MAX + LOG_CHUNK_MAX / 100 + 64];
};

struct log_reader {
    const u8 *bytes;
    u8 *owned;
    size_t size;
    char **options;
    unsigned n_options;
    struct log_chunk *chunks;
    u64 n_chunks;
    bool finished;
};

static int write_header(struct log_writer *w, const char *const *options, unsigned n)
{
    size_t len = FILE_HEADER;
    u8 *h, *p;
    int err;

    for (unsigned i = 0; i < n; i++)
        len += 2 + strlen(options[i]);
    h = malloc(len);
    if (!h)
        return -ENOMEM;
    p = h + FILE_HEADER;
    for (unsigned i = 0; i < n; i++) {
        size_t k = strlen(options[i]);

        store_le16(p, (u16)k);
        memcpy(p + 2, options[i], k);
        p += 2 + k;
    }
    memcpy(h, log_magic, 8);
    store_le32(h + 8, LOG_VERSION);
    store_le32(h + 12, (u32)(len - FILE_HEADER));
    store_le32(h + 16, (u32)crc32(0, h + FILE_HEADER, (uInt)(len - FILE_HEADER)));
    err = (int)MIN(host_write_all(w->fd, h, len), 0);
    w->size = len;
    free(h);
    return err;
}

int log_create(struct log_writer **out, const char *path, const char *const *options, unsigned n)
{
    struct log_writer *w = calloc(1, sizeof(*w));
    int err;

    if (!w)
        return -ENOMEM;
    w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w->fd < 0) {
        err = -errno;
        goto out_free;
    }
    err = write_header(w, options, n);
    if (err)
        goto out_close;
    pthread_mutex_init(&w->lock, NULL);
    *out = w;
    return 0;
out_close:
    close(w->fd);
out_free:
    free(w);
    return err;
}

static int append(struct log_writer *w, u8 kind, u8 stream, u64 complete, const void *events, u32 n)
{
    uLongf packed = sizeof(w->packed) - CHUNK_HEADER;
    u8 *h = w->packed;
    i64 done;

    if (w->error)
        return w->error;
    if (compress2(h + CHUNK_HEADER, &packed, events, n, 3) != Z_OK)
        return -EINVAL;
    h[0] = 'C';
    h[1] = 'K';
    h[2] = kind;
    h[3] = stream;
    store_le32(h + 4, (u32)packed);
    store_le32(h + 8, n);
    store_le32(h + 12, 0);
    store_le64(h + 16, complete);
    store_le32(h + 12, (u32)crc32(0, h, (uInt)(CHUNK_HEADER + packed)));
    done = host_write_all(w->fd, h, CHUNK_HEADER + packed);
    if (done < 0) {
        w->error = (int)done;
        if (ftruncate(w->fd, (off_t)w->size))
            return w->error;
        return w->error;
    }
    w->size += CHUNK_HEADER + packed;
    return 0;
}

int log_append(struct log_writer *w, u8 stream, u64 complete, const void *events, u32 n)
{
    int err;

    pthread_mutex_lock(&w->lock);
    err = append(w, KIND_EVENTS, stream, complete, events, n);
    pthread_mutex_unlock(&w->lock);
    return err;
}

int log_close(struct log_writer *w, bool finished)
{
    int err = 0;

    if (finished)
        err = append(w, KIND_END, 0, 0, "", 0);
    if (close(w->fd) && !err)
        err = -errno;
    pthread_mutex_destroy(&w->lock);
    free(w);
    return err;
}

u64 log_size(const struct log_writer *w)
{
    return w->size;
}

static int read_options(struct log_reader *r, size_t len, char *err, size_t err_size)
{
    const u8 *p = r->bytes + FILE_HEADER, *end = p + len;

    r->options = calloc(OPTIONS_MAX, sizeof(*r->options));
    if (!r->options)
        return -ENOMEM;
    while (p < end) {
        size_t k = end - p >= 2 ? load_le16(p) : 0;

        if (end - p < 2 || (size_t)(end - p) - 2 < k || r->n_options == OPTIONS_MAX) {
            snprintf(err, err_size, "the log's header is malformed");
            return -EINVAL;
        }
        r->options[r->n_options] = strndup((const char *)p + 2, k);
        if (!r->options[r->n_options++])
            return -ENOMEM;
        p += 2 + k;
    }
    return 0;
}

/* Check one chunk at offset `at`: 1 good, 0 the file ends inside it, -EINVAL. */
static int check_chunk(struct log_reader *r, size_t at, char *err, size_t err_size)
{
    const u8 *h = r->bytes + at;
    u8 head[CHUNK_HEADER];
    u32 packed, crc;

    if (r->size - at < CHUNK_HEADER)
        return 0;
    packed = load_le32(h + 4);
    if (h[0] != 'C' || h[1] != 'K' || packed > 2 * LOG_CHUNK_MAX ||
        load_le32(h + 8) > LOG_CHUNK_MAX || (h[2] != KIND_EVENTS && h[2] != KIND_END)) {
        snprintf(err, err_size, "the log is damaged at byte %zu: not a chunk", at);
        return -EINVAL;
    }
    if (r->size - at - CHUNK_HEADER < packed)
        return 0;
    memcpy(head, h, CHUNK_HEADER);
    store_le32(head + 12, 0);
    crc = (u32)crc32(0, head, CHUNK_HEADER);
    crc = (u32)crc32(crc, h + CHUNK_HEADER, packed);
    if (crc != load_le32(h + 12)) {
        snprintf(err, err_size,
                 "the log is damaged in the chunk at byte %zu: its checksum does not match", at);
        return -EINVAL;
    }
    return 1;
}

static int read_chunks(struct log_reader *r, size_t at, char *err, size_t err_size)
{
    u64 cap = 0;

    while (at < r->size && !r->finished) {
        const u8 *h = r->bytes + at;
        int good = check_chunk(r, at, err, err_size);

        if (good <= 0)
            return good;
        if (r->n_chunks == cap) {
            struct log_chunk *bigger =
                realloc(r->chunks, (cap = cap ? 2 * cap : 64) * sizeof(*bigger));

            if (!bigger)
                return -ENOMEM;
            r->chunks = bigger;
        }
        if (h[2] == KIND_END)
            r->finished = true;
        else
            r->chunks[r->n_chunks++] = (struct log_chunk){
                at + CHUNK_HEADER, load_le32(h + 4), load_le32(h + 8), h[3], load_le64(h + 16),
            };
        at += CHUNK_HEADER + load_le32(h + 4);
    }
    if (at < r->size) {
        snprintf(err, err_size, "the log is damaged: %zu bytes behind its end", r->size - at);
        return -EINVAL;
    }
    return 0;
}

static int open_reader(struct log_reader *r, char *err, size_t err_size)
{
    size_t body;
    int rc;

    if (r->size < FILE_HEADER || memcmp(r->bytes, log_magic, 8)) {
        snprintf(err, err_size, "not a log of x86sim");
        return -EINVAL;
    }
    if (load_le32(r->bytes + 8) != LOG_VERSION) {
        snprintf(err, err_size, "a log of version %u; this x86sim reads version %u",
                 load_le32(r->bytes + 8), LOG_VERSION);
        return -EINVAL;
    }
    body = load_le32(r->bytes + 12);
    if (body > r->size - FILE_HEADER ||
        (u32)crc32(0, r->bytes + FILE_HEADER, (uInt)body) != load_le32(r->bytes + 16)) {
        snprintf(err, err_size, "the log's header is damaged");
        return -EINVAL;
    }
    rc = read_options(r, body, err, err_size);
    return rc ? rc : read_chunks(r, FILE_HEADER + body, err, err_size);
}

int log_open_memory(struct log_reader **out, const void *bytes, size_t n, char *err,
                    size_t err_size)
{
    struct log_reader *r = calloc(1, sizeof(*r));
    int rc;

    if (!r)
        return -ENOMEM;
    snprintf(err, err_size, "out of memory");
    r->bytes = bytes;
    r->size = n;
    rc = open_reader(r, err, err_size);
    if (rc < 0) {
        log_reader_destroy(r);
        return rc;
    }
    *out = r;
    return 0;
}

int log_open(struct log_reader **out, const char *path, char *err, size_t err_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    struct stat st;
    u8 *bytes = NULL;

    if (fd < 0 || fstat(fd, &st)) {
        rc = -errno;
        snprintf(err, err_size, "%s", strerror(errno));
        goto out_close;
    }
    bytes = S_ISREG(st.st_mode) ? malloc((size_t)st.st_size + 1) : NULL;
    if (!bytes || host_read_all(fd, bytes, (size_t)st.st_size) != st.st_size) {
        rc = -EINVAL;
        snprintf(err, err_size, "cannot be read as a regular file");
        goto out_close;
    }
    rc = log_open_memory(out, bytes, (size_t)st.st_size, err, err_size);
    if (!rc) {
        (*out)->owned = bytes;
        bytes = NULL;
    }
out_close:
    free(bytes);
    if (fd >= 0)
        close(fd);
    return rc;
}

void log_reader_destroy(struct log_reader *r)
{
    if (!r)
        return;
    for (unsigned i = 0; i < r->n_options; i++)
        free(r->options[i]);
    free(r->options);
    free(r->chunks);
    free(r->owned);
    free(r);
}

const char *log_option(const struct log_reader *r, const char *key)
{
    size_t k = strlen(key);

    for (unsigned i = 0; i < r->n_options; i++)
        if (!strncmp(r->options[i], key, k) && r->options[i][k] == '=')
            return r->options[i] + k + 1;
    return NULL;
}

unsigned log_options(const struct log_reader *r, const char *const **list)
{
    *list = (const char *const *)r->options;
    return r->n_options;
}

bool log_finished(const struct log_reader *r)
{
    return r->finished;
}

u64 log_chunks(const struct log_reader *r, const struct log_chunk **list)
{
    *list = r->chunks;
    return r->n_chunks;
}

int log_unpack(const struct log_reader *r, u64 i, u8 *to)
{
    const struct log_chunk *c = &r->chunks[i];
    uLongf n = LOG_CHUNK_MAX;

    if (uncompress(to, &n, r->bytes + c->offset, c->packed) != Z_OK || n != c->raw)
        return -EINVAL;
    return 0;
}

u64 log_reader_size(const struct log_reader *r)
{
    return r->size;
}
