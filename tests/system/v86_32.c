/* SPDX-License-Identifier: MIT */
/*
 * Virtual-8086 mode: going there by IRET and coming back by every kind of exception and INT, instructions that look at IOPL,
 * the I/O bitmap, what is privileged and what does not exist there, segments of 64 KiB without wrap at 1 MiB, far transfers
 * within, flags; and the redirection of INT where CPUID has VME (Intel SDM vol. 3 ch. 20; vol. 2 IRET, INT n, POPF).
 */
#include "tests/system/kit/machine32.h"

#define CODE_AT 0x9000
#define CS16 (CODE_AT >> 4)
#define STACK_SEG 0x0800
#define STACK_SP 0x0f00
#define V_GATE 0x60
#define SEL_X 0x30

static uint8_t *low(unsigned at)
{
    uint8_t *p = (uint8_t *)(uintptr_t)at;

    __asm__("" : "+r"(p)); /* an address, not an object of the program */
    return p;
}

/* Bytes of an instruction, followed by INT DONE, at CS16:0. */
static void set_code(const uint8_t *bytes, unsigned n)
{
    memcpy(low(CODE_AT), bytes, n);
    low(CODE_AT)[n] = 0xcd;
    low(CODE_AT)[n + 1] = DONE;
}

static void v86(struct context *c, unsigned iopl)
{
    memset(c, 0, sizeof *c);
    c->flags = FL_FIXED | FL_VM | iopl << 12;
    c->cs = CS16;
    c->ss = STACK_SEG;
    c->r[RSP] = STACK_SP;
    c->ds = 0x1111;
    c->es = 0x2222;
    c->fs = 0x3333;
    c->gs = 0x4444;
}

/* INT DONE needs IOPL 3: with less, it is #GP at its place, which says as much. */
static bool done(const struct context *c, unsigned iopl, unsigned at)
{
    return iopl == 3 ? c->vector == DONE && c->ip == at + 2
                     : c->vector == V_GP && c->error == 0 && c->ip == at;
}

/* --- Instructions ---------------------------------------------------------------------------------------- */

enum rule { ALWAYS, BY_IOPL, NEVER, UNDEFINED };

static const struct {
    const char *name;
    uint8_t n, bytes[6];
    enum rule rule;
} insns[] = {
    {"NOP", 1, {0x90}, ALWAYS},
    {"CLI", 1, {0xfa}, BY_IOPL},
    {"STI", 1, {0xfb}, BY_IOPL},
    {"PUSHF", 1, {0x9c}, BY_IOPL},
    {"PUSHFD", 2, {0x66, 0x9c}, BY_IOPL},
    {"POPF", 1, {0x9d}, BY_IOPL},
    {"POPFD", 2, {0x66, 0x9d}, BY_IOPL},
    {"HLT", 1, {0xf4}, NEVER},
    {"CLTS", 2, {0x0f, 0x06}, NEVER},
    {"MOV from CR0", 3, {0x0f, 0x20, 0xc0}, NEVER},
    {"MOV to CR3", 3, {0x0f, 0x22, 0xd8}, NEVER},
    {"MOV from DR7", 3, {0x0f, 0x21, 0xf8}, NEVER},
    {"LGDT", 5, {0x0f, 0x01, 0x16, 0x00, 0x00}, NEVER},
    {"LIDT", 5, {0x0f, 0x01, 0x1e, 0x00, 0x00}, NEVER},
    {"LMSW", 3, {0x0f, 0x01, 0xf0}, NEVER},
    {"INVLPG", 5, {0x0f, 0x01, 0x3e, 0x00, 0x00}, NEVER},
    {"WBINVD", 2, {0x0f, 0x09}, NEVER},
    {"RDMSR", 2, {0x0f, 0x32}, NEVER},
    {"WRMSR", 2, {0x0f, 0x30}, NEVER},
    {"SMSW", 3, {0x0f, 0x01, 0xe0}, ALWAYS},
    {"SGDT", 5, {0x0f, 0x01, 0x06, 0x00, 0x00}, ALWAYS},
    {"SLDT", 3, {0x0f, 0x00, 0xc0}, UNDEFINED},
    {"STR", 3, {0x0f, 0x00, 0xc8}, UNDEFINED},
    {"LLDT", 3, {0x0f, 0x00, 0xd0}, UNDEFINED},
    {"LTR", 3, {0x0f, 0x00, 0xd8}, UNDEFINED},
    {"VERR", 3, {0x0f, 0x00, 0xe0}, UNDEFINED},
    {"VERW", 3, {0x0f, 0x00, 0xe8}, UNDEFINED},
    {"LAR", 3, {0x0f, 0x02, 0xc0}, UNDEFINED},
    {"LSL", 3, {0x0f, 0x03, 0xc0}, UNDEFINED},
    {"ARPL", 2, {0x63, 0xc0}, UNDEFINED},
    {"UD2", 2, {0x0f, 0x0b}, UNDEFINED},
    {"RDTSC", 2, {0x0f, 0x31}, ALWAYS},
    {"CPUID", 2, {0x0f, 0xa2}, ALWAYS},
    {"MOV DS", 2, {0x8e, 0xd8}, ALWAYS},
    {"MOV SS", 2, {0x8e, 0xd0}, ALWAYS},
    {"LDS", 4, {0xc5, 0x06, 0x00, 0x00}, ALWAYS},
};

