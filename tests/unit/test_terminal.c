/* SPDX-License-Identifier: MIT */
/*
 * The terminal (src/terminal.c, src/host/tty.c): decoding of ctrl-a, and, in a child process on a
 * pseudo-terminal, that settings are raw while it is open and back afterwards, whatever ended it.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include "src/base/check.h"
#include "src/base/msg.h"
#include "src/output.h"
#include "src/terminal.h"
#include "tests/lib/suite.h"

static void decoding(void)
{
    struct terminal_escape e = {0};
    unsigned actions = 0;
    u8 bytes[16];

    memcpy(bytes, "a\1xb\1\1c\1", 8);
    CU_ASSERT_EQUAL(terminal_decode(&e, bytes, 8, &actions), 4);
    CU_ASSERT_EQUAL(memcmp(bytes, "ab\1c", 4), 0);
    CU_ASSERT_EQUAL(actions, TERMINAL_LEAVE);
    memcpy(bytes, "p\1s\1bz", 6); /* the last ctrl-a was in the piece before */
    actions = 0;
    CU_ASSERT_EQUAL(terminal_decode(&e, bytes, 6, &actions), 1);
    CU_ASSERT_EQUAL(actions, TERMINAL_POWER | TERMINAL_STATUS | TERMINAL_BREAK);
    CU_ASSERT_EQUAL(bytes[0], 'z');
    CU_ASSERT_FALSE(e.wants_help);
    memcpy(bytes, "\1h", 2);
    CU_ASSERT_EQUAL(terminal_decode(&e, bytes, 2, &actions), 0);
    CU_ASSERT_TRUE(e.wants_help);
}

/* How the child of a test ends, once it has read "go". */
enum ending { RETURN, EXIT, ABORT, SEGV, CHECK_FAILED, KILL_TERM, KILL_TWICE };

static struct terminal *open_stdio(bool wants_input)
{
    struct terminal_config config = {.output = {.kind = OPT_OUTPUT_STDIO},
                                     .wants_input = wants_input};
    struct terminal *t = NULL;
    char err[256];

    if (terminal_open(&t, &config, err, sizeof(err)))
        _exit(90);
    return t;
}

/* Waits until something asked for one of `wanted`; collects input in text. */
static unsigned wait_for(struct terminal *t, unsigned wanted, char *text, size_t size,
                         const char *until)
{
    struct pollfd p = {.fd = terminal_poll_fd(t), .events = POLLIN};
    unsigned actions = 0;
    size_t n = 0;

    while (!(actions & wanted) && !(until && strstr(text, until))) {
        if (poll(&p, 1, 20000) <= 0)
            _exit(91);
        n += terminal_read(t, (u8 *)text + n, size - 1 - n, &actions);
        text[n] = '\0';
    }
    return actions;
}

static _Noreturn void run_child(enum ending ending)
{
    struct terminal *t = open_stdio(true);
    char text[64] = "";

    signal(SIGALRM, SIG_DFL);
    alarm(60);
    terminal_write(t, "ready\n", 6);
    wait_for(t, 0, text, sizeof(text), "go");
    terminal_write(t, "\n", 1);
    switch (ending) {
    case RETURN: terminal_close(t); _exit(7);
    case EXIT: exit(7);
    case ABORT: abort();
    case SEGV: raise(SIGSEGV); break;
    case CHECK_FAILED: CHECK_UNREACHABLE();
    case KILL_TERM:
        raise(SIGTERM);
        wait_for(t, TERMINAL_SIGNAL, text, sizeof(text), NULL);
        terminal_close(t);
        _exit(7);
    case KILL_TWICE:
        raise(SIGHUP);
        raise(SIGHUP);
        break;
    }
    _exit(92);
}

/* Reads from the pseudo-terminal until `word` has come. */
static bool read_until(int fd, const char *word)
{
    char text[512] = "";
    size_t n = 0;

    while (!strstr(text, word)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t k = poll(&p, 1, 20000) > 0 ? read(fd, text + n, sizeof(text) - 1 - n) : -1;

        if (k <= 0)
            return false;
        n += (size_t)k;
        text[n] = '\0';
    }
    return true;
}

static void check_ending(enum ending ending, int exit_status, int signal_number)
{
    struct termios before, during, after;
    int status = 0, master = -1, slave = -1;
    pid_t child;

    CU_ASSERT_EQUAL_FATAL(openpty(&master, &slave, NULL, NULL, NULL), 0);
    tcgetattr(slave, &before);
    fflush(NULL);
    child = fork();
    if (!child) {
        close(master);
        if (login_tty(dup(slave)))
            _exit(93);
        run_child(ending);
    }
    CU_ASSERT_TRUE(read_until(master, "ready"));
    tcgetattr(slave, &during);
    CU_ASSERT_FALSE(during.c_lflag & (ICANON | ECHO | ISIG));
    CU_ASSERT_EQUAL(write(master, "go", 2), 2);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    tcgetattr(slave, &after);
    CU_ASSERT_EQUAL(after.c_lflag, before.c_lflag);
    CU_ASSERT_EQUAL(after.c_iflag, before.c_iflag);
    CU_ASSERT_EQUAL(after.c_oflag, before.c_oflag);
    if (signal_number)
        CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal_number)
    else
        CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == exit_status)
    close(master);
    close(slave);
}

