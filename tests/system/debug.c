/* SPDX-License-Identifier: MIT */
/*
 * Debug exceptions but for breakpoints: single-stepping through everything that treats TF in its own way, branch stepping, general
 * detect, INT1 and INT3, what DR6 and DR7 keep and refuse (Intel SDM vol. 3 ch. 17; vol. 3 §6.8.3; AMD APM vol. 2 §13.1).
 */
#include "tests/system/kit/debug.h"

/* --- Single-stepping ------------------------------------------------------------------------------------ */

CODE(s_nops, "nop\n nop\n nop\n int $0x30");                             /* 0 1 2 3 */
CODE(s_rep, "mov $3, %ecx\n rep stosb\n nop\n int $0x30");               /* 0 5 7 8 */
CODE(s_rep0, "xor %ecx, %ecx\n rep stosb\n nop\n int $0x30");            /* 0 2 4 5 */
CODE(s_repe, "mov $9, %ecx\n repe cmpsb\n nop\n int $0x30");             /* 0 5 7 8 */
CODE(s_mov_ss, "mov %ss, %eax\n mov %eax, %ss\n nop\n nop\n int $0x30"); /* 0 2 4 5 6 */
CODE(s_mov_ss2,
     "mov %ss, %eax\n mov %eax, %ss\n mov %eax, %ss\n nop\n nop\n int $0x30"); /* 0 2 4 6 7 8 */
CODE(s_popf_off, "nop\n pushq $2\n popfq\n nop\n nop\n int $0x30");            /* 0 1 3 4 5 6 */
CODE(s_popf_on, "pushq $0x102\n popfq\n nop\n nop\n int $0x30");               /* 0 5 6 7 8 */
CODE(s_pushf, "pushfq\n pop %rax\n int $0x30");                                /* 0 1 2 */
CODE(s_jump, "jmp 1f\n nop\n 1: nop\n int $0x30");                             /* 0 2 3 4 */
CODE(s_call, "call 1f\n int $0x30\n 1: ret");                                  /* 0 5 7 */
CODE(s_loop, "mov $3, %ecx\n 1: loop 1b\n int $0x30");                         /* 0 5 7 */
CODE(s_sti, "nop\n cli\n nop\n int $0x30");                                    /* 0 1 2 3 */
CODE(s_int, "nop\n int $0x60\n nop\n int $0x30");                              /* 0 1 3 4 */
CODE(s_int3, "nop\n int3\n nop\n int $0x30");                                  /* 0 1 2 3 */
CODE(s_icebp, "nop\n .byte 0xf1\n nop\n int $0x30");
CODE(s_iretq, "mov %ss, %eax\n push %rax\n lea 8(%rsp), %rcx\n push %rcx\n pushq $0x102\n mov %cs, "
              "%eax\n push %rax\n"
              "lea 1f(%rip), %rax\n push %rax\n iretq\n 1: nop\n nop\n int $0x30");
CODE(s_cpuid, "xor %eax, %eax\n cpuid\n int $0x30");                    /* 0 2 4 */
CODE(s_cr3, "mov %cr3, %rax\n mov %rax, %cr3\n nop\n int $0x30");       /* 0 3 6 7 */
CODE(s_out, "out %al, $0x80\n nop\n int $0x30");                        /* 0 2 3 */
CODE(s_movs_df, "mov $2, %ecx\n add $8, %rdi\n rep movsl\n int $0x30"); /* 0 5 9 11 */

static void go_stepping(struct context *c, const uint8_t *code)
{
    sys_kernel(c, (uintptr_t)code);
    c->flags |= FL_TF;
    go_noting(c, DR7_NONE);
}

