/* SPDX-License-Identifier: MIT */
/*
 * See stream.h. A stream that differs is shrunk by turning items into NOPs, so that all addresses stay, and what is left is
 * printed with the command that makes it again. An instruction counts as compared if it retired on the host in a stream
 * after which both engines' states were compared with the host's; helpers (encode.h) do not count.
 */
#include "tests/forms/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cpu/decode.h"
#include "tests/forms/encode.h"
#include "tests/forms/gen.h"

enum { ITEMS = 64, STATES = 4, REPORTS_MAX = 10, CODE_END = 0x7e0 };

struct stream {
    struct form_case c; /* its registers and memory; no bytes */
    struct stream_item item[ITEMS];
    unsigned n;
    u64 code; /* the number from which the items were made */
};

static struct stream stream;
static struct form_outcome host, guest;
static u64 written = ~0ull; /* the code that is in memory */
static cpu_features_t features;
static const struct insn_row *rows;
static unsigned n_rows;
static u8 *reached;
static u16 *weighted; /* indices of rows, those of general instructions more often */
static unsigned n_weighted;

/* General instructions are a third of the rows and should be half of the stream. */
static bool is_general(const struct insn_row *row)
{
    return row->map <= M0F && row->feature <= FEAT_BASE;
}

static void weigh_rows(void)
{
    rows = insn_rows(&n_rows);
    reached = calloc(n_rows, 1);
    weighted = calloc(n_rows * 3, sizeof(*weighted));
    if (!reached || !weighted)
        abort();
    for (unsigned i = 0; i < n_rows; i++) {
        if (encode_place(&rows[i]) != 2)
            continue;
        for (unsigned n = is_general(&rows[i]) ? 3 : 1; n; n--)
            weighted[n_weighted++] = (u16)i;
    }
}

/* --- Making one ------------------------------------------------------------------------------- */

static const struct insn_row *any_row(bool last)
{
    const struct insn_row *row;

    if (!last)
        return &rows[weighted[encode_below(n_weighted)]];
    do
        row = &rows[encode_below(n_rows)];
    while (encode_place(row) != 1);
    return row;
}

static void set_pointers(struct form_state *s, bool code32)
{
    s->gpr[R_SP] = FORM_STACK + FORM_STACK_SIZE / 2;
    s->gpr[R_BP] = STREAM_POINTER;
    if (!code32) {
        s->gpr[12] = s->gpr[13] = s->gpr[15] = STREAM_POINTER;
        s->gpr[14] = encode_below(64);
    }
    s->flags &= ~(u64)(FL_AC | FL_NT | FL_ID);
    s->fs_base = STREAM_FS;
    s->gs_base = STREAM_GS;
}

/* Everything masked, most of the time; nothing pending. */
static void calm_fpu(struct native_fx *f)
{
    if (encode_below(16)) {
        f->fcw |= 0x3f;
        f->mxcsr |= 0x1f80;
    }
    if (!(~f->fcw & f->fsw & 0x3f))
        f->fsw &= 0x7f7f;
    if (encode_below(4))
        f->ftw = 0xff;
}

static void make_code(struct stream *s, u64 seed, u64 code)
{
    u64 at = FORM_CODE;

    encode_seed(seed, code);
    s->code = code;
    s->c.code32 = code % 4 == 3;
    for (s->n = 0; s->n < ITEMS && at < FORM_CODE + CODE_END - sizeof(s->item[0].bytes);) {
        bool last = s->n == ITEMS - 1 && encode_below(4) == 0;

        if (!encode_item(&s->item[s->n], any_row(last), s->c.code32, at, features))
            continue;
        at += s->item[s->n++].len;
    }
}

/* STATES streams in a row have the same code, each other registers, since making it takes longer than running it. */
static void make(struct stream *s, u64 seed, u64 index)
{
    if (!s->n || s->code != index / STATES)
        make_code(s, seed, index / STATES);
    memset(s->c.bytes, 0x90, sizeof(s->c.bytes));
    form_gen_state(&s->c, seed, index);
    encode_seed(~seed, index);
    set_pointers(&s->c.s, s->c.code32);
    calm_fpu(&s->c.s.fx);
}

/* --- Running it ------------------------------------------------------------------------------- */

static void write_code(const struct stream *s)
{
    static u8 code[CODE_END + 2];
    u8 *at = code;

    for (unsigned i = 0; i < s->n; at += s->item[i++].len) {
        if (s->item[i].is_off)
            memset(at, 0x90, s->item[i].len);
        else
            memcpy(at, s->item[i].bytes, s->item[i].len);
    }
    at[0] = 0x0f;
    at[1] = 0x0b;
    form_write_code(code, (unsigned)(at + 2 - code));
    flat_keep_blocks();
    written = s->code;
}

