/* SPDX-License-Identifier: MIT */
/*
 * Lowering of what moves the stack pointer or ends a block.
 *
 * Direct branches are chained: an exit is a jump that first leads to a stub and is later patched to the target. Within a
 * guest page it needs no check. Into another page it has one: the vCPU's right to enter the target's page, which is a
 * number in vcpu->t.page_id that only a fetch puts there (bt/runtime.c). Indirect branches look the target up in
 * vcpu->t.jump, by linear address, mode and MMU generation.
 *
 * A micro-op with two accesses may not have the TLB filled for the first while the second can still fail, so one that
 * does not hit both entries is the interpreter's as a whole.
 */
#include "bt/watch.h"
#include "src/base/check.h"

/* ---- Stack ---------------------------------------------------------------------------------------------------------- */

/* The stack pointer `size` bytes down, in RCX, and the checked operand there. */
struct host_mem bt_push_place(struct trans *t, unsigned size, bool fill)
{
    u32 point = bt_point(t, size, fill ? MMU_WRITE : 0);

    emit_rm(&t->e, size == 8 ? 8 : 4, 0x8d | EMIT_FIXED, H_CX,
            host_at((enum host_reg)bt_pinned(t, R_SP), -(i32)size));
    return bt_access_at(t, H_CX, size, MMU_WRITE, point);
}

void bt_set_sp(struct trans *t, unsigned size)
{
    emit_rr(&t->e, size == 8 ? 8 : 4, 0x8b, bt_pinned(t, R_SP), H_CX);
}

static void add_sp(struct trans *t, unsigned size, i32 n)
{
    unsigned sp = bt_pinned(t, R_SP);

    emit_rm(&t->e, size == 8 ? 8 : 4, 0x8d | EMIT_FIXED, sp, host_at((enum host_reg)sp, n));
}

static void store_constant(struct trans *t, unsigned size, u64 x, struct host_mem m)
{
    if (size == 4 || x == (u64)(i64)(i32)x) {
        emit_mov_mi(&t->e, size, m, x);
    } else {
        emit_mov_imm(&t->e, H_DX, x);
        emit_rm(&t->e, size, 0x89, H_DX, m);
    }
}

static void lower_push(struct trans *t, const struct low *l)
{
    struct emitter *e = &t->e;
    struct host_mem m;

    if (l->form == FORM_M) {
        m = bt_access(t, l->size, MMU_READ, false);
        emit_rm(e, l->size, 0x8b, H_DX, m);
        emit_rm(e, 8, 0x89, H_DX, VCPU_AT(t.target));
        m = bt_push_place(t, l->size, false);
        emit_rm(e, 8, 0x8b, H_DX, VCPU_AT(t.target));
        emit_rm(e, l->size, 0x89, H_DX, m);
    } else {
        m = bt_push_place(t, l->size, true);
        if (l->form == FORM_RI)
            store_constant(t, l->size, t->u->imm, m);
        else
            emit_rm(e, l->size, 0x89, (unsigned)bt_use(t, t->u->src, H_DX), m);
    }
    bt_set_sp(t, l->size);
}

/* What a call pushes. */
static void push_return(struct trans *t, const struct low *l, bool fill)
{
    struct host_mem m = bt_push_place(t, l->size, fill);

    store_constant(t, l->size, t->u->imm2, m);
    bt_set_sp(t, l->size);
}

/* The checked operand that guest register `reg` points to. */
static struct host_mem top(struct trans *t, unsigned reg, unsigned size, bool fill)
{
    u32 point = bt_point(t, size, fill ? MMU_READ : 0);

    return bt_access_at(t, (int)bt_pinned(t, reg), size, MMU_READ, point);
}

static void lower_pop(struct trans *t, const struct low *l)
{
    struct host_mem m = top(t, R_SP, l->size, true);
    int home = bt_home_of(t, t->u->dst);
    unsigned to = home >= 0 && t->u->dst != R_SP ? (unsigned)home : H_DX;

    emit_rm(&t->e, l->size, 0x8b, to, m);
    add_sp(t, l->size, (i32)l->size);
    if (to == H_DX)
        bt_define(t, t->u->dst, 8, H_DX);
}

static void lower_leave(struct trans *t, const struct low *l)
{
    struct host_mem m = top(t, R_BP, l->size, true);

    emit_rm(&t->e, l->size, 0x8b, H_DX, m);
    emit_rm(&t->e, l->size == 8 ? 8 : 4, 0x8d | EMIT_FIXED, bt_pinned(t, R_SP),
            host_at((enum host_reg)bt_pinned(t, R_BP), (i32)l->size));
    bt_define(t, R_BP, 8, H_DX);
}

