/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a log from a stranger. Two ways in, chosen by the first byte: the rest is a whole file for the reader (which mostly
 * ends at a checksum), or it is the contents of chunks that are wrapped under right checksums, so that the journal's decoder
 * gets them. Every stream is then run through as a replay does it. Nothing may crash, hang, or be read out of bounds;
 * positions never go backwards without a divergence; the numbers that a replay relies on are in range.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "replay/journal.h"
#include "replay/log.h"
#include "src/base/types.h"

enum { VCPUS = 3, HEADER = 20, CHUNK = 24, EVENTS_MAX = 200000 };

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void on_diverged(void *ctx, unsigned id, u64 pos, const char *what)
{
    bool *diverged = ctx;

    (void)pos;
    require(id < JOURNAL_STREAMS_MAX && *what);
    *diverged = true;
}

/* One event or value of the stream; false: it ended. */
static bool step(struct journal_stream *s, u64 pos)
{
    struct journal_event ev;
    u64 before = atomic_load(&s->j->events);

    if (journal_next(s, pos, NULL, NULL, &ev)) {
        require(ev.pos == pos && ev.type && ev.type < JOURNAL_TYPES);
        if (ev.type == JOURNAL_EDGE || ev.type == JOURNAL_MESSAGE)
            require(ev.v[0] < VCPUS || ev.v[0] == JOURNAL_STREAMS_MAX - 1);
        return true;
    }
    journal_clock(s, pos);
    if (atomic_load(&s->j->events) != before)
        return true;
    journal_entropy(s, pos);
    return atomic_load(&s->j->events) != before;
}

static void replay(struct log_reader *r)
{
    static struct journal j;
    bool diverged = false;

    journal_create(&j, JOURNAL_REPLAY, VCPUS);
    j.reader = r;
    j.diverged = on_diverged;
    j.diverged_ctx = &diverged;
    for (unsigned id = 0; id < JOURNAL_STREAMS_MAX;
         id = id < VCPUS ? id + 1 : JOURNAL_STREAMS_MAX - 1) {
        struct journal_stream *s = journal_stream(&j, id);
        u64 pos = 0;

        diverged = false;
        for (unsigned n = 0; n < EVENTS_MAX && !diverged && !journal_at_end(s, pos); n++) {
            u64 next = journal_horizon(s);

            if (diverged || next < pos)
                break;
            pos = next;
            if (!step(s, pos))
                break;
        }
        if (id == JOURNAL_STREAMS_MAX - 1)
            break;
    }
    journal_destroy(&j);
}

static void read_log(const u8 *bytes, size_t n)
{
    static u8 raw[LOG_CHUNK_MAX];
    const struct log_chunk *list;
    struct log_reader *r = NULL;
    char err[256] = "";
    u64 chunks;

    if (log_open_memory(&r, bytes, n, err, sizeof(err))) {
        require(*err && !strchr(err, '\n'));
        return;
    }
    chunks = log_chunks(r, &list);
    for (u64 i = 0; i < chunks; i++) {
        require(list[i].offset <= n && list[i].packed <= n - list[i].offset &&
                list[i].raw <= LOG_CHUNK_MAX);
        log_unpack(r, i, raw);
    }
    log_option(r, "smp");
    replay(r);
    log_reader_destroy(r);
}

/* Wrap n bytes as a chunk of `stream`; returns its size. */
static size_t wrap(u8 *to, u8 stream, u64 complete, const u8 *events, u32 n)
{
    uLongf packed = compressBound(n);

    require(compress2(to + CHUNK, &packed, events, n, 1) == Z_OK);
    memcpy(to, "CK\1", 3);
    to[3] = stream;
    store_le32(to + 4, (u32)packed);
    store_le32(to + 8, n);
    store_le32(to + 12, 0);
    store_le64(to + 16, complete);
    store_le32(to + 12, (u32)crc32(0, to, (uInt)(CHUNK + packed)));
    return CHUNK + packed;
}

/* The input as chunks: a byte for the stream, two for the length, one for how far it is complete, then the events. */
static void read_chunks(const u8 *data, size_t size)
{
    static u8 file[1 << 20];
    size_t n = HEADER;

    memcpy(file, "x86simRL", 8);
    store_le32(file + 8, LOG_VERSION);
    store_le32(file + 12, 0);
    store_le32(file + 16, (u32)crc32(0, NULL, 0));
    while (size > 4 && n < sizeof(file) - 2 * LOG_CHUNK_MAX) {
        u32 len = (u32)MIN(load_le16(data + 1), size - 4);
        u8 stream = (const u8[]){0, 1, 2, 64}[data[0] & 3];

        n += wrap(file + n, stream, (u64)data[3] << 8, data + 4, len);
        data += 4 + len;
        size -= 4 + len;
    }
    read_log(file, n);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (!size)
        return 0;
    if (data[0] & 1)
        read_chunks(data + 1, size - 1);
    else
        read_log(data + 1, size - 1);
    return 0;
}
