/* SPDX-License-Identifier: MIT */
/*
 * Lockstep: random integer and x87 programs run on the host CPU, on the interpreter in blocks, and on the
 * interpreter one instruction at a time, from the same registers and memory; registers, flags,
 * memory and the final exception must agree.
 *
 *     lockstep [--seed N] [--count N] [--items N]
 *
 * Program i is made from seed + i alone. A failing one is shrunk by leaving items out and printed
 * with the command that repeats it. 64-bit code, and 32-bit code where the host runs it. The last
 * line is "lockstep: P passed, F failed".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/decode.h"
#include "tests/lib/args.h"
#include "tests/lib/flat.h"
#include "tests/lockstep/flow.h"
#include "tests/lockstep/gen.h"

#define POINTER (FLAT_DATA + FLAT_DATA_SIZE / 2)

struct memory {
    u8 data[FLAT_DATA_SIZE];
    u8 stack[FLAT_STACK_SIZE];
};

struct outcome {
    struct flat_state s;
    int vector;
    struct memory m;
    struct fpu fpu; /* not the host's */
};

enum engine { HOST, BLOCKS, STEPS, TRANSLATED, TRANSLATED_STEPS, ENGINES };
static const char *const engine_names[] = {"host", "blocks", "steps", "translated",
                                           "translated steps"};

static struct outcome outcomes[ENGINES];
static cpu_features_t features;

static void start_state(struct flat_state *s, struct memory *m, u64 seed, bool code32)
{
    struct gen_random r = {seed * 77 + 5};

    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 16; i++)
        s->gpr[i] = gen_random(&r) >> (gen_random(&r) % 64);
    s->gpr[R_SP] = FLAT_STACK - FLAT_STACK_SIZE / 2;
    s->gpr[R_BP] = s->gpr[12] = s->gpr[13] = s->gpr[15] = POINTER;
    s->gpr[14] = gen_random(&r) % 64;
    s->flags = gen_random(&r) & FL_ARITH;
    s->rip = FLAT_CODE;
    if (code32) {
        for (unsigned i = 0; i < 16; i++)
            s->gpr[i] = i < 8 ? (u32)s->gpr[i] : 0;
    }
    for (unsigned i = 0; i < FLAT_DATA_SIZE; i += 8)
        store_le64(m->data + i, gen_random(&r) >> (gen_random(&r) % 64));
    memset(m->stack, 0, sizeof(m->stack));
}

static void write_code(const struct gen_program *p)
{
    u8 *at = (u8 *)FLAT_CODE;

    for (unsigned i = 0; i < p->n; i++) {
        memcpy(at, p->item[i].bytes, p->item[i].len);
        at += p->item[i].len;
    }
    at[0] = 0x0f;
    at[1] = 0x0b;
}

static void run(const struct gen_program *p, u64 seed, enum engine e, struct outcome *o)
{
    start_state(&o->s, &o->m, seed, p->code32);
    memcpy((void *)FLAT_DATA, o->m.data, FLAT_DATA_SIZE);
    memcpy((void *)(FLAT_STACK - FLAT_STACK_SIZE), o->m.stack, FLAT_STACK_SIZE);
    write_code(p);
    if (e == HOST)
        o->vector = flat_run_host(&o->s, p->code32);
    else {
        flat_translate(e == TRANSLATED || e == TRANSLATED_STEPS);
        o->vector = flat_run_guest(&o->s, p->code32, e == STEPS || e == TRANSLATED_STEPS ? 1 : 32,
                                   features);
        o->fpu = flat_vcpu()->fpu;
    }
    memcpy(o->m.data, (void *)FLAT_DATA, FLAT_DATA_SIZE);
    memcpy(o->m.stack, (void *)(FLAT_STACK - FLAT_STACK_SIZE), FLAT_STACK_SIZE);
}

static bool same(const struct outcome *a, const struct outcome *b, bool code32)
{
    unsigned regs = code32 ? 8 : 16;

    for (unsigned i = 0; i < regs; i++) {
        if (a->s.gpr[i] != b->s.gpr[i])
            return false;
    }
    return a->vector == b->vector && a->s.rip == b->s.rip && a->s.flags == b->s.flags &&
           !memcmp(&a->m, &b->m, sizeof(a->m));
}

/* All that only the emulator's engines can be asked for: what empty registers hold, the last instruction's pointers. */
static bool same_fpu(const struct fpu *a, const struct fpu *b)
{
    return !memcmp(a->st, b->st, sizeof(a->st)) && a->top == b->top && a->tag == b->tag &&
           a->cw == b->cw && a->sw == b->sw && a->opcode == b->opcode && a->ip == b->ip &&
           a->dp == b->dp && a->cs == b->cs && a->ds == b->ds && a->ferr == b->ferr;
}

static void print_fpu(const struct fpu *f, const char *name)
{
    printf("    %s: top %u tag %02x cw %04x sw %04x opcode %03x ip %lx:%lx dp %lx:%lx\n", name,
           f->top, f->tag, f->cw, f->sw, f->opcode, (u64)f->cs, f->ip, (u64)f->ds, f->dp);
    for (unsigned i = 0; i < 8; i++)
        printf("        R%u %04x %016lx\n", i, f->st[i].se, f->st[i].mant);
}

