/* SPDX-License-Identifier: MIT */
/*
 * What accesses of superblocks remember of the soft TLB.
 *
 * A site (vcpu->t.site) is a copy of the TLB entry that served an access last, at a constant place: tag, addend, and as
 * limit the highest offset in the page, plus one, at which the operand still ends in it. To compare with it takes no index,
 * and the access waits for no load that depends on its address. A window is a site for several operands: those whose
 * addresses are the same registers, as the superblock's head has them, plus constants. It is checked once, at the head,
 * over the whole range; then each of the operands costs one load, of the addend.
 *
 * The check at the head neither fills the TLB nor faults, since an operand may never be executed: if one page does not
 * grant all of the range, or the TLB does not have it, the head block's own translation is entered instead, and finds out
 * operand by operand. Nothing can take a grant away while the superblock runs, but filling the TLB for another operand:
 * then the interpreter does the rest of the block (bt_slow_path).
 *
 * Not every access deserves one. A site counts its misses; if they come often the superblock is made again with a plain
 * look-up for that operand, or without that window.
 */
#include "bt/internal.h"
#include "src/base/check.h"

enum {
    CREDIT = 4096,   /* when misses have used it up it is looked how long that took */
    PRICE_OTHER = 1, /* of a miss because the access is in another page than the last */
    PRICE_EMPTY =
        64, /* because all sites were emptied: then few of those executed in between will hit */
    TIME_LEAST = 400000, /* instructions: if it took fewer the site does not pay */
    REMADE_MAX = 6,
    WINDOW_BYTES = 512,
    WINDOW_RANGED = 2560, /* the same of a table with a small index */
    SMALL_MAX = 4095,
    WINDOW_DISP = 1 << 20
};

struct host_mem bt_site_at(unsigned site, size_t field)
{
    struct host_mem m = VCPU_AT(t.site[0]);

    m.disp += (i32)(site * sizeof(((struct vcpu *)0)->t.site[0]) + field);
    return m;
}

#define SITE(field) (offsetof(struct vcpu, t.site[0].field) - offsetof(struct vcpu, t.site[0]))

static unsigned new_site(struct trans *t, unsigned uop, unsigned window)
{
    unsigned site = t->bt->now.n_sites++;

    t->bt->owners[site] = (struct bt_site_owner){
        .bb = t->b->bt, .head = t->bb, .uop = (u16)uop, .window = (u8)window};
    t->v->t.site[site].credit = CREDIT;
    t->v->t.site[site].since = (u32)participant_icount(&t->v->p);
    return site;
}

/* ---- One operand ------------------------------------------------------------------------------------------------------ */

bool bt_deserves_site(const struct trans *t)
{
    unsigned uop = (unsigned)(t->u - t->b->u);

    return t->is_trace && !t->out_of_line && bt_fits(t->bt, t->bt->now.n_sites, 0, BT_SITES) &&
           t->n_missed < BT_SEQ_MAX && !(t->b->bt->plain[uop / 64] & BIT(uop % 64));
}

struct host_mem bt_access_at_site(struct trans *t, int reg, unsigned size, unsigned access,
                                  u32 point)
{
    unsigned site = new_site(t, (unsigned)(t->u - t->b->u), 0);
    struct emitter *e = &t->e;

    emit_rr(e, 8, 0x8b, H_DX, (unsigned)reg);
    emit_rm(e, 8, 0x2b, H_DX, bt_site_at(site, SITE(tag)));
    emit_rm(e, 8, 0x3b, H_DX, bt_site_at(site, SITE(limit)));
    t->missed[t->n_missed].jump = emit_jcc(e, 3, NULL);
    emit_rm(e, 8, 0x8b, H_AX, bt_site_at(site, SITE(addend)));
    t->missed[t->n_missed].back = e->p;
    t->missed[t->n_missed].point = point;
    t->missed[t->n_missed].site = (u16)site;
    t->missed[t->n_missed].size = (u8)size;
    t->missed[t->n_missed].access = (u8)access;
    t->missed[t->n_missed++].reg = (i8)reg;
    t->host_flags = 0;
    return (struct host_mem){(i8)reg, H_AX, 0, 0};
}

