/* SPDX-License-Identifier: MIT */
/*
 * See debug.h.
 */
#include "tests/system/kit/debug.h"

struct hit hits[HITS];
unsigned n_hits;
bool debug_set_rf;
uint8_t data[64] __attribute__((aligned(64)));
uint8_t other[64] __attribute__((aligned(64)));

static bool note(struct context *c)
{
    if (c->vector != V_DB || n_hits >= HITS)
        return false;
    hits[n_hits++] = (struct hit){c->ip, c->dr6 & 0xe00f, c->flags};
    if (debug_set_rf && (c->dr6 & 15))
        c->flags |= FL_RF;
    write_dr6(0);
    return true;
}

void write_dr(unsigned i, word value)
{
    switch (i) {
    case 0: write_dr0(value); break;
    case 1: write_dr1(value); break;
    case 2: write_dr2(value); break;
    default: write_dr3(value); break;
    }
}

void go_with(struct context *c, word dr7)
{
    write_dr6(0);
    write_dr7(dr7);
    sys_go(c);
    write_dr7(DR7_NONE);
}

void go_noting(struct context *c, word dr7)
{
    n_hits = 0;
    sys_hook = note;
    go_with(c, dr7);
    sys_hook = NULL;
}

void run(const char *name, const uint8_t *code, word flags, word dr7, const int *expect,
         unsigned known)
{
    struct context c;
    unsigned n = 0;
    bool good = true;

    memset(data, 0, sizeof data);
    memset(other, 0, sizeof other);
    other[1] = 1;
    sys_kernel(&c, (uintptr_t)code);
    c.flags |= flags;
    c.r[RDI] = (uintptr_t)data;
    c.r[RSI] = (uintptr_t)other;
    c.r[RBX] = (uintptr_t)code;
    go_noting(&c, dr7);
    for (; expect[n * 2] >= 0; n++)
        good &= n < n_hits && hits[n].ip - (uintptr_t)code == (word)expect[n * 2] &&
                hits[n].dr6 == (unsigned)expect[n * 2 + 1];
    if (check_but(known, "SDM vol. 3 17.2, 17.3", good && n == n_hits && c.vector == DONE,
                  "%s: vector %lu, %u debug exceptions, expected %u", name, c.vector, n_hits, n) ||
        (known & judge()))
        return;
    for (unsigned i = 0; i < n_hits; i++)
        print("    %lx DR6 %x flags %lx\n", hits[i].ip - (uintptr_t)code, hits[i].dr6,
              hits[i].flags);
}
