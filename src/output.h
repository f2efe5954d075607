/* SPDX-License-Identifier: MIT */
/*
 * Where a port's output goes: standard output, a file, or nowhere (-serial, -debugcon).
 *
 * What a guest prints never depends on whether somebody takes it: an error is remembered, reported
 * to the caller, and the guest goes on or is ended by whoever watches.
 */
#ifndef X86SIM_OUTPUT_H
#define X86SIM_OUTPUT_H

#include <pthread.h>

#include "src/base/types.h"
#include "src/options.h"

struct output {
    int fd; /* -1: nowhere */
    const char *option,
        *path;     /* the option, and the file's name (null: standard output); borrowed */
    bool is_owned; /* closed by output_close() */
    pthread_mutex_t lock;
    int error; /* under lock: -errno of the write that failed; later ones do nothing */
};

/* Open what `c`, the value of the option (named with its dash), says; both must outlive *out. 0, or
 * -errno and one line in err; *out is then not to be closed. */
int output_open(struct output *out, const struct opt_chardev *c, const char *option, char *err,
                size_t err_size);

/* Close it. The -errno of the write that failed, else 0. */
int output_close(struct output *out);

/* Write n bytes, all of them, waiting for a slow reader. 0 or -errno, the same from then on; *broke
 * says that this call was the first to fail. Any thread. */
int output_write(struct output *out, const void *from, size_t n, bool *broke);

/* Say in text, in one line, which write failed and why; returns its -errno, 0: none (and no text).
 * Any thread. */
int output_explain(struct output *out, char *text, size_t n);

#endif
