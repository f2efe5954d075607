/* SPDX-License-Identifier: MIT */
/*
 * The command line (src/options*.c): what is accepted and means what, what is refused with which
 * words, and that the machine survives the way through a log's header.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/options.h"
#include "tests/lib/suite.h"

#define WORDS_MAX 32

static struct options o;
static char err[512];

/* Parses a line whose words are separated by blanks. */
static int parse(const char *line)
{
    char copy[1024], *words[WORDS_MAX] = {"x86sim"};
    int n = 1;

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word && n < WORDS_MAX; word = strtok(NULL, " "))
        words[n++] = word;
    err[0] = '\0';
    options_destroy(&o);
    return options_parse(&o, n, words, err, sizeof(err));
}

static void accept(const char *line)
{
    int error = parse(line);

    if (error)
        printf("    '%s': %s\n", line, err);
    CU_ASSERT_EQUAL(error, 0);
}

/* The line is refused in one line that names each of the words (null ends them). */
static void refuse(const char *line, const char *word, const char *other)
{
    int error = parse(line);
    bool named = strstr(err, word) && (!other || strstr(err, other));

    if (error != -EINVAL || !named)
        printf("    '%s': %d '%s' lacks '%s' or '%s'\n", line, error, err, word, other);
    CU_ASSERT_EQUAL(error, -EINVAL);
    CU_ASSERT_TRUE(named);
    CU_ASSERT_PTR_NULL(strchr(err, '\n'));
}

static void defaults(void)
{
    accept("-kernel k");
    CU_ASSERT_STRING_EQUAL(o.kernel, "k");
    CU_ASSERT_EQUAL(o.ram, 512ull << 20);
    CU_ASSERT_EQUAL(o.smp, 1);
    CU_ASSERT_STRING_EQUAL(o.cpu, "x86-64-v2");
    CU_ASSERT_EQUAL(o.sched, OPT_SCHED_PARALLEL);
    CU_ASSERT_EQUAL(o.clock, OPT_CLOCK_HOST);
    CU_ASSERT_EQUAL(o.engine, OPT_ENGINE_BT);
    CU_ASSERT_EQUAL(o.bt.threshold, BT_THRESHOLD);
    CU_ASSERT_EQUAL(o.bt.size, 0);
    CU_ASSERT_EQUAL(o.bt_insns, 0);
    CU_ASSERT_FALSE(o.bt.log || o.bt.count || o.bt.profile || o.bt.perf || o.bt.gdb ||
                    o.bt.no_chain || o.bt.no_traces);
    CU_ASSERT_EQUAL(o.serial.kind, OPT_OUTPUT_STDIO);
    CU_ASSERT_EQUAL(o.debugcon.kind, OPT_OUTPUT_NULL);
    CU_ASSERT_EQUAL(o.semantics[TRACE_CODE], TRACE_BRACKET);
    CU_ASSERT_EQUAL(o.semantics[TRACE_MMU], TRACE_DEFERRED);
    CU_ASSERT_EQUAL(o.seed, 0);
}

static void spellings(void)
{
    accept("--kernel=k -smp=4 --m 1G -append=console=ttyS0 --nographic --record=r.log");
    CU_ASSERT_EQUAL(o.smp, 4);
    CU_ASSERT_EQUAL(o.ram, 1ull << 30);
    CU_ASSERT_STRING_EQUAL(o.append, "console=ttyS0");
    CU_ASSERT_STRING_EQUAL(o.record, "r.log");
    CU_ASSERT_TRUE(o.nographic);
    accept("-kernel a -kernel b");
    CU_ASSERT_STRING_EQUAL(o.kernel, "b");
    accept("-demo -serial file:out -debugcon stdio -no-reboot -quiet -stats -icount-limit 1000");
    CU_ASSERT_EQUAL(o.serial.kind, OPT_OUTPUT_FILE);
    CU_ASSERT_STRING_EQUAL(o.serial.path, "out");
    CU_ASSERT_TRUE(o.demo && o.no_reboot && o.quiet && o.stats);
    CU_ASSERT_EQUAL(o.icount_limit, 1000);
    CU_ASSERT_FALSE(o.check);
    CU_ASSERT_EQUAL(o.digest_interval, OPTIONS_DIGEST_DEFAULT);
    accept("-demo -record r -digest-interval 1");
    CU_ASSERT_EQUAL(o.digest_interval, 1);
    accept("-demo -check 20");
    CU_ASSERT_TRUE(o.check && o.check_one_in == 20);
    accept("-replay r -check 0");
    refuse("-demo -check 1", "'1'", "2 to 1000000");
}

