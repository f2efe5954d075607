/* SPDX-License-Identifier: MIT */
/*
 * Delivery of exceptions, interrupts and NMIs through the IVT (real mode) or the IDT (everything else).
 *
 * One attempt is enter_event(): it reads, checks and probes everything, then commits; it may escape before. deliver() runs it under
 * vcpu_try(): a fault in the attempt replaces the event, or makes a double fault of both, or shuts down after that;
 * a missing hold gives the whole delivery up, with nothing changed, and it is started over by the caller. CR2 and DR6
 * change only when a delivery has succeeded. INT n, INT3, INTO and INT1 are instructions: their handlers call
 * deliver_software(), and a fault in it is the instruction's own.
 *
 * DEVIATION: RF in the pushed image of an interrupt that came between two iterations of a REP instruction is what
 * RF was, as on AMD; the manual of Intel says 1.
 * Intel SDM vol. 3 §6.8 to §6.14, table 6-5 (double faults), §17.3.1.1 (RF), §20.1.4, §20.3; AMD APM vol. 2 ch. 8.
 */
#include "cpu/deliver.h"

#include "cpu/escape.h"
#include "cpu/exec.h"
#include "cpu/gate.h"
#include "cpu/task.h"

struct event {
    u8 vector;
    bool software; /* the gate's DPL is checked */
    bool has_error;
    u32 ext; /* EXT bit of error codes */
    u32 error;
    u64 rip; /* pushed, as are the flags */
    u32 flags;
};

/* What goes into effect once nothing can fail any more. */
struct entry {
    struct frame f;
    struct segment_plan cs, ss;
    bool new_ss;
    u8 cpl;
    u64 rip;
    u32 clear; /* flags to clear */
};

static void commit_entry(struct vcpu *v, const struct entry *n)
{
    bool from_v86 = vcpu_is_v86(v);

    frame_commit(v, &n->f);
    segment_commit(v, SEG_CS, &n->cs);
    if (n->new_ss)
        segment_commit(v, SEG_SS, &n->ss);
    v->seg[SEG_CS].sel = (v->seg[SEG_CS].sel & ~3u) | n->cpl;
    v->r[R_SP] = frame_sp(&n->f, n->new_ss ? n->f.sp : v->r[R_SP]);
    v->rip = n->rip;
    v->cpl = n->cpl;
    v->rflags &= ~n->clear;
    if (from_v86) {
        segment_set_null(&v->seg[SEG_ES], 0);
        segment_set_null(&v->seg[SEG_DS], 0);
        segment_set_null(&v->seg[SEG_FS], 0);
        segment_set_null(&v->seg[SEG_GS], 0);
    }
}

static void enter_real(struct vcpu *v, const struct event *ev)
{
    struct frame f;
    u32 vec;

    if (ev->vector * 4u + 3 > v->idt.limit)
        vcpu_raise_err(v, VEC_GP, 0);
    vec = mmu_sys_read(&v->mmu, (u32)(v->idt.base + ev->vector * 4u), 4, v->cur);
    frame_begin(v, &f, 0);
    frame_push(v, &f, ev->flags, 2);
    frame_push(v, &f, v->seg[SEG_CS].sel, 2);
    frame_push(v, &f, ev->rip, 2);
    frame_commit(v, &f);
    v->r[R_SP] = frame_sp(&f, v->r[R_SP]);
    segment_set_real(&v->seg[SEG_CS], vec >> 16, false);
    v->rip = vec & 0xffff;
    v->rflags &= ~(u32)(FL_IF | FL_TF | FL_AC | FL_RF);
}

static void enter_task(struct vcpu *v, const struct event *ev, const struct descriptor *gate)
{
    struct descriptor tss;
    struct task_request t = {
        .cause = TASK_GATE,
        .sel = gate->sel,
        .rip = ev->rip,
        .flags = ev->flags,
        .ext = ev->ext,
        .has_error = ev->has_error,
        .error = ev->error,
    };

    task_find(v, gate->sel, false, ev->ext, &tss);
    task_switch(v, &t, &tss);
}

static bool gate_type_ok(const struct vcpu *v, unsigned type)
{
    if (type == DT_INT32 || type == DT_TRAP32)
        return true;
    return !vcpu_is_lma(v) && (type == DT_TASK || type == DT_INT16 || type == DT_TRAP16);
}

