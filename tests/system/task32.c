/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switches: by JMP, CALL, INT, exceptions and IRET, by TSS and by task gate, to 32- and 16-bit TSSs: what is
 * saved, what is loaded, busy bits, back link, NT, TS, local breakpoints, CR3, the T bit (Intel SDM vol. 3 §7.2, §7.3, tables
 * 7-1 and 7-2); and every check of table 7-1 that can fail, with the task that its exception belongs to: faults are
 * handled by a task of their own here, whose link says who failed.
 */
#include "tests/system/kit/machine32.h"

enum {
    S_T2 = 0x30,    /* the TSS that is switched to */
    S_GATE = 0x38,  /* a task gate to it, DPL 3 */
    S_T16 = 0x40,   /* a 16-bit TSS */
    S_FAULT = 0x48, /* the task that handles faults */
    S_LDT = 0x50,
    S_X = 0x58, /* whatever a case needs */
    S_GATE16 = 0x60,
    V_TASK = 0x40, /* interrupt vectors: gate to T2, to T16 */
    V_TASK16 = 0x41,
};

struct tss16 {
    uint16_t link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, r[8], es, cs, ss, ds, ldt;
};

static struct tss32 t2, fault_tss;
static struct tss16 t16;
static uint64_t ldt[2];
extern const uint8_t task_done[], task_iret[], task_iret_end[], fault_task[], twice[], call16[],
    gate16[], go[], bad_load[], ud[], reads[];
__asm__("task_done: int $0x30\n"
        "task_iret: iretl\n task_iret_end: jmp task_iret\n"
        /* Faults come here with their error code on the stack, by task gate. */
        "fault_task: int $0x30\n jmp fault_task\n"
        "twice: lcalll $0x30, $0\n mov %cr0, %edx\n clts\n lcalll $0x38, $0\n int $0x30\n"
        "call16: lcalll $0x40, $0\n int $0x30\n"
        "gate16: ljmpl $0x60, $0\n int $0x30\n"
        "go: lcalll $0x30, $0\n int $0x30\n"
        "bad_load: mov %ecx, %ds\n int $0x30\n"
        "ud: ud2\n"
        "reads: mov 0x40000000, %eax\n int $0x30\n");

static void fresh(void)
{
    struct tss32 *t = main_tss();

    memset(&t2, 0, sizeof t2);
    t2.link = 0xdead;
    t2.eip = (uintptr_t)task_done;
    t2.eflags = FL_FIXED | FL_CF;
    for (unsigned i = 0; i < 8; i++)
        t2.r[i] = 0x22220000 + i;
    t2.r[RSP] = stack_top(sys_stack_spare[0]);
    t2.es = t2.ss = t2.ds = t2.fs = t2.gs = K_DATA;
    t2.cs = K_CODE;
    t2.cr3 = read_cr3();
    t2.esp0 = stack_top(sys_stack_spare[2]);
    t2.ss0 = K_DATA;
    t2.io_map = 0x68;
    t16 = (struct tss16){
        .link = 0xdead, .flags = FL_FIXED, .es = K_DATA, .cs = S_X, .ss = K_DATA, .ds = K_DATA};
    t16.r[RSP] = 0; /* SS is 32-bit: ESP's upper half is 0, so the stack is below 64 KiB */
    fault_tss = t2;
    fault_tss.eip = (uintptr_t)fault_task;
    fault_tss.r[RSP] = stack_top(sys_stack_spare[1]);
    sys_gdt[GDT_SLOT(K_TSS)] = sys_segment((uintptr_t)t, 0x2068, 0x89, 0);
    __asm__ volatile("ltr %w0" : : "r"(K_TSS));
    sys_gdt[GDT_SLOT(S_T2)] = sys_segment((uintptr_t)&t2, 0x67, 0x89, 0);
    sys_gdt[GDT_SLOT(S_T16)] = sys_segment((uintptr_t)&t16, 0x2b, 0x81, 0);
    sys_gdt[GDT_SLOT(S_GATE)] = sys_gate(S_T2, 0, 0xe5, 0);
    sys_gdt[GDT_SLOT(S_GATE16)] = sys_gate(S_T16, 0, 0xe5, 0);
    sys_gdt[GDT_SLOT(S_FAULT)] = sys_segment((uintptr_t)&fault_tss, 0x67, 0x89, 0);
    sys_gdt[GDT_SLOT(S_LDT)] = sys_segment((uintptr_t)ldt, 15, 0x82, 0);
    sys_gdt[GDT_SLOT(S_X)] = 0;
    ldt[1] = sys_segment(0, 0xfffff, 0xf2, 0xc);
    sys_set_gate(V_TASK, S_T2, 0, 0xe5, 0);
    sys_set_gate(V_TASK16, S_T16, 0, 0xe5, 0);
    for (unsigned v = V_TS; v <= V_PF; v++)
        sys_set_gate(v, S_FAULT, 0, 0x85, 0);
    write_cr0(read_cr0() & ~(word)CR0_TS);
    t->cr3 = 0x5a5a0000; /* never written by a switch */
    t->ldt = 0;
    __asm__ volatile("lldt %w0" : : "r"(0));
}

