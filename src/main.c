/* SPDX-License-Identifier: MIT */
/*
 * The program: options, images, machine, exit status.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/base/msg.h"
#include "src/host/host.h"
#include "src/load_images.h"
#include "src/machine.h"
#include "src/options.h"
#include "src/recording.h"
#include "src/translator.h"

static const char *get_option(const void *ctx, const char *key)
{
    return log_option(ctx, key);
}

/* One machine, from power-on to its end or the next reset; the exit status. */
static int run_once(struct machine *m, struct session *session, struct options *o,
                    struct log_reader *reader, const struct load_images *images)
{
    char err[512];

    if (machine_create(m, o, session, reader, err, sizeof(err)) ||
        machine_load(m, images, err, sizeof(err)) || session_open(session, o, err, sizeof(err)) ||
        translator_open(o, err, sizeof(err)) || recording_open(m, err, sizeof(err))) {
        msg_error("%s", err);
        return STATUS_USAGE;
    }
    return machine_run(m);
}

static int run(struct options *o, struct log_reader *reader)
{
    static struct machine m;
    struct session session = {0};
    struct load_images images;
    char err[512];
    int status;

    if (load_images_open(&images, o, err, sizeof(err))) {
        msg_error("%s", err);
        return STATUS_USAGE;
    }
    /* A guest that resets its machine gets one in the state of power-on, with its kernel loaded again. */
    do {
        status = run_once(&m, &session, o, reader, &images);
        machine_destroy(&m);
    } while (machine_restarts(&m));
    if (translator_close(o) && status == STATUS_OK)
        status = STATUS_FAILED;
    session_close(&session);
    load_images_close(&images);
    return status;
}

int main(int argc, char **argv)
{
    struct log_reader *reader = NULL;
    struct options o;
    char err[512];
    int status = STATUS_USAGE;

    if (options_parse(&o, argc, argv, err, sizeof(err))) {
        msg_error("%s", err);
        goto out;
    }
    msg_set_quiet(o.quiet);
    if (o.help || o.version) {
        if (o.help)
            options_print_help(stdout);
        else
            options_print_version(stdout);
        status = fflush(stdout) ? STATUS_FAILED : STATUS_OK;
        if (status != STATUS_OK)
            msg_error("standard output cannot be written: %s", strerror(errno));
        goto out;
    }
    if (host_cpu_lacks()) {
        msg_error("this processor lacks %s; x86sim needs one of the level x86-64-v2 (any made "
                  "since 2011)",
                  host_cpu_lacks());
        goto out;
    }
    if (o.replay && log_open(&reader, o.replay, err, sizeof(err))) {
        msg_error("--replay %s: %s", o.replay, err);
        goto out;
    }
    if (reader && options_from_log(&o, get_option, reader, err, sizeof(err))) {
        msg_error("--replay %s: %s", o.replay, err);
        goto out;
    }
    status = run(&o, reader);
out:
    log_reader_destroy(reader);
    options_destroy(&o);
    return status;
}
