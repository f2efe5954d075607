/* SPDX-License-Identifier: MIT */
/*
 * See gen_bmi.h. The VEX prefix of three bytes is made here; two bytes cannot name the maps 0F38 and 0F3A.
 */
#include "tests/lockstep/gen_bmi.h"

#include <cpuid.h>

#include "tests/lockstep/emit.h"

enum { PP_NONE, PP_66, PP_F3, PP_F2 };

_Bool gen_has_bmi(void)
{
    const u32 need = bit_BMI | bit_BMI2 | bit_ADX;
    u32 a, b, c, d;

    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & need) == need;
}

/* Opcode, ModRM and what belongs to it. */
static void emit_vex(struct gen *g, unsigned map, unsigned pp, unsigned op, unsigned size,
                     unsigned reg, unsigned vvvv, const struct rm *rm)
{
    unsigned b = rm->mem ? rm->base >> 3 : rm->reg >> 3;

    byte(g, 0xc4);
    byte(g, (reg >> 3 ? 0 : 0x80) | (rm->mem && rm->indexed ? 0 : 0x40) | (b ? 0 : 0x20) | map);
    byte(g, (size == 8 ? 0x80 : 0) | (15 - vvvv) << 3 | pp);
    byte(g, op);
    modrm(g, reg, rm);
}

void gen_bmi(struct gen *g)
{
    static const struct {
        u8 map, pp, op, reg; /* reg: 0xff: an operand */
        u16 undefined;
    } ops[] = {
        {2, PP_NONE, 0xf2, 0xff, FL_AF | FL_PF},         /* ANDN */
        {2, PP_NONE, 0xf3, 1, FL_AF | FL_PF},            /* BLSR */
        {2, PP_NONE, 0xf3, 2, FL_AF | FL_PF},            /* BLSMSK */
        {2, PP_NONE, 0xf3, 3, FL_AF | FL_PF},            /* BLSI */
        {2, PP_NONE, 0xf5, 0xff, FL_AF | FL_PF},         /* BZHI */
        {2, PP_F2, 0xf5, 0xff, 0},                       /* PDEP */
        {2, PP_F3, 0xf5, 0xff, 0},                       /* PEXT */
        {2, PP_F2, 0xf6, 0xff, 0},                       /* MULX */
        {2, PP_NONE, 0xf7, 0xff, FL_AF | FL_PF | FL_SF}, /* BEXTR */
        {2, PP_66, 0xf7, 0xff, 0},                       /* SHLX */
        {2, PP_F3, 0xf7, 0xff, 0},                       /* SARX */
        {2, PP_F2, 0xf7, 0xff, 0},                       /* SHRX */
        {3, PP_F2, 0xf0, 0xff, 0},                       /* RORX */
    };
    unsigned size = g->code32 || below(g, 2) ? 4 : 8, i = below(g, ARRAY_SIZE(ops) + 4);
    struct rm rm = pick_rm(g, below(g, 2));

    if (i >= ARRAY_SIZE(ops)) { /* ADCX, ADOX: several in a row are what they are for */
        for (unsigned n = 1 + below(g, 3); n; n--) {
            if (below(g, 2))
                emit(g, 0x66, MAP_38 | 0xf6, size, any_reg(g), &rm);
            else
                emit(g, 0xf3, MAP_38 | 0xf6, size, any_reg(g), &rm);
        }
        return;
    }
    emit_vex(g, ops[i].map, ops[i].pp, ops[i].op, size,
             ops[i].reg == 0xff ? any_reg(g) : ops[i].reg, ops[i].map == 3 ? 0 : any_reg(g), &rm);
    if (ops[i].map == 3)
        byte(g, (unsigned)any_value(g) & 0xff);
    undefined(g, ops[i].undefined);
}
