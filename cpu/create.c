/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's lifetime and its connections: what is dropped when a hold is lost, how its APIC page, ports, clock and
 * entropy are reached.
 */
#include <errno.h>
#include <stdlib.h>

#include "cpu/check.h"
#include "cpu/code_cache.h"
#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/descriptor.h"
#include "cpu/exec.h"
#include "cpu/lapic.h"
#include "cpu/monitor.h"
#include "cpu/run.h"
#include "mmu/physmem.h"
#include "trace/directory.h"
#include "trace/ipi_box.h"

/* ---- Derived structures ------------------------------------------------------------------------------------------- */

static void drop(struct participant *p, u64 gfn, unsigned what)
{
    struct vcpu *v = p->owner;

    mmu_drop(&v->mmu, gfn, what);
    if (what & DROP_MONITOR)
        monitor_drop(v, gfn);
    if (what & DROP_CODE)
        code_cache_drop(v, gfn);
    if (what & DROP_DESC) {
        if (gfn == ~(u64)0)
            desc_cache_drop_all(v);
        else
            desc_cache_drop_page(v, gfn);
    }
}

/* v moves the A20 gate in the instruction that it executes: nobody else shall believe in the old one. False: that has to be
 * waited for. */
static bool may_move_a20(struct vcpu *v)
{
    u64 object;

    if (!v->p.dir)
        return true;
    object = directory_a20_object(v->p.dir);
    v->mmu.where = v->cur;
    return !setting_change(&v->p, object) && !mmu_check_fails(&v->mmu, object, RIGHT_WRITE);
}

static void wrote(struct participant *p, u64 gpa, unsigned size, unsigned kinds)
{
    struct vcpu *v = p->owner;

    if (kinds & 1u << TRACE_MMU)
        mmu_wrote(&v->mmu, gpa, size);
    if (kinds & 1u << TRACE_CODE)
        code_cache_wrote(v, gpa, size);
    if (!(kinds & 1u << TRACE_DESC))
        return;
    desc_cache_drop_range(v, gpa, size);
    if (!desc_cache_has_page(v, gpa >> 12))
        directory_underive(p, TRACE_DESC, gpa >> 12);
}

/* ---- Shared objects ------------------------------------------------------------------------------------------------- */

static void need(struct vcpu *v, u64 object, unsigned right)
{
    if (directory_has(&v->p, object, right)) {
        v->mmu.where = v->cur;
        if (!mmu_check_fails(&v->mmu, object, right))
            return;
    } else {
        directory_want(&v->p, object, right, 0, 0);
    }
    mmu_peek_forget(&v->mmu);
    longjmp(v->escape, ESCAPE_MISS);
}

void vcpu_need_io_hold(struct vcpu *v)
{
    if (v->p.dir)
        need(v, directory_io_object(v->p.dir), RIGHT_WRITE);
}

void vcpu_need_apic_map(struct vcpu *v)
{
    if (!v->p.dir)
        return;
    need(v, directory_io_object(v->p.dir), RIGHT_WRITE);
    need(v, directory_apic_object(v->p.dir), RIGHT_WRITE);
}

static void locate(void *owner, const void *where)
{
    struct vcpu *v = owner;

    v->p.position = v->blk ? vcpu_insn_position(v, where) : participant_icount(&v->p);
}

/* Registers of the APIC by number (offset / 16). */
enum {
    APIC_ID = 2,
    APIC_EOI = 0xb,
    APIC_LDR = 0xd,
    APIC_DFR = 0xe,
    APIC_SVR = 0xf,
    APIC_ICR = 0x30
};

/* Before an access to APIC register `reg` that writes: takes the holds it needs, or escapes. */
static void lapic_hold(struct vcpu *v, unsigned reg)
{
    struct directory *d = v->p.dir;

    if (!d)
        return;
    locate(v, v->cur);
    switch (reg) {
    case APIC_EOI:
        if (lapic_eoi_is_level(v))
            need(v, directory_io_object(d), RIGHT_WRITE);
        break;
    case APIC_ICR: need(v, directory_apic_object(d), RIGHT_READ); break;
    case APIC_ID:
    case APIC_LDR:
    case APIC_DFR:
    case APIC_SVR:
        /* The map of destinations changes: read by senders under the I/O hold (I/O APIC) or its own (ICR). */
        vcpu_need_apic_map(v);
        break;
    default: break;
    }
    participant_kick(&v->p); /* the timer or an interrupt may have become due */
}

static u64 local_read(void *owner, u32 offset, unsigned size)
{
    return lapic_mmio_read(owner, offset, size);
}

