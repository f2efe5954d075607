/* SPDX-License-Identifier: MIT */
/*
 * Building, running and ending a machine (see machine.h).
 */
#include "src/machine.h"
#include "bt/bt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/block.h"
#include "cpu/check.h"
#include "cpu/cpuid.h"
#include "cpu/lapic.h"
#include "cpu/segment.h"
#include "src/base/check.h"
#include "src/base/memory.h"
#include "src/base/msg.h"
#include "src/host/host.h"
#include "src/host/tty.h"
#include "src/progress.h"
#include "src/recording.h"
#include "src/translator.h"
#include "trace/ipi_box.h"

enum { QUANTUM = 40000 };

/* ---- Ending --------------------------------------------------------------------------------------------------------- */

void machine_stop(struct machine *m, enum machine_end why, int status, bool force)
{
    if (m->env.replay && !force)
        return;
    pthread_mutex_lock(&m->end_lock);
    /* A reset that starts the machine anew ends nothing: a signal or a key that comes right after it must not be lost. */
    if (m->end == END_NONE || (force && machine_restarts(m))) {
        m->end = why;
        m->exit_status = status;
    }
    pthread_mutex_unlock(&m->end_lock);
    atomic_store_explicit(&m->env.stop, true, memory_order_release);
    for (unsigned i = 0; i < m->n_vcpus; i++)
        vcpu_poke(m->vcpu[i]);
    participant_wake(&m->agent);
}

void machine_obey(struct machine *m, unsigned actions)
{
    if (actions & TERMINAL_STATUS)
        machine_print_stats(m);
    if (actions & TERMINAL_LEAVE)
        machine_stop(m, END_USER, STATUS_OK, true);
    if (actions & TERMINAL_SIGNAL)
        machine_stop(m, END_SIGNAL, STATUS_FAILED, true);
    if (actions & TERMINAL_BROKEN)
        machine_stop(m, END_OUTPUT, STATUS_FAILED, true);
}

/* ---- What the board asks for ---------------------------------------------------------------------------------------- */

static void io_begin(void *ctx, struct participant *by)
{
    struct machine *m = ctx;

    pthread_mutex_lock(&m->io_lock);
    m->board.io.by = by;
}

static void io_end(void *ctx, struct participant *by)
{
    struct machine *m = ctx;

    (void)by;
    pthread_mutex_unlock(&m->io_lock);
}

static void on_serial_output(void *opaque, const u8 *bytes, size_t n)
{
    struct machine *m = opaque;

    if (!m->session->terminal || !n)
        return;
    progress_begin_output(m->progress);
    terminal_write(m->session->terminal, bytes, n);
    progress_end_output(m->progress, bytes[n - 1]);
}

static void on_debug_output(void *opaque, const u8 *bytes, size_t n)
{
    struct machine *m = opaque;
    char text[512];
    bool broke;

    output_write(&m->session->debugcon, bytes, n, &broke);
    if (broke && output_explain(&m->session->debugcon, text, sizeof(text)))
        msg_error("%s; the run goes on without", text);
}

static void on_serial_room(void *opaque)
{
    struct machine *m = opaque;

    participant_wake(&m->agent);
}

static void on_poweroff(void *opaque)
{
    machine_stop(opaque, END_POWEROFF, STATUS_OK, false);
}

static void on_reset(void *opaque)
{
    machine_stop(opaque, END_RESET, STATUS_OK, false);
}

static void on_debug_exit(void *opaque, int status)
{
    machine_stop(opaque, END_EXIT, status, false);
}

static void on_timers_changed(void *opaque)
{
    struct machine *m = opaque;
    u64 next = board_next_deadline(&m->board);
    u64 was = atomic_exchange_explicit(&m->timer_deadline, next, memory_order_acq_rel);

    if (m->serial)
        participant_kick(m->board.io.by); /* the end of its turn may have moved */
    else if (next < was)
        participant_wake(&m->agent);
}

static u8 on_pic_peek(void *machine)
{
    struct machine *m = machine;

    return board_peek_pic(&m->board);
}

