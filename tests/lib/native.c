/* SPDX-License-Identifier: MIT */
/*
 * See native.h. The trampoline reaches its state RIP-relative, because it may keep no register for
 * itself.
 */
#include "tests/lib/native.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define ARITH_FLAGS 0x8d5u

_Static_assert(offsetof(struct native_state, flags) == 128, "the trampoline knows the layout");
_Static_assert(offsetof(struct native_state, fx) == 192, "the trampoline knows the layout");
_Static_assert(sizeof(struct native_fx) == 512, "FXSAVE image");

/* Used by the trampoline under these names. */
struct native_state native_cpu __attribute__((aligned(64), used));
u64 native_stack __attribute__((used));
void *native_code __attribute__((used));
static volatile int caught_vector;

void native_enter(void);
void native_leave(void);

/* clang-format off */
#define EACH_REGISTER(X)                                                                           \
    X("0", "rax") X("8", "rcx") X("16", "rdx") X("24", "rbx") X("40", "rbp") X("48", "rsi")        \
    X("56", "rdi") X("64", "r8") X("72", "r9") X("80", "r10") X("88", "r11") X("96", "r12")        \
    X("104", "r13") X("112", "r14") X("120", "r15")
#define LOAD(offset, reg) "mov native_cpu+" offset "(%rip), %" reg "\n"
#define STORE(offset, reg) "mov %" reg ", native_cpu+" offset "(%rip)\n"

__asm__(".text\n"
        ".globl native_enter, native_leave\n"
        ".type native_enter, @function\n"
        "native_enter:\n"
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp, native_stack(%rip)\n"
        "fxrstor64 native_cpu+192(%rip)\n"
        "pushq native_cpu+128(%rip)\n"
        "popfq\n"
        EACH_REGISTER(LOAD)
        "call *native_code(%rip)\n"
        EACH_REGISTER(STORE)
        "pushfq\n"
        "popq native_cpu+128(%rip)\n"
        "fxsave64 native_cpu+192(%rip)\n"
        "native_leave:\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "cld\n"
        "ret\n"
        ".size native_enter, .-native_enter\n");
/* clang-format on */

static void reset_fpu(void)
{
    static const u32 mxcsr = 0x1f80;

    __asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    static const int index[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};
    mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;

    (void)sig;
    (void)info;
    for (unsigned i = 0; i < 16; i++)
        native_cpu.gpr[i] = (u64)m->gregs[index[i]];
    native_cpu.flags = (u64)m->gregs[REG_EFL];
    memcpy(&native_cpu.fx, m->fpregs, sizeof(native_cpu.fx));
    caught_vector = (int)m->gregs[REG_TRAPNO];
    /* Go on behind the instruction: the trampoline's way out. The kernel restores its registers. */
    m->gregs[REG_RSP] = (greg_t)native_stack;
    m->gregs[REG_RIP] = (greg_t)(uintptr_t)native_leave;
}

static const int signals[] = {SIGFPE, SIGSEGV, SIGILL, SIGBUS};

int native_run(const u8 *insn, unsigned len, struct native_state *s)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct sigaction old[ARRAY_SIZE(signals)];
    u64 rsp = s->gpr[4];

    if (!native_code) {
        native_code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (native_code == MAP_FAILED)
            abort();
    }
    memcpy(native_code, insn, len);
    ((u8 *)native_code)[len] = 0xc3;
    native_cpu = *s;
    native_cpu.flags &= ARITH_FLAGS;
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &sa, &old[i]);
    caught_vector = -1;
    native_enter();
    reset_fpu();
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &old[i], NULL);
    *s = native_cpu;
    s->flags &= ARITH_FLAGS;
    s->gpr[4] = rsp;
    return caught_vector;
}