/* A miss is charged to the site. Goes to where the returned jump leads when there were too many. */
static u8 *emit_charge(struct emitter *e, unsigned site, unsigned price)
{
    emit_alu_mi(e, 4, 5, bt_site_at(site, SITE(credit)), price);
    return emit_jcc(e, 8, NULL);
}

/* The entry of the TLB at offset RAX goes into the site, and then to `back`; often[]: too many misses. Clobbers RDX; RAX
 * becomes the addend. */
static void emit_fill(struct trans *t, unsigned site, unsigned size, unsigned access,
                      const u8 *back, u8 *often[2])
{
    struct host_mem list = VCPU_AT(t.sites);
    struct emitter *e = &t->e;
    u8 *known, *fill;

    emit_alu_mi(e, 8, 7, bt_site_at(site, SITE(limit)), 0);
    known = emit_jcc(e, 5, NULL);
    often[0] = emit_charge(e, site, PRICE_EMPTY);
    emit_rm(e, 4, 0x8b, H_DX, VCPU_AT(t.n_sites));
    list.index = H_DX;
    list.shift = 2;
    emit_mov_mi(e, 4, list, site);
    emit_xm(e, 4, 0xff, 0, VCPU_AT(t.n_sites));
    emit_mov_mi(e, 8, bt_site_at(site, SITE(limit)), 0x1001 - size);
    fill = emit_jmp(e, NULL);
    emit_patch(known, e->p);
    often[1] = emit_charge(e, site, PRICE_OTHER);
    emit_patch(fill, e->p);
    emit_rm(e, 8, 0x8b, H_DX, bt_tlb_tag(t, access));
    emit_rm(e, 8, 0x89, H_DX, bt_site_at(site, SITE(tag)));
    emit_rm(e, 8, 0x8b, H_AX, bt_tlb_addend(t));
    emit_rm(e, 8, 0x89, H_AX, bt_site_at(site, SITE(addend)));
    emit_jmp(e, back);
}

void bt_emit_missed(struct trans *t)
{
    struct bt *bt = t->bt;
    struct emitter *e = &t->e;

    t->b = t->blocks[0]; /* the mode is that of all */
    for (unsigned i = 0; i < t->n_missed; i++) {
        unsigned site = t->missed[i].site, size = t->missed[i].size, access = t->missed[i].access;
        u32 point = t->missed[i].point;
        u8 *often[2];

        emit_patch(t->missed[i].jump, e->p);
        bt_tlb_look_up(t, t->missed[i].reg, size, access, point);
        emit_fill(t, site, size, access, t->missed[i].back, often);
        emit_patch(often[0], e->p);
        emit_patch(often[1], e->p);
        bt->points[bt->now.n_points] = bt->points[point];
        bt->points[bt->now.n_points].access = 0;
        bt->points[bt->now.n_points].site = (u16)(site + 1);
        bt_emit_slow(t, bt->now.n_points++);
    }
}

/* ---- Windows: which operands ------------------------------------------------------------------------------------------ */

/* A register's value: what `root` held at the head, plus `off`; SMALL: from 0 to `off`; NO_ROOT: something else. */
struct symbol {
    u8 root;
    i64 off;
};
#define NO_ROOT 0xff
#define SMALL 0xfe

static bool has_root(struct symbol x)
{
    return x.root != NO_ROOT && x.root != SMALL;
}

static void move_symbol(struct symbol *s, unsigned to, struct symbol x, i64 off)
{
    s[to] = x;
    s[to].off += off;
    if (s[to].off != (i32)s[to].off || (x.root == SMALL && (off < 0 || s[to].off > SMALL_MAX)))
        s[to].root = NO_ROOT;
}

