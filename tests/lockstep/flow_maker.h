/* SPDX-License-Identifier: MIT */
/*
 * A program in the making, between flow_graph.c (nodes and how they end) and flow_gen.c (what is in them). What an item needs of
 * where things end up (a patchable instruction, a node) is added when the program is placed, so items can be left out one by one
 * and the rest stays what it is.
 */
#ifndef X86SIM_TESTS_LOCKSTEP_FLOW_MAKER_H
#define X86SIM_TESTS_LOCKSTEP_FLOW_MAKER_H

#include "tests/lockstep/emit.h"
#include "tests/lockstep/flow.h"

struct maker {
    struct gen_random r;
    struct gen_item it;
    struct gen g;
    struct flow_item *to;
    bool user;
};

/* A random number below n. */
static inline unsigned pick(struct maker *m, unsigned n)
{
    return (unsigned)(gen_random(&m->r) % n);
}

/* Around what appends to one item or end of a node. */
static inline void begin(struct maker *m, struct flow_item *to)
{
    memset(&m->it, 0, sizeof(m->it));
    memset(to, 0, sizeof(*to));
    m->to = to;
}

static inline void end(struct maker *m)
{
    memcpy(m->to->bytes, m->it.bytes, m->it.len);
    m->to->len = (u8)m->it.len;
}

/* ModRM and displacement of an absolute address. */
static inline void absolute(struct maker *m, unsigned reg, u32 address)
{
    if (m->g.code32) {
        byte(&m->g, reg << 3 | 5);
    } else {
        byte(&m->g, reg << 3 | 4);
        byte(&m->g, 0x25);
    }
    value(&m->g, address, 4);
}

/* A random item: an instruction or several, of any kind but what ends nodes. */
void flow_make_item(struct maker *m, struct flow_item *to);

#endif