static void on_pic_ack(void *machine)
{
    struct machine *m = machine;

    board_ack_pic(&m->board);
}

static void on_ferr(void *machine)
{
    struct machine *m = machine;

    board_fpu_error(&m->board);
}

static void on_cpu_reset(void *machine, struct vcpu *v)
{
    struct machine *m = machine;

    if (!m->env.replay)
        msg_warn("vCPU %u: triple fault at %04x:%016" PRIx64, v->id, v->seg[SEG_CS].sel, v->rip);
    machine_stop(m, END_RESET, STATUS_FAILED, false);
}

static void on_deadline(void *machine, struct vcpu *v, u64 ns)
{
    struct machine *m = machine;

    atomic_store_explicit(&m->vcpu_deadline[v->id], ns, memory_order_release);
    if (ns != ~(u64)0 && !m->serial && v->activity == CPU_RUNNING)
        participant_wake(&m->agent);
}

static void on_left(void *machine, struct vcpu *v)
{
    struct machine *m = machine;

    (void)v;
    atomic_fetch_sub(&m->running, 1);
}

static void on_limit(void *machine, struct vcpu *v)
{
    (void)v;
    machine_stop(machine, END_LIMIT, STATUS_FAILED, true);
}

/* ---- Building ------------------------------------------------------------------------------------------------------- */

static void set_env(struct machine *m)
{
    m->env.machine = m;
    m->env.io = &m->space;
    m->env.step = m->o->engine == OPT_ENGINE_STEP;
    m->env.replay = m->o->replay != NULL;
    m->env.icount_limit = m->o->icount_limit ? m->o->icount_limit - m->session->executed : ~(u64)0;
    m->env.quantum = QUANTUM;
    m->env.digest_interval = m->o->digest_interval;
    m->env.pic_peek = on_pic_peek;
    m->env.pic_ack = on_pic_ack;
    m->env.reset = on_cpu_reset;
    m->env.ferr = on_ferr;
    m->env.deadline = on_deadline;
    m->env.left = on_left;
    m->env.limit = on_limit;
}

static int create_vcpus(struct machine *m)
{
    const struct cpu_model *model = &m->o->model;

    CHECK(cpu_has(model, FEAT_BASE));
    for (unsigned i = 0; i < m->n_vcpus; i++) {
        struct vcpu *v = m->vcpu[i] = memory_map_lazy(sizeof(*v));

        if (!v ||
            vcpu_create(v, i, &m->dir, journal_stream(&m->journal, i), &m->mem, model, &m->env) ||
            (m->o->engine == OPT_ENGINE_BT && bt_create(v, &m->o->bt)) ||
            (m->dir.order && !v->p.rights))
            return -ENOMEM;
        if (m->o->check && check_start(v, m->o->check_one_in, m->env.step))
            return -ENOMEM;
        v->block_max = m->o->bt_insns;
        v->mmu.exact_io = m->o->sched == OPT_SCHED_SERIAL;
        cpuid_set_count(v, m->n_vcpus);
    }
    return 0;
}

static int create_board(struct machine *m)
{
    struct board_config c = {
        .space = &m->space,
        .vcpus = m->vcpu,
        .n_vcpus = m->n_vcpus,
        .ram_low = m->mem.low,
        .ram_high = m->mem.high,
        .rtc_base = (i64)(m->o->rtc_seconds + m->session->elapsed_ns / 1000000000),
        .cpu_signature = CPUID_SIGNATURE,
        .opaque = m,
        .serial_output = on_serial_output,
        .serial_room = on_serial_room,
        .debug_output = on_debug_output,
        .poweroff = on_poweroff,
        .reset = on_reset,
        .exit = on_debug_exit,
        .timers_changed = on_timers_changed,
    };

    c.cpu_features = cpuid_query(m->vcpu[0], 1, 0).edx;
    return board_create(&m->board, &c);
}

static void agent_drop(struct participant *p, u64 gfn, unsigned what)
{
    (void)p;
    (void)gfn;
    (void)what;
}

int machine_create(struct machine *m, const struct options *o, struct session *session,
                   struct log_reader *reader, char *err, size_t n)
{
    bool serial = o->sched == OPT_SCHED_SERIAL && !o->replay;
    int rc;

