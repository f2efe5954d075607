/* SPDX-License-Identifier: MIT */
/*
 * --sched serial: vCPU threads take turns of a fixed number of instructions, and guest time comes from icount, so two
 * runs are identical without a log.
 *
 * A turn ends after `quantum` instructions, at PAUSE, or when the vCPU halts; the next runnable vCPU in order of numbers
 * goes on. Timers of devices and local APICs take effect at the exact instruction at which guest time reaches them: the
 * budget never goes beyond the next deadline. When everybody is halted, guest time jumps to the next deadline. The I/O
 * agent's events run on the thread that has the turn. With --clock host time is the host's, and the result is not
 * repeatable without a log.
 */
#include <stdlib.h>

#include "cpu/events.h"
#include "cpu/lapic.h"
#include "cpu/monitor.h"
#include "src/host/host.h"
#include "src/machine.h"
#include "trace/ipi_box.h"

/* Guest nanoseconds an instruction, and how often the outside world is looked at, in turns. */
enum { NS_PER_INSN = 4, LOOK_TURNS = 16, FLUSH_TURNS = 1024 };

struct serial_sched {
    u64 quantum;
    bool icount_clock;
    _Atomic unsigned holder; /* the vCPU whose turn it is */
    u64 turn_start;          /* its icount when the turn began */
    u64 base_ns;             /* guest time when the turn began */
    u64 turns;
};

/* Guest time now: whoever calls has the turn, and the holder's position is current. */
static u64 serial_now(void *ctx, unsigned id, u64 pos)
{
    struct machine *m = ctx;
    struct serial_sched *s = m->serial;
    const struct vcpu *v = m->vcpu[atomic_load_explicit(&s->holder, memory_order_relaxed)];

    if (id == v->id)
        return s->base_ns + (pos - s->turn_start) * NS_PER_INSN;
    return s->base_ns + (v->p.position - s->turn_start) * NS_PER_INSN;
}

static u64 now(struct machine *m, const struct vcpu *v)
{
    return journal_live_ns(&m->journal, v->id, v->p.position);
}

static bool is_runnable(const struct vcpu *v, u64 ns)
{
    if (v->activity == CPU_RUNNING || ipi_waiting(&v->p) ||
        (v->activity == CPU_MWAIT && monitor_wakes(v)))
        return true;
    return v->activity != CPU_WAIT_SIPI && vcpu_timer_deadline(v) <= ns;
}

/* The next vCPU that can go on, looking from behind `after`; -1: all are halted. */
static int next_runnable(struct machine *m, unsigned after, u64 ns)
{
    for (unsigned i = 1; i <= m->n_vcpus; i++) {
        unsigned id = (after + i) % m->n_vcpus;

        if (is_runnable(m->vcpu[id], ns))
            return (int)id;
    }
    return -1;
}

static u64 earliest_deadline(struct machine *m)
{
    u64 ns = atomic_load(&m->timer_deadline);

    for (unsigned i = 0; i < m->n_vcpus; i++)
        if (m->vcpu[i]->activity != CPU_WAIT_SIPI && m->vcpu[i]->activity != CPU_SHUTDOWN)
            ns = MIN(ns, vcpu_timer_deadline(m->vcpu[i]));
    return ns;
}

/* The turn's holder stands at a boundary: its instructions become time. */
static void account(struct machine *m, struct vcpu *v)
{
    struct serial_sched *s = m->serial;

    s->base_ns += (v->p.position - s->turn_start) * NS_PER_INSN;
    s->turn_start = v->p.position;
}

static void look_outside(struct machine *m)
{
    struct serial_sched *s = m->serial;

    if (s->turns % LOOK_TURNS == 0)
        agent_take_input(m);
    if (s->turns % FLUSH_TURNS == 0 && m->journal.mode == JOURNAL_RECORD)
        agent_flush(m);
}

