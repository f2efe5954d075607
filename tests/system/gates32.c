/* SPDX-License-Identifier: MIT */
/*
 * Gates and far transfers of protected mode: INT through 16- and 32-bit gates, CALL and JMP to code segments and through 16- and
 * 32-bit call gates with parameters, from every level to every level; the inner stack's own checks (#TS, #SS). The ways back
 * are in returns32. What is expected comes from models of the pseudocode in Intel SDM vol. 2 (INT n, CALL, JMP), vol. 3 §5.8, §6.12.
 */
#include "tests/system/kit/transfer32.h"

#define V_GATE 0x60

CODE(int_gate, "int $0x60\n int $0x30");
CODE(far_call, "lcalll *(%edi)\n int $0x30");
CODE(far_jump, "ljmpl *(%edi)\n int $0x30");

/* The stack that the TSS names for a level. */
static word inner_stack(unsigned cpl)
{
    return stack_top(cpl ? sys_stack_spare[cpl] : sys_stack_ring0);
}

/* --- INT ----------------------------------------------------------------------------------------------- */

struct gate_case {
    unsigned cpl, access; /* of the gate */
    struct seg cs;
};

static struct outcome int_model(const struct gate_case *g, unsigned *cpl)
{
    unsigned type = g->access & 31;

    *cpl = is_conforming(g->cs.access) ? g->cpl : dpl_of(g->cs.access);
    if ((type & ~8u) != 6 && (type & ~8u) != 7)
        return fault(V_GP, V_GATE * 8 + 2);
    if ((g->access >> 5 & 3) < g->cpl)
        return fault(V_GP, V_GATE * 8 + 2);
    if (!(g->access & 0x80))
        return fault(V_NP, V_GATE * 8 + 2);
    if (err(g->cs.sel) == 0)
        return fault(V_GP, 0);
    if (!g->cs.access || !is_code(g->cs.access) || dpl_of(g->cs.access) > g->cpl)
        return fault(V_GP, err(g->cs.sel));
    if (!(g->cs.access & 0x80))
        return fault(V_NP, err(g->cs.sel));
    return fine;
}

static void try_int(const struct gate_case *g)
{
    unsigned cpl, size = g->access & 8 ? 4 : 2;
    struct outcome want = int_model(g, &cpl);
    struct context c;
    bool good;

    set_seg(g->cs);
    sys_set_gate(V_GATE, g->cs.sel, LOW, g->access, 0);
    at_level(&c, g->cpl, int_gate);
    c.flags |= FL_CF | FL_IF;
    sys_go(&c);
    good = came_out(&c, want);
    if (want.vector == DONE) {
        word base = cpl == g->cpl ? level_stack(cpl) : inner_stack(cpl);
        word ip = 0;

        good &= c.r[RAX] == ((g->cs.sel & ~3u) | cpl) &&
                c.r[RBX] == (cpl ? SEL_STACK(cpl) | cpl : K_DATA);
        good &= c.r[RCX] == base - size * (cpl == g->cpl ? 3 : 5);
        good &= (c.r[RDX] & (FL_CF | FL_IF)) == (FL_CF | (g->access & 1 ? FL_IF : 0));
        memcpy(&ip, (void *)(uintptr_t)c.r[RCX], size);
        good &= ip == ((uintptr_t)int_gate + 2) % (size == 4 ? 0x100000000ull : 0x10000);
    }
    check(good,
          "INT at CPL %u, gate %x, CS %x access %x: vector %lu error %lx (CS %lx SS %lx ESP %lx), "
          "expected %u %x",
          g->cpl, g->access, g->cs.sel, g->cs.access, c.vector, c.error, c.r[RAX], c.r[RBX],
          c.r[RCX], want.vector, want.error);
}

static void interrupt_gates(void)
{
    static const uint8_t types[] = {6, 7, 14, 15};

    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++)
        for (unsigned j = 0; j < 4 * 4 * 4; j++) {
            struct gate_case g = {j & 3, 0x80 | (j >> 2 & 3) << 5 | types[j >> 4], targets[i]};
            try_int(&g);
        }
    for (unsigned type = 0; type < 32; type++)
        for (unsigned j = 0; j < 8; j++) {
            struct gate_case g = {j & 3, 0x60 | type | (j & 4 ? 0x80 : 0), {K_CODE, 0x9b}};

            if (type != 5) /* a task */
                try_int(&g);
        }
}

