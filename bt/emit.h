/* SPDX-License-Identifier: MIT */
/*
 * Host instructions as bytes: the one place that knows x86-64's encoding of prefixes, ModRM and SIB.
 *
 * An emitter writes at `p`. It never writes beyond `end`: what does not fit is dropped and `full` is set, so the
 * lowering code needs no checks and the caller looks once, behind a whole block. Opcodes are numbers in the manual's
 * order of bytes: 0x8b, 0x0faf, 0x0f3800; a mandatory prefix stands above them (EMIT_66, EMIT_F2, EMIT_F3). An opcode
 * whose lowest bit tells bytes from words is named in its wide form and narrowed by size 1.
 * Intel SDM vol. 2 §2.1, §2.2.
 */
#ifndef BT_EMIT_H
#define BT_EMIT_H

#include <stdbool.h>
#include <string.h>

#include "src/base/types.h"

enum host_reg {
    H_AX,
    H_CX,
    H_DX,
    H_BX,
    H_SP,
    H_BP,
    H_SI,
    H_DI,
    H_8,
    H_9,
    H_10,
    H_11,
    H_12,
    H_13,
    H_14,
    H_15,
    H_NONE = -1
};

#define EMIT_66 0x66000000u
#define EMIT_F2 0xf2000000u
#define EMIT_F3 0xf3000000u
/* The opcode has no narrow form: its lowest bit means something else. */
#define EMIT_FIXED 0x00800000u

struct emitter {
    u8 *p, *end;
    bool full;
};

/* A host memory operand. base H_NONE with index H_NONE: not used. */
struct host_mem {
    i8 base, index;
    u8 shift;
    i32 disp;
};

static inline void emit8(struct emitter *e, unsigned b)
{
    if (e->p < e->end)
        *e->p++ = (u8)b;
    else
        e->full = true;
}

static inline void emit32(struct emitter *e, u32 x)
{
    if (e->end - e->p >= 4) {
        memcpy(e->p, &x, 4);
        e->p += 4;
    } else {
        e->full = true;
    }
}

static inline void emit64(struct emitter *e, u64 x)
{
    emit32(e, (u32)x);
    emit32(e, (u32)(x >> 32));
}

/* An immediate as it follows an operation of `size` bytes: at most 4. */
static inline void emit_imm(struct emitter *e, unsigned size, u64 x)
{
    if (size == 1) {
        emit8(e, (u8)x);
    } else if (size == 2) {
        emit8(e, (u8)x);
        emit8(e, (u8)(x >> 8));
    } else {
        emit32(e, (u32)x);
    }
}

/* Prefixes and opcode. reg, index, base: whose high bits REX holds; byte_reg, byte_rm: registers of 8 bits, which need REX
 * to be SIL and its like. */
static inline void emit_opcode(struct emitter *e, unsigned size, u32 op, unsigned reg,
                               unsigned index, unsigned base, bool byte_reg, bool byte_rm)
{
    unsigned prefix = op >> 24;
    bool fixed = op & EMIT_FIXED;
    unsigned rex =
        (size == 8 ? 8 : 0) | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (base >> 3 & 1);

    op &= 0x7fffff;
    if (size == 1 && !fixed)
        op &= ~1u;
    if (size == 2)
        emit8(e, 0x66);
    if (prefix)
        emit8(e, prefix);
    if (rex || (byte_reg && reg >= 4) || (byte_rm && base >= 4))
        emit8(e, 0x40 | rex);
    if (op > 0xffff)
        emit8(e, op >> 16);
    if (op > 0xff)
        emit8(e, op >> 8);
    emit8(e, op);
}