/* Everybody is halted: let time pass to the next deadline, or wait for input. */
static void idle(struct machine *m)
{
    struct serial_sched *s = m->serial;
    u32 seen = atomic_load_explicit(&m->agent.wake_count, memory_order_acquire);
    u64 next = earliest_deadline(m);

    agent_take_input(m);
    if (s->icount_clock && next != ~(u64)0)
        s->base_ns = MAX(s->base_ns, next);
    else
        participant_sleep(&m->agent, seen, next == ~(u64)0 ? next : next + m->journal.epoch);
}

static bool is_stopping(struct machine *m)
{
    return atomic_load_explicit(&m->env.stop, memory_order_acquire);
}

/* Wait until it is v's turn. */
static void await_turn(struct machine *m, struct vcpu *v)
{
    struct serial_sched *s = m->serial;

    for (;;) {
        u32 seen = atomic_load_explicit(&v->p.wake_count, memory_order_acquire);

        if (atomic_load_explicit(&s->holder, memory_order_acquire) == v->id || is_stopping(m))
            return;
        participant_sleep(&v->p, seen, ~(u64)0);
    }
}

/* v's turn is over: choose who goes on, and wait for the next one. */
static void pass_turn(struct machine *m, struct vcpu *v)
{
    struct serial_sched *s = m->serial;
    int id;

    participant_park(&v->p);
    account(m, v);
    s->turns++;
    look_outside(m);
    while ((id = next_runnable(m, v->id, now(m, v))) < 0 && !is_stopping(m)) {
        idle(m);
        while (agent_run_timer(m, now(m, v)))
            ;
    }
    if (id >= 0 && (unsigned)id != v->id) {
        s->turn_start = m->vcpu[id]->p.position;
        atomic_store_explicit(&s->holder, (unsigned)id, memory_order_release);
        participant_wake(&m->vcpu[id]->p);
        await_turn(m, v);
    }
    participant_unpark(&v->p);
}

/* The agent's work is done on v's thread. v parks meanwhile, so that the agent can take from it what it holds. */
static void run_timers(struct machine *m, struct vcpu *v)
{
    if (atomic_load_explicit(&m->timer_deadline, memory_order_acquire) > now(m, v))
        return;
    participant_park(&v->p);
    while (agent_run_timer(m, now(m, v)))
        ;
    participant_unpark(&v->p);
}

static void serial_boundary(void *machine, struct vcpu *v)
{
    struct machine *m = machine;
    struct serial_sched *s = m->serial;

    run_timers(m, v);
    if (v->p.position - s->turn_start >= s->quantum || v->paused)
        pass_turn(m, v);
}

static u64 insns_until(u64 ns, u64 at)
{
    return ns <= at ? 1 : ns == ~(u64)0 ? ns : (ns - at + NS_PER_INSN - 1) / NS_PER_INSN;
}

static u64 serial_left(void *machine, struct vcpu *v)
{
    struct machine *m = machine;
    struct serial_sched *s = m->serial;
    u64 used = v->p.position - s->turn_start, n = used < s->quantum ? s->quantum - used : 1;

    if (!s->icount_clock)
        return n;
    n = MIN(n, insns_until(atomic_load(&m->timer_deadline), now(m, v)));
    return MIN(n, insns_until(lapic_next_deadline(v), now(m, v)));
}

static void serial_halt(void *machine, struct vcpu *v)
{
    pass_turn(machine, v);
}

int serial_create(struct machine *m, u64 quantum)
{
    m->serial = calloc(1, sizeof(*m->serial));
    if (!m->serial)
        return -1;
    m->serial->quantum = quantum;
    m->serial->icount_clock = m->o->clock == OPT_CLOCK_ICOUNT;
    if (m->serial->icount_clock) {
        m->journal.now = serial_now;
        m->journal.now_ctx = m;
    }
    m->env.turn = serial_boundary;
    m->env.turn_left = serial_left;
    m->env.halt = serial_halt;
    return 0;
}

void serial_destroy(struct machine *m)
{
    free(m->serial);
    m->serial = NULL;
}

void serial_join(struct machine *m, struct vcpu *v)
{
    await_turn(m, v);
}
