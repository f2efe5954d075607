/* SPDX-License-Identifier: MIT */
/*
 * The journal's three modes behind one interface. Recording encodes each event as
 * (difference of position << 4 | type) and its values, all as variable-length integers, in a form that keeps
 * common events at two to five bytes; a replay decodes them in the same order and hands them out at exactly their
 * positions.
 *
 * Guest time is a line through the last CLOCK event: 2 ns an instruction, at most CLOCK_AHEAD beyond it. A reader
 * that finds the live clock more than CLOCK_BEHIND ahead, or somebody else's answer ahead of its own, logs a new
 * CLOCK event. So a guest that polls the TSC costs a few bytes each CLOCK_BEHIND, not a few bytes each read.
 */
#include "replay/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "replay/log.h"
#include "src/base/check.h"
#include "src/base/msg.h"
#include "src/host/host.h"

enum { CLOCK_SLOPE = 2, CLOCK_AHEAD = 50000, CLOCK_BEHIND = 20000, EVENT_BYTES_MAX = 64 };

static const struct {
    const char *name;
    u8 values;
} event_info[JOURNAL_TYPES] = {
#define EVENT(name, number, values, text) [number] = {#name, values},
#include "replay/events.def"
#undef EVENT
};

void journal_create(struct journal *j, enum journal_mode mode, unsigned n_vcpus)
{
    memset(j, 0, sizeof(*j));
    j->mode = mode;
    j->n_streams = n_vcpus;
    j->epoch = host_clock_ns();
    for (unsigned i = 0; i < JOURNAL_STREAMS_MAX; i++) {
        j->stream[i].j = j;
        j->stream[i].id = i;
    }
}

void journal_destroy(struct journal *j)
{
    for (unsigned i = 0; i < JOURNAL_STREAMS_MAX; i++) {
        free(j->stream[i].buf);
        free(j->stream[i].chunk);
        j->stream[i].buf = j->stream[i].chunk = NULL;
    }
}

struct journal_stream *journal_stream(struct journal *j, unsigned id)
{
    return &j->stream[id];
}

/* ---- Encoding ---------------------------------------------------------------------------------------------- */

static u8 *put_varint(u8 *p, u64 v)
{
    while (v >= 0x80) {
        *p++ = (u8)(v | 0x80);
        v >>= 7;
    }
    *p++ = (u8)v;
    return p;
}

static u64 zigzag(i64 v)
{
    return (u64)v << 1 ^ (u64)(v >> 63);
}
static i64 unzigzag(u64 v)
{
    return (i64)(v >> 1) ^ -(i64)(v & 1);
}

/* Values that are stored as a difference from what the stream last said of the same thing. Encoder and decoder both
 * call it: `encode` turns v into what is stored, else back. */
static void code_values(struct journal_stream *s, struct journal_event *ev, bool encode)
{
    u64 *v = ev->v, was;

    switch (ev->type) {
    case JOURNAL_EDGE:
    case JOURNAL_MESSAGE:
        if (v[0] >= JOURNAL_STREAMS_MAX)
            break;
        was = v[1];
        v[1] = encode ? zigzag((i64)(v[1] - s->known[v[0]])) : s->known[v[0]] + (u64)unzigzag(v[1]);
        if (ev->type == JOURNAL_EDGE) {
            s->known[v[0]] = encode ? was : v[1];
            was = v[2];
            v[2] = encode ? zigzag((i64)(v[2] - s->last_object))
                          : s->last_object + (u64)unzigzag(v[2]);
            s->last_object = encode ? was : v[2];
        }
        break;
    case JOURNAL_CLOCK:
    case JOURNAL_LAPIC_TIMER:
        was = v[0];
        v[0] = encode ? v[0] - s->last_clock : s->last_clock + v[0];
        s->last_clock = encode ? was : v[0];
        break;
    case JOURNAL_DEV_TIMER:
        was = v[1];
        v[1] = encode ? v[1] - s->last_clock : s->last_clock + v[1];
        s->last_clock = encode ? was : v[1];
        break;
    default: break;
    }
}