static void restored_by_close(void)
{
    check_ending(RETURN, 7, 0);
}

static void restored_by_exit(void)
{
    check_ending(EXIT, 7, 0);
}

static void restored_by_signals(void)
{
    check_ending(KILL_TERM, 7, 0);
    check_ending(KILL_TWICE, 1, 0);
}

/* Sanitizers turn these signals into reports and ends of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEATH(sig) 0
#else
#define DEATH(sig) (sig)
#endif

static void restored_by_crashes(void)
{
    check_ending(ABORT, 0, SIGABRT);
    check_ending(CHECK_FAILED, 0, SIGABRT);
    if (DEATH(SIGSEGV))
        check_ending(SEGV, 0, SIGSEGV);
}

/* Runs fn in a child whose standard input is the file; its exit status. */
static int in_child(int input, void (*fn)(void))
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (!child) {
        alarm(60);
        dup2(input, 0);
        fn();
        _exit(0);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* More than the ring holds, ctrl-a among it, arrives complete and in order. */
static void read_plain_input(void)
{
    struct terminal *t = open_stdio(true);
    struct pollfd p = {.fd = terminal_poll_fd(t), .events = POLLIN};
    unsigned actions = 0, seen = 0;

    while (!(actions & TERMINAL_EOF) || poll(&p, 1, 0)) {
        u8 bytes[100];
        size_t n;

        if (poll(&p, 1, 20000) <= 0)
            _exit(1);
        n = terminal_read(t, bytes, sizeof(bytes), &actions);
        for (size_t i = 0; i < n; i++) {
            if (bytes[i] != (u8)(seen++ % 251))
                _exit(2);
        }
    }
    terminal_close(t);
    if (seen != 20000 || actions != TERMINAL_EOF)
        _exit(3);
}

static void plain_input(void)
{
    FILE *f = tmpfile();

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (unsigned i = 0; i < 20000; i++)
        fputc((int)(i % 251), f);
    fflush(f);
    rewind(f);
    CU_ASSERT_EQUAL(in_child(fileno(f), read_plain_input), 0);
    fclose(f);
}

static void break_output(void)
{
    struct terminal *t = open_stdio(false);
    int pipe_fd[2];
    char text[8] = "";

    if (pipe(pipe_fd) || dup2(pipe_fd[1], 1) < 0)
        _exit(1);
    close(pipe_fd[0]);
    if (terminal_write(t, "x", 1) != -EPIPE || terminal_write(t, "y", 1) != -EPIPE)
        _exit(2);
    if (wait_for(t, TERMINAL_BROKEN, text, sizeof(text), NULL) != TERMINAL_BROKEN)
        _exit(3);
    terminal_close(t);
}

static void broken_output(void)
{
    CU_ASSERT_EQUAL(in_child(0, break_output), 0);
}

static void output_to_a_file(void)
{
    char path[] = "/tmp/x86sim-output-XXXXXX", text[16] = "", err[256];
    struct opt_chardev file = {OPT_OUTPUT_FILE, path}, none = {OPT_OUTPUT_NULL, NULL};
    int fd = mkstemp(path);
    struct output out;
    bool broke;

    CU_ASSERT_EQUAL_FATAL(output_open(&out, &file, "-debugcon", err, sizeof(err)), 0);
    CU_ASSERT_EQUAL(output_write(&out, "hello", 5, &broke), 0);
    CU_ASSERT_EQUAL(output_close(&out), 0);
    CU_ASSERT_EQUAL(read(fd, text, sizeof(text)), 5);
    CU_ASSERT_STRING_EQUAL(text, "hello");
    close(fd);
    unlink(path);
    CU_ASSERT_EQUAL(output_open(&out, &none, "-debugcon", err, sizeof(err)), 0);
    CU_ASSERT_EQUAL(output_write(&out, "hello", 5, &broke), 0);
    CU_ASSERT_EQUAL(output_close(&out), 0);
    file.path = "/nonexistent/x";
    CU_ASSERT_EQUAL(output_open(&out, &file, "-debugcon", err, sizeof(err)), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, "-debugcon: cannot write '/nonexistent/x'"));
}

TEST_SUITE(terminal, TEST(decoding), TEST(restored_by_close), TEST(restored_by_exit),
           TEST(restored_by_signals), TEST(restored_by_crashes), TEST(plain_input),
           TEST(broken_output), TEST(output_to_a_file));