static void instructions(void)
{
    struct context c;

    for (unsigned i = 0; i < sizeof insns / sizeof *insns; i++)
        for (unsigned iopl = 0; iopl < 4; iopl++) {
            unsigned n = insns[i].n;
            bool good;

            set_code(insns[i].bytes, n);
            memset(low(STACK_SEG * 16 + STACK_SP), 0,
                   8); /* what POPF takes: IOPL 0, which it cannot set */
            v86(&c, iopl);
            c.ds = STACK_SEG;
            c.r[RAX] = STACK_SEG;
            sys_go(&c);
            switch (insns[i].rule) {
            case ALWAYS: good = done(&c, iopl, n); break;
            case BY_IOPL:
                good = iopl == 3 ? done(&c, 3, n) : c.vector == V_GP && c.error == 0 && c.ip == 0;
                break;
            case NEVER: good = c.vector == V_GP && c.error == 0 && c.ip == 0; break;
            default: good = c.vector == V_UD && c.ip == 0; break;
            }
            check(good && (c.flags & FL_VM) && c.cs == CS16,
                  "%s with IOPL %u: vector %lu error %lx at %lx", insns[i].name, iopl, c.vector,
                  c.error, c.ip);
        }
}

/* The bitmap alone counts, whatever IOPL is. */
static void ports(void)
{
    static const struct {
        const char *name;
        uint8_t n, bytes[3], size;
    } cases[] = {{"IN AL", 1, {0xec}, 1},        {"OUT AX", 1, {0xef}, 2},
                 {"IN EAX", 2, {0x66, 0xed}, 4}, {"IN imm", 2, {0xe4, 0x80}, 1},
                 {"OUTSB", 1, {0x6e}, 1},        {"INSW", 1, {0x6d}, 2}};
    struct context c;

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned iopl = 0; iopl < 4; iopl += 3)
            /* Which of the ports from 80 is refused; 5: none. */
            for (unsigned shut = 0; shut < 6; shut++) {
                bool allowed = shut >= cases[i].size;

                sys_set_bitmap(0x80, 8, false);
                if (shut < 5)
                    sys_set_bitmap(0x80 + shut, 1, true);
                set_code(cases[i].bytes, cases[i].n);
                v86(&c, iopl);
                c.r[RDX] = 0x80;
                c.ds = c.es = 0x700;
                sys_go(&c);
                check(allowed ? done(&c, iopl, cases[i].n)
                              : c.vector == V_GP && c.error == 0 && c.ip == 0,
                      "%s with IOPL %u, port %x refused: vector %lu error %lx at %lx",
                      cases[i].name, iopl, 0x80 + shut, c.vector, c.error, c.ip);
            }
    sys_set_bitmap(0x80, 8, true);
}

