/* SPDX-License-Identifier: MIT */
/*
 * Gates and far transfers in long mode: INT through gates of every type, privilege and target from every CPL, far CALL and JMP to
 * code segments and call gates with every RPL, far RET and IRETQ to every level with good and bad stack segments. What is
 * expected comes from small models of the pseudocode in Intel SDM vol. 2 (INT n, CALL, JMP, RET, IRET) and vol. 3 §5.8 and §6.14 (stack
 * switching, alignment of the frame, interrupt stack table).
 */
#include "tests/system/kit/machine64.h"

/* Code segments by privilege: plain, conforming; data segments; and the one under test. */
#define SEL_PLAIN(dpl) (K_FREE + (dpl)*8)
#define SEL_CONFORMING(dpl) (K_FREE + 0x20 + (dpl)*8)
#define SEL_STACK(dpl) (K_FREE + 0x40 + (dpl)*8)
#define SEL_X (K_FREE + 0x60)
#define SEL_GATE (K_FREE + 0x68) /* two slots */
#define SEL_BEYOND 0x200
#define V_GATE 0x60

CODE(landed, "mov %cs, %eax\n mov %ss, %ebx\n mov %rsp, %rcx\n pushfq\n pop %rdx\n int $0x30");
CODE(int_gate, "int $0x60\n int $0x30");
CODE(far_call, "lcalll *(%rdi)\n int $0x30");
CODE(far_jump, "ljmpl *(%rdi)\n int $0x30");
CODE(far_return, "lretq\n int $0x30");
CODE(interrupt_return, "iretq\n int $0x30");

/* An exception: vector and error code; DONE for none. */
struct outcome {
    unsigned vector, error;
};

static struct outcome fault(unsigned vector, unsigned error)
{
    return (struct outcome){vector, error};
}

static const struct outcome fine = {DONE, 0};

/* A descriptor for the test: what the checks look at. */
struct code {
    uint16_t sel;
    uint8_t access, flags;
};

static bool is_code(const struct code *c)
{
    return (c->access & 0x18) == 0x18;
}
static bool is_conforming(const struct code *c)
{
    return c->access & 4;
}
static unsigned dpl(const struct code *c)
{
    return c->access >> 5 & 3;
}
static bool is_long(const struct code *c)
{
    return (c->flags & 6) == 2; /* L without D */
}
static unsigned err(unsigned sel)
{
    return sel & 0xfffc;
}

static void set_code(const struct code *c)
{
    if (c->sel >= K_FREE && c->sel < SEL_BEYOND)
        sys_gdt[GDT_SLOT(c->sel)] = sys_segment(0, 0xfffff, c->access, c->flags);
}

static void at_level(struct context *c, unsigned cpl, const uint8_t *code)
{
    if (cpl == 3) {
        sys_user(c, (uintptr_t)code);
        return;
    }
    sys_kernel(c, (uintptr_t)code);
    if (cpl) {
        c->cs = SEL_PLAIN(cpl) | cpl;
        c->ss = SEL_STACK(cpl) | cpl;
    }
}

static word level_stack(unsigned cpl)
{
    return cpl == 3 ? user_alias(sys_stack_user) + SYS_STACK_BYTES - 64 : stack_top(sys_stack_test);
}

static const uint8_t *level_stack_memory(unsigned cpl)
{
    return cpl == 3 ? sys_stack_user : sys_stack_test;
}

/* --- INT n --------------------------------------------------------------------------------------------- */

struct gate_case {
    unsigned cpl, type, gate_dpl, ist;
    bool present;
    struct code cs;
};

static struct outcome int_model(const struct gate_case *g, unsigned *cpl)
{
    *cpl = is_conforming(&g->cs) ? g->cpl : dpl(&g->cs);
    if (g->type != 14 && g->type != 15)
        return fault(V_GP, V_GATE * 8 + 2);
    if (g->gate_dpl < g->cpl)
        return fault(V_GP, V_GATE * 8 + 2);
    if (!g->present)
        return fault(V_NP, V_GATE * 8 + 2);
    if (err(g->cs.sel) == 0)
        return fault(V_GP, 0);
    if (g->cs.sel >= SEL_BEYOND || !is_code(&g->cs) || dpl(&g->cs) > g->cpl || !is_long(&g->cs))
        return fault(V_GP, err(g->cs.sel));
    if (!(g->cs.access & 0x80))
        return fault(V_NP, err(g->cs.sel));
    return fine;
}

