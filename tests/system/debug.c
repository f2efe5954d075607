/* SPDX-License-Identifier: MIT */
/*
 * Debug exceptions: single-stepping through everything that treats TF in its own way, instruction breakpoints and RF, data
 * and I/O breakpoints of every kind and length, the shadow of MOV SS, general detect, INT1 and INT3, DR6 and DR7 (Intel SDM
 * vol. 3 ch. 17; vol. 3 §6.8.3; AMD APM vol. 2 §13.1).
 *
 * A case is code and the list of debug exceptions that it shall raise: offsets of the instruction pointers, bits of DR6. The
 * handler clears DR6 and goes on, setting RF behind an instruction breakpoint as debuggers do.
 */
#include "tests/system/kit/machine64.h"

#define BS 0x4000u
#define BD 0x2000u
#define HITS 12

struct hit {
    word ip;
    unsigned dr6;
    word flags;
};

static struct hit hits[HITS + 4];
static unsigned n_hits;
static bool set_rf;

static bool note(struct context *c)
{
    if (c->vector != V_DB || n_hits >= HITS)
        return false;
    hits[n_hits++] = (struct hit){c->ip, c->dr6 & 0xe00f, c->flags};
    if (set_rf && (c->dr6 & 15))
        c->flags |= FL_RF;
    write_dr6(0);
    return true;
}

/* What a case has: DR7's enables and types for breakpoint i on an address. */
enum { EXEC, WRITE, IO, ACCESS };
#define LEN1 0u
#define LEN2 1u
#define LEN8 2u
#define LEN4 3u

static word dr7_of(unsigned i, unsigned type, unsigned len)
{
    return 0x400 | 2u << (i * 2) | (type | len << 2) << (16 + i * 4);
}

static void write_dr(unsigned i, word value)
{
    switch (i) {
    case 0: write_dr0(value); break;
    case 1: write_dr1(value); break;
    case 2: write_dr2(value); break;
    default: write_dr3(value); break;
    }
}

static uint8_t data[64] __attribute__((aligned(64)));
static uint8_t other[64] __attribute__((aligned(64)));

/* Run `code` and compare: `expect` is a list of offset, DR6 pairs, ended by -1. */
static void run(const char *name, const uint8_t *code, word flags, word dr7, const int *expect,
                unsigned known)
{
    struct context c;
    unsigned n = 0;
    bool good = true;

    n_hits = 0;
    memset(data, 0, sizeof data);
    memset(other, 0, sizeof other);
    other[1] = 1;
    sys_kernel(&c, (uintptr_t)code);
    c.flags |= flags;
    c.r[RDI] = (uintptr_t)data;
    c.r[RSI] = (uintptr_t)other;
    c.r[RBX] = (uintptr_t)code;
    sys_hook = note;
    write_dr6(0);
    write_dr7(dr7);
    sys_go(&c);
    write_dr7(0x400);
    sys_hook = NULL;
    for (; expect[n * 2] >= 0; n++)
        good &= n < n_hits && hits[n].ip - (uintptr_t)code == (word)expect[n * 2] &&
                hits[n].dr6 == (unsigned)expect[n * 2 + 1];
    if (check_but(known, "SDM vol. 3 17.2, 17.3", good && n == n_hits && c.vector == DONE,
                  "%s: vector %lu, %u debug exceptions, expected %u", name, c.vector, n_hits, n) ||
        (known & judge()))
        return;
    for (unsigned i = 0; i < n_hits; i++)
        print("    %lx DR6 %x flags %lx\n", hits[i].ip - (uintptr_t)code, hits[i].dr6,
              hits[i].flags);
}

#define EXPECT(...) ((const int[]){__VA_ARGS__, -1})
#define NONE ((const int[]){-1})

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
extern const uint8_t s_cpuid_end[];
CODE(s_cpuid, "xor %eax, %eax\n cpuid\n s_cpuid_end: int $0x30");       /* 0 2 4 */
CODE(s_cr3, "mov %cr3, %rax\n mov %rax, %cr3\n nop\n int $0x30");       /* 0 3 6 7 */
CODE(s_out, "out %al, $0x80\n nop\n int $0x30");                        /* 0 2 3 */
CODE(s_movs_df, "mov $2, %ecx\n add $8, %rdi\n rep movsl\n int $0x30"); /* 0 5 9 11 */
CODE(just_iret, "iretq");

