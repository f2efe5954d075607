/* SPDX-License-Identifier: MIT */
/*
 * Guest images: see image.h.
 *
 * The digest takes eight bytes a step through a multiply and a shift (both bijective, so a change
 * of one word always changes the state), the length last; a Debian kernel takes a few milliseconds.
 * It tells an image that changed from one that did not. It is no defence against someone who wants
 * two images to look alike: a log and its images come from the same hands.
 */
#include "src/image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/host/file.h"

static u64 mix(u64 state, u64 word)
{
    state = (state ^ word) * 0x9e3779b97f4a7c15ull;
    return state ^ state >> 32;
}

u64 image_digest(const void *bytes, u64 n)
{
    const u8 *p = bytes;
    u64 state = 0x6a09e667f3bcc908ull, tail = 0, i = 0;

    for (; i + 8 <= n; i += 8)
        state = mix(state, load_le64(p + i));
    if (i < n) {
        memcpy(&tail, p + i, (size_t)(n - i));
        state = mix(state, tail);
    }
    return mix(mix(state, n), n >> 32);
}

/* Says why a file could not be read, and what would do. */
static void explain(int error, const char *what, const char *path, char *err, size_t err_size)
{
    switch (error) {
    case -EISDIR:
        snprintf(err, err_size, "the %s '%s' is a folder; it must be a file", what, path);
        break;
    case -EINVAL:
        snprintf(err, err_size, "the %s '%s' is a device or pipe; it must be a regular file", what,
                 path);
        break;
    case -EFBIG:
        snprintf(err, err_size, "the %s '%s' is too big; at most %" PRIu64 " GiB", what, path,
                 IMAGE_SIZE_MAX >> 30);
        break;
    default:
        snprintf(err, err_size, "cannot read the %s '%s': %s; it must be a readable file", what,
                 path, strerror(-error));
    }
}

int image_load(struct image *im, const char *what, const char *path, char *err, size_t err_size)
{
    int error;

    *im = (struct image){0};
    error = host_file_load(path, IMAGE_SIZE_MAX, &im->owned, &im->size);
    if (!error) {
        im->name = strdup(path);
        if (!im->name)
            error = -ENOMEM;
    }
    if (error) {
        explain(error, what, path, err, err_size);
        image_unload(im);
        return error;
    }
    im->bytes = im->owned;
    im->digest = image_digest(im->bytes, im->size);
    return 0;
}

int image_from_memory(struct image *im, const char *name, const void *bytes, u64 n)
{
    *im = (struct image){.name = strdup(name), .bytes = bytes, .size = n};
    im->digest = image_digest(bytes, n);
    return im->name ? 0 : -ENOMEM;
}

void image_unload(struct image *im)
{
    free(im->name);
    free(im->owned);
    *im = (struct image){0};
}
