/* SPDX-License-Identifier: MIT */
/*
 * Code that is made once, at the beginning of the code memory: what every block needs and what is too long to stand in
 * each.
 *
 *   enter        uop-style call from C: loads the guest's registers, jumps to a block
 *   leave        EAX says why: saves them, returns it to the dispatcher
 *   slow         EAX is a point: asks bt_slow_path(), tries again or leaves
 *   call         RAX(RCX block, RDX micro-op): a routine of the interpreter, with all registers in memory around it
 *   call_leave   the same, and the block is over: goes on where bt_next_code() says, or leaves
 *   load_xmm     vector registers and MXCSR; goes to `slow` where an exception is unmasked
 *   load_ymm     the same with the upper halves of the registers, or these alone if the others are there
 *   save         what of the guest the host's vector and x87 registers hold, if anything
 *
 * What loads and saves the x87 unit is in bt/lower_x87.c.
 *
 * In translated code RSP is a multiple of 16.
 */
#include "bt/internal.h"

static void move_registers(struct emitter *e, u32 opcode)
{
    for (unsigned g = 0; g < UREG_COUNT; g++)
        if (bt_home[g] >= 0)
            emit_rm(e, 8, opcode, (unsigned)bt_home[g], bt_slot(g));
}

static void move_xmm(struct emitter *e, u32 opcode)
{
    for (unsigned i = 0; i < 16; i++) {
        struct host_mem m = VCPU_AT(fpu.xmm);

        m.disp += (i32)i * 16;
        emit_rm(e, 4, opcode | EMIT_FIXED, i, m);
    }
}

static struct host_mem upper_half(unsigned i)
{
    struct host_mem m = VCPU_AT(fpu.ymmh);

    m.disp += (i32)i * 16;
    return m;
}

/* The lower halves are there: VINSERTF128. Nothing where the host has no AVX: then nobody asks for it. */
static void load_upper(struct emitter *e)
{
    if (!bt_host_has_avx2())
        return;
    for (u8 i = 0; i < 16; i++) {
        emit_vex_rm(e, (struct vex){.op = 0x18, .map = 3, .pp = 1, .l = 1, .vvvv = i}, i,
                    upper_half(i));
        emit8(e, 1);
    }
    emit_mov_mi(e, 1, VCPU_AT(t.xmm_live), LIVE_YMM);
}

/* Upper halves, if live, to memory, VEXTRACTF128, and those of the host clear. */
static void save_upper(struct emitter *e)
{
    u8 *over;

    if (!bt_host_has_avx2())
        return;
    emit_alu_mi(e, 1, 7, VCPU_AT(t.xmm_live), LIVE_YMM);
    over = emit_jcc(e, 5, NULL);
    for (unsigned i = 0; i < 16; i++) {
        emit_vex_rm(e, (struct vex){.op = 0x19, .map = 3, .pp = 1, .l = 1}, i, upper_half(i));
        emit8(e, 1);
    }
    emit_vzeroupper(e);
    emit_patch(over, e->p);
}

/* If the vector registers are live: save them, and MXCSR, whose host value comes back. Touches no register but those. */
static const u8 *make_save_xmm(struct emitter *e)
{
    const u8 *at = e->p;
    u8 *over;

    emit_alu_mi(e, 1, 7, VCPU_AT(t.xmm_live), 0);
    over = emit_jcc(e, 4, NULL);
    save_upper(e);
    move_xmm(e, 0x0f29);
    emit_xm(e, 4, 0x0fae | EMIT_FIXED, 3, VCPU_AT(fpu.mxcsr));
    emit_xm(e, 4, 0x0fae | EMIT_FIXED, 2, VCPU_AT(t.host_mxcsr));
    emit_mov_mi(e, 1, VCPU_AT(t.xmm_live), 0);
    emit_patch(over, e->p);
    emit8(e, 0xc3);
    return at;
}

/* Is anything live? As flags: E if not. */
static void emit_compare_live(struct emitter *e)
{
    _Static_assert(offsetof(struct translated, x87_live) ==
                       offsetof(struct translated, xmm_live) + 1,
                   "one word");
    emit_alu_mi(e, 2, 7, VCPU_AT(t.xmm_live), 0);
}

void bt_need_live(struct trans *t, struct host_mem live, const u8 *load)
{
    struct emitter *e = &t->e;
    u8 *over;

    emit_alu_mi(e, 1, 7, live, 0);
    over = emit_jcc(e, 5, NULL);
    emit_mov_imm(e, H_AX, bt_point(t, 0, 0));
    emit_call(e, load);
    emit_patch(over, e->p);
    t->host_flags = 0;
    if (t->lend.n)
        t->e.full = true; /* what is lent cannot be given back in `load` */
}

