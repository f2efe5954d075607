/* SPDX-License-Identifier: MIT */
/*
 * matrix: what the guest's gcc compiles at several levels of optimisation, for its own processor and for any. Integers only
 * where the compiler may reorder, so that every build prints the same: CRC-32, MD5-like mixing, a matrix product, a sort, the
 * C library's formatting.
 */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 96

static uint32_t a[N][N], b[N][N], c[N][N];

static uint32_t crc32(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t crc = ~0u;

    while (n--) {
        crc ^= *p++;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

static int by_value(const void *x, const void *y)
{
    uint32_t p = *(const uint32_t *)x, q = *(const uint32_t *)y;

    return (p > q) - (p < q);
}

int main(void)
{
    uint64_t state = 88172645463325252ull;
    double root = 0;
    char *text = malloc(1 << 20);
    size_t used = 0;

    if (!text || crc32("123456789", 9) != 0xcbf43926u)
        return 1;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            a[i][j] = (uint32_t)state;
            b[i][j] = (uint32_t)(state >> 32);
        }
    }
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            for (int j = 0; j < N; j++)
                c[i][j] += a[i][k] * b[k][j];
    qsort(c, N * N, sizeof(c[0][0]), by_value);
    for (int i = 0; i < N * N; i++) {
        root += sqrt(c[i / N][i % N]);
        used +=
            (size_t)sprintf(text + used, "%08" PRIx32 "%c", c[i / N][i % N], i % 7 ? ' ' : '\n');
    }
    printf("product %08" PRIx32 ", text %zu %08" PRIx32 ", ", crc32(c, sizeof(c)), used,
           crc32(text, used));
    printf("%.6f %a, longest line %zu, search %td\n", root, sqrt(root), strcspn(text + 1, "\n"),
           strstr(text, "ff") - text);
    free(text);
    return 0;
}
