/* SPDX-License-Identifier: MIT */
/*
 * Two micro-ops in one handler: a comparison (or another ALU operation) and the conditional branch
 * behind it, which end most blocks. Only the first one's handler is exchanged: both micro-ops stay
 * where they are, the branch's targets are read from u[1], and nobody but the interpreter notices.
 * A fault can only come from the first one's memory access, before anything has changed.
 */
#include "cpu/alu.h"
#include "cpu/uops.h"

ALWAYS_INLINE bool branch(struct vcpu *v, const struct uop *jcc, unsigned cond)
{
    bool taken = cc_holds(v->cc, cond);

    v->rip = taken ? jcc->imm : jcc->imm2;
    v->taken = taken;
    return true;
}

#define HANDLER(OP, FORM, SIZE, COND)                                                              \
    static uop_fn fused_##OP##_##FORM##SIZE##_##COND;                                              \
    TWO_SPEEDS_LAST(fused_##OP##_##FORM##SIZE##_##COND,                                            \
                    ALU_##FORM(OP, SIZE / 8, true) && branch(v, u + 1, COND))
#define HANDLERS(OP, FORM, SIZE) FAM_FUSED_CONDS(HANDLER, OP, FORM, SIZE)
FAM_FUSED(HANDLERS)

uop_fn *uop_fused(unsigned op, unsigned jcc)
{
#define ENTRY(OP, FORM, SIZE, COND) [COND] = fused_##OP##_##FORM##SIZE##_##COND,
#define ENTRIES(OP, FORM, SIZE)                                                                    \
    case UOP_##OP##_##FORM##SIZE: {                                                                \
        static uop_fn *const fn[16] = {FAM_FUSED_CONDS(ENTRY, OP, FORM, SIZE)};                    \
        return fn[jcc - UOP_JO];                                                                   \
    }
    if (jcc < UOP_JO || jcc > UOP_JG)
        return NULL;
    switch (op) {
        FAM_FUSED(ENTRIES)
    default: return NULL;
    }
}
