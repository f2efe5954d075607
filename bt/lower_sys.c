/* SPDX-License-Identifier: MIT */
/*
 * Lowering of the few privileged instructions that an operating system executes all the time, where they are what they
 * nearly always are; whatever is out of the ordinary is the helper's (cpu/control.c, cpu/sysmisc.c), and so are all
 * faults.
 *
 * STI that sets IF holds interrupts off until the next instruction is over. No boundary can stand there unless somebody
 * asks for one, so the block goes on to the next like any other, and vcpu->sti_at says where the shadow would be; if the
 * vCPU stops in just that place, vcpu_settle_shadow() finds it. An interrupt that waits for IF is left to the helper,
 * which ends the run of blocks.
 *
 * All of them find the arithmetic flags in vcpu->cc and leave them there: flag analysis takes them for calls.
 * Intel SDM vol. 2, CLI, STI, SWAPGS, PUSHF; vol. 3 §6.8.1.
 */
#include "bt/internal.h"
#include "cpu/exec_int.h"
#include "cpu/lift_int.h"
#include "cpu/sys.h"

/* Off to the helper unless CPL is 0, which it is in supervisor code of every system there is. */
static u32 need_cpl0(struct trans *t)
{
    u32 point = bt_point(t, 0, 0);

    emit_alu_mi(&t->e, 1, 7, VCPU_AT(cpl), 0);
    bt_slow_if(t, 5, point);
    return point;
}

static void lower_cli(struct trans *t)
{
    need_cpl0(t);
    emit_alu_mi(&t->e, 4, 4, VCPU_AT(rflags), ~(u32)FL_IF);
}

static void lower_sti(struct trans *t)
{
    struct emitter *e = &t->e;
    u32 point = need_cpl0(t);
    u64 next = t->b->rip + t->b->len;
    u8 *over;

    emit_xm(e, 4, 0xf7, 0, VCPU_AT(rflags));
    emit32(e, FL_IF);
    over = emit_jcc(e, 5, NULL);
    emit_alu_mi(e, 1, 7, VCPU_AT(intr_waits), 0);
    bt_slow_if(t, 5, point);
    emit_alu_mi(e, 4, 1, VCPU_AT(rflags), FL_IF);
    emit_rm(e, 8, 0x8b, H_AX, VCPU_AT(p.horizon));
    emit_rm(e, 4, 0x8b, H_CX, VCPU_AT(p.budget.left));
    emit_rr(e, 8, 0x2b, H_AX, H_CX);
    emit_rm(e, 8, 0x89, H_AX, VCPU_AT(sti_at));
    emit_patch(over, e->p);
    bt_exit_direct(t, (t->b->key & KEY_CODE) == CODE_64 ? next : (u32)next);
}

static void lower_swapgs(struct trans *t)
{
    struct emitter *e = &t->e;

    need_cpl0(t);
    emit_rm(e, 8, 0x8b, H_AX, VCPU_AT(seg[SEG_GS].base));
    emit_rm(e, 8, 0x8b, H_CX, VCPU_AT(kernel_gs_base));
    emit_rm(e, 8, 0x89, H_AX, VCPU_AT(kernel_gs_base));
    emit_rm(e, 8, 0x89, H_CX, VCPU_AT(seg[SEG_GS].base));
}

/* RF and VM are never pushed. */
static void lower_pushf(struct trans *t)
{
    struct emitter *e = &t->e;
    struct host_mem m = bt_push_place(t, 8, false);
    u8 *over;

    emit_rm(e, 4, 0x8b, H_DX, VCPU_AT(cc));
    emit_xr(e, 4, 0xc1, 5, H_DX);
    emit8(e, 8);
    emit_alu_ri(e, 4, 4, H_DX, 0xd5);
    emit_rm(e, 4, 0x0b, H_DX, VCPU_AT(rflags));
    emit_xm(e, 1, 0xf7, 0, VCPU_AT(cc));
    emit8(e, CC_OF);
    over = emit_jcc(e, 4, NULL);
    emit_alu_ri(e, 4, 1, H_DX, FL_OF);
    emit_patch(over, e->p);
    emit_alu_ri(e, 4, 4, H_DX, ~(u32)(FL_RF | FL_VM));
    emit_alu_ri(e, 4, 1, H_DX, 2);
    emit_rm(e, 8, 0x89, H_DX, m);
    bt_set_sp(t, 8);
}

/* ZF alone changes. Where the comparison fails the host's registers hold what the guest's get, else what they have. */
static void lower_cmpxchg16b(struct trans *t)
{
    struct emitter *e = &t->e;
    struct host_mem m = bt_access_aligned(t, 16, MMU_RMW), cc = VCPU_AT(cc);
    unsigned ax = (unsigned)bt_home[R_AX], dx = (unsigned)bt_home[R_DX];

    cc.disp++;
    emit_rm(e, 8, 0x8d | EMIT_FIXED, H_DX, m);
    emit_rr(e, 8, 0x8b, H_AX, ax);
    emit_rr(e, 8, 0x87, H_DX, dx); /* the address is where the guest's RDX was */
    emit_rr(e, 8, 0x8b, H_CX, (unsigned)bt_home[R_CX]);
    emit_rr(e, 8, 0x8b, H_BX, (unsigned)bt_home[R_BX]);
    emit8(e, 0xf0);
    emit_xm(e, 8, 0x0fc7 | EMIT_FIXED, 1, host_at((enum host_reg)dx, 0));
    emit_rr(e, 8, 0x8b, ax, H_AX);
    emit_rr(e, 8, 0x8b, dx, H_DX);
    emit_xr(e, 1, 0x0f94 | EMIT_FIXED, 0, H_AX);
    emit_xr(e, 4, 0xc1, 4, H_AX);
    emit8(e, 6);
    emit_alu_mi(e, 1, 4, cc, 0xbf);
    emit_rm(e, 1, 0x09, H_AX, cc);
}

