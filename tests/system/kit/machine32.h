/* SPDX-License-Identifier: MIT */
/*
 * The 32-bit tests' world: flat protected mode without paging, memory from 1 MiB on. Selectors here;
 * from K_FREE on the GDT is the test's own, but for the levels' (system.h).
 */
#ifndef TESTS_SYSTEM_KIT_MACHINE32_H
#define TESTS_SYSTEM_KIT_MACHINE32_H

#define K_CODE 0x08
#define K_DATA 0x10
#define U_CODE 0x1b
#define U_DATA 0x23
#define K_TSS 0x28
#define K_FREE 0x30
#define GDT_SLOT(sel) ((sel) >> 3)

#ifndef __ASSEMBLER__
#include "tests/system/kit/system.h"

/* A 32-bit task state segment. */
struct tss32 {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    uint32_t r[8];
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, io_map;
};

static inline struct tss32 *main_tss(void)
{
    return (struct tss32 *)(void *)sys_tss;
}
#endif
#endif
