/* SPDX-License-Identifier: MIT */
/*
 * Far returns of protected mode: RET and IRET of 16 and 32 bits from every level to every level, with good and bad code and
 * stack segments; the flags that IRET and POPF change, by level and IOPL. What is expected comes from models of the pseudocode in
 * Intel SDM vol. 2 (RET, IRET, POPF).
 */
#include "tests/system/kit/transfer32.h"

CODE(far_return, "lretl\n int $0x30");
CODE(far_return_16, "lretw\n int $0x30");
CODE(far_return_8, "lretl $8\n int $0x30");
CODE(interrupt_return, "iretl\n int $0x30");
CODE(interrupt_return_16, "iretw\n int $0x30");

/* --- RET and IRET -------------------------------------------------------------------------------------- */

struct return_case {
    const uint8_t *code;
    unsigned cpl;
    struct seg cs, ss;
};

static bool is_iret(const struct return_case *k)
{
    return k->code == interrupt_return || k->code == interrupt_return_16;
}

static struct outcome return_model(const struct return_case *k)
{
    struct seg cs = k->cs, ss = k->ss;
    unsigned rpl = cs.sel & 3;

    if (err(cs.sel) == 0)
        return fault(V_GP, 0);
    if (!cs.access || !is_code(cs.access) || rpl < k->cpl)
        return fault(V_GP, err(cs.sel));
    if (is_conforming(cs.access) ? dpl_of(cs.access) > rpl : dpl_of(cs.access) != rpl)
        return fault(V_GP, err(cs.sel));
    if (!(cs.access & 0x80))
        return fault(V_NP, err(cs.sel));
    if (rpl == k->cpl)
        return fine;
    if (err(ss.sel) == 0)
        return fault(V_GP, 0);
    if (!ss.access || (ss.sel & 3u) != rpl || (ss.access & 0x1a) != 0x12 ||
        dpl_of(ss.access) != rpl)
        return fault(V_GP, err(ss.sel));
    if (!(ss.access & 0x80))
        return fault(V_SS, err(ss.sel));
    return fine;
}

static void try_return(const struct return_case *k)
{
    unsigned to = k->cs.sel & 3,
             size = k->code == far_return_16 || k->code == interrupt_return_16 ? 2 : 4;
    unsigned skip = k->code == far_return_8 ? 8 : 0, n = 0;
    struct outcome want = return_model(k);
    word frame[8], sp, outer_sp = level_stack(to) - 256, want_sp;
    struct context c;
    bool good;

    set_seg(k->cs);
    if (err(k->ss.sel) == SEL_Y && k->ss.access)
        sys_gdt[GDT_SLOT(SEL_Y)] = sys_segment(0, 0xfffff, k->ss.access, 0xc);
    frame[n++] = LOW;
    frame[n++] = k->cs.sel;
    if (is_iret(k))
        frame[n++] = FL_FIXED | FL_CF;
    for (unsigned i = 0; i < skip / 4; i++)
        frame[n++] = 0x5555;
    frame[n++] = outer_sp;
    frame[n++] = k->ss.sel;
    sp = level_stack(k->cpl) - 128;
    for (unsigned i = 0; i < n; i++)
        memcpy((void *)(uintptr_t)(sp + i * size), &frame[i], size);
    at_level(&c, k->cpl, k->code);
    c.r[RSP] = sp;
    sys_go(&c);
    good = came_out(&c, want);
    if (want.vector == DONE) {
        /* 16-bit operands leave 16 bits of ESP, on a 32-bit stack zero-extended. */
        want_sp =
            to == k->cpl ? sp + size * (n - 2) : (size == 2 ? outer_sp & 0xffff : outer_sp) + skip;
        good &= c.r[RAX] == k->cs.sel;
        if (size == 4 || to == k->cpl)
            good &= c.r[RCX] == want_sp;
    } else {
        good &= c.ip == (uintptr_t)k->code && (c.cs & 3) == k->cpl;
    }
    check_but(want.vector == V_SS ? ON_TCG : 0, "SDM vol. 2 RET, IRET (#SS)", good,
              "%s %u at CPL %u to CS %x access %x, SS %x access %x: vector %lu error %lx (CS %lx "
              "SS %lx ESP %lx), expected %u %x",
              is_iret(k) ? "IRET" : "RET", size, k->cpl, k->cs.sel, k->cs.access, k->ss.sel,
              k->ss.access, c.vector, c.error, c.r[RAX], c.r[RBX], c.r[RCX], want.vector,
              want.error);
}