static void single_step(void)
{
    sys_set_gate(0x60, K_CODE64, (uintptr_t)just_iret, 0xee, 0);
    sys_set_gate(V_BP, K_CODE64, (uintptr_t)just_iret, 0xee, 0);
    run("TF: nops", s_nops, FL_TF, 0x400, EXPECT(1, BS, 2, BS, 3, BS), 0);
    run("TF: REP", s_rep, FL_TF, 0x400, EXPECT(5, BS, 5, BS, 5, BS, 7, BS, 8, BS), 0);
    run("TF: REP of nothing", s_rep0, FL_TF, 0x400, EXPECT(2, BS, 4, BS, 5, BS), 0);
    run("TF: REPE that ends", s_repe, FL_TF, 0x400, EXPECT(5, BS, 5, BS, 7, BS, 8, BS), 0);
    run("TF: REP MOVSD", s_movs_df, FL_TF, 0x400, EXPECT(5, BS, 9, BS, 9, BS, 11, BS), 0);
    run("TF: MOV SS", s_mov_ss, FL_TF, 0x400, EXPECT(2, BS, 5, BS, 6, BS), 0);
    run("TF: POPF clears it", s_popf_off, FL_TF, 0x400, EXPECT(1, BS, 3, BS, 4, BS), 0);
    run("TF: POPF sets it", s_popf_on, 0, 0x400, EXPECT(7, BS, 8, BS), 0);
    run("TF: jump", s_jump, FL_TF, 0x400, EXPECT(3, BS, 4, BS), 0);
    run("TF: call and ret", s_call, FL_TF, 0x400, EXPECT(7, BS, 5, BS), 0);
    run("TF: loop", s_loop, FL_TF, 0x400, EXPECT(5, BS, 5, BS, 5, BS, 7, BS), 0);
    run("TF: CLI", s_sti, FL_TF, 0x400, EXPECT(1, BS, 2, BS, 3, BS), 0);
    /* INT clears TF before the trap could come; the handler's IRET restores it, and traps only behind the next instruction. */
    run("TF: INT", s_int, FL_TF, 0x400, EXPECT(1, BS, 4, BS), 0);
    run("TF: INT3", s_int3, FL_TF, 0x400, EXPECT(1, BS, 3, BS), 0);
    run("TF: INT1", s_icebp, FL_TF, 0x400, EXPECT(1, BS, 2, 0, 3, BS), ON_TCG);
    run("TF: CPUID", s_cpuid, FL_TF, 0x400, EXPECT(2, BS, 4, BS), 0);
    run("TF: MOV CR3", s_cr3, FL_TF, 0x400, EXPECT(3, BS, 6, BS, 7, BS), 0);
    run("TF: OUT", s_out, FL_TF, 0x400, EXPECT(2, BS, 3, BS), 0);
    run("TF: PUSHF", s_pushf, FL_TF, 0x400, EXPECT(1, BS, 2, BS), 0);
    run("no TF: INT1", s_icebp, 0, 0x400, EXPECT(2, 0), ON_TCG);
    sys_set_gate(V_BP, K_CODE64, sys_stub(V_BP), 0xee, 0);
    {
        struct context c;

        sys_kernel(&c, (uintptr_t)s_pushf);
        c.flags |= FL_TF;
        n_hits = 0;
        sys_hook = note;
        sys_go(&c);
        sys_hook = NULL;
        check(c.r[RAX] & FL_TF, "PUSHF while stepping: %lx", c.r[RAX]);
        /* IRET sets TF: the trap comes behind the next instruction. */
        n_hits = 0;
        sys_kernel(&c, (uintptr_t)s_iretq);
        sys_hook = note;
        sys_go(&c);
        sys_hook = NULL;
        check(c.vector == DONE && n_hits == 2 && hits[1].ip == hits[0].ip + 1,
              "IRET sets TF: vector %lu, %u traps", c.vector, n_hits);
    }
}

