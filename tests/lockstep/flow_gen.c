/* SPDX-License-Identifier: MIT */
/*
 * The items of whole random programs (flow.h): arithmetic, code that patches, faults, strings, loops over memory, interrupts, x87,
 * SSE, AVX, system registers, segments.
 */
#include "tests/lockstep/flow_maker.h"
#include "tests/lockstep/gen_x87.h"

static void absolute_to(struct maker *m, unsigned reg, u32 add, unsigned kind, unsigned target)
{
    absolute(m, reg, add);
    m->to->fix = (u8)(m->it.len - 4);
    m->to->fix_kind = (u8)kind;
    m->to->target = (u8)target;
}

static void pad(struct maker *m)
{
    while (m->it.len < FLOW_PAD)
        byte(&m->g, 0x90);
}

static void make_integer(struct maker *m)
{
    gen_make_item(&m->it, &m->r, m->g.code32, pick(m, 3));
}

/* Opcodes of five bytes, the last four of them an immediate: each can take the place of another. */
static const u8 patchable[] = {0x05, 0x2d, 0x35, 0x25, 0x0d, 0x3d,
                               0xa9, 0xb8, 0x15, 0x1d, 0xb9, 0xba};

static void make_site(struct maker *m)
{
    byte(&m->g, patchable[pick(m, ARRAY_SIZE(patchable))]);
    value(&m->g, any_value(&m->g), 4);
    m->to->site = 1;
}

static void make_patch(struct maker *m)
{
    u32 add = pick(m, 3) ? 0 : FLOW_ALIAS;
    unsigned which = pick(m, 256);

    switch (pick(m, 5)) {
    case 0: /* the opcode */
        byte(&m->g, 0xc6);
        absolute_to(m, 0, add, FIX_SITE, which);
        byte(&m->g, patchable[pick(m, ARRAY_SIZE(patchable))]);
        break;
    case 1: /* a byte of the immediate */
        byte(&m->g, 0x88);
        absolute_to(m, 0, add + 1 + pick(m, 4), FIX_SITE, which);
        break;
    case 2: /* all of it */
        byte(&m->g, 0xc7);
        absolute_to(m, 0, add + 1, FIX_SITE, which);
        value(&m->g, any_value(&m->g), 4);
        break;
    case 3:
        byte(&m->g, 0x01);
        absolute_to(m, pick(m, 4), add + 1, FIX_SITE, which);
        break;
    default: /* as a string */
        byte(&m->g, 0xbf);
        value(&m->g, add + 1, 4);
        m->to->fix = (u8)(m->it.len - 4);
        m->to->target = (u8)which;
        BYTES(&m->g, 0xb9);
        value(&m->g, 1 + pick(m, 4), 4);
        BYTES(&m->g, 0xf3, 0xaa);
        break;
    }
}

/* Operations on a few registers that make flags, and others that overwrite their operands: who faults behind them shows the
 * flags to the handler, though nobody else may ever look. */
static void make_flags(struct maker *m, unsigned n)
{
    while (n-- > 0) {
        u8 a = (u8)pick(m, 4), b = (u8)pick(m, 4);

        switch (pick(m, 11)) {
        case 0:
        case 1: BYTES(&m->g, (u8)(1 | pick(m, 8) << 3), (u8)(0xc0 | a << 3 | b)); break;
        case 2: BYTES(&m->g, 0x83, (u8)(0xc0 | pick(m, 8) << 3 | a), (u8)any_value(&m->g)); break;
        case 3: BYTES(&m->g, 0xff, (u8)(0xc0 | pick(m, 2) << 3 | a)); break;
        case 4: BYTES(&m->g, 0xc1, (u8)(0xc0 | pick(m, 8) << 3 | a), (u8)pick(m, 32)); break;
        case 5: BYTES(&m->g, 0xf7, (u8)(0xd0 | pick(m, 2) << 3 | a)); break;
        case 6:
            BYTES(&m->g, (u8)(pick(m, 2) ? 0x00 : 0x28), (u8)(0xc0 | pick(m, 8) << 3 | pick(m, 8)));
            break;
        case 7: BYTES(&m->g, 0x89, (u8)(0xc0 | a << 3 | b)); break;
        case 8: BYTES(&m->g, 0xd3, (u8)(0xc0 | pick(m, 8) << 3 | a)); break;
        case 9: BYTES(&m->g, 0x0f, (u8)(pick(m, 2) ? 0xa5 : 0xad), (u8)(0xc0 | a << 3 | b)); break;
        default:
            byte(&m->g, 0xb8 | a);
            value(&m->g, any_value(&m->g), 4);
            break;
        }
    }
}

