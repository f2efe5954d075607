/* SPDX-License-Identifier: MIT */
/*
 * Decimal adjustment, BOUND, XLAT, SALC: helpers of instructions that compilers no longer emit.
 *
 * Undefined flags, fixed here: DAA and DAS clear OF; AAA and AAS clear OF, SF, ZF and PF; AAM and
 * AAD clear OF, AF and CF. Intel SDM vol. 2, DAA, DAS, AAA, AAS, AAM, AAD, BOUND, XLAT.
 */
#include "cpu/exec_int.h"
#include "cpu/operand.h"

static void set_flags(struct vcpu *v, u8 result, bool af, bool cf)
{
    v->cc = cc_szp(result, 1) | (af ? CC_AF : 0) | (cf ? CC_CF : 0);
}

static void das_or_daa(struct vcpu *v, bool subtract)
{
    u8 al = (u8)v->r[R_AX], old = al;
    bool cf = v->cc & CC_CF, af = (al & 15) > 9 || (v->cc & CC_AF), carry = false;

    if (af) {
        carry = cf || (subtract ? old < 6 : old > 0xff - 6);
        al = subtract ? al - 6 : al + 6;
    }
    if (old > 0x99 || cf) {
        al = subtract ? al - 0x60 : al + 0x60;
        carry = true;
    }
    reg_set(v, R_AX, 1, al);
    set_flags(v, al, af, carry);
}

static void aaa_or_aas(struct vcpu *v, bool subtract)
{
    u16 ax = (u16)v->r[R_AX];
    bool adjust = (ax & 15) > 9 || (v->cc & CC_AF);

    if (adjust)
        ax = subtract ? ax - 0x106 : ax + 0x106;
    reg_set(v, R_AX, 2, ax & 0xff0f);
    v->cc = adjust ? CC_AF | CC_CF : 0;
}

/* imm: the base, 10 in assembly language. */
static void aam(struct vcpu *v, u8 base)
{
    u8 al = (u8)v->r[R_AX];

    if (!base)
        vcpu_raise(v, VEC_DE);
    reg_set(v, R_AX, 2, (u32)(al / base) << 8 | al % base);
    set_flags(v, al % base, false, false);
}

static void aad(struct vcpu *v, u8 base)
{
    u8 al = (u8)(v->r[R_AX] + (v->r[R_AX] >> 8 & 0xff) * base);

    reg_set(v, R_AX, 2, al);
    set_flags(v, al, false, false);
}

void help_bcd(struct vcpu *v, const struct uop *u)
{
    switch (u->aux) {
    case 0: das_or_daa(v, false); break;
    case 1: das_or_daa(v, true); break;
    case 2: aaa_or_aas(v, false); break;
    case 3: aaa_or_aas(v, true); break;
    case 4: aam(v, (u8)u->imm); break;
    case 5: aad(v, (u8)u->imm); break;
    default: reg_set(v, R_AX, 1, v->cc & CC_CF ? 0xff : 0); break;
    }
}

void help_bound(struct vcpu *v, const struct uop *u)
{
    unsigned size = u->osize, bits = size * 8;
    gla_t a = vcpu_address(v, u, 2 * size, MMU_READ);
    i64 index = (i64)sext64(v->r[u->dst], bits), low, high;

    mmu_probe(&v->mmu, a, 2 * size, MMU_READ, u);
    low = (i64)sext64(mmu_read(&v->mmu, a, size, u), bits);
    high = (i64)sext64(mmu_read(&v->mmu, (u32)(a + size), size, u), bits);
    if (index < low || index > high)
        vcpu_raise(v, VEC_BR);
}

void help_xlat(struct vcpu *v, const struct uop *u)
{
    u64 offset = vcpu_offset_raw(v, u) + (u8)v->r[R_AX];
    gla_t a = vcpu_address_at(v, u, offset, 1, MMU_READ);

    reg_set(v, R_AX, 1, mmu_read(&v->mmu, a, 1, u));
}
