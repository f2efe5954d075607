/* SPDX-License-Identifier: MIT */
/*
 * What integer handlers are made of: register operands of each size, arithmetic flags taken from
 * the host's own instructions, and conditions. All functions are meant to be inlined with a
 * constant size, so that a handler is a few host instructions. Sizes are in bytes: 1, 2, 4, 8.
 *
 * 8-bit registers are named by byte offset into vcpu->r[], the others by index. A 32-bit result
 * clears the upper half, 8- and 16-bit results leave it (SDM vol. 1 §3.4.1.1).
 */
#ifndef CPU_OPERAND_H
#define CPU_OPERAND_H

#include "cpu/address.h"
#include "cpu/vcpu.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum {
    CC_SZP = CC_SF | CC_ZF | CC_PF,
};

ALWAYS_INLINE u64 reg_get(const struct vcpu *v, unsigned n, unsigned size)
{
    switch (size) {
    case 1: return *((const u8 *)v->r + n);
    case 2: return (u16)v->r[n];
    case 4: return (u32)v->r[n];
    default: return v->r[n];
    }
}

ALWAYS_INLINE void reg_set(struct vcpu *v, unsigned n, unsigned size, u64 value)
{
    switch (size) {
    case 1: *((u8 *)v->r + n) = (u8)value; break;
    case 2: *(u16 *)&v->r[n] = (u16)value; break;
    case 4: v->r[n] = (u32)value; break;
    default: v->r[n] = value; break;
    }
}

/* Read the memory operand of u. */
ALWAYS_INLINE u64 mem_get(struct vcpu *v, const struct uop *u, unsigned size)
{
    return mmu_read(&v->mmu, vcpu_address(v, u, size, MMU_READ), size, u);
}

ALWAYS_INLINE void mem_set(struct vcpu *v, const struct uop *u, unsigned size, u64 value)
{
    mmu_write(&v->mmu, vcpu_address(v, u, size, MMU_WRITE), size, value, u);
}

/* Begin a read-modify-write of u's memory operand; end it with mmu_rmw_end(). */
ALWAYS_INLINE void *mem_rmw(struct vcpu *v, const struct uop *u, unsigned size)
{
    return mmu_rmw_begin(&v->mmu, vcpu_address(v, u, size, MMU_RMW), size, u);
}

/*
 * Two speeds. A handler that touches memory exists twice: a fast one that is a leaf function, for
 * an address that needs no segment checks and hits the TLB, and a cold one that can do everything.
 * The try_*() functions are the accesses of both: with `fast` they return false, having done
 * nothing, where the cold one is needed; without, they always succeed. TWO_SPEEDS(name, body) makes
 * the pair; body is an expression in v, u and `fast` that is true when done. TWO_SPEEDS_LAST is for
 * handlers that end their block.
 */
#define TWO_SPEEDS_THEN(name, body, then)                                                          \
    static __attribute__((noinline, cold)) void name##_cold(struct vcpu *v, const struct uop *u)   \
    {                                                                                              \
        const bool fast = false;                                                                   \
        (void)fast;                                                                                \
        (void)(body);                                                                              \
        then;                                                                                      \
    }                                                                                              \
    void name(struct vcpu *v, const struct uop *u)                                                 \
    {                                                                                              \
        const bool fast = true;                                                                    \
        (void)fast;                                                                                \
        if (likely(body))                                                                          \
            then;                                                                                  \
        else                                                                                       \
            name##_cold(v, u);                                                                     \
    }
#define TWO_SPEEDS(name, body) TWO_SPEEDS_THEN(name, body, uop_next(v, u))
#define TWO_SPEEDS_LAST(name, body) TWO_SPEEDS_THEN(name, body, (void)0)

/* The linear address of u's operand if that is easy. */
ALWAYS_INLINE bool easy_address(const struct vcpu *v, const struct uop *u, gla_t *a)
{
    *a = vcpu_offset_raw(v, u);
    if (likely(u->seg == SEG_NONE))
        return true;
    if (u->seg == SEG_FLAT32)
        *a = (u32)*a;
    else if (u->asize == 8)
        *a += v->seg[u->seg].base;
    else
        return false;
    return true;
}

