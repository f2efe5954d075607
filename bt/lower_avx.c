/* SPDX-License-Identifier: MIT */
/*
 * Lowering of VEX-encoded vector micro-ops: the host's instruction of the same opcode, on the registers of the same numbers, where
 * the host has AVX2. Opcodes, W and the sense of ModRM come from the rows of the instruction table.
 *
 * The upper halves of the registers are loaded when an AVX instruction first needs them (vcpu->t.xmm_live becomes LIVE_YMM) and
 * saved with the lower ones; then the host's are cleared (VZEROUPPER), because C is SSE code. In code that never uses AVX they stay in
 * memory. SSE instructions between leave the host's upper halves as they leave the guest's, so both mix freely.
 *
 * Approximations and dot products are the interpreter's, which has them in software. Gathers: bt/lower_gather.c.
 * Intel SDM vol. 2 §2.3.
 */
#include <cpuid.h>

#include "bt/internal.h"
#include "cpu/lift.h"

/* What stands where: ModRM.reg, VEX.vvvv, ModRM.rm. */
enum avx_shape {
    AVX_RVM,    /* destination, first source, second */
    AVX_STORE,  /* source, first source or mask, destination */
    AVX_SHIFT,  /* opcode extension, destination, source */
    AVX_TO_G,   /* general destination, -, source */
    AVX_ST_G,   /* source, -, general destination */
    AVX_FROM_G, /* destination, first source, general source */
    AVX_FLAGS,  /* first source, -, second */
    AVX_GATHER, /* destination, mask, -; the index is a vector register */
    AVX_NOTHING,
};

/* Bytes of the memory operand: with VEX.L = 0, and how often that with 1 (a shift). */
enum avx_mem {
    MEM_DOUBLES = 0x40,
    MEM_QUADRUPLES = 0x80,
    MEM_BYTES = 0x1f,
    MEM_OSIZE = 0,
    MEM_1 = 1,
    MEM_2 = 2,
    MEM_4 = 4,
    MEM_8 = 8,
    MEM_16 = 16,
    MEM_FULL = 16 | MEM_DOUBLES,
    MEM_HALF = 8 | MEM_DOUBLES,
    MEM_DUP = 8 | MEM_QUADRUPLES,
};

struct avx_row {
    u16 uop;
    u8 map, opcode, pfx;
    i16 ext;
    u8 mod, mode;
    const char *operands;
    u8 feature;
};

#define INSN(map, op, pfx, ext, mod, mode, NAME, opnds, lifter, arg, feat)                         \
    {arg, map, op, pfx, ext, mod, mode, opnds, feat},
static const struct avx_row rows[] = {
#include "cpu/insn_avx.def"
};
#undef INSN

struct avx_operation {
    u16 uop;
    u8 mem, shape;
};

/* clang-format off */
#define ROW(name, mem, shape) {UOP_AVX_##name, mem, shape},
#define AVX_LANE(name) ROW(name, MEM_FULL, AVX_RVM)
#define AVX_IMM(name, step) ROW(name, MEM_FULL, AVX_RVM)
#define AVX_SHIFT(name) ROW(name, MEM_16, AVX_RVM) ROW(name##_i, 0, AVX_SHIFT)
#define AVX_WIDEN(name, bytes) ROW(name, (bytes) | MEM_DOUBLES, AVX_RVM)
#define AVX_FP(name, op, fmt, n) ROW(name, MEM_FULL, AVX_RVM)
#define AVX_FPI(name, op, fmt, n) ROW(name, MEM_FULL, AVX_RVM)
#define AVX_FPS(name, bytes, op, fmt) ROW(name, bytes, AVX_RVM)
#define AVX_FPSI(name, bytes, op, fmt) ROW(name, bytes, AVX_RVM)
#define AVX_FMA(name, order, op, fmt) ROW(name, MEM_FULL, AVX_RVM)
#define AVX_F32_BYTES 4
#define AVX_F64_BYTES 8
#define AVX_FMAS(name, order, op, fmt) ROW(name, AVX_##fmt##_BYTES, AVX_RVM)
#define AVX_OTHER(name, mem, pure) ROW(name, mem, AVX_RVM)
#define AVX_SSE(name, mem, pure) ROW(name, mem, AVX_TO_G)
static const struct avx_operation operations[] = {
#include "cpu/avx_ops.def"
    ROW(psrldq_i, 0, AVX_SHIFT) ROW(pslldq_i, 0, AVX_SHIFT)
    ROW(movmskps, 0, AVX_TO_G) ROW(movmskpd, 0, AVX_TO_G) ROW(pmovmskb, 0, AVX_TO_G)
    ROW(comiss, 4, AVX_FLAGS) ROW(comisd, 8, AVX_FLAGS) ROW(ucomiss, 4, AVX_FLAGS) ROW(ucomisd, 8, AVX_FLAGS)
    ROW(ptest, MEM_FULL, AVX_FLAGS) ROW(testps, MEM_FULL, AVX_FLAGS) ROW(testpd, MEM_FULL, AVX_FLAGS)
};

