/* SPDX-License-Identifier: MIT */
/*
 * 32-bit and PAE paging: rights by every combination of U/S and R/W in both levels with WP, SMEP, SMAP and CPL, XD in PAE;
 * 4 MiB and 2 MiB pages; which bits are reserved (Intel SDM vol. 3 §4.3, §4.4, tables 4-4 to 4-11), PSE off; absent and
 * bad page-directory pointers; accessed and dirty flags; PG and the identity of what runs (§4.1.2).
 *
 * Page-directory-pointer entries are read when they are used, as AMD's processors do, or at MOV CR3, as Intel's do: what
 * is tested holds for both.
 */
#include "tests/system/kit/machine32.h"

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define G 0x100u
#define XD (1ull << 63)

#define ALIAS 0x40000000u /* memory again, for CPL 3 */
#define VA 0x80000000u    /* the page under test */

static uint32_t dir32[1024] __attribute__((aligned(4096)));
static uint32_t low32[1024] __attribute__((aligned(4096)));
static uint32_t alias32[1024] __attribute__((aligned(4096)));
static uint32_t table32[1024] __attribute__((aligned(4096)));
static uint64_t pdpt[4] __attribute__((aligned(4096)));
static uint64_t pds[4][512] __attribute__((aligned(4096)));
static uint64_t table64[512] __attribute__((aligned(4096)));
static uint8_t page[4096] __attribute__((aligned(4096)));

static bool has_smep, has_smap, has_nx;
static bool pae;

CODE(code_read, "movb 8(%edi), %al\n int $0x30");
CODE(code_write, "movb %al, 8(%edi)\n int $0x30");

enum kind { READ, WRITE, FETCH };
static const char *const kind_name[] = {"read", "write", "fetch"};

static word phys(const void *p)
{
    return (word)(uintptr_t)p;
}

static void flush(void)
{
    write_cr3(read_cr3());
}

/* Identity below 4 MiB, and at ALIAS for users; the rest by each test. */
static void build(void)
{
    memset(dir32, 0, sizeof dir32);
    memset(pds, 0, sizeof pds);
    for (unsigned i = 0; i < 1024; i++) {
        low32[i] = i << 12 | P | W;
        alias32[i] = i << 12 | P | W | U;
    }
    dir32[0] = phys(low32) | P | W;
    dir32[ALIAS >> 22] = phys(alias32) | P | W | U;
    for (unsigned i = 0; i < 4; i++)
        pdpt[i] = phys(pds[i]) | P;
    for (unsigned i = 0; i < 2; i++) {
        pds[0][i] = i << 21 | P | W | PS;
        pds[ALIAS >> 30][i] = i << 21 | P | W | U | PS;
    }
}

/* Turns paging on, one way or the other, and off again. */
static void paging_on(bool use_pae, bool pse)
{
    pae = use_pae;
    write_cr4((read_cr4() & ~(word)(CR4_PAE | CR4_PSE)) | (pae ? CR4_PAE : 0) |
              (pse ? CR4_PSE : 0));
    write_cr3(pae ? phys(pdpt) : phys(dir32));
    write_cr0(read_cr0() | CR0_PG);
}

static void paging_off(void)
{
    write_cr0(read_cr0() & ~(word)CR0_PG);
}

static void go(struct context *c, unsigned cpl, enum kind kind, bool ac)
{
    word ip = kind == READ ? (uintptr_t)code_read : (uintptr_t)code_write;

    if (cpl) {
        sys_user(c, ip + ALIAS);
        c->r[RSP] += ALIAS;
    } else {
        sys_kernel(c, ip);
    }
    if (kind == FETCH)
        c->ip = VA;
    if (ac)
        c->flags |= FL_AC;
    c->r[RDI] = VA;
    sys_go(c);
}

/* --- Rights ------------------------------------------------------------------------------------------------- */

