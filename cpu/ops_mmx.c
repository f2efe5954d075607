/* SPDX-License-Identifier: MIT */
/*
 * MMX instructions, with those that SSE, SSE2 and SSSE3 added on MMX registers.
 *
 * Never executed by the host's MMX (that would disturb its x87): an operand is the low half of an
 * SSE2 register, or, for the SSSE3 ones, an array of elements. Every instruction but EMMS leaves
 * TOP = 0 and all registers tagged valid, and a written register gets FFFF as sign and exponent
 * (SDM vol. 1 §9.5, vol. 3 §12.2), after its memory access. MASKMOVQ writes just the selected
 * bytes, but all eight must be writable if any is selected; with none selected it does not access
 * memory. SDM vol. 2.
 */
#include <emmintrin.h>

#include "cpu/uops.h"
#include "cpu/x87.h"

union mm {
    u64 q;
    u8 b[8];
    i8 sb[8];
    u16 w[4];
    i16 sw[4];
    u32 d[2];
    i32 sd[2];
};

/* MMX instructions in code whose key lacks KEY_FPU: #UD or #NM. */
void uop_mmx_unavailable(struct vcpu *v, const struct uop *u)
{
    v->cur = u;
    fpu_check_mmx(v);
    uop_next(v, u);
}

static inline u64 mm_get(const struct vcpu *v, unsigned reg)
{
    return v->fpu.st[reg & 7].mant;
}

/* The source operand, of `size` bytes if it is in memory. */
static inline u64 source(struct vcpu *v, const struct uop *u, unsigned size)
{
    x87_begin(v, u);
    if (u->aux2)
        return mmu_read(&v->mmu, vcpu_address(v, u, size, MMU_READ), size, u);
    return mm_get(v, u->src);
}

static inline void finish(struct vcpu *v, unsigned reg, u64 value)
{
    fpu_enter_mmx(v);
    fpu_set_mm(v, reg, value);
}

static inline __m128i xmm(u64 a)
{
    return _mm_cvtsi64_si128((i64)a);
}

static inline u64 low(__m128i x)
{
    return (u64)_mm_cvtsi128_si64(x);
}

static inline u64 high(__m128i x)
{
    return low(_mm_unpackhi_epi64(x, x));
}

/* A handler for dst = f(dst, source); the expression knows a and b, as numbers and as SSE2
 * operands. */
#define MMX(name, size, expression)                                                                \
    void uop_mmx_##name(struct vcpu *v, const struct uop *u)                                       \
    {                                                                                              \
        u64 b = source(v, u, size), a = mm_get(v, u->dst);                                         \
        __m128i xa = xmm(a), xb = xmm(b);                                                          \
        (void)xa, (void)xb;                                                                        \
        finish(v, u->dst, expression);                                                             \
        uop_next(v, u);                                                                            \
    }

/* --- Whole registers and elements with an SSE2 counterpart ------------------------------------ */

MMX(movq, 8, b)
MMX(pand, 8, a &b)
MMX(pandn, 8, ~a &b)
MMX(por, 8, a | b)
MMX(pxor, 8, a ^ b)
MMX(paddq, 8, a + b)
MMX(psubq, 8, a - b)
MMX(pmuludq, 8, (u64)(u32)a *(u32)b)

