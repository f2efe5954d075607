/* SPDX-License-Identifier: MIT */
/*
 * Lazily committed memory. Mapped without reservation, so that tables for the largest guest do not count against the
 * host's overcommit limit; what is touched when the host is full ends the process, as any allocation then would.
 */
#include "src/base/memory.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *memory_map_lazy(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

void memory_unmap(void *at, size_t bytes)
{
    if (at)
        munmap(at, bytes);
}

void memory_prefer_large_pages(void *at, size_t bytes)
{
    madvise(at, bytes, MADV_HUGEPAGE);
}

void memory_touched(const void *at, size_t pages, bool *touched)
{
    enum { CHUNK = 4096 };
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t info[CHUNK];

    for (size_t i = 0, n; i < pages; i += n) {
        off_t from = (off_t)(((uintptr_t)at / 4096 + i) * sizeof(info[0]));

        n = pages - i < CHUNK ? pages - i : CHUNK;
        if (fd < 0 ||
            pread(fd, info, n * sizeof(info[0]), from) != (ssize_t)(n * sizeof(info[0]))) {
            memset(touched + i, 1, pages - i);
            break;
        }
        for (size_t k = 0; k < n; k++)
            touched[i + k] = info[k] >> 62 != 0; /* present or swapped out */
    }
    if (fd >= 0)
        close(fd);
}
