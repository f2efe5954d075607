/* SPDX-License-Identifier: MIT */
/*
 * What the host comparison (tests/lockstep) cannot reach: 16-bit code with segments, limits and
 * wrapping, repeated string instructions that stop at a budget or a fault, POPF by privilege,
 * faults that must leave no trace.
 */
#include "cpu/block.h"
#include "tests/lib/flat.h"
#include "tests/lib/suite.h"

static void put(gla_t at, const u8 *b, unsigned n)
{
    memcpy((void *)at, b, n);
}
#define CODE(...)                                                                                  \
    put(FLAT_CODE, (const u8[]){__VA_ARGS__, 0x0f, 0x0b},                                          \
        sizeof((const u8[]){__VA_ARGS__, 0x0f, 0x0b}))

static struct vcpu *fresh(void)
{
    struct vcpu *v;

    CU_ASSERT_FATAL(flat_create());
    v = flat_vcpu();
    memset((void *)FLAT_DATA, 0, 0x20000);
    flat_set_mode(false);
    memset(v->r, 0, sizeof(v->r));
    v->cc = 0;
    v->rip = FLAT_CODE;
    v->p.budget.left = 1 << 20;
    v->r[R_SP] = FLAT_STACK - 0x1000;
    return v;
}

/* Real mode: 64 KiB segments based in the arena (as after a mode switch; the selectors play no
 * part). */
static struct vcpu *fresh_real(void)
{
    struct vcpu *v = fresh();

    v->cr0 = 0;
    v->efer = 0;
    v->cpl = 0;
    v->key = CODE_16;
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        v->seg[i].base = FLAT_DATA;
        v->seg[i].limit = 0xffff;
        v->seg[i].db = v->seg[i].l = false;
        v->seg[i].type = 0x13;
    }
    v->seg[SEG_CS].base = FLAT_CODE;
    v->seg[SEG_SS].base = FLAT_DATA + 0x10000;
    mmu_configure(&v->mmu, 0, 0, 0, 0);
    mmu_set_privilege(&v->mmu, false, false);
    v->rip = 0;
    v->r[R_SP] = 0x8000;
    return v;
}

static int run(unsigned max_insns)
{
    return flat_execute(~0u, max_insns, CPU_FEATURES_ALL);
}

static u32 data32(u64 offset)
{
    return load_le32((const void *)(FLAT_DATA + offset));
}

/* --- 16-bit code -------------------------------------------------------------------------------
 */

static void stack_16(void)
{
    struct vcpu *v = fresh_real();

    v->r[R_SP] = 0xabcd0002; /* SP = 2: the upper half must survive */
    v->r[R_AX] = 0x11112222;
    CODE(0x50, 0x50, 0x66, 0x50, 0x5b,
         0x59); /* push ax; push ax (wraps); push eax; pop bx; pop cx */
    CU_ASSERT_EQUAL(run(32), VEC_UD);
    CU_ASSERT_EQUAL(v->r[R_SP], 0xabcdfffe);
    CU_ASSERT_EQUAL(v->r[R_BX], 0x2222);
    CU_ASSERT_EQUAL(v->r[R_CX], 0x1111);
    CU_ASSERT_EQUAL(load_le16((void *)(FLAT_DATA + 0x10000)), 0x2222);
    CU_ASSERT_EQUAL(load_le16((void *)(FLAT_DATA + 0x1fffe)), 0x2222);

    v = fresh_real();
    v->r[R_SP] = 1; /* the operand would wrap in the middle: #SS */
    CODE(0x50);
    CU_ASSERT_EQUAL(run(32), VEC_SS);
    CU_ASSERT(v->rip == 0 && v->r[R_SP] == 1);
}

