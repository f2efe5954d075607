/* SPDX-License-Identifier: MIT */
/*
 * Delivery of events, long mode: the program sys_prog64.S, and interrupts that come from outside. Intel SDM vol. 3 ch. 6.
 */
#include "cpu/exec.h"
#include "tests/lib/bare.h"
#include "tests/lib/suite.h"
#include "tests/unit/sys_results.h"

static void long_mode_program(void)
{
    sys_program_check(&sys_prog64, false);
}

static void long_mode_program_restarts(void)
{
    sys_program_check(&sys_prog64, true);
}

static void more_of_long_mode(void)
{
    sys_program_check(&sys_more64, false);
}

static void more_of_long_mode_restarts(void)
{
    sys_program_check(&sys_more64, true);
}

static void breakpoints_and_steps(void)
{
    sys_program_check(&sys_debug32, false);
}

static void breakpoints_and_steps_restart(void)
{
    sys_program_check(&sys_debug32, true);
}

/* Real mode: three words are pushed, IF and TF fall, the stack pointer wraps. */
static void real_mode_interrupt(void)
{
    struct bare b;
    struct vcpu *v;

    CU_ASSERT_FATAL(bare_create(&b, 1 << 20, 0x10000, "x86-64-v2"));
    v = b.v;
    store_le16(b.mem.ram + 0x21 * 4, 0x1234);
    store_le16(b.mem.ram + 0x21 * 4 + 2, 0x5678);
    v->r[R_SP] = 0xabcd0004;
    v->rip = 0x42;
    vcpu_set_flags(v, 0x302);
    vcpu_update_mode(v);
    if (setjmp(v->escape)) {
        CU_FAIL("escape");
        return;
    }
    v->mmu.careful = true;
    bare_interrupt(&b, 0x21);
    CU_ASSERT_EQUAL(v->rip, 0x1234);
    CU_ASSERT_EQUAL(v->seg[SEG_CS].sel, 0x5678);
    CU_ASSERT_EQUAL(v->seg[SEG_CS].base, 0x56780);
    CU_ASSERT_EQUAL(v->r[R_SP], 0xabcdfffe);
    CU_ASSERT_EQUAL(vcpu_flags(v), 2);
    CU_ASSERT_EQUAL(load_le16(b.mem.ram + 0xfffe), 0x42);
    CU_ASSERT_EQUAL(load_le16(b.mem.ram + 0), 0x1000);
    CU_ASSERT_EQUAL(load_le16(b.mem.ram + 2), 0x302);
    bare_destroy(&b);
}

/* No IDT: #GP, then #GP for #DF's gate: shutdown, and the board is asked for a reset. */
static void triple_fault(void)
{
    static const u8 ud2[] = {0x0f, 0x0b};
    struct bare b;

    CU_ASSERT_FATAL(bare_create(&b, 1 << 20, 0x10000, "x86-64-v2"));
    physmem_write(&b.mem, 0x10000, ud2, sizeof(ud2));
    b.v->idt.limit = 0;
    bare_run(&b, 10);
    CU_ASSERT_TRUE(b.reset);
    CU_ASSERT_EQUAL(b.v->activity, CPU_SHUTDOWN);
    bare_destroy(&b);
}

/* STI and MOV SS hold interrupts off for one instruction; an NMI blocks further ones until IRET. */
static void shadows_and_nmi(void)
{
    static const u8 code[] = {0xfb, 0xfb, 0x8e, 0xd0, 0x90, 0xcf}; /* STI STI MOV SS,AX NOP IRET */
    struct bare b;
    struct vcpu *v;

    CU_ASSERT_FATAL(bare_create(&b, 1 << 20, 0x10000, "x86-64-v2"));
    v = b.v;
    physmem_write(&b.mem, 0x10000, code, sizeof(code));
    store_le16(b.mem.ram + 8, 5); /* NMI handler: the IRET */
    store_le16(b.mem.ram + 10, 0x1000);
    v->r[R_SP] = 0x4000;
    bare_step(&b);
    CU_ASSERT_TRUE(v->shadow);
    CU_ASSERT_FALSE(v->shadow_ss);
    bare_step(&b); /* IF was set already */
    CU_ASSERT_FALSE(v->shadow);
    bare_step(&b);
    CU_ASSERT_TRUE(v->shadow && v->shadow_ss);
    bare_step(&b);
    CU_ASSERT_FALSE(v->shadow || v->shadow_ss);
    if (setjmp(v->escape)) {
        CU_FAIL("escape");
        return;
    }
    v->nmi_pending = true;
    deliver_nmi(v);
    CU_ASSERT_TRUE(v->nmi_blocked);
    CU_ASSERT_FALSE(v->nmi_pending);
    CU_ASSERT_EQUAL(v->rip, 5);
    bare_step(&b);
    CU_ASSERT_FALSE(v->nmi_blocked);
    CU_ASSERT_EQUAL(v->rip, 5);
    CU_ASSERT_EQUAL(v->r[R_SP], 0x4000);
    bare_destroy(&b);
}

TEST_SUITE(deliver, TEST(long_mode_program), TEST(long_mode_program_restarts),
           TEST(more_of_long_mode), TEST(more_of_long_mode_restarts), TEST(breakpoints_and_steps),
           TEST(breakpoints_and_steps_restart), TEST(real_mode_interrupt), TEST(triple_fault),
           TEST(shadows_and_nmi));
