/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE, FXRSTOR, XSAVE, XSAVEOPT, XRSTOR, XGETBV and XSETBV, the layouts of FNSTENV, and who
 * raises what when the FPU is not usable. The images are compared with the host's; its error
 * pointers (saved by AMD hosts only while ES is set) and its MXCSR_MASK are not.
 */
#include "cpu/f80.h"
#include "cpu/fpu.h"
#include "tests/lib/suite.h"
#include "tests/unit/fpu_fixture.h"

static const u8 fxsave[3] = {0x0f, 0xae, 0x06}, fxsave64[4] = {0x48, 0x0f, 0xae, 0x06};
static const u8 fxrstor[3] = {0x0f, 0xae, 0x0e}, fxrstor64[4] = {0x48, 0x0f, 0xae, 0x0e};
static const u8 xsave[3] = {0x0f, 0xae, 0x26}, xsave64[4] = {0x48, 0x0f, 0xae, 0x26};
static const u8 xrstor[3] = {0x0f, 0xae, 0x2e}, xrstor64[4] = {0x48, 0x0f, 0xae, 0x2e};
static const u8 xsaveopt[3] = {0x0f, 0xae, 0x36};
static const u8 xgetbv[3] = {0x0f, 0x01, 0xd0}, xsetbv[3] = {0x0f, 0x01, 0xd1};

static u8 *const data = fpu_data + FPU_DATA;

enum { MXCSR = 24, MXCSR_MASK = 28, HEADER = 512 };

static void random_data(void)
{
    for (unsigned i = 0; i < 1024; i += 8)
        store_le64(data + i, fpu_random());
}

static void random_case(struct native_state *s)
{
    fpu_random_state(s);
    s->fx.mxcsr = 0x1f80 | (fpu_random() & 0x603f);
    if (fpu_random() & 1)
        s->fx.fsw |= fpu_random() & SW_EXCEPTIONS;
    s->fx.fip = fpu_random() & 0xffffffff;
    s->fx.fdp = fpu_random() & 0xffffffff;
    s->fx.fop = fpu_random() & 0x7ff;
    s->gpr[R_AX] = 3;
    s->gpr[R_DX] = 0;
    random_data();
}

/* Save images: hide what hosts may store differently. Selectors are not in the state that the
 * fixture loads. */
static void hide_in_image(u8 *image, const struct native_state *s)
{
    bool es = s->fx.fsw & ~s->fx.fcw & SW_EXCEPTIONS;

    if (!es)
        memset(image + 6, 0, 18);
    memset(image + 12, 0, 4);
    memset(image + 20, 0, 4);
    memset(image + MXCSR_MASK, 0, 4);
}

static void save_equals_the_host(const u8 *insn, unsigned len, bool x)
{
    for (unsigned n = 0; n < fpu_case_count(); n++) {
        struct native_state before;
        struct fpu_outcome ours, host;

        random_case(&before);
        if (x)
            store_le64(data + HEADER, fpu_random() & 3);
        fpu_run_both(insn, len, &before, &ours, &host);
        CU_ASSERT_EQUAL(ours.vector, host.vector);
        hide_in_image(ours.memory, &before);
        hide_in_image(host.memory, &before);
        /* An AMD host calls x87 in use always; random registers are. */
        CU_ASSERT(!memcmp(ours.memory, host.memory, sizeof(ours.memory)));
    }
}

static void fxsave_images(void)
{
    fpu_defaults();
    fpu_random_seed(7);
    save_equals_the_host(fxsave, 3, false);
    save_equals_the_host(fxsave64, 4, false);
}

static void xsave_images(void)
{
    fpu_defaults();
    fpu_random_seed(8);
    save_equals_the_host(xsave, 3, true);
    save_equals_the_host(xsave64, 4, true);
}

/* A random image that can be restored, sometimes with one reserved bit of MXCSR set. */
static void random_image(bool x)
{
    random_data();
    for (unsigned i = 0; i < 8; i++)
        fpu_random_f80(data + 32 + 16 * i);
    store_le32(data + MXCSR, fpu_random() & 0xffff);
    if (!(fpu_random() & 15))
        store_le32(data + MXCSR, 1u << (fpu_random() & 31));
    /* FCS and FDS do not matter, and AMD hosts drop the pointers without ES. */
    if (x) {
        memset(data + HEADER, 0, 64);
        data[HEADER] = fpu_random() & 3;
        if (!(fpu_random() & 15))
            data[HEADER + (fpu_random() & 31)] |= 0x10;
    }
}

