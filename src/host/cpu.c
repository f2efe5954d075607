/* SPDX-License-Identifier: MIT */
/*
 * What the host's processor must have: handlers execute these instructions, and the configured compiler assumes no more than the
 * x86-64 baseline for everything else.
 */
#include <cpuid.h>

#include "src/host/host.h"

const char *host_cpu_lacks(void)
{
    static const struct {
        unsigned leaf, bit; /* of ECX */
        const char *name;
    } needs[] = {
        {1, 0, "SSE3"},
        {1, 9, "SSSE3"},
        {1, 13, "CMPXCHG16B"},
        {1, 19, "SSE4.1"},
        {1, 20, "SSE4.2"},
        {1, 23, "POPCNT"},
        {0x80000001, 0, "LAHF in 64-bit mode"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(needs); i++) {
        unsigned a, b, c = 0, d;

        if (!__get_cpuid(needs[i].leaf, &a, &b, &c, &d) || !(c >> needs[i].bit & 1))
            return needs[i].name;
    }
    return NULL;
}
