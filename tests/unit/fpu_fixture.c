/* SPDX-License-Identifier: MIT */
/*
 * See fpu_fixture.h. The soft TLB is filled by hand, so that no page tables and no guest RAM are
 * needed; an access elsewhere would be a page fault of the walk, which no test here wants.
 */
#include "tests/unit/fpu_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "cpu/decode.h"
#include "cpu/escape.h"
#include "cpu/fpu.h"
#include "cpu/lift.h"

u8 fpu_data[4096] __attribute__((aligned(4096)));

static struct vcpu *vcpu;
static u64 random_state = 1;

void fpu_random_seed(u64 seed)
{
    random_state = seed * 2 + 1;
}

u64 fpu_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dull;
}

/* --- The vCPU --------------------------------------------------------------------------------- */

struct vcpu *fpu_vcpu(void)
{
    if (!vcpu) {
        vcpu = aligned_alloc(64, (sizeof(*vcpu) + 63) & ~63ul);
        memset(vcpu, 0, sizeof(*vcpu));
        fpu_defaults();
    }
    return vcpu;
}

void fpu_defaults(void)
{
    struct vcpu *v = fpu_vcpu();
    gla_t page = (uintptr_t)fpu_data;

    v->cr0 = CR0_PE | CR0_NE | CR0_MP;
    v->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    v->efer = EFER_LMA;
    v->xcr0 = XCR0_SUPPORTED;
    v->cpl = 0;
    v->rflags = 2;
    v->seg[SEG_CS].l = true;
    v->seg[SEG_CS].sel = 0x33;
    v->seg[SEG_DS].sel = 0;
    v->seg[SEG_CS].db = v->seg[SEG_DS].db = false;
    v->seg[SEG_DS].base = v->seg[SEG_CS].base = 0;
    v->seg[SEG_DS].limit = 0xffff;
    v->seg[SEG_DS].type = 0x13;
    v->seg[SEG_DS].usable = v->seg[SEG_DS].p = true;
    for (unsigned i = 0; i < MMU_INDEXES; i++) {
        struct tlb_entry *e = v->mmu.sets[i];
        e[(page >> 12) & (MMU_TLB_SIZE - 1)] = (struct tlb_entry){.rtag = page, .wtag = page};
        e[FPU_LOW_PAGE >> 12] = (struct tlb_entry){
            .rtag = FPU_LOW_PAGE, .wtag = FPU_LOW_PAGE, .addend = page - FPU_LOW_PAGE};
    }
    v->mmu.tlb = v->mmu.sets[MMU_SUPER];
    v->mmu.index = MMU_SUPER;
}

static u32 block_key(const struct vcpu *v)
{
    enum code_mode mode = vcpu_is_code64(v) ? CODE_64 : v->seg[SEG_CS].db ? CODE_32 : CODE_16;
    u32 key = mode | KEY_FLAT | KEY_SS32 | (v->cr0 & CR0_PE ? KEY_PE : 0);

    if (!(v->cr0 & (CR0_EM | CR0_TS)))
        key |= KEY_FPU | (v->cr4 & CR4_OSFXSR ? KEY_SSE : 0);
    return key;
}

static void run_block(struct vcpu *v, void *arg)
{
    const struct uop *u = arg;

    u->fn(v, u);
}

int fpu_fixture_step(const u8 *insn, unsigned len)
{
    struct vcpu *v = fpu_vcpu();
    struct insn in;
    struct uop u[20];
    struct block block = {.rip = v->rip, .key = block_key(v)};
    struct lift_state l = {
        .in = &in, .key = block_key(v), .features = CPU_FEATURES_ALL, .rip = v->rip, .out = u};

    if (insn_decode(&in, block_key(v) & KEY_CODE, insn, len) || in.len != len)
        return -2;
    l.next_rip = v->rip + len;
    lift_insn(&l);
    if (!l.end)
        lift_end(l.out, l.next_rip);
    lift_finish(u, l.n + !l.end);
    v->blk = &block;
    if (vcpu_try(v, run_block, u) == ESCAPE_EXCEPTION)
        return v->exc.vector;
    return -1;
}

static void load_state(struct vcpu *v, const struct native_state *s)
{
    struct fpu *f = &v->fpu;

    memcpy(v->r, s->gpr, sizeof(s->gpr));
    v->r[UREG_ZERO] = 0;
    v->cc = cc_from_flags((u32)s->flags);
    fpu_set_control(f, s->fx.fcw);
    fpu_set_status(f, s->fx.fsw);
    f->tag = s->fx.ftw;
    f->opcode = s->fx.fop;
    f->ip = s->fx.fip;
    f->dp = s->fx.fdp;
    f->mxcsr = s->fx.mxcsr;
    for (unsigned i = 0; i < 8; i++)
        memcpy(&f->st[(f->top + i) & 7], &s->fx.st[i], 10);
    memcpy(f->xmm, s->fx.xmm, sizeof(f->xmm));
}