static void addresses_wrap(void)
{
    struct vcpu *v = fresh_real();

    store_le32((void *)(FLAT_DATA + 0x10), 0x12345678);
    v->r[R_BX] = 0xff00;
    CODE(0x66, 0x8b, 0x87, 0x10, 0x01); /* mov eax, [bx+0x110]: offset 0x10 */
    CU_ASSERT_EQUAL(run(32), VEC_UD);
    CU_ASSERT_EQUAL(v->r[R_AX], 0x12345678);

    v = fresh_real();
    v->r[R_BX] = 0xffff;
    CODE(0x8b, 0x07); /* mov ax, [bx]: crosses the limit */
    CU_ASSERT_EQUAL(run(32), VEC_GP);
    CU_ASSERT_EQUAL(v->rip, 0);
    v = fresh_real();
    v->r[R_BP] = 0xffff;
    CODE(0x8b, 0x46, 0x00); /* the same on the stack */
    CU_ASSERT_EQUAL(run(32), VEC_SS);
    v = fresh_real();
    v->r[R_BX] = 0x10000;
    CODE(0x67, 0x8b, 0x03); /* 32-bit offset beyond the limit: no wrap */
    CU_ASSERT_EQUAL(run(32), VEC_GP);
}

static void calls_and_loops_16(void)
{
    struct vcpu *v = fresh_real();

    v->r[R_CX] = 0xffff0003;
    CODE(0x40, 0xe2, 0xfd, 0xe8, 0x02, 0x00, 0x0f, 0x0b, 0x43,
         0xc3); /* inc ax; loop; call +2; ud2; inc bx; ret */
    CU_ASSERT_EQUAL(run(32), VEC_UD);
    CU_ASSERT_EQUAL(v->rip, 6);
    CU_ASSERT_EQUAL(v->r[R_AX], 3);
    CU_ASSERT_EQUAL(v->r[R_CX], 0xffff0000); /* CX alone counts */
    CU_ASSERT_EQUAL(v->r[R_BX], 1);
    CU_ASSERT_EQUAL(v->r[R_SP], 0x8000);

    v = fresh_real(); /* a target beyond the limit faults at the branch */
    v->seg[SEG_CS].limit = 0xff;
    CODE(0xe9, 0x00, 0x10);
    CU_ASSERT_EQUAL(run(32), VEC_GP);
    CU_ASSERT_EQUAL(v->rip, 0);
    v = fresh_real();
    v->seg[SEG_CS].limit = 0xff;
    CODE(0xe8, 0x00, 0x10);
    CU_ASSERT_EQUAL(run(32), VEC_GP);
    CU_ASSERT_EQUAL(v->r[R_SP], 0x8000); /* and pushes nothing */
    v = fresh_real();
    v->seg[SEG_CS].limit = 0xff;
    CODE(0x66, 0x31, 0xc0, 0x75, 0x7f, 0x0f, 0x85, 0x00, 0x10); /* not taken: no fault */
    CU_ASSERT_EQUAL(run(32), VEC_UD);
}

static void enter_16(void)
{
    struct vcpu *v = fresh_real();

    v->r[R_BP] = 0x9000;
    v->r[R_SP] = 0x8000;
    store_le16((void *)(FLAT_DATA + 0x10000 + 0x8ffe), 0xbeef);
    CODE(0xc8, 0x10, 0x00, 0x02); /* enter 16, 2 */
    CU_ASSERT_EQUAL(run(32), VEC_UD);
    CU_ASSERT_EQUAL(v->r[R_BP], 0x7ffe);
    CU_ASSERT_EQUAL(v->r[R_SP], 0x7ffe - 4 - 0x10);
    CU_ASSERT_EQUAL(load_le16((void *)(FLAT_DATA + 0x17ffe)), 0x9000);
    CU_ASSERT_EQUAL(load_le16((void *)(FLAT_DATA + 0x17ffc)), 0xbeef);
    CU_ASSERT_EQUAL(load_le16((void *)(FLAT_DATA + 0x17ffa)), 0x7ffe);
}

static void bound_and_into(void)
{
    struct vcpu *v = fresh_real();

    store_le32((void *)FLAT_DATA, 0x00050003); /* bounds 3..5 */
    v->r[R_AX] = 5;
    CODE(0x62, 0x06, 0x00, 0x00);
    CU_ASSERT_EQUAL(run(32), VEC_UD);
    CU_ASSERT_EQUAL(v->rip, 4);
    v = fresh_real();
    v->r[R_AX] = 0x8003;
    CU_ASSERT_EQUAL(run(32), VEC_BR);
    v = fresh_real();
    CODE(0xce); /* OF clear */
    CU_ASSERT_EQUAL(run(32), VEC_UD);
    v = fresh_real();
    v->cc = CC_OF;
    v->idt.base = FLAT_DATA;
    v->idt.limit = 0x3ff;
    store_le32((void *)(FLAT_DATA + 4 * VEC_OF), 0xbeef1234);
    CU_ASSERT_EQUAL(flat_execute(1, 32, CPU_FEATURES_ALL), -1);
    CU_ASSERT(v->rip == 0x1234 && v->seg[SEG_CS].sel == 0xbeef && v->r[R_SP] == 0x7ffa);
    CU_ASSERT_EQUAL(load_le16((void *)(FLAT_DATA + 0x17ffa)), 1);
    v = fresh_real();
    CODE(0xd4, 0x00); /* AAM 0 */
    CU_ASSERT_EQUAL(run(32), VEC_DE);
}

