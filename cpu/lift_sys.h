/* SPDX-License-Identifier: MIT */
/*
 * The instructions of insn_sys.def by name: what their rows' argument is. One line each:
 *   SYS(ID, helper, end, aux)
 * `end` says how the block goes on: NEXT (with the next instruction), EXIT (it ends; the mode may have changed, or an interrupt may
 * come), JUMP (the helper sets vcpu->rip). `aux` is the helper's argument.
 */
#ifndef CPU_LIFT_SYS_H
#define CPU_LIFT_SYS_H

#define SYS_HELPERS(SYS)                                                                           \
    SYS(JMP_FAR, sys_far_direct, JUMP, 0)                                                          \
    SYS(CALL_FAR, sys_far_direct, JUMP, 1)                                                         \
    SYS(JMP_FAR_M, sys_far_memory, JUMP, 0)                                                        \
    SYS(CALL_FAR_M, sys_far_memory, JUMP, 1)                                                       \
    SYS(RETF, sys_far_ret, JUMP, 0)                                                                \
    SYS(RETF_I, sys_far_ret, JUMP, 1)                                                              \
    SYS(IRET, sys_iret, JUMP, 0)                                                                   \
    SYS(SYSCALL, sys_syscall, JUMP, 0)                                                             \
    SYS(SYSRET, sys_sysret, JUMP, 0)                                                               \
    SYS(SYSENTER, sys_sysenter, JUMP, 0)                                                           \
    SYS(SYSEXIT, sys_sysexit, JUMP, 0)                                                             \
    SYS(LGDT, sys_lgdt, NEXT, 0)                                                                   \
    SYS(LIDT, sys_lidt, NEXT, 0)                                                                   \
    SYS(SGDT, sys_sgdt, NEXT, 0)                                                                   \
    SYS(SIDT, sys_sidt, NEXT, 0)                                                                   \
    SYS(LLDT, sys_lldt, NEXT, 0)                                                                   \
    SYS(LTR, sys_ltr, NEXT, 0)                                                                     \
    SYS(SLDT, sys_sldt, NEXT, 0)                                                                   \
    SYS(STR, sys_str, NEXT, 0)                                                                     \
    SYS(MOV_FROM_SEG, sys_mov_from_seg, NEXT, 0)                                                   \
    SYS(MOV_TO_SEG, sys_mov_to_seg, EXIT, 0)                                                       \
    SYS(LES, sys_load_far_pointer, EXIT, SEG_ES)                                                   \
    SYS(LDS, sys_load_far_pointer, EXIT, SEG_DS)                                                   \
    SYS(LSS, sys_load_far_pointer, EXIT, SEG_SS)                                                   \
    SYS(LFS, sys_load_far_pointer, EXIT, SEG_FS)                                                   \
    SYS(LGS, sys_load_far_pointer, EXIT, SEG_GS)                                                   \
    SYS(LAR, sys_lar, NEXT, 0)                                                                     \
    SYS(LSL, sys_lsl, NEXT, 0)                                                                     \
    SYS(VERR, sys_verr, NEXT, 0)                                                                   \
    SYS(VERW, sys_verw, NEXT, 0)                                                                   \
    SYS(ARPL, sys_arpl, NEXT, 0)                                                                   \
    SYS(MOV_FROM_CR, sys_mov_from_cr, NEXT, 0)                                                     \
    SYS(MOV_TO_CR, sys_mov_to_cr, EXIT, 0)                                                         \
    SYS(MOV_FROM_DR, sys_mov_from_dr, NEXT, 0)                                                     \
    SYS(MOV_TO_DR, sys_mov_to_dr, EXIT, 0)                                                         \
    SYS(SMSW, sys_smsw, NEXT, 0)                                                                   \
    SYS(LMSW, sys_lmsw, EXIT, 0)                                                                   \
    SYS(CLTS, sys_clts, EXIT, 0)                                                                   \
    SYS(CLI, sys_cli, NEXT, 0)                                                                     \
    SYS(STI, sys_sti, EXIT, 0)                                                                     \
    SYS(CLAC, sys_clac, EXIT, 0)                                                                   \
    SYS(STAC, sys_stac, EXIT, 0)                                                                   \
    SYS(HLT, sys_hlt, EXIT, 0)                                                                     \
    SYS(MONITOR, sys_monitor, NEXT, 0)                                                             \
    SYS(MWAIT, sys_mwait, EXIT, 0)                                                                 \
    SYS(INVLPG, sys_invlpg, EXIT, 0)                                                               \
    SYS(INVPCID, sys_invpcid, EXIT, 0)                                                             \
    SYS(WBINVD, sys_wbinvd, NEXT, 0)                                                               \
    SYS(RDMSR, sys_rdmsr, NEXT, 0)                                                                 \
    SYS(WRMSR, sys_wrmsr, EXIT, 0)                                                                 \
    SYS(RDTSC, sys_rdtsc, NEXT, 0)                                                                 \
    SYS(RDTSCP, sys_rdtscp, NEXT, 0)                                                               \
    SYS(RDPMC, sys_rdpmc, NEXT, 0)                                                                 \
    SYS(RDPID, sys_rdpid, NEXT, 0)                                                                 \
    SYS(RDPKRU, sys_rdpkru, NEXT, 0)                                                               \
    SYS(WRPKRU, sys_wrpkru, EXIT, 0)                                                               \
    SYS(RDRAND, sys_rdrand, NEXT, 0)                                                               \
    SYS(RDSEED, sys_rdseed, NEXT, 0)                                                               \
    SYS(CPUID, sys_cpuid, NEXT, 0)                                                                 \
    SYS(SWAPGS, sys_swapgs, NEXT, 0)                                                               \
    SYS(RDFSBASE, sys_rdbase, NEXT, SEG_FS)                                                        \
    SYS(RDGSBASE, sys_rdbase, NEXT, SEG_GS)                                                        \
    SYS(WRFSBASE, sys_wrbase, NEXT, SEG_FS)                                                        \
    SYS(WRGSBASE, sys_wrbase, NEXT, SEG_GS)                                                        \
    SYS(IN_I, sys_in, EXIT, 1)                                                                     \
    SYS(IN_DX, sys_in, EXIT, 0)                                                                    \
    SYS(OUT_I, sys_out, EXIT, 1)                                                                   \
    SYS(OUT_DX, sys_out, EXIT, 0)

#define SYS(ID, helper, end, aux) SYS_##ID,
enum sys_op { SYS_HELPERS(SYS) SYS_COUNT };
#undef SYS

#endif
