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
#include "cpu/run.h"
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
static void lower_pushf(struct trans *t, unsigned size)
{
    struct emitter *e = &t->e;
    struct host_mem m = bt_push_place(t, size, false);
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
    emit_rm(e, size, 0x89, H_DX, m);
    bt_set_sp(t, size);
}

/* `to` = high:low of two guest registers. Clobbers RCX. */
static void join(struct trans *t, unsigned to, unsigned high, unsigned low)
{
    struct emitter *e = &t->e;

    emit_rr(e, 8, 0x8b, H_CX, (unsigned)bt_home[high]);
    emit_xr(e, 8, 0xc1, 4, H_CX);
    emit8(e, 32);
    emit_rr(e, 4, 0x8b, to, (unsigned)bt_home[low]);
    emit_rr(e, 8, 0x0b, to, H_CX);
}

/* ZF alone changes; EAX and EDX where the comparison fails. */
static void lower_cmpxchg8b(struct trans *t)
{
    struct emitter *e = &t->e;
    struct host_mem m = bt_access(t, 8, MMU_RMW, true), cc = VCPU_AT(cc);
    u8 *equal;

    cc.disp++;
    emit_rm(e, 8, 0x8d | EMIT_FIXED, H_CX, m);
    emit_rm(e, 8, 0x89, H_CX, VCPU_AT(t.target));
    join(t, H_DX, R_CX, R_BX);
    join(t, H_AX, R_DX, R_AX);
    emit_rm(e, 8, 0x8b, H_CX, VCPU_AT(t.target));
    emit8(e, 0xf0);
    emit_rm(e, 8, 0x0fb1, H_DX, host_at(H_CX, 0));
    emit_xr(e, 1, 0x0f94 | EMIT_FIXED, 0, H_CX);
    equal = emit_jcc(e, 4, NULL);
    emit_rr(e, 4, 0x8b, (unsigned)bt_home[R_AX], H_AX);
    emit_xr(e, 8, 0xc1, 5, H_AX);
    emit8(e, 32);
    emit_rr(e, 8, 0x8b, (unsigned)bt_home[R_DX], H_AX);
    emit_patch(equal, e->p);
    emit_xr(e, 4, 0xc1, 4, H_CX);
    emit8(e, 6);
    emit_alu_mi(e, 1, 4, cc, 0xbf);
    emit_rm(e, 1, 0x09, H_CX, cc);
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

/* The next block is one of the other kind (KEY_AC), which looks addresses up in other entries. */
static void lower_ac(struct trans *t, bool on)
{
    unsigned set = on ? MMU_SUPER_AC : MMU_SUPER;
    struct host_mem entries = VCPU_AT(mmu.sets);
    u64 next = t->b->rip + t->b->len;
    struct emitter *e = &t->e;

    need_cpl0(t);
    emit_alu_mi(e, 4, on ? 1 : 4, VCPU_AT(rflags), on ? FL_AC : ~(u32)FL_AC);
    emit_mov_mi(e, 1, VCPU_AT(mmu.index), set);
    entries.disp += (i32)(set * sizeof(t->v->mmu.sets[0]));
    emit_rm(e, 8, 0x8d | EMIT_FIXED, H_AX, entries);
    emit_rm(e, 8, 0x89, H_AX, VCPU_AT(mmu.tlb));
    emit_alu_mi(e, 4, on ? 1 : 4, VCPU_AT(t.jump_tag), on ? KEY_AC : ~(u32)KEY_AC);
    bt_exit_direct(t, (t->b->key & KEY_CODE) == CODE_64 ? next : (u32)next);
}

static bool cr_is_lowered(const struct uop *u)
{
    return u->dst == 0 || u->dst == 2 || u->dst == 3 || u->dst == 4 || u->dst == 8;
}

/* In 64-bit code. */
static void lower_from_cr(struct trans *t)
{
    const struct uop *u = t->u;

    need_cpl0(t);
    emit_rm(&t->e, 8, 0x8b, H_AX,
            u->dst == 0   ? VCPU_AT(cr0)
            : u->dst == 2 ? VCPU_AT(cr2)
            : u->dst == 3 ? VCPU_AT(cr3)
            : u->dst == 4 ? VCPU_AT(cr4)
                          : VCPU_AT(cr8));
    bt_define(t, u->src, 8, H_AX);
}

/* RDFSBASE and its like, of 64 bits. */
static void lower_base(struct trans *t, bool write)
{
    const struct uop *u = t->u;
    struct host_mem base = VCPU_AT(seg[0].base);
    u32 point = bt_point(t, 0, 0);
    struct emitter *e = &t->e;
    unsigned src;

    base.disp += (i32)(u->aux * sizeof(struct segreg));
    emit_xm(e, 4, 0xf7, 0, VCPU_AT(cr4));
    emit32(e, CR4_FSGSBASE);
    bt_slow_if(t, 4, point);
    if (!write) {
        emit_rm(e, 8, 0x8b, H_AX, base);
        bt_define(t, u->src, 8, H_AX);
        return;
    }
    src = (unsigned)bt_use(t, u->src, H_CX);
    emit_rr(e, 8, 0x8b, H_AX, src);
    emit_xr(e, 8, 0xc1, 4, H_AX);
    emit8(e, 16);
    emit_xr(e, 8, 0xc1, 7, H_AX);
    emit8(e, 16);
    emit_rr(e, 8, 0x3b, H_AX, src); /* canonical? */
    bt_slow_if(t, 5, point);
    emit_rm(e, 8, 0x89, src, base);
}

static bool from_seg_is_lowered(const struct uop *u)
{
    return !(u->aux & SYS_MEM) && (u->dst & 7) <= SEG_GS;
}

/* MOV r, Sreg. */
static void lower_from_seg(struct trans *t)
{
    const struct uop *u = t->u;
    struct host_mem sel = VCPU_AT(seg[0].sel);

    sel.disp += (i32)((u->dst & 7) * sizeof(struct segreg));
    emit_rm(&t->e, 4, 0x0fb7 | EMIT_FIXED, H_AX, sel);
    bt_define(t, u->src, u->osize == 2 ? 2 : 8, H_AX);
}

/* ---- PAUSE ---------------------------------------------------------------------------------------------------------- */

/* Somebody may be waiting for a run token. */
static void lower_pause(struct trans *t)
{
    struct emitter *e = &t->e;
    u32 point = bt_point(t, 0, 0);

    emit_mov_imm(e, H_AX, (u64)(uintptr_t)vcpu_pause_looks(t->v));
    emit_alu_mi(e, 4, 7, host_at(H_AX, 0), 0);
    bt_slow_if(t, 5, point);
    emit_mov_mi(e, 1, VCPU_AT(paused), 1);
    bt_exit_direct(t, t->u->imm);
}

/* ---- Which ---------------------------------------------------------------------------------------------------------- */

static bool lower_anywhere(struct trans *t)
{
    const struct uop *u = t->u;

    if (u->op == UOP_REP_STRING)
        return bt_lower_rep_string(t);
    if (u->op == UOP_STRING)
        return bt_lower_string(t);
    if (u->op == UOP_CALL && u->helper == help_cmpxchg16b && bt_can_address(u))
        lower_cmpxchg16b(t);
    else if (u->op == UOP_CALL && u->helper == help_cmpxchg8b && bt_can_address(u))
        lower_cmpxchg8b(t);
    else if (u->op == UOP_PAUSE && vcpu_pause_looks(t->v))
        lower_pause(t);
    else if (u->op == UOP_CALL && u->helper == help_crc32_reg)
        bt_lower_crc32(t, false);
    else if (u->op == UOP_CALL && u->helper == help_crc32_mem && bt_can_address(u))
        bt_lower_crc32(t, true);
    else if (u->op == UOP_CALL && u->helper == sys_mov_from_seg && from_seg_is_lowered(u))
        lower_from_seg(t);
    else if (u->op == UOP_CALL && u->helper == sys_rdbase && u->osize == 8)
        lower_base(t, false);
    else if (u->op == UOP_CALL && u->helper == sys_wrbase && u->osize == 8)
        lower_base(t, true);
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
    else if (u->op == UOP_CALL && u->helper == help_pushf && u->osize >= 4 && u->stack == u->osize)
        lower_pushf(t, u->osize);
    else if (u->op == UOP_CALL_EXIT && u->helper == sys_sti)
        lower_sti(t);
    else if (u->op == UOP_CALL_EXIT && (u->helper == sys_stac || u->helper == sys_clac))
        lower_ac(t, u->helper == sys_stac);
    else if (u->op == UOP_CALL && u->helper == sys_mov_from_cr && cr_is_lowered(u) &&
             (t->b->key & KEY_CODE) == CODE_64)
        lower_from_cr(t);
    else
        return false;
    t->host_flags = 0;
    return true;
}