/* Two MOV SS in a row: the second need not hold anything off (SDM vol. 3 6.8.3), so both answers are good. */
static void two_mov_ss(void)
{
    struct context c;

    n_hits = 0;
    sys_kernel(&c, (uintptr_t)s_mov_ss2);
    c.flags |= FL_TF;
    sys_hook = note;
    sys_go(&c);
    sys_hook = NULL;
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

    n_hits = 0;
    sys_kernel(&c, (uintptr_t)s_ud);
    c.flags |= FL_TF;
    sys_hook = note;
    sys_go(&c);
    sys_hook = NULL;
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
    run("TF and BTF: REP", s_btf_rep, FL_TF, 0x400, EXPECT(14, BS, 19, BS, 20, BS, 21, BS), ON_TCG);
    wrmsr(0x1d9, 2);
    run("TF and BTF", s_btf, FL_TF, 0x400, EXPECT(3, BS, 4, BS, 5, BS), ON_TCG);
    check_but(ON_TCG, "SDM vol. 3 17.4.3", !(rdmsr(0x1d9) & 2), "BTF after a trap: %lx",
              rdmsr(0x1d9));
    wrmsr(0x1d9, 0);
}

/* --- Instruction breakpoints ----------------------------------------------------------------------------- */

CODE(x_loop, "mov $3, %ecx\n 1: nop\n loop 1b\n int $0x30");             /* 0 5 6 8 */
CODE(x_prefix, "nop\n .byte 0x66, 0x66, 0x90\n nop\n int $0x30");        /* 0 1 4 5 */
CODE(x_mov_ss, "mov %ss, %eax\n mov %eax, %ss\n nop\n nop\n int $0x30"); /* 0 2 4 5 6 */
CODE(x_two, "nop\n nop\n nop\n int $0x30");

static void instruction_breakpoints(void)
{
    set_rf = true;
    for (unsigned i = 0; i < 4; i++) {
        unsigned b = 1u << i;

        write_dr(i, (uintptr_t)x_loop + 5);
        run("breakpoint in a loop", x_loop, 0, dr7_of(i, EXEC, LEN1), EXPECT(5, b, 5, b, 5, b), 0);
        run("breakpoint, locally", x_loop, 0, (dr7_of(i, EXEC, LEN1) & ~(word)0xff) | 1u << (i * 2),
            EXPECT(5, b, 5, b, 5, b), 0);
        run("breakpoint, not enabled", x_loop, 0, dr7_of(i, EXEC, LEN1) & ~(word)0xff, NONE, 0);
        write_dr(i, (uintptr_t)s_rep + 5);
        run("breakpoint at a REP", s_rep, 0, dr7_of(i, EXEC, LEN1), EXPECT(5, b), ON_TCG);
        write_dr(i, (uintptr_t)x_prefix + 1);
        run("breakpoint at a prefix", x_prefix, 0, dr7_of(i, EXEC, LEN1), EXPECT(1, b), 0);
        write_dr(i, (uintptr_t)x_prefix + 2);
        run("breakpoint behind a prefix", x_prefix, 0, dr7_of(i, EXEC, LEN1), NONE, 0);
        write_dr(i, (uintptr_t)x_mov_ss + 4);
        run("breakpoint behind MOV SS", x_mov_ss, 0, dr7_of(i, EXEC, LEN1), NONE, ON_TCG);
        write_dr(i, (uintptr_t)x_mov_ss + 2);
        run("breakpoint at MOV SS", x_mov_ss, 0, dr7_of(i, EXEC, LEN1), EXPECT(2, b), 0);
        write_dr(i, 0);
    }
    write_dr0((uintptr_t)x_two + 1);
    write_dr1((uintptr_t)x_two + 1);
    write_dr2((uintptr_t)x_two + 2);
    run("three breakpoints", x_two, 0, dr7_of(0, EXEC, 0) | dr7_of(1, EXEC, 0) | dr7_of(2, EXEC, 0),
        EXPECT(1, 3, 2, 4), 0);
    set_rf = false;
}

CODE(rf_fault, "nop\n mov 0(%rdx), %al\n nop\n int $0x30"); /* 0 1 3 4 */
CODE(rf_pushf, "pushq $2\n orl $0x10000, (%rsp)\n popfq\n nop\n pushfq\n pop %rax\n int $0x30");
CODE(rf_iret, "lea 1f(%rip), %rax\n mov %rsp, %rcx\n mov %ss, %edx\n push %rdx\n push %rcx\n push "
              "%rbp\n mov %cs, %edx\n push %rdx\n"
              "push %rax\n iretq\n rf_iret_1: 1: nop\n rf_iret_2: nop\n int $0x30");
extern const uint8_t rf_iret_1[], rf_iret_2[];

