/* SPDX-License-Identifier: MIT */
/*
 * What one call of x86sim keeps while the guest resets its machine, which destroys the machine and
 * builds another: the user's terminal and the files that ports write to, and how much has been
 * executed and how late it is.
 */
#ifndef X86SIM_SESSION_H
#define X86SIM_SESSION_H

#include "src/options.h"
#include "src/output.h"
#include "src/terminal.h"

struct session {
    bool is_open;
    struct terminal *terminal;
    struct output debugcon;
    u64 executed;   /* instructions of machines that have ended */
    u64 elapsed_ns; /* guest time of machines that have ended */
};

/*
 * Open what -serial and -debugcon name, and catch the signals that end the program. A file that is
 * an image, the log of a replay or another port's is refused before it is touched. 0, or -errno and
 * one line in err; nothing is open then. Does nothing when it is open. Main thread.
 */
int session_open(struct session *s, const struct options *o, char *err, size_t n);

/* Writing the file `path` would destroy something that the run needs; says what. Null: nothing. */
const char *session_destroys(const struct options *o, const char *path);

/* Restore the terminal and the signals, close the files. Main thread. Harmless when it is not open.
 */
void session_close(struct session *s);

#endif