/* --- CALL and JMP -------------------------------------------------------------------------------------- */

static struct {
    uint32_t offset;
    uint16_t sel;
} __attribute__((packed)) pointer;

struct call_case {
    unsigned cpl, rpl;
    bool call, by_gate;
    unsigned gate_access, params;
    struct seg cs;
};

static struct outcome code_model(const struct call_case *k)
{
    struct seg cs = k->cs;

    if (err(cs.sel) == 0)
        return fault(V_GP, 0);
    if (!cs.access || !is_code(cs.access))
        return fault(V_GP, err(cs.sel));
    if (is_conforming(cs.access) ? dpl_of(cs.access) > k->cpl
                                 : k->rpl > k->cpl || dpl_of(cs.access) != k->cpl)
        return fault(V_GP, err(cs.sel));
    if (!(cs.access & 0x80))
        return fault(V_NP, err(cs.sel));
    return fine;
}

static struct outcome call_gate_model(const struct call_case *k, unsigned *cpl)
{
    struct seg cs = k->cs;
    unsigned gate_dpl = k->gate_access >> 5 & 3;

    if ((k->gate_access & 0x17) != 4 || gate_dpl < k->cpl || gate_dpl < k->rpl)
        return fault(V_GP, SEL_GATE);
    if (!(k->gate_access & 0x80))
        return fault(V_NP, SEL_GATE);
    if (err(cs.sel) == 0)
        return fault(V_GP, 0);
    if (!cs.access || !is_code(cs.access) || dpl_of(cs.access) > k->cpl)
        return fault(V_GP, err(cs.sel));
    if (!k->call && !is_conforming(cs.access) && dpl_of(cs.access) != k->cpl)
        return fault(V_GP, err(cs.sel));
    if (!(cs.access & 0x80))
        return fault(V_NP, err(cs.sel));
    if (k->call && !is_conforming(cs.access))
        *cpl = dpl_of(cs.access);
    return fine;
}

/* CS and EIP, SS and ESP, and parameters lie where they should. */
static bool call_frame(const struct call_case *k, unsigned cpl, const struct context *c,
                       unsigned size)
{
    bool inner = cpl != k->cpl;
    word base = inner ? inner_stack(cpl) : level_stack(cpl), at = c->r[RCX], value = 0;
    unsigned n = inner ? k->params : 0;

    if (!k->call)
        return at == base;
    if (at != base - size * (2 + (inner ? 2 + n : 0)))
        return false;
    memcpy(&value, (void *)(uintptr_t)(at + size), 2);
    if (value != (k->cpl ? (SEL_PLAIN(k->cpl) | k->cpl) : K_CODE))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (memcmp((void *)(uintptr_t)(at + size * (2 + i)),
                   (void *)(uintptr_t)(level_stack(k->cpl) + size * i), size))
            return false;
    if (!inner)
        return true;
    value = 0;
    memcpy(&value, (void *)(uintptr_t)(at + size * (2 + n)), size);
    return value == (size == 4 ? level_stack(k->cpl) : level_stack(k->cpl) & 0xffff);
}

static void try_call(const struct call_case *k)
{
    unsigned cpl = k->cpl, size = !k->by_gate || (k->gate_access & 8) ? 4 : 2;
    struct outcome want = k->by_gate ? call_gate_model(k, &cpl) : code_model(k);
    unsigned known = 0;
    struct context c;
    bool good;

    set_seg(k->cs);
    sys_gdt[GDT_SLOT(SEL_GATE)] = sys_gate(k->cs.sel, LOW, k->gate_access, k->params);
    pointer.offset = LOW;
    pointer.sel = (k->by_gate ? SEL_GATE : k->cs.sel) | k->rpl;
    at_level(&c, k->cpl, k->call ? far_call : far_jump);
    c.r[RDI] = (uintptr_t)&pointer;
    sys_go(&c);
    good = came_out(&c, want);
    if (want.vector == DONE) {
        good &= c.r[RAX] == ((k->cs.sel & ~3u) | cpl);
        good &= c.r[RBX] == (cpl ? SEL_STACK(cpl) | cpl : K_DATA) && call_frame(k, cpl, &c, size);
    }
    /* TCG: absent targets of a jump are bad ones; and CS has RPL 0 behind a gate to a conforming segment. */
    if (k->by_gate && (k->call ? want.vector == DONE && is_conforming(k->cs.access) && cpl
                               : want.vector == V_NP && want.error != SEL_GATE))
        known = ON_TCG;
    check_but(known, "SDM vol. 2 JMP (#NP), CALL (RPL of CS)", good,
              "far %s at CPL %u, RPL %u, %s %x %u, CS %x access %x: vector %lu error %lx (CS %lx "
              "SS %lx ESP %lx), expected %u %x",
              k->call ? "CALL" : "JMP", k->cpl, k->rpl, k->by_gate ? "gate" : "code",
              k->gate_access, k->params, k->cs.sel, k->cs.access, c.vector, c.error, c.r[RAX],
              c.r[RBX], c.r[RCX], want.vector, want.error);
}