static void try_rights(unsigned upper, unsigned leaf, bool large, bool xd, bool wp, bool smep,
                       bool smap, bool ac, unsigned cpl, enum kind kind, bool nxe)
{
    unsigned both = large ? leaf : upper & leaf;
    bool user = both & U, writable = both & W, ok;
    word error = 1 | (kind == WRITE ? 2 : 0) | (cpl ? 4 : 0) |
                 (kind == FETCH && ((pae && nxe) || smep) ? 16 : 0);
    struct context c;
    uint64_t entry;

    if (cpl)
        ok = user && (kind != WRITE || writable);
    else if (kind == FETCH)
        ok = !(user && smep);
    else
        ok = !(user && smap && !ac) && (kind != WRITE || writable || !wp);
    if (kind == FETCH && xd)
        ok = false;
    if (pae) {
        table64[0] = phys(page) | P | leaf | (xd ? XD : 0);
        pds[VA >> 30][0] = large ? (phys(page) & ~0x1fffffull) | PS | P | leaf | (xd ? XD : 0)
                                 : phys(table64) | P | upper;
    } else {
        table32[0] = phys(page) | P | leaf;
        dir32[VA >> 22] = large ? PS | P | leaf : phys(table32) | P | upper;
    }
    flush();
    if (large) { /* the page lies somewhere within */
        word at = VA + (phys(page) & (pae ? 0x1fffff : 0x3fffff));

        if (cpl) {
            sys_user(&c, (uintptr_t)(kind == READ ? code_read : code_write) + ALIAS);
            c.r[RSP] += ALIAS;
        } else {
            sys_kernel(&c, (uintptr_t)(kind == READ ? code_read : code_write));
        }
        if (kind == FETCH)
            c.ip = at;
        if (ac)
            c.flags |= FL_AC;
        c.r[RDI] = at;
        sys_go(&c);
    } else {
        go(&c, cpl, kind, ac);
    }
    entry = large ? (pae ? pds[VA >> 30][0] : dir32[VA >> 22]) : (pae ? table64[0] : table32[0]);
    check(ok ? c.vector == DONE && (entry & (A | D)) == (kind == WRITE ? A | D : A)
             : c.vector == V_PF && c.error == error && !(entry & D),
          "%s, %s at CPL %u: upper %x, leaf %x, large %u XD %u, WP %u SMEP %u SMAP %u AC %u: "
          "vector %lu error %lx entry %llx, expected %u %lx",
          pae ? "PAE" : "32-bit", kind_name[kind], cpl, upper, leaf, large, xd, wp, smep, smap, ac,
          c.vector, c.error, (unsigned long long)entry, ok, error);
}

static void rights(void)
{
    for (unsigned set = 0; set < 32; set++) {
        bool wp = set & 1, smep = set & 2, smap = set & 4, ac = set & 8, nxe = set & 16;

        if ((smep && !has_smep) || (smap && !has_smap) || (nxe && !(pae && has_nx)))
            continue;
        if (has_nx)
            wrmsr(MSR_EFER,
                  nxe ? rdmsr(MSR_EFER) | EFER_NXE : rdmsr(MSR_EFER) & ~(uint64_t)EFER_NXE);
        write_cr0(wp ? read_cr0() | CR0_WP : read_cr0() & ~(word)CR0_WP);
        write_cr4((read_cr4() & ~(word)(CR4_SMEP | CR4_SMAP)) | (smep ? CR4_SMEP : 0) |
                  (smap ? CR4_SMAP : 0));
        for (unsigned i = 0; i < 4 * 4 * 2 * 3 * 4; i++) {
            bool large = i / 96 & 1, xd = i / 192 & 1;

            if (xd && !nxe)
                continue;
            try_rights((i & 3) << 1, (i >> 2 & 3) << 1, large, xd, wp, smep, smap, ac,
                       (i / 16 & 1) * 3, i / 32 % 3, nxe);
        }
    }
    write_cr4(read_cr4() & ~(word)(CR4_SMEP | CR4_SMAP));
    write_cr0(read_cr0() & ~(word)CR0_WP);
}

/* --- Bits --------------------------------------------------------------------------------------------------- */

