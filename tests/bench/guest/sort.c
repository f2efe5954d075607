/* SPDX-License-Identifier: MIT
 *
 * The integer set's programs with data: quicksort (of records, through a comparing function's pointer, as
 * qsort() is called), heapsort (of numbers) and hash (a table with open addressing: insertions, look-ups,
 * deletions). The data is some hundred KiB, which the second-level cache of most hosts holds.
 */
#include "tests/bench/guest/bench.h"

#define NOINLINE __attribute__((noinline))
#define ITEMS 16384

struct item {
    uint32_t key, serial;
    uint64_t load;
};

struct items {
    struct item item[ITEMS];
    uint64_t number[ITEMS];
};

typedef int compare_function(const void *a, const void *b);

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static void swap_items(struct item *a, struct item *b)
{
    struct item kept = *a;

    *a = *b;
    *b = kept;
}

/* Sorts [low, high): median of three, insertion below a dozen, the smaller half first. */
static NOINLINE void quicksort(struct item *low, struct item *high, compare_function *compare)
{
    while (high - low > 12) {
        struct item *i = low, *j = high - 1, *middle = low + (high - low) / 2;

        if (compare(middle, low) < 0)
            swap_items(middle, low);
        if (compare(j, middle) < 0) {
            swap_items(j, middle);
            if (compare(middle, low) < 0)
                swap_items(middle, low);
        }
        swap_items(middle, low + 1);
        i = low + 1;
        for (;;) {
            while (compare(++i, low + 1) < 0)
                ;
            while (compare(--j, low + 1) > 0)
                ;
            if (i >= j)
                break;
            swap_items(i, j);
        }
        swap_items(low + 1, j);
        if (j - low < high - j) {
            quicksort(low, j, compare);
            low = j + 1;
        } else {
            quicksort(j + 1, high, compare);
            high = j;
        }
    }
    for (struct item *i = low + 1; i < high; i++)
        for (struct item *j = i; j > low && compare(j, j - 1) < 0; j--)
            swap_items(j, j - 1);
}

static void *sort_setup(uint64_t work)
{
    (void)work;
    return obtain(sizeof(struct items));
}

static uint64_t quicksort_run(void *state, uint64_t work)
{
    struct item *item = ((struct items *)state)->item;
    compare_function *volatile compare = compare_items;
    uint64_t seed = 1234567, sum = 0;

    for (uint64_t i = 0; i < work; i++) {
        for (uint32_t n = 0; n < ITEMS; n++)
            item[n] = (struct item){(uint32_t)next_random(&seed) % (ITEMS / 2), n, seed};
        quicksort(item, item + ITEMS, compare);
        for (unsigned n = 1; n < ITEMS; n++)
            sum += compare_items(&item[n - 1], &item[n]) < 0 ? item[n].serial * (uint64_t)n : sum;
        sum = mix(sum, item[ITEMS / 3].load);
    }
    return sum;
}

static NOINLINE void sift_down(uint64_t *number, uint64_t at, uint64_t end)
{
    uint64_t moved = number[at];

    for (uint64_t child; (child = 2 * at + 1) < end; at = child) {
        if (child + 1 < end && number[child] < number[child + 1])
            child++;
        if (number[child] <= moved)
            break;
        number[at] = number[child];
    }
    number[at] = moved;
}

static uint64_t heapsort_run(void *state, uint64_t work)
{
    uint64_t *number = ((struct items *)state)->number;
    uint64_t seed = 7654321, sum = 0;

    for (uint64_t i = 0; i < work; i++) {
        for (unsigned n = 0; n < ITEMS; n++)
            number[n] = next_random(&seed);
        for (uint64_t at = ITEMS / 2; at-- > 0;)
            sift_down(number, at, ITEMS);
        for (uint64_t end = ITEMS - 1; end > 0; end--) {
            uint64_t greatest = number[0];

            number[0] = number[end];
            number[end] = greatest;
            sift_down(number, 0, end);
        }
        for (unsigned n = 1; n < ITEMS; n++)
            sum += number[n - 1] < number[n] ? number[n] >> (n % 32) : sum;
        sum = mix(sum, number[ITEMS / 3]);
    }
    return sum;
}

#define SLOTS 32768
#define GONE UINT64_MAX

struct slot {
    uint64_t key; /* 0: never used */
    uint64_t value;
};

static void *hash_setup(uint64_t work)
{
    (void)work;
    return obtain(SLOTS * sizeof(struct slot));
}

/* The slot of 'key', or the one where it belongs. */
static NOINLINE struct slot *find_slot(struct slot *table, uint64_t key)
{
    struct slot *gone = NULL;

    for (uint64_t at = mix(0, key) >> 17;; at++) {
        struct slot *slot = &table[at % SLOTS];

        if (slot->key == key)
            return slot;
        if (slot->key == 0)
            return gone != NULL ? gone : slot;
        if (slot->key == GONE && gone == NULL)
            gone = slot;
    }
}

/* A round: 8192 words, of which every key comes several times, are counted; some are deleted. */
static uint64_t hash_run(void *state, uint64_t work)
{
    struct slot *table = state;
    uint64_t seed = 424242, sum = 0;

    for (uint64_t i = 0; i < work; i++) {
        for (unsigned n = 0; n < 8192; n++) {
            uint64_t key = next_random(&seed) % 12000 + 1;
            struct slot *slot = find_slot(table, key);

            if (slot->key != key)
                *slot = (struct slot){key, 0};
            slot->value += n;
            if (seed % 8 == 0) {
                sum += slot->value;
                slot->key = GONE;
            }
        }
        sum = mix(sum, find_slot(table, i % 12000 + 1)->value);
    }
    return sum;
}

const struct program sort_programs[] = {
    {"quicksort", "integer", 150, sort_setup, quicksort_run},
    {"heapsort", "integer", 150, sort_setup, heapsort_run},
    {"hash", "integer", 2500, hash_setup, hash_run},
    {NULL, NULL, 0, NULL, NULL},
};