static unsigned task_register(void)
{
    uint16_t tr;
    __asm__ volatile("str %0" : "=r"(tr));
    return tr;
}

static unsigned access_byte(unsigned sel)
{
    return sys_gdt[GDT_SLOT(sel)] >> 40 & 255;
}

/* Code that switches, at CPL 0 or 3, and what is behind it. */
#define SWITCHES                                                                                   \
    X(jmp_tss, "ljmpl $0x30, $0", 0)                                                               \
    X(jmp_gate, "ljmpl $0x38, $0", 0)                                                              \
    X(call_tss, "lcalll $0x30, $0x12345", 1)                                                       \
    X(call_gate, "lcalll $0x38, $0", 1)                                                            \
    X(int_gate, "int $0x40", 1)                                                                    \
    X(jmp_tss_16, "ljmpw $0x30, $0", 0)                                                            \
    X(call_mem, "lcalll *%cs:far_pointer", 1)                                                      \
    X(jmp_mem, "ljmpl *%cs:far_pointer", 0)

#define X(name, text, nested)                                                                      \
    __asm__(#name ": " text "\n" #name "_after: mov $0x600d, %eax\n int $0x30\n");                 \
    extern const uint8_t name[], name##_after[];
SWITCHES
#undef X
__asm__("far_pointer: .long 0\n .word 0x30\n");

static const struct {
    const uint8_t *code, *after;
    const char *name;
    bool nested, direct;
} switches[] = {
#define X(name, text, nested) {name, name##_after, #name, nested, true},
    SWITCHES
#undef X
};

static bool is_gate(const uint8_t *code)
{
    return code == jmp_gate || code == call_gate || code == int_gate;
}

/* What was saved is what was there, and what is there is what the new TSS said. */
static void check_switch(const char *name, unsigned cpl, bool nested, const uint8_t *after,
                         const struct context *before, const struct context *c)
{
    const struct tss32 *t = main_tss();
    bool good = true;

    check(c->vector == DONE && c->ip == t2.eip + 2 && c->cs == K_CODE,
          "%s at CPL %u: vector %lu error %lx at %lx:%lx", name, cpl, c->vector, c->error, c->cs,
          c->ip);
    for (unsigned i = 0; i < 8; i++)
        good &= c->r[i] == t2.r[i] || i == RSP;
    check(good && c->r[RSP] == t2.r[RSP], "%s at CPL %u: registers loaded, ESP %lx", name, cpl,
          c->r[RSP]);
    check((c->flags & ~(word)FL_RF) == (t2.eflags | (nested ? FL_NT : 0)), "%s: flags %lx", name,
          c->flags);
    good = true;
    for (unsigned i = 0; i < 8; i++)
        good &= t->r[i] == before->r[i];
    check(good, "%s at CPL %u: registers saved", name, cpl);
    check(t->eip == (uintptr_t)after && t->cs == before->cs && t->ss == before->ss &&
              t->ds == before->ds && t->es == before->es && t->fs == before->fs &&
              t->gs == before->gs,
          "%s at CPL %u: EIP and segments saved: %x", name, cpl, t->eip);
    check(t->eflags == before->flags, "%s at CPL %u: flags saved: %x", name, cpl, t->eflags);
    check(t->cr3 == 0x5a5a0000 && t->ldt == 0, "%s: CR3 and LDT are not saved", name);
    check(access_byte(K_TSS) == (nested ? 0x8b : 0x89), "%s: old TSS %x", name, access_byte(K_TSS));
    check((access_byte(S_T2) & 0x9f) == 0x8b, "%s: new TSS %x", name, access_byte(S_T2));
    check(t2.link == (nested ? 0xdead0000 * 0 + K_TSS : 0xdead), "%s: link %x", name, t2.link);
    check(task_register() == S_T2 && (read_cr0() & CR0_TS), "%s: TR %x, TS", name, task_register());
}

static void kinds(void)
{
    struct context c, before;

    for (unsigned i = 0; i < sizeof switches / sizeof *switches; i++)
        for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
            fresh();
            if (cpl && !is_gate(switches[i].code)) /* through the TSS itself: its DPL counts */
                sys_gdt[GDT_SLOT(S_T2)] = sys_segment((uintptr_t)&t2, 0x67, 0xe9, 0);
            (cpl ? sys_user : sys_kernel)(&c, (uintptr_t)switches[i].code);
            for (unsigned r = 0; r < 8; r++)
                if (r != RSP)
                    c.r[r] = 0x11110000 + r;
            c.flags |= 0x8d4;
            before = c;
            sys_go(&c);
            if (c.vector != DONE && cpl == 0)
                before.r[RSP] = 0;
            check_switch(switches[i].name, cpl, switches[i].nested, switches[i].after, &before, &c);
        }
}

