/* SPDX-License-Identifier: MIT */
/*
 * See crypto.h. AES' substitution table is made at start from its definition, the inverse in GF(2^8) and an affine map. Limits:
 * tables are indexed with secret data, so timing tells about guests' keys, as everything about an emulator does.
 */
#include "cpu/crypto.h"

#include "cpu/ops_sse.h"

/* --- AES -------------------------------------------------------------------------------------- */

static u8 sbox[256], inverse[256];

static u8 times2(u8 x)
{
    return (u8)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

static u8 times(u8 x, unsigned n)
{
    u8 r = 0;

    for (; n; n >>= 1, x = times2(x))
        if (n & 1)
            r ^= x;
    return r;
}

/* p runs through all of GF(2^8) but 0 as powers of 3, q through their inverses. */
__attribute__((constructor)) static void make_tables(void)
{
    u8 p = 1, q = 1;

    do {
        p ^= times2(p);
        q = times(q, 0xf6);
        u8 x = q ^ (u8)(q << 1 | q >> 7) ^ (u8)(q << 2 | q >> 6) ^ (u8)(q << 3 | q >> 5) ^
               (u8)(q << 4 | q >> 4);
        sbox[p] = x ^ 0x63;
    } while (p != 1);
    sbox[0] = 0x63;
    for (unsigned i = 0; i < 256; i++)
        inverse[sbox[i]] = (u8)i;
}

/* Byte r of column c comes from column c + step * r. */
static union xmm substitute(__m128i a, const u8 *table, unsigned step)
{
    union xmm x = sse_union(a), r;

    for (unsigned i = 0; i < 16; i++)
        r.b[i] = table[x.b[(i + 4 * step * (i & 3)) & 15]];
    return r;
}

/* Each column times the polynomial with these coefficients. */
static union xmm mix(union xmm x, unsigned a, unsigned b, unsigned c, unsigned d)
{
    union xmm r;

    for (unsigned i = 0; i < 16; i++) {
        const u8 *col = x.b + (i & 12);
        unsigned k = i & 3;

        r.b[i] = times(col[k], a) ^ times(col[(k + 1) & 3], b) ^ times(col[(k + 2) & 3], c) ^
                 times(col[(k + 3) & 3], d);
    }
    return r;
}

static __m128i add(union xmm x, __m128i key)
{
    return _mm_xor_si128(sse_vector(&x), key);
}

__m128i crypto_aesenc(__m128i a, __m128i b, unsigned imm)
{
    (void)imm;
    return add(mix(substitute(a, sbox, 1), 2, 3, 1, 1), b);
}

__m128i crypto_aesenclast(__m128i a, __m128i b, unsigned imm)
{
    (void)imm;
    return add(substitute(a, sbox, 1), b);
}

__m128i crypto_aesdec(__m128i a, __m128i b, unsigned imm)
{
    (void)imm;
    return add(mix(substitute(a, inverse, 3), 14, 11, 13, 9), b);
}

__m128i crypto_aesdeclast(__m128i a, __m128i b, unsigned imm)
{
    (void)imm;
    return add(substitute(a, inverse, 3), b);
}

__m128i crypto_aesimc(__m128i a, __m128i b, unsigned imm)
{
    union xmm r = mix(sse_union(b), 14, 11, 13, 9);

    (void)a;
    (void)imm;
    return sse_vector(&r);
}

static u32 substitute_word(u32 x)
{
    return sbox[x & 255] | (u32)sbox[x >> 8 & 255] << 8 | (u32)sbox[x >> 16 & 255] << 16 |
           (u32)sbox[x >> 24] << 24;
}

static u32 rotate_right(u32 x, unsigned n)
{
    return x >> n | x << (32 - n);
}

__m128i crypto_aeskeygenassist(__m128i a, __m128i b, unsigned imm)
{
    union xmm x = sse_union(b), r;

    (void)a;
    r.d[0] = substitute_word(x.d[1]);
    r.d[1] = rotate_right(r.d[0], 8) ^ (imm & 0xff);
    r.d[2] = substitute_word(x.d[3]);
    r.d[3] = rotate_right(r.d[2], 8) ^ (imm & 0xff);
    return sse_vector(&r);
}

/* --- Multiplication without carries ----------------------------------------------------------- */

__m128i crypto_pclmulqdq(__m128i a, __m128i b, unsigned imm)
{
    u64 x = sse_union(a).q[imm & 1], y = sse_union(b).q[imm >> 4 & 1];
    union xmm r = {.q = {y & 1 ? x : 0, 0}};

    for (unsigned i = 1; i < 64; i++)
        if (y >> i & 1) {
            r.q[0] ^= x << i;
            r.q[1] ^= x >> (64 - i);
        }
    return sse_vector(&r);
}

/* --- SHA-1: the first word of a vector is the highest element --------------------------------- */

static u32 rotate_left(u32 x, unsigned n)
{
    return rotate_right(x, 32 - n);
}

static u32 choose_bits(u32 x, u32 y, u32 z)
{
    return (x & y) ^ (~x & z);
}

static u32 majority(u32 x, u32 y, u32 z)
{
    return (x & y) ^ (x & z) ^ (y & z);
}

__m128i crypto_sha1rnds4(__m128i a, __m128i b, unsigned imm)
{
    static const u32 constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    union xmm s = sse_union(a), w = sse_union(b), r;
    u32 va = s.d[3], vb = s.d[2], vc = s.d[1], vd = s.d[0], ve = 0;

    imm &= 3;
    for (unsigned i = 0; i < 4; i++) { /* w's first word has E in it */
        u32 f = imm == 0 ? choose_bits(vb, vc, vd) : imm == 2 ? majority(vb, vc, vd) : vb ^ vc ^ vd;
        u32 t = f + rotate_left(va, 5) + w.d[3 - i] + constants[imm] + ve;

        ve = vd;
        vd = vc;
        vc = rotate_left(vb, 30);
        vb = va;
        va = t;
    }
    r.d[3] = va;
    r.d[2] = vb;
    r.d[1] = vc;
    r.d[0] = vd;
    return sse_vector(&r);
}

__m128i crypto_sha1nexte(__m128i a, __m128i b, unsigned imm)
{
    union xmm r = sse_union(b);

    (void)imm;
    r.d[3] += rotate_left(sse_union(a).d[3], 30);
    return sse_vector(&r);
}

__m128i crypto_sha1msg1(__m128i a, __m128i b, unsigned imm)
{
    union xmm x = sse_union(a), y = sse_union(b), r;

    (void)imm;
    r.d[3] = x.d[1] ^ x.d[3];
    r.d[2] = x.d[0] ^ x.d[2];
    r.d[1] = y.d[3] ^ x.d[1];
    r.d[0] = y.d[2] ^ x.d[0];
    return sse_vector(&r);
}

__m128i crypto_sha1msg2(__m128i a, __m128i b, unsigned imm)
{
    union xmm x = sse_union(a), y = sse_union(b), r;

    (void)imm;
    r.d[3] = rotate_left(x.d[3] ^ y.d[2], 1);
    r.d[2] = rotate_left(x.d[2] ^ y.d[1], 1);
    r.d[1] = rotate_left(x.d[1] ^ y.d[0], 1);
    r.d[0] = rotate_left(x.d[0] ^ r.d[3], 1);
    return sse_vector(&r);
}

/* --- SHA-256 ---------------------------------------------------------------------------------- */

static u32 small_sigma0(u32 x)
{
    return rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3;
}

static u32 small_sigma1(u32 x)
{
    return rotate_right(x, 17) ^ rotate_right(x, 19) ^ x >> 10;
}

__m128i crypto_sha256msg1(__m128i a, __m128i b, unsigned imm)
{
    union xmm x = sse_union(a), y = sse_union(b), r;

    (void)imm;
    for (unsigned i = 0; i < 4; i++)
        r.d[i] = x.d[i] + small_sigma0(i < 3 ? x.d[i + 1] : y.d[0]);
    return sse_vector(&r);
}

__m128i crypto_sha256msg2(__m128i a, __m128i b, unsigned imm)
{
    union xmm x = sse_union(a), y = sse_union(b), r;

    (void)imm;
    r.d[0] = x.d[0] + small_sigma1(y.d[2]);
    r.d[1] = x.d[1] + small_sigma1(y.d[3]);
    r.d[2] = x.d[2] + small_sigma1(r.d[0]);
    r.d[3] = x.d[3] + small_sigma1(r.d[1]);
    return sse_vector(&r);
}

__m128i crypto_sha256rnds2(__m128i a, __m128i b, __m128i wk)
{
    union xmm cdgh = sse_union(a), abef = sse_union(b), w = sse_union(wk), r;
    u32 va = abef.d[3], vb = abef.d[2], vc = cdgh.d[3], vd = cdgh.d[2], ve = abef.d[1],
        vf = abef.d[0], vg = cdgh.d[1], vh = cdgh.d[0];

    for (unsigned i = 0; i < 2; i++) {
        u32 s1 = rotate_right(ve, 6) ^ rotate_right(ve, 11) ^ rotate_right(ve, 25);
        u32 s0 = rotate_right(va, 2) ^ rotate_right(va, 13) ^ rotate_right(va, 22);
        u32 t = choose_bits(ve, vf, vg) + s1 + w.d[i] + vh;

        vh = vg;
        vg = vf;
        vf = ve;
        ve = t + vd;
        vd = vc;
        vc = vb;
        vb = va;
        va = t + majority(vb, vc, vd) + s0;
    }
    r.d[3] = va;
    r.d[2] = vb;
    r.d[1] = ve;
    r.d[0] = vf;
    return sse_vector(&r);
}
