/* SPDX-License-Identifier: MIT */
/*
 * Forms: every encoding, single-stepped on the host CPU and by the interpreter, must do the same to
 * all registers, flags, x87 and SSE state and memory, or raise the same exception with the same
 * error code and address. What the CPU model does not announce must raise #UD, unless older CPUs
 * execute it as something else.
 *
 *     forms [--seed N] [--count N] [--only I]
 *     forms --streams N [--seconds N] [--seed N] [--only I]
 *
 * Cases 0 to FORM_SWEEP - 1 go through all opcodes with each ModRM.reg, memory and register, and
 * mandatory prefix, in 64-bit and 32-bit code; those behind are random bytes with prefixes in any
 * order (see gen.h). The oracle is the host; where its features are not announced, Zydis' tables
 * say what the bytes would be. Not executed on the host: what would leave the process or shows the
 * host's own identity (classify()). Left out of the comparison: flags that the manual leaves
 * undefined, and results that classify() names. A case that fails is repeated by --only. The work
 * is done in a child process, so that a case that kills it is reported. The last line is "forms: P
 * passed, F failed".
 *
 * Behind the cases (or, with --streams, instead of them) come streams: many instructions in a row, see stream.h.
 */
#include "tests/forms/forms.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "tests/forms/gen.h"
#include "tests/forms/stream.h"
#include "tests/lib/args.h"

static struct form_progress *progress;
static u64 seed;
static cpu_features_t features;
static unsigned reported[ZYDIS_MNEMONIC_MAX_VALUE + 1];

/* --- Cases ------------------------------------------------------------------------------------ */

static void report(const struct form_case *c, const struct form_class *class, u64 index,
                   const char *text)
{
    char name[96] = "(invalid)";

    progress->failed++;
    if (reported[class->mnemonic]++ >= 2 || progress->failed > 1000000)
        return;
    if (class->mnemonic)
        insn_disassemble(name, sizeof(name), c->code32 ? CODE_32 : CODE_64, c->bytes, class->len,
                         FORM_CODE);
    printf("FAIL %s%u-bit %s;", class->mnemonic ? "" : "invalid ", c->code32 ? 32 : 64, name);
    for (unsigned i = 0; i < class->len; i++)
        printf(" %02x", c->bytes[i]);
    printf("; again: forms --seed %lu --only %lu\n%s", seed, index, text);
    form_print_state(&c->s);
    fflush(stdout);
}

static void run_case(struct form_case *c, u64 index)
{
    static struct form_outcome host, guest;
    static u64 const_id;
    struct form_class class;
    struct form_difference d = {.n = 0};
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
    form_write_code(c->bytes, FORM_BYTES);
    if (const_id != c->memory_id)
        form_fill_const(c->constant);
    const_id = c->memory_id;
    host.s = guest.s = c->s;
    form_run_host(&host, c->memory, c->code32, class.repeats);
    for (unsigned translated = 0; translated < 2 && !d.n; translated++) {
        guest.s = c->s;
        flat_translate(translated);
        form_run_guest(&guest, c->memory, c->code32, class.repeats, features);
        form_compare(&d, &host, &guest, &class);
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

    for (u64 i = from; i < to; i++) {
        progress->at = i;
        run_case(&c, i);
    }
    return 0;
}

/* What the command line asks for. */
struct options {
    u64 count, only, streams, seconds;
    bool only_streams;
};

static int run_all(const struct options *o)
{
    if (!form_create()) {
        printf("forms: memory at %#llx is not free, or the host has no FSGSBASE\n", FLAT_BASE);
        return 2;
    }
    alarm((unsigned)o->seconds + 900);
    if (!o->only_streams)
        return o->only != ~0ull
                   ? work(o->only, o->only + 1)
                   : work(0, o->count) + stream_run(progress, features, seed, 0, o->streams, 0);
    if (o->only != ~0ull)
        return stream_run(progress, features, seed, o->only, 1, 0);
    return stream_run(progress, features, seed, 0, o->streams, o->seconds);
}

/* The child's exit status; -1: it was killed, which is a failure. */
static int run_in_child(const struct options *o)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (!child) {
        status = run_all(o);
        fflush(stdout);
        _exit(status);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 2;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    printf("FAIL the test was killed by signal %d in case --seed %lu %s--only %lu\n",
           WTERMSIG(status), seed, progress->in_streams ? "--streams 1 " : "", progress->at);
    progress->failed++;
    return -1;
}

int main(int argc, char **argv)
{
    const char *level = getenv("LEVEL");
    bool all = level && !strcmp(level, "all");
    struct options o = {
        .count = args_number(argc, argv, "--count", FORM_SWEEP + (all ? 2000000 : 300000)),
        .only = args_number(argc, argv, "--only", ~0ull),
        .streams = args_number(argc, argv, "--streams", 0),
        .seconds = args_number(argc, argv, "--seconds", 0),
    };

    o.only_streams = o.streams;
    if (!o.streams)
        o.streams = all ? 200000 : 10000;
    seed = args_number(argc, argv, "--seed", 1);
    /* Without what the host lacks, but for instructions that it is never asked about (form_classify()). */
    features = cpu_model_find("max")->features &
               (flat_host_features() | cpu_feature_bit(FEAT_PKU) | cpu_feature_bit(FEAT_RDPID) |
                cpu_feature_bit(FEAT_RDRAND) | cpu_feature_bit(FEAT_RDSEED) |
                cpu_feature_bit(FEAT_RDTSCP) | cpu_feature_bit(FEAT_XSAVE));
    progress =
        mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED || run_in_child(&o) == 2)
        return 2;
    if (!o.only_streams)
        printf("forms: %lu compared with the host, %lu undefined\n", progress->executed,
               progress->undefined);
    printf(
        "forms: %lu instructions compared in %lu streams, of %lu rows of %lu; %lu streams ended by "
        "an exception\n",
        progress->instructions, progress->streams, progress->rows_reached, progress->rows,
        progress->faults);
    printf("forms: %lu passed, %lu failed\n", progress->passed, progress->failed);
    return progress->failed || !progress->passed;
}