/* ---- Strings -------------------------------------------------------------------------------------------------------- */

static bool string_is_lowered(const struct uop *u)
{
    return (u->aux == STR_STOS || (u->aux == STR_MOVS && u->seg == SEG_NONE)) &&
           u->src == SEG_NONE && u->asize == 8;
}

/* Not beyond the end of the page that register `g` points into; the count is in RCX. */
static void check_page(struct trans *t, unsigned g, unsigned shift, u32 point)
{
    emit_rr(&t->e, 4, 0x8b, H_AX, (unsigned)bt_home[g]);
    emit_alu_ri(&t->e, 4, 4, H_AX, 0xfff);
    emit_rm(&t->e, 8, 0x8d | EMIT_FIXED, H_AX, (struct host_mem){H_AX, H_CX, (u8)shift, 0});
    emit_alu_ri(&t->e, 8, 7, H_AX, 0x1000);
    bt_slow_if(t, 7, point);
}

static void move_on(struct trans *t, unsigned g, unsigned shift)
{
    unsigned home = (unsigned)bt_home[g];

    emit_rm(&t->e, 8, 0x8d | EMIT_FIXED, home, (struct host_mem){(i8)home, H_CX, (u8)shift, 0});
}

/* The whole of it at once, if it stays within a page, forwards, and the budget covers it: the block was charged one
 * iteration. Everything else, a miss in the TLB included, is the interpreter's. */
static void lower_string(struct trans *t)
{
    const struct uop *u = t->u;
    struct emitter *e = &t->e;
    unsigned size = u->osize, shift = size == 8 ? 3 : size / 2;
    bool moves = u->aux == STR_MOVS;
    u32 point = bt_point(t, 0, 0);
    u8 *none;

    emit_xm(e, 4, 0xf7, 0, VCPU_AT(rflags));
    emit32(e, FL_DF);
    bt_slow_if(t, 5, point);
    emit_rr(e, 8, 0x8b, H_CX, (unsigned)bt_home[R_CX]);
    emit_rr(e, 8, 0x85, H_CX, H_CX);
    none = emit_jcc(e, 4, NULL);
    emit_alu_ri(e, 8, 7, H_CX, 0x1000 >> shift);
    bt_slow_if(t, 7, point);
    emit_rm(e, 4, 0x3b, H_CX, VCPU_AT(p.budget.left));
    bt_slow_if(t, 7, point);
    check_page(t, R_DI, shift, point);
    if (moves) {
        check_page(t, R_SI, shift, point);
        emit_rm(e, 8, 0x8d | EMIT_FIXED, H_DX,
                bt_access_at(t, bt_home[R_SI], size, MMU_READ, point));
        emit_rm(e, 8, 0x89, H_DX, VCPU_AT(t.target));
    }
    emit_rm(e, 8, 0x8d | EMIT_FIXED, H_DX, bt_access_at(t, bt_home[R_DI], size, MMU_WRITE, point));
    emit_rm(e, 4, 0x8d | EMIT_FIXED, H_AX, host_at(H_CX, -1));
    emit_rm(e, 4, 0x29, H_AX, VCPU_AT(p.budget.left));
    move_on(t, R_DI, shift);
    if (moves)
        move_on(t, R_SI, shift);
    emit_rr(e, 8, 0x87, H_DX, H_DI);
    if (moves)
        emit_rm(e, 8, 0x8b, H_SI, VCPU_AT(t.target));
    else
        emit_rr(e, 8, 0x8b, H_AX, (unsigned)bt_home[R_AX]);
    emit8(e, 0xf3);
    emit_opcode(e, size, moves ? 0xa5 : 0xab, 0, 0, 0, false, false);
    emit_rr(e, 8, 0x8b, H_DI, H_DX);
    emit_rr(e, 4, 0x33, (unsigned)bt_home[R_CX], (unsigned)bt_home[R_CX]);
    emit_patch(none, e->p);
    bt_exit_direct(t, u->imm2);
}

static bool lower_anywhere(struct trans *t)
{
    const struct uop *u = t->u;

    if (u->op == UOP_REP_STRING && string_is_lowered(u))
        lower_string(t);
    else if (u->op == UOP_CALL && u->helper == help_cmpxchg16b && bt_can_address(u))
        lower_cmpxchg16b(t);
    else
        return false;
    t->host_flags = 0;
    return true;
}

bool bt_lower_sys(struct trans *t)
{
    const struct uop *u = t->u;

    t->n_pending = 0;
    if (lower_anywhere(t))
        return true;
    if ((t->b->key & (KEY_USER | KEY_V86 | KEY_PE)) != KEY_PE || t->is_trace)
        return false;
    if (u->op == UOP_CALL && u->helper == sys_cli)
        lower_cli(t);
    else if (u->op == UOP_CALL && u->helper == sys_swapgs)
        lower_swapgs(t);
    else if (u->op == UOP_CALL && u->helper == help_pushf && u->osize == 8 && u->stack == 8)
        lower_pushf(t);
    else if (u->op == UOP_CALL_EXIT && u->helper == sys_sti)
        lower_sti(t);
    else
        return false;
    t->host_flags = 0;
    return true;
}
