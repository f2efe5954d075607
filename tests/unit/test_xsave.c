/* SPDX-License-Identifier: MIT */
/*
 * XSAVE with AVX state: where the component lies in both formats, what XSAVE, XSAVEOPT and XSAVEC store and leave out, XRSTOR of
 * either, of initial components and of bad headers, XGETBV's XINUSE, XSETBV's rules, CPUID leaf 0xD, and who raises what when
 * AVX is not usable. Intel SDM vol. 1 §13.4 to 13.13, §14.8; vol. 2.
 */
#include "cpu/cpuid.h"
#include "cpu/fpu.h"
#include "tests/lib/suite.h"
#include "tests/unit/fpu_fixture.h"

static const u8 xsave[3] = {0x0f, 0xae, 0x26}, xrstor[3] = {0x0f, 0xae, 0x2e},
                xsaveopt[3] = {0x0f, 0xae, 0x36}, xsavec[3] = {0x0f, 0xc7, 0x26};
static const u8 xgetbv[3] = {0x0f, 0x01, 0xd0}, xsetbv[3] = {0x0f, 0x01, 0xd1};

static u8 *const data = fpu_data + FPU_DATA;

enum { MXCSR = 24, XMM = 160, HEADER = 512, YMM = 576, END = 832 };
#define COMPACTED (1ull << 63)

/* Registers full of noise, XCR0 as given, requested: `components`. */
static struct vcpu *start(u64 xcr0, u32 components)
{
    struct vcpu *v = fpu_vcpu();

    fpu_defaults();
    v->model = cpu_model_find("max");
    fpu_init(&v->fpu);
    memset(v->fpu.st, 0, sizeof(v->fpu.st));
    v->xcr0 = xcr0;
    v->fpu.mxcsr = FPU_MXCSR_INIT;
    for (unsigned i = 0; i < 16; i++)
        for (unsigned k = 0; k < 2; k++) {
            v->fpu.xmm[i].q[k] = fpu_random() | 1;
            v->fpu.ymmh[i].q[k] = fpu_random() | 1;
        }
    v->r[R_AX] = components;
    v->r[R_DX] = 0;
    v->r[R_SI] = (uintptr_t)data;
    memset(data, 0xaa, 1024);
    memset(data + HEADER, 0, 64);
    return v;
}

static void saves(void)
{
    struct vcpu *v = start(7, 7);

    CU_ASSERT_EQUAL(fpu_fixture_step(xsave, 3), -1);
    CU_ASSERT_EQUAL(load_le64(data + HEADER), 6); /* x87 is initial */
    CU_ASSERT(!memcmp(data + XMM, v->fpu.xmm, 256) && !memcmp(data + YMM, v->fpu.ymmh, 256));
    CU_ASSERT(data[END] == 0xaa && load_le64(data + HEADER + 8) == 0);

    v = start(7, 4); /* MXCSR belongs to AVX as well */
    v->fpu.mxcsr = 0x1fa0;
    CU_ASSERT_EQUAL(fpu_fixture_step(xsave, 3), -1);
    CU_ASSERT(load_le64(data + HEADER) == 4 && load_le32(data + MXCSR) == 0x1fa0);
    CU_ASSERT(data[XMM] == 0xaa && !memcmp(data + YMM, v->fpu.ymmh, 256));

    v = start(7, 7);
    memset(v->fpu.ymmh, 0, sizeof(v->fpu.ymmh));
    CU_ASSERT_EQUAL(fpu_fixture_step(xsaveopt, 3), -1);
    CU_ASSERT(load_le64(data + HEADER) == 2 && data[YMM] == 0xaa);

    v = start(3, 7); /* not in XCR0 */
    CU_ASSERT_EQUAL(fpu_fixture_step(xsave, 3), -1);
    CU_ASSERT(load_le64(data + HEADER) == 2 && data[YMM] == 0xaa);
}

