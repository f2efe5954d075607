/* SPDX-License-Identifier: MIT */
/*
 * String instructions, single and repeated.
 *
 * One iteration is atomic: it probes its operands, accesses them, then moves the index registers. A
 * REP instruction does runs of iterations. A run lies within one page of each operand, goes upwards
 * and is probed as a whole, so nothing in it can escape; before the next run the finished
 * iterations are accounted for (vcpu_rep_done), so whatever escapes later finds count, indexes and
 * position exact. If the budget ends first, rip stays on the instruction. Runs in plain RAM use
 * host pointers; single iterations are for everything else: device memory, page-crossing elements,
 * segments whose limit is near, DF = 1, ports.
 *
 * Micro-op: aux operation, aux2 0 none / 1 REP(E) / 2 REPNE, osize element, asize index width, seg
 * source segment, src destination segment (both reduced), imm2 next rip. Intel SDM vol. 1 §7.3.9,
 * vol. 2 REP.
 */
#include "cpu/block.h"
#include "cpu/debug.h"
#include "cpu/exec_int.h"
#include "cpu/lift_int.h"
#include "cpu/operand.h"
#include "cpu/uops.h"

/* The linear address of an element at index register `reg`. */
static gla_t element(struct vcpu *v, const struct uop *u, unsigned seg, unsigned reg,
                     enum mmu_access access)
{
    u64 offset = vcpu_cut(v->r[reg], u->asize);

    if (seg == SEG_NONE || seg == SEG_FLAT32)
        return offset;
    return vcpu_linear(v, seg, offset, u->osize, access);
}

/* An index or count register gets a new value, cut to the address size. */
static void set_index(struct vcpu *v, const struct uop *u, unsigned reg, u64 value)
{
    if (u->asize == 2)
        reg_set(v, reg, 2, value);
    else
        v->r[reg] = vcpu_cut(value, u->asize);
}

/* Move an index register over n elements. */
static void advance(struct vcpu *v, const struct uop *u, unsigned reg, u64 n)
{
    u64 bytes = n * u->osize;

    set_index(v, u, reg, v->rflags & FL_DF ? v->r[reg] - bytes : v->r[reg] + bytes);
}

/* --- One iteration --------------------------------------------------------------------------- */

static u32 compare(u64 a, u64 b, unsigned size)
{
    switch (size) {
    case 1: return host_sub(&a, b, 0, 1);
    case 2: return host_sub(&a, b, 0, 2);
    case 4: return host_sub(&a, b, 0, 4);
    default: return host_sub(&a, b, 0, 8);
    }
}

static void set_accumulator(struct vcpu *v, unsigned size, u64 value)
{
    switch (size) {
    case 1: reg_set(v, R_AX, 1, value); break;
    case 2: reg_set(v, R_AX, 2, value); break;
    case 4: reg_set(v, R_AX, 4, value); break;
    default: reg_set(v, R_AX, 8, value); break;
    }
}

static void step_movs(struct vcpu *v, const struct uop *u)
{
    gla_t from = element(v, u, u->seg, R_SI, MMU_READ), to;

    mmu_probe(&v->mmu, from, u->osize, MMU_READ, u);
    to = element(v, u, u->src, R_DI, MMU_WRITE);
    mmu_probe(&v->mmu, to, u->osize, MMU_WRITE, u);
    mmu_write(&v->mmu, to, u->osize, mmu_read(&v->mmu, from, u->osize, u), u);
    advance(v, u, R_SI, 1);
    advance(v, u, R_DI, 1);
}

static void step_cmps(struct vcpu *v, const struct uop *u)
{
    gla_t at = element(v, u, u->seg, R_SI, MMU_READ), other;
    u64 a;

    mmu_probe(&v->mmu, at, u->osize, MMU_READ, u);
    other = element(v, u, u->src, R_DI, MMU_READ);
    mmu_probe(&v->mmu, other, u->osize, MMU_READ, u);
    a = mmu_read(&v->mmu, at, u->osize, u);
    v->cc = compare(a, mmu_read(&v->mmu, other, u->osize, u), u->osize);
    advance(v, u, R_SI, 1);
    advance(v, u, R_DI, 1);
}