/* OP reg, rm (or OP rm, reg, as the opcode says), both registers. */
static inline void emit_rr(struct emitter *e, unsigned size, u32 op, unsigned reg, unsigned rm)
{
    bool narrow = size == 1 && !(op & EMIT_FIXED);

    emit_opcode(e, size, op, reg, 0, rm, narrow, narrow);
    emit8(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* The same with an opcode extension in the place of reg. */
static inline void emit_xr(struct emitter *e, unsigned size, u32 op, unsigned ext, unsigned rm)
{
    emit_opcode(e, size, op, 0, 0, rm, false, size == 1);
    emit8(e, 0xc0 | ext << 3 | (rm & 7));
}

static inline void emit_mem_bytes(struct emitter *e, unsigned reg, struct host_mem m)
{
    unsigned base = (unsigned)m.base & 7, mod;
    bool sib = m.index != H_NONE || base == 4;

    if (m.base == H_NONE) { /* index alone, or an absolute address of 32 bits */
        emit8(e, (reg & 7) << 3 | 4);
        emit8(e, m.shift << 6 | (m.index == H_NONE ? 4u : (unsigned)m.index & 7) << 3 | 5);
        emit32(e, (u32)m.disp);
        return;
    }
    mod = m.disp == 0 && base != 5 ? 0 : m.disp == (i8)m.disp ? 1 : 2;
    emit8(e, mod << 6 | (reg & 7) << 3 | (sib ? 4 : base));
    if (sib)
        emit8(e, m.shift << 6 | (m.index == H_NONE ? 4u : (unsigned)m.index & 7) << 3 | base);
    if (mod == 1)
        emit8(e, (u8)m.disp);
    else if (mod == 2)
        emit32(e, (u32)m.disp);
}

/* OP reg, mem (or OP mem, reg). */
static inline void emit_rm(struct emitter *e, unsigned size, u32 op, unsigned reg,
                           struct host_mem m)
{
    emit_opcode(e, size, op, reg, m.index == H_NONE ? 0 : (unsigned)m.index,
                m.base == H_NONE ? 0 : (unsigned)m.base, size == 1 && !(op & EMIT_FIXED), false);
    emit_mem_bytes(e, reg, m);
}

static inline void emit_xm(struct emitter *e, unsigned size, u32 op, unsigned ext,
                           struct host_mem m)
{
    emit_opcode(e, size, op, 0, m.index == H_NONE ? 0 : (unsigned)m.index,
                m.base == H_NONE ? 0 : (unsigned)m.base, false, false);
    emit_mem_bytes(e, ext, m);
}

/* The fields of a VEX prefix, and the opcode. map: 1 0F, 2 0F38, 3 0F3A; pp: 0 none, 1 66, 2 F3, 3 F2. */
struct vex {
    u8 op, map, pp, w, l, vvvv;
};

static inline void emit_vex_prefix(struct emitter *e, struct vex x, unsigned reg, unsigned index,
                                   unsigned base)
{
    unsigned last = (15u - x.vvvv) << 3 | x.l << 2 | x.pp, r = reg & 8 ? 0 : 0x80;

    if (x.map == 1 && !x.w && !(index & 8) && !(base & 8)) {
        emit8(e, 0xc5);
        emit8(e, r | last);
    } else {
        emit8(e, 0xc4);
        emit8(e, r | (index & 8 ? 0 : 0x40) | (base & 8 ? 0 : 0x20) | x.map);
        emit8(e, (x.w ? 0x80u : 0) | last);
    }
    emit8(e, x.op);
}

static inline void emit_vex_rr(struct emitter *e, struct vex x, unsigned reg, unsigned rm)
{
    emit_vex_prefix(e, x, reg, 0, rm);
    emit8(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static inline void emit_vex_rm(struct emitter *e, struct vex x, unsigned reg, struct host_mem m)
{
    emit_vex_prefix(e, x, reg, m.index == H_NONE ? 0 : (unsigned)m.index,
                    m.base == H_NONE ? 0 : (unsigned)m.base);
    emit_mem_bytes(e, reg, m);
}

static inline void emit_vzeroupper(struct emitter *e)
{
    emit8(e, 0xc5);
    emit8(e, 0xf8);
    emit8(e, 0x77);
}

/* MOV reg, imm in the shortest form that touches no flags. */
static inline void emit_mov_imm(struct emitter *e, unsigned reg, u64 x)
{
    if (x == (u32)x) {
        emit_opcode(e, 4, 0xb8 | (reg & 7) | EMIT_FIXED, 0, 0, reg, false, false);
        emit32(e, (u32)x);
    } else if (x == (u64)(i64)(i32)x) {
        emit_xr(e, 8, 0xc7, 0, reg);
        emit32(e, (u32)x);
    } else {
        emit_opcode(e, 8, 0xb8 | (reg & 7) | EMIT_FIXED, 0, 0, reg, false, false);
        emit64(e, x);
    }
}

/* Arithmetic with an immediate: ext 0 ADD, 1 OR, 2 ADC, 3 SBB, 4 AND, 5 SUB, 6 XOR, 7 CMP. */
static inline void emit_alu_ri(struct emitter *e, unsigned size, unsigned ext, unsigned rm, u64 imm)
{
    bool small = (i64)imm == (i8)imm && size > 1;

    emit_xr(e, size, small ? 0x83 : 0x81, ext, rm);
    emit_imm(e, small ? 1 : size, imm);
}

static inline void emit_alu_mi(struct emitter *e, unsigned size, unsigned ext, struct host_mem m,
                               u64 imm)
{
    bool small = (i64)imm == (i8)imm && size > 1;

    emit_xm(e, size, small ? 0x83 : 0x81, ext, m);
    emit_imm(e, small ? 1 : size, imm);
}

/* MOV m, imm (sign-extended from 32 bits). */
static inline void emit_mov_mi(struct emitter *e, unsigned size, struct host_mem m, u64 imm)
{
    emit_xm(e, size, 0xc7, 0, m);
    emit_imm(e, size, imm);
}

static inline void emit_call(struct emitter *e, const u8 *to)
{
    emit8(e, 0xe8);
    emit32(e, (u32)(to - (e->p + 4)));
}

/* CALL and JMP to the address in RAX. */
static inline void emit_call_ax(struct emitter *e)
{
    emit_xr(e, 4, 0xff, 2, H_AX);
}

static inline void emit_jmp_ax(struct emitter *e)
{
    emit_xr(e, 4, 0xff, 4, H_AX);
}

/* JMP rel32 and Jcc rel32 to `to`, or to a place not yet known (NULL); returns where the displacement lies. */
static inline u8 *emit_jmp(struct emitter *e, const u8 *to)
{
    u8 *at;

    emit8(e, 0xe9);
    at = e->p;
    emit32(e, to ? (u32)(to - (at + 4)) : 0);
    return at;
}

static inline u8 *emit_jcc(struct emitter *e, unsigned cond, const u8 *to)
{
    u8 *at;

    emit8(e, 0x0f);
    emit8(e, 0x80 | cond);
    at = e->p;
    emit32(e, to ? (u32)(to - (at + 4)) : 0);
    return at;
}

/* The displacement at `at` shall lead to `to`. A jump in code that is running is aligned by its maker. */
static inline void emit_patch(u8 *at, const u8 *to)
{
    __atomic_store_n((u32 *)at, (u32)(to - (at + 4)), __ATOMIC_RELEASE);
}

/* The operand [base + disp]. */
static inline struct host_mem host_at(enum host_reg base, i32 disp)
{
    return (struct host_mem){(i8)base, H_NONE, 0, disp};
}

#endif
