/* SPDX-License-Identifier: MIT */
/*
 * Instructions that come with a feature and need a privilege, a control register or an MSR: RDTSCP, RDPID, RDPKRU, WRPKRU, INVPCID,
 * those that UMIP guards, and that CR4 takes a feature's bit with the feature only. One instruction each, in real mode at CPL 0 or as
 * CPL 3. Intel SDM vol. 2 under the names, vol. 3 §2.5.
 */
#include "cpu/cpuid.h"
#include "tests/lib/bare.h"
#include "tests/lib/suite.h"

enum { NOTHING = -1, ENTRY = 0x10000, DATA = 0x2000 };

static struct bare b;
static struct cpu_model model;
static unsigned at; /* where the last instruction was, from ENTRY */

static struct vcpu *start(const char *features)
{
    char err[128];

    CU_ASSERT_EQUAL_FATAL(cpu_model_parse(&model, features, err, sizeof(err)), 0);
    CU_ASSERT_FATAL(bare_create(&b, 1 << 20, ENTRY, "max"));
    b.v->model = &model;
    at = 0;
    return b.v;
}

/* Execute one instruction; the vector of its fault, which is delivered through whatever lies at 0 and undone. */
static int one(const void *code, unsigned n)
{
    struct vcpu *v = b.v;
    struct segreg cs = v->seg[SEG_CS];
    u64 sp = v->r[R_SP] = 0x8000;
    u8 cpl = v->cpl;
    int vector;

    at += 16; /* each in its own place: nobody is told of these writes */
    memcpy(b.mem.ram + ENTRY + at, code, n);
    v->rip = at;
    v->exc.vector = 0xff;
    mmu_forget_code(&v->mmu);
    bare_step(&b);
    if (v->exc.vector == 0xff) {
        CU_ASSERT_EQUAL(v->rip, at + n);
        return NOTHING;
    }
    vector = v->exc.vector;
    v->seg[SEG_CS] = cs;
    v->r[R_SP] = sp;
    v->cpl = cpl;
    v->activity = CPU_RUNNING;
    return vector;
}
#define ONE(...) one((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

#define RDPID 0xf3, 0x0f, 0xc7, 0xfb /* into EBX */
#define RDPKRU 0x0f, 0x01, 0xee
#define WRPKRU 0x0f, 0x01, 0xef
#define INVPCID 0x66, 0x0f, 0x38, 0x82, 0x07 /* EAX, [BX] */

static void processor_id(void)
{
    struct vcpu *v = start("max");

    v->tsc_aux = 0x12345678;
    v->cr4 |= CR4_TSD; /* which is RDTSCP's business, at CPL 3, and not RDPID's */
    v->r[R_BX] = ~0ull;
    CU_ASSERT_EQUAL(ONE(RDPID), NOTHING);
    CU_ASSERT_EQUAL(v->r[R_BX], 0x12345678);
    CU_ASSERT_EQUAL(ONE(0xf0, RDPID), VEC_UD);
    bare_destroy(&b);
    start("max,-rdpid");
    CU_ASSERT_EQUAL(ONE(RDPID), VEC_UD);
    bare_destroy(&b);
}

static void key_rights(void)
{
    struct vcpu *v = start("max");

    CU_ASSERT_EQUAL(ONE(RDPKRU), VEC_UD);
    CU_ASSERT_EQUAL(ONE(WRPKRU), VEC_UD);
    CU_ASSERT_FALSE(cpuid_query(v, 7, 0).ecx & 1u << 4);
    v->cr4 |= CR4_PKE;
    CU_ASSERT_TRUE(cpuid_query(v, 7, 0).ecx & 1u << 4);
    v->r[R_AX] = 0xdeadbeef55555554;
    v->r[R_CX] = v->r[R_DX] = 0xffffffff00000000; /* the lower halves count */
    CU_ASSERT_EQUAL(ONE(WRPKRU), NOTHING);
    CU_ASSERT_EQUAL(v->pkru, 0x55555554);
    CU_ASSERT_EQUAL(v->mmu.pkru, 0x55555554);
    v->r[R_AX] = v->r[R_DX] = ~0ull;
    CU_ASSERT_EQUAL(ONE(RDPKRU), NOTHING);
    CU_ASSERT_EQUAL(v->r[R_AX], 0x55555554);
    CU_ASSERT_EQUAL(v->r[R_DX], 0);
    v->r[R_CX] = 1;
    CU_ASSERT_EQUAL(ONE(RDPKRU), VEC_GP);
    CU_ASSERT_EQUAL(ONE(WRPKRU), VEC_GP);
    v->r[R_CX] = 0;
    v->r[R_DX] = 1;
    CU_ASSERT_EQUAL(ONE(WRPKRU), VEC_GP);
    CU_ASSERT_EQUAL(ONE(0x66, WRPKRU), VEC_UD);
    vcpu_init_signal(v);
    CU_ASSERT_EQUAL(v->pkru, 0x55555554); /* INIT leaves it */
    vcpu_reset(v, true);
    CU_ASSERT_EQUAL(v->pkru, 0);
    bare_destroy(&b);
}

