/* SPDX-License-Identifier: MIT */
/*
 * The files in which the user looks into the translator: -D, --bt-dump, --perf-map.
 */
#ifndef X86SIM_TRANSLATOR_H
#define X86SIM_TRANSLATOR_H

#include "src/machine.h"
#include "src/options.h"

/* Where perf looks for the names of code that was made at run time; %d is the process. */
#define TRANSLATOR_PERF_MAP "/tmp/perf-%d.map"

/* Open what the options name, for *o itself. A file that the run needs is refused before it is touched. 0, or -errno and
 * one line in err. Does nothing when it was called before. Main thread. */
int translator_open(struct options *o, char *err, size_t n);

/* Write the profile of a machine that has ended, if one is wanted. Main thread. */
void translator_print_profile(struct machine *m);

/* Close them. 0, or -errno after a line that says what could not be written. Main thread. Harmless when none is open. */
int translator_close(struct options *o);

#endif
