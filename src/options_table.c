/* SPDX-License-Identifier: MIT */
/*
 * Every option of x86sim, one row each, and how its value is read. Sizes and names are QEMU's where
 * QEMU has the option. A reader says what is wrong with the value and what would be right; the
 * caller puts the option's name in front. What options mean together is in src/options.c.
 */
#include "src/options_table.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cpu/block.h"
#include "cpu/features.h"
#include "src/base/msg.h"
#include "src/host/host.h"

static const char *const kind_names[TRACE_KINDS] = {
    [TRACE_CODE] = "code",   [TRACE_MMU] = "mmu",     [TRACE_DESC] = "desc",
    [TRACE_MMIO] = "mmio",   [TRACE_ORDER] = "order", [TRACE_DIRTY] = "dirty",
    [TRACE_SHARE] = "share", [TRACE_WATCH] = "watch",
};

static const char *const semantics_names[] = {
    [TRACE_BRACKET] = "bracket",       [TRACE_POST_SYNC] = "post-sync",
    [TRACE_POST_ASYNC] = "post-async", [TRACE_PRE_DATA] = "pre-data",
    [TRACE_DEFERRED] = "deferred",
};

const char *options_kind_name(enum trace_kind kind)
{
    return kind_names[kind];
}

const char *options_semantics_name(enum trace_semantics semantics)
{
    return semantics_names[semantics];
}

bool opt_parse_number(const char *text, u64 max, u64 *to)
{
    char *end;
    unsigned long long n;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    n = strtoull(text, &end, text[0] == '0' && (text[1] | 32) == 'x' ? 16 : 10);
    if (*end || errno || n > max)
        return false;
    *to = n;
    return true;
}

int opt_set_string(char **to, const char *value, char *err, size_t err_size)
{
    char *copy = strdup(value);

    if (!copy)
        return msg_wrong(err, err_size, "no memory left");
    free(*to);
    *to = copy;
    return 0;
}

/* Points *value behind `prefix` where it begins with that. */
static bool skip(const char **value, const char *prefix)
{
    size_t n = strlen(prefix);

    if (strncmp(*value, prefix, n))
        return false;
    *value += n;
    return true;
}

/* ---- the machine ---- */

static int read_file_name(char **to, const char *value, char *err, size_t err_size)
{
    if (!value[0])
        return msg_wrong(err, err_size, "needs the name of a file");
    return opt_set_string(to, value, err, err_size);
}

static int read_kernel(struct options *o, const char *value, char *err, size_t err_size)
{
    return read_file_name(&o->kernel, value, err, err_size);
}

static int read_initrd(struct options *o, const char *value, char *err, size_t err_size)
{
    return read_file_name(&o->initrd, value, err, err_size);
}

static int read_append(struct options *o, const char *value, char *err, size_t err_size)
{
    return opt_set_string(&o->append, value, err, err_size);
}

/* How many bits a size's suffix shifts; no suffix: MiB. -1: no such suffix. */
static int suffix_shift(char c)
{
    switch (c) {
    case 'k':
    case 'K': return 10;
    case '\0':
    case 'm':
    case 'M': return 20;
    case 'g':
    case 'G': return 30;
    default: return -1;
    }
}

/* Reads a size from `min` to `max`, which `range` names. */
static int read_size(u64 *to, const char *value, const char *text, u64 min, u64 max,
                     const char *range, char *err, size_t err_size)
{
    char *end;
    unsigned long long n;
    int shift;

    errno = 0;
    n = strtoull(text, &end, 10);
    shift = suffix_shift(*end);
    if (!isdigit((unsigned char)text[0]) || errno || shift < 0 || (*end && end[1]))
        return msg_wrong(err, err_size, "'%s' is no size; it is MiB or has a suffix: 512, 512M, 2G",
                         value);
    if (n > max >> shift || n << shift < min)
        return msg_wrong(err, err_size, "'%s' is out of range; it may be %s", value, range);
    *to = align_up(n << shift, 4096);
    return 0;
}

static int read_ram(struct options *o, const char *value, char *err, size_t err_size)
{
    const char *text = value;

    skip(&text, "size=");
    return read_size(&o->ram, value, text, OPTIONS_RAM_MIN, OPTIONS_RAM_MAX, "1M to 64G", err,
                     err_size);
}

/* A number from 1 to max: `text`, which is in `value`, counts what `of` says. */
static int read_count(u64 *to, const char *text, u64 max, const char *value, const char *of,
                      char *err, size_t err_size)
{
    if (opt_parse_number(text, max, to) && *to)
        return 0;
    return msg_wrong(err, err_size, "'%s' is no number of %s; it may be 1 to %" PRIu64, value, of,
                     max);
}