static void emit_push(struct emitter *e, unsigned reg, u32 opcode)
{
    emit_opcode(e, 4, (opcode | (reg & 7)) | EMIT_FIXED, 0, 0, reg, false, false);
}

/* Whatever is live; touches no other register. */
static const u8 *make_save(struct bt *bt, struct emitter *e)
{
    static const u8 used[] = {H_AX, H_CX, H_DX};
    const u8 *at = e->p;
    u8 *some, *no_x87;

    emit_compare_live(e);
    some = emit_jcc(e, 5, NULL);
    emit8(e, 0xc3);
    emit_patch(some, e->p);
    emit_call(e, bt->save_xmm);
    emit_alu_mi(e, 1, 7, VCPU_AT(t.x87_live), 0);
    no_x87 = emit_jcc(e, 4, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(used); i++)
        emit_push(e, used[i], 0x50);
    emit_call(e, bt->save_x87);
    for (unsigned i = ARRAY_SIZE(used); i-- > 0;)
        emit_push(e, used[i], 0x58);
    emit_patch(no_x87, e->p);
    emit8(e, 0xc3);
    return at;
}

static const u8 *make_load(struct emitter *e, const u8 *slow, bool upper)
{
    const u8 *at = e->p;
    u8 *bad, *half = NULL;

    if (upper) {
        emit_alu_mi(e, 1, 7, VCPU_AT(t.xmm_live), LIVE_XMM);
        half = emit_jcc(e, 4, NULL);
    }
    emit_rm(e, 4, 0x8b, H_CX, VCPU_AT(fpu.mxcsr));
    emit_xr(e, 4, 0xf7, 2, H_CX);
    emit_xr(e, 4, 0xf7, 0, H_CX);
    emit32(e, 0x1f80);
    bad = emit_jcc(e, 5, NULL);
    move_xmm(e, 0x0f28);
    emit_xm(e, 4, 0x0fae | EMIT_FIXED, 2, VCPU_AT(fpu.mxcsr));
    emit_mov_mi(e, 1, VCPU_AT(t.xmm_live), LIVE_XMM);
    if (upper) {
        emit_patch(half, e->p);
        load_upper(e);
    }
    emit8(e, 0xc3);
    emit_patch(bad, e->p);
    emit_alu_ri(e, 8, 0, H_SP, 8);
    emit_jmp(e, slow);
    return at;
}

/* RDI = the vCPU. */
static void emit_vcpu(struct emitter *e)
{
    emit_rm(e, 8, 0x8d | EMIT_FIXED, H_DI, host_at(H_BP, -(i32)offsetof(struct vcpu, r)));
}

static void emit_call_c(struct emitter *e, u64 fn)
{
    emit_mov_imm(e, H_AX, fn);
    emit_call_ax(e);
}

/* EAX is a point: RAX becomes where to try again, or 0. */
static void emit_ask(struct emitter *e)
{
    move_registers(e, 0x89);
    emit_vcpu(e);
    emit_rr(e, 4, 0x8b, H_SI, H_AX);
    emit_call_c(e, (u64)(uintptr_t)bt_slow_path);
}

static const u8 *make_slow(struct bt *bt, struct emitter *e)
{
    const u8 *at = e->p;
    u8 *over, *leave, *no_xmm, *no_ymm;
    const u8 *quiet;

    emit_compare_live(e);
    over = emit_jcc(e, 5, NULL);
    emit_ask(e);
    emit_rr(e, 8, 0x85, H_AX, H_AX);
    leave = emit_jcc(e, 4, NULL);
    quiet = e->p;
    move_registers(e, 0x8b);
    emit_jmp_ax(e);

    /* The same with live vector registers or x87 state: C may use them. */
    emit_patch(over, e->p);
    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_CX, VCPU_AT(t.xmm_live));
    emit_push(e, H_CX, 0x50);
    emit_push(e, H_CX, 0x50);
    emit_call(e, bt->save);
    emit_ask(e);
    emit_push(e, H_CX, 0x58);
    emit_push(e, H_CX, 0x58);
    emit_rr(e, 8, 0x85, H_AX, H_AX);
    over = emit_jcc(e, 4, NULL);
    emit_xr(e, 4, 0xf7, 0, H_CX);
    emit32(e, 1);
    no_xmm = emit_jcc(e, 4, NULL);
    move_xmm(e, 0x0f28);
    emit_xm(e, 4, 0x0fae | EMIT_FIXED, 2, VCPU_AT(fpu.mxcsr));
    emit_mov_mi(e, 1, VCPU_AT(t.xmm_live), LIVE_XMM);
    emit_xr(e, 4, 0xf7, 0, H_CX);
    emit32(e, 2);
    no_ymm = emit_jcc(e, 4, NULL);
    load_upper(e);
    emit_patch(no_ymm, e->p);
    emit_patch(no_xmm, e->p);
    emit_xr(e, 4, 0xf7, 0, H_CX);
    emit32(e, 0x100);
    emit_jcc(e, 4, quiet);
    emit_push(e, H_AX, 0x50);
    emit_call(e, bt->reload_x87);
    emit_push(e, H_AX, 0x58);
    emit_jmp(e, quiet);

    emit_patch(over, e->p);
    emit_patch(leave, e->p);
    emit_mov_imm(e, H_AX, LEFT_TAKEN);
    emit_jmp(e, bt->leave_saved);
    return at;
}

