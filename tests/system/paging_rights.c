/* SPDX-License-Identifier: MIT */
/*
 * Who may do what with a page: every combination of U/S, R/W and XD in the entry that maps the page and in one of those
 * above it, of CR0.WP, CR4.SMEP, CR4.SMAP, EFLAGS.AC, IA32_EFER.NXE, protection keys where CPUID has them, of CPL 0 and 3,
 * for reads, writes, fetches, and for reads that the processor makes on its own account (an LDT that lies in the page).
 * What is expected is the text of Intel SDM vol. 3 §4.6.1 and §4.6.2, the error code that of §4.7, accessed and dirty bits
 * those of §4.8.
 */
#include "tests/system/kit/machine64.h"

enum kind { READ, WRITE, FETCH, IMPLICIT, KINDS };
static const char *const kind_name[KINDS] = {"read", "write", "fetch", "implicit read"};

/* Rights in an entry, as bits of the loops below. */
enum { R_USER = 1, R_WRITE = 2, R_XD = 4 };

struct setting {
    bool wp, smep, smap, ac, nxe, pke;
    unsigned pkru; /* bit 0 AD, bit 1 WD, of the page's key */
};

#define KEY 5
#define P (PTE_P)
#define E_P 1u
#define E_W 2u
#define E_U 4u
#define E_RSVD 8u
#define E_I 16u
#define E_PK 32u

static uint64_t pdpt[512] __attribute__((aligned(4096)));
static uint64_t pd[512] __attribute__((aligned(4096)));
static uint64_t pt[512] __attribute__((aligned(4096)));
static uint8_t page[4096] __attribute__((aligned(4096)));
static bool has_smep, has_smap, has_pku;
static uint64_t ldt_va;

extern const uint8_t do_read[], do_write[], do_implicit[];
__asm__("do_read: movb 8(%rdi), %al\n int $0x30\n"
        "do_write: movb %al, 8(%rdi)\n int $0x30\n"
        "do_implicit: mov %esi, %fs\n int $0x30\n");

static uint64_t entry(uint64_t to, unsigned rights)
{
    return to | P | (rights & R_USER ? PTE_U : 0) | (rights & R_WRITE ? PTE_W : 0) |
           (rights & R_XD ? PTE_NX : 0);
}

static bool key_denies(const struct setting *s, bool writes, bool by_user)
{
    if (!s->pke)
        return false;
    return (s->pkru & 1) || ((s->pkru & 2) && writes && (by_user || s->wp));
}

/* May it? And if not, with what error code does it fault. */
static bool allowed(const struct setting *s, unsigned leaf, unsigned upper, unsigned cpl,
                    enum kind kind, unsigned *error)
{
    bool user = leaf & upper & R_USER, writable = leaf & upper & R_WRITE,
         xd = (leaf | upper) & R_XD;
    bool by_user = cpl == 3 && kind != IMPLICIT, ok;

    *error = E_P | (kind == WRITE ? E_W : 0) | (by_user ? E_U : 0) |
             (kind == FETCH && (s->nxe || s->smep) ? E_I : 0);
    if (xd && !s->nxe) {
        *error |= E_RSVD;
        return false;
    }
    if (by_user)
        ok = user && (kind != WRITE || writable) && (kind != FETCH || !xd);
    else if (kind == FETCH)
        ok = !xd && !(user && s->smep);
    else
        ok = !(user && s->smap && !(s->ac && kind != IMPLICIT)) &&
             (kind != WRITE || writable || !s->wp);
    if (kind != FETCH && user && key_denies(s, kind == WRITE, by_user)) {
        *error |= E_PK;
        ok = false;
    }
    return ok;
}

static uint64_t *const level_table[4] = {&sys_pml4[1], pdpt, pd, pt};

static void set_tables(unsigned leaf, unsigned upper, unsigned level)
{
    const uint64_t to[3] = {(uintptr_t)pdpt, (uintptr_t)pd, (uintptr_t)pt};

    for (unsigned i = 0; i < 3; i++)
        *level_table[i] = entry(to[i], i == level ? upper : R_USER | R_WRITE);
    pt[0] = entry((uintptr_t)page, leaf) | PTE_KEY(KEY);
    invlpg(TEST_LOW);
}

static bool all_accessed(void)
{
    for (unsigned i = 0; i < 4; i++)
        if (!(*level_table[i] & PTE_A))
            return false;
    return true;
}

