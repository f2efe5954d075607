/* SPDX-License-Identifier: MIT */
/*
 * Segments in protected mode: loading every segment register with every type of descriptor, privilege and RPL from every
 * level; LAR, LSL, VERR, VERW on the same; limits of expand-up and expand-down segments, 16- and 32-bit, byte and
 * page granular, for accesses of every size at their edges; rights (read-only, execute-only, null); the limit of CS (Intel SDM
 * vol. 3 §3.4, §5.3 to §5.6; vol. 2 MOV, LAR, LSL, VERR).
 */
#include "tests/system/kit/machine32.h"
#include "tests/system/kit/model.h"

#define SEL_X K_FREE
#define SEL_LDT (K_FREE + 8)
#define SEL_BEYOND 0x200

static uint64_t ldt[4];

/* ECX has the selector. */
CODE(load_ds, "mov %ecx, %ds\n mov %ds, %eax\n int $0x30");
CODE(load_es, "mov %ecx, %es\n mov %es, %eax\n int $0x30");
CODE(load_fs, "mov %ecx, %fs\n mov %fs, %eax\n int $0x30");
CODE(load_gs, "mov %ecx, %gs\n mov %gs, %eax\n int $0x30");
CODE(load_ss, "mov %ecx, %ss\n mov %ss, %eax\n mov %edx, %ss\n int $0x30");
CODE(pop_ds, "push %ecx\n pop %ds\n mov %ds, %eax\n int $0x30");
CODE(pop_gs, "push %ecx\n pop %gs\n mov %gs, %eax\n int $0x30");
CODE(load_les, "push %ecx\n push $0x1234\n les (%esp), %esi\n mov %es, %eax\n int $0x30");
CODE(load_lfs, "push %ecx\n push $0x1234\n lfs (%esp), %esi\n mov %fs, %eax\n int $0x30");
CODE(load_lss,
     "push %ecx\n push %esp\n lss (%esp), %esi\n mov %ss, %eax\n mov %edx, %ss\n int $0x30");
CODE(do_lar, "mov $0xabcd1234, %eax\n lar %ecx, %eax\n pushfl\n pop %edx\n int $0x30");
CODE(do_lsl, "mov $0xabcd1234, %eax\n lsl %ecx, %eax\n pushfl\n pop %edx\n int $0x30");
CODE(do_verr, "verr %cx\n pushfl\n pop %edx\n int $0x30");
CODE(do_verw, "verw %cx\n pushfl\n pop %edx\n int $0x30");

/* --- Loading ------------------------------------------------------------------------------------------- */

struct load {
    unsigned cpl, sel, access; /* access 0: nothing is there */
};

static bool is_null(const struct load *l)
{
    return err(l->sel) == 0;
}

static struct outcome data_model(const struct load *l)
{
    unsigned dpl = l->access >> 5 & 3, rpl = l->sel & 3, type = l->access & 31;

    if (is_null(l))
        return fine;
    if (!l->access || type < 16 || (type & 0xa) == 8) /* system, or code that cannot be read */
        return fault(V_GP, err(l->sel));
    if ((type & 0xc) != 0xc && (rpl > dpl || l->cpl > dpl))
        return fault(V_GP, err(l->sel));
    if (!(l->access & 0x80))
        return fault(V_NP, err(l->sel));
    return fine;
}

static struct outcome stack_model(const struct load *l)
{
    unsigned dpl = l->access >> 5 & 3, rpl = l->sel & 3;

    if (is_null(l))
        return fault(V_GP, 0);
    if (!l->access || rpl != l->cpl || (l->access & 0x1a) != 0x12 || dpl != l->cpl)
        return fault(V_GP, err(l->sel));
    if (!(l->access & 0x80))
        return fault(V_SS, err(l->sel));
    return fine;
}

static const struct {
    const uint8_t *code;
    const char *name;
    bool stack;
} loads[] = {
    {load_ds, "MOV DS", false}, {load_es, "MOV ES", false}, {load_fs, "MOV FS", false},
    {load_gs, "MOV GS", false}, {load_ss, "MOV SS", true},  {pop_ds, "POP DS", false},
    {pop_gs, "POP GS", false},  {load_les, "LES", false},   {load_lfs, "LFS", false},
    {load_lss, "LSS", true},
};

static void set_descriptor(const struct load *l)
{
    if (err(l->sel) == SEL_X)
        sys_gdt[GDT_SLOT(SEL_X)] = sys_segment(0, 0xfffff, l->access, 0xc);
    if (l->sel & 4)
        ldt[l->sel >> 3 & 3] = sys_segment(0, 0xfffff, l->access, 0xc);
}

