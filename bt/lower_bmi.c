/* SPDX-License-Identifier: MIT */
/*
 * Lowering of bit manipulation on general registers: BMI1, BMI2, TZCNT, LZCNT, MOVBE and the carries of ADX.
 *
 * Each is the host's own instruction, if the host has it; if not, the table has no row and the interpreter's routine is called. A
 * memory operand is loaded first, so that only register forms are encoded here. Flags that the manual leaves undefined are 0
 * (cpu/ops_bmi.c, cpu/ops_bit.c), whatever the host makes of them: SHAPE_BITS and SHAPE_COUNT. ADCX and ADOX are the host's ADC on a
 * carry that is loaded and put back, since the guest's other flags are not in EFLAGS.
 */
#include <cpuid.h>

#include "bt/internal.h"

/* In the order of the families (uops_families.h). */
enum { BMI_ANDN, BMI_BEXTR, BMI_BLSI, BMI_BLSMSK, BMI_BLSR, BMI_BZHI };
enum { BMI_MULX = 16, BMI_PDEP, BMI_PEXT, BMI_RORX, BMI_SARX, BMI_SHLX, BMI_SHRX };
enum { ADX_ADCX, ADX_ADOX };
enum { COUNT_TZCNT = 2, COUNT_LZCNT };

/* ---- What the host has ---------------------------------------------------------------------------------------------- */

static void set_bmi(unsigned first, unsigned op, bool flags)
{
    for (unsigned i = 0; i < 4; i++) {
        struct low l = {.kind = LOW_BMI,
                        .form = i < 2 ? FORM_R : FORM_M,
                        .op = (u8)op,
                        .size = i & 1 ? 8 : 4,
                        .flags = flags};

        bt_low[first + (flags ? 2 * i : i)] = l;
        if (flags) {
            l.flags = false;
            bt_low[first + 2 * i + 1] = l;
        }
    }
}

static void set_count(unsigned r32, unsigned m32, unsigned op)
{
    for (unsigned i = 0; i < 2; i++) {
        struct low l = {
            .kind = LOW_COUNT, .form = FORM_R, .op = (u8)op, .size = i ? 8 : 4, .flags = true};

        bt_low[r32 + i] = l;
        l.form = FORM_M;
        bt_low[m32 + i] = l;
    }
}

/* clang 14 has no name for it. */
static bool host_has_lzcnt(void)
{
    u32 a, b, c, d;

    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1u << 5);
}

void bt_low_init_bmi(void)
{
    if (__builtin_cpu_supports("bmi")) {
        for (unsigned op = BMI_ANDN; op <= BMI_BLSR; op++)
            set_bmi(UOP_ANDN_R32 + 8 * op, op, true);
        set_count(UOP_TZCNT_R32, UOP_TZCNT_M32, COUNT_TZCNT);
    }
    if (__builtin_cpu_supports("bmi2")) {
        set_bmi(UOP_BZHI_R32, BMI_BZHI, true);
        for (unsigned i = 0; i <= BMI_SHRX - BMI_MULX; i++)
            set_bmi(UOP_MULX_R32 + 4 * i, BMI_MULX + i, false);
    }
    if (host_has_lzcnt())
        set_count(UOP_LZCNT_R32, UOP_LZCNT_M32, COUNT_LZCNT);
    for (unsigned i = 0; i < 4; i++) {
        struct low l = {.kind = LOW_ADX,
                        .form = i < 2 ? FORM_R : FORM_M,
                        .op = ADX_ADCX,
                        .size = i & 1 ? 8 : 4,
                        .flags = true};

        bt_low[UOP_ADCX_R32 + i] = l;
        l.op = ADX_ADOX;
        bt_low[UOP_ADOX_R32 + i] = l;
    }
    for (unsigned i = 0; i < 2; i++) {
        bt_low[UOP_MOVBE_RM32 + i] =
            (struct low){.kind = LOW_MOVBE, .form = FORM_RM, .size = i ? 8 : 4};
        bt_low[UOP_MOVBE_MR32 + i] =
            (struct low){.kind = LOW_MOVBE, .form = FORM_MR, .size = i ? 8 : 4};
    }
}

/* ---- Code ----------------------------------------------------------------------------------------------------------- */

enum { MAP_38 = 2, MAP_3A = 3 };
enum { PP_NONE, PP_66, PP_F3, PP_F2 };

