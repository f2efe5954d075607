/* SPDX-License-Identifier: MIT */
/*
 * Lowering of x87 micro-ops: the host's own instruction, on the host's register stack.
 *
 * While vcpu->t.x87_live is set the host's unit holds what struct fpu says in rest: the eight registers with what empty
 * ones hold, TOP, tags, control and status word. It is loaded when translated code first needs it and stored when that is
 * left (the stubs at the end of this file). Only states in which nothing can be raised are loaded: all exceptions masked,
 * and a precision that is not the reserved one; the rest is the interpreter's. vcpu->fpu.cw is always up to date.
 *
 * The pointers to the last instruction (FIP, FOP, the selectors) are the emulator's business, since hosts differ in when
 * they keep them. They are known when a block is translated, so each place where it can be left unexpectedly says which
 * hold there (struct bt_point), and where it is left as foreseen one store of a number does (vcpu->t.x87_note). FDP is
 * stored by each instruction with a memory operand.
 *
 * Transcendental functions, remainders, BCD and whole-state instructions are called: hosts differ in their results, or
 * they are rare. SDM vol. 1 §8.1, §8.5.
 */
#include "bt/internal.h"
#include "cpu/f80.h"

enum x87_shape {
    X87_NOT,
    X87_REG, /* registers alone, or a constant */
    X87_MEM, /* reads memory */
    X87_ST,  /* writes memory */
    X87_CMOV,
    X87_EFLAGS, /* FCOMI and its like */
    X87_STSW_AX,
    X87_STSW,
    X87_CLEX,
    X87_LDCW,
    X87_STCW,
    X87_WAIT,
    X87_NOTHING,
};

static const struct {
    u16 uop;
    u8 shape, bytes;
} rows[] = {
/* clang-format off */
#define ROW(NAME, SHAPE, BYTES) {UOP_X87_##NAME, X87_##SHAPE, BYTES},
    ROW(ARITH_M32, MEM, 4) ROW(FCOM_M32, MEM, 4) ROW(FLD_M32, MEM, 4) ROW(FST_M32, ST, 4) ROW(FSTP_M32, ST, 4)
    ROW(ARITH_M64, MEM, 8) ROW(FCOM_M64, MEM, 8) ROW(FLD_M64, MEM, 8) ROW(FST_M64, ST, 8) ROW(FSTP_M64, ST, 8)
    ROW(FLD_M80, MEM, 10) ROW(FSTP_M80, ST, 10)
    ROW(ARITH_I32, MEM, 4) ROW(FICOM_I32, MEM, 4) ROW(ARITH_I16, MEM, 2) ROW(FICOM_I16, MEM, 2)
    ROW(FILD_I16, MEM, 2) ROW(FILD_I32, MEM, 4) ROW(FILD_I64, MEM, 8)
    ROW(FIST_I16, ST, 2) ROW(FISTP_I16, ST, 2) ROW(FISTTP_I16, ST, 2)
    ROW(FIST_I32, ST, 4) ROW(FISTP_I32, ST, 4) ROW(FISTTP_I32, ST, 4)
    ROW(FISTP_I64, ST, 8) ROW(FISTTP_I64, ST, 8)
    ROW(ARITH_ST0, REG, 0) ROW(ARITH_STI, REG, 0) ROW(ARITH_STI_POP, REG, 0)
    ROW(FCOM, REG, 0) ROW(FCOMP, REG, 0) ROW(FCOMPP, REG, 0) ROW(FUCOM, REG, 0) ROW(FUCOMP, REG, 0)
    ROW(FUCOMPP, REG, 0) ROW(FTST, REG, 0) ROW(FXAM, REG, 0)
    ROW(FLD_STI, REG, 0) ROW(FST_STI, REG, 0) ROW(FSTP_STI, REG, 0) ROW(FXCH, REG, 0) ROW(FLDCONST, REG, 0)
    ROW(FCHS, REG, 0) ROW(FABS, REG, 0) ROW(FSQRT, REG, 0) ROW(FRNDINT, REG, 0) ROW(FSCALE, REG, 0)
    ROW(FXTRACT, REG, 0) ROW(FNOP, REG, 0) ROW(FINCSTP, REG, 0) ROW(FDECSTP, REG, 0) ROW(FFREE, REG, 0)
    ROW(FFREEP, REG, 0)
    ROW(FCMOV, CMOV, 0)
    ROW(FCOMI, EFLAGS, 0) ROW(FCOMIP, EFLAGS, 0) ROW(FUCOMI, EFLAGS, 0) ROW(FUCOMIP, EFLAGS, 0)
    ROW(FNSTSW_AX, STSW_AX, 0) ROW(FNSTSW_M16, STSW, 2) ROW(FNCLEX, CLEX, 0)
    ROW(FLDCW, LDCW, 2) ROW(FNSTCW, STCW, 2) ROW(FWAIT, WAIT, 0) ROW(FNNOP, NOTHING, 0)
#undef ROW
    /* clang-format on */
};

