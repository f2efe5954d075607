/* SPDX-License-Identifier: MIT */
/*
 * See flow.h. The loop takes the same steps as cpu/run.c, without holds, journal and links between blocks: so the
 * interpreter it runs is as simple as can be.
 */
#include "cpu/address.h"
#include "cpu/code_cache.h"
#include "cpu/deliver.h"
#include "cpu/events.h"
#include "cpu/exec.h"
#include "cpu/lapic.h"
#include "cpu/run.h"
#include "tests/lockstep/flow.h"

/* ---- Tables and handlers -------------------------------------------------------------------------------------------- */

#define PUT(at, ...) memcpy(at, ((const u8[]){__VA_ARGS__}), sizeof((const u8[]){__VA_ARGS__}))

/* Handlers. */
enum {
    H_SKIP_ERROR = FLOW_HANDLERS, /* falls into the next */
    H_SKIP = FLOW_HANDLERS + 4,
    H_PAGE = FLOW_HANDLERS + 0x40,
    H_COUNT = FLOW_HANDLERS + 0x80,
    H_UNMAP = FLOW_HANDLERS + 0xa0,
    H_SWAP = FLOW_HANDLERS + 0xd0,
    H_RETURN = FLOW_HANDLERS + 0x110,
    H_HALT = FLOW_HANDLERS + 0x118,
};

static void make_handlers(u8 *ram)
{
    /* Go on FLOW_PAD bytes behind, or from the beginning where that is not in the code. */
    PUT(ram + H_SKIP_ERROR, 0x48, 0x83, 0xc4, 8, 0x48, 0x83, 0x04, 0x24, FLOW_PAD, 0x50, 0x48, 0x8b,
        0x44, 0x24, 8, 0x48, 0x25, 0xff, 0xff, 0xfb, 0xff, 0x48, 0x2d, 0, 0x80, 0, 0, 0x48, 0x3d, 0,
        0x50, 0, 0, 0x58, 0x72, 8, 0x48, 0xc7, 0x04, 0x24, 0, 0x80, 0, 0, 0x48, 0xcf);
    /* A page of the data is made present, and what faulted starts over; else it is skipped. */
    PUT(ram + H_PAGE, 0x50, 0xf6, 0x44, 0x24, 8, 0x10, 0x75, 32, 0x0f, 0x20, 0xd0, 0x48, 0xc1, 0xe8,
        12, 0x83, 0xe8, FLOW_DATA >> 12, 0x83, 0xf8, 3, 0x77, 15, 0x80, 0x0c, 0xc5, 0x80, 0x40, 0,
        0, 1, 0x58, 0x48, 0x83, 0xc4, 8, 0x48, 0xcf, 0x90, 0x90, 0x58, 0xeb,
        (u8)(H_SKIP_ERROR - (H_PAGE + 43)));
    PUT(ram + H_COUNT, 0xff, 0x04, 0x25, 0x3c, 0xc0, 0x01, 0, 0x48, 0xcf);
    PUT(ram + H_UNMAP, 0x80, 0x24, 0x25, 0x88, 0x40, 0, 0, 0xfe, 0x80, 0x24, 0x25, 0x90, 0x40, 0, 0,
        0xfe, 0x0f, 0x01, 0x3c, 0x25, 0, 0x10, 0x01, 0, 0x0f, 0x01, 0x3c, 0x25, 0, 0x20, 0x01, 0,
        0x48, 0xcf);
    PUT(ram + H_SWAP, 0x50, 0x48, 0x8b, 0x04, 0x25, 0x40, 0x42, 0, 0, 0x48, 0x87, 0x04, 0x25, 0x48,
        0x42, 0, 0, 0x48, 0x89, 0x04, 0x25, 0x40, 0x42, 0, 0, 0x0f, 0x01, 0x3c, 0x25, 0, 0x80, 0x04,
        0, 0x0f, 0x01, 0x3c, 0x25, 0, 0x90, 0x04, 0, 0x58, 0x48, 0xcf);
    PUT(ram + H_RETURN, 0x48, 0xcf);
    PUT(ram + H_HALT, 0xf4);
}

