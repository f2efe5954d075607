/* SPDX-License-Identifier: MIT */
/*
 * Forms: every encoding, single-stepped on the host CPU and by the interpreter, must do the same to
 * all registers, flags, x87 and SSE state and memory, or raise the same exception with the same
 * error code and address. What the CPU model does not announce must raise #UD, unless older CPUs
 * execute it as something else.
 *
 *     forms [--seed N] [--count N] [--only I]
 *
 * Cases 0 to FORM_SWEEP - 1 go through all opcodes with each ModRM.reg, memory and register, and
 * mandatory prefix, in 64-bit and 32-bit code; those behind are random bytes with prefixes in any
 * order (see gen.h). The oracle is the host; where its features are not announced, Zydis' tables
 * say what the bytes would be. Not executed on the host: what would leave the process or shows the
 * host's own identity (classify()). Left out of the comparison: flags that the manual leaves
 * undefined, and results that classify() names. A case that fails is repeated by --only. The work
 * is done in a child process, so that a case that kills it is reported. The last line is "forms: P
 * passed, F failed".
 */
#include "tests/forms/forms.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu/cpuid.h"
#include "tests/forms/gen.h"
#include "tests/lib/args.h"

enum { REPORTS_MAX = 20, FIELDS_MAX = 4 };

/* Shared with the child. */
struct progress {
    u64 at, passed, failed, executed, undefined;
};

static struct progress *progress;
static u64 seed;
static cpu_features_t features;
static unsigned reported[ZYDIS_MNEMONIC_MAX_VALUE + 1];

/* --- Comparing -------------------------------------------------------------------------------- */

struct difference {
    char text[FIELDS_MAX * 80];
    unsigned n;
};

static void differs(struct difference *d, const char *what, unsigned i, u64 host, u64 guest)
{
    size_t used = strlen(d->text);

    if (host != guest && d->n++ < FIELDS_MAX)
        snprintf(d->text + used, sizeof(d->text) - used, "    %s%u: host %#lx, x86sim %#lx\n", what,
                 i, host, guest);
}

static void compare_x87(struct difference *d, const struct native_fx *h, const struct native_fx *g)
{
    differs(d, "fcw ", 0, h->fcw, g->fcw);
    differs(d, "fsw ", 0, h->fsw, g->fsw);
    differs(d, "ftw ", 0, h->ftw, g->ftw);
    for (unsigned i = 0; i < 8; i++) {
        differs(d, "mantissa of st", i, h->st[i].mant, g->st[i].mant);
        differs(d, "exponent of st", i, h->st[i].se, g->st[i].se);
    }
}

static void compare_sse(struct difference *d, const struct native_fx *h, const struct native_fx *g)
{
    differs(d, "mxcsr ", 0, h->mxcsr, g->mxcsr);
    for (unsigned i = 0; i < 32; i++)
        differs(d, i & 1 ? "high half of xmm" : "low half of xmm", i / 2, h->xmm[i / 2].q[i & 1],
                g->xmm[i / 2].q[i & 1]);
}

/* Addresses above the user's half: Linux hides from SIGSEGV whether they are mapped. */
static u32 error_mask(u64 cr2)
{
    return cr2 >= 0x7ffffffff000 ? ~1u : ~0u;
}

static bool is_memory_fault(int vector)
{
    return vector == VEC_PF || vector == VEC_GP || vector == VEC_SS || vector == VEC_AC;
}

static void compare(struct difference *d, const struct form_outcome *h,
                    const struct form_outcome *g, const struct form_class *class)
{
    bool late = h->vector >= 0 && class->fault_shows;

    if (class->piecewise && is_memory_fault(h->vector) && is_memory_fault(g->vector))
        return;
    /* Which of two operands is looked at first, if one is unaligned and the other not mapped. */
    if ((h->vector == VEC_AC && g->vector == VEC_PF) ||
        (h->vector == VEC_PF && g->vector == VEC_AC))
        return;
    /* An unaligned operand at the limit of 4 GiB: the manual leaves open whether it wraps. */
    if (class->may_wrap && (h->vector == VEC_GP || h->vector == VEC_SS) &&
        (g->vector == VEC_PF || g->vector == VEC_AC))
        return;
    if (class->misaligned_mxcsr && h->vector < 0 && g->vector == VEC_GP)
        return;
    if (class->may_ignore && is_memory_fault(h->vector) && g->vector < 0)
        return;
    if (class->no_ac && h->vector == VEC_AC)
        return;
    /* Invalid bytes with a memory operand: the host may look at it first. */
    if (!class->mnemonic && is_memory_fault(h->vector) && g->vector == VEC_UD)
        return;
    differs(d, "vector ", 0, (u64)(i64)h->vector, (u64)(i64)g->vector);
    if (h->vector != g->vector)
        return;
    if (h->vector == VEC_PF) {
        differs(d, "CR", 2, h->cr2, g->cr2);
        differs(d, "error code ", 0, h->error & error_mask(h->cr2), g->error & error_mask(h->cr2));
    } else {
        differs(d, "error code ", 0, h->error, g->error);
    }
    differs(d, "rip ", 0, h->s.rip, g->s.rip);
    differs(d, "flags ", 0, h->s.flags & ~class->undefined_flags,
            g->s.flags & ~class->undefined_flags);
    for (unsigned i = 0; !late && i < 16; i++)
        differs(d, "r", i, h->s.gpr[i], g->s.gpr[i]);
    differs(d, "fs base ", 0, h->s.fs_base, g->s.fs_base);
    differs(d, "gs base ", 0, h->s.gs_base, g->s.gs_base);
    if (!class->inexact_x87 && !late)
        compare_x87(d, &h->s.fx, &g->s.fx);
    if (!class->inexact_sse)
        compare_sse(d, &h->s.fx, &g->s.fx);
    for (unsigned i = 0; !late && i < sizeof(h->memory); i++)
        differs(d, "memory byte ", i, h->memory[i], g->memory[i]);
}

