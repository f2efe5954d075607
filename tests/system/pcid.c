/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: MOV CR3 with and without PCIDs and its no-flush bit, INVPCID of each type and what it refuses, INVLPG, global
 * pages and CR4.PGE in long mode, switching PCIDE (Intel SDM vol. 3 §4.10; vol. 2 MOV CR, INVPCID).
 *
 * A processor may forget translations whenever it likes, so only one thing is tested: that none is used after it
 * had to be forgotten, and that none of one address space is used in another.
 */
#include "tests/system/kit/machine64.h"

#define VA TEST_LOW
#define PAGES 4
#define NOFLUSH (1ul << 63)

/* Two address spaces, alike but for the test's page tables; and pages to be seen through them. */
static uint64_t pml4[2][512] __attribute__((aligned(4096)));
static uint64_t pdpt[2][512] __attribute__((aligned(4096)));
static uint64_t pd[2][512] __attribute__((aligned(4096)));
static uint64_t pt[2][512] __attribute__((aligned(4096)));
static uint8_t data[8][4096] __attribute__((aligned(4096)));
static bool has_pcid, has_invpcid;

CODE(to_cr3, "mov %rax, %cr3\n int $0x30");
CODE(to_cr4, "mov %rax, %cr4\n int $0x30");
CODE(to_cr0, "mov %rax, %cr0\n int $0x30");
CODE(invpcid, "invpcid (%rdi), %rax\n int $0x30");

/* Page `i` of address space `s` shows data[n]. */
static void map(unsigned s, unsigned i, unsigned n, bool global)
{
    pt[s][i] = (uintptr_t)data[n] | PTE_P | PTE_W | PTE_U | (global ? PTE_G : 0);
}

static unsigned look(unsigned i)
{
    return *(volatile uint8_t *)(uintptr_t)(VA + i * 4096ul);
}

static void build(void)
{
    for (unsigned s = 0; s < 2; s++) {
        memcpy(pml4[s], sys_pml4, sizeof sys_pml4);
        pml4[s][1] = (uintptr_t)pdpt[s] | 7;
        pdpt[s][0] = (uintptr_t)pd[s] | 7;
        pd[s][0] = (uintptr_t)pt[s] | 7;
    }
    for (unsigned n = 0; n < 8; n++)
        data[n][0] = 0x10 + n;
}

static word cr3_of(unsigned s, unsigned pcid)
{
    return (uintptr_t)pml4[s] | pcid;
}

static word do_invpcid(unsigned type, uint64_t pcid, uint64_t address)
{
    static struct {
        uint64_t pcid, address;
    } descriptor;
    struct context c;

    descriptor.pcid = pcid;
    descriptor.address = address;
    sys_kernel(&c, (uintptr_t)invpcid);
    c.r[RDI] = (uintptr_t)&descriptor;
    c.r[RAX] = type;
    sys_go(&c);
    return c.vector;
}

static word try_write(const uint8_t *code, word value)
{
    struct context c;

    sys_kernel(&c, (uintptr_t)code);
    c.r[RAX] = value;
    sys_go(&c);
    return c.vector == V_GP && c.error ? 99 : c.vector;
}

/* --- Without PCIDs --------------------------------------------------------------------------------------- */

static void plain(void)
{
    for (unsigned i = 0; i < PAGES; i++) {
        map(0, i, i, false);
        map(1, i, 4 + i, false);
    }
    write_cr3(cr3_of(0, 0));
    for (unsigned round = 0; round < 3; round++)
        for (unsigned s = 0; s < 2; s++) {
            write_cr3(cr3_of(s, 0));
            for (unsigned i = 0; i < PAGES; i++)
                check(look(i) == 0x10 + s * 4 + i, "page %u of address space %u: %x", i, s,
                      look(i));
        }
    /* INVLPG: one page, and it alone has to be looked up anew. */
    for (unsigned i = 0; i < PAGES; i++)
        look(i);
    for (unsigned i = 0; i < PAGES; i++) {
        map(1, i, 3 - i, false);
        invlpg(VA + i * 4096ul + 4095);
        check(look(i) == 0x10 + 3 - i, "INVLPG of page %u: %x", i, look(i));
    }
    /* A present entry for an absent one needs nothing. */
    pt[1][8] = 0;
    invlpg(VA + 8 * 4096ul);
    pt[1][8] = (uintptr_t)data[5] | 7;
    check(look(8) == 0x15, "an entry that becomes present: %x", look(8));
    /* The upper levels. */
    look(0);
    pd[1][0] = (uintptr_t)pt[0] | 7;
    invlpg(VA);
    check(look(0) == 0x10, "INVLPG after a change above: %x", look(0));
    pd[1][0] = (uintptr_t)pt[1] | 7;
    write_cr3(read_cr3());
    check(look(0) == 0x13, "MOV CR3 after a change above: %x", look(0));
}

