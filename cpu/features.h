/* SPDX-License-Identifier: MIT */
/*
 * What a processor can do: features, sets of them, and the models that --cpu names. features.def has one row for each feature; CPUID
 * shows them, lifting asks for them (a row of insn*.def whose feature is absent does not exist), and so do the few places where a
 * feature is a bit of a control register or an MSR.
 */
#ifndef CPU_FEATURES_H
#define CPU_FEATURES_H

#include "src/base/types.h"

enum cpu_feature {
    FEAT_BASE, /* what every processor has; needs no bit */
#define FEATURE(name, text, other, leaf, sub, reg, bit, since, needs) FEAT_##name,
#include "cpu/features.def"
    FEAT_COUNT
};

/* A set: bit n is feature n. */
typedef unsigned __int128 cpu_features_t;
#define CPU_FEATURES_ALL (~(cpu_features_t)0)

struct cpu_model {
    char name[32];           /* of the model it was made from */
    cpu_features_t features; /* FEAT_BASE is always among them */
    const char *summary;     /* for --cpu help */
};

static inline cpu_features_t cpu_feature_bit(enum cpu_feature f)
{
    return (cpu_features_t)1 << f;
}

static inline bool cpu_has(const struct cpu_model *m, enum cpu_feature f)
{
    return m->features >> f & 1;
}

/* The model of that name, NULL: none. The default is cpu_model_find(CPU_MODEL_DEFAULT). */
#define CPU_MODEL_DEFAULT "x86-64-v2"
const struct cpu_model *cpu_model_find(const char *name);
/* The i-th model, NULL: no more. */
const struct cpu_model *cpu_model_at(unsigned i);

/*
 * Read "MODEL[,+feature][,-feature]..." into *m. 0, or -EINVAL and one line in err that says what is wrong: an unknown name, a feature
 * that is not implemented or that cannot be switched off, or one without another that it needs.
 */
int cpu_model_parse(struct cpu_model *m, const char *text, char *err, size_t err_size);

/*
 * The features of a model as a list, "fpu,de,...", which cpu_model_set_features() reads again: what a log records, so that a replay has
 * the processor of the recording whatever its model means by then. format: 0 or -ENOSPC; set: 0 or -EINVAL and a line in err.
 */
int cpu_model_format_features(const struct cpu_model *m, char *text, size_t size);
int cpu_model_set_features(struct cpu_model *m, const char *text, char *err, size_t err_size);

/* A feature's name; NULL: there is no feature f (or it is FEAT_BASE). */
const char *cpu_feature_name(unsigned f);
/* The implemented features that can be switched, by number from FEAT_BASE + 1: is f one? */
bool cpu_feature_is_switchable(unsigned f);

#endif
