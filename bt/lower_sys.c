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
#include "cpu/sys.h"

/* Off to the helper unless CPL is 0, which it is in supervisor code of every system there is. */
static u32 need_cpl0(struct trans *t)
{
    u32 point = bt_point(t, 0, 0);

    emit_xm(&t->e, 1, 0x81, 7, VCPU_AT(cpl));
    emit8(&t->e, 0);
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
    emit_xm(e, 1, 0x81, 7, VCPU_AT(intr_waits));
    emit8(e, 0);
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

bool bt_lower_sys(struct trans *t)
{
    const struct uop *u = t->u;

    if ((t->b->key & (KEY_USER | KEY_V86 | KEY_PE)) != KEY_PE || t->is_trace)
        return false;
    t->n_pending = 0;
    if (u->op == UOP_CALL && u->helper == sys_cli)
        lower_cli(t);
    else if (u->op == UOP_CALL && u->helper == sys_swapgs)
        lower_swapgs(t);
    else if (u->op == UOP_CALL_EXIT && u->helper == sys_sti)
        lower_sti(t);
    else
        return false;
    t->host_flags = 0;
    return true;
}