static void help_stops_reading(void)
{
    accept("-help -nonsense");
    CU_ASSERT_TRUE(o.help);
    accept("-version");
    CU_ASSERT_TRUE(o.version);
    accept("-smp 3 -h");
    CU_ASSERT_TRUE(o.help);
}

static void unknown_words(void)
{
    refuse("-kernle k", "-kernle", "did you mean -kernel?");
    refuse("--foobar", "--foobar", "-help");
    refuse("-memory-model tso", "unknown option '-memory-model'", NULL);
    refuse("vmlinuz", "'vmlinuz'", "-kernel");
    refuse("-", "'-'", NULL);
    refuse("--", "'--'", NULL);
    refuse("-kernel", "-kernel needs a value", NULL);
    refuse("-demo=yes", "-demo takes no value", NULL);
    refuse("-kernel=", "-kernel", "file");
    refuse("", "nothing to run", "-demo");
}

static void memory_sizes(void)
{
    accept("-demo -m 512");
    CU_ASSERT_EQUAL(o.ram, 512ull << 20);
    accept("-demo -m size=2g");
    CU_ASSERT_EQUAL(o.ram, 2ull << 30);
    accept("-demo -m 64G");
    CU_ASSERT_EQUAL(o.ram, 64ull << 30);
    accept("-demo -m 65536K");
    CU_ASSERT_EQUAL(o.ram, 64ull << 20);
    refuse("-demo -m 65G", "-m", "64G");
    refuse("-demo -m 99999999999999999999G", "-m", NULL);
    refuse("-demo -m 17179869185G", "-m", "64G"); /* overflows when shifted */
    refuse("-demo -m 0", "-m", "1M");
    refuse("-demo -m -1", "-m", "512M");
    refuse("-demo -m 512Q", "-m", "512M");
    refuse("-demo -m 512MB", "-m", "512M");
    refuse("-demo -m big", "-m", "512M");
}

static void processors(void)
{
    accept("-demo -smp 64");
    CU_ASSERT_EQUAL(o.smp, 64);
    accept("-demo -smp cpus=2");
    CU_ASSERT_EQUAL(o.smp, 2);
    refuse("-demo -smp 0", "-smp", "1 to 64");
    refuse("-demo -smp 65", "-smp", "1 to 64");
    refuse("-demo -smp four", "-smp", "1 to 64");
    refuse("-demo -smp 2,sockets=1", "-smp", "1 to 64");
    refuse("-demo -cpu host", "-cpu", "x86-64-v2");
    refuse("-demo -cpu x86-64-v2,+teapot", "-cpu", "unknown feature 'teapot'");
    refuse("-demo -cpu x86-64-v2,teapot", "-cpu", "+teapot");
    refuse("-demo -cpu x86-64-v2,+", "-cpu", "unknown feature");
    refuse("-demo -cpu x86-64-v2,", "-cpu", "no feature switched");
    refuse("-demo -cpu x86-64-v2,-msr", "-cpu", "cannot be switched off");
    refuse("-demo -cpu x86-64-v2,-sse3", "-cpu", "ssse3 needs sse3; add +sse3 or -ssse3");
    refuse("-demo -cpu x86-64,+sse4.2", "-cpu",
           "sse4.2 needs sse4.1 needs ssse3 needs sse3; add +sse4.1,+ssse3,+sse3 or");
    refuse("-demo -cpu x86-64-v2,-ssse3,-sse4_1", "-cpu", "sse4.2 needs sse4.1 needs ssse3; add");
    accept("-demo -cpu x86-64,+sse4_2,+sse41,+ssse3,+pni");
    CU_ASSERT_TRUE(cpu_has(&o.model, FEAT_SSE42) && cpu_has(&o.model, FEAT_SSE3));
    CU_ASSERT_FALSE(cpu_has(&o.model, FEAT_POPCNT));
}