static void saves_compacted(void)
{
    struct vcpu *v = start(7, 7);

    CU_ASSERT_EQUAL(fpu_fixture_step(xsavec, 3), -1);
    CU_ASSERT(load_le64(data + HEADER) == 6 && load_le64(data + HEADER + 8) == (COMPACTED | 7));
    CU_ASSERT(!memcmp(data + YMM, v->fpu.ymmh, 256) && data[0] == 0xaa);

    v = start(7, 7); /* MXCSR alone makes the SSE component worth saving */
    memset(v->fpu.xmm, 0, sizeof(v->fpu.xmm));
    memset(v->fpu.ymmh, 0, sizeof(v->fpu.ymmh));
    v->fpu.mxcsr = 0x1f81;
    CU_ASSERT_EQUAL(fpu_fixture_step(xsavec, 3), -1);
    CU_ASSERT(load_le64(data + HEADER) == 2 && load_le32(data + MXCSR) == 0x1f81);
    v->fpu.mxcsr = FPU_MXCSR_INIT;
    memset(data, 0xaa, HEADER);
    CU_ASSERT_EQUAL(fpu_fixture_step(xsavec, 3), -1);
    CU_ASSERT(load_le64(data + HEADER) == 0 && data[MXCSR] == 0xaa && data[YMM] == 0xaa);
}

static bool all_are(const union xmm *x, u64 value)
{
    for (unsigned i = 0; i < 16; i++)
        if (x[i].q[0] != value || x[i].q[1] != value)
            return false;
    return true;
}

static void restores(void)
{
    const u64 a = 0xaaaaaaaaaaaaaaaa;
    struct vcpu *v = start(7, 6);

    store_le32(data + MXCSR, 0x1f85);
    store_le64(data + HEADER, 4);
    CU_ASSERT_EQUAL(fpu_fixture_step(xrstor, 3), -1);
    CU_ASSERT(all_are(v->fpu.xmm, 0) && all_are(v->fpu.ymmh, a) && v->fpu.mxcsr == 0x1f85);

    v = start(7, 4); /* the upper halves alone, initial */
    store_le32(data + MXCSR, 0x1f82);
    CU_ASSERT_EQUAL(fpu_fixture_step(xrstor, 3), -1);
    CU_ASSERT(!all_are(v->fpu.xmm, 0) && all_are(v->fpu.ymmh, 0) && v->fpu.mxcsr == 0x1f82);

    v = start(7, 6); /* compacted: MXCSR as its component */
    v->fpu.mxcsr = 0x1fbf;
    store_le64(data + HEADER, 4);
    store_le64(data + HEADER + 8, COMPACTED | 4);
    CU_ASSERT_EQUAL(fpu_fixture_step(xrstor, 3), -1);
    CU_ASSERT(all_are(v->fpu.xmm, 0) && all_are(v->fpu.ymmh, a) && v->fpu.mxcsr == FPU_MXCSR_INIT);
}

/* Component 9: at 2432 in the standard format, behind those that are there in the compacted one. */
static void protection_keys(void)
{
    struct vcpu *v = start(0x207, 0x204);

    memset(data, 0xaa, 2560);
    memset(data + HEADER, 0, 64);
    vcpu_set_pkru(v, 0x12345678);
    CU_ASSERT_EQUAL(fpu_fixture_step(xsave, 3), -1);
    CU_ASSERT(load_le64(data + HEADER) == 0x204 && load_le64(data + 2432) == 0x12345678);
    CU_ASSERT_EQUAL(fpu_fixture_step(xsavec, 3), -1);
    CU_ASSERT(load_le64(data + HEADER + 8) == (COMPACTED | 0x204));
    CU_ASSERT_EQUAL(load_le64(data + 832), 0x12345678);
    v->r[R_AX] = 0x200;
    CU_ASSERT_EQUAL(fpu_fixture_step(xsavec, 3), -1);
    CU_ASSERT_EQUAL(load_le64(data + YMM), 0x12345678);
    store_le64(data + YMM, 0x55);
    CU_ASSERT_EQUAL(fpu_fixture_step(xrstor, 3), -1);
    CU_ASSERT_EQUAL(v->pkru, 0x55);
    store_le64(data + HEADER, 0);
    CU_ASSERT_EQUAL(fpu_fixture_step(xrstor, 3), -1);
    CU_ASSERT_EQUAL(v->pkru, 0);
}

static int restore_with(u64 xcr0, u64 xstate_bv, u64 xcomp_bv, unsigned reserved)
{
    start(xcr0, 7);
    store_le32(data + MXCSR, FPU_MXCSR_INIT);
    store_le64(data + HEADER, xstate_bv);
    store_le64(data + HEADER + 8, xcomp_bv);
    if (reserved)
        data[HEADER + reserved] = 1;
    return fpu_fixture_step(xrstor, 3);
}