static void local_write(void *owner, u32 offset, unsigned size, u64 value)
{
    struct vcpu *v = owner;
    bool broadcast = offset >> 4 == APIC_EOI && lapic_eoi_is_level(v);

    v->cur = v->mmu.where;
    lapic_hold(v, offset >> 4);
    if (broadcast)
        v->env->io->begin(v->env->io->ctx, &v->p);
    lapic_mmio_write(v, offset, size, value);
    if (broadcast)
        v->env->io->end(v->env->io->ctx, &v->p);
}

u64 vcpu_lapic_msr_read(struct vcpu *v, u32 index)
{
    locate(v, v->cur); /* the timer's registers ask for the time */
    check_consumed(v);
    return lapic_msr_read(v, index);
}

void vcpu_lapic_msr_write(struct vcpu *v, u32 index, u64 value)
{
    bool broadcast = index == 0x80b && lapic_eoi_is_level(v);

    lapic_hold(v, index == 0x1b                              ? APIC_ID
                  : index >> 4 == 0x80 || index >> 4 == 0x83 ? index & 0x3f
                                                             : 0);
    if (broadcast)
        v->env->io->begin(v->env->io->ctx, &v->p);
    lapic_msr_write(v, index, value);
    if (broadcast)
        v->env->io->end(v->env->io->ctx, &v->p);
}

u64 vcpu_port_read(struct vcpu *v, u16 port, unsigned size)
{
    struct io_space *io = v->env->io;
    u64 value;

    locate(v, v->cur);
    if (v->p.dir && !io_port_no_hold(io, port))
        need(v, directory_io_object(v->p.dir), RIGHT_WRITE);
    io->begin(io->ctx, &v->p);
    check_consumed(v);
    value = io_port_read(io, &v->p, port, size);
    io->end(io->ctx, &v->p);
    return value;
}

void vcpu_port_write(struct vcpu *v, u16 port, unsigned size, u64 value)
{
    struct io_space *io = v->env->io;
    bool moves;

    locate(v, v->cur);
    vcpu_need_io_hold(v);
    io->begin(io->ctx, &v->p);
    moves = io_port_moves_a20(io, port, value);
    if (moves && !may_move_a20(v)) {
        io->end(io->ctx, &v->p);
        mmu_peek_forget(&v->mmu);
        longjmp(v->escape, ESCAPE_MISS);
    }
    check_consumed(v);
    io_port_write(io, &v->p, port, size, value);
    io->end(io->ctx, &v->p);
    if (moves)
        mmu_drop(&v->mmu, ~(u64)0, DROP_A20);
}

u64 vcpu_rdtsc(struct vcpu *v)
{
    locate(v, v->cur);
    check_consumed(v);
    return journal_clock(v->p.stream, v->p.position) + v->tsc_offset;
}

u64 vcpu_entropy(struct vcpu *v)
{
    locate(v, v->cur);
    check_consumed(v);
    return journal_entropy(v->p.stream, v->p.position);
}

/* The interrupt that FERR# raises is taken right behind the instruction, so that has to run alone. */
static void raise_ferr(struct vcpu *v)
{
    struct io_space *io = v->env->io;

    v->mmu.where = v->cur;
    if (!v->careful)
        v->mmu.escape(v, MMU_ESCAPE_CAREFUL);
    locate(v, v->cur);
    vcpu_need_io_hold(v);
    io->begin(io->ctx, &v->p);
    v->env->ferr(v->env->machine);
    io->end(io->ctx, &v->p);
    participant_kick(&v->p);
}

/* ---- Lifetime ------------------------------------------------------------------------------------------------------- */

int vcpu_create(struct vcpu *v, unsigned id, struct directory *dir, struct journal_stream *stream,
                struct physmem *mem, const struct cpu_model *model, struct vcpu_env *env)
{
    int err;

    participant_create(&v->p, id, dir, stream);
    v->p.owner = v;
    v->p.drop = drop;
    v->p.wrote = wrote;
    ipi_box_create(&v->p);
    v->id = id;
    v->model = model;
    v->env = env;
    v->ferr = env->ferr ? raise_ferr : NULL;
    v->monitor_gpa = ~(u64)0;
    v->known_deadline = ~(u64)0;
    v->sti_at = ~(u64)0;
    err = mmu_create(&v->mmu, &v->p, mem, env->io);
    if (err)
        return err;
    v->mmu.owner = v;
    v->mmu.huge = cpu_has(model, FEAT_PDPE1GB);
    v->mmu.escape = vcpu_mmu_escaped;
    v->mmu.locate = locate;
    v->mmu.local_read = local_read;
    v->mmu.local_write = local_write;
    err = code_cache_join(v);
    return err ? err : desc_cache_create(v);
}

void vcpu_destroy(struct vcpu *v)
{
    check_destroy(v);
    desc_cache_destroy(v);
    code_cache_leave(v);
    mmu_destroy(&v->mmu);
    ipi_box_destroy(&v->p);
    participant_destroy(&v->p);
}