int opt_read_smp(struct options *o, const char *value, char *err, size_t err_size)
{
    const char *text = value;
    u64 n;
    int error;

    skip(&text, "cpus=");
    error = read_count(&n, text, OPTIONS_SMP_MAX, value, "processors", err, err_size);
    if (!error)
        o->smp = (unsigned)n;
    return error;
}

int opt_read_cpu(struct options *o, const char *value, char *err, size_t err_size)
{
    int error = cpu_model_parse(&o->model, value, err, err_size);

    return error ? error : opt_set_string(&o->cpu, value, err, err_size);
}

static int read_cpu(struct options *o, const char *value, char *err, size_t err_size)
{
    if (strcmp(value, "help"))
        return opt_read_cpu(o, value, err, err_size);
    o->help = true; /* the models and features are part of it */
    return 0;
}

/* Two digits at text, at most max. -1: none. */
static int two_digits(const char *text, int max)
{
    int n;

    if (!isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1]))
        return -1;
    n = (text[0] - '0') * 10 + text[1] - '0';
    return n <= max ? n : -1;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar, year 1970 or later. */
static u64 days_since_1970(unsigned year, unsigned month, unsigned day)
{
    static const u16 before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    unsigned last = month > 2 ? year : year - 1; /* leap days up to this year's count */
    u64 leap = last / 4 - last / 100 + last / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);

    return (u64)(year - 1970) * 365 + leap + before[month - 1] + day - 1;
}

