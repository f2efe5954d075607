/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: the state each leaves (instruction pointer, RF, error code, nothing changed), faults while another is delivered and
 * what becomes of both (Intel SDM vol. 3 §6.15, table 6-5: benign, contributory, page faults, double fault), the EXT bit,
 * which of two exceptions comes (§6.9), device-not-available and alignment check, faults in the middle of string
 * instructions and across pages.
 */
#include "tests/system/kit/machine64.h"

#define NOWHERE 0x8000000000ul /* PML4 entry 1: nothing there */

/* --- First exceptions ----------------------------------------------------------------------------------- */

CODE(e_de, "xor %ecx, %ecx\n e_de_at: div %ecx\n int $0x30");
CODE(e_ud, "e_ud_at: ud2\n int $0x30");
CODE(e_gp,
     "mov $0x28, %ecx\n lea -1(%rcx), %ecx\n shl $60, %rcx\n e_gp_at: mov (%rcx), %al\n int $0x30");
CODE(e_np, "mov $0x50, %ecx\n e_np_at: mov %ecx, %fs\n int $0x30");
CODE(e_ss, "mov %rsp, %rbx\n mov $1, %ebp\n shl $60, %rbp\n e_ss_at: mov (%rbp), %al\n int $0x30");
CODE(e_pf, "e_pf_at: movabs 0x8000000000, %al\n int $0x30");
CODE(e_nm, "e_nm_at: fld1\n int $0x30");
CODE(e_int, "e_int_at: int $0x61\n int $0x30");
CODE(e_bp, "e_bp_at: int3\n int $0x30");
extern const uint8_t e_de_at[], e_ud_at[], e_gp_at[], e_np_at[], e_ss_at[], e_pf_at[], e_nm_at[],
    e_int_at[], e_bp_at[];

enum class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static const struct first {
    const uint8_t *code, *at;
    const char *name;
    unsigned vector;
    bool has_error;
    unsigned error;
    enum class class;
    bool software;   /* INT n, INT3: EXT is 0, and so is RF */
    unsigned length; /* of a trap: the address pushed is behind the instruction */
} firsts[] = {
    {e_de, e_de_at, "#DE", V_DE, false, 0, CONTRIBUTORY, false, 0},
    {e_ud, e_ud_at, "#UD", V_UD, false, 0, BENIGN, false, 0},
    {e_gp, e_gp_at, "#GP", V_GP, true, 0, CONTRIBUTORY, false, 0},
    {e_np, e_np_at, "#NP", V_NP, true, 0x50, CONTRIBUTORY, false, 0},
    {e_ss, e_ss_at, "#SS", V_SS, true, 0, CONTRIBUTORY, false, 0},
    {e_pf, e_pf_at, "#PF", V_PF, true, 0, PAGE_FAULT, false, 0},
    {e_nm, e_nm_at, "#NM", V_NM, false, 0, BENIGN, false, 0},
    {e_int, e_int_at, "INT", 0x61, false, 0, BENIGN, true, 2},
    {e_bp, e_bp_at, "INT3", V_BP, false, 0, BENIGN, true, 1},
};

/* --- Seconds: what is wrong with the first one's gate --------------------------------------------------- */

enum second {
    GOOD,
    ABSENT_GATE,
    BAD_TYPE,
    NULL_CS,
    BAD_CS,
    ABSENT_CS,
    BAD_IST,
    IST_NOT_THERE,
    TARGET_NOT_THERE,
    SECONDS
};
static const char *const second_name[] = {"a good gate",
                                          "an absent gate",
                                          "a bad type",
                                          "a null selector",
                                          "a data segment",
                                          "an absent segment",
                                          "an IST that is not canonical",
                                          "an IST that is not there",
                                          "a handler that is not there"};
enum { SEL_ABSENT_CODE = 0x58 };

