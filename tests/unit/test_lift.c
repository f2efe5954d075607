/* SPDX-License-Identifier: MIT */
/*
 * Lifting: the layout that lifters compute micro-op ids from, rows chosen by feature and mode,
 * reduction of segments, dead flags, and that every instruction the decoder knows lifts to a
 * well-formed sequence.
 */
#include <stdio.h>

#include "cpu/decode.h"
#include "cpu/lift_int.h"
#include "tests/lib/suite.h"

#define KEY64 (CODE_64 | KEY_FLAT | KEY_PE | KEY_FPU | KEY_SSE)
#define KEY32 (CODE_32 | KEY_FLAT | KEY_SS32 | KEY_PE | KEY_FPU | KEY_SSE)
#define ALL_FEATURES CPU_FEATURES_ALL

static struct uop u[80];
static bool ended;

/* Lift code up to its end; returns the number of micro-ops. */
static unsigned lift(const u8 *code, unsigned len, u32 key, cpu_features_t features)
{
    struct insn in;
    struct lift_state l = {.in = &in, .key = key, .features = features, .out = u};
    unsigned at = 0;

    ended = false;
    while (at < len && !ended) {
        CU_ASSERT_EQUAL_FATAL(insn_decode(&in, key & KEY_CODE, code + at, len - at), 0);
        l.rip = 0x1000 + at;
        at += in.len;
        l.next_rip = 0x1000 + at;
        lift_insn(&l);
        ended = l.end;
    }
    return lift_finish(u, (unsigned)(l.out - u));
}
#define LIFT(key, features, ...)                                                                   \
    lift((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}), key, features)

static const char *name(unsigned i)
{
    return uop_table[u[i].op].name;
}

static void families_lie_as_expected(void)
{
    CU_ASSERT_STRING_EQUAL(uop_table[alu_op(UOP_ADD_RR8, ALU_RR, 1)].name, "ADD_RR8");
    CU_ASSERT_STRING_EQUAL(uop_table[alu_op(UOP_SBB_RR8, ALU_MI, 4)].name, "SBB_MI32");
    CU_ASSERT_STRING_EQUAL(uop_table[alu_op(UOP_TEST_RR8, ALU_MR, 8)].name, "TEST_MR64");
    LIFT(KEY64, 0, 0xf7, 0x1b); /* neg dword [rbx] */
    CU_ASSERT_STRING_EQUAL(name(0), "NEG_M32");
    LIFT(KEY64, 0, 0x48, 0xd3, 0x3b); /* sar qword [rbx], cl */
    CU_ASSERT_STRING_EQUAL(name(0), "SAR_MC64");
    LIFT(KEY64, 0, 0x66, 0xc1, 0xd0, 3); /* rcl ax, 3 */
    CU_ASSERT_STRING_EQUAL(name(0), "RCL_RI16");
    LIFT(KEY64, 0, 0x48, 0x0f, 0xad, 0x03); /* shrd [rbx], rax, cl */
    CU_ASSERT_STRING_EQUAL(name(0), "SHRD_MC64");
    LIFT(KEY64, 0, 0x66, 0x0f, 0xba, 0x3b, 1); /* btc word [rbx], 1 */
    CU_ASSERT_STRING_EQUAL(name(0), "BTC_MI16");
    LIFT(KEY64, 0, 0xf0, 0x48, 0x0f, 0xb3, 0x03); /* lock btr [rbx], rax */
    CU_ASSERT_STRING_EQUAL(name(0), "LOCK_BTR64");
    LIFT(KEY64, ALL_FEATURES, 0x48, 0x0f, 0x4f, 0x03); /* cmovg rax, [rbx] */
    CU_ASSERT_STRING_EQUAL(name(0), "CMOVG_M64");
    LIFT(KEY64, 0, 0x0f, 0x9e, 0x03); /* setle [rbx] */
    CU_ASSERT_STRING_EQUAL(name(0), "SETLE_M");
    LIFT(KEY64, 0, 0xf6, 0x3b); /* idiv byte [rbx] */
    CU_ASSERT_STRING_EQUAL(name(0), "IDIV_M8");
    LIFT(KEY64, 0, 0xf0, 0x0f, 0xb0, 0x0b); /* lock cmpxchg [rbx], cl */
    CU_ASSERT_STRING_EQUAL(name(0), "CMPXCHG_L8");
    LIFT(KEY64, 0, 0x48, 0x0f, 0xbf, 0x03); /* movsx rax, word [rbx] */
    CU_ASSERT_STRING_EQUAL(name(0), "MOVSX_M64_16");
}

