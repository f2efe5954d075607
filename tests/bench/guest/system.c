/* SPDX-License-Identifier: MIT
 *
 * The system set, which is the guest's kernel at work: syscall (getppid), pipe (a byte to and fro between
 * two processes), fork (fork, exit, wait), exec (the same with an execve between), fault (touching
 * fresh anonymous pages) and mmap (mapping and unmapping).
 *
 * What exec runs is this program again, entered at bench_start: with the word "-" as its name it exits at
 * once, before the C library starts and asks CPUID for its caches dozens of times, which on a host
 * that is itself a virtual machine would be most of what is measured. The library's start is the rest.
 */
#include "tests/bench/guest/bench.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* argc is at (%rsp), argv[0] at 8(%rsp). 60 is exit. */
__asm__(".globl bench_start\n"
        "bench_start:\n"
        "    mov 8(%rsp), %rax\n"
        "    test %rax, %rax\n"
        "    jz _start\n"
        "    cmpw $0x2d, (%rax)\n"
        "    jne _start\n"
        "    mov $60, %eax\n"
        "    mov $7, %edi\n"
        "    syscall\n");

static uint64_t syscall_run(void *state, uint64_t work)
{
    uint64_t different = 0;
    long parent = syscall(SYS_getppid);

    (void)state;
    for (uint64_t i = 0; i < work; i++)
        different += syscall(SYS_getppid) != parent;
    return mix(different, work);
}

static void finish_child(pid_t child, int expected)
{
    int status;

    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != expected)
        give_up("waitpid");
}

static uint64_t pipe_run(void *state, uint64_t work)
{
    uint64_t sum = 0;
    int there[2], back[2];
    pid_t child;
    uint8_t byte;

    (void)state;
    if (pipe(there) < 0 || pipe(back) < 0 || (child = fork()) < 0)
        give_up("pipe or fork");
    if (child == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1) {
            byte = (uint8_t)(byte * 5 + 1);
            if (write(back[1], &byte, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    close(there[0]);
    for (uint64_t i = 0; i < work; i++) {
        byte = (uint8_t)i;
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            give_up("pipe");
        sum = sum * 31 + byte;
    }
    close(there[1]);
    close(back[0]);
    close(back[1]);
    finish_child(child, 0);
    return mix(0, sum);
}

static uint64_t fork_run(void *state, uint64_t work)
{
    (void)state;
    for (uint64_t i = 0; i < work; i++) {
        pid_t child = fork();

        if (child < 0)
            give_up("fork");
        if (child == 0)
            _exit((int)(i % 100));
        finish_child(child, (int)(i % 100));
    }
    return mix(1, work);
}

static uint64_t exec_run(void *state, uint64_t work)
{
    char *const arguments[] = {"-", NULL}, *const environment[] = {NULL};

    (void)state;
    for (uint64_t i = 0; i < work; i++) {
        pid_t child = fork();

        if (child < 0)
            give_up("fork");
        if (child == 0) {
            execve("/proc/self/exe", arguments, environment);
            _exit(1);
        }
        finish_child(child, 7);
    }
    return mix(2, work);
}

#define PAGE 4096
#define PAGES 256

static char *map_pages(void)
{
    char *pages =
        mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        give_up("mmap");
    return pages;
}

/* 1 MiB at a time, which is too little for a huge page. */
static uint64_t fault_run(void *state, uint64_t work)
{
    uint64_t sum = 0;

    (void)state;
    for (uint64_t i = 0; i < work; i++) {
        volatile char *pages = map_pages();

        for (unsigned n = 0; n < PAGES; n++) {
            sum += (uint8_t)pages[n * PAGE];
            pages[n * PAGE + n] = (char)i;
        }
        sum = mix(sum, (uint8_t)pages[PAGE + 1]);
        munmap((char *)pages, PAGES * PAGE);
    }
    return sum;
}

static uint64_t mmap_run(void *state, uint64_t work)
{
    (void)state;
    for (uint64_t i = 0; i < work; i++) {
        char *pages = map_pages();

        if (mprotect(pages + PAGE, PAGE, PROT_READ) < 0 || munmap(pages, PAGES * PAGE) < 0)
            give_up("munmap");
    }
    return mix(3, work);
}

const struct program system_programs[] = {
    {"syscall", "system", 1200000, NULL, syscall_run},
    {"pipe", "system", 40000, NULL, pipe_run},
    {"fork", "system", 2500, NULL, fork_run},
    {"exec", "system", 1200, NULL, exec_run},
    {"fault", "system", 500, NULL, fault_run},
    {"mmap", "system", 40000, NULL, mmap_run},
    {NULL, NULL, 0, NULL, NULL},
};
