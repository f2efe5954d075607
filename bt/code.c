/* SPDX-License-Identifier: MIT */
/*
 * Memory for host code: the same pages mapped twice. What writes uses the one address, what executes the other, so no
 * page is ever writable and executable at once.
 *
 * The pages are shared memory without a file: a file, even one that is only memory (memfd_create), counts against the
 * limit on the size of files (ulimit -f), which is about what the user's disks hold. mremap(2) with an old size of 0 is
 * how such pages are mapped once more.
 */
#include <errno.h>
#include <sys/mman.h>

#include "bt/internal.h"

int bt_code_map(struct bt *bt, size_t size)
{
    u8 *write =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    u8 *exec = MAP_FAILED;
    int err;

    if (write == MAP_FAILED)
        return -errno;
    exec = mremap(write, 0, size, MREMAP_MAYMOVE);
    if (exec == MAP_FAILED || mprotect(exec, size, PROT_READ | PROT_EXEC)) {
        err = -errno;
        goto out_unmap;
    }
    bt->write = write;
    bt->to_exec = exec - write;
    bt->size = size;
    return 0;

out_unmap:
    if (exec != MAP_FAILED)
        munmap(exec, size);
    munmap(write, size);
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