/* --- In and out ------------------------------------------------------------------------------------------- */

CODE(landed, "mov %ds, %eax\n mov %es, %ebx\n mov %fs, %ecx\n mov %gs, %edx\n mov %esp, %esi\n "
             "pushfl\n pop %edi\n int $0x30");

/* INT n: the gate's checks, and the frame with the four data segments. */
static void interrupts(void)
{
    static const struct {
        uint8_t access; /* of the gate */
        uint16_t sel;
        uint8_t cs; /* access of SEL_X */
        uint8_t vector;
        uint16_t error;
    } cases[] = {
        {0xee, K_CODE, 0, DONE, 0},
        {0xef, K_CODE, 0, DONE, 0},
        {0xe6, K_CODE, 0, DONE, 0},
        {0x8e, K_CODE, 0, V_GP, V_GATE * 8 + 2},
        {0xce, K_CODE, 0, V_GP, V_GATE * 8 + 2},
        {0x6e, K_CODE, 0, V_NP, V_GATE * 8 + 2},
        {0xe5 & ~1, K_CODE, 0, V_GP, V_GATE * 8 + 2},
        {0xee, 0, 0, V_GP, 0},
        {0xee, SEL_X, 0x9b, DONE, 0},
        {0xee, SEL_X, 0xbb, V_GP, SEL_X}, /* DPL 1: has to be 0 */
        {0xee, SEL_X, 0xfb, V_GP, SEL_X},
        {0xee, SEL_X, 0x9f, V_GP, SEL_X}, /* conforming: CPL would stay 3 */
        {0xee, SEL_X, 0xff, V_GP, SEL_X},
        {0xee, SEL_X, 0x93, V_GP, SEL_X},
        {0xee, SEL_X, 0x1b, V_NP, SEL_X},
    };
    struct context c;

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned iopl = 0; iopl < 4; iopl++) {
            bool wide = cases[i].access & 8, good;
            unsigned size = wide ? 4 : 2;
            word frame;

            if (!wide) /* 16 bits of offset: the code lies below 64 KiB too */
                memcpy(low(0x9800), landed, 32);
            sys_gdt[GDT_SLOT(SEL_X)] = sys_segment(0, 0xfffff, cases[i].cs, 0xc);
            sys_set_gate(V_GATE, cases[i].sel, wide ? (uintptr_t)landed : 0x9800, cases[i].access,
                         0);
            set_code((const uint8_t[]){0xcd, V_GATE}, 2);
            v86(&c, iopl);
            c.flags |= FL_IF | FL_CF;
            sys_go(&c);
            if (iopl < 3) {
                check(c.vector == V_GP && c.error == 0 && c.ip == 0,
                      "INT with IOPL %u: vector %lu error %lx", iopl, c.vector, c.error);
                continue;
            }
            good = c.vector == cases[i].vector && c.error == cases[i].error;
            if (cases[i].vector == DONE) {
                frame = stack_top(sys_stack_ring0) - 9 * size;
                good &= c.r[RAX] == 0 && c.r[RBX] == 0 && c.r[RCX] == 0 && c.r[RDX] == 0 &&
                        c.r[RSI] == frame;
                good &= (c.r[RDI] & (FL_VM | FL_IF | FL_CF)) ==
                        (FL_CF | (cases[i].access & 1 ? FL_IF : 0));
                const word want[9] = {
                    2,        CS16,      FL_FIXED | FL_VM | FL_IOPL3 | FL_IF | FL_CF,
                    STACK_SP, STACK_SEG, 0x2222,
                    0x1111,   0x3333,    0x4444};
                for (unsigned k = 0; k < 9; k++) {
                    word value = 0;

                    memcpy(&value, low(frame + k * size), size);
                    good &= (value & 0xffff) == (want[k] & 0xffff) &&
                            (!wide || k != 2 || value == want[k]);
                }
            } else {
                good &= c.ip == 0 && c.cs == CS16;
            }
            check_but(cases[i].access == 0xe6 ||
                              (cases[i].sel == SEL_X && ((cases[i].cs & 4) || cases[i].cs == 0xbb))
                          ? ON_TCG
                          : 0,
                      "SDM vol. 2 INT n", good,
                      "INT, gate %x, CS %x access %x: vector %lu error %lx ESP %lx flags %lx, "
                      "expected %u %x",
                      cases[i].access, cases[i].sel, cases[i].cs, c.vector, c.error, c.r[RSI],
                      c.r[RDI], cases[i].vector, cases[i].error);
        }
    sys_set_gate(V_GATE, K_CODE, sys_stub(V_GATE), 0x8e, 0);

    /* INT3 and INTO do not look at IOPL; their gates' DPL counts. */
    for (unsigned iopl = 0; iopl < 4; iopl++)
        for (unsigned open = 0; open < 2; open++)
            for (unsigned into = 0; into < 2; into++) {
                unsigned vector = into ? V_OF : V_BP;

                sys_set_gate(vector, K_CODE, sys_stub(vector), open ? 0xee : 0x8e, 0);
                set_code((const uint8_t[]){into ? 0xce : 0xcc}, 1);
                v86(&c, iopl);
                c.flags |= 0x800;
                sys_go(&c);
                check(open ? c.vector == vector && c.ip == 1
                           : c.vector == V_GP && c.error == vector * 8 + 2 && c.ip == 0,
                      "INT%c with IOPL %u, gate %u: vector %lu error %lx at %lx", into ? 'O' : '3',
                      iopl, open, c.vector, c.error, c.ip);
                check(c.ds == 0x1111 && c.es == 0x2222 && c.fs == 0x3333 && c.gs == 0x4444 &&
                          c.ss == STACK_SEG && c.r[RSP] == STACK_SP,
                      "segments in the frame");
            }
}