static void try_int(const struct gate_case *g)
{
    struct context c;
    unsigned cpl;
    struct outcome want = int_model(g, &cpl);
    word old_sp, base, offset = (uintptr_t)landed + (cpl == 3 ? USER_ALIAS : 0);
    const uint64_t *frame;
    bool good;

    set_code(&g->cs);
    sys_set_gate(V_GATE, g->cs.sel, offset, (g->present ? 0x80 : 0) | g->gate_dpl << 5 | g->type,
                 g->ist);
    at_level(&c, g->cpl, int_gate);
    old_sp = c.r[RSP] -= 8; /* not aligned to 16 */
    c.flags |= FL_CF;
    sys_go(&c);
    good = c.vector == want.vector && c.error == want.error;
    if (want.vector == DONE) {
        base = g->ist          ? stack_top(sys_stack_spare[g->ist - 1])
               : cpl == g->cpl ? old_sp
               : cpl           ? stack_top(sys_stack_spare[1 + cpl])
                               : stack_top(sys_stack_ring0);
        good &= c.r[RAX] == ((g->cs.sel & ~3u) | cpl);
        good &= c.r[RCX] == (base & ~15ul) - 40;
        good &= c.r[RBX] == (cpl == g->cpl ? c.r[RBX] : cpl); /* null, RPL is the level */
        good &= (c.r[RDX] & (FL_CF | FL_TF | FL_NT)) == FL_CF;
        frame = (const uint64_t *)(((base & ~15ul) - 40) & (USER_ALIAS - 1));
        good &= frame[0] == (uintptr_t)int_gate + 2 + (g->cpl == 3 ? USER_ALIAS : 0);
        good &= frame[3] == old_sp && frame[2] == (FL_FIXED | FL_CF);
    }
    check_but((want.error & 3) == 2 ? ON_TCG : 0,
              "SDM vol. 3 6.13 (the index of a vector in an error code)", good,
              "INT at CPL %u, gate type %u DPL %u P %u IST %u, CS %x access %x flags %x: vector "
              "%lu error %lx (CS %lx SS %lx "
              "RSP %lx), expected %u %x",
              g->cpl, g->type, g->gate_dpl, g->present, g->ist, g->cs.sel, g->cs.access,
              g->cs.flags, c.vector, c.error, c.r[RAX], c.r[RBX], c.r[RCX], want.vector,
              want.error);
}

static const struct code targets[] = {
    {0, 0, 0},
    {3, 0, 0},
    {SEL_BEYOND, 0, 0},
    {K_DATA, 0x93, 0xc},
    {K_CODE32, 0x9b, 0xc},
    {SEL_X, 0x9b, 0xa},
    {SEL_X | 3, 0x9b, 0xa},
    {SEL_X, 0xbb, 0xa},
    {SEL_X, 0xdb, 0xa},
    {SEL_X, 0xfb, 0xa},
    {SEL_X, 0x9f, 0xa},
    {SEL_X | 1, 0xbf, 0xa},
    {SEL_X, 0xdf, 0xa},
    {SEL_X, 0xff, 0xa},
    {SEL_X, 0x1b, 0xa}, /* not present */
    {SEL_X, 0x1f, 0xa},
    {SEL_X, 0x99, 0xa}, /* execute-only */
    {SEL_X, 0x9b, 0xe}, /* L and D */
    {SEL_X, 0x9b, 0x8}, /* 16-bit */
    {SEL_X, 0x93, 0xa}, /* data */
    {SEL_X, 0x97, 0xa},
    {SEL_X, 0x82, 0},
    {SEL_X, 0x8c, 0},
};

static void interrupt_gates(void)
{
    struct gate_case g;

    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++)
        for (unsigned j = 0; j < 4 * 4 * 2; j++) {
            g = (struct gate_case){.cpl = j & 3,
                                   .gate_dpl = j >> 2 & 3,
                                   .present = true,
                                   .type = 14 + (j >> 4),
                                   .cs = targets[i]};
            try_int(&g);
        }
    for (unsigned type = 0; type < 16; type++)
        for (unsigned j = 0; j < 4 * 2 * 2; j++) {
            g = (struct gate_case){.cpl = j & 3,
                                   .gate_dpl = 3,
                                   .present = j & 4,
                                   .type = type,
                                   .ist = j & 8 ? 1 : 0,
                                   .cs = {K_CODE64, 0x9b, 0xa}};
            try_int(&g);
        }
    sys_set_gate(V_GATE, K_CODE64, sys_stub(V_GATE), 0x8e, 0);
}