static void single_step(void)
{
    struct context c;

    sys_set_gate(0x60, K_CODE64, (uintptr_t)just_iret, 0xee, 0);
    sys_set_gate(V_BP, K_CODE64, (uintptr_t)just_iret, 0xee, 0);
    run("TF: nops", s_nops, FL_TF, DR7_NONE, EXPECT(1, BS, 2, BS, 3, BS), 0);
    run("TF: REP", s_rep, FL_TF, DR7_NONE, EXPECT(5, BS, 5, BS, 5, BS, 7, BS, 8, BS), 0);
    run("TF: REP of nothing", s_rep0, FL_TF, DR7_NONE, EXPECT(2, BS, 4, BS, 5, BS), 0);
    run("TF: REPE that ends", s_repe, FL_TF, DR7_NONE, EXPECT(5, BS, 5, BS, 7, BS, 8, BS), 0);
    run("TF: REP MOVSD", s_movs_df, FL_TF, DR7_NONE, EXPECT(5, BS, 9, BS, 9, BS, 11, BS), 0);
    run("TF: MOV SS", s_mov_ss, FL_TF, DR7_NONE, EXPECT(2, BS, 5, BS, 6, BS), 0);
    run("TF: POPF clears it", s_popf_off, FL_TF, DR7_NONE, EXPECT(1, BS, 3, BS, 4, BS), 0);
    run("TF: POPF sets it", s_popf_on, 0, DR7_NONE, EXPECT(7, BS, 8, BS), 0);
    run("TF: jump", s_jump, FL_TF, DR7_NONE, EXPECT(3, BS, 4, BS), 0);
    run("TF: call and ret", s_call, FL_TF, DR7_NONE, EXPECT(7, BS, 5, BS), 0);
    run("TF: loop", s_loop, FL_TF, DR7_NONE, EXPECT(5, BS, 5, BS, 5, BS, 7, BS), 0);
    run("TF: CLI", s_sti, FL_TF, DR7_NONE, EXPECT(1, BS, 2, BS, 3, BS), 0);
    /* INT clears TF before the trap could come; the handler's IRET restores it, and traps only behind the next instruction. */
    run("TF: INT", s_int, FL_TF, DR7_NONE, EXPECT(1, BS, 4, BS), 0);
    run("TF: INT3", s_int3, FL_TF, DR7_NONE, EXPECT(1, BS, 3, BS), 0);
    run("TF: INT1", s_icebp, FL_TF, DR7_NONE, EXPECT(1, BS, 2, 0, 3, BS), ON_TCG);
    run("TF: CPUID", s_cpuid, FL_TF, DR7_NONE, EXPECT(2, BS, 4, BS), 0);
    run("TF: MOV CR3", s_cr3, FL_TF, DR7_NONE, EXPECT(3, BS, 6, BS, 7, BS), 0);
    run("TF: OUT", s_out, FL_TF, DR7_NONE, EXPECT(2, BS, 3, BS), 0);
    run("TF: PUSHF", s_pushf, FL_TF, DR7_NONE, EXPECT(1, BS, 2, BS), 0);
    run("no TF: INT1", s_icebp, 0, DR7_NONE, EXPECT(2, 0), ON_TCG);
    sys_set_gate(V_BP, K_CODE64, sys_stub(V_BP), 0xee, 0);
    go_stepping(&c, s_pushf);
    check(c.r[RAX] & FL_TF, "PUSHF while stepping: %lx", c.r[RAX]);
    /* IRET sets TF: the trap comes behind the next instruction. */
    sys_kernel(&c, (uintptr_t)s_iretq);
    go_noting(&c, DR7_NONE);
    check(c.vector == DONE && n_hits == 2 && hits[1].ip == hits[0].ip + 1,
          "IRET sets TF: vector %lu, %u traps", c.vector, n_hits);
}

/* Two MOV SS in a row: the second need not hold anything off (SDM vol. 3 6.8.3), so both answers are good. */
static void two_mov_ss(void)
{
    struct context c;

    go_stepping(&c, s_mov_ss2);
    check(c.vector == DONE && hits[0].ip - (uintptr_t)s_mov_ss2 == 2 &&
              (hits[1].ip - (uintptr_t)s_mov_ss2 == 6 || hits[1].ip - (uintptr_t)s_mov_ss2 == 7) &&
              hits[n_hits - 1].ip - (uintptr_t)s_mov_ss2 == 8,
          "two MOV SS while stepping: vector %lu, %u traps", c.vector, n_hits);
}