ALWAYS_INLINE const struct tlb_entry *easy_entry(const struct vcpu *v, gla_t a)
{
    return &v->mmu.tlb[(a >> 12) & (MMU_TLB_SIZE - 1)];
}

ALWAYS_INLINE bool try_read(struct vcpu *v, const struct uop *u, gla_t a, unsigned size, bool fast,
                            u64 *value)
{
    const struct tlb_entry *e = easy_entry(v, a);

    if (!fast)
        *value = mmu_read(&v->mmu, a, size, u);
    else if (likely(e->rtag == (a & (MMU_PAGE_MASK | (size - 1)))))
        *value = ram_load((const void *)(a + e->addend), size);
    else
        return false;
    return true;
}

ALWAYS_INLINE bool try_write(struct vcpu *v, const struct uop *u, gla_t a, unsigned size, bool fast,
                             u64 value)
{
    const struct tlb_entry *e = easy_entry(v, a);

    if (!fast)
        mmu_write(&v->mmu, a, size, value, u);
    else if (likely(e->wtag == (a & (MMU_PAGE_MASK | (size - 1)))))
        ram_store((void *)(a + e->addend), size, value);
    else
        return false;
    return true;
}

/* Memory operand of u. */
ALWAYS_INLINE bool try_get(struct vcpu *v, const struct uop *u, unsigned size, bool fast,
                           u64 *value)
{
    gla_t a;

    if (!fast)
        a = vcpu_address(v, u, size, MMU_READ);
    else if (unlikely(!easy_address(v, u, &a)))
        return false;
    return try_read(v, u, a, size, fast, value);
}

ALWAYS_INLINE bool try_set(struct vcpu *v, const struct uop *u, unsigned size, bool fast, u64 value)
{
    gla_t a;

    if (!fast)
        a = vcpu_address(v, u, size, MMU_WRITE);
    else if (unlikely(!easy_address(v, u, &a)))
        return false;
    return try_write(v, u, a, size, fast, value);
}

/* Begin a read-modify-write; end_rmw() with the same `fast` ends it. */
ALWAYS_INLINE bool try_rmw(struct vcpu *v, const struct uop *u, unsigned size, bool fast, void **p)
{
    const struct tlb_entry *e;
    gla_t a;

    if (!fast) {
        *p = mem_rmw(v, u, size);
        return true;
    }
    if (unlikely(!easy_address(v, u, &a)))
        return false;
    e = easy_entry(v, a);
    if (unlikely(e->wtag != (a & (MMU_PAGE_MASK | (size - 1))) || e->rtag != e->wtag))
        return false;
    *p = (void *)(a + e->addend);
    return true;
}

ALWAYS_INLINE void end_rmw(struct vcpu *v, bool fast)
{
    if (!fast)
        mmu_rmw_end(&v->mmu);
}

/* SF, ZF, PF of a result; CF, OF, AF clear. */
ALWAYS_INLINE u32 cc_szp(u64 res, unsigned size)
{
    u16 ax;

    switch (size) {
    case 1: asm("testb %b1, %b1; lahf" : "=a"(ax) : "q"((u8)res) : "cc"); break;
    case 2: asm("testw %w1, %w1; lahf" : "=a"(ax) : "r"((u16)res) : "cc"); break;
    case 4: asm("testl %k1, %k1; lahf" : "=a"(ax) : "r"((u32)res) : "cc"); break;
    default: asm("testq %q1, %q1; lahf" : "=a"(ax) : "r"(res) : "cc"); break;
    }
    return ax & CC_SZP;
}

