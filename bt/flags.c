/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic flags. A guest's flags are made by the host instruction that does the guest's operation; what costs is to
 * keep them. Each micro-op that writes flags gets a fate:
 *
 *   dead     every flag is overwritten before anybody can look
 *   host     only conditional micro-ops directly behind look: they find them in EFLAGS
 *   again    nobody looks unless the block is left unexpectedly (a fault, a miss). Then they are made again: the
 *            destination's old value follows from the result, and the interpreter's routine is run once more on it
 *   saved    the same, but the old value has to be put aside first (one store)
 *   store    they go to vcpu->cc (LAHF, SETO, one store)
 *
 * Most instructions of real code are dead or "again", since flags die within a few instructions but loads and stores,
 * which can fault, stand between. At the end of a block flags are always stored.
 *
 * A micro-op that writes some flags only (INC, rotates, BT) leaves the others where they are: if its own go to
 * vcpu->cc, so must they.
 */
#include "bt/internal.h"
#include "src/base/check.h"

static u8 reads_of(const struct uop *u)
{
    return uop_table[u->op].reads & UF_ALL;
}

static u8 writes_of(const struct uop *u)
{
    return bt_low[u->op].flags || !bt_low[u->op].kind ? uop_table[u->op].writes : 0;
}

/* Guest registers written, as a mask; all if that is not known. */
u32 bt_defines(const struct uop *u)
{
    const struct low *l = &bt_low[u->op];
    u32 dst = BIT(bt_gpr(u->dst, l->size)), src = BIT(bt_gpr(u->src, l->size));
    bool to_memory = l->form == FORM_M || l->form == FORM_MR || l->form == FORM_MI ||
                     l->form == FORM_MC || l->form == FORM_L;

    switch ((enum low_kind)l->kind) {
    case LOW_ALU: return to_memory || l->op == OP_CMP || l->op == OP_TEST ? 0 : dst;
    case LOW_UNARY:
    case LOW_SHIFT:
    case LOW_DSHIFT: return to_memory ? 0 : dst;
    case LOW_BIT: return to_memory || l->op == 0 ? 0 : dst;
    case LOW_MOV: return to_memory ? 0 : dst;
    case LOW_SET: return to_memory ? 0 : dst;
    case LOW_MOVX:
    case LOW_CMOV:
    case LOW_IMUL:
    case LOW_BITS:
    case LOW_COUNT:
    case LOW_ADX:
    case LOW_LEA:
    case LOW_BSWAP: return dst;
    case LOW_MOVBE: return to_memory ? 0 : dst;
    case LOW_BMI: return u->op >= UOP_MULX_R32 && u->op <= UOP_MULX_M64 ? dst | BIT(u->aux) : dst;
    case LOW_MUL: return BIT(R_AX) | BIT(R_DX);
    case LOW_CWD: return BIT(R_DX);
    case LOW_XCHG: return dst | src;
    case LOW_CMPXCHG: return BIT(R_AX) | dst;
    case LOW_XADD: return dst | src;
    case LOW_PUSH: return BIT(R_SP);
    case LOW_POP: return BIT(R_SP) | dst;
    case LOW_LEAVE: return BIT(R_SP) | BIT(R_BP);
    case LOW_CALL:
    case LOW_RET: return BIT(R_SP);
    case LOW_NOP:
    case LOW_CARRY:
    case LOW_DIRECTION:
    case LOW_JCC:
    case LOW_JMP:
    case LOW_END: return 0;
    case LOW_LOCK: return 0;
    case LOW_SSE: return bt_sse_defines(u);
    case LOW_AVX: return bt_avx_writes_gpr(l) ? (u32)BIT(u->dst) : 0;
    case LOW_X87: return u->op == UOP_X87_FNSTSW_AX ? BIT(R_AX) : 0;
    case LOW_MMX: return bt_mmx_defines(u);
    default: return ~0u;
    }
}

/* What making the flags again needs: registers that must still hold what they held (mask), with the destination's result
 * in place, or (saved) without. */
