/* SPDX-License-Identifier: MIT */
/*
 * The vCPU's loop. Blocks run back to back until the budget does not cover the next one or somebody asks for
 * attention; then the vCPU stands at a boundary, at an exact position, and everything else happens there (cpu/events.c).
 *
 * An instruction that cannot go on escapes to here. Unwinding gives back what was charged for the rest of its block,
 * so the position is that of the instruction, which has had no effect. After a missing hold was acquired, or when an
 * instruction must be alone (it writes to traced memory, it owes accessed bits), it is run as a block of its own
 * (`single`), and the boundary behind it settles what was owed.
 */
#include "cpu/run.h"

#include <errno.h>
#include <stdlib.h>

#include "cpu/address.h"
#include "cpu/check.h"
#include "cpu/code_cache.h"
#include "cpu/debug.h"
#include "cpu/descriptor.h"
#include "cpu/events.h"
#include "cpu/exec.h"
#include "cpu/exec_int.h"
#include "src/base/check.h"
#include "trace/directory.h"
#include "trace/ipi_box.h"
#include "trace/lines.h"

/* ---- Positions and addresses ---------------------------------------------------------------------------------------- */

static u64 cut_to_code(const struct block *b, u64 rip)
{
    return (b->key & KEY_CODE) == CODE_64   ? rip
           : (b->key & KEY_CODE) == CODE_32 ? (u32)rip
                                            : (u16)rip;
}

u64 vcpu_insn_rip(const struct vcpu *v, const struct uop *u)
{
    return cut_to_code(v->blk, v->blk->rip + u->rip_off);
}

u64 vcpu_next_rip(const struct vcpu *v, const struct uop *u)
{
    return cut_to_code(v->blk, v->blk->rip + u->rip_off + u->ilen);
}

u64 vcpu_insn_position(const struct vcpu *v, const struct uop *u)
{
    return participant_icount(&v->p) - v->blk->n_insns + u->idx;
}

static u32 left(const struct vcpu *v)
{
    return atomic_load_explicit(&v->p.budget.left, memory_order_relaxed);
}

static void set_left(struct vcpu *v, u32 n)
{
    atomic_store_explicit(&v->p.budget.left, n, memory_order_relaxed);
}

u64 vcpu_rep_allowance(struct vcpu *v)
{
    if (atomic_load_explicit(&v->p.budget.stop, memory_order_relaxed))
        return 0;
    return left(v);
}

void vcpu_rep_done(struct vcpu *v, u64 k)
{
    set_left(v, left(v) - (u32)k);
}

void vcpu_pause(struct vcpu *v)
{
    /* A spinner gives way: look at requests and at the token queue now rather than at the end of the budget. */
    v->paused = true;
    if (v->p.dir && (sched_contended(&v->p.dir->sched) || v->env->turn))
        participant_kick(&v->p);
}

const _Atomic u32 *vcpu_pause_looks(const struct vcpu *v)
{
    return v->p.dir && !v->env->turn ? &v->p.dir->sched.waiting : NULL;
}

/* ---- Escapes -------------------------------------------------------------------------------------------------------- */

/* Back to before the instruction of v->cur. */
static void unwind(struct vcpu *v)
{
    if (!v->blk)
        return;
    v->rip = vcpu_insn_rip(v, v->cur);
    set_left(v, left(v) + v->blk->n_insns - v->cur->idx);
    v->blk = NULL;
}

void vcpu_mmu_escaped(void *owner, enum mmu_escape why)
{
    struct vcpu *v = owner;
    struct exception e = {.has_error = true};

    v->cur = v->mmu.where;
    switch (why) {
    case MMU_ESCAPE_MISS: mmu_peek_forget(&v->mmu); longjmp(v->escape, ESCAPE_MISS);
    case MMU_ESCAPE_CAREFUL: mmu_peek_forget(&v->mmu); longjmp(v->escape, ESCAPE_CAREFUL);
    case MMU_ESCAPE_ALIGN: vcpu_raise_err(v, VEC_AC, 0);
    case MMU_ESCAPE_NONCANONICAL:
        vcpu_raise_err(v, v->blk && v->cur && v->cur->ss ? VEC_SS : VEC_GP, 0);
    case MMU_ESCAPE_PF: break;
    }
    e.vector = VEC_PF;
    e.error = v->mmu.fault_error;
    e.cr2 = v->mmu.fault_gla;
    vcpu_raise_exc(v, &e);
}