/* Checks in the order of the manual's pseudocode of INT n. */
static void find_gate(struct vcpu *v, const struct event *ev, struct descriptor *gate)
{
    u32 error = ev->vector * 8u + 2 + ev->ext;

    if (!descriptor_fetch_gate(v, ev->vector, gate) || !gate_type_ok(v, gate->type))
        vcpu_raise_err(v, VEC_GP, error);
    if (ev->software && gate->dpl < v->cpl)
        vcpu_raise_err(v, VEC_GP, error);
    if (!gate->p)
        vcpu_raise_err(v, VEC_NP, error);
}

static void plan_stack(struct vcpu *v, const struct event *ev, const struct descriptor *gate,
                       struct entry *n)
{
    bool wide = vcpu_is_lma(v);
    unsigned ist = wide ? gate->ist : 0;

    n->new_ss = n->cpl != v->cpl;
    if (n->new_ss || ist) {
        gate_inner_stack(v, n->cpl, ist, ev->ext, &n->f, &n->ss);
    } else {
        frame_begin(v, &n->f, ev->ext);
        n->f.wide = wide;
    }
    if (wide)
        n->f.sp &= ~15ull;
}

static void plan_pushes(struct vcpu *v, const struct event *ev, struct entry *n, unsigned size)
{
    if (vcpu_is_v86(v)) {
        static const u8 data[] = {SEG_GS, SEG_FS, SEG_DS, SEG_ES};
        for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
            frame_push(v, &n->f, v->seg[data[i]].sel, size);
    }
    if (n->new_ss || size == 8) {
        frame_push(v, &n->f, v->seg[SEG_SS].sel, size);
        frame_push(v, &n->f, v->r[R_SP], size);
    }
    frame_push(v, &n->f, ev->flags, size);
    frame_push(v, &n->f, v->seg[SEG_CS].sel, size);
    frame_push(v, &n->f, ev->rip, size);
    if (ev->has_error)
        frame_push(v, &n->f, ev->error, size);
}

static void enter_gate(struct vcpu *v, const struct event *ev)
{
    struct descriptor gate, cs;
    struct entry n;

    find_gate(v, ev, &gate);
    if (gate.type == DT_TASK) {
        enter_task(v, ev, &gate);
        return;
    }
    gate_target(v, gate.sel, ev->ext, false, &cs);
    n.cpl = descriptor_is_conforming(&cs) ? v->cpl : cs.dpl;
    if (vcpu_is_v86(v) && n.cpl != 0)
        vcpu_raise_err(v, VEC_GP, selector_error(gate.sel) | ev->ext);
    plan_stack(v, ev, &gate, &n);
    plan_pushes(v, ev, &n, vcpu_is_lma(v) ? 8 : gate.type < 8 ? 2 : 4);
    if (vcpu_is_lma(v) ? !vcpu_is_canonical(v, gate.base) : gate.base > cs.limit)
        vcpu_raise_err(v, VEC_GP, ev->ext);
    segment_plan_descriptor(v, gate.sel, &cs, &n.cs);
    n.rip = gate.base;
    n.clear = FL_TF | FL_NT | FL_RF | FL_VM;
    if (!(gate.type & 1)) /* interrupt gate */
        n.clear |= FL_IF;
    commit_entry(v, &n);
}

static void enter_event(struct vcpu *v, void *arg)
{
    const struct event *ev = arg;

    mmu_peek_begin(&v->mmu);
    if (vcpu_is_pe(v))
        enter_gate(v, ev);
    else
        enter_real(v, ev);
    v->shadow = v->shadow_ss = false;
    v->step_tf = false; /* entering a handler clears TF: no trap after INT n */
    v->activity = CPU_RUNNING;
    mmu_peek_end(&v->mmu);
    vcpu_update_mode(v);
}

void deliver_software(struct vcpu *v, u8 vector, u64 next_rip, bool icebp)
{
    struct event ev = {
        .vector = vector,
        .software = !icebp,
        .ext = icebp,
        .rip = next_rip,
        .flags = vcpu_flags(v) & ~(u32)FL_RF,
    };

    enter_event(v, &ev);
    if (icebp)
        v->dr7 &= ~(u64)DR7_GD;
}

