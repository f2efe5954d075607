/* SPDX-License-Identifier: MIT */
/*
 * Lowering of SSE micro-ops: the host's instruction of the same opcode, on the host's register of the same number. The
 * opcodes come from the rows of the instruction table, which say them already.
 *
 * The guest's sixteen registers and its MXCSR are loaded when translated code first needs them and saved when it is left
 * (bt/stubs.c, vcpu->t.xmm_live); in between exception flags gather in the host's MXCSR as they do in the guest's. Code that
 * runs with an exception unmasked is left to the interpreter when it would load them, so no host instruction here raises
 * anything. Memory operands are checked for the alignment their instruction wants before they are touched.
 * SDM vol. 1 §10.2.3, §11.5.
 */
#include "bt/internal.h"
#include "cpu/lift.h"

/* What stands where in the host's instruction. */
enum sse_shape {
    SSE_NOT,
    SSE_XX,     /* xmm, xmm/m */
    SSE_STORE,  /* xmm/m, xmm */
    SSE_SHIFT,  /* xmm by immediate, opcode extension */
    SSE_TO_G,   /* r, xmm */
    SSE_TO_GM,  /* r, xmm/m (conversions) */
    SSE_ST_G,   /* r/m, xmm */
    SSE_FROM_G, /* xmm, r/m */
    SSE_FLAGS,
    SSE_STORE_G, /* MOVNTI: m, r */
    SSE_NOTHING, /* LFENCE */
    SSE_INDEX,   /* PCMPISTRI, PCMPESTRI: the result goes to ECX */
    SSE_MASK,    /* PCMPISTRM, PCMPESTRM: to XMM0 */
};

struct sse_row {
    u16 uop;
    u8 map, opcode, pfx;
    i16 ext;
    const char *operands;
    u8 feature;
};

#define INSN(map, op, pfx, ext, mod, mode, NAME, opnds, lifter, arg, feat)                         \
    {arg, map, op, pfx, ext, opnds, feat},
static const struct sse_row rows[] = {
#include "cpu/insn_sse.def"
};
#undef INSN

/* Bytes of the memory operand; 16: aligned. 0: as the operand size says. */
struct sse_bytes {
    u16 uop;
    u8 bytes, shape;
    bool unaligned;
};

#define ROW(name, n, shape) {UOP_SSE_##name, n, shape, false},
#define SSE_INT(name, bytes) ROW(name, bytes, SSE_XX)
#define SSE_IMM(name) ROW(name, 16, SSE_XX)
#define SSE_SHIFT(name) ROW(name##_i, 0, SSE_SHIFT)
#define SSE_BLENDV(name) ROW(name, 16, SSE_XX)
#define SSE_CRYPTO(name, vex) ROW(name, 16, SSE_XX)
#define SSE_FP(name, bytes, op, fmt, n) ROW(name, bytes, SSE_XX)
#define SSE_FPI(name, bytes, op, fmt, n) ROW(name, bytes, SSE_XX)
/* clang-format off */
static const struct sse_bytes shapes[] = {
#include "cpu/sse_ops.def"
    ROW(sha256rnds2, 16, SSE_XX)
    ROW(psrldq_i, 0, SSE_SHIFT) ROW(pslldq_i, 0, SSE_SHIFT)
    ROW(mova, 16, SSE_XX) ROW(mova_st, 16, SSE_STORE)
    {UOP_SSE_movu, 16, SSE_XX, true}, {UOP_SSE_movu_st, 16, SSE_STORE, true},
    ROW(movss, 4, SSE_XX) ROW(movsd, 8, SSE_XX) ROW(movss_st, 4, SSE_STORE) ROW(movsd_st, 8, SSE_STORE)
    ROW(movlps, 8, SSE_XX) ROW(movhps, 8, SSE_XX)
    ROW(movq_st, 8, SSE_STORE) ROW(movd, 0, SSE_FROM_G) ROW(movd_st, 0, SSE_ST_G)
    ROW(movmskps, 0, SSE_TO_G) ROW(movmskpd, 0, SSE_TO_G) ROW(pmovmskb, 0, SSE_TO_G)
    ROW(pinsrb, 1, SSE_FROM_G) ROW(pinsrw, 2, SSE_FROM_G) ROW(pinsrd, 0, SSE_FROM_G)
    ROW(insertps, 4, SSE_XX)
    ROW(cvtsi2ss, 0, SSE_FROM_G) ROW(cvtsi2sd, 0, SSE_FROM_G)
    ROW(cvtss2si, 4, SSE_TO_GM) ROW(cvttss2si, 4, SSE_TO_GM) ROW(cvtsd2si, 8, SSE_TO_GM) ROW(cvttsd2si, 8, SSE_TO_GM)
    ROW(comiss, 4, SSE_FLAGS) ROW(comisd, 8, SSE_FLAGS) ROW(ucomiss, 4, SSE_FLAGS) ROW(ucomisd, 8, SSE_FLAGS)
    ROW(ptest, 16, SSE_FLAGS)
    {UOP_SSE_pcmpistri, 16, SSE_INDEX, true}, {UOP_SSE_pcmpestri, 16, SSE_INDEX, true},
    {UOP_SSE_pcmpistrm, 16, SSE_MASK, true}, {UOP_SSE_pcmpestrm, 16, SSE_MASK, true},
};
/* clang-format on */
#undef ROW

