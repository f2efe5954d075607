/* SPDX-License-Identifier: MIT */
/*
 * Real mode: events through the vector table (its base and limit, what is pushed, which flags are cleared, a double fault), limits of
 * 64 KiB for every kind of access, segments and stack that wrap or fault, IRET and far transfers of both operand sizes,
 * flags, instructions that are not there, segments that keep a limit of 4 GiB from protected mode.
 *
 * real_go() leaves protected mode, loads a register state and comes back with the next event (INT DONE or another) and what it
 * pushed. A push that does not fit is not tried: its #SS has no room either, which is a shutdown (SDM vol. 2 PUSH).
 * Intel SDM vol. 3 §20.1, §9.9; vol. 2 INT n, IRET, PUSH, CALL, POPF.
 */
#include "tests/system/kit/machine32.h"

#define CODE_AT 0x9000 /* real_code, CS 0900 */
#define CS16 (CODE_AT >> 4)
#define TEST_SEG 0x2000 /* the code of the case: 64 KiB of its own */
#define STACK_SEG 0x3000
#define STACK_SP 0x1000
#define DATA_SEG 0x4000
#define IVT_AT 0x6000
#define K_CODE16 (K_FREE + 0)
#define K_DATA16 (K_FREE + 8)
#define VECTORS (DONE + 1)
#define STUB_BYTES 9

/* Shared with real_code, which knows it by its offsets. */
struct real {
    uint32_t r[8];     /* 0x00: EAX ECX EDX EBX ESP EBP ESI EDI */
    uint16_t ip, cs;   /* 0x20 */
    uint32_t flags;    /* 0x24 */
    uint16_t sp_, ss;  /* 0x28: SP again: what LSS loads is r[4] and this SS */
    uint16_t ds, es;   /* 0x2c */
    uint16_t fs, gs;   /* 0x30 */
    uint16_t limits;   /* 0x34: selector that is in the data segments when PE is cleared */
    uint16_t vector;   /* 0x36: what came */
    uint32_t in_flags; /* 0x38: flags of the handler */
    uint16_t idt_limit;
    uint32_t idt_base; /* 0x3c, 0x3e */
    uint8_t saved_idt[6];
    uint32_t saved_sp; /* 0x48 */
} __attribute__((packed));

/* STATE is where it lies in the code segment; 48 stubs of 9 bytes from STUBS on. */
#define STATE "0xe00"
#define STUBS 0x200

extern const uint8_t real_code[], real_code_end[];
__asm__(".pushsection .text\n"
        "real_code:\n" /* at 0900:0000, called from 32-bit code */
        " pushal\n"
        " mov %esp, 0x9e48\n"
        " sidt 0x9e42\n"
        " lidt 0x9e3c\n"
        " ljmp $0x30, $(1f - real_code)\n"
        " .code16\n"
        "1: mov %cs:" STATE "+0x34, %ax\n"
        " mov %ax, %ds\n mov %ax, %es\n mov %ax, %fs\n mov %ax, %gs\n"
        " mov $0x38, %ax\n mov %ax, %ss\n"
        " mov %cr0, %eax\n and $0xfe, %al\n mov %eax, %cr0\n"
        " ljmp $0x0900, $(2f - real_code)\n"
        "2: mov $0x0900, %ax\n mov %ax, %ss\n mov $0xdf0, %sp\n"
        " pushl %cs:" STATE "+0x24\n"
        " mov %cs:" STATE "+0x2c, %ds\n mov %cs:" STATE "+0x2e, %es\n"
        " mov %cs:" STATE "+0x30, %fs\n mov %cs:" STATE "+0x32, %gs\n"
        " mov %cs:" STATE "+0x00, %eax\n mov %cs:" STATE "+0x04, %ecx\n"
        " mov %cs:" STATE "+0x08, %edx\n mov %cs:" STATE "+0x0c, %ebx\n"
        " mov %cs:" STATE "+0x14, %ebp\n mov %cs:" STATE "+0x18, %esi\n"
        " mov %cs:" STATE "+0x1c, %edi\n"
        " popfl\n"
        " mov %cs:" STATE "+0x2a, %ss\n mov %cs:" STATE "+0x10, %esp\n"
        " ljmp *%cs:" STATE "+0x20\n"
        /* Back: 0100, by way of a stub that has set the vector. */
        " .org real_code + 0x100\n"
        " mov %eax, %cs:" STATE "+0x00\n mov %ecx, %cs:" STATE "+0x04\n"
        " mov %edx, %cs:" STATE "+0x08\n mov %ebx, %cs:" STATE "+0x0c\n"
        " mov %esp, %cs:" STATE "+0x10\n mov %ebp, %cs:" STATE "+0x14\n"
        " mov %esi, %cs:" STATE "+0x18\n mov %edi, %cs:" STATE "+0x1c\n"
        " mov %ss, %cs:" STATE "+0x2a\n mov %ds, %cs:" STATE "+0x2c\n"
        " mov %es, %cs:" STATE "+0x2e\n mov %fs, %cs:" STATE "+0x30\n"
        " mov %gs, %cs:" STATE "+0x32\n"
        " mov $0x0900, %ax\n mov %ax, %ss\n mov $0xdf0, %esp\n"
        " pushfl\n popl %cs:" STATE "+0x38\n pushl $2\n popfl\n"
        " mov %cr0, %eax\n or $1, %al\n mov %eax, %cr0\n"
        " ljmpl $0x08, $(0x9000 + 3f - real_code)\n"
        " .code32\n"
        "3: mov $0x10, %eax\n mov %eax, %ds\n mov %eax, %es\n mov %eax, %ss\n"
        " mov %eax, %fs\n mov %eax, %gs\n"
        " lidt 0x9e42\n mov 0x9e48, %esp\n popal\n ret\n"
        "real_code_end:\n .popsection");