static void try_load(const struct load *l, unsigned which)
{
    struct outcome want = loads[which].stack ? stack_model(l) : data_model(l);
    struct context c;
    bool good;

    set_descriptor(l);
    at_level(&c, l->cpl, loads[which].code);
    c.r[RCX] = l->sel;
    c.r[RDX] = c.ss;
    sys_go(&c);
    good = came_out(&c, want);
    if (want.vector == DONE) {
        good &= c.r[RAX] == l->sel;
        if (err(l->sel) == SEL_X) /* what is loaded is marked */
            good &= sys_gdt[GDT_SLOT(SEL_X)] >> 40 & 1;
    } else if (err(l->sel) == SEL_X) {
        good &= (sys_gdt[GDT_SLOT(SEL_X)] >> 40 & 255) == l->access;
    }
    check(good, "%s at CPL %u, selector %x, access %x: vector %lu error %lx, expected %u %x",
          loads[which].name, l->cpl, l->sel, l->access, c.vector, c.error, want.vector, want.error);
}

static void loading(void)
{
    for (unsigned which = 0; which < sizeof loads / sizeof *loads; which++)
        for (unsigned access = 0; access < 256; access++)
            for (unsigned cpl = 0; cpl < 4; cpl++) {
                /* All RPLs for the plain moves of DS and SS, the level's own and 3 for the others. */
                for (unsigned rpl = 0; rpl < 4; rpl++) {
                    struct load l = {cpl, SEL_X | rpl, access};

                    if (which != 0 && which != 4 && rpl != cpl && rpl != 3)
                        continue;
                    if (loads[which].code == load_lss && !(rpl == cpl))
                        continue;
                    try_load(&l, which);
                }
            }
    for (unsigned which = 0; which < sizeof loads / sizeof *loads; which++)
        for (unsigned cpl = 0; cpl < 4; cpl++)
            for (unsigned rpl = 0; rpl < 4; rpl++) {
                try_load(&(struct load){cpl, rpl, 0}, which);
                try_load(&(struct load){cpl, SEL_BEYOND | rpl, 0}, which);
                try_load(&(struct load){cpl, 0x24 | rpl, 0}, which); /* beyond the LDT */
                try_load(&(struct load){cpl, 0x0c | rpl, 0xf3}, which);
                try_load(&(struct load){cpl, 0x0c | rpl, 0x93}, which);
            }
}

/* --- LAR, LSL, VERR, VERW ------------------------------------------------------------------------------ */

static void verifying(void)
{
    static const uint8_t *const codes[] = {do_lar, do_lsl, do_verr, do_verw};
    static const char *const names[] = {"LAR", "LSL", "VERR", "VERW"};

    for (unsigned access = 0; access < 256; access++)
        for (unsigned i = 0; i < 16; i++)
            for (unsigned k = 0; k < 4; k++) {
                unsigned cpl = i & 3, rpl = i >> 2, dpl = access >> 5 & 3, type = access & 31;
                bool conforming = (type & 0x1c) == 0x1c,
                     visible = conforming || (cpl <= dpl && rpl <= dpl), ok;
                struct context c;

                if (rpl != 0 && rpl != 3 && k > 0)
                    continue;
                switch (k) {
                case 0: ok = visible && (type >= 16 || (1u << type & 0x1a3e)); break;
                case 1: ok = visible && (type >= 16 || (1u << type & 0x0a0e)); break;
                case 2: ok = visible && type >= 16 && (type & 0xa) != 8; break;
                default: ok = visible && (type & 0x1a) == 0x12; break;
                }
                sys_gdt[GDT_SLOT(SEL_X)] =
                    sys_segment(0x12345678, 0x9abcd, access, i & 1 ? 0xc : 0x4);
                at_level(&c, cpl, codes[k]);
                c.r[RCX] = SEL_X | rpl;
                sys_go(&c);
                bool good = c.vector == DONE && !(c.r[RDX] & 0x40) == !ok;
                if (k == 0)
                    good &= (c.r[RAX] & ~0xf0000u) ==
                            (ok ? (access << 8 | (i & 1 ? 0xc00000 : 0x400000))
                                : 0xabcd1234 & ~0xf0000u);
                if (k == 1)
                    good &= c.r[RAX] == (ok ? (i & 1 ? 0x9abcdfff : 0x9abcd) : 0xabcd1234);
                check(good,
                      "%s at CPL %u RPL %u, access %x: vector %lu, flags %lx, %lx, expected %u",
                      names[k], cpl, rpl, access, c.vector, c.r[RDX], c.r[RAX], ok);
            }
    for (unsigned k = 0; k < 4; k++) {
        static const uint16_t bad[] = {0, 3, SEL_BEYOND, 0x24};

        for (unsigned i = 0; i < 4; i++) {
            struct context c;

            at_level(&c, 0, codes[k]);
            c.flags |= 0x40;
            c.r[RCX] = bad[i];
            sys_go(&c);
            check(c.vector == DONE && !(c.r[RDX] & 0x40), "%s of selector %x: vector %lu flags %lx",
                  names[k], bad[i], c.vector, c.r[RDX]);
        }
    }
}