/* ---- Exits ---------------------------------------------------------------------------------------------------------- */

/* Is `rip` in the page of the block, so that its mapping is the block's own? */
static bool is_same_page(const struct block *b, u64 rip)
{
    return (b->gpa & 0xfff) + (rip - b->rip) < 0x1000;
}

static void new_exit(struct trans *t, u64 rip, u8 *jump, u8 *id)
{
    struct bt_exit *x = &t->bt->exits[t->bt->now.n_exits];

    *x = (struct bt_exit){.jump = jump, .id = id, .rip = rip};
    t->outs[t->n_outs].jump = jump;
    t->outs[t->n_outs++].exit = t->bt->now.n_exits++;
}

/* What is patched later lies within one aligned word. */
static void align_patch(struct emitter *e, unsigned before)
{
    while (((uintptr_t)e->p + before) & 3)
        emit8(e, 0x90);
}

void bt_exit_direct(struct trans *t, u64 rip)
{
    struct emitter *e = &t->e;

    if (!is_same_page(t->b, rip)) {
        struct host_mem m = bt_page_slot(t, rip);
        u8 *jump, *id;

        align_patch(e, 6);
        emit_xm(e, 4, 0x81, 7, m); /* CMP, with an immediate of 32 bits whatever its value */
        id = e->p;
        emit32(e, 0);
        jump = emit_jcc(e, 5, NULL);
        align_patch(e, 1);
        new_exit(t, rip, emit_jmp(e, NULL), id);
        t->outs[t->n_outs].jump = jump;
        t->outs[t->n_outs].exit = t->outs[t->n_outs - 1].exit;
        t->n_outs++;
        return;
    }
    align_patch(e, 1);
    new_exit(t, rip, emit_jmp(e, NULL), NULL);
}

/* Jcc: within the page the conditional jump itself is what is patched. */
static void lower_jcc(struct trans *t, const struct low *l)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    unsigned cond = bt_condition(t, l->op);

    if (is_same_page(t->b, u->imm)) {
        align_patch(e, 2);
        new_exit(t, u->imm, emit_jcc(e, cond, NULL), NULL);
        bt_exit_direct(t, u->imm2);
    } else {
        u8 *over = emit_jcc(e, cond ^ 1, NULL);

        bt_exit_direct(t, u->imm);
        emit_patch(over, e->p);
        bt_exit_direct(t, u->imm2);
    }
}

/* ---- Within a trace --------------------------------------------------------------------------------------------------- */

static u64 next_in_trace(const struct trans *t)
{
    unsigned k = t->of[t->i] + 1u;

    return t->blocks[k < t->n_blocks ? k : 0]->rip;
}

static void branch_aside(struct trans *t, unsigned cond, u64 rip)
{
    CHECK(!t->exit_store || t->host_flags);
    t->side[t->n_side].jump = emit_jcc(&t->e, cond, NULL);
    t->side[t->n_side].rip = rip;
    t->side[t->n_side].shape = t->exit_shape;
    t->side[t->n_side].store = t->exit_store;
    t->side[t->n_side++].block = t->of[t->i];
}

static void branch_within(struct trans *t, const struct low *l)
{
    unsigned cond = bt_condition(t, l->op);

    if (next_in_trace(t) == t->u->imm)
        branch_aside(t, cond ^ 1, t->u->imm2);
    else
        branch_aside(t, cond, t->u->imm);
}

/* ---- Indirect branches ------------------------------------------------------------------------------------------------ */

/* The target is in RDX (zero-extended), which is clobbered. Gives the operand that holds the code's address; goes to `point`
 * where the table does not know it. */
static struct host_mem look_up(struct trans *t, u32 point)
{
    struct emitter *e = &t->e;
    struct host_mem lin = VCPU_AT(t.jump[0].lin), tag = VCPU_AT(t.jump[0].tag),
                    code = VCPU_AT(t.jump[0].code);

    _Static_assert(sizeof(((struct vcpu *)0)->t.jump[0]) == 32, "the index is shifted by 5");
    emit_rr(e, 4, 0x8b, H_AX, H_DX);
    emit_xr(e, 4, 0xc1, 5, H_AX);
    emit8(e, BT_JUMP_SHIFT);
    emit_rr(e, 4, 0x33, H_AX, H_DX);
    emit_alu_ri(e, 4, 4, H_AX, BT_JUMPS - 1);
    emit_xr(e, 4, 0xc1, 4, H_AX);
    emit8(e, 5);
    lin.index = tag.index = code.index = H_AX;
    emit_rm(e, 8, 0x3b, H_DX, lin);
    bt_slow_if(t, 5, point);
    emit_rm(e, 4, 0x8b, H_DX, VCPU_AT(t.jump_tag));
    emit_rm(e, 4, 0x3b, H_DX, tag);
    bt_slow_if(t, 5, point);
    t->host_flags = 0;
    return code;
}

