/* SPDX-License-Identifier: MIT */
/*
 * What stands before and behind an instruction of a stream so that it does its work instead of ending the stream: see
 * encode.h. A row is known by its name or by its lifter; what is not here needs nothing. Now and then a helper is left out.
 */
#include "cpu/lift_int.h"
#include "cpu/lift_sys.h"
#include "tests/forms/encode_parts.h"

#define INSN(map, op, pfx, ext, mod, mode, NAME, opnds, lifter, arg, feat)                         \
    void lifter(struct lift_state *l, const struct insn_row *row);
#include "cpu/insn.def"
#undef INSN

static bool one_in(unsigned n)
{
    return encode_below(n) == 0;
}

static bool is_named(const struct encoding *e, const char *name)
{
    return !strcmp(e->row->name, name);
}

static bool is_one_of(const struct encoding *e, const char *const *names)
{
    for (; *names; names++)
        if (is_named(e, *names))
            return true;
    return false;
}

/* --- Pieces of helpers ------------------------------------------------------------------------ */

/* MOV r32, imm32 */
static void set_register(struct encoding *e, unsigned reg, u64 value)
{
    if (reg >= 8)
        encode_byte(e, 0x41);
    encode_byte(e, 0xb8 | (reg & 7));
    encode_value(e, value, 4);
}

/* REX.W where there is one. */
static void wide(struct encoding *e, unsigned rex)
{
    if (!e->code32)
        encode_byte(e, 0x48 | rex);
}

/* MOV dword [at], value */
static void set_memory(struct encoding *e, u64 at, u32 value)
{
    encode_byte(e, 0xc7);
    encode_byte(e, e->code32 ? 0x05 : 0x04);
    if (!e->code32)
        encode_byte(e, 0x25);
    encode_value(e, at, 4);
    encode_value(e, value, 4);
}

/* The memory operand at a fixed address, which helpers can name too. */
static u64 fixed_address(struct encoding *e, unsigned align)
{
    e->target = FORM_DATA + 0x200 + (encode_below(0x1900) & ~(align - 1));
    e->base = e->index = NO_REG;
    e->rip_relative = e->vsib = false;
    e->seg = 0;
    return e->target;
}

static u64 data_pointer(void)
{
    return FORM_DATA + 0x300 + encode_below(0x1900);
}

/* --- Kinds of instructions -------------------------------------------------------------------- */

static void before_string(struct encoding *e)
{
    u64 small = encode_below(one_in(20) ? 300 : 6);

    if (!one_in(300)) {
        set_register(e, R_SI, data_pointer());
        set_register(e, R_DI, data_pointer());
    }
    if (one_in(2)) {
        e->rep = encode_below(2) ? 0xf3 : 0xf2;
        set_register(e, R_CX, small);
    }
}

/* A bit offset in a register reaches a few hundred bytes this way or that. */
static void before_bit_test(struct encoding *e)
{
    unsigned rex = e->reg >> 3;

    if (!e->mem || strcmp(e->row->operands, "Ev,Gv") || one_in(300))
        return;
    if (rex)
        encode_byte(e, 0x41);
    encode_byte(e, 0x81); /* AND r32, 7ff */
    encode_byte(e, 0xe0 | (e->reg & 7));
    encode_value(e, 0x7ff, 4);
    if (one_in(2)) { /* NEG */
        wide(e, rex);
        encode_byte(e, 0xf7);
        encode_byte(e, 0xd8 | (e->reg & 7));
    }
}

/* DX:AX, or AX, so that the quotient fits what is at least 1, as in E OR 1. */
static void before_division(struct encoding *e)
{
    bool byte = !strcmp(e->row->operands, "Eb");
    unsigned ext = e->reg;

    if (one_in(12))
        return;
    if (e->mem)
        fixed_address(e, 8);
    else if (e->rm == R_AX || e->rm == R_DX || (byte && e->rm == 4))
        e->rm = R_BX;
    set_register(e, R_AX, encode_random() & (byte ? 0x7f : e->osize == 2 ? 0x7fff : 0x7fffffff));
    encode_value(e, 0xd231, 2); /* XOR EDX, EDX */
    if (e->mem) {
        set_memory(e, e->target, (u32)encode_random() >> 1 | 1);
        set_memory(e, e->target + 4, (u32)encode_random() >> 1);
    } else {
        unsigned rm = byte ? e->rm & 3 : e->rm;
        if (rm >= 8)
            encode_byte(e, 0x41);
        encode_byte(e, 0x83); /* OR r32, 1 */
        encode_byte(e, 0xc8 | (rm & 7));
        encode_byte(e, 1);
        if (byte)
            e->rm = rm;
    }
    e->reg = ext;
}