static void make_gate(u8 *ram, unsigned vector, u32 handler)
{
    u8 *at = ram + FLOW_IDT + vector * 16;

    store_le64(at, (handler & 0xffff) | 8u << 16 | 0xee01ull << 32 | (u64)(handler >> 16) << 48);
    store_le64(at + 8, 0);
}

static void make_paging(u8 *ram)
{
    const u64 all = 7, supervisor = 3, read_only = 5, no_execute = BIT(63);

    store_le64(ram + FLOW_PML4, (FLOW_PML4 + 0x1000) | all);
    store_le64(ram + FLOW_PML4 + 0x1000, (FLOW_PML4 + 0x2000) | all);
    store_le64(ram + FLOW_PML4 + 0x2000, FLOW_PT | all);
    for (u64 page = 1; page < FLOW_END >> 12; page++) {
        u64 rights = page < FLOW_CODE >> 12         ? supervisor
                     : page == FLOW_READ_ONLY >> 12 ? read_only
                     : page == FLOW_MISSING >> 12   ? 0
                                                    : all;

        if (page != FLOW_HANDLERS >> 12 && (page < FLOW_CODE >> 12 || page >= FLOW_CODE_END >> 12))
            rights |= no_execute;
        store_le64(ram + FLOW_PT + page * 8, page << 12 | rights);
    }
    for (u64 page = FLOW_CODE >> 12; page < FLOW_CODE_END >> 12; page++)
        store_le64(ram + FLOW_PT + ((FLOW_ALIAS >> 12) + page) * 8, page << 12 | all);
}

void flow_make_system(u8 *ram)
{
    static const u64 gdt[] = {0,
                              0x00af9b000000ffff,
                              0x00cf93000000ffff,
                              0x00affb000000ffff,
                              0x00cff3000000ffff,
                              0x00cffb000000ffff,
                              0x00cf9b000000ffff};
    static const u8 with_error[] = {VEC_TS, VEC_NP, VEC_SS, VEC_GP, VEC_AC};

    make_paging(ram);
    for (unsigned i = 0; i < ARRAY_SIZE(gdt); i++)
        store_le64(ram + FLOW_GDT + i * 8, gdt[i]);
    store_le64(ram + FLOW_TSS + 4, FLOW_KERNEL_STACK);
    store_le64(ram + FLOW_TSS + 36,
               FLOW_KERNEL_STACK); /* IST 1: whatever the program's stack pointer is */
    for (unsigned i = 0; i < 64; i++)
        make_gate(ram, i, H_SKIP);
    for (unsigned i = 0; i < ARRAY_SIZE(with_error); i++)
        make_gate(ram, with_error[i], H_SKIP_ERROR);
    make_gate(ram, VEC_DB, H_RETURN);
    make_gate(ram, VEC_BP, H_RETURN);
    make_gate(ram, VEC_OF, H_RETURN);
    make_gate(ram, VEC_DF, H_HALT);
    make_gate(ram, VEC_PF, H_PAGE);
    make_gate(ram, FLOW_INT_COUNT, H_COUNT);
    make_gate(ram, FLOW_INT_UNMAP, H_UNMAP);
    make_gate(ram, FLOW_INT_SWAP, H_SWAP);
    make_handlers(ram);
}

/* ---- The machine ------------------------------------------------------------------------------------------------------ */

bool flow_machine_create(struct flow_machine *m, bool bt, bool step, const struct bt_options *o)
{
    memset(m, 0, sizeof(*m));
    m->bt = bt;
    m->step = step;
    if (!bare_create(&m->bare, 1 << 20, FLOW_CODE, "max"))
        return false;
    m->v = m->bare.v;
    if (lapic_create(m->v, &m->map))
        return false;
    if (o)
        m->options = *o;
    return !bt || bt_create(m->v, &m->options) == 0;
}

