/* SPDX-License-Identifier: MIT */
/*
 * steps: which instructions do the C library's routines consist of on this processor? A child calls each between two INT3s;
 * the parent single-steps it there, reads the instruction before each step, and counts those of 256 bits (VEX.L = 1) and
 * fused multiply-adds (VEX map 0F38, opcodes 96 to BF). The library chooses its routines by CPUID when it is loaded, so the
 * program runs itself again with GLIBC_TUNABLES that hide AVX2: then there must be none.
 *
 *     steps yes|no     are there to be AVX2 and FMA routines?
 *
 * SDM vol. 2 §2.3.5 (VEX), ptrace(2).
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 300

static char from[SIZE + 1], to[SIZE + 1];
static volatile double angle = 0.7;

static void *(*volatile call_memmove)(void *, const void *, size_t) = memmove;
static void *(*volatile call_memset)(void *, int, size_t) = memset;
static size_t (*volatile call_strlen)(const char *) = strlen;
static void *(*volatile call_memchr)(const void *, int, size_t) = memchr;
static int (*volatile call_memcmp)(const void *, const void *, size_t) = memcmp;
static char *(*volatile call_strchr)(const char *, int) = strchr;
static double (*volatile call_sin)(double) = sin;
static double (*volatile call_exp)(double) = exp;

static int do_memmove(void)
{
    return call_memmove(to, from, SIZE + 1) == to && to[0] == from[0] &&
           to[SIZE - 1] == from[SIZE - 1];
}

static int do_memset(void)
{
    return call_memset(to, 'x', SIZE) == to && to[SIZE - 1] == 'x' && !to[SIZE];
}

static int do_strlen(void)
{
    return call_strlen(from) == SIZE;
}

static int do_memchr(void)
{
    return call_memchr(from, 'z', SIZE) == from + SIZE - 1;
}

static int do_memcmp(void)
{
    return call_memcmp(from, to, SIZE) != 0;
}

static int do_strchr(void)
{
    return call_strchr(from, 'z') == from + SIZE - 1;
}

static int do_sin(void)
{
    return fabs(call_sin(angle) - 0.644217687237691) < 1e-15;
}

static int do_exp(void)
{
    return fabs(call_exp(angle) - 2.013752707470477) < 1e-15;
}

/* What is looked at, and whether it has to consist of 256-bit instructions or of fused ones. */
static const struct {
    const char *name;
    int (*run)(void);
    int is_float;
} routine[] = {
    {"memmove", do_memmove, 0}, {"memset", do_memset, 0}, {"strlen", do_strlen, 0},
    {"memchr", do_memchr, 0},   {"memcmp", do_memcmp, 0}, {"strchr", do_strchr, 0},
    {"sin", do_sin, 1},         {"exp", do_exp, 1},
};
#define ROUTINES (sizeof(routine) / sizeof(routine[0]))

static _Noreturn void child(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    for (unsigned i = 0; i < ROUTINES; i++) {
        int ok;

        __asm__ volatile("int3" : : : "memory");
        ok = routine[i].run();
        __asm__ volatile("int3" : : : "memory");
        if (!ok)
            _exit((int)i + 1);
    }
    _exit(0);
}

/* Waits; true when the child stopped by a trap. */
static int has_trapped(pid_t pid, int *status)
{
    return waitpid(pid, status, 0) == pid && WIFSTOPPED(*status) && WSTOPSIG(*status) == SIGTRAP;
}

struct count {
    unsigned steps, wide, fused;
};

static void count_instruction(struct count *n, const unsigned char *b)
{
    n->steps++;
    if (b[0] == 0xc5 && b[1] & 4)
        n->wide++;
    if (b[0] == 0xc4 && b[2] & 4)
        n->wide++;
    if (b[0] == 0xc4 && (b[1] & 31) == 2 && (b[3] & 15) >= 6 && b[3] >= 0x96 && b[3] <= 0xbf)
        n->fused++;
}

/* Steps the child from one INT3 to the next. */
static int step_through(pid_t pid, struct count *n)
{
    struct user_regs_struct regs;
    int status;

    for (;;) {
        long word;

        if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
            return 0;
        word = ptrace(PTRACE_PEEKTEXT, pid, (void *)regs.rip, NULL);
        if ((word & 0xff) == 0xcc)
            break;
        count_instruction(n, (const unsigned char *)&word);
        if (n->steps > 100000 || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) ||
            !has_trapped(pid, &status))
            return 0;
    }
    return !ptrace(PTRACE_CONT, pid, NULL, NULL) && has_trapped(pid, &status);
}

int main(int argc, char **argv)
{
    int wants = argc == 2 && !strcmp(argv[1], "yes"), bad = 0, status;
    pid_t pid;

    memset(from, 'a', SIZE);
    from[SIZE - 1] = 'z';
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        child();
    for (unsigned i = 0; i < ROUTINES; i++) {
        struct count n = {0};

        if (!has_trapped(pid, &status) || !step_through(pid, &n)) {
            printf("steps: %s: the child is gone, status %x\n", routine[i].name, status);
            kill(pid, SIGKILL);
            return 1;
        }
        printf("steps: %s: %u instructions, %u of 256 bits, %u fused\n", routine[i].name, n.steps,
               n.wide, n.fused);
        bad |= (routine[i].is_float ? n.fused > 0 : n.wide > 0) != wants || n.steps < 5;
        ptrace(PTRACE_CONT, pid, NULL, NULL);
    }
    if (waitpid(pid, &status, 0) != pid || status) {
        printf("steps: a result is wrong, status %x\n", status);
        return 1;
    }
    if (bad) {
        printf("steps: these are not the routines that were to be taken\n");
        return 1;
    }
    if (wants) {
        fflush(stdout);
        setenv("GLIBC_TUNABLES",
               "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-FMA,-BMI2,-ERMS", 1);
        execl("/proc/self/exe", argv[0], "no", NULL);
        return 1;
    }
    return 0;
}
