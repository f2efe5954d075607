/* SPDX-License-Identifier: MIT */
/*
 * PAE: the page of the four page-directory-pointer entries mapped as a page table or a page directory too. In that part its entries
 * get accessed and dirty flags, which are reserved bits of a page-directory-pointer entry: what goes through that is #PF with
 * RSVD from then on for a processor that reads the entries at each walk (AMD), and MOV CR3 is #GP for one that keeps them (Intel).
 *
 * Intel SDM vol. 3 §4.4.1, §4.8; AMD APM vol. 2 §5.3.3, §5.4.1, §5.6.1.
 */
#include "tests/system/kit/machine32.h"

#define MIB2 0x200000u
#define SEEN_AT 0x1000000u /* physical: what linear 40000000 shows */
#define ALIAS (100 * MIB2) /* pds[0][100]: the PDPT as page table */
#define GIB 0x40000000u
#define ERR_RSVD 9

static uint64_t pdpt[512] __attribute__((aligned(4096)));
static uint64_t pds[2][512] __attribute__((aligned(4096)));
static bool is_amd;

CODE(read_edi, "mov (%edi), %eax\n int $0x30");
CODE(write_edi, "mov %eax, (%edi)\n int $0x30");
CODE(read_both, "mov (%esi), %ebx\n mov (%edi), %eax\n mov (%esi), %ecx\n int $0x30");
CODE(load_cr3, "mov %eax, %cr3\n int $0x30");

static uint32_t phys(const void *p)
{
    return (uint32_t)(uintptr_t)p;
}

/* As they are at first, with paging on. */
static void tables(void)
{
    write_cr0(read_cr0() & ~(word)CR0_PG);
    memset(pdpt, 0, sizeof pdpt);
    memset(pds, 0, sizeof pds);
    for (unsigned i = 0; i < 32; i++)
        pds[0][i] = (uint64_t)i * MIB2 | PTE_P | PTE_W | PTE_A | PTE_D | PTE_PS;
    pds[0][100] = phys(pdpt) | PTE_P | PTE_W;
    pds[1][0] = SEEN_AT | PTE_P | PTE_W | PTE_A | PTE_D | PTE_PS;
    pds[1][100] = phys(pdpt) | PTE_P | PTE_W;
    pdpt[0] = phys(pds[0]) | PTE_P;
    pdpt[1] = phys(pds[1]) | PTE_P;
    write_cr3(phys(pdpt));
    write_cr0((read_cr0() | CR0_PG) & ~(word)CR0_WP);
}

static void touch(struct context *c, const uint8_t *code, word at)
{
    sys_kernel(c, (uintptr_t)code);
    c->r[RDI] = at;
    c->r[RAX] = phys(pds[1]) | PTE_P;
    sys_go(c);
}

static void invlpg(word at)
{
    __asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
}

/* What became of GiB 1, now that its pointer entry has a reserved bit. */
static void check_gone(const char *how)
{
    struct context c;

    invlpg(GIB);
    if (is_amd) {
        touch(&c, read_edi, GIB);
        check_but(ON_TCG, "APM vol. 2 5.6.1 (reserved bits)",
                  c.vector == V_PF && c.error == ERR_RSVD && c.cr2 == GIB,
                  "GiB 1 behind %s: vector %lu error %lx", how, c.vector, c.error);
        return;
    }
    sys_kernel(&c, (uintptr_t)load_cr3);
    c.r[RAX] = phys(pdpt);
    sys_go(&c);
    check_but(ON_TCG, "SDM vol. 3 4.4.1", c.vector == V_GP && c.error == 0,
              "MOV CR3 behind %s: vector %lu", how, c.vector);
}