static bool follow_stack(struct symbol *s, const struct uop *u, const struct low *l)
{
    switch ((enum low_kind)l->kind) {
    case LOW_PUSH:
    case LOW_CALL: move_symbol(s, R_SP, s[R_SP], -(i64)l->size); return l->size == 8;
    case LOW_RET: move_symbol(s, R_SP, s[R_SP], (i64)(l->size + u->imm)); return l->size == 8;
    case LOW_POP:
        move_symbol(s, R_SP, s[R_SP], (i64)l->size);
        s[u->dst].root = NO_ROOT;
        return l->size == 8;
    case LOW_LEAVE:
        move_symbol(s, R_SP, s[R_BP], (i64)l->size);
        s[R_BP].root = NO_ROOT;
        return l->size == 8;
    default: return false;
    }
}

/* The most that u's destination can be; above SMALL_MAX: not known. An operation of 4 bytes clears the upper half. */
static u64 most_of(const struct symbol *s, const struct uop *u, const struct low *l)
{
    unsigned bits = 8 * l->size;

    if (l->size < 4)
        return ~0ull;
    switch ((enum low_kind)l->kind) {
    case LOW_MOVX: return l->op == 0 && l->from == 1 ? 0xff : ~0ull;
    case LOW_ALU:
        if (l->op == OP_XOR && l->form == FORM_RR && u->src == u->dst)
            return 0;
        return l->op == OP_AND && l->form == FORM_RI ? u->imm : ~0ull;
    case LOW_SHIFT:
        return l->op == OP_SHR && l->form == FORM_RI ? mask64(bits) >> (u->imm & (bits - 1))
                                                     : ~0ull;
    case LOW_MOV:
        if (l->form == FORM_RI)
            return u->imm;
        return l->form == FORM_RR && s[u->src].root == SMALL ? (u64)s[u->src].off : ~0ull;
    default: return ~0ull;
    }
}

/* What the registers are behind u. */
static void follow(struct symbol *s, const struct uop *u)
{
    const struct low *l = &bt_low[u->op];
    u32 gone = bt_defines(u);
    u64 most = most_of(s, u, l);

    if (follow_stack(s, u, l))
        return;
    if (most <= SMALL_MAX) {
        s[u->dst] = (struct symbol){SMALL, (i64)most};
        return;
    }
    if (l->size == 8 && l->kind == LOW_MOV && l->form == FORM_RR) {
        move_symbol(s, u->dst, s[u->src], 0);
    } else if (l->size == 8 && l->kind == LOW_ALU && l->form == FORM_RI &&
               (l->op == OP_ADD || l->op == OP_SUB)) {
        move_symbol(s, u->dst, s[u->dst], l->op == OP_ADD ? (i64)u->imm : -(i64)u->imm);
    } else if (l->size == 8 && l->kind == LOW_UNARY && l->form == FORM_R &&
               (l->op == OP_INC || l->op == OP_DEC)) {
        move_symbol(s, u->dst, s[u->dst], l->op == OP_INC ? 1 : -1);
    } else if (l->size == 8 && l->kind == LOW_LEA && u->asize == 8 && u->base != UREG_ZERO &&
               u->index == UREG_ZERO) {
        move_symbol(s, u->dst, s[u->base], u->disp);
    } else {
        for (unsigned g = 0; g < UREG_COUNT; g++)
            if (gone & BIT(g))
                s[g].root = NO_ROOT;
    }
}

/* An operand's address by what its registers were at the head. */
struct place {
    struct symbol base, index;
    u8 shift;
    i64 off;
    unsigned size, range; /* `range`: the most that a small index adds */
    u8 small;             /* + 1: the register that is one; 0: there is none */
    bool write;
};