static u32 host_opcode(const struct sse_row *r)
{
    static const u32 prefix[] = {
        [ANY] = 0, [NP] = 0, [P66] = EMIT_66, [PF3] = EMIT_F3, [PF2] = EMIT_F2};
    static const u32 map[] = {[M0F] = 0x0f00, [M38] = 0x0f3800, [M3A] = 0x0f3a00};

    return prefix[r->pfx] | EMIT_FIXED | map[r->map] | r->opcode;
}

static const struct sse_row *row_of(unsigned uop)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].uop == uop)
            return &rows[i];
    return NULL;
}

/* Beyond x86-64-v2, which every host has. */
static bool host_has(const struct sse_row *r)
{
    switch (r->feature) {
    case FEAT_AES: return __builtin_cpu_supports("aes");
    case FEAT_PCLMULQDQ: return __builtin_cpu_supports("pclmul");
    case FEAT_SHA: return bt_host_has_sha();
    default: return true;
    }
}

static bool has_imm(const struct sse_row *r)
{
    return r->operands && strstr(r->operands, "Ib");
}

static bool has_flags(unsigned shape)
{
    return shape == SSE_FLAGS || shape == SSE_INDEX || shape == SSE_MASK;
}

static void set(unsigned uop, const struct sse_row *r, const struct sse_bytes *s, bool memory)
{
    struct low l = {.kind = LOW_SSE,
                    .form = memory ? FORM_M : FORM_R,
                    .host = host_opcode(r),
                    .sse = s->shape,
                    .from = s->bytes,
                    .op = (u8)(r->ext == XX ? 0 : r->ext),
                    .flags = has_flags(s->shape)};

    if (!host_has(r))
        return;
    l.size = has_imm(r) ? 1 : 0; /* an immediate byte follows */
    l.aligned = s->bytes == 16 && !s->unaligned;
    bt_low[uop] = l;
}

/* PEXTRx and EXTRACTPS: the opcodes that have a memory form too. bytes 0: as the operand size says. */
static void set_extract(unsigned uop, u32 opcode, unsigned bytes)
{
    struct low l = {.kind = LOW_SSE,
                    .form = FORM_R,
                    .host = EMIT_66 | EMIT_FIXED | opcode,
                    .sse = SSE_ST_G,
                    .size = 1,
                    .from = (u8)bytes};

    bt_low[uop] = l;
    l.form = FORM_M;
    bt_low[uop + 1] = l;
}