/* A read through slot 1 as a page-table entry, GiB 1 having been used before or not. */
static void as_page_table(void)
{
    struct context c;

    for (unsigned used = 0; used < 2; used++) {
        tables();
        if (used) {
            touch(&c, read_edi, GIB);
            check(c.vector == DONE && c.r[RAX] == 0x600d, "GiB 1: vector %lu, %lx", c.vector,
                  c.r[RAX]);
        }
        check_but(ON_TCG, "SDM vol. 3 4.8", (pdpt[1] & (PTE_A | PTE_D)) == 0,
                  "the walk marks no pointer entry: %x", (unsigned)pdpt[1]);
        touch(&c, read_edi, ALIAS + 0x1000);
        check(c.vector == DONE && c.r[RAX] == (word)pds[1][0],
              "slot 1 as a page-table entry: vector %lu error %lx, %lx", c.vector, c.error,
              c.r[RAX]);
        check((pdpt[1] & (PTE_A | PTE_D)) == PTE_A, "it is marked: %x", (unsigned)pdpt[1]);
        check_gone("a read through its entry");
        pdpt[1] &= ~(uint64_t)PTE_A;
        write_cr3(phys(pdpt));
        touch(&c, read_edi, GIB);
        check(c.vector == DONE && c.r[RAX] == 0x600d, "GiB 1 again: vector %lu", c.vector);
    }
}

/* Written, with CR0.WP clear: the entry is not writable, which a supervisor need not mind. */
static void written(void)
{
    struct context c;

    tables();
    pdpt[1] |= PTE_A; /* so that D alone is owed; CR3 is not loaded with that */
    touch(&c, write_edi, ALIAS + 0x1000);
    check(c.vector == DONE && (pdpt[1] & (PTE_A | PTE_D)) == (PTE_A | PTE_D),
          "a write through slot 1: vector %lu error %lx, %x", c.vector, c.error, (unsigned)pdpt[1]);
    check((uint32_t)pds[1][0] == (phys(pds[1]) | PTE_P), "and what was written: %x",
          (unsigned)pds[1][0]);
    pds[1][0] = SEEN_AT | PTE_P | PTE_W | PTE_A | PTE_D | PTE_PS;
    check_gone("a write through its entry");
    tables();
}

/* The entry's own address space leads to it: GiB 1, its directory's entry 100, slot 1. The access is made; the next is not, at the
 * latest when the translation is gone. */
static void by_itself(void)
{
    struct context c;

    tables();
    touch(&c, read_edi, GIB + ALIAS + 0x1000);
    check(c.vector == DONE && c.r[RAX] == (word)pds[1][0] && (pdpt[1] & PTE_A),
          "slot 1 by way of slot 1: vector %lu error %lx, %x", c.vector, c.error,
          (unsigned)pdpt[1]);
    check_gone("a read through itself");
    tables();
}

/* In one block of code: what is in the TLB for GiB 1 may go on to hold, or not; a walk has to say so. */
static void in_one_go(void)
{
    struct context c;

    for (unsigned i = 0; i < 4; i++) {
        tables();
        sys_kernel(&c, (uintptr_t)read_both);
        c.r[RSI] = GIB;
        c.r[RDI] = ALIAS + 0x1000;
        sys_go(&c);
        check(c.r[RBX] == 0x600d && c.r[RAX] == (word)pds[1][0] &&
                  (c.vector == DONE ? c.r[RCX] == 0x600d
                                    : c.vector == V_PF && c.error == ERR_RSVD && c.cr2 == GIB),
              "before and after: vector %lu error %lx, %lx %lx %lx", c.vector, c.error, c.r[RBX],
              c.r[RAX], c.r[RCX]);
        check(pdpt[1] & PTE_A, "marked: %x", (unsigned)pdpt[1]);
    }
    tables();
}

void system_main(void)
{
    is_amd = sys_cpuid(0, 0).ebx == 0x68747541;
    *(volatile uint32_t *)(uintptr_t)SEEN_AT = 0x600d;
    write_cr4(read_cr4() | CR4_PAE);
    as_page_table();
    written();
    by_itself();
    in_one_go();
    report("pdpt32");
}
