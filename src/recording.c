/* SPDX-License-Identifier: MIT */
/*
 * The log of a run (see recording.h; the format is in docs/replay.md).
 *
 * A replay ends in one of four ways: everything in a finished log took effect and memory and devices are what they were
 * (verified, status 0); the log ends early and everything up to its largest consistent cut took effect (truncated,
 * status 2); something was not as the log has it (diverged, status 3; the first report counts, the others are consequences);
 * or the user ended it. How the guest's run had ended does not matter: the status of a replay is about the replay.
 *
 * A recording whose log cannot be written any further goes on without: the guest is not at fault. Its status is 1.
 */
#include "src/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/msg.h"
#include "src/host/file.h"
#include "src/progress.h"

/* The report of a divergence: the first line says where and what, the rest are events before it. */
static void print_divergence(unsigned id, u64 pos, const char *what)
{
    size_t first = strcspn(what, "\n");

    if (id == PARTICIPANT_AGENT)
        msg_error("the replay diverges: the I/O agent at event %" PRIu64 ": %.*s", pos, (int)first,
                  what);
    else
        msg_error("the replay diverges: vCPU %u at instruction %" PRIu64 ": %.*s", id, pos,
                  (int)first, what);
    for (what += first; *what; what += strcspn(what, "\n")) {
        what++;
        msg_error("%.*s", (int)strcspn(what, "\n"), what);
    }
}

static void diverged(void *ctx, unsigned id, u64 pos, const char *what)
{
    struct machine *m = ctx;
    bool first;

    pthread_mutex_lock(&m->end_lock);
    first = m->end == END_NONE;
    if (first) {
        m->end = END_DIVERGED;
        m->exit_status = STATUS_DIVERGED;
    }
    pthread_mutex_unlock(&m->end_lock);
    if (first) {
        progress_hide(m->progress);
        print_divergence(id, pos, what);
    }
    machine_stop(m, END_DIVERGED, STATUS_DIVERGED, true);
}

void recording_prepare(struct machine *m, struct log_reader *reader)
{
    const struct options *o = m->o;

    journal_create(&m->journal,
                   o->replay   ? JOURNAL_REPLAY
                   : o->record ? JOURNAL_RECORD
                               : JOURNAL_LIVE,
                   o->smp);
    m->journal.reader = reader;
    m->journal.path = o->record;
    m->journal.prng = o->seed ? o->seed : o->clock == OPT_CLOCK_ICOUNT ? 1 : 0;
    m->journal.diverged = diverged;
    m->journal.diverged_ctx = m;
}

/* Would writing the log destroy an image or what a port writes? Says what the file is; null: nothing of the run's. */
static const char *file_at(const struct options *o, const char *path)
{
    int image = load_images_find(o, path);

    if (image >= 0)
        return image ? "an initrd or module of this run" : "the kernel of this run";
    if (o->serial.path && host_file_is_same(o->serial.path, path))
        return "the file of -serial";
    if (o->debugcon.path && host_file_is_same(o->debugcon.path, path))
        return "the file of -debugcon";
    return NULL;
}

int recording_open(struct machine *m, char *err, size_t n)
{
    const struct options *o = m->o;
    const char *taken;
    char **list;
    unsigned count;
    int rc;

    if (!o->record)
        return 0;
    taken = file_at(o, o->record);
    if (taken) {
        snprintf(err, n, "--record %s: this is %s; give another file", o->record, taken);
        return -EINVAL;
    }
    rc = options_to_log(o, &list, &count);
    if (!rc) {
        rc = log_create(&m->journal.writer, o->record, (const char *const *)list, count);
        options_free_list(list);
    }
    if (rc)
        snprintf(err, n, "--record %s: %s; give a file that can be written", o->record,
                 strerror(-rc));
    return rc;
}

/* ---- The end -------------------------------------------------------------------------------------------------------- */

static u64 state_digest(struct machine *m)
{
    return board_digest(&m->board, physmem_digest(&m->mem));
}

static void close_log(struct machine *m)
{
    int rc;

    journal_put(m->agent.stream, JOURNAL_STOP, m->agent.position, state_digest(m),
                (u64)m->exit_status, 0, 0);
    for (unsigned i = 0; i < m->n_vcpus; i++)
        journal_flush(m->vcpu[i]->p.stream, m->vcpu[i]->p.position);
    journal_flush(m->agent.stream, m->agent.position);
    atomic_store(&m->journal.bytes, log_size(m->journal.writer));
    rc = log_close(m->journal.writer, !atomic_load(&m->journal.failed));
    m->journal.writer = NULL;
    if (rc && !atomic_exchange(&m->journal.failed, true))
        msg_error("--record %s: %s; the log has no end", m->o->record, strerror(-rc));
}

/* Everything that the log holds has taken effect. */
static void check_end(struct machine *m)
{
    u64 digest = state_digest(m);

    if (digest != m->final_digest)
        journal_diverge(m->agent.stream, m->agent.position,
                        "memory and devices: expected digest %016" PRIx64
                        " at the end, found %016" PRIx64,
                        m->final_digest, digest);
    else
        m->end = END_LOG;
}

/* A finished log in which somebody did not get to his end. */
static void blame_early_end(struct machine *m)
{
    for (unsigned i = 0; i < m->n_vcpus; i++)
        if (!m->vcpu[i]->stopped) {
            journal_diverge(m->vcpu[i]->p.stream, m->vcpu[i]->p.position,
                            "expected the end of the run, found the end of the vCPU's events");
            return;
        }
    journal_diverge(m->agent.stream, m->agent.position,
                    "expected the end of the run, found the end of its events");
}

void recording_finish(struct machine *m)
{
    bool all = m->agent_ended;

    if (m->journal.mode == JOURNAL_RECORD)
        close_log(m);
    if (!m->env.replay || m->end != END_NONE)
        return;
    for (unsigned i = 0; i < m->n_vcpus; i++)
        all &= m->vcpu[i]->stopped;
    if (!log_finished(m->journal.reader)) {
        m->end = END_LOG_CUT;
        m->exit_status = STATUS_USAGE;
    } else if (all) {
        check_end(m);
    } else {
        blame_early_end(m);
    }
}

void recording_report(const struct machine *m)
{
    double seconds = (double)(m->host_end_ns - m->host_start_ns) * 1e-9;
    u64 n = machine_icount(m);

    if (m->end == END_LOG)
        msg_info(
            "replay verified: %" PRIu64 " instructions on %u vCPU%s, %" PRIu64
            " events, registers at every "
            "digest, memory and devices at the end (%.1f s, %.1f million instructions a second)",
            n, m->n_vcpus, m->n_vcpus == 1 ? "" : "s", (u64)atomic_load(&m->journal.events),
            seconds, (double)n / seconds * 1e-6);
    else if (m->end == END_LOG_CUT)
        msg_error(
            "--replay %s: the log is truncated; replayed to its largest consistent cut, %" PRIu64
            " instructions",
            m->o->replay, n);
    else if (m->end == END_LIMIT)
        msg_error("-icount-limit: stopped the replay after %" PRIu64 " instructions", n);
    else if (m->end == END_OUTPUT)
        msg_error("--replay %s: ended after %" PRIu64
                  " instructions, as its output cannot be written any further",
                  m->o->replay, n);
    else if (m->end != END_DIVERGED)
        msg_error("--replay %s: ended by the user after %" PRIu64
                  " instructions; nothing is wrong so far",
                  m->o->replay, n);
}