static void clock_and_schedule(void)
{
    accept("-demo -sched serial");
    CU_ASSERT_EQUAL(o.sched, OPT_SCHED_SERIAL);
    CU_ASSERT_EQUAL(o.quantum, OPTIONS_QUANTUM_DEFAULT);
    CU_ASSERT_EQUAL(o.clock, OPT_CLOCK_ICOUNT);
    CU_ASSERT_EQUAL(o.semantics[TRACE_MMU], TRACE_BRACKET);
    CU_ASSERT_NOT_EQUAL(o.seed, 0);
    accept("-demo -sched serial:500 -clock host -seed 9");
    CU_ASSERT_EQUAL(o.quantum, 500);
    CU_ASSERT_EQUAL(o.clock, OPT_CLOCK_HOST);
    CU_ASSERT_EQUAL(o.seed, 9);
    refuse("-demo -clock icount", "-clock icount", "-sched serial");
    refuse("-demo -sched parallel -clock icount", "-clock icount", "-sched parallel");
    refuse("-demo -sched serial:0", "-sched", "serial:0");
    refuse("-demo -sched serial:", "-sched", NULL);
    refuse("-demo -sched serially", "-sched", "serial:N");
    refuse("-demo -clock tsc", "-clock", "icount");
    refuse("-demo -engine jit", "-engine", "interp");
    accept("-demo -run-tokens 3");
    CU_ASSERT_EQUAL(o.run_tokens, 3);
    accept("-replay r --run-tokens 64");
    CU_ASSERT_EQUAL(o.run_tokens, 64);
    accept("-demo");
    CU_ASSERT_EQUAL(o.run_tokens, 0);
    refuse("-demo -run-tokens 0", "-run-tokens", "1 to 64");
    refuse("-demo -run-tokens 65", "-run-tokens", "1 to 64");
    refuse("-demo -run-tokens two", "-run-tokens", "1 to 64");
    refuse("-demo -sched serial -run-tokens 1", "-run-tokens", "-sched parallel");
    refuse("-demo -seed 0", "-seed", NULL);
    refuse("-demo -icount-limit 0", "-icount-limit", NULL);
    refuse("-demo -record r -digest-interval 0", "-digest-interval", "1 to");
    refuse("-demo -digest-interval 5", "-digest-interval", "-record");
    refuse("-replay r -digest-interval 5", "-digest-interval", "-record");
    refuse("-demo -serial tcp:1", "-serial", "file:PATH");
    refuse("-demo -serial file:", "-serial", "file:PATH");
}

static void translator(void)
{
    accept("-demo -tb-size 16 --bt-insns 1 -bt-threshold=0 --bt-nochain --bt-notraces");
    CU_ASSERT_EQUAL(o.bt.size, 16 << 20);
    CU_ASSERT_EQUAL(o.bt_insns, 1);
    CU_ASSERT_EQUAL(o.bt.threshold, 0);
    CU_ASSERT_TRUE(o.bt.no_chain && o.bt.no_traces);
    accept("-demo -engine interp -tb-size 256K -bt-insns 32 -bt-threshold 200");
    CU_ASSERT_EQUAL(o.bt.size, BT_SIZE_MIN);
    accept("-demo -d in_asm,out_asm -D out.txt");
    CU_ASSERT_EQUAL(o.bt.log, BT_LOG_IN_ASM | BT_LOG_OUT_ASM);
    CU_ASSERT_STRING_EQUAL(o.d_file, "out.txt");
    accept("-replay r -d uops -d in_asm -bt-dump p.txt -perf-map -gdb-jit -stats");
    CU_ASSERT_EQUAL(o.bt.log, BT_LOG_IN_ASM | BT_LOG_UOPS);
    CU_ASSERT_STRING_EQUAL(o.bt_dump, "p.txt");
    CU_ASSERT_TRUE(o.bt.profile && o.bt.perf && o.bt.gdb && o.bt.count);
    refuse("-demo -tb-size 128K", "-tb-size", "256K to 1G");
    refuse("-demo -tb-size 2G", "-tb-size", "256K to 1G");
    refuse("-demo -tb-size huge", "-tb-size", "512M");
    refuse("-demo -bt-insns 0", "-bt-insns", "1 to 32");
    refuse("-demo -bt-insns 33", "-bt-insns", "1 to 32");
    refuse("-demo -bt-threshold 201", "-bt-threshold", "to 200");
    refuse("-demo -bt-threshold -1", "-bt-threshold", "to 200");
    refuse("-demo -bt-nochain=1", "-bt-nochain", "no value");
    refuse("-demo -bt-notraces=1", "-bt-notraces", "no value");
    refuse("-demo -d", "-d needs a value", NULL);
    refuse("-demo -d=", "-d", "in_asm, uops or out_asm");
    refuse("-demo -d in_asm,", "-d", "''");
    refuse("-demo -d in_asm,op", "'op'", "uops");
    refuse("-demo -D out.txt", "-D", "-d in_asm");
    refuse("-demo -engine interp -d uops", "-d", "-engine bt");
    refuse("-demo -engine step -bt-dump p", "-bt-dump", "-engine bt");
    refuse("-demo -engine step -perf-map", "-perf-map", "-engine bt");
    refuse("-demo -engine interp -gdb-jit", "-gdb-jit", "-engine bt");
    refuse("-demo -d uops -D x -bt-dump x", "'x'", "twice");
    refuse("-demo -bt-dump x -serial file:x", "'x'", "twice");
}

