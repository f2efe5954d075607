/* SPDX-License-Identifier: MIT */
/*
 * Far returns in long mode: RET and IRETQ to every level with good and bad code and stack segments, data segments that the outer
 * level may not keep, addresses that are not canonical, NT. What is expected comes from a small model of the pseudocode in Intel
 * SDM vol. 2 (RET, IRET) and vol. 3 §6.14.
 */
#include "tests/system/kit/transfer64.h"

CODE(far_return, "lretq\n int $0x30");
CODE(interrupt_return, "iretq\n int $0x30");

/* --- Far RET and IRETQ --------------------------------------------------------------------------------- */

/* Where the stack of at_level() begins, and its memory. */
static word level_stack(unsigned cpl)
{
    return cpl == 3 ? user_alias(sys_stack_user) + SYS_STACK_BYTES - 64 : stack_top(sys_stack_test);
}

static const uint8_t *level_stack_memory(unsigned cpl)
{
    return cpl == 3 ? sys_stack_user : sys_stack_test;
}

struct return_case {
    unsigned cpl;
    bool iret;
    struct code cs;
    uint16_t ss;
    uint8_t ss_access;
};

static struct outcome return_model(const struct return_case *k, bool *pops_ss)
{
    const struct code *cs = &k->cs;
    unsigned rpl = cs->sel & 3;

    *pops_ss = k->iret || rpl > k->cpl;
    if (err(cs->sel) == 0)
        return fault(V_GP, 0);
    if (cs->sel >= SEL_BEYOND || !is_code(cs->access) || rpl < k->cpl || (cs->flags & 6) == 6)
        return fault(V_GP, err(cs->sel));
    if (is_conforming(cs->access) ? dpl_of(cs->access) > rpl : dpl_of(cs->access) != rpl)
        return fault(V_GP, err(cs->sel));
    if (!(cs->access & 0x80))
        return fault(V_NP, err(cs->sel));
    if (!*pops_ss)
        return fine;
    if (err(k->ss) ==
        0) /* null: in 64-bit mode and not at CPL 3; IRET within a level takes its RPL as it is */
        return rpl == 3 || !is_long(cs) ? fault(V_GP, 0) : fine;
    if (k->ss >= SEL_BEYOND || (k->ss & 3u) != rpl || (k->ss_access & 0x1a) != 0x12 ||
        dpl_of(k->ss_access) != rpl)
        return fault(V_GP, err(k->ss));
    if (!(k->ss_access & 0x80))
        return fault(V_SS, err(k->ss));
    return fine;
}

static void try_return(const struct return_case *k)
{
    unsigned cpl = k->cs.sel & 3;
    bool pops_ss, good;
    struct outcome want = return_model(k, &pops_ss);
    word target = (uintptr_t)landed + (cpl == 3 ? USER_ALIAS : 0), sp;
    struct context c;
    uint64_t *at;

    set_code(&k->cs);
    if (err(k->ss) == SEL_Y)
        sys_gdt[GDT_SLOT(SEL_Y)] = sys_segment(0, 0xfffff, k->ss_access, 0xc);
    at_level(&c, k->cpl, k->iret ? interrupt_return : far_return);
    sp = c.r[RSP] = level_stack(k->cpl) - 64;
    at = (uint64_t *)(uintptr_t)(level_stack_memory(k->cpl) + SYS_STACK_BYTES - 64 - 64);
    *at++ = target;
    *at++ = k->cs.sel;
    if (k->iret)
        *at++ = FL_FIXED | FL_CF;
    *at++ = level_stack(cpl) - 256;
    *at++ = k->ss;
    sys_go(&c);
    good = came_out(&c, want);
    if (want.vector == DONE) {
        good &= c.r[RAX] == k->cs.sel && c.r[RCX] == (pops_ss ? level_stack(cpl) - 256 : sp + 16);
        good &= !pops_ss || c.r[RBX] == k->ss;
    } else {
        good &= c.ip == (uintptr_t)(k->iret ? interrupt_return : far_return) +
                            (k->cpl == 3 ? USER_ALIAS : 0);
    }
    check_but((k->cs.flags & 6) == 6 || want.vector == V_SS ? ON_TCG : 0,
              "SDM vol. 2 RET, IRET (#GP if L and D, #SS if SS is absent)", good,
              "%s at CPL %u to CS %x access %x flags %x, SS %x access %x: vector %lu error %lx (CS "
              "%lx SS %lx RSP %lx), expected "
              "%u %x",
              k->iret ? "IRETQ" : "far RET", k->cpl, k->cs.sel, k->cs.access, k->cs.flags, k->ss,
              k->ss_access, c.vector, c.error, c.r[RAX], c.r[RBX], c.r[RCX], want.vector,
              want.error);
}

