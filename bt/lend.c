/* SPDX-License-Identifier: MIT */
/*
 * What a superblock that loops does otherwise with host registers.
 *
 * Elsewhere eleven guest registers live in host registers, always the same (bt_home), so that any code can follow any other; the
 * others lie in memory, and so do the addends of windows (bt/sites.c). A loop is worth a better choice. It is emitted twice: the
 * first time shows how often it looks for each guest register and into each window, the second time the homes of what it
 * uses least are lent to what it uses more. For a window a host register holds where its registers pointed at the head, as a host
 * address: its operands are at constants from there, and need neither the addend nor the guest's registers. Which vector registers it needs is known then, too: they are loaded at its
 * entry, and nothing in the loop asks whether they are.
 *
 * Lent registers are taken behind the entry's checks and given back wherever the superblock is left: by branches aside, where the
 * budget or a window does not suffice, on slow paths. So nobody else knows of them; flags that are made again, slow paths and
 * the interpreter find every guest register where it always is. A slow path that tries again comes back by way of code that
 * takes them once more: a window still holds then, since otherwise there is no trying again (bt_slow_path).
 *
 * Some lowerings want a register in its home (bt_pinned); the stack pointer always is. Loops with x87 or MMX micro-ops lend nothing:
 * their state may be found unfit in the midst of them. Those that do not loop would pay more for it than they gain.
 */
#include "bt/internal.h"

_Static_assert(BT_LENT_MAX == sizeof(((struct translated *)0)->held) / sizeof(u64), "a place each");

/* What one use costs that does not find a host register; what is to be gained at least. */
enum { COST_GUEST = 2, COST_ADDEND = 1, COST_INDEX = 1, GAIN_LEAST = 4 };

/* ---- The choice --------------------------------------------------------------------------------------------------------- */

struct wish {
    unsigned cost;
    u8 guest, window; /* as in struct bt_lent */
};

static unsigned cost_of_guest(const struct trans *t, unsigned g)
{
    return COST_GUEST * t->uses[g];
}

static unsigned cost_of_window(const struct bt_window *w)
{
    bool index = w->ranged || w->index != UREG_ZERO;

    return w->used ? (COST_ADDEND + index * COST_INDEX) * w->n : 0;
}

static bool has_lent(const struct trans *t, unsigned g)
{
    for (unsigned k = 0; k < t->lend.n; k++)
        if (t->lend.lent[k].owner == g)
            return true;
    return false;
}

/* What costs most of what has no host register yet. */
static struct wish greatest_wish(const struct trans *t, u32 windows_done)
{
    struct wish best = {0, 0, 0};

    for (unsigned g = 0; g < 16; g++)
        if (t->lend.home[g] < 0 && !has_lent(t, g) && cost_of_guest(t, g) > best.cost)
            best = (struct wish){cost_of_guest(t, g), (u8)g, 0};
    for (unsigned k = 0; k < t->n_windows; k++) {
        unsigned cost = cost_of_window(&t->windows[k]);

        if (!(windows_done & BIT(k)) && cost > best.cost)
            best = (struct wish){cost, 0, (u8)(k + 1)};
    }
    return best;
}

/* Whose home is needed least; 16: nobody's can be had. */
static unsigned least_owner(const struct trans *t)
{
    unsigned best = 16;

    for (unsigned g = 0; g < 16; g++)
        if (bt_home[g] >= 0 && t->lend.home[g] == bt_home[g] && g != R_SP &&
            !(t->pinned & BIT(g)) && (best == 16 || t->uses[g] < t->uses[best]))
            best = g;
    return best;
}

static void choose(struct trans *t)
{
    u32 windows_done = 0;

    while (t->lend.n < BT_LENT_MAX) {
        struct wish w = greatest_wish(t, windows_done);
        unsigned owner = least_owner(t);
        u8 host;

        if (owner == 16 || w.cost < cost_of_guest(t, owner) + GAIN_LEAST)
            return;
        host = (u8)bt_home[owner];
        t->lend.lent[t->lend.n++] = (struct bt_lent){host, (u8)owner, w.guest, w.window};
        t->lend.home[owner] = -1;
        if (w.window)
            windows_done |= (u32)BIT(w.window - 1);
        else
            t->lend.home[w.guest] = (i8)host;
    }
}

bool bt_lend_plan(struct trans *t)
{
    if (!t->loops || t->e.full)
        return false;
    t->lend.xmm = t->xmm;
    t->lend.ymm = t->ymm;
    if (!t->x87)
        choose(t);
    return t->lend.n || t->lend.xmm;
}