    memset(m, 0, sizeof(*m));
    m->o = o;
    m->session = session;
    m->n_vcpus = o->smp;
    pthread_mutex_init(&m->io_lock, NULL);
    pthread_mutex_init(&m->end_lock, NULL);
    pthread_mutex_init(&m->start_lock, NULL);
    atomic_store(&m->timer_deadline, ~(u64)0);
    for (unsigned i = 0; i < PARTICIPANT_VCPUS_MAX; i++)
        atomic_store(&m->vcpu_deadline[i], ~(u64)0);
    recording_prepare(m, reader);
    snprintf(err, n,
             "-m, -smp: the host has no memory for a machine of %" PRIu64
             " MiB and %u processor%s; give less",
             o->ram >> 20, o->smp, o->smp == 1 ? "" : "s");
    rc = physmem_create(&m->mem, o->ram);
    if (!rc)
        rc = directory_create(
            &m->dir, physmem_frames(&m->mem), m->n_vcpus,
            o->run_tokens ? o->run_tokens : host_cpus(), &m->journal, o->record != NULL,
            o->record || o->replay || serial || o->semantics[TRACE_MMU] != TRACE_DEFERRED);
    if (rc)
        return rc;
    m->dir.sched.cpus = host_cpus();
    m->dir.sched.fixed = o->run_tokens != 0;
    ram_set_ordered(o->record || o->replay || serial);
    for (unsigned k = 0; k < TRACE_KINDS; k++)
        if (k != TRACE_MMU || o->semantics[k] != TRACE_DEFERRED)
            m->dir.semantics[k] = o->semantics[k];
    io_space_create(&m->space);
    m->space.begin = io_begin;
    m->space.end = io_end;
    m->space.ctx = m;
    set_env(m);
    participant_create(&m->agent, PARTICIPANT_AGENT, &m->dir,
                       journal_stream(&m->journal, PARTICIPANT_AGENT));
    m->agent.drop = agent_drop;
    m->agent.owner = m;
    rc = m->dir.order && !m->agent.rights ? -ENOMEM : create_vcpus(m);
    if (!rc)
        rc = create_board(m);
    if (!rc && serial)
        rc = serial_create(m, o->quantum);
    if (o->replay && o->sched == OPT_SCHED_SERIAL) {
        /* A replay's order comes from its log: one run token and short turns are all that is left to choose. */
        m->dir.sched.k = m->dir.sched.k_max = 1;
        m->env.quantum = (u32)o->quantum;
    }
    return rc;
}

void machine_destroy(struct machine *m)
{
    serial_destroy(m);
    board_destroy(&m->board);
    directory_destroy(&m->dir);
    for (unsigned i = 0; i < m->n_vcpus; i++) {
        if (!m->vcpu[i])
            continue;
        bt_destroy(m->vcpu[i]);
        vcpu_destroy(m->vcpu[i]);
        memory_unmap(m->vcpu[i], sizeof(*m->vcpu[i]));
    }
    participant_destroy(&m->agent);
    physmem_destroy(&m->mem);
    journal_destroy(&m->journal);
}

/* ---- Loading -------------------------------------------------------------------------------------------------------- */

static void write_ram(void *ctx, u64 gpa, const void *from, u64 n)
{
    struct machine *m = ctx;

    if (physmem_write(&m->mem, gpa, from, n))
        msg_warn("the loader wrote outside of RAM at %#" PRIx64, gpa);
}

/* A flat segment as the boot protocols want it. */
static struct segreg flat(u16 sel, u8 type, bool wide)
{
    return (struct segreg){.sel = sel,
                           .usable = true,
                           .type = type,
                           .l = wide,
                           .db = !wide,
                           .g = true,
                           .p = true,
                           .limit = 0xffffffff};
}

/* What firmware leaves in the MTRRs: RAM is write-back, the legacy video window and the hole below 4 GiB are uncached, option
 * ROMs write-protected. Linux reads a machine without this as one that was never set up. */