static uint8_t *low(unsigned at)
{
    uint8_t *p = (uint8_t *)(uintptr_t)at;

    __asm__("" : "+r"(p)); /* an address, not an object of the program */
    return p;
}

static struct real *state(void)
{
    return (struct real *)(void *)low(CODE_AT + 0xe00);
}

static void set_up(void)
{
    memcpy(low(CODE_AT), real_code, (size_t)(real_code_end - real_code));
    for (unsigned i = 0; i < VECTORS; i++) { /* movb $i, %cs:0xe36; jmp 0x100 */
        unsigned at = STUBS + i * STUB_BYTES;
        uint16_t back = (uint16_t)(0x100 - (at + STUB_BYTES));
        const uint8_t stub[STUB_BYTES] = {
            0x2e, 0xc6, 0x06, 0x36, 0x0e, (uint8_t)i, 0xe9, (uint8_t)back, (uint8_t)(back >> 8)};

        memcpy(low(CODE_AT + at), stub, sizeof stub);
    }
    sys_gdt[GDT_SLOT(K_CODE16)] = sys_segment(CODE_AT, 0xffff, 0x9b, 0);
    sys_gdt[GDT_SLOT(K_DATA16)] = sys_segment(0, 0xffff, 0x93, 0);
}

static void set_vectors(uint32_t at)
{
    for (unsigned i = 0; i < 256; i++)
        memcpy(low(at + i * 4),
               (const uint16_t[]){(uint16_t)(STUBS + (i < VECTORS ? i : 0) * STUB_BYTES), CS16}, 4);
}

static struct real *fresh(void)
{
    struct real *s = state();

    memset(s, 0, sizeof *s);
    s->cs = TEST_SEG;
    s->ss = STACK_SEG;
    s->r[RSP] = STACK_SP;
    s->ds = s->es = s->fs = s->gs = DATA_SEG;
    s->flags = FL_FIXED;
    s->limits = K_DATA16;
    s->idt_limit = 0x3ff;
    s->idt_base = IVT_AT;
    return s;
}

