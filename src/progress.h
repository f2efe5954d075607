/* SPDX-License-Identifier: MIT */
/*
 * What a user sees of a replay while it runs, and how he ends it: a line on the terminal with percent, guest seconds,
 * instructions and speed; ctrl-c. See progress.c.
 */
#ifndef X86SIM_PROGRESS_H
#define X86SIM_PROGRESS_H

#include "src/base/types.h"

struct machine;
struct progress;

/* Start watching the replay of m, whose terminal is open. 0 or -errno. Main thread. */
int progress_start(struct progress **p, struct machine *m);
/* Clear the line and stop. Main thread. Null is allowed. */
void progress_stop(struct progress *p);

/* Take the line away before a message is printed; it comes back. Any thread. Null is allowed. */
void progress_hide(struct progress *p);
/* Around output of the guest: between them no line is shown. Any one thread at a time. Null is allowed. */
void progress_begin_output(struct progress *p);
void progress_end_output(struct progress *p, u8 last_byte);

#endif
