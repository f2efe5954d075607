/* SPDX-License-Identifier: MIT */
/*
 * What the tests of debug exceptions share (debug, breakpoints). A case is code and the list of debug exceptions that it shall
 * raise: offsets of the instruction pointers, bits of DR6. The handler clears DR6 and goes on, setting RF behind an instruction
 * breakpoint as debuggers do, if debug_set_rf says so. Intel SDM vol. 3 §17.2.
 */
#ifndef TESTS_SYSTEM_KIT_DEBUG_H
#define TESTS_SYSTEM_KIT_DEBUG_H

#include "tests/system/kit/machine64.h"

#define BS 0x4000u
#define BD 0x2000u
#define DR7_NONE 0x400u /* nothing is on */

/* The debug exceptions of the last go_noting(). */
struct hit {
    word ip;
    unsigned dr6;
    word flags;
};
#define HITS 12
extern struct hit hits[HITS];
extern unsigned n_hits;
extern bool debug_set_rf;

/* What cases work on: RDI and RSI. Zeros but for other[1] at the start of each run(). */
extern uint8_t data[64], other[64];

/* What a case has: DR7's enables and types for breakpoint i on an address. */
enum { EXEC, WRITE, IO, ACCESS };
#define LEN1 0u
#define LEN2 1u
#define LEN8 2u
#define LEN4 3u

static inline word dr7_of(unsigned i, unsigned type, unsigned len)
{
    return 0x400 | 2u << (i * 2) | (type | len << 2) << (16 + i * 4);
}

void write_dr(unsigned i, word value);

/* sys_go() with DR6 clear and this DR7, which is DR7_NONE afterwards. */
void go_with(struct context *c, word dr7);
/* The same; debug exceptions are noted in hits[] and do not end it. */
void go_noting(struct context *c, word dr7);

/* Run `code` and compare: `expect` is a list of offset, DR6 pairs, ended by -1. `known`: as in check_but(). */
void run(const char *name, const uint8_t *code, word flags, word dr7, const int *expect,
         unsigned known);
#define EXPECT(...) ((const int[]){__VA_ARGS__, -1})
#define NONE ((const int[]){-1})

CODE(just_iret, "iretq"); /* a handler */

#endif