static void emit_routine(struct bt *bt, struct emitter *e)
{
    move_registers(e, 0x89);
    emit_call(e, bt->save);
    emit_rm(e, 8, 0x89, H_CX, VCPU_AT(blk));
    emit_rm(e, 8, 0x89, H_DX, VCPU_AT(cur));
    emit_rr(e, 8, 0x8b, H_SI, H_DX);
    emit_vcpu(e);
    emit_call_ax(e);
}

const u8 bt_saved[BT_SAVED] = {H_BX, H_BP, H_12, H_13, H_14, H_15};

static void make_enter_and_leave(struct bt *bt, struct emitter *e)
{
    bt->enter = e->p;
    for (unsigned i = 0; i < BT_SAVED; i++)
        emit_push(e, bt_saved[i], 0x50);
    emit_alu_ri(e, 8, 5, H_SP, 8);
    emit_rr(e, 8, 0x8b, H_AX, H_SI);
    emit_rm(e, 8, 0x8d | EMIT_FIXED, H_BP, host_at(H_DI, (i32)offsetof(struct vcpu, r)));
    move_registers(e, 0x8b);
    emit_jmp_ax(e);

    bt->leave = e->p;
    move_registers(e, 0x89);
    emit_call(e, bt->save);
    bt->leave_saved = e->p;
    emit_alu_ri(e, 8, 0, H_SP, 8);
    for (unsigned i = BT_SAVED; i-- > 0;)
        emit_push(e, bt_saved[i], 0x58);
    emit8(e, 0xc3);
}

/* Only RAX and RCX are clobbered, which are free where a trace begins. */
static const u8 *make_clear_sites(struct emitter *e)
{
    struct host_mem list = VCPU_AT(t.sites), limit = VCPU_AT(t.site[0].limit);
    const u8 *at = e->p, *again;
    u8 *done;

    emit_mov_mi(e, 1, VCPU_AT(mmu.lost), 0);
    emit_rm(e, 4, 0x8b, H_CX, VCPU_AT(t.n_sites));
    again = e->p;
    emit_alu_ri(e, 4, 5, H_CX, 1);
    done = emit_jcc(e, 8, NULL); /* below 0 */
    list.index = H_CX;
    list.shift = 2;
    emit_rm(e, 4, 0x8b, H_AX, list);
    emit_xr(e, 4, 0xc1, 4, H_AX);
    emit8(e, 5);
    limit.index = H_AX;
    emit_mov_mi(e, 8, limit, 0);
    emit_jmp(e, again);
    emit_patch(done, e->p);
    emit_mov_mi(e, 4, VCPU_AT(t.n_sites), 0);
    emit8(e, 0xc3);
    return at;
}

void bt_make_stubs(struct bt *bt)
{
    struct emitter e = {bt->write, bt->write + bt->size, false};
    u8 *none;

    bt->save_xmm = make_save_xmm(&e);
    bt_make_x87(bt, &e);
    bt->save = make_save(bt, &e);
    make_enter_and_leave(bt, &e);
    bt->slow = make_slow(bt, &e);
    bt->load_xmm = make_load(&e, bt->slow, false);
    bt->load_ymm = make_load(&e, bt->slow, true);
    bt_make_load_x87(bt, &e);

    bt->clear_sites = make_clear_sites(&e);
    bt->call = e.p;
    emit_alu_ri(&e, 8, 5, H_SP, 8);
    emit_routine(bt, &e);
    move_registers(&e, 0x8b);
    emit_alu_ri(&e, 8, 0, H_SP, 8);
    emit8(&e, 0xc3);

    bt->call_leave = e.p;
    emit_routine(bt, &e);
    emit_vcpu(&e);
    emit_call_c(&e, (u64)(uintptr_t)bt_next_code);
    emit_rr(&e, 8, 0x85, H_AX, H_AX);
    none = emit_jcc(&e, 4, NULL);
    move_registers(&e, 0x8b);
    emit_jmp_ax(&e);
    emit_patch(none, e.p);
    emit_mov_imm(&e, H_AX, LEFT_TAKEN);
    emit_jmp(&e, bt->leave_saved);
    bt->fixed = align_up((size_t)(e.p - bt->write), 64);
}