static bool can_make_again(const struct uop *u, bool saved, u32 *needs)
{
    const struct low *l = &bt_low[u->op];
    u32 dst = BIT(bt_gpr(u->dst, l->size)), src = BIT(bt_gpr(u->src, l->size));

    if (bt_is_high(u->dst, l->size))
        return false;
    switch ((enum low_kind)l->kind) {
    case LOW_ALU:
        if (l->form != FORM_RR && l->form != FORM_RI)
            return false;
        if (l->op == OP_ADC || l->op == OP_SBB)
            return false;
        *needs = l->form == FORM_RR ? src : 0;
        if (l->op == OP_CMP || l->op == OP_TEST) {
            *needs |= dst;
            return !saved;
        }
        if (saved)
            return !(*needs & dst);
        *needs |= dst;
        /* The same register twice: SUB and XOR give 0 whatever it was, AND and OR itself. */
        return l->form == FORM_RI || src != dst || l->op != OP_ADD;
    case LOW_UNARY: *needs = saved ? 0 : dst; return l->form == FORM_R && !saved;
    case LOW_SHIFT:
        *needs = saved ? 0 : dst;
        if (l->form != FORM_RI)
            return false;
        return saved || l->op == OP_ROL || l->op == OP_ROR;
    case LOW_BIT:
        *needs = dst | (l->form == FORM_RR ? src : 0);
        return !saved && l->op == 0 && (l->form == FORM_RR || l->form == FORM_RI);
    case LOW_IMUL:
        if (l->form != FORM_R)
            return false;
        *needs = src & ~(saved ? dst : 0);
        return saved || (l->op == 1 && src != dst);
    default: return false;
    }
}

/* Can micro-op j be left half-way? An operand in a window cannot. */
static bool may_leave(const struct trans *t, unsigned j)
{
    return !bt_is_pure(t->seq[j]) && !(t->is_trace && bt_window_is_all(t, j));
}

/* May flags be made again at every place behind micro-op i where the block can be left before they are overwritten? */
static bool lasts(const struct trans *t, unsigned i, bool saved)
{
    u32 needs = 0, gone = 0;
    u8 left = writes_of(t->seq[i]);

    if (!can_make_again(t->seq[i], saved, &needs))
        return false;
    for (unsigned j = i + 1; j < t->n_seq && left; j++) {
        const struct uop *u = t->seq[j];

        if (may_leave(t, j) && (gone & needs))
            return false;
        gone |= bt_defines(u);
        left &= ~writes_of(u);
    }
    return true;
}

static bool keeps_host_flags(const struct uop *u)
{
    const struct low *l = &bt_low[u->op];

    switch ((enum low_kind)l->kind) {
    case LOW_MOV: return (l->form == FORM_RR && !bt_is_high(u->src, l->size)) || l->form == FORM_RI;
    case LOW_MOVX: return l->form == FORM_R && !bt_is_high(u->src, l->from);
    case LOW_SET:
    case LOW_CMOV: return l->form == FORM_R;
    case LOW_NOP:
    case LOW_BSWAP: return true;
    case LOW_BMI: return l->form == FORM_R && u->op >= UOP_MULX_R32;
    case LOW_LEA: return u->disp == (i32)u->disp;
    case LOW_UNARY: return l->form == FORM_R && l->op == OP_NOT && !bt_is_high(u->dst, l->size);
    default: return false;
    }
}

/* Does a reader of flags look before it does anything to EFLAGS itself? */
static bool looks_at_once(const struct uop *u)
{
    const struct low *l = &bt_low[u->op];

    return bt_is_pure(u) && !bt_is_by_cl(l) && !bt_is_high(u->dst, l->size) &&
           !bt_is_high(u->src, l->size);
}

static bool is_partial(u8 writes)
{
    return writes != UF_ALL;
}

/* TZCNT, LZCNT, BEXTR: of their flags the host need define no more than CF and ZF. */
static bool is_count(const struct uop *u)
{
    return bt_low[u->op].kind == LOW_COUNT || (u->op >= UOP_BEXTR_R32 && u->op <= UOP_BEXTR_M64_NF);
}

/* A branch that leaves the trace where it goes the other way. */
static bool leaves_trace(const struct trans *t, unsigned j)
{
    return t->is_trace && bt_low[t->seq[j]->op].kind == LOW_JCC && (t->loops || j + 1 < t->n_seq);
}

/* Does anybody who needs vcpu->cc, or flags that EFLAGS does not hold any more, look at what micro-op i writes? *looks:
 * anybody at all; *leaves: only who leaves the block. */
