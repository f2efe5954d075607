/* SPDX-License-Identifier: MIT */
/*
 * Building instructions for the random programs of gen.c: random operands, and the bytes of an
 * instruction with its prefixes, ModRM and SIB. Operands are chosen so that a program stays inside
 * its data area: a memory operand is a pointer register plus up to 2 KiB.
 */
#ifndef X86SIM_TESTS_LOCKSTEP_EMIT_H
#define X86SIM_TESTS_LOCKSTEP_EMIT_H

#include "cpu/vcpu.h"
#include "tests/lockstep/gen.h"

struct gen {
    struct gen_random *r;
    struct gen_item *it;
    bool code32;
};

static inline unsigned below(struct gen *g, unsigned n)
{
    return (unsigned)(gen_random(g->r) % n);
}

static inline void byte(struct gen *g, unsigned b)
{
    g->it->bytes[g->it->len++] = (u8)b;
}

static inline void bytes(struct gen *g, const u8 *b, unsigned n)
{
    memcpy(g->it->bytes + g->it->len, b, n);
    g->it->len += n;
}
#define BYTES(g, ...) bytes(g, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static inline void value(struct gen *g, u64 v, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        byte(g, (u8)(v >> 8 * i));
}

/* A register that may be written. */
static inline unsigned any_reg(struct gen *g)
{
    static const u8 regs[] = {0, 1, 2, 3, 6, 7, 8, 9, 10, 11};

    return regs[below(g, g->code32 ? 6 : 10)];
}

/* An operand size in bytes; 1 only if byte forms are allowed. */
static inline unsigned any_size(struct gen *g, bool byte_too)
{
    unsigned k = below(g, 8);

    if (byte_too && k < 2)
        return 1;
    if (k == 2)
        return 2;
    return g->code32 || k < 6 ? 4 : 8;
}

/* An interesting immediate or value. */
static inline u64 any_value(struct gen *g)
{
    u64 x = gen_random(g->r);

    switch (below(g, 6)) {
    case 0: return x & 0xf;
    case 1: return 0 - (x & 0xf);
    case 2: return 1ull << (x & 63);
    case 3: return (1ull << (x & 63)) - 1;
    default: return x;
    }
}

/* The ModRM operand of an instruction: register, or memory. */
struct rm {
    bool mem;
    unsigned reg;
    unsigned base; /* pointer register */
    bool indexed;
    int disp;
};

static inline struct rm pick_rm(struct gen *g, bool mem)
{
    static const u8 bases[] = {R_BP, 15, 13, 12};
    struct rm rm = {.mem = mem, .reg = any_reg(g), .base = bases[g->code32 ? 0 : below(g, 4)]};

    rm.disp = (int)below(g, 4096) - 2048;
    if (below(g, 3) == 0)
        rm.disp = (int)below(g, 256) - 128;
    if (below(g, 2))
        rm.disp &= ~7;
    rm.indexed = !g->code32 && below(g, 3) == 0;
    return rm;
}

static inline void modrm(struct gen *g, unsigned reg, const struct rm *rm)
{
    bool small = rm->disp >= -128 && rm->disp < 128;

    if (!rm->mem) {
        byte(g, 0xc0 | (reg & 7) << 3 | (rm->reg & 7));
        return;
    }
    if (rm->indexed || (rm->base & 7) == 4) {
        byte(g, (small ? 0x44 : 0x84) | (reg & 7) << 3);
        byte(g, below(g, 4) << 6 | (rm->indexed ? 6 : 4) << 3 | (rm->base & 7));
    } else {
        byte(g, (small ? 0x40 : 0x80) | (reg & 7) << 3 | (rm->base & 7));
    }
    value(g, (u64)(i64)rm->disp, small ? 1 : 4);
}

enum { MAP_1 = 0, MAP_0F = 0x100, MAP_38 = 0x200 };

/* One instruction with ModRM; prefix 0, F2, F3 or F0. reg8: the reg operand is a byte register. */
static inline void emit(struct gen *g, unsigned prefix, unsigned op, unsigned size, unsigned reg,
                        const struct rm *rm)
{
    unsigned rex = (size == 8) << 3 | (reg >> 3) << 2;

    if (rm->mem)
        rex |= (rm->indexed ? 2 : 0) | rm->base >> 3;
    else
        rex |= rm->reg >> 3;
    if (size == 2)
        byte(g, 0x66);
    if (prefix)
        byte(g, prefix);
    if (rex)
        byte(g, 0x40 | rex);
    if (op >= MAP_0F)
        byte(g, 0x0f);
    if (op >= MAP_38)
        byte(g, 0x38);
    byte(g, op & 0xff);
    modrm(g, reg, rm);
}

/* Byte registers with REX: numbers 4 to 7 would be SPL..DIL, of which SPL and BPL must not be
 * written. */
static inline unsigned safe_reg(struct gen *g, unsigned size, unsigned reg)
{
    return size == 1 ? (g->code32 ? below(g, 8) : reg & 3) : reg;
}

static inline struct rm any_rm(struct gen *g, unsigned size)
{
    struct rm rm = pick_rm(g, below(g, 2));

    rm.reg = safe_reg(g, size, rm.reg);
    return rm;
}

static inline void undefined(struct gen *g, u32 flags)
{
    g->it->undefined |= flags;
}

static inline unsigned lock_of(struct gen *g, const struct rm *rm)
{
    return rm->mem && below(g, 3) == 0 ? 0xf0 : 0;
}

#endif
