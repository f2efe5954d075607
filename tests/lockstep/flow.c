/* SPDX-License-Identifier: MIT */
/*
 * See flow.h: running a program on several engines at once. They are stopped at the same positions, which are random, and
 * compared; sometimes somebody else then writes to the code. What differs is shrunk and printed, with the stretch between
 * the last position at which all were the same and the first at which they were not.
 */
#include "tests/lockstep/flow.h"

#include <stdio.h>

#include "cpu/code_cache.h"
#include "cpu/decode.h"
#include "cpu/digest.h"

static struct {
    const char *name;
    bool bt, step;
    bool
        coarse; /* pages of code stay coarse, however often they are written to (cpu/code_cache.h) */
    u32 insns;  /* of a block, at most */
    struct bt_options options;
    struct flow_machine m;
} engines[] = {
    {.name = "interpreter"},
    {.name = "steps", .step = true},
    {.name = "translator",
     .bt = true,
     .coarse = true,
     .options = {.size = 4 << 20, .threshold = BT_THRESHOLD}},
    {.name = "translator, at once", .bt = true, .options = {.size = 4 << 20}},
    {.name = "translator, no chains", .bt = true, .options = {.size = 4 << 20, .no_chain = true}},
    {.name = "translator, no superblocks",
     .bt = true,
     .options = {.size = 4 << 20, .no_traces = true}},
    {.name = "translator, tiny cache", .bt = true, .coarse = true, .options = {.size = 80 << 10}},
    {.name = "translator, one instruction", .bt = true, .insns = 1, .options = {.size = 4 << 20}},
    {.name = "translator, two, no chains",
     .bt = true,
     .insns = 2,
     .options = {.size = 128 << 10, .no_chain = true}},
};

static u8 image[FLOW_END];
static u64 last_same, first_different;
static unsigned which;
static bool stop_at_once; /* no stops before this position */
static u64 stop_at;

static void prepare(struct flow_program *p)
{
    memset(image, 0, sizeof(image));
    flow_make_system(image);
    flow_place(p, image);
    for (unsigned i = 0; i < ARRAY_SIZE(engines); i++)
        flow_machine_start(&engines[i].m, p, image);
}

static bool same(struct flow_machine *a, struct flow_machine *b)
{
    return participant_icount(&a->v->p) == participant_icount(&b->v->p) &&
           a->bare.reset == b->bare.reset && vcpu_digest(a->v) == vcpu_digest(b->v) &&
           !memcmp(a->bare.mem.ram, b->bare.mem.ram, FLOW_END);
}

/* Somebody else changes code, or data. */
static void disturb(const struct flow_program *p, struct gen_random *r)
{
    u32 at;
    u8 bytes[4];

    store_le32(bytes, (u32)gen_random(r));
    if (gen_random(r) % 2 && p->n_sites)
        at = p->site[gen_random(r) % p->n_sites];
    else
        at = FLOW_DATA + gen_random(r) % 0x3ff0;
    if (!at)
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(engines); i++)
        flow_machine_write(&engines[i].m, at + 1, bytes, 4);
}

static u64 next_stop(struct gen_random *r)
{
    switch (gen_random(r) % 6) {
    case 0: return 1 + gen_random(r) % 8;
    case 1: return 1 + gen_random(r) % 60;
    case 2: return 1 + gen_random(r) % 3000;
    default: return 1 + gen_random(r) % 500;
    }
}

/* Does the program fail within `budget` instructions? */
static bool fails(struct flow_program *p, u64 budget)
{
    struct gen_random r = {p->seed ^ 0x5eed};
    u64 done = 0;

    prepare(p);
    last_same = 0;
    while (done < budget) {
        u64 n = stop_at_once && done + 1 < stop_at ? stop_at - done : next_stop(&r);

        for (unsigned i = 0; i < ARRAY_SIZE(engines); i++)
            flow_machine_run(&engines[i].m, n);
        done += n;
        for (unsigned i = 1; i < ARRAY_SIZE(engines); i++) {
            if (!same(&engines[0].m, &engines[i].m)) {
                first_different = done;
                which = i;
                return true;
            }
        }
        if (stop_at_once)
            return false;
        last_same = done;
        if (engines[0].m.v->activity != CPU_RUNNING || engines[0].m.bare.reset)
            return false;
        if (gen_random(&r) % 8 == 0)
            disturb(p, &r);
    }
    return false;
}

