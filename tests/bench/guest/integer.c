/* SPDX-License-Identifier: MIT
 *
 * The integer set's programs without big data (sort.c has the others): dhry (records, strings and small
 * procedures, in the spirit of Weicker's Dhrystone, text and numbers our own), crc32 (IEEE 802.3,
 * byte-wise by table), sha256 (FIPS 180-4) and vm (an interpreter of a bytecode with a switch).
 */
#include "tests/bench/guest/bench.h"

#define NOINLINE __attribute__((noinline))

/* --- dhry ------------------------------------------------------------------------------------- */

enum colour { RED, GREEN, BLUE, BLACK };

struct record {
    struct record *next;
    enum colour colour;
    int32_t number;
    char text[32];
};

struct office {
    struct record first, second;
    int32_t vector[64];
    int32_t matrix[32][32];
    int32_t counter;
    char letter;
};

static NOINLINE void copy_text(char *to, const char *from)
{
    while ((*to++ = *from++) != '\0')
        ;
}

static NOINLINE int compare_texts(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a - *b;
}

static NOINLINE enum colour next_colour(enum colour colour, int32_t number)
{
    switch (colour) {
    case RED: return number > 100 ? RED : BLACK;
    case GREEN: return number < 100 ? BLUE : RED;
    case BLUE: return GREEN;
    default: return RED;
    }
}

static NOINLINE int32_t scale_number(int32_t a, int32_t b)
{
    return a + 2 + b;
}

static NOINLINE void fill_arrays(struct office *office, int32_t row, int32_t value)
{
    int32_t at = row + 5;

    office->vector[at] = value;
    office->vector[at + 1] = office->vector[at];
    office->vector[at + 30] = at;
    for (int32_t i = at; i <= at + 1; i++)
        office->matrix[at & 31][i & 31] = at;
    office->matrix[at & 31][(at - 1) & 31]++;
    office->matrix[(at + 20) & 31][at & 31] = office->vector[at];
    office->counter = 5;
}

static NOINLINE int texts_differ(struct office *office, const char *a, const char *b)
{
    int at = 2;

    while (at <= 2 && a[at] != b[at + 1]) {
        office->letter = a[at];
        at++;
    }
    if (office->letter >= 'W' && office->letter < 'Z')
        at = 7;
    if (compare_texts(a, b) > 0) {
        office->counter += at;
        return 1;
    }
    return 0;
}

static NOINLINE void update_record(struct office *office, struct record *record)
{
    struct record *next = record->next;

    *next = office->first;
    record->number = 5;
    next->number = record->number;
    next->next = record->next;
    if (next->colour == RED) {
        next->number = scale_number(next->number, 10);
        next->colour = next_colour(record->colour, next->number);
    } else {
        *record = *next;
    }
}

static void *dhry_setup(uint64_t work)
{
    struct office *office = obtain(sizeof(*office));

    (void)work;
    office->first.next = &office->second;
    office->second.next = &office->first;
    office->first.colour = GREEN;
    office->first.number = 40;
    copy_text(office->first.text, "the quick brown fox, a fable");
    return office;
}

static uint64_t dhry_run(void *state, uint64_t work)
{
    struct office *office = state;
    char a[32], b[32];
    int32_t x, y, z = 0;
    uint64_t sum = 0;

    copy_text(a, "some thirty characters, no. 1");
    for (uint64_t i = 0; i < work; i++) {
        office->letter = 'A';
        x = 2;
        copy_text(b,
                  i % 2 == 0 ? "some thirty characters, no. 2" : "some thirty characters, no. 0");
        office->first.colour = texts_differ(office, a, b) ? RED : GREEN;
        while (x < 3 + (int32_t)(i & 1)) {
            z = 5 * x - (int32_t)(i & 7);
            x = scale_number(x, -1);
        }
        fill_arrays(office, (int32_t)(i & 15), z);
        update_record(office, &office->first);
        for (char c = 'A'; c <= office->letter; c += 20)
            office->first.colour = next_colour(office->first.colour, z);
        y = z * x;
        x = y / (office->first.number + 1 + (int32_t)(i & 3));
        sum = sum * 31 + (uint64_t)(uint32_t)(x + office->counter + (int32_t)office->first.colour);
        office->first.next = &office->second;
    }
    for (unsigned i = 0; i < 64; i++)
        sum = mix(sum, (uint32_t)office->vector[i] + (uint32_t)office->matrix[i % 32][i / 2]);
    return mix(sum, (uint32_t)office->second.number);
}

