/* SPDX-License-Identifier: MIT */
/*
 * CHECK(): guards our own invariants, in release builds too.
 *
 * A failed CHECK is a bug in x86sim. It restores the terminal, prints where and what, and aborts,
 * so that a core dump and the log written so far remain. What a guest does wrong is never a CHECK:
 * that is a guest fault or a message once. What the user does wrong is a line on stderr and exit
 * status 2. The condition is always evaluated, so it may not be compiled out, but it should have no
 * side effects that a reader would miss.
 */
#ifndef X86SIM_BASE_CHECK_H
#define X86SIM_BASE_CHECK_H

/* Reports a broken invariant and aborts. Any thread; never returns. Used through CHECK(). */
_Noreturn void check_failed(const char *file, int line, const char *cond)
    __attribute__((cold, noinline));

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            check_failed(__FILE__, __LINE__, #cond);                                               \
    } while (0)

/* A place that our own invariants say is never reached. */
#define CHECK_UNREACHABLE() check_failed(__FILE__, __LINE__, "unreachable")

#endif