/* What faults, always or sometimes, in FLOW_PAD bytes; before it flags that somebody may want afterwards. */
static void make_fault(struct maker *m)
{
    static const u32 places[] = {FLOW_MISSING + 8,   FLOW_READ_ONLY + 16, FLOW_MISSING - 2,
                                 FLOW_READ_ONLY - 3, FLOW_PML4,           FLOW_USER + 24,
                                 FLOW_USER + 32};
    static const u8 ops[] = {0x8b, 0x89, 0x01, 0x03, 0x3b, 0x87, 0x39, 0x11};
    unsigned kind = pick(m, 8), from;
    u8 before[64];

    make_flags(m, pick(m, 5));
    from = m->it.len;
    memcpy(before, m->it.bytes, from);
    m->it.len = 0;
    switch (kind) {
    case 0: BYTES(&m->g, 0x0f, 0x0b); break;
    case 1: /* DIV or IDIV by a counter */
        byte(&m->g, 0xf7);
        absolute(m, 6 + pick(m, 2), FLOW_COUNTERS + 4 * pick(m, 16));
        break;
    case 2: /* PUSH, CALL, JMP through what is not there */
        byte(&m->g, 0xff);
        absolute(m, pick(m, 2) ? 6 : pick(m, 2) ? 2 : 4, FLOW_MISSING);
        break;
    case 3:
        BYTES(&m->g, 0x8f);
        absolute(m, 0, FLOW_READ_ONLY + 4);
        break;
    case 4:
        BYTES(&m->g, 0x0f, 0x28, 0x85); /* MOVAPS, at a wrong place */
        value(&m->g, pick(m, 256), 4);
        break;
    default:
        byte(&m->g, ops[pick(m, ARRAY_SIZE(ops))]);
        absolute(m, pick(m, 4), places[pick(m, ARRAY_SIZE(places))]);
        break;
    }
    pad(m);
    memmove(m->it.bytes + from, m->it.bytes, m->it.len);
    memcpy(m->it.bytes, before, from);
    m->it.len += from;
    make_flags(m, pick(m, 3));
}

/* REP with long counts, over pages that may be missing or end it. */
static void make_string(struct maker *m)
{
    static const u8 ops[] = {0xa4, 0xa5, 0xaa, 0xab, 0xa6, 0xae, 0xac};
    bool ends = pick(m, 4) == 0, down = pick(m, 4) == 0;

    byte(&m->g, 0xbe);
    value(&m->g, FLOW_DATA + 0x400 + pick(m, 0x2800), 4);
    byte(&m->g, 0xbf);
    value(&m->g, ends ? FLOW_MISSING - pick(m, 64) : FLOW_DATA + 0x400 + pick(m, 0x2800), 4);
    byte(&m->g, 0xb9);
    value(&m->g, pick(m, 8) ? pick(m, 12) : pick(m, 0x200), 4);
    if (down)
        byte(&m->g, 0xfd);
    BYTES(&m->g, (u8)(pick(m, 4) ? 0xf3 : 0xf2), ops[pick(m, ARRAY_SIZE(ops))], 0x90, 0x90, 0x90,
          0x90, 0x90, 0x90, 0xfc);
}

/* VEX, three bytes; what follows is ModRM. */
static void vex(struct maker *m, unsigned reg, unsigned map, bool w, unsigned vvvv, bool l,
                unsigned pp, unsigned op)
{
    BYTES(&m->g, 0xc4, (u8)(0x60 | (reg < 8 ? 0x80 : 0) | map),
          (u8)(w << 7 | (~vvvv & 15) << 3 | l << 2 | pp), (u8)op);
}