static void spoil(unsigned vector, enum second how)
{
    word to = sys_stub(vector);

    sys_set_gate(vector, K_CODE64, to, 0xee, 0);
    switch (how) {
    case ABSENT_GATE: sys_set_gate(vector, K_CODE64, to, 0x6e, 0); break;
    case BAD_TYPE: sys_set_gate(vector, K_CODE64, to, 0xec, 0); break;
    case NULL_CS: sys_set_gate(vector, 0, to, 0xee, 0); break;
    case BAD_CS: sys_set_gate(vector, K_DATA, to, 0xee, 0); break;
    case ABSENT_CS: sys_set_gate(vector, SEL_ABSENT_CODE, to, 0xee, 0); break;
    case BAD_IST: sys_set_gate(vector, K_CODE64, to, 0xee, 6); break;
    case IST_NOT_THERE: sys_set_gate(vector, K_CODE64, to, 0xee, 7); break;
    case TARGET_NOT_THERE: sys_set_gate(vector, K_CODE64, NOWHERE + 0x123, 0xee, 0); break;
    default: break;
    }
}

/* The exception that the spoiled gate leads to. */
static unsigned second_vector(enum second how, unsigned vector, bool software, unsigned *error)
{
    unsigned ext = software ? 0 : 1;

    switch (how) {
    case ABSENT_GATE: *error = vector * 8 + 2 + ext; return V_NP;
    case BAD_TYPE: *error = vector * 8 + 2 + ext; return V_GP;
    case NULL_CS: *error = ext; return V_GP;
    case BAD_CS: *error = K_DATA + ext; return V_GP;
    case ABSENT_CS: *error = SEL_ABSENT_CODE + ext; return V_NP;
    case BAD_IST: *error = ext; return V_SS;
    case IST_NOT_THERE: *error = 2; return V_PF;
    default: *error = 0; return 0;
    }
}

static void try_pair(const struct first *f, enum second how, unsigned user)
{
    unsigned error = f->error, vector = f->vector, second;
    word at = (uintptr_t)f->at, cr2 = f->vector == V_PF ? NOWHERE : 0;
    struct context c;
    bool good, doubled = false, own = true;

    for (unsigned v = V_TS; v <= V_PF; v++)
        sys_set_gate(v, K_CODE64, sys_stub(v), 0xee, 1);
    spoil(f->vector, how);
    second = second_vector(how, f->vector, f->software, &error);
    if (how == GOOD) {
        error = f->error;
    } else if (second) {
        bool contributory = second != V_PF;

        if (f->vector ==
            second) /* it would meet its own spoiled gate: the third makes it a double fault too */
            doubled = true;
        doubled |= (f->class == CONTRIBUTORY && contributory) || f->class == PAGE_FAULT;
        vector = doubled ? V_DF : second;
        error = doubled ? 0 : error;
        own = false;
        if (second == V_PF)
            cr2 = NOWHERE + 0x1000 - 8;
    } else { /* the handler is entered, and its first instruction fails */
        vector = V_PF;
        error = 16;
        at = cr2 = NOWHERE + 0x123;
    }
    if (f->vector == V_PF && f->error == 0 && how == GOOD)
        error = user ? 4 : 0;
    (user ? sys_user : sys_kernel)(&c, (uintptr_t)f->code);
    if (user && at == (uintptr_t)f->at)
        at += USER_ALIAS;
    /* What the delivery of INT meets is its own fault: RIP is the instruction's. */
    if (own && how == GOOD)
        at += f->length;
    write_cr2(0);
    if (f->vector == V_NM)
        write_cr0(read_cr0() | CR0_TS);
    sys_go(&c);
    write_cr0(read_cr0() & ~(word)CR0_TS);
    good = c.vector == vector && c.error == error && c.ip == at && (vector == V_DF || c.cr2 == cr2);
    if (how != TARGET_NOT_THERE)
        good &= !(c.flags & FL_RF) == (f->software && own);
    /* TCG: 16 bytes an entry in error codes, EXT never, RF not for all. */
    check_but(ON_TCG, "SDM vol. 3 6.13, 6.15, 17.3.1.1", good,
              "%s at CPL %u, %s: vector %lu error %lx at %lx cr2 %lx flags %lx, expected %u %x at "
              "%lx cr2 %lx",
              f->name, user * 3, second_name[how], c.vector, c.error, c.ip, c.cr2, c.flags, vector,
              error, at, cr2);
    spoil(f->vector, GOOD);
}

