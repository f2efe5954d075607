/* SPDX-License-Identifier: MIT */
/*
 * Boundaries: an exact position between two instructions at which a vCPU publishes, serves others, gives its run
 * token away, takes messages and timers, delivers interrupts, and sleeps while it is halted.
 *
 * Events come from the journal (journal_next): in a live run it asks live_event() here, in a replay it hands out what was
 * logged at this position. A delivery is logged when it has been committed, because it may have to wait for holds first,
 * whose edges belong before it.
 */
#include "cpu/events.h"

#include <stdio.h>

#include "cpu/check.h"
#include "cpu/debug.h"
#include "cpu/digest.h"
#include "cpu/exec.h"
#include "cpu/lapic.h"
#include "cpu/monitor.h"
#include "mmu/physmem.h"
#include "trace/directory.h"
#include "trace/ipi_box.h"
#include "trace/lines.h"

enum { PAUSES = 8, CHECK_BUDGET = 1000 };

/* Answers of live_event() that are not logged as they are: type 0, and this in v[0]. */
enum { DELIVER_NMI = 1, DELIVER_INTERRUPT, DELIVER_EXTINT, DELIVER_INIT };

#define EXT_ACKNOWLEDGED 256 /* in the value of an INTERRUPT event */

void vcpu_count_delivery(struct vcpu *v)
{
    v->p.horizon++; /* icount = horizon - left */
    monitor_disarm(v);
}

void vcpu_poke(struct vcpu *v)
{
    participant_kick(&v->p);
    participant_wake(&v->p);
}

void vcpu_triple_fault(struct vcpu *v)
{
    v->activity = CPU_SHUTDOWN;
    if (v->env->reset)
        v->env->reset(v->env->machine, v);
}

/* Once at each position is enough: what it sets in IRR is set, and a guest whose period is shorter than an event takes would
 * get no further. */
u64 vcpu_timer_deadline(const struct vcpu *v)
{
    return v->timer_at == v->p.position + 1 ? ~(u64)0 : lapic_next_deadline(v);
}

/* ---- Live events -------------------------------------------------------------------------------------------------- */

static bool can_interrupt(const struct vcpu *v)
{
    return (v->activity == CPU_RUNNING || v->activity == CPU_HALTED || v->activity == CPU_MWAIT) &&
           (v->rflags & FL_IF) && !v->shadow;
}

static bool can_nmi(const struct vcpu *v)
{
    return v->nmi_pending && !v->nmi_blocked && !v->shadow_ss && v->activity != CPU_WAIT_SIPI;
}

static bool live_event(void *ctx, struct journal_event *ev)
{
    struct vcpu *v = ctx;
    struct ipi_mail mail;
    int vector;

    if (v->init_pending) {
        ev->v[0] = DELIVER_INIT;
        return true;
    }
    if (ipi_take_first(&v->p, &mail)) {
        ev->type = JOURNAL_MESSAGE;
        ev->v[0] = mail.from;
        ev->v[1] = mail.pos;
        ev->v[2] = mail.msg.mode;
        ev->v[3] = mail.msg.vector | (u64)mail.msg.level << 8;
        return true;
    }
    if (vcpu_timer_deadline(v) <= journal_live_ns(v->p.stream->j, v->id, v->p.position)) {
        ev->type = JOURNAL_LAPIC_TIMER;
        ev->v[0] = journal_clock_sync(v->p.stream, v->p.position);
        return true;
    }
    if (can_nmi(v)) {
        ev->v[0] = DELIVER_NMI;
        return true;
    }
    vector = can_interrupt(v) ? lapic_pending(v) : -1;
    if (vector != -1) {
        ev->v[0] = vector == -2 ? DELIVER_EXTINT : DELIVER_INTERRUPT;
        ev->v[1] = (u64)vector;
        return true;
    }
    if (v->activity == CPU_MWAIT && (ev->v[0] = monitor_wakes(v))) {
        ev->type = JOURNAL_WAKE;
        return true;
    }
    if (v->env->digest_interval && v->p.position - v->digest_at >= v->env->digest_interval) {
        v->digest_at = v->p.position;
        ev->type = JOURNAL_DIGEST;
        ev->v[0] = vcpu_digest(v);
        return true;
    }
    return false;
}