/* FCOMI and FCMOV leave C1 alone on some hosts and clear it on others; the guest's leave it alone. */
static bool host_keeps_c1(void)
{
    u16 compared, moved;

    __asm__("fld1\n\tfchs\n\tfxam\n\tfcomi %%st(0), %%st\n\tfnstsw %%ax\n\tmovw %%ax, %1\n\t"
            "fxam\n\tfcmove %%st(0), %%st\n\tfnstsw %%ax\n\tfstp %%st(0)"
            : "=&a"(moved), "=m"(compared)
            :
            : "cc", "st", "st(1)");
    return moved & compared & SW_C1;
}

void bt_low_init_x87(void)
{
    bool c1 = host_keeps_c1();

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned shape = rows[i].shape;

        if (!c1 && (shape == X87_CMOV || shape == X87_EFLAGS))
            continue;
        bt_low[rows[i].uop] = (struct low){.kind = LOW_X87,
                                           .form = rows[i].bytes ? FORM_M : FORM_R,
                                           .op = (u8)shape,
                                           .from = rows[i].bytes,
                                           .flags = shape == X87_EFLAGS};
    }
}

bool bt_x87_is_lowered(const struct uop *u)
{
    /* FDP is the offset, which inline code has only where it is the linear address. */
    return !bt_low[u->op].from || ((u->seg == SEG_NONE || u->seg == SEG_FLAT32) && u->asize >= 4);
}

/* ---- The last instruction's pointers --------------------------------------------------------------------------------- */

u32 bt_x87_note(struct trans *t)
{
    const struct block *b = t->note.b;
    const struct uop *u = t->note.u;
    unsigned mode = t->b->key & KEY_CODE;
    u64 ip;

    if (!t->note.pending)
        return 0;
    ip = b->rip + u->rip_off;
    if (!t->note.id) {
        t->note.id = ++t->bt->now.n_notes;
        t->bt->notes[t->note.id] = (struct bt_note){
            .ip = mode == CODE_64   ? ip
                  : mode == CODE_32 ? (u32)ip
                                    : (u16)ip,
            .opcode = (u16)u->imm,
        };
    }
    return t->note.id;
}

void bt_x87_flush(struct trans *t)
{
    struct emitter *e = &t->e;

    if (!t->note.pending)
        return;
    emit_mov_mi(e, 4, VCPU_AT(t.x87_note), bt_x87_note(t));
    if (t->note.seg) {
        emit_mov_mi(
            e, 4, VCPU_AT(t.x87_ds),
            (u64)(VCPU_AT(seg[0].sel).disp + (i32)((t->note.seg - 1u) * sizeof(struct segreg))));
    }
    t->note.pending = false;
    t->note.seg = 0;
}

