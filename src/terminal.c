/* SPDX-License-Identifier: MIT */
/*
 * The serial port's user side: see terminal.h.
 *
 * The reader thread waits for three things at once: input (while the ring has room), its `wake`
 * event (the ring has room again, a signal came, or it is to end). The `ready` event is what the
 * consumer polls; it is set exactly while there is something to take. Output is written by whoever
 * has it: a guest that prints faster than the terminal shows waits for it, as with a real line.
 *
 * Lock order: `lock` guards ring and actions; it is not held while the output's is taken or while
 * notify() runs, which `notify_lock` guards.
 */
#include "src/terminal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/msg.h"
#include "src/host/file.h"
#include "src/host/host.h"
#include "src/host/tty.h"
#include "src/output.h"

#define CTRL_A 1
#define RING_BYTES 4096

struct terminal {
    struct terminal_config config;
    int input;        /* descriptor; -1: none, or at its end */
    bool has_escapes; /* input is a terminal */
    struct terminal_escape escape;
    int wake, ready;
    pthread_t reader;
    atomic_bool is_ending;

    pthread_mutex_t lock;
    u8 ring[RING_BYTES]; /* under lock */
    size_t head, count;  /* under lock: first byte, number of bytes */
    unsigned actions;    /* under lock */
    bool signal_seen;    /* reader only */

    pthread_mutex_t notify_lock; /* held while notify() runs; the outermost */
    void (*notify)(void *ctx);   /* under notify_lock */
    void *notify_ctx;            /* under notify_lock */

    struct output output;
};

size_t terminal_decode(struct terminal_escape *e, u8 *bytes, size_t n, unsigned *actions)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        u8 c = bytes[i];

        if (!e->pending) {
            e->pending = c == CTRL_A;
            if (!e->pending)
                bytes[kept++] = c;
            continue;
        }
        e->pending = false;
        switch (c) {
        case 'x': *actions |= TERMINAL_LEAVE; break;
        case 's': *actions |= TERMINAL_STATUS; break;
        case 'p': *actions |= TERMINAL_POWER; break;
        case 'b': *actions |= TERMINAL_BREAK; break;
        case CTRL_A: bytes[kept++] = CTRL_A; break;
        default: e->wants_help = true; break;
        }
    }
    return kept;
}

static void print_keys(void)
{
    static const char *const lines[] = {
        "ctrl-a x       leave x86sim",
        "ctrl-a s       print status",
        "ctrl-a p       press the power button",
        "ctrl-a b       send a break",
        "ctrl-a ctrl-a  send ctrl-a",
        "ctrl-a h       print this",
    };

    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        msg_error("%s", lines[i]); /* asked for: also when quiet */
}

/* ---- the reader ---- */

/* Puts bytes that are known to fit into the ring, with actions, and tells the consumer. */
static void publish(struct terminal *t, const u8 *bytes, size_t n, unsigned actions)
{
    if (!n && !actions)
        return;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < n; i++)
        t->ring[(t->head + t->count++) % RING_BYTES] = bytes[i];
    t->actions |= actions;
    host_event_set(t->ready);
    pthread_mutex_unlock(&t->lock);
    pthread_mutex_lock(&t->notify_lock);
    if (t->notify)
        t->notify(t->notify_ctx);
    pthread_mutex_unlock(&t->notify_lock);
}

static size_t room(struct terminal *t)
{
    size_t n;

    pthread_mutex_lock(&t->lock);
    n = RING_BYTES - t->count;
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* Reads once what has come; at its end input is not looked at again. */
static void read_input(struct terminal *t)
{
    u8 buf[512];
    unsigned actions = 0;
    i64 n = host_read_some(t->input, buf, MIN(sizeof(buf), room(t)));

    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        t->input = -1;
        publish(t, NULL, 0, TERMINAL_EOF);
        return;
    }
    if (t->has_escapes)
        n = (i64)terminal_decode(&t->escape, buf, (size_t)n, &actions);
    publish(t, buf, (size_t)n, actions);
    if (t->escape.wants_help) {
        t->escape.wants_help = false;
        print_keys();
    }
}

static void *run_reader(void *arg)
{
    struct terminal *t = arg;

    while (!atomic_load(&t->is_ending)) {
        int fds[2] = {t->wake, room(t) ? t->input : -1};
        unsigned ready = host_poll_in(fds, 2, -1);

        if (ready & 1)
            host_event_clear(t->wake);
        if (!t->signal_seen && host_signals_pending()) {
            t->signal_seen = true;
            publish(t, NULL, 0, TERMINAL_SIGNAL);
        }
        if (ready & 2)
            read_input(t);
    }
    return NULL;
}