/* JMP, CALL to a register or memory, RET: over the filler. */
static bool before_jump(struct encoding *e)
{
    bool ret = is_named(e, "RET");
    unsigned reg = e->code32 ? R_DX : encode_below(2) ? 9 : R_DX, insn, helper, rex = reg >> 3;
    u64 next;

    e->p66 = e->p67 = false;
    e->w = 0;
    e->seg = 0;
    e->filler = true;
    e->osize = 4;
    e->no_rex = e->need_rex = false;
    if (ret) {
        if (e->n_imm)
            e->imm[0] = encode_below(4) * 8;
        insn = 1 + 2u * e->n_imm;
        helper = 5;
    } else if (!e->mem) {
        e->rm = reg;
        insn = 2 + rex;
        helper = 5 + rex;
    } else {
        fixed_address(e, 8);
        e->sib = false;
        insn = e->code32 ? 6 : 7;
        helper = 2 * (e->code32 ? 10 : 11);
    }
    next = e->at + helper + insn + 1;
    if (ret) {
        encode_byte(e, 0x68);
        encode_value(e, next, 4);
    } else if (!e->mem) {
        set_register(e, reg, next);
    } else {
        set_memory(e, e->target, (u32)next);
        set_memory(e, e->target + 4, 0);
    }
    e->exact = insn;
    return true;
}

static u32 any_mxcsr(void)
{
    u32 m = 0x1f80 | encode_below(64) | encode_below(4) << 13 | encode_below(2) << 15 |
            encode_below(2) << 6;

    return one_in(20) ? m & ~(encode_below(64) << 7) : m;
}

static u32 any_fcw(void)
{
    static const u16 precisions[] = {0, 0x200, 0x300, 0x300};
    u32 cw = 0x7f | encode_below(4) << 10 | precisions[encode_below(4)];

    return one_in(20) ? cw & ~encode_below(64) : cw;
}

/* Words that an instruction loads into control registers. */
static bool before_control(struct encoding *e)
{
    if (is_named(e, "LDMXCSR") || is_named(e, "VLDMXCSR")) {
        set_memory(e, fixed_address(e, 4), any_mxcsr());
    } else if (is_named(e, "FLDCW")) {
        set_memory(e, fixed_address(e, 4), any_fcw());
    } else if (is_named(e, "FLDENV") || is_named(e, "FRSTOR")) {
        u64 at = fixed_address(e, 8);

        if (e->p66) /* another layout */
            return false;
        set_memory(e, at, any_fcw());
        set_memory(e, at + 4, encode_below(8) << 11 | encode_below(8) << 8);
    } else if (is_named(e, "FXRSTOR")) {
        u64 at = fixed_address(e, 16);

        set_memory(e, at, any_fcw() | encode_below(8) << 27);
        set_memory(e, at + 24, any_mxcsr());
    }
    return true;
}

/* POPF: no TF, seldom AC or NT. */
static void before_popf(struct encoding *e)
{
    encode_value(e, 0x242481, 3); /* AND dword [RSP], imm32 */
    encode_value(e, one_in(20) ? 0x244cd5 : 0xcd5, 4);
}

/* Indices of a gather: VPSRLD or VPSRLQ by 24 or 56, so that they are bytes. */
static void before_gather(struct encoding *e)
{
    bool quads = e->row->opcode & 1;

    if (one_in(300))
        return;
    encode_byte(e, 0xc4);
    encode_byte(e, (e->index >> 3 ? 0xc1 : 0xe1));
    encode_byte(e, (~e->index & 15) << 3 | 4 | 1);
    encode_byte(e, quads ? 0x73 : 0x72);
    encode_byte(e, 0xc0 | 2 << 3 | (e->index & 7));
    encode_byte(e, quads ? 56 : 24);
}