void bt_x87_recover(struct vcpu *v, const struct bt_point *pt)
{
    const struct bt_note *n = &v->t.bt->notes[pt->note];

    if (!pt->note)
        return;
    v->fpu.ip = n->ip;
    v->fpu.opcode = n->opcode;
    v->fpu.cs = v->seg[SEG_CS].sel;
    if (pt->note_seg)
        v->fpu.ds = v->seg[pt->note_seg - 1].sel;
}

static void note(struct trans *t)
{
    t->note.pending = true;
    t->note.u = t->u;
    t->note.b = t->b;
    t->note.id = 0;
    if (bt_low[t->u->op].from)
        t->note.seg = (u8)(t->u->aux2 + 1);
}

bool bt_x87_stores(const struct low *l)
{
    return l->op == X87_ST || l->op == X87_STSW || l->op == X87_STCW;
}

/* FDP, from the address that bt_access() has checked. */
static void store_dp(struct trans *t, struct host_mem m)
{
    const struct uop *u = t->u;
    u64 a = u->seg == SEG_FLAT32 ? (u32)u->disp : (u64)u->disp;

    if (u->base != UREG_ZERO || u->index != UREG_ZERO) {
        unsigned a_in = (unsigned)m.base;

        if (m.disp) {
            emit_rm(&t->e, 8, 0x8d | EMIT_FIXED, H_DX, host_at((enum host_reg)m.base, m.disp));
            a_in = H_DX;
        }
        emit_rm(&t->e, 8, 0x89, a_in, VCPU_AT(fpu.dp));
    } else if (a == (u64)(i64)(i32)a) {
        emit_mov_mi(&t->e, 8, VCPU_AT(fpu.dp), a);
    } else {
        emit_mov_imm(&t->e, H_DX, a);
        emit_rm(&t->e, 8, 0x89, H_DX, VCPU_AT(fpu.dp));
    }
}

/* ---- Emission -------------------------------------------------------------------------------------------------------- */

void bt_need_x87(struct trans *t)
{
    if (!t->x87)
        bt_need_live(t, VCPU_AT(t.x87_live), t->bt->load_x87);
    t->x87 = true;
}

static void emit_two(struct trans *t, unsigned a, unsigned b)
{
    emit8(&t->e, a);
    emit8(&t->e, b);
}

/* The guest's own bytes: FOP has them. */
static void emit_same(struct trans *t)
{
    emit_two(t, 0xd8 | (t->u->imm >> 8 & 7), t->u->imm & 0xff);
}

static void lower_memory(struct trans *t, const struct low *l)
{
    unsigned opcode = 0xd8 | (t->u->imm >> 8 & 7);
    struct host_mem m = bt_access(t, l->from, l->op == X87_ST ? MMU_WRITE : MMU_READ, true);

    store_dp(t, m);
    emit_xm(&t->e, 4, opcode | EMIT_FIXED, t->u->imm >> 3 & 7, m);
}

/* The condition may have become another by the way it was tested. */
static void lower_cmov(struct trans *t)
{
    static const u8 conds[4] = {2, 4, 6, 10};
    const struct uop *u = t->u;
    unsigned cond = bt_condition(t, conds[u->aux & 3] | (u->imm >> 8 & 1));
    unsigned which = cond >> 1 == 5 ? 3 : (cond >> 1) - 1;

    emit_two(t, 0xda | (cond & 1), 0xc0 | which << 3 | u->src);
}

/* A control word that cannot be live. The host's flags: NE if an exception is not masked; then, E if the precision is the
 * reserved one. `reg` is clobbered. */
static void test_masks(struct emitter *e, unsigned reg)
{
    emit_xr(e, 4, 0xf7, 2, reg);
    emit_xr(e, 4, 0xf7, 0, reg);
    emit32(e, SW_EXCEPTIONS);
}

static void test_precision(struct emitter *e, unsigned reg)
{
    emit_alu_ri(e, 4, 4, reg, 0x300);
    emit_alu_ri(e, 4, 7, reg, 0x200);
}