/* RF: holds off the instruction behind IRET and no other; is 1 in the frames of faults, 0 in that of an instruction breakpoint
 * (SDM vol. 3 17.3.1.1); POPF does not set it; no instruction sees it. */
static void resume_flag(void)
{
    struct context c;

    for (unsigned rf = 0; rf < 2; rf++)
        for (unsigned second = 0; second < 2; second++) {
            word at = (uintptr_t)(second ? rf_iret_2 : rf_iret_1);

            sys_kernel(&c, (uintptr_t)rf_iret);
            c.r[RBP] = FL_FIXED | (rf ? FL_RF : 0);
            write_dr0(at);
            write_dr6(0);
            write_dr7(dr7_of(0, EXEC, 0));
            sys_go(&c);
            write_dr7(0x400);
            if (rf && !second)
                check(c.vector == DONE, "RF holds a breakpoint off: vector %lu", c.vector);
            else
                check(c.vector == V_DB && c.ip == at && (c.dr6 & 0xe00f) == 1 && !(c.flags & FL_RF),
                      "a breakpoint, RF %u, instruction %u: vector %lu, flags %lx", rf, second,
                      c.vector, c.flags);
        }
    sys_kernel(&c, (uintptr_t)rf_fault);
    c.r[RDX] = 0x123456789000;
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 3 17.3.1.1", c.vector == V_PF && (c.flags & FL_RF),
              "RF in the frame of a fault: %lx", c.flags);
    sys_kernel(&c, (uintptr_t)rf_pushf);
    write_dr0((uintptr_t)rf_pushf + 10);
    write_dr7(dr7_of(0, EXEC, 0));
    sys_go(&c);
    write_dr7(0x400);
    check(c.vector == V_DB, "POPF does not set RF: vector %lu at %lx", c.vector,
          c.ip - (uintptr_t)rf_pushf);
    sys_kernel(&c, (uintptr_t)rf_pushf);
    c.flags |= FL_RF;
    sys_go(&c);
    check(c.vector == DONE && !(c.r[RAX] & FL_RF), "PUSHF does not show RF: %lx", c.r[RAX]);
    sys_kernel(&c, (uintptr_t)s_nops);
    c.flags |= FL_RF;
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 3 17.3.1.1", c.vector == DONE && !(c.flags & FL_RF),
              "RF is clear behind an instruction: %lx", c.flags);
    /* A breakpoint comes before the fault of the fetch (SDM vol. 3 table 6-2). */
    sys_kernel(&c, 0x123456789000);
    write_dr0(0x123456789000);
    write_dr6(0);
    write_dr7(dr7_of(0, EXEC, 0));
    sys_go(&c);
    write_dr7(0x400);
    check_but(ON_TCG, "SDM vol. 3 table 6-2", c.vector == V_DB,
              "breakpoint on a page that is not there: vector %lu", c.vector);
}

/* --- Data breakpoints -------------------------------------------------------------------------------------- */

CODE(d_r1, "mov 8(%rdi), %al\n nop\n int $0x30");   /* 0 3 4 */
CODE(d_w1, "mov %al, 8(%rdi)\n nop\n int $0x30");   /* 0 3 */
CODE(d_r8, "mov 8(%rdi), %rax\n nop\n int $0x30");  /* 0 4 */
CODE(d_w8, "mov %rax, 8(%rdi)\n nop\n int $0x30");  /* 0 4 */
CODE(d_rmw4, "addl $1, 8(%rdi)\n nop\n int $0x30"); /* 0 4 */

static const struct {
    const uint8_t *code;
    const char *name;
    unsigned from, to, next; /* bytes touched; offset of the next instruction */
    bool writes;
} touches[] = {
    {d_r1, "read of 1", 8, 9, 3, false},  {d_w1, "write of 1", 8, 9, 3, true},
    {d_r8, "read of 8", 8, 16, 4, false}, {d_w8, "write of 8", 8, 16, 4, true},
    {d_rmw4, "add of 4", 8, 12, 4, true},
};

