/* SPDX-License-Identifier: MIT */
/*
 * Building, running and ending a machine (see machine.h).
 */
#include "src/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/block.h"
#include "cpu/check.h"
#include "cpu/cpuid.h"
#include "cpu/lapic.h"
#include "cpu/segment.h"
#include "src/base/check.h"
#include "src/base/memory.h"
#include "src/base/msg.h"
#include "src/host/host.h"
#include "src/progress.h"
#include "src/recording.h"
#include "trace/ipi_box.h"

enum { QUANTUM = 40000 };

/* ---- Ending --------------------------------------------------------------------------------------------------------- */

void machine_stop(struct machine *m, enum machine_end why, int status, bool force)
{
    if (m->env.replay && !force)
        return;
    pthread_mutex_lock(&m->end_lock);
    if (m->end == END_NONE) {
        m->end = why;
        m->exit_status = status;
    }
    pthread_mutex_unlock(&m->end_lock);
    atomic_store_explicit(&m->env.stop, true, memory_order_release);
    for (unsigned i = 0; i < m->n_vcpus; i++)
        vcpu_poke(m->vcpu[i]);
    participant_wake(&m->agent);
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

    if (!m->terminal || !n)
        return;
    progress_begin_output(m->progress);
    terminal_write(m->terminal, bytes, n);
    progress_end_output(m->progress, bytes[n - 1]);
}

static void on_debug_output(void *opaque, const u8 *bytes, size_t n)
{
    struct machine *m = opaque;
    bool broke;

    output_write(&m->debugcon, bytes, n, &broke);
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
    m->env.icount_limit = m->o->icount_limit ? m->o->icount_limit : ~(u64)0;
    m->env.quantum = QUANTUM;
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
    const struct cpu_model *model = cpu_model_find(m->o->cpu ? m->o->cpu : CPU_MODEL_DEFAULT);

    CHECK(model);
    for (unsigned i = 0; i < m->n_vcpus; i++) {
        struct vcpu *v = memory_map_lazy(sizeof(*v));

        if (!v || vcpu_create(v, i, &m->dir, journal_stream(&m->journal, i), &m->mem, model, &m->env))
            return -ENOMEM;
        if (m->o->check && check_start(v, m->o->check_one_in, m->env.step))
            return -ENOMEM;
        v->mmu.exact_io = m->o->sched == OPT_SCHED_SERIAL;
        m->vcpu[i] = v;
        cpuid_set_count(v, m->n_vcpus);
    }
    return 0;
}

