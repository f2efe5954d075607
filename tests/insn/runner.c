/* SPDX-License-Identifier: MIT */
/*
 * Runs the instruction cases (the .S files here, see case.h): each on the host CPU, on the
 * interpreter in blocks, and on the interpreter with one-instruction blocks, from a fresh state;
 * compares what the case names with what it expects.
 *
 *     insn [NAME]      only the cases whose name contains NAME
 *
 * The last line is "insn: P passed, F failed". A 32-bit case skips the host only if the host cannot
 * run 32-bit code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/flat.h"

/* One record in section insn_cases, laid out by END in case.h. */
struct insn_case {
    const char *name;
    const u8 *code, *end;
    u64 reg[16];
    u64 registers, flags, flags_mask, vector, bits, host_differs;
    const char *needs, *without; /* features */
};

extern const struct insn_case __start_insn_cases[], __stop_insn_cases[];

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

/* Prints what is wrong; true: nothing is. */
static bool is_right(const struct insn_case *c, enum engine e)
{
    struct flat_state s;
    int vector = execute(c, e, &s);
    bool right = true;

    if (vector != (int)c->vector) {
        printf("FAIL %s (%s): ended with vector %d at %#lx, expected %lu\n", c->name,
               engine_names[e], vector, s.rip, c->vector);
        right = false;
    }
    for (unsigned i = 0; i < 16; i++) {
        u64 mask = c->bits == 32 ? 0xffffffff : ~0ull;
        if (!(c->registers & BIT(i)) || (s.gpr[i] & mask) == (c->reg[i] & mask))
            continue;
        printf("FAIL %s (%s): %s is %#lx, expected %#lx\n", c->name, engine_names[e], reg_names[i],
               s.gpr[i], c->reg[i]);
        right = false;
    }
    if ((s.flags ^ c->flags) & c->flags_mask) {
        printf("FAIL %s (%s): flags are %#lx, expected %#lx under %#lx\n", c->name, engine_names[e],
               s.flags, c->flags, c->flags_mask);
        right = false;
    }
    return right;
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;

    if (!flat_create()) {
        fprintf(stderr, "insn: memory at %#llx is not free\n", FLAT_BASE);
        return 2;
    }
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
