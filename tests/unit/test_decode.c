/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder: fields of decoded instructions in all three code modes, prefixes,
 * immediates, what is refused and how, and that a prefix of an instruction always asks for more
 * bytes. Expected values follow Intel SDM vol. 2 ch. 2 and app. A.
 */
#include <errno.h>
#include <stdio.h>

#include "cpu/decode.h"
#include "cpu/lift_int.h"
#include "tests/lib/suite.h"

#define DECODE(in, mode, ...)                                                                      \
    insn_decode(in, mode, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static void registers_and_sizes(void)
{
    struct insn in;

    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x4d, 0x01, 0xc8), 0); /* add r8, r9 */
    CU_ASSERT(in.len == 3 && in.map == M1 && in.opcode == 0x01 && in.rex == 0x4d);
    CU_ASSERT(in.has_modrm && in.mod == 3 && in.reg == 9 && in.rm == 8 && in.osize == 8 &&
              in.asize == 8);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x66, 0x01, 0xc8), 0);
    CU_ASSERT(in.osize == 2 && in.p66 && !in.rex);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x66, 0x48, 0x01, 0xc8), 0);
    CU_ASSERT(in.osize == 8 && in.p66);
    /* REX that is not the last prefix is ignored. */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x48, 0x66, 0x01, 0xc8), 0);
    CU_ASSERT(in.osize == 2 && in.rex == 0 && in.len == 4);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_16, 0x01, 0xc8), 0);
    CU_ASSERT(in.osize == 2 && in.asize == 2);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_16, 0x66, 0x67, 0x01, 0x08), 0);
    CU_ASSERT(in.osize == 4 && in.asize == 4 && in.base == R_AX);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_32, 0x48), 0); /* dec eax */
    CU_ASSERT(in.opcode == 0x48 && in.rex == 0);
    CU_ASSERT_EQUAL(lift_reg(&in, 5, 1), 9); /* CH without REX */
    in.rex = 0x40;
    CU_ASSERT_EQUAL(lift_reg(&in, 5, 1), 40); /* BPL with it */
}

/* SDM vol. 2 §2.3.5: fields of VEX are inverted; LOCK, 66, F2, F3 and REX may not stand before it. */
static void vex_fields(void)
{
    struct insn in;

    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xc5, 0x34, 0x58, 0xc2), 0); /* vaddps ymm8, ymm9, ymm2 */
    CU_ASSERT(in.vex && in.map == V0F && in.opcode == 0x58 && in.len == 4 && in.vex_l == 1);
    CU_ASSERT(in.reg == 8 && in.rm == 2 && in.vvvv == 9 && !in.vex_w && !in.p66 && !in.pf3);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xc4, 0xc2, 0xb1, 0xb8, 0x44, 0xa5, 0x10),
                    0); /* vfmadd231pd xmm0, xmm9, [r13 + 4 * riz + 16] */
    CU_ASSERT(in.map == V38 && in.opcode == 0xb8 && in.vex_w == 1 && in.vex_l == 0 && in.p66);
    CU_ASSERT(in.base == 13 && in.index == UREG_ZERO && in.disp == 16 && in.vvvv == 9);
    CU_ASSERT(in.osize == 8);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_32, 0xc5, 0xf8, 0x77), 0); /* vzeroupper */
    CU_ASSERT(in.vex && !in.has_modrm && in.len == 3 && in.rex == 0);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x66, 0xc5, 0xf8, 0x77), -EILSEQ);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf2, 0xc5, 0xf8, 0x77), -EILSEQ);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf3, 0xc5, 0xf8, 0x77), -EILSEQ);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x48, 0xc5, 0xf8, 0x77), -EILSEQ);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf0, 0xc5, 0xec, 0x58, 0x08), -EILSEQ);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x67, 0xc5, 0xec, 0x58, 0x08), 0);
    CU_ASSERT(in.asize == 4);
}

static void addresses_16(void)
{
    struct insn in;

    CU_ASSERT_EQUAL(DECODE(&in, CODE_16, 0x8b, 0x42, 0xfe), 0); /* mov ax, [bp+si-2] */
    CU_ASSERT(in.base == R_BP && in.index == R_SI && in.disp == -2 && in.seg == SEG_SS);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_16, 0x8b, 0x06, 0x34, 0x12), 0); /* [1234] */
    CU_ASSERT(in.base == UREG_ZERO && in.index == UREG_ZERO && (u16)in.disp == 0x1234 &&
              in.seg == SEG_DS);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_16, 0x26, 0x8b, 0x01), 0); /* es:[bx+di] */
    CU_ASSERT(in.base == R_BX && in.index == R_DI && in.seg == SEG_ES && in.len == 3);
}