/* --- Repeated strings --------------------------------------------------------------------------
 */

static void rep_counts(void)
{
    struct vcpu *v = fresh();
    u32 before = v->p.budget.left;

    v->r[R_DI] = FLAT_DATA + 0xff0; /* crosses a page */
    v->r[R_CX] = 100;
    v->r[R_AX] = 0x5a;
    CODE(0xf3, 0xaa);
    CU_ASSERT_EQUAL(flat_execute(1, 32, 0), -1);
    CU_ASSERT(v->r[R_CX] == 0 && v->r[R_DI] == FLAT_DATA + 0xff0 + 100 && v->rip == FLAT_CODE + 2);
    CU_ASSERT_EQUAL(before - v->p.budget.left,
                    99); /* the block's own charge is the last iteration */
    CU_ASSERT(data32(0xfee) == 0x5a5a0000 && data32(0x1052) == 0x00005a5a);

    v = fresh(); /* count 0: nothing, and nothing charged beyond the block */
    before = v->p.budget.left;
    CU_ASSERT_EQUAL(flat_execute(1, 32, 0), -1);
    CU_ASSERT(v->p.budget.left == before && v->rip == FLAT_CODE + 2);
}

static void rep_stops_at_the_budget(void)
{
    for (unsigned room = 0; room < 20; room++) {
        struct vcpu *v = fresh();
        unsigned blocks = 0;

        v->r[R_DI] = FLAT_DATA + 0xff8;
        v->r[R_SI] = FLAT_DATA + 0x4000;
        v->r[R_CX] = 16;
        memcpy((void *)(FLAT_DATA + 0x4000), "0123456789abcdef", 16);
        CODE(0xf3, 0xa4);
        v->p.budget.left = room;
        do {
            CU_ASSERT_EQUAL(flat_execute(1, 32, 0), -1);
            if (!blocks++) {
                CU_ASSERT_EQUAL(v->r[R_CX], room >= 15 ? 0 : 15 - room);
                CU_ASSERT_EQUAL(v->p.budget.left, room >= 15 ? room - 15 : 0);
            }
            v->p.budget.left = room;
        } while (v->rip == FLAT_CODE);
        CU_ASSERT_EQUAL(blocks, (16 + room) / (room + 1));
        CU_ASSERT(!memcmp((void *)(FLAT_DATA + 0xff8), "0123456789abcdef", 16));
    }
}

static void rep_single_steps(void)
{
    struct vcpu *v = fresh();

    v->r[R_DI] = FLAT_DATA;
    v->r[R_CX] = 3;
    CODE(0xf3, 0xab);
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(v->rip, FLAT_CODE);
        CU_ASSERT_EQUAL(flat_execute(1, 1, 0), -1);
        CU_ASSERT_EQUAL(v->r[R_CX], 2 - i);
    }
    CU_ASSERT_EQUAL(v->rip, FLAT_CODE + 2);
}

/* A fault in iteration j leaves j - 1 of them done and accounted for. */
static void rep_faults(void)
{
    for (unsigned size = 1; size <= 2; size++) {
        struct vcpu *v = fresh_real();
        u32 before = v->p.budget.left;

        v->seg[SEG_ES].limit = 0x107;
        v->r[R_DI] = 0x100;
        v->r[R_CX] = 50;
        v->r[R_AX] = 0x7777;
        CODE(0xf3, size == 1 ? 0xaa : 0xab);
        CU_ASSERT_EQUAL(run(32), VEC_GP);
        CU_ASSERT_EQUAL(v->rip, 0);
        CU_ASSERT_EQUAL(v->r[R_DI], 0x108);
        CU_ASSERT_EQUAL(v->r[R_CX], 50 - 8 / size);
        CU_ASSERT_EQUAL(before - v->p.budget.left, 8 / size);
        CU_ASSERT(data32(0x104) == 0x77777777 && data32(0x108) == 0);
    }
}