/* CALL, and back by IRET; and again, behind the IRET. */
static void there_and_back(void)
{
    struct context c;

    fresh();
    t2.eip = (uintptr_t)task_iret;
    sys_kernel(&c, (uintptr_t)twice);
    c.r[RBX] = 0xb0b;
    sys_go(&c);
    check(c.vector == DONE && c.cs == K_CODE && c.r[RBX] == 0xb0b,
          "IRET to the task that called: vector %lu error %lx", c.vector, c.error);
    check(c.r[RDX] & CR0_TS, "TS after IRET");
    check(task_register() == K_TSS && access_byte(K_TSS) == 0x8b && access_byte(S_T2) == 0x89,
          "busy bits after IRET: %x %x", access_byte(K_TSS), access_byte(S_T2));
    check(t2.eip == (uintptr_t)task_iret_end, "the task goes on behind its IRET: %x", t2.eip);
    check(!(t2.eflags & FL_NT), "NT is clear in what IRET saves: %x", t2.eflags);
    check(!(c.flags & FL_NT), "and in the task it returns to");
}

static void sixteen_bit(void)
{
    static const uint8_t code16[] = {0xcd, DONE};
    uint8_t *low = (uint8_t *)(uintptr_t)0x9000;
    struct context c;
    for (unsigned jump = 0; jump < 2; jump++) {
        fresh();
        __asm__("" : "+r"(low)); /* an address, not an object of the program */
        memcpy(low, code16, sizeof code16);
        sys_gdt[GDT_SLOT(S_X)] = sys_segment(0, 0xffff, 0x9b, 0);
        for (unsigned i = 0; i < 8; i++)
            t16.r[i] = 0x1600 + i;
        t16.r[RSP] = 0x8f00;
        t16.ip = 0x9000;
        sys_kernel(&c, (uintptr_t)(jump ? gate16 : call16));
        c.fs = c.gs = K_DATA;
        sys_go(&c);
        check(c.vector == DONE && c.ip == 0x9002 && c.cs == S_X,
              "16-bit TSS: vector %lu error %lx at %lx", c.vector, c.error, c.ip);
        check((c.r[RAX] & 0xffff) == 0x1600 && (c.r[RDI] & 0xffff) == 0x1607,
              "16-bit TSS: registers %lx", c.r[RAX]);
        check(t16.link == (jump ? 0xdead : K_TSS), "16-bit TSS: link %x", t16.link);
        check((access_byte(S_T16) & 0x9f) == 0x83 && access_byte(K_TSS) == (jump ? 0x89 : 0x8b),
              "16-bit TSS: busy bits");
        check((c.flags & FL_NT) == (jump ? 0 : FL_NT), "16-bit TSS: NT %lx", c.flags);
    }
}