static void jump_through(struct trans *t, struct host_mem m)
{
    emit_xm(&t->e, 4, 0xff, 4, m);
}

/* The target of an indirect jump or call: into RDX. */
static void load_target(struct trans *t, const struct low *l, unsigned size)
{
    if (l->form == FORM_M) {
        struct host_mem m = bt_access(t, size, MMU_READ, t->u->op == UOP_JMP_M);

        emit_rm(&t->e, size, 0x8b, H_DX, m);
    } else {
        int src = bt_use(t, t->u->src, H_DX);

        emit_rr(&t->e, size, 0x8b, H_DX, (unsigned)src);
    }
}

/* ---- Within a trace: their targets -------------------------------------------------------------------------------------- */

/* A return is no guard if the trace has its call: it hardly ever goes elsewhere, and then it is the interpreter's. */
void bt_guards_plan(struct trans *t)
{
    u64 returns[BT_TRACE_BLOCKS];
    unsigned n = 0;

    for (t->i = 0; t->i < t->n_seq; t->i++) {
        const struct uop *u = t->seq[t->i];
        const struct low *l = &bt_low[u->op];
        bool goes_on = t->loops || t->i + 1 < t->n_seq;

        t->guard[t->i] =
            goes_on && (l->kind == LOW_CALL || l->kind == LOW_JMP) && l->form != FORM_RI;
        if (l->kind == LOW_CALL)
            returns[n++] = u->imm2;
        else if (l->kind == LOW_RET)
            t->guard[t->i] = goes_on && (!n || returns[--n] != next_in_trace(t));
    }
}

/* Goes to `jump`'s target unless RDX is where the trace goes on. */
static u8 *compare_target(struct trans *t)
{
    struct emitter *e = &t->e;
    u64 expected = next_in_trace(t);

    if (expected == (u64)(i64)(i32)expected) {
        emit_alu_ri(e, 8, 7, H_DX, expected);
    } else {
        emit_mov_imm(e, H_CX, expected);
        emit_rr(e, 8, 0x3b, H_DX, H_CX);
    }
    t->host_flags = 0;
    return emit_jcc(e, 5, NULL);
}

static void guard(struct trans *t)
{
    t->elsewhere[t->n_elsewhere].jump = compare_target(t);
    t->elsewhere[t->n_elsewhere++].uop = (u16)t->i;
}

static void return_within(struct trans *t, const struct low *l)
{
    struct host_mem m = top(t, R_SP, l->size, true);

    emit_rm(&t->e, l->size, 0x8b, H_DX, m);
    if (t->guard[t->i]) {
        guard(t);
    } else {
        t->forward[t->n_forward].point = bt_point(t, 0, 0);
        t->forward[t->n_forward].jump = compare_target(t);
        t->n_forward++;
    }
    add_sp(t, l->size, (i32)(l->size + t->u->imm));
}

static void indirect_within(struct trans *t, const struct low *l)
{
    load_target(t, l, l->kind == LOW_CALL ? l->size : t->u->osize);
    guard(t);
    if (l->kind == LOW_CALL)
        push_return(t, l, l->form == FORM_R);
}

/* The target is in RDX, and nothing has been done yet. */
static void emit_one_elsewhere(struct trans *t, const struct low *l)
{
    struct host_mem code = look_up(t, bt_point(t, 0, 0)), target = VCPU_AT(t.target);
    struct emitter *e = &t->e;
    unsigned after = t->after[t->of[t->i]];

    if (l->kind == LOW_CALL) {
        emit_rm(e, 8, 0x8b, H_AX, code);
        emit_rm(e, 8, 0x89, H_AX, target);
        push_return(t, l, l->form == FORM_R);
        code = target;
    }
    if (after)
        emit_alu_mi(e, 4, 0, VCPU_AT(p.budget.left), after);
    if (l->kind == LOW_RET)
        add_sp(t, l->size, (i32)(l->size + t->u->imm));
    bt_lend_end(t);
    jump_through(t, code);
}

