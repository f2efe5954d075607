/* SPDX-License-Identifier: MIT */
/*
 * Every row of cpu/insn_sse.def against the host CPU: the same bytes are decoded, lifted and
 * executed by the handlers, and executed natively; then all XMM, MMX and general registers, MXCSR,
 * flags, the x87 tags, memory and the exception must agree bit for bit. Operands are random with a
 * bias to special values; MXCSR takes all rounding modes, DAZ, FTZ and all combinations of masks;
 * memory operands are sometimes misaligned.
 *
 * RCP* and RSQRT* are approximations: there the special values must agree and the others be within
 * the manual's bound. Guest memory is a host page at its own address, through a TLB filled by hand.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cpu/block.h"
#include "cpu/decode.h"
#include "cpu/fpu.h"
#include "cpu/lift.h"
#include "cpu/uops.h"
#include "cpu/vcpu.h"
#include "tests/lib/native.h"
#include "tests/lib/suite.h"

#define VALUES_SIZE 64u /* bytes of memory that a case may touch */

struct row {
    enum insn_map map;
    u8 opcode;
    enum insn_pfx pfx;
    int ext;
    enum insn_mod mod;
    const char *name, *operands;
};

#define INSN(map, op, pfx, ext, mod, mode, NAME, opnds, lifter, arg, feat)                         \
    {map, op, pfx, ext, mod, #NAME, opnds},
static const struct row rows[] = {
#include "cpu/insn_sse.def"
};
#undef INSN

static struct vcpu *vcpu;
static u8 *pages; /* two of guest memory */
static u64 seed;

/* xorshift64*: the same cases in every run. */
static u64 rnd(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1dull;
}

static unsigned below(unsigned n)
{
    return (unsigned)(rnd() >> 32) % n;
}

/* --- The machine --- */

static void map_page(u8 *page)
{
    struct tlb_entry *e = &vcpu->mmu.sets[0][((uintptr_t)page >> 12) & (MMU_TLB_SIZE - 1)];

    e->rtag = e->wtag = (uintptr_t)page;
    e->addend = 0;
}

static __attribute__((noreturn)) void on_escape(void *owner, enum mmu_escape why)
{
    struct vcpu *v = owner;

    v->exc.vector = why == MMU_ESCAPE_ALIGN ? VEC_AC : VEC_PF;
    longjmp(v->escape, ESCAPE_EXCEPTION);
}

static bool setup(void)
{
    if (vcpu)
        return true;
    pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return false;
    vcpu = aligned_alloc(64, align_up(sizeof(*vcpu), 64));
    memset(vcpu, 0, sizeof(*vcpu));
    vcpu->mmu.tlb = vcpu->mmu.sets[0];
    vcpu->mmu.owner = vcpu;
    vcpu->mmu.escape = on_escape;
    for (unsigned i = 0; i < MMU_TLB_SIZE; i++)
        vcpu->mmu.sets[0][i].rtag = vcpu->mmu.sets[0][i].wtag = ~0ull;
    map_page(pages);
    map_page(pages + 4096);
    vcpu->cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_MP;
    vcpu->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PAE;
    vcpu->efer = EFER_LME | EFER_LMA;
    return true;
}

static void end_of_block(struct vcpu *v, const struct uop *u)
{
    (void)v;
    (void)u;
}

/* Decode and lift into out[20]; false if the decoder or the table refuses. */
static bool lift(struct uop *out, const u8 *bytes, unsigned len, enum code_mode mode, u32 key,
                 unsigned *n)
{
    struct insn in;
    struct lift_state l = {.in = &in, .key = key | mode, .features = CPU_FEATURES_ALL, .out = out};

    if (insn_decode(&in, mode, bytes, len) || in.len != len)
        return false;
    l.next_rip = len;
    lift_insn(&l);
    *n = l.n;
    if (out[0].op == UOP_UNDEFINED)
        return false;
    lift_finish(out, l.n);
    out[l.n].fn = end_of_block;
    return true;
}

/* -1 or the vector raised. */
static int run(struct uop *u)
{
    if (setjmp(vcpu->escape))
        return vcpu->exc.vector;
    u->fn(vcpu, u);
    return -1;
}

static void load_state(const struct native_state *s)
{
    struct fpu *f = &vcpu->fpu;

    for (unsigned i = 0; i < 16; i++) {
        vcpu->r[i] = s->gpr[i];
        memcpy(&f->xmm[i], &s->fx.xmm[i], 16);
    }
    vcpu->r[UREG_ZERO] = 0;
    vcpu->cc = cc_from_flags((u32)s->flags);
    vcpu->rflags = 2;
    f->mxcsr = s->fx.mxcsr;
    f->top = (s->fx.fsw >> 11) & 7;
    f->sw = s->fx.fsw & ~0x3800;
    f->cw = s->fx.fcw;
    f->tag = s->fx.ftw;
    for (unsigned i = 0; i < 8; i++)
        f->st[(f->top + i) & 7] = (struct f80){.mant = s->fx.st[i].mant, .se = s->fx.st[i].se};
}

/* --- Comparing --- */

static unsigned reported;

static void print_bytes(const char *what, const void *p, unsigned n)
{
    printf(" %s", what);
    for (unsigned i = n; i-- > 0;)
        printf("%02x", ((const u8 *)p)[i]);
}

static void report(const struct row *row, const u8 *bytes, unsigned len, const char *what,
                   const struct native_state *before, const void *ours, const void *host,
                   unsigned n)
{
    char text[96];

    if (reported++ > 25)
        return;
    insn_disassemble(text, sizeof(text), CODE_64, bytes, len, 0);
    printf("    %s %s (%s): %s mxcsr %04x:", row->name, row->operands, text, what,
           before->fx.mxcsr);
    print_bytes("ours ", ours, n);
    print_bytes("host ", host, n);
    if (len) {
        unsigned modrm = len - 1 - (strstr(row->operands, "Ib") != NULL);
        unsigned rex = row->pfx == NP ? bytes[0] : bytes[1];

        print_bytes("| dst ", &before->fx.xmm[((bytes[modrm] >> 3) & 7) | (rex & 4) << 1], 16);
        print_bytes("src ", &before->fx.xmm[(bytes[modrm] & 7) | (rex & 1) << 3], 16);
        print_bytes("mem ", (const void *)before->gpr[R_SI], 16);
    }
    printf("\n");
}

static bool same_registers(const struct row *row, const u8 *bytes, unsigned len,
                           const struct native_state *before, const struct native_state *host,
                           int raised)
{
    const struct fpu *f = &vcpu->fpu;
    u64 flags = cc_to_flags(vcpu->cc);
    u8 top = (host->fx.fsw >> 11) & 7;

#define SAME(what, ours, theirs, n)                                                                \
    if (memcmp(ours, theirs, n)) {                                                                 \
        report(row, bytes, len, what, before, ours, theirs, n);                                    \
        return false;                                                                              \
    }
    for (unsigned i = 0; i < 16; i++) {
        SAME("xmm", &f->xmm[i], &host->fx.xmm[i], 16);
        if (i != 4)
            SAME("gpr", &vcpu->r[i], &host->gpr[i], 8);
    }
    SAME("mxcsr", &f->mxcsr, &host->fx.mxcsr, 4);
    SAME("flags", &flags, &host->flags, 8);
    if (raised == VEC_XM && (row->operands[0] == 'P' || strstr(row->operands, "Qq")))
        return true; /* the host is in MMX state then (cpu/ops_sse_convert.c) */
    SAME("top", &f->top, &top, 1);
    SAME("tags", &f->tag, &host->fx.ftw, 1);
    for (unsigned i = 0; i < 8; i++)
        SAME("st", &f->st[(f->top + i) & 7], &host->fx.st[i], 10);
#undef SAME
    return true;
}

static bool is_approximation(const struct row *row)
{
    return row->opcode == 0x52 || row->opcode == 0x53 ? row->map == M0F : false;
}

/* Elements of RCP and RSQRT: equal special values, else within 1.5 * 2^-12 of the true one. If they
 * are, the host's are replaced with ours, so that everything else can be compared. */
static bool approximations_agree(const struct row *row, const union xmm *ours, union xmm *host,
                                 const union xmm *src)
{
    for (unsigned i = 0; i < 4; i++) {
        double x = (double)src->ps[i], r = (double)ours->ps[i], true_value;
        bool scalar = row->pfx == PF3;

        if (ours->d[i] == host->d[i] || (scalar && i))
            continue;
        true_value = row->opcode == 0x53 ? 1 / x : 1 / sqrt(x);
        if (!(fabs(r / true_value - 1) <= 1.5 / 4096))
            return false;
        host->d[i] = ours->d[i];
    }
    return true;
}

/* --- Cases --- */

static u32 interesting32(void)
{
    static const u32 special[] = {0,          0x3f800000, 0x7f800000, 0x7fc00000, 0x7f800001,
                                  0x7fbfffff, 0x7fffffff, 1,          0x7fffff,   0x800000,
                                  0x800001,   0x7f7fffff, 0x7f000000, 0x4b000000, 0x4effffff,
                                  0x4f000000, 0x3f000000, 0x3fc00000, 0x40200000, 0x5f000000,
                                  0x3eaaaaab, 0x34000000, 0x3f7fffff, 0x7f000001};
    u32 x = (u32)rnd();

    switch (below(4)) {
    case 0: return x;
    case 1: return (x & 0x807fffff) | (126 + below(5)) << 23;
    case 2: return (x & 0x807fffff) | (below(2) ? below(24) : 254 - below(24)) << 23;
    default: return special[below(ARRAY_SIZE(special))] ^ (x & 0x80000000);
    }
}

static u64 interesting64(void)
{
    static const u64 special[] = {0,
                                  0x3ff0000000000000,
                                  0x7ff0000000000000,
                                  0x7ff8000000000000,
                                  0x7ff0000000000001,
                                  0x7fffffffffffffff,
                                  1,
                                  0x000fffffffffffff,
                                  0x0010000000000000,
                                  0x0010000000000001,
                                  0x7fefffffffffffff,
                                  0x7fe0000000000000,
                                  0x4330000000000000,
                                  0x41dfffffffc00000,
                                  0x41e0000000000000,
                                  0x43e0000000000000,
                                  0x43dfffffffffffff,
                                  0x3fe0000000000000,
                                  0x4004000000000000,
                                  0x47efffffe0000000,
                                  0x47effffff0000000,
                                  0x3810000000000000,
                                  0x380fffffffffffff,
                                  0x36a0000000000000,
                                  0x3690000000000000,
                                  0x3690000000000001};
    u64 x = rnd();

    switch (below(5)) {
    case 0: return x;
    case 1: return (x & 0x800fffffffffffff) | (u64)(1022 + below(5)) << 52;
    case 2: return (x & 0x800fffffffffffff) | (u64)(below(2) ? below(54) : 2046 - below(54)) << 52;
    case 3:
        return (x & 0x800fffffffffffff) | (u64)(below(2) ? 896 - below(54) : 1150 - below(24))
                                              << 52;
    default: return special[below(ARRAY_SIZE(special))] ^ (x & 1ull << 63);
    }
}

/* 16 bytes: floats, doubles, small integers, characters of a small alphabet. */
static void random_vector(void *to)
{
    u64 q[2];
    u8 *b = (u8 *)q;

    switch (below(5)) {
    case 0:
    case 1:
        q[0] = interesting32() | (u64)interesting32() << 32,
        q[1] = interesting32() | (u64)interesting32() << 32;
        break;
    case 2: q[0] = interesting64(), q[1] = interesting64(); break;
    case 3: q[0] = rnd(), q[1] = rnd(); break;
    default:
        for (unsigned i = 0; i < 16; i++) {
            static const u8 letters[] = {0, 1, 2, 0x7f, 0x80, 0xff, 'a', 'b', 'a', 'b'};

            b[i] = letters[2 * below(2) + below(ARRAY_SIZE(letters) - 2)];
        }
        break;
    }
    memcpy(to, q, 16);
}

static u32 random_mxcsr(void)
{
    u32 x = (u32)rnd() & 0xffff;

    switch (below(4)) {
    case 0: return 0x1f80 | (x & 0x3f);
    case 1: return 0x1f80 | (x & 0x603f);
    case 2: return 0x1f80 | x;
    default: return x;
    }
}

static void random_state(struct native_state *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 16; i++)
        s->gpr[i] = below(3) ? rnd() : below(2) ? (u64)(i64)((int)below(40) - 20) : interesting64();
    for (unsigned i = 0; i < 16; i++)
        random_vector(&s->fx.xmm[i]);
    for (unsigned i = 0; i < 8; i++) {
        s->fx.st[i].mant = interesting32() | (u64)interesting32() << 32;
        s->fx.st[i].se = (u16)rnd();
    }
    s->fx.fcw = 0x37f;
    s->fx.fsw = (u16)(below(8) << 11);
    s->fx.ftw = (u8)rnd();
    s->fx.mxcsr = random_mxcsr();
    s->fx.mxcsr_mask = 0xffff;
    s->flags = rnd() & 0x8d5;
}