static void restore_equals_the_host(const u8 *insn, unsigned len, bool x)
{
    for (unsigned n = 0; n < fpu_case_count(); n++) {
        struct native_state before;
        struct fpu_outcome ours, host;

        random_case(&before);
        random_image(x);
        if (x && (load_le64(data + HEADER) & ~3ull))
            data[HEADER + 8] |= 1; /* more of the host's XCR0 may be valid than ours */
        before.gpr[R_AX] = fpu_random() & 3;
        /* MISALIGNSSE is an AMD host's own. */
        data[MXCSR + 2] &= ~2;
        fpu_run_both(insn, len, &before, &ours, &host);
        CU_ASSERT(fpu_same(&ours, &host));
    }
}

static void fxrstor_states(void)
{
    fpu_defaults();
    fpu_random_seed(9);
    restore_equals_the_host(fxrstor, 3, false);
    restore_equals_the_host(fxrstor64, 4, false);
}

static void xrstor_states(void)
{
    fpu_defaults();
    fpu_random_seed(10);
    restore_equals_the_host(xrstor, 3, true);
    restore_equals_the_host(xrstor64, 4, true);
}

static void pointers_survive(void)
{
    struct vcpu *v = fpu_vcpu();
    struct native_state s;

    fpu_defaults();
    random_case(&s);
    fpu_fixture_run(fxsave64, 4, &s);
    u64 ip = v->fpu.ip = 0x123456789abc, dp = v->fpu.dp = 0xfedcba987654;
    v->fpu.cs = 0x33;
    v->fpu.ds = 0x2b;
    CU_ASSERT_EQUAL(fpu_fixture_step(fxsave64, 4), -1);
    v->fpu.ip = v->fpu.dp = 0;
    CU_ASSERT_EQUAL(fpu_fixture_step(fxrstor64, 4), -1);
    CU_ASSERT(v->fpu.ip == ip && v->fpu.dp == dp && v->fpu.cs == 0);
    v->fpu.cs = 0x33;
    CU_ASSERT_EQUAL(fpu_fixture_step(fxsave, 3), -1);
    v->fpu.ip = v->fpu.dp = v->fpu.cs = v->fpu.ds = 0;
    CU_ASSERT_EQUAL(fpu_fixture_step(fxrstor, 3), -1);
    CU_ASSERT(v->fpu.ip == (u32)ip && v->fpu.dp == (u32)dp && v->fpu.cs == 0x33);
}

/* XSAVEOPT leaves out components in their initial state; XSAVE stores them and says that they are
 * initial. */
static void initial_components(void)
{
    static const u8 fninit[2] = {0xdb, 0xe3};
    struct vcpu *v = fpu_vcpu();
    struct native_state s;

    fpu_defaults();
    random_case(&s);
    fpu_fixture_run(fninit, 2, &s);
    memset(v->fpu.st, 0, sizeof(v->fpu.st));
    memset(data, 0xaa, 576);
    memset(data + HEADER, 0, 64);
    CU_ASSERT_EQUAL(fpu_fixture_step(xsaveopt, 3), -1);
    CU_ASSERT_EQUAL(load_le64(data + HEADER), 2);
    CU_ASSERT(data[0] == 0xaa && data[32] == 0xaa && data[MXCSR + 1] != 0xaa &&
              !memcmp(data + 160, v->fpu.xmm, 256));
    memset(v->fpu.xmm, 0, sizeof(v->fpu.xmm));
    memset(data, 0xaa, HEADER);
    CU_ASSERT_EQUAL(fpu_fixture_step(xsaveopt, 3), -1);
    CU_ASSERT_EQUAL(load_le64(data + HEADER), 0);
    CU_ASSERT(data[160] == 0xaa && load_le32(data + MXCSR) == v->fpu.mxcsr);
    CU_ASSERT_EQUAL(fpu_fixture_step(xsave, 3), -1);
    CU_ASSERT_EQUAL(load_le64(data + HEADER), 0);
    CU_ASSERT(load_le16(data) == FPU_CW_INIT && data[160] == 0 && data[415] == 0 &&
              data[416] == 0xaa);
}