/* Micro-ops that only one form of operands reaches have a row of their own, and so does each memory form that a row names
 * alone: its opcode may be another. */
void bt_low_init_sse(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
        const struct sse_bytes *s = &shapes[i];
        const struct sse_row *r = row_of(s->uop), *m = row_of(s->uop + 1);

        if (r)
            set(s->uop, r, s, false);
        if (s->shape == SSE_TO_G || s->shape == SSE_SHIFT)
            continue;
        if (r || m)
            set(s->uop + 1u, r ? r : m, s, true);
    }
    set(UOP_SSE_movlps_st_m, row_of(UOP_SSE_movlps_st_m),
        &(struct sse_bytes){0, 8, SSE_STORE, true}, true);
    set(UOP_SSE_movhps_st_m, row_of(UOP_SSE_movhps_st_m),
        &(struct sse_bytes){0, 8, SSE_STORE, true}, true);
    set(UOP_SSE_movnti_m, row_of(UOP_SSE_movnti_m), &(struct sse_bytes){0, 0, SSE_STORE_G, true},
        true);
    bt_low[UOP_SSE_movnti_m].host = 0x89; /* an ordinary store */
    set_extract(UOP_SSE_pextrb, 0x0f3a14, 1);
    set_extract(UOP_SSE_pextrw, 0x0f3a15, 2);
    set_extract(UOP_SSE_pextrd, 0x0f3a16, 0);
    set_extract(UOP_SSE_extractps, 0x0f3a17, 4);
    bt_low[UOP_SSE_lfence] = (struct low){.kind = LOW_SSE, .sse = SSE_NOTHING};
    /* The pairs that the loop takes from one row: MOVLPS and MOVHPS have one for each form. */
    set(UOP_SSE_movlps_m, row_of(UOP_SSE_movlps_m), &(struct sse_bytes){0, 8, SSE_XX, true}, true);
    set(UOP_SSE_movhps_m, row_of(UOP_SSE_movhps_m), &(struct sse_bytes){0, 8, SSE_XX, true}, true);
}

u32 bt_sse_defines(const struct uop *u)
{
    const struct low *l = &bt_low[u->op];

    if (l->sse == SSE_INDEX)
        return BIT(R_CX);
    if (l->sse == SSE_TO_G || l->sse == SSE_TO_GM || (l->sse == SSE_ST_G && l->form == FORM_R))
        return BIT(u->dst);
    return 0;
}

bool bt_sse_stores(const struct low *l)
{
    return l->sse == SSE_STORE || l->sse == SSE_ST_G || l->sse == SSE_STORE_G;
}

/* ---- Emission -------------------------------------------------------------------------------------------------------- */

static void need_xmm(struct trans *t)
{
    if (!t->xmm)
        bt_need_live(t, VCPU_AT(t.xmm_live), t->bt->load_xmm);
    t->xmm = true;
}

/* A prefix of two opcodes needs REX between, which emit_opcode puts there; 66 with 16-bit sizes never occurs here. */
static unsigned gpr_size(const struct trans *t, const struct low *l)
{
    return l->from && l->sse == SSE_FROM_G ? 4 : t->u->osize;
}

static struct host_mem operand(struct trans *t, const struct low *l, unsigned size, unsigned access)
{
    return l->aligned ? bt_access_aligned(t, size, access) : bt_access(t, size, access, true);
}

static void lower_to_gpr(struct trans *t, const struct low *l, unsigned size, bool store_form)
{
    const struct uop *u = t->u;
    int home = bt_home_of(t, u->dst);
    unsigned to = home >= 0 ? (unsigned)home : H_DX;

    if (store_form)
        emit_rr(&t->e, size, l->host, u->src, to);
    else
        emit_rr(&t->e, size, l->host, to, u->src);
    if (l->size)
        emit8(&t->e, (unsigned)u->imm);
    if (home < 0)
        bt_define(t, u->dst, 8, (int)to);
}