/* OP reg, vvvv, rm in the VEX prefix of three bytes. */
static void emit_vex(struct emitter *e, unsigned map, unsigned pp, unsigned size, unsigned op,
                     unsigned reg, unsigned vvvv, unsigned rm)
{
    emit8(e, 0xc4);
    emit8(e, (reg & 8 ? 0 : 0x80) | 0x40 | (rm & 8 ? 0 : 0x20) | map);
    emit8(e, (size == 8 ? 0x80 : 0) | (15 - vvvv) << 3 | pp);
    emit8(e, op);
    emit8(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* The operand in ModRM.rm: in a register of its own, or loaded to CX. */
static unsigned source(struct trans *t, const struct low *l)
{
    struct host_mem m;

    if (l->form != FORM_M)
        return (unsigned)bt_use(t, t->u->src, H_CX);
    m = bt_access(t, l->size, MMU_READ, true);
    emit_rm(&t->e, l->size, 0x8b, H_CX, m);
    return H_CX;
}

static const struct {
    u8 pp, op, ext;
} bmi_code[] = {
    [BMI_ANDN] = {PP_NONE, 0xf2, 0}, [BMI_BEXTR] = {PP_NONE, 0xf7, 0},
    [BMI_BLSI] = {PP_NONE, 0xf3, 3}, [BMI_BLSMSK] = {PP_NONE, 0xf3, 2},
    [BMI_BLSR] = {PP_NONE, 0xf3, 1}, [BMI_BZHI] = {PP_NONE, 0xf5, 0},
    [BMI_MULX] = {PP_F2, 0xf6, 0},   [BMI_PDEP] = {PP_F2, 0xf5, 0},
    [BMI_PEXT] = {PP_F3, 0xf5, 0},   [BMI_RORX] = {PP_F2, 0xf0, 0},
    [BMI_SARX] = {PP_F3, 0xf7, 0},   [BMI_SHLX] = {PP_66, 0xf7, 0},
    [BMI_SHRX] = {PP_F2, 0xf7, 0},
};

/* The high half is written last: it stays if both results go to one register. */
static void lower_mulx(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    unsigned src = source(t, l);
    int dx = bt_use(t, R_DX, H_DX);

    if (dx != H_DX)
        emit_rr(&t->e, 8, 0x8b, H_DX, (unsigned)dx);
    emit_vex(&t->e, MAP_38, PP_F2, l->size, 0xf6, H_DX, H_AX, src);
    bt_define(t, u->aux, l->size, H_AX);
    bt_define(t, u->dst, l->size, H_DX);
}

static void lower_bmi(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    int home = bt_home_of(t, u->dst);
    unsigned src, other, to = home >= 0 ? (unsigned)home : H_DX;

    if (l->op == BMI_MULX) {
        lower_mulx(t, l);
        return;
    }
    src = source(t, l);
    if (l->op == BMI_RORX) {
        emit_vex(&t->e, MAP_3A, PP_F2, l->size, 0xf0, to, 0, src);
        emit8(&t->e, (u8)u->imm);
    } else if (bmi_code[l->op].ext) { /* the destination is in vvvv */
        emit_vex(&t->e, MAP_38, PP_NONE, l->size, 0xf3, bmi_code[l->op].ext, to, src);
    } else {
        other = (unsigned)bt_use(t, u->aux, H_AX);
        emit_vex(&t->e, MAP_38, bmi_code[l->op].pp, l->size, bmi_code[l->op].op, to, other, src);
    }
    if (home < 0)
        bt_define(t, u->dst, l->size, H_DX);
    if (l->flags)
        bt_flags_after(t, l->op == BMI_BEXTR ? SHAPE_COUNT : SHAPE_BITS);
    else if (l->op <= BMI_BZHI)
        t->host_flags = 0;
}

static void lower_count(struct trans *t, const struct low *l)
{
    static const u32 opcode[] = {[COUNT_TZCNT] = 0x0fbc, [COUNT_LZCNT] = 0x0fbd};
    const struct uop *u = t->u;
    int home = bt_home_of(t, u->dst);
    unsigned src = source(t, l);

    emit_rr(&t->e, l->size, 0xf3u << 24 | opcode[l->op] | EMIT_FIXED,
            home >= 0 ? (unsigned)home : H_DX, src);
    if (home < 0)
        bt_define(t, u->dst, l->size, H_DX);
    bt_flags_after(t, SHAPE_COUNT);
}

/* OF alone changes in vcpu->cc, to the host's CF. */
static void replace_overflow(struct trans *t)
{
    struct host_mem cc = VCPU_AT(cc);

    emit_xr(&t->e, 1, 0x0f92 | EMIT_FIXED, 0, H_AX);
    emit_alu_mi(&t->e, 1, 4, cc, 0xfe);
    emit_rm(&t->e, 1, 0x09, H_AX, cc);
}

static void lower_adx(struct trans *t, const struct low *l)
{
    struct emitter *e = &t->e;
    unsigned src = source(t, l);
    int dst = bt_use(t, t->u->dst, H_DX);

    if (l->op == ADX_ADCX) {
        bt_load_carry(t);
    } else if (t->host_flags & UF_O) {
        emit_xr(e, 1, 0x0f90 | EMIT_FIXED, 0, H_AX);
        emit8(e, 0x04); /* ADD AL, -1 */
        emit8(e, 0xff);
    } else {
        emit_xm(e, 4, 0x0fba | EMIT_FIXED, 4, VCPU_AT(cc));
        emit8(e, 0);
    }
    emit_rr(e, l->size, 0x13, (unsigned)dst, src);
    if (dst == H_DX)
        bt_define(t, t->u->dst, l->size, dst);
    if (bt_fate(t) != FLAGS_DEAD) {
        if (l->op == ADX_ADCX)
            bt_replace_carry(t);
        else
            replace_overflow(t);
    }
    t->host_flags = 0;
}

static void lower_movbe(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    struct host_mem m = bt_access(t, l->size, l->form == FORM_RM ? MMU_READ : MMU_WRITE, true);

    if (l->form == FORM_RM)
        emit_rm(e, l->size, 0x8b, H_DX, m);
    else
        emit_rr(e, 8, 0x8b, H_DX, (unsigned)bt_use(t, u->src, H_DX));
    emit_opcode(e, l->size, (0x0fc8 | H_DX) | EMIT_FIXED, 0, 0, H_DX, false, false);
    if (l->form == FORM_RM)
        bt_define(t, u->dst, l->size, H_DX);
    else
        emit_rm(e, l->size, 0x89, H_DX, m);
}

bool bt_lower_bmi(struct trans *t, const struct low *l)
{
    switch ((enum low_kind)l->kind) {
    case LOW_BMI: lower_bmi(t, l); return true;
    case LOW_COUNT: lower_count(t, l); return true;
    case LOW_ADX: lower_adx(t, l); return true;
    case LOW_MOVBE: lower_movbe(t, l); return true;
    default: return false;
    }
}
