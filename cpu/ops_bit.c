/* SPDX-License-Identifier: MIT */
/*
 * Handlers of bit tests, bit scans and bit counts, and CRC32.
 *
 * Fixed where the manual leaves it open: BT* change CF alone; BSF and BSR of 0 leave the
 * destination as it is, set ZF and clear the other flags, and clear all but ZF otherwise; TZCNT and
 * LZCNT clear what they do not define. A register bit number with a memory operand reaches outside
 * the operand: the address moves by whole operands. Intel SDM vol. 2, BT, BSF, POPCNT, CRC32.
 */
#include "cpu/exec_int.h"
#include "cpu/operand.h"
#include "cpu/uops.h"

enum bit { BT, BTS, BTR, BTC };

ALWAYS_INLINE u64 bit_change(enum bit op, u64 a, unsigned n)
{
    switch (op) {
    case BTS: return a | 1ull << n;
    case BTR: return a & ~(1ull << n);
    case BTC: return a ^ 1ull << n;
    default: return a;
    }
}

ALWAYS_INLINE u32 with_carry(u32 cc, u64 a, unsigned n)
{
    return (cc & ~(u32)CC_CF) | (u32)((a >> n) & 1) << 8;
}

ALWAYS_INLINE void bit_reg(struct vcpu *v, const struct uop *u, enum bit op, u64 number,
                           unsigned bits)
{
    unsigned n = number & (bits - 1);
    u64 a = reg_get(v, u->dst, bits / 8);

    v->cc = with_carry(v->cc, a, n);
    if (op != BT)
        reg_set(v, u->dst, bits / 8, bit_change(op, a, n));
}

/* `distance` in bytes from the operand's own address. */
ALWAYS_INLINE void bit_mem(struct vcpu *v, const struct uop *u, enum bit op, unsigned n,
                           u64 distance, unsigned bits)
{
    unsigned size = bits / 8;
    gla_t at = vcpu_address_at(v, u, vcpu_offset_raw(v, u) + distance, size,
                               op == BT ? MMU_READ : MMU_RMW);
    u64 a;

    if (op == BT) {
        a = mmu_read(&v->mmu, at, size, u);
    } else {
        void *p = mmu_rmw_begin(&v->mmu, at, size, u);
        a = ram_load(p, size);
        ram_store(p, size, bit_change(op, a, n));
        mmu_rmw_end(&v->mmu);
    }
    v->cc = with_carry(v->cc, a, n);
}

/* Bytes that a signed bit number in a register moves the address by. */
ALWAYS_INLINE u64 bit_distance(u64 number, unsigned bits)
{
    i64 n = (i64)sext64(number, bits);

    return (u64)(n >> __builtin_ctz(bits)) * (bits / 8);
}

#define BIT_RR(OP, SIZE) bit_reg(v, u, OP, v->r[u->src], SIZE)
#define BIT_RI(OP, SIZE) bit_reg(v, u, OP, u->imm, SIZE)
#define BIT_MR(OP, SIZE)                                                                           \
    bit_mem(v, u, OP, v->r[u->src] & (SIZE - 1), bit_distance(reg_get(v, u->src, SIZE / 8), SIZE), \
            SIZE)
#define BIT_MI(OP, SIZE) bit_mem(v, u, OP, u->imm &(SIZE - 1), 0, SIZE)
#define HANDLER(OP, FORM, SIZE, RD, WR)                                                            \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        BIT_##FORM(OP, SIZE);                                                                      \
        uop_next(v, u);                                                                            \
    }
FAM_BIT(HANDLER)
#undef HANDLER

