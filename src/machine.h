/* SPDX-License-Identifier: MIT */
/*
 * The machine: everything of one run hangs off struct machine. Built by machine_create() from the options,
 * run by machine_run(): one thread for each vCPU, one for the I/O agent (src/agent.c).
 */
#ifndef X86SIM_MACHINE_H
#define X86SIM_MACHINE_H

#include "cpu/run.h"
#include "mmu/physmem.h"
#include "replay/journal.h"
#include "replay/log.h"
#include "src/board_pc.h"
#include "src/load_images.h"
#include "src/options.h"
#include "src/session.h"
#include "trace/directory.h"

/* Exit statuses (docs/x86sim.1). */
enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_DIVERGED = 3 };

/* How a run ended. */
enum machine_end {
    END_NONE,
    END_POWEROFF,
    END_RESET,
    END_EXIT,
    END_USER,
    END_SIGNAL,
    END_LIMIT,
    END_LOG,
    END_DIVERGED,
    END_OUTPUT,
    END_LOG_CUT,
    END_FAILED,
};

struct machine {
    const struct options *o;
    struct physmem mem;
    struct io_space space;
    pthread_mutex_t io_lock; /* one device access at a time; innermost but for device outputs */
    struct directory dir;
    struct journal journal;
    struct vcpu_env env;
    struct vcpu *vcpu[PARTICIPANT_VCPUS_MAX];
    unsigned n_vcpus;
    struct board board;
    struct session *session;

    struct participant agent;
    _Atomic u64 timer_deadline;                       /* of the earliest device timer, ns */
    _Atomic u64 vcpu_deadline[PARTICIPANT_VCPUS_MAX]; /* of the local APIC timers */
    u64 next_flush;
    pthread_t threads[PARTICIPANT_VCPUS_MAX];
    pthread_mutex_t start_lock; /* a thread begins when it can be had; held until all are there */
    _Atomic unsigned running;   /* vCPU threads that have not left */

    pthread_mutex_t end_lock;
    enum machine_end end; /* the first reason wins; under end_lock */
    int exit_status;      /* of END_EXIT; under end_lock */
    bool agent_ended;     /* the agent has reached the end of its stream */
    u64 host_start_ns, host_end_ns;
    u64 final_digest;
    struct progress *progress;   /* of a replay; NULL: none */
    struct serial_sched *serial; /* --sched serial (src/serial.c) */
};

/* Build the machine. With o->replay, `reader` is its log; the session need not be open yet. 0, or -errno and one line in
 * err; machine_destroy() is due in any case. */
int machine_create(struct machine *m, const struct options *o, struct session *session,
                   struct log_reader *reader, char *err, size_t n);
void machine_destroy(struct machine *m);
/* Load the images into RAM and set up vCPU 0. 0, or -errno and one line in err. */
int machine_load(struct machine *m, const struct load_images *images, char *err, size_t n);
/* Run to the end, with an open session. Returns the exit status; says on stderr what there is to say. */
int machine_run(struct machine *m);
/* End the run for a reason; the first one counts. In a replay only what the log says ends it: ignored then unless
 * `force`. Any thread. */
void machine_stop(struct machine *m, enum machine_end why, int status, bool force);
/* Do what of these TERMINAL_* actions is the machine's and not the guest's: print statistics, end the run. Any thread. */
void machine_obey(struct machine *m, unsigned actions);

/* The I/O agent's thread. */
void agent_run(struct machine *m);
/* Give the guest what has been typed, and do what else the user wants, as the agent. */
void agent_take_input(struct machine *m);
/* Have what is recorded so far written out. */
void agent_flush(struct machine *m);
/* Run the earliest due device timer as the agent, if one is due at now_ns. I/O space free. */
bool agent_run_timer(struct machine *m, u64 now_ns);

/* Did the run end in a reset that starts the machine anew? Not after a triple fault (somebody wants to see it), not with
 * -no-reboot, and not while recording or replaying: a log is of one power-on. */
bool machine_restarts(const struct machine *m);

void machine_print_stats(struct machine *m);
u64 machine_icount(const struct machine *m);

/* --sched serial (src/serial.c): vCPUs take turns of a fixed number of instructions, time comes from icount. */
int serial_create(struct machine *m, u64 quantum);
void serial_destroy(struct machine *m);
/* A vCPU thread begins: waits for its first turn. */
void serial_join(struct machine *m, struct vcpu *v);

#endif
