/* SPDX-License-Identifier: MIT */
/*
 * The 64-bit tests' world: selectors, the user's alias of memory, page tables to play with.
 *
 * Linear 0 to 4 GiB is memory as the demo's kit maps it, supervisor only. At USER_ALIAS the first
 * 64 MiB appear again with user rights. PML4 entry TEST_PML4 and what hangs below it is the test's.
 */
#ifndef TESTS_SYSTEM_KIT_MACHINE64_H
#define TESTS_SYSTEM_KIT_MACHINE64_H

#include "tests/system/kit/system.h"

#define K_CODE64 0x08
#define K_CODE32 0x10
#define K_CODE64C 0x18 /* conforming */
#define K_DATA 0x20
#define U_CODE32 0x2b
#define U_DATA 0x33
#define U_CODE64 0x3b
#define K_TSS 0x40  /* two slots */
#define K_FREE 0x50 /* from here on the test's own, but for the levels' (system.h) */
#define GDT_SLOT(sel) ((sel) >> 3)

#define USER_ALIAS 0x4000000000ull
#define TEST_PML4 256
#define TEST_VA 0xffff800000000000ull /* PML4 entry 256 */
#define TEST_LOW 0x8000000000ull      /* PML4 entry 1: the lower half's own, the test's too */

static inline word user_alias(const volatile void *p)
{
    return (word)(uintptr_t)p + USER_ALIAS;
}

/* The TSS's fields. */
static inline void tss_set_rsp0(uint64_t sp)
{
    __builtin_memcpy(sys_tss + 4, &sp, 8);
}
static inline void tss_set_ist(unsigned n, uint64_t sp)
{
    __builtin_memcpy(sys_tss + 0x24 + (n - 1) * 8, &sp, 8);
}

extern uint64_t sys_pml4[512]; /* in CR3 */

static inline void invlpg(uint64_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

#endif
