/* SPDX-License-Identifier: MIT */
/*
 * The user's side of the serial port: standard input and output, a file, or nothing.
 *
 * A thread of its own reads the keyboard, decodes ctrl-a and puts the guest's bytes in a ring of a
 * few kilobytes; when the ring is full it stops reading, so nothing is lost. The I/O agent takes
 * them with terminal_read() when it is told or when terminal_poll_fd() can be read. While standard
 * input is a terminal it is raw, and whatever ends the program puts it back (src/host/tty.h). Input
 * that is no terminal is passed on as it is, up to its end.
 *
 * In ctrl-a mode: x leaves, h helps, s status, p power button, b break, ctrl-a is ctrl-a.
 */
#ifndef X86SIM_TERMINAL_H
#define X86SIM_TERMINAL_H

#include "src/base/types.h"
#include "src/options.h"

/* What the user, a signal or a broken output asks for; a set. */
enum terminal_action {
    TERMINAL_LEAVE = 1 << 0,  /* ctrl-a x */
    TERMINAL_STATUS = 1 << 1, /* ctrl-a s */
    TERMINAL_POWER = 1 << 2,  /* ctrl-a p: press the power button */
    TERMINAL_BREAK = 1 << 3,  /* ctrl-a b: a break on the serial line, behind the bytes read */
    TERMINAL_EOF = 1 << 4,    /* input has ended; once */
    TERMINAL_SIGNAL = 1 << 5, /* host_signals_pending() says which: end in good order, status 1 */
    TERMINAL_BROKEN = 1 << 6, /* output can no longer be written: end, status 1 */
};

struct terminal;

struct terminal_config {
    struct opt_chardev output; /* serial: where it goes; stdio also takes input */
    bool wants_input;          /* false: standard input is left alone (a replay) */
};

/*
 * Open, make the terminal raw and start the reader; catches the signals that end the program. Main
 * thread, once per process. 0, or -errno and one line in err.
 */
int terminal_open(struct terminal **t, const struct terminal_config *config, char *err,
                  size_t err_size);

/* Stop the reader, restore the terminal and the signals. Main thread. Null is allowed. */
void terminal_close(struct terminal *t);

/*
 * From now on notify(ctx) is called, on the reader's thread or that of a writer, when there is
 * something to read or do; null: nobody is told, and the one before is not being called any more.
 * What has come meanwhile waits. notify may take locks that nobody holds while calling into the
 * terminal. Main thread.
 */
void terminal_attach(struct terminal *t, void (*notify)(void *ctx), void *ctx);

/* Say in text why the output was lost (TERMINAL_BROKEN), and return the -errno. Any thread. */
int terminal_explain(struct terminal *t, char *text, size_t n);

/* A descriptor that can be polled for reading while there are bytes or actions. */
int terminal_poll_fd(const struct terminal *t);

/*
 * Take up to n bytes of input without waiting, and add what is asked for to *actions, where each
 * appears once. Returns the number of bytes. Any one thread.
 */
size_t terminal_read(struct terminal *t, u8 *to, size_t n, unsigned *actions);

/*
 * Write n bytes, all of them, waiting for a slow reader. 0 or -errno: then the output is lost for
 * good, TERMINAL_BROKEN is raised once and later calls do nothing. Any thread.
 */
int terminal_write(struct terminal *t, const void *from, size_t n);

/* Decodes ctrl-a: the state is whether the last byte was ctrl-a. */
struct terminal_escape {
    bool pending;
    bool wants_help; /* ctrl-a h was pressed; whoever prints the help clears it */
};

/* Decode n bytes at from in place; returns how many are for the guest, adds to *actions. */
size_t terminal_decode(struct terminal_escape *e, u8 *bytes, size_t n, unsigned *actions);

#endif
