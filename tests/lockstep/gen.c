/* SPDX-License-Identifier: MIT */
/*
 * See gen.h. Each pick_*() appends one kind of item; what it appends keeps the program inside its
 * data and stack areas whatever the registers hold (bit offsets, for one, are made 16 bits wide).
 */
#include "tests/lockstep/gen.h"

#include "tests/lockstep/emit.h"
#include "tests/lockstep/gen_bmi.h"
#include "tests/lockstep/gen_x87.h"

u64 gen_random(struct gen_random *r)
{
    u64 z = r->state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* --- Kinds of items ----------------------------------------------------------------------------
 */

static void alu_flags(struct gen *g, unsigned op)
{
    if (op == 1 || op == 4 || op == 6)
        undefined(g, FL_AF);
}

static void pick_alu(struct gen *g)
{
    unsigned op = below(g, 8), size = any_size(g, true), reg = safe_reg(g, size, any_reg(g));
    struct rm rm = any_rm(g, size);
    bool to_reg = below(g, 2);

    emit(g, to_reg || op == 7 ? 0 : lock_of(g, &rm), op << 3 | (to_reg ? 2 : 0) | (size > 1), size,
         reg, &rm);
    alu_flags(g, op);
}

static void pick_alu_imm(struct gen *g)
{
    unsigned op = below(g, 8), size = any_size(g, true);
    struct rm rm = any_rm(g, size);
    bool small = size > 1 && below(g, 2);

    emit(g, op == 7 ? 0 : lock_of(g, &rm), size == 1 ? 0x80 : small ? 0x83 : 0x81, size, op, &rm);
    value(g, any_value(g), size == 1 || small ? 1 : size == 2 ? 2 : 4);
    alu_flags(g, op);
}

static void pick_acc_imm(struct gen *g)
{
    unsigned op = below(g, 9), size = any_size(g, true);

    if (size == 2)
        byte(g, 0x66);
    if (size == 8)
        byte(g, 0x48);
    byte(g, op == 8 ? 0xa8 | (size > 1) : op << 3 | 4 | (size > 1));
    value(g, any_value(g), size == 1 ? 1 : size == 2 ? 2 : 4);
    if (op == 8)
        undefined(g, FL_AF);
    else
        alu_flags(g, op);
}

static void pick_test(struct gen *g)
{
    unsigned size = any_size(g, true);
    struct rm rm = any_rm(g, size);

    if (below(g, 2)) {
        emit(g, 0, 0x84 | (size > 1), size, safe_reg(g, size, any_reg(g)), &rm);
    } else {
        emit(g, 0, 0xf6 | (size > 1), size, below(g, 2), &rm);
        value(g, any_value(g), size == 1 ? 1 : size == 2 ? 2 : 4);
    }
    undefined(g, FL_AF);
}

static void pick_unary(struct gen *g)
{
    unsigned size = any_size(g, true);
    struct rm rm = any_rm(g, size);
    unsigned lock = lock_of(g, &rm);

    if (below(g, 2))
        emit(g, lock, 0xfe | (size > 1), size, below(g, 2), &rm);
    else
        emit(g, lock, 0xf6 | (size > 1), size, 2 + below(g, 2), &rm);
}

static void pick_shift(struct gen *g)
{
    unsigned size = any_size(g, true), op = below(g, 8), kind = below(g, 3), count;
    struct rm rm = any_rm(g, size);
    u32 flags = op >= 4 ? FL_AF | FL_OF : FL_OF;

    count = (unsigned)any_value(g) & 0xff;
    emit(g, 0, (kind == 0 ? 0xc0 : kind == 1 ? 0xd0 : 0xd2) | (size > 1), size, op, &rm);
    if (kind == 0)
        byte(g, count);
    if (kind == 1)
        flags &= ~(u32)FL_OF;
    if (op >= 4 && size <= 2 && (kind == 2 || (kind == 0 && (count & 31) >= size * 8)))
        flags |= FL_CF;
    /* Rotates through carry whose count is a multiple of 9 or 17 may or may not change CF by the
     * manual's words: they do not. */
    undefined(g, flags);
}

static void pick_shld(struct gen *g)
{
    unsigned size = any_size(g, false), right = below(g, 2) ? 8 : 0;
    struct rm rm = any_rm(g, size);

    if (below(g, 2)) {
        emit(g, 0, MAP_0F | 0xa4 | right, size, any_reg(g), &rm);
        byte(g, size == 2 ? below(g, 17) : (unsigned)any_value(g) & 0xff);
    } else {
        if (size == 2)
            BYTES(g, 0x80, 0xe1, 0x0f); /* and cl, 15 */
        emit(g, 0, MAP_0F | 0xa5 | right, size, any_reg(g), &rm);
    }
    undefined(g, FL_AF | FL_OF);
}

static void pick_bt(struct gen *g)
{
    unsigned size = any_size(g, false), op = below(g, 4), reg = any_reg(g);
    struct rm rm = any_rm(g, size);
    unsigned lock = op ? lock_of(g, &rm) : 0;

    if (below(g, 2)) {
        emit(g, lock, MAP_0F | 0xba, size, 4 + op, &rm);
        byte(g, (unsigned)any_value(g) & 0xff);
    } else {
        struct rm low = {.reg = reg};
        if (rm.mem && size > 2)
            emit(g, 0, MAP_0F | 0xbf, size, reg,
                 &low); /* movsx reg, reg16: keeps the address near */
        emit(g, lock, MAP_0F | 0xa3 | op << 3, size, reg, &rm);
    }
    undefined(g, FL_OF | FL_SF | FL_AF | FL_PF);
}

static void pick_mul(struct gen *g)
{
    unsigned size, kind = below(g, 4);
    struct rm rm;

    size = any_size(g, kind < 2);
    rm = any_rm(g, size);
    if (kind < 2) {
        emit(g, 0, 0xf6 | (size > 1), size, 4 + kind, &rm);
    } else if (kind == 2) {
        emit(g, 0, MAP_0F | 0xaf, size, any_reg(g), &rm);
    } else {
        bool small = below(g, 2);
        emit(g, 0, small ? 0x6b : 0x69, size, any_reg(g), &rm);
        value(g, any_value(g), small ? 1 : size == 2 ? 2 : 4);
    }
    undefined(g, FL_SF | FL_ZF | FL_AF | FL_PF);
}

/* Mostly made harmless: the high half is cleared and the divisor odd. Else #DE may end the program.
 */
static void pick_div(struct gen *g)
{
    unsigned size = any_size(g, true);
    struct rm rm = {.reg = g->code32 ? 3 : 8 + below(g, 4)};
    bool is_signed = below(g, 2);

    if (size == 1)
        rm.reg = 3;
    if (below(g, 30)) {
        if (size == 1)
            BYTES(g, 0x0f, 0xb6, 0xc0); /* movzx eax, al */
        else
            BYTES(g, 0x31, 0xd2); /* xor edx, edx */
        emit(g, 0, size == 1 ? 0x80 : 0x83, size, 1, &rm);
        byte(g, 1);
    } else if (below(g, 2)) {
        rm = any_rm(g, size);
    }
    if (is_signed && size > 1) {
        if (size == 2)
            byte(g, 0x66);
        if (size == 8)
            byte(g, 0x48);
        byte(g, 0x99); /* cwd, cdq, cqo */
    }
    emit(g, 0, 0xf6 | (size > 1), size, is_signed ? 7 : 6, &rm);
    undefined(g, FL_ARITH);
}

static void pick_mov(struct gen *g)
{
    unsigned size = any_size(g, true), reg = safe_reg(g, size, any_reg(g));
    struct rm rm = any_rm(g, size);

    switch (below(g, 3)) {
    case 0: emit(g, 0, 0x88 | (size > 1), size, reg, &rm); break;
    case 1: emit(g, 0, 0x8a | (size > 1), size, reg, &rm); break;
    default:
        emit(g, 0, 0xc6 | (size > 1), size, 0, &rm);
        value(g, any_value(g), size == 1 ? 1 : size == 2 ? 2 : 4);
        break;
    }
}

static void pick_mov_imm(struct gen *g)
{
    unsigned size = any_size(g, true), reg = safe_reg(g, size, any_reg(g));
    unsigned rex = (size == 8) << 3 | reg >> 3;

    if (size == 2)
        byte(g, 0x66);
    if (rex)
        byte(g, 0x40 | rex);
    byte(g, (size == 1 ? 0xb0 : 0xb8) | (reg & 7));
    value(g, any_value(g), size);
}

static void pick_movx(struct gen *g)
{
    unsigned size = any_size(g, false), from16 = below(g, 2);
    struct rm rm = any_rm(g, from16 ? 2 : 1);

    if (!g->code32 && below(g, 4) == 0) {
        emit(g, 0, 0x63, size, any_reg(g), &rm); /* MOVSXD */
        return;
    }
    emit(g, 0, MAP_0F | (below(g, 2) ? 0xb6 : 0xbe) | from16, size, any_reg(g), &rm);
}

static void pick_lea(struct gen *g)
{
    struct rm rm = pick_rm(g, true);

    if (!g->code32 && below(g, 6) == 0)
        byte(g, 0x67);
    emit(g, 0, 0x8d, any_size(g, false), any_reg(g), &rm);
}

static void pick_cond(struct gen *g)
{
    struct rm rm;
    unsigned size, cond = below(g, 16);

    if (below(g, 2)) {
        rm = any_rm(g, 1);
        emit(g, 0, MAP_0F | 0x90 | cond, 1, 0, &rm);
    } else {
        size = any_size(g, false);
        rm = any_rm(g, size);
        emit(g, 0, MAP_0F | 0x40 | cond, size, any_reg(g), &rm);
    }
}

static void pick_exchange(struct gen *g)
{
    static const unsigned ops[] = {0x86, MAP_0F | 0xb0, MAP_0F | 0xc0};
    unsigned op = ops[below(g, 3)], size = any_size(g, true);
    struct rm rm = any_rm(g, size);

    if (op == (MAP_0F | 0xb0) && below(g, 3) == 0) {
        /* Make the comparison succeed: mov acc, operand. */
        if (size == 1 || !rm.mem)
            rm.mem = false;
        emit(g, 0, 0x8a | (size > 1), size, 0, &rm);
    }
    emit(g, lock_of(g, &rm), op | (size > 1), size, safe_reg(g, size, any_reg(g)), &rm);
}

static void pick_cmpxchg8b(struct gen *g)
{
    struct rm rm = pick_rm(g, true);
    bool wide = !g->code32 && below(g, 2);

    rm.indexed = false;
    rm.disp &= ~15;
    if (below(g, 2)) {
        emit(g, 0, 0x8b, wide ? 8 : 4, 0, &rm);
        rm.disp += wide ? 8 : 4;
        emit(g, 0, 0x8b, wide ? 8 : 4, 2, &rm);
        rm.disp -= wide ? 8 : 4;
    }
    emit(g, lock_of(g, &rm), MAP_0F | 0xc7, wide ? 8 : 4, 1, &rm);
}

static void pick_bits(struct gen *g)
{
    unsigned size = any_size(g, false), kind = below(g, 6);
    struct rm rm = any_rm(g, size);
    unsigned reg = any_reg(g);

    switch (kind) {
    case 0: emit(g, 0, MAP_0F | 0xbc, size, reg, &rm); break;
    case 1: emit(g, 0, MAP_0F | 0xbd, size, reg, &rm); break;
    case 2: emit(g, 0xf3, MAP_0F | 0xbc, size, reg, &rm); break;
    case 3: emit(g, 0xf3, MAP_0F | 0xbd, size, reg, &rm); break;
    case 4: emit(g, 0xf3, MAP_0F | 0xb8, size, reg, &rm); return;
    default:
        rm.reg = safe_reg(g, 1, rm.reg);
        if (below(g, 2))
            emit(g, 0xf2, MAP_38 | 0xf0, size == 2 ? 4 : size, reg, &rm);
        else
            emit(g, 0xf2, MAP_38 | 0xf1, size, reg, &rm);
        return;
    }
    undefined(g, (kind < 2 ? FL_CF : 0) | FL_OF | FL_SF | FL_AF | FL_PF);
}

static void pick_swap(struct gen *g)
{
    unsigned reg = any_reg(g), size = g->code32 ? 4 : 4 << below(g, 2);
    struct rm rm = pick_rm(g, true);

    if (below(g, 2)) {
        emit(g, 0, MAP_38 | 0xf0 | below(g, 2), any_size(g, false), reg, &rm);
        return;
    }
    if (size == 8 || reg >= 8)
        byte(g, 0x40 | (size == 8) << 3 | reg >> 3);
    BYTES(g, 0x0f, (u8)(0xc8 | (reg & 7)));
}

static void pick_convert(struct gen *g)
{
    unsigned size = any_size(g, false);

    if (size == 2)
        byte(g, 0x66);
    if (size == 8)
        byte(g, 0x48);
    byte(g, 0x98 | below(g, 2));
}

static void pick_flag(struct gen *g)
{
    static const u8 ops[] = {0xf5, 0xf8, 0xf9, 0x9e, 0x9f, 0xfc, 0x90};

    byte(g, ops[below(g, ARRAY_SIZE(ops))]);
}

static void pick_push(struct gen *g)
{
    unsigned reg = any_reg(g), wide = g->code32 ? 4 : 8;
    struct rm rm = pick_rm(g, true);

    switch (below(g, 9)) {
    case 0:
    case 1:
        if (reg >= 8)
            byte(g, 0x41);
        byte(g, 0x50 | (reg & 7));
        break;
    case 2:
    case 3:
        if (reg >= 8)
            byte(g, 0x41);
        byte(g, 0x58 | (reg & 7));
        break;
    case 4:
        byte(g, 0x6a);
        value(g, any_value(g), 1);
        break;
    case 5:
        byte(g, 0x68);
        value(g, any_value(g), 4);
        break;
    case 6: emit(g, 0, 0xff, 4, 6, &rm); break;
    case 7: emit(g, 0, 0x8f, 4, 0, &rm); break;
    default:
        /* With a 16-bit operand, in pairs. */
        BYTES(g, 0x66, (u8)(0x50 | (reg & 3)), 0x66, (u8)(0x58 | (any_reg(g) & 3)));
        break;
    }
    (void)wide;
}

static void pick_frame(struct gen *g)
{
    switch (below(g, g->code32 ? 5 : 3)) {
    case 0:
        byte(g, 0xc8);
        value(g, below(g, 64), 2);
        byte(g, below(g, 4));
        byte(g, 0xc9);
        break;
    case 1: BYTES(g, 0x9c, 0x9d); break;
    case 2: BYTES(g, 0x54, 0x5c); break; /* push rsp, pop rsp */
    case 3:
        BYTES(g, 0x60, 0x58, 0x5b, 0x5a, 0x59, 0x83, 0xc4, 0x10);
        break; /* pusha, take four, drop four */
    default: BYTES(g, 0x60, 0x61); break;
    }
}

/* RSI, RDI and RCX are set up before. */
static void pick_string(struct gen *g)
{
    static const u8 ops[] = {0xa4, 0xa6, 0xaa, 0xac, 0xae};
    unsigned size = any_size(g, true), down = below(g, 4) == 0;
    struct rm at = {.mem = true, .base = R_BP};

    at.disp = (int)below(g, 1024) - 512;
    emit(g, 0, 0x8d, g->code32 ? 4 : 8, R_SI, &at);
    at.disp = below(g, 2) ? at.disp + (int)below(g, 20) - 10 : (int)below(g, 1024) - 512;
    emit(g, 0, 0x8d, g->code32 ? 4 : 8, R_DI, &at);
    BYTES(g, 0xb9);
    value(g, below(g, 4) ? below(g, 20) : below(g, 100), 4);
    byte(g, down ? 0xfd : 0xfc);
    if (size == 2)
        byte(g, 0x66);
    switch (below(g, 4)) {
    case 0: break;
    case 1: byte(g, 0xf2); break;
    default: byte(g, 0xf3); break;
    }
    if (size == 8)
        byte(g, 0x48);
    byte(g, ops[below(g, ARRAY_SIZE(ops))] | (size > 1));
    byte(g, 0xfc);
}

static void pick_xlat(struct gen *g)
{
    BYTES(g, 0x53); /* push bx */
    struct rm at = {.mem = true, .base = R_BP, .disp = (int)below(g, 256)};
    emit(g, 0, 0x8d, g->code32 ? 4 : 8, R_BX, &at);
    BYTES(g, 0xd7, 0x5b);
}

static void pick_branch(struct gen *g)
{
    unsigned skip = 1 + below(g, 3);

    switch (below(g, 8)) {
    case 0:
    case 1:
    case 2: BYTES(g, (u8)(0x70 | below(g, 16)), (u8)skip); break;
    case 3:
        BYTES(g, 0x0f, (u8)(0x80 | below(g, 16)));
        value(g, skip, 4);
        break;
    case 4: BYTES(g, (u8)(0xe0 | below(g, 4)), (u8)skip); break;
    case 5: BYTES(g, 0xeb, (u8)skip); break;
    case 6:
        BYTES(g, 0xe8, 0, 0, 0, 0, 0x58); /* call the next, pop it */
        return;
    default:
        /* call over a RET with parameters: push, call +3, jmp +3, ret 8 */
        BYTES(g, 0x50, 0xe8, 2, 0, 0, 0, 0xeb, 3, 0xc2, (u8)(g->code32 ? 4 : 8), 0);
        return;
    }
    for (unsigned i = 0; i < skip; i++)
        byte(g, i & 1 ? 0xf8 : 0xf5);
}

/* What ends most blocks: a comparison and a branch on it, which the interpreter fuses. */
static void pick_compare_branch(struct gen *g)
{
    static void (*const compare[])(struct gen * g) = {pick_alu,  pick_alu_imm, pick_acc_imm,
                                                      pick_test, pick_test,    pick_unary};
    unsigned cond = below(g, 16);

    compare[below(g, ARRAY_SIZE(compare))](g);
    BYTES(g, (u8)(0x70 | cond), 1, 0xf5);
}

/* Instructions that only 32-bit code has. */
static void pick_old(struct gen *g)
{
    switch (below(g, 7)) {
    case 0:
        BYTES(g, 0x27);
        undefined(g, FL_OF);
        break;
    case 1:
        BYTES(g, 0x2f);
        undefined(g, FL_OF);
        break;
    case 2:
        BYTES(g, 0x37);
        undefined(g, FL_OF | FL_SF | FL_ZF | FL_PF);
        break;
    case 3:
        BYTES(g, 0x3f);
        undefined(g, FL_OF | FL_SF | FL_ZF | FL_PF);
        break;
    case 4:
        BYTES(g, 0xd4, (u8)(1 + below(g, 255)));
        undefined(g, FL_OF | FL_AF | FL_CF);
        break;
    case 5:
        BYTES(g, 0xd5, (u8)below(g, 256));
        undefined(g, FL_OF | FL_AF | FL_CF);
        break;
    default: BYTES(g, (u8)(0x40 | below(g, 2) << 3 | any_reg(g))); break;
    }
}

static void (*const kinds[])(struct gen *g) = {
    pick_alu,    pick_alu,     pick_alu,    pick_alu_imm,  pick_alu_imm,        pick_acc_imm,
    pick_test,   pick_unary,   pick_shift,  pick_shift,    pick_shld,           pick_bt,
    pick_mul,    pick_div,     pick_mov,    pick_mov,      pick_mov_imm,        pick_movx,
    pick_lea,    pick_cond,    pick_cond,   pick_exchange, pick_cmpxchg8b,      pick_bits,
    pick_swap,   pick_convert, pick_flag,   pick_push,     pick_push,           pick_frame,
    pick_string, pick_xlat,    pick_branch, pick_branch,   pick_compare_branch, pick_compare_branch,
    pick_old,    gen_bmi,      gen_bmi,
};

static void clear_undefined(struct gen *g)
{
    if (!g->it->undefined)
        return;
    BYTES(g, 0x9c, 0x81, 0x24, 0x24); /* pushf; and dword [sp], imm32; popf */
    value(g, ~g->it->undefined, 4);
    BYTES(g, 0x9d);
}

void gen_make_item(struct gen_item *it, struct gen_random *r, bool code32, bool keep)
{
    struct gen g = {.r = r, .it = it, .code32 = code32};
    unsigned kind;

    memset(it, 0, sizeof(*it));
    do
        kind = below(&g, ARRAY_SIZE(kinds));
    while ((!code32 && kinds[kind] == pick_old) || (kinds[kind] == gen_bmi && !gen_has_bmi()));
    kinds[kind](&g);
    if (!keep)
        clear_undefined(&g);
}

void gen_program(struct gen_program *p, struct gen_random *r, unsigned n, bool code32)
{
    unsigned x87;

    memset(p, 0, sizeof(*p));
    p->code32 = code32;
    p->n = n;
    x87 = gen_random(r) % 4 ? 0 : 1 + (unsigned)(gen_random(r) % 4);
    for (unsigned i = 0; i < n; i++) {
        struct gen g = {.r = r, .it = &p->item[i], .code32 = code32};

        if (below(&g, 4) < x87)
            gen_x87(&g);
        else
            gen_make_item(&p->item[i], r, code32, false);
    }
}
