/* SPDX-License-Identifier: MIT */
/*
 * The 512 bytes that FXSAVE stores and with which XSAVE's area begins: cpu/ops_fxsave.c. All functions run on the vCPU's thread
 * inside an instruction. Intel SDM vol. 1 table 10-2.
 */
#ifndef CPU_FXSAVE_H
#define CPU_FXSAVE_H

#include "cpu/uop.h"
#include "cpu/vcpu.h"

enum { AREA_FX = 512, OFF_MXCSR = 24, OFF_ST = 32, OFF_XMM = 160 };

/* How many vector registers there are in the present mode. */
static inline unsigned fx_registers(const struct vcpu *v)
{
    return vcpu_is_code64(v) ? 16 : 8;
}

/* The linear address of u's operand, of `size` bytes and checked for alignment and access. May escape. */
gla_t fx_area(struct vcpu *v, const struct uop *u, unsigned size, unsigned align,
              enum mmu_access access);
/* Store a part of the state into the area at a, which was probed. */
void fx_write_x87(struct vcpu *v, const struct uop *u, gla_t a);
void fx_write_mxcsr(struct vcpu *v, const struct uop *u, gla_t a);
void fx_write_xmm(struct vcpu *v, const struct uop *u, gla_t a);
/* Load the x87 state from an image of the area. wide: pointers of 64 bits (REX.W). */
void fx_get_x87(struct vcpu *v, const u8 *image, bool wide);

#endif