static void rep_wraps(void)
{
    struct vcpu *v = fresh_real();

    v->r[R_DI] = 0xaaaafffe;
    v->r[R_CX] = 0xbbbb0004;
    v->r[R_AX] = 0x33;
    CODE(0xf3, 0xaa);
    CU_ASSERT_EQUAL(run(32), VEC_UD);
    CU_ASSERT_EQUAL(v->r[R_DI], 0xaaaa0002);
    CU_ASSERT_EQUAL(v->r[R_CX], 0xbbbb0000);
    CU_ASSERT_EQUAL(load_le16((void *)FLAT_DATA), 0x3333);
    CU_ASSERT_EQUAL(load_le16((void *)(FLAT_DATA + 0xfffe)), 0x3333);
}

/* --- Flags and privilege -----------------------------------------------------------------------
 */

static u32 popf_at(unsigned cpl, unsigned iopl, u32 popped)
{
    struct vcpu *v = fresh();

    v->cpl = (u8)cpl;
    v->rflags = 2 | iopl << 12;
    store_le64((void *)v->r[R_SP], popped);
    CODE(0x9d);
    CU_ASSERT_EQUAL(flat_execute(1, 32, 0), -1);
    return vcpu_flags(v);
}

static void popf_by_privilege(void)
{
    u32 all = 0x277fd7; /* everything defined but TF */

    CU_ASSERT_EQUAL(popf_at(0, 0, all), (all & ~(u32)(FL_RF | FL_VM | FL_VIF | FL_VIP)));
    CU_ASSERT_EQUAL(popf_at(3, 0, all) & (FL_IOPL | FL_IF), 0);
    CU_ASSERT_EQUAL(popf_at(3, 3, 0) & (FL_IOPL | FL_IF), FL_IOPL);
    CU_ASSERT_EQUAL(popf_at(3, 3, FL_IF) & (FL_IOPL | FL_IF), FL_IOPL | FL_IF);
    CU_ASSERT_EQUAL(popf_at(2, 1, FL_IF) & FL_IF, 0);
    CU_ASSERT_EQUAL(popf_at(3, 0, FL_AC | FL_ID) & (FL_AC | FL_ID), FL_AC | FL_ID);
}

static int v86(unsigned iopl, u32 rflags, u64 cr4, u8 op)
{
    struct vcpu *v = fresh_real();

    v->cr0 = CR0_PE;
    v->cr4 = cr4;
    v->cpl = 3;
    v->rflags = 2 | FL_VM | iopl << 12 | rflags;
    v->key = CODE_16 | KEY_PE | KEY_V86;
    CODE(op);
    return flat_execute(1, 1, 0);
}

static void v86_flags(void)
{
    struct vcpu *v = flat_vcpu();
    const u8 *top = (const u8 *)(FLAT_DATA + 0x10000 + 0x7ffe);

    CU_ASSERT_EQUAL(v86(3, FL_IF, 0, 0x9c), -1);
    CU_ASSERT_EQUAL(load_le16(top), FL_IF | FL_IOPL | 2);
    CU_ASSERT_EQUAL(v86(0, FL_IF, 0, 0x9c), VEC_GP);
    CU_ASSERT_EQUAL(v86(0, FL_IF, 0, 0x9d), VEC_GP);
    CU_ASSERT_EQUAL(v86(0, FL_IF, CR4_VME, 0x9c), -1); /* VME: IF is VIF, IOPL reads 3 */
    CU_ASSERT_EQUAL(load_le16(top), FL_IOPL | 2);
    CU_ASSERT_EQUAL(v86(0, FL_IF | FL_VIF, CR4_VME, 0x9c), -1);
    CU_ASSERT_EQUAL(load_le16(top), FL_IOPL | FL_IF | 2);
    CU_ASSERT_EQUAL(v86(0, FL_IF | FL_VIF, CR4_VME, 0x9d), -1); /* pops 0 */
    CU_ASSERT_EQUAL(v->rflags & (FL_IF | FL_VIF | FL_VM), FL_IF | FL_VM);
}

/* --- Faults leave no trace ---------------------------------------------------------------------
 */

