/* SPDX-License-Identifier: MIT */
/*
 * --stats and ctrl-a s: what the run did, as lines "stats: NAME VALUE" on stderr, for people and scripts alike.
 */
#include <inttypes.h>
#include <string.h>

#include "cpu/code_cache.h"
#include "cpu/descriptor.h"
#include "src/base/msg.h"
#include "src/host/host.h"
#include "src/machine.h"

static void line(const char *name, u64 value)
{
    msg_plain("stats: %s %" PRIu64, name, value);
}

static void print_traces(struct machine *m)
{
    for (unsigned k = 0; k < TRACE_KINDS; k++) {
        const struct trace_counters *c = &m->dir.count[k];
        const char *kind = options_kind_name(k);

        if (!atomic_load(&c->events) && !atomic_load(&c->notifications))
            continue;
        msg_plain("stats: trace.%s semantics=%s events=%" PRIu64 " notifications=%" PRIu64
                  " acks=%" PRIu64 " broadcast=%" PRIu64,
                  kind, options_semantics_name(m->dir.semantics[k]), (u64)atomic_load(&c->events),
                  (u64)atomic_load(&c->notifications), (u64)atomic_load(&c->acks),
                  (u64)atomic_load(&c->broadcast));
    }
}

/* The micro-ops that cost most of one kind: what to lower next. */
static void print_counts(struct machine *m, const char *name, enum bt_count_kind kind)
{
    struct bt_count top[30];
    u64 total;
    unsigned n = bt_get_counts(m->vcpu[0], kind, top, ARRAY_SIZE(top), &total);

    line(name, total);
    for (unsigned i = 0; i < n; i++)
        msg_plain("stats: %s.uop %s %" PRIu64, name, top[i].name, top[i].n);
}

static void print_translator(struct machine *m)
{
    struct bt_stats sum;

    bt_get_stats(m->vcpu, m->n_vcpus, &sum);
    line("bt_blocks", sum.translated);
    line("bt_instructions", sum.insns);
    line("bt_host_bytes", sum.host_bytes);
    msg_plain("stats: bt_bytes_per_instruction %.1f",
              sum.insns ? (double)sum.host_bytes / (double)sum.insns : 0.0);
    line("bt_emptied", sum.emptied);
    line("bt_superblocks", sum.traces);
    line("bt_loops", sum.loops);
    line("bt_entered", sum.entered);
    line("bt_linked", sum.linked);
    line("bt_filled", sum.filled);
    line("bt_stored", sum.stored);
    line("bt_interpreted", sum.interpreted);
    if (!m->o->stats || !m->host_end_ns)
        return; /* nobody counts, or it is being counted at this moment */
    print_counts(m, "bt_unlowered", BT_UNLOWERED);
    print_counts(m, "bt_rest", BT_REST);
}

void machine_print_stats(struct machine *m)
{
    u64 n = machine_icount(m),
        ns = (m->host_end_ns ? m->host_end_ns : host_clock_ns()) - m->host_start_ns;
    struct code_stats code;
    u64 hits = 0, misses = 0, drops = 0, walks = 0, slow = 0, flushes = 0, boundaries = 0,
        interrupts = 0;

    code_cache_stats(m->vcpu[0], &code);
    for (unsigned i = 0; i < m->n_vcpus; i++) {
        const struct vcpu *v = m->vcpu[i];
        u64 a, b, c;

        desc_cache_stats(v, &a, &b, &c);
        hits += a, misses += b, drops += c;
        walks += v->mmu.stat_walks, slow += v->mmu.stat_slow, flushes += v->mmu.stat_flushes;
        boundaries += v->stat_boundaries, interrupts += v->stat_interrupts;
    }
    line("instructions", n);
    line("milliseconds", ns / 1000000);
    msg_plain("stats: mips %.1f", (double)n * 1000.0 / (double)(ns ? ns : 1));
    msg_plain("stats: uops_per_instruction %.2f",
              code.insns ? (double)code.uops / (double)code.insns : 0.0);
    line("blocks_built", code.built);
    line("blocks_verified", code.verified);
    line("code_pages_fine", code.fine_pages);
    line("code_retired", code.retired);
    if (m->o->engine == OPT_ENGINE_BT)
        print_translator(m);
    line("boundaries", boundaries);
    line("interrupts", interrupts);
    line("page_walks", walks);
    line("slow_accesses", slow);
    line("tlb_flushes", flushes);
    line("descriptor_hits", hits);
    line("descriptor_misses", misses);
    line("descriptor_drops", drops);
    line("transfers", atomic_load(&m->dir.transfers));
    line("edges", atomic_load(&m->journal.edges));
    line("handshakes", atomic_load(&m->dir.handshakes));
    line("served_on_behalf", atomic_load(&m->dir.on_behalf));
    line("line_switches", atomic_load(&m->dir.line_pages));
    line("waits", atomic_load(&m->dir.waits));
    line("waited_milliseconds", atomic_load(&m->dir.waited_ns) / 1000000);
    line("releases_put_off", atomic_load(&m->dir.deferred));
    line("write_permissions_recalled", atomic_load(&m->dir.recalls));
    line("token_limit", m->dir.sched.k);
    line("token_limit_lowered", m->dir.sched.stat_lowered);
    line("token_switches", m->dir.sched.stat_switches);
    line("log_events", atomic_load(&m->journal.events));
    line("log_bytes", atomic_load(&m->journal.bytes));
    print_traces(m);
}