/* What IRET to V86 needs: CPL 0, EIP within 64 KiB. */
CODE(to_v86, "pushl $0\n pushl $0\n pushl $0\n pushl $0\n pushl $0x800\n pushl $0xf00\n pushl "
             "$0x23002\n pushl $0x900\n pushl %edi\n iretl\n int $0x30");

static void entering(void)
{
    struct context c;

    set_code((const uint8_t[]){0x90}, 1);
    for (unsigned user = 0; user < 2; user++)
        for (unsigned i = 0; i < 4; i++) {
            static const uint32_t ips[] = {0, 0xffff, 0x10000, 0xfffffff0};

            if (user)
                sys_user(&c, (uintptr_t)to_v86);
            else
                sys_kernel(&c, (uintptr_t)to_v86);
            c.r[RDI] = ips[i];
            if (ips[i] == 0xffff) /* the instruction there lies across the end */
                low(CODE_AT)[0xffff] = 0x89;
            sys_go(&c);
            if (user) /* VM is not for CPL 3 to set: CS is an ordinary selector, and a bad one */
                check_but(ON_TCG, "SDM vol. 2 IRET (VM at CPL 0 only)",
                          c.vector == V_GP && c.error == 0x900 && !(c.flags & FL_VM),
                          "IRET with VM at CPL 3: vector %lu error %lx", c.vector, c.error);
            else if (ips[i] == 0)
                check(c.vector == DONE && (c.flags & FL_VM), "IRET to V86: vector %lu error %lx",
                      c.vector, c.error);
            else if (ips[i] == 0xffff)
                check_but(ON_TCG, "SDM vol. 3 5.3",
                          c.vector == V_GP && c.error == 0 && c.ip == 0xffff && (c.flags & FL_VM),
                          "running over 64 KiB: vector %lu at %lx", c.vector, c.ip);
            else
                check_but(ON_TCG, "SDM vol. 2 IRET: #GP(0) if EIP is beyond the limit",
                          c.vector == V_GP && c.error == 0 && !(c.flags & FL_VM),
                          "IRET to V86 beyond 64 KiB: vector %lu error %lx flags %lx", c.vector,
                          c.error, c.flags);
        }
}

/* --- Segments --------------------------------------------------------------------------------------------- */