/* Outside 64-bit code the upper eight XMM registers do not exist; without CR4.OSFXSR none does. */
static void xmm_not_in_the_image(void)
{
    struct vcpu *v = fpu_vcpu();
    struct native_state s;

    fpu_defaults();
    random_case(&s);
    fpu_fixture_run(fxsave, 3, &s);
    v->seg[SEG_CS].l = false;
    v->seg[SEG_CS].db = true;
    v->r[R_SI] = FPU_LOW_PAGE + FPU_DATA;
    memset(data, 0xaa, 512);
    CU_ASSERT_EQUAL(fpu_fixture_step(fxsave, 3), -1);
    CU_ASSERT(!memcmp(data + 160, v->fpu.xmm, 128) && data[288] == 0xaa);
    memset(data + 160, 0x55, 256);
    CU_ASSERT_EQUAL(fpu_fixture_step(fxrstor, 3), -1);
    CU_ASSERT(v->fpu.xmm[7].q[1] == 0x5555555555555555 && v->fpu.xmm[8].q[0] == s.fx.xmm[8].q[0]);
    v->cr4 &= ~(u64)CR4_OSFXSR;
    memset(data, 0xaa, 512);
    CU_ASSERT_EQUAL(fpu_fixture_step(fxsave, 3), -1);
    CU_ASSERT(load_le16(data) == v->fpu.cw && data[MXCSR] == 0xaa && data[160] == 0xaa);
    fpu_defaults();
}

static int vector_of(const u8 *insn, unsigned len, u64 cr0, u64 cr4, i64 offset)
{
    struct vcpu *v = fpu_vcpu();
    struct native_state s;

    fpu_defaults();
    random_case(&s);
    random_image(true);
    memset(data + HEADER, 0, 64);
    store_le32(data + MXCSR, 0x1f80);
    v->cr0 = CR0_PE | CR0_NE | cr0;
    v->cr4 = cr4;
    s.gpr[R_SI] += (u64)offset;
    s.gpr[R_CX] = 0;
    int vector = fpu_fixture_run(insn, len, &s);
    fpu_defaults();
    return vector;
}

static void faults(void)
{
    u64 on = CR4_OSFXSR | CR4_OSXSAVE;

    CU_ASSERT_EQUAL(vector_of(fxsave, 3, 0, on, 0), -1);
    CU_ASSERT_EQUAL(vector_of(fxsave, 3, 0, on, 8), VEC_GP);
    CU_ASSERT_EQUAL(vector_of(fxrstor, 3, 0, on, 4), VEC_GP);
    CU_ASSERT_EQUAL(vector_of(xsave, 3, 0, on, 0), -1);
    CU_ASSERT_EQUAL(vector_of(xsave, 3, 0, on, 16), VEC_GP);
    CU_ASSERT_EQUAL(vector_of(xrstor, 3, 0, on, 32), VEC_GP);
    CU_ASSERT_EQUAL(vector_of(fxsave, 3, CR0_EM, on, 0), VEC_NM);
    CU_ASSERT_EQUAL(vector_of(fxrstor, 3, CR0_TS, on, 0), VEC_NM);
    CU_ASSERT_EQUAL(vector_of(xsave, 3, CR0_TS, on, 0), VEC_NM);
    CU_ASSERT_EQUAL(vector_of(xsave, 3, 0, CR4_OSFXSR, 0), VEC_UD);
    CU_ASSERT_EQUAL(vector_of(xrstor, 3, CR0_TS, CR4_OSFXSR, 0), VEC_UD);
    CU_ASSERT_EQUAL(vector_of(xgetbv, 3, 0, on, 0), -1);
    CU_ASSERT_EQUAL(vector_of(xgetbv, 3, 0, 0, 0), VEC_UD);
    CU_ASSERT_EQUAL(vector_of(xsetbv, 3, 0, on, 0), -1);
    CU_ASSERT_EQUAL(vector_of(xsetbv, 3, 0, 0, 0), VEC_UD);
}

