/* SPDX-License-Identifier: MIT */
/*
 * Building a block: decode and lift instruction by instruction until one ends it, the page does, or it is long enough.
 * Where blocks are kept and found: cpu/code_cache.c.
 *
 * A block that needs bytes beyond its page is not built from them: the caller asks again with the bytes of both
 * pages for the one instruction. Limits: BLOCK_INSNS_MAX instructions, one page.
 */
#include "cpu/block.h"

#include <errno.h>

#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "cpu/exec.h"
#include "cpu/lift.h"
#include "cpu/uops.h"
#include "mmu/ram.h"

static void raise_too_long(struct vcpu *v, const struct uop *u)
{
    (void)u;
    vcpu_raise_err(v, VEC_GP, 0);
}

struct build {
    struct vcpu *v;
    struct lift_state l;
    struct insn in;
    const u8 *bytes; /* of the page, from the block's start */
    unsigned n;      /* readable there */
    u64 rip;
    unsigned len, seen, insns;
    u32 key;
};

static u64 cut_rip(u32 key, u64 rip)
{
    return (key & KEY_CODE) == CODE_64 ? rip : (key & KEY_CODE) == CODE_32 ? (u32)rip : (u16)rip;
}

/* Lift the instruction at b->len. False: it needs bytes beyond what is readable. */
static bool add_insn(struct build *b)
{
    struct uop *from = b->l.out;
    int err =
        insn_decode(&b->in, (enum code_mode)(b->key & KEY_CODE), b->bytes + b->len, b->n - b->len);

    if (err == -EAGAIN)
        return false;
    b->seen = b->len + (err ? MIN(INSN_LEN_MAX, b->n - b->len) : b->in.len);
    if (err)
        b->in.len = 1;
    b->l.rip = cut_rip(b->key, b->rip + b->len);
    b->l.next_rip = cut_rip(b->key, b->rip + b->len + b->in.len);
    b->l.n = 0;
    if (err == -E2BIG)
        lift_call_jump(&b->l, &(struct insn_row){.name = "too long"}, raise_too_long);
    else if (err)
        lift_undefined(&b->l);
    else
        lift_insn(&b->l);
    for (struct uop *u = from; u < b->l.out; u++) {
        u->idx = (u8)b->insns;
        u->ilen = b->in.len;
        u->rip_off = (u16)b->len;
    }
    b->len += b->in.len;
    b->insns++;
    return true;
}

bool block_build(struct vcpu *v, struct block *blk, u32 key, u64 gpa, const u8 *bytes, unsigned n)
{
    struct build b = {.v = v, .bytes = bytes, .n = n, .rip = v->rip, .key = key};
    unsigned max = key & KEY_STEP ? 1 : v->block_max ? v->block_max : BLOCK_INSNS_MAX, uops;

    memset(blk, 0, sizeof(*blk));
    b.l.in = &b.in;
    b.l.key = key;
    b.l.features = v->model->features;
    b.l.out = blk->u;
    while (!b.l.end && b.insns < max && b.l.out - blk->u < BLOCK_UOPS_MAX - 17 && b.len < n)
        if (!add_insn(&b))
            break;
    if (!b.insns)
        return false;
    if (!b.l.end) {
        struct uop *end = b.l.out;

        b.l.out = lift_end(b.l.out, cut_rip(key, b.rip + b.len));
        end->idx = (u8)b.insns;
    }
    uops = (unsigned)(b.l.out - blk->u);
    lift_finish(blk->u, uops);
    blk->rip = v->rip;
    blk->gpa = gpa;
    blk->key = key;
    blk->n_insns = (u16)b.insns;
    blk->n_uops = (u16)uops;
    blk->len = (u16)b.len;
    blk->seen = (u16)b.seen;
    memcpy(block_bytes(blk), bytes, b.seen);
    return true;
}