/* The same under LOCK; aux: the bit number is an immediate. */
#define LOCK_BIT(name, INSN)                                                                       \
    ALWAYS_INLINE void name(struct vcpu *v, const struct uop *u, unsigned bits)                    \
    {                                                                                              \
        u64 number = u->aux ? u->imm & (bits - 1) : reg_get(v, u->src, bits / 8);                  \
        unsigned n = number & (bits - 1);                                                          \
        u64 off = vcpu_offset_raw(v, u) + (u->aux ? 0 : bit_distance(number, bits));               \
        void *p =                                                                                  \
            mmu_rmw_begin(&v->mmu, vcpu_address_at(v, u, off, bits / 8, MMU_RMW), bits / 8, u);    \
        bool old;                                                                                  \
        if (ram_is_ordered()) /* to be seen */                                                     \
            ram_store(p, bits / 8, ram_load(p, bits / 8));                                         \
        if (bits == 16)                                                                            \
            asm volatile("lock " INSN "w %w2, %1"                                                  \
                         : "=@ccc"(old), "+m"(*(u16 *)p)                                           \
                         : "r"(n)                                                                  \
                         : "memory");                                                              \
        else if (bits == 32)                                                                       \
            asm volatile("lock " INSN "l %2, %1"                                                   \
                         : "=@ccc"(old), "+m"(*(u32 *)p)                                           \
                         : "r"(n)                                                                  \
                         : "memory");                                                              \
        else                                                                                       \
            asm volatile("lock " INSN "q %q2, %1"                                                  \
                         : "=@ccc"(old), "+m"(*(u64 *)p)                                           \
                         : "r"(n)                                                                  \
                         : "memory");                                                              \
        mmu_rmw_end(&v->mmu);                                                                      \
        v->cc = (v->cc & ~(u32)CC_CF) | (u32)old << 8;                                             \
    }
LOCK_BIT(lock_BTS, "bts")
LOCK_BIT(lock_BTR, "btr")
LOCK_BIT(lock_BTC, "btc")

#define HANDLER(OP, SIZE)                                                                          \
    void uop_LOCK_##OP##SIZE(struct vcpu *v, const struct uop *u)                                  \
    {                                                                                              \
        lock_##OP(v, u, SIZE);                                                                     \
        uop_next(v, u);                                                                            \
    }
HANDLER(BTS, 16)
HANDLER(BTS, 32)
HANDLER(BTS, 64)
HANDLER(BTR, 16)
HANDLER(BTR, 32)
HANDLER(BTR, 64)
HANDLER(BTC, 16)
HANDLER(BTC, 32)
HANDLER(BTC, 64)
#undef HANDLER

enum bits { BSF, BSR, TZCNT, LZCNT, POPCNT };

ALWAYS_INLINE void bits_op(struct vcpu *v, const struct uop *u, enum bits op, u64 a, unsigned bits)
{
    u64 res;

    switch (op) {
    case BSF:
    case BSR:
        /* With 32 bits an unchanged destination keeps its upper half, as AMD documents. */
        v->cc = a ? 0 : CC_ZF;
        if (!a)
            return;
        res = op == BSF ? (u64)__builtin_ctzll(a) : 63u - (unsigned)__builtin_clzll(a);
        break;
    case TZCNT:
    case LZCNT:
        if (op == TZCNT)
            res = a ? (u64)__builtin_ctzll(a) : bits;
        else
            res = a ? (u64)__builtin_clzll(a) - (64 - bits) : bits;
        v->cc = (a ? 0 : CC_CF) | (res ? 0 : CC_ZF);
        break;
    default:
        res = (u64)__builtin_popcountll(a);
        v->cc = a ? 0 : CC_ZF;
        break;
    }
    reg_set(v, u->dst, bits / 8, res);
}

#define BITS_SOURCE_R(SIZE) reg_get(v, u->src, SIZE / 8)
#define BITS_SOURCE_M(SIZE) mem_get(v, u, SIZE / 8)
#define HANDLER(OP, FORM, SIZE, RD, WR)                                                            \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        bits_op(v, u, OP, BITS_SOURCE_##FORM(SIZE), SIZE);                                         \
        uop_next(v, u);                                                                            \
    }
FAM_BITS(HANDLER)

/* CRC-32C (polynomial 1EDC6F41, reflected 82F63B78) of `size` bytes of data. */
static u32 crc32c(u32 crc, u64 data, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        crc ^= (u8)(data >> 8 * i);
        for (unsigned k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

/* osize: source size; the destination is 32 bits, zero-extended. */
void help_crc32_reg(struct vcpu *v, const struct uop *u)
{
    v->r[u->dst] = crc32c((u32)v->r[u->dst], reg_get(v, u->src, u->osize), u->osize);
}

void help_crc32_mem(struct vcpu *v, const struct uop *u)
{
    u64 data = mmu_read(&v->mmu, vcpu_address(v, u, u->osize, MMU_READ), u->osize, u);

    v->r[u->dst] = crc32c((u32)v->r[u->dst], data, u->osize);
}
