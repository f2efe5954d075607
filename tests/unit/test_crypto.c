/* SPDX-License-Identifier: MIT */
/*
 * AES, SHA and carry-less multiplication against published answers: FIPS 197 appendices B and C, FIPS 180-2 appendices A and B,
 * NIST SP 800-38D (GCM, whose hash is made of carry-less products), each computed with the steps that the instructions do
 * (cpu/crypto.h). That the instructions do these steps on every operand is compared with the host in tests/forms.
 */
#include "cpu/crypto.h"
#include "cpu/ops_sse.h"
#include "tests/lib/suite.h"

static __m128i from_bytes(const u8 *b)
{
    return _mm_loadu_si128((const __m128i *)b);
}

static bool equals(__m128i x, const u8 *b)
{
    return !memcmp(&x, b, 16);
}

/* --- AES-128 ---------------------------------------------------------------------------------- */

/* The key schedule, each round key from the one before. */
static void expand(__m128i *key, __m128i first)
{
    static const u8 rcon[10] = {1, 2, 4, 8, 16, 32, 64, 128, 0x1b, 0x36};

    key[0] = first;
    for (unsigned i = 0; i < 10; i++) {
        __m128i k = key[i], t = crypto_aeskeygenassist(k, k, rcon[i]);

        k = _mm_xor_si128(k, _mm_slli_si128(key[i], 4));
        k = _mm_xor_si128(k, _mm_slli_si128(key[i], 8));
        k = _mm_xor_si128(k, _mm_slli_si128(key[i], 12));
        key[i + 1] = _mm_xor_si128(k, _mm_shuffle_epi32(t, 0xff));
    }
}

static __m128i encrypt(const __m128i *key, __m128i x)
{
    x = _mm_xor_si128(x, key[0]);
    for (unsigned i = 1; i < 10; i++)
        x = crypto_aesenc(x, key[i], 0);
    return crypto_aesenclast(x, key[10], 0);
}

/* The equivalent inverse cipher, FIPS 197 §5.3.5. */
static __m128i decrypt(const __m128i *key, __m128i x)
{
    x = _mm_xor_si128(x, key[10]);
    for (unsigned i = 9; i > 0; i--)
        x = crypto_aesdec(x, crypto_aesimc(x, key[i], 0), 0);
    return crypto_aesdeclast(x, key[0], 0);
}

static void aes(void)
{
    static const struct {
        u8 key[16], plain[16], cipher[16];
    } cases[] = {
        {{0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,
          0x3c},
         {0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07,
          0x34},
         {0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b,
          0x32}},
        {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
         {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
          0xff},
         {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5,
          0x5a}},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        __m128i key[11];

        expand(key, from_bytes(cases[i].key));
        CU_ASSERT(equals(encrypt(key, from_bytes(cases[i].plain)), cases[i].cipher));
        CU_ASSERT(equals(decrypt(key, from_bytes(cases[i].cipher)), cases[i].plain));
    }
}

/* --- GHASH ------------------------------------------------------------------------------------ */

static void reverse(u8 *to, const u8 *from)
{
    for (unsigned i = 0; i < 16; i++) {
        u8 b = from[i], r = 0;

        for (unsigned k = 0; k < 8; k++)
            r |= (u8)((b >> k & 1) << (7 - k));
        to[i] = r;
    }
}

/* x * y in GCM's field. Bit-reversed operands make it a polynomial product modulo x^128 + x^7 + x^2 + x + 1. */
static void field_product(u8 *to, const u8 *x, const u8 *y)
{
    u8 a[16], b[16];
    u64 p[4] = {0};
    __m128i va, vb;

    reverse(a, x);
    reverse(b, y);
    va = from_bytes(a);
    vb = from_bytes(b);
    for (unsigned i = 0; i < 4; i++) {
        union xmm r = sse_union(crypto_pclmulqdq(va, vb, (i & 1) | (i >> 1) << 4));
        unsigned at = (i & 1) + (i >> 1);

        p[at] ^= r.q[0];
        p[at + 1] ^= r.q[1];
    }
    for (unsigned i = 255; i >= 128; i--)
        if (p[i / 64] >> i % 64 & 1) {
            static const u8 low[] = {0, 1, 2, 7};

            for (unsigned k = 0; k < ARRAY_SIZE(low); k++)
                p[(i - 128 + low[k]) / 64] ^= 1ull << (i - 128 + low[k]) % 64;
        }
    memcpy(a, p, 16);
    reverse(to, a);
}