static void set_code_at(unsigned ip, const uint8_t *bytes, unsigned n)
{
    memcpy(low(TEST_SEG * 16 + ip), bytes, n);
    memcpy(low(TEST_SEG * 16 + ip + n), (const uint8_t[]){0xcd, DONE}, 2);
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void real_go(void)
{
    state()->vector = 0xff;
    __asm__ volatile("call *%0" : : "r"(CODE_AT) : "memory", "cc");
}

/* What the event pushed: 0 IP, 1 CS, 2 flags. */
static unsigned pushed(unsigned i)
{
    uint16_t v;

    memcpy(&v, low(state()->ss * 16u + ((state()->r[RSP] + i * 2) & 0xffff)), 2);
    return v;
}

static bool came(unsigned vector, unsigned ip)
{
    return state()->vector == vector && pushed(0) == ip && pushed(1) == TEST_SEG;
}

/* --- Events ----------------------------------------------------------------------------------------------- */

static void events(void)
{
    static const struct {
        const char *name;
        uint8_t n, bytes[6];
        uint8_t vector, ip;
    } cases[] = {{"INT 30", 2, {0xcd, 0x30}, 0x30, 2},
                 {"INT 0", 2, {0xcd, 0}, 0, 2},
                 {"INT3", 1, {0xcc}, V_BP, 1},
                 {"INTO", 1, {0xce}, V_OF, 1},
                 {"INT1", 1, {0xf1}, V_DB, 1},
                 {"UD2", 2, {0x0f, 0x0b}, V_UD, 0},
                 {"DIV", 2, {0xf6, 0xf1}, V_DE, 0},
                 {"AAM 0", 2, {0xd4, 0}, V_DE, 0},
                 {"BOUND", 4, {0x62, 0x06, 0x00, 0x01}, V_BR, 0},
                 {"16 bytes", 6, {0x66, 0x66, 0x66, 0x66, 0x66, 0x66}, V_GP, 0}};

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned k = 0; k < 4; k++) {
            struct real *s = fresh();
            uint32_t flags = FL_FIXED | FL_CF | 0x800 | FL_IOPL3 | FL_NT | (k & 1 ? FL_IF : 0) |
                             (k & 2 ? FL_AC : 0);

            set_code_at(0, cases[i].bytes, cases[i].n);
            if (cases[i].vector == V_GP)
                memset(low(TEST_SEG * 16), 0x66, 16);
            memcpy(low(DATA_SEG * 16 + 0x100), (const uint16_t[]){5, 7}, 4);
            s->flags = flags;
            real_go();
            check_but(cases[i].bytes[0] == 0xf1 ? ON_TCG : 0, "SDM vol. 2 INT1",
                      came(cases[i].vector, cases[i].ip) && s->r[RSP] == STACK_SP - 6 &&
                          s->ss == STACK_SEG,
                      "%s: vector %x, from %x:%x", cases[i].name, s->vector, pushed(1), pushed(0));
            check_but(ON_TCG, "SDM vol. 2 INT n (16 bits of flags, whatever is in IOPL and NT)",
                      pushed(2) == (uint16_t)flags &&
                          (s->in_flags & ~FL_RF) == (flags & ~(FL_IF | FL_TF | FL_AC)),
                      "%s: flags %x, pushed %x, in the handler %x", cases[i].name, flags, pushed(2),
                      s->in_flags);
        }
}

/* The table's limit and base; #GP for what lies beyond, #DF for that. */
static void table(void)
{
    static const struct {
        uint16_t limit;
        uint8_t vector;
    } cases[] = {{DONE * 4 + 3, DONE}, {DONE * 4 + 2, V_GP}, {DONE * 4 - 1, V_GP},
                 {V_GP * 4 + 3, V_GP}, {V_GP * 4 + 2, V_DF}, {V_DF * 4 + 3, V_DF}};

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct real *s = fresh();

        set_code_at(0, BYTES(0x90));
        s->idt_limit = cases[i].limit;
        real_go();
        check(came(cases[i].vector, cases[i].vector == DONE ? 3 : 1),
              "INT 30, limit %x: vector %x from %x:%x", cases[i].limit, s->vector, pushed(1),
              pushed(0));
    }
    for (unsigned i = 0; i < 3; i++) {
        static const uint32_t bases[] = {0, 0x5008, 0x80000};
        struct real *s = fresh();

        set_code_at(0, BYTES(0x90));
        set_vectors(bases[i]);
        memset(low(IVT_AT), 0, 1024);
        s->idt_base = bases[i];
        real_go();
        set_vectors(IVT_AT);
        check(came(DONE, 3), "IDT at %x: vector %x", bases[i], s->vector);
    }
}