static void dates(void)
{
    accept("-demo -rtc base=1970-01-01");
    CU_ASSERT_EQUAL(o.rtc_seconds, 0);
    accept("-demo -rtc base=2000-03-01T00:00:01");
    CU_ASSERT_EQUAL(o.rtc_seconds, 951868801);
    accept("-demo -rtc base=2024-02-29T23:59:59");
    CU_ASSERT_EQUAL(o.rtc_seconds, 1709251199);
    accept("-demo -rtc base=2038-01-19T03:14:08");
    CU_ASSERT_EQUAL(o.rtc_seconds, 2147483648);
    accept("-demo -rtc base=2099-12-31");
    CU_ASSERT_EQUAL(o.rtc_seconds, 4102358400);
    accept("-demo -rtc base=utc");
    CU_ASSERT_TRUE(o.rtc_seconds > 1700000000);
    refuse("-demo -rtc base=2023-02-29", "-rtc", "base=utc");
    refuse("-demo -rtc base=1969-12-31", "-rtc", "1970");
    refuse("-demo -rtc base=2026-13-01", "-rtc", NULL);
    refuse("-demo -rtc base=2026-01-01T24:00:00", "-rtc", NULL);
    refuse("-demo -rtc utc", "-rtc", "base=utc");
    refuse("-demo -rtc base=localtime", "-rtc", "base=utc");
}

static void semantics(void)
{
    accept("-demo -trace-semantics code=post-sync --trace-semantics=mmu=pre-data "
           "-trace-semantics mmio=post-async");
    CU_ASSERT_EQUAL(o.semantics[TRACE_CODE], TRACE_POST_SYNC);
    CU_ASSERT_EQUAL(o.semantics[TRACE_MMU], TRACE_PRE_DATA);
    CU_ASSERT_EQUAL(o.semantics[TRACE_MMIO], TRACE_POST_ASYNC);
    CU_ASSERT_EQUAL(o.semantics[TRACE_DESC], TRACE_BRACKET);
    accept("-demo -trace-semantics mmu=bracket");
    CU_ASSERT_EQUAL(o.semantics[TRACE_MMU], TRACE_BRACKET);
    accept("-demo -record r -trace-semantics mmio=post-sync -trace-semantics watch=pre-data");
    accept("-demo -record r -trace-semantics code=bracket");
    refuse("-demo -record r -trace-semantics code=post-sync", "code=post-sync", "code=bracket");
    refuse("-demo -trace-semantics desc=pre-data -record r", "desc=pre-data", "a recorded run");
    refuse("-demo -record r -trace-semantics mmu=deferred", "mmu=deferred", "mmu=bracket");
    refuse("-demo -record r -trace-semantics order=post-async", "order=post-async", NULL);
    refuse("-demo -sched serial -trace-semantics mmu=deferred", "mmu=deferred", "a serial run");
    refuse("-replay r -trace-semantics code=pre-data", "code=pre-data", "a replay");
    refuse("-demo -trace-semantics code=deferred", "deferred", "code");
    refuse("-demo -trace-semantics pages=bracket", "'pages'", "desc");
    refuse("-demo -trace-semantics code=sync", "'sync'", "post-sync");
    refuse("-demo -trace-semantics code", "KIND=SEMANTICS", NULL);
}

