/* SPDX-License-Identifier: MIT */
/*
 * Whole random programs, interpreter against translator: what blocks one by one cannot show. A program is a graph of nodes
 * on several pages of code that loop, call each other and jump through tables, patch themselves and each other (ahead in
 * the same block, in another block, on another page, through a second mapping), fault in the middle of blocks and go on
 * behind, or are given the page that was missing and go on there, have their mapping exchanged, and use strings, x87, MMX
 * and SSE. It runs until its budget ends, so it needs no end of its own.
 *
 *   flow_graph.c    makes a program from a seed, and its bytes; of items (flow_gen.c)
 *   flow_machine.c  a machine with page tables and handlers to run it in, on one engine
 *   flow.c          runs it on several, stops them at the same random positions, compares, shrinks what differs
 */
#ifndef X86SIM_TESTS_LOCKSTEP_FLOW_H
#define X86SIM_TESTS_LOCKSTEP_FLOW_H

#include "bt/bt.h"
#include "cpu/apic_map.h"
#include "tests/lib/bare.h"
#include "tests/lockstep/gen.h"

/* Guest memory: linear and physical addresses are the same but for the second mapping of the code. */
enum {
    FLOW_PML4 = 0x1000, /* and the three tables below it, a page each */
    FLOW_PT = 0x4000,
    FLOW_GDT = 0x5000,
    FLOW_TSS = 0x5100,
    FLOW_IDT = 0x5800,
    FLOW_HANDLERS = 0x6000,
    FLOW_KERNEL_STACK = 0x8000,
    FLOW_CODE = 0x8000,
    FLOW_CODE_END = 0xd000,
    FLOW_DATA = 0x10000, /* four pages, whose present bits come and go */
    FLOW_POINTER = 0x12000,
    FLOW_MISSING = 0x14000,
    FLOW_READ_ONLY = 0x15000,
    FLOW_USER = 0x17000,  /* at CPL 0 the only one of the user's, which EFLAGS.AC opens */
    FLOW_STACK = 0x19000, /* the middle */
    FLOW_VARS = 0x1c000,
    FLOW_END = 0x20000,
    FLOW_ALIAS = 0x40000, /* add to an address of code: the second mapping */

    FLOW_COUNTERS = FLOW_VARS,        /* 16 words of 4 bytes */
    FLOW_SLOTS = FLOW_VARS + 0x100,   /* saved stack pointers, 8 bytes each */
    FLOW_JUMPS = FLOW_VARS + 0x200,   /* table of 8 addresses */
    FLOW_CALLS = FLOW_VARS + 0x300,   /* table of 4 functions */
    FLOW_CONTROL = FLOW_VARS + 0x400, /* MXCSR values */

    FLOW_INT_COUNT = 0x40, /* counts */
    FLOW_INT_UNMAP = 0x41, /* takes two pages of data away */
    FLOW_INT_SWAP = 0x42,  /* exchanges two pages of the second mapping of the code */
};

#define FLOW_NODES 16
#define FLOW_FUNCTIONS 4 /* the last ones */
#define FLOW_ITEMS 9     /* of a node at most */
#define FLOW_NODE_BYTES 0x4c0
#define FLOW_PAD 8 /* length of what may fault: handlers skip as much */

struct flow_item {
    u8 bytes[128];
    u8 len;
    u8 site;   /* 1 + offset of a patchable instruction (opcode, four bytes); 0: none */
    u8 fix;    /* offset of a word to which the address of a site or node is added; 0: none */
    u8 target; /* which */
    u8 fix_kind;
    bool left_out;
};
enum { FIX_SITE, FIX_NODE, FIX_RELATIVE };

struct flow_node {
    u32 at;
    unsigned n;
    struct flow_item item[FLOW_ITEMS], end[3];
};

struct flow_program {
    u64 seed;
    bool code32, user;
    struct flow_node node[FLOW_NODES];
    u32 site[FLOW_NODES * FLOW_ITEMS];
    unsigned n_sites;
};

/* The program of a seed. */
void flow_generate(struct flow_program *p, u64 seed);
/* Its bytes and tables into RAM; places its sites. */
void flow_place(struct flow_program *p, u8 *ram);

struct flow_machine {
    struct bare bare;
    struct vcpu *v;
    struct apic_map map;
    u64 faults, insns; /* counted */
    bool bt, step;
    struct bt_options options;
};

/* A machine whose engine is the translator (bt), or the interpreter in blocks or (step) by instructions. */
bool flow_machine_create(struct flow_machine *m, bool bt, bool step, const struct bt_options *o);
void flow_machine_destroy(struct flow_machine *m);
/* Begin a program: `image`: the first FLOW_END bytes of memory. */
void flow_machine_start(struct flow_machine *m, const struct flow_program *p, const u8 *image);
/* Run n instructions and deliveries further; fewer if the processor stops for good. */
void flow_machine_run(struct flow_machine *m, u64 n);
/* Somebody else writes to memory. Between runs. */
void flow_machine_write(struct flow_machine *m, u32 gpa, const u8 *bytes, unsigned n);
/* Tables and handlers. */
void flow_make_system(u8 *ram);

/* Programs seed .. seed + count - 1. `budget` instructions each. stats: say what they did. Returns how many failed; *passed:
 * the others. */
unsigned flow_run(u64 seed, u64 count, u64 budget, bool stats, unsigned *passed);

#endif