static void addresses_32_64(void)
{
    struct insn in;

    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x4a, 0x8b, 0x44, 0xa5, 0x08),
                    0); /* mov rax, [rbp+r12*4+8] */
    CU_ASSERT(in.base == R_BP && in.index == 12 && in.shift == 2 && in.disp == 8 &&
              in.seg == SEG_SS);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x8b, 0x04, 0x24), 0); /* [rsp] */
    CU_ASSERT(in.base == R_SP && in.index == UREG_ZERO && in.seg == SEG_SS);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x41, 0x8b, 0x45, 0x00), 0); /* [r13]: not the stack */
    CU_ASSERT(in.base == 13 && in.seg == SEG_DS && in.disp == 0);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x8b, 0x05, 0xfc, 0xff, 0xff, 0xff), 0);
    CU_ASSERT(in.rip_relative && in.disp == -4 && in.base == UREG_ZERO);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_32, 0x8b, 0x05, 0xfc, 0xff, 0xff, 0xff), 0);
    CU_ASSERT(!in.rip_relative && in.disp == -4);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_32, 0x8b, 0x04, 0x8d, 0x10, 0, 0, 0), 0); /* [ecx*4+16] */
    CU_ASSERT(in.base == UREG_ZERO && in.index == R_CX && in.shift == 2 && in.disp == 16 &&
              in.seg == SEG_DS);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x48, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8), 0); /* moffs */
    CU_ASSERT(!in.has_modrm && (u64)in.disp == 0x0807060504030201 && in.seg == SEG_DS);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_32, 0xa1, 0, 0, 0, 0x80), 0);
    CU_ASSERT_EQUAL((u32)in.disp, 0x80000000u);
}

static void segments(void)
{
    struct insn in;

    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x65, 0x8b, 0x45, 0x00), 0);
    CU_ASSERT_EQUAL(in.seg, SEG_GS);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x65, 0x2e, 0x8b, 0x03),
                    0); /* CS is ignored there, GS stays */
    CU_ASSERT_EQUAL(in.seg, SEG_GS);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x36, 0x8b, 0x03), 0);
    CU_ASSERT_EQUAL(in.seg, SEG_DS);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_32, 0x65, 0x2e, 0x8b, 0x03), 0); /* the last wins */
    CU_ASSERT_EQUAL(in.seg, SEG_CS);
}

static void immediates(void)
{
    struct insn in;

    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x48, 0x83, 0xc0, 0xff), 0);
    CU_ASSERT_EQUAL(in.imm, ~0ull);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x48, 0x05, 0, 0, 0, 0x80), 0);
    CU_ASSERT_EQUAL(in.imm, 0xffffffff80000000);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 0x88), 0);
    CU_ASSERT_EQUAL(in.imm, 0x8807060504030201);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xc2, 0xff, 0xff), 0); /* ret 65535 */
    CU_ASSERT_EQUAL(in.imm, 0xffff);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xcd, 0x80), 0); /* int 0x80 */
    CU_ASSERT_EQUAL(in.imm, 0x80);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xe4, 0xf0), 0); /* in al, 0xf0 */
    CU_ASSERT_EQUAL(in.imm, 0xf0);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xc8, 0x00, 0x80, 0x1f), 0); /* enter */
    CU_ASSERT(in.imm == 0x8000 && in.imm2 == 0x1f);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_32, 0xea, 0xf0, 0xff, 0xff, 0xff, 0x00, 0xf0),
                    0); /* jmp far */
    CU_ASSERT(in.imm == 0xfffffff0 && in.imm2 == 0xf000);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x0f, 0x84, 0xf0, 0xff, 0xff, 0xff), 0);
    CU_ASSERT_EQUAL(in.imm, (u64)-16);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x75, 0x80), 0);
    CU_ASSERT_EQUAL(in.imm, (u64)-128);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x66, 0x0f, 0x70, 0xc1, 0xe4), 0); /* pshufd */
    CU_ASSERT_EQUAL(in.imm, 0xe4);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x66, 0x66, 0x48, 0xe8, 1, 0, 0, 0x80),
                    0); /* in TLS code */
    CU_ASSERT(in.len == 8 && in.imm == 0xffffffff80000001);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_16, 0xe8, 0xfd, 0xff), 0);
    CU_ASSERT_EQUAL(in.imm, (u64)-3);
}