static void far_transfers(void)
{
    struct call_case k;

    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++)
        for (unsigned j = 0; j < 4 * 4 * 2; j++) {
            k = (struct call_case){
                .cpl = j & 3, .rpl = j >> 2 & 3, .call = j & 16, .cs = targets[i]};
            k.cs.sel &= ~3u;
            if ((k.cs.access & 0x1d) != 0x0c) /* a call gate is none of these */
                try_call(&k);
            k.cs = targets[i];
            k.by_gate = true;
            for (unsigned d = 0; d < 8; d++) {
                k.gate_access = (d & 4 ? 0x84 : 0x8c) | (d & 3) << 5;
                try_call(&k);
            }
        }
    for (unsigned type = 0; type < 32; type++) {
        if (type >= 0x18 || type == 1 || type == 9 || type == 5)
            continue; /* code; tasks */
        for (unsigned j = 0; j < 8; j++) {
            k = (struct call_case){.cpl = j & 3,
                                   .call = j & 4,
                                   .by_gate = true,
                                   .gate_access = 0xe0 | type,
                                   .cs = {K_CODE, 0x9b}};
            try_call(&k);
        }
    }
    for (unsigned i = 0; i < 32 * 4 * 2; i++) {
        k = (struct call_case){.cpl = i >> 5 & 3,
                               .call = true,
                               .by_gate = true,
                               .gate_access = i & 128 ? 0xec : 0xe4,
                               .params = i & 31,
                               .cs = {K_CODE, 0x9b}};
        for (unsigned j = 0; j < 64; j++) /* above the stack's top: what is copied */
            ((uint8_t *)(uintptr_t)level_stack(k.cpl))[j] = (uint8_t)(j * 37 + 11);
        try_call(&k);
        k.cs = (struct seg){SEL_X, 0xbb};
        try_call(&k);
    }
}

/* --- The inner stack ----------------------------------------------------------------------------------- */

