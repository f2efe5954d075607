/* SPDX-License-Identifier: MIT */
/*
 * What the tests of far transfers in long mode share (gates64, returns64): descriptors to go to, and code that says where it has landed.
 */
#ifndef TESTS_SYSTEM_KIT_TRANSFER64_H
#define TESTS_SYSTEM_KIT_TRANSFER64_H

#include "tests/system/kit/machine64.h"
#include "tests/system/kit/model.h"

#define SEL_X K_FREE
#define SEL_GATE                                                                                   \
    (K_FREE + 0x08) /* two slots; the upper half, a bad one, where SEL_X is a gate itself */
#define SEL_Y (K_FREE + 0x18)
#define SEL_BEYOND 0x200 /* the GDT's end */

CODE(landed, "mov %cs, %eax\n mov %ss, %ebx\n mov %rsp, %rcx\n pushfq\n pop %rdx\n int $0x30");

/* A descriptor for the test: what the checks look at. */
struct code {
    uint16_t sel;
    uint8_t access, flags;
};

static inline bool is_long(const struct code *c)
{
    return (c->flags & 6) == 2; /* L without D */
}

static inline void set_code(const struct code *c)
{
    if (c->sel >= SEL_X && c->sel < SEL_PLAIN(0))
        sys_gdt[GDT_SLOT(c->sel)] = sys_segment(0, 0xfffff, c->access, c->flags);
}

static const struct code targets[] = {
    {0, 0, 0},
    {3, 0, 0},
    {SEL_BEYOND, 0, 0},
    {K_DATA, 0x93, 0xc},
    {K_CODE32, 0x9b, 0xc},
    {SEL_X, 0x9b, 0xa},
    {SEL_X | 3, 0x9b, 0xa},
    {SEL_X, 0xbb, 0xa},
    {SEL_X, 0xdb, 0xa},
    {SEL_X, 0xfb, 0xa},
    {SEL_X, 0x9f, 0xa},
    {SEL_X | 1, 0xbf, 0xa},
    {SEL_X, 0xdf, 0xa},
    {SEL_X, 0xff, 0xa},
    {SEL_X, 0x1b, 0xa}, /* not present */
    {SEL_X, 0x1f, 0xa},
    {SEL_X, 0x99, 0xa}, /* execute-only */
    {SEL_X, 0x9b, 0xe}, /* L and D */
    {SEL_X, 0x9b, 0x8}, /* 16-bit */
    {SEL_X, 0x93, 0xa}, /* data */
    {SEL_X, 0x97, 0xa},
    {SEL_X, 0x82, 0},
    {SEL_X, 0x8c, 0},
};

#endif