/* Reads YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS (UTC), 1970 to 2099. */
static bool parse_date(const char *text, u64 *seconds)
{
    static const u8 length[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int century, year, month, day, hour = 0, minute = 0, second = 0;
    size_t n = strlen(text);

    if ((n != 10 && n != 19) || text[4] != '-' || text[7] != '-')
        return false;
    if (n == 19 && (text[10] != 'T' || text[13] != ':' || text[16] != ':'))
        return false;
    century = two_digits(text, 20);
    year = two_digits(text + 2, 99);
    month = two_digits(text + 5, 12);
    day = two_digits(text + 8, 31);
    if (n == 19) {
        hour = two_digits(text + 11, 23);
        minute = two_digits(text + 14, 59);
        second = two_digits(text + 17, 59);
    }
    if (century < 19 || year < 0 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0)
        return false;
    year += century * 100;
    if (year < 1970 || day > length[month - 1])
        return false;
    if (month == 2 && day == 29 && (year % 4 || (!(year % 100) && year % 400)))
        return false;
    *seconds = days_since_1970((unsigned)year, (unsigned)month, (unsigned)day) * 86400 +
               (u64)hour * 3600 + (u64)minute * 60 + (u64)second;
    return true;
}

static int read_rtc(struct options *o, const char *value, char *err, size_t err_size)
{
    const char *text = value;

    if (skip(&text, "base=")) {
        if (!strcmp(text, "utc")) {
            o->rtc_seconds = host_wall_seconds();
            return 0;
        }
        if (parse_date(text, &o->rtc_seconds))
            return 0;
    }
    return msg_wrong(err, err_size,
                     "'%s' is no setting of the clock; it may be base=utc, base=2026-11-21 or "
                     "base=2026-11-21T10:00:00, years 1970 to 2099",
                     value);
}

static int read_seed(struct options *o, const char *value, char *err, size_t err_size)
{
    if (!opt_parse_number(value, ~0ull, &o->seed) || !o->seed)
        return msg_wrong(err, err_size, "'%s' is no seed; it may be 1 to %" PRIu64, value,
                         (u64)UINT64_MAX);
    return 0;
}

static int read_no_reboot(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->no_reboot = true;
    return 0;
}

static int read_demo(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->demo = true;
    return 0;
}

/* ---- input and output ---- */

static int read_nographic(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->nographic = true;
    return 0;
}

static int read_chardev(struct opt_chardev *c, const char *value, char *err, size_t err_size)
{
    const char *text = value;

    free(c->path);
    c->path = NULL;
    if (skip(&text, "file:") && text[0]) {
        c->kind = OPT_OUTPUT_FILE;
        return opt_set_string(&c->path, text, err, err_size);
    }
    if (!strcmp(value, "stdio") || !strcmp(value, "mon:stdio"))
        c->kind = OPT_OUTPUT_STDIO;
    else if (!strcmp(value, "null") || !strcmp(value, "none"))
        c->kind = OPT_OUTPUT_NULL;
    else
        return msg_wrong(err, err_size,
                         "'%s' is no place for output; it may be stdio, null or "
                         "file:PATH",
                         value);
    return 0;
}

static int read_serial(struct options *o, const char *value, char *err, size_t err_size)
{
    return read_chardev(&o->serial, value, err, err_size);
}

static int read_debugcon(struct options *o, const char *value, char *err, size_t err_size)
{
    return read_chardev(&o->debugcon, value, err, err_size);
}

/* ---- recording, replaying, how it runs ---- */

static int read_record(struct options *o, const char *value, char *err, size_t err_size)
{
    return read_file_name(&o->record, value, err, err_size);
}

static int read_replay(struct options *o, const char *value, char *err, size_t err_size)
{
    return read_file_name(&o->replay, value, err, err_size);
}

int opt_read_sched(struct options *o, const char *value, char *err, size_t err_size)
{
    const char *text = value;

    if (!strcmp(value, "parallel")) {
        o->sched = OPT_SCHED_PARALLEL;
        return 0;
    }
    if (!skip(&text, "serial") || (*text && *text != ':'))
        return msg_wrong(err, err_size, "'%s' is unknown; it may be parallel, serial or serial:N",
                         value);
    o->sched = OPT_SCHED_SERIAL;
    o->quantum = OPTIONS_QUANTUM_DEFAULT;
    if (*text && (!opt_parse_number(text + 1, OPTIONS_QUANTUM_MAX, &o->quantum) || !o->quantum))
        return msg_wrong(err, err_size, "'%s': N is the instructions of a turn, 1 to %d", value,
                         OPTIONS_QUANTUM_MAX);
    return 0;
}

int opt_read_clock(struct options *o, const char *value, char *err, size_t err_size)
{
    if (!strcmp(value, "host"))
        o->clock = OPT_CLOCK_HOST;
    else if (!strcmp(value, "icount"))
        o->clock = OPT_CLOCK_ICOUNT;
    else
        return msg_wrong(err, err_size, "'%s' is unknown; it may be host or icount", value);
    return 0;
}

static int read_run_tokens(struct options *o, const char *value, char *err, size_t err_size)
{
    u64 n;
    int error = read_count(&n, value, PARTICIPANT_VCPUS_MAX, value, "processors", err, err_size);

    if (!error)
        o->run_tokens = (unsigned)n;
    return error;
}

static int read_engine(struct options *o, const char *value, char *err, size_t err_size)
{
    if (!strcmp(value, "bt"))
        o->engine = OPT_ENGINE_BT;
    else if (!strcmp(value, "interp"))
        o->engine = OPT_ENGINE_INTERP;
    else if (!strcmp(value, "step"))
        o->engine = OPT_ENGINE_STEP;
    else
        return msg_wrong(err, err_size, "'%s' is unknown; it may be bt, interp or step", value);
    return 0;
}

/* ---- the translator ---- */

static int read_tb_size(struct options *o, const char *value, char *err, size_t err_size)
{
    u64 size;
    int error = read_size(&size, value, value, BT_SIZE_MIN, OPTIONS_TB_SIZE_MAX, "256K to 1G", err,
                          err_size);

    if (!error)
        o->bt.size = size;
    return error;
}

static int read_bt_insns(struct options *o, const char *value, char *err, size_t err_size)
{
    u64 n;
    int error = read_count(&n, value, BLOCK_INSNS_MAX, value, "instructions", err, err_size);

    if (!error)
        o->bt_insns = (unsigned)n;
    return error;
}

static int read_bt_threshold(struct options *o, const char *value, char *err, size_t err_size)
{
    u64 n;

    if (!opt_parse_number(value, OPTIONS_THRESHOLD_MAX, &n))
        return msg_wrong(err, err_size,
                         "'%s' is no threshold; it may be 0 (translate at once) to %d", value,
                         OPTIONS_THRESHOLD_MAX);
    o->bt.threshold = (unsigned)n;
    return 0;
}

static int read_bt_nochain(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->bt.no_chain = true;
    return 0;
}

static int read_bt_notraces(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->bt.no_traces = true;
    return 0;
}

/* Names separated by commas, several times if you like. */
static int read_d(struct options *o, const char *value, char *err, size_t err_size)
{
    static const struct {
        const char *name;
        unsigned bit;
    } items[] = {{"in_asm", BT_LOG_IN_ASM}, {"uops", BT_LOG_UOPS}, {"out_asm", BT_LOG_OUT_ASM}};

    for (const char *text = value;; text++) {
        size_t n = strcspn(text, ","), i = 0;

        while (i < ARRAY_SIZE(items) &&
               (strlen(items[i].name) != n || memcmp(items[i].name, text, n)))
            i++;
        if (i == ARRAY_SIZE(items))
            return msg_wrong(err, err_size,
                             "'%.*s' is nothing to print; it may be in_asm, uops or out_asm",
                             (int)n, text);
        o->bt.log |= items[i].bit;
        text += n;
        if (!*text)
            return 0;
    }
}

static int read_d_file(struct options *o, const char *value, char *err, size_t err_size)
{
    return read_file_name(&o->d_file, value, err, err_size);
}

static int read_bt_dump(struct options *o, const char *value, char *err, size_t err_size)
{
    o->bt.profile = true;
    return read_file_name(&o->bt_dump, value, err, err_size);
}

static int read_perf_map(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->bt.perf = true;
    return 0;
}

static int read_gdb_jit(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->bt.gdb = true;
    return 0;
}

/* ---- memory traces, debugging ---- */

/* The index of the name that is the n characters at text; -1: none. */
static int find_name(const char *const *names, unsigned count, const char *text, size_t n)
{
    for (unsigned i = 0; i < count; i++) {
        if (strlen(names[i]) == n && !memcmp(names[i], text, n))
            return (int)i;
    }
    return -1;
}

static int read_semantics(struct options *o, const char *value, char *err, size_t err_size)
{
    const char *sem = strchr(value, '=');
    int kind, s;

    if (!sem)
        return msg_wrong(err, err_size, "'%s' is not KIND=SEMANTICS, as in code=post-sync", value);
    kind = find_name(kind_names, TRACE_KINDS, value, (size_t)(sem - value));
    if (kind < 0)
        return msg_wrong(err, err_size,
                         "'%.*s' is no kind; it may be code, mmu, desc, mmio, order, "
                         "dirty, share or watch",
                         (int)(sem - value), value);
    sem++;
    s = find_name(semantics_names, ARRAY_SIZE(semantics_names), sem, strlen(sem));
    if (s < 0 || (s == TRACE_DEFERRED && kind != TRACE_MMU))
        return msg_wrong(
            err, err_size, "'%s' is not for %s; it may be bracket, post-sync, post-async%s", sem,
            kind_names[kind], kind == TRACE_MMU ? ", pre-data or deferred" : " or pre-data");
    o->semantics[kind] = (u8)s;
    /* Which kinds were named matters to the checks of src/options.c. */
    o->given |= BIT(OPT_COUNT + (unsigned)kind);
    return 0;
}

static int read_icount_limit(struct options *o, const char *value, char *err, size_t err_size)
{
    return read_count(&o->icount_limit, value, INT64_MAX, value, "instructions", err, err_size);
}

static int read_digest_interval(struct options *o, const char *value, char *err, size_t err_size)
{
    return read_count(&o->digest_interval, value, INT64_MAX, value, "instructions", err, err_size);
}

static int read_stats(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->stats = o->bt.count = true;
    return 0;
}

static int read_check(struct options *o, const char *value, char *err, size_t err_size)
{
    u64 n;

    if (!opt_parse_number(value, 1000000, &n) || n == 1)
        return msg_wrong(err, err_size,
                         "'%s' is no rate; it may be 0 (nothing fails) or 2 to 1000000", value);
    o->check = true;
    o->check_one_in = (u32)n;
    return 0;
}

static int read_quiet(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->quiet = true;
    return 0;
}

static int read_help(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->help = true;
    return 0;
}

static int read_version(struct options *o, const char *value, char *err, size_t err_size)
{
    (void)value, (void)err, (void)err_size;
    o->version = true;
    return 0;
}

/* ---- the table ---- */

/* clang-format off */
const struct opt_row opt_table[OPT_COUNT] = {
    [OPT_KERNEL] = {"kernel", NULL, "FILE", true, "a bzImage or a Multiboot 1 kernel", read_kernel},
    [OPT_INITRD] = {"initrd", NULL, "FILE", true, "the RAM disk; Multiboot: modules, FILE [ARGUMENTS],...", read_initrd},
    [OPT_APPEND] = {"append", NULL, "TEXT", true, "the kernel's command line", read_append},
    [OPT_M] = {"m", NULL, "SIZE", true, "memory in MiB or as 2G; 1M to 64G (512M)", read_ram},
    [OPT_SMP] = {"smp", NULL, "N", true, "processors, 1 to 64 (1)", opt_read_smp},
    [OPT_CPU] = {"cpu", NULL, "MODEL,...", true, "the model,+feature,-feature; see below (" CPU_MODEL_DEFAULT ")", read_cpu},
    [OPT_RTC] = {"rtc", NULL, "base=WHEN", true, "the clock at the start: utc, or a date and time", read_rtc},
    [OPT_SEED] = {"seed", NULL, "N", true, "entropy is computed from N instead of the host's", read_seed},
    [OPT_NO_REBOOT] = {"no-reboot", NULL, NULL, true, "a reset by the guest ends the run", read_no_reboot},
    [OPT_DEMO] = {"demo", NULL, NULL, true, "run the guest that is built in", read_demo},
    [OPT_NOGRAPHIC] = {"nographic", NULL, NULL, false, "the serial port is the terminal (always so)", read_nographic},
    [OPT_SERIAL] = {"serial", NULL, "WHERE", false, "the serial port: stdio, null or file:PATH (stdio)", read_serial},
    [OPT_DEBUGCON] = {"debugcon", NULL, "WHERE", false, "port 0xe9: stdio, null or file:PATH (null)", read_debugcon},
    [OPT_RECORD] = {"record", NULL, "LOG", false, "record the run", read_record},
    [OPT_REPLAY] = {"replay", NULL, "LOG", false, "run again what LOG recorded", read_replay},
    [OPT_SCHED] = {"sched", NULL, "WHICH", false, "parallel, serial or serial:N (parallel)", opt_read_sched},
    [OPT_CLOCK] = {"clock", NULL, "WHICH", true, "guest time: host or icount (serial: icount)", opt_read_clock},
    [OPT_RUN_TOKENS] = {"run-tokens", NULL, "N", false, "N processors execute at a time (the host's, fewer if they wait)", read_run_tokens},
    [OPT_ENGINE] = {"engine", NULL, "WHICH", false, "bt, interp or step (bt)", read_engine},
    [OPT_TB_SIZE] = {"tb-size", NULL, "SIZE", false, "room for host code in MiB or as 512K (64)", read_tb_size},
    [OPT_BT_INSNS] = {"bt-insns", NULL, "N", false, "blocks of at most N instructions, 1 to 32 (32)", read_bt_insns},
    [OPT_BT_THRESHOLD] = {"bt-threshold", NULL, "N", false, "interpret a block N times before it is translated (3)", read_bt_threshold},
    [OPT_BT_NOCHAIN] = {"bt-nochain", NULL, NULL, false, "no translated block branches to another", read_bt_nochain},
    [OPT_BT_NOTRACES] = {"bt-notraces", NULL, NULL, false, "no superblocks of several translated blocks", read_bt_notraces},
    [OPT_TRACE_SEMANTICS] = {"trace-semantics", NULL, "KIND=SEM", false, "how holders of a memory trace are told", read_semantics},
    [OPT_DIGEST_INTERVAL] = {"digest-interval", NULL, "N", false, "instructions between digests in the log (16777216)", read_digest_interval},
    [OPT_ICOUNT_LIMIT] = {"icount-limit", NULL, "N", false, "end after N instructions, status 1", read_icount_limit},
    [OPT_STATS] = {"stats", NULL, NULL, false, "print counters at the end", read_stats},
    [OPT_D] = {"d", NULL, "WHAT,...", false, "print translations: in_asm, uops, out_asm", read_d},
    [OPT_D_FILE] = {"D", NULL, "FILE", false, "where -d prints (standard error)", read_d_file},
    [OPT_BT_DUMP] = {"bt-dump", NULL, "FILE", false, "a profile by translated block, at the end", read_bt_dump},
    [OPT_PERF_MAP] = {"perf-map", NULL, NULL, false, "name translated code for perf: /tmp/perf-PID.map", read_perf_map},
    [OPT_GDB_JIT] = {"gdb-jit", NULL, NULL, false, "name translated code for GDB", read_gdb_jit},
    [OPT_CHECK] = {"check", NULL, "N", false, "debugging: give instructions up, one check of a right in N", read_check},
    [OPT_QUIET] = {"quiet", "q", NULL, false, "no progress, no closing line", read_quiet},
    [OPT_HELP] = {"help", "h", NULL, false, "print this", read_help},
    [OPT_VERSION] = {"version", NULL, NULL, false, "print the version", read_version},
};
/* clang-format on */
