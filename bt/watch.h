/* SPDX-License-Identifier: MIT */
/*
 * Looking into the translator: what it tells people, profilers and debuggers about the code that it makes. None of it
 * changes what is translated or how it runs, but for a counter at the entry of each block while a profile is taken.
 *
 *   dump.c      -d: a block's guest instructions, micro-ops and host code, as it is translated
 *   profile.c   --bt-dump: how often each block ran; --stats: how often what is not lowered ran
 *   symbols.c   --perf-map and --gdb-jit: names of translated code
 *
 * What tells of a translation is called under the lock under which it was made; the rest while no vCPU runs.
 */
#ifndef BT_WATCH_H
#define BT_WATCH_H

#include "bt/internal.h"

#define BT_MODE_TEXT 48

/* What a block's key says, as text for people ("code64 user sse"), in text[BT_MODE_TEXT], which is returned. */
const char *bt_mode_text(char *text, u32 key);
/* The name of the piece of code made once that `at` (writable address) is in, or begins; NULL: none. */
const char *bt_stub_name(const struct bt *bt, const u8 *at);
/* The guest instruction's mnemonic with its prefixes, in text[size]. */
void bt_mnemonic(char *text, size_t size, const struct block *b, const struct uop *u);
/* The guest instructions whose bytes these are, a line each. */
void bt_print_guest(FILE *to, u32 key, u64 rip, const u8 *bytes, unsigned n);

/* dump.c: the block that has just been translated. */
void bt_dump_block(const struct trans *t);

/* profile.c. The counter of a block's executions, NULL where none is wanted or there is no memory for one. */
u64 *bt_profile_counter(struct trans *t);
/* The block has been translated. */
void bt_profile_block(struct trans *t);
void bt_profile_destroy(struct bt *bt);
/* The counter of the present micro-op, which the interpreter's routine is called for; only with options->count. */
u64 *bt_unlowered_counter(struct trans *t);
int bt_counts_create(struct bt *bt);
void bt_counts_destroy(struct bt *bt);
/* Micro-op `op` was left to the interpreter with all that follows it in its block. */
static inline void bt_count_rest(struct bt *bt, unsigned op)
{
    if (unlikely(bt->rests != NULL))
        __atomic_fetch_add(&bt->rests[op], 1, __ATOMIC_RELAXED);
}

/* symbols.c: names for the code made once, for a block; and the end of those in [from, to). */
int bt_symbols_create(struct bt *bt);
void bt_symbols_block(const struct trans *t);
void bt_symbols_forget(struct bt *bt, const u8 *from, const u8 *to);
void bt_symbols_destroy(struct bt *bt);

#endif
