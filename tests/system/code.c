/* SPDX-License-Identifier: MIT */
/*
 * Code that changes, on one CPU: patched ahead of itself at every distance and by every kind of store, in loops long enough
 * to be translated; patched through another address; pages exchanged under it by each way to change a translation;
 * the same bytes run in 64-bit, 32-bit and 16-bit code segments, at both privilege levels, with and without XD (Intel
 * SDM vol. 3 §8.1.3, §11.6: a processor notices stores to what it has fetched by the same linear address; by another
 * one it needs a serializing instruction).
 */
#include "tests/system/kit/machine64.h"

#define VA TEST_LOW

static uint64_t pdpt[2][512] __attribute__((aligned(4096)));
static uint64_t pd[2][512] __attribute__((aligned(4096)));
static uint64_t pt[2][512] __attribute__((aligned(4096)));
static uint8_t page[4][4096] __attribute__((aligned(4096)));
static uint8_t buffer[8192] __attribute__((aligned(4096)));
#define ROUNDS 12 /* enough to be translated, and to run as a translation */

static uint8_t *emit(uint8_t *at, const void *bytes, unsigned n)
{
    memcpy(at, bytes, n);
    return at + n;
}

static void run_at(struct context *c, word ip)
{
    sys_kernel(c, ip);
    c->r[RDX] = (uintptr_t)page[3];
    sys_go(c);
}

/* --- Ahead of itself ---------------------------------------------------------------------------------------- */

/* Stores: RDI points at the immediate, RAX has what to write there. */
static const struct {
    const char *name;
    uint8_t n, bytes[8];
    uint8_t size;
} stores[] = {
    {"MOV of 1", 2, {0x88, 0x07}, 1},
    {"MOV of 2", 3, {0x66, 0x89, 0x07}, 2},
    {"MOV of 4", 2, {0x89, 0x07}, 4},
    {"STOSB", 1, {0xaa}, 1},
    {"STOSD", 1, {0xab}, 4},
    {"XCHG", 2, {0x87, 0x07}, 4},
    {"ADD", 2, {0x01, 0x07}, 4}, /* to 0 */
    {"LOCK OR", 3, {0xf0, 0x09, 0x07}, 4},
    {"MOVD", 4, {0x66, 0x0f, 0x7e, 0x07}, 4}, /* XMM0 */
    {"REP STOSD", 2, {0xf3, 0xab}, 4},        /* RCX = 1 */
    {"MOVNTI", 3, {0x0f, 0xc3, 0x07}, 4},
    {"REP MOVSB", 2, {0xf3, 0xa4}, 1}, /* RSI: where RAX is in memory, RCX = 1 */
};

static void ahead(void)
{
    static uint32_t value;
    struct context c;

    for (unsigned s = 0; s < sizeof stores / sizeof *stores; s++)
        for (unsigned gap = 0; gap < 70; gap = gap < 20 ? gap + 1 : gap + 10)
            for (unsigned place = 0; place < 3; place++) {
                /* In the middle of a page, with the patched instruction in the next one, across the pages. */
                uint8_t *start = place == 0   ? buffer + 64
                                 : place == 1 ? buffer + 4096 - gap - stores[s].n - 1
                                              : buffer + 4096 - gap - stores[s].n - 3,
                        *at = start, *imm;
                bool good = true;

                at = emit(at, stores[s].bytes, stores[s].n);
                for (unsigned i = 0; i < gap; i++)
                    *at++ = 0x90;
                *at++ = 0xbb; /* MOV $0, %ebx */
                imm = at;
                at = emit(at, (const uint8_t[]){0, 0, 0, 0, 0xcd, DONE}, 6);
                for (unsigned round = 0; round < ROUNDS; round++) {
                    uint32_t mask = stores[s].size == 4 ? ~0u : (1u << 8 * stores[s].size) - 1;

                    value = 0x01020304 * (round + 1);
                    memset(imm, 0, 4);
                    sys_kernel(&c, (uintptr_t)start);
                    c.r[RDI] = (uintptr_t)imm;
                    c.r[RAX] = value;
                    c.r[RCX] = 1;
                    c.r[RSI] = (uintptr_t)&value;
                    __asm__ volatile("movd %0, %%xmm0" : : "r"(value));
                    sys_go(&c);
                    good &= c.vector == DONE && c.r[RBX] == (value & mask);
                }
                check(good, "%s, %u bytes ahead, place %u: vector %lu, %lx, expected %x",
                      stores[s].name, gap, place, c.vector, c.r[RBX], value);
            }
}