/* Those whose shape is another than their macro says. */
static const struct avx_operation exceptions[] = {
    ROW(mova_st, MEM_FULL, AVX_STORE) ROW(movu_st, MEM_FULL, AVX_STORE)
    ROW(movss_st, MEM_4, AVX_STORE) ROW(movsd_st, MEM_8, AVX_STORE) ROW(movq_st, MEM_8, AVX_STORE)
    ROW(extract128, MEM_16, AVX_STORE) ROW(cvtps2ph, MEM_HALF, AVX_STORE)
    ROW(movd, MEM_OSIZE, AVX_FROM_G) ROW(pinsrb, 1, AVX_FROM_G) ROW(pinsrw, 2, AVX_FROM_G)
    ROW(pinsrd, MEM_OSIZE, AVX_FROM_G) ROW(cvtsi2ss, MEM_OSIZE, AVX_FROM_G) ROW(cvtsi2sd, MEM_OSIZE, AVX_FROM_G)
    ROW(movd_st, MEM_OSIZE, AVX_ST_G) ROW(pextrb, 1, AVX_ST_G) ROW(pextrd, MEM_OSIZE, AVX_ST_G)
    ROW(extractps, 4, AVX_ST_G) ROW(pextrw, 2, AVX_ST_G)
};
/* clang-format on */
#undef ROW

/* Never the host's: their results are the processor's own affair. */
static const u16 software[] = {UOP_AVX_rcpps,   UOP_AVX_rcpss, UOP_AVX_rsqrtps,
                               UOP_AVX_rsqrtss, UOP_AVX_dpps,  UOP_AVX_dppd};

/* Of a micro-op that several rows name: one that has both forms, and both lengths. The others mean the same. */
static const struct avx_row *row_of(unsigned uop)
{
    const struct avx_row *best = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct avx_row *r = &rows[i];

        if (r->uop == uop && (!best || (r->mod == ANYMOD && best->mod != ANYMOD)))
            best = r;
    }
    return best;
}

/* ---- What the host has ---------------------------------------------------------------------------------------------- */

bool bt_host_has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

bool bt_host_has_sha(void)
{
    u32 a, b, c, d;

    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}

static bool host_has_f16c(void)
{
    u32 a, b, c, d;

    return __get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 29);
}

static bool host_has(unsigned feature)
{
    switch (feature) {
    case FEAT_FMA: return __builtin_cpu_supports("fma");
    case FEAT_F16C: return host_has_f16c();
    case FEAT_AES: return __builtin_cpu_supports("aes");
    case FEAT_PCLMULQDQ: return __builtin_cpu_supports("pclmul");
    default: return true;
    }
}

/* ---- The table ------------------------------------------------------------------------------------------------------ */

enum { HOST_MAP = 8, HOST_PP = 12, HOST_W1 = 1 << 16, HOST_W_OSIZE = 1 << 17 };

static u32 host_opcode(const struct avx_row *r, unsigned shape)
{
    static const u8 pp[] = {[NP] = 0, [P66] = 1, [PF3] = 2, [PF2] = 3};
    u32 host = r->opcode | (r->map - V0F + 1u) << HOST_MAP | (u32)pp[r->pfx] << HOST_PP;

    if (r->mode & VEX_W1)
        host |= HOST_W1;
    if (shape == AVX_FROM_G || shape == AVX_TO_G || shape == AVX_ST_G)
        host |= HOST_W_OSIZE;
    return host;
}

