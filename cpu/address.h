/* SPDX-License-Identifier: MIT */
/*
 * Addresses of memory operands, the inline part. In 64-bit and flat 32-bit code, where lifting has
 * reduced the segment to SEG_NONE or SEG_FLAT32, an address costs two additions; FS and GS in
 * 64-bit code cost one more. Everything else (limits, types, 16-bit wrap) is in address.c. Intel
 * SDM vol. 1 §3.7.5, vol. 3 §5.3.
 */
#ifndef CPU_ADDRESS_H
#define CPU_ADDRESS_H

#include "cpu/exec.h"
#include "cpu/vcpu.h"

/* The offset of u's memory operand, before it is cut to the address size. */
static inline u64 vcpu_offset_raw(const struct vcpu *v, const struct uop *u)
{
    return v->r[u->base] + (v->r[u->index] << u->shift) + (u64)u->disp;
}

/* `offset` cut to an address size of 2, 4 or 8 bytes. */
static inline u64 vcpu_cut(u64 offset, unsigned asize)
{
    return asize == 8 ? offset : asize == 4 ? (u32)offset : (u16)offset;
}

/* vcpu_address_at: the linear address for an offset that the caller computed (not yet cut). */
gla_t vcpu_address_at_slow(struct vcpu *v, const struct uop *u, u64 offset, unsigned size,
                           enum mmu_access access);

static inline __attribute__((always_inline)) gla_t vcpu_address_at(struct vcpu *v,
                                                                   const struct uop *u, u64 offset,
                                                                   unsigned size,
                                                                   enum mmu_access access)
{
    if (likely(u->seg == SEG_NONE))
        return offset;
    if (u->seg == SEG_FLAT32)
        return (u32)offset;
    if (u->asize == 8)
        return offset + v->seg[u->seg].base;
    return vcpu_address_at_slow(v, u, offset, size, access);
}

/* Linear address of u's memory operand of `size` bytes. Raises #GP(0) or #SS(0) for a segment
 * violation. */
static inline __attribute__((always_inline)) gla_t
vcpu_address(struct vcpu *v, const struct uop *u, unsigned size, enum mmu_access access)
{
    return vcpu_address_at(v, u, vcpu_offset_raw(v, u), size, access);
}

/* Raise from inside a handler: names the micro-op first, so that the exception finds its
 * instruction. */
static inline _Noreturn void uop_raise(struct vcpu *v, const struct uop *u, enum vector vec)
{
    v->cur = u;
    vcpu_raise(v, vec);
}

static inline _Noreturn void uop_raise_err(struct vcpu *v, const struct uop *u, enum vector vec,
                                           u32 error)
{
    v->cur = u;
    vcpu_raise_err(v, vec, error);
}

#endif
