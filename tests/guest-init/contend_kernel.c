/* SPDX-License-Identifier: MIT
 *
 * Events of contend (see contend.c) that go through the kernel: sleeping and waking across
 * processors, page tables changed by several threads at once (and so TLB shootdowns by IPI),
 * signals, timers, pipes, processes and migration.
 */
#include "tests/guest-init/contend.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define PAGE 4096

static uint64_t broken;
static volatile uint64_t finished; /* workers that are done with their own part */

static void note_broken(void)
{
    __atomic_add_fetch(&broken, 1, __ATOMIC_SEQ_CST);
}

static void setup_plain(const struct contest *contest)
{
    (void)contest;
    broken = 0;
    finished = 0;
}

static bool check_unbroken(const struct contest *contest, uint64_t *racy)
{
    (void)contest;
    (void)racy;
    return broken == 0;
}

/* futex: two threads a pair hand a turn to and fro. */
static uint32_t turns[MAX_THREADS / 2][64];

static void setup_futex(const struct contest *contest)
{
    setup_plain(contest);
    memset(turns, 0, sizeof(turns));
}

static uint64_t work_futex(const struct contest *contest, unsigned me)
{
    uint32_t *turn = turns[me / 2];
    uint64_t waits = 0;

    if ((me ^ 1) >= contest->threads)
        return 0;
    for (uint32_t i = 0; i < contest->count; i++) {
        uint32_t mine = 2 * i + me % 2, now;

        while ((now = __atomic_load_n(turn, __ATOMIC_ACQUIRE)) != mine) {
            waits++;
            syscall(SYS_futex, turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
        }
        __atomic_store_n(turn, mine + 1, __ATOMIC_RELEASE);
        syscall(SYS_futex, turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    return waits;
}

/* mmap: threads of one address space map, fill, protect and unmap, each its own pages. */
static uint64_t work_mmap(const struct contest *contest, unsigned me)
{
    uint64_t seen = 0;

    for (unsigned i = 0; i < contest->count; i++) {
        uint8_t *at =
            mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (at == MAP_FAILED)
            give_up("mmap");
        for (unsigned k = 0; k < 4; k++)
            memset(at + k * PAGE + 8 * me, (int)(i + k), 8);
        if (mprotect(at, 2 * PAGE, PROT_READ) < 0 || munmap(at + 2 * PAGE, PAGE) < 0)
            give_up("mprotect");
        for (unsigned k = 0; k < 4; k++)
            if (k != 2 && (at[k * PAGE + 8 * me] != (uint8_t)(i + k) || at[k * PAGE + 1024] != 0))
                note_broken();
        seen = mix(seen, (uintptr_t)at);
        if (munmap(at, 4 * PAGE) < 0)
            give_up("munmap");
    }
    return seen;
}

/* protect: worker 0 takes away and gives back the right to write a page that the others count in;
 * they fault, and try again until it is back. */
static uint32_t *guarded;
static volatile uint32_t guarded_faults;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    if ((uint8_t *)info->si_addr < (uint8_t *)guarded ||
        (uint8_t *)info->si_addr >= (uint8_t *)guarded + PAGE)
        _exit(99);
    __atomic_add_fetch(&guarded_faults, 1, __ATOMIC_SEQ_CST);
    sched_yield();
}

static void catch_signal(int signal, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};

    sigemptyset(&action.sa_mask);
    if (sigaction(signal, &action, NULL) < 0)
        give_up("sigaction");
}

static void setup_protect(const struct contest *contest)
{
    setup_plain(contest);
    guarded_faults = 0;
    guarded = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guarded == MAP_FAILED)
        give_up("mmap");
    catch_signal(SIGSEGV, on_fault);
}

static uint64_t work_protect(const struct contest *contest, unsigned me)
{
    if (me == 0) {
        for (unsigned i = 0; i < contest->count; i++) {
            mprotect(guarded, PAGE, PROT_READ);
            mprotect(guarded, PAGE, PROT_READ | PROT_WRITE);
        }
        return guarded_faults;
    }
    for (unsigned i = 0; i < contest->count * 50; i++)
        __asm__ volatile("lock incl %0" : "+m"(guarded[i % 64]) : : "memory", "cc");
    return guarded_faults;
}

static bool check_protect(const struct contest *contest, uint64_t *racy)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < 64; i++)
        sum += guarded[i];
    *racy = mix(*racy, guarded_faults);
    munmap(guarded, PAGE);
    signal(SIGSEGV, SIG_DFL);
    return sum == (uint64_t)contest->count * 50 * (contest->threads - 1);
}

/* signals: each thread sends its neighbour real-time signals, of which none may be lost, and
 * ordinary ones, which merge. */
static volatile pid_t thread_ids[MAX_THREADS];
static volatile uint32_t queued[MAX_THREADS], merged[MAX_THREADS];
static __thread unsigned my_index;

static void on_queued(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    (void)context;
    queued[my_index]++;
}