/* --- What can fail ------------------------------------------------------------------------------------- */

enum when { IN_OLD, IN_NEW };

static void *const field[] = {&t2.ldt, &t2.cs, &t2.ss, &t2.ds, &t2.es, &t2.fs, &t2.gs};
enum { F_LDT, F_CS, F_SS, F_DS, F_ES, F_FS, F_GS };
static const char *const field_name[] = {"LDT", "CS", "SS", "DS", "ES", "FS", "GS"};

/* A selector in the new TSS, and the descriptor that S_X is, if that is meant. */
static const struct {
    uint8_t field, access; /* access byte of S_X */
    uint16_t sel;
    uint8_t vector; /* 0: none */
} selectors[] = {
    {F_LDT, 0, 0, 0},
    {F_LDT, 0, S_LDT, 0},
    {F_LDT, 0, S_LDT | 3, 0},
    {F_LDT, 0, K_DATA, V_TS},
    {F_LDT, 0, 0x1f8 + 8, V_TS}, /* beyond the table */
    {F_LDT, 0, S_LDT | 4, V_TS},
    {F_LDT, 0x02, S_X, V_TS}, /* not present */
    {F_LDT, 0x89, S_X, V_TS}, /* a TSS */
    {F_CS, 0, 0, V_TS},
    {F_CS, 0, 3, V_TS},
    {F_CS, 0, K_DATA, V_TS},
    {F_CS, 0, S_T16, V_TS},
    {F_CS, 0, 0x1f8 + 8, V_TS},
    {F_CS, 0, 0x0c, V_TS}, /* in an LDT that is not there */
    {F_CS, 0, K_CODE | 1, V_TS},
    {F_CS, 0, K_CODE | 3, V_TS},
    {F_CS, 0, U_CODE & ~3, V_TS},
    {F_CS, 0x9a, S_X, 0},
    {F_CS, 0x98, S_X, 0},    /* execute-only */
    {F_CS, 0x1a, S_X, V_NP}, /* not present */
    {F_CS, 0x1a, S_X | 3, V_TS},
    {F_CS, 0x9e, S_X, 0}, /* conforming, DPL 0 */
    {F_CS, 0xde, S_X, V_TS},
    {F_CS, 0xfe, S_X, V_TS},
    {F_CS, 0xfa, S_X, V_TS},
    {F_SS, 0, 0, V_TS},
    {F_SS, 0, 0x1f8 + 8, V_TS},
    {F_SS, 0, K_DATA | 1, V_TS},
    {F_SS, 0, U_DATA, V_TS},
    {F_SS, 0, U_DATA & ~3, V_TS},
    {F_SS, 0, K_CODE, V_TS},
    {F_SS, 0, S_LDT, V_TS},
    {F_SS, 0x90, S_X, V_TS}, /* read-only */
    {F_SS, 0x92, S_X, 0},
    {F_SS, 0x12, S_X, V_SS}, /* not present */
    {F_SS, 0x10, S_X, V_TS},
    {F_SS, 0x52, S_X, V_TS},
    {F_DS, 0, 0, 0},
    {F_DS, 0, 3, 0},
    {F_DS, 0, 0x1f8 + 8, V_TS},
    {F_DS, 0, 0x0c, V_TS},
    {F_DS, 0, S_LDT, V_TS},
    {F_DS, 0x98, S_X, V_TS}, /* code, not readable */
    {F_DS, 0x9a, S_X, 0},
    {F_DS, 0x92, S_X | 3, V_TS}, /* RPL > DPL */
    {F_DS, 0x9e, S_X | 3, 0},    /* conforming: no check */
    {F_DS, 0xf2, S_X | 3, 0},
    {F_DS, 0x12, S_X, V_NP},
    {F_DS, 0x18, S_X, V_TS},
    {F_ES, 0x12, S_X, V_NP},
    {F_ES, 0x98, S_X, V_TS},
    {F_FS, 0x12, S_X, V_NP},
    {F_FS, 0, 0x1f8 + 8, V_TS},
    {F_GS, 0x12, S_X, V_NP},
    {F_GS, 0x89, S_X, V_TS},
};

