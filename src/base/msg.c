/* SPDX-License-Identifier: MIT */
/*
 * Messages and failed checks: the only code that writes to stderr for the user (see msg.h).
 *
 * The state here belongs to the process's one terminal, not to a virtual machine, which is why it
 * is the one thing that is not hung off struct machine. All of it is atomic, so no lock is needed
 * and a message may be printed from any thread, with any lock held.
 *
 * Limits: no levels, no log file; a message that does not fit MSG_LINE_MAX is cut.
 */
#include "src/base/msg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/check.h"

typedef void terminal_hook(void);

static _Atomic(terminal_hook *) hook;
static atomic_bool is_raw;
static atomic_bool is_quiet;

static void write_all(const char *text, size_t size)
{
    while (size) {
        ssize_t n = write(STDERR_FILENO, text, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody left to tell */
        text += n;
        size -= (size_t)n;
    }
}

static void print_line(const char *prefix, const char *fmt, va_list args)
{
    int saved_errno = errno;
    char line[MSG_LINE_MAX + 2];
    int used = snprintf(line, MSG_LINE_MAX, "%s", prefix);
    int more = vsnprintf(line + used, (size_t)(MSG_LINE_MAX - used), fmt, args);

    size_t size = (size_t)used + (more > 0 ? (size_t)more : 0);
    if (size > MSG_LINE_MAX - 1)
        size = MSG_LINE_MAX - 1;
    /* Names of files and what logs say are in messages, and may hold anything. */
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    if (atomic_load(&is_raw))
        line[size++] = '\r';
    line[size++] = '\n';
    write_all(line, size);
    errno = saved_errno;
}

void msg_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print_line("x86sim: ", fmt, args);
    va_end(args);
}

void msg_warn(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print_line("x86sim: warning: ", fmt, args);
    va_end(args);
}

void msg_info(const char *fmt, ...)
{
    va_list args;

    if (atomic_load(&is_quiet))
        return;
    va_start(args, fmt);
    print_line("x86sim: ", fmt, args);
    va_end(args);
}

void msg_plain(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print_line("", fmt, args);
    va_end(args);
}

int msg_wrong(char *err, size_t err_size, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(err, err_size, fmt, args);
    va_end(args);
    return -EINVAL;
}

void msg_set_quiet(bool quiet)
{
    atomic_store(&is_quiet, quiet);
}

void msg_set_hook(void (*restore_terminal)(void))
{
    atomic_store(&hook, restore_terminal);
}

void msg_set_raw(bool raw)
{
    atomic_store(&is_raw, raw);
}

void msg_restore_terminal(void)
{
    terminal_hook *restore = atomic_load(&hook);

    if (restore)
        restore();
    atomic_store(&is_raw, false);
}

_Noreturn void check_failed(const char *file, int line, const char *cond)
{
    msg_restore_terminal();
    msg_error("internal error at %s:%d: check failed: %s", file, line, cond);
    abort();
}
