/* SPDX-License-Identifier: MIT */
/*
 * Cross-modifying code, hard and long. CPU X rewrites code at L, another CPU runs the new code and
 * then says so in M, and a CPU that has read the new M must never afterwards run the old L. Nobody
 * serialises: every patch is one aligned store, which x86 CPUs take up whole and in order.
 *
 * X is another CPU in every round. All others run L without pause, so each has it cached; whoever
 * first runs patch k sets M to k; everybody checks. X goes on when all others have run its patch,
 * so code is never more than one patch ahead of M. Each way of patching has its own code: immediate
 * the immediate of MOV operation    the ModRM byte that says which of ADD, OR, AND, SUB, XOR, CMP
 *   target       the displacement of a short jump
 *   alias        an immediate, written through another linear address of the page
 *   second page  an immediate on the second page of an instruction that lies across two
 *   first page   the part of an immediate on the first page of such an instruction
 *   breakpoint   INT3 over the opcode, a new immediate, the opcode again; #BP retries
 *
 * Command line: rounds=N patches for each way (300), ways=MASK. Ends with "xmc: passed" or "xmc:
 * FAILED"; with one CPU there is nothing to do. A patch that someone has not run after ten seconds
 * counts as lost; QEMU 7.2's TCG does lose patches with one thread per CPU, and none with
 * thread=single. Intel SDM vol. 3 §8.1.3; AMD APM vol. 2 §7.6.1.
 */
#include "roms/kit/kit.h"

#define ALIAS ((uint64_t)1 << 39)
#define PATIENT_SPINS 100000
#define PATIENCE_MS 10000
#define TARGETS 16

/* Where in `area` the code of each way is; immediates are aligned at 4. */
#define AT_IMMEDIATE 0x003
#define AT_OPERATION 0x100
#define AT_TARGET 0x200
#define AT_BREAKPOINT 0x403
#define AT_SECOND_PAGE (0x2000 - 2)
#define AT_FIRST_PAGE (0x3000 - 6)

#define INSN_INT3 0xcc
#define INSN_MOV_EAX_IMM32 0xb8
#define INSN_RET 0xc3

static uint8_t area[4 * 4096] __attribute__((aligned(4096)));

/* ModRM bytes of "op $3, %eax", and what comes out when EAX is 6. */
static const struct {
    uint8_t modrm, result;
} operations[] = {{0xc0, 9}, {0xc8, 7}, {0xe0, 2}, {0xe8, 3}, {0xf0, 5}, {0xf8, 6}};
#define OPERATIONS (sizeof operations / sizeof operations[0])

static void store8(unsigned offset, uint8_t value)
{
    *(volatile uint8_t *)&area[offset] = value;
}

static void store32(unsigned offset, uint32_t value)
{
    *(volatile uint32_t *)(void *)&area[offset] = value;
}

static void patch_immediate(uint32_t k)
{
    store32(AT_IMMEDIATE + 1, k);
}

static void patch_operation(uint32_t k)
{
    store8(AT_OPERATION + 6, operations[k % OPERATIONS].modrm);
}

static void patch_target(uint32_t k)
{
    store8(AT_TARGET + 1, (uint8_t)(k % TARGETS * 6));
}

static void patch_by_alias(uint32_t k)
{
    *(volatile uint32_t *)(ALIAS + AT_IMMEDIATE + 1) = k;
}

static void patch_second_page(uint32_t k)
{
    store32(AT_SECOND_PAGE + 2, k);
}

static void patch_first_page(uint32_t k)
{
    store32(AT_FIRST_PAGE + 2, k);
}

static void patch_breakpoint(uint32_t k)
{
    store8(AT_BREAKPOINT, INSN_INT3);
    store32(AT_BREAKPOINT + 1, k);
    store8(AT_BREAKPOINT, INSN_MOV_EAX_IMM32);
}

/* Code that tells patch k returns k modulo `distinct` (for operations: that row's result). */
static const struct way {
    const char *name;
    unsigned entry;
    uint32_t distinct;
    void (*patch)(uint32_t k);
} ways[] = {
    {"immediate", AT_IMMEDIATE, UINT32_MAX, patch_immediate},
    {"operation", AT_OPERATION, OPERATIONS, patch_operation},
    {"target", AT_TARGET, TARGETS, patch_target},
    {"alias", AT_IMMEDIATE, UINT32_MAX, patch_by_alias},
    {"second page", AT_SECOND_PAGE, UINT32_MAX, patch_second_page},
    {"first page", AT_FIRST_PAGE, UINT32_MAX, patch_first_page},
    {"breakpoint", AT_BREAKPOINT, UINT32_MAX, patch_breakpoint},
};
#define WAYS (sizeof ways / sizeof ways[0])

static void put_code(unsigned at, const char *bytes, unsigned count)
{
    memcpy(&area[at], bytes, count);
}