static void far_returns(void)
{
    static const uint8_t ss_access[] = {0x93, 0xb3, 0xd3, 0xf3, 0x91, 0xf1, 0x13,
                                        0x73, 0x9b, 0xfb, 0x82, 0x97, 0};
    static const uint8_t *const codes[] = {far_return, far_return_8, far_return_16,
                                           interrupt_return, interrupt_return_16};
    struct return_case k;

    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++)
        for (unsigned j = 0; j < 4 * 4 * 5; j++) {
            unsigned rpl = j >> 2 & 3;

            k = (struct return_case){
                codes[j >> 4], j & 3, targets[i], {SEL_STACK(rpl) | rpl, 0x93 | rpl << 5}};
            k.cs.sel = (k.cs.sel & ~3u) | rpl;
            if (k.cs.sel >= 8 && k.cs.sel < 0x10)
                continue;
            if ((codes[j >> 4] == far_return_16 || codes[j >> 4] == interrupt_return_16) &&
                rpl > k.cpl)
                continue; /* a stack below 64 KiB */
            try_return(&k);
        }
    for (unsigned to = 1; to < 4; to++)
        for (unsigned from = 0; from < to; from++)
            for (unsigned rpl = 0; rpl < 4; rpl++)
                for (unsigned i = 0; i < sizeof ss_access; i++)
                    for (unsigned j = 0; j < 5; j++) {
                        if (j == 2 || j == 4)
                            continue;
                        k = (struct return_case){codes[j],
                                                 from,
                                                 {SEL_PLAIN(to) | to, 0x9b | to << 5},
                                                 {SEL_Y | rpl, ss_access[i]}};
                        if (!ss_access[i])
                            k.ss.sel = from & 1 ? rpl : SEL_BEYOND | rpl;
                        try_return(&k);
                    }
}

/* Which flags IRET changes, by level and IOPL (SDM vol. 2 IRET, POPF). */
CODE(
    iret_flags,
    "pushl %ebx\n pushl %ecx\n pushl %edx\n iretl\n iret_flags_end: pushfl\n pop %eax\n int $0x30");
extern const uint8_t iret_flags_end[];
CODE(pop_flags, "pushl %ebx\n popfl\n pushfl\n pop %eax\n int $0x30");
CODE(pop_flags_16, "pushw %bx\n popfw\n pushfl\n pop %eax\n int $0x30");

static void flags(void)
{
    static const uint8_t *const codes[] = {iret_flags, pop_flags, pop_flags_16};
    const uint32_t plain = 0x8d5 | FL_DF | FL_NT;
    struct context c;

    for (unsigned code = 0; code < 3; code++)
        for (unsigned cpl = 0; cpl < 4; cpl++)
            for (unsigned iopl = 0; iopl < 4; iopl++)
                for (unsigned bit = 0; bit < 22; bit++) {
                    uint32_t set = 1u << bit, before = FL_FIXED | iopl << 12, may = plain, expect;

                    if (set == FL_TF || set == FL_VM || set == FL_RF)
                        continue;
                    if (code < 2)
                        may |= FL_AC | FL_ID;
                    if (cpl == 0)
                        may |= FL_IOPL3;
                    if (cpl == 0 && code == 0)
                        may |= FL_VIF | FL_VIP;
                    if (cpl <= iopl)
                        may |= FL_IF;
                    /* POPF clears VIF and VIP (32-bit, CPL 0 or not above IOPL); they were clear. */
                    expect = (before & ~may) | (set & may) | FL_FIXED;
                    at_level(&c, cpl, codes[code]);
                    c.flags = before;
                    c.r[RBX] = set;
                    c.r[RCX] = cpl ? SEL_PLAIN(cpl) | cpl : K_CODE;
                    c.r[RDX] = (uintptr_t)iret_flags_end;
                    sys_go(&c);
                    check_but(set & (FL_VIF | FL_VIP) ? ON_TCG : 0,
                              "SDM vol. 2 IRET (VIF and VIP at CPL 0)",
                              c.vector == DONE && c.r[RAX] == expect,
                              "%s at CPL %u IOPL %u, bit %u: vector %lu, flags %lx, expected %x",
                              code ? "POPF" : "IRET", cpl, iopl, bit, c.vector, c.r[RAX], expect);
                }
}

void system_main(void)
{
    copy_landing();
    far_returns();
    flags();
    report("returns32");
}