/* Between registers that have no host register of their own everywhere. */
static void make_high_step(struct maker *m)
{
    static const u8 ops[] = {0x01, 0x29, 0x31, 0x09, 0x21, 0x39, 0x89, 0x85, 0x11, 0x19};

    BYTES(&m->g, (u8)(pick(m, 2) ? 0x4d : 0x45), ops[pick(m, ARRAY_SIZE(ops))],
          (u8)(0xc0 | pick(m, 8) << 3 | pick(m, 4)));
}

/* AVX at RSI: loads, stores, additions; padded. */
static void make_vector_step(struct maker *m)
{
    unsigned from = m->it.len, reg = pick(m, 16), vvvv = pick(m, 8);
    bool l = pick(m, 4);

    switch (pick(m, 4)) {
    case 0: vex(m, reg, 1, false, 0, l, 0, 0x10 + pick(m, 2)); break; /* VMOVUPS */
    case 1: vex(m, reg, 1, false, 0, l, 2, pick(m, 2) ? 0x6f : 0x7f); break;
    default: vex(m, reg, 1, false, vvvv, l, 1, pick(m, 2) ? 0xfe : 0xef); break;
    }
    BYTES(&m->g, (u8)(0x46 | (reg & 7) << 3), (u8)(pick(m, 2) ? 16 * pick(m, 8) : pick(m, 128)));
    while (m->it.len - from < FLOW_PAD)
        byte(&m->g, 0x90);
}

/* A gather from around RSI, mostly of all elements, by small indexes; padded. */
static void make_gather(struct maker *m)
{
    unsigned to = pick(m, 16), index = pick(m, 8), mask = pick(m, 8), from;
    bool l = pick(m, 2), all = pick(m, 3);

    vex(m, 2, 1, false, index, true, 1, 0x72); /* VPSRLD */
    BYTES(&m->g, (u8)(0xd0 | index), (u8)(19 + pick(m, 10)));
    if (all) { /* VPCMPEQD */
        vex(m, mask, 1, false, mask, true, 1, 0x76);
        byte(&m->g, 0xc0 | mask << 3 | mask);
    }
    from = m->it.len;
    vex(m, to, 2, pick(m, 2), mask, l, 1, 0x90 + pick(m, 4));
    BYTES(&m->g, (u8)(0x44 | (to & 7) << 3), (u8)(pick(m, 4) << 6 | index << 3 | 6),
          (u8)pick(m, 256));
    while (m->it.len - from < FLOW_PAD)
        byte(&m->g, 0x90);
}

/* An operand at RSI, or at RSI + RCX * scale, a small way off; padded, since it may fault. */
static void make_step(struct maker *m)
{
    static const u8 ops[] = {0x8b, 0x8b, 0x89, 0x89, 0x01, 0x03,
                             0x39, 0x3b, 0x31, 0x88, 0x8a, 0x11};
    static const u8 registers[] = {0, 2, 3};
    unsigned from = m->it.len, sse = pick(m, 6);
    u8 reg = registers[pick(m, ARRAY_SIZE(registers))];

    if (!m->g.code32 && sse && pick(m, 2))
        byte(&m->g, pick(m, 2) ? 0x48 : 0x44 | pick(m, 2) << 3); /* REX.R: R8, R10, R11 */
    if (sse)
        byte(&m->g, ops[pick(m, ARRAY_SIZE(ops))]);
    else
        BYTES(&m->g, 0xf2, 0x0f, (u8)(0x10 + pick(m, 2))); /* MOVSD */
    if (pick(m, 3))
        byte(&m->g, 0x46 | reg << 3);
    else
        BYTES(&m->g, (u8)(0x44 | reg << 3), (u8)(0x0e | pick(m, 4) << 6));
    byte(&m->g, pick(m, 2) ? 8 * pick(m, 8) : pick(m, 256));
    while (m->it.len - from < FLOW_PAD)
        byte(&m->g, 0x90);
}