static void global_pages(void)
{
    word cr4 = read_cr4() | CR4_PGE;

    for (unsigned how = 0; how < 3; how++) {
        write_cr4(cr4);
        map(1, 0, 0, true);
        invlpg(VA);
        check(look(0) == 0x10, "a global page");
        map(1, 0, 1, true);
        switch (how) {
        case 0: invlpg(VA); break;
        case 1: write_cr4(cr4 & ~(word)CR4_PGE); break;
        default:
            if (!has_invpcid)
                continue;
            do_invpcid(2, 0, 0);
            break;
        }
        check(look(0) == 0x11, "a global page after invalidation %u: %x", how, look(0));
    }
    write_cr4(cr4 & ~(word)CR4_PGE);
    map(1, 0, 0, false);
    write_cr3(read_cr3());
}

/* --- With them -------------------------------------------------------------------------------------------- */

static void switching(void)
{
    word cr0 = read_cr0(), cr4 = read_cr4();

    /* Without PCIDE bit 63 is reserved; with a PCID in CR3 PCIDE may not be set. */
    check_but(ON_TCG, "SDM vol. 2 MOV CR (#GP)", try_write(to_cr3, cr3_of(0, 0) | NOFLUSH) == V_GP,
              "CR3 bit 63 without PCIDE");
    write_cr3(cr3_of(0, 0x18)); /* PWT, PCD: these are in CR3 without PCIDs too */
    check_but(ON_TCG, "SDM vol. 2 MOV CR (#GP)", try_write(to_cr4, cr4 | CR4_PCIDE) == V_GP,
              "PCIDE while CR3's low bits are set");
    write_cr3(cr3_of(0, 0));
    check(try_write(to_cr4, cr4 | CR4_PCIDE) == DONE && (read_cr4() & CR4_PCIDE), "PCIDE");
    check_but(ON_TCG, "SDM vol. 2 MOV CR (#GP)", try_write(to_cr0, cr0 & ~(word)CR0_PG) == V_GP,
              "PG cleared with PCIDE");
}

