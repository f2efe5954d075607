/* SPDX-License-Identifier: MIT */
/*
 * Virtual interrupts (CR4.VME and CR4.PVI): which flag CLI, STI, PUSHF, POPF and IRET of a program without the privilege for IF
 * are about, and INT n through a virtual-8086 program's own vector table. vCPU's thread; inside the instruction.
 */
#ifndef CPU_VME_H
#define CPU_VME_H

#include "cpu/vcpu.h"

/* The flag that CLI and STI change here: FL_IF, or FL_VIF. Raises #GP(0) if it is neither. */
u32 vme_interrupt_flag(struct vcpu *v);
/* Virtual-8086 code with IOPL < 3: are PUSHF, POPF and IRET of that operand size about VIF? False: they are about IF. Raises #GP(0)
 * if they are not allowed at all. */
bool vme_flags_are_virtual(struct vcpu *v, unsigned osize);
/* The image that such a POPF or IRET has popped, with VIF as its IF says. Raises #GP(0): it has TF, or IF while VIP is set. */
u32 vme_popped(struct vcpu *v, u32 image);
/* INT n of virtual-8086 code, if it goes through the program's own table: enters the handler. False: the IDT's gate is meant, which
 * goes on with what was read (the peek is open). Raises #GP(0) if that needs an IOPL of 3. */
bool vme_int(struct vcpu *v, u8 vector, u64 next_rip);
/* An IRET or a task switch has loaded the flags: with VIF and VIP both set the next instruction is #GP(0). */
void vme_check_pending(struct vcpu *v);

#endif