static void store_state(const struct vcpu *v, struct native_state *s)
{
    const struct fpu *f = &v->fpu;

    memcpy(s->gpr, v->r, sizeof(s->gpr));
    s->flags = vcpu_flags(v) & FL_ARITH;
    s->fx.fcw = f->cw;
    s->fx.fsw = fpu_status(f);
    s->fx.ftw = f->tag;
    s->fx.fop = f->opcode;
    s->fx.fip = f->ip;
    s->fx.fdp = f->dp;
    s->fx.mxcsr = f->mxcsr;
    for (unsigned i = 0; i < 8; i++)
        memcpy(&s->fx.st[i], &f->st[(f->top + i) & 7], 10);
    memcpy(s->fx.xmm, f->xmm, sizeof(f->xmm));
}

int fpu_fixture_run(const u8 *insn, unsigned len, struct native_state *s)
{
    struct vcpu *v = fpu_vcpu();

    load_state(v, s);
    int vector = fpu_fixture_step(insn, len);
    store_state(v, s);
    return vector;
}

/* --- Random states ---------------------------------------------------------------------------- */

void fpu_random_f80(u8 *to)
{
    static const u64 mantissas[] = {
        0,
        1,
        1ull << 63,
        (1ull << 63) + 1,
        ~0ull,
        0xc000000000000000,
        0xc000000000000001,
        0xbfffffffffffffff,
        0x8000000000000400,
        0xfffffffffffffc00,
        0xffffff0000000000,
        0x8000008000000000,
        0x7fffffffffffffff,
    };
    static const u16 exponents[] = {
        0,
        0,
        1,
        2,
        63,
        64,
        0x3fff - 64,
        0x3ffd,
        0x3ffe,
        0x3fff,
        0x4000,
        0x4001,
        0x3fff + 14,
        0x3fff + 15,
        0x3fff + 31,
        0x3fff + 62,
        0x3fff + 63,
        0x3fff + 64,
        0x3fff - 126,
        0x3fff - 127,
        0x3fff - 149,
        0x3fff - 1022,
        0x3fff - 1074,
        0x3fff + 127,
        0x3fff + 128,
        0x3fff + 1023,
        0x3fff + 1024,
        0x7ffd,
        0x7ffe,
        0x7fff,
        0x7fff,
    };
    u64 r = fpu_random();
    u64 mant = fpu_random();
    u16 exp;

    switch (r & 3) {
    case 0: mant = mantissas[(r >> 8) % ARRAY_SIZE(mantissas)]; break;
    case 1: mant |= 1ull << 63; break;
    case 2: mant = (mant & ~0ull << (r >> 8) % 64) | 1ull << 63; break;
    default: mant = (mant >> (r >> 8) % 64) | (r >> 20 & 7 ? 1ull << 63 : 0); break;
    }
    if (r >> 32 & 1)
        exp = exponents[(r >> 40) % ARRAY_SIZE(exponents)];
    else if (r >> 33 & 1)
        exp = (u16)(0x3fff - 40 + (r >> 40) % 110);
    else
        exp = r >> 40 & 0x7fff;
    if (!exp && (r >> 34 & 1))
        mant &= ~(1ull << 63);
    exp |= (r >> 35 & 1) << 15;
    memcpy(to, &mant, 8);
    memcpy(to + 8, &exp, 2);
}

u64 fpu_random_f64(void)
{
    static const u16 exponents[] = {0,    0,    1,    1022, 1023, 1024, 1037,
                                    1053, 1085, 1086, 2046, 2047, 2047};
    u64 r = fpu_random(), m = fpu_random() & mask64(52);

    if (r & 1)
        return fpu_random();
    m = r & 2 ? m : r & 4 ? 0 : r & 8 ? 1ull << 51 : 1;
    return m | (u64)exponents[(r >> 8) % ARRAY_SIZE(exponents)] << 52 | (r & 16) << 59;
}

u32 fpu_random_f32(void)
{
    static const u8 exponents[] = {0, 0, 1, 126, 127, 128, 150, 254, 255, 255};
    u64 r = fpu_random();
    u32 m = fpu_random() & 0x7fffff;

    if (r & 1)
        return (u32)fpu_random();
    m = r & 2 ? m : r & 4 ? 0 : r & 8 ? 0x400000 : 1;
    return m | (u32)exponents[(r >> 8) % ARRAY_SIZE(exponents)] << 23 | (u32)(r & 16) << 27;
}