_Noreturn void vcpu_raise_exc(struct vcpu *v, const struct exception *e)
{
    v->exc = *e;
    longjmp(v->escape, ESCAPE_EXCEPTION);
}

_Noreturn void vcpu_raise(struct vcpu *v, enum vector vec)
{
    vcpu_raise_exc(v, &(struct exception){.vector = (u8)vec});
}

_Noreturn void vcpu_raise_err(struct vcpu *v, enum vector vec, u32 error)
{
    vcpu_raise_exc(v, &(struct exception){.vector = (u8)vec, .has_error = true, .error = error});
}

/* ---- Executing ------------------------------------------------------------------------------------------------------ */

u32 vcpu_run_key(const struct vcpu *v)
{
    return v->key | (v->cpl == 3 ? v->mmu.align_check ? KEY_USER | KEY_AC : KEY_USER
                     : v->mmu.index == MMU_SUPER_AC ? KEY_AC
                                                    : 0);
}

/* A block that ends in something other than a direct branch may have changed the mode, CS or the interrupt flag. True: the
 * vCPU must look up. */
bool vcpu_must_look(struct vcpu *v)
{
    if (v->seg[SEG_CS].base != v->code_base || v->seg[SEG_CS].limit != v->code_limit) {
        v->code_base = v->seg[SEG_CS].base;
        v->code_limit = v->seg[SEG_CS].limit;
        mmu_forget_code(&v->mmu);
    }
    return v->shadow || v->activity != CPU_RUNNING || (v->intr_waits && (v->rflags & FL_IF)) ||
           (v->nmi_pending && !v->nmi_blocked) || v->pending_db || v->fault_pending ||
           (v->key & KEY_STEP) || v->init_pending;
}

/* Is the boundary reached? Nothing is fetched beyond it: what is due there comes first. */
bool vcpu_is_due(const struct vcpu *v)
{
    return atomic_load_explicit(&v->p.budget.word, memory_order_relaxed) <= 0;
}

bool vcpu_charge(struct vcpu *v, const struct block *b)
{
    i64 word = atomic_load_explicit(&v->p.budget.word, memory_order_relaxed);

    if (unlikely(word < b->n_insns))
        return false;
    set_left(v, (u32)word - b->n_insns);
    return true;
}

void vcpu_refund(struct vcpu *v, i32 n)
{
    set_left(v, left(v) + (u32)n);
}

void vcpu_stop_blocks(struct vcpu *v, const struct block *b, bool first)
{
    if (first)
        mmu_fetch_abandon(&v->mmu);
    v->need_single = first || left(v) < b->n_insns;
}

/* Blocks back to back until the budget ends or somebody wants attention. */
static void run_blocks(struct vcpu *v)
{
    bool first = false;
    struct block *b = code_cache_find(v, vcpu_run_key(v), &first);

    while (!first) {
        if (unlikely(!vcpu_charge(v, b)))
            break;
        v->blk = b;
        b->u[0].fn(v, b->u);
        v->blk = NULL;
        if ((v->taken >= 2 && vcpu_must_look(v)) || vcpu_is_due(v))
            return;
        b = code_cache_find(v, vcpu_run_key(v), &first);
    }
    vcpu_stop_blocks(v, b, first);
}