/* The instruction of a row with random registers; a memory operand is [RSI]. Returns its length. */
static unsigned encode(const struct row *row, bool mem, u8 *bytes)
{
    static const u8 prefix[] = {[P66] = 0x66, [PF3] = 0xf3, [PF2] = 0xf2};
    u8 rex = 0x40 | (below(4) ? 0 : below(8) << 1 & 5), modrm;
    unsigned n = 0;
    bool gpr = strpbrk(row->operands, "GE") != NULL;

    if (strchr(row->operands, 'y') && below(2))
        rex |= 8;
    if (mem)
        rex &= ~1u;
    modrm = mem ? 6 : 0xc0 | below(8);
    modrm |= (row->ext == XX ? below(8) : (unsigned)row->ext) << 3;
    /* No RSP: the trampoline needs it. */
    if (gpr && ((modrm >> 3) & 7) == 4)
        modrm ^= 8;
    if (gpr && !mem && (modrm & 7) == 4)
        modrm ^= 1;
    if (row->pfx == P66 || row->pfx == PF2 || row->pfx == PF3)
        bytes[n++] = prefix[row->pfx];
    bytes[n++] = rex;
    bytes[n++] = 0x0f;
    if (row->map != M0F)
        bytes[n++] = row->map == M38 ? 0x38 : 0x3a;
    bytes[n++] = row->opcode;
    bytes[n++] = modrm;
    if (strstr(row->operands, "Ib"))
        bytes[n++] = (u8)(below(3) ? rnd() : rnd() & 0x1f);
    return n;
}

