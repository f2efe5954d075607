/* SPDX-License-Identifier: MIT */
/*
 * What models of the manual's pseudocode are written with: the exception that is expected, or none, and what they ask of
 * descriptors. An access byte of 0 stands for a descriptor that is not there. Intel SDM vol. 3 §3.4.5, §6.13.
 */
#ifndef TESTS_SYSTEM_KIT_MODEL_H
#define TESTS_SYSTEM_KIT_MODEL_H

#include "tests/system/kit/system.h"

/* An exception: vector and error code; DONE for none. */
struct outcome {
    unsigned vector, error;
};

static inline struct outcome fault(unsigned vector, unsigned error)
{
    return (struct outcome){vector, error};
}

static const struct outcome fine = {DONE, 0};

static inline bool came_out(const struct context *c, struct outcome want)
{
    return c->vector == want.vector && c->error == want.error;
}

/* A selector as an error code has it; 0 for a null one. */
static inline unsigned err(unsigned sel)
{
    return sel & 0xfffc;
}

/* Of an access byte. */
static inline bool is_code(unsigned access)
{
    return (access & 0x18) == 0x18;
}

static inline bool is_conforming(unsigned access)
{
    return access & 4;
}

static inline unsigned dpl_of(unsigned access)
{
    return access >> 5 & 3;
}

#endif