/* ---- opening and closing ---- */

/* Standard input, raw if it is a terminal that is ours; in the background it is left alone. */
static void open_input(struct terminal *t)
{
    int error;

    if (!t->config.wants_input || t->config.output.kind != OPT_OUTPUT_STDIO)
        return;
    if (!host_tty_is_terminal(0)) {
        t->input = 0;
        return;
    }
    error = host_tty_make_raw(0);
    if (error) {
        msg_warn("the terminal is not used for input: %s",
                 error == -EBUSY ? "x86sim runs in the background" : strerror(-error));
        return;
    }
    msg_set_raw(true);
    t->has_escapes = true;
    t->input = 0;
}

static int open_events(struct terminal *t, char *err, size_t err_size)
{
    t->wake = host_event_create();
    t->ready = host_event_create();
    if (t->wake >= 0 && t->ready >= 0)
        return 0;
    snprintf(err, err_size, "cannot wait for input: %s",
             strerror(t->wake < 0 ? -t->wake : -t->ready));
    return t->wake < 0 ? t->wake : t->ready;
}

static void destroy(struct terminal *t)
{
    host_file_close(t->wake);
    host_file_close(t->ready);
    pthread_mutex_destroy(&t->lock);
    pthread_mutex_destroy(&t->notify_lock);
    free(t);
}

int terminal_open(struct terminal **to, const struct terminal_config *config, char *err,
                  size_t err_size)
{
    struct terminal *t = calloc(1, sizeof(*t));
    int error;

    if (!t) {
        snprintf(err, err_size, "no memory left");
        return -ENOMEM;
    }
    t->config = *config;
    t->input = t->wake = t->ready = -1;
    pthread_mutex_init(&t->lock, NULL);
    pthread_mutex_init(&t->notify_lock, NULL);
    error = open_events(t, err, err_size);
    if (!error)
        error = output_open(&t->output, &config->output, "-serial", err, err_size);
    if (error)
        goto out_destroy;
    msg_set_hook(host_tty_restore);
    host_signals_catch(t->wake);
    open_input(t);
    error = host_thread_start(&t->reader, "terminal", run_reader, t);
    if (error) {
        snprintf(err, err_size, "cannot start a thread: %s", strerror(-error));
        goto out_restore;
    }
    *to = t;
    return 0;
out_restore:
    msg_restore_terminal();
    host_signals_release();
    output_close(&t->output);
out_destroy:
    destroy(t);
    return error;
}

void terminal_close(struct terminal *t)
{
    if (!t)
        return;
    atomic_store(&t->is_ending, true);
    host_event_set(t->wake);
    pthread_join(t->reader, NULL);
    msg_restore_terminal();
    host_signals_release();
    output_close(&t->output);
    destroy(t);
}

/* ---- the consumer's side ---- */

void terminal_attach(struct terminal *t, void (*notify)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&t->notify_lock);
    t->notify = notify;
    t->notify_ctx = ctx;
    pthread_mutex_unlock(&t->notify_lock);
}

int terminal_explain(struct terminal *t, char *text, size_t n)
{
    return output_explain(&t->output, text, n);
}

int terminal_poll_fd(const struct terminal *t)
{
    return t->ready;
}

size_t terminal_read(struct terminal *t, u8 *to, size_t n, unsigned *actions)
{
    bool was_full;
    size_t taken;

    pthread_mutex_lock(&t->lock);
    was_full = t->count == RING_BYTES;
    taken = MIN(n, t->count);
    for (size_t i = 0; i < taken; i++)
        to[i] = t->ring[(t->head + i) % RING_BYTES];
    t->head = (t->head + taken) % RING_BYTES;
    t->count -= taken;
    *actions |= t->actions;
    t->actions = 0;
    if (!t->count)
        host_event_clear(t->ready);
    pthread_mutex_unlock(&t->lock);
    if (was_full && taken)
        host_event_set(t->wake);
    return taken;
}

int terminal_write(struct terminal *t, const void *from, size_t n)
{
    bool broke;
    int error = output_write(&t->output, from, n, &broke);

    if (broke)
        publish(t, NULL, 0, TERMINAL_BROKEN);
    return error;
}