void fpu_random_state(struct native_state *s)
{
    u64 r = fpu_random();

    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 16; i++)
        s->gpr[i] = fpu_random();
    s->gpr[R_SI] = s->gpr[R_DI] = (uintptr_t)fpu_data + FPU_DATA;
    s->flags = fpu_random() & FL_ARITH;
    s->fx.fcw = (u16)(0x40 | (r & 0x0c00) | ((r >> 20 & 7) ? 0x3f : r >> 24 & 0x3f));
    s->fx.fcw |= (u16[]){0x300, 0x300, 0x200, 0x000, 0x300, 0x200, 0x000, 0x100}[r >> 44 & 7];
    s->fx.fsw = (u16)(fpu_random() & 0x7f00);
    if (!(r >> 32 & 3))
        s->fx.fsw |= fpu_random() & s->fx.fcw & 0x7f;
    s->fx.ftw = (r >> 34 & 7) ? 0xff : (u8)fpu_random();
    if ((r >> 37 & 3) != 0)
        s->fx.ftw &= (u8) ~(1 << ((s->fx.fsw >> 11 & 7) + 7) % 8);
    for (unsigned i = 0; i < 8; i++)
        fpu_random_f80((u8 *)&s->fx.st[i]);
    s->fx.mxcsr = FPU_MXCSR_INIT;
    for (unsigned i = 0; i < 16; i++) {
        s->fx.xmm[i].q[0] = fpu_random();
        s->fx.xmm[i].q[1] = fpu_random();
    }
}

/* --- Cases on both ---------------------------------------------------------------------------- */

void fpu_run_both(const u8 *insn, unsigned len, const struct native_state *before,
                  struct fpu_outcome *ours, struct fpu_outcome *host)
{
    u8 memory[sizeof(ours->memory)], *m = fpu_data + FPU_DATA;

    memcpy(memory, m, sizeof(memory));
    host->s = *before;
    host->vector = native_run(insn, len, &host->s);
    memcpy(host->memory, m, sizeof(memory));
    memcpy(m, memory, sizeof(memory));
    ours->s = *before;
    ours->vector = fpu_fixture_run(insn, len, &ours->s);
    memcpy(ours->memory, m, sizeof(memory));
}

bool fpu_same(const struct fpu_outcome *a, const struct fpu_outcome *b)
{
    return a->vector == b->vector && a->s.fx.fcw == b->s.fx.fcw && a->s.fx.fsw == b->s.fx.fsw &&
           a->s.fx.ftw == b->s.fx.ftw && a->s.fx.mxcsr == b->s.fx.mxcsr &&
           a->s.flags == b->s.flags && !memcmp(a->s.gpr, b->s.gpr, sizeof(a->s.gpr)) &&
           !memcmp(a->s.fx.st, b->s.fx.st, sizeof(a->s.fx.st)) &&
           !memcmp(a->s.fx.xmm, b->s.fx.xmm, sizeof(a->s.fx.xmm)) &&
           !memcmp(a->memory, b->memory, sizeof(a->memory));
}

static void print_state(const char *what, const struct native_state *s)
{
    printf("  %-6s cw %04x sw %04x top %u tags %02x flags %03llx ax %016llx\n", what, s->fx.fcw,
           s->fx.fsw, s->fx.fsw >> 11 & 7, s->fx.ftw, (unsigned long long)s->flags,
           (unsigned long long)s->gpr[0]);
    for (unsigned i = 0; i < 8; i++)
        printf("    st%u %04x %016llx\n", i, s->fx.st[i].se, (unsigned long long)s->fx.st[i].mant);
}

void fpu_report(const char *name, const u8 *insn, unsigned len, const struct native_state *before,
                const u8 *memory, const struct fpu_outcome *ours, const struct fpu_outcome *host)
{
    printf("%s:", name);
    for (unsigned i = 0; i < len; i++)
        printf(" %02x", insn[i]);
    printf(", vector %d, on the host %d\n", ours->vector, host->vector);
    print_state("before", before);
    for (unsigned i = 0; i < sizeof(ours->memory); i += 8) {
        u64 o = load_le64(ours->memory + i), h = load_le64(host->memory + i);
        if (o != h || !i)
            printf("    memory+%u before %016llx, ours %016llx, host's %016llx\n", i,
                   (unsigned long long)load_le64(memory + i), (unsigned long long)o,
                   (unsigned long long)h);
    }
    print_state("ours", &ours->s);
    print_state("host", &host->s);
}

bool fpu_host_is_amd(void)
{
    return __builtin_cpu_is("amd");
}

unsigned fpu_case_count(void)
{
    const char *level = getenv("LEVEL");

    return level && !strcmp(level, "all") ? 20000 : 1000;
}