void flow_machine_destroy(struct flow_machine *m)
{
    bt_destroy(m->v);
    lapic_destroy(m->v);
    bare_destroy(&m->bare);
}

static struct segreg segment(u16 sel, u8 type, u8 dpl, bool l)
{
    return (struct segreg){.sel = sel,
                           .usable = true,
                           .type = type,
                           .dpl = dpl,
                           .l = l,
                           .db = !l,
                           .g = true,
                           .p = true,
                           .limit = 0xffffffff};
}

static void set_segments(struct vcpu *v, const struct flow_program *p)
{
    static const u8 code[2][2] = {{0x08, 0x1b}, {0x30, 0x2b}};
    u8 dpl = p->user ? 3 : 0;

    for (unsigned i = 0; i < SEG_COUNT; i++)
        v->seg[i] = segment(p->user ? 0x23 : 0x10, 0x13, dpl, false);
    /* One that 32-bit code has looked at each time, and one that is the interpreter's there. */
    v->seg[SEG_FS].base = 0x38;
    v->seg[SEG_GS].base = 0x10;
    v->seg[SEG_GS].limit = 0x7fffffff;
    v->seg[SEG_CS] = segment(code[p->code32][p->user], 0x1b, dpl, !p->code32);
    v->seg[SEG_TR] = (struct segreg){
        .sel = 0x38, .usable = true, .type = 11, .p = true, .base = FLOW_TSS, .limit = 0x67};
    v->gdt = (struct dtable){FLOW_GDT, 0x47};
    v->idt = (struct dtable){FLOW_IDT, 128 * 16 - 1};
    v->cpl = dpl;
}

static void set_registers(struct vcpu *v, const struct flow_program *p)
{
    struct gen_random r = {p->seed * 77 + 5};

    for (unsigned i = 0; i < 16; i++)
        v->r[i] = gen_random(&r) >> (gen_random(&r) % 64);
    v->r[R_SP] = FLOW_STACK;
    v->r[R_BP] = v->r[12] = v->r[13] = v->r[15] = FLOW_POINTER;
    v->r[14] = gen_random(&r) % 64;
    for (unsigned i = 0; p->code32 && i < 16; i++)
        v->r[i] = i < 8 ? (u32)v->r[i] : 0;
    for (unsigned i = 0; i < 16; i++)
        for (unsigned k = 0; k < 2; k++) {
            v->fpu.xmm[i].q[k] = gen_random(&r) >> (gen_random(&r) % 64);
            v->fpu.ymmh[i].q[k] = gen_random(&r) >> (gen_random(&r) % 64);
        }
    v->rip = p->node[0].at;
}

/* SMAP has something to forbid. */
static void keep_from_user(u8 *ram)
{
    for (u64 page = 1; page < (FLOW_ALIAS + FLOW_CODE_END) >> 12; page++)
        if (page != FLOW_USER >> 12)
            ram[FLOW_PT + page * 8] &= (u8)~4;
}

void flow_machine_start(struct flow_machine *m, const struct flow_program *p, const u8 *image)
{
    struct vcpu *v = m->v;

    m->bare.reset = false;
    memcpy(m->bare.mem.ram, image, FLOW_END);
    vcpu_reset(v, true);
    lapic_reset(v, true);
    v->p.drop(&v->p, ~(u64)0, DROP_ALL);
    v->cr0 = CR0_PE | CR0_MP | CR0_NE | CR0_WP | CR0_PG | CR0_ET;
    v->cr3 = FLOW_PML4;
    v->xcr0 = 7;
    v->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE;
    if (!p->user) {
        keep_from_user(m->bare.mem.ram);
        v->cr4 |= CR4_SMAP;
    }
    v->efer = EFER_LME | EFER_LMA | EFER_NXE;
    set_segments(v, p);
    set_registers(v, p);
    vcpu_set_flags(v, 2);
    vcpu_update_mode(v);
    mmu_drop_all(&v->mmu);
    mmu_forget_code(&v->mmu);
    v->p.position = 0;
    participant_set_budget(&v->p, 0, 0);
    v->single = v->need_single = v->shadow = v->shadow_ss = false;
    v->sti_at = ~(u64)0; /* positions begin anew */
    v->blk = NULL;
    for (unsigned i = 0; i < FLOW_END >> 12; i++) {
        v->code->shared->pages[i].fine = false;
        v->code->shared->pages[i].heat = 0;
    }
}