/* ---- Deliveries ----------------------------------------------------------------------------------------------------- */

struct delivery {
    unsigned kind; /* DELIVER_*; 0: v->exc */
    u64 vector;
};

static void deliver(struct vcpu *v, struct delivery *d)
{
    struct vcpu_env *env = v->env;

    switch (d->kind) {
    case DELIVER_INIT:
        /* It changes what senders see of this APIC: ordered like the registers that do. */
        vcpu_need_apic_map(v);
        monitor_disarm(v);
        v->init_pending = v->sipi_pending = false;
        vcpu_init_signal(v);
        break;
    case DELIVER_NMI:
        deliver_nmi(v);
        v->nmi_pending = false;
        break;
    case DELIVER_INTERRUPT:
        deliver_interrupt(v, (u8)d->vector);
        lapic_begin_service(v, (u8)d->vector);
        break;
    case DELIVER_EXTINT:
        vcpu_need_io_hold(v);
        env->io->begin(env->io->ctx, &v->p);
        d->vector = env->pic_peek(env->machine);
        env->io->end(env->io->ctx, &v->p);
        deliver_interrupt(v, (u8)d->vector);
        env->io->begin(env->io->ctx, &v->p);
        env->pic_ack(env->machine);
        env->io->end(env->io->ctx, &v->p);
        lapic_begin_extint(v);
        break;
    default: deliver_exception(v, &v->exc); break;
    }
}

/* Deliver; waits for holds as long as that takes. A pending interrupt may be gone after such a wait (false: look
 * again), an exception is not. */
static bool delivered(struct vcpu *v, struct delivery *d)
{
    u64 pending_db = v->pending_db;
    enum escape why = setjmp(v->escape);

    if (why == ESCAPE_NONE) {
        v->mmu.careful = true;
        deliver(v, d);
        v->mmu.careful = false;
        lines_release(&v->p, true);
        vcpu_count_delivery(v);
        return true;
    }
    v->mmu.careful = false;
    v->pending_db = pending_db;
    mmu_check_again(&v->mmu);
    lines_release(&v->p, false);
    hold_acquire(&v->p);
    return false;
}

static void advance(struct vcpu *v)
{
    v->p.position = participant_icount(&v->p);
    if (v->p.n_claims || v->p.awaiting)
        hold_retire(&v->p);
    if (v->env->replay)
        participant_publish(&v->p);
}

static void deliver_logged(struct vcpu *v, unsigned kind, u64 vector)
{
    struct delivery d = {kind, vector};
    u64 pos = v->p.position;

    if (!delivered(v, &d))
        return;
    v->stat_interrupts++;
    if (kind == DELIVER_NMI)
        journal_put(v->p.stream, JOURNAL_NMI, pos, 0, 0, 0, 0);
    else if (kind == DELIVER_INIT)
        journal_put(v->p.stream, JOURNAL_RESET, pos, 0, 0, 0, 0);
    else
        journal_put(v->p.stream, JOURNAL_INTERRUPT, pos,
                    d.vector + (kind == DELIVER_EXTINT ? EXT_ACKNOWLEDGED : 0), 0, 0, 0);
    advance(v);
}

/* Traps and faults that belong to this boundary. */
static void deliver_pending(struct vcpu *v)
{
    while (v->fault_pending || (v->pending_db && !v->shadow_ss)) {
        struct delivery d = {0, 0};

        if (v->fault_pending) {
            v->exc = v->fault;
            v->fault_pending = false;
        } else {
            debug_take_pending(v, &v->exc);
        }
        while (!delivered(v, &d))
            ;
        advance(v);
    }
}

/* ---- Events ------------------------------------------------------------------------------------------------------- */