static void try_entry(const char *name, unsigned bit, bool reserved, bool present, unsigned known)
{
    struct context c;
    word error = (present ? 1 : 0) | (reserved ? 8 : 0) | 4;

    flush();
    go(&c, 3, READ, false);
    check_but(known, "SDM vol. 3 4.7: RSVD only if P is set",
              reserved || !present ? c.vector == V_PF && c.error == error && c.cr2 == VA + 8
                                   : c.vector == DONE,
              "%s bit %u: vector %lu error %lx cr2 %lx, expected %u", name, bit, c.vector, c.error,
              c.cr2, reserved);
}

static void bits32(void)
{
    /* 4 KiB: no bit is reserved; bits of the address lead elsewhere. */
    for (unsigned level = 0; level < 2; level++)
        for (unsigned bit = 0; bit < 12; bit++) {
            dir32[VA >> 22] = phys(table32) | P | W | U;
            table32[0] = phys(page) | P | W | U;
            if (bit == 1 || bit == 2 || (level == 0 && bit == 7))
                continue;
            *(level ? table32 : &dir32[VA >> 22]) ^= 1u << bit;
            try_entry(level ? "PTE" : "PDE", bit, false, bit != 0, 0);
        }
    /* 4 MiB: bit 21 is reserved; bits 13 to 20 are the address's (PSE-36), as far as it goes. */
    for (unsigned bit = 0; bit < 22; bit++) {
        if (bit == 1 || bit == 2 || bit == 7 || (bit > 12 && bit < 21))
            continue;
        dir32[VA >> 22] = (P | W | U | PS) ^ 1u << bit;
        try_entry("PDE of 4 MiB", bit, bit == 21, bit != 0, bit == 21 ? ON_TCG : 0);
    }
    /* Without PSE, PS means nothing. */
    write_cr4(read_cr4() & ~(word)CR4_PSE);
    dir32[VA >> 22] = phys(table32) | P | W | U | PS;
    table32[0] = phys(page) | P | W | U;
    *(volatile uint32_t *)(void *)(page + 8) = 0x5a;
    {
        struct context c;

        flush();
        go(&c, 3, READ, false);
        check(c.vector == DONE && (c.r[RAX] & 255) == 0x5a, "PS without PSE: vector %lu, %lx",
              c.vector, c.r[RAX]);
    }
    write_cr4(read_cr4() | CR4_PSE);
}

static void bits64(void)
{
    unsigned width = sys_cpuid(0x80000008, 0).eax & 255;

    for (unsigned nxe = 0; nxe <= has_nx; nxe++) {
        if (has_nx)
            wrmsr(MSR_EFER,
                  nxe ? rdmsr(MSR_EFER) | EFER_NXE : rdmsr(MSR_EFER) & ~(uint64_t)EFER_NXE);
        for (unsigned kind = 0; kind < 3; kind++) /* PDE, PTE, PDE of 2 MiB */
            for (unsigned bit = 0; bit < 64; bit++) {
                static const char *const names[] = {"PAE PDE", "PAE PTE", "PDE of 2 MiB"};
                bool reserved = (bit >= width && bit < 63) || (bit == 63 && !nxe) ||
                                (kind == 2 && bit > 12 && bit < 21);

                if (bit == 1 || bit == 2 || (kind != 1 && bit == 7) ||
                    (bit >= 12 && bit < width && !(kind == 2 && bit < 21)))
                    continue;
                table64[0] = phys(page) | P | W | U;
                pds[VA >> 30][0] = kind == 2 ? (P | W | U | PS) : phys(table64) | P | W | U;
                *(kind == 1 ? table64 : &pds[VA >> 30][0]) ^= 1ull << bit;
                try_entry(names[kind], bit, reserved, bit != 0, reserved ? ON_TCG : 0);
            }
    }
    /* The pointer: not present. */
    table64[0] = phys(page) | P | W | U;
    pds[VA >> 30][0] = phys(table64) | P | W | U;
    pdpt[VA >> 30] &= ~(uint64_t)P;
    try_entry("PDPTE", 0, false, false, 0);
    pdpt[VA >> 30] |= P;
    try_entry("PDPTE again", 0, false, true, 0);
    /* It has no rights of its own, and no accessed flag. */
    check_but(ON_TCG, "SDM vol. 3 table 4-8", !(pdpt[VA >> 30] & A),
              "a PDPTE has no accessed flag: %llx", (unsigned long long)pdpt[VA >> 30]);
}