void journal_flush(struct journal_stream *s, u64 pos)
{
    struct journal *j = s->j;
    int err;

    if (j->mode != JOURNAL_RECORD || (!s->len && pos == s->complete))
        return;
    /* That nothing happened up to pos is worth a chunk too, also before the first event. */
    err = log_append(j->writer, (u8)s->id, pos, s->buf ? s->buf : (const u8 *)"", (u32)s->len);
    s->len = 0;
    s->complete = pos;
    if (err && !atomic_exchange(&j->failed, true))
        msg_error("--record %s: %s; the recording ends here, the log replays up to here", j->path,
                  strerror(-err));
    atomic_store_explicit(&j->bytes, log_size(j->writer), memory_order_relaxed);
}

void journal_put(struct journal_stream *s, enum journal_type type, u64 pos, u64 a, u64 b, u64 c,
                 u64 d)
{
    struct journal_event ev = {(u8)type, pos, {a, b, c, d}};
    u8 *p;

    if (s->j->mode != JOURNAL_RECORD || atomic_load_explicit(&s->j->failed, memory_order_relaxed))
        return;
    if (!s->buf) {
        s->buf = malloc(LOG_CHUNK_MAX);
        CHECK(s->buf);
    }
    if (s->len + EVENT_BYTES_MAX > LOG_CHUNK_MAX)
        journal_flush(s, pos);
    CHECK(pos >= s->last_pos);
    code_values(s, &ev, true);
    p = put_varint(s->buf + s->len, (pos - s->last_pos) << 4 | type);
    for (unsigned i = 0; i < event_info[type].values; i++)
        p = put_varint(p, ev.v[i]);
    s->len = (size_t)(p - s->buf);
    s->last_pos = pos;
    atomic_fetch_add_explicit(&s->j->events, 1, memory_order_relaxed);
    if (type == JOURNAL_EDGE)
        atomic_fetch_add_explicit(&s->j->edges, 1, memory_order_relaxed);
}

/* ---- Decoding ---------------------------------------------------------------------------------------------- */

static bool get_varint(struct journal_stream *s, u64 *v)
{
    unsigned shift = 0;

    *v = 0;
    while (s->chunk_at < s->chunk_len && shift < 64) {
        u8 b = s->chunk[s->chunk_at++];

        *v |= (u64)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return true;
        shift += 7;
    }
    return false;
}

/* Unpack the stream's next chunk. False: there is none. */
static bool next_chunk(struct journal_stream *s)
{
    const struct log_chunk *list;
    u64 n = log_chunks(s->j->reader, &list);

    for (; s->next_chunk < n; s->next_chunk++) {
        const struct log_chunk *c = &list[s->next_chunk];

        if (c->stream != s->id)
            continue;
        if (!s->chunk)
            s->chunk = malloc(LOG_CHUNK_MAX);
        CHECK(s->chunk);
        if (log_unpack(s->j->reader, s->next_chunk, s->chunk) < 0)
            journal_diverge(s, s->last_pos, "a chunk of the log cannot be unpacked");
        s->chunk_at = 0;
        s->chunk_len = c->raw;
        s->complete = c->complete;
        s->next_chunk++;
        return true;
    }
    return false;
}

/* Is there such a participant? */
static bool is_stream(const struct journal *j, u64 id)
{
    return id < j->n_streams || id == JOURNAL_STREAMS_MAX - 1;
}