static void take_message(struct vcpu *v, const struct journal_event *ev)
{
    struct ipi msg = {(u8)ev->v[2], (u8)ev->v[3], ev->v[3] >> 8 & 1};
    struct ipi_mail mail;

    if (v->env->replay) {
        if (!participant_wait_edge(&v->p, v->p.dir->who[ev->v[0]], ev->v[1])) {
            v->ended = true;
            return;
        }
        if (!ipi_take_from(&v->p, (unsigned)ev->v[0], ev->v[1], &mail) ||
            mail.msg.mode != msg.mode || mail.msg.vector != msg.vector ||
            mail.msg.level != msg.level) {
            journal_diverge(v->p.stream, v->p.position,
                            "expected an interrupt message (mode %u, vector %u) from participant "
                            "%u at %llu, but it was not sent",
                            msg.mode, msg.vector, (unsigned)ev->v[0], (unsigned long long)ev->v[1]);
            v->ended = true;
            return;
        }
    }
    lapic_accept(v, &msg);
}

static void replay_interrupt(struct vcpu *v, u64 logged)
{
    struct delivery d = {logged & EXT_ACKNOWLEDGED ? DELIVER_EXTINT : DELIVER_INTERRUPT,
                         logged & 255};
    int vector = can_interrupt(v) ? lapic_pending(v) : -1;

    if (vector != (d.kind == DELIVER_EXTINT ? -2 : (int)d.vector)) {
        journal_diverge(v->p.stream, v->p.position,
                        "expected interrupt %u to be delivered here, but %d is pending (-1: none, "
                        "-2: the 8259's)",
                        (unsigned)d.vector, vector);
        v->ended = true;
        return;
    }
    while (!delivered(v, &d))
        ;
    v->stat_interrupts++;
    if (d.vector != (logged & 255)) {
        journal_diverge(v->p.stream, v->p.position, "expected interrupt %u from the 8259, found %u",
                        (unsigned)(logged & 255), (unsigned)d.vector);
        v->ended = true;
    }
    advance(v);
}

static void print_registers(const struct vcpu *v, char *text, size_t size)
{
    static const char names[16][4] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    size_t n = (size_t)snprintf(text, size, "rip=%llx rflags=%x cpl=%u cr2=%llx mxcsr=%x",
                                (unsigned long long)v->rip, vcpu_flags(v), v->cpl,
                                (unsigned long long)v->cr2, v->fpu.mxcsr);

    for (unsigned i = 0; i < 16 && n < size; i++)
        n +=
            (size_t)snprintf(text + n, size - n, " %s=%llx", names[i], (unsigned long long)v->r[i]);
}

static void check_digest(struct vcpu *v, const struct journal_event *ev)
{
    char text[640];
    u64 now;

    if (!v->env->replay)
        return;
    now = vcpu_digest(v);
    if (now == ev->v[0])
        return;
    print_registers(v, text, sizeof(text));
    journal_diverge(v->p.stream, v->p.position,
                    "registers: expected digest %016llx, found %016llx, of: %s",
                    (unsigned long long)ev->v[0], (unsigned long long)now, text);
    v->ended = true;
}

/* A SIPI, once its message has arrived. INIT is an event of its own, since it may have to wait for holds. */
static void take_sipi(struct vcpu *v)
{
    if (v->sipi_pending && !v->init_pending) {
        v->sipi_pending = false;
        if (v->activity != CPU_WAIT_SIPI)
            return;
        v->activity = CPU_RUNNING;
        v->seg[SEG_CS].sel = (u16)(v->sipi_vector << 8);
        v->seg[SEG_CS].base = (u64)v->sipi_vector << 12;
        v->rip = 0;
        vcpu_update_mode(v);
        vcpu_count_delivery(v);
        advance(v);
    }
}