static bool needs_store(const struct trans *t, unsigned i, bool *looks, bool *leaves)
{
    u8 left = writes_of(t->seq[i]), valid = left;
    bool host = true;

    if (bt_low[t->seq[i]->op].kind == LOW_SHIFT && t->seq[i]->imm != 1)
        valid &= (u8)~UF_O;
    if (bt_low[t->seq[i]->op].kind == LOW_IMUL)
        valid &= UF_C | UF_O;
    if (bt_low[t->seq[i]->op].kind == LOW_BMI)
        valid &= (u8) ~(UF_A | UF_P);
    if (is_count(t->seq[i]))
        valid &= UF_C | UF_Z;
    for (unsigned j = i + 1; j < t->n_seq; j++) {
        const struct uop *u = t->seq[j];
        u8 reads = reads_of(u) & left, writes = writes_of(u);
        bool stored_part = t->fate[j] == FLAGS_STORE && is_partial(writes);

        if (!bt_is_lowered(u)) {
            *looks = true;
            return true;
        }
        if (stored_part)
            reads |= left & (u8)~writes;
        if (reads) {
            *looks = true;
            if (!host || (!looks_at_once(u) && bt_low[u->op].kind != LOW_JCC) ||
                (reads_of(u) & (u8) ~(valid & left)) || stored_part)
                return true;
        }
        if (t->guard[j]) {
            *looks = true;
            return true;
        }
        if (leaves_trace(t, j)) {
            *looks = true;
            if (!host || left != UF_ALL)
                return true;
            continue; /* nothing else of a branch matters: it stays in the trace */
        }
        if (may_leave(t, j))
            *leaves = true;
        left &= (u8)~writes;
        if (!left)
            return false;
        /* Who reads others besides, or instead, looks at vcpu->cc, and that destroys these. */
        host = host && keeps_host_flags(u) && !(reads_of(u) & (u8) ~(valid & left));
    }
    /* A loop too: its budget may end at its head, before anything there overwrites them. */
    *looks = true;
    return true;
}

static enum flag_fate fate_of(const struct trans *t, unsigned i)
{
    bool looks = false, leaves = false;

    if (!writes_of(t->seq[i]))
        return FLAGS_DEAD;
    if (needs_store(t, i, &looks, &leaves))
        return FLAGS_STORE;
    if (leaves)
        return lasts(t, i, false) ? FLAGS_AGAIN : lasts(t, i, true) ? FLAGS_SAVED : FLAGS_STORE;
    return looks ? FLAGS_HOST : FLAGS_DEAD;
}

void bt_flags_analyse(struct trans *t)
{
    bool changed;

    memset(t->fate, FLAGS_DEAD, sizeof(t->fate));
    /* Backwards; what is stored by a partial writer reaches back to those before it, which come later in this loop. */
    do {
        changed = false;
        for (unsigned i = t->n_seq; i-- > 0;) {
            enum flag_fate f = fate_of(t, i);

            changed |= f != t->fate[i];
            t->fate[i] = (u8)f;
        }
    } while (changed);
}

enum flag_fate bt_fate(const struct trans *t)
{
    return (enum flag_fate)t->fate[t->i];
}

void bt_flags_before(struct trans *t)
{
    const struct low *l = &bt_low[t->u->op];
    unsigned g = bt_gpr(t->u->dst, l->size);
    struct host_mem slot = VCPU_AT(t.saved);
    int reg;

    if (bt_fate(t) != FLAGS_SAVED)
        return;
    slot.disp += 8 * t->next_slot;
    reg = bt_use(t, g, H_AX);
    emit_rm(&t->e, 8, 0x89, (unsigned)reg, slot);
}

static void add_pending(struct trans *t, i8 slot)
{
    struct bt_pending kept[BT_PENDING_MAX + 1];
    u8 over = writes_of(t->u);
    unsigned n = 0;

    /* Whose flags are all overwritten by now is done with. */
    for (unsigned k = t->n_pending; k-- > 0;) {
        u8 w = writes_of(t->pending[k].u);

        if (w & ~over)
            kept[n++] = t->pending[k];
        over |= w;
    }
    CHECK(n < BT_PENDING_MAX);
    for (unsigned k = 0; k < n; k++)
        t->pending[k] = kept[n - 1 - k];
    t->pending[n] = (struct bt_pending){t->u, slot};
    t->n_pending = (u8)(n + 1);
}

/* AF after a logical operation is undefined; the guest's is 0. So is that of all hosts known, and then what LAHF says is
 * right as it is. */
