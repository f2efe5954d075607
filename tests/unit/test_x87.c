/* SPDX-License-Identifier: MIT */
/*
 * x87 instructions against the host CPU: every row of insn_x87.def on random and special operands,
 * rounding and precision controls, exception masks and stack states. Compared are all registers,
 * tags, control and status word, EFLAGS, general registers and memory; the only bits left out are
 * those that the manuals leave undefined, and of transcendental functions the result may differ
 * from the host's by one unit in the last place.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cpu/f80.h"
#include "cpu/fpu.h"
#include "cpu/lift.h"
#include "tests/lib/suite.h"
#include "tests/unit/fpu_fixture.h"

/* Where native_run() puts the instruction. */
extern void *native_code;

struct row {
    u8 map, opcode;
    i16 ext;
    u8 mod;
    const char *name, *operands;
};

#define INSN(map, op, pfx, ext, mod, mode, NAME, opnds, lifter, arg, feat)                         \
    {map, op, ext, mod, #NAME, opnds},
static const struct row rows[] = {
#include "cpu/insn_x87.def"
};
#undef INSN

static const char *const transcendental[] = {"F2XM1",   "FYL2X",   "FPTAN", "FPATAN",
                                             "FYL2XP1", "FSINCOS", "FSIN",  "FCOS"};

static bool is_transcendental(const struct row *row)
{
    for (unsigned i = 0; i < ARRAY_SIZE(transcendental); i++)
        if (!strcmp(row->name, transcendental[i]))
            return true;
    return false;
}

/* Rows that other tests take. */
static bool has_own_test(const struct row *row)
{
    return row->map == M0F || is_transcendental(row);
}

static unsigned encode(const struct row *row, u8 *insn)
{
    insn[0] = row->opcode;
    if (row->opcode == 0x9b)
        return 1;
    if (row->mod == MEM)
        insn[1] = (u8)(row->ext << 3 | R_SI);
    else if (row->ext >= 0xc0)
        insn[1] = (u8)row->ext;
    else
        insn[1] = (u8)(0xc0 | row->ext << 3 | (fpu_random() & 7));
    return 2;
}

/* Operands as the row's memory form wants them. */
static void random_memory(const struct row *row)
{
    u8 *m = fpu_data + FPU_DATA;

    for (unsigned i = 0; i < 128; i += 8)
        store_le64(m + i, fpu_random());
    if (!strcmp(row->operands, "Mt") && strcmp(row->name, "FBLD"))
        fpu_random_f80(m);
    else if (!strcmp(row->name, "FBLD"))
        for (unsigned i = 0; i < 9; i++)
            m[i] = (u8)(m[i] % 10 | m[i] / 16 % 10 << 4);
    else if (!strcmp(row->operands, "Mq") && row->name[1] != 'I')
        store_le64(m, fpu_random_f64());
    else if (!strcmp(row->operands, "Md") && row->name[1] != 'I')
        store_le32(m, fpu_random_f32());
    else if (row->name[1] == 'I' && (fpu_random() & 1))
        store_le64(m, 0);
}

/* Environments in memory hold the pointers, which have a test of their own. */
static void hide_pointers(const struct row *row, struct fpu_outcome *o)
{
    if (!strcmp(row->name, "FNSTENV") || !strcmp(row->name, "FNSAVE"))
        memset(o->memory + 12, 0, 16);
}

/* Where vendors differ by more than undefined bits: the loads and comparisons that report an
 * unmasked DE or IE. */
static void avoid_vendor_choices(struct native_state *s)
{
    if (!fpu_host_is_amd())
        s->fx.fcw |= SW_IE | SW_DE;
}

/* On hosts of other vendors: condition codes that the manuals leave undefined and AMD defines, and
 * the unfinished FPREM, whose number of steps is the implementation's. */
static void hide_vendor_choices(const struct row *row, struct fpu_outcome *ours,
                                struct fpu_outcome *host)
{
    if (fpu_host_is_amd())
        return;
    if (!strncmp(row->name, "FPREM", 5) && (host->s.fx.fsw & SW_C2))
        *ours = *host;
    if (!strncmp(row->name, "FCMOV", 5) || !strncmp(row->name, "FFREE", 5) ||
        (strstr(row->name, "COMI") && row->name[1] != 'I')) {
        ours->s.fx.fsw &= (u16)~SW_C1;
        host->s.fx.fsw &= (u16)~SW_C1;
    }
}

static unsigned run_row(const struct row *row, unsigned count, unsigned limit)
{
    unsigned failed = 0;

    for (unsigned n = 0; n < count; n++) {
        struct native_state before;
        struct fpu_outcome ours, host;
        u8 insn[2], memory[sizeof(ours.memory)];

        unsigned len = encode(row, insn);
        fpu_random_state(&before);
        avoid_vendor_choices(&before);
        /* Sometimes an unmasked exception is pending already. */
        if (n % 16 == 15)
            before.fx.fsw |= ~before.fx.fcw & SW_EXCEPTIONS;
        random_memory(row);
        memcpy(memory, fpu_data + FPU_DATA, sizeof(memory));
        fpu_run_both(insn, len, &before, &ours, &host);
        hide_pointers(row, &ours);
        hide_pointers(row, &host);
        hide_vendor_choices(row, &ours, &host);
        if (!fpu_same(&ours, &host) && failed++ < limit)
            fpu_report(row->name, insn, len, &before, memory, &ours, &host);
    }
    return failed;
}

static void every_row_equals_the_host(void)
{
    const char *only = getenv("X87_ROW");

    fpu_defaults();
    fpu_random_seed(1);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (has_own_test(&rows[i]) || (only && strcmp(only, rows[i].name)))
            continue;
        unsigned failed = run_row(&rows[i], fpu_case_count(), 2);
        if (failed)
            printf("%02x /%d %s %s: %u differ\n", rows[i].opcode, rows[i].ext, rows[i].name,
                   rows[i].operands, failed);
        CU_ASSERT_EQUAL(failed, 0);
    }
}

/* Instruction, opcode and data pointers as FNSTENV shows them after each row. */
static void last_instruction_pointers(void)
{
    fpu_defaults();
    fpu_random_seed(2);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        static const u8 fnstenv[3] = {0x41, 0xd9, 0x30}; /* [r8] */
        struct vcpu *v = fpu_vcpu();
        struct native_state before, s;
        u8 insn[8], env[28];

        if (rows[i].map == M0F || rows[i].opcode == 0x9b)
            continue;
        unsigned len = encode(&rows[i], insn);
        fpu_random_state(&before);
        before.fx.fip = 0x1111;
        before.fx.fdp = 0x2222;
        before.fx.fop = 0x123;
        before.gpr[8] = before.gpr[R_SI] + 512;
        memset(fpu_data + FPU_DATA, 0, 128);
        memcpy(insn + len, fnstenv, 3);
        s = before;
        native_run(insn, len + 3, &s);
        memcpy(env, fpu_data + FPU_DATA + 512, sizeof(env));
        memset(fpu_data + FPU_DATA, 0, 128);
        v->rip = (uintptr_t)native_code;
        v->fpu.cs = v->fpu.ds = 0;
        s = before;
        fpu_fixture_run(insn, len, &s);
        CU_ASSERT_EQUAL((u32)v->fpu.ip, load_le32(env + 12));
        CU_ASSERT_EQUAL(v->fpu.opcode, load_le16(env + 18));
        CU_ASSERT_EQUAL((u32)v->fpu.dp, load_le32(env + 20));
    }
}

TEST_SUITE(x87, TEST(every_row_equals_the_host), TEST(last_instruction_pointers));
