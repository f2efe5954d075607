/* SPDX-License-Identifier: MIT */
/*
 * A guest image: a kernel, a RAM disk or a module, whole in memory, with a digest by which a replay
 * knows it again. The log carries path, size and digest, never the bytes.
 */
#ifndef X86SIM_IMAGE_H
#define X86SIM_IMAGE_H

#include "src/base/types.h"

/* The longest file that is read as an image. */
#define IMAGE_SIZE_MAX ((u64)4 << 30)

struct image {
    char *name;      /* as messages name it: the path that the user gave */
    const u8 *bytes; /* size bytes */
    u64 size;
    u64 digest; /* image_digest() of bytes */
    u8 *owned;  /* what image_unload() frees; null for image_from_memory() */
};

/* 64-bit digest of n bytes: detects change, not malice. The same on every host. */
u64 image_digest(const void *bytes, u64 n);

/*
 * Read a file. `what` is what it is to the user ("kernel"). 0, or -errno and one line in err that
 * names the file, what is wrong and what would be right; the image is then empty.
 */
int image_load(struct image *im, const char *what, const char *path, char *err, size_t err_size);

/* Make bytes that live as long as the image into one; they are not copied. 0 or -ENOMEM. */
int image_from_memory(struct image *im, const char *name, const void *bytes, u64 n);

/* Free what the image owns and empty it; an empty one is allowed. */
void image_unload(struct image *im);

#endif
