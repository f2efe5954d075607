/* SPDX-License-Identifier: MIT */
/*
 * Stack frames that the processor itself pushes and pops (events, far transfers, gates): pushes are checked and probed as
 * they are added and written together by frame_commit(), so that nothing is written before everything is known to succeed.
 * The stack may be another than the present one, and may belong to another privilege level.
 */
#ifndef CPU_FRAME_H
#define CPU_FRAME_H

#include "cpu/vcpu.h"

#define FRAME_MAX 48 /* GS FS DS ES SS ESP, 31 gate parameters, FLAGS CS IP, error code, and room */

struct frame {
    struct segreg ss; /* stack segment; ignored when wide */
    u64 sp;           /* stack pointer after what was pushed or popped so far, uncut */
    bool wide;        /* 64-bit stack: flat, canonical */
    bool user;        /* accessed with CPL 3's rights */
    u32 error;        /* error code of the #SS that a violation raises */
    unsigned n;
    struct {
        gla_t gla;
        u64 value;
        u8 size;
    } push[FRAME_MAX];
};

/* A frame on the present stack. */
void frame_begin(struct vcpu *v, struct frame *f, u32 error);
/* A frame on another stack, used at privilege `cpl`. */
void frame_begin_at(struct frame *f, const struct segreg *ss, u64 sp, bool wide, unsigned cpl,
                    u32 error);

/* Add a push: checks and probes it. Raises #SS(error), or escapes. */
void frame_push(struct vcpu *v, struct frame *f, u64 value, unsigned size);
/* Pop a value (it is read at once), skip `bytes`. */
u64 frame_pop(struct vcpu *v, struct frame *f, unsigned size);
void frame_skip(struct frame *f, unsigned bytes);

/* Write all pushes. Does not touch the stack pointer register. */
void frame_commit(struct vcpu *v, const struct frame *f);
/* The new value of a stack pointer register that held `old`: a 16-bit stack leaves the upper part. */
u64 frame_sp(const struct frame *f, u64 old);

#endif
