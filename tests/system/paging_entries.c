/* SPDX-License-Identifier: MIT */
/*
 * Entries of 4-level paging, bit by bit: which are reserved, at each level and for each size of page (Intel SDM vol. 3
 * §4.5, tables 4-15 to 4-20); accessed and dirty flags (§4.8), by the program's own accesses and by those that the
 * processor makes for itself; pages of 2 MiB and 1 GiB; addresses that are not canonical (vol. 1 §3.3.7.1: #GP, and #SS for the
 * stack's).
 *
 * Accessed flags of what is only looked at ahead stay clear here: the manual would allow them, a machine that
 * is to be replayed does not.
 */
#include "tests/system/kit/machine64.h"

static uint64_t pdpt[512] __attribute__((aligned(4096)));
static uint64_t pd[512] __attribute__((aligned(4096)));
static uint64_t pt[512] __attribute__((aligned(4096)));
static uint8_t page[2][4096] __attribute__((aligned(4096)));
static unsigned address_bits;
static bool has_1g;

#define PWU (PTE_P | PTE_W | PTE_U)
#define VA TEST_LOW

extern const uint8_t code_read[], code_write[];
__asm__("code_read: mov (%rdi), %rax\n int $0x30\n"
        "code_write: mov %rax, (%rdi)\n int $0x30\n");

enum shape { SHAPE_4K, SHAPE_2M, SHAPE_1G };

/* A mapping of VA by pages of one size, the smallest to pages that exist. Returns the leaf. */
static uint64_t *map(enum shape shape)
{
    sys_pml4[1] = (uintptr_t)pdpt | PWU;
    pdpt[0] = (uintptr_t)pd | PWU;
    pd[0] = (uintptr_t)pt | PWU;
    for (unsigned i = 0; i < 2; i++)
        pt[i] = (uintptr_t)page[i] | PWU;
    if (shape == SHAPE_2M)
        pd[0] = PWU | PTE_PS;
    if (shape == SHAPE_1G)
        pdpt[0] = PWU | PTE_PS;
    write_cr3(read_cr3());
    return shape == SHAPE_4K ? &pt[0] : shape == SHAPE_2M ? &pd[0] : &pdpt[0];
}

/* --- Reserved bits --------------------------------------------------------------------------------- */

struct place {
    const char *name;
    enum shape shape;
    uint64_t *slot;
    bool leaf;
    unsigned address_low; /* lowest bit of the address field */
    unsigned ps; /* what PS means here: 0 nothing (it is PAT), 1 reserved, 2 a large page */
};

static bool is_reserved(const struct place *p, unsigned bit, bool nxe)
{
    if (bit == 63)
        return !nxe;
    if (bit >= address_bits && bit < 52)
        return true;
    if (bit == 7)
        return p->ps == 1;
    return p->leaf && p->shape != SHAPE_4K && bit > 12 && bit < p->address_low;
}

static void try_bit(const struct place *p, unsigned bit, bool nxe, unsigned how)
{
    bool user = how & 1, write = how & 2, present = bit != 0, bad = is_reserved(p, bit, nxe);
    struct context c;
    word error = (present ? 1 : 0) | (write ? 2 : 0) | (user ? 4 : 0) | (present ? 8 : 0);

    map(p->shape);
    *p->slot ^= 1ull << bit;
    if (bit == 0) /* nothing is checked in an entry that is not present */
        *p->slot |= PTE_NX | 1ull << 51;
    invlpg(VA);
    if (user)
        sys_user(&c, (uintptr_t)(write ? code_write : code_read));
    else
        sys_kernel(&c, (uintptr_t)(write ? code_write : code_read));
    c.r[RDI] = VA;
    /* Leaves with another address may show devices: only looked at where there is a fault to come. */
    if (!bad && present && bit > 8 && bit < 52 && p->leaf && bit >= p->address_low)
        return;
    sys_go(&c);
    if (bad || !present)
        check_but(present ? ON_TCG : 0, "SDM vol. 3 4.7: RSVD only if P is set",
                  c.vector == V_PF && c.error == error && c.cr2 == VA,
                  "%s bit %u, NXE %u, %s: vector %lu error %lx cr2 %lx, expected #PF %lx", p->name,
                  bit, nxe, write ? "write" : "read", c.vector, c.error, c.cr2, error);
    else if (bit == 1 || bit == 2) /* rights: elsewhere */
        return;
    else
        check(c.vector == DONE, "%s bit %u, NXE %u, %s: vector %lu error %lx, expected none",
              p->name, bit, nxe, write ? "write" : "read", c.vector, c.error);
}