/* TF: a trap behind each instruction, not behind INT; MOV SS and POP SS hold it off. */
static void stepping(void)
{
    static const struct {
        const char *name;
        uint8_t n, bytes[6];
        uint8_t vector, ip;
    } cases[] = {{"NOP", 1, {0x90}, V_DB, 1},
                 {"MOV SS", 3, {0x8e, 0xd3, 0x90}, V_DB, 3},
                 {"POP SS", 2, {0x17, 0x90}, V_DB, 2},
                 {"INT", 2, {0xcd, 0x2f}, 0x2f, 2}};

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct real *s = fresh();

        set_code_at(0, BYTES(0x9d)); /* POPF sets TF: the trap is behind the next */
        set_code_at(1, cases[i].bytes, cases[i].n);
        memcpy(low(STACK_SEG * 16 + STACK_SP), (const uint16_t[]){FL_FIXED | FL_TF, STACK_SEG}, 4);
        s->r[RBX] = STACK_SEG;
        real_go();
        check(came(cases[i].vector, 1u + cases[i].ip) && (pushed(2) & FL_TF) &&
                  !(s->in_flags & FL_TF),
              "TF, %s: vector %x at %x", cases[i].name, s->vector, pushed(0));
    }
}

/* --- Limits ----------------------------------------------------------------------------------------------- */

static void data_limits(void)
{
    static const struct {
        const char *name;
        uint8_t n, bytes[6];
        uint8_t size;
        bool stack;
    } cases[] = {{"MOV AL", 3, {0x8a, 0x07, 0x90}, 1, false},
                 {"MOV AX", 3, {0x8b, 0x07, 0x90}, 2, false},
                 {"MOV EAX", 3, {0x66, 0x8b, 0x07}, 4, false},
                 {"MOV to memory", 3, {0x66, 0x89, 0x07}, 4, false},
                 {"ADD to memory", 3, {0x66, 0x01, 0x07}, 4, false},
                 {"MOV ES:", 4, {0x26, 0x66, 0x8b, 0x07}, 4, false},
                 {"MOV SS:", 4, {0x36, 0x66, 0x8b, 0x07}, 4, true},
                 {"MOV GS:", 4, {0x65, 0x66, 0x8b, 0x07}, 4, false},
                 {"LES", 2, {0xc4, 0x07}, 4, false},
                 {"FLD", 2, {0xdb, 0x2f}, 10, false},
                 {"CMPXCHG8B", 3, {0x0f, 0xc7, 0x0f}, 8, false}};

    memset(low(DATA_SEG * 16 + 0xfff0), 0, 16);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned at = 0xfff4; at <= 0xffff; at++) {
            struct real *s = fresh();
            bool fits = at + cases[i].size <= 0x10000;

            set_code_at(0, cases[i].bytes, cases[i].n);
            s->r[RBX] = at;
            real_go();
            check_but(ON_TCG, "SDM vol. 3 5.3",
                      fits ? came(DONE, cases[i].n + 2u) : came(cases[i].stack ? V_SS : V_GP, 0),
                      "%s at %x: vector %x at %x", cases[i].name, at, s->vector, pushed(0));
        }
    /* 32-bit addresses: beyond 64 KiB, wherever that is. */
    for (unsigned i = 0; i < 4; i++) {
        static const uint32_t where[] = {0x10000, 0x12345678, 0x80000000, 0xfffffffc};
        struct real *s = fresh();

        set_code_at(0, BYTES(0x67, 0x66, 0x8b, 0x07)); /* mov (%edi), %eax */
        s->r[RDI] = where[i];
        real_go();
        check_but(ON_TCG, "SDM vol. 3 5.3", came(V_GP, 0), "MOV at %x: vector %x", where[i],
                  s->vector);
    }
}