/* A double shift of 16 bits by CL: more than 16 has no defined result. */
static void before_double_shift(struct encoding *e)
{
    if (e->n_imm && e->osize == 2)
        e->imm[0] = encode_below(17) | (e->imm[0] & 0x40);
    else if (!e->n_imm && e->osize == 2)
        encode_value(e, 0x0fe180, 3); /* AND CL, 0F */
}

static const char *const lockable[] = {"ADD",  "OR",   "ADC",     "SBB",       "AND", "SUB", "XOR",
                                       "NOT",  "NEG",  "INC",     "DEC",       "BTS", "BTR", "BTC",
                                       "XCHG", "XADD", "CMPXCHG", "CMPXCHG8B", NULL};
static const char *const bit_tests[] = {"BT", "BTS", "BTR", "BTC", NULL};
static const char *const by_rdi[] = {"MASKMOVQ", "MASKMOVDQU", "VMASKMOVDQU", NULL};
/* The last instruction's pointers are in the image, which CPUs keep differently; the cases of forms.c compare these. */
static const char *const left_out[] = {"FNSTENV", "FNSAVE", NULL};

static bool is_system(const struct insn_row *row)
{
    return row->lift == lift_sys || row->lift == lift_sys_port || row->lift == lift_sys_arpl ||
           row->lift == lift_sys_load_seg || row->lift == lift_sys_far ||
           row->lift == lift_sys_monitor || row->lift == lift_bound || row->lift == lift_push_seg ||
           row->lift == lift_pop_seg || row->lift == lift_ud || row->lift == lift_xsetbv ||
           (row->lift == lift_string && (row->arg == STR_INS || row->arg == STR_OUTS));
}

unsigned encode_place(const struct insn_row *row)
{
    const struct encoding e = {.row = row};

    return is_one_of(&e, left_out) ? 0 : is_system(row) ? 1 : 2;
}

bool encode_before(struct encoding *e)
{
    if (e->mem && is_one_of(e, lockable))
        e->lock = e->row->map < V0F && one_in(5);
    else if (one_in(2000))
        e->lock = e->row->map < V0F;
    if (e->row->lift == lift_string && !is_system(e->row))
        before_string(e);
    else if (is_one_of(e, bit_tests))
        before_bit_test(e);
    else if (is_named(e, "DIV") || is_named(e, "IDIV"))
        before_division(e);
    else if (is_named(e, "RET") || ((is_named(e, "JMP") || is_named(e, "CALL")) && e->has_modrm))
        return before_jump(e);
    else if (is_named(e, "POPF"))
        before_popf(e);
    else if (is_named(e, "XLAT"))
        set_register(e, R_BX, data_pointer());
    else if (is_one_of(e, by_rdi))
        set_register(e, R_DI, data_pointer());
    else if (is_named(e, "ENTER")) {
        e->imm[0] = encode_below(64);
        e->imm[1] = encode_below(4);
    } else if (is_named(e, "SHLD") || is_named(e, "SHRD"))
        before_double_shift(e);
    else if (e->vsib)
        before_gather(e);
    else
        return before_control(e);
    return true;
}

/* A register that an instruction may have made anything of: seen in DX, then a pointer again. */
static void restore(struct encoding *e, unsigned reg, u64 value)
{
    wide(e, 0);
    encode_byte(e, 0x89);
    encode_byte(e, 0xc0 | reg << 3 | R_DX);
    set_register(e, reg, value);
}

void encode_after(struct encoding *e)
{
    bool in_opcode = e->row->operands[0] == 'Z' && e->row->operands[1] == 'v';

    if (is_named(e, "ENTER") || is_named(e, "LEAVE") || is_named(e, "POPA") ||
        (in_opcode && e->low == R_BP))
        restore(e, R_BP, STREAM_POINTER);
    if ((in_opcode && e->low == R_SP) || is_named(e, "LEAVE") || is_named(e, "ENTER"))
        restore(e, R_SP, FORM_STACK + FORM_STACK_SIZE / 2);
}
