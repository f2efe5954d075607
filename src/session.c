/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing what outlives a reset (see session.h).
 */
#include "src/session.h"

#include <errno.h>
#include <stdio.h>

#include "src/host/file.h"
#include "src/load_images.h"

const char *session_destroys(const struct options *o, const char *path)
{
    int image = load_images_find(o, path);

    if (o->replay && host_file_is_same(o->replay, path))
        return "the log";
    return image < 0 ? NULL : image ? "the initrd or a module" : "the kernel";
}

static int check_path(const struct options *o, const struct opt_chardev *c, const char *option,
                      char *err, size_t n)
{
    const char *what = c->kind == OPT_OUTPUT_FILE ? session_destroys(o, c->path) : NULL;

    if (!what)
        return 0;
    snprintf(err, n, "%s: '%s' is %s; give another file", option, c->path, what);
    return -EINVAL;
}

static int open_debugcon(struct session *s, const struct options *o, char *err, size_t n)
{
    if (o->debugcon.kind == OPT_OUTPUT_FILE && o->serial.kind == OPT_OUTPUT_FILE &&
        host_file_is_same(o->debugcon.path, o->serial.path)) {
        snprintf(err, n, "-debugcon: '%s' is the file of -serial; give another file",
                 o->debugcon.path);
        return -EINVAL;
    }
    return output_open(&s->debugcon, &o->debugcon, "-debugcon", err, n);
}

int session_open(struct session *s, const struct options *o, char *err, size_t n)
{
    struct terminal_config c = {.output = o->serial, .wants_input = !o->replay};
    int rc;

    if (s->is_open)
        return 0;
    rc = check_path(o, &o->serial, "-serial", err, n);
    if (!rc)
        rc = check_path(o, &o->debugcon, "-debugcon", err, n);
    if (!rc)
        rc = terminal_open(&s->terminal, &c, err, n);
    if (rc)
        return rc;
    rc = open_debugcon(s, o, err, n);
    if (rc) {
        terminal_close(s->terminal);
        s->terminal = NULL;
        return rc;
    }
    s->is_open = true;
    return 0;
}

void session_close(struct session *s)
{
    if (!s->is_open)
        return;
    terminal_close(s->terminal);
    output_close(&s->debugcon);
    *s = (struct session){0};
}