static void set(unsigned uop, const struct avx_row *r, const struct avx_operation *o, bool memory)
{
    struct low l = {.kind = LOW_AVX,
                    .form = memory ? FORM_M : FORM_R,
                    .host = host_opcode(r, o->shape),
                    .sse = o->shape,
                    .from = o->mem,
                    .op = (u8)(r->ext == XX ? 0 : r->ext),
                    .flags = o->shape == AVX_FLAGS};

    l.size = strstr(r->operands, "Ib") || strstr(r->operands, "Lx"); /* an immediate byte follows */
    bt_low[uop] = l;
}

/* Rows that name a memory form alone have the register form's opcode, but for VPEXTRW, of which the other opcode has both. */
static void set_pair(const struct avx_operation *o)
{
    const struct avx_row *r = row_of(o->uop), *m = row_of(o->uop + 1u);

    if (!r)
        r = m;
    if (!r || !host_has(r->feature))
        return;
    set(o->uop, r, o, false);
    if (o->mem || o->shape == AVX_FROM_G || o->shape == AVX_ST_G)
        set(o->uop + 1u, r, o, true);
}

static void set_one(unsigned uop, unsigned mem, unsigned shape)
{
    const struct avx_row *r = row_of(uop);

    set(uop, r, &(struct avx_operation){(u16)uop, (u8)mem, (u8)shape}, mem);
}

void bt_low_init_avx(void)
{
    if (!bt_host_has_avx2())
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(operations); i++)
        set_pair(&operations[i]);
    for (unsigned i = 0; i < ARRAY_SIZE(exceptions); i++)
        set_pair(&exceptions[i]);
    set_one(UOP_AVX_movlps_st_m, MEM_8, AVX_STORE);
    set_one(UOP_AVX_movhps_st_m, MEM_8, AVX_STORE);
    set_one(UOP_AVX_maskmovd_m, MEM_FULL, AVX_RVM);
    set_one(UOP_AVX_maskmovq_m, MEM_FULL, AVX_RVM);
    set_one(UOP_AVX_maskmovd_st_m, MEM_FULL, AVX_STORE);
    set_one(UOP_AVX_maskmovq_st_m, MEM_FULL, AVX_STORE);
    set_one(UOP_AVX_gatherdd_m, MEM_4, AVX_GATHER);
    set_one(UOP_AVX_gatherdq_m, MEM_8, AVX_GATHER);
    set_one(UOP_AVX_gatherqd_m, MEM_4, AVX_GATHER);
    set_one(UOP_AVX_gatherqq_m, MEM_8, AVX_GATHER);
    set_one(UOP_AVX_zeroupper, 0, AVX_NOTHING);
    bt_low[UOP_AVX_mova_m].aligned = bt_low[UOP_AVX_mova_st_m].aligned = true;
    for (unsigned i = 0; i < ARRAY_SIZE(software); i++)
        bt_low[software[i]] = bt_low[software[i] + 1] = (struct low){.kind = LOW_NONE};
    /* The row with both forms. */
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].map == V3A && rows[i].opcode == 0x15) {
            const struct avx_operation o = {UOP_AVX_pextrw, 2, AVX_ST_G};

            set(UOP_AVX_pextrw, &rows[i], &o, false);
            set(UOP_AVX_pextrw_m, &rows[i], &o, true);
        }
}

bool bt_avx_writes_gpr(const struct low *l)
{
    return l->sse == AVX_TO_G || (l->sse == AVX_ST_G && l->form == FORM_R);
}

/* VZEROUPPER of 32-bit code leaves registers that the host's clears. */
bool bt_avx_is_lowered(const struct uop *u)
{
    if (bt_low[u->op].sse == AVX_GATHER)
        return bt_gather_is_lowered(u);
    return u->op != UOP_AVX_zeroupper || u->aux == 16;
}

/* ---- Emission ------------------------------------------------------------------------------------------------------- */

static void need_ymm(struct trans *t)
{
    struct emitter *e = &t->e;
    u8 *over;

    if (t->ymm)
        return;
    emit_alu_mi(e, 1, 7, VCPU_AT(t.xmm_live), LIVE_YMM);
    over = emit_jcc(e, 4, NULL);
    emit_mov_imm(e, H_AX, bt_point(t, 0, 0));
    emit_call(e, t->bt->load_ymm);
    emit_patch(over, e->p);
    t->host_flags = 0;
    t->xmm = t->ymm = true;
    if (t->lend.n)
        t->e.full = true; /* what is lent cannot be given back in `load_ymm` */
}

