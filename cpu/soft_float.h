/* SPDX-License-Identifier: MIT */
/*
 * Floating point in integers, for what not every host has an instruction for: fused multiplication and addition, half precision.
 * Results, NaNs and flags are those of the processors, including what an unmasked overflow or underflow reports.
 */
#ifndef CPU_SOFT_FLOAT_H
#define CPU_SOFT_FLOAT_H

#include "src/base/types.h"

/* x * y + z, rounded once, of doubles (is64) or floats; the product or z with the other sign where told so. csr: MXCSR, of which
 * RC, DAZ, FTZ and the masks count; *flags gets the exception flags or-ed in. An element's result is undefined if one of
 * its flags is unmasked. */
u64 soft_fma(bool is64, u64 x, u64 y, u64 z, bool negate_product, bool negate_z, u32 csr,
             u32 *flags);

/* Half to single precision: exact. A signalling NaN raises IE, a denormal nothing. */
u32 soft_from_half(u16 x, u32 *flags);
/* Single to half precision, rounding as rc (the two bits of MXCSR.RC) says; MXCSR.FTZ does not count. */
u16 soft_to_half(u32 x, unsigned rc, u32 csr, u32 *flags);

#endif
