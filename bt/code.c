/* SPDX-License-Identifier: MIT */
/*
 * Memory for host code: one file without a name, mapped twice. What writes uses the one address, what executes the other,
 * so no page is ever writable and executable at once.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bt/internal.h"

int bt_code_map(struct bt *bt, size_t size)
{
    int fd = memfd_create("x86sim-code", MFD_CLOEXEC), err = 0;
    u8 *write = MAP_FAILED, *exec = MAP_FAILED;

    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)size) == 0) {
        write = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
        exec = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_NORESERVE, fd, 0);
    }
    if (write == MAP_FAILED || exec == MAP_FAILED)
        err = -errno;
    close(fd);
    if (!err) {
        bt->write = write;
        bt->to_exec = exec - write;
        bt->size = size;
        return 0;
    }
    if (write != MAP_FAILED)
        munmap(write, size);
    if (exec != MAP_FAILED)
        munmap(exec, size);
    return err;
}

void bt_code_unmap(struct bt *bt)
{
    if (!bt->write)
        return;
    munmap(bt->write + bt->to_exec, bt->size);
    munmap(bt->write, bt->size);
    bt->write = NULL;
}