/* One random case of a row. */
static bool check_case(const struct row *row, bool mem)
{
    struct native_state before, host;
    u8 bytes[16], memory[VALUES_SIZE], after[VALUES_SIZE];
    u8 *values =
        pages + (below(2) ? 1024 : 4096 - 32); /* inside a page, or across the end of one */
    unsigned len = encode(row, mem, bytes), offset = mem && !below(8) ? below(16) : 0, n;
    struct uop u[20];
    int expected, got;

    random_state(&before);
    before.gpr[R_SI] = (uintptr_t)values + offset;
    before.gpr[R_DI] = (uintptr_t)values + below(32);
    if (row->map == M3A && (row->opcode & 0xfc) == 0x60 && below(4)) {
        before.gpr[R_AX] = (u64)(i64)((int)below(40) - 20);
        before.gpr[R_DX] = (u64)(i64)((int)below(40) - 20);
    }
    for (unsigned i = 0; i < VALUES_SIZE; i += 16)
        random_vector(memory + i);
    if (row->map == M0F && row->opcode == 0xae) {
        /* MXCSR bit 17 exists on some hosts. */
        u32 x = random_mxcsr() | (below(4) ? 0 : (u32)rnd() & ~0x20000u);
        memcpy(memory + offset, &x, 4);
    }

    memcpy(values, memory, VALUES_SIZE);
    host = before;
    expected = native_run(bytes, len, &host);
    memcpy(after, values, VALUES_SIZE);

    memcpy(values, memory, VALUES_SIZE);
    load_state(&before);
    if (!lift(u, bytes, len, CODE_64, KEY_SSE | KEY_FPU | KEY_FLAT | KEY_PE, &n) || n != 1) {
        report(row, bytes, len, "not lifted to one micro-op", &before, &n, &n, 0);
        return false;
    }
    got = run(u);
    if (got != expected) {
        report(row, bytes, len, "exception", &before, &got, &expected, 4);
        return false;
    }
    if (is_approximation(row)) {
        unsigned rex = bytes[row->pfx == NP ? 0 : 1], modrm = bytes[len - 1];
        unsigned dst = ((modrm >> 3) & 7) | (rex & 4) << 1, src = (modrm & 7) | (rex & 1) << 3;
        const void *x = mem ? (const void *)(memory + offset) : (const void *)&before.fx.xmm[src];
        union xmm y, z;

        memcpy(&y, x, 16);
        memcpy(&z, &host.fx.xmm[dst], 16);
        if (got < 0 && !approximations_agree(row, &vcpu->fpu.xmm[dst], &z, &y)) {
            report(row, bytes, len, "approximation", &before, &vcpu->fpu.xmm[dst], &z, 16);
            return false;
        }
        memcpy(&host.fx.xmm[dst], &z, 16);
    }
    if (memcmp(values, after, VALUES_SIZE)) {
        report(row, bytes, len, "memory", &before, values, after, VALUES_SIZE);
        return false;
    }
    return same_registers(row, bytes, len, &before, &host, got);
}

