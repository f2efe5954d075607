/* SPDX-License-Identifier: MIT */
/*
 * Options in the header of a log: "key=value", one for each property of the machine that a replay
 * needs. What depends on the host is in its resolved form: the clock's start as seconds, files as
 * absolute paths with size and digest. Keys are options' names where there is one.
 *
 *     x86sim=0.1.0 ram=536870912 smp=4 cpu=x86-64-v2 cpu-features=fpu,de,... sched=parallel clock=host
 * rtc=1767225600 seed=0 images=2 image.0.path=/boot/vmlinuz image.0.size=... image.0.digest=<16 hex digits>
 * append=...
 *
 * The reader takes nothing for granted: a missing key, an impossible value or a number out of range
 * is an error that names the key. Keys that it does not know are ignored.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "src/options.h"
#include "src/options_table.h"

#define LIST_MAX (32 + 4 * (1 + OPTIONS_MODULES_MAX))

/* ---- writing ---- */

struct list {
    char **item;
    unsigned count;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct list *l, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    if (l->failed || l->count + 1 >= LIST_MAX || vasprintf(&text, fmt, args) < 0)
        l->failed = true;
    else
        l->item[l->count++] = text;
    va_end(args);
}

static void add_images(struct list *l, const struct options *o)
{
    add(l, "images=%u", o->images);
    for (unsigned i = 0; i < o->images; i++) {
        const struct opt_image *im = &o->image[i];

        if (im->path)
            add(l, "image.%u.path=%s", i, im->path);
        if (im->text)
            add(l, "image.%u.text=%s", i, im->text);
        add(l, "image.%u.size=%" PRIu64, i, im->size);
        add(l, "image.%u.digest=%016" PRIx64, i, im->digest);
    }
}

int options_to_log(const struct options *o, char ***list, unsigned *count)
{
    struct list l = {.item = calloc(LIST_MAX, sizeof(char *))};
    char features[1024];

    if (!l.item)
        return -ENOMEM;
    l.failed = cpu_model_format_features(&o->model, features, sizeof(features)) != 0;
    add(&l, "x86sim=%s", X86SIM_VERSION);
    add(&l, "ram=%" PRIu64, o->ram);
    add(&l, "smp=%u", o->smp);
    add(&l, "cpu=%s", o->cpu ? o->cpu : "");
    add(&l, "cpu-features=%s", features);
    if (o->sched == OPT_SCHED_SERIAL)
        add(&l, "sched=serial:%" PRIu64, o->quantum);
    else
        add(&l, "sched=parallel");
    add(&l, "clock=%s", o->clock == OPT_CLOCK_ICOUNT ? "icount" : "host");
    add(&l, "rtc=%" PRIu64, o->rtc_seconds);
    add(&l, "seed=%" PRIu64, o->seed);
    add(&l, "no-reboot=%d", o->no_reboot);
    add(&l, "demo=%d", o->demo);
    if (o->append)
        add(&l, "append=%s", o->append);
    add_images(&l, o);
    if (l.failed) {
        options_free_list(l.item);
        return -ENOMEM;
    }
    *list = l.item;
    if (count)
        *count = l.count;
    return 0;
}

