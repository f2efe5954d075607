/* SPDX-License-Identifier: MIT */
/*
 * The I/O agent: one thread that runs device timers and passes on what comes from outside, each as one event of its own
 * icount, with the I/O space held. It also kicks vCPUs whose timers are due and has journal buffers written out, which
 * are not events. In a replay it takes the events from the log instead.
 */
#include "src/base/check.h"
#include "src/base/msg.h"
#include "src/host/host.h"
#include "src/machine.h"

enum { FLUSH_NS = 100000000 };

/* Take the I/O space for one event. */
static void begin_event(struct machine *m)
{
    struct participant *p = &m->agent;

    participant_unpark(p);
    while (!directory_has(p, directory_io_object(&m->dir), RIGHT_WRITE)) {
        directory_want(p, directory_io_object(&m->dir), RIGHT_WRITE, 0, 0);
        hold_acquire(p);
    }
    m->space.begin(m->space.ctx, p);
}

static void end_event(struct machine *m, bool counts)
{
    struct participant *p = &m->agent;

    m->space.end(m->space.ctx, p);
    if (counts)
        p->position++;
    hold_retire(p);
    participant_publish(p);
    participant_park(p);
}

bool agent_run_timer(struct machine *m, u64 now_ns)
{
    struct participant *p = &m->agent;
    bool due;
    u64 ns;

    if (atomic_load_explicit(&m->timer_deadline, memory_order_acquire) > now_ns)
        return false;
    begin_event(m);
    ns = journal_clock_sync(p->stream, p->position);
    due = board_next_deadline(&m->board) <= ns;
    if (due) {
        journal_put(p->stream, JOURNAL_DEV_TIMER, p->position, 0, ns, 0, 0);
        journal_clock_set(p->stream, p->position, ns);
        board_run_timer(&m->board, ns);
    }
    atomic_store_explicit(&m->timer_deadline, board_next_deadline(&m->board), memory_order_release);
    end_event(m, due);
    return due;
}

/* What an INPUT event of the agent carries in its first value. */
enum { INPUT_SERIAL, INPUT_BREAK, INPUT_POWER };

static void feed(struct machine *m, u64 what, u64 value)
{
    switch (what) {
    case INPUT_SERIAL: board_serial_input(&m->board, (u8)value); break;
    case INPUT_BREAK: board_serial_break(&m->board); break;
    case INPUT_POWER: board_power_button(&m->board); break;
    default: break;
    }
}

static void input_event(struct machine *m, u64 what, u64 value)
{
    begin_event(m);
    journal_put(m->agent.stream, JOURNAL_INPUT, m->agent.position, what, value, 0, 0);
    feed(m, what, value);
    end_event(m, true);
}

static unsigned serial_room(struct machine *m)
{
    unsigned n;

    pthread_mutex_lock(&m->io_lock);
    n = board_serial_room(&m->board);
    pthread_mutex_unlock(&m->io_lock);
    return n;
}

void agent_take_input(struct machine *m)
{
    unsigned actions = 0;
    u8 bytes[16];
    size_t n;

    n = terminal_read(m->session->terminal, bytes, MIN(serial_room(m), sizeof(bytes)), &actions);
    for (size_t i = 0; i < n; i++)
        input_event(m, INPUT_SERIAL, bytes[i]);
    if (actions & TERMINAL_BREAK)
        input_event(m, INPUT_BREAK, 0);
    if (actions & TERMINAL_POWER)
        input_event(m, INPUT_POWER, 0);
    machine_obey(m, actions);
}

/* Have every stream written out: those who run do it themselves, for the parked we do. */
void agent_flush(struct machine *m)
{
    for (unsigned i = 0; i < m->n_vcpus; i++) {
        struct vcpu *v = m->vcpu[i];

        pthread_mutex_lock(&v->p.lock);
        if (v->p.parked)
            journal_flush(v->p.stream, v->p.position);
        else
            atomic_store_explicit(&v->want_flush, true, memory_order_relaxed);
        pthread_mutex_unlock(&v->p.lock);
        participant_kick(&v->p);
    }
    journal_flush(m->agent.stream, m->agent.position);
}

/* Kick vCPUs whose local APIC timer is due; returns the earliest deadline that is not. */
static u64 kick_due(struct machine *m, u64 now)
{
    u64 next = ~(u64)0;

    for (unsigned i = 0; i < m->n_vcpus; i++) {
        u64 ns = atomic_load_explicit(&m->vcpu_deadline[i], memory_order_acquire);

        if (ns <= now) {
            if (atomic_compare_exchange_strong(&m->vcpu_deadline[i], &ns, ~(u64)0))
                participant_kick(&m->vcpu[i]->p);
        } else {
            next = MIN(next, ns);
        }
    }
    return next;
}

static void run_live(struct machine *m)
{
    struct participant *p = &m->agent;

    m->next_flush = FLUSH_NS;
    while (!atomic_load_explicit(&m->env.stop, memory_order_acquire)) {
        u32 seen = atomic_load_explicit(&p->wake_count, memory_order_acquire);
        u64 now = journal_live_ns(&m->journal, p->id, p->position), next;

        while (agent_run_timer(m, now))
            ;
        agent_take_input(m);
        next =
            MIN(kick_due(m, now), atomic_load_explicit(&m->timer_deadline, memory_order_acquire));
        if (now >= m->next_flush) {
            if (m->journal.mode == JOURNAL_RECORD)
                agent_flush(m);
            m->next_flush = now + FLUSH_NS;
        }
        next = MIN(next, m->next_flush);
        if (next > now)
            participant_sleep(p, seen, next + m->journal.epoch);
    }
}

static bool replay_event(struct machine *m, const struct journal_event *ev)
{
    struct participant *p = &m->agent;

    switch (ev->type) {
    case JOURNAL_EDGE: return participant_wait_edge(p, m->dir.who[ev->v[0]], ev->v[1]);
    case JOURNAL_DEV_TIMER:
        begin_event(m);
        journal_clock_set(p->stream, p->position, ev->v[1]);
        if (!board_run_timer(&m->board, ev->v[1]))
            journal_diverge(p->stream, p->position,
                            "expected a device timer at %llu ns, but none is due",
                            (unsigned long long)ev->v[1]);
        end_event(m, true);
        return true;
    case JOURNAL_INPUT:
        begin_event(m);
        feed(m, ev->v[0], ev->v[1]);
        end_event(m, true);
        return true;
    case JOURNAL_STOP:
        m->final_digest = ev->v[0];
        m->agent_ended = true;
        return false;
    default:
        journal_diverge(p->stream, p->position, "expected an event of the I/O agent, found type %u",
                        ev->type);
        return false;
    }
}

static void run_replay(struct machine *m)
{
    struct participant *p = &m->agent;
    struct journal_event ev;

    while (!atomic_load_explicit(&m->env.stop, memory_order_acquire)) {
        participant_publish(p);
        if (!journal_next(p->stream, p->position, NULL, NULL, &ev) || !replay_event(m, &ev))
            break;
    }
    participant_publish(p);
    participant_end(p);
}

void agent_run(struct machine *m)
{
    if (m->env.replay)
        run_replay(m);
    else if (!m->serial)
        run_live(m);
}