static void every_row_agrees_with_the_host(void)
{
    const char *scale = getenv("SSE_CASES"); /* more for long runs */
    unsigned cases = scale ? (unsigned)strtoul(scale, NULL, 0) : 300, failed = 0;

    if (!setup()) {
        CU_FAIL("no memory");
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        bool good = true;

        seed = 0x9e3779b97f4a7c15ull + i;
        for (unsigned k = 0; k < cases && good; k++) {
            bool mem = rows[i].mod == MEM || (rows[i].mod == ANYMOD && below(2));

            good = check_case(&rows[i], mem);
        }
        failed += !good;
    }
    CU_ASSERT_EQUAL(failed, 0);
}

/* --- Modes and usability --- */

/* 16- and 32-bit code lift to the micro-ops that 64-bit code has. */
static void other_modes_lift_the_same(void)
{
    unsigned failed = 0;

    if (!setup())
        return;
    seed = 1;
    for (unsigned i = 0; i < ARRAY_SIZE(rows) * 8; i++) {
        const struct row *row = &rows[i / 8];
        bool mem = row->mod == MEM || (row->mod == ANYMOD && (i & 1));
        u8 bytes[16];
        unsigned len = encode(row, mem, bytes), at = row->pfx != NP, n;
        struct uop u[3][20];

        if (mem)
            bytes[len - 1 - (strstr(row->operands, "Ib") != NULL)] |=
                1; /* [DI], not a displacement, in 16-bit code */
        memmove(bytes + at, bytes + at + 1, len - at - 1); /* no REX */
        len--;
        for (unsigned mode = 0; mode < 3; mode++) {
            if (!lift(u[mode], bytes, len, mode, KEY_SSE | KEY_FPU | KEY_FLAT | KEY_PE, &n) ||
                n != 1) {
                failed++;
                u[mode][0].op = UOP_NONE;
            }
        }
        for (unsigned mode = 0; mode < 2; mode++)
            failed += u[mode][0].op != u[2][0].op || u[mode][0].dst != u[2][0].dst ||
                      u[mode][0].src != u[2][0].src || u[mode][0].osize != u[2][0].osize ||
                      u[mode][0].imm != u[2][0].imm;
    }
    CU_ASSERT_EQUAL(failed, 0);
}