enum class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE };

static enum class class_of(unsigned vector) {
    switch (vector){
        case VEC_DE : case VEC_TS : case VEC_NP : case VEC_SS : case VEC_GP : return CONTRIBUTORY;
        case VEC_PF : return PAGE_FAULT;
        case VEC_DF : return DOUBLE;
        default : return BENIGN;
    }
}

/* Faults push RF = 1, so that an instruction breakpoint does not hit again, and so does the #DF they lead to; traps and
 * #DB (but general detect) do not. */
static u32 flags_image(const struct vcpu *v, const struct exception *e)
{
    u32 flags = vcpu_flags(v);

    switch (e->vector) {
    case VEC_DB: return e->dr6 & DR6_BD ? flags | FL_RF : flags;
    case VEC_NMI:
    case VEC_BP:
    case VEC_OF:
    case VEC_MC: return flags;
    default: return flags | FL_RF;
    }
}

static void event_of(const struct vcpu *v, const struct exception *e, struct event *ev)
{
    memset(ev, 0, sizeof(*ev));
    ev->vector = e->vector;
    ev->software = e->software;
    ev->ext = !e->software;
    ev->has_error = e->has_error && vcpu_is_pe(v);
    ev->error = e->error;
    ev->rip = v->rip;
    ev->flags = e->software ? vcpu_flags(v) & ~(u32)FL_RF : flags_image(v, e);
}

/* CR2 and DR6 as the delivered exception wants them. Only the breakpoint bits of DR6 are set and cleared; BD, BS and BT are the
 * program's to clear (AMD APM vol. 2 §13.1.1.3). */
static void commit_status(struct vcpu *v, const struct exception *e, const u64 *cr2)
{
    if (cr2)
        v->cr2 = *cr2;
    if (e && e->vector == VEC_DB) {
        v->dr6 = (v->dr6 & ~(u64)DR6_BREAKPOINTS) | e->dr6;
        v->dr7 &= ~(u64)DR7_GD;
    }
}

/* Deliver ev (which stands for exception `e`, if it is one), and what comes of it. */
static void deliver(struct vcpu *v, struct event *ev, const struct exception *e)
{
    struct exception saved = v->exc, now;
    enum class first = e ? class_of(e->vector) : BENIGN;
    u64 cr2 = e ? e->cr2 : 0;
    bool set_cr2 = first == PAGE_FAULT;

    if (e)
        now = *e;
    v->cur = NULL;
    for (;;) {
        enum escape why = vcpu_try(v, enter_event, ev);
        enum class second;

        if (why == ESCAPE_NONE)
            break;
        if (why != ESCAPE_EXCEPTION) {
            v->exc = saved;
            vcpu_rethrow(v, why);
        }
        now = v->exc;
        e = &now;
        second = class_of(now.vector);
        if (second == PAGE_FAULT) {
            cr2 = now.cr2;
            set_cr2 = true;
        }
        if (first == DOUBLE && second != BENIGN) {
            v->exc = saved;
            mmu_peek_forget(&v->mmu);
            vcpu_triple_fault(v);
            return;
        }
        if ((first == CONTRIBUTORY && second == CONTRIBUTORY) ||
            (first == PAGE_FAULT && (second == CONTRIBUTORY || second == PAGE_FAULT))) {
            now = (struct exception){.vector = VEC_DF, .has_error = true};
            second = DOUBLE;
        }
        first = second;
        event_of(v, &now, ev);
    }
    commit_status(v, e, set_cr2 ? &cr2 : NULL);
}

void deliver_exception(struct vcpu *v, const struct exception *e)
{
    struct exception copy = *e;
    struct event ev;

    event_of(v, &copy, &ev);
    deliver(v, &ev, &copy);
}

void deliver_interrupt(struct vcpu *v, u8 vector)
{
    struct event ev = {.vector = vector, .ext = 1, .rip = v->rip, .flags = vcpu_flags(v)};

    deliver(v, &ev, NULL);
}

void deliver_nmi(struct vcpu *v)
{
    struct event ev = {.vector = VEC_NMI, .ext = 1, .rip = v->rip, .flags = vcpu_flags(v)};

    deliver(v, &ev, NULL);
    v->nmi_pending = false;
    v->nmi_blocked = true;
}
