/* SPDX-License-Identifier: MIT */
/*
 * Messages to the user: one line each on stderr, "x86sim: ..." but for msg_plain().
 *
 * A line is formatted into a buffer and leaves in one write(), so lines from several threads never
 * mix. A line longer than MSG_LINE_MAX bytes is cut; control characters in it become '?'. While the terminal is raw the line ends in
 * CR LF. Nothing here reads a clock or touches guest state, so messages never change a run.
 *
 * The terminal: whoever changes its settings registers a hook that puts them back; CHECK() and the
 * program's exits call msg_restore_terminal(). The hook must be async-signal-safe and idempotent,
 * because a signal handler may be what calls it.
 */
#ifndef X86SIM_BASE_MSG_H
#define X86SIM_BASE_MSG_H

#include <stdbool.h>
#include <stddef.h>

#define MSG_LINE_MAX 1024

/* What went wrong; the caller decides what follows. Any thread. errno is kept. */
void msg_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Something the user should know; the run goes on. Any thread. errno is kept. */
void msg_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Progress and results. Silent after msg_set_quiet(true). Any thread. errno is kept. */
void msg_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line that somebody asked for and a program may read: as it is, without "x86sim: ". Any thread. */
void msg_plain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Not to the user but to the caller, who knows where it belongs: what is wrong with something that was given, in err, cut to
 * err_size. Returns -EINVAL, for readers of options and the like to return. Any thread. */
int msg_wrong(char *err, size_t err_size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Turns msg_info() off or on. */
void msg_set_quiet(bool quiet);

/* Registers what puts the terminal back (null: nothing to do). At most one hook. Any thread. */
void msg_set_hook(void (*restore_terminal)(void));

/* Says whether the terminal is raw, so that lines end in CR LF. Set by who makes it raw. */
void msg_set_raw(bool raw);

/* Calls the registered hook, if any, and drops the raw mode of messages. Async-signal-safe. */
void msg_restore_terminal(void);

#endif
