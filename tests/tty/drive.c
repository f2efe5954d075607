/* SPDX-License-Identifier: MIT */
/*
 * drive: a user at a terminal, for tests. Runs a command on a pseudo-terminal of its own as a shell
 * would, in a process group of its own in the foreground, and does what a script on standard input
 * says, one step a line: expect TEXT     waits until TEXT has come, behind what the last expect
 * found send TEXT       types TEXT raw, cooked     waits until the terminal is so signal NAME sends
 * TERM, INT, HUP, TSTP, STOP, CONT or KILL to the command stopped         waits until the command
 * is stopped; the terminal is then the shell's fg, bg          lets it go on, with the terminal or
 * without end STATUS      waits for its end with this exit status; with "signal N" for that kind of
 * end In TEXT \r, \n, \\ and \001 (octal) mean what they do in C. Lines that begin with # and empty
 * ones are skipped. All that the command printed goes to the file OUTPUT as it came.
 *
 *     drive OUTPUT SECONDS COMMAND [ARGUMENT...] <SCRIPT
 *
 * Exit status 0 when every step succeeded, each within SECONDS; else 1 and one line that names the
 * step. The terminal must be cooked when the command has ended, whether or not the script asks.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int master, slave, output;
static pid_t command;
static bool has_ended;
static int end_status;
static double patience, deadline;
static struct termios shell_settings;

static char *seen; /* what came and no expect has gone past */
static size_t seen_size;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static _Noreturn void give_up(unsigned line, const char *step, const char *why)
{
    printf("drive: line %u, \"%s\": %s\n", line, step, why);
    if (!has_ended)
        kill(command, SIGKILL);
    exit(1);
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "drive: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- the terminal ---- */

/* Takes what the command has printed; waits for it up to a twentieth of a second. */
static void take_output(void)
{
    struct pollfd p = {.fd = master, .events = POLLIN};
    char bytes[4096];
    ssize_t n;

    if (poll(&p, 1, 50) <= 0)
        return;
    n = read(master, bytes, sizeof(bytes));
    if (n <= 0)
        return;
    if (write(output, bytes, (size_t)n) != n)
        die("output");
    seen = realloc(seen, seen_size + (size_t)n + 1);
    if (!seen)
        die("memory");
    memcpy(seen + seen_size, bytes, (size_t)n);
    seen_size += (size_t)n;
}

static bool find(const char *text, size_t n)
{
    char *at = seen_size ? memmem(seen, seen_size, text, n) : NULL;

    if (!at)
        return false;
    seen_size -= (size_t)(at - seen) + n;
    memmove(seen, at + n, seen_size);
    return true;
}

static bool is_raw(void)
{
    struct termios t;

    if (tcgetattr(slave, &t))
        die("tcgetattr");
    return !(t.c_lflag & (ICANON | ECHO | ISIG)) && !(t.c_oflag & OPOST);
}

/* Exactly as it was before. */
static bool is_cooked(void)
{
    struct termios t;

    if (tcgetattr(slave, &t))
        die("tcgetattr");
    return t.c_lflag == shell_settings.c_lflag && t.c_iflag == shell_settings.c_iflag &&
           t.c_oflag == shell_settings.c_oflag && t.c_cflag == shell_settings.c_cflag;
}

/* Text with its escapes replaced; the number of bytes. */
static size_t unescape(const char *from, char *to)
{
    char *start = to;

    while (*from) {
        unsigned value = 0;
        int used = 0;

        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        from++;
        if (*from >= '0' && *from <= '7') {
            while (used < 3 && from[used] >= '0' && from[used] <= '7')
                value = value * 8 + (unsigned)(from[used++] - '0');
            *to++ = (char)value;
            from += used;
            continue;
        }
        *to++ = *from == 'r' ? '\r' : *from == 'n' ? '\n' : *from;
        from += *from != '\0';
    }
    return (size_t)(to - start);
}

static void type(const char *text, size_t n)
{
    while (n) {
        ssize_t k = write(master, text, n);

        if (k <= 0)
            die("typing");
        text += k;
        n -= (size_t)k;
    }
}

/* ---- the command ---- */

static void give_terminal(pid_t to)
{
    if (tcsetpgrp(slave, to))
        die("tcsetpgrp");
}

/* Looks whether the command has stopped or ended; true: stopped. */
static bool look_at_command(void)
{
    int status;

    if (has_ended || waitpid(command, &status, WNOHANG | WUNTRACED) != command)
        return false;
    if (WIFSTOPPED(status))
        return true;
    has_ended = true;
    end_status = status;
    return false;
}

static int signal_named(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {{"TERM", SIGTERM}, {"INT", SIGINT},   {"HUP", SIGHUP},   {"QUIT", SIGQUIT},
                 {"TSTP", SIGTSTP}, {"STOP", SIGSTOP}, {"CONT", SIGCONT}, {"KILL", SIGKILL}};

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!strcmp(known[i].name, name))
            return known[i].number;
    }
    errno = EINVAL;
    die(name);
}