static void with_pcids(void)
{
    word values[] = {0, 1, 0x18, 0x7ff, 0xfff};

    for (unsigned i = 0; i < 5; i++) {
        write_cr3(cr3_of(i & 1, (unsigned)values[i]));
        check(read_cr3() == cr3_of(i & 1, (unsigned)values[i]), "CR3 with PCID %lx: %lx", values[i],
              read_cr3());
        write_cr3(cr3_of(i & 1, (unsigned)values[i]) | NOFLUSH);
        check(read_cr3() == cr3_of(i & 1, (unsigned)values[i]), "bit 63 is not kept: %lx",
              read_cr3());
    }
    /* Each PCID its own translations, kept or not. */
    for (unsigned i = 0; i < PAGES; i++) {
        map(0, i, i, false);
        map(1, i, 4 + i, false);
    }
    for (unsigned pcid = 1; pcid < 3; pcid++)
        write_cr3(cr3_of(pcid - 1, pcid));
    for (unsigned round = 0; round < 4; round++)
        for (unsigned s = 0; s < 2; s++) {
            write_cr3(cr3_of(s, s + 1) | NOFLUSH);
            for (unsigned i = 0; i < PAGES; i++)
                check(look(i) == 0x10 + s * 4 + i, "PCID %u page %u: %x", s + 1, i, look(i));
        }
    /* A change in one, forgotten in its turn: by MOV CR3 that flushes, by each INVPCID. */
    for (unsigned how = 0; how < 6; how++) {
        if (how >= 1 && how <= 4 && !has_invpcid)
            continue;
        write_cr3(cr3_of(0, 1));
        map(0, 0, 0, false);
        write_cr3(cr3_of(0, 1));
        check(look(0) == 0x10, "before %u", how);
        write_cr3(cr3_of(1, 2) | NOFLUSH);
        map(0, 0, 3, false);
        switch (how) {
        case 0: break; /* the MOV CR3 below does it */
        case 1: check(do_invpcid(0, 1, VA) == DONE, "INVPCID 0"); break;
        case 2: check(do_invpcid(1, 1, 0) == DONE, "INVPCID 1"); break;
        case 3: check(do_invpcid(2, 0, 0) == DONE, "INVPCID 2"); break;
        case 4: check(do_invpcid(3, 0, 0) == DONE, "INVPCID 3"); break;
        default: /* PGE's change takes all PCIDs' */
            write_cr4(read_cr4() ^ CR4_PGE);
            write_cr4(read_cr4() ^ CR4_PGE);
            break;
        }
        check(look(0) == 0x14, "the other space is as it was: %x", look(0));
        write_cr3(cr3_of(0, 1) | (how ? NOFLUSH : 0));
        check(look(0) == 0x13, "PCID 1 after invalidation %u: %x", how, look(0));
    }
    /* The same tables under another PCID after one was flushed. */
    write_cr3(cr3_of(1, 5));
    look(1);
    map(1, 1, 2, false);
    write_cr3(cr3_of(1, 6));
    check(look(1) == 0x12, "a PCID that was never used: %x", look(1));
    write_cr3(cr3_of(1, 5));
    check(look(1) == 0x12, "and the old one, flushed: %x", look(1));
    write_cr3(cr3_of(0, 0));
    write_cr4(read_cr4() & ~(word)CR4_PCIDE);
}

static void invpcid_checks(void)
{
    struct context c;

    for (unsigned pcide = 0; pcide < 2; pcide++) {
        if (pcide && !has_pcid)
            break;
        write_cr4(pcide ? read_cr4() | CR4_PCIDE : read_cr4() & ~(word)CR4_PCIDE);
        for (unsigned type = 0; type < 8; type++) {
            check(do_invpcid(type, 0, VA) == (word)(type > 3 ? V_GP : DONE), "INVPCID type %u",
                  type);
            for (unsigned bit = 0; bit < 64; bit++) {
                bool bad = type > 3 || bit >= 12 || (!pcide && type < 2);

                check_but(ON_TCG, "SDM vol. 2 INVPCID",
                          do_invpcid(type, 1ul << bit, VA) == (word)(bad ? V_GP : DONE),
                          "INVPCID type %u, descriptor bit %u, PCIDE %u: vector %lu", type, bit,
                          pcide, do_invpcid(type, 1ul << bit, VA));
            }
            check_but(ON_TCG, "SDM vol. 2 INVPCID",
                      do_invpcid(type, 0, 0x0000800000000000) ==
                          (word)(type == 0 || type > 3 ? V_GP : DONE),
                      "INVPCID type %u, not canonical", type);
        }
    }
    if (has_pcid)
        write_cr4(read_cr4() & ~(word)CR4_PCIDE);
    sys_user(&c, (uintptr_t)invpcid);
    c.r[RDI] = user_alias(data);
    sys_go(&c);
    check(c.vector == V_GP && c.error == 0, "INVPCID at CPL 3: vector %lu", c.vector);
}

void system_main(void)
{
    has_pcid = sys_cpuid(1, 0).ecx >> 17 & 1;
    has_invpcid = sys_cpuid(7, 0).ebx >> 10 & 1;
    build();
    plain();
    global_pages();
    write_cr3(cr3_of(0, 0));
    if (has_pcid) {
        switching();
        with_pcids();
    } else {
        absent("PCID");
    }
    if (has_invpcid) {
        invpcid_checks();
    } else {
        struct context c;

        absent("INVPCID");
        sys_kernel(&c, (uintptr_t)invpcid);
        sys_go(&c);
        check(c.vector == V_UD, "INVPCID where CPUID has none: vector %lu", c.vector);
    }
    report("pcid");
}
