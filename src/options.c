/* SPDX-License-Identifier: MIT */
/*
 * The command line: finds each option in the table (src/options_table.c), then checks what the
 * options mean together. One or two dashes; the value is the next word or follows an equals sign.
 * The first thing that is wrong is the one that is reported, and nothing has been opened by then.
 *
 * What a recorded or a serial run promises rests on notifications in brackets (docs/traces.md), so
 * another semantics is refused there by name; guest time from instruction counts needs turns.
 */
#include "src/options.h"

#include <errno.h>
#include <stdlib.h>

#include "cpu/features.h"
#include "src/base/msg.h"
#include "src/host/host.h"
#include "src/options_table.h"

/* What the clock shows at the start of a run that is to be the same every time: 2024-01-01 UTC. */
#define RTC_DETERMINISTIC 1704067200ull
#define SEED_DETERMINISTIC 1

static bool was_given(const struct options *o, unsigned id)
{
    return o->given & BIT(id);
}

/* ---- one word after another ---- */

/* The row whose name is the n characters at name; -1: none. */
static int find_row(const char *name, size_t n)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct opt_row *row = &opt_table[i];

        if (strlen(row->name) == n && !memcmp(row->name, name, n))
            return i;
        if (row->alias && strlen(row->alias) == n && !memcmp(row->alias, name, n))
            return i;
    }
    return -1;
}

/* How many single-character changes turn the n characters at a into b; names are short. */
static unsigned distance(const char *a, size_t n, const char *b)
{
    unsigned row[32];
    size_t m = strlen(b);

    if (n >= ARRAY_SIZE(row) || m >= ARRAY_SIZE(row))
        return ~0u;
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned change = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[m];
}

static int unknown_option(const char *word, const char *name, size_t n, char *err, size_t err_size)
{
    unsigned best = 3; /* more changes than this are another word */
    const char *close_to = NULL;

    for (unsigned i = 0; i < OPT_COUNT; i++) {
        unsigned d = distance(name, n, opt_table[i].name);

        if (d < best && d < n) {
            best = d;
            close_to = opt_table[i].name;
        }
    }
    if (close_to)
        return msg_wrong(err, err_size, "unknown option '%.*s'; did you mean -%s?",
                         (int)(name - word + (i64)n), word, close_to);
    return msg_wrong(err, err_size, "unknown option '%.*s'; -help lists them",
                     (int)(name - word + (i64)n), word);
}

/* Reads the option at argv[*i] and moves *i to its last word. */
static int parse_word(struct options *o, int argc, char **argv, int *i, char *err, size_t err_size)
{
    const char *word = argv[*i], *value = NULL, *name;
    const struct opt_row *row;
    char why[512];
    size_t n;
    int id;

    if (word[0] != '-' || !word[1])
        return msg_wrong(err, err_size, "'%s' is no option; a kernel is named with -kernel FILE",
                         word);
    name = word + (word[1] == '-' ? 2 : 1);
    n = strcspn(name, "=");
    id = find_row(name, n);
    if (id < 0)
        return unknown_option(word, name, n, err, err_size);
    row = &opt_table[id];
    if (name[n])
        value = name + n + 1;
    if (!row->value && value)
        return msg_wrong(err, err_size, "-%s takes no value; leave '=%s' out", row->name, value);
    if (row->value && !value) {
        if (*i + 1 >= argc)
            return msg_wrong(err, err_size, "-%s needs a value: -%s %s", row->name, row->name,
                             row->value);
        value = argv[++*i];
    }
    if (row->read(o, value, why, sizeof(why)))
        return msg_wrong(err, err_size, "-%s: %s", row->name, why);
    o->given |= BIT(id);
    return 0;
}

/* ---- what options mean together ---- */

static int check_replay(const struct options *o, char *err, size_t err_size)
{
    if (o->record)
        return msg_wrong(err, err_size,
                         "-record cannot be given with -replay; a replay leaves the log "
                         "as it is");
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        if (opt_table[i].in_log && was_given(o, i))
            return msg_wrong(err, err_size,
                             "-%s cannot be given with -replay: the log carries it; leave it out",
                             opt_table[i].name);
    }
    return 0;
}

static int check_guest(const struct options *o, char *err, size_t err_size)
{
    if (o->demo && o->kernel)
        return msg_wrong(err, err_size, "-demo and -kernel exclude each other; give one of them");
    if (o->demo && o->initrd)
        return msg_wrong(err, err_size, "-initrd cannot be given with -demo; it goes with -kernel");
    if (o->demo || o->kernel)
        return 0;
    if (o->initrd || o->append)
        return msg_wrong(err, err_size, "-%s needs a kernel; name it with -kernel FILE",
                         o->initrd ? "initrd" : "append");
    return msg_wrong(err, err_size, "nothing to run; give -kernel FILE, -demo or -replay LOG");
}