/* MWAIT ends, with nothing delivered. */
static void wake(struct vcpu *v)
{
    if (v->activity != CPU_MWAIT) {
        journal_diverge(v->p.stream, v->p.position,
                        "expected the vCPU to wait in MWAIT here, found that it does not");
        v->ended = true;
        return;
    }
    v->activity = CPU_RUNNING;
    monitor_disarm(v);
}

static void expire_timer(struct vcpu *v, u64 now)
{
    v->timer_at = v->p.position + 1;
    if (lapic_timer_expire(v, now))
        return;
    journal_diverge(v->p.stream, v->p.position,
                    "expected the local APIC's timer to be due at %llu ns, but it is not",
                    (unsigned long long)now);
    v->ended = true;
}

static void handle(struct vcpu *v, const struct journal_event *ev)
{
    switch (ev->type) {
    case 0: deliver_logged(v, (unsigned)ev->v[0], ev->v[1]); break;
    case JOURNAL_EDGE:
        if (!participant_wait_edge(&v->p, v->p.dir->who[ev->v[0]], ev->v[1]))
            v->ended = true;
        break;
    case JOURNAL_MESSAGE:
        take_message(v, ev);
        take_sipi(v);
        break;
    case JOURNAL_LAPIC_TIMER:
        expire_timer(v, journal_clock_set(v->p.stream, v->p.position, ev->v[0]));
        break;
    case JOURNAL_INTERRUPT: replay_interrupt(v, ev->v[0]); break;
    case JOURNAL_RESET:
        while (!delivered(v, &(struct delivery){DELIVER_INIT, 0}))
            ;
        advance(v);
        break;
    case JOURNAL_NMI:
        while (!delivered(v, &(struct delivery){DELIVER_NMI, 0}))
            ;
        advance(v);
        break;
    case JOURNAL_WAKE: wake(v); break;
    case JOURNAL_DIGEST: check_digest(v, ev); break;
    case JOURNAL_STOP:
        check_digest(v, ev);
        v->stopped = true;
        break;
    default:
        journal_diverge(v->p.stream, v->p.position, "expected an event of a vCPU, found type %u",
                        ev->type);
        v->ended = true;
        break;
    }
}

/* Take all that is due here. False: this vCPU goes no further. */
static bool take_events(struct vcpu *v)
{
    struct journal_event ev;

    deliver_pending(v);
    while (!v->ended && !v->stopped && !atomic_load_explicit(&v->env->stop, memory_order_relaxed) &&
           journal_next(v->p.stream, v->p.position, live_event, v, &ev)) {
        handle(v, &ev);
        deliver_pending(v);
    }
    if (journal_at_end(v->p.stream, v->p.position))
        v->ended = true;
    return !v->ended && !v->stopped && !atomic_load_explicit(&v->env->stop, memory_order_relaxed);
}

/* ---- The boundary --------------------------------------------------------------------------------------------------- */

static void yield_token(struct vcpu *v)
{
    struct sched *s = &v->p.dir->sched;

    participant_park(&v->p);
    sched_leave(s, &v->p);
    sched_enter(s, &v->p);
    participant_unpark(&v->p);
    v->token_since = v->p.position;
    v->pauses = 0;
}

static void mind_the_token(struct vcpu *v)
{
    struct sched *s = &v->p.dir->sched;

    if (v->p.position - v->accounted >= v->env->quantum) {
        sched_account(s, v->p.position - v->accounted, v->p.stat_waits - v->accounted_waits);
        v->accounted = v->p.position;
        v->accounted_waits = v->p.stat_waits;
    }
    if (v->paused)
        v->pauses++;
    if (!sched_contended(s))
        return;
    /* Who pauses where one runs at a time can only wait for somebody who does not run. */
    if (v->p.position - v->token_since >= v->env->quantum ||
        v->pauses >= (sched_alone(s) ? 1 : PAUSES))
        yield_token(v);
}

