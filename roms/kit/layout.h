/* SPDX-License-Identifier: MIT */
/*
 * Numbers that the assembly entry, the linker script's neighbours and the C code of the guest
 * kernels agree on: selectors, stacks, interrupt vectors. Plain constants only; included from .S
 * and .c.
 */
#ifndef ROMS_KIT_LAYOUT_H
#define ROMS_KIT_LAYOUT_H

#define SEL_CODE32 0x08
#define SEL_DATA 0x10
#define SEL_CODE64 0x18

#define KIT_MAX_CPUS 64
#define STACK_BYTES 8192

#define TRAMPOLINE 0x8000 /* real-mode start of the other CPUs; SIPI vector 8 */

#define VEC_NMI 0x02
#define VEC_BREAKPOINT 0x03
#define VEC_PAGE_FAULT 0x0e
#define VEC_PIC 0x20 /* 16 vectors, when the 8259 pair is used */
#define VEC_PIT 0x40
#define VEC_LAPIC_TIMER 0x41
#define VEC_USER 0x50 /* from here to 0xef: the kernel's own */
#define VEC_WAKE 0xf0
#define VEC_SPURIOUS 0xff

#endif