static void try_one(const struct setting *s, unsigned leaf, unsigned upper, unsigned level,
                    unsigned cpl, enum kind kind)
{
    const uint8_t *const code[KINDS] = {do_read, do_write, NULL, do_implicit};
    struct context c;
    unsigned error;
    bool ok = allowed(s, leaf, upper, cpl, kind, &error), good;
    word vector = ok ? DONE : V_PF;

    set_tables(leaf, upper, level);
    if (cpl)
        sys_user(&c, (uintptr_t)code[kind]);
    else
        sys_kernel(&c, (uintptr_t)code[kind]);
    if (kind == FETCH)
        c.ip = TEST_LOW;
    if (s->ac)
        c.flags |= FL_AC;
    c.r[RDI] = TEST_LOW;
    c.r[RSI] = 7; /* entry 0 of the LDT */
    sys_go(&c);

    good = c.vector == vector &&
           (ok || (c.error == error && c.cr2 == TEST_LOW + (kind < FETCH ? 8 : 0)));
    good &= (pt[0] & PTE_D) == (ok && kind == WRITE ? PTE_D : 0);
    if (ok)
        good &= all_accessed();
    /* TCG reports reserved bits with P clear, and looks at AC for accesses of the processor's own too. */
    check_but(
        (!ok && (error & E_RSVD)) || (kind == IMPLICIT && s->smap && s->ac) ? ON_TCG : 0,
        "SDM vol. 3 4.7 (RSVD only if P is set), 4.6.1 (implicit accesses)", good,
        "%s at CPL %u: leaf %x, level %u %x, WP %u SMEP %u SMAP %u AC %u NXE %u PKE %u PKRU %x: "
        "vector %lu error %lx cr2 %lx leaf %lx, expected %lu %x",
        kind_name[kind], cpl, leaf, level, upper, s->wp, s->smep, s->smap, s->ac, s->nxe, s->pke,
        s->pkru, c.vector, c.error, c.cr2, pt[0], vector, ok ? 0 : error);
}

static void set_control(const struct setting *s)
{
    uint64_t efer = rdmsr(MSR_EFER);

    write_cr0(s->wp ? read_cr0() | CR0_WP : read_cr0() & ~(word)CR0_WP);
    write_cr4((read_cr4() & ~(word)(CR4_SMEP | CR4_SMAP | CR4_PKE)) | (s->smep ? CR4_SMEP : 0) |
              (s->smap ? CR4_SMAP : 0) | (s->pke ? CR4_PKE : 0));
    wrmsr(MSR_EFER, s->nxe ? efer | EFER_NXE : efer & ~(uint64_t)EFER_NXE);
    if (s->pke)
        __asm__ volatile(".byte 0x0f, 0x01, 0xef" /* WRPKRU */
                         :
                         : "a"(s->pkru << (2 * KEY)), "c"(0), "d"(0));
}

static void try_pages(const struct setting *s)
{
    for (unsigned level = 0; level < 3; level++)
        for (unsigned i = 0; i < 64; i++)
            for (unsigned cpl = 0; cpl < 6; cpl += 3)
                for (unsigned kind = 0; kind < KINDS; kind++)
                    try_one(s, i & 7, i >> 3, level, cpl, kind);
}

static void prepare(void)
{
    uint32_t leaf7 = sys_cpuid(0, 0).eax >= 7 ? sys_cpuid(7, 0).ebx : 0;

    has_smep = leaf7 >> 7 & 1;
    has_smap = leaf7 >> 20 & 1;
    has_pku = leaf7 && (sys_cpuid(7, 0).ecx >> 3 & 1);
    if (!has_smep)
        absent("SMEP");
    if (!has_smap)
        absent("SMAP");
    if (!has_pku)
        absent("PKU");
    *(uint64_t *)(void *)page = sys_segment(0x1000, 0xffff, 0xf3, 4);
    page[0] = 0xcd; /* INT DONE; as a descriptor: the limit */
    page[1] = DONE;
    ldt_va = TEST_LOW;
    sys_gdt[GDT_SLOT(K_FREE)] = sys_segment((uint32_t)ldt_va, 0xfff, 0x82, 0);
    sys_gdt[GDT_SLOT(K_FREE) + 1] = ldt_va >> 32;
    __asm__ volatile("lldt %w0" : : "r"(K_FREE));
}

void system_main(void)
{
    prepare();
    for (unsigned i = 0; i < 32; i++) {
        struct setting s = {.wp = i & 1, .ac = i & 2, .nxe = i & 4, .smep = i & 8, .smap = i & 16};

        if ((s.smep && !has_smep) || (s.smap && !has_smap))
            continue;
        set_control(&s);
        try_pages(&s);
        /* Keys; the rest of the settings by turns. */
        s.pke = true;
        for (s.pkru = 0; has_pku && s.pkru < 4; s.pkru++) {
            set_control(&s);
            for (unsigned j = 0; j < 64; j++)
                try_one(&s, j & 7, R_USER | R_WRITE, 0, j & 8 ? 3 : 0, j >> 4);
        }
    }
    report("paging_rights");
}