MMX(paddb, 8, low(_mm_add_epi8(xa, xb)))
MMX(paddw, 8, low(_mm_add_epi16(xa, xb)))
MMX(paddd, 8, low(_mm_add_epi32(xa, xb)))
MMX(paddsb, 8, low(_mm_adds_epi8(xa, xb)))
MMX(paddsw, 8, low(_mm_adds_epi16(xa, xb)))
MMX(paddusb, 8, low(_mm_adds_epu8(xa, xb)))
MMX(paddusw, 8, low(_mm_adds_epu16(xa, xb)))
MMX(psubb, 8, low(_mm_sub_epi8(xa, xb)))
MMX(psubw, 8, low(_mm_sub_epi16(xa, xb)))
MMX(psubd, 8, low(_mm_sub_epi32(xa, xb)))
MMX(psubsb, 8, low(_mm_subs_epi8(xa, xb)))
MMX(psubsw, 8, low(_mm_subs_epi16(xa, xb)))
MMX(psubusb, 8, low(_mm_subs_epu8(xa, xb)))
MMX(psubusw, 8, low(_mm_subs_epu16(xa, xb)))
MMX(pmullw, 8, low(_mm_mullo_epi16(xa, xb)))
MMX(pmulhw, 8, low(_mm_mulhi_epi16(xa, xb)))
MMX(pmulhuw, 8, low(_mm_mulhi_epu16(xa, xb)))
MMX(pmaddwd, 8, low(_mm_madd_epi16(xa, xb)))
MMX(psadbw, 8, low(_mm_sad_epu8(xa, xb)))
MMX(pavgb, 8, low(_mm_avg_epu8(xa, xb)))
MMX(pavgw, 8, low(_mm_avg_epu16(xa, xb)))
MMX(pminub, 8, low(_mm_min_epu8(xa, xb)))
MMX(pmaxub, 8, low(_mm_max_epu8(xa, xb)))
MMX(pminsw, 8, low(_mm_min_epi16(xa, xb)))
MMX(pmaxsw, 8, low(_mm_max_epi16(xa, xb)))
MMX(pcmpeqb, 8, low(_mm_cmpeq_epi8(xa, xb)))
MMX(pcmpeqw, 8, low(_mm_cmpeq_epi16(xa, xb)))
MMX(pcmpeqd, 8, low(_mm_cmpeq_epi32(xa, xb)))
MMX(pcmpgtb, 8, low(_mm_cmpgt_epi8(xa, xb)))
MMX(pcmpgtw, 8, low(_mm_cmpgt_epi16(xa, xb)))
MMX(pcmpgtd, 8, low(_mm_cmpgt_epi32(xa, xb)))

/* The low-half forms read 4 bytes of memory. */
MMX(punpcklbw, 4, low(_mm_unpacklo_epi8(xa, xb)))
MMX(punpcklwd, 4, low(_mm_unpacklo_epi16(xa, xb)))
MMX(punpckldq, 4, low(_mm_unpacklo_epi32(xa, xb)))
MMX(punpckhbw, 8, high(_mm_unpacklo_epi8(xa, xb)))
MMX(punpckhwd, 8, high(_mm_unpacklo_epi16(xa, xb)))
MMX(punpckhdq, 8, high(_mm_unpacklo_epi32(xa, xb)))
MMX(packsswb, 8, low(_mm_packs_epi16(_mm_unpacklo_epi64(xa, xb), xa)))
MMX(packuswb, 8, low(_mm_packus_epi16(_mm_unpacklo_epi64(xa, xb), xa)))
MMX(packssdw, 8, low(_mm_packs_epi32(_mm_unpacklo_epi64(xa, xb), xa)))

/* --- Shifts ----------------------------------------------------------------------------------- */

MMX(psrlw, 8, low(_mm_srl_epi16(xa, xb)))
MMX(psrld, 8, low(_mm_srl_epi32(xa, xb)))
MMX(psrlq, 8, low(_mm_srl_epi64(xa, xb)))
MMX(psraw, 8, low(_mm_sra_epi16(xa, xb)))
MMX(psrad, 8, low(_mm_sra_epi32(xa, xb)))
MMX(psllw, 8, low(_mm_sll_epi16(xa, xb)))
MMX(pslld, 8, low(_mm_sll_epi32(xa, xb)))
MMX(psllq, 8, low(_mm_sll_epi64(xa, xb)))

/* By an immediate: the register is ModRM.rm. */
#define MMX_SHIFT(name, intrinsic)                                                                 \
    void uop_mmx_##name##_i(struct vcpu *v, const struct uop *u)                                   \
    {                                                                                              \
        x87_begin(v, u);                                                                           \
        finish(v, u->src, low(intrinsic(xmm(mm_get(v, u->src)), xmm((u8)u->imm))));                \
        uop_next(v, u);                                                                            \
    }

MMX_SHIFT(psrlw, _mm_srl_epi16)
MMX_SHIFT(psrld, _mm_srl_epi32)
MMX_SHIFT(psrlq, _mm_srl_epi64)
MMX_SHIFT(psraw, _mm_sra_epi16)
MMX_SHIFT(psrad, _mm_sra_epi32)
MMX_SHIFT(psllw, _mm_sll_epi16)
MMX_SHIFT(pslld, _mm_sll_epi32)
MMX_SHIFT(psllq, _mm_sll_epi64)