static void rows_follow_features(void)
{
    LIFT(KEY64, 0, 0xf3, 0x0f, 0xbc, 0xc1);
    CU_ASSERT_STRING_EQUAL(name(0), "BSF_R32");
    LIFT(KEY64, cpu_feature_bit(FEAT_BMI1), 0xf3, 0x0f, 0xbc, 0xc1);
    CU_ASSERT_STRING_EQUAL(name(0), "TZCNT_R32");
    LIFT(KEY64, 0, 0xf3, 0x0f, 0xbd, 0xc1);
    CU_ASSERT_STRING_EQUAL(name(0), "BSR_R32");
    LIFT(KEY64, 0, 0xf3, 0x0f, 0xb8, 0xc1); /* POPCNT */
    CU_ASSERT_STRING_EQUAL(name(0), "UNDEFINED");
    CU_ASSERT(ended);
    LIFT(KEY64, 0, 0x0f, 0x38, 0xf0, 0x03); /* MOVBE */
    CU_ASSERT_STRING_EQUAL(name(0), "UNDEFINED");
    LIFT(KEY64, 0, 0x9f); /* LAHF in 64-bit code */
    CU_ASSERT_STRING_EQUAL(name(0), "UNDEFINED");
    LIFT(KEY32, 0, 0x9f);
    CU_ASSERT_STRING_EQUAL(name(0), "LAHF");
    LIFT(KEY64, cpu_feature_bit(FEAT_CX8), 0x48, 0x0f, 0xc7, 0x0b); /* CMPXCHG16B */
    CU_ASSERT_STRING_EQUAL(name(0), "UNDEFINED");
    LIFT(KEY64, 0, 0xf3, 0x0f, 0x1e, 0xfa); /* ENDBR64 */
    CU_ASSERT_STRING_EQUAL(name(0), "NOP");
    LIFT(KEY64, 0, 0xf3, 0x90);
    CU_ASSERT_STRING_EQUAL(name(0), "PAUSE");
    LIFT(KEY64, 0, 0x90);
    CU_ASSERT_STRING_EQUAL(name(0), "NOP");
    LIFT(KEY64, 0, 0x41, 0x90); /* xchg r8d, eax */
    CU_ASSERT_STRING_EQUAL(name(0), "XCHG_R32");
}

static void segments_are_reduced(void)
{
    LIFT(KEY64, 0, 0x8b, 0x03);
    CU_ASSERT_EQUAL(u[0].seg, SEG_NONE);
    LIFT(KEY64, 0, 0x67, 0x8b, 0x03);
    CU_ASSERT_EQUAL(u[0].seg, SEG_FLAT32);
    LIFT(KEY64, 0, 0x65, 0x8b, 0x03);
    CU_ASSERT_EQUAL(u[0].seg, SEG_GS);
    LIFT(KEY64, 0, 0x8b, 0x04, 0x24);
    CU_ASSERT(u[0].seg == SEG_NONE && u[0].ss);
    LIFT(KEY32, 0, 0x8b, 0x03);
    CU_ASSERT_EQUAL(u[0].seg, SEG_FLAT32);
    LIFT(KEY32 & ~KEY_FLAT, 0, 0x8b, 0x03);
    CU_ASSERT_EQUAL(u[0].seg, SEG_DS);
    LIFT(KEY32, 0, 0x2e, 0x8b, 0x03); /* CS cannot be written: never reduced */
    CU_ASSERT_EQUAL(u[0].seg, SEG_CS);
    LIFT(KEY64, 0, 0x8b, 0x05, 0x10, 0, 0, 0); /* rip-relative becomes absolute */
    CU_ASSERT(u[0].disp == 0x1016 && u[0].base == UREG_ZERO);
}