/* How a fault arrived: in whose name, with what error. */
static void check_fault(const char *what, unsigned i, const struct context *c, enum when when,
                        unsigned vector, unsigned error)
{
    word pushed = *(const uint32_t *)(uintptr_t)(fault_tss.r[RSP] - 4);

    /* TCG: a new stack segment may be absent; and error codes know nothing of EXT. */
    unsigned known = vector == V_SS || (error & 1) ? ON_TCG : 0;

    check_but(known, "SDM vol. 3 7.3, table 7-1", task_register() == S_FAULT,
              "%s %u: in the task for faults: TR %x vector %lu error %lx", what, i, task_register(),
              c->vector, c->error);
    check_but(known, "SDM vol. 3 7.3, table 7-1",
              (fault_tss.link & 0xffff) == (when == IN_NEW ? S_T2 : K_TSS), "%s %u: who fails: %x",
              what, i, fault_tss.link);
    check_but(known, "SDM vol. 3 6.13 (EXT)", pushed == error,
              "%s %u: error %lx, expected %x of vector %u", what, i, pushed, error, vector);
    check_but(known, "SDM vol. 3 7.3, table 7-1", c->ip == (uintptr_t)fault_task + 2,
              "%s %u: at %lx", what, i, c->ip);
}

/* A fault of another vector than expected finds no gate, and leads to another error code. */
static void only_gate(unsigned vector)
{
    for (unsigned v = V_TS; v <= V_PF; v++)
        if (v != vector)
            sys_set_gate(v, K_CODE, sys_stub(v), 0x8e, 0);
}

static void bad_selectors(void)
{
    struct context c;

    for (unsigned i = 0; i < sizeof selectors / sizeof *selectors; i++) {
        unsigned f = selectors[i].field, sel = selectors[i].sel;

        fresh();
        only_gate(selectors[i].vector);
        if (selectors[i].access)
            sys_gdt[GDT_SLOT(S_X)] = sys_segment(0, 0xfffff, selectors[i].access, 0xc);
        memcpy(field[f], &sel, 2);
        sys_kernel(&c, (uintptr_t)go);
        sys_go(&c);
        if (selectors[i].vector) {
            check_fault(field_name[f], i, &c, IN_NEW, selectors[i].vector, sel & 0xfffc);
            check_but(ON_TCG,
                      "SDM vol. 3 7.3, step 12: the fault comes before the first instruction of "
                      "the new task",
                      t2.eip == (uintptr_t)task_done, "%s %u: no instruction of the new task: %x",
                      field_name[f], i, t2.eip);
            memcpy(&sel, field[f], 2);
            check(t2.cs == K_CODE || f == F_CS, "%s %u: CS of the new task is saved again",
                  field_name[f], i);
        } else {
            check(c.vector == DONE && task_register() == S_T2, "%s %u: vector %lu error %lx",
                  field_name[f], i, c.vector, c.error);
        }
    }
    /* EIP beyond the limit of CS */
    fresh();
    only_gate(V_GP);
    sys_gdt[GDT_SLOT(S_X)] = sys_segment(0, 0xffff, 0x9a, 4);
    t2.cs = S_X;
    t2.eip = 0x10000;
    sys_kernel(&c, (uintptr_t)go);
    sys_go(&c);
    check_fault("EIP beyond the limit", 0, &c, IN_NEW, V_GP, 0);
}

