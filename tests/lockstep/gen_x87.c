/* SPDX-License-Identifier: MIT */
/*
 * x87 items of the random programs: see gen.h. One item is a few x87 instructions, now and then an MMX one or a change of
 * the control word among them. Left out is what CPUs do differently or what shows more of the unit than the program put
 * there: transcendental functions and remainders, and images of the whole state.
 */
#include "tests/lockstep/gen_x87.h"

/* Opcode, and a bit for each ModRM.reg (memory operand) that may follow. */
static const struct {
    u8 opcode, regs;
} in_memory[] = {
    {0xd8, 0xff}, {0xd9, 0x8d}, {0xda, 0xff}, {0xdb, 0xaf}, {0xdc, 0xff}, {0xdd, 0x8f},
    {0xde, 0xff}, {0xdf, 0xef}, {0xd9, 0x0d}, {0xdd, 0x0d}, {0xdd, 0x0d},
};

/* Opcode and a range of ModRM bytes. */
static const struct {
    u8 opcode, first, n;
} in_registers[] = {
    {0xd8, 0xc0, 64}, {0xd9, 0xc0, 16}, {0xd9, 0xd0, 1},  {0xd9, 0xd8, 8},  {0xd9, 0xe0, 2},
    {0xd9, 0xe4, 2},  {0xd9, 0xe8, 7},  {0xd9, 0xf4, 1},  {0xd9, 0xf6, 2},  {0xd9, 0xfa, 1},
    {0xd9, 0xfc, 2},  {0xda, 0xc0, 32}, {0xda, 0xe9, 1},  {0xdb, 0xc0, 32}, {0xdb, 0xe2, 1},
    {0xdb, 0xe8, 16}, {0xdc, 0xc0, 64}, {0xdd, 0xc0, 48}, {0xde, 0xc0, 24}, {0xde, 0xd9, 1},
    {0xde, 0xe0, 32}, {0xdf, 0xc0, 32}, {0xdf, 0xe0, 1},  {0xdf, 0xe8, 16}, {0x9b, 0, 0},
    {0xd9, 0xe8, 7},
};

static void memory_form(struct gen *g)
{
    unsigned i = below(g, ARRAY_SIZE(in_memory)), reg;
    struct rm rm = pick_rm(g, true);

    do
        reg = below(g, 8);
    while (!(in_memory[i].regs >> reg & 1));
    if (in_memory[i].opcode == 0xdf && reg == 4)
        reg = 5; /* FBLD of digits above 9 */
    emit(g, 0, in_memory[i].opcode, 4, reg, &rm);
}

static void register_form(struct gen *g)
{
    unsigned i = below(g, ARRAY_SIZE(in_registers));

    byte(g, in_registers[i].opcode);
    if (in_registers[i].n)
        byte(g, in_registers[i].first + below(g, in_registers[i].n));
}

/* Another control word, by way of memory: any rounding and precision, seldom with something unmasked. */
static void control_word(struct gen *g)
{
    static const unsigned precisions[] = {0, 0x200, 0x300, 0x300};
    struct rm rm = pick_rm(g, true);
    unsigned cw = 0x7f | below(g, 4) << 10 | precisions[below(g, 4)];

    rm.indexed = false;
    if (below(g, 12) == 0)
        cw &= ~below(g, 64);
    emit(g, 0, 0xc7, 2, 0, &rm);
    value(g, cw, 2);
    emit(g, 0, 0xd9, 4, 5, &rm);
}

static void mmx(struct gen *g)
{
    struct rm rm = pick_rm(g, true);

    switch (below(g, 3)) {
    case 0: emit(g, 0, MAP_0F | 0x6f, 4, below(g, 8), &rm); break;  /* MOVQ mm, m */
    case 1: BYTES(g, 0x0f, 0xfe, (u8)(0xc0 | below(g, 64))); break; /* PADDD */
    default: BYTES(g, 0x0f, 0x77); break;
    }
}

void gen_x87(struct gen *g)
{
    for (unsigned n = 1 + below(g, 4); n; n--) {
        unsigned kind = below(g, 32);

        if (kind < 14)
            memory_form(g);
        else if (kind < 30)
            register_form(g);
        else if (kind == 30)
            control_word(g);
        else if (below(g, 4) == 0)
            mmx(g);
        else
            BYTES(g, 0xdb, 0xe3); /* FNINIT */
    }
}
