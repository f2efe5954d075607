/* SPDX-License-Identifier: MIT */
/*
 * Guest registers and guest memory in host code.
 *
 * A memory operand's linear address is looked up in the soft TLB in line: subtract the entry's tag from the address, and
 * the difference is the offset in the page if the entry is the right one; one unsigned comparison with 4096 - size tells
 * that, and that the operand does not cross the page's end. Then the host address is the linear one plus the entry's
 * addend. What does not pass goes to a stub, which has the TLB filled and tries again, or has the interpreter do the rest
 * of the block (bt/runtime.c). So whatever is out of the ordinary (devices, traced pages, crossings, faults) is the
 * interpreter's, and nothing about it is said here.
 *
 * The set of entries follows from the block's key: user code has its own, and so has supervisor code with EFLAGS.AC.
 */
#include "bt/internal.h"
#include "src/base/check.h"

const i8 bt_home[UREG_COUNT] = {
    [R_AX] = H_BX, [R_CX] = H_SI,    [R_DX] = H_DI,  [R_BX] = H_8,   [R_SP] = H_9,
    [R_BP] = H_10, [R_SI] = H_11,    [R_DI] = H_12,  [8] = H_13,     [9] = H_14,
    [10] = -1,     [11] = -1,        [12] = H_15,    [13] = -1,      [14] = -1,
    [15] = -1,     [UREG_ZERO] = -1, [UREG_T0] = -1, [UREG_T1] = -1, [19] = -1,
};

/* ---- Registers ------------------------------------------------------------------------------------------------------ */

int bt_use(struct trans *t, unsigned g, int tmp)
{
    int home = bt_home_of(t, g);

    if (home >= 0)
        return home;
    emit_rm(&t->e, 8, 0x8b, (unsigned)tmp, bt_slot(g));
    return tmp;
}

int bt_use_operand(struct trans *t, unsigned n, unsigned size, int tmp)
{
    unsigned g = bt_gpr(n, size);
    int home;

    if (!bt_is_high(n, size))
        return bt_use(t, g, tmp);
    home = bt_home_of(t, g);
    if (home >= 0) {
        emit_rr(&t->e, 4, 0x8b, (unsigned)tmp, (unsigned)home);
        emit_xr(&t->e, 4, 0xc1, 5, (unsigned)tmp);
        emit8(&t->e, 8);
        t->host_flags = 0;
    } else {
        struct host_mem m = bt_slot(g);

        m.disp++;
        emit_rm(&t->e, 4, 0x0fb6 | EMIT_FIXED, (unsigned)tmp, m);
    }
    return tmp;
}

void bt_define(struct trans *t, unsigned n, unsigned size, int from)
{
    unsigned g = bt_gpr(n, size);
    int home = bt_home_of(t, g);

    CHECK(!bt_is_high(n, size));
    if (home < 0) {
        if (size == 4) { /* the upper half becomes 0, whatever `from` has there */
            int tmp = from == H_AX || from == H_DX ? from : H_CX;

            emit_rr(&t->e, 4, 0x8b, (unsigned)tmp, (unsigned)from);
            from = tmp;
            size = 8;
        }
        emit_rm(&t->e, size, 0x89, (unsigned)from, bt_slot(g));
    } else if (home != from) {
        emit_rr(&t->e, size, 0x8b, (unsigned)home, (unsigned)from);
    } else if (size == 4) {
        emit_rr(&t->e, 4, 0x8b, (unsigned)home, (unsigned)home);
    }
}

/* ---- Addresses ------------------------------------------------------------------------------------------------------ */

bool bt_can_address(const struct uop *u)
{
    if (u->seg == SEG_NONE || u->seg == SEG_FLAT32)
        return true;
    return (u->seg == SEG_FS || u->seg == SEG_GS) && u->asize >= 4;
}

static bool is_flat(const struct uop *u)
{
    return u->seg == SEG_NONE || u->seg == SEG_FLAT32;
}

void bt_offset(struct trans *t, const struct uop *u, unsigned to, unsigned size)
{
    struct host_mem m = {H_NONE, H_NONE, u->shift, 0};
    bool small = u->disp == (i32)u->disp;
    struct emitter *e = &t->e;

    if (u->base != UREG_ZERO)
        m.base = (i8)bt_use(t, u->base, H_CX);
    if (u->index != UREG_ZERO)
        m.index = (i8)bt_use(t, u->index, H_DX);
    if (small)
        m.disp = (i32)u->disp;
    if (m.base == H_NONE && m.index == H_NONE) {
        emit_mov_imm(e, to, size == 4 ? (u32)u->disp : (u64)u->disp);
        return;
    }
    if (m.index == H_NONE && (!small || !m.disp))
        emit_rr(e, size, 0x8b, to, (unsigned)m.base);
    else
        emit_rm(e, size, 0x8d | EMIT_FIXED, to, m);
    if (!small) {
        emit_mov_imm(e, H_DX, (u64)u->disp);
        emit_rr(e, size, 0x03, to, H_DX);
        t->host_flags = 0;
    }
}

static bool is_code64(const struct trans *t)
{
    return (t->b->key & KEY_CODE) == CODE_64;
}