static void set_mtrrs(struct vcpu *v)
{
    enum { ENABLE = 0xc00, WB = 6, VALID = 0x800 };

    v->mtrr_def_type = ENABLE | WB;
    v->mtrr_fixed[0] = v->mtrr_fixed[1] = 0x0606060606060606;
    v->mtrr_fixed[2] = 0;
    for (unsigned i = 3; i < ARRAY_SIZE(v->mtrr_fixed); i++)
        v->mtrr_fixed[i] = 0x0505050505050505;
    v->mtrr_var[0] = BOARD_PCI_MEM_FIRST;
    v->mtrr_var[1] = 0xffc0000000 | VALID; /* 1 GiB, of 40 address bits */
}

static void set_boot_state(struct vcpu *v, const struct load_result *rs)
{
    enum { CODE = 0x1b, DATA = 0x13 };

    v->cr0 = rs->cr0;
    v->cr3 = rs->cr3;
    v->cr4 = rs->cr4;
    v->efer = rs->efer;
    v->seg[SEG_CS] = flat(rs->cs, CODE, rs->is_long);
    for (unsigned s = SEG_ES; s <= SEG_GS; s++)
        if (s != SEG_CS)
            v->seg[s] = flat(rs->ds, DATA, false);
    v->gdt.base = rs->gdt;
    v->gdt.limit = rs->gdt_limit;
    v->idt.base = v->idt.limit = 0;
    v->rip = rs->ip;
    v->r[R_AX] = rs->eax;
    v->r[R_BX] = rs->ebx;
    v->r[R_SI] = rs->esi;
    v->cpl = 0;
    vcpu_set_flags(v, 2);
    vcpu_update_mode(v);
}

int machine_load(struct machine *m, const struct load_images *images, char *err, size_t n)
{
    static u8 tables[0x10000];
    struct load_request rq = {.write = write_ram, .ctx = m, .acpi_rsdp = BOARD_TABLES_BASE};
    struct load_result rs;
    int rc;

    load_images_request(images, m->o, &rq);
    for (unsigned i = 0; i < m->n_vcpus; i++) {
        vcpu_reset(m->vcpu[i], i == 0);
        set_mtrrs(m->vcpu[i]);
    }
    rc = load_guest(&rq, &rs, err, n);
    if (rc)
        return rc;
    write_ram(m, BOARD_TABLES_BASE, tables, board_build_tables(&m->board, tables));
    set_boot_state(m->vcpu[0], &rs);
    lapic_set_virtual_wire(m->vcpu[0]);
    return 0;
}

/* ---- Running -------------------------------------------------------------------------------------------------------- */

static void await_start(struct machine *m)
{
    pthread_mutex_lock(&m->start_lock);
    pthread_mutex_unlock(&m->start_lock);
}

static void *vcpu_thread(void *arg)
{
    struct vcpu *v = arg;
    struct machine *m = v->env->machine;

    await_start(m);
    if (m->serial)
        serial_join(m, v);
    else
        sched_enter(&m->dir.sched, &v->p);
    participant_unpark(&v->p);
    vcpu_run(v);
    return NULL;
}

static void *agent_thread(void *arg)
{
    await_start(arg);
    agent_run(arg);
    return NULL;
}

u64 machine_icount(const struct machine *m)
{
    u64 sum = 0;

    for (unsigned i = 0; i < m->n_vcpus; i++)
        sum += m->vcpu[i]->p.position;
    return sum;
}

static void notify_agent(void *ctx)
{
    struct machine *m = ctx;

    participant_wake(&m->agent);
}

/* The guest may reset at the very last instruction that it was to execute. */
static bool is_over_limit(const struct machine *m)
{
    return m->o->icount_limit && m->session->executed >= m->o->icount_limit;
}

bool machine_restarts(const struct machine *m)
{
    return m->end == END_RESET && m->exit_status == STATUS_OK && !m->o->no_reboot &&
           !m->o->record && !m->o->replay && !is_over_limit(m);
}