/* The item at a code address: NULL behind the last. */
static const struct stream_item *item_at(const struct stream *s, u64 rip)
{
    u64 at = FORM_CODE;

    for (unsigned i = 0; i < s->n; i++) {
        at += s->item[i].len;
        if (rip < at)
            return &s->item[i];
    }
    return NULL;
}

/* Does an engine differ? The host's outcome stays in `host`. */
static bool differs(const struct stream *s, struct form_difference *d)
{
    static const struct form_class open = {.len = 0};
    static u64 const_id;
    const struct stream_item *end; /* what the streams part at, or end with */

    if (s->code != written)
        write_code(s);
    if (const_id != s->c.memory_id)
        form_fill_const(s->c.constant);
    const_id = s->c.memory_id;
    host.s = s->c.s;
    form_stream_host(&host, s->c.memory, s->c.code32);
    for (unsigned translated = 0; translated < 2; translated++) {
        d->n = 0;
        d->text[0] = 0;
        guest.s = s->c.s;
        flat_translate(translated);
        form_stream_guest(&guest, s->c.memory, s->c.code32, 32, features);
        end = item_at(s, MIN(host.s.rip, guest.s.rip));
        form_compare(d, &host, &guest, end ? &end->class : &open);
        if (d->n) {
            strncat(d->text, translated ? "    (translated)\n" : "    (interpreted)\n",
                    sizeof(d->text) - strlen(d->text) - 1);
            break;
        }
    }
    flat_translate(false);
    return d->n;
}

static void count(const struct stream *s, struct form_progress *p)
{
    u64 at = FORM_CODE;
    unsigned i;

    for (i = 0; i < s->n && at + s->item[i].to <= host.s.rip; at += s->item[i++].len) {
        p->instructions++;
        p->rows_reached += !reached[s->item[i].row - rows];
        reached[s->item[i].row - rows] = 1;
    }
    p->faults += i < s->n;
    p->streams++;
    p->passed++;
}

/* --- A stream that failed --------------------------------------------------------------------- */

static void shrink(struct stream *s, struct form_difference *d)
{
    for (unsigned i = 0; i < s->n; i++) {
        s->item[i].is_off = true;
        written = ~0ull;
        if (!differs(s, d))
            s->item[i].is_off = false;
    }
    written = ~0ull;
    differs(s, d);
}

static void report(const struct stream *s, const struct form_difference *d, u64 seed, u64 index)
{
    enum code_mode mode = s->c.code32 ? CODE_32 : CODE_64;
    u64 at = FORM_CODE;
    char text[96];

    printf("FAIL stream of %u-bit code; again: forms --streams 1 --seed %lu --only %lu\n",
           s->c.code32 ? 32 : 64, seed, index);
    form_print_state(&s->c.s);
    form_print_vectors(&s->c.s);
    for (unsigned i = 0; i < s->n; at += s->item[i++].len) {
        const struct stream_item *it = &s->item[i];

        for (unsigned k = 0, n; !it->is_off && k < it->len; k += n) {
            n = insn_disassemble(text, sizeof(text), mode, it->bytes + k, it->len - k, at + k);
            printf("    %#lx: %s;", at + k, text);
            for (unsigned b = 0; b < n; b++)
                printf(" %02x", it->bytes[k + b]);
            printf("\n");
        }
    }
    printf("%s", d->text);
    fflush(stdout);
}

static u64 seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec;
}

static void say_so_far(const struct form_progress *p)
{
    printf("forms: so far %lu instructions in %lu streams, %lu failed\n", p->instructions,
           p->streams, p->failed);
    fflush(stdout);
}

int stream_run(struct form_progress *p, cpu_features_t with, u64 seed, u64 first, u64 count_wanted,
               u64 seconds)
{
    u64 end = seconds ? seconds_now() + seconds : 0, say = seconds_now() + 60;
    unsigned reports = 0;

    features = with;
    weigh_rows();
    p->in_streams = true;
    p->rows = n_rows;
    for (u64 i = first; seconds || i < first + count_wanted; i++) {
        struct form_difference d = {.n = 0};

        p->at = i;
        make(&stream, seed, i);
        if (!differs(&stream, &d)) {
            count(&stream, p);
        } else {
            p->failed++;
            if (reports++ < REPORTS_MAX) {
                shrink(&stream, &d);
                report(&stream, &d, seed, i);
                stream.n = 0; /* shrunk */
                written = ~0ull;
            } else if (reports < 1000) {
                printf("FAIL forms --streams 1 --seed %lu --only %lu\n", seed, i);
            }
        }
        if (seconds && i % 64 == 0 && seconds_now() >= say) {
            say_so_far(p);
            say += 60;
        }
        if (seconds && i % 64 == 0 && seconds_now() >= end)
            break;
    }
    if (getenv("FORM_ROWS")) {
        for (unsigned i = 0; i < n_rows; i++)
            if (!reached[i])
                printf("not reached: %s %s\n", rows[i].name, rows[i].operands);
    }
    return 0;
}