bool bt_lend_nothing(struct trans *t)
{
    bool was = t->lend.n || t->lend.xmm;

    memset(&t->lend, 0, sizeof(t->lend));
    memcpy(t->lend.home, bt_home, sizeof(t->lend.home));
    return was;
}

void bt_lend_windows(struct trans *t)
{
    for (unsigned k = 0; k < t->lend.n; k++)
        if (t->lend.lent[k].window)
            t->windows[t->lend.lent[k].window - 1].reg = t->lend.lent[k].host;
}

/* ---- Its code ----------------------------------------------------------------------------------------------------------- */

/* State with unmasked exceptions is never loaded: then the head's own translation finds out what to do. */
static void load_vectors(struct trans *t)
{
    struct emitter *e = &t->e;
    u8 *over;

    if (!t->lend.xmm)
        return;
    emit_alu_mi(e, 1, 7, VCPU_AT(t.xmm_live), t->lend.ymm ? LIVE_YMM : 0);
    over = emit_jcc(e, t->lend.ymm ? 4 : 5, NULL);
    emit_rm(e, 4, 0x8b, H_CX, VCPU_AT(fpu.mxcsr));
    emit_xr(e, 4, 0xf7, 2, H_CX);
    emit_xr(e, 4, 0xf7, 0, H_CX);
    emit32(e, 0x1f80);
    emit_jcc(e, 5, t->bb->code);
    emit_call(e, t->lend.ymm ? t->bt->load_ymm : t->bt->load_xmm);
    emit_patch(over, e->p);
    t->xmm = true;
    t->ymm = t->lend.ymm;
}

static struct host_mem held_at(unsigned k)
{
    struct host_mem m = VCPU_AT(t.held);

    m.disp += 8 * (i32)k;
    return m;
}

void bt_lend_begin(struct trans *t)
{
    struct emitter *e = &t->e;

    load_vectors(t);
    if (!t->lend.n)
        return;
    for (unsigned k = 0; k < t->lend.n; k++)
        emit_rm(e, 8, 0x89, t->lend.lent[k].host, bt_slot(t->lend.lent[k].owner));
    t->home = t->lend.home;
    for (unsigned k = 0; k < t->lend.n; k++)
        if (!t->lend.lent[k].window)
            emit_rm(e, 8, 0x8b, t->lend.lent[k].host, bt_slot(t->lend.lent[k].guest));
    for (unsigned k = 0; k < t->n_windows; k++)
        if (t->windows[k].used && t->windows[k].stays)
            bt_window_hold(t, &t->windows[k]);
}

void bt_lend_end(struct trans *t)
{
    for (unsigned k = 0; k < t->lend.n; k++) {
        const struct bt_lent *x = &t->lend.lent[k];

        if (!x->window)
            emit_rm(&t->e, 8, 0x89, x->host, bt_slot(x->guest));
        emit_rm(&t->e, 8, 0x8b, x->host, bt_slot(x->owner));
    }
}

void bt_emit_slow(struct trans *t, u32 point)
{
    emit_mov_imm(&t->e, H_AX, point);
    emit_jmp(&t->e, t->slow ? t->slow : t->bt->slow);
}

void bt_lend_slow(struct trans *t)
{
    if (!t->lend.n)
        return;
    t->slow = t->e.p;
    for (unsigned k = 0; k < t->lend.n; k++)
        if (t->lend.lent[k].window)
            emit_rm(&t->e, 8, 0x89, t->lend.lent[k].host, held_at(k));
    bt_lend_end(t);
    emit_jmp(&t->e, t->bt->slow);
}

void bt_lend_resume(struct trans *t, unsigned first)
{
    struct bt *bt = t->bt;
    const u8 *taken = t->e.p;

    if (!t->lend.n)
        return;
    for (unsigned k = 0; k < t->lend.n; k++) {
        const struct bt_lent *x = &t->lend.lent[k];

        emit_rm(&t->e, 8, 0x8b, x->host, x->window ? held_at(k) : bt_slot(x->guest));
    }
    emit8(&t->e, 0xc3);
    for (unsigned i = first; i < bt->now.n_points; i++) {
        struct bt_point *pt = &bt->points[i];
        u32 *to = pt->stored ? &pt->stored : &pt->resume;
        u8 *at = t->e.p;

        if (!pt->stored && !pt->access)
            continue;
        emit_call(&t->e, taken);
        emit_jmp(&t->e, bt->write + *to);
        *to = (u32)(at - bt->write);
    }
}