static void on_merged(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    (void)context;
    merged[my_index]++;
}

static void setup_signals(const struct contest *contest)
{
    setup_plain(contest);
    for (unsigned i = 0; i < MAX_THREADS; i++) {
        thread_ids[i] = 0;
        queued[i] = merged[i] = 0;
    }
    catch_signal(SIGRTMIN + 1, on_queued);
    catch_signal(SIGUSR1, on_merged);
}

static void send_signal(pid_t thread, int signal)
{
    unsigned spins = 0;

    while (syscall(SYS_tgkill, getpid(), thread, signal) < 0) {
        if (errno != EAGAIN)
            give_up("tgkill");
        wait_a_little(&spins);
    }
}

static uint64_t work_signals(const struct contest *contest, unsigned me)
{
    unsigned next = (me + 1) % contest->threads, spins = 0;

    my_index = me;
    thread_ids[me] = (pid_t)syscall(SYS_gettid);
    while (thread_ids[next] == 0)
        wait_a_little(&spins);
    for (uint32_t i = 0; i < contest->count; i++) {
        while ((int32_t)(i - queued[next]) > 16)
            wait_a_little(&spins);
        send_signal(thread_ids[next], SIGRTMIN + 1);
        send_signal(thread_ids[next], SIGUSR1);
    }
    while (queued[me] < contest->count)
        wait_a_little(&spins);
    return mix(spins, merged[me]);
}

static bool check_signals(const struct contest *contest, uint64_t *racy)
{
    bool ok = true;

    for (unsigned i = 0; i < contest->threads; i++) {
        *racy = mix(*racy, merged[i]);
        ok &= queued[i] == contest->count && merged[i] >= 1 && merged[i] <= contest->count;
    }
    return ok;
}

/* timers: a POSIX timer for each thread and one interval timer for the process interrupt loops. */
static volatile uint32_t ticks[MAX_THREADS], alarms;

static void on_tick(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    (void)context;
    ticks[my_index]++;
}

static void on_alarm(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    (void)context;
    __atomic_add_fetch(&alarms, 1, __ATOMIC_SEQ_CST);
}

static void setup_timers(const struct contest *contest)
{
    struct itimerval often = {{0, 3000}, {0, 3000}};

    setup_plain(contest);
    alarms = 0;
    for (unsigned i = 0; i < MAX_THREADS; i++)
        ticks[i] = 0;
    catch_signal(SIGRTMIN + 2, on_tick);
    catch_signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &often, NULL);
}

static uint64_t work_timers(const struct contest *contest, unsigned me)
{
    struct itimerspec period = {{0, 1000000}, {0, 1000000}};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 2};
    uint64_t limit = (uint64_t)contest->count * 5000000, turned = 0;
    timer_t timer;

    my_index = me;
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
        timer_settime(timer, 0, &period, NULL) < 0)
        give_up("timer_create");
    while (ticks[me] < contest->count && turned < limit)
        turned++;
    timer_delete(timer);
    return turned;
}

static bool check_timers(const struct contest *contest, uint64_t *racy)
{
    struct itimerval never = {{0, 0}, {0, 0}};
    bool ok = true;

    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_IGN);
    for (unsigned i = 0; i < contest->threads; i++)
        ok &= ticks[i] > 0;
    *racy = mix(*racy, alarms);
    return ok;
}

/* pipes: three tokens go round a ring of threads; each is changed by everyone it passes. */
static int ring[MAX_THREADS][2];

static void setup_pipes(const struct contest *contest)
{
    setup_plain(contest);
    for (unsigned i = 0; i < contest->threads; i++)
        if (pipe(ring[i]) < 0)
            give_up("pipe");
}

static uint64_t work_pipes(const struct contest *contest, unsigned me)
{
    int in = ring[me][0], out = ring[(me + 1) % contest->threads][1];
    unsigned ahead = me == 0 ? (contest->count < 3 ? contest->count : 3) : 0;
    uint64_t token = 0;

    for (unsigned i = 0; i < ahead; i++) {
        token = i;
        if (write(out, &token, sizeof(token)) != sizeof(token))
            give_up("write to a pipe");
    }
    for (unsigned i = 0; i < contest->count; i++) {
        if (read(in, &token, sizeof(token)) != sizeof(token))
            give_up("read from a pipe");
        token = mix(token, me);
        if (i + ahead < contest->count && write(out, &token, sizeof(token)) != sizeof(token))
            give_up("write to a pipe");
    }
    return token;
}

static bool check_pipes(const struct contest *contest, uint64_t *racy)
{
    (void)racy;
    for (unsigned i = 0; i < contest->threads; i++) {
        close(ring[i][0]);
        close(ring[i][1]);
    }
    return true;
}

/* membarrier: Dekker's entry where one side fences and the other relies on membarrier's IPI. */
struct duel {
    volatile uint32_t arrived[2];
    volatile uint32_t written[2];
    volatile uint32_t read[2][2];
} __attribute__((aligned(512)));

static struct duel duels[MAX_THREADS / 2];

