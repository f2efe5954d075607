/* SPDX-License-Identifier: MIT
 *
 * The event "keys" of contend (see contend.c): protection keys. Workers count in pages of one key; each has rights of its own to it
 * (PKRU is a register) and gives and takes them at every operation. What is denied must fault, in user mode and when the kernel
 * accesses the page for the program, and nothing else may. Where there are no keys the event does nothing but say so.
 */
#include "tests/guest-init/contend.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096

#ifdef __x86_64__

static uint32_t *counted;
static int key = -1;
static uint64_t denied; /* faults for the key */
static int sink[2];

static uint32_t rights(void)
{
    uint32_t eax;

    __asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(eax) : "c"(0) : "rdx");
    return eax;
}

/* Access disabled: bit 0; writing disabled: bit 1. */
static void set_rights(uint32_t bits)
{
    uint32_t eax = (rights() & ~(UINT32_C(3) << 2 * key)) | bits << 2 * key;

    __asm__ volatile(".byte 0x0f, 0x01, 0xef" : : "a"(eax), "c"(0), "d"(0) : "memory");
}

/* MOVL $0, (RAX): 6 bytes, which the handler skips. */
static void store_zero(uint32_t *at)
{
    __asm__ volatile(".byte 0xc7, 0x00, 0, 0, 0, 0" : : "a"(at) : "memory");
}

static void on_denial(int signal, siginfo_t *info, void *context)
{
    ucontext_t *u = context;

    (void)signal;
    if (info->si_code != SEGV_PKUERR || (int)info->si_pkey != key)
        _exit(98);
    u->uc_mcontext.gregs[REG_RIP] += 6;
    __atomic_add_fetch(&denied, 1, __ATOMIC_SEQ_CST);
}

static void setup(const struct contest *contest)
{
    struct sigaction action = {.sa_sigaction = on_denial, .sa_flags = SA_SIGINFO};

    (void)contest;
    denied = 0;
    key = pkey_alloc(0, 0);
    printf("contend: protection keys %s\n", key < 0 ? "none" : "in use");
    if (key < 0)
        return;
    counted = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (counted == MAP_FAILED ||
        pkey_mprotect(counted, 4 * PAGE, PROT_READ | PROT_WRITE, key) < 0 || pipe(sink) < 0 ||
        sigaction(SIGSEGV, &action, NULL) < 0)
        give_up("pkey_mprotect");
}

static uint64_t work(const struct contest *contest, unsigned me)
{
    uint64_t wrong = 0;

    for (unsigned i = 0; key >= 0 && i < contest->count; i++) {
        uint32_t *at = counted + (me + i) % 4 * (PAGE / 4), before;

        set_rights(0);
        __atomic_add_fetch(at, 1, __ATOMIC_SEQ_CST);
        before = __atomic_load_n(at, __ATOMIC_SEQ_CST);
        set_rights(2);
        wrong += __atomic_load_n(at, __ATOMIC_SEQ_CST) < before;
        if (i % 16)
            continue;
        store_zero(at);
        set_rights(1);
        wrong += write(sink[1], at, 1) != -1;
        set_rights(0);
        wrong += write(sink[1], at, 1) != 1 || read(sink[0], &before, 1) != 1;
    }
    return wrong;
}

static bool check(const struct contest *contest, uint64_t *racy)
{
    uint64_t sum = 0, wrong = *racy, none = 0;

    if (key < 0)
        return true;
    set_rights(0);
    for (unsigned i = 0; i < 4; i++)
        sum += counted[i * (PAGE / 4)];
    for (unsigned i = 0; i < contest->threads; i++)
        none = mix(none, 0);
    munmap(counted, 4 * PAGE);
    pkey_free(key);
    close(sink[0]);
    close(sink[1]);
    signal(SIGSEGV, SIG_DFL);
    return wrong == none && sum == (uint64_t)contest->count * contest->threads &&
           denied == (uint64_t)(contest->count + 15) / 16 * contest->threads;
}

#else

static void setup(const struct contest *contest)
{
    (void)contest;
    printf("contend: protection keys none\n");
}

static uint64_t work(const struct contest *contest, unsigned me)
{
    (void)contest;
    (void)me;
    return 0;
}

static bool check(const struct contest *contest, uint64_t *racy)
{
    (void)contest;
    (void)racy;
    return true;
}

#endif

const struct event keys_event = {"keys", 20000, setup, work, check};
