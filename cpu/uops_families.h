/* SPDX-License-Identifier: MIT */
/*
 * The regular families of integer micro-ops, as X-macros that take the row macro as a parameter:
 * uops_int.def makes rows of UOP() from them, ops_*.c the handlers. The order within a family is
 * what the *_op() functions below rely on.
 *
 * Forms: R register, I immediate, M memory, C count in CL; the destination comes first (MR: memory,
 * register).
 */
#ifndef CPU_UOPS_FAMILIES_H
#define CPU_UOPS_FAMILIES_H

/* The formatter takes lists of invocations for one expression. */
/* clang-format off */
#define FAM_SIZES4(X, OP, FORM, RD, WR)                                                            \
    X(OP, FORM, 8, RD, WR) X(OP, FORM, 16, RD, WR) X(OP, FORM, 32, RD, WR) X(OP, FORM, 64, RD, WR)
#define FAM_SIZES3(X, OP, FORM, RD, WR)                                                            \
    X(OP, FORM, 16, RD, WR) X(OP, FORM, 32, RD, WR) X(OP, FORM, 64, RD, WR)

/* ADD and its like: 5 forms of 4 sizes, each with a twin that writes no flags. */
#define FAM_ALU_OP(X, OP, RD)                                                                      \
    FAM_SIZES4(X, OP, RR, (RD) | UF_PURE, UF_ALL)                                                  \
    FAM_SIZES4(X, OP, RI, (RD) | UF_PURE, UF_ALL) FAM_SIZES4(X, OP, RM, RD, UF_ALL)                \
    FAM_SIZES4(X, OP, MR, RD, UF_ALL) FAM_SIZES4(X, OP, MI, RD, UF_ALL)
#define FAM_ALU(X)                                                                                 \
    FAM_ALU_OP(X, ADD, 0)                                                                          \
    FAM_ALU_OP(X, OR, 0) FAM_ALU_OP(X, ADC, UF_C) FAM_ALU_OP(X, SBB, UF_C) FAM_ALU_OP(X, AND, 0)   \
    FAM_ALU_OP(X, SUB, 0) FAM_ALU_OP(X, XOR, 0) FAM_ALU_OP(X, CMP, 0) FAM_ALU_OP(X, TEST, 0)

/* One operand: R, M. */
#define FAM_UNARY_OP(X, OP, WR) FAM_SIZES4(X, OP, R, UF_PURE, WR) FAM_SIZES4(X, OP, M, 0, WR)
#define FAM_UNARY(X)                                                                               \
    FAM_UNARY_OP(X, INC, UF_NOT_C)                                                                 \
    FAM_UNARY_OP(X, DEC, UF_NOT_C) FAM_UNARY_OP(X, NEG, UF_ALL) FAM_UNARY_OP(X, NOT, 0)

/* Shifts: RI, MI with a count that is not 0 after masking; RC, MC by CL. */
#define FAM_SHIFT_OP(X, OP, RD, WR)                                                                \
    FAM_SIZES4(X, OP, RI, (RD) | UF_PURE, WR)                                                      \
    FAM_SIZES4(X, OP, RC, UF_ALL | UF_PURE, WR) FAM_SIZES4(X, OP, MI, RD, WR)                      \
    FAM_SIZES4(X, OP, MC, UF_ALL, WR)
#define FAM_SHIFT(X)                                                                               \
    FAM_SHIFT_OP(X, ROL, 0, UF_C | UF_O)                                                           \
    FAM_SHIFT_OP(X, ROR, 0, UF_C | UF_O) FAM_SHIFT_OP(X, RCL, UF_C, UF_C | UF_O)                   \
    FAM_SHIFT_OP(X, RCR, UF_C, UF_C | UF_O) FAM_SHIFT_OP(X, SHL, 0, UF_ALL)                        \
    FAM_SHIFT_OP(X, SHR, 0, UF_ALL) FAM_SHIFT_OP(X, SAR, 0, UF_ALL)

