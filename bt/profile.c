/* SPDX-License-Identifier: MIT */
/*
 * What ran how often: the profile by block (--bt-dump), and the micro-ops that are not lowered (--stats).
 *
 * A block's executions are counted at its entry, in a record that outlives the translation: blocks come and go, and the
 * same instructions at the same place in the same mode are the same row. What a block did not finish (a fault, an
 * interrupt at one of its slow paths) is counted all the same. Interpreted executions are not: the table's head says how
 * much of the run it covers.
 *
 * Micro-ops that call a helper are told apart by the guest's mnemonic, which is read when the block is translated.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "bt/watch.h"

/* ---- Blocks ----------------------------------------------------------------------------------------------------------- */

struct row {
    struct row *next;
    u64 count, rip, gpa;
    u32 key, host_bytes;
    u16 len, insns;
    u32 made; /* how often it was translated */
    u8 bytes[];
};

#define ROWS_SHIFT 14
struct bt_profile {
    struct row *bucket[1 << ROWS_SHIFT];
    unsigned n;
};

static u64 mix(u64 x)
{
    return x * 0x9e3779b97f4a7c15u;
}

static unsigned bucket_of(u64 rip, u64 gpa, u32 key)
{
    return (unsigned)((mix(rip) ^ mix(gpa + 1) ^ mix(key + 2)) >> (64 - ROWS_SHIFT));
}

/* The row of these instructions; made if there is none. NULL: no memory. */
static struct row *row_of(struct bt_profile *p, u64 rip, u64 gpa, u32 key, const u8 *bytes,
                          unsigned len, unsigned insns)
{
    struct row **at = &p->bucket[bucket_of(rip, gpa, key)], *r;

    for (r = *at; r; r = r->next)
        if (r->rip == rip && r->gpa == gpa && r->key == key && r->len == len &&
            !memcmp(r->bytes, bytes, len))
            return r;
    r = calloc(1, sizeof(*r) + len);
    if (!r)
        return NULL;
    r->rip = rip;
    r->gpa = gpa;
    r->key = key;
    r->len = (u16)len;
    r->insns = (u16)insns;
    memcpy(r->bytes, bytes, len);
    r->next = *at;
    *at = r;
    p->n++;
    return r;
}

static struct row *row_of_block(const struct trans *t)
{
    const struct block *b = t->b;

    return row_of(t->bt->profile, b->rip, b->gpa, b->key, block_bytes(b), b->len, b->n_insns);
}

u64 *bt_profile_counter(struct trans *t)
{
    struct row *r = likely(!t->bt->profile) ? NULL : row_of_block(t);

    return r ? &r->count : NULL;
}

void bt_profile_block(struct trans *t)
{
    struct row *r = row_of_block(t);

    if (r) {
        r->host_bytes = t->bb->code_size;
        r->made++;
    }
}

static void free_rows(struct bt_profile *p)
{
    for (unsigned i = 0; p && i < ARRAY_SIZE(p->bucket); i++)
        for (struct row *r = p->bucket[i], *next; r; r = next) {
            next = r->next;
            free(r);
        }
    free(p);
}

void bt_profile_destroy(struct bt *bt)
{
    free_rows(bt->profile);
    bt->profile = NULL;
}

/* ---- Printing the blocks ---------------------------------------------------------------------------------------------- */

#define TOP_BLOCKS 50

static u64 weight(const struct row *r)
{
    return r->count * r->insns;
}

static int by_weight(const void *a, const void *b)
{
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;

    if (weight(x) != weight(y))
        return weight(x) < weight(y) ? 1 : -1;
    if (x->rip != y->rip)
        return x->rip > y->rip ? 1 : -1;
    return x->key != y->key  ? (x->key > y->key ? 1 : -1)
           : x->gpa > y->gpa ? 1
           : x->gpa < y->gpa ? -1
                             : 0;
}

