/* SPDX-License-Identifier: MIT */
/*
 * The host's side of machine.h. IRETQ enters the instruction with all registers, FS and GS bases
 * and TF loaded; it leaves through a signal, SIGTRAP if it retired, whose context is the final
 * state. The handler's first instructions put the FS base back, because C code keeps thread-local
 * data there.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/forms/machine.h"

/* Used by the assembly language under these names. */
struct form_state form_cpu __attribute__((aligned(64), used));
u64 form_frame[5] __attribute__((used)); /* RIP, CS, RFLAGS, RSP, SS */
u64 form_fs, form_host_fs __attribute__((used));
/* What XRSTOR loads: x87, SSE, AVX; 0 where the host has no AVX. */
u32 form_components __attribute__((used));
static struct form_outcome *result;
static sigjmp_buf back;
static bool armed; /* the instruction is being entered or executed */

void form_enter(void) __attribute__((noreturn));
void form_caught(int sig, siginfo_t *info, void *context);
void form_on_signal(int sig, siginfo_t *info, void *context) __attribute__((used));

_Static_assert(offsetof(struct form_state, fs_base) == 144, "the trampoline knows the layout");
_Static_assert(offsetof(struct form_state, fx) == 192, "the trampoline knows the layout");

/* clang-format off */
#define LOAD(offset, reg) "mov form_cpu+" offset "(%rip), %" reg "\n"

__asm__(".text\n.globl form_enter, form_caught\n.type form_enter, @function\nform_enter:\n"
        "mov form_components(%rip), %eax\n xor %edx, %edx\n"
        "test %eax, %eax\n jz 1f\n xrstor64 form_cpu+192(%rip)\n jmp 2f\n"
        "1: fxrstor64 form_cpu+192(%rip)\n2:\n"
        "mov $0x2b, %eax\n mov %eax, %ds\n mov %eax, %es\n"
        "mov form_cpu+144(%rip), %rax\n wrfsbase %rax\n"
        "mov form_cpu+152(%rip), %rax\n wrgsbase %rax\n"
        LOAD("0", "rax") LOAD("8", "rcx") LOAD("16", "rdx") LOAD("24", "rbx") LOAD("40", "rbp") LOAD("48", "rsi")
        LOAD("56", "rdi") LOAD("64", "r8") LOAD("72", "r9") LOAD("80", "r10") LOAD("88", "r11") LOAD("96", "r12")
        LOAD("104", "r13") LOAD("112", "r14") LOAD("120", "r15")
        "lea form_frame(%rip), %rsp\n"
        "iretq\n"
        ".size form_enter, .-form_enter\n"
        ".type form_caught, @function\nform_caught:\n"
        "pushq $2\n popfq\n" /* AC would make this code fault */
        "rdfsbase %rax\n mov %rax, form_fs(%rip)\n"
        "mov form_host_fs(%rip), %rax\n wrfsbase %rax\n"
        "jmp form_on_signal\n"
        ".size form_caught, .-form_caught\n");
/* clang-format on */

static u64 read_gs_base(void)
{
    u64 base;

    __asm__ volatile("rdgsbase %0" : "=r"(base));
    return base;
}

/* From the image in the signal frame, which is XSAVE's in the standard format. */
static void read_vectors(struct form_state *s, const u8 *image)
{
    enum { HEADER = 512, AVX = 576 };

    memcpy(&s->fx, image, sizeof(s->fx));
    memset(s->ymmh, 0, sizeof(s->ymmh));
    if (form_components && (load_le64(image + HEADER) & 4))
        memcpy(s->ymmh, image + AVX, sizeof(s->ymmh));
}

void form_on_signal(int sig, siginfo_t *info, void *context)
{
    static const int index[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};
    const mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
    struct form_state *s = &result->s;

    (void)info;
    if (!armed) { /* not the instruction's: die of it */
        signal(sig, SIG_DFL);
        return;
    }
    armed = false;
    for (unsigned i = 0; i < 16; i++)
        s->gpr[i] = (u64)m->gregs[index[i]];
    s->rip = (u64)m->gregs[REG_RIP];
    s->flags = (u64)m->gregs[REG_EFL] & ~(u64)FL_RF;
    s->fs_base = form_fs;
    s->gs_base = read_gs_base();
    read_vectors(s, (const u8 *)m->fpregs);
    result->vector = (int)m->gregs[REG_TRAPNO];
    result->error = (u32)m->gregs[REG_ERR];
    result->cr2 = (u64)m->gregs[REG_CR2];
    siglongjmp(back, 1);
}