static void xcr0_values(void)
{
    static const struct {
        u64 value;
        u32 index;
        u8 cpl;
        int vector;
    } cases[] = {
        {1, 0, 0, -1},
        {3, 0, 0, -1},
        {2, 0, 0, VEC_GP},
        {7, 0, 0, VEC_GP},
        {3, 1, 0, VEC_GP},
        {3, 0, 3, VEC_GP},
        {1ull << 63 | 1, 0, 0, VEC_GP},
    };
    struct vcpu *v = fpu_vcpu();

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        fpu_defaults();
        v->cpl = cases[i].cpl;
        v->r[R_AX] = (u32)cases[i].value;
        v->r[R_DX] = cases[i].value >> 32;
        v->r[R_CX] = cases[i].index;
        CU_ASSERT_EQUAL(fpu_fixture_step(xsetbv, 3), cases[i].vector);
        CU_ASSERT_EQUAL(v->xcr0, cases[i].vector < 0 ? cases[i].value : (XCR0_X87 | XCR0_SSE));
    }
    fpu_defaults();
    v->r[R_CX] = 0;
    CU_ASSERT_EQUAL(fpu_fixture_step(xgetbv, 3), -1);
    CU_ASSERT(v->r[R_AX] == (XCR0_X87 | XCR0_SSE) && v->r[R_DX] == 0);
}

static unsigned ferr_calls;

static void count_ferr(struct vcpu *v)
{
    (void)v;
    ferr_calls++;
}

/* CR0 bits and pending faults, SDM vol. 3 table 2-2. */
static void x87_availability(void)
{
    static const u8 fld1[2] = {0xd9, 0xe8}, fwait[1] = {0x9b}, fnstsw[2] = {0xdf, 0xe0},
                    fnop[2] = {0xd9, 0xd0}, fnclex[2] = {0xdb, 0xe2};
    static const struct {
        u64 cr0;
        int x87, wait;
    } cases[] = {
        {0, -1, -1},
        {CR0_MP, -1, -1},
        {CR0_TS, VEC_NM, -1},
        {CR0_TS | CR0_MP, VEC_NM, VEC_NM},
        {CR0_EM, VEC_NM, -1},
        {CR0_EM | CR0_MP, VEC_NM, -1},
        {CR0_EM | CR0_TS, VEC_NM, -1},
        {CR0_EM | CR0_TS | CR0_MP, VEC_NM, VEC_NM},
    };
    struct vcpu *v = fpu_vcpu();

    fpu_defaults();
    fpu_init(&v->fpu);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        v->cr0 = CR0_PE | CR0_NE | cases[i].cr0;
        CU_ASSERT_EQUAL(fpu_fixture_step(fnop, 2), cases[i].x87);
        CU_ASSERT_EQUAL(fpu_fixture_step(fnstsw, 2), cases[i].x87);
        CU_ASSERT_EQUAL(fpu_fixture_step(fwait, 1), cases[i].wait);
    }
    /* A pending fault: #MF with NE, FERR without; instructions that do not wait pass. */
    v->cr0 = CR0_PE | CR0_NE;
    fpu_set_control(&v->fpu, 0x37e);
    fpu_set_status(&v->fpu, SW_IE);
    CU_ASSERT_EQUAL(fpu_fixture_step(fwait, 1), VEC_MF);
    CU_ASSERT_EQUAL(fpu_fixture_step(fld1, 2), VEC_MF);
    CU_ASSERT_EQUAL(fpu_fixture_step(fnstsw, 2), -1);
    CU_ASSERT_EQUAL(v->r[R_AX] & 0xffff, SW_IE | SW_ES | SW_B);
    v->cr0 = CR0_PE;
    CU_ASSERT_EQUAL(fpu_fixture_step(fwait, 1), -1);
    /* FERR# is asserted once for an error, and the instruction that met it is given up once. */
    v->ferr = count_ferr;
    ferr_calls = 0;
    for (unsigned errors = 1; errors <= 2; errors++) {
        unsigned top = v->fpu.top;

        CU_ASSERT_EQUAL(fpu_fixture_step(fld1, 2), -1);
        CU_ASSERT_EQUAL(v->fpu.top, top);
        CU_ASSERT_EQUAL(fpu_fixture_step(fld1, 2), -1);
        CU_ASSERT_EQUAL(v->fpu.top, (top - 1) & 7);
        CU_ASSERT_EQUAL(fpu_fixture_step(fwait, 1), -1);
        CU_ASSERT_EQUAL(ferr_calls, errors);
        CU_ASSERT_EQUAL(fpu_fixture_step(fnclex, 2), -1);
        CU_ASSERT_EQUAL(fpu_fixture_step(fwait, 1), -1);
        v->fpu.tag = 0;
        fpu_set_status(&v->fpu, SW_IE);
    }
    v->ferr = NULL;
    fpu_init(&v->fpu);
    fpu_defaults();
}