static void prepare_code(void)
{
    put_code(AT_IMMEDIATE, "\xb8\0\0\0\0\xc3", 6);
    put_code(AT_BREAKPOINT, "\xb8\0\0\0\0\xc3", 6);
    put_code(AT_OPERATION, "\xb8\6\0\0\0\x83\xc0\3\xc3", 9);      /* cmp leaves EAX at 6 */
    put_code(AT_SECOND_PAGE, "\x48\xb8\0\0\0\0\0\0\0\0\xc3", 11); /* mov $imm64, %rax */
    put_code(AT_FIRST_PAGE, "\x48\xb8\0\0\0\0\0\0\0\0\xc3", 11);
    put_code(AT_TARGET, "\xeb\0", 2); /* and then a row of functions */
    for (uint32_t i = 0; i < TARGETS; i++) {
        put_code(AT_TARGET + 2 + i * 6, "\xb8\0\0\0\0\xc3", 6);
        area[AT_TARGET + 3 + i * 6] = (uint8_t)i;
    }
    for (uint64_t page = 0; page < sizeof area; page += 4096)
        *paging_entry(ALIAS + page) = ((uintptr_t)area + page) | PTE_P | PTE_W;
}

/* ---- the rounds ---- */

struct runner {
    volatile uint32_t newest; /* patch this CPU has run */
    uint64_t runs, stale, nonsense;
} __attribute__((aligned(64)));

static struct runner runners[KIT_MAX_CPUS];
static volatile uint32_t message __attribute__((aligned(4096)));  /* M */
static volatile uint32_t finished __attribute__((aligned(4096))); /* rounds that are over */
static const struct way *way;
static uint32_t rounds;
static volatile bool gave_up;
static uint64_t breakpoints;
static struct barrier meeting;

static void on_breakpoint(struct trap_frame *frame)
{
    __atomic_fetch_add(&breakpoints, 1, __ATOMIC_RELAXED);
    frame->rip--;
}

static uint32_t told_by(uint32_t k)
{
    return way->patch == patch_operation ? operations[k % OPERATIONS].result : k % way->distinct;
}

static bool others_have_run(const struct cpu *cpu, uint32_t k)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (i != cpu->index && runners[i].newest < k)
            return false;
    return true;
}

static void patch_and_wait(const struct cpu *cpu, uint32_t k)
{
    way->patch(k);
    for (unsigned i = 0; i < PATIENT_SPINS && !others_have_run(cpu, k) && !gave_up; i++)
        cpu_pause();
    for (unsigned ms = 0; ms < PATIENCE_MS && !others_have_run(cpu, k) && !gave_up; ms++)
        delay_us(1000);
    if (!others_have_run(cpu, k))
        gave_up = true;
    finished = k;
}

/* M first, then L: what L tells must not be older. One patch newer is possible, and news for M. */
static void run_and_check(struct runner *runner)
{
    uint32_t known = message;
    uint32_t told = ((uint32_t(*)(void))(uintptr_t)&area[way->entry])();

    runner->runs++;
    if (told == told_by(known)) {
        runner->newest = known;
    } else if (told == told_by(known + 1)) {
        message = known + 1;
        runner->newest = known + 1;
    } else if (known && told == told_by(known - 1)) {
        runner->stale++;
    } else {
        runner->nonsense++;
    }
}

static void play(struct cpu *cpu)
{
    struct runner *runner = &runners[cpu->index];

    barrier_wait(&meeting);
    for (uint32_t k = 1; k <= rounds && !gave_up; k++) {
        if (k % cpu_count == cpu->index) {
            patch_and_wait(cpu, k);
            continue;
        }
        while (finished < k && !gave_up) {
            run_and_check(runner);
            cpu_pause();
        }
    }
}

static bool play_way(const struct way *this_way)
{
    uint64_t runs = 0, stale = 0, nonsense = 0;

    way = this_way;
    message = finished = 0;
    memset(runners, 0, sizeof runners);
    way->patch(0);
    smp_run(play);
    for (unsigned i = 0; i < cpu_count; i++) {
        runs += runners[i].runs;
        stale += runners[i].stale;
        nonsense += runners[i].nonsense;
    }
    print("xmc: %-11s %u patches, %lu runs, %lu violations, %lu torn%s\n", way->name, rounds, runs,
          stale, nonsense, gave_up ? ", a patch was LOST" : "");
    return !gave_up && stale == 0 && nonsense == 0;
}

int guest_main(void)
{
    uint64_t mask = cmdline_number("ways", UINT64_MAX);
    bool good = true;

    rounds = (uint32_t)cmdline_number("rounds", 300);
    print("xmc: %u CPUs, %u rounds\n", cpu_count, rounds);
    if (cpu_count == 1) {
        print("xmc: passed (nothing to do with one CPU)\n");
        return 0;
    }
    trap_set_handler(VEC_BREAKPOINT, on_breakpoint);
    prepare_code();
    for (unsigned i = 0; i < WAYS && !gave_up; i++)
        if (mask >> i & 1)
            good = play_way(&ways[i]) && good;
    print("xmc: %lu breakpoints hit\n", breakpoints);
    print(good ? "xmc: passed\n" : "xmc: FAILED\n");
    return good ? 0 : 1;
}
