/* SPDX-License-Identifier: MIT */
/*
 * The table of options and the readers of their values, shared by the command line (src/options.c)
 * and the log's header (src/options_log.c): both take text that may be anything.
 */
#ifndef X86SIM_OPTIONS_TABLE_H
#define X86SIM_OPTIONS_TABLE_H

#include "src/options.h"

/* In the order of --help. */
enum opt_id {
    OPT_KERNEL,
    OPT_INITRD,
    OPT_APPEND,
    OPT_M,
    OPT_SMP,
    OPT_CPU,
    OPT_RTC,
    OPT_SEED,
    OPT_NO_REBOOT,
    OPT_CLOCK,
    OPT_DEMO,
    OPT_NOGRAPHIC,
    OPT_SERIAL,
    OPT_DEBUGCON,
    OPT_RECORD,
    OPT_REPLAY,
    OPT_SCHED,
    OPT_RUN_TOKENS,
    OPT_ENGINE,
    OPT_TB_SIZE,
    OPT_BT_INSNS,
    OPT_BT_THRESHOLD,
    OPT_BT_NOCHAIN,
    OPT_BT_NOTRACES,
    OPT_TRACE_SEMANTICS,
    OPT_DIGEST_INTERVAL,
    OPT_ICOUNT_LIMIT,
    OPT_STATS,
    OPT_D,
    OPT_D_FILE,
    OPT_BT_DUMP,
    OPT_PERF_MAP,
    OPT_GDB_JIT,
    OPT_CHECK,
    OPT_QUIET,
    OPT_HELP,
    OPT_VERSION,
    OPT_COUNT
};

struct opt_row {
    const char *name, *alias;
    const char *value; /* the value's name in --help; null: takes none */
    bool in_log;       /* describes the machine: the log carries it, so a replay refuses it */
    const char *text;  /* a line of --help */
    /* Reads the value. 0, or -EINVAL and in err what is wrong with it and what would be right. */
    int (*read)(struct options *o, const char *value, char *err, size_t err_size);
};

extern const struct opt_row opt_table[OPT_COUNT];

/* Readers that the log's header uses too; like opt_row.read. */
int opt_read_smp(struct options *o, const char *value, char *err, size_t err_size);
int opt_read_cpu(struct options *o, const char *value, char *err, size_t err_size);
int opt_read_sched(struct options *o, const char *value, char *err, size_t err_size);
int opt_read_clock(struct options *o, const char *value, char *err, size_t err_size);

/* A whole decimal or 0x number of at most `max`: false when text is none. */
bool opt_parse_number(const char *text, u64 max, u64 *to);

/* Put a copy of value in *to and free what was there. 0, or -EINVAL and a line in err. */
int opt_set_string(char **to, const char *value, char *err, size_t err_size);

#endif