static bool writes_memory(const struct low *l)
{
    switch ((enum low_kind)l->kind) {
    case LOW_ALU:
        return (l->form == FORM_MR || l->form == FORM_MI) && l->op != OP_CMP && l->op != OP_TEST;
    case LOW_MOV: return l->form == FORM_MR || l->form == FORM_MI;
    case LOW_UNARY:
    case LOW_SET:
    case LOW_SHIFT:
    case LOW_DSHIFT:
    case LOW_XCHG:
    case LOW_CMPXCHG:
    case LOW_XADD:
    case LOW_LOCK: return true;
    case LOW_BIT: return l->op != 0;
    case LOW_SSE: return bt_sse_stores(l);
    case LOW_AVX: return bt_avx_stores(l);
    case LOW_X87: return bt_x87_stores(l);
    default: return false;
    }
}

/* Is its memory operand all that its address expression says, of the size and kind that are known here? */
static bool is_simple(const struct low *l)
{
    switch ((enum low_kind)l->kind) {
    case LOW_ALU:
    case LOW_UNARY:
    case LOW_SHIFT:
    case LOW_MOV:
    case LOW_MOVX:
    case LOW_SET:
    case LOW_CMOV:
    case LOW_IMUL:
    case LOW_SSE:
    case LOW_AVX:
    case LOW_X87:
        return l->form == FORM_M || l->form == FORM_RM || l->form == FORM_MR ||
               l->form == FORM_MI || l->form == FORM_MC;
    default: return false;
    }
}

static bool place_of(const struct symbol *s, const struct uop *u, struct place *p)
{
    const struct low *l = &bt_low[u->op];

    p->index = (struct symbol){UREG_ZERO, 0};
    p->shift = 0;
    p->range = p->small = 0;
    if (bt_is_stack(u)) {
        bool down = l->kind == LOW_PUSH || l->kind == LOW_CALL;

        if (l->size != 8)
            return false;
        p->base = s[l->kind == LOW_LEAVE ? R_BP : R_SP];
        p->off = p->base.off - (down ? 8 : 0);
        p->size = 8;
        p->write = down;
        return has_root(p->base);
    }
    if (!is_simple(l) || u->seg != SEG_NONE || u->base == UREG_ZERO || u->disp != (i32)u->disp)
        return false;
    p->base = s[u->base];
    if (u->index != UREG_ZERO && s[u->index].root == SMALL) {
        p->range = (unsigned)s[u->index].off << u->shift;
        p->small = (u8)(u->index + 1);
    } else if (u->index != UREG_ZERO) {
        p->index = s[u->index];
        p->shift = u->shift;
    }
    p->off = p->base.off + p->index.off * (1 << p->shift) + u->disp;
    p->size = l->kind == LOW_AVX   ? bt_avx_bytes(u)
              : l->from            ? l->from
              : l->kind == LOW_SSE ? u->osize
                                   : l->size;
    p->write = writes_memory(l);
    return p->size && has_root(p->base) && has_root(p->index) && p->off < WINDOW_DISP &&
           p->off > -WINDOW_DISP;
}

static struct bt_window *window_for(struct trans *t, const struct place *p)
{
    i32 end = (i32)(p->off + p->size + p->range);
    bool ranged = p->small;
    i32 most = ranged ? WINDOW_RANGED : WINDOW_BYTES;
    struct bt_window *w;

    for (unsigned k = 0; k < t->n_windows; k++) {
        i32 lo, hi;

        w = &t->windows[k];
        lo = MIN(w->lo, (i32)p->off);
        hi = MAX(w->hi, end);
        if (w->base != p->base.root || w->index != p->index.root || w->shift != p->shift ||
            w->ranged != ranged || hi - lo > most)
            continue;
        w->lo = lo;
        w->hi = hi;
        return w;
    }
    if (t->n_windows == BT_WINDOWS_MAX || end - p->off > most)
        return NULL;
    w = &t->windows[t->n_windows++];
    *w = (struct bt_window){.base = p->base.root,
                            .index = p->index.root,
                            .shift = p->shift,
                            .ranged = ranged,
                            .lo = (i32)p->off,
                            .hi = end};
    return w;
}

