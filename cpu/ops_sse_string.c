/* SPDX-License-Identifier: MIT */
/*
 * SSE4.2 string compares: PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI, in software, after the
 * manual's own steps: a matrix of element compares, aggregated into one bit per element of the
 * second operand, polarity, then an index or a mask. Bit 7 of the immediate is ignored, as CPUs do.
 * Memory operands need no alignment. Intel SDM vol. 2 §4.1.
 */
#include "cpu/ops_avx.h"
#include "cpu/uops.h"

enum { IMM_WORDS = 1 << 0, IMM_SIGNED = 1 << 1, IMM_HIGH = 1 << 6 };
enum aggregate { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

/* One string operand as numbers, and its length. */
struct str {
    int e[16];
    unsigned len;
};

static unsigned count(unsigned imm)
{
    return imm & IMM_WORDS ? 8 : 16;
}

static void unpack(struct str *s, const union xmm *x, unsigned imm)
{
    for (unsigned i = 0; i < count(imm); i++) {
        if (imm & IMM_WORDS)
            s->e[i] = imm & IMM_SIGNED ? x->sw[i] : x->w[i];
        else
            s->e[i] = imm & IMM_SIGNED ? x->sb[i] : x->b[i];
    }
}

/* Length up to the first zero element. */
static unsigned implicit_length(const struct str *s, unsigned n)
{
    unsigned len = 0;

    while (len < n && s->e[len])
        len++;
    return len;
}

/* |length| from a general register, at most n. */
static unsigned explicit_length(u64 r, unsigned osize, unsigned n)
{
    i64 len = osize == 8 ? (i64)r : (i32)r;
    u64 abs = len < 0 ? 0 - (u64)len : (u64)len;

    return abs < n ? (unsigned)abs : n;
}

static bool any(const struct str *a, int x)
{
    for (unsigned i = 0; i < a->len; i++) {
        if (a->e[i] == x)
            return true;
    }
    return false;
}

static bool in_ranges(const struct str *a, int x)
{
    for (unsigned i = 0; i + 1 < a->len; i += 2) {
        if (a->e[i] <= x && x <= a->e[i + 1])
            return true;
    }
    return false;
}

/* Does a stand in b at j? What lies behind the end of the vector is taken to match. */
static bool substring(const struct str *a, const struct str *b, unsigned j, unsigned n)
{
    for (unsigned i = 0; i < a->len && i + j < n; i++) {
        if (i + j >= b->len || a->e[i] != b->e[i + j])
            return false;
    }
    return true;
}

static bool result_bit(const struct str *a, const struct str *b, unsigned j, unsigned n,
                       unsigned imm)
{
    switch ((imm >> 2) & 3) {
    case EQUAL_ANY: return j < b->len && any(a, b->e[j]);
    case RANGES: return j < b->len && in_ranges(a, b->e[j]);
    case EQUAL_EACH:
        return j < a->len && j < b->len ? a->e[j] == b->e[j] : j >= a->len && j >= b->len;
    default: return substring(a, b, j, n);
    }
}

/* IntRes2 of the manual; sets the flags. */
static unsigned compare(struct vcpu *v, const struct str *a, const struct str *b, unsigned imm)
{
    unsigned n = count(imm), res = 0;

    for (unsigned j = 0; j < n; j++)
        res |= (unsigned)result_bit(a, b, j, n, imm) << j;
    if (imm & 0x10)
        res ^= imm & 0x20 ? (unsigned)mask64(b->len) : (unsigned)mask64(n);
    v->cc = (res ? CC_CF : 0) | (b->len < n ? CC_ZF : 0) | (a->len < n ? CC_SF : 0) |
            (res & 1 ? CC_OF : 0);
    return res;
}

static void put_index(struct vcpu *v, unsigned res, unsigned imm)
{
    if (!res)
        v->r[R_CX] = count(imm);
    else if (imm & IMM_HIGH)
        v->r[R_CX] = 31 - (unsigned)__builtin_clz(res);
    else
        v->r[R_CX] = (unsigned)__builtin_ctz(res);
}

static void put_mask(struct vcpu *v, unsigned res, unsigned imm)
{
    union xmm x = {.q = {0, 0}};

    if (!(imm & IMM_HIGH)) {
        x.q[0] = res;
    } else if (imm & IMM_WORDS) {
        for (unsigned i = 0; i < 8; i++)
            x.w[i] = res >> i & 1 ? 0xffff : 0;
    } else {
        for (unsigned i = 0; i < 16; i++)
            x.b[i] = res >> i & 1 ? 0xff : 0;
    }
    v->fpu.xmm[0] = x;
}

static __attribute__((noinline)) void string_compare(struct vcpu *v, const struct uop *u,
                                                     __m128i second, bool is_explicit,
                                                     bool wants_mask)
{
    unsigned imm = (unsigned)u->imm, n = count(imm), res;
    union xmm y = sse_union(second);
    struct str a, b;

    unpack(&a, &v->fpu.xmm[u->dst], imm);
    unpack(&b, &y, imm);
    a.len = is_explicit ? explicit_length(v->r[R_AX], u->osize, n) : implicit_length(&a, n);
    b.len = is_explicit ? explicit_length(v->r[R_DX], u->osize, n) : implicit_length(&b, n);
    res = compare(v, &a, &b, imm);
    if (wants_mask)
        put_mask(v, res, imm);
    else
        put_index(v, res, imm);
}

#define STRING(name, is_explicit, wants_mask)                                                      \
    SSE_OP(name)                                                                                   \
    {                                                                                              \
        string_compare(v, u, b, is_explicit, wants_mask);                                          \
    }                                                                                              \
    SSE_FORMS(name, sse_load128u(v, u))
/* VEX-encoded, XMM0 being the result: the upper half of YMM0 becomes 0. */
#define VEX_STRING(name, is_explicit)                                                              \
    AVX_OP(name)                                                                                   \
    {                                                                                              \
        string_compare(v, u, b.lo, is_explicit, true);                                             \
        v->fpu.ymmh[0] = (union xmm){.q = {0, 0}};                                                 \
    }                                                                                              \
    AVX_PAIR(name, avx_low(sse_load128u(v, u)))
VEX_STRING(pcmpestrm, true)
VEX_STRING(pcmpistrm, false)

STRING(pcmpestrm, true, true)
STRING(pcmpestri, true, false)
STRING(pcmpistrm, false, true)
STRING(pcmpistri, false, false)
