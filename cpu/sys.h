/* SPDX-License-Identifier: MIT */
/*
 * Helpers of the privileged and structural instructions: what the `call` micro-ops of insn_sys.def run. Each does one
 * instruction whole; `u` carries the operands (ModRM.reg in dst, ModRM.rm in src, address expression, sizes, the table
 * row's argument in aux). Those that change control flow set vcpu->rip. On the vCPU's thread; may escape before the commit.
 */
#ifndef CPU_SYS_H
#define CPU_SYS_H

#include "cpu/exec.h"
#include "cpu/lift.h"

/* Bit of aux: the 16-bit operand is in memory. */
enum { SYS_MEM = 0x80 };

/* cpu/far.c; aux of the transfers: 1 is CALL. aux of RET: 1 has an immediate. */
lift_helper sys_far_direct, sys_far_memory, sys_far_ret, sys_iret;
/* cpu/syscall.c */
lift_helper sys_syscall, sys_sysret, sys_sysenter, sys_sysexit;
/* cpu/system.c: table registers, segment registers, descriptor queries */
lift_helper sys_lgdt, sys_lidt, sys_sgdt, sys_sidt, sys_lldt, sys_ltr, sys_sldt, sys_str;
lift_helper sys_mov_from_seg, sys_mov_to_seg, sys_load_far_pointer;
lift_helper sys_lar, sys_lsl, sys_verr, sys_verw, sys_arpl;
/* cpu/control.c: control and debug registers, flags, caches */
lift_helper sys_mov_from_cr, sys_mov_to_cr, sys_mov_from_dr, sys_mov_to_dr, sys_smsw, sys_lmsw,
    sys_clts;
lift_helper sys_cli, sys_sti, sys_clac, sys_stac, sys_hlt, sys_monitor, sys_mwait;
lift_helper sys_invlpg, sys_invpcid, sys_wbinvd;
/* cpu/sysmisc.c: MSR access, time, entropy, identification, FS and GS bases */
lift_helper sys_rdmsr, sys_wrmsr, sys_rdtsc, sys_rdtscp, sys_rdpmc, sys_rdpid, sys_rdpkru,
    sys_wrpkru, sys_rdrand, sys_rdseed, sys_cpuid;
lift_helper sys_swapgs, sys_rdbase, sys_wrbase;
/* cpu/ioport.c; aux 1: the port is an immediate */
lift_helper sys_in, sys_out;

/* Raise #GP(0) unless CPL is 0. */
static inline void sys_need_cpl0(struct vcpu *v)
{
    if (v->cpl != 0)
        vcpu_raise_err(v, VEC_GP, 0);
}

/* Write a general register the way an instruction of that operand size does. */
static inline void sys_set_reg(struct vcpu *v, unsigned reg, u64 value, unsigned size)
{
    if (size == 2)
        v->r[reg] = (v->r[reg] & ~0xffffull) | (u16)value;
    else
        v->r[reg] = size == 4 ? (u32)value : value;
}

#endif
