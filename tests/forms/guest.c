/* SPDX-License-Identifier: MIT */
/*
 * The interpreter's side of machine.h: the vCPU of tests/lib/flat.h with paging, alignment checks
 * and XSAVE switched on, so that what is not mapped for the host is not mapped here either. Page
 * tables lie in the arena where no instruction reaches.
 */
#include <sys/mman.h>

#include "cpu/decode.h"
#include "cpu/fpu.h"
#include "cpu/lift.h"
#include "cpu/run.h"
#include "cpu/uops.h"
#include "tests/forms/machine.h"

enum { PRESENT = 1, WRITABLE = 2, USER = 4, ACCESSED = 0x20, DIRTY = 0x40 };

static void map_page(u64 at, bool writable)
{
    u64 *table = (u64 *)(FORM_TABLES + 0x3000 + ((at >> 21) - (FLAT_BASE >> 21)) * 0x1000);

    table[at >> 12 & 511] = at | PRESENT | USER | ACCESSED | DIRTY | (writable ? WRITABLE : 0);
}

static void make_tables(void)
{
    u64 *root = (u64 *)FORM_TABLES, *directories = (u64 *)(FORM_TABLES + 0x1000),
        *tables = (u64 *)(FORM_TABLES + 0x2000);

    if (root[0])
        return;
    root[0] = (FORM_TABLES + 0x1000) | PRESENT | WRITABLE | USER | ACCESSED;
    directories[0] = (FORM_TABLES + 0x2000) | PRESENT | WRITABLE | USER | ACCESSED;
    for (unsigned i = 0; i < 2; i++)
        tables[(FLAT_BASE >> 21) + i] =
            (FORM_TABLES + 0x3000 + i * 0x1000) | PRESENT | WRITABLE | USER | ACCESSED;
    map_page(FLAT_CODE, false);
    map_page(FORM_DATA, true);
    map_page(FORM_DATA + 0x1000, true);
    map_page(FORM_CONST, false);
    map_page(FORM_STACK, true);
    /* All accessed and dirty flags are set: nobody has to write here, and the host's instructions shall not. */
    mprotect((void *)FORM_TABLES, FORM_TABLES_SIZE, PROT_READ);
}

static void load_fpu(struct fpu *f, const struct native_fx *fx)
{
    fpu_set_control(f, fx->fcw);
    fpu_set_status(f, fx->fsw);
    f->tag = fx->ftw;
    f->opcode = fx->fop;
    f->ip = fx->fip;
    f->dp = fx->fdp;
    f->cs = f->ds = 0;
    f->mxcsr = fx->mxcsr;
    for (unsigned i = 0; i < 8; i++)
        memcpy(&f->st[(f->top + i) & 7], &fx->st[i], 10);
    memcpy(f->xmm, fx->xmm, sizeof(f->xmm));
}

static void store_fpu(const struct fpu *f, struct native_fx *fx)
{
    fx->fcw = f->cw;
    fx->fsw = fpu_status(f);
    fx->ftw = f->tag;
    fx->fop = f->opcode;
    fx->fip = f->ip;
    fx->fdp = f->dp;
    fx->mxcsr = f->mxcsr;
    for (unsigned i = 0; i < 8; i++)
        memcpy(&fx->st[i], &f->st[(f->top + i) & 7], 10);
    memcpy(fx->xmm, f->xmm, sizeof(f->xmm));
}

static void set_mode(struct vcpu *v, bool code32)
{
    flat_set_mode(code32);
    v->seen[0] = ~(u64)0; /* the MMU was told of another mode */
    v->mmu.escape = vcpu_mmu_escaped;
    v->cr0 |= CR0_PG | CR0_WP | CR0_AM;
    v->cr3 = FORM_TABLES;
    v->cr4 |= CR4_PAE | CR4_OSXSAVE | CR4_FSGSBASE | CR4_UMIP;
    v->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    v->efer |= EFER_SCE | EFER_NXE;
}

static void load_state(struct vcpu *v, const struct form_state *s, u64 flags)
{
    memcpy(v->r, s->gpr, sizeof(s->gpr));
    v->r[UREG_ZERO] = 0;
    v->rip = s->rip;
    v->rflags = ((u32)s->flags & ~(u32)FL_ARITH) | (u32)flags | FL_IF | 2;
    v->cc = cc_from_flags((u32)s->flags);
    v->seg[SEG_FS].base = s->fs_base;
    v->seg[SEG_GS].base = s->gs_base;
    load_fpu(&v->fpu, &s->fx);
    memcpy(v->fpu.ymmh, s->ymmh, sizeof(v->fpu.ymmh));
    v->p.budget.left = 1u << 30;
    vcpu_update_mode(v);
}

/* Everything as it is at the start of a run. */
static void begin(const struct form_outcome *o, const u8 *memory, bool code32, u64 flags)
{
    static int mode = -1;
    struct vcpu *v = flat_vcpu();

    make_tables();
    if (mode != code32)
        set_mode(v, code32);
    mode = code32;
    memcpy((void *)FORM_DATA, memory, FORM_DATA_SIZE);
    memcpy((void *)FORM_STACK, memory + FORM_DATA_SIZE, FORM_STACK_SIZE);
    load_state(v, &o->s, flags);
    v->exc = (struct exception){0};
}

static void end(struct form_outcome *o)
{
    struct vcpu *v = flat_vcpu();

    o->error = o->vector >= 0 ? v->exc.error : 0;
    o->cr2 = o->vector == VEC_PF ? v->exc.cr2 : 0;
    memcpy(o->s.gpr, v->r, sizeof(o->s.gpr));
    o->s.rip = v->rip;
    o->s.flags = vcpu_flags(v);
    o->s.fs_base = v->seg[SEG_FS].base;
    o->s.gs_base = v->seg[SEG_GS].base;
    store_fpu(&v->fpu, &o->s.fx);
    memcpy(o->s.ymmh, v->fpu.ymmh, sizeof(o->s.ymmh));
    memcpy(o->memory, (void *)FORM_DATA, FORM_DATA_SIZE);
    memcpy(o->memory + FORM_DATA_SIZE, (void *)FORM_STACK, FORM_STACK_SIZE);
}

void form_run_guest(struct form_outcome *o, const u8 *memory, bool code32, bool repeats,
                    cpu_features_t features)
{
    u64 start = o->s.rip;
    unsigned n = 0;

    begin(o, memory, code32, FL_TF);
    /* TF is set: a REP instruction stops after each iteration. */
    do {
        o->vector = flat_execute(1, 1, features);
    } while (repeats && o->vector < 0 && flat_vcpu()->rip == start && n++ < FORM_REPEATS_MAX);
    end(o);
}

void form_stream_guest(struct form_outcome *o, const u8 *memory, bool code32, unsigned max_insns,
                       cpu_features_t features)
{
    begin(o, memory, code32, 0);
    o->vector = flat_execute(~0u, max_insns, features);
    end(o);
}

bool form_is_undefined(const u8 *bytes, bool code32, cpu_features_t features)
{
    static struct uop u[40];
    struct insn in;
    u32 key =
        (code32 ? CODE_32 : CODE_64) | KEY_SS32 | KEY_FLAT | KEY_FPU | KEY_SSE | KEY_AVX | KEY_PE;
    struct lift_state l = {.in = &in, .key = key, .features = features, .rip = FORM_CODE, .out = u};

    if (insn_decode(&in, key & KEY_CODE, bytes, INSN_LEN_MAX))
        return true;
    l.next_rip = l.rip + in.len;
    lift_insn(&l);
    return u[0].op == UOP_UNDEFINED;
}
