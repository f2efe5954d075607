/* SPDX-License-Identifier: MIT */
/*
 * The lowering's table of micro-ops, made from the same lists of families that make the micro-ops themselves: so a new
 * size or operation of a family is known here without a line.
 */
#include "bt/internal.h"

struct low bt_low[UOP_COUNT];

static void set(unsigned op, struct low l)
{
    bt_low[op] = l;
}

/* clang-format off */
#define PAIR(KIND, OP, FORM, SIZE) \
    set(UOP_##OP##_##FORM##SIZE, (struct low){.kind = KIND, .form = FORM_##FORM, .op = OP_##OP, .size = SIZE / 8, .flags = true}); \
    set(UOP_##OP##_##FORM##SIZE##_NF, (struct low){.kind = KIND, .form = FORM_##FORM, .op = OP_##OP, .size = SIZE / 8});
#define ALU_ROW(OP, FORM, SIZE, RD, WR) PAIR(LOW_ALU, OP, FORM, SIZE)
#define UNARY_ROW(OP, FORM, SIZE, RD, WR) PAIR(LOW_UNARY, OP, FORM, SIZE)
#define SHIFT_ROW(OP, FORM, SIZE, RD, WR) PAIR(LOW_SHIFT, OP, FORM, SIZE)
#define DSHIFT_ROW(OP, FORM, SIZE, RD, WR) PAIR(LOW_DSHIFT, OP, FORM, SIZE)
#define MOV_ROW(OP, FORM, SIZE, RD, WR) \
    set(UOP_##OP##_##FORM##SIZE, (struct low){.kind = LOW_MOV, .form = FORM_##FORM, .size = SIZE / 8});
#define MOVX_ROW(OP, FORM, TO, FROM) \
    set(UOP_##OP##_##FORM##TO##_##FROM, (struct low){.kind = LOW_MOVX, .form = FORM_##FORM, .op = OP_##OP, .size = TO / 8, .from = FROM / 8});
#define BIT_ROW(OP, FORM, SIZE, RD, WR) \
    set(UOP_##OP##_##FORM##SIZE, (struct low){.kind = LOW_BIT, .form = FORM_##FORM, .op = OP_##OP, .size = SIZE / 8, .flags = true});
#define JCC_ROW(NAME, COND, RD) set(UOP_J##NAME, (struct low){.kind = LOW_JCC, .op = COND});
#define SET_ROW(NAME, COND, RD) \
    set(UOP_SET##NAME##_R, (struct low){.kind = LOW_SET, .form = FORM_R, .op = COND, .size = 1}); \
    set(UOP_SET##NAME##_M, (struct low){.kind = LOW_SET, .form = FORM_M, .op = COND, .size = 1});
#define CMOV_SIZE(NAME, COND, SIZE) \
    set(UOP_CMOV##NAME##_R##SIZE, (struct low){.kind = LOW_CMOV, .form = FORM_R, .op = COND, .size = SIZE / 8}); \
    set(UOP_CMOV##NAME##_M##SIZE, (struct low){.kind = LOW_CMOV, .form = FORM_M, .op = COND, .size = SIZE / 8});
#define CMOV_ROW(NAME, COND, RD) CMOV_SIZE(NAME, COND, 16) CMOV_SIZE(NAME, COND, 32) CMOV_SIZE(NAME, COND, 64)
#define MULDIV_ROW(OP, FORM, SIZE, RD, WR) \
    set(UOP_##OP##_##FORM##SIZE, (struct low){.kind = LOW_MUL, .form = FORM_##FORM, .op = OP_##OP, .size = SIZE / 8, .flags = OP_##OP < OP_DIV});
#define IMUL_ROW(OP, FORM, SIZE, RD, WR) PAIR(LOW_IMUL, OP, FORM, SIZE)
#define BITS_ROW(OP, FORM, SIZE, RD, WR) \
    set(UOP_##OP##_##FORM##SIZE, (struct low){.kind = LOW_BITS, .form = FORM_##FORM, .op = OP_##OP, .size = SIZE / 8, .flags = true});
#define XCHG_ROW(OP, FORM, SIZE, RD, WR) \
    set(UOP_##OP##_##FORM##SIZE, (struct low){.kind = LOW_##OP, .form = FORM_##FORM, .size = SIZE / 8, .flags = LOW_##OP != LOW_XCHG});
#define LOCK_ROW(PRE, OP, SIZE, RD, WR) \
    set(UOP_LOCK_##OP##SIZE, (struct low){.kind = LOW_LOCK, .form = FORM_M, .op = LOCK_##OP, .size = SIZE / 8, .flags = LOCK_##OP != LOCK_NOT});
#define STACK_KINDS(KIND, OP, FORM) \
    set(UOP_##OP##_64, (struct low){.kind = KIND, .form = FORM, .size = 8}); \
    set(UOP_##OP##_F32, (struct low){.kind = KIND, .form = FORM, .size = 4});

enum { OP_MOVZX, OP_MOVSX };
enum { OP_SHLD, OP_SHRD };
enum { OP_BT, OP_BTS, OP_BTR, OP_BTC };
enum { OP_MUL, OP_IMUL, OP_DIV, OP_IDIV };
enum { OP_IMUL2, OP_IMUL3 };
enum { OP_BSF, OP_BSR, OP_TZCNT, OP_LZCNT, OP_POPCNT };
enum { LOCK_ADD, LOCK_OR, LOCK_ADC, LOCK_SBB, LOCK_AND, LOCK_SUB, LOCK_XOR, LOCK_INC, LOCK_DEC, LOCK_NEG, LOCK_NOT, LOCK_BTS, LOCK_BTR, LOCK_BTC };

static void set_integer(void)
{
    FAM_ALU(ALU_ROW)
    FAM_UNARY(UNARY_ROW)
    FAM_SHIFT(SHIFT_ROW)
    FAM_DSHIFT(DSHIFT_ROW)
    FAM_BIT(BIT_ROW)
    FAM_MOV(MOV_ROW)
    FAM_MOVX(MOVX_ROW)
    FAM_CONDS(JCC_ROW)
    FAM_CONDS(SET_ROW)
    FAM_CONDS(CMOV_ROW)
    FAM_MULDIV(MULDIV_ROW)
    FAM_IMUL(IMUL_ROW)
    FAM_BITS(BITS_ROW)
    FAM_XCHG(XCHG_ROW)
    FAM_LOCK(LOCK_ROW)
}

static void set_flow(void)
{
    STACK_KINDS(LOW_PUSH, PUSH_R, FORM_R)
    STACK_KINDS(LOW_PUSH, PUSH_I, FORM_RI)
    STACK_KINDS(LOW_PUSH, PUSH_M, FORM_M)
    STACK_KINDS(LOW_POP, POP_R, FORM_R)
    bt_low[UOP_POP_M_64].kind = bt_low[UOP_POP_M_F32].kind = LOW_NONE;
    STACK_KINDS(LOW_LEAVE, LEAVE, FORM_NONE)
    STACK_KINDS(LOW_CALL, CALL_J, FORM_RI)
    STACK_KINDS(LOW_CALL, CALL_R, FORM_R)
    STACK_KINDS(LOW_CALL, CALL_M, FORM_M)
    STACK_KINDS(LOW_RET, RET, FORM_NONE)
    set(UOP_JMP_J, (struct low){.kind = LOW_JMP, .form = FORM_RI});
    set(UOP_JMP_R, (struct low){.kind = LOW_JMP, .form = FORM_R});
    set(UOP_JMP_M, (struct low){.kind = LOW_JMP, .form = FORM_M});
    set(UOP_END, (struct low){.kind = LOW_END});
    set(UOP_CALL, (struct low){.kind = LOW_HELPER});
}

static void set_others(void)
{
    static const u16 leaving[] = {
        UOP_CALL_EXIT, UOP_CALL_JUMP, UOP_UNDEFINED, UOP_JMP_CHECK, UOP_JCC_CHECK, UOP_LOOP, UOP_PAUSE, UOP_REP_STRING,
        UOP_CALL_J_G, UOP_CALL_R_G, UOP_CALL_M_G, UOP_RET_G,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(leaving); i++)
        bt_low[leaving[i]].kind = LOW_LEAVES;
    set(UOP_NOP, (struct low){.kind = LOW_NOP});
    set(UOP_CLC, (struct low){.kind = LOW_CARRY, .op = CARRY_CLEAR, .flags = true});
    set(UOP_STC, (struct low){.kind = LOW_CARRY, .op = CARRY_SET, .flags = true});
    set(UOP_CMC, (struct low){.kind = LOW_CARRY, .op = CARRY_TURN, .flags = true});
    set(UOP_CLD, (struct low){.kind = LOW_DIRECTION, .op = 0});
    set(UOP_STD, (struct low){.kind = LOW_DIRECTION, .op = 1});
    set(UOP_LEA16, (struct low){.kind = LOW_LEA, .size = 2});
    set(UOP_LEA32, (struct low){.kind = LOW_LEA, .size = 4});
    set(UOP_LEA64, (struct low){.kind = LOW_LEA, .size = 8});
    set(UOP_BSWAP32, (struct low){.kind = LOW_BSWAP, .size = 4});
    set(UOP_BSWAP64, (struct low){.kind = LOW_BSWAP, .size = 8});
    set(UOP_CWD32, (struct low){.kind = LOW_CWD, .size = 4});
    set(UOP_CWD64, (struct low){.kind = LOW_CWD, .size = 8});
}
/* clang-format on */

void bt_low_init(void)
{
    if (bt_low[UOP_NOP].kind)
        return;
    set_integer();
    set_flow();
    set_others();
    bt_flags_init();
    bt_low_init_sse();
    bt_low_init_x87();
    bt_low_init_bmi();
    bt_low_init_mmx();
}

static void stop_here(struct vcpu *v, const struct uop *u)
{
    (void)v;
    (void)u;
}

const struct uop *bt_alone(struct uop *pair, const struct uop *u)
{
    pair[0] = *u;
    pair[0].fn = uop_table[u->op].fn;
    pair[1] = (struct uop){.fn = stop_here};
    return pair;
}
