/* SPDX-License-Identifier: MIT */
/*
 * See flow.h: making a program of items, and placing it in memory.
 */
#include "tests/lockstep/flow_maker.h"

/* ---- Ends of nodes ------------------------------------------------------------------------------------------------------ */

static void jump_to(struct maker *m, unsigned opcode, unsigned node)
{
    if (opcode >= 0x0f00)
        byte(&m->g, 0x0f);
    byte(&m->g, opcode & 0xff);
    value(&m->g, 0, 4);
    m->to->fix = (u8)(m->it.len - 4);
    m->to->fix_kind = FIX_RELATIVE;
    m->to->target = (u8)node;
}

/* A counter's low bits into EAX. */
static void load_counter(struct maker *m, unsigned mask)
{
    unsigned k = FLOW_COUNTERS + 4 * pick(m, 16);

    byte(&m->g, 0xff);
    absolute(m, 0, k);
    byte(&m->g, 0x8b);
    absolute(m, R_AX, k);
    BYTES(&m->g, 0x83, 0xe0, (u8)mask);
}

static void through_table(struct maker *m, unsigned reg, u32 table)
{
    BYTES(&m->g, 0xff, (u8)(reg << 3 | 4), 0xc5);
    value(&m->g, table, 4);
}

static void end_node(struct maker *m, struct flow_node *n)
{
    unsigned x = pick(m, FLOW_NODES - FLOW_FUNCTIONS), y = pick(m, FLOW_NODES - FLOW_FUNCTIONS);

    begin(m, &n->end[0]);
    switch (pick(m, 9)) {
    case 0:
    case 1: jump_to(m, 0x0f80 | pick(m, 16), x); break;
    case 2:
    case 3:
        load_counter(m, (1u << (1 + pick(m, 4))) - 1);
        jump_to(m, 0x0f84 | pick(m, 2), x);
        break;
    case 4: jump_to(m, 0xe8, FLOW_NODES - 1 - pick(m, FLOW_FUNCTIONS)); break;
    case 5:
        load_counter(m, 7);
        through_table(m, 4, FLOW_JUMPS);
        break;
    case 6:
        load_counter(m, 3);
        through_table(m, 2, FLOW_CALLS);
        break;
    case 7: /* JMP RAX, perhaps through the second mapping, or a RET that nobody called */
        byte(&m->g, pick(m, 4) ? 0xb8 : 0x68);
        value(&m->g, pick(m, 2) ? 0 : FLOW_ALIAS, 4);
        m->to->fix = 1;
        m->to->fix_kind = FIX_NODE;
        m->to->target = (u8)x;
        if (m->it.bytes[0] == 0xb8)
            BYTES(&m->g, 0xff, 0xe0);
        else
            byte(&m->g, 0xc3);
        break;
    default: break;
    }
    end(m);
    /* Mostly not the same way each time. */
    begin(m, &n->end[1]);
    if (pick(m, 4)) {
        load_counter(m, 1 + 2 * pick(m, 2));
        jump_to(m, 0x0f84, pick(m, FLOW_NODES - FLOW_FUNCTIONS));
    }
    end(m);
    begin(m, &n->end[2]);
    jump_to(m, 0xe9, y);
    end(m);
}

/* The first item of a main node sets the stack pointer; a function keeps its own in memory. */
static void begin_node(struct maker *m, unsigned i, struct flow_item *to)
{
    begin(m, to);
    if (i >= FLOW_NODES - FLOW_FUNCTIONS) {
        byte(&m->g, 0x89);
        absolute(m, R_SP, FLOW_SLOTS + 8 * i);
    } else if (pick(m, 4)) {
        byte(&m->g, 0xbc);
        value(&m->g, FLOW_STACK + 8 * pick(m, 64) - 256 + (pick(m, 8) ? 0 : pick(m, 8)), 4);
    }
    end(m);
}

static void end_function(struct maker *m, unsigned i, struct flow_node *n)
{
    begin(m, &n->end[0]);
    if (i + 1 < FLOW_NODES && pick(m, 2))
        jump_to(m, 0xe8, i + 1);
    end(m);
    begin(m, &n->end[1]);
    byte(&m->g, 0x8b);
    absolute(m, R_SP, FLOW_SLOTS + 8 * i);
    byte(&m->g, 0xc3);
    end(m);
}