/* The descriptor: PCID in bits 11 to 0, the others of the first quadword 0; then the address. */
static int invpcid(u32 type, u64 pcid, u64 address)
{
    memcpy(b.mem.ram + DATA, &pcid, 8);
    memcpy(b.mem.ram + DATA + 8, &address, 8);
    b.v->r[R_AX] = type;
    b.v->r[R_BX] = DATA;
    return ONE(INVPCID);
}

static void invalidations(void)
{
    struct vcpu *v = start("max,-la57");

    for (u32 type = 0; type < 4; type++) {
        CU_ASSERT_EQUAL(invpcid(type, 0, 0x1000), NOTHING);
        CU_ASSERT_EQUAL(invpcid(type, 0x1000, 0), VEC_GP); /* reserved bits, whatever the type */
        CU_ASSERT_EQUAL(invpcid(type, 1, 0), type < 2 ? VEC_GP : NOTHING); /* CR4.PCIDE is clear */
        CU_ASSERT_EQUAL(invpcid(type, 0, 1ull << 47), type ? NOTHING : VEC_GP);
    }
    CU_ASSERT_EQUAL(invpcid(4, 0, 0), VEC_GP);
    CU_ASSERT_EQUAL(ONE(0x66, 0x0f, 0x38, 0x82, 0xc7), VEC_UD); /* a register is no descriptor */
    v->cpl = 3;
    CU_ASSERT_EQUAL(invpcid(2, 0, 0), VEC_GP);
    bare_destroy(&b);
    start("max");
    CU_ASSERT_EQUAL(invpcid(0, 0, 1ull << 47), NOTHING); /* 57 bits, though the mode has 48 */
    bare_destroy(&b);
    start("max,-invpcid");
    CU_ASSERT_EQUAL(invpcid(2, 0, 0), VEC_UD);
    bare_destroy(&b);
}

/* At CPL 3: SGDT, SIDT, SMSW here; SLDT and STR are of protected mode. */
static void user_mode_instructions(void)
{
    struct vcpu *v = start("max");

    v->r[R_BX] = DATA;
    for (unsigned on = 0; on < 2; on++) {
        v->cr4 = on ? CR4_UMIP : 0;
        v->cpl = 0;
        CU_ASSERT_EQUAL(ONE(0x0f, 0x01, 0x07), NOTHING);
        v->cpl = 3;
        CU_ASSERT_EQUAL(ONE(0x0f, 0x01, 0x07), on ? VEC_GP : NOTHING); /* sgdt [bx] */
        CU_ASSERT_EQUAL(ONE(0x0f, 0x01, 0x0f), on ? VEC_GP : NOTHING); /* sidt [bx] */
        CU_ASSERT_EQUAL(ONE(0x0f, 0x01, 0xe0), on ? VEC_GP : NOTHING); /* smsw ax */
    }
    bare_destroy(&b);
}

/* MOV CR4, EAX */
static int set_cr4(u32 value)
{
    b.v->r[R_AX] = value;
    return ONE(0x0f, 0x22, 0xe0);
}

static void control_bits(void)
{
    static const struct {
        const char *without; /* the feature, and what needs it */
        u32 bit;
    } rows[] = {
        {"max,-vme", CR4_VME},   {"max,-vme", CR4_PVI},   {"max,-de", CR4_DE},
        {"max,-pge", CR4_PGE},   {"max,-umip", CR4_UMIP}, {"max,-la57", CR4_LA57},
        {"max,-pku", CR4_PKE},   {"max,-smep", CR4_SMEP}, {"max,-fsgsbase", CR4_FSGSBASE},
        {"max,-smap", CR4_SMAP},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        start("max");
        CU_ASSERT_EQUAL(set_cr4(rows[i].bit), NOTHING);
        CU_ASSERT_EQUAL(b.v->cr4, rows[i].bit);
        bare_destroy(&b);
        start(rows[i].without);
        CU_ASSERT_EQUAL(set_cr4(rows[i].bit), VEC_GP);
        CU_ASSERT_EQUAL(b.v->cr4, 0);
        bare_destroy(&b);
    }
    /* The fifth level neither comes nor goes while there are four. */
    start("max");
    b.v->cr4 = CR4_PAE;
    b.v->efer = EFER_LMA | EFER_LME;
    CU_ASSERT_EQUAL(set_cr4(CR4_PAE | CR4_LA57), VEC_GP);
    bare_destroy(&b);
}

TEST_SUITE(features, TEST(processor_id), TEST(key_rights), TEST(invalidations),
           TEST(user_mode_instructions), TEST(control_bits));
