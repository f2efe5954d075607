/* SPDX-License-Identifier: MIT */
/*
 * Watching a replay. A thread of its own waits for what the user asks (ctrl-c, a reader of the output that went away)
 * and, when standard error is a terminal, shows how far the replay has come, a few times a second:
 *
 *     replay  42%  guest 3.1 s  1230 of 2929 million instructions  162 million a second
 *
 * It reads nothing but atomics that the participants publish anyway (positions, guest time), so watching changes nothing.
 * The whole length is known from the log: where each stream is complete. The line shares the terminal with the guest's
 * output, so it goes before every byte of that and comes back only when the guest's line has ended.
 */
#include "src/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/host/file.h"
#include "src/host/host.h"
#include "src/host/tty.h"
#include "src/machine.h"

enum { INTERVAL_MS = 300, FIRST_MS = 700, STDOUT = 1, STDERR = 2 };

struct progress {
    struct machine *m;
    pthread_t thread;
    int end_event;
    bool has_line;        /* standard error is a terminal, and nobody asked for silence */
    bool shares_terminal; /* and the guest's output goes to one */
    u64 total;            /* instructions in the log */
    u64 start_ns;
    atomic_bool is_ending;

    pthread_mutex_t lock; /* the terminal's line; innermost but for the output's own lock */
    bool visible;         /* under lock */
    bool in_line;         /* under lock: the guest's output is in the middle of a line */
};

static void hide_locked(struct progress *p)
{
    if (p->visible)
        host_write_all(STDERR, "\r\033[K", 4);
    p->visible = false;
}

static u64 instructions(const struct machine *m)
{
    u64 sum = 0;

    for (unsigned i = 0; i < m->n_vcpus; i++)
        sum += atomic_load_explicit(&m->vcpu[i]->p.published, memory_order_relaxed);
    return sum;
}

static void show(struct progress *p)
{
    u64 n = instructions(p->m),
        ns = atomic_load_explicit(&p->m->journal.clock_max, memory_order_relaxed);
    double seconds = (double)(host_clock_ns() - p->start_ns) * 1e-9;
    unsigned percent = p->total ? (unsigned)MIN(n * 100 / p->total, 100) : 100;
    char text[160];
    int len;

    len = snprintf(text, sizeof(text),
                   "\r\033[Kreplay %3u%%  guest %.1f s  %" PRIu64 " of %" PRIu64
                   " million instructions  %.0f million a second",
                   percent, (double)ns * 1e-9, n / 1000000, p->total / 1000000,
                   (double)n * 1e-6 / seconds);
    pthread_mutex_lock(&p->lock);
    if (!(p->in_line && p->shares_terminal) && len > 0) {
        host_write_all(STDERR, text, MIN((size_t)len, sizeof(text) - 1));
        p->visible = true;
    }
    pthread_mutex_unlock(&p->lock);
}

static void obey(struct machine *m)
{
    unsigned actions = 0;

    terminal_read(m->session->terminal, NULL, 0, &actions);
    machine_obey(m, actions);
}

static void *watch(void *arg)
{
    struct progress *p = arg;
    int fds[2] = {terminal_poll_fd(p->m->session->terminal), p->end_event};

    while (!atomic_load(&p->is_ending)) {
        unsigned ready = host_poll_in(fds, 2, p->has_line ? INTERVAL_MS : -1);

        if (ready & 1)
            obey(p->m);
        if (p->has_line && host_clock_ns() - p->start_ns > FIRST_MS * 1000000ull &&
            !atomic_load(&p->is_ending))
            show(p);
    }
    return NULL;
}

/* Instructions up to which the log is complete, of all vCPUs together. */
static u64 length_of(const struct machine *m)
{
    u64 last[PARTICIPANT_VCPUS_MAX] = {0}, sum = 0;
    const struct log_chunk *list;
    u64 n = log_chunks(m->journal.reader, &list);

    for (u64 i = 0; i < n; i++)
        if (list[i].stream < m->n_vcpus)
            last[list[i].stream] = list[i].complete;
    for (unsigned i = 0; i < m->n_vcpus; i++)
        sum += last[i];
    return sum;
}

int progress_start(struct progress **to, struct machine *m)
{
    struct progress *p = calloc(1, sizeof(*p));
    int rc = -ENOMEM;

    if (!p)
        return rc;
    p->m = m;
    p->has_line = !m->o->quiet && host_tty_is_terminal(STDERR);
    p->shares_terminal = m->o->serial.kind == OPT_OUTPUT_STDIO && host_tty_is_terminal(STDOUT);
    p->total = length_of(m);
    p->start_ns = host_clock_ns();
    p->end_event = rc = host_event_create();
    if (rc < 0)
        goto out_free;
    pthread_mutex_init(&p->lock, NULL);
    rc = host_thread_start(&p->thread, "progress", watch, p);
    if (rc)
        goto out_event;
    *to = p;
    return 0;
out_event:
    pthread_mutex_destroy(&p->lock);
    host_file_close(p->end_event);
out_free:
    free(p);
    return rc;
}

void progress_stop(struct progress *p)
{
    if (!p)
        return;
    atomic_store(&p->is_ending, true);
    host_event_set(p->end_event);
    pthread_join(p->thread, NULL);
    progress_hide(p);
    pthread_mutex_destroy(&p->lock);
    host_file_close(p->end_event);
    free(p);
}

void progress_hide(struct progress *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    hide_locked(p);
    pthread_mutex_unlock(&p->lock);
}

void progress_begin_output(struct progress *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    hide_locked(p);
}

void progress_end_output(struct progress *p, u8 last_byte)
{
    if (!p)
        return;
    p->in_line = last_byte != '\n';
    pthread_mutex_unlock(&p->lock);
}