static void data_breakpoints(void)
{
    static const unsigned length[4] = {1, 2, 8, 4};

    for (unsigned i = 0; i < 4; i++)
        for (unsigned t = 0; t < sizeof touches / sizeof *touches; t++)
            for (unsigned len = 0; len < 4; len++)
                for (unsigned type = WRITE; type <= ACCESS; type += 2)
                    for (unsigned at = 0; at < 24; at += length[len]) {
                        bool overlaps = at < touches[t].to && at + length[len] > touches[t].from;
                        bool hit = overlaps && (type == ACCESS || touches[t].writes);
                        int one[] = {(int)touches[t].next, 1 << i, -1};

                        write_dr(i, (uintptr_t)data + at);
                        run(touches[t].name, touches[t].code, 0, dr7_of(i, type, len),
                            hit ? one : NONE, 0);
                    }
}

CODE(m_push, "push %rax\n pop %rax\n int $0x30");           /* 0 1 2 */
CODE(m_movs, "mov $4, %ecx\n rep movsb\n nop\n int $0x30"); /* 0 5 7 */
CODE(m_stos, "mov $4, %ecx\n rep stosb\n nop\n int $0x30"); /* 0 5 7 */
CODE(m_two, "movsb\n nop\n int $0x30");                     /* 0 1 */
CODE(
    m_mov_ss,
    "mov %ss, %eax\n mov %eax, (%rdi)\n nop\n mov (%rdi), %ss\n nop\n nop\n int $0x30"); /* 0 2 4 5 7 8 */
CODE(m_cmpxchg, "mov $1, %eax\n cmpxchg %ecx, (%rdi)\n nop\n int $0x30");                /* 0 5 8 */
CODE(m_xchg, "xchg %eax, (%rdi)\n nop\n int $0x30");                                     /* 0 2 */
CODE(m_lea, "lea (%rdi), %rax\n nop\n int $0x30");
CODE(m_cmov, "xor %eax, %eax\n cmovne (%rdi), %eax\n int $0x30"); /* 0 2 5 */
CODE(m_call, "call 1f\n 1: int $0x30");                           /* 0 5 */
CODE(m_fault, "mov (%rdi), %al\n ud2\n");
CODE(m_fxsave, "fxsave64 (%rdi)\n nop\n int $0x30");  /* 0 4 */
CODE(m_cross, "mov %rax, 6(%rdi)\n nop\n int $0x30"); /* 0 4 */
CODE(m_enter, "enter $16, $0\n leave\n int $0x30");   /* 0 4 5 */
CODE(m_ss_int, "mov %ss, (%rdi)\n mov (%rdi), %ss\n int $0x60\n nop\n int $0x30");