static void make_some_step(struct maker *m, bool *gathered)
{
    unsigned kind = m->g.code32 ? 9 : pick(m, 10);

    if (kind == 0 && !*gathered) {
        make_gather(m);
        *gathered = true;
    } else if (kind <= 2) {
        make_vector_step(m);
    } else if (kind <= 4) {
        make_high_step(m);
    } else {
        make_step(m);
    }
}

/* An operand at RDI, which goes to and fro between two pages; padded. */
static void make_turn(struct maker *m, unsigned bits)
{
    static const u8 ops[] = {0x8b, 0x89, 0x03, 0x01, 0x3b};
    unsigned from = m->it.len;

    BYTES(&m->g, ops[pick(m, ARRAY_SIZE(ops))], (u8)(0x47 | pick(m, 4) << 3), (u8)pick(m, 256));
    while (m->it.len - from < FLOW_PAD)
        byte(&m->g, 0x90);
    BYTES(&m->g, 0x81, 0xf7); /* XOR EDI */
    value(&m->g, bits, 4);
}

/* Where a walk begins, and by how much it goes on each round. */
static u32 begin_walk(struct maker *m, unsigned *step)
{
    static const u8 steps[] = {1, 4, 8, 16, 0xf8, 0, 64};

    *step = steps[pick(m, ARRAY_SIZE(steps))];
    switch (pick(m, 5)) {
    case 0: return FLOW_MISSING + 0x1000 * pick(m, 2) - pick(m, 512);
    case 1: /* down to where it must not write */
        *step = 0xf8;
        return FLOW_READ_ONLY + 0x1000 + pick(m, 256);
    default: return FLOW_DATA + 0x1000 * (1 + pick(m, 3)) - pick(m, 512);
    }
}

/* A loop over memory by several operands at one register, to and over the border of a page that may be missing, perhaps with others
 * at a second. */
static void make_walk(struct maker *m)
{
    unsigned n = 2 + pick(m, 4), again, step, turn = 0x1000u << pick(m, 2);
    u32 from = begin_walk(m, &step);
    bool stack = pick(m, 2), gathered = pick(m, 2), second = pick(m, 2);

    byte(&m->g, 0xbe); /* MOV ESI */
    value(&m->g, from, 4);
    if (second) {
        byte(&m->g, 0xbf);
        value(&m->g, FLOW_DATA + 0x80 + pick(m, 0x3f00), 4);
    }
    byte(&m->g, 0xb9);
    value(&m->g, 1 + pick(m, pick(m, 2) ? 16 : 120), 4);
    again = m->it.len;
    if (stack)
        byte(&m->g, 0x50);
    while (n-- > 0)
        make_some_step(m, &gathered);
    if (second)
        make_turn(m, turn);
    if (stack)
        byte(&m->g, 0x5a);
    BYTES(&m->g, 0x83, 0xc6, (u8)step);
    if (m->g.code32)
        byte(&m->g, 0x49);
    else
        BYTES(&m->g, 0xff, 0xc9);
    byte(&m->g, 0x75);
    byte(&m->g, again - m->it.len - 1);
}

static void make_interrupt(struct maker *m)
{
    static const u8 which[] = {FLOW_INT_COUNT, FLOW_INT_UNMAP, FLOW_INT_UNMAP, FLOW_INT_UNMAP,
                               FLOW_INT_SWAP};

    BYTES(&m->g, 0xcd, which[pick(m, ARRAY_SIZE(which))]);
}

static void memory_operand(struct maker *m, unsigned reg, unsigned align)
{
    byte(&m->g, 0x85 | (reg & 7) << 3);
    value(&m->g, (u64)(((i64)pick(m, 0x1000) - 0x800) & -(i64)align), 4);
}

