/* SPDX-License-Identifier: MIT */
/*
 * What the tests of far transfers in 32-bit code share (gates32, returns32): descriptors to go through and to, the stacks of the
 * levels, and code that says where it has landed.
 */
#ifndef TESTS_SYSTEM_KIT_TRANSFER32_H
#define TESTS_SYSTEM_KIT_TRANSFER32_H

#include "tests/system/kit/machine32.h"
#include "tests/system/kit/model.h"

#define SEL_X K_FREE
#define SEL_Y (K_FREE + 0x08)
#define SEL_GATE (K_FREE + 0x10)
#define SEL_SMALL (K_FREE + 0x18)
#define SEL_BEYOND 0x200 /* the GDT's end */
#define LOW 0x9000       /* where landing code lies, for 16-bit offsets too */

CODE(
    landed,
    "mov %cs, %eax\n mov %ss, %ebx\n mov %esp, %ecx\n pushfl\n pop %edx\n int $0x30\n landed_end:");
extern const uint8_t landed_end[];

static inline void copy_landing(void)
{
    memcpy((void *)(uintptr_t)LOW, landed, (size_t)(landed_end - landed));
}

/* A selector and the access byte of what it names. */
struct seg {
    uint16_t sel;
    uint8_t access;
};

static inline void set_seg(struct seg s)
{
    if (s.sel >= SEL_X && s.sel < SEL_PLAIN(0))
        sys_gdt[GDT_SLOT(s.sel)] = sys_segment(0, 0xfffff, s.access, 0xc);
}

/* Where the stack of at_level() begins. */
static inline word level_stack(unsigned cpl)
{
    return cpl == 3 ? stack_top(sys_stack_user) : stack_top(sys_stack_test);
}

static const struct seg targets[] = {
    {0, 0},          {3, 0},
    {SEL_BEYOND, 0}, {0x0c, 0}, /* in an LDT that is not there */
    {SEL_X, 0x9b},   {SEL_X | 2, 0x9b},
    {SEL_X, 0xbb},   {SEL_X, 0xdb},
    {SEL_X, 0xfb},   {SEL_X, 0x9f},
    {SEL_X, 0xbf},   {SEL_X, 0xdf},
    {SEL_X, 0xff},   {SEL_X, 0x99},
    {SEL_X, 0x1b},   {SEL_X, 0x7b},
    {SEL_X, 0x1f},   {SEL_X, 0x93},
    {SEL_X, 0x97},   {SEL_X, 0x82},
    {SEL_X, 0x8c},   {SEL_X, 0x8e},
};

#endif