static void segments(void)
{
    struct context c;

    /* No wrap at 1 MiB: FFFF:0010 is 100000; the image is there, and begins with its Multiboot header. */
    set_code((const uint8_t[]){0x67, 0x66, 0x8b, 0x07}, 4); /* mov (%edi), %eax */
    v86(&c, 3);
    c.ds = 0xffff;
    c.r[RDI] = 0x10;
    sys_go(&c);
    check(c.vector == DONE && c.r[RAX] == *(volatile uint32_t *)low(0x100000), "FFFF:0010: %lx",
          c.r[RAX]);
    for (unsigned at = 0xfff8; at < 0x10004; at++) {
        v86(&c, 3);
        c.ds = 0x700;
        c.r[RDI] = at;
        sys_go(&c);
        check_but(ON_TCG, "SDM vol. 3 5.3",
                  at + 3 <= 0xffff ? c.vector == DONE
                                   : c.vector == V_GP && c.error == 0 && c.ip == 0,
                  "4 bytes at %x: vector %lu error %lx", at, c.vector, c.error);
    }
    /* PUSH at SP = 1 crosses the end of the stack segment; at 0 it wraps. */
    for (unsigned sp = 0; sp < 5; sp++) {
        set_code((const uint8_t[]){0x50}, 1);
        v86(&c, 3);
        c.r[RSP] = sp;
        sys_go(&c);
        check_but(ON_TCG, "SDM vol. 3 5.3",
                  sp == 1 ? c.vector == V_SS && c.error == 0 && c.ip == 0
                          : c.vector == DONE && (c.r[RSP] & 0xffff) == ((sp - 2) & 0xffff),
                  "PUSH at SP %x: vector %lu SP %lx", sp, c.vector, c.r[RSP]);
    }
}

/* --- Far transfers and flags ------------------------------------------------------------------------------ */

static void transfers(void)
{
    struct context c;

    /* JMP 0900:0020, CALL, RET, IRET to the same: INT DONE there. */
    static const struct {
        const char *name;
        uint8_t n, bytes[6];
        int sp;
        bool iopl;
    } cases[] = {{"far JMP", 5, {0xea, 0x20, 0x00, 0x50, 0x09}, 0, false},
                 {"far CALL", 5, {0x9a, 0x20, 0x00, 0x50, 0x09}, -4, false},
                 {"far RET", 1, {0xcb}, 4, false},
                 {"far RET 6", 3, {0xca, 6, 0}, 10, false},
                 {"IRET", 1, {0xcf}, 6, true}};

    memcpy(low(0x9520), (const uint8_t[]){0xcd, DONE}, 2);
    for (unsigned i = 0; i < 5; i++)
        for (unsigned iopl = 0; iopl < 4; iopl++) {
            bool refused = cases[i].iopl && iopl < 3;

            memcpy(low(STACK_SEG * 16 + STACK_SP), (const uint16_t[]){0x20, 0x0950, 0x0fd7, 0, 0},
                   10);
            set_code(cases[i].bytes, cases[i].n);
            v86(&c, iopl);
            sys_go(&c);
            if (refused) {
                check(c.vector == V_GP && c.error == 0 && c.ip == 0 && c.cs == CS16,
                      "%s with IOPL %u: vector %lu", cases[i].name, iopl, c.vector);
                continue;
            }
            check(done(&c, iopl, 0x20) && c.cs == 0x0950 &&
                      (c.r[RSP] & 0xffff) == (word)(STACK_SP + cases[i].sp),
                  "%s with IOPL %u: vector %lu error %lx at %lx:%lx SP %lx", cases[i].name, iopl,
                  c.vector, c.error, c.cs, c.ip, c.r[RSP]);
            if (cases[i]
                    .iopl) /* IOPL is not IRET's to change here; TF is set and would trap: not in the image above */
                check((c.flags & 0x3000) == FL_IOPL3 && (c.flags & 0xed5) == (0x0fd7 & 0xed5),
                      "IRET's flags: %lx", c.flags);
        }
}