static void shrink_one(struct flow_program *p, struct flow_item *it, u64 budget)
{
    if (!it->len || it->left_out)
        return;
    it->left_out = true;
    if (!fails(p, budget))
        it->left_out = false;
}

static void shrink(struct flow_program *p, u64 budget)
{
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < FLOW_NODES; i++)
            for (unsigned k = p->node[i].n; k-- > 0;)
                shrink_one(p, &p->node[i].item[k], budget);
    fails(p, budget);
}

static void print_memory(const struct flow_machine *a, const struct flow_machine *b)
{
    const u8 *x = a->bare.mem.ram, *y = b->bare.mem.ram;
    unsigned n = 0;

    for (unsigned i = 0; i < FLOW_END && n < 8; i++)
        if (x[i] != y[i]) {
            printf("    memory %#x: %#x, %#x\n", i, x[i], y[i]);
            n++;
        }
}

static void print_difference(const struct flow_machine *a, const struct flow_machine *b)
{
    const struct vcpu *v = a->v, *w = b->v;
    static const char names[] =
        "ax\0cx\0dx\0bx\0sp\0bp\0si\0di\0r8\0r9\00010\00011\00012\00013\00014\00015";

    if (v->rip != w->rip || participant_icount(&v->p) != participant_icount(&w->p))
        printf("    rip %#lx at %lu, %#lx at %lu\n", v->rip, participant_icount(&v->p), w->rip,
               participant_icount(&w->p));
    if (vcpu_flags(v) != vcpu_flags(w))
        printf("    flags %#x, %#x\n", vcpu_flags(v), vcpu_flags(w));
    for (unsigned i = 0; i < 16; i++)
        if (v->r[i] != w->r[i])
            printf("    %s %#lx, %#lx\n", names + i * 3, v->r[i], w->r[i]);
    for (unsigned i = 0; i < 16; i++)
        if (memcmp(&v->fpu.xmm[i], &w->fpu.xmm[i], 16))
            printf("    xmm%u %016lx%016lx, %016lx%016lx\n", i, v->fpu.xmm[i].q[1],
                   v->fpu.xmm[i].q[0], w->fpu.xmm[i].q[1], w->fpu.xmm[i].q[0]);
    if (v->fpu.mxcsr != w->fpu.mxcsr)
        printf("    mxcsr %#x, %#x\n", v->fpu.mxcsr, w->fpu.mxcsr);
    for (unsigned i = 0; i < 8; i++)
        if (memcmp(&v->fpu.st[i], &w->fpu.st[i], sizeof(v->fpu.st[i])))
            printf("    x87 register %u %04x%016lx, %04x%016lx\n", i, v->fpu.st[i].se,
                   v->fpu.st[i].mant, w->fpu.st[i].se, w->fpu.st[i].mant);
    if (v->fpu.sw != w->fpu.sw || v->fpu.top != w->fpu.top || v->fpu.tag != w->fpu.tag)
        printf("    x87 status %#x top %u tags %#x, %#x %u %#x\n", v->fpu.sw, v->fpu.top,
               v->fpu.tag, w->fpu.sw, w->fpu.top, w->fpu.tag);
    if (v->fpu.ip != w->fpu.ip || v->fpu.dp != w->fpu.dp || v->fpu.opcode != w->fpu.opcode)
        printf("    x87 ip %#lx dp %#lx opcode %#x, %#lx %#lx %#x\n", v->fpu.ip, v->fpu.dp,
               v->fpu.opcode, w->fpu.ip, w->fpu.dp, w->fpu.opcode);
    if (v->fpu.cw != w->fpu.cw || v->fpu.cs != w->fpu.cs || v->fpu.ds != w->fpu.ds)
        printf("    x87 control %#x cs %#x ds %#x, %#x %#x %#x\n", v->fpu.cw, v->fpu.cs, v->fpu.ds,
               w->fpu.cw, w->fpu.cs, w->fpu.ds);
    if (v->activity != w->activity || v->shadow != w->shadow || v->pending_db != w->pending_db ||
        v->fault_pending != w->fault_pending)
        printf("    activity %d shadow %d #DB %#lx fault %d, %d %d %#lx %d\n", v->activity,
               v->shadow, v->pending_db, v->fault_pending, w->activity, w->shadow, w->pending_db,
               w->fault_pending);
    if (v->cr2 != w->cr2)
        printf("    cr2 %#lx, %#lx\n", v->cr2, w->cr2);
    print_memory(a, b);
}