/* Until a signal; with FL_TF in `flags` that is one instruction. */
static void enter(struct form_outcome *o, bool code32, u64 flags)
{
    result = o;
    form_cpu = o->s;
    memset(form_cpu.header, 0, sizeof(form_cpu.header));
    form_cpu.header[0] = form_components;
    form_frame[0] = o->s.rip;
    form_frame[1] = code32 ? 0x23 : 0x33;
    form_frame[2] = o->s.flags | flags | FL_IF | 2;
    form_frame[3] = o->s.gpr[R_SP];
    form_frame[4] = 0x2b;
    if (!sigsetjmp(back, 0)) {
        armed = true;
        form_enter();
    }
    __asm__ volatile("cld");
}

void form_run_host(struct form_outcome *o, const u8 *memory, bool code32, bool repeats)
{
    u64 start = o->s.rip;
    unsigned n = 0;

    memcpy((void *)FORM_DATA, memory, FORM_DATA_SIZE);
    memcpy((void *)FORM_STACK, memory + FORM_DATA_SIZE, FORM_STACK_SIZE);
    do {
        enter(o, code32, FL_TF);
    } while (repeats && o->vector == VEC_DB && o->s.rip == start && n++ < FORM_REPEATS_MAX);
    if (o->vector == VEC_DB) {
        o->vector = -1;
        o->error = 0;
    }
    memcpy(o->memory, (void *)FORM_DATA, FORM_DATA_SIZE);
    memcpy(o->memory + FORM_DATA_SIZE, (void *)FORM_STACK, FORM_STACK_SIZE);
}

void form_stream_host(struct form_outcome *o, const u8 *memory, bool code32)
{
    memcpy((void *)FORM_DATA, memory, FORM_DATA_SIZE);
    memcpy((void *)FORM_STACK, memory + FORM_DATA_SIZE, FORM_STACK_SIZE);
    enter(o, code32, 0);
    memcpy(o->memory, (void *)FORM_DATA, FORM_DATA_SIZE);
    memcpy(o->memory + FORM_DATA_SIZE, (void *)FORM_STACK, FORM_STACK_SIZE);
}

static bool protect(u64 from, u64 size, int prot)
{
    return mprotect((void *)from, size, prot) == 0;
}

void form_write_code(const u8 *bytes, unsigned n)
{
    protect(FLAT_CODE, 0x1000, PROT_READ | PROT_WRITE);
    memcpy((void *)FORM_CODE, bytes, n);
    protect(FLAT_CODE, 0x1000, PROT_READ | PROT_EXEC);
}

void form_fill_const(const u8 *bytes)
{
    protect(FORM_CONST, FORM_CONST_SIZE, PROT_READ | PROT_WRITE);
    memcpy((void *)FORM_CONST, bytes, FORM_CONST_SIZE);
    protect(FORM_CONST, FORM_CONST_SIZE, PROT_READ | PROT_EXEC);
}

/* Unmap what is around the pages of machine.h. */
static bool make_holes(void)
{
    return protect(FLAT_CODE + 0x1000, FORM_DATA - FLAT_CODE - 0x1000, PROT_NONE) &&
           protect(FORM_CONST + FORM_CONST_SIZE, FORM_STACK - FORM_CONST - FORM_CONST_SIZE,
                   PROT_NONE) &&
           protect(FLAT_STACK, FORM_TABLES - FLAT_STACK, PROT_NONE) &&
           protect(FORM_TABLES + FORM_TABLES_SIZE,
                   FLAT_BASE + 0x400000 - FORM_TABLES - FORM_TABLES_SIZE, PROT_NONE);
}

bool form_create(void)
{
    static const int signals[] = {SIGFPE, SIGSEGV, SIGILL, SIGBUS, SIGTRAP};
    static u8 stack[65536] __attribute__((aligned(16)));
    struct sigaction sa = {.sa_sigaction = form_caught,
                           .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)};

    if (!(getauxval(AT_HWCAP2) & 2) || !flat_create() || !make_holes())
        return false;
    __asm__ volatile("rdfsbase %0" : "=r"(form_host_fs));
    form_components = __builtin_cpu_supports("avx") ? 7 : 0;
    sigaltstack(&alt, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &sa, NULL);
    return true;
}