void bt_windows_plan(struct trans *t)
{
    struct symbol s[UREG_COUNT];
    struct place p;

    for (unsigned g = 0; g < UREG_COUNT; g++)
        s[g] = (struct symbol){(u8)g, 0};
    for (unsigned i = 0; i < t->n_seq; i++) {
        struct bt_window *w = place_of(s, t->seq[i], &p) ? window_for(t, &p) : NULL;

        t->window_of[i] = w ? (u8)(w - t->windows + 1) : 0;
        if (w) {
            t->window_off[i] = (i32)p.off;
            t->window_index[i] = p.small;
            w->n++;
            w->write |= p.write;
        }
        follow(s, t->seq[i]);
    }
    for (unsigned k = 0; k < t->n_windows; k++) {
        struct bt_window *w = &t->windows[k];

        w->stays = s[w->base].root == w->base && !s[w->base].off && s[w->index].root == w->index &&
                   !s[w->index].off;
        w->used = (w->n > 1 || (t->loops && w->stays)) && !(t->bb->no_window & BIT(k)) &&
                  bt_fits(t->bt, t->bt->now.n_sites, 0, BT_SITES);
        t->b = t->blocks[0];
        if (w->used)
            w->site = (u16)new_site(t, 0, k + 1);
        t->has_windows |= w->used;
    }
}

bool bt_window_is_all(const struct trans *t, unsigned i)
{
    if (!t->window_of[i] || !t->windows[t->window_of[i] - 1].used)
        return false;
    switch ((enum low_kind)bt_low[t->seq[i]->op].kind) {
    case LOW_MOV:
    case LOW_MOVX:
    case LOW_ALU:
    case LOW_UNARY:
    case LOW_SET:
    case LOW_PUSH:
    case LOW_POP:
    case LOW_LEAVE: return true;
    case LOW_CALL: return bt_low[t->seq[i]->op].form == FORM_RI;
    default: return false;
    }
}

/* ---- Windows: their use ----------------------------------------------------------------------------------------------- */

int bt_in_window(struct trans *t, unsigned size, unsigned access)
{
    const struct bt_window *w;
    i32 off = t->window_off[t->i];

    if (!t->window_of[t->i] || t->out_of_line)
        return H_NONE;
    w = &t->windows[t->window_of[t->i] - 1];
    if (!w->used)
        return H_NONE;
    if (off < w->lo || off + (i32)size > w->hi || ((access & MMU_WRITE) && !w->write)) {
        t->e.full = true; /* the plan was another, and flags may rely on it: no superblock */
        return H_NONE;
    }
    if (w->reg == H_AX)
        emit_rm(&t->e, 8, 0x8b, H_AX, bt_site_at(w->site, SITE(addend)));
    t->host_flags = 0;
    return w->reg;
}

struct host_mem bt_held_operand(struct trans *t, int held)
{
    struct host_mem m = {(i8)held, H_NONE, 0, t->window_off[t->i]};

    if (t->window_index[t->i]) {
        m.index = (i8)bt_use(t, t->window_index[t->i] - 1u, H_CX);
        m.shift = t->u->shift;
    }
    return m;
}

/* Where its registers point as they are at the head, plus `off`, into `to`. Clobbers RCX, RDX. */
static void emit_place(struct trans *t, const struct bt_window *w, i32 off, unsigned to)
{
    struct host_mem m = {(i8)bt_use(t, w->base, H_CX), H_NONE, w->shift, off};

    if (w->index != UREG_ZERO)
        m.index = (i8)bt_use(t, w->index, (int)H_DX);
    emit_rm(&t->e, 8, 0x8d | EMIT_FIXED, to, m);
}

void bt_window_hold(struct trans *t, const struct bt_window *w)
{
    if (w->reg == H_AX)
        return;
    emit_place(t, w, 0, w->reg);
    emit_rm(&t->e, 8, 0x03, w->reg, bt_site_at(w->site, SITE(addend)));
}