/* An instruction may end at FFFF; one that lies across, or begins behind it, is #GP. */
static void code_limits(void)
{
    struct real *s;

    for (unsigned at = 0xfffb; at <= 0xffff; at++) {
        s = fresh();
        memset(low(TEST_SEG * 16 + 0xfff0), 0x90, 16);
        memcpy(low(TEST_SEG * 16 + at), (const uint8_t[]){0x66, 0xb8, 1, 2, 3, 4}, 6);
        for (unsigned i = 0; i < 2;
             i++) { /* for a judge who goes on, within the segment or beyond */
            memset(low(TEST_SEG * 16 + i * 0x10000 + (at + 6 - 0x10000)), 0x90, 16);
            memcpy(low(TEST_SEG * 16 + i * 0x10000 + 16), (const uint8_t[]){0xcd, DONE}, 2);
        }
        s->ip = (uint16_t)at;
        real_go();
        check_but(ON_TCG, "SDM vol. 3 5.3", came(V_GP, at), "MOV of 6 bytes at %x: vector %x at %x",
                  at, s->vector, pushed(0));
    }
    s = fresh();
    memset(low(TEST_SEG * 16 + 0xfff0), 0x90, 16);
    memcpy(low(TEST_SEG * 16 + 0xfffe), (const uint8_t[]){0xcd, DONE}, 2);
    s->ip = 0xfff0;
    real_go();
    check(state()->vector == DONE && pushed(0) == 0, "INT that ends at FFFF: vector %x, %x",
          s->vector, pushed(0));
    s = fresh();
    memset(low(TEST_SEG * 16 + 0xfff0), 0x90, 16);
    memcpy(low(TEST_SEG * 16 + 0xfffe), (const uint8_t[]){0xeb, 0x10}, 2); /* jmp .+0x12: wraps */
    set_code_at(0x10, BYTES(0x90));
    s->ip = 0xfff0;
    real_go();
    check(came(DONE, 0x13), "a short jump wraps within 64 KiB: vector %x at %x", s->vector,
          pushed(0));
}

static void stack_limits(void)
{
    for (unsigned sp = 0; sp < 0x10000; sp += sp == 8 ? 0xfff0 : 2) {
        struct real *s = fresh();

        set_code_at(0, BYTES(0x50));
        s->r[RSP] = sp | 0x12340000;
        real_go();
        check(came(DONE, 3) && s->r[RSP] == (((sp - 8) & 0xffff) | 0x12340000),
              "PUSH at SP %x: vector %x, ESP %x", sp, s->vector, s->r[RSP]);
        s = fresh();
        set_code_at(0, BYTES(0x58));
        s->r[RSP] = sp;
        real_go();
        check(came(DONE, 3) && s->r[RSP] == ((sp + 2 - 6) & 0xffff),
              "POP at SP %x: vector %x, SP %x", sp, s->vector, s->r[RSP]);
    }
    for (unsigned wide = 0; wide < 2; wide++)
        for (unsigned sp = 0xfffd; sp <= 0xffff; sp++) { /* the operand lies across FFFF */
            struct real *s = fresh();
            bool fits = !wide && sp < 0xffff;

            set_code_at(0, wide ? (const uint8_t[]){0x66, 0x58} : (const uint8_t[]){0x58, 0x90}, 2);
            s->r[RSP] = sp;
            real_go();
            check_but(ON_TCG, "SDM vol. 3 5.3", fits ? s->vector == DONE : came(V_SS, 0),
                      "POP of %u bytes at SP %x: vector %x", wide ? 4 : 2, sp, s->vector);
        }
}

/* --- Far transfers ------------------------------------------------------------------------------------------ */