static void dead_flags(void)
{
    /* add eax, ebx; sub ecx, edx: the first one's flags are never seen. */
    LIFT(KEY64, 0, 0x01, 0xd8, 0x29, 0xd1);
    CU_ASSERT_STRING_EQUAL(name(0), "ADD_RR32_NF");
    CU_ASSERT_STRING_EQUAL(name(1), "SUB_RR32");
    /* A reader in between. */
    LIFT(KEY64, 0, 0x01, 0xd8, 0x11, 0xc3, 0x29, 0xd1);
    CU_ASSERT_STRING_EQUAL(name(0), "ADD_RR32");
    CU_ASSERT_STRING_EQUAL(name(1), "ADC_RR32_NF");
    /* INC keeps CF alive. */
    LIFT(KEY64, 0, 0x01, 0xd8, 0xff, 0xc0);
    CU_ASSERT_STRING_EQUAL(name(0), "ADD_RR32");
    /* A load may fault and show the flags. */
    LIFT(KEY64, 0, 0x01, 0xd8, 0x8b, 0x03, 0x29, 0xd1);
    CU_ASSERT_STRING_EQUAL(name(0), "ADD_RR32");
    /* But the faulting instruction's own flags may go. */
    LIFT(KEY64, 0, 0x03, 0x03, 0x29, 0xd1);
    CU_ASSERT_STRING_EQUAL(name(0), "ADD_RM32_NF");
    /* A shift by CL may leave the flags as they were. */
    LIFT(KEY64, 0, 0x01, 0xd8, 0xd3, 0xe0);
    CU_ASSERT_STRING_EQUAL(name(0), "ADD_RR32");
    LIFT(KEY64, 0, 0x01, 0xd8, 0xc1, 0xe0, 4);
    CU_ASSERT_STRING_EQUAL(name(0), "ADD_RR32_NF");
    /* A shift by 0 writes nothing. */
    LIFT(KEY64, 0, 0x01, 0xd8, 0xc1, 0xe0, 0x20);
    CU_ASSERT_STRING_EQUAL(name(0), "ADD_RR32");
    CU_ASSERT_STRING_EQUAL(name(1), "MOV_RR32");
    /* Bit test writes CF only. */
    LIFT(KEY64, 0, 0x01, 0xd8, 0x0f, 0xa3, 0xd8);
    CU_ASSERT_STRING_EQUAL(name(0), "ADD_RR32");
    /* Flags live out of the block. */
    LIFT(KEY64, 0, 0x01, 0xd8, 0xeb, 0x00);
    CU_ASSERT_STRING_EQUAL(name(0), "ADD_RR32");
}

static bool is_fused(unsigned i)
{
    return u[i].fn != uop_table[u[i].op].fn;
}

static void fused_branches(void)
{
    LIFT(KEY64, 0, 0x39, 0xd8, 0x74, 0x00); /* cmp eax, ebx; je */
    CU_ASSERT(is_fused(0) && !is_fused(1));
    LIFT(KEY64, 0, 0x48, 0x83, 0x3b, 0x05, 0x7f, 0x00); /* cmp qword [rbx], 5; jg */
    CU_ASSERT(is_fused(0));
    LIFT(KEY64, 0, 0x39, 0xd8, 0x90, 0x74, 0x00); /* something between */
    CU_ASSERT(!is_fused(0) && !is_fused(1));
    LIFT(KEY64, 0, 0x39, 0xd8, 0x7a, 0x00); /* jp: not among them */
    CU_ASSERT(!is_fused(0));
    LIFT(KEY64, 0, 0x11, 0xd8, 0x74, 0x00); /* adc: neither */
    CU_ASSERT(!is_fused(0));
    LIFT(KEY32 & ~KEY_FLAT, 0, 0x39, 0xd8, 0x74, 0x00); /* the target needs a check */
    CU_ASSERT(!is_fused(0));
}

