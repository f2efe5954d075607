/* SPDX-License-Identifier: MIT */
/*
 * Host services on Linux: clocks, entropy, threads, whole reads and writes. See host.h. Lazily committed memory and
 * waiting, which every layer needs and which tell nothing of the host, are in src/base/memory.h and src/base/wait.h.
 */
#include "src/host/host.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
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