void flow_generate(struct flow_program *p, u64 seed)
{
    struct maker m = {.r = {seed * 1315423911u + 99}};

    memset(p, 0, sizeof(*p));
    p->seed = seed;
    p->code32 = pick(&m, 4) == 0;
    p->user = pick(&m, 2);
    m.g = (struct gen){.r = &m.r, .it = &m.it, .code32 = p->code32};
    m.user = p->user;
    for (unsigned i = 0; i < FLOW_NODES; i++) {
        struct flow_node *n = &p->node[i];

        n->at = FLOW_CODE + 0x200 + i * FLOW_NODE_BYTES + pick(&m, 0x100);
        n->n = 2 + pick(&m, FLOW_ITEMS - 2);
        begin_node(&m, i, &n->item[0]);
        for (unsigned k = 1; k < n->n; k++)
            flow_make_item(&m, &n->item[k]);
        if (i >= FLOW_NODES - FLOW_FUNCTIONS)
            end_function(&m, i, n);
        else
            end_node(&m, n);
    }
}

/* ---- Placing ------------------------------------------------------------------------------------------------------------ */

static void find_sites(struct flow_program *p)
{
    p->n_sites = 0;
    for (unsigned i = 0; i < FLOW_NODES; i++) {
        u32 at = p->node[i].at;

        for (unsigned k = 0; k < p->node[i].n; k++) {
            const struct flow_item *it = &p->node[i].item[k];

            if (it->site)
                p->site[p->n_sites++] = it->left_out ? 0 : at + it->site - 1;
            at += it->left_out ? 0 : it->len;
        }
    }
}

static u32 place_item(const struct flow_program *p, const struct flow_item *it, u8 *ram, u32 at)
{
    u8 *word = ram + at + it->fix;
    u32 target;

    if (it->left_out)
        return at;
    memcpy(ram + at, it->bytes, it->len);
    if (!it->fix)
        return at + it->len;
    target = it->fix_kind != FIX_SITE ? p->node[it->target].at
             : p->n_sites             ? p->site[it->target % p->n_sites]
                                      : 0;
    if (!target) /* patches what was left out */
        target = FLOW_DATA + 0x3000;
    if (it->fix_kind == FIX_RELATIVE)
        target -= at + it->fix + 4;
    store_le32(word, load_le32(word) + target);
    return at + it->len;
}

void flow_place(struct flow_program *p, u8 *ram)
{
    static const u32 control[] = {0x1f80, 0x1d80, 0x0f80, 0x9fc0, 0x1f80};
    struct gen_random r = {p->seed + 11};

    find_sites(p);
    memset(ram + FLOW_CODE, 0x90, FLOW_CODE_END - FLOW_CODE);
    for (u32 at = FLOW_CODE; at < FLOW_CODE_END - 16;
         at += 16) /* who gets lost soon comes to the next node */
        memcpy(ram + at, "\xeb\x0e", 2);
    ram[FLOW_CODE] = 0xe9; /* where handlers begin anew */
    store_le32(ram + FLOW_CODE + 1, p->node[0].at - FLOW_CODE - 5);
    for (unsigned i = 0; i < FLOW_NODES; i++)
        store_le64(ram + FLOW_SLOTS + 8 * i, FLOW_STACK);
    for (unsigned i = 0; i < FLOW_NODES; i++) {
        u32 at = p->node[i].at;

        for (unsigned k = 0; k < p->node[i].n; k++)
            at = place_item(p, &p->node[i].item[k], ram, at);
        for (unsigned k = 0; k < ARRAY_SIZE(p->node[i].end); k++)
            at = place_item(p, &p->node[i].end[k], ram, at);
    }
    for (unsigned i = FLOW_DATA; i < FLOW_MISSING; i += 8)
        store_le64(ram + i, gen_random(&r) >> (gen_random(&r) % 64));
    for (unsigned i = 0; i < 8; i++)
        store_le64(ram + FLOW_JUMPS + 8 * i,
                   p->node[(p->seed + i * 5) % (FLOW_NODES - FLOW_FUNCTIONS)].at);
    for (unsigned i = 0; i < 4; i++)
        store_le64(ram + FLOW_CALLS + 8 * i, p->node[FLOW_NODES - 1 - i].at);
    for (unsigned i = 0; i < ARRAY_SIZE(control); i++)
        store_le32(ram + FLOW_CONTROL + 4 * i, control[i]);
}