static void check_control(struct trans *t, unsigned reg, unsigned tmp)
{
    struct emitter *e = &t->e;
    u32 point = bt_point(t, 0, 0);

    emit_rr(e, 4, 0x8b, tmp, reg);
    test_masks(e, tmp);
    bt_slow_if(t, 5, point);
    test_precision(e, tmp);
    bt_slow_if(t, 4, point);
    t->host_flags = 0;
}

static void lower_ldcw(struct trans *t)
{
    struct emitter *e = &t->e;
    struct host_mem m = bt_access(t, 2, MMU_READ, true);

    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_DX, m);
    check_control(t, H_DX, H_CX);
    emit_alu_ri(e, 4, 4, H_DX, 0x1f3f);
    emit_alu_ri(e, 4, 1, H_DX, 0x40);
    emit_rm(e, 2, 0x89, H_DX, VCPU_AT(fpu.cw));
    emit_xm(e, 4, 0xd9 | EMIT_FIXED, 5, VCPU_AT(fpu.cw));
}

static void lower_stcw(struct trans *t)
{
    struct host_mem m = bt_access(t, 2, MMU_WRITE, true);

    emit_rm(&t->e, 4, 0x0fb7 | EMIT_FIXED, H_DX, VCPU_AT(fpu.cw));
    emit_rm(&t->e, 2, 0x89, H_DX, m);
}

/* #NM where the block's key does not rule it out. ES is clear in every state that is loaded. */
static void lower_wait(struct trans *t)
{
    struct emitter *e = &t->e;

    if (t->b->key & KEY_FPU)
        return;
    emit_rm(e, 4, 0x8b, H_AX, VCPU_AT(cr0));
    emit_alu_ri(e, 4, 4, H_AX, CR0_MP | CR0_TS);
    emit_alu_ri(e, 4, 7, H_AX, CR0_MP | CR0_TS);
    bt_slow_if(t, 4, bt_point(t, 0, 0));
    t->host_flags = 0;
}

static void lower_control(struct trans *t, const struct low *l)
{
    switch ((enum x87_shape)l->op) {
    case X87_STSW_AX:
        emit_two(t, 0xdf, 0xe0);
        bt_define(t, R_AX, 2, H_AX);
        break;
    case X87_STSW: emit_xm(&t->e, 4, 0xdd | EMIT_FIXED, 7, bt_access(t, 2, MMU_WRITE, true)); break;
    case X87_CLEX: emit_two(t, 0xdb, 0xe2); break;
    case X87_LDCW: lower_ldcw(t); break;
    default: lower_wait(t); break;
    }
}

bool bt_lower_x87(struct trans *t, const struct low *l)
{
    if (l->kind != LOW_X87)
        return false;
    if (l->op == X87_NOTHING)
        return true;
    if (l->op == X87_STCW) {
        lower_stcw(t);
        return true;
    }
    bt_need_x87(t);
    switch ((enum x87_shape)l->op) {
    case X87_REG:
    case X87_EFLAGS: emit_same(t); break;
    case X87_MEM:
    case X87_ST: lower_memory(t, l); break;
    case X87_CMOV: lower_cmov(t); break;
    default: lower_control(t, l); return true;
    }
    note(t);
    if (l->op == X87_EFLAGS)
        bt_flags_after(t, SHAPE_HOST);
    return true;
}

/* ---- Loading and storing the unit -------------------------------------------------------------------------------------- */

/* The image of FNSAVE as 64-bit code has it: seven double words, then the registers from ST(0) on. */
enum { IMAGE_CW = 0, IMAGE_SW = 4, IMAGE_TAGS = 8, IMAGE_ST = 28 };

static struct host_mem image(unsigned offset)
{
    struct host_mem m = VCPU_AT(t.x87_image);

    m.disp += (i32)offset;
    return m;
}