static void far_returns(void)
{
    static const uint8_t ss_access[] = {0x93, 0xb3, 0xd3, 0xf3, 0x91, 0xf1,
                                        0x13, 0x73, 0x9b, 0xfb, 0x82, 0x97};
    struct return_case k;

    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++) {
        if (is_code(targets[i].access) && !is_long(&targets[i]) && (targets[i].flags & 6) != 6)
            continue; /* compatibility mode */
        for (unsigned j = 0; j < 4 * 4 * 2; j++) {
            unsigned rpl = j >> 2 & 3;

            k = (struct return_case){.cpl = j & 3,
                                     .iret = j & 16,
                                     .cs = targets[i],
                                     .ss = SEL_STACK(rpl) | rpl,
                                     .ss_access = 0x93 | rpl << 5};
            k.cs.sel = (k.cs.sel & ~3u) | rpl;
            try_return(&k);
        }
    }
    for (unsigned to = 0; to < 4; to++)
        for (unsigned from = 0; from <= to; from++)
            for (unsigned iret = 0; iret < 2; iret++) {
                k = (struct return_case){
                    .cpl = from, .iret = iret, .cs = {SEL_PLAIN(to) | to, 0x9b | to << 5, 0xa}};
                for (unsigned rpl = 0; rpl < 4; rpl++) {
                    k.ss = rpl;
                    k.ss_access = 0;
                    if (rpl == to)
                        try_return(&k);
                    k.ss = SEL_BEYOND | rpl;
                    try_return(&k);
                    for (unsigned i = 0; i < sizeof ss_access; i++) {
                        k.ss = SEL_Y | rpl;
                        k.ss_access = ss_access[i];
                        try_return(&k);
                    }
                }
            }
}

/* Data segments that the outer level may not have become null (SDM vol. 2 RET, IRET); targets that are not canonical. */
CODE(drop, "mov %esi, %ds\n mov %edx, %es\n iretq");
CODE(dropped, "mov %ds, %eax\n mov %es, %ebx\n mov $0x20, %ecx\n int $0x30");
CODE(null_iret, "mov %rbx, %rsp\n iretq\n int $0x30");

static void return_details(void)
{
    struct context c;
    uint64_t *at = (uint64_t *)(uintptr_t)(stack_top(sys_stack_test) - 64);

    for (unsigned conforming = 0; conforming < 2; conforming++) {
        at[0] = (uintptr_t)dropped + USER_ALIAS;
        at[1] = U_CODE64;
        at[2] = FL_FIXED;
        at[3] = stack_top(sys_stack_user) + USER_ALIAS;
        at[4] = U_DATA;
        sys_kernel(&c, (uintptr_t)drop);
        c.r[RSP] = (uintptr_t)at;
        c.r[RSI] = conforming ? K_CODE64C : K_DATA;
        c.r[RDX] = U_DATA;
        sys_go(&c);
        check(c.vector == DONE && c.r[RAX] == (conforming ? K_CODE64C : 0) && c.r[RBX] == U_DATA,
              "data segments after IRETQ: vector %lu, %lx %lx", c.vector, c.r[RAX], c.r[RBX]);
    }
    for (unsigned user = 0; user < 2; user++) {
        at[0] = 0x0000800000000000;
        at[1] = user ? U_CODE64 : K_CODE64;
        at[2] = FL_FIXED;
        at[3] = stack_top(sys_stack_user) + USER_ALIAS;
        at[4] = user ? U_DATA : K_DATA;
        sys_kernel(&c, (uintptr_t)null_iret);
        c.r[RBX] = (uintptr_t)at;
        sys_go(&c);
        check_but(ON_TCG, "SDM vol. 2 IRET: #GP(0) if the instruction pointer is not canonical",
                  c.vector == V_GP && c.error == 0 && c.ip == (uintptr_t)null_iret + 3,
                  "IRETQ to an address that is not canonical: vector %lu error %lx at %lx",
                  c.vector, c.error, c.ip);
    }
    /* NT: there are no tasks to return to. */
    at[0] = (uintptr_t)landed;
    sys_kernel(&c, (uintptr_t)null_iret);
    c.r[RBX] = (uintptr_t)at;
    c.flags |= FL_NT;
    sys_go(&c);
    check(c.vector == V_GP && c.error == 0 && c.ip == (uintptr_t)null_iret + 3,
          "IRETQ with NT: vector %lu error %lx", c.vector, c.error);
    /* A stack pointer that is not canonical is loaded, and fails when it is used. */
    at[0] = (uintptr_t)dropped;
    at[1] = K_CODE64;
    at[2] = FL_FIXED;
    at[3] = 0x0000900000000000;
    at[4] = 0;
    sys_set_gate(DONE, K_CODE64, sys_stub(DONE), 0xee, 1);
    sys_kernel(&c, (uintptr_t)null_iret);
    c.r[RBX] = (uintptr_t)at;
    sys_go(&c);
    check(c.vector == DONE && c.r[RSP] == 0x0000900000000000,
          "IRETQ to a stack that is not canonical: vector %lu error %lx", c.vector, c.error);
    sys_set_gate(DONE, K_CODE64, sys_stub(DONE), 0xee, 0);
}

void system_main(void)
{
    far_returns();
    return_details();
    report("returns64");
}
