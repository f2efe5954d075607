/* SPDX-License-Identifier: MIT */
/*
 * Breakpoints: instruction breakpoints and RF, data and I/O breakpoints of every kind and length, the shadow of MOV SS, breakpoints
 * in REP (Intel SDM vol. 3 ch. 17; vol. 3 §6.8.3; AMD APM vol. 2 §13.1).
 */
#include "tests/system/kit/debug.h"

/* --- Instruction breakpoints ----------------------------------------------------------------------------- */

CODE(x_loop, "mov $3, %ecx\n 1: nop\n loop 1b\n int $0x30");             /* 0 5 6 8 */
CODE(x_prefix, "nop\n .byte 0x66, 0x66, 0x90\n nop\n int $0x30");        /* 0 1 4 5 */
CODE(x_mov_ss, "mov %ss, %eax\n mov %eax, %ss\n nop\n nop\n int $0x30"); /* 0 2 4 5 6 */
CODE(x_rep, "mov $3, %ecx\n rep stosb\n nop\n int $0x30");               /* 0 5 7 8 */
CODE(x_two, "nop\n nop\n nop\n int $0x30");

static void instruction_breakpoints(void)
{
    debug_set_rf = true;
    for (unsigned i = 0; i < 4; i++) {
        unsigned b = 1u << i;

        write_dr(i, (uintptr_t)x_loop + 5);
        run("breakpoint in a loop", x_loop, 0, dr7_of(i, EXEC, LEN1), EXPECT(5, b, 5, b, 5, b), 0);
        run("breakpoint, locally", x_loop, 0, (dr7_of(i, EXEC, LEN1) & ~(word)0xff) | 1u << (i * 2),
            EXPECT(5, b, 5, b, 5, b), 0);
        run("breakpoint, not enabled", x_loop, 0, dr7_of(i, EXEC, LEN1) & ~(word)0xff, NONE, 0);
        write_dr(i, (uintptr_t)x_rep + 5);
        run("breakpoint at a REP", x_rep, 0, dr7_of(i, EXEC, LEN1), EXPECT(5, b), ON_TCG);
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
    debug_set_rf = false;
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
            go_with(&c, dr7_of(0, EXEC, 0));
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
    go_with(&c, dr7_of(0, EXEC, 0));
    check(c.vector == V_DB, "POPF does not set RF: vector %lu at %lx", c.vector,
          c.ip - (uintptr_t)rf_pushf);
    sys_kernel(&c, (uintptr_t)rf_pushf);
    c.flags |= FL_RF;
    sys_go(&c);
    check(c.vector == DONE && !(c.r[RAX] & FL_RF), "PUSHF does not show RF: %lx", c.r[RAX]);
    sys_kernel(&c, (uintptr_t)x_two);
    c.flags |= FL_RF;
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 3 17.3.1.1", c.vector == DONE && !(c.flags & FL_RF),
              "RF is clear behind an instruction: %lx", c.flags);
    /* A breakpoint comes before the fault of the fetch (SDM vol. 3 table 6-2). */
    sys_kernel(&c, 0x123456789000);
    write_dr0(0x123456789000);
    go_with(&c, dr7_of(0, EXEC, 0));
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
    go_with(&c, dr7_of(0, ACCESS, LEN2));
    check_but(ON_TCG, "SDM vol. 3 6.8.3",
              c.vector == V_DB && c.ip == (uintptr_t)just_iret && (c.dr6 & 15) == 1,
              "MOV SS, INT: vector %lu at %lx DR6 %lx", c.vector, c.ip, c.dr6);

    /* The access of an instruction that faults is none. */
    sys_kernel(&c, (uintptr_t)rf_fault);
    c.r[RDX] = 0x123456789000;
    write_dr0(0x123456789000);
    go_with(&c, dr7_of(0, ACCESS, LEN1));
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

void system_main(void)
{
    instruction_breakpoints();
    resume_flag();
    data_breakpoints();
    more_data_breakpoints();
    io_breakpoints();
    report("breakpoints");
}