/* --- SSSE3 ------------------------------------------------------------------------------------ */

static i16 saturate16(i32 x)
{
    return (i16)(x > 0x7fff ? 0x7fff : x < -0x8000 ? -0x8000 : x);
}

static u64 shuffle_bytes(union mm a, union mm b)
{
    union mm r;

    for (unsigned i = 0; i < 8; i++)
        r.b[i] = b.b[i] & 0x80 ? 0 : a.b[b.b[i] & 7];
    return r.q;
}

/* Sums or differences of neighbours: a's in the low half, b's in the high one. */
static u64 horizontal_w(union mm a, union mm b, int factor, bool saturate)
{
    union mm r;

    for (unsigned i = 0; i < 4; i++) {
        const i16 *pair = i < 2 ? &a.sw[2 * i] : &b.sw[2 * i - 4];
        i32 sum = pair[0] + factor * pair[1];
        r.sw[i] = saturate ? saturate16(sum) : (i16)sum;
    }
    return r.q;
}

static u64 horizontal_d(union mm a, union mm b, u32 factor)
{
    union mm r;

    r.d[0] = a.d[0] + factor * a.d[1];
    r.d[1] = b.d[0] + factor * b.d[1];
    return r.q;
}

static u64 multiply_add_ub(union mm a, union mm b)
{
    union mm r;

    for (unsigned i = 0; i < 4; i++)
        r.sw[i] = saturate16(a.b[2 * i] * b.sb[2 * i] + a.b[2 * i + 1] * b.sb[2 * i + 1]);
    return r.q;
}

static u64 multiply_round(union mm a, union mm b)
{
    union mm r;

    for (unsigned i = 0; i < 4; i++)
        r.sw[i] = (i16)((((a.sw[i] * b.sw[i]) >> 14) + 1) >> 1);
    return r.q;
}

/* a's elements with the sign of b's: negated, zero or unchanged. */
static u64 sign_b(union mm a, union mm b)
{
    for (unsigned i = 0; i < 8; i++)
        a.b[i] = (u8)(b.sb[i] < 0 ? -a.b[i] : b.sb[i] ? a.b[i] : 0);
    return a.q;
}

static u64 sign_w(union mm a, union mm b)
{
    for (unsigned i = 0; i < 4; i++)
        a.w[i] = (u16)(b.sw[i] < 0 ? -a.w[i] : b.sw[i] ? a.w[i] : 0);
    return a.q;
}

static u64 sign_d(union mm a, union mm b)
{
    for (unsigned i = 0; i < 2; i++)
        a.d[i] = b.sd[i] < 0 ? -a.d[i] : b.sd[i] ? a.d[i] : 0;
    return a.q;
}

/* Bits 8 * count up of b with a above it. */
static u64 align_right(u64 a, u64 b, unsigned count)
{
    if (count >= 16)
        return 0;
    return (u64)(((unsigned __int128)a << 64 | b) >> 8 * count);
}

#define OPERANDS                                                                                   \
    (union mm){.q = a}, (union mm)                                                                 \
    {                                                                                              \
        .q = b                                                                                     \
    }
/* PABSx is the sign of an operand applied to itself. */
#define TWICE_B                                                                                    \
    (union mm){.q = b}, (union mm)                                                                 \
    {                                                                                              \
        .q = b                                                                                     \
    }

MMX(pshufb, 8, shuffle_bytes(OPERANDS))
MMX(phaddw, 8, horizontal_w(OPERANDS, 1, false))
MMX(phaddsw, 8, horizontal_w(OPERANDS, 1, true))
MMX(phsubw, 8, horizontal_w(OPERANDS, -1, false))
MMX(phsubsw, 8, horizontal_w(OPERANDS, -1, true))
MMX(phaddd, 8, horizontal_d(OPERANDS, 1))
MMX(phsubd, 8, horizontal_d(OPERANDS, -1u))
MMX(pmaddubsw, 8, multiply_add_ub(OPERANDS))
MMX(pmulhrsw, 8, multiply_round(OPERANDS))
MMX(psignb, 8, sign_b(OPERANDS))
MMX(psignw, 8, sign_w(OPERANDS))
MMX(psignd, 8, sign_d(OPERANDS))
MMX(pabsb, 8, sign_b(TWICE_B))
MMX(pabsw, 8, sign_w(TWICE_B))
MMX(pabsd, 8, sign_d(TWICE_B))
MMX(palignr, 8, align_right(a, b, (u8)u->imm))