/* IF, and what else the entry clears, through both kinds of gates; a gate's offset that is not canonical; the end of the
 * table. */
static void interrupt_details(void)
{
    struct sys_pointer idtr = {256 * 16 - 1, (uintptr_t)sys_idt},
                       small = {V_GATE * 16 + 14, (uintptr_t)sys_idt};
    struct context c;

    for (unsigned trap = 0; trap < 2; trap++) {
        sys_set_gate(V_GATE, K_CODE64, (uintptr_t)landed, 0xee | trap, 0);
        sys_user(&c, (uintptr_t)int_gate);
        c.flags |= FL_IF | FL_NT | FL_AC | FL_DF | FL_ID;
        sys_go(&c);
        check(c.vector == DONE && (c.r[RDX] & (FL_IF | FL_NT | FL_AC | FL_DF | FL_ID)) ==
                                      (FL_AC | FL_DF | FL_ID | (trap ? FL_IF : 0)),
              "flags behind gate %u: %lx", trap, c.r[RDX]);
    }
    sys_set_gate(V_GATE, K_CODE64, 0x0000800000000000, 0xee, 0);
    sys_user(&c, (uintptr_t)int_gate);
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 2 INT n, #GP(EXT) if the offset is not canonical",
              c.vector == V_GP && c.error == 0 && c.ip == (uintptr_t)int_gate + USER_ALIAS &&
                  c.cs == U_CODE64,
              "a gate's offset that is not canonical: vector %lu error %lx at %lx:%lx", c.vector,
              c.error, c.cs, c.ip);
    sys_set_gate(V_GATE, K_CODE64, (uintptr_t)landed, 0xee, 0);
    sys_user(&c, (uintptr_t)int_gate);
    __asm__ volatile("lidt %0" : : "m"(small));
    sys_go(&c);
    __asm__ volatile("lidt %0" : : "m"(idtr));
    check_but(ON_TCG, "SDM vol. 3 6.13", c.vector == V_GP && c.error == V_GATE * 8 + 2,
              "beyond the IDT: vector %lu error %lx", c.vector, c.error);

    /* IST and RSP0 that are not canonical, and a TSS that ends before them. */
    sys_set_gate(V_SS, K_CODE64, sys_stub(V_SS), 0x8e, 1);
    sys_set_gate(V_TS, K_CODE64, sys_stub(V_TS), 0x8e, 1);
    sys_set_gate(V_GATE, K_CODE64, (uintptr_t)landed, 0xee, 3);
    tss_set_ist(3, 0x0000900000000000);
    sys_user(&c, (uintptr_t)int_gate);
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 3 6.14.4: #SS",
              c.vector == V_SS && c.error == 0 && c.ip == (uintptr_t)int_gate + USER_ALIAS,
              "IST not canonical: vector %lu error %lx", c.vector, c.error);
    tss_set_ist(3, stack_top(sys_stack_spare[2]));
    sys_set_gate(V_GATE, K_CODE64, (uintptr_t)landed, 0xee, 0);
    tss_set_rsp0(0x0000900000000000);
    sys_user(&c, (uintptr_t)int_gate);
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 2 INT n: #SS", c.vector == V_SS && c.error == 0,
              "RSP0 not canonical: vector %lu error %lx", c.vector, c.error);
    tss_set_rsp0(stack_top(sys_stack_ring0));
    sys_set_gate(V_SS, K_CODE64, sys_stub(V_SS), 0x8e, 0);
    sys_set_gate(V_TS, K_CODE64, sys_stub(V_TS), 0x8e, 0);
    sys_set_gate(V_GATE, K_CODE64, sys_stub(V_GATE), 0x8e, 0);
}

/* --- Far CALL and JMP ---------------------------------------------------------------------------------- */

static struct {
    uint32_t offset;
    uint16_t sel;
} __attribute__((packed)) pointer;

struct call_case {
    unsigned cpl, rpl;
    bool call, by_gate;
    unsigned gate_access, gate_upper;
    struct code cs;
};

static struct outcome code_model(const struct call_case *k)
{
    const struct code *cs = &k->cs;

