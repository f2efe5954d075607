/* SPDX-License-Identifier: MIT */
/*
 * Gates and far transfers in long mode: INT through gates of every type, privilege and target from every CPL, far CALL and JMP to
 * code segments and call gates with every RPL. The ways back are in returns64. What is expected comes from small models of the
 * pseudocode in Intel SDM vol. 2 (INT n, CALL, JMP) and vol. 3 §5.8 and §6.14 (stack switching, alignment of the frame, interrupt
 * stack table).
 */
#include "tests/system/kit/transfer64.h"

#define V_GATE 0x60

CODE(int_gate, "int $0x60\n int $0x30");
CODE(far_call, "lcalll *(%rdi)\n int $0x30");
CODE(far_jump, "ljmpl *(%rdi)\n int $0x30");

/* --- INT n --------------------------------------------------------------------------------------------- */

struct gate_case {
    unsigned cpl, type, gate_dpl, ist;
    bool present;
    struct code cs;
};

static struct outcome int_model(const struct gate_case *g, unsigned *cpl)
{
    *cpl = is_conforming(g->cs.access) ? g->cpl : dpl_of(g->cs.access);
    if (g->type != 14 && g->type != 15)
        return fault(V_GP, V_GATE * 8 + 2);
    if (g->gate_dpl < g->cpl)
        return fault(V_GP, V_GATE * 8 + 2);
    if (!g->present)
        return fault(V_NP, V_GATE * 8 + 2);
    if (err(g->cs.sel) == 0)
        return fault(V_GP, 0);
    if (g->cs.sel >= SEL_BEYOND || !is_code(g->cs.access) || dpl_of(g->cs.access) > g->cpl ||
        !is_long(&g->cs))
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
    good = came_out(&c, want);
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
    if (cs->sel >= SEL_BEYOND ||
        !is_code(cs->access)) /* nothing else is to be jumped to in long mode */
        return fault(V_GP, err(cs->sel));
    if ((cs->flags & 6) == 6)
        return fault(V_GP, err(cs->sel));
    if (is_conforming(cs->access) ? dpl_of(cs->access) > k->cpl
                                  : k->rpl > k->cpl || dpl_of(cs->access) != k->cpl)
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
    if (cs->sel >= SEL_BEYOND || !is_code(cs->access) || dpl_of(cs->access) > k->cpl ||
        !is_long(cs))
        return fault(V_GP, err(cs->sel));
    if (!k->call && !is_conforming(cs->access) && dpl_of(cs->access) != k->cpl)
        return fault(V_GP, err(cs->sel));
    if (!(cs->access & 0x80))
        return fault(V_NP, err(cs->sel));
    if (k->call && !is_conforming(cs->access))
        *cpl = dpl_of(cs->access);
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
    good = came_out(&c, want);
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
                if (is_code(k.cs.access) && (k.cs.access & 0x80))
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
        if (type >= 0x18)
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

void system_main(void)
{
    for (unsigned d = 1; d < 3; d++) {
        uint64_t sp = stack_top(sys_stack_spare[1 + d]);
        memcpy(sys_tss + 4 + d * 8, &sp, 8);
    }
    interrupt_gates();
    interrupt_details();
    far_transfers();
    report("gates64");
}
