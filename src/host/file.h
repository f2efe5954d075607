/* SPDX-License-Identifier: MIT */
/*
 * Whole files in memory, and what little else the program asks of the host's file system.
 *
 * A guest image is read once, completely, into memory that belongs to the caller; its digest is
 * taken of exactly these bytes, so that a file that changes while x86sim runs changes nothing.
 */
#ifndef HOST_FILE_H
#define HOST_FILE_H

#include "src/base/types.h"

/*
 * Read the regular file `path` into memory that the caller frees with free(). 0 or -errno:
 * -EISDIR for a folder, -EINVAL for anything else that is no regular file, -EFBIG when it is longer
 * than `max` bytes, -EIO when it shrinks meanwhile. An empty file gives a valid pointer and size 0.
 */
int host_file_load(const char *path, u64 max, u8 **bytes, u64 *size);

/* `path` as an absolute path (symbolic links are kept), allocated; NULL: no memory or no folder. */
char *host_file_absolute(const char *path);

/* Do both paths lead to the same file? False as well when one leads nowhere. */
bool host_file_is_same(const char *a, const char *b);

/* Open a file for output, emptied first. The descriptor or -errno. */
int host_file_create(const char *path);
void host_file_close(int fd);

/* An event to wait for with poll(): set and cleared from any thread; setting is async-signal-safe.
 * The descriptor or -errno; host_file_close() ends it. */
int host_event_create(void);
void host_event_set(int fd);
void host_event_clear(int fd);

/* Wait until one of n descriptors (negative: ignored) can be read or has ended; bit i of the result
 * says that the i-th has. timeout_ms < 0: for ever. 0: timeout or a signal came. */
unsigned host_poll_in(const int *fds, unsigned n, int timeout_ms);

/* Write n bytes to a file, pipe or terminal, waiting for as long as it takes. 0 or -errno. */
int host_write_stream(int fd, const void *from, size_t n);

/* One read(): bytes, 0 at the end, -errno. -EINTR is retried. */
i64 host_read_some(int fd, void *to, size_t n);

#endif
