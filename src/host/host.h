/* SPDX-License-Identifier: MIT */
/*
 * The host: the only layer that reads clocks, maps memory, opens files and starts threads. Everything that a
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

/* Zeroed memory that takes no room until touched; NULL: not to be had. Whole pages. */
void *host_map_lazy(size_t bytes);
void host_unmap(void *at, size_t bytes);

/* Start a thread with signals blocked. 0 or -errno. */
int host_thread_start(pthread_t *t, const char *name, void *(*fn)(void *), void *arg);
/* Pin the calling thread to the n-th of the process's CPUs (modulo). */
void host_thread_pin(unsigned n);
void host_thread_yield(void);

/* Wait on cond (made by host_cond_init) until it is signalled or `deadline` (host_clock_ns; ~0: for ever). The mutex
 * is held. */
void host_cond_init(pthread_cond_t *c);
void host_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, u64 deadline);

/* A spin-wait hint. */
static inline void host_relax(void) { __builtin_ia32_pause(); }

/* Write all n bytes / read up to n bytes. Bytes done or -errno. */
i64 host_write_all(int fd, const void *from, size_t n);
i64 host_read_all(int fd, void *to, size_t n);

#endif