/* Does the program fail? Fills outcomes. */
static bool fails(const struct gen_program *p, u64 seed)
{
    for (unsigned e = 0; e < ENGINES; e++)
        run(p, seed, e, &outcomes[e]);
    for (unsigned e = BLOCKS; e < ENGINES; e++)
        if (!same(&outcomes[HOST], &outcomes[e], p->code32) ||
            !same_fpu(&outcomes[BLOCKS].fpu, &outcomes[e].fpu))
            return true;
    return false;
}

static void shrink(struct gen_program *p, u64 seed)
{
    for (unsigned i = 0; i < p->n;) {
        struct gen_program less = *p;

        memmove(&less.item[i], &less.item[i + 1], (less.n - i - 1) * sizeof(less.item[0]));
        less.n--;
        if (fails(&less, seed))
            *p = less;
        else
            i++;
    }
    fails(p, seed);
}

static void print_difference(const struct outcome *a, const struct outcome *b, const char *name)
{
    if (a->vector != b->vector || a->s.rip != b->s.rip)
        printf("    host: vector %d at %#lx; %s: vector %d at %#lx\n", a->vector, a->s.rip, name,
               b->vector, b->s.rip);
    if (a->s.flags != b->s.flags)
        printf("    host: flags %#lx; %s: %#lx\n", a->s.flags, name, b->s.flags);
    for (unsigned i = 0; i < 16; i++) {
        if (a->s.gpr[i] != b->s.gpr[i])
            printf("    host: r%u %#lx; %s: %#lx\n", i, a->s.gpr[i], name, b->s.gpr[i]);
    }
    for (unsigned i = 0; i < sizeof(a->m); i++) {
        const u8 *x = (const u8 *)&a->m, *y = (const u8 *)&b->m;
        if (x[i] != y[i]) {
            printf("    host: memory byte %#x is %#x; %s: %#x\n", i, x[i], name, y[i]);
            break;
        }
    }
}

static void print_failure(const struct gen_program *p, u64 seed, unsigned items)
{
    struct flat_state s;
    static struct memory m;
    u64 rip = FLAT_CODE;
    char text[96];

    start_state(&s, &m, seed, p->code32);
    printf("FAIL program %lu (%d-bit); again: lockstep --seed %lu --flow 0 --count 1 --items %u\n",
           seed, p->code32 ? 32 : 64, seed, items);
    for (unsigned i = 0; i < 16; i++)
        printf("    r%-2u %016lx%s", i, s.gpr[i], i % 4 == 3 ? "\n" : "");
    printf("    flags %#lx\n", s.flags);
    write_code(p);
    for (const u8 *at = (const u8 *)FLAT_CODE; at[0] != 0x0f || at[1] != 0x0b;) {
        unsigned n =
            insn_disassemble(text, sizeof(text), p->code32 ? CODE_32 : CODE_64, at, 15, rip);
        printf("    %#lx: %s\n", rip, text);
        at += n;
        rip += n;
    }
    for (unsigned e = BLOCKS; e < ENGINES; e++) {
        print_difference(&outcomes[HOST], &outcomes[e], engine_names[e]);
        if (e != BLOCKS && same_fpu(&outcomes[BLOCKS].fpu, &outcomes[e].fpu))
            continue;
        print_fpu(&outcomes[e].fpu, engine_names[e]);
    }
}

static unsigned run_simple(u64 seed, u64 count, unsigned items, unsigned *passed)
{
    bool has_code32 = flat_host_has_code32();
    unsigned failed = 0;

    features = flat_host_features();
    for (u64 i = 0; i < count && failed < 5; i++) {
        static struct gen_program p;
        struct gen_random r = {seed + i};
        bool code32 = has_code32 && (seed + i) % 4 == 0;

        gen_program(&p, &r, items, code32);
        if (!fails(&p, seed + i)) {
            ++*passed;
            continue;
        }
        failed++;
        shrink(&p, seed + i);
        print_failure(&p, seed + i, items);
        fflush(stdout);
    }
    return failed;
}

int main(int argc, char **argv)
{
    u64 seed = args_number(argc, argv, "--seed", 1), which = args_number(argc, argv, "--flow", 2),
        count = args_number(argc, argv, "--count", which == 1 ? 0 : 20000),
        flows = which ? args_number(argc, argv, "--count", 300) : 0;
    unsigned items = (unsigned)args_number(argc, argv, "--items", 24), passed = 0, failed = 0;

    if (items < 1 || items > GEN_ITEMS_MAX || !flat_create()) {
        fprintf(stderr, "lockstep: --items must be 1 to %d, and memory at %#llx free\n",
                GEN_ITEMS_MAX, FLAT_BASE);
        return 2;
    }
    if (which != 1)
        failed += run_simple(seed, count, items, &passed);
    if (which)
        failed += flow_run(seed, flows, args_number(argc, argv, "--budget", 20000),
                           args_number(argc, argv, "--stats", 0), &passed);
    printf("lockstep: %u passed, %u failed\n", passed, failed);
    return failed != 0;
}
