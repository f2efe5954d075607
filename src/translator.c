/* SPDX-License-Identifier: MIT */
/*
 * Files for what bt/ tells (see translator.h). What is written there is for people and tools on the host; nothing of it
 * reaches the guest, so a replay may have them and its recording not.
 */
#include "src/translator.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "src/base/msg.h"
#include "src/host/file.h"

/* Open `path` for output, emptied. *to stays when it is open already. */
static int open_file(FILE **to, const char *path, const char *option, const struct options *o,
                     char *err, size_t n)
{
    const char *what = *to ? NULL : session_destroys(o, path);
    int fd;

    if (*to)
        return 0;
    if (what) {
        snprintf(err, n, "%s: '%s' is %s; give another file", option, path, what);
        return -EINVAL;
    }
    fd = host_file_create(path);
    *to = fd < 0 ? NULL : fdopen(fd, "w");
    if (*to)
        return 0;
    snprintf(err, n, "%s: cannot write '%s': %s; it must be a writable file", option, path,
             strerror(fd < 0 ? -fd : errno));
    return fd < 0 ? fd : -ENOMEM;
}

int translator_open(struct options *o, char *err, size_t n)
{
    char perf_map[64];
    int rc = 0;

    if (o->bt.log && !o->d_file)
        o->bt.log_to = stderr;
    if (o->d_file)
        rc = open_file(&o->bt.log_to, o->d_file, "-D", o, err, n);
    if (!rc && o->bt_dump)
        rc = open_file(&o->profile_to, o->bt_dump, "-bt-dump", o, err, n);
    if (!rc && o->bt.perf) {
        snprintf(perf_map, sizeof(perf_map), TRANSLATOR_PERF_MAP, (int)getpid());
        rc = open_file(&o->bt.perf_map, perf_map, "-perf-map", o, err, n);
        if (!rc)
            setvbuf(o->bt.perf_map, NULL, _IOLBF, 0);
    }
    return rc;
}

void translator_print_profile(struct machine *m)
{
    if (!m->o->profile_to)
        return;
    if (bt_print_profile(m->o->profile_to, m->vcpu[0], machine_icount(m)))
        msg_error("-bt-dump: no memory is left for the table");
}

static int close_file(FILE **file, const char *option, int before)
{
    FILE *f = *file;
    int failed, error;

    *file = NULL;
    if (!f || f == stderr)
        return before;
    failed = ferror(f);
    error = fclose(f) ? errno : failed ? EIO : 0;
    if (error)
        msg_error("%s: the file could not be written to its end: %s", option, strerror(error));
    return error ? -error : before;
}

int translator_close(struct options *o)
{
    int rc = close_file(&o->bt.log_to, "-D", 0);

    rc = close_file(&o->profile_to, "-bt-dump", rc);
    return close_file(&o->bt.perf_map, "-perf-map", rc);
}