static bool has_ended_as(const char *how)
{
    if (!has_ended)
        return false;
    if (!strncmp(how, "signal ", 7))
        return WIFSIGNALED(end_status) && WTERMSIG(end_status) == atoi(how + 7);
    return WIFEXITED(end_status) && WEXITSTATUS(end_status) == atoi(how);
}

/* ---- steps ---- */

/* Does one step, once; false: not yet. */
static bool try_step(const char *step, const char *rest)
{
    char text[4096];

    if (!strcmp(step, "expect"))
        return find(text, unescape(rest, text));
    if (!strcmp(step, "send"))
        type(text, unescape(rest, text));
    else if (!strcmp(step, "raw"))
        return is_raw();
    else if (!strcmp(step, "cooked"))
        return is_cooked();
    else if (!strcmp(step, "signal"))
        kill(command, signal_named(rest));
    else if (!strcmp(step, "fg") || !strcmp(step, "bg")) {
        if (step[0] == 'f')
            give_terminal(command);
        kill(-command, SIGCONT);
    } else {
        errno = EINVAL;
        die(step);
    }
    return true;
}

static void do_step(unsigned line, char *whole)
{
    char why[200], *rest = strchr(whole, ' '), step[32];

    snprintf(step, sizeof(step), "%.*s", (int)strcspn(whole, " "), whole);
    rest = rest ? rest + 1 : whole + strlen(whole);
    for (deadline = now() + patience; now() < deadline;) {
        bool stopped = look_at_command();

        take_output();
        if (stopped && !strcmp(step, "stopped")) {
            give_terminal(getpgrp());
            return;
        }
        if (!strcmp(step, "end") ? has_ended_as(rest)
                                 : strcmp(step, "stopped") && try_step(step, rest))
            return;
        if (stopped)
            give_up(line, whole, "the command stopped");
        if (has_ended) {
            snprintf(why, sizeof(why), "the command ended (%s %d)",
                     WIFEXITED(end_status) ? "status" : "signal",
                     WIFEXITED(end_status) ? WEXITSTATUS(end_status) : WTERMSIG(end_status));
            for (int i = 0; i < 4; i++)
                take_output();
            if (!strcmp(step, "expect") && try_step(step, rest))
                return;
            give_up(line, whole, why);
        }
    }
    give_up(line, whole, "waited in vain");
}

static void start_command(char **argv)
{
    struct winsize size = {.ws_row = 25, .ws_col = 80};

    if (openpty(&master, &slave, NULL, NULL, &size) || tcgetattr(slave, &shell_settings))
        die("openpty");
    /* The shell: leader of a session whose terminal this is. */
    setsid();
    if (ioctl(slave, TIOCSCTTY, 0))
        die("the terminal");
    signal(SIGTTOU, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    command = fork();
    if (command < 0)
        die("fork");
    if (!command) {
        setpgid(0, 0);
        tcsetpgrp(slave, getpid());
        signal(SIGTTOU, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        signal(SIGINT, SIG_DFL); /* ignored where this runs in the background of a script */
        signal(SIGQUIT, SIG_DFL);
        dup2(slave, 0);
        dup2(slave, 1);
        dup2(slave, 2);
        close(slave);
        close(master);
        execvp(argv[0], argv);
        _exit(127);
    }
    setpgid(command, command);
    give_terminal(command);
}

int main(int argc, char **argv)
{
    char line[4096];
    unsigned number = 0;
    FILE *made;

    if (argc < 4) {
        fprintf(stderr, "usage: drive OUTPUT SECONDS COMMAND [ARGUMENT...] <SCRIPT\n");
        return 2;
    }
    made = fopen(argv[1], "w");
    if (!made)
        die(argv[1]);
    output = fileno(made);
    patience = atof(argv[2]);
    if (getpid() == getpgrp() && fork()) { /* a leader of a group cannot begin a session */
        int status;

        wait(&status);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    start_command(argv + 3);
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        number++;
        if (line[0] && line[0] != '#')
            do_step(number, line);
    }
    if (!has_ended)
        give_up(number, "", "the script ended before the command");
    if (!is_cooked())
        give_up(number, "", "the terminal was left in another state");
    return 0;
}