static void step_ins(struct vcpu *v, const struct uop *u)
{
    gla_t to;
    u16 port = (u16)v->r[R_DX];

    ioport_check(v, port, u->osize);
    to = element(v, u, u->src, R_DI, MMU_WRITE);
    mmu_probe(&v->mmu, to, u->osize, MMU_WRITE, u);
    mmu_write(&v->mmu, to, u->osize, vcpu_port_read(v, port, u->osize), u);
    debug_check_port(v, port, u->osize);
    advance(v, u, R_DI, 1);
}

static void step_outs(struct vcpu *v, const struct uop *u)
{
    gla_t from;
    u16 port = (u16)v->r[R_DX];

    ioport_check(v, port, u->osize);
    from = element(v, u, u->seg, R_SI, MMU_READ);
    mmu_probe(&v->mmu, from, u->osize, MMU_READ, u);
    vcpu_port_write(v, port, u->osize, mmu_read(&v->mmu, from, u->osize, u));
    debug_check_port(v, port, u->osize);
    advance(v, u, R_SI, 1);
}

static void step(struct vcpu *v, const struct uop *u)
{
    u64 value;

    switch (u->aux) {
    case STR_MOVS: step_movs(v, u); break;
    case STR_CMPS: step_cmps(v, u); break;
    case STR_STOS:
        mmu_write(&v->mmu, element(v, u, u->src, R_DI, MMU_WRITE), u->osize, v->r[R_AX], u);
        advance(v, u, R_DI, 1);
        break;
    case STR_LODS:
        value = mmu_read(&v->mmu, element(v, u, u->seg, R_SI, MMU_READ), u->osize, u);
        set_accumulator(v, u->osize, value);
        advance(v, u, R_SI, 1);
        break;
    case STR_SCAS:
        value = mmu_read(&v->mmu, element(v, u, u->src, R_DI, MMU_READ), u->osize, u);
        v->cc = compare(v->r[R_AX], value, u->osize);
        advance(v, u, R_DI, 1);
        break;
    case STR_INS: step_ins(v, u); break;
    default: step_outs(v, u); break;
    }
}

void uop_string(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    step(v, u);
    uop_next(v, u);
}

/* --- Runs ------------------------------------------------------------------------------------ */

/* How many of n elements at an index register can be one run: within the page, the index width and
 * the segment's limit. 0: none for sure. *at is the linear address of the first. */
static u64 run_length(struct vcpu *v, const struct uop *u, unsigned seg, unsigned reg, bool write,
                      u64 n, gla_t *at)
{
    u64 offset = vcpu_cut(v->r[reg], u->asize), room;
    const struct segreg *s = seg < SEG_COUNT ? &v->seg[seg] : NULL;

    *at = offset;
    if (s && u->asize == 8) {
        *at += s->base;
    } else if (s) {
        if (!s->usable || (s->type & 8) || (s->type & 4) || (write && !(s->type & 2)) ||
            offset > s->limit)
            return 0;
        n = MIN(n, (s->limit - offset + 1) / u->osize);
        *at = (u32)(offset + s->base);
    }
    if (u->asize == 2)
        n = MIN(n, (0x10000 - offset) / u->osize);
    if (v->mmu.align_check && (*at & (u->osize - 1)))
        return 0;
    room = (0x1000 - (*at & 0xfff)) / u->osize;
    return MIN(n, room);
}

/* The host address of the probed run at `a`, or null if it is not plain RAM that may be accessed
 * directly. */
static void *run_host(struct vcpu *v, gla_t a, bool write)
{
    const struct tlb_entry *e = &v->mmu.tlb[(a >> 12) & (MMU_TLB_SIZE - 1)];

    return (write ? e->wtag : e->rtag) == (a & MMU_PAGE_MASK) ? (void *)(a + e->addend) : NULL;
}