static bool logic_clears_af;

void bt_flags_init(void)
{
    u8 flags[4];

    /* 8 + 8 sets AF. */
    __asm__("movb $8, %%al\n\taddb $8, %%al\n\tandl $-1, %%ecx\n\tlahf\n\tmovb %%ah, %0\n\t"
            "movb $8, %%al\n\taddb $8, %%al\n\torb $1, %%cl\n\tlahf\n\tmovb %%ah, %1\n\t"
            "movb $8, %%al\n\taddb $8, %%al\n\txorq %%rcx, %%rcx\n\tlahf\n\tmovb %%ah, %2\n\t"
            "movb $8, %%al\n\taddb $8, %%al\n\ttestw %%cx, %%cx\n\tlahf\n\tmovb %%ah, %3"
            : "=m"(flags[0]), "=m"(flags[1]), "=m"(flags[2]), "=m"(flags[3])
            :
            : "rax", "rcx", "cc");
    logic_clears_af = !((flags[0] | flags[1] | flags[2] | flags[3]) & FL_AF);
}

/* AH has SF, ZF, AF, PF, CF; AL gets OF. */
void bt_flags_store(struct trans *t, enum flag_shape shape)
{
    struct emitter *e = &t->e;

    if (shape == SHAPE_LOGIC && logic_clears_af)
        shape = SHAPE_HOST;

    emit8(e, 0x9f);
    switch (shape) {
    case SHAPE_HOST: emit_xr(e, 1, 0x0f90 | EMIT_FIXED, 0, H_AX); break;
    case SHAPE_LOGIC:
    case SHAPE_SHR: emit_alu_ri(e, 4, 4, H_AX, shape == SHAPE_LOGIC ? 0xc400 : 0xc500); break;
    case SHAPE_SHIFT1:
        emit_xr(e, 1, 0x0f90 | EMIT_FIXED, 0, H_AX);
        emit_alu_ri(e, 4, 4, H_AX, 0xc501);
        break;
    case SHAPE_BITS:
    case SHAPE_COUNT: emit_alu_ri(e, 4, 4, H_AX, shape == SHAPE_BITS ? 0xc100 : 0x4100); break;
    case SHAPE_SHL:
        emit_rr(e, 4, 0x8b, H_CX, H_AX);
        emit_xr(e, 4, 0xc1, 5, H_CX); /* SF to bit 0 */
        emit8(e, 15);
        emit_rr(e, 4, 0x8b, H_DX, H_AX);
        emit_xr(e, 4, 0xc1, 5, H_DX); /* CF to bit 0 */
        emit8(e, 8);
        emit_rr(e, 4, 0x33, H_CX, H_DX);
        emit_alu_ri(e, 4, 4, H_CX, 1);
        emit_alu_ri(e, 4, 4, H_AX, 0xc500);
        emit_rr(e, 4, 0x0b, H_AX, H_CX);
        break;
    }
    emit_rm(e, 4, 0x89, H_AX, VCPU_AT(cc));
    if (shape != SHAPE_HOST)
        t->host_flags = 0; /* destroyed by what cleared the others */
}

void bt_flags_after(struct trans *t, enum flag_shape shape)
{
    static const u8 valid[] = {[SHAPE_HOST] = UF_ALL,
                               [SHAPE_LOGIC] = UF_ALL & ~UF_A,
                               [SHAPE_SHIFT1] = UF_ALL & ~UF_A,
                               [SHAPE_SHL] = UF_ALL & ~(UF_A | UF_O),
                               [SHAPE_SHR] = UF_ALL & ~(UF_A | UF_O),
                               [SHAPE_BITS] = UF_ALL & ~(UF_A | UF_P),
                               [SHAPE_COUNT] = UF_C | UF_Z};

    t->host_flags = writes_of(t->u) & valid[shape];
    if (!is_partial(writes_of(t->u)) || bt_fate(t) == FLAGS_STORE) {
        t->exit_store = bt_fate(t) != FLAGS_STORE && bt_fate(t) != FLAGS_DEAD;
        t->exit_shape = (u8)shape;
    }
    switch (bt_fate(t)) {
    case FLAGS_STORE:
        bt_flags_store(t, shape);
        t->n_pending = 0;
        break;
    case FLAGS_AGAIN: add_pending(t, -1); break;
    case FLAGS_SAVED:
        add_pending(t, (i8)t->next_slot);
        t->next_slot = (t->next_slot + 1) % ARRAY_SIZE(t->v->t.saved);
        break;
    default: break;
    }
}

