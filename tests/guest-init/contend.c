/* SPDX-License-Identifier: MIT
 *
 * contend: the contending SMP guest program of the boot and replay tests.
 *
 *     contend [ROUNDS]      default 100; the work is proportional to it
 *
 * Runs one kind of contention after the other ("events": memory_events in contend_memory.c,
 * kernel_events in contend_kernel.c, keys in contend_keys.c), each with a thread pinned to every processor (at least two
 * threads). Each event has an invariant that any correct machine keeps (no lost locked update, no
 * forbidden reordering, no lost signal), and a racy result that may differ from run to run
 * (lost updates, retries, faults seen): a replay has to reach exactly the same ones.
 *
 * Prints "contend: NAME ok RACY" or "contend: NAME FAILED RACY" for each event and at last
 * "contend: total HASH" over all racy results. Exit status 1 when an invariant was broken.
 */
#include "tests/guest-init/contend.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct worker {
    pthread_t thread;
    unsigned index;
    const struct event *event;
    const struct contest *contest;
    uint64_t result;
};

static pthread_barrier_t gate;

void give_up(const char *what)
{
    printf("contend: %s failed\n", what);
    fflush(stdout);
    _exit(1);
}

void wait_a_little(unsigned *spins)
{
    relax();
    if (++*spins % 128 == 0)
        sched_yield();
}

static void *worker_main(void *opaque)
{
    struct worker *worker = opaque;
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(worker->index % worker->contest->cpus, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0)
        give_up("sched_setaffinity");
    pthread_barrier_wait(&gate);
    worker->result = worker->event->work(worker->contest, worker->index);
    pthread_barrier_wait(&gate);
    return NULL;
}

/* Runs one event, prints its line, mixes its racy result into *hash; whether its invariant held. */
static bool run_event(const struct event *event, struct contest *contest, unsigned rounds,
                      uint64_t *hash)
{
    struct worker workers[MAX_THREADS];
    uint64_t racy = 0;
    bool ok;

    contest->count = (unsigned)((uint64_t)event->total * rounds / 100 / contest->threads);
    if (contest->count == 0)
        contest->count = 1;
    event->setup(contest);
    pthread_barrier_init(&gate, NULL, contest->threads);
    for (unsigned i = 0; i < contest->threads; i++) {
        workers[i] = (struct worker){.index = i, .event = event, .contest = contest};
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0)
            give_up("pthread_create");
    }
    for (unsigned i = 0; i < contest->threads; i++) {
        pthread_join(workers[i].thread, NULL);
        racy = mix(racy, workers[i].result);
    }
    pthread_barrier_destroy(&gate);
    ok = event->check(contest, &racy);
    printf("contend: %s %s %llx\n", event->name, ok ? "ok" : "FAILED", (unsigned long long)racy);
    fflush(stdout);
    *hash = mix(*hash, racy);
    return ok;
}

int main(int argc, char **argv)
{
    struct contest contest = {.cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN)};
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100;
    const char *only = argc > 2 ? argv[2] : NULL;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    bool ok = true;

    contest.threads = contest.cpus < 2 ? 2 : contest.cpus;
    if (contest.threads > MAX_THREADS)
        contest.threads = MAX_THREADS;
    printf("contend: %u threads on %u processors, %u rounds\n", contest.threads, contest.cpus,
           rounds);
    fflush(stdout);
    for (unsigned i = 0; i <= memory_event_count + kernel_event_count; i++) {
        const struct event *event = i < memory_event_count ? &memory_events[i]
                                    : i < memory_event_count + kernel_event_count
                                        ? &kernel_events[i - memory_event_count]
                                        : &keys_event;
        if (!only || strcmp(only, event->name) == 0)
            ok &= run_event(event, &contest, rounds, &hash);
    }
    printf("contend: total %016llx\n", (unsigned long long)hash);
    return ok ? 0 : 1;
}
