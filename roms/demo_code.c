/* SPDX-License-Identifier: MIT */
/*
 * The demo's two steps about code that changes: self-modifying (each CPU its own) and
 * cross-modifying.
 *
 * Cross-modifying code is used without serialising instructions, in the one form that works so on
 * x86: an aligned store replaces an instruction's whole immediate, so that every fetch sees the old
 * instruction or the new one. The hazard test then asks for causality: CPU X patches L; another CPU
 * runs the new L and says so in M; a CPU that has read the new M must not run the old L any more.
 *
 * Intel SDM vol. 3 §8.1.3 (self- and cross-modifying code), §11.6; AMD APM vol. 2 §7.6.1.
 */
#include "roms/demo.h"

#define SMC_ROUNDS 1000
#define XMC_PATCHES 1000
#define XMC_BURST 10 /* patches between two waits for a runner */
#define HAZARD_ROUNDS 60
#define PATIENT_SPINS 100000
#define PATIENCE_MS 10000

#define INSN_MOV_EAX_IMM32 0xb8
#define INSN_RET 0xc3

/* ---- self-modifying ---- */

/*
 * One 64-byte line per CPU, so that neighbours modify code in the same page:
 *   +0   mov %edi, 1f+1(%rip); 1: mov $imm32, %eax; ret     the next instruction patched by the one
 * before +19  mov $imm32, %eax; ret                              immediate patched from C +32  mov
 * %edi, %eax; add|sub $1, %eax; ret              operation patched from C
 */
static uint8_t smc_code[KIT_MAX_CPUS][64] __attribute__((aligned(4096)));
static unsigned smc_right[KIT_MAX_CPUS];

#define SMC_STORE_AHEAD 0
#define SMC_IMMEDIATE 19
#define SMC_OPERATION 32
#define MODRM_ADD 0xc0
#define MODRM_SUB 0xe8

static uint32_t run_at(const void *code, uint32_t argument)
{
    uint32_t (*function)(uint32_t) = (uint32_t(*)(uint32_t))(uintptr_t)code;

    return function(argument);
}

static void smc_prepare(uint8_t *line)
{
    static const uint8_t store_ahead[] = {0x89, 0x3d, 1, 0, 0,       0, INSN_MOV_EAX_IMM32,
                                          0,    0,    0, 0, INSN_RET};
    static const uint8_t immediate[] = {INSN_MOV_EAX_IMM32, 0, 0, 0, 0, INSN_RET};
    static const uint8_t operation[] = {0x89, 0xf8, 0x83, MODRM_ADD, 1, INSN_RET};

    memcpy(line + SMC_STORE_AHEAD, store_ahead, sizeof store_ahead);
    memcpy(line + SMC_IMMEDIATE, immediate, sizeof immediate);
    memcpy(line + SMC_OPERATION, operation, sizeof operation);
}

static bool smc_round(uint8_t *line, uint32_t i)
{
    uint32_t value = i * 2654435761u;

    switch (i % 3) {
    case 0: return run_at(line + SMC_STORE_AHEAD, value) == value;
    case 1:
        *(volatile uint32_t *)(void *)(line + SMC_IMMEDIATE + 1) = value;
        return run_at(line + SMC_IMMEDIATE, 0) == value;
    default:
        *(volatile uint8_t *)(line + SMC_OPERATION + 3) = i & 1 ? MODRM_SUB : MODRM_ADD;
        return run_at(line + SMC_OPERATION, value) == (i & 1 ? value - 1 : value + 1);
    }
}

static void smc_run(struct cpu *cpu)
{
    uint8_t *line = smc_code[cpu->index];

    smc_prepare(line);
    for (uint32_t i = 0; i < SMC_ROUNDS; i++)
        smc_right[cpu->index] += smc_round(line, i);
}

void demo_step_smc(void)
{
    unsigned right = 0, all = SMC_ROUNDS * cpu_count;

    smp_run(smc_run);
    for (unsigned i = 0; i < cpu_count; i++)
        right += smc_right[i];
    print("self-modifying code: %u of %u results right\n", right, all);
    demo_check(right == all, "a CPU ran an instruction that it had already overwritten");
}

/* ---- cross-modifying: a patcher and its runners ---- */

/* mov $imm32, %eax; ret, with the immediate aligned at 4. */
struct patched_code {
    uint8_t pad[3], mov;
    volatile uint32_t immediate;
    uint8_t ret;
} __attribute__((aligned(4096)));

/* Set when patched code was never seen to run: all give up, and the step fails. */
static volatile bool gave_up;