/* Sleep until there is something to do. */
static bool wait_halted(struct vcpu *v)
{
    struct journal *j = v->p.stream->j;

    while (v->activity != CPU_RUNNING) {
        u32 seen = atomic_load_explicit(&v->p.wake_count, memory_order_acquire);
        u64 ns;

        if (!take_events(v))
            return false;
        if (v->activity == CPU_RUNNING)
            break;
        if (v->env->replay) {
            journal_diverge(v->p.stream, v->p.position,
                            "expected the vCPU to run on to %llu, found it halted",
                            (unsigned long long)journal_horizon(v->p.stream));
            v->ended = true;
            return false;
        }
        if (v->env->halt) {
            v->env->halt(v->env->machine, v);
            continue;
        }
        ns = vcpu_timer_deadline(v);
        participant_park(&v->p);
        participant_sleep(&v->p, seen, ns == ~(u64)0 ? ns : ns + j->epoch);
        /* A kick from here on is for who runs again. */
        atomic_store_explicit(&v->p.budget.stop, 0, memory_order_relaxed);
        participant_unpark(&v->p);
    }
    return true;
}

static void note_deadline(struct vcpu *v)
{
    u64 ns = lapic_next_deadline(v);

    if (ns == v->known_deadline)
        return;
    v->known_deadline = ns;
    if (v->env->deadline)
        v->env->deadline(v->env->machine, v, ns);
}

static void set_budget(struct vcpu *v, u64 put_off)
{
    u64 pos = v->p.position, n = MIN(v->env->quantum, put_off), next = journal_horizon(v->p.stream),
        watch = atomic_load(&v->p.watch_min);

    if (next > pos)
        n = MIN(n, next - pos);
    else if (next == pos)
        n = 1; /* a value that the next instruction will ask for */
    if (watch > pos)
        n = MIN(n, watch - pos);
    if (v->env->icount_limit > pos)
        n = MIN(n, v->env->icount_limit - pos);
    if (v->env->turn_left)
        n = MIN(n, v->env->turn_left(v->env->machine, v));
    if (v->check)
        n = MIN(n, CHECK_BUDGET);
    if (!v->env->replay && v->env->digest_interval)
        n = MIN(n, v->digest_at + v->env->digest_interval - pos);
    participant_set_budget(&v->p, pos, n);
}

bool vcpu_boundary(struct vcpu *v)
{
    struct vcpu_env *env = v->env;
    u64 put_off;

    if (v->single)
        return true;
    v->stat_boundaries++;
    v->p.position = participant_icount(&v->p);
    atomic_exchange_explicit(&v->p.budget.stop, 0, memory_order_acq_rel);
    if (env->replay)
        participant_publish(&v->p);
    if (v->p.n_claims || v->p.awaiting)
        hold_retire(&v->p);
    if (atomic_load_explicit(&env->stop, memory_order_acquire))
        return false;
    put_off = hold_serve(&v->p, v->paused);
    if (atomic_exchange_explicit(&v->want_flush, false, memory_order_relaxed))
        journal_flush(v->p.stream, v->p.position);
    if (v->p.position >= env->icount_limit) {
        env->limit(env->machine, v);
        return false;
    }
    if (env->turn)
        env->turn(env->machine, v);
    else
        mind_the_token(v);
    v->paused = false;
    if (!take_events(v) || !wait_halted(v))
        return false;
    if (unlikely(v->check != NULL))
        check_boundary_slow(v);
    note_deadline(v);
    v->intr_waits = lapic_pending(v) != -1;
    set_budget(v, put_off);
    return true;
}

void vcpu_leave(struct vcpu *v)
{
    v->p.position = participant_icount(&v->p);
    if (!v->env->replay)
        journal_put(v->p.stream, JOURNAL_STOP, v->p.position, vcpu_digest(v), 0, 0, 0);
    if (v->p.dir) {
        hold_retire(&v->p);
        participant_publish(&v->p);
        participant_park(&v->p);
        participant_end(&v->p);
        sched_leave(&v->p.dir->sched, &v->p);
    }
    if (v->env->left)
        v->env->left(v->env->machine, v);
}