static void transfers(void)
{
    static const struct {
        const char *name;
        uint8_t n, bytes[8];
        int sp;       /* behind it */
        uint8_t wide; /* what it takes from the stack */
        bool beyond;  /* its offset is 1 0040 */
    } cases[] = {{"far JMP", 5, {0xea, 0x40, 0, 0x10, 0x20}, 0, 0, false},
                 {"far JMP, 32 bits", 8, {0x66, 0xea, 0x40, 0, 0, 0, 0x10, 0x20}, 0, 0, false},
                 {"far JMP beyond", 8, {0x66, 0xea, 0x40, 0, 1, 0, 0x10, 0x20}, 0, 0, true},
                 {"far CALL", 5, {0x9a, 0x40, 0, 0x10, 0x20}, -4, 0, false},
                 {"far CALL, 32 bits", 8, {0x66, 0x9a, 0x40, 0, 0, 0, 0x10, 0x20}, -8, 0, false},
                 {"far CALL beyond", 8, {0x66, 0x9a, 0x40, 0, 1, 0, 0x10, 0x20}, -8, 0, true},
                 {"far RET", 1, {0xcb}, 4, 2, false},
                 {"far RET 8", 3, {0xca, 8, 0}, 12, 2, false},
                 {"far RET, 32 bits", 2, {0x66, 0xcb}, 8, 4, false},
                 {"far RET beyond", 2, {0x66, 0xcb}, 8, 4, true},
                 {"IRET", 1, {0xcf}, 6, 2, false},
                 {"IRETD", 2, {0x66, 0xcf}, 12, 4, false},
                 {"IRETD beyond", 2, {0x66, 0xcf}, 12, 4, true}};

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct real *s = fresh();
        uint32_t ip = cases[i].beyond ? 0x10040 : 0x40;
        uint8_t *stack = low(STACK_SEG * 16 + STACK_SP);
        uint32_t return_cs = 0;

        memcpy(low(0x20100 + 0x40), (const uint8_t[]){0xcd, DONE}, 2);
        set_code_at(0, cases[i].bytes, cases[i].n);
        if (cases[i].wide == 2)
            memcpy(stack, (const uint16_t[]){(uint16_t)ip, 0x2010, FL_FIXED | FL_CF}, 6);
        if (cases[i].wide == 4)
            memcpy(stack, (const uint32_t[]){ip, 0xdead2010, FL_FIXED | FL_CF}, 12);
        real_go();
        if (cases[i].beyond) {
            check_but(ON_TCG, "SDM vol. 2 JMP, CALL, RET, IRET (#GP beyond the limit)",
                      came(V_GP, 0) && s->r[RSP] == STACK_SP - 6, "%s: vector %x at %x:%x",
                      cases[i].name, s->vector, pushed(1), pushed(0));
            continue;
        }
        check(s->vector == DONE && pushed(1) == 0x2010 && pushed(0) == 0x42 &&
                  s->r[RSP] == (uint32_t)(STACK_SP + cases[i].sp - 6),
              "%s: vector %x at %x:%x, SP %x", cases[i].name, s->vector, pushed(1), pushed(0),
              s->r[RSP]);
        if (cases[i].sp < 0) {
            memcpy(&return_cs, stack + cases[i].sp / 2, cases[i].sp == -4 ? 2 : 4);
            check(return_cs == TEST_SEG && stack[cases[i].sp] == cases[i].n, "%s: pushed %x:%x",
                  cases[i].name, return_cs, stack[cases[i].sp]);
        }
    }
}

/* --- Flags -------------------------------------------------------------------------------------------------- */

/* Every bit by POPF and by IRET, of both sizes. */
static void flags(void)
{
    for (unsigned bit = 0; bit < 32; bit++)
        for (unsigned how = 0; how < 4; how++) {
            bool wide = how & 1, iret = how & 2;
            uint32_t set = 1u << bit, may = 0x7cd5u | FL_IF | (wide ? FL_AC | FL_ID : 0), want;
            struct real *s = fresh();
            uint32_t found;

            if (set == FL_TF)
                continue;
            /* popf or iret; pushfd; pop eax */
            set_code_at(0, BYTES(0x66, (uint8_t)(iret ? 0xcf : 0x9d), 0x66, 0x9c, 0x66, 0x58));
            if (!wide)
                *low(TEST_SEG * 16) = 0x90;
            if (!iret)
                memcpy(low(STACK_SEG * 16 + STACK_SP), &set, 4);
            else if (wide)
                memcpy(low(STACK_SEG * 16 + STACK_SP), (const uint32_t[]){2, TEST_SEG, set}, 12);
            else
                memcpy(low(STACK_SEG * 16 + STACK_SP),
                       (const uint16_t[]){2, TEST_SEG, (uint16_t)set}, 6);
            real_go();
            found = s->r[RAX];
            want = (set & may) | FL_FIXED;
            check_but(wide && (set & (FL_VM | FL_VIF | FL_VIP)) ? ON_TCG : 0,
                      "SDM vol. 2 IRET (257FD5), POPF", came(DONE, 8) && found == want,
                      "%s%s of %x: vector %x, flags %x, expected %x", iret ? "IRET" : "POPF",
                      wide ? "D" : "", set, s->vector, found, want);
        }
}