static void fetch(struct journal_stream *s)
{
    struct journal_event *ev = &s->next;
    u64 head;

    if (s->has_next || s->j->mode != JOURNAL_REPLAY || !s->j->reader)
        return;
    while (s->chunk_at == s->chunk_len)
        if (!next_chunk(s))
            return;
    memset(ev, 0, sizeof(*ev));
    if (!get_varint(s, &head))
        goto malformed;
    ev->type = head & 15;
    ev->pos = s->last_pos + (head >> 4);
    if (!event_info[ev->type].name)
        goto malformed;
    for (unsigned i = 0; i < event_info[ev->type].values; i++)
        if (!get_varint(s, &ev->v[i]))
            goto malformed;
    if ((ev->type == JOURNAL_EDGE || ev->type == JOURNAL_MESSAGE) && !is_stream(s->j, ev->v[0]))
        goto malformed;
    if (ev->pos < s->last_pos || ev->pos > s->complete)
        goto malformed;
    code_values(s, ev, false);
    s->last_pos = ev->pos;
    s->has_next = true;
    return;
malformed:
    s->chunk_at = s->chunk_len;
    journal_diverge(s, s->last_pos, "the log holds a malformed event");
}

static void consume(struct journal_stream *s)
{
    s->recent[s->n_recent++ % ARRAY_SIZE(s->recent)] = s->next;
    s->has_next = false;
    atomic_fetch_add_explicit(&s->j->events, 1, memory_order_relaxed);
}

void journal_diverge(struct journal_stream *s, u64 pos, const char *fmt, ...)
{
    struct journal *j = s->j;
    char what[2048];
    size_t n = 0;
    va_list ap;

    va_start(ap, fmt);
    n += (size_t)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    n = MIN(n, sizeof(what) - 1);
    for (unsigned k = MIN(s->n_recent, ARRAY_SIZE(s->recent)); k-- && n < sizeof(what) - 200;) {
        const struct journal_event *e = &s->recent[(s->n_recent - 1 - k) % ARRAY_SIZE(s->recent)];

        n += (size_t)snprintf(what + n, sizeof(what) - n, "\n  before it: at %llu %s",
                              (unsigned long long)e->pos, event_info[e->type].name);
        for (unsigned i = 0; i < event_info[e->type].values; i++)
            n += (size_t)snprintf(what + n, sizeof(what) - n, " %llu", (unsigned long long)e->v[i]);
    }
    if (j->diverged)
        j->diverged(j->diverged_ctx, s->id, pos, what);
}

static bool is_of_instruction(u8 type)
{
    return type == JOURNAL_CLOCK || type == JOURNAL_ENTROPY;
}

bool journal_next(struct journal_stream *s, u64 pos, journal_source *live, void *ctx,
                  struct journal_event *ev)
{
    if (s->j->mode != JOURNAL_REPLAY) {
        memset(ev, 0, sizeof(*ev));
        ev->pos = pos;
        if (!live(ctx, ev))
            return false;
        if (ev->type)
            journal_put(s, ev->type, pos, ev->v[0], ev->v[1], ev->v[2], ev->v[3]);
        return true;
    }
    fetch(s);
    if (!s->has_next)
        return false;
    if (s->next.pos < pos)
        journal_diverge(s, pos, "expected %s at %llu, but nothing asked for it there",
                        event_info[s->next.type].name, (unsigned long long)s->next.pos);
    if (s->next.pos != pos || is_of_instruction(s->next.type))
        return false;
    *ev = s->next;
    consume(s);
    return true;
}

bool journal_take_edge(struct journal_stream *s, u64 pos, struct journal_event *ev)
{
    fetch(s);
    if (!s->has_next || s->next.type != JOURNAL_EDGE || s->next.pos != pos)
        return false;
    *ev = s->next;
    consume(s);
    return true;
}

u64 journal_horizon(const struct journal_stream *cs)
{
    struct journal_stream *s = (struct journal_stream *)cs;

    if (s->j->mode != JOURNAL_REPLAY)
        return JOURNAL_NEVER;
    fetch(s);
    return s->has_next ? s->next.pos : s->complete;
}

bool journal_at_end(const struct journal_stream *cs, u64 pos)
{
    struct journal_stream *s = (struct journal_stream *)cs;

    if (s->j->mode != JOURNAL_REPLAY)
        return false;
    fetch(s);
    return !s->has_next && pos >= s->complete;
}

/* ---- Values ------------------------------------------------------------------------------------------------ */