/* A counter in an instruction of a loop, one that the stack grows over, and a loop that writes the next page of itself. */
CODE(counting, "mov $400, %ecx\n xor %ebx, %ebx\n 1: incl 2f+1(%rip)\n 2: mov $0, %eax\n add %eax, "
               "%ebx\n loop 1b\n int $0x30");
CODE(patching, "mov $50, %ecx\n xor %ebx, %ebx\n 1: mov %ecx, 3f+1(%rip)\n jmp 3f\n .balign 16\n "
               "3: mov $0x7777, %edx\n add %edx, %ebx\n"
               "loop 1b\n int $0x30");
/* The return address of a CALL is the immediate of an instruction. */
CODE(pushing, "mov %rsp, %rbp\n mov $60, %ecx\n xor %ebx, %ebx\n"
              "1: lea 3f+10(%rip), %rsp\n call 2f\n 2: mov %rbp, %rsp\n"
              "3: movabs $0x7777, %rdx\n lea 2b(%rip), %rax\n cmp %rax, %rdx\n jne 4f\n inc %ebx\n "
              "4: movq $0, 3b+2(%rip)\n loop 1b\n int $0x30");

static void loops(void)
{
    struct context c;

    sys_kernel(&c, (uintptr_t)counting);
    sys_go(&c);
    check(c.vector == DONE && c.r[RBX] == 400 * 401 / 2, "a counter in the code: vector %lu, %lu",
          c.vector, c.r[RBX]);
    sys_kernel(&c, (uintptr_t)counting);
    sys_go(&c);
    check(c.vector == DONE && c.r[RBX] == 400 * 400 + 400 * 401 / 2, "and on: vector %lu, %lu",
          c.vector, c.r[RBX]);
    sys_kernel(&c, (uintptr_t)pushing);
    sys_go(&c);
    check(c.vector == DONE && c.r[RBX] == 60, "CALL pushes into code: vector %lu, %lu", c.vector,
          c.r[RBX]);
    sys_kernel(&c, (uintptr_t)patching);
    sys_go(&c);
    check(c.vector == DONE && c.r[RBX] == 50 * 51 / 2, "code patched in a loop: vector %lu, %lu",
          c.vector, c.r[RBX]);
}

/* --- By another address ------------------------------------------------------------------------------------- */

/* mov $imm, %ebx; int */
static void set_page(unsigned n, uint32_t imm)
{
    uint8_t *at = page[n];

    *at++ = 0xbb;
    at = emit(at, &imm, 4);
    emit(at, (const uint8_t[]){0xcd, DONE}, 2);
}

static void build(void)
{
    sys_pml4[1] = (uintptr_t)pdpt[0] | 7;
    pdpt[0][0] = (uintptr_t)pd[0] | 7;
    pd[0][0] = (uintptr_t)pt[0] | 7;
    pdpt[1][0] = (uintptr_t)pd[1] | 7;
    pd[1][0] = (uintptr_t)pt[1] | 7;
    for (unsigned i = 0; i < 4; i++) {
        pt[0][i] = (uintptr_t)page[i] | 3;
        pt[1][i] = (uintptr_t)page[3 - i] | 3;
        set_page(i, 0x100 + i);
    }
    write_cr3(read_cr3());
}