/* Copy upwards, element by element in effect: a destination just above the source repeats a
 * pattern. */
static void copy_up(u8 *to, const u8 *from, u64 n, unsigned size)
{
    u64 bytes = n * size, i = 0;
    bool wide = (u64)to - (u64)from >= 8;

    if (wide) {
        for (; i + 8 <= bytes; i += 8)
            ram_store(to + i, 8, ram_load(from + i, 8));
        if (size == 1) {
            for (; i < bytes; i++)
                ram_store(to + i, 1, ram_load(from + i, 1));
            return;
        }
    }
    for (; i < bytes; i += size)
        ram_store(to + i, size, ram_load(from + i, size));
}

static void fill(u8 *to, u64 value, u64 n, unsigned size)
{
    u64 bytes = n * size, i = 0;
    static const u64 spread[9] = {
        [1] = 0x0101010101010101, [2] = 0x0001000100010001, [4] = 0x0000000100000001, [8] = 1};

    value = (value & mask64(size * 8)) * spread[size];
    for (; i < bytes && ((u64)(to + i) & 7) && !((u64)to & (size - 1)); i += size)
        ram_store(to + i, size, value);
    if (!((u64)(to + i) & 7)) {
        for (; i + 8 <= bytes; i += 8)
            ram_store(to + i, 8, value);
    }
    for (; i < bytes; i += size)
        ram_store(to + i, size, value);
}

/* Each run_*() does 1..n iterations, or returns 0 if it needs single ones. It may escape before it
 * has any effect. */
static u64 run_movs(struct vcpu *v, const struct uop *u, u64 n)
{
    gla_t from, to;
    u8 *src, *dst;

    n = run_length(v, u, u->seg, R_SI, false, n, &from);
    n = MIN(n, run_length(v, u, u->src, R_DI, true, n, &to));
    if (n < 2)
        return 0;
    mmu_probe(&v->mmu, from, (unsigned)(n * u->osize), MMU_READ, u);
    mmu_probe(&v->mmu, to, (unsigned)(n * u->osize), MMU_WRITE, u);
    src = run_host(v, from, false);
    dst = run_host(v, to, true);
    if (!src || !dst)
        return 0;
    copy_up(dst, src, n, u->osize);
    advance(v, u, R_SI, n);
    advance(v, u, R_DI, n);
    return n;
}

static u64 run_stos(struct vcpu *v, const struct uop *u, u64 n)
{
    gla_t to;
    u8 *dst;

    n = run_length(v, u, u->src, R_DI, true, n, &to);
    if (n < 2)
        return 0;
    mmu_probe(&v->mmu, to, (unsigned)(n * u->osize), MMU_WRITE, u);
    dst = run_host(v, to, true);
    if (!dst)
        return 0;
    fill(dst, v->r[R_AX], n, u->osize);
    advance(v, u, R_DI, n);
    return n;
}

static u64 run_lods(struct vcpu *v, const struct uop *u, u64 n)
{
    gla_t from;
    const u8 *src;

    n = run_length(v, u, u->seg, R_SI, false, n, &from);
    if (n < 2)
        return 0;
    mmu_probe(&v->mmu, from, (unsigned)(n * u->osize), MMU_READ, u);
    src = run_host(v, from, false);
    if (!src)
        return 0;
    set_accumulator(v, u->osize, ram_load(src + (n - 1) * u->osize, u->osize));
    advance(v, u, R_SI, n);
    return n;
}

/* Does the repetition end after a comparison with this result? */
static bool compare_ends(const struct uop *u, bool equal)
{
    return equal == (u->aux2 == 2);
}

