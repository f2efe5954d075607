/* SPDX-License-Identifier: MIT */
/*
 * The list of micro-ops, from uops.def, and what is known of each.
 *
 * A row is UOP(ID, handler, flags read, flags written, twin): the handler is the interpreter's
 * function; the flag sets are made of UF_* bits; the twin is the micro-op that does the same
 * without writing flags (NONE: there is none). UF_PURE among the flags read says that the micro-op
 * can neither fault, miss nor leave the block, so that flags it overwrites need not be exact at it.
 * One that writes a flag only sometimes (a shift by CL) lists it as read too.
 */
#ifndef CPU_UOPS_H
#define CPU_UOPS_H

#include "cpu/uop.h"
#include "cpu/uops_families.h"
#include "src/base/types.h"

enum {
    UF_C = 1,
    UF_P = 2,
    UF_A = 4,
    UF_Z = 8,
    UF_S = 16,
    UF_O = 32,
    UF_ALL = 63,
    UF_NOT_C = UF_ALL & ~UF_C,
    UF_PURE = 64,
};

#define UOP(ID, handler, reads, writes, twin) UOP_##ID,
enum uop_id {
    UOP_NONE,
#include "cpu/uops.def"
    UOP_COUNT
};
#undef UOP

#define UOP(ID, handler, reads, writes, twin) uop_fn handler;
#include "cpu/uops.def"
#undef UOP

struct uop_info {
    const char *name;
    uop_fn *fn;
    u8 reads, writes; /* UF_* */
    u16 twin;         /* enum uop_id, UOP_NONE: none */
};

extern const struct uop_info uop_table[UOP_COUNT];

/* The handler that does micro-op `op` and the branch `jcc` behind it, or NULL (cpu/ops_fused.c). */
uop_fn *uop_fused(unsigned op, unsigned jcc);

#endif