static void branches(void)
{
    LIFT(KEY64, 0, 0x74, 0xfe);
    CU_ASSERT(ended && u[0].op == UOP_JE && u[0].imm == 0x1000 && u[0].imm2 == 0x1002);
    LIFT(KEY32 & ~KEY_FLAT, 0, 0x74, 0xfe);
    CU_ASSERT_STRING_EQUAL(name(0), "JCC_CHECK");
    LIFT(CODE_16, 0, 0xe9, 0x00, 0xf0); /* wraps at 64 KiB */
    CU_ASSERT(u[0].op == UOP_JMP_CHECK && u[0].imm == 0x0003);
    LIFT(KEY64, 0, 0xe8, 0, 0, 0, 0);
    CU_ASSERT_STRING_EQUAL(name(0), "CALL_J_64");
    LIFT(KEY32, 0, 0xe8, 0, 0, 0, 0);
    CU_ASSERT_STRING_EQUAL(name(0), "CALL_J_F32");
    LIFT(KEY32, 0, 0x66, 0xe8, 0, 0);
    CU_ASSERT(u[0].op == UOP_CALL_J_G && u[0].osize == 2);
    LIFT(KEY64, 0, 0xf3, 0xa4);
    CU_ASSERT(ended && u[0].op == UOP_REP_STRING && u[0].aux == STR_MOVS && u[0].osize == 1);
    LIFT(KEY64, 0, 0xa5, 0x90);
    CU_ASSERT(!ended && u[0].op == UOP_STRING && u[0].osize == 4);
}

/* Whatever the decoder accepts lifts to 1..16 micro-ops of known kinds, the last of an ending
 * instruction being able to end. */
static void everything_lifts(void)
{
    static const u32 keys[] = {KEY64, KEY32, CODE_16, CODE_16 | KEY_PE | KEY_V86,
                               CODE_32 | KEY_PE | KEY_SS32};
    u64 x = 88172645463325252ull;

    for (unsigned i = 0; i < 60000; i++) {
        struct insn in;
        u8 b[15];
        u32 key = keys[i % ARRAY_SIZE(keys)];
        struct lift_state l = {
            .in = &in, .key = key, .features = i & 1 ? ALL_FEATURES : 0, .out = u, .rip = 0x1000};
        unsigned n;

        for (unsigned k = 0; k < sizeof(b); k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            b[k] = (u8)(x >> 32);
        }
        if (i & 2)
            b[0] = 0x0f;
        if (insn_decode(&in, key & KEY_CODE, b, sizeof(b)))
            continue;
        l.next_rip = 0x1000 + in.len;
        lift_insn(&l);
        n = (unsigned)(l.out - u);
        CU_ASSERT_FATAL(n >= 1 && n <= 16);
        CU_ASSERT_EQUAL(n, l.n);
        lift_finish(u, n);
        for (unsigned k = 0; k < n; k++) {
            CU_ASSERT(u[k].op > UOP_NONE && u[k].op < UOP_COUNT && u[k].fn);
            CU_ASSERT(u[k].base < UREG_COUNT && u[k].index < UREG_COUNT);
        }
    }
}

TEST_SUITE(lift, TEST(families_lie_as_expected), TEST(rows_follow_features),
           TEST(segments_are_reduced), TEST(dead_flags), TEST(branches), TEST(fused_branches),
           TEST(everything_lifts));