static u64 run_scas(struct vcpu *v, const struct uop *u, u64 n, bool *ended)
{
    unsigned size = u->osize;
    u64 acc = v->r[R_AX] & mask64(size * 8), value = 0, i;
    gla_t at;
    const u8 *p;

    n = run_length(v, u, u->src, R_DI, false, n, &at);
    if (n < 2)
        return 0;
    mmu_probe(&v->mmu, at, (unsigned)(n * size), MMU_READ, u);
    p = run_host(v, at, false);
    if (!p)
        return 0;
    for (i = 0; i < n && !*ended; i++) {
        value = ram_load(p + i * size, size);
        *ended = compare_ends(u, value == acc);
    }
    v->cc = compare(acc, value, size);
    advance(v, u, R_DI, i);
    return i;
}

static u64 run_cmps(struct vcpu *v, const struct uop *u, u64 n, bool *ended)
{
    unsigned size = u->osize;
    u64 a = 0, b = 0, i;
    gla_t at, other;
    const u8 *p, *q;

    n = run_length(v, u, u->seg, R_SI, false, n, &at);
    n = MIN(n, run_length(v, u, u->src, R_DI, false, n, &other));
    if (n < 2)
        return 0;
    mmu_probe(&v->mmu, at, (unsigned)(n * size), MMU_READ, u);
    mmu_probe(&v->mmu, other, (unsigned)(n * size), MMU_READ, u);
    p = run_host(v, at, false);
    q = run_host(v, other, false);
    if (!p || !q)
        return 0;
    for (i = 0; i < n && !*ended; i++) {
        a = ram_load(p + i * size, size);
        b = ram_load(q + i * size, size);
        *ended = compare_ends(u, a == b);
    }
    v->cc = compare(a, b, size);
    advance(v, u, R_SI, i);
    advance(v, u, R_DI, i);
    return i;
}

static u64 run(struct vcpu *v, const struct uop *u, u64 n, bool *ended)
{
    if (n < 2 || (v->rflags & FL_DF))
        return 0;
    switch (u->aux) {
    case STR_MOVS: return run_movs(v, u, n);
    case STR_STOS: return run_stos(v, u, n);
    case STR_LODS: return run_lods(v, u, n);
    case STR_SCAS: return run_scas(v, u, n, ended);
    case STR_CMPS: return run_cmps(v, u, n, ended);
    default: return 0;
    }
}

/* Up to n iterations, at least one; *ended: a comparison ended the repetition. */
static u64 some_iterations(struct vcpu *v, const struct uop *u, u64 n, bool *ended)
{
    u64 k = run(v, u, n, ended);

    if (k)
        return k;
    step(v, u);
    if (u->aux == STR_CMPS || u->aux == STR_SCAS)
        *ended = compare_ends(u, v->cc & CC_ZF);
    return 1;
}

/* Accounting: block entry charged one iteration, which stands for the last one that is done now.
 * All others are charged when the run that did them is over, so that whatever escapes later has its
 * exact position. */
void uop_rep_string(struct vcpu *v, const struct uop *u)
{
    u64 count = vcpu_cut(v->r[R_CX], u->asize);
    bool ended = count == 0, one = v->blk->key & KEY_STEP, stop = ended;

    v->cur = u;
    v->taken = 0;
    if (ended &&
        (u->aux == STR_INS || u->aux == STR_OUTS)) /* permission is needed to do nothing, too */
        ioport_check(v, (u16)v->r[R_DX], u->osize);
    while (!stop) {
        u64 allowed = one ? 1 : 1 + vcpu_rep_allowance(v);
        u64 k = some_iterations(v, u, MIN(count, allowed), &ended);

        count -= k;
        set_index(v, u, R_CX, count);
        ended = ended || !count;
        stop = ended || one || vcpu_rep_allowance(v) < k;
        vcpu_rep_done(v, stop ? k - 1 : k);
    }
    if (ended) {
        v->rip = u->imm2;
    } else {
        v->rip = vcpu_insn_rip(v, u);
        v->taken = 2;
        v->rf_loaded =
            true; /* the instruction is not over: an instruction breakpoint on it stays off */
    }
}
