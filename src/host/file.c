/* SPDX-License-Identifier: MIT */
/*
 * Files, events and waiting on Linux: see file.h. Files are opened without blocking, so that naming
 * a FIFO as a kernel is an error message and not a hang; only regular files are read.
 */
#include "src/host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/check.h"
#include "src/host/host.h"

/* The size of the regular file that fd is, or -errno. */
static i64 regular_size(int fd, u64 max)
{
    struct stat st;

    if (fstat(fd, &st))
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if ((u64)st.st_size > max)
        return -EFBIG;
    return (i64)st.st_size;
}

int host_file_load(const char *path, u64 max, u8 **bytes, u64 *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    u8 *buf = NULL;
    i64 n, got;

    if (fd < 0)
        return -errno;
    n = regular_size(fd, max);
    if (n < 0)
        goto out_close;
    buf = malloc((size_t)n + 1);
    got = buf ? host_read_all(fd, buf, (size_t)n) : -ENOMEM;
    if (got != n) {
        n = got < 0 ? got : -EIO;
        goto out_close;
    }
    *bytes = buf;
    *size = (u64)n;
    buf = NULL;
    n = 0;
out_close:
    free(buf);
    close(fd);
    return (int)n;
}

char *host_file_absolute(const char *path)
{
    char cwd[PATH_MAX];
    char *full = NULL;

    if (path[0] == '/')
        return strdup(path);
    if (!getcwd(cwd, sizeof(cwd)))
        return NULL;
    if (asprintf(&full, "%s/%s", strcmp(cwd, "/") ? cwd : "", path) < 0)
        return NULL;
    return full;
}

bool host_file_is_same(const char *a, const char *b)
{
    struct stat sa, sb;

    return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

int host_file_create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    return fd < 0 ? -errno : fd;
}

void host_file_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

int host_event_create(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

void host_event_set(int fd)
{
    u64 one = 1;
    int saved = errno;

    /* It can only fail because the event is set already. */
    if (write(fd, &one, sizeof(one)) < 0)
        errno = saved;
}

void host_event_clear(int fd)
{
    u64 count;
    int saved = errno;

    if (read(fd, &count, sizeof(count)) < 0)
        errno = saved;
}

unsigned host_poll_in(const int *fds, unsigned n, int timeout_ms)
{
    struct pollfd p[8];
    unsigned ready = 0;

    CHECK(n <= ARRAY_SIZE(p));
    for (unsigned i = 0; i < n; i++)
        p[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    if (poll(p, n, timeout_ms) <= 0)
        return 0;
    for (unsigned i = 0; i < n; i++)
        ready |= p[i].revents ? 1u << i : 0;
    return ready;
}

i64 host_read_some(int fd, void *to, size_t n)
{
    ssize_t got;

    do {
        got = read(fd, to, n);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : (i64)got;
}

int host_write_stream(int fd, const void *from, size_t n)
{
    const u8 *p = from;

    while (n) {
        ssize_t k = write(fd, p, n);

        if (k < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};

            poll(&wait, 1, -1);
            continue;
        }
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -errno;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}
