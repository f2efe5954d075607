/* SPDX-License-Identifier: MIT */
/*
 * The command line, and the part of it that a log carries.
 *
 * options_parse() reads the command line; load_images_open() (src/load_images.h) adds what the
 * images are; options_to_log() turns all that a replay needs into "key=value" strings for the log's
 * header. For a replay options_parse() yields only how to replay, and options_from_log() adds the
 * machine. Names follow QEMU's where QEMU has one. docs/x86sim.1 is the list for people; the table
 * in src/options_table.c is the list for the program.
 */
#ifndef X86SIM_OPTIONS_H
#define X86SIM_OPTIONS_H

#include <stdio.h>

#include "bt/bt.h"
#include "cpu/features.h"
#include "src/base/types.h"
#include "trace/directory.h"

#define OPTIONS_RAM_MIN (1ull << 20)
#define OPTIONS_RAM_MAX (64ull << 30)
#define OPTIONS_RAM_DEFAULT (512ull << 20)
#define OPTIONS_SMP_MAX 64
#define OPTIONS_MODULES_MAX 64
#define OPTIONS_DIGEST_DEFAULT (1u << 24)
#define OPTIONS_QUANTUM_DEFAULT 20000
#define OPTIONS_QUANTUM_MAX 1000000000
#define OPTIONS_THRESHOLD_MAX 200 /* a block's count of interpretations is a byte */
#define OPTIONS_TB_SIZE_MAX (1ull << 30)

enum opt_sched { OPT_SCHED_PARALLEL, OPT_SCHED_SERIAL };
enum opt_clock { OPT_CLOCK_HOST, OPT_CLOCK_ICOUNT };
enum opt_engine { OPT_ENGINE_BT, OPT_ENGINE_INTERP, OPT_ENGINE_STEP };
enum opt_output { OPT_OUTPUT_NULL, OPT_OUTPUT_STDIO, OPT_OUTPUT_FILE };

/* Where a port's output goes; stdio also brings input. */
struct opt_chardev {
    enum opt_output kind;
    char *path; /* of OPT_OUTPUT_FILE */
};

/* What a log says of an image. */
struct opt_image {
    char *path; /* absolute; null: the guest that is built in */
    char *text; /* a Multiboot module's command line; null otherwise */
    u64 size;
    u64 digest;
};

struct options {
    /* The machine. All of it is in the log. Strings are owned by the structure, null: not given. */
    char *kernel, *initrd, *append;
    char *cpu;              /* as it was given: MODEL,+feature,-feature */
    struct cpu_model model; /* what that means; of a replay: what it meant when it was recorded */
    bool demo;
    bool no_reboot; /* a guest that resets ends the run */
    u64 ram;        /* bytes, a multiple of 4 KiB */
    unsigned smp;
    u64 seed;        /* of the guest's entropy; 0: the host's */
    u64 rtc_seconds; /* the real-time clock at the start, seconds since 1970 UTC */
    enum opt_clock clock;
    struct opt_image image[1 + OPTIONS_MODULES_MAX]; /* the kernel, then RAM disk or modules */
    unsigned images;

    /* How it runs. `sched` of a replay is what the command line says, else how it was recorded. */
    enum opt_sched sched, recorded_sched;
    u64 quantum, recorded_quantum; /* instructions a turn, of OPT_SCHED_SERIAL */
    unsigned run_tokens; /* vCPUs that execute at a time; 0: by host CPUs and contention */
    enum opt_engine engine;
    struct bt_options bt;
    unsigned bt_insns;   /* instructions of a block, at most; 0: no limit of its own */
    char *d_file;        /* where bt.log goes; null: standard error */
    char *bt_dump;       /* where the profile by block goes; null: there is none */
    FILE *profile_to;    /* the same, open (src/translator.h) */
    bool check;          /* debugging: abandoned instructions must leave no trace */
    u32 check_one_in;    /* one check of a right in so many fails; 0: none */
    u64 icount_limit;    /* stop after so many instructions of all vCPUs together; 0: no limit */
    u64 digest_interval; /* of a recording: instructions of a vCPU between digests of its registers */
    u8 semantics[TRACE_KINDS]; /* enum trace_semantics */

    /* What comes in and goes out. */
    char *record, *replay;
    struct opt_chardev serial, debugcon;
    bool nographic, stats, quiet;
    bool help, version; /* print it and end, whatever else is said */

    u64 given; /* bit n: option n of the table stood on the command line */
};

/*
 * Read the command line into *o, which need not be initialised; options_destroy() is due afterwards
 * in any case. 0, or -EINVAL and one line in err that names the option, what is wrong and what
 * would be right. With o->help or o->version nothing else has been checked.
 */
int options_parse(struct options *o, int argc, char **argv, char *err, size_t err_size);

/* Free what *o owns. */
void options_destroy(struct options *o);

/* Print what --help and --version print. */
void options_print_help(FILE *to);
void options_print_version(FILE *to);

/*
 * Everything of *o that a replay needs, as an allocated list of allocated "key=value" strings that
 * a null ends; *count may be null. 0 or -ENOMEM. options_free_list() frees it.
 */
int options_to_log(const struct options *o, char ***list, unsigned *count);
void options_free_list(char **list);

/* The value that the log has for key, or null. */
typedef const char *options_getter(const void *ctx, const char *key);

/*
 * Complete *o, the command line of a replay, with the machine that the log describes. 0, or -EINVAL
 * and one line in err: a log is input from strangers, so every value is checked like an option.
 */
int options_from_log(struct options *o, options_getter *get, const void *ctx, char *err,
                     size_t err_size);

/* Names of trace kinds ("code") and semantics ("post-sync"), for messages. */
const char *options_kind_name(enum trace_kind kind);
const char *options_semantics_name(enum trace_semantics semantics);

#endif