static void aliases(void)
{
    struct context c;
    bool good = true;

    for (unsigned round = 0; round < 40; round++) {
        uint32_t value = 0x1000 + round;

        /* By the physical address, run at VA; and the other way round. IRET in sys_go() serializes. */
        set_page(0, value);
        run_at(&c, VA);
        good &= c.r[RBX] == value;
        *(volatile uint32_t *)(uintptr_t)(VA + 1) = value + 7;
        run_at(&c, (uintptr_t)page[0]);
        good &= c.r[RBX] == value + 7;
        run_at(&c, VA);
        good &= c.r[RBX] == value + 7;
    }
    check(good, "code patched by another address: %lx", c.r[RBX]);
    /* The patch itself in the code that runs at VA, with CPUID behind it. */
    for (unsigned round = 0; round < 40; round++) {
        uint8_t *at = page[1];
        uint32_t value = 0x2000 + round;

        at = emit(at,
                  (const uint8_t[]){0x89, 0x07, 0x31, 0xc0, 0x31, 0xc9, 0x0f, 0xa2, 0xbd, 0, 0, 0,
                                    0, 0xcd, DONE},
                  15);
        sys_kernel(&c, VA + 4096);
        c.r[RDI] = (uintptr_t)page[1] + 9;
        c.r[RAX] = value;
        sys_go(&c);
        good &= c.vector == DONE && c.r[RBP] == value;
    }
    check(good, "patched by another address from within, and serialized: vector %lu %lx", c.vector,
          c.r[RBP]);
}

/* --- Pages under code --------------------------------------------------------------------------------------- */

static void exchange(void)
{
    static const char *const names[] = {"INVLPG",
                                        "MOV CR3",
                                        "the directory's entry and INVLPG",
                                        "PGE",
                                        "another CR3's tables",
                                        "rights that change and INVLPG"};
    word cr4 = read_cr4();
    struct context c;

    for (unsigned i = 0; i < 4; i++)
        set_page(i, 0x100 + i);
    for (unsigned how = 0; how < 6; how++) {
        bool good = true;
        unsigned want = 0;

        for (unsigned round = 0; round < 40; round++) {
            unsigned n = round * 7 % 4;

            want = 0x100 + n;
            switch (how) {
            case 0:
            case 5:
                pt[0][0] = (uintptr_t)page[n] | (how == 5 && round % 2 ? 1 : 3);
                invlpg(VA);
                break;
            case 1:
                pt[0][0] = (uintptr_t)page[n] | 3;
                write_cr3(read_cr3());
                break;
            case 2:
                pt[0][0] = (uintptr_t)page[0] | 3;
                pt[1][0] = (uintptr_t)page[3] | 3;
                pd[0][0] = (uintptr_t)pt[round & 1] | 7;
                invlpg(VA);
                want = round & 1 ? 0x103 : 0x100;
                break;
            case 3:
                write_cr4(cr4 | CR4_PGE);
                pt[0][0] = (uintptr_t)page[n] | 3 | PTE_G;
                write_cr4(cr4);
                break;
            default:
                pt[0][0] = (uintptr_t)page[0] | 3;
                sys_pml4[1] = (uintptr_t)pdpt[round & 1] | 7;
                write_cr3(read_cr3());
                want = round & 1 ? 0x103 : 0x100;
                break;
            }
            run_at(&c, VA);
            good &= c.vector == DONE && c.r[RBX] == want;
        }
        check(good, "pages exchanged by %s: vector %lu, %lx, expected %x", names[how], c.vector,
              c.r[RBX], want);
        pd[0][0] = (uintptr_t)pt[0] | 7;
        sys_pml4[1] = (uintptr_t)pdpt[0] | 7;
        write_cr3(read_cr3());
    }
    /* An instruction across two pages, of which the second is exchanged. */
    bool good = true;
    for (unsigned i = 0; i < 4; i++) {
        page[i][4094] = 0xbb; /* MOV imm, %ebx: the upper bytes are the next page's */
        page[i][4095] = 0x55;
        emit(page[i], (const uint8_t[]){0x10 + i, 0x20 + i, 0, 0xcd, DONE}, 5);
    }
    for (unsigned round = 0; round < 40; round++) {
        unsigned n = round % 4;

        pt[0][0] = (uintptr_t)page[0] | 3;
        pt[0][1] = (uintptr_t)page[n] | 3;
        invlpg(VA + 4096);
        run_at(&c, VA + 4094);
        good &= c.vector == DONE && c.r[RBX] == (0x55u | (0x10u + n) << 8 | (0x20u + n) << 16);
    }
    check(good, "the second page of an instruction: vector %lu %lx", c.vector, c.r[RBX]);
    /* Taken away, and given back. */
    good = true;
    set_page(0, 0x77);
    for (unsigned round = 0; round < 40; round++) {
        static const uint64_t off[] = {0, PTE_P | PTE_NX, 3};
        unsigned n = round % 3;

        pt[0][0] = off[n] ? (uintptr_t)page[0] | off[n] : 0;
        invlpg(VA);
        run_at(&c, VA);
        good &= n == 2 ? c.vector == DONE && c.r[RBX] == 0x77
                       : c.vector == V_PF && c.cr2 == VA && c.error == (n ? 17u : 16u);
    }
    check(good, "pages taken away and given back: vector %lu error %lx", c.vector, c.error);
    pt[0][0] = (uintptr_t)page[0] | 3;
    invlpg(VA);
}