/* What is wrong with the TSS itself belongs to the old task. */
static void bad_tss(void)
{
    static const struct {
        uint8_t access; /* of S_T2 */
        uint8_t limit;
        uint8_t gate_access;
        uint8_t cpl;
        uint8_t vector[4]; /* by TSS, by gate, by INT, by IRET; 0xff: not tried */
    } cases[] = {
        {0x8b, 0x67, 0xe5, 0, {V_GP, V_GP, V_GP, 0}},    /* busy */
        {0x89, 0x67, 0xe5, 0, {0, 0, 0, V_TS}},          /* available */
        {0x09, 0x67, 0xe5, 0, {V_NP, V_NP, V_NP, 0xff}}, /* not present */
        {0x0b, 0x67, 0xe5, 0, {V_GP, V_GP, V_GP, V_NP}}, /* neither */
        {0x89, 0x66, 0xe5, 0, {V_TS, V_TS, V_TS, 0xff}}, /* short */
        {0x8b, 0x66, 0xe5, 0, {V_GP, V_GP, V_GP, V_TS}}, /* short and busy */
        {0x89, 0x67, 0x65, 0, {0, V_NP, V_NP, 0xff}},    /* gate not present */
        {0x89, 0x67, 0xe5, 3, {V_GP, 0, 0, 0xff}},       /* DPL 0, from CPL 3 */
        {0x89, 0x67, 0x85, 3, {V_GP, V_GP, V_GP, 0xff}}, /* gate's DPL 0 */
        {0x82, 0x67, 0xe5, 0, {V_GP, V_GP, V_GP, V_TS}}, /* an LDT */
        {0xe9, 0x67, 0xe5, 3, {0, 0, 0, 0xff}},
    };
    static const uint8_t *const code[] = {call_tss, call_gate, int_gate, task_iret};
    struct context c;

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned how = 0; how < 4; how++) {
            unsigned vector = cases[i].vector[how];
            bool gate_fault =
                (how == 1 || how == 2) && (!(cases[i].gate_access & 0x80) ||
                                           (cases[i].cpl && !(cases[i].gate_access & 0x60)));
            unsigned error = gate_fault ? (how == 1 ? S_GATE : V_TASK * 8 + 2) : S_T2;

            if (vector == 0xff)
                continue;
            fresh();
            only_gate(vector);
            sys_gdt[GDT_SLOT(S_T2)] =
                sys_segment((uintptr_t)&t2, cases[i].limit, cases[i].access, 0);
            sys_gdt[GDT_SLOT(S_GATE)] = sys_gate(S_T2, 0, cases[i].gate_access, 0);
            sys_set_gate(V_TASK, S_T2, 0, cases[i].gate_access, 0);
            main_tss()->link = S_T2;
            (cases[i].cpl ? sys_user : sys_kernel)(&c, (uintptr_t)code[how]);
            if (how == 3)
                c.flags |= FL_NT;
            sys_go(&c);
            if (vector) {
                check_fault(how == 3 ? "TSS, by IRET" : "TSS", i * 4 + how, &c, IN_OLD, vector,
                            error);
                check(main_tss()->eip == (uintptr_t)code[how],
                      "TSS %u: the instruction that failed: %x", i * 4 + how, main_tss()->eip);
                check(access_byte(S_T2) == cases[i].access, "TSS %u: its descriptor is as it was",
                      i * 4 + how);
            } else {
                check(c.vector == DONE && task_register() == S_T2, "TSS %u: vector %lu error %lx",
                      i * 4 + how, c.vector, c.error);
            }
        }
}