/* Without CR4.OSFXSR: #UD; with CR0.TS: #NM; and only where the instruction touches SSE state. */
static void unusable_sse_raises(void)
{
    unsigned failed = 0;

    if (!setup())
        return;
    seed = 2;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *row = &rows[i];
        bool always = !strcmp(row->name, "MOVNTI") || strstr(row->name, "FENCE") ||
                      strstr(row->name, "CLFLUSH") || !strcmp(row->name, "CLWB");
        u8 bytes[16];
        unsigned len = encode(row, row->mod == MEM, bytes), n;
        struct native_state s;
        struct uop u[20];

        random_state(&s);
        s.gpr[R_SI] = s.gpr[R_DI] = (uintptr_t)pages;
        load_state(&s);
        if (!lift(u, bytes, len, CODE_64, KEY_FLAT | KEY_PE, &n)) {
            failed++;
            continue;
        }
        vcpu->cr4 &= ~(u64)CR4_OSFXSR;
        failed += run(u) != (always ? -1 : VEC_UD);
        vcpu->cr4 |= CR4_OSFXSR;
        vcpu->cr0 |= CR0_TS;
        failed += run(u) != (always ? -1 : VEC_NM);
        vcpu->cr0 &= ~(u64)CR0_TS;
        vcpu->cr0 |= CR0_EM;
        failed += run(u) != (always ? -1 : VEC_UD);
        vcpu->cr0 &= ~(u64)CR0_EM;
    }
    CU_ASSERT_EQUAL(failed, 0);
}

