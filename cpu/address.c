/* SPDX-License-Identifier: MIT */
/*
 * Addresses of memory operands, the slow part: segments with a base, a limit or a type that
 * matters, and address sizes that wrap.
 *
 * An ordinary expand-up segment whose limit covers the access is decided here; whatever else comes
 * up (expand-down, null selectors, violations) goes to segment_check(), which knows all rules and
 * raises. A linear address outside 64-bit code is 32 bits wide. That it is canonical in 64-bit code
 * is checked by the MMU. Intel SDM vol. 3 §5.3, §5.5.
 */
#include "cpu/address.h"

/* Descriptor type bits of a code or data segment (SDM vol. 3 table 3-1). */
enum { TYPE_CODE = 8, TYPE_DOWN = 4, TYPE_WRITE = 2, TYPE_READ = 2 };

static bool is_plain(const struct segreg *s, u64 offset, unsigned size, enum mmu_access access)
{
    u64 last = offset + size - 1;

    if (!s->usable || last > s->limit || last < offset)
        return false;
    if (s->type & TYPE_CODE)
        return !(access & MMU_WRITE) && ((s->type & TYPE_READ) || access == MMU_EXEC);
    return !(s->type & TYPE_DOWN) && (!(access & MMU_WRITE) || (s->type & TYPE_WRITE));
}

gla_t vcpu_linear(struct vcpu *v, enum seg seg, u64 offset, unsigned size, enum mmu_access access)
{
    const struct segreg *s = &v->seg[seg];

    if (seg == SEG_NONE)
        return offset;
    if (seg == SEG_FLAT32)
        return (u32)offset;
    if (vcpu_is_code64(v))
        return seg == SEG_FS || seg == SEG_GS ? offset + s->base : offset;
    if (!is_plain(s, offset, size, access))
        segment_check(v, seg, offset, size, access);
    return (u32)(offset + s->base);
}

gla_t vcpu_address_at_slow(struct vcpu *v, const struct uop *u, u64 offset, unsigned size,
                           enum mmu_access access)
{
    v->cur = u;
    return vcpu_linear(v, u->seg, vcpu_cut(offset, u->asize), size, access);
}