/* -check: did abandoned instructions leave traces? */
static bool is_unclean(const struct machine *m)
{
    u64 reports = 0, failed = 0;

    if (!m->o->check)
        return false;
    for (unsigned i = 0; i < m->n_vcpus; i++) {
        reports += check_reports(m->vcpu[i]);
        failed += m->vcpu[i]->mmu.check->stat_failed;
    }
    msg_info("check: %" PRIu64 " rights were denied, %" PRIu64 " traces were found", failed,
             reports);
    return reports != 0;
}

/* Why a live run ended, where the guest and the user do not know it already. */
static void report_live(struct machine *m)
{
    switch (m->end) {
    case END_LIMIT:
        msg_error("-icount-limit: stopped after %" PRIu64 " instructions", m->session->executed);
        break;
    case END_RESET:
        if (m->exit_status == STATUS_OK && m->o->record)
            msg_info("the guest reset the machine: the recording ends here");
        break;
    case END_SIGNAL: msg_info("ended by a signal: %s", strsignal(host_signals_pending())); break;
    default: break;
    }
}

/* Output that was lost is a failure, even if the guest ended before anybody could end it for that. */
static void check_outputs(struct machine *m)
{
    char text[512];
    int error = terminal_explain(m->session->terminal, text, sizeof(text));

    /* A reader that went away knows; of a replay recording_report() tells. */
    if (error && error != -EPIPE && !m->env.replay)
        msg_error("%s", text);
    if (!error) /* this one was said when it happened */
        error = output_explain(&m->session->debugcon, text, sizeof(text));
    if (error && m->exit_status == STATUS_OK)
        m->exit_status = STATUS_FAILED;
}

static int report(struct machine *m)
{
    if (m->end == END_FAILED)
        return m->exit_status; /* said already */
    if (is_unclean(m) && m->exit_status == STATUS_OK)
        m->exit_status = STATUS_FAILED;
    check_outputs(m);
    if (m->env.replay)
        recording_report(m);
    else
        report_live(m);
    /* A log that has no end is a failure whatever status the guest chose. */
    return atomic_load(&m->journal.failed) && !m->env.replay ? STATUS_FAILED : m->exit_status;
}

/* Start the threads: they wait at the start until all are there. If not all can be had, those that are there, *n vCPUs, will
 * leave at once. */
static void start_threads(struct machine *m, pthread_t *agent, bool *has_agent, unsigned *n)
{
    int rc = m->env.replay ? progress_start(&m->progress, m) : 0;

    if (!rc)
        rc = host_thread_start(agent, "agent", agent_thread, m);
    *has_agent = !rc;
    for (*n = 0; !rc && *n < m->n_vcpus; *n += !rc) {
        char name[16];

        snprintf(name, sizeof(name), "vcpu%u", *n);
        rc = host_thread_start(&m->threads[*n], name, vcpu_thread, m->vcpu[*n]);
    }
    if (rc) {
        machine_stop(m, END_FAILED, STATUS_FAILED, true);
        msg_error("-smp: the host does not start the threads of %u processor%s: %s; give fewer",
                  m->n_vcpus, m->n_vcpus == 1 ? "" : "s", strerror(-rc));
    }
}

static void run_threads(struct machine *m)
{
    pthread_t agent;
    bool has_agent;
    unsigned n;

    atomic_store(&m->running, m->n_vcpus);
    pthread_mutex_lock(&m->start_lock);
    m->host_start_ns = m->journal.epoch = host_clock_ns();
    start_threads(m, &agent, &has_agent, &n);
    terminal_attach(m->session->terminal, notify_agent, m);
    pthread_mutex_unlock(&m->start_lock);
    for (unsigned i = 0; i < n; i++)
        pthread_join(m->threads[i], NULL);
    if (has_agent)
        pthread_join(agent, NULL);
    terminal_attach(m->session->terminal, NULL, NULL);
    m->host_end_ns = host_clock_ns();
    progress_stop(m->progress);
    m->progress = NULL;
}

int machine_run(struct machine *m)
{
    run_threads(m);
    recording_finish(m);
    m->session->executed += machine_icount(m);
    m->session->elapsed_ns += atomic_load(&m->journal.clock_max);
    if (m->o->stats)
        machine_print_stats(m);
    translator_print_profile(m);
    return report(m);
}