static void setup_membarrier(const struct contest *contest)
{
    setup_plain(contest);
    memset(duels, 0, sizeof(duels));
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) < 0)
        give_up("membarrier");
}

static uint64_t work_membarrier(const struct contest *contest, unsigned me)
{
    struct duel *duel = &duels[me / 2];
    unsigned side = me % 2, spins = 0;
    uint64_t seen = 0;

    if ((me ^ 1) >= contest->threads)
        return 0;
    for (uint32_t i = 1; i <= contest->count; i++) {
        duel->arrived[side] = i;
        while ((int32_t)(duel->arrived[!side] - i) < 0)
            wait_a_little(&spins);
        if (i > 1 && side == 0 && duel->read[0][!(i % 2)] != i - 1 &&
            duel->read[1][!(i % 2)] != i - 1)
            note_broken();
        duel->written[side] = i;
        if (side == 1)
            syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
        duel->read[side][i % 2] = duel->written[!side];
        seen = mix(seen, duel->read[side][i % 2]);
    }
    return seen;
}

/* forks: children of a program with many threads write shared and private memory and end. */
static struct {
    uint64_t exact __attribute__((aligned(8))), racy;
} * common;
static uint8_t private_pages[4 * PAGE];

static void setup_forks(const struct contest *contest)
{
    setup_plain(contest);
    common = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (common == MAP_FAILED)
        give_up("mmap");
}

static uint64_t work_forks(const struct contest *contest, unsigned me)
{
    uint64_t seen = 0;

    for (unsigned i = 0; i < contest->count; i++) {
        int status = 0;
        pid_t child = fork();

        if (child < 0)
            give_up("fork");
        if (child == 0) {
            memset(private_pages + PAGE, 1, 2 * PAGE);
            common->racy = common->racy * 3 + me;
            __atomic_add_fetch(&common->exact, 1, __ATOMIC_SEQ_CST);
            _exit((int)me + 1);
        }
        while (waitpid(child, &status, 0) < 0)
            if (errno != EINTR)
                give_up("waitpid");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)me + 1 || private_pages[PAGE] != 0)
            note_broken();
        seen = mix(seen, common->racy);
    }
    return seen;
}

static bool check_forks(const struct contest *contest, uint64_t *racy)
{
    bool ok = broken == 0 && common->exact == (uint64_t)contest->count * contest->threads;

    *racy = mix(*racy, common->racy);
    munmap(common, PAGE);
    return ok;
}

/* migrate: threads chase each other over the processors. */
static uint64_t work_migrate(const struct contest *contest, unsigned me)
{
    for (unsigned i = 0; i < contest->count; i++) {
        unsigned target = (me + i) % contest->cpus, now = 0;
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(target, &set);
        if (sched_setaffinity(0, sizeof(set), &set) < 0)
            give_up("sched_setaffinity");
        if (syscall(SYS_getcpu, &now, NULL, NULL) < 0 || now != target)
            note_broken();
    }
    return 0;
}

/* eventfd: everyone puts tokens into one semaphore and polls it for as many. */
static int semaphore;

static void setup_eventfd(const struct contest *contest)
{
    setup_plain(contest);
    semaphore = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
    if (semaphore < 0)
        give_up("eventfd");
}

static uint64_t work_eventfd(const struct contest *contest, unsigned me)
{
    uint64_t missed = me, token = 1;

    for (unsigned i = 0; i < contest->count; i++) {
        struct pollfd wanted = {.fd = semaphore, .events = POLLIN};

        token = 1;
        if (write(semaphore, &token, sizeof(token)) != sizeof(token))
            give_up("write to an eventfd");
        while (read(semaphore, &token, sizeof(token)) < 0) {
            missed++;
            poll(&wanted, 1, -1);
        }
    }
    return missed;
}

static bool check_eventfd(const struct contest *contest, uint64_t *racy)
{
    uint64_t token;
    bool empty = read(semaphore, &token, sizeof(token)) < 0 && errno == EAGAIN;

    (void)contest;
    (void)racy;
    close(semaphore);
    return empty;
}

const struct event kernel_events[] = {
    {"futex", 20000, setup_futex, work_futex, check_unbroken},
    {"mmap", 4000, setup_plain, work_mmap, check_unbroken},
    {"protect", 4000, setup_protect, work_protect, check_protect},
    {"signals", 8000, setup_signals, work_signals, check_signals},
    {"timers", 160, setup_timers, work_timers, check_timers},
    {"pipes", 20000, setup_pipes, work_pipes, check_pipes},
    {"membarrier", 8000, setup_membarrier, work_membarrier, check_unbroken},
    {"forks", 300, setup_forks, work_forks, check_forks},
    {"migrate", 4000, setup_plain, work_migrate, check_unbroken},
    {"eventfd", 20000, setup_eventfd, work_eventfd, check_eventfd},
};
const unsigned kernel_event_count = sizeof(kernel_events) / sizeof(kernel_events[0]);