static void print_node(const struct flow_program *p, unsigned i)
{
    const struct flow_node *n = &p->node[i];
    u32 at = n->at, end = at;
    char text[96];

    for (unsigned k = 0; k < n->n; k++)
        end += n->item[k].left_out ? 0 : n->item[k].len;
    end += n->end[0].len + n->end[1].len + n->end[2].len;
    printf("  node %u\n", i);
    while (at < end) {
        unsigned len =
            insn_disassemble(text, sizeof(text), p->code32 ? CODE_32 : CODE_64, image + at, 15, at);

        printf("    %#x: %s\n", at, text);
        at += len;
    }
}

/* The instructions that the interpreter executes one by one from the position where all were the same. */
static void print_way(struct flow_program *p, u64 from, u64 to)
{
    struct flow_machine *m = &engines[1].m;
    char text[96];

    prepare(p);
    if (from)
        flow_machine_run(m, from);
    printf("  from position %lu, where all were the same:\n", from);
    for (u64 at = from; at < to && at < from + 80 && m->v->activity == CPU_RUNNING; at++) {
        u64 rip = m->v->rip, phys = rip >= FLOW_ALIAS ? rip - FLOW_ALIAS : rip;

        if (phys < FLOW_END - 16) {
            insn_disassemble(text, sizeof(text),
                             p->code32 && m->v->cpl == m->v->seg[SEG_CS].dpl && !m->v->seg[SEG_CS].l
                                 ? CODE_32
                                 : CODE_64,
                             (u8 *)m->bare.mem.ram + phys, 15, rip);
            printf("    %lu %#lx: %s\n", at, rip, text);
        }
        flow_machine_run(m, 1);
    }
}

static void print_failure(struct flow_program *p, u64 budget)
{
    u64 from = last_same, to = first_different;

    printf("FAIL program %lu (%d-bit, CPL %d); again: lockstep --flow 1 --seed %lu --count 1 "
           "--budget %lu\n",
           p->seed, p->code32 ? 32 : 64, p->user ? 3 : 0, p->seed, budget);
    for (unsigned i = 0; i < FLOW_NODES; i++)
        print_node(p, i);
    printf("  %s differs from the interpreter between positions %lu and %lu\n", engines[which].name,
           from, to);
    print_difference(&engines[0].m, &engines[which].m);
    print_way(p, from, to);
}

/* What the programs exercised. */
static void print_stats(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(engines); i++) {
        const struct flow_machine *m = &engines[i].m;
        struct bt_stats s;

        bt_get_stats(&m->v, 1, &s);
        printf("%s: %lu instructions, %lu faults; blocks: %lu translated, %lu chained, %lu "
               "entered, %lu emptied, %lu filled, "
               "%lu given up\n",
               engines[i].name, m->insns, m->faults, s.translated, s.linked, s.entered, s.emptied,
               s.filled, s.interpreted);
    }
}

static bool create_machines(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(engines); i++) {
        if (!flow_machine_create(&engines[i].m, engines[i].bt, engines[i].step,
                                 &engines[i].options)) {
            fprintf(stderr, "lockstep: no memory for a machine\n");
            return false;
        }
        engines[i].m.v->block_max = engines[i].insns;
        if (engines[i].coarse)
            engines[i].m.v->code->shared->hot = ~0u;
    }
    return true;
}

unsigned flow_run(u64 seed, u64 count, u64 budget, bool stats, unsigned *passed)
{
    static struct flow_program p;
    unsigned failed = 0;

    if (!create_machines())
        return 1;
    for (u64 i = 0; i < count && failed < 3; i++) {
        flow_generate(&p, seed + i);
        if (!fails(&p, budget)) {
            ++*passed;
            continue;
        }
        failed++;
        print_difference(&engines[0].m, &engines[which].m);
        shrink(&p, budget);
        print_failure(&p, budget);
        fflush(stdout);
    }
    if (stats)
        print_stats();
    for (unsigned i = 0; i < ARRAY_SIZE(engines); i++)
        flow_machine_destroy(&engines[i].m);
    return failed;
}