/* An unmasked exception is #UD where the OS does not take #XM; the flags are set, the destination
 * is not. */
static void unmasked_without_osxmmexcpt_is_ud(void)
{
    static const u8 divss[] = {0xf3, 0x0f, 0x5e, 0xc1};
    struct native_state s = {.fx = {.mxcsr = 0x1d80}};
    struct uop u[20];
    unsigned n;

    if (!setup())
        return;
    s.fx.xmm[0].q[0] = 0x3f800000;
    load_state(&s);
    CU_ASSERT_TRUE_FATAL(lift(u, divss, sizeof(divss), CODE_64, KEY_SSE | KEY_FLAT | KEY_PE, &n));
    vcpu->cr4 &= ~(u64)CR4_OSXMMEXCPT;
    CU_ASSERT_EQUAL(run(u), VEC_UD);
    vcpu->cr4 |= CR4_OSXMMEXCPT;
    CU_ASSERT_EQUAL(run(u), VEC_XM);
    CU_ASSERT_EQUAL(vcpu->fpu.mxcsr, 0x1d84);
    CU_ASSERT_EQUAL(vcpu->fpu.xmm[0].q[0], 0x3f800000);
}

/* Products, quotients and conversions that are tiny and round up to the smallest normal number: UE,
 * though no operand and no result looks suspicious (cpu/sse_fp.h). */
static void rounding_up_to_normal_underflows(void)
{
    static const struct {
        u8 bytes[4];
        u64 x, y;
    } cases[] = {
        {{0xf3, 0x0f, 0x59, 0xc1}, 0x00800000, 0x3f7fffff},
        {{0xf3, 0x0f, 0x5e, 0xc1}, 0x00ffffff, 0x40000000},
        {{0xf2, 0x0f, 0x59, 0xc1}, 0x0010000000000000, 0x3fefffffffffffff},
        {{0xf2, 0x0f, 0x5e, 0xc1}, 0x001fffffffffffff, 0x4000000000000000},
        {{0xf2, 0x0f, 0x5a, 0xc1}, 0, 0x380fffffe0000000},
    };

    if (!setup())
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct native_state s = {.fx = {.mxcsr = 0x1fa0, .fcw = 0x37f, .mxcsr_mask = 0xffff}}, host;
        struct uop u[20];
        unsigned n;

        s.fx.xmm[0].q[0] = cases[i].x;
        s.fx.xmm[1].q[0] = cases[i].y;
        host = s;
        CU_ASSERT_EQUAL(native_run(cases[i].bytes, 4, &host), -1);
        load_state(&s);
        CU_ASSERT_TRUE_FATAL(lift(u, cases[i].bytes, 4, CODE_64, KEY_SSE | KEY_FLAT | KEY_PE, &n));
        CU_ASSERT_EQUAL(run(u), -1);
        CU_ASSERT_EQUAL(vcpu->fpu.mxcsr, host.fx.mxcsr);
        CU_ASSERT_EQUAL(host.fx.mxcsr & 0x10, 0x10);
        CU_ASSERT_EQUAL(vcpu->fpu.xmm[0].q[0], host.fx.xmm[0].q[0]);
    }
}