static void make_sse(struct maker *m)
{
    static const u8 prefixes[] = {0, 0x66, 0xf3, 0xf2};
    static const u8 four[] = {0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f, 0x51};
    static const u8 two[] = {0x54, 0x55, 0x56, 0x57, 0x14, 0x15, 0x28, 0x29, 0x2e, 0x2f, 0x5a};
    static const u8 one[] = {0xfc, 0xfd, 0xfe, 0xd4, 0xf8, 0xf9, 0xfa, 0xfb, 0xef, 0xeb, 0xdb,
                             0xdf, 0x74, 0x75, 0x76, 0x60, 0x61, 0x62, 0x6c, 0x6b, 0x63, 0x67,
                             0xd5, 0xe4, 0xe5, 0xf4, 0xf5, 0xf6, 0xe0, 0xe3, 0x6f, 0x7f};
    unsigned prefix, op, reg = pick(m, m->g.code32 ? 8 : 16), kind = pick(m, 5);
    bool mem = pick(m, 2);

    if (kind == 0) {
        prefix = prefixes[pick(m, 4)];
        op = four[pick(m, ARRAY_SIZE(four))];
    } else if (kind == 1) {
        prefix = prefixes[pick(m, 2)];
        op = two[pick(m, ARRAY_SIZE(two))];
    } else if (kind == 2) { /* moves without alignment, conversions */
        static const u8 any[] = {0x10, 0x11, 0x2a, 0x2c, 0x2d};

        op = any[pick(m, ARRAY_SIZE(any))];
        prefix = op < 0x20 ? prefixes[pick(m, 4)] : prefixes[2 + pick(m, 2)];
        if (op >= 0x2c)
            reg = pick(m, 4);
    } else {
        prefix = 0x66;
        op = one[pick(m, ARRAY_SIZE(one))];
    }
    if (prefix)
        byte(&m->g, prefix);
    if (reg >= 8)
        byte(&m->g, 0x44);
    BYTES(&m->g, 0x0f, (u8)op);
    if (mem)
        memory_operand(m, reg, op == 0x10 || op == 0x11 ? 1 : 16);
    else
        byte(&m->g, 0xc0 | (reg & 7) << 3 | pick(m, op == 0x2a ? 4 : 8));
}

/* AVX between SSE: upper halves come, stay and go. */
static void make_avx(struct maker *m)
{
    static const u8 logic[] = {0xfc, 0xfd, 0xfe, 0xd4, 0xf8, 0xef, 0xeb, 0xdb, 0x74, 0x75,
                               0x60, 0x62, 0x6b, 0x67, 0xd5, 0xf4, 0xf5, 0xe0, 0xd2, 0xf3};
    static const u8 real[] = {0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f, 0x54, 0x57, 0x14, 0x15};
    static const u8 map2[] = {0x00, 0x01, 0x0b, 0x28, 0x29, 0x38, 0x3c, 0x40, 0x45, 0x47,
                              0x98, 0x9c, 0xa8, 0xac, 0xb8, 0xbc, 0xb6, 0xb9, 0xbd};
    unsigned n = m->g.code32 ? 8 : 16, reg = pick(m, n), vvvv = pick(m, n), align = 1;
    bool l = pick(m, 3), mem = pick(m, 2);
    u8 op;

    switch (pick(m, 8)) {
    case 0:
        BYTES(&m->g, 0xc5, 0xf8, 0x77); /* VZEROUPPER */
        return;
    case 1:
    case 2: vex(m, reg, 1, false, vvvv, l, 1, logic[pick(m, ARRAY_SIZE(logic))]); break;
    case 3: vex(m, reg, 1, false, vvvv, l, pick(m, 2), real[pick(m, ARRAY_SIZE(real))]); break;
    case 4:
        op = map2[pick(m, ARRAY_SIZE(map2))];
        vex(m, reg, 2, op >= 0x40 && pick(m, 2), vvvv, l, 1, op);
        break;
    case 5: /* VMOVUPS, VMOVAPS, loads and stores */
        op = (u8)(pick(m, 2) ? 0x10 | pick(m, 2) : 0x28 | pick(m, 2));
        align = op >= 0x28 && pick(m, 4) ? 32 : 1;
        vex(m, reg, 1, false, 0, l, pick(m, 2), op);
        break;
    case 6: /* VMASKMOVPS, VPBROADCASTD, VCVTDQ2PD */
        mem = true;
        op = (u8)(pick(m, 2) ? 0x2c : 0x2e);
        vex(m, reg, 2, false, vvvv, l, 1, op);
        break;
    default: /* VPMOVMSKB to a register that is none's pointer */
        mem = false;
        vex(m, pick(m, 4), 1, false, 0, l, 1, 0xd7);
        break;
    }
    if (mem)
        memory_operand(m, reg, align);
    else
        byte(&m->g, 0xc0 | (reg & 7) << 3 | pick(m, 8));
}

