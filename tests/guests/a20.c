/* SPDX-License-Identifier: MIT */
/*
 * The A20 gate, moved by one CPU while the others look: each in turn shuts and opens it, by port 92 and by the keyboard
 * controller, and says around it how it is. What the others read, write, execute and translate 1 MiB higher has to be what
 * he said, if he said the same before and after; while he is at it, either. Nothing is flushed by the guest.
 *
 * The image lies at 2 MiB (guests.mk), where bit 20 of all its addresses is clear: so code, stacks and page tables are the same
 * with the gate shut. Below, at LOW, is the one place, and 1 MiB above it the other.
 *
 * Command line: rounds=N of all CPUs together (60). What was seen goes into the output, which a replay has to repeat.
 */
#include "roms/kit/kit.h"

#define HIGHER 0x100000ul
#define LOW 0x70000ul /* a word, a page each of code, page directory pointers, page directory */
#define WORD 0x0ul
#define SLOTS 0x100ul
#define FUNCTION 0x1000ul
#define PDPT 0x2000ul
#define PD 0x3000ul
#define TEST_VA 0x8000000000ul /* PML4 entry 1 */
#define OPEN_PAGE 0x400000ul   /* where TEST_VA leads */
#define SHUT_PAGE 0x600000ul

enum { OPEN, SHUTTING, SHUT, OPENING }; /* low two bits of `state` */

static uint64_t rounds;
static volatile uint64_t state __attribute__((aligned(64)));
static struct {
    uint64_t seen[4], wrong, sum;
    volatile uint64_t looked;
} tally[KIT_MAX_CPUS] __attribute__((aligned(64)));

static volatile uint64_t *at(uint64_t address)
{
    volatile uint64_t *p = (volatile uint64_t *)address;

    __asm__("" : "+r"(p)); /* an address, not an object of the program */
    return p;
}

static uint64_t call(uint64_t address)
{
    uint64_t result;

    __asm__ volatile("call *%1" : "=a"(result) : "r"(address) : "memory", "cc");
    return result;
}

static void set_page(uint64_t base, unsigned marker, uint64_t page)
{
    static const uint8_t code[] = {0xb8, 0, 0, 0, 0, 0xc3}; /* mov $marker, %eax; ret */

    *at(base + WORD) = marker;
    memcpy((void *)at(base + FUNCTION), code, sizeof code);
    *(volatile uint8_t *)at(base + FUNCTION + 1) = (uint8_t)marker;
    memset((void *)at(base + PDPT), 0, 0x2000);
    *at(base + PDPT) = (LOW + HIGHER + PD) | PTE_P | PTE_W;
    *at(base + PD) = page | 0x80 | PTE_P | PTE_W;
    *at(page) = marker;
}

static void wait_for_controller(void)
{
    while (inb(0x64) & 2)
        cpu_pause();
}

static void move(bool open, bool by_controller)
{
    if (!by_controller) {
        outb(0x92, (uint8_t)((inb(0x92) & ~3u) | (open ? 2 : 0)));
        return;
    }
    wait_for_controller();
    outb(0x64, 0xd1);
    wait_for_controller();
    outb(0x60, open ? 0xdf : 0xdd);
    wait_for_controller();
}

/* One look: what `kind` finds 1 MiB higher. 1: open, 2: shut. */
static uint64_t look(unsigned kind, unsigned cpu, uint64_t n)
{
    uint64_t slot = LOW + SLOTS + cpu * 64;

    switch (kind) {
    case 0: return *at(LOW + HIGHER + WORD);
    case 1: return call(LOW + HIGHER + FUNCTION);
    case 2: return *at(TEST_VA);
    default:
        *at(slot) = 0;
        *at(slot + HIGHER) = n;
        return *at(slot) == n ? 2 : 1;
    }
}

static void watch(unsigned cpu, uint64_t until)
{
    uint64_t n = 0, before, found;

    while ((before = state) < until) {
        found = look(n & 3, cpu, n + 1);
        n++;
        if (state != before) {
            before = SHUTTING; /* whatever it was */
        } else if ((before & 3) == OPEN || (before & 3) == SHUT) {
            if (found != ((before & 3) == OPEN ? 1 : 2))
                tally[cpu].wrong++;
            if (tally[cpu].looked == before)
                cpu_pause(); /* seen enough */
            tally[cpu].looked = before;
        }
        tally[cpu].seen[before & 3]++;
        tally[cpu].sum = (tally[cpu].sum ^ found) * 0x9e3779b97f4a7c15u;
    }
}

/* Until each of the others has looked while it is so. */
static void let_look(unsigned cpu)
{
    for (unsigned i = 0; i < cpu_count; i++)
        while (i != cpu && tally[i].looked != state)
            cpu_pause();
}

static void mover(unsigned cpu, uint64_t round)
{
    let_look(cpu);
    for (unsigned open = 0; open < 2; open++) {
        state = round * 4 + (open ? OPENING : SHUTTING);
        move(open, round & 1);
        for (unsigned kind = 0; kind < 4; kind++)
            if (look(kind, cpu, round + 1) != (open ? 1 : 2))
                tally[cpu].wrong++;
        state = round * 4 + (open ? 4 + OPEN : SHUT);
        if (!open)
            let_look(cpu);
    }
}

static void play(struct cpu *cpu)
{
    for (uint64_t round = 0; round < rounds; round++)
        if (round % cpu_count == cpu->index)
            mover(cpu->index, round);
        else
            watch(cpu->index, round * 4 + 4);
}

int guest_main(void)
{
    uint64_t wrong = 0;

    rounds = cmdline_number("rounds", 60);
    set_page(LOW, 2, SHUT_PAGE);
    set_page(LOW + HIGHER, 1, OPEN_PAGE);
    boot_pml4[TEST_VA >> 39] = (LOW + HIGHER + PDPT) | PTE_P | PTE_W;
    smp_run(play);
    for (unsigned i = 0; i < cpu_count; i++) {
        print("a20: CPU %u looked %lu times at it open, %lu shut, %lu moving; checksum %lx\n", i,
              tally[i].seen[OPEN], tally[i].seen[SHUT], tally[i].seen[SHUTTING], tally[i].sum);
        wrong += tally[i].wrong;
    }
    if (wrong) {
        print("a20: FAILED: %lu looks found what was not so\n", wrong);
        return 1;
    }
    print("a20: passed\n");
    return 0;
}