static void guests(void)
{
    refuse("-demo -kernel k", "-demo", "-kernel");
    refuse("-demo -initrd i", "-initrd", "-kernel");
    refuse("-initrd i", "-initrd", "-kernel");
    refuse("-append x", "-append", "-kernel");
    refuse("-smp 2", "nothing to run", "-kernel");
    refuse("-demo -record x -serial file:x", "'x'", "twice");
    accept("-demo -append verbose");
}

static void replay_takes_the_log(void)
{
    static const char *const carried[] = {"-kernel k",  "-initrd i",   "-append a",    "-m 1G",
                                          "-smp 2",     "-demo",       "-clock host",  "-seed 1",
                                          "-no-reboot", "-cpu x86-64", "-rtc base=utc"};
    char line[128], name[32];

    for (unsigned i = 0; i < ARRAY_SIZE(carried); i++) {
        snprintf(line, sizeof(line), "-replay r.log %s", carried[i]);
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(carried[i], " "), carried[i]);
        refuse(line, name, "the log carries it");
    }
    refuse("-replay r -record q", "-record", "-replay");
    accept("-replay r.log -sched serial:100 -engine step -stats -serial null -nographic -quiet");
    CU_ASSERT_STRING_EQUAL(o.replay, "r.log");
    CU_ASSERT_EQUAL(o.semantics[TRACE_MMU], TRACE_BRACKET);
}

/* ---- the log's header ---- */

static const char *get(const void *ctx, const char *key)
{
    char *const *list = ctx;
    size_t n = strlen(key);

    for (; *list; list++) {
        if (!strncmp(*list, key, n) && (*list)[n] == '=')
            return *list + n + 1;
    }
    return NULL;
}

static void add_images(void)
{
    o.images = 3;
    o.image[0] = (struct opt_image){strdup("/a/kernel"), NULL, 123, 0xfedcba9876543210};
    o.image[1] = (struct opt_image){strdup("/b/mod"), strdup("mod one=1, two"), 5, 1};
    o.image[2] = (struct opt_image){strdup("/c/mod"), strdup(""), 0, ~0ull};
}

static void machine_goes_through_a_log(void)
{
    char **list = NULL;
    unsigned count = 0;

    accept("-kernel k -m 3G -smp 8 -cpu x86-64,+popcnt,-clflush -sched serial:77 -no-reboot "
           "-append a=b "
           "-rtc base=2026-01-01 -seed 5");
    add_images();
    CU_ASSERT_EQUAL(options_to_log(&o, &list, &count), 0);
    CU_ASSERT_TRUE(count > 10 && !list[count]);
    accept("-replay r.log");
    CU_ASSERT_EQUAL(options_from_log(&o, get, list, err, sizeof(err)), 0);
    CU_ASSERT_EQUAL(o.ram, 3ull << 30);
    CU_ASSERT_EQUAL(o.smp, 8);
    CU_ASSERT_STRING_EQUAL(o.cpu, "x86-64,+popcnt,-clflush");
    CU_ASSERT_TRUE(cpu_has(&o.model, FEAT_POPCNT) && !cpu_has(&o.model, FEAT_CLFLUSH));
    CU_ASSERT_TRUE(o.model.features ==
                   ((cpu_model_find("x86-64")->features | cpu_feature_bit(FEAT_POPCNT)) &
                    ~cpu_feature_bit(FEAT_CLFLUSH)));
    CU_ASSERT_EQUAL(o.sched, OPT_SCHED_SERIAL);
    CU_ASSERT_EQUAL(o.quantum, 77);
    CU_ASSERT_EQUAL(o.clock, OPT_CLOCK_ICOUNT);
    CU_ASSERT_TRUE(o.no_reboot && !o.demo);
    CU_ASSERT_EQUAL(o.seed, 5);
    CU_ASSERT_EQUAL(o.rtc_seconds, 1767225600);
    CU_ASSERT_STRING_EQUAL(o.append, "a=b");
    CU_ASSERT_EQUAL(o.images, 3);
    CU_ASSERT_STRING_EQUAL(o.image[0].path, "/a/kernel");
    CU_ASSERT_PTR_NULL(o.image[0].text);
    CU_ASSERT_EQUAL(o.image[0].digest, 0xfedcba9876543210);
    CU_ASSERT_STRING_EQUAL(o.image[1].text, "mod one=1, two");
    CU_ASSERT_STRING_EQUAL(o.image[2].text, "");
    CU_ASSERT_EQUAL(o.image[2].digest, ~0ull);
    options_free_list(list);
}