/* --- Moves ------------------------------------------------------------------------------------ */

void uop_mmx_pshufw(struct vcpu *v, const struct uop *u)
{
    union mm b = {.q = source(v, u, 8)}, r;

    for (unsigned i = 0; i < 4; i++)
        r.w[i] = b.w[u->imm >> 2 * i & 3];
    finish(v, u->dst, r.q);
    uop_next(v, u);
}

/* Width of the general operand of MOVD: 8 bytes with REX.W. */
static unsigned general_size(const struct uop *u)
{
    return u->osize == 8 ? 8 : 4;
}

void uop_mmx_movd_load(struct vcpu *v, const struct uop *u)
{
    unsigned size = general_size(u);

    x87_begin(v, u);
    u64 value =
        u->aux2 ? mmu_read(&v->mmu, vcpu_address(v, u, size, MMU_READ), size, u) : v->r[u->src];
    finish(v, u->dst, size == 8 ? value : (u32)value);
    uop_next(v, u);
}

void uop_mmx_movd_store(struct vcpu *v, const struct uop *u)
{
    unsigned size = general_size(u);

    x87_begin(v, u);
    u64 value = mm_get(v, u->dst);
    if (u->aux2)
        mmu_write(&v->mmu, vcpu_address(v, u, size, MMU_WRITE), size, value, u);
    else
        v->r[u->src] = size == 8 ? value : (u32)value;
    fpu_enter_mmx(v);
    uop_next(v, u);
}

void uop_mmx_movq_store(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    u64 value = mm_get(v, u->dst);
    if (u->aux2) {
        mmu_write(&v->mmu, vcpu_address(v, u, 8, MMU_WRITE), 8, value, u);
        fpu_enter_mmx(v);
    } else {
        finish(v, u->src, value);
    }
    uop_next(v, u);
}

void uop_mmx_pinsrw(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    u64 value = u->aux2 ? mmu_read(&v->mmu, vcpu_address(v, u, 2, MMU_READ), 2, u) : v->r[u->src];
    union mm r = {.q = mm_get(v, u->dst)};
    r.w[u->imm & 3] = (u16)value;
    finish(v, u->dst, r.q);
    uop_next(v, u);
}

void uop_mmx_pextrw(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    v->r[u->dst] = (union mm){.q = mm_get(v, u->src)}.w[u->imm & 3];
    fpu_enter_mmx(v);
    uop_next(v, u);
}

void uop_mmx_pmovmskb(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    v->r[u->dst] = (u32)_mm_movemask_epi8(xmm(mm_get(v, u->src)));
    fpu_enter_mmx(v);
    uop_next(v, u);
}

/* #AC off an 8-byte boundary, as on AMD's processors even with an empty mask. */
void uop_mmx_maskmovq(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    if (unlikely(v->mmu.align_check))
        mmu_check_alignment(&v->mmu, vcpu_address(v, u, 8, MMU_WRITE), 8, 8, u);
    union mm data = {.q = mm_get(v, u->dst)};
    unsigned mask = (unsigned)_mm_movemask_epi8(xmm(mm_get(v, u->src)));
    if (mask) {
        gla_t a = vcpu_address(v, u, 8, MMU_WRITE);
        mmu_probe(&v->mmu, a, 8, MMU_WRITE, u);
        for (unsigned i = 0; i < 8; i++)
            if (mask >> i & 1)
                mmu_write(&v->mmu, a + i, 1, data.b[i], u);
    }
    fpu_enter_mmx(v);
    uop_next(v, u);
}

void uop_mmx_emms(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    v->fpu.top = 0;
    v->fpu.tag = 0;
    uop_next(v, u);
}