/* GCM specification (McGrew and Viega), test case 2: the hash key, the first block, and their product. */
static void carryless(void)
{
    static const u8 h[16] = {0x66, 0xe9, 0x4b, 0xd4, 0xef, 0x8a, 0x2c, 0x3b,
                             0x88, 0x4c, 0xfa, 0x59, 0xca, 0x34, 0x2b, 0x2e},
                    block[16] = {0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92,
                                 0xf3, 0x28, 0xc2, 0xb9, 0x71, 0xb2, 0xfe, 0x78},
                    product[16] = {0x5e, 0x2e, 0xc7, 0x46, 0x91, 0x70, 0x62, 0x88,
                                   0x2c, 0x85, 0xb0, 0x68, 0x53, 0x53, 0xde, 0xb7},
                    zero[16];
    __m128i key[11];
    u8 r[16];

    expand(key, from_bytes(zero));
    CU_ASSERT(equals(encrypt(key, from_bytes(zero)), h));
    field_product(r, block, h);
    CU_ASSERT(!memcmp(r, product, 16));
}

/* --- SHA: one padded block of "abc" ----------------------------------------------------------- */

static __m128i words(u32 w0, u32 w1, u32 w2, u32 w3)
{
    return _mm_set_epi32((int)w3, (int)w2, (int)w1, (int)w0);
}

static void sha1(void)
{
    __m128i abcd = words(0x10325476, 0x98badcfe, 0xefcdab89, 0x67452301), start = abcd, next;
    __m128i w[4] = {words(0, 0, 0, 0x61626380), words(0, 0, 0, 0), words(0, 0, 0, 0),
                    words(24, 0, 0, 0)};
    __m128i e = words(0, 0, 0, 0xc3d2e1f0), e0 = e;
    union xmm r;

    for (unsigned i = 0; i < 20; i++) {
        __m128i with_e = i ? crypto_sha1nexte(e, w[0], 0) : _mm_add_epi32(e, w[0]);

        e = abcd;
        abcd = crypto_sha1rnds4(abcd, with_e, i / 5);
        next = crypto_sha1msg1(w[0], w[1], 0);
        next = crypto_sha1msg2(_mm_xor_si128(next, w[2]), w[3], 0);
        w[0] = w[1];
        w[1] = w[2];
        w[2] = w[3];
        w[3] = next;
    }
    e = crypto_sha1nexte(e, e0, 0);
    r = sse_union(_mm_add_epi32(abcd, start));
    CU_ASSERT(r.d[3] == 0xa9993e36 && r.d[2] == 0x4706816a && r.d[1] == 0xba3e2571 &&
              r.d[0] == 0x7850c26c);
    CU_ASSERT_EQUAL(sse_union(e).d[3], 0x9cd0d89d);
}

/* The first 32 bits of the fractions of the cube roots of the first 64 primes, FIPS 180-4 §4.2.2. */
static u32 sha256_constant(unsigned n)
{
    unsigned p = 2, found = 0;
    unsigned __int128 low = 0, high = (unsigned __int128)1 << 40;

    for (;; p++) {
        bool prime = true;

        for (unsigned d = 2; d * d <= p; d++)
            prime = prime && p % d;
        if (prime && found++ == n)
            break;
    }
    while (high - low > 1) { /* floor(p^(1/3) * 2^32), from x^3 <= p * 2^96 */
        unsigned __int128 mid = (low + high) / 2;

        if (mid * mid * mid <= (unsigned __int128)p << 96)
            low = mid;
        else
            high = mid;
    }
    return (u32)low;
}

static void sha256(void)
{
    __m128i abef = words(0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667),
            cdgh = words(0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372), abef0 = abef,
            cdgh0 = cdgh;
    __m128i w[4] = {words(0x61626380, 0, 0, 0), words(0, 0, 0, 0), words(0, 0, 0, 0),
                    words(0, 0, 0, 24)};
    union xmm x, y;

    for (unsigned i = 0; i < 16; i++) {
        __m128i k = words(sha256_constant(4 * i), sha256_constant(4 * i + 1),
                          sha256_constant(4 * i + 2), sha256_constant(4 * i + 3)),
                wk = _mm_add_epi32(w[0], k), next;

        cdgh = crypto_sha256rnds2(cdgh, abef, wk);
        abef = crypto_sha256rnds2(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
        next = crypto_sha256msg1(w[0], w[1], 0);
        next = _mm_add_epi32(next, _mm_or_si128(_mm_srli_si128(w[2], 4), _mm_slli_si128(w[3], 12)));
        next = crypto_sha256msg2(next, w[3], 0);
        w[0] = w[1];
        w[1] = w[2];
        w[2] = w[3];
        w[3] = next;
    }
    x = sse_union(_mm_add_epi32(abef, abef0));
    y = sse_union(_mm_add_epi32(cdgh, cdgh0));
    CU_ASSERT(x.d[3] == 0xba7816bf && x.d[2] == 0x8f01cfea && y.d[3] == 0x414140de &&
              y.d[2] == 0x5dae2223);
    CU_ASSERT(x.d[1] == 0xb00361a3 && x.d[0] == 0x96177a9c && y.d[1] == 0xb410ff61 &&
              y.d[0] == 0xf20015ad);
}

TEST_SUITE(crypto, TEST(aes), TEST(carryless), TEST(sha1), TEST(sha256));