static void prefixes(void)
{
    struct insn in;

    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf3, 0xf2, 0xa4), 0); /* the last of F2 and F3 counts */
    CU_ASSERT(in.pf2 && !in.pf3);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf0, 0x48, 0x01, 0x03), 0);
    CU_ASSERT(in.lock);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf0, 0x48, 0x01, 0xc3),
                    -EILSEQ); /* register destination */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf0, 0x48, 0x03, 0x03), -EILSEQ); /* memory source */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf0, 0x48, 0x89, 0x03), -EILSEQ); /* MOV */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf0, 0x0f, 0xa3, 0x03), -EILSEQ); /* BT */
}

/* Encodings that older CPUs execute as something else must decode as that. */
static void hint_space(void)
{
    struct insn in;

    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf3, 0x0f, 0x1e, 0xfa), 0); /* ENDBR64 */
    CU_ASSERT(in.map == M0F && in.opcode == 0x1e && in.len == 4);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf3, 0x48, 0x0f, 0x1e, 0xc8), 0); /* RDSSPQ */
    CU_ASSERT_EQUAL(in.opcode, 0x1e);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf3, 0x0f, 0x1b, 0x00), 0); /* BNDMK */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x66, 0x0f, 0x1a, 0xff),
                    0); /* BNDMOV with a register that MPX lacks */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x0f, 0x1c, 0x00), 0); /* CLDEMOTE */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf3, 0x0f, 0x09), 0); /* WBNOINVD */
    CU_ASSERT_EQUAL(in.opcode, 0x09);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf3, 0x0f, 0xbc, 0xc1), 0); /* TZCNT */
    CU_ASSERT(in.opcode == 0xbc && in.pf3);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0xf3, 0x0f, 0xbd, 0xc1), 0); /* LZCNT */
    for (unsigned op = 0x19; op <= 0x1f; op++)
        CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x0f, (u8)op, 0xc0), 0);
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x0f, 0x0d, 0x00), 0); /* PREFETCH */
}

static void refused(void)
{
    struct insn in;

    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x06), -EILSEQ); /* push es */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc1),
                    -EILSEQ);                                               /* EVEX VADDPS */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x0f, 0x0f, 0xc1, 0x9e), -EILSEQ); /* 3DNow! PFADD */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x8f, 0xe8, 0x78, 0xc0, 0xc1, 1),
                    -EILSEQ);                                   /* XOP VPROTB */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_32, 0x62, 0x08), 0);       /* BOUND */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_32, 0xc4, 0x08), 0);       /* LES */
    CU_ASSERT_EQUAL(DECODE(&in, CODE_64, 0x8e, 0xc8), -EILSEQ); /* mov cs, eax */
}

static void too_long(void)
{
    struct insn in;
    u8 b[16];

    memset(b, 0x66, sizeof(b));
    b[14] = 0x90;
    CU_ASSERT_EQUAL(insn_decode(&in, CODE_64, b, 15), 0);
    CU_ASSERT_EQUAL(in.len, 15);
    b[14] = 0x66;
    b[15] = 0x90;
    CU_ASSERT_EQUAL(insn_decode(&in, CODE_64, b, 16), -E2BIG);
    CU_ASSERT_EQUAL(insn_decode(&in, CODE_64, b, 15), -E2BIG);
    CU_ASSERT_EQUAL(insn_decode(&in, CODE_64, b, 14), -EAGAIN);
    CU_ASSERT_EQUAL(insn_decode(&in, CODE_64, b, 0), -EAGAIN);
}

/* Where an instruction that does not exist ends, as an AMD processor's faults at a page's end and behind prefixes show it: with its
 * opcode, or with the operands that others of its map have. */
