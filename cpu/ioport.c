/* SPDX-License-Identifier: MIT */
/*
 * Port instructions and the I/O permission map. INS and OUTS (string instructions) use ioport_check() as well.
 *
 * The map is consulted in virtual-8086 mode and when CPL > IOPL; two bytes are read for every access, since it may span
 * them, so the map must be followed by a byte of ones. Only a 32- or 64-bit TSS has one.
 * Intel SDM vol. 1 §19.5, vol. 2 IN, OUT.
 */
#include "cpu/address.h"
#include "cpu/debug.h"
#include "cpu/descriptor.h"
#include "cpu/sys.h"

static bool map_allows(struct vcpu *v, u16 port, unsigned size)
{
    const struct segreg *tr = &v->seg[SEG_TR];
    u32 offset, bits, mask = (1u << size) - 1;

    if (!tr->usable || !(tr->type & 8) || tr->limit < 0x67)
        return false;
    offset = mmu_sys_read(&v->mmu, tr->base + 0x66, 2, v->cur);
    offset += port / 8;
    if (offset + 1 > tr->limit)
        return false;
    bits = mmu_sys_read(&v->mmu, tr->base + offset, 2, v->cur);
    return !(bits >> (port & 7) & mask);
}

void ioport_check(struct vcpu *v, u16 port, unsigned size)
{
    bool checked = vcpu_is_v86(v) || v->cpl > (v->rflags & FL_IOPL) >> 12;

    if (!vcpu_is_pe(v) || !checked)
        return;
    mmu_peek_begin(&v->mmu);
    if (!map_allows(v, port, size))
        vcpu_raise_err(v, VEC_GP, 0);
    mmu_peek_end(&v->mmu);
}

static u16 port_of(const struct vcpu *v, const struct uop *u)
{
    return u->aux ? (u8)u->imm : (u16)v->r[R_DX];
}

void sys_in(struct vcpu *v, const struct uop *u)
{
    u16 port = port_of(v, u);
    u64 value;

    ioport_check(v, port, u->osize);
    value = vcpu_port_read(v, port, u->osize);
    if (u->osize == 1)
        *vcpu_reg8(v, R_AX * 8) = value;
    else
        sys_set_reg(v, R_AX, value, u->osize);
    debug_check_port(v, port, u->osize);
}

void sys_out(struct vcpu *v, const struct uop *u)
{
    u16 port = port_of(v, u);

    ioport_check(v, port, u->osize);
    vcpu_port_write(v, port, u->osize, v->r[R_AX] & mask64(u->osize * 8));
    debug_check_port(v, port, u->osize);
}