static bool is_masked(unsigned op)
{
    return op == UOP_AVX_maskmovd_m || op == UOP_AVX_maskmovq_m || op == UOP_AVX_maskmovd_st_m ||
           op == UOP_AVX_maskmovq_st_m;
}

bool bt_avx_stores(const struct low *l)
{
    return l->sse == AVX_STORE || l->sse == AVX_ST_G;
}

static unsigned operand_bytes(const struct uop *u, const struct low *l)
{
    unsigned bytes = l->from & MEM_BYTES;

    if (!bytes)
        return u->osize;
    if (u->aux2 && (l->from & MEM_DOUBLES))
        return 2 * bytes;
    return u->aux2 && (l->from & MEM_QUADRUPLES) ? 4 * bytes : bytes;
}

unsigned bt_avx_bytes(const struct uop *u)
{
    if (bt_low[u->op].sse == AVX_GATHER)
        return 0;
    return is_masked(u->op) ? 0 : operand_bytes(u, &bt_low[u->op]);
}

static struct vex vex_of(const struct uop *u, const struct low *l)
{
    struct vex x = {.op = (u8)l->host,
                    .map = l->host >> HOST_MAP & 15,
                    .pp = l->host >> HOST_PP & 3,
                    .w = !!(l->host & HOST_W1),
                    .l = u->aux2,
                    .vvvv = u->aux};

    if (l->host & HOST_W_OSIZE)
        x.w = u->osize == 8;
    return x;
}

static void with_memory(struct trans *t, const struct low *l, struct vex x)
{
    const struct uop *u = t->u;
    bool store = bt_avx_stores(l);
    unsigned size = operand_bytes(u, l), access = store ? MMU_WRITE : MMU_READ;
    struct host_mem m = l->aligned ? bt_access_aligned(t, size, access)
                                   : bt_access(t, size, access, !is_masked(u->op));

    if (l->sse == AVX_TO_G) {
        int home = bt_home_of(t, u->dst);

        emit_vex_rm(&t->e, x, home >= 0 ? (unsigned)home : H_DX, m);
        if (home < 0)
            bt_define(t, u->dst, 8, H_DX);
        return;
    }
    emit_vex_rm(&t->e, x, store ? u->src : u->dst, m);
}

static void to_general(struct trans *t, const struct low *l, struct vex x)
{
    const struct uop *u = t->u;
    int home = bt_home_of(t, u->dst);
    unsigned to = home >= 0 ? (unsigned)home : H_DX;

    emit_vex_rr(&t->e, x, l->sse == AVX_TO_G ? to : u->src, l->sse == AVX_TO_G ? u->src : to);
    if (l->size)
        emit8(&t->e, (u8)u->imm);
    if (home < 0)
        bt_define(t, u->dst, 8, H_DX);
}

static void with_registers(struct trans *t, const struct low *l, struct vex x)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;

    switch (l->sse) {
    case AVX_STORE: emit_vex_rr(e, x, u->src, u->dst); return;
    case AVX_SHIFT:
        x.vvvv = u->dst;
        emit_vex_rr(e, x, l->op, u->src);
        return;
    case AVX_FROM_G: emit_vex_rr(e, x, u->dst, (unsigned)bt_use(t, u->src, H_CX)); return;
    default: emit_vex_rr(e, x, u->dst, u->src); return;
    }
}

bool bt_lower_avx(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct vex x = vex_of(u, l);

    if (l->kind != LOW_AVX)
        return false;
    need_ymm(t);
    if (l->sse == AVX_NOTHING) {
        emit_vzeroupper(&t->e);
        return true;
    }
    if (l->sse == AVX_GATHER) {
        bt_lower_gather(t);
        return true;
    }
    if (bt_avx_writes_gpr(l) && l->form == FORM_R) {
        to_general(t, l, x);
        return true;
    }
    if (l->form == FORM_M)
        with_memory(t, l, x);
    else
        with_registers(t, l, x);
    if (l->size || l->sse == AVX_SHIFT)
        emit8(&t->e, (u8)u->imm);
    if (l->sse == AVX_FLAGS)
        bt_flags_after(t, SHAPE_HOST);
    return true;
}