static void reserved_bits(void)
{
    const struct place places[] = {
        {"PML4E", SHAPE_4K, &sys_pml4[1], false, 12, 1},
        {"PDPTE", SHAPE_4K, &pdpt[0], false, 12, 2},
        {"PDE", SHAPE_4K, &pd[0], false, 12, 2},
        {"PTE", SHAPE_4K, &pt[0], true, 12, 0},
        {"PDE of 2 MiB", SHAPE_2M, &pd[0], true, 21, 2},
        {"PDPTE of 1 GiB", SHAPE_1G, &pdpt[0], true, 30, 2},
    };
    uint64_t efer = rdmsr(MSR_EFER);

    for (unsigned nxe = 0; nxe < 2; nxe++) {
        wrmsr(MSR_EFER, nxe ? efer | EFER_NXE : efer & ~(uint64_t)EFER_NXE);
        for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
            for (unsigned bit = 0; bit < 64; bit++) {
                const struct place *p = &places[i];

                if (p->shape == SHAPE_1G && !has_1g)
                    continue;
                if ((bit == 7 && p->ps == 2) || (!p->leaf && bit >= 12 && bit < address_bits))
                    continue; /* leads elsewhere */
                for (unsigned how = 0; how < 4; how++)
                    try_bit(p, bit, nxe, how);
            }
    }
    if (!has_1g) { /* then PS is reserved in a PDPTE */
        struct place p = {"PDPTE", SHAPE_4K, &pdpt[0], false, 12, 1};

        absent("pages of 1 GiB");
        try_bit(&p, 7, true, 0);
    }
}

/* --- Accessed and dirty ------------------------------------------------------------------------------ */

#define AD(n) ((unsigned)(*(n) >> 5 & 3)) /* bit 0: A, bit 1: D */

/* Flags of PML4E, PDPTE, PDE, PTEs of both pages, two bits each, lowest first. */
static unsigned flags(void)
{
    return AD(&sys_pml4[1]) | AD(&pdpt[0]) << 2 | AD(&pd[0]) << 4 | AD(&pt[0]) << 6 |
           AD(&pt[1]) << 8;
}

#define UPPER 0x15u /* the three upper levels accessed */
#define A0 0x40u
#define D0 0x80u
#define A1 0x100u
#define D1 0x200u

extern const uint8_t ad_read[], ad_write[], ad_add[], ad_cmpxchg[], ad_cross_read[],
    ad_cross_write[], ad_skipped[], ad_none[], ad_cmov[], ad_bt[], ad_rep_none[], ad_movs[],
    ad_push[], ad_pop[], ad_call[], ad_lea[], ad_xchg[], ad_push_mem[], ad_nop[], ad_cmpsb[],
    ad_fst[], ad_int_stack[];
__asm__(
    "ad_read: mov (%rdi), %eax\n int $0x30\n"
    "ad_write: mov %eax, (%rdi)\n int $0x30\n"
    "ad_add: add %eax, (%rdi)\n int $0x30\n"
    "ad_cmpxchg: mov $-1, %eax\n cmpxchg %ecx, (%rdi)\n int $0x30\n" /* not equal: writes what was there */
    "ad_cross_read: mov 4092(%rdi), %rax\n int $0x30\n"
    "ad_cross_write: mov %rax, 4092(%rdi)\n int $0x30\n"
    "ad_skipped: xor %eax, %eax\n jz 1f\n mov %eax, (%rdi)\n 1: int $0x30\n"
    "ad_none: int $0x30\n"
    "ad_cmov: xor %eax, %eax\n cmovnz (%rdi), %eax\n int $0x30\n" /* reads, moves nothing */
    "ad_bt: bt %eax, (%rdi)\n int $0x30\n"
    "ad_rep_none: xor %ecx, %ecx\n rep stosb\n int $0x30\n"
    "ad_movs: lea 4096(%rdi), %rdi\n mov $3, %ecx\n lea -4096(%rdi), %rsi\n rep movsb\n int $0x30\n"
    "ad_push: lea 64(%rdi), %rsp\n push %rax\n mov %rbx, %rsp\n int $0x30\n"
    "ad_pop: lea 64(%rdi), %rsp\n pop %rax\n mov %rbx, %rsp\n int $0x30\n"
    "ad_call: lea 64(%rdi), %rsp\n call 1f\n 1: mov %rbx, %rsp\n int $0x30\n"
    "ad_lea: lea (%rdi), %rax\n int $0x30\n"
    "ad_xchg: xchg %eax, (%rdi)\n int $0x30\n"
    "ad_push_mem: lea 4096+64(%rdi), %rsp\n pushq (%rdi)\n mov %rbx, %rsp\n int $0x30\n"
    "ad_nop: nopl (%rdi)\n int $0x30\n"
    "ad_cmpsb: lea 4096(%rdi), %rsi\n cmpsb\n int $0x30\n"
    "ad_fst: fnstsw (%rdi)\n int $0x30\n"
    "ad_int_stack: lea 4096(%rdi), %rsp\n int $0x30\n");