/* ECX op= EDX, where EDX = ECX << n (n < 0: >> -n), and a mask: spreads the bits of a word, or gathers them. */
static void fold_bits(struct emitter *e, int n, u32 mask)
{
    emit_rr(e, 4, 0x8b, H_DX, H_CX);
    emit_xr(e, 4, 0xc1, n < 0 ? 5 : 4, H_DX);
    emit8(e, (unsigned)(n < 0 ? -n : n));
    emit_rr(e, 4, 0x0b, H_CX, H_DX);
    emit_alu_ri(e, 4, 4, H_CX, mask);
}

/* Copy the registers between struct fpu, where they have fixed places, and the image. EAX = TOP; clobbers all three. */
static void copy_stack(struct emitter *e, bool load)
{
    for (unsigned i = 0; i < 8; i++) {
        struct host_mem low = VCPU_AT(fpu.st), high;

        low.index = H_DX;
        low.shift = 1;
        high = low;
        high.disp += 8;
        emit_rm(e, 4, 0x8d | EMIT_FIXED, H_DX, (struct host_mem){H_AX, H_AX, 2, 0});
        emit_rm(e, 8, 0x8b, H_CX, load ? low : image(IMAGE_ST + 10 * i));
        emit_rm(e, 8, 0x89, H_CX, load ? image(IMAGE_ST + 10 * i) : low);
        emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_CX, load ? high : image(IMAGE_ST + 10 * i + 8));
        emit_rm(e, 2, 0x89, H_CX, load ? image(IMAGE_ST + 10 * i + 8) : high);
        emit_alu_ri(e, 4, 0, H_AX, 1);
        emit_alu_ri(e, 4, 4, H_AX, 7);
    }
    _Static_assert(sizeof(struct f80) == 10, "a register is ten bytes, as in the image");
}

/* Unconditionally; clobbers RAX, RCX, RDX. */
static void emit_load(struct emitter *e)
{
    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_CX, VCPU_AT(fpu.cw));
    emit_rm(e, 4, 0x89, H_CX, image(IMAGE_CW));
    emit_rm(e, 4, 0x0fb6 | EMIT_FIXED, H_CX, VCPU_AT(fpu.tag));
    emit_alu_ri(e, 4, 6, H_CX, 0xff);
    fold_bits(e, 4, 0x0f0f);
    fold_bits(e, 2, 0x3333);
    fold_bits(e, 1, 0x5555);
    emit_rm(e, 4, 0x8d | EMIT_FIXED, H_CX, (struct host_mem){H_CX, H_CX, 1, 0});
    emit_rm(e, 4, 0x89, H_CX, image(IMAGE_TAGS));
    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_CX, VCPU_AT(fpu.sw));
    emit_rm(e, 4, 0x0fb6 | EMIT_FIXED, H_AX, VCPU_AT(fpu.top));
    emit_rr(e, 4, 0x8b, H_DX, H_AX);
    emit_xr(e, 4, 0xc1, 4, H_DX);
    emit8(e, 11);
    emit_rr(e, 4, 0x0b, H_CX, H_DX);
    emit_rm(e, 4, 0x89, H_CX, image(IMAGE_SW));
    copy_stack(e, true);
    emit_xm(e, 4, 0xdd | EMIT_FIXED, 4, image(0)); /* FRSTOR */
    emit_mov_mi(e, 1, VCPU_AT(t.x87_live), 1);
}