/* --- crc32 ------------------------------------------------------------------------------------ */

#define TEXT_SIZE 65536

struct crc {
    uint32_t table[256];
    uint8_t text[TEXT_SIZE];
};

static void *crc32_setup(uint64_t work)
{
    struct crc *crc = obtain(sizeof(*crc));
    uint64_t seed = 88172645463325252;

    (void)work;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;

        for (unsigned bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ 0xedb88320 : value >> 1;
        crc->table[i] = value;
    }
    for (unsigned i = 0; i < TEXT_SIZE; i++)
        crc->text[i] = (uint8_t)next_random(&seed);
    return crc;
}

/* 'work' times the text, one CRC over all. */
static uint64_t crc32_run(void *state, uint64_t work)
{
    const struct crc *crc = state;
    uint32_t value = 0xffffffff;

    for (uint64_t i = 0; i < work; i++)
        for (unsigned at = 0; at < TEXT_SIZE; at++)
            value = crc->table[(value ^ crc->text[at]) & 0xff] ^ value >> 8;
    return ~value;
}

/* --- sha256 ----------------------------------------------------------------------------------- */

static const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turn(uint32_t value, unsigned by)
{
    return value >> by | value << (32 - by);
}

static NOINLINE void sha256_block(uint32_t digest[8], const uint8_t *text)
{
    uint32_t w[64], v[8];

    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)text[4 * i] << 24 | (uint32_t)text[4 * i + 1] << 16 |
               (uint32_t)text[4 * i + 2] << 8 | text[4 * i + 3];
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;

        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    for (unsigned i = 0; i < 8; i++)
        v[i] = digest[i];
    for (unsigned i = 0; i < 64; i++) {
        uint32_t e = turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25);
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t one = v[7] + e + choice + sha256_constants[i] + w[i];
        uint32_t a = turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22);
        uint32_t two = a + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

        v[7] = v[6];
        v[6] = v[5];
        v[5] = v[4];
        v[4] = v[3] + one;
        v[3] = v[2];
        v[2] = v[1];
        v[1] = v[0];
        v[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++)
        digest[i] += v[i];
}