static const struct {
    const uint8_t *code;
    const char *name;
    unsigned expect;
} touches[] = {
    {ad_read, "read", UPPER | A0},
    {ad_write, "write", UPPER | A0 | D0},
    {ad_add, "add", UPPER | A0 | D0},
    {ad_cmpxchg, "cmpxchg, not equal", UPPER | A0 | D0},
    {ad_cross_read, "read across pages", UPPER | A0 | A1},
    {ad_cross_write, "write across pages", UPPER | A0 | D0 | A1 | D1},
    {ad_skipped, "a write that is jumped over", 0},
    {ad_none, "nothing", 0},
    {ad_cmov, "cmov, not moved", UPPER | A0},
    {ad_bt, "bt", UPPER | A0},
    {ad_rep_none, "rep stosb of nothing", 0},
    {ad_movs, "rep movsb", UPPER | A0 | A1 | D1},
    {ad_push, "push", UPPER | A0 | D0},
    {ad_pop, "pop", UPPER | A0},
    {ad_call, "call", UPPER | A0 | D0},
    {ad_lea, "lea", 0},
    {ad_xchg, "xchg", UPPER | A0 | D0},
    {ad_push_mem, "push from memory", UPPER | A0 | A1 | D1},
    {ad_nop, "nop with an operand", 0},
    {ad_cmpsb, "cmpsb", UPPER | A0 | A1},
    {ad_fst, "fnstsw", UPPER | A0 | D0},
    {ad_int_stack, "pushes of a delivery", UPPER | A0 | D0},
};

static void accessed_and_dirty(void)
{
    for (unsigned i = 0; i < sizeof touches / sizeof *touches; i++)
        for (unsigned user = 0; user < 2; user++) {
            struct context c;

            if (user && touches[i].code == ad_int_stack)
                continue;
            map(SHAPE_4K);
            memset(page, 0, sizeof page);
            (user ? sys_user : sys_kernel)(&c, (uintptr_t)touches[i].code);
            c.r[RDI] = VA;
            c.r[RBX] = c.r[RSP];
            sys_go(&c);
            check(c.vector == DONE && flags() == touches[i].expect,
                  "%s: vector %lu, flags %x, expected %x", touches[i].name, c.vector, flags(),
                  touches[i].expect);
        }
}