/* --- Limits -------------------------------------------------------------------------------------------- */

static uint8_t memory[0x3000] __attribute__((aligned(4096)));

CODE(read1, "mov %fs:(%edi), %al\n int $0x30");
CODE(read2, "mov %fs:(%edi), %ax\n int $0x30");
CODE(read4, "mov %fs:(%edi), %eax\n int $0x30");
CODE(read8, "fildll %fs:(%edi)\n fstp %st(0)\n int $0x30");
CODE(write1, "mov %al, %fs:(%edi)\n int $0x30");
CODE(write2, "mov %ax, %fs:(%edi)\n int $0x30");
CODE(write4, "mov %eax, %fs:(%edi)\n int $0x30");
CODE(add4, "addl $0, %fs:(%edi)\n int $0x30");

static const struct {
    const uint8_t *code;
    unsigned size;
    bool writes;
} accesses[] = {
    {read1, 1, false}, {read2, 2, false}, {read4, 4, false}, {read8, 8, false},
    {write1, 1, true}, {write2, 2, true}, {write4, 4, true}, {add4, 4, true},
};

static void limits(void)
{
    static const struct {
        uint32_t limit; /* as in the descriptor */
        uint8_t access, flags;
    } segments[] = {
        {0x0fff, 0x93, 4},    {0x0fff, 0x93, 0},   {0x0000, 0x93, 4}, {0x1000, 0x93, 4},
        {0x0001, 0x93, 0xc},  {0x0fff, 0x91, 4},   {0x0fff, 0x97, 4}, {0x0fff, 0x97, 0},
        {0x0001, 0x97, 0xc},  {0x0001, 0x97, 0x8}, {0x1fff, 0x95, 4}, {0x0fff, 0x9b, 4},
        {0xfffff, 0x93, 0xc},
    };

    for (unsigned s = 0; s < sizeof segments / sizeof *segments; s++) {
        bool down = (segments[s].access & 0xc) == 4, wide = segments[s].flags & 4;
        uint64_t limit =
            segments[s].flags & 8 ? (uint64_t)segments[s].limit << 12 | 0xfff : segments[s].limit;
        uint64_t top = down ? (wide ? 0xffffffff : 0xffff) : limit;
        const uint32_t edges[] = {0, (uint32_t)limit, (uint32_t)top, 0xffff, 0xffffffff, 0x800};

        for (unsigned a = 0; a < sizeof accesses / sizeof *accesses; a++)
            for (unsigned e = 0; e < 6; e++)
                for (int d = -8; d <= 8; d++) {
                    uint32_t at = edges[e] + (uint32_t)d;
                    unsigned size = accesses[a].size;
                    uint64_t last = (uint64_t)at + size - 1;
                    bool inside = down ? at > limit && last <= top : last <= limit;
                    bool right = !accesses[a].writes || (segments[s].access & 0xa) == 2, good;
                    /* Where it is allowed it has to be memory that may be written: near the base. */
                    uint32_t base = (uint32_t)(uintptr_t)memory + 0x800 - at;
                    struct context c;

                    sys_gdt[GDT_SLOT(SEL_X)] =
                        sys_segment(base, segments[s].limit, segments[s].access, segments[s].flags);
                    at_level(&c, 0, accesses[a].code);
                    c.fs = SEL_X;
                    c.r[RDI] = at;
                    sys_go(&c);
                    good = inside && right ? c.vector == DONE
                                           : c.vector == V_GP && c.error == 0 &&
                                                 c.ip == (uintptr_t)accesses[a].code;
                    check_but(ON_TCG, "SDM vol. 3 5.3 (limits)", good,
                              "%u bytes at %x, %s, limit %x flags %x access %x: vector %lu error "
                              "%lx, expected %u",
                              size, at, accesses[a].writes ? "write" : "read", segments[s].limit,
                              segments[s].flags, segments[s].access, c.vector, c.error,
                              inside && right);
                }
    }
}