static void undefined_ends(void)
{
    static const struct {
        enum code_mode mode;
        u8 prefixes, n, bytes[8];
        int expect;
    } rows[] = {
        {CODE_64, 0, 2, {0x0f, 0xb9}, -EILSEQ}, /* UD1 */
        {CODE_64, 13, 3, {0x0f, 0xb9, 0xc0}, -EILSEQ},
        {CODE_64, 14, 3, {0x0f, 0xb9, 0xc0}, -E2BIG},
        {CODE_64, 8, 8, {0x0f, 0xb9, 0x1c, 0x2d}, -EILSEQ},
        {CODE_32, 13, 3, {0x0f, 0xb9, 0xc0}, -EILSEQ},
        {CODE_64, 13, 3, {0x0f, 0xff, 0xc0}, -EILSEQ}, /* UD0 */
        {CODE_64, 13, 3, {0x0f, 0xa7, 0xc0}, -EILSEQ},
        {CODE_64, 13, 2, {0x0f, 0x04}, -EILSEQ},
        {CODE_64, 14, 2, {0x0f, 0x04}, -E2BIG},
        {CODE_64, 0, 3, {0x0f, 0x38, 0xff}, -EAGAIN},
        {CODE_64, 11, 4, {0x0f, 0x38, 0xff, 0xc0}, -EILSEQ},
        {CODE_64, 12, 4, {0x0f, 0x38, 0xff, 0xc0}, -E2BIG},
        {CODE_64, 0, 5, {0x0f, 0x38, 0xff, 0x04, 0x25}, -EAGAIN},
        {CODE_64, 6, 8, {0x0f, 0x38, 0xff, 0x04, 0x25}, -EAGAIN},
        {CODE_64, 7, 8, {0x0f, 0x38, 0xff, 0x04, 0x25}, -E2BIG},
        {CODE_32, 0, 4, {0x0f, 0x38, 0xff, 0x40}, -EAGAIN},
        {CODE_16, 0, 5, {0x0f, 0x38, 0xff, 0x40, 0}, -EILSEQ},
        {CODE_64, 0, 4, {0x0f, 0x3a, 0xff, 0xc0}, -EAGAIN}, /* an immediate */
        {CODE_64, 10, 5, {0x0f, 0x3a, 0xff, 0xc0}, -EILSEQ},
        {CODE_64, 11, 5, {0x0f, 0x3a, 0xff, 0xc0}, -E2BIG},
        {CODE_64, 0, 6, {0xea}, -EAGAIN},
        {CODE_64, 0, 7, {0xea}, -EILSEQ},
        {CODE_64, 1, 5, {0x9a}, -EILSEQ},
        {CODE_64, 0, 1, {0xd4}, -EAGAIN},
        {CODE_64, 14, 1, {0x06}, -EILSEQ},
        {CODE_64, 15, 1, {0x06}, -E2BIG},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct insn in;
        u8 b[24];

        memset(b, 0x66, sizeof(b));
        memcpy(b + rows[i].prefixes, rows[i].bytes, sizeof(rows[i].bytes));
        CU_ASSERT_EQUAL(insn_decode(&in, rows[i].mode, b, rows[i].prefixes + rows[i].n),
                        rows[i].expect);
    }
}

/* Random bytes: an instruction decodes the same from exactly its bytes, and each shorter prefix
 * asks for more. */
static void prefixes_of_random_instructions(void)
{
    u64 x = 88172645463325252ull;
    unsigned decoded = 0;

    for (unsigned i = 0; i < 30000; i++) {
        struct insn in, again;
        u8 b[15];
        enum code_mode mode = i % 3;

        for (unsigned k = 0; k < sizeof(b); k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            b[k] = (u8)(x >> 32);
        }
        if (insn_decode(&in, mode, b, sizeof(b)))
            continue;
        decoded++;
        CU_ASSERT(in.len >= 1 && in.len <= 15);
        CU_ASSERT(in.base <= UREG_ZERO && in.index <= UREG_ZERO && in.seg < SEG_COUNT);
        CU_ASSERT_EQUAL(insn_decode(&again, mode, b, in.len), 0);
        CU_ASSERT(!memcmp(&in, &again, sizeof(in)));
        for (unsigned n = 0; n < in.len; n++)
            CU_ASSERT_EQUAL(insn_decode(&again, mode, b, n), -EAGAIN);
    }
    CU_ASSERT(decoded > 10000);
}

static void text(void)
{
    char t[64];

    CU_ASSERT_EQUAL(insn_disassemble(t, sizeof(t), CODE_64, (const u8[]){0xeb, 0xfe}, 2, 0x1000),
                    2);
    CU_ASSERT_STRING_EQUAL(t, "jmp 0x0000000000001000");
    CU_ASSERT_EQUAL(insn_disassemble(t, sizeof(t), CODE_32, (const u8[]){0x01, 0xd8}, 2, 0), 2);
    CU_ASSERT_STRING_EQUAL(t, "add eax, ebx");
    CU_ASSERT_EQUAL(insn_disassemble(t, sizeof(t), CODE_64, (const u8[]){0x06}, 1, 0), 1);
    CU_ASSERT_STRING_EQUAL(t, "(bad)");
    /* As AMD's processors decode it, and as it is executed. */
    CU_ASSERT_EQUAL(insn_disassemble(t, sizeof(t), CODE_64,
                                     (const u8[]){0x66, 0xe9, 0xd3, 0x45, 0x64, 0x91}, 6, 0x1000),
                    4);
}

TEST_SUITE(decode, TEST(registers_and_sizes), TEST(vex_fields), TEST(addresses_16),
           TEST(addresses_32_64), TEST(segments), TEST(immediates), TEST(prefixes),
           TEST(hint_space), TEST(refused), TEST(too_long), TEST(undefined_ends),
           TEST(prefixes_of_random_instructions), TEST(text));