static void make_x87(struct maker *m)
{
    static const u8 mem[][2] = {{0xd9, 0}, {0xd9, 2}, {0xd9, 3}, {0xdd, 0}, {0xdd, 2}, {0xdd, 3},
                                {0xdb, 0}, {0xdb, 3}, {0xdf, 5}, {0xdf, 7}, {0xdb, 5}, {0xdb, 7},
                                {0xd8, 0}, {0xdc, 1}, {0xd8, 4}, {0xdc, 6}, {0xda, 0}, {0xde, 1},
                                {0xd8, 3}, {0xd9, 7}, {0xdd, 7}};
    static const u8 reg[] = {0xe0, 0xe1, 0xfa, 0xfc, 0xe8, 0xeb, 0xee, 0xe4, 0xe5, 0xf6, 0xf7};
    static const u8 mmx[] = {0xfc, 0xd5, 0xef, 0x6f, 0x7f, 0x60, 0x74, 0xdb};
    unsigned k = pick(m, ARRAY_SIZE(mem));

    if (pick(m, 2)) {
        gen_x87(&m->g);
        return;
    }
    switch (pick(m, 7)) {
    case 0:
    case 1:
        byte(&m->g, mem[k][0]);
        memory_operand(m, mem[k][1], 1);
        break;
    case 2: BYTES(&m->g, 0xd9, reg[pick(m, ARRAY_SIZE(reg))]); break;
    case 3: BYTES(&m->g, (u8)(pick(m, 2) ? 0xd8 : 0xdc), (u8)(0xc0 | pick(m, 64))); break;
    case 4: BYTES(&m->g, 0xd9, (u8)(0xc0 | pick(m, 16))); break;
    case 5:
        BYTES(&m->g, 0xdf, 0xe0, 0xdb, (u8)(0xe2 + pick(m, 2)), 0xdb, (u8)(0xf0 | pick(m, 8)));
        break;
    default:
        BYTES(&m->g, 0x0f, mmx[pick(m, ARRAY_SIZE(mmx))]);
        if (pick(m, 2))
            memory_operand(m, pick(m, 8), 1);
        else
            byte(&m->g, 0xc0 | pick(m, 64));
        if (pick(m, 2))
            BYTES(&m->g, 0x0f, 0x77);
        break;
    }
}

/* What ends a block in its own way, or looks at more state. */
static void make_other(struct maker *m)
{
    switch (pick(m, 6)) {
    case 0: BYTES(&m->g, 0x0f, 0xa2); break; /* CPUID */
    case 1: BYTES(&m->g, 0xf3, 0x90); break; /* PAUSE */
    case 2: BYTES(&m->g, 0x9c, 0x9d); break;
    case 3: /* MXCSR; with an exception unmasked for one instruction */
        BYTES(&m->g, 0x0f, 0xae);
        absolute(m, 2, FLOW_CONTROL + 4 * pick(m, 4));
        BYTES(&m->g, (u8)(pick(m, 2) ? 0x66 : 0x90), 0x0f, 0x5e, (u8)(0xc0 | pick(m, 64)), 0x90,
              0x90, 0x90, 0x90);
        BYTES(&m->g, 0x0f, 0xae);
        absolute(m, 2, FLOW_CONTROL + 16);
        break;
    case 4:
        byte(&m->g, 0xff);
        absolute(m, 0, FLOW_COUNTERS + 4 * pick(m, 16));
        break;
    default: BYTES(&m->g, 0x0f, 0xae, 0xf0); break; /* MFENCE */
    }
}