static int create_board(struct machine *m)
{
    struct board_config c = {
        .space = &m->space, .vcpus = m->vcpu, .n_vcpus = m->n_vcpus,
        .ram_low = m->mem.low, .ram_high = m->mem.high, .rtc_base = (i64)m->o->rtc_seconds,
        .cpu_signature = CPUID_SIGNATURE, .opaque = m, .serial_output = on_serial_output,
        .serial_room = on_serial_room, .debug_output = on_debug_output, .poweroff = on_poweroff,
        .reset = on_reset, .exit = on_debug_exit, .timers_changed = on_timers_changed,
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

int machine_create(struct machine *m, const struct options *o, struct log_reader *reader, char *err, size_t n)
{
    bool serial = o->sched == OPT_SCHED_SERIAL && !o->replay;
    int rc;

    memset(m, 0, sizeof(*m));
    m->o = o;
    m->n_vcpus = o->smp;
    pthread_mutex_init(&m->io_lock, NULL);
    pthread_mutex_init(&m->end_lock, NULL);
    m->debugcon.fd = -1;
    atomic_store(&m->timer_deadline, ~(u64)0);
    for (unsigned i = 0; i < PARTICIPANT_VCPUS_MAX; i++)
        atomic_store(&m->vcpu_deadline[i], ~(u64)0);
    recording_prepare(m, reader);
    snprintf(err, n, "-m: %" PRIu64 " MiB cannot be had from the host", o->ram >> 20);
    rc = physmem_create(&m->mem, o->ram);
    if (!rc)
        rc = directory_create(&m->dir, physmem_frames(&m->mem), m->n_vcpus, host_cpus(), &m->journal, o->record != NULL,
                              o->record || o->replay || serial || o->semantics[TRACE_MMU] != TRACE_DEFERRED);
    if (rc)
        return rc;
    ram_set_ordered(o->record || o->replay || serial);
    for (unsigned k = 0; k < TRACE_KINDS; k++)
        if (k != TRACE_MMU || o->semantics[k] != TRACE_DEFERRED)
            m->dir.semantics[k] = o->semantics[k];
    io_space_create(&m->space);
    m->space.begin = io_begin;
    m->space.end = io_end;
    m->space.ctx = m;
    set_env(m);
    participant_create(&m->agent, PARTICIPANT_AGENT, &m->dir, journal_stream(&m->journal, PARTICIPANT_AGENT));
    m->agent.drop = agent_drop;
    m->agent.owner = m;
    rc = create_vcpus(m);
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
    return (struct segreg){ .sel = sel, .usable = true, .type = type, .l = wide, .db = !wide, .g = true, .p = true,
                            .limit = 0xffffffff };
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
    struct load_request rq = { .write = write_ram, .ctx = m, .acpi_rsdp = BOARD_TABLES_BASE };
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

static void *vcpu_thread(void *arg)
{
    struct vcpu *v = arg;
    struct machine *m = v->env->machine;

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

static int open_terminal(struct machine *m)
{
    struct terminal_config c = { .output = m->o->serial, .wants_input = !m->o->replay, .notify = notify_agent,
                                 .ctx = m };
    char err[256];
    int rc = terminal_open(&m->terminal, &c, err, sizeof(err));

    if (!rc)
        rc = output_open(&m->debugcon, &m->o->debugcon, "-debugcon", err, sizeof(err));
    if (rc)
        msg_error("%s", err);
    return rc;
}

bool machine_restarts(const struct machine *m)
{
    return m->end == END_RESET && m->exit_status == STATUS_OK && !m->o->no_reboot && !m->o->record && !m->o->replay;
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
    msg_info("check: %" PRIu64 " rights were denied, %" PRIu64 " traces were found", failed, reports);
    return reports != 0;
}

static int report(struct machine *m)
{
    if (is_unclean(m) && m->exit_status == STATUS_OK)
        m->exit_status = STATUS_FAILED;
    if (m->env.replay) {
        recording_report(m);
        return m->exit_status;
    }
    switch (m->end) {
    case END_LIMIT:
        msg_error("-icount-limit: stopped after %" PRIu64 " instructions", machine_icount(m));
        break;
    case END_RESET:
        if (m->exit_status == STATUS_OK && m->o->record)
            msg_info("the guest reset the machine: the recording ends here");
        break;
    default:
        break;
    }
    return atomic_load(&m->journal.failed) && m->exit_status == STATUS_OK ? STATUS_FAILED : m->exit_status;
}

int machine_run(struct machine *m)
{
    pthread_t agent;

    if (open_terminal(m)) {
        m->exit_status = STATUS_USAGE;
        return STATUS_USAGE;
    }
    m->host_start_ns = m->journal.epoch = host_clock_ns();
    atomic_store(&m->running, m->n_vcpus);
    if (m->env.replay)
        CHECK(!progress_start(&m->progress, m));
    CHECK(!host_thread_start(&agent, "agent", agent_thread, m));
    for (unsigned i = 0; i < m->n_vcpus; i++) {
        char name[16];

        snprintf(name, sizeof(name), "vcpu%u", i);
        CHECK(!host_thread_start(&m->threads[i], name, vcpu_thread, m->vcpu[i]));
    }
    for (unsigned i = 0; i < m->n_vcpus; i++)
        pthread_join(m->threads[i], NULL);
    pthread_join(agent, NULL);
    m->host_end_ns = host_clock_ns();
    progress_stop(m->progress);
    m->progress = NULL;
    recording_finish(m);
    terminal_close(m->terminal);
    m->terminal = NULL;
    output_close(&m->debugcon);
    if (m->o->stats)
        machine_print_stats(m);
    return report(m);
}