/* --- Cases ------------------------------------------------------------------------------------ */

static void print_state(const struct form_state *s)
{
    for (unsigned i = 0; i < 16; i++)
        printf("    r%-2u %016lx%s", i, s->gpr[i], i % 4 == 3 ? "\n" : "");
    printf("    flags %lx fs %lx gs %lx fcw %x fsw %x ftw %x mxcsr %x\n", s->flags, s->fs_base,
           s->gs_base, s->fx.fcw, s->fx.fsw, s->fx.ftw, s->fx.mxcsr);
}

static void report(const struct form_case *c, const struct form_class *class, u64 index,
                   const char *text)
{
    progress->failed++;
    if (reported[class->mnemonic]++ >= 2 || progress->failed > 1000000)
        return;
    printf("FAIL %s%u-bit %s;", class->mnemonic ? "" : "invalid ", c->code32 ? 32 : 64,
           class->text);
    for (unsigned i = 0; i < class->len; i++)
        printf(" %02x", c->bytes[i]);
    printf("; again: forms --seed %lu --only %lu\n%s", seed, index, text);
    print_state(&c->s);
    fflush(stdout);
}

static void run_case(struct form_case *c, u64 index)
{
    static struct form_outcome host, guest;
    static u64 const_id;
    struct form_class class;
    struct difference d = {.n = 0};
    bool undefined;

    form_gen_bytes(c, seed, index);
    form_gen_state(c, seed, index);
    form_classify(&class, c);
    undefined = form_is_undefined(c->bytes, c->code32, features);
    if (class.expect == FORM_UNDEFINED || class.expect == FORM_DEFINED) {
        if (undefined != (class.expect == FORM_UNDEFINED))
            report(c, &class, index,
                   undefined ? "    x86sim raises #UD\n" : "    x86sim executes it\n");
        else
            progress->passed++;
        progress->undefined += undefined;
        return;
    }
    if (class.expect == FORM_SKIPPED)
        return;
    memcpy((void *)FORM_CODE, c->bytes, FORM_BYTES);
    if (const_id != c->memory_id)
        form_fill_const(c->constant);
    const_id = c->memory_id;
    host.s = guest.s = c->s;
    form_run_host(&host, c->memory, c->code32, class.repeats);
    for (unsigned translated = 0; translated < 2 && !d.n; translated++) {
        guest.s = c->s;
        flat_translate(translated);
        form_run_guest(&guest, c->memory, c->code32, class.repeats, features);
        compare(&d, &host, &guest, &class);
        if (d.n && translated)
            strncat(d.text, "    (translated; the interpreter agrees)\n",
                    sizeof(d.text) - strlen(d.text) - 1);
    }
    flat_translate(false);
    progress->executed++;
    if (d.n)
        report(c, &class, index, d.text);
    else
        progress->passed++;
}

static int work(u64 from, u64 to)
{
    static struct form_case c;

    if (!form_create()) {
        printf("forms: memory at %#llx is not free, or the host has no FSGSBASE\n", FLAT_BASE);
        return 2;
    }
    for (u64 i = from; i < to; i++) {
        progress->at = i;
        run_case(&c, i);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *level = getenv("LEVEL");
    u64 random = level && !strcmp(level, "all") ? 2000000 : 300000;
    u64 count = args_number(argc, argv, "--count", FORM_SWEEP + random),
        only = args_number(argc, argv, "--only", ~0ull);
    int status;
    pid_t child;

    seed = args_number(argc, argv, "--seed", 1);
    /* Without what the host lacks, but for instructions that it is never asked about (form_classify()). */
    features = cpu_model_find("max")->features &
               (flat_host_features() | cpu_feature_bit(FEAT_PKU) | cpu_feature_bit(FEAT_RDPID) |
                cpu_feature_bit(FEAT_RDRAND) | cpu_feature_bit(FEAT_RDSEED) |
                cpu_feature_bit(FEAT_RDTSCP) | cpu_feature_bit(FEAT_XSAVE));
    progress =
        mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        return 2;
    fflush(stdout);
    child = fork();
    if (!child) {
        alarm(900);
        status = only != ~0ull ? work(only, only + 1) : work(0, count);
        fflush(stdout);
        _exit(status);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 2;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        return 2;
    if (!WIFEXITED(status)) {
        printf("FAIL the test was killed by signal %d in case --seed %lu --only %lu\n",
               WTERMSIG(status), seed, progress->at);
        progress->failed++;
    }
    printf("forms: %lu compared with the host, %lu undefined\n", progress->executed,
           progress->undefined);
    printf("forms: %lu passed, %lu failed\n", progress->passed, progress->failed);
    return progress->failed || !progress->passed;
}