/* A fault while stepping: no trap, and TF is in the frame. */
CODE(s_ud, "nop\n ud2");
static void fault_while_stepping(void)
{
    struct context c;

    go_stepping(&c, s_ud);
    check_but(ON_TCG, "SDM vol. 3 17.3.1.1",
              c.vector == V_UD && n_hits == 1 && (c.flags & (FL_TF | FL_RF)) == (FL_TF | FL_RF) &&
                  !(c.in_flags & FL_TF),
              "#UD while stepping: vector %lu, flags %lx", c.vector, c.flags);
}

/* DEBUGCTL.BTF: only branches that are taken trap, and BTF is cleared by the trap. */
CODE(s_btf, "nop\n jmp 1f\n 1: nop\n nop\n int $0x30"); /* 0 1 3 4 5 */
CODE(s_btf_rep, "mov $3, %ecx\n rep stosb\n nop\n xor %eax, %eax\n jnz 1f\n jz 1f\n 1: call 2f\n "
                "2: pop %rax\n nop\n int $0x30"); /* ... 17 18 19 */
static void branch_stepping(void)
{
    wrmsr(0x1d9, 2);
    run("TF and BTF: REP", s_btf_rep, FL_TF, DR7_NONE, EXPECT(14, BS, 19, BS, 20, BS, 21, BS),
        ON_TCG);
    wrmsr(0x1d9, 2);
    run("TF and BTF", s_btf, FL_TF, DR7_NONE, EXPECT(3, BS, 4, BS, 5, BS), ON_TCG);
    check_but(ON_TCG, "SDM vol. 3 17.4.3", !(rdmsr(0x1d9) & 2), "BTF after a trap: %lx",
              rdmsr(0x1d9));
    wrmsr(0x1d9, 0);
}

/* --- The registers ----------------------------------------------------------------------------------------- */

CODE(g_read, "mov %dr0, %rax\n int $0x30");
CODE(g_write, "mov %rax, %dr3\n int $0x30");
CODE(g_read7, "mov %dr7, %rax\n int $0x30");
CODE(g_write6, "mov %rax, %dr6\n int $0x30");
CODE(g_write7, "mov %rax, %dr7\n int $0x30");
CODE(g_read4, ".byte 0x0f, 0x21, 0xe0\n int $0x30");  /* mov %dr4, %rax */
CODE(g_read5, ".byte 0x0f, 0x21, 0xe8\n int $0x30");  /* mov %dr5, %rax */
CODE(g_write4, ".byte 0x0f, 0x23, 0xe0\n int $0x30"); /* mov %rax, %dr4 */
CODE(g_int3, "int3\n int $0x30");
CODE(g_icebp, ".byte 0xf1\n int $0x30");

static void general_detect(void)
{
    static const uint8_t *const codes[] = {g_read, g_write, g_read7, g_write6};
    struct context c;

    for (unsigned i = 0; i < 4; i++)
        for (unsigned user = 0; user < 2; user++) {
            (user ? sys_user : sys_kernel)(&c, (uintptr_t)codes[i]);
            write_dr6(0);
            sys_no_dr6 = user;
            write_dr7(0x2400);
            sys_go(&c);
            sys_no_dr6 = false;
            if (user) {
                struct context end;

                sys_kernel(&end, (uintptr_t)g_read); /* an exception that clears GD */
                sys_go(&end);
                check(c.vector == V_GP && c.error == 0, "MOV DR at CPL 3: vector %lu", c.vector);
                continue;
            }
            check_but(ON_TCG, "SDM vol. 3 17.2.4 (GD)",
                      c.vector == V_DB && c.ip == (uintptr_t)codes[i] && (c.dr6 & 0xe00f) == BD,
                      "general detect %u: vector %lu, DR6 %lx", i, c.vector, c.dr6);
            check_but(ON_TCG, "SDM vol. 3 17.2.4 (GD)", !(read_dr7() & 0x2000),
                      "general detect: GD is clear in the handler");
        }
}