static int check_digests(const struct options *o, char *err, size_t err_size)
{
    if (was_given(o, OPT_DIGEST_INTERVAL) && !o->record)
        return msg_wrong(err, err_size,
                         "-digest-interval is for what a log holds; it goes with -record");
    return 0;
}

static int check_clock(const struct options *o, char *err, size_t err_size)
{
    if (o->sched == OPT_SCHED_PARALLEL && o->clock == OPT_CLOCK_ICOUNT)
        return msg_wrong(err, err_size,
                         "-clock icount cannot be given with -sched parallel; it needs "
                         "-sched serial");
    return 0;
}

static int check_run_tokens(const struct options *o, char *err, size_t err_size)
{
    if (was_given(o, OPT_RUN_TOKENS) && o->sched == OPT_SCHED_SERIAL)
        return msg_wrong(err, err_size,
                         "-run-tokens says how many processors execute at a time; it needs "
                         "-sched parallel");
    return 0;
}

/* In what kind of run only brackets will do; null: in any other semantics it goes too. */
static const char *needs_bracket(const struct options *o)
{
    if (o->record)
        return "a recorded run";
    if (o->replay)
        return "a replay";
    return o->sched == OPT_SCHED_SERIAL ? "a serial run" : NULL;
}

static int check_semantics(struct options *o, char *err, size_t err_size)
{
    static const enum trace_kind forced[] = {TRACE_CODE, TRACE_MMU, TRACE_DESC, TRACE_ORDER};
    const char *run = needs_bracket(o);

    if (!was_given(o, OPT_COUNT + TRACE_MMU))
        o->semantics[TRACE_MMU] = run ? TRACE_BRACKET : TRACE_DEFERRED;
    for (unsigned i = 0; run && i < ARRAY_SIZE(forced); i++) {
        enum trace_kind kind = forced[i];

        if (o->semantics[kind] != TRACE_BRACKET)
            return msg_wrong(err, err_size,
                             "-trace-semantics %s=%s cannot be had in %s; it must be "
                             "%s=bracket there",
                             options_kind_name(kind),
                             options_semantics_name((enum trace_semantics)o->semantics[kind]), run,
                             options_kind_name(kind));
    }
    return 0;
}

static int check_outputs(const struct options *o, char *err, size_t err_size)
{
    const char *path[] = {o->serial.path, o->debugcon.path, o->record,
                          o->replay,      o->d_file,        o->bt_dump};

    for (unsigned i = 0; i < ARRAY_SIZE(path); i++) {
        for (unsigned j = i + 1; j < ARRAY_SIZE(path); j++) {
            if (path[i] && path[j] && !strcmp(path[i], path[j]))
                return msg_wrong(err, err_size,
                                 "'%s' is named twice; every output needs a file of its "
                                 "own",
                                 path[i]);
        }
    }
    return 0;
}

/* What shows the translator's work needs the translator. */
static int check_translator(const struct options *o, char *err, size_t err_size)
{
    static const u8 shows[] = {OPT_D, OPT_BT_DUMP, OPT_PERF_MAP, OPT_GDB_JIT};

    for (unsigned i = 0; i < ARRAY_SIZE(shows) && o->engine != OPT_ENGINE_BT; i++) {
        if (was_given(o, shows[i]))
            return msg_wrong(err, err_size, "-%s shows translated code; it needs -engine bt",
                             opt_table[shows[i]].name);
    }
    if (o->d_file && !o->bt.log)
        return msg_wrong(err, err_size,
                         "-D says where -d prints; say what with -d in_asm,uops,out_asm");
    return 0;
}

/* Defaults that depend on other options. */
static int fill_defaults(struct options *o, char *err, size_t err_size)
{
    if (o->sched == OPT_SCHED_SERIAL && !was_given(o, OPT_CLOCK))
        o->clock = OPT_CLOCK_ICOUNT;
    if (!o->cpu && opt_read_cpu(o, CPU_MODEL_DEFAULT, err, err_size))
        return -EINVAL;
    if (!was_given(o, OPT_SEED))
        o->seed = o->clock == OPT_CLOCK_ICOUNT ? SEED_DETERMINISTIC : 0;
    if (!was_given(o, OPT_RTC))
        o->rtc_seconds = o->clock == OPT_CLOCK_ICOUNT ? RTC_DETERMINISTIC : host_wall_seconds();
    o->recorded_sched = o->sched;
    o->recorded_quantum = o->quantum;
    return 0;
}