static void replay_may_choose_the_schedule(void)
{
    char **list = NULL;

    accept("-demo -smp 2");
    o.images = 1;
    CU_ASSERT_EQUAL(options_to_log(&o, &list, NULL), 0);
    accept("-replay r.log -sched serial:10");
    CU_ASSERT_EQUAL(options_from_log(&o, get, list, err, sizeof(err)), 0);
    CU_ASSERT_TRUE(o.demo);
    CU_ASSERT_EQUAL(o.sched, OPT_SCHED_SERIAL);
    CU_ASSERT_EQUAL(o.quantum, 10);
    CU_ASSERT_EQUAL(o.recorded_sched, OPT_SCHED_PARALLEL);
    CU_ASSERT_EQUAL(o.clock, OPT_CLOCK_HOST);
    options_free_list(list);
}

/* Replaces the line of `key` by `line` (null: takes it out) and expects that this is refused. */
static void refuse_log(const char *key, const char *line)
{
    char **list = NULL, *none[64] = {0};
    size_t n = 0;

    parse("-kernel k");
    add_images();
    CU_ASSERT_EQUAL_FATAL(options_to_log(&o, &list, NULL), 0);
    for (char **at = list; *at; at++) {
        if (strncmp(*at, key, strlen(key)) || (*at)[strlen(key)] != '=')
            none[n++] = *at;
    }
    if (line)
        none[n++] = (char *)line;
    parse("-replay r.log");
    CU_ASSERT_EQUAL(options_from_log(&o, get, none, err, sizeof(err)), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, line ? "log describes no machine" : key));
    options_free_list(list);
}

static void logs_of_strangers(void)
{
    static const char *const keys[] = {
        "ram",  "smp",       "cpu",  "sched",  "cpu-features", "clock",         "rtc",
        "seed", "no-reboot", "demo", "images", "image.1.size", "image.2.digest"};

    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
        refuse_log(keys[i], NULL);
    refuse_log("ram", "ram=0");
    refuse_log("ram", "ram=4097");
    refuse_log("ram", "ram=99999999999999");
    refuse_log("smp", "smp=65");
    refuse_log("cpu", "cpu=quantum");
    refuse_log("cpu-features", "cpu-features=fpu,quantum");
    refuse_log("cpu-features", "cpu-features=sse2"); /* without what all have */
    refuse_log("clock", "clock=icount");             /* needs sched=serial */
    refuse_log("images", "images=0");
    refuse_log("images", "images=66");
    refuse_log("demo", "demo=1"); /* and yet image 0 is a file */
    refuse_log("demo", "demo=2");
    refuse_log("image.0.path", "image.0.path=relative");
    refuse_log("image.0.digest", "image.0.digest=12");
    refuse_log("image.0.digest", "image.0.digest=xyxyxyxyxyxyxyxy");
    options_destroy(&o);
}

TEST_SUITE(options, TEST(defaults), TEST(spellings), TEST(help_stops_reading), TEST(unknown_words),
           TEST(memory_sizes), TEST(processors), TEST(clock_and_schedule), TEST(translator),
           TEST(dates), TEST(semantics), TEST(guests), TEST(replay_takes_the_log),
           TEST(machine_goes_through_a_log), TEST(replay_may_choose_the_schedule),
           TEST(logs_of_strangers));