/* Waits until the word reaches a value; a lost patch would make that forever, so not for ever. */
static void wait_for(const volatile uint32_t *word, uint32_t value)
{
    for (unsigned i = 0; i < PATIENT_SPINS && *word < value && !gave_up; i++)
        cpu_pause();
    for (unsigned ms = 0; ms < PATIENCE_MS && *word < value && !gave_up; ms++)
        delay_us(1000);
    if (*word < value)
        gave_up = true;
}

static struct patched_code stream_code = {{0}, INSN_MOV_EAX_IMM32, 0, INSN_RET};
static volatile uint32_t stream_seen
    __attribute__((aligned(64))); /* by some runner, at some time */
static uint64_t stream_runs, stream_torn, stream_backwards;

static void stream_patcher(void)
{
    for (uint32_t k = 1; k <= XMC_PATCHES; k++) {
        stream_code.immediate = k << 16 | k;
        if (k % XMC_BURST == 0)
            wait_for(&stream_seen, k);
    }
}

/* Both halves of the immediate hold the number of the patch: a torn fetch would show. */
static void stream_runner(void)
{
    uint64_t runs = 0, torn = 0, backwards = 0;
    uint32_t last = 0;

    while (last != XMC_PATCHES && !gave_up) {
        uint32_t seen = run_at(&stream_code.mov, 0);
        runs++;
        if (seen >> 16 != (seen & 0xffff))
            torn++;
        if ((seen & 0xffff) < last)
            backwards++;
        if ((seen & 0xffff) != last)
            stream_seen = seen & 0xffff;
        last = seen & 0xffff;
        cpu_pause();
    }
    __atomic_fetch_add(&stream_runs, runs, __ATOMIC_RELAXED);
    __atomic_fetch_add(&stream_torn, torn, __ATOMIC_RELAXED);
    __atomic_fetch_add(&stream_backwards, backwards, __ATOMIC_RELAXED);
}

static void stream(struct cpu *cpu)
{
    if (cpu->index == 0)
        stream_patcher();
    else
        stream_runner();
}

/* ---- cross-modifying: the hazard ---- */

static struct patched_code hazard_code = {{0}, INSN_MOV_EAX_IMM32, 0, INSN_RET}; /* L */
static volatile uint32_t hazard_message __attribute__((aligned(4096)));          /* M */
static volatile uint32_t hazard_seen __attribute__((aligned(64)));
static uint64_t hazard_checks, hazard_violations;

/* X. With two CPUs it is also the one that runs the new code and sends the message. */
static void hazard_patcher(void)
{
    for (uint32_t k = 1; k <= HAZARD_ROUNDS && !gave_up; k++) {
        hazard_code.immediate = k;
        if (cpu_count == 2)
            hazard_message = run_at(&hazard_code.mov, 0);
        wait_for(&hazard_seen, k);
    }
}

static void hazard_messenger(void)
{
    uint32_t sent = 0;

    while (sent < HAZARD_ROUNDS && !gave_up) {
        uint32_t ran = run_at(&hazard_code.mov, 0);
        if (ran != sent)
            hazard_message = ran;
        sent = ran;
        cpu_pause();
    }
}

/* Y. It runs L at every turn, so that it always has the old code at hand. */
static void hazard_reader(void)
{
    uint32_t message = 0;

    while (message < HAZARD_ROUNDS && !gave_up) {
        message = hazard_message;
        if (run_at(&hazard_code.mov, 0) < message)
            hazard_violations++;
        hazard_checks++;
        hazard_seen = message;
        cpu_pause();
    }
}

static void hazard(struct cpu *cpu)
{
    unsigned reader = cpu_count == 2 ? 1 : 2;

    if (cpu->index == 0)
        hazard_patcher();
    else if (cpu->index == reader)
        hazard_reader();
    else if (cpu->index == 1)
        hazard_messenger();
}

void demo_step_xmc(void)
{
    if (cpu_count == 1) {
        print("cross-modifying code: needs a second CPU (-smp 2 or more)\n");
        return;
    }
    smp_run(stream);
    print("cross-modifying code: %u patches, %lu runs by others, %lu torn, %lu out of order\n",
          XMC_PATCHES, stream_runs, stream_torn, stream_backwards);
    demo_check(stream_torn == 0 && stream_backwards == 0,
               "cross-modified code ran torn or out of order");
    demo_check(!gave_up, "patched code was never seen to run");
    smp_run(hazard);
    print("cross-modifying hazard: %u rounds, %lu checks, %lu violations\n", HAZARD_ROUNDS,
          hazard_checks, hazard_violations);
    demo_check(!gave_up, "patched code was never seen to run");
    demo_check(hazard_violations == 0, "old code ran after the message that the new had run");
}
