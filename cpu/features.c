/* SPDX-License-Identifier: MIT */
/*
 * CPU models and features by name: features.def as a table, and the reader of --cpu MODEL,+feature,-feature.
 *
 * The models are a row of supersets (x86-64, v2, v3, max), so a feature needs to say only which is the first that has it; a
 * model of another kind is one of them and some more. `max` is everything that is implemented.
 */
#include "cpu/features.h"

#include <errno.h>
#include <stdio.h>

#include "src/base/msg.h"

/* enum cpu_feature has less than a bit for each feature. */
_Static_assert(FEAT_COUNT <= 128, "cpu_features_t is too small");

enum since { SINCE_FIXED, SINCE_V1, SINCE_V2, SINCE_V3, SINCE_MAX };

static const struct feature {
    const char *name, *other;
    u8 since, needs;
} table[FEAT_COUNT] = {
#define FEATURE(name, text, other, leaf, sub, reg, bit, since, needs)                              \
    [FEAT_##name] = {text, other, SINCE_##since, FEAT_##needs},
#include "cpu/features.def"
};

static struct cpu_model models[] = {
    {"x86-64", 0, "the baseline: SSE2, no SSE3, no x2APIC"},
    {"x86-64-v2", 0, "SSE4.2, POPCNT, CMPXCHG16B, SMEP, SMAP, x2APIC (default)"},
    {"x86-64-v2-mwait", 0, "x86-64-v2 with MONITOR and MWAIT"},
    {"x86-64-v3", 0, "x86-64-v2 and what of AVX2's generation is implemented"},
    {"max", 0, "every feature that is implemented"},
};

/* All features up to a model of the row. */
static cpu_features_t features_up_to(enum since last)
{
    cpu_features_t set = cpu_feature_bit(FEAT_BASE);

    for (unsigned f = FEAT_BASE + 1; f < FEAT_COUNT; f++)
        if (table[f].since <= last)
            set |= cpu_feature_bit(f);
    return set;
}

__attribute__((constructor)) static void build_models(void)
{
    models[0].features = features_up_to(SINCE_V1);
    models[1].features = features_up_to(SINCE_V2);
    models[2].features = features_up_to(SINCE_V2) | cpu_feature_bit(FEAT_MONITOR);
    models[3].features = features_up_to(SINCE_V3);
    models[4].features = features_up_to(SINCE_MAX);
}

const struct cpu_model *cpu_model_find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
        if (!strcmp(models[i].name, name))
            return &models[i];
    return NULL;
}

const struct cpu_model *cpu_model_at(unsigned i)
{
    return i < ARRAY_SIZE(models) ? &models[i] : NULL;
}

const char *cpu_feature_name(unsigned f)
{
    return f > FEAT_BASE && f < FEAT_COUNT ? table[f].name : NULL;
}

bool cpu_feature_is_switchable(unsigned f)
{
    return cpu_feature_name(f) && table[f].since != SINCE_FIXED;
}

/* Are the n characters at text this name, dots, dashes and underscores left out of both? */
static bool is_name(const char *name, const char *text, size_t n)
{
    const char *end = text + n;

    if (!*name)
        return false;
    for (;;) {
        while (*name && strchr(".-_", *name))
            name++;
        while (text < end && strchr(".-_", *text))
            text++;
        if (!*name || text == end)
            return !*name && text == end;
        if (*name++ != *text++)
            return false;
    }
}

/* The feature named by the n characters at text; 0: none. */
static unsigned find_feature(const char *text, size_t n)
{
    for (unsigned f = FEAT_BASE + 1; f < FEAT_COUNT; f++)
        if (is_name(table[f].name, text, n) || is_name(table[f].other, text, n))
            return f;
    return 0;
}

/* Has every feature what it needs? The line names all that is missing, not the first only. */
static int check_needs(const struct cpu_model *m, char *err, size_t err_size)
{
    for (unsigned f = FEAT_BASE + 1; f < FEAT_COUNT; f++) {
        char way[128] = "", add[128] = "";
        size_t n = 0, a = 0;

        if (!cpu_has(m, f) || cpu_has(m, table[f].needs))
            continue;
        for (unsigned i = table[f].needs; !cpu_has(m, i) && n < sizeof(way); i = table[i].needs) {
            n += (size_t)snprintf(way + n, sizeof(way) - n, " needs %s", table[i].name);
            a += (size_t)snprintf(add + a, sizeof(add) - a, "%s+%s", a ? "," : "", table[i].name);
        }
        return msg_wrong(err, err_size, "%s%s; add %s or -%s", table[f].name, way, add,
                         table[f].name);
    }
    return 0;
}

/* One "+feature" or "-feature" of n characters. */
static int read_switch(struct cpu_model *m, const char *text, size_t n, char *err, size_t err_size)
{
    unsigned f = n > 1 ? find_feature(text + 1, n - 1) : 0;

    if (*text != '+' && *text != '-')
        return msg_wrong(err, err_size,
                         "'%.*s' is no feature switched on or off; that is +%.*s or -%.*s", (int)n,
                         text, (int)n, text, (int)n, text);
    if (!f)
        return msg_wrong(err, err_size, "unknown feature '%.*s'; --cpu help lists them", (int)n - 1,
                         text + 1);
    if (table[f].since == SINCE_FIXED && *text == '-')
        return msg_wrong(err, err_size, "%s cannot be switched off", table[f].name);
    if (*text == '+')
        m->features |= cpu_feature_bit(f);
    else
        m->features &= ~cpu_feature_bit(f);
    return 0;
}

int cpu_model_parse(struct cpu_model *m, const char *text, char *err, size_t err_size)
{
    size_t n = strcspn(text, ","), used = 0;
    char names[160];

    for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                                 models[i].name);
        if (strlen(models[i].name) != n || memcmp(models[i].name, text, n))
            continue;
        *m = models[i];
        for (text += n; *text == ','; text += n) {
            n = strcspn(++text, ",");
            if (read_switch(m, text, n, err, err_size))
                return -EINVAL;
        }
        return check_needs(m, err, err_size);
    }
    return msg_wrong(err, err_size, "unknown model '%.*s'; there are: %s", (int)n, text, names);
}

int cpu_model_format_features(const struct cpu_model *m, char *text, size_t size)
{
    size_t n = 0;

    for (unsigned f = FEAT_BASE + 1; f < FEAT_COUNT && n < size; f++)
        if (cpu_has(m, f))
            n += (size_t)snprintf(text + n, size - n, "%s%s", n ? "," : "", table[f].name);
    return n < size ? 0 : -ENOSPC;
}

int cpu_model_set_features(struct cpu_model *m, const char *text, char *err, size_t err_size)
{
    cpu_features_t set = cpu_feature_bit(FEAT_BASE);

    for (;;) {
        size_t n = strcspn(text, ",");
        unsigned f = find_feature(text, n);

        if (!f)
            return msg_wrong(err, err_size, "unknown feature '%.*s'", (int)MIN(n, (size_t)64),
                             text);
        set |= cpu_feature_bit(f);
        text += n;
        if (!*text++)
            break;
    }
    for (unsigned f = FEAT_BASE + 1; f < FEAT_COUNT; f++)
        if (table[f].since == SINCE_FIXED && !(set & cpu_feature_bit(f)))
            return msg_wrong(err, err_size, "%s is missing", table[f].name);
    m->features = set;
    return check_needs(m, err, err_size);
}
