/* SPDX-License-Identifier: MIT */
/*
 * termios and signals: see tty.h. Handlers only use async-signal-safe calls (tcsetattr, write,
 * raise, _exit) and atomics. The settings are saved before the flag that says so is set, and never
 * change while it is set, so a handler on any thread reads whole ones.
 */
#include "src/host/tty.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "src/host/file.h"

static struct termios saved, raw;
static int tty_fd = -1;
static atomic_bool is_raw, wants_raw;

static atomic_int signal_seen;
static atomic_int signal_wake = -1;

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static const int dying[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

bool host_tty_is_terminal(int fd)
{
    return isatty(fd);
}

/* Applies settings. SIGTTOU would stop a process in the background instead, so it is blocked. */
static int apply(const struct termios *t)
{
    sigset_t ttou, old;
    int err;

    sigemptyset(&ttou);
    sigaddset(&ttou, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &ttou, &old);
    do {
        err = tcsetattr(tty_fd, TCSANOW, t) ? -errno : 0;
    } while (err == -EINTR);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

int host_tty_make_raw(int fd)
{
    int err;

    if (atomic_load(&is_raw))
        return 0;
    if (!isatty(fd))
        return -ENOTTY;
    if (tcgetpgrp(fd) != getpgrp())
        return -EBUSY;
    if (tcgetattr(fd, &saved))
        return -errno;
    raw = saved;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tty_fd < 0)
        atexit(host_tty_restore);
    tty_fd = fd;
    atomic_store(&is_raw, true); /* first: an end in between restores what is still there */
    err = apply(&raw);
    if (err)
        atomic_store(&is_raw, false);
    atomic_store(&wants_raw, !err);
    return err;
}

/* The settings are the user's again, for now. */
static void put_back(void)
{
    if (atomic_exchange(&is_raw, false))
        apply(&saved);
}

void host_tty_restore(void)
{
    int saved_errno = errno;

    atomic_store(&wants_raw, false);
    put_back();
    errno = saved_errno;
}

/* The process goes on. In the background the terminal is somebody else's, until the next SIGCONT in the foreground. */
static void make_raw_again(void)
{
    if (!atomic_load(&wants_raw))
        return;
    if (tcgetpgrp(tty_fd) != getpgrp()) {
        atomic_store(&is_raw, false);
        return;
    }
    atomic_store(&is_raw, true);
    apply(&raw);
    if (!atomic_load(&wants_raw))
        put_back(); /* another thread restored it meanwhile */
}

static void on_ending(int sig)
{
    int none = 0;

    if (!atomic_compare_exchange_strong(&signal_seen, &none, sig)) {
        host_tty_restore();
        _exit(1);
    }
    host_event_set(atomic_load(&signal_wake));
}

/* The handler is installed with SA_RESETHAND: raising the signal again does what it always does. */
static void on_dying(int sig)
{
    host_tty_restore();
    raise(sig);
}

/* Stop as asked, with the terminal as the shell wants it, and go on from there. */
static void on_stop(int sig)
{
    int saved_errno = errno;

    (void)sig;
    put_back();
    raise(SIGSTOP);
    make_raw_again();
    errno = saved_errno;
}

/* After a SIGSTOP that nobody could catch, the shell has changed the settings; after "bg", "fg" brings them back. */
static void on_continue(int sig)
{
    int saved_errno = errno;

    (void)sig;
    make_raw_again();
    errno = saved_errno;
}

static void set_handler(int sig, void (*handler)(int), int flags)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

    sigfillset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

void host_signals_catch(int wake_fd)
{
    struct sigaction now;

    atomic_store(&signal_wake, wake_fd);
    for (unsigned i = 0; i < ARRAY_SIZE(ending); i++) {
        /* What nohup or a shell's "&" made ignored stays so. */
        if (sigaction(ending[i], NULL, &now) || now.sa_handler != SIG_IGN)
            set_handler(ending[i], on_ending, SA_RESTART);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(dying); i++) {
        /* A sanitizer's handler stays: it ends the process by itself. */
        if (!sigaction(dying[i], NULL, &now) && now.sa_handler == SIG_DFL)
            set_handler(dying[i], on_dying, (int)SA_RESETHAND | SA_NODEFER);
    }
    set_handler(SIGTSTP, on_stop, SA_RESTART);
    set_handler(SIGCONT, on_continue, SA_RESTART);
    set_handler(SIGPIPE, SIG_IGN, 0);
    set_handler(SIGXFSZ, SIG_IGN, 0); /* a file that may not grow is a full disk */
}

int host_signals_pending(void)
{
    return atomic_load(&signal_seen);
}

void host_signals_release(void)
{
    struct sigaction now;

    for (unsigned i = 0; i < ARRAY_SIZE(ending); i++) {
        if (!sigaction(ending[i], NULL, &now) && now.sa_handler == on_ending)
            set_handler(ending[i], SIG_DFL, 0);
    }
    set_handler(SIGTSTP, SIG_DFL, 0);
    set_handler(SIGCONT, SIG_DFL, 0);
    atomic_store(&signal_wake, -1);
    atomic_store(&signal_seen, 0);
}