/* *a = *a INSN b, flags from the host. cc: value of v->cc before, its CF is the carry in. */
#define FLAG_BINARY(name, INSN, PRE)                                                               \
    ALWAYS_INLINE u32 name(u64 *a, u64 b, u32 cc, unsigned size)                                   \
    {                                                                                              \
        u16 ax;                                                                                    \
        u8 a1 = *a;                                                                                \
        u16 a2 = *a;                                                                               \
        u32 a4 = *a;                                                                               \
        (void)cc;                                                                                  \
        switch (size) {                                                                            \
        case 1:                                                                                    \
            asm(PRE INSN "b %b2, %b0; lahf; seto %%al"                                             \
                : "+&q"(a1), "=&a"(ax)                                                             \
                : "q"((u8)b), "ri"(cc)                                                             \
                : "cc");                                                                           \
            *a = a1;                                                                               \
            break;                                                                                 \
        case 2:                                                                                    \
            asm(PRE INSN "w %w2, %w0; lahf; seto %%al"                                             \
                : "+&r"(a2), "=&a"(ax)                                                             \
                : "r"((u16)b), "ri"(cc)                                                            \
                : "cc");                                                                           \
            *a = a2;                                                                               \
            break;                                                                                 \
        case 4:                                                                                    \
            asm(PRE INSN "l %k2, %k0; lahf; seto %%al"                                             \
                : "+&r"(a4), "=&a"(ax)                                                             \
                : "r"((u32)b), "ri"(cc)                                                            \
                : "cc");                                                                           \
            *a = a4;                                                                               \
            break;                                                                                 \
        default:                                                                                   \
            asm(PRE INSN "q %q2, %q0; lahf; seto %%al"                                             \
                : "+&r"(*a), "=&a"(ax)                                                             \
                : "r"(b), "ri"(cc)                                                                 \
                : "cc");                                                                           \
            break;                                                                                 \
        }                                                                                          \
        return ax;                                                                                 \
    }
FLAG_BINARY(host_add, "add", "")
FLAG_BINARY(host_sub, "sub", "")
FLAG_BINARY(host_adc, "adc", "btl $8, %k3; ")
FLAG_BINARY(host_sbb, "sbb", "btl $8, %k3; ")
FLAG_BINARY(host_and, "and", "")
FLAG_BINARY(host_or, "or", "")
FLAG_BINARY(host_xor, "xor", "")
#undef FLAG_BINARY

/* *a = INSN *a; the host's CF is cc's before. */
#define FLAG_UNARY(name, INSN, PRE)                                                                \
    ALWAYS_INLINE u32 name(u64 *a, u32 cc, unsigned size)                                          \
    {                                                                                              \
        u16 ax;                                                                                    \
        u8 a1 = *a;                                                                                \
        u16 a2 = *a;                                                                               \
        u32 a4 = *a;                                                                               \
        (void)cc;                                                                                  \
        switch (size) {                                                                            \
        case 1:                                                                                    \
            asm(PRE INSN "b %b0; lahf; seto %%al" : "+&q"(a1), "=&a"(ax) : "ri"(cc) : "cc");       \
            *a = a1;                                                                               \
            break;                                                                                 \
        case 2:                                                                                    \
            asm(PRE INSN "w %w0; lahf; seto %%al" : "+&r"(a2), "=&a"(ax) : "ri"(cc) : "cc");       \
            *a = a2;                                                                               \
            break;                                                                                 \
        case 4:                                                                                    \
            asm(PRE INSN "l %k0; lahf; seto %%al" : "+&r"(a4), "=&a"(ax) : "ri"(cc) : "cc");       \
            *a = a4;                                                                               \
            break;                                                                                 \
        default:                                                                                   \
            asm(PRE INSN "q %q0; lahf; seto %%al" : "+&r"(*a), "=&a"(ax) : "ri"(cc) : "cc");       \
            break;                                                                                 \
        }                                                                                          \
        return ax;                                                                                 \
    }
FLAG_UNARY(host_inc, "inc", "btl $8, %k2; ")
FLAG_UNARY(host_dec, "dec", "btl $8, %k2; ")
FLAG_UNARY(host_neg, "neg", "")
#undef FLAG_UNARY

/* Does condition `cond` (0..15 as in Jcc opcodes, SDM vol. 1 app. B) hold for cc? */
ALWAYS_INLINE bool cc_holds(u32 cc, unsigned cond)
{
    bool less = ((cc >> 15) ^ cc) & 1; /* SF != OF */
    bool res;

    switch (cond >> 1) {
    case 0: res = cc & CC_OF; break;
    case 1: res = cc & CC_CF; break;
    case 2: res = cc & CC_ZF; break;
    case 3: res = cc & (CC_CF | CC_ZF); break;
    case 4: res = cc & CC_SF; break;
    case 5: res = cc & CC_PF; break;
    case 6: res = less; break;
    default: res = less | !!(cc & CC_ZF); break;
    }
    return res ^ (cond & 1);
}

#endif
