/* SPDX-License-Identifier: MIT */
/*
 * Host services on Linux: clocks, lazily committed memory, threads. See host.h. Memory is mapped without reservation so
 * that a 64 GiB guest's tables cost only what is touched.
 */
#include "src/host/host.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "src/base/check.h"

u64 host_clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

u64 host_wall_seconds(void)
{
    return (u64)time(NULL);
}

void host_random(void *to, size_t n)
{
    u8 *p = to;

    while (n) {
        ssize_t k = getrandom(p, n, 0);

        if (k < 0 && errno == EINTR)
            continue;
        CHECK(k > 0);
        p += k;
        n -= (size_t)k;
    }
}

unsigned host_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set))
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

void *host_map_lazy(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

void host_unmap(void *at, size_t bytes)
{
    if (at)
        munmap(at, bytes);
}

int host_thread_start(pthread_t *t, const char *name, void *(*fn)(void *), void *arg)
{
    sigset_t all, old;
    int err;

    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(t, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!err)
        pthread_setname_np(*t, name);
    return -err;
}

void host_thread_pin(unsigned n)
{
    cpu_set_t set, one;
    unsigned left;

    if (sched_getaffinity(getpid(), sizeof(set), &set) || !CPU_COUNT(&set))
        return;
    left = n % (unsigned)CPU_COUNT(&set);
    for (unsigned c = 0; c < CPU_SETSIZE; c++) {
        if (!CPU_ISSET(c, &set) || left--)
            continue;
        CPU_ZERO(&one);
        CPU_SET(c, &one);
        sched_setaffinity(0, sizeof(one), &one);
        return;
    }
}

void host_thread_yield(void)
{
    sched_yield();
}

void host_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t a;

    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(c, &a);
    pthread_condattr_destroy(&a);
}

void host_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, u64 deadline)
{
    struct timespec t = { (time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u) };

    if (deadline == ~(u64)0)
        pthread_cond_wait(c, m);
    else
        pthread_cond_timedwait(c, m, &t);
}

i64 host_write_all(int fd, const void *from, size_t n)
{
    const u8 *p = from;
    size_t done = 0;

    while (done < n) {
        ssize_t k = write(fd, p + done, n - done);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? -errno : -EIO;
        done += (size_t)k;
    }
    return (i64)done;
}

i64 host_read_all(int fd, void *to, size_t n)
{
    u8 *p = to;
    size_t done = 0;

    while (done < n) {
        ssize_t k = read(fd, p + done, n - done);

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -errno;
        if (!k)
            break;
        done += (size_t)k;
    }
    return (i64)done;
}
