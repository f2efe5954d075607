/* SPDX-License-Identifier: MIT */
/*
 * The log file: a versioned header with the machine's options, then chunks of zlib-compressed events, each of one
 * stream and with a CRC. The reader trusts nothing: every length is checked before it is used. Format: docs/replay.md.
 */
#ifndef REPLAY_LOG_H
#define REPLAY_LOG_H

#include "src/base/types.h"

#define LOG_VERSION 3
#define LOG_CHUNK_MAX 65536 /* bytes of events in one chunk, uncompressed */

struct log_writer;
struct log_reader;

struct log_chunk {
    u64 offset; /* of the compressed bytes in the file */
    u32 packed, raw;
    u8 stream;
    u64 complete;
};

/* Create the file (-errno) and write the header: `options` is a list of n "key=value" strings. */
int log_create(struct log_writer **w, const char *path, const char *const *options, unsigned n);
/* Append a chunk. -errno: the file has been cut back to its last whole chunk, later calls do nothing. Any thread. */
int log_append(struct log_writer *w, u8 stream, u64 complete, const void *events, u32 n);
/* Write the closing chunk and close; without `finished` just close. */
int log_close(struct log_writer *w, bool finished);
u64 log_size(const struct log_writer *w);

/* Open and check a whole log. On error returns -errno and puts one line for people into err (without newline). */
int log_open(struct log_reader **r, const char *path, char *err, size_t err_size);
/* The same on bytes in memory (not copied, must outlive the reader): what the fuzzer drives. */
int log_open_memory(struct log_reader **r, const void *bytes, size_t n, char *err, size_t err_size);
void log_reader_destroy(struct log_reader *r);
/* Value of an option, NULL: not there. */
const char *log_option(const struct log_reader *r, const char *key);
unsigned log_options(const struct log_reader *r, const char *const **list);
bool log_finished(const struct log_reader *r);
u64 log_chunks(const struct log_reader *r, const struct log_chunk **list);
/* Unpack chunk number i into `to` (raw bytes, at least LOG_CHUNK_MAX). 0 or -EINVAL. */
int log_unpack(const struct log_reader *r, u64 i, u8 *to);
u64 log_reader_size(const struct log_reader *r);

#endif