static void no_commit_before_a_fault(void)
{
    static const struct {
        u8 code[8];
        unsigned len;
        int vector;
    } cases[] = {
        {{0x48, 0x01, 0x03}, 3, VEC_GP},             /* add [rbx], rax */
        {{0x48, 0x03, 0x03}, 3, VEC_GP},             /* add rax, [rbx] */
        {{0xf0, 0x48, 0x0f, 0xc1, 0x03}, 5, VEC_GP}, /* lock xadd [rbx], rax */
        {{0x48, 0x0f, 0xb1, 0x03}, 4, VEC_GP},       /* cmpxchg [rbx], rax */
        {{0x48, 0x0f, 0xc7, 0x0b}, 4, VEC_GP},       /* cmpxchg16b [rbx] */
        {{0xff, 0x33}, 2, VEC_GP},                   /* push [rbx] */
        {{0x8f, 0x03}, 2, VEC_GP},                   /* pop [rbx] */
        {{0xff, 0x13}, 2, VEC_GP},                   /* call [rbx] */
        {{0x48, 0xf7, 0x3b}, 3, VEC_GP},             /* idiv [rbx] */
        {{0x48, 0xf7, 0xf1}, 3, VEC_DE},             /* div rcx = 0 */
        {{0xa4}, 1, VEC_GP},                         /* movsb to rdi = bad */
        {{0xf3, 0xa5}, 2, -1},                       /* rep movsd, count 0 */
        {{0xff, 0xe3}, 2, VEC_GP},                   /* jmp rbx: not canonical */
        {{0xff, 0xd3}, 2, VEC_GP},                   /* call rbx */
        {{0x48, 0xd3, 0x23}, 3, VEC_GP},             /* shl [rbx], cl */
        {{0x0f, 0xab, 0x03}, 3, VEC_GP},             /* bts [rbx], eax */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct vcpu *v = fresh();
        u64 before[16];
        int vector;

        memset((void *)(FLAT_STACK - 0x2000), 0, 0x2000);
        v->r[R_BX] = v->r[R_DI] = 0x8000000000000010;
        v->r[R_SI] = FLAT_DATA;
        v->r[R_AX] = 5;
        v->r[R_BP] = FLAT_DATA;
        v->cc = CC_CF | CC_OF;
        put(FLAT_CODE, cases[i].code, sizeof(cases[i].code));
        memcpy(before, v->r, sizeof(before));
        vector = flat_execute(1, 1, CPU_FEATURES_ALL);
        CU_ASSERT_EQUAL(vector, cases[i].vector);
        if (vector < 0)
            continue;
        CU_ASSERT_EQUAL(v->rip, FLAT_CODE);
        CU_ASSERT(!memcmp(before, v->r, sizeof(before)));
        CU_ASSERT_EQUAL(v->cc, CC_CF | CC_OF);
        CU_ASSERT_EQUAL(load_le64((void *)(FLAT_STACK - 0x1008)), 0);
    }
}

/* A bad stack address is #SS, not #GP, in 64-bit code too. */
static void stack_faults_64(void)
{
    static const u8 codes[][4] = {{0x50}, {0x58}, {0x6a, 1},          {0xe8, 0, 0, 0},
                                  {0xc3}, {0xc9}, {0x8b, 0x04, 0x24}, {0x8b, 0x45, 0}};

    for (unsigned i = 0; i < ARRAY_SIZE(codes); i++) {
        struct vcpu *v = fresh();

        v->r[R_SP] = v->r[R_BP] = 0x9000000000000000;
        memset((void *)FLAT_CODE, 0, 16);
        put(FLAT_CODE, codes[i], 4);
        CU_ASSERT_EQUAL(flat_execute(1, 1, 0), VEC_SS);
        CU_ASSERT_EQUAL(v->r[R_SP], 0x9000000000000000);
    }
}

TEST_SUITE(integer, TEST(stack_16), TEST(addresses_wrap), TEST(calls_and_loops_16), TEST(enter_16),
           TEST(bound_and_into), TEST(rep_counts), TEST(rep_stops_at_the_budget),
           TEST(rep_single_steps), TEST(rep_faults), TEST(rep_wraps), TEST(popf_by_privilege),
           TEST(v86_flags), TEST(no_commit_before_a_fault), TEST(stack_faults_64));