/* The stack segment's limit, at CPL 3 so that faults find another stack: PUSH, POP, CALL, ENTER, EBP. */
CODE(k_push, "push %eax\n int $0x30");
CODE(k_push2, "pushw %ax\n int $0x30");
CODE(k_pop, "pop %eax\n int $0x30");
CODE(k_call, "call 1f\n 1: int $0x30");
CODE(k_pusha, "pushal\n int $0x30");
CODE(k_popa, "popal\n int $0x30");
CODE(k_ebp, "mov (%ebp), %eax\n int $0x30");
CODE(k_enter, "enter $0, $0\n int $0x30");
CODE(k_pushf, "pushfl\n int $0x30");

static void stacks(void)
{
    static const struct {
        const uint8_t *code;
        const char *name;
        int from, size; /* bytes touched, from ESP */
    } cases[] = {
        {k_push, "PUSH", -4, 4},   {k_push2, "PUSHW", -2, 2},   {k_pop, "POP", 0, 4},
        {k_call, "CALL", -4, 4},   {k_pusha, "PUSHA", -32, 32}, {k_popa, "POPA", 0, 32},
        {k_enter, "ENTER", -4, 4}, {k_pushf, "PUSHF", -4, 4},   {k_ebp, "EBP", 0, 4},
    };
    static const struct {
        uint32_t limit;
        uint8_t access, flags;
    } segments[] = {{0x0fff, 0xf3, 4}, {0x07ff, 0xf7, 4}, {0x0fff, 0xf3, 0}, {0x07ff, 0xf7, 0}};

    for (unsigned s = 0; s < 4; s++)
        for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++)
            for (unsigned e = 0; e < 3; e++)
                for (int d = -36; d <= 36; d += 2) {
                    bool down = segments[s].access & 4, wide = segments[s].flags & 4, inside;
                    uint32_t edge = e == 0 ? 0 : e == 1 ? segments[s].limit + 1 : 0xffff;
                    uint32_t sp = edge + (uint32_t)d, first, mask = wide ? 0xffffffff : 0xffff;
                    uint64_t top = down ? mask : segments[s].limit, last;
                    struct context c;

                    sp &= mask;
                    if (cases[k].code == k_ebp)
                        mask = 0xffffffff;
                    first = (sp + (uint32_t)cases[k].from) & mask;
                    inside = true;
                    /* Each push or pop by itself. */
                    for (int b = 0; b < cases[k].size; b += cases[k].size == 2 ? 2 : 4) {
                        uint32_t at = (first + (uint32_t)b) & mask;

                        last = (uint64_t)at + (cases[k].size == 2 ? 1 : 3);
                        inside &= down ? at > segments[s].limit && last <= top : last <= top;
                    }
                    sys_gdt[GDT_SLOT(SEL_X)] =
                        sys_segment((uint32_t)(uintptr_t)memory, segments[s].limit,
                                    segments[s].access, segments[s].flags);
                    if (inside && first > 0x2000)
                        sys_gdt[GDT_SLOT(SEL_X)] =
                            sys_segment((uint32_t)(uintptr_t)memory + 0x800 - first,
                                        segments[s].limit, segments[s].access, segments[s].flags);
                    sys_user(&c, (uintptr_t)cases[k].code);
                    c.ss = SEL_X | 3;
                    c.r[RSP] = sp;
                    c.r[RBP] = sp;
                    if (cases[k].code == k_ebp)
                        c.r[RSP] = 0x900;
                    sys_go(&c);
                    check_but(ON_TCG, "SDM vol. 3 5.3 (limits)",
                              inside ? c.vector == DONE
                                     : c.vector == V_SS && c.error == 0 &&
                                           c.ip == (uintptr_t)cases[k].code &&
                                           /* IRET to a 16-bit stack loads SP alone */
                                           (c.r[RSP] & (wide ? 0xffffffff : 0xffff)) ==
                                               (cases[k].code == k_ebp ? 0x900 : sp),
                              "%s at ESP %x, limit %x access %x flags %x: vector %lu error %lx ESP "
                              "%lx, expected %u",
                              cases[k].name, sp, segments[s].limit, segments[s].access,
                              segments[s].flags, c.vector, c.error, c.r[RSP], inside);
                }
}

/* --- Rights, and CS ------------------------------------------------------------------------------------ */

