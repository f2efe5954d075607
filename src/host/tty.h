/* SPDX-License-Identifier: MIT */
/*
 * The terminal's settings, and the signals that end the program or stop it for a while.
 *
 * There is one controlling terminal per process, so its saved settings are state of the process.
 * host_tty_restore() puts them back; it is async-signal-safe and may be called any number of times,
 * from wherever the program ends. src/base/msg.h gets it as its hook.
 */
#ifndef HOST_TTY_H
#define HOST_TTY_H

#include "src/base/types.h"

bool host_tty_is_terminal(int fd);

/*
 * Make the terminal fd raw: every key arrives at once and as it is, nothing is echoed, output is
 * not changed. 0, -ENOTTY, -EBUSY when the process is in the background, or another -errno.
 */
int host_tty_make_raw(int fd);

/* Undo host_tty_make_raw(). Async-signal-safe, idempotent. */
void host_tty_restore(void);

/*
 * From now on SIGINT, SIGTERM, SIGHUP and SIGQUIT are noted and set the event wake_fd; the second
 * one restores the terminal and ends the process at once. SIGSEGV, SIGBUS, SIGILL, SIGFPE and
 * SIGABRT restore the terminal before they do what they always do. SIGTSTP restores it and stops;
 * SIGCONT makes it raw again. SIGPIPE is ignored, so that writing returns -EPIPE.
 * Main thread; once.
 */
void host_signals_catch(int wake_fd);

/* The first ending signal that has come, 0: none. Any thread. */
int host_signals_pending(void);

/* The default actions are back; wake_fd may be closed. Main thread. */
void host_signals_release(void);

#endif
