/* SPDX-License-Identifier: MIT */
/*
 * Output of ports: see output.h. Nothing is buffered: a guest's last byte is out when the guest
 * goes on, whatever becomes of the process. One lock an output, never held while another is taken.
 */
#include "src/output.h"

#include <stdio.h>

#include "src/host/file.h"

#define STDOUT 1

int output_open(struct output *out, const struct opt_chardev *c, const char *option, char *err,
                size_t err_size)
{
    *out = (struct output){.fd = -1, .option = option, .path = c->path};
    if (c->kind == OPT_OUTPUT_STDIO)
        out->fd = STDOUT;
    if (c->kind == OPT_OUTPUT_FILE) {
        out->fd = host_file_create(c->path);
        if (out->fd < 0) {
            snprintf(err, err_size, "%s: cannot write '%s': %s; it must be a writable file", option,
                     c->path, strerror(-out->fd));
            return out->fd;
        }
        out->is_owned = true;
    }
    pthread_mutex_init(&out->lock, NULL);
    return 0;
}

int output_explain(struct output *out, char *text, size_t n)
{
    int error;

    pthread_mutex_lock(&out->lock);
    error = out->error;
    pthread_mutex_unlock(&out->lock);
    if (error && out->path)
        snprintf(text, n, "%s: '%s' cannot be written any further: %s", out->option, out->path,
                 strerror(-error));
    else if (error)
        snprintf(text, n, "%s: standard output cannot be written any further: %s", out->option,
                 strerror(-error));
    return error;
}

int output_close(struct output *out)
{
    if (out->is_owned)
        host_file_close(out->fd);
    pthread_mutex_destroy(&out->lock);
    out->fd = -1;
    return out->error;
}

int output_write(struct output *out, const void *from, size_t n, bool *broke)
{
    int error;

    *broke = false;
    if (out->fd < 0)
        return 0;
    pthread_mutex_lock(&out->lock);
    if (!out->error) {
        out->error = host_write_stream(out->fd, from, n);
        *broke = out->error;
    }
    error = out->error;
    pthread_mutex_unlock(&out->lock);
    return error;
}