/* --- Modes -------------------------------------------------------------------------------------------------- */

/* 48 FF C0: INC RAX; DEC EAX, INC EAX; DEC AX, INC AX. Then what tells where it ends: CD 30. And B8 with 4 or 2 bytes. */
static void modes(void)
{
    static const uint8_t bytes[] = {0x48, 0xff, 0xc0, 0xbb, 0x11, 0x22, 0xeb, 0x00, 0xcd, DONE};
    struct context c;
    bool good = true;

    sys_gdt[GDT_SLOT(K_FREE)] =
        sys_segment(0x100000, 0xfffff, 0x9b, 0x8); /* 16-bit code, base 1 MiB */
    sys_gdt[GDT_SLOT(K_FREE) + 1] = sys_segment((uint32_t)(uintptr_t)page[2], 0xfff, 0x9b, 0x4);
    emit(page[2], bytes, sizeof bytes);
    for (unsigned round = 0; round < 60; round++) {
        unsigned mode = round * 5 % 4;
        word base = (uintptr_t)page[2], want;

        sys_kernel(&c, base);
        c.r[RAX] = 10;
        switch (mode) {
        case 0: want = 11; break;
        case 1:
            c.cs = K_CODE32;
            want = 10;
            break;
        case 2: /* 16 bits of EIP: what lies within 64 KiB of the base */
            sys_gdt[GDT_SLOT(K_FREE)] = sys_segment((uint32_t)base, 0xffff, 0x9b, 0);
            c.cs = K_FREE;
            c.ip = 0;
            want = 10;
            break;
        default:
            c.cs = K_FREE + 8;
            c.ip = 0;
            want = 10;
            break;
        }
        sys_go(&c);
        good &= c.vector == DONE && c.r[RAX] == want &&
                (c.r[RBX] & 0xffffffff) == (mode == 2 ? 0x2211u : 0x00eb2211u);
    }
    check(good, "the same bytes in four segments: vector %lu, %lx %lx", c.vector, c.r[RAX],
          c.r[RBX]);
    /* And at both levels. */
    good = true;
    for (unsigned round = 0; round < 40; round++) {
        (round & 1 ? sys_user : sys_kernel)(&c, (uintptr_t)page[2]);
        c.r[RAX] = 20;
        sys_go(&c);
        good &= c.vector == DONE && c.r[RAX] == 21 && (c.cs & 3) == (round & 1 ? 3 : 0);
    }
    check(good, "the same bytes at both levels: vector %lu %lx", c.vector, c.r[RAX]);
}

void system_main(void)
{
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    write_cr4(read_cr4() | 0x600);
    ahead();
    loops();
    build();
    aliases();
    exchange();
    modes();
    report("code");
}