#define FAM_DSHIFT_OP(X, OP)                                                                       \
    FAM_SIZES3(X, OP, RI, UF_PURE, UF_ALL)                                                         \
    FAM_SIZES3(X, OP, RC, UF_ALL | UF_PURE, UF_ALL) FAM_SIZES3(X, OP, MI, 0, UF_ALL)               \
    FAM_SIZES3(X, OP, MC, UF_ALL, UF_ALL)
#define FAM_DSHIFT(X) FAM_DSHIFT_OP(X, SHLD) FAM_DSHIFT_OP(X, SHRD)

/* Bit tests: register or immediate bit number. */
#define FAM_BIT_OP(X, OP)                                                                          \
    FAM_SIZES3(X, OP, RR, UF_PURE, UF_C)                                                           \
    FAM_SIZES3(X, OP, RI, UF_PURE, UF_C) FAM_SIZES3(X, OP, MR, 0, UF_C)                            \
    FAM_SIZES3(X, OP, MI, 0, UF_C)
#define FAM_BIT(X) FAM_BIT_OP(X, BT) FAM_BIT_OP(X, BTS) FAM_BIT_OP(X, BTR) FAM_BIT_OP(X, BTC)

/* Moves: no flags. */
#define FAM_MOV(X)                                                                                 \
    FAM_SIZES4(X, MOV, RR, UF_PURE, 0)                                                             \
    FAM_SIZES4(X, MOV, RI, UF_PURE, 0) FAM_SIZES4(X, MOV, RM, 0, 0) FAM_SIZES4(X, MOV, MR, 0, 0)   \
    FAM_SIZES4(X, MOV, MI, 0, 0)

/* Widening moves: X(OP, FORM, to, from). */
#define FAM_MOVX_FORM(X, FORM)                                                                     \
    X(MOVZX, FORM, 16, 8)                                                                          \
    X(MOVZX, FORM, 32, 8) X(MOVZX, FORM, 32, 16) X(MOVSX, FORM, 16, 8) X(MOVSX, FORM, 32, 8)       \
    X(MOVSX, FORM, 64, 8) X(MOVSX, FORM, 32, 16) X(MOVSX, FORM, 64, 16) X(MOVSX, FORM, 64, 32)
#define FAM_MOVX(X) FAM_MOVX_FORM(X, R) FAM_MOVX_FORM(X, M)

/* One-operand multiplication and division; two- and three-operand multiplication (3: with
 * immediate). */
#define FAM_MULDIV_OP(X, OP, RDR, WR) FAM_SIZES4(X, OP, R, RDR, WR) FAM_SIZES4(X, OP, M, 0, WR)
#define FAM_MULDIV(X)                                                                              \
    FAM_MULDIV_OP(X, MUL, UF_PURE, UF_ALL)                                                         \
    FAM_MULDIV_OP(X, IMUL, UF_PURE, UF_ALL) FAM_MULDIV_OP(X, DIV, 0, 0)                            \
    FAM_MULDIV_OP(X, IDIV, 0, 0)
#define FAM_IMUL_OP(X, OP) FAM_SIZES3(X, OP, R, UF_PURE, UF_ALL) FAM_SIZES3(X, OP, M, 0, UF_ALL)
#define FAM_IMUL(X) FAM_IMUL_OP(X, IMUL2) FAM_IMUL_OP(X, IMUL3)

/* Bit scans and counts, in the order of enum bits_op. */
#define FAM_BITS_OP(X, OP) FAM_SIZES3(X, OP, R, UF_PURE, UF_ALL) FAM_SIZES3(X, OP, M, 0, UF_ALL)
#define FAM_BITS(X)                                                                                \
    FAM_BITS_OP(X, BSF)                                                                            \
    FAM_BITS_OP(X, BSR) FAM_BITS_OP(X, TZCNT) FAM_BITS_OP(X, LZCNT) FAM_BITS_OP(X, POPCNT)