static void with_memory(struct trans *t, const struct low *l, struct host_mem m)
{
    const struct uop *u = t->u;
    int home;

    switch (l->sse) {
    case SSE_STORE: emit_rm(&t->e, 4, l->host, u->src, m); break;
    case SSE_ST_G: emit_rm(&t->e, u->osize, l->host, u->src, m); break;
    case SSE_FROM_G: emit_rm(&t->e, gpr_size(t, l), l->host, u->dst, m); break;
    case SSE_TO_GM:
        home = bt_home_of(t, u->dst);
        emit_rm(&t->e, u->osize, l->host, home >= 0 ? (unsigned)home : H_DX, m);
        if (home < 0)
            bt_define(t, u->dst, 8, H_DX);
        break;
    default: emit_rm(&t->e, 4, l->host, u->dst, m); break;
    }
    if (l->size)
        emit8(&t->e, (unsigned)u->imm);
}

static void with_registers(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;

    switch (l->sse) {
    case SSE_SHIFT: emit_xr(&t->e, 4, l->host, l->op, u->dst); break;
    case SSE_STORE: emit_rr(&t->e, 4, l->host, u->src, u->dst); break;
    case SSE_TO_G: lower_to_gpr(t, l, 4, false); return;
    case SSE_TO_GM: lower_to_gpr(t, l, u->osize, false); return;
    case SSE_ST_G: lower_to_gpr(t, l, u->osize, true); return;
    case SSE_FROM_G:
        emit_rr(&t->e, gpr_size(t, l), l->host, u->dst, (unsigned)bt_use(t, u->src, H_CX));
        break;
    default: emit_rr(&t->e, 4, l->host, u->dst, u->src); break;
    }
    if (l->sse == SSE_SHIFT || l->size)
        emit8(&t->e, (unsigned)u->imm);
}

/* String comparisons; explicit lengths are in RAX and RDX. */
static void lower_string_compare(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    bool lengths = (l->host & 0xff) < 0x62;
    unsigned size = lengths && u->osize == 8 ? 8 : 4;
    struct host_mem m = {H_NONE, H_NONE, 0, 0};
    struct emitter *e = &t->e;

    if (l->form == FORM_M) {
        emit_rm(e, 8, 0x8d | EMIT_FIXED, H_CX, bt_access(t, 16, MMU_READ, true));
        m = host_at(H_CX, 0);
    }
    if (lengths) {
        emit_rr(e, 8, 0x8b, H_AX, bt_pinned(t, R_AX));
        emit_rr(e, 8, 0x8b, H_DX, bt_pinned(t, R_DX));
    }
    if (l->form == FORM_M)
        emit_rm(e, size, l->host, u->dst, m);
    else
        emit_rr(e, size, l->host, u->dst, u->src);
    emit8(e, (unsigned)u->imm);
    if (l->sse == SSE_INDEX)
        bt_define(t, R_CX, 8, H_CX);
    bt_flags_after(t, SHAPE_HOST);
}

bool bt_lower_sse(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    unsigned bytes = l->from ? l->from : u->osize;

    if (l->kind != LOW_SSE)
        return false;
    if (l->sse == SSE_NOTHING)
        return true;
    if (l->sse == SSE_STORE_G) {
        struct host_mem m = bt_access(t, u->osize, MMU_WRITE, true);

        emit_rm(&t->e, u->osize, 0x89, (unsigned)bt_use(t, u->src, H_DX), m);
        return true;
    }
    need_xmm(t);
    if (l->sse == SSE_INDEX || l->sse == SSE_MASK) {
        lower_string_compare(t, l);
        return true;
    }
    if (l->form == FORM_M) {
        bool writes = l->sse == SSE_STORE || l->sse == SSE_ST_G;

        with_memory(t, l, operand(t, l, bytes, writes ? MMU_WRITE : MMU_READ));
    } else {
        with_registers(t, l);
    }
    if (l->sse == SSE_FLAGS)
        bt_flags_after(t, SHAPE_HOST);
    return true;
}
