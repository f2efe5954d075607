/* SPDX-License-Identifier: MIT */
/*
 * The images that the options name: read, told apart and, in a replay, compared with what the log
 * says they were.
 */
#ifndef X86SIM_LOAD_IMAGES_H
#define X86SIM_LOAD_IMAGES_H

#include "src/image.h"
#include "src/load.h"
#include "src/options.h"

struct load_images {
    enum load_kind kind;
    struct image kernel;
    struct image module[OPTIONS_MODULES_MAX]; /* Linux: the RAM disk */
    const char *text[OPTIONS_MODULES_MAX];    /* modules' command lines; owned by the options */
    unsigned modules;
};

/*
 * Read the images of *o. A live run takes them from -kernel, -initrd or -demo and notes in o->image
 * what options_to_log() writes; a replay (o->replay, after options_from_log()) takes them from
 * o->image and refuses what is not there or has changed. It also tries whether the guest fits its
 * memory, so that load_guest() cannot fail later for another reason than ACPI tables. 0, or -errno
 * and one line in err; *im is then empty. load_images_close() is due after success.
 */
int load_images_open(struct load_images *im, struct options *o, char *err, size_t err_size);
void load_images_close(struct load_images *im);

/* Fill in the request's kernel, modules, append and ram. *im and *o must outlive its use. */
void load_images_request(const struct load_images *im, const struct options *o,
                         struct load_request *rq);

/* Which of the run's images is the file at `path`: 0 the kernel, then RAM disk or modules; -1: none. */
int load_images_find(const struct options *o, const char *path);

#endif