static void pairs(void)
{
    sys_gdt[GDT_SLOT(K_FREE)] = sys_segment(0, 0xfffff, 0x73, 0xc); /* 0x50: absent data */
    sys_gdt[GDT_SLOT(SEL_ABSENT_CODE)] = sys_segment(0, 0xfffff, 0x1b, 0xa);
    tss_set_ist(6, 0x0000900000000000);
    tss_set_ist(7, NOWHERE + 0x1000);
    for (unsigned i = 0; i < sizeof firsts / sizeof *firsts; i++)
        for (unsigned how = 0; how < SECONDS; how++)
            for (unsigned user = 0;
                 user < 2 && !(how == TARGET_NOT_THERE && firsts[i].vector == V_PF); user++)
                try_pair(&firsts[i], how, user);
}

/* --- Strings and pages ---------------------------------------------------------------------------------- */

static uint64_t pdpt[512] __attribute__((aligned(4096)));
static uint64_t pd[512] __attribute__((aligned(4096)));
static uint64_t pt[512] __attribute__((aligned(4096)));
static uint8_t pages[2][4096] __attribute__((aligned(4096)));
#define VA TEST_LOW

CODE(rep_movsb, "rep movsb\n int $0x30");
CODE(rep_stosq, "rep stosq\n int $0x30");
CODE(rep_lodsw, "rep lodsw\n int $0x30");
CODE(rep_scas, "repne scasb\n int $0x30");
CODE(rep_cmps, "repe cmpsl\n int $0x30");
CODE(rep_movs_down, "std\n rep movsl\n int $0x30");

static void strings(void)
{
    static const struct {
        const uint8_t *code;
        const char *name;
        unsigned size;
        bool from, to, writes;
    } cases[] = {
        {rep_movsb, "REP MOVSB", 1, true, true, true},
        {rep_stosq, "REP STOSQ", 8, false, true, true},
        {rep_lodsw, "REP LODSW", 2, true, false, false},
        {rep_scas, "REPNE SCASB", 1, false, true, false},
        {rep_cmps, "REPE CMPSD", 4, true, true, false},
    };
    struct context c;

    sys_pml4[1] = (uintptr_t)pdpt | 7;
    pdpt[0] = (uintptr_t)pd | 7;
    pd[0] = (uintptr_t)pt | 7;
    pt[0] = (uintptr_t)pages[0] | 7; /* the page behind it is not there */
    write_cr3(read_cr3());
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned left = 0; left < 40; left++)
            for (unsigned which = 0; which < 2; which++) {
                unsigned size = cases[i].size, done = left / size;
                word inside = (uintptr_t)pages[1], at = VA + 4096 - left;

                if (!(which ? cases[i].from : cases[i].to))
                    continue;
                memset(pages, 0, sizeof pages);
                sys_kernel(&c, (uintptr_t)cases[i].code);
                c.r[RSI] = which ? at : inside;
                c.r[RDI] = which ? inside : at;
                c.r[RCX] = 100;
                c.r[RAX] = 1;
                sys_go(&c);
                check(c.vector == V_PF && c.ip == (uintptr_t)cases[i].code && c.cr2 == VA + 4096 &&
                          c.r[RCX] == 100 - done,
                      "%s, %u bytes to the end: vector %lu at %lx cr2 %lx RCX %lx", cases[i].name,
                      left, c.vector, c.ip, c.cr2, c.r[RCX]);
                check(c.r[RSI] == (which ? at : inside) + (cases[i].from ? done * size : 0) &&
                          c.r[RDI] == (which ? inside : at) + (cases[i].to ? done * size : 0),
                      "%s, %u bytes to the end: RSI %lx RDI %lx", cases[i].name, left, c.r[RSI],
                      c.r[RDI]);
                check_but(ON_TCG, "SDM vol. 3 17.3.1.1", c.flags & FL_RF,
                          "%s: RF in the frame: %lx", cases[i].name, c.flags);
                check((c.error & 2) == (!which && cases[i].writes ? 2 : 0), "%s: error %lx",
                      cases[i].name, c.error);
            }
}

/* Instructions whose bytes end in a page that is not there: #PF at the page, with nothing done; one that ends before it runs.
 * 15 bytes are the longest (SDM vol. 3 §6.15, #GP). */