CODE(cs_write, "mov %al, %cs:(%edi)\n int $0x30");
CODE(cs_read, "mov %cs:(%edi), %al\n int $0x30");
CODE(null_read, "mov (%edi), %al\n int $0x30");
CODE(null_es_stos, "stosb\n int $0x30");
CODE(jump_to, "jmp *%edi\n int $0x30");
CODE(call_to, "call *%edi\n int $0x30");
CODE(ret_to, "push %edi\n ret\n int $0x30");

static void rights(void)
{
    struct context c;

    sys_kernel(&c, (uintptr_t)cs_write);
    c.r[RDI] = (uintptr_t)memory;
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 3 5.5", c.vector == V_GP && c.error == 0,
              "a write to CS: vector %lu", c.vector);
    sys_kernel(&c, (uintptr_t)cs_read);
    c.r[RDI] = (uintptr_t)memory;
    sys_go(&c);
    check(c.vector == DONE, "a read of CS: vector %lu", c.vector);
    sys_gdt[GDT_SLOT(SEL_X)] = sys_segment(0, 0xfffff, 0x99, 0xc);
    sys_kernel(&c, (uintptr_t)cs_read);
    c.cs = SEL_X;
    c.r[RDI] = (uintptr_t)memory;
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 3 5.5", c.vector == V_GP && c.error == 0,
              "a read of execute-only CS: vector %lu", c.vector);
    for (unsigned i = 0; i < 4; i++) {
        sys_kernel(&c, (uintptr_t)null_read);
        c.ds = i;
        c.r[RDI] = (uintptr_t)memory;
        sys_go(&c);
        check_but(ON_TCG, "SDM vol. 3 5.4.1", c.vector == V_GP && c.error == 0,
                  "a read by null DS: vector %lu", c.vector);
        sys_kernel(&c, (uintptr_t)null_es_stos);
        c.es = i;
        c.r[RDI] = (uintptr_t)memory;
        sys_go(&c);
        check_but(ON_TCG, "SDM vol. 3 5.4.1", c.vector == V_GP && c.error == 0,
                  "a write by null ES: vector %lu", c.vector);
    }
}

/* Branches beyond CS's limit fault themselves; running over it faults at the instruction that lies across (SDM vol. 3 §5.3). */
static void code_limit(void)
{
    static const uint8_t *const codes[] = {jump_to, call_to, ret_to};
    uint32_t base = (uint32_t)(uintptr_t)memory;
    struct context c;

    for (unsigned i = 0; i < 3; i++)
        for (unsigned at = 0x0ffe; at < 0x1002; at++) {
            memset(memory, 0x90, sizeof memory);
            memcpy(memory, codes[i], 8);
            for (unsigned j = 0; j < 2; j++) /* INT DONE at the target */
                memory[at + j] = j ? DONE : 0xcd;
            sys_gdt[GDT_SLOT(SEL_X)] = sys_segment(base, 0x1000, 0x9b, 4);
            sys_kernel(&c, 0);
            c.cs = SEL_X;
            c.r[RDI] = at;
            sys_go(&c);
            if (at + 1 <= 0x1000)
                check(c.vector == DONE && c.ip == at + 2, "branch %u within CS: vector %lu at %lx",
                      i, c.vector, c.ip);
            else if (at <= 0x1000)
                check_but(ON_TCG, "SDM vol. 3 5.3", c.vector == V_GP && c.error == 0 && c.ip == at,
                          "branch %u to the last byte: vector %lu at %lx", i, c.vector, c.ip);
            else
                check_but(ON_TCG, "SDM vol. 3 5.3",
                          c.vector == V_GP && c.error == 0 && c.ip == (i == 2 ? 1u : 0u),
                          "branch %u beyond CS: vector %lu at %lx", i, c.vector, c.ip);
        }
    memset(memory, 0x90, sizeof memory);
    for (unsigned from = 0x0fe0; from <= 0x1000; from += 8) {
        sys_kernel(&c, from);
        c.cs = SEL_X;
        sys_go(&c);
        check_but(ON_TCG, "SDM vol. 3 5.3", c.vector == V_GP && c.error == 0 && c.ip == 0x1001,
                  "running over the limit from %x: vector %lu at %lx", from, c.vector, c.ip);
    }
}

void system_main(void)
{
    sys_gdt[GDT_SLOT(SEL_LDT)] = sys_segment((uintptr_t)ldt, sizeof ldt - 1, 0x82, 0);
    __asm__ volatile("lldt %w0" : : "r"(SEL_LDT));
    __asm__ volatile("fninit");
    loading();
    verifying();
    limits();
    stacks();
    rights();
    code_limit();
    report("segments32");
}