/* With alignment checking on: #AC for whatever is not naturally aligned, #GP(0) where 16 bytes have
 * to be. */
static void alignment_check_raises(void)
{
    static const struct {
        u8 bytes[6];
        unsigned len, offset;
        int vector;
    } cases[] = {
        {{0x0f, 0x10, 0x06}, 3, 0, -1},
        {{0x0f, 0x10, 0x06}, 3, 8, VEC_AC},
        {{0x0f, 0x11, 0x06}, 3, 1, VEC_AC},
        {{0x0f, 0x28, 0x06}, 3, 8, VEC_GP},
        {{0x66, 0x0f, 0x38, 0x20, 0x06}, 5, 8, -1},
        {{0x66, 0x0f, 0x38, 0x20, 0x06}, 5, 4, VEC_AC},
        {{0x66, 0x0f, 0x3a, 0x63, 0x06, 0}, 6, 4, VEC_AC},
        {{0xf3, 0x0f, 0x10, 0x06}, 4, 4, -1},
    };

    if (!setup())
        return;
    vcpu->mmu.align_check = true;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct native_state s = {.fx = {.mxcsr = 0x1f80}};
        struct uop u[20];
        unsigned n;

        s.gpr[R_SI] = (uintptr_t)pages + cases[i].offset;
        load_state(&s);
        CU_ASSERT_TRUE_FATAL(
            lift(u, cases[i].bytes, cases[i].len, CODE_64, KEY_SSE | KEY_FLAT | KEY_PE, &n));
        CU_ASSERT_EQUAL(run(u), cases[i].vector);
    }
    vcpu->mmu.align_check = false;
}

/* RCPSS and RSQRTSS over every exponent and many mantissas: never further off than the manual
 * allows. */
static void approximations_are_within_bounds(void)
{
    static const u8 insns[2][4] = {{0xf3, 0x0f, 0x53, 0xc1}, {0xf3, 0x0f, 0x52, 0xc1}};
    unsigned failed = 0;

    if (!setup())
        return;
    seed = 3;
    for (unsigned k = 0; k < 2; k++) {
        struct uop u[20];
        unsigned n;

        CU_ASSERT_TRUE_FATAL(lift(u, insns[k], 4, CODE_64, KEY_SSE | KEY_FLAT | KEY_PE, &n));
        for (unsigned i = 0; i < 200000; i++) {
            u32 x = (1 + i % 252) << 23 | ((u32)rnd() & 0x7fffff);
            double value, result;

            vcpu->fpu.xmm[1].d[0] = x;
            value = (double)vcpu->fpu.xmm[1].ps[0];
            run(u);
            result = (double)vcpu->fpu.xmm[0].ps[0];
            failed += !(fabs(result * (k ? sqrt(value) : value) - 1) <= 1.0001 / 4096);
        }
    }
    CU_ASSERT_EQUAL(failed, 0);
}

TEST_SUITE(sse, TEST(every_row_agrees_with_the_host), TEST(other_modes_lift_the_same),
           TEST(unusable_sse_raises), TEST(unmasked_without_osxmmexcpt_is_ud),
           TEST(rounding_up_to_normal_underflows), TEST(alignment_check_raises),
           TEST(approximations_are_within_bounds));