/* Linear addresses wrap at 4 GiB: an operand across the top lies in the first page as well. */
CODE(wrap_read, "mov 0xfffffffe, %eax\n int $0x30");
static void wrap(void)
{
    struct context c;

    if (pae) {
        pds[3][511] = phys(table64) | P | W;
        table64[511] = phys(page) | P | W;
    } else {
        dir32[1023] = phys(table32) | P | W;
        table32[1023] = phys(page) | P | W;
    }
    flush();
    page[4094] = 0x11;
    page[4095] = 0x22;
    sys_kernel(&c, (uintptr_t)wrap_read);
    sys_go(&c);
    /* The offset is within the limit of 4 GiB only byte by byte: #GP, or what lies at 0 (SDM vol. 3 5.3, implementation-specific). */
    check((c.vector == DONE && (c.r[RAX] & 0xffff) == 0x2211) || (c.vector == V_GP && c.error == 0),
          "an operand across 4 GiB: vector %lu, %lx", c.vector, c.r[RAX]);
}

/* Global pages outlive MOV CR3 at most until INVLPG or a change of PGE; that they do is for the processor to decide, that they do not
 * after those is not. */
static void global(void)
{
    static uint8_t other[4096] __attribute__((aligned(4096)));
    struct context c;

    page[8] = 0x66;
    other[8] = 0x77;
    write_cr4(read_cr4() | CR4_PGE);
    for (unsigned how = 0; how < 4; how++)
        for (unsigned g = 0; g < 2; g++) {
            uint32_t more = P | W | U | (g ? G : 0);

            dir32[VA >> 22] = phys(table32) | P | W | U;
            pds[VA >> 30][0] = phys(table64) | P | W | U;
            table32[0] = phys(page) | more;
            table64[0] = phys(page) | more;
            write_cr4(read_cr4() ^ CR4_PGE);
            write_cr4(read_cr4() ^ CR4_PGE);
            go(&c, 3, READ, false);
            check(c.vector == DONE && (c.r[RAX] & 255) == 0x66, "before: %lx", c.r[RAX]);
            table32[0] = phys(other) | more;
            table64[0] = phys(other) | more;
            switch (how) {
            case 0: __asm__ volatile("invlpg (%0)" : : "r"(VA + 0x123) : "memory"); break;
            case 1:
                write_cr4(read_cr4() & ~(word)CR4_PGE);
                write_cr4(read_cr4() | CR4_PGE);
                break;
            case 2:
                if (g)
                    continue;
                flush();
                break;
            default:
                write_cr0(read_cr0() & ~(word)CR0_PG);
                write_cr0(read_cr0() | CR0_PG);
                break;
            }
            go(&c, 3, READ, false);
            check(c.vector == DONE && (c.r[RAX] & 255) == 0x77, "after invalidation %u, G %u: %lx",
                  how, g, c.r[RAX]);
        }
    write_cr4(read_cr4() & ~(word)CR4_PGE);
}

void system_main(void)
{
    uint32_t ebx7 = sys_cpuid(0, 0).eax >= 7 ? sys_cpuid(7, 0).ebx : 0;

    has_smep = ebx7 >> 7 & 1;
    has_smap = ebx7 >> 20 & 1;
    has_nx = sys_cpuid(0x80000001, 0).edx >> 20 & 1;
    page[0] = 0xcd;
    page[1] = DONE;
    build();
    paging_on(false, true);
    rights();
    bits32();
    wrap();
    global();
    paging_off();
    paging_on(true, false);
    rights();
    bits64();
    wrap();
    global();
    paging_off();
    report("paging32");
}