void flow_machine_write(struct flow_machine *m, u32 gpa, const u8 *bytes, unsigned n)
{
    struct vcpu *v = m->v;

    memcpy((u8 *)m->bare.mem.ram + gpa, bytes, n);
    v->p.drop(&v->p, gpa >> 12, DROP_ALL);
    if ((gpa + n - 1) >> 12 != gpa >> 12)
        v->p.drop(&v->p, (gpa + n - 1) >> 12, DROP_ALL);
}

/* ---- Running ---------------------------------------------------------------------------------------------------------- */

static void run_blocks(struct vcpu *v)
{
    bool first = false;
    struct block *b = code_cache_find(v, vcpu_run_key(v), &first);

    while (!first && vcpu_charge(v, b)) {
        v->blk = b;
        b->u[0].fn(v, b->u);
        v->blk = NULL;
        if ((v->taken >= 2 && vcpu_must_look(v)) || vcpu_is_due(v))
            return;
        b = code_cache_find(v, vcpu_run_key(v), &first);
    }
    vcpu_stop_blocks(v, b, first);
}

static void run_one(struct vcpu *v)
{
    bool first = false;
    struct block *b;

    mmu_fetch_abandon(&v->mmu);
    v->mmu.careful = v->careful = true;
    b = code_cache_find(v, vcpu_run_key(v) | KEY_STEP, &first);
    v->p.budget.left--;
    v->blk = b;
    v->shadow = v->shadow_ss = false;
    b->u[0].fn(v, b->u);
    v->blk = NULL;
    v->mmu.careful = v->careful = false;
    mmu_fetch_commit(&v->mmu);
    vcpu_must_look(v);
}

static void deliver(struct vcpu *v)
{
    v->mmu.careful = true;
    deliver_exception(v, &v->exc);
    v->mmu.careful = false;
    mmu_fetch_commit(&v->mmu);
    vcpu_count_delivery(v);
    v->single = v->shadow = v->shadow_ss = false;
}

static void execute(struct flow_machine *m)
{
    struct vcpu *v = m->v;
    enum escape why = setjmp(v->escape);

    if (why == ESCAPE_NONE) {
        if (v->single || v->shadow || m->step)
            run_one(v);
        else if (m->bt)
            v->t.run(v);
        else
            run_blocks(v);
        vcpu_settle_shadow(v);
        v->single = false;
        return;
    }
    v->mmu.careful = v->careful = false;
    if (v->blk) {
        v->rip = vcpu_insn_rip(v, v->cur);
        v->p.budget.left += v->blk->n_insns - v->cur->idx;
        v->blk = NULL;
    }
    if (why == ESCAPE_EXCEPTION) {
        deliver(v);
        m->faults++;
        return;
    }
    mmu_fetch_abandon(&v->mmu);
    v->single = true;
}

void flow_machine_run(struct flow_machine *m, u64 n)
{
    struct vcpu *v = m->v;
    u64 end = participant_icount(&v->p) + n;

    while (v->activity == CPU_RUNNING && !m->bare.reset) {
        u64 now = participant_icount(&v->p);

        if (now >= end)
            break;
        participant_set_budget(&v->p, now, end - now);
        code_cache_begin(v);
        execute(m);
        code_cache_end(v);
        m->insns += participant_icount(&v->p) - now;
        if (v->need_single) {
            v->need_single = false;
            v->single = v->p.budget.left != 0;
        }
    }
}