void bt_windows_check(struct trans *t, bool stay)
{
    struct emitter *e = &t->e;

    for (unsigned k = 0; k < t->n_windows; k++) {
        struct bt_window *w = &t->windows[k];

        if (!w->used || (t->loops && w->stays) != stay)
            continue;
        emit_place(t, w, w->lo, H_DX);
        emit_rm(e, 8, 0x2b, H_DX, bt_site_at(w->site, SITE(tag)));
        emit_rm(e, 8, 0x3b, H_DX, bt_site_at(w->site, SITE(limit)));
        w->jump = emit_jcc(e, 3, NULL);
        w->back = e->p;
        if (!stay)
            bt_window_hold(t, w);
    }
}

void bt_emit_windows(struct trans *t)
{
    struct emitter *e = &t->e;

    t->b = t->blocks[0];
    for (unsigned k = 0; k < t->n_windows; k++) {
        struct bt_window *w = &t->windows[k];
        unsigned size = (unsigned)(w->hi - w->lo), access = w->write ? MMU_RMW : MMU_READ;
        bool before = t->loops && w->stays; /* what is lent is taken */
        const i8 *home = t->home;
        u8 *fails, *often[3];

        if (!w->used)
            continue;
        if (before)
            t->home = bt_home;
        emit_patch(w->jump, e->p);
        emit_place(t, w, w->lo, H_CX);
        fails = bt_tlb_compare(t, H_CX, size, access);
        emit_fill(t, w->site, size, access, w->back, often);
        emit_patch(fails, e->p);
        often[2] = emit_charge(e, w->site, PRICE_OTHER);
        if (!before)
            bt_lend_end(t);
        emit_jmp(e, t->bb->code);
        for (unsigned i = 0; i < ARRAY_SIZE(often); i++)
            emit_patch(often[i], e->p);
        if (!before)
            bt_lend_end(t);
        t->home = home;
        emit_mov_imm(e, H_AX, (u32)w->site << 8 | LEFT_MISSED);
        emit_jmp(e, t->bt->leave);
    }
}

/* ---- Misses ----------------------------------------------------------------------------------------------------------- */

/* What did not pay in the superblock: sites that missed about as often as the one that made it known. */
static void mark(struct vcpu *v, struct bt_block *head)
{
    const struct bt_trace *tr = head->trace;

    for (unsigned i = tr->first_site; i < tr->end_site; i++) {
        struct bt_site_owner *o = &v->t.bt->owners[i];

        if (v->t.site[i].credit > CREDIT / 2)
            continue;
        if (o->window)
            head->no_window |= (u16)BIT(o->window - 1);
        else
            o->bb->plain[o->uop / 64] |= BIT(o->uop % 64);
    }
}

/* Only the vCPU that made the superblock has given the site its credit: at others' first miss it is whatever it was, and that
 * counts as a site that lasted, since `since` is long ago. */
void bt_site_missed(struct vcpu *v, unsigned site)
{
    u32 now = (u32)participant_icount(&v->p), took = now - v->t.site[site].since;

    v->t.site[site].credit = CREDIT;
    v->t.site[site].since = now;
    if (took < TIME_LEAST)
        v->t.own->missed = site + 1;
}

void bt_settle_missed(struct vcpu *v)
{
    struct bt *bt = v->t.bt;
    unsigned site = v->t.own->missed - 1;
    struct bt_block *head;
    const struct bt_trace *tr;

    v->t.own->missed = 0;
    bt_lock(bt);
    head = bt->owners[site].head;
    tr = head->trace;
    if (tr && site - tr->first_site < tr->end_site - tr->first_site && head->remade < REMADE_MAX) {
        v->t.site[site].credit = 0;
        mark(v, head);
        v->t.site[site].credit = CREDIT;
        head->remade++;
        bt_remake(v, head);
    }
    bt_unlock(bt);
}