/* Links that IRET cannot follow. */
static void bad_links(void)
{
    static const uint16_t links[] = {0, 3, 0x1f8 + 8, S_T2 | 4, K_DATA, S_GATE, S_LDT};
    struct context c;

    for (unsigned i = 0; i < sizeof links / sizeof *links; i++) {
        fresh();
        only_gate(V_TS);
        main_tss()->link = links[i];
        sys_kernel(&c, (uintptr_t)task_iret);
        c.flags |= FL_NT;
        sys_go(&c);
        check_fault("link", i, &c, IN_OLD, V_TS, links[i] & 0xfffc);
    }
    /* In virtual-8086 mode and without NT there is no link to be followed. */
    main_tss()->link = 0;
}

/* --- The rest ------------------------------------------------------------------------------------------ */

/* An exception with an error code, by task gate: the code is on the new task's stack, the back link says where. */
static void exceptions(void)
{
    struct context c;

    fresh();
    sys_kernel(&c, (uintptr_t)bad_load);
    c.r[RCX] = S_T2;
    sys_go(&c);
    check_fault("exception", 0, &c, IN_OLD, V_GP, S_T2);
    check_but(ON_TCG, "SDM vol. 3 17.3.1.1 (RF of faults)",
              main_tss()->eip == (uintptr_t)bad_load && (main_tss()->eflags & FL_RF),
              "it saves EIP %x and RF: flags %x", main_tss()->eip, main_tss()->eflags);
    check(c.flags & FL_NT, "NT in the handler");

    /* EXT is set when the handler's task cannot be had: #GP(TSS + EXT), and with that handled. */
    fresh();
    sys_gdt[GDT_SLOT(S_T2)] |= 2ull << 40; /* busy */
    sys_set_gate(V_BR, S_T2, 0, 0xe5, 0);
    sys_set_gate(V_UD, S_T2, 0, 0xe5, 0);
    {

        sys_kernel(&c, (uintptr_t)ud);
        sys_go(&c);
        check_fault("exception to a busy task", 0, &c, IN_OLD, V_GP, S_T2 | 1);
    }
    sys_set_gate(V_BR, K_CODE, sys_stub(V_BR), 0x8e, 0);
    sys_set_gate(V_UD, K_CODE, sys_stub(V_UD), 0x8e, 0);

    /* The T bit: #DB before the first instruction of the task. */
    fresh();
    t2.trap = 1;
    write_dr6(0);
    sys_kernel(&c, (uintptr_t)go);
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 3 17.3.1.5",
              c.vector == V_DB && c.ip == t2.eip && (c.dr6 & 0xe00f) == 0x8000,
              "T bit: vector %lu at %lx, DR6 %lx", c.vector, c.ip, c.dr6);
    check(task_register() == S_T2, "T bit: in the new task");

    /* Local breakpoints end with the task, global ones do not. */
    fresh();
    write_dr0(0x1000);
    write_dr7(0x7ff);
    sys_kernel(&c, (uintptr_t)go);
    sys_go(&c);
    check((read_dr7() & 0x6ff) == 0x6aa, "DR7 after a switch: %lx", read_dr7());
    write_dr7(0x400);

    /* The new LDT serves the new task's segments. */
    fresh();
    t2.ldt = S_LDT;
    t2.ds = 0x0f;
    sys_kernel(&c, (uintptr_t)go);
    sys_go(&c);
    check(c.vector == DONE && c.ds == 0x0f, "segments from the new LDT: vector %lu error %lx",
          c.vector, c.error);
}