/* From CPL 3 to code of DPL 1, whose stack in the TSS is bad; faults go to level 0. */
static void inner_stacks(void)
{
    static const struct {
        struct seg ss;
        unsigned limit; /* of SEL_Y, bytes; 0: 4 GiB */
        word sp;
        struct outcome want;
    } cases[] = {
        {{0, 0}, 0, 0, {V_TS, 0}},
        {{1, 0}, 0, 0, {V_TS, 0}},
        {{SEL_BEYOND | 1, 0}, 0, 0, {V_TS, SEL_BEYOND}},
        {{SEL_STACK(1), 0}, 0, 0, {V_TS, SEL_STACK(1)}}, /* RPL 0 */
        {{SEL_STACK(1) | 3, 0}, 0, 0, {V_TS, SEL_STACK(1)}},
        {{K_DATA | 1, 0}, 0, 0, {V_TS, K_DATA}},
        {{SEL_PLAIN(1) | 1, 0}, 0, 0, {V_TS, SEL_PLAIN(1)}}, /* code */
        {{SEL_Y | 1, 0xb0}, 0, 0, {V_TS, SEL_Y}},            /* read-only */
        {{SEL_Y | 1, 0x32}, 0, 0, {V_SS, SEL_Y}},            /* not present */
        {{SEL_Y | 1, 0x30}, 0, 0, {V_TS, SEL_Y}},
        {{SEL_Y | 1, 0x82}, 0, 0, {V_TS, SEL_Y}},
        {{SEL_Y | 1, 0xb2}, 0x1000, 0x1004, {V_SS, SEL_Y}}, /* beyond the limit */
        {{SEL_Y | 1, 0xb2}, 0x1000, 16, {V_SS, SEL_Y}},     /* no room: wraps */
        {{SEL_Y | 1, 0xb6}, 0x0fff, 0x1010, {V_SS, SEL_Y}}, /* expand-down, no room */
        {{SEL_Y | 1, 0xb2}, 0, 0, {DONE, 0}},
    };
    struct tss32 *t = main_tss();
    struct context c;

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned how = 0; how < 4; how++) { /* 32- and 16-bit, INT and CALL */
            bool call = how & 1, wide = !(how & 2);
            struct outcome want = cases[i].want;
            unsigned known = 0;

            if (cases[i].ss.access)
                sys_gdt[GDT_SLOT(SEL_Y)] =
                    cases[i].limit ? sys_segment(0, cases[i].limit, cases[i].ss.access, 4)
                                   : sys_segment(0, 0xfffff, cases[i].ss.access, 0xc);
            t->ss1 = cases[i].ss.sel;
            t->esp1 = cases[i].sp ? cases[i].sp : inner_stack(1);
            if (cases[i].sp == 16)
                t->esp1 = wide ? 12 : 6;
            if (cases[i].sp == 0x1010 && (!wide || call))
                t->esp1 = 0x1006;
            sys_set_gate(V_GATE, SEL_PLAIN(1), LOW, wide ? 0xee : 0xe6, 0);
            sys_gdt[GDT_SLOT(SEL_GATE)] = sys_gate(SEL_PLAIN(1), LOW, wide ? 0xec : 0xe4, 0);
            pointer.sel = SEL_GATE;
            at_level(&c, 3, call ? far_call : int_gate);
            c.r[RDI] = (uintptr_t)&pointer;
            /* TCG begins to push and faults then, with no selector; and has #TS for an absent one. */
            if (cases[i].sp || cases[i].ss.access == 0x32)
                known = ON_TCG;
            sys_go(&c);
            check_but(known, "SDM vol. 2 INT n, CALL: #SS(selector)",
                      came_out(&c, want) && (want.vector == DONE || c.cs == (SEL_PLAIN(3) | 3)),
                      "inner stack %u, how %u: vector %lu error %lx at CS %lx, expected %u %x", i,
                      how, c.vector, c.error, c.cs, want.vector, want.error);
        }
    t->ss1 = SEL_STACK(1) | 1;
    t->esp1 = inner_stack(1);

    /* The TSS ends before the stack of the level. */
    for (unsigned limit = 0x0b; limit <= 0x11; limit++) {
        bool enough = limit >= 0x11;

        sys_gdt[GDT_SLOT(K_TSS)] = sys_segment((uintptr_t)t, 0x67, 0x89, 0);
        __asm__ volatile("ltr %w0" : : "r"(K_TSS));
        sys_gdt[GDT_SLOT(K_TSS)] = sys_segment((uintptr_t)t, limit, 0x89, 0);
        __asm__ volatile("ltr %w0" : : "r"(K_TSS));
        sys_set_gate(V_GATE, SEL_PLAIN(1), LOW, 0xee, 0);
        at_level(&c, 3, int_gate);
        sys_go(&c);
        check_but(ON_TCG, "SDM vol. 2 INT n: #TS if the last byte is beyond",
                  c.vector == (word)(enough ? DONE : V_TS) && c.error == (enough ? 0 : K_TSS),
                  "TSS of limit %x: vector %lu error %lx", limit, c.vector, c.error);
    }
    sys_gdt[GDT_SLOT(K_TSS)] = sys_segment((uintptr_t)t, 0x2068, 0x89, 0);
    __asm__ volatile("ltr %w0" : : "r"(K_TSS));

    /* Target beyond the code segment's limit. */
    sys_gdt[GDT_SLOT(SEL_SMALL)] = sys_segment(0, LOW - 1, 0xbb, 4);
    sys_set_gate(V_GATE, SEL_SMALL, LOW, 0xee, 0);
    at_level(&c, 3, int_gate);
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 2 INT n: #GP(EXT) if EIP is beyond the limit",
              c.vector == V_GP && c.error == 0 && c.ip == (uintptr_t)int_gate && (c.cs & 3) == 3,
              "INT beyond the limit: vector %lu error %lx at %lx:%lx", c.vector, c.error, c.cs,
              c.ip);
}

void system_main(void)
{
    struct tss32 *t = main_tss();

    copy_landing();
    t->ss1 = SEL_STACK(1) | 1;
    t->esp1 = inner_stack(1);
    t->ss2 = SEL_STACK(2) | 2;
    t->esp2 = inner_stack(2);
    interrupt_gates();
    far_transfers();
    inner_stacks();
    report("gates32");
}
