/* SPDX-License-Identifier: MIT */
/*
 * The micro-op table, the last step of lifting that works on whole blocks (dead flags), and the
 * micro-ops that only hold a block together: calls of helpers and the end of a block.
 *
 * Dead flags: going backwards, a micro-op whose written flags are all overwritten before anybody
 * can see them becomes its twin that writes none. Whoever can escape (a memory access, a call)
 * shows the flags to an exception handler, so all flags are live before it.
 */
#include "cpu/uops.h"

#include "cpu/lift.h"
#include "cpu/vcpu.h"
#include "src/base/check.h"

#define UOP(ID, handler, rd, wr, tw)                                                               \
    [UOP_##ID] = {.name = #ID, .fn = handler, .reads = (rd), .writes = (wr), .twin = UOP_##tw},
const struct uop_info uop_table[UOP_COUNT] = {
#include "cpu/uops.def"
};
#undef UOP

unsigned lift_finish(struct uop *u, unsigned n)
{
    unsigned live = UF_ALL;

    for (unsigned i = n; i-- > 0;) {
        const struct uop_info *info = &uop_table[u[i].op];

        CHECK(info->fn);
        if (info->twin != UOP_NONE && !(info->writes & live)) {
            u[i].op = info->twin;
            info = &uop_table[info->twin];
        }
        u[i].fn = info->fn;
        live = (live & ~(unsigned)info->writes) | (info->reads & UF_ALL);
        if (!(info->reads & UF_PURE))
            live = UF_ALL;
    }
    if (n >= 2) {
        uop_fn *both = uop_fused(u[n - 2].op, u[n - 1].op);
        if (both)
            u[n - 2].fn = both;
    }
    return n;
}

struct uop *lift_end(struct uop *out, u64 next_rip)
{
    memset(out, 0, sizeof(*out));
    out->op = UOP_END;
    out->imm = next_rip;
    out->base = out->index = UREG_ZERO;
    out->seg = SEG_NONE;
    return out + 1;
}

void uop_end(struct vcpu *v, const struct uop *u)
{
    v->rip = u->imm;
    v->taken = 0;
}

void uop_call(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    u->helper(v, u);
    uop_next(v, u);
}

void uop_call_exit(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    u->helper(v, u);
    v->rip = vcpu_next_rip(v, u);
    v->taken = 2;
}

void uop_call_jump(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    u->helper(v, u);
    v->taken = 2;
}

void uop_undefined(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    vcpu_raise(v, VEC_UD);
}