static int check_all(struct options *o, char *err, size_t err_size)
{
    int error = o->replay ? check_replay(o, err, err_size) : check_guest(o, err, err_size);

    if (!error && !o->replay)
        error = fill_defaults(o, err, err_size);
    if (!error && !o->replay)
        error = check_clock(o, err, err_size);
    if (!error)
        error = check_run_tokens(o, err, err_size);
    if (!error)
        error = check_digests(o, err, err_size);
    if (!error)
        error = check_semantics(o, err, err_size);
    if (!error)
        error = check_translator(o, err, err_size);
    if (!error)
        error = check_outputs(o, err, err_size);
    return error;
}

int options_parse(struct options *o, int argc, char **argv, char *err, size_t err_size)
{
    *o = (struct options){
        .ram = OPTIONS_RAM_DEFAULT,
        .smp = 1,
        .quantum = OPTIONS_QUANTUM_DEFAULT,
        .digest_interval = OPTIONS_DIGEST_DEFAULT,
        .bt.threshold = BT_THRESHOLD,
        .serial = {.kind = OPT_OUTPUT_STDIO},
        .debugcon = {.kind = OPT_OUTPUT_NULL},
    };
    for (int i = 1; i < argc; i++) {
        int error = parse_word(o, argc, argv, &i, err, err_size);

        if (error)
            return error;
        if (o->help || o->version)
            return 0;
    }
    return check_all(o, err, err_size);
}

void options_destroy(struct options *o)
{
    free(o->kernel);
    free(o->initrd);
    free(o->append);
    free(o->cpu);
    free(o->record);
    free(o->replay);
    free(o->serial.path);
    free(o->debugcon.path);
    free(o->d_file);
    free(o->bt_dump);
    for (unsigned i = 0; i < ARRAY_SIZE(o->image); i++) {
        free(o->image[i].path);
        free(o->image[i].text);
    }
    *o = (struct options){0};
}

/* ---- what it prints ---- */

static void print_rows(FILE *to, const char *title, unsigned first, unsigned last)
{
    fprintf(to, "\n%s\n", title);
    for (unsigned i = first; i <= last; i++) {
        const struct opt_row *row = &opt_table[i];
        char name[64];

        snprintf(name, sizeof(name), "-%s%s%s", row->name, row->value ? " " : "",
                 row->value ? row->value : "");
        fprintf(to, "  %-26s %s\n", name, row->text);
    }
}

/* Those that can be switched, in lines of at most 78 columns. */
static void print_features(FILE *to)
{
    int column = 78;

    fprintf(to, "\nProcessor features:");
    for (unsigned f = 0; f < FEAT_COUNT; f++) {
        if (!cpu_feature_is_switchable(f))
            continue;
        if (column + 1 + (int)strlen(cpu_feature_name(f)) > 78)
            column = fprintf(to, "\n ") - 1;
        column += fprintf(to, " %s", cpu_feature_name(f));
    }
    fprintf(to, "\n");
}

void options_print_help(FILE *to)
{
    fprintf(to, "Usage: x86sim -kernel FILE [-initrd FILE] [-append TEXT] [OPTION]...\n"
                "       x86sim -demo [OPTION]...\n"
                "       x86sim -replay LOG [OPTION]...\n"
                "Runs an x86 guest on N processors, records the run, replays it exactly.\n");
    print_rows(to, "The machine (a replay takes it from the log):", OPT_KERNEL, OPT_DEMO);
    print_rows(to, "Input and output:", OPT_NOGRAPHIC, OPT_DEBUGCON);
    print_rows(to, "Recording, replaying, how it runs:", OPT_RECORD, OPT_ICOUNT_LIMIT);
    print_rows(to, "Other:", OPT_STATS, OPT_VERSION);
    fprintf(to, "\nProcessor models:\n");
    for (unsigned i = 0; cpu_model_at(i); i++)
        fprintf(to, "  %-26s %s\n", cpu_model_at(i)->name, cpu_model_at(i)->summary);
    print_features(to);
    fprintf(to, "\nOne or two dashes; a value is the next word or follows '='. In the terminal\n"
                "ctrl-a h lists keys, ctrl-a x leaves. More: man x86sim.\n");
}

void options_print_version(FILE *to)
{
    fprintf(to, "x86sim " X86SIM_VERSION "\n");
}
