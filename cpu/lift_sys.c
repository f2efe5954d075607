/* SPDX-License-Identifier: MIT */
/*
 * Lifting of the privileged and structural instructions: each is one call of a C helper (cpu/lift_sys.h lists them with how
 * the block goes on).
 *
 * Only what other instructions of the block may rely on ends a block: a segment load changes the key in protected mode
 * outside 64-bit code alone; RDTSC or CPUID change nothing.
 */
#include "cpu/lift_sys.h"

#include "cpu/sys.h"
#include "cpu/vcpu.h"

enum block_end { NEXT, EXIT, JUMP };

static const struct sys_row {
    lift_helper *helper;
    u8 end, aux;
} sys_rows[SYS_COUNT] = {
#define SYS(ID, helper, end, aux) [SYS_##ID] = {helper, end, aux},
    SYS_HELPERS(SYS)
#undef SYS
};

static struct uop *emit(struct lift_state *l, const struct insn_row *row, enum block_end end)
{
    const struct sys_row *s = &sys_rows[row->arg];
    struct uop *u;

    if (end == JUMP)
        u = lift_call_jump(l, row, s->helper);
    else
        u = end == EXIT ? lift_call_exit(l, row, s->helper) : lift_call(l, row, s->helper);
    u->aux = s->aux;
    if (l->in->has_modrm && l->in->mod != 3)
        u->aux |= SYS_MEM;
    return u;
}

void lift_sys(struct lift_state *l, const struct insn_row *row)
{
    emit(l, row, sys_rows[row->arg].end);
}

/* PEONLY in the table does not exclude 64-bit code. */
void lift_sys_arpl(struct lift_state *l, const struct insn_row *row)
{
    if ((l->key & KEY_CODE) == CODE_64)
        lift_undefined(l);
    else
        lift_sys(l, row);
}

/* Offset and selector travel together in imm: imm2 is taken by the helper. */
void lift_sys_far(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = emit(l, row, JUMP);

    u->imm = (u32)l->in->imm | (u64)(u16)l->in->imm2 << 32;
}

/* MOV Sreg and LES and their like: SS always ends the block (interrupt shadow), others where flatness may change. */
void lift_sys_load_seg(struct lift_state *l, const struct insn_row *row)
{
    bool code64 = (l->key & KEY_CODE) == CODE_64;
    bool real = !(l->key & KEY_PE) || (l->key & KEY_V86);
    unsigned seg = row->arg == SYS_MOV_TO_SEG ? l->in->reg & 7 : sys_rows[row->arg].aux;

    emit(l, row, seg == SEG_SS || !(code64 || real) ? EXIT : NEXT);
}

void lift_sys_port(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = emit(l, row, EXIT);

    u->osize = !(row->opcode & 1) ? 1 : MIN(l->in->osize, 4);
}

/* MONITOR's address is rAX in DS, or the segment of a prefix. */
void lift_sys_monitor(struct lift_state *l, const struct insn_row *row)
{
    struct uop *u = emit(l, row, NEXT);
    bool code64 = (l->key & KEY_CODE) == CODE_64;

    u->seg = code64 && l->in->seg != SEG_FS && l->in->seg != SEG_GS ? SEG_NONE : l->in->seg;
}
