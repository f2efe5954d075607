/* SPDX-License-Identifier: MIT */
/* Bits of MXCSR. Intel SDM vol. 1 §10.2.3. */
#ifndef CPU_MXCSR_H
#define CPU_MXCSR_H

enum {
    MXCSR_IE = 1 << 0,
    MXCSR_DE = 1 << 1,
    MXCSR_ZE = 1 << 2,
    MXCSR_OE = 1 << 3,
    MXCSR_UE = 1 << 4,
    MXCSR_PE = 1 << 5,
    MXCSR_FLAGS = 0x3f,
    MXCSR_DAZ = 1 << 6,
    MXCSR_MASKS = 0x1f80,
    MXCSR_MASK_SHIFT = 7,
    MXCSR_RC_SHIFT = 13,
    MXCSR_RC = 3 << MXCSR_RC_SHIFT,
    MXCSR_FTZ = 1 << 15,
    MXCSR_DEFAULT = 0x1f80,
};

#endif