/* A virtual-8086 task. */
static void v86_task(void)
{
    static const uint8_t code[] = {0xcd, DONE};
    uint8_t *low = (uint8_t *)(uintptr_t)0x9000;
    struct context c;

    __asm__("" : "+r"(low));
    memcpy(low, code, sizeof code);
    fresh();
    t2.eflags = FL_FIXED | FL_VM | FL_IOPL3;
    t2.cs = 0x0900;
    t2.eip = 0;
    t2.ss = 0x0800;
    t2.r[RSP] = 0xf00;
    t2.ds = 0xffff;
    t2.es = 0x1234;
    sys_kernel(&c, (uintptr_t)go);
    sys_go(&c);
    check(c.vector == DONE && (c.flags & FL_VM) && c.cs == 0x0900 && c.ip == 2 && c.ds == 0xffff &&
              c.es == 0x1234 && c.ss == 0x0800 && c.r[RSP] == 0xf00,
          "virtual-8086 task: vector %lu error %lx at %lx:%lx", c.vector, c.error, c.cs, c.ip);
}

/* CR3 of the new task, and page faults at the TSS itself. */
static uint32_t directory[2][1024] __attribute__((aligned(4096)));
static uint32_t table[1024] __attribute__((aligned(4096)));

static void paging(void)
{
    static uint32_t *const window = (uint32_t *)(uintptr_t)0x40000000;
    static uint32_t seen[2][1024] __attribute__((aligned(4096)));
    struct context c;

    for (unsigned i = 0; i < 1024; i++)
        directory[0][i] = directory[1][i] = i << 22 | 0x83;
    for (unsigned d = 0; d < 2; d++) {
        seen[d][0] = 0xd0 + d;
        directory[d][256] = (uintptr_t)table | 3;
    }
    table[0] = (uintptr_t)seen[0] | 3;
    static uint32_t table1[1024] __attribute__((aligned(4096)));
    table1[0] = (uintptr_t)seen[1] | 3;
    directory[1][256] = (uintptr_t)table1 | 3;
    write_cr4(read_cr4() | CR4_PSE);
    write_cr3((uintptr_t)directory[0]);
    write_cr0(read_cr0() | CR0_PG);
    fresh();
    t2.cr3 = (uintptr_t)directory[1];
    t2.eip = (uintptr_t)reads;
    check(*(volatile uint32_t *)window == 0xd0, "the window of the first task");
    sys_kernel(&c, (uintptr_t)go);
    sys_go(&c);
    check(c.vector == DONE && c.r[RAX] == 0xd1 && read_cr3() == (uintptr_t)directory[1],
          "CR3 of the new task: %lx, read %lx", read_cr3(), c.r[RAX]);
    write_cr3((uintptr_t)directory[0]);

    /* The TSS lies in a page that is not there: nothing has happened. */
    fresh();
    for (unsigned v = V_TS; v <= V_PF; v++)
        sys_set_gate(v, K_CODE, sys_stub(v), 0x8e, 0);
    table[1] = 0;
    sys_gdt[GDT_SLOT(S_T2)] = sys_segment(0x40001000 - 0x34, 0x67, 0x89, 0);
    memcpy((uint8_t *)seen[0] + 4096 - 0x34, &t2, 0x34);
    sys_kernel(&c, (uintptr_t)go);
    sys_go(&c);
    check(c.vector == V_PF && c.ip == (uintptr_t)go && (c.cr2 & ~0xfffu) == 0x40001000 &&
              !(c.error & 5),
          "TSS not there: vector %lu error %lx cr2 %lx at %lx", c.vector, c.error, c.cr2, c.ip);
    check(task_register() == K_TSS && access_byte(S_T2) == 0x89 && access_byte(K_TSS) == 0x8b,
          "TSS not there: still the old task: TR %x, %x", task_register(), access_byte(S_T2));
    write_cr0(read_cr0() & ~(word)CR0_PG);
}

void system_main(void)
{
    kinds();
    there_and_back();
    sixteen_bit();
    bad_selectors();
    bad_tss();
    bad_links();
    exceptions();
    v86_task();
    paging();
    report("task32");
}
