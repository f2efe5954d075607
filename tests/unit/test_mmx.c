/* SPDX-License-Identifier: MIT */
/*
 * MMX instructions against the host CPU: every row of insn_mmx.def, register and memory forms, all
 * immediates in turn, random and saturating operands. The whole x87 state is compared, since every
 * MMX instruction changes its tags.
 */
#include <stdio.h>

#include "cpu/f80.h"
#include "cpu/lift.h"
#include "tests/lib/suite.h"
#include "tests/unit/fpu_fixture.h"

struct row {
    u8 map, opcode;
    i16 ext;
    u8 mod;
    const char *name, *operands;
};

#define INSN(map, op, pfx, ext, mod, mode, NAME, opnds, lifter, arg, feat)                         \
    {map, op, ext, mod, #NAME, opnds},
static const struct row rows[] = {
#include "cpu/insn_mmx.def"
};
#undef INSN

/* Does the form have a general register as ModRM.rm (R, E) or ModRM.reg (G)? RSP must not be one.
 */
static unsigned random_register(bool general)
{
    unsigned r = fpu_random() & 7;

    return general && r == R_SP ? R_AX : r;
}

static unsigned encode(const struct row *row, bool memory, bool wide, unsigned imm, u8 *insn)
{
    bool general_rm = strpbrk(row->operands, "ER") != NULL, general_reg = row->operands[0] == 'G';
    unsigned n = 0, reg = row->ext == XX ? random_register(general_reg) : (unsigned)row->ext;

    if (wide)
        insn[n++] = 0x48;
    insn[n++] = 0x0f;
    if (row->map == M38 || row->map == M3A)
        insn[n++] = row->map == M38 ? 0x38 : 0x3a;
    insn[n++] = row->opcode;
    if (row->opcode == 0x77 && row->map == M0F)
        return n;
    insn[n++] = (u8)(memory ? reg << 3 | R_SI : 0xc0 | reg << 3 | random_register(general_rm));
    if (strstr(row->operands, "Ib"))
        insn[n++] = (u8)imm;
    return n;
}

/* Registers that make saturation, equality and shift counts happen. */
static u64 random_mm(void)
{
    static const u64 values[] = {0,
                                 ~0ull,
                                 0x8000800080008000,
                                 0x7fff7fff7fff7fff,
                                 0x8080808080808080,
                                 0x7f7f7f7f7f7f7f7f,
                                 0x8000000080000000,
                                 3,
                                 15,
                                 16,
                                 31,
                                 32,
                                 63,
                                 64,
                                 1ull << 40};
    u64 r = fpu_random();

    return r & 3 ? fpu_random() : values[(r >> 8) % ARRAY_SIZE(values)];
}

static bool run_case(const struct row *row, bool memory, unsigned n, bool print)
{
    struct native_state before;
    struct fpu_outcome ours, host;
    u8 insn[8], data[sizeof(ours.memory)];

    unsigned len = encode(row, memory, n & 1, n, insn);
    fpu_random_state(&before);
    for (unsigned i = 0; i < 8; i++)
        before.fx.st[i].mant = random_mm();
    if (n % 64 == 63)
        before.fx.fsw |= ~before.fx.fcw & SW_EXCEPTIONS;
    for (unsigned i = 0; i < sizeof(data); i += 8)
        store_le64(fpu_data + FPU_DATA + i, random_mm());
    memcpy(data, fpu_data + FPU_DATA, sizeof(data));
    fpu_run_both(insn, len, &before, &ours, &host);
    if (fpu_same(&ours, &host))
        return true;
    if (print)
        fpu_report(row->name, insn, len, &before, data, &ours, &host);
    return false;
}

static void every_row_equals_the_host(void)
{
    fpu_defaults();
    fpu_random_seed(6);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned failed = 0;

        for (unsigned n = 0; n < fpu_case_count(); n++) {
            if (rows[i].mod != MEM)
                failed += !run_case(&rows[i], false, n, failed < 1);
            if (rows[i].mod != REG)
                failed += !run_case(&rows[i], true, n, failed < 1);
        }
        if (failed)
            printf("%02x /%d %s %s: %u differ\n", rows[i].opcode, rows[i].ext, rows[i].name,
                   rows[i].operands, failed);
        CU_ASSERT_EQUAL(failed, 0);
    }
}

static int step_with(u64 cr0, const u8 *insn, unsigned len)
{
    struct vcpu *v = fpu_vcpu();

    fpu_defaults();
    v->cr0 = cr0;
    int vector = fpu_fixture_step(insn, len);
    fpu_defaults();
    return vector;
}

static void unavailable(void)
{
    static const u8 paddb[3] = {0x0f, 0xfc, 0xc1}, emms[2] = {0x0f, 0x77};
    struct native_state s;

    fpu_random_state(&s);
    s.fx.fcw |= SW_EXCEPTIONS;
    fpu_fixture_run(emms, 2, &s);
    CU_ASSERT_EQUAL(step_with(CR0_PE | CR0_EM, paddb, 3), VEC_UD);
    CU_ASSERT_EQUAL(step_with(CR0_PE | CR0_TS, paddb, 3), VEC_NM);
    CU_ASSERT_EQUAL(step_with(CR0_PE | CR0_TS | CR0_EM, emms, 2), VEC_UD);
    CU_ASSERT_EQUAL(step_with(CR0_PE | CR0_TS | CR0_MP, emms, 2), VEC_NM);
    CU_ASSERT_EQUAL(step_with(CR0_PE, emms, 2), -1);
}

TEST_SUITE(mmx, TEST(every_row_equals_the_host), TEST(unavailable));