u64 journal_live_ns(struct journal *j, unsigned id, u64 pos)
{
    return j->now ? j->now(j->now_ctx, id, pos) : host_clock_ns() - j->epoch;
}

static u64 predicted_clock(const struct journal_stream *s, u64 pos)
{
    u64 ahead = MIN((pos - s->clock_pos) * CLOCK_SLOPE, CLOCK_AHEAD);

    return MAX(s->clock_base + ahead, s->clock_last);
}

static void set_clock(struct journal_stream *s, u64 pos, u64 ns)
{
    s->clock_base = s->clock_last = ns;
    s->clock_pos = pos;
}

static void raise_clock_max(struct journal *j, u64 ns)
{
    u64 max = atomic_load_explicit(&j->clock_max, memory_order_relaxed);

    while (max < ns && !atomic_compare_exchange_weak_explicit(
                           &j->clock_max, &max, ns, memory_order_acq_rel, memory_order_relaxed))
        ;
}

/* Take an event that belongs to the running instruction from the log. */
static bool take(struct journal_stream *s, enum journal_type type, u64 pos, u64 *value)
{
    fetch(s);
    if (!s->has_next || s->next.type != type || s->next.pos != pos)
        return false;
    *value = s->next.v[0];
    consume(s);
    return true;
}

u64 journal_clock(struct journal_stream *s, u64 pos)
{
    struct journal *j = s->j;
    u64 ns = predicted_clock(s, pos), live, max;

    /* An access that a device takes in pieces asks more than once: a CLOCK event could not say which question it answers. */
    if (j->mode != JOURNAL_LIVE && s->clock_asked == pos + 1)
        return s->clock_last;
    s->clock_asked = pos + 1;
    switch (j->mode) {
    case JOURNAL_REPLAY:
        if (take(s, JOURNAL_CLOCK, pos, &ns)) {
            set_clock(s, pos, ns);
            raise_clock_max(j, ns); /* for progress alone */
        }
        break;
    case JOURNAL_RECORD:
        live = journal_live_ns(j, s->id, pos);
        max = atomic_load_explicit(&j->clock_max, memory_order_acquire);
        if (live > ns + CLOCK_BEHIND || ns < max) {
            ns = MAX(MAX(live, max), ns);
            journal_put(s, JOURNAL_CLOCK, pos, ns, 0, 0, 0);
            set_clock(s, pos, ns);
        }
        raise_clock_max(j, ns);
        break;
    case JOURNAL_LIVE: ns = MAX(journal_live_ns(j, s->id, pos), s->clock_last); break;
    }
    s->clock_last = ns;
    return ns;
}

u64 journal_clock_sync(struct journal_stream *s, u64 pos)
{
    u64 ns = journal_live_ns(s->j, s->id, pos);

    ns = MAX(MAX(ns, predicted_clock(s, pos)),
             atomic_load_explicit(&s->j->clock_max, memory_order_acquire));
    return ns;
}

u64 journal_clock_set(struct journal_stream *s, u64 pos, u64 ns)
{
    ns = MAX(ns, s->clock_last);
    set_clock(s, pos, ns);
    s->clock_asked = 0;
    raise_clock_max(s->j, ns);
    return ns;
}

u64 journal_entropy(struct journal_stream *s, u64 pos)
{
    u64 bits = 0;

    if (s->j->mode == JOURNAL_REPLAY) {
        if (!take(s, JOURNAL_ENTROPY, pos, &bits))
            journal_diverge(s, pos, "expected no question for random bits here, the guest asks");
        return bits;
    }
    if (s->j->prng) {
        /* splitmix64 over (seed, stream, position): the same in every run. */
        bits = s->j->prng + 0x9e3779b97f4a7c15u * (pos * 64 + s->id + 1);
        bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
        bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
        bits ^= bits >> 31;
    } else {
        host_random(&bits, sizeof(bits));
    }
    journal_put(s, JOURNAL_ENTROPY, pos, bits, 0, 0, 0);
    return bits;
}