/* BMI1, BMI2 and ADX; aux is the operand in VEX.vvvv. */
#define FAM_BMI_OP(X, OP, RD, WR)                                                                  \
    X(OP, R, 32, (RD) | UF_PURE, WR)                                                               \
    X(OP, R, 64, (RD) | UF_PURE, WR) X(OP, M, 32, RD, WR) X(OP, M, 64, RD, WR)
/* With flags (and a twin without) ... */
#define FAM_BMI_FLAGS(X)                                                                           \
    FAM_BMI_OP(X, ANDN, 0, UF_ALL)                                                                 \
    FAM_BMI_OP(X, BEXTR, 0, UF_ALL) FAM_BMI_OP(X, BLSI, 0, UF_ALL)                                 \
    FAM_BMI_OP(X, BLSMSK, 0, UF_ALL) FAM_BMI_OP(X, BLSR, 0, UF_ALL) FAM_BMI_OP(X, BZHI, 0, UF_ALL)
/* ... without, ... */
#define FAM_BMI_PLAIN(X)                                                                           \
    FAM_BMI_OP(X, MULX, 0, 0)                                                                      \
    FAM_BMI_OP(X, PDEP, 0, 0) FAM_BMI_OP(X, PEXT, 0, 0) FAM_BMI_OP(X, RORX, 0, 0)                  \
    FAM_BMI_OP(X, SARX, 0, 0) FAM_BMI_OP(X, SHLX, 0, 0) FAM_BMI_OP(X, SHRX, 0, 0)
/* ... and with one flag for a carry. */
#define FAM_ADX(X) FAM_BMI_OP(X, ADCX, UF_C, UF_C) FAM_BMI_OP(X, ADOX, UF_O, UF_O)

/* Exchanges; L: memory under LOCK (XCHG with memory always is). */
#define FAM_XCHG(X)                                                                                \
    FAM_SIZES4(X, XCHG, R, UF_PURE, 0)                                                             \
    FAM_SIZES4(X, XCHG, L, 0, 0) FAM_SIZES4(X, CMPXCHG, R, UF_PURE, UF_ALL)                        \
    FAM_SIZES4(X, CMPXCHG, M, 0, UF_ALL) FAM_SIZES4(X, CMPXCHG, L, 0, UF_ALL)                      \
    FAM_SIZES4(X, XADD, R, UF_PURE, UF_ALL) FAM_SIZES4(X, XADD, M, 0, UF_ALL)                      \
    FAM_SIZES4(X, XADD, L, 0, UF_ALL)

/* Memory under LOCK, aux: 0 register source, 1 immediate. */
#define FAM_LOCK(X)                                                                                \
    FAM_SIZES4(X, LOCK, ADD, 0, UF_ALL)                                                            \
    FAM_SIZES4(X, LOCK, OR, 0, UF_ALL) FAM_SIZES4(X, LOCK, ADC, UF_C, UF_ALL)                      \
    FAM_SIZES4(X, LOCK, SBB, UF_C, UF_ALL) FAM_SIZES4(X, LOCK, AND, 0, UF_ALL)                     \
    FAM_SIZES4(X, LOCK, SUB, 0, UF_ALL) FAM_SIZES4(X, LOCK, XOR, 0, UF_ALL)                        \
    FAM_SIZES4(X, LOCK, INC, 0, UF_NOT_C) FAM_SIZES4(X, LOCK, DEC, 0, UF_NOT_C)                    \
    FAM_SIZES4(X, LOCK, NEG, 0, UF_ALL) FAM_SIZES4(X, LOCK, NOT, 0, 0)                             \
    FAM_SIZES3(X, LOCK, BTS, 0, UF_C) FAM_SIZES3(X, LOCK, BTR, 0, UF_C)                            \
    FAM_SIZES3(X, LOCK, BTC, 0, UF_C)