static void flags(void)
{
    struct context c;

    for (unsigned bit = 0; bit < 22; bit++)
        for (unsigned wide = 0; wide < 2; wide++) {
            word set = 1u << bit, may = 0x4ed5 | 0x100 | (wide ? FL_AC | FL_ID : 0), expect;

            if (set == FL_TF)
                continue;
            /* push %ebx; popf(d); pushfd; pop %eax */
            set_code(wide ? (const uint8_t[]){0x66, 0x53, 0x66, 0x9d, 0x66, 0x9c, 0x66, 0x58}
                          : (const uint8_t[]){0x53, 0x90, 0x9d, 0x90, 0x66, 0x9c, 0x66, 0x58},
                     8);
            v86(&c, 3);
            c.r[RBX] = set;
            sys_go(&c);
            expect = FL_FIXED | FL_IOPL3 | (set & may);
            check(c.vector == DONE && c.r[RAX] == expect,
                  "POPF%s of bit %u: vector %lu, %lx, expected %lx", wide ? "D" : "", bit, c.vector,
                  c.r[RAX], expect);
            check((c.flags & FL_VM) && (c.flags & FL_IOPL3) == FL_IOPL3, "POPF does not leave: %lx",
                  c.flags);
        }
}

/* --- VME --------------------------------------------------------------------------------------------------- */

/* INT through the program's own table where the redirection bitmap says so (SDM vol. 3 §20.3.3, table 20-2), VIF and VIP. */
static void vme(void)
{
    struct tss32 *t = main_tss();
    struct context c;

    if (!(sys_cpuid(1, 0).edx >> 1 & 1)) {
        absent("VME");
        check(!(read_cr4() & CR4_VME), "CR4.VME");
        return;
    }
    memcpy(low(V_GATE * 4), (const uint16_t[]){0x20, 0x0950}, 4);
    t->io_map = 0x68 + 32; /* the redirection bitmap is in front of it */
    write_cr4(read_cr4() | CR4_VME);
    for (unsigned iopl = 0; iopl < 4; iopl += 3)
        for (unsigned bit = 0; bit < 2; bit++) {
            memset(sys_tss + 0x68, bit ? 0xff : 0, 32);
            sys_tss[0x68 + DONE / 8] = 0xff;
            set_code((const uint8_t[]){0xcd, V_GATE}, 2);
            sys_set_gate(V_GATE, K_CODE, sys_stub(V_GATE), 0xee, 0);
            v86(&c, iopl);
            c.flags |= FL_VIF;
            sys_go(&c);
            if (bit && iopl < 3)
                check(c.vector == V_GP && c.error == 0 && c.ip == 0,
                      "VME: INT, IOPL %u, bit set: vector %lu", iopl, c.vector);
            else if (bit)
                check(c.vector == V_GATE && c.ip == 2, "VME: INT, IOPL 3, bit set: vector %lu",
                      c.vector);
            else
                check(c.cs == 0x0950 && (c.ip == 0x20 || c.ip == 0x22) &&
                          (c.r[RSP] & 0xffff) == STACK_SP - 6,
                      "VME: INT redirected, IOPL %u: vector %lu at %lx:%lx", iopl, c.vector, c.cs,
                      c.ip);
        }
    for (unsigned vip = 0; vip < 2; vip++) {
        set_code((const uint8_t[]){0xfb}, 1);
        v86(&c, 0);
        c.flags |= vip ? FL_VIP : 0;
        sys_go(&c);
        check_but(vip ? ON_TCG : 0, "SDM vol. 2 IRET (VIP), STI",
                  vip ? c.vector == V_GP && c.ip == 0 : (c.flags & FL_VIF) && c.ip == 1,
                  "VME: STI with VIP %u: vector %lu at %lx, flags %lx", vip, c.vector, c.ip,
                  c.flags);
    }
    write_cr4(read_cr4() & ~(word)CR4_VME);
    t->io_map = 0x68;
    memset(sys_tss + 0x68, 0xff, 32);
}

void system_main(void)
{
    instructions();
    ports();
    interrupts();
    entering();
    segments();
    transfers();
    flags();
    vme();
    report("v86_32");
}
