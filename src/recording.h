/* SPDX-License-Identifier: MIT */
/*
 * The log of a run: made before the guest starts, closed or checked when it has ended, and what is said about it.
 */
#ifndef X86SIM_RECORDING_H
#define X86SIM_RECORDING_H

#include "src/machine.h"

/* Prepare the journal: live, recorded, or replayed from `reader` (which outlives m). */
void recording_prepare(struct machine *m, struct log_reader *reader);

/* --record: create the log, when nothing is left that could refuse the run. 0, or -errno and one line in err. Nothing to
 * do in other runs. Main thread. */
int recording_open(struct machine *m, char *err, size_t n);

/* All threads have stopped: close the log, or check what the replay came to and set m->end. Main thread. */
void recording_finish(struct machine *m);

/* Say how a replay ended, in one line. Main thread. */
void recording_report(const struct machine *m);

#endif