/* What the registers keep, and what they refuse. */
static void registers(void)
{
    struct context c;

    write_dr6(0);
    check(read_dr6() == 0xffff0ff0, "DR6 after 0: %lx", read_dr6());
    write_dr6(0xffffffff);
    check_but(ON_TCG, "SDM vol. 3 17.2.3", (read_dr6() & ~0x10800ul) == 0xfffeefff - 0x800,
              "DR6 after ones: %lx", read_dr6());
    write_dr6(0);
    write_dr7(0);
    check(read_dr7() == 0x400, "DR7 after 0: %lx", read_dr7());
    write_dr0(0x123456789abcdef0);
    check(read_dr0() == 0x123456789abcdef0, "DR0: %lx", read_dr0());
    for (unsigned i = 0; i < 2; i++)
        for (unsigned bit = 32; bit < 64; bit++) {
            sys_kernel(&c, (uintptr_t)(i ? g_write7 : g_write6));
            c.r[RAX] = 1ul << bit | (i ? 0x400 : 0);
            sys_go(&c);
            check_but(ON_TCG, "SDM vol. 3 17.2.6", c.vector == V_GP && c.error == 0,
                      "DR%u bit %u: vector %lu", i ? 7 : 6, bit, c.vector);
            write_dr7(0x400);
            write_dr6(0);
        }
    for (unsigned de = 0; de < 2; de++) {
        static const uint8_t *const codes[] = {g_read4, g_read5, g_write4};

        write_cr4(de ? read_cr4() | CR4_DE : read_cr4() & ~(word)CR4_DE);
        for (unsigned i = 0; i < 3; i++) {
            sys_kernel(&c, (uintptr_t)codes[i]);
            sys_go(&c);
            check(c.vector == (word)(de ? V_UD : DONE), "DR4 and DR5, DE %u: vector %lu", de,
                  c.vector);
            if (!de && i < 2)
                check(c.r[RAX] == (i ? read_dr7() : read_dr6()), "DR%u is DR%u: %lx", 4 + i, 6 + i,
                      c.r[RAX]);
        }
    }
    write_cr4(read_cr4() & ~(word)CR4_DE);
}

/* INT3 and INT1, from both levels, through gates of both. */
static void software(void)
{
    struct context c;

    for (unsigned icebp = 0; icebp < 2; icebp++)
        for (unsigned user = 0; user < 2; user++)
            for (unsigned open = 0; open < 2; open++) {
                unsigned vector = icebp ? V_DB : V_BP;
                const uint8_t *code = icebp ? g_icebp : g_int3;
                word base = (uintptr_t)code + (user ? USER_ALIAS : 0);

                sys_set_gate(vector, K_CODE64, sys_stub(vector), open ? 0xee : 0x8e, 0);
                (user ? sys_user : sys_kernel)(&c, (uintptr_t)code);
                write_dr6(0);
                sys_go(&c);
                if (user && !open && !icebp)
                    check_but(ON_TCG, "SDM vol. 3 6.13",
                              c.vector == V_GP && c.error == V_BP * 8 + 2 && c.ip == base,
                              "INT3 through a closed gate: vector %lu error %lx", c.vector,
                              c.error);
                else
                    check_but(icebp ? ON_TCG : 0, "SDM vol. 2 INT1",
                              c.vector == vector && c.ip == base + 1 && !(c.flags & FL_RF) &&
                                  !(c.dr6 & 0xe00f),
                              "INT%u at CPL %u, gate %u: vector %lu error %lx at +%lx, DR6 %lx",
                              icebp ? 1 : 3, user * 3, open, c.vector, c.error, c.ip - base, c.dr6);
            }
    sys_set_gate(V_DB, K_CODE64, sys_stub(V_DB), 0x8e, 0);
}

void system_main(void)
{
    single_step();
    two_mov_ss();
    fault_while_stepping();
    branch_stepping();
    general_detect();
    registers();
    software();
    report("debug");
}