/* Outside 64-bit code FS and GS are looked at each time: anything but writable data of 4 GiB, and what reaches beyond
 * their end, is the interpreter's. Clobbers RAX. */
static void check_segment(struct trans *t, unsigned size)
{
    struct host_mem usable = VCPU_AT(seg[0].usable), limit = VCPU_AT(seg[0].limit);
    i32 at = (i32)(t->u->seg * sizeof(struct segreg));
    u32 point = bt_point(t, 0, 0);
    struct emitter *e = &t->e;

    _Static_assert(offsetof(struct segreg, type) == offsetof(struct segreg, usable) + 1, "");
    usable.disp += at;
    limit.disp += at;
    emit_rm(e, 4, 0x0fb7 | EMIT_FIXED, H_AX, usable);
    emit_alu_ri(e, 4, 4, H_AX, 0x1eff);
    emit_alu_ri(e, 4, 7, H_AX, 0x1201);
    bt_slow_if(t, 5, point);
    emit_alu_mi(e, 4, 7, limit, ~(u64)0);
    bt_slow_if(t, 5, point);
    emit_alu_ri(e, 4, 7, H_CX, -(u64)size);
    bt_slow_if(t, 7, point);
    t->host_flags = 0;
}

void bt_add_segment(struct trans *t, unsigned size)
{
    struct host_mem base = VCPU_AT(seg[0].base);

    if (is_flat(t->u))
        return;
    if (!is_code64(t))
        check_segment(t, size);
    base.disp += (i32)(t->u->seg * sizeof(struct segreg));
    emit_rm(&t->e, is_code64(t) ? 8 : 4, 0x03, H_CX, base);
    t->host_flags = 0;
}

unsigned bt_offset_size(const struct uop *u)
{
    return u->asize == 8 ? 8 : 4;
}

/* The linear address of the micro-op's operand of `size` bytes in a host register: RCX, or a guest register's own. */
static int linear(struct trans *t, unsigned size)
{
    const struct uop *u = t->u;

    if (u->seg == SEG_NONE && u->base != UREG_ZERO && u->index == UREG_ZERO && !u->disp)
        return bt_use(t, u->base, H_CX);
    bt_offset(t, u, H_CX, bt_offset_size(u));
    bt_add_segment(t, size);
    return H_CX;
}

/* ---- The look-up ---------------------------------------------------------------------------------------------------- */

u32 bt_point(struct trans *t, unsigned size, unsigned access)
{
    struct bt *bt = t->bt;
    struct bt_point *pt = &bt->points[bt->now.n_points];

    *pt = (struct bt_point){.b = t->b,
                            .uop = (u16)(t->u - t->b->u),
                            .refund = t->after[t->of[t->i]],
                            .size = (u8)size,
                            .access = (u8)access,
                            .n_pending = t->n_pending,
                            .windows = t->has_windows,
                            .note = bt_x87_note(t),
                            .note_seg = t->note.seg};
    memcpy(pt->pending, t->pending, sizeof(pt->pending));
    if (access)
        pt->resume = (u32)(t->e.p - bt->write);
    return bt->now.n_points++;
}

void bt_slow_if(struct trans *t, int cond, u32 point)
{
    u8 *at = cond < 0 ? emit_jmp(&t->e, NULL) : emit_jcc(&t->e, (unsigned)cond, NULL);

    if (t->n_forward == BT_FORWARD_MAX) {
        t->e.full = true;
        return;
    }
    t->forward[t->n_forward].jump = at;
    t->forward[t->n_forward++].point = point;
}

/* The tag that counts for an access, from its entry. */
static i32 tag_of(unsigned access)
{
    return (i32)(access & MMU_WRITE ? offsetof(struct tlb_entry, wtag)
                                    : offsetof(struct tlb_entry, rtag));
}

static i32 tlb_disp(const struct trans *t)
{
    unsigned set = t->b->key & KEY_USER ? MMU_USER : t->b->key & KEY_AC ? MMU_SUPER_AC : MMU_SUPER;

    return (i32)(offsetof(struct vcpu, mmu.sets) + set * sizeof(t->v->mmu.sets[0])) -
           (i32)offsetof(struct vcpu, r);
}

struct host_mem bt_tlb_tag(const struct trans *t, unsigned access)
{
    return (struct host_mem){H_BP, H_AX, 0, tlb_disp(t) + tag_of(access)};
}

struct host_mem bt_tlb_addend(const struct trans *t)
{
    return (struct host_mem){H_BP, H_AX, 0, tlb_disp(t) + (i32)offsetof(struct tlb_entry, addend)};
}

/* EFLAGS: above, if it is not the entry of the address in `reg`; RAX becomes its offset. */
static void compare(struct trans *t, int reg, unsigned size, unsigned access)
{
    struct emitter *e = &t->e;

    _Static_assert(sizeof(struct tlb_entry) == 32, "the index is shifted by 12 - 5");
    emit_rr(e, 4, 0x8b, H_AX, (unsigned)reg);
    emit_xr(e, 4, 0xc1, 5, H_AX);
    emit8(e, 7);
    emit_alu_ri(e, 4, 4, H_AX, (MMU_TLB_SIZE - 1) << 5);
    emit_rr(e, 8, 0x8b, H_DX, (unsigned)reg);
    emit_rm(e, 8, 0x2b, H_DX, bt_tlb_tag(t, access));
    emit_alu_ri(e, 8, 7, H_DX, 0x1000 - size);
}