void bt_emit_elsewhere(struct trans *t)
{
    t->out_of_line = true;
    for (unsigned k = 0; k < t->n_elsewhere; k++) {
        t->i = t->elsewhere[k].uop;
        t->u = t->seq[t->i];
        t->b = t->blocks[t->of[t->i]];
        t->n_pending = 0;
        emit_patch(t->elsewhere[k].jump, t->e.p);
        emit_one_elsewhere(t, &bt_low[t->u->op]);
    }
    t->out_of_line = false;
}

/* A branch that stays in the trace. False: the last one of a trace that does not loop, or no branch. */
bool bt_lower_within(struct trans *t, const struct low *l)
{
    if (!t->loops && t->i + 1 == t->n_seq)
        return false;
    switch ((enum low_kind)l->kind) {
    case LOW_JCC: branch_within(t, l); break;
    case LOW_JMP: indirect_within(t, l); break;
    case LOW_CALL:
        if (l->form == FORM_RI)
            push_return(t, l, true);
        else
            indirect_within(t, l);
        break;
    case LOW_RET: return_within(t, l); break;
    default: return false;
    }
    return true;
}

/* ---- At the end of a block --------------------------------------------------------------------------------------------- */

static void lower_call(struct trans *t, const struct low *l)
{
    struct emitter *e = &t->e;
    struct host_mem m;

    if (l->form == FORM_RI) {
        push_return(t, l, true);
        bt_exit_direct(t, t->u->imm);
        return;
    }
    load_target(t, l, l->size);
    m = look_up(t, bt_point(t, 0, 0));
    emit_rm(e, 8, 0x8b, H_AX, m);
    emit_rm(e, 8, 0x89, H_AX, VCPU_AT(t.target));
    push_return(t, l, l->form == FORM_R);
    jump_through(t, VCPU_AT(t.target));
}

static void lower_ret(struct trans *t, const struct low *l)
{
    struct host_mem m = top(t, R_SP, l->size, true);

    emit_rm(&t->e, l->size, 0x8b, H_DX, m);
    m = look_up(t, bt_point(t, 0, 0));
    add_sp(t, l->size, (i32)(l->size + t->u->imm));
    jump_through(t, m);
}

static void lower_jmp(struct trans *t, const struct low *l)
{
    if (l->form == FORM_RI) {
        bt_exit_direct(t, t->u->imm);
        return;
    }
    load_target(t, l, t->u->osize);
    jump_through(t, look_up(t, bt_point(t, 0, 0)));
}

bool bt_lower_flow(struct trans *t, const struct low *l)
{
    switch ((enum low_kind)l->kind) {
    case LOW_PUSH: lower_push(t, l); break;
    case LOW_POP: lower_pop(t, l); break;
    case LOW_LEAVE: lower_leave(t, l); break;
    case LOW_JCC: lower_jcc(t, l); break;
    case LOW_CALL: lower_call(t, l); break;
    case LOW_RET: lower_ret(t, l); break;
    case LOW_JMP: lower_jmp(t, l); break;
    case LOW_END: bt_exit_direct(t, t->u->imm); break;
    default: return false;
    }
    return true;
}

/* ---- What is not lowered ---------------------------------------------------------------------------------------------- */

/* The interpreter's routine or the helper does it. Its chain ends behind this micro-op: it gets a copy whose neighbour
 * returns. */
void bt_lower_call(struct trans *t, bool leaves)
{
    const struct uop *u = t->u;
    struct bt *bt = t->bt;
    struct emitter *e = &t->e;
    uop_fn *fn = uop_table[u->op].fn;

    if (bt_low[u->op].kind == LOW_HELPER) {
        fn = u->helper;
    } else if (!leaves) {
        u = bt_alone(bt->copies[bt->now.n_copies++], u);
    }
    emit_mov_imm(e, H_DX, (u64)(uintptr_t)u);
    emit_mov_imm(e, H_AX, (u64)(uintptr_t)fn);
    emit_mov_imm(e, H_CX, (u64)(uintptr_t)t->b);
    if (bt->unlowered) {
        /* Counted where it happens; the slot is a constant. */
        struct host_mem count = host_at(H_AX, 0);

        emit8(e, 0x50); /* PUSH RAX */
        emit_mov_imm(e, H_AX, (u64)(uintptr_t)bt_unlowered_counter(t));
        emit8(e, 0xf0); /* LOCK: other vCPUs count there too */
        emit_xm(e, 8, 0xff, 0, count);
        emit8(e, 0x58);
    }
    if (leaves)
        emit_jmp(e, bt->call_leave);
    else
        emit_call(e, bt->call);
    t->host_flags = 0;
    t->xmm = t->ymm = t->x87 = false;
    t->n_pending = 0;
}