static void fetches(void)
{
    static const uint8_t add[] = {0x48, 0x81, 0xc0, 0x11,
                                  0x22, 0x33, 0x44}; /* add $0x44332211, %rax */
    struct context c;

    for (unsigned in = 1; in < sizeof add; in++) {
        memcpy(&pages[0][4096 - in], add, in);
        sys_kernel(&c, VA + 4096 - in);
        c.r[RAX] = 5;
        sys_go(&c);
        check(c.vector == V_PF && c.ip == VA + 4096 - in && c.cr2 == VA + 4096 && c.r[RAX] == 5 &&
                  (c.error & ~16ul) == 0,
              "%u bytes of an instruction: vector %lu at %lx cr2 %lx error %lx", in, c.vector, c.ip,
              c.cr2, c.error);
    }
    memcpy(&pages[0][4096 - sizeof add], add, sizeof add);
    sys_kernel(&c, VA + 4096 - sizeof add);
    sys_go(&c);
    check(c.vector == V_PF && c.ip == VA + 4096 && c.r[RAX] == 0x44332211,
          "all of it: vector %lu at %lx", c.vector, c.ip);
    for (unsigned prefixes = 0; prefixes < 20; prefixes++) {
        memset(pages[0], 0x66, 64);
        pages[0][prefixes] = 0x90;
        pages[0][prefixes + 1] = 0xcd;
        pages[0][prefixes + 2] = DONE;
        sys_kernel(&c, VA);
        sys_go(&c);
        check(c.vector == (word)(prefixes > 14 ? V_GP : DONE) && c.error == 0 &&
                  c.ip == VA + (prefixes > 14 ? 0 : prefixes + 3),
              "%u prefixes: vector %lu error %lx at %lx", prefixes, c.vector, c.error, c.ip);
    }
}

/* --- #NM, #UD and CR0 ----------------------------------------------------------------------------------- */

CODE(n_x87, "fnop\n int $0x30");
CODE(n_wait, "fwait\n int $0x30");
CODE(n_sse, "xorps %xmm0, %xmm0\n int $0x30");
CODE(n_mmx, "pxor %mm0, %mm0\n emms\n int $0x30");
CODE(n_fxsave, "fxsave (%rdi)\n int $0x30");
CODE(n_ldmxcsr, "stmxcsr (%rdi)\n int $0x30");
CODE(n_fninit, "fninit\n int $0x30");
CODE(n_prefetch, "prefetchnta (%rdi)\n sfence\n int $0x30");

/* SDM vol. 3 table 2-2 (x87), §13.1.2 and §13.3 (SSE): EM, MP, TS, CR4.OSFXSR. */
static void not_available(void)
{
    enum { X87, WAIT, MMX, SSE, FXSAVE, FREE };
    static const struct {
        const uint8_t *code;
        const char *name;
        unsigned kind;
    } cases[] = {{n_x87, "FNOP", X87},         {n_wait, "WAIT", WAIT},
                 {n_sse, "XORPS", SSE},        {n_mmx, "PXOR", MMX},
                 {n_fxsave, "FXSAVE", FXSAVE}, {n_ldmxcsr, "STMXCSR", SSE},
                 {n_fninit, "FNINIT", X87},    {n_prefetch, "PREFETCH", FREE}};
    word cr0 = read_cr0(), cr4 = read_cr4();

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned set = 0; set < 16; set++) {
            bool em = set & 1, mp = set & 2, ts = set & 4, os = set & 8;
            word want = DONE;
            struct context c;

            switch (cases[i].kind) {
            case X87: want = em || ts ? V_NM : DONE; break;
            case WAIT: want = mp && ts ? V_NM : DONE; break;
            case MMX: want = em ? V_UD : ts ? V_NM : DONE; break;
            case SSE: want = em || !os ? V_UD : ts ? V_NM : DONE; break;
            case FXSAVE: want = em || ts ? V_NM : DONE; break;
            }
            sys_kernel(&c, (uintptr_t)cases[i].code);
            c.r[RDI] = ((uintptr_t)pages[1] + 63) & ~63ul;
            write_cr4(os ? cr4 | 0x200 : cr4 & ~(word)0x200);
            write_cr0((cr0 & ~(word)(CR0_EM | CR0_MP | CR0_TS)) | (em ? CR0_EM : 0) |
                      (mp ? CR0_MP : 0) | (ts ? CR0_TS : 0));
            sys_go(&c);
            write_cr0(cr0);
            write_cr4(cr4);
            check_but(em && ts ? ON_TCG : 0, "SDM vol. 3 tables 12-1, 13-1 (EM before TS)",
                      c.vector == want, "%s, EM %u MP %u TS %u OSFXSR %u: vector %lu, expected %lu",
                      cases[i].name, em, mp, ts, os, c.vector, want);
        }
}

