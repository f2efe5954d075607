/* SPDX-License-Identifier: MIT */
/*
 * Runs the instruction cases (the .S files here, see case.h): each on the host CPU, on the
 * interpreter in blocks, and on the interpreter with one-instruction blocks, from a fresh state;
 * compares what the case names with what it expects.
 *
 *     insn [NAME]      only the cases whose name contains NAME
 *     insn --expect NAME   print the registers in which the host ends them, as EXPECT() lines
 *     insn --rows      is there a case for each row of the instruction tables? (rows.c)
 *
 * The last line is "insn: P passed, F failed". A 32-bit case skips the host only if the host cannot
 * run 32-bit code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/insn/runner.h"
#include "tests/lib/flat.h"

enum engine { HOST, BLOCKS, STEPS, TRANSLATED, TRANSLATED_STEPS, ENGINES };
static const char *const engine_names[] = {"host", "blocks", "steps", "translated",
                                           "translated steps"};
static const char *const reg_names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

/* The bit of a feature that a case names; no name: none. A name that is none ends the program. */
static cpu_features_t feature_of(const struct insn_case *c, const char *name)
{
    for (unsigned f = 1; name && f < FEAT_COUNT; f++)
        if (!strcmp(cpu_feature_name(f), name))
            return cpu_feature_bit(f);
    if (name) {
        printf("%s: '%s' is no feature\n", c->name, name);
        exit(2);
    }
    return 0;
}

/* Can the host judge? */
static bool host_fits(const struct insn_case *c)
{
    cpu_features_t host = flat_host_features(), needs = feature_of(c, c->needs);

    return !c->host_differs && (c->bits == 64 || flat_host_has_code32()) && !(needs & ~host) &&
           !(feature_of(c, c->without) & host);
}

static int execute(const struct insn_case *c, enum engine e, struct flat_state *s)
{
    bool code32 = c->bits == 32;

    memset(s, 0, sizeof(*s));
    s->gpr[R_SP] = FLAT_STACK - 0x1000;
    s->rip = FLAT_CODE;
    memset((void *)FLAT_DATA, 0, FLAT_DATA_SIZE);
    memset((void *)(FLAT_STACK - FLAT_STACK_SIZE), 0, FLAT_STACK_SIZE);
    memcpy((void *)FLAT_CODE, c->code, (size_t)(c->end - c->code));
    if (e == HOST)
        return flat_run_host(s, code32);
    flat_translate(e == TRANSLATED || e == TRANSLATED_STEPS);
    return flat_run_guest(s, code32, e == STEPS || e == TRANSLATED_STEPS ? 1 : 32,
                          CPU_FEATURES_ALL & ~feature_of(c, c->without));
}

/* Does the state that a case ended in hold what it expects? Prints what does not, if `name` (the engine's) is given. */
static bool is_expected(const struct insn_case *c, const struct flat_state *s, int vector,
                        const char *name)
{
    u64 mask = c->bits == 32 ? 0xffffffff : ~0ull;
    bool right = vector == (int)c->vector &&
                 (!c->to_end || s->rip == FLAT_CODE + (u64)(c->end - c->code) - 2);

    if (!right && name)
        printf("FAIL %s (%s): ended with vector %d at %#lx, expected %lu\n", c->name, name, vector,
               s->rip, c->vector);
    for (unsigned i = 0; i < 16; i++) {
        if (!(c->registers & BIT(i)) || (s->gpr[i] & mask) == (c->reg[i] & mask))
            continue;
        if (name)
            printf("FAIL %s (%s): %s is %#lx, expected %#lx\n", c->name, name, reg_names[i],
                   s->gpr[i], c->reg[i]);
        right = false;
    }
    if ((s->flags ^ c->flags) & c->flags_mask) {
        if (name)
            printf("FAIL %s (%s): flags are %#lx, expected %#lx under %#lx\n", c->name, name,
                   s->flags, c->flags, c->flags_mask);
        right = false;
    }
    return right;
}

/* Prints what is wrong; true: nothing is. */
static bool is_right(const struct insn_case *c, enum engine e)
{
    struct flat_state s;
    int vector = execute(c, e, &s);

    return is_expected(c, &s, vector, engine_names[e]);
}

bool insn_case_passes(const struct insn_case *c)
{
    struct flat_state s;
    int vector = execute(c, STEPS, &s);

    return is_expected(c, &s, vector, NULL);
}

/* What the host makes of the cases, for the author of new ones. */
static int print_expectations(const char *name)
{
    for (const struct insn_case *c = __start_insn_cases; c < __stop_insn_cases; c++) {
        struct flat_state s;
        int vector;

        if (!strstr(c->name, name) || !host_fits(c))
            continue;
        vector = execute(c, HOST, &s);
        printf("%s: vector %d, flags %#lx\n", c->name, vector, s.flags & FL_ARITH);
        for (unsigned i = 0; i < 16; i++)
            if (s.gpr[i] && i != R_SP)
                printf("EXPECT(%s, %#lx)\n", reg_names[i], s.gpr[i]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;

    if (!flat_create()) {
        fprintf(stderr, "insn: memory at %#llx is not free\n", FLAT_BASE);
        return 2;
    }
    if (argc > 1 && !strcmp(argv[1], "--rows"))
        return insn_check_rows();
    if (argc > 2 && !strcmp(argv[1], "--expect"))
        return print_expectations(argv[2]);
    for (const struct insn_case *c = __start_insn_cases; c < __stop_insn_cases; c++) {
        bool right = true;

        if (argc > 1 && !strstr(c->name, argv[1]))
            continue;
        for (enum engine e = HOST; e < ENGINES; e++) {
            if (e != HOST || host_fits(c))
                right &= is_right(c, e);
        }
        if (right)
            passed++;
        else
            failed++;
    }
    printf("insn: %u passed, %u failed\n", passed, failed);
    return failed || !passed;
}