/* One instruction, alone. */
static void run_one(struct vcpu *v)
{
    struct block *b;
    bool first = false, stepped = v->key & KEY_STEP;

    mmu_fetch_abandon(&v->mmu);
    if (stepped && debug_begin_insn(v))
        longjmp(v->escape, ESCAPE_EXCEPTION);
    check_begin(v);
    v->mmu.careful = v->careful =
        !v->check || v->single; /* while checking, the first attempt is like one in a block */
    b = code_cache_find(v, vcpu_run_key(v) | KEY_STEP, &first);
    set_left(v, left(v) - 1);
    v->blk = b;
    v->shadow = v->shadow_ss = false;
    b->u[0].fn(v, b->u);
    v->blk = NULL;
    check_done(v);
    v->mmu.careful = v->careful = false;
    mmu_fetch_commit(&v->mmu);
    lines_release(&v->p, true);
    if (stepped)
        debug_end_insn(v, b->rip, cut_to_code(b, b->rip + b->len));
    vcpu_must_look(v);
}

/* The fault in v->exc, or a miss during its delivery. Returns what hold is to be waited for, if any. */
static enum escape deliver_fault(struct vcpu *v)
{
    enum escape why = setjmp(v->escape);

    if (why != ESCAPE_NONE) {
        mmu_check_again(&v->mmu);
        lines_release(&v->p, false);
        return why;
    }
    v->mmu.careful = true;
    deliver_exception(v, &v->exc);
    v->mmu.careful = false;
    mmu_fetch_commit(&v->mmu);
    lines_release(&v->p, true);
    vcpu_count_delivery(v);
    return ESCAPE_NONE;
}

/* An instruction that asserted FERR# was given up. That counts like a delivery, for the interrupt it causes comes to a position
 * behind it. */
static void freeze(struct vcpu *v, bool shadow, bool shadow_ss)
{
    v->shadow = shadow;
    v->shadow_ss = shadow_ss;
    v->single = false;
    mmu_fetch_abandon(&v->mmu);
    lines_release(&v->p, true);
    vcpu_count_delivery(v);
}

static void run_engine(struct vcpu *v)
{
    v->t.run(v);
    vcpu_settle_shadow(v);
}

/* From the present boundary until the vCPU must look up. */
static enum escape execute_blocks(struct vcpu *v)
{
    const bool shadow = v->shadow, shadow_ss = v->shadow_ss;
    bool held;
    u64 pending_db = v->pending_db;
    enum escape why = setjmp(v->escape);

    if (why == ESCAPE_NONE) {
        if (v->single || v->shadow || (v->key & KEY_STEP) || v->env->step)
            run_one(v);
        else if (v->t.run)
            run_engine(v);
        else
            run_blocks(v);
        v->single = false;
        return ESCAPE_NONE;
    }
    v->mmu.careful = v->careful = false;
    unwind(v);
    held = shadow || participant_icount(&v->p) == v->sti_at;
    if (v->mmu.watch_data)
        v->pending_db = pending_db; /* a breakpoint that was hit by what did not happen */
    if (why == ESCAPE_FROZEN) {
        freeze(v, held, shadow_ss);
        return ESCAPE_NONE;
    }
    check_escaped(v, why);
    if (v->p.n_lines)
        v->p.position = participant_icount(&v->p);
    if (why != ESCAPE_EXCEPTION)
        lines_release(&v->p, false);
    if (why == ESCAPE_EXCEPTION) {
        why = deliver_fault(v);
        if (why == ESCAPE_NONE) {
            v->single = false;
            v->shadow = v->shadow_ss = false;
            return why;
        }
    }
    /* Given up: as if it had not begun. */
    v->shadow = held;
    v->shadow_ss = shadow_ss;
    v->mmu.careful = false;
    mmu_fetch_abandon(&v->mmu);
    return why;
}

static enum escape execute(struct vcpu *v)
{
    enum escape why;

    code_cache_begin(v);
    why = execute_blocks(v);
    code_cache_end(v);
    return why;
}

void vcpu_run(struct vcpu *v)
{
    while (vcpu_boundary(v)) {
        switch (execute(v)) {
        case ESCAPE_NONE:
            if (v->need_single) {
                v->need_single = false;
                v->single =
                    left(v) != 0 && !atomic_load_explicit(&v->p.budget.stop, memory_order_relaxed);
            }
            break;
        case ESCAPE_MISS:
            v->p.position = participant_icount(&v->p);
            hold_acquire(&v->p);
            v->single = true;
            break;
        default: v->single = true; break;
        }
    }
    vcpu_leave(v);
}
