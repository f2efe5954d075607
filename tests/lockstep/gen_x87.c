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

/* Opcodes of the form mm, mm/m; MAP_38: SSSE3. */
static const u16 packed[] = {
    0x160, 0x161, 0x162, 0x163, 0x164, 0x165, 0x166, 0x167, 0x168, 0x169, 0x16a, 0x16b,
    0x16f, 0x174, 0x175, 0x176, 0x1d1, 0x1d2, 0x1d3, 0x1d4, 0x1d5, 0x1d8, 0x1d9, 0x1da,
    0x1db, 0x1dc, 0x1dd, 0x1de, 0x1df, 0x1e0, 0x1e1, 0x1e2, 0x1e3, 0x1e4, 0x1e5, 0x1e8,
    0x1e9, 0x1ea, 0x1eb, 0x1ec, 0x1ed, 0x1ee, 0x1ef, 0x1f1, 0x1f2, 0x1f3, 0x1f4, 0x1f5,
    0x1f6, 0x1f8, 0x1f9, 0x1fa, 0x1fb, 0x1fc, 0x1fd, 0x1fe, 0x200, 0x201, 0x202, 0x203,
    0x204, 0x205, 0x206, 0x207, 0x208, 0x209, 0x20a, 0x20b, 0x21c, 0x21d, 0x21e,
};

static void mmx(struct gen *g)
{
    static const u8 by_immediate[][2] = {{0x71, 2}, {0x71, 4}, {0x71, 6}, {0x72, 2},
                                         {0x72, 4}, {0x72, 6}, {0x73, 2}, {0x73, 6}};
    unsigned reg = below(g, 8), k = below(g, ARRAY_SIZE(by_immediate)), size = any_size(g, false);
    struct rm mm = pick_rm(g, below(g, 2)), any = mm, place = pick_rm(g, true);

    mm.reg = below(g, 8);
    switch (below(g, 12)) {
    case 0: /* MOVD */
    case 1:
        emit(g, 0, MAP_0F | (below(g, 2) ? 0x6e : 0x7e), size == 2 ? 4 : size, reg, &any);
        break;
    case 2: emit(g, 0, MAP_0F | 0x7f, 4, reg, &mm); break;    /* MOVQ */
    case 3: emit(g, 0, MAP_0F | 0xe7, 4, reg, &place); break; /* MOVNTQ */
    case 4:
        mm.mem = false;
        emit(g, 0, MAP_0F | by_immediate[k][0], 4, by_immediate[k][1], &mm);
        byte(g, below(g, 70));
        break;
    case 5: /* PSHUFW, PINSRW */
        if (below(g, 2))
            emit(g, 0, MAP_0F | 0x70, 4, reg, &mm);
        else
            emit(g, 0, MAP_0F | 0xc4, 4, reg, &any);
        byte(g, below(g, 256));
        break;
    case 6: /* PEXTRW, PMOVMSKB */
        mm.mem = false;
        reg = any_reg(g);
        emit(g, 0, MAP_0F | (k & 1 ? 0xc5 : 0xd7), 4, reg, &mm);
        if (k & 1)
            byte(g, below(g, 256));
        break;
    case 7: BYTES(g, 0x0f, 0x3a, 0x0f, (u8)(0xc0 | below(g, 64)), (u8)below(g, 20)); break;
    case 8: BYTES(g, 0x0f, 0x77); break;
    default: emit(g, 0, packed[below(g, ARRAY_SIZE(packed))], 4, reg, &mm); break;
    }
}

void gen_x87(struct gen *g)
{
    for (unsigned n = 1 + below(g, 4); n; n--) {
        unsigned kind = below(g, 36);

        if (kind >= 32)
            mmx(g);
        else if (kind < 14)
            memory_form(g);
        else if (kind < 30)
            register_form(g);
        else if (kind == 30)
            control_word(g);
        else
            BYTES(g, 0xdb, 0xe3); /* FNINIT */
    }
}
