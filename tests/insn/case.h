/* SPDX-License-Identifier: MIT */
/*
 * How an assembly file states one test case of instructions:
 *
 *     #include "tests/insn/case.h"
 *     CASE(adc_carry)              64-bit code; CASE32: 32-bit
 *     EXPECT(rax, 0x1)             registers that matter afterwards
 *     EXPECT_FLAGS(CF | ZF, ALL)   arithmetic flags under a mask
 *     EXPECT_VECTOR(DE)            the exception that ends it; without: the UD2 that END adds
 *     BEGIN
 *         ... Intel syntax ...
 *     END
 *
 * A file may hold several, one behind the other. "insn --expect NAME" prints what the host makes of one.
 *
 * All registers but RSP are 0 at the start, the arithmetic flags clear, and the memory at DATA (16
 * KiB, absolute addresses) zero. The runner (runner.c) executes the case on the host and on the
 * interpreter and compares each with what is expected. Addresses are fixed (tests/lib/flat.h); a
 * jump must be relative. HOST_DIFFERS: do not run it on the host, because of what the comment says. NEEDS("bmi1"): the host is asked
 * only if it has that feature (cpu/features.def); WITHOUT("abm"): the guest has it not, and the host is asked if it has not either.
 */
/* Assembly language from here on. */
/* clang-format off */
#define CF 0x001
#define PF 0x004
#define AF 0x010
#define ZF 0x040
#define SF 0x080
#define OF 0x800
#define ALL 0x8d5
#define NONE 0

#define VEC_DE 0
#define VEC_DB 1
#define VEC_BP 3
#define VEC_OF 4
#define VEC_BR 5
#define VEC_UD 6
#define VEC_SS 12
#define VEC_GP 13
#define VEC_MF 16
#define VEC_AC 17

#define DATA 0x10100000

#define BIT_rax 1
#define BIT_rcx 2
#define BIT_rdx 4
#define BIT_rbx 8
#define BIT_rsp 0x10
#define BIT_rbp 0x20
#define BIT_rsi 0x40
#define BIT_rdi 0x80
#define BIT_r8 0x100
#define BIT_r9 0x200
#define BIT_r10 0x400
#define BIT_r11 0x800
#define BIT_r12 0x1000
#define BIT_r13 0x2000
#define BIT_r14 0x4000
#define BIT_r15 0x8000

#define RESET(reg) .set want_##reg, 0
#define CASE_OF(id, bits)                                                                          \
    .intel_syntax noprefix;                                                                        \
    .section .rodata;                                                                              \
    9901: .asciz #id;                                                                              \
    .set code_bits, bits;                                                                          \
    .set registers, 0;                                                                             \
    .set want_flags, 0;                                                                            \
    .set flags_mask, 0;                                                                            \
    .set want_vector, VEC_UD;                                                                      \
    .set to_end, 1;                                                                                \
    .set host_differs, 0;                                                                          \
    .set needs, 0;                                                                                 \
    .set without, 0;                                                                               \
    RESET(rax); RESET(rcx); RESET(rdx); RESET(rbx); RESET(rsp); RESET(rbp); RESET(rsi); RESET(rdi); \
    RESET(r8); RESET(r9); RESET(r10); RESET(r11); RESET(r12); RESET(r13); RESET(r14); RESET(r15)
#define CASE(id) CASE_OF(id, 64)
#define CASE32(id) CASE_OF(id, 32)
#define EXPECT(reg, value)                                                                         \
    .set want_##reg, value;                                                                        \
    .set registers, registers | BIT_##reg
#define EXPECT_FLAGS(value, mask)                                                                  \
    .set want_flags, value;                                                                        \
    .set flags_mask, mask
#define EXPECT_VECTOR(v)                                                                           \
    .set want_vector, VEC_##v;                                                                     \
    .set to_end, 0
#define HOST_DIFFERS .set host_differs, 1
#define FEATURE_NAME(what, text)                                                                   \
    .section .rodata;                                                                              \
    9904: .asciz text;                                                                             \
    .set what, 9904b
#define NEEDS(feature) FEATURE_NAME(needs, feature)
#define WITHOUT(feature) FEATURE_NAME(without, feature)
#define BEGIN                                                                                      \
    .section .insn_code, "a";                                                                      \
    .balign 64;                                                                                    \
    9902:                                                                                          \
    .if code_bits == 32;                                                                           \
    .code32;                                                                                       \
    .endif
#define END                                                                                        \
    ud2;                                                                                           \
    9903:                                                                                          \
    .code64;                                                                                       \
    .section insn_cases, "aw";                                                                     \
    .balign 8;                                                                                     \
    .quad 9901b, 9902b, 9903b;                                                                    \
    .quad want_rax, want_rcx, want_rdx, want_rbx, want_rsp, want_rbp, want_rsi, want_rdi;          \
    .quad want_r8, want_r9, want_r10, want_r11, want_r12, want_r13, want_r14, want_r15;            \
    .quad registers, want_flags, flags_mask, want_vector, code_bits, host_differs, to_end;         \
    .quad needs, without;                                                                          \
    .section .note.GNU-stack, "", @progbits