u8 *bt_tlb_compare(struct trans *t, int reg, unsigned size, unsigned access)
{
    compare(t, reg, size, access);
    return emit_jcc(&t->e, 7, NULL);
}

void bt_tlb_look_up(struct trans *t, int reg, unsigned size, unsigned access, u32 point)
{
    compare(t, reg, size, access);
    bt_slow_if(t, 7, point);
}

bool bt_is_stack(const struct uop *u)
{
    const struct low *l = &bt_low[u->op];

    return (l->kind == LOW_PUSH && l->form != FORM_M) || l->kind == LOW_POP ||
           l->kind == LOW_LEAVE || (l->kind == LOW_CALL && l->form != FORM_M) || l->kind == LOW_RET;
}

struct host_mem bt_access_at(struct trans *t, int reg, unsigned size, unsigned access, u32 point)
{
    if (bt_is_stack(t->u)) {
        int held = bt_in_window(t, size, access);

        if (held == H_AX)
            return (struct host_mem){(i8)reg, H_AX, 0, 0};
        if (held != H_NONE)
            return bt_held_operand(t, held);
        if (bt_deserves_site(t))
            return bt_access_at_site(t, reg, size, access, point);
    }
    bt_tlb_look_up(t, reg, size, access, point);
    emit_rm(&t->e, 8, 0x8b, H_AX, bt_tlb_addend(t));
    t->host_flags = 0;
    return (struct host_mem){(i8)reg, H_AX, 0, 0};
}

/* An operand whose address is a constant: so is its place in the TLB. */
static struct host_mem access_constant(struct trans *t, u64 a, unsigned size, unsigned access,
                                       u32 point)
{
    i32 entry = tlb_disp(t) + (i32)((a >> 12) % MMU_TLB_SIZE * sizeof(struct tlb_entry));
    struct emitter *e = &t->e;

    if ((a & 0xfff) + size > 0x1000) {
        t->bt->points[point].access = 0;
        bt_slow_if(t, -1, point);
    }
    emit_mov_imm(e, H_CX, a & MMU_PAGE_MASK);
    emit_rm(e, 8, 0x3b, H_CX, host_at(H_BP, entry + tag_of(access)));
    bt_slow_if(t, 5, point);
    emit_rm(e, 8, 0x8b, H_AX, host_at(H_BP, entry + (i32)offsetof(struct tlb_entry, addend)));
    t->host_flags = 0;
    return (struct host_mem){H_CX, H_AX, 0, (i32)(a & 0xfff)};
}

static bool is_constant(const struct uop *u)
{
    return is_flat(u) && u->base == UREG_ZERO && u->index == UREG_ZERO;
}

/* The present operand, which needs no check: the addend is in RAX. */
static struct host_mem window_operand(struct trans *t)
{
    const struct uop *u = t->u;
    struct host_mem m = {(i8)bt_use(t, u->base, H_CX), H_AX, 0, (i32)u->disp};

    if (u->index != UREG_ZERO) {
        struct host_mem a = {m.base, (i8)bt_use(t, u->index, H_DX), u->shift, 0};

        emit_rm(&t->e, 8, 0x8d | EMIT_FIXED, H_CX, a);
        m.base = H_CX;
    }
    return m;
}

struct host_mem bt_access(struct trans *t, unsigned size, unsigned access, bool fill)
{
    const struct uop *u = t->u;
    bool simple = is_flat(u) || (is_code64(t) && u->asize == 8);
    int held = bt_in_window(t, size, access);
    u32 point;

    if (held == H_AX)
        return window_operand(t);
    if (held != H_NONE)
        return bt_held_operand(t, held);
    /* What has the TLB filled knows of no segments but those of 64-bit code (bt/runtime.c). */
    point = bt_point(t, size, fill && simple ? access : 0);
    if (is_constant(u))
        return access_constant(t, u->seg == SEG_FLAT32 ? (u32)u->disp : (u64)u->disp, size, access,
                               point);
    if (bt_deserves_site(t))
        return bt_access_at_site(t, linear(t, size), size, access, point);
    return bt_access_at(t, linear(t, size), size, access, point);
}

/* Misaligned: #GP before anything else about the address matters. */
struct host_mem bt_access_aligned(struct trans *t, unsigned size, unsigned access)
{
    const struct uop *u = t->u;
    u32 bad = bt_point(t, 0, 0);

    if (is_constant(u)) {
        if (u->disp & (size - 1))
            bt_slow_if(t, -1, bad);
    } else {
        emit_xr(&t->e, 1, 0xf7, 0, (unsigned)linear(t, size));
        emit8(&t->e, size - 1);
        bt_slow_if(t, 5, bad);
        t->host_flags = 0;
    }
    return bt_access(t, size, access, true);
}