/* --- What is not there, and what is -------------------------------------------------------------------------- */

static void instructions(void)
{
    static const struct {
        const char *name;
        uint8_t n, bytes[5];
        uint8_t vector;
    } cases[] = {{"SLDT", 3, {0x0f, 0x00, 0xc0}, V_UD}, {"STR", 3, {0x0f, 0x00, 0xc8}, V_UD},
                 {"LLDT", 3, {0x0f, 0x00, 0xd0}, V_UD}, {"LTR", 3, {0x0f, 0x00, 0xd8}, V_UD},
                 {"VERR", 3, {0x0f, 0x00, 0xe0}, V_UD}, {"VERW", 3, {0x0f, 0x00, 0xe8}, V_UD},
                 {"LAR", 3, {0x0f, 0x02, 0xc0}, V_UD},  {"LSL", 3, {0x0f, 0x03, 0xc0}, V_UD},
                 {"ARPL", 2, {0x63, 0xc0}, V_UD},       {"SYSENTER", 2, {0x0f, 0x34}, V_GP},
                 {"SYSEXIT", 2, {0x0f, 0x35}, V_GP},    {"MOV CS", 2, {0x8e, 0xc8}, V_UD},
                 {"LOCK NOP", 2, {0xf0, 0x90}, V_UD},   {"SGDT", 5, {0x0f, 0x01, 0x06, 0, 0}, DONE},
                 {"SMSW", 3, {0x0f, 0x01, 0xe0}, DONE}, {"CLTS", 2, {0x0f, 0x06}, DONE},
                 {"RDTSC", 2, {0x0f, 0x31}, DONE},      {"CLI", 1, {0xfa}, DONE},
                 {"IN", 2, {0xe4, 0x61}, DONE},         {"MOV DS", 2, {0x8e, 0xd8}, DONE}};

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct real *s = fresh();

        set_code_at(0, cases[i].bytes, cases[i].n);
        s->r[RAX] = 0xf123; /* no selector of anything */
        real_go();
        check(came(cases[i].vector, cases[i].vector == DONE ? cases[i].n + 2u : 0),
              "%s: vector %x at %x", cases[i].name, s->vector, pushed(0));
    }
}

/* Segments loaded in protected mode keep limit and rights when their selectors are loaded here (SDM vol. 3 §9.9.2, §20.1.1). */
static void kept_limits(void)
{
    for (unsigned flat = 0; flat < 2; flat++)
        for (unsigned reload = 0; reload < 2; reload++) {
            struct real *s = fresh();

            set_code_at(0,
                        reload ? (const uint8_t[]){0x8e, 0xd9, 0x67, 0x66, 0x8b, 0x07}
                               : (const uint8_t[]){0x90, 0x90, 0x67, 0x66, 0x8b, 0x07},
                        6);
            *(volatile uint32_t *)(void *)low(0x240000) = 0x600d + reload;
            s->limits = flat ? K_DATA : K_DATA16;
            s->r[RCX] = 0x3000;
            s->r[RDI] = 0x240000 - (reload ? 0x30000 : DATA_SEG * 16);
            real_go();
            check_but(ON_TCG, "SDM vol. 3 5.3",
                      flat ? came(DONE, 8) && s->r[RAX] == 0x600d + reload : came(V_GP, 2),
                      "4 GiB in real mode %u, reloaded %u: vector %x, %x", flat, reload, s->vector,
                      s->r[RAX]);
        }
    for (unsigned i = 0; i < 2; i++) { /* FFFF:0010 is 1 MiB: no wrap */
        struct real *s = fresh();

        set_code_at(0, BYTES(0x66, 0x8b, 0x07));
        s->ds = 0xffff;
        s->r[RBX] = 0x10 + i * 4;
        real_go();
        check(came(DONE, 5) && s->r[RAX] == *(volatile uint32_t *)(void *)low(0x100000 + i * 4),
              "FFFF:%x: %x", 0x10 + i * 4, s->r[RAX]);
    }
}

void system_main(void)
{
    set_up();
    set_vectors(IVT_AT);
    events();
    table();
    stepping();
    data_limits();
    code_limits();
    stack_limits();
    transfers();
    flags();
    instructions();
    kept_limits();
    report("real32");
}