static void bad_headers(void)
{
    CU_ASSERT_EQUAL(restore_with(7, 6, 0, 0), -1);
    CU_ASSERT_EQUAL(restore_with(3, 4, 0, 0), VEC_GP);
    CU_ASSERT_EQUAL(restore_with(7, 6, 7, 0), VEC_GP);
    CU_ASSERT_EQUAL(restore_with(7, 6, 0, 16), VEC_GP);
    CU_ASSERT_EQUAL(restore_with(7, 6, COMPACTED | 7, 0), -1);
    CU_ASSERT_EQUAL(restore_with(7, 6, COMPACTED | 3, 0), VEC_GP);
    CU_ASSERT_EQUAL(restore_with(3, 2, COMPACTED | 7, 0), VEC_GP);
    CU_ASSERT_EQUAL(restore_with(7, 6, COMPACTED | 7, 24), VEC_GP);
    CU_ASSERT_EQUAL(restore_with(7, 6, COMPACTED | 7, 63), VEC_GP);
}

static void extended_control_register(void)
{
    static const struct {
        u64 value;
        int vector;
    } cases[] = {{1, -1}, {3, -1}, {7, -1}, {5, VEC_GP}, {4, VEC_GP}, {6, VEC_GP}, {15, VEC_GP}};
    struct vcpu *v;

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        v = start(3, (u32)cases[i].value);
        v->r[R_CX] = 0;
        CU_ASSERT_EQUAL(fpu_fixture_step(xsetbv, 3), cases[i].vector);
        CU_ASSERT_EQUAL(v->xcr0, cases[i].vector < 0 ? cases[i].value : 3);
    }
    v = start(7, 0);
    v->r[R_CX] = 1;
    memset(v->fpu.xmm, 0, sizeof(v->fpu.xmm));
    CU_ASSERT_EQUAL(fpu_fixture_step(xgetbv, 3), -1);
    CU_ASSERT(v->r[R_AX] == 4 && v->r[R_DX] == 0);
    v->r[R_CX] = 2;
    CU_ASSERT_EQUAL(fpu_fixture_step(xgetbv, 3), VEC_GP);
}

static void leaves(void)
{
    struct vcpu *v = start(7, 0);
    struct cpuid_regs r = cpuid_query(v, 0xd, 0);

    CU_ASSERT((r.eax & 7) == 7 && r.ebx == 832 && r.ecx >= 832 && r.edx == 0);
    r = cpuid_query(v, 0xd, 1);
    CU_ASSERT((r.eax & 7) == 7 && r.ebx == 832);
    r = cpuid_query(v, 0xd, 2);
    CU_ASSERT(r.eax == 256 && r.ebx == 576 && r.ecx == 0);
    v->xcr0 = 3;
    CU_ASSERT_EQUAL(cpuid_query(v, 0xd, 0).ebx, 576);
    v->model = cpu_model_find("x86-64-v2");
    r = cpuid_query(v, 0xd, 0);
    CU_ASSERT(r.eax == 3 && r.ebx == 576 && r.ecx == 576);
    CU_ASSERT(cpuid_query(v, 0xd, 2).eax == 0);
}

/* CR0.EM and CR4.OSFXSR play no role, #UD comes before #NM. */
static void availability(void)
{
    static const u8 vaddps[4] = {0xc5, 0xfc, 0x58, 0xc1};
    static const struct {
        u64 cr0, cr4, xcr0;
        int vector;
    } cases[] = {
        {0, CR4_OSXSAVE, 7, -1},     {CR0_EM, CR4_OSXSAVE, 7, -1}, {CR0_TS, CR4_OSXSAVE, 7, VEC_NM},
        {0, CR4_OSXSAVE, 3, VEC_UD}, {0, CR4_OSFXSR, 7, VEC_UD},   {CR0_TS, CR4_OSFXSR, 7, VEC_UD},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct vcpu *v = start(cases[i].xcr0, 0);

        memset(v->fpu.xmm, 0, sizeof(v->fpu.xmm));
        memset(v->fpu.ymmh, 0, sizeof(v->fpu.ymmh));
        v->cr0 = CR0_PE | CR0_NE | cases[i].cr0;
        v->cr4 = cases[i].cr4;
        CU_ASSERT_EQUAL(fpu_fixture_step(vaddps, 4), cases[i].vector);
    }
    fpu_defaults();
}

TEST_SUITE(xsave, TEST(saves), TEST(saves_compacted), TEST(restores), TEST(protection_keys),
           TEST(bad_headers), TEST(extended_control_register), TEST(leaves), TEST(availability));
