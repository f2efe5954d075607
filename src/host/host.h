/* SPDX-License-Identifier: MIT */
/*
 * The host: the only layer that reads clocks, opens files and starts threads. Everything that a
 * guest could notice of it passes through replay/journal.h first.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <pthread.h>
#include <stddef.h>

#include "src/base/types.h"

/* Nanoseconds of a monotonic clock (CLOCK_MONOTONIC), arbitrary origin. Any thread. */
u64 host_clock_ns(void);
/* Seconds since 1970 UTC. */
u64 host_wall_seconds(void);
/* n random bytes from the kernel; aborts when there are none. */
void host_random(void *to, size_t n);
/* CPUs this process may run on. */
unsigned host_cpus(void);
/* An instruction set extension that this program needs and the host's processor does not have; NULL: none is missing. */
const char *host_cpu_lacks(void);

/* Start a thread with signals blocked. 0 or -errno. */
int host_thread_start(pthread_t *t, const char *name, void *(*fn)(void *), void *arg);

/* Write all n bytes / read up to n bytes. Bytes done or -errno. */
i64 host_write_all(int fd, const void *from, size_t n);
i64 host_read_all(int fd, void *to, size_t n);

#endif