/* 'work' times the text of crc32 without padding; the first two words of the digest. */
static uint64_t sha256_run(void *state, uint64_t work)
{
    const struct crc *crc = state;
    uint32_t digest[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    for (uint64_t i = 0; i < work; i++)
        for (unsigned at = 0; at < TEXT_SIZE; at += 64)
            sha256_block(digest, crc->text + at);
    return (uint64_t)digest[0] << 32 | digest[1];
}

/* --- vm --------------------------------------------------------------------------------------- */

/* clang-format off */
enum { LOAD, MOVE, ADD, SUB, MUL, XOR, SHIFT, GET, PUT, PUSH, POP, JUMP, LESS, TRUE, CALL, BACK, STOP };
/* clang-format on */

struct code {
    uint8_t op, a, b, c; /* registers, c also a number */
    uint32_t to;         /* where a jump or call goes */
};

/* Labels of the program below. */
enum { AGAIN = 4, CLEAR, SIEVE = 9, CROSS = 13, COMPOSITE = 16, FIBONACCI = 27, SMALL = 38, LEAVE };

/* r0 times: sieves the numbers to 250 and adds the primes to r1, then a Fibonacci number by recursion. */
static const struct code vm_program[] = {
    {LOAD, 2, 0, 250, 0},
    {LOAD, 3, 0, 1, 0},
    {LOAD, 11, 0, 2, 0},
    {LOAD, 12, 0, 251, 0},
    [AGAIN] = {LOAD, 4, 0, 0, 0},
    [CLEAR] = {PUT, 15, 4, 0, 0},
    {ADD, 4, 4, 3, 0},
    {LESS, 0, 4, 2, CLEAR},
    {LOAD, 4, 0, 2, 0},
    [SIEVE] = {GET, 5, 4, 0, 0},
    {TRUE, 5, 0, 0, COMPOSITE},
    {ADD, 1, 1, 4, 0},
    {MOVE, 6, 4, 0, 0},
    [CROSS] = {PUT, 3, 6, 0, 0},
    {ADD, 6, 6, 4, 0},
    {LESS, 0, 6, 2, CROSS},
    [COMPOSITE] = {ADD, 4, 4, 3, 0},
    {LESS, 0, 4, 2, SIEVE},
    {LOAD, 8, 0, 11, 0},
    {CALL, 0, 0, 0, FIBONACCI},
    {XOR, 1, 1, 9, 0},
    {MUL, 1, 1, 12, 0},
    {SHIFT, 10, 1, 7, 0},
    {XOR, 1, 1, 10, 0},
    {SUB, 0, 0, 3, 0},
    {TRUE, 0, 0, 0, AGAIN},
    {STOP, 0, 0, 0, 0},
    /* r8 = n; r9 = its Fibonacci number */
    [FIBONACCI] = {LESS, 0, 8, 11, SMALL},
    {PUSH, 8, 0, 0, 0},
    {SUB, 8, 8, 3, 0},
    {CALL, 0, 0, 0, FIBONACCI},
    {POP, 8, 0, 0, 0},
    {PUSH, 9, 0, 0, 0},
    {SUB, 8, 8, 11, 0},
    {CALL, 0, 0, 0, FIBONACCI},
    {POP, 10, 0, 0, 0},
    {ADD, 9, 9, 10, 0},
    {JUMP, 0, 0, 0, LEAVE},
    [SMALL] = {MOVE, 9, 8, 0, 0},
    [LEAVE] = {BACK, 0, 0, 0, 0},
};

struct vm {
    uint64_t r[16];
    uint64_t stack[64];
    uint8_t memory[256];
};

static void *vm_setup(uint64_t work)
{
    (void)work;
    return obtain(sizeof(struct vm));
}

static uint64_t vm_run(void *state, uint64_t work)
{
    struct vm *vm = state;
    uint64_t *r = vm->r, *top = vm->stack;
    const struct code *at = vm_program;

    r[0] = work;
    r[1] = 1;
    for (;;) {
        const struct code *code = at++;

        switch (code->op) {
        case LOAD: r[code->a] = code->c; break;
        case MOVE: r[code->a] = r[code->b]; break;
        case ADD: r[code->a] = r[code->b] + r[code->c]; break;
        case SUB: r[code->a] = r[code->b] - r[code->c]; break;
        case MUL: r[code->a] = r[code->b] * r[code->c]; break;
        case XOR: r[code->a] = r[code->b] ^ r[code->c]; break;
        case SHIFT: r[code->a] = r[code->b] >> code->c; break;
        case GET: r[code->a] = vm->memory[r[code->b] & 255]; break;
        case PUT: vm->memory[r[code->b] & 255] = (uint8_t)r[code->a]; break;
        case PUSH: *top++ = r[code->a]; break;
        case POP: r[code->a] = *--top; break;
        case JUMP: at = vm_program + code->to; break;
        case LESS:
            if (r[code->b] < r[code->c])
                at = vm_program + code->to;
            break;
        case TRUE:
            if (r[code->a] != 0)
                at = vm_program + code->to;
            break;
        case CALL:
            *top++ = (uint64_t)(at - vm_program);
            at = vm_program + code->to;
            break;
        case BACK: at = vm_program + *--top; break;
        default: return r[1];
        }
    }
}

const struct program integer_programs[] = {
    {"dhry", "integer", 4000000, dhry_setup, dhry_run},
    {"crc32", "integer", 1500, crc32_setup, crc32_run},
    {"sha256", "integer", 1000, crc32_setup, sha256_run},
    {"vm", "integer", 30000, vm_setup, vm_run},
    {NULL, NULL, 0, NULL, NULL},
};