static double percent(u64 part, u64 whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

static void print_row(FILE *to, const struct row *r, u64 executed)
{
    char mode[BT_MODE_TEXT];

    fprintf(to,
            "%6.2f%% %14" PRIu64 " %14" PRIu64 " %5u %5u %5u %5u  %#" PRIx64 " gpa=%#" PRIx64
            " mode=%#x (%s)\n",
            percent(weight(r), executed), weight(r), r->count, r->insns, r->len, r->host_bytes,
            r->made, r->rip, r->gpa, r->key, bt_mode_text(mode, r->key));
}

static void print_table(FILE *to, struct row **rows, unsigned n, u64 executed)
{
    u64 entered = 0, insns = 0, guest = 0, host = 0;

    for (unsigned i = 0; i < n; i++) {
        entered += rows[i]->count;
        insns += weight(rows[i]);
        guest += rows[i]->len;
        host += rows[i]->host_bytes;
    }
    fprintf(to,
            "translated blocks: %u, %" PRIu64 " guest bytes, %" PRIu64 " host bytes\n"
            "executions: %" PRIu64 "\ninstructions: %" PRIu64 " of %" PRIu64 " (%.2f%%)\n\n",
            n, guest, host, entered, insns, executed, percent(insns, executed));
    fprintf(to, "  share   instructions     executions insns guest  host times  address\n");
    for (unsigned i = 0; i < n; i++)
        print_row(to, rows[i], executed);
    fprintf(to, "\nThe first %u:\n", MIN(n, TOP_BLOCKS));
    for (unsigned i = 0; i < n && i < TOP_BLOCKS; i++) {
        fprintf(to, "\n%u. %.2f%%, %" PRIu64 " executions\n", i + 1,
                percent(weight(rows[i]), executed), rows[i]->count);
        bt_print_guest(to, rows[i]->key, rows[i]->rip, rows[i]->bytes, rows[i]->len);
    }
}

int bt_print_profile(FILE *to, const struct vcpu *v, u64 executed)
{
    const struct bt_profile *p = v->t.bt->profile;
    struct row **rows = calloc(p->n + 1, sizeof(struct row *));
    unsigned k = 0;

    if (!rows)
        return -ENOMEM;
    for (unsigned i = 0; i < ARRAY_SIZE(p->bucket); i++)
        for (struct row *r = p->bucket[i]; r; r = r->next)
            rows[k++] = r;
    qsort(rows, k, sizeof(struct row *), by_weight);
    print_table(to, rows, k, executed);
    free(rows);
    return 0;
}

/* ---- Micro-ops that are not lowered ----------------------------------------------------------------------------------- */

#define UNLOWERED_MAX 2048
struct bt_unlowered {
    u64 others; /* of which there are too many kinds */
    unsigned n;
    struct bt_count row[UNLOWERED_MAX];
};

int bt_counts_create(struct bt *bt)
{
    if (bt->options->profile) {
        bt->profile = calloc(1, sizeof(*bt->profile));
        if (!bt->profile)
            return -ENOMEM;
    }
    if (!bt->options->count)
        return 0;
    bt->unlowered = calloc(1, sizeof(*bt->unlowered));
    bt->rests = calloc(UOP_COUNT, sizeof(*bt->rests));
    return bt->unlowered && bt->rests ? 0 : -ENOMEM;
}

void bt_counts_destroy(struct bt *bt)
{
    free(bt->unlowered);
    free(bt->rests);
    bt->unlowered = NULL;
    bt->rests = NULL;
}

static bool is_call(unsigned op)
{
    return op == UOP_CALL || op == UOP_CALL_EXIT || op == UOP_CALL_JUMP || op == UOP_STRING ||
           op == UOP_REP_STRING;
}

/* The name of micro-op i of a block: one instruction may call several helpers, which are numbered. */
static void name_uop(char *text, size_t size, const struct block *b, unsigned i)
{
    const struct uop *u = &b->u[i];
    unsigned before = 0, behind = 0;
    char mnemonic[32];

    if (!is_call(u->op)) {
        snprintf(text, size, "%s", uop_table[u->op].name);
        return;
    }
    for (unsigned k = 0; k < b->n_uops; k++)
        if (b->u[k].idx == u->idx && is_call(b->u[k].op)) {
            before += k < i;
            behind += k > i;
        }
    bt_mnemonic(mnemonic, sizeof(mnemonic), b, u);
    for (char *c = mnemonic; *c; c++)
        *c = *c == ' ' ? '-' : *c;
    if (before + behind)
        snprintf(text, size, "%s:%s#%u", uop_table[u->op].name, mnemonic, before + 1);
    else
        snprintf(text, size, "%s:%s", uop_table[u->op].name, mnemonic);
}

/* The counter of that name in a table of at most max; NULL: no room. */
static u64 *counter_of(struct bt_count *row, unsigned *n, unsigned max, const char *name)
{
    for (unsigned i = 0; i < *n; i++)
        if (!strcmp(row[i].name, name))
            return &row[i].n;
    if (*n == max)
        return NULL;
    snprintf(row[*n].name, sizeof(row->name), "%s", name);
    row[*n].n = 0;
    return &row[(*n)++].n;
}

u64 *bt_unlowered_counter(struct trans *t)
{
    struct bt_unlowered *c = t->bt->unlowered;
    char name[sizeof(c->row->name)];
    u64 *n;

    name_uop(name, sizeof(name), t->b, (unsigned)(t->u - t->b->u));
    n = counter_of(c->row, &c->n, UNLOWERED_MAX, name);
    return n ? n : &c->others;
}

static int by_count(const void *a, const void *b)
{
    const struct bt_count *x = a, *y = b;

    return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->name, y->name);
}

unsigned bt_get_counts(const struct vcpu *v, enum bt_count_kind kind, struct bt_count *to,
                       unsigned max, u64 *total)
{
    const struct bt *bt = v->t.bt;
    const struct bt_unlowered *c = bt ? bt->unlowered : NULL;
    struct bt_count *all = calloc(UNLOWERED_MAX, sizeof(*all));
    unsigned n = !c || !all ? 0 : kind == BT_REST ? UOP_COUNT : c->n, k = 0;

    *total = c && kind == BT_UNLOWERED ? c->others : 0;
    for (unsigned i = 0; i < n; i++) {
        u64 count = kind == BT_REST ? bt->rests[i] : c->row[i].n;
        u64 *sum = count ? counter_of(all, &k, UNLOWERED_MAX,
                                      kind == BT_REST ? uop_table[i].name : c->row[i].name)
                         : NULL;

        if (sum)
            *sum += count;
        *total += count;
    }
    if (all)
        qsort(all, k, sizeof(*all), by_count);
    k = MIN(k, max);
    if (k)
        memcpy(to, all, k * sizeof(*all));
    free(all);
    return k;
}