/* CF of EFLAGS as the guest's is, for ADC and what leaves CF alone. */
void bt_load_carry(struct trans *t)
{
    if (t->host_flags & UF_C)
        return;
    emit_xm(&t->e, 4, 0x0fba | EMIT_FIXED, 4, VCPU_AT(cc));
    emit8(&t->e, 8);
}

/* ---- Conditions ------------------------------------------------------------------------------------------------------ */

static const u8 cond_reads[8] = {UF_O, UF_C, UF_Z,        UF_C | UF_Z,
                                 UF_S, UF_P, UF_S | UF_O, UF_S | UF_O | UF_Z};

unsigned bt_condition(struct trans *t, unsigned cond)
{
    static const u8 bit[8] = {0, 0x01, 0x40, 0x41, 0x80, 0x04};
    struct host_mem cc = VCPU_AT(cc);
    struct emitter *e = &t->e;

    if (!(cond_reads[cond >> 1] & ~t->host_flags))
        return cond;
    t->host_flags = 0;
    if (cond >> 1 == 0) {
        emit_xm(e, 1, 0xf7, 0, cc);
        emit8(e, 1);
    } else if (cond >> 1 < 6) {
        cc.disp++;
        emit_xm(e, 1, 0xf7, 0, cc);
        emit8(e, bit[cond >> 1]);
    } else {
        emit_rm(e, 4, 0x8b, H_AX, cc);
        emit8(e, 0x04); /* ADD AL, 7f: OF from bit 0 */
        emit8(e, 0x7f);
        emit8(e, 0x9e); /* SAHF: the others */
        return cond;
    }
    return 5 - (cond & 1); /* NE; E for the negated ones */
}

/* ---- Leaving unexpectedly -------------------------------------------------------------------------------------------- */

/* The destination's value before the micro-op, from the result. */
static u64 undo(const struct vcpu *v, const struct uop *u, u64 result)
{
    const struct low *l = &bt_low[u->op];
    u64 b = l->form == FORM_RI                      ? u->imm
            : l->size == 1 && bt_is_high(u->src, 1) ? v->r[u->src >> 3] >> 8
                                                    : v->r[bt_gpr(u->src, l->size)];
    unsigned bits = 8 * l->size, n = u->imm & (bits - 1);
    u64 mask = mask64(bits), low = result & mask;

    if (l->kind == LOW_UNARY)
        return l->op == OP_INC   ? result - 1
               : l->op == OP_DEC ? result + 1
               : l->op == OP_NEG ? -result
                                 : ~result;
    if (l->kind == LOW_SHIFT) {
        if (n && l->op == OP_ROL)
            low = low >> n | low << (bits - n);
        else if (n)
            low = low << n | low >> (bits - n);
        return (result & ~mask) | (low & mask);
    }
    if (l->kind != LOW_ALU)
        return result;
    switch (l->op) {
    case OP_ADD: return result - b;
    case OP_SUB: return result + b;
    case OP_XOR: return result ^ b;
    default: return result; /* AND, OR: idempotent; CMP, TEST: unchanged */
    }
}

/* The bits of the register that an operation of the size reaches, from `value`. */
static u64 merge(u64 old, u64 value, unsigned size)
{
    u64 mask = mask64(8 * size);

    return size >= 4 ? value & mask : (old & ~mask) | (value & mask);
}

void bt_recover_flags(struct vcpu *v, const struct bt_point *pt)
{
    for (unsigned k = 0; k < pt->n_pending; k++) {
        const struct uop *u = pt->pending[k].u;
        const struct low *l = &bt_low[u->op];
        unsigned g = bt_gpr(u->dst, l->size);
        u64 now = v->r[g];
        bool same = l->kind == LOW_ALU && l->form == FORM_RR && u->src == u->dst;
        struct uop again[2];

        if (pt->pending[k].slot >= 0)
            v->r[g] = v->t.saved[pt->pending[k].slot];
        else if (!same || (l->op != OP_SUB && l->op != OP_XOR))
            v->r[g] = merge(now, undo(v, u, now), l->size);
        u = bt_alone(again, u);
        u->fn(v, u);
        v->r[g] = now;
    }
}