/* FNSTENV and FLDENV in the four layouts of SDM vol. 1 figures 8-9 to 8-12. */
static void environment_layouts(void)
{
    static const u8 store16[3] = {0x66, 0xd9, 0x36}, store32[2] = {0xd9, 0x36},
                    load16[3] = {0x66, 0xd9, 0x26}, load32[2] = {0xd9, 0x26};
    static const u8 expect[4][28] = {
        /* protected, 16 and 32 bits */
        {0x7f, 0x03, 0x00, 0x38, 0xff, 0x3f, 0x78, 0x56, 0x1b, 0x00, 0x21, 0x43, 0x23, 0x00},
        {0x7f, 0x03, 0xff, 0xff, 0x00, 0x38, 0xff, 0xff, 0xff, 0x3f, 0xff, 0xff, 0x78, 0x56,
         0x34, 0x12, 0x1b, 0x00, 0xd1, 0x05, 0x21, 0x43, 0x65, 0x07, 0x23, 0x00, 0xff, 0xff},
        /* real, 16 and 32 bits: linear pointers 123457?8 */
        {0x7f, 0x03, 0x00, 0x38, 0xff, 0x3f, 0x28, 0x58, 0xd1, 0x45, 0x51, 0x45, 0x00, 0x50},
        {0x7f, 0x03, 0xff, 0xff, 0x00, 0x38, 0xff, 0xff, 0xff, 0x3f, 0xff, 0xff, 0x28, 0x58,
         0xff, 0xff, 0xd1, 0x45, 0x23, 0x01, 0x51, 0x45, 0xff, 0xff, 0x00, 0x50, 0x76, 0x00},
    };
    struct vcpu *v = fpu_vcpu();

    fpu_defaults();
    v->seg[SEG_CS].l = false;
    v->seg[SEG_CS].db = true;
    v->r[R_SI] = FPU_LOW_PAGE + FPU_DATA;
    for (unsigned i = 0; i < 4; i++) {
        bool real = i & 2, wide = i & 1;
        v->cr0 = CR0_NE | (real ? 0 : CR0_PE);
        fpu_init(&v->fpu);
        v->fpu.top = 7;
        v->fpu.tag = 0x80;
        v->fpu.st[7] = f80_one(false);
        v->fpu.ip = 0x12345678;
        v->fpu.dp = 0x07654321;
        v->fpu.cs = 0x1b;
        v->fpu.ds = 0x23;
        v->fpu.opcode = 0x5d1;
        memset(data, 0xaa, 32);
        CU_ASSERT_EQUAL(wide ? fpu_fixture_step(store32, 2) : fpu_fixture_step(store16, 3), -1);
        CU_ASSERT(!memcmp(data, expect[i], wide ? 28 : 14) && data[wide ? 28 : 14] == 0xaa);
        fpu_init(&v->fpu);
        CU_ASSERT_EQUAL(wide ? fpu_fixture_step(load32, 2) : fpu_fixture_step(load16, 3), -1);
        CU_ASSERT(v->fpu.top == 7 && v->fpu.tag == 0x80);
        CU_ASSERT_EQUAL(wide ? fpu_fixture_step(store32, 2) : fpu_fixture_step(store16, 3), -1);
        CU_ASSERT(!memcmp(data, expect[i], wide ? 28 : 14));
    }
    fpu_defaults();
}

TEST_SUITE(fxsave, TEST(fxsave_images), TEST(xsave_images), TEST(fxrstor_states),
           TEST(xrstor_states), TEST(pointers_survive), TEST(initial_components),
           TEST(xmm_not_in_the_image), TEST(faults), TEST(xcr0_values), TEST(x87_availability),
           TEST(environment_layouts));