static void more_data_breakpoints(void)
{
    word stack = stack_top(sys_stack_test);
    struct context c;

    sys_set_gate(V_DB, K_CODE64, sys_stub(V_DB), 0x8e, 2);
    sys_set_gate(DONE, K_CODE64, sys_stub(DONE), 0xee, 3);
    write_dr0(stack - 8);
    run("PUSH, POP: write", m_push, 0, dr7_of(0, WRITE, LEN8), EXPECT(1, 1), 0);
    run("PUSH, POP: access", m_push, 0, dr7_of(0, ACCESS, LEN8), EXPECT(1, 1, 2, 1), 0);
    run("CALL", m_call, 0, dr7_of(0, WRITE, LEN8), EXPECT(5, 1), 0);
    run("ENTER, LEAVE", m_enter, 0, dr7_of(0, ACCESS, LEN8), EXPECT(4, 1, 5, 1), 0);
    sys_set_gate(V_DB, K_CODE64, sys_stub(V_DB), 0x8e, 0);
    sys_set_gate(DONE, K_CODE64, sys_stub(DONE), 0xee, 0);
    write_dr0((uintptr_t)data + 2);
    run("REP MOVSB writes", m_movs, 0, dr7_of(0, WRITE, LEN1), EXPECT(5, 1), 0);
    run("REP STOSB writes", m_stos, 0, dr7_of(0, WRITE, LEN2), EXPECT(5, 1, 7, 1), ON_TCG);
    write_dr0((uintptr_t)other + 3);
    run("REP MOVSB reads, last", m_movs, 0, dr7_of(0, ACCESS, LEN1), EXPECT(7, 1), ON_TCG);
    write_dr0((uintptr_t)data);
    write_dr1((uintptr_t)other);
    run("MOVSB, both", m_two, 0, dr7_of(0, ACCESS, LEN1) | dr7_of(1, ACCESS, LEN1), EXPECT(1, 3),
        ON_TCG);
    run("MOVSB, stepping", m_two, FL_TF, dr7_of(0, WRITE, LEN1), EXPECT(1, BS | 1, 2, BS), ON_TCG);
    run("MOV SS from memory", m_mov_ss, 0, dr7_of(0, ACCESS, LEN2), EXPECT(4, 1, 8, 1), ON_TCG);
    run("CMPXCHG, not equal", m_cmpxchg, 0, dr7_of(0, WRITE, LEN4), EXPECT(8, 1), 0);
    run("XCHG", m_xchg, 0, dr7_of(0, ACCESS, LEN4), EXPECT(2, 1), 0);
    run("LEA", m_lea, 0, dr7_of(0, ACCESS, LEN4), NONE, 0);
    run("CMOV, not moved", m_cmov, 0, dr7_of(0, ACCESS, LEN4), EXPECT(5, 1), 0);
    write_dr0((uintptr_t)data + 8);
    run("across two", m_cross, 0, dr7_of(0, WRITE, LEN1), EXPECT(4, 1), 0);
    write_dr1((uintptr_t)data + 0);
    run("across two, both", m_cross, 0, dr7_of(0, WRITE, LEN1) | dr7_of(1, WRITE, LEN8),
        EXPECT(4, 3), ON_TCG);

    /* A breakpoint that is due when MOV SS is followed by INT comes in INT's handler. */
    write_dr0((uintptr_t)data);
    *(volatile uint16_t *)(void *)data = K_DATA;
    sys_set_gate(0x60, K_CODE64, (uintptr_t)just_iret, 0xee, 0);
    sys_kernel(&c, (uintptr_t)m_ss_int + 2);
    c.r[RDI] = (uintptr_t)data;
    write_dr6(0);
    write_dr7(dr7_of(0, ACCESS, LEN2));
    sys_go(&c);
    write_dr7(0x400);
    check_but(ON_TCG, "SDM vol. 3 6.8.3",
              c.vector == V_DB && c.ip == (uintptr_t)just_iret && (c.dr6 & 15) == 1,
              "MOV SS, INT: vector %lu at %lx DR6 %lx", c.vector, c.ip, c.dr6);

    /* The access of an instruction that faults is none. */
    sys_kernel(&c, (uintptr_t)rf_fault);
    c.r[RDX] = 0x123456789000;
    write_dr0(0x123456789000);
    write_dr6(0);
    write_dr7(dr7_of(0, ACCESS, LEN1));
    sys_go(&c);
    write_dr7(0x400);
    check(c.vector == V_PF && !(c.dr6 & 15), "an access that faults: vector %lu, DR6 %lx", c.vector,
          c.dr6);
}

/* --- I/O breakpoints --------------------------------------------------------------------------------------- */

CODE(p_out1, "out %al, $0x80\n nop\n int $0x30");                       /* 0 2 */
CODE(p_in1, "in $0x80, %al\n nop\n int $0x30");                         /* 0 2 */
CODE(p_in4, "in $0x80, %eax\n nop\n int $0x30");                        /* 0 2 */
CODE(p_outs, "mov $3, %ecx\n mov $0x80, %edx\n rep outsb\n int $0x30"); /* 0 5 10 12 */

static void io_breakpoints(void)
{
    static const struct {
        const uint8_t *code;
        const char *name;
        unsigned size;
    } cases[] = {{p_out1, "OUT", 1}, {p_in1, "IN", 1}, {p_in4, "IN of 4", 4}};
    static const unsigned length[4] = {1, 2, 8, 4};

    write_cr4(read_cr4() | CR4_DE);
    for (unsigned k = 0; k < 3; k++)
        for (unsigned len = 0; len < 4; len++)
            for (unsigned port = 0x7c; port < 0x88; port += length[len]) {
                bool hit = port < 0x80 + cases[k].size && port + length[len] > 0x80;

                if (len == LEN8)
                    continue;
                write_dr2(port);
                run(cases[k].name, cases[k].code, 0, dr7_of(2, IO, len), hit ? EXPECT(2, 4) : NONE,
                    0);
            }
    write_dr2(0x80);
    run("REP OUTSB", p_outs, 0, dr7_of(2, IO, LEN1), EXPECT(10, 4, 10, 4, 12, 4), ON_TCG);
    write_cr4(read_cr4() & ~(word)CR4_DE);
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
    instruction_breakpoints();
    resume_flag();
    data_breakpoints();
    more_data_breakpoints();
    io_breakpoints();
    general_detect();
    registers();
    software();
    report("debug");
}