/* PEXTRB and its like; PCMPxSTRx. */
static void make_sse4(struct maker *m)
{
    bool strings = pick(m, 2);

    BYTES(&m->g, 0x66, 0x0f, 0x3a, (u8)(strings ? 0x60 + pick(m, 4) : 0x14 + pick(m, 4)));
    if (pick(m, 2))
        memory_operand(m, pick(m, 8), 1);
    else
        byte(&m->g, 0xc0 | pick(m, 8) << 3 | pick(m, strings ? 8 : 4));
    byte(&m->g, pick(m, 256));
}

/* What looks at or changes the system's own registers. */
static void make_system(struct maker *m)
{
    static const u8 crs[] = {0, 2, 3, 4};
    u8 reg = (u8)(pick(m, 4) << 3 | 0xc0), to = (u8)pick(m, 4);

    switch (pick(m, 6)) {
    case 0:
    case 1:
        if (!m->user) /* CLAC, STAC, and an access that depends on it */
            BYTES(&m->g, 0x0f, 0x01, (u8)(0xca + pick(m, 2)));
        byte(&m->g, pick(m, 2) ? 0x8b : 0x01);
        absolute(m, pick(m, 4), FLOW_USER + 4 * pick(m, 16));
        BYTES(&m->g, 0x90, 0x90); /* FLOW_PAD bytes at least */
        break;
    case 2:
        if (!m->user)
            BYTES(&m->g, 0x0f, 0x20, (u8)(0xc0 | crs[pick(m, 4)] << 3 | to));
        break;
    case 3: BYTES(&m->g, 0x8c, (u8)(0xc0 | pick(m, 6) << 3 | to)); break;
    case 4: BYTES(&m->g, (u8)(0xfc + pick(m, 2)), 0xfc); break; /* CLD or STD, CLD */
    default: /* RDFSBASE and its like; what is written is small */
        if (!m->g.code32)
            BYTES(&m->g, 0x83, (u8)(0xe0 | to), 0x7f, 0xf3, 0x48, 0x0f, 0xae, (u8)(reg | to));
        break;
    }
}

/* Memory through FS and GS. */
static void make_segment(struct maker *m)
{
    static const u16 ops[] = {0x8b,  0x89,  0x03,  0x01,  0x3b,  0x85,  0x88,
                              0x8a,  0x00,  0x11,  0x1b,  0x87,  0xfb6, 0xfc1,
                              0xfb1, 0xf10, 0xf11, 0xf6f, 0xf7f, 0xfaf, 0xf44};
    unsigned op = ops[pick(m, ARRAY_SIZE(ops))], prefix = 0x64 + pick(m, 2);

    byte(&m->g, prefix);
    switch (pick(m, 6)) {
    case 0: BYTES(&m->g, 0xff, (u8)(0x85 | pick(m, 2) << 3)); break; /* INC, DEC */
    case 1: BYTES(&m->g, 0xd3, (u8)(0x85 | pick(m, 8) << 3)); break;
    default:
        if (op > 0xff)
            byte(&m->g, 0x0f);
        BYTES(&m->g, (u8)op, (u8)(0x85 | pick(m, 4) << 3));
        break;
    }
    value(&m->g, pick(m, 0x1000) - 0x800ull, 4);
}

void flow_make_item(struct maker *m, struct flow_item *to)
{
    begin(m, to);
    switch (pick(m, 20)) {
    case 0:
    case 1:
    case 2: make_site(m); break;
    case 3:
    case 4: make_patch(m); break;
    case 5: make_fault(m); break;
    case 6:
    case 17: make_walk(m); break;
    case 7: make_string(m); break;
    case 8: make_interrupt(m); break;
    case 9: make_sse(m); break;
    case 10:
        if (pick(m, 2))
            make_sse(m);
        else
            make_avx(m);
        break;
    case 11: make_x87(m); break;
    case 12: make_other(m); break;
    case 13: make_system(m); break;
    case 14: make_sse4(m); break;
    case 15: make_segment(m); break;
    case 16: make_avx(m); break;
    default: make_integer(m); break;
    }
    end(m);
}