    if (err(cs->sel) == 0)
        return fault(V_GP, 0);
    if (cs->sel >= SEL_BEYOND || !is_code(cs)) /* nothing else is to be jumped to in long mode */
        return fault(V_GP, err(cs->sel));
    if ((cs->flags & 6) == 6)
        return fault(V_GP, err(cs->sel));
    if (is_conforming(cs) ? dpl(cs) > k->cpl : k->rpl > k->cpl || dpl(cs) != k->cpl)
        return fault(V_GP, err(cs->sel));
    if (!(cs->access & 0x80))
        return fault(V_NP, err(cs->sel));
    return fine;
}

static struct outcome call_gate_model(const struct call_case *k, unsigned *cpl)
{
    const struct code *cs = &k->cs;
    unsigned gate_dpl = k->gate_access >> 5 & 3;

    if ((k->gate_access & 31) != 12 || k->gate_upper || gate_dpl < k->cpl || gate_dpl < k->rpl)
        return fault(V_GP, SEL_GATE);
    if (!(k->gate_access & 0x80))
        return fault(V_NP, SEL_GATE);
    if (err(cs->sel) == 0)
        return fault(V_GP, 0);
    if (cs->sel >= SEL_BEYOND || !is_code(cs) || dpl(cs) > k->cpl || !is_long(cs))
        return fault(V_GP, err(cs->sel));
    if (!k->call && !is_conforming(cs) && dpl(cs) != k->cpl)
        return fault(V_GP, err(cs->sel));
    if (!(cs->access & 0x80))
        return fault(V_NP, err(cs->sel));
    if (k->call && !is_conforming(cs))
        *cpl = dpl(cs);
    return fine;
}

static void try_call(const struct call_case *k)
{
    unsigned cpl = k->cpl;
    struct outcome want = k->by_gate ? call_gate_model(k, &cpl) : code_model(k);
    word old_sp, offset = (uintptr_t)landed + (cpl == 3 ? USER_ALIAS : 0);
    struct context c;
    bool good;

    if (!k->by_gate && cpl == 3)
        return; /* the alias is beyond 4 GiB: a far pointer has 32 bits; call gates reach it */
    set_code(&k->cs);
    sys_gdt[GDT_SLOT(SEL_GATE)] = sys_gate(k->cs.sel, offset, k->gate_access, 0);
    sys_gdt[GDT_SLOT(SEL_GATE) + 1] = offset >> 32 | (uint64_t)k->gate_upper << 40;
    pointer.offset = (uint32_t)offset;
    pointer.sel = (k->by_gate ? SEL_GATE : k->cs.sel) | k->rpl;
    at_level(&c, k->cpl, k->call ? far_call : far_jump);
    c.r[RDI] = (uintptr_t)&pointer + (k->cpl == 3 ? USER_ALIAS : 0);
    old_sp = c.r[RSP];
    sys_go(&c);
    good = c.vector == want.vector && c.error == want.error;
    if (want.vector == DONE) {
        word base = cpl == k->cpl ? old_sp
                    : cpl         ? stack_top(sys_stack_spare[1 + cpl])
                                  : stack_top(sys_stack_ring0);
        word size = !k->call ? 0 : cpl != k->cpl ? 32 : k->by_gate ? 16 : 8;

        good &= c.r[RAX] == ((k->cs.sel & ~3u) | cpl) && c.r[RCX] == base - size;
        good &= cpl == k->cpl || c.r[RBX] == cpl;
    }
    /* TCG pushes 4 bytes where there is no change of privilege; and it takes absent targets of a jump for bad ones. */
    unsigned known = !k->by_gate ? (k->cs.flags & 6) == 6 ? ON_TCG : 0
                     : k->call && cpl == k->cpl && want.vector == DONE           ? ON_TCG
                     : !k->call && want.vector == V_NP && want.error != SEL_GATE ? ON_TCG
                                                                                 : 0;
    check_but(known, "SDM vol. 2 CALL (64-bit gates push 8 bytes), JMP (#NP; #GP if L and D)", good,
              "far %s at CPL %u, RPL %u, %s %x/%x, CS %x access %x flags %x: vector %lu error %lx "
              "(CS %lx SS %lx RSP %lx), "
              "expected %u %x",
              k->call ? "CALL" : "JMP", k->cpl, k->rpl, k->by_gate ? "gate" : "code",
              k->gate_access, k->gate_upper, k->cs.sel, k->cs.access, k->cs.flags, c.vector,
              c.error, c.r[RAX], c.r[RBX], c.r[RCX], want.vector, want.error);
}