/* Micro-ops that use the stack, in the three kinds of cpu/stack.h. */
#define FAM_KINDS(X, OP) X(OP, 64) X(OP, F32) X(OP, G)
#define FAM_STACK(X)                                                                               \
    FAM_KINDS(X, PUSH_R)                                                                           \
    FAM_KINDS(X, PUSH_I) FAM_KINDS(X, PUSH_M) FAM_KINDS(X, POP_R) FAM_KINDS(X, POP_M)              \
    FAM_KINDS(X, LEAVE)
#define FAM_STACK_BRANCH(X)                                                                        \
    FAM_KINDS(X, CALL_J) FAM_KINDS(X, CALL_R) FAM_KINDS(X, CALL_M) FAM_KINDS(X, RET)

/* The 16 conditions, in the order of their numbers. */
#define FAM_CONDS(X)                                                                               \
    X(O, 0, UF_O)                                                                                  \
    X(NO, 1, UF_O) X(B, 2, UF_C) X(AE, 3, UF_C) X(E, 4, UF_Z) X(NE, 5, UF_Z) X(BE, 6, UF_C | UF_Z) \
    X(A, 7, UF_C | UF_Z) X(S, 8, UF_S) X(NS, 9, UF_S) X(P, 10, UF_P) X(NP, 11, UF_P)               \
    X(L, 12, UF_S | UF_O) X(GE, 13, UF_S | UF_O) X(LE, 14, UF_S | UF_O | UF_Z)                     \
    X(G, 15, UF_S | UF_O | UF_Z)

/* What is fused with a conditional branch behind it: X(OP, FORM, SIZE). */
#define FAM_FUSED(X)                                                                               \
    X(CMP, RR, 8)                                                                                  \
    X(CMP, RR, 32) X(CMP, RR, 64) X(CMP, RI, 8) X(CMP, RI, 16) X(CMP, RI, 32) X(CMP, RI, 64)       \
    X(CMP, RM, 8) X(CMP, RM, 32) X(CMP, RM, 64) X(CMP, MR, 32) X(CMP, MR, 64) X(CMP, MI, 8)        \
    X(CMP, MI, 16) X(CMP, MI, 32) X(CMP, MI, 64) X(TEST, RR, 8) X(TEST, RR, 32)                    \
    X(TEST, RR, 64) X(TEST, RI, 8) X(TEST, RI, 32) X(TEST, MI, 8) X(TEST, MI, 32)                  \
    X(SUB, RR, 32) X(SUB, RR, 64) X(SUB, RI, 32) X(SUB, RI, 64) X(ADD, RI, 32)                     \
    X(ADD, RI, 64) X(AND, RI, 32)
/* The conditions of fused branches: X(OP, FORM, SIZE, condition number). O, NO, P, NP are too rare.
 */
#define FAM_FUSED_CONDS(X, OP, FORM, SIZE)                                                         \
    X(OP, FORM, SIZE, 2)                                                                           \
    X(OP, FORM, SIZE, 3) X(OP, FORM, SIZE, 4) X(OP, FORM, SIZE, 5) X(OP, FORM, SIZE, 6)            \
    X(OP, FORM, SIZE, 7) X(OP, FORM, SIZE, 8) X(OP, FORM, SIZE, 9) X(OP, FORM, SIZE, 12)           \
    X(OP, FORM, SIZE, 13) X(OP, FORM, SIZE, 14) X(OP, FORM, SIZE, 15)

/* clang-format on */

/* 0..3 for a size of 1, 2, 4, 8 bytes. */
static inline unsigned size_log(unsigned size)
{
    return (unsigned)__builtin_ctz(size);
}

/* Forms of FAM_ALU_OP. */
enum { ALU_RR, ALU_RI, ALU_RM, ALU_MR, ALU_MI };
/* Micro-op of an ALU operation: `rr8` is its first (UOP_ADD_RR8). */
static inline unsigned alu_op(unsigned rr8, unsigned form, unsigned size)
{
    return rr8 + form * 8 + size_log(size) * 2;
}

#endif