/* Large pages: A in every level that is used, D in the leaf alone. */
static void large_pages(void)
{
    uint64_t *leaf;
    struct context c;

    for (unsigned shape = SHAPE_2M; shape <= (has_1g ? SHAPE_1G : SHAPE_2M); shape++) {
        leaf = map(shape);
        *(volatile uint64_t *)(void *)page[0] = 0x1122334455667788;
        sys_kernel(&c, (uintptr_t)code_read);
        c.r[RDI] = VA + (uintptr_t)page[0];
        sys_go(&c);
        check(c.vector == DONE && c.r[RAX] == 0x1122334455667788,
              "read by a large page: vector %lu, %lx", c.vector, c.r[RAX]);
        check((*leaf & (PTE_A | PTE_D)) == PTE_A, "a read sets A of a large page: %lx", *leaf);
        sys_kernel(&c, (uintptr_t)code_write);
        c.r[RDI] = VA + (uintptr_t)page[0];
        c.r[RAX] = 0x99;
        sys_go(&c);
        check(*(volatile uint64_t *)(void *)page[0] == 0x99, "a write by a large page");
        check((*leaf & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "a write sets D of a large page: %lx",
              *leaf);
        check(!(sys_pml4[1] & PTE_D), "and of nothing else");
    }
}

/* What the processor reads and writes for itself. */
static void own_accesses(void)
{
    struct sys_pointer idtr = {256 * 16 - 1, (uintptr_t)sys_idt}, other = {256 * 16 - 1, VA};
    struct context c;

    /* IDT: read by every delivery. */
    map(SHAPE_4K);
    memcpy(page[0], sys_idt, 4096);
    sys_kernel(&c, (uintptr_t)ad_none);
    __asm__ volatile("lidt %0" : : "m"(other));
    sys_go(&c);
    __asm__ volatile("lidt %0" : : "m"(idtr));
    check(c.vector == DONE && flags() == (UPPER | A0), "an IDT is read: %x", flags());

    /* LDT: read, and written when the descriptor's accessed bit is set for the first time. */
    for (unsigned accessed = 0; accessed < 2; accessed++) {
        map(SHAPE_4K);
        *(volatile uint64_t *)(void *)page[0] =
            sys_segment(0, 0xfffff, accessed ? 0xf3 : 0xf2, 0xc);
        sys_gdt[GDT_SLOT(K_FREE)] = sys_segment((uint32_t)VA, 0xfff, 0x82, 0);
        sys_gdt[GDT_SLOT(K_FREE) + 1] = VA >> 32;
        __asm__ volatile("lldt %w0" : : "r"(K_FREE));
        check(flags() == 0, "LLDT does not read the table: %x", flags());
        __asm__ volatile("mov %0, %%fs; mov %1, %%fs" : : "r"(7), "r"(0));
        check(flags() == (accessed ? UPPER | A0 : UPPER | A0 | D0),
              "a descriptor is loaded, accessed %u: %x", accessed, flags());
        check(page[0][5] == 0xf3, "its accessed bit is set");
    }
    __asm__ volatile("lldt %w0" : : "r"(0));

    /* The stack of an inner level. */
    map(SHAPE_4K);
    tss_set_rsp0(VA + 4096);
    sys_user(&c, (uintptr_t)ad_none);
    sys_go(&c);
    check(c.vector == DONE && flags() == (UPPER | A0 | D0) && c.frame == VA + 4096 - 40,
          "the frame on an inner stack: %x", flags());
    tss_set_rsp0(stack_top(sys_stack_ring0));

    /* A fetch; one across pages; and none of the page behind an instruction that ends with its page. */
    for (unsigned at = 4093; at < 4096; at++) {
        map(SHAPE_4K);
        memset(page, 0x90, sizeof page);
        page[0][at] = 0x31; /* XOR EAX, EAX; then INT DONE */
        (&page[0][0])[at + 1] = 0xc0;
        (&page[0][0])[at + 2] = 0xcd;
        (&page[0][0])[at + 3] = DONE;
        sys_kernel(&c, VA + at);
        sys_go(&c);
        check(c.vector == DONE && flags() == (UPPER | A0 | A1), "fetch across pages at %u: %x", at,
              flags());
    }
    map(SHAPE_4K);
    page[0][4094] = 0xcd;
    page[0][4095] = DONE;
    sys_kernel(&c, VA + 4094);
    sys_go(&c);
    check(c.vector == DONE && flags() == (UPPER | A0), "fetch that ends with the page: %x",
          flags());
}

/* A write that may not be done leaves D alone, in both pages. */
static void faulting(void)
{
    static const struct {
        const uint8_t *code;
        word offset;
    } kinds[] = {{ad_write, 0}, {ad_add, 0}, {ad_cross_write, 0}, {ad_cmpxchg, 0}, {ad_xchg, 0}};
    struct context c;

    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (unsigned which = 0; which < 2; which++) {
            bool cross = kinds[i].code == ad_cross_write;
            word at = which ? VA + 4096 : VA + (cross ? 4092 : 0);

            if (which && !cross)
                continue;
            map(SHAPE_4K);
            pt[which] &= ~(uint64_t)PTE_W;
            invlpg(VA + which * 4096);
            memset(page, 0x55, sizeof page);
            sys_user(&c, (uintptr_t)kinds[i].code);
            c.r[RDI] = VA;
            sys_go(&c);
            check(c.vector == V_PF && c.error == 7 && c.cr2 == at,
                  "write to a read-only page, case %u: vector %lu error %lx cr2 %lx", i, c.vector,
                  c.error, c.cr2);
            check_but(ON_TCG, "SDM vol. 3 4.8: D is for writes that are done",
                      !(flags() & (D0 | D1)), "and it is not dirty: %x", flags());
            check(page[0][4095] == 0x55 && page[1][0] == 0x55 && page[0][0] == 0x55, "nor written");
        }
}

/* --- Not canonical ------------------------------------------------------------------------------------ */

extern const uint8_t nc_rbp[], nc_rsp[], nc_push[], nc_pop[], nc_call[], nc_jmp[], nc_ret[],
    nc_movs[], nc_lgdt[], nc_invlpg[], nc_iret[], nc_clflush[], nc_prefetch[], nc_xlat[], nc_read[],
    nc_write[], nc_nop[];
__asm__("nc_read: mov (%rdi), %rax\n int $0x30\n"
        "nc_write: mov %rax, (%rdi)\n int $0x30\n"
        "nc_rbp: mov (%rbp), %rax\n int $0x30\n"
        "nc_rsp: mov (%rsp), %rax\n mov %rbx, %rsp\n int $0x30\n"
        "nc_push: push %rax\n int $0x30\n"
        "nc_pop: pop %rax\n int $0x30\n"
        "nc_call: call *%rdi\n int $0x30\n"
        "nc_jmp: jmp *%rdi\n int $0x30\n"
        "nc_ret: push %rdi\n ret\n int $0x30\n"
        "nc_movs: mov %rbx, %rsi\n movsq\n int $0x30\n"
        "nc_lgdt: lgdt (%rdi)\n int $0x30\n"
        "nc_invlpg: invlpg (%rdi)\n int $0x30\n"
        "nc_clflush: clflush (%rdi)\n int $0x30\n"
        "nc_prefetch: prefetcht0 (%rdi)\n int $0x30\n"
        "nc_nop: nopl (%rdi)\n int $0x30\n"
        "nc_xlat: lea (%rdi), %rbx\n xor %eax, %eax\n xlat\n int $0x30\n");

static const struct {
    const uint8_t *code;
    const char *name;
    word vector;
    unsigned size; /* of the access; 0: the address alone counts */
    unsigned known;
} not_canonical[] = {
    {nc_read, "read", V_GP, 8, ON_TCG},    {nc_write, "write", V_GP, 8, ON_TCG},
    {nc_rbp, "RBP", V_SS, 8, ON_TCG},      {nc_rsp, "RSP", V_SS, 8, ON_TCG},
    {nc_push, "push", V_SS, 8, ON_TCG},    {nc_pop, "pop", V_SS, 8, ON_TCG},
    {nc_call, "call", V_GP, 0, ON_TCG},    {nc_jmp, "jmp", V_GP, 0, ON_TCG},
    {nc_ret, "ret", V_GP, 0, ON_TCG},      {nc_movs, "movs", V_GP, 8, ON_TCG},
    {nc_lgdt, "lgdt", V_GP, 10, ON_TCG},   {nc_clflush, "clflush", V_GP, 1, ON_TCG},
    {nc_xlat, "xlat", V_GP, 1, ON_TCG},    {nc_invlpg, "invlpg", DONE, 1, 0},
    {nc_prefetch, "prefetch", DONE, 1, 0}, {nc_nop, "nop", DONE, 1, 0},
};

static void canonical(void)
{
    static const struct {
        word at;
        bool crosses; /* canonical itself, but not all of an operand of 8 bytes */
    } where[] = {
        {0x0000800000000000, false}, {0xffff7fffffffffff, false}, {0x8000000000000000, false},
        {0x7fffffffffffffff, false}, {0x0001000000000000, false}, {0x00007ffffffffffc, true},
    };
    struct context c;

    for (unsigned i = 0; i < sizeof not_canonical / sizeof *not_canonical; i++)
        for (unsigned j = 0; j < sizeof where / sizeof *where; j++) {
            bool stack = not_canonical[i].code == nc_push;
            word at = where[j].at;

            if (where[j].crosses && not_canonical[i].size < 8)
                continue;
            sys_set_gate(V_SS, K_CODE64, sys_stub(V_SS), 0x8e, 2);
            sys_kernel(&c, (uintptr_t)not_canonical[i].code);
            c.r[RBX] = c.r[RSP];
            c.r[RDI] = c.r[RBP] = at;
            if (not_canonical[i].vector == V_SS)
                c.r[RSP] = at + (stack ? 8 : 0);
            if (not_canonical[i].code == nc_rbp)
                c.r[RSP] = c.r[RBX];
            sys_go(&c);
            check_but(not_canonical[i].known, "SDM vol. 1 3.3.7.1",
                      c.vector == not_canonical[i].vector && c.error == 0,
                      "%s at %lx: vector %lu error %lx, expected %lu", not_canonical[i].name, at,
                      c.vector, c.error, not_canonical[i].vector);
            if (c.vector < 32) /* the target is not loaded */
                check_but(ON_TCG, "SDM vol. 1 3.3.7.1", c.ip != at,
                          "%s at %lx: the fault is the instruction's own", not_canonical[i].name,
                          at);
        }
    sys_set_gate(V_SS, K_CODE64, sys_stub(V_SS), 0x8e, 0);
}

void system_main(void)
{
    address_bits = sys_cpuid(0x80000008, 0).eax & 255;
    has_1g = sys_cpuid(0x80000001, 0).edx >> 26 & 1;
    reserved_bits();
    accessed_and_dirty();
    large_pages();
    own_accesses();
    faulting();
    canonical();
    report("paging_entries");
}
