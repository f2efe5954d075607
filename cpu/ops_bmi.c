/* SPDX-License-Identifier: MIT */
/*
 * Handlers of BMI1, BMI2 and ADX: bit manipulation on general registers of 32 or 64 bits, their three-operand form, and the lifter.
 *
 * Fixed where the manual leaves it open: AF and PF are cleared, by BEXTR SF too. src is ModRM.rm, dst the destination (BLS*: VEX.vvvv),
 * aux the other source. The loops of PDEP and PEXT are not the host's instructions, which not every host has; translated code uses
 * those where it can (bt/lower_bmi.c). Intel SDM vol. 2, under the names.
 */
#include "cpu/lift_int.h"
#include "cpu/operand.h"

/* row->arg: R32 of the operation; with twins, so at twice the distance, where flags are written. */
void lift_bmi(struct lift_state *l, const struct insn_row *row)
{
    const struct insn *in = l->in;
    bool wide = lift_is_code64(l) && (in->rex & 8);
    unsigned at = (lift_is_mem(in) ? 2 : 0) + wide;
    struct uop *u;

    if (in->lock) {
        lift_undefined(l);
        return;
    }
    u = lift_emit(l, row->arg + (uop_table[row->arg].twin ? 2 * at : at));
    if (lift_is_mem(in))
        lift_address(l, u);
    else
        u->src = in->rm;
    u->dst = row->ext == XX ? in->reg : in->vvvv;
    u->aux = in->vvvv;
    u->osize = wide ? 8 : 4;
}

/* --- With flags ------------------------------------------------------------------------------- */

enum bmi { ANDN, BEXTR, BLSI, BLSMSK, BLSR, BZHI };

/* The low n bits; n may be more than 64. */
ALWAYS_INLINE u64 low_bits(unsigned n)
{
    return n >= 64 ? ~0ull : (1ull << n) - 1;
}

/* a: the operand in ModRM.rm, cut to `bits`. Sets *cc. */
ALWAYS_INLINE u64 bmi(enum bmi op, u64 a, u64 other, unsigned bits, u32 *cc)
{
    u64 res;
    bool carry = false;

    switch (op) {
    case ANDN: res = ~other & a; break;
    case BEXTR:
        res = (other & 0xff) < bits ? a >> (other & 0xff) : 0;
        res &= low_bits((other >> 8) & 0xff);
        break;
    case BLSI:
        res = (0 - a) & a;
        carry = a;
        break;
    case BLSMSK:
        res = (a - 1) ^ a;
        carry = !a;
        break;
    case BLSR:
        res = (a - 1) & a;
        carry = !a;
        break;
    default:
        res = a & low_bits(other & 0xff);
        carry = (other & 0xff) >= bits;
        break;
    }
    res &= mask64(bits);
    *cc = (carry ? CC_CF : 0) | (res ? 0 : CC_ZF);
    if (op != BEXTR && res >> (bits - 1))
        *cc |= CC_SF;
    return res;
}

ALWAYS_INLINE u64 source_R(const struct vcpu *v, const struct uop *u, unsigned bits)
{
    return reg_get(v, u->src, bits / 8);
}

ALWAYS_INLINE u64 source_M(struct vcpu *v, const struct uop *u, unsigned bits)
{
    return mem_get(v, u, bits / 8);
}

#define HANDLER(OP, FORM, SIZE, RD, WR)                                                            \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        v->r[u->dst] = bmi(OP, source_##FORM(v, u, SIZE), v->r[u->aux], SIZE, &v->cc);             \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void uop_##OP##_##FORM##SIZE##_NF(struct vcpu *v, const struct uop *u)                         \
    {                                                                                              \
        u32 cc;                                                                                    \
        v->r[u->dst] = bmi(OP, source_##FORM(v, u, SIZE), v->r[u->aux], SIZE, &cc);                \
        uop_next(v, u);                                                                            \
    }
FAM_BMI_FLAGS(HANDLER)
#undef HANDLER

/* --- Without ---------------------------------------------------------------------------------- */

enum plain { MULX, PDEP, PEXT, RORX, SARX, SHLX, SHRX };

static u64 deposit(u64 from, u64 mask)
{
    u64 res = 0;

    for (; mask; mask &= mask - 1, from >>= 1)
        if (from & 1)
            res |= mask & (0 - mask);
    return res;
}

static u64 extract(u64 from, u64 mask)
{
    u64 res = 0;

    for (unsigned i = 0; mask; mask &= mask - 1, i++)
        if (from & mask & (0 - mask))
            res |= 1ull << i;
    return res;
}

ALWAYS_INLINE void plain(struct vcpu *v, const struct uop *u, enum plain op, u64 a, unsigned bits)
{
    u64 other = v->r[u->aux], res;
    unsigned n = other & (bits - 1);
    unsigned __int128 product;

    switch (op) {
    case MULX:
        product = (unsigned __int128)reg_get(v, R_DX, bits / 8) * a;
        v->r[u->aux] = (u64)product & mask64(bits);
        res = (u64)(product >> bits); /* the last to be written, if both are one register */
        break;
    case PDEP: res = deposit(other, a); break;
    case PEXT: res = extract(other & mask64(bits), a); break;
    case RORX:
        n = u->imm & (bits - 1);
        res = n ? a >> n | a << (bits - n) : a;
        break;
    case SARX: res = (u64)((i64)sext64(a, bits) >> n); break;
    case SHLX: res = a << n; break;
    default: res = a >> n; break;
    }
    v->r[u->dst] = res & mask64(bits);
}

#define HANDLER(OP, FORM, SIZE, RD, WR)                                                            \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        plain(v, u, OP, source_##FORM(v, u, SIZE), SIZE);                                          \
        uop_next(v, u);                                                                            \
    }
FAM_BMI_PLAIN(HANDLER)
#undef HANDLER

/* --- One flag --------------------------------------------------------------------------------- */

enum { ADCX = CC_CF, ADOX = CC_OF };

ALWAYS_INLINE void add_carry(struct vcpu *v, const struct uop *u, u32 flag, u64 a, unsigned bits)
{
    unsigned __int128 sum = (unsigned __int128)a + reg_get(v, u->dst, bits / 8) + !!(v->cc & flag);

    v->cc = (v->cc & ~flag) | (sum >> bits ? flag : 0);
    v->r[u->dst] = (u64)sum & mask64(bits);
}

#define HANDLER(OP, FORM, SIZE, RD, WR)                                                            \
    void uop_##OP##_##FORM##SIZE(struct vcpu *v, const struct uop *u)                              \
    {                                                                                              \
        add_carry(v, u, OP, source_##FORM(v, u, SIZE), SIZE);                                      \
        uop_next(v, u);                                                                            \
    }
FAM_ADX(HANDLER)
#undef HANDLER