/* vcpu->t.x87_note to where it belongs. Clobbers RAX, RCX. */
static void emit_apply_note(struct bt *bt, struct emitter *e)
{
    u8 *none, *no_ds;

    emit_rm(e, 4, 0x8b, H_AX, VCPU_AT(t.x87_note));
    emit_rr(e, 4, 0x85, H_AX, H_AX);
    none = emit_jcc(e, 4, NULL);
    _Static_assert(sizeof(struct bt_note) == 16, "shifted by 4");
    emit_xr(e, 4, 0xc1, 4, H_AX);
    emit8(e, 4);
    emit_mov_imm(e, H_CX, (u64)(uintptr_t)bt->notes);
    emit_rr(e, 8, 0x03, H_AX, H_CX);
    emit_rm(e, 8, 0x8b, H_CX, host_at(H_AX, offsetof(struct bt_note, ip)));
    emit_rm(e, 8, 0x89, H_CX, VCPU_AT(fpu.ip));
    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_CX, host_at(H_AX, offsetof(struct bt_note, opcode)));
    emit_rm(e, 2, 0x89, H_CX, VCPU_AT(fpu.opcode));
    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_CX, VCPU_AT(seg[SEG_CS].sel));
    emit_rm(e, 2, 0x89, H_CX, VCPU_AT(fpu.cs));
    emit_rm(e, 8, 0x63, H_AX, VCPU_AT(t.x87_ds)); /* MOVSXD */
    emit_rr(e, 4, 0x85, H_AX, H_AX);
    no_ds = emit_jcc(e, 4, NULL);
    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_CX, (struct host_mem){H_BP, H_AX, 0, 0});
    emit_rm(e, 2, 0x89, H_CX, VCPU_AT(fpu.ds));
    emit_patch(no_ds, e->p);
    emit_mov_mi(e, 8, VCPU_AT(t.x87_note), 0); /* and x87_ds */
    _Static_assert(offsetof(struct translated, x87_ds) == offsetof(struct translated, x87_note) + 4,
                   "");
    emit_patch(none, e->p);
}

/* The host's unit is as C wants it afterwards. Clobbers RAX, RCX, RDX. */
static void emit_save(struct bt *bt, struct emitter *e)
{
    emit_xm(e, 4, 0xdd | EMIT_FIXED, 6, image(0)); /* FNSAVE */
    emit_apply_note(bt, e);
    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_CX, image(IMAGE_TAGS));
    emit_rr(e, 4, 0x8b, H_DX, H_CX);
    emit_xr(e, 4, 0xc1, 5, H_DX);
    emit8(e, 1);
    emit_rr(e, 4, 0x23, H_CX, H_DX);
    emit_alu_ri(e, 4, 4, H_CX, 0x5555);
    fold_bits(e, -1, 0x3333);
    fold_bits(e, -2, 0x0f0f);
    fold_bits(e, -4, 0xff);
    emit_alu_ri(e, 4, 6, H_CX, 0xff);
    emit_rm(e, 1, 0x89, H_CX, VCPU_AT(fpu.tag));
    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_AX, image(IMAGE_SW));
    emit_rr(e, 4, 0x8b, H_CX, H_AX);
    emit_alu_ri(e, 4, 4, H_CX, 0xc7ff);
    emit_rm(e, 2, 0x89, H_CX, VCPU_AT(fpu.sw));
    emit_xr(e, 4, 0xc1, 5, H_AX);
    emit8(e, 11);
    emit_alu_ri(e, 4, 4, H_AX, 7);
    emit_rm(e, 1, 0x89, H_AX, VCPU_AT(fpu.top));
    copy_stack(e, false);
    emit_mov_mi(e, 1, VCPU_AT(t.x87_live), 0);
}

void bt_make_x87(struct bt *bt, struct emitter *e)
{
    bt->save_x87 = e->p;
    emit_save(bt, e);
    emit8(e, 0xc3);
    bt->reload_x87 = e->p;
    emit_load(e);
    emit8(e, 0xc3);
}

void bt_make_load_x87(struct bt *bt, struct emitter *e)
{
    u8 *unmasked, *reserved;

    bt->load_x87 = e->p;
    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_CX, VCPU_AT(fpu.cw));
    test_masks(e, H_CX);
    unmasked = emit_jcc(e, 5, NULL);
    test_precision(e, H_CX);
    reserved = emit_jcc(e, 4, NULL);
    emit_jmp(e, bt->reload_x87);
    emit_patch(unmasked, e->p);
    emit_patch(reserved, e->p);
    emit_alu_ri(e, 8, 0, H_SP, 8);
    emit_jmp(e, bt->slow);
}