static void far_transfers(void)
{
    struct call_case k;

    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++)
        for (unsigned j = 0; j < 4 * 4 * 2; j++) {
            k = (struct call_case){.cpl = j & 3,
                                   .rpl = j >> 2 & 3,
                                   .call = j & 16,
                                   .gate_access = 0xec,
                                   .cs = targets[i]};
            if ((k.cs.flags & 6) == 4 || (k.cs.flags & 6) == 0)
                if (is_code(&k.cs) && (k.cs.access & 0x80))
                    continue; /* compatibility mode: in gates32 */
            k.cs.sel &= ~3u;
            if (err(k.cs.sel))
                try_call(&k);
            k.cs = targets[i];
            for (unsigned d = 0; d < 4; d++) {
                k.by_gate = true;
                k.gate_access = 0x8c | d << 5;
                try_call(&k);
            }
        }
    for (unsigned type = 0; type < 32; type++) {
        if (type == 0x18 || type > 0x18)
            continue; /* code */
        for (unsigned j = 0; j < 4; j++) {
            k = (struct call_case){.cpl = j & 1 ? 3 : 0,
                                   .call = j & 2,
                                   .by_gate = true,
                                   .gate_access = 0xe0 | type,
                                   .cs = {K_CODE64, 0x9b, 0xa}};
            if (type == 12 && !k.call && k.cpl)
                continue;
            try_call(&k);
        }
    }
    for (unsigned upper = 0; upper < 32; upper++) {
        k = (struct call_case){.cpl = 3,
                               .call = true,
                               .by_gate = true,
                               .gate_access = 0xec,
                               .gate_upper = upper,
                               .cs = {K_CODE64, 0x9b, 0xa}};
        try_call(&k);
    }
    k.gate_upper = 0;
    k.gate_access = 0x6c;
    try_call(&k);
}

/* --- Far RET and IRETQ --------------------------------------------------------------------------------- */

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
    if (cs->sel >= SEL_BEYOND || !is_code(cs) || rpl < k->cpl || (cs->flags & 6) == 6)
        return fault(V_GP, err(cs->sel));
    if (is_conforming(cs) ? dpl(cs) > rpl : dpl(cs) != rpl)
        return fault(V_GP, err(cs->sel));
    if (!(cs->access & 0x80))
        return fault(V_NP, err(cs->sel));
    if (!*pops_ss)
        return fine;
    if (err(k->ss) ==
        0) /* null: in 64-bit mode and not at CPL 3; IRET within a level takes its RPL as it is */
        return rpl == 3 || !is_long(cs) ? fault(V_GP, 0) : fine;
    if (k->ss >= SEL_BEYOND || (k->ss & 3u) != rpl || (k->ss_access & 0x1a) != 0x12 ||
        (k->ss_access >> 5 & 3) != rpl)
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
    if (err(k->ss) == (SEL_GATE))
        sys_gdt[GDT_SLOT(SEL_GATE)] = sys_segment(0, 0xfffff, k->ss_access, 0xc);
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
    good = c.vector == want.vector && c.error == want.error;
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
        if (is_code(&targets[i]) && !is_long(&targets[i]) && (targets[i].flags & 6) != 6)
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
                        k.ss = SEL_GATE | rpl;
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
        c.r[RSI] = conforming ? SEL_CONFORMING(0) : K_DATA;
        c.r[RDX] = U_DATA;
        sys_go(&c);
        check(c.vector == DONE && c.r[RAX] == (conforming ? SEL_CONFORMING(0) : 0) &&
                  c.r[RBX] == U_DATA,
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
    for (unsigned d = 0; d < 4; d++) {
        sys_gdt[GDT_SLOT(SEL_PLAIN(d))] = sys_segment(0, 0xfffff, 0x9b | d << 5, 0xa);
        sys_gdt[GDT_SLOT(SEL_CONFORMING(d))] = sys_segment(0, 0xfffff, 0x9f | d << 5, 0xa);
        sys_gdt[GDT_SLOT(SEL_STACK(d))] = sys_segment(0, 0xfffff, 0x93 | d << 5, 0xc);
        if (d == 1 || d == 2) {
            uint64_t sp = stack_top(sys_stack_spare[1 + d]);
            memcpy(sys_tss + 4 + d * 8, &sp, 8);
        }
    }
    interrupt_gates();
    interrupt_details();
    far_transfers();
    far_returns();
    return_details();
    report("gates64");
}