/* --- Alignment ------------------------------------------------------------------------------------------ */

CODE(a_r2, "mov (%rdi), %ax\n int $0x30");
CODE(a_r4, "mov (%rdi), %eax\n int $0x30");
CODE(a_r8, "mov (%rdi), %rax\n int $0x30");
CODE(a_w8, "mov %rax, (%rdi)\n int $0x30");
CODE(a_add4, "add %eax, (%rdi)\n int $0x30");
CODE(a_push, "lea 64(%rdi), %rsp\n push %rax\n int $0x30");
CODE(a_fld4, "flds (%rdi)\n fstp %st(0)\n int $0x30");
CODE(a_fld8, "fldl (%rdi)\n fstp %st(0)\n int $0x30");
CODE(a_movs, "movsl\n int $0x30");
CODE(a_cx8, "lock cmpxchg8b (%rdi)\n int $0x30");
CODE(a_r1, "mov (%rdi), %al\n int $0x30");
CODE(a_bt, "bt %eax, (%rdi)\n int $0x30");
CODE(a_movq, "movq (%rdi), %xmm0\n int $0x30");
CODE(a_movd, "movd (%rdi), %xmm0\n int $0x30");

/* #AC at CPL 3 with CR0.AM and EFLAGS.AC (SDM vol. 3 §6.15, table 6-7), nowhere else. */
static void alignment(void)
{
    static const struct {
        const uint8_t *code;
        const char *name;
        unsigned align;
    } cases[] = {
        {a_r1, "read of 1", 1}, {a_r2, "read of 2", 2},  {a_r4, "read of 4", 4},
        {a_r8, "read of 8", 8}, {a_w8, "write of 8", 8}, {a_add4, "ADD of 4", 4},
        {a_push, "PUSH", 8},    {a_fld4, "FLD of 4", 4}, {a_fld8, "FLD of 8", 8},
        {a_movs, "MOVSD", 4},   {a_cx8, "CMPXCHG8B", 8}, {a_bt, "BT of 4", 4},
        {a_movq, "MOVQ", 8},    {a_movd, "MOVD", 4},
    };
    word cr0 = read_cr0();

    __asm__ volatile("fninit");
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned set = 0; set < 8; set++)
            for (unsigned offset = 0; offset < 9; offset++) {
                bool am = set & 1, ac = set & 2, user = set & 4,
                     fails = am && ac && user && offset % cases[i].align;
                word base = (uintptr_t)pages[1] + 64 + (user ? USER_ALIAS : 0);
                struct context c;

                memset(pages, 0, sizeof pages);
                (user ? sys_user : sys_kernel)(&c, (uintptr_t)cases[i].code);
                c.r[RDI] = c.r[RSI] = base + offset;
                if (cases[i].code == a_movs)
                    c.r[RSI] = base + 64;
                if (ac)
                    c.flags |= FL_AC;
                write_cr0(am ? cr0 | CR0_AM : cr0 & ~(word)CR0_AM);
                sys_go(&c);
                write_cr0(cr0);
                check_but(ON_TCG, "SDM vol. 3 6.15 (#AC)",
                          c.vector == (word)(fails ? V_AC : DONE) && c.error == 0,
                          "%s at +%u, AM %u AC %u CPL %u: vector %lu error %lx", cases[i].name,
                          offset, am, ac, user * 3, c.vector, c.error);
            }
}

void system_main(void)
{
    pairs();
    strings();
    fetches();
    not_available();
    alignment();
    report("exceptions");
}