void options_free_list(char **list)
{
    for (unsigned i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

/* ---- reading ---- */

struct source {
    options_getter *get;
    const void *ctx;
    char *err;
    size_t err_size;
};

__attribute__((format(printf, 2, 3))) static int bad(struct source *s, const char *fmt, ...)
{
    va_list args;
    int n = snprintf(s->err, s->err_size, "the log describes no machine that x86sim has: ");

    va_start(args, fmt);
    if (n > 0 && (size_t)n < s->err_size)
        vsnprintf(s->err + n, s->err_size - (size_t)n, fmt, args);
    va_end(args);
    return -EINVAL;
}

/* The value of a key that must be there; null: err says that it is not. */
static const char *need(struct source *s, const char *key)
{
    const char *value = s->get(s->ctx, key);

    if (!value)
        bad(s, "it has no '%s'", key);
    return value;
}

static int need_number(struct source *s, const char *key, u64 max, u64 *to)
{
    const char *value = need(s, key);

    if (!value)
        return -EINVAL;
    if (!opt_parse_number(value, max, to))
        return bad(s, "%s=%.64s is no number up to %" PRIu64, key, value, max);
    return 0;
}

static int need_bool(struct source *s, const char *key, bool *to)
{
    u64 n = 0;
    int error = need_number(s, key, 1, &n);

    *to = n;
    return error;
}

/* Reads a value as the command line's option would be. */
static int need_option(struct source *s, const char *key, struct options *o,
                       int (*read)(struct options *, const char *, char *, size_t))
{
    const char *value = need(s, key);
    char why[256];

    if (!value)
        return -EINVAL;
    if (read(o, value, why, sizeof(why)))
        return bad(s, "%s: %s", key, why);
    return 0;
}

static int copy_string(struct source *s, const char *value, char **to)
{
    if (!value)
        return 0;
    return opt_set_string(to, value, s->err, s->err_size);
}

static int read_image(struct source *s, struct options *o, unsigned i)
{
    struct opt_image *im = &o->image[i];
    const char *path, *text, *digest;
    char key[32], *end;

    snprintf(key, sizeof(key), "image.%u.path", i);
    path = s->get(s->ctx, key);
    if (!path != (o->demo && i == 0))
        return bad(s, "image %u is %s", i, path ? "built in and a file" : "no file");
    if (path && path[0] != '/')
        return bad(s, "%s=%.256s is no absolute path", key, path);
    snprintf(key, sizeof(key), "image.%u.text", i);
    text = s->get(s->ctx, key);
    if (copy_string(s, path, &im->path) || copy_string(s, text, &im->text))
        return -EINVAL;
    snprintf(key, sizeof(key), "image.%u.size", i);
    if (need_number(s, key, UINT64_MAX, &im->size))
        return -EINVAL;
    snprintf(key, sizeof(key), "image.%u.digest", i);
    digest = need(s, key);
    if (!digest)
        return -EINVAL;
    im->digest = strtoull(digest, &end, 16);
    if (strlen(digest) != 16 || *end)
        return bad(s, "%s=%.64s is no digest", key, digest);
    return 0;
}

static int read_images(struct source *s, struct options *o)
{
    u64 n = 0;

    if (need_number(s, "images", ARRAY_SIZE(o->image), &n))
        return -EINVAL;
    if (!n)
        return bad(s, "it names no kernel");
    o->images = (unsigned)n;
    for (unsigned i = 0; i < o->images; i++) {
        if (read_image(s, o, i))
            return -EINVAL;
    }
    return copy_string(s, s->get(s->ctx, "append"), &o->append);
}

static int read_ram(struct source *s, struct options *o)
{
    if (need_number(s, "ram", OPTIONS_RAM_MAX, &o->ram))
        return -EINVAL;
    if (o->ram < OPTIONS_RAM_MIN || o->ram % 4096)
        return bad(s, "ram=%" PRIu64 " is no size of memory", o->ram);
    return 0;
}

/* The processor by its features: what its model means may be another thing by now. */
static int read_features(struct source *s, struct options *o)
{
    const char *value = need(s, "cpu-features");
    char why[256];

    if (!value)
        return -EINVAL;
    if (cpu_model_set_features(&o->model, value, why, sizeof(why)))
        return bad(s, "cpu-features: %s", why);
    return 0;
}

/* How it was recorded, and how it is replayed unless the command line says otherwise. */
static int read_sched(struct source *s, struct options *o)
{
    struct options recorded = {.quantum = OPTIONS_QUANTUM_DEFAULT};

    if (need_option(s, "sched", &recorded, opt_read_sched))
        return -EINVAL;
    o->recorded_sched = recorded.sched;
    o->recorded_quantum = recorded.quantum;
    if (!(o->given & BIT(OPT_SCHED))) {
        o->sched = recorded.sched;
        o->quantum = recorded.quantum;
    }
    return 0;
}

int options_from_log(struct options *o, options_getter *get, const void *ctx, char *err,
                     size_t err_size)
{
    struct source s = {.get = get, .ctx = ctx, .err = err, .err_size = err_size};
    int error = read_ram(&s, o);

    if (!error)
        error = need_option(&s, "smp", o, opt_read_smp);
    if (!error)
        error = need_option(&s, "cpu", o, opt_read_cpu);
    if (!error)
        error = read_features(&s, o);
    if (!error)
        error = read_sched(&s, o);
    if (!error)
        error = need_option(&s, "clock", o, opt_read_clock);
    if (!error && o->clock == OPT_CLOCK_ICOUNT && o->recorded_sched != OPT_SCHED_SERIAL)
        error = bad(&s, "clock=icount with sched=parallel");
    if (!error)
        error = need_number(&s, "rtc", INT64_MAX, &o->rtc_seconds);
    if (!error)
        error = need_number(&s, "seed", UINT64_MAX, &o->seed);
    if (!error)
        error = need_bool(&s, "no-reboot", &o->no_reboot);
    if (!error)
        error = need_bool(&s, "demo", &o->demo);
    return error ? error : read_images(&s, o);
}
